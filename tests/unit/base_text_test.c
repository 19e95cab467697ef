/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/base_text_test.c: words for people and back; what a hostile name may look like. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/text.h"
#include "base/utf8.h"
#include "tests/lib/tap.h"

static void check_safe_text(void)
{
	static const struct {
		const char *name, *in;
		size_t max;
		const char *out;
	} cases[] = {
		{ "plain", "a b/c", 100, "a b/c" },
		{ "empty", "", 100, "" },
		{ "umlaut and box", "\xc3\xa4 \xf0\x9f\x93\xa6", 100, "\xc3\xa4 \xf0\x9f\x93\xa6" },
		{ "escape sequence", "\x1b[2J", 100, "\\x1b[2J" },
		{ "line break", "a\nb\r", 100, "a\\x0ab\\x0d" },
		{ "DEL", "\x7f", 100, "\\x7f" },
		{ "C1 CSI", "\xc2\x9b", 100, "\\xc2\\x9b" },
		{ "invalid byte", "a\xff" "b", 100, "a\\xffb" },
		{ "overlong", "\xc0\xaf", 100, "\\xc0\\xaf" },
		{ "right-to-left override", "\xe2\x80\xae", 100, "\\xe2\\x80\\xae" },
		{ "isolate", "\xe2\x81\xa6", 100, "\\xe2\\x81\\xa6" },
		{ "zero width space", "\xe2\x80\x8b", 100, "\\xe2\\x80\\x8b" },
		{ "byte order mark", "\xef\xbb\xbf", 100, "\\xef\\xbb\\xbf" },
		{ "tag character", "\xf3\xa0\x81\x81", 100, "\\xf3\\xa0\\x81\\x81" },
		{ "exact length", "abc", 3, "abc" },
		{ "cut", "abcd", 3, "abc..." },
		{ "cut before a character", "ab\xc3\xa4", 3, "ab..." },
		{ "cut to nothing", "a", 0, "..." },
		{ "no text", NULL, 10, "" },
	};

	for (size_t i = 0; i < VL_LEN(cases); i++) {
		VL_STR out = vl_safe_text(cases[i].in, cases[i].max);

		tap_str(out, cases[i].out, "safe text: %s", cases[i].name);
	}
}

static void check_paths(void)
{
	static const struct {
		const char *path;
		bool safe;
	} cases[] = {
		{ "rules/a.yar", true }, { "a", true }, { ".hidden", true }, { "a/..b", true },
		{ "...", true },
		{ "\xc3\xa4/b", true }, { "a b", true }, { "", false }, { ".", false }, { "..", false },
		{ "a/../b", false }, { "a/..", false }, { "../a", false }, { "./a", false }, { "a/.", false },
		{ "/abs", false }, { "a//b", false }, { "a/", false }, { "a\\b", false }, { "a\nb", false },
		{ "a\x7f", false }, { "a\xff", false }, { "\xc0\xae", false },
	};
	char longest[1100];

	for (size_t i = 0; i < VL_LEN(cases); i++)
		tap_is(vl_path_is_safe(cases[i].path), cases[i].safe, "path %zu is %s", i,
		       cases[i].safe ? "safe" : "refused");
	memset(longest, 'a', sizeof longest);
	longest[255] = '\0';
	tap_ok(vl_path_is_safe(longest), "a step of 255 bytes");
	longest[255] = 'a';
	longest[256] = '\0';
	tap_ok(!vl_path_is_safe(longest), "a step of 256 bytes");
	memset(longest, 'a', sizeof longest);
	for (size_t i = 200; i < 1024; i += 200)
		longest[i] = '/';
	longest[1024] = '\0';
	tap_ok(vl_path_is_safe(longest), "a path of 1024 bytes");
	longest[1024] = 'a';
	longest[1025] = '\0';
	tap_ok(!vl_path_is_safe(longest), "a path of 1025 bytes");
}

static void check_names(void)
{
	static const struct {
		const char *name;
		bool valid;
	} cases[] = {
		{ "prod", true }, { "0", true }, { "a-b_c.d", true }, { "", false }, { "-a", false },
		{ ".a", false },
		{ "_a", false }, { "a..b", false }, { "A", false }, { "a b", false }, { "a/b", false },
		{ "\xc3\xa4", false }, { "a\n", false }, { "a.", true },
		{ "0123456789012345678901234567890123456789012345678901234567890123", true },
		{ "01234567890123456789012345678901234567890123456789012345678901234", false },
	};

	for (size_t i = 0; i < VL_LEN(cases); i++)
		tap_is(vl_name_is_valid(cases[i].name), cases[i].valid, "name %zu is %s", i,
		       cases[i].valid ? "valid" : "refused");
}

static void check_sizes(void)
{
	static const struct {
		uint64_t n;
		const char *text;
	} shown[] = {
		{ 0, "0 B" }, { 999, "999 B" }, { 1000, "1.0 kB" }, { 1449, "1.4 kB" }, { 1450, "1.5 kB" },
		{ 9949, "9.9 kB" }, { 9950, "10 kB" }, { 418000000, "418 MB" }, { 999499999, "999 MB" },
		{ 999500000, "1.0 GB" }, { 1400000000, "1.4 GB" }, { 4700000000, "4.7 GB" },
		{ UINT64_MAX, "18447 PB" },
	};
	static const struct {
		const char *text;
		bool good;
		uint64_t n;
	} parsed[] = {
		{ "0", true, 0 }, { "1024", true, 1024 }, { "700M", true, 700000000 },
		{ "64MiB", true, 64 << 20 },
		{ "4.7GB", true, 4700000000 }, { "1K", true, 1000 }, { "1kB", true, 1000 },
		{ "1KiB", true, 1024 },
		{ "2T", true, 2000000000000 }, { "1.5TiB", true, 1649267441664 }, { "1.5", false, 0 },
		{ "", false, 0 },
		{ "M", false, 0 }, { "-1", false, 0 }, { "+1", false, 0 }, { " 1", false, 0 },
		{ "1 M", false, 0 },
		{ "1.M", false, 0 }, { ".5M", false, 0 }, { "1MM", false, 0 }, { "0x10", false, 0 },
		{ "1X", false, 0 },
		{ "18446744073709551615", true, UINT64_MAX }, { "18446744073709551616", false, 0 },
		{ "18446744073709551615K", false, 0 }, { "16777216TiB", false, 0 },
		{ "1.1234567G", false, 0 },
	};
	char out[24];
	uint64_t n;

	for (size_t i = 0; i < VL_LEN(shown); i++)
		tap_str(vl_size_text(shown[i].n, out), shown[i].text, "size %" PRIu64, shown[i].n);
	for (size_t i = 0; i < VL_LEN(parsed); i++) {
		n = 0;
		tap_is(vl_size_parse(parsed[i].text, &n), parsed[i].good, "size \"%s\"", parsed[i].text);
		tap_ok(n == parsed[i].n, "size \"%s\" is %" PRIu64, parsed[i].text, parsed[i].n);
	}
}

static void check_durations(void)
{
	static const struct {
		const char *text;
		bool good;
		int64_t seconds;
	} parsed[] = {
		{ "14d", true, 14 * 86400 }, { "36h", true, 36 * 3600 }, { "2w", true, 14 * 86400 },
		{ "90m", true, 5400 },
		{ "30s", true, 30 }, { "1y", true, 365 * 86400 }, { "", false, 0 }, { "14", false, 0 },
		{ "d", false, 0 },
		{ "-1d", false, 0 }, { "1D", false, 0 }, { "1d2h", false, 0 }, { "1.5d", false, 0 },
		{ "9223372036854775807s", true, INT64_MAX }, { "9223372036854775808s", false, 0 },
		{ "9223372036854775807d", false, 0 },
	};
	static const struct {
		int64_t seconds;
		const char *text;
	} shown[] = {
		{ 0, "0 seconds" }, { 1, "1 second" }, { 59, "59 seconds" }, { 60, "1 minute" },
		{ 1200, "20 minutes" },
		{ 3599, "59 minutes" }, { 3600, "1 hour" }, { 5 * 3600, "5 hours" }, { 86399, "23 hours" },
		{ 86400, "1 day" }, { 3 * 86400 + 5, "3 days" }, { -7200, "2 hours" },
		{ INT64_MIN, "106751991167300 days" },
	};
	char out[32];
	int64_t t;

	for (size_t i = 0; i < VL_LEN(parsed); i++) {
		t = 0;
		tap_is(vl_duration_parse(parsed[i].text, &t), parsed[i].good, "duration \"%s\"", parsed[i].text);
		tap_ok(!parsed[i].good || t == parsed[i].seconds, "duration \"%s\": value", parsed[i].text);
	}
	for (size_t i = 0; i < VL_LEN(shown); i++)
		tap_str(vl_duration_text(shown[i].seconds, out), shown[i].text, "duration %" PRId64, shown[i].seconds);
}

static void check_times(void)
{
	static const struct {
		const char *text;
		bool strict, loose;
		int64_t t;
	} cases[] = {
		{ "1970-01-01T00:00:00Z", true, true, 0 },
		{ "2026-11-21T08:00:00Z", true, true, 1795248000 },
		{ "2024-02-29T23:59:59Z", true, true, 1709251199 },
		{ "1969-12-31T23:59:59Z", true, true, -1 },
		{ "2023-02-29T00:00:00Z", false, false, 0 },
		{ "2100-02-29T00:00:00Z", false, false, 0 },
		{ "2026-13-01T00:00:00Z", false, false, 0 },
		{ "2026-00-01T00:00:00Z", false, false, 0 },
		{ "2026-01-00T00:00:00Z", false, false, 0 },
		{ "2026-01-01T24:00:00Z", false, false, 0 },
		{ "2026-01-01T00:60:00Z", false, false, 0 },
		{ "2016-12-31T23:59:60Z", false, true, 1483228799 },
		{ "2026-11-21T08:00:00.123456789Z", false, true, 1795248000 },
		{ "2026-11-21T08:00:00.Z", false, false, 0 },
		{ "2026-11-21T09:30:00+01:30", false, true, 1795248000 },
		{ "2026-11-21T07:00:00.5-01:00", false, true, 1795248000 },
		{ "2026-11-21t08:00:00z", false, true, 1795248000 },
		{ "2026-11-21 08:00:00Z", false, true, 1795248000 },
		{ "2026-11-21T08:00:00", false, false, 0 },
		{ "2026-11-21T08:00:00Zx", false, false, 0 },
		{ "2026-11-21T08:00:00+0100", false, false, 0 },
		{ "2026-11-21T08:00:00+24:00", false, false, 0 },
		{ "2026-11-21", false, false, 0 },
		{ "2026-1-21T08:00:00Z", false, false, 0 },
		{ "+026-11-21T08:00:00Z", false, false, 0 },
		{ "", false, false, 0 },
	};
	static const int64_t there_and_back[] = { 0, -1, 951782400, 1795248000, 253402300799, -62167219200 };
	char out[24];
	int64_t t;

	for (size_t i = 0; i < VL_LEN(cases); i++) {
		tap_is(vl_time_parse(cases[i].text, &t), cases[i].strict, "strict time \"%s\"", cases[i].text);
		tap_ok(!cases[i].strict || t == cases[i].t, "strict time \"%s\": value", cases[i].text);
		tap_is(vl_time_parse_loose(cases[i].text, &t), cases[i].loose, "loose time \"%s\"", cases[i].text);
		tap_ok(!cases[i].loose || t == cases[i].t, "loose time \"%s\": value", cases[i].text);
	}
	for (size_t i = 0; i < VL_LEN(there_and_back); i++)
		tap_ok(vl_time_parse(vl_time_text(there_and_back[i], out), &t) && t == there_and_back[i], "time %s",
		       out);
	tap_str(vl_time_text(INT64_MAX, out), "9999-12-31T23:59:59Z", "a time beyond four digits of year");
	tap_str(vl_time_text(INT64_MIN, out), "0000-01-01T00:00:00Z", "a time before the year 0");
}

static void check_http_dates(void)
{
	static const struct {
		const char *text;
		bool good;
	} cases[] = {
		{ "Sun, 06 Nov 1994 08:49:37 GMT", true }, { "Sunday, 06-Nov-94 08:49:37 GMT", false },
		{ "Sun Nov  6 08:49:37 1994", false }, { "Sun, 6 Nov 1994 08:49:37 GMT", false },
		{ "Sun, 06 nov 1994 08:49:37 GMT", false }, { "Sun, 06 Nov 1994 08:49:37 UTC", false },
		{ "Sun, 06 Nov 1994 08:49:37 GMT ", false }, { "Sun, 31 Feb 1994 08:49:37 GMT", false },
		{ "Xxx, 06 Nov 1994 08:49:37 GMT", false }, { "", false },
	};
	int64_t t;

	for (size_t i = 0; i < VL_LEN(cases); i++) {
		t = 784111777;
		tap_is(vl_http_date_parse(cases[i].text, &t), cases[i].good, "HTTP date \"%s\"", cases[i].text);
		tap_is(t, 784111777, "HTTP date \"%s\": value", cases[i].text);
	}
}

static void check_hex(void)
{
	static const uint8_t bytes[] = { 0x00, 0x1f, 0xa0, 0xff };
	static const char *const bad[] = { "001fa0f", "001fa0fff", "001FA0FF", "001fa0fg", "", " 01fa0ff" };
	uint8_t back[4];
	char out[9];

	vl_hex(bytes, 4, out);
	tap_str(out, "001fa0ff", "hex");
	tap_ok(vl_unhex(out, back, 4) && !memcmp(back, bytes, 4), "hex and back");
	for (size_t i = 0; i < VL_LEN(bad); i++)
		tap_ok(!vl_unhex(bad[i], back, 4), "not hex of four bytes: \"%s\"", bad[i]);
}

static void check_nearest(void)
{
	static const char *const words[] = { "pack", "unpack", "verify", "status", "trust", "fsck", "log", NULL };
	static const struct {
		const char *word, *nearest;
	} cases[] = {
		{ "verfiy", "verify" }, { "pakc", "pack" }, { "unpck", "unpack" }, { "stauts", "status" },
		{ "pack", "pack" },
		{ "fsk", "fsck" }, { "trsut", "trust" }, { "lgo", "log" },
	};
	static const char *const far[] = { "", "xyz", "elephant", "q" };

	for (size_t i = 0; i < VL_LEN(cases); i++)
		tap_str(vl_nearest(cases[i].word, words), cases[i].nearest, "near \"%s\"", cases[i].word);
	for (size_t i = 0; i < VL_LEN(far); i++)
		tap_ok(!vl_nearest(far[i], words), "nothing is near \"%s\"", far[i]);
}

static void check_percent(void)
{
	VL_STR all = vl_percent_encode("aZ09-._~ /?%&=+:\xc3\xa4");
	VL_STR none = vl_percent_encode("");

	tap_str(all, "aZ09-._~%20%2F%3F%25%26%3D%2B%3A%C3%A4", "percent-encoding");
	tap_str(none, "", "percent-encoding of nothing");
}

/* Every first and second byte: the decoder must agree with the definition of UTF-8 on their pairs. */
static void check_utf8(void)
{
	static const uint8_t longest[] = { 0xf4, 0x8f, 0xbf, 0xbf };
	static const char *const bad[] = { "\xe0\x80\xaf", "\xe0\x9f\xbf", "\xf0\x80\x80\xaf", "\xf0\x8f\xbf\xbf",
					   "\xed\xa0\x80", "\xed\xbf\xbf", "\xf4\x90\x80\x80", "\xe2\x82" };
	uint32_t c = 0, wrong = 0;

	for (unsigned a = 0; a < 256; a++) {
		for (unsigned b = 0; b < 256; b++) {
			const uint8_t two[2] = { (uint8_t)a, (uint8_t)b };
			size_t want = a < 0x80 ? 1 : a >= 0xc2 && a < 0xe0 && (b & 0xc0) == 0x80 ? 2 : 0;

			wrong += vl_utf8_take(two, 2, &c) != want;
		}
	}
	tap_is(wrong, 0, "all pairs of bytes as UTF-8");
	for (size_t i = 0; i < VL_LEN(bad); i++)
		tap_is(vl_utf8_take((const uint8_t *)bad[i], strlen(bad[i]), &c), 0, "bad UTF-8 %zu", i);
	tap_ok(vl_utf8_take(longest, 4, &c) == 4 && c == 0x10ffff, "U+10FFFF");
	tap_ok(vl_utf8_take(longest, 3, &c) == 0, "U+10FFFF cut short");
}

int main(void)
{
	check_safe_text();
	check_paths();
	check_names();
	check_sizes();
	check_durations();
	check_times();
	check_http_dates();
	check_hex();
	check_nearest();
	check_percent();
	check_utf8();
	return tap_done();
}
