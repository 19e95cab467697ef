/* SPDX-License-Identifier: Apache-2.0 */
/* sources/image_ask.c: requests of a reference, and the documents that come of them.
 * In:    digests from documents, tags from references.
 * Out:   documents in the store, byte for byte as they came, and parsed.
 * Keeps: limits are checked when a document is named, before it is asked for; what does not have its digest never
 *        reaches the store, and the next registry is asked. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/text.h"
#include "sources/image.h"

#define SMALL_MAX (1u << 20)

void vl_image_ref_fail(struct vl_image_ref *r, const struct vl_err *why)
{
	if (r->failed)
		return;
	r->failed = true;
	r->err = *why;
}

static void fail_named(struct vl_image_ref *r, struct vl_err *why)
{
	vl_while(why, "%s", r->label);
	vl_image_ref_fail(r, why);
}

/* ---- requests ---- */

struct vl_asking *vl_image_asking(struct vl_image_ref *r, const char *kind, const char *what)
{
	struct vl_asking *a = vl_xcalloc(1, sizeof *a);

	a->ref = r;
	a->link = &r->askings;
	a->next = r->askings;
	if (a->next)
		a->next->link = &a->next;
	r->askings = a;
	a->urls = vl_candidates_urls(&r->from, kind, what);
	a->n = r->from.n;
	vl_request_init(&a->get);
	return a;
}

static void asking_free(struct vl_asking *a)
{
	*a->link = a->next;
	if (a->next)
		a->next->link = a->link;
	vl_request_clear(&a->get);
	vl_texts_free(a->urls);
	free(a->name);
	free(a);
}

void vl_image_askings_free(struct vl_image_ref *r)
{
	while (r->askings)
		asking_free(r->askings);
}

/* Registries that lack an end point answer in many ways, but a network that fails is no answer. */
static bool is_absent(const struct vl_asking *a)
{
	const struct vl_request *g = &a->get;
	int s = g->status;

	switch (a->absence) {
	case VL_IMAGE_MAY_TAG:
		return g->err.code == VL_E_GONE || s == 400 || s == 405 || s == 406;
	case VL_IMAGE_MAY_API:
		return g->err.code == VL_E_GONE || g->err.code == VL_E_REFUSED || g->err.code == VL_E_REDIRECT;
	default:
		return false;
	}
}

static void send(struct vl_asking *a)
{
	a->ref->waiting++;
	a->sent = true;
	a->one[0] = a->urls[a->at];
	a->get.urls = a->one_by_one ? a->one : (const char *const *)(a->urls + a->at);
	vl_net_add(a->ref->image->work->run->net, &a->get);
}

/* Where the used URL stands among all. */
static size_t used(const struct vl_asking *a)
{
	for (size_t i = a->at; i < a->n; i++)
		if (a->get.url_used && !strcmp(a->urls[i], a->get.url_used))
			return i;
	return a->at;
}

static bool next_registry(struct vl_asking *a, const struct vl_err *why)
{
	size_t i = used(a);
	VL_STR url = vl_url_public(a->urls[i]);

	if (vl_run_host_failed(why->code) || i + 1 >= a->n)
		return false;
	vl_emit_note(a->ref->image->work->run->job->env, "%s: %s; trying the next registry", url, why->msg);
	a->at = i + 1;
	send(a);
	return true;
}

static bool is_passed(const struct vl_asking *a, size_t i)
{
	const struct vl_candidate *c = vl_candidates_find(&a->ref->from, a->urls[i]);

	return c && c->passed;
}

/* What may be missing is missing here; perhaps not at the next registry. */
static void absent(struct vl_asking *a)
{
	size_t next = a->at + 1;

	while (a->one_by_one && next < a->n && is_passed(a, next))
		next++;
	if (a->one_by_one && next < a->n) {
		a->at = next;
		send(a);
	} else if (a->absent) {
		a->absent(a);
	}
}

/* The registry that has the image said that nothing is attached; another one cannot be reached. Said once. */
static bool passes_over(struct vl_asking *a)
{
	struct vl_candidate *c = vl_candidates_find(&a->ref->from, a->urls[a->at]);

	if (!a->absence || a->at == 0 || !c || vl_code_exit(a->get.err.code) != vl_code_exit(VL_E_NET))
		return false;
	if (!c->passed)
		vl_emit_warn(a->ref->image->work->run->job->env,
			     "%s; what it may have attached to the image is left out", a->get.err.msg);
	c->passed = true;
	return true;
}

static void failed(struct vl_asking *a)
{
	if (passes_over(a)) {
		absent(a);
		return;
	}
	if (a->absence && a->get.err.code == VL_E_REFUSED)
		vl_hint(&a->get.err, "Check the credentials, or set referrers: false to leave signatures out.");
	vl_image_ref_fail(a->ref, &a->get.err);
}

static void fail_at(const struct vl_asking *a, struct vl_err *why)
{
	VL_STR url = vl_url_public(a->urls[used(a)]);

	vl_while(why, "%s", url);
	fail_named(a->ref, why);
}

/* It may be sent once more, to the next registry. */
static void look_at(struct vl_asking *a)
{
	struct vl_err why = VL_ERR_INIT;

	if (!a->get.ok && is_absent(a))
		absent(a);
	else if (!a->get.ok)
		failed(a);
	else if (!a->take(a, &why) && !next_registry(a, &why))
		fail_at(a, &why);
}

static void done(struct vl_net *n, struct vl_request *g)
{
	struct vl_asking *a = vl_container_of(g, struct vl_asking, get);
	struct vl_image_ref *r = a->ref;

	(void)n;
	a->sent = false;
	r->waiting--;
	r->image->work->result->downloaded += g->bytes_moved;
	if (!r->failed)
		look_at(a);
	if (!a->sent)
		asking_free(a);
	vl_image_ref_advance(r);
}

void vl_image_ask(struct vl_asking *a)
{
	a->get.label = a->ref->label;
	a->get.registry = true;
	a->get.done = done;
	send(a);
}

void vl_image_ask_document(struct vl_asking *a)
{
	a->get.accept = VL_ACCEPT_DOCS;
	a->get.max = VL_DOC_MAX;
	vl_image_ask(a);
}

/* ---- documents ---- */

struct vl_image_doc *vl_image_find(const struct vl_image_ref *r, const struct vl_digest *d)
{
	for (size_t i = 0; i < r->n; i++)
		if (vl_digest_equal(&r->doc[i]->desc.digest, d))
			return r->doc[i];
	return NULL;
}

/* What the documents of the item may become, before the first of these is asked for. */
static bool has_room(const struct vl_image *m, size_t more, uint64_t bytes, struct vl_err *e)
{
	if (m->documents + more > VL_ITEM_DOCUMENTS_MAX)
		return vl_fail(e, VL_E_LIMIT, "the item has more than %u documents", VL_ITEM_DOCUMENTS_MAX);
	return m->document_bytes + bytes <= VL_ITEM_DOCUMENT_BYTES_MAX ||
	       vl_fail(e, VL_E_LIMIT, "the item has more than 256 MiB of documents");
}

static bool is_fit(const struct vl_desc *d, unsigned depth, struct vl_err *e)
{
	char oci[VL_DIGEST_OCI];

	vl_digest_oci(&d->digest, oci);
	if (depth > VL_INDEX_DEPTH_MAX)
		return vl_fail(e, VL_E_LIMIT, "its indexes are nested more than %u deep",
			       VL_INDEX_DEPTH_MAX - VL_IMAGE_DEPTH + 1);
	if (d->size > VL_DOC_MAX)
		return vl_fail(e, VL_E_LIMIT, "document %s has %" PRIu64 " bytes, more than the 4 MiB one may have",
			       oci, d->size);
	return vl_media_type_is_index(d->media_type) || vl_media_type_is_manifest(d->media_type) ||
	       vl_fail(e, VL_E_TYPE, "its index names a %s, which is neither an index nor a manifest", d->media_type);
}

static struct vl_image_doc *new_doc(struct vl_image_ref *r, const struct vl_desc *desc)
{
	struct vl_image_doc *d = vl_xcalloc(1, sizeof *d);

	vl_grow(&r->doc, r->n, &r->cap, sizeof(struct vl_image_doc *));
	r->doc[r->n++] = d;
	vl_desc_copy(&d->desc, desc);
	r->image->documents++;
	r->image->document_bytes += desc->size;
	return d;
}

static bool has_room_below(const struct vl_image_ref *r, const struct vl_image_doc *d, struct vl_err *e)
{
	uint64_t bytes = 0;
	size_t more = 0;

	for (size_t i = 0; i < d->doc.n; i++) {
		bool known = vl_image_find(r, &d->doc.child[i].digest);

		more += !known;
		bytes += known ? 0 : d->doc.child[i].size;
	}
	return has_room(r->image, more, bytes, e);
}

static void want_children(struct vl_image_ref *r, struct vl_image_doc *d)
{
	struct vl_err why = VL_ERR_INIT;

	if (d->whole && d->doc.is_index && !has_room_below(r, d, &why))
		fail_named(r, &why);
	for (size_t i = 0; i < d->doc.n && d->doc.is_index && !r->failed; i++) {
		const struct vl_desc *c = &d->doc.child[i];

		if (d->whole || (vl_media_type_is_index(c->media_type) &&
				 vl_image_may_lead(r->image->work->item, c)))
			vl_image_want(r, c, d->depth + 1, d->whole, d->carried);
	}
}

/* d->doc was just parsed. What the snapshot's own rules forbid is refused here, where the reference is known. */
static bool arrived(struct vl_image_ref *r, struct vl_image_doc *d, struct vl_err *e)
{
	char oci[VL_DIGEST_OCI];

	if (!vl_doc_check(&d->doc, false, vl_digest_oci(&d->desc.digest, oci), e)) {
		e->code = VL_E_TYPE;
		return false;
	}
	free(d->desc.artifact_type);
	d->desc.artifact_type = vl_xstrdup(d->doc.artifact_type);
	d->here = true;
	want_children(r, d);
	return true;
}

static bool take_document(struct vl_asking *a, struct vl_err *e)
{
	struct vl_image_doc *d = a->doc;
	char oci[VL_DIGEST_OCI];
	struct vl_digest sha;

	return vl_answer_parse(&a->get, vl_digest_oci(&d->desc.digest, oci), d->desc.media_type, &d->doc, e) &&
	       vl_store_put(a->ref->image->work->run->job->store, vl_buf_bytes(&a->get.body), &sha, e) &&
	       arrived(a->ref, d, e);
}

/* From the store: an option changed, or two images share it. */
static bool load_document(struct vl_image_ref *r, struct vl_image_doc *d)
{
	VL_CLEAN(vl_buf) text = VL_BUF_INIT(VL_DOC_MAX);
	const struct vl_store *s = r->image->work->run->job->store;
	struct vl_err why;

	return vl_store_has(s, &d->desc.digest, d->desc.size) &&
	       vl_store_get(s, &d->desc.digest, d->desc.size, &text, &why) &&
	       vl_doc_parse(&d->doc, vl_buf_bytes(&text), d->desc.media_type, "document", VL_E_CONTENT, &why);
}

static void ask_for(struct vl_image_ref *r, struct vl_image_doc *d)
{
	char oci[VL_DIGEST_OCI];
	struct vl_asking *a = vl_image_asking(r, "manifests", vl_digest_oci(&d->desc.digest, oci));

	a->doc = d;
	a->take = take_document;
	a->get.expect = d->desc.size;
	vl_image_ask_document(a);
}

struct vl_image_doc *vl_image_want(struct vl_image_ref *r, const struct vl_desc *desc, unsigned depth, bool whole,
				   bool carried)
{
	struct vl_err why = VL_ERR_INIT;
	struct vl_image_doc *d = vl_image_find(r, &desc->digest);

	if (!is_fit(desc, depth, &why) || (!d && !has_room(r->image, 1, desc->size, &why))) {
		fail_named(r, &why);
		return NULL;
	}
	if (d) {
		if (whole && carried)
			vl_image_carry(r, d);
		d->carried = d->carried || carried;
		return d;
	}
	d = new_doc(r, desc);
	d->depth = depth;
	d->whole = whole;
	d->carried = carried;
	if (!load_document(r, d))
		ask_for(r, d);
	else if (!arrived(r, d, &why))
		fail_named(r, &why);
	return d;
}

bool vl_image_take_answer(struct vl_asking *a, bool whole, bool carried, struct vl_image_doc **out, struct vl_err *e)
{
	struct vl_image_ref *r = a->ref;
	VL_CLEAN(vl_doc) doc = { .n = 0 };
	VL_CLEAN(vl_desc) desc = { .media_type = NULL };
	struct vl_digest sha;
	struct vl_image_doc *d;

	if (!vl_answer_parse(&a->get, "", NULL, &doc, e) ||
	    !vl_store_put(r->image->work->run->job->store, vl_buf_bytes(&a->get.body), &sha, e))
		return false;
	vl_desc_init(&desc, doc.media_type, &sha, a->get.body.len);
	/* It is in the store: this asks nobody. */
	d = vl_image_want(r, &desc, VL_IMAGE_DEPTH, whole, carried);
	if (d && out)
		*out = d;
	return true;
}

/* An index may name itself only by a broken hash, but two may name each other's children: each is visited once. */
void vl_image_carry(struct vl_image_ref *r, struct vl_image_doc *d)
{
	bool before = d->carried && d->whole;

	d->carried = d->whole = true;
	if (!before && d->here)
		want_children(r, d);
}

/* ---- small blobs ---- */

static bool take_small(struct vl_asking *a, struct vl_err *e)
{
	struct vl_digest sha;

	vl_sha256_of(vl_buf_bytes(&a->get.body), &sha);
	if (!vl_digest_equal(&sha, &a->digest))
		return vl_fail(e, VL_E_CONTENT, "the signature's payload does not have its digest");
	return vl_store_put(a->ref->image->work->run->job->store, vl_buf_bytes(&a->get.body), &sha, e);
}

void vl_image_want_small(struct vl_image_ref *r, const struct vl_desc *d)
{
	char oci[VL_DIGEST_OCI];
	struct vl_asking *a;

	if (d->size > SMALL_MAX || vl_store_has(r->image->work->run->job->store, &d->digest, d->size))
		return;
	a = vl_image_asking(r, "blobs", vl_digest_oci(&d->digest, oci));
	a->take = take_small;
	a->digest = d->digest;
	a->get.max = SMALL_MAX;
	a->get.expect = d->size;
	vl_image_ask(a);
}
