/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/place_test.c: places inside a generation and places elsewhere. */
#include <pwd.h>

#include "base/text.h"
#include "place/placed.h"
#include "tests/lib/place_fixture.h"
#include "tests/lib/tap.h"

static struct stat look(const char *name)
{
	struct stat st = { 0 };

	if (lstat(fix_path(name), &st))
		printf("# %s is missing\n", name);
	return st;
}

static void check_mode(const char *name, mode_t want)
{
	tap_ok((look(name).st_mode & 07777) == want, "%s has mode %04o", name, (unsigned)want);
}

/* ---- in the generation ---- */

#define P "gen/current/places/prod/"

static void test_generation(void)
{
	VL_AUTO(vl_store) s = fix_open("gen");
	struct vl_channel prod = everything(s, "prod", "bbolt");
	struct vl_err e = VL_ERR_INIT;
	mode_t old = umask(077);
	struct stat a, b;

	tap_good(commit_places(s, &prod, &e), &e, "a generation with places");
	umask(old);
	tap_str(fix_read(P "osv/osv-scanner/PyPI/all.zip"), "zip of PyPI", "osv-scanner/PyPI");
	tap_str(fix_read(P "osv/osv-scalibr/Rocky Linux/all.zip"), "zip of Rocky", "osv-scalibr/Rocky Linux");
	a = look(P "osv/osv-scanner/PyPI/all.zip");
	b = look(P "osv/osv-scalibr/PyPI/all.zip");
	tap_ok(a.st_ino == b.st_ino && a.st_nlink == 3, "both are the blob");
	tap_str(fix_read(P "trivy/db/trivy.db"), "bbolt", "trivy.db");
	tap_is(look(P "trivy/db/trivy.db").st_nlink, 1, "trivy.db is no link");
	tap_str(fix_read(P "trivy/db/metadata.json"),
		"{\"Version\":2,\"NextUpdate\":\"2026-11-22T06:12:00.5Z\",\"UpdatedAt\":\"2026-11-21T06:12:00.5Z\","
		"\"DownloadedAt\":\"" NOW "\"}\n", "only DownloadedAt differs");
	tap_str(fix_read(P "files/single/file.txt"), "one file", "an http item");
	tap_is(look(P "files/single/file.txt").st_nlink, 2, "is a link");
	tap_str(fix_read(P "files/docs/a/b/read.txt"), "read me", "a dir item");
	tap_is(look(P "files/docs/bin/run").st_nlink, 1, "its executable file is a copy");
	tap_str(fix_read(P "files/et-open/rules/one.rules"), "alert", "an expanded item");
	check_mode(P "osv/osv-scanner/PyPI/all.zip", 0444);
	check_mode(P "trivy/db/trivy.db", 0600);
	check_mode(P "trivy/db/metadata.json", 0600);
	check_mode(P "trivy/db", 0700);
	check_mode(P "files/docs/bin/run", 0755);
	check_mode(P "files/docs/a/b", 0755);
	check_mode(P "files/et-open/rules", 0755);
	check_mode(P "osv/osv-scanner/Rocky Linux", 0755);
	check_mode("gen/generations/000001/places/prod", 0755);
	check_mode("gen/generations/000001/places", 0755);
	tap_ok(!fix_exists(P "files/osv") && !fix_exists(P "files/trivy-db"), "each item has one consumer");
}

static void test_next_generation(void)
{
	VL_AUTO(vl_store) s = fix_open("next");
	struct vl_channel prod = everything(s, "prod", "bbolt"), other = everything(s, "other", "more");
	struct vl_err e = VL_ERR_INIT;
	struct stat a, b;

	FIX_MUST(commit_places(s, &prod, me));
	tap_good(commit_places(s, &other, &e), &e, "a second channel beside the first");
	a = look("next/generations/000001/places/prod/files/et-open/rules/one.rules");
	b = look("next/generations/000002/places/prod/files/et-open/rules/one.rules");
	tap_ok(a.st_ino && a.st_ino == b.st_ino, "an expanded tree that did not change is linked");
	a = look("next/generations/000001/places/prod/trivy/db/trivy.db");
	b = look("next/generations/000002/places/prod/trivy/db/trivy.db");
	tap_ok(a.st_ino && b.st_ino && a.st_ino != b.st_ino, "trivy's database never is");
	tap_str(fix_read("next/current/places/other/trivy/db/trivy.db"), "more", "the other channel has its own");
}

static void test_metadata(void)
{
	static const struct {
		const char *in, *out; /* out NULL: refused */
	} cases[] = {
		{ "{}", "{\"DownloadedAt\":\"" NOW "\"}" },
		{ "{\"Version\":2}", "{\"DownloadedAt\":\"" NOW "\",\"Version\":2}" },
		{ "{\"DownloadedAt\":\"0001-01-01T00:00:00Z\",\"Version\":2}",
		  "{\"DownloadedAt\":\"" NOW "\",\"Version\":2}" },
		{ " {\n \"Version\" : 2 ,\n \"DownloadedAt\" : \"x\" \n}\n",
		  " {\n \"Version\" : 2 ,\n \"DownloadedAt\" : \"" NOW "\"}\n" },
		{ "{\"a\":{\"DownloadedAt\":\"keep\"},\"b\":[1,{\"DownloadedAt\":2}],\"DownloadedAt\":null}",
		  "{\"a\":{\"DownloadedAt\":\"keep\"},\"b\":[1,{\"DownloadedAt\":2}],\"DownloadedAt\":\"" NOW "\"}" },
		{ "{\"a\":\"\\\"DownloadedAt\\\":\\\\\",\"DownloadedAt\":\"x\",\"z\":-1.5e3}",
		  "{\"a\":\"\\\"DownloadedAt\\\":\\\\\",\"DownloadedAt\":\"" NOW "\",\"z\":-1.5e3}" },
		{ "{\"k,}]\\\"\":\"v,}\",\"DownloadedAt\":{\"a\":[1,2]}}",
		  "{\"k,}]\\\"\":\"v,}\",\"DownloadedAt\":\"" NOW "\"}" },
		{ "[]", NULL },
		{ "", NULL },
		{ "{\"Version\":2", NULL },
		{ "{\"a\":1,\"a\":2}", NULL },
	};

	for (size_t i = 0; i < VL_LEN(cases); i++) {
		VL_AUTO(vl_store) s = fix_open("meta");
		VL_CLEAN(vl_doc) snapshot = { 0 };
		struct vl_err e = VL_ERR_INIT;
		struct vl_channel c;
		bool good;

		vl_doc_init_index(&snapshot);
		add_trivy(s, &snapshot, cases[i].in, "db");
		c = fix_channel(s, &snapshot, "prod", 1);
		good = commit_places(s, &c, &e);
		if (!cases[i].out)
			tap_fails(good, &e, VL_E_CLOSURE, "metadata %s", cases[i].in);
		else if (tap_ok(good, "metadata case %zu", i))
			tap_str(fix_read("meta/current/places/prod/trivy/db/metadata.json"), cases[i].out,
				"is stamped (%zu)", i);
	}
}

static void test_bad_titles(void)
{
	static const struct {
		const char *osv, *file;
	} cases[] = {
		{ "../all.zip", "ok" }, { "a/b/all.zip", "ok" }, { "notes.txt", "ok" }, { "/all.zip", "ok" },
		{ "Go/all.zip", "../../etc/x" }, { "Go/all.zip", "/abs" }, { "Go/all.zip", "a/b/read.txt" },
		{ "Go/all.zip", "a/b" }, { "Go/all.zip", "" }, { "Go/all.zip", "a\\b" },
	};

	for (size_t i = 0; i < VL_LEN(cases); i++) {
		VL_AUTO(vl_store) s = fix_open("titles");
		VL_CLEAN(vl_doc) snapshot = { 0 };
		struct vl_err e = VL_ERR_INIT;
		struct vl_channel c;

		vl_doc_init_index(&snapshot);
		add_osv(s, &snapshot, cases[i].osv);
		add_dir(s, &snapshot, cases[i].file);
		c = fix_channel(s, &snapshot, "prod", 1);
		tap_fails(commit_places(s, &c, &e), &e, VL_E_CLOSURE, "titles \"%s\" and \"%s\"", cases[i].osv,
			  cases[i].file);
		tap_ok(!fix_exists("titles/current"), "nothing is committed");
	}
}

static void test_need(void)
{
	VL_AUTO(vl_store) s = fix_open("need");
	VL_STR big = vl_xcalloc(300001, 1);
	VL_CLEAN(vl_generation) g = { 0 };
	struct vl_err e = VL_ERR_INIT;
	struct vl_channel c;
	uint64_t bytes = 0;

	memset(big, 'x', 300000);
	c = everything(s, "prod", big);
	vl_generation_set(&g, &c);
	tap_good(vl_place_need(s, &g, &bytes, &e), &e, "need");
	tap_ok(bytes > 300000 && bytes < 400000, "counts what is inside gzip: %llu", (unsigned long long)bytes);
}

/* ---- targets ---- */

static bool roll(struct vl_store *s, const struct vl_target *t, size_t n, struct vl_err *e)
{
	VL_CLEAN(vl_generation) g = { 0 };

	return vl_store_current(s, &g, e) && vl_place_targets(s, &g, t, n, &fix_env, e);
}

static bool note_work(void *ctx, const char *name, struct vl_err *e)
{
	(void)e;
	*(bool *)ctx |= !strncmp(name, ".valise-", 8);
	return true;
}

static bool has_leftover(const char *dir)
{
	VL_FD fd = open(fix_path(dir), O_RDONLY | O_DIRECTORY);
	struct vl_err e;
	bool found = false;

	return fd >= 0 && vl_each_entry(fd, note_work, &found, &e) && found;
}

static void test_trivy_target(void)
{
	VL_AUTO(vl_store) s = filled("tt");
	struct vl_target t = { .consumer = "trivy", .path = fix_path("tcache") };
	struct vl_err e = VL_ERR_INIT;
	struct stat a, b;

	tap_fails(roll(s, &t, 1, &e), &e, VL_E_PLACE, "the cache directory does not exist");
	tap_ok(strstr(e.hint, "install -d ") && strstr(e.msg, "tcache"), "named, with a hint: %s %s", e.msg, e.hint);
	mkdir(fix_path("tcache"), 0755);
	mkdir(fix_path("tcache/db"), 0755);
	mkdir(fix_path("tcache/fanal"), 0755);
	mkdir(fix_path("tcache/.valise-0000000000000000"), 0700);
	fix_write("tcache/db/trivy.db", "old");
	fix_write("tcache/db/extra", "old");
	tap_good(roll(s, &t, 1, &e), &e, "fills it");
	tap_str(fix_read("tcache/db/trivy.db"), "bbolt", "new database");
	tap_ok(!fix_exists("tcache/db/extra") && fix_exists("tcache/fanal"), "db/ is exchanged, its neighbour stays");
	tap_ok(!has_leftover("tcache"), "nothing of ours is left beside it, not from earlier runs either");
	check_mode("tcache/db", 0700);
	check_mode("tcache/db/trivy.db", 0600);
	a = look("tcache/db");
	tap_good(roll(s, &t, 1, &e), &e, "again");
	b = look("tcache/db");
	tap_ok(a.st_ino == b.st_ino, "nothing to do is nothing touched");
	unlink(fix_path("tcache/db/trivy.db"));
	tap_good(roll(s, &t, 1, &e), &e, "after Trivy removed the database");
	tap_str(fix_read("tcache/db/trivy.db"), "bbolt", "it is back");
	FIX_MUST(vl_remove_tree(AT_FDCWD, fix_path("tcache/db"), me));
	tap_good(roll(s, &t, 1, &e), &e, "after db/ was removed");
	tap_str(fix_read("tcache/db/trivy.db"), "bbolt", "it is back");
	fix_write("tt/state/placed.json", "garbage");
	tap_good(roll(s, &t, 1, &e), &e, "with a damaged placed.json");
	tap_ok(strstr(fix_read("tt/state/placed.json"), "tcache") != NULL, "it is written anew");
}

static void test_osv_and_files_target(void)
{
	VL_AUTO(vl_store) s = filled("ot");
	const struct vl_target t[] = {
		{ .consumer = "osv-scanner", .channel = "prod", .path = fix_path("osvdb") },
		{ .consumer = "files", .item = "docs", .path = fix_path("docs/") },
		{ .consumer = "files", .item = "et-open", .path = fix_path("etdir") },
		{ .consumer = "trivy", .channel = "absent", .path = fix_path("nowhere") },
	};
	struct vl_err e = VL_ERR_INIT;

	mkdir(fix_path("osvdb"), 0755);
	mkdir(fix_path("etdir"), 0755);
	tap_good(roll(s, t, VL_LEN(t), &e), &e, "three targets, and one whose channel is not here yet");
	tap_str(fix_read("osvdb/osv-scanner/PyPI/all.zip"), "zip of PyPI", "osv-scanner");
	tap_is(look("osvdb/osv-scalibr/PyPI/all.zip").st_nlink, 5, "hard links on the same file system");
	tap_str(fix_read("docs/a/b/read.txt"), "read me", "files of a dir item, into a new directory");
	tap_str(fix_read("etdir/rules/one.rules"), "alert", "files of an expanded item, into an empty one");
	check_mode("docs", 0755);
	check_mode("etdir/rules", 0755);
	tap_ok(!fix_exists("nowhere"), "nothing made for the absent channel");
}

/* A run that died between swap and record left a tree that nobody but valise made. */
static void test_interrupted(void)
{
	VL_AUTO(vl_store) s = filled("int");
	const struct vl_target t = { .consumer = "files", .item = "docs", .path = fix_path("intdocs") };
	VL_CLEAN(vl_placed) placed = { 0 };
	struct vl_err e = VL_ERR_INIT;
	VL_FD state = -1;

	FIX_MUST(roll(s, &t, 1, me));
	unlink(fix_path("intdocs/bin/run"));
	FIX_MUST(vl_store_subdir(s, "state", &state, me) && vl_placed_load(&placed, state, me));
	tap_is(placed.n, 1, "one place is remembered");
	vl_placed_set(&placed, placed.line[0].key, &placed.line[0].content, "");
	FIX_MUST(vl_placed_save(&placed, state, me));
	tap_good(roll(s, &t, 1, &e), &e, "after an interruption the tree is known as ours");
	tap_ok(fix_exists("intdocs/bin/run"), "and made again");
}

/* A place's user turns directories into links while we look away: nothing outside may change. */
static void test_symlinks(void)
{
	static const struct {
		const char *name, *link, *path; /* link is made to point to victim/ */
		const char *consumer, *item;
	} cases[] = {
		{ "the target itself", "sl1", "sl1", "trivy", NULL },
		{ "a step of its path", "sl2", "sl2/cache", "trivy", NULL },
		{ "db in it", "sl3/db", "sl3", "trivy", NULL },
		{ "osv-scalibr in it", "sl4/osv-scalibr", "sl4", "osv-scanner", NULL },
		{ "the tree of files", "sl5", "sl5", "files", "docs" },
		{ "the parent of a tree of files", "sl6", "sl6/tree", "files", "docs" },
	};
	VL_AUTO(vl_store) s = filled("sl");

	mkdir(fix_path("victim"), 0755);
	mkdir(fix_path("victim/cache"), 0755);
	fix_write("victim/precious", "gold");
	mkdir(fix_path("sl3"), 0755);
	mkdir(fix_path("sl4"), 0755);
	for (size_t i = 0; i < VL_LEN(cases); i++) {
		struct vl_target t = { .consumer = cases[i].consumer, .item = cases[i].item,
				       .path = fix_path(cases[i].path) };
		struct vl_err e = VL_ERR_INIT;
		struct stat before = look("victim"), cache = look("victim/cache"), after;

		FIX_MUST(!symlink(fix_path("victim"), fix_path(cases[i].link)));
		tap_fails(roll(s, &t, 1, &e), &e, VL_E_PLACE, "%s is a link", cases[i].name);
		after = look("victim");
		tap_ok(before.st_mtim.tv_sec == after.st_mtim.tv_sec && before.st_mtim.tv_nsec == after.st_mtim.tv_nsec,
		       "victim/ is not touched");
		after = look("victim/cache");
		tap_ok(cache.st_mtim.tv_nsec == after.st_mtim.tv_nsec, "nor what is in it");
		tap_str(fix_read("victim/precious"), "gold", "the gold is there");
		tap_ok(S_ISLNK(look(cases[i].link).st_mode), "the link is left to its owner");
	}
}

static void test_target_faults(void)
{
	VL_AUTO(vl_store) s = filled("tf");
	const struct vl_target bad[] = {
		{ .consumer = "files", .item = "docs", .path = fix_path("mine") },
		{ .consumer = "files", .path = fix_path("noitem") },
		{ .consumer = "files", .item = "never", .path = fix_path("never") },
		{ .consumer = "files", .item = "osv", .path = fix_path("wrongtype") },
		{ .consumer = "trivi", .path = fix_path("mine") },
		{ .consumer = "trivy", .path = "relative/path" },
		{ .consumer = "trivy", .path = fix_path("mine/../mine") },
		{ .consumer = "files", .item = "docs", .path = "/" },
		{ .consumer = "trivy", .path = fix_path("mine"), .owner = "nobody-of-that-name" },
		{ .consumer = "trivy", .path = fix_path("mine/own.txt") },
	};
	struct vl_err e = VL_ERR_INIT;

	mkdir(fix_path("mine"), 0755);
	fix_write("mine/own.txt", "precious");
	for (size_t i = 0; i < VL_LEN(bad); i++) {
		tap_fails(roll(s, &bad[i], 1, &e), &e, VL_E_PLACE, "bad target %zu", i);
		printf("# %s (%s)\n", e.msg, e.hint);
	}
	tap_str(fix_read("mine/own.txt"), "precious", "files that valise did not make stay");
	tap_ok(!has_leftover("mine"), "and nothing is left beside them");
}

static void test_others_go_on(void)
{
	VL_AUTO(vl_store) s = filled("go");
	const struct vl_target t[] = {
		{ .consumer = "trivy", .path = fix_path("gone") },
		{ .consumer = "files", .item = "single", .path = fix_path("tree") },
		{ .consumer = "trivy", .path = fix_path("gone-too") },
	};
	struct vl_channel lab = everything(s, "lab", "x");
	struct vl_err e = VL_ERR_INIT;

	tap_fails(roll(s, t, VL_LEN(t), &e), &e, VL_E_PLACE, "two of three targets cannot be filled");
	tap_ok(strstr(e.msg, "/gone ") != NULL, "the first is named: %s", e.msg);
	tap_str(fix_read("tree/file.txt"), "one file", "the one between is done");
	FIX_MUST(commit_places(s, &lab, me));
	tap_fails(roll(s, &t[1], 1, &e), &e, VL_E_PLACE, "two channels now, and the target does not say which");
}

static void test_owner(void)
{
	VL_AUTO(vl_store) s = filled("ow");
	const struct vl_target t[] = {
		{ .consumer = "trivy", .path = fix_path("theirs"), .owner = "nobody" },
		{ .consumer = "osv-scanner", .path = fix_path("theirs"), .owner = "nobody" },
	};
	const struct passwd *pw = getpwnam("nobody");
	struct vl_err e = VL_ERR_INIT;
	struct stat before, other;

	if (geteuid() || !pw) {
		tap_skip("only root can give files to nobody");
		return;
	}
	mkdir(fix_path("theirs"), 0755);
	FIX_MUST(!chown(fix_path("theirs"), pw->pw_uid, pw->pw_gid));
	tap_good(roll(s, t, VL_LEN(t), &e), &e, "targets with an owner");
	tap_ok(look("theirs/db").st_uid == pw->pw_uid && look("theirs/db/trivy.db").st_uid == pw->pw_uid &&
		       look("theirs/db/metadata.json").st_gid == pw->pw_gid, "Trivy's files are nobody's");
	tap_ok(look("theirs/osv-scanner/PyPI/all.zip").st_uid == pw->pw_uid &&
		       look("theirs/osv-scalibr").st_uid == pw->pw_uid, "OSV's as well");
	tap_ok(look("ow/current/places/prod/osv/osv-scanner/PyPI/all.zip").st_uid == 0, "the blobs are not");
	tap_ok(!has_leftover("theirs"), "nothing is left beside them");
	before = look("theirs/db");
	other = look("theirs/osv-scanner");
	tap_good(roll(s, t, VL_LEN(t), &e), &e, "two consumers in one directory, again");
	tap_ok(before.st_ino == look("theirs/db").st_ino && other.st_ino == look("theirs/osv-scanner").st_ino,
	       "neither is touched");
}

int main(void)
{
	test_generation();
	test_next_generation();
	test_metadata();
	test_bad_titles();
	test_need();
	test_trivy_target();
	test_osv_and_files_target();
	test_interrupted();
	test_symlinks();
	test_target_faults();
	test_others_go_on();
	test_owner();
	fix_done();
	return tap_done();
}
