/* SPDX-License-Identifier: Apache-2.0 */
/* base/lock.c: one lock per file.
 * Keeps: the lock belongs to the open file description, so it ends with the process, however that ends, and another
 * part of the same process cannot lose it by closing its own descriptor (as classic fcntl locks are lost). */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"

#define STEPS_PER_SECOND 10

static bool try_lock(int fd, bool *taken, struct vl_err *e)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	do
		*taken = fcntl(fd, F_OFD_SETLK, &l) == 0;
	while (!*taken && errno == EINTR);
	if (!*taken && errno != EAGAIN && errno != EACCES)
		return vl_fail_os(e, "lock");
	return true;
}

static bool wait_a_step(struct vl_err *e)
{
	struct timespec step = { .tv_nsec = 1000000000L / STEPS_PER_SECOND };

	if (nanosleep(&step, NULL) < 0)
		return vl_fail(e, VL_E_INTERRUPTED, "stopped while waiting for the lock");
	return true;
}

static bool lock_open(int fd, unsigned wait, struct vl_err *e)
{
	bool taken;

	for (uint64_t left = (uint64_t)wait * STEPS_PER_SECOND;; left--) {
		if (!try_lock(fd, &taken, e))
			return false;
		if (taken)
			return true;
		if (left == 0)
			break;
		if (!wait_a_step(e))
			return false;
	}
	if (wait)
		return vl_fail(e, VL_E_BUSY, "locked by another valise, even after %u s", wait);
	return vl_fail(e, VL_E_BUSY, "locked by another valise");
}

bool vl_lock_take(int dir, const char *name, unsigned wait, int *fd, struct vl_err *e)
{
	VL_FD opened = openat(dir, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0644);

	if (opened < 0)
		return vl_fail_name(e, "open the lock file", name);
	if (!lock_open(opened, wait, e)) {
		VL_STR shown = vl_safe_text(name, 300);

		return vl_while(e, "%s", shown);
	}
	*fd = vl_fd_steal(&opened);
	return true;
}
