/* SPDX-License-Identifier: Apache-2.0 */
/* media/find.c: which bundles lie here?
 * In:    a path that the operator named: a bundle, or a medium with bundles on it.
 * Out:   open directories. Nothing in them was read yet.
 * Keeps: only the path the operator typed may be a symlink; below it no link is followed, because the medium is hostile
 *        and a link on it could point into this host. */
#include "media/carried.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"

#define LOOKED_AT_MAX 256

struct search {
	struct vl_carried_list *list;
	const struct vl_env *env;
	const char *path;
	int dir;
	unsigned looked_at;
	size_t found;
	char *unfinished; /* the first one, or NULL */
};

static void carried_free(struct vl_carried *c)
{
	vl_fd_closep(&c->dir);
	free(c->path);
	free(c);
}

void vl_carried_list_clear(struct vl_carried_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		carried_free(l->item[i]);
	free(l->item);
	*l = (struct vl_carried_list){ .item = NULL };
}

const char *vl_carried_path(const struct vl_carried *c)
{
	return c->path;
}

static bool has(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static void add(struct search *s, char *path, int *dir)
{
	struct vl_carried *c = vl_xcalloc(1, sizeof *c);

	c->path = path;
	c->dir = vl_fd_steal(dir);
	vl_grow(&s->list->item, s->list->n, &s->list->cap, sizeof(struct vl_carried *));
	s->list->item[s->list->n++] = c;
	s->found++;
}

static void note_unfinished(struct search *s, char *path)
{
	VL_STR owned = path;

	vl_emit_warn(s->env, "%s has parcels but no waybill.json: an unfinished bundle, passed over", path);
	if (!s->unfinished)
		s->unfinished = vl_steal(&owned);
}

/* True when the directory is a bundle or the rest of one. */
static bool look(struct search *s, const char *path, int *dir)
{
	if (has(*dir, VL_WAYBILL_NAME))
		add(s, vl_xstrdup(path), dir);
	else if (has(*dir, VL_PARCELS_NAME))
		note_unfinished(s, vl_xstrdup(path));
	else
		return false;
	return true;
}

static bool look_below(void *ctx, const char *name, struct vl_err *e)
{
	struct search *s = ctx;
	VL_FD dir = openat(s->dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	VL_STR path = NULL;

	if (dir < 0)
		return errno == EMFILE || errno == ENFILE ? vl_fail_os(e, "open %s/%s", s->path, name) : true;
	if (++s->looked_at > LOOKED_AT_MAX) {
		if (s->looked_at == LOOKED_AT_MAX + 1)
			vl_emit_warn(s->env, "%s has more than %d directories; name the bundle's own", s->path,
				     LOOKED_AT_MAX);
		return true;
	}
	path = vl_xprintf("%s/%s", s->path, name);
	look(s, path, &dir);
	return true;
}

static bool none_here(const struct search *s, struct vl_err *e)
{
	if (!s->unfinished) {
		vl_fail(e, VL_E_NO_BUNDLE, "%s: there is no waybill.json in it or in its directories", s->path);
		return vl_found(e, s->path, NULL, NULL);
	}
	vl_fail(e, VL_E_VOLUME, "%s has parcels but no waybill.json: it was not written to the end", s->unfinished);
	vl_found(e, s->unfinished, NULL, NULL);
	return vl_hint(e, "Ask the sender to pack again and to remove the medium only after valise says it may.");
}

static bool open_path(const char *path, int *dir, struct vl_err *e)
{
	if (!strcmp(path, "-")) {
		vl_fail(e, VL_E_USAGE, "standard input cannot be read as a bundle; this version reads directories");
		return vl_hint(e, "Unpack the stream with tar into a directory and name that.");
	}
	*dir = open(path, O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC);
	if (*dir >= 0)
		return true;
	if (errno == ENOENT) {
		vl_fail(e, VL_E_ABSENT, "%s does not exist", path);
		return vl_hint(e, "Is the medium mounted? Check the path.");
	}
	if (errno == ENOTDIR) {
		vl_fail(e, VL_E_USAGE, "%s is not a directory; this version reads directories", path);
		return vl_hint(e, "Name the directory that holds waybill.json. A .tar is opened with tar first.");
	}
	return vl_fail_os(e, "open %s", path);
}

bool vl_media_find(struct vl_carried_list *l, const char *path, const struct vl_env *env, struct vl_err *e)
{
	struct search s = { .list = l, .env = env, .path = path };
	VL_FD dir = -1;
	VL_STR unfinished = NULL;
	bool good;

	if (!open_path(path, &dir, e))
		return false;
	s.dir = dir;
	good = look(&s, path, &dir) || vl_each_entry(dir, look_below, &s, e);
	unfinished = s.unfinished;
	if (!good)
		return vl_while(e, "%s", path);
	return s.found ? true : none_here(&s, e);
}
