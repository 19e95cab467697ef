/* SPDX-License-Identifier: Apache-2.0 */
/* archive/reader.h: libarchive reading from a descriptor of ours. Inside archive/ only. */
#ifndef VL_ARCHIVE_READER_H
#define VL_ARCHIVE_READER_H

#include <archive.h>
#include <archive_entry.h>

#include "base/buf.h"

#define VL_READER_BLOCK (128 * 1024)

/* Reads with pread() from the offset that fd has when it is opened; fd is borrowed and must be seekable. */
struct vl_reader {
	struct archive *a;
	int fd;
	uint64_t base, size, at; /* at counts from base; size: bytes from base to the end of the file */
	int error;               /* errno of a failed read */
	uint8_t block[VL_READER_BLOCK];
};
/* Formats and filters are then switched on by the caller with archive_read_support_*(r->a), before the start. */
VL_MUST bool vl_reader_new(struct vl_reader **out, int fd, struct vl_err *e);
VL_MUST bool vl_reader_start(struct vl_reader *r, struct vl_err *e);
void vl_reader_free(struct vl_reader *r);
VL_DEFINE_AUTO(vl_reader)
/* What libarchive complains about, as VL_E_CONTENT; or the failed read of the file. "what: why". */
bool vl_reader_fail(struct vl_reader *r, const char *what, struct vl_err *e);
/* The rest of the current member, at most b->max bytes (VL_E_LIMIT); its checksum, if it has one, was compared. */
VL_MUST bool vl_reader_slurp(struct vl_reader *r, struct vl_buf *b, const char *what, struct vl_err *e);

#endif
