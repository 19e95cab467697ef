/* SPDX-License-Identifier: Apache-2.0 */
/* sources/registry.h: where a reference can be asked for, and what an answer must be to be believed. Private to
 * sources/. */
#ifndef VL_SOURCES_REGISTRY_H
#define VL_SOURCES_REGISTRY_H

#include "packlist/ref.h"
#include "sources/work.h"

/* What manifests are asked for with. */
#define VL_ACCEPT_DOCS VL_MT_INDEX ", " VL_MT_MANIFEST ", " VL_MT_DOCKER_LIST ", " VL_MT_DOCKER_MANIFEST

/* One registry to ask. */
struct vl_candidate {
	char *ref;     /* as in the packing list: host/name:tag */
	char *base;    /* "https://host"; of docker.io its API's host */
	char *name;    /* "aquasec/trivy-db" */
	char *version; /* tag or digest */
	bool passed;   /* the caller's: it has not what was asked for first, or cannot be reached */
};
struct vl_candidates {
	struct vl_candidate *v;
	size_t n, cap;
};
/* A reference with its mirrors in front. default_tag is for references without tag and digest. */
VL_MUST bool vl_candidates_add(struct vl_candidates *c, const struct vl_conf *conf, const char *reference,
			       const char *default_tag, struct vl_err *e);
void vl_candidates_clear(struct vl_candidates *c);
/* Whose URL this is; NULL: nobody's. */
struct vl_candidate *vl_candidates_find(const struct vl_candidates *c, const char *url);
/* "https://host/v2/NAME/KIND/WHAT" of one, with kind "manifests", "blobs" or "referrers"; the caller frees. */
char *vl_candidate_url(const struct vl_candidate *c, const char *kind, const char *what);
/* Of all; the caller frees: vl_texts_free(). */
char **vl_candidates_urls(const struct vl_candidates *c, const char *kind, const char *what);

/* The body has the digest that was asked for (when `wanted` is one and no tag), and the one that was announced. */
VL_MUST bool vl_answer_check(const struct vl_request *g, const char *wanted, struct vl_err *e);
/* The same, and it is a document. media_type: as its descriptor says, or NULL. */
VL_MUST bool vl_answer_parse(const struct vl_request *g, const char *wanted, const char *media_type,
			     struct vl_doc *doc, struct vl_err *e);

#endif
