/* SPDX-License-Identifier: Apache-2.0 */
/* net/http.c: one hop: a request is set up, its body is counted and put away, its end is judged.
 * Keeps: curl follows nothing, logs in nowhere and decodes nothing by itself; a credential is sent to its own origin
 * only; no socket is opened to an address nearer than the one the operator's URL led to. */
#include "net/net_priv.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/text.h"

static size_t on_body(char *data, size_t size, size_t n, void *job)
{
	struct vl_job *j = job;
	struct vl_request *g = j->get;
	struct vl_hop *h = &j->hop;
	struct vl_err e = VL_ERR_INIT;
	size_t len = size * n, room;

	h->got += len;
	if (vl_upload_wanted(g) && h->status < 300)
		return vl_upload_answer(j, vl_bytes(data, len));
	if (!h->keep) {
		room = VL_NET_NOTE_MAX - h->note.len;
		if (!vl_buf_add(&h->note, vl_bytes(data, len < room ? len : room), &e))
			return 0;
		h->cut = h->got > VL_NET_SKIP_MAX;
		return h->cut ? 0 : len;
	}
	j->net->bytes += len;
	g->bytes_moved += len;
	if (g->expect && j->offset + h->got > g->expect) {
		vl_partial_drop(&j->partial);
		vl_hop_fail(j, VL_NEXT_MIRROR, VL_E_CONTENT, "the body is longer than the %" PRIu64 " bytes expected",
			    g->expect);
		return 0;
	}
	if (j->offset + h->got > g->max) {
		vl_partial_drop(&j->partial);
		vl_hop_fail(j, VL_NEXT_STOP, VL_E_LIMIT, "the body is longer than the limit of %" PRIu64 " bytes",
			    g->max);
		return 0;
	}
	if (g->dir >= 0 ? vl_partial_add(&j->partial, vl_bytes(data, len), &e) :
			  vl_buf_add(&g->body, vl_bytes(data, len), &e))
		return len;
	vl_hop_fail(j, VL_NEXT_STOP, e.code, "%s", e.msg);
	return 0;
}

/* The first hop shows where the operator's URL leads; later ones must not lead nearer. */
static bool reach_ok(struct vl_job *j, enum vl_reach r)
{
	if (j->redirects == 0 && !j->reach_inherited) {
		if (!j->reach_known || r > j->reach)
			j->reach = r;
		j->reach_known = true;
		return true;
	}
	return r <= j->reach;
}

static bool refuse_addr(struct vl_job *j)
{
	j->hop.addr_refused = true;
	return vl_fail(&j->err, VL_E_REDIRECT,
		       "%s host %s has an internal address, and the server that sent us there has not",
		       j->is_token ? "the token server's" : "the redirect's", j->hop.origin.host);
}

static curl_socket_t on_socket(void *job, curlsocktype purpose, struct curl_sockaddr *a)
{
	struct vl_job *j = job;

	(void)purpose;
	if (!j->hop.proxied && !reach_ok(j, vl_reach_of_addr(&a->addr))) {
		refuse_addr(j);
		return CURL_SOCKET_BAD;
	}
	return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

/* Connections are reused, then on_socket() is not asked; this is, before the request is sent. */
static int on_request(void *job, char *peer, char *local, int peer_port, int local_port)
{
	struct vl_job *j = job;
	enum vl_reach r = VL_REACH_LOOP;

	(void)local, (void)peer_port, (void)local_port;
	if (j->hop.proxied)
		return CURL_PREREQFUNC_OK;
	if (!vl_reach_of_host(peer, &r))
		r = VL_REACH_LOOP;
	if (reach_ok(j, r))
		return CURL_PREREQFUNC_OK;
	refuse_addr(j);
	return CURL_PREREQFUNC_ABORT;
}

static void add_header(struct vl_hop *h, const char *name, const char *value)
{
	VL_STR line = NULL;
	struct curl_slist *longer;

	/* A value with a line end would be a second header: validators come from servers and files. */
	if (!value || value[strcspn(value, "\r\n")])
		return;
	line = vl_xprintf("%s: %s", name, value);
	longer = curl_slist_append(h->headers, line);
	if (longer)
		h->headers = longer;
}

static bool validators_apply(const struct vl_request *g, size_t url_i)
{
	const char *from = g->from_url ? g->from_url : g->urls[0];

	return (g->etag || g->last_modified) && !strcmp(from, g->urls[url_i]);
}

static bool add_range(struct vl_job *j)
{
	struct vl_hop *h = &j->hop;
	VL_STR range = NULL;
	const char *validator;

	if (j->get->dir < 0 || j->get->method != VL_GET)
		return true;
	if (j->partial.fd < 0 && !vl_partial_open(&j->partial, j->get->dir, j->get->part, &j->err))
		return false;
	validator = j->no_resume ? NULL : vl_partial_validator(&j->partial, j->get->urls[j->url_i]);
	if (!validator || j->partial.have > j->get->max)
		return true;
	/* One byte is asked for again, so that a file that was complete already is a range of one byte, not a 416. */
	j->offset = j->partial.have - 1;
	range = vl_xprintf("bytes=%" PRIu64 "-", j->offset);
	add_header(h, "Range", range);
	add_header(h, "If-Range", validator);
	h->sent_range = true;
	return true;
}

static bool add_headers(struct vl_job *j)
{
	struct vl_hop *h = &j->hop;
	const struct vl_request *g = j->get;

	j->offset = j->total = 0;
	add_header(h, "Accept", g->accept ? g->accept : "*/*");
	add_header(h, "Accept-Encoding", "identity");
	if (j->auth && !j->strayed)
		add_header(h, "Authorization", j->auth);
	if (validators_apply(g, j->url_i)) {
		add_header(h, "If-None-Match", g->etag);
		add_header(h, "If-Modified-Since", g->last_modified);
		h->sent_validators = true;
	}
	if (vl_upload_wanted(g)) {
		add_header(h, "Content-Type", g->send_type ? g->send_type : "");
		add_header(h, "Expect", vl_upload_expect(j));
	}
	return add_range(j);
}

#define SET(option, value) ok &= curl_easy_setopt(h->easy, option, value) == CURLE_OK
static bool set_limits(struct vl_job *j)
{
	const struct vl_net_conf *c = &j->net->conf;
	struct vl_hop *h = &j->hop;
	int64_t left = j->deadline - vl_net_clock();
	bool ok = true;

	SET(CURLOPT_TIMEOUT_MS, (long)(left > 1 ? left : 1));
	SET(CURLOPT_CONNECTTIMEOUT, (long)c->connect_timeout);
	SET(CURLOPT_LOW_SPEED_LIMIT, (long)c->low_speed);
	SET(CURLOPT_LOW_SPEED_TIME, VL_NET_LOW_SPEED_TIME);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	/* One protocol, one code path: the gain of HTTP/2 is in many small answers, and ours are few and large. */
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_HTTP_CONTENT_DECODING, 0L);
	SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	SET(CURLOPT_TCP_KEEPALIVE, 1L);
	SET(CURLOPT_BUFFERSIZE, 131072L);
	return ok;
}

static bool set_callbacks(struct vl_job *j)
{
	struct vl_hop *h = &j->hop;
	bool ok = true;

	SET(CURLOPT_PRIVATE, j);
	SET(CURLOPT_ERRORBUFFER, h->curl_text);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_WRITEDATA, j);
	SET(CURLOPT_HEADERFUNCTION, vl_hop_on_header);
	SET(CURLOPT_HEADERDATA, j);
	SET(CURLOPT_OPENSOCKETFUNCTION, on_socket);
	SET(CURLOPT_OPENSOCKETDATA, j);
	SET(CURLOPT_PREREQFUNCTION, on_request);
	SET(CURLOPT_PREREQDATA, j);
	return ok;
}

static bool set_target(struct vl_job *j)
{
	const struct vl_net *n = j->net;
	struct vl_hop *h = &j->hop;
	const char *proxy = vl_proxy_for(n->conf.proxy, &h->origin);
	bool ok = true;

	h->proxied = proxy != NULL;
	SET(CURLOPT_URL, j->url);
	/* Decided here, and curl's own reading of the environment switched off: on_socket() must know whose address it
	 * sees. */
	SET(CURLOPT_PROXY, proxy ? proxy : "");
	SET(CURLOPT_NOPROXY, "");
	SET(CURLOPT_USERAGENT, n->agent);
	if (n->conf.ca_file)
		SET(CURLOPT_CAINFO, n->conf.ca_file);
	if (j->post)
		SET(CURLOPT_POSTFIELDS, j->post);
	else
		SET(j->get->method == VL_HEAD ? CURLOPT_NOBODY : CURLOPT_HTTPGET, 1L);
	SET(CURLOPT_HTTPHEADER, h->headers);
	return ok && (!vl_upload_wanted(j->get) || vl_upload_setup(j));
}
#undef SET

/* What the URL itself says about its address; behind a proxy that is all we can know. */
static bool check_literal(struct vl_job *j)
{
	enum vl_reach r = VL_REACH_PUBLIC;
	bool literal = vl_reach_of_host(j->hop.origin.host, &r);

	if (!literal && !j->hop.proxied)
		return true;
	return reach_ok(j, r) || refuse_addr(j);
}

bool vl_hop_prepare(struct vl_job *j)
{
	struct vl_hop *h = &j->hop;

	vl_job_hop_clear(j);
	h->note.max = VL_NET_NOTE_MAX;
	h->length = -1;
	if (!vl_origin_of(j->url, &h->origin, &j->err))
		return false;
	h->easy = curl_easy_init();
	if (!h->easy)
		return vl_fail(&j->err, VL_E_MEMORY, "no memory for a transfer");
	if (!add_headers(j))
		return false;
	if (!set_target(j) || !set_limits(j) || !set_callbacks(j))
		return vl_fail(&j->err, VL_E_INTERNAL, "libcurl lacks an option that valise needs");
	return check_literal(j);
}

static enum vl_next body_done(struct vl_job *j)
{
	const struct vl_hop *h = &j->hop;
	struct vl_request *g = j->get;
	uint64_t size = j->offset + h->got;

	if (g->expect && size != g->expect) {
		vl_fail(&j->err, VL_E_CONTENT, "the body has %" PRIu64 " bytes, %" PRIu64 " expected", size, g->expect);
		/* Without an announced length nobody can tell a cut from a short body: that may go on later. */
		if (h->length < 0 && !h->chunked)
			return VL_NEXT_AGAIN;
		vl_partial_drop(&j->partial);
		return VL_NEXT_MIRROR;
	}
	if (g->dir >= 0 && !vl_partial_finish(&j->partial, &j->err))
		return VL_NEXT_STOP;
	g->size = size;
	return VL_NEXT_DONE;
}

static enum vl_next redirect(struct vl_job *j)
{
	const struct vl_hop *h = &j->hop;

	if (!h->location || !*h->location || j->post) {
		vl_fail(&j->err, VL_E_REDIRECT, "%d: a redirect %s", h->status,
			j->post ? "of a log-in is not followed" : "that leads nowhere");
		return VL_NEXT_MIRROR;
	}
	if (j->redirects >= VL_NET_REDIRECTS) {
		vl_fail(&j->err, VL_E_REDIRECT, "more than %d redirects", VL_NET_REDIRECTS);
		return VL_NEXT_MIRROR;
	}
	if (vl_upload_wanted(j->get) && !vl_upload_may_move(j))
		return VL_NEXT_MIRROR;
	return VL_NEXT_HOP;
}

enum vl_next vl_hop_verdict(struct vl_job *j, CURLcode rc)
{
	struct vl_hop *h = &j->hop;

	if (h->err.code != VL_OK) {
		j->err = h->err;
		return h->err_next;
	}
	if (rc != CURLE_OK && h->addr_refused)
		return VL_NEXT_MIRROR; /* j->err is set */
	vl_upload_learn(j);
	/* A server that answers before it has read all may hang up at once: what it said counts. */
	if (rc != CURLE_OK && !h->cut && !(vl_upload_wanted(j->get) && h->in_body))
		return vl_fault_of_curl(j, rc);
	if (j->get->method != VL_GET && h->status >= 200 && h->status < 300)
		return vl_upload_wanted(j->get) ? vl_upload_done(j) : VL_NEXT_DONE;
	if (h->keep)
		return body_done(j);
	switch (h->status) {
	case 301:
	case 302:
	case 303:
	case 307:
	case 308:
		return redirect(j);
	case 304:
		if (h->sent_validators)
			return VL_NEXT_DONE;
		break;
	case 401:
		if (j->get->registry && !j->strayed)
			return VL_NEXT_AUTH;
		break;
	case 416:
		if (h->sent_range) {
			vl_fail(&j->err, VL_E_NET, "416: the server cannot go on where the partial file ends");
			return VL_NEXT_ANEW;
		}
		break;
	default:
		break;
	}
	return vl_fault_of_status(j);
}
