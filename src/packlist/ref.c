/* SPDX-License-Identifier: Apache-2.0 */
/* packlist/ref.c: take a reference apart (OCI distribution-spec, "Pulling manifests": the grammar of names and tags).
 * In:  text of the operator, or a mirror's address with a path behind it.
 * Out: its four parts, each safe to put into a URL as it is. */
#include "packlist/ref.h"

#include <stdio.h>
#include <string.h>

#include "base/host.h"
#include "base/text.h"

#define DIGIT "0123456789"

static bool digest_is_good(const char *d)
{
	return !strncmp(d, "sha256:", 7) && strlen(d) == 71 && strspn(d + 7, DIGIT "abcdef") == 64;
}

bool vl_ref_parse(struct vl_ref *out, const char *text, struct vl_err *e)
{
	VL_STR shown = vl_safe_text(text, 120);
	const char *slash = strchr(text, '/');
	const char *at = strchr(text, '@');
	const char *end = at ? at : text + strlen(text);
	const char *colon = slash ? memchr(slash, ':', end > slash ? (size_t)(end - slash) : 0) : NULL;
	struct vl_ref r = { .host = "" };

	if (strstr(text, "://"))
		return vl_fail(e, VL_E_PACKLIST, "\"%s\" is a URL; write it without the scheme", shown);
	if (!slash || end < slash || strlen(text) > 500)
		return vl_fail(e, VL_E_PACKLIST, "\"%s\" is not a reference: expected HOST[:PORT]/NAME[:TAG][@DIGEST]",
			       shown);
	snprintf(r.host, sizeof r.host, "%.*s", (int)(slash - text), text);
	snprintf(r.name, sizeof r.name, "%.*s", (int)((colon ? colon : end) - slash - 1), slash + 1);
	if (!vl_host_is_valid(r.host) || (size_t)(slash - text) >= sizeof r.host ||
	    (!strpbrk(r.host, ".:[") && strcmp(r.host, "localhost") != 0))
		return vl_fail(e, VL_E_PACKLIST, "\"%s\" does not begin with a registry's host name", shown);
	if (!vl_repository_is_formed(r.name) || (size_t)((colon ? colon : end) - slash - 1) >= sizeof r.name)
		return vl_fail(e, VL_E_PACKLIST, "\"%s\": \"%.100s\" is not a name in a registry (a-z 0-9 . _ - /)",
			       shown, r.name);
	if (colon)
		snprintf(r.tag, sizeof r.tag, "%.*s", (int)(end - colon - 1), colon + 1);
	if (colon && (end - colon > 129 || !vl_tag_is_valid(r.tag)))
		return vl_fail(e, VL_E_PACKLIST, "\"%s\" has a malformed tag", shown);
	if (at && !digest_is_good(at + 1))
		return vl_fail(e, VL_E_PACKLIST, "\"%s\": the digest must be sha256: and 64 hexadecimal digits", shown);
	if (at)
		snprintf(r.digest, sizeof r.digest, "%s", at + 1);
	*out = r;
	return true;
}

bool vl_ref_is_address(const char *text)
{
	size_t len = strcspn(text, "/");
	char host[256];

	if (!text[len] || len >= sizeof host || strlen(text) > 500)
		return false;
	memcpy(host, text, len);
	host[len] = '\0';
	return vl_host_is_valid(host) && vl_repository_is_formed(text + len + 1);
}

bool vl_ref_is_registry(const char *text)
{
	char with_path[600];

	if (vl_ref_is_address(text))
		return true;
	return !strchr(text, '/') && strlen(text) < 300 && snprintf(with_path, sizeof with_path, "%s/x", text) > 0 &&
	       vl_ref_is_address(with_path);
}

bool vl_ref_is_path(const char *text)
{
	return vl_repository_is_valid(text);
}
