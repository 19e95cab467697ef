/* SPDX-License-Identifier: Apache-2.0 */
/* cli/cmd_list.c: what the store holds: items, or the files of one item. */
#include <inttypes.h>

#include "base/text.h"
#include "cli/parts.h"

struct opts {
	const char *channel;
};
static const struct vl_opt table[] = {
	{ VL_OPT_TEXT, 'c', "channel", offsetof(struct opts, channel), "NAME", "this channel only" },
	{ .kind = VL_OPT_END },
};

struct listing {
	struct vl_cli *c;
	struct vl_docs docs;
	const char *channel, *only;
	bool found;
};

static bool say_file(void *ctx, const struct vl_desc *file, struct vl_err *e)
{
	struct listing *l = ctx;
	const char *title = vl_desc_get(file, VL_AN_TITLE);
	char size[24], digest[VL_DIGEST_OCI];
	struct vl_line line;

	if (!l->c->g.json) {
		vl_say("  %9s  %s  ", vl_size_text(file->size, size), vl_digest_oci(&file->digest, digest));
		vl_say_safe(title);
		vl_say("\n");
		return true;
	}
	vl_line_begin(&line, "file");
	vl_line_text(&line, "channel", l->channel);
	vl_line_text(&line, "item", l->only);
	vl_line_text(&line, "title", title);
	vl_line_text(&line, "media-type", file->media_type);
	vl_line_digest(&line, "digest", &file->digest);
	vl_jw_u64(&line.w, "bytes", file->size);
	vl_line_text(&line, "records", vl_desc_get(file, VL_AN_RECORDS));
	return vl_line_end(&line, e);
}

static bool say_item(struct listing *l, const struct vl_desc *item, struct vl_err *e)
{
	struct vl_item_facts facts;
	char digest[VL_DIGEST_OCI];

	if (!vl_item_facts(&l->docs, item, &facts, e))
		return false;
	if (l->c->g.json)
		return vl_item_line(&facts, l->channel, item, e);
	vl_item_say(&facts, l->c->env.now);
	vl_say("    from ");
	vl_say_safe(facts.source);
	vl_say("\n    %s\n", vl_digest_oci(&item->digest, digest));
	return true;
}

static bool list_channel(struct listing *l, const struct vl_store *s, const struct vl_channel *ch, struct vl_err *e)
{
	VL_CLEAN(vl_doc) snapshot = { 0 };

	l->channel = ch->name;
	if (!vl_store_snapshot(s, &ch->root, ch->root_size, &snapshot, e))
		return false;
	if (!l->c->g.json)
		vl_say("%s %" PRIu64 "\n", ch->name, ch->sequence);
	for (size_t i = 0; i < snapshot.n; i++) {
		const char *name = vl_desc_get(&snapshot.child[i], VL_AN_ITEM);

		if (l->only && (!name || strcmp(name, l->only)))
			continue;
		l->found = true;
		if (!say_item(l, &snapshot.child[i], e))
			return false;
		if (l->only && !vl_item_files(&l->docs, &snapshot.child[i], say_file, l, e))
			return false;
	}
	return true;
}

static bool run(struct vl_cli *c, const void *opts, struct vl_err *e)
{
	const struct opts *o = opts;
	VL_AUTO(vl_store) s = NULL;
	VL_CLEAN(vl_generation) g = { 0 };
	struct listing l = { .c = c, .only = c->args[0] };

	if (!vl_cli_open_current(c, &s, &g, e))
		return false;
	if (!s || !g.number)
		return true;
	l.docs = vl_docs_of_store(s);
	if (!vl_cli_check_channel(&g, o->channel, e))
		return false;
	for (size_t i = 0; i < g.n; i++) {
		if (o->channel && strcmp(o->channel, g.channel[i].name))
			continue;
		if (!list_channel(&l, s, &g.channel[i], e))
			return false;
	}
	if (l.only && !l.found) {
		VL_STR safe = vl_safe_text(l.only, 64);

		vl_fail(e, VL_E_ABSENT, "there is no item %s in this store", safe);
		return vl_hint(e, "valise list shows all items.");
	}
	return true;
}

const struct vl_command vl_cmd_list = {
	.name = "list", .summary = "list the items of the store, or the files of one", .side = VL_SIDE_BOTH,
	.usage = "[ITEM] [-c NAME]",
	.text = "Items with type, size, age, source and digest. With ITEM: its files too.",
	.opts = table, .size = sizeof(struct opts), .args_max = 1, .run = run,
};
