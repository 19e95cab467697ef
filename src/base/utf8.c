/* SPDX-License-Identifier: Apache-2.0 */
/* base/utf8.c: decode one character.
 * Keeps: only the shortest form is accepted, because longer forms hide "/" and NUL from checks. */
#include "base/utf8.h"

/* Bytes of the whole character by its first byte; 0: cannot begin one. */
static size_t length_of(uint8_t first)
{
	if (first < 0x80)
		return 1;
	if (first >= 0xc2 && first <= 0xdf)
		return 2;
	if (first >= 0xe0 && first <= 0xef)
		return 3;
	return first >= 0xf0 && first <= 0xf4 ? 4 : 0;
}

size_t vl_utf8_take(const uint8_t *s, size_t len, uint32_t *cp)
{
	static const uint8_t first_bits[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = len ? length_of(s[0]) : 0;
	uint32_t c;

	if (n == 0 || n > len)
		return 0;
	c = s[0] & first_bits[n];
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	if (cp)
		*cp = c;
	return n;
}
