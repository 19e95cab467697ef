/* SPDX-License-Identifier: Apache-2.0 */
/* sources/image_ref.c: one reference, from its name to its blobs.
 * In:    a reference, its registries, what is known from last time.
 * Out:   r->root and all below it in the store or on its way; or r->err.
 * Keeps: the first registry that answers a tag decides the digest; from then on everything is asked for by digest. A
 *        tag that did not move costs one HEAD, a digest that is here costs nothing. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/text.h"
#include "sources/image.h"

static const struct vl_item *item_of(const struct vl_image_ref *r)
{
	return r->image->work->item;
}

/* ---- the top: what the reference names ---- */

/* Who answered has it: first for everything else. Those before it have not, or cannot be reached. */
static void prefer(struct vl_image_ref *r, const char *url_used)
{
	struct vl_candidate *used = url_used ? vl_candidates_find(&r->from, url_used) : NULL, first;
	size_t i = used ? (size_t)(used - r->from.v) : 0;

	if (!i)
		return;
	first = *used;
	for (size_t k = 0; k < i; k++)
		r->from.v[k].passed = true;
	memmove(&r->from.v[1], &r->from.v[0], i * sizeof first);
	r->from.v[0] = first;
}

/* An earlier reference of the same repository that names the same does the work for both. */
static struct vl_image_ref *twin_of(const struct vl_image_ref *r)
{
	for (size_t i = 0; i < r->image->n; i++) {
		struct vl_image_ref *o = &r->image->ref[i];

		if (o != r && o->has_top && !o->twin && vl_digest_equal(&o->top, &r->top) &&
		    !strcmp(o->parsed.host, r->parsed.host) && !strcmp(o->parsed.name, r->parsed.name))
			return o;
	}
	return NULL;
}

static void reuse(struct vl_image_ref *r)
{
	r->has_top = r->reused = true;
	r->top = r->known.upstream;
	r->stage = VL_IMAGE_DONE;
}

/* True: nothing is left to be asked. */
static bool settle_top(struct vl_image_ref *r, const struct vl_digest *top)
{
	r->top = *top;
	if (r->known_index && vl_digest_equal(top, &r->known.upstream)) {
		reuse(r);
		return true;
	}
	r->twin = twin_of(r);
	r->has_top = true;
	r->stage = r->twin ? VL_IMAGE_DONE : VL_IMAGE_TREE;
	return r->twin != NULL;
}

static bool take_top(struct vl_asking *a, struct vl_err *e)
{
	struct vl_image_ref *r = a->ref;
	const char *wanted = strrchr(a->get.url_used, '/') + 1;
	bool all = vl_image_wants_all(item_of(r));
	struct vl_digest sha;

	if (!vl_answer_check(&a->get, wanted, e))
		return false;
	vl_sha256_of(vl_buf_bytes(&a->get.body), &sha);
	prefer(r, a->get.url_used);
	if (settle_top(r, &sha))
		return true;
	if (vl_image_take_answer(a, all, all, &r->root, e))
		return true;
	r->has_top = false; /* the next registry may have another */
	r->stage = VL_IMAGE_TOP;
	return false;
}

static void ask_top(struct vl_image_ref *r, const char *version)
{
	struct vl_asking *a = vl_image_asking(r, "manifests", version);

	a->take = take_top;
	vl_image_ask_document(a);
}

static void ask_tag(struct vl_asking *a)
{
	ask_top(a->ref, a->ref->parsed.tag);
}

static bool take_head(struct vl_asking *a, struct vl_err *e)
{
	struct vl_image_ref *r = a->ref;
	char oci[VL_DIGEST_OCI];
	struct vl_digest top;

	(void)e;
	prefer(r, a->get.url_used);
	if (!a->get.docker_digest || !vl_digest_parse_oci(&top, a->get.docker_digest))
		ask_tag(a);
	else if (!settle_top(r, &top)) {
		r->has_top = false;
		r->stage = VL_IMAGE_TOP;
		ask_top(r, vl_digest_oci(&top, oci));
	}
	return true;
}

/* A registry that knows no HEAD is asked with GET. */
static void ask_head(struct vl_image_ref *r)
{
	struct vl_asking *a = vl_image_asking(r, "manifests", r->parsed.tag);

	a->get.method = VL_HEAD;
	a->take = take_head;
	a->absence = VL_IMAGE_MAY_API;
	a->absent = ask_tag;
	vl_image_ask_document(a);
}

void vl_image_ref_begin(struct vl_image_ref *r)
{
	if (!r->parsed.digest[0])
		r->known_index ? ask_head(r) : ask_top(r, r->parsed.tag);
	else if (r->known_index)
		reuse(r);
	else
		ask_top(r, r->parsed.digest);
}

/* ---- stages ---- */

static bool check_layers(const struct vl_image_ref *r, const struct vl_image_doc *d, struct vl_err *e)
{
	uint64_t max = r->image->work->run->job->conf->max_download;

	for (size_t i = 0; i < d->doc.n; i++)
		if (d->doc.child[i].size > max)
			return vl_fail(e, VL_E_LIMIT, "a layer has %" PRIu64 " bytes; max-download in valise.conf "
				       "allows %" PRIu64, d->doc.child[i].size, max);
	return true;
}

/* All limits first: then work begins, or none does. */
static bool want_blobs(struct vl_image_ref *r, struct vl_err *e)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->doc[i]->carried && !r->doc[i]->doc.is_index && !check_layers(r, r->doc[i], e))
			return false;
	for (size_t i = 0; i < r->n; i++) {
		const struct vl_image_doc *d = r->doc[i];

		if (!d->carried || d->doc.is_index)
			continue;
		vl_blobs_want(r, &d->doc.config);
		for (size_t k = 0; k < d->doc.n; k++)
			vl_blobs_want(r, &d->doc.child[k]);
	}
	vl_blobs_begin(r->image->work->run);
	r->stage = VL_IMAGE_DONE;
	return true;
}

static bool step(struct vl_image_ref *r, struct vl_err *e)
{
	const struct vl_item *item = item_of(r);

	switch (r->stage) {
	case VL_IMAGE_TREE:
		r->stage = VL_IMAGE_LEAVES;
		return vl_image_pick(r, e);
	case VL_IMAGE_LEAVES:
		vl_image_mark_parts(r);
		r->stage = item->referrers || r->image->key ? VL_IMAGE_ATTACHED : VL_IMAGE_BLOBS;
		return true;
	case VL_IMAGE_ATTACHED:
		vl_image_ask_attached(r);
		if (r->waiting)
			return true;
		r->stage = VL_IMAGE_SIGNATURES;
		if (r->image->key)
			vl_image_want_payloads(r);
		return true;
	case VL_IMAGE_SIGNATURES:
		r->stage = VL_IMAGE_BLOBS;
		return !r->image->key || vl_image_check_signature(r, e);
	default:
		return want_blobs(r, e);
	}
}

void vl_image_ref_advance(struct vl_image_ref *r)
{
	struct vl_err why = VL_ERR_INIT;

	while (!r->failed && !r->waiting && r->stage != VL_IMAGE_TOP && r->stage != VL_IMAGE_DONE) {
		if (step(r, &why))
			continue;
		vl_while(&why, "%s", r->label);
		vl_image_ref_fail(r, &why);
	}
}

static void doc_free(struct vl_image_doc *d)
{
	vl_desc_clear(&d->desc);
	vl_doc_clear(&d->doc);
	free(d->name);
	free(d);
}

void vl_image_ref_clear(struct vl_image_ref *r)
{
	vl_image_askings_free(r);
	for (size_t i = 0; i < r->n; i++)
		doc_free(r->doc[i]);
	free(r->doc);
	vl_candidates_clear(&r->from);
	vl_cached_clear(&r->known);
	free(r->label);
}
