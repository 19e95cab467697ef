/* SPDX-License-Identifier: Apache-2.0 */
/* base/buf.h: growable bytes, born with a maximum; more than that is VL_E_LIMIT. Always NUL-terminated behind len. */
#ifndef VL_BASE_BUF_H
#define VL_BASE_BUF_H

#include "base/bytes.h"
#include "base/mem.h"

struct vl_buf {
	uint8_t *data; /* NULL while empty; data[len] is 0 otherwise */
	size_t len, cap, max;
};
#define VL_BUF_INIT(maximum) { .data = NULL, .len = 0, .cap = 0, .max = (maximum) }

void vl_buf_clear(struct vl_buf *b); /* frees; max stays */
VL_DEFINE_CLEAN(vl_buf)
void vl_buf_reset(struct vl_buf *b); /* len = 0, memory stays */
VL_MUST bool vl_buf_add(struct vl_buf *b, struct vl_bytes more, struct vl_err *e);
VL_MUST bool vl_buf_addf(struct vl_buf *b, struct vl_err *e, const char *fmt, ...) VL_PRINTF(3, 4);
/* Makes room for `more` bytes behind len and returns the place; the caller then raises len. */
VL_MUST bool vl_buf_room(struct vl_buf *b, size_t more, uint8_t **at, struct vl_err *e);
struct vl_bytes vl_buf_bytes(const struct vl_buf *b);
const char *vl_buf_str(const struct vl_buf *b); /* "" when empty */

#endif
