/* SPDX-License-Identifier: Apache-2.0 */
/* sources/work.h: what a source file needs: its row in the table, one item at work, one wanted file, what is known from
 * the last time. Private to sources/. */
#ifndef VL_SOURCES_WORK_H
#define VL_SOURCES_WORK_H

#include "sources/source.h"

/* ---- a run and its items ---- */
struct vl_blobs;
struct vl_run {
	const struct vl_fetch_job *job;
	struct vl_net *net;
	int fetch_dir, staging_dir;
	bool told_unpinned; /* the warning about items without a pin was given */
	struct vl_blobs *blobs; /* image_blobs.c; NULL while nobody wants any */
};

/* What a source made of its item. The framework adds item, type, source and time. */
struct vl_made {
	struct vl_desc desc; /* with the annotations that only the source knows */
	char *source;        /* for VL_AN_SOURCE; owned; NULL: desc has it already */
	int64_t fetched;     /* when this content was downloaded */
};
void vl_made_clear(struct vl_made *m);
VL_DEFINE_CLEAN(vl_made)

struct vl_work {
	struct vl_run *run;
	const struct vl_source *source;
	const struct vl_item *item;
	const struct vl_desc *previous; /* the item in the previous snapshot, or NULL */
	struct vl_item_result *result;
	bool failed;                    /* result->err says why */
	void *priv;                     /* the source's own */
};

struct vl_source {
	const char *type, *artifact_type;
	/* Adds the downloads that can be told in advance. NULL: none. */
	bool (*begin)(struct vl_work *w, struct vl_err *e);
	/* After all transfers: looks at what came, normalises, stores. */
	bool (*finish)(struct vl_work *w, struct vl_made *out, struct vl_err *e);
	/* Frees priv. NULL: nothing to free. */
	void (*drop)(struct vl_work *w);
};
const struct vl_source *vl_source_find(const char *type);

extern const struct vl_source vl_source_osv, vl_source_trivy_db, vl_source_http, vl_source_dir,
	vl_source_image, vl_source_gitlab_analyzers;

/* The manifest with its empty config into the store; desc gets type, digest, size. */
VL_MUST bool vl_run_put_doc(struct vl_run *run, const struct vl_doc *doc, struct vl_desc *desc, struct vl_err *e);
/* The document and all it names are in the store (sizes, not content). */
bool vl_run_has(const struct vl_run *run, const struct vl_desc *d);
/* Of the run's images: each once. */
void vl_blobs_free(struct vl_blobs *b);
/* A finished download by its name in fetch/; removes it and net's notes. */
VL_MUST bool vl_run_open_part(const struct vl_run *run, const char *part, int *fd, struct vl_err *e);
void vl_run_drop_part(const struct vl_run *run, const char *part);
/* This host stopped or lacks something (a signal, space, memory): neither the file nor its server is to blame. */
bool vl_run_host_failed(enum vl_code code);
/* After a download was looked at: it goes, whatever it was (a wrong one must not be continued next time), unless only
 * this host was at fault: then the next run need not fetch it again. */
void vl_run_settle_part(const struct vl_run *run, const char *part, bool good, const struct vl_err *e);
/* A blob whose content was written to b->fd directly. */
VL_MUST bool vl_run_finish_blob(struct vl_blob *b, struct vl_digest *d, uint64_t *size, struct vl_err *e);
/* 64 hex digits for file names in fetch/: what kind of thing, and which. */
void vl_run_key(const char *kind, const char *which, char out[static VL_DIGEST_HEX]);

/* ---- mirrors.c ---- */
/* The addresses to try for `url`, in order, as complete URLs; NULL-terminated. The caller frees them:
 * vl_texts_free(). */
char **vl_mirrored(const struct vl_conf *conf, const char *url);
void vl_texts_free(char **texts);
void vl_texts_freep(char ***texts);
#define VL_TEXTS __attribute__((cleanup(vl_texts_freep))) char **

/* ---- cache.c: fetch/<key>.json ---- */
struct vl_cached {
	char *etag, *last_modified;
	char *from;  /* hash of the URL they came from */
	char *pin;   /* what it was checked against, or NULL */
	struct vl_digest upstream;
	int64_t fetched;
	struct vl_desc desc; /* what became of it */
};
void vl_cached_clear(struct vl_cached *c);
VL_DEFINE_CLEAN(vl_cached)
/* False: nothing usable is known, which is no error: then it is fetched without validators. */
bool vl_cached_load(const struct vl_run *run, const char *key, struct vl_cached *c);
VL_MUST bool vl_cached_save(const struct vl_run *run, const char *key, const struct vl_cached *c, struct vl_err *e);
/* Takes the validators out of a finished get. */
void vl_cached_note(struct vl_cached *c, const struct vl_request *g);
/* The validators into a get, when one of its URLs is the one they came from. */
void vl_cached_ask(const struct vl_cached *c, struct vl_request *g);

/* ---- wanted.c: one file over HTTP with what is known about it ---- */
struct vl_wanted {
	struct vl_work *work;
	char *label, *url, *pin;
	char **urls;
	char key[VL_DIGEST_HEX], part[80];
	struct vl_cached known;
	bool has_known;
	struct vl_request get;
	/* Makes a blob of the downloaded file. fd is at its start. */
	bool (*take)(struct vl_wanted *w, int fd, struct vl_desc *layer, struct vl_err *e);
	size_t index; /* the source's own */
};
/* label, url and pin (or NULL) are taken over. */
void vl_wanted_init(struct vl_wanted *w, struct vl_work *work, char *label, char *url, char *pin);
void vl_wanted_add(struct vl_wanted *w);
/* What the server has is what we have. */
bool vl_wanted_is_old(const struct vl_wanted *w);
/* layer and time, of now or of last time. */
VL_MUST bool vl_wanted_finish(struct vl_wanted *w, struct vl_desc *layer, int64_t *fetched, struct vl_err *e);
void vl_wanted_clear(struct vl_wanted *w);

/* ---- checksum.c ---- */
/* The digest for `name` in a checksum file: a bare hex digest, or lines "<hex>  name". algorithm points to static
 * text. */
VL_MUST bool vl_checksum_find(const char *text, const char *name, const char **algorithm, char hex[static 129],
			      struct vl_err *e);

#endif
