/* SPDX-License-Identifier: Apache-2.0 */
/* base/file.c: read, write, make and list, through short I/O and EINTR.
 * In:    an open directory and a name in it. Out: descriptors that children do not inherit.
 * Keeps: no open blocks or leaves the tree: a name on a medium may be a FIFO that never answers, or a link. A failed
 * fsync is never tried again: the kernel has forgotten the lost pages, and a second call would claim success. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/text.h"

#define READ_STEP 65536

bool vl_fail_name(struct vl_err *e, const char *verb, const char *name)
{
	int err = errno;
	VL_STR shown = vl_safe_text(name, 300);

	errno = err;
	return vl_fail_os(e, "%s %s", verb, shown);
}

bool vl_write_all(int fd, struct vl_bytes b, struct vl_err *e)
{
	ssize_t n;

	while (b.len > 0) {
		n = write(fd, b.data, b.len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return vl_fail_os(e, "write");
		b.data += n;
		b.len -= (size_t)n;
	}
	return true;
}

bool vl_pwrite_all(int fd, struct vl_bytes b, uint64_t offset, struct vl_err *e)
{
	ssize_t n;

	if (offset > INT64_MAX || b.len > INT64_MAX - offset)
		return vl_fail(e, VL_E_LIMIT, "write: offset %llu is too large", (unsigned long long)offset);
	while (b.len > 0) {
		n = pwrite(fd, b.data, b.len, (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return vl_fail_os(e, "write");
		b.data += n;
		b.len -= (size_t)n;
		offset += (uint64_t)n;
	}
	return true;
}

bool vl_read_full(int fd, void *into, size_t len, size_t *got, struct vl_err *e)
{
	uint8_t *at = into;
	ssize_t n;

	for (*got = 0; *got < len; *got += (size_t)n) {
		n = read(fd, at + *got, len - *got);
		if (n == 0)
			return true;
		if (n < 0 && errno != EINTR)
			return vl_fail_os(e, "read");
		if (n < 0)
			n = 0;
	}
	return true;
}

static bool fail_kind(struct vl_err *e, const char *name, const char *kind)
{
	VL_STR shown = vl_safe_text(name, 300);

	vl_fail(e, VL_E_FORMAT, "%s is %s, not a regular file", shown, kind);
	return vl_found(e, shown, kind, "a regular file");
}

static const char *kind_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return "a directory";
	case S_IFIFO:
		return "a FIFO";
	case S_IFLNK:
		return "a symbolic link";
	default:
		return "a device or a socket";
	}
}

bool vl_open_regular(int dir, const char *name, int *fd, uint64_t *size, struct vl_err *e)
{
	VL_FD opened = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;

	if (opened < 0 && errno == ELOOP)
		return fail_kind(e, name, kind_of(S_IFLNK));
	if (opened < 0 && errno == ENXIO)
		return fail_kind(e, name, kind_of(S_IFSOCK));
	if (opened < 0)
		return vl_fail_name(e, "open", name);
	if (fstat(opened, &st) < 0)
		return vl_fail_name(e, "look at", name);
	if (!S_ISREG(st.st_mode))
		return fail_kind(e, name, kind_of(st.st_mode));
	if (size)
		*size = (uint64_t)st.st_size;
	*fd = vl_fd_steal(&opened);
	return true;
}

/* Reads fd to its end. The size is a hint only: a file may grow while it is read. */
static bool load_open(int fd, uint64_t size, struct vl_buf *b, struct vl_err *e)
{
	size_t want, got;
	uint8_t *at, probe;

	for (;;) {
		want = b->len == 0 && size < b->max ? (size_t)size + 1 : READ_STEP;
		if (want > b->max - b->len)
			want = b->max - b->len;
		if (want == 0)
			break;
		if (!vl_buf_room(b, want, &at, e) || !vl_read_full(fd, at, want, &got, e))
			return false;
		b->len += got;
		b->data[b->len] = 0;
		if (got < want)
			return true;
	}
	if (!vl_read_full(fd, &probe, 1, &got, e))
		return false;
	if (got > 0)
		return vl_fail(e, VL_E_LIMIT, "longer than the limit of %zu bytes", b->max);
	return true;
}

bool vl_load_file(int dir, const char *name, struct vl_buf *b, bool *absent, struct vl_err *e)
{
	VL_FD fd = -1;
	uint64_t size;
	bool good;

	vl_buf_reset(b);
	if (absent)
		*absent = false;
	if (!vl_open_regular(dir, name, &fd, &size, e)) {
		if (!absent || errno != ENOENT || e->code != VL_E_IO)
			return false;
		*absent = true;
		e->code = VL_OK;
		e->msg[0] = '\0';
		return true;
	}
	if (size > b->max)
		good = vl_fail(e, VL_E_LIMIT, "%llu bytes are more than the limit of %zu", (unsigned long long)size,
			       b->max);
	else
		good = load_open(fd, size, b, e);
	if (!good) {
		VL_STR shown = vl_safe_text(name, 300);

		vl_while(e, "%s", shown);
		return vl_found(e, shown, NULL, NULL);
	}
	return true;
}

bool vl_save_file(int dir, const char *name, mode_t mode, struct vl_bytes data, struct vl_err *e)
{
	VL_CLEAN(vl_newfile) f = VL_NEWFILE_INIT;

	if (!vl_newfile_open(&f, dir, name, mode, e))
		return false;
	if (!vl_write_all(f.fd, data, e)) {
		VL_STR shown = vl_safe_text(name, 300);

		return vl_while(e, "%s", shown);
	}
	return vl_newfile_commit(&f, e);
}

bool vl_fsync(int fd, const char *what, struct vl_err *e)
{
	if (fsync(fd) < 0)
		return vl_fail_name(e, "flush to the disk", what);
	return true;
}

bool vl_free_space(int fd, uint64_t *bytes, struct vl_err *e)
{
	struct statvfs st;

	if (fstatvfs(fd, &st) < 0)
		return vl_fail_os(e, "ask for free space");
	if (__builtin_mul_overflow((uint64_t)st.f_bavail, (uint64_t)st.f_frsize, bytes))
		*bytes = UINT64_MAX;
	return true;
}
