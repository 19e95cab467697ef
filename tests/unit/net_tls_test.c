/* SPDX-License-Identifier: Apache-2.0 */
/* net_tls_test.c: certificates that must not be accepted, and that the message says what is wrong with them. */
#include "tests/lib/net_world.h"

static const char make_keys[] =
	"set -e; exec >/dev/null 2>&1; k='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'\n"
	"openssl req -x509 $k -keyout ca.key -out ca.pem -days 2 -subj /CN=test-ca\n"
	"openssl req $k -keyout key.pem -out s.csr -subj /CN=server\n"
	"sign() { openssl x509 -req -in s.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile ext \"$@\"; }\n"
	"echo subjectAltName=IP:127.0.0.1 >ext; sign -days 2 -out good.pem; sign -days -1 -out expired.pem\n"
	"openssl req -x509 -key key.pem -out self.pem -days 2 -subj /CN=self -addext subjectAltName=IP:127.0.0.1\n"
	"echo subjectAltName=DNS:other.example >ext; sign -days 2 -out other.pem\n";

static bool keys_made(const struct world *w)
{
	pid_t pid = fork();
	int status = -1;

	if (pid == 0) {
		if (fchdir(w->dirfd))
			_exit(127);
		execl("/bin/sh", "sh", "-c", make_keys, (char *)NULL);
		_exit(127);
	}
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool server_again(struct world *w, const char *cert, bool old_tls)
{
	server_stop(w);
	w->cert = cert;
	w->old_tls = old_tls;
	return server_start(w);
}

static void test_certificates(struct world *w)
{
	static const struct {
		const char *cert, *ca, *name;
		bool old_tls;
		enum vl_code want;
		const char *says;
	} cases[] = {
		{ "good.pem", "ca.pem", "a good certificate", false, VL_OK, NULL },
		{ "good.pem", NULL, "an unknown authority", false, VL_E_TLS, "issuer is not trusted" },
		{ "expired.pem", "ca.pem", "an expired one", false, VL_E_TLS, "has expired" },
		{ "self.pem", "ca.pem", "a self-signed one", false, VL_E_TLS, "self-signed" },
		{ "other.pem", "ca.pem", "another host's", false, VL_E_TLS, "for another host name" },
		{ "good.pem", "ca.pem", "TLS 1.1", true, VL_E_TLS, "older than 1.2" },
		{ "good.pem", "absent.pem", "a CA file that is not there", false, VL_E_TLS, "CA file" },
	};
	struct vl_net_conf conf = conf_fast();
	struct fetch f;

	for (size_t i = 0; i < VL_LEN(cases); i++) {
		VL_STR cert = vl_xprintf("%s/%s", w->dir, cases[i].cert);
		VL_STR ca = cases[i].ca ? vl_xprintf("%s/%s", w->dir, cases[i].ca) : NULL;

		tap_ok(server_again(w, cert, cases[i].old_tls), "%s: the server listens", cases[i].name);
		conf.ca_file = ca;
		fetch_begin(w, &f);
		fetch_url(&f, "/ok/100");
		if (cases[i].want == VL_OK)
			tap_good(fetch_run(&f, &conf), &f.get.err, "%s is accepted", cases[i].name);
		else
			tap_fails(fetch_run(&f, &conf), &f.get.err, cases[i].want, "%s is refused", cases[i].name);
		if (cases[i].says && !tap_ok(strstr(f.get.err.msg, cases[i].says) != NULL, "says \"%s\"",
					     cases[i].says))
			printf("# said: %s\n", f.get.err.msg);
		tap_is(w->notes, 0, "without a second try");
		vl_request_clear(&f.get);
	}
}

static void test_downgrade(struct world *w)
{
	VL_STR cert = vl_xprintf("%s/good.pem", w->dir);
	VL_STR ca = vl_xprintf("%s/ca.pem", w->dir);
	struct vl_net_conf conf = conf_fast();
	struct fetch f;

	if (!tap_ok(server_again(w, cert, false), "the server listens"))
		return;
	conf.ca_file = ca;
	fetch_begin(w, &f);
	fetch_url(&f, "/redirect?to=http://127.0.0.1:9/x");
	tap_fails(fetch_run(&f, &conf), &f.get.err, VL_E_REDIRECT, "from https to http: refused");
	vl_request_clear(&f.get);

	fetch_begin(w, &f);
	fetch_url(&f, "/v2/a/b/blobs/ok-500");
	f.get.registry = true;
	f.get.scope = "repository:a/b:pull";
	tap_good(fetch_run(&f, &conf), &f.get.err, "a registry with its token server, all by TLS");
	vl_request_clear(&f.get);

	/* Plain text to a port that speaks TLS, and the other way round. */
	w->cert = NULL;
	fetch_begin(w, &f);
	fetch_url(&f, "/ok/5");
	tap_ok(!fetch_run(&f, &conf), "http to a TLS port fails");
	vl_request_clear(&f.get);
	tap_ok(server_again(w, NULL, false), "the server listens");
	w->cert = cert;
	fetch_begin(w, &f);
	fetch_url(&f, "/ok/5");
	tap_fails(fetch_run(&f, &conf), &f.get.err, VL_E_TLS, "TLS to an http port fails");
	printf("# %s\n", f.get.err.msg);
	vl_request_clear(&f.get);
}

static void story(struct world *w)
{
	if (!keys_made(w)) {
		tap_skip("openssl cannot make certificates");
		return;
	}
	test_certificates(w);
	test_downgrade(w);
}

int main(void)
{
	return world_tell(story);
}
