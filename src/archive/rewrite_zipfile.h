/* SPDX-License-Identifier: Apache-2.0 */
/* archive/rewrite_zipfile.h: writes a zip of stored members. libarchive's writer puts the local time zone's date and
 * the owner into each member; the bytes here depend on names and content alone. */
#ifndef VL_ARCHIVE_REWRITE_ZIPFILE_H
#define VL_ARCHIVE_REWRITE_ZIPFILE_H

#include "base/buf.h"

struct vl_zipfile {
	int fd; /* borrowed */
	uint64_t at, members;
	struct vl_buf directory; /* the central directory so far */
	struct vl_buf pending;   /* small writes, gathered */
};
#define VL_ZIPFILE_INIT(out) { .fd = (out), .directory = VL_BUF_INIT((size_t)1 << 30), .pending = VL_BUF_INIT(1 << 20) }
void vl_zipfile_clear(struct vl_zipfile *z);
VL_DEFINE_CLEAN(vl_zipfile)
/* Begins a member: size bytes of content with this CRC-32 must follow through vl_zipfile_add(). ASCII names. */
VL_MUST bool vl_zipfile_member(struct vl_zipfile *z, const char *name, uint32_t crc, uint32_t size, struct vl_err *e);
VL_MUST bool vl_zipfile_add(struct vl_zipfile *z, struct vl_bytes b, struct vl_err *e);
VL_MUST bool vl_zipfile_flush(struct vl_zipfile *z, struct vl_err *e);
/* The directory, and everything out to fd. */
VL_MUST bool vl_zipfile_end(struct vl_zipfile *z, struct vl_err *e);

#endif
