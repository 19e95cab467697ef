/* SPDX-License-Identifier: Apache-2.0 */
/* net_redirect_test.c: the pure policies of net/: origins, redirects, how near an address is, pauses, proxies, netrc,
 * base64. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "net/net_priv.h"
#include "tests/lib/tap.h"

static void test_redirects(void)
{
	static const struct {
		const char *from, *location, *to; /* NULL: refused */
	} cases[] = {
		{ "https://a.example/x/y", "z", "https://a.example/x/z" },
		{ "https://a.example/x/y", "/z?q=1", "https://a.example/z?q=1" },
		{ "https://a.example/x/y", "//b.example/z", "https://b.example/z" },
		{ "https://a.example/x", "https://b.example/z#part", "https://b.example/z" },
		{ "https://a.example/x", "https://u:p@b.example/z", "https://b.example/z" },
		{ "https://a.example/x", "/a b", "https://a.example/a%20b" },
		{ "http://a.example/x", "https://a.example/x", "https://a.example/x" },
		{ "http://a.example/x", "http://b.example/x", "http://b.example/x" },
		{ "https://a.example/x", "http://a.example/x", NULL },
		{ "https://a.example/x", "HTTP://a.example/x", NULL },
		{ "https://a.example/x", "file:///etc/passwd", NULL },
		{ "http://a.example/x", "file:///etc/passwd", NULL },
		{ "http://a.example/x", "FILE:/etc/passwd", NULL },
		{ "http://a.example/x", "gopher://a.example/x", NULL },
		{ "http://a.example/x", "ftp://a.example/x", NULL },
		{ "http://a.example/x", "dict://a.example/x", NULL },
		{ "http://a.example/x", "data:text/plain,x", NULL },
		{ "http://a.example/x", "javascript:1", NULL },
		{ "http://a.example/x", "http://", NULL },
		{ "http://a.example/x", "http://a.example:99999/", NULL },
		{ "http://a.example/x", "http://a.example\r\nX: 1/", NULL },
		{ "file:///etc/passwd", "http://a.example/", NULL },
	};

	for (size_t i = 0; i < VL_LEN(cases); i++) {
		struct vl_err e = VL_ERR_INIT;
		VL_STR to = NULL;

		if (!cases[i].to) {
			tap_fails(vl_redirect_next(cases[i].from, cases[i].location, &to, &e), &e, VL_E_REDIRECT,
				  "%s -> case %zu is refused", cases[i].from, i);
			continue;
		}
		tap_good(vl_redirect_next(cases[i].from, cases[i].location, &to, &e), &e, "%s -> %s", cases[i].from,
			 cases[i].location);
		tap_str(to, cases[i].to, "leads to %s", cases[i].to);
	}
}

static void test_links(void)
{
	static const struct {
		const char *link, *next; /* NULL: none */
		bool astray;
	} cases[] = {
		{ NULL, NULL, false },
		{ "", NULL, false },
		{ "</v2/x/referrers/d?last=a&n=2>; rel=\"next\"", "https://a.example/v2/x/referrers/d?last=a&n=2",
		  false },
		{ "<?last=b>;rel=next", "https://a.example/v2/x/referrers/d?last=b", false },
		{ "<https://a.example/n>; rel=\"next\"", "https://a.example/n", false },
		{ "</p>; rel=\"prev\", </n>; rel=\"next\"", "https://a.example/n", false },
		{ "</p>; rel=\"prev\"", NULL, false },
		{ "</p; rel=\"next\"", NULL, false },
		{ "<https://b.example/n>; rel=\"next\"", NULL, true },
		{ "<http://a.example/n>; rel=\"next\"", NULL, true },
		{ "<https://a.example:444/n>; rel=\"next\"", NULL, true },
		{ "<file:///n>; rel=\"next\"", NULL, true },
	};

	for (size_t i = 0; i < VL_LEN(cases); i++) {
		bool astray = !cases[i].astray;
		VL_STR next = vl_link_next("https://a.example/v2/x/referrers/d", cases[i].link, &astray);

		tap_str(next ? next : "", cases[i].next ? cases[i].next : "", "link %zu leads on", i);
		tap_is(astray, cases[i].astray, "link %zu leads away or not", i);
	}
}

static void test_long_redirect(void)
{
	struct vl_err e = VL_ERR_INIT;
	VL_STR big = vl_xprintf("https://a.example/%09000d", 1);
	VL_STR to = NULL;

	tap_fails(vl_redirect_next("https://a.example/", big, &to, &e), &e, VL_E_REDIRECT, "a Location of 9 KB");
	tap_fails(vl_redirect_next("https://a.example/", "ftp://u:geheim@h/?geheim", &to, &e), &e, VL_E_REDIRECT,
		  "a refused Location");
	tap_ok(!strstr(e.msg, "geheim"), "is not shown with its secrets");
}

static void test_origins(void)
{
	static const struct {
		const char *a, *b;
		bool same;
	} cases[] = {
		{ "https://host/x", "https://host:443/y?z", true },
		{ "http://host/x", "http://HOST:80/y", true },
		{ "https://host/x", "https://host./x", true },
		{ "https://host/x", "http://host/x", false },
		{ "https://host/x", "https://host:8443/x", false },
		{ "https://host/x", "https://sub.host/x", false },
		{ "https://host/x", "https://host@evil/x", false },
		{ "http://[::1]/x", "http://[::1]:80/", true },
		{ "http://127.0.0.1/", "http://2130706433/", true },
	};
	static const char *const bad[] = { "",		  "host", "file:///x", "http://", "http://a b/",
					   "http://a/\n", "://x", "ssh://h/" };
	struct vl_origin a, b;
	struct vl_err e = VL_ERR_INIT;

	for (size_t i = 0; i < VL_LEN(cases); i++) {
		tap_good(vl_origin_of(cases[i].a, &a, &e) && vl_origin_of(cases[i].b, &b, &e), &e,
			 "origins of case %zu", i);
		tap_is(vl_origin_same(&a, &b), cases[i].same, "%s and %s", cases[i].a, cases[i].b);
	}
	for (size_t i = 0; i < VL_LEN(bad); i++)
		tap_fails(vl_origin_of(bad[i], &a, &e), &e, VL_E_REDIRECT, "bad URL %zu has no origin", i);
}

static void test_reach(void)
{
	static const struct {
		const char *host;
		bool literal;
		enum vl_reach reach;
	} cases[] = {
		{ "127.0.0.1", true, VL_REACH_LOOP },
		{ "127.255.255.254", true, VL_REACH_LOOP },
		{ "0.0.0.0", true, VL_REACH_LOOP },
		{ "169.254.169.254", true, VL_REACH_LINK },
		{ "10.1.2.3", true, VL_REACH_PRIVATE },
		{ "172.16.0.1", true, VL_REACH_PRIVATE },
		{ "172.31.255.255", true, VL_REACH_PRIVATE },
		{ "172.32.0.1", true, VL_REACH_PUBLIC },
		{ "192.168.1.1", true, VL_REACH_PRIVATE },
		{ "100.64.0.1", true, VL_REACH_PRIVATE },
		{ "100.128.0.1", true, VL_REACH_PUBLIC },
		{ "224.0.0.1", true, VL_REACH_LINK },
		{ "255.255.255.255", true, VL_REACH_LINK },
		{ "8.8.8.8", true, VL_REACH_PUBLIC },
		{ "[::1]", true, VL_REACH_LOOP },
		{ "::1", true, VL_REACH_LOOP },
		{ "[::]", true, VL_REACH_LOOP },
		{ "[::ffff:127.0.0.1]", true, VL_REACH_LOOP },
		{ "[::ffff:10.0.0.1]", true, VL_REACH_PRIVATE },
		{ "[::ffff:8.8.8.8]", true, VL_REACH_PUBLIC },
		{ "[::127.0.0.1]", true, VL_REACH_LOOP },
		{ "[64:ff9b::a9fe:a9fe]", true, VL_REACH_LINK },
		{ "[2002:7f00:1::]", true, VL_REACH_LOOP },
		{ "[fe80::1%eth0]", true, VL_REACH_LINK },
		{ "[fd00::1]", true, VL_REACH_PRIVATE },
		{ "[fec0::1]", true, VL_REACH_PRIVATE },
		{ "[ff02::1]", true, VL_REACH_LINK },
		{ "[2001:4860::8888]", true, VL_REACH_PUBLIC },
		{ "localhost", true, VL_REACH_LOOP },
		{ "LOCALHOST", true, VL_REACH_LOOP },
		{ "a.localhost", true, VL_REACH_LOOP },
		{ "notlocalhost", false, VL_REACH_PUBLIC },
		{ "localhost.example", false, VL_REACH_PUBLIC },
		{ "ghcr.io", false, VL_REACH_PUBLIC },
	};

	for (size_t i = 0; i < VL_LEN(cases); i++) {
		enum vl_reach r = VL_REACH_PUBLIC;

		tap_is(vl_reach_of_host(cases[i].host, &r), cases[i].literal, "%s is a literal: %d", cases[i].host,
		       cases[i].literal);
		tap_is(r, cases[i].reach, "%s: how near", cases[i].host);
	}
}

static void test_pauses(void)
{
	static const struct {
		struct vl_retry_ask ask;
		unsigned least, most;
	} cases[] = {
		{ { .tries = 1, .base_ms = 1000, .retry_after = -1 }, 750, 1250 },
		{ { .tries = 2, .base_ms = 1000, .retry_after = -1 }, 1500, 2500 },
		{ { .tries = 3, .base_ms = 1000, .retry_after = -1 }, 3000, 5000 },
		{ { .tries = 5, .base_ms = 1000, .retry_after = -1 }, 12000, 20000 },
		{ { .tries = 20, .base_ms = 1000, .retry_after = -1 }, 45000, 75000 },
		{ { .tries = 4000000000u, .base_ms = 60000, .retry_after = -1 }, 2700000, 4500000 },
		{ { .tries = 1, .base_ms = 1000, .retry_after = -1, .rate = true }, 3750, 6250 },
		{ { .tries = 1, .base_ms = 1000, .retry_after = 0, .rate = true }, 3750, 6250 },
		{ { .tries = 1, .base_ms = 1000, .retry_after = 30 }, 30000, 30500 },
		{ { .tries = 1, .base_ms = 1000, .retry_after = 119 }, 119000, 119500 },
		{ { .tries = 1, .base_ms = 1000, .retry_after = 1000000000 }, 120000, 120500 },
		{ { .tries = 1, .base_ms = 1000, .retry_after = INT64_MAX }, 120000, 120500 },
		{ { .tries = 20, .base_ms = 1000, .retry_after = 1 }, 45000, 75000 },
	};
	static const uint32_t randoms[] = { 0, 1, 12345, 0x7fffffff, 0xffffffff };

	for (size_t i = 0; i < VL_LEN(cases); i++)
		for (size_t r = 0; r < VL_LEN(randoms); r++) {
			struct vl_retry_ask ask = cases[i].ask;
			unsigned pause;

			ask.random = randoms[r];
			pause = vl_retry_pause_ms(&ask);
			tap_ok(pause >= cases[i].least && pause <= cases[i].most, "pause %zu, random %zu: %u ms", i, r,
			       pause);
		}
}

static void test_retry_after(void)
{
	static const struct {
		const char *value;
		bool good;
		int64_t seconds;
	} cases[] = {
		{ "0", true, 0 },
		{ "120", true, 120 },
		{ "1000000000", true, 1000000000 },
		{ "Sun, 06 Nov 1994 08:49:37 GMT", true, 37 },
		{ "Sun, 06 Nov 1994 08:48:37 GMT", true, 0 },
		{ "", false, 0 },
		{ "-5", false, 0 },
		{ "5s", false, 0 },
		{ "soon", false, 0 },
	};

	for (size_t i = 0; i < VL_LEN(cases); i++) {
		int64_t s = 0;

		tap_is(vl_retry_after_parse(cases[i].value, 784111740, &s), cases[i].good, "Retry-After \"%s\"",
		       cases[i].value);
		tap_is(s, cases[i].seconds, "is %lld s", (long long)cases[i].seconds);
	}
	int64_t huge = 0;

	tap_ok(vl_retry_after_parse("99999999999999999999999999999999", 0, &huge) && huge > 1000000,
	       "a huge one stays huge");
	tap_ok(vl_retry_status(503) && vl_retry_status(429) && vl_retry_status(408) && vl_retry_status(425) &&
		       !vl_retry_status(404) && !vl_retry_status(401) && !vl_retry_status(200),
	       "which statuses may pass");
	tap_ok(vl_retry_rank(VL_E_GONE) < vl_retry_rank(VL_E_NET),
	       "\"not there\" by one mirror says less than \"no answer\"");
	tap_ok(vl_retry_rank(VL_OK) < vl_retry_rank(VL_E_GONE), "anything says more than nothing");
}

static void test_proxies(void)
{
	static const struct {
		const char *url, *conf, *http, *https, *all, *no, *want;
	} cases[] = {
		{ "http://a.example/", NULL, NULL, NULL, NULL, NULL, NULL },
		{ "http://a.example/", NULL, "http://p:1", NULL, NULL, NULL, "http://p:1" },
		{ "https://a.example/", NULL, "http://p:1", NULL, NULL, NULL, NULL },
		{ "https://a.example/", NULL, "http://p:1", "http://q:2", NULL, NULL, "http://q:2" },
		{ "https://a.example/", NULL, NULL, NULL, "socks5://r:3", NULL, "socks5://r:3" },
		{ "https://a.example/", "http://c:4", NULL, "http://q:2", NULL, NULL, "http://c:4" },
		{ "https://a.example/", NULL, NULL, "http://q:2", NULL, "*", NULL },
		{ "https://a.example/", NULL, NULL, "http://q:2", NULL, "b.example, a.example", NULL },
		{ "https://x.a.example/", NULL, NULL, "http://q:2", NULL, "a.example", NULL },
		{ "https://x.a.example/", NULL, NULL, "http://q:2", NULL, ".a.example", NULL },
		{ "https://xa.example/", NULL, NULL, "http://q:2", NULL, "a.example", "http://q:2" },
		{ "https://10.2.3.4/", NULL, NULL, "http://q:2", NULL, "10.0.0.0/8", NULL },
		{ "https://11.2.3.4/", NULL, NULL, "http://q:2", NULL, "10.0.0.0/8", "http://q:2" },
		{ "https://10.2.3.4/", NULL, NULL, "http://q:2", NULL, "10.2.3.0/23", NULL },
		{ "https://10.2.4.4/", NULL, NULL, "http://q:2", NULL, "10.2.3.0/23", "http://q:2" },
		{ "https://[fd00::7]/", NULL, NULL, "http://q:2", NULL, "fd00::/8", NULL },
		{ "https://10.2.3.4/", NULL, NULL, "http://q:2", NULL, "10.0.0.0/99", "http://q:2" },
		{ "https://10.2.3.4/", NULL, NULL, "http://q:2", NULL, "10.0.0.0/", "http://q:2" },
		{ "https://10.2.3.4/", NULL, NULL, "http://q:2", NULL, "10.0.0.0/8x", "http://q:2" },
		{ "https://a.example/", NULL, NULL, "", NULL, NULL, NULL },
		{ "https://a.example/", "http://c:4", NULL, NULL, NULL, "a.example", NULL },
	};
	struct vl_origin o;
	struct vl_err e = VL_ERR_INIT;

	for (size_t i = 0; i < VL_LEN(cases); i++) {
		const struct {
			const char *name, *value;
		} env[] = { { "http_proxy", cases[i].http },
			    { "https_proxy", cases[i].https },
			    { "all_proxy", cases[i].all },
			    { "no_proxy", cases[i].no } };
		const char *got;

		for (size_t k = 0; k < VL_LEN(env); k++)
			env[k].value ? setenv(env[k].name, env[k].value, 1) : unsetenv(env[k].name);
		tap_good(vl_origin_of(cases[i].url, &o, &e), &e, "proxy case %zu", i);
		got = vl_proxy_for(cases[i].conf, &o);
		tap_str(got ? got : "none", cases[i].want ? cases[i].want : "none", "%s, no_proxy=%s", cases[i].url,
			cases[i].no ? cases[i].no : "");
	}
}

static void test_netrc(void)
{
	static const struct {
		const char *text, *machine;
		bool use_default;
		const char *user, *secret; /* NULL: nothing */
	} cases[] = {
		{ "machine a login u password p", "a", true, "u", "p" },
		{ "machine a\n\tlogin u\n\tpassword p\nmachine b login v password q\n", "b", true, "v", "q" },
		{ "machine b login v password q\ndefault login d password e", "a", true, "d", "e" },
		{ "machine b login v password q\ndefault login d password e", "a", false, NULL, NULL },
		{ "default login d password e machine a login u password p", "a", true, "u", "p" },
		{ "machine a login u password p machine a login v password q", "a", true, "u", "p" },
		{ "machine a login \"u v\" password \"p\\\"q\"", "a", true, "u v", "p\"q" },
		{ "# machine a login x password y\nmachine a login u password p", "a", true, "u", "p" },
		{ "machine a login u", "a", true, NULL, NULL },
		{ "machine", "a", true, NULL, NULL },
		{ "machine b macdef init\nlogin x\npassword y\n\nmachine a login u password p", "a", true, "u", "p" },
		{ "machine a login", "a", true, NULL, NULL },
		{ "machine a password \"unterminated", "a", true, NULL, NULL },
		{ "", "a", true, NULL, NULL },
		{ "machine ab login u password p", "a", true, NULL, NULL },
	};

	for (size_t i = 0; i < VL_LEN(cases); i++) {
		VL_CLEAN(vl_cred) c = { .user = NULL };
		bool good = vl_netrc_find(cases[i].text, cases[i].machine, cases[i].use_default, &c);

		tap_is(good, cases[i].user != NULL, "netrc case %zu", i);
		if (!good || !cases[i].user)
			continue;
		tap_str(c.user, cases[i].user, "netrc case %zu: login", i);
		tap_str(c.secret, cases[i].secret, "netrc case %zu: password", i);
	}
}

static void test_base64(void)
{
	static const struct {
		const char *code, *text; /* NULL: refused */
	} cases[] = {
		{ "", "" },	    { "YQ==", "a" },  { "YWI=", "ab" },	    { "YWJj", "abc" },
		{ "dTpw", "u:p" },  { "YQ", "a" },    { "Y", NULL },	    { "YW=j", NULL },
		{ "YW\nJj", NULL }, { "AAAA", NULL }, { "dTrDvMOf", "u:\xc3\xbc\xc3\x9f" },
	};

	for (size_t i = 0; i < VL_LEN(cases); i++) {
		VL_STR out = NULL;

		tap_is(vl_base64_decode(cases[i].code, &out), cases[i].text != NULL, "base64 \"%s\"", cases[i].code);
		if (cases[i].text)
			tap_str(out, cases[i].text, "is right");
	}
	VL_STR basic = vl_basic_auth("Aladdin", "open sesame");

	tap_str(basic, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Basic of a known pair");
}

int main(void)
{
	test_redirects();
	test_links();
	test_long_redirect();
	test_origins();
	test_reach();
	test_pauses();
	test_retry_after();
	test_proxies();
	test_netrc();
	test_base64();
	return tap_done();
}
