/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline/choose.c: which keys count, which bundle is meant.
 * In:    the paths and key files that the operator named.
 * Out:   one bundle whose waybill is good.
 * Keeps: every bundle that is found is verified, also those that are not taken: a medium with one bad waybill on it is
 *        not a medium to choose from. */
#include "pipeline/choose.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/text.h"

void vl_choice_clear(struct vl_choice *c)
{
	vl_checked_free(c->best);
	vl_carried_list_clear(&c->found);
	c->best = NULL;
}

bool vl_choose_trust(struct vl_trust *t, const struct vl_unpack_opts *o, const struct vl_store *s,
		     const struct vl_env *env, struct vl_err *e)
{
	if (!o->trust || !o->trust[0]) {
		if (s)
			return vl_trust_load(t, s, e);
		vl_fail(e, VL_E_NO_TRUST, "no key was named and there is no store that trusts one");
		return vl_hint(e, "Name the sender's public key with --trust KEY.pub.");
	}
	for (const char *const *file = o->trust; *file; file++) {
		const char *slash = strrchr(*file, '/');
		struct vl_pubkey k;

		if (!vl_pubkey_load(&k, *file, e) || !vl_trust_add(t, &k, "", slash ? slash + 1 : *file, env->now, e))
			return false;
	}
	return true;
}

bool vl_choose_store(struct vl_store **out, const struct vl_unpack_opts *o, const struct vl_env *env, struct vl_err *e)
{
	VL_STR layout = o->store ? vl_xprintf("%s/oci-layout", o->store) : NULL;

	*out = NULL;
	if (!layout || (access(layout, F_OK) < 0 && errno != EACCES))
		return true;
	return vl_store_open(out, o->store, VL_STORE_READ, 0, env, e);
}

static bool two_channels(const struct vl_checked *a, const struct vl_checked *b, struct vl_err *e)
{
	vl_fail(e, VL_E_USAGE, "there are bundles of channel %s (%s) and of channel %s (%s)", a->waybill->channel,
		vl_carried_path(a->carried), b->waybill->channel, vl_carried_path(b->carried));
	return vl_hint(e, "Say which with --channel NAME, or name the bundle's directory.");
}

static bool two_waybills(const struct vl_checked *a, const struct vl_checked *b, struct vl_err *e)
{
	return vl_fail(e, VL_E_EQUIVOCATION, "%s and %s are both %s %" PRIu64 ", but differ",
		       vl_carried_path(a->carried), vl_carried_path(b->carried), a->waybill->channel,
		       a->waybill->sequence);
}

/* Keeps the better of the two in *best; the same bundle twice is fine. */
static bool compare(struct vl_checked **best, struct vl_checked **next, struct vl_err *e)
{
	struct vl_checked *a = *best, *b = *next;

	if (a && strcmp(a->waybill->channel, b->waybill->channel) != 0)
		return two_channels(a, b, e);
	if (a && a->waybill->sequence == b->waybill->sequence && !vl_digest_equal(&a->proof.sha256, &b->proof.sha256))
		return two_waybills(a, b, e);
	if (!a || b->waybill->sequence > a->waybill->sequence) {
		*best = b;
		*next = a;
	}
	return true;
}

static bool look_at(struct vl_choice *out, struct vl_carried *carried, const struct vl_unpack_opts *o,
		    const struct vl_trust *t, char other[static 65], struct vl_err *e)
{
	VL_AUTO(vl_checked) next = NULL;

	if (!vl_verify_waybill(&next, carried, t, e)) {
		/* many on one medium: say which, and how to get past it; without a key no other one would do */
		if (out->found.n > 1 && !*e->hint && e->code != VL_E_NO_TRUST)
			vl_hint(e, "%zu bundles were found. If this one is not wanted, name the directory of the one "
				"that is.", out->found.n);
		return vl_while(e, "%s", vl_carried_path(carried));
	}
	if (o->channel && strcmp(o->channel, next->waybill->channel) != 0) {
		snprintf(other, 65, "%s", next->waybill->channel);
		return true;
	}
	return compare(&out->best, &next, e);
}

bool vl_choose_bundle(struct vl_choice *out, const struct vl_unpack_opts *o, const struct vl_trust *t,
		      const struct vl_env *env, struct vl_err *e)
{
	char other[65] = "";

	for (const char *const *path = o->paths; *path; path++)
		if (!vl_media_find(&out->found, *path, env, e))
			return false;
	for (size_t i = 0; i < out->found.n; i++)
		if (!look_at(out, out->found.item[i], o, t, other, e))
			return false;
	if (out->best)
		return true;
	if (!*other)
		return vl_fail(e, VL_E_NO_BUNDLE, "no bundle was found");
	vl_fail(e, VL_E_CHANNEL, "the bundle is for channel %s, not %s", other, o->channel);
	return vl_found(e, NULL, other, o->channel);
}

static bool rehearse_segment(void *ctx, const struct vl_segment *seg, const char *parcel, struct vl_err *e)
{
	return vl_rehearsal_add(ctx, seg, parcel, e);
}

bool vl_choose_rehearse(const struct vl_checked *c, struct vl_parcel_report *report, const struct vl_env *env,
			struct vl_err *e)
{
	VL_AUTO(vl_rehearsal) r = NULL;

	return vl_rehearsal_new(&r, c->waybill, e) && vl_verify_parcels(c, rehearse_segment, r, report, env, e) &&
	       vl_rehearsal_end(r, e);
}

struct vl_admission vl_choose_admission(const struct vl_unpack_opts *o)
{
	return (struct vl_admission){ .channel = o->channel, .require_waybill = o->require_waybill,
				      .accept_expired = o->accept_expired, .accept_jump = o->accept_jump,
				      .allow_rollback = o->allow_rollback };
}

void vl_choose_report(struct vl_unpack_report *r, const struct vl_checked *c)
{
	const struct vl_waybill *w = c->waybill;

	r->waybill = c->proof.sha256;
	snprintf(r->signers, sizeof r->signers, "%s", c->signers);
	r->items = w->items;
	r->blobs = w->blobs;
	r->bytes = w->bytes;
	r->parcels = w->n;
	r->carried = 0;
	for (size_t i = 0; i < w->n; i++)
		r->carried += w->parcel[i].size;
	r->now = (struct vl_channel){ .epoch = w->epoch, .sequence = w->sequence, .root = w->root,
				      .root_size = w->root_size, .created = w->created, .expires = w->expires,
				      .sealed = true, .waybill = c->proof.sha256 };
	snprintf(r->now.name, sizeof r->now.name, "%s", w->channel);
	snprintf(r->now.signers, sizeof r->now.signers, "%s", c->signers);
}

const char *vl_generation_words(const struct vl_generation *g, char out[static 120])
{
	size_t len = 0;

	snprintf(out, 120, "empty");
	for (size_t i = 0; i < g->n && len < 120; i++)
		len += (size_t)snprintf(out + len, 120 - len, "%s%s %" PRIu64, i ? ", " : "", g->channel[i].name,
					g->channel[i].sequence);
	return out;
}
