/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline/repair.c: damaged blobs from somewhere else.
 * In:    a bundle that trusted keys have signed; another store or OCI layout.
 * Out:   blobs whose digest the store wants, hashed before they have their name.
 * Keeps: nothing is installed and no sequence counts: only what the store already names comes in, and its digest proves
 *        it. A bundle is verified like for unpack all the same: a medium that nobody vouches for is not parsed. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "pipeline/check_priv.h"
#include "pipeline/choose.h"

#define CHUNK (1u << 20)

/* ---- one blob ---- */

/* The damaged file, when places share it: they are mended by writing the good content over it. -1: nobody shares it. */
static int open_shared(const struct check *k, const struct vl_digest *d)
{
	char hex[VL_DIGEST_HEX];
	VL_STR path = vl_xprintf("blobs/sha256/%s", vl_digest_hex(d, hex));
	VL_FD old = openat(vl_store_dir(k->s), path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	int fd = -1;

	if (old < 0 || fstat(old, &st) < 0 || !S_ISREG(st.st_mode) || st.st_nlink < 2 || fchmod(old, 0644) < 0)
		return -1;
	fd = openat(vl_store_dir(k->s), path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	(void)!fchmod(old, 0444);
	return fd;
}

/* Only what has the right digest is written over anything. */
static bool is_whole(const struct vl_fault *f, const struct vl_blob *b, struct vl_err *e)
{
	struct vl_digest got;
	uint64_t size = 0;

	if (lseek(b->fd, 0, SEEK_SET) < 0)
		return vl_fail_os(e, "staging/%s", b->name);
	return vl_sha256_fd(b->fd, &got, &size, e) && size == f->size && vl_digest_equal(&got, &f->digest);
}

static bool write_over(const struct vl_blob *b, int shared, struct vl_err *e)
{
	VL_STR chunk = NULL;
	void *mem = NULL;
	uint64_t at = 0;
	size_t got = 0;

	if (!vl_alloc(&mem, CHUNK, e))
		return false;
	chunk = mem;
	if (lseek(b->fd, 0, SEEK_SET) < 0)
		return vl_fail_os(e, "staging/%s", b->name);
	do {
		if (!vl_read_full(b->fd, chunk, CHUNK, &got, e) ||
		    !vl_pwrite_all(shared, vl_bytes(chunk, got), at, e))
			return false;
		at += got;
	} while (got == CHUNK);
	return !ftruncate(shared, (off_t)at) ? vl_fsync(shared, "a place's file", e) : vl_fail_os(e, "a place's file");
}

/* b has all its bytes. Places are mended while the blob still counts as damaged: whoever is killed meanwhile is found
 * by the next fsck, which looks at blobs and not at places. Then there is nothing left to rename. */
static bool finish(struct check *k, struct vl_fault *f, struct vl_blob *b, struct vl_err *e)
{
	char hex[VL_DIGEST_HEX];
	VL_FD shared = open_shared(k, &f->digest);
	struct vl_err why = VL_ERR_INIT;

	if (shared >= 0 && is_whole(f, b, &why) && !write_over(b, shared, &why))
		vl_emit_warn(k->env, "places that show sha256:%s are not mended: %s", vl_digest_hex(&f->digest, hex),
			     why.msg);
	if (!vl_blob_finish(b, &f->digest, NULL, NULL, e))
		return false;
	vl_check_mended(k, f);
	return true;
}

/* ---- from a bundle ---- */

struct taking {
	struct check *k;
	struct vl_fault *f; /* whose blob is being put together, or NULL */
	struct vl_blob b;
};

static bool take_segment(void *ctx, const struct vl_segment *seg, const char *parcel, struct vl_err *e)
{
	struct taking *t = ctx;
	uint64_t offset = seg->whole ? 0 : seg->offset;

	if (!offset) {
		vl_blob_clear(&t->b);
		t->f = vl_check_wanted(t->k, &seg->blob);
		if (t->f && !vl_blob_begin(&t->b, t->k->s, t->f->size, e))
			return false;
	}
	if (!t->f || !vl_digest_equal(&seg->blob, &t->f->digest))
		return true;
	if (offset != t->b.end || seg->data.len > t->f->size - offset)
		return vl_fail(e, VL_E_PARCEL, "%s: the pieces of a blob do not fit together", parcel);
	if (!vl_blob_write(&t->b, offset, seg->data, e))
		return false;
	if (t->b.end < t->f->size)
		return true;
	return finish(t->k, vl_steal(&t->f), &t->b, e);
}

static bool take_bundle(struct check *k, struct vl_carried *carried, const struct vl_trust *trust, struct vl_err *e)
{
	struct taking t = { .k = k, .b = VL_BLOB_INIT };
	struct vl_parcel_report report = { .phase = "repair" };
	VL_AUTO(vl_checked) checked = NULL;
	bool good;

	if (!vl_verify_waybill(&checked, carried, trust, e))
		return vl_while(e, "%s", vl_carried_path(carried));
	good = vl_verify_parcels(checked, take_segment, &t, &report, k->env, e) ||
	       vl_while(e, "%s", vl_carried_path(carried));
	vl_blob_clear(&t.b);
	return good;
}

/* What is wrong with a source is a warning; what is wrong with this host, or was said wrongly, is the end. */
static bool go_on(const struct check *k, bool good, struct vl_err *e)
{
	int class = good ? 0 : vl_code_exit(e->code);

	if (good)
		return true;
	if (class < 10 || class == 21 || class == 23 || e->code == VL_E_READONLY)
		return false;
	vl_emit_warn(k->env, "E%04d: %s", (int)e->code, e->msg);
	return true;
}

static bool from_bundles(struct check *k, const char *path, struct vl_err *e)
{
	struct vl_unpack_opts like = { .trust = k->o->trust };
	VL_CLEAN(vl_trust) trust = { .n = 0 };
	VL_CLEAN(vl_carried_list) found = { .n = 0 };

	if (!vl_choose_trust(&trust, &like, k->s, k->env, e))
		return false;
	if (!vl_media_find(&found, path, k->env, e))
		return go_on(k, false, e);
	for (size_t i = 0; i < found.n; i++)
		if (!go_on(k, take_bundle(k, found.item[i], &trust, e), e))
			return false;
	return true;
}

/* ---- from a store or an OCI layout ---- */

static bool copy_blob(struct check *k, struct vl_fault *f, int dir, struct vl_err *e)
{
	VL_CLEAN(vl_blob) b = VL_BLOB_INIT;
	char hex[VL_DIGEST_HEX];
	VL_STR chunk = NULL;
	void *mem = NULL;
	uint64_t size = 0;
	size_t got = 0;
	VL_FD in = -1;

	if (!vl_open_regular(dir, vl_digest_hex(&f->digest, hex), &in, &size, e))
		return false;
	if (size != f->size)
		return vl_fail(e, VL_E_SIZE, "blob sha256:%s has another size there", hex);
	if (!vl_alloc(&mem, CHUNK, e))
		return false;
	chunk = mem;
	if (!vl_blob_begin(&b, k->s, size, e))
		return false;
	do {
		if (!vl_env_go_on(k->env, e) || !vl_read_full(in, chunk, CHUNK, &got, e) ||
		    !vl_blob_write(&b, b.end, vl_bytes(chunk, got), e))
			return false;
	} while (got == CHUNK && b.end <= size);
	return finish(k, f, &b, e);
}

static bool from_layout(struct check *k, const char *path, int dir, struct vl_err *e)
{
	char hex[VL_DIGEST_HEX];
	struct stat st;

	for (size_t i = 0; i < k->r->n; i++) {
		struct vl_fault *f = &k->r->fault[i];

		if (f->mended || fstatat(dir, vl_digest_hex(&f->digest, hex), &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (!copy_blob(k, f, dir, e) && !go_on(k, false, e))
			return vl_while(e, "%s", path);
	}
	return true;
}

bool vl_check_repair(struct check *k, const char *from, struct vl_err *e)
{
	VL_STR blobs = vl_xprintf("%s/blobs/sha256", from);
	VL_STR safe = vl_safe_text(from, 200);
	VL_FD dir = open(blobs, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return from_bundles(k, from, e);
	return from_layout(k, safe, dir, e);
}
