/* SPDX-License-Identifier: Apache-2.0 */
/* serve/hall.c: one generation made ready to be shown.
 * In:    a store, the names of valise.conf.
 * Out:   the hub, the items, a sorted table of file names with the digest behind each.
 * Keeps: only documents are read, so that it takes the same blink of an eye whatever the blobs weigh. A damaged
 *        document costs its own item and nothing else. Of two channels with one item the newer bundle's is offered,
 *        whole: files of two bundles never mix. */
#include <stdlib.h>

#include "base/text.h"
#include "serve/route_priv.h"

#define PROBLEMS_MAX 512u /* the hub's and ours: a manifest can have a layer without a name 30000 times */

static const struct vl_env no_env = { .jobs = 1 };

void vl_hall_free(struct vl_hall *h)
{
	if (!h)
		return;
	for (size_t i = 0; i < h->n_file; i++)
		free(h->file[i].path);
	for (size_t i = 0; i < h->n_snapshot; i++)
		vl_doc_clear(&h->snapshot[i]);
	free(h->file);
	free(h->snapshot);
	free(h->item);
	free(h->public_name);
	free(h->only);
	vl_hub_free(h->hub);
	vl_store_free(h->store);
	free(h);
}

static void add_problem(struct vl_hall *h, const char *item, const char *why)
{
	VL_STR safe = vl_safe_text(why, 400);
	struct vl_hub *hub = h->hub;

	if (hub->n_problem >= PROBLEMS_MAX)
		return;
	vl_grow(&hub->problem, hub->n_problem, &hub->cap_problem, sizeof *hub->problem);
	hub->problem[hub->n_problem++] = vl_xprintf("%s: %s", item, safe);
}

/* ---- the table of files ---- */

static int compare_paths(const void *a, const void *b)
{
	const struct vl_hall_file *x = a, *y = b;
	int order = strcmp(x->path, y->path);

	return order ? order : (x->order > y->order) - (x->order < y->order);
}

size_t vl_hall_lower(const struct vl_hall *h, const char *path)
{
	size_t low = 0, high = h->n_file, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (strcmp(h->file[mid].path, path) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

const struct vl_hall_file *vl_hall_find(const struct vl_hall *h, const char *path)
{
	size_t at = vl_hall_lower(h, path);

	return at < h->n_file && !strcmp(h->file[at].path, path) ? &h->file[at] : NULL;
}

bool vl_hall_serves(const struct vl_hall *h, const struct vl_channel *c)
{
	return !h->only || !strcmp(h->only, c->name);
}

/* Something of that name came from a newer bundle. */
static bool is_taken(const struct vl_hall *h, const char *prefix)
{
	size_t at = vl_hall_lower(h, prefix);

	return at < h->n_file && !strncmp(h->file[at].path, prefix, strlen(prefix));
}

/* The files of one item. The table of h stays sorted meanwhile: new ones wait in `fresh`. */
struct adding {
	struct vl_hall *h;
	const struct vl_hall_item *item;
	struct vl_hall *fresh;
};

static void add_file(struct adding *a, char *path, const struct vl_desc *layer)
{
	struct vl_hall *f = a->fresh;

	vl_grow(&f->file, f->n_file, &f->cap_file, sizeof *f->file);
	f->file[f->n_file] = (struct vl_hall_file){ .path = path, .digest = layer->digest, .size = layer->size,
						    .modified = a->item->modified, .order = f->n_file };
	f->n_file++;
}

/* "Rocky Linux/all.zip" or "Rocky Linux.zip" -> "osv/Rocky Linux/all.zip", the bucket's layout; NULL: neither. */
static char *osv_path(const char *title)
{
	size_t cut = vl_ends_with(title, "/all.zip") ? strlen("/all.zip") : strlen(".zip");
	VL_STR eco = NULL;

	if (!vl_ends_with(title, ".zip") || strlen(title) <= cut)
		return NULL;
	eco = vl_xstrndup(title, strlen(title) - cut);
	return strchr(eco, '/') ? NULL : vl_xprintf("osv/%s/all.zip", eco);
}

static bool add_osv_layer(struct adding *a, const char *title, const struct vl_desc *layer)
{
	VL_STR path = osv_path(title);

	if (!path)
		return false;
	if (!vl_hall_find(a->h, path))
		add_file(a, vl_steal(&path), layer);
	return true;
}

static bool add_layer(void *ctx, const struct vl_desc *layer, struct vl_err *e)
{
	const char *title = vl_desc_get(layer, VL_AN_TITLE);
	struct adding *a = ctx;

	(void)e;
	if (!title || !vl_path_is_safe(title))
		add_problem(a->h, a->item->name, "a layer has no usable title, so its file has no name");
	else if (a->item->in_files)
		add_file(a, vl_xprintf("files/%s/%s", a->item->name, title), layer);
	else if (!add_osv_layer(a, title, layer))
		add_problem(a->h, a->item->name, "a layer is not titled ECOSYSTEM/all.zip");
	return true;
}

static void add_item_files(struct adding *a)
{
	struct vl_docs docs = vl_docs_of_store(a->h->store);
	struct vl_err e = VL_ERR_INIT;
	VL_STR prefix = vl_xprintf("files/%s/", a->item->name);

	if (!a->item->in_files && strcmp(a->item->type, "osv") != 0)
		return;
	if (a->item->in_files && is_taken(a->h, prefix)) {
		VL_STR why = vl_xprintf("two channels hold this item; the older bundle's, of channel %s, is not "
					"offered below /files/", a->item->channel->name);

		add_problem(a->h, a->item->name, why);
		return;
	}
	if (!vl_item_layers(&docs, a->item->desc, add_layer, a, &e))
		add_problem(a->h, a->item->name, e.msg);
}

/* What was gathered joins the table; of two equal paths the first stays. */
static void merge(struct vl_hall *h, struct vl_hall *fresh)
{
	size_t kept = 0;

	for (size_t i = 0; i < fresh->n_file; i++) {
		vl_grow(&h->file, h->n_file, &h->cap_file, sizeof *h->file);
		h->file[h->n_file++] = fresh->file[i];
	}
	free(fresh->file);
	fresh->file = NULL;
	fresh->n_file = fresh->cap_file = 0;
	if (h->n_file)
		qsort(h->file, h->n_file, sizeof *h->file, compare_paths);
	for (size_t i = 0; i < h->n_file; i++) {
		if (kept && !strcmp(h->file[kept - 1].path, h->file[i].path)) {
			add_problem(h, h->file[i].path, "two layers have this name; the first is offered");
			free(h->file[i].path);
		} else {
			h->file[kept++] = h->file[i];
		}
	}
	h->n_file = kept;
}

static const struct vl_channel *newest_before(const struct vl_generation *g, const struct vl_channel *last)
{
	const struct vl_channel *best = NULL, *c;

	for (size_t i = 0; i < g->n; i++) {
		c = &g->channel[i];
		if (last && (c->created > last->created || (c->created == last->created && c <= last)))
			continue;
		if (!best || c->created > best->created)
			best = c;
	}
	return best;
}

static void add_files(struct vl_hall *h)
{
	const struct vl_generation *g = &h->hub->generation;
	const struct vl_channel *c = NULL;
	struct vl_hall fresh = { 0 };

	while ((c = newest_before(g, c))) {
		for (size_t i = 0; i < h->n_item; i++) {
			struct adding a = { h, &h->item[i], &fresh };

			if (h->item[i].channel == c)
				add_item_files(&a);
		}
		merge(h, &fresh);
	}
}

/* ---- items ---- */

static int64_t time_of(const struct vl_desc *d, const char *key)
{
	const char *text = vl_desc_get(d, key);
	int64_t t = 0;

	return text && vl_time_parse_loose(text, &t) ? t : 0;
}

static bool is_true(const char *text)
{
	return text && !strcmp(text, "true");
}

static void measure(struct vl_hall *h, struct vl_hall_item *item)
{
	VL_CLEAN(vl_hub_list) below = { 0 };
	struct vl_err e = VL_ERR_INIT;

	if (!vl_hub_below(h->store, item->desc, &below, &e))
		return; /* the hub says what is damaged */
	for (size_t i = 0; i < below.n; i++)
		item->bytes += below.v[i].size;
}

static void add_item(struct vl_hall *h, const struct vl_channel *c, const struct vl_desc *d)
{
	const char *name = vl_desc_get(d, VL_AN_ITEM), *type = vl_desc_get(d, VL_AN_TYPE);
	struct vl_hall_item *item;
	int64_t fetched = time_of(d, VL_AN_FETCHED);

	if (!name || !vl_name_is_valid(name) || !type)
		return;
	vl_grow(&h->item, h->n_item, &h->cap_item, sizeof *h->item);
	item = &h->item[h->n_item++];
	*item = (struct vl_hall_item){
		.channel = c, .desc = d, .name = name, .type = type, .updated = time_of(d, VL_AN_UPDATED),
		.unpack = is_true(vl_desc_get(d, VL_AN_UNPACK)),
		.in_files = !strcmp(type, "http") || !strcmp(type, "dir") || !strcmp(type, "trivy-db"),
	};
	item->modified = item->updated ? item->updated : fetched ? fetched : c->created;
	measure(h, item);
}

static void add_items(struct vl_hall *h)
{
	const struct vl_generation *g = &h->hub->generation;
	const struct vl_channel *c;
	struct vl_err e = VL_ERR_INIT;

	h->snapshot = vl_xcalloc(g->n ? g->n : 1, sizeof *h->snapshot);
	h->n_snapshot = g->n;
	for (size_t i = 0; i < g->n; i++) {
		c = &g->channel[i];
		if (!vl_hall_serves(h, c))
			continue;
		if (!vl_store_snapshot(h->store, &c->root, c->root_size, &h->snapshot[i], &e))
			add_problem(h, c->name, e.msg);
		for (size_t k = 0; k < h->snapshot[i].n; k++)
			add_item(h, c, &h->snapshot[i].child[k]);
	}
}

bool vl_hall_open(struct vl_hall **out, const char *store, const struct vl_serve_opts *o, struct vl_err *e)
{
	VL_AUTO(vl_hall) h = vl_xcalloc(1, sizeof *h);

	h->public_name = vl_xstrdup(o->public_name);
	h->only = vl_xstrdup(o->channel);
	if (!vl_store_open(&h->store, store, VL_STORE_READ, 0, &no_env, e) ||
	    !vl_hub_load(&h->hub, h->store, o->channel, o->rule, o->n_rule, e))
		return false;
	add_items(h);
	add_files(h);
	*out = vl_steal(&h);
	return true;
}
