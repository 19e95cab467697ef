/* SPDX-License-Identifier: Apache-2.0 */
/* sources/mirrors.c: where to look for a URL: the mirrors of valise.conf in order, then the upstream itself.
 * In:    "https://host/path"; prefixes with or without a scheme ("ghcr.io/aquasecurity").
 * Out:   complete URLs. A mirror without a scheme is https, plain http only on loopback.
 * Keeps: pure; a prefix ends at a step of the path, so that "x.example/a" says nothing about "x.example/ab". */
#include <stdlib.h>
#include <string.h>

#include "base/host.h"
#include "base/mem.h"
#include "packlist/ref.h"
#include "sources/work.h"

void vl_texts_free(char **texts)
{
	for (char **t = texts; t && *t; t++)
		free(*t);
	free(texts);
}

void vl_texts_freep(char ***texts)
{
	vl_texts_free(*texts);
}

static const char *behind_scheme(const char *url)
{
	const char *s = strstr(url, "://");

	return s ? s + 3 : url;
}

/* What is left of url behind the prefix, or NULL: does not match. */
static const char *rest_of(const char *prefix, const char *url)
{
	const char *have = strstr(prefix, "://") ? url : behind_scheme(url);
	size_t len = strlen(prefix);

	while (len && prefix[len - 1] == '/')
		len--;
	if (!len || strncmp(have, prefix, len) != 0 || !(have[len] == '\0' || strchr("/?#", have[len])))
		return NULL;
	return have + len;
}

static char *mirrored(const char *use, const char *rest)
{
	const char *scheme = strstr(use, "://") ? "" : vl_host_is_loopback(use) ? "http://" : "https://";
	size_t len = strlen(use);

	while (len && use[len - 1] == '/')
		len--;
	return vl_xprintf("%s%.*s%s", scheme, (int)len, use, rest);
}

static bool is_there(char **list, size_t n, const char *url)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(list[i], url))
			return true;
	return false;
}

char **vl_mirrored(const struct vl_conf *conf, const char *url)
{
	size_t n = 0, most = 2;
	char **out;
	bool only = false;

	for (unsigned i = 0; i < conf->mirrors_count; i++)
		most += conf->mirrors[i].use_count;
	out = vl_xcalloc(most, sizeof *out);
	for (unsigned i = 0; i < conf->mirrors_count; i++) {
		const struct vl_conf_mirror *m = &conf->mirrors[i];
		const char *rest = rest_of(m->prefix, url);

		for (unsigned k = 0; rest && k < m->use_count; k++) {
			out[n] = mirrored(m->use[k], rest);
			if (is_there(out, n, out[n]))
				free(vl_steal(&out[n]));
			else
				n++;
		}
		only = only || (rest && m->only);
	}
	if (!only && !is_there(out, n, url))
		out[n] = vl_xstrdup(url);
	return out;
}
