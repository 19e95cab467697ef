/* SPDX-License-Identifier: Apache-2.0 */
/* net_resume_test.c: partial files and validators: only what is missing is downloaded, and never glued wrongly. */
#include "tests/lib/net_world.h"

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
	vl_request_clear(&f.get);

	/* A new struct vl_net is what a new process has. Its URL has the same text, so the server's count goes on. */
	part_begin(w, &f, "/ok/50000?truncate=2&at=20000&rest=a");
	tap_good(fetch_run(&f, &conf), &f.get.err, "the next run goes on");
	tap_ok(part_ok(w, 50000, '0'), "and glues it right");
	tap_is(f.get.size, 50000, "size of the whole");
	tap_ok(f.get.bytes_moved < 31000, "only the rest moved (%" PRIu64 ")", f.get.bytes_moved);
	vl_request_clear(&f.get);

	part_begin(w, &f, "/ok/50000?truncate=2&at=20000&rest=a");
	tap_good(fetch_run(&f, &conf), &f.get.err, "a complete file that nobody took is asked for again");
	tap_is(f.get.bytes_moved, 1, "for one byte");
	tap_ok(part_ok(w, 50000, '0'), "and stays right");
	vl_request_clear(&f.get);

	part_begin(w, &f, "/ok/50000?other=url");
	tap_good(fetch_run(&f, &conf), &f.get.err, "another URL");
	tap_is(f.get.bytes_moved, 50000, "does not go on with it");
	vl_request_clear(&f.get);
	part_gone(w);
	log_clear(w);
}

/* First a run that ends with a cut body, then what the next run meets. */
static void test_resume_faults(struct world *w)
{
	static const struct {
		const char *path, *name;
		char version;
		uint64_t moved;
	} cases[] = {
		{ "/ok/40000?truncate=1&at=10000&change=1", "another version (If-Range says no)", '1', 40000 },
		{ "/ok/40000?truncate=1&at=10000&change=1&noifrange=1", "If-Range unheard", '1', 40000 },
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
		vl_request_clear(&f.get);
		part_begin(w, &f, cases[i].path);
		/* A lie about ranges never ends: ANEW asks for the whole once. */
		tap_good(fetch_run(&f, NULL), &f.get.err, "%s: second run", cases[i].name);
		tap_ok(part_ok(w, 40000, cases[i].version), "%s: the file is right", cases[i].name);
		tap_ok(f.get.bytes_moved >= cases[i].moved && f.get.bytes_moved < cases[i].moved + 66000,
		       "%s: moved %" PRIu64, cases[i].name, f.get.bytes_moved);
		vl_request_clear(&f.get);
		part_gone(w);
	}
	log_clear(w);
}

/* What is on the disk when a process is killed at an arbitrary moment is continued. */
static void test_killed(struct world *w)
{
	static const char path[] = "/ok/1000000?rate=1500000";
	struct fetch f;
	struct stat st = { 0 };
	pid_t pid = fork();

	if (pid == 0) {
		part_begin(w, &f, path);
		(void)!fetch_run(&f, NULL);
		_exit(0);
	}
	for (int i = 0; i < 1000 && st.st_size < 200000; i++) {
		usleep(5000);
		if (stat(w->part, &st))
			st.st_size = 0;
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	tap_ok(!stat(w->part, &st) && st.st_size >= 200000 && st.st_size < 1000000, "killed at byte %lld",
	       (long long)st.st_size);
	part_begin(w, &f, path);
	tap_good(fetch_run(&f, NULL), &f.get.err, "the next process goes on");
	tap_is(f.get.bytes_moved, 1000000 - st.st_size + 1, "with what is missing");
	tap_ok(part_ok(w, 1000000, '0'), "and the file is right");
	vl_request_clear(&f.get);
	part_gone(w);
}

/* The server's file is shorter than what we have, and it claims that it is the same. */
static void test_too_long(struct world *w)
{
	struct fetch f;
	struct vl_err e = VL_ERR_INIT;
	VL_STR junk = vl_xprintf("%06000d", 1);

	part_begin(w, &f, "/ok/5000");
	VL_STR side = vl_xprintf("{\"url\": \"%s\", \"etag\": \"\\\"len5000-v0\\\"\"}", f.text[0]);

	(void)!vl_save_file(w->dirfd, "part", 0600, vl_bytes_str(junk), &e);
	(void)!vl_save_file(w->dirfd, "part.json", 0600, vl_bytes_str(side), &e);
	log_clear(w);
	tap_good(fetch_run(&f, NULL), &f.get.err, "a partial file longer than the whole");
	tap_is(logged(w, "\"status\": 416", "bytes=5999-"), 1, "is answered with 416");
	tap_ok(part_ok(w, 5000, '0'), "and begun anew");
	vl_request_clear(&f.get);
	part_gone(w);
}

static void test_part_traps(struct world *w)
{
	struct fetch f;
	struct vl_err e = VL_ERR_INIT;

	(void)!symlinkat("elsewhere", w->dirfd, "part");
	part_begin(w, &f, "/ok/100");
	tap_ok(!fetch_run(&f, NULL), "a symlink in place of the partial file is refused");
	tap_ok(!exists(w, "elsewhere"), "and nothing is written behind it");
	vl_request_clear(&f.get);
	part_gone(w);

	mkfifoat(w->dirfd, "part", 0600);
	part_begin(w, &f, "/ok/100");
	tap_ok(!fetch_run(&f, NULL), "a FIFO too, without waiting");
	vl_request_clear(&f.get);
	part_gone(w);

	(void)!vl_save_file(w->dirfd, "part", 0600, vl_bytes_str("0123456789 of something else"), &e);
	(void)!vl_save_file(w->dirfd, "part.json", 0600, vl_bytes_str("{\"url\": 7, \"etag\": [}"), &e);
	part_begin(w, &f, "/ok/5000");
	tap_good(fetch_run(&f, NULL), &f.get.err, "a description that is no JSON");
	tap_ok(part_ok(w, 5000, '0'), "begins anew");
	vl_request_clear(&f.get);
	part_gone(w);

	part_begin(w, &f, "/ok/5000?token=geheim");
	f.get.expect = 6000;
	tap_fails(fetch_run(&f, NULL), &f.get.err, VL_E_CONTENT, "a body of the wrong size");
	tap_ok(!exists(w, "part") && !exists(w, "part.json"), "leaves no partial file");
	tap_ok(!strstr(f.get.err.msg, "geheim"), "and no query in the message");
	vl_request_clear(&f.get);

	part_begin(w, &f, "/ok/5000?token=geheim&truncate=9&at=100");
	tap_ok(!fetch_run(&f, NULL), "a URL with a token, cut");
	VL_CLEAN(vl_buf) side = VL_BUF_INIT(65536);
	tap_good(vl_load_file(w->dirfd, "part.json", &side, NULL, &e), &e, "has a description");
	tap_ok(!strstr(vl_buf_str(&side), "geheim"), "without the token");
	vl_request_clear(&f.get);
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
		vl_request_clear(&f.get);
		part_gone(w);
	}
	tap_is(logged(w, "x-evil", NULL), 0, "a validator with a line end is no header of its own");
	log_clear(w);
}

/* -- the same with a real server --------------------------------------------------------------------------------- */
static pid_t nginx_start(struct world *w, unsigned port)
{
	VL_STR conf = vl_xprintf("daemon off; master_process off; pid %s/pid; error_log %s/error.log;\n"
				 "events { worker_connections 16; }\n"
				 "http { access_log off; client_body_temp_path %s/b; proxy_temp_path %s/p; "
				 "fastcgi_temp_path %s/f; uwsgi_temp_path %s/u; scgi_temp_path %s/s;\n"
				 "server { listen 127.0.0.1:%u; root %s; } }\n",
				 w->dir, w->dir, w->dir, w->dir, w->dir, w->dir, w->dir, port, w->dir);
	VL_STR path = vl_xprintf("%s/nginx.conf", w->dir);
	struct vl_err e = VL_ERR_INIT;
	pid_t pid;

	if (!vl_save_file(w->dirfd, "nginx.conf", 0644, vl_bytes_str(conf), &e))
		return -1;
	pid = fork();
	if (pid)
		return pid;
	setenv("PATH", "/usr/sbin:/usr/local/sbin:/usr/bin:/bin", 1);
	execlp("nginx", "nginx", "-e", "stderr", "-c", path, "-p", w->dir, (char *)NULL);
	_exit(127);
}

/* A port that was free a moment ago. */
static unsigned free_port(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof a;
	VL_FD fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (struct sockaddr *)&a, sizeof a) || getsockname(fd, (struct sockaddr *)&a, &len))
		return 0;
	return ntohs(a.sin_port);
}

static void pattern_file(struct world *w, const char *name, size_t len, char version)
{
	VL_CLEAN(vl_buf) b = VL_BUF_INIT(len + 65);
	struct vl_err e = VL_ERR_INIT;

	for (size_t i = 0; b.len < len; i++)
		(void)!vl_buf_addf(&b, &e, "%c:%062zu\n", version, i);
	(void)!vl_save_file(w->dirfd, name, 0644, vl_bytes(b.data, len), &e);
}

static void nginx_story(struct world *w, const char *url)
{
	struct fetch f;
	struct vl_net_conf conf = conf_fast();
	VL_STR etag = NULL;

	conf.retries = 9; /* it may not listen yet */
	conf.retry_base_ms = 30;
	part_begin(w, &f, url);
	tap_good(fetch_run(&f, &conf), &f.get.err, "nginx: the whole file");
	tap_ok(part_ok(w, 200000, '0'), "nginx: is right");
	etag = vl_xstrdup(f.get.got_etag);
	tap_ok(etag && *etag == '"', "nginx: has a strong ETag");
	vl_request_clear(&f.get);

	(void)!truncate(w->part, 70000);
	part_begin(w, &f, url);
	tap_good(fetch_run(&f, &conf), &f.get.err, "nginx: the rest of it");
	tap_ok(part_ok(w, 200000, '0'), "nginx: is glued right");
	tap_is(f.get.bytes_moved, 130001, "nginx: only the rest moved");
	vl_request_clear(&f.get);

	part_gone(w);
	part_begin(w, &f, url);
	f.get.etag = etag;
	tap_good(fetch_run(&f, &conf), &f.get.err, "nginx: nothing new");
	tap_ok(f.get.not_modified && f.get.bytes_moved == 0, "nginx: 304");
	vl_request_clear(&f.get);

	part_begin(w, &f, url);
	tap_good(fetch_run(&f, &conf), &f.get.err, "nginx: once more");
	vl_request_clear(&f.get);
	(void)!truncate(w->part, 70000);
	pattern_file(w, "served", 200000 + 65, '1');
	part_begin(w, &f, url);
	tap_good(fetch_run(&f, &conf), &f.get.err, "nginx: another version while we were away");
	tap_ok(part_ok(w, 200000 + 65, '1'), "nginx: begins anew");
	vl_request_clear(&f.get);
	part_gone(w);
}

static void test_nginx(struct world *w)
{
	unsigned port = free_port();
	VL_STR url = vl_xprintf("http://127.0.0.1:%u/served", port);
	pid_t pid;

	if (access("/usr/sbin/nginx", X_OK)) {
		tap_skip("nginx is not installed");
		return;
	}
	pattern_file(w, "served", 200000, '0');
	pid = nginx_start(w, port);
	nginx_story(w, url);
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
}

static void story(struct world *w)
{
	test_resume(w);
	test_resume_faults(w);
	test_killed(w);
	test_too_long(w);
	test_part_traps(w);
	test_validators(w);
	test_nginx(w);
}

int main(void)
{
	return world_tell(story);
}
