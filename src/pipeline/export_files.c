/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline/export_files.c: the files of one artifact, by their titles, into a new directory.
 * In:    the layers of an item of files, or of an artifact among images.
 * Out:   DIR/<title> each.
 * Keeps: a title is a path from outside: checked, and opened step by step below the directory. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/text.h"
#include "pipeline/export_priv.h"

struct target {
	struct vl_exporting *x;
	int dir;
};

static bool write_chunk(void *ctx, struct vl_bytes b, struct vl_err *e)
{
	const int *fd = ctx;

	return vl_write_all(*fd, b, e);
}

static mode_t mode_of(const struct vl_desc *layer)
{
	const char *mode = vl_desc_get(layer, VL_AN_MODE);

	return mode && !strcmp(mode, "0755") ? 0755 : 0644;
}

static bool open_new(int dir, const char *title, mode_t mode, int *fd, struct vl_err *e)
{
	const char *slash = strrchr(title, '/');
	VL_STR folder = slash ? vl_xstrndup(title, (size_t)(slash - title)) : NULL;
	VL_FD parent = -1;

	if (folder && !vl_mkdirs_at(dir, folder, 0755, &parent, e))
		return false;
	*fd = openat(folder ? parent : dir, slash ? slash + 1 : title,
		     O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	if (*fd < 0)
		return vl_fail_name(e, "create", title);
	/* Whatever the umask says: as valise unpack places it. */
	(void)fchmod(*fd, mode);
	return true;
}

static bool put_layer(void *ctx, const struct vl_desc *layer, struct vl_err *e)
{
	struct target *t = ctx;
	const char *title = vl_desc_get(layer, VL_AN_TITLE);
	VL_FD fd = -1;

	if (!title || !vl_path_is_safe(title)) {
		vl_fail(e, VL_E_USAGE, "%s: a layer of it has no file name", t->x->o->what);
		return vl_hint(e, "This is an image and no collection of files: use --format oci-archive.");
	}
	if (!open_new(t->dir, title, mode_of(layer), &fd, e) ||
	    !vl_export_blob(t->x, &layer->digest, layer->size, write_chunk, &fd, e)) {
		VL_STR safe = vl_safe_text(title, 300);

		return vl_while(e, "%s", safe);
	}
	t->x->x->files++;
	return true;
}

bool vl_export_files(struct vl_exporting *x, int dir, struct vl_err *e)
{
	struct vl_docs docs = vl_docs_of_store(x->store);
	struct target t = { .x = x, .dir = dir };

	return vl_item_layers(&docs, &x->x->images.v[0].desc, put_layer, &t, e);
}
