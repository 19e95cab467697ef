/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/archive_extract_test.c: hostile archives stay inside their directory, or out of it altogether.
 * Python makes the archives. */
#include <errno.h>

#include "archive/extract.h"
#include "tests/lib/scratch.h"
#include "tests/lib/tap.h"

static const char make_archives[] =
	"import tarfile, zipfile, io, os, gzip\n"
	"def add(t, n, b=b'', **k):\n"
	"    i = tarfile.TarInfo(n); i.size = len(b); i.mode = 0o644\n"
	"    for a, v in k.items(): setattr(i, a, v)\n"
	"    t.addfile(i, io.BytesIO(b))\n"
	"def mk(name, items, mode='w', fmt=tarfile.PAX_FORMAT):\n"
	"    with tarfile.open(name, mode, format=fmt) as t:\n"
	"        for n, b, k in items: add(t, n, b, **k)\n"
	"D, S, H = dict(type=tarfile.DIRTYPE, mode=0o777), tarfile.SYMTYPE, tarfile.LNKTYPE\n"
	"good = [('./', b'', D), ('./a.txt', b'hello', {}), ('bin', b'', D), ('bin/run', b'#!', dict(mode=0o6755)),\n"
	"    ('deep/er/f', b'x' * 300000, dict(uid=0, gid=0)), ('rules/\\u00e9.yar', b'y', {}), ('empty', b'', {})]\n"
	"for m in ('', ':gz', ':xz', ':bz2'): mk('good.tar' + m.replace(':', '.'), good, 'w' + m)\n"
	"mk('gnu.tar', good, fmt=tarfile.GNU_FORMAT)\n"
	"mk('ustar.tar', good, fmt=tarfile.USTAR_FORMAT)\n"
	"with zipfile.ZipFile('good.zip', 'w', zipfile.ZIP_DEFLATED) as z:\n"
	"    for n, b, k in good:\n"
	"        if n != './': z.writestr(n + '/' if k is D else n, b)\n"
	"ok = ('ok', b'1', {})\n"
	"for k, n in enumerate(['../x', 'a/../../x', '/etc/x', 'a//b', 'a/./b', '..', 'a\\x1b[2J', 'a\\\\b',\n"
	"        'n' * 256, 'd/' * 600 + 'f', '../outside/evil']):\n"
	"    mk('name%d.tar' % k, [ok, (n, b'2', {})])\n"
	"mk('links.tar', [ok, ('l', b'', dict(type=S, linkname='/etc/passwd')),\n"
	"    ('h', b'', dict(type=H, linkname='ok')), ('fifo', b'', dict(type=tarfile.FIFOTYPE)),\n"
	"    ('dev', b'', dict(type=tarfile.CHRTYPE))])\n"
	"mk('through.tar', [('l', b'', dict(type=S, linkname='../outside')), ('l/evil', b'2', {})])\n"
	"mk('dup.tar', [ok, ('./ok', b'2', {})])\n"
	"mk('dupdir.tar', [('d', b'', D), ('d/', b'', D), ('d/f', b'1', {})])\n"
	"mk('filedir.tar', [ok, ('ok/f', b'2', {})])\n"
	"mk('dirfile.tar', [('d/f', b'1', {}), ('d', b'2', {})])\n"
	"mk('filethendir.tar', [ok, ('ok', b'', D)])\n"
	"mk('many.tar', [('f%d' % i, b'', {}) for i in range(50)])\n"
	"mk('bomb.tar.gz', [('z', bytes(20000000), {})], 'w:gz')\n"
	"b = open('good.tar', 'rb').read(); open('cut.tar', 'wb').write(b[:5000])\n"
	"open('text', 'wb').write(b'this is no archive ' * 100)\n"
	"g = bytearray(open('good.tar.gz', 'rb').read()); open('cut.tar.gz', 'wb').write(g[:len(g) // 2])\n"
	"z = bytearray(open('good.zip', 'rb').read()); z[45] ^= 255; open('bad.zip', 'wb').write(z)\n"
	"mk('pax.tar', [('p', b'1', dict(pax_headers={'path': '../../etc/x'}))])\n"
	"mk('prefix.tar', [('offset', b'1', {})])\n"
	"open('behind', 'wb').write(b'12345' + open('good.tar', 'rb').read())\n"
	"open('notime.tar', 'wb').write(b'')\n";

static const struct vl_extract defaults = {
	.max_bytes = 1 << 22, .max_members = 100, .file_mode = 0444, .dir_mode = 0755, .keep_exec = true
};

/* Extracts into a new directory "into" of s. */
static bool extract(const struct scratch *s, const char *name, struct vl_extract *x, struct vl_err *e)
{
	VL_FD in = scratch_open(s, name, O_RDONLY);
	VL_FD dir = -1;

	if (!vl_remove_tree(s->dir, "into", e) || mkdirat(s->dir, "into", 0755) < 0)
		scratch_bail("cannot make a directory");
	dir = scratch_open(s, "into", O_RDONLY | O_DIRECTORY);
	return vl_extract(in, dir, x, name, e);
}

static bool holds(const struct scratch *s, const char *name, const char *want, mode_t mode)
{
	VL_CLEAN(vl_buf) b = VL_BUF_INIT(1 << 20);
	struct vl_err e = VL_ERR_INIT;
	struct stat st;

	return !fstatat(s->dir, name, &st, AT_SYMLINK_NOFOLLOW) && (st.st_mode & 07777) == mode &&
	       vl_load_file(s->dir, name, &b, NULL, &e) && !strcmp(vl_buf_str(&b), want);
}

static bool exists(const struct scratch *s, const char *name)
{
	struct stat st;

	return !fstatat(s->dir, name, &st, AT_SYMLINK_NOFOLLOW);
}

static bool mode_is(const struct scratch *s, const char *name, mode_t mode)
{
	struct stat st;

	return !fstatat(s->dir, name, &st, AT_SYMLINK_NOFOLLOW) && (st.st_mode & 07777) == mode;
}

static void good(const struct scratch *s)
{
	static const char *const names[] = { "good.tar",     "good.tar.gz", "good.tar.xz", "good.tar.bz2",
					     "good.tar.zst", "gnu.tar",     "ustar.tar",   "good.zip" };

	umask(077);
	for (size_t i = 0; i < VL_LEN(names); i++) {
		struct vl_extract x = defaults;
		struct vl_err e = VL_ERR_INIT;

		if (!exists(s, names[i])) {
			tap_skip("%s could not be made here", names[i]);
			continue;
		}
		tap_good(extract(s, names[i], &x, &e), &e, "%s", names[i]);
		tap_is(x.files, 5, "files");
		tap_is(x.bytes, 300008, "bytes");
		tap_is(x.skipped, 0, "nothing skipped");
		tap_ok(holds(s, "into/a.txt", "hello", 0444), "a file, read-only");
		tap_ok(strstr(names[i], "zip") || holds(s, "into/bin/run", "#!", 0555), "x stays, setuid goes");
		tap_ok(mode_is(s, "into/bin", 0755) && mode_is(s, "into/deep", 0755) &&
			       mode_is(s, "into/deep/er", 0755) && mode_is(s, "into/rules", 0755),
		       "directories that others can read, whatever the umask");
		tap_ok(exists(s, "into/deep/er/f") && holds(s, "into/empty", "", 0444), "deep and empty ones");
		tap_ok(exists(s, "into/rules/\303\251.yar"), "a name in UTF-8");
	}
	umask(022);
}

static const struct {
	const char *name;
	enum vl_code code;
	const char *says;
} bad[] = {
	{ "name0.tar", VL_E_CONTENT, "not safe" },
	{ "name1.tar", VL_E_CONTENT, "not safe" },
	{ "name2.tar", VL_E_CONTENT, "not safe" },
	{ "name3.tar", VL_E_CONTENT, "not safe" },
	{ "name4.tar", VL_E_CONTENT, "not safe" },
	{ "name5.tar", VL_E_CONTENT, "not safe" },
	{ "name6.tar", VL_E_CONTENT, "not safe" },
	{ "name7.tar", VL_E_CONTENT, "not safe" },
	{ "name8.tar", VL_E_CONTENT, "not safe" },
	{ "name9.tar", VL_E_CONTENT, "not safe" },
	{ "name10.tar", VL_E_CONTENT, "not safe" },
	{ "pax.tar", VL_E_CONTENT, "not safe" },
	{ "dup.tar", VL_E_CONTENT, "duplicate" },
	{ "dirfile.tar", VL_E_CONTENT, "duplicate" },
	{ "filedir.tar", VL_E_CONTENT, "both a file and a directory" },
	{ "filethendir.tar", VL_E_CONTENT, "both a file and a directory" },
	{ "bomb.tar.gz", VL_E_LIMIT, "more than" },
	{ "cut.tar", VL_E_CONTENT, "" },
	{ "cut.tar.gz", VL_E_CONTENT, "" },
	{ "bad.zip", VL_E_CONTENT, "" },
	{ "text", VL_E_CONTENT, "" },
};

static void refused(const struct scratch *s)
{
	for (size_t i = 0; i < VL_LEN(bad); i++) {
		struct vl_extract x = defaults;
		struct vl_err e = VL_ERR_INIT;

		tap_fails(extract(s, bad[i].name, &x, &e), &e, bad[i].code, "%s is refused", bad[i].name);
		tap_ok(strstr(e.msg, bad[i].says) && strstr(e.msg, bad[i].name) && !strchr(e.msg, '\033'),
		       "in words: %.200s", e.msg);
	}
	tap_ok(!exists(s, "x") && !exists(s, "outside/evil"), "and nothing was made outside");
}

static void skipped(const struct scratch *s)
{
	struct vl_extract x = defaults;
	struct vl_err e = VL_ERR_INIT;

	tap_good(extract(s, "links.tar", &x, &e), &e, "links and special files");
	tap_is(x.skipped, 4, "are skipped and counted");
	tap_is(x.files, 1, "the file is there");
	tap_ok(!exists(s, "into/l") && !exists(s, "into/h"), "without links");
	tap_ok(!exists(s, "into/fifo") && !exists(s, "into/dev"), "without special files");
	x = defaults;
	tap_good(extract(s, "through.tar", &x, &e), &e, "a file below a link");
	tap_ok(!exists(s, "outside/evil") && exists(s, "into/l/evil"), "lands in a real directory inside");
	x = defaults;
	tap_good(extract(s, "dupdir.tar", &x, &e), &e, "a directory twice is no harm");
}

/* T57: somebody puts a link where a directory was. */
static void planted_link(const struct scratch *s)
{
	VL_FD in = scratch_open(s, "good.tar", O_RDONLY);
	VL_FD dir = -1;
	struct vl_extract x = defaults;
	struct vl_err e = VL_ERR_INIT;

	if (!vl_remove_tree(s->dir, "into", &e) || mkdirat(s->dir, "into", 0755) < 0 ||
	    symlinkat("../outside", s->dir, "into/deep") < 0)
		scratch_bail("cannot plant a link");
	dir = scratch_open(s, "into", O_RDONLY | O_DIRECTORY);
	tap_ok(!vl_extract(in, dir, &x, "good.tar", &e) && e.code != VL_E_CONTENT, "a planted link: %s", e.msg);
	tap_ok(!exists(s, "outside/er"), "nothing outside is touched");
}

static void limits(const struct scratch *s)
{
	struct vl_extract x = defaults;
	struct vl_err e = VL_ERR_INIT;

	x.max_members = 50;
	tap_good(extract(s, "many.tar", &x, &e), &e, "50 members of 50");
	x.max_members = 49;
	tap_fails(extract(s, "many.tar", &x, &e), &e, VL_E_LIMIT, "50 members of 49");
	x = defaults;
	x.max_bytes = 300008;
	tap_good(extract(s, "good.tar", &x, &e), &e, "exactly as many bytes");
	x.max_bytes = 300007;
	tap_fails(extract(s, "good.tar", &x, &e), &e, VL_E_LIMIT, "one byte more");
	tap_ok(x.bytes <= 300007, "and no more was written");
	x = defaults;
	x.keep_exec = false;
	tap_good(extract(s, "good.tar", &x, &e), &e, "without x");
	tap_ok(holds(s, "into/bin/run", "#!", 0444), "0444");
}

static void selected(const struct scratch *s)
{
	static const char *const two[] = { "a.txt", "bin/run", NULL }, *const missing[] = { "a.txt", "b.txt", NULL },
				 *const link[] = { "l", NULL }, *const evil[] = { "ok", NULL };
	struct vl_extract x = defaults;
	struct vl_err e = VL_ERR_INIT;

	x.only = two;
	tap_good(extract(s, "good.tar.gz", &x, &e), &e, "two members");
	tap_ok(x.files == 2 && holds(s, "into/a.txt", "hello", 0444) && !exists(s, "into/empty"), "and no other");
	x.only = missing;
	tap_fails(extract(s, "good.tar.gz", &x, &e), &e, VL_E_CONTENT, "one is missing");
	tap_ok(strstr(e.msg, "b.txt") != NULL, "it is named");
	x.only = link;
	tap_fails(extract(s, "links.tar", &x, &e), &e, VL_E_CONTENT, "a link does not count as the member");
	x.only = evil;
	tap_good(extract(s, "name0.tar", &x, &e), &e, "names that nobody asked for are left alone");
	tap_ok(!exists(s, "x"), "where they are");
}

static bool one(const struct scratch *s, const char *archive, const char *member, struct vl_buf *b, struct vl_err *e)
{
	VL_FD in = scratch_open(s, archive, O_RDONLY);

	if (!strcmp(archive, "behind"))
		lseek(in, 5, SEEK_SET);
	return vl_extract_one(in, member, b, archive, e);
}

static void single(const struct scratch *s)
{
	VL_CLEAN(vl_buf) b = VL_BUF_INIT(1000);
	VL_CLEAN(vl_buf) tiny = VL_BUF_INIT(4);
	struct vl_err e = VL_ERR_INIT;

	tap_good(one(s, "good.tar.gz", "a.txt", &b, &e), &e, "one member into memory");
	tap_str(vl_buf_str(&b), "hello", "its content");
	tap_good(one(s, "behind", "a.txt", &b, &e), &e, "from the current offset on");
	tap_str(vl_buf_str(&b), "hello", "its content");
	tap_good(one(s, "good.tar", "empty", &b, &e), &e, "an empty one");
	tap_is(b.len, 0, "is empty");
	tap_fails(one(s, "good.tar.gz", "none", &b, &e), &e, VL_E_CONTENT, "absent");
	tap_fails(one(s, "good.tar.gz", "bin", &b, &e), &e, VL_E_CONTENT, "a directory");
	tap_fails(one(s, "links.tar", "l", &b, &e), &e, VL_E_CONTENT, "a link");
	tap_fails(one(s, "good.tar.gz", "a.txt", &tiny, &e), &e, VL_E_LIMIT, "longer than the buffer");
	tap_fails(one(s, "good.tar", "deep/er/f", &b, &e), &e, VL_E_LIMIT, "much longer");
	tap_fails(one(s, "text", "a.txt", &b, &e), &e, VL_E_CONTENT, "no archive");
}

int main(void)
{
	struct scratch s = scratch_new();

	if (scratch_cmd(&s, NULL, "python3", "-c", make_archives)) {
		VL_CLEAN(vl_buf) why = VL_BUF_INIT(65536);

		scratch_get(&s, "out", &why);
		tap_skip("python3 cannot make the archives here: %.300s", vl_buf_str(&why));
		scratch_end(&s);
		return tap_done();
	}
	scratch_cmd(&s, NULL, "zstd", "-q", "-k", "good.tar");
	if (mkdirat(s.dir, "outside", 0755) < 0)
		scratch_bail("cannot make a directory");
	good(&s);
	refused(&s);
	skipped(&s);
	planted_link(&s);
	limits(&s);
	selected(&s);
	single(&s);
	scratch_end(&s);
	return tap_done();
}
