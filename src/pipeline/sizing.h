/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline/sizing.h: the sizes of many snapshots of one store that have most of their documents in common. */
#ifndef VL_PIPELINE_SIZING_H
#define VL_PIPELINE_SIZING_H

#include "store/digests.h"
#include "store/store.h"

struct vl_sizing { /* what was read of the store so far: each document once, however many snapshots have it */
	struct vl_docs docs;    /* set it before the first question */
	struct vl_digests all;  /* by number: node[] */
	struct vl_sized *node;
	size_t cap;
	uint32_t *edge;
	size_t n_edge, cap_edge;
	uint32_t turn;          /* of the snapshot at hand; counted from 1 */
};
void vl_sizing_clear(struct vl_sizing *z);
VL_DEFINE_CLEAN(vl_sizing)
/* The bytes of a snapshot with its root, each blob once. Reads documents and no content. VL_E_STORE when a document is
 * missing or damaged, VL_E_LIMIT. */
VL_MUST bool vl_sizing_bytes(struct vl_sizing *z, const struct vl_channel *ch, uint64_t *bytes, struct vl_err *e);

#endif
