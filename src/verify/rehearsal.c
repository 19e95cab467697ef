/* SPDX-License-Identifier: Apache-2.0 */
/* verify/rehearsal.c: what unpack would find in the parcels, without a store.
 * In:    segments in parcel order: the root, then documents behind a document that names them, then content.
 * Out:   the verdict of vl_rehearsal_end(), and the snapshot.
 * Keeps: per blob its digest and size, and the bytes of one document at a time, so a bundle of any size needs little
 *        memory. Because parents come first, a blob that nothing has named when it comes was smuggled along
 *        (or its documents come late): refused at once. */
#include <inttypes.h>
#include <stdlib.h>

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
	uint32_t *documents;     /* per item, each as often as it is named */
	struct vl_doc snapshot;
	bool has_snapshot;
};

static const char *const doc_types[] = { VL_MT_INDEX, VL_MT_MANIFEST, VL_MT_DOCKER_LIST, VL_MT_DOCKER_MANIFEST };

static uint8_t doc_of_type(const char *media_type)
{
	for (uint8_t i = 0; media_type && i < VL_LEN(doc_types); i++)
		if (!strcmp(doc_types[i], media_type))
			return (uint8_t)(i + 1);
	return 0;
}

static bool is_index(uint8_t doc)
{
	return doc && vl_media_type_is_index(doc_types[doc - 1]);
}

struct named { /* by a document */
	const struct vl_digest *digest;
	uint64_t size;
	uint8_t doc, depth; /* as in vl_blobrow */
	uint32_t item;
};

/* The rules of vl_store_closure(): nesting, indexes and documents are bounded. */
static bool bounded(struct vl_rehearsal *r, const struct named *n, const struct vl_blobrow *row, struct vl_err *e)
{
	char hex[VL_DIGEST_HEX];

	if (n->depth > VL_INDEX_DEPTH_MAX)
		return vl_fail(e, VL_E_LIMIT, "indexes are nested more than %u deep", VL_INDEX_DEPTH_MAX);
	if (n->depth > 2 && row && row->doc && is_index(n->doc))
		return vl_fail(e, VL_E_CLOSURE, "index %s is named twice", vl_digest_hex(n->digest, hex));
	if (n->depth > 1 && ++r->documents[n->item] > VL_ITEM_DOCUMENTS_MAX)
		return vl_fail(e, VL_E_LIMIT, "an item has more than %d documents", VL_ITEM_DOCUMENTS_MAX);
	return true;
}

/* A document names a blob. The first to do so decides what it is; all must agree on its size. */
static bool name_blob(struct vl_rehearsal *r, const struct named *n, struct vl_err *e)
{
	struct vl_blobrow *row = vl_blobset_find(&r->named, n->digest);
	char hex[VL_DIGEST_HEX];

	if (n->doc && !bounded(r, n, row, e))
		return false;
	if (row && row->size != n->size)
		return vl_fail(e, VL_E_CLOSURE, "blob %s is named with two sizes, %" PRIu64 " and %" PRIu64,
			       vl_digest_hex(n->digest, hex), row->size, n->size);
	if (row && !row->doc && n->doc && row->came)
		return vl_fail(e, VL_E_CLOSURE, "document %s comes before the document that names it",
			       vl_digest_hex(n->digest, hex));
	if (!row) {
		if (!vl_blobset_add(&r->named, n->digest, &row, e))
			return false;
		row->size = n->size;
		r->bytes += n->size;
		r->missing++;
	}
	if (!row->doc && n->doc) {
		row->doc = n->doc;
		row->depth = n->depth;
		row->item = n->item;
	}
	return true;
}

/* Only an index names documents: what a manifest names is content, whatever it calls itself. */
static bool name_children(struct vl_rehearsal *r, const struct vl_doc *doc, uint8_t depth, uint32_t item,
			  struct vl_err *e)
{
	struct named n = { .digest = &doc->config.digest, .size = doc->config.size, .depth = depth, .item = item };

	if (!doc->is_index && !name_blob(r, &n, e))
		return false;
	for (size_t i = 0; i < doc->n; i++) {
		n.digest = &doc->child[i].digest;
		n.size = doc->child[i].size;
		n.doc = doc->is_index ? doc_of_type(doc->child[i].media_type) : 0;
		n.item = depth == 2 ? (uint32_t)i : item;
		if (!name_blob(r, &n, e))
			return false;
	}
	return true;
}

/* A document is complete and has its digest: what it names is wanted from now on. */
static bool read_doc(struct vl_rehearsal *r, const struct vl_blobrow *row, struct vl_err *e)
{
	VL_CLEAN(vl_doc) doc = { .media_type = NULL };
	uint8_t depth = (uint8_t)(row->depth + 1u);
	uint32_t item = row->item; /* naming children moves the rows */
	char hex[VL_DIGEST_HEX];

	vl_digest_hex(&row->digest, hex);
	if (!vl_doc_parse(&doc, vl_buf_bytes(&r->text), doc_types[row->doc - 1], hex, VL_E_CLOSURE, e) ||
	    !vl_doc_check(&doc, depth == 2, hex, e))
		return false;
	if (depth == 2)
		r->documents = vl_xcalloc(doc.n, sizeof *r->documents);
	if (!name_children(r, &doc, depth, item, e))
		return false;
	if (depth == 2) {
		if (!doc.is_index)
			return vl_fail(e, VL_E_CLOSURE, "the root is not an image index");
		r->snapshot = doc;
		r->has_snapshot = true;
		doc = (struct vl_doc){ .media_type = NULL };
	}
	return true;
}

bool vl_rehearsal_new(struct vl_rehearsal **out, const struct vl_waybill *w, struct vl_err *e)
{
	VL_AUTO(vl_rehearsal) r = vl_xcalloc(1, sizeof *r);

	r->waybill = w;
	r->sha = vl_sha256_new();
	r->text.max = VL_DOC_MAX;
	if (!name_blob(r, &(struct named){ .digest = &w->root, .size = w->root_size, .doc = 1, .depth = 1 }, e))
		return false;
	*out = vl_steal(&r);
	return true;
}

void vl_rehearsal_free(struct vl_rehearsal *r)
{
	if (!r)
		return;
	vl_sha256_free(r->sha);
	free(r->documents);
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

	for (size_t i = 0; i < r->named.cap; i++)
		if (r->named.row[i].used && !r->named.row[i].came)
			return vl_fail(e, VL_E_CLOSURE, "%zu of %zu blobs are missing, among them %s", r->missing,
				       r->named.n, vl_digest_hex(&r->named.row[i].digest, hex));
	return vl_fail(e, VL_E_INTERNAL, "a missing blob cannot be found");
}

bool vl_rehearsal_end(struct vl_rehearsal *r, struct vl_err *e)
{
	if (r->tiling.open && !finish(r, e))
		return false;
	if (r->missing)
		return complain_missing(r, e);
	return vl_verify_totals(r->waybill, r->snapshot.n, r->named.n, r->bytes, e);
}

const struct vl_doc *vl_rehearsal_snapshot(const struct vl_rehearsal *r)
{
	return r->has_snapshot ? &r->snapshot : NULL;
}
