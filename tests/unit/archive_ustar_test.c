/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/archive_ustar_test.c: the strict subset: what is refused, byte by byte; what is accepted, libarchive reads
 * in the same way. */
#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>

#include "archive/ustar.h"
#include "tests/lib/scratch.h"
#include "tests/lib/tap.h"

#define NAME1 "blobs/sha256/ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define NAME2 NAME1 "@0000000004000000"

static void add_entry(struct vl_buf *b, const char *name, struct vl_bytes data)
{
	static const uint8_t zeros[VL_USTAR_BLOCK];
	struct vl_err e = VL_ERR_INIT;
	uint8_t header[VL_USTAR_BLOCK];
	size_t pad = (size_t)vl_ustar_entry_size(data.len) - VL_USTAR_BLOCK - data.len;

	vl_ustar_header(header, name, data.len);
	if (!vl_buf_add(b, vl_bytes(header, sizeof header), &e) || !vl_buf_add(b, data, &e) ||
	    !vl_buf_add(b, vl_bytes(zeros, pad), &e))
		scratch_bail(e.msg);
}

static void add_end(struct vl_buf *b)
{
	static const uint8_t zeros[VL_USTAR_END];
	struct vl_err e = VL_ERR_INIT;

	if (!vl_buf_add(b, vl_bytes(zeros, sizeof zeros), &e))
		scratch_bail(e.msg);
}

/* Three entries: 700 bytes, none, 512. */
static void sample(struct vl_buf *b)
{
	char text[700];

	memset(text, 't', sizeof text);
	add_entry(b, NAME1, vl_bytes(text, 700));
	add_entry(b, "plan", vl_bytes(text, 0));
	add_entry(b, NAME2, vl_bytes(text, 512));
	add_end(b);
}

/* Reads all; the number of entries, or -1 when refused. */
static int read_all(struct vl_bytes in, struct vl_err *e)
{
	struct vl_ustar t = { .in = in };
	struct vl_ustar_entry entry;
	bool end = false;
	int n = 0;

	while (vl_ustar_next(&t, &entry, &end, "parcels/000001", e)) {
		if (end)
			return n;
		n++;
	}
	return -1;
}

/* Does libarchive see the same names and contents as we do? */
static bool libarchive_agrees(struct vl_bytes in)
{
	struct archive *a = archive_read_new();
	struct vl_ustar t = { .in = in };
	struct vl_ustar_entry mine;
	struct archive_entry *theirs;
	struct vl_err e = VL_ERR_INIT;
	bool end = false, same = true;
	VL_STR data = calloc(in.len + 1, 1);

	archive_read_support_format_tar(a);
	same = archive_read_open_memory(a, in.data, in.len) == ARCHIVE_OK;
	while (same && vl_ustar_next(&t, &mine, &end, "p", &e) && !end)
		same = archive_read_next_header(a, &theirs) == ARCHIVE_OK &&
		       !strcmp(archive_entry_pathname(theirs), mine.name) &&
		       archive_entry_filetype(theirs) == AE_IFREG &&
		       archive_read_data(a, data, in.len + 1) == (la_ssize_t)mine.data.len &&
		       !memcmp(data, mine.data.data, mine.data.len);
	same = same && end && archive_read_next_header(a, &theirs) == ARCHIVE_EOF;
	archive_read_free(a);
	return same;
}

static void accepted(const struct scratch *s)
{
	VL_CLEAN(vl_buf) b = VL_BUF_INIT(65536), only_end = VL_BUF_INIT(65536), list = VL_BUF_INIT(65536);
	struct vl_err e = VL_ERR_INIT;

	sample(&b);
	tap_is(b.len, vl_ustar_entry_size(700) + vl_ustar_entry_size(0) + vl_ustar_entry_size(512) + VL_USTAR_END,
	       "size");
	tap_is(vl_ustar_entry_size(0), 512, "an empty entry is a header");
	tap_is(vl_ustar_entry_size(1), 1024, "one byte takes a block");
	tap_is(vl_ustar_entry_size(512), 1024, "a block takes a block");
	tap_is(read_all(vl_buf_bytes(&b), &e), 3, "three entries");
	tap_ok(libarchive_agrees(vl_buf_bytes(&b)), "libarchive reads the same");
	add_end(&only_end);
	tap_is(read_all(vl_buf_bytes(&only_end), &e), 0, "nothing but the end mark");
	scratch_put(s, "p.tar", vl_buf_bytes(&b), 0600);
	if (scratch_cmd(s, NULL, "tar", "-tvf", "p.tar")) {
		tap_skip("no tar here");
		return;
	}
	scratch_get(s, "out", &list);
	tap_ok(strstr(vl_buf_str(&list), NAME2) && strstr(vl_buf_str(&list), "-r--r--r--"), "tar -t lists it");
}

struct edit {
	const char *name;
	size_t at; /* in the first header */
	const char *bytes;
	size_t n;
	bool fix_sum;
	const char *says; /* NULL: accepted */
};
static const struct edit edits[] = {
	{ "as it is", 0, "b", 1, true, NULL },
	{ "setuid mode", 100, "0004755", 8, true, NULL },
	{ "owner and time of somebody", 108, "0001750\0" "0001750", 16, true, NULL },
	{ "wrong checksum", 0, "c", 1, false, "checksum" },
	{ "checksum with blanks", 148, "   123\0 ", 8, false, "checksum" },
	{ "size in base 256", 124, "\200\0\0\0\0\0\0\0\0\0\002\274", 12, true, "octal" },
	{ "size with a digit 8", 124, "00000001280", 12, true, "octal" },
	{ "size with blanks", 124, "       1274 ", 12, true, "octal" },
	{ "size without NUL", 124, "000000012740", 12, true, "octal" },
	{ "size beyond the parcel", 124, "00000007777", 12, true, "longer than" },
	{ "largest size", 124, "77777777777", 12, true, "longer than" },
	{ "negative size", 124, "-0000001274", 12, true, "octal" },
	{ "size one block too small", 124, "00000000777", 12, true, "" },
	{ "old type NUL", 156, "\0", 1, true, "entry type 0x00" },
	{ "hard link", 156, "1", 1, true, "entry type 1" },
	{ "symbolic link", 156, "2", 1, true, "entry type 2" },
	{ "character device", 156, "3", 1, true, "entry type 3" },
	{ "block device", 156, "4", 1, true, "entry type 4" },
	{ "directory", 156, "5", 1, true, "entry type 5" },
	{ "FIFO", 156, "6", 1, true, "entry type 6" },
	{ "contiguous", 156, "7", 1, true, "entry type 7" },
	{ "pax", 156, "x", 1, true, "entry type x" },
	{ "global pax", 156, "g", 1, true, "entry type g" },
	{ "GNU long name", 156, "L", 1, true, "entry type L" },
	{ "GNU long link", 156, "K", 1, true, "entry type K" },
	{ "GNU sparse", 156, "S", 1, true, "entry type S" },
	{ "GNU multi-volume", 156, "M", 1, true, "entry type M" },
	{ "escape as type", 156, "\033", 1, true, "entry type 0x1b" },
	{ "GNU magic", 257, "ustar  ", 8, true, "not ustar" },
	{ "no magic", 257, "\0\0\0\0\0\0\0\0", 8, true, "not ustar" },
	{ "other version", 257, "ustar\00001", 8, true, "not ustar" },
	{ "prefix", 345, "etc", 3, true, "prefix" },
	{ "link target", 157, "x", 1, true, "prefix" },
	{ "spare bytes", 511, "x", 1, true, "prefix" },
	{ "empty name", 0, "\0", 1, true, "name" },
	{ "bytes behind the name", 99, "x", 1, true, "name" },
	{ "control character in the name", 3, "\n", 1, true, "name" },
	{ "blank in the name", 3, " ", 1, true, "name" },
	{ "8-bit name", 3, "\351", 1, true, "name" },
	{ "padding not zero", 512 + 700, "x", 1, false, "padding" },
	{ "last byte of the padding", 1535, "x", 1, false, "padding" },
};

static void fix_sum(uint8_t *h)
{
	unsigned sum = 0;

	memset(h + 148, ' ', 8);
	for (size_t i = 0; i < VL_USTAR_BLOCK; i++)
		sum += h[i];
	snprintf((char *)h + 148, 7, "%06o", sum);
}

static void edited(void)
{
	for (size_t i = 0; i < VL_LEN(edits); i++) {
		VL_CLEAN(vl_buf) b = VL_BUF_INIT(65536);
		struct vl_err e = VL_ERR_INIT;

		sample(&b);
		memcpy(b.data + edits[i].at, edits[i].bytes, edits[i].n);
		if (edits[i].fix_sum)
			fix_sum(b.data);
		if (!edits[i].says) {
			tap_is(read_all(vl_buf_bytes(&b), &e), 3, "%s is accepted", edits[i].name);
			tap_ok(libarchive_agrees(vl_buf_bytes(&b)), "and libarchive agrees");
			continue;
		}
		tap_is(read_all(vl_buf_bytes(&b), &e), -1, "%s is refused", edits[i].name);
		tap_ok(e.code == VL_E_PARCEL && strstr(e.msg, edits[i].says) && strstr(e.msg, "parcels/000001"),
		       "in words: %s", edits[i].says);
	}
}

/* T44: end marks. The length of what is cut off or put behind. */
static void ends(void)
{
	VL_CLEAN(vl_buf) b = VL_BUF_INIT(65536);
	struct vl_err e = VL_ERR_INIT;
	size_t wrong = 0, len;

	sample(&b);
	len = b.len;
	for (size_t n = 0; n < len; n++)
		wrong += read_all(vl_bytes(b.data, n), &e) >= 0;
	tap_is(wrong, 0, "no shortened parcel is accepted");
	add_end(&b);
	for (size_t n = len + 1; n <= b.len; n++)
		wrong += read_all(vl_bytes(b.data, n), &e) >= 0;
	tap_is(wrong, 0, "no zeros behind the end are accepted");
	b.data[len - 1] = 'x';
	tap_is(read_all(vl_bytes(b.data, len), &e), -1, "a byte in the second empty block");
	b.data[len - 1] = 0;
	memcpy(b.data + len, b.data, 512);
	tap_is(read_all(vl_bytes(b.data, len + 512), &e), -1, "an entry behind the end");
	tap_is(read_all(vl_bytes(NULL, 0), &e), -1, "nothing at all");
}

/* A flipped bit in a header is refused, or what is then read libarchive reads too. */
static void every_bit(void)
{
	VL_CLEAN(vl_buf) b = VL_BUF_INIT(65536);
	struct vl_err e = VL_ERR_INIT;
	size_t accepted_bits = 0;

	sample(&b);
	for (size_t bit = 0; bit < VL_USTAR_BLOCK * 8; bit++) {
		b.data[bit / 8] = (uint8_t)(b.data[bit / 8] ^ 1 << bit % 8);
		accepted_bits += read_all(vl_buf_bytes(&b), &e) >= 0;
		b.data[bit / 8] = (uint8_t)(b.data[bit / 8] ^ 1 << bit % 8);
	}
	tap_is(accepted_bits, 0, "the checksum notices every flipped bit of a header");
}

static void long_name(void)
{
	VL_CLEAN(vl_buf) b = VL_BUF_INIT(65536);
	struct vl_err e = VL_ERR_INIT;
	struct vl_ustar t;
	struct vl_ustar_entry entry;
	char name[101];
	bool end;

	memset(name, 'n', 100);
	name[100] = '\0';
	add_entry(&b, name, vl_bytes("x", 1));
	add_end(&b);
	t = (struct vl_ustar){ .in = vl_buf_bytes(&b) };
	tap_good(vl_ustar_next(&t, &entry, &end, "p", &e), &e, "a name of 100 bytes");
	tap_str(entry.name, name, "whole");
	tap_ok(libarchive_agrees(vl_buf_bytes(&b)), "libarchive agrees");
}

int main(void)
{
	struct scratch s = scratch_new();

	accepted(&s);
	edited();
	ends();
	every_bit();
	long_name();
	scratch_end(&s);
	return tap_done();
}
