/* SPDX-License-Identifier: Apache-2.0 */
/* serve/route_priv.h: what routes.c and the files behind it share: text that grows into a reply, names of the hall. */
#ifndef VL_SERVE_ROUTE_PRIV_H
#define VL_SERVE_ROUTE_PRIV_H

#include "serve/serve_priv.h"

/* ---- text.c: a reply's text; the first failure is remembered and becomes a 500 at the end ---- */
#define VL_REPLY_TEXT_MAX (4u << 20)
struct vl_text {
	struct vl_buf *out; /* borrowed */
	bool failed;
};
struct vl_text vl_text_begin(struct vl_reply *r);
void vl_text_add(struct vl_text *t, const char *ours);
void vl_text_addf(struct vl_text *t, const char *fmt, ...) VL_PRINTF(2, 3);
/* Foreign text between tags or in a quoted attribute. */
void vl_text_html(struct vl_text *t, const char *foreign);
/* A path in a URL: all but unreserved characters and '/' percent-encoded, so that it needs no other quoting. */
void vl_text_url(struct vl_text *t, const char *path);
void vl_text_end(const struct vl_text *t, struct vl_reply *r, int status, const char *type);
/* One plain sentence. */
void vl_reply_say(struct vl_reply *r, int status, const char *sentence);
/* The one style sheet of our pages, and the policy that allows it and nothing else. */
void vl_text_page_begin(struct vl_text *t, const char *title);
void vl_text_page_end(struct vl_text *t, struct vl_reply *r, int status);
extern const char vl_page_style[], vl_page_policy[];

/* %XX undone once. NULL: a broken escape, or one of a slash, backslash, dot or control character. The caller frees. */
char *vl_path_unescape(const char *raw);

/* ---- hall.c ---- */
const struct vl_hall_file *vl_hall_find(const struct vl_hall *h, const char *path);
/* Index of the first file whose path is not below `path`. */
size_t vl_hall_lower(const struct vl_hall *h, const char *path);
bool vl_hall_serves(const struct vl_hall *h, const struct vl_channel *c);

/* ---- one function per kind of path ---- */
void vl_route_registry(const struct vl_hall *h, const struct vl_ask *a, struct vl_reply *r); /* /v2/... */
void vl_route_files(const struct vl_hall *h, const struct vl_ask *a, struct vl_reply *r);    /* /files/..., /osv/... */
void vl_route_front(const struct vl_hall *h, const struct vl_ask *a, struct vl_reply *r);    /* / */
void vl_route_health(const struct vl_hall *h, const struct vl_ask *a, struct vl_reply *r);
void vl_route_metrics(const struct vl_hall *h, const struct vl_counters *c, struct vl_reply *r);

#endif
