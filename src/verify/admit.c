/* SPDX-License-Identifier: Apache-2.0 */
/* verify/admit.c: may this waybill be installed here, now?
 * In:    a checked waybill, the high-water marks, what the operator said, the clock.
 * Out:   yes, or which rule forbids it, with both numbers.
 * Keeps: sequences only grow; an operator's word widens one rule at a time and is exact. The clock is not trusted to go
 *        backwards: expiry is judged by the latest time that anything here vouches for. */
#include <inttypes.h>
#include <stdio.h>

#include "base/text.h"
#include "base/version.h"
#include "verify/verify.h"

#define JUMP_MAX 10000u
#define SKEW_FINE 600 /* clocks of two hosts are never quite the same */

static bool right_channel(const struct vl_waybill *w, const struct vl_admission *a, struct vl_err *e)
{
	if (!a->channel || !strcmp(a->channel, w->channel))
		return true;
	vl_fail(e, VL_E_CHANNEL, "the bundle is for channel %s, not %s", w->channel, a->channel);
	return vl_found(e, NULL, w->channel, a->channel);
}

static bool right_waybill(const struct vl_checked *c, const struct vl_admission *a, struct vl_err *e)
{
	char found[VL_DIGEST_OCI], want[VL_DIGEST_OCI];

	if (!a->require_waybill || vl_digest_equal(a->require_waybill, &c->proof.sha256))
		return true;
	vl_digest_oci(&c->proof.sha256, found);
	vl_digest_oci(a->require_waybill, want);
	vl_fail(e, VL_E_WAYBILL, "the waybill is %s, required is %s", found, want);
	return vl_found(e, "waybill.json", found, want);
}

static bool right_epoch(const struct vl_waybill *w, const struct vl_high *high, struct vl_err *e)
{
	uint64_t want = high ? high->epoch : 1;

	if (w->epoch == want)
		return true;
	return vl_fail(e, VL_E_EPOCH, "the bundle has epoch %" PRIu64 ", channel %s here is in epoch %" PRIu64,
		       w->epoch, w->channel, want);
}

static bool not_older(const struct vl_waybill *w, const struct vl_high *high, const struct vl_admission *a,
		      struct vl_err *e)
{
	if (w->sequence >= high->sequence || (a->allow_rollback && a->allow_rollback == w->sequence))
		return true;
	vl_fail(e, VL_E_ROLLBACK, "%s %" PRIu64 " is older than %s %" PRIu64 ", which this store has accepted",
		w->channel, w->sequence, w->channel, high->sequence);
	return vl_hint(e, "Take the newest bundle. If you must go back: --allow-rollback %" PRIu64 ".", w->sequence);
}

static bool not_two(const struct vl_checked *c, const struct vl_high *high, struct vl_err *e)
{
	char found[VL_DIGEST_HEX], have[VL_DIGEST_HEX];

	if (c->waybill->sequence != high->sequence || vl_digest_equal(&high->waybill, &c->proof.sha256))
		return true;
	vl_digest_hex(&c->proof.sha256, found);
	vl_digest_hex(&high->waybill, have);
	vl_fail(e, VL_E_EQUIVOCATION, "%s %" PRIu64 " was accepted with waybill %s, this one is %s",
		c->waybill->channel, c->waybill->sequence, have, found);
	return vl_found(e, "waybill.json", found, have);
}

static bool no_jump(const struct vl_waybill *w, const struct vl_high *high, const struct vl_admission *a,
		    struct vl_err *e)
{
	if (a->accept_jump || w->sequence <= high->sequence || w->sequence - high->sequence <= JUMP_MAX)
		return true;
	return vl_fail(e, VL_E_JUMP, "from %s %" PRIu64 " to %" PRIu64 " is more than %u steps", w->channel,
		       high->sequence, w->sequence, JUMP_MAX);
}

/* A clock that lags must not let an expired bundle in: the latest time that is known to have passed counts. */
static int64_t now_of(const struct vl_state *state, const struct vl_env *env)
{
	int64_t now = env->now;

	if (state->time_floor > now)
		now = state->time_floor;
	return vl_release_time() > now ? vl_release_time() : now;
}

static void warn_about_time(const struct vl_waybill *w, const struct vl_env *env)
{
	char clock[24], created[24], words[32];

	vl_time_text(env->now, clock);
	if (env->now < vl_release_time())
		vl_emit_warn(env,
			     "the clock of this host says %s, which is before this valise was made; expiry is judged "
			     "by the latest time known", clock);
	else if (w->created > env->now + SKEW_FINE)
		vl_emit_warn(env,
			     "the bundle was made at %s, %s from now: one of the two clocks is wrong (here it is %s)",
			     vl_time_text(w->created, created), vl_duration_text(w->created - env->now, words), clock);
}

bool vl_verify_unexpired(const struct vl_channel *c, const struct vl_state *state, bool accept_expired,
			 const struct vl_env *env, struct vl_err *e)
{
	int64_t now = now_of(state, env);
	char when[24], words[32], clock[24];

	if (!c->expires || c->expires > now)
		return true;
	vl_duration_text(now - c->expires, words);
	vl_time_text(c->expires, when);
	if (accept_expired) {
		vl_emit_warn(env, "%s %" PRIu64 " expired %s ago, on %.10s; accepted because you said so", c->name,
			     c->sequence, words, when);
		return true;
	}
	vl_fail(e, VL_E_EXPIRED, "%s %" PRIu64 " expired %s ago, on %.10s", c->name, c->sequence, words, when);
	vl_found(e, "waybill.json", NULL, when);
	return vl_hint(e, "Take a newer bundle. If the clock of this host (%s) is wrong, set it. If you must: "
		       "--accept-expired.", vl_time_text(env->now, clock));
}

static bool not_expired(const struct vl_waybill *w, const struct vl_state *state, const struct vl_admission *a,
			const struct vl_env *env, struct vl_err *e)
{
	struct vl_channel c = { .sequence = w->sequence, .expires = w->expires };

	snprintf(c.name, sizeof c.name, "%s", w->channel);
	return vl_verify_unexpired(&c, state, a->accept_expired, env, e);
}

bool vl_verify_admit(const struct vl_checked *c, const struct vl_state *state, const struct vl_admission *a,
		     const struct vl_env *env, bool *already, struct vl_err *e)
{
	const struct vl_waybill *w = c->waybill;
	const struct vl_high *high = vl_state_find(state, w->channel);

	*already = false;
	if (!right_channel(w, a, e) || !right_waybill(c, a, e) || !right_epoch(w, high, e))
		return false;
	if (high && (!not_older(w, high, a, e) || !not_two(c, high, e) || !no_jump(w, high, a, e)))
		return false;
	*already = high && vl_digest_equal(&high->waybill, &c->proof.sha256);
	warn_about_time(w, env);
	return not_expired(w, state, a, env, e);
}
