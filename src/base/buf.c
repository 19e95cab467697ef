/* SPDX-License-Identifier: Apache-2.0 */
/* base/buf.c: growable bytes with a maximum. */
#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>

void vl_buf_clear(struct vl_buf *b)
{
	free(b->data);
	b->data = NULL;
	b->len = b->cap = 0;
}

void vl_buf_reset(struct vl_buf *b)
{
	b->len = 0;
	if (b->data)
		b->data[0] = 0;
}

bool vl_buf_room(struct vl_buf *b, size_t more, uint8_t **at, struct vl_err *e)
{
	size_t want, cap;
	uint8_t *grown;

	if (more > b->max - b->len || b->len > b->max)
		return vl_fail(e, VL_E_LIMIT, "longer than the limit of %zu bytes", b->max);
	want = b->len + more + 1;
	if (want > b->cap) {
		cap = b->cap ? b->cap * 2 : 256;
		if (cap > b->max + 1)
			cap = b->max + 1;
		if (cap < want)
			cap = want;
		grown = realloc(b->data, cap);
		if (!grown)
			return vl_fail(e, VL_E_MEMORY, "no memory for %zu bytes", cap);
		b->data = grown;
		b->cap = cap;
		b->data[b->len] = 0;
	}
	*at = b->data + b->len;
	return true;
}

bool vl_buf_add(struct vl_buf *b, struct vl_bytes more, struct vl_err *e)
{
	uint8_t *at;

	if (!vl_buf_room(b, more.len, &at, e))
		return false;
	if (more.len)
		memcpy(at, more.data, more.len);
	b->len += more.len;
	b->data[b->len] = 0;
	return true;
}

bool vl_buf_addf(struct vl_buf *b, struct vl_err *e, const char *fmt, ...)
{
	VL_STR text = NULL;
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (len < 0) {
		text = NULL;
		return vl_fail(e, VL_E_MEMORY, "no memory to format text");
	}
	return vl_buf_add(b, vl_bytes(text, (size_t)len), e);
}

struct vl_bytes vl_buf_bytes(const struct vl_buf *b)
{
	return vl_bytes(b->data, b->len);
}

const char *vl_buf_str(const struct vl_buf *b)
{
	return b->data ? (const char *)b->data : "";
}
