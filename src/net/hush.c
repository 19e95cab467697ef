/* SPDX-License-Identifier: Apache-2.0 */
/* net/hush.c: holds SIGPIPE back for a while, on this thread, and swallows the one that came meanwhile. What the
 * process does with signals otherwise is not ours to change. */
#include "net/net_priv.h"

#include <time.h>

void vl_hush_begin(struct vl_hush *h)
{
	sigset_t set, pending;

	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	/* One that was pending before is somebody else's: it is left alone. */
	h->held = !sigpending(&pending) && !sigismember(&pending, SIGPIPE) &&
		  !pthread_sigmask(SIG_BLOCK, &set, &h->before);
}

void vl_hush_clear(struct vl_hush *h)
{
	struct timespec now = { 0 };
	sigset_t set;

	if (!h->held)
		return;
	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	sigtimedwait(&set, NULL, &now);
	pthread_sigmask(SIG_SETMASK, &h->before, NULL);
	h->held = false;
}
