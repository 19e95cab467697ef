/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline/seal.c: the second half of unpack: from complete blobs to the commit.
 * In:    a store that holds the closure of the waybill's root.
 * Out:   the next generation: index, waybills and signatures for auditors, places for consumers.
 * Keeps: the high-water mark is durable before the commit: after a crash between the two the same bundle is simply
 *        taken again, and an older one is refused already. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/text.h"
#include "pipeline/unpack_priv.h"

/* ---- space ---- */
struct tally {
	int dir;
	uint64_t bytes;
};

static bool add_size(void *ctx, const char *name, struct vl_err *e)
{
	struct tally *t = ctx;
	struct stat st;

	(void)e;
	if (fstatat(t->dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
		t->bytes += (uint64_t)st.st_size;
	return true;
}

/* Bytes of blobs that the current generation does not need: what an interrupted run has already brought is among them,
 * so they must not be asked for again. */
static uint64_t brought_before(const struct unpack *u)
{
	struct vl_err unused;
	struct tally t = { .bytes = 0 };
	VL_FD dir = -1;

	if (!vl_open_dir(vl_store_dir(u->store), "blobs/sha256", &dir, &unused))
		return 0;
	t.dir = dir;
	if (!vl_each_entry(dir, add_size, &t, &unused))
		return 0;
	for (size_t i = 0; i < u->was.n; i++) {
		VL_CLEAN(vl_closure) c = { .blob = NULL };

		if (!vl_store_closure(u->store, &u->was.channel[i].root, u->was.channel[i].root_size, &c, &unused))
			return 0;
		t.bytes -= c.bytes < t.bytes ? c.bytes : t.bytes;
	}
	return t.bytes;
}

bool vl_unpack_space(const struct unpack *u, struct vl_err *e)
{
	const struct vl_waybill *w = u->checked->waybill;
	uint64_t need = 0, before;

	if (!u->store)
		return true;
	for (size_t i = 0; i < w->n; i++)
		need += w->parcel[i].raw;
	if (need > w->bytes)
		need = w->bytes;
	if (vl_turn_room(u->store, need, "the bundle needs", e))
		return true;
	if (e->code != VL_E_NOSPACE)
		return false;
	before = brought_before(u);
	return vl_turn_room(u->store, need > before ? need - before : 0, "the bundle needs", e);
}

/* ---- papers: what was installed, for auditors ---- */
static bool keep_papers(const struct unpack *u, int to, struct vl_err *e)
{
	for (size_t i = 0; i < u->was.n; i++)
		if (strcmp(u->was.channel[i].name, u->r->now.name) != 0 &&
		    !vl_turn_papers(u->store, u->was.number, u->was.channel[i].name, to, e))
			return false;
	return true;
}

/* The signature files' names come from the medium, but media/ lets only waybill.json[.<16 hex>].minisig through. */
static bool add_papers(const struct unpack *u, int to, struct vl_err *e)
{
	const struct vl_checked *c = u->checked;
	VL_STR waybill = vl_xprintf("%s.waybill.json", u->r->now.name);

	if (!vl_save_file(to, waybill, 0444, vl_buf_bytes(&c->text), e))
		return false;
	for (size_t i = 0; i < c->sigs.n; i++) {
		VL_STR name = vl_xprintf("%s.%s", u->r->now.name, c->sigs.name[i]);

		if (!vl_save_file(to, name, 0444, vl_buf_bytes(&c->sigs.text[i]), e))
			return false;
	}
	return true;
}

/* ---- commit ---- */
static bool raise_marks(void *ctx, struct vl_err *e)
{
	struct unpack *u = ctx;
	const struct vl_waybill *w = u->checked->waybill;
	const struct vl_high *high = vl_state_find(&u->state, w->channel);
	struct vl_high mark = { .epoch = w->epoch, .sequence = w->sequence, .waybill = u->checked->proof.sha256 };

	snprintf(mark.name, sizeof mark.name, "%s", w->channel);
	if (!high || w->epoch > high->epoch || w->sequence > high->sequence)
		vl_state_set(&u->state, &mark);
	vl_state_raise_floor(&u->state, w->created, u->env->now);
	return vl_store_state_save(u->store, &u->state, e);
}

bool vl_unpack_seal(struct unpack *u, struct vl_err *e)
{
	VL_CLEAN(vl_generation) want = { .number = 0 };
	VL_CLEAN(vl_newgen) n = VL_NEWGEN_INIT;
	struct vl_turn t = vl_unpack_turn(u);

	for (size_t i = 0; i < u->was.n; i++)
		vl_generation_set(&want, &u->was.channel[i]);
	vl_generation_set(&want, &u->r->now);
	u->sealing = true;
	return vl_newgen_open(&n, u->store, &want, e) && keep_papers(u, n.dir, e) && add_papers(u, n.dir, e) &&
	       vl_turn_places(&t, &n, e) && vl_env_go_on(u->env, e) && vl_newgen_commit(&n, raise_marks, u, e);
}
