/* SPDX-License-Identifier: Apache-2.0 */
/* cli/cmd_inspect.c: what a bundle says about itself, readable without keys.
 * In:    waybill, signatures, and the first parcel, which holds the documents.
 * Out:   words; and always whether anybody vouches for them.
 * Keeps: nothing here leads to an installation; a parcel is hashed against the waybill before it is opened. */
#include <inttypes.h>

#include "base/text.h"
#include "cli/parts.h"
#include "pipeline/peek.h"

struct opts {
	struct vl_strings trust;
	bool comment;
};
static const struct vl_opt table[] = {
	{ VL_OPT_LIST, 't', "trust", offsetof(struct opts, trust), "PUB",
	  "verify the signature with this public key; may be repeated" },
	{ VL_OPT_FLAG, 0, "comment", offsetof(struct opts, comment), NULL,
	  "print only the trusted comment that a signature must carry" },
	{ .kind = VL_OPT_END },
};

static void say_waybill(const struct vl_cli *c, const struct vl_checked *k)
{
	const struct vl_waybill *w = k->waybill;
	char items[64], blobs[64], when[48], expiry[64], size[24], parcels[64], carried[24];
	uint64_t bytes = 0;

	for (size_t i = 0; i < w->n; i++)
		bytes += w->parcel[i].size;
	vl_say_row("channel", "%s, sequence %" PRIu64 ", epoch %" PRIu64, w->channel, w->sequence, w->epoch);
	vl_say_row("made", "%s, %s", vl_when(w->created, c->env.now, when),
		   vl_expiry_text(w->expires, c->env.now, expiry));
	vl_say_row("content", "%s, %s, %s; %s in %s", vl_count_text(w->items, "item", "items", items),
		   vl_count_text(w->blobs, "blob", "blobs", blobs), vl_size_text(w->bytes, size),
		   vl_size_text(bytes, carried), vl_count_text(w->n, "parcel", "parcels", parcels));
	vl_say("tool        ");
	vl_say_safe(w->tool);
	vl_say("\n");
	vl_say_spoken("waybill", &k->proof.sha256);
}

static void say_proof(const struct vl_checked *k, const struct vl_err *why)
{
	char id[VL_KEYID_TEXT];

	if (!k->verified) {
		vl_say_row("signature", "NOT VERIFIED");
		vl_say("            ");
		vl_say_safe(why->code ? why->msg : "no key to verify with; name one with --trust");
		vl_say("\n");
		return;
	}
	for (size_t i = 0; i < k->proof.n_by; i++)
		vl_say_row(i ? "" : "signature", "good, by key %s", vl_keyid_text(k->proof.by[i].id, id));
	vl_say_row("", "(the waybill only: valise verify reads the parcels too)");
}

static bool json_waybill(const struct vl_checked *k, const struct vl_err *why, struct vl_err *e)
{
	const struct vl_waybill *w = k->waybill;
	char id[VL_KEYID_TEXT];
	struct vl_line l;

	vl_line_begin(&l, "bundle");
	vl_line_text(&l, "path", vl_carried_path(k->carried));
	vl_jw_bool(&l.w, "verified", k->verified);
	vl_line_text(&l, "why", !k->verified && why->code ? why->msg : NULL);
	vl_jw_array(&l.w, "signers");
	for (size_t i = 0; k->verified && i < k->proof.n_by; i++)
		vl_jw_str(&l.w, NULL, vl_keyid_text(k->proof.by[i].id, id));
	vl_jw_array_end(&l.w);
	vl_line_text(&l, "channel", w->channel);
	vl_jw_u64(&l.w, "epoch", w->epoch);
	vl_jw_u64(&l.w, "sequence", w->sequence);
	vl_line_time(&l, "created", w->created);
	vl_line_time(&l, "expires", w->expires);
	vl_line_digest(&l, "waybill", &k->proof.sha256);
	vl_line_digest(&l, "root", &w->root);
	vl_jw_u64(&l.w, "items", w->items);
	vl_jw_u64(&l.w, "blobs", w->blobs);
	vl_jw_u64(&l.w, "bytes", w->bytes);
	vl_jw_u64(&l.w, "parcels", w->n);
	vl_line_text(&l, "tool", w->tool);
	return vl_line_end(&l, e);
}

static bool say_items(struct vl_cli *c, const struct vl_checked *k, struct vl_err *e)
{
	VL_CLEAN(vl_peeked) p = { .raw = NULL };
	VL_CLEAN(vl_doc) snapshot = { 0 };
	struct vl_docs docs = vl_docs_of_peeked(&p);

	if (!vl_peek_open(&p, k, e) || !vl_peek_snapshot(&p, k, &snapshot, e))
		return false;
	for (size_t i = 0; i < snapshot.n; i++) {
		struct vl_item_facts facts;

		if (!vl_env_go_on(&c->env, e) || !vl_item_facts(&docs, &snapshot.child[i], &facts, e))
			return false;
		if (c->g.json && !vl_item_line(&facts, k->waybill->channel, &snapshot.child[i], e))
			return false;
		if (!c->g.json)
			vl_item_say(&facts, c->env.now);
	}
	return true;
}

static bool inspect_one(struct vl_cli *c, const struct opts *o, struct vl_carried *carried, const struct vl_trust *t,
			struct vl_err *e)
{
	VL_AUTO(vl_checked) k = NULL;
	struct vl_err why = VL_ERR_INIT;
	char comment[513];

	if (!vl_verify_peek(&k, carried, t, &why, e))
		return false;
	if (o->comment) {
		vl_waybill_comment(k->waybill, &k->proof.sha256, comment);
		vl_say("%s\n", comment);
		return true;
	}
	if (c->g.json)
		return json_waybill(k, &why, e) && say_items(c, k, e);
	vl_say("bundle      ");
	vl_say_safe(vl_carried_path(carried));
	vl_say("\n");
	say_proof(k, &why);
	say_waybill(c, k);
	return say_items(c, k, e);
}

static bool run(struct vl_cli *c, const void *opts, struct vl_err *e)
{
	const struct opts *o = opts;
	VL_CLEAN(vl_trust) trust = { 0 };
	VL_CLEAN(vl_carried_list) found = { 0 };

	if (!vl_cli_load_trust(c, &o->trust, &trust, e) || !vl_media_find(&found, c->args[0], &c->env, e))
		return false;
	for (size_t i = 0; i < found.n; i++) {
		if (i && !c->g.json && !o->comment)
			vl_say("\n");
		if (!inspect_one(c, o, found.item[i], &trust, e)) {
			VL_STR path = vl_safe_text(vl_carried_path(found.item[i]), 512);

			return vl_while(e, "%s", path);
		}
	}
	return true;
}

const struct vl_command vl_cmd_inspect = {
	.name = "inspect", .summary = "show what a bundle says it holds", .side = VL_SIDE_BOTH,
	.usage = "PATH [-t PUB]..\nPATH --comment",
	.text = "Shows waybill and items of a bundle. Works without keys and says then that nothing is verified. To "
		"check a bundle, use valise verify.",
	.opts = table, .size = sizeof(struct opts), .args_min = 1, .args_max = 1, .run = run,
};
