/* SPDX-License-Identifier: Apache-2.0 */
/* serve/routes.c: from a path to the function that answers it.
 * In:    a request as it was sent; nothing in it is believed.
 * Out:   a reply, always.
 * Keeps: pure: no socket, no clock, no file. A path is compared with names that the hall knows; it never becomes the
 *        name of anything that is opened. */
#include <stdlib.h>

#include "base/json.h"
#include "base/text.h"
#include "serve/route_priv.h"

#define PATH_BYTES_MAX 2048
#define ERROR_BYTES_MAX 4096

/* The body's limit stays, as a vl_buf's does: whoever sends a small blob reads it in there. */
void vl_reply_clear(struct vl_reply *r)
{
	size_t max = r->body.max;

	free(r->location);
	free(r->link);
	vl_buf_clear(&r->body);
	*r = (struct vl_reply){ .body = VL_BUF_INIT(max) };
}

void vl_reply_error(struct vl_reply *r, int status, const char *code, const char *message)
{
	VL_STR safe = vl_safe_text(message, 300);
	struct vl_err unused;
	struct vl_jw w;

	vl_reply_clear(r);
	r->status = status;
	r->type = "application/json";
	r->cache = "no-cache";
	r->body.max = ERROR_BYTES_MAX;
	vl_jw_init(&w, &r->body, false);
	vl_jw_object(&w, NULL);
	vl_jw_array(&w, "errors");
	vl_jw_object(&w, NULL);
	vl_jw_str(&w, "code", code);
	vl_jw_str(&w, "message", safe);
	vl_jw_object_end(&w);
	vl_jw_array_end(&w);
	vl_jw_object_end(&w);
	(void)!vl_jw_end(&w, &unused); /* a status without its object is still the right status */
}

static bool has_dot_dot_step(const char *path)
{
	for (const char *p = path; (p = strstr(p, "/..")); p++)
		if (!p[3] || p[3] == '/')
			return true;
	return false;
}

static bool is_sane(const char *path)
{
	if (path[0] != '/' || strnlen(path, PATH_BYTES_MAX + 1) > PATH_BYTES_MAX || has_dot_dot_step(path))
		return false;
	for (const char *p = path; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f || *p == '\\')
			return false;
	return true;
}

static bool is_below(const char *path, const char *top)
{
	size_t len = strlen(top);

	return !strncmp(path, top, len) && (!path[len] || path[len] == '/');
}

static void refuse(const char *path, struct vl_reply *r)
{
	if (is_below(path, "/v2"))
		vl_reply_error(r, 400, "NAME_INVALID", "this path is not one that a registry has");
	else
		vl_reply_say(r, 400, "This path is malformed.");
}

void vl_route(const struct vl_hall *h, const struct vl_counters *c, const struct vl_ask *a, struct vl_reply *r)
{
	bool in_files = is_below(a->path, "/files") || is_below(a->path, "/osv");

	vl_reply_clear(r);
	if (!is_sane(a->path) || (!in_files && strchr(a->path, '%')))
		refuse(a->path, r);
	else if (is_below(a->path, "/v2"))
		vl_route_registry(h, a, r);
	else if (in_files)
		vl_route_files(h, a, r);
	else if (!strcmp(a->path, "/"))
		vl_route_front(h, a, r);
	else if (!strcmp(a->path, "/healthz"))
		vl_route_health(h, a, r);
	else if (!strcmp(a->path, "/metrics"))
		vl_route_metrics(h, c, r);
	else
		vl_reply_say(r, 404, "There is nothing under this path. See / for what is served here.");
}
