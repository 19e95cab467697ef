/* SPDX-License-Identifier: Apache-2.0 */
/* archive/extract.h: expand an archive into a directory, for places. Nothing ever leaves the directory: names are
 * checked with vl_path_is_safe(), every step is opened below dir without following links, only regular files and
 * directories (and, skipped with a count, links and special files) exist for it. */
#ifndef VL_ARCHIVE_EXTRACT_H
#define VL_ARCHIVE_EXTRACT_H

#include <sys/types.h>

#include "base/buf.h"

/* What an archive of this size may hold. The side that fetches and the side that places ask the same question: what the
 * one lets through the other must not refuse. */
#define VL_EXTRACT_MEMBERS_MAX 1000000
uint64_t vl_extract_bytes_max(uint64_t size);

struct vl_extract {
	const char *const *only; /* NULL-terminated exact member names ("./" in front is dropped), or NULL for all */
	uint64_t max_bytes, max_members;
	mode_t file_mode, dir_mode;  /* 0444 / 0755; the archive's own modes decide only whether x is added */
	bool keep_exec;
	/* results */
	uint64_t files, bytes, skipped;
};
/* fd: a regular file: tar, tar.gz, tar.zst, tar.xz, tar.bz2 or zip, read from its current offset. Existing files are
 * never replaced (VL_E_CONTENT: duplicate member). A missing member of `only`: VL_E_CONTENT. Files are fsynced by the
 * caller's syncfs. */
VL_MUST bool vl_extract(int fd, int dir, struct vl_extract *x, const char *what, struct vl_err *e);
/* One member of a tar(.gz) into memory, at most b->max bytes. Absent: VL_E_CONTENT. */
VL_MUST bool vl_extract_one(int fd, const char *member, struct vl_buf *b, const char *what, struct vl_err *e);

#endif
