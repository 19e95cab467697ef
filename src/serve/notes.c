/* SPDX-License-Identifier: Apache-2.0 */
/* serve/notes.c: lines for the log, from any thread to the one that may emit events.
 * Keeps: a ring of fixed size, written in strokes: a wake-up for each line would cost more than the request. A log that
 *        cannot be written as fast as requests come costs lines, counted and told, and never a request's time. */
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "serve/core_priv.h"

#define RING 2048u
#define GATHER 10 /* ms: the first line wakes the writer, who waits for more */

struct note {
	enum vl_event_kind kind;
	uint64_t done;
	char item[VL_ADDRESS_MAX];
	char text[600];
};
struct vl_notes {
	pthread_mutex_t lock;
	int wake;
	uint64_t head, tail, lost; /* read at head, written at tail */
	struct note ring[RING];
};

int64_t vl_clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

bool vl_notes_new(struct vl_notes **out, struct vl_err *e)
{
	VL_AUTO(vl_notes) n = vl_xcalloc(1, sizeof *n);

	pthread_mutex_init(&n->lock, NULL);
	n->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (n->wake < 0)
		return vl_fail_os(e, "serve: make an event descriptor");
	*out = vl_steal(&n);
	return true;
}

void vl_notes_free(struct vl_notes *n)
{
	if (!n)
		return;
	if (n->wake >= 0)
		close(n->wake);
	pthread_mutex_destroy(&n->lock);
	free(n);
}

static struct note *push(struct vl_notes *n)
{
	if (n->tail - n->head >= RING) {
		n->lost++;
		return NULL;
	}
	return &n->ring[n->tail++ % RING];
}

void vl_notes_add(struct vl_notes *n, enum vl_event_kind kind, const char *item, uint64_t done, const char *fmt, ...)
{
	struct note *at;
	bool wake;
	va_list ap;

	pthread_mutex_lock(&n->lock);
	at = push(n);
	if (at) {
		at->kind = kind;
		at->done = done;
		snprintf(at->item, sizeof at->item, "%s", item ? item : "");
		va_start(ap, fmt);
		vsnprintf(at->text, sizeof at->text, fmt, ap);
		va_end(ap);
	}
	wake = at && n->tail - n->head == 1;
	pthread_mutex_unlock(&n->lock);
	if (wake)
		eventfd_write(n->wake, 1);
}

void vl_notes_wait(struct vl_notes *n, int ms)
{
	struct pollfd p = { .fd = n->wake, .events = POLLIN };
	eventfd_t unused;

	if (poll(&p, 1, ms) <= 0)
		return;
	poll(NULL, 0, GATHER);
	eventfd_read(n->wake, &unused);
}

static bool pop(struct vl_notes *n, struct note *out, uint64_t *lost)
{
	bool there;

	pthread_mutex_lock(&n->lock);
	there = n->head < n->tail;
	if (there)
		*out = n->ring[n->head++ % RING];
	*lost = there ? 0 : n->lost;
	if (!there)
		n->lost = 0;
	pthread_mutex_unlock(&n->lock);
	return there;
}

void vl_notes_emit(struct vl_notes *n, const struct vl_env *env)
{
	struct note note;
	uint64_t lost;

	while (pop(n, &note, &lost))
		vl_emit(env, &(struct vl_event){ .kind = note.kind, .phase = "serve", .text = note.text,
						 .item = note.item[0] ? note.item : NULL, .done = note.done });
	if (lost)
		vl_emit_warn(env, "%llu lines of the log are lost: they came faster than they could be written",
			     (unsigned long long)lost);
}
