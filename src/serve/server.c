/* SPDX-License-Identifier: Apache-2.0 */
/* serve/server.c: a server from its start to its end.
 * In:    a store, options.
 * Out:   a port that is listened on, until the user wants to stop.
 * Keeps: keys and passwords are read and the port is bound first, then rights are given up, then the store is opened:
 *        what the clients' requests can reach was opened by the user who serves. */
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/text.h"
#include "serve/core_priv.h"

#define TICK 200        /* ms between two looks at the connections */
#define GRACE 10000     /* ms that running transfers get at the end */
#define THREADS_MAX 4u
#define MEMORY (32u << 10) /* of a connection, for heads and headers */
#define PEM_MAX (1u << 20)
#define FDS_EXTRA 128u

static uint64_t or_default(uint64_t value, uint64_t otherwise)
{
	return value ? value : otherwise;
}

static void settle(struct vl_server *s, const struct vl_serve_opts *o)
{
	s->connections = (unsigned)or_default(o->connections, 256);
	s->per_client = (unsigned)or_default(o->per_client, 32);
	s->idle = (int64_t)or_default(o->idle, 60) * 1000;
	s->deadline = (int64_t)or_default(o->request_deadline, 15) * 1000;
	s->least_speed = or_default(o->least_speed, 1024);
	s->recheck = (int64_t)or_default(o->recheck, 3600) * 1000;
	s->tls = o->tls_cert && o->tls_key;
}

static unsigned threads(void)
{
	cpu_set_t set;
	unsigned n = 1;

	if (!sched_getaffinity(0, sizeof set, &set))
		n = (unsigned)CPU_COUNT(&set);
	return n < 1 ? 1 : n > THREADS_MAX ? THREADS_MAX : n;
}

/* A socket and a blob for each connection. */
static bool raise_fds(const struct vl_server *s, struct vl_err *e)
{
	struct rlimit r;
	rlim_t want = (rlim_t)s->connections * 3 + FDS_EXTRA;

	if (getrlimit(RLIMIT_NOFILE, &r) < 0 || r.rlim_cur >= want)
		return true;
	r.rlim_cur = r.rlim_max == RLIM_INFINITY || r.rlim_max > want ? want : r.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &r) < 0 || r.rlim_cur < want)
		return vl_fail(e, VL_E_FDS, "%u connections need %ju open files, %ju are allowed", s->connections,
			       (uintmax_t)want, (uintmax_t)r.rlim_cur);
	return true;
}

/* ---- libmicrohttpd ---- */

static size_t unescape(void *ctx, struct MHD_Connection *mhd, char *text)
{
	(void)ctx, (void)mhd;
	return strlen(text);
}

static void on_log(void *server, const char *fmt, va_list ap) VL_PRINTF(2, 0);
static void on_log(void *server, const char *fmt, va_list ap)
{
	struct vl_server *s = server;
	char text[256];

	vsnprintf(text, sizeof text, fmt, ap);
	text[strcspn(text, "\n")] = '\0';
	if (s->mhd)
		vl_notes_add(s->notes, VL_EV_DEBUG, NULL, 0, "libmicrohttpd: %s", text);
	else
		snprintf(s->mhd_says, sizeof s->mhd_says, "%s", text);
}

static bool cannot_start(const struct vl_server *s, struct vl_err *e)
{
	VL_STR says = vl_safe_text(s->mhd_says, 200);

	if (!s->tls)
		return vl_fail(e, VL_E_INTERNAL, "the HTTP server does not start: %s", *says ? says : "no reason");
	vl_fail(e, VL_E_KEYFILE, "%s and %s cannot be used for TLS%s%s", s->opts->tls_cert, s->opts->tls_key,
		*says ? ": " : "", says);
	return vl_hint(e, "Do the certificate and the key belong together? A key with a password cannot be used.");
}

static bool start_http(struct vl_server *s, int fd, struct vl_buf *cert, struct vl_buf *key, struct vl_err *e)
{
	unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ERROR_LOG | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_TURBO;
	unsigned n = threads();
	/* Our own limits count; the library divides its one by its threads, so that is far away. */
	struct MHD_OptionItem more[] = { { MHD_OPTION_CONNECTION_LIMIT, (intptr_t)(s->connections + 64) * n, NULL },
					 { n > 1 ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END, n, NULL },
					 { s->tls ? MHD_OPTION_HTTPS_MEM_CERT : MHD_OPTION_END, 0, cert->data },
					 { MHD_OPTION_HTTPS_MEM_KEY, 0, key->data },
					 { MHD_OPTION_END, 0, NULL } };

	if (n == 1) /* the list ends at its first END */
		more[1] = (struct MHD_OptionItem){ MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL };
	s->mhd = MHD_start_daemon(flags | (s->tls ? MHD_USE_TLS : 0), 0, vl_conn_admit, s, vl_visit_step, s,
				  MHD_OPTION_EXTERNAL_LOGGER, on_log, s, MHD_OPTION_LISTEN_SOCKET, fd,
				  MHD_OPTION_STRICT_FOR_CLIENT, 1,
				  MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY,
				  MHD_OPTION_UNESCAPE_CALLBACK, unescape, s,
				  MHD_OPTION_URI_LOG_CALLBACK, vl_visit_target, s,
				  MHD_OPTION_NOTIFY_CONNECTION, vl_conn_notify, s,
				  MHD_OPTION_NOTIFY_COMPLETED, vl_visit_end, s,
				  MHD_OPTION_ARRAY, more, MHD_OPTION_END);
	return s->mhd || cannot_start(s, e);
}

/* ---- the start ---- */

static bool read_keys(struct vl_server *s, struct vl_buf *cert, struct vl_buf *key, struct vl_err *e)
{
	const struct vl_serve_opts *o = s->opts;

	if (!o->tls_cert != !o->tls_key) {
		vl_fail(e, VL_E_USAGE, "--tls-cert and --tls-key go together");
		return vl_hint(e, "Name both files.");
	}
	if (s->tls && MHD_is_feature_supported(MHD_FEATURE_TLS) != MHD_YES)
		return vl_fail(e, VL_E_POLICY, "the libmicrohttpd of this host was built without TLS");
	if (s->tls && (!vl_pem_read(o->tls_cert, false, cert, e) || !vl_pem_read(o->tls_key, true, key, e)))
		return false;
	return !o->htpasswd || vl_htpasswd_load(&s->htpasswd, o->htpasswd, e);
}

/* A slip in --channel would be an empty registry. In a store that holds nothing yet every name may be right. */
static bool check_channel(const struct vl_server *s, struct vl_err *e)
{
	const struct vl_generation *g = s->hall && s->hall->hub ? &s->hall->hub->generation : NULL;
	const char *channel = s->opts->channel;

	if (!channel || !g || !g->n || vl_generation_find(g, channel))
		return true;
	vl_fail(e, VL_E_ABSENT, "there is no channel %s in the store %s", channel, s->store);
	return vl_hint(e, "valise status shows the channels that are there.");
}

static void warn_of_open_doors(const struct vl_server *s, bool loopback)
{
	if (s->htpasswd && !s->tls && !loopback)
		vl_emit_warn(s->env, "names and passwords cross the network in the clear; see --tls-cert");
	if (!geteuid() && !loopback)
		vl_emit_warn(s->env, "this server runs as root; --user NAME makes it give that up once it listens");
}

static void tell_ready(const struct vl_server *s, const char *address, int64_t began)
{
	const struct vl_hub *hub = s->hall ? s->hall->hub : NULL;
	struct vl_serve_up up = { .address = address, .tls = s->tls, .ms = vl_clock_ms() - began,
				  .generation = hub ? &hub->generation : NULL, .names = hub ? hub->n_offer : 0 };

	if (s->opts->ready)
		s->opts->ready(s->opts->ctx, &up);
}

/* ---- the middle and the end ---- */

static bool wants_stop(const struct vl_server *s)
{
	return s->env->stop && *s->env->stop;
}

static void tick(struct vl_server *s, int64_t *last)
{
	int64_t now;

	vl_notes_wait(s->notes, TICK);
	vl_notes_emit(s->notes, s->env);
	now = vl_clock_ms();
	if (now - *last < TICK)
		return;
	*last = now;
	vl_conns_watch(s, now);
	vl_auth_release(s, now);
}

static void finish_transfers(struct vl_server *s)
{
	int64_t last = 0, until = vl_clock_ms() + GRACE;
	unsigned n = vl_conns_running(s);

	if (n)
		vl_emit_note(s->env, "stopping; %u running %s up to %d seconds; a second signal ends it at once", n,
			     n == 1 ? "transfer gets" : "transfers get", GRACE / 1000);
	do {
		vl_conns_cut_idle(s);
		tick(s, &last);
	} while (vl_conns_running(s) && vl_clock_ms() < until);
}

static unsigned suspended(struct vl_server *s)
{
	unsigned n;

	pthread_mutex_lock(&s->lock);
	n = s->n_suspended;
	pthread_mutex_unlock(&s->lock);
	return n;
}

static void stop(struct vl_server *s)
{
	int fd = -1;

	if (s->mhd) {
		fd = MHD_quiesce_daemon(s->mhd);
		finish_transfers(s);
	}
	s->stopping = true;
	vl_clerk_stop(&s->hasher);
	vl_clerk_stop(&s->doorman);
	/* The library must not stop while it has suspended connections. */
	while (suspended(s)) {
		vl_auth_release(s, vl_clock_ms());
		vl_notes_wait(s->notes, 10);
	}
	if (s->mhd)
		MHD_stop_daemon(s->mhd);
	s->mhd = NULL;
	if (fd >= 0)
		close(fd);
	vl_notes_emit(s->notes, s->env);
}

static bool run(struct vl_server *s, struct vl_buf *cert, struct vl_buf *key, struct vl_err *e)
{
	char address[VL_ADDRESS_MAX];
	int64_t last = 0, began = vl_clock_ms();
	bool loopback = true;
	VL_FD fd = -1;

	if (!raise_fds(s, e) || !read_keys(s, cert, key, e) ||
	    !vl_listen_open(s->opts->listen, &fd, address, &loopback, e) || !vl_rights_drop(s->opts->user, e) ||
	    !vl_hall_renew(s, e) || !check_channel(s, e) || !vl_clerk_start(&s->hasher, vl_blob_hash, e) ||
	    !vl_clerk_start(&s->doorman, vl_auth_work, e) || !start_http(s, fd, cert, key, e))
		return false;
	vl_fd_steal(&fd); /* closed at the end, after the library */
	warn_of_open_doors(s, loopback);
	tell_ready(s, address, began);
	while (!wants_stop(s)) {
		tick(s, &last);
		vl_hall_look(s);
	}
	return true;
}

bool vl_serve(const char *store, const struct vl_serve_opts *o, const struct vl_env *env, struct vl_err *e)
{
	VL_CLEAN(vl_buf) cert = VL_BUF_INIT(PEM_MAX);
	VL_CLEAN(vl_buf) key = VL_BUF_INIT(PEM_MAX);
	VL_AUTO(vl_notes) notes = NULL;
	struct vl_server s = { .opts = o, .env = env, .store = store };
	bool good;

	if (!vl_notes_new(&notes, e))
		return false;
	settle(&s, o);
	pthread_mutex_init(&s.lock, NULL);
	s.notes = notes;
	s.known = vl_known_new(s.recheck);
	vl_random(s.login_key, sizeof s.login_key);
	good = run(&s, &cert, &key, e);
	stop(&s);
	vl_hall_give(&s, s.hall);
	vl_known_free(s.known);
	vl_htpasswd_free(s.htpasswd);
	if (key.data)
		explicit_bzero(key.data, key.len);
	explicit_bzero(s.login_key, sizeof s.login_key);
	pthread_mutex_destroy(&s.lock);
	return good;
}
