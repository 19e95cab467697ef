/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline/turn.h: what unpack and rollback do alike on the way to the next generation. */
#ifndef VL_PIPELINE_TURN_H
#define VL_PIPELINE_TURN_H

#include "pipeline/pipeline.h"

struct vl_turn { /* borrowed */
	struct vl_store *store;
	const struct vl_env *env;
	bool no_place;
	unsigned keep;
	const struct vl_target *target;
	size_t n_target;
};
/* Room for so many bytes and a little more: VL_E_NOSPACE, "<what> 4.7 GB in STORE, but only 1 GB is free". */
VL_MUST bool vl_turn_room(const struct vl_store *s, uint64_t need, const char *what, struct vl_err *e);
/* The waybill and signatures of a channel that lie in this generation, copied into a new one. None: fine. */
VL_MUST bool vl_turn_papers(const struct vl_store *s, uint64_t from, const char *channel, int to, struct vl_err *e);
/* The places of a new generation, after a look at the space. */
VL_MUST bool vl_turn_places(const struct vl_turn *t, struct vl_newgen *n, struct vl_err *e);
/* After the commit, and again whenever the same is asked for: all of it can be repeated. */
VL_MUST bool vl_turn_forward(const struct vl_turn *t, struct vl_err *e);

#endif
