/* SPDX-License-Identifier: Apache-2.0 */
/* base/words.c: sizes and durations as people write them, near misses, percent-encoding. */
#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <strings.h>

struct unit {
	const char *name;
	uint64_t times;
};

static const struct unit size_units[] = {
	{ "", 1 },
	{ "K", 1000 },
	{ "KB", 1000 },
	{ "KiB", 1ULL << 10 },
	{ "M", 1000000 },
	{ "MB", 1000000 },
	{ "MiB", 1ULL << 20 },
	{ "G", 1000000000 },
	{ "GB", 1000000000 },
	{ "GiB", 1ULL << 30 },
	{ "T", 1000000000000 },
	{ "TB", 1000000000000 },
	{ "TiB", 1ULL << 40 },
};

static const struct unit time_units[] = {
	{ "s", 1 }, { "m", 60 }, { "h", 3600 }, { "d", 86400 }, { "w", 7 * 86400 }, { "y", 365 * 86400 },
};

const char *vl_size_text(uint64_t bytes, char out[static 24])
{
	static const struct unit shown[] = { { "kB", 1000 },          { "MB", 1000000 },           { "GB", 1000000000 },
					     { "TB", 1000000000000 }, { "PB", 1000000000000000 } };
	uint64_t whole, tenths;

	if (bytes < 1000) {
		snprintf(out, 24, "%" PRIu64 " B", bytes);
		return out;
	}
	for (size_t i = 0; i < VL_LEN(shown); i++) {
		whole = bytes / shown[i].times + (bytes % shown[i].times >= shown[i].times / 2);
		tenths = bytes / (shown[i].times / 10) + (bytes % (shown[i].times / 10) >= shown[i].times / 20);
		if (tenths < 100)
			snprintf(out, 24, "%" PRIu64 ".%" PRIu64 " %s", tenths / 10, tenths % 10, shown[i].name);
		else
			snprintf(out, 24, "%" PRIu64 " %s", whole, shown[i].name);
		if (whole < 1000)
			break;
	}
	return out;
}

/* Decimal digits at *s, at least one; *s moves behind them. */
static bool take_number(const char **s, uint64_t *out)
{
	const char *at = *s;

	for (*out = 0; *at >= '0' && *at <= '9'; at++)
		if (__builtin_mul_overflow(*out, 10, out) || __builtin_add_overflow(*out, (uint64_t)(*at - '0'), out))
			return false;
	if (at == *s)
		return false;
	*s = at;
	return true;
}

bool vl_size_parse(const char *s, uint64_t *bytes)
{
	uint64_t whole, part = 0, scale = 1, size;
	const char *digits;

	if (!take_number(&s, &whole))
		return false;
	if (*s == '.') {
		digits = ++s;
		if (!take_number(&s, &part) || s - digits > 6 || *s == '\0')
			return false;
		for (; digits < s; digits++)
			scale *= 10;
	}
	for (size_t i = 0; i < VL_LEN(size_units); i++) {
		if (strcasecmp(s, size_units[i].name))
			continue;
		/* part < 10^6 and times <= 2^40: the product fits */
		if (__builtin_mul_overflow(whole, size_units[i].times, &size) ||
		    __builtin_add_overflow(size, part * size_units[i].times / scale, &size))
			return false;
		*bytes = size;
		return true;
	}
	return false;
}

bool vl_duration_parse(const char *s, int64_t *seconds)
{
	uint64_t n;

	if (!take_number(&s, &n))
		return false;
	for (size_t i = 0; i < VL_LEN(time_units); i++)
		if (!strcmp(s, time_units[i].name))
			return !__builtin_mul_overflow(n, time_units[i].times, seconds);
	return false;
}

const char *vl_duration_text(int64_t seconds, char out[static 32])
{
	static const struct unit shown[] = { { "second", 1 }, { "minute", 60 }, { "hour", 3600 }, { "day", 86400 } };
	uint64_t length = seconds < 0 ? 0 - (uint64_t)seconds : (uint64_t)seconds, n;
	size_t i = VL_LEN(shown) - 1;

	while (i > 0 && length < shown[i].times)
		i--;
	n = length / shown[i].times;
	snprintf(out, 32, "%" PRIu64 " %s%s", n, shown[i].name, n == 1 ? "" : "s");
	return out;
}

#define WORD_MAX 63

/* How many single slips (wrong, missing, extra, swapped letter) lead from a to b. */
static unsigned slips(const char *a, size_t alen, const char *b, size_t blen)
{
	unsigned rows[3][WORD_MAX + 1], *before = rows[0], *above = rows[1], *row = rows[2], *spare, best;

	memset(rows, 0, sizeof rows);
	for (size_t j = 0; j <= blen; j++)
		above[j] = (unsigned)j;
	for (size_t i = 1; i <= alen; i++) {
		row[0] = (unsigned)i;
		for (size_t j = 1; j <= blen; j++) {
			best = above[j - 1] + (a[i - 1] != b[j - 1]);
			best = above[j] + 1 < best ? above[j] + 1 : best;
			best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < best)
				best = before[j - 2] + 1;
			row[j] = best;
		}
		spare = before;
		before = above;
		above = row;
		row = spare;
	}
	return above[blen];
}

const char *vl_nearest(const char *s, const char *const *words)
{
	size_t len = strnlen(s, WORD_MAX + 1), word_len;
	unsigned best = len <= 3 ? 2 : len <= 7 ? 3 : 4, n; /* one more than is near enough */
	const char *nearest = NULL;

	if (len == 0 || len > WORD_MAX)
		return NULL;
	for (; *words; words++) {
		word_len = strnlen(*words, WORD_MAX + 1);
		if (word_len == 0 || word_len > WORD_MAX)
			continue;
		n = slips(s, len, *words, word_len);
		if (n < best && n < word_len) {
			best = n;
			nearest = *words;
		}
	}
	return nearest;
}

static bool is_unreserved(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("-._~", c));
}

char *vl_percent_encode(const char *s)
{
	static const char digits[] = "0123456789ABCDEF";
	char *out = vl_xcalloc(strlen(s) + 1, 3), *to = out;

	for (; *s; s++) {
		if (is_unreserved(*s)) {
			*to++ = *s;
			continue;
		}
		*to++ = '%';
		*to++ = digits[(uint8_t)*s >> 4];
		*to++ = digits[(uint8_t)*s & 15];
	}
	return out;
}
