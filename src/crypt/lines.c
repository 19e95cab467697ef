/* SPDX-License-Identifier: Apache-2.0 */
/* crypt/lines.c: lines and base64 for the readers of keys and signatures. */
#include "crypt/lines.h"

#include <sodium.h>

bool vl_line_take(struct vl_bytes *rest, struct vl_bytes *line)
{
	const uint8_t *lf = rest->len ? memchr(rest->data, '\n', rest->len) : NULL;

	if (!lf)
		return false;
	*line = vl_bytes(rest->data, (size_t)(lf - rest->data));
	*rest = vl_bytes(lf + 1, rest->len - line->len - 1);
	return true;
}

bool vl_prefix_take(struct vl_bytes *b, const char *prefix)
{
	size_t len = strlen(prefix);

	if (b->len < len || memcmp(b->data, prefix, len))
		return false;
	*b = vl_bytes(b->data + len, b->len - len);
	return true;
}

/* libsodium 1.0.18 also takes the byte 0xAF for '/', where char is signed: one value, two spellings. */
static bool is_base64_text(struct vl_bytes text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] >= 0x80)
			return false;
	return true;
}

bool vl_base64_exact(struct vl_bytes text, uint8_t *out, size_t len)
{
	size_t got;

	if (text.len != VL_BASE64_LEN(len) || !is_base64_text(text))
		return false;
	/* libsodium refuses spare bits that are not zero and wrong padding, so one value has one spelling. */
	return !sodium_base642bin(out, len, (const char *)text.data, text.len, NULL, &got, NULL,
				  sodium_base64_VARIANT_ORIGINAL) &&
	       got == len;
}
