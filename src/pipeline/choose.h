/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline/choose.h: what verify.c and unpack.c share: whom to trust, which bundle, and words about the store. */
#ifndef VL_PIPELINE_CHOOSE_H
#define VL_PIPELINE_CHOOSE_H

#include "pipeline/pipeline.h"

struct vl_choice { /* every bundle found was verified; this one is to be taken */
	struct vl_carried_list found;
	struct vl_checked *best;
};
void vl_choice_clear(struct vl_choice *c);
VL_DEFINE_CLEAN(vl_choice)

/* The key files of this run, each enough alone; without any, the store's set. s may be NULL with key files. */
VL_MUST bool vl_choose_trust(struct vl_trust *t, const struct vl_unpack_opts *o, const struct vl_store *s,
			     const struct vl_env *env, struct vl_err *e);
/* Fails closed: one bad bundle among those found is an error that names it. The highest sequence of the one channel. */
VL_MUST bool vl_choose_bundle(struct vl_choice *out, const struct vl_unpack_opts *o, const struct vl_trust *t,
			      const struct vl_env *env, struct vl_err *e);
/* Opens the store for reading when there is one; else *out = NULL. */
VL_MUST bool vl_choose_store(struct vl_store **out, const struct vl_unpack_opts *o, const struct vl_env *env,
			     struct vl_err *e);
/* All parcels and the closure of their content, without writing. */
VL_MUST bool vl_choose_rehearse(const struct vl_checked *c, struct vl_parcel_report *report, const struct vl_env *env,
				struct vl_err *e);
struct vl_admission vl_choose_admission(const struct vl_unpack_opts *o);
void vl_choose_report(struct vl_unpack_report *r, const struct vl_checked *c);
/* "prod 41, test 3", or "empty". */
const char *vl_generation_words(const struct vl_generation *g, char out[static 120]);

#endif
