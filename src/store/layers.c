/* SPDX-License-Identifier: Apache-2.0 */
/* store/layers.c: from an item's descriptor to its layers.
 * In:    a manifest or an index, and somewhere to get documents from.
 * Out:   each layer of each document, once per document.
 * Keeps: bounded work, also for bundles that nobody vouches for: an index may name one document a thousand times, and
 *        that one another, eight deep. So each is visited once, breadth first as in the closure, with its limits. */
#include <stdlib.h>

#include "store/digests.h"
#include "store/docgraph.h"
#include "store/store.h"

struct waiting {
	struct vl_desc d; /* without annotations */
	unsigned depth;   /* as in the closure: an item has 2 */
};
struct walk {
	const struct vl_docs *docs;
	vl_layer_fn *f;
	void *ctx;
	struct vl_digests seen; /* by number: the queue's */
	struct waiting *queue;
	size_t n, cap;
	struct vl_docshare share;
};

static void walk_clear(struct walk *w)
{
	for (size_t i = 0; i < w->n; i++)
		vl_desc_clear(&w->queue[i].d);
	free(w->queue);
	vl_digests_clear(&w->seen);
}
VL_DEFINE_CLEAN(walk)

static bool get_from_store(const void *ctx, const struct vl_desc *d, struct vl_doc *out, struct vl_err *e)
{
	VL_CLEAN(vl_buf) text = VL_BUF_INIT(VL_DOC_MAX);
	char name[VL_DIGEST_OCI];

	if (!vl_store_get(ctx, &d->digest, d->size, &text, e))
		return false;
	return vl_doc_parse(out, vl_buf_bytes(&text), d->media_type, vl_digest_oci(&d->digest, name), VL_E_STORE, e);
}

struct vl_docs vl_docs_of_store(const struct vl_store *s)
{
	return (struct vl_docs){ get_from_store, s };
}

static bool reach(struct walk *w, const struct vl_desc *d, unsigned depth, struct vl_err *e)
{
	uint32_t number;

	if (!vl_digests_add(&w->seen, &d->digest, &number))
		return true;
	vl_grow(&w->queue, w->n, &w->cap, sizeof *w->queue);
	w->queue[w->n].depth = depth;
	vl_desc_init(&w->queue[w->n++].d, d->media_type, &d->digest, d->size);
	return vl_docshare_depth(depth, e) && vl_docshare_add(&w->share, d->size, e);
}

static bool visit(struct walk *w, size_t at, struct vl_err *e)
{
	unsigned below = w->queue[at].depth + 1;
	VL_CLEAN(vl_doc) doc = { 0 };

	if (!w->docs->get(w->docs->ctx, &w->queue[at].d, &doc, e))
		return false;
	for (size_t i = 0; i < doc.n; i++)
		if (!(doc.is_index ? reach(w, &doc.child[i], below, e) : w->f(w->ctx, &doc.child[i], e)))
			return false;
	return true;
}

bool vl_item_layers(const struct vl_docs *docs, const struct vl_desc *item, vl_layer_fn *f, void *ctx,
		    struct vl_err *e)
{
	VL_CLEAN(walk) w = { .docs = docs, .f = f, .ctx = ctx };

	if (!reach(&w, item, 2, e))
		return false;
	for (size_t i = 0; i < w.n; i++)
		if (!visit(&w, i, e))
			return false;
	return true;
}
