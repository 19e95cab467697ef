/* SPDX-License-Identifier: Apache-2.0 */
/* place/gen.c: the places inside a generation: they appear, all of them, with the one rename of `current`.
 * In:    the channels of the new generation, its directory.
 * Out:   places/<channel>/{osv,trivy,files}/...
 * Keeps: nothing outside the directory is touched. The caller syncs it as a whole. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "place/place_priv.h"

struct generation { /* the one being filled, and the one before it */
	struct vl_store *store;
	const struct vl_env *env;
	int blobs, places, previous_places; /* the last may be -1 */
	struct vl_generation before;
};

static void generation_clear(struct generation *g)
{
	vl_fd_closep(&g->blobs);
	vl_fd_closep(&g->places);
	vl_fd_closep(&g->previous_places);
	vl_generation_clear(&g->before);
}
VL_DEFINE_CLEAN(generation)

/* In here everything is made by us from what the bundle brought: when it does not fit, the bundle is at fault, neither
 * a place nor a server. */
static bool blame_bundle(const char *channel, struct vl_err *e)
{
	if (e->code == VL_E_PLACE || e->code == VL_E_CONTENT)
		e->code = VL_E_CLOSURE;
	return vl_while(e, "channel %s", channel);
}

/* What is missing from the previous generation only costs time. */
static int open_maybe(int dir, const char *name)
{
	return dir < 0 ? -1 : openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static bool fill_per_item(const struct vl_consumer *c, const struct vl_fill *f, int dir,
			  const struct vl_picked *items, struct vl_err *e)
{
	for (size_t i = 0; i < items->n; i++) {
		struct vl_picked one = { .item = &items->item[i], .n = 1 };
		VL_FD tree = -1;

		if (!vl_env_go_on(f->env, e) ||
		    !vl_mkdirs_at(dir, vl_desc_get(items->item[i], VL_AN_ITEM), 0755, &tree, e) ||
		    !c->fill(f, tree, &one, e))
			return false;
	}
	return true;
}

static bool fill_consumer(const struct generation *g, const struct vl_consumer *c, const struct vl_doc *snapshot,
			  const struct vl_doc *before, int dir, int previous_dir, struct vl_err *e)
{
	VL_CLEAN(vl_picked) items = { 0 };
	VL_FD tree = -1, previous = c->dir ? open_maybe(previous_dir, c->dir) : -1;
	struct vl_fill f = { .store = g->store, .env = g->env, .link = true, .blobs = g->blobs, .previous = previous,
			     .before = before };

	if (!vl_consumer_pick(c, snapshot, NULL, &items, e))
		return false;
	if (!items.n || !c->dir)
		return true;
	return vl_env_go_on(g->env, e) && vl_mkdirs_at(dir, c->dir, 0755, &tree, e) &&
	       (c->per_item ? fill_per_item(c, &f, tree, &items, e) : c->fill(&f, tree, &items, e)) &&
	       vl_tree_settle(tree, c->dir_mode, (uid_t)-1, (gid_t)-1, e);
}

static bool fill_channel(const struct generation *g, const struct vl_channel *channel, struct vl_err *e)
{
	VL_FD dir = -1, previous = open_maybe(g->previous_places, channel->name);
	const struct vl_channel *old = vl_generation_find(&g->before, channel->name);
	VL_CLEAN(vl_doc) snapshot = { 0 }, before = { 0 };
	const struct vl_consumer *c;
	struct vl_err unused;

	if (!vl_store_snapshot(g->store, &channel->root, channel->root_size, &snapshot, e) ||
	    !vl_mkdirs_at(g->places, channel->name, 0755, &dir, e))
		return false;
	if (old && !vl_store_snapshot(g->store, &old->root, old->root_size, &before, &unused))
		vl_doc_clear(&before); /* then everything is made anew */
	for (size_t i = 0; (c = vl_consumer_at(i)); i++)
		if (!fill_consumer(g, c, &snapshot, &before, dir, previous, e))
			return vl_while(e, "place for %s", c->name);
	return true;
}

static bool open_generation(struct generation *g, int generation_dir, struct vl_err *e)
{
	VL_FD previous = -1;
	struct vl_err unused;

	if (!vl_mkdirs_at(vl_store_dir(g->store), "blobs/sha256", 0755, &g->blobs, e) ||
	    !vl_mkdirs_at(generation_dir, PLACES, 0755, &g->places, e) || !vl_store_current(g->store, &g->before, e))
		return false;
	if (g->before.number && vl_store_generation_dir(g->store, g->before.number, &previous, &unused))
		g->previous_places = open_maybe(previous, PLACES);
	return true;
}

/* places/ and places/<channel>/ as well, whatever the umask says. */
static bool open_to_all(int places, const struct vl_generation *g, struct vl_err *e)
{
	VL_FD dir = -1;

	for (size_t i = 0; i < g->n; i++) {
		vl_fd_closep(&dir);
		if (!vl_open_dir(places, g->channel[i].name, &dir, e))
			return false;
		if (fchmod(dir, 0755) < 0)
			return vl_fail_os(e, "set the mode of places/%s", g->channel[i].name);
	}
	return !fchmod(places, 0755) || vl_fail_os(e, "set the mode of places");
}

bool vl_place_generation(struct vl_store *s, const struct vl_generation *g, int generation_dir,
			 const struct vl_env *env, struct vl_err *e)
{
	VL_CLEAN(generation) made = { .store = s, .env = env, .blobs = -1, .places = -1, .previous_places = -1 };
	uint64_t bytes;

	if (!vl_place_need(s, g, &bytes, e) || !open_generation(&made, generation_dir, e))
		return false;
	vl_emit_phase(env, "place", bytes);
	for (size_t i = 0; i < g->n; i++)
		if (!fill_channel(&made, &g->channel[i], e))
			return blame_bundle(g->channel[i].name, e);
	vl_emit_phase_end(env, "place", bytes);
	return open_to_all(made.places, g, e);
}

static bool need_of(struct vl_store *s, const struct vl_doc *snapshot, uint64_t *bytes, struct vl_err *e)
{
	const struct vl_consumer *c;
	uint64_t more;

	for (size_t i = 0; (c = vl_consumer_at(i)); i++)
		for (size_t k = 0; k < snapshot->n; k++) {
			if (!c->dir || !vl_consumer_takes(c, &snapshot->child[k]))
				continue;
			if (!c->need(s, &snapshot->child[k], &more, e))
				return false;
			*bytes += more;
		}
	return true;
}

bool vl_place_need(struct vl_store *s, const struct vl_generation *g, uint64_t *bytes, struct vl_err *e)
{
	*bytes = 0;
	for (size_t i = 0; i < g->n; i++) {
		VL_CLEAN(vl_doc) snapshot = { 0 };

		if (!vl_store_snapshot(s, &g->channel[i].root, g->channel[i].root_size, &snapshot, e) ||
		    !need_of(s, &snapshot, bytes, e))
			return blame_bundle(g->channel[i].name, e);
	}
	return true;
}
