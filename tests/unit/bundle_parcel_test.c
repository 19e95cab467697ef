/* SPDX-License-Identifier: Apache-2.0 */
/* bundle/parcel.c and parcel_read.c: what is built opens again and gives the same blobs; anything else is refused. */
#include "bundle/bundle.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/zstd.h"
#include "base/file.h"
#include "tests/lib/tap.h"

#define BLOBS 6
#define RAW_MAX 8192

static const size_t sizes[BLOBS] = { 0, 1, 512, 700, 3000, 20000 };

struct fixture {
	struct vl_store *store;
	struct vl_reached blob[BLOBS];
	uint8_t content[BLOBS][20000];
	struct vl_closure closure;
	struct vl_plan plan;
};

static void fill(uint8_t *p, size_t len, uint32_t seed)
{
	for (size_t i = 0; i < len; i++) {
		seed = seed * 1664525 + 1013904223;
		p[i] = (uint8_t)("advisory"[(seed >> 24) % 8]);
	}
}

static void fixture_open(struct fixture *f, const char *dir, const struct vl_env *env)
{
	VL_STR path = vl_xprintf("%s/store", dir);
	struct vl_err e = VL_ERR_INIT;

	tap_good(vl_store_open(&f->store, path, VL_STORE_WRITE, 0, env, &e), &e, "a store");
	for (size_t i = 0; i < BLOBS; i++) {
		fill(f->content[i], sizes[i], (uint32_t)i);
		f->blob[i].size = sizes[i];
		f->blob[i].item = "things";
		tap_good(vl_store_put(f->store, vl_bytes(f->content[i], sizes[i]), &f->blob[i].digest, &e), &e,
			 "put a blob of %zu bytes", sizes[i]);
	}
	f->closure = (struct vl_closure){ .blob = f->blob, .n = BLOBS };
	tap_good(vl_plan_make(&f->plan, &f->closure, RAW_MAX, &e), &e, "a plan");
}

/* Takes the parcel apart and compares each segment with the blob it says it is of. */
static size_t take_apart(const struct fixture *f, struct vl_bytes raw, uint64_t *bytes)
{
	struct vl_ustar t = { .in = raw };
	struct vl_err e = VL_ERR_INIT;
	struct vl_segment seg;
	size_t faults = 0;
	bool end = false;

	while (vl_parcel_next(&t, &seg, &end, "parcel", &e) && !end) {
		size_t i = 0;

		while (i < BLOBS && !vl_digest_equal(&seg.blob, &f->blob[i].digest))
			i++;
		if (i == BLOBS || seg.offset + seg.data.len > sizes[i] ||
		    (seg.data.len && memcmp(f->content[i] + seg.offset, seg.data.data, seg.data.len)) ||
		    seg.whole != (seg.data.len == sizes[i]))
			faults++;
		*bytes += seg.data.len;
	}
	return faults + !end;
}

static void test_round_trip(struct fixture *f)
{
	uint64_t bytes = 0, total = 0;
	size_t faults = 0;

	for (size_t i = 0; i < BLOBS; i++)
		total += sizes[i];
	for (size_t i = 0; i < f->plan.n_parcels; i++) {
		VL_CLEAN(vl_buf) out = VL_BUF_INIT(VL_PARCEL_STORED_MAX);
		VL_CLEAN(vl_buf) again = VL_BUF_INIT(VL_PARCEL_STORED_MAX);
		struct vl_parcel_line line, other;
		struct vl_err e = VL_ERR_INIT;
		uint8_t raw[RAW_MAX];

		tap_good(vl_parcel_build(f->store, &f->plan, i, 0, &line, &out, &e), &e, "build parcel %zu", i + 1);
		tap_ok(line.raw <= RAW_MAX && line.size == out.len, "line of parcel %zu", i + 1);
		tap_good(vl_parcel_build(f->store, &f->plan, i, 0, &other, &again, &e), &e, "build it again");
		tap_ok(vl_digest_equal(&line.sha256, &other.sha256), "the same bytes again");
		tap_good(vl_parcel_open(vl_buf_bytes(&out), &line, "parcel", raw, &e), &e, "open parcel %zu", i + 1);
		faults += take_apart(f, vl_bytes(raw, line.raw), &bytes);
	}
	tap_is(faults, 0, "every segment is what it says");
	tap_is(bytes, total, "every byte came");
}

static void test_flips(const struct fixture *f)
{
	VL_CLEAN(vl_buf) out = VL_BUF_INIT(VL_PARCEL_STORED_MAX);
	struct vl_parcel_line line;
	struct vl_err e = VL_ERR_INIT;
	size_t refused = 0, cut = 0;
	uint8_t raw[RAW_MAX];

	tap_good(vl_parcel_build(f->store, &f->plan, 0, 3, &line, &out, &e), &e, "a parcel to damage");
	for (size_t i = 0; i < out.len * 8; i++) {
		out.data[i / 8] ^= (uint8_t)(1 << i % 8);
		refused += !vl_parcel_open(vl_buf_bytes(&out), &line, "parcels/000001.tar.zst", raw, &e) &&
			   e.code == VL_E_HASH && !strcmp(e.file, "parcels/000001.tar.zst") && *e.found && *e.expected;
		out.data[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	tap_is(refused, out.len * 8, "every flipped bit is refused");
	for (size_t len = 0; len < out.len; len++)
		cut += !vl_parcel_open(vl_bytes(out.data, len), &line, "p", raw, &e) && e.code == VL_E_SIZE;
	tap_is(cut, out.len, "every cut is refused");
	tap_good(vl_parcel_open(vl_buf_bytes(&out), &line, "p", raw, &e), &e, "it is whole again");
}

/* A signed parcel may still be nonsense: the signer's valise may have been at fault. */
static void test_lying_line(const struct fixture *f)
{
	VL_CLEAN(vl_buf) out = VL_BUF_INIT(VL_PARCEL_STORED_MAX);
	struct vl_parcel_line line;
	struct vl_err e = VL_ERR_INIT;
	uint8_t raw[RAW_MAX * 2];

	tap_good(vl_parcel_build(f->store, &f->plan, 0, 3, &line, &out, &e), &e, "a parcel with a line that lies");
	line.raw += 512;
	tap_fails(vl_parcel_open(vl_buf_bytes(&out), &line, "p", raw, &e), &e, VL_E_PARCEL,
		  "raw is not the content size");
}

#define H64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct {
	const char *name;
	size_t len; /* of the content */
	enum vl_code code;
} names[] = {
	{ "blobs/sha256/" H64, 3, VL_OK },
	{ "blobs/sha256/" H64, 0, VL_OK },
	{ "blobs/sha256/" H64 "@0000000000000000", 3, VL_OK },
	{ "blobs/sha256/" H64 "@000000fffffffffd", 3, VL_OK },
	{ "blobs/sha256/" H64 "@000000ffffffffff", 3, VL_E_LIMIT },
	{ "blobs/sha256/" H64 "@ffffffffffffffff", 3, VL_E_LIMIT },
	{ "blobs/sha256/" H64 "@0000000000000000", 0, VL_E_PARCEL },
	{ "blobs/sha256/" H64 "@00000000000000", 3, VL_E_PARCEL },
	{ "blobs/sha256/" H64 "@000000000000000A", 3, VL_E_PARCEL },
	{ "blobs/sha256/" H64 "@00000000000000000", 3, VL_E_PARCEL },
	{ "blobs/sha256/" H64 "@", 3, VL_E_PARCEL },
	{ "blobs/sha256/" H64 "0", 3, VL_E_PARCEL },
	{ "blobs/sha256/" H64 "/", 3, VL_E_PARCEL },
	{ "blobs/sha256/123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", 3, VL_E_PARCEL },
	{ "blobs/sha256/A123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", 3, VL_E_PARCEL },
	{ "blobs/sha512/" H64, 3, VL_E_PARCEL },
	{ "/blobs/sha256/" H64, 3, VL_E_PARCEL },
	{ "./blobs/sha256/" H64, 3, VL_E_PARCEL },
	{ "../blobs/sha256/" H64, 3, VL_E_PARCEL },
	{ "blobs/sha256/../../etc/passwd", 3, VL_E_PARCEL },
	{ "x", 3, VL_E_PARCEL },
};

static void test_names(void)
{
	for (size_t i = 0; i < VL_LEN(names); i++) {
		uint8_t tar[4 * 512] = { 0 };
		struct vl_ustar t = { .in = { tar, names[i].len ? sizeof tar : sizeof tar - 512 } };
		struct vl_err e = VL_ERR_INIT;
		struct vl_segment seg;
		bool end = false, good;

		vl_ustar_header(tar, names[i].name, names[i].len);
		memcpy(tar + 512, "abc", names[i].len);
		good = vl_parcel_next(&t, &seg, &end, "p", &e);
		if (!tap_ok(good ? names[i].code == VL_OK && !end : names[i].code == e.code, "name \"%s\", %zu bytes",
			    names[i].name, names[i].len))
			printf("# %s E%04d: %s\n", good ? "accepted" : "refused with", (int)e.code, e.msg);
	}
}

/* The store rots between fetch and pack: found when the parcel is built. */
static void test_rotten_store(struct fixture *f, const char *dir)
{
	VL_CLEAN(vl_buf) out = VL_BUF_INIT(VL_PARCEL_STORED_MAX);
	struct vl_parcel_line line;
	struct vl_err e = VL_ERR_INIT;
	char hex[VL_DIGEST_HEX];
	VL_STR path = vl_xprintf("%s/store/blobs/sha256/%s", dir, vl_digest_hex(&f->blob[3].digest, hex));
	VL_FD fd = -1;

	if (chmod(path, 0644))
		perror(path);
	fd = open(path, O_WRONLY);
	tap_ok(fd >= 0 && pwrite(fd, "#", 1, 100) == 1, "one byte of a blob changes");
	tap_fails(vl_parcel_build(f->store, &f->plan, 0, 0, &line, &out, &e), &e, VL_E_STORE,
		  "the parcel is not built");
	tap_ok(strstr(e.msg, hex) && strstr(e.msg, "things"), "blob and item are named: %s", e.msg);
}

int main(void)
{
	char dir[] = "/tmp/valise-parcel-XXXXXX";
	struct vl_env env = { .jobs = 1 };
	struct vl_err e = VL_ERR_INIT;
	struct fixture *f = vl_xcalloc(1, sizeof *f);

	if (!mkdtemp(dir))
		return 99;
	fixture_open(f, dir, &env);
	test_round_trip(f);
	test_flips(f);
	test_lying_line(f);
	test_names();
	test_rotten_store(f, dir);
	vl_plan_clear(&f->plan);
	vl_store_free(f->store);
	free(f);
	tap_good(vl_remove_tree(AT_FDCWD, dir, &e), &e, "clean up");
	return tap_done();
}
