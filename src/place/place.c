/* SPDX-License-Identifier: Apache-2.0 */
/* place/place.c: the table of consumers, and what each of them must be told.
 * In:    a generation, the places outside the store.
 * Out:   lines for a shell. Names and times are checked or made safe before; paths are quoted, because they are the
 *        user's.
 * Keeps: exports come before comments, so that even an unquoted `eval $(valise env)`, which joins the lines, sets all.
 */
#include "place/place.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "place/place_priv.h"

static const struct vl_consumer *const consumers[] = { &vl_consumer_osv, &vl_consumer_trivy, &vl_consumer_files,
						       &vl_consumer_gitlab };
static const char *const names[] = { "osv-scanner", "trivy", "files", "gitlab", NULL };

/* ---- the table ---- */

const char *const *vl_place_consumers(void)
{
	return names;
}

const struct vl_consumer *vl_consumer_at(size_t i)
{
	return i < VL_LEN(consumers) ? consumers[i] : NULL;
}

const struct vl_consumer *vl_consumer_find(const char *name, struct vl_err *e)
{
	VL_STR shown = NULL;
	const char *near;

	for (size_t i = 0; i < VL_LEN(consumers); i++)
		if (!strcmp(consumers[i]->name, name))
			return consumers[i];
	shown = vl_safe_text(name, 80);
	near = vl_nearest(name, names);
	vl_fail(e, VL_E_USAGE, "there is no consumer \"%s\"", shown);
	if (near)
		vl_hint(e, "Did you mean %s?", near);
	else
		vl_hint(e, "Known are osv-scanner, trivy, files and gitlab.");
	return NULL;
}

bool vl_consumer_takes(const struct vl_consumer *c, const struct vl_desc *item)
{
	const char *type = vl_desc_get(item, VL_AN_TYPE);

	for (size_t i = 0; type && c->types[i]; i++)
		if (!strcmp(c->types[i], type))
			return true;
	return false;
}

void vl_picked_clear(struct vl_picked *p)
{
	free(p->item);
	*p = (struct vl_picked){ 0 };
}

bool vl_consumer_pick(const struct vl_consumer *c, const struct vl_doc *snapshot, const char *only,
		      struct vl_picked *out, struct vl_err *e)
{
	const struct vl_desc *item;
	const char *name;

	for (size_t i = 0; i < snapshot->n; i++) {
		item = &snapshot->child[i];
		name = vl_desc_get(item, VL_AN_ITEM);
		if (!name || !vl_name_is_valid(name))
			return vl_fail(e, VL_E_PLACE, "an item has no valid name"); /* it becomes a directory */
		if (!vl_consumer_takes(c, item) || (only && strcmp(only, name) != 0))
			continue;
		vl_grow(&out->item, out->n, &out->cap, sizeof *out->item);
		out->item[out->n++] = item;
	}
	return true;
}

const struct vl_channel *vl_place_channel(const struct vl_generation *g, const char *channel, bool *many)
{
	*many = !channel && g->n > 1;
	if (channel)
		return vl_generation_find(g, channel);
	return g->n == 1 ? &g->channel[0] : NULL;
}

/* ---- for shells ---- */

bool vl_shell_quote(struct vl_buf *out, const char *text, struct vl_err *e)
{
	if (!vl_buf_add(out, vl_bytes_str("'"), e))
		return false;
	for (const char *p = text; *p; p++)
		if (!vl_buf_add(out, *p == '\'' ? vl_bytes_str("'\\''") : vl_bytes(p, 1), e))
			return false;
	return vl_buf_add(out, vl_bytes_str("'"), e);
}

bool vl_shell_export(struct vl_buf *out, const char *name, const char *path, struct vl_err *e)
{
	return vl_buf_addf(out, e, "export %s=", name) && vl_shell_quote(out, path, e) &&
	       vl_buf_add(out, vl_bytes_str("\n"), e);
}

const char *vl_item_age_text(const struct vl_desc *item, char out[static 32])
{
	const char *told = vl_desc_get(item, VL_AN_UPDATED);
	char text[24];
	int64_t t;

	if (!told)
		told = vl_desc_get(item, VL_AN_FETCHED);
	if (!told || !vl_time_parse_loose(told, &t)) {
		memcpy(out, "an unknown time", sizeof "an unknown time");
		return out;
	}
	vl_time_text(t, text); /* 2026-11-21T06:12:00Z */
	memcpy(out, text, 16);
	out[10] = ' ';
	memcpy(out + 16, " UTC", 5);
	return out;
}

/* ---- valise env ---- */

/* The path of the last target that is configured for this, or NULL. */
static const char *target_path(const struct vl_telling *t, const struct vl_consumer *c, const struct vl_desc *item)
{
	const char *path = NULL, *name = vl_desc_get(item, VL_AN_ITEM);

	for (size_t i = 0; i < t->ask->n_target; i++) {
		const struct vl_target *target = &t->ask->target[i];

		if (!strcmp(target->consumer, c->name) &&
		    (!target->channel || !strcmp(target->channel, t->channel->name)) &&
		    (!c->per_item || (target->item && !strcmp(target->item, name))))
			path = target->path;
	}
	return path;
}

/* Through `current`, so that the same line stays right after the next unpack. */
static bool tell_tree(struct vl_telling *t, const struct vl_consumer *c, const struct vl_desc *item, struct vl_err *e)
{
	const char *name = vl_desc_get(item, VL_AN_ITEM), *path = target_path(t, c, item);
	VL_STR below = vl_xprintf("current/" PLACES "/%s/%s%s%s", t->channel->name, c->dir, c->per_item ? "/" : "",
				  c->per_item ? name : "");
	VL_STR own = vl_xprintf("%s/%s", vl_store_path(t->store), below);
	struct vl_where w = { t->channel, item, path ? path : own };

	if (!path && faccessat(vl_store_dir(t->store), below, F_OK, 0) < 0)
		return vl_buf_addf(t->comments, e, "# %s (%s): %s\n", c->per_item ? name : c->name, t->channel->name,
				   t->channel->sealed ? "not placed yet; run valise unpack without --no-place" :
							"was fetched, not unpacked, so nothing is placed here");
	t->any = true;
	return c->exports(&w, t->exports, e) && c->advice(&w, t->comments, e);
}

static bool tell(struct vl_telling *t, const struct vl_consumer *c, const struct vl_doc *snapshot, struct vl_err *e)
{
	VL_CLEAN(vl_picked) items = { 0 };

	if (!vl_consumer_pick(c, snapshot, NULL, &items, e))
		return false;
	if (!c->dir)
		return !items.n || c->tell(t, &items, e);
	for (size_t i = 0; i < (c->per_item ? items.n : items.n > 0); i++)
		if (!tell_tree(t, c, items.item[i], e))
			return false;
	return true;
}

static const struct vl_channel *channel_for_env(const struct vl_generation *g, const char *channel, struct vl_err *e)
{
	const struct vl_channel *c;
	bool many;

	c = vl_place_channel(g, channel, &many);
	if (c)
		return c;
	if (!g->n) {
		vl_fail(e, VL_E_ABSENT, "the store is empty");
		vl_hint(e, "Bring a bundle and run valise unpack.");
	} else if (many) {
		vl_fail(e, VL_E_USAGE, "the store holds %zu channels (%s, %s%s)", g->n, g->channel[0].name,
			g->channel[1].name, g->n > 2 ? ", ..." : "");
		vl_hint(e, "Name one with --channel.");
	} else {
		VL_STR shown = vl_safe_text(channel, 64);

		vl_fail(e, VL_E_ABSENT, "the store has no channel \"%s\"", shown);
		vl_hint(e, "See valise status.");
	}
	return NULL;
}

/* Asked for one consumer, and there is nothing to evaluate. */
static bool nothing_for(const struct vl_telling *t, const char *consumer, struct vl_err *e)
{
	const struct vl_channel *c = t->channel;

	if (!t->comments->len)
		return vl_fail(e, VL_E_ABSENT, "channel %s holds nothing for %s", c->name, consumer);
	vl_fail(e, VL_E_PLACE, "nothing is placed for %s%s (%s%s)", consumer, c->sealed ? " yet" : "", c->name,
		c->sealed ? "" : " was fetched, not unpacked");
	return vl_hint(e, c->sealed ? "Run valise unpack without --no-place." :
				      "valise places what it unpacks: run valise unpack with a store of its own.");
}

bool vl_place_env(const struct vl_store *s, const struct vl_generation *g, const struct vl_env_ask *ask,
		  struct vl_buf *out, struct vl_err *e)
{
	VL_CLEAN(vl_buf) exports = VL_BUF_INIT(1u << 20), comments = VL_BUF_INIT(1u << 20);
	struct vl_telling t = { .store = s, .ask = ask, .exports = &exports, .comments = &comments };
	const struct vl_consumer *only = NULL;
	VL_CLEAN(vl_doc) snapshot = { 0 };

	if (ask->consumer) {
		only = vl_consumer_find(ask->consumer, e);
		if (!only)
			return false;
	}
	t.channel = channel_for_env(g, ask->channel, e);
	if (!t.channel || !vl_store_snapshot(s, &t.channel->root, t.channel->root_size, &snapshot, e))
		return false;
	for (size_t i = 0; i < VL_LEN(consumers); i++)
		if ((!only || only == consumers[i]) && !tell(&t, consumers[i], &snapshot, e))
			return false;
	if (only && !t.any)
		return nothing_for(&t, only->name, e);
	return vl_buf_add(out, vl_buf_bytes(&exports), e) && vl_buf_add(out, vl_buf_bytes(&comments), e);
}
