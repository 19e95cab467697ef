/* SPDX-License-Identifier: Apache-2.0 */
/* base/bytes.h: a borrowed run of bytes, and a link of a chain that bytes flow through. */
#ifndef VL_BASE_BYTES_H
#define VL_BASE_BYTES_H

#include <stdint.h>
#include <string.h>

#include "base/err.h"

/* Borrowed: whoever made it says how long it lives. */
struct vl_bytes {
	const uint8_t *data;
	size_t len;
};

static inline struct vl_bytes vl_bytes(const void *data, size_t len)
{
	return (struct vl_bytes){ data, len };
}
static inline struct vl_bytes vl_bytes_str(const char *s)
{
	return (struct vl_bytes){ (const uint8_t *)s, strlen(s) };
}

/* Bytes go in, in order; the end is the owner's business. */
struct vl_sink {
	bool (*write)(struct vl_sink *s, struct vl_bytes b, struct vl_err *e);
};

#endif
