/* SPDX-License-Identifier: Apache-2.0 */
/* net/proxy.c: which proxy, if any, a host is reached through: the configured one, else the usual environment
 * (http_proxy in lower case only, as everywhere: a CGI's HTTP_PROXY comes from the client), but for hosts in
 * no_proxy. */
#include "net/net_priv.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <strings.h>

static const char *env_of(const char *lower, const char *upper)
{
	const char *v = lower ? getenv(lower) : NULL;

	if (!v && upper)
		v = getenv(upper);
	return v && *v ? v : NULL;
}

/* "10.0.0.0/8" or "fd00::/8" */
static bool in_network(const char *host, const char *network, unsigned bits)
{
	uint8_t a[16] = { 0 }, b[16] = { 0 };
	int family = strchr(network, ':') ? AF_INET6 : AF_INET;
	unsigned bytes = bits / 8, rest = bits % 8;

	if (inet_pton(family, host, a) != 1 || inet_pton(family, network, b) != 1 ||
	    bits > (family == AF_INET ? 32u : 128u) || memcmp(a, b, bytes) != 0)
		return false;
	return rest == 0 || (a[bytes] ^ b[bytes]) >> (8 - rest) == 0;
}

/* "example.com" and ".example.com" both mean the domain and everything below it. */
static bool entry_covers(const char *entry, const char *host)
{
	size_t host_len = strlen(host), len;
	const char *slash = strchr(entry, '/');
	char network[64], *end;
	unsigned long bits;

	if (slash && (size_t)(slash - entry) < sizeof network) {
		memcpy(network, entry, (size_t)(slash - entry));
		network[slash - entry] = '\0';
		bits = strtoul(slash + 1, &end, 10);
		/* "10.0.0.0/" is a slip, not the whole internet. */
		return end != slash + 1 && !*end && bits <= 128 && in_network(host, network, (unsigned)bits);
	}
	if (*entry == '.')
		entry++;
	len = strlen(entry);
	if (len == 0 || len > host_len || strcasecmp(host + host_len - len, entry) != 0)
		return false;
	return len == host_len || host[host_len - len - 1] == '.';
}

static bool excepted(const char *list, const struct vl_origin *o)
{
	VL_STR host = o->host[0] == '[' ? vl_xstrndup(o->host + 1, strcspn(o->host + 1, "]")) : vl_xstrdup(o->host);
	size_t len;

	for (const char *s = list; *s; s += len) {
		s += strspn(s, " ,\t");
		len = strcspn(s, " ,\t");
		VL_STR entry = vl_xstrndup(s, len);

		if (!strcmp(entry, "*") || entry_covers(entry, host))
			return true;
	}
	return false;
}

const char *vl_proxy_for(const char *configured, const struct vl_origin *o)
{
	const char *proxy = configured && *configured ? configured : NULL, *except = env_of("no_proxy", "NO_PROXY");

	if (!proxy)
		proxy = o->https ? env_of("https_proxy", "HTTPS_PROXY") : env_of("http_proxy", NULL);
	if (!proxy)
		proxy = env_of("all_proxy", "ALL_PROXY");
	return proxy && !(except && excepted(except, o)) ? proxy : NULL;
}
