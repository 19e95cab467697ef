/* SPDX-License-Identifier: Apache-2.0 */
/* sources/image.c: container images, and whatever else lives in registries.
 * In:    references, platforms, the wish for what is attached, a key that must have signed.
 * Out:   one index per item (VL_ARTIFACT_IMAGES) whose children are the images, byte for byte as upstream has them.
 * Keeps: what is known from last time holds as long as the options are the same and everything is still in the store:
 *        then a tag is asked for with one HEAD and nothing else. One reference that fails fails the item. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "sources/image.h"

#define KEY_MAX 65536

/* ---- the item ---- */

static char *key_path(const struct vl_work *w)
{
	const char *text = w->item->cosign_key;

	return text[0] == '/' ? vl_xstrdup(text) : vl_xprintf("%s/%s", w->run->job->list->dir, text);
}

/* The key's content, not its name: another key in the same file is another question. */
static bool load_key(struct vl_image *m, struct vl_digest *sha, struct vl_err *e)
{
	VL_CLEAN(vl_buf) text = VL_BUF_INIT(KEY_MAX);
	VL_STR path = key_path(m->work);
	bool absent = false;

	if (!vl_pem_load(&m->key, path, e) || !vl_load_file(AT_FDCWD, path, &text, &absent, e))
		return false;
	vl_sha256_of(vl_buf_bytes(&text), sha);
	return true;
}

static char *options_text(const struct vl_item *item, const struct vl_digest *key)
{
	char *text = vl_xprintf("%s", item->referrers ? "referrers" : "alone"), hex[VL_DIGEST_HEX];

	for (unsigned i = 0; i < item->platforms_count; i++) {
		char *longer = vl_xprintf("%s %s", text, item->platforms[i]);

		free(text);
		text = longer;
	}
	if (item->cosign_key) {
		char *longer = vl_xprintf("%s key %s", text, vl_digest_hex(key, hex));

		free(text);
		text = longer;
	}
	return text;
}

/* ---- what is known ---- */

static struct vl_image_known *load_known(struct vl_image *m, const struct vl_desc *d)
{
	struct vl_image_known *k = vl_xcalloc(1, sizeof *k);
	struct vl_store *s = m->work->run->job->store;
	VL_CLEAN(vl_closure) whole = { .n = 0 };
	struct vl_err why;

	vl_grow(&m->known, m->n_known, &m->cap_known, sizeof(struct vl_image_known *));
	m->known[m->n_known++] = k;
	k->digest = d->digest;
	k->good = vl_store_closure(s, &d->digest, d->size, &whole, &why) &&
		  vl_store_snapshot(s, &d->digest, d->size, &k->doc, &why);
	return k;
}

/* The index that a reference became part of, when nothing of it is missing. */
static const struct vl_doc *known_index(struct vl_image *m, const struct vl_desc *d)
{
	struct vl_image_known *k = NULL;

	for (size_t i = 0; i < m->n_known && !k; i++)
		if (vl_digest_equal(&m->known[i]->digest, &d->digest))
			k = m->known[i];
	if (!k)
		k = load_known(m, d);
	return k->good ? &k->doc : NULL;
}

static bool prepare_ref(struct vl_image *m, struct vl_image_ref *r, const char *text, struct vl_err *e)
{
	VL_STR which = vl_xprintf("%s %s", m->options, text);

	r->image = m;
	if (!vl_ref_parse(&r->parsed, text, e) ||
	    !vl_candidates_add(&r->from, m->work->run->job->conf, text, "latest", e))
		return false;
	if (!r->parsed.tag[0] && !r->parsed.digest[0])
		memcpy(r->parsed.tag, "latest", sizeof "latest");
	r->label = vl_xprintf("%s/%s%s%s", r->parsed.host, r->parsed.name, r->parsed.tag[0] ? ":" : "@",
			      r->parsed.tag[0] ? r->parsed.tag : r->parsed.digest);
	vl_run_key("image", which, r->key);
	if (vl_cached_load(m->work->run, r->key, &r->known) && r->known.pin)
		r->known_index = known_index(m, &r->known.desc);
	return true;
}

static bool begin(struct vl_work *w, struct vl_err *e)
{
	struct vl_image *m = vl_xcalloc(1, sizeof *m);
	struct vl_digest sha = { .b = { 0 } };

	w->priv = m;
	m->work = w;
	if (w->item->cosign_key && !load_key(m, &sha, e))
		return false;
	m->options = options_text(w->item, &sha);
	m->ref = vl_xcalloc(w->item->images_count + 1, sizeof *m->ref);
	for (; m->n < w->item->images_count; m->n++)
		if (!prepare_ref(m, &m->ref[m->n], w->item->images[m->n], e)) {
			m->n++; /* it is cleared like the others */
			return false;
		}
	for (size_t i = 0; i < m->n; i++)
		vl_image_ref_begin(&m->ref[i]);
	return true;
}

/* ---- the end ---- */

static bool check_blob(struct vl_image_ref *r, const struct vl_desc *d, bool layer, struct vl_err *e)
{
	bool came;

	if (!vl_blobs_check(r, d, &came, e))
		return false;
	r->blobs += layer;
	r->blobs_new += layer && came;
	return true;
}

static bool check_blobs(struct vl_image_ref *r, struct vl_err *e)
{
	for (size_t i = 0; i < r->n; i++) {
		const struct vl_image_doc *d = r->doc[i];

		if (!d->carried || d->doc.is_index)
			continue;
		if (!check_blob(r, &d->doc.config, false, e))
			return false;
		for (size_t k = 0; k < d->doc.n; k++)
			if (!check_blob(r, &d->doc.child[k], !d->generation, e))
				return false;
	}
	return true;
}

/* The reference's name stands in front already when net said it. */
static bool name_ref(const struct vl_image_ref *r, struct vl_err *e)
{
	size_t len = strlen(r->label);

	return !strncmp(e->msg, r->label, len) && e->msg[len] == ':' ? false : vl_while(e, "%s", r->label);
}

static bool settle_ref(struct vl_image_ref *r, struct vl_err *e)
{
	if (r->failed) {
		*e = r->err;
		return name_ref(r, e);
	}
	if (r->reused || r->twin)
		return true;
	if (r->stage != VL_IMAGE_DONE)
		return vl_fail(e, VL_E_INTERNAL, "%s: nobody answered", r->label);
	return check_blobs(r, e) || name_ref(r, e);
}

/* The first failure is the item's; the others are told, so that one run shows all. */
static bool settle_refs(struct vl_image *m, struct vl_err *e)
{
	bool good = true;

	for (size_t i = 0; i < m->n; i++) {
		struct vl_err why = VL_ERR_INIT;

		if (settle_ref(&m->ref[i], &why))
			continue;
		if (good)
			*e = why;
		else
			vl_emit_warn(m->work->run->job->env, "%s: %s", m->work->item->name, why.msg);
		good = false;
	}
	return good;
}

/* A reference that is no index has one platform, be it the wanted one or not. */
static void warn_platform(const struct vl_image_ref *r)
{
	const struct vl_item *item = r->image->work->item;
	const struct vl_run *run = r->image->work->run;
	struct vl_platform p = { .os = NULL };

	if (r->reused || r->twin || r->root->doc.is_index || !vl_digest_equal(&r->root->desc.digest, &r->top) ||
	    vl_image_wants_all(item) || !vl_image_config_platform(run->job->store, &r->root->doc, &p)) {
		vl_image_platform_clear(&p);
		return;
	}
	for (unsigned i = 0; i < item->platforms_count; i++)
		if (vl_platform_matches(&p, item->platforms[i])) {
			vl_image_platform_clear(&p);
			return;
		}
	VL_STR is = vl_platform_text(&p);

	vl_emit_warn(run->job->env, "%s: %s is for %s only, and %s was asked for", item->name, r->label, is,
		     item->platforms[0]);
	vl_image_platform_clear(&p);
}

static void tell_moved(const struct vl_image_ref *r)
{
	const struct vl_work *w = r->image->work;

	if (r->reused || r->twin || !r->known.pin || vl_digest_equal(&r->known.upstream, &r->top))
		return;
	vl_emit_note(w->run->job->env, "%s: %s moved, %zu of %zu layers new", w->item->name, r->label, r->blobs_new,
		     r->blobs);
}

/* ---- for the next time ---- */

static bool remember(struct vl_image_ref *r, const struct vl_desc *index, struct vl_err *e)
{
	const struct vl_image_ref *by = r->twin ? r->twin : r;
	VL_CLEAN(vl_cached) c = { .upstream = r->top, .fetched = r->image->work->run->job->env->now };
	char oci[VL_DIGEST_OCI];

	c.pin = vl_xstrdup(by->reused ? by->known.pin : vl_digest_oci(&by->root->desc.digest, oci));
	if (r->reused && vl_digest_equal(&r->known.desc.digest, &index->digest))
		return true;
	vl_desc_copy(&c.desc, index);
	return vl_cached_save(r->image->work->run, r->key, &c, e);
}

static char *source_text(const struct vl_image *m)
{
	if (m->n == 1)
		return vl_xstrdup(m->ref[0].label);
	return vl_xprintf("%s and %zu more", m->ref[0].label, m->n - 1);
}

static bool finish(struct vl_work *w, struct vl_made *out, struct vl_err *e)
{
	struct vl_image *m = w->priv;

	if (!settle_refs(m, e) || !vl_image_make(m, &out->desc, e))
		return false;
	for (size_t i = 0; i < m->n; i++) {
		warn_platform(&m->ref[i]);
		tell_moved(&m->ref[i]);
		if (!remember(&m->ref[i], &out->desc, e))
			return false;
	}
	out->source = source_text(m);
	out->fetched = w->run->job->env->now;
	return true;
}

static void drop(struct vl_work *w)
{
	struct vl_image *m = w->priv;

	if (!m)
		return;
	for (size_t i = 0; i < m->n; i++)
		vl_image_ref_clear(&m->ref[i]);
	for (size_t i = 0; i < m->n_known; i++) {
		vl_doc_clear(&m->known[i]->doc);
		free(m->known[i]);
	}
	free(m->known);
	free(m->ref);
	free(m->options);
	vl_pem_key_free(m->key);
	free(m);
}

const struct vl_source vl_source_image = {
	.type = "image", .artifact_type = VL_ARTIFACT_IMAGES, .begin = begin, .finish = finish, .drop = drop,
};
/* The packing list has made references of the analyzers' names. */
const struct vl_source vl_source_gitlab_analyzers = {
	.type = "gitlab-analyzers", .artifact_type = VL_ARTIFACT_IMAGES, .begin = begin, .finish = finish, .drop = drop,
};
