/* SPDX-License-Identifier: Apache-2.0 */
/* media/readback.c: is what the medium says what we wrote?
 * In:    a volume to which everything was put and synced.
 * Out:   success, or the first file that differs.
 * Keeps: the comparison is with hashes taken from memory before writing; the page cache is dropped first, so that it is
 *        the medium that answers and not our own memory of it. */
#include "media/volume.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"

#define CHUNK (1u << 20)

struct reader {
	struct vl_volume *v;
	struct vl_sha256 *sha;
	uint8_t *chunk;
	uint64_t done, total;
};

static bool drop_cache(int fd, const char *name, struct vl_err *e)
{
	/* Dirty pages are not dropped: they must be on the medium first. */
	if (!vl_fsync(fd, name, e))
		return false;
	return posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) ? vl_fail(e, VL_E_IO, "drop the cache of %s", name) : true;
}

static bool hash_file(struct reader *r, int fd, struct vl_digest *is, uint64_t *size, struct vl_err *e)
{
	size_t got = CHUNK;

	*size = 0;
	while (got == CHUNK) {
		if (!vl_env_go_on(r->v->env, e) || !vl_read_full(fd, r->chunk, CHUNK, &got, e))
			return false;
		vl_sha256_add(r->sha, vl_bytes(r->chunk, got));
		*size += got;
		r->done += got;
		vl_emit_progress(r->v->env, "read back", r->done, r->total);
	}
	vl_sha256_end(r->sha, is);
	return true;
}

static bool compare(const struct vl_volume *v, const struct vl_put_file *f, const struct vl_digest *is, uint64_t size,
		    struct vl_err *e)
{
	char want[VL_DIGEST_HEX], got[VL_DIGEST_HEX];

	if (size == f->size && vl_digest_equal(is, &f->sha256))
		return true;
	vl_digest_hex(&f->sha256, want);
	vl_digest_hex(is, got);
	vl_fail(e, VL_E_READBACK, "%s/%s: read back %" PRIu64 " bytes with sha256 %s, written were %" PRIu64
		" bytes with sha256 %s", v->path, f->name, size, got, f->size, want);
	return vl_found(e, f->name, got, want);
}

static bool read_back_one(struct reader *r, const struct vl_put_file *f, struct vl_err *e)
{
	VL_FD fd = -1;
	struct vl_digest is;
	uint64_t size;

	if (!vl_open_regular(r->v->dir, f->name, &fd, NULL, e) || !drop_cache(fd, f->name, e) ||
	    !hash_file(r, fd, &is, &size, e)) {
		vl_while(e, "read back %s", r->v->path);
		return vl_found(e, f->name, NULL, NULL);
	}
	return compare(r->v, f, &is, size, e);
}

bool vl_volume_read_back(struct vl_volume *v, struct vl_err *e)
{
	VL_AUTO(vl_sha256) sha = vl_sha256_new();
	VL_STR chunk = vl_xcalloc(1, CHUNK);
	struct reader r = { .v = v, .sha = sha };

	r.chunk = (uint8_t *)chunk;
	for (size_t i = 0; i < v->n; i++)
		r.total += v->file[i].size;
	vl_emit_phase(v->env, "read back", r.total);
	for (size_t i = 0; i < v->n; i++)
		if (!read_back_one(&r, &v->file[i], e))
			return false;
	vl_emit_phase_end(v->env, "read back", r.done);
	return true;
}
