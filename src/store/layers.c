/* SPDX-License-Identifier: Apache-2.0 */
/* store/layers.c: from an item's descriptor to its layers.
 * In:    a manifest or an index, and somewhere to get documents from.
 * Out:   each layer, in document order.
 * Keeps: bounded work, also for bundles that nobody vouches for: an index may name one document a thousand times, and
 *        that one another, eight deep. */
#include "store/store.h"

#define DOCUMENT_BYTES_MAX ((uint64_t)1 << 30)

struct walk {
	const struct vl_docs *docs;
	vl_layer_fn *f;
	void *ctx;
	uint64_t documents, bytes; /* so far */
};

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

static bool bounded(struct walk *w, uint64_t bytes, struct vl_err *e)
{
	w->bytes += bytes;
	if (++w->documents <= VL_ITEM_DOCUMENTS_MAX && w->bytes <= DOCUMENT_BYTES_MAX)
		return true;
	return vl_fail(e, VL_E_LIMIT, "it has more than %d documents, or more than 1 GiB of them",
		       VL_ITEM_DOCUMENTS_MAX);
}

static bool walk(struct walk *w, const struct vl_desc *d, unsigned depth, struct vl_err *e)
{
	VL_CLEAN(vl_doc) doc = { 0 };

	if (depth > VL_INDEX_DEPTH_MAX)
		return vl_fail(e, VL_E_LIMIT, "documents are nested deeper than %u", VL_INDEX_DEPTH_MAX);
	if (!bounded(w, d->size, e) || !w->docs->get(w->docs->ctx, d, &doc, e))
		return false;
	for (size_t i = 0; i < doc.n; i++) {
		if (doc.is_index ? !walk(w, &doc.child[i], depth + 1, e) : !w->f(w->ctx, &doc.child[i], e))
			return false;
	}
	return true;
}

bool vl_item_layers(const struct vl_docs *docs, const struct vl_desc *item, vl_layer_fn *f, void *ctx,
		    struct vl_err *e)
{
	struct walk w = { .docs = docs, .f = f, .ctx = ctx };

	return walk(&w, item, 1, e);
}
