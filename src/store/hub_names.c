/* SPDX-License-Identifier: Apache-2.0 */
/* store/hub_names.c: what an image is called upstream, and what it is called here.
 * In:    names from a snapshot: signed, but written by whoever runs the other side's registry; rules of valise.conf.
 * Out:   repositories and tags that are safe in a URL and in a path.
 * Keeps: the grammar of the OCI distribution-spec ("Pulling manifests") is checked for every name, after mapping too:
 *        a tag "../../x" would otherwise lead a client, or a registry that keeps tags as files, where it should not
 *        go. */
#include <stdlib.h>
#include <string.h>

#include "base/host.h"
#include "store/hub_priv.h"

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGIT "0123456789"
#define TEXT_MAX 600

/* ---- grammar ---- */

/* "registry.example.com:5000", "[::1]:5000": nothing that could be a path. */
static bool host_is_valid(const char *host, size_t len)
{
	return len > 0 && host[0] != '.' && host[0] != '-' && strspn(host, LOWER UPPER DIGIT ".-:[]") >= len;
}

/* ---- names ---- */

void vl_image_name_clear(struct vl_image_name *n)
{
	free(n->host_and_name);
	free(n->tag);
	*n = (struct vl_image_name){ 0 };
}

static bool is_good(const struct vl_image_name *n)
{
	const char *slash = strchr(n->host_and_name, '/');

	return slash && host_is_valid(n->host_and_name, (size_t)(slash - n->host_and_name)) &&
	       vl_repository_is_valid(slash + 1) && (!n->tag || vl_tag_is_valid(n->tag));
}

bool vl_image_name_parse(struct vl_image_name *out, const char *text)
{
	VL_CLEAN(vl_image_name) n = { 0 };
	struct vl_digest digest;
	const char *slash, *at, *end, *colon;

	if (strlen(text) > TEXT_MAX)
		return false;
	slash = strchr(text, '/');
	at = strchr(text, '@');
	end = at ? at : text + strlen(text);
	colon = slash && slash < end ? memchr(slash, ':', (size_t)(end - slash)) : NULL;
	if ((!colon && !at) || (at && !vl_digest_parse_oci(&digest, at + 1)))
		return false;
	n.host_and_name = vl_xstrndup(text, (size_t)((colon ? colon : end) - text));
	n.tag = colon ? vl_xstrndup(colon + 1, (size_t)(end - colon - 1)) : NULL;
	if (!is_good(&n))
		return false;
	vl_image_name_clear(out);
	*out = n;
	n = (struct vl_image_name){ 0 };
	return true;
}

/* ---- mapping ---- */

/* What stands behind `from` in name: "" or "rest"; NULL when `from` is not a whole-step beginning of it. */
static const char *behind(const char *name, const char *from)
{
	size_t len = strlen(from);

	while (len && from[len - 1] == '/')
		len--;
	if (!len || strncmp(name, from, len) != 0 || (name[len] && name[len] != '/'))
		return NULL;
	return name[len] ? name + len + 1 : "";
}

static char *joined(const char *to, const char *rest)
{
	size_t len = strlen(to);

	while (len && to[len - 1] == '/')
		len--;
	return vl_xprintf("%.*s%s%s", (int)len, to, len && *rest ? "/" : "", rest);
}

char *vl_name_map(const struct vl_name_rule *rule, size_t n, const char *host_and_name)
{
	VL_STR out = NULL;
	const char *rest;

	for (size_t i = 0; i < n && !out; i++) {
		rest = rule[i].from ? behind(host_and_name, rule[i].from) : NULL;
		if (rest)
			out = joined(rule[i].to ? rule[i].to : "", rest);
	}
	rest = strchr(host_and_name, '/');
	if (!out && rest)
		out = vl_xstrdup(rest + 1);
	return out && vl_repository_is_valid(out) ? vl_steal(&out) : NULL;
}
