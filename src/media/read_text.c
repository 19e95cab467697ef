/* SPDX-License-Identifier: Apache-2.0 */
/* media/read_text.c: the unsigned texts of a bundle directory, and the names in it.
 * In:    an open bundle directory.
 * Out:   bytes and names, untrusted.
 * Keeps: as in read.c, each file is opened once and read once. */
#include "base/file.h"
#include "media/carried.h"

bool vl_carried_text(const struct vl_carried *c, const char *name, struct vl_buf *out, bool *absent, struct vl_err *e)
{
	if (vl_load_file(c->dir, name, out, absent, e))
		return true;
	vl_while(e, "%s", c->path);
	return vl_found(e, name, NULL, NULL);
}

bool vl_carried_names(const struct vl_carried *c, bool (*f)(void *ctx, const char *name, struct vl_err *e), void *ctx,
		      struct vl_err *e)
{
	return vl_each_entry(c->dir, f, ctx, e);
}
