/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline/content.c: from an item's descriptor to its blobs and its images.
 * In:    descriptors, and somewhere to get documents from; both may be foreign.
 * Out:   sets of blobs, lists of images with their names and platforms.
 * Keeps: bounded work: a document is read once for one item however often it is named. */
#include "pipeline/content.h"

#include <stdlib.h>

#include "base/json.h"
#include "store/docgraph.h"

#define UNKNOWN "unknown"

/* ---- blobs ---- */
void vl_blob_set_clear(struct vl_blob_set *s)
{
	vl_digests_clear(&s->index);
	free(s->v);
	*s = (struct vl_blob_set){ 0 };
}

bool vl_blob_set_has(const struct vl_blob_set *s, const struct vl_digest *d)
{
	return vl_digests_find(&s->index, d) != VL_DIGESTS_NONE;
}

static void add_blob(struct vl_blob_set *s, const struct vl_digest *digest, uint64_t size)
{
	uint32_t number;

	if (!vl_digests_add(&s->index, digest, &number))
		return;
	vl_grow(&s->v, s->n, &s->cap, sizeof *s->v);
	s->v[s->n++] = (struct vl_blob_ref){ .digest = *digest, .size = size };
}

struct walk {
	const struct vl_docs *docs;
	struct vl_blob_set *out;
	struct vl_digests seen; /* documents */
	struct vl_docshare share;
};

static void walk_clear(struct walk *w)
{
	vl_digests_clear(&w->seen);
}
VL_DEFINE_CLEAN(walk)

static bool walk(struct walk *w, const struct vl_desc *d, unsigned depth, struct vl_err *e)
{
	VL_CLEAN(vl_doc) doc = { 0 };
	uint32_t number;

	if (!vl_digests_add(&w->seen, &d->digest, &number))
		return true;
	if (!vl_docshare_depth(depth, e) || !vl_docshare_add(&w->share, d->size, e) ||
	    !w->docs->get(w->docs->ctx, d, &doc, e))
		return false;
	add_blob(w->out, &d->digest, d->size);
	if (!doc.is_index && doc.config.media_type)
		add_blob(w->out, &doc.config.digest, doc.config.size);
	for (size_t i = 0; i < doc.n; i++) {
		if (!doc.is_index)
			add_blob(w->out, &doc.child[i].digest, doc.child[i].size);
		else if (!walk(w, &doc.child[i], depth + 1, e))
			return false;
	}
	return true;
}

bool vl_blob_set_add(struct vl_blob_set *s, const struct vl_docs *docs, const struct vl_desc *root, struct vl_err *e)
{
	VL_CLEAN(walk) w = { .docs = docs, .out = s };

	return walk(&w, root, 2, e);
}

void vl_blob_set_join(struct vl_blob_set *s, const struct vl_blob_set *other)
{
	for (size_t i = 0; i < other->n; i++)
		add_blob(s, &other->v[i].digest, other->v[i].size);
}

uint64_t vl_blob_set_bytes(const struct vl_blob_set *s)
{
	return vl_blob_set_new(s, &(struct vl_blob_set){ 0 });
}

uint64_t vl_blob_set_new(const struct vl_blob_set *s, const struct vl_blob_set *other)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < s->n; i++)
		if (!vl_blob_set_has(other, &s->v[i].digest) && __builtin_add_overflow(bytes, s->v[i].size, &bytes))
			return UINT64_MAX;
	return bytes;
}

void vl_sharing_clear(struct vl_sharing *s)
{
	vl_digests_clear(&s->all);
	free(s->owner);
	free(s->shared);
	*s = (struct vl_sharing){ 0 };
}

void vl_sharing_add(struct vl_sharing *s, const struct vl_blob_set *set, size_t owner)
{
	for (size_t i = 0; i < set->n; i++) {
		uint32_t number;

		if (!vl_digests_add(&s->all, &set->v[i].digest, &number)) {
			s->shared[number] |= s->owner[number] != owner;
			continue;
		}
		vl_grow(&s->owner, number, &s->cap_owner, sizeof *s->owner);
		vl_grow(&s->shared, number, &s->cap_shared, sizeof *s->shared);
		s->owner[number] = owner;
		s->shared[number] = false;
	}
}

uint64_t vl_sharing_bytes(const struct vl_sharing *s, const struct vl_blob_set *set)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < set->n; i++) {
		uint32_t number = vl_digests_find(&s->all, &set->v[i].digest);

		/* "{}", the config of every artifact, says nothing about them. */
		if (number != VL_DIGESTS_NONE && s->shared[number] && set->v[i].size > strlen(VL_EMPTY_JSON))
			bytes += set->v[i].size;
	}
	return bytes;
}

/* ---- images ---- */
void vl_named_image_clear(struct vl_named_image *i)
{
	vl_desc_clear(&i->desc);
	for (size_t k = 0; k < i->n; k++)
		free(i->name[k]);
	free(i->name);
	*i = (struct vl_named_image){ 0 };
}

void vl_named_image_add_name(struct vl_named_image *i, const char *name, size_t len)
{
	vl_grow(&i->name, i->n, &i->cap, sizeof *i->name);
	i->name[i->n++] = vl_xstrndup(name, len);
}

void vl_named_images_clear(struct vl_named_images *l)
{
	for (size_t i = 0; i < l->n; i++)
		vl_named_image_clear(&l->v[i]);
	free(l->v);
	*l = (struct vl_named_images){ 0 };
}

struct vl_named_image *vl_named_images_add(struct vl_named_images *l)
{
	vl_grow(&l->v, l->n, &l->cap, sizeof *l->v);
	l->v[l->n] = (struct vl_named_image){ 0 };
	return &l->v[l->n++];
}

static void add_child(struct vl_named_images *out, const struct vl_desc *child)
{
	struct vl_named_image *i = vl_named_images_add(out);
	const char *names = vl_desc_get(child, VL_AN_IMAGE), *about = vl_desc_get(child, VL_AN_SUBJECT);

	vl_desc_copy(&i->desc, child);
	i->attached = about && vl_digest_parse_oci(&i->subject, about);
	for (names = names ? names : ""; *names; names += strspn(names, " ")) {
		size_t len = strcspn(names, " ");

		if (len)
			vl_named_image_add_name(i, names, len);
		names += len;
	}
}

bool vl_named_images_of(const struct vl_docs *docs, const struct vl_desc *item, struct vl_named_images *out,
			bool *is_images, struct vl_err *e)
{
	VL_CLEAN(vl_doc) doc = { 0 };
	const char *kind;

	if (!docs->get(docs->ctx, item, &doc, e))
		return false;
	kind = doc.artifact_type ? doc.artifact_type : item->artifact_type;
	*is_images = doc.is_index && kind && !strcmp(kind, VL_ARTIFACT_IMAGES);
	for (size_t i = 0; *is_images && i < doc.n; i++)
		add_child(out, &doc.child[i]);
	return true;
}

size_t vl_named_images_attached(const struct vl_named_images *l, const struct vl_digest *subject)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++)
		n += l->v[i].attached && vl_digest_equal(&l->v[i].subject, subject);
	return n;
}

/* ---- platforms ---- */
void vl_variants_clear(struct vl_variants *l)
{
	for (size_t i = 0; i < l->n; i++)
		vl_desc_clear(&l->v[i]);
	free(l->v);
	*l = (struct vl_variants){ 0 };
}

static void take(char **to, const struct vl_json *config, const char *key)
{
	const char *text = vl_jval_str(vl_jval_get(vl_json_root(config), key));

	if (!*to && text && *text)
		*to = vl_xstrdup(text);
}

/* Layers without a config of an image (a chart, a signature) have no platform. */
static bool is_image_config(const char *media_type)
{
	return media_type && (!strcmp(media_type, "application/vnd.oci.image.config.v1+json") ||
			      !strcmp(media_type, "application/vnd.docker.container.image.v1+json"));
}

static bool ask_config(const struct vl_store *s, const struct vl_desc *config, struct vl_platform *p, struct vl_err *e)
{
	VL_CLEAN(vl_buf) text = VL_BUF_INIT(VL_DOC_MAX);
	VL_AUTO(vl_json) json = NULL;

	if (p->os || !is_image_config(config->media_type))
		return true;
	if (!vl_store_get(s, &config->digest, config->size, &text, e) ||
	    !vl_json_parse(&json, vl_buf_bytes(&text), VL_JSON_OCI, "image config", VL_E_STORE, e))
		return false;
	take(&p->os, json, "os");
	take(&p->architecture, json, "architecture");
	take(&p->variant, json, "variant");
	return true;
}

static bool is_unknown(const struct vl_platform *p)
{
	return p->os && p->architecture && !strcmp(p->os, UNKNOWN) && !strcmp(p->architecture, UNKNOWN);
}

struct unfolding {
	const struct vl_store *s;
	struct vl_variants *out;
	struct vl_digests seen; /* an index may name one document a thousand times, and that one another */
	struct vl_docshare share;
};

static void unfolding_clear(struct unfolding *u)
{
	vl_digests_clear(&u->seen);
}
VL_DEFINE_CLEAN(unfolding)

static bool add_variant(struct unfolding *u, const struct vl_desc *d, const struct vl_doc *doc, struct vl_err *e)
{
	struct vl_variants *out = u->out;

	vl_grow(&out->v, out->n, &out->cap, sizeof *out->v);
	out->v[out->n] = (struct vl_desc){ 0 };
	vl_desc_copy(&out->v[out->n], d);
	return ask_config(u->s, &doc->config, &out->v[out->n++].platform, e);
}

static bool unfold(struct unfolding *u, const struct vl_desc *d, unsigned depth, struct vl_err *e)
{
	VL_CLEAN(vl_doc) doc = { 0 };
	struct vl_docs docs = vl_docs_of_store(u->s);
	uint32_t number;

	if (is_unknown(&d->platform) || !vl_digests_add(&u->seen, &d->digest, &number))
		return true;
	if (!vl_docshare_depth(depth, e) || !vl_docshare_add(&u->share, d->size, e) || !docs.get(docs.ctx, d, &doc, e))
		return false;
	if (!doc.is_index)
		return add_variant(u, d, &doc, e);
	for (size_t i = 0; i < doc.n; i++)
		if (!unfold(u, &doc.child[i], depth + 1, e))
			return false;
	return true;
}

bool vl_image_variants(const struct vl_store *s, const struct vl_desc *image, struct vl_variants *out,
		       struct vl_err *e)
{
	VL_CLEAN(unfolding) u = { .s = s, .out = out };

	return unfold(&u, image, 3, e);
}

char *vl_variants_text(const struct vl_variants *l, const char *between)
{
	char *all = vl_xstrdup("");

	for (size_t i = 0; i < l->n; i++) {
		VL_STR one = vl_platform_text(&l->v[i].platform);
		VL_STR before = all;

		all = one ? vl_xprintf("%s%s%s", before, *before ? between : "", one) : vl_steal(&before);
	}
	return all;
}
