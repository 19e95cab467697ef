/* SPDX-License-Identifier: Apache-2.0 */
/* archive/rewrite.h: normalisation at fetch (doc/format.md "Normalisation"): the same content in a form that compresses
 * and differs well, still valid for the clients. Only the connected side calls this. libarchive reads; the writers are
 * ours, so that the result does not depend on anybody's version or time zone. */
#ifndef VL_ARCHIVE_REWRITE_H
#define VL_ARCHIVE_REWRITE_H

#include "base/bytes.h"

/* Looks at one member of a zip: name and whole content. False refuses the zip. */
typedef bool vl_zip_check(void *ctx, const char *name, struct vl_bytes content, struct vl_err *e);
struct vl_zip_limits {
	uint64_t members, member_size, total_size; /* maxima */
};
/* Reads the zip at fd (seekable, from its start; CRCs checked), checks each member, writes it to out: stored members in
 * byte order of their names, dates 1980-01-01, reproducible. With out = -1 it only checks. Memory: one member and the
 * names; the inflated content is spooled to an unlinked temporary file in spool_dir. Directories are dropped; duplicate
 * or unsafe names, encryption, links and a zip of no entries at all refuse it: VL_E_CONTENT; more than the limits:
 * VL_E_LIMIT. *members may be NULL. */
VL_MUST bool vl_zip_rewrite(int fd, int out, int spool_dir, const struct vl_zip_limits *limits, vl_zip_check *check,
			    void *ctx, uint64_t *members, struct vl_err *e);
/* Rewrites one gzip stream as gzip with stored blocks (level 0, no name, no time) over the same content. At most max
 * raw bytes. Trailing bytes, truncation and bad CRC refuse it: VL_E_CONTENT; more than max: VL_E_LIMIT. fd is a regular
 * file, read from its current offset. */
VL_MUST bool vl_gzip_store(int fd, int out, uint64_t max, struct vl_err *e);

#endif
