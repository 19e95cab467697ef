/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline/verify.c: is this bundle whole, signed, and would it be taken? Installs nothing.
 * In:    paths, keys (or a store that knows some).
 * Out:   every fault, and the verdict: the worst of them.
 * Keeps: writes nothing, neither to the medium nor to the store. */
#include "pipeline/choose.h"

struct verify {
	const struct vl_unpack_opts *o;
	const struct vl_env *env;
	struct vl_unpack_report *r;
	struct vl_store *store; /* NULL: none */
	struct vl_state state;
	struct vl_generation was;
	struct vl_trust trust;
	struct vl_choice choice;
	struct vl_parcel_report faults;
};

static void verify_clear(struct verify *v)
{
	vl_choice_clear(&v->choice);
	vl_trust_clear(&v->trust);
	vl_generation_clear(&v->was);
	vl_state_clear(&v->state);
	vl_store_free(v->store);
}
VL_DEFINE_CLEAN(verify)

static bool load_store(struct verify *v, struct vl_err *e)
{
	return vl_choose_store(&v->store, v->o, v->env, e) &&
	       (!v->store ||
		(vl_store_state_load(v->store, &v->state, e) && vl_store_current(v->store, &v->was, e)));
}

/* A damaged store must not keep anybody from checking a medium with a key in the hand. */
static bool look_at_store(struct verify *v, struct vl_err *e)
{
	if (load_store(v, e))
		return true;
	if (!v->o->trust || !v->o->trust[0])
		return false;
	vl_emit_warn(v->env, "sequence numbers are not compared: %s", e->msg);
	vl_state_clear(&v->state);
	vl_generation_clear(&v->was);
	return true;
}

/* Notes one fault; false when there is no going on. */
static bool note(struct verify *v, bool good, const struct vl_err *e)
{
	return good || (v->faults.fault && vl_report_fault(&v->faults, e));
}

static bool check_files(struct verify *v, struct vl_err *e)
{
	const struct vl_checked *c = v->choice.best;
	bool good = vl_choose_rehearse(c, &v->faults, v->env, e);
	bool noted = !good && v->faults.faults && e->code == v->faults.first.code;

	if (!noted && !note(v, good, e))
		return false;
	good = vl_verify_beside(c, v->env, e);
	if (!note(v, good, e))
		return false;
	if (!v->faults.faults)
		return true;
	*e = v->faults.first;
	if (v->faults.faults == 1)
		return false;
	return vl_while(e, "%zu faults in a bundle of %zu parcel%s; the worst", v->faults.faults, c->waybill->n,
			c->waybill->n == 1 ? "" : "s");
}

static bool admit(struct verify *v, struct vl_err *e)
{
	struct vl_admission a = vl_choose_admission(v->o);
	const struct vl_channel *was = vl_generation_find(&v->was, v->choice.best->waybill->channel);
	bool already = false, good = vl_verify_admit(v->choice.best, &v->state, &a, v->env, &already, e);

	if (was)
		v->r->was = *was;
	v->r->already = already && was && was->sealed && vl_digest_equal(&was->waybill, &v->r->waybill);
	return good;
}

bool vl_verify(const struct vl_unpack_opts *o, const struct vl_env *env, struct vl_unpack_report *r, struct vl_err *e)
{
	VL_CLEAN(verify) v = { .o = o, .env = env, .r = r,
			       .faults = { .phase = "verify", .fault = o->fault, .ctx = o->fault_ctx } };
	bool good;

	*r = (struct vl_unpack_report){ .faults = 0 };
	if (!look_at_store(&v, e) || !vl_choose_trust(&v.trust, o, v.store, env, e) ||
	    !vl_choose_bundle(&v.choice, o, &v.trust, env, e))
		return false;
	vl_choose_report(r, v.choice.best);
	good = check_files(&v, e);
	r->faults = v.faults.faults;
	return good && admit(&v, e);
}
