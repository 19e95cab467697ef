/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/store_gc_test.c: what goes, what stays, and that nothing goes when something is wrong. */
#include "tests/lib/store_fixture.h"
#include "tests/lib/tap.h"

static struct vl_channel of_text(struct vl_store *s, const char *channel, uint64_t sequence, const char *text)
{
	VL_CLEAN(vl_doc) snapshot = { 0 };

	vl_doc_init_index(&snapshot);
	fix_simple_item(s, &snapshot, "rules", text);
	return fix_channel(s, &snapshot, channel, sequence);
}

/* Generations 1 to 5: `lab` never changes, `prod` does each time, and each has a file of its own in places/. */
static struct vl_store *five(const char *name)
{
	struct vl_store *s = fix_open(name);
	struct vl_channel c = of_text(s, "lab", 1, "of the lab");
	char path[128], text[32];

	fix_commit(s, &c);
	for (unsigned i = 2; i <= 5; i++) {
		snprintf(text, sizeof text, "number %u", i);
		c = of_text(s, "prod", i, text);
		fix_commit(s, &c);
		snprintf(path, sizeof path, "%s/generations/%06u/places", name, i);
		mkdir(fix_path(path), 0755);
		snprintf(path, sizeof path, "%s/generations/%06u/places/copy", name, i);
		fix_write(path, "0123456789");
	}
	return s;
}

static bool is_whole(struct vl_store *s, uint64_t number)
{
	VL_CLEAN(vl_generation) g = { 0 };
	struct vl_err e = VL_ERR_INIT;
	bool good = vl_store_load_generation(s, number, &g, &e);

	for (size_t i = 0; good && i < g.n; i++) {
		VL_CLEAN(vl_closure) c = { 0 };

		good = vl_store_closure(s, &g.channel[i].root, g.channel[i].root_size, &c, &e);
	}
	return good;
}

static bool same_report(const struct vl_gc_report *a, const struct vl_gc_report *b)
{
	return a->generations == b->generations && a->blobs == b->blobs && a->bytes == b->bytes &&
	       a->files == b->files && a->kept_generations == b->kept_generations &&
	       a->kept_blobs == b->kept_blobs && a->kept_bytes == b->kept_bytes;
}

static void test_keep(void)
{
	static const struct {
		unsigned keep, stay;
		uint64_t blobs, kept_blobs;
	} cases[] = { /* a snapshot of prod has 3 blobs of its own, lab 3, all share the empty config */
		{ 9, 5, 0, 16 }, { 5, 5, 0, 16 }, { 4, 4, 0, 16 }, { 2, 2, 6, 10 }, { 1, 1, 9, 7 }, { 0, 1, 9, 7 },
	};

	for (size_t i = 0; i < VL_LEN(cases); i++) {
		VL_STR name = vl_xprintf("keep%zu", i);
		VL_AUTO(vl_store) s = five(name);
		struct vl_gc_report dry, wet;
		struct vl_err e = VL_ERR_INIT;
		unsigned keep = cases[i].keep;
		uint64_t *all = NULL;
		size_t n = 0, whole = 0;

		tap_good(vl_store_gc(s, keep, true, &fix_env, &dry, &e), &e, "dry run, keep %u", keep);
		tap_ok(is_whole(s, 1) && is_whole(s, 2), "removes nothing");
		tap_good(vl_store_gc(s, keep, false, &fix_env, &wet, &e), &e, "keep %u", keep);
		tap_ok(same_report(&dry, &wet), "the dry run said the same");
		tap_is(wet.kept_generations, cases[i].stay, "generations that stay");
		tap_is(wet.generations, 5 - cases[i].stay, "generations that go");
		tap_is(wet.blobs, cases[i].blobs, "blobs that go");
		tap_is(wet.kept_blobs, cases[i].kept_blobs, "blobs that stay");
		FIX_MUST(vl_store_numbers(s, &all, &n, me));
		for (size_t k = 0; k < n; k++)
			whole += is_whole(s, all[k]);
		tap_ok(n == cases[i].stay && whole == n && all[n - 1] == 5, "they are the newest, and whole");
		free(all);
		tap_ok(vl_store_gc(s, keep, false, &fix_env, &wet, &e) && !wet.generations && !wet.blobs && !wet.bytes,
		       "a second time there is nothing to do");
	}
}

static void test_bytes(void)
{
	VL_AUTO(vl_store) s = five("bytes");
	struct vl_gc_report r;
	struct vl_err e = VL_ERR_INIT;
	struct vl_digest d;
	struct stat st;
	uint64_t index;

	lstat(fix_path("bytes/generations/000001/index.json"), &st);
	index = (uint64_t)st.st_size;
	FIX_MUST(vl_store_put(s, vl_bytes_str("nobody needs this"), &d, me));
	fix_write("bytes/blobs/sha256/notes.txt", "of somebody");
	tap_good(vl_store_gc(s, 4, false, &fix_env, &r, &e), &e, "an orphan and the first generation");
	tap_is(r.bytes, 17 + index, "bytes of both");
	tap_ok(fix_exists("bytes/blobs/sha256/notes.txt"), "what is not named like a blob is not touched");
	tap_ok(!fix_exists("bytes/staging/gone-1"), "nothing is left in staging");
}

static void old_file(const char *name, int64_t age)
{
	struct timespec times[2] = { { .tv_sec = fix_env.now - age }, { .tv_sec = fix_env.now - age } };

	fix_write(name, "12345");
	utimensat(AT_FDCWD, fix_path(name), times, 0);
}

static void test_leftovers(void)
{
	static const struct {
		const char *name;
		int64_t age;
		bool stays;
	} cases[] = {
		{ "left/fetch/a.part", 8 * 86400, false },     { "left/fetch/a.part.json", 8 * 86400, false },
		{ "left/fetch/b.part", 6 * 86400, true },      { "left/fetch/b.json", 80 * 86400, true },
		{ "left/fetch/.valise-1.tmp", 8 * 86400, false },
	};
	VL_AUTO(vl_store) s = five("left");
	struct vl_gc_report r;
	struct vl_err e = VL_ERR_INIT;

	mkdir(fix_path("left/fetch"), 0755);
	for (size_t i = 0; i < VL_LEN(cases); i++)
		old_file(cases[i].name, cases[i].age);
	tap_good(vl_store_gc(s, 9, false, &fix_env, &r, &e), &e, "leftovers");
	tap_ok(r.files == 3 && r.bytes == 15, "three of five");
	for (size_t i = 0; i < VL_LEN(cases); i++)
		tap_is(fix_exists(cases[i].name), cases[i].stays, "%s", cases[i].name);
}

/* A generation that stays and is not whole: nobody knows then what else it needs. */
static void test_damaged(void)
{
	VL_AUTO(vl_store) s = five("damaged");
	VL_AUTO(vl_store) r = NULL;
	VL_CLEAN(vl_generation) g = { 0 };
	struct vl_gc_report report;
	struct vl_err e = VL_ERR_INIT;
	char hex[VL_DIGEST_HEX];

	FIX_MUST(vl_store_open(&r, fix_path("damaged"), VL_STORE_READ, 0, &fix_env, me));
	tap_fails(vl_store_gc(r, 2, false, &fix_env, &report, &e), &e, VL_E_INTERNAL, "a store opened for reading");
	tap_good(vl_store_gc(r, 2, true, &fix_env, &report, &e), &e, "is enough for a dry run");
	FIX_MUST(vl_store_load_generation(s, 4, &g, me));
	VL_STR blob = vl_xprintf("damaged/blobs/sha256/%s", vl_digest_hex(&g.channel[1].root, hex));

	unlink(fix_path(blob));
	tap_fails(vl_store_gc(s, 2, false, &fix_env, &report, &e), &e, VL_E_CLOSURE,
		  "the root of generation 4 is gone");
	tap_ok(strstr(e.msg, "generation 4") && strstr(e.msg, "nothing was removed"), "says so: %s", e.msg);
	tap_ok(is_whole(s, 1) && is_whole(s, 2) && is_whole(s, 3), "nothing was removed");
	fix_write("damaged/generations/000004/index.json", "{}");
	tap_fails(vl_store_gc(s, 2, false, &fix_env, &report, &e), &e, VL_E_STORE, "its index is damaged");
	tap_ok(is_whole(s, 1) && is_whole(s, 2) && is_whole(s, 3), "nothing was removed");
	tap_good(vl_store_gc(s, 1, false, &fix_env, &report, &e), &e, "it need not stay");
	tap_ok(is_whole(s, 5), "the current one is whole");
}

static void test_empty(void)
{
	VL_AUTO(vl_store) s = fix_open("none");
	struct vl_gc_report r;
	struct vl_err e = VL_ERR_INIT;
	struct vl_digest d;

	FIX_MUST(vl_store_put(s, vl_bytes_str("x"), &d, me));
	tap_good(vl_store_gc(s, 2, false, &fix_env, &r, &e), &e, "a store without any generation");
	tap_ok(r.blobs == 1 && !r.kept_generations, "its blobs were brought by a run that was interrupted");
	FIX_MUST(!symlink("generations/000007", fix_path("none/current")));
	tap_fails(vl_store_gc(s, 2, false, &fix_env, &r, &e), &e, VL_E_STORE, "current points to nothing");
}

int main(void)
{
	test_keep();
	test_bytes();
	test_leftovers();
	test_damaged();
	test_empty();
	fix_done();
	return tap_done();
}
