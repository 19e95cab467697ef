/* SPDX-License-Identifier: Apache-2.0 */
/* place/tree.c: blobs become files of a tree.
 * In:    a layer, and an open directory that nobody else writes to.
 * Out:   hard links of the blobs where the consumer only reads, copies elsewhere.
 * Keeps: no step of a name follows a link; a file that a consumer may write never shares its inode with a blob. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "place/place_priv.h"

#define CHUNK (1u << 20)

/* ---- one file ---- */

static bool copy_plain(int from, int to, struct vl_err *e)
{
	VL_STR chunk = NULL;
	void *mem = NULL;
	size_t got = 0;

	if (!vl_alloc(&mem, CHUNK, e))
		return false;
	chunk = mem;
	do {
		if (!vl_read_full(from, chunk, CHUNK, &got, e) || !vl_write_all(to, vl_bytes(chunk, got), e))
			return false;
	} while (got == CHUNK);
	return true;
}

/* Shared extents where the file system has them, else in the kernel, else by hand. */
static bool copy_content(int from, int to, struct vl_err *e)
{
	ssize_t moved;

	if (!ioctl(to, FICLONE, from))
		return true;
	do {
		moved = copy_file_range(from, NULL, to, NULL, (size_t)1 << 30, 0);
	} while (moved > 0 || (moved < 0 && errno == EINTR));
	if (!moved || (errno != EXDEV && errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP))
		return !moved || vl_fail_os(e, "copy");
	return copy_plain(from, to, e); /* both offsets are where copy_file_range left them */
}

static bool copy_file(int from, uint64_t size, int dir, const char *name, mode_t mode, struct vl_err *e)
{
	VL_FD to = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	struct stat st;

	if (to < 0)
		return vl_fail_os(e, "create");
	if (!copy_content(from, to, e))
		return false;
	if (fstat(to, &st) < 0 || fchmod(to, mode) < 0)
		return vl_fail_os(e, "set the mode");
	return (uint64_t)st.st_size == size || vl_fail(e, VL_E_IO, "the copy has another size than the blob");
}

/* True when it is there now; false when a copy must do (another file system, too many links, protected_hardlinks). */
static bool try_link(const struct vl_fill *f, const struct vl_desc *layer, int dir, const char *name)
{
	char hex[VL_DIGEST_HEX];

	return f->link && vl_store_has(f->store, &layer->digest, layer->size) &&
	       !linkat(f->blobs, vl_digest_hex(&layer->digest, hex), dir, name, 0);
}

/* Opens the directory part of rel below dir (made when absent); *name is the last step. */
static bool open_parent(int dir, const char *rel, int *fd, const char **name, struct vl_err *e)
{
	const char *slash = strrchr(rel, '/');
	VL_STR parent = NULL;

	if (!vl_path_is_safe(rel)) {
		VL_STR shown = vl_safe_text(rel, 200);

		return vl_fail(e, VL_E_PLACE, "the file name %s is not safe", shown);
	}
	*name = slash ? slash + 1 : rel;
	parent = slash ? vl_xstrndup(rel, (size_t)(slash - rel)) : vl_xstrdup(".");
	if (vl_mkdirs_at(dir, parent, 0755, fd, e))
		return true;
	return errno == ENOTDIR ? vl_fail(e, VL_E_PLACE, "part of its path is a file that came before") : false;
}

bool vl_tree_put(const struct vl_fill *f, int dir, const char *rel, const struct vl_desc *layer, mode_t mode,
		 struct vl_err *e)
{
	VL_STR shown = vl_safe_text(rel, 200);
	VL_FD parent = -1, from = -1;
	const char *name = NULL;
	struct stat st;

	if (!open_parent(dir, rel, &parent, &name, e))
		return false;
	if (!fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW))
		return vl_fail(e, VL_E_PLACE, "%s is there twice", shown);
	if (mode == 0444 && try_link(f, layer, parent, name))
		return true;
	return (vl_store_open_blob(f->store, &layer->digest, layer->size, &from, e) &&
		copy_file(from, layer->size, parent, name, mode, e)) ||
	       vl_while(e, "%s", shown);
}

/* ---- whole trees ---- */

struct pair {
	int from, to;
};

static bool link_entry(void *ctx, const char *name, struct vl_err *e)
{
	const struct pair *p = ctx;
	VL_FD from = -1, to = -1;
	struct stat st;
	uint64_t size;

	if (fstatat(p->from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return vl_fail_os(e, "look at the previous tree");
	if (S_ISDIR(st.st_mode))
		return vl_open_dir(p->from, name, &from, e) && vl_mkdirs_at(p->to, name, 0755, &to, e) &&
		       vl_tree_link(from, to, e);
	if (!S_ISREG(st.st_mode))
		return vl_fail(e, VL_E_PLACE, "the previous tree holds what is neither file nor directory");
	if (!linkat(p->from, name, p->to, name, 0))
		return true;
	return vl_open_regular(p->from, name, &from, &size, e) &&
	       copy_file(from, size, p->to, name, st.st_mode & 0777, e);
}

bool vl_tree_link(int from, int to, struct vl_err *e)
{
	struct pair p = { from, to };

	return vl_each_entry(from, link_entry, &p, e);
}

struct settle {
	int dir;
	mode_t mode;
	uid_t uid;
	gid_t gid;
};

static bool settle_entry(void *ctx, const char *name, struct vl_err *e)
{
	const struct settle *s = ctx;
	VL_FD fd = openat(s->dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return vl_fail_os(e, "look at a placed file");
	if (S_ISDIR(st.st_mode))
		return vl_tree_settle(fd, s->mode, s->uid, s->gid, e);
	if (s->uid != (uid_t)-1 && fchown(fd, s->uid, s->gid) < 0)
		return vl_fail_os(e, "give a placed file to its owner");
	return true;
}

bool vl_tree_settle(int dir, mode_t dir_mode, uid_t uid, gid_t gid, struct vl_err *e)
{
	struct settle s = { dir, dir_mode, uid, gid };

	/* The directory itself comes last: until then its new owner cannot get in. */
	if (!vl_each_entry(dir, settle_entry, &s, e))
		return false;
	if (fchmod(dir, dir_mode) < 0 || (uid != (uid_t)-1 && fchown(dir, uid, gid) < 0))
		return vl_fail_os(e, "give a placed directory its owner and mode");
	return true;
}

/* ---- sizes ---- */

/* gzip tells the length of its content, modulo 4 GiB, in its last four bytes. Others tell nothing that is cheap to
 * read. */
bool vl_layer_expanded(const struct vl_store *s, const struct vl_desc *layer, uint64_t *bytes, struct vl_err *e)
{
	const char *title = vl_desc_get(layer, VL_AN_TITLE);
	uint8_t tail[4];
	uint64_t told;
	VL_FD fd = -1;

	*bytes = layer->size;
	if (!title || layer->size < 18 || !(vl_ends_with(title, ".gz") || vl_ends_with(title, ".tgz")))
		return true;
	if (!vl_store_open_blob(s, &layer->digest, layer->size, &fd, e))
		return false;
	if (pread(fd, tail, sizeof tail, (off_t)layer->size - 4) != (ssize_t)sizeof tail)
		return vl_fail_os(e, "read the end of %s", "a compressed blob");
	told = (uint64_t)tail[0] | (uint64_t)tail[1] << 8 | (uint64_t)tail[2] << 16 | (uint64_t)tail[3] << 24;
	if (told > *bytes)
		*bytes = told;
	return true;
}
