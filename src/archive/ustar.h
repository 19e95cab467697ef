/* SPDX-License-Identifier: Apache-2.0 */
/* archive/ustar.h: the strict tar subset of a parcel (doc/format.md "Parcels"), in memory.
 * Regular files only (type '0'), no pax, no GNU, octal sizes, exact checksum, zero padding, two zero blocks at the end
 * and nothing behind them. */
#ifndef VL_ARCHIVE_USTAR_H
#define VL_ARCHIVE_USTAR_H

#include "base/buf.h"

#define VL_USTAR_BLOCK 512
#define VL_USTAR_END 1024 /* the two zero blocks */

/* Bytes an entry of this content size takes, header and padding included. */
uint64_t vl_ustar_entry_size(uint64_t size);
/* Writes the 512-byte header for name (<= 100 ASCII bytes): mode 0444, uid 0, mtime 0, no names. */
void vl_ustar_header(uint8_t out[static VL_USTAR_BLOCK], const char *name, uint64_t size);

struct vl_ustar { /* a cursor; set `in` and zero the rest */
	struct vl_bytes in; /* borrowed */
	size_t at;
};
struct vl_ustar_entry {
	char name[101];
	struct vl_bytes data; /* borrowed from in */
};
/* Next entry, or *end = true after the exact end mark. VL_E_PARCEL with the byte offset; `what` names the parcel. */
VL_MUST bool vl_ustar_next(struct vl_ustar *t, struct vl_ustar_entry *entry, bool *end, const char *what,
			   struct vl_err *e);

#endif
