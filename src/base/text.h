/* SPDX-License-Identifier: Apache-2.0 */
/* base/text.h: words for people and back: sizes, ages, times, hex, safe printing, near misses. */
#ifndef VL_BASE_TEXT_H
#define VL_BASE_TEXT_H

#include <stdint.h>

#include "base/buf.h"

/* Foreign text made safe for a terminal and a log: control characters, invalid UTF-8, format and bidi characters become
 * \xNN; at most `max` bytes are taken, "..." marks a cut. The caller frees. */
char *vl_safe_text(const char *s, size_t max);
/* True for a plain relative path: no empty, "." or ".." step, no leading slash, no backslash or control bytes, valid
 * UTF-8, at most 1024 bytes, each step at most 255. */
bool vl_path_is_safe(const char *path);
bool vl_ends_with(const char *s, const char *end);
/* Names of items and channels: 1 to 64 of a-z 0-9 - _ . and beginning with a letter or digit; no "..". */
bool vl_name_is_valid(const char *name);

/* "418 MB", "1.4 GB": decimal units, as on the packaging of media. out is returned. */
const char *vl_size_text(uint64_t bytes, char out[static 24]);
/* "64MiB", "4.7GB", "700M", "1024": K M G T (decimal, with optional B), KiB MiB GiB TiB (binary). False: not a size. */
bool vl_size_parse(const char *s, uint64_t *bytes);
/* "14d", "36h", "2w", "90m", "30s", "1y" (365 d): seconds. False: not a duration. */
bool vl_duration_parse(const char *s, int64_t *seconds);
/* "3 days", "5 hours", "20 minutes", "just now"-less: always a number and a unit. */
const char *vl_duration_text(int64_t seconds, char out[static 32]);
/* RFC 3339, UTC, whole seconds: "2026-11-21T08:00:00Z". Parsing is strict: exactly that form (fractions accepted and
 * dropped by the _loose reader, which also takes offsets). */
const char *vl_time_text(int64_t t, char out[static 24]);
bool vl_time_parse(const char *s, int64_t *t);
bool vl_time_parse_loose(const char *s, int64_t *t);
/* HTTP's three date forms are not needed: IMF-fixdate only ("Sun, 06 Nov 1994 08:49:37 GMT"). */
bool vl_http_date_parse(const char *s, int64_t *t);

void vl_hex(const uint8_t *data, size_t len, char *out); /* lower case; out holds 2 * len + 1 */
bool vl_unhex(const char *hex, uint8_t *out, size_t len); /* exactly 2 * len lower-case digits, then NUL */

/* The nearest of `words` (NULL-terminated) to s when it is near enough to be a slip, else NULL. */
const char *vl_nearest(const char *s, const char *const *words);
/* Percent-encodes everything but RFC 3986 unreserved characters; the caller frees. */
char *vl_percent_encode(const char *s);

#endif
