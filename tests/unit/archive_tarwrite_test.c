/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/archive_tarwrite_test.c: archives for others: the same bytes each time, never whole by accident; zstd
 * files of one frame and of many, damaged ones told. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "archive/tarwrite.h"
#include "base/buf.h"
#include "base/file.h"
#include "tests/lib/tap.h"

static int scratch(void)
{
	int fd = memfd_create("tar", MFD_CLOEXEC);

	if (fd < 0)
		exit(99);
	return fd;
}

static size_t slurp(int fd, uint8_t *out, size_t size)
{
	ssize_t got = pread(fd, out, size, 0);

	return got < 0 ? 0 : (size_t)got;
}

static bool write_one(int fd, bool end, struct vl_err *e)
{
	VL_AUTO(vl_tarwrite) t = NULL;

	return vl_tarwrite_open(&t, fd, e) && vl_tarwrite_dir(t, "d", e) &&
	       vl_tarwrite_whole(t, "d/hello", vl_bytes_str("hello"), e) && (!end || vl_tarwrite_end(t, e));
}

static void plain(void)
{
	static uint8_t one[65536], two[65536];
	VL_FD a = scratch();
	VL_FD b = scratch();
	struct vl_err e = VL_ERR_INIT;
	size_t len;

	tap_good(write_one(a, true, &e), &e, "an archive is written");
	sleep(1);
	tap_good(write_one(b, true, &e), &e, "and again a second later");
	len = slurp(a, one, sizeof one);
	tap_is(slurp(b, two, sizeof two), len, "both are as long");
	tap_ok(len && !memcmp(one, two, len), "and have the same bytes");
	tap_ok(!memcmp(one + 257, "ustar", 5), "it is ustar");
	tap_str((char *)one, "d/", "the directory comes first");
	tap_str((char *)one + 512, "d/hello", "no pax header stands before a plain file");
	tap_ok(!memcmp(one + 512 + 136, "00000000000", 11), "time 0");
	tap_ok(!memcmp(one + 1024, "hello", 5), "the content follows");
}

static void unfinished(void)
{
	static uint8_t text[65536];
	VL_FD fd = scratch();
	struct vl_err e = VL_ERR_INIT;

	tap_good(write_one(fd, false, &e), &e, "an archive is begun");
	tap_ok(slurp(fd, text, sizeof text) < 1536 + 1024, "given up, it has no end mark");
}

static void too_much(void)
{
	VL_AUTO(vl_tarwrite) t = NULL;
	VL_FD fd = scratch();
	struct vl_err e = VL_ERR_INIT;

	tap_good(vl_tarwrite_open(&t, fd, &e) && vl_tarwrite_file(t, "x", 3, &e), &e, "a file of 3 bytes");
	tap_fails(vl_tarwrite_add(t, vl_bytes_str("four"), &e), &e, VL_E_INTERNAL, "does not take 4");
}

/* Only the header is written: 9 GiB of zeros would take a while. */
static void huge(void)
{
	static uint8_t text[65536];
	VL_AUTO(vl_tarwrite) t = NULL;
	VL_FD fd = scratch();
	struct vl_err e = VL_ERR_INIT;
	size_t len = 0;

	tap_good(vl_tarwrite_open(&t, fd, &e) && vl_tarwrite_file(t, "big", UINT64_C(9) << 30, &e), &e,
		 "a file beyond 8 GiB is begun");
	for (int i = 0; i < 40; i++) {
		static const uint8_t zeros[1024];

		if (!vl_tarwrite_add(t, vl_bytes(zeros, sizeof zeros), &e))
			break;
	}
	len = slurp(fd, text, sizeof text);
	tap_ok(len > 2048 && memmem(text, len, "size=9663676416", 15), "its size stands in a pax header");
}

static void full_disk(void)
{
	static const uint8_t zeros[1 << 16];
	VL_AUTO(vl_tarwrite) t = NULL;
	VL_FD fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	struct vl_err e = VL_ERR_INIT;
	bool good;

	if (fd < 0) {
		tap_skip("/dev/full is not here");
		return;
	}
	good = vl_tarwrite_open(&t, fd, &e) && vl_tarwrite_whole(t, "x", vl_bytes(zeros, sizeof zeros), &e) &&
	       vl_tarwrite_end(t, &e);
	tap_fails(good, &e, VL_E_NOSPACE, "a full disk is told as such");
}

/* ---- zstd ---- */
static bool collect(void *ctx, struct vl_bytes piece, struct vl_err *e)
{
	return vl_buf_add(ctx, piece, e);
}

static bool refuse(void *ctx, struct vl_bytes piece, struct vl_err *e)
{
	(void)ctx;
	(void)piece;
	return vl_fail(e, VL_E_INTERRUPTED, "stop");
}

static size_t frame(const char *text, size_t n, uint8_t *out, size_t size)
{
	size_t len = ZSTD_compress(out, size, text, n, 3);

	return ZSTD_isError(len) ? 0 : len;
}

static void zstd_files(void)
{
	static char text[300000];
	static uint8_t packed[400000];
	VL_CLEAN(vl_buf) out = VL_BUF_INIT(1 << 20);
	VL_FD fd = scratch();
	struct vl_err e = VL_ERR_INIT;
	size_t one;

	for (size_t i = 0; i < sizeof text; i++)
		text[i] = (char)('a' + (i * i >> 7) % 23);
	one = frame(text, 200000, packed, sizeof packed);
	one += frame(text + 200000, 100000, packed + one, sizeof packed - one);
	if (write(fd, packed, one) != (ssize_t)one)
		exit(99);
	tap_good(vl_unzstd(fd, collect, &out, "x", &e), &e, "two frames are one content");
	tap_ok(out.len == sizeof text && !memcmp(out.data, text, sizeof text), "the right one");
	vl_buf_reset(&out);
	tap_good(vl_unzstd(fd, collect, &out, "x", &e), &e, "it is read from its start each time");
	tap_is(out.len, sizeof text, "all of it");
	tap_fails(vl_unzstd(fd, refuse, NULL, "x", &e), &e, VL_E_INTERRUPTED, "who takes it can stop it");
	vl_buf_reset(&out);
	if (ftruncate(fd, (off_t)one - 5))
		exit(99);
	tap_fails(vl_unzstd(fd, collect, &out, "the layer", &e), &e, VL_E_CONTENT, "a truncated one is refused");
	tap_ok(strstr(e.msg, "the layer: ") != NULL, "by name");
}

int main(void)
{
	plain();
	unfinished();
	too_much();
	huge();
	full_disk();
	zstd_files();
	return tap_done();
}
