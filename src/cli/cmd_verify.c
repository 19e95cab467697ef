/* SPDX-License-Identifier: Apache-2.0 */
/* cli/cmd_verify.c: is this bundle whole, genuine and acceptable here? Installs nothing, writes nothing. */
#include <inttypes.h>
#include <stdio.h>

#include "base/text.h"
#include "cli/parts.h"

struct opts {
	struct vl_strings trust;
	const char *channel;
	struct vl_opt_digest require;
	bool accept_expired;
};
static const struct vl_opt table[] = {
	VL_ROW_TRUST(struct opts),
	VL_ROW_ONLY_CHANNEL(struct opts),
	VL_ROW_REQUIRE(struct opts),
	{ VL_OPT_FLAG, 0, "accept-expired", offsetof(struct opts, accept_expired), NULL,
	  "do not refuse an expired bundle" },
	{ .kind = VL_OPT_END },
};

/* A fault is data: stdout, one line each; the verdict comes at the end, on stderr. With a single fault the verdict is
 * the fault, so for people the first line waits until there is a second. */
struct telling {
	struct vl_cli *cli;
	size_t n;
	struct vl_err first;
};

static void say_line(const struct telling *t, const struct vl_err *fault)
{
	vl_out_clear_line(&t->cli->out);
	vl_say("damaged  E%04d: ", (int)fault->code);
	vl_say_safe(fault->msg);
	vl_say("\n");
}

static void say_object(struct vl_cli *c, const struct vl_err *fault)
{
	struct vl_err ignored = VL_ERR_INIT;
	struct vl_line l;
	char code[16];

	snprintf(code, sizeof code, "E%04d", (int)fault->code);
	vl_line_begin(&l, "fault");
	vl_jw_str(&l.w, "code", code);
	vl_line_text(&l, "message", fault->msg);
	vl_line_text(&l, "file", *fault->file ? fault->file : NULL);
	vl_line_text(&l, "expected", *fault->expected ? fault->expected : NULL);
	vl_line_text(&l, "found", *fault->found ? fault->found : NULL);
	if (!vl_line_end(&l, &ignored))
		vl_emit_warn(&c->env, "a fault could not be written as JSON");
}

static void say_fault(void *ctx, const struct vl_err *fault)
{
	struct telling *t = ctx;

	if (t->cli->g.json) {
		say_object(t->cli, fault);
		return;
	}
	if (!t->n++) {
		t->first = *fault;
		return;
	}
	if (t->n == 2)
		say_line(t, &t->first);
	say_line(t, fault);
}

static bool say_good(struct vl_cli *c, const struct vl_unpack_report *r, struct vl_err *e)
{
	char items[64], parcels[64], carried[24], when[48], expiry[64], size[24];
	const struct vl_channel *ch = &r->now;
	struct vl_line l;

	if (c->g.json) {
		vl_line_begin(&l, "result");
		vl_jw_str(&l.w, "command", "verify");
		vl_jw_str(&l.w, "channel", ch->name);
		vl_jw_u64(&l.w, "sequence", ch->sequence);
		vl_line_digest(&l, "waybill", &r->waybill);
		vl_line_words(&l, "signers", r->signers);
		vl_line_time(&l, "created", ch->created);
		vl_line_time(&l, "expires", ch->expires);
		vl_jw_u64(&l.w, "items", r->items);
		vl_jw_u64(&l.w, "parcels", r->parcels);
		vl_jw_u64(&l.w, "carried", r->carried);
		vl_jw_u64(&l.w, "bytes", r->bytes);
		return vl_line_end(&l, e);
	}
	vl_say_row("verified", "%s %" PRIu64 ", packed %s, %s", ch->name, ch->sequence,
		   vl_when(ch->created, c->env.now, when), vl_expiry_text(ch->expires, c->env.now, expiry));
	vl_say_row("signed by", "%s", r->signers);
	vl_say_row("content", "%s, %s; %s in %s", vl_count_text(r->items, "item", "items", items),
		   vl_size_text(r->bytes, size), vl_size_text(r->carried, carried),
		   vl_count_text(r->parcels, "parcel", "parcels", parcels));
	vl_say_spoken("waybill", &r->waybill);
	return true;
}

static bool run(struct vl_cli *c, const void *opts, struct vl_err *e)
{
	const struct opts *o = opts;
	struct telling t = { .cli = c };
	struct vl_unpack_report r = { 0 };
	struct vl_unpack_opts u = {
		.store = c->store, .paths = c->args, .trust = vl_strings_list(&o->trust), .channel = o->channel,
		.require_waybill = o->require.set ? &o->require.digest : NULL, .accept_expired = o->accept_expired,
		.fault = say_fault, .fault_ctx = &t,
	};

	if (vl_verify(&u, &c->env, &r, e))
		return say_good(c, &r, e);
	/* The run ended for another reason (a signal): the one fault is still to be told. */
	if (t.n == 1 && strcmp(t.first.msg, e->msg) != 0)
		say_line(&t, &t.first);
	return false;
}

const struct vl_command vl_cmd_verify = {
	.name = "verify", .summary = "check a bundle: signatures, every parcel, completeness", .side = VL_SIDE_BOTH,
	.usage = "PATH.. [-t PUB].. [-c NAME]",
	.text = "Reads a bundle once, checks signatures, hashes and completeness, and lists every damaged file. "
		"Installs nothing. PATH is a bundle, or a directory that holds bundles.",
	.opts = table, .size = sizeof(struct opts), .args_min = 1, .args_max = 256, .run = run,
};
