/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/store_blob_test.c: opening a store, and bytes in and out of it. */
#include "tests/lib/store_fixture.h"
#include "tests/lib/tap.h"

static const char *blob_name(const struct vl_digest *d, const char *store)
{
	static char name[256];
	char hex[VL_DIGEST_HEX];

	snprintf(name, sizeof name, "%s/blobs/sha256/%s", store, vl_digest_hex(d, hex));
	return name;
}

static bool note_entry(void *ctx, const char *name, struct vl_err *e)
{
	(void)e;
	printf("# left over: %s\n", name);
	*(bool *)ctx = false;
	return true;
}

static bool is_empty(const char *dir)
{
	VL_FD fd = open(fix_path(dir), O_RDONLY | O_DIRECTORY);
	struct vl_err e;
	bool empty = true;

	return fd >= 0 && vl_each_entry(fd, note_entry, &empty, &e) && empty;
}

/* ---- opening ---- */

static void test_layout(void)
{
	static const struct {
		const char *name;
		mode_t mode;
	} dirs[] = { { "blobs", 0755 }, { "blobs/sha256", 0755 }, { "generations", 0755 }, { "state", 0755 },
		     { "staging", 0700 } };
	mode_t old = umask(077);
	VL_AUTO(vl_store) s = fix_open("a/b/store");
	char target[64], name[64];
	ssize_t len;
	struct stat st;

	umask(old);
	for (size_t i = 0; i < VL_LEN(dirs); i++) {
		snprintf(name, sizeof name, "a/b/store/%s", dirs[i].name);
		tap_ok(!lstat(fix_path(name), &st) && S_ISDIR(st.st_mode) && (st.st_mode & 07777) == dirs[i].mode,
		       "%s is a directory with mode %o whatever the umask", dirs[i].name, (unsigned)dirs[i].mode);
	}
	tap_str(fix_read("a/b/store/oci-layout"), "{\"imageLayoutVersion\":\"1.0.0\"}", "oci-layout");
	len = readlink(fix_path("a/b/store/index.json"), target, sizeof target - 1);
	target[len < 0 ? 0 : len] = '\0';
	tap_str(target, "current/index.json", "index.json is a link");
	tap_str(vl_store_path(s), fix_path("a/b/store"), "the path is absolute");
}

static void test_refusals(void)
{
	struct vl_store *s = NULL;
	struct vl_err e = VL_ERR_INIT;

	tap_fails(vl_store_open(&s, fix_path("none"), VL_STORE_READ, 0, &fix_env, &e), &e, VL_E_ABSENT,
		  "reading a store that is not there");
	tap_ok(!fix_exists("none"), "reading makes nothing");
	mkdir(fix_path("full"), 0755);
	fix_write("full/letter.txt", "dear");
	tap_fails(vl_store_open(&s, fix_path("full"), VL_STORE_WRITE, 0, &fix_env, &e), &e, VL_E_EXISTS,
		  "a directory with somebody's files");
	tap_ok(strstr(e.msg, "letter.txt") != NULL, "which is named");
	tap_fails(vl_store_open(&s, fix_path("full"), VL_STORE_READ, 0, &fix_env, &e), &e, VL_E_ABSENT,
		  "the same for reading");
	tap_ok(!fix_exists("full/lock") && !fix_exists("full/blobs"), "and nothing was made in it");
	mkdir(fix_path("layout"), 0755);
	fix_write("layout/oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}");
	fix_write("layout/index.json", "{}");
	tap_fails(vl_store_open(&s, fix_path("layout"), VL_STORE_WRITE, 0, &fix_env, &e), &e, VL_E_EXISTS,
		  "an OCI layout of another program");
	mkdir(fix_path("newer"), 0755);
	fix_write("newer/oci-layout", "{\"imageLayoutVersion\":\"2.0.0\"}");
	tap_fails(vl_store_open(&s, fix_path("newer"), VL_STORE_WRITE, 0, &fix_env, &e), &e, VL_E_STORE,
		  "another layout version");
	fix_write("plain", "x");
	tap_ok(!vl_store_open(&s, fix_path("plain"), VL_STORE_WRITE, 0, &fix_env, &e), "a plain file");
	tap_ok(s == NULL, "no store came out");
}

/* A first run that was killed after any of its steps is no reason to refuse the next. */
static void test_half_made(void)
{
	VL_AUTO(vl_store) s = NULL;
	struct vl_err e = VL_ERR_INIT;

	mkdir(fix_path("half"), 0755);
	mkdir(fix_path("half/lost+found"), 0700);
	mkdir(fix_path("half/blobs"), 0755);
	fix_write("half/lock", "");
	fix_write("half/.valise-0123456789abcdef.tmp", "{\"imag");
	tap_good(vl_store_open(&s, fix_path("half"), VL_STORE_WRITE, 0, &fix_env, &e), &e, "half made: is completed");
	tap_ok(fix_exists("half/oci-layout") && !fix_exists("half/.valise-0123456789abcdef.tmp"), "and tidied");
}

static void test_lock(void)
{
	VL_AUTO(vl_store) a = fix_open("locked");
	VL_AUTO(vl_store) r = NULL;
	VL_AUTO(vl_store) again = NULL;
	struct vl_store *b = NULL;
	struct vl_err e = VL_ERR_INIT;
	int fd = -1;

	tap_fails(vl_store_open(&b, fix_path("locked"), VL_STORE_WRITE, 0, &fix_env, &e), &e, VL_E_BUSY,
		  "a second writer");
	tap_good(vl_store_open(&r, fix_path("locked"), VL_STORE_READ, 0, &fix_env, &e), &e, "a reader meanwhile");
	tap_fails(vl_store_subdir(r, "fetch", &fd, &e), &e, VL_E_ABSENT, "a reader makes no directory");
	tap_good(vl_store_subdir(a, "fetch", &fd, &e), &e, "a writer does");
	close(fd);
	vl_store_free(vl_steal(&a));
	tap_good(vl_store_open(&again, fix_path("locked"), VL_STORE_WRITE, 0, &fix_env, &e), &e, "then the next");
}

/* ---- blobs ---- */

static void test_put_get(void)
{
	VL_AUTO(vl_store) s = fix_open("blobs");
	VL_CLEAN(vl_buf) b = VL_BUF_INIT(1000), small = VL_BUF_INIT(3);
	struct vl_err e = VL_ERR_INIT;
	struct vl_digest d, no = { { 1 } };
	struct stat st;

	tap_good(vl_store_put(s, vl_bytes_str("hello"), &d, &e), &e, "put");
	tap_ok(!stat(fix_path(blob_name(&d, "blobs")), &st) && (st.st_mode & 07777) == 0444, "mode 0444");
	tap_good(vl_store_get(s, &d, 5, &b, &e), &e, "get");
	tap_str(vl_buf_str(&b), "hello", "the same bytes");
	tap_ok(vl_store_has(s, &d, 5) && !vl_store_has(s, &d, 4) && !vl_store_has(s, &no, 5), "has");
	tap_fails(vl_store_get(s, &d, 4, &b, &e), &e, VL_E_STORE, "another size");
	tap_fails(vl_store_get(s, &no, 5, &b, &e), &e, VL_E_STORE, "missing");
	tap_fails(vl_store_get(s, &d, 5, &small, &e), &e, VL_E_LIMIT, "longer than the buffer may be");
	tap_good(vl_store_put(s, vl_bytes_str(""), &d, &e), &e, "an empty blob");
	tap_good(vl_store_get(s, &d, 0, &b, &e), &e, "comes back");
	tap_ok(b.len == 0 && !strcmp(vl_buf_str(&b), ""), "empty");
	tap_good(vl_store_sync(s, &e), &e, "sync");
	tap_ok(is_empty("blobs/staging"), "staging is empty");
}

static void spoil(const struct vl_digest *d, const char *store, const char *text)
{
	unlink(fix_path(blob_name(d, store)));
	fix_write(blob_name(d, store), text);
}

static void test_damage(void)
{
	VL_AUTO(vl_store) s = fix_open("damage");
	VL_CLEAN(vl_buf) b = VL_BUF_INIT(1000);
	struct vl_err e = VL_ERR_INIT;
	struct vl_digest d;
	struct stat before, after;
	bool good = true;

	FIX_MUST(vl_store_put(s, vl_bytes_str("hello"), &d, me));
	stat(fix_path(blob_name(&d, "damage")), &before);
	tap_good(vl_store_put(s, vl_bytes_str("hello"), &d, &e), &e, "put a good one again");
	tap_ok(!stat(fix_path(blob_name(&d, "damage")), &after) && before.st_ino == after.st_ino, "it stays");
	spoil(&d, "damage", "jello");
	tap_fails(vl_store_get(s, &d, 5, &b, &e), &e, VL_E_STORE, "get notices damage");
	tap_good(vl_store_check_blob(s, &d, 5, &good, &e), &e, "check");
	tap_ok(!good, "says damaged");
	tap_good(vl_store_put(s, vl_bytes_str("hello"), &d, &e), &e, "put heals");
	tap_good(vl_store_get(s, &d, 5, &b, &e), &e, "healed");
	spoil(&d, "damage", "much too long");
	tap_good(vl_store_put(s, vl_bytes_str("hello"), &d, &e), &e, "put heals another size");
	tap_good(vl_store_check_blob(s, &d, 5, &good, &e), &e, "check");
	tap_ok(good, "says good");
	unlink(fix_path(blob_name(&d, "damage")));
	tap_ok(!symlink("/etc/hostname", fix_path(blob_name(&d, "damage"))), "a link in a blob's place");
	tap_fails(vl_store_get(s, &d, 5, &b, &e), &e, VL_E_STORE, "a link is no blob");
	tap_good(vl_store_put(s, vl_bytes_str("hello"), &d, &e), &e, "and is replaced");
	tap_good(vl_store_get(s, &d, 5, &b, &e), &e, "by the blob");
}

static void test_orders(void)
{
	/* pieces of "abcdefgh" as offset and length; a later one may overwrite an earlier one */
	static const struct {
		const char *name;
		struct {
			unsigned at, len;
		} piece[5];
	} orders[] = {
		{ "in order", { { 0, 4 }, { 4, 4 } } },
		{ "backwards", { { 6, 2 }, { 3, 3 }, { 0, 3 } } },
		{ "middle last", { { 0, 2 }, { 6, 2 }, { 2, 4 } } },
		{ "rewritten from the start", { { 0, 8 }, { 0, 8 } } },
		{ "rewritten in the middle", { { 0, 8 }, { 2, 3 } } },
		{ "rewritten, then continued", { { 0, 4 }, { 2, 2 }, { 4, 4 } } },
	};
	VL_AUTO(vl_store) s = fix_open("orders");
	struct vl_digest want, got;
	uint64_t size;

	vl_sha256_of(vl_bytes_str("abcdefgh"), &want);
	for (size_t i = 0; i < VL_LEN(orders); i++) {
		VL_CLEAN(vl_blob) b = VL_BLOB_INIT;
		struct vl_err e = VL_ERR_INIT;
		bool good = vl_blob_begin(&b, s, i % 2 ? 8 : 0, &e);

		for (size_t k = 0; good && k < 5 && orders[i].piece[k].len; k++)
			good = vl_blob_write(&b, orders[i].piece[k].at,
					     vl_bytes(&"abcdefgh"[orders[i].piece[k].at], orders[i].piece[k].len), &e);
		tap_good(good && vl_blob_finish(&b, &want, &got, &size, &e), &e, "%s", orders[i].name);
		tap_ok(vl_digest_equal(&got, &want) && size == 8, "%s: digest and size", orders[i].name);
		unlink(fix_path(blob_name(&want, "orders")));
	}
	tap_ok(is_empty("orders/staging"), "staging is empty");
}

static void test_blob_faults(void)
{
	VL_AUTO(vl_store) s = fix_open("faults");
	VL_AUTO(vl_store) r = NULL;
	VL_CLEAN(vl_blob) a = VL_BLOB_INIT, b = VL_BLOB_INIT, c = VL_BLOB_INIT;
	struct vl_err e = VL_ERR_INIT;
	struct vl_digest want, d1, d2;
	struct stat st;

	vl_sha256_of(vl_bytes_str("right"), &want);
	FIX_MUST(vl_blob_begin(&a, s, 5, me) && vl_blob_write(&a, 0, vl_bytes_str("wrong"), me));
	tap_fails(vl_blob_finish(&a, &want, NULL, NULL, &e), &e, VL_E_DIGEST, "right size, wrong digest");
	vl_blob_clear(&a);
	tap_ok(!vl_store_has(s, &want, 5) && is_empty("faults/staging"), "no blob, nothing in staging");
	FIX_MUST(vl_blob_begin(&a, s, 1000000, me) && vl_blob_begin(&b, s, 0, me));
	FIX_MUST(vl_blob_write(&a, 0, vl_bytes_str("right"), me) && vl_blob_write(&b, 0, vl_bytes_str("right"), me));
	tap_good(vl_blob_finish(&a, NULL, &d1, NULL, &e), &e, "the first of two equal ones");
	tap_good(vl_blob_finish(&b, &d1, &d2, NULL, &e), &e, "the second");
	tap_ok(vl_digest_equal(&d1, &want) && vl_digest_equal(&d2, &want), "both have the digest");
	tap_ok(!stat(fix_path(blob_name(&want, "faults")), &st) && st.st_blocks * 512 < 500000,
	       "what was reserved in excess is given back");
	FIX_MUST(vl_blob_begin(&c, s, 0, me));
	tap_fails(vl_blob_write(&c, UINT64_MAX - 1, vl_bytes_str("abc"), &e), &e, VL_E_LIMIT, "offset overflows");
	tap_fails(vl_blob_write(&c, (uint64_t)1 << 40, vl_bytes_str("abc"), &e), &e, VL_E_LIMIT, "more than 1 TiB");
	vl_blob_clear(&c);
	tap_ok(!vl_blob_begin(&c, s, (uint64_t)1 << 41, &e) && c.fd < 0, "2 TiB announced");
	FIX_MUST(vl_store_open(&r, fix_path("faults"), VL_STORE_READ, 0, &fix_env, me));
	tap_fails(vl_blob_begin(&c, r, 0, &e), &e, VL_E_INTERNAL, "a store opened for reading takes no blob");
}

static void test_put_fd(void)
{
	VL_AUTO(vl_store) s = fix_open("fds");
	struct vl_err e = VL_ERR_INIT;
	struct vl_digest d, want;
	uint64_t size = 0;
	size_t len = (1u << 20) * 2; /* an exact number of chunks, and one more byte */
	VL_STR big = vl_xcalloc(len + 1, 1);

	for (size_t i = 0; i < 2; i++) {
		FILE *f = tmpfile();

		memset(big, 'x', len + i);
		fwrite(big, 1, len + i, f);
		fflush(f);
		vl_sha256_of(vl_bytes(big, len + i), &want);
		tap_good(vl_store_put_fd(s, fileno(f), &d, &size, &e), &e, "put_fd of %zu bytes", len + i);
		tap_ok(size == len + i && vl_digest_equal(&d, &want), "digest and size");
		fclose(f);
	}
}

/* ---- a finished file of fetch/ becomes a blob ---- */

static bool adopt(struct vl_store *s, int dir, const char *text, uint64_t size, struct vl_err *e)
{
	struct vl_digest want;

	vl_sha256_of(vl_bytes_str(text), &want);
	return vl_store_adopt(s, dir, "file", &want, size, e);
}

static void test_adopt(void)
{
	static const struct {
		const char *name, *file, *there; /* there: what blobs/ has under the name; NULL: nothing */
		uint64_t size;
		enum vl_code code;
	} cases[] = {
		{ "new", "right", NULL, 5, VL_OK },
		{ "a good one is kept", "right", "right", 5, VL_OK },
		{ "a damaged one is replaced", "right", "wrong", 5, VL_OK },
		{ "a short one is replaced", "right", "ri", 5, VL_OK },
		{ "another digest", "wrong", NULL, 5, VL_E_DIGEST },
		{ "another size", "righter", NULL, 5, VL_E_SIZE },
		{ "a size that lies", "right", NULL, 6, VL_E_SIZE },
	};
	VL_AUTO(vl_store) s = fix_open("adopts");
	VL_AUTO(vl_store) r = NULL;
	struct vl_err e = VL_ERR_INIT;
	struct vl_digest want;
	VL_FD dir = -1;

	FIX_MUST(vl_store_subdir(s, "fetch", &dir, me));
	vl_sha256_of(vl_bytes_str("right"), &want);
	for (size_t i = 0; i < VL_LEN(cases); i++) {
		const char *blob = blob_name(&want, "adopts"), *name = cases[i].name;
		struct stat before = { 0 }, after = { 0 };
		bool good;

		unlink(fix_path(blob));
		if (cases[i].there)
			fix_write(blob, cases[i].there);
		lstat(fix_path(blob), &before);
		fix_write("adopts/fetch/file", cases[i].file);
		good = adopt(s, dir, "right", cases[i].size, &e);
		if (cases[i].code != VL_OK) {
			tap_ok(!good && e.code == cases[i].code && strstr(e.msg, "file"), "%s: %s", name, e.msg);
			tap_ok(fix_exists("adopts/fetch/file") && !fix_exists(blob), "%s: nothing moved", name);
			continue;
		}
		tap_good(good, &e, "%s", name);
		tap_str(fix_read(blob), "right", "%s: content", name);
		lstat(fix_path(blob), &after);
		tap_ok(!fix_exists("adopts/fetch/file"), "%s: gone from fetch/", name);
		tap_ok((cases[i].there && !strcmp(cases[i].there, "right")) == (before.st_ino == after.st_ino) &&
			       (before.st_ino == after.st_ino || (after.st_mode & 07777) == 0444),
		       "%s: which file it is", name);
	}
	FIX_MUST(vl_store_open(&r, fix_path("adopts"), VL_STORE_READ, 0, &fix_env, me));
	tap_fails(adopt(r, dir, "right", 5, &e), &e, VL_E_INTERNAL, "not in a store opened for reading");
}

int main(void)
{
	test_layout();
	test_refusals();
	test_half_made();
	test_lock();
	test_put_get();
	test_damage();
	test_orders();
	test_blob_faults();
	test_put_fd();
	test_adopt();
	fix_done();
	return tap_done();
}
