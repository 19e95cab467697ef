/* SPDX-License-Identifier: Apache-2.0 */
/* cli/cmd_fsck.c: is the store still what was put into it?
 * In:    the current generation; every blob of it is read and hashed again.
 * Out:   the damaged blobs and the items that need them; with --rebuild-state, state/high.json made anew. */
#include <inttypes.h>

#include "base/text.h"
#include "cli/parts.h"

struct opts {
	bool rebuild;
	struct vl_opt_count lock_wait;
};
static const struct vl_opt table[] = {
	{ VL_OPT_FLAG, 0, "rebuild-state", offsetof(struct opts, rebuild), NULL,
	  "make state/high.json anew from the generations when it is missing or damaged" },
	VL_ROW_LOCK_WAIT(struct opts),
	{ .kind = VL_OPT_END },
};

struct check {
	struct vl_cli *c;
	struct vl_store *s;
	uint64_t blobs, bytes, done, faults;
};

static bool say_fault(struct check *k, const char *channel, const struct vl_reached *b, const char *text,
		      struct vl_err *e)
{
	char digest[VL_DIGEST_OCI];
	struct vl_line l;

	k->faults++;
	vl_out_clear_line(&k->c->out);
	if (!k->c->g.json) {
		vl_say("damaged  ");
		if (b) {
			vl_say("%s  %s: ", vl_digest_oci(&b->digest, digest), channel);
			vl_say_safe(*b->item ? b->item : "the snapshot itself");
			vl_say("%s", *b->title ? ", " : "");
			if (*b->title)
				vl_say_safe(b->title);
		} else {
			vl_say_safe(text);
		}
		vl_say("\n");
		return true;
	}
	vl_line_begin(&l, "fault");
	vl_line_text(&l, "channel", channel);
	vl_line_text(&l, "text", text);
	if (b) {
		vl_line_digest(&l, "digest", &b->digest);
		vl_jw_u64(&l.w, "bytes", b->size);
		vl_line_text(&l, "item", *b->item ? b->item : NULL);
		vl_line_text(&l, "title", *b->title ? b->title : NULL);
	}
	return vl_line_end(&l, e);
}

static bool check_blobs(struct check *k, const char *channel, const struct vl_closure *closure, struct vl_err *e)
{
	vl_emit_phase(&k->c->env, "check", closure->bytes);
	k->done = 0;
	for (size_t i = 0; i < closure->n; i++) {
		const struct vl_reached *b = &closure->blob[i];
		struct vl_err found = VL_ERR_INIT;
		bool good = false;

		if (!vl_env_go_on(&k->c->env, e))
			return false;
		/* A failing disk is what fsck is for: what cannot be read is a finding too, not the end. */
		if (!vl_store_check_blob(k->s, &b->digest, b->size, &good, &found) && found.code != VL_E_IO) {
			*e = found;
			return false;
		}
		if (!good && !say_fault(k, channel, b, *found.msg ? found.msg : "the content is not what its name says",
					e))
			return false;
		k->done += b->size;
		vl_emit_progress(&k->c->env, "check", k->done, closure->bytes);
	}
	vl_emit_phase_end(&k->c->env, "check", k->done);
	k->blobs += closure->n;
	k->bytes += closure->bytes;
	return true;
}

/* A closure that cannot be walked is a finding, not the end: the other channels are still looked at. */
static bool check_channel(struct check *k, const struct vl_channel *ch, struct vl_err *e)
{
	VL_CLEAN(vl_closure) closure = { 0 };
	struct vl_err found = VL_ERR_INIT;

	if (vl_store_closure(k->s, &ch->root, ch->root_size, &closure, &found))
		return check_blobs(k, ch->name, &closure, e);
	return say_fault(k, ch->name, NULL, found.msg, e);
}

static bool check_state(struct check *k, bool rebuild, struct vl_err *e)
{
	VL_CLEAN(vl_state) state = { 0 };
	VL_CLEAN(vl_state) made = { 0 };
	VL_CLEAN(vl_trust) trust = { 0 };

	if (!vl_trust_load(&trust, k->s, e))
		return false;
	if (vl_store_state_load(k->s, &state, e))
		return true;
	if (!rebuild)
		return e->code == VL_E_STATE ? vl_hint(e, "Run valise fsck --rebuild-state.") : false;
	if (!vl_store_state_rebuild(k->s, &made, e))
		return false;
	vl_emit_warn(&k->c->env, "state/high.json was made anew from the generations that are still here; "
				 "compare the sequence numbers of valise status with the sender's");
	return true;
}

static bool say_result(const struct check *k, struct vl_err *e)
{
	char size[24], blobs[64];
	struct vl_line l;

	if (k->c->g.json) {
		vl_line_begin(&l, "result");
		vl_jw_str(&l.w, "command", "fsck");
		vl_jw_u64(&l.w, "blobs", k->blobs);
		vl_jw_u64(&l.w, "bytes", k->bytes);
		vl_jw_u64(&l.w, "faults", k->faults);
		if (!vl_line_end(&l, e))
			return false;
	} else {
		vl_say("%s checked, %s, %s\n", vl_count_text(k->blobs, "blob", "blobs", blobs),
		       vl_size_text(k->bytes, size), k->faults ? "NOT good" : "all good");
	}
	if (k->faults)
		return vl_fail(e, VL_E_STORE, "%" PRIu64 " of the things checked are damaged", k->faults);
	return true;
}

static bool run(struct vl_cli *c, const void *opts, struct vl_err *e)
{
	const struct opts *o = opts;
	VL_AUTO(vl_store) s = NULL;
	VL_CLEAN(vl_generation) g = { 0 };
	struct check k = { .c = c };

	if (vl_cli_store_absent(c))
		return vl_fail(e, VL_E_ABSENT, "there is no store at %s", c->store);
	if (!vl_store_open(&s, c->store, o->rebuild ? VL_STORE_WRITE : VL_STORE_READ, (unsigned)o->lock_wait.n, &c->env,
			   e) || !vl_store_current(s, &g, e))
		return false;
	k.s = s;
	for (size_t i = 0; i < g.n; i++)
		if (!check_channel(&k, &g.channel[i], e))
			return false;
	return check_state(&k, o->rebuild, e) && say_result(&k, e);
}

const struct vl_command vl_cmd_fsck = {
	.name = "fsck", .summary = "read the whole store again and compare every hash", .side = VL_SIDE_BOTH,
	.usage = "[--rebuild-state] [--lock-wait[=SECONDS]]",
	.text = "Hashes every blob that the current generation needs, names the damaged ones and the items that need "
		"them, and checks the store's own files.",
	.opts = table, .size = sizeof(struct opts), .run = run,
};
