/* SPDX-License-Identifier: Apache-2.0 */
/* net/helper.c: asks a docker credential helper: docker-credential-NAME get, the server's name on its standard input,
 * JSON on its standard output. No shell, a bounded answer, a bounded time; its standard error is not shown, as it may
 * repeat what it was asked for. */
#include "net/net_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"

#define HELPER_MS 30000
#define ANSWER_MAX (64u << 10)

struct child {
	pid_t pid;
	int in, out;
};

/* Whatever way we leave: no zombie, no open end. */
static void child_end(struct child *c)
{
	vl_fd_closep(&c->in);
	vl_fd_closep(&c->out);
	c->in = c->out = -1;
	if (c->pid > 0) {
		kill(c->pid, SIGKILL);
		while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	c->pid = -1;
}

static void child_exec(const char *program, int in, int out)
{
	char get[] = "get";
	VL_STR name = vl_xstrdup(program);
	char *argv[] = { name, get, NULL };
	const struct sigaction usual = { .sa_handler = SIG_DFL };
	sigset_t none;
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 || null < 0 || dup2(null, STDERR_FILENO) < 0)
		_exit(127);
	sigaction(SIGPIPE, &usual, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execvp(program, argv);
	_exit(127);
}

static bool child_start(struct child *c, const char *program, struct vl_err *e)
{
	int to[2], from[2];

	if (pipe2(to, O_CLOEXEC))
		return vl_fail_os(e, "start %s", program);
	if (pipe2(from, O_CLOEXEC)) {
		close(to[0]);
		close(to[1]);
		return vl_fail_os(e, "start %s", program);
	}
	c->pid = fork();
	if (c->pid == 0)
		child_exec(program, to[0], from[1]);
	close(to[0]);
	close(from[1]);
	c->in = to[1];
	c->out = from[0];
	return c->pid > 0 || vl_fail_os(e, "start %s", program);
}

static bool read_answer(const struct child *c, struct vl_buf *answer, struct vl_err *e)
{
	int64_t end = vl_net_clock() + HELPER_MS, left;
	struct pollfd p = { .fd = c->out, .events = POLLIN };
	char part[4096];
	ssize_t n;

	for (;;) {
		left = end - vl_net_clock();
		if (left <= 0)
			return vl_fail(e, VL_E_TIMEOUT, "no answer within %d s", HELPER_MS / 1000);
		if (poll(&p, 1, (int)left) <= 0)
			continue;
		n = read(c->out, part, sizeof part);
		if (n < 0 && errno != EINTR)
			return vl_fail_os(e, "read the answer");
		if (n == 0)
			return true;
		if (n > 0 && !vl_buf_add(answer, vl_bytes(part, (size_t)n), e))
			return false;
		explicit_bzero(part, sizeof part);
	}
}

static bool child_succeeded(struct child *c)
{
	int status = -1;

	while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
		;
	c->pid = -1;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool read_json(struct vl_bytes text, struct vl_cred *out, struct vl_err *e)
{
	VL_AUTO(vl_json) json = NULL;
	const char *user, *secret;

	if (!vl_json_parse(&json, text, VL_JSON_OCI, "its answer", VL_E_CONFIG, e))
		return false;
	user = vl_jval_str(vl_jval_get(vl_json_root(json), "Username"));
	secret = vl_jval_str(vl_jval_get(vl_json_root(json), "Secret"));
	if (!user || !secret)
		return vl_fail(e, VL_E_CONFIG, "its answer holds no Username and Secret");
	/* By convention this name marks a refresh token. */
	if (!strcmp(user, "<token>")) {
		out->identity = vl_xstrdup(secret);
		return true;
	}
	out->user = vl_xstrdup(user);
	out->secret = vl_xstrdup(secret);
	return true;
}

/* The question is shorter than a pipe holds, so writing never waits. */
static void send_question(struct child *c, const char *server)
{
	VL_CLEAN(vl_hush) hush = { .held = false };
	struct vl_err ignored = VL_ERR_INIT;

	vl_hush_begin(&hush);
	(void)!vl_write_all(c->in, vl_bytes_str(server), &ignored);
	vl_fd_closep(&c->in);
	c->in = -1;
}

bool vl_helper_ask(const char *name, const char *server, struct vl_cred *out, struct vl_err *e)
{
	__attribute__((cleanup(child_end))) struct child c = { .pid = -1, .in = -1, .out = -1 };
	VL_STR program = vl_xprintf("docker-credential-%s", name);
	VL_CLEAN(vl_buf) answer = VL_BUF_INIT(ANSWER_MAX);
	bool good;

	if (strspn(program, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") != strlen(program) ||
	    strlen(program) > 128)
		return vl_fail(e, VL_E_CONFIG,
			       "a credential helper's name in docker's config.json is not a plain name");
	if (!child_start(&c, program, e))
		return false;
	send_question(&c, server);
	if (!read_answer(&c, &answer, e))
		return vl_while(e, "%s", program);
	if (!child_succeeded(&c))
		return vl_fail(e, VL_E_CONFIG, "%s has no credentials for %s", program, server);
	good = read_json(vl_buf_bytes(&answer), out, e) || vl_while(e, "%s", program);
	if (answer.data)
		explicit_bzero(answer.data, answer.len);
	return good;
}
