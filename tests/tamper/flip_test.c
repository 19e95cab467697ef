/* SPDX-License-Identifier: Apache-2.0 */
/* tests/tamper/flip_test.c: every bit of every file of a small bundle flipped, every length cut, one byte appended:
 * verify and unpack must refuse it as a matter of trust (10) or integrity (11), name the file, and leave the store as
 * it was. */
#include <fts.h>

#include "pipeline/pipeline.h"
#include "tests/lib/bundle_fixture.h"
#include "tests/lib/tap.h"

#define DIR "medium"

static struct vl_err e;

/* ---- the store's tree as one digest: names, modes, link targets, content; the lock file aside ---- */
static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

static void add_content(struct vl_sha256 *sha, const FTSENT *f)
{
	char target[256];
	ssize_t len;

	if (f->fts_info == FTS_F) {
		VL_CLEAN(vl_buf) b = VL_BUF_INIT(1u << 20);

		FIX_MUST(vl_load_file(AT_FDCWD, f->fts_accpath, &b, NULL, me));
		vl_sha256_add(sha, vl_buf_bytes(&b));
	} else if (f->fts_info == FTS_SL || f->fts_info == FTS_SLNONE) {
		len = readlink(f->fts_accpath, target, sizeof target);
		vl_sha256_add(sha, vl_bytes(target, len > 0 ? (size_t)len : 0));
	}
}

static struct vl_digest tree_of(const char *name)
{
	char path[512];
	char *const paths[] = { path, NULL };
	VL_AUTO(vl_sha256) sha = vl_sha256_new();
	struct vl_digest d;
	FTSENT *f;
	FTS *t;

	snprintf(path, sizeof path, "%s", fix_path(name));
	t = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
	while (t && (f = fts_read(t))) {
		VL_STR line = NULL;

		if (f->fts_info == FTS_DP || !strcmp(f->fts_name, "lock"))
			continue;
		line = vl_xprintf("\n%s %o ", f->fts_path, f->fts_statp->st_mode);
		vl_sha256_add(sha, vl_bytes_str(line));
		add_content(sha, f);
	}
	if (t)
		fts_close(t);
	vl_sha256_end(sha, &d);
	return d;
}

/* ---- one attempt ---- */
static struct vl_unpack_opts opts; /* set once in main */
static struct vl_digest before;
static unsigned long attempts;

struct verdict { /* of one kind of damage to one file */
	const char *file;
	unsigned long bad;
	char first[400];
};

static void judge(struct verdict *v, bool good, const char *command, const char *what, uint64_t at)
{
	int status = good ? 0 : vl_code_exit(e.code);
	bool named = !good && (strstr(e.msg, v->file) || strstr(e.file, v->file));
	bool said = strcmp(command, "unpack") != 0 || !strcmp(e.state, "store unchanged (prod 6)");

	attempts++;
	if ((status == 10 || status == 11) && named && said)
		return;
	if (!v->bad++)
		snprintf(v->first, sizeof v->first, "%s, %s %llu: exit %d, E%04d %.200s; %.40s", command, what,
			 (unsigned long long)at, status, (int)e.code, good ? "" : e.msg, e.state);
}

static void attempt(struct verdict *v, const char *what, uint64_t at)
{
	struct vl_unpack_report r;
	struct vl_digest now;

	memset(&e, 0, sizeof e);
	judge(v, vl_verify(&opts, &fix_env, &r, &e), "verify", what, at);
	memset(&e, 0, sizeof e);
	judge(v, vl_unpack(&opts, &fix_env, &r, &e), "unpack", what, at);
	if (attempts % 64)
		return;
	now = tree_of("to");
	if (!vl_digest_equal(&now, &before) && !v->bad++)
		snprintf(v->first, sizeof v->first, "%s %llu: the store has changed", what, (unsigned long long)at);
}

static void conclude(const struct verdict *v, const char *what)
{
	struct vl_digest now = tree_of("to");

	if (!tap_ok(!v->bad, "%s: %s", v->file, what))
		printf("# %lu times, first: %s\n", v->bad, v->first);
	tap_ok(vl_digest_equal(&now, &before), "%s: %s: the store is as it was", v->file, what);
}

static void write_file(const char *file, struct vl_bytes b)
{
	fix_put(DIR, file, b);
}

static void every_bit(const char *file, const struct vl_buf *good)
{
	struct verdict v = { .file = file };
	char path[300];
	int fd;

	snprintf(path, sizeof path, DIR "/%s", file);
	fd = open(fix_path(path), O_WRONLY | O_CLOEXEC);
	for (size_t i = 0; i < good->len * 8; i++) {
		uint8_t byte = (uint8_t)(good->data[i / 8] ^ (1u << (i % 8)));

		if (pwrite(fd, &byte, 1, (off_t)(i / 8)) != 1)
			exit(99);
		attempt(&v, "bit", i);
		if (pwrite(fd, &good->data[i / 8], 1, (off_t)(i / 8)) != 1)
			exit(99);
	}
	close(fd);
	conclude(&v, "every bit");
}

static void every_length(const char *file, const struct vl_buf *good)
{
	struct verdict v = { .file = file };

	for (size_t len = 0; len < good->len; len++) {
		write_file(file, vl_bytes(good->data, len));
		attempt(&v, "length", len);
	}
	conclude(&v, "every length");
}

static void one_more(const char *file, const struct vl_buf *good)
{
	static const uint8_t more[] = { 0, '\n', ' ', 'x', 0xff };
	VL_CLEAN(vl_buf) b = VL_BUF_INIT(1u << 20);
	struct verdict v = { .file = file };

	for (size_t i = 0; i < VL_LEN(more); i++) {
		vl_buf_reset(&b);
		FIX_MUST(vl_buf_add(&b, vl_buf_bytes(good), me) && vl_buf_add(&b, vl_bytes(&more[i], 1), me));
		write_file(file, vl_buf_bytes(&b));
		attempt(&v, "appended", more[i]);
	}
	write_file(file, vl_buf_bytes(good));
	conclude(&v, "one byte more");
}

static void damage(const char *file)
{
	VL_CLEAN(vl_buf) good = VL_BUF_INIT(1u << 20);
	char path[300];

	snprintf(path, sizeof path, DIR "/%s", file);
	FIX_MUST(vl_load_file(AT_FDCWD, fix_path(path), &good, NULL, me));
	every_bit(file, &good);
	every_length(file, &good);
	one_more(file, &good);
}

/* Memory if there is some: the test is about bits, not about the disk, and fsync would take hours. */
static void choose_scratch(void)
{
	if (!access("/dev/shm", W_OK))
		setenv("TMPDIR", "/dev/shm", 1);
}

static void set_up(struct vl_seckey *key, const struct vl_pubkey *pub)
{
	VL_AUTO(vl_store) from = fix_open("from");
	VL_AUTO(vl_store) to = fix_open("to");
	struct vl_channel six = fix_two_items(from, "prod", 6, 1200), seven = fix_two_items(from, "prod", 7, 1200);
	VL_CLEAN(vl_trust) t = { .key = NULL };

	FIX_MUST(vl_trust_add(&t, pub, "prod", "sender", fix_env.now, me) && vl_trust_save(&t, to, me));
	fix_bundle(from, &six, &(struct fix_order){ .dir = DIR "6", .key = { key }, .raw_max = 4096 });
	fix_bundle(from, &seven, &(struct fix_order){ .dir = DIR, .key = { key }, .raw_max = 4096 });
}

int main(void)
{
	static char store[300], old[300], new[300];
	static const char *const six[] = { old, NULL }, *const seven[] = { new, NULL };
	static const char *const files[] = { "waybill.json", "waybill.json.minisig", "SHA256SUMS", "volume.json",
					     "parcels/000001.tar.zst", "parcels/000002.tar.zst",
					     "parcels/000003.tar.zst", "READ-ME.txt" };
	struct vl_unpack_report r;
	struct vl_pubkey pub;
	VL_AUTO(vl_seckey) key = NULL;

	choose_scratch();
	key = fix_key(&pub);
	set_up(key, &pub);
	snprintf(store, sizeof store, "%s", fix_path("to"));
	snprintf(old, sizeof old, "%s", fix_path(DIR "6"));
	snprintf(new, sizeof new, "%s", fix_path(DIR));
	opts = (struct vl_unpack_opts){ .store = store, .paths = six, .no_place = true };
	tap_good(vl_unpack(&opts, &fix_env, &r, &e), &e, "prod 6 is installed");
	opts.paths = seven;
	before = tree_of("to");
	tap_good(vl_verify(&opts, &fix_env, &r, &e), &e, "prod 7 is good");
	tap_is(r.parcels, 3, "and has three parcels");
	for (size_t i = 0; i < VL_LEN(files); i++)
		damage(files[i]);
	printf("# %lu attempts\n", attempts);
	tap_good(vl_unpack(&opts, &fix_env, &r, &e), &e, "undamaged again, prod 7 is installed");
	tap_is(r.was.sequence, 6, "over prod 6");
	fix_done();
	return tap_done();
}
