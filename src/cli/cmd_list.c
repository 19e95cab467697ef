/* SPDX-License-Identifier: Apache-2.0 */
/* cli/cmd_list.c: what the store holds: items, or the images or files of one item; how large, and what of it another
 * item has too, which is what removing an item would not free. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/text.h"
#include "cli/parts.h"
#include "pipeline/content.h"

#define SHARED_MIN 1000 /* bytes; less (the empty config of artifacts) is not worth a line */

struct opts {
	const char *channel;
};
static const struct vl_opt table[] = {
	{ VL_OPT_TEXT, 'c', "channel", offsetof(struct opts, channel), "NAME", "this channel only" },
	{ .kind = VL_OPT_END },
};

struct held { /* one item of one channel */
	const struct vl_channel *channel;
	struct vl_desc desc;
	struct vl_blob_set blobs;
};
struct listing {
	struct vl_cli *c;
	const struct vl_store *s;
	struct vl_docs docs;
	struct held *item;
	size_t n, cap;
	struct vl_sharing sharing;
};

static void listing_clear(struct listing *l)
{
	for (size_t i = 0; i < l->n; i++) {
		vl_desc_clear(&l->item[i].desc);
		vl_blob_set_clear(&l->item[i].blobs);
	}
	free(l->item);
	vl_sharing_clear(&l->sharing);
}

/* ---- what there is ---- */
static bool gather_item(struct listing *l, const struct vl_channel *ch, const struct vl_desc *item, struct vl_err *e)
{
	struct held *h;
	const char *name = vl_desc_get(item, VL_AN_ITEM);

	vl_grow(&l->item, l->n, &l->cap, sizeof *l->item);
	h = &l->item[l->n++];
	*h = (struct held){ .channel = ch };
	vl_desc_copy(&h->desc, item);
	if (!vl_blob_set_add(&h->blobs, &l->docs, item, e))
		return vl_while(e, "item %s", name ? name : "without a name");
	vl_sharing_add(&l->sharing, &h->blobs, l->n);
	return true;
}

static bool gather(struct listing *l, const struct vl_generation *g, struct vl_err *e)
{
	for (size_t i = 0; i < g->n; i++) {
		VL_CLEAN(vl_doc) snapshot = { 0 };
		const struct vl_channel *ch = &g->channel[i];

		if (!vl_store_snapshot(l->s, &ch->root, ch->root_size, &snapshot, e))
			return false;
		for (size_t k = 0; k < snapshot.n; k++)
			if (!gather_item(l, ch, &snapshot.child[k], e))
				return false;
	}
	return true;
}

/* ---- files ---- */
struct place {
	const struct listing *l;
	const struct held *h;
};

static bool say_file(void *ctx, const struct vl_desc *file, struct vl_err *e)
{
	const struct place *p = ctx;
	const char *title = vl_desc_get(file, VL_AN_TITLE);
	char size[24], digest[VL_DIGEST_OCI];
	struct vl_line line;

	if (!p->l->c->g.json) {
		vl_say("  %9s  %s  ", vl_size_text(file->size, size), vl_digest_oci(&file->digest, digest));
		vl_say_safe(title);
		vl_say("\n");
		return true;
	}
	vl_line_begin(&line, "file");
	vl_line_text(&line, "channel", p->h->channel->name);
	vl_line_text(&line, "item", vl_desc_get(&p->h->desc, VL_AN_ITEM));
	vl_line_text(&line, "title", title);
	vl_line_text(&line, "media-type", file->media_type);
	vl_line_digest(&line, "digest", &file->digest);
	vl_jw_u64(&line.w, "bytes", file->size);
	vl_line_text(&line, "records", vl_desc_get(file, VL_AN_RECORDS));
	return vl_line_end(&line, e);
}

/* ---- images ---- */
struct facts {
	uint64_t bytes;
	size_t attached;
	char *platforms; /* with blanks between */
};

/* A damaged config costs the platform, not the list. */
static bool image_facts(const struct listing *l, const struct vl_named_images *all, const struct vl_named_image *image,
			struct facts *f, struct vl_err *e)
{
	VL_CLEAN(vl_blob_set) blobs = { 0 };
	VL_CLEAN(vl_variants) variants = { 0 };
	struct vl_err why = VL_ERR_INIT;

	if (!vl_blob_set_add(&blobs, &l->docs, &image->desc, e))
		return false;
	if (!vl_image_variants(l->s, &image->desc, &variants, &why))
		vl_emit_warn(&l->c->env, "%s", why.msg);
	*f = (struct facts){ .bytes = vl_blob_set_bytes(&blobs), .platforms = vl_variants_text(&variants, " "),
			     .attached = vl_named_images_attached(all, &image->desc.digest) };
	return true;
}

static void say_image(const struct vl_named_image *image, const struct facts *f)
{
	char size[24], digest[VL_DIGEST_OCI], attached[64];
	VL_STR platforms = vl_safe_text(f->platforms, 1000);

	vl_say("  %9s  %s  ", vl_size_text(f->bytes, size), vl_digest_oci(&image->desc.digest, digest));
	vl_say_safe(image->n ? image->name[0] : NULL);
	vl_say("\n");
	for (size_t i = 1; i < image->n; i++) {
		vl_say("             also ");
		vl_say_safe(image->name[i]);
		vl_say("\n");
	}
	if (*platforms || f->attached)
		vl_say("             %s%s%s\n", platforms, *platforms && f->attached ? ", " : "",
		       f->attached ? vl_count_text(f->attached, "signature or attestation",
						   "signatures and attestations", attached) : "");
}

static bool image_line(const struct held *h, const struct vl_named_image *image, const struct facts *f,
		       struct vl_err *e)
{
	struct vl_line l;

	vl_line_begin(&l, image->attached ? "attached" : "image");
	vl_line_text(&l, "channel", h->channel->name);
	vl_line_text(&l, "item", vl_desc_get(&h->desc, VL_AN_ITEM));
	vl_jw_array(&l.w, "names");
	for (size_t i = 0; i < image->n; i++)
		vl_line_text(&l, NULL, image->name[i]);
	vl_jw_array_end(&l.w);
	vl_line_text(&l, "media-type", image->desc.media_type);
	vl_line_text(&l, "artifact-type", image->desc.artifact_type);
	vl_line_digest(&l, "digest", &image->desc.digest);
	vl_line_text(&l, "upstream-digest", vl_desc_get(&image->desc, VL_AN_UPSTREAM));
	vl_jw_u64(&l.w, "bytes", f->bytes);
	if (image->attached)
		vl_line_digest(&l, "subject", &image->subject);
	else
		vl_line_words(&l, "platforms", f->platforms);
	vl_jw_u64(&l.w, "attached", f->attached);
	return vl_line_end(&l, e);
}

static bool say_images(const struct listing *l, const struct held *h, const struct vl_named_images *all,
		       struct vl_err *e)
{
	for (size_t i = 0; i < all->n; i++) {
		const struct vl_named_image *image = &all->v[i];
		struct facts f;
		bool good = true;

		if (image->attached && !l->c->g.json)
			continue;
		if (!image_facts(l, all, image, &f, e))
			return false;
		if (l->c->g.json)
			good = image_line(h, image, &f, e);
		else
			say_image(image, &f);
		free(f.platforms);
		if (!good)
			return false;
	}
	return true;
}

static bool say_content(const struct listing *l, const struct held *h, struct vl_err *e)
{
	VL_CLEAN(vl_named_images) all = { 0 };
	struct place p = { l, h };
	bool is_images;

	if (!vl_named_images_of(&l->docs, &h->desc, &all, &is_images, e))
		return false;
	return is_images ? say_images(l, h, &all, e) : vl_item_files(&l->docs, &h->desc, say_file, &p, e);
}

/* ---- items ---- */
static bool say_item(const struct listing *l, const struct held *h, struct vl_err *e)
{
	struct vl_item_facts facts;
	char digest[VL_DIGEST_OCI], size[24];

	if (!vl_item_facts(&l->docs, &h->desc, &facts, e))
		return false;
	facts.shared = vl_sharing_bytes(&l->sharing, &h->blobs);
	facts.has_shared = true;
	if (l->c->g.json)
		return vl_item_line(&facts, h->channel->name, &h->desc, e);
	vl_item_say(&facts, l->c->env.now);
	if (facts.shared >= SHARED_MIN)
		vl_say("    of which %s shared with other items\n", vl_size_text(facts.shared, size));
	vl_say("    from ");
	vl_say_safe(facts.source);
	vl_say("\n    %s\n", vl_digest_oci(&h->desc.digest, digest));
	return true;
}

/* Each blob once, however many items need it. */
static bool say_total(const struct listing *l, const struct vl_channel *ch, struct vl_err *e)
{
	VL_CLEAN(vl_blob_set) all = { 0 };
	char size[24];
	size_t items = 0;
	struct vl_line line;

	for (size_t i = 0; i < l->n; i++) {
		if (l->item[i].channel != ch)
			continue;
		vl_blob_set_join(&all, &l->item[i].blobs);
		items++;
	}
	if (l->c->g.json) {
		vl_line_begin(&line, "total");
		vl_line_text(&line, "channel", ch->name);
		vl_jw_u64(&line.w, "sequence", ch->sequence);
		vl_jw_u64(&line.w, "items", items);
		vl_jw_u64(&line.w, "bytes", vl_blob_set_bytes(&all));
		return vl_line_end(&line, e);
	}
	if (items > 1)
		vl_say("  %-16s %-16s %9s in %zu items\n", "total", "", vl_size_text(vl_blob_set_bytes(&all), size),
		       items);
	return true;
}

static bool is_wanted(const struct held *h, const struct vl_channel *ch, const char *only)
{
	const char *name = vl_desc_get(&h->desc, VL_AN_ITEM);

	return h->channel == ch && (!only || (name && !strcmp(name, only)));
}

static bool has_item(const struct listing *l, const struct vl_channel *ch, const char *only)
{
	for (size_t i = 0; i < l->n; i++)
		if (is_wanted(&l->item[i], ch, only))
			return true;
	return false;
}

static bool say_channel(const struct listing *l, const struct vl_channel *ch, const char *only, struct vl_err *e)
{
	if (!l->c->g.json)
		vl_say("%s %" PRIu64 "\n", ch->name, ch->sequence);
	for (size_t i = 0; i < l->n; i++) {
		if (!is_wanted(&l->item[i], ch, only))
			continue;
		if (!say_item(l, &l->item[i], e) || (only && !say_content(l, &l->item[i], e)))
			return false;
	}
	return only ? true : say_total(l, ch, e);
}

static bool not_found(const struct listing *l, const char *name, const char *channel, struct vl_err *e)
{
	const char **names = vl_xcalloc(l->n + 1, sizeof *names), *near;
	VL_STR safe = vl_safe_text(name, 64);
	VL_STR meant = NULL;
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++) {
		const char *item = vl_desc_get(&l->item[i].desc, VL_AN_ITEM);

		if (item && (!channel || !strcmp(channel, l->item[i].channel->name)))
			names[n++] = item;
	}
	near = vl_nearest(name, names);
	meant = vl_safe_text(near ? near : "", 64);
	free(names);
	vl_fail(e, VL_E_ABSENT, "there is no item %s in %s%s", safe, channel ? "channel " : "this store",
		channel ? channel : "");
	return near ? vl_hint(e, "Did you mean %s? valise list shows all items.", meant) :
		      vl_hint(e, "valise list shows all items.");
}

static bool run(struct vl_cli *c, const void *opts, struct vl_err *e)
{
	const struct opts *o = opts;
	VL_AUTO(vl_store) s = NULL;
	VL_CLEAN(vl_generation) g = { 0 };
	__attribute__((cleanup(listing_clear))) struct listing l = { .c = c };
	bool found = false;

	if (!vl_cli_open_current(c, &s, &g, e))
		return false;
	if (!s || !g.number)
		return true;
	l.s = s;
	l.docs = vl_docs_of_store(s);
	if (!vl_cli_check_channel(&g, o->channel, e) || !gather(&l, &g, e))
		return false;
	for (size_t i = 0; i < g.n; i++) {
		if (o->channel && strcmp(o->channel, g.channel[i].name))
			continue;
		if (c->n_args && !has_item(&l, &g.channel[i], c->args[0]))
			continue;
		found = true;
		if (!say_channel(&l, &g.channel[i], c->n_args ? c->args[0] : NULL, e))
			return false;
	}
	return found || !c->n_args ? true : not_found(&l, c->args[0], o->channel, e);
}

const struct vl_command vl_cmd_list = {
	.name = "list", .summary = "list the items of the store, or the images or files of one", .side = VL_SIDE_BOTH,
	.usage = "[ITEM] [-c NAME]",
	.text = "Items with type, size, age, source and digest, and how much of each another item has too. With ITEM: "
		"its images with names, platforms and signatures, or its files.",
	.opts = table, .size = sizeof(struct opts), .args_max = 1, .run = run,
};
