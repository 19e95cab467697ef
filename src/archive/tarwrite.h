/* SPDX-License-Identifier: Apache-2.0 */
/* archive/tarwrite.h: a tar archive for other programs, written front to back into a descriptor. The same calls give
 * the same bytes: no time, no owner; plain ustar, with a pax header only for a file beyond 8 GiB. */
#ifndef VL_ARCHIVE_TARWRITE_H
#define VL_ARCHIVE_TARWRITE_H

#include "base/bytes.h"

struct vl_tarwrite;
VL_MUST bool vl_tarwrite_open(struct vl_tarwrite **out, int fd, struct vl_err *e); /* fd is borrowed */
void vl_tarwrite_free(struct vl_tarwrite *t); /* without vl_tarwrite_end(): the archive stays unfinished */
VL_DEFINE_AUTO(vl_tarwrite)
VL_MUST bool vl_tarwrite_dir(struct vl_tarwrite *t, const char *name, struct vl_err *e); /* 0755 */
/* A file of exactly `size` bytes (0644), which vl_tarwrite_add() then brings. */
VL_MUST bool vl_tarwrite_file(struct vl_tarwrite *t, const char *name, uint64_t size, struct vl_err *e);
VL_MUST bool vl_tarwrite_add(struct vl_tarwrite *t, struct vl_bytes b, struct vl_err *e);
/* A whole small file. */
VL_MUST bool vl_tarwrite_whole(struct vl_tarwrite *t, const char *name, struct vl_bytes b, struct vl_err *e);
VL_MUST bool vl_tarwrite_end(struct vl_tarwrite *t, struct vl_err *e);

/* The content of a zstd file (one frame or many), piece by piece, from its start. f false: stops with its error. A
 * damaged file: VL_E_CONTENT, `what` names it. */
typedef bool vl_piece_fn(void *ctx, struct vl_bytes piece, struct vl_err *e);
VL_MUST bool vl_unzstd(int fd, vl_piece_fn *f, void *ctx, const char *what, struct vl_err *e);

#endif
