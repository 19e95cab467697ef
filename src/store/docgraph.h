/* SPDX-License-Identifier: Apache-2.0 */
/* store/docgraph.h: which document names which, and whether that is bounded work for whoever walks it. The one rule of
 * doc/format.md section 5 for documents, for the closure of a store and for a bundle that is only looked at. */
#ifndef VL_STORE_DOCGRAPH_H
#define VL_STORE_DOCGRAPH_H

#include "store/store.h"

struct vl_docgraph { /* node 0 is the root; what it names are the items */
	struct vl_docnode {
		uint64_t size;
		uint32_t first, n; /* what it names: edge[first .. first + n) */
	} *node;
	size_t n, cap;
	uint32_t *edge;
	size_t n_edge, cap_edge;
	uint64_t bytes; /* of all but the root */
};
void vl_docgraph_clear(struct vl_docgraph *g);
VL_DEFINE_CLEAN(vl_docgraph)
/* A document that is named for the first time. Refused on the spot (VL_E_LIMIT) when all together are too many. */
VL_MUST bool vl_docgraph_add(struct vl_docgraph *g, uint64_t size, uint32_t *node, struct vl_err *e);
/* One document after the other tells what it names: begin, then an edge for each, as often as it does. */
void vl_docgraph_begin(struct vl_docgraph *g, uint32_t node);
void vl_docgraph_edge(struct vl_docgraph *g, uint32_t from, uint32_t to);
/* The verdict, when all documents were read. `root` is node 0 parsed: for the items' names. */
VL_MUST bool vl_docgraph_check(const struct vl_docgraph *g, const struct vl_doc *root, struct vl_err *e);

/* The share of one item, for walkers that keep no graph: one more document of this size. */
struct vl_docshare {
	uint64_t documents, bytes;
};
VL_MUST bool vl_docshare_add(struct vl_docshare *s, uint64_t size, struct vl_err *e);
/* depth: the root has 1. */
VL_MUST bool vl_docshare_depth(unsigned depth, struct vl_err *e);

#endif
