/* SPDX-License-Identifier: Apache-2.0 */
/* cli/cmd_log.c: the generations of the store, newest first: what each brought, when, and who signed it.
 * In:    generations/<number>/index.json; documents of the snapshots, for their size.
 * Out:   one block per generation, one line per channel that it changed.
 * Keeps: a generation whose documents are gone or damaged is still told; only its size is not. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/text.h"
#include "cli/parts.h"
#include "pipeline/sizing.h"

#define SHORT_HEX 12

struct opts {
	struct vl_opt_count most;
	const char *channel;
};
static const struct vl_opt table[] = {
	{ VL_OPT_COUNT, 'n', "number", offsetof(struct opts, most), "N", "the newest N generations only" },
	{ VL_OPT_TEXT, 'c', "channel", offsetof(struct opts, channel), "NAME",
	  "this channel only, and the generations that changed it" },
	{ .kind = VL_OPT_END },
};

struct telling {
	struct vl_cli *c;
	const struct vl_store *s;
	const struct opts *o;
	struct vl_sizing *sizing;
	uint64_t current;
	struct vl_generation *g; /* ascending; number 0: cannot be read */
	size_t n;
};
enum how { AS_BEFORE = 0, FETCHED, UNPACKED, AGAIN }; /* how a channel came to where it is */

/* ---- one channel of one generation ---- */
static bool same_content(const struct vl_channel *a, const struct vl_channel *b)
{
	return a && b && a->sequence == b->sequence && a->epoch == b->epoch && a->sealed == b->sealed &&
	       vl_digest_equal(&a->root, &b->root) && (!a->sealed || vl_digest_equal(&a->waybill, &b->waybill));
}

static bool same_state(const struct vl_channel *a, const struct vl_channel *b)
{
	return same_content(a, b) && a->installed == b->installed && a->again == b->again;
}

/* Back to an older state, or forward again: by a rollback, or by a bundle that was there before. */
static bool was_there(const struct telling *t, size_t at, const struct vl_channel *ch)
{
	for (size_t i = 0; i < at; i++)
		if (same_content(ch, vl_generation_find(&t->g[i], ch->name)))
			return true;
	return false;
}

static enum how how_came(const struct telling *t, size_t at, const struct vl_channel *ch)
{
	const struct vl_channel *was = at ? vl_generation_find(&t->g[at - 1], ch->name) : NULL;

	if (same_state(ch, was))
		return AS_BEFORE;
	if (ch->again || was_there(t, at, ch)) /* gc may have taken what was there */
		return AGAIN;
	return ch->sealed ? UNPACKED : FETCHED;
}

/* 0: its documents are not all there. */
static uint64_t snapshot_bytes(const struct telling *t, const struct vl_channel *ch)
{
	struct vl_err why = VL_ERR_INIT;
	uint64_t bytes = 0;

	return vl_sizing_bytes(t->sizing, ch, &bytes, &why) ? bytes : 0;
}

static bool channel_line(const struct telling *t, const struct vl_generation *g, const struct vl_channel *ch,
			 enum how how, struct vl_err *e)
{
	uint64_t bytes = snapshot_bytes(t, ch);
	struct vl_line l;

	vl_line_begin(&l, "generation");
	vl_jw_u64(&l.w, "generation", g->number);
	vl_jw_bool(&l.w, "current", g->number == t->current);
	vl_line_text(&l, "channel", ch->name);
	vl_jw_u64(&l.w, "epoch", ch->epoch);
	vl_jw_u64(&l.w, "sequence", ch->sequence);
	vl_jw_bool(&l.w, "changed", how != AS_BEFORE);
	vl_jw_bool(&l.w, "again", how == AGAIN);
	vl_jw_str(&l.w, "by", ch->sealed ? "unpack" : "fetch");
	vl_line_digest(&l, "root", &ch->root);
	vl_line_time(&l, "installed", ch->installed);
	vl_line_time(&l, "installed-again", ch->again);
	vl_line_time(&l, "created", ch->created);
	vl_line_time(&l, "expires", ch->expires);
	if (ch->sealed) {
		vl_line_digest(&l, "waybill", &ch->waybill);
		vl_line_words(&l, "signers", ch->signers);
	}
	if (bytes)
		vl_jw_u64(&l.w, "bytes", bytes);
	return vl_line_end(&l, e);
}

static int64_t came_at(const struct vl_channel *ch)
{
	if (ch->again)
		return ch->again;
	return ch->installed ? ch->installed : ch->created;
}

static void say_channel(const struct telling *t, const struct vl_channel *ch, enum how how)
{
	uint64_t bytes = snapshot_bytes(t, ch);
	static const char *const word[] = { "", "fetched", "unpacked", "installed again" };
	char hex[VL_DIGEST_HEX], size[24], when[48], expiry[64];
	int64_t now = t->c->env.now;

	vl_digest_hex(&ch->root, hex);
	vl_say("  %s %" PRIu64 "  %s %s", ch->name, ch->sequence, word[how],
	       vl_when(came_at(ch), now, when));
	vl_say(", %s, root %.*s\n", bytes ? vl_size_text(bytes, size) : "size not known", SHORT_HEX, hex);
	if (!ch->sealed)
		return;
	vl_say("    made %s, %s", vl_when(ch->created, now, when), vl_expiry_text(ch->expires, now, expiry));
	vl_say(", signed by %s\n", ch->signers);
}

/* ---- one generation ---- */
static bool wanted(const struct telling *t, const struct vl_channel *ch)
{
	return !t->o->channel || !strcmp(t->o->channel, ch->name);
}

/* Channels that were there before and are not any more. */
static void say_removed(const struct telling *t, const struct vl_generation *g, const struct vl_generation *before)
{
	for (size_t i = 0; i < before->n; i++)
		if (wanted(t, &before->channel[i]) && !vl_generation_find(g, before->channel[i].name))
			vl_say("  %s  removed\n", before->channel[i].name);
}

static bool say_generation(const struct telling *t, size_t at, const struct vl_generation *before, struct vl_err *e)
{
	const struct vl_generation *g = &t->g[at];

	if (!t->c->g.json)
		vl_say("generation %" PRIu64 "%s\n", g->number, g->number == t->current ? " (current)" : "");
	for (size_t i = 0; i < g->n; i++) {
		const struct vl_channel *ch = &g->channel[i];
		enum how how = how_came(t, at, ch);

		if (!wanted(t, ch))
			continue;
		if (t->c->g.json && !channel_line(t, g, ch, how, e))
			return false;
		if (!t->c->g.json && how)
			say_channel(t, ch, how);
		else if (!t->c->g.json)
			vl_say("  %s %" PRIu64 "  as before\n", ch->name, ch->sequence);
	}
	if (!t->c->g.json)
		say_removed(t, g, before);
	return true;
}

static bool is_news(const struct telling *t, const struct vl_generation *g, const struct vl_generation *before)
{
	const struct vl_channel *now, *was;

	if (!t->o->channel)
		return true;
	now = vl_generation_find(g, t->o->channel);
	was = vl_generation_find(before, t->o->channel);
	return now ? !same_state(now, was) : was != NULL;
}

/* ---- all ---- */
static bool load(struct telling *t, struct vl_err *e)
{
	uint64_t *number = NULL;
	size_t n = 0;
	bool good = vl_store_numbers(t->s, &number, &n, e);

	t->g = vl_xcalloc(n ? n : 1, sizeof *t->g);
	for (t->n = 0; good && t->n < n; t->n++) {
		struct vl_err why = VL_ERR_INIT;

		if (vl_store_load_generation(t->s, number[t->n], &t->g[t->n], &why))
			continue;
		vl_emit_warn(&t->c->env, "generation %" PRIu64 " cannot be read: %s", number[t->n], why.msg);
		vl_generation_clear(&t->g[t->n]);
	}
	free(number);
	return good;
}

static void telling_clear(struct telling *t)
{
	for (size_t i = 0; i < t->n; i++)
		vl_generation_clear(&t->g[i]);
	free(t->g);
}
VL_DEFINE_CLEAN(telling)

static bool tell(const struct telling *t, struct vl_err *e)
{
	static const struct vl_generation none = { .number = 0 };
	uint64_t left = t->o->most.set ? t->o->most.n : UINT64_MAX;

	for (size_t i = t->n; i > 0 && left; i--) {
		const struct vl_generation *before = i > 1 ? &t->g[i - 2] : &none;

		if (!vl_env_go_on(&t->c->env, e))
			return false;
		if (!t->g[i - 1].number || !is_news(t, &t->g[i - 1], before))
			continue;
		left--;
		if (!say_generation(t, i - 1, before, e))
			return false;
	}
	return true;
}

/* A channel may be gone from the current generation and still be in older ones. */
static bool check_channel(const struct telling *t, const struct vl_generation *current, struct vl_err *e)
{
	for (size_t i = 0; t->o->channel && i < t->n; i++)
		if (vl_generation_find(&t->g[i], t->o->channel))
			return true;
	return vl_cli_check_channel(current, t->o->channel, e);
}

static bool run(struct vl_cli *c, const void *opts, struct vl_err *e)
{
	VL_AUTO(vl_store) s = NULL;
	VL_CLEAN(vl_generation) g = { 0 };
	VL_CLEAN(vl_sizing) sizing = { .turn = 0 };
	VL_CLEAN(telling) t = { .c = c, .o = opts, .sizing = &sizing };

	if (!vl_cli_open_current(c, &s, &g, e))
		return false;
	if (!s || !g.number)
		return true;
	t.s = s;
	t.current = g.number;
	sizing.docs = vl_docs_of_store(s);
	return load(&t, e) && check_channel(&t, &g, e) && tell(&t, e);
}

const struct vl_command vl_cmd_log = {
	.name = "log", .summary = "show what came into the store, newest first", .side = VL_SIDE_BOTH,
	.usage = "[-n N] [-c NAME]",
	.text = "Each generation of the store that is still kept: the channels it changed with sequence, time, expiry, "
		"signers, size and root digest; which one is current.",
	.opts = table, .size = sizeof(struct opts), .run = run,
};
