/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/base_json_test.c: what the JSON reader accepts under both rule sets, and what the writer writes. */
#include <stdlib.h>

#include "base/json.h"
#include "tests/lib/tap.h"

#define GOOD (-1)

/* at = offset of the breach that the error must name, or GOOD. */
static const struct {
	const char *name, *text;
	int signed_at, oci_at;
} cases[] = {
	{ "empty object", "{}", GOOD, GOOD },
	{ "one LF behind", "{}\n", GOOD, GOOD },
	{ "two LF behind", "{}\n\n", 3, GOOD },
	{ "CR LF behind", "{}\r\n", 2, GOOD },
	{ "space behind", "{} ", 2, GOOD },
	{ "bytes behind", "{}x", 2, 2 },
	{ "bytes behind LF", "{}\nx", 3, 3 },
	{ "two documents", "{}{}", 2, 2 },
	{ "white space between all", " { \"a\" : [ 1 , true ] }", GOOD, GOOD },
	{ "nothing", "", 0, 0 },
	{ "only white space", " \n", 2, 2 },
	{ "byte order mark", "\xef\xbb\xbf{}", 0, 0 },
	{ "UTF-16", "{\xfe", 1, 1 },
	{ "array at the top", "[]", 0, GOOD },
	{ "string at the top", "\"a\"", 0, 0 },
	{ "number at the top", "1", 0, 0 },
	{ "duplicate key", "{\"a\":1,\"a\":2}", 10, 10 },
	{ "duplicate key, escaped", "{\"a\":1,\"\\u0061\":2}", 15, 15 },
	{ "duplicate key deep", "{\"x\":{\"a\":1,\"b\":1,\"a\":2}}", 21, 21 },
	{ "same key on two levels", "{\"a\":{\"a\":1}}", GOOD, GOOD },
	{ "depth 8", "{\"a\":[[[[[[[1]]]]]]]}", GOOD, GOOD },
	{ "depth 9", "{\"a\":[[[[[[[[1]]]]]]]]}", 12, GOOD },
	{ "depth 9, empty", "{\"a\":[[[[[[[{}]]]]]]]}", 12, GOOD },
	{ "depth 8 twice", "{\"a\":[[[[[[[]]]]]]],\"b\":[[[[[[[]]]]]]]}", GOOD, GOOD },
	{ "1e400", "{\"a\":1e400}", 6, 10 },
	{ "1e5", "{\"a\":1e5}", 6, GOOD },
	{ "1E5", "{\"a\":1E5}", 6, GOOD },
	{ "-0", "{\"a\":-0}", 5, GOOD },
	{ "-1", "{\"a\":-1}", 5, GOOD },
	{ "- alone", "{\"a\":-}", 5, 6 },
	{ "+1", "{\"a\":+1}", 5, 5 },
	{ "1.0", "{\"a\":1.0}", 6, GOOD },
	{ "1. without digit", "{\"a\":1.}", 6, 7 },
	{ ".5", "{\"a\":.5}", 5, 5 },
	{ "1e without digit", "{\"a\":1e}", 6, 7 },
	{ "0", "{\"a\":0}", GOOD, GOOD },
	{ "leading zero", "{\"a\":01}", 5, 6 },
	{ "00", "{\"a\":00}", 5, 6 },
	{ "2^53 - 1", "{\"a\":9007199254740991}", GOOD, GOOD },
	{ "2^53", "{\"a\":9007199254740992}", 5, GOOD },
	{ "2^64 + 1 must not wrap", "{\"a\":18446744073709551617}", 5, 25 },
	{ "hex number", "{\"a\":0x1}", 6, 6 },
	{ "NaN", "{\"a\":NaN}", 5, 5 },
	{ "Infinity", "{\"a\":Infinity}", 5, 5 },
	{ "invalid UTF-8", "{\"a\":\"\xff\"}", 6, 6 },
	{ "UTF-8 cut short", "{\"a\":\"\xe2\x82\"}", 6, 6 },
	{ "overlong slash", "{\"a\":\"\xc0\xaf\"}", 6, 6 },
	{ "surrogate as UTF-8", "{\"a\":\"\xed\xa0\x80\"}", 6, 6 },
	{ "beyond U+10FFFF", "{\"a\":\"\xf4\x90\x80\x80\"}", 6, 6 },
	{ "invalid UTF-8 outside a string", "{\"a\":\xff}", 5, 5 },
	{ "invalid UTF-8 in a key", "{\"\xff\":1}", 2, 2 },
	{ "good UTF-8", "{\"a\":\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x93\xa6\"}", GOOD, GOOD },
	{ "lone high surrogate", "{\"a\":\"\\ud800\"}", 12, 12 },
	{ "lone low surrogate", "{\"a\":\"\\udc00\"}", 12, 12 },
	{ "high, high", "{\"a\":\"\\ud800\\ud800\"}", 18, 18 },
	{ "high, other escape", "{\"a\":\"\\ud800\\n\"}", 13, 13 },
	{ "surrogate pair", "{\"a\":\"\\ud83d\\udce6\"}", GOOD, GOOD },
	{ "\\u0000", "{\"a\":\"\\u0000\"}", 12, 12 },
	{ "\\u0000 in a key", "{\"\\u0000\":1}", 8, 8 },
	{ "\\u with three digits", "{\"a\":\"\\u00e\"}", 11, 11 },
	{ "\\u with a sign", "{\"a\":\"\\u+0041\"}", 8, 8 },
	{ "\\n", "{\"a\":\"\\n\"}", 6, GOOD },
	{ "\\u001b", "{\"a\":\"\\u001b\"}", 6, GOOD },
	{ "DEL", "{\"a\":\"\x7f\"}", 6, GOOD },
	{ "C1 control", "{\"a\":\"\xc2\x9b\"}", 6, GOOD },
	{ "raw LF in a string", "{\"a\":\"\n\"}", 6, 6 },
	{ "raw tab in a string", "{\"a\":\"\t\"}", 6, 6 },
	{ "unknown escape", "{\"a\":\"\\x41\"}", 7, 7 },
	{ "escapes", "{\"a\":\"\\\"\\\\\\/\"}", GOOD, GOOD },
	{ "trailing comma in an object", "{\"a\":1,}", 7, 7 },
	{ "trailing comma in an array", "{\"a\":[1,]}", 8, 8 },
	{ "leading comma", "{,\"a\":1}", 1, 1 },
	{ "comma missing", "{\"a\":1 \"b\":2}", 7, 7 },
	{ "colon missing", "{\"a\" 1}", 5, 5 },
	{ "value missing", "{\"a\":}", 5, 5 },
	{ "key without quotes", "{a:1}", 1, 1 },
	{ "single quotes", "{'a':1}", 1, 1 },
	{ "number as key", "{1:1}", 1, 1 },
	{ "wrong bracket", "{\"a\":[1}", 7, 7 },
	{ "too many brackets", "{}}", 2, 2 },
	{ "comment", "{/**/}", 1, 1 },
	{ "cut in an object", "{\"a\":1", 6, 6 },
	{ "cut in a string", "{\"a\":\"x", 7, 7 },
	{ "cut in an escape", "{\"a\":\"\\", 7, 7 },
	{ "cut in \\u", "{\"a\":\"\\u00", 10, 10 },
	{ "cut in a word", "{\"a\":tru", 5, 5 },
	{ "word in capitals", "{\"a\":True}", 5, 5 },
	{ "words", "{\"a\":[true,false,null]}", GOOD, GOOD },
	{ "word goes on", "{\"a\":nullx}", 9, 9 },
	{ "form feed as white space", "{\f}", 1, 1 },
};

static bool parses(struct vl_bytes text, enum vl_json_rules rules, struct vl_err *e)
{
	VL_AUTO(vl_json) j = NULL;

	return vl_json_parse(&j, text, rules, "doc", VL_E_FORMAT, e);
}

static void check(const char *name, struct vl_bytes text, enum vl_json_rules rules, int at)
{
	const char *set = rules == VL_JSON_OCI ? "oci" : "signed";
	struct vl_err e = VL_ERR_INIT;
	char want[64];

	/* An own copy of the exact size: the sanitizer and valgrind see one byte too far. */
	VL_STR copy = malloc(text.len ? text.len : 1);
	if (!copy)
		abort();
	memcpy(copy, text.data, text.len);
	text = vl_bytes(copy, text.len);
	if (at == GOOD) {
		tap_good(parses(text, rules, &e), &e, "%s: %s is accepted", set, name);
		return;
	}
	tap_fails(parses(text, rules, &e), &e, VL_E_FORMAT, "%s: %s is refused", set, name);
	snprintf(want, sizeof want, "doc: byte %d: ", at);
	if (!tap_ok(!strncmp(e.msg, want, strlen(want)), "%s: %s: message names document and byte %d", set, name, at))
		printf("# message: %s\n", e.msg);
}

static void check_table(void)
{
	for (size_t i = 0; i < VL_LEN(cases); i++) {
		check(cases[i].name, vl_bytes_str(cases[i].text), VL_JSON_SIGNED, cases[i].signed_at);
		check(cases[i].name, vl_bytes_str(cases[i].text), VL_JSON_OCI, cases[i].oci_at);
	}
	check("NUL behind the end", vl_bytes("{}\0", 3), VL_JSON_SIGNED, 2);
	check("NUL behind the end", vl_bytes("{}\0", 3), VL_JSON_OCI, 2);
	check("NUL in a string", vl_bytes("{\"a\":\"\0\"}", 9), VL_JSON_OCI, 6);
	check("NUL in an escape", vl_bytes("{\"a\":\"\\\0\"}", 10), VL_JSON_OCI, 7);
}

/* prefix, then `unit` n times, then suffix. */
static void check_long(const char *name, const char *prefix, const char *unit, size_t n, const char *suffix,
		       int signed_at, int oci_at)
{
	size_t at = strlen(prefix), len = at + n * strlen(unit) + strlen(suffix);
	VL_STR text = malloc(len + 1);

	if (!text)
		abort();
	memcpy(text, prefix, at);
	for (size_t i = 0; i < n; i++, at += strlen(unit))
		memcpy(text + at, unit, strlen(unit));
	memcpy(text + at, suffix, strlen(suffix));
	check(name, vl_bytes(text, len), VL_JSON_SIGNED, signed_at);
	check(name, vl_bytes(text, len), VL_JSON_OCI, oci_at);
}

static void check_limits(void)
{
	VL_CLEAN(vl_buf) b = VL_BUF_INIT(1 << 20);
	struct vl_err e = VL_ERR_INIT;
	struct vl_jw w;

	check_long("string of 1024 bytes", "{\"a\":\"", "x", 1024, "\"}", GOOD, GOOD);
	check_long("string of 1025 bytes", "{\"a\":\"", "x", 1025, "\"}", 6 + 1024, GOOD);
	check_long("string of 1 MiB", "{\"a\":\"", "x", 1 << 20, "\"}", 6 + 1024, GOOD);
	check_long("key of 1025 bytes", "{\"", "x", 1025, "\":1}", 2 + 1024, GOOD);
	check_long("1024 escapes count as one byte each", "{\"a\":\"", "\\u0041", 1024, "\"}", GOOD, GOOD);
	check_long("513 characters of two bytes", "{\"a\":\"", "\xc3\xa4", 513, "\"}", 6 + 1024, GOOD);
	check_long("array of 32768", "{\"a\":[0", ",0", 32767, "]}", GOOD, GOOD);
	check_long("array of 32769", "{\"a\":[0", ",0", 32768, "]}", 7 + 2 * 32767 + 1, GOOD);
	check_long("depth 65", "", "[", 65, "", 0, 64);
	check_long("depth 100000", "", "[", 100000, "", 0, 64);
	for (unsigned n = 4096; n <= 4097; n++) {
		vl_buf_reset(&b);
		vl_jw_init(&w, &b, false);
		vl_jw_object(&w, NULL);
		for (unsigned i = 0; i < n; i++) {
			char key[16];

			snprintf(key, sizeof key, "k%u", i);
			vl_jw_u64(&w, key, i);
		}
		vl_jw_object_end(&w);
		tap_good(vl_jw_end(&w, &e), &e, "write %u members", n);
		tap_is(parses(vl_buf_bytes(&b), VL_JSON_SIGNED, &e), n == 4096, "signed: %u members", n);
		tap_is(parses(vl_buf_bytes(&b), VL_JSON_OCI, &e), n == 4096, "oci: %u members", n);
	}
}

static void check_reading(void)
{
	static const char text[] = "{\"z\":\"s\",\"a\":7,\"b\":true,\"n\":null,\"l\":[1,-2,2.5],\"o\":{}}";
	VL_AUTO(vl_json) j = NULL;
	struct vl_err e = VL_ERR_INIT;
	const struct vl_jval *root, *list;
	const char *key, *const keys[] = { "z", "a", "b", "n", "l", "o" };
	uint64_t n = 0;

	tap_good(vl_json_parse(&j, vl_bytes_str(text), VL_JSON_OCI, "t", VL_E_FORMAT, &e), &e, "parse");
	root = vl_json_root(j);
	tap_ok(vl_jval_is_object(root) && !vl_jval_is_array(root), "root is an object");
	tap_is(vl_jval_count(root), 6, "six members");
	for (size_t i = 0; i < VL_LEN(keys); i++) {
		vl_jval_member(root, i, &key);
		tap_str(key, keys[i], "member %zu in the document's order", i);
	}
	tap_ok(!vl_jval_member(root, 6, &key) && !key, "no member 6");
	tap_str(vl_jval_str(vl_jval_get(root, "z")), "s", "string");
	tap_ok(!vl_jval_str(vl_jval_get(root, "a")), "a number is no string");
	tap_ok(vl_jval_u64(vl_jval_get(root, "a"), &n) && n == 7, "integer");
	tap_ok(!vl_jval_u64(vl_jval_get(root, "z"), &n), "a string is no integer");
	tap_ok(vl_jval_is_null(vl_jval_get(root, "n")), "null");
	tap_ok(!vl_jval_is_null(vl_jval_get(root, "q")), "not there is not null");
	list = vl_jval_get(root, "l");
	tap_is(vl_jval_count(list), 3, "three elements");
	tap_ok(!vl_jval_u64(vl_jval_at(list, 1), &n), "-2 is no u64");
	tap_ok(!vl_jval_u64(vl_jval_at(list, 2), &n), "2.5 is no u64");
	tap_ok(!vl_jval_at(list, 3), "no element 3");
	tap_is(vl_jval_count(vl_jval_get(root, "z")), 0, "a string has no elements");
	tap_ok(!vl_jval_get(NULL, "x") && !vl_jval_at(NULL, 0) && !vl_jval_str(NULL) && !vl_jval_count(NULL) &&
		       !vl_jval_u64(NULL, &n) && !vl_jval_member(NULL, 0, &key) &&
		       !vl_jval_is_object(NULL) && !vl_jval_is_array(NULL) && !vl_json_root(NULL),
	       "every reader accepts not there");
}

static void write_sample(struct vl_jw *w)
{
	vl_jw_object(w, NULL);
	vl_jw_str(w, "s", "a\"\\\n\x01\x7f\xc3\xa4/");
	vl_jw_str(w, "left out", NULL);
	vl_jw_u64(w, "u", UINT64_MAX);
	vl_jw_i64(w, "i", -5);
	vl_jw_array(w, "l");
	vl_jw_bool(w, NULL, true);
	vl_jw_null(w, NULL);
	vl_jw_array_end(w);
	vl_jw_object(w, "e");
	vl_jw_object_end(w);
	vl_jw_object_end(w);
}

static void check_writing(void)
{
	VL_CLEAN(vl_buf) b = VL_BUF_INIT(1000);
	VL_CLEAN(vl_buf) small = VL_BUF_INIT(20);
	struct vl_err e = VL_ERR_INIT;
	struct vl_jw w;

	vl_jw_init(&w, &b, false);
	write_sample(&w);
	tap_good(vl_jw_end(&w, &e), &e, "write compact");
	tap_str(vl_buf_str(&b),
		"{\"s\":\"a\\\"\\\\\\n\\u0001\\u007f\xc3\xa4/\","
		"\"u\":18446744073709551615,\"i\":-5,\"l\":[true,null],\"e\":{}}",
		"compact text");
	vl_buf_reset(&b);
	vl_jw_init(&w, &b, true);
	write_sample(&w);
	tap_good(vl_jw_end(&w, &e), &e, "write pretty");
	tap_str(vl_buf_str(&b),
		"{\n  \"s\": \"a\\\"\\\\\\n\\u0001\\u007f\xc3\xa4/\",\n  \"u\": 18446744073709551615,\n  \"i\": -5,\n"
		"  \"l\": [\n    true,\n    null\n  ],\n  \"e\": {}\n}",
		"pretty text");
	vl_jw_init(&w, &small, false);
	write_sample(&w);
	tap_fails(vl_jw_end(&w, &e), &e, VL_E_LIMIT, "the buffer's maximum is reported at the end");
	vl_buf_reset(&b);
	vl_jw_init(&w, &b, false);
	vl_jw_str(&w, NULL, "\xff");
	tap_fails(vl_jw_end(&w, &e), &e, VL_E_FORMAT, "text that is not UTF-8 is refused");
	vl_jw_init(&w, &b, false);
	vl_jw_object(&w, NULL);
	tap_fails(vl_jw_end(&w, &e), &e, VL_E_INTERNAL, "an open level is a fault");
	vl_jw_init(&w, &b, false);
	vl_jw_array_end(&w);
	tap_fails(vl_jw_end(&w, &e), &e, VL_E_INTERNAL, "closing what is not open is a fault");
}

int main(void)
{
	check_table();
	check_limits();
	check_reading();
	check_writing();
	return tap_done();
}
