/* SPDX-License-Identifier: Apache-2.0 */
/* base/dir.c: make, open, list and remove directories.
 * Keeps: below an open directory no step follows a symlink, so that nobody who can write there can lead us elsewhere
 * between two calls. */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

#define OPEN_DIR (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

bool vl_mkdirs(const char *path, mode_t mode, struct vl_err *e)
{
	VL_STR work = vl_xstrdup(path);
	struct stat st;

	for (char *at = work; *at; at++) {
		if (*at != '/' || at == work)
			continue;
		*at = '\0';
		if (mkdir(work, mode) < 0 && errno != EEXIST && stat(work, &st) < 0)
			return vl_fail_name(e, "make directory", work);
		*at = '/';
	}
	if (mkdir(work, mode) < 0 && (errno != EEXIST || stat(work, &st) < 0))
		return vl_fail_name(e, "make directory", work);
	if (stat(work, &st) < 0)
		return vl_fail_name(e, "look at", work);
	if (!S_ISDIR(st.st_mode)) {
		errno = ENOTDIR;
		return vl_fail_name(e, "make directory", work);
	}
	return true;
}

/* Makes and opens one step below *at, and goes there. */
static bool mkdir_step(int *at, const char *step, mode_t mode, struct vl_err *e)
{
	VL_FD next = -1;

	if (mkdirat(*at, step, mode) < 0 && errno != EEXIST)
		return vl_fail_name(e, "make directory", step);
	next = openat(*at, step, OPEN_DIR | O_NOFOLLOW);
	if (next < 0)
		return vl_fail_name(e, "open directory", step);
	vl_fd_closep(at);
	*at = vl_fd_steal(&next);
	return true;
}

bool vl_mkdirs_at(int dir, const char *rel, mode_t mode, int *fd, struct vl_err *e)
{
	VL_STR work = vl_xstrdup(rel);
	VL_FD at = openat(dir, ".", OPEN_DIR);
	char *rest = work, *step;

	if (at < 0)
		return vl_fail_os(e, "open directory");
	if (!strcmp(rel, "."))
		*rest = '\0';
	if (*rest && !vl_path_is_safe(rel)) {
		VL_STR shown = vl_safe_text(rel, 300);

		return vl_fail(e, VL_E_POLICY, "make directory %s: the path is not plain and relative", shown);
	}
	while (*rest) {
		step = strsep(&rest, "/");
		if (!mkdir_step(&at, step, mode, e))
			return false;
		if (!rest)
			break;
	}
	if (fd)
		*fd = vl_fd_steal(&at);
	return true;
}

bool vl_open_dir(int dir, const char *name, int *fd, struct vl_err *e)
{
	int opened = openat(dir, name, OPEN_DIR | O_NOFOLLOW);

	if (opened < 0)
		return vl_fail_name(e, "open directory", name);
	*fd = opened;
	return true;
}

/* Names of a directory, so that what is done to the entries cannot disturb the listing. */
struct names {
	char **name;
	size_t count, cap;
};

static void names_clear(struct names *n)
{
	for (size_t i = 0; i < n->count; i++)
		free(n->name[i]);
	free(n->name);
}
VL_DEFINE_CLEAN(names)

static bool read_names(DIR *d, struct names *n, struct vl_err *e)
{
	struct dirent *entry;

	for (;;) {
		errno = 0;
		entry = readdir(d);
		if (!entry && errno)
			return vl_fail_os(e, "list directory");
		if (!entry)
			return true;
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		vl_grow(&n->name, n->count, &n->cap, sizeof *n->name);
		n->name[n->count++] = vl_xstrdup(entry->d_name);
	}
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

bool vl_each_entry(int dir, bool (*f)(void *ctx, const char *name, struct vl_err *e), void *ctx, struct vl_err *e)
{
	VL_CLEAN(names) names = { .name = NULL };
	int fd = openat(dir, ".", OPEN_DIR); /* an own place in the listing */
	DIR *d;
	bool good;

	if (fd < 0)
		return vl_fail_os(e, "open directory");
	d = fdopendir(fd);
	if (!d) {
		vl_fail_os(e, "list directory");
		close(fd);
		return false;
	}
	good = read_names(d, &names, e);
	closedir(d);
	if (!good)
		return false;
	if (names.count > 1)
		qsort(names.name, names.count, sizeof *names.name, by_bytes);
	for (size_t i = 0; i < names.count; i++)
		if (!f(ctx, names.name[i], e))
			return false;
	return true;
}

/* Opens a directory that is to be emptied, and gives us the right to do so when we own it. */
static bool open_to_empty(int dir, const char *name, int *fd, struct vl_err *e)
{
	VL_FD opened = openat(dir, name, OPEN_DIR | O_NOFOLLOW);
	struct stat st;

	if (opened < 0 && errno == EACCES && fchmodat(dir, name, 0700, AT_SYMLINK_NOFOLLOW) == 0)
		opened = openat(dir, name, OPEN_DIR | O_NOFOLLOW);
	if (opened < 0)
		return vl_fail_name(e, "open directory", name);
	if (fstat(opened, &st) < 0)
		return vl_fail_name(e, "look at", name);
	if ((st.st_mode & S_IRWXU) != S_IRWXU && fchmod(opened, (st.st_mode & 07777) | S_IRWXU) < 0)
		return vl_fail_name(e, "change the rights of", name);
	*fd = vl_fd_steal(&opened);
	return true;
}

static bool remove_entry(void *ctx, const char *name, struct vl_err *e)
{
	const int *dir = ctx;

	return vl_remove_tree(*dir, name, e);
}

bool vl_remove_tree(int dir, const char *name, struct vl_err *e)
{
	VL_FD fd = -1;

	if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
		return true;
	if (errno != EISDIR && errno != EPERM)
		return vl_fail_name(e, "remove", name);
	if (!open_to_empty(dir, name, &fd, e))
		return false;
	if (!vl_each_entry(fd, remove_entry, &fd, e)) {
		VL_STR shown = vl_safe_text(name, 100);

		return vl_while(e, "%s", shown);
	}
	if (unlinkat(dir, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return vl_fail_name(e, "remove directory", name);
	return true;
}
