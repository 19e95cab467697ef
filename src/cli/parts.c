/* SPDX-License-Identifier: Apache-2.0 */
/* cli/parts.c: items, channels and targets as several commands show or use them. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/text.h"
#include "cli/parts.h"
#include "packlist/conf.h"
#include "pipeline/content.h"

void vl_targets_init(struct vl_targets *t, const struct vl_conf *conf)
{
	*t = (struct vl_targets){ .n = conf->places_count };
	t->v = vl_xcalloc(t->n ? t->n : 1, sizeof *t->v);
	for (size_t i = 0; i < t->n; i++) {
		const struct vl_conf_place *p = &conf->places[i];

		t->v[i] = (struct vl_target){ .consumer = p->consumer, .channel = p->channel, .item = p->item,
					      .path = p->path, .owner = p->owner };
	}
}

void vl_targets_clear(struct vl_targets *t)
{
	free(t->v);
	*t = (struct vl_targets){ 0 };
}

void vl_name_rules_init(struct vl_name_rules *r, const struct vl_conf *conf)
{
	*r = (struct vl_name_rules){ .n = conf->names_count };
	r->v = vl_xcalloc(r->n ? r->n : 1, sizeof *r->v);
	for (size_t i = 0; i < r->n; i++)
		r->v[i] = (struct vl_name_rule){ .from = conf->names[i].from, .to = conf->names[i].to };
}

void vl_name_rules_clear(struct vl_name_rules *r)
{
	free(r->v);
	*r = (struct vl_name_rules){ 0 };
}

bool vl_item_files(const struct vl_docs *docs, const struct vl_desc *item, vl_layer_fn *f, void *ctx, struct vl_err *e)
{
	const char *name = vl_desc_get(item, VL_AN_ITEM);

	if (vl_item_layers(docs, item, f, ctx, e))
		return true;
	return vl_while(e, "item %s", name ? name : "without a name");
}

static bool add_file(void *ctx, const struct vl_desc *file, struct vl_err *e)
{
	struct vl_item_facts *facts = ctx;

	facts->files++;
	if (__builtin_add_overflow(facts->bytes, file->size, &facts->bytes))
		return vl_fail(e, VL_E_LIMIT, "the sizes add up to more than a number holds");
	return true;
}

static int64_t time_of(const struct vl_desc *d, const char *key)
{
	const char *text = vl_desc_get(d, key);
	int64_t t = 0;

	return text && vl_time_parse_loose(text, &t) ? t : 0;
}

static bool count_images(const struct vl_docs *docs, const struct vl_desc *item, struct vl_item_facts *f,
			 struct vl_err *e)
{
	VL_CLEAN(vl_named_images) all = { 0 };
	VL_CLEAN(vl_blob_set) blobs = { 0 };

	if (!vl_named_images_of(docs, item, &all, &f->is_images, e))
		return false;
	if (!f->is_images)
		return true;
	for (size_t i = 0; i < all.n; i++)
		f->attached += all.v[i].attached;
	f->images = all.n - f->attached;
	if (!vl_blob_set_add(&blobs, docs, item, e))
		return false;
	f->bytes = vl_blob_set_bytes(&blobs);
	return true;
}

bool vl_item_facts(const struct vl_docs *docs, const struct vl_desc *item, struct vl_item_facts *out, struct vl_err *e)
{
	*out = (struct vl_item_facts){
		.name = vl_desc_get(item, VL_AN_ITEM), .type = vl_desc_get(item, VL_AN_TYPE),
		.source = vl_desc_get(item, VL_AN_SOURCE), .updated = time_of(item, VL_AN_UPDATED),
		.fetched = time_of(item, VL_AN_FETCHED), .next = time_of(item, VL_AN_NEXT),
	};
	if (!count_images(docs, item, out, e))
		return vl_while(e, "item %s", out->name ? out->name : "without a name");
	return out->is_images ? true : vl_item_files(docs, item, add_file, out, e);
}

void vl_item_say(const struct vl_item_facts *i, int64_t now)
{
	char size[24], when[48], count[64];
	VL_STR name = vl_safe_text(i->name ? i->name : "-", 64);
	VL_STR type = vl_safe_text(i->type ? i->type : "-", 64);

	if (i->is_images)
		vl_count_text(i->images, "image", "images", count);
	else
		vl_count_text(i->files, "file", "files", count);
	printf("  %-16s %-16s %9s in %s", name, type, vl_size_text(i->bytes, size), count);
	if (i->attached)
		printf(", %s", vl_count_text(i->attached, "signature or attestation", "signatures and attestations",
					     count));
	if (i->updated)
		printf(", data made %s", vl_when(i->updated, now, when));
	else if (i->fetched)
		printf(", fetched %s", vl_when(i->fetched, now, when));
	putchar('\n');
}

bool vl_item_line(const struct vl_item_facts *i, const char *channel, const struct vl_desc *item, struct vl_err *e)
{
	struct vl_line l;

	vl_line_begin(&l, "item");
	vl_line_text(&l, "channel", channel);
	vl_line_text(&l, "item", i->name);
	vl_line_text(&l, "item-type", i->type);
	vl_line_text(&l, "source", i->source);
	vl_line_digest(&l, "digest", &item->digest);
	if (i->is_images) {
		vl_jw_u64(&l.w, "images", i->images);
		vl_jw_u64(&l.w, "attached", i->attached);
	} else {
		vl_jw_u64(&l.w, "files", i->files);
	}
	vl_jw_u64(&l.w, "bytes", i->bytes);
	if (i->has_shared)
		vl_jw_u64(&l.w, "shared-bytes", i->shared);
	vl_line_time(&l, "updated", i->updated);
	vl_line_time(&l, "fetched", i->fetched);
	vl_line_time(&l, "next-update", i->next);
	return vl_line_end(&l, e);
}

static bool say_empty(struct vl_cli *c, struct vl_err *e)
{
	VL_STR path = vl_safe_text(c->store, 1024);
	struct vl_line l;

	if (!c->g.json) {
		vl_say("The store %s is empty.\n", path);
		vl_say("Bring a bundle and run: valise unpack PATH. A first transfer: man valise-workflow.\n");
		return true;
	}
	vl_line_begin(&l, "empty");
	vl_line_text(&l, "store", c->store);
	return vl_line_end(&l, e);
}

bool vl_cli_open_current(struct vl_cli *c, struct vl_store **out, struct vl_generation *g, struct vl_err *e)
{
	VL_AUTO(vl_store) s = NULL;

	if (vl_cli_store_absent(c))
		return say_empty(c, e);
	if (!vl_store_open(&s, c->store, VL_STORE_READ, 0, &c->env, e) || !vl_store_current(s, g, e))
		return false;
	if (!g->number && !say_empty(c, e))
		return false;
	*out = vl_steal(&s);
	return true;
}

bool vl_cli_check_channel(const struct vl_generation *g, const char *channel, struct vl_err *e)
{
	VL_STR safe = NULL;
	VL_STR held = vl_xstrdup("");

	if (!channel || vl_generation_find(g, channel))
		return true;
	for (size_t i = 0; i < g->n; i++) {
		VL_STR more = vl_xprintf("%s%s%s", held, i ? ", " : "", g->channel[i].name);

		free(held);
		held = vl_steal(&more);
	}
	safe = vl_safe_text(channel, 64);
	vl_fail(e, VL_E_ABSENT, "channel %s is not in this store", safe);
	return vl_hint(e, "It holds: %s.", held);
}

bool vl_cli_load_trust(struct vl_cli *c, const struct vl_strings *pub, struct vl_trust *t, struct vl_err *e)
{
	VL_AUTO(vl_store) s = NULL;

	for (size_t i = 0; i < pub->n; i++) {
		struct vl_pubkey key;

		if (!vl_pubkey_load(&key, pub->v[i], e) || !vl_trust_add(t, &key, NULL, NULL, c->env.now, e))
			return false;
	}
	if (pub->n || vl_cli_store_absent(c))
		return true;
	return vl_store_open(&s, c->store, VL_STORE_READ, 0, &c->env, e) && vl_trust_load(t, s, e);
}

const char *vl_expiry_text(int64_t expires, int64_t now, char out[static 64])
{
	char when[48];

	if (!expires)
		snprintf(out, 64, "does not expire");
	else if (expires <= now)
		snprintf(out, 64, "EXPIRED %s", vl_when(expires, now, when));
	else
		snprintf(out, 64, "expires %s", vl_when(expires, now, when));
	return out;
}

bool vl_open_parent(const char *path, int *dir, const char **base, struct vl_err *e)
{
	const char *slash = strrchr(path, '/');
	VL_STR parent = slash ? vl_xstrndup(path, slash == path ? 1 : (size_t)(slash - path)) : vl_xstrdup(".");

	*base = slash ? slash + 1 : path;
	if (!**base)
		return vl_fail(e, VL_E_USAGE, "%s names a directory, not a file", path);
	*dir = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *dir >= 0 ? true : vl_fail_os(e, "directory %s", parent);
}

void vl_say_spoken(const char *label, const struct vl_digest *d)
{
	char text[80];

	vl_digest_spoken(d, text);
	text[39] = '\0';
	vl_say_row(label, "%s", text);
	vl_say_row("", "%s", text + 40);
}
