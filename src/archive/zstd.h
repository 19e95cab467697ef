/* SPDX-License-Identifier: Apache-2.0 */
/* archive/zstd.h: one zstd frame, whole in memory. */
#ifndef VL_ARCHIVE_ZSTD_H
#define VL_ARCHIVE_ZSTD_H

#include "base/buf.h"

#define VL_ZSTD_WINDOW_LOG_MAX 26

/* One frame with content size and checksum, appended to out; single-threaded, so the same bytes for the same input,
 * level and libzstd. level 1..19. */
VL_MUST bool vl_zstd_pack(struct vl_bytes in, int level, struct vl_buf *out, struct vl_err *e);
/* Whether compressing is worth the time: tries level 1 on a few samples of at most 64 KiB. */
bool vl_zstd_is_worth(struct vl_bytes in);
/* Exactly one frame, no skippable frame, no dictionary id, content size present and equal to raw, checksum present,
 * window <= 2^26, nothing behind it. out holds raw bytes. VL_E_PARCEL, or VL_E_LIMIT for the window; `what` names
 * it. */
VL_MUST bool vl_zstd_unpack(struct vl_bytes in, uint8_t *out, uint64_t raw, const char *what, struct vl_err *e);

#endif
