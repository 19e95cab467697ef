/* SPDX-License-Identifier: Apache-2.0 */
/* cli/cmd_fetch.c: items -> the channel's next snapshot in the store; no bundle. */
#include <inttypes.h>

#include "base/text.h"
#include "cli/parts.h"

struct opts {
	const char *file, *channel;
	bool keep_going, dry_run;
	struct vl_opt_count lock_wait;
};
static const struct vl_opt table[] = {
	VL_ROW_LIST_FILE(struct opts),
	VL_ROW_LIST_CHANNEL(struct opts),
	VL_ROW_KEEP_GOING(struct opts),
	{ VL_OPT_FLAG, 'n', "dry-run", offsetof(struct opts, dry_run), NULL,
	  "say which items would be asked for, download nothing" },
	VL_ROW_LOCK_WAIT(struct opts),
	{ .kind = VL_OPT_END },
};

static bool say(struct vl_cli *c, const struct vl_fetch_report *r, bool dry_run, struct vl_err *e)
{
	char size[24], down[24], items[64], requests[64];
	struct vl_line l;

	if (c->g.json) {
		vl_line_begin(&l, "result");
		vl_jw_str(&l.w, "command", "fetch");
		vl_jw_bool(&l.w, "dry-run", dry_run);
		vl_jw_str(&l.w, "channel", r->channel);
		vl_jw_u64(&l.w, "sequence", r->sequence);
		vl_jw_bool(&l.w, "changed", r->changed);
		vl_jw_u64(&l.w, "items", r->items);
		vl_jw_u64(&l.w, "failed", r->failed);
		vl_jw_u64(&l.w, "bytes", r->bytes);
		vl_jw_u64(&l.w, "downloaded", r->downloaded);
		vl_jw_u64(&l.w, "requests", r->requests);
		return vl_line_end(&l, e);
	}
	if (dry_run)
		return true; /* nothing was asked, so nothing is known */
	vl_say("%s %" PRIu64 ": %s, %s%s\n", r->channel, r->sequence, vl_count_text(r->items, "item", "items", items),
	       vl_size_text(r->bytes, size), r->changed ? "" : "; nothing new upstream");
	if (!c->g.quiet)
		vl_say_row("downloaded", "%s in %s", vl_size_text(r->downloaded, down),
			   vl_count_text(r->requests, "request", "requests", requests));
	return true;
}

static bool say_would_ask(void *ctx, const char *item, const char *type, struct vl_err *e)
{
	const struct vl_cli *c = ctx;
	struct vl_line l;

	if (!c->g.json) {
		vl_say("would ask upstream for item %s (%s)\n", item, type);
		return true;
	}
	vl_line_begin(&l, "would-fetch");
	vl_jw_str(&l.w, "item", item);
	vl_jw_str(&l.w, "item-type", type);
	return vl_line_end(&l, e);
}

static bool run(struct vl_cli *c, const void *opts, struct vl_err *e)
{
	const struct opts *o = opts;
	const struct vl_conf *conf;
	struct vl_fetch_report r = { 0 };
	struct vl_fetch_opts f = {
		.store = c->store, .packlist = o->file ? o->file : "valise.yaml", .channel = o->channel,
		.only = c->n_args ? c->args : NULL, .keep_going = o->keep_going, .dry_run = o->dry_run,
		.lock_wait = (unsigned)o->lock_wait.n, .would_ask = say_would_ask, .would_ctx = c,
	};

	if (!vl_cli_conf(c, &conf, e) || !vl_fetch(&f, conf, &c->env, &r, e) || !say(c, &r, o->dry_run, e))
		return false;
	if (r.failed)
		return vl_fail(e, VL_E_PARTIAL, "%zu of %zu items failed", r.failed, r.items);
	return true;
}

const struct vl_command vl_cmd_fetch = {
	.name = "fetch", .summary = "bring items into the store, no bundle yet", .side = VL_SIDE_CONNECTED,
	.usage = "[-f FILE] [ITEM].. [OPTION]..",
	.text = "Downloads what is new upstream and makes it the channel's next snapshot. ITEM: only these; the "
		"others keep what they have.",
	.opts = table, .size = sizeof(struct opts), .args_max = 4096, .run = run,
};
