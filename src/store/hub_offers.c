/* SPDX-License-Identifier: Apache-2.0 */
/* store/hub_offers.c: the names that items are offered under.
 * In:    the snapshots of a generation, rules for names.
 * Out:   the hub's offers, not in order yet; each offered document is handed to the walk.
 * Keeps: an item that cannot be read, and a name that is none, take nothing else with them. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/host.h"
#include "base/text.h"
#include "store/hub_priv.h"

#define NAMES_MAX 100000u /* of a generation; a few megabytes of documents can hold a million names */
#define VALUE_MAX 1024u

struct loading {
	const struct vl_store *store;
	struct vl_hub *h;
	struct vl_hub_walk *walk;
	const struct vl_name_rule *rule;
	size_t n_rule;
	/* at hand */
	const struct vl_channel *channel;
	const struct vl_desc *item;
	const char *channel_name, *name, *type, *where; /* owned by the hub */
	unsigned rank;
	bool full; /* NAMES_MAX was told */
};

/* ---- offers ---- */

/* Not all that is said about it: one document can have ten thousand names, and annotations of megabytes, the names
 * among them. Copied for each name that would be gigabytes of memory from kilobytes of bundle. */
static void describe(const struct loading *l, const struct vl_desc *d, struct vl_desc *out)
{
	static const char *const kept[] = { VL_AN_FETCHED, VL_AN_UPDATED, VL_AN_UPSTREAM };
	const char *value;

	vl_desc_init(out, d->media_type, &d->digest, d->size);
	out->artifact_type = vl_xstrdup(d->artifact_type);
	for (size_t i = 0; i < VL_LEN(kept); i++) {
		value = vl_desc_get(l->item, kept[i]);
		value = value ? value : vl_desc_get(d, kept[i]);
		if (value && strlen(value) <= VALUE_MAX)
			vl_desc_set(out, kept[i], value);
	}
}

static bool has_room(struct loading *l)
{
	if (l->h->n_offer < NAMES_MAX)
		return true;
	if (!l->full)
		vl_hub_problem(l->h, "%s: more than %u names in this generation; the rest is not offered", l->where,
			       NAMES_MAX);
	l->full = true;
	return false;
}

/* Takes repository, which may be NULL: then `source` has no valid name here. */
static struct vl_offer *add_offer(struct loading *l, const struct vl_desc *d, const char *source, char *repository,
				  const char *tag)
{
	struct vl_hub *h = l->h;
	struct vl_offer *o;

	if (!repository) {
		VL_STR safe = vl_safe_text(source, 160);

		vl_hub_problem(h, "%s: \"%s\" becomes no name that registries take; it is not offered", l->where, safe);
		return NULL;
	}
	if (!has_room(l)) {
		free(repository);
		return NULL;
	}
	vl_grow(&h->offer, h->n_offer, &h->cap_offer, sizeof *h->offer);
	o = &h->offer[h->n_offer++];
	*o = (struct vl_offer){ .channel = l->channel_name, .item = l->name, .type = l->type, .repository = repository,
				.source = vl_xstrdup(source), .tag = vl_xstrdup(tag), .rank = l->rank };
	describe(l, d, &o->desc);
	vl_hub_reach(l->walk, d, l->where);
	return o;
}

static void add_image_name(struct loading *l, const struct vl_desc *child, const char *text)
{
	VL_CLEAN(vl_image_name) name = { 0 };
	const char *subject = vl_desc_get(child, VL_AN_SUBJECT);
	struct vl_offer *o;

	if (!vl_image_name_parse(&name, text)) {
		VL_STR safe = vl_safe_text(text, 160);

		vl_hub_problem(l->h, "%s: \"%s\" is not a name of an image; it is not offered", l->where, safe);
		return;
	}
	o = add_offer(l, child, text, vl_name_map(l->rule, l->n_rule, name.host_and_name), name.tag);
	if (o)
		o->attached = subject && vl_digest_parse_oci(&o->subject, subject);
}

static void add_image(struct loading *l, const struct vl_desc *child)
{
	const char *names = vl_desc_get(child, VL_AN_IMAGE);
	VL_STR copy = vl_xstrdup(names ? names : "");
	char *rest = NULL, *name;
	char digest[VL_DIGEST_OCI];

	if (!*copy)
		vl_hub_problem(l->h, "%s: %s has no name; it is not offered", l->where,
			       vl_digest_oci(&child->digest, digest));
	for (name = strtok_r(copy, " ", &rest); name; name = strtok_r(NULL, " ", &rest))
		add_image_name(l, child, name);
}

static void add_images(struct loading *l)
{
	VL_CLEAN(vl_doc) doc = { 0 };
	struct vl_err why;

	if (!vl_hub_read(l->store, &l->item->digest, l->item->size, l->item->media_type, &doc, &why)) {
		vl_hub_problem(l->h, "%s: %s; none of its images is offered", l->where, why.msg);
		return;
	}
	for (size_t i = 0; doc.is_index && i < doc.n; i++)
		add_image(l, &doc.child[i]);
}

/* Under its own name always, and under upstream's when that is a name with a tag in a registry. */
static void add_artifact(struct loading *l)
{
	const char *source = vl_desc_get(l->item, VL_AN_SOURCE);
	VL_CLEAN(vl_image_name) upstream = { 0 };
	VL_STR own = vl_xprintf("%s/%s", l->channel_name, l->name);
	char sequence[24];
	const char *tags[] = { "latest", sequence };
	struct vl_offer *o;

	snprintf(sequence, sizeof sequence, "%" PRIu64, l->channel->sequence);
	for (size_t i = 0; i < VL_LEN(tags); i++) {
		o = add_offer(l, l->item, own, vl_repository_is_valid(own) ? vl_xstrdup(own) : NULL, tags[i]);
		if (!o)
			break;
		o->by_item = true;
		free(vl_steal(&o->source));
	}
	if (source && vl_image_name_parse(&upstream, source) && upstream.tag)
		add_offer(l, l->item, source, vl_name_map(l->rule, l->n_rule, upstream.host_and_name), upstream.tag);
}

static bool is_image_item(const struct vl_desc *item, const char *type)
{
	return (item->artifact_type && !strcmp(item->artifact_type, VL_ARTIFACT_IMAGES)) || !strcmp(type, "image") ||
	       !strcmp(type, "gitlab-analyzers");
}

static void add_item(struct loading *l, const struct vl_desc *item)
{
	const char *name = vl_desc_get(item, VL_AN_ITEM), *type = vl_desc_get(item, VL_AN_TYPE);
	VL_STR where = NULL;

	if (!name || !vl_name_is_valid(name)) {
		vl_hub_problem(l->h, "%s: an item has no valid name; it is not offered", l->channel_name);
		return;
	}
	where = vl_xprintf("%s/%s", l->channel_name, name);
	l->item = item;
	l->name = vl_hub_keep(l->h, name);
	l->type = vl_hub_keep(l->h, type ? type : "");
	l->where = vl_hub_keep(l->h, where);
	if (is_image_item(item, l->type))
		add_images(l);
	else
		add_artifact(l);
}

static void add_channel(struct loading *l, const struct vl_channel *c)
{
	VL_CLEAN(vl_doc) snapshot = { 0 };
	struct vl_err why;

	l->channel = c;
	l->channel_name = vl_hub_keep(l->h, c->name);
	if (!vl_store_snapshot(l->store, &c->root, c->root_size, &snapshot, &why)) {
		vl_hub_problem(l->h, "%s %" PRIu64 ": %s; nothing of it is offered", c->name, c->sequence, why.msg);
		return;
	}
	for (size_t i = 0; i < snapshot.n; i++)
		add_item(l, &snapshot.child[i]);
	l->rank++;
}

/* ---- channels: the newest first, because it wins where names clash ---- */

static int newer_first(const void *pa, const void *pb)
{
	const struct vl_channel *const *a = pa, *const *b = pb;

	if ((*a)->created != (*b)->created)
		return (*a)->created > (*b)->created ? -1 : 1;
	return strcmp((*a)->name, (*b)->name);
}

void vl_hub_add_channels(struct vl_hub_walk *walk, const char *only, const struct vl_name_rule *rule, size_t n)
{
	struct loading all = { .store = walk->store, .h = walk->h, .walk = walk, .rule = rule, .n_rule = n }, *l = &all;
	const struct vl_generation *g = &l->h->generation;
	const struct vl_channel **order = vl_xcalloc(g->n, sizeof *order);

	for (size_t i = 0; i < g->n; i++)
		order[i] = &g->channel[i];
	if (g->n)
		qsort(order, g->n, sizeof *order, newer_first);
	for (size_t i = 0; i < g->n; i++)
		if (!only || !strcmp(order[i]->name, only))
			add_channel(l, order[i]);
	free(order);
}
