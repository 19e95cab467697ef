/* SPDX-License-Identifier: Apache-2.0 */
/* net_push_test.c: HEAD, and bodies that go out: what is sent once, twice or not at all, what comes back, and which
 * credential goes where. */
#include "crypt/hash.h"
#include "net/net_priv.h"
#include "tests/lib/net_world.h"

#define MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define BIG (300u << 10)

static void push_begin(struct world *w, struct fetch *f, enum vl_method method, const char *url)
{
	fetch_begin(w, f);
	fetch_url(f, url);
	f->get.method = method;
	f->get.registry = true;
	f->get.label = "push";
	f->get.max = 4096;
	f->get.body.max = 0;
}

static uint8_t big_body[BIG];

/* Opens an upload session in a/b; f->get.location is where the blob goes. */
static bool session(struct world *w, struct fetch *f)
{
	push_begin(w, f, VL_POST, "/v2/a/b/blobs/uploads/");
	return fetch_run(f, NULL) && f->get.location;
}

static void put_begin(struct world *w, struct fetch *f, const char *location, struct vl_bytes body)
{
	char digest[VL_DIGEST_OCI];
	struct vl_digest d;
	VL_STR url = NULL;

	vl_sha256_of(body, &d);
	vl_digest_oci(&d, digest);
	location = location ? location : "/no-location";
	url = vl_xprintf("%s%cdigest=%s", location, strchr(location, '?') ? '&' : '?', digest);
	push_begin(w, f, VL_PUT, url);
	f->get.send = body;
	f->get.send_type = "application/octet-stream";
	f->get.once = true;
}

static void begin(struct world *w, const char *setting)
{
	VL_STR all = setting ? vl_xprintf("push=1&%s", setting) : vl_xstrdup("push=1");

	set(w, NULL);
	set(w, all);
	log_clear(w);
}

/* -- HEAD -------------------------------------------------------------------------------------------------------- */
static void test_head(struct world *w)
{
	struct fetch f;

	set(w, NULL);
	log_clear(w);
	push_begin(w, &f, VL_HEAD, "/v2/a/b/blobs/ok-123456");
	tap_good(fetch_run(&f, NULL), &f.get.err, "HEAD of a blob, over a log-in and a redirect");
	tap_is(f.get.status, 200, "200");
	tap_is(f.get.length, 123456, "its length, though it is larger than max");
	tap_is(f.get.body.len, 0, "no body");
	tap_is(f.get.bytes_moved, 0, "nothing moved");
	tap_str(f.get.got_etag, "\"blobok-123456-v0\"", "its ETag");
	tap_is(logged(w, "\"HEAD\"", NULL), 3, "three requests with HEAD");
	tap_is(logged(w, "\"token\"", "scope=repository%3Aa%2Fb%3Apull\""), 1, "a token for reading only");
	tap_is(logged(w, "\"other\"", "authorization"), 0, "the other host saw none");
	vl_request_clear(&f.get);

	push_begin(w, &f, VL_HEAD, "/v2/a/b/blobs/sha256:00");
	set(w, "gone=1");
	tap_fails(fetch_run(&f, NULL), &f.get.err, VL_E_GONE, "HEAD of what is not there");
	tap_is(f.get.status, 404, "404");
	vl_request_clear(&f.get);
	push_begin(w, &f, VL_HEAD, "/ok/10?chunked=1");
	f.get.length = 7;
	tap_good(fetch_run(&f, NULL), &f.get.err, "HEAD of a body without a length");
	tap_is(f.get.length, -1, "none is told");
	vl_request_clear(&f.get);
	push_begin(w, &f, VL_HEAD, "/ok/10?fail=2");
	tap_good(fetch_run(&f, NULL), &f.get.err, "HEAD is asked again");
	vl_request_clear(&f.get);
}

/* -- POST and PUT ------------------------------------------------------------------------------------------------ */
static void upload(struct world *w, const char *setting, struct vl_bytes body)
{
	struct fetch s, f;

	begin(w, setting);
	tap_good(session(w, &s), &s.get.err, "%s: an upload begins", setting);
	tap_is(s.get.status, 202, "%s: 202", setting);
	if (s.get.location) {
		put_begin(w, &f, s.get.location, body);
		tap_good(fetch_run(&f, NULL), &f.get.err, "%s: the blob is sent", setting);
		tap_is(f.get.status, 201, "%s: 201", setting);
		tap_is(f.get.bytes_moved, (long long)body.len, "%s: its bytes, once", setting);
		vl_request_clear(&f.get);
	}
	vl_request_clear(&s.get);
}

static void test_upload(struct world *w)
{
	static const char *const settings[] = { "location=absolute", "location=relative", "location=query",
						"location=other",    "here=1",		  "noexpect=1",
						"move=307" };

	for (size_t i = 0; i < VL_LEN(settings); i++)
		upload(w, settings[i], vl_bytes(big_body, sizeof big_body));
	upload(w, "open=1", vl_bytes(big_body, 0));
	upload(w, "open=1", vl_bytes(big_body, 1));
}

static void test_where_credentials_go(struct world *w)
{
	struct fetch s, f;

	begin(w, "location=other");
	tap_good(session(w, &s), &s.get.err, "an upload whose Location is on another server");
	tap_ok(s.get.location && strstr(s.get.location, "?signature=abc"), "its Location is told whole");
	put_begin(w, &f, s.get.location, vl_bytes(big_body, sizeof big_body));
	tap_good(fetch_run(&f, NULL), &f.get.err, "the blob goes there");
	tap_is(logged(w, "\"other\"", "\"PUT\""), 1, "to that server");
	tap_is(logged(w, "\"other\"", "authorization"), 0, "without the registry's token");
	tap_is(logged(w, "\"token\"", "scope=repository%3Aa%2Fb%3Apull%2Cpush\""), 1, "one token, for pushing");
	vl_request_clear(&s.get);
	vl_request_clear(&f.get);

	begin(w, NULL);
	push_begin(w, &f, VL_POST, "/v2/a/b/blobs/uploads/?mount=sha256:00&from=c/d");
	f.get.scope = "repository:a/b:pull,push repository:c/d:pull";
	tap_good(fetch_run(&f, NULL), &f.get.err, "a token for two repositories");
	tap_is(logged(w, "\"token\"", "scope=repository%3Aa%2Fb%3Apull%2Cpush&scope=repository%3Ac%2Fd%3Apull\""), 1,
	       "two scopes are asked for");
	vl_request_clear(&f.get);
}

/* A registry of the world cannot make us put something on a host of our own network. */
static void test_location_reach(struct world *w)
{
	static const struct {
		const char *location;
		enum vl_code want;
	} cases[] = { { "http://storage.example.net/x", VL_OK }, { "http://10.0.0.1/x", VL_E_REDIRECT },
		      { "http://169.254.169.254/x", VL_E_REDIRECT }, { "http://[::1]/x", VL_E_REDIRECT },
		      { "http://localhost/x", VL_E_REDIRECT } };
	struct vl_net_conf conf = conf_fast();
	VL_STR proxy = vl_xprintf("http://127.0.0.1:%u", w->port);
	struct fetch f;

	conf.proxy = proxy;
	for (size_t i = 0; i < VL_LEN(cases); i++) {
		VL_STR setting = vl_xprintf("open=1&location=%s", cases[i].location);

		begin(w, setting);
		push_begin(w, &f, VL_POST, "http://registry.example.com/v2/a/b/blobs/uploads/");
		if (cases[i].want == VL_OK)
			tap_good(fetch_run(&f, &conf), &f.get.err, "Location %s", cases[i].location);
		else
			tap_fails(fetch_run(&f, &conf), &f.get.err, cases[i].want, "Location %s", cases[i].location);
		tap_ok(!f.get.location == (cases[i].want != VL_OK), "%s: told, or not", cases[i].location);
		vl_request_clear(&f.get);
	}
}

/* A token for reading must not be tried for writing, nor one repository's for another. */
static void test_token_keys(struct world *w)
{
	static const struct {
		enum vl_method method;
		const char *path;
	} asks[] = { { VL_HEAD, "/v2/a/b/manifests/1" }, { VL_POST, "/v2/a/b/blobs/uploads/" },
		     { VL_GET, "/v2/a/c/blobs/sha256:00" }, { VL_HEAD, "/v2/a/b/blobs/sha256:00" },
		     { VL_GET, "/v2/a/b/tags/list" }, { VL_POST, "/v2/a/c/blobs/uploads/" },
		     { VL_POST, "/v2/a/b/blobs/uploads/" } };
	struct vl_net_conf conf = conf_fast();
	VL_AUTO(vl_net) n = NULL;
	struct vl_err e = VL_ERR_INIT;
	struct fetch f;

	begin(w, NULL);
	tap_good(vl_net_new(&n, &conf, &w->env, &e), &e, "a net");
	for (size_t i = 0; i < VL_LEN(asks); i++) {
		push_begin(w, &f, asks[i].method, asks[i].path);
		vl_net_add(n, &f.get);
		tap_good(vl_net_run(n, &e), &e, "%s", asks[i].path);
		tap_ok(f.get.status != 401, "%s: let in, %d", asks[i].path, f.get.status);
		vl_request_clear(&f.get);
	}
	tap_is(logged(w, "\"server\": \"token\"", NULL), 4, "four tokens");
	tap_is(logged(w, "\"status\": 401", NULL), 4, "four times turned away");
}

/* -- failures ---------------------------------------------------------------------------------------------------- */
static void test_refusals(struct world *w)
{
	static const struct {
		const char *setting;
		enum vl_method method;
		const char *path;
		enum vl_code want;
		const char *says;
		unsigned sent; /* writes that reach the server with a token */
	} cases[] = {
		{ "readonly=405", VL_POST, "blobs/uploads/", VL_E_REFUSED, "does not take pushes (HTTP 405", 1 },
		{ "readonly=403", VL_POST, "blobs/uploads/", VL_E_REFUSED, "does not allow this push (HTTP 403", 1 },
		{ "readonly=403", VL_PUT, "manifests/1", VL_E_REFUSED, "denies access with these credentials", 1 },
		{ "readonly=404", VL_POST, "blobs/uploads/", VL_E_GONE, "does not know or does not allow", 1 },
		{ "limit_body=1000", VL_PUT, "manifests/1", VL_E_LIMIT, "larger than the registry", 1 },
		{ "quota=1", VL_POST, "blobs/uploads/", VL_E_NET, "no space left", 1 },
		{ "put_fail=1&put_status=400", VL_PUT, "manifests/1", VL_E_REFUSED, "400", 1 },
		{ "put_fail=1&put_times=9", VL_PUT, "manifests/1", VL_E_NET, "500 internal server error (4 tries)", 4 },
		{ "cut=1&cut_times=9", VL_PUT, "manifests/1", VL_E_NET, "(4 tries)", 4 },
		{ "move=302", VL_PUT, "manifests/1", VL_E_REDIRECT, "302", 1 },
		{ "readonly_token=1", VL_POST, "blobs/uploads/", VL_E_REFUSED, "without a log-in", 1 },
		{ "location=http://169.254.169.254/x", VL_POST, "blobs/uploads/", VL_OK, NULL, 1 },
		{ "location=file:///etc/passwd", VL_POST, "blobs/uploads/", VL_E_REDIRECT, "not http or https", 1 },
	};
	struct fetch f;
	VL_STR path = NULL;

	for (size_t i = 0; i < VL_LEN(cases); i++) {
		begin(w, cases[i].setting);
		free(vl_steal(&path));
		path = vl_xprintf("/v2/a/b/%s", cases[i].path);
		push_begin(w, &f, cases[i].method, path);
		f.get.send = cases[i].method == VL_PUT ? vl_bytes(big_body, sizeof big_body) : vl_bytes("", 0);
		f.get.send_type = MANIFEST;
		if (cases[i].want == VL_OK)
			tap_good(fetch_run(&f, NULL), &f.get.err, "%s", cases[i].setting);
		else
			tap_fails(fetch_run(&f, NULL), &f.get.err, cases[i].want, "%s", cases[i].setting);
		if (cases[i].says &&
		    !tap_ok(strstr(f.get.err.msg, cases[i].says) != NULL, "says \"%s\"", cases[i].says))
			printf("# said: %s\n", f.get.err.msg);
		tap_is(logged(w, "\"main\"", "Bearer"), cases[i].sent, "%s: times asked", cases[i].setting);
		vl_request_clear(&f.get);
	}
}

/* With Expect, an answer that comes before the body spares it. */
static void test_expect(struct world *w)
{
	static const struct {
		const char *setting;
		int64_t at_most_ms;
		unsigned unread;
	} cases[] = { { "limit_body=1000", 900, 2 }, { "noexpect=1", 2900, 0 }, { "open=1", 900, 0 } };
	struct fetch f;
	int64_t start;

	for (size_t i = 0; i < VL_LEN(cases); i++) {
		begin(w, cases[i].setting);
		push_begin(w, &f, VL_PUT, "/v2/a/b/manifests/1");
		f.get.send = vl_bytes(big_body, sizeof big_body);
		start = vl_net_clock();
		(void)!fetch_run(&f, NULL);
		tap_ok(vl_net_clock() - start < cases[i].at_most_ms, "%s: soon: %lld ms", cases[i].setting,
		       (long long)(vl_net_clock() - start));
		if (cases[i].unread)
			tap_is(logged(w, "\"expect\": \"100-continue\"", "\"received\": 0"), cases[i].unread,
			       "%s: the body was not sent", cases[i].setting);
		vl_request_clear(&f.get);
	}
	begin(w, NULL);
	push_begin(w, &f, VL_PUT, "/v2/a/b/manifests/1");
	f.get.send = vl_bytes(big_body, 1000);
	(void)!fetch_run(&f, NULL);
	tap_is(logged(w, "\"expect\"", NULL), 0, "a small body is sent without asking");
	vl_request_clear(&f.get);
}

/* The second large body does not wait for a server that did not hear the first time. */
static void test_deaf(struct world *w)
{
	struct vl_net_conf conf = conf_fast();
	VL_AUTO(vl_net) n = NULL;
	struct vl_err e = VL_ERR_INIT;
	struct fetch f;

	begin(w, "open=1&noexpect=1");
	tap_good(vl_net_new(&n, &conf, &w->env, &e), &e, "a net");
	for (size_t i = 0; i < 3; i++) {
		push_begin(w, &f, VL_PUT, "/v2/a/b/manifests/1");
		f.get.send = vl_bytes(big_body, sizeof big_body);
		vl_net_add(n, &f.get);
		tap_good(vl_net_run(n, &e), &e, "upload %zu", i);
		vl_request_clear(&f.get);
	}
	tap_is(logged(w, "\"PUT\"", "\"expect\""), 1, "Expect is not sent again");
}

static void test_deadline(struct world *w)
{
	struct vl_net_conf conf = conf_fast();
	struct fetch f;
	int64_t start = vl_net_clock();

	conf.timeout = 1;
	begin(w, "open=1&stall=3");
	push_begin(w, &f, VL_PUT, "/v2/a/b/manifests/1");
	f.get.send = vl_bytes(big_body, sizeof big_body);
	tap_fails(fetch_run(&f, &conf), &f.get.err, VL_E_TIMEOUT, "an upload has a deadline");
	tap_ok(vl_net_clock() - start < 2500, "and keeps it");
	vl_request_clear(&f.get);
}

static void test_once(struct world *w)
{
	static const struct {
		const char *setting;
		bool good;
		unsigned sent; /* how often the body may have left */
	} cases[] = {
		{ "open=1", true, 1 },
		{ "location=query", true, 1 },              /* a token was demanded first */
		{ "open=1&cut=1", false, 1 },
		{ "open=1&late=1&put_fail=1", false, 1 },
		{ "open=1&put_fail=1&put_status=503", true, 1 }, /* refused before the body left */
		{ "open=1&late=1&put_fail=1&put_status=503", true, 2 },
		{ "open=1&late=1&put_fail=1&put_status=429", true, 2 },
	};
	struct fetch s, f;

	for (size_t i = 0; i < VL_LEN(cases); i++) {
		begin(w, cases[i].setting);
		tap_good(session(w, &s), &s.get.err, "%s: an upload begins", cases[i].setting);
		put_begin(w, &f, s.get.location, vl_bytes(big_body, sizeof big_body));
		tap_ok(fetch_run(&f, NULL) == cases[i].good, "%s: once is %s: %s", cases[i].setting,
		       cases[i].good ? "enough" : "all", f.get.err.msg);
		tap_ok(f.get.bytes_moved <= cases[i].sent * sizeof big_body, "%s: bytes are sent %u times",
		       cases[i].setting, cases[i].sent);
		tap_is(f.done, 1, "%s: done() called once", cases[i].setting);
		vl_request_clear(&s.get);
		vl_request_clear(&f.get);
	}
}

static void test_again(struct world *w)
{
	static const char *const settings[] = { "put_fail=1&put_times=2&put_status=503", "cut=1&cut_times=2", "many=1",
						"ghcr=2", "flaky=2&after=0" };
	struct fetch f;

	for (size_t i = 0; i < VL_LEN(settings); i++) {
		VL_STR setting = vl_xprintf("lax=1&%s", settings[i]);

		begin(w, setting);
		push_begin(w, &f, VL_PUT, "/v2/a/b/manifests/1");
		f.get.send = vl_bytes_str("{\"schemaVersion\":2}");
		f.get.send_type = MANIFEST;
		tap_good(fetch_run(&f, NULL), &f.get.err, "%s: the manifest arrives at last", settings[i]);
		tap_is(logged(w, "\"PUT\"", "\"status\": 201"), 1, "%s: once", settings[i]);
		tap_is(logged(w, MANIFEST, "\"status\": 201"), 1, "%s: with its type", settings[i]);
		vl_request_clear(&f.get);
	}
}

/* -- files ------------------------------------------------------------------------------------------------------- */
static void test_file(struct world *w)
{
	struct fetch s[2], f[2];
	struct vl_net_conf conf = conf_fast();
	VL_AUTO(vl_net) n = NULL;
	struct vl_err e = VL_ERR_INIT;
	VL_FD fd = openat(w->dirfd, "blob", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	uint64_t bytes, requests;

	begin(w, "open=1");
	tap_good(fd >= 0 && vl_write_all(fd, vl_bytes(big_body, sizeof big_body), &e), &e, "a file");
	tap_good(vl_net_new(&n, &conf, &w->env, &e), &e, "a net");
	for (size_t i = 0; i < 2; i++) {
		tap_good(session(w, &s[i]), &s[i].get.err, "session %zu", i);
		put_begin(w, &f[i], s[i].get.location, vl_bytes(big_body, sizeof big_body));
		f[i].get.send = vl_bytes(NULL, 0);
		f[i].get.send_fd = fd;
		f[i].get.send_size = sizeof big_body;
		vl_net_add(n, &f[i].get);
	}
	tap_good(vl_net_run(n, &e), &e, "one descriptor for two uploads at once");
	for (size_t i = 0; i < 2; i++) {
		tap_good(f[i].get.ok, &f[i].get.err, "upload %zu", i);
		vl_request_clear(&s[i].get);
		vl_request_clear(&f[i].get);
	}
	vl_net_stats(n, &bytes, &requests);
	tap_ok(bytes == 2 * sizeof big_body, "counted: %" PRIu64, bytes);

	tap_good(session(w, &s[0]), &s[0].get.err, "another session");
	put_begin(w, &f[0], s[0].get.location, vl_bytes(big_body, sizeof big_body));
	f[0].get.send_fd = fd;
	f[0].get.send_size = sizeof big_body + 1;
	tap_fails(fetch_run(&f[0], NULL), &f[0].get.err, VL_E_IO, "a file that became shorter");
	vl_request_clear(&s[0].get);
	vl_request_clear(&f[0].get);
}

static void test_answer(struct world *w)
{
	struct fetch f;

	begin(w, "open=1&lax=1&subject=1");
	push_begin(w, &f, VL_PUT, "/v2/a/b/manifests/1");
	f.get.send = vl_bytes_str("{\"schemaVersion\":2,\"subject\":{\"digest\":\"sha256:12\"}}");
	tap_good(fetch_run(&f, NULL), &f.get.err, "a manifest with a subject");
	tap_str(f.get.oci_subject, "sha256:12", "the registry knows it");
	tap_ok(f.get.docker_digest && !strncmp(f.get.docker_digest, "sha256:", 7), "and tells the digest");
	vl_request_clear(&f.get);

	push_begin(w, &f, VL_POST, "/status/200?body=hello");
	f.get.send = vl_bytes_str("question");
	f.get.send_type = "text/plain";
	tap_good(fetch_run(&f, NULL), &f.get.err, "a body is answered");
	tap_str(vl_buf_str(&f.get.body), "hello", "the answer is kept");
	tap_is(logged(w, "\"body\": \"question\"", "text/plain"), 1, "the question arrived");
	vl_request_clear(&f.get);
	push_begin(w, &f, VL_POST, "/status/200?body=hello");
	f.get.max = 2;
	tap_good(fetch_run(&f, NULL), &f.get.err, "an answer that is longer than max");
	tap_str(vl_buf_str(&f.get.body), "he", "is cut");
	vl_request_clear(&f.get);
}

/* -- pure -------------------------------------------------------------------------------------------------------- */
static void test_scopes(void)
{
	static const struct {
		const char *url, *want;
		bool push;
	} cases[] = {
		{ "https://r.example.com/v2/a/b/manifests/1", "repository:a/b:pull", false },
		{ "https://r.example.com/v2/a/b/blobs/sha256:00?x=/tags/y", "repository:a/b:pull", false },
		{ "https://r.example.com:5000/v2/a/tags/list", "repository:a:pull", false },
		{ "https://r.example.com/v2/a/referrers/sha256:00", "repository:a:pull", false },
		{ "https://r.example.com/v2/a/blobs/uploads/?mount=sha256:00&from=c", "repository:a:pull,push", true },
		{ "https://r.example.com/v2/a/blobs/blobs/uploads/17", "repository:a/blobs:pull,push", true },
		{ "https://r.example.com/v2/", NULL, false },
		{ "https://r.example.com/v2/manifests/1", NULL, false },
		{ "https://r.example.com/v2//manifests/1", NULL, false },
		{ "https://r.example.com/v2/a:push/manifests/1", NULL, false },
		{ "https://r.example.com/v2/a%20b/manifests/1", NULL, false },
		{ "https://r.example.com/upload/v2/a/manifests/1", NULL, false },
		{ "https://r.example.com?/v2/a/manifests/1", NULL, false },
	};

	for (size_t i = 0; i < VL_LEN(cases); i++) {
		VL_STR scope = vl_scope_of_url(cases[i].url, cases[i].push);

		if (cases[i].want)
			tap_str(scope, cases[i].want, "%s", cases[i].url);
		else
			tap_ok(!scope, "%s: no repository", cases[i].url);
	}
	VL_STR name = vl_scope_repository("repository:a/b:pull,push repository:c:pull");
	VL_STR query = vl_scope_query(" x:y  z ");

	tap_str(name, "a/b", "whose credentials");
	tap_str(query, "&scope=x%3Ay&scope=z", "a parameter for each");
}

static void story(struct world *w)
{
	for (size_t i = 0; i < sizeof big_body; i++)
		big_body[i] = (uint8_t)(i * 7 + i / 251);
	test_scopes();
	test_head(w);
	test_upload(w);
	test_where_credentials_go(w);
	test_location_reach(w);
	test_token_keys(w);
	test_refusals(w);
	test_expect(w);
	test_deaf(w);
	test_deadline(w);
	test_once(w);
	test_again(w);
	test_file(w);
	test_answer(w);
}

int main(void)
{
	return world_tell(story);
}
