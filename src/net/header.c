/* SPDX-License-Identifier: Apache-2.0 */
/* net/header.c: the head of an answer: lines are counted and the few that matter kept; at its end it is decided whether
 * the body is wanted, and where it goes.
 * Attacks: endless headers (counted over all lines, 1xx answers and trailers too), an encoding that unpacks to
 * anything (never asked for, so refused), a range that is not the one asked for, a length beyond the limit. */
#include "net/net_priv.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/text.h"

bool vl_hop_fail(struct vl_job *j, enum vl_next next, enum vl_code code, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	j->hop.err_next = next;
	return vl_fail(&j->hop.err, code, "%s", text);
}

/* Several headers of one name: the last counts, but challenges are joined. */
static void keep_text(char **slot, const char *value, size_t len, bool join)
{
	VL_STR old = *slot;

	*slot = join && old ? vl_xprintf("%s, %.*s", old, (int)len, value) : vl_xstrndup(value, len);
}

static bool parse_u64(const char **s, uint64_t *out)
{
	uint64_t n = 0;
	const char *at = *s;

	for (; *at >= '0' && *at <= '9'; at++)
		if (__builtin_mul_overflow(n, (uint64_t)10, &n) || __builtin_add_overflow(n, (uint64_t)(*at - '0'), &n))
			return false;
	if (at == *s)
		return false;
	*s = at;
	*out = n;
	return true;
}

static bool name_is(const char *line, size_t len, const char *name)
{
	return len == strlen(name) && !strncasecmp(line, name, len);
}

static bool is_acceptable(const char *old, const char *value, size_t len, bool join)
{
	return !memchr(value, 0, len) && len + (join && old ? strlen(old) : 0) <= VL_NET_CHALLENGE_MAX;
}

static bool keep_header(struct vl_job *j, const char *line, size_t name_len, const char *value, size_t len)
{
	struct vl_hop *h = &j->hop;
	const struct {
		const char *name;
		char **slot;
		bool join;
	} wanted[] = {
		{ "location", &h->location, false },	  { "etag", &h->etag, false },
		{ "last-modified", &h->last_modified, false }, { "content-type", &h->content_type, false },
		{ "content-range", &h->content_range, false }, { "content-encoding", &h->encoding, true },
		{ "docker-content-digest", &h->digest, false }, { "retry-after", &h->retry_after, false },
		{ "www-authenticate", &h->challenge, true },	  { "oci-subject", &h->subject, false },
	};

	for (size_t i = 0; i < VL_LEN(wanted); i++) {
		if (!name_is(line, name_len, wanted[i].name))
			continue;
		if (!is_acceptable(*wanted[i].slot, value, len, wanted[i].join))
			return vl_hop_fail(j, VL_NEXT_MIRROR, VL_E_NET, "the answer's %s header is not acceptable",
					   wanted[i].name);
		keep_text(wanted[i].slot, value, len, wanted[i].join);
	}
	if (name_is(line, name_len, "content-length")) {
		uint64_t n;
		VL_STR text = vl_xstrndup(value, len);
		const char *at = text;

		h->length = parse_u64(&at, &n) && !*at && n <= INT64_MAX ? (int64_t)n : -1;
	}
	/* Web servers write long ones for browsers: no reason to refuse the document. */
	if (name_is(line, name_len, "link") && is_acceptable(h->link, value, len, true))
		keep_text(&h->link, value, len, true);
	if (name_is(line, name_len, "transfer-encoding"))
		h->chunked = true;
	return true;
}

/* A new status line begins a new head: what a 1xx answer said is forgotten. */
static void head_begin(struct vl_hop *h)
{
	char **slots[] = { &h->location, &h->etag,     &h->last_modified, &h->content_type, &h->content_range,
			   &h->encoding, &h->digest, &h->challenge,	&h->retry_after,
			   &h->subject, &h->link };

	for (size_t i = 0; i < VL_LEN(slots); i++) {
		free(*slots[i]);
		*slots[i] = NULL;
	}
	h->length = -1;
	h->chunked = false;
	h->status = 0;
}

static bool check_encoding(struct vl_job *j)
{
	const struct vl_hop *h = &j->hop;

	if (!h->encoding || !*h->encoding || !strcasecmp(h->encoding, "identity"))
		return true;
	return vl_hop_fail(j, VL_NEXT_MIRROR, VL_E_CONTENT,
			   "the server encodes the body (Content-Encoding), though identity was asked for");
}

/* The announced size against what may come. */
static bool check_size(struct vl_job *j, uint64_t size)
{
	const struct vl_request *g = j->get;

	if (size > g->max)
		return vl_hop_fail(j, VL_NEXT_STOP, VL_E_LIMIT,
				   "%" PRIu64 " bytes are announced, the limit is %" PRIu64,
				   size, g->max);
	if (g->expect && size != g->expect) {
		vl_partial_drop(&j->partial);
		return vl_hop_fail(j, VL_NEXT_MIRROR, VL_E_CONTENT,
				   "%" PRIu64 " bytes are announced, %" PRIu64 " expected",
				   size, g->expect);
	}
	j->total = size;
	return true;
}

static bool own_failure(struct vl_job *j, const struct vl_err *e)
{
	return vl_hop_fail(j, VL_NEXT_STOP, e->code, "%s", e->msg);
}

static bool body_from_start(struct vl_job *j)
{
	struct vl_hop *h = &j->hop;
	struct vl_err e = VL_ERR_INIT;

	j->offset = j->total = 0;
	if (!check_encoding(j) || (h->length >= 0 && !check_size(j, (uint64_t)h->length)))
		return false;
	vl_buf_reset(&j->get->body);
	if (j->get->dir < 0)
		return true;
	if (j->partial.fd < 0 && !vl_partial_open(&j->partial, j->get->dir, j->get->part, &e))
		return own_failure(j, &e);
	j->best = 0;
	return vl_partial_restart(&j->partial, j->get->urls[j->url_i], h->etag, h->last_modified, &e) ||
	       own_failure(j, &e);
}

/* "bytes 5-9/10" or "bytes 5-9/" and a star, beginning where we asked. */
static bool range_fits(const struct vl_job *j, uint64_t *total)
{
	const char *s = j->hop.content_range;
	uint64_t first, last;

	if (!s || strncasecmp(s, "bytes ", 6) != 0)
		return false;
	s += 6;
	if (!parse_u64(&s, &first) || *s++ != '-' || !parse_u64(&s, &last) || *s++ != '/' || first != j->offset ||
	    last < first || last == UINT64_MAX)
		return false;
	*total = last + 1;
	if (!strcmp(s, "*"))
		return true;
	return parse_u64(&s, total) && !*s && *total == last + 1;
}

static bool body_goes_on(struct vl_job *j)
{
	const struct vl_hop *h = &j->hop;
	struct vl_err e = VL_ERR_INIT;
	uint64_t total = 0;

	if (!check_encoding(j))
		return false;
	/* A 206 of another version would be glued to our bytes: the validator must still be the one sent. */
	if (!range_fits(j, &total) || (h->etag && j->partial.etag && strcmp(h->etag, j->partial.etag) != 0))
		return vl_hop_fail(j, VL_NEXT_ANEW, VL_E_CONTENT, "the server sent another range than asked for");
	if (!check_size(j, total))
		return false;
	return vl_partial_cut(&j->partial, j->offset, &e) || own_failure(j, &e);
}

static bool head_end(struct vl_job *j)
{
	struct vl_hop *h = &j->hop;

	/* curl asks a server that dislikes the Expect header again without it. */
	if (h->status == 417 && h->sent_expect)
		return true;
	h->in_body = true;
	if (j->get->method != VL_GET) {
		vl_buf_reset(&j->get->body);
		return true;
	}
	h->keep = true;
	if (h->status == 206 && h->sent_range)
		return body_goes_on(j);
	if (h->status == 200 || h->status == 203)
		return body_from_start(j);
	h->keep = false;
	return true;
}

static bool status_line(struct vl_job *j, const char *line, size_t len)
{
	const char *sp = memchr(line, ' ', len);
	long code = 0;

	head_begin(&j->hop);
	for (int i = 1; sp && i <= 3 && sp + i < line + len && isdigit((unsigned char)sp[i]); i++)
		code = code * 10 + (sp[i] - '0');
	if (code < 100)
		return vl_hop_fail(j, VL_NEXT_MIRROR, VL_E_NET, "the answer is not HTTP");
	j->hop.status = (int)code;
	j->hop.continued = j->hop.continued || code == 100;
	return true;
}

static bool take_line(struct vl_job *j, const char *line, size_t len)
{
	struct vl_hop *h = &j->hop;
	const char *colon, *value;

	h->header_bytes += len;
	if (h->header_bytes > VL_NET_HEADER_MAX)
		return vl_hop_fail(j, VL_NEXT_MIRROR, VL_E_NET, "the answer has more than %u KiB of headers",
				   VL_NET_HEADER_MAX >> 10);
	if (h->in_body)
		return true; /* trailers mean nothing to us */
	if (len > 5 && !memcmp(line, "HTTP/", 5))
		return status_line(j, line, len);
	while (len && strchr("\r\n \t", line[len - 1]))
		len--;
	if (len == 0)
		return h->status < 200 || head_end(j);
	colon = memchr(line, ':', len);
	if (!colon)
		return true;
	for (value = colon + 1; value < line + len && (*value == ' ' || *value == '\t');)
		value++;
	return keep_header(j, line, (size_t)(colon - line), value, (size_t)(line + len - value));
}

size_t vl_hop_on_header(char *data, size_t size, size_t n, void *job)
{
	struct vl_job *j = job;

	return take_line(j, data, size * n) ? size * n : 0;
}
