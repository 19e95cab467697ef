/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/base_file_test.c: files appear whole, names lead nowhere else, locks hold, stubborn trees go away. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "tests/lib/tap.h"

static bool exists(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static void put(int dir, const char *name, const char *text)
{
	struct vl_err e = VL_ERR_INIT;

	if (!vl_save_file(dir, name, 0644, vl_bytes_str(text), &e))
		printf("Bail out! %s\n", e.msg);
}

static bool holds(int dir, const char *name, const char *text)
{
	VL_CLEAN(vl_buf) b = VL_BUF_INIT(4096);
	struct vl_err e = VL_ERR_INIT;

	return vl_load_file(dir, name, &b, NULL, &e) && !strcmp(vl_buf_str(&b), text);
}

static bool count_entry(void *ctx, const char *name, struct vl_err *e)
{
	(void)name, (void)e;
	++*(size_t *)ctx;
	return true;
}

static size_t entries(int dir)
{
	struct vl_err e = VL_ERR_INIT;
	size_t n = 0;

	return vl_each_entry(dir, count_entry, &n, &e) ? n : SIZE_MAX;
}

/* An empty directory of its own for each group of checks. */
static int fresh(int top, const char *name)
{
	struct vl_err e = VL_ERR_INIT;
	int fd = -1;

	if (!vl_mkdirs_at(top, name, 0755, &fd, &e))
		printf("Bail out! %s\n", e.msg);
	return fd;
}

static void check_newfile(int top)
{
	VL_FD dir = fresh(top, "newfile");
	struct vl_err e = VL_ERR_INIT;
	struct stat st;

	{
		VL_CLEAN(vl_newfile) f = VL_NEWFILE_INIT;

		tap_good(vl_newfile_open(&f, dir, "name", 0640, &e), &e, "newfile: open");
		tap_good(vl_write_all(f.fd, vl_bytes_str("new"), &e), &e, "newfile: write");
		tap_ok(!exists(dir, "name"), "newfile: not visible before commit");
		tap_ok((fcntl(f.fd, F_GETFD) & FD_CLOEXEC) != 0, "newfile: not inherited by children");
		tap_good(vl_newfile_commit(&f, &e), &e, "newfile: commit");
		tap_ok(holds(dir, "name", "new"), "newfile: visible after commit");
		tap_is(f.fd, -1, "newfile: closed after commit");
	}
	tap_ok(fstatat(dir, "name", &st, 0) == 0 && (st.st_mode & 07777) == 0640, "newfile: has the mode");
	tap_is(entries(dir), 1, "newfile: nothing else stays");
	{
		VL_CLEAN(vl_newfile) f = VL_NEWFILE_INIT;

		tap_good(vl_newfile_open(&f, dir, "name", 0644, &e) && vl_write_all(f.fd, vl_bytes_str("x"), &e), &e,
			 "newfile: second");
		tap_is(entries(dir), 2, "newfile: a temporary file is there");
	}
	tap_ok(entries(dir) == 1 && holds(dir, "name", "new"), "newfile: without commit the scope removes it");
	{
		VL_CLEAN(vl_newfile) f = VL_NEWFILE_INIT;

		tap_good(vl_newfile_open(&f, dir, "name", 0644, &e), &e, "newfile: third");
		tap_fails(vl_newfile_commit_new(&f, &e), &e, VL_E_EXISTS, "newfile: commit_new keeps an existing file");
	}
	tap_ok(entries(dir) == 1 && holds(dir, "name", "new"), "newfile: which is unchanged");
	{
		VL_CLEAN(vl_newfile) f = VL_NEWFILE_INIT;
		VL_CLEAN(vl_newfile) g = VL_NEWFILE_INIT;

		tap_good(vl_newfile_open(&f, dir, "two", 0644, &e) && vl_newfile_open(&g, dir, "two", 0644, &e), &e,
			 "newfile: two for one name");
		tap_good(vl_newfile_commit_new(&f, &e), &e, "newfile: the first commit_new wins");
		tap_fails(vl_newfile_commit_new(&g, &e), &e, VL_E_EXISTS, "newfile: the second does not");
		tap_fails(vl_newfile_commit(&f, &e), &e, VL_E_INTERNAL, "newfile: commit twice is a fault");
	}
}

static void check_newfile_umask(int top)
{
	VL_FD dir = fresh(top, "umask");
	mode_t old = umask(077);
	struct vl_err e = VL_ERR_INIT;
	struct stat st;

	tap_good(vl_save_file(dir, "public", 0644, vl_bytes_str("x"), &e), &e, "umask: save");
	umask(old);
	tap_ok(!fstatat(dir, "public", &st, 0) && (st.st_mode & 0777) == 0644, "umask: others can read it");
}

static void check_newfile_names(int top)
{
	VL_FD dir = fresh(top, "names");
	VL_CLEAN(vl_newfile) f = VL_NEWFILE_INIT;
	struct vl_err e = VL_ERR_INIT;
	char longest[300];

	put(dir, "target", "target");
	tap_ok(symlinkat("target", dir, "link") == 0, "names: a link");
	put(dir, "link", "new");
	tap_ok(holds(dir, "target", "target") && holds(dir, "link", "new"), "names: a link is replaced, not followed");
	tap_ok(mkdirat(dir, "sub", 0755) == 0, "names: a folder");
	put(dir, "sub/deep", "deep");
	tap_ok(holds(dir, "sub/deep", "deep"), "names: a file in a folder");
	memset(longest, 'n', sizeof longest);
	longest[255] = '\0';
	put(dir, longest, "long");
	tap_ok(holds(dir, longest, "long"), "names: 255 bytes");
	longest[255] = 'n';
	longest[256] = '\0';
	tap_fails(vl_newfile_open(&f, dir, longest, 0644, &e), &e, VL_E_IO, "names: 256 bytes are refused");
	tap_fails(vl_save_file(dir, "none/x", 0644, vl_bytes_str(""), &e), &e, VL_E_IO, "names: the folder is absent");
	tap_ok(strstr(e.msg, "none/x") != NULL, "names: the message names the file");
}

static void check_save(int top)
{
	VL_FD dir = fresh(top, "save");
	VL_CLEAN(vl_buf) b = VL_BUF_INIT(4);
	struct vl_err e = VL_ERR_INIT;
	bool absent = false;

	put(dir, "a", "one");
	put(dir, "a", "two");
	tap_ok(holds(dir, "a", "two"), "save: replaces");
	tap_is(entries(dir), 1, "save: nothing else stays");
	tap_good(vl_load_file(dir, "none", &b, &absent, &e), &e, "load: an absent file may be fine");
	tap_ok(absent, "load: and is reported");
	tap_fails(vl_load_file(dir, "none", &b, NULL, &e), &e, VL_E_IO, "load: or it is a failure");
	tap_is(errno, ENOENT, "load: which keeps errno");
	tap_ok(strstr(e.msg, "none") != NULL, "load: and names the file");
	put(dir, "four", "1234");
	tap_good(vl_load_file(dir, "four", &b, &absent, &e), &e, "load: as long as the limit");
	tap_ok(!absent, "load: not absent");
	tap_str(vl_buf_str(&b), "1234", "load: the bytes");
	put(dir, "five", "12345");
	tap_fails(vl_load_file(dir, "five", &b, NULL, &e), &e, VL_E_LIMIT, "load: longer than the limit");
	tap_ok(!strncmp(e.msg, "five: ", 6), "load: the message names the file");
	put(dir, "empty", "");
	tap_good(vl_load_file(dir, "empty", &b, NULL, &e), &e, "load: an empty file");
	tap_is(b.len, 0, "load: the buffer is emptied first");
	tap_fails(vl_load_file(AT_FDCWD, "/proc/self/status", &b, NULL, &e), &e, VL_E_LIMIT,
		  "load: a file longer than its size says is still limited");
}

static void check_load_big(int top)
{
	VL_FD dir = fresh(top, "big");
	VL_CLEAN(vl_buf) b = VL_BUF_INIT(1 << 20);
	VL_STR text = malloc(300001);
	struct vl_err e = VL_ERR_INIT;

	if (!text)
		abort();
	memset(text, 'b', 300000);
	text[300000] = '\0';
	put(dir, "big", text);
	tap_good(vl_load_file(dir, "big", &b, NULL, &e), &e, "load: 300000 bytes");
	tap_ok(b.len == 300000 && !strcmp(vl_buf_str(&b), text), "load: all of them");
	vl_buf_clear(&b);
	tap_good(vl_load_file(AT_FDCWD, "/proc/self/status", &b, NULL, &e), &e, "load: a file that claims no size");
	tap_ok(b.len > 100, "load: is read to its end");
}

static void check_open_regular(int top)
{
	VL_FD dir = fresh(top, "open");
	VL_FD sock = socket(AF_UNIX, SOCK_STREAM, 0);
	VL_FD fd = -1;
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct vl_err e = VL_ERR_INIT;
	uint64_t size = 0;
	static const struct {
		const char *name, *kind;
	} cases[] = {
		{ "link", "symbolic link" }, { "dangling", "symbolic link" }, { "fifo", "FIFO" },
		{ "dir", "directory" },      { "socket", "socket" },
	};

	put(dir, "file", "12345");
	tap_ok(symlinkat("file", dir, "link") == 0 && symlinkat("no", dir, "dangling") == 0 &&
		       mkfifoat(dir, "fifo", 0644) == 0 && mkdirat(dir, "dir", 0755) == 0,
	       "open: set-up");
	snprintf(addr.sun_path, sizeof addr.sun_path, "/proc/self/fd/%d/socket", dir);
	tap_ok(bind(sock, (const struct sockaddr *)&addr, sizeof addr) == 0, "open: a socket");
	tap_good(vl_open_regular(dir, "file", &fd, &size, &e), &e, "open: a regular file");
	tap_is(size, 5, "open: its size");
	tap_ok((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0, "open: not inherited by children");
	alarm(10); /* an open that blocks must not block the test */
	for (size_t i = 0; i < VL_LEN(cases); i++) {
		int none = -1;

		tap_fails(vl_open_regular(dir, cases[i].name, &none, NULL, &e), &e, VL_E_FORMAT, "open: refuses %s",
			  cases[i].name);
		tap_ok(strstr(e.msg, cases[i].kind) && strstr(e.msg, cases[i].name), "open: says that %s is a %s",
		       cases[i].name, cases[i].kind);
		tap_is(none, -1, "open: gives no descriptor for %s", cases[i].name);
	}
	tap_fails(vl_open_regular(AT_FDCWD, "/dev/zero", &fd, NULL, &e), &e, VL_E_FORMAT, "open: refuses a device");
	alarm(0);
	tap_fails(vl_open_regular(dir, "a\x1b[2J", &fd, NULL, &e), &e, VL_E_IO, "open: an absent file");
	tap_ok(strstr(e.msg, "a\\x1b[2J") != NULL, "open: a foreign name is made safe");
}

static void check_mkdirs(int top)
{
	VL_FD dir = fresh(top, "mk");
	VL_FD fd = -1;
	struct vl_err e = VL_ERR_INIT;
	char path[64];
	static const char *const bad[] = { "..", "../x", "a/../../x", "/tmp", "a//b", "a/" };

	tap_good(vl_mkdirs_at(dir, "a/b/c", 0755, &fd, &e), &e, "mkdirs_at: three levels");
	put(fd, "x", "x");
	tap_ok(holds(dir, "a/b/c/x", "x"), "mkdirs_at: gives the last level");
	tap_good(vl_mkdirs_at(dir, "a/b/c", 0755, NULL, &e), &e, "mkdirs_at: existing levels are fine");
	tap_good(vl_mkdirs_at(dir, ".", 0755, NULL, &e), &e, "mkdirs_at: the directory itself");
	for (size_t i = 0; i < VL_LEN(bad); i++)
		tap_fails(vl_mkdirs_at(dir, bad[i], 0755, NULL, &e), &e, VL_E_POLICY, "mkdirs_at: refuses \"%s\"",
			  bad[i]);
	tap_ok(symlinkat("a", dir, "link") == 0, "mkdirs_at: a link");
	tap_fails(vl_mkdirs_at(dir, "link/new", 0755, NULL, &e), &e, VL_E_IO, "mkdirs_at: does not go through it");
	tap_ok(!exists(dir, "a/new"), "mkdirs_at: and makes nothing behind it");
	tap_fails(vl_mkdirs_at(dir, "a/b/c/x/y", 0755, NULL, &e), &e, VL_E_IO, "mkdirs_at: a file is in the way");
	vl_fd_closep(&fd);
	tap_fails(vl_open_dir(dir, "link", &fd, &e), &e, VL_E_IO, "open_dir: not through a link");
	tap_good(vl_open_dir(dir, "a", &fd, &e), &e, "open_dir: a directory");
	snprintf(path, sizeof path, "/proc/self/fd/%d/p/q//r/", dir);
	tap_good(vl_mkdirs(path, 0755, &e), &e, "mkdirs: with doubled and last slash");
	tap_ok(exists(dir, "p/q/r"), "mkdirs: made");
	tap_good(vl_mkdirs(path, 0755, &e), &e, "mkdirs: again");
	tap_good(vl_mkdirs("/", 0755, &e), &e, "mkdirs: the root");
	snprintf(path, sizeof path, "/proc/self/fd/%d/a/b/c/x", dir);
	tap_fails(vl_mkdirs(path, 0755, &e), &e, VL_E_IO, "mkdirs: a file is in the way");
	tap_fails(vl_mkdirs("", 0755, &e), &e, VL_E_IO, "mkdirs: no name");
}

static bool collect_name(void *ctx, const char *name, struct vl_err *e)
{
	struct vl_buf *b = ctx;

	return vl_buf_addf(b, e, "%s ", name);
}

static bool stop_at_once(void *ctx, const char *name, struct vl_err *e)
{
	++*(size_t *)ctx;
	return vl_fail(e, VL_E_FORMAT, "%s", name);
}

static void check_each(int top)
{
	VL_FD dir = fresh(top, "each");
	VL_CLEAN(vl_buf) b = VL_BUF_INIT(1000);
	struct vl_err e = VL_ERR_INIT;
	size_t calls = 0;

	tap_is(entries(dir), 0, "each: an empty directory");
	put(dir, "b", "");
	put(dir, "a", "");
	put(dir, "B", "");
	put(dir, "\xff", "");
	put(dir, ".hidden", "");
	tap_good(vl_each_entry(dir, collect_name, &b, &e), &e, "each: list");
	tap_str(vl_buf_str(&b), ".hidden B a b \xff ", "each: sorted by bytes");
	tap_is(entries(dir), 5, "each: a second listing is whole");
	tap_fails(vl_each_entry(dir, stop_at_once, &calls, &e), &e, VL_E_FORMAT, "each: hands on a failure");
	tap_is(calls, 1, "each: and stops");
}

static void check_remove(int top)
{
	VL_FD dir = fresh(top, "rm");
	struct vl_err e = VL_ERR_INIT;

	put(dir, "keep", "keep");
	tap_good(vl_mkdirs_at(dir, "outside", 0755, NULL, &e), &e, "remove: set-up");
	put(dir, "outside/file", "safe");
	tap_good(vl_mkdirs_at(dir, "tree/a/b", 0755, NULL, &e), &e, "remove: a tree");
	put(dir, "tree/a/b/f", "f");
	put(dir, "tree/f", "f");
	tap_ok(symlinkat("../outside", dir, "tree/link") == 0 && symlinkat("../../keep", dir, "tree/a/link") == 0 &&
		       mkfifoat(dir, "tree/fifo", 0600) == 0 && fchmodat(dir, "tree/a/b/f", 0444, 0) == 0 &&
		       fchmodat(dir, "tree/a/b", 0555, 0) == 0 && fchmodat(dir, "tree/a", 0000, 0) == 0 &&
		       fchmodat(dir, "tree", 0555, 0) == 0,
	       "remove: links, a FIFO, directories without rights");
	tap_good(vl_remove_tree(dir, "tree", &e), &e, "remove: the tree");
	tap_ok(!exists(dir, "tree"), "remove: it is gone");
	tap_ok(holds(dir, "outside/file", "safe") && holds(dir, "keep", "keep"), "remove: links were not followed");
	tap_ok(symlinkat("outside", dir, "link") == 0, "remove: a link at the top");
	tap_good(vl_remove_tree(dir, "link", &e), &e, "remove: the link");
	tap_ok(!exists(dir, "link") && holds(dir, "outside/file", "safe"), "remove: only the link");
	tap_good(vl_remove_tree(dir, "keep", &e), &e, "remove: a file");
	tap_good(vl_remove_tree(dir, "none", &e), &e, "remove: absent is fine");
	tap_is(entries(dir), 1, "remove: the rest stays");
}

/* The rights of a directory only bind an ordinary user, so that part runs as one, also when the tests run as root. */
static void check_remove_as_user(int top)
{
	struct vl_err e = VL_ERR_INIT;
	int status = 1;
	pid_t child;

	if (geteuid() != 0) {
		tap_skip("check_remove was run as an ordinary user");
		return;
	}
	tap_ok(mkdirat(top, "user", 0777) == 0 && fchmodat(top, "user", 0777, 0) == 0 && fchmod(top, 0755) == 0,
	       "remove as user: set-up");
	fflush(stdout);
	child = fork();
	if (child == 0) {
		if (setresuid(65534, 65534, 65534) < 0 || !vl_mkdirs_at(top, "user/tree/a/b", 0755, NULL, &e))
			_exit(2);
		if (fchmodat(top, "user/tree/a/b", 0555, 0) || fchmodat(top, "user/tree/a", 0000, 0) ||
		    fchmodat(top, "user/tree", 0555, 0))
			_exit(3);
		_exit(vl_remove_tree(top, "user/tree", &e) ? 0 : 4);
	}
	tap_ok(child > 0 && waitpid(child, &status, 0) == child, "remove as user: run");
	tap_is(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 0, "remove as user: directories of mode 0555 and 0000");
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void check_lock(int top)
{
	VL_FD dir = fresh(top, "lock");
	VL_FD first = -1;
	VL_FD second = -1;
	struct vl_err e = VL_ERR_INIT;
	int64_t began;

	tap_good(vl_lock_take(dir, "lock", 0, &first, &e), &e, "lock: take");
	tap_ok((fcntl(first, F_GETFD) & FD_CLOEXEC) != 0, "lock: not inherited by children");
	tap_fails(vl_lock_take(dir, "lock", 0, &second, &e), &e, VL_E_BUSY, "lock: a second open description is busy");
	tap_is(second, -1, "lock: and gets no descriptor");
	began = now_ms();
	tap_fails(vl_lock_take(dir, "lock", 1, &second, &e), &e, VL_E_BUSY, "lock: still busy after waiting");
	tap_ok(now_ms() - began >= 900, "lock: it did wait");
	tap_good(vl_lock_take(dir, "other", 0, &second, &e), &e, "lock: another file is free");
	vl_fd_closep(&second);
	vl_fd_closep(&first);
	tap_good(vl_lock_take(dir, "lock", 0, &second, &e), &e, "lock: free again after close");
	tap_ok(symlinkat("lock", dir, "link") == 0, "lock: a link");
	tap_fails(vl_lock_take(dir, "link", 0, &first, &e), &e, VL_E_IO, "lock: not through a link");
}

static void check_lock_of_the_dead(int top)
{
	VL_FD dir = fresh(top, "dead");
	VL_FD fd = -1;
	struct vl_err e = VL_ERR_INIT;
	int ready[2];
	char byte;
	pid_t child;

	tap_ok(pipe2(ready, O_CLOEXEC) == 0, "lock: a pipe");
	fflush(stdout);
	child = fork();
	if (child == 0) {
		bool taken = vl_lock_take(dir, "lock", 0, &fd, &e);

		if (taken && write(ready[1], "x", 1) == 1)
			pause();
		_exit(1);
	}
	close(ready[1]);
	tap_ok(read(ready[0], &byte, 1) == 1, "lock: another process has it");
	close(ready[0]);
	tap_fails(vl_lock_take(dir, "lock", 0, &fd, &e), &e, VL_E_BUSY, "lock: busy");
	kill(child, SIGKILL);
	tap_good(vl_lock_take(dir, "lock", 5, &fd, &e), &e, "lock: a killed process leaves none behind");
	waitpid(child, NULL, 0);
}

static void on_alarm(int sig)
{
	(void)sig;
}

static void check_lock_interrupted(int top)
{
	struct sigaction sa = { .sa_handler = on_alarm };
	VL_FD dir = fresh(top, "stop");
	VL_FD first = -1;
	VL_FD second = -1;
	struct vl_err e = VL_ERR_INIT;

	sigaction(SIGALRM, &sa, NULL);
	tap_good(vl_lock_take(dir, "lock", 0, &first, &e), &e, "lock: take");
	setitimer(ITIMER_REAL, &(struct itimerval){ .it_value.tv_usec = 150000 }, NULL);
	tap_fails(vl_lock_take(dir, "lock", 20, &second, &e), &e, VL_E_INTERRUPTED, "lock: a signal ends the waiting");
	setitimer(ITIMER_REAL, &(struct itimerval){ .it_value.tv_usec = 1 }, NULL);
	nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL); /* ends with the signal */
	tap_fails(vl_lock_take(dir, "lock", 1, &second, &e), &e, VL_E_BUSY, "lock: an earlier signal does not");
}


/* A pipe gives short reads and takes short writes; signals come in between. */
static void check_short_io(void)
{
	struct sigaction sa = { .sa_handler = on_alarm };
	static char out[300000], in[300010];
	struct vl_err e = VL_ERR_INIT;
	int p[2], status = 1;
	size_t got = 0;
	pid_t child;

	for (size_t i = 0; i < sizeof out; i++)
		out[i] = (char)(i * 7);
	sigaction(SIGUSR1, &sa, NULL); /* without SA_RESTART */
	tap_ok(pipe2(p, O_CLOEXEC) == 0, "pipe");
	fflush(stdout);
	child = fork();
	if (child == 0) {
		close(p[0]);
		for (size_t i = 0; i < sizeof out; i += 50000) {
			kill(getppid(), SIGUSR1);
			nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
			if (!vl_write_all(p[1], vl_bytes(out + i, 50000), &e))
				_exit(2);
		}
		_exit(0);
	}
	close(p[1]);
	tap_good(vl_read_full(p[0], in, sizeof in, &got, &e), &e, "read_full: through short reads and signals");
	tap_is(got, sizeof out, "read_full: stops at the end of the file");
	tap_ok(!memcmp(in, out, sizeof out), "read_full: every byte");
	close(p[0]);
	tap_ok(waitpid(child, &status, 0) == child && status == 0, "write_all: every byte");
}

static void check_rest(int top)
{
	VL_FD dir = fresh(top, "rest");
	VL_FD fd = openat(dir, "f", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	VL_FD full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	struct vl_err e = VL_ERR_INIT;
	uint64_t space = 0;
	int stolen;

	tap_good(vl_pwrite_all(fd, vl_bytes_str("world"), 6, &e), &e, "pwrite_all: the end");
	tap_good(vl_pwrite_all(fd, vl_bytes_str("hello "), 0, &e), &e, "pwrite_all: the beginning");
	tap_ok(holds(dir, "f", "hello world"), "pwrite_all: at its offset");
	tap_fails(vl_pwrite_all(fd, vl_bytes_str("x"), UINT64_MAX, &e), &e, VL_E_LIMIT, "pwrite_all: offset too large");
	tap_good(vl_fsync(fd, "f", &e), &e, "fsync");
	tap_fails(vl_fsync(-1, "f", &e), &e, VL_E_IO, "fsync of nothing");
	tap_fails(vl_write_all(full, vl_bytes_str("x"), &e), &e, VL_E_NOSPACE, "write_all: no space");
	tap_good(vl_free_space(dir, &space, &e), &e, "free space");
	tap_ok(space > 0, "free space is not nothing");
	tap_fails(vl_free_space(-1, &space, &e), &e, VL_E_IO, "free space of nothing");
	stolen = fd;
	tap_ok(vl_fd_steal(&fd) == stolen && fd == -1, "steal a descriptor");
	close(stolen);
}

int main(void)
{
	const char *tmp = getenv("TMPDIR");
	struct vl_err e = VL_ERR_INIT;
	VL_FD top = -1;
	char path[200];

	umask(022);
	snprintf(path, sizeof path, "%s/valise-unit.XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(path) || !vl_open_dir(AT_FDCWD, path, &top, &e)) {
		printf("Bail out! no scratch directory\n");
		return 1;
	}
	check_newfile(top);
	check_newfile_umask(top);
	check_newfile_names(top);
	check_save(top);
	check_load_big(top);
	check_open_regular(top);
	check_mkdirs(top);
	check_each(top);
	check_remove(top);
	check_remove_as_user(top);
	check_lock(top);
	check_lock_of_the_dead(top);
	check_lock_interrupted(top);
	check_short_io();
	check_rest(top);
	tap_good(vl_remove_tree(AT_FDCWD, path, &e), &e, "remove the scratch directory");
	return tap_done();
}
