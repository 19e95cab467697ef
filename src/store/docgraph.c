/* SPDX-License-Identifier: Apache-2.0 */
/* store/docgraph.c: the bounds of documents.
 * In:    documents with their sizes, and who names whom.
 * Out:   the verdict: per item and for all of them, how many, how long and how deep.
 * Keeps: bounded work from few bytes. Who walks an item visits each document that it reaches once; a document that two
 *        items share is visited for each of them. So that is what is counted: naming costs nothing, reaching does. An
 *        edge is some 150 bytes of a document, so the bound of the bytes bounds the edges too. */
#include "store/docgraph.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/text.h"

#define MIB(bytes) ((unsigned)((bytes) >> 20))

void vl_docgraph_clear(struct vl_docgraph *g)
{
	free(g->node);
	free(g->edge);
	*g = (struct vl_docgraph){ 0 };
}

static bool too_many(uint64_t documents, uint64_t bytes, struct vl_err *e)
{
	if (documents > VL_DOCUMENTS_MAX)
		return vl_fail(e, VL_E_LIMIT, "the items have more than %u documents together", VL_DOCUMENTS_MAX);
	if (bytes > VL_DOCUMENT_BYTES_MAX)
		return vl_fail(e, VL_E_LIMIT, "the documents of the items have more than %u MiB together",
			       MIB(VL_DOCUMENT_BYTES_MAX));
	return true;
}

bool vl_docgraph_add(struct vl_docgraph *g, uint64_t size, uint32_t *node, struct vl_err *e)
{
	if (g->n)
		g->bytes += size;
	*node = (uint32_t)g->n;
	vl_grow(&g->node, g->n, &g->cap, sizeof *g->node);
	g->node[g->n++] = (struct vl_docnode){ .size = size };
	return too_many(g->n - 1, g->bytes, e);
}

void vl_docgraph_begin(struct vl_docgraph *g, uint32_t node)
{
	g->node[node].first = (uint32_t)g->n_edge;
}

void vl_docgraph_edge(struct vl_docgraph *g, uint32_t from, uint32_t to)
{
	vl_grow(&g->edge, g->n_edge, &g->cap_edge, sizeof *g->edge);
	g->edge[g->n_edge++] = to;
	g->node[from].n++;
}

bool vl_docshare_add(struct vl_docshare *s, uint64_t size, struct vl_err *e)
{
	s->bytes += size;
	if (++s->documents > VL_ITEM_DOCUMENTS_MAX)
		return vl_fail(e, VL_E_LIMIT, "it has more than %u documents", VL_ITEM_DOCUMENTS_MAX);
	if (s->bytes > VL_ITEM_DOCUMENT_BYTES_MAX)
		return vl_fail(e, VL_E_LIMIT, "its documents have more than %u MiB together",
			       MIB(VL_ITEM_DOCUMENT_BYTES_MAX));
	return true;
}

bool vl_docshare_depth(unsigned depth, struct vl_err *e)
{
	return depth <= VL_INDEX_DEPTH_MAX ||
	       vl_fail(e, VL_E_LIMIT, "indexes are nested more than %u deep", VL_INDEX_DEPTH_MAX);
}

/* ---- the verdict ---- */

struct measure {
	const struct vl_docgraph *g;
	uint32_t *seen;  /* per node: the last item that reached it, counted from 1 */
	uint32_t *queue; /* of one item; its first n are reached */
	size_t n;
	uint32_t item;
	struct vl_docshare share; /* of one item */
	uint64_t documents, bytes; /* of all items so far */
};

static void measure_clear(struct measure *m)
{
	free(m->seen);
	free(m->queue);
}
VL_DEFINE_CLEAN(measure)

static bool reach(struct measure *m, uint32_t node, struct vl_err *e)
{
	uint64_t size = m->g->node[node].size;

	if (m->seen[node] == m->item)
		return true;
	m->seen[node] = m->item;
	m->queue[m->n++] = node;
	m->bytes += size;
	return vl_docshare_add(&m->share, size, e) && too_many(++m->documents, m->bytes, e);
}

static bool reach_named(struct measure *m, uint32_t node, struct vl_err *e)
{
	const struct vl_docnode *from = &m->g->node[node];

	for (uint32_t i = 0; i < from->n; i++)
		if (!reach(m, m->g->edge[from->first + i], e))
			return false;
	return true;
}

/* Level by level, so that the depth of a document is its least one. */
static bool measure_item(struct measure *m, uint32_t node, struct vl_err *e)
{
	size_t at = 0;

	m->n = 0;
	m->item++;
	m->share = (struct vl_docshare){ 0 };
	if (!reach(m, node, e))
		return false;
	for (unsigned depth = 2; at < m->n; depth++) {
		if (!vl_docshare_depth(depth, e))
			return false;
		for (size_t end = m->n; at < end; at++)
			if (!reach_named(m, m->queue[at], e))
				return false;
	}
	return true;
}

static bool blame(const struct vl_doc *root, uint32_t i, struct vl_err *e)
{
	const char *item = i < root->n ? vl_desc_get(&root->child[i], VL_AN_ITEM) : NULL;
	VL_STR safe = vl_safe_text(item ? item : "", 80);

	return item ? vl_while(e, "item %s", safe) : vl_while(e, "child %" PRIu32 " of the root", i + 1);
}

bool vl_docgraph_check(const struct vl_docgraph *g, const struct vl_doc *root, struct vl_err *e)
{
	VL_CLEAN(measure) m = { .g = g };

	m.seen = vl_xcalloc(g->n, sizeof *m.seen);
	m.queue = vl_xcalloc(g->n, sizeof *m.queue);
	for (uint32_t i = 0; i < g->node[0].n; i++)
		if (!measure_item(&m, g->edge[g->node[0].first + i], e))
			return blame(root, i, e);
	return true;
}
