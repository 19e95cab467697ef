/* SPDX-License-Identifier: Apache-2.0 */
/* serve/conn.c: who is connected, for how long, how fast; and who has to go.
 * In:    libmicrohttpd's word of connections that come and go; what the kernel knows about each (TCP_INFO).
 * Out:   connections that are refused, or shut down: libmicrohttpd sees the end of the stream and cleans up.
 * Keeps: libmicrohttpd's time-outs restart with every byte, so one byte a minute would hold a place for ever. Here a
 *        request's head has a deadline that does not move, and a transfer a least speed. When all places are taken,
 *        whoever does nothing makes room for whoever comes: a flood of silent connections does not shut others out.
 *        A descriptor is touched only under the lock and while its connection is in the list: it leaves the list before
 *        libmicrohttpd closes it. */
#include <arpa/inet.h>
#include <linux/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "serve/core_priv.h"

#define COMPLAIN_EVERY 60000 /* ms between two complaints that all places are taken */

/* ---- addresses ---- */

static void name_of(const struct in6_addr *a, char out[static VL_ADDRESS_MAX])
{
	char text[INET6_ADDRSTRLEN] = "-";

	if (IN6_IS_ADDR_V4MAPPED(a))
		inet_ntop(AF_INET, a->s6_addr + 12, text, sizeof text);
	else
		inet_ntop(AF_INET6, a, text, sizeof text);
	snprintf(out, VL_ADDRESS_MAX, "%s", text);
}

/* ---- what the kernel knows ---- */

struct flow {
	uint64_t received, acked;
	bool pending; /* bytes wait for the client to take them */
};

static struct flow flow_of(int fd)
{
	struct tcp_info info = { 0 };
	struct flow out = { 0 };
	socklen_t len = sizeof info;

	if (!getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len)) {
		out.received = info.tcpi_bytes_received;
		out.acked = info.tcpi_bytes_acked;
		out.pending = info.tcpi_unacked || info.tcpi_notsent_bytes;
	}
	return out;
}

uint64_t vl_conn_acked(const struct vl_conn *c)
{
	return flow_of(c->fd).acked;
}

/* ---- coming and going ---- */

static void cut(struct vl_conn *c, const char *why)
{
	struct linger now = { .l_onoff = 1, .l_linger = 0 };
	struct vl_server *s = c->server;

	/* In a transfer, what the kernel still holds is dropped: else a slow client would keep megabytes of it for
	 * hours, and bytes that are not to be sent any more would be sent after all. */
	if (c->phase == VL_PHASE_RUNNING)
		setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
	shutdown(c->fd, SHUT_RDWR);
	c->cut = true;
	s->n_conns--;
	if (why)
		vl_notes_add(s->notes, VL_EV_DEBUG, NULL, 0, "%s: connection closed: %s", c->name, why);
}

static int64_t stalled(const struct vl_server *s)
{
	return s->idle / 6;
}

/* Who has done nothing for the longest time: without a request, with a transfer that does not move, or waiting for a
 * clerk, which no place should be held with either. */
static struct vl_conn *idlest(const struct vl_server *s, int64_t now)
{
	struct vl_conn *worst = NULL;
	int64_t longest = -1;

	for (struct vl_conn *c = s->conns; c; c = c->next) {
		bool running = c->phase == VL_PHASE_RUNNING;
		int64_t still = now - (running ? c->moved : c->since);

		if (c->cut || (running && still < stalled(s)) || still <= longest)
			continue;
		worst = c;
		longest = still;
	}
	return worst;
}

static unsigned from_address(const struct vl_server *s, const struct in6_addr *a)
{
	unsigned n = 0;

	for (const struct vl_conn *c = s->conns; c; c = c->next)
		n += !c->cut && IN6_ARE_ADDR_EQUAL(&c->address, a);
	return n;
}

/* Nobody is idle: then whoever holds the most places gives one to an address that holds fewer. Of its connections the
 * one that came last goes. A few addresses of one attacker would otherwise keep all others out by reading slowly. */
static struct vl_conn *greediest(const struct vl_server *s, unsigned mine)
{
	struct vl_conn *worst = NULL;

	for (struct vl_conn *c = s->conns; c; c = c->next)
		if (!c->cut && !c->loopback && (!worst || c->place > worst->place))
			worst = c;
	return worst && from_address(s, &worst->address) > mine + 1 ? worst : NULL;
}

static void complain(struct vl_server *s, int64_t now)
{
	if (s->full && now - s->full < COMPLAIN_EVERY)
		return;
	s->full = now;
	vl_notes_add(s->notes, VL_EV_WARN, NULL, 0,
		     "all %u connections are in use: the longest idle ones are closed for new ones; see --connections",
		     s->connections);
}

static bool has_room(struct vl_server *s, const struct in6_addr *a)
{
	int64_t now = vl_clock_ms();
	unsigned mine = from_address(s, a);
	struct vl_conn *victim;

	/* Behind a proxy or in a test all clients have the loopback address. */
	if (!vl_address_is_loopback(a) && mine >= s->per_client)
		return false;
	if (s->n_conns < s->connections)
		return true;
	complain(s, now);
	victim = idlest(s, now);
	if (!victim)
		victim = greediest(s, mine);
	if (victim)
		cut(victim, "its place was needed");
	return victim != NULL;
}

enum MHD_Result vl_conn_admit(void *server, const struct sockaddr *addr, socklen_t len)
{
	struct vl_server *s = server;
	struct in6_addr a = vl_address_of(addr);
	bool room;

	(void)len;
	pthread_mutex_lock(&s->lock);
	room = has_room(s, &a);
	pthread_mutex_unlock(&s->lock);
	if (!room)
		s->count.refused++;
	return room ? MHD_YES : MHD_NO;
}

struct vl_conn *vl_conn_of(struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *i = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return i ? i->socket_context : NULL;
}

static struct vl_conn *conn_new(struct vl_server *s, struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
	const union MHD_ConnectionInfo *addr = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	struct vl_conn *c = vl_xcalloc(1, sizeof *c);

	c->server = s;
	c->mhd = mhd;
	c->fd = fd->connect_fd;
	c->req.fd = c->req.sent_fd = -1;
	c->address = vl_address_of(addr ? addr->client_addr : NULL);
	c->loopback = vl_address_is_loopback(&c->address);
	name_of(&c->address, c->name);
	c->since = c->moved = c->window = vl_clock_ms();
	return c;
}

static void link_in(struct vl_server *s, struct vl_conn *c)
{
	c->place = from_address(s, &c->address) + 1;
	c->next = s->conns;
	if (c->next)
		c->next->prev = c;
	s->conns = c;
	s->n_conns++;
}

static void link_out(struct vl_server *s, struct vl_conn *c)
{
	if (c->prev)
		c->prev->next = c->next;
	else
		s->conns = c->next;
	if (c->next)
		c->next->prev = c->prev;
	if (!c->cut)
		s->n_conns--;
}

void vl_conn_notify(void *server, struct MHD_Connection *mhd, void **ctx, enum MHD_ConnectionNotificationCode code)
{
	struct vl_server *s = server;
	struct vl_conn *c = *ctx;

	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		*ctx = c = conn_new(s, mhd);
	if (!c)
		return;
	pthread_mutex_lock(&s->lock);
	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		link_in(s, c);
	else
		link_out(s, c);
	pthread_mutex_unlock(&s->lock);
	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		*ctx = NULL;
		free(c);
	}
}

void vl_conn_enter(struct vl_conn *c, enum vl_phase phase)
{
	struct flow f = { 0 };

	/* A running request is asked for at the watch's next look; many are over before that. */
	if (phase != VL_PHASE_RUNNING)
		f = flow_of(c->fd);
	pthread_mutex_lock(&c->server->lock);
	c->phase = phase;
	c->since = c->moved = c->window = vl_clock_ms();
	c->head = 0;
	if (phase != VL_PHASE_RUNNING) {
		c->received = f.received;
		c->acked = c->window_acked = f.acked;
	}
	pthread_mutex_unlock(&c->server->lock);
}

/* ---- the watch ---- */

/* Before a request: the deadline counts from the connect, or from the first byte of a later head. */
static void watch_head(struct vl_conn *c, const struct flow *f, int64_t now)
{
	const struct vl_server *s = c->server;

	if (c->phase == VL_PHASE_IDLE && f->received > c->received && !c->head)
		c->head = now;
	if (c->phase == VL_PHASE_NEW && now - c->since > s->deadline)
		cut(c, "no whole request within the time allowed");
	else if (c->head && now - c->head > s->deadline)
		cut(c, "the next request did not become whole within the time allowed");
	else if (c->phase == VL_PHASE_IDLE && !c->head && now - c->since > s->idle)
		cut(c, NULL);
}

/* A window without the least speed is the client's fault only while bytes wait for it. */
static void watch_speed(struct vl_conn *c, const struct flow *f, int64_t now)
{
	const struct vl_server *s = c->server;

	if (f->acked != c->acked || !f->pending) {
		c->acked = f->acked;
		c->moved = now;
	}
	if (!f->pending) {
		c->window = now;
		c->window_acked = f->acked;
	}
	if (now - c->moved > s->idle) {
		cut(c, "the client takes nothing");
	} else if (now - c->window > s->idle) {
		uint64_t took = f->acked - c->window_acked, seconds = (uint64_t)(s->idle / 1000);

		c->window = now;
		c->window_acked = f->acked;
		if (took / (seconds ? seconds : 1) < s->least_speed)
			cut(c, "the client is too slow; see --least-speed");
	}
}

/* The file that the kernel sends from is not the one that was hashed any more. */
static void watch_file(struct vl_conn *c)
{
	struct vl_visit *r = &c->req;

	if (r->sent_fd < 0 || vl_ident_holds(r->sent_fd, &r->ident))
		return;
	r->sendfile = false;
	vl_notes_add(c->server->notes, VL_EV_WARN, NULL, 0,
		     "%s: a blob changed on the disk while it was sent: the connection is closed, and the blob is "
		     "hashed again before anybody gets it",
		     c->name);
	cut(c, NULL);
}

static void watch(struct vl_conn *c, int64_t now)
{
	struct flow f;

	if (c->cut || c->req.suspended)
		return;
	f = flow_of(c->fd);
	if (c->phase == VL_PHASE_RUNNING) {
		watch_speed(c, &f, now);
		if (!c->cut && c->req.sendfile)
			watch_file(c);
	} else {
		watch_head(c, &f, now);
	}
}

void vl_conns_watch(struct vl_server *s, int64_t now)
{
	pthread_mutex_lock(&s->lock);
	for (struct vl_conn *c = s->conns; c; c = c->next)
		watch(c, now);
	pthread_mutex_unlock(&s->lock);
}

void vl_conns_cut_idle(struct vl_server *s)
{
	pthread_mutex_lock(&s->lock);
	for (struct vl_conn *c = s->conns; c; c = c->next)
		if (!c->cut && c->phase != VL_PHASE_RUNNING)
			cut(c, NULL);
	pthread_mutex_unlock(&s->lock);
}

unsigned vl_conns_running(struct vl_server *s)
{
	unsigned n = 0;

	pthread_mutex_lock(&s->lock);
	for (const struct vl_conn *c = s->conns; c; c = c->next)
		n += !c->cut && c->phase == VL_PHASE_RUNNING;
	pthread_mutex_unlock(&s->lock);
	return n;
}
