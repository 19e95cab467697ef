/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline/diff.c: what changed from one snapshot to another.
 * In:    the documents of both, from a store or from a bundle that nobody vouches for.
 * Out:   per item: new, gone, the same or changed; and then which images or files.
 * Keeps: the work per item is bounded as everywhere documents are walked; no content is read. */
#include "pipeline/diff.h"

#include <stdlib.h>

#include "base/text.h"

static void item_clear(struct vl_diff_item *i)
{
	for (size_t k = 0; k < i->n; k++)
		free(i->part[k].name);
	free(i->part);
	free(i->name);
	free(i->type);
}

void vl_diff_clear(struct vl_diff *d)
{
	for (size_t i = 0; i < d->n; i++)
		item_clear(&d->item[i]);
	free(d->item);
	*d = (struct vl_diff){ 0 };
}

size_t vl_diff_count(const struct vl_diff_item *i, enum vl_change change, bool attached)
{
	size_t n = 0;

	for (size_t k = 0; k < i->n; k++)
		n += i->part[k].change == change && i->part[k].attached == attached;
	return n;
}

/* ---- the parts of one item on one side ---- */
struct part {
	char *name;
	struct vl_digest digest;
	bool attached;
};
struct parts {
	struct part *v;
	size_t n, cap;
	bool is_images;
};

static void parts_clear(struct parts *p)
{
	for (size_t i = 0; i < p->n; i++)
		free(p->v[i].name);
	free(p->v);
}
VL_DEFINE_CLEAN(parts)

static void add_part(struct parts *p, const char *name, const struct vl_digest *d, bool attached)
{
	vl_grow(&p->v, p->n, &p->cap, sizeof *p->v);
	p->v[p->n++] = (struct part){ .name = vl_xstrdup(name), .digest = *d, .attached = attached };
}

static bool add_file(void *ctx, const struct vl_desc *layer, struct vl_err *e)
{
	const char *title = vl_desc_get(layer, VL_AN_TITLE);

	(void)e;
	add_part(ctx, title ? title : "", &layer->digest, false);
	return true;
}

static int by_name(const void *a, const void *b)
{
	const struct part *x = a, *y = b;
	int r = strcmp(x->name, y->name);

	return r ? r : memcmp(x->digest.b, y->digest.b, sizeof x->digest.b);
}

static bool read_parts(const struct vl_compared *s, const struct vl_desc *item, struct parts *out, struct vl_err *e)
{
	VL_CLEAN(vl_named_images) images = { 0 };

	if (!item)
		return true;
	if (!vl_named_images_of(&s->docs, item, &images, &out->is_images, e))
		return false;
	for (size_t i = 0; i < images.n; i++)
		for (size_t k = 0; k < images.v[i].n; k++)
			add_part(out, images.v[i].name[k], &images.v[i].desc.digest, images.v[i].attached);
	if (!out->is_images && !vl_item_layers(&s->docs, item, add_file, out, e))
		return false;
	if (out->n)
		qsort(out->v, out->n, sizeof *out->v, by_name);
	return true;
}

/* ---- two sides merged ---- */
static void note(struct vl_diff_item *out, const struct part *was, const struct part *now)
{
	const struct part *one = now ? now : was;
	struct vl_diff_part *p;

	if (was && now && vl_digest_equal(&was->digest, &now->digest)) {
		out->same++;
		return;
	}
	vl_grow(&out->part, out->n, &out->cap, sizeof *out->part);
	p = &out->part[out->n++];
	*p = (struct vl_diff_part){ .name = vl_xstrdup(one->name), .attached = one->attached };
	p->change = !was ? VL_NEW : !now ? VL_GONE : VL_CHANGED;
	if (was)
		p->was = was->digest;
	if (now)
		p->now = now->digest;
}

static void merge(struct vl_diff_item *out, const struct parts *a, const struct parts *b)
{
	size_t i = 0, k = 0;

	while (i < a->n || k < b->n) {
		int order = i == a->n ? 1 : k == b->n ? -1 : strcmp(a->v[i].name, b->v[k].name);

		note(out, order <= 0 ? &a->v[i] : NULL, order >= 0 ? &b->v[k] : NULL);
		i += order <= 0;
		k += order >= 0;
	}
}

/* ---- one item ---- */
static int64_t time_of(const struct vl_desc *d, const char *key)
{
	const char *text = d ? vl_desc_get(d, key) : NULL;
	int64_t t;

	return text && vl_time_parse_loose(text, &t) ? t : 0;
}

static void take_times(struct vl_diff_item *out, const struct vl_desc *a, const struct vl_desc *b)
{
	static const char *const key[] = { VL_AN_UPDATED, VL_AN_FETCHED };

	for (size_t i = 0; i < VL_LEN(key); i++) {
		int64_t was = time_of(a, key[i]), now = time_of(b, key[i]);

		if (!was || !now)
			continue;
		out->time_was = was;
		out->time_now = now;
		out->by_upstream = i == 0;
		return;
	}
}

static void begin(struct vl_diff_item *out, const struct vl_desc *a, const struct vl_desc *b)
{
	const struct vl_desc *one = b ? b : a;
	const char *type = vl_desc_get(one, VL_AN_TYPE);

	*out = (struct vl_diff_item){ .name = vl_xstrdup(vl_desc_get(one, VL_AN_ITEM)),
				      .type = vl_xstrdup(type ? type : "-") };
	out->change = !a ? VL_NEW : !b ? VL_GONE : vl_digest_equal(&a->digest, &b->digest) ? VL_SAME : VL_CHANGED;
	if (a)
		out->was = a->digest;
	if (b)
		out->now = b->digest;
	take_times(out, a, b);
}

struct side {
	const struct vl_compared *of;
	const struct vl_desc **item; /* by name */
	size_t n;
	struct vl_blob_set all;
};
struct compare {
	struct side a, b;
	struct vl_diff *out;
};

static void side_clear(struct side *s)
{
	free(s->item);
	vl_blob_set_clear(&s->all);
}

static void compare_clear(struct compare *c)
{
	side_clear(&c->a);
	side_clear(&c->b);
}
VL_DEFINE_CLEAN(compare)

static bool measure(struct compare *c, struct vl_diff_item *out, const struct vl_desc *b, struct vl_err *e)
{
	VL_CLEAN(vl_blob_set) set = { 0 };

	if (!b)
		return true;
	if (!vl_blob_set_add(&set, &c->b.of->docs, b, e))
		return false;
	out->bytes = vl_blob_set_bytes(&set);
	out->bytes_new = vl_blob_set_new(&set, &c->a.all);
	return true;
}

static bool compare_item(struct compare *c, const struct vl_desc *a, const struct vl_desc *b, struct vl_err *e)
{
	VL_CLEAN(parts) was = { 0 };
	VL_CLEAN(parts) now = { 0 };
	struct vl_diff_item *i;

	vl_grow(&c->out->item, c->out->n, &c->out->cap, sizeof *c->out->item);
	i = &c->out->item[c->out->n++];
	begin(i, a, b);
	if (!measure(c, i, b, e) || !read_parts(c->a.of, a, &was, e) || !read_parts(c->b.of, b, &now, e)) {
		VL_STR safe = vl_safe_text(i->name, 64);

		return vl_while(e, "item %s", safe);
	}
	i->is_images = b ? now.is_images : was.is_images;
	merge(i, &was, &now);
	return true;
}

/* ---- all items ---- */
static int by_item_name(const void *a, const void *b)
{
	const struct vl_desc *const *x = a, *const *y = b;

	return strcmp(vl_desc_get(*x, VL_AN_ITEM), vl_desc_get(*y, VL_AN_ITEM));
}

/* The items by name, and the blobs of all of them. */
static bool gather(struct side *s, struct vl_err *e)
{
	const struct vl_doc *snapshot = s->of->snapshot;

	s->item = vl_xcalloc(snapshot->n + 1, sizeof *s->item);
	for (size_t i = 0; i < snapshot->n; i++) {
		if (!vl_desc_get(&snapshot->child[i], VL_AN_ITEM))
			return vl_fail(e, VL_E_CLOSURE, "an item of the snapshot has no name");
		if (!vl_blob_set_add(&s->all, &s->of->docs, &snapshot->child[i], e))
			return false;
		s->item[s->n++] = &snapshot->child[i];
	}
	if (s->n)
		qsort(s->item, s->n, sizeof *s->item, by_item_name);
	return true;
}

static bool compare_items(struct compare *c, const struct vl_env *env, struct vl_err *e)
{
	const struct side *a = &c->a, *b = &c->b;
	size_t i = 0, k = 0;

	while (i < a->n || k < b->n) {
		int order = i == a->n ? 1 : k == b->n ? -1 : by_item_name(&a->item[i], &b->item[k]);

		if (!vl_env_go_on(env, e) ||
		    !compare_item(c, order <= 0 ? a->item[i] : NULL, order >= 0 ? b->item[k] : NULL, e))
			return false;
		i += order <= 0;
		k += order >= 0;
	}
	return true;
}

bool vl_diff_make(const struct vl_compared *a, const struct vl_compared *b, const struct vl_env *env,
		  struct vl_diff *out, struct vl_err *e)
{
	VL_CLEAN(compare) c = { .a = { .of = a }, .b = { .of = b }, .out = out };

	if (!gather(&c.a, e) || !gather(&c.b, e) || !compare_items(&c, env, e))
		return false;
	out->bytes_new = vl_blob_set_new(&c.b.all, &c.a.all);
	out->bytes_gone = vl_blob_set_new(&c.a.all, &c.b.all);
	return true;
}
