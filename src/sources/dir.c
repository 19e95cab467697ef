/* SPDX-License-Identifier: Apache-2.0 */
/* sources/dir.c: a directory of this host.
 * In:    path, relative to the packing list.
 * Out:   an artifact with one layer per regular file, in byte order of the names; an index of such artifacts when one
 *        manifest would become too large.
 * Keeps: nothing outside the directory is ever read: names are opened step by step without following links, and a link
 *        is followed only by the kernel's own RESOLVE_BENEATH. The same tree gives the same bytes. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "sources/work.h"

#define LAYER_TYPE "application/octet-stream"
#define DEPTH_MAX 64
#define FILES_MAX 1000000
#define PART_BYTES (3u << 20) /* of one manifest, by estimate; 4 MiB is the limit */
#define LAYER_BYTES 320       /* JSON around a title */

struct tree {
	struct vl_run *run;
	int root;
	struct vl_doc parts; /* finished manifests */
	struct vl_doc doc;   /* the one being filled */
	size_t estimate;
	uint64_t files;
	bool likely; /* most files are in the store already: hash before copying */
	struct vl_source const *source;
};
/* One directory of the walk. */
struct level {
	struct tree *t;
	int fd;
	const char *path; /* "" or "a/b" */
	unsigned depth;
};

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec && a->st_ino == b->st_ino;
}

/* ---- manifests ---- */

static bool end_part(struct tree *t, struct vl_err *e)
{
	struct vl_desc *d = vl_doc_add(&t->parts);

	if (!vl_run_put_doc(t->run, &t->doc, d, e))
		return false;
	vl_doc_clear(&t->doc);
	vl_doc_init_artifact(&t->doc, t->source->artifact_type);
	t->estimate = 0;
	return true;
}

static bool add_layer(struct tree *t, const char *path, bool exec, const struct vl_digest *d, uint64_t size,
		      struct vl_err *e)
{
	struct vl_desc *layer;

	if (++t->files > FILES_MAX)
		return vl_fail(e, VL_E_LIMIT, "more than %d files", FILES_MAX);
	if (t->estimate + LAYER_BYTES + 2 * strlen(path) > PART_BYTES && !end_part(t, e))
		return false;
	t->estimate += LAYER_BYTES + 2 * strlen(path);
	layer = vl_doc_add(&t->doc);
	vl_desc_init(layer, LAYER_TYPE, d, size);
	vl_desc_set(layer, VL_AN_TITLE, path);
	if (exec)
		vl_desc_set(layer, VL_AN_MODE, "0755");
	return true;
}

/* ---- files ---- */

/* Reads the file once. *steady: it did not change meanwhile. */
static bool read_once(struct tree *t, int fd, struct vl_digest *d, uint64_t *size, bool *steady, struct vl_err *e)
{
	struct stat before, after;

	bool there = false;

	if (fstat(fd, &before) < 0)
		return vl_fail_os(e, "look at it");
	if (t->likely) {
		if (lseek(fd, 0, SEEK_SET) < 0 || !vl_sha256_fd(fd, d, size, e))
			return false;
		there = vl_store_has(t->run->job->store, d, *size);
	}
	if (!there && !vl_store_put_fd(t->run->job->store, fd, d, size, e))
		return false;
	if (fstat(fd, &after) < 0)
		return vl_fail_os(e, "look at it");
	*steady = same_file(&before, &after) && *size == (uint64_t)after.st_size;
	return true;
}

static bool take_file(struct tree *t, int fd, const char *path, struct vl_err *e)
{
	struct vl_digest d = { .b = { 0 } };
	struct stat st;
	uint64_t size = 0;
	bool steady = false;

	if (!vl_env_go_on(t->run->job->env, e))
		return false;
	for (unsigned i = 0; i < 2 && !steady; i++)
		if (!read_once(t, fd, &d, &size, &steady, e))
			return false;
	if (!steady) {
		vl_fail(e, VL_E_IO, "the file changes while it is read");
		return vl_hint(e, "Run the same command again when nobody writes there.");
	}
	if (fstat(fd, &st) < 0)
		return vl_fail_os(e, "look at it");
	return add_layer(t, path, st.st_mode & 0111, &d, size, e);
}

/* glibc 2.36 has no wrapper. */
static int open_beneath(int root, const char *path)
{
	struct open_how how = { .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
				.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS };
	long fd;

	do
		fd = syscall(SYS_openat2, root, path, &how, sizeof how);
	while (fd < 0 && (errno == EINTR || errno == EAGAIN));
	return (int)fd;
}

static bool take_link(struct tree *t, const char *path, struct vl_err *e)
{
	VL_FD fd = open_beneath(t->root, path);
	struct stat st;

	if (fd < 0 && errno == EXDEV)
		return vl_fail(e, VL_E_POLICY, "the link leads out of the directory");
	if (fd < 0 && (errno == ENOENT || errno == ELOOP))
		return vl_fail(e, VL_E_POLICY, "the link leads nowhere");
	if (fd < 0)
		return vl_fail_os(e, "follow the link");
	if (fstat(fd, &st) < 0)
		return vl_fail_os(e, "follow the link");
	if (!S_ISREG(st.st_mode))
		return vl_fail(e, VL_E_POLICY, "the link does not lead to a regular file");
	return take_file(t, fd, path, e);
}

/* ---- the walk ---- */

static bool walk(struct tree *t, int fd, const char *path, unsigned depth, struct vl_err *e);

static bool take_directory(const struct level *l, const char *name, const char *path, struct vl_err *e)
{
	VL_FD fd = -1;

	if (l->depth >= DEPTH_MAX)
		return vl_fail(e, VL_E_LIMIT, "%s: more than %d levels deep", path, DEPTH_MAX);
	if (!vl_open_dir(l->fd, name, &fd, e))
		return false;
	return walk(l->t, fd, path, l->depth + 1, e);
}

static bool take_regular(const struct level *l, const char *name, const char *path, struct vl_err *e)
{
	VL_FD fd = -1;

	return vl_open_regular(l->fd, name, &fd, NULL, e) && take_file(l->t, fd, path, e);
}

static const char *kind_of(mode_t mode)
{
	return S_ISSOCK(mode) ? "a socket" : S_ISFIFO(mode) ? "a named pipe" : "a device";
}

static bool take_entry(void *ctx, const char *name, struct vl_err *e)
{
	const struct level *l = ctx;
	VL_STR path = *l->path ? vl_xprintf("%s/%s", l->path, name) : vl_xstrdup(name);
	VL_STR shown = vl_safe_text(path, 200);
	struct stat st;
	bool good;

	if (!vl_path_is_safe(path))
		return vl_fail(e, VL_E_POLICY,
			       "%s: the name is too long, not UTF-8, or holds a backslash or control character",
			       shown);
	if (fstatat(l->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return vl_fail_os(e, "%s", shown);
	if (S_ISDIR(st.st_mode))
		return take_directory(l, name, path, e);
	if (S_ISREG(st.st_mode))
		good = take_regular(l, name, path, e);
	else if (S_ISLNK(st.st_mode))
		good = take_link(l->t, path, e);
	else
		good = vl_fail(e, VL_E_POLICY, "%s cannot be carried", kind_of(st.st_mode));
	return good || vl_while(e, "%s", shown);
}

/* A store in the tree would be carried inside itself, and grow with every run. */
static bool is_store(const struct tree *t, int fd)
{
	struct stat here, store;

	return !fstat(fd, &here) && !fstat(vl_store_dir(t->run->job->store), &store) && here.st_dev == store.st_dev &&
	       here.st_ino == store.st_ino;
}

static bool walk(struct tree *t, int fd, const char *path, unsigned depth, struct vl_err *e)
{
	struct level l = { .t = t, .fd = fd, .path = path, .depth = depth };

	if (is_store(t, fd))
		return vl_fail(e, VL_E_POLICY, "%s: the store itself lies in this directory", *path ? path : ".");
	return vl_each_entry(fd, take_entry, &l, e);
}

/* ---- the item ---- */

static bool put_tree(struct tree *t, struct vl_desc *desc, struct vl_err *e)
{
	if (!t->parts.n)
		return vl_run_put_doc(t->run, &t->doc, desc, e);
	if (!end_part(t, e))
		return false;
	t->parts.artifact_type = vl_xstrdup(t->source->artifact_type);
	return vl_run_put_doc(t->run, &t->parts, desc, e);
}

static bool take_tree(struct vl_work *w, const char *path, struct vl_made *out, struct vl_err *e)
{
	VL_FD root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct tree t = { .run = w->run, .root = root, .source = w->source, .likely = w->previous != NULL };
	bool good;

	if (root < 0 && (errno == ENOENT || errno == ENOTDIR))
		return vl_fail(e, VL_E_ABSENT, "there is no such directory");
	if (root < 0)
		return vl_fail_os(e, "cannot read it");
	vl_doc_init_index(&t.parts);
	vl_doc_init_artifact(&t.doc, w->source->artifact_type);
	good = walk(&t, root, "", 0, e);
	if (good && !t.files)
		good = vl_fail(e, VL_E_ABSENT, "there is no file in it");
	good = good && put_tree(&t, &out->desc, e);
	vl_doc_clear(&t.parts);
	vl_doc_clear(&t.doc);
	return good;
}

/* The last step of the real path: enough to recognise it, and nothing about the host. */
static char *base_name(const char *path)
{
	VL_STR real = realpath(path, NULL);
	const char *slash = real ? strrchr(real, '/') : NULL;

	/* Names that are not UTF-8 cannot stand in a document. */
	return vl_xstrdup(slash && vl_path_is_safe(slash + 1) ? slash + 1 : "/");
}

static bool finish(struct vl_work *w, struct vl_made *out, struct vl_err *e)
{
	const char *as_written = w->item->path;
	VL_STR path = as_written[0] == '/' ? vl_xstrdup(as_written) :
					     vl_xprintf("%s/%s", w->run->job->list->dir, as_written);
	VL_STR shown = vl_safe_text(as_written, 200);

	if (!take_tree(w, path, out, e))
		return vl_while(e, "%s", shown);
	out->source = base_name(path);
	out->fetched = w->run->job->env->now;
	return true;
}

const struct vl_source vl_source_dir = {
	.type = "dir", .artifact_type = "application/vnd.valise.files.v1", .finish = finish,
};
