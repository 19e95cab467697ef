/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline/sizing.c: a graph of documents and blobs that grows with each snapshot that is asked for.
 * In:    channels of many generations, newest first or not.
 * Out:   the bytes of each.
 * Keeps: two hundred generations of a thousand images differ in a few of them: a document is read and hashed when it is
 *        met for the first time; later it is only walked over, once per snapshot. Nesting is bounded as elsewhere. */
#include "pipeline/sizing.h"

#include <stdlib.h>

#include "store/docgraph.h"

struct vl_sized {
	uint64_t size;      /* bytes */
	uint32_t first, n;  /* of a document that was read: edge[first .. first + n) */
	uint32_t counted, walked; /* the last snapshot for which it was */
	bool read, is_index;
};

void vl_sizing_clear(struct vl_sizing *z)
{
	vl_digests_clear(&z->all);
	free(z->node);
	free(z->edge);
	*z = (struct vl_sizing){ 0 };
}

static uint32_t node_of(struct vl_sizing *z, const struct vl_desc *d)
{
	uint32_t number;

	if (vl_digests_add(&z->all, &d->digest, &number)) {
		vl_grow(&z->node, number, &z->cap, sizeof *z->node);
		z->node[number] = (struct vl_sized){ .size = d->size };
	}
	return number;
}

/* Its edges stand together, behind those of what is below it. */
static void note_edges(struct vl_sizing *z, uint32_t number, const struct vl_doc *doc)
{
	uint32_t first = (uint32_t)z->n_edge;

	for (size_t i = 0; i <= doc->n; i++) {
		const struct vl_desc *d = i < doc->n ? &doc->child[i] : &doc->config;

		if (i == doc->n && doc->is_index)
			break;
		vl_grow(&z->edge, z->n_edge, &z->cap_edge, sizeof *z->edge);
		z->edge[z->n_edge++] = node_of(z, d);
	}
	z->node[number].first = first;
	z->node[number].n = (uint32_t)z->n_edge - first;
	z->node[number].read = true;
	z->node[number].is_index = doc->is_index;
}

static bool read_doc(struct vl_sizing *z, const struct vl_desc *d, unsigned depth, struct vl_err *e)
{
	VL_CLEAN(vl_doc) doc = { 0 };
	uint32_t number = node_of(z, d);

	if (z->node[number].read)
		return true;
	if (!vl_docshare_depth(depth, e) || !z->docs.get(z->docs.ctx, d, &doc, e))
		return false;
	for (size_t i = 0; doc.is_index && i < doc.n; i++)
		if (!read_doc(z, &doc.child[i], depth + 1, e))
			return false;
	note_edges(z, number, &doc);
	return true;
}

static uint64_t count(struct vl_sizing *z, uint32_t number)
{
	struct vl_sized *node = &z->node[number];

	if (node->counted == z->turn)
		return 0;
	node->counted = z->turn;
	return node->size;
}

/* What was not counted for this snapshot yet. A layer may be a document elsewhere; here it is only a layer. */
static uint64_t add_up(struct vl_sizing *z, uint32_t number)
{
	struct vl_sized *node = &z->node[number];
	uint64_t bytes = count(z, number);

	if (node->walked == z->turn)
		return bytes;
	node->walked = z->turn;
	for (uint32_t i = 0; i < node->n; i++) {
		uint32_t below = z->edge[node->first + i];

		bytes += node->is_index ? add_up(z, below) : count(z, below);
	}
	return bytes;
}

bool vl_sizing_bytes(struct vl_sizing *z, const struct vl_channel *ch, uint64_t *bytes, struct vl_err *e)
{
	VL_CLEAN(vl_desc) root = { 0 };

	vl_desc_init(&root, VL_MT_INDEX, &ch->root, ch->root_size);
	if (!read_doc(z, &root, 1, e))
		return false;
	z->turn++;
	*bytes = add_up(z, node_of(z, &root));
	return true;
}
