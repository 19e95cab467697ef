/* SPDX-License-Identifier: Apache-2.0 */
/* sources/image_attached.c: signatures, attestations, SBOMs: what points at an image without being part of it.
 * In:    the documents of a reference.
 * Out:   what is attached to them, found through the referrers API, its fallback tag, and cosign's tags.
 * Keeps: what a registry lists as attached says so itself, in its subject; attached to attached goes on, but not for
 *        ever. */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/text.h"
#include "sources/cosign.h"
#include "sources/image.h"

#define PAGES_MAX 1000 /* of one reference */
#define GENERATIONS 3u /* a signature, its attestation, that one's signature */
#define TOLD 8u

static bool carries(const struct vl_image_ref *r)
{
	return r->image->work->item->referrers;
}

/* A registry may list thousands of strange things: each is a line for the operator. */
static void left_out(struct vl_image_ref *r, const char *fmt, ...) VL_PRINTF(2, 3);
static void left_out(struct vl_image_ref *r, const char *fmt, ...)
{
	const struct vl_env *env = r->image->work->run->job->env;
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (r->left_out < TOLD && vasprintf(&text, fmt, ap) >= 0)
		vl_emit_warn(env, "%s: %s", r->label, text);
	va_end(ap);
	free(text);
	if (r->left_out++ == TOLD)
		vl_emit_warn(env, "%s: more that seems to be attached is left out", r->label);
}

/* ---- found ---- */

static void add_name(struct vl_image_doc *d, const char *name)
{
	char *both;

	if (!d->name) {
		d->name = vl_xstrdup(name);
		return;
	}
	if (strstr(d->name, name))
		return;
	both = vl_xprintf("%s %s", d->name, name);
	free(d->name);
	d->name = both;
}

static void attach(struct vl_image_doc *d, const struct vl_asking *a)
{
	if (d->generation)
		return;
	d->generation = a->generation;
	d->subject = a->digest;
}

/* The image under the name of its own signature: whoever answers so wants it to be taken for something that need not be
 * signed. */
static bool is_own_part(const struct vl_asking *a)
{
	const struct vl_image_ref *r = a->ref;
	const struct vl_image_doc *d;
	struct vl_digest sha;

	vl_sha256_of(vl_buf_bytes(&a->get.body), &sha);
	d = vl_image_find(r, &sha);
	if (!d || d->generation)
		return false;
	left_out(a->ref, "%s is part of the image itself; nothing is attached there", a->name);
	return true;
}

static bool take_tag(struct vl_asking *a, struct vl_err *e)
{
	struct vl_image_doc *d = NULL;

	if (is_own_part(a))
		return true;
	if (!vl_image_take_answer(a, false, false, &d, e))
		return false;
	if (d) {
		attach(d, a);
		add_name(d, a->name);
	}
	return true;
}

/* Whether it is attached indeed, it says itself when it comes. What is part of the image is carried as such. */
static void take_entry(struct vl_asking *a, const struct vl_desc *entry)
{
	struct vl_image_ref *r = a->ref;
	struct vl_image_doc *d = vl_image_find(r, &entry->digest);
	char oci[VL_DIGEST_OCI];

	if (!vl_media_type_is_index(entry->media_type) && !vl_media_type_is_manifest(entry->media_type)) {
		left_out(r, "what is attached as %s is left out: valise knows no %s",
			 vl_digest_oci(&entry->digest, oci), entry->media_type);
		return;
	}
	if (d && !d->generation)
		return;
	if (!d)
		d = vl_image_want(r, entry, VL_IMAGE_DEPTH, false, false);
	if (!d)
		return;
	attach(d, a);
	d->listed = true;
}

static struct vl_asking *asking(struct vl_image_ref *r, const char *kind, const char *what,
				const struct vl_digest *subject, unsigned generation);
static bool take_list(struct vl_asking *a, struct vl_err *e);

/* Registries with much to list do it in pages, with a Link to the next. A signature on a later page counts, too. */
static void ask_next_page(struct vl_asking *of)
{
	struct vl_image_ref *r = of->ref;
	const char *url = of->get.url_used ? of->get.url_used : of->urls[of->at];
	bool astray;
	VL_STR next = vl_link_next(url, of->get.link, &astray);
	struct vl_asking *a;

	if (next && ++r->pages <= PAGES_MAX) {
		a = asking(r, "referrers", "", &of->digest, of->generation);
		vl_texts_free(a->urls);
		a->urls = vl_xcalloc(2, sizeof *a->urls);
		a->urls[0] = vl_steal(&next);
		a->n = 1;
		a->absence = VL_IMAGE_MUST;
		a->take = take_list;
		vl_image_ask_document(a);
	} else if (next || astray) {
		vl_emit_warn(r->image->work->run->job->env,
			     "%s: the list of what is attached goes on where valise does not follow; the rest is left "
			     "out", r->label);
	}
}

static bool take_list(struct vl_asking *a, struct vl_err *e)
{
	struct vl_image_ref *r = a->ref;
	VL_CLEAN(vl_doc) list = { .n = 0 };

	if (!vl_doc_parse(&list, vl_buf_bytes(&a->get.body), NULL, "the list of referrers", VL_E_CONTENT, e))
		return false;
	for (size_t i = 0; list.is_index && i < list.n && !r->failed; i++)
		take_entry(a, &list.child[i]);
	if (!r->failed)
		ask_next_page(a);
	return true;
}

/* ---- asked ---- */

static struct vl_asking *asking(struct vl_image_ref *r, const char *kind, const char *what,
				const struct vl_digest *subject, unsigned generation)
{
	struct vl_asking *a = vl_image_asking(r, kind, what);

	a->digest = *subject;
	a->generation = generation;
	a->absence = VL_IMAGE_MAY_TAG;
	a->one_by_one = true;
	return a;
}

static void ask_cosign_tag(struct vl_image_ref *r, const struct vl_digest *subject, unsigned generation,
			   const char *suffix)
{
	char hex[VL_DIGEST_HEX];
	VL_STR tag = vl_xprintf("sha256-%s%s", vl_digest_hex(subject, hex), suffix);
	struct vl_asking *a = asking(r, "manifests", tag, subject, generation);

	a->name = vl_xprintf("%s/%s:%s", r->parsed.host, r->parsed.name, tag);
	a->take = take_tag;
	vl_image_ask_document(a);
}

static void ask_fallback(struct vl_asking *of)
{
	char hex[VL_DIGEST_HEX];
	VL_STR tag = vl_xprintf("sha256-%s", vl_digest_hex(&of->digest, hex));
	struct vl_asking *a = asking(of->ref, "manifests", tag, &of->digest, of->generation);

	a->take = take_list;
	vl_image_ask_document(a);
}

/* Some registries answer every path with a page of their web site. */
static bool take_referrers(struct vl_asking *a, struct vl_err *e)
{
	VL_CLEAN(vl_doc) list = { .n = 0 };
	struct vl_err why;

	if (a->get.content_type && !strcmp(a->get.content_type, VL_MT_INDEX) &&
	    vl_doc_parse(&list, vl_buf_bytes(&a->get.body), VL_MT_INDEX, "list", VL_E_CONTENT, &why))
		return take_list(a, e);
	ask_fallback(a);
	return true;
}

static void ask_about(struct vl_image_ref *r, const struct vl_digest *subject, unsigned generation)
{
	char oci[VL_DIGEST_OCI];
	struct vl_asking *a = asking(r, "referrers", vl_digest_oci(subject, oci), subject, generation);

	a->absence = VL_IMAGE_MAY_API;
	a->take = take_referrers;
	a->absent = ask_fallback;
	vl_image_ask_document(a);
	ask_cosign_tag(r, subject, generation, ".sig");
	if (!carries(r))
		return;
	ask_cosign_tag(r, subject, generation, ".att");
	ask_cosign_tag(r, subject, generation, ".sbom");
}

/* The registry's word alone is not enough: a manifest of anything could be listed. */
static void settle_listed(struct vl_image_ref *r, struct vl_image_doc *d)
{
	char oci[VL_DIGEST_OCI];
	VL_STR name = vl_xprintf("%s/%s@%s", r->parsed.host, r->parsed.name, vl_digest_oci(&d->desc.digest, oci));

	d->listed = false;
	if (d->doc.subject.media_type && vl_digest_equal(&d->doc.subject.digest, &d->subject)) {
		add_name(d, name);
		return;
	}
	left_out(r, "%s is listed as attached, but does not say so itself; it is left out", oci);
	if (!d->name) /* no tag says so either */
		d->generation = 0;
}

/* Only now all below it is wanted. */
static void settle(struct vl_image_ref *r, struct vl_image_doc *d)
{
	if (!d->generation || !d->here)
		return;
	if (d->listed)
		settle_listed(r, d);
	if (d->generation && carries(r))
		vl_image_carry(r, d);
}

/* What was made here nobody can have signed; what is only looked at matters when it is the top. */
static bool is_asked_about(const struct vl_image_ref *r, const struct vl_image_doc *d)
{
	bool is_top = vl_digest_equal(&d->desc.digest, &r->top);

	return !d->asked && d->here && !d->made && (is_top || d->part || (d->generation && d->carried)) &&
	       d->generation < GENERATIONS;
}

void vl_image_ask_attached(struct vl_image_ref *r)
{
	size_t n = r->n; /* what comes meanwhile has its turn later */

	for (size_t i = 0; i < n && !r->failed; i++)
		settle(r, r->doc[i]);
	for (size_t i = 0; i < n && !r->failed; i++) {
		struct vl_image_doc *d = r->doc[i];

		if (!is_asked_about(r, d))
			continue;
		d->asked = true;
		ask_about(r, &d->desc.digest, d->generation + 1);
	}
}

/* ---- signatures ---- */

static bool is_signature(const struct vl_image_doc *d)
{
	for (size_t i = 0; d->generation == 1 && !d->doc.is_index && i < d->doc.n; i++)
		if (vl_cosign_is_layer(d->doc.child[i].media_type))
			return true;
	return false;
}

void vl_image_want_payloads(struct vl_image_ref *r)
{
	for (size_t i = 0; i < r->n; i++) {
		const struct vl_doc *d = &r->doc[i]->doc;

		if (!is_signature(r->doc[i]) || d->n > VL_COSIGN_MAX)
			continue;
		for (size_t k = 0; k < d->n; k++)
			if (vl_cosign_is_layer(d->child[k].media_type))
				vl_image_want_small(r, &d->child[k]);
	}
}

static bool is_signed(const struct vl_image_ref *r, const struct vl_digest *image, struct vl_err *e)
{
	char oci[VL_DIGEST_OCI];
	bool any = false;

	for (size_t i = 0; i < r->n; i++) {
		const struct vl_image_doc *d = r->doc[i];

		if (!is_signature(d) || !vl_digest_equal(&d->subject, image))
			continue;
		any = true;
		if (vl_cosign_verify(r->image->work->run->job->store, &d->doc, r->image->key, image, e))
			return true;
	}
	return any ? false : vl_fail(e, VL_E_UPSTREAM_SIG, "%s has no signature of cosign", vl_digest_oci(image, oci));
}

/* Some publishers sign the index, some the manifests in it. All of the image that is carried must be signed then. */
bool vl_image_check_signature(struct vl_image_ref *r, struct vl_err *e)
{
	struct vl_err why = VL_ERR_INIT;
	bool any = false;

	if (is_signed(r, &r->top, e))
		return true;
	for (size_t i = 0; i < r->n; i++) {
		const struct vl_image_doc *d = r->doc[i];

		if (!d->part || d->doc.is_index)
			continue;
		any = true;
		if (!is_signed(r, &d->desc.digest, &why))
			return false;
	}
	return any;
}
