/* SPDX-License-Identifier: Apache-2.0 */
/* cli/cmd_fsck.c: is the store still what was put into it?
 * In:    the current generation; every blob of it is read and hashed again.
 * Out:   the damaged blobs and all items that need them, perhaps mended; with --rebuild-state, state/high.json made
 *        anew. */
#include <inttypes.h>

#include "base/text.h"
#include "cli/parts.h"
#include "pipeline/check.h"

struct opts {
	struct vl_strings from, trust;
	bool rebuild, all;
	struct vl_opt_count lock_wait;
};
static const struct vl_opt table[] = {
	{ VL_OPT_FLAG, 'a', "all", offsetof(struct opts, all), NULL,
	  "every generation that rollback can go to, not only the current one" },
	{ VL_OPT_LIST, 0, "repair-from", offsetof(struct opts, from), "PATH",
	  "mend damaged files from a bundle, another store or an OCI layout; may be repeated" },
	VL_ROW_TRUST(struct opts),
	{ VL_OPT_FLAG, 0, "rebuild-state", offsetof(struct opts, rebuild), NULL,
	  "make state/high.json anew from the generations when it is missing or damaged" },
	VL_ROW_LOCK_WAIT(struct opts),
	{ .kind = VL_OPT_END },
};

/* ---- what was found ---- */

static void say_need(const struct vl_need *n, bool all)
{
	vl_say("%s", n->channel);
	if (all)
		vl_say(" %" PRIu64, n->sequence);
	vl_say(": ");
	vl_say_safe(*n->item ? n->item : "the snapshot itself");
	vl_say("%s", *n->title ? ", " : "");
	if (*n->title)
		vl_say_safe(n->title);
}

static void fault_text(const struct vl_fault *f, bool all)
{
	char digest[VL_DIGEST_OCI];

	for (size_t i = 0; i < f->n; i++) {
		vl_say("%s  %s  ", f->mended ? "repaired" : f->missing ? "missing" : "damaged",
		       vl_digest_oci(&f->digest, digest));
		say_need(&f->need[i], all);
		vl_say("\n");
	}
}

static bool fault_line(const struct vl_fault *f, const struct vl_need *n, struct vl_err *e)
{
	struct vl_line l;

	vl_line_begin(&l, "fault");
	vl_line_text(&l, "channel", n->channel);
	vl_jw_u64(&l.w, "sequence", n->sequence);
	vl_line_text(&l, "text", f->why);
	vl_line_digest(&l, "digest", &f->digest);
	vl_jw_u64(&l.w, "bytes", f->size);
	vl_line_text(&l, "item", *n->item ? n->item : NULL);
	vl_line_text(&l, "title", *n->title ? n->title : NULL);
	vl_jw_bool(&l.w, "repaired", f->mended);
	return vl_line_end(&l, e);
}

static bool text_line(const char *text, struct vl_err *e)
{
	struct vl_line l;

	vl_line_begin(&l, "fault");
	vl_line_text(&l, "text", text);
	return vl_line_end(&l, e);
}

static bool say_faults(struct vl_cli *c, const struct vl_check_report *r, bool all, struct vl_err *e)
{
	vl_out_clear_line(&c->out);
	for (size_t i = 0; i < r->n; i++) {
		if (!c->g.json)
			fault_text(&r->fault[i], all);
		for (size_t k = 0; c->g.json && k < r->fault[i].n; k++)
			if (!fault_line(&r->fault[i], &r->fault[i].need[k], e))
				return false;
	}
	for (size_t i = 0; i < r->n_text; i++) {
		if (c->g.json && !text_line(r->text[i], e))
			return false;
		if (c->g.json)
			continue;
		vl_say("damaged  ");
		vl_say_safe(r->text[i]);
		vl_say("\n");
	}
	return true;
}

/* "repaired 2 of 3; sha256:.. is still missing, needed by prod: docs" */
static void say_repair(const struct vl_check_report *r, bool all)
{
	char digest[VL_DIGEST_OCI];
	bool first = true;

	vl_say("repaired %zu of %zu", r->mended, r->n);
	for (size_t i = 0; i < r->n; i++) {
		const struct vl_fault *f = &r->fault[i];

		if (f->mended)
			continue;
		vl_say("%s%s is still %s", first ? "; " : ", ", vl_digest_oci(&f->digest, digest),
		       f->missing ? "missing" : "damaged");
		first = false;
		for (size_t k = 0; k < f->n; k++) {
			vl_say("%s", k ? "; " : ", needed by ");
			say_need(&f->need[k], all);
		}
	}
	vl_say("\n");
}

static bool check_state(struct vl_cli *c, struct vl_store *s, bool rebuild, struct vl_err *e)
{
	VL_CLEAN(vl_state) state = { 0 };
	VL_CLEAN(vl_state) made = { 0 };
	VL_CLEAN(vl_trust) trust = { 0 };

	if (!vl_trust_load(&trust, s, e))
		return false;
	if (vl_store_state_load(s, &state, e))
		return true;
	if (!rebuild)
		return e->code == VL_E_STATE ? vl_hint(e, "Run valise fsck --rebuild-state.") : false;
	if (!vl_store_state_rebuild(s, &made, e))
		return false;
	vl_emit_warn(&c->env, "state/high.json was made anew from the generations that are still here; "
			     "compare the sequence numbers of valise status with the sender's");
	return true;
}

static bool result_line(const struct vl_check_report *r, uint64_t bad, struct vl_err *e)
{
	struct vl_line l;

	vl_line_begin(&l, "result");
	vl_jw_str(&l.w, "command", "fsck");
	vl_jw_u64(&l.w, "blobs", r->blobs);
	vl_jw_u64(&l.w, "bytes", r->bytes);
	vl_jw_u64(&l.w, "faults", bad);
	vl_jw_u64(&l.w, "repaired", r->mended);
	return vl_line_end(&l, e);
}

static bool say_result(const struct vl_cli *c, const struct opts *o, const struct vl_check_report *r, struct vl_err *e)
{
	uint64_t bad = r->n - r->mended + r->n_text;
	char size[24], blobs[64];

	if (c->g.json && !result_line(r, bad, e))
		return false;
	if (!c->g.json) {
		if (o->from.n && r->n)
			say_repair(r, o->all);
		vl_say("%s checked, %s, %s\n", vl_count_text(r->blobs, "blob", "blobs", blobs),
		       vl_size_text(r->bytes, size), bad ? "NOT good" : "all good");
	}
	if (!bad)
		return true;
	vl_fail(e, VL_E_STORE, "%" PRIu64 " of the things checked %s damaged", bad, bad == 1 ? "is" : "are");
	return o->from.n ? vl_hint(e, "Name another source with --repair-from, or unpack a newer bundle.") :
			   vl_hint(e, "Mend it with valise fsck --repair-from BUNDLE, or unpack a newer bundle.");
}

static bool run(struct vl_cli *c, const void *opts, struct vl_err *e)
{
	const struct opts *o = opts;
	VL_AUTO(vl_store) s = NULL;
	VL_CLEAN(vl_check_report) r = { .n = 0 };
	struct vl_check_opts check = { .from = vl_strings_list(&o->from), .trust = vl_strings_list(&o->trust),
				       .all = o->all };
	bool write = o->rebuild || o->from.n;

	if (vl_cli_store_absent(c))
		return vl_cli_no_store(c, e);
	return vl_store_open(&s, c->store, write ? VL_STORE_WRITE : VL_STORE_READ, (unsigned)o->lock_wait.n, &c->env,
			     e) &&
	       vl_check_store(s, &check, &c->env, &r, e) && say_faults(c, &r, o->all, e) &&
	       check_state(c, s, o->rebuild, e) && say_result(c, o, &r, e);
}

const struct vl_command vl_cmd_fsck = {
	.name = "fsck", .summary = "read the whole store again and compare every hash", .side = VL_SIDE_BOTH,
	.usage = "[-a] [--repair-from PATH [-t PUB]..].. [--rebuild-state] [--lock-wait[=SECONDS]]",
	.text = "Hashes every blob that the current generation needs, names the damaged ones and every item that needs "
		"them, and checks the store's own files.",
	.opts = table, .size = sizeof(struct opts), .run = run,
};
