/* SPDX-License-Identifier: Apache-2.0 */
/* media/volume.c: write one bundle directory.
 * In:    names and bytes, in the caller's order.
 * Out:   DIR/name with the files in it, 0644 and 0755, so that any user on the other side can read them.
 * Keeps: a directory that was not finished does not stay behind; what this process did not make is not touched, except
 *        the rest of an earlier run that died: it has no waybill.json and nothing but our names. */
#include "media/volume.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"

#define PARCELS "parcels"

void vl_volume_free(struct vl_volume *v)
{
	struct vl_err ignored = VL_ERR_INIT;

	if (!v)
		return;
	vl_fd_closep(&v->dir);
	if (v->made && !v->keep && !vl_remove_tree(v->parent, v->name, &ignored))
		vl_emit_warn(v->env, "%s is not finished and could not be removed: %s", v->path, ignored.msg);
	vl_fd_closep(&v->parent);
	free(v->file);
	free(v->path);
	free(v->name);
	free(v);
}

void vl_volume_keep(struct vl_volume *v)
{
	v->keep = true;
}

const char *vl_volume_path(const struct vl_volume *v)
{
	return v->path;
}

static bool media_hint(struct vl_err *e)
{
	if (e->code == VL_E_IO)
		vl_hint(e, "The medium may have been pulled out or be worn. Check it and run the same command again.");
	if (e->code == VL_E_NOSPACE)
		vl_hint(e, "Take a larger medium or free some space, then run the same command again.");
	return false;
}

static bool has_space(const struct vl_volume *v, uint64_t need, struct vl_err *e)
{
	char need_text[24], free_text[24];
	uint64_t available;

	if (!need)
		return true;
	if (!vl_free_space(v->parent, &available, e))
		return vl_while(e, "%s", v->path);
	if (available >= need)
		return true;
	vl_size_text(need, need_text);
	vl_size_text(available, free_text);
	vl_fail(e, VL_E_NOSPACE, "%s needs about %s, %s are free", v->path, need_text, free_text);
	vl_found(e, v->path, free_text, need_text);
	return media_hint(e);
}

/* Names that only valise writes into a bundle directory before the waybill. */
static bool is_ours(void *ctx, const char *name, struct vl_err *e)
{
	static const char *const names[] = { "READ-ME.txt", "SHA256SUMS", "volume.json", PARCELS };

	(void)ctx;
	for (size_t i = 0; i < VL_LEN(names); i++)
		if (!strcmp(name, names[i]))
			return true;
	return vl_fail(e, VL_E_EXISTS, "%s", name);
}

static bool is_parcel(void *ctx, const char *name, struct vl_err *e)
{
	(void)ctx;
	return strspn(name, "0123456789") == 6 && !strcmp(name + 6, ".tar.zst") ? true :
										  vl_fail(e, VL_E_EXISTS, "%s", name);
}

/* An earlier run that was killed or lost its medium: no waybill, and nothing in it that is not ours to write again. */
static bool is_leftover(const struct vl_volume *v)
{
	struct vl_err ignored = VL_ERR_INIT;
	VL_FD dir = -1;
	VL_FD parcels = -1;

	if (!vl_open_dir(v->parent, v->name, &dir, &ignored) || !vl_each_entry(dir, is_ours, NULL, &ignored))
		return false;
	if (!vl_open_dir(dir, PARCELS, &parcels, &ignored))
		return faccessat(dir, PARCELS, F_OK, AT_SYMLINK_NOFOLLOW) != 0;
	return vl_each_entry(parcels, is_parcel, NULL, &ignored);
}

static bool make_dir(struct vl_volume *v, struct vl_err *e)
{
	bool there = mkdirat(v->parent, v->name, 0755) != 0;

	if (there && errno != EEXIST) {
		vl_fail_os(e, "make %s", v->path);
		return media_hint(e);
	}
	if (there && !is_leftover(v)) {
		vl_fail(e, VL_E_EXISTS, "%s is there already", v->path);
		return vl_hint(e, "Choose another directory with --output, or move it away.");
	}
	if (there) {
		vl_emit_note(v->env, "%s was not finished by an earlier run and is written anew", v->path);
		if (!vl_remove_tree(v->parent, v->name, e))
			return vl_while(e, "%s", v->path);
		if (mkdirat(v->parent, v->name, 0755))
			return vl_fail_os(e, "make %s", v->path);
	}
	v->made = true;
	return true;
}

/* Whatever the umask says, the user on the other side must be able to read. Not every medium knows rights. */
static void open_rights(int fd, mode_t mode)
{
	(void)fchmod(fd, mode);
}

bool vl_volume_create(struct vl_volume **out, const char *dir, const char *name, uint64_t need,
		      const struct vl_env *env, struct vl_err *e)
{
	VL_AUTO(vl_volume) v = vl_xcalloc(1, sizeof *v);
	bool was_there = !access(dir, F_OK);

	v->env = env;
	v->parent = v->dir = -1;
	v->path = vl_xprintf("%s/%s", dir, name);
	v->name = vl_xstrdup(name);
	if (!vl_mkdirs(dir, 0755, e))
		return vl_hint(e, "Is the medium mounted there, and writable? Else name another directory.");
	v->parent = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (v->parent < 0)
		return vl_fail_os(e, "open %s", dir);
	if (!was_there)
		vl_emit_note(env, "%s was not there and was made; if a medium belongs there, it is not mounted", dir);
	if (!make_dir(v, e) || !has_space(v, need, e) || !vl_open_dir(v->parent, v->name, &v->dir, e))
		return false;
	open_rights(v->dir, 0755);
	*out = vl_steal(&v);
	return true;
}

/* The file's directory: the bundle's own, or parcels/ in it. *base is the name's last step. */
static bool open_place(struct vl_volume *v, const char *name, int *fd, const char **base, struct vl_err *e)
{
	const char *slash = strchr(name, '/');
	VL_STR step = NULL;

	*base = slash ? slash + 1 : name;
	step = slash ? vl_xstrndup(name, (size_t)(slash - name)) : vl_xstrdup(".");
	if (!vl_mkdirs_at(v->dir, step, 0755, fd, e))
		return false;
	if (slash)
		open_rights(*fd, 0755);
	return true;
}

static bool write_file(struct vl_volume *v, const char *name, struct vl_bytes b, struct vl_err *e)
{
	VL_FD dir = -1;
	VL_FD fd = -1;
	const char *base;

	if (!open_place(v, name, &dir, &base, e))
		return vl_while(e, "%s/%s", v->path, name);
	fd = openat(dir, base, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return vl_fail_os(e, "make %s/%s", v->path, name);
	open_rights(fd, 0644);
	if (!vl_write_all(fd, b, e))
		return vl_while(e, "write %s/%s", v->path, name);
	/* Slow sticks: begin now, so that the sync at the end is not where all the waiting is. Only a wish. */
	(void)sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	return true;
}

bool vl_volume_put(struct vl_volume *v, const char *name, struct vl_bytes b, struct vl_err *e)
{
	struct vl_put_file *f;

	if (!vl_path_is_safe(name) || strlen(name) >= sizeof f->name)
		return vl_fail(e, VL_E_INTERNAL, "\"%s\" is no name for a file of a bundle", name);
	if (!write_file(v, name, b, e)) {
		vl_found(e, name, NULL, NULL);
		return media_hint(e);
	}
	vl_grow(&v->file, v->n, &v->cap, sizeof *v->file);
	f = &v->file[v->n++];
	snprintf(f->name, sizeof f->name, "%s", name);
	f->size = b.len;
	vl_sha256_of(b, &f->sha256);
	return true;
}

bool vl_volume_sync(struct vl_volume *v, struct vl_err *e)
{
	if (syncfs(v->dir) == 0)
		return true;
	vl_fail_os(e, "sync %s", v->path);
	return media_hint(e);
}
