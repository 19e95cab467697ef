/* SPDX-License-Identifier: Apache-2.0 */
/* net/partial.c: a body on its way into dir/NAME, with dir/NAME.json beside it telling which URL and which version the
 * bytes belong to, so that a later process can go on.
 * Keeps: NAME.json never describes other bytes than those in NAME: the file is emptied (durably) before the description
 * changes, and the description is written before the first byte. */
#include "net/net_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"

static void forget(struct vl_partial *p)
{
	free(p->url);
	free(p->etag);
	free(p->last_modified);
	p->url = p->etag = p->last_modified = NULL;
}

void vl_partial_clear(struct vl_partial *p)
{
	forget(p);
	vl_fd_closep(&p->fd);
	p->fd = -1;
	p->have = 0;
}

/* The URL as it may lie on a disk: the query can hold a token, so only a mark of the whole URL stands for it. The mark
 * needs no strength: whether the bytes can be continued is decided by the server with If-Range. */
static char *disk_url(const char *url)
{
	VL_STR shown = vl_url_public(url);
	uint64_t mark = 14695981039346656037u;

	if (!strcmp(shown, url))
		return vl_steal(&shown);
	for (const char *s = url; *s; s++)
		mark = (mark ^ (unsigned char)*s) * 1099511628211u;
	return vl_xprintf("%s#%016" PRIx64, shown, mark);
}

static bool side_name(const struct vl_partial *p, char out[static 256], struct vl_err *e)
{
	if ((unsigned)snprintf(out, 256, "%s.json", p->name) >= 256)
		return vl_fail(e, VL_E_INTERNAL, "the partial file's name is too long: %s", p->name);
	return true;
}

/* A description that cannot be read is no description: the download begins anew. */
static void load_side(struct vl_partial *p, const char *side)
{
	VL_CLEAN(vl_buf) text = VL_BUF_INIT(16384);
	VL_AUTO(vl_json) json = NULL;
	const struct vl_jval *root;
	struct vl_err ignored = VL_ERR_INIT;
	bool absent = false;

	if (!vl_load_file(p->dir, side, &text, &absent, &ignored) || absent ||
	    !vl_json_parse(&json, vl_buf_bytes(&text), VL_JSON_OCI, side, VL_E_FORMAT, &ignored))
		return;
	root = vl_json_root(json);
	p->url = vl_xstrdup(vl_jval_str(vl_jval_get(root, "url")));
	p->etag = vl_xstrdup(vl_jval_str(vl_jval_get(root, "etag")));
	p->last_modified = vl_xstrdup(vl_jval_str(vl_jval_get(root, "last_modified")));
}

bool vl_partial_open(struct vl_partial *p, int dir, const char *name, struct vl_err *e)
{
	char side[256];
	struct stat st;

	p->dir = dir;
	p->name = name;
	if (!side_name(p, side, e))
		return false;
	p->fd = openat(dir, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	if (p->fd < 0)
		return vl_fail_os(e, "open the partial file %s", name);
	if (fstat(p->fd, &st))
		return vl_fail_os(e, "look at the partial file %s", name);
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1)
		return vl_fail(e, VL_E_IO, "the partial file %s is not a plain file of its own", name);
	p->have = (uint64_t)st.st_size;
	load_side(p, side);
	return true;
}

const char *vl_partial_validator(const struct vl_partial *p, const char *url)
{
	VL_STR key = disk_url(url);

	if (p->fd < 0 || p->have < 2 || !p->url || strcmp(p->url, key) != 0)
		return NULL;
	if (p->etag && strncmp(p->etag, "W/", 2) != 0)
		return p->etag;
	return p->last_modified;
}

static bool save_side(struct vl_partial *p, const char *side, struct vl_err *e)
{
	VL_CLEAN(vl_buf) text = VL_BUF_INIT(32768);
	struct vl_jw w;

	vl_jw_init(&w, &text, true);
	vl_jw_object(&w, NULL);
	vl_jw_str(&w, "url", p->url);
	vl_jw_str(&w, "etag", p->etag);
	vl_jw_str(&w, "last_modified", p->last_modified);
	vl_jw_object_end(&w);
	if (!vl_jw_end(&w, e))
		return false;
	return vl_save_file(p->dir, side, 0600, vl_buf_bytes(&text), e);
}

bool vl_partial_cut(struct vl_partial *p, uint64_t size, struct vl_err *e)
{
	if (p->have != size && ftruncate(p->fd, (off_t)size))
		return vl_fail_os(e, "shorten the partial file %s", p->name);
	p->have = size;
	return true;
}

bool vl_partial_restart(struct vl_partial *p, const char *url, const char *etag, const char *last_modified,
			struct vl_err *e)
{
	bool had = p->have > 0;
	char side[256];

	if (!side_name(p, side, e) || !vl_partial_cut(p, 0, e) || (had && !vl_fsync(p->fd, p->name, e)))
		return false;
	forget(p);
	if (!etag && !last_modified) {
		if (unlinkat(p->dir, side, 0) && errno != ENOENT)
			return vl_fail_os(e, "remove %s", side);
		return true;
	}
	p->url = disk_url(url);
	p->etag = vl_xstrdup(etag);
	p->last_modified = vl_xstrdup(last_modified);
	return save_side(p, side, e);
}

bool vl_partial_add(struct vl_partial *p, struct vl_bytes b, struct vl_err *e)
{
	if (!vl_pwrite_all(p->fd, b, p->have, e))
		return vl_while(e, "write the partial file %s", p->name);
	p->have += b.len;
	return true;
}

bool vl_partial_finish(struct vl_partial *p, struct vl_err *e)
{
	if (!vl_fsync(p->fd, p->name, e))
		return false;
	vl_partial_clear(p);
	return true;
}

void vl_partial_drop(struct vl_partial *p)
{
	struct vl_err ignored = VL_ERR_INIT;
	char side[256];

	if (p->fd < 0)
		return;
	/* The description first: bytes without one are never continued. */
	if (side_name(p, side, &ignored))
		unlinkat(p->dir, side, 0);
	forget(p);
	if (!ftruncate(p->fd, 0))
		p->have = 0;
	unlinkat(p->dir, p->name, 0);
	vl_partial_clear(p);
}
