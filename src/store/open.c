/* SPDX-License-Identifier: Apache-2.0 */
/* store/open.c: find, make, lock and tidy a store.
 * In:    a path.
 * Out:   descriptors of its directories; for writing the one lock, and nothing left over from a run that died.
 * Keeps: a directory that holds anything of others is never turned into a store. What recovery removes was never
 *        visible. */
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "store/store_priv.h"

#define LAYOUT_TEXT "{\"imageLayoutVersion\":\"1.0.0\"}"
#define INDEX_LINK "current/index.json"
#define NTFS_MAGIC 0x5346544e
#define NTFS3_MAGIC 0x7366746e

/* What a store may hold while it is being made; lost+found is what mkfs leaves in a fresh file system. */
static const char *const own_names[] = { "lock",    "oci-layout", "blobs", "generations", "state",	 "staging",
					 "fetch",   "trust",	  "index.json", "lost+found", "audit.jsonl" };

/* File systems where links are missing, or where a lock or a rename does not mean what it must. */
static const struct {
	unsigned long type;
	const char *name;
} unfit[] = {
	{ MSDOS_SUPER_MAGIC, "FAT" },	{ EXFAT_SUPER_MAGIC, "exFAT" },	   { NTFS_MAGIC, "NTFS" },
	{ NTFS3_MAGIC, "NTFS" },	{ NFS_SUPER_MAGIC, "NFS" },	   { SMB_SUPER_MAGIC, "SMB" },
	{ CIFS_SUPER_MAGIC, "SMB" },	{ SMB2_SUPER_MAGIC, "SMB" },
};

const char *vl_store_path(const struct vl_store *s)
{
	return s->path;
}

int vl_store_dir(const struct vl_store *s)
{
	return s->dir;
}

void vl_store_free(struct vl_store *s)
{
	if (!s)
		return;
	vl_fd_closep(&s->blobs);
	vl_fd_closep(&s->staging);
	vl_fd_closep(&s->dir);
	vl_fd_closep(&s->lock); /* last: until here nobody else may come in */
	free(s->path);
	free(s);
}

bool vl_store_writable(const struct vl_store *s, struct vl_err *e)
{
	return s->mode == VL_STORE_WRITE || vl_fail(e, VL_E_INTERNAL, "the store %s was opened for reading", s->path);
}

bool vl_store_mkdir(int dir, const char *name, mode_t mode, int *fd, struct vl_err *e)
{
	VL_FD made = -1;
	bool fresh = !mkdirat(dir, name, mode);

	if (!fresh && errno != EEXIST)
		return vl_fail_os(e, "make the directory %s", name);
	if (!vl_open_dir(dir, name, &made, e))
		return false;
	if (fresh && fchmod(made, mode) < 0)
		return vl_fail_os(e, "set the mode of %s", name);
	if (fd)
		*fd = vl_fd_steal(&made);
	return true;
}

bool vl_store_subdir(struct vl_store *s, const char *name, int *fd, struct vl_err *e)
{
	struct stat st;

	if (s->mode == VL_STORE_WRITE)
		return vl_store_mkdir(s->dir, name, 0755, fd, e) || vl_while(e, "store %s", s->path);
	if (fstatat(s->dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
		return vl_fail(e, VL_E_ABSENT, "the store %s has no %s", s->path, name);
	return vl_open_dir(s->dir, name, fd, e) || vl_while(e, "store %s", s->path);
}

/* ---- what is there ---- */

/* What a vl_newfile leaves behind when its process dies. */
static bool is_temporary(const char *name)
{
	return !strncmp(name, ".valise-", strlen(".valise-"));
}

static bool is_own_name(const char *name)
{
	for (size_t i = 0; i < VL_LEN(own_names); i++)
		if (!strcmp(name, own_names[i]))
			return true;
	return is_temporary(name); /* of oci-layout, when the very first run was killed */
}

struct foreign {
	char *name;
};

static bool note_foreign(void *ctx, const char *name, struct vl_err *e)
{
	struct foreign *f = ctx;

	(void)e;
	if (!f->name && !is_own_name(name))
		f->name = vl_safe_text(name, 80);
	return true;
}

static bool check_adoptable(const struct vl_store *s, struct vl_err *e)
{
	struct foreign f = { NULL };
	bool good = vl_each_entry(s->dir, note_foreign, &f, e);
	VL_STR name = f.name;

	if (!good)
		return vl_while(e, "store %s", s->path);
	if (name) {
		vl_fail(e, VL_E_EXISTS, "%s is neither empty nor a valise store (it holds %s)", s->path, name);
		return vl_hint(e, "Name another directory with --store, or an empty one.");
	}
	return true;
}

/* *found: oci-layout is there and ours. A layout made by another tool has a plain index.json: it is not touched. */
static bool read_layout(const struct vl_store *s, bool *found, struct vl_err *e)
{
	VL_CLEAN(vl_buf) b = VL_BUF_INIT(4096);
	VL_AUTO(vl_json) json = NULL;
	const char *version;
	struct stat st;
	bool absent = false;

	*found = false;
	if (!vl_load_file(s->dir, "oci-layout", &b, &absent, e))
		return vl_while(e, "store %s", s->path);
	if (absent)
		return true;
	if (!vl_json_parse(&json, vl_buf_bytes(&b), VL_JSON_OCI, "oci-layout", VL_E_STORE, e))
		return vl_while(e, "store %s", s->path);
	version = vl_jval_str(vl_jval_get(vl_json_root(json), "imageLayoutVersion"));
	if (!version || strcmp(version, "1.0.0") != 0)
		return vl_fail(e, VL_E_STORE, "store %s: oci-layout does not say imageLayoutVersion 1.0.0", s->path);
	if (!fstatat(s->dir, "index.json", &st, AT_SYMLINK_NOFOLLOW) && !S_ISLNK(st.st_mode)) {
		vl_fail(e, VL_E_EXISTS, "%s is an OCI layout that another program made", s->path);
		return vl_hint(e, "Name another directory with --store.");
	}
	*found = true;
	return true;
}

static bool check_file_system(const struct vl_store *s, struct vl_err *e)
{
	struct statfs fs;

	if (fstatfs(s->dir, &fs) < 0)
		return vl_fail_os(e, "store %s", s->path);
	for (size_t i = 0; i < VL_LEN(unfit); i++) {
		if (((unsigned long)fs.f_type & 0xffffffffUL) != unfit[i].type)
			continue;
		vl_fail(e, VL_E_POLICY, "a store cannot live on %s (%s): it needs links, locks and safe renames",
			unfit[i].name, s->path);
		return vl_hint(e, "Put it on a local Linux file system (ext4, xfs, btrfs) with --store DIR.");
	}
	return true;
}

/* ---- making ---- */

static bool link_index(const struct vl_store *s, struct vl_err *e)
{
	if (!symlinkat(INDEX_LINK, s->dir, "index.json") || errno == EEXIST)
		return true;
	vl_fail_os(e, "make the link index.json in %s", s->path);
	return vl_hint(e, "A store needs a file system with symbolic links (ext4, xfs, btrfs).");
}

/* Each step is repeatable; oci-layout comes last and says that the rest is there. */
static bool make_layout(struct vl_store *s, bool found, struct vl_err *e)
{
	VL_FD blobs = -1;

	if (!vl_store_mkdir(s->dir, "blobs", 0755, &blobs, e) || !vl_store_mkdir(blobs, "sha256", 0755, NULL, e) ||
	    !vl_store_mkdir(s->dir, "generations", 0755, NULL, e) ||
	    !vl_store_mkdir(s->dir, "state", 0755, NULL, e) || !vl_store_mkdir(s->dir, "staging", 0700, NULL, e) ||
	    !link_index(s, e))
		return vl_while(e, "store %s", s->path);
	if (found)
		return true;
	if (!vl_fsync(blobs, "blobs", e))
		return vl_while(e, "store %s", s->path);
	return vl_save_file(s->dir, "oci-layout", 0644, vl_bytes_str(LAYOUT_TEXT), e) ||
	       vl_while(e, "store %s", s->path);
}

/* ---- recovery ---- */

struct tidy {
	int dir;
	bool all; /* or only temporary files */
};

static bool tidy_one(void *ctx, const char *name, struct vl_err *e)
{
	struct tidy *t = ctx;

	return (!t->all && !is_temporary(name)) || vl_remove_tree(t->dir, name, e);
}

/* What a generation was being made of when the run died: it is above `current`, so nobody has ever seen it. Without any
 * `current` only the first generation can be such a remnant; more than that means the link itself was lost. */
static bool drop_generations(struct vl_store *s, struct vl_err *e)
{
	VL_CLEAN(vl_numbers) all = { 0 };
	char name[GENERATION_NAME_MAX];
	uint64_t current;
	struct stat st;

	if (!vl_store_current_number(s, &current, e) || !vl_store_generations(s, &all, e))
		return false;
	vl_generation_name(current, name);
	if (!current && all.n && all.v[all.n - 1] > 1)
		return vl_fail(e, VL_E_STORE, "store %s: the link `current` is missing, but not the generations up to "
			       "%" PRIu64, s->path, all.v[all.n - 1]);
	if (current && fstatat(s->dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return vl_fail(e, VL_E_STORE, "store %s: `current` points to %s, which is missing", s->path, name);
	for (size_t i = 0; i < all.n; i++) {
		if (all.v[i] <= current)
			continue;
		vl_generation_name(all.v[i], name);
		if (!vl_remove_tree(s->dir, name, e))
			return vl_while(e, "store %s", s->path);
	}
	return true;
}

static bool tidy(struct vl_store *s, const char *name, bool all, struct vl_err *e)
{
	struct tidy t = { .all = all };
	VL_FD dir = openat(s->dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (dir < 0 && errno == ENOENT)
		return true;
	if (dir < 0)
		return vl_fail_os(e, "open %s in the store %s", name, s->path);
	t.dir = dir;
	return vl_each_entry(dir, tidy_one, &t, e) || vl_while(e, "tidy the store %s", s->path);
}

static bool recover(struct vl_store *s, struct vl_err *e)
{
	if (!drop_generations(s, e))
		return false; /* first: a store that looks wrong is left as it is */
	if (unlinkat(s->dir, "current.tmp", 0) < 0 && errno != ENOENT)
		return vl_fail_os(e, "remove current.tmp in %s", s->path);
	return tidy(s, "staging", true, e) && tidy(s, ".", false, e) && tidy(s, "state", false, e) &&
	       tidy(s, "trust", false, e);
}

/* ---- opening ---- */

static bool open_top(struct vl_store *s, const char *path, struct vl_err *e)
{
	if (s->mode == VL_STORE_WRITE && !vl_mkdirs(path, 0755, e))
		return vl_while(e, "make the store");
	s->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir < 0 && errno == ENOENT) {
		vl_fail(e, VL_E_ABSENT, "there is no store at %s", path);
		return vl_hint(e, "Name it with --store, or make it with valise unpack or valise fetch.");
	}
	if (s->dir < 0)
		return vl_fail_os(e, "open the store %s", path);
	s->path = realpath(path, NULL);
	return s->path || vl_fail_os(e, "find the store %s", path);
}

static bool open_rest(struct vl_store *s, struct vl_err *e)
{
	VL_FD blobs = -1;

	return (vl_open_dir(s->dir, "blobs", &blobs, e) && vl_open_dir(blobs, "sha256", &s->blobs, e) &&
		(s->mode == VL_STORE_READ || vl_open_dir(s->dir, "staging", &s->staging, e))) ||
	       vl_while(e, "store %s", s->path);
}

static bool open_for_writing(struct vl_store *s, bool found, unsigned lock_wait, struct vl_err *e)
{
	if (!found && !check_adoptable(s, e))
		return false;
	if (!check_file_system(s, e))
		return false;
	if (!vl_lock_take(s->dir, "lock", lock_wait, &s->lock, e))
		return vl_while(e, "store %s", s->path);
	return make_layout(s, found, e) && open_rest(s, e) && recover(s, e);
}

bool vl_store_open(struct vl_store **out, const char *path, enum vl_store_mode mode, unsigned lock_wait,
		   const struct vl_env *env, struct vl_err *e)
{
	VL_AUTO(vl_store) s = vl_xcalloc(1, sizeof *s);
	bool found;

	*s = (struct vl_store){ .dir = -1, .blobs = -1, .staging = -1, .lock = -1, .mode = mode, .env = env };
	if (!open_top(s, path, e) || !read_layout(s, &found, e))
		return false;
	if (mode == VL_STORE_READ && !found) {
		vl_fail(e, VL_E_ABSENT, "%s is not a valise store", s->path);
		return vl_hint(e, "Name it with --store, or make it with valise unpack or valise fetch.");
	}
	if (mode == VL_STORE_READ ? !open_rest(s, e) : !open_for_writing(s, found, lock_wait, e))
		return false;
	*out = vl_steal(&s);
	return true;
}
