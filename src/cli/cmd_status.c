/* SPDX-License-Identifier: Apache-2.0 */
/* cli/cmd_status.c: how fresh is what the scanners use, in words for a tired operator; with --max-age an alarm.
 * Keeps: the age of a database is the age of its data where upstream says it. A file or tree that simply does not
 *        change (http, dir) is as fresh as the bundle that confirmed it, else the alarm would ring for ever. */
#include <inttypes.h>

#include "base/text.h"
#include "base/version.h"
#include "cli/parts.h"

struct opts {
	const char *channel;
	struct vl_opt_duration max_age;
};
static const struct vl_opt table[] = {
	{ VL_OPT_TEXT, 'c', "channel", offsetof(struct opts, channel), "NAME", "this channel only" },
	{ VL_OPT_DURATION, 0, "max-age", offsetof(struct opts, max_age), "DURATION",
	  "fail (exit 13) when data is older, or a bundle has expired" },
	{ .kind = VL_OPT_END },
};

struct survey {
	struct vl_cli *c;
	const struct opts *o;
	struct vl_docs docs;
	struct vl_state state; /* empty when it cannot be read: that is fsck's to tell */
	struct vl_err worst; /* what --max-age found; the first one is kept */
};

static void alarm_expired(struct survey *s, const struct vl_channel *ch)
{
	char when[48];

	if (!s->o->max_age.set || s->worst.code || !ch->expires || ch->expires > s->c->env.now)
		return;
	vl_fail(&s->worst, VL_E_EXPIRED, "%s %" PRIu64 " expired %s", ch->name, ch->sequence,
		vl_when(ch->expires, s->c->env.now, when));
	vl_hint(&s->worst, "Bring a newer bundle.");
}

static void alarm_age(struct survey *s, const char *what, const char *name, int64_t made)
{
	char age[32], most[32];
	int64_t seconds = s->c->env.now - made;

	if (!s->o->max_age.set || s->worst.code || !made || seconds <= s->o->max_age.seconds)
		return;
	vl_fail(&s->worst, VL_E_STALE, "%s%s is %s old, more than %s", what, name, vl_duration_text(seconds, age),
		vl_duration_text(s->o->max_age.seconds, most));
}

/* A database that upstream builds anew every few hours (it says when the next one is due) is as old as its build. All
 * else is as old as the packing, which asked upstream: an ecosystem without a new advisory for a year is quiet. */
static int64_t data_time(const struct vl_item_facts *i, const struct vl_channel *ch)
{
	return i->updated && i->next ? i->updated : ch->created;
}

/* The sequence that this store has accepted, when the channel was gone back from it; else 0. */
static uint64_t newer_than(const struct survey *s, const struct vl_channel *ch)
{
	const struct vl_high *high = vl_state_find(&s->state, ch->name);

	return ch->sealed && high && high->sequence > ch->sequence ? high->sequence : 0;
}

static bool channel_line(const struct survey *s, const struct vl_channel *ch, struct vl_err *e)
{
	struct vl_line l;

	vl_line_begin(&l, "channel");
	vl_jw_str(&l.w, "channel", ch->name);
	vl_jw_u64(&l.w, "epoch", ch->epoch);
	vl_jw_u64(&l.w, "sequence", ch->sequence);
	vl_line_digest(&l, "root", &ch->root);
	vl_line_time(&l, "created", ch->created);
	vl_line_time(&l, "installed", ch->installed);
	vl_line_time(&l, "installed-again", ch->again);
	vl_line_time(&l, "expires", ch->expires);
	vl_jw_bool(&l.w, "expired", ch->expires && ch->expires <= s->c->env.now);
	vl_jw_bool(&l.w, "sealed", ch->sealed);
	if (ch->sealed) {
		vl_line_digest(&l, "waybill", &ch->waybill);
		vl_line_words(&l, "signers", ch->signers);
	}
	if (newer_than(s, ch))
		vl_jw_u64(&l.w, "highest", newer_than(s, ch));
	return vl_line_end(&l, e);
}

static void say_channel(const struct survey *s, const struct vl_channel *ch)
{
	char when[48], expiry[64];
	int64_t now = s->c->env.now;

	vl_say("channel %s, sequence %" PRIu64 ": ", ch->name, ch->sequence);
	if (ch->created)
		vl_say("packed %s, ", vl_when(ch->created, now, when));
	if (!ch->sealed) {
		vl_say("fetched on this host, not signed\n");
	} else {
		vl_say("%s\n", vl_expiry_text(ch->expires, now, expiry));
		vl_say("  installed %s, signed by %s\n", vl_when(ch->installed, now, when), ch->signers);
	}
	if (ch->again)
		vl_say("  installed again by a rollback %s\n", vl_when(ch->again, now, when));
	if (newer_than(s, ch))
		vl_say("  gone back from %s %" PRIu64 "; to return: valise rollback %" PRIu64 ", or unpack it again\n",
		       ch->name, newer_than(s, ch), newer_than(s, ch));
}

static bool survey_channel(struct survey *s, const struct vl_store *store, const struct vl_channel *ch,
			   struct vl_err *e)
{
	VL_CLEAN(vl_doc) snapshot = { 0 };

	if (!vl_store_snapshot(store, &ch->root, ch->root_size, &snapshot, e))
		return false;
	if (s->c->g.json && !channel_line(s, ch, e))
		return false;
	if (!s->c->g.json)
		say_channel(s, ch);
	alarm_expired(s, ch);
	alarm_age(s, "the bundle of channel ", ch->name, ch->created);
	for (size_t i = 0; i < snapshot.n; i++) {
		struct vl_item_facts facts;

		if (!vl_item_facts(&s->docs, &snapshot.child[i], &facts, e))
			return false;
		if (s->c->g.json && !vl_item_line(&facts, ch->name, &snapshot.child[i], e))
			return false;
		if (!s->c->g.json)
			vl_item_say(&facts, s->c->env.now);
		alarm_age(s, "the data of item ", facts.name ? facts.name : "-", data_time(&facts, ch));
	}
	return true;
}

static void check_clock(const struct vl_cli *c)
{
	char now[24];

	if (c->env.now < vl_release_time())
		vl_emit_warn(&c->env, "the clock of this host says %s, before this valise was made: ages are wrong",
			     vl_time_text(c->env.now, now));
}

static void survey_clear(struct survey *s)
{
	vl_state_clear(&s->state);
}
VL_DEFINE_CLEAN(survey)

static bool run(struct vl_cli *c, const void *opts, struct vl_err *e)
{
	const struct opts *o = opts;
	VL_AUTO(vl_store) store = NULL;
	VL_CLEAN(vl_generation) g = { 0 };
	VL_CLEAN(survey) s = { .c = c, .o = o };
	struct vl_err unread;

	if (!vl_cli_open_current(c, &store, &g, e))
		return false;
	if (!store || !g.number)
		return o->max_age.set ? vl_fail(e, VL_E_STALE, "the store %s is empty", c->store) : true;
	check_clock(c);
	s.docs = vl_docs_of_store(store);
	(void)!vl_store_state_load(store, &s.state, &unread);
	if (!vl_cli_check_channel(&g, o->channel, e))
		return false;
	for (size_t i = 0; i < g.n; i++) {
		if (o->channel && strcmp(o->channel, g.channel[i].name))
			continue;
		if (!survey_channel(&s, store, &g.channel[i], e))
			return false;
	}
	if (!c->g.json && !c->g.quiet)
		vl_say("\nTo use it: eval \"$(valise env)\"; valise env alone shows what each scanner needs.\n");
	if (s.worst.code) {
		*e = s.worst;
		return false;
	}
	return true;
}

const struct vl_command vl_cmd_status = {
	.name = "status", .summary = "say how old the data is and when it expires", .side = VL_SIDE_ISOLATED,
	.usage = "[-c NAME] [--max-age DURATION]",
	.text = "Per channel: sequence, age, expiry, signers. Per item: type, size, age of the data. Exits 0 even when "
		"something has expired; with --max-age it fails, so that a timer can raise an alarm.",
	.opts = table, .size = sizeof(struct opts), .run = run,
};
