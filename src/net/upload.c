/* SPDX-License-Identifier: Apache-2.0 */
/* net/upload.c: the body that goes out with a POST or PUT, and what comes back for it.
 * In: memory, or a file read at our own offset. Out: bytes for curl; Location, made absolute.
 * Keeps: a request that is sent once is not sent again, by curl neither, after its body began to leave; a Location
 * leads neither to plain HTTP nor nearer to us than its registry. */
#include "net/net_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define EXPECT_MIN (64u << 10)    /* a smaller body costs less than the question whether it is wanted */
#define EXPECT_WAIT_MS 1000L      /* for a server that does not know the question */

bool vl_upload_wanted(const struct vl_request *g)
{
	return g->method == VL_POST || g->method == VL_PUT;
}

uint64_t vl_upload_size(const struct vl_request *g)
{
	if (!vl_upload_wanted(g))
		return 0;
	return g->send_fd >= 0 ? g->send_size : g->send.len;
}

static bool is_deaf(const struct vl_net *n, const struct vl_origin *o)
{
	for (size_t i = 0; i < n->deaf_n; i++)
		if (vl_origin_same(&n->deaf[i], o))
			return true;
	return false;
}

const char *vl_upload_expect(struct vl_job *j)
{
	j->hop.sent_expect = vl_upload_size(j->get) > EXPECT_MIN && !is_deaf(j->net, &j->hop.origin);
	return j->hop.sent_expect ? "100-continue" : "";
}

void vl_upload_learn(struct vl_job *j)
{
	const struct vl_hop *h = &j->hop;
	struct vl_net *n = j->net;

	if (!h->sent_expect || h->continued || !h->sent || !h->in_body || is_deaf(n, &h->origin))
		return;
	n->deaf = vl_xrealloc(n->deaf, n->deaf_n + 1, sizeof *n->deaf);
	n->deaf[n->deaf_n++] = h->origin;
}

static bool read_file(struct vl_job *j, char *to, size_t want, size_t *got)
{
	ssize_t n;

	do
		n = pread(j->get->send_fd, to, want, (off_t)j->hop.sent);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return vl_hop_fail(j, VL_NEXT_STOP, vl_code_of_errno(errno), "reading the file to be sent: %s",
				   strerror(errno));
	if (n == 0)
		return vl_hop_fail(j, VL_NEXT_STOP, VL_E_IO, "the file to be sent became shorter meanwhile");
	*got = (size_t)n;
	return true;
}

static size_t on_read(char *to, size_t size, size_t n, void *job)
{
	struct vl_job *j = job;
	uint64_t left = vl_upload_size(j->get) - j->hop.sent;
	size_t got = size * n < left ? size * n : (size_t)left;

	if (got == 0)
		return 0;
	if (j->get->send_fd < 0)
		memcpy(to, j->get->send.data + j->hop.sent, got);
	else if (!read_file(j, to, got, &got))
		return CURL_READFUNC_ABORT;
	j->body_out = true;
	j->hop.sent += got;
	j->net->bytes += got;
	j->get->bytes_moved += got;
	if (got == left)
		curl_easy_setopt(j->hop.easy, CURLOPT_LOW_SPEED_TIME, VL_NET_COMMIT_TIME);
	return got;
}

/* curl begins again by itself when a kept connection turns out to be dead. */
static int on_seek(void *job, curl_off_t offset, int origin)
{
	struct vl_job *j = job;

	if (origin != SEEK_SET || offset < 0 || (j->get->once && j->body_out))
		return CURL_SEEKFUNC_FAIL;
	j->hop.sent = (uint64_t)offset;
	return CURL_SEEKFUNC_OK;
}

#define SET(option, value) ok &= curl_easy_setopt(h->easy, option, value) == CURLE_OK
bool vl_upload_setup(struct vl_job *j)
{
	const struct vl_request *g = j->get;
	struct vl_hop *h = &j->hop;
	curl_off_t size = (curl_off_t)vl_upload_size(g);
	bool ok = true;

	SET(g->method == VL_PUT ? CURLOPT_UPLOAD : CURLOPT_POST, 1L);
	SET(g->method == VL_PUT ? CURLOPT_INFILESIZE_LARGE : CURLOPT_POSTFIELDSIZE_LARGE, size);
	SET(CURLOPT_READFUNCTION, on_read);
	SET(CURLOPT_READDATA, j);
	SET(CURLOPT_SEEKFUNCTION, on_seek);
	SET(CURLOPT_SEEKDATA, j);
	SET(CURLOPT_UPLOAD_BUFFERSIZE, 131072L);
	SET(CURLOPT_EXPECT_100_TIMEOUT_MS, EXPECT_WAIT_MS);
	return ok;
}
#undef SET

size_t vl_upload_answer(struct vl_job *j, struct vl_bytes b)
{
	struct vl_buf *body = &j->get->body;
	size_t room = body->max > body->len ? body->max - body->len : 0;
	struct vl_err e = VL_ERR_INIT;

	if (!vl_buf_add(body, vl_bytes(b.data, b.len < room ? b.len : room), &e)) {
		vl_hop_fail(j, VL_NEXT_STOP, e.code, "%s", e.msg);
		return 0;
	}
	j->hop.cut = j->hop.got > j->get->max && j->hop.got > VL_NET_SKIP_MAX;
	return j->hop.cut ? 0 : b.len;
}

static struct vl_led *led_find(const struct vl_net *n, const struct vl_origin *o)
{
	for (size_t i = 0; i < n->led_n; i++)
		if (vl_origin_same(&n->led[i].origin, o))
			return &n->led[i];
	return NULL;
}

static void led_add(struct vl_net *n, const struct vl_origin *o, enum vl_reach reach)
{
	struct vl_led *old = led_find(n, o);

	if (old) {
		old->reach = reach < old->reach ? reach : old->reach;
		return;
	}
	n->led = vl_xrealloc(n->led, n->led_n + 1, sizeof *n->led);
	n->led[n->led_n++] = (struct vl_led){ .origin = *o, .reach = reach };
}

/* The caller sends the blob there as if the operator had written the URL: what a name resolves to is checked against
 * this when the socket is opened. */
void vl_upload_limit(struct vl_job *j)
{
	const struct vl_led *led = vl_upload_wanted(j->get) ? led_find(j->net, &j->first) : NULL;

	if (!led)
		return;
	j->reach = led->reach;
	j->reach_known = j->reach_inherited = true;
}

static bool location_ok(struct vl_job *j, const char *to)
{
	struct vl_origin o;
	enum vl_reach r = VL_REACH_PUBLIC;

	if (!vl_origin_of(to, &o, &j->err))
		return false;
	if (vl_origin_same(&o, &j->first) || !j->reach_known)
		return true;
	if (vl_reach_of_host(o.host, &r) && r > j->reach)
		return vl_fail(&j->err, VL_E_REDIRECT,
			       "the upload's Location host %s has an internal address, and the registry has not",
			       o.host);
	led_add(j->net, &o, j->reach);
	return true;
}

enum vl_next vl_upload_done(struct vl_job *j)
{
	struct vl_hop *h = &j->hop;
	char *to = NULL;

	j->get->size = j->get->body.len;
	if (!h->location || !*h->location)
		return VL_NEXT_DONE;
	if (vl_redirect_next(j->url, h->location, &to, &j->err) && location_ok(j, to)) {
		free(j->get->location);
		j->get->location = to;
		return VL_NEXT_DONE;
	}
	free(to);
	/* After a 201 nobody needs it. */
	if (h->status == 201) {
		j->err = (struct vl_err)VL_ERR_INIT;
		return VL_NEXT_DONE;
	}
	vl_hint(&j->err, "A registry behind a proxy must know its outer address, or answer with relative ones.");
	return VL_NEXT_STOP;
}

bool vl_upload_may_move(struct vl_job *j)
{
	struct vl_origin to;
	VL_STR next = NULL;
	int status = j->hop.status;

	if (status != 307 && status != 308)
		return vl_fail(&j->err, VL_E_REDIRECT, "%d: a redirect of an upload is followed with 307 and 308 only",
			       status);
	if (!vl_redirect_next(j->url, j->hop.location, &next, &j->err) || !vl_origin_of(next, &to, &j->err))
		return false;
	if (!vl_origin_same(&to, &j->first))
		return vl_fail(&j->err, VL_E_REDIRECT,
			       "%d: a redirect of an upload to another server (%s) is not followed", status, to.host);
	return true;
}
