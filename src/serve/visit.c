/* SPDX-License-Identifier: Apache-2.0 */
/* serve/visit.c: one request from its target to its line in the log.
 * In:    what libmicrohttpd read: method, headers; the target as it was sent.
 * Out:   a reply from the routes, or one of the server's own; handed to send.c.
 * Keeps: nothing is decoded before it is judged. libmicrohttpd by itself turns %2f into a slash and cuts at %00; here
 *        its decoder does nothing, and a path with a '%' goes no further than to the routes' table of files. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "serve/core_priv.h"

#define DRAIN_MAX (64u << 10) /* bytes of an unwanted body that are read, so that the client gets to read the answer */
#define VALUE_MAX 1024
#define REPLY_MAX (64u << 20)

/* The target as it came, before libmicrohttpd takes it apart. */
void *vl_visit_target(void *server, const char *target, struct MHD_Connection *mhd)
{
	struct vl_conn *c = vl_conn_of(mhd);
	size_t len = strlen(target);

	(void)server;
	if (!c)
		return NULL;
	c->target_long = len > VL_URL_MAX;
	if (len > VL_URL_MAX)
		len = VL_URL_MAX;
	memcpy(c->target, target, len);
	c->target[len] = '\0';
	return NULL;
}

static bool below(const char *path, const char *top)
{
	size_t n = strlen(top);

	return !strncmp(path, top, n) && (!path[n] || path[n] == '/');
}

void vl_visit_say(struct vl_conn *c, int status, const char *code, const char *message)
{
	struct vl_reply *r = &c->req.reply;
	struct vl_err ignored = VL_ERR_INIT;

	vl_reply_clear(r);
	*r = (struct vl_reply){ .status = status, .type = "text/plain; charset=utf-8", .cache = "no-store",
				.body = VL_BUF_INIT(REPLY_MAX) };
	if (below(c->target, "/v2"))
		vl_reply_error(r, status, code, message);
	else if (!vl_buf_addf(&r->body, &ignored, "%s\n", message))
		r->body.len = 0;
}

/* ---- the steps ---- */

static const char *header(const struct vl_conn *c, const char *name)
{
	return MHD_lookup_connection_value(c->mhd, MHD_HEADER_KIND, name);
}

static enum MHD_Result bad_request(struct vl_conn *c, const char *message)
{
	vl_visit_say(c, 400, "NAME_INVALID", message);
	return vl_send(c);
}

struct query {
	char n[VALUE_MAX], last[VALUE_MAX], type[VALUE_MAX];
};

static bool read_query(const char *text, struct query *q, struct vl_ask *a)
{
	bool n, last, type;

	if (!vl_query_get(text, "n", q->n, sizeof q->n, &n) ||
	    !vl_query_get(text, "last", q->last, sizeof q->last, &last) ||
	    !vl_query_get(text, "artifactType", q->type, sizeof q->type, &type))
		return false;
	a->n = n ? q->n : NULL;
	a->last = last ? q->last : NULL;
	a->artifact_type = type ? q->type : NULL;
	return true;
}

static enum MHD_Result route(struct vl_conn *c, const char *query)
{
	struct vl_visit *r = &c->req;
	struct vl_ask a = { .head = r->head, .path = c->target, .host = header(c, "Host"), .tls = c->server->tls,
			    .login = c->server->htpasswd != NULL, .now = (int64_t)time(NULL) };
	struct query q;

	if (!read_query(query, &q, &a))
		return bad_request(c, "the query is malformed");
	r->hall = vl_hall_take(c->server);
	if (r->hall) {
		r->reply = (struct vl_reply){ .body = VL_BUF_INIT(REPLY_MAX) };
		vl_route(r->hall, &c->server->count, &a, &r->reply);
	} else {
		vl_visit_say(c, 503, "UNAVAILABLE", "the store is empty; bring a bundle and run valise unpack");
	}
	return vl_send(c);
}

static enum MHD_Result denied(struct vl_conn *c)
{
	vl_visit_say(c, 401, "UNAUTHORIZED", "a name and a password are needed");
	return vl_send(c);
}

/* Log-in, then the route. The target is cut at its query only here: 400 comes before 401, for a malformed target is
 * nobody's business. */
static enum MHD_Result judge(struct vl_conn *c)
{
	char *query = NULL;

	if (c->target_long || !vl_target_split(c->target, &query))
		return bad_request(c, c->target_long ? "the URL is longer than 2048 bytes"
						     : "the URL holds characters that no name here has");
	c->has_query = query != NULL;
	if (c->server->htpasswd && strcmp(c->target, "/healthz") && !c->req.allowed) {
		switch (vl_auth_ask(c)) {
		case VL_ACCESS_YES:
			break;
		case VL_ACCESS_NO:
			return denied(c);
		case VL_ACCESS_WAIT:
			return MHD_YES;
		case VL_ACCESS_BUSY:
			vl_visit_say(c, 429, "TOOMANYREQUESTS", "too many log-ins wait to be checked");
			return vl_send(c);
		}
	}
	return route(c, query);
}

static enum MHD_Result logged_in(struct vl_conn *c)
{
	size_t n = strlen(c->target);

	vl_auth_forget(&c->req);
	if (!c->req.allowed)
		return denied(c);
	return route(c, c->has_query ? c->target + n + 1 : NULL);
}

static enum MHD_Result refuse_method(struct vl_conn *c)
{
	char *query;

	if (c->target_long || !vl_target_split(c->target, &query))
		return bad_request(c, "the URL holds characters that no name here has");
	vl_visit_say(c, 405, "UNSUPPORTED", "this server only gives; it takes nothing in");
	return vl_send(c);
}

static const char *known_method(const char *method)
{
	static const char *const known[] = { "GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS" };

	for (size_t i = 0; i < VL_LEN(known); i++)
		if (!strcmp(known[i], method))
			return known[i];
	return "other";
}

/* A client that is still sending when we close gets a reset instead of the answer, so small bodies are read; and
 * without a body the connection can be used again, if we wait for the end of the request. */
static bool waits_for_end(const struct vl_conn *c)
{
	const char *len = header(c, "Content-Length");
	char *end = NULL;

	if (header(c, "Transfer-Encoding"))
		return false;
	return !len || (strtoul(len, &end, 10) <= DRAIN_MAX && end != len && !*end);
}

/* Headers that say where the body ends. */
static enum MHD_Result count_ends(void *ctx, enum MHD_ValueKind kind, const char *key, const char *value)
{
	unsigned *n = ctx;
	bool is_end = !strncasecmp(key, "Content-Length", 14) || !strncasecmp(key, "Transfer-Encoding", 17);

	(void)kind, (void)value;
	*n += is_end;
	if (is_end && key[strcspn(key, " \t")]) /* "Transfer-Encoding : chunked": some see it, some do not */
		*n += 2;
	return MHD_YES;
}

/* Two ends: a proxy before us may see another request behind the one than we do (RFC 9112, 6.3 and 11.2), and that one
 * would pass whatever the proxy checks. */
static bool has_two_ends(const struct vl_conn *c)
{
	unsigned n = 0;

	MHD_get_connection_values(c->mhd, MHD_HEADER_KIND, count_ends, &n);
	return n > 1;
}

static void begin(struct vl_conn *c, const char *method)
{
	bool two_ends = has_two_ends(c);
	struct vl_visit r = { .stage = !two_ends && waits_for_end(c) ? VL_STAGE_DRAIN : VL_STAGE_BEGUN, .fd = -1,
				.sent_fd = -1, .began = vl_clock_ms(), .method = known_method(method),
				.two_ends = two_ends, .reply = { .body = VL_BUF_INIT(REPLY_MAX) } };

	r.head = !strcmp(method, "HEAD");
	r.refused_method = !r.head && strcmp(method, "GET");
	pthread_mutex_lock(&c->server->lock); /* the watch looks at it */
	c->req = r;
	pthread_mutex_unlock(&c->server->lock);
	c->server->count.requests++;
	c->server->count.active++;
}

static enum MHD_Result answer(struct vl_conn *c)
{
	/* Until here the deadline of heads counts, for a body can be sent slowly, too. */
	vl_conn_enter(c, VL_PHASE_RUNNING);
	c->req.acked = c->acked;
	if (c->req.two_ends)
		return bad_request(c, "the request says twice where it ends");
	return c->req.refused_method ? refuse_method(c) : judge(c);
}

static enum MHD_Result stopping(struct vl_conn *c)
{
	vl_visit_say(c, 503, "UNAVAILABLE", "this server is stopping");
	return vl_send(c);
}

static enum MHD_Result step(struct vl_conn *c)
{
	if (c->server->stopping && c->req.stage != VL_STAGE_SENT)
		return stopping(c);
	switch (c->req.stage) {
	case VL_STAGE_BEGUN:
		return answer(c);
	case VL_STAGE_LOGIN:
		return logged_in(c);
	case VL_STAGE_BLOB:
		return vl_send_go_on(c);
	case VL_STAGE_NONE:
	case VL_STAGE_DRAIN:
	case VL_STAGE_SENT:
		break;
	}
	return MHD_YES;
}

enum MHD_Result vl_visit_step(void *server, struct MHD_Connection *mhd, const char *url, const char *method,
				const char *version, const char *data, size_t *len, void **ctx)
{
	struct vl_conn *c = vl_conn_of(mhd);

	(void)server, (void)url, (void)version, (void)data;
	if (!c)
		return MHD_NO;
	if (!*ctx) {
		*ctx = c;
		begin(c, method);
		if (c->req.stage == VL_STAGE_DRAIN)
			return MHD_YES;
	} else if (*len) { /* a piece of a body */
		*len = 0;
		return MHD_YES;
	}
	if (c->req.stage == VL_STAGE_DRAIN)
		c->req.stage = VL_STAGE_BEGUN;
	return step(c);
}

/* ---- the end ---- */

static void log_line(struct vl_conn *c, bool whole)
{
	struct vl_visit *r = &c->req;
	uint64_t got = r->length, took = (uint64_t)(vl_clock_ms() - r->began);

	/* What the client took, headers included: near enough for a transfer that broke off. */
	if (!whole)
		got = vl_conn_acked(c) - r->acked < got ? vl_conn_acked(c) - r->acked : got;
	if (r->head)
		got = 0;
	c->server->count.bytes += got;
	vl_notes_add(c->server->notes, VL_EV_ITEM, c->name, got, "%s %.400s %u %" PRIu64 " %" PRIu64 "ms%s", r->method,
		     c->target, r->status, got, took, whole ? "" : " (broken off)");
}

/* The watch may not have looked since the file changed: then the client got what was not hashed. */
static void last_look(struct vl_conn *c)
{
	struct vl_visit *r = &c->req;

	if (!r->sendfile || vl_ident_holds(r->sent_fd, &r->ident))
		return;
	vl_notes_add(c->server->notes, VL_EV_WARN, NULL, 0,
		     "%s: a blob changed on the disk just before the end of its transfer; a client that checks digests "
		     "refuses it, others have to fetch it again",
		     c->name);
}

static void release(struct vl_conn *c)
{
	struct vl_visit *r = &c->req;
	struct MHD_Response *response = r->response;

	pthread_mutex_lock(&c->server->lock);
	r->sendfile = r->hashing = false;
	r->sent_fd = -1;
	r->response = NULL;
	pthread_mutex_unlock(&c->server->lock);
	if (response)
		MHD_destroy_response(response);
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
	atomic_fetch_sub(&c->server->texts, r->held);
	r->held = 0;
	vl_auth_forget(r);
	vl_reply_clear(&r->reply);
	if (r->hall)
		vl_hall_give(c->server, r->hall);
	r->hall = NULL;
	r->stage = VL_STAGE_NONE;
}

void vl_visit_end(void *server, struct MHD_Connection *mhd, void **ctx, enum MHD_RequestTerminationCode why)
{
	struct vl_server *s = server;
	struct vl_conn *c = *ctx;

	(void)mhd;
	*ctx = NULL;
	if (!c || c->req.stage == VL_STAGE_NONE)
		return;
	if (why != MHD_REQUEST_TERMINATED_COMPLETED_OK)
		s->count.aborted++;
	else
		last_look(c);
	log_line(c, why == MHD_REQUEST_TERMINATED_COMPLETED_OK);
	release(c);
	s->count.active--;
	vl_conn_enter(c, VL_PHASE_IDLE);
}
