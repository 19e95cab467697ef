/* SPDX-License-Identifier: Apache-2.0 */
/* base/file.h: files, done durably. Names are relative to an open directory wherever a race could matter. */
#ifndef VL_BASE_FILE_H
#define VL_BASE_FILE_H

#include <sys/types.h>

#include "base/buf.h"

/* vl_fail_os() about a name that may be foreign: "open waybill.json: Permission denied". Keeps errno. */
bool vl_fail_name(struct vl_err *e, const char *verb, const char *name);
/* Writes all of b, through short writes and EINTR. Errors name nothing: add context with vl_while(). */
VL_MUST bool vl_write_all(int fd, struct vl_bytes b, struct vl_err *e);
VL_MUST bool vl_pwrite_all(int fd, struct vl_bytes b, uint64_t offset, struct vl_err *e);
/* Reads up to len bytes, through short reads and EINTR; *got < len only at the end of the file. */
VL_MUST bool vl_read_full(int fd, void *into, size_t len, size_t *got, struct vl_err *e);
/* Opens dir/name for reading: a regular file only (no link, FIFO, device), never blocks. *size may be NULL. */
VL_MUST bool vl_open_regular(int dir, const char *name, int *fd, uint64_t *size, struct vl_err *e);
/* Whole regular file into b (emptied first). Longer than b->max: VL_E_LIMIT. Absent: *absent = true and success,
 * when absent is not NULL. Errors name the file. */
VL_MUST bool vl_load_file(int dir, const char *name, struct vl_buf *b, bool *absent, struct vl_err *e);
/* Replaces dir/name durably: temporary file, fsync, rename, fsync of the directory. */
VL_MUST bool vl_save_file(int dir, const char *name, mode_t mode, struct vl_bytes data, struct vl_err *e);
/* mkdir -p; existing directories are fine. Each new level is made with `mode`. */
VL_MUST bool vl_mkdirs(const char *path, mode_t mode, struct vl_err *e);
/* mkdir -p of rel below dir, never through a symlink; *fd (may be NULL) is the last level, opened. */
VL_MUST bool vl_mkdirs_at(int dir, const char *rel, mode_t mode, int *fd, struct vl_err *e);
/* Opens an existing directory, not through a symlink at its last step. */
VL_MUST bool vl_open_dir(int dir, const char *name, int *fd, struct vl_err *e);
VL_MUST bool vl_fsync(int fd, const char *what, struct vl_err *e);
/* rm -r of dir/name, never following symlinks; absent is fine. */
VL_MUST bool vl_remove_tree(int dir, const char *name, struct vl_err *e);
/* Calls f for each entry of the directory but . and .., sorted by name (bytes). Stops when f returns false. */
VL_MUST bool vl_each_entry(int dir, bool (*f)(void *ctx, const char *name, struct vl_err *e), void *ctx,
			   struct vl_err *e);
/* Bytes available to us on the file system of fd. */
VL_MUST bool vl_free_space(int fd, uint64_t *bytes, struct vl_err *e);

/* A file that does not exist for others until commit; leaving the scope first removes it.
 *     VL_CLEAN(vl_newfile) f = VL_NEWFILE_INIT;
 *     return vl_newfile_open(&f, dir, "name", 0644, e) && vl_write_all(f.fd, b, e) && vl_newfile_commit(&f, e); */
struct vl_newfile {
	int dir; /* borrowed */
	int fd;  /* -1: closed */
	char temp[300], name[256];
};
#define VL_NEWFILE_INIT { .dir = -1, .fd = -1 }
VL_MUST bool vl_newfile_open(struct vl_newfile *f, int dir, const char *name, mode_t mode, struct vl_err *e);
/* fsync file, rename over name, fsync directory. */
VL_MUST bool vl_newfile_commit(struct vl_newfile *f, struct vl_err *e);
/* The same, but an existing name is VL_E_EXISTS. */
VL_MUST bool vl_newfile_commit_new(struct vl_newfile *f, struct vl_err *e);
void vl_newfile_clear(struct vl_newfile *f);
VL_DEFINE_CLEAN(vl_newfile)

/* One lock per file, held by the open descriptor: a dead process cannot leave it behind. wait = seconds to wait.
 * Taken by somebody else after that: VL_E_BUSY. The caller closes *fd to release. Not inherited by children. */
VL_MUST bool vl_lock_take(int dir, const char *name, unsigned wait, int *fd, struct vl_err *e);

#endif
