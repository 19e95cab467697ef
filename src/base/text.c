/* SPDX-License-Identifier: Apache-2.0 */
/* base/text.c: foreign text made safe, names and paths judged, hex.
 * In:  bytes that may come from anyone.
 * Out: text that cannot move the cursor, or hide or reorder what an operator reads. */
#include "base/text.h"

#include "base/utf8.h"

/* Characters that print nothing, or change the order or place of what is printed. */
static const struct {
	uint32_t first, last;
} unsafe_ranges[] = {
	{ 0x0000, 0x001f },   { 0x007f, 0x009f },   { 0x00ad, 0x00ad },   { 0x034f, 0x034f },   { 0x0600, 0x0605 },
	{ 0x061c, 0x061c },   { 0x06dd, 0x06dd },   { 0x070f, 0x070f },   { 0x0890, 0x0891 },   { 0x08e2, 0x08e2 },
	{ 0x115f, 0x1160 },   { 0x17b4, 0x17b5 },   { 0x180b, 0x180f },   { 0x200b, 0x200f },   { 0x2028, 0x202e },
	{ 0x2060, 0x206f },   { 0x3164, 0x3164 },   { 0xfe00, 0xfe0f },   { 0xfeff, 0xfeff },   { 0xffa0, 0xffa0 },
	{ 0xfff0, 0xfffb },   { 0x110bd, 0x110bd }, { 0x110cd, 0x110cd }, { 0x13430, 0x1343f }, { 0x1bca0, 0x1bca3 },
	{ 0x1d173, 0x1d17a }, { 0xe0000, 0xe0fff },
};

static bool is_printable(uint32_t c)
{
	for (size_t i = 0; i < VL_LEN(unsafe_ranges); i++)
		if (c >= unsafe_ranges[i].first && c <= unsafe_ranges[i].last)
			return false;
	return true;
}

char *vl_safe_text(const char *s, size_t max)
{
	static const char digits[] = "0123456789abcdef";
	size_t len = s ? strlen(s) : 0, in = 0, n;
	const uint8_t *at = (const uint8_t *)s;
	size_t end = len < max ? len : max;
	char *out = vl_xcalloc(end + 1, 4), *to = out;
	uint32_t c;

	while (in < end) {
		n = vl_utf8_take(at + in, len - in, &c);
		if (n && in + n > end)
			break; /* a cut never splits a character */
		if (n && is_printable(c)) {
			to = (char *)mempcpy(to, at + in, n);
			in += n;
			continue;
		}
		for (n = n ? n : 1; n > 0; n--, in++) {
			*to++ = '\\';
			*to++ = 'x';
			*to++ = digits[at[in] >> 4];
			*to++ = digits[at[in] & 15];
		}
	}
	memcpy(to, in < len ? "..." : "", in < len ? 4 : 1);
	return out;
}

static bool step_is_safe(const char *step, size_t len)
{
	if (len == 0 || len > 255)
		return false;
	return !(len == 1 && step[0] == '.') && !(len == 2 && step[0] == '.' && step[1] == '.');
}

bool vl_path_is_safe(const char *path)
{
	size_t len = strlen(path), n, step = 0;
	const uint8_t *at = (const uint8_t *)path;

	if (len > 1024)
		return false;
	for (size_t i = 0; i < len; i += n) {
		n = vl_utf8_take(at + i, len - i, NULL);
		if (n == 0 || at[i] < 0x20 || at[i] == 0x7f || at[i] == '\\')
			return false;
		if (at[i] == '/') {
			if (!step_is_safe(path + step, i - step))
				return false;
			step = i + 1;
		}
	}
	return step_is_safe(path + step, len - step);
}

static bool is_lower_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool vl_ends_with(const char *s, const char *end)
{
	size_t a = strlen(s), b = strlen(end);

	return a >= b && !strcmp(s + a - b, end);
}

bool vl_name_is_valid(const char *name)
{
	size_t len = strnlen(name, 65);

	if (len == 0 || len > 64 || !is_lower_or_digit(name[0]) || strstr(name, ".."))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_lower_or_digit(name[i]) && name[i] != '-' && name[i] != '_' && name[i] != '.')
			return false;
	return true;
}

void vl_hex(const uint8_t *data, size_t len, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		*out++ = digits[data[i] >> 4];
		*out++ = digits[data[i] & 15];
	}
	*out = '\0';
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool vl_unhex(const char *hex, uint8_t *out, size_t len)
{
	int high, low;

	for (size_t i = 0; i < len; i++) {
		high = hex_value(hex[2 * i]);
		low = high < 0 ? -1 : hex_value(hex[2 * i + 1]);
		if (low < 0)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return hex[2 * len] == '\0';
}
