/* SPDX-License-Identifier: Apache-2.0 */
/* serve/clerk.c: a thread that works on suspended requests, one after the other.
 * In:    connections whose request waits for something slow: the hash of a blob, the hash of a password.
 * Out:   the same connections, resumed, with the answer in their request.
 * Keeps: who is in the queue is suspended, so libmicrohttpd does not touch it, and nobody frees it. */
#include <errno.h>

#include "serve/core_priv.h"

static struct vl_conn *take(struct vl_clerk *k)
{
	struct vl_conn *c;

	pthread_mutex_lock(&k->lock);
	while (!k->first && !k->end)
		pthread_cond_wait(&k->wake, &k->lock);
	c = k->first;
	if (c) {
		k->first = c->job;
		k->n--;
	}
	if (!k->first)
		k->last = NULL;
	pthread_mutex_unlock(&k->lock);
	return c;
}

static void *run(void *arg)
{
	struct vl_clerk *k = arg;
	struct vl_conn *c;

	while ((c = take(k)))
		k->work(c);
	return NULL;
}

bool vl_clerk_start(struct vl_clerk *k, void (*work)(struct vl_conn *c), struct vl_err *e)
{
	k->work = work;
	pthread_mutex_init(&k->lock, NULL);
	pthread_cond_init(&k->wake, NULL);
	errno = pthread_create(&k->thread, NULL, run, k);
	if (errno)
		return vl_fail_os(e, "serve: start a thread");
	k->started = true;
	return true;
}

void vl_clerk_stop(struct vl_clerk *k)
{
	if (!k->started)
		return;
	pthread_mutex_lock(&k->lock);
	k->end = true;
	pthread_cond_signal(&k->wake);
	pthread_mutex_unlock(&k->lock);
	pthread_join(k->thread, NULL);
	k->started = false;
}

static void suspend(struct vl_conn *c)
{
	struct vl_server *s = c->server;

	pthread_mutex_lock(&s->lock);
	c->req.suspended = true;
	s->n_suspended++;
	pthread_mutex_unlock(&s->lock);
	MHD_suspend_connection(c->mhd);
}

void vl_conn_resume(struct vl_conn *c)
{
	struct vl_server *s = c->server;
	struct MHD_Connection *mhd = c->mhd;

	pthread_mutex_lock(&s->lock);
	c->req.suspended = c->req.knocking = false;
	c->req.due = 0;
	c->moved = c->window = vl_clock_ms();
	pthread_mutex_unlock(&s->lock);
	MHD_resume_connection(mhd);
	pthread_mutex_lock(&s->lock);
	s->n_suspended--;
	pthread_mutex_unlock(&s->lock);
}

bool vl_clerk_give(struct vl_clerk *k, struct vl_conn *c, unsigned most)
{
	bool room;

	pthread_mutex_lock(&k->lock);
	room = k->n < most && !k->end;
	if (room) {
		suspend(c); /* before the clerk can see it */
		c->job = NULL;
		if (k->last)
			k->last->job = c;
		else
			k->first = c;
		k->last = c;
		k->n++;
		pthread_cond_signal(&k->wake);
	}
	pthread_mutex_unlock(&k->lock);
	return room;
}
