/* SPDX-License-Identifier: Apache-2.0 */
/* base/bytes.h: a borrowed run of bytes. */
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

#endif
