/* SPDX-License-Identifier: Apache-2.0 */
/* Ranges, entity tags, dates, targets and queries of valise serve, as tables; and what is remembered about blobs. */
#include <inttypes.h>

#include "serve/core_priv.h"
#include "tests/lib/tap.h"

#define MAX "18446744073709551615"
#define OVER "18446744073709551616"

static void test_spans(void)
{
	static const struct {
		const char *range;
		uint64_t size;
		enum vl_span_kind kind;
		uint64_t from, len;
	} t[] = {
		{ NULL, 10, VL_SPAN_WHOLE, 0, 10 },           { "bytes=0-0", 10, VL_SPAN_PART, 0, 1 },
		{ "bytes=0-", 10, VL_SPAN_PART, 0, 10 },      { "bytes=9-", 10, VL_SPAN_PART, 9, 1 },
		{ "bytes=10-", 10, VL_SPAN_NONE, 0, 0 },      { "bytes=0-99", 10, VL_SPAN_PART, 0, 10 },
		{ "bytes=-3", 10, VL_SPAN_PART, 7, 3 },       { "bytes=-99", 10, VL_SPAN_PART, 0, 10 },
		{ "bytes=-0", 10, VL_SPAN_NONE, 0, 0 },       { "bytes=0-0", 0, VL_SPAN_NONE, 0, 0 },
		{ "bytes=-1", 0, VL_SPAN_NONE, 0, 0 },        { "bytes=0-" MAX, 10, VL_SPAN_PART, 0, 10 },
		{ "bytes=0-" OVER, 10, VL_SPAN_PART, 0, 10 }, { "bytes=" OVER "-", 10, VL_SPAN_NONE, 0, 0 },
		{ "bytes=-" OVER, 10, VL_SPAN_PART, 0, 10 },  { "bytes=" MAX "-" MAX, 10, VL_SPAN_NONE, 0, 0 },
		{ "bytes=0-0", UINT64_MAX, VL_SPAN_PART, 0, 1 },
		{ "bytes=3-2", 10, VL_SPAN_WHOLE, 0, 10 },    { "bytes=0-1,3-4", 10, VL_SPAN_WHOLE, 0, 10 },
		{ "bytes=", 10, VL_SPAN_WHOLE, 0, 10 },       { "bytes=-", 10, VL_SPAN_WHOLE, 0, 10 },
		{ "bytes", 10, VL_SPAN_WHOLE, 0, 10 },        { "bytes=1", 10, VL_SPAN_WHOLE, 0, 10 },
		{ "bytes= 1-2", 10, VL_SPAN_WHOLE, 0, 10 },   { "bytes=1-2 ", 10, VL_SPAN_WHOLE, 0, 10 },
		{ "bytes=0x1-2", 10, VL_SPAN_WHOLE, 0, 10 },  { "lines=1-2", 10, VL_SPAN_WHOLE, 0, 10 },
		{ "", 10, VL_SPAN_WHOLE, 0, 10 },             { "bytes=-1-", 10, VL_SPAN_WHOLE, 0, 10 },
	};

	for (size_t i = 0; i < VL_LEN(t); i++) {
		struct vl_span s;

		vl_span_parse(t[i].range, t[i].size, &s);
		tap_ok(s.kind == t[i].kind && (s.kind == VL_SPAN_NONE || (s.from == t[i].from && s.len == t[i].len)),
		       "range \"%s\" of %" PRIu64, t[i].range ? t[i].range : "(none)", t[i].size);
	}
}

static void test_tags(void)
{
	static const struct {
		const char *list;
		bool listed;
	} t[] = {
		{ "\"a\"", true }, { "W/\"a\"", true }, { "*", true }, { "\"b\", \"a\"", true },
		{ "\"b\",W/\"a\"", true },
		{ " , \"a\"", true }, { "\"aa\"", false }, { "a", false }, { "", false }, { "\"b\"", false },
		{ "\"", false }, { "\"a", false }, { "\"b\" x \"a\"", false }, { "**", false }, { "\"b\\\"a\"", false },
	};

	for (size_t i = 0; i < VL_LEN(t); i++)
		tap_ok(vl_etag_listed(t[i].list, "\"a\"") == t[i].listed, "If-None-Match %s", t[i].list);
	tap_ok(vl_if_range(NULL, "\"a\"", 0), "no If-Range");
	tap_ok(vl_if_range("\"a\"", "\"a\"", 0), "If-Range with the tag");
	tap_ok(!vl_if_range("W/\"a\"", "\"a\"", 0), "If-Range with a weak tag");
	tap_ok(!vl_if_range("*", "\"a\"", 0), "If-Range with a star");
	tap_ok(vl_if_range("Sun, 06 Nov 1994 08:49:37 GMT", "\"a\"", 784111777), "If-Range with the date");
	tap_ok(!vl_if_range("Sun, 06 Nov 1994 08:49:38 GMT", "\"a\"", 784111777), "If-Range with a later date");
}

static void test_dates(void)
{
	char text[32];

	tap_str(vl_http_date(784111777, text), "Sun, 06 Nov 1994 08:49:37 GMT", "a date");
	tap_str(vl_http_date(0, text), "Thu, 01 Jan 1970 00:00:00 GMT", "the first date");
}

static void test_targets(void)
{
	static const struct {
		const char *target;
		bool good;
		const char *query;
	} t[] = {
		{ "/", true, NULL }, { "/v2/?n=1", true, "n=1" }, { "/v2/?", true, "" }, { "/a?b?c", true, "b?c" },
		{ "/v2/%2e", false, NULL }, { "/%00", false, NULL }, { "/files/a%20b", true, NULL },
		{ "/osv/%41", true, NULL }, { "/filesx/%20", false, NULL }, { "/v2/?x=%00", true, "x=%00" },
		{ "v2", false, NULL }, { "", false, NULL }, { "/a b", false, NULL }, { "/a\x01", false, NULL },
		{ "/a\x7f", false, NULL }, { "/a\xc3\xa4", false, NULL }, { "/a\\b", false, NULL },
		{ "*", false, NULL }, { "http://x/", false, NULL }, { "/?a=\x01", false, NULL },
	};

	for (size_t i = 0; i < VL_LEN(t); i++) {
		VL_STR copy = vl_xstrdup(t[i].target);
		char *query;
		bool good = vl_target_split(copy, &query);

		tap_ok(good == t[i].good, "target %zu \"%s\"", i, t[i].target);
		if (good && t[i].query)
			tap_str(query, t[i].query, "its query");
		else if (good)
			tap_ok(!query, "no query in %zu", i);
	}
}

static void test_queries(void)
{
	static const struct {
		const char *query, *value; /* NULL: absent; "!": malformed */
	} t[] = {
		{ "n=5", "5" }, { "a=1&n=5", "5" }, { "n=5&n=6", "5" }, { "nn=5", NULL }, { "n=", "" }, { "n", NULL },
		{ "", NULL }, { "&&n=5&", "5" }, { "n=a%2Fb", "a/b" }, { "n=a%2fb+js", "a/b+js" }, { "n=%2Bx", "+x" },
		{ "n=%", "!" }, { "n=%4", "!" }, { "n=%4g", "!" }, { "n=%00", "!" }, { "n=%0a", "!" }, { "n=%ff", "!" },
		{ "n=%20", "!" }, { "n=12345678", "!" }, { "n=1234567", "1234567" }, { "n=%41&x=%zz", "A" },
		{ "n=4%", "!" },
	};
	char out[8];

	for (size_t i = 0; i < VL_LEN(t); i++) {
		bool found, good = vl_query_get(t[i].query, "n", out, sizeof out, &found);

		if (!t[i].value)
			tap_ok(good && !found, "query \"%s\": absent", t[i].query);
		else if (*t[i].value == '!')
			tap_ok(!good, "query \"%s\": malformed", t[i].query);
		else
			tap_ok(good && found && !strcmp(out, t[i].value), "query \"%s\": %s", t[i].query, t[i].value);
	}
}

static void test_known(void)
{
	VL_AUTO(vl_known) k = vl_known_new(1000);
	struct vl_digest a = { { 1, 2, 3 } }, b = a;
	struct vl_ident one = { .dev = 1, .ino = 2, .size = 3, .mtime = 4, .ctime = 5 }, other = one;

	other.ctime = 6;
	b.b[31] = 1; /* the same set of places */
	tap_ok(!vl_known_get(k, &a, &one, 0), "nothing is known");
	tap_ok(vl_known_set(k, &a, &one, VL_BLOB_WHOLE, 0), "news");
	tap_ok(!vl_known_set(k, &a, &one, VL_BLOB_WHOLE, 10), "no news");
	tap_ok(vl_known_get(k, &a, &one, 500) == VL_BLOB_WHOLE, "whole");
	tap_ok(!vl_known_get(k, &a, &other, 500), "not when the file changed");
	tap_ok(!vl_known_get(k, &b, &one, 500), "nor another blob");
	tap_ok(!vl_known_get(k, &a, &one, 1010), "nor after a while");
	tap_ok(vl_known_set(k, &a, &one, VL_BLOB_DAMAGED, 20), "damage is news");
	tap_ok(vl_known_get(k, &a, &one, 99999) == VL_BLOB_DAMAGED, "and stays");
	for (uint8_t i = 1; i <= 4; i++) {
		b.b[31] = i;
		vl_known_set(k, &b, &one, VL_BLOB_WHOLE, 100 + i);
	}
	tap_ok(!vl_known_get(k, &a, &one, 200), "the oldest of five in four places is forgotten");
	tap_ok(vl_known_get(k, &b, &one, 200) == VL_BLOB_WHOLE, "the newest is not");
}

int main(void)
{
	test_spans();
	test_tags();
	test_dates();
	test_targets();
	test_queries();
	test_known();
	return tap_done();
}
