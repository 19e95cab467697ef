/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline/rollback.c: a channel back to an older state that the store still holds.
 * In:    generations that are still there; the sequence that is wanted, or none: the one before.
 * Out:   a new generation, switched to in one step; or the store as it was, and why.
 * Keeps: the high-water mark stays where it is. Going back is the operator's word on this host, once; a bundle that is
 *        older than the mark is refused as before, and the bundle of the mark can be installed again. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/text.h"
#include "pipeline/choose.h"
#include "pipeline/turn.h"

struct past { /* one state of the channel */
	struct vl_channel c;
	uint64_t first, last; /* generations that have it */
};
struct rollback {
	const struct vl_rollback_opts *o;
	const struct vl_env *env;
	struct vl_rollback_report *r;
	struct vl_store *store;
	struct vl_generation was;
	struct vl_state state;
	struct past *past; /* by sequence, then by age */
	size_t n, cap;
	bool sealing; /* the commit may have happened */
};

static void rollback_clear(struct rollback *b)
{
	vl_generation_clear(&b->was);
	vl_state_clear(&b->state);
	free(b->past);
	vl_store_free(b->store);
}
VL_DEFINE_CLEAN(rollback)

/* ---- which state ---- */

static bool choose_channel(struct rollback *b, struct vl_err *e)
{
	const struct vl_channel *c = b->was.n == 1 ? &b->was.channel[0] : NULL;
	VL_STR safe = vl_safe_text(b->o->channel ? b->o->channel : "", 64);
	char words[120];

	if (b->o->channel)
		c = vl_generation_find(&b->was, b->o->channel);
	if (c) {
		b->r->was = *c;
		return true;
	}
	if (!b->was.n)
		return vl_fail(e, VL_E_ABSENT, "the store is empty");
	vl_generation_words(&b->was, words);
	if (b->o->channel)
		return vl_fail(e, VL_E_ABSENT, "channel %s is not in this store; it has %s", safe, words);
	return vl_fail(e, VL_E_USAGE, "say which channel with --channel; the store has %s", words);
}

static bool same_state(const struct vl_channel *a, const struct vl_channel *b)
{
	return a->sequence == b->sequence && vl_digest_equal(&a->root, &b->root);
}

static void note(struct rollback *b, const struct vl_channel *c, uint64_t number)
{
	size_t i = 0;

	while (i < b->n && !same_state(&b->past[i].c, c))
		i++;
	if (i == b->n) {
		vl_grow(&b->past, b->n, &b->cap, sizeof *b->past);
		b->past[b->n++].first = number;
	}
	b->past[i].c = *c;
	b->past[i].last = number;
}

static int by_sequence(const void *pa, const void *pb)
{
	const struct past *a = pa, *b = pb;

	if (a->c.sequence != b->c.sequence)
		return a->c.sequence < b->c.sequence ? -1 : 1;
	return (a->first > b->first) - (a->first < b->first);
}

/* An old generation that is damaged is no reason not to go back to another. */
static bool list_past(struct rollback *b, struct vl_err *e)
{
	struct vl_err damaged = VL_ERR_INIT;
	uint64_t *number = NULL;
	size_t n = 0;

	if (!vl_store_numbers(b->store, &number, &n, e))
		return false;
	for (size_t i = 0; i < n && number[i] <= b->was.number; i++) {
		VL_CLEAN(vl_generation) g = { .number = 0 };
		const struct vl_channel *c = NULL;

		if (!vl_store_load_generation(b->store, number[i], &g, &damaged))
			vl_emit_warn(b->env, "generation %" PRIu64 " is left out: %s", number[i], damaged.msg);
		else
			c = vl_generation_find(&g, b->r->was.name);
		if (c)
			note(b, c, number[i]);
	}
	free(number);
	if (b->n)
		qsort(b->past, b->n, sizeof *b->past, by_sequence);
	return true;
}

/* "38, 40 and 41", at most the newest few. */
static char *held_words(const struct rollback *b)
{
	size_t i = b->n > 8 ? b->n - 8 : 0;
	char *words = vl_xstrdup(i ? "among others " : "");

	for (; i < b->n; i++) {
		VL_STR old = words;

		words = vl_xprintf("%s%" PRIu64 "%s", old, b->past[i].c.sequence,
				   i + 2 < b->n ? ", " : i + 1 < b->n ? " and " : "");
	}
	return words;
}

static bool not_held(const struct rollback *b, struct vl_err *e)
{
	VL_STR held = held_words(b);
	const char *channel = b->r->was.name;

	if (!b->o->sequence) {
		vl_fail(e, VL_E_ABSENT, "the store holds nothing of %s before %" PRIu64, channel, b->r->was.sequence);
		return vl_hint(e, "Unpack the bundle that you want with --allow-rollback SEQ.");
	}
	vl_fail(e, VL_E_ABSENT, "%s %" PRIu64 " is not in the store; it holds %s", channel, b->o->sequence, held);
	return vl_hint(e, "Choose one of these, or unpack its bundle with --allow-rollback %" PRIu64 ".",
		       b->o->sequence);
}

static bool choose_state(struct rollback *b, struct vl_err *e)
{
	const struct past *found = NULL;

	for (size_t i = 0; i < b->n; i++) {
		if (b->o->sequence && b->past[i].c.sequence == b->o->sequence)
			found = &b->past[i];
		if (!b->o->sequence && same_state(&b->past[i].c, &b->r->was))
			found = i ? &b->past[i - 1] : NULL;
	}
	if (!found)
		return not_held(b, e);
	b->r->now = found->c;
	b->r->now.again = b->env->now; /* .installed stays: that is when it came into this host */
	b->r->generation = found->last;
	b->r->already = same_state(&found->c, &b->r->was);
	return true;
}

/* ---- is it whole, and may it be ---- */

static bool check(struct rollback *b, struct vl_err *e)
{
	const struct vl_channel *c = &b->r->now;
	const struct vl_high *high = vl_state_find(&b->state, c->name);
	VL_CLEAN(vl_closure) closure = { .blob = NULL };

	b->r->high = high ? high->sequence : 0;
	if (!b->r->already && !vl_verify_unexpired(c, &b->state, b->o->accept_expired, b->env, e))
		return false;
	if (!vl_store_closure(b->store, &c->root, c->root_size, &closure, e)) {
		vl_while(e, "%s %" PRIu64 " cannot be gone back to", c->name, c->sequence);
		return vl_hint(e, "valise fsck --repair-from BUNDLE can bring back what is missing.");
	}
	b->r->items = closure.items;
	b->r->blobs = closure.n;
	b->r->bytes = closure.bytes;
	return true;
}

/* ---- the switch ---- */

static bool take_papers(const struct rollback *b, int to, struct vl_err *e)
{
	for (size_t i = 0; i < b->was.n; i++) {
		const char *name = b->was.channel[i].name;
		uint64_t from = strcmp(name, b->r->now.name) ? b->was.number : b->r->generation;

		if (!vl_turn_papers(b->store, from, name, to, e))
			return false;
	}
	return true;
}

static bool turn_back(struct rollback *b, const struct vl_turn *t, struct vl_err *e)
{
	VL_CLEAN(vl_generation) want = { .number = 0 };
	VL_CLEAN(vl_newgen) n = VL_NEWGEN_INIT;

	for (size_t i = 0; i < b->was.n; i++)
		vl_generation_set(&want, &b->was.channel[i]);
	vl_generation_set(&want, &b->r->now);
	b->sealing = true;
	return vl_newgen_open(&n, b->store, &want, e) && take_papers(b, n.dir, e) && vl_turn_places(t, &n, e) &&
	       vl_env_go_on(b->env, e) && vl_newgen_commit(&n, NULL, NULL, e);
}

/* A store that only packs, or whose operator said --no-place, has no places: then there are none to fill. */
static bool has_places(const struct rollback *b)
{
	struct vl_err unused;
	struct stat st;
	VL_FD dir = -1;

	return vl_store_generation_dir(b->store, b->was.number, &dir, &unused) &&
	       !fstatat(dir, "places", &st, AT_SYMLINK_NOFOLLOW);
}

static bool go_back(struct rollback *b, struct vl_err *e)
{
	const struct vl_rollback_opts *o = b->o;
	struct vl_turn t = { .env = b->env, .keep = o->keep, .target = o->target, .n_target = o->n_target };

	if (!vl_store_open(&b->store, o->store, o->dry_run ? VL_STORE_READ : VL_STORE_WRITE, o->lock_wait, b->env, e) ||
	    !vl_store_current(b->store, &b->was, e) || !vl_store_state_load(b->store, &b->state, e) ||
	    !choose_channel(b, e) || !list_past(b, e) || !choose_state(b, e) || !check(b, e))
		return false;
	t.store = b->store;
	t.no_place = !has_places(b);
	return o->dry_run || ((b->r->already || turn_back(b, &t, e)) && vl_turn_forward(&t, e));
}

/* The store itself is asked: an error may lie on either side of the commit. */
static bool say_state(struct rollback *b, struct vl_err *e)
{
	VL_CLEAN(vl_generation) now = { .number = 0 };
	struct vl_err unused;
	char words[120];

	if (!b->store || !vl_store_current(b->store, &now, &unused))
		snprintf(e->state, sizeof e->state, "store unchanged");
	else if (!b->sealing || now.number == b->was.number)
		snprintf(e->state, sizeof e->state, "store unchanged (%s)", vl_generation_words(&now, words));
	else
		snprintf(e->state, sizeof e->state, "%s %" PRIu64 " is installed", b->r->now.name, b->r->now.sequence);
	return false;
}

bool vl_rollback(const struct vl_rollback_opts *o, const struct vl_env *env, struct vl_rollback_report *r,
		 struct vl_err *e)
{
	VL_CLEAN(rollback) b = { .o = o, .env = env, .r = r };

	*r = (struct vl_rollback_report){ .generation = 0 };
	return go_back(&b, e) || say_state(&b, e);
}
