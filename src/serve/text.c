/* SPDX-License-Identifier: Apache-2.0 */
/* serve/text.c: the text of a reply.
 * In:    our words, and names that strangers chose.
 * Out:   HTML, plain text, URLs.
 * Keeps: a foreign name is never markup, never a control character, and never ends a quotation. */
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "serve/route_priv.h"

/* tests/unit/serve_routes_test.c compares the hash in the policy with the style. */
const char vl_page_style[] =
	"body{font-family:sans-serif;max-width:64em;margin:2em auto;padding:0 1em;line-height:1.4}"
	"pre{background:#f2f2f2;padding:.6em;overflow-x:auto}"
	"td,th{padding:.1em 1.2em .1em 0;text-align:left;vertical-align:top}"
	".n{text-align:right}.bad{color:#b00000;font-weight:bold}";
const char vl_page_policy[] =
	"default-src 'none'; style-src 'sha256-dfcP1201c3VKBhCVDZ93YAZ5llMgb1kBu6wE0ZcDSi0='; "
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

struct vl_text vl_text_begin(struct vl_reply *r)
{
	vl_reply_clear(r);
	r->body.max = VL_REPLY_TEXT_MAX;
	return (struct vl_text){ .out = &r->body };
}

static void add_bytes(struct vl_text *t, const char *s, size_t n)
{
	struct vl_err unused;

	t->failed = t->failed || !vl_buf_add(t->out, vl_bytes(s, n), &unused);
}

void vl_text_add(struct vl_text *t, const char *ours)
{
	add_bytes(t, ours, strlen(ours));
}

void vl_text_addf(struct vl_text *t, const char *fmt, ...)
{
	char text[1024];
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	if (n < 0 || (size_t)n >= sizeof text)
		t->failed = true;
	else
		vl_text_add(t, text);
}

static const char *entity(char c)
{
	switch (c) {
	case '&': return "&amp;";
	case '<': return "&lt;";
	case '>': return "&gt;";
	case '"': return "&quot;";
	case '\'': return "&#39;";
	default: return NULL;
	}
}

void vl_text_html(struct vl_text *t, const char *foreign)
{
	VL_STR safe = vl_safe_text(foreign, 2048);

	for (const char *p = safe; *p; p++) {
		if (entity(*p))
			vl_text_add(t, entity(*p));
		else
			add_bytes(t, p, 1);
	}
}

static bool is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("-._~/", c);
}

void vl_text_url(struct vl_text *t, const char *path)
{
	for (; *path; path++) {
		if (is_plain(*path))
			add_bytes(t, path, 1);
		else
			vl_text_addf(t, "%%%02X", (unsigned char)*path);
	}
}

void vl_text_end(const struct vl_text *t, struct vl_reply *r, int status, const char *type)
{
	if (t->failed) {
		vl_reply_say(r, 500, "This answer would be longer than valise gives.");
		return;
	}
	r->status = status;
	r->type = type;
	r->cache = "no-cache";
}

void vl_reply_say(struct vl_reply *r, int status, const char *sentence)
{
	struct vl_text t = vl_text_begin(r);

	vl_text_add(&t, sentence);
	vl_text_add(&t, "\n");
	r->status = status;
	r->type = "text/plain; charset=utf-8";
	r->cache = "no-cache";
}

void vl_text_page_begin(struct vl_text *t, const char *title)
{
	vl_text_add(t, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
		       "<meta name=\"viewport\" content=\"width=device-width\"><title>");
	vl_text_html(t, title);
	vl_text_add(t, "</title><style>");
	vl_text_add(t, vl_page_style);
	vl_text_add(t, "</style></head>\n<body>\n<h1>");
	vl_text_html(t, title);
	vl_text_add(t, "</h1>\n");
}

void vl_text_page_end(struct vl_text *t, struct vl_reply *r, int status)
{
	vl_text_add(t, "</body></html>\n");
	vl_text_end(t, r, status, "text/html; charset=utf-8");
	if (r->status == status)
		r->policy = vl_page_policy;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Two decoders that disagree about one of these are how a path gets past a check, so no escape may stand for them. */
static bool is_risky(unsigned char c)
{
	return c < 0x20 || c == 0x7f || strchr("/\\.", c);
}

char *vl_path_unescape(const char *raw)
{
	VL_STR out = vl_xcalloc(strlen(raw) + 1, 1);
	char *to = out;
	int value;

	for (; *raw; raw++, to++) {
		if (*raw != '%') {
			*to = *raw;
			continue;
		}
		if (hex_value(raw[1]) < 0 || hex_value(raw[2]) < 0)
			return NULL;
		value = hex_value(raw[1]) * 16 + hex_value(raw[2]);
		if (is_risky((unsigned char)value))
			return NULL;
		*to = (char)value;
		raw += 2;
	}
	return vl_steal(&out);
}
