/* SPDX-License-Identifier: Apache-2.0 */
/* archive/extract.c: files out of an archive, for places.
 * In:    an archive whose bytes were verified, but whose author was not: a scanner's database, a set of rules.
 * Out:   regular files and directories below dir.
 * Keeps: libarchive only parses; it never touches the disk. Every name is checked and every file is created here, below
 *        dir, following no link, replacing nothing. */
#include "archive/extract.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <locale.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "archive/reader.h"
#include "base/file.h"
#include "base/text.h"

#define NAME_MAX_LEN 1024
#define SHOWN 200

struct extraction {
	struct vl_extract *x;
	struct vl_reader *r;
	int dir;
	uint64_t members;
	bool *found; /* one per name in x->only */
};

static void extraction_clear(struct extraction *t)
{
	vl_reader_free(t->r);
	free(t->found);
}
VL_DEFINE_CLEAN(extraction)

/* libarchive converts names to the locale's character set and loses those of a zip where that is ASCII. This thread
 * speaks UTF-8 for a while; where there is no such locale, such names are refused. */
struct utf8_scope {
	locale_t ours, before;
};

static void utf8_begin(struct utf8_scope *u)
{
	u->ours = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	if (u->ours)
		u->before = uselocale(u->ours);
}

static void utf8_scope_clear(struct utf8_scope *u)
{
	if (!u->ours)
		return;
	uselocale(u->before);
	freelocale(u->ours);
}
VL_DEFINE_CLEAN(utf8_scope)

/* libarchive answers ARCHIVE_WARN where it would run a program to decompress: that is refused. */
static bool built_in(int rc, const char *kind, struct vl_err *e)
{
	if (rc == ARCHIVE_OK)
		return true;
	return vl_fail(e, VL_E_CONTENT, "this host's libarchive cannot read %s itself", kind);
}

static bool open_archive(struct vl_reader **out, int fd, bool tar_only, struct vl_err *e)
{
	VL_AUTO(vl_reader) r = NULL;

	if (!vl_reader_new(&r, fd, e) || !built_in(archive_read_support_filter_gzip(r->a), "gzip", e) ||
	    !built_in(archive_read_support_filter_zstd(r->a), "zstd", e) ||
	    !built_in(archive_read_support_filter_xz(r->a), "xz", e) ||
	    !built_in(archive_read_support_filter_bzip2(r->a), "bzip2", e) ||
	    !built_in(archive_read_support_format_tar(r->a), "tar", e))
		return false;
	if (!tar_only && !built_in(archive_read_support_format_zip(r->a), "zip", e))
		return false;
	if (!vl_reader_start(r, e))
		return false;
	*out = vl_steal(&r);
	return true;
}

/* Next member with a readable name; *entry = NULL at the end. A warning about the locale's character set is none of
 * our business as long as there is a name. */
static bool next_member(struct vl_reader *r, struct archive_entry **entry, const char **name, struct vl_err *e)
{
	int rc = archive_read_next_header(r->a, entry);

	if (rc == ARCHIVE_EOF) {
		*entry = NULL;
		return true;
	}
	if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN)
		return vl_reader_fail(r, "read the archive", e);
	*name = archive_entry_pathname(*entry);
	if (!*name)
		*name = archive_entry_pathname_utf8(*entry);
	if (!*name)
		return vl_fail(e, VL_E_CONTENT, "a member's name cannot be read");
	return true;
}

/* Without "./" in front and "/" behind. False: too long for any safe name. */
static bool plain_name(const char *name, char out[static NAME_MAX_LEN + 1])
{
	size_t len;

	while (name[0] == '.' && name[1] == '/')
		for (name += 2; *name == '/';)
			name++;
	len = strnlen(name, NAME_MAX_LEN + 2);
	if (len && name[len - 1] == '/')
		len--;
	if (len > NAME_MAX_LEN)
		return false;
	memcpy(out, name, len);
	out[len] = '\0';
	return true;
}

static bool is_wanted(struct extraction *t, const char *name)
{
	if (!t->x->only)
		return true;
	for (size_t i = 0; t->x->only[i]; i++)
		if (!strcmp(t->x->only[i], name))
			return true;
	return false;
}

/* Only a file that was written counts: a link of the wanted name does not. */
static void mark_found(struct extraction *t, const char *name)
{
	for (size_t i = 0; t->x->only && t->x->only[i]; i++)
		if (!strcmp(t->x->only[i], name))
			t->found[i] = true;
}

/* Part of the path is a regular file: made by an earlier member, since nothing else writes here. */
static bool leads_through_file(int dir, const char *path)
{
	VL_STR work = vl_xstrdup(path);
	struct stat st;

	for (char *at = work; *at; at++) {
		if (*at != '/')
			continue;
		*at = '\0';
		if (!fstatat(dir, work, &st, AT_SYMLINK_NOFOLLOW) && S_ISREG(st.st_mode))
			return true;
		*at = '/';
	}
	return !fstatat(dir, work, &st, AT_SYMLINK_NOFOLLOW) && S_ISREG(st.st_mode);
}

/* One more level, with the mode asked for, whatever the umask: who reads a place is another user than who fills it. */
static bool make_level(struct extraction *t, const char *path, int *fd, struct vl_err *e)
{
	VL_FD level = -1;
	struct stat st;

	if (!vl_mkdirs_at(t->dir, path, t->x->dir_mode, &level, e))
		return false;
	if (fstat(level, &st) ||
	    (strcmp(path, ".") && (st.st_mode & 0777) != t->x->dir_mode && fchmod(level, t->x->dir_mode)))
		return vl_fail_os(e, "set the mode of a directory");
	*fd = vl_fd_steal(&level);
	return true;
}

/* Every level of path, from the top; *fd is the last one. */
static bool make_dirs(struct extraction *t, const char *path, int *fd, struct vl_err *e)
{
	VL_STR work = vl_xstrdup(path);
	VL_STR shown = vl_safe_text(path, SHOWN);
	bool good = true;

	for (char *at = strchr(work, '/'); good && at; at = strchr(at + 1, '/')) {
		*at = '\0';
		good = make_level(t, work, fd, e);
		*at = '/';
		vl_fd_closep(fd);
	}
	if (good && make_level(t, path, fd, e))
		return true;
	if (leads_through_file(t->dir, path))
		return vl_fail(e, VL_E_CONTENT, "%s is both a file and a directory", shown);
	return vl_while(e, "%s", shown);
}

/* One call that the kernel keeps below dir, where there is openat2(); otherwise step by step, each without links. */
static int create_below(struct extraction *t, const char *name, struct vl_err *e)
{
	struct open_how how = { .flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
				.mode = 0600,
				.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS };
	const char *slash = strrchr(name, '/');
	VL_STR parent = slash ? vl_xstrndup(name, (size_t)(slash - name)) : vl_xstrdup(".");
	VL_STR shown = vl_safe_text(name, SHOWN);
	VL_FD below = -1;
	long fd;

	if (!make_dirs(t, parent, &below, e))
		return -1;
	fd = syscall(SYS_openat2, t->dir, name, &how, sizeof how);
	if (fd < 0 && (errno == ENOSYS || errno == EPERM))
		fd = openat(below, slash ? slash + 1 : name, (int)how.flags, 0600);
	if (fd < 0 && errno == EEXIST)
		vl_fail(e, VL_E_CONTENT, "duplicate member %s", shown);
	else if (fd < 0)
		vl_fail_os(e, "create %s", shown);
	return (int)fd;
}

static bool copy_data(struct extraction *t, int fd, const char *shown, struct vl_err *e)
{
	VL_STR block = vl_xcalloc(VL_READER_BLOCK, 1);
	la_ssize_t got;

	while ((got = archive_read_data(t->r->a, block, VL_READER_BLOCK)) > 0) {
		if ((uint64_t)got > t->x->max_bytes - t->x->bytes)
			return vl_fail(e, VL_E_LIMIT, "the archive holds more than %llu bytes",
				       (unsigned long long)t->x->max_bytes);
		if (!vl_write_all(fd, vl_bytes(block, (size_t)got), e))
			return vl_while(e, "%s", shown);
		t->x->bytes += (uint64_t)got;
	}
	return !got || vl_reader_fail(t->r, shown, e);
}

static bool extract_file(struct extraction *t, struct archive_entry *entry, const char *name, struct vl_err *e)
{
	VL_FD fd = create_below(t, name, e);
	VL_STR shown = vl_safe_text(name, SHOWN);
	mode_t mode = t->x->file_mode;

	if (fd < 0 || !copy_data(t, fd, shown, e))
		return false;
	if (t->x->keep_exec && archive_entry_perm(entry) & 0111)
		mode |= 0111;
	if (fchmod(fd, mode & 0777)) /* never setuid, whatever was asked for; and not subject to the umask */
		return vl_fail_os(e, "set the mode of %s", shown);
	mark_found(t, name);
	t->x->files++;
	return true;
}

static bool take_member(struct extraction *t, struct archive_entry *entry, const char *raw_name, struct vl_err *e)
{
	VL_STR shown = vl_safe_text(raw_name, SHOWN);
	char name[NAME_MAX_LEN + 1];
	bool fits = plain_name(raw_name, name);
	VL_FD made = -1;

	if (++t->members > t->x->max_members)
		return vl_fail(e, VL_E_LIMIT, "the archive has more than %llu members",
			       (unsigned long long)t->x->max_members);
	if (fits && !is_wanted(t, name))
		return true;
	if (fits && archive_entry_filetype(entry) == AE_IFDIR && (!name[0] || !strcmp(name, ".")))
		return true; /* the top itself */
	if (!fits || !vl_path_is_safe(name))
		return vl_fail(e, VL_E_CONTENT, "the member name %s is not safe", shown);
	if (archive_entry_hardlink(entry) || archive_entry_hardlink_utf8(entry) ||
	    (archive_entry_filetype(entry) != AE_IFREG && archive_entry_filetype(entry) != AE_IFDIR)) {
		t->x->skipped++;
		return true;
	}
	if (archive_entry_filetype(entry) == AE_IFDIR)
		return make_dirs(t, name, &made, e);
	return extract_file(t, entry, name, e);
}

static bool all_found(struct extraction *t, struct vl_err *e)
{
	for (size_t i = 0; t->x->only && t->x->only[i]; i++)
		if (!t->found[i]) {
			VL_STR shown = vl_safe_text(t->x->only[i], SHOWN);

			return vl_fail(e, VL_E_CONTENT, "the archive has no member %s", shown);
		}
	return true;
}

static bool run(struct extraction *t, struct vl_err *e)
{
	struct archive_entry *entry;
	const char *name = NULL;

	for (;;) {
		if (!next_member(t->r, &entry, &name, e))
			return false;
		if (!entry)
			return all_found(t, e);
		if (!take_member(t, entry, name, e))
			return false;
	}
}

uint64_t vl_extract_bytes_max(uint64_t size)
{
	return ((uint64_t)1 << 30) + (size < UINT64_MAX >> 8 ? size * 64 : UINT64_MAX >> 2);
}

bool vl_extract(int fd, int dir, struct vl_extract *x, const char *what, struct vl_err *e)
{
	VL_CLEAN(utf8_scope) utf8 = { .ours = (locale_t)0 };
	VL_CLEAN(extraction) t = { .x = x, .dir = dir };
	size_t n = 0;

	while (x->only && x->only[n])
		n++;
	t.found = vl_xcalloc(n, sizeof *t.found);
	utf8_begin(&utf8);
	x->files = x->bytes = x->skipped = 0;
	if (!open_archive(&t.r, fd, false, e) || !run(&t, e))
		return vl_while(e, "%s", what);
	return true;
}

static bool find_one(struct vl_reader *r, const char *member, struct vl_buf *b, struct vl_err *e)
{
	VL_STR shown = vl_safe_text(member, SHOWN);
	struct archive_entry *entry;
	const char *name = NULL;
	char plain[NAME_MAX_LEN + 1];

	for (;;) {
		if (!next_member(r, &entry, &name, e))
			return false;
		if (!entry)
			return vl_fail(e, VL_E_CONTENT, "the archive has no member %s", shown);
		if (archive_entry_filetype(entry) == AE_IFREG && !archive_entry_hardlink(entry) &&
		    plain_name(name, plain) && !strcmp(plain, member))
			return vl_reader_slurp(r, b, shown, e);
	}
}

bool vl_extract_one(int fd, const char *member, struct vl_buf *b, const char *what, struct vl_err *e)
{
	VL_CLEAN(utf8_scope) utf8 = { .ours = (locale_t)0 };
	VL_AUTO(vl_reader) r = NULL;

	vl_buf_reset(b);
	utf8_begin(&utf8);
	if (!open_archive(&r, fd, true, e) || !find_one(r, member, b, e))
		return vl_while(e, "%s", what);
	return true;
}
