/* SPDX-License-Identifier: Apache-2.0 */
/* serve/cond.c: ranges, entity tags, dates and queries, as clients write them.
 * In:    header values and request targets, of any content.
 * Out:   verdicts.
 * Keeps: nothing; no allocation, one pass each. */
#include <stdio.h>
#include <time.h>

#include "base/text.h"
#include "serve/core_priv.h"

/* ---- Range ---- */

/* Digits; a number beyond 64 bits counts as the largest one: it lies past every end. */
static bool take_number(const char **at, uint64_t *out)
{
	const char *s = *at;
	bool over = false;

	*out = 0;
	for (; *s >= '0' && *s <= '9'; s++)
		over = over || __builtin_mul_overflow(*out, UINT64_C(10), out) ||
		       __builtin_add_overflow(*out, (uint64_t)(*s - '0'), out);
	if (over)
		*out = UINT64_MAX;
	if (s == *at)
		return false;
	*at = s;
	return true;
}

static void last_bytes(uint64_t n, uint64_t size, struct vl_span *out)
{
	if (!n || !size) {
		out->kind = VL_SPAN_NONE;
		return;
	}
	if (n > size)
		n = size;
	*out = (struct vl_span){ VL_SPAN_PART, size - n, n };
}

static void bytes_between(uint64_t from, uint64_t to, uint64_t size, struct vl_span *out)
{
	if (from >= size) {
		out->kind = VL_SPAN_NONE;
		return;
	}
	if (to >= size)
		to = size - 1;
	*out = (struct vl_span){ VL_SPAN_PART, from, to - from + 1 };
}

void vl_span_parse(const char *range, uint64_t size, struct vl_span *out)
{
	uint64_t from, to;
	bool first, last;

	*out = (struct vl_span){ VL_SPAN_WHOLE, 0, size };
	if (!range || strncmp(range, "bytes=", 6))
		return;
	range += 6;
	first = take_number(&range, &from);
	if (*range++ != '-')
		return;
	last = take_number(&range, &to);
	if (*range || (!first && !last) || (first && last && from > to))
		return;
	if (first)
		bytes_between(from, last ? to : UINT64_MAX, size, out);
	else
		last_bytes(to, size, out);
}

/* ---- conditions ---- */

/* One entry of a list: *tag begins at its quote. False: the list is over, or not a list. */
static bool take_tag(const char **at, const char **tag, size_t *len)
{
	const char *s = *at, *end;

	s += strspn(s, " \t,");
	if (!strncmp(s, "W/", 2))
		s += 2;
	if (*s != '"' || !(end = strchr(s + 1, '"')))
		return false;
	*tag = s;
	*len = (size_t)(end + 1 - s);
	*at = end + 1;
	return true;
}

bool vl_etag_listed(const char *list, const char *etag)
{
	size_t want = strlen(etag), len;
	const char *tag;

	if (!strcmp(list, "*"))
		return true;
	while (take_tag(&list, &tag, &len))
		if (len == want && !memcmp(tag, etag, len))
			return true;
	return false;
}

bool vl_if_range(const char *header, const char *etag, int64_t modified)
{
	int64_t t;

	if (!header || !strcmp(header, etag))
		return true;
	return modified && vl_http_date_parse(header, &t) && t == modified;
}

/* Not strftime(): its names of days depend on the locale. */
const char *vl_http_date(int64_t t, char out[static 32])
{
	static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t when = (time_t)t;
	struct tm tm = { 0 };

	gmtime_r(&when, &tm);
	snprintf(out, 32, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT", days + 3 * tm.tm_wday, tm.tm_mday,
		 months + 3 * tm.tm_mon, (tm.tm_year + 1900) % 10000, tm.tm_hour, tm.tm_min, tm.tm_sec);
	return out;
}

/* ---- targets ---- */

bool vl_target_split(char *target, char **query)
{
	char *mark = strchr(target, '?');

	*query = mark ? mark + 1 : NULL;
	for (const unsigned char *s = (const unsigned char *)target; *s; s++)
		if (*s <= ' ' || *s >= 127)
			return false;
	if (mark)
		*mark = '\0';
	/* The names of files may hold a blank, so the routes get to see an escape there; nowhere else does a name need
	 * one. */
	return *target == '/' && !strchr(target, '\\') &&
	       (!strchr(target, '%') || !strncmp(target, "/files/", 7) || !strncmp(target, "/osv/", 5));
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* A '+' stays one: media types have it ("+json"), and no name of ours has a blank. */
static bool decode(const char *s, size_t len, char *out, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		int c = (unsigned char)s[i];

		if (c == '%') {
			int hi = i + 2 < len ? hex_value(s[i + 1]) : -1;
			int lo = hi >= 0 ? hex_value(s[i + 2]) : -1;

			if (lo < 0)
				return false;
			c = hi * 16 + lo;
			i += 2;
		}
		if (c <= ' ' || c >= 127 || n + 1 >= size)
			return false;
		out[n++] = (char)c;
	}
	out[n] = '\0';
	return true;
}

bool vl_query_get(const char *query, const char *name, char *out, size_t size, bool *found)
{
	size_t want = strlen(name);

	*found = false;
	while (query && *query) {
		size_t len = strcspn(query, "&");

		if (len > want && query[want] == '=' && !strncmp(query, name, want)) {
			*found = true;
			return decode(query + want + 1, len - want - 1, out, size);
		}
		query += len + (query[len] == '&');
	}
	return true;
}
