/* SPDX-License-Identifier: Apache-2.0 */
/* tests/lib/scratch.h: a directory of one test's own, and files in it. A fault here ends the test. */
#ifndef VL_TESTS_SCRATCH_H
#define VL_TESTS_SCRATCH_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"

struct scratch {
	char path[128];
	int dir;
};

static inline void scratch_bail(const char *why)
{
	printf("Bail out! %s\n", why);
	exit(99);
}

static inline struct scratch scratch_new(void)
{
	const char *base = getenv("TMPDIR");
	struct scratch s = { .dir = -1 };

	snprintf(s.path, sizeof s.path, "%.80s/valise-unit.XXXXXX", base ? base : "/tmp");
	if (!mkdtemp(s.path))
		scratch_bail("no temporary directory");
	s.dir = open(s.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return s;
}

static inline void scratch_end(struct scratch *s)
{
	struct vl_err e = VL_ERR_INIT;

	close(s->dir);
	if (!vl_remove_tree(AT_FDCWD, s->path, &e))
		scratch_bail(e.msg);
}

/* The path of a name in it; good until the same slot (0..7) is used again. */
static inline const char *scratch_path(const struct scratch *s, const char *name)
{
	static char paths[8][400];
	static unsigned slot;
	char *out = paths[slot++ % 8];

	snprintf(out, sizeof paths[0], "%s/%s", s->path, name);
	return out;
}

static inline void scratch_put(const struct scratch *s, const char *name, struct vl_bytes b, mode_t mode)
{
	struct vl_err e = VL_ERR_INIT;
	int fd = openat(s->dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	if (fd < 0 || fchmod(fd, mode) || !vl_write_all(fd, b, &e))
		scratch_bail("cannot write a test file");
	close(fd);
}

static inline int scratch_open(const struct scratch *s, const char *name, int flags)
{
	int fd = openat(s->dir, name, flags | O_CLOEXEC, 0600);

	if (fd < 0)
		scratch_bail("cannot open a test file");
	return fd;
}

static inline void scratch_get(const struct scratch *s, const char *name, struct vl_buf *b)
{
	struct vl_err e = VL_ERR_INIT;

	vl_buf_reset(b);
	if (!vl_load_file(s->dir, name, b, NULL, &e))
		scratch_bail(e.msg);
}

/* Runs argv in the directory, with `input` (may be NULL) on stdin and the output in a file "out". The exit status, or
 * 127 when there is no such program. */
static inline int scratch_run(const struct scratch *s, const char *input, const char *const *argv)
{
	int out, in, status = -1;
	pid_t pid;

	scratch_put(s, "in", vl_bytes_str(input ? input : ""), 0600);
	in = scratch_open(s, "in", O_RDONLY);
	out = scratch_open(s, "out", O_WRONLY | O_CREAT | O_TRUNC);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		char **args = NULL;

		memcpy(&args, &argv, sizeof args);
		if (fchdir(s->dir) || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
			_exit(126);
		execvp(args[0], args);
		_exit(127);
	}
	close(in);
	close(out);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}
#define scratch_cmd(s, input, ...) scratch_run(s, input, (const char *const[]){ __VA_ARGS__, NULL })

#endif
