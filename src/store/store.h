/* SPDX-License-Identifier: Apache-2.0 */
/* store/store.h: an OCI image layout with generations (doc/format.md "The store").
 *
 *   oci-layout  blobs/sha256/<hex>  index.json -> current/index.json  current -> generations/000042
 *   generations/000042/{index.json, <channel>.waybill.json, <channel>.waybill.json.*minisig, places/...}
 *   state/{high.json,placed.json,issued.json}  staging/  fetch/  trust/  lock
 *
 * One rename of `current` is the only commit. A blob's name is the digest of its content; blobs are only added. */
#ifndef VL_STORE_STORE_H
#define VL_STORE_STORE_H

#include "base/env.h"
#include "store/oci.h"

struct vl_store;

enum vl_store_mode {
	VL_STORE_READ = 1, /* no lock; must exist */
	VL_STORE_WRITE,    /* lock, recovery; made when it does not exist */
};
/* Refuses a directory that is not empty and not a store, and file systems without links (vfat, exfat, ntfs). lock_wait:
 * seconds. Recovery (WRITE only): generations above `current` and foreign staging are removed. env is borrowed. */
VL_MUST bool vl_store_open(struct vl_store **out, const char *path, enum vl_store_mode mode, unsigned lock_wait,
			   const struct vl_env *env, struct vl_err *e);
void vl_store_free(struct vl_store *s);
VL_DEFINE_AUTO(vl_store)
const char *vl_store_path(const struct vl_store *s); /* absolute */
int vl_store_dir(const struct vl_store *s);          /* borrowed descriptor of the top */
/* A sub-directory ("fetch", "trust", "state", "staging"), made when absent in WRITE mode. *fd: the caller closes. */
VL_MUST bool vl_store_subdir(struct vl_store *s, const char *name, int *fd, struct vl_err *e);

/* ---- blobs ---- */
/* Present with this size (content is not read). */
bool vl_store_has(const struct vl_store *s, const struct vl_digest *d, uint64_t size);
/* For streaming: regular file of exactly this size, or VL_E_STORE. The caller closes. */
VL_MUST bool vl_store_open_blob(const struct vl_store *s, const struct vl_digest *d, uint64_t size, int *fd,
				struct vl_err *e);
/* A whole small blob, hashed and compared. Longer than out->max: VL_E_LIMIT. */
VL_MUST bool vl_store_get(const struct vl_store *s, const struct vl_digest *d, uint64_t size, struct vl_buf *out,
			  struct vl_err *e);
VL_MUST bool vl_store_put(struct vl_store *s, struct vl_bytes b, struct vl_digest *d, struct vl_err *e);
/* The blob's content hashed again: *good is the verdict. */
VL_MUST bool vl_store_check_blob(const struct vl_store *s, const struct vl_digest *d, uint64_t size, bool *good,
				 struct vl_err *e);

/* A blob in the making: staging/<something>.part until finish. Many may be open at once (each one descriptor). */
struct vl_blob {
	struct vl_store *store; /* borrowed */
	int fd;
	char name[80];
	struct vl_sha256 *sha;
	uint64_t hashed; /* bytes hashed so far: writes in order need no second reading */
	uint64_t end;    /* highest offset written */
};
#define VL_BLOB_INIT { .fd = -1 }
/* size: announced bytes, reserved with fallocate when > 0 (VL_E_NOSPACE early). */
VL_MUST bool vl_blob_begin(struct vl_blob *b, struct vl_store *s, uint64_t size, struct vl_err *e);
VL_MUST bool vl_blob_write(struct vl_blob *b, uint64_t offset, struct vl_bytes bytes, struct vl_err *e);
/* Hashes what was not hashed on the way (out-of-order writes), compares with `want` when not NULL (VL_E_DIGEST), fsync,
 * 0444, rename into blobs/. A damaged blob of the same name there is replaced, a good one is kept. Fills digest and
 * size (each may be NULL). */
VL_MUST bool vl_blob_finish(struct vl_blob *b, const struct vl_digest *want, struct vl_digest *digest, uint64_t *size,
			    struct vl_err *e);
void vl_blob_clear(struct vl_blob *b); /* drops an unfinished one */
VL_DEFINE_CLEAN(vl_blob)
/* A finished file (by descriptor, from its start) becomes a blob by copying. */
VL_MUST bool vl_store_put_fd(struct vl_store *s, int fd, struct vl_digest *d, uint64_t *size, struct vl_err *e);
/* A finished file of a directory in the same store (fetch/) becomes a blob by one rename, after it was hashed and
 * compared: VL_E_DIGEST, VL_E_SIZE. Gone from dir in the end, unless something failed. */
VL_MUST bool vl_store_adopt(struct vl_store *s, int dir, const char *name, const struct vl_digest *want, uint64_t size,
			    struct vl_err *e);
/* fsync of the blob directories: before a generation refers to what was added. */
VL_MUST bool vl_store_sync(struct vl_store *s, struct vl_err *e);

/* ---- closure ---- */
struct vl_reached { /* one blob of a closure, each digest once, in the order: index, manifests, then content */
	struct vl_digest digest;
	uint64_t size;
	bool is_doc;          /* an index or manifest */
	unsigned depth;       /* of a document: the least, 1 for the root */
	uint32_t node;        /* private to the walk */
	const char *item, *media_type, *title; /* of the first reference; "" when none; owned by the closure */
};
struct vl_closure {
	struct vl_reached *blob; /* sorted: documents first, by depth; then by item, media type, title, digest */
	size_t n, cap;
	uint64_t bytes;          /* sum of the sizes */
	uint64_t items;          /* children of the root */
	char **strings;          /* private */
	size_t n_strings, cap_strings;
};
void vl_closure_clear(struct vl_closure *c);
VL_DEFINE_CLEAN(vl_closure)
/* Limits of doc/format.md section 8 that writer, verify and unpack must share. Documents are indexes and manifests: the
 * distinct ones that an item reaches, and their sum over all items. */
#define VL_ITEM_DOCUMENTS_MAX 4096u
#define VL_ITEM_DOCUMENT_BYTES_MAX (UINT64_C(256) << 20)
#define VL_DOCUMENTS_MAX 65536u
#define VL_DOCUMENT_BYTES_MAX (UINT64_C(1) << 30)
#define VL_INDEX_DEPTH_MAX 8u          /* the root has depth 1 */
#define VL_BLOBS_MAX 1000000u          /* of one snapshot */
#define VL_BLOB_MAX (UINT64_C(1) << 40) /* bytes of one blob */
/* Everything the root index reaches. Documents are read, hashed and parsed; content blobs must be there with their size
 * (VL_E_CLOSURE names what is missing, and the item that needs it). The limits above: VL_E_LIMIT. The same digest with
 * two sizes, the same document with two media types: VL_E_CLOSURE. A document may be named any number of times. */
VL_MUST bool vl_store_closure(const struct vl_store *s, const struct vl_digest *root, uint64_t size,
			      struct vl_closure *out, struct vl_err *e);
/* The root index itself, parsed: one child per item. */
VL_MUST bool vl_store_snapshot(const struct vl_store *s, const struct vl_digest *root, uint64_t size,
			       struct vl_doc *out, struct vl_err *e);

/* ---- the content of an item ---- */
struct vl_docs { /* where documents come from: a store, or the first parcel of a bundle */
	bool (*get)(const void *ctx, const struct vl_desc *d, struct vl_doc *out, struct vl_err *e);
	const void *ctx;
};
struct vl_docs vl_docs_of_store(const struct vl_store *s); /* borrows s */
/* Calls f for each content blob (layer) of each document that an item's descriptor reaches: documents breadth first,
 * each once, their layers in document order. Bounded in depth, documents and their bytes as above (VL_E_LIMIT). */
typedef bool vl_layer_fn(void *ctx, const struct vl_desc *layer, struct vl_err *e);
VL_MUST bool vl_item_layers(const struct vl_docs *docs, const struct vl_desc *item, vl_layer_fn *f, void *ctx,
			    struct vl_err *e);

/* ---- generations ---- */
struct vl_channel { /* what a generation holds of one channel */
	char name[65];
	uint64_t epoch, sequence;
	struct vl_digest root; /* the snapshot's index */
	uint64_t root_size;
	int64_t created, expires; /* of the waybill, seconds; expires 0: none (a snapshot that was only fetched) */
	int64_t installed;        /* when this host took it in */
	int64_t again;            /* when a rollback put it back; 0: none did */
	bool sealed;              /* came by a signed waybill */
	struct vl_digest waybill; /* sha256 of waybill.json; only when sealed */
	char signers[VL_DIGEST_HEX * 5]; /* key ids, separated by blanks; only when sealed */
};
struct vl_generation {
	uint64_t number; /* 0: the store is empty */
	struct vl_channel *channel; /* sorted by name */
	size_t n;
};
void vl_generation_clear(struct vl_generation *g);
VL_DEFINE_CLEAN(vl_generation)
/* The current one. An empty store gives number 0. */
VL_MUST bool vl_store_current(const struct vl_store *s, struct vl_generation *g, struct vl_err *e);
const struct vl_channel *vl_generation_find(const struct vl_generation *g, const char *channel);
/* Adds or replaces a channel in the value. */
void vl_generation_set(struct vl_generation *g, const struct vl_channel *c);

/* The next generation in the making: a directory in staging that nothing refers to. */
struct vl_newgen {
	struct vl_store *store;
	struct vl_generation want;
	int dir; /* the directory: callers add files (waybill, places) before commit */
	char temp[64];
};
#define VL_NEWGEN_INIT { .dir = -1 }
/* want is copied, its number is set to current + 1; index.json is written from it: per channel the root's descriptor
 * with ref.name "<channel>", and each item's with "<channel>/<item>", so that skopeo reads oci:STORE:prod/osv. */
VL_MUST bool vl_newgen_open(struct vl_newgen *n, struct vl_store *s, const struct vl_generation *want,
			    struct vl_err *e);
/* Everything below it synced, renamed into generations/, parent synced; then `before` (may be NULL) runs: the place to
 * make high.json durable; then the commit: one rename of `current`, synced. */
VL_MUST bool vl_newgen_commit(struct vl_newgen *n, bool (*before)(void *ctx, struct vl_err *e), void *ctx,
			      struct vl_err *e);
void vl_newgen_clear(struct vl_newgen *n);
VL_DEFINE_CLEAN(vl_newgen)
/* The numbers of all generations that are still there, ascending; the caller frees *out. */
VL_MUST bool vl_store_numbers(const struct vl_store *s, uint64_t **out, size_t *n, struct vl_err *e);
/* One of them. VL_E_ABSENT: there is no such generation. */
VL_MUST bool vl_store_load_generation(const struct vl_store *s, uint64_t number, struct vl_generation *g,
				      struct vl_err *e);
/* Opens generations/<number>. */
VL_MUST bool vl_store_generation_dir(const struct vl_store *s, uint64_t number, int *fd, struct vl_err *e);
/* Removes the places/ of all but the newest `keep` generations (at least 1: the current one), so that old copies do not
 * pile up. */
VL_MUST bool vl_store_trim(struct vl_store *s, unsigned keep, struct vl_err *e);

/* ---- gc ---- */
struct vl_gc_report {
	uint64_t generations, blobs, bytes, files; /* removed, or would be; files: leftovers in fetch/ */
	uint64_t kept_generations, kept_blobs, kept_bytes;
};
/* Removes all generations but the newest `keep` (at least 1: the current one), every blob that none of the kept ones
 * reaches, and what interrupted downloads left behind longer than a week ago. A kept generation that is damaged stops
 * it before anything is removed (VL_E_STORE, VL_E_CLOSURE). dry_run: counts only. */
VL_MUST bool vl_store_gc(struct vl_store *s, unsigned keep, bool dry_run, const struct vl_env *env,
			 struct vl_gc_report *out, struct vl_err *e);

/* ---- state ---- */
struct vl_high { /* what a channel has ever accepted; never goes down */
	char name[65];
	uint64_t epoch, sequence;
	struct vl_digest waybill;
};
struct vl_state { /* state/high.json */
	struct vl_high *high;
	size_t n;
	int64_t time_floor; /* newest accepted `created` */
};

void vl_state_clear(struct vl_state *s);
VL_DEFINE_CLEAN(vl_state)
/* Absent in a store that never sealed anything: empty. Absent or damaged although a generation is sealed: VL_E_STATE.
 */
VL_MUST bool vl_store_state_load(const struct vl_store *s, struct vl_state *out, struct vl_err *e);
VL_MUST bool vl_store_state_save(struct vl_store *s, const struct vl_state *st, struct vl_err *e);
const struct vl_high *vl_state_find(const struct vl_state *s, const char *channel);
void vl_state_set(struct vl_state *s, const struct vl_high *h);
/* `created` of a bundle taken in at `now` may raise the floor: not when it is more than 7 days ahead of a clock that
 * can be right. */
void vl_state_raise_floor(struct vl_state *s, int64_t created, int64_t now);
/* Rebuilds high.json from the sealed generations that are still there (fsck). */
VL_MUST bool vl_store_state_rebuild(struct vl_store *s, struct vl_state *out, struct vl_err *e);

/* state/issued.json, connected side: the highest sequence number ever signed per channel; never reused. 0: none. */
VL_MUST bool vl_store_issued(const struct vl_store *s, const char *channel, uint64_t *sequence, struct vl_err *e);
VL_MUST bool vl_store_set_issued(struct vl_store *s, const char *channel, uint64_t sequence, struct vl_err *e);

#endif
