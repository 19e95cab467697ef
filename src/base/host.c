/* SPDX-License-Identifier: Apache-2.0 */
/* base/host.c: what a host's name means to who speaks to registries, and what may be called what in them.
 * In:  HOST[:PORT], repositories and tags, of the operator, from a packing list or from a snapshot.
 * Out: whether it is one, and who is behind it.
 * Keeps: only the form is looked at; nothing is resolved. What passes is safe in a URL and in a path. */
#include "base/host.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define LETTER LOWER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGIT "0123456789"
#define TAG_MAX 128

bool vl_host_is_valid(const char *host)
{
	bool is_v6 = host[0] == '[';
	size_t len = is_v6 ? 1 + strspn(host + 1, DIGIT "abcdefABCDEF:.") : strspn(host, LETTER DIGIT ".-");

	if (len == 0 || host[0] == '.' || host[0] == '-')
		return false;
	if (is_v6) {
		if (len < 3 || host[len] != ']')
			return false;
		len++;
	}
	if (host[len] == '\0')
		return true;
	host += len + 1;
	return host[-1] == ':' && *host && strlen(host) <= 5 && strspn(host, DIGIT) == strlen(host);
}

bool vl_host_is_loopback(const char *host)
{
	char bare[256];
	struct in_addr v4;
	size_t len = host[0] == '[' ? strcspn(host, "]") : strcspn(host, ":");

	if (len >= sizeof bare)
		return false;
	snprintf(bare, sizeof bare, "%.*s", (int)len, host);
	if (!strcmp(bare, "localhost") || !strcmp(bare, "[::1"))
		return true;
	return inet_pton(AF_INET, bare, &v4) == 1 && (ntohl(v4.s_addr) >> 24) == 127;
}

bool vl_host_is_docker(const char *host)
{
	return !strcmp(host, "docker.io") || !strcmp(host, "index.docker.io") || !strcmp(host, "registry-1.docker.io");
}

const char *vl_host_of_api(const char *host)
{
	return vl_host_is_docker(host) ? "registry-1.docker.io" : host;
}

/* One separator between two runs of letters and digits; 0: none. */
static size_t separator(const char *s)
{
	size_t dashes = strspn(s, "-");

	if (dashes)
		return dashes;
	if (*s == '_')
		return s[1] == '_' ? 2 : 1;
	return *s == '/' || *s == '.';
}

bool vl_repository_is_formed(const char *name)
{
	size_t run, sep;

	for (const char *s = name;; s += sep) {
		run = strspn(s, LOWER DIGIT);
		if (!run)
			return false;
		s += run;
		if (!*s)
			return true;
		sep = separator(s);
		if (!sep)
			return false;
	}
}

bool vl_repository_is_valid(const char *name)
{
	return strlen(name) <= VL_REPOSITORY_MAX && vl_repository_is_formed(name);
}

bool vl_tag_is_valid(const char *tag)
{
	size_t len = strlen(tag);

	return len > 0 && len <= TAG_MAX && *tag != '.' && *tag != '-' && strspn(tag, LETTER DIGIT "._-") == len;
}
