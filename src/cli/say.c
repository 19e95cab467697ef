/* SPDX-License-Identifier: Apache-2.0 */
/* cli/say.c: results on stdout, as text and as JSON lines; words for times and digests. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/command.h"

#define LINE_MAX_BYTES (16u << 20)
#define TEXT_MAX 4096

void vl_say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
}

void vl_say_safe(const char *text)
{
	VL_STR safe = vl_safe_text(text ? text : "", TEXT_MAX);

	fputs(*safe ? safe : "-", stdout);
}

void vl_say_row(const char *label, const char *fmt, ...)
{
	va_list ap;

	printf("%-11s ", label);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

void vl_line_begin(struct vl_line *l, const char *type)
{
	l->buf = (struct vl_buf)VL_BUF_INIT(LINE_MAX_BYTES);
	vl_jw_init(&l->w, &l->buf, false);
	vl_jw_object(&l->w, NULL);
	vl_jw_str(&l->w, "type", type);
}

bool vl_line_end(struct vl_line *l, struct vl_err *e)
{
	bool good;

	vl_jw_object_end(&l->w);
	good = vl_jw_end(&l->w, e);
	if (good)
		printf("%s\n", vl_buf_str(&l->buf));
	vl_buf_clear(&l->buf);
	return good;
}

void vl_line_text(struct vl_line *l, const char *key, const char *text)
{
	VL_STR safe = text ? vl_safe_text(text, TEXT_MAX) : NULL;

	vl_jw_str(&l->w, key, safe);
}

void vl_line_words(struct vl_line *l, const char *key, const char *words)
{
	VL_STR copy = vl_xstrdup(words);
	char *rest = copy, *word;

	vl_jw_array(&l->w, key);
	while ((word = strsep(&rest, " ")))
		if (*word)
			vl_line_text(l, NULL, word);
	vl_jw_array_end(&l->w);
}

void vl_line_digest(struct vl_line *l, const char *key, const struct vl_digest *d)
{
	char text[VL_DIGEST_OCI];

	vl_jw_str(&l->w, key, vl_digest_oci(d, text));
}

void vl_line_time(struct vl_line *l, const char *key, int64_t t)
{
	char text[24];

	if (t)
		vl_jw_str(&l->w, key, vl_time_text(t, text));
}

const char *vl_digest_spoken(const struct vl_digest *d, char out[static 80])
{
	char hex[VL_DIGEST_HEX], *at = out;

	vl_digest_hex(d, hex);
	for (size_t i = 0; i < 64; i += 4) {
		memcpy(at, hex + i, 4);
		at[4] = ' ';
		at += 5;
	}
	at[-1] = '\0';
	return out;
}

/* What is to come is rounded to the nearest unit, not down: a second after packing, 14 days are still 14 days. */
static int64_t nearest(int64_t span)
{
	if (span >= 2 * 86400)
		return span + 43200;
	if (span >= 7200)
		return span + 1800;
	return span >= 120 ? span + 30 : span;
}

const char *vl_when(int64_t t, int64_t now, char out[static 48])
{
	char span[32];

	if (!t)
		snprintf(out, 48, "at an unknown time");
	else if (t == now)
		snprintf(out, 48, "now");
	else if (t < now)
		snprintf(out, 48, "%s ago", vl_duration_text(now - t, span));
	else
		snprintf(out, 48, "in %s", vl_duration_text(nearest(t - now), span));
	return out;
}

const char *vl_count_text(uint64_t n, const char *one, const char *many, char out[static 64])
{
	snprintf(out, 64, "%" PRIu64 " %s", n, n == 1 ? one : many);
	return out;
}
