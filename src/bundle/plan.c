/* SPDX-License-Identifier: Apache-2.0 */
/* bundle/plan.c: which bytes travel in which parcel.
 * In:    a closure, in its order: documents first, then content, like beside like.
 * Out:   pieces of blobs, and runs of pieces that fill parcels of at most raw_max bytes of tar.
 * Keeps: the same closure gives the same plan; a blob that fits an empty parcel is never cut, so that it can be hashed
 *        while it is read. */
#include "bundle/bundle.h"

#include <stdlib.h>

/* A cut blob does not begin in a rest of a parcel that is smaller than this share of it. */
#define REST_SHARE 16

struct planner {
	struct vl_plan *plan;
	uint64_t budget; /* bytes of entries in one parcel */
	uint64_t used;   /* in the parcel that is open */
};

void vl_plan_clear(struct vl_plan *p)
{
	free(p->piece);
	free(p->parcel);
	*p = (struct vl_plan){ .piece = NULL };
}

static struct vl_parcel_plan *open_parcel(struct planner *pl)
{
	struct vl_plan *p = pl->plan;

	vl_grow(&p->parcel, p->n_parcels, &p->cap_parcels, sizeof *p->parcel);
	p->parcel[p->n_parcels] = (struct vl_parcel_plan){ .first = p->n_pieces, .raw = VL_USTAR_END };
	pl->used = 0;
	return &p->parcel[p->n_parcels++];
}

static void add_piece(struct planner *pl, const struct vl_reached *blob, uint64_t offset, uint64_t len)
{
	struct vl_plan *p = pl->plan;
	struct vl_parcel_plan *parcel = &p->parcel[p->n_parcels - 1];
	uint64_t size = vl_ustar_entry_size(len);

	vl_grow(&p->piece, p->n_pieces, &p->cap_pieces, sizeof *p->piece);
	p->piece[p->n_pieces++] = (struct vl_piece){ .blob = blob, .offset = offset, .len = len };
	parcel->n++;
	parcel->raw += size;
	pl->used += size;
}

static bool is_full(const struct planner *pl, uint64_t need)
{
	const struct vl_plan *p = pl->plan;

	return !p->n_parcels || pl->budget - pl->used < need ||
	       p->parcel[p->n_parcels - 1].n >= VL_SEGMENTS_MAX;
}

static void plan_whole(struct planner *pl, const struct vl_reached *blob)
{
	if (is_full(pl, vl_ustar_entry_size(blob->size)))
		open_parcel(pl);
	add_piece(pl, blob, 0, blob->size);
}

static void plan_cut(struct planner *pl, const struct vl_reached *blob)
{
	uint64_t least = VL_USTAR_BLOCK * 2 + pl->budget / REST_SHARE;

	for (uint64_t at = 0; at < blob->size;) {
		uint64_t left = blob->size - at, room;

		if (is_full(pl, least))
			open_parcel(pl);
		room = pl->budget - pl->used - VL_USTAR_BLOCK;
		add_piece(pl, blob, at, left < room ? left : room);
		at += left < room ? left : room;
	}
}

bool vl_plan_make(struct vl_plan *out, const struct vl_closure *c, uint64_t raw_max, struct vl_err *e)
{
	struct planner pl = { .plan = out };

	vl_plan_clear(out);
	if (raw_max > VL_PARCEL_RAW_MAX || raw_max < VL_USTAR_END + 4 * VL_USTAR_BLOCK)
		return vl_fail(e, VL_E_INTERNAL, "a parcel cannot be planned for this many bytes");
	pl.budget = (raw_max - VL_USTAR_END) / VL_USTAR_BLOCK * VL_USTAR_BLOCK;
	for (size_t i = 0; i < c->n; i++) {
		if (vl_ustar_entry_size(c->blob[i].size) <= pl.budget)
			plan_whole(&pl, &c->blob[i]);
		else
			plan_cut(&pl, &c->blob[i]);
		if (out->n_parcels > VL_PARCELS_MAX)
			return vl_fail(e, VL_E_LIMIT, "the snapshot needs more than %d parcels", VL_PARCELS_MAX);
	}
	return true;
}
