/* SPDX-License-Identifier: Apache-2.0 */
/* net_registry_test.c: the registries' log-in: tokens, credentials, and servers that abuse both. */
#include "net/net_priv.h"
#include "tests/lib/net_world.h"

static void registry_begin(struct world *w, struct fetch *f)
{
	fetch_begin(w, f);
	fetch_url(f, "/v2/a/b/blobs/ok-5000");
	f->get.registry = true;
	f->get.scope = "repository:a/b:pull";
	f->get.label = "image a/b";
}

static void test_token(struct world *w)
{
	struct fetch f[3];
	struct vl_net_conf conf = conf_fast();
	VL_AUTO(vl_net) n = NULL;
	struct vl_err e = VL_ERR_INIT;
	uint64_t bytes, requests;

	set(w, NULL);
	log_clear(w);
	tap_good(vl_net_new(&n, &conf, &w->env, &e), &e, "a net");
	for (size_t i = 0; i < 3; i++) {
		registry_begin(w, &f[i]);
		vl_net_add(n, &f[i].get);
	}
	tap_good(vl_net_run(n, &e), &e, "three blobs of one repository");
	for (size_t i = 0; i < 3; i++)
		tap_good(f[i].get.ok && f[i].get.body.len == 5000, &f[i].get.err, "blob %zu", i);
	tap_is(logged(w, "\"token\"", "scope=repository%3Aa%2Fb%3Apull"), 1,
	       "one token for all of them, with our scope");
	tap_is(logged(w, "\"token\"", "authorization"), 0, "asked for anonymously");
	tap_is(logged(w, "\"other\"", NULL), 3, "the blobs came from elsewhere");
	tap_is(logged(w, "\"other\"", "authorization"), 0, "where the token did not go");
	vl_net_stats(n, &bytes, &requests);
	tap_ok(bytes >= 15000 && requests >= 10, "statistics: %" PRIu64 " bytes, %" PRIu64 " requests", bytes,
	       requests);
	for (size_t i = 0; i < 3; i++)
		vl_request_clear(&f[i].get);

	log_clear(w);
	set(w, "expire=1");
	registry_begin(w, &f[0]);
	vl_net_add(n, &f[0].get);
	tap_good(vl_net_run(n, &e) && f[0].get.ok, &f[0].get.err, "a known token is used");
	tap_is(logged(w, "\"status\": 401", NULL), 0, "without asking first");
	vl_request_clear(&f[0].get);
	registry_begin(w, &f[0]);
	vl_net_add(n, &f[0].get);
	tap_good(vl_net_run(n, &e) && f[0].get.ok, &f[0].get.err, "an expired token is renewed");
	tap_is(logged(w, "\"token\"", NULL), 1, "once");
	vl_request_clear(&f[0].get);
	set(w, NULL);
}

static void test_many_blobs(struct world *w)
{
	enum { MANY = 50 };
	struct vl_net_conf conf = conf_fast();
	VL_AUTO(vl_net) n = NULL;
	struct vl_err e = VL_ERR_INIT;
	struct fetch *f = vl_xcalloc(MANY, sizeof *f);
	unsigned good = 0;

	set(w, NULL);
	log_clear(w);
	tap_good(vl_net_new(&n, &conf, &w->env, &e), &e, "a net");
	for (size_t i = 0; i < MANY; i++) {
		registry_begin(w, &f[i]);
		vl_net_add(n, &f[i].get);
	}
	tap_good(vl_net_run(n, &e), &e, "%d blobs of one repository", MANY);
	for (size_t i = 0; i < MANY; i++) {
		good += f[i].get.ok;
		vl_request_clear(&f[i].get);
	}
	tap_is(good, MANY, "all there");
	tap_is(logged(w, "\"server\": \"token\"", NULL), 1, "one token");
	tap_ok(logged(w, "\"status\": 401", NULL) <= 4, "and only the first few were turned away");
	free(f);
}

static void test_token_faults(struct world *w)
{
	static const struct {
		const char *setting;
		enum vl_code want;
		const char *says;
		unsigned token_requests;
	} cases[] = {
		{ "refuse=1", VL_E_REFUSED, "refuses access without a log-in", 1 },
		{ "token_status=403", VL_E_REFUSED, "403", 1 },
		{ "token_status=500", VL_E_NET, "500", 4 },
		{ "token_body=%7B%22token%22%3A7%7D", VL_E_CONTENT, "no token", 1 },
		{ "token_body=%7B", VL_E_CONTENT, NULL, 1 },
		{ "token=a%0D%0AX-Evil:1", VL_E_CONTENT, "no token", 1 },
		{ "challenge=Bearer%20realm%3D%22http://127.0.0.1", VL_E_REFUSED, "malformed", 0 },
		{ "challenge=Bearer%20service%3D%22x%22", VL_E_REFUSED, "no token server", 0 },
		{ "challenge=Negotiate", VL_E_REFUSED, "kind of log-in", 0 },
		{ "realm=http://169.254.169.254/latest", VL_E_REDIRECT, "another host", 0 },
		{ "realm=https://169.254.169.254/latest", VL_E_REDIRECT, "internal address", 0 },
		{ "realm=https://10.0.0.1/token", VL_E_REDIRECT, "internal address", 0 },
		{ "realm=https://[::1]/token", VL_E_REDIRECT, "internal address", 0 },
		{ "realm=https://user:pw@127.0.0.1/token", VL_E_REDIRECT, "not acceptable", 0 },
		{ "realm=file:///etc/passwd", VL_E_REDIRECT, "not acceptable", 0 },
		{ "basic=u:p", VL_E_REFUSED, "no credentials are configured", 0 },
		{ "limit=429", VL_E_RATE, "too many requests (4 tries)", 0 },
		{ "limit=403", VL_E_RATE, "too many requests (4 tries)", 0 },
		{ "gone=1", VL_E_GONE, "404", 1 },
	};
	struct fetch f;

	for (size_t i = 0; i < VL_LEN(cases); i++) {
		set(w, cases[i].setting);
		log_clear(w);
		registry_begin(w, &f);
		tap_fails(fetch_run(&f, NULL), &f.get.err, cases[i].want, "registry: %s", cases[i].setting);
		if (cases[i].says && !tap_ok(strstr(f.get.err.msg, cases[i].says) != NULL, "says \"%s\"",
					     cases[i].says))
			printf("# said: %s\n", f.get.err.msg);
		tap_is(logged(w, "\"server\": \"token\"", NULL), cases[i].token_requests,
		       "%s: requests to the token server", cases[i].setting);
		vl_request_clear(&f.get);
		set(w, NULL);
	}
	VL_STR endless = vl_xprintf("%01500d", 7);
	VL_STR big = vl_xprintf("challenge=Bearer%%20realm%%3D%%22https://x/%s%s%s%s%s%s%%22", endless, endless,
				endless, endless,
				endless, endless);
	/* Longer than fetch's own text: only the setting is cut, which leaves it unterminated as well as long. */
	set(w, big);
	registry_begin(w, &f);
	tap_ok(!fetch_run(&f, NULL), "a challenge of kilobytes");
	vl_request_clear(&f.get);
	set(w, NULL);
	log_clear(w);
}

/* dXNlcjpnZWhlaW0= is user:geheim */
static void test_credentials(struct world *w)
{
	static const struct {
		const char *config, *setting, *path_has;
		enum vl_code want;
	} cases[] = {
		{ "{\"auths\":{\"127.0.0.1:%u\":{\"auth\":\"dXNlcjpnZWhlaW0=\"}}}", "login=user:geheim",
		  "Basic dXNlcjpnZWhlaW0=", VL_OK },
		{ "{\"auths\":{\"http://127.0.0.1:%u/v1/\":{\"auth\":\"dXNlcjpnZWhlaW0=\"}}}", "login=user:geheim",
		  "Basic dXNlcjpnZWhlaW0=", VL_OK },
		{ "{\"auths\":{\"127.0.0.1:%u/a\":{\"auth\":\"dXNlcjpnZWhlaW0=\"}}}", "login=user:geheim",
		  "Basic dXNlcjpnZWhlaW0=", VL_OK },
		{ "{\"auths\":{\"127.0.0.1:%u/c\":{\"auth\":\"dXNlcjpnZWhlaW0=\"}}}", "login=user:geheim", NULL,
		  VL_E_REFUSED },
		{ "{\"auths\":{\"ghcr.io\":{\"auth\":\"dXNlcjpnZWhlaW0=\"}}, \"x\":%u}", "login=user:geheim", NULL,
		  VL_E_REFUSED },
		{ "{\"auths\":{\"127.0.0.1:%u\":{\"auth\":\"dXNlcjpnZWhlaW0=\"}}}", "basic=user:geheim", NULL, VL_OK },
		{ "{\"auths\":{\"127.0.0.1:%u\":{\"auth\":\"dXNlcjp4\"}}}", "basic=user:geheim", NULL, VL_E_REFUSED },
		{ "{\"auths\":{\"127.0.0.1:%u\":{\"identitytoken\":\"refresh-me\"}}}", "login=refresh-me",
		  "refresh_token=refresh-me", VL_OK },
		{ "{\"credHelpers\":{\"127.0.0.1:%u\":\"test\"}}", "login=hans:wurst", "Basic aGFuczp3dXJzdA==",
		  VL_OK },
		{ "{\"credsStore\":\"test\", \"x\":%u}", "login=hans:wurst", "Basic aGFuczp3dXJzdA==", VL_OK },
		{ "{\"credsStore\":\"absent\", \"x\":%u}", "login=hans:wurst", NULL, VL_E_REFUSED },
		{ "{\"credsStore\":\"../../bin/sh\", \"x\":%u}", "login=hans:wurst", NULL, VL_E_REFUSED },
	};
	static const char helper[] = "#!/bin/sh\n[ \"$1\" = get ] || exit 1\nread -r server\n"
				     "case $server in 127.0.0.1:*) ;; *) exit 1 ;; esac\n"
				     "echo '{\"ServerURL\":\"x\",\"Username\":\"hans\",\"Secret\":\"wurst\"}'\n";
	VL_STR path = vl_xprintf("%s:%s", w->dir, getenv("PATH"));
	VL_STR old = vl_xstrdup(getenv("PATH"));
	struct vl_net_conf conf = conf_fast();
	struct vl_err e = VL_ERR_INIT;
	struct fetch f;

	conf.docker_config = w->conf;
	setenv("PATH", path, 1);
	(void)!vl_save_file(w->dirfd, "docker-credential-test", 0755, vl_bytes_str(helper), &e);
	for (size_t i = 0; i < VL_LEN(cases); i++) {
		VL_CLEAN(vl_buf) text = VL_BUF_INIT(4096);

		/* The table's formats hold exactly one %u. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		(void)!vl_buf_addf(&text, &e, cases[i].config, w->port);
#pragma GCC diagnostic pop
		(void)!vl_save_file(w->dirfd, "config.json", 0600, vl_buf_bytes(&text), &e);
		set(w, cases[i].setting);
		log_clear(w);
		registry_begin(w, &f);
		if (cases[i].want == VL_OK)
			tap_good(fetch_run(&f, &conf), &f.get.err, "%s with %s", cases[i].setting, cases[i].config);
		else
			tap_fails(fetch_run(&f, &conf), &f.get.err, cases[i].want, "%s with %s", cases[i].setting,
				  cases[i].config);
		if (cases[i].path_has)
			tap_is(logged(w, "\"server\": \"token\"", cases[i].path_has), 1,
			       "the token server saw the credential");
		tap_is(logged(w, "\"other\"", "authorization"), 0, "where the blob came from did not");
		tap_ok(!strstr(w->everything, "geheim") && !strstr(f.get.err.msg, "geheim"), "no secret in words");
		vl_request_clear(&f.get);
		set(w, NULL);
	}
	setenv("PATH", old, 1);

	(void)!vl_save_file(w->dirfd, "config.json", 0600, vl_bytes_str("{\"auths\": "), &e);
	registry_begin(w, &f);
	tap_fails(fetch_run(&f, &conf), &f.get.err, VL_E_CONFIG, "a named config.json that is no JSON is told at once");
	conf.docker_config = "/nonexistent/config.json";
	tap_ok(!fetch_run(&f, &conf), "one that is not there too");
	vl_request_clear(&f.get);
	log_clear(w);
}

/* Docker Hub has three names, and one of its own in config.json. */
static void test_docker_hub(struct world *w)
{
	static const struct {
		const char *key, *host;
		bool found;
	} cases[] = {
		{ "https://index.docker.io/v1/", "registry-1.docker.io", true },
		{ "https://index.docker.io/v1/", "docker.io", true },
		{ "docker.io", "registry-1.docker.io", true },
		{ "registry-1.docker.io", "registry-1.docker.io", true },
		{ "https://index.docker.io/v1/", "docker.io.example.com", false },
		{ "https://index.docker.io/v1/", "auth.docker.io", false },
		{ "https://index.docker.io/v1/", "ghcr.io", false },
	};
	struct vl_net_conf conf = conf_fast();
	struct vl_err e = VL_ERR_INIT;

	conf.docker_config = w->conf;
	for (size_t i = 0; i < VL_LEN(cases); i++) {
		VL_CLEAN(vl_buf) text = VL_BUF_INIT(4096);
		VL_CLEAN(vl_cred) cred = { .user = NULL };
		VL_AUTO(vl_creds) creds = NULL;

		(void)!vl_buf_addf(&text, &e, "{\"auths\":{\"%s\":{\"auth\":\"dXNlcjpnZWhlaW0=\"}}}", cases[i].key);
		(void)!vl_save_file(w->dirfd, "config.json", 0600, vl_buf_bytes(&text), &e);
		tap_good(vl_creds_new(&creds, &conf, &w->env, &e), &e, "key %s", cases[i].key);
		tap_is(vl_creds_registry(creds, cases[i].host, "library/alpine", &cred), cases[i].found, "for %s",
		       cases[i].host);
		tap_ok(!cases[i].found || (cred.secret && !strcmp(cred.secret, "geheim")), "its password");
	}
}

/* No scope is given: each URL shows its own. */
static void test_mirror_scopes(struct world *w)
{
	struct fetch f;

	set(w, NULL);
	log_clear(w);
	fetch_begin(w, &f);
	fetch_url(&f, "/v2/here/x/blobs/sha256:00");
	fetch_url(&f, "/v2/there/y/blobs/ok-500");
	f.get.registry = true;
	tap_good(fetch_run(&f, NULL), &f.get.err, "the second registry has it");
	tap_str(f.get.url_used, f.urls[1], "as is told");
	tap_is(logged(w, "\"token\"", "scope=repository%3Ahere%2Fx%3Apull\""), 1, "a token for the first's repository");
	tap_is(logged(w, "\"token\"", "scope=repository%3Athere%2Fy%3Apull\""), 1, "and for the second's");
	vl_request_clear(&f.get);
}

static void story(struct world *w)
{
	test_token(w);
	test_many_blobs(w);
	test_token_faults(w);
	test_credentials(w);
	test_docker_hub(w);
	test_mirror_scopes(w);
}

int main(void)
{
	return world_tell(story);
}
