/* SPDX-License-Identifier: Apache-2.0 */
/* store/hub_walk.c: from the documents that are offered to everything they consist of.
 * In:    descriptors of documents, the store.
 * Out:   the hub's blobs and referrers; or a list of one document's parts, parts first.
 * Keeps: each document is read once, hashed, breadth first and bounded: an index may name one document a thousand
 *        times, and that one another, eight deep. What cannot be read is told and left; the rest is still offered. */
#include "store/hub_priv.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/text.h"

#define DOCUMENT_BYTES_MAX ((uint64_t)1 << 30)

/* ---- documents ---- */

static bool is_document(const struct vl_desc *d)
{
	return vl_media_type_is_index(d->media_type) || vl_media_type_is_manifest(d->media_type);
}

bool vl_hub_read(const struct vl_store *s, const struct vl_digest *digest, uint64_t size, const char *media_type,
		 struct vl_doc *out, struct vl_err *e)
{
	VL_CLEAN(vl_buf) text = VL_BUF_INIT(VL_DOC_MAX);
	char name[VL_DIGEST_OCI];

	return vl_store_get(s, digest, size, &text, e) &&
	       vl_doc_parse(out, vl_buf_bytes(&text), media_type, vl_digest_oci(digest, name), VL_E_STORE, e);
}

/* ---- the hub: breadth first ---- */

void vl_hub_walk_clear(struct vl_hub_walk *w)
{
	vl_digests_clear(&w->seen);
	free(w->queue);
	*w = (struct vl_hub_walk){ 0 };
}

static void tell_limit(struct vl_hub_walk *w, const char *where)
{
	if (!w->full)
		vl_hub_problem(w->h, "%s has more documents and blobs than valise looks through; the rest is not "
			       "offered", where);
	w->full = true;
}

static void enqueue(struct vl_hub_walk *w, size_t blob, unsigned depth, const char *where)
{
	vl_grow(&w->queue, w->n_queue, &w->cap_queue, sizeof *w->queue);
	w->queue[w->n_queue++] = (struct vl_hub_visit){ .blob = blob, .depth = depth, .where = where };
}

static void reach(struct vl_hub_walk *w, const struct vl_desc *d, bool is_doc, unsigned depth, const char *where)
{
	struct vl_hub *h = w->h;
	uint32_t at;

	if (w->seen.n >= VL_BLOBS_MAX) {
		tell_limit(w, where);
		return;
	}
	if (vl_digests_add(&w->seen, &d->digest, &at)) {
		vl_grow(&h->blob, h->n_blob, &h->cap_blob, sizeof *h->blob);
		h->blob[h->n_blob++] = (struct vl_hub_blob){ .digest = d->digest, .size = d->size,
							     .media_type = vl_hub_keep(h, d->media_type) };
	}
	if (!is_doc || h->blob[at].is_doc)
		return;
	h->blob[at].is_doc = true; /* also when it was met as content before */
	h->blob[at].media_type = vl_hub_keep(h, d->media_type);
	enqueue(w, at, depth, where);
}

void vl_hub_reach(struct vl_hub_walk *w, const struct vl_desc *d, const char *where)
{
	reach(w, d, is_document(d), 2, where);
}

static void add_referrer(struct vl_hub *h, const struct vl_hub_blob *b, const struct vl_doc *doc)
{
	struct vl_desc d = { .media_type = doc->media_type, .artifact_type = doc->artifact_type, .digest = b->digest,
			     .size = b->size, .an = doc->an, .n_an = doc->n_an }; /* borrowed */
	struct vl_referrer *r;

	if (!d.artifact_type)
		d.artifact_type = doc->config.media_type;
	vl_grow(&h->referrer, h->n_referrer, &h->cap_referrer, sizeof *h->referrer);
	r = &h->referrer[h->n_referrer++];
	*r = (struct vl_referrer){ .subject = doc->subject.digest };
	vl_desc_copy(&r->desc, &d);
}

static void visit(struct vl_hub_walk *w, const struct vl_hub_visit *v)
{
	struct vl_hub_blob b = w->h->blob[v->blob]; /* the array grows meanwhile */
	VL_CLEAN(vl_doc) doc = { 0 };
	struct vl_err why;

	w->bytes += b.size;
	if (v->depth > VL_INDEX_DEPTH_MAX || w->bytes > DOCUMENT_BYTES_MAX) {
		tell_limit(w, v->where);
		return;
	}
	if (!vl_hub_read(w->store, &b.digest, b.size, b.media_type, &doc, &why)) {
		vl_hub_problem(w->h, "%s: %s", v->where, why.msg);
		return;
	}
	if (doc.subject.media_type)
		add_referrer(w->h, &b, &doc);
	if (!doc.is_index)
		reach(w, &doc.config, false, v->depth + 1, v->where);
	for (size_t i = 0; i < doc.n; i++)
		reach(w, &doc.child[i], doc.is_index && is_document(&doc.child[i]), v->depth + 1, v->where);
}

void vl_hub_walk_all(struct vl_hub_walk *w)
{
	for (size_t i = 0; i < w->n_queue; i++) {
		struct vl_hub_visit v = w->queue[i];

		visit(w, &v);
	}
}

/* ---- one document: depth first, parts before the whole ---- */

struct below {
	const struct vl_store *store;
	struct vl_hub_list *out;
	struct vl_digests listed; /* the same numbers as out->v */
	struct vl_digests docs;   /* that were gone into */
	uint64_t bytes;
};

static void below_clear(struct below *b)
{
	vl_digests_clear(&b->listed);
	vl_digests_clear(&b->docs);
}
VL_DEFINE_CLEAN(below)

void vl_hub_list_clear(struct vl_hub_list *l)
{
	for (size_t i = 0; i < l->n_strings; i++)
		free(l->strings[i]);
	free(l->strings);
	free(l->v);
	*l = (struct vl_hub_list){ 0 };
}

/* There are few media types: one copy of each. */
static const char *list_keep(struct vl_hub_list *l, const char *s)
{
	for (size_t i = 0; i < l->n_strings && i < 64; i++)
		if (!strcmp(l->strings[i], s))
			return l->strings[i];
	vl_grow(&l->strings, l->n_strings, &l->cap_strings, sizeof *l->strings);
	l->strings[l->n_strings] = vl_xstrdup(s);
	return l->strings[l->n_strings++];
}

/* What was listed as a layer may be a manifest, too. */
static void append(struct below *b, const struct vl_desc *d, bool is_doc)
{
	struct vl_hub_list *l = b->out;
	const char *media_type = list_keep(l, d->media_type);
	uint32_t at;

	if (vl_digests_add(&b->listed, &d->digest, &at)) {
		vl_grow(&l->v, l->n, &l->cap, sizeof *l->v);
		l->v[l->n++] = (struct vl_hub_blob){ .digest = d->digest, .size = d->size, .media_type = media_type };
	}
	if (!is_doc)
		return;
	l->v[at].is_doc = true;
	l->v[at].media_type = media_type;
}

static bool descend(struct below *b, const struct vl_desc *d, unsigned depth, struct vl_err *e)
{
	VL_CLEAN(vl_doc) doc = { 0 };
	uint32_t at;

	if (!vl_digests_add(&b->docs, &d->digest, &at))
		return true;
	b->bytes += d->size;
	if (depth > VL_INDEX_DEPTH_MAX || b->bytes > DOCUMENT_BYTES_MAX || b->listed.n >= VL_BLOBS_MAX)
		return vl_fail(e, VL_E_LIMIT, "it has more documents than valise looks through");
	if (!vl_hub_read(b->store, &d->digest, d->size, d->media_type, &doc, e))
		return false;
	if (!doc.is_index)
		append(b, &doc.config, false);
	for (size_t i = 0; i < doc.n; i++) {
		if (!doc.is_index || !is_document(&doc.child[i]))
			append(b, &doc.child[i], false);
		else if (!descend(b, &doc.child[i], depth + 1, e))
			return false;
	}
	append(b, d, true);
	return true;
}

bool vl_hub_below(const struct vl_store *s, const struct vl_desc *root, struct vl_hub_list *out, struct vl_err *e)
{
	VL_CLEAN(below) b = { .store = s, .out = out };

	vl_hub_list_clear(out);
	return descend(&b, root, 2, e);
}
