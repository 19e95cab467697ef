/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/base_pool_test.c: order, bounded memory, the first failure, and that no result is lost. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/pool.h"
#include "tests/lib/tap.h"

#define NEVER SIZE_MAX

/* What a run did. `alive` counts results between the begin of work() and the end of take() or drop(). */
struct run {
	atomic_size_t alive, most_alive, worked, dropped, foreign_threads, open_signals;
	size_t taken, work_fails_at, take_fails_at, slow_at;
	bool in_order, slow_take;
	pthread_t caller;
};

/* drop() gets no context, so a result carries its run. */
struct result {
	struct run *run;
	size_t i;
};

static void nap(long ms)
{
	nanosleep(&(struct timespec){ .tv_nsec = ms * 1000000 }, NULL);
}

static bool work(void *ctx, size_t i, void **result, struct vl_err *e)
{
	struct run *r = ctx;
	struct result *made = vl_xcalloc(1, sizeof *made);
	size_t alive = atomic_fetch_add(&r->alive, 1) + 1, most = atomic_load(&r->most_alive);
	sigset_t blocked;

	while (alive > most && !atomic_compare_exchange_weak(&r->most_alive, &most, alive))
		;
	atomic_fetch_add(&r->worked, 1);
	if (!pthread_equal(pthread_self(), r->caller)) {
		atomic_fetch_add(&r->foreign_threads, 1);
		pthread_sigmask(SIG_SETMASK, NULL, &blocked);
		if (!sigismember(&blocked, SIGINT) || !sigismember(&blocked, SIGTERM))
			atomic_fetch_add(&r->open_signals, 1);
	}
	*made = (struct result){ r, i };
	*result = made;
	nap(i == r->slow_at ? 30 : (long)(i % 3));
	if (i >= r->work_fails_at)
		return vl_fail(e, VL_E_FORMAT, "item %zu", i);
	return true;
}

static bool take(void *ctx, size_t i, void *result, struct vl_err *e)
{
	struct run *r = ctx;
	struct result *got = result;

	if (i != r->taken++ || got->i != i || !pthread_equal(pthread_self(), r->caller))
		r->in_order = false;
	free(got);
	nap(r->slow_take ? 30 : 0);
	atomic_fetch_sub(&r->alive, 1);
	if (i >= r->take_fails_at)
		return vl_fail(e, VL_E_HASH, "take %zu", i);
	return true;
}

static void drop(void *result)
{
	struct result *got = result;

	atomic_fetch_add(&got->run->dropped, 1);
	atomic_fetch_sub(&got->run->alive, 1);
	free(got);
}

static const struct {
	const char *name;
	size_t count;
	unsigned threads;
	size_t work_fails_at, take_fails_at, slow_at, taken;
	enum vl_code code;
	const char *msg;
} cases[] = {
	{ "nothing to do", 0, 4, NEVER, NEVER, NEVER, 0, VL_OK, "" },
	{ "one item", 1, 4, NEVER, NEVER, NEVER, 1, VL_OK, "" },
	{ "alone", 20, 1, NEVER, NEVER, NEVER, 20, VL_OK, "" },
	{ "0 threads mean alone", 5, 0, NEVER, NEVER, NEVER, 5, VL_OK, "" },
	{ "two threads", 40, 2, NEVER, NEVER, NEVER, 40, VL_OK, "" },
	{ "eight threads", 100, 8, NEVER, NEVER, NEVER, 100, VL_OK, "" },
	{ "more threads than items", 3, 16, NEVER, NEVER, NEVER, 3, VL_OK, "" },
	{ "slow first item", 20, 4, NEVER, NEVER, 0, 20, VL_OK, "" },
	{ "alone, work fails", 20, 1, 7, NEVER, NEVER, 7, VL_E_FORMAT, "item 7" },
	{ "alone, take fails", 20, 1, NEVER, 7, NEVER, 8, VL_E_HASH, "take 7" },
	{ "work fails", 100, 4, 7, NEVER, NEVER, 7, VL_E_FORMAT, "item 7" },
	{ "later items fail earlier", 100, 4, 8, NEVER, 8, 8, VL_E_FORMAT, "item 8" },
	{ "first item fails late", 100, 8, 0, NEVER, 0, 0, VL_E_FORMAT, "item 0" },
	{ "last item fails", 10, 4, 9, NEVER, NEVER, 9, VL_E_FORMAT, "item 9" },
	{ "take fails", 100, 4, NEVER, 5, NEVER, 6, VL_E_HASH, "take 5" },
	{ "first take fails", 100, 8, NEVER, 0, NEVER, 1, VL_E_HASH, "take 0" },
	{ "take fails before work", 100, 4, 6, 5, 5, 6, VL_E_HASH, "take 5" },
};

static void check_case(size_t c)
{
	struct run r = { .work_fails_at = cases[c].work_fails_at, .take_fails_at = cases[c].take_fails_at,
			 .slow_at = cases[c].slow_at, .in_order = true, .caller = pthread_self() };
	struct vl_pool_job job = { .count = cases[c].count, .threads = cases[c].threads, .ctx = &r,
				   .work = work, .take = take, .drop = drop };
	struct vl_err e = VL_ERR_INIT;
	const char *name = cases[c].name;
	size_t width = job.threads > 1 ? job.threads : 1;

	if (cases[c].code == VL_OK) {
		tap_good(vl_pool_run(&job, &e), &e, "%s: succeeds", name);
	} else {
		tap_fails(vl_pool_run(&job, &e), &e, cases[c].code, "%s: fails", name);
		tap_str(e.msg, cases[c].msg, "%s: the lowest failure is reported", name);
	}
	tap_is(r.taken, cases[c].taken, "%s: items taken", name);
	tap_ok(r.in_order, "%s: taken in order by the caller", name);
	tap_ok(atomic_load(&r.most_alive) <= width, "%s: %zu results at a time, at most %zu", name,
	       atomic_load(&r.most_alive), width);
	tap_is(atomic_load(&r.worked), r.taken + atomic_load(&r.dropped), "%s: every other result is dropped", name);
	tap_is(atomic_load(&r.alive), 0, "%s: nothing stays behind", name);
	tap_is(atomic_load(&r.open_signals), 0, "%s: workers leave signals to the caller", name);
	tap_ok(job.threads > 1 || !atomic_load(&r.foreign_threads), "%s: no thread without need", name);
	tap_ok(job.threads <= 1 || job.count <= 1 || atomic_load(&r.foreign_threads) == atomic_load(&r.worked),
	       "%s: all work on workers", name);
}

/* Item 2 fails while item 0 is being taken: then item 3, for which there is room soon, must not start any more. */
static void check_stops(void)
{
	struct run r = { .work_fails_at = 2, .take_fails_at = NEVER, .slow_at = NEVER, .in_order = true,
			 .slow_take = true, .caller = pthread_self() };
	struct vl_pool_job job = { .count = 9, .threads = 3, .ctx = &r, .work = work, .take = take, .drop = drop };
	struct vl_err e = VL_ERR_INIT;

	tap_fails(vl_pool_run(&job, &e), &e, VL_E_FORMAT, "stop: fails");
	tap_is(atomic_load(&r.worked), 3, "stop: a failure starts nothing new");
	tap_is(r.taken, 2, "stop: what came before it is taken");
}

static bool empty_work(void *ctx, size_t i, void **result, struct vl_err *e)
{
	(void)ctx, (void)result, (void)e;
	return i != 5 || vl_fail(e, VL_E_IO, "five");
}

static bool empty_take(void *ctx, size_t i, void *result, struct vl_err *e)
{
	size_t *count = ctx;

	(void)i, (void)e;
	*count += result == NULL;
	return true;
}

int main(void)
{
	sigset_t before, after;
	struct vl_err e = VL_ERR_INIT;
	size_t nulls = 0;

	pthread_sigmask(SIG_SETMASK, NULL, &before);
	for (size_t i = 0; i < VL_LEN(cases); i++)
		check_case(i);
	check_stops();
	tap_fails(vl_pool_run(&(struct vl_pool_job){ .count = 9, .threads = 3, .ctx = &nulls, .work = empty_work,
						     .take = empty_take },
			      &e),
		  &e, VL_E_IO, "results may stay NULL, and then drop may be missing");
	tap_is(nulls, 5, "five NULL results were taken");
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	tap_is(sigismember(&after, SIGINT), sigismember(&before, SIGINT), "the caller's signal mask is as before");
	return tap_done();
}
