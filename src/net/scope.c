/* SPDX-License-Identifier: Apache-2.0 */
/* net/scope.c: what a registry's token is asked for: the caller's words, or what the URL shows. Pure.
 * In: a job's request and URL. Out: scope, and the key under which a token may be used again.
 * Keeps: a token of one repository, or for reading, is never taken for another's, or for writing. */
#include "net/net_priv.h"

#include <stdlib.h>

#include "base/text.h"

#define NAME_MAX_LEN 255u

/* "https://host/v2/a/b/manifests/1?x" -> "/v2/a/b/manifests/1?x" */
static const char *path_of(const char *url)
{
	const char *host = strstr(url, "://");

	host = host ? host + 3 : url;
	return host + strcspn(host, "/?#");
}

/* The last one counts: a repository may be called "a/blobs/b", a reference holds no slash. */
static size_t name_length(const char *name, size_t len)
{
	static const char *const kinds[] = { "/manifests/", "/blobs/", "/tags/", "/referrers/" };

	for (size_t at = len; at-- > 0;)
		for (size_t i = 0; i < VL_LEN(kinds); i++)
			if (len - at > strlen(kinds[i]) && !memcmp(name + at, kinds[i], strlen(kinds[i])))
				return at;
	return 0;
}

char *vl_scope_of_url(const char *url, bool push)
{
	const char *path = path_of(url), *name = path + 4;
	size_t len;

	if (strncmp(path, "/v2/", 4) != 0)
		return NULL;
	len = name_length(name, strcspn(name, "?#"));
	if (len == 0 || len > NAME_MAX_LEN || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-/") < len)
		return NULL;
	return vl_xprintf("repository:%.*s:pull%s", (int)len, name, push ? ",push" : "");
}

char *vl_scope_of(const struct vl_job *j)
{
	const struct vl_request *g = j->get;

	return g->scope ? vl_xstrdup(g->scope) : vl_scope_of_url(g->urls[j->url_i], vl_upload_wanted(g));
}

/* Where nothing shows the repository, a token serves its own path only. */
char *vl_scope_key(const struct vl_job *j)
{
	VL_STR scope = vl_scope_of(j);
	const char *path = path_of(j->get->urls[j->url_i]);

	return vl_xprintf("%s %s:%u %s%.*s", j->first.https ? "https" : "http", j->first.host, j->first.port,
			  scope ? scope : vl_upload_wanted(j->get) ? "to " : "of ",
			  scope ? 0 : (int)strcspn(path, "?#"), path);
}

/* "repository:NAME:pull ..." -> NAME: whose credentials are looked up */
char *vl_scope_repository(const char *scope)
{
	const char *name = scope && !strncmp(scope, "repository:", 11) ? scope + 11 : NULL;
	size_t len = name ? strcspn(name, " ") : 0;

	while (len && name[len - 1] != ':')
		len--;
	return len > 1 ? vl_xstrndup(name, len - 1) : NULL;
}

/* Several scopes become several parameters. */
char *vl_scope_query(const char *scope)
{
	VL_STR all = vl_xstrdup("");
	size_t len;

	for (const char *s = scope; s && *s; s += len) {
		s += strspn(s, " ");
		len = strcspn(s, " ");
		if (!len)
			break;
		VL_STR one = vl_xstrndup(s, len);
		VL_STR safe = vl_percent_encode(one);
		char *longer = vl_xprintf("%s&scope=%s", all, safe);

		free(all);
		all = longer;
	}
	return vl_steal(&all);
}
