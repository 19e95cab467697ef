/* SPDX-License-Identifier: Apache-2.0 */
/* cli/signals.c: the wish to stop becomes a flag that long loops ask for; the second one ends the process at once.
 * The flag is the only variable of the program that changes at file scope: a signal handler has nowhere else to
 * write. */
#include <signal.h>

#include "cli/command.h"

static volatile sig_atomic_t stop;

/* The default action is restored, so the next signal of this kind kills: the store is made for that. */
static void on_signal(int sig)
{
	struct sigaction dfl = { .sa_handler = SIG_DFL };

	stop = sig;
	sigaction(sig, &dfl, NULL);
}

void vl_signals_install(void)
{
	static const int stops[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction act = { .sa_handler = on_signal }, ignore = { .sa_handler = SIG_IGN }, old;

	sigemptyset(&act.sa_mask);
	for (size_t i = 0; i < VL_LEN(stops); i++) {
		/* nohup and the like: what the parent ignores stays ignored. */
		if (!sigaction(stops[i], NULL, &old) && old.sa_handler == SIG_IGN)
			continue;
		sigaction(stops[i], &act, NULL);
	}
	/* A reader that went away is an error of write(), reported as such. */
	sigaction(SIGPIPE, &ignore, NULL);
}

const volatile sig_atomic_t *vl_signals_flag(void)
{
	return &stop;
}
