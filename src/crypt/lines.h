/* SPDX-License-Identifier: Apache-2.0 */
/* crypt/lines.h: the two things minisign's files are made of, read strictly: lines and base64. Inside crypt/ only. */
#ifndef VL_CRYPT_LINES_H
#define VL_CRYPT_LINES_H

#include "base/bytes.h"

#define VL_COMMENT_PREFIX "untrusted comment: "
#define VL_TRUSTED_PREFIX "trusted comment: "
#define VL_COMMENT_LINE_MAX 1023 /* minisign reads this much of the first line, LF included */
#define VL_BASE64_LEN(bytes) (((bytes) + 2) / 3 * 4)

/* Takes one LF-terminated line off the front of *rest; *line excludes the LF. False: no LF is left. */
bool vl_line_take(struct vl_bytes *rest, struct vl_bytes *line);
/* Takes `prefix` off the front of *b. False: it begins otherwise. */
bool vl_prefix_take(struct vl_bytes *b, const char *prefix);
/* Canonical, padded base64 of exactly len bytes: no white space, no spare bits, nothing before or behind. */
bool vl_base64_exact(struct vl_bytes text, uint8_t *out, size_t len);

#endif
