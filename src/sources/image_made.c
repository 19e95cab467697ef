/* SPDX-License-Identifier: Apache-2.0 */
/* sources/image_made.c: the item's index: its images and what is attached to them, each once with all its names.
 * In:    references that are done, or that are as they were.
 * Out:   the index in the store.
 * Keeps: the same images give the same bytes, whether they were fetched now or long ago: names and children are sorted,
 *        and everything in a descriptor comes from the documents or the references. */
#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "sources/image.h"

struct child {
	struct vl_desc desc;
	char **names; /* sorted in the end */
	size_t n, cap;
	size_t as_image; /* of the names: those of images that were asked for */
	char *upstream, *subject; /* or NULL; of several the first in the order of names or digests */
	char *upstream_name;
};
struct children {
	struct child *v;
	size_t n, cap;
};

static void children_clear(struct children *c)
{
	for (size_t i = 0; i < c->n; i++) {
		vl_desc_clear(&c->v[i].desc);
		for (size_t k = 0; k < c->v[i].n; k++)
			free(c->v[i].names[k]);
		free(c->v[i].names);
		free(c->v[i].upstream);
		free(c->v[i].upstream_name);
		free(c->v[i].subject);
	}
	free(c->v);
}
VL_DEFINE_CLEAN(children)

static struct child *child_of(struct children *c, const struct vl_desc *d)
{
	for (size_t i = 0; i < c->n; i++)
		if (vl_digest_equal(&c->v[i].desc.digest, &d->digest))
			return &c->v[i];
	vl_grow(&c->v, c->n, &c->cap, sizeof *c->v);
	c->v[c->n] = (struct child){ .n = 0 };
	vl_desc_init(&c->v[c->n].desc, d->media_type, &d->digest, d->size);
	c->v[c->n].desc.artifact_type = vl_xstrdup(d->artifact_type);
	return &c->v[c->n++];
}

static void add_name(struct child *c, char *name)
{
	for (size_t i = 0; i < c->n; i++)
		if (!strcmp(c->names[i], name)) {
			free(name);
			return;
		}
	vl_grow(&c->names, c->n, &c->cap, sizeof *c->names);
	c->names[c->n++] = name;
}

/* Names with blanks between; those of `r`'s repository only. */
static bool add_names(struct child *c, const char *names, const struct vl_image_ref *r)
{
	VL_STR repository = vl_xprintf("%s/%s", r->parsed.host, r->parsed.name);
	size_t len, own = strlen(repository);
	bool any = false;

	for (; *names; names += len + (names[len] == ' ')) {
		len = strcspn(names, " ");
		if (len <= own || strncmp(names, repository, own) != 0 || (names[own] != ':' && names[own] != '@'))
			continue;
		if (c)
			add_name(c, vl_xstrndup(names, len));
		any = true;
	}
	return any;
}

/* ---- the image of a reference ---- */

/* Two indexes may lead to one manifest: which of them is told must not depend on who came first. */
static void add_upstream(struct child *c, const char *name, const struct vl_digest *top)
{
	char oci[VL_DIGEST_OCI];

	if (vl_digest_equal(top, &c->desc.digest) || (c->upstream && strcmp(c->upstream_name, name) <= 0))
		return;
	free(c->upstream);
	free(c->upstream_name);
	c->upstream = vl_xstrdup(vl_digest_oci(top, oci));
	c->upstream_name = vl_xstrdup(name);
}

static void add_root(struct children *all, const struct vl_image_ref *r, const struct vl_desc *d)
{
	struct child *c = child_of(all, d);
	char oci[VL_DIGEST_OCI];
	bool tagged = r->parsed.tag[0];
	VL_STR name = vl_xprintf("%s/%s%s%s", r->parsed.host, r->parsed.name, tagged ? ":" : "@",
				 tagged ? r->parsed.tag : vl_digest_oci(&d->digest, oci));

	add_name(c, vl_xstrdup(name));
	c->as_image = c->n;
	add_upstream(c, name, &r->top);
}

static void add_subject(struct child *c, const struct vl_digest *subject)
{
	char oci[VL_DIGEST_OCI];

	vl_digest_oci(subject, oci);
	if (c->subject && strcmp(c->subject, oci) <= 0)
		return;
	free(c->subject);
	c->subject = vl_xstrdup(oci);
}

static bool has_word(const char *words, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = strstr(words, word); at; at = strstr(at + 1, word))
		if ((at == words || at[-1] == ' ') && (!at[len] || at[len] == ' '))
			return true;
	return false;
}

/* An image that was asked for stays one, though a registry shows it as attached to another; unless it was asked for by
 * the very name that it has there. */
static void add_attached(struct children *all, const struct vl_desc *d, const char *names,
			 const struct vl_digest *subject, const struct vl_image_ref *by)
{
	struct child *c = child_of(all, d);
	bool same = !c->as_image;

	for (size_t i = 0; i < c->as_image; i++)
		same = same || has_word(names, c->names[i]);
	if (!same)
		return;
	add_names(c, names, by);
	add_subject(c, subject);
}

/* ---- fetched now ---- */

static void from_documents(struct children *all, const struct vl_image_ref *by)
{
	for (size_t i = 0; i < by->n; i++) {
		const struct vl_image_doc *d = by->doc[i];

		if (d->generation && d->carried && d->name)
			add_attached(all, &d->desc, d->name, &d->subject, by);
	}
}

/* ---- as it was ---- */

struct digests {
	struct vl_digest *v;
	size_t n, cap;
};

static void digests_clear(struct digests *d)
{
	free(d->v);
}
VL_DEFINE_CLEAN(digests)

static bool has(const struct digests *set, const struct vl_digest *d)
{
	for (size_t i = 0; i < set->n; i++)
		if (vl_digest_equal(&set->v[i], d))
			return true;
	return false;
}

static void add_digest(struct digests *set, const struct vl_digest *d)
{
	if (has(set, d))
		return;
	vl_grow(&set->v, set->n, &set->cap, sizeof *set->v);
	set->v[set->n++] = *d;
}

/* The document and all documents below; that they nest no deeper than this was checked when they came. */
static bool add_below(struct digests *set, const struct vl_docs *docs, const struct vl_desc *d, unsigned depth,
		      struct vl_err *e)
{
	VL_CLEAN(vl_doc) doc = { .n = 0 };

	if (has(set, &d->digest))
		return true;
	add_digest(set, &d->digest);
	if (!vl_media_type_is_index(d->media_type) || depth > VL_INDEX_DEPTH_MAX)
		return true;
	if (!docs->get(docs->ctx, d, &doc, e))
		return false;
	for (size_t i = 0; i < doc.n; i++)
		if (!add_below(set, docs, &doc.child[i], depth + 1, e))
			return false;
	return true;
}

static bool add_known(struct children *all, const struct vl_image_ref *by, const struct vl_desc *d, struct digests *set,
		      bool *any, struct vl_err *e)
{
	const char *subject = vl_desc_get(d, VL_AN_SUBJECT), *names = vl_desc_get(d, VL_AN_IMAGE);
	struct vl_docs docs = vl_docs_of_store(by->image->work->run->job->store);
	struct vl_digest about;

	if (!subject || !names || !vl_digest_parse_oci(&about, subject) || !has(set, &about) ||
	    !add_names(NULL, names, by))
		return true;
	*any = *any || !has(set, &d->digest);
	add_attached(all, d, names, &about, by);
	return add_below(set, &docs, d, VL_IMAGE_DEPTH, e);
}

static const struct vl_desc *known_root(const struct vl_image_ref *by)
{
	struct vl_digest root;

	if (!vl_digest_parse_oci(&root, by->known.pin))
		return NULL;
	for (size_t i = 0; i < by->known_index->n; i++)
		if (vl_digest_equal(&by->known_index->child[i].digest, &root))
			return &by->known_index->child[i];
	return NULL;
}

/* What was attached last time, and what was attached to that. */
static bool from_known(struct children *all, const struct vl_image_ref *by, struct vl_err *e)
{
	const struct vl_doc *index = by->known_index;
	struct vl_docs docs = vl_docs_of_store(by->image->work->run->job->store);
	const struct vl_desc *root = known_root(by);
	VL_CLEAN(digests) set = { .n = 0 };
	bool any = true;

	if (!add_below(&set, &docs, root, VL_IMAGE_DEPTH, e))
		return false;
	add_digest(&set, &by->top);
	while (any) {
		any = false;
		for (size_t i = 0; i < index->n; i++)
			if (!add_known(all, by, &index->child[i], &set, &any, e))
				return false;
	}
	return true;
}

/* ---- the index ---- */

void vl_image_platform_clear(struct vl_platform *p)
{
	free(p->os);
	free(p->architecture);
	free(p->variant);
	free(p->os_version);
	*p = (struct vl_platform){ .os = NULL };
}

static char *text_of(const struct vl_jval *o, const char *key)
{
	const char *s = vl_jval_str(vl_jval_get(o, key));

	return s && *s ? vl_safe_text(s, 64) : NULL;
}

bool vl_image_config_platform(const struct vl_store *s, const struct vl_doc *manifest, struct vl_platform *p)
{
	const char *type = manifest->config.media_type;
	VL_CLEAN(vl_buf) text = VL_BUF_INIT(VL_DOC_MAX);
	VL_AUTO(vl_json) json = NULL;
	struct vl_err why;

	if (!type || (strcmp(type, "application/vnd.oci.image.config.v1+json") != 0 &&
		      strcmp(type, "application/vnd.docker.container.image.v1+json") != 0) ||
	    !vl_store_get(s, &manifest->config.digest, manifest->config.size, &text, &why) ||
	    !vl_json_parse(&json, vl_buf_bytes(&text), VL_JSON_OCI, "config", VL_E_CONTENT, &why))
		return false;
	vl_image_platform_clear(p);
	p->os = text_of(vl_json_root(json), "os");
	p->architecture = text_of(vl_json_root(json), "architecture");
	p->variant = text_of(vl_json_root(json), "variant");
	p->os_version = text_of(vl_json_root(json), "os.version");
	return p->os && p->architecture;
}

static void note_platform(const struct vl_store *s, struct vl_desc *d)
{
	VL_CLEAN(vl_buf) text = VL_BUF_INIT(VL_DOC_MAX);
	VL_CLEAN(vl_doc) doc = { .n = 0 };
	struct vl_err why;

	if (!vl_media_type_is_manifest(d->media_type) || !vl_store_get(s, &d->digest, d->size, &text, &why) ||
	    !vl_doc_parse(&doc, vl_buf_bytes(&text), d->media_type, "manifest", VL_E_STORE, &why))
		return;
	if (!vl_image_config_platform(s, &doc, &d->platform))
		vl_image_platform_clear(&d->platform);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void finish_child(const struct vl_store *s, struct child *c)
{
	VL_STR joined = vl_xstrdup("");

	qsort(c->names, c->n, sizeof *c->names, by_text);
	for (size_t i = 0; i < c->n; i++) {
		char *longer = vl_xprintf("%s%s%s", joined, i ? " " : "", c->names[i]);

		free(joined);
		joined = longer;
	}
	vl_desc_set(&c->desc, VL_AN_IMAGE, joined);
	vl_desc_set(&c->desc, VL_AN_SUBJECT, c->subject);
	vl_desc_set(&c->desc, VL_AN_UPSTREAM, c->upstream);
	if (!c->subject)
		note_platform(s, &c->desc);
}

static int by_name(const void *a, const void *b)
{
	const struct child *x = a, *y = b;
	int r = strcmp(vl_desc_get(&x->desc, VL_AN_IMAGE), vl_desc_get(&y->desc, VL_AN_IMAGE));

	return r ? r : memcmp(x->desc.digest.b, y->desc.digest.b, sizeof x->desc.digest.b);
}

static const struct vl_image_ref *worker(const struct vl_image_ref *r)
{
	return r->twin ? r->twin : r;
}

static bool collect(struct vl_image *m, struct children *all, struct vl_err *e)
{
	for (size_t i = 0; i < m->n; i++) {
		const struct vl_image_ref *by = worker(&m->ref[i]);
		const struct vl_desc *root = by->reused ? known_root(by) : &by->root->desc;

		if (!root)
			return vl_fail(e, VL_E_STATE, "%s: fetch/%s.json names no image", by->label, by->key);
		add_root(all, &m->ref[i], root);
	}
	for (size_t i = 0; i < m->n; i++) {
		const struct vl_image_ref *by = worker(&m->ref[i]);

		if (!by->reused)
			from_documents(all, by);
		else if (!from_known(all, by, e))
			return vl_while(e, "%s", m->ref[i].label);
	}
	return true;
}

bool vl_image_make(struct vl_image *m, struct vl_desc *desc, struct vl_err *e)
{
	VL_CLEAN(children) all = { .n = 0 };
	VL_CLEAN(vl_doc) doc = { .n = 0 };
	VL_CLEAN(vl_closure) whole = { .n = 0 };
	struct vl_store *s = m->work->run->job->store;

	if (!collect(m, &all, e))
		return false;
	for (size_t i = 0; i < all.n; i++)
		finish_child(s, &all.v[i]);
	qsort(all.v, all.n, sizeof *all.v, by_name);
	vl_doc_init_index(&doc);
	doc.artifact_type = vl_xstrdup(VL_ARTIFACT_IMAGES);
	for (size_t i = 0; i < all.n; i++)
		vl_desc_copy(vl_doc_add(&doc), &all.v[i].desc);
	if (!vl_run_put_doc(m->work->run, &doc, desc, e))
		return false;
	/* The rules of a snapshot, asked now: here it is known which item breaks them. */
	if (vl_store_closure(s, &desc->digest, desc->size, &whole, e))
		return true;
	e->code = e->code == VL_E_CLOSURE ? VL_E_TYPE : e->code;
	return false;
}
