/* SPDX-License-Identifier: Apache-2.0 */
/* net/redirect.c: which URL may follow which, and how near an address is.
 * In: URLs and addresses. Out: verdicts; nothing is asked of the network here.
 * Keeps: https is never left for http; nothing but http and https is followed; user info of a Location is dropped, so
 * that a server cannot make us log in elsewhere. */
#include "net/net_priv.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/text.h"

static void url_freep(CURLU **u)
{
	curl_url_cleanup(*u);
}
#define URL __attribute__((cleanup(url_freep))) CURLU *

static void part_freep(char **s)
{
	curl_free(*s);
}
#define PART __attribute__((cleanup(part_freep))) char *

static bool url_bad(const char *url, struct vl_err *e)
{
	VL_STR shown = vl_url_public(url);
	VL_STR safe = vl_safe_text(shown, 300);

	return vl_fail(e, VL_E_REDIRECT, "\"%s\" is not an http or https URL", safe);
}

/* Printable ASCII only: control bytes in a URL are an attack on the request line or on a terminal. */
static bool text_is_plain(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s <= ' ' || (unsigned char)*s >= 0x7f)
			return false;
	return true;
}

static bool scheme_ok(CURLU *u, bool *https)
{
	PART scheme = NULL;

	if (curl_url_get(u, CURLUPART_SCHEME, &scheme, 0))
		return false;
	*https = !strcasecmp(scheme, "https");
	return *https || !strcasecmp(scheme, "http");
}

static bool origin_read(CURLU *u, struct vl_origin *o)
{
	PART host = NULL;
	PART port = NULL;
	size_t len;

	if (!scheme_ok(u, &o->https) || curl_url_get(u, CURLUPART_HOST, &host, 0) ||
	    curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT))
		return false;
	len = strlen(host);
	/* "host." and "host" are one host; a trailing dot must not make them two origins, or two look-ups. */
	if (len > 1 && host[len - 1] == '.')
		len--;
	if (len == 0 || len >= sizeof o->host || !text_is_plain(host))
		return false;
	for (size_t i = 0; i < len; i++)
		o->host[i] = (char)tolower((unsigned char)host[i]);
	o->host[len] = '\0';
	o->port = (unsigned)strtoul(port, NULL, 10);
	return true;
}

bool vl_origin_of(const char *url, struct vl_origin *o, struct vl_err *e)
{
	URL u = curl_url();

	if (!u)
		return vl_fail(e, VL_E_MEMORY, "no memory for a URL");
	if (!text_is_plain(url) || curl_url_set(u, CURLUPART_URL, url, 0) || !origin_read(u, o))
		return url_bad(url, e);
	return true;
}

bool vl_origin_same(const struct vl_origin *a, const struct vl_origin *b)
{
	return a->https == b->https && a->port == b->port && !strcmp(a->host, b->host);
}

static enum vl_reach reach_of_v4(uint32_t a)
{
	if (a >> 24 == 127 || a >> 24 == 0)
		return VL_REACH_LOOP; /* 0.0.0.0/8 reaches this host too */
	if (a >> 16 == 0xa9fe)
		return VL_REACH_LINK; /* 169.254: cloud metadata lives here */
	if (a >> 24 == 10 || a >> 20 == 0xac1 || a >> 16 == 0xc0a8 || a >> 22 == (0x64400000u >> 22))
		return VL_REACH_PRIVATE;
	if (a >> 28 >= 0xe)
		return VL_REACH_LINK; /* multicast, reserved, broadcast: nobody's server */
	return VL_REACH_PUBLIC;
}

static enum vl_reach reach_of_v6(const uint8_t b[16])
{
	static const uint8_t zero[16], nat64[12] = { 0, 0x64, 0xff, 0x9b };
	static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
	uint32_t v4 = (uint32_t)b[12] << 24 | (uint32_t)b[13] << 16 | (uint32_t)b[14] << 8 | b[15];

	if (!memcmp(b, mapped, 12) || !memcmp(b, nat64, 12))
		return reach_of_v4(v4);
	if (!memcmp(b, zero, 12))
		return v4 <= 1 ? VL_REACH_LOOP : reach_of_v4(v4);
	if (b[0] == 0x20 && b[1] == 0x02) /* 6to4 carries an IPv4 address in bytes 2 to 5 */
		return reach_of_v4((uint32_t)b[2] << 24 | (uint32_t)b[3] << 16 | (uint32_t)b[4] << 8 | b[5]);
	if ((b[0] == 0xfe && (b[1] & 0xc0) == 0x80) || b[0] == 0xff)
		return VL_REACH_LINK;
	if ((b[0] & 0xfe) == 0xfc || (b[0] == 0xfe && (b[1] & 0xc0) == 0xc0))
		return VL_REACH_PRIVATE;
	return VL_REACH_PUBLIC;
}

enum vl_reach vl_reach_of_addr(const struct sockaddr *sa)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	if (sa->sa_family == AF_INET) {
		memcpy(&in, sa, sizeof in);
		return reach_of_v4(ntohl(in.sin_addr.s_addr));
	}
	if (sa->sa_family == AF_INET6) {
		memcpy(&in6, sa, sizeof in6);
		return reach_of_v6(in6.sin6_addr.s6_addr);
	}
	return VL_REACH_LOOP; /* a family we do not know is not a public server */
}

bool vl_reach_of_host(const char *host, enum vl_reach *r)
{
	static const char local[] = "localhost";
	char bare[64];
	size_t len = strlen(host);
	struct in_addr a4;
	struct in6_addr a6;

	if (len >= sizeof local - 1 && !strcasecmp(host + len - (sizeof local - 1), local) &&
	    (len == sizeof local - 1 || host[len - sizeof local] == '.')) {
		*r = VL_REACH_LOOP;
		return true;
	}
	if (*host == '[' && len > 2)
		snprintf(bare, sizeof bare, "%.*s", (int)strcspn(host + 1, "]%"), host + 1);
	else
		snprintf(bare, sizeof bare, "%.*s", (int)strcspn(host, "%"), host);
	if (inet_pton(AF_INET, bare, &a4) == 1)
		*r = reach_of_v4(ntohl(a4.s_addr));
	else if (inet_pton(AF_INET6, bare, &a6) == 1)
		*r = reach_of_v6(a6.s6_addr);
	else
		return false;
	return true;
}

bool vl_redirect_next(const char *from, const char *location, char **to, struct vl_err *e)
{
	VL_STR safe = vl_safe_text(location, 200);
	URL u = curl_url();
	PART full = NULL;
	struct vl_origin was, is;

	if (strlen(location) > 8192)
		return vl_fail(e, VL_E_REDIRECT, "a redirect to a URL of more than 8 KiB is not followed");
	if (!vl_origin_of(from, &was, e))
		return false;
	if (!u || curl_url_set(u, CURLUPART_URL, from, 0))
		return url_bad(from, e);
	if (curl_url_set(u, CURLUPART_URL, location, CURLU_URLENCODE) || !origin_read(u, &is)) {
		safe[strcspn(safe, "?#")] = '\0';
		return vl_fail(e, VL_E_REDIRECT, "a redirect to \"%s\" is not followed: it is not http or https",
			       strchr(safe, '@') ? "(hidden)" : safe);
	}
	if (was.https && !is.https)
		return vl_fail(e, VL_E_REDIRECT, "a redirect from https to http (host %s) is not followed", is.host);
	curl_url_set(u, CURLUPART_USER, NULL, 0);
	curl_url_set(u, CURLUPART_PASSWORD, NULL, 0);
	curl_url_set(u, CURLUPART_OPTIONS, NULL, 0);
	curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0);
	if (curl_url_get(u, CURLUPART_URL, &full, 0) || !text_is_plain(full))
		return url_bad(from, e);
	*to = vl_xstrdup(full);
	return true;
}

/* '<URL>; rel="next"', perhaps one of several with commas between (RFC 8288). */
static char *link_target(const char *link)
{
	for (const char *open = strchr(link, '<'); open; open = strchr(open + 1, '<')) {
		const char *close = strchr(open, '>');
		VL_STR params = close ? vl_xstrndup(close + 1, strcspn(close + 1, "<")) : NULL;

		if (params && (strstr(params, "rel=next") || strstr(params, "rel=\"next\"")))
			return vl_xstrndup(open + 1, (size_t)(close - open) - 1);
	}
	return NULL;
}

char *vl_link_next(const char *url, const char *link, bool *astray)
{
	VL_STR target = link ? link_target(link) : NULL;
	VL_STR to = NULL;
	struct vl_origin was, is;
	struct vl_err ignored;

	*astray = target != NULL;
	if (!target || !vl_redirect_next(url, target, &to, &ignored) || !vl_origin_of(url, &was, &ignored) ||
	    !vl_origin_of(to, &is, &ignored) || !vl_origin_same(&was, &is))
		return NULL;
	*astray = false;
	return vl_steal(&to);
}

bool vl_url_split_user(const char *url, char **plain, char **user, char **password, struct vl_err *e)
{
	URL u = curl_url();
	PART full = NULL;
	PART name = NULL;
	PART secret = NULL;
	bool https;

	*plain = *user = *password = NULL;
	if (!u || !text_is_plain(url) || curl_url_set(u, CURLUPART_URL, url, 0) || !scheme_ok(u, &https))
		return url_bad(url, e);
	if (!curl_url_get(u, CURLUPART_USER, &name, CURLU_URLDECODE))
		*user = vl_xstrdup(name);
	if (!curl_url_get(u, CURLUPART_PASSWORD, &secret, CURLU_URLDECODE))
		*password = vl_xstrdup(secret);
	curl_url_set(u, CURLUPART_USER, NULL, 0);
	curl_url_set(u, CURLUPART_PASSWORD, NULL, 0);
	curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0);
	if (curl_url_get(u, CURLUPART_URL, &full, 0))
		return url_bad(url, e);
	*plain = vl_xstrdup(full);
	return true;
}

/* Done by hand and not with curl's parser: it must also hide the secrets of a URL that is malformed. The last @ before
 * the path ends the user info. */
char *vl_url_public(const char *url)
{
	const char *host = strstr(url, "://");
	size_t scheme, end, at;

	host = host ? host + 3 : url;
	scheme = (size_t)(host - url);
	end = strcspn(host, "/?#\\");
	for (at = end; at > 0 && host[at - 1] != '@';)
		at--;
	return vl_xprintf("%.*s%.*s", (int)scheme, url, (int)(strcspn(host, "?#") - at), host + at);
}
