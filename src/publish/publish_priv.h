/* SPDX-License-Identifier: Apache-2.0 */
/* publish/publish_priv.h: what the files of this folder share.
 * A run (struct vl_pub) has names, in repositories. What is not there as it should be is pushed in batches of a few
 * repositories; a batch goes from stage to stage: look at documents, look at blobs, send blobs, put documents, put what
 * is attached, put tags. A stage is many requests at once and ends when all are answered. */
#ifndef VL_PUBLISH_PUBLISH_PRIV_H
#define VL_PUBLISH_PUBLISH_PRIV_H

#include "base/text.h"
#include "publish/publish.h"
#include "store/digests.h"

struct vl_pub;

/* ---- task.c: one chain of requests at a time each ---- */
struct vl_task {
	struct vl_request req;
	struct vl_pub *pub;
	struct vl_task *prev, *next;
	size_t i;             /* what it is about: the stage knows */
	const char *item;     /* for messages; set before the first request */
	size_t at, end;       /* the stage's own */
	unsigned tries;
	bool flag;            /* the stage's own */
	int fd;               /* -1, or a blob to send */
	struct vl_buf body;   /* a document to put */
	char *url, *scope;
	const char *urls[2];
	bool asked;           /* goes on with another request */
	bool (*answer)(struct vl_task *t, struct vl_err *e);
};
typedef bool vl_task_fn(struct vl_task *t, struct vl_err *e);

/* Runs begin() for 0 .. count - 1, a few at a time; a begin() or answer() that fails ends the stage, after what is
 * under way. begin() asks, or is done at once. */
VL_MUST bool vl_pub_stage(struct vl_pub *p, size_t count, vl_task_fn *begin, struct vl_err *e);
/* The next request of a task: takes url. The rest of t->req may be filled behind it, until the task's function
 * returns. */
struct vl_request *vl_task_ask(struct vl_task *t, enum vl_method method, char *url, vl_task_fn *answer);
/* ".../v2/REPOSITORY/KIND/WHAT" */
char *vl_pub_url(const struct vl_pub *p, size_t repo, const char *kind, const char *what);
char *vl_pub_scope(const struct vl_pub *p, size_t repo);
/* Of a HEAD or GET: there, not there (404), or a failure. */
VL_MUST bool vl_task_there(const struct vl_task *t, bool *there, struct vl_err *e);
#define VL_PUB_ACCEPT VL_MT_INDEX ", " VL_MT_MANIFEST ", " VL_MT_DOCKER_LIST ", " VL_MT_DOCKER_MANIFEST

/* ---- the run ---- */
struct vl_pub_repo {
	char *name;           /* with the prefix */
	size_t first, n;      /* its names */
	bool work;            /* one of them is not there */
};
struct vl_pub_name {
	const struct vl_offer *offer;
	size_t repo;
	bool there;
	char *text;           /* "registry.corp:5000/security/semgrep:5" */
};
struct vl_pub_doc { /* of a batch */
	size_t repo;
	struct vl_desc desc;
	const char *item;
	bool attached, there, put;
	bool known_subject;   /* the registry said that it heard of `subject` */
	bool below;           /* what is below it was added to the batch */
	unsigned level;       /* 0: not known yet; 1: a manifest; 2: an index of manifests .. */
};
struct vl_pub_blob { /* of a batch */
	size_t repo;
	struct vl_digest digest;
	uint64_t size;
	const char *item;
	bool there;
};
struct vl_pub_send { /* one digest that is missing in blob[first .. first + n) */
	size_t first, n;
	bool checked;         /* its bytes were hashed in this run */
};
struct vl_pub {
	const struct vl_publish_job *job;
	struct vl_net *net;
	struct vl_publish_report *r;
	const char *scheme;
	char *host, *prefix;  /* prefix may be "" */
	struct vl_pub_repo *repo;
	size_t n_repo, cap_repo;
	struct vl_pub_name *name;
	size_t n_name, cap_name;
	/* where in the registry a blob is known to be */
	struct vl_digests known;
	uint32_t *known_repo;
	size_t cap_known;
	/* the stage */
	struct vl_task *live;
	size_t next, count;
	size_t from;          /* of the stage: its thing 0 */
	bool put_attached;    /* of the stage */
	void *lists;          /* of the stage in refer.c */
	unsigned put_level, under_way;
	vl_task_fn *begin;
	bool failed;
	struct vl_err err;
	/* the batch: the keys of `seen` have the same numbers as the arrays */
	struct vl_digests seen_doc, seen_blob;
	struct vl_pub_doc *doc;
	size_t n_doc, cap_doc;
	struct vl_pub_blob *blob;
	size_t n_blob, cap_blob;
	struct vl_pub_send *send;
	size_t n_send, cap_send;
};
void vl_pub_clear(struct vl_pub *p);
VL_DEFINE_CLEAN(vl_pub)
void vl_pub_batch_clear(struct vl_pub *p);

/* ---- names.c ---- */
/* Which names there are, and which of them are there already. */
VL_MUST bool vl_pub_plan(struct vl_pub *p, struct vl_err *e);
/* Is anybody there. */
VL_MUST bool vl_pub_greet(struct vl_pub *p, struct vl_err *e);
VL_MUST bool vl_pub_look_names(struct vl_pub *p, struct vl_err *e);

/* ---- look.c: the documents and blobs of names [a, b), and which of them are there ---- */
VL_MUST bool vl_pub_look(struct vl_pub *p, size_t a, size_t b, struct vl_err *e);
/* The document of a batch, or NULL. */
struct vl_pub_doc *vl_pub_find_doc(struct vl_pub *p, size_t repo, const struct vl_digest *d);
void vl_pub_know(struct vl_pub *p, const struct vl_digest *d, size_t repo);
bool vl_pub_known(const struct vl_pub *p, const struct vl_digest *d, size_t *repo);

/* ---- send.c ---- */
VL_MUST bool vl_pub_send(struct vl_pub *p, struct vl_err *e);

/* ---- put.c ---- */
VL_MUST bool vl_pub_put_docs(struct vl_pub *p, bool attached, struct vl_err *e);
VL_MUST bool vl_pub_put_tags(struct vl_pub *p, size_t a, size_t b, bool attached, struct vl_err *e);
/* The registry's digest of what it was given. */
VL_MUST bool vl_task_same_digest(const struct vl_task *t, const struct vl_digest *want, struct vl_err *e);

/* ---- refer.c ---- */
/* The lists of what is attached, of names [a, b), for registries that do not keep them themselves. */
VL_MUST bool vl_pub_refer(struct vl_pub *p, size_t a, size_t b, struct vl_err *e);

#endif
