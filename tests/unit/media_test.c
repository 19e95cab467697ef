/* SPDX-License-Identifier: Apache-2.0 */
/* media/: a bundle directory written, read back, found and read; hostile things in its place are refused. */
#include "media/media.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "tests/lib/tap.h"

struct seen {
	unsigned warnings, notes;
	char last[256];
};

static void see(void *ctx, const struct vl_event *ev)
{
	struct seen *s = ctx;

	s->warnings += ev->kind == VL_EV_WARN;
	s->notes += ev->kind == VL_EV_NOTE;
	if (ev->text)
		snprintf(s->last, sizeof s->last, "%s", ev->text);
}

struct fixture {
	char dir[32];
	struct seen seen;
	struct vl_env env;
};

/* A path below the test's directory; the same buffer each time. */
static const char *at(const struct fixture *f, const char *rel)
{
	static char path[256];

	snprintf(path, sizeof path, "%s/%s", f->dir, rel);
	return path;
}

static bool exists(const struct fixture *f, const char *rel)
{
	struct stat st;

	return lstat(at(f, rel), &st) == 0;
}

static void scribble(const struct fixture *f, const char *rel, const char *text)
{
	VL_FD fd = open(at(f, rel), O_WRONLY | O_CREAT | O_TRUNC, 0644);

	tap_ok(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), "write %s", rel);
}

static void make_dir(const struct fixture *f, const char *rel)
{
	tap_ok(mkdir(at(f, rel), 0755) == 0, "mkdir %s", rel);
}

static struct vl_volume *create(struct fixture *f, const char *name, enum vl_code code)
{
	struct vl_volume *v = NULL;
	struct vl_err e = VL_ERR_INIT;
	char out[64];

	snprintf(out, sizeof out, "%s/out", f->dir);
	if (code == VL_OK)
		tap_good(vl_volume_create(&v, out, name, 0, &f->env, &e), &e, "create %s", name);
	else
		tap_fails(vl_volume_create(&v, out, name, 0, &f->env, &e), &e, code, "create %s is refused", name);
	return v;
}

static void put(struct vl_volume *v, const char *name, const char *text)
{
	struct vl_err e = VL_ERR_INIT;

	tap_good(vl_volume_put(v, name, vl_bytes_str(text), &e), &e, "put %s", name);
}

static mode_t mode_of(const struct fixture *f, const char *rel)
{
	struct stat st;

	return lstat(at(f, rel), &st) ? 0 : st.st_mode & 07777;
}

static void test_write(struct fixture *f)
{
	VL_AUTO(vl_volume) v = NULL;
	struct vl_err e = VL_ERR_INIT;
	mode_t before = umask(077);

	v = create(f, "prod-000001", VL_OK);
	put(v, "parcels/000001.tar.zst", "first");
	put(v, "parcels/000002.tar.zst", "second");
	put(v, "READ-ME.txt", "read me\n");
	umask(before);
	tap_fails(vl_volume_put(v, "READ-ME.txt", vl_bytes_str("again"), &e), &e, VL_E_IO, "no file is put twice");
	tap_fails(vl_volume_put(v, "../evil", vl_bytes_str("x"), &e), &e, VL_E_INTERNAL, "no way out of the bundle");
	tap_good(vl_volume_sync(v, &e), &e, "sync");
	put(v, "waybill.json", "{}\n");
	tap_good(vl_volume_sync(v, &e), &e, "sync again");
	tap_good(vl_volume_read_back(v, &e), &e, "read back");
	vl_volume_keep(v);
	tap_is(mode_of(f, "out/prod-000001"), 0755, "others can enter, whatever the umask");
	tap_is(mode_of(f, "out/prod-000001/parcels"), 0755, "and the parcels");
	tap_is(mode_of(f, "out/prod-000001/waybill.json"), 0644, "and read");
}

static void test_read_back(struct fixture *f)
{
	static const struct {
		const char *what, *text;
	} rows[] = { { "another byte", "firsT" }, { "shorter", "firs" }, { "longer", "first!" }, { "empty", "" } };

	for (size_t i = 0; i < VL_LEN(rows); i++) {
		VL_AUTO(vl_volume) v = create(f, "prod-000002", VL_OK);
		struct vl_err e = VL_ERR_INIT;

		put(v, "parcels/000001.tar.zst", "first");
		put(v, "waybill.json", "{}\n");
		scribble(f, "out/prod-000002/parcels/000001.tar.zst", rows[i].text);
		tap_fails(vl_volume_read_back(v, &e), &e, VL_E_READBACK, "read back: %s", rows[i].what);
		tap_str(e.file, "parcels/000001.tar.zst", "names the file");
	}
	tap_ok(!exists(f, "out/prod-000002"), "what was not kept is removed");
	tap_ok(exists(f, "out/prod-000001/waybill.json"), "what was kept stays");
}

static void test_in_the_way(struct fixture *f)
{
	VL_AUTO(vl_volume) v = NULL;

	vl_volume_free(create(f, "prod-000001", VL_E_EXISTS));
	tap_ok(exists(f, "out/prod-000001/waybill.json"), "a bundle is never overwritten");
	/* A run that was killed: parcels, no waybill. */
	make_dir(f, "out/prod-000003");
	make_dir(f, "out/prod-000003/parcels");
	scribble(f, "out/prod-000003/parcels/000001.tar.zst", "half");
	f->seen.notes = 0;
	v = create(f, "prod-000003", VL_OK);
	tap_is(f->seen.notes, 1, "and says so: %s", f->seen.last);
	tap_ok(!exists(f, "out/prod-000003/parcels"), "the rest of a killed run is gone");
	make_dir(f, "out/prod-000004");
	scribble(f, "out/prod-000004/thesis.txt", "years");
	vl_volume_free(create(f, "prod-000004", VL_E_EXISTS));
	tap_ok(exists(f, "out/prod-000004/thesis.txt"), "files of others are never removed");
	make_dir(f, "out/prod-000005");
	make_dir(f, "out/prod-000005/parcels");
	scribble(f, "out/prod-000005/parcels/notes.txt", "mine");
	vl_volume_free(create(f, "prod-000005", VL_E_EXISTS));
	tap_ok(exists(f, "out/prod-000005/parcels/notes.txt"), "not even among the parcels");
}

static void test_space(struct fixture *f)
{
	VL_AUTO(vl_volume) v = NULL;
	struct vl_err e = VL_ERR_INIT;

	tap_fails(vl_volume_create(&v, at(f, "out"), "prod-000009", UINT64_C(1) << 62, &f->env, &e), &e, VL_E_NOSPACE,
		  "no medium is that large");
	tap_ok(strstr(e.msg, "needs about") && strstr(e.msg, "free"), "both numbers are said: %s", e.msg);
	tap_ok(!exists(f, "out/prod-000009"), "nothing was made");
}

static void find(struct fixture *f, const char *rel, enum vl_code code, size_t n)
{
	VL_CLEAN(vl_carried_list) l = { .n = 0 };
	struct vl_err e = VL_ERR_INIT;

	f->seen.warnings = 0;
	if (code == VL_OK)
		tap_good(vl_media_find(&l, at(f, rel), &f->env, &e), &e, "find in %s", rel);
	else
		tap_fails(vl_media_find(&l, at(f, rel), &f->env, &e), &e, code, "find in %s: %s", rel, e.msg);
	tap_is(l.n, n, "found in %s", rel);
}

static void test_find(struct fixture *f)
{
	VL_CLEAN(vl_carried_list) l = { .n = 0 };
	struct vl_err e = VL_ERR_INIT;

	find(f, "out", VL_OK, 1);
	tap_is(f->seen.warnings, 1, "the unfinished one is a warning: %s", f->seen.last);
	find(f, "out/prod-000001", VL_OK, 1);
	find(f, "out/prod-000005", VL_E_VOLUME, 0);
	find(f, "out/prod-000001/parcels", VL_E_NO_BUNDLE, 0);
	find(f, "out/prod-000001/waybill.json", VL_E_USAGE, 0);
	find(f, "nowhere", VL_E_ABSENT, 0);
	tap_fails(vl_media_find(&l, "-", &f->env, &e), &e, VL_E_USAGE, "standard input");
	make_dir(f, "medium");
	make_dir(f, "medium/half");
	make_dir(f, "medium/half/parcels");
	find(f, "medium", VL_E_VOLUME, 0);
	tap_ok(symlink("../out/prod-000001", at(f, "medium/link")) == 0, "a link on the medium");
	find(f, "medium", VL_E_VOLUME, 0);
	tap_ok(symlink("out/prod-000001", at(f, "named")) == 0, "a link that the operator names");
	find(f, "named", VL_OK, 1);
}

/* The one bundle of `dir`, as read by the functions under test. */
static struct vl_carried *open_one(struct fixture *f, struct vl_carried_list *l, const char *rel)
{
	struct vl_err e = VL_ERR_INIT;

	tap_good(vl_media_find(l, at(f, rel), &f->env, &e), &e, "find %s", rel);
	return l->n ? l->item[0] : NULL;
}

static void parcel(const struct vl_carried *c, size_t i, uint64_t size, enum vl_code code, const char *what)
{
	VL_CLEAN(vl_buf) b = VL_BUF_INIT(VL_PARCEL_STORED_MAX);
	struct vl_parcel_line line = { .kind = VL_PARCEL_TAR_ZST, .size = size };
	struct vl_err e = VL_ERR_INIT;

	if (code == VL_OK) {
		tap_good(vl_carried_parcel(c, &line, i, &b, &e), &e, "%s", what);
		tap_is(b.len, size, "%s: bytes", what);
		return;
	}
	tap_fails(vl_carried_parcel(c, &line, i, &b, &e), &e, code, "%s", what);
	tap_ok(!strncmp(e.file, "parcels/00000", 13), "%s: names the file: %s", what, e.msg);
}

static void test_read(struct fixture *f)
{
	VL_CLEAN(vl_carried_list) l = { .n = 0 };
	VL_CLEAN(vl_buf) text = VL_BUF_INIT(VL_WAYBILL_MAX);
	struct vl_carried *c = open_one(f, &l, "out/prod-000001");
	struct vl_err e = VL_ERR_INIT;

	if (!c)
		return;
	tap_good(vl_carried_waybill(c, &text, &e), &e, "read the waybill");
	tap_str(vl_buf_str(&text), "{}\n", "its text");
	parcel(c, 0, 5, VL_OK, "parcel 1");
	parcel(c, 1, 6, VL_OK, "parcel 2");
	parcel(c, 1, 5, VL_E_SIZE, "longer than signed");
	parcel(c, 1, 7, VL_E_SIZE, "shorter than signed");
	parcel(c, 2, 7, VL_E_VOLUME, "absent");
	tap_ok(unlink(at(f, "out/prod-000001/parcels/000001.tar.zst")) == 0 &&
		       symlink("000002.tar.zst", at(f, "out/prod-000001/parcels/000001.tar.zst")) == 0,
	       "a link instead of a parcel");
	parcel(c, 0, 6, VL_E_FORMAT, "a link");
	tap_ok(mkfifo(at(f, "out/prod-000001/parcels/000003.tar.zst"), 0644) == 0, "a FIFO");
	parcel(c, 2, 6, VL_E_FORMAT, "a FIFO does not block");
	tap_ok(mkdir(at(f, "out/prod-000001/parcels/000004.tar.zst"), 0755) == 0, "a directory");
	parcel(c, 3, 6, VL_E_FORMAT, "a directory");
}

static void test_parcels_link(struct fixture *f)
{
	VL_CLEAN(vl_carried_list) l = { .n = 0 };
	VL_CLEAN(vl_buf) text = VL_BUF_INIT(VL_WAYBILL_MAX);
	struct vl_carried *c;
	struct vl_err e = VL_ERR_INIT;

	make_dir(f, "linked");
	tap_ok(symlink("../out/prod-000001/parcels", at(f, "linked/parcels")) == 0, "parcels is a link");
	tap_ok(mkfifo(at(f, "linked/waybill.json"), 0644) == 0, "the waybill is a FIFO");
	c = open_one(f, &l, "linked");
	if (!c)
		return;
	tap_ok(!vl_carried_waybill(c, &text, &e), "a FIFO is no waybill: %s", e.msg);
	tap_str(e.file, "waybill.json", "names the file");
	parcel(c, 1, 6, VL_E_FORMAT, "no parcel is read through a link");
}

static void test_signatures(struct fixture *f)
{
	static const struct {
		const char *name;
		bool taken;
	} rows[] = {
		{ "waybill.json.minisig", true },
		{ "waybill.json.0123456789ABCDEF.minisig", true },
		{ "waybill.json.0123456789ABCDE.minisig", false },
		{ "waybill.json.0123456789ABCDEG.minisig", false },
		{ "waybill.json.minisig.old", false },
		{ "other.minisig", false },
	};
	VL_CLEAN(vl_carried_list) l = { .n = 0 };
	VL_CLEAN(vl_carried_sigs) sigs = { .n = 0 };
	struct vl_carried *c;
	struct vl_err e = VL_ERR_INIT;
	char rel[80];

	make_dir(f, "signed");
	scribble(f, "signed/waybill.json", "{}\n");
	for (size_t i = 0; i < VL_LEN(rows); i++) {
		snprintf(rel, sizeof rel, "signed/%s", rows[i].name);
		scribble(f, rel, rows[i].name);
	}
	c = open_one(f, &l, "signed");
	if (!c)
		return;
	tap_good(vl_carried_signatures(c, &sigs, &e), &e, "read signatures");
	tap_is(sigs.n, 2, "two of these names are signatures");
	tap_str(sigs.file[1].name, rows[0].name, "the second by name");
	tap_ok(sigs.file[1].text.len == strlen(rows[0].name), "its text");
	for (unsigned i = 0; i < 15; i++) {
		snprintf(rel, sizeof rel, "signed/waybill.json.00000000000000%02u.minisig", i);
		scribble(f, rel, "x");
	}
	tap_fails(vl_carried_signatures(c, &sigs, &e), &e, VL_E_LIMIT, "17 signature files");
}

int main(void)
{
	struct fixture f = { .dir = "/tmp/valise-media-XXXXXX" };
	struct vl_err e = VL_ERR_INIT;

	f.env = (struct vl_env){ .emit = see, .emit_ctx = &f.seen, .jobs = 1 };
	if (!mkdtemp(f.dir))
		return 99;
	test_write(&f);
	test_read_back(&f);
	test_in_the_way(&f);
	test_space(&f);
	test_find(&f);
	test_read(&f);
	test_parcels_link(&f);
	test_signatures(&f);
	tap_good(vl_remove_tree(AT_FDCWD, f.dir, &e), &e, "clean up");
	return tap_done();
}
