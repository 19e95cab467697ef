/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline/check.h: is the store still what was put into it, who needs what is not, and where to get it again. */
#ifndef VL_PIPELINE_CHECK_H
#define VL_PIPELINE_CHECK_H

#include "pipeline/pipeline.h"

struct vl_need { /* who needs a blob */
	char channel[65];
	uint64_t sequence;
	char *item, *title; /* owned; item "": the snapshot itself; title "": none */
};
struct vl_fault {
	struct vl_digest digest;
	uint64_t size;
	bool missing, mended;
	char why[200]; /* "the content is not what its name says" */
	struct vl_need *need;
	size_t n, cap;
};
struct vl_check_opts {
	const char *const *from;  /* bundles, stores, OCI layouts to mend from, NULL-terminated; NULL: only look */
	const char *const *trust; /* public key files instead of the store's, as for unpack; or NULL */
	bool all;                 /* every generation, not only the current one */
};
struct vl_check_report {
	struct vl_fault *fault; /* each blob once, documents first */
	size_t n, cap, mended;
	char **text; /* faults that are not one blob's */
	size_t n_text, cap_text;
	uint64_t blobs, bytes; /* looked at */
};
void vl_check_report_clear(struct vl_check_report *r);
VL_DEFINE_CLEAN(vl_check_report)
/* Hashes every blob once. A store that is to be mended is open for writing. What was found is in the report, also when
 * nothing could be mended: false only when there is no going on. A source that is no use is a warning. */
VL_MUST bool vl_check_store(struct vl_store *s, const struct vl_check_opts *o, const struct vl_env *env,
			    struct vl_check_report *r, struct vl_err *e);

#endif
