/* SPDX-License-Identifier: Apache-2.0 */
/* base/pool.h: the one worker pool.
 * work(i) runs on worker threads for i = 0 .. count - 1; take(i) runs on the calling thread, in order. At most
 * `threads` results exist at a time, so memory is bounded. With threads = 1 everything runs on the calling thread.
 * The first failure (lowest i) stops the rest and is returned. */
#ifndef VL_BASE_POOL_H
#define VL_BASE_POOL_H

#include <stddef.h>

#include "base/err.h"

struct vl_pool_job {
	size_t count;
	unsigned threads;
	void *ctx;
	/* On a worker: must not touch what take() writes without its own lock; must not emit events. *result may stay
	 * NULL. When it fails, *result is dropped. */
	bool (*work)(void *ctx, size_t i, void **result, struct vl_err *e);
	/* On the caller, in order; owns result. */
	bool (*take)(void *ctx, size_t i, void *result, struct vl_err *e);
	/* Frees a result that take() will not see. */
	void (*drop)(void *result);
};
VL_MUST bool vl_pool_run(const struct vl_pool_job *job, struct vl_err *e);

#endif
