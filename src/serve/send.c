/* SPDX-License-Identifier: Apache-2.0 */
/* serve/send.c: a filled reply becomes a response: conditions, ranges, headers, and which way the bytes go.
 * In:    what the routes say; the request's conditional headers; what is known about the blob.
 * Out:   one queued response, or a suspended request.
 * Keeps: HEAD gets the headers of GET. A blob that is known to be damaged is a 500, never bytes. */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/text.h"
#include "serve/core_priv.h"

#define ETAG_MAX (VL_DIGEST_OCI + 2)

static const char *etag_of(const struct vl_conn *c, char out[static ETAG_MAX])
{
	char oci[VL_DIGEST_OCI];

	snprintf(out, ETAG_MAX, "\"%s\"", vl_digest_oci(&c->req.reply.digest, oci));
	return out;
}

/* ---- headers ---- */

static void add(struct MHD_Response *response, const char *name, const char *value)
{
	/* NO: a value with a line end, or no memory. A header less is better than two. */
	if (value && *value && MHD_add_response_header(response, name, value) != MHD_YES)
		return;
}

static void add_blob_headers(const struct vl_conn *c, struct MHD_Response *response, unsigned status)
{
	const struct vl_visit *r = &c->req;
	char etag[ETAG_MAX], oci[VL_DIGEST_OCI], date[32], range[80];
	uint64_t size = r->reply.size;

	if (status == MHD_HTTP_RANGE_NOT_SATISFIABLE) {
		snprintf(range, sizeof range, "bytes */%" PRIu64, size);
		add(response, "Content-Range", range);
		return;
	}
	add(response, "ETag", etag_of(c, etag));
	add(response, "Accept-Ranges", "bytes");
	if (r->reply.docker_digest)
		add(response, "Docker-Content-Digest", vl_digest_oci(&r->reply.digest, oci));
	if (r->reply.modified)
		add(response, "Last-Modified", vl_http_date(r->reply.modified, date));
	if (status == MHD_HTTP_PARTIAL_CONTENT) {
		snprintf(range, sizeof range, "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, r->span.from,
			 r->span.from + r->span.len - 1, size);
		add(response, "Content-Range", range);
	}
}

static void add_headers(const struct vl_conn *c, struct MHD_Response *response, unsigned status)
{
	const struct vl_reply *r = &c->req.reply;

	if (status != MHD_HTTP_NOT_MODIFIED)
		add(response, "Content-Type", r->type ? r->type : "application/octet-stream");
	if (c->req.two_ends) /* what follows may be its body or another request: it is not read */
		add(response, "Connection", "close");
	add(response, "Cache-Control", r->cache);
	add(response, "X-Content-Type-Options", "nosniff");
	/* A file that upstream made may be a page: it must not act in the name of this server. */
	add(response, "Content-Security-Policy", r->policy ? r->policy : "default-src 'none'; sandbox");
	add(response, "Location", r->location);
	add(response, "Link", r->link);
	add(response, "OCI-Filters-Applied", r->filters);
	if (!strncmp(c->target, "/v2", 3) && (!c->target[3] || c->target[3] == '/'))
		add(response, "Docker-Distribution-Api-Version", "registry/2.0");
	if (status == MHD_HTTP_UNAUTHORIZED)
		add(response, "WWW-Authenticate", "Basic realm=\"valise\", charset=\"UTF-8\"");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		add(response, "Allow", "GET, HEAD");
	if (status == MHD_HTTP_TOO_MANY_REQUESTS || status == MHD_HTTP_SERVICE_UNAVAILABLE)
		add(response, "Retry-After", "5");
	if (r->is_blob)
		add_blob_headers(c, response, status);
}

/* ---- queueing ---- */

static enum MHD_Result queue(struct vl_conn *c, unsigned status, struct MHD_Response *response, uint64_t length)
{
	struct vl_visit *r = &c->req;

	if (!response)
		return MHD_NO;
	add_headers(c, response, status);
	r->status = status;
	r->length = length;
	r->stage = VL_STAGE_SENT;
	r->response = response; /* released when the request ends */
	return MHD_queue_response(c->mhd, status, response);
}

static bool hold_text(struct vl_conn *c, size_t len)
{
	if (len <= VL_TEXT_SMALL)
		return true;
	if (atomic_fetch_add(&c->server->texts, len) + len <= VL_TEXTS_MAX) {
		c->req.held = len;
		return true;
	}
	atomic_fetch_sub(&c->server->texts, len);
	return false;
}

static enum MHD_Result queue_memory(struct vl_conn *c, unsigned status, const uint8_t *data, size_t len)
{
	/* The reply owns the bytes until the request ends. MHD's parameter is not const, though it only reads. */
	void *bytes = len ? (void *)(uintptr_t)data : (void *)(uintptr_t)"";

	return queue(c, status, MHD_create_response_from_buffer(len, bytes, MHD_RESPMEM_PERSISTENT), len);
}

static enum MHD_Result say(struct vl_conn *c, int status, const char *code, const char *message)
{
	vl_visit_say(c, status, code, message);
	return queue_memory(c, (unsigned)status, c->req.reply.body.data, c->req.reply.body.len);
}

static enum MHD_Result say_damaged(struct vl_conn *c)
{
	char text[256], oci[VL_DIGEST_OCI];

	snprintf(text, sizeof text, "%s is damaged in this store and is not served; valise fsck tells more",
		 vl_digest_oci(&c->req.reply.digest, oci));
	return say(c, 500, "UNKNOWN", text);
}

/* For HEAD: a length without bytes. */
static ssize_t no_bytes(void *ctx, uint64_t pos, char *buf, size_t max)
{
	(void)ctx, (void)pos, (void)buf, (void)max;
	return MHD_CONTENT_READER_END_WITH_ERROR;
}

/* ---- the ways of a blob ---- */

/* Known to be whole. The kernel sends it; with TLS there is nothing to gain from that. */
static enum MHD_Result send_known(struct vl_conn *c)
{
	struct vl_visit *r = &c->req;
	unsigned status = r->span.kind == VL_SPAN_PART ? MHD_HTTP_PARTIAL_CONTENT : MHD_HTTP_OK;
	struct MHD_Response *response;
	int fd = vl_fd_steal(&r->fd);

	if (c->server->tls) {
		response = vl_reader_response(c->server, fd, &r->span, NULL, NULL);
	} else {
		response = MHD_create_response_from_fd_at_offset64(r->span.len, fd, r->span.from);
		if (!response)
			close(fd);
	}
	pthread_mutex_lock(&c->server->lock);
	r->sent_fd = response ? fd : -1;
	r->sendfile = response != NULL;
	r->response = response;
	pthread_mutex_unlock(&c->server->lock);
	return queue(c, status, response, r->span.len);
}

static enum MHD_Result send_small(struct vl_conn *c)
{
	struct vl_visit *r = &c->req;

	if (!vl_blob_slurp(c))
		return say_damaged(c);
	return queue_memory(c, r->span.kind == VL_SPAN_PART ? MHD_HTTP_PARTIAL_CONTENT : MHD_HTTP_OK,
			    r->reply.body.data + r->span.from, (size_t)r->span.len);
}

/* One client at a time hashes a blob on its way; whoever comes meanwhile waits for the hasher, which is faster than a
 * client and hashes once for all. */
static bool claim(struct vl_conn *c)
{
	struct vl_server *s = c->server;
	bool mine = true;

	pthread_mutex_lock(&s->lock);
	for (const struct vl_conn *o = s->conns; o && mine; o = o->next)
		mine = !o->req.hashing || !vl_digest_equal(&o->req.reply.digest, &c->req.reply.digest);
	c->req.hashing = mine;
	pthread_mutex_unlock(&s->lock);
	return mine;
}

static enum MHD_Result send_unknown(struct vl_conn *c)
{
	struct vl_visit *r = &c->req;

	if (r->ident.size <= VL_TAIL)
		return send_small(c);
	if (r->span.kind == VL_SPAN_WHOLE && claim(c)) {
		int fd = vl_fd_steal(&r->fd);

		return queue(c, MHD_HTTP_OK,
			     vl_reader_response(c->server, fd, &r->span, &r->reply.digest, &r->ident), r->span.len);
	}
	r->stage = VL_STAGE_BLOB;
	if (vl_clerk_give(&c->server->hasher, c, c->server->connections + 1))
		return MHD_YES;
	return say(c, 503, "UNAVAILABLE", "too many requests wait for blobs to be checked");
}

static bool open_blob(struct vl_conn *c, struct vl_err *e)
{
	struct vl_visit *r = &c->req;

	return vl_store_open_blob(r->hall->store, &r->reply.digest, r->reply.size, &r->fd, e) &&
	       vl_ident_of(r->fd, &r->ident);
}

/* In the second until a new generation is noticed, what is gone is no damage. */
static enum MHD_Result say_unopened(struct vl_conn *c, const struct vl_err *e)
{
	struct vl_ident none = { 0 };

	if (vl_hall_is_past(c->server, c->req.hall))
		return say(c, 503, "UNAVAILABLE", "the store has just changed; ask again");
	vl_blob_damaged(c->server, &c->req.reply.digest, &none, e->code ? e->msg : "it cannot be looked at");
	return say_damaged(c);
}

static enum MHD_Result send_bytes(struct vl_conn *c, enum vl_verdict v)
{
	switch (v) {
	case VL_BLOB_WHOLE:
		return c->req.ident.size <= VL_TAIL ? send_small(c) : send_known(c);
	case VL_BLOB_DAMAGED:
		return say_damaged(c);
	case VL_BLOB_UNKNOWN:
		break;
	}
	return send_unknown(c);
}

static const char *header(const struct vl_conn *c, const char *name)
{
	return MHD_lookup_connection_value(c->mhd, MHD_HEADER_KIND, name);
}

static bool not_modified(const struct vl_conn *c, const char *etag)
{
	const char *none = header(c, "If-None-Match"), *since = header(c, "If-Modified-Since");
	int64_t t;

	if (none)
		return vl_etag_listed(none, etag);
	return since && c->req.reply.modified && vl_http_date_parse(since, &t) && c->req.reply.modified <= t;
}

static enum MHD_Result send_blob(struct vl_conn *c)
{
	struct vl_visit *r = &c->req;
	struct vl_err e = VL_ERR_INIT;
	char etag[ETAG_MAX];

	vl_span_parse(NULL, r->reply.size, &r->span);
	if (!open_blob(c, &e))
		return say_unopened(c, &e);
	r->verdict = vl_known_get(c->server->known, &r->reply.digest, &r->ident, vl_clock_ms());
	if (r->verdict == VL_BLOB_DAMAGED)
		return say_damaged(c);
	if (not_modified(c, etag_of(c, etag)))
		return queue_memory(c, MHD_HTTP_NOT_MODIFIED, NULL, 0);
	if (r->head) /* a range is defined for GET only */
		return queue(c, MHD_HTTP_OK, MHD_create_response_from_callback(r->reply.size, 1, no_bytes, NULL, NULL),
			     r->reply.size);
	if (vl_if_range(header(c, "If-Range"), etag, r->reply.modified))
		vl_span_parse(header(c, "Range"), r->reply.size, &r->span);
	if (r->span.kind == VL_SPAN_NONE)
		return queue_memory(c, MHD_HTTP_RANGE_NOT_SATISFIABLE, NULL, 0);
	return send_bytes(c, r->verdict);
}

enum MHD_Result vl_send(struct vl_conn *c)
{
	struct vl_reply *r = &c->req.reply;

	if (r->is_blob && r->status == 200)
		return send_blob(c);
	if (!c->req.head && !hold_text(c, r->body.len))
		return say(c, 503, "TOOMANYREQUESTS", "too many long answers wait for their clients; try again soon");
	return queue_memory(c, (unsigned)r->status, r->body.data, r->body.len);
}

enum MHD_Result vl_send_go_on(struct vl_conn *c)
{
	if (c->req.verdict == VL_BLOB_UNKNOWN)
		return say(c, 503, "UNAVAILABLE", "the file changed while it was checked; try again");
	return send_bytes(c, c->req.verdict);
}
