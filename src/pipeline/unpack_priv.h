/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline/unpack_priv.h: one run of unpack, shared by unpack.c and seal.c. */
#ifndef VL_PIPELINE_UNPACK_PRIV_H
#define VL_PIPELINE_UNPACK_PRIV_H

#include "pipeline/choose.h"
#include "pipeline/turn.h"

struct unpack {
	const struct vl_unpack_opts *o;
	const struct vl_env *env;
	struct vl_unpack_report *r;
	struct vl_store *store; /* NULL only in a dry run without a store */
	struct vl_generation was;
	struct vl_state state;
	struct vl_trust trust;
	struct vl_choice choice;
	const struct vl_checked *checked; /* choice.best */
	bool sealing; /* the commit may have happened */
};

static inline struct vl_turn vl_unpack_turn(const struct unpack *u)
{
	return (struct vl_turn){ .store = u->store, .env = u->env, .no_place = u->o->no_place, .keep = u->o->keep,
				 .target = u->o->target, .n_target = u->o->n_target };
}
/* Room for what is carried, before anything is read: VL_E_NOSPACE in words. */
VL_MUST bool vl_unpack_space(const struct unpack *u, struct vl_err *e);
/* The blobs are there: the generation, its papers and places, the high-water mark, the commit. */
VL_MUST bool vl_unpack_seal(struct unpack *u, struct vl_err *e);

#endif
