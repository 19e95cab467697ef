/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline/check_priv.h: one run of fsck, shared by check.c and repair.c. */
#ifndef VL_PIPELINE_CHECK_PRIV_H
#define VL_PIPELINE_CHECK_PRIV_H

#include "pipeline/check.h"
#include "store/digests.h"

struct check {
	struct vl_store *s;
	const struct vl_check_opts *o;
	const struct vl_env *env;
	struct vl_check_report *r;
	struct vl_digests known; /* by number: */
	struct vl_known {
		uint64_t size;
		bool good, fault;
	} *blob;
	size_t n, cap;
	uint64_t left;           /* bytes that were not hashed yet */
	struct vl_digests faults; /* by number: the report's */
};
/* The fault of this blob that is not mended yet, or NULL. */
struct vl_fault *vl_check_wanted(const struct check *k, const struct vl_digest *d);
/* It has its content again. */
void vl_check_mended(struct check *k, struct vl_fault *f);
/* Goes through one source. True also when it was no use. */
VL_MUST bool vl_check_repair(struct check *k, const char *from, struct vl_err *e);

#endif
