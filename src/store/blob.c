/* SPDX-License-Identifier: Apache-2.0 */
/* store/blob.c: bytes into the store and out of it.
 * In:    bytes at offsets, in any order, and perhaps the digest they must have.
 * Out:   blobs/sha256/<hex>, mode 0444, there only when complete, hashed and fsynced.
 * Keeps: a blob's name is the digest of its content. A file that could not be fsynced is thrown away: the kernel
 *        marks pages clean after a failed fsync, so a second fsync would lie. */
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "store/store_priv.h"

#define CHUNK (1u << 20)

/* ---- reading ---- */

static bool find(const struct vl_store *s, const struct vl_digest *d, uint64_t *size)
{
	char hex[VL_DIGEST_HEX];
	struct stat st;

	if (fstatat(s->blobs, vl_digest_hex(d, hex), &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
		return false;
	*size = (uint64_t)st.st_size;
	return true;
}

bool vl_store_has(const struct vl_store *s, const struct vl_digest *d, uint64_t size)
{
	uint64_t found;

	return find(s, d, &found) && found == size;
}

static bool wrong_size(const char *name, uint64_t found, uint64_t want, struct vl_err *e)
{
	char f[32], w[32];

	vl_fail(e, VL_E_STORE, "blob %s: %" PRIu64 " bytes instead of %" PRIu64, name, found, want);
	snprintf(f, sizeof f, "%" PRIu64, found);
	snprintf(w, sizeof w, "%" PRIu64, want);
	return vl_found(e, name, f, w);
}

bool vl_store_open_blob(const struct vl_store *s, const struct vl_digest *d, uint64_t size, int *fd, struct vl_err *e)
{
	char hex[VL_DIGEST_HEX];
	VL_FD in = -1;
	uint64_t found;

	vl_digest_hex(d, hex);
	if (!find(s, d, &found)) {
		vl_fail(e, VL_E_STORE, "blob %s is missing", hex);
		return vl_found(e, hex, NULL, NULL);
	}
	if (!vl_open_regular(s->blobs, hex, &in, &found, e))
		return vl_while(e, "blob %s", hex);
	if (found != size)
		return wrong_size(hex, found, size, e);
	*fd = vl_fd_steal(&in);
	return true;
}

static bool damaged(const struct vl_digest *want, const struct vl_digest *got, struct vl_err *e)
{
	char w[VL_DIGEST_HEX], g[VL_DIGEST_HEX];

	vl_fail(e, VL_E_STORE, "blob %s is damaged: its content has sha256 %s", vl_digest_hex(want, w),
		vl_digest_hex(got, g));
	return vl_found(e, w, g, w);
}

bool vl_store_get(const struct vl_store *s, const struct vl_digest *d, uint64_t size, struct vl_buf *out,
		  struct vl_err *e)
{
	char hex[VL_DIGEST_HEX];
	struct vl_digest got;
	uint8_t *at;
	size_t len;
	VL_FD fd = -1;

	vl_buf_reset(out);
	vl_digest_hex(d, hex);
	if (!vl_store_open_blob(s, d, size, &fd, e))
		return false;
	if (size > out->max)
		return vl_fail(e, VL_E_LIMIT, "blob %s: %" PRIu64 " bytes are more than the %zu it may have", hex, size,
			       out->max);
	if (!vl_buf_room(out, (size_t)size, &at, e) || !vl_read_full(fd, at, (size_t)size, &len, e))
		return vl_while(e, "blob %s", hex);
	if (len != size)
		return wrong_size(hex, len, size, e);
	out->len += len;
	out->data[out->len] = 0;
	vl_sha256_of(vl_buf_bytes(out), &got);
	return vl_digest_equal(&got, d) || damaged(d, &got, e);
}

bool vl_store_check_blob(const struct vl_store *s, const struct vl_digest *d, uint64_t size, bool *good,
			 struct vl_err *e)
{
	char hex[VL_DIGEST_HEX];
	struct vl_digest got;
	uint64_t len = 0;
	VL_FD fd = -1;

	*good = false;
	vl_digest_hex(d, hex);
	if (!vl_store_has(s, d, size))
		return true;
	if (!vl_open_regular(s->blobs, hex, &fd, NULL, e) || !vl_sha256_fd(fd, &got, &len, e))
		return vl_while(e, "blob %s", hex);
	*good = len == size && vl_digest_equal(&got, d);
	return true;
}

/* ---- writing ---- */

/* Room now instead of ENOSPC after an hour. A file system that cannot reserve is not at fault. */
static bool reserve(int fd, uint64_t size, struct vl_err *e)
{
	char text[24];

	while (fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)size) < 0) {
		if (errno == EINTR)
			continue;
		if (errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL)
			return true;
		return vl_fail_os(e, "reserve %s in the store", vl_size_text(size, text));
	}
	return true;
}

bool vl_blob_begin(struct vl_blob *b, struct vl_store *s, uint64_t size, struct vl_err *e)
{
	char hex[33];
	uint8_t random[16];

	if (!vl_store_writable(s, e))
		return false;
	if (size > VL_BLOB_MAX)
		return vl_fail(e, VL_E_LIMIT, "a blob of %" PRIu64 " bytes: more than 1 TiB", size);
	*b = (struct vl_blob)VL_BLOB_INIT;
	vl_random(random, sizeof random);
	vl_hex(random, sizeof random, hex);
	snprintf(b->name, sizeof b->name, "%s.part", hex);
	b->store = s;
	b->fd = openat(s->staging, b->name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (b->fd < 0)
		return vl_fail_os(e, "create staging/%s in %s", b->name, s->path);
	b->sha = vl_sha256_new();
	if (size && !reserve(b->fd, size, e)) {
		vl_blob_clear(b);
		return false;
	}
	return true;
}

bool vl_blob_write(struct vl_blob *b, uint64_t offset, struct vl_bytes bytes, struct vl_err *e)
{
	uint64_t end;

	if (__builtin_add_overflow(offset, (uint64_t)bytes.len, &end) || end > VL_BLOB_MAX)
		return vl_fail(e, VL_E_LIMIT, "a blob of more than 1 TiB");
	if (!vl_pwrite_all(b->fd, bytes, offset, e))
		return vl_while(e, "write staging/%s in %s", b->name, b->store->path);
	if (offset < b->hashed) { /* hashed bytes have changed: finish() begins anew */
		struct vl_digest unused;

		vl_sha256_end(b->sha, &unused);
		b->hashed = 0;
	} else if (offset == b->hashed) {
		vl_sha256_add(b->sha, bytes);
		b->hashed = end;
	}
	if (end > b->end)
		b->end = end;
	return true;
}

static bool hash_rest(struct vl_blob *b, struct vl_err *e)
{
	VL_STR chunk = NULL;
	void *mem = NULL;
	size_t got;

	if (b->hashed == b->end)
		return true;
	if (!vl_alloc(&mem, CHUNK, e))
		return false;
	chunk = mem;
	if (lseek(b->fd, (off_t)b->hashed, SEEK_SET) < 0)
		return vl_fail_os(e, "staging/%s", b->name);
	while (b->hashed < b->end) {
		if (!vl_read_full(b->fd, chunk, CHUNK, &got, e))
			return vl_while(e, "staging/%s", b->name);
		if (!got)
			return vl_fail(e, VL_E_IO, "staging/%s became shorter while it was written", b->name);
		vl_sha256_add(b->sha, vl_bytes(chunk, got));
		b->hashed += got;
	}
	return true;
}

/* One rename makes it visible. What is there already stays when it is whole: somebody may have it open or linked. */
static bool publish(struct vl_blob *b, const struct vl_digest *d, struct vl_err *e)
{
	char hex[VL_DIGEST_HEX];
	bool good = false;

	vl_digest_hex(d, hex);
	if (!vl_store_check_blob(b->store, d, b->end, &good, e))
		good = false; /* unreadable is damaged as well */
	if (good)
		return true; /* ours goes with vl_blob_clear() */
	if (ftruncate(b->fd, (off_t)b->end) < 0 || fchmod(b->fd, 0444) < 0)
		return vl_fail_os(e, "staging/%s", b->name);
	if (!vl_fsync(b->fd, b->name, e))
		return false;
	if (renameat(b->store->staging, b->name, b->store->blobs, hex) < 0)
		return vl_fail_os(e, "move staging/%s to blobs/sha256/%s", b->name, hex);
	b->name[0] = '\0';
	return true;
}

bool vl_blob_finish(struct vl_blob *b, const struct vl_digest *want, struct vl_digest *digest, uint64_t *size,
		    struct vl_err *e)
{
	char w[VL_DIGEST_HEX], g[VL_DIGEST_HEX];
	struct vl_digest got;

	if (!hash_rest(b, e))
		return false;
	vl_sha256_end(b->sha, &got);
	b->hashed = 0;
	if (want && !vl_digest_equal(&got, want)) {
		vl_fail(e, VL_E_DIGEST, "blob sha256:%s: its content has sha256 %s", vl_digest_hex(want, w),
			vl_digest_hex(&got, g));
		return vl_found(e, NULL, g, w);
	}
	if (!publish(b, &got, e))
		return false;
	if (digest)
		*digest = got;
	if (size)
		*size = b->end;
	vl_blob_clear(b);
	return true;
}

void vl_blob_clear(struct vl_blob *b)
{
	if (b->fd >= 0)
		close(b->fd);
	if (b->store && b->name[0])
		unlinkat(b->store->staging, b->name, 0);
	vl_sha256_free(b->sha);
	*b = (struct vl_blob)VL_BLOB_INIT;
}

bool vl_store_put(struct vl_store *s, struct vl_bytes bytes, struct vl_digest *d, struct vl_err *e)
{
	VL_CLEAN(vl_blob) b = VL_BLOB_INIT;
	struct vl_digest want;
	bool good = false;

	vl_sha256_of(bytes, &want);
	*d = want;
	if (!vl_store_check_blob(s, &want, bytes.len, &good, e))
		good = false;
	return good || (vl_blob_begin(&b, s, 0, e) && vl_blob_write(&b, 0, bytes, e) &&
			vl_blob_finish(&b, &want, NULL, NULL, e));
}

bool vl_store_put_fd(struct vl_store *s, int fd, struct vl_digest *d, uint64_t *size, struct vl_err *e)
{
	VL_CLEAN(vl_blob) b = VL_BLOB_INIT;
	VL_STR chunk = NULL;
	void *mem = NULL;
	struct stat st;
	size_t got = 0;

	if (fstat(fd, &st) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return vl_fail_os(e, "a file for the store");
	if (!vl_alloc(&mem, CHUNK, e))
		return false;
	chunk = mem;
	if (!vl_blob_begin(&b, s, (uint64_t)st.st_size, e))
		return false;
	do {
		if (!vl_read_full(fd, chunk, CHUNK, &got, e) || !vl_blob_write(&b, b.end, vl_bytes(chunk, got), e))
			return false;
	} while (got == CHUNK);
	return vl_blob_finish(&b, NULL, d, size, e);
}

static bool adopt_hash(int fd, const struct vl_digest *want, uint64_t size, struct vl_err *e)
{
	char w[VL_DIGEST_HEX], g[VL_DIGEST_HEX];
	struct vl_digest got;
	uint64_t len = 0;

	if (!vl_sha256_fd(fd, &got, &len, e))
		return false;
	if (len != size) {
		snprintf(g, sizeof g, "%" PRIu64, len);
		snprintf(w, sizeof w, "%" PRIu64, size);
		vl_fail(e, VL_E_SIZE, "%s bytes instead of %s", g, w);
		return vl_found(e, NULL, g, w);
	}
	if (vl_digest_equal(&got, want))
		return true;
	vl_fail(e, VL_E_DIGEST, "its content has sha256 %s, not %s", vl_digest_hex(&got, g), vl_digest_hex(want, w));
	return vl_found(e, NULL, g, w);
}

bool vl_store_adopt(struct vl_store *s, int dir, const char *name, const struct vl_digest *want, uint64_t size,
		    struct vl_err *e)
{
	char hex[VL_DIGEST_HEX];
	bool good = false;
	uint64_t there;
	VL_FD fd = -1;

	if (!vl_store_writable(s, e) || !vl_open_regular(dir, name, &fd, &there, e))
		return false;
	if (!adopt_hash(fd, want, size, e))
		return vl_while(e, "%s", name);
	if (!vl_store_check_blob(s, want, size, &good, e))
		good = false; /* unreadable is damaged as well */
	if (good)
		return !unlinkat(dir, name, 0) || vl_fail_os(e, "remove %s", name);
	if (fchmod(fd, 0444) < 0)
		return vl_fail_os(e, "%s", name);
	return vl_fsync(fd, name, e) && (!renameat(dir, name, s->blobs, vl_digest_hex(want, hex)) ||
					 vl_fail_os(e, "move %s to blobs/sha256/%s", name, hex));
}

bool vl_store_sync(struct vl_store *s, struct vl_err *e)
{
	return vl_fsync(s->blobs, "blobs/sha256", e);
}
