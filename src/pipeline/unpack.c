/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline/unpack.c: from the medium into the store, and to where the consumers look.
 * In:    paths with bundles, a store.
 * Out:   the next generation, switched to in one step; or the store as it was, and why.
 * Keeps: verify -> admit -> space -> blobs -> closure -> generation with places -> high-water mark -> commit ->
 *        targets. Before the commit nothing is visible but blobs that nothing refers to; after it every step can be
 *        repeated. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/text.h"
#include "pipeline/choose.h"
#include "pipeline/unpack_priv.h"

static void unpack_clear(struct unpack *u)
{
	vl_choice_clear(&u->choice);
	vl_trust_clear(&u->trust);
	vl_generation_clear(&u->was);
	vl_state_clear(&u->state);
	vl_store_free(u->store);
}
VL_DEFINE_CLEAN(unpack)

static bool load_store(struct unpack *u, struct vl_err *e)
{
	return !u->store ||
	       (vl_store_current(u->store, &u->was, e) && vl_store_state_load(u->store, &u->state, e));
}

static bool choose(struct unpack *u, struct vl_err *e)
{
	const struct vl_channel *was;

	if (!vl_choose_trust(&u->trust, u->o, u->store, u->env, e) ||
	    !vl_choose_bundle(&u->choice, u->o, &u->trust, u->env, e))
		return false;
	u->checked = u->choice.best;
	vl_choose_report(u->r, u->checked);
	u->r->now.installed = u->env->now;
	was = vl_generation_find(&u->was, u->r->now.name);
	if (was)
		u->r->was = *was;
	return true;
}

/* The same waybill, and everything that this run would make of it, is there. */
static bool is_installed(const struct unpack *u)
{
	const struct vl_channel *was = &u->r->was;
	struct vl_err unused;
	struct stat st;
	VL_FD dir = -1;

	if (!was->sealed || !vl_digest_equal(&was->waybill, &u->r->waybill))
		return false;
	if (u->o->no_place)
		return true;
	return vl_store_generation_dir(u->store, u->was.number, &dir, &unused) &&
	       fstatat(dir, "places", &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool admit(struct unpack *u, struct vl_err *e)
{
	struct vl_admission a = vl_choose_admission(u->o);
	bool accepted = false, good = vl_verify_admit(u->checked, &u->state, &a, u->env, &accepted, e);

	u->r->already = accepted && is_installed(u);
	/* expiry forbids to install, not to have installed */
	if (!good && e->code == VL_E_EXPIRED && u->r->already)
		good = true;
	return good;
}

static bool take_segment(void *ctx, const struct vl_segment *seg, const char *parcel, struct vl_err *e)
{
	return vl_assembly_add(ctx, seg, parcel, e);
}

static bool assemble(struct unpack *u, struct vl_assembly *a, struct vl_err *e)
{
	VL_CLEAN(vl_closure) c = { .blob = NULL };
	struct vl_parcel_report report = { .phase = "unpack" };
	const struct vl_waybill *w = u->checked->waybill;

	return vl_verify_parcels(u->checked, take_segment, a, &report, u->env, e) && vl_assembly_end(a, e) &&
	       vl_store_sync(u->store, e) && vl_store_closure(u->store, &w->root, w->root_size, &c, e) &&
	       vl_verify_totals(w, c.items, c.n, c.bytes, e) && vl_assembly_within(a, &c, e);
}

/* A bundle that is refused leaves nothing behind, also when only the places showed what it is. When this host is at
 * fault (space, disk, a signal) the blobs stay, so that the next run need not write them again. */
static bool take_blobs(struct unpack *u, struct vl_err *e)
{
	VL_AUTO(vl_assembly) a = NULL;

	if (!vl_assembly_new(&a, u->store, e))
		return false;
	if (assemble(u, a, e) && vl_unpack_seal(u, e))
		return true;
	if (vl_code_exit(e->code) >= 10 && vl_code_exit(e->code) < 20)
		vl_assembly_undo(a);
	return false;
}

static bool roll_forward(struct unpack *u, struct vl_err *e)
{
	struct vl_turn t = vl_unpack_turn(u);

	return vl_turn_forward(&t, e);
}

static bool install(struct unpack *u, struct vl_err *e)
{
	if (!vl_store_open(&u->store, u->o->store, VL_STORE_WRITE, u->o->lock_wait, u->env, e) || !load_store(u, e) ||
	    !choose(u, e) || !admit(u, e) || !vl_verify_beside(u->checked, u->env, e))
		return false;
	if (u->r->already)
		return roll_forward(u, e);
	return vl_unpack_space(u, e) && take_blobs(u, e) && roll_forward(u, e);
}

static bool rehearse(struct unpack *u, struct vl_err *e)
{
	struct vl_parcel_report report = { .phase = "verify" };

	if (!vl_choose_store(&u->store, u->o, u->env, e) || !load_store(u, e) || !choose(u, e) || !admit(u, e) ||
	    !vl_verify_beside(u->checked, u->env, e))
		return false;
	return vl_unpack_space(u, e) && vl_choose_rehearse(u->checked, &report, u->env, e);
}

/* The store itself is asked: an error may lie on either side of the commit. */
static bool say_state(struct unpack *u, struct vl_err *e)
{
	VL_CLEAN(vl_generation) now = { .number = 0 };
	struct vl_err unused;
	char words[120];
	bool known = u->store && vl_store_current(u->store, &now, &unused);

	if (known && (!u->sealing || now.number == u->was.number))
		snprintf(e->state, sizeof e->state, "store unchanged (%s)", vl_generation_words(&now, words));
	else if (!u->sealing)
		snprintf(e->state, sizeof e->state, "store unchanged");
	else if (known)
		snprintf(e->state, sizeof e->state, "%s %" PRIu64 " is installed", u->r->now.name, u->r->now.sequence);
	else
		snprintf(e->state, sizeof e->state, "what is installed is not known: see valise status");
	return false;
}

bool vl_unpack(const struct vl_unpack_opts *o, const struct vl_env *env, struct vl_unpack_report *r, struct vl_err *e)
{
	VL_CLEAN(unpack) u = { .o = o, .env = env, .r = r };

	*r = (struct vl_unpack_report){ .faults = 0 };
	return (o->dry_run ? rehearse(&u, e) : install(&u, e)) || say_state(&u, e);
}
