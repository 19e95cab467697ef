/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline/packing.h: what fetch.c and pack.c share: the packing list, the store, the channel's snapshot. Private to
 * the connected side of this folder. */
#ifndef VL_PIPELINE_PACKING_H
#define VL_PIPELINE_PACKING_H

#include "packlist/conf.h"
#include "packlist/packlist.h"
#include "pipeline/pipeline.h"

struct vl_packing {
	const struct vl_fetch_opts *o; /* borrowed, as conf and env */
	const struct vl_conf *conf;
	const struct vl_env *env;
	struct vl_packlist *list;
	const char *channel; /* the one asked for, or the list's */
	struct vl_store *store; /* NULL: a dry run that found none */
	struct vl_generation current;
	uint64_t issued; /* highest number ever signed for the channel */
};
#define VL_PACKING_INIT { .list = NULL }
void vl_packing_clear(struct vl_packing *p);
VL_DEFINE_CLEAN(vl_packing)
/* The packing list, and whether what was named on the command line is in it. */
VL_MUST bool vl_packing_begin(struct vl_packing *p, const struct vl_fetch_opts *o, const struct vl_conf *conf,
			      const struct vl_env *env, struct vl_err *e);
/* Locked for writing; a dry run only looks, and an absent store is not an error for it. */
VL_MUST bool vl_packing_open_store(struct vl_packing *p, struct vl_err *e);
/* Items -> snapshot -> generation. */
VL_MUST bool vl_packing_fetch(struct vl_packing *p, struct vl_fetch_report *r, struct vl_err *e);
/* The report of a run that fetches nothing. */
void vl_packing_report(const struct vl_packing *p, struct vl_fetch_report *r);
/* The channel's snapshot, borrowed until the next commit; NULL: none yet. */
const struct vl_channel *vl_packing_snapshot(const struct vl_packing *p);
/* The number that the next bundle of the channel gets. */
uint64_t vl_packing_next_sequence(const struct vl_packing *p);
/* A channel that was unpacked into this very store, or NULL. Such a store takes no fetched snapshots. */
const struct vl_channel *vl_packing_received(const struct vl_packing *p);
/* A generation in which the channel is `c`. */
VL_MUST bool vl_packing_commit(struct vl_packing *p, const struct vl_channel *c, struct vl_err *e);
/* Says in e->state what the store holds; returns false. */
bool vl_packing_failed(const struct vl_packing *p, struct vl_err *e);

#endif
