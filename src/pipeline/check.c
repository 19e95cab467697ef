/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline/check.c: every blob of a store read again, and every item that needs a bad one.
 * In:    a store, perhaps badly damaged; sources to mend it from.
 * Out:   the faults, each with all who need it, and whether it was mended.
 * Keeps: a damaged document hides what is below it: it is mended first, then the walk goes on. Each blob is hashed
 *        once, however often the walk begins anew. Nothing is trusted but digests that the store already wants. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "pipeline/check_priv.h"
#include "store/docgraph.h"

struct at { /* where in the store something is named */
	const struct vl_channel *channel;
	const char *item;
};
typedef void seen_fn(struct check *k, const struct at *at, const struct vl_desc *d);

static void check_clear(struct check *k)
{
	vl_digests_clear(&k->known);
	vl_digests_clear(&k->faults);
	free(k->blob);
}
VL_DEFINE_CLEAN(check)

static void fault_clear(struct vl_fault *f)
{
	for (size_t i = 0; i < f->n; i++) {
		free(f->need[i].item);
		free(f->need[i].title);
	}
	free(f->need);
}

void vl_check_report_clear(struct vl_check_report *r)
{
	for (size_t i = 0; i < r->n; i++)
		fault_clear(&r->fault[i]);
	for (size_t i = 0; i < r->n_text; i++)
		free(r->text[i]);
	free(r->fault);
	free(r->text);
	*r = (struct vl_check_report){ .n = 0 };
}

static void say_text(struct check *k, const char *name, uint64_t number, const char *text)
{
	VL_STR line = vl_xprintf("%s %" PRIu64 ": %s", name, number, text);

	for (size_t i = 0; i < k->r->n_text; i++)
		if (!strcmp(k->r->text[i], line))
			return;
	vl_grow(&k->r->text, k->r->n_text, &k->r->cap_text, sizeof *k->r->text);
	k->r->text[k->r->n_text++] = vl_steal(&line);
}

/* ---- the walk: like the closure's, but round what is damaged ---- */

struct walk {
	struct check *k;
	const struct at *at;
	seen_fn *f;
	struct vl_digests seen; /* by number: the queue's */
	struct vl_desc *queue;
	size_t n, cap;
	struct vl_docshare share;
};

static void walk_clear(struct walk *w)
{
	for (size_t i = 0; i < w->n; i++)
		vl_desc_clear(&w->queue[i]);
	free(w->queue);
	vl_digests_clear(&w->seen);
}
VL_DEFINE_CLEAN(walk)

static bool enter(struct walk *w, const struct vl_desc *d, struct vl_err *e)
{
	uint32_t number;

	if (!vl_digests_add(&w->seen, &d->digest, &number))
		return true;
	w->f(w->k, w->at, d);
	vl_grow(&w->queue, w->n, &w->cap, sizeof *w->queue);
	vl_desc_init(&w->queue[w->n++], d->media_type, &d->digest, d->size);
	return vl_docshare_add(&w->share, d->size, e);
}

/* A document that cannot be read is a fault of its own, found when it is hashed. */
static bool look_into(struct walk *w, size_t i, struct vl_err *e)
{
	struct vl_docs docs = vl_docs_of_store(w->k->s);
	VL_CLEAN(vl_doc) doc = { .n = 0 };
	struct vl_err unread;

	if (!vl_env_go_on(w->k->env, e))
		return false;
	if (!docs.get(docs.ctx, &w->queue[i], &doc, &unread))
		return true;
	if (!doc.is_index)
		w->f(w->k, w->at, &doc.config);
	for (size_t c = 0; c < doc.n; c++) {
		if (!doc.is_index)
			w->f(w->k, w->at, &doc.child[c]);
		else if (!enter(w, &doc.child[c], e))
			return false;
	}
	return true;
}

static bool walk_item(struct check *k, const struct at *at, const struct vl_desc *item, seen_fn *f, struct vl_err *e)
{
	VL_CLEAN(walk) w = { .k = k, .at = at, .f = f };
	bool good = enter(&w, item, e);

	for (size_t i = 0; good && i < w.n; i++)
		good = look_into(&w, i, e);
	if (good || e->code != VL_E_LIMIT)
		return good;
	/* nothing that valise has made: the rest can be looked at all the same */
	say_text(k, at->channel->name, at->channel->sequence, e->msg);
	return true;
}

static bool walk_channel(struct check *k, const struct vl_channel *c, seen_fn *f, struct vl_err *e)
{
	struct at at = { .channel = c, .item = "" };
	VL_CLEAN(vl_desc) root = { .media_type = NULL };
	VL_CLEAN(vl_doc) snapshot = { .n = 0 };
	struct vl_err unread;

	vl_desc_init(&root, VL_MT_INDEX, &c->root, c->root_size);
	f(k, &at, &root);
	if (!vl_store_snapshot(k->s, &c->root, c->root_size, &snapshot, &unread))
		return true;
	for (size_t i = 0; i < snapshot.n; i++) {
		at.item = vl_desc_get(&snapshot.child[i], VL_AN_ITEM);
		at.item = at.item ? at.item : "";
		if (!walk_item(k, &at, &snapshot.child[i], f, e))
			return false;
	}
	return true;
}

/* The closure says what no single blob shows: two sizes, a document that is none, limits. */
static bool close_channel(struct check *k, const struct vl_channel *c, struct vl_err *e)
{
	VL_CLEAN(vl_closure) closure = { .n = 0 };
	struct vl_err found = VL_ERR_INIT;

	if (!vl_env_go_on(k->env, e))
		return false;
	if (!vl_store_closure(k->s, &c->root, c->root_size, &closure, &found))
		say_text(k, c->name, c->sequence, found.msg);
	return true;
}

struct round { /* over all channels of all generations that are looked at */
	seen_fn *f;             /* NULL: the closure */
	struct vl_digests done; /* roots: generations share them */
};

static bool each_of(struct check *k, const struct vl_generation *g, struct round *r, struct vl_err *e)
{
	uint32_t number;

	for (size_t i = 0; i < g->n; i++) {
		const struct vl_channel *c = &g->channel[i];

		if (!vl_digests_add(&r->done, &c->root, &number))
			continue;
		if (!(r->f ? walk_channel(k, c, r->f, e) : close_channel(k, c, e)))
			return false;
	}
	return true;
}

static bool each_older(struct check *k, uint64_t current, struct round *r, struct vl_err *e)
{
	uint64_t *number = NULL;
	bool good = true;
	size_t n = 0;

	if (!vl_store_numbers(k->s, &number, &n, e))
		return false;
	for (size_t i = 0; good && i < n && number[i] < current; i++) {
		VL_CLEAN(vl_generation) g = { .number = 0 };
		struct vl_err found = VL_ERR_INIT;

		if (!vl_store_load_generation(k->s, number[i], &g, &found))
			say_text(k, "generation", number[i], found.msg);
		else
			good = each_of(k, &g, r, e);
	}
	free(number);
	return good;
}

static bool each_channel(struct check *k, seen_fn *f, struct vl_err *e)
{
	VL_CLEAN(vl_generation) current = { .number = 0 };
	struct round r = { .f = f };
	bool good = vl_store_current(k->s, &current, e) && each_of(k, &current, &r, e) &&
		    (!k->o->all || each_older(k, current.number, &r, e));

	vl_digests_clear(&r.done);
	return good;
}

/* ---- what is known of a blob ---- */

static void meet(struct check *k, const struct at *at, const struct vl_desc *d)
{
	uint32_t number;

	(void)at;
	if (!vl_digests_add(&k->known, &d->digest, &number))
		return;
	vl_grow(&k->blob, k->n, &k->cap, sizeof *k->blob);
	k->blob[k->n++] = (struct vl_known){ .size = d->size };
	k->left += d->size;
	k->r->blobs++;
	k->r->bytes += d->size;
}

static void add_fault(struct check *k, uint32_t number, const char *why)
{
	struct vl_check_report *r = k->r;
	struct vl_fault *f;
	struct stat st;
	char hex[VL_DIGEST_HEX];
	VL_STR path = vl_xprintf("blobs/sha256/%s", vl_digest_hex(&k->known.v[number], hex));
	uint32_t unused;

	k->blob[number].fault = true;
	vl_digests_add(&k->faults, &k->known.v[number], &unused);
	vl_grow(&r->fault, r->n, &r->cap, sizeof *r->fault);
	f = &r->fault[r->n++];
	*f = (struct vl_fault){ .digest = k->known.v[number], .size = k->blob[number].size };
	f->missing = fstatat(vl_store_dir(k->s), path, &st, AT_SYMLINK_NOFOLLOW) < 0;
	snprintf(f->why, sizeof f->why, "%.*s", (int)sizeof f->why - 1,
		 f->missing ? "it is missing" : *why ? why : "the content is not what its name says");
}

/* A failing disk is what fsck is for: what cannot be read is a finding too, not the end. */
static bool hash_one(struct check *k, uint32_t number, struct vl_err *e)
{
	struct vl_known *b = &k->blob[number];
	struct vl_err found = VL_ERR_INIT;

	if (!vl_env_go_on(k->env, e))
		return false;
	if (!vl_store_check_blob(k->s, &k->known.v[number], b->size, &b->good, &found) && found.code != VL_E_IO) {
		*e = found;
		return false;
	}
	if (!b->good)
		add_fault(k, number, found.msg);
	return true;
}

static bool hash_new(struct check *k, struct vl_err *e)
{
	uint64_t done = 0, total = k->left;

	vl_emit_phase(k->env, "check", total);
	for (uint32_t i = 0; i < k->n; i++) {
		if (k->blob[i].good || k->blob[i].fault)
			continue;
		if (!hash_one(k, i, e))
			return false;
		done += k->blob[i].size;
		vl_emit_progress(k->env, "check", done, total);
	}
	vl_emit_phase_end(k->env, "check", done);
	k->left = 0;
	return true;
}

/* ---- who needs it ---- */

static void add_need(struct check *k, const struct at *at, const struct vl_desc *d)
{
	uint32_t number = vl_digests_find(&k->faults, &d->digest);
	const char *title = vl_desc_get(d, VL_AN_TITLE);
	struct vl_fault *f;
	struct vl_need *last;

	if (number == VL_DIGESTS_NONE)
		return;
	f = &k->r->fault[number];
	last = f->n ? &f->need[f->n - 1] : NULL;
	if (last && last->sequence == at->channel->sequence && !strcmp(last->channel, at->channel->name) &&
	    !strcmp(last->item, at->item))
		return; /* one item may name it often: one line each */
	vl_grow(&f->need, f->n, &f->cap, sizeof *f->need);
	f->need[f->n] = (struct vl_need){ .sequence = at->channel->sequence, .item = vl_xstrdup(at->item),
					  .title = vl_xstrdup(title ? title : "") };
	snprintf(f->need[f->n++].channel, sizeof f->need->channel, "%s", at->channel->name);
}

/* ---- the whole ---- */

struct vl_fault *vl_check_wanted(const struct check *k, const struct vl_digest *d)
{
	uint32_t number = vl_digests_find(&k->faults, d);

	return number == VL_DIGESTS_NONE || k->r->fault[number].mended ? NULL : &k->r->fault[number];
}

void vl_check_mended(struct check *k, struct vl_fault *f)
{
	uint32_t number = vl_digests_find(&k->known, &f->digest);

	f->mended = true;
	k->r->mended++;
	k->blob[number].good = true;
}

static bool survey(struct check *k, struct vl_err *e)
{
	return each_channel(k, meet, e) && hash_new(k, e);
}

/* As long as something could be mended there may be more below it. */
static bool mend(struct check *k, struct vl_err *e)
{
	size_t before;

	do {
		before = k->r->mended;
		for (const char *const *from = k->o->from; from && *from && k->r->mended < k->r->n; from++)
			if (!vl_check_repair(k, *from, e))
				return false;
		if (k->r->mended > before && !survey(k, e))
			return false;
	} while (k->r->mended > before && k->r->mended < k->r->n);
	return true;
}

bool vl_check_store(struct vl_store *s, const struct vl_check_opts *o, const struct vl_env *env,
		    struct vl_check_report *r, struct vl_err *e)
{
	VL_CLEAN(check) k = { .s = s, .o = o, .env = env, .r = r };

	for (const char *const *from = o->from; from && *from; from++)
		if (access(*from, F_OK) < 0) {
			VL_STR safe = vl_safe_text(*from, 200);

			return vl_fail(e, VL_E_ABSENT, "there is no %s", safe);
		}
	vl_check_report_clear(r);
	if (!survey(&k, e) || !mend(&k, e))
		return false;
	if (r->n && !each_channel(&k, add_need, e))
		return false;
	return r->mended < r->n || each_channel(&k, NULL, e);
}
