/* SPDX-License-Identifier: Apache-2.0 */
/* store/gc.c: what nothing needs any more.
 * In:    how many generations shall stay.
 * Out:   the others gone, with every blob that only they reached, and downloads that nobody went on with.
 * Keeps: a generation is there with all its blobs or not at all. So all that stays is walked before anything goes; the
 *        generations leave first, by a rename that is on the disk before the first blob is touched; a kill leaves blobs
 *        that nothing refers to, and the next run finds them. state/ is never touched. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "store/digests.h"
#include "store/store_priv.h"

#define LEFT_ALONE ((int64_t)7 * 86400) /* a download may be taken up again so long */

struct gc {
	struct vl_store *s;
	const struct vl_env *env;
	bool dry_run;
	struct vl_gc_report *r;
	struct vl_numbers all;
	size_t first_kept; /* all.v[first_kept ..] stay */
	struct vl_digests roots, reached;
	int dir; /* that sweep() goes through */
};

static void gc_clear(struct gc *g)
{
	vl_numbers_clear(&g->all);
	vl_digests_clear(&g->roots);
	vl_digests_clear(&g->reached);
}
VL_DEFINE_CLEAN(gc)

/* ---- what stays ---- */

static bool choose(struct gc *g, unsigned keep, struct vl_err *e)
{
	uint64_t current;
	size_t n = 0;

	if (!vl_store_current_number(g->s, &current, e) || !vl_store_generations(g->s, &g->all, e))
		return false;
	while (n < g->all.n && g->all.v[n] <= current)
		n++;
	if (n < g->all.n && !current)
		return vl_fail(e, VL_E_STORE, "store %s: the link `current` is missing, but not the generations",
			       g->s->path);
	if (current && (!n || g->all.v[n - 1] != current))
		return vl_fail(e, VL_E_STORE, "store %s: `current` points to a generation that is missing",
			       g->s->path);
	if (!keep)
		keep = 1;
	g->first_kept = n > keep ? n - keep : 0;
	g->r->generations = g->first_kept;
	g->r->kept_generations = g->all.n - g->first_kept;
	return true;
}

static bool mark_channel(struct gc *g, const struct vl_channel *c, struct vl_err *e)
{
	VL_CLEAN(vl_closure) closure = { 0 };
	uint32_t number;

	if (!vl_env_go_on(g->env, e))
		return false;
	if (!vl_digests_add(&g->roots, &c->root, &number))
		return true; /* the same snapshot in another generation */
	if (!vl_store_closure(g->s, &c->root, c->root_size, &closure, e))
		return vl_while(e, "%s %" PRIu64, c->name, c->sequence);
	for (size_t i = 0; i < closure.n; i++) {
		if (!vl_digests_add(&g->reached, &closure.blob[i].digest, &number))
			continue;
		g->r->kept_blobs++;
		g->r->kept_bytes += closure.blob[i].size;
	}
	return true;
}

static bool mark(struct gc *g, struct vl_err *e)
{
	for (size_t i = g->first_kept; i < g->all.n; i++) {
		VL_CLEAN(vl_generation) generation = { 0 };

		if (!vl_generation_load(g->s, g->all.v[i], &generation, e))
			return false;
		for (size_t c = 0; c < generation.n; c++)
			if (!mark_channel(g, &generation.channel[c], e))
				return vl_while(e, "generation %" PRIu64 " is to be kept", g->all.v[i]);
	}
	return true;
}

/* ---- generations ---- */

static bool add_tree(struct gc *g, int dir, const char *name, struct vl_err *e);

struct tree {
	struct gc *g;
	int dir;
};

/* Files that have no other name: what is linked from a blob or from a generation that stays frees nothing here. */
static bool add_entry(void *ctx, const char *name, struct vl_err *e)
{
	const struct tree *t = ctx;
	struct stat st;

	if (fstatat(t->dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return vl_fail_name(e, "look at", name);
	if (S_ISDIR(st.st_mode))
		return add_tree(t->g, t->dir, name, e);
	if (S_ISREG(st.st_mode) && st.st_nlink == 1)
		t->g->r->bytes += (uint64_t)st.st_size;
	return true;
}

static bool add_tree(struct gc *g, int dir, const char *name, struct vl_err *e)
{
	struct tree t = { .g = g };
	VL_FD fd = -1;

	if (!vl_open_dir(dir, name, &fd, e))
		return false;
	t.dir = fd;
	return vl_each_entry(fd, add_entry, &t, e);
}

static bool move_out(struct gc *g, uint64_t number, struct vl_err *e)
{
	char name[GENERATION_NAME_MAX], gone[80];

	vl_generation_name(number, name);
	if (!add_tree(g, g->s->dir, name, e))
		return false;
	if (g->dry_run)
		return true;
	snprintf(gone, sizeof gone, "staging/gone-%" PRIu64, number);
	return vl_remove_tree(g->s->dir, gone, e) && (!renameat(g->s->dir, name, g->s->dir, gone) ||
						      vl_fail_os(e, "move %s to %s", name, gone));
}

static bool sync_dir(struct gc *g, const char *name, struct vl_err *e)
{
	VL_FD dir = -1;

	return vl_open_dir(g->s->dir, name, &dir, e) && vl_fsync(dir, name, e);
}

/* All are out, and that is durable, before the first file of one is deleted. */
static bool remove_generations(struct gc *g, struct vl_err *e)
{
	char gone[80];

	for (size_t i = 0; i < g->first_kept; i++)
		if (!vl_env_go_on(g->env, e) || !move_out(g, g->all.v[i], e))
			return false;
	if (g->dry_run || !g->first_kept)
		return true;
	if (!sync_dir(g, "staging", e) || !sync_dir(g, "generations", e))
		return false;
	for (size_t i = 0; i < g->first_kept; i++) {
		snprintf(gone, sizeof gone, "staging/gone-%" PRIu64, g->all.v[i]);
		if (!vl_remove_tree(g->s->dir, gone, e))
			return false;
	}
	return true;
}

/* ---- blobs and leftovers ---- */

static bool remove_file(const struct gc *g, const char *name, struct vl_err *e)
{
	return g->dry_run || !unlinkat(g->dir, name, 0) || errno == ENOENT || vl_fail_name(e, "remove", name);
}

static bool sweep_blob(void *ctx, const char *name, struct vl_err *e)
{
	struct gc *g = ctx;
	struct vl_digest d;
	struct stat st;

	if (!vl_digest_parse_hex(&d, name) || vl_digests_find(&g->reached, &d) != VL_DIGESTS_NONE)
		return true; /* what is not named like a blob is not ours to remove */
	if (!vl_env_go_on(g->env, e))
		return false;
	if (fstatat(g->dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return vl_fail_name(e, "look at", name);
	g->r->blobs++;
	g->r->bytes += (uint64_t)st.st_size;
	return remove_file(g, name, e);
}

/* The rest of fetch/ is what is known about URLs: small, and useful next time. */
static bool is_leftover(const char *name)
{
	return vl_ends_with(name, ".part") || vl_ends_with(name, ".part.json") || name[0] == '.';
}

static bool sweep_fetch(void *ctx, const char *name, struct vl_err *e)
{
	struct gc *g = ctx;
	struct stat st;

	if (!is_leftover(name) || fstatat(g->dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode) ||
	    st.st_mtime > g->env->now - LEFT_ALONE)
		return true;
	g->r->files++;
	g->r->bytes += (uint64_t)st.st_size;
	return remove_file(g, name, e);
}

static bool sweep(struct gc *g, const char *name, bool (*f)(void *ctx, const char *name, struct vl_err *e),
		  struct vl_err *e)
{
	VL_FD dir = openat(g->s->dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (dir < 0)
		return errno == ENOENT || vl_fail_name(e, "open", name);
	g->dir = dir;
	return vl_each_entry(dir, f, g, e) || vl_while(e, "%s", name);
}

bool vl_store_gc(struct vl_store *s, unsigned keep, bool dry_run, const struct vl_env *env, struct vl_gc_report *out,
		 struct vl_err *e)
{
	VL_CLEAN(gc) g = { .s = s, .env = env, .dry_run = dry_run, .r = out };

	*out = (struct vl_gc_report){ 0 };
	if ((!dry_run && !vl_store_writable(s, e)) || !choose(&g, keep, e))
		return false;
	if (!mark(&g, e)) {
		vl_while(e, "nothing was removed from %s", s->path);
		if (e->code == VL_E_INTERRUPTED)
			return false;
		return vl_hint(e, "Run valise fsck --all, which can mend it, or keep fewer generations.");
	}
	return (remove_generations(&g, e) && sweep(&g, "blobs/sha256", sweep_blob, e) &&
		sweep(&g, "fetch", sweep_fetch, e)) || vl_while(e, "store %s", s->path);
}
