/* SPDX-License-Identifier: Apache-2.0 */
/* base/host.c: what a host's name means to who speaks to registries.
 * In:  HOST[:PORT], of the operator or from a packing list.
 * Out: whether it is one, and who is behind it.
 * Keeps: only the form is looked at; nothing is resolved. */
#include "base/host.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define LETTER "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGIT "0123456789"

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
