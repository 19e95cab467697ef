/* SPDX-License-Identifier: Apache-2.0 */
/* base/utf8.h: one strict UTF-8 decoder for names, terminal text and JSON. */
#ifndef VL_BASE_UTF8_H
#define VL_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* The length (1 to 4) of the character at s, or 0: cut short, overlong, a surrogate, beyond U+10FFFF, or len is 0.
 * *cp may be NULL. */
size_t vl_utf8_take(const uint8_t *s, size_t len, uint32_t *cp);

#endif
