/* SPDX-License-Identifier: Apache-2.0 */
/* sources/image_pick.c: which manifests of an index are carried.
 * In:    the item's platforms, the documents of a reference (all indexes that may lead to one are here).
 * Out:   r->root: upstream's own document where that is what was asked for, else a new index of the chosen entries.
 * Keeps: upstream's order, platforms and annotations; a platform that is not there is an error that says what is. */
#include <stdlib.h>

#include "base/mem.h"
#include "base/text.h"
#include "sources/image.h"

#define STEPS_MAX 65536u
#define AN_ATTESTS "vnd.docker.reference.digest" /* BuildKit: an entry that speaks about another */

bool vl_image_wants_all(const struct vl_item *item)
{
	return item->platforms_count == 1 && !strcmp(item->platforms[0], "all");
}

static bool has_platform(const struct vl_desc *d)
{
	const struct vl_platform *p = &d->platform;

	return (p->os && strcmp(p->os, "unknown") != 0) ||
	       (p->architecture && strcmp(p->architecture, "unknown") != 0);
}

static bool is_wanted(const struct vl_item *item, const struct vl_desc *d)
{
	for (unsigned i = 0; has_platform(d) && i < item->platforms_count; i++)
		if (vl_platform_matches(&d->platform, item->platforms[i]))
			return true;
	return false;
}

bool vl_image_may_lead(const struct vl_item *item, const struct vl_desc *entry)
{
	return !has_platform(entry) || is_wanted(item, entry);
}

/* ---- what there is ---- */

/* Manifests, in the order of upstream; borrowed from the documents. */
struct leaves {
	const struct vl_desc **v;
	bool *chosen;
	size_t n, cap, n_chosen, steps;
	bool any_platform, nested;
};

static void leaves_clear(struct leaves *l)
{
	free(l->v);
	free(l->chosen);
}
VL_DEFINE_CLEAN(leaves)

static void add_leaf(struct leaves *l, const struct vl_desc *d)
{
	vl_grow(&l->v, l->n, &l->cap, sizeof *l->v);
	l->v[l->n++] = d;
}

/* Few indexes that name each other often are many ways to few manifests: the ways are counted. */
static bool collect(const struct vl_image_ref *r, const struct vl_image_doc *index, struct leaves *l, unsigned depth,
		    struct vl_err *e)
{
	for (size_t i = 0; i < index->doc.n; i++) {
		const struct vl_desc *c = &index->doc.child[i];
		bool is_index = vl_media_type_is_index(c->media_type);
		const struct vl_image_doc *below = is_index ? vl_image_find(r, &c->digest) : NULL;

		if (++l->steps > STEPS_MAX)
			return vl_fail(e, VL_E_LIMIT, "its indexes name more than %u documents", STEPS_MAX);
		l->any_platform = l->any_platform || has_platform(c);
		l->nested = l->nested || is_index;
		if (!is_index)
			add_leaf(l, c);
		else if (below && below->here && depth < VL_INDEX_DEPTH_MAX && !collect(r, below, l, depth + 1, e))
			return false;
	}
	return true;
}

static bool is_listed(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = strstr(list, word); at; at = strstr(at + 1, word))
		if ((at == list || at[-1] == ' ') && (!at[len] || at[len] == ','))
			return true;
	return false;
}

static bool no_such_platform(const struct leaves *l, const char *wanted, struct vl_err *e)
{
	VL_STR has = vl_xstrdup("");

	for (size_t i = 0; i < l->n && strlen(has) < 400; i++) {
		VL_STR text = has_platform(l->v[i]) ? vl_platform_text(&l->v[i]->platform) : NULL;
		VL_STR safe = text ? vl_safe_text(text, 60) : NULL;
		char *longer;

		if (!safe || is_listed(has, safe))
			continue;
		longer = vl_xprintf("%s%s%s", has, *has ? ", " : "", safe);
		free(has);
		has = longer;
	}
	vl_fail(e, VL_E_TYPE, "there is no image for %s; it has %s", wanted, has);
	vl_found(e, NULL, has, wanted);
	return vl_hint(e, "Name one of these in platforms, or write platforms: [all].");
}

/* ---- what is taken ---- */

static void choose(struct leaves *l, size_t i)
{
	l->n_chosen += !l->chosen[i];
	l->chosen[i] = true;
}

/* The first that fits is the one (image-spec, image-index.md); a new index has room for all that fit. */
static bool choose_platform(struct leaves *l, const char *wanted, bool first_only, struct vl_err *e)
{
	bool any = false;

	for (size_t i = 0; i < l->n && !(any && first_only); i++) {
		if (!has_platform(l->v[i]) || !vl_platform_matches(&l->v[i]->platform, wanted))
			continue;
		choose(l, i);
		any = true;
	}
	return any || no_such_platform(l, wanted, e);
}

static int by_digest(const void *a, const void *b)
{
	return memcmp(((const struct vl_digest *)a)->b, ((const struct vl_digest *)b)->b, sizeof(struct vl_digest));
}

/* Sorted: an index has room for tens of thousands of each. The caller frees. */
static struct vl_digest *chosen_digests(const struct leaves *l)
{
	struct vl_digest *v = vl_xcalloc(l->n_chosen + 1, sizeof *v);
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++)
		if (l->chosen[i])
			v[n++] = l->v[i]->digest;
	qsort(v, n, sizeof *v, by_digest);
	return v;
}

static void choose_attestations(struct leaves *l)
{
	struct vl_digest *chosen = chosen_digests(l), d;
	size_t n = l->n_chosen;

	for (size_t i = 0; i < l->n; i++) {
		const char *about = vl_desc_get(l->v[i], AN_ATTESTS);

		if (about && !has_platform(l->v[i]) && vl_digest_parse_oci(&d, about) &&
		    bsearch(&d, chosen, n, sizeof d, by_digest))
			choose(l, i);
	}
	free(chosen);
}

static bool choose_all(struct leaves *l, const struct vl_item *item, struct vl_err *e)
{
	bool one = item->platforms_count == 1;

	l->chosen = vl_xcalloc(l->n + 1, sizeof *l->chosen);
	for (unsigned i = 0; i < item->platforms_count; i++)
		if (!choose_platform(l, item->platforms[i], one, e))
			return false;
	if (!one && item->referrers)
		choose_attestations(l);
	return true;
}

static bool make_index(struct vl_image_ref *r, const struct leaves *l, struct vl_err *e)
{
	struct vl_image_doc *d;
	VL_CLEAN(vl_doc) doc = { .n = 0 };
	VL_CLEAN(vl_desc) desc = { .media_type = NULL };

	vl_doc_init_index(&doc);
	for (size_t i = 0; i < l->n; i++)
		if (l->chosen[i])
			vl_desc_copy(vl_doc_add(&doc), l->v[i]);
	if (!vl_run_put_doc(r->image->work->run, &doc, &desc, e))
		return false;
	d = vl_image_want(r, &desc, VL_IMAGE_DEPTH, true, true);
	if (d)
		d->made = true;
	r->root = d;
	return true;
}

bool vl_image_pick(struct vl_image_ref *r, struct vl_err *e)
{
	const struct vl_item *item = r->image->work->item;
	VL_CLEAN(leaves) l = { .n = 0 };
	struct vl_image_doc *top = r->root;

	if (!top->doc.is_index || top->whole) {
		vl_image_carry(r, top);
		return true;
	}
	if (!collect(r, top, &l, VL_IMAGE_DEPTH, e))
		return false;
	if (!l.any_platform) { /* of an artifact, say: there is nothing to choose by */
		vl_image_carry(r, top);
		return true;
	}
	if (!choose_all(&l, item, e))
		return false;
	if (item->platforms_count > 1 && l.n_chosen == l.n && !l.nested) {
		vl_image_carry(r, top);
		return true;
	}
	if (item->platforms_count > 1)
		return make_index(r, &l, e);
	for (size_t i = 0; i < l.n; i++)
		if (l.chosen[i])
			r->root = vl_image_want(r, l.v[i], VL_IMAGE_DEPTH, true, true);
	return true;
}

/* ---- what the image consists of ---- */

static void mark(const struct vl_image_ref *r, struct vl_image_doc *d)
{
	if (!d || d->part)
		return;
	d->part = true;
	for (size_t i = 0; d->doc.is_index && i < d->doc.n; i++)
		mark(r, vl_image_find(r, &d->doc.child[i].digest));
}

void vl_image_mark_parts(struct vl_image_ref *r)
{
	mark(r, r->root);
}
