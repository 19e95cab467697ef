/* SPDX-License-Identifier: Apache-2.0 */
/* cli/password.c: a password from the terminal without echo, or one line from a descriptor. Never from the command
 * line: other users can see that. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/command.h"

#define PASSWORD_MAX 1024
#define NAP_MS 200

/* Waits until there is something to read. A signal that comes between looking at the flag and sleeping would be slept
 * over, so nobody sleeps for long. */
static bool wait_readable(int fd, struct vl_err *e)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	for (;;) {
		if (*vl_signals_flag())
			return vl_fail(e, VL_E_INTERRUPTED, "stopped by signal %d", (int)*vl_signals_flag());
		if (poll(&p, 1, NAP_MS) > 0)
			return true;
	}
}

/* One line, byte by byte: what stands behind it belongs to the next reader of this descriptor. */
static bool read_line(int fd, char *out, size_t size, struct vl_err *e)
{
	size_t n = 0;
	char c;

	for (;;) {
		ssize_t got;

		if (!wait_readable(fd, e))
			return false;
		got = read(fd, &c, 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return vl_fail_os(e, "reading the password");
		if (!got || c == '\n')
			break;
		if (n + 1 >= size)
			return vl_fail(e, VL_E_LIMIT, "the password is longer than %zu bytes", size - 1);
		out[n++] = c;
	}
	out[n] = '\0';
	if (!n)
		return vl_fail(e, VL_E_PASSWORD, "the password is empty");
	return true;
}

/* The terminal gets its echo back on every way out but the second signal's. */
static bool read_hidden(int tty, const char *prompt, char *out, size_t size, struct vl_err *e)
{
	struct termios was, quiet;
	bool good;

	if (tcgetattr(tty, &was))
		return vl_fail_os(e, "terminal");
	quiet = was;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	quiet.c_lflag |= (tcflag_t)ECHONL;
	if (tcsetattr(tty, TCSAFLUSH, &quiet))
		return vl_fail_os(e, "terminal");
	good = vl_write_all(tty, vl_bytes_str(prompt), e) && vl_write_all(tty, vl_bytes_str(": "), e) &&
	       read_line(tty, out, size, e);
	tcsetattr(tty, TCSAFLUSH, &was);
	return good;
}

static bool from_terminal(const char *prompt, char *out, size_t size, struct vl_err *e)
{
	VL_FD tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

	if (tty < 0) {
		vl_fail(e, VL_E_PASSWORD, "a password is needed, and there is no terminal to ask at");
		return vl_hint(e, "Use --password-fd N with a descriptor that gives the password.");
	}
	return read_hidden(tty, prompt, out, size, e);
}

/* The file is named: there may be several keys. */
bool vl_password_ask(void *ctx, const char *file, unsigned attempt, char *out, size_t size, struct vl_err *e)
{
	const struct vl_password *p = ctx;

	if (p->fd < 0) {
		VL_STR prompt = vl_xprintf("%s %s", attempt ? "Wrong. Once more, the password of" : "Password of",
					   file);

		return from_terminal(prompt, out, size, e);
	}
	if (attempt)
		return vl_fail(e, VL_E_PASSWORD, "the password from descriptor %d does not open the secret key %s",
			       p->fd, file);
	return read_line(p->fd, out, size, e) || vl_while(e, "%s", file);
}

static bool twice(char *out, size_t size, struct vl_err *e)
{
	char again[PASSWORD_MAX];
	bool good = from_terminal("Password for the new secret key", out, size, e) &&
		    from_terminal("The same once more", again, size < sizeof again ? size : sizeof again, e);

	if (good && strcmp(out, again))
		good = vl_fail(e, VL_E_PASSWORD, "the two passwords differ, nothing was written");
	explicit_bzero(again, sizeof again);
	return good;
}

bool vl_password_new(const struct vl_password *p, char *out, size_t size, struct vl_err *e)
{
	if (p->fd >= 0 ? read_line(p->fd, out, size, e) : twice(out, size, e))
		return true;
	if (e->code == VL_E_PASSWORD && !*e->hint)
		vl_hint(e, "Try again; for a key that is not encrypted use --no-password.");
	return false;
}

bool vl_password_init(struct vl_password *p, const struct vl_opt_count *fd, struct vl_err *e)
{
	p->fd = -1;
	if (!fd->set)
		return true;
	if (fd->n > INT_MAX || fcntl((int)fd->n, F_GETFD) < 0)
		return vl_fail(e, VL_E_USAGE, "--password-fd %llu is not an open descriptor",
			       (unsigned long long)fd->n);
	p->fd = (int)fd->n;
	return true;
}
