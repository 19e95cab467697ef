/* SPDX-License-Identifier: Apache-2.0 */
/* net_challenge_test.c: WWW-Authenticate and the realms that a registry may name. */
#include "net/net_priv.h"
#include "tests/lib/tap.h"

static void test_parse(void)
{
	static const struct {
		const char *header;
		enum vl_challenge_kind kind; /* NONE: refused */
		const char *realm, *service, *scope;
	} cases[] = {
		{ "Bearer realm=\"https://a/t\",service=\"s\",scope=\"repository:x:pull\"", VL_CHALLENGE_BEARER,
		  "https://a/t", "s", "repository:x:pull" },
		{ "bearer Realm=\"https://a/t\" , SERVICE=s", VL_CHALLENGE_BEARER, "https://a/t", "s", NULL },
		{ "Bearer realm = \"https://a/t\"", VL_CHALLENGE_BEARER, "https://a/t", NULL, NULL },
		{ "Bearer realm=\"a\\\"b\\\\c\"", VL_CHALLENGE_BEARER, "a\"b\\c", NULL, NULL },
		{ "Bearer realm=\"a\",scope=\"repository:x:pull,push\",error=\"insufficient_scope\"",
		  VL_CHALLENGE_BEARER, "a", NULL, "repository:x:pull,push" },
		{ "Basic realm=\"x\"", VL_CHALLENGE_BASIC, "x", NULL, NULL },
		{ "Basic", VL_CHALLENGE_BASIC, NULL, NULL, NULL },
		{ "Basic realm=\"x\", Bearer realm=\"y\",service=\"s\"", VL_CHALLENGE_BEARER, "y", "s", NULL },
		{ "Bearer realm=\"y\", Basic realm=\"x\"", VL_CHALLENGE_BEARER, "y", NULL, NULL },
		{ "Negotiate, Basic realm=\"x\"", VL_CHALLENGE_BASIC, "x", NULL, NULL },
		{ "Negotiate YII==, Bearer realm=\"y\"", VL_CHALLENGE_BEARER, "y", NULL, NULL },
		{ "Digest realm=\"d\", nonce=\"n\", Bearer realm=\"y\"", VL_CHALLENGE_BEARER, "y", NULL, NULL },
		{ ",, Bearer realm=\"y\",,", VL_CHALLENGE_BEARER, "y", NULL, NULL },
		{ "Bearer realm=\"\"", VL_CHALLENGE_NONE, NULL, NULL, NULL },
		{ "Bearer", VL_CHALLENGE_NONE, NULL, NULL, NULL },
		{ "Bearer service=\"s\"", VL_CHALLENGE_NONE, NULL, NULL, NULL },
		{ "Bearer realm=\"https://a", VL_CHALLENGE_NONE, NULL, NULL, NULL },
		{ "Bearer realm=\"https://a\\", VL_CHALLENGE_NONE, NULL, NULL, NULL },
		{ "Bearer realm=\"a\nb\"", VL_CHALLENGE_NONE, NULL, NULL, NULL },
		{ "Bearer realm=\"a\",realm=\"b\"", VL_CHALLENGE_NONE, NULL, NULL, NULL },
		{ "Bearer realm=\"a\"service=\"b\"", VL_CHALLENGE_NONE, NULL, NULL, NULL },
		{ "Bearer realm=", VL_CHALLENGE_NONE, NULL, NULL, NULL },
		{ "Bearer =x", VL_CHALLENGE_NONE, NULL, NULL, NULL },
		{ "realm=\"a\"", VL_CHALLENGE_NONE, NULL, NULL, NULL },
		{ "\"Bearer\" realm=\"a\"", VL_CHALLENGE_NONE, NULL, NULL, NULL },
		{ "Negotiate", VL_CHALLENGE_NONE, NULL, NULL, NULL },
		{ "", VL_CHALLENGE_NONE, NULL, NULL, NULL },
		{ "   ,,, ", VL_CHALLENGE_NONE, NULL, NULL, NULL },
	};

	for (size_t i = 0; i < VL_LEN(cases); i++) {
		VL_CLEAN(vl_challenge) c = { .kind = VL_CHALLENGE_NONE };
		struct vl_err e = VL_ERR_INIT;
		const char *got[] = { NULL, NULL, NULL };
		const char *want[] = { cases[i].realm, cases[i].service, cases[i].scope };

		if (cases[i].kind == VL_CHALLENGE_NONE) {
			tap_fails(vl_challenge_parse(cases[i].header, &c, &e), &e, VL_E_REFUSED, "case %zu is refused",
				  i);
			continue;
		}
		tap_good(vl_challenge_parse(cases[i].header, &c, &e), &e, "%s", cases[i].header);
		tap_is(c.kind, cases[i].kind, "its kind");
		got[0] = c.realm, got[1] = c.service, got[2] = c.scope;
		for (size_t k = 0; k < VL_LEN(got); k++)
			tap_str(got[k] ? got[k] : "(none)", want[k] ? want[k] : "(none)", "its parameter %zu", k);
	}
}

/* Every prefix of a good header: never more than a refusal. */
static void test_cuts(void)
{
	static const char full[] = "Digest a=\"b\", Negotiate abc==, "
				   "Bearer realm=\"https://a/t?x=\\\"1\\\"\" , service = s,scope=\"q\"";
	struct vl_err e = VL_ERR_INIT;
	unsigned good = 0;

	for (size_t n = 0; n < sizeof full; n++) {
		VL_CLEAN(vl_challenge) c = { .kind = VL_CHALLENGE_NONE };
		VL_STR cut = vl_xstrndup(full, n);

		good += vl_challenge_parse(cut, &c, &e);
	}
	tap_ok(good >= 3 && good < sizeof full / 2, "some of the cuts are whole challenges (%u)", good);

	VL_CLEAN(vl_challenge) c = { .kind = VL_CHALLENGE_NONE };
	VL_STR big = vl_xprintf("Bearer realm=\"https://a/%065536d\"", 1);
	VL_STR longish = vl_xprintf("Bearer realm=\"https://a/%04000d\"", 1);

	tap_fails(vl_challenge_parse(big, &c, &e), &e, VL_E_REFUSED, "64 KiB");
	tap_fails(vl_challenge_parse(longish, &c, &e), &e, VL_E_REFUSED, "a realm of 4 KB");
}

static void test_realms(void)
{
	static const struct {
		const char *registry, *realm;
		bool good;
	} cases[] = {
		{ "https://ghcr.io/v2/x", "https://ghcr.io/token", true },
		{ "https://registry-1.docker.io/v2/x", "https://auth.docker.io/token", true },
		{ "https://r.example/v2/x", "http://r.example/token", false },
		{ "https://r.example/v2/x", "http://auth.example/token", false },
		{ "http://127.0.0.1:5000/v2/x", "http://127.0.0.1:5001/token", true },
		{ "http://127.0.0.1:5000/v2/x", "https://auth.example/token", true },
		{ "http://127.0.0.1:5000/v2/x", "http://127.0.0.2:5001/token", false },
		{ "http://r.corp/v2/x", "http://auth.corp/token", false },
		{ "https://10.0.0.1/v2/x", "https://10.0.0.1:8443/token", true },
		{ "https://10.0.0.1/v2/x", "https://10.0.0.2/token", false },
		{ "https://ghcr.io/v2/x", "https://127.0.0.1/token", false },
		{ "https://ghcr.io/v2/x", "https://localhost/token", false },
		{ "https://ghcr.io/v2/x", "https://2130706433/token", false },
		{ "https://ghcr.io/v2/x", "https://0x7f.1/token", false },
		{ "https://ghcr.io/v2/x", "https://169.254.169.254/latest", false },
		{ "https://ghcr.io/v2/x", "https://[::ffff:169.254.169.254]/", false },
		{ "https://ghcr.io/v2/x", "https://[fe80::1]/", false },
		{ "https://ghcr.io/v2/x", "https://192.168.0.1/", false },
		{ "https://ghcr.io/v2/x", "https://u:p@ghcr.io/token", false },
		{ "https://ghcr.io/v2/x", "https://ghcr.io/token#x", false },
		{ "https://ghcr.io/v2/x", "https://ghcr.io/to ken", false },
		{ "https://ghcr.io/v2/x", "/token", false },
		{ "https://ghcr.io/v2/x", "file:///etc/passwd", false },
		{ "https://ghcr.io/v2/x", "", false },
	};

	for (size_t i = 0; i < VL_LEN(cases); i++) {
		struct vl_err e = VL_ERR_INIT;

		if (cases[i].good)
			tap_good(vl_realm_check(cases[i].registry, cases[i].realm, &e), &e, "%s may name %s",
				 cases[i].registry,
				 cases[i].realm);
		else
			tap_fails(vl_realm_check(cases[i].registry, cases[i].realm, &e), &e, VL_E_REDIRECT,
				  "%s may not name %s", cases[i].registry, cases[i].realm);
	}
}

int main(void)
{
	test_parse();
	test_cuts();
	test_realms();
	return tap_done();
}
