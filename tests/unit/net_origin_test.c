/* SPDX-License-Identifier: Apache-2.0 */
/* net_origin_test.c: redirects, mirrors and credentials: who is asked, and what is never sent to whom. */
#include <netdb.h>

#include "tests/lib/net_world.h"

static void test_redirects(struct world *w)
{
	static const struct {
		const char *path;
		enum vl_code want;
		const char *says;
		unsigned requests;
	} cases[] = {
		{ "/redirect?to=/ok/100", VL_OK, NULL, 2 },
		{ "/redirect?code=308&to=ok/100", VL_OK, NULL, 2 },
		{ "/redirect?to=/redirect?to=/ok/7", VL_OK, NULL, 3 },
		{ "/loop", VL_E_REDIRECT, "more than 5 redirects", 6 },
		{ "/redirect?to=file:///etc/passwd", VL_E_REDIRECT, "not http or https", 1 },
		{ "/redirect?to=gopher://127.0.0.1/x", VL_E_REDIRECT, "not http or https", 1 },
		{ "/redirect?to=", VL_E_REDIRECT, "nowhere", 1 },
		{ "/redirect?to=http://", VL_E_REDIRECT, "not followed", 1 },
		{ "/redirect?to=/status/404", VL_E_GONE, "404", 2 },
	};

	for (size_t i = 0; i < VL_LEN(cases); i++) {
		get_one(w, cases[i].path, cases[i].want, cases[i].says, cases[i].path);
		tap_is(logged(w, NULL, NULL), cases[i].requests, "%s: %u requests", cases[i].path, cases[i].requests);
		log_clear(w);
	}
}

static void test_leaks(struct world *w)
{
	struct fetch f;
	char url[512];
	struct vl_err e = VL_ERR_INIT;

	fetch_begin(w, &f);
	snprintf(url, sizeof url, "http://user:geheim@127.0.0.1:%u/redirect?token=streng&to=http://127.0.0.1:%u/ok/10",
		 w->port,
		 w->other);
	fetch_url(&f, url);
	tap_good(fetch_run(&f, NULL), &f.get.err, "user info in the URL, redirect to another port");
	tap_is(logged(w, "\"main\"", "Basic dXNlcjpnZWhlaW0="), 1, "the credential goes to its own origin");
	tap_is(logged(w, "\"other\"", NULL), 1, "the redirect is followed");
	tap_is(logged(w, "\"other\"", "authorization"), 0, "without a credential");
	vl_request_clear(&f.get);
	log_clear(w);

	fetch_begin(w, &f);
	snprintf(url, sizeof url,
		 "http://user:geheim@127.0.0.1:%u/redirect?to="
		 "http://127.0.0.1:%u/redirect%%3fto=http://127.0.0.1:%u/ok/9",
		 w->port, w->other, w->port);
	fetch_url(&f, url);
	tap_good(fetch_run(&f, NULL), &f.get.err, "a redirect away and back");
	tap_is(logged(w, "\"main\"", NULL), 2, "comes back");
	tap_is(logged(w, "\"main\"", "authorization"), 1, "without the credential: others chose that path");
	vl_request_clear(&f.get);
	log_clear(w);

	fetch_begin(w, &f);
	snprintf(url, sizeof url, "http://user:geheim@127.0.0.1:%u/ok/3?fail=99&token=streng", w->port);
	fetch_url(&f, url);
	tap_ok(!fetch_run(&f, NULL), "a failing URL with secrets");
	tap_ok(!strstr(f.get.err.msg, "geheim") && !strstr(f.get.err.msg, "streng") && !strstr(f.get.err.msg, "user"),
	       "the message has none of them");
	tap_ok(w->notes > 0 && !strstr(w->everything, "geheim") && !strstr(w->everything, "streng"),
	       "nor have the events");
	vl_request_clear(&f.get);

	fetch_begin(w, &f);
	snprintf(url, sizeof url, "/redirect?to=http://eve:x@127.0.0.1:%u/ok/10", w->other);
	fetch_url(&f, url);
	tap_good(fetch_run(&f, NULL), &f.get.err, "user info in a Location");
	tap_is(logged(w, "\"other\"", "authorization"), 0, "is not used");
	vl_request_clear(&f.get);

	(void)!vl_save_file(w->dirfd, ".netrc", 0644,
			    vl_bytes_str("machine 127.0.0.1 login u password p\ndefault login d password d\n"),
			    &e);
	log_clear(w);
	get_one(w, "/basic/100?user=u&password=p", VL_OK, NULL, "netrc logs in");
	tap_ok(w->warnings == 1 && strstr(w->last, "chmod 600"), "a netrc that others can read is warned about");
	get_one(w, "/basic/100?user=x&password=p", VL_E_REFUSED, "401", "a wrong password is refused");
	tap_is(logged(w, "/basic", NULL), 2, "and not tried again");
	unlinkat(w->dirfd, ".netrc", 0);
	log_clear(w);
}

static void test_mirrors(struct world *w)
{
	struct fetch f;
	char dead[64], away[128];

	/* The discard port: nobody listens there in a test. */
	snprintf(dead, sizeof dead, "http://127.0.0.1:9/x");
	fetch_begin(w, &f);
	fetch_url(&f, dead);
	fetch_url(&f, "/status/404");
	fetch_url(&f, "/ok/10?encoding=gzip");
	fetch_url(&f, "/ok/77");
	tap_good(fetch_run(&f, NULL), &f.get.err, "the fourth mirror has it");
	tap_is(f.get.size, 77, "whole");
	tap_str(f.get.url_used, f.text[3], "and is named");
	vl_request_clear(&f.get);

	fetch_begin(w, &f);
	fetch_url(&f, "/status/404");
	fetch_url(&f, dead);
	tap_fails(fetch_run(&f, NULL), &f.get.err, VL_E_NET, "404 and refused: the network");
	tap_ok(strstr(f.get.err.msg, "test: 127.0.0.1: 404 not found; 127.0.0.1: connection refused"), "both are told");
	printf("# %s\n", f.get.err.msg);
	vl_request_clear(&f.get);

	fetch_begin(w, &f);
	fetch_url(&f, "/ok/5000");
	fetch_url(&f, "/ok/50");
	f.get.max = 100;
	tap_fails(fetch_run(&f, NULL), &f.get.err, VL_E_LIMIT, "a limit is ours: no other mirror is asked");
	vl_request_clear(&f.get);

	snprintf(away, sizeof away, "http://127.0.0.1:%u/ok/30", w->other);
	part_begin(w, &f, "/ok/30?fail=99&status=429&retry_after=3600");
	fetch_url(&f, away);
	log_clear(w);
	tap_good(fetch_run(&f, NULL), &f.get.err, "a mirror that asks for patience");
	tap_is(logged(w, "\"main\"", NULL), 1, "is left for the next one at once");
	vl_request_clear(&f.get);
	part_gone(w);
	log_clear(w);

	fetch_begin(w, &f);
	fetch_url(&f, "ftp://127.0.0.1/x");
	fetch_url(&f, "not a url");
	tap_fails(fetch_run(&f, NULL), &f.get.err, VL_E_REDIRECT, "URLs that are not http");
	vl_request_clear(&f.get);
}

/* Behind a proxy nothing is resolved here: the URL's own words must do. The server plays the proxy: it gets the whole
 * URL and answers from its path. */
static void test_proxy(struct world *w)
{
	static const struct {
		const char *url;
		enum vl_code want;
		unsigned requests;
	} cases[] = {
		{ "http://public.example/ok/100", VL_OK, 1 },
		{ "http://public.example/redirect?to=http://other.example/ok/5", VL_OK, 2 },
		{ "http://public.example/redirect?to=http://127.0.0.1/ok/5", VL_E_REDIRECT, 1 },
		{ "http://public.example/redirect?to=http://127.1/ok/5", VL_E_REDIRECT, 1 },
		{ "http://public.example/redirect?to=http://[::1]/ok/5", VL_E_REDIRECT, 1 },
		{ "http://public.example/redirect?to=http://169.254.169.254/ok/5", VL_E_REDIRECT, 1 },
		{ "http://public.example/redirect?to=http://10.0.0.1/ok/5", VL_E_REDIRECT, 1 },
		{ "http://10.0.0.1/redirect?to=http://10.0.0.2/ok/5", VL_OK, 2 },
		{ "http://10.0.0.1/redirect?to=http://169.254.169.254/ok/5", VL_E_REDIRECT, 1 },
		{ "http://public.example/redirect?to=http://localhost/ok/5", VL_E_REDIRECT, 1 },
	};
	struct vl_net_conf conf = conf_fast();
	VL_STR proxy = vl_xprintf("http://127.0.0.1:%u", w->port);
	struct fetch f;

	conf.proxy = proxy;
	for (size_t i = 0; i < VL_LEN(cases); i++) {
		log_clear(w);
		fetch_begin(w, &f);
		fetch_url(&f, cases[i].url);
		if (cases[i].want == VL_OK)
			tap_good(fetch_run(&f, &conf), &f.get.err, "proxy: %s", cases[i].url);
		else
			tap_fails(fetch_run(&f, &conf), &f.get.err, cases[i].want, "proxy: %s", cases[i].url);
		tap_is(logged(w, NULL, NULL), cases[i].requests, "proxy: %u requests", cases[i].requests);
		vl_request_clear(&f.get);
	}
}

/* The address of a connection that is there already is checked as well: here one that an honest get made. */
static void reused_connection(struct world *w, const char *name, const char *redirect)
{
	struct vl_net_conf conf = conf_fast();
	VL_STR proxy = vl_xprintf("http://127.0.0.1:%u", w->port);
	VL_STR direct = vl_xprintf("http://%s:%u/ok/6", name, w->other);
	VL_AUTO(vl_net) n = NULL;
	struct vl_err e = VL_ERR_INIT;
	struct fetch honest, evil;

	conf.proxy = proxy;
	log_clear(w);
	fetch_begin(w, &honest);
	fetch_url(&honest, direct);
	fetch_begin(w, &evil);
	fetch_url(&evil, redirect);
	tap_good(vl_net_new(&n, &conf, &w->env, &e), &e, "a net");
	vl_net_add(n, &honest.get);
	tap_good(vl_net_run(n, &e) && honest.get.ok, &honest.get.err, "the operator may name an internal host");
	vl_net_add(n, &evil.get);
	tap_fails(vl_net_run(n, &e) && evil.get.ok, &evil.get.err, VL_E_REDIRECT,
		  "a redirect may not use its connection");
	tap_is(logged(w, "\"other\"", NULL), 1, "no second request was sent there");
	vl_request_clear(&honest.get);
	vl_request_clear(&evil.get);
}

/* A public server (reached by the proxy) sends us to a name that no_proxy excepts and that resolves to ourselves. */
static void test_resolved_reach(struct world *w)
{
	struct vl_net_conf conf = conf_fast();
	VL_STR proxy = vl_xprintf("http://127.0.0.1:%u", w->port);
	char name[128] = "";
	struct addrinfo *found = NULL;
	struct fetch f;
	char url[512];

	if (gethostname(name, sizeof name - 1) || !strcmp(name, "localhost") || getaddrinfo(name, NULL, NULL, &found)) {
		tap_skip("this host's name does not resolve");
		return;
	}
	freeaddrinfo(found);
	conf.proxy = proxy;
	conf.retries = 1;
	setenv("no_proxy", name, 1);
	log_clear(w);
	fetch_begin(w, &f);
	snprintf(url, sizeof url, "http://public.example/redirect?to=http://%s:%u/ok/5", name, w->other);
	fetch_url(&f, url);
	tap_fails(fetch_run(&f, &conf), &f.get.err, VL_E_REDIRECT, "a redirect to a name that resolves to us");
	tap_is(logged(w, "\"other\"", NULL), 0, "no request was sent there");
	vl_request_clear(&f.get);
	reused_connection(w, name, url);
	unsetenv("no_proxy");
}

static void story(struct world *w)
{
	test_redirects(w);
	test_leaks(w);
	test_mirrors(w);
	test_proxy(w);
	test_resolved_reach(w);
}

int main(void)
{
	return world_tell(story);
}
