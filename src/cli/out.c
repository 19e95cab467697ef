/* SPDX-License-Identifier: Apache-2.0 */
/* cli/out.c: events become a progress line (terminal), plain lines (anything else), or JSON lines (--json, on stdout).
 * Keeps: one place decides what is foreign text: every text of an event is made safe here before it is shown. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/command.h"

#define DRAW_EVERY 0.1   /* seconds between two drawings of the progress line */
#define PLAIN_EVERY 10.0 /* ... between two plain lines */
#define JSON_EVERY 1.0   /* ... between two JSON progress objects */
#define RATE_EVERY 0.5   /* ... between two samples of the rate */

static double monotonic(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static unsigned columns(void)
{
	struct winsize w = { 0 };

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &w) || w.ws_col < 20)
		return 80;
	return w.ws_col;
}

void vl_out_init(struct vl_out *o, const struct vl_globals *g)
{
	const char *term = getenv("TERM"), *no_colour = getenv("NO_COLOR");
	bool able = isatty(STDERR_FILENO) && term && *term && strcmp(term, "dumb");

	*o = (struct vl_out){ .json = g->json, .quiet = g->quiet, .verbose = g->verbose,
				.no_progress = g->no_progress };
	o->tty = able && !g->no_progress && !g->quiet && !g->json;
	o->colour = able && !(no_colour && *no_colour);
}

void vl_out_clear_line(struct vl_out *o)
{
	if (!o->drawn)
		return;
	fputs("\r\033[K", stderr);
	o->drawn = false;
}

static void draw(struct vl_out *o, const struct vl_event *ev)
{
	char text[512];
	VL_STR item = vl_safe_text(ev->item ? ev->item : "", 60);
	struct vl_bar bar = { ev->phase, item, ev->done, ev->total ? ev->total : o->total, o->rate };

	vl_bar_format(&bar, columns(), text, sizeof text);
	fprintf(stderr, "\r%s\033[K", text);
	fflush(stderr);
	o->drawn = true;
}

static void plain(struct vl_out *o, const struct vl_event *ev)
{
	char text[512];
	struct vl_bar bar = { ev->phase, NULL, ev->done, ev->total ? ev->total : o->total, o->rate };

	/* Too narrow for a bar, wide enough for the numbers. */
	vl_bar_format(&bar, 60, text, sizeof text);
	fprintf(stderr, "%s\n", text);
}

/* A moving average: half of the new sample, half of what was. */
static void sample_rate(struct vl_out *o, uint64_t done, double now)
{
	double span = now - o->rate_at;

	if (span < RATE_EVERY || done < o->rate_done)
		return;
	o->rate = o->rate > 0 ? (o->rate + (double)(done - o->rate_done) / span) / 2
			      : (double)(done - o->rate_done) / span;
	o->rate_at = now;
	o->rate_done = done;
}

static void begin_phase(struct vl_out *o, const struct vl_event *ev)
{
	o->began = o->rate_at = monotonic();
	o->drawn_at = o->tty ? 0 : o->began; /* a bar at once, lines and objects after a while */
	o->rate = 0;
	o->rate_done = 0;
	o->total = ev->total;
}

static void text_phase(struct vl_out *o, const struct vl_event *ev)
{
	char size[24];

	begin_phase(o, ev);
	if (o->tty)
		draw(o, ev);
	else if (ev->total)
		fprintf(stderr, "%s: begins, %s\n", ev->phase, vl_size_text(ev->total, size));
	else
		fprintf(stderr, "%s: begins\n", ev->phase);
}

static void text_progress(struct vl_out *o, const struct vl_event *ev)
{
	double now = monotonic();

	if (o->began <= 0)
		begin_phase(o, ev);
	sample_rate(o, ev->done, now);
	if (now - o->drawn_at < (o->tty ? DRAW_EVERY : PLAIN_EVERY))
		return;
	o->drawn_at = now;
	if (o->tty)
		draw(o, ev);
	else
		plain(o, ev);
}

static void text_phase_end(struct vl_out *o, const struct vl_event *ev)
{
	char size[24], took[32];
	double seconds = o->began > 0 ? monotonic() - o->began : 0;

	vl_out_clear_line(o);
	o->began = 0;
	if (ev->done)
		fprintf(stderr, "%s: done, %s in %s\n", ev->phase, vl_size_text(ev->done, size),
			vl_duration_text((int64_t)(seconds + 0.999), took));
	else
		fprintf(stderr, "%s: done\n", ev->phase);
}

/* A whole line on stderr; the progress line makes room and comes back with the next progress. */
static void text_line(struct vl_out *o, const char *mark, const char *colour, const char *text)
{
	VL_STR safe = vl_safe_text(text ? text : "", 1024);

	vl_out_clear_line(o);
	fprintf(stderr, "%s%s%s%s\n", o->colour && *colour ? colour : "", mark,
		o->colour && *colour ? "\033[0m" : "", safe);
	if (o->tty)
		o->drawn_at = 0; /* at once; where lines stay, a progress line behind every item would be noise */
}

static void text_item(struct vl_out *o, const struct vl_event *ev)
{
	VL_STR safe = vl_safe_text(ev->item ? ev->item : "", 200);
	VL_STR mark = vl_xprintf("%s: %s: ", ev->phase ? ev->phase : "item", safe);

	text_line(o, mark, "", ev->text);
}

static void text_event(struct vl_out *o, const struct vl_event *ev)
{
	if (ev->kind == VL_EV_WARN)
		text_line(o, "warning: ", "\033[33m", ev->text);
	if (ev->kind == VL_EV_WARN || o->quiet)
		return;
	switch (ev->kind) {
	case VL_EV_PHASE:
		if (!o->no_progress)
			text_phase(o, ev);
		break;
	case VL_EV_PROGRESS:
		if (!o->no_progress)
			text_progress(o, ev);
		break;
	case VL_EV_PHASE_END:
		if (!o->no_progress)
			text_phase_end(o, ev);
		break;
	case VL_EV_ITEM:
		text_item(o, ev);
		break;
	case VL_EV_NOTE:
		text_line(o, "", "", ev->text);
		break;
	case VL_EV_DEBUG:
		if (o->verbose)
			text_line(o, "debug: ", "", ev->text);
		break;
	case VL_EV_WARN:
		break;
	}
}

static const char *json_type(enum vl_event_kind kind)
{
	static const char *const names[] = { [VL_EV_PHASE] = "phase",         [VL_EV_PROGRESS] = "progress",
					     [VL_EV_PHASE_END] = "phase-end", [VL_EV_ITEM] = "item",
					     [VL_EV_NOTE] = "note",           [VL_EV_WARN] = "warning",
					     [VL_EV_DEBUG] = "debug" };

	return names[kind];
}

static bool json_wanted(struct vl_out *o, const struct vl_event *ev)
{
	double now;

	if (ev->kind == VL_EV_WARN)
		return true;
	if (o->quiet || (ev->kind == VL_EV_DEBUG && !o->verbose))
		return false;
	if (o->no_progress && ev->kind <= VL_EV_PHASE_END)
		return false;
	if (ev->kind == VL_EV_PHASE)
		begin_phase(o, ev);
	if (ev->kind != VL_EV_PROGRESS)
		return true;
	if (o->began <= 0)
		begin_phase(o, ev);
	now = monotonic();
	if (now - o->drawn_at < JSON_EVERY)
		return false;
	o->drawn_at = now;
	return true;
}

static void json_event(struct vl_out *o, const struct vl_event *ev)
{
	struct vl_line l;
	struct vl_err ignored = VL_ERR_INIT;

	if (!json_wanted(o, ev))
		return;
	vl_line_begin(&l, json_type(ev->kind));
	vl_line_text(&l, "phase", ev->phase);
	vl_line_text(&l, "item", ev->item);
	vl_line_text(&l, "text", ev->text);
	if (ev->kind == VL_EV_PROGRESS || ev->kind == VL_EV_PHASE_END || ev->kind == VL_EV_ITEM)
		vl_jw_u64(&l.w, "done", ev->done);
	if (ev->total)
		vl_jw_u64(&l.w, "total", ev->total);
	/* A full disk behind stdout is reported once, at the end, by vl_stdout_flush(). */
	if (!vl_line_end(&l, &ignored))
		return;
	fflush(stdout);
}

void vl_out_event(void *out, const struct vl_event *ev)
{
	struct vl_out *o = out;

	if (o->json)
		json_event(o, ev);
	else
		text_event(o, ev);
}
