/* SPDX-License-Identifier: Apache-2.0 */
/* cli/bar.c: one progress line as text.
 * In:    what is known of a phase, the width of the terminal.
 * Out:   a line that never wraps: what does not fit is left out, the item's label first, then the bar, then the
 *        rate. */
#include <stdio.h>

#include "base/text.h"
#include "cli/command.h"

#define BAR_CELLS 20
#define BAR_MIN 8

/* Text that grows until it is full; what is cut stays cut. */
struct line {
	char *at;
	size_t left;
};

static void add(struct line *l, const char *text)
{
	size_t n = strlen(text);

	if (n >= l->left)
		n = l->left - 1;
	memcpy(l->at, text, n);
	l->at[n] = '\0';
	l->at += n;
	l->left -= n;
}

static void cells_text(unsigned percent, unsigned cells, char *out)
{
	unsigned full = percent * cells / 100;

	*out++ = '[';
	for (unsigned i = 0; i < cells; i++)
		*out++ = i < full ? '=' : i == full ? '>' : ' ';
	*out++ = ']';
	*out = '\0';
}

/* "83 MB/s  6 s left" */
static void rate_text(const struct vl_bar *b, char *out, size_t size)
{
	char rate[24], left[32];

	out[0] = '\0';
	if (b->rate < 1.0)
		return;
	vl_size_text((uint64_t)b->rate, rate);
	if (b->total <= b->done) {
		snprintf(out, size, "  %s/s", rate);
		return;
	}
	vl_duration_text((int64_t)((double)(b->total - b->done) / b->rate) + 1, left);
	snprintf(out, size, "  %s/s  %s left", rate, left);
}

/* Without a total there is neither bar nor percent. */
static void bytes_text(const struct vl_bar *b, unsigned percent, char *out, size_t size)
{
	char done[24], total[24];

	vl_size_text(b->done, done);
	if (b->total)
		snprintf(out, size, "%u %%  %s of %s", percent, done, vl_size_text(b->total, total));
	else if (b->done)
		snprintf(out, size, "%s", done);
	else
		snprintf(out, size, "..."); /* servers are being asked; nobody knows yet whether anything will come */
}

void vl_bar_format(const struct vl_bar *b, unsigned columns, char *out, size_t size)
{
	struct line l = { out, size < columns ? size : columns };
	uint64_t done = b->total && b->done > b->total ? b->total : b->done;
	unsigned percent = b->total ? (unsigned)((double)done / (double)b->total * 100.0) : 0;
	char cells[BAR_CELLS + 3], bytes[80], rate[80];
	size_t fixed, room;

	if (!l.left)
		return;
	out[0] = '\0';
	bytes_text(b, percent, bytes, sizeof bytes);
	rate_text(b, rate, sizeof rate);
	fixed = strlen(b->phase) + 2 + strlen(bytes);
	if (fixed + strlen(rate) >= l.left)
		rate[0] = '\0';
	room = fixed + strlen(rate) < l.left ? l.left - fixed - strlen(rate) - 1 : 0;
	add(&l, b->phase);
	add(&l, "  ");
	if (b->total && room >= BAR_MIN + 4) {
		unsigned n = room - 4 < BAR_CELLS ? (unsigned)room - 4 : BAR_CELLS;

		cells_text(percent, n, cells);
		add(&l, cells);
		add(&l, "  ");
		room -= n + 4;
	}
	add(&l, bytes);
	add(&l, rate);
	if (b->item && *b->item && room > 4 && strlen(b->item) + 2 <= room) {
		add(&l, "  ");
		add(&l, b->item);
	}
}
