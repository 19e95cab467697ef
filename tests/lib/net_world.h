/* SPDX-License-Identifier: Apache-2.0 */
/* tests/lib/net_world.h: for the tests of net/: a fresh directory, the server that misbehaves (faultd.py), its log as
 * the witness, and gets that remember what came. */
#ifndef VL_TESTS_NET_WORLD_H
#define VL_TESTS_NET_WORLD_H

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
	char dir[256], log[300], conf[300], part[300];
	int dirfd;
	struct vl_env env;
	volatile sig_atomic_t stop;
	unsigned warnings, notes;
	char last[1024], everything[65536];
	const char *cert; /* the server speaks TLS with this one and key.pem; NULL: plain HTTP */
	bool old_tls;
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
	VL_STR key = vl_xprintf("%s/key.pem", w->dir);
	VL_STR registry = vl_xprintf("%s/registry", w->dir);
	const char *cert = w->cert ? "--cert" : NULL, *old = w->old_tls ? "--old-tls" : NULL;

	dup2(in, 0);
	dup2(out, 1);
	execlp("python3", "python3", "-B", script, "--log", w->log, "--registry", registry, "--watch-stdin", cert,
	       w->cert, "--key", key, old, (char *)NULL);
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
	static const char *const variables[] = { "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy",
						 "ALL_PROXY",  "no_proxy",    "NO_PROXY",    "NETRC",
						 "DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR" };
	const char *tmp = getenv("TMPDIR");

	*w = (struct world){ .dirfd = -1 };
	snprintf(w->dir, sizeof w->dir, "%s/valise-net.XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(w->dir))
		return false;
	snprintf(w->log, sizeof w->log, "%s/log", w->dir);
	snprintf(w->conf, sizeof w->conf, "%s/config.json", w->dir);
	snprintf(w->part, sizeof w->part, "%s/part", w->dir);
	w->dirfd = open(w->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	w->env = (struct vl_env){ .now = time(NULL), .emit = on_event, .emit_ctx = w, .stop = &w->stop, .jobs = 1 };
	setenv("HOME", w->dir, 1);
	for (size_t i = 0; i < VL_LEN(variables); i++)
		unsetenv(variables[i]);
	return server_start(w);
}

__attribute__((unused)) static void server_stop(struct world *w)
{
	close(w->feed);
	waitpid(w->pid, NULL, 0);
}

static void world_end(struct world *w)
{
	struct vl_err e = VL_ERR_INIT;

	server_stop(w);
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
__attribute__((unused)) static unsigned logged(struct world *w, const char *a, const char *b)
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

__attribute__((unused)) static void log_clear(struct world *w)
{
	server_sync(w);
	if (truncate(w->log, 0))
		perror("truncate");
	w->warnings = w->notes = 0;
	w->last[0] = w->everything[0] = '\0';
}

/* -- gets -------------------------------------------------------------------------------------------------------- */
struct fetch {
	struct vl_request get;
	const char *urls[URLS + 1];
	char text[URLS][1024];
	size_t n;
	unsigned done;
	struct world *world;
	bool stop_when_done;
};

static void on_done(struct vl_net *n, struct vl_request *g)
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
	vl_request_init(&f->get);
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
		snprintf(text, sizeof f->text[0], "%s://127.0.0.1:%u%s", f->world->cert ? "https" : "http",
			 f->world->port, url);
	else
		snprintf(text, sizeof f->text[0], "%s", url);
	f->urls[f->n++] = text;
}

__attribute__((unused)) static struct vl_net_conf conf_fast(void)
{
	return (struct vl_net_conf){ .retry_base_ms = 5, .retries = 3, .timeout = 20, .connect_timeout = 5 };
}

__attribute__((unused)) static bool fetch_run(struct fetch *f, const struct vl_net_conf *conf)
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

__attribute__((unused)) static void get_one(struct world *w, const char *path, enum vl_code want, const char *message,
					    const char *name)
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
	vl_request_clear(&f.get);
}

/* The file dir/part. */
__attribute__((unused)) static bool part_ok(struct world *w, size_t want, char version)
{
	VL_CLEAN(vl_buf) b = VL_BUF_INIT(16u << 20);
	struct vl_err e = VL_ERR_INIT;
	bool absent;

	return vl_load_file(w->dirfd, "part", &b, &absent, &e) && b.len == want && pattern_ok(b.data, b.len, version);
}

__attribute__((unused)) static void part_begin(struct world *w, struct fetch *f, const char *path)
{
	fetch_begin(w, f);
	fetch_url(f, path);
	f->get.dir = w->dirfd;
	f->get.part = "part";
}

__attribute__((unused)) static void part_gone(struct world *w)
{
	unlinkat(w->dirfd, "part", 0);
	unlinkat(w->dirfd, "part.json", 0);
}

__attribute__((unused)) static bool exists(struct world *w, const char *name)
{
	return !faccessat(w->dirfd, name, F_OK, AT_SYMLINK_NOFOLLOW);
}

/* Sets the registry's behaviour; NULL: as at the beginning. */
__attribute__((unused)) static void set(struct world *w, const char *query)
{
	struct fetch f;
	VL_STR path = vl_xprintf("/_set?%s", query);

	fetch_begin(w, &f);
	fetch_url(&f, query ? path : "/_reset");
	if (!fetch_run(&f, NULL))
		printf("Bail out! cannot set up the server: %s\n", f.get.err.msg);
	vl_request_clear(&f.get);
}

/* The story of a test program: returns its exit status. */
static inline int world_tell(void (*story)(struct world *w))
{
	static struct world w;

	if (!world_begin(&w)) {
		printf("1..0 # SKIP python3 cannot run the server\n");
		return 0;
	}
	story(&w);
	world_end(&w);
	return tap_done();
}

#endif
