/* SPDX-License-Identifier: Apache-2.0 */
/* cli/cmd_rollback.c: a channel back to what it was, from what the store still holds. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/text.h"
#include "cli/parts.h"
#include "packlist/conf.h"

struct opts {
	const char *channel;
	bool accept_expired, dry_run;
	struct vl_opt_count lock_wait;
};
static const struct vl_opt table[] = {
	{ VL_OPT_TEXT, 'c', "channel", offsetof(struct opts, channel), "NAME", "this channel (default: the only one)" },
	{ VL_OPT_FLAG, 0, "accept-expired", offsetof(struct opts, accept_expired), NULL,
	  "go back although that content has expired" },
	{ VL_OPT_FLAG, 'n', "dry-run", offsetof(struct opts, dry_run), NULL, "check everything, change nothing" },
	VL_ROW_LOCK_WAIT(struct opts),
	{ .kind = VL_OPT_END },
};

static bool say_json(const struct vl_rollback_report *r, bool dry_run, struct vl_err *e)
{
	struct vl_line l;

	vl_line_begin(&l, "result");
	vl_jw_str(&l.w, "command", "rollback");
	vl_jw_str(&l.w, "channel", r->now.name);
	vl_jw_u64(&l.w, "sequence", r->now.sequence);
	vl_jw_u64(&l.w, "previous", r->was.sequence);
	vl_jw_u64(&l.w, "highest", r->high);
	vl_jw_bool(&l.w, "already", r->already);
	vl_jw_bool(&l.w, "dry-run", dry_run);
	vl_line_digest(&l, "root", &r->now.root);
	if (r->now.sealed)
		vl_line_digest(&l, "waybill", &r->now.waybill);
	vl_line_time(&l, "created", r->now.created);
	vl_line_time(&l, "expires", r->now.expires);
	vl_jw_u64(&l.w, "items", r->items);
	vl_jw_u64(&l.w, "blobs", r->blobs);
	vl_jw_u64(&l.w, "bytes", r->bytes);
	return vl_line_end(&l, e);
}

static void say_text(const struct vl_cli *c, const struct vl_rollback_report *r, bool dry_run)
{
	char items[64], blobs[64], when[48], expiry[64], size[24];
	const struct vl_channel *now = &r->now;

	if (r->already)
		vl_say("nothing to do: %s is at %" PRIu64, now->name, now->sequence);
	else
		vl_say("%s: %s %" PRIu64 " (%" PRIu64 " before)", dry_run ? "would install again" : "installed again",
		       now->name, now->sequence, r->was.sequence);
	vl_say(", packed %s, %s\n", vl_when(now->created, c->env.now, when),
	       vl_expiry_text(now->expires, c->env.now, expiry));
	if (c->g.quiet || r->already)
		return;
	vl_say_row("content", "%s, %s, %s", vl_count_text(r->items, "item", "items", items),
		   vl_count_text(r->blobs, "blob", "blobs", blobs), vl_size_text(r->bytes, size));
	if (r->high > now->sequence && !dry_run)
		vl_say("\nBundles older than %s %" PRIu64 " stay refused; unpacking that one installs it again.\n",
		       now->name, r->high);
}

static bool take_sequence(const struct vl_cli *c, uint64_t *out, struct vl_err *e)
{
	const char *text = c->n_args ? c->args[0] : NULL;
	char *end = NULL;
	VL_STR safe = NULL;

	*out = 0;
	if (!text)
		return true;
	if (*text >= '1' && *text <= '9' && strlen(text) < 17)
		*out = strtoull(text, &end, 10);
	if (end && !*end)
		return true;
	safe = vl_safe_text(text, 60);
	return vl_fail(e, VL_E_USAGE, "\"%s\" is not a sequence number", safe);
}

static bool run(struct vl_cli *c, const void *opts, struct vl_err *e)
{
	const struct opts *o = opts;
	VL_CLEAN(vl_targets) targets = { 0 };
	const struct vl_conf *conf;
	struct vl_rollback_report r;
	struct vl_rollback_opts b = {
		.store = c->store, .channel = o->channel, .accept_expired = o->accept_expired, .dry_run = o->dry_run,
		.lock_wait = (unsigned)o->lock_wait.n,
	};

	if (!take_sequence(c, &b.sequence, e) || !vl_cli_conf(c, &conf, e))
		return false;
	if (vl_cli_store_absent(c))
		return vl_cli_no_store(c, e);
	vl_targets_init(&targets, conf);
	b.target = targets.v;
	b.n_target = targets.n;
	b.keep = conf->keep;
	if (!vl_rollback(&b, &c->env, &r, e))
		return false;
	if (c->g.json)
		return say_json(&r, o->dry_run, e);
	say_text(c, &r, o->dry_run);
	return true;
}

const struct vl_command vl_cmd_rollback = {
	.name = "rollback", .summary = "go back to what a channel held before", .side = VL_SIDE_BOTH,
	.usage = "[SEQ] [-c NAME] [--accept-expired] [-n] [--lock-wait[=SECONDS]]",
	.text = "Makes an older state of a channel the current one, all at once or not at all, from what the store "
		"still holds: sequence SEQ, or the one before the current.",
	.opts = table, .size = sizeof(struct opts), .args_max = 1, .run = run,
};
