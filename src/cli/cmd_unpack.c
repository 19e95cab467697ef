/* SPDX-License-Identifier: Apache-2.0 */
/* cli/cmd_unpack.c: a bundle becomes the current generation of the store, or nothing changes. */
#include <inttypes.h>
#include <stdio.h>

#include "base/text.h"
#include "cli/parts.h"
#include "packlist/conf.h"

struct opts {
	struct vl_strings trust;
	const char *channel;
	struct vl_opt_digest require;
	bool accept_expired, accept_jump, no_place, dry_run;
	struct vl_opt_count rollback, lock_wait;
};
static const struct vl_opt table[] = {
	VL_ROW_TRUST(struct opts),
	VL_ROW_ONLY_CHANNEL(struct opts),
	VL_ROW_REQUIRE(struct opts),
	{ VL_OPT_FLAG, 0, "accept-expired", offsetof(struct opts, accept_expired), NULL,
	  "install although the bundle has expired" },
	{ VL_OPT_FLAG, 0, "accept-jump", offsetof(struct opts, accept_jump), NULL,
	  "install although the sequence jumps by more than 10000" },
	{ VL_OPT_COUNT, 0, "allow-rollback", offsetof(struct opts, rollback), "SEQ",
	  "install exactly this older sequence" },
	{ VL_OPT_FLAG, 0, "no-place", offsetof(struct opts, no_place), NULL,
	  "leave the places of valise.conf as they are" },
	{ VL_OPT_FLAG, 'n', "dry-run", offsetof(struct opts, dry_run), NULL, "check everything, install nothing" },
	VL_ROW_LOCK_WAIT(struct opts),
	{ .kind = VL_OPT_END },
};

static bool say_json(const struct vl_unpack_report *r, const struct opts *o, struct vl_err *e)
{
	struct vl_line l;

	vl_line_begin(&l, "result");
	vl_jw_str(&l.w, "command", "unpack");
	vl_jw_str(&l.w, "channel", r->now.name);
	vl_jw_u64(&l.w, "sequence", r->now.sequence);
	if (*r->was.name)
		vl_jw_u64(&l.w, "previous", r->was.sequence);
	vl_jw_bool(&l.w, "already", r->already);
	vl_jw_bool(&l.w, "dry-run", o->dry_run);
	vl_line_digest(&l, "waybill", &r->waybill);
	vl_line_words(&l, "signers", r->signers);
	vl_line_time(&l, "created", r->now.created);
	vl_line_time(&l, "expires", r->now.expires);
	vl_jw_u64(&l.w, "items", r->items);
	vl_jw_u64(&l.w, "blobs", r->blobs);
	vl_jw_u64(&l.w, "bytes", r->bytes);
	vl_jw_u64(&l.w, "parcels", r->parcels);
	vl_jw_u64(&l.w, "carried", r->carried);
	return vl_line_end(&l, e);
}

static void say_text(const struct vl_cli *c, const struct vl_unpack_report *r, const struct opts *o)
{
	char was[64] = "", items[64], blobs[64], when[48], expiry[64], size[24], carried[24];
	const struct vl_channel *ch = &r->now;
	const char *verb = r->already ? "already installed" : o->dry_run ? "would install" : "installed";

	if (*r->was.name && !r->already)
		snprintf(was, sizeof was, " (%" PRIu64 " before)", r->was.sequence);
	vl_say("%s: %s %" PRIu64 "%s, packed %s, %s\n", verb, ch->name, ch->sequence, was,
	       vl_when(ch->created, c->env.now, when), vl_expiry_text(ch->expires, c->env.now, expiry));
	if (c->g.quiet)
		return;
	vl_say_row("signed by", "%s", r->signers);
	vl_say_row("content", "%s, %s, %s; %s carried", vl_count_text(r->items, "item", "items", items),
		   vl_count_text(r->blobs, "blob", "blobs", blobs), vl_size_text(r->bytes, size),
		   vl_size_text(r->carried, carried));
	vl_say_spoken("waybill", &r->waybill);
	if (!o->dry_run)
		vl_say("\nNext: valise status; valise env shows how each scanner finds its data.\n");
}

static bool run(struct vl_cli *c, const void *opts, struct vl_err *e)
{
	const struct opts *o = opts;
	VL_CLEAN(vl_targets) targets = { 0 };
	const struct vl_conf *conf;
	struct vl_unpack_report r = { 0 };
	struct vl_unpack_opts u = {
		.store = c->store, .paths = c->args, .trust = vl_strings_list(&o->trust), .channel = o->channel,
		.require_waybill = o->require.set ? &o->require.digest : NULL, .accept_expired = o->accept_expired,
		.accept_jump = o->accept_jump, .no_place = o->no_place, .dry_run = o->dry_run,
		.allow_rollback = o->rollback.n, .lock_wait = (unsigned)o->lock_wait.n,
	};

	if (o->rollback.set && !o->rollback.n)
		return vl_fail(e, VL_E_USAGE, "--allow-rollback needs the exact sequence number, which is never 0");
	if (!vl_cli_conf(c, &conf, e))
		return false;
	vl_targets_init(&targets, conf);
	u.target = targets.v;
	u.n_target = targets.n;
	u.keep = conf->keep;
	if (!vl_unpack(&u, &c->env, &r, e))
		return false;
	if (c->g.json)
		return say_json(&r, o, e);
	say_text(c, &r, o);
	return true;
}

const struct vl_command vl_cmd_unpack = {
	.name = "unpack", .summary = "verify a bundle and install it", .side = VL_SIDE_ISOLATED,
	.usage = "PATH.. [-t PUB].. [OPTION]..",
	.text = "Verifies a bundle and makes its content the current one, all at once or not at all. PATH is a "
		"bundle, or a directory that holds bundles: the newest is taken.",
	.opts = table, .size = sizeof(struct opts), .args_min = 1, .args_max = 256, .run = run,
};
