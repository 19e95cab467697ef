/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline/peek.c: a look into a bundle.
 * In:    a waybill, verified or not, and the first parcel, which holds the documents.
 * Out:   documents.
 * Keeps: a parcel is hashed against the waybill before it is opened, a document against its name before it is
 *        parsed. */
#include "pipeline/peek.h"

#include <stdlib.h>

/* How often a document may be read: who compares two snapshots reads for names, for files and twice for bytes. */
#define PASSES 4u

void vl_peeked_clear(struct vl_peeked *p)
{
	free(p->raw);
	free(p->blob);
	free(p->read);
	vl_digests_clear(&p->has);
	*p = (struct vl_peeked){ .raw = NULL };
}

static bool list_blobs(struct vl_peeked *p, struct vl_err *e)
{
	struct vl_ustar t = { .in = vl_bytes(p->raw, p->len) };
	struct vl_segment seg;
	uint32_t number;
	bool end = false;

	while (!end) {
		if (!vl_parcel_next(&t, &seg, &end, p->name, e))
			return false;
		if (end || !seg.whole || !vl_digests_add(&p->has, &seg.blob, &number))
			continue;
		vl_grow(&p->blob, p->n, &p->cap, sizeof *p->blob);
		p->blob[p->n++] = seg.data;
	}
	return true;
}

/* Nobody vouches for the bundle: an item is bounded by itself, but there may be thousands that share documents. */
static bool bounded(struct vl_docshare *read, uint64_t size, struct vl_err *e)
{
	read->bytes += size;
	return (++read->documents <= PASSES * VL_DOCUMENTS_MAX && read->bytes <= PASSES * VL_DOCUMENT_BYTES_MAX) ||
	       vl_fail(e, VL_E_LIMIT, "the items have more documents than a bundle may have");
}

static bool find_doc(const void *ctx, const struct vl_desc *d, struct vl_doc *out, struct vl_err *e)
{
	const struct vl_peeked *p = ctx;
	uint32_t number = vl_digests_find(&p->has, &d->digest);
	char name[VL_DIGEST_OCI];
	struct vl_digest real;

	vl_digest_oci(&d->digest, name);
	if (number == VL_DIGESTS_NONE)
		return vl_fail(e, VL_E_CLOSURE, "%s: document %s is not in it", p->name, name);
	if (!bounded(p->read, p->blob[number].len, e))
		return false;
	vl_sha256_of(p->blob[number], &real);
	if (!vl_digest_equal(&real, &d->digest))
		return vl_fail(e, VL_E_DIGEST, "%s: blob %s has other bytes than its name says", p->name, name);
	return vl_doc_parse(out, p->blob[number], d->media_type, name, VL_E_FORMAT, e);
}

struct vl_docs vl_docs_of_peeked(const struct vl_peeked *p)
{
	return (struct vl_docs){ find_doc, p };
}

bool vl_peek_open(struct vl_peeked *p, const struct vl_checked *k, struct vl_err *e)
{
	VL_CLEAN(vl_buf) stored = VL_BUF_INIT(VL_PARCEL_STORED_MAX);
	const struct vl_parcel_line *line = &k->waybill->parcel[0];
	void *raw;

	if (!k->waybill->n)
		return vl_fail(e, VL_E_PARCEL, "the waybill lists no parcel");
	vl_parcel_name(line, 0, p->name);
	if (!vl_carried_parcel(k->carried, line, 0, &stored, e))
		return false;
	if (line->raw > VL_PARCEL_RAW_MAX)
		return vl_fail(e, VL_E_LIMIT, "%s: longer than a parcel may be", p->name);
	if (!vl_alloc(&raw, (size_t)line->raw, e))
		return false;
	p->raw = raw;
	p->len = (size_t)line->raw;
	p->read = vl_xcalloc(1, sizeof *p->read);
	return vl_parcel_open(vl_buf_bytes(&stored), line, p->name, p->raw, e) && list_blobs(p, e);
}

bool vl_peek_snapshot(const struct vl_peeked *p, const struct vl_checked *k, struct vl_doc *out, struct vl_err *e)
{
	VL_CLEAN(vl_desc) root = { 0 };

	vl_desc_init(&root, VL_MT_INDEX, &k->waybill->root, k->waybill->root_size);
	return find_doc(p, &root, out, e);
}
