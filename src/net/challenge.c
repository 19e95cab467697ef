/* SPDX-License-Identifier: Apache-2.0 */
/* net/challenge.c: WWW-Authenticate, read strictly, and which token server a registry may name.
 * In: header text from anybody. Out: realm, service, scope; or a refusal. Nothing is sent from here.
 * Attacks: a realm that makes us ask the cloud's metadata service or a host behind the firewall, a realm that takes the
 * password over plain http, endless or unterminated text. */
#include "net/net_priv.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define REALM_MAX 2048u

struct cursor {
	const char *at;
};

void vl_challenge_clear(struct vl_challenge *c)
{
	free(c->realm);
	free(c->service);
	free(c->scope);
	*c = (struct vl_challenge){ .kind = VL_CHALLENGE_NONE };
}

static bool is_token(char c)
{
	return c > ' ' && c < 0x7f && !strchr("()<>@,;:\\\"/[]?={}", c);
}

static void skip(struct cursor *c, const char *what)
{
	c->at += strspn(c->at, what);
}

static size_t take_token(struct cursor *c, const char **start)
{
	*start = c->at;
	while (is_token(*c->at))
		c->at++;
	return (size_t)(c->at - *start);
}

/* A token68 ("Negotiate YII..==") instead of parameters. */
static bool skip_token68(struct cursor *c)
{
	const char *s = c->at;

	while (is_token(*s) || *s == '/')
		s++;
	while (*s == '=')
		s++;
	if (s == c->at || (*s && *s != ',' && *s != ' '))
		return false;
	if (!strchr(", ", s[-1]) && s[-1] != '=' && !strchr(s, ',') && *s)
		return false;
	c->at = s;
	return true;
}

static bool take_value(struct cursor *c, char **out)
{
	VL_STR value = vl_xcalloc(strlen(c->at) + 1, 1);
	size_t n = 0;
	const char *start;

	if (*c->at != '"') {
		n = take_token(c, &start);
		*out = vl_xstrndup(start, n);
		return n > 0;
	}
	for (c->at++; *c->at != '"'; c->at++) {
		if (*c->at == '\\')
			c->at++;
		if ((unsigned char)*c->at < ' ' || *c->at == 0x7f)
			return false; /* the end of the text too: the quote was never closed */
		value[n++] = *c->at;
	}
	c->at++;
	*out = vl_steal(&value);
	return true;
}

static bool store_param(struct vl_challenge *c, const char *name, size_t len, char **value)
{
	const struct {
		const char *name;
		char **slot;
	} wanted[] = { { "realm", &c->realm }, { "service", &c->service }, { "scope", &c->scope } };

	for (size_t i = 0; i < VL_LEN(wanted); i++) {
		if (strlen(wanted[i].name) != len || strncasecmp(name, wanted[i].name, len) != 0)
			continue;
		if (*wanted[i].slot || strlen(*value) > REALM_MAX)
			return false; /* twice: which one would be meant? */
		*wanted[i].slot = vl_steal(value);
	}
	return true;
}

static enum vl_challenge_kind kind_of(const char *name, size_t len)
{
	if (len == 6 && !strncasecmp(name, "Bearer", len))
		return VL_CHALLENGE_BEARER;
	if (len == 5 && !strncasecmp(name, "Basic", len))
		return VL_CHALLENGE_BASIC;
	return VL_CHALLENGE_NONE;
}

/* name = value, after the name. */
static bool take_param(struct cursor *c, struct vl_challenge *into, const char *name, size_t len)
{
	VL_STR value = NULL;

	c->at++;
	skip(c, " \t");
	return take_value(c, &value) && store_param(into, name, len, &value);
}

static void offer(struct vl_challenge *best, struct vl_challenge *one)
{
	struct vl_challenge old = *best;

	if (one->kind <= best->kind) {
		vl_challenge_clear(one);
		return;
	}
	*best = *one;
	*one = old;
	vl_challenge_clear(one);
}

/* challenges, separated by commas like their own parameters: a name not followed by = begins the next one. */
static bool parse(struct cursor *c, struct vl_challenge *best)
{
	VL_CLEAN(vl_challenge) one = { .kind = VL_CHALLENGE_NONE };
	const char *name;
	size_t len;
	bool in_scheme = false;

	for (;;) {
		skip(c, " \t,");
		if (!*c->at)
			break;
		len = take_token(c, &name);
		if (len == 0)
			return false;
		skip(c, " \t");
		if (*c->at == '=') {
			if (!in_scheme || !take_param(c, &one, name, len))
				return false;
		} else {
			offer(best, &one);
			one.kind = kind_of(name, len);
			in_scheme = true;
			if (one.kind == VL_CHALLENGE_NONE)
				skip_token68(c);
		}
		if (*c->at && !strchr(" \t,", *c->at) && c->at[-1] != ' ' && c->at[-1] != '\t')
			return false;
	}
	offer(best, &one);
	return true;
}

bool vl_challenge_parse(const char *header, struct vl_challenge *c, struct vl_err *e)
{
	struct cursor at = { header };
	VL_CLEAN(vl_challenge) found = { .kind = VL_CHALLENGE_NONE };

	*c = (struct vl_challenge){ .kind = VL_CHALLENGE_NONE };
	if (strlen(header) > VL_NET_CHALLENGE_MAX)
		return vl_fail(e, VL_E_REFUSED, "401: the server's challenge is longer than %u bytes",
			       VL_NET_CHALLENGE_MAX);
	if (!parse(&at, &found))
		return vl_fail(e, VL_E_REFUSED, "401: the server's challenge is malformed");
	if (found.kind == VL_CHALLENGE_BEARER && (!found.realm || !*found.realm))
		return vl_fail(e, VL_E_REFUSED, "401: the server's challenge names no token server");
	if (found.kind == VL_CHALLENGE_NONE)
		return vl_fail(e, VL_E_REFUSED, "401: the server asks for a kind of log-in that valise does not know");
	*c = found;
	found = (struct vl_challenge){ .kind = VL_CHALLENGE_NONE };
	return true;
}

bool vl_realm_check(const char *registry, const char *realm, struct vl_err *e)
{
	VL_STR plain = NULL;
	VL_STR user = NULL;
	VL_STR password = NULL;
	struct vl_origin from, to;
	enum vl_reach reach = VL_REACH_PUBLIC;

	if (!vl_origin_of(registry, &from, e))
		return false;
	if (strlen(realm) > REALM_MAX || !vl_url_split_user(realm, &plain, &user, &password, e) ||
	    !vl_origin_of(plain, &to, e) || user || password || strchr(realm, '#'))
		return vl_fail(e, VL_E_REDIRECT, "401: the token server's URL is not acceptable");
	if (!to.https && from.https)
		return vl_fail(e, VL_E_REDIRECT, "401: the token server %s is asked by http, the registry by https",
			       to.host);
	if (!strcmp(to.host, from.host))
		return true;
	if (!to.https)
		return vl_fail(e, VL_E_REDIRECT, "401: the token server %s is another host and not asked by https",
			       to.host);
	if (vl_reach_of_host(to.host, &reach) && reach != VL_REACH_PUBLIC)
		return vl_fail(e, VL_E_REDIRECT, "401: the token server %s is an internal address", to.host);
	return true;
}
