/* SPDX-License-Identifier: Apache-2.0 */
/* place/targets.c: places outside the store, named in valise.conf.
 * In:    the generation that is current, the configured places.
 * Out:   each place with that content, by one exchange of a directory; state/placed.json.
 * Keeps: the path is opened once, step by step and without following any link; after that only its descriptor is used.
 *        The new tree is made in a directory that is ours alone (0700) and given to its owner by descriptor, the
 *        directories last. So the place's user, who may rename and link what he likes in there, can neither lead us
 *        elsewhere nor get a foreign file chowned. What is swapped out must be a directory. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "place/place_priv.h"
#include "place/placed.h"

#define WORK ".valise-"

struct rolling { /* all targets of one run */
	struct vl_store *store;
	const struct vl_generation *g;
	const struct vl_env *env;
	int blobs, state;
	struct vl_placed placed;
};
struct job { /* one of them */
	const struct rolling *r;
	const struct vl_target *t;
	const struct vl_consumer *c;
	struct vl_picked items;
	int base, work;      /* where the exchange happens; our directory in it */
	char work_name[32];
	char *tree;          /* the path's last step, when the path itself is exchanged */
	char *key;           /* in placed.json: consumers may share a path */
	uid_t uid;           /* -1: our own */
	gid_t gid;
	struct vl_digest content;
};

static void rolling_clear(struct rolling *r)
{
	vl_fd_closep(&r->blobs);
	vl_fd_closep(&r->state);
	vl_placed_clear(&r->placed);
}
VL_DEFINE_CLEAN(rolling)

static void job_clear(struct job *j)
{
	struct vl_err unused;

	vl_fd_closep(&j->work);
	if (j->base >= 0 && j->work_name[0])
		(void)!vl_remove_tree(j->base, j->work_name, &unused); /* else the next run does it */
	vl_fd_closep(&j->base);
	vl_picked_clear(&j->items);
	free(j->tree);
	free(j->key);
}
VL_DEFINE_CLEAN(job)

/* ---- where ---- */

/* The words that make the directory, for a shell. owner: NULL when it need not belong to the place's user. */
static bool say_how_to_make(const char *path, const char *owner, struct vl_err *e)
{
	VL_CLEAN(vl_buf) quoted = VL_BUF_INIT(1u << 20);
	struct vl_err unused;

	vl_fail(e, VL_E_PLACE, "the directory %s does not exist", path);
	if (!vl_shell_quote(&quoted, path, &unused))
		return false;
	return vl_hint(e, "Make it: install -d%s%s %s; then run valise unpack again.", owner ? " -o " : "",
		       owner ? owner : "", vl_buf_str(&quoted));
}

static bool step_failed(const char *path, const char *step, const char *owner, struct vl_err *e)
{
	if (errno == ENOENT)
		return say_how_to_make(path, owner, e);
	if (errno == ENOTDIR || errno == ELOOP) {
		vl_fail(e, VL_E_PLACE, "\"%s\" in its path is a link or a file, not a directory", step);
		return vl_hint(e, "Give the real path in valise.conf, or put the directory back.");
	}
	return vl_fail_os(e, "open \"%s\" in its path", step);
}

/* Step by step, so that a link anywhere in the path, which its owner could turn at any time, is seen and refused. */
static bool open_path(const char *path, const char *owner, int *fd, struct vl_err *e)
{
	VL_FD at = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	VL_STR work = vl_xstrdup(path);
	char *rest = work, *step;
	int next;

	if (path[0] != '/')
		return vl_fail(e, VL_E_PLACE, "it is not an absolute path");
	if (at < 0)
		return vl_fail_os(e, "open /");
	while ((step = strsep(&rest, "/"))) {
		if (!*step)
			continue;
		if (!strcmp(step, ".") || !strcmp(step, ".."))
			return vl_fail(e, VL_E_PLACE, "its path has a step \"%s\"", step);
		next = openat(at, step, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (next < 0)
			return step_failed(path, step, owner, e);
		close(at);
		at = next;
	}
	*fd = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *fd >= 0 || vl_fail_os(e, "open it");
}

/* "/etc/suricata/rules/" -> "/etc/suricata" and "rules". */
static bool open_base(struct job *j, struct vl_err *e)
{
	VL_STR path = vl_xstrdup(j->t->path);
	size_t len = strlen(path);
	char *slash;

	if (j->c->swapped[0])
		return open_path(path, j->t->owner, &j->base, e);
	while (len > 1 && path[len - 1] == '/')
		path[--len] = '\0';
	slash = strrchr(path, '/');
	if (!slash || !slash[1] || !strcmp(slash + 1, "..") || !strcmp(slash + 1, "."))
		return vl_fail(e, VL_E_PLACE, "its path does not name a directory below another");
	j->tree = vl_xstrdup(slash + 1);
	slash[slash == path] = '\0'; /* the root keeps its slash */
	return open_path(path, NULL, &j->base, e);
}

static const char *swapped(const struct job *j, size_t i)
{
	return j->tree ? (i ? NULL : j->tree) : j->c->swapped[i];
}

static bool find_owner(struct job *j, struct vl_err *e)
{
	struct passwd pw, *found = NULL;
	char text[4096];
	int err;

	j->uid = (uid_t)-1;
	j->gid = (gid_t)-1;
	if (!j->t->owner)
		return true;
	err = getpwnam_r(j->t->owner, &pw, text, sizeof text, &found);
	if (!found) {
		VL_STR shown = vl_safe_text(j->t->owner, 64);

		return vl_fail(e, VL_E_PLACE, "there is no user \"%s\"%s%s", shown, err ? ": " : "",
			       err ? strerror(err) : "");
	}
	j->uid = found->pw_uid;
	j->gid = found->pw_gid;
	return true;
}

/* ---- is there anything to do? ---- */

static void fingerprint(struct job *j)
{
	VL_AUTO(vl_sha256) sha = vl_sha256_new();
	char hex[VL_DIGEST_HEX];

	for (size_t i = 0; i < j->items.n; i++) {
		VL_STR line = vl_xprintf("%s\n%s\n%s\n%s\n", j->c->name, j->t->owner ? j->t->owner : "",
					 vl_desc_get(j->items.item[i], VL_AN_ITEM),
					 vl_digest_hex(&j->items.item[i]->digest, hex));

		vl_sha256_add(sha, vl_bytes_str(line));
	}
	vl_sha256_end(sha, &j->content);
}

/* Which directories lie there now; "" when one is missing. Trivy throws db/ away and makes it anew when it downloads:
 * then the inode differs. The caller frees. */
static char *identity(const struct job *j)
{
	VL_STR text = vl_xstrdup("");
	struct stat st;

	for (size_t i = 0; swapped(j, i); i++) {
		VL_STR before = vl_steal(&text);

		if (fstatat(j->base, swapped(j, i), &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode))
			return vl_xstrdup("");
		text = vl_xprintf("%s%s%" PRIu64 ":%" PRIu64 ":%" PRId64 ".%09ld", before, *before ? " " : "",
				  (uint64_t)st.st_dev, (uint64_t)st.st_ino, (int64_t)st.st_mtim.tv_sec,
				  st.st_mtim.tv_nsec);
	}
	return vl_steal(&text);
}

static bool is_done(const struct job *j)
{
	const struct vl_placed_line *had = vl_placed_find(&j->r->placed, j->key);
	VL_STR now = identity(j);

	return had && *now && !strcmp(had->identity, now) && vl_digest_equal(&had->content, &j->content);
}

static bool refuse_entry(void *ctx, const char *name, struct vl_err *e)
{
	const struct job *j = ctx;
	VL_STR shown = vl_safe_text(name, 80);

	vl_fail(e, VL_E_PLACE, "it holds files that valise did not put there (%s)", shown);
	return vl_hint(e, "Move %s away, or name another path.", j->t->path);
}

/* What is about to be swapped out must be a directory; a tree of plain files that valise did not make is not thrown
 * away. */
static bool check_old(struct job *j, struct vl_err *e)
{
	VL_FD dir = -1;
	struct stat st;

	for (size_t i = 0; swapped(j, i); i++) {
		if (fstatat(j->base, swapped(j, i), &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (!S_ISDIR(st.st_mode)) {
			vl_fail(e, VL_E_PLACE, "%s in it is a link or a file, not a directory", swapped(j, i));
			return vl_hint(e, "Remove it, then run valise unpack again.");
		}
	}
	if (!j->tree || vl_placed_find(&j->r->placed, j->key))
		return true;
	dir = openat(j->base, j->tree, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return dir < 0 || vl_each_entry(dir, refuse_entry, j, e);
}

/* ---- making the new tree ---- */

/* What a run that died has left. Only directories that are ours: anybody may have made others. */
static bool drop_leftover(void *ctx, const char *name, struct vl_err *e)
{
	const struct job *j = ctx;
	struct stat st;

	if (strncmp(name, WORK, strlen(WORK)) != 0 || fstatat(j->base, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !S_ISDIR(st.st_mode) || st.st_uid != geteuid())
		return true;
	return vl_remove_tree(j->base, name, e);
}

static bool open_work(struct job *j, struct vl_err *e)
{
	uint8_t random[8];
	char hex[17];
	struct stat st;

	if (!vl_each_entry(j->base, drop_leftover, j, e))
		return false;
	vl_random(random, sizeof random);
	vl_hex(random, sizeof random, hex);
	snprintf(j->work_name, sizeof j->work_name, WORK "%s", hex);
	if (mkdirat(j->base, j->work_name, 0700) < 0) {
		j->work_name[0] = '\0';
		return vl_fail_os(e, "make a directory in it");
	}
	if (!vl_open_dir(j->base, j->work_name, &j->work, e))
		return false;
	if (fstat(j->work, &st) < 0 || st.st_uid != geteuid() || (st.st_mode & 0077))
		return vl_fail(e, VL_E_PLACE, "somebody replaced our directory %s in it", j->work_name);
	return true;
}

static bool settle(const struct job *j, struct vl_err *e)
{
	for (size_t i = 0; swapped(j, i); i++) {
		VL_FD dir = -1;

		if (!vl_mkdirs_at(j->work, swapped(j, i), 0700, &dir, e) ||
		    !vl_tree_settle(dir, j->c->dir_mode, j->uid, j->gid, e))
			return false;
	}
	return !syncfs(j->work) || vl_fail_os(e, "make it durable");
}

static bool make_tree(const struct job *j, struct vl_err *e)
{
	/* A hard link shares owner and mode with the blob, so a tree that gets an owner is a copy. */
	struct vl_fill f = { .store = j->r->store, .env = j->r->env, .link = !j->t->owner, .blobs = j->r->blobs,
			     .previous = -1 };
	VL_FD tree = -1;

	return vl_mkdirs_at(j->work, j->tree ? j->tree : ".", 0700, &tree, e) &&
	       j->c->fill(&f, tree, &j->items, e) && settle(j, e);
}

/* One call makes the new one visible and puts the old one into our directory, from where it is removed. */
static bool swap(const struct job *j, const char *name, struct vl_err *e)
{
	if (!renameat2(j->work, name, j->base, name, RENAME_NOREPLACE))
		return true;
	if (errno == EEXIST && !renameat2(j->work, name, j->base, name, RENAME_EXCHANGE))
		return true;
	if (errno != EINVAL && errno != ENOSYS)
		return vl_fail_os(e, "swap in %s", name);
	/* a file system without the exchange: two steps */
	if (renameat(j->base, name, j->work, WORK "old") < 0 && errno != ENOENT)
		return vl_fail_os(e, "move away %s", name);
	return !renameat(j->work, name, j->base, name) || vl_fail_os(e, "move in %s", name);
}

static bool swap_all(const struct job *j, struct vl_err *e)
{
	for (size_t i = 0; swapped(j, i); i++)
		if (!swap(j, swapped(j, i), e))
			return false;
	return vl_fsync(j->base, j->t->path, e);
}

/* ---- one target ---- */

/* *channel NULL: nothing of it is here yet, which is no fault (it may come with another bundle). */
static bool find_channel(const struct job *j, const struct vl_channel **channel, struct vl_err *e)
{
	bool many;

	*channel = vl_place_channel(j->r->g, j->t->channel, &many);
	if (!*channel && many) {
		vl_fail(e, VL_E_PLACE, "the store holds several channels");
		return vl_hint(e, "Say in valise.conf which one (channel: NAME).");
	}
	if (!*channel)
		vl_emit_debug(j->r->env, "place %s: channel %s is not in the store", j->t->path,
			      j->t->channel ? j->t->channel : "(none)");
	return true;
}

static bool pick(struct job *j, const struct vl_doc *snapshot, struct vl_err *e)
{
	if (j->c->per_item && !j->t->item) {
		vl_fail(e, VL_E_PLACE, "it does not say which item");
		return vl_hint(e, "Add item: NAME to this place in valise.conf.");
	}
	if (!vl_consumer_pick(j->c, snapshot, j->t->item, &j->items, e))
		return false;
	if (!j->items.n && j->t->item) {
		VL_STR shown = vl_safe_text(j->t->item, 64);

		return vl_fail(e, VL_E_PLACE, "the channel has no item \"%s\" for %s", shown, j->c->name);
	}
	return true;
}

static bool remember(struct rolling *r, const struct job *j, const char *what_lies_there, struct vl_err *e)
{
	vl_placed_set(&r->placed, j->key, &j->content, what_lies_there);
	return vl_placed_save(&r->placed, r->state, e);
}

/* The old tree goes before the work is called done: else nobody would come back for what a kill leaves of it. */
static bool drop_old(struct job *j, struct vl_err *e)
{
	vl_fd_closep(&j->work);
	if (!vl_remove_tree(j->base, j->work_name, e))
		return false;
	j->work_name[0] = '\0';
	return true;
}

static bool fill_target(struct rolling *r, struct job *j, struct vl_err *e)
{
	VL_STR now = NULL;

	j->key = vl_xprintf("%s:%s", j->c->name, j->t->path);
	fingerprint(j);
	if (!open_base(j, e) || !find_owner(j, e))
		return false;
	if (is_done(j))
		return true;
	/* "" before the swap: after a kill in between, the next run knows the tree as ours, and as not done */
	if (!check_old(j, e) || !open_work(j, e) || !make_tree(j, e) || !remember(r, j, "", e) || !swap_all(j, e) ||
	    !drop_old(j, e))
		return false;
	now = identity(j);
	if (!remember(r, j, now, e))
		return false;
	vl_emit_item(r->env, "place", j->t->path, 0, "filled for %s", j->c->name);
	return true;
}

static bool roll(struct rolling *r, const struct vl_target *t, struct vl_err *e)
{
	VL_CLEAN(job) j = { .r = r, .t = t, .base = -1, .work = -1 };
	const struct vl_channel *channel = NULL;
	VL_CLEAN(vl_doc) snapshot = { 0 };

	j.c = vl_consumer_find(t->consumer, e);
	if (j.c && !j.c->dir) {
		vl_fail(e, VL_E_PLACE, "nothing is placed for %s", j.c->name);
		return vl_hint(e, "Remove the entry from places: in valise.conf; see valise env %s.", j.c->name);
	}
	if (!j.c || !find_channel(&j, &channel, e))
		return false;
	if (!channel)
		return true;
	if (!vl_store_snapshot(r->store, &channel->root, channel->root_size, &snapshot, e) || !pick(&j, &snapshot, e))
		return false;
	return !j.items.n || fill_target(r, &j, e);
}

/* Full, interrupted, out of memory or descriptors: these stay what they are; all else is a fault of the place. */
static void name_target(const struct vl_target *t, struct vl_err *e)
{
	VL_STR path = vl_safe_text(t->path, 300);

	if (e->code != VL_E_NOSPACE && e->code != VL_E_INTERRUPTED && e->code != VL_E_FDS && e->code != VL_E_MEMORY)
		e->code = VL_E_PLACE;
	vl_while(e, "place %s (%s)", path, t->consumer);
	vl_found(e, path, NULL, NULL);
}

bool vl_place_targets(struct vl_store *s, const struct vl_generation *g, const struct vl_target *t, size_t n,
		      const struct vl_env *env, struct vl_err *e)
{
	VL_CLEAN(rolling) r = { .store = s, .g = g, .env = env, .blobs = -1, .state = -1 };
	struct vl_err one = VL_ERR_INIT;
	bool good = true;

	if (!n || !g->number)
		return true;
	if (!vl_mkdirs_at(vl_store_dir(s), "blobs/sha256", 0755, &r.blobs, e) ||
	    !vl_store_subdir(s, "state", &r.state, e) || !vl_placed_load(&r.placed, r.state, e))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!vl_env_go_on(env, e))
			return false;
		if (roll(&r, &t[i], &one))
			continue;
		name_target(&t[i], &one);
		if (!good)
			vl_emit_warn(env, "%s", one.msg);
		else
			*e = one;
		good = false;
	}
	return good;
}
