/* SPDX-License-Identifier: Apache-2.0 */
/* verify/tiling_priv.h: the rule of how segments make blobs, kept apart from what is done with their bytes. Private to
 * verify/. A blob comes once: whole, or in pieces from offset 0 without gap, overlap or another blob between them. So
 * one blob at most is open, and a hostile bundle cannot make us hold many. */
#ifndef VL_VERIFY_TILING_PRIV_H
#define VL_VERIFY_TILING_PRIV_H

#include "bundle/bundle.h"
#include "store/digests.h"

struct vl_blobrow {
	uint64_t size; /* bytes */
	bool came;     /* rehearsal: the bytes were here; assembly: this run brought it */
	uint8_t doc;   /* rehearsal: 0 content, else 1 + index of its media type */
	uint32_t node; /* rehearsal: of a document: its number in the graph */
};
struct vl_blobset { /* by digest; rows move when it grows */
	struct vl_digests index; /* the same numbers as row */
	struct vl_blobrow *row;
	size_t n, cap;
};
void vl_blobset_clear(struct vl_blobset *s);
VL_DEFINE_CLEAN(vl_blobset)
struct vl_blobrow *vl_blobset_find(const struct vl_blobset *s, const struct vl_digest *d); /* NULL: not there */
/* Finds or adds (size 0). More than VL_BLOBS_MAX: VL_E_LIMIT. *row is valid until the next add. */
VL_MUST bool vl_blobset_add(struct vl_blobset *s, const struct vl_digest *d, struct vl_blobrow **row, struct vl_err *e);

struct vl_tiling {
	bool open; /* a blob is being put together */
	struct vl_digest blob;
	uint64_t next;     /* offset that its next piece must have */
	struct vl_blobset done;
};
void vl_tiling_clear(struct vl_tiling *t);
/* False when the open blob (if any) is complete before this segment: the owner then closes it. */
bool vl_tiling_continues(const struct vl_tiling *t, const struct vl_segment *seg);
/* Takes the segment, or refuses it (VL_E_PARCEL, VL_E_LIMIT). The blob before it was closed. *begins: a new blob. */
VL_MUST bool vl_tiling_take(struct vl_tiling *t, const struct vl_segment *seg, bool *begins, struct vl_err *e);
/* The open blob had its digest: it is done, and may not come again. */
VL_MUST bool vl_tiling_close(struct vl_tiling *t, struct vl_err *e);

#endif
