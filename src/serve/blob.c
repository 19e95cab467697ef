/* SPDX-License-Identifier: Apache-2.0 */
/* serve/blob.c: reading blobs while not trusting the disk.
 * In:    an open blob and the digest in its name.
 * Out:   its bytes: from memory, hashed before the first one goes out, when it is small; hashed on the way, when it is
 *        large and not known to be whole; read and no more, when it is known.
 * Keeps: whoever gets a blob to its end got bytes with its digest: the last ones leave only after the sum is right, and
 *        they leave from memory, as they were hashed. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "serve/core_priv.h"

#define BLOCK (64u << 10) /* what libmicrohttpd asks for at a time */
#define CHUNK (256u << 10)

void vl_blob_damaged(struct vl_server *s, const struct vl_digest *d, const struct vl_ident *i, const char *why)
{
	char hex[VL_DIGEST_HEX];

	if (!vl_known_set(s->known, d, i, VL_BLOB_DAMAGED, vl_clock_ms()))
		return;
	s->count.damaged++;
	vl_digest_hex(d, hex);
	vl_notes_add(s->notes, VL_EV_WARN, NULL, 0,
		     "blob sha256:%s is not served: %s (%s/blobs/sha256/%s); valise fsck tells which items need it",
		     hex, why, s->store, hex);
}

/* True when the file is still what it was when the hashing began; else the sum says nothing about what is there now. */
static bool settle(struct vl_server *s, int fd, const struct vl_digest *d, const struct vl_ident *i,
		   const struct vl_digest *got, enum vl_verdict *v)
{
	*v = VL_BLOB_UNKNOWN;
	if (vl_digest_equal(d, got))
		*v = VL_BLOB_WHOLE;
	else
		vl_blob_damaged(s, d, i, "its bytes do not have that digest");
	if (!vl_ident_holds(fd, i))
		return false;
	if (*v)
		vl_known_set(s->known, d, i, *v, vl_clock_ms());
	else
		*v = VL_BLOB_DAMAGED;
	return true;
}

static bool pread_full(int fd, void *into, size_t len, uint64_t at)
{
	size_t have = 0;

	while (have < len) {
		ssize_t n = pread(fd, (uint8_t *)into + have, len - have, (off_t)(at + have));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		have += (size_t)n;
	}
	return true;
}

/* ---- small blobs ---- */

bool vl_blob_slurp(struct vl_conn *c)
{
	struct vl_visit *r = &c->req;
	const struct vl_digest *want = &r->reply.digest;
	struct vl_err ignored = VL_ERR_INIT;
	size_t size = (size_t)r->ident.size;
	enum vl_verdict v;
	struct vl_digest got;
	uint8_t *at = NULL;

	vl_buf_reset(&r->reply.body);
	if (!vl_buf_room(&r->reply.body, size, &at, &ignored) || !pread_full(r->fd, at, size, 0)) {
		vl_blob_damaged(c->server, want, &r->ident, "it cannot be read");
		return false;
	}
	r->reply.body.len = size;
	vl_sha256_of(vl_bytes(at, size), &got);
	if (!vl_digest_equal(want, &got))
		settle(c->server, r->fd, want, &r->ident, &got, &v);
	return vl_digest_equal(want, &got);
}

/* ---- large blobs, by libmicrohttpd's asking ---- */

struct vl_reader {
	struct vl_server *server;
	int fd;
	struct vl_span span;
	struct vl_digest digest;
	struct vl_ident ident;
	struct vl_sha256 *sha; /* NULL: only read */
	uint8_t *tail;         /* hashed and found right; the end of the blob */
	uint64_t tail_from;
};

static void vl_reader_free(void *ctx)
{
	struct vl_reader *r = ctx;

	close(r->fd);
	vl_sha256_free(r->sha);
	free(r->tail);
	free(r);
}

static ssize_t broken(struct vl_reader *r, const char *why)
{
	vl_blob_damaged(r->server, &r->digest, &r->ident, why);
	return MHD_CONTENT_READER_END_WITH_ERROR;
}

static bool load_tail(struct vl_reader *r)
{
	size_t len = (size_t)(r->ident.size - r->tail_from);
	struct vl_digest got;
	enum vl_verdict v;

	r->tail = vl_xcalloc(1, VL_TAIL);
	if (!pread_full(r->fd, r->tail, len, r->tail_from)) {
		broken(r, "its end cannot be read");
		return false;
	}
	vl_sha256_add(r->sha, vl_bytes(r->tail, len));
	vl_sha256_end(r->sha, &got);
	settle(r->server, r->fd, &r->digest, &r->ident, &got, &v);
	return vl_digest_equal(&r->digest, &got);
}

static ssize_t read_hashing(struct vl_reader *r, uint64_t pos, char *buf, size_t max)
{
	if (pos < r->tail_from) {
		if (max > r->tail_from - pos)
			max = (size_t)(r->tail_from - pos);
		if (!pread_full(r->fd, buf, max, pos))
			return broken(r, "it cannot be read");
		vl_sha256_add(r->sha, vl_bytes(buf, max));
		return (ssize_t)max;
	}
	if (!r->tail && !load_tail(r))
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (max > r->ident.size - pos)
		max = (size_t)(r->ident.size - pos);
	memcpy(buf, r->tail + (pos - r->tail_from), max);
	return (ssize_t)max;
}

static ssize_t read_known(struct vl_reader *r, uint64_t pos, char *buf, size_t max)
{
	if (max > r->span.len - pos)
		max = (size_t)(r->span.len - pos);
	if (!pread_full(r->fd, buf, max, r->span.from + pos))
		return MHD_CONTENT_READER_END_WITH_ERROR;
	return (ssize_t)max;
}

static ssize_t read_some(void *ctx, uint64_t pos, char *buf, size_t max)
{
	struct vl_reader *r = ctx;

	if (pos >= r->span.len)
		return MHD_CONTENT_READER_END_OF_STREAM;
	return r->sha ? read_hashing(r, pos, buf, max) : read_known(r, pos, buf, max);
}

struct MHD_Response *vl_reader_response(struct vl_server *s, int fd, const struct vl_span *span,
					const struct vl_digest *d, const struct vl_ident *i)
{
	struct vl_reader *r = vl_xcalloc(1, sizeof *r);
	struct MHD_Response *out;

	*r = (struct vl_reader){ .server = s, .fd = fd, .span = *span };
	if (d) {
		r->digest = *d;
		r->ident = *i;
		r->sha = vl_sha256_new();
		r->tail_from = i->size > VL_TAIL ? i->size - VL_TAIL : 0;
	}
	out = MHD_create_response_from_callback(span->len, BLOCK, read_some, r, vl_reader_free);
	if (!out)
		vl_reader_free(r);
	return out;
}

/* ---- large blobs, by the hasher: ranges of what is not known yet ---- */

static bool hash_fd(struct vl_conn *c, struct vl_digest *out)
{
	VL_AUTO(vl_sha256) sha = vl_sha256_new();
	uint64_t size = c->req.ident.size;
	VL_STR chunk = vl_xcalloc(1, CHUNK);

	for (uint64_t at = 0; at < size;) {
		size_t n = size - at < CHUNK ? (size_t)(size - at) : CHUNK;

		if (c->server->stopping)
			return false;
		if (!pread_full(c->req.fd, chunk, n, at)) {
			vl_blob_damaged(c->server, &c->req.reply.digest, &c->req.ident, "it cannot be read");
			c->req.verdict = VL_BLOB_DAMAGED;
			return false;
		}
		vl_sha256_add(sha, vl_bytes(chunk, n));
		at += n;
	}
	vl_sha256_end(sha, out);
	return true;
}

void vl_blob_hash(struct vl_conn *c)
{
	struct vl_visit *r = &c->req;
	enum vl_verdict v;
	struct vl_digest got;

	/* Whoever waited before may have waited for the same. */
	r->verdict = vl_known_get(c->server->known, &r->reply.digest, &r->ident, vl_clock_ms());
	if (!r->verdict && hash_fd(c, &got) && settle(c->server, r->fd, &r->reply.digest, &r->ident, &got, &v))
		r->verdict = v;
	vl_conn_resume(c);
}
