/* SPDX-License-Identifier: Apache-2.0 */
/* base/pool.c: workers fill a ring of `threads` slots, the caller empties it in order.
 * Keeps: item i lives in slot i % threads and starts only when i < taken + threads, so no slot serves two at a time.
 * Items start in order: when i has started, so have all before it, and the caller meets the lowest failure first. */
#include "base/pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "base/mem.h"

struct slot {
	void *result;
	bool done, good;
	struct vl_err err;
};

struct pool {
	const struct vl_pool_job *job;
	pthread_mutex_t lock;
	pthread_cond_t room, ready; /* for workers: an item may start; for the caller: an item is done */
	size_t next, taken;         /* the first item not started; items taken so far */
	bool stop;
	unsigned width; /* slots */
	struct slot *slots;
};

static void drop_result(const struct vl_pool_job *job, void *result)
{
	if (result && job->drop)
		job->drop(result);
}

static bool run_here(const struct vl_pool_job *job, struct vl_err *e)
{
	for (size_t i = 0; i < job->count; i++) {
		void *result = NULL;

		if (!job->work(job->ctx, i, &result, e)) {
			drop_result(job, result);
			return false;
		}
		if (!job->take(job->ctx, i, result, e))
			return false;
	}
	return true;
}

/* Waits for an item to start; false when there is none any more. Called with the lock held. */
static bool next_item(struct pool *p, size_t *i)
{
	while (!p->stop && p->next < p->job->count && p->next >= p->taken + p->width)
		pthread_cond_wait(&p->room, &p->lock);
	if (p->stop || p->next >= p->job->count)
		return false;
	*i = p->next++;
	return true;
}

static void *worker(void *arg)
{
	struct pool *p = arg;
	struct slot *slot;
	size_t i;

	pthread_mutex_lock(&p->lock);
	while (next_item(p, &i)) {
		slot = &p->slots[i % p->width];
		slot->result = NULL;
		pthread_mutex_unlock(&p->lock);
		slot->good = p->job->work(p->job->ctx, i, &slot->result, &slot->err);
		pthread_mutex_lock(&p->lock);
		slot->done = true;
		if (!slot->good)
			p->stop = true;
		pthread_cond_broadcast(&p->ready);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

/* Starts the workers with all signals blocked, so that the user's signals reach the caller's thread, whose system
 * calls they must interrupt. Returns how many there are: fewer than wanted are still useful. */
static unsigned start(struct pool *p, pthread_t *threads)
{
	sigset_t all, before;
	unsigned n = 0;

	sigfillset(&all);
	sigdelset(&all, SIGSEGV);
	sigdelset(&all, SIGBUS);
	sigdelset(&all, SIGFPE);
	sigdelset(&all, SIGILL);
	sigdelset(&all, SIGABRT);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (n < p->width && pthread_create(&threads[n], NULL, worker, p) == 0)
		n++;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return n;
}

/* Waits for item i and moves it out of its slot. */
static bool collect(struct pool *p, size_t i, void **result, struct vl_err *e)
{
	struct slot *slot = &p->slots[i % p->width];
	bool good;

	pthread_mutex_lock(&p->lock);
	while (!slot->done)
		pthread_cond_wait(&p->ready, &p->lock);
	*result = vl_steal(&slot->result);
	good = slot->good;
	if (!good)
		*e = slot->err;
	slot->done = false;
	pthread_mutex_unlock(&p->lock);
	return good;
}

static bool take_all(struct pool *p, struct vl_err *e)
{
	void *result;

	for (size_t i = 0; i < p->job->count; i++) {
		if (!collect(p, i, &result, e)) {
			drop_result(p->job, result);
			return false;
		}
		if (!p->job->take(p->job->ctx, i, result, e))
			return false;
		pthread_mutex_lock(&p->lock);
		p->taken = i + 1;
		pthread_cond_broadcast(&p->room);
		pthread_mutex_unlock(&p->lock);
	}
	return true;
}

static void finish(struct pool *p, pthread_t *threads, unsigned n)
{
	pthread_mutex_lock(&p->lock);
	p->stop = true;
	pthread_cond_broadcast(&p->room);
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	for (unsigned i = 0; i < p->width; i++)
		drop_result(p->job, p->slots[i].result);
	pthread_cond_destroy(&p->room);
	pthread_cond_destroy(&p->ready);
	pthread_mutex_destroy(&p->lock);
	free(p->slots);
	free(threads);
}

bool vl_pool_run(const struct vl_pool_job *job, struct vl_err *e)
{
	unsigned width = job->threads < job->count ? job->threads : (unsigned)job->count, n;
	struct pool p = { .job = job, .lock = PTHREAD_MUTEX_INITIALIZER, .room = PTHREAD_COND_INITIALIZER,
			  .ready = PTHREAD_COND_INITIALIZER, .width = width };
	pthread_t *threads;
	bool good;

	if (width <= 1)
		return run_here(job, e);
	p.slots = vl_xcalloc(width, sizeof *p.slots);
	threads = vl_xcalloc(width, sizeof *threads);
	n = start(&p, threads);
	good = n > 0 ? take_all(&p, e) : run_here(job, e);
	finish(&p, threads, n);
	return good;
}
