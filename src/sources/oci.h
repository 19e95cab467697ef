/* SPDX-License-Identifier: Apache-2.0 */
/* sources/oci.h: pull an artifact of one layer from the first registry that has it whole. Private to sources/. */
#ifndef VL_SOURCES_OCI_H
#define VL_SOURCES_OCI_H

#include "sources/registry.h"

struct vl_pull;
struct vl_pull_rules {
	const char *label;         /* the item's name */
	const char *default_tag;   /* for references without tag and digest */
	const char *artifact_type; /* wanted in an index of several; not enforced here */
	/* Accepts or refuses a manifest before its layer is fetched: VL_E_TYPE. */
	bool (*check)(const struct vl_doc *manifest, struct vl_err *e);
};

/* A document or blob on its way from a candidate; its URL is made for it. */
struct vl_fetching {
	struct vl_request get;
	char *url;
	const char *urls[2];
	struct vl_pull *pull;
};
struct vl_pull {
	struct vl_work *work;
	const struct vl_pull_rules *rules;
	const struct vl_cached *known; /* or NULL */
	struct vl_candidates from;
	size_t at;
	struct vl_fetching top, child, config, layer;
	char part[80];
	/* results */
	bool ok, unchanged;          /* unchanged: known is what upstream still has */
	const char *ref;             /* the candidate's that served it */
	struct vl_doc doc;           /* the manifest */
	struct vl_buf text;          /* its bytes */
	struct vl_digest upstream;   /* of what the reference names: index or manifest */
	uint64_t moved;
	struct vl_err err;           /* when !ok */
};
/* refs: NULL-terminated. Adds the first request; the rest follows by itself. */
VL_MUST bool vl_pull_begin(struct vl_pull *p, struct vl_work *work, const struct vl_pull_rules *rules,
			   const char *const *refs, const struct vl_cached *known, struct vl_err *e);
/* The validators of the top document. */
void vl_pull_note(const struct vl_pull *p, struct vl_cached *c);
void vl_pull_clear(struct vl_pull *p);

#endif
