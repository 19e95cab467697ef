/* SPDX-License-Identifier: Apache-2.0 */
/* archive/tarwrite.c: tar archives by libarchive, and zstd files undone by it.
 * In:    names and bytes from valise.
 * Out:   an archive on a descriptor, which may be a pipe.
 * Keeps: no clock and no user of this machine in it; a full disk is told as such, not as libarchive's complaint. */
#include "archive/tarwrite.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "archive/reader.h"
#include "base/file.h"

struct vl_tarwrite {
	struct archive *a;
	int fd;
	uint64_t left;     /* bytes that the current file still lacks */
	struct vl_err err; /* of a failed write */
	bool dropped;      /* nothing more may be written */
};

static la_ssize_t write_out(struct archive *a, void *ctx, const void *data, size_t len)
{
	struct vl_tarwrite *t = ctx;

	if (!t->dropped && vl_write_all(t->fd, vl_bytes(data, len), &t->err))
		return (la_ssize_t)len;
	archive_set_error(a, EIO, "writing failed");
	return -1;
}

static bool failed(struct vl_tarwrite *t, struct vl_err *e)
{
	const char *text = archive_error_string(t->a);

	if (!t->err.code)
		return vl_fail(e, VL_E_INTERNAL, "write an archive: %s", text ? text : "it cannot be written");
	*e = t->err;
	return vl_while(e, "write the archive");
}

bool vl_tarwrite_open(struct vl_tarwrite **out, int fd, struct vl_err *e)
{
	VL_AUTO(vl_tarwrite) t = vl_xcalloc(1, sizeof *t);

	t->fd = fd;
	t->a = archive_write_new();
	if (!t->a)
		return vl_fail(e, VL_E_MEMORY, "no memory to write an archive");
	if (archive_write_set_format_pax_restricted(t->a) != ARCHIVE_OK ||
	    archive_write_set_bytes_per_block(t->a, 10240) != ARCHIVE_OK ||
	    archive_write_open(t->a, t, NULL, write_out, NULL) != ARCHIVE_OK)
		return failed(t, e);
	*out = vl_steal(&t);
	return true;
}

void vl_tarwrite_free(struct vl_tarwrite *t)
{
	if (!t)
		return;
	/* archive_write_free() would fill the file up and write the end mark of an archive that is not whole; after
	 * archive_write_fail() it would not free everything. */
	t->dropped = true;
	archive_write_free(t->a);
	free(t);
}

static bool put_header(struct vl_tarwrite *t, const char *name, unsigned type, unsigned mode, uint64_t size,
		       struct vl_err *e)
{
	struct archive_entry *entry = archive_entry_new();
	bool good;

	if (!entry)
		return vl_fail(e, VL_E_MEMORY, "no memory to write an archive");
	archive_entry_set_pathname(entry, name);
	archive_entry_set_filetype(entry, type);
	archive_entry_set_perm(entry, mode);
	archive_entry_set_size(entry, (la_int64_t)size);
	archive_entry_set_mtime(entry, 0, 0);
	good = archive_write_header(t->a, entry) == ARCHIVE_OK;
	archive_entry_free(entry);
	t->left = size;
	return good || failed(t, e);
}

bool vl_tarwrite_dir(struct vl_tarwrite *t, const char *name, struct vl_err *e)
{
	return put_header(t, name, AE_IFDIR, 0755, 0, e);
}

bool vl_tarwrite_file(struct vl_tarwrite *t, const char *name, uint64_t size, struct vl_err *e)
{
	return put_header(t, name, AE_IFREG, 0644, size, e);
}

bool vl_tarwrite_add(struct vl_tarwrite *t, struct vl_bytes b, struct vl_err *e)
{
	/* libarchive would cut what is too much, and say nothing. */
	if (b.len > t->left)
		return vl_fail(e, VL_E_INTERNAL, "a file of an archive is longer than was said");
	for (size_t at = 0; at < b.len;) {
		la_ssize_t got = archive_write_data(t->a, b.data + at, b.len - at);

		if (got <= 0)
			return failed(t, e);
		at += (size_t)got;
	}
	t->left -= b.len;
	return true;
}

bool vl_tarwrite_whole(struct vl_tarwrite *t, const char *name, struct vl_bytes b, struct vl_err *e)
{
	return vl_tarwrite_file(t, name, b.len, e) && vl_tarwrite_add(t, b, e);
}

bool vl_tarwrite_end(struct vl_tarwrite *t, struct vl_err *e)
{
	return archive_write_close(t->a) == ARCHIVE_OK || failed(t, e);
}

/* ---- zstd ---- */
static bool each_piece(struct vl_reader *r, vl_piece_fn *f, void *ctx, const char *what, struct vl_err *e)
{
	struct archive_entry *entry;
	const void *data;
	size_t len;
	la_int64_t offset;
	int got = archive_read_next_header(r->a, &entry);

	if (got == ARCHIVE_EOF)
		return true;
	if (got != ARCHIVE_OK)
		return vl_reader_fail(r, what, e);
	while ((got = archive_read_data_block(r->a, &data, &len, &offset)) == ARCHIVE_OK)
		if (!f(ctx, vl_bytes(data, len), e))
			return false;
	return got == ARCHIVE_EOF || vl_reader_fail(r, what, e);
}

bool vl_unzstd(int fd, vl_piece_fn *f, void *ctx, const char *what, struct vl_err *e)
{
	VL_AUTO(vl_reader) r = NULL;

	if (lseek(fd, 0, SEEK_SET) < 0)
		return vl_fail_os(e, "%s", what);
	if (!vl_reader_new(&r, fd, e))
		return false;
	archive_read_support_filter_zstd(r->a);
	archive_read_support_format_raw(r->a);
	return vl_reader_start(r, e) && each_piece(r, f, ctx, what, e);
}
