/* SPDX-License-Identifier: Apache-2.0 */
/* net_transfer_test.c: downloads from a server that misbehaves (tests/lib/faultd.py): what arrives, what is asked for again,
 * what is never sent. The server's log is the witness. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "net/net.h"
#include "tests/lib/tap.h"

#define URLS 4

struct world {
	pid_t pid;
	int feed; /* the server ends when this is closed */
	unsigned port, token, other;
	char dir[256], log[300], conf[300], helpers[300];
	int dirfd;
	struct vl_env env;
	volatile sig_atomic_t stop;
	unsigned warnings, notes;
	char last[1024], everything[65536];
};

static void on_event(void *ctx, const struct vl_event *ev)
{
	struct world *w = ctx;
	size_t used = strlen(w->everything);

	if (!ev->text)
		return;
	w->warnings += ev->kind == VL_EV_WARN;
	w->notes += ev->kind == VL_EV_DEBUG;
	snprintf(w->last, sizeof w->last, "%s", ev->text);
	snprintf(w->everything + used, sizeof w->everything - used, "%s\n", ev->text);
}

/* -- the server -------------------------------------------------------------------------------------------------- */
static void server_exec(const struct world *w, int in, int out)
{
	const char *srcdir = getenv("srcdir");
	VL_STR script = vl_xprintf("%s/tests/lib/faultd.py", srcdir ? srcdir : ".");

	dup2(in, 0);
	dup2(out, 1);
	execlp("python3", "python3", "-B", script, "--log", w->log, "--watch-stdin", (char *)NULL);
	_exit(127);
}

static bool server_start(struct world *w)
{
	int in[2], out[2];
	FILE *f;
	bool good;

	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
		return false;
	w->pid = fork();
	if (w->pid == 0)
		server_exec(w, in[0], out[1]);
	close(in[0]);
	close(out[1]);
	w->feed = in[1];
	f = fdopen(out[0], "r");
	good = f && fscanf(f, "%u %u %u", &w->port, &w->token, &w->other) == 3;
	if (f)
		fclose(f);
	return good;
}

static bool world_begin(struct world *w)
{
	const char *tmp = getenv("TMPDIR");

	*w = (struct world){ .dirfd = -1 };
	snprintf(w->dir, sizeof w->dir, "%s/valise-net.XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(w->dir))
		return false;
	snprintf(w->log, sizeof w->log, "%s/log", w->dir);
	snprintf(w->conf, sizeof w->conf, "%s/config.json", w->dir);
	snprintf(w->helpers, sizeof w->helpers, "%s/docker-credential-test", w->dir);
	w->dirfd = open(w->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	w->env = (struct vl_env){ .now = time(NULL), .emit = on_event, .emit_ctx = w, .stop = &w->stop, .jobs = 1 };
	setenv("HOME", w->dir, 1);
	unsetenv("NETRC");
	unsetenv("DOCKER_CONFIG");
	unsetenv("REGISTRY_AUTH_FILE");
	unsetenv("XDG_RUNTIME_DIR");
	for (const char *const *v = (const char *const[]){ "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY",
							   "no_proxy", "NO_PROXY", NULL };
	     *v; v++)
		unsetenv(*v);
	return server_start(w);
}

static void world_end(struct world *w)
{
	struct vl_err e = VL_ERR_INIT;

	close(w->feed);
	waitpid(w->pid, NULL, 0);
	close(w->dirfd);
	(void)!vl_remove_tree(AT_FDCWD, w->dir, &e);
}

/* The server writes a line when the answer is out: waits until it has written all of them. */
static void server_sync(const struct world *w)
{
	static const char ask[] = "GET /_sync HTTP/1.0\r\n\r\n";
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)w->port) };
	VL_FD fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char answer[256];

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (connect(fd, (struct sockaddr *)&a, sizeof a) || write(fd, ask, sizeof ask - 1) < 0)
		return;
	while (read(fd, answer, sizeof answer) > 0)
		;
}

/* Lines of the log with all of these texts; the log is emptied by log_clear(). */
static unsigned logged(struct world *w, const char *a, const char *b)
{
	VL_CLEAN(vl_buf) text = VL_BUF_INIT(8u << 20);
	struct vl_err e = VL_ERR_INIT;
	bool absent;
	unsigned n = 0;
	char *save = NULL;

	server_sync(w);
	if (!vl_load_file(w->dirfd, "log", &text, &absent, &e) || !text.data)
		return 0;
	for (char *line = strtok_r((char *)text.data, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		n += (!a || strstr(line, a)) && (!b || strstr(line, b));
	return n;
}

static void log_clear(struct world *w)
{
	server_sync(w);
	if (truncate(w->log, 0))
		perror("truncate");
	w->warnings = w->notes = 0;
	w->last[0] = w->everything[0] = '\0';
}

/* -- gets -------------------------------------------------------------------------------------------------------- */
struct fetch {
	struct vl_get get;
	const char *urls[URLS + 1];
	char text[URLS][1024];
	size_t n;
	unsigned done;
	struct world *world;
	bool stop_when_done;
};

static void on_done(struct vl_net *n, struct vl_get *g)
{
	struct fetch *f = g->user;

	(void)n;
	f->done++;
	if (f->stop_when_done)
		f->world->stop = SIGINT;
}

static void fetch_begin(struct world *w, struct fetch *f)
{
	*f = (struct fetch){ .world = w };
	vl_get_init(&f->get);
	f->get.label = "test";
	f->get.urls = f->urls;
	f->get.max = 16u << 20;
	f->get.done = on_done;
	f->get.user = f;
}

/* A path is one of the main server; anything else is a whole URL. */
static void fetch_url(struct fetch *f, const char *url)
{
	char *text = f->text[f->n];

	if (*url == '/')
		snprintf(text, sizeof f->text[0], "http://127.0.0.1:%u%s", f->world->port, url);
	else
		snprintf(text, sizeof f->text[0], "%s", url);
	f->urls[f->n++] = text;
}

static struct vl_net_conf conf_fast(void)
{
	return (struct vl_net_conf){ .retry_base_ms = 5, .retries = 3, .timeout = 20, .connect_timeout = 5 };
}

static bool fetch_run(struct fetch *f, const struct vl_net_conf *conf)
{
	VL_AUTO(vl_net) n = NULL;
	struct vl_net_conf fast = conf_fast();

	if (!vl_net_new(&n, conf ? conf : &fast, &f->world->env, &f->get.err))
		return false;
	vl_net_add(n, &f->get);
	if (!vl_net_run(n, &f->get.err))
		return false;
	return f->get.ok;
}

/* The pattern of the server: 65 bytes a line, "V:" and the line's number with 62 digits. */
static bool pattern_ok(const uint8_t *data, size_t len, char version)
{
	char line[80];

	for (size_t at = 0, i = 0; at < len; at += 65, i++) {
		snprintf(line, sizeof line, "%c:%062zu\n", version, i);
		if (memcmp(data + at, line, len - at < 65 ? len - at : 65) != 0)
			return false;
	}
	return true;
}

static void get_one(struct world *w, const char *path, enum vl_code want, const char *message, const char *name)
{
	struct fetch f;
	bool good;

	fetch_begin(w, &f);
	fetch_url(&f, path);
	good = fetch_run(&f, NULL);
	if (want == VL_OK)
		tap_good(good, &f.get.err, "%s", name);
	else
		tap_fails(good, &f.get.err, want, "%s", name);
	if (message && !tap_ok(strstr(f.get.err.msg, message) != NULL, "%s: says \"%s\"", name, message))
		printf("# said: %s\n", f.get.err.msg);
	tap_is(f.done, 1, "%s: done() called once", name);
	vl_get_clear(&f.get);
}

/* The file dir/part. */
static bool part_ok(struct world *w, size_t want, char version)
{
	VL_CLEAN(vl_buf) b = VL_BUF_INIT(16u << 20);
	struct vl_err e = VL_ERR_INIT;
	bool absent;

	return vl_load_file(w->dirfd, "part", &b, &absent, &e) && b.len == want && pattern_ok(b.data, b.len, version);
}

static void part_begin(struct world *w, struct fetch *f, const char *path)
{
	fetch_begin(w, f);
	fetch_url(f, path);
	f->get.dir = w->dirfd;
	f->get.part = "part";
}

static void part_gone(struct world *w)
{
	unlinkat(w->dirfd, "part", 0);
	unlinkat(w->dirfd, "part.json", 0);
}

static bool exists(struct world *w, const char *name)
{
	return !faccessat(w->dirfd, name, F_OK, AT_SYMLINK_NOFOLLOW);
}

static void test_plain(struct world *w)
{
	struct fetch f;

	fetch_begin(w, &f);
	fetch_url(&f, "/ok/100000?type=Text/Plain;%20charset=x");
	tap_good(fetch_run(&f, NULL), &f.get.err, "a document arrives");
	tap_is(f.get.body.len, 100000, "all of it");
	tap_ok(f.get.body.data && pattern_ok(f.get.body.data, f.get.body.len, '0'), "and unharmed");
	tap_str(f.get.content_type, "text/plain", "its type without parameters, lower case");
	tap_str(f.get.got_etag, "\"len100000-v0\"", "its ETag");
	tap_is(f.get.bytes_moved, 100000, "bytes moved");
	tap_is(logged(w, "\"accept-encoding\": \"identity\"", "valise/"), 1, "asked for identity, as valise");
	vl_get_clear(&f.get);
	log_clear(w);
}

static void test_status(struct world *w)
{
	static const struct {
		const char *path;
		enum vl_code want;
		const char *says;
	} cases[] = {
		{ "/ok/0", VL_OK, NULL },
		{ "/ok/5000?chunked=1", VL_OK, NULL },
		{ "/ok/5000?nolength=1", VL_OK, NULL },
		{ "/status/404", VL_E_GONE, "/status/404: 404 not found" },
		{ "/status/410", VL_E_GONE, "410" },
		{ "/status/403", VL_E_REFUSED, "403 forbidden" },
		{ "/status/401", VL_E_REFUSED, "401 log-in required" },
		{ "/status/418", VL_E_REFUSED, "418" },
		{ "/status/204", VL_E_CONTENT, "204" },
		{ "/status/206", VL_E_CONTENT, "206" },
		{ "/status/304", VL_E_CONTENT, "304" },
		{ "/status/300", VL_E_CONTENT, "300" },
		{ "/status/302", VL_E_REDIRECT, "leads nowhere" },
		{ "/status/416", VL_E_REFUSED, "416" },
		{ "/garbage", VL_E_NET, "not HTTP" },
		{ "/ok/100?encoding=gzip", VL_E_CONTENT, "Content-Encoding" },
		{ "/ok/100?encoding=identity", VL_OK, NULL },
		{ "/endless-headers", VL_E_NET, "headers" },
		{ "/ok/5?header=Content-Encoding:%20br", VL_E_CONTENT, "Content-Encoding" },
	};

	for (size_t i = 0; i < VL_LEN(cases); i++) {
		get_one(w, cases[i].path, cases[i].want, cases[i].says, cases[i].path);
		tap_is(logged(w, NULL, NULL), 1, "%s: asked once", cases[i].path);
		log_clear(w);
	}
}

static void test_retry(struct world *w)
{
	static const struct {
		const char *path;
		enum vl_code want;
		unsigned requests;
		const char *says;
	} cases[] = {
		{ "/ok/1000?fail=2&status=503", VL_OK, 3, NULL },
		{ "/ok/1000?fail=3&status=408", VL_OK, 4, NULL },
		{ "/ok/1000?fail=1&status=425", VL_OK, 2, NULL },
		{ "/ok/1000?fail=1&status=500", VL_OK, 2, NULL },
		{ "/ok/1000?fail=9&status=502", VL_E_NET, 4, "502 bad gateway (4 tries)" },
		{ "/ok/1000?fail=9&status=429", VL_E_RATE, 4, "429 too many requests (4 tries)" },
		{ "/ok/1000?fail=9&status=403&text=TOOMANYREQUESTS:+retry-after:+35us", VL_E_RATE, 4, "too many requests" },
		{ "/ok/1000?truncate=2&at=500", VL_OK, 3, NULL },
		{ "/ok/1000?truncate=2&at=500&chunked=1", VL_OK, 3, NULL },
		{ "/ok/1000?truncate=9&at=500", VL_E_NET, 4, "ends early" },
		{ "/close", VL_E_NET, 4, "without an answer" },
	};

	for (size_t i = 0; i < VL_LEN(cases); i++) {
		get_one(w, cases[i].path, cases[i].want, cases[i].says, cases[i].path);
		tap_is(logged(w, "\"main\"", NULL), cases[i].requests, "%s: %u requests", cases[i].path, cases[i].requests);
		tap_is(w->notes, cases[i].requests - 1, "%s: each retry is noted", cases[i].path);
		log_clear(w);
	}
}

static void test_retry_after(struct world *w)
{
	struct fetch f;
	struct vl_net_conf conf = conf_fast();
	struct timespec a, b;
	double took;

	conf.retry_base_ms = 2;
	conf.retries = 2;
	fetch_begin(w, &f);
	fetch_url(&f, "/ok/10?fail=9&status=429&retry_after=1000000000");
	clock_gettime(CLOCK_MONOTONIC, &a);
	tap_fails(fetch_run(&f, &conf), &f.get.err, VL_E_RATE, "Retry-After of 30 years: given up in the end");
	clock_gettime(CLOCK_MONOTONIC, &b);
	took = (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
	/* The cap is 120 first pauses: 240 ms here, twice. */
	tap_ok(took > 0.45 && took < 5, "the wait is capped (%.2f s)", took);
	vl_get_clear(&f.get);

	fetch_begin(w, &f);
	fetch_url(&f, "/ok/10?fail=1&status=503&retry_after=1");
	conf.retry_base_ms = 20;
	clock_gettime(CLOCK_MONOTONIC, &a);
	tap_good(fetch_run(&f, &conf), &f.get.err, "Retry-After of a second");
	clock_gettime(CLOCK_MONOTONIC, &b);
	took = (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
	tap_ok(took >= 1, "is kept (%.2f s)", took);
	vl_get_clear(&f.get);
	log_clear(w);
}

static void test_limits(struct world *w)
{
	static const struct {
		const char *path;
		uint64_t max, expect;
		enum vl_code want;
		const char *says;
	} cases[] = {
		{ "/endless", 100000, 0, VL_E_LIMIT, "limit of 100000 bytes" },
		{ "/endless?plain=1", 100000, 0, VL_E_LIMIT, "limit of 100000 bytes" },
		{ "/endless", 1000000, 5000, VL_E_CONTENT, "longer than the 5000 bytes expected" },
		{ "/ok/5000", 4999, 0, VL_E_LIMIT, "5000 bytes are announced" },
		{ "/ok/5000", 5000, 5000, VL_OK, NULL },
		{ "/ok/5000", 6000, 5001, VL_E_CONTENT, "5000 bytes are announced, 5001 expected" },
		{ "/ok/5000", 6000, 4999, VL_E_CONTENT, "5000 bytes are announced, 4999 expected" },
		{ "/ok/5000?chunked=1", 6000, 5001, VL_E_CONTENT, "has 5000 bytes, 5001 expected" },
		{ "/ok/5000?announce=6000", 6000, 0, VL_E_NET, "ends early" },
		{ "/ok/5000?announce=4000", 6000, 5000, VL_E_CONTENT, "4000 bytes are announced" },
		{ "/redirect?to=/endless", 100000, 0, VL_E_LIMIT, "limit" },
	};
	struct fetch f;

	for (int file = 0; file < 2; file++)
		for (size_t i = 0; i < VL_LEN(cases); i++) {
			fetch_begin(w, &f);
			fetch_url(&f, cases[i].path);
			f.get.max = cases[i].max;
			f.get.expect = cases[i].expect;
			f.get.dir = file ? w->dirfd : -1;
			f.get.part = "part";
			if (cases[i].want == VL_OK)
				tap_good(fetch_run(&f, NULL), &f.get.err, "%s max %" PRIu64, cases[i].path, cases[i].max);
			else
				tap_fails(fetch_run(&f, NULL), &f.get.err, cases[i].want, "%s max %" PRIu64 " expect %" PRIu64,
					  cases[i].path, cases[i].max, cases[i].expect);
			if (cases[i].says && !tap_ok(strstr(f.get.err.msg, cases[i].says) != NULL, "says so"))
				printf("# said: %s\n", f.get.err.msg);
			tap_ok(f.get.body.len <= cases[i].max, "never more than the limit in memory");
			vl_get_clear(&f.get);
			part_gone(w);
		}
	log_clear(w);
}

static void test_time(struct world *w)
{
	struct fetch f;
	struct vl_net_conf conf = conf_fast();
	struct timespec a, b;

	conf.timeout = 1;
	fetch_begin(w, &f);
	fetch_url(&f, "/ok/100000?rate=20");
	clock_gettime(CLOCK_MONOTONIC, &a);
	tap_fails(fetch_run(&f, &conf), &f.get.err, VL_E_TIMEOUT, "a body of 20 bytes a second ends at the deadline");
	clock_gettime(CLOCK_MONOTONIC, &b);
	tap_ok(b.tv_sec - a.tv_sec <= 3, "in time");
	tap_ok(strstr(f.get.err.msg, "within 1 s") != NULL, "and says why");
	vl_get_clear(&f.get);

	fetch_begin(w, &f);
	fetch_url(&f, "/ok/10?delay=3");
	tap_fails(fetch_run(&f, &conf), &f.get.err, VL_E_TIMEOUT, "no answer ends at the deadline");
	vl_get_clear(&f.get);
	log_clear(w);
}

/* -- partial files ----------------------------------------------------------------------------------------------- */
static void test_resume(struct world *w)
{
	struct vl_net_conf conf = conf_fast();
	struct fetch f;

	conf.retries = 1;
	part_begin(w, &f, "/ok/50000?truncate=2&at=20000&rest=a");
	tap_fails(fetch_run(&f, &conf), &f.get.err, VL_E_NET, "a body cut twice fails with one retry");
	tap_ok(exists(w, "part") && exists(w, "part.json"), "the partial file and its description stay");
	tap_is(logged(w, "\"range\": \"bytes=19999-\"", "\"if-range\": \"\\\"len50000-v0\\\"\""), 1,
	       "the retry asked for the rest, with If-Range");
	vl_get_clear(&f.get);

	/* A new struct vl_net is what a new process has. Its URL has the same text, so the server's count goes on. */
	part_begin(w, &f, "/ok/50000?truncate=2&at=20000&rest=a");
	tap_good(fetch_run(&f, &conf), &f.get.err, "the next run goes on");
	tap_ok(part_ok(w, 50000, '0'), "and glues it right");
	tap_is(f.get.size, 50000, "size of the whole");
	tap_ok(f.get.bytes_moved < 31000, "only the rest moved (%" PRIu64 ")", f.get.bytes_moved);
	vl_get_clear(&f.get);

	part_begin(w, &f, "/ok/50000?truncate=2&at=20000&rest=a");
	tap_good(fetch_run(&f, &conf), &f.get.err, "a complete file that nobody took is asked for again");
	tap_is(f.get.bytes_moved, 1, "for one byte");
	tap_ok(part_ok(w, 50000, '0'), "and stays right");
	vl_get_clear(&f.get);

	part_begin(w, &f, "/ok/50000?other=url");
	tap_good(fetch_run(&f, &conf), &f.get.err, "another URL");
	tap_is(f.get.bytes_moved, 50000, "does not go on with it");
	vl_get_clear(&f.get);
	part_gone(w);
	log_clear(w);
}

/* first: a run that ends with a cut body; second: what the next run meets. */
static void test_resume_faults(struct world *w)
{
	static const struct {
		const char *path, *name;
		char version;
		uint64_t moved;
	} cases[] = {
		{ "/ok/40000?truncate=1&at=10000&change=1", "another version (If-Range says no)", '1', 40000 },
		{ "/ok/40000?truncate=1&at=10000&norange=1", "a server without ranges", '0', 40000 },
		{ "/ok/40000?truncate=1&at=10000&rangelie=1", "a 206 with another start", '0', 40000 },
		{ "/ok/40000?truncate=1&at=10000&weak=1", "a weak ETag, but Last-Modified", '0', 30001 },
		{ "/ok/40000?truncate=1&at=10000&weak=1&nolm=1", "a weak ETag only", '0', 40000 },
		{ "/ok/40000?truncate=1&at=10000&noetag=1&nolm=1", "no validators", '0', 40000 },
		{ "/ok/40000?truncate=1&at=10000&noetag=1", "Last-Modified only", '0', 30001 },
		{ "/ok/40000?truncate=1&at=10000&chunked=1", "chunked", '0', 30001 },
	};
	struct vl_net_conf conf = conf_fast();
	struct fetch f;

	conf.retries = 1;
	conf.retry_base_ms = 60000;
	conf.timeout = 1; /* the pause is longer than the deadline: one try */
	for (size_t i = 0; i < VL_LEN(cases); i++) {
		part_begin(w, &f, cases[i].path);
		tap_fails(fetch_run(&f, &conf), &f.get.err, VL_E_NET, "%s: first run fails", cases[i].name);
		vl_get_clear(&f.get);
		part_begin(w, &f, cases[i].path);
		/* A lie about ranges never ends: ANEW asks for the whole once. */
		tap_good(fetch_run(&f, NULL), &f.get.err, "%s: second run", cases[i].name);
		tap_ok(part_ok(w, 40000, cases[i].version), "%s: the file is right", cases[i].name);
		tap_ok(f.get.bytes_moved >= cases[i].moved && f.get.bytes_moved < cases[i].moved + 66000,
		       "%s: moved %" PRIu64, cases[i].name, f.get.bytes_moved);
		vl_get_clear(&f.get);
		part_gone(w);
	}
	log_clear(w);
}

static void test_part_traps(struct world *w)
{
	struct fetch f;
	struct vl_err e = VL_ERR_INIT;

	(void)!symlinkat("elsewhere", w->dirfd, "part");
	part_begin(w, &f, "/ok/100");
	tap_ok(!fetch_run(&f, NULL), "a symlink in place of the partial file is refused");
	tap_ok(!exists(w, "elsewhere"), "and nothing is written behind it");
	vl_get_clear(&f.get);
	part_gone(w);

	mkfifoat(w->dirfd, "part", 0600);
	part_begin(w, &f, "/ok/100");
	tap_ok(!fetch_run(&f, NULL), "a FIFO too, without waiting");
	vl_get_clear(&f.get);
	part_gone(w);

	(void)!vl_save_file(w->dirfd, "part", 0600, vl_bytes_str("0123456789 of something else"), &e);
	(void)!vl_save_file(w->dirfd, "part.json", 0600, vl_bytes_str("{\"url\": 7, \"etag\": [}"), &e);
	part_begin(w, &f, "/ok/5000");
	tap_good(fetch_run(&f, NULL), &f.get.err, "a description that is no JSON");
	tap_ok(part_ok(w, 5000, '0'), "begins anew");
	vl_get_clear(&f.get);
	part_gone(w);

	part_begin(w, &f, "/ok/5000?token=geheim");
	f.get.expect = 6000;
	tap_fails(fetch_run(&f, NULL), &f.get.err, VL_E_CONTENT, "a body of the wrong size");
	tap_ok(!exists(w, "part") && !exists(w, "part.json"), "leaves no partial file");
	tap_ok(!strstr(f.get.err.msg, "geheim"), "and no query in the message");
	vl_get_clear(&f.get);

	part_begin(w, &f, "/ok/5000?token=geheim&truncate=9&at=100");
	tap_ok(!fetch_run(&f, NULL), "a URL with a token, cut");
	VL_CLEAN(vl_buf) side = VL_BUF_INIT(65536);
	tap_good(vl_load_file(w->dirfd, "part.json", &side, NULL, &e), &e, "has a description");
	tap_ok(!strstr(vl_buf_str(&side), "geheim"), "without the token");
	vl_get_clear(&f.get);
	part_gone(w);
	log_clear(w);
}

static void test_validators(struct world *w)
{
	static const struct {
		const char *path, *etag, *modified;
		bool from_other, not_modified;
	} cases[] = {
		{ "/ok/100", "\"len100-v0\"", NULL, false, true },
		{ "/ok/100", NULL, "Sun, 06 Nov 2022 08:49:37 GMT", false, true },
		{ "/ok/100", "\"old\"", "Sun, 06 Nov 2022 08:49:37 GMT", false, false },
		{ "/ok/100", "\"len100-v0\"", NULL, true, false },
		{ "/ok/100", "\"len100-v0\"\r\nX-Evil: 1", NULL, false, false },
		{ "/redirect?to=/ok/100", "\"len100-v0\"", NULL, false, true },
	};
	struct fetch f;

	for (size_t i = 0; i < VL_LEN(cases); i++) {
		part_begin(w, &f, cases[i].path);
		f.get.etag = cases[i].etag;
		f.get.last_modified = cases[i].modified;
		f.get.from_url = cases[i].from_other ? "http://127.0.0.1/elsewhere" : NULL;
		tap_good(fetch_run(&f, NULL), &f.get.err, "validators %zu", i);
		tap_is(f.get.not_modified, cases[i].not_modified, "validators %zu: 304", i);
		tap_is(f.get.bytes_moved, cases[i].not_modified ? 0 : 100, "validators %zu: bytes", i);
		vl_get_clear(&f.get);
		part_gone(w);
	}
	tap_is(logged(w, "x-evil", NULL), 0, "a validator with a line end is no header of its own");
	log_clear(w);
}

/* -- redirects --------------------------------------------------------------------------------------------------- */
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
	snprintf(url, sizeof url, "http://user:geheim@127.0.0.1:%u/redirect?token=streng&to=http://127.0.0.1:%u/ok/10", w->port,
		 w->other);
	fetch_url(&f, url);
	tap_good(fetch_run(&f, NULL), &f.get.err, "user info in the URL, redirect to another port");
	tap_is(logged(w, "\"main\"", "Basic dXNlcjpnZWhlaW0="), 1, "the credential goes to its own origin");
	tap_is(logged(w, "\"other\"", NULL), 1, "the redirect is followed");
	tap_is(logged(w, "\"other\"", "authorization"), 0, "without a credential");
	vl_get_clear(&f.get);
	log_clear(w);

	fetch_begin(w, &f);
	snprintf(url, sizeof url, "http://user:geheim@127.0.0.1:%u/ok/3?fail=99&token=streng", w->port);
	fetch_url(&f, url);
	tap_ok(!fetch_run(&f, NULL), "a failing URL with secrets");
	tap_ok(!strstr(f.get.err.msg, "geheim") && !strstr(f.get.err.msg, "streng") && !strstr(f.get.err.msg, "user"),
	       "the message has none of them");
	tap_ok(w->notes > 0 && !strstr(w->everything, "geheim") && !strstr(w->everything, "streng"), "nor have the events");
	vl_get_clear(&f.get);

	fetch_begin(w, &f);
	snprintf(url, sizeof url, "/redirect?to=http://eve:x@127.0.0.1:%u/ok/10", w->other);
	fetch_url(&f, url);
	tap_good(fetch_run(&f, NULL), &f.get.err, "user info in a Location");
	tap_is(logged(w, "\"other\"", "authorization"), 0, "is not used");
	vl_get_clear(&f.get);

	(void)!vl_save_file(w->dirfd, ".netrc", 0644, vl_bytes_str("machine 127.0.0.1 login u password p\ndefault login d password d\n"),
			    &e);
	log_clear(w);
	get_one(w, "/basic/100?user=u&password=p", VL_OK, NULL, "netrc logs in");
	tap_ok(w->warnings == 1 && strstr(w->last, "chmod 600"), "a netrc that others can read is warned about");
	get_one(w, "/basic/100?user=x&password=p", VL_E_REFUSED, "401", "a wrong password is refused");
	tap_is(logged(w, "/basic", NULL), 2, "and not tried again");
	unlinkat(w->dirfd, ".netrc", 0);
	log_clear(w);
}

/* -- mirrors ----------------------------------------------------------------------------------------------------- */
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
	vl_get_clear(&f.get);

	fetch_begin(w, &f);
	fetch_url(&f, "/status/404");
	fetch_url(&f, dead);
	tap_fails(fetch_run(&f, NULL), &f.get.err, VL_E_NET, "404 and refused: the network");
	tap_ok(strstr(f.get.err.msg, "test: 127.0.0.1: 404 not found; 127.0.0.1: connection refused"), "both are told");
	printf("# %s\n", f.get.err.msg);
	vl_get_clear(&f.get);

	fetch_begin(w, &f);
	fetch_url(&f, "/ok/5000");
	fetch_url(&f, "/ok/50");
	f.get.max = 100;
	tap_fails(fetch_run(&f, NULL), &f.get.err, VL_E_LIMIT, "a limit is ours: no other mirror is asked");
	vl_get_clear(&f.get);

	snprintf(away, sizeof away, "http://127.0.0.1:%u/ok/30", w->other);
	part_begin(w, &f, "/ok/30?fail=99&status=429&retry_after=3600");
	fetch_url(&f, away);
	log_clear(w);
	tap_good(fetch_run(&f, NULL), &f.get.err, "a mirror that asks for patience");
	tap_is(logged(w, "\"main\"", NULL), 1, "is left for the next one at once");
	vl_get_clear(&f.get);
	part_gone(w);
	log_clear(w);

	fetch_begin(w, &f);
	fetch_url(&f, "ftp://127.0.0.1/x");
	fetch_url(&f, "not a url");
	tap_fails(fetch_run(&f, NULL), &f.get.err, VL_E_REDIRECT, "URLs that are not http");
	vl_get_clear(&f.get);
}

/* -- registries -------------------------------------------------------------------------------------------------- */
static void set(struct world *w, const char *query)
{
	struct fetch f;
	VL_STR path = vl_xprintf("/_set?%s", query);

	fetch_begin(w, &f);
	fetch_url(&f, query ? path : "/_reset");
	if (!fetch_run(&f, NULL))
		printf("Bail out! cannot set up the server: %s\n", f.get.err.msg);
	vl_get_clear(&f.get);
}

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
	tap_is(logged(w, "\"token\"", "scope=repository%3Aa%2Fb%3Apull"), 1, "one token for all of them, with our scope");
	tap_is(logged(w, "\"token\"", "authorization"), 0, "asked for anonymously");
	tap_is(logged(w, "\"other\"", NULL), 3, "the blobs came from elsewhere");
	tap_is(logged(w, "\"other\"", "authorization"), 0, "where the token did not go");
	vl_net_stats(n, &bytes, &requests);
	tap_ok(bytes >= 15000 && requests >= 10, "statistics: %" PRIu64 " bytes, %" PRIu64 " requests", bytes, requests);
	for (size_t i = 0; i < 3; i++)
		vl_get_clear(&f[i].get);

	log_clear(w);
	set(w, "expire=1");
	registry_begin(w, &f[0]);
	vl_net_add(n, &f[0].get);
	tap_good(vl_net_run(n, &e) && f[0].get.ok, &f[0].get.err, "a known token is used");
	tap_is(logged(w, "\"status\": 401", NULL), 0, "without asking first");
	vl_get_clear(&f[0].get);
	registry_begin(w, &f[0]);
	vl_net_add(n, &f[0].get);
	tap_good(vl_net_run(n, &e) && f[0].get.ok, &f[0].get.err, "an expired token is renewed");
	tap_is(logged(w, "\"token\"", NULL), 1, "once");
	vl_get_clear(&f[0].get);
	set(w, NULL);
}

static void test_token_faults(struct world *w)
{
	static const struct {
		const char *setting;
		enum vl_code want;
		const char *says;
		unsigned token_requests;
	} cases[] = {
		{ "refuse=1", VL_E_REFUSED, "refuses the credentials", 1 },
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
		if (cases[i].says && !tap_ok(strstr(f.get.err.msg, cases[i].says) != NULL, "says \"%s\"", cases[i].says))
			printf("# said: %s\n", f.get.err.msg);
		tap_is(logged(w, "\"server\": \"token\"", NULL), cases[i].token_requests,
		       "%s: requests to the token server", cases[i].setting);
		vl_get_clear(&f.get);
		set(w, NULL);
	}
	VL_STR endless = vl_xprintf("%01500d", 7);
	VL_STR big = vl_xprintf("challenge=Bearer%%20realm%%3D%%22https://x/%s%s%s%s%s%s%%22", endless, endless, endless, endless,
				endless, endless);
	/* Longer than fetch's own text: only the setting is cut, which leaves it unterminated as well as long. */
	set(w, big);
	registry_begin(w, &f);
	tap_ok(!fetch_run(&f, NULL), "a challenge of kilobytes");
	vl_get_clear(&f.get);
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
		{ "{\"auths\":{\"127.0.0.1:%u/c\":{\"auth\":\"dXNlcjpnZWhlaW0=\"}}}", "login=user:geheim", NULL, VL_E_REFUSED },
		{ "{\"auths\":{\"ghcr.io\":{\"auth\":\"dXNlcjpnZWhlaW0=\"}}, \"x\":%u}", "login=user:geheim", NULL,
		  VL_E_REFUSED },
		{ "{\"auths\":{\"127.0.0.1:%u\":{\"auth\":\"dXNlcjpnZWhlaW0=\"}}}", "basic=user:geheim", NULL, VL_OK },
		{ "{\"auths\":{\"127.0.0.1:%u\":{\"auth\":\"dXNlcjp4\"}}}", "basic=user:geheim", NULL, VL_E_REFUSED },
		{ "{\"auths\":{\"127.0.0.1:%u\":{\"identitytoken\":\"refresh-me\"}}}", "login=refresh-me",
		  "refresh_token=refresh-me", VL_OK },
		{ "{\"credHelpers\":{\"127.0.0.1:%u\":\"test\"}}", "login=hans:wurst", "Basic aGFuczp3dXJzdA==", VL_OK },
		{ "{\"credsStore\":\"test\", \"x\":%u}", "login=hans:wurst", "Basic aGFuczp3dXJzdA==", VL_OK },
		{ "{\"credsStore\":\"absent\", \"x\":%u}", "login=hans:wurst", NULL, VL_E_REFUSED },
		{ "{\"credsStore\":\"../../bin/sh\", \"x\":%u}", "login=hans:wurst", NULL, VL_E_REFUSED },
	};
	static const char helper[] = "#!/bin/sh\n[ \"$1\" = get ] || exit 1\nread -r server\n"
				     "case $server in 127.0.0.1:*) echo '{\"ServerURL\":\"x\",\"Username\":\"hans\",\"Secret\":"
				     "\"wurst\"}' ;; *) exit 1 ;; esac\n";
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
			tap_is(logged(w, "\"server\": \"token\"", cases[i].path_has), 1, "the token server saw the credential");
		tap_is(logged(w, "\"other\"", "authorization"), 0, "where the blob came from did not");
		tap_ok(!strstr(w->everything, "geheim") && !strstr(f.get.err.msg, "geheim"), "no secret in words");
		vl_get_clear(&f.get);
		set(w, NULL);
	}
	setenv("PATH", old, 1);

	(void)!vl_save_file(w->dirfd, "config.json", 0600, vl_bytes_str("{\"auths\": "), &e);
	registry_begin(w, &f);
	tap_fails(fetch_run(&f, &conf), &f.get.err, VL_E_CONFIG, "a named config.json that is no JSON is told at once");
	conf.docker_config = "/nonexistent/config.json";
	tap_ok(!fetch_run(&f, &conf), "one that is not there too");
	vl_get_clear(&f.get);
	log_clear(w);
}

/* -- the loop ---------------------------------------------------------------------------------------------------- */
static void add_more(struct vl_net *n, struct vl_get *g)
{
	struct fetch *f = g->user;

	f->done++;
	if (f->done < 3)
		vl_net_add(n, g); /* the same get once more: its results are emptied */
}

static void test_loop(struct world *w)
{
	enum { MANY = 60 };
	struct vl_net_conf conf = conf_fast();
	VL_AUTO(vl_net) n = NULL;
	struct vl_err e = VL_ERR_INIT;
	struct fetch *f = vl_xcalloc(MANY, sizeof *f);
	unsigned good = 0, failed = 0;

	conf.parallel = 6;
	tap_good(vl_net_new(&n, &conf, &w->env, &e), &e, "a net");
	for (size_t i = 0; i < MANY; i++) {
		fetch_begin(w, &f[i]);
		fetch_url(&f[i], i % 10 == 3 ? "/status/404" : i % 10 == 5 ? "/ok/3000?fail=1" : "/redirect?to=/ok/2000");
		vl_net_add(n, &f[i].get);
	}
	f[0].get.done = add_more;
	tap_good(vl_net_run(n, &e), &e, "%d at once", MANY);
	for (size_t i = 0; i < MANY; i++) {
		good += f[i].get.ok;
		failed += !f[i].get.ok && f[i].get.err.code == VL_E_GONE;
		vl_get_clear(&f[i].get);
	}
	tap_is(good, MANY - MANY / 10, "the good ones are good");
	tap_is(failed, MANY / 10, "the failing ones fail alone");
	tap_is(f[0].done, 3, "done() may add more");
	tap_good(vl_net_run(n, &e), &e, "nothing to do is fine");
	free(f);
	log_clear(w);
}

static void test_interrupt(struct world *w)
{
	struct vl_net_conf conf = conf_fast();
	VL_AUTO(vl_net) n = NULL;
	struct vl_err e = VL_ERR_INIT;
	struct fetch quick, slow, wait;

	tap_good(vl_net_new(&n, &conf, &w->env, &e), &e, "a net");
	part_begin(w, &slow, "/ok/1000000?rate=20000");
	fetch_begin(w, &quick);
	fetch_url(&quick, "/ok/10?delay=0.5");
	quick.stop_when_done = true;
	fetch_begin(w, &wait);
	fetch_url(&wait, "/ok/10?fail=9&retry_after=60");
	vl_net_add(n, &slow.get);
	vl_net_add(n, &quick.get);
	vl_net_add(n, &wait.get);
	tap_fails(vl_net_run(n, &e), &e, VL_E_INTERRUPTED, "interrupted");
	tap_ok(quick.get.ok && quick.done == 1, "what was done is done");
	tap_ok(!slow.get.ok && slow.get.err.code == VL_E_INTERRUPTED && slow.done == 0, "the rest is told why, without done()");
	tap_ok(exists(w, "part") && exists(w, "part.json"), "the partial file stays");
	w->stop = 0;
	tap_good(vl_net_run(n, &e), &e, "nothing is left in the net");
	vl_get_clear(&slow.get);
	vl_get_clear(&quick.get);
	vl_get_clear(&wait.get);
	part_begin(w, &slow, "/ok/1000000?rate=20000");
	vl_net_add(n, &slow.get); /* and never run: vl_net_free() lets go of it */
	part_gone(w);
}

static void test_public(void)
{
	static const struct {
		const char *url, *want;
	} cases[] = {
		{ "https://host/a/b", "https://host/a/b" },
		{ "https://user:pw@host:8/a?token=1#f", "https://host:8/a" },
		{ "https://u@ser:p@w@host/x", "https://host/x" },
		{ "https://host?token=a@b", "https://host" },
		{ "https://host/a@b", "https://host/a@b" },
		{ "user:pw@host/x", "host/x" },
		{ "https://user:pw@", "https://" },
		{ "", "" },
	};

	for (size_t i = 0; i < VL_LEN(cases); i++) {
		VL_STR got = vl_url_public(cases[i].url);

		tap_str(got, cases[i].want, "public form of \"%s\"", cases[i].url);
	}
}

int main(void)
{
	static struct world w;

	signal(SIGPIPE, SIG_IGN);
	if (!world_begin(&w)) {
		printf("1..0 # SKIP python3 cannot run the server\n");
		return 0;
	}
	test_plain(&w);
	test_status(&w);
	test_retry(&w);
	test_retry_after(&w);
	test_limits(&w);
	test_time(&w);
	test_resume(&w);
	test_resume_faults(&w);
	test_part_traps(&w);
	test_validators(&w);
	test_redirects(&w);
	test_leaks(&w);
	test_mirrors(&w);
	test_token(&w);
	test_token_faults(&w);
	test_credentials(&w);
	test_loop(&w);
	test_interrupt(&w);
	test_public();
	world_end(&w);
	return tap_done();
}
