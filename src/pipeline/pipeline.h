/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline/pipeline.h: the flows, each readable on one screen. pack.c and unpack.c never include each other; with
 * --disable-pack only unpack.c is built. */
#ifndef VL_PIPELINE_PIPELINE_H
#define VL_PIPELINE_PIPELINE_H

#include "place/place.h"
#include "store/store.h"
#include "verify/verify.h"

struct vl_conf;
struct vl_packlist;

/* ---- connected side (pack.c) ---- */
struct vl_fetch_opts {
	const char *store, *packlist; /* paths; packlist default "valise.yaml" */
	const char *channel;          /* NULL: the packing list's */
	const char *const *only;      /* item names or NULL */
	bool keep_going, dry_run;
	unsigned lock_wait;
	/* dry_run: called for every item that would be asked for; may be NULL. The name is the packing list's own. */
	bool (*would_ask)(void *ctx, const char *item, const char *type, struct vl_err *e);
	void *would_ctx;
};
struct vl_fetch_report {
	char channel[65];
	uint64_t sequence;     /* of the channel's snapshot now */
	bool changed;          /* a new snapshot was made */
	size_t items, failed;
	uint64_t downloaded, requests, bytes; /* over the wire; size of the snapshot */
};
/* Items -> store -> the channel's next snapshot (committed as a generation). Unchanged: no new snapshot. Failing items:
 * without keep_going nothing is committed and the first item's error is returned; with it the failing items keep their
 * previous content (or are left out) and the caller exits 3 when failed > 0. */
VL_MUST bool vl_fetch(const struct vl_fetch_opts *o, const struct vl_conf *conf, const struct vl_env *env,
		      struct vl_fetch_report *r, struct vl_err *e);

struct vl_pack_opts {
	struct vl_fetch_opts fetch;
	bool no_fetch, unsigned_, no_read_back;
	const char *out;               /* directory */
	const char *const *keys;       /* secret key files, NULL-terminated; at least one unless unsigned_ */
	vl_ask_password *ask;          /* NULL: never asked */
	void *ask_ctx;
	int level;                     /* 0: auto */
	int64_t expires;               /* seconds of validity; 0: the packing list's */
	uint64_t sequence;             /* 0: the next one */
	int64_t created;               /* 0: env->now; SOURCE_DATE_EPOCH */
};
struct vl_pack_report {
	struct vl_fetch_report fetch;
	char *path;                /* of the bundle; the caller frees */
	struct vl_digest waybill;
	uint64_t sequence, parcels, carried, raw; /* bytes on the medium; bytes before compression */
	int64_t expires;
};
/* Fetch (unless no_fetch), plan, compress, write, sign, read back. Keys are opened before anything is fetched. With
 * failing items nothing is signed unless keep_going. dry_run: what would be carried, nothing written; `carried` is an
 * estimate from compressing samples. */
VL_MUST bool vl_pack(const struct vl_pack_opts *o, const struct vl_conf *conf, const struct vl_env *env,
		     struct vl_pack_report *r, struct vl_err *e);

/* ---- isolated side (unpack.c) ---- */
struct vl_unpack_opts {
	/* verify: may be NULL or absent, then only `trust` counts and no sequence is compared */
	const char *store;
	const char *const *paths;      /* NULL-terminated */
	/* public key files for this run instead of the store's, NULL-terminated, or NULL */
	const char *const *trust;
	const char *channel;           /* NULL: any */
	const struct vl_digest *require_waybill;
	bool accept_expired, accept_jump, no_place, dry_run;
	uint64_t allow_rollback;
	unsigned lock_wait;
	unsigned keep;                  /* generations that keep their places; 0 is 1 */
	const struct vl_target *target; /* places outside the store */
	size_t n_target;
	void (*fault)(void *ctx, const struct vl_err *e); /* verify: each damaged file; may be NULL */
	void *fault_ctx;
};
struct vl_unpack_report {
	struct vl_channel was, now;    /* was.name empty: the channel is new here */
	bool already;                  /* the same bundle is installed; places were looked after */
	struct vl_digest waybill;
	char signers[VL_DIGEST_HEX * 5];
	uint64_t items, blobs, bytes, parcels, carried;
	size_t faults;                 /* verify */
};
/* Which bundle: of everything found under paths, each must verify; the highest sequence of the (one) channel is
 * taken. */
VL_MUST bool vl_verify(const struct vl_unpack_opts *o, const struct vl_env *env, struct vl_unpack_report *r,
		       struct vl_err *e);
/* verify -> space check -> blobs -> closure -> generation with places -> high.json -> commit -> targets. e->state
 * says what the store holds: "store unchanged (prod 41)". */
VL_MUST bool vl_unpack(const struct vl_unpack_opts *o, const struct vl_env *env, struct vl_unpack_report *r,
		       struct vl_err *e);

/* ---- back to an older state of a channel (rollback.c) ---- */
struct vl_rollback_opts {
	const char *store;
	const char *channel; /* NULL: the only one */
	uint64_t sequence;   /* 0: the one before the current one */
	bool accept_expired, dry_run;
	unsigned lock_wait, keep;
	const struct vl_target *target;
	size_t n_target;
};
struct vl_rollback_report {
	struct vl_channel was, now;
	bool already;        /* it is the current one; places were looked after */
	uint64_t generation; /* whose state it is */
	uint64_t high;       /* the highest sequence ever accepted; 0: none */
	uint64_t items, blobs, bytes;
};
/* A new generation in which the channel is as it was; the others stay. Its blobs must still be there (VL_E_CLOSURE,
 * VL_E_ABSENT when gc has removed it). The high-water mark stays: what is older than that is refused as before. */
VL_MUST bool vl_rollback(const struct vl_rollback_opts *o, const struct vl_env *env, struct vl_rollback_report *r,
			 struct vl_err *e);

#endif
