/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/archive_rewrite_test.c: zips and gzips written again: the same content, the same bytes each time, good for
 * other readers; and what is not in order is refused. Python makes the archives. */
#include "archive/rewrite.h"
#include "archive/rewrite_crc.h"
#include "archive/rewrite_zipfile.h"
#include "crypt/hash.h"
#include "tests/lib/scratch.h"
#include "tests/lib/tap.h"

static const char make_archives[] =
	"import zipfile, gzip, struct, os, random\n"
	"Z, D = zipfile.ZipFile, zipfile.ZIP_DEFLATED\n"
	"rnd = random.Random(1)\n"
	"rec = {('GO-%04d.json' % i): bytes(rnd.choices(b'abcdefgh', k=rnd.randrange(3000))) for i in range(300)}\n"
	"rec['A.json'] = b''\n"
	"rec['sub/z.json'] = b'{}'\n"
	"def mk(name, items, date=(2026, 7, 1, 10, 20, 30), comp=D):\n"
	"    with Z(name, 'w', comp) as z:\n"
	"        for n, b in items:\n"
	"            i = n if isinstance(n, zipfile.ZipInfo) else zipfile.ZipInfo(n, date)\n"
	"            i.compress_type = comp\n"
	"            z.writestr(i, b)\n"
	"mk('good.zip', rec.items())\n"
	"mk('other.zip', sorted(rec.items(), reverse=True), (2021, 1, 1, 0, 0, 0), zipfile.ZIP_STORED)\n"
	"mk('empty.zip', [])\n"
	"mk('dirs.zip', [('sub/', b'')] + list(rec.items()))\n"
	"import warnings; warnings.simplefilter('ignore')\n"
	"mk('dup.zip', [('a', b'1'), ('b', b'2'), ('a', b'3')])\n"
	"for k, n in enumerate(['../a', '/a', 'a/../b', 'a//b', './a', 'a\\x1bb', 'h\\xe9', 'x' * 300]):\n"
	"    mk('name%d.zip' % k, [('ok', b'1'), (n, b'2')])\n"
	"l = zipfile.ZipInfo('link'); l.create_system = 3; l.external_attr = 0o120777 << 16\n"
	"mk('link.zip', [(l, b'/etc/passwd')])\n"
	"b = bytearray(open('good.zip', 'rb').read())\n"
	"open('short.zip', 'wb').write(b[:-30])\n"
	"open('half.zip', 'wb').write(b[:len(b) // 2])\n"
	"open('text.zip', 'wb').write(b'no zip at all' * 100)\n"
	"mk('one.zip', [('a', b'hello hello hello')], comp=zipfile.ZIP_STORED)\n"
	"o = bytearray(open('one.zip', 'rb').read())\n"
	"c = bytearray(o); c[31] ^= 1; open('data.zip', 'wb').write(c)\n"
	"p = o.find(b'PK\\1\\2')\n"
	"c = bytearray(o); c[p + 16] ^= 1; c[14] ^= 1; open('crc.zip', 'wb').write(c)\n"
	"c = bytearray(o); c[p + 8] |= 1; c[6] |= 1; open('secret.zip', 'wb').write(c)\n"
	"mk('big.zip', [('zeros', b'\\0' * 3000000)])\n"
	"t = b'tar content ' * 20000\n"
	"open('raw', 'wb').write(t)\n"
	"g = gzip.compress(t, 6)\n"
	"open('good.gz', 'wb').write(g)\n"
	"open('name.gz', 'wb').write(b'\\x1f\\x8b\\x08\\x08' + g[4:10] + b'db.tar\\0' + g[10:])\n"
	"open('trail.gz', 'wb').write(g + b'x')\n"
	"open('trail8.gz', 'wb').write(g + g[-8:])\n"
	"open('zeros.gz', 'wb').write(g + bytes(512))\n"
	"open('two.gz', 'wb').write(g + g)\n"
	"open('twoempty.gz', 'wb').write(g + gzip.compress(b''))\n"
	"for n in (1, 4, 8, 9, 20, len(g) // 2): open('cut%d.gz' % n, 'wb').write(g[:-n])\n"
	"for n, at in enumerate((-8, -5, -4, -1)):\n"
	"    c = bytearray(g); c[at] ^= 1; open('sum%d.gz' % n, 'wb').write(c)\n"
	"open('plain.gz', 'wb').write(t)\n"
	"open('empty.gz', 'wb').write(b'')\n"
	"open('random.gz', 'wb').write(rnd.randbytes(200000))\n"
	"open('noise.gz', 'wb').write(gzip.compress(rnd.randbytes(200000)))\n";

static const char compare_zips[] = "import zipfile, sys\n"
				   "a, b = zipfile.ZipFile(sys.argv[1]), zipfile.ZipFile(sys.argv[2])\n"
				   "files = [n for n in a.namelist() if not n.endswith('/')]\n"
				   "assert b.testzip() is None\n"
				   "assert b.namelist() == sorted(files), 'order'\n"
				   "assert all(a.read(n) == b.read(n) for n in files), 'content'\n"
				   "for i in b.infolist():\n"
				   "    assert i.date_time == (1980, 1, 1, 0, 0, 0) and i.compress_type == 0\n"
				   "    assert i.external_attr >> 16 == 0o100644 and not i.flag_bits and not i.extra\n";

static const struct vl_zip_limits wide = { 1000, 1 << 22, 1 << 24 };

static bool rewrite(const struct scratch *s, const char *from, const char *to, const struct vl_zip_limits *l,
		    uint64_t *members, struct vl_err *e)
{
	VL_FD in = scratch_open(s, from, O_RDONLY);
	VL_FD out = to ? scratch_open(s, to, O_WRONLY | O_CREAT | O_TRUNC) : -1;

	return vl_zip_rewrite(in, out, s->dir, l, NULL, NULL, members, e);
}

static bool same_files(const struct scratch *s, const char *a, const char *b)
{
	VL_FD fa = scratch_open(s, a, O_RDONLY);
	VL_FD fb = scratch_open(s, b, O_RDONLY);
	struct vl_digest da, db;
	struct vl_err e = VL_ERR_INIT;

	return vl_sha256_fd(fa, &da, NULL, &e) && vl_sha256_fd(fb, &db, NULL, &e) && vl_digest_equal(&da, &db);
}

static void good_zips(const struct scratch *s)
{
	static const char *const names[] = { "good.zip", "dirs.zip" };
	struct vl_err e = VL_ERR_INIT;
	uint64_t n = 0;

	for (size_t i = 0; i < VL_LEN(names); i++) {
		tap_good(rewrite(s, names[i], "out.zip", &wide, &n, &e), &e, "%s", names[i]);
		tap_is(n, 302, "its members are counted, without directories");
		tap_is(scratch_cmd(s, NULL, "python3", "-c", compare_zips, names[i], "out.zip"), 0,
		       "the same content, sorted, stored, dated 1980");
	}
	tap_good(rewrite(s, "other.zip", "out2.zip", &wide, &n, &e), &e, "other order, dates and method");
	tap_ok(same_files(s, "out.zip", "out2.zip"), "give the same bytes");
	setenv("TZ", "Asia/Tokyo", 1);
	tap_good(rewrite(s, "out.zip", "out3.zip", &wide, &n, &e), &e, "its own output, in another time zone");
	tap_ok(same_files(s, "out.zip", "out3.zip"), "gives the same bytes");
	tap_good(rewrite(s, "good.zip", NULL, &wide, &n, &e), &e, "only checked");
	tap_is(n, 302, "the members are counted then, too");
	if (scratch_cmd(s, NULL, "unzip", "-v") == 0)
		tap_is(scratch_cmd(s, NULL, "unzip", "-tq", "out.zip"), 0, "unzip -t");
	else
		tap_skip("unzip is not installed");
}

static const struct {
	const char *name;
	enum vl_code code;
	const char *says;
} bad_zips[] = {
	{ "dup.zip", VL_E_CONTENT, "twice" },
	{ "name0.zip", VL_E_CONTENT, "name" },
	{ "name1.zip", VL_E_CONTENT, "name" },
	{ "name2.zip", VL_E_CONTENT, "name" },
	{ "name3.zip", VL_E_CONTENT, "name" },
	{ "name4.zip", VL_E_CONTENT, "name" },
	{ "name5.zip", VL_E_CONTENT, "name" },
	{ "name6.zip", VL_E_CONTENT, "" },
	{ "name7.zip", VL_E_CONTENT, "name" },
	{ "link.zip", VL_E_CONTENT, "regular" },
	{ "empty.zip", VL_E_CONTENT, "" },
	{ "short.zip", VL_E_CONTENT, "" },
	{ "half.zip", VL_E_CONTENT, "" },
	{ "text.zip", VL_E_CONTENT, "" },
	{ "data.zip", VL_E_CONTENT, "CRC" },
	{ "crc.zip", VL_E_CONTENT, "CRC" },
	{ "secret.zip", VL_E_CONTENT, "encrypted" },
};

static void refused_zips(const struct scratch *s)
{
	static const struct vl_zip_limits few = { 301, 1 << 22, 1 << 24 }, small = { 1000, 2000, 1 << 24 },
					  little = { 1000, 1 << 22, 100000 }, exact = { 1, 3000000, 3000000 },
					  one_less = { 1, 2999999, 3000000 };
	struct vl_err e = VL_ERR_INIT;

	for (size_t i = 0; i < VL_LEN(bad_zips); i++) {
		tap_fails(rewrite(s, bad_zips[i].name, "bad-out.zip", &wide, NULL, &e), &e, bad_zips[i].code,
			  "%s is refused", bad_zips[i].name);
		tap_ok(strstr(e.msg, bad_zips[i].says) && !strchr(e.msg, '\033'), "in words: %s", e.msg);
	}
	tap_fails(rewrite(s, "good.zip", "o", &few, NULL, &e), &e, VL_E_LIMIT, "too many members");
	tap_fails(rewrite(s, "good.zip", "o", &small, NULL, &e), &e, VL_E_LIMIT, "a member too large");
	tap_fails(rewrite(s, "good.zip", "o", &little, NULL, &e), &e, VL_E_LIMIT, "too much in all");
	tap_good(rewrite(s, "big.zip", "o", &exact, NULL, &e), &e, "exactly the limits");
	tap_fails(rewrite(s, "big.zip", "o", &one_less, NULL, &e), &e, VL_E_LIMIT, "one byte above");
}

static bool refuse_sub(void *ctx, const char *name, struct vl_bytes content, struct vl_err *e)
{
	size_t *calls = ctx;

	(*calls)++;
	if (strncmp(name, "sub/", 4))
		return true;
	return vl_fail(e, VL_E_CONTENT, "not a record: %.*s", (int)content.len, (const char *)content.data);
}

static void checker(const struct scratch *s)
{
	VL_FD in = scratch_open(s, "good.zip", O_RDONLY);
	struct vl_err e = VL_ERR_INIT;
	size_t calls = 0;

	tap_fails(vl_zip_rewrite(in, -1, -1, &wide, refuse_sub, &calls, NULL, &e), &e, VL_E_CONTENT, "refused by it");
	tap_ok(strstr(e.msg, "sub/z.json: not a record: {}") != NULL, "with the member's name and content: %s", e.msg);
	tap_is(calls, 302, "after the others");
}

static bool store(const struct scratch *s, const char *from, uint64_t max, struct vl_err *e)
{
	VL_FD in = scratch_open(s, from, O_RDONLY);
	VL_FD out = scratch_open(s, "out.gz", O_WRONLY | O_CREAT | O_TRUNC);

	return vl_gzip_store(in, out, max, e);
}

static void good_gzips(const struct scratch *s)
{
	static const char compare[] = "import gzip, sys\n"
				      "b = open('out.gz', 'rb').read()\n"
				      "assert gzip.decompress(b) == gzip.decompress(open(sys.argv[1], 'rb').read())\n"
				      "assert b[:10] == bytes([31, 139, 8, 0, 0, 0, 0, 0, 0, 255])\n"
				      "assert b[15:200] in gzip.decompress(b)\n";
	static const char *const names[] = { "good.gz", "name.gz", "noise.gz" };
	struct vl_err e = VL_ERR_INIT;

	for (size_t i = 0; i < VL_LEN(names); i++) {
		tap_good(store(s, names[i], 1 << 20, &e), &e, "%s", names[i]);
		tap_is(scratch_cmd(s, NULL, "python3", "-c", compare, names[i]), 0, "same content, no time");
		tap_is(scratch_cmd(s, NULL, "gzip", "-t", "out.gz"), 0, "gzip -t");
	}
	tap_good(store(s, "good.gz", 240000, &e), &e, "exactly the limit");
	scratch_cmd(s, NULL, "cp", "out.gz", "first.gz");
	tap_good(store(s, "name.gz", 240000, &e), &e, "another header");
	tap_ok(same_files(s, "first.gz", "out.gz"), "gives the same bytes");
	tap_good(store(s, "first.gz", 240000, &e), &e, "its own output");
	tap_ok(same_files(s, "first.gz", "out.gz"), "gives the same bytes");
	tap_fails(store(s, "good.gz", 239999, &e), &e, VL_E_LIMIT, "one byte above the limit");
}

static void refused_gzips(const struct scratch *s)
{
	static const char *const names[] = { "trail.gz",   "trail8.gz", "zeros.gz",  "two.gz",   "cut1.gz",
					     "cut4.gz",    "cut8.gz",   "cut9.gz",   "cut20.gz", "sum0.gz",
					     "sum1.gz",    "sum2.gz",   "sum3.gz",   "plain.gz", "empty.gz",
					     "random.gz", "good.zip", "twoempty.gz" };
	struct vl_err e = VL_ERR_INIT;

	for (size_t i = 0; i < VL_LEN(names); i++) {
		tap_fails(store(s, names[i], 1 << 20, &e), &e, VL_E_CONTENT, "%s is refused", names[i]);
		printf("# %s\n", e.msg);
	}
}

/* Every byte of a small gzip changed: refused, or the content is still the same (a hint in the header). */
static void every_byte(const struct scratch *s)
{
	VL_CLEAN(vl_buf) gz = VL_BUF_INIT(1 << 20), good = VL_BUF_INIT(1 << 20), got = VL_BUF_INIT(1 << 20);
	struct vl_err e = VL_ERR_INIT;
	size_t wrong = 0, refused = 0;

	scratch_get(s, "good.gz", &gz);
	if (!store(s, "good.gz", 1 << 20, &e))
		return;
	scratch_get(s, "out.gz", &good);
	for (size_t i = 0; i < gz.len; i++) {
		gz.data[i] ^= 0x10;
		scratch_put(s, "changed.gz", vl_buf_bytes(&gz), 0600);
		gz.data[i] ^= 0x10;
		if (!store(s, "changed.gz", 1 << 20, &e)) {
			refused++;
			continue;
		}
		scratch_get(s, "out.gz", &got);
		wrong += got.len != good.len || memcmp(got.data, good.data, got.len);
	}
	tap_is(wrong, 0, "no changed byte gives other content");
	tap_ok(refused + 20 > gz.len, "%zu of %zu changes are refused", refused, gz.len);
}

static void crc(void)
{
	static const struct {
		const char *text;
		uint32_t crc;
	} rows[] = { { "", 0 }, { "a", 0xe8b7be43 }, { "123456789", 0xcbf43926 }, { "12345678", 0x9ae0daaf } };
	struct vl_crc c;

	vl_crc_init(&c);
	for (size_t i = 0; i < VL_LEN(rows); i++) {
		vl_crc_restart(&c);
		vl_crc_add(&c, vl_bytes_str(rows[i].text));
		tap_is(vl_crc_end(&c), rows[i].crc, "CRC-32 of \"%s\"", rows[i].text);
	}
}

/* More members than 16 bits count: zip64 records; read by Python (and by Go and others, which share the format). */
static void many_members(const struct scratch *s)
{
	static const char count[] = "import zipfile\n"
				    "z = zipfile.ZipFile('many.zip')\n"
				    "assert len(z.namelist()) == 70000 and z.read('m69999') == b'x'\n";
	VL_FD out = scratch_open(s, "many.zip", O_RDWR | O_CREAT | O_TRUNC);
	VL_CLEAN(vl_zipfile) z = VL_ZIPFILE_INIT(out);
	struct vl_zip_limits l = { 70000, 1000, 1 << 20 };
	struct vl_err e = VL_ERR_INIT;
	bool good = true;
	uint64_t n = 0;

	for (unsigned i = 0; i < 70000 && good; i++) {
		char name[16];

		snprintf(name, sizeof name, "m%u", i);
		good = vl_zipfile_member(&z, name, 0x8cdc1683, 1, &e) && vl_zipfile_add(&z, vl_bytes_str("x"), &e);
	}
	tap_good(good && vl_zipfile_end(&z, &e), &e, "70000 members");
	tap_is(scratch_cmd(s, NULL, "python3", "-c", count), 0, "are read by Python");
	tap_good(vl_zip_rewrite(out, -1, -1, &l, NULL, NULL, &n, &e), &e, "and by libarchive");
	tap_is(n, 70000, "all of them");
}

/* Offsets beyond 32 bits, in a file with a hole: only the directory says where the last member is. */
static void far_member(const struct scratch *s)
{
	static const char look[] = "import zipfile\n"
				   "z = zipfile.ZipFile('far.zip')\n"
				   "assert z.namelist() == ['near', 'far'] and z.read('far') == b'x'\n";
	VL_FD out = scratch_open(s, "far.zip", O_RDWR | O_CREAT | O_TRUNC);
	VL_CLEAN(vl_zipfile) z = VL_ZIPFILE_INIT(out);
	struct vl_err e = VL_ERR_INIT;
	bool good = vl_zipfile_member(&z, "near", 0x8cdc1683, 1, &e) && vl_zipfile_add(&z, vl_bytes_str("x"), &e);

	z.at += UINT64_C(5) << 30; /* as if a large member lay here */
	if (!good || !vl_zipfile_flush(&z, &e) || lseek(out, (off_t)z.at, SEEK_SET) < 0) {
		tap_skip("no large files here");
		return;
	}
	good = vl_zipfile_member(&z, "far", 0x8cdc1683, 1, &e) && vl_zipfile_add(&z, vl_bytes_str("x"), &e);
	tap_good(good && vl_zipfile_end(&z, &e), &e, "a member behind 5 GiB");
	tap_is(scratch_cmd(s, NULL, "python3", "-c", look), 0, "is read by Python");
}

int main(void)
{
	struct scratch s = scratch_new();

	crc();
	if (scratch_cmd(&s, NULL, "python3", "-c", make_archives)) {
		tap_skip("python3 is not here to make archives");
		scratch_end(&s);
		return tap_done();
	}
	good_zips(&s);
	refused_zips(&s);
	checker(&s);
	good_gzips(&s);
	refused_gzips(&s);
	every_byte(&s);
	many_members(&s);
	far_member(&s);
	scratch_end(&s);
	return tap_done();
}
