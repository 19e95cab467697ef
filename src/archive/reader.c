/* SPDX-License-Identifier: Apache-2.0 */
/* archive/reader.c: libarchive's callbacks, once.
 * In:    a seekable descriptor.
 * Out:   an opened struct archive, and its complaints as our errors.
 * Keeps: the descriptor's own offset is not moved; an I/O error is not mistaken for a bad archive. */
#include "archive/reader.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

static la_ssize_t read_block(struct archive *a, void *ctx, const void **data)
{
	struct vl_reader *r = ctx;
	ssize_t got;

	do
		got = pread(r->fd, r->block, sizeof r->block, (off_t)(r->base + r->at));
	while (got < 0 && errno == EINTR);
	if (got < 0) {
		r->error = errno;
		archive_set_error(a, errno, "reading failed");
		return -1;
	}
	r->at += (uint64_t)got;
	*data = r->block;
	return got;
}

static la_int64_t seek_to(struct archive *a, void *ctx, la_int64_t offset, int whence)
{
	struct vl_reader *r = ctx;
	int64_t from = whence == SEEK_SET ? 0 : (int64_t)(whence == SEEK_CUR ? r->at : r->size), to;

	if (__builtin_add_overflow(from, offset, &to) || to < 0 || (uint64_t)to > r->size) {
		archive_set_error(a, EINVAL, "an offset lies outside the file");
		return ARCHIVE_FATAL;
	}
	r->at = (uint64_t)to;
	return to;
}

static la_int64_t skip_bytes(struct archive *a, void *ctx, la_int64_t want)
{
	struct vl_reader *r = ctx;
	uint64_t left = r->size > r->at ? r->size - r->at : 0, step = want < 0 ? 0 : (uint64_t)want;

	(void)a;
	/* Never beyond the end: a member that claims more than there is must end in a failed read. */
	step = step < left ? step : left;
	r->at += step;
	return (la_int64_t)step;
}

bool vl_reader_new(struct vl_reader **out, int fd, struct vl_err *e)
{
	VL_AUTO(vl_reader) r = vl_xcalloc(1, sizeof *r);
	off_t base = lseek(fd, 0, SEEK_CUR);
	struct stat st;

	if (base < 0 || fstat(fd, &st))
		return vl_fail_os(e, "read an archive");
	r->fd = fd;
	r->base = (uint64_t)base;
	r->size = st.st_size > base ? (uint64_t)(st.st_size - base) : 0;
	r->a = archive_read_new();
	if (!r->a)
		return vl_fail(e, VL_E_MEMORY, "no memory to read an archive");
	*out = vl_steal(&r);
	return true;
}

bool vl_reader_start(struct vl_reader *r, struct vl_err *e)
{
	archive_read_set_read_callback(r->a, read_block);
	archive_read_set_seek_callback(r->a, seek_to);
	archive_read_set_skip_callback(r->a, skip_bytes);
	archive_read_set_callback_data(r->a, r);
	return archive_read_open1(r->a) == ARCHIVE_OK || vl_reader_fail(r, "open the archive", e);
}

void vl_reader_free(struct vl_reader *r)
{
	if (!r)
		return;
	archive_read_free(r->a);
	free(r);
}

bool vl_reader_fail(struct vl_reader *r, const char *what, struct vl_err *e)
{
	const char *text = archive_error_string(r->a);
	VL_STR shown = vl_safe_text(text ? text : "it is damaged or cut short", 200);

	if (r->error) {
		errno = r->error;
		return vl_fail_os(e, "%s", what);
	}
	if (archive_errno(r->a) == ENOMEM)
		return vl_fail(e, VL_E_MEMORY, "%s: %s", what, shown);
	return vl_fail(e, VL_E_CONTENT, "%s: %s", what, shown);
}

bool vl_reader_slurp(struct vl_reader *r, struct vl_buf *b, const char *what, struct vl_err *e)
{
	la_ssize_t got;
	uint8_t *at, probe;

	while (b->len < b->max) {
		size_t room = b->max - b->len < VL_READER_BLOCK ? b->max - b->len : VL_READER_BLOCK;

		if (!vl_buf_room(b, room, &at, e))
			return false;
		got = archive_read_data(r->a, at, room);
		if (got < 0)
			return vl_reader_fail(r, what, e);
		b->len += (size_t)got;
		b->data[b->len] = 0;
		if (!got)
			return true;
	}
	/* Full: the end must come now; asking for it also lets libarchive compare the checksum. */
	got = archive_read_data(r->a, &probe, 1);
	if (got < 0)
		return vl_reader_fail(r, what, e);
	if (got)
		return vl_fail(e, VL_E_LIMIT, "%s: longer than the limit of %zu bytes", what, b->max);
	return true;
}
