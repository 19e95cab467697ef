/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline/pack.c: packing list -> bundle, the whole connected side.
 * In:    vl_pack_opts.
 * Out:   a signed bundle directory that was read back.
 * Keeps: the number of a bundle is durable before a signature with it exists, and is never given twice. What fails
 *        before the last step leaves no bundle behind. */
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "pipeline/bundling.h"

#define SEQUENCE_MAX ((UINT64_C(1) << 53) - 1)

static bool no_snapshot(const struct vl_packing *p, struct vl_err *e)
{
	vl_fail(e, VL_E_ABSENT, "nothing was fetched yet for channel %s in %s", p->channel, p->o->store);
	return vl_hint(e, p->o->dry_run ? "Run valise fetch first; a dry run downloads nothing." :
					  "Run valise fetch first, or leave out --no-fetch.");
}

static bool fetch_or_not(struct vl_packing *p, const struct vl_pack_opts *o, struct vl_fetch_report *r,
			 struct vl_err *e)
{
	if (!o->no_fetch && !o->fetch.dry_run)
		return vl_packing_fetch(p, r, e);
	vl_packing_report(p, r);
	if (!p->store || !vl_packing_snapshot(p))
		return no_snapshot(p, e);
	if (!o->no_fetch)
		vl_emit_note(p->env, "a dry run asks no upstream: this is what %s %" PRIu64 " of the store would carry",
			     p->channel, vl_packing_snapshot(p)->sequence);
	return true;
}

/* The number asked for, or the next one. */
static bool choose_number(const struct vl_packing *p, const struct vl_pack_opts *o, uint64_t *sequence,
			  struct vl_err *e)
{
	const struct vl_channel *c = vl_packing_snapshot(p);
	uint64_t taken = c->sealed && c->sequence > p->issued ? c->sequence : p->issued;

	*sequence = o->sequence ? o->sequence : vl_packing_next_sequence(p);
	if (*sequence > SEQUENCE_MAX)
		return vl_fail(e, VL_E_USAGE, "a sequence number cannot be above 2^53 - 1");
	if (*sequence > taken)
		return true;
	vl_fail(e, VL_E_USAGE, "number %" PRIu64 " of channel %s is taken: the last one given was %" PRIu64,
		*sequence, p->channel, taken);
	return vl_hint(e, "Leave out --sequence, or name one above %" PRIu64 ".", taken);
}

static void say_if_nothing_new(const struct vl_packing *p, const struct vl_pack_report *r)
{
	const struct vl_channel *c = vl_packing_snapshot(p);
	char date[24];

	if (!r->fetch.changed && c->sequence <= p->issued)
		vl_emit_note(p->env, "nothing new upstream since %s; the bundle repeats the content of %s %" PRIu64,
			     vl_time_text(c->created, date), c->name, c->sequence);
}

static void say_if_expired(const struct vl_bundling *b)
{
	char text[24];

	if (b->waybill->expires <= b->env->now)
		vl_emit_warn(b->env, "the bundle is already expired (%s): the other side will refuse it",
			     vl_time_text(b->waybill->expires, text));
}

static bool make_volume(struct vl_bundling *b, const struct vl_store *s, struct vl_err *e)
{
	uint64_t estimate;
	char name[96];

	if (!vl_plan_estimate(s, &b->plan, &estimate, e))
		return false;
	vl_bundle_name(b->waybill->channel, b->waybill->sequence, name);
	/* The samples promise rather too much; a medium is refused only when even less would not fit. */
	return vl_volume_create(&b->volume, b->o->out, name, estimate - estimate / 4, b->env, e);
}

/* From here on the number is used up, whatever happens; the snapshot bears it too. */
static bool claim_number(struct vl_packing *p, uint64_t sequence, struct vl_err *e)
{
	struct vl_channel c = *vl_packing_snapshot(p);

	if (!vl_store_set_issued(p->store, c.name, sequence, e))
		return false;
	p->issued = sequence;
	if (c.sequence == sequence || vl_packing_received(p))
		return true;
	c.sequence = sequence;
	c.again = 0; /* a state of its own */
	return vl_packing_commit(p, &c, e);
}

static bool begin(struct vl_bundling *b, const struct vl_packing *p, struct vl_pack_report *r, struct vl_err *e)
{
	const struct vl_pack_opts *o = b->o;
	const struct vl_channel *c = vl_packing_snapshot(p);

	return vl_bundling_plan(b, p->store, c, e) && choose_number(p, o, &r->sequence, e) &&
	       vl_bundling_begin_waybill(b, c, r->sequence, o->created ? o->created : b->env->now,
					 o->expires ? o->expires : p->list->expires, e);
}

static void report(const struct vl_bundling *b, struct vl_pack_report *r)
{
	r->parcels = b->plan.n_parcels;
	r->raw = b->raw;
	r->expires = b->waybill->expires;
	r->fetch.items = b->closure.items;
	r->fetch.bytes = b->closure.bytes;
}

static bool dry_run(const struct vl_bundling *b, const struct vl_packing *p, struct vl_pack_report *r,
		    struct vl_err *e)
{
	report(b, r);
	return vl_plan_estimate(p->store, &b->plan, &r->carried, e);
}

static void say_how_to_sign(const struct vl_bundling *b)
{
	char comment[513];

	vl_waybill_comment(b->waybill, &b->sha256, comment);
	vl_emit_note(b->env, "not signed yet; with minisign: cd '%s' && minisign -S -s KEY.key -m waybill.json -t '%s'",
		     vl_volume_path(b->volume), comment);
}

static bool finish(struct vl_bundling *b, struct vl_pack_report *r, struct vl_err *e)
{
	if (!b->o->no_read_back && !vl_volume_read_back(b->volume, e))
		return false;
	vl_volume_keep(b->volume);
	report(b, r);
	r->carried = b->written;
	r->waybill = b->sha256;
	r->path = vl_xstrdup(vl_volume_path(b->volume));
	if (b->o->unsigned_)
		say_how_to_sign(b);
	return true;
}

/* What can be known of the directory before anything is downloaded for it. */
static bool check_out(const struct vl_pack_opts *o, struct vl_err *e)
{
	struct stat st;

	if (o->fetch.dry_run || stat(o->out, &st))
		return true;
	if (!S_ISDIR(st.st_mode)) {
		vl_fail(e, VL_E_EXISTS, "%s is a file, not a directory, and is not overwritten", o->out);
		return vl_hint(e, "Name the mounted medium, or any directory.");
	}
	return access(o->out, W_OK | X_OK) ? vl_fail_os(e, "write into %s", o->out) : true;
}

static bool pack(struct vl_packing *p, struct vl_bundling *b, struct vl_pack_report *r, struct vl_err *e)
{
	if (!vl_packing_open_store(p, e) || !fetch_or_not(p, b->o, &r->fetch, e) || !begin(b, p, r, e))
		return false;
	if (b->o->fetch.dry_run)
		return dry_run(b, p, r, e);
	say_if_nothing_new(p, r);
	say_if_expired(b);
	if (!make_volume(b, p->store, e) || !vl_bundling_write(b, p->store, e) || !claim_number(p, r->sequence, e))
		return false;
	r->fetch.sequence = r->sequence;
	return vl_bundling_seal(b, e) && finish(b, r, e);
}

bool vl_pack(const struct vl_pack_opts *o, const struct vl_conf *conf, const struct vl_env *env,
	     struct vl_pack_report *r, struct vl_err *e)
{
	VL_CLEAN(vl_packing) p = VL_PACKING_INIT;
	VL_CLEAN(vl_bundling) b = VL_BUNDLING_INIT;

	*r = (struct vl_pack_report){ .path = NULL };
	b.o = o;
	b.env = env;
	/* Keys first: nobody wants to be asked for a password an hour later, or to hear then that it is wrong. */
	if (!vl_packing_begin(&p, &o->fetch, conf, env, e) || !check_out(o, e) || !vl_bundling_open_keys(&b, e))
		return false;
	return pack(&p, &b, r, e) ? true : vl_packing_failed(&p, e);
}
