/* SPDX-License-Identifier: Apache-2.0 */
/* verify/rehearsal.c: what unpack would find in the parcels, without a store.
 * In:    segments in parcel order: the root, then documents behind a document that names them, then content.
 * Out:   the verdict of vl_rehearsal_end().
 * Keeps: per blob its digest and size, and the bytes of one document at a time, so a bundle of any size needs little
 *        memory. Because parents come first, a blob that nothing has named when it comes was smuggled along
 *        (or its documents come late): refused at once. */
#include <inttypes.h>
#include <stdlib.h>

#include "store/docgraph.h"
#include "verify/tiling_priv.h"
#include "verify/verify.h"

struct vl_rehearsal {
	const struct vl_waybill *waybill; /* borrowed */
	struct vl_tiling tiling;
	struct vl_sha256 *sha;
	struct vl_buf text;      /* of the open blob, when it is a document */
	bool keep;
	struct vl_blobset named; /* what documents name, the root included */
	uint64_t bytes;          /* sum of its sizes */
	size_t missing;          /* named, but not here yet */
	struct vl_docgraph graph;
	struct vl_doc snapshot;
};

static const char *const doc_types[] = { VL_MT_INDEX, VL_MT_MANIFEST, VL_MT_DOCKER_LIST, VL_MT_DOCKER_MANIFEST };

static uint8_t doc_of_type(const char *media_type)
{
	for (uint8_t i = 0; media_type && i < VL_LEN(doc_types); i++)
		if (!strcmp(doc_types[i], media_type))
			return (uint8_t)(i + 1);
	return 0;
}

struct named { /* by a document */
	const struct vl_digest *digest;
	uint64_t size;
	uint8_t doc; /* as in vl_blobrow */
};

/* The same document under two media types would be read as what its first name says: in another order, as another. */
static bool name_doc(struct vl_rehearsal *r, const struct named *n, struct vl_blobrow *row, struct vl_err *e)
{
	char hex[VL_DIGEST_HEX];

	vl_digest_hex(n->digest, hex);
	if (row->doc == n->doc)
		return true;
	if (row->doc)
		return vl_fail(e, VL_E_CLOSURE, "document %s is named with two media types, %s and %s", hex,
			       doc_types[row->doc - 1], doc_types[n->doc - 1]);
	if (row->came)
		return vl_fail(e, VL_E_CLOSURE, "document %s comes before the document that names it", hex);
	row->doc = n->doc;
	return vl_docgraph_add(&r->graph, n->size, &row->node, e);
}

/* A document names a blob. The first to do so decides what it is; all must agree on its size. */
static bool name_blob(struct vl_rehearsal *r, const struct named *n, uint32_t *node, struct vl_err *e)
{
	struct vl_blobrow *row = vl_blobset_find(&r->named, n->digest);
	char hex[VL_DIGEST_HEX];

	if (row && row->size != n->size)
		return vl_fail(e, VL_E_CLOSURE, "blob %s is named with two sizes, %" PRIu64 " and %" PRIu64,
			       vl_digest_hex(n->digest, hex), row->size, n->size);
	if (!row) {
		if (!vl_blobset_add(&r->named, n->digest, &row, e))
			return false;
		row->size = n->size;
		r->bytes += n->size;
		r->missing++;
	}
	if (n->doc && !name_doc(r, n, row, e))
		return false;
	*node = row->node;
	return true;
}

/* Only an index names documents: what a manifest names is content, whatever it calls itself. */
static bool name_children(struct vl_rehearsal *r, const struct vl_doc *doc, uint32_t from, struct vl_err *e)
{
	struct named n = { .digest = &doc->config.digest, .size = doc->config.size };
	uint32_t to;

	vl_docgraph_begin(&r->graph, from);
	if (!doc->is_index && !name_blob(r, &n, &to, e))
		return false;
	for (size_t i = 0; i < doc->n; i++) {
		n.digest = &doc->child[i].digest;
		n.size = doc->child[i].size;
		n.doc = doc->is_index ? doc_of_type(doc->child[i].media_type) : 0;
		if (!name_blob(r, &n, &to, e))
			return false;
		if (doc->is_index)
			vl_docgraph_edge(&r->graph, from, to);
	}
	return true;
}

/* A document is complete and has its digest: what it names is wanted from now on. */
static bool read_doc(struct vl_rehearsal *r, const struct vl_blobrow *row, struct vl_err *e)
{
	VL_CLEAN(vl_doc) doc = { .media_type = NULL };
	uint32_t node = row->node; /* naming children moves the rows; 0 is the root */
	char hex[VL_DIGEST_HEX];

	vl_digest_hex(&r->tiling.blob, hex);
	if (!vl_doc_parse(&doc, vl_buf_bytes(&r->text), doc_types[row->doc - 1], hex, VL_E_CLOSURE, e) ||
	    !vl_doc_check(&doc, !node, hex, e) || !name_children(r, &doc, node, e))
		return false;
	if (!node) {
		if (!doc.is_index)
			return vl_fail(e, VL_E_CLOSURE, "the root is not an image index");
		r->snapshot = doc;
		doc = (struct vl_doc){ .media_type = NULL };
	}
	return true;
}

bool vl_rehearsal_new(struct vl_rehearsal **out, const struct vl_waybill *w, struct vl_err *e)
{
	VL_AUTO(vl_rehearsal) r = vl_xcalloc(1, sizeof *r);
	uint32_t root;

	r->waybill = w;
	r->sha = vl_sha256_new();
	r->text.max = VL_DOC_MAX;
	if (!name_blob(r, &(struct named){ .digest = &w->root, .size = w->root_size, .doc = 1 }, &root, e))
		return false;
	*out = vl_steal(&r);
	return true;
}

void vl_rehearsal_free(struct vl_rehearsal *r)
{
	if (!r)
		return;
	vl_sha256_free(r->sha);
	vl_docgraph_clear(&r->graph);
	vl_buf_clear(&r->text);
	vl_tiling_clear(&r->tiling);
	vl_blobset_clear(&r->named);
	vl_doc_clear(&r->snapshot);
	free(r);
}

static bool begin(struct vl_rehearsal *r, const struct vl_segment *seg, struct vl_err *e)
{
	const struct vl_blobrow *row = vl_blobset_find(&r->named, &seg->blob);
	char hex[VL_DIGEST_HEX];

	if (!row)
		return vl_fail(e, VL_E_CLOSURE, "blob %s is carried, but nothing before it names it",
			       vl_digest_hex(&seg->blob, hex));
	r->keep = row->doc != 0;
	vl_buf_reset(&r->text);
	return true;
}

static bool finish(struct vl_rehearsal *r, struct vl_err *e)
{
	struct vl_blobrow *row = vl_blobset_find(&r->named, &r->tiling.blob);
	struct vl_digest got;
	char hex[VL_DIGEST_HEX], want[VL_DIGEST_HEX];

	vl_sha256_end(r->sha, &got);
	vl_digest_hex(&r->tiling.blob, want);
	if (!vl_digest_equal(&got, &r->tiling.blob))
		return vl_fail(e, VL_E_DIGEST, "blob %s has the digest %s", want, vl_digest_hex(&got, hex));
	if (!row || row->size != r->tiling.next)
		return vl_fail(e, VL_E_CLOSURE, "blob %s has %" PRIu64 " bytes, but its document says %" PRIu64, want,
			       r->tiling.next, row ? row->size : 0);
	row->came = true;
	r->missing--;
	return vl_tiling_close(&r->tiling, e) && (!r->keep || read_doc(r, row, e));
}

static bool add(struct vl_rehearsal *r, const struct vl_segment *seg, struct vl_err *e)
{
	bool begins = false;

	if (!vl_tiling_continues(&r->tiling, seg) && !finish(r, e))
		return false;
	if (!vl_tiling_take(&r->tiling, seg, &begins, e) || (begins && !begin(r, seg, e)))
		return false;
	vl_sha256_add(r->sha, seg->data);
	if (r->keep && !vl_buf_add(&r->text, seg->data, e))
		return vl_while(e, "a document");
	return !seg->whole || finish(r, e);
}

bool vl_rehearsal_add(struct vl_rehearsal *r, const struct vl_segment *seg, const char *parcel, struct vl_err *e)
{
	if (add(r, seg, e))
		return true;
	vl_while(e, "%s", parcel);
	return vl_found(e, parcel, NULL, NULL);
}

static bool complain_missing(const struct vl_rehearsal *r, struct vl_err *e)
{
	char hex[VL_DIGEST_HEX];

	for (size_t i = 0; i < r->named.n; i++)
		if (!r->named.row[i].came)
			return vl_fail(e, VL_E_CLOSURE, "%zu of %zu blobs are missing, among them %s", r->missing,
				       r->named.n, vl_digest_hex(&r->named.index.v[i], hex));
	return vl_fail(e, VL_E_INTERNAL, "a missing blob cannot be found");
}

bool vl_rehearsal_end(struct vl_rehearsal *r, struct vl_err *e)
{
	if (r->tiling.open && !finish(r, e))
		return false;
	if (r->missing)
		return complain_missing(r, e);
	if (!vl_docgraph_check(&r->graph, &r->snapshot, e))
		return false;
	return vl_verify_totals(r->waybill, r->snapshot.n, r->named.n, r->bytes, e);
}
