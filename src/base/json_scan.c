/* SPDX-License-Identifier: Apache-2.0 */
/* base/json_scan.c: decide what is accepted, before any parser builds anything.
 * In: untrusted bytes. Out: yes, or the offset and the reason of the first breach.
 * Keeps: no recursion and no allocation, so that depth and size of the input cost nothing; two readers of the same
 * bytes must not see two documents, so everything that parsers are known to disagree about is refused. */
#include "base/json_scan.h"

#include "base/utf8.h"

#define MEMBERS_MAX 4096
#define DEPTH_MAX 64 /* of all rules: the size of the stack */
#define INTEGER_MAX 9007199254740991ULL

struct limits {
	size_t depth, string, elements;
	bool ours;
};

struct scan {
	const uint8_t *start, *at, *end;
	const struct limits *max;
	const char *why;
	size_t depth;
	struct {
		bool object;
		size_t count;
	} level[DEPTH_MAX];
};

static bool refuse(struct scan *s, const char *why)
{
	s->why = why;
	return false;
}

static int peek(const struct scan *s)
{
	return s->at < s->end ? *s->at : -1;
}

static bool take(struct scan *s, int c)
{
	if (peek(s) != c)
		return false;
	s->at++;
	return true;
}

static void skip_space(struct scan *s)
{
	while (take(s, ' ') || take(s, '\t') || take(s, '\n') || take(s, '\r'))
		;
}

static bool is_digit(int c)
{
	return c >= '0' && c <= '9';
}

static bool take_hex4(struct scan *s, uint32_t *out)
{
	int c;

	*out = 0;
	for (unsigned i = 0; i < 4; i++, s->at++) {
		c = peek(s);
		if (is_digit(c))
			*out = *out << 4 | (uint32_t)(c - '0');
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f' && c > 0)
			*out = *out << 4 | (uint32_t)((c | 0x20) - 'a' + 10);
		else
			return refuse(s, "\\u needs four hex digits");
	}
	return true;
}

/* What stands behind "\u". */
static bool take_unicode(struct scan *s, uint32_t *c)
{
	uint32_t low;

	if (!take_hex4(s, c))
		return false;
	if (*c == 0)
		return refuse(s, "U+0000 is not allowed");
	if (*c >= 0xdc00 && *c <= 0xdfff)
		return refuse(s, "lone surrogate");
	if (*c < 0xd800 || *c > 0xdbff)
		return true;
	if (!take(s, '\\') || !take(s, 'u'))
		return refuse(s, "lone surrogate");
	if (!take_hex4(s, &low))
		return false;
	if (low < 0xdc00 || low > 0xdfff)
		return refuse(s, "lone surrogate");
	*c = 0x10000 + ((*c - 0xd800) << 10 | (low - 0xdc00));
	return true;
}

static bool take_escape(struct scan *s, uint32_t *c)
{
	static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
	const char *found;

	if (take(s, 'u'))
		return take_unicode(s, c);
	found = peek(s) > 0 ? strchr(names, peek(s)) : NULL;
	if (!found)
		return refuse(s, "unknown escape in a string");
	*c = (uint32_t)values[found - names];
	s->at++;
	return true;
}

static bool take_raw(struct scan *s, uint32_t *c)
{
	size_t n = vl_utf8_take(s->at, (size_t)(s->end - s->at), c);

	if (s->at == s->end)
		return refuse(s, "the text ends inside a string");
	if (n == 0)
		return refuse(s, "not UTF-8");
	if (*c < 0x20)
		return refuse(s, "control character in a string");
	s->at += n;
	return true;
}

static size_t utf8_len(uint32_t c)
{
	return c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
}

static bool take_string(struct scan *s)
{
	const uint8_t *at;
	size_t len = 0;
	uint32_t c;

	s->at++; /* the quote */
	while (!take(s, '"')) {
		at = s->at;
		if (!(take(s, '\\') ? take_escape(s, &c) : take_raw(s, &c)))
			return false;
		len += utf8_len(c);
		if (s->max->ours && (c < 0x20 || (c >= 0x7f && c <= 0x9f))) {
			s->at = at;
			return refuse(s, "control character in a string");
		}
		if (len > s->max->string) {
			s->at = at;
			return refuse(s, "string too long");
		}
	}
	return true;
}

static bool take_digits(struct scan *s)
{
	if (!is_digit(peek(s)))
		return refuse(s, "a digit is missing");
	while (is_digit(peek(s)))
		s->at++;
	return true;
}

/* Ours: 0 to 2^53 - 1, which every reader of JSON understands in the same way. */
static bool take_our_integer(struct scan *s)
{
	const uint8_t *from = s->at;
	uint64_t value = 0;

	if (peek(s) == '-')
		return refuse(s, "negative numbers are not allowed");
	for (; is_digit(peek(s)); s->at++) {
		value = value * 10 + (uint64_t)(*s->at - '0');
		if (value > INTEGER_MAX) {
			s->at = from;
			return refuse(s, "number larger than 2^53 - 1");
		}
	}
	if (*from == '0' && s->at - from > 1) {
		s->at = from;
		return refuse(s, "leading zero");
	}
	if (peek(s) == '.' || (peek(s) | 0x20) == 'e')
		return refuse(s, "only whole numbers are allowed");
	return true;
}

static bool take_number(struct scan *s)
{
	if (s->max->ours)
		return take_our_integer(s);
	take(s, '-');
	if (take(s, '0')) {
		if (is_digit(peek(s)))
			return refuse(s, "leading zero");
	} else if (!take_digits(s)) {
		return false;
	}
	if (take(s, '.') && !take_digits(s))
		return false;
	if (!take(s, 'e') && !take(s, 'E'))
		return true;
	if (!take(s, '+'))
		take(s, '-');
	return take_digits(s);
}

static bool take_word(struct scan *s, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(s->end - s->at) < len || memcmp(s->at, word, len) != 0)
		return refuse(s, "unknown word");
	s->at += len;
	return true;
}

static bool take_scalar(struct scan *s)
{
	switch (peek(s)) {
	case '"':
		return take_string(s);
	case 't':
		return take_word(s, "true");
	case 'f':
		return take_word(s, "false");
	case 'n':
		return take_word(s, "null");
	case -1:
		return refuse(s, "the text ends where a value should be");
	default:
		if (peek(s) != '-' && !is_digit(peek(s)))
			return refuse(s, "a value should be here");
		return take_number(s);
	}
}

/* The key and colon of the next member, when the open level is an object. */
static bool take_key(struct scan *s)
{
	if (!s->level[s->depth - 1].object)
		return true;
	skip_space(s);
	if (peek(s) != '"')
		return refuse(s, "a key in quotes should be here");
	if (!take_string(s))
		return false;
	skip_space(s);
	return take(s, ':') || refuse(s, "a colon should be here");
}

static bool count_entry(struct scan *s)
{
	bool object = s->level[s->depth - 1].object;

	if (s->level[s->depth - 1].count++ < (object ? MEMBERS_MAX : s->max->elements))
		return true;
	return refuse(s, object ? "too many members in an object" : "too many elements in an array");
}

static bool open_level(struct scan *s, bool object)
{
	if (s->depth >= s->max->depth)
		return refuse(s, "nested too deeply");
	s->at++;
	s->level[s->depth].object = object;
	s->level[s->depth++].count = 0;
	return true;
}

/* Behind a value: closes levels until one goes on; true in *more when another value follows. */
static bool after_value(struct scan *s, bool *more)
{
	*more = true;
	while (s->depth > 0) {
		skip_space(s);
		if (take(s, ','))
			return count_entry(s) && take_key(s);
		if (!take(s, s->level[s->depth - 1].object ? '}' : ']'))
			return refuse(s, peek(s) < 0 ? "the text ends too early" : "a comma or the end should be here");
		s->depth--;
	}
	*more = false;
	return true;
}

/* An opening bracket and what must follow it; *empty when the level is closed at once, which makes it a value. */
static bool enter(struct scan *s, bool *empty)
{
	bool object = peek(s) == '{';

	if (!open_level(s, object))
		return false;
	skip_space(s);
	*empty = take(s, object ? '}' : ']');
	if (*empty) {
		s->depth--;
		return true;
	}
	return count_entry(s) && take_key(s);
}

static bool take_document(struct scan *s)
{
	bool more = true, whole;

	while (more) {
		skip_space(s);
		whole = true;
		if (peek(s) == '{' || peek(s) == '[') {
			if (!enter(s, &whole))
				return false;
		} else if (!take_scalar(s)) {
			return false;
		}
		if (whole && !after_value(s, &more))
			return false;
	}
	return true;
}

bool vl_json_scan(struct vl_bytes text, enum vl_json_rules rules, size_t *at, const char **why)
{
	static const struct limits signed_max = { .depth = 8, .string = 1024, .elements = 32768, .ours = true };
	static const struct limits oci_max = { .depth = DEPTH_MAX, .string = SIZE_MAX, .elements = SIZE_MAX };
	struct scan s = { .why = "" };
	bool good;

	if (!text.data)
		text = vl_bytes("", 0);
	s.start = s.at = text.data;
	s.end = text.data + text.len;
	s.max = rules == VL_JSON_OCI ? &oci_max : &signed_max;
	skip_space(&s);
	if (text.len >= 3 && !memcmp(text.data, "\xef\xbb\xbf", 3))
		good = refuse(&s, "begins with a byte order mark");
	else if (peek(&s) != '{' && (s.max->ours || peek(&s) != '['))
		good = refuse(&s, s.max->ours ? "an object should be here" : "an object or an array should be here");
	else
		good = take_document(&s);
	if (good && s.max->ours)
		take(&s, '\n');
	else if (good)
		skip_space(&s);
	if (good && s.at != s.end)
		good = refuse(&s, "bytes behind the end");
	*at = (size_t)(s.at - s.start);
	*why = s.why;
	return good;
}
