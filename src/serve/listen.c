/* SPDX-License-Identifier: Apache-2.0 */
/* serve/listen.c: the socket that is listened on.
 * In:    "127.0.0.1:5000", "[::]:443", "localhost:0"; or a socket that systemd made (sd_listen_fds(3): the variables
 *        LISTEN_PID and LISTEN_FDS, descriptors from 3 on).
 * Out:   a listening TCP socket that does not block, and its address in words. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"
#include "serve/core_priv.h"

#define BACKLOG 512
#define FIRST_PASSED 3

struct in6_addr vl_address_of(const struct sockaddr *sa)
{
	struct in6_addr out = { 0 };
	struct sockaddr_in in4;
	struct sockaddr_in6 in6;

	if (sa && sa->sa_family == AF_INET) {
		memcpy(&in4, sa, sizeof in4);
		out.s6_addr[10] = out.s6_addr[11] = 0xff;
		memcpy(out.s6_addr + 12, &in4.sin_addr, 4);
	} else if (sa && sa->sa_family == AF_INET6) {
		memcpy(&in6, sa, sizeof in6);
		out = in6.sin6_addr;
	}
	return out;
}

bool vl_address_is_loopback(const struct in6_addr *a)
{
	return IN6_IS_ADDR_LOOPBACK(a) || (IN6_IS_ADDR_V4MAPPED(a) && a->s6_addr[12] == 127);
}

/* ---- our own ---- */

/* "HOST:PORT" or "[HOST]:PORT"; an empty host is every address. */
static bool split(const char *address, char *host, size_t size, const char **port)
{
	const char *colon = strrchr(address, ':');
	size_t n = colon ? (size_t)(colon - address) : 0;

	if (!colon || !colon[1] || strspn(colon + 1, "0123456789") != strlen(colon + 1) || strlen(colon + 1) > 5 ||
	    n >= size)
		return false;
	*port = colon + 1;
	if (n >= 2 && address[0] == '[' && address[n - 1] == ']')
		address++, n -= 2;
	else if (memchr(address, ':', n))
		return false; /* an IPv6 address without brackets */
	memcpy(host, address, n);
	host[n] = '\0';
	return strtoul(*port, NULL, 10) <= 65535;
}

static bool bind_one(const struct addrinfo *a, int *out)
{
	VL_FD fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int on = 1, off = 0;

	if (fd < 0)
		return false;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (a->ai_family == AF_INET6) /* "[::]" is every address, IPv4 too */
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
	if (bind(fd, a->ai_addr, a->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0)
		return false;
	*out = vl_fd_steal(&fd);
	return true;
}

static bool cannot(const char *address, const char *why, struct vl_err *e)
{
	vl_fail(e, VL_E_LISTEN, "%s cannot be listened on: %s", address, why);
	return vl_found(e, NULL, address, NULL);
}

static bool bind_any(const char *address, const char *host, const char *port, int *fd, struct vl_err *e)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM,
				  .ai_flags = AI_PASSIVE | AI_NUMERICSERV };
	struct addrinfo *list = NULL;
	int bad = getaddrinfo(*host ? host : NULL, port, &hints, &list);
	bool done = false;

	if (bad)
		return cannot(address, gai_strerror(bad), e);
	for (const struct addrinfo *a = list; a && !done; a = a->ai_next)
		done = bind_one(a, fd);
	bad = errno;
	freeaddrinfo(list);
	if (done)
		return true;
	cannot(address, strerror(bad), e);
	if (bad == EADDRINUSE)
		return vl_hint(e, "Another program uses this port: choose another with --listen.");
	if (bad == EACCES)
		return vl_hint(e, "Ports below 1024 need root: use --user, or a socket of systemd.");
	return false;
}

static bool open_own(const char *address, int *fd, struct vl_err *e)
{
	const char *port;
	char host[256];

	if (split(address, host, sizeof host, &port))
		return bind_any(address, host, port, fd, e);
	vl_fail(e, VL_E_USAGE, "--listen %s is not HOST:PORT", address);
	return vl_hint(e, "As in 127.0.0.1:5000, 0.0.0.0:5000 or [::]:5000.");
}

/* ---- systemd's ---- */

static bool number_is(const char *name, uint64_t want)
{
	const char *text = getenv(name);
	char *end = NULL;

	return text && *text && strtoull(text, &end, 10) == want && !*end;
}

static bool passed(int *fd, struct vl_err *e)
{
	int listening = 0, type = 0;
	socklen_t a = sizeof listening, b = sizeof type;

	if (!number_is("LISTEN_PID", (uint64_t)getpid()))
		return true;
	if (!number_is("LISTEN_FDS", 1))
		return vl_fail(e, VL_E_LISTEN, "LISTEN_FDS is not 1: valise serve takes exactly one socket");
	if (getsockopt(FIRST_PASSED, SOL_SOCKET, SO_ACCEPTCONN, &listening, &a) < 0 || !listening ||
	    getsockopt(FIRST_PASSED, SOL_SOCKET, SO_TYPE, &type, &b) < 0 || type != SOCK_STREAM)
		return vl_fail(e, VL_E_LISTEN, "the socket that was passed (LISTEN_FDS) is not a listening one");
	if (fcntl(FIRST_PASSED, F_SETFD, FD_CLOEXEC) < 0 || fcntl(FIRST_PASSED, F_SETFL, O_NONBLOCK) < 0)
		return vl_fail_os(e, "the socket that was passed (LISTEN_FDS)");
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	*fd = FIRST_PASSED;
	return true;
}

/* ---- both ---- */

static bool describe(int fd, char text[static VL_ADDRESS_MAX], bool *loopback, struct vl_err *e)
{
	union {
		struct sockaddr any;
		struct sockaddr_in in4;
		struct sockaddr_in6 in6;
		struct sockaddr_storage all;
	} u = { 0 };
	socklen_t len = sizeof u;
	struct in6_addr a;
	char host[INET6_ADDRSTRLEN];

	if (getsockname(fd, &u.any, &len) < 0)
		return vl_fail_os(e, "the listening socket");
	a = vl_address_of(&u.any);
	*loopback = vl_address_is_loopback(&a);
	if (u.any.sa_family == AF_INET) {
		inet_ntop(AF_INET, &u.in4.sin_addr, host, sizeof host);
		snprintf(text, VL_ADDRESS_MAX, "%s:%u", host, ntohs(u.in4.sin_port));
	} else if (u.any.sa_family == AF_INET6) {
		inet_ntop(AF_INET6, &u.in6.sin6_addr, host, sizeof host);
		snprintf(text, VL_ADDRESS_MAX, "[%s]:%u", host, ntohs(u.in6.sin6_port));
	} else {
		return vl_fail(e, VL_E_LISTEN, "the socket that was passed (LISTEN_FDS) is not one of TCP");
	}
	return true;
}

bool vl_listen_open(const char *address, int *fd, char text[static VL_ADDRESS_MAX], bool *loopback, struct vl_err *e)
{
	VL_FD opened = -1;

	if (!passed(&opened, e) || (opened < 0 && !open_own(address, &opened, e)) ||
	    !describe(opened, text, loopback, e))
		return false;
	*fd = vl_fd_steal(&opened);
	return true;
}
