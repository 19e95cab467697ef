/* SPDX-License-Identifier: Apache-2.0 */
/* cli/cmd_diff.c: what changed between two sequences, a bundle and the store, or two stores.
 * In:    a sequence, a generation, a bundle's directory, a store's directory, twice; the second is the current state if
 *        left out.
 * Out:   words or JSON lines per item, image and file; always exit 0 when there was something to compare.
 * Keeps: for a bundle that nobody vouches for it says so; comparing installs nothing. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/text.h"
#include "cli/parts.h"
#include "pipeline/diff.h"
#include "pipeline/peek.h"

struct opts {
	const char *channel;
	struct vl_strings trust;
};
static const struct vl_opt table[] = {
	{ VL_OPT_TEXT, 'c', "channel", offsetof(struct opts, channel), "NAME",
	  "the channel, when the store or the medium has several" },
	{ VL_OPT_LIST, 't', "trust", offsetof(struct opts, trust), "PUB",
	  "verify a bundle's signature with this public key; may be repeated" },
	{ .kind = VL_OPT_END },
};

enum kind { NOTHING = 0, GENERATION, BUNDLE };
struct source { /* one side, and what has to stay open for it */
	enum kind kind;
	char *path; /* of a bundle or another store; NULL: the own store */
	char channel[65];
	uint64_t sequence, generation;
	bool verified;
	struct vl_doc snapshot;
	struct vl_docs docs;
	struct vl_store *store;
	struct vl_carried_list found;
	struct vl_checked *checked;
	struct vl_peeked peeked;
};

static void source_clear(struct source *s)
{
	vl_doc_clear(&s->snapshot);
	vl_peeked_clear(&s->peeked);
	vl_checked_free(s->checked);
	vl_carried_list_clear(&s->found);
	vl_store_free(s->store);
	free(s->path);
}
VL_DEFINE_CLEAN(source)

struct comparing {
	struct vl_cli *c;
	const struct opts *o;
	const struct vl_store *own; /* NULL: there is none */
};

/* ---- a generation of a store ---- */
static bool take_channel(struct source *s, const struct vl_store *store, uint64_t generation,
			 const struct vl_channel *ch, struct vl_err *e)
{
	s->kind = GENERATION;
	s->generation = generation;
	s->sequence = ch->sequence;
	s->verified = ch->sealed;
	snprintf(s->channel, sizeof s->channel, "%s", ch->name);
	s->docs = vl_docs_of_store(store);
	return vl_store_snapshot(store, &ch->root, ch->root_size, &s->snapshot, e);
}

/* channel NULL: the only one there is. */
static bool take_generation(struct source *s, const struct vl_store *store, const struct vl_generation *g,
			    const char *channel, struct vl_err *e)
{
	const struct vl_channel *ch;

	if (!vl_cli_check_channel(g, channel, e))
		return false;
	if (!g->n)
		return true;
	if (!channel && g->n > 1) {
		vl_fail(e, VL_E_USAGE, "store %s has %zu channels", vl_store_path(store), g->n);
		return vl_hint(e, "Choose one with --channel: %s, %s..", g->channel[0].name, g->channel[1].name);
	}
	ch = channel ? vl_generation_find(g, channel) : &g->channel[0];
	return take_channel(s, store, g->number, ch, e);
}

static bool take_current(struct source *s, const struct vl_store *store, const char *channel, struct vl_err *e)
{
	VL_CLEAN(vl_generation) g = { 0 };

	return vl_store_current(store, &g, e) && take_generation(s, store, &g, channel, e);
}

/* "@7": whatever the sequence is. Two fetches without a pack between them have the same one. */
static bool take_numbered(struct source *s, const struct comparing *k, const char *text, struct vl_err *e)
{
	VL_CLEAN(vl_generation) g = { 0 };

	if (!k->own)
		return vl_fail(e, VL_E_ABSENT, "there is no store at %s to look up generation %s in", k->c->store,
			       text);
	if (vl_store_load_generation(k->own, strtoull(text, NULL, 10), &g, e))
		return take_generation(s, k->own, &g, k->o->channel, e);
	return e->code == VL_E_ABSENT ? vl_hint(e, "valise log shows those that are kept.") : false;
}

/* The newest generation in which a channel is at this sequence. */
static bool take_if_there(struct source *s, const struct comparing *k, uint64_t number, uint64_t sequence,
			  bool *ambiguous, struct vl_err *e)
{
	VL_CLEAN(vl_generation) g = { 0 };
	const struct vl_channel *found = NULL;

	if (!vl_store_load_generation(k->own, number, &g, e))
		return false;
	for (size_t i = 0; i < g.n; i++) {
		if (g.channel[i].sequence != sequence ||
		    (k->o->channel && strcmp(k->o->channel, g.channel[i].name)))
			continue;
		*ambiguous |= found != NULL;
		found = &g.channel[i];
	}
	return found ? take_channel(s, k->own, number, found, e) : true;
}

static bool take_sequence(struct source *s, const struct comparing *k, const char *text, struct vl_err *e)
{
	uint64_t *number = NULL, sequence = strtoull(text, NULL, 10);
	size_t n = 0;
	bool good, ambiguous = false;

	if (!k->own)
		return vl_fail(e, VL_E_ABSENT, "there is no store at %s to look up sequence %s in", k->c->store, text);
	good = vl_store_numbers(k->own, &number, &n, e);
	for (size_t i = n; good && i > 0 && !s->kind; i--)
		good = take_if_there(s, k, number[i - 1], sequence, &ambiguous, e);
	free(number);
	if (!good)
		return false;
	if (ambiguous) {
		vl_fail(e, VL_E_USAGE, "more than one channel is at sequence %" PRIu64, sequence);
		return vl_hint(e, "Choose with --channel.");
	}
	if (s->kind)
		return true;
	vl_fail(e, VL_E_ABSENT, "sequence %" PRIu64 " is not in this store any more", sequence);
	return vl_hint(e, "valise log shows what is; a directory of that name is written ./%s.", text);
}

/* ---- a bundle ---- */
static bool two_channels(const struct vl_waybill *a, const struct vl_waybill *b, struct vl_err *e)
{
	vl_fail(e, VL_E_USAGE, "there are bundles of channel %s and of channel %s", a->channel, b->channel);
	return vl_hint(e, "Say which with --channel NAME, or name the bundle's directory.");
}

/* As unpack would choose: of one channel, the highest sequence. A good signature beats any number without one, or a
 * stranger's bundle could hide the one that would be installed. */
static bool is_better(const struct vl_checked *b, const struct vl_checked *a)
{
	if (!a || a->verified != b->verified)
		return !a || b->verified;
	return b->waybill->sequence > a->waybill->sequence;
}

static bool look_at(struct source *s, const struct comparing *k, struct vl_carried *carried,
		    const struct vl_trust *trust, struct vl_err *e)
{
	VL_AUTO(vl_checked) next = NULL;
	struct vl_err why = VL_ERR_INIT;
	struct vl_checked *was = s->checked;

	if (!vl_verify_peek(&next, carried, trust, &why, e)) {
		VL_STR path = vl_safe_text(vl_carried_path(carried), 512);

		return vl_while(e, "%s", path);
	}
	if (k->o->channel && s->found.n > 1 && strcmp(k->o->channel, next->waybill->channel))
		return true;
	if (was && strcmp(was->waybill->channel, next->waybill->channel))
		return two_channels(was->waybill, next->waybill, e);
	if (is_better(next, was)) {
		s->checked = next;
		next = was;
	}
	return true;
}

static bool choose_bundle(struct source *s, const struct comparing *k, const char *safe, struct vl_err *e)
{
	VL_CLEAN(vl_trust) trust = { 0 };

	if (!vl_cli_load_trust(k->c, &k->o->trust, &trust, e))
		return false;
	for (size_t i = 0; i < s->found.n; i++)
		if (!look_at(s, k, s->found.item[i], &trust, e))
			return false;
	return s->checked || vl_fail(e, VL_E_CHANNEL, "%s holds no bundle of channel %s", safe, k->o->channel);
}

static bool open_bundle(struct source *s, struct vl_err *e)
{
	const struct vl_waybill *w = s->checked->waybill;

	s->kind = BUNDLE;
	s->sequence = w->sequence;
	s->verified = s->checked->verified;
	snprintf(s->channel, sizeof s->channel, "%s", w->channel);
	s->docs = vl_docs_of_peeked(&s->peeked);
	return vl_peek_open(&s->peeked, s->checked, e) && vl_peek_snapshot(&s->peeked, s->checked, &s->snapshot, e);
}

static bool take_bundle(struct source *s, const struct comparing *k, const char *path, struct vl_err *e)
{
	VL_STR safe = vl_safe_text(path, 512);

	if (!vl_media_find(&s->found, path, &k->c->env, e))
		return false;
	if (!choose_bundle(s, k, safe, e))
		return false;
	s->path = vl_xstrdup(vl_carried_path(s->checked->carried));
	if (!open_bundle(s, e))
		return vl_while(e, "%s", safe);
	if (s->found.n > 1)
		vl_emit_note(&k->c->env, "%s holds %zu bundles; taken: %s", safe, s->found.n, s->path);
	return true;
}

/* ---- what a word on the command line means ---- */
static bool all_digits(const char *text)
{
	size_t len = strlen(text);

	return len && len < 17 && strspn(text, "0123456789") == len;
}

static bool is_store(const char *path)
{
	VL_STR layout = vl_xprintf("%s/oci-layout", path);
	struct stat st;

	return stat(layout, &st) == 0;
}

static bool take(struct source *s, const struct comparing *k, const char *word, struct vl_err *e)
{
	if (all_digits(word))
		return take_sequence(s, k, word, e);
	if (word[0] == '@' && all_digits(word + 1))
		return take_numbered(s, k, word + 1, e);
	if (!is_store(word))
		return take_bundle(s, k, word, e);
	s->path = vl_xstrdup(word);
	return vl_store_open(&s->store, word, VL_STORE_READ, 0, &k->c->env, e) &&
	       take_current(s, s->store, k->o->channel, e);
}

/* The current state of the channel that the other side is about. A host that never had it compares with nothing. */
static bool take_own(struct source *s, const struct comparing *k, const struct source *other, struct vl_err *e)
{
	VL_CLEAN(vl_generation) g = { 0 };

	snprintf(s->channel, sizeof s->channel, "%s", other->channel);
	if (!k->own)
		return true;
	if (!vl_store_current(k->own, &g, e))
		return false;
	return vl_generation_find(&g, other->channel) ? take_current(s, k->own, other->channel, e) : true;
}

/* ---- words ---- */
static void say_side(const char *label, const struct source *s)
{
	VL_STR path = vl_safe_text(s->path ? s->path : "", 512);

	if (s->kind == NOTHING)
		vl_say_row(label, "nothing: this store has no channel %s", s->channel);
	else if (s->kind == BUNDLE)
		vl_say_row(label, "%s %" PRIu64 ", bundle %s, %s", s->channel, s->sequence, path,
			   s->verified ? "signature good" : "NOT VERIFIED");
	else
		vl_say_row(label, "%s %" PRIu64 ", generation %" PRIu64 "%s%s", s->channel, s->sequence, s->generation,
			   s->path ? " of " : "", path);
}

static void add_count(char **text, size_t n, const char *what)
{
	VL_STR before = *text;

	*text = n ? vl_xprintf("%s%s%zu %s", before, *before ? ", " : "", n, what) : vl_steal(&before);
}

/* "1 new, 2 moved, 5 unchanged" */
static char *counts(const struct vl_diff_item *i)
{
	char *text = vl_xstrdup("");
	size_t attached = vl_diff_count(i, VL_NEW, true) + vl_diff_count(i, VL_CHANGED, true);

	add_count(&text, vl_diff_count(i, VL_NEW, false), i->is_images ? "new" : "files added");
	add_count(&text, vl_diff_count(i, VL_CHANGED, false), i->is_images ? "moved" : "files changed");
	add_count(&text, vl_diff_count(i, VL_GONE, false), i->is_images ? "gone" : "files removed");
	add_count(&text, attached, "signatures or attestations new");
	add_count(&text, vl_diff_count(i, VL_GONE, true), "signatures or attestations gone");
	add_count(&text, i->same, "unchanged");
	return text;
}

static char *age_text(const struct vl_diff_item *i)
{
	char span[32];
	int64_t by = i->time_now - i->time_was;

	if (!i->time_was || !by)
		return vl_xstrdup("");
	return vl_xprintf(", %s %s by %s", i->by_upstream ? "data" : "fetched", by > 0 ? "newer" : "older",
			  vl_duration_text(by > 0 ? by : -by, span));
}

static void say_part(const struct vl_diff_item *i, const struct vl_diff_part *p)
{
	static const char *const word[] = { "", "new", "gone", "moved" };
	char was[VL_DIGEST_HEX], now[VL_DIGEST_HEX];

	vl_digest_hex(&p->was, was);
	vl_digest_hex(&p->now, now);
	vl_say("  %-7s ", p->change == VL_CHANGED && !i->is_images ? "changed" : word[p->change]);
	vl_say_safe(p->name);
	if (p->change == VL_CHANGED)
		vl_say("  %.12s -> %.12s\n", was, now);
	else
		vl_say("  %.12s\n", p->change == VL_GONE ? was : now);
}

static void say_item(const struct vl_cli *c, const struct vl_diff_item *i)
{
	static const char *const word[] = { "same", "new", "gone", "changed" };
	VL_STR name = vl_safe_text(i->name, 64);
	VL_STR type = vl_safe_text(i->type, 64);
	VL_STR text = counts(i);
	VL_STR age = age_text(i);
	char size[24];

	vl_say("%-9s %-16s %-16s", word[i->change], name, type);
	if (i->change == VL_NEW || i->change == VL_CHANGED)
		vl_say(" %s new", vl_size_text(i->bytes_new, size));
	if (i->change == VL_CHANGED)
		vl_say("%s%s%s", *text ? ", " : "", text, age);
	vl_say("\n");
	/* The files of a directory may be thousands; an image is something that somebody deploys. */
	for (size_t k = 0; k < i->n; k++)
		if (c->g.verbose || (i->is_images && !i->part[k].attached))
			say_part(i, &i->part[k]);
}

static void say_all(const struct vl_cli *c, const struct source *a, const struct source *b, const struct vl_diff *d)
{
	char fresh[24], gone[24];
	bool changed = false;

	say_side("from", a);
	say_side("to", b);
	for (size_t i = 0; i < d->n; i++) {
		changed |= d->item[i].change != VL_SAME;
		say_item(c, &d->item[i]);
	}
	vl_size_text(d->bytes_new, fresh);
	vl_size_text(d->bytes_gone, gone);
	if (changed)
		vl_say_row("bytes", "%s new, %s no longer needed", fresh, gone);
	else
		vl_say("No difference.\n");
}

/* ---- JSON ---- */
static const char *const change_word[] = { "same", "new", "gone", "changed" };

static bool side_line(const char *which, const struct source *s, struct vl_err *e)
{
	static const char *const kind[] = { "nothing", "generation", "bundle" };
	struct vl_line l;

	vl_line_begin(&l, "side");
	vl_jw_str(&l.w, "side", which);
	vl_jw_str(&l.w, "kind", kind[s->kind]);
	vl_line_text(&l, "channel", s->channel);
	if (s->kind) {
		vl_jw_u64(&l.w, "sequence", s->sequence);
		vl_jw_bool(&l.w, "verified", s->verified);
	}
	if (s->kind == GENERATION)
		vl_jw_u64(&l.w, "generation", s->generation);
	vl_line_text(&l, "path", s->path);
	return vl_line_end(&l, e);
}

static void put_digests(struct vl_line *l, enum vl_change change, const struct vl_digest *was,
			const struct vl_digest *now)
{
	if (change != VL_NEW)
		vl_line_digest(l, "was", was);
	if (change != VL_GONE)
		vl_line_digest(l, "now", now);
}

static bool part_line(const struct vl_diff_item *i, const struct vl_diff_part *p, struct vl_err *e)
{
	struct vl_line l;

	vl_line_begin(&l, !i->is_images ? "file" : p->attached ? "attached" : "image");
	vl_line_text(&l, "item", i->name);
	vl_line_text(&l, i->is_images ? "name" : "title", p->name);
	vl_jw_str(&l.w, "change", p->change == VL_CHANGED && i->is_images ? "moved" : change_word[p->change]);
	put_digests(&l, p->change, &p->was, &p->now);
	return vl_line_end(&l, e);
}

static bool item_line(const struct vl_diff_item *i, struct vl_err *e)
{
	struct vl_line l;

	vl_line_begin(&l, "item");
	vl_line_text(&l, "item", i->name);
	vl_line_text(&l, "item-type", i->type);
	vl_jw_str(&l.w, "change", change_word[i->change]);
	put_digests(&l, i->change, &i->was, &i->now);
	vl_jw_u64(&l.w, "bytes", i->bytes);
	vl_jw_u64(&l.w, "new-bytes", i->bytes_new);
	vl_jw_u64(&l.w, "parts-new", vl_diff_count(i, VL_NEW, false));
	vl_jw_u64(&l.w, "parts-changed", vl_diff_count(i, VL_CHANGED, false));
	vl_jw_u64(&l.w, "parts-gone", vl_diff_count(i, VL_GONE, false));
	if (i->time_was) {
		vl_jw_i64(&l.w, "newer-by-seconds", i->time_now - i->time_was);
		vl_jw_str(&l.w, "newer-as", i->by_upstream ? "updated" : "fetched");
	}
	if (!vl_line_end(&l, e))
		return false;
	for (size_t k = 0; k < i->n; k++)
		if (!part_line(i, &i->part[k], e))
			return false;
	return true;
}

static bool json_all(const struct source *a, const struct source *b, const struct vl_diff *d, struct vl_err *e)
{
	struct vl_line l;

	if (!side_line("from", a, e) || !side_line("to", b, e))
		return false;
	for (size_t i = 0; i < d->n; i++)
		if (!item_line(&d->item[i], e))
			return false;
	vl_line_begin(&l, "result");
	vl_jw_str(&l.w, "command", "diff");
	vl_jw_u64(&l.w, "new-bytes", d->bytes_new);
	vl_jw_u64(&l.w, "gone-bytes", d->bytes_gone);
	return vl_line_end(&l, e);
}

/* ---- the flow ---- */
static bool compare(const struct comparing *k, const struct source *a, const struct source *b, struct vl_err *e)
{
	VL_CLEAN(vl_diff) d = { 0 };
	struct vl_compared from = { a->docs, &a->snapshot }, to = { b->docs, &b->snapshot };

	if (!vl_diff_make(&from, &to, &k->c->env, &d, e))
		return false;
	if (k->c->g.json)
		return json_all(a, b, &d, e);
	say_all(k->c, a, b, &d);
	return true;
}

static bool run(struct vl_cli *c, const void *opts, struct vl_err *e)
{
	VL_AUTO(vl_store) own = NULL;
	VL_CLEAN(source) a = { .kind = NOTHING };
	VL_CLEAN(source) b = { .kind = NOTHING };
	struct comparing k = { .c = c, .o = opts };
	bool back;

	if (!vl_cli_store_absent(c) && !vl_store_open(&own, c->store, VL_STORE_READ, 0, &c->env, e))
		return false;
	k.own = own;
	if (!take(&a, &k, c->args[0], e))
		return false;
	if (c->n_args > 1)
		return take(&b, &k, c->args[1], e) && compare(&k, &a, &b, e);
	if (!take_own(&b, &k, &a, e))
		return false;
	/* With the current state: from the older to the newer, so that a new bundle shows what it would bring. */
	back = a.sequence > b.sequence || (a.sequence == b.sequence && a.generation > b.generation);
	return back ? compare(&k, &b, &a, e) : compare(&k, &a, &b, e);
}

const struct vl_command vl_cmd_diff = {
	.name = "diff", .summary = "show what changed between sequences, bundles or stores", .side = VL_SIDE_BOTH,
	.usage = "A [B] [-c NAME] [-t PUB]..",
	.text = "A and B are sequences of this store, generations (@N), directories of bundles, or other stores. "
		"Without B, A is compared with the current state, from the older to the newer. Shows items, images by "
		"name, counts of files, the age of databases, and bytes.",
	.opts = table, .size = sizeof(struct opts), .args_min = 1, .args_max = 2, .run = run,
};
