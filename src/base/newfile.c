/* SPDX-License-Identifier: Apache-2.0 */
/* base/newfile.c: a file that others see whole or not at all.
 * Keeps: the bytes are on the disk before the name is, and the name is before commit says so. A crash leaves behind a
 * ".valise-*.tmp" beside the target, never half a file under the target's name. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRIES 16

/* How many bytes of name are the directory part, with its last slash. */
static int folder_len(const char *name)
{
	const char *slash = strrchr(name, '/');

	return slash ? (int)(slash + 1 - name) : 0;
}

bool vl_newfile_open(struct vl_newfile *f, int dir, const char *name, mode_t mode, struct vl_err *e)
{
	uint64_t salt;

	if (strlen(name) >= sizeof f->name) {
		errno = ENAMETOOLONG;
		return vl_fail_name(e, "create", name);
	}
	for (unsigned i = 0; i < TRIES; i++) {
		if (getrandom(&salt, sizeof salt, 0) != (ssize_t)sizeof salt)
			return vl_fail_os(e, "ask for random bytes");
		/* Random, not counted: a guessable name in a shared directory can be occupied in advance. */
		snprintf(f->temp, sizeof f->temp, "%.*s.valise-%016" PRIx64 ".tmp", folder_len(name), name, salt);
		f->fd = openat(dir, f->temp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
		if (f->fd >= 0 || errno != EEXIST)
			break;
	}
	if (f->fd < 0) {
		f->temp[0] = '\0';
		return vl_fail_name(e, "create", name);
	}
	/* Whatever the umask says: what is for all must be readable by all. Not every file system knows rights. */
	(void)fchmod(f->fd, mode);
	f->dir = dir;
	memcpy(f->name, name, strlen(name) + 1);
	return true;
}

static bool open_folder(const struct vl_newfile *f, int *fd, struct vl_err *e)
{
	char folder[sizeof f->name] = ".";
	int len = folder_len(f->name);

	if (len > 0)
		snprintf(folder, sizeof folder, "%.*s", len, f->name);
	*fd = openat(f->dir, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*fd < 0)
		return vl_fail_name(e, "open the directory of", f->name);
	return true;
}

/* renameat2(RENAME_NOREPLACE), and what comes nearest where the file system (exFAT, FUSE, NFS) does not know it. */
static int rename_new(const struct vl_newfile *f)
{
	struct stat st;

	if (renameat2(f->dir, f->temp, f->dir, f->name, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	if (fstatat(f->dir, f->name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		errno = EEXIST;
		return -1;
	}
	return errno == ENOENT ? renameat(f->dir, f->temp, f->dir, f->name) : -1;
}

static bool commit(struct vl_newfile *f, bool replace, struct vl_err *e)
{
	VL_FD folder = -1;
	int failed;

	if (f->fd < 0)
		return vl_fail(e, VL_E_INTERNAL, "commit of a file that is not open");
	/* The folder is opened first, so that no lack of descriptors can stop us behind the rename. */
	if (!vl_fsync(f->fd, f->name, e) || !open_folder(f, &folder, e))
		return false;
	failed = replace ? renameat(f->dir, f->temp, f->dir, f->name) : rename_new(f);
	if (failed && errno == EEXIST && !replace) {
		vl_fail_name(e, "create", f->name);
		e->code = VL_E_EXISTS;
		return false;
	}
	if (failed)
		return vl_fail_name(e, "rename to", f->name);
	f->temp[0] = '\0';
	vl_fd_closep(&f->fd);
	/* EINVAL: this file system cannot sync a directory, and so promises nothing we could ask for. */
	if (fsync(folder) < 0 && errno != EINVAL)
		return vl_fail_name(e, "flush to the disk the directory of", f->name);
	return true;
}

bool vl_newfile_commit(struct vl_newfile *f, struct vl_err *e)
{
	return commit(f, true, e);
}

bool vl_newfile_commit_new(struct vl_newfile *f, struct vl_err *e)
{
	return commit(f, false, e);
}

void vl_newfile_clear(struct vl_newfile *f)
{
	int err = errno;

	if (f->temp[0])
		unlinkat(f->dir, f->temp, 0);
	f->temp[0] = '\0';
	vl_fd_closep(&f->fd);
	f->dir = -1;
	errno = err;
}
