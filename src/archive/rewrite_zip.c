/* SPDX-License-Identifier: Apache-2.0 */
/* archive/rewrite_zip.c: a zip as upstream made it, checked and written again in one canonical form.
 * In:    a zip with a central directory; libarchive reads it from there and compares every member's CRC.
 * Out:   stored members in byte order of their names.
 * Keeps: one member and the list of names in memory, the inflated content in a file without a name; anything but plain
 *        files with safe, distinct ASCII names refuses the whole zip. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/reader.h"
#include "archive/rewrite.h"
#include "archive/rewrite_crc.h"
#include "archive/rewrite_zipfile.h"
#include "base/file.h"
#include "base/text.h"

#define SHOWN 120

struct member {
	char *name;
	uint64_t offset; /* in the spool */
	uint32_t size, crc;
};

struct rewrite {
	const struct vl_zip_limits *limits;
	vl_zip_check *check;
	void *ctx;
	struct vl_reader *r;
	int spool; /* -1: nothing is written */
	struct member *list;
	size_t n, cap;
	uint64_t total;
	struct vl_crc crc;
};

static void rewrite_clear(struct rewrite *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->list[i].name);
	free(w->list);
	vl_reader_free(w->r);
	vl_fd_closep(&w->spool);
}
VL_DEFINE_CLEAN(rewrite)

static bool open_spool(struct rewrite *w, int dir, struct vl_err *e)
{
	char name[32];

	w->spool = openat(dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (w->spool >= 0)
		return true;
	/* Not every file system can do without a name; then the name lives for a moment. */
	snprintf(name, sizeof name, ".zip-%ld", (long)getpid());
	w->spool = openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (w->spool < 0 || unlinkat(dir, name, 0))
		return vl_fail_os(e, "make a temporary file for the content of a zip");
	return true;
}

static bool is_ascii(const char *s)
{
	for (; *s; s++)
		if (*s < 0x20 || *s > 0x7e)
			return false;
	return true;
}

static bool member_is_allowed(struct rewrite *w, struct archive_entry *entry, const char *name, struct vl_err *e)
{
	VL_STR shown = vl_safe_text(name, SHOWN);

	if (archive_entry_is_encrypted(entry))
		return vl_fail(e, VL_E_CONTENT, "member %s is encrypted", shown);
	if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry))
		return vl_fail(e, VL_E_CONTENT, "member %s is not a regular file", shown);
	if (!is_ascii(name) || !vl_path_is_safe(name))
		return vl_fail(e, VL_E_CONTENT, "member %s has a name that is not accepted", shown);
	if (w->n >= w->limits->members)
		return vl_fail(e, VL_E_LIMIT, "more than %llu members", (unsigned long long)w->limits->members);
	return true;
}

static bool keep(struct rewrite *w, const char *name, struct vl_bytes content, struct vl_err *e)
{
	struct member *m;

	if (content.len > w->limits->total_size - w->total)
		return vl_fail(e, VL_E_LIMIT, "more than %llu bytes of content",
			       (unsigned long long)w->limits->total_size);
	if (w->spool >= 0 && !vl_write_all(w->spool, content, e))
		return vl_while(e, "temporary file for the content of a zip");
	vl_crc_restart(&w->crc);
	vl_crc_add(&w->crc, content);
	vl_grow(&w->list, w->n, &w->cap, sizeof *w->list);
	m = &w->list[w->n++];
	*m = (struct member){ vl_xstrdup(name), w->total, (uint32_t)content.len, vl_crc_end(&w->crc) };
	w->total += content.len;
	return true;
}

static bool take_member(struct rewrite *w, struct archive_entry *entry, struct vl_buf *content, struct vl_err *e)
{
	const char *name = archive_entry_pathname(entry);
	VL_STR shown = NULL;

	if (!name)
		return vl_fail(e, VL_E_CONTENT, "a member's name cannot be read");
	if (archive_entry_filetype(entry) == AE_IFDIR)
		return true;
	if (!member_is_allowed(w, entry, name, e))
		return false;
	shown = vl_safe_text(name, SHOWN);
	vl_buf_reset(content);
	if (!vl_reader_slurp(w->r, content, shown, e))
		return false;
	if (w->check && !w->check(w->ctx, name, vl_buf_bytes(content), e))
		return vl_while(e, "%s", shown);
	return keep(w, name, vl_buf_bytes(content), e);
}

static bool read_zip(struct rewrite *w, struct vl_err *e)
{
	uint64_t max = w->limits->member_size < UINT32_MAX - 1 ? w->limits->member_size : UINT32_MAX - 1;
	VL_CLEAN(vl_buf) content = VL_BUF_INIT((size_t)max);
	struct archive_entry *entry;
	int rc;

	/* Only by the central directory: members that it does not list do not exist for the clients either. */
	archive_read_support_format_zip_seekable(w->r->a);
	if (!vl_reader_start(w->r, e))
		return false;
	while ((rc = archive_read_next_header(w->r->a, &entry)) == ARCHIVE_OK)
		if (!take_member(w, entry, &content, e))
			return false;
	/* ARCHIVE_WARN too: the two headers of a member disagree, or its name is in a strange character set. */
	return rc == ARCHIVE_EOF || vl_reader_fail(w->r, "read the zip", e);
}

static int by_name(const void *a, const void *b)
{
	const struct member *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static bool sort_members(struct rewrite *w, struct vl_err *e)
{
	if (w->n)
		qsort(w->list, w->n, sizeof *w->list, by_name);
	for (size_t i = 1; i < w->n; i++)
		if (!strcmp(w->list[i - 1].name, w->list[i].name))
			return vl_fail(e, VL_E_CONTENT, "the member %s is there twice", w->list[i].name);
	return true;
}

static bool copy_content(struct rewrite *w, const struct member *m, struct vl_zipfile *z, struct vl_err *e)
{
	uint8_t block[32 * 1024];
	uint64_t done = 0;

	while (done < m->size) {
		size_t want = m->size - done < sizeof block ? (size_t)(m->size - done) : sizeof block;
		ssize_t got = pread(w->spool, block, want, (off_t)(m->offset + done));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return vl_fail_os(e, "read back the temporary file of a zip");
		if (!got)
			return vl_fail(e, VL_E_IO, "the temporary file of a zip became shorter");
		if (!vl_zipfile_add(z, vl_bytes(block, (size_t)got), e))
			return false;
		done += (uint64_t)got;
	}
	return true;
}

static bool write_zip(struct rewrite *w, int out, struct vl_err *e)
{
	VL_CLEAN(vl_zipfile) z = VL_ZIPFILE_INIT(out);

	for (size_t i = 0; i < w->n; i++) {
		const struct member *m = &w->list[i];

		if (!vl_zipfile_member(&z, m->name, m->crc, m->size, e) || !copy_content(w, m, &z, e))
			return vl_while(e, "write the zip");
	}
	return vl_zipfile_end(&z, e) || vl_while(e, "write the zip");
}

bool vl_zip_rewrite(int fd, int out, int spool_dir, const struct vl_zip_limits *limits, vl_zip_check *check, void *ctx,
		    uint64_t *members, struct vl_err *e)
{
	VL_CLEAN(rewrite) w = { .limits = limits, .check = check, .ctx = ctx, .spool = -1 };

	vl_crc_init(&w.crc);
	if (lseek(fd, 0, SEEK_SET))
		return vl_fail_os(e, "read the zip from its start");
	if (!vl_reader_new(&w.r, fd, e) || (out >= 0 && !open_spool(&w, spool_dir, e)))
		return false;
	if (!read_zip(&w, e) || !sort_members(&w, e) || (out >= 0 && !write_zip(&w, out, e)))
		return false;
	if (members)
		*members = w.n;
	return true;
}
