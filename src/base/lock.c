/* SPDX-License-Identifier: Apache-2.0 */
/* base/lock.c: one lock per file.
 * Keeps: the lock belongs to the open file description, so it ends with the process, however that ends, and another
 * part of the same process cannot lose it by closing its own descriptor (as classic fcntl locks are lost). */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>

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

/* Tries until the time is up. Signals are let in only while we sleep: one that came between two sleeps would set its
 * flag unseen, and the user would wait to the end. */
static bool try_until(int fd, unsigned wait, const sigset_t *let_in, struct vl_err *e)
{
	struct timespec step = { .tv_nsec = 1000000000L / STEPS_PER_SECOND };
	bool taken;

	for (uint64_t left = (uint64_t)wait * STEPS_PER_SECOND;; left--) {
		if (!try_lock(fd, &taken, e))
			return false;
		if (taken)
			return true;
		if (left == 0)
			break;
		if (ppoll(NULL, 0, &step, let_in) < 0)
			return vl_fail(e, VL_E_INTERRUPTED, "stopped while waiting for the lock");
	}
	if (wait)
		return vl_fail(e, VL_E_BUSY, "locked by another valise, even after %u s", wait);
	return vl_fail(e, VL_E_BUSY, "locked by another valise");
}

static bool lock_open(int fd, unsigned wait, struct vl_err *e)
{
	sigset_t all, before;
	bool good;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	good = try_until(fd, wait, &before, e);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return good;
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
