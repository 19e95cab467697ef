/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline/turn.c: papers, places and targets of the next generation.
 * In:    a store, the generation in the making, targets of valise.conf.
 * Out:   a generation ready for the commit; after it, targets that follow.
 * Keeps: nothing here is visible before the commit, and all behind it can be repeated. */
#include "pipeline/turn.h"

#include "base/file.h"
#include "base/text.h"

#define RESERVE_PERCENT 3

bool vl_turn_room(const struct vl_store *s, uint64_t need, const char *what, struct vl_err *e)
{
	uint64_t space;
	char wanted[24], left[24];

	need += need / 100 * RESERVE_PERCENT;
	if (!vl_free_space(vl_store_dir(s), &space, e))
		return false;
	if (need <= space)
		return true;
	return vl_fail(e, VL_E_NOSPACE, "%s %s in %s, but only %s is free", what, vl_size_text(need, wanted),
		       vl_store_path(s), vl_size_text(space, left));
}

/* ---- papers: what was installed, for auditors ---- */

struct papers {
	int from, to;
	const char *channel;
};

static bool copy_paper(void *ctx, const char *name, struct vl_err *e)
{
	const struct papers *p = ctx;
	VL_CLEAN(vl_buf) text = VL_BUF_INIT(VL_WAYBILL_MAX);
	size_t len = strlen(p->channel);

	if (strncmp(name, p->channel, len) != 0 || strncmp(name + len, ".waybill.json", strlen(".waybill.json")) != 0)
		return true;
	return vl_load_file(p->from, name, &text, NULL, e) &&
	       vl_save_file(p->to, name, 0444, vl_buf_bytes(&text), e);
}

bool vl_turn_papers(const struct vl_store *s, uint64_t from, const char *channel, int to, struct vl_err *e)
{
	struct papers p = { .to = to, .channel = channel };
	VL_FD dir = -1;

	if (!vl_store_generation_dir(s, from, &dir, e))
		return false;
	p.from = dir;
	return vl_each_entry(dir, copy_paper, &p, e);
}

/* ---- places ---- */

bool vl_turn_places(const struct vl_turn *t, struct vl_newgen *n, struct vl_err *e)
{
	uint64_t need = 0;

	if (t->no_place)
		return true;
	/* there even when nothing is placed: it says that this was done */
	return vl_mkdirs_at(n->dir, "places", 0755, NULL, e) && vl_place_need(t->store, &n->want, &need, e) &&
	       vl_turn_room(t->store, need, "the places of the consumers need", e) &&
	       vl_place_generation(t->store, &n->want, n->dir, t->env, e);
}

bool vl_turn_forward(const struct vl_turn *t, struct vl_err *e)
{
	VL_CLEAN(vl_generation) now = { .number = 0 };
	struct vl_err trimming = VL_ERR_INIT;

	if (!vl_store_trim(t->store, t->keep, &trimming))
		vl_emit_warn(t->env, "old places were not removed: %s", trimming.msg);
	if (t->no_place)
		return true;
	return vl_store_current(t->store, &now, e) &&
	       vl_place_targets(t->store, &now, t->target, t->n_target, t->env, e);
}
