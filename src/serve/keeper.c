/* SPDX-License-Identifier: Apache-2.0 */
/* serve/keeper.c: which hall is shown, and since when another one is.
 * In:    where the store's `current` points, looked at once a second.
 * Out:   a hall for each request, held until its end; the new one for whoever comes after the switch.
 * Keeps: a hall that cannot be opened (the store is being changed, or is damaged) leaves the old one in place: what was
 *        good is still there, for gc removes a generation only after others have taken its place. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/text.h"
#include "serve/core_priv.h"

#define LOOK_EVERY 1000  /* ms */
#define RETRY_EVERY 5000 /* ms after a failure */
#define PROBLEMS_MAX 20u

struct vl_hall *vl_hall_take(struct vl_server *s)
{
	struct vl_hall *h;

	pthread_mutex_lock(&s->lock);
	h = s->hall;
	if (h)
		h->users++;
	pthread_mutex_unlock(&s->lock);
	return h;
}

void vl_hall_give(struct vl_server *s, struct vl_hall *h)
{
	(void)s;
	/* The one that is shown has a user more: the server. So this is zero only when nobody can take it any more. */
	if (h && --h->users == 0)
		vl_hall_free(h);
}

static void where(const struct vl_server *s, char *out, size_t size)
{
	VL_STR path = vl_xprintf("%s/current", s->store);
	ssize_t n = readlink(path, out, size - 1);

	out[n > 0 ? n : 0] = '\0';
}

/* `current` has moved on since h was opened: gc may already have taken what h alone had. */
bool vl_hall_is_past(const struct vl_server *s, const struct vl_hall *h)
{
	char now[sizeof s->current];
	const char *slash;

	where(s, now, sizeof now);
	slash = strrchr(now, '/');
	return slash && strtoull(slash + 1, NULL, 10) != h->hub->generation.number;
}

static void tell_problems(const struct vl_server *s, const struct vl_hub *hub)
{
	for (size_t i = 0; hub && i < hub->n_problem && i < PROBLEMS_MAX; i++)
		vl_emit_warn(s->env, "%s", hub->problem[i]);
	if (hub && hub->n_problem > PROBLEMS_MAX)
		vl_emit_warn(s->env, "and %zu more", hub->n_problem - PROBLEMS_MAX);
}

bool vl_hall_renew(struct vl_server *s, struct vl_err *e)
{
	struct vl_hall *h = NULL, *old;
	char now[sizeof s->current];

	where(s, now, sizeof now);
	if (access(s->store, F_OK) < 0 && errno == ENOENT)
		return true; /* nothing was ever unpacked; it may come */
	if (!vl_hall_open(&h, s->store, s->opts, e))
		return false;
	h->users = 1;
	pthread_mutex_lock(&s->lock);
	old = s->hall;
	s->hall = h;
	pthread_mutex_unlock(&s->lock);
	vl_hall_give(s, old);
	snprintf(s->current, sizeof s->current, "%s", now);
	tell_problems(s, h->hub);
	return true;
}

static void tell_switch(const struct vl_server *s)
{
	const struct vl_generation *g = s->hall && s->hall->hub ? &s->hall->hub->generation : NULL;

	for (size_t i = 0; g && i < g->n; i++)
		if (!s->opts->channel || !strcmp(s->opts->channel, g->channel[i].name))
			vl_emit_note(s->env, "now serving %s %" PRIu64, g->channel[i].name, g->channel[i].sequence);
}

void vl_hall_look(struct vl_server *s)
{
	char now[sizeof s->current];
	struct vl_err e = VL_ERR_INIT;
	int64_t ms = vl_clock_ms();
	bool again;

	where(s, now, sizeof now);
	again = !strcmp(now, s->failed);
	if (!strcmp(now, s->current) || ms - s->looked < (again && *now ? RETRY_EVERY : LOOK_EVERY))
		return;
	s->looked = ms;
	if (vl_hall_renew(s, &e)) {
		s->failed[0] = '\0';
		s->count.switches++;
		tell_switch(s);
		return;
	}
	snprintf(s->failed, sizeof s->failed, "%s", now);
	if (!again)
		vl_emit_warn(s->env, "the new content cannot be served yet, the old one stays: %s", e.msg);
}
