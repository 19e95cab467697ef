/* SPDX-License-Identifier: Apache-2.0 */
/* archive/rewrite_zipfile.c: a zip of stored members, with zip64 records only where numbers need them. */
#include "archive/rewrite_zipfile.h"

#include "base/file.h"

#define DATE_1980_01_01 0x0021
#define VERSION_STORED 10
#define VERSION_ZIP64 45
#define MADE_BY_UNIX (3 << 8 | VERSION_ZIP64)
#define MODE_0644 UINT32_C(0100644)
#define FULL16 UINT16_MAX
#define FULL32 UINT32_MAX

struct record { /* little-endian fields, one behind the other */
	uint8_t b[64];
	size_t n;
};

static void put(struct record *r, unsigned bytes, uint64_t v)
{
	for (unsigned i = 0; i < bytes; i++)
		r->b[r->n++] = (uint8_t)(v >> (8 * i));
}

void vl_zipfile_clear(struct vl_zipfile *z)
{
	vl_buf_clear(&z->directory);
	vl_buf_clear(&z->pending);
}

bool vl_zipfile_flush(struct vl_zipfile *z, struct vl_err *e)
{
	bool good = vl_write_all(z->fd, vl_buf_bytes(&z->pending), e);

	vl_buf_reset(&z->pending);
	return good;
}

bool vl_zipfile_add(struct vl_zipfile *z, struct vl_bytes b, struct vl_err *e)
{
	z->at += b.len;
	if (b.len > z->pending.max - z->pending.len && !vl_zipfile_flush(z, e))
		return false;
	if (b.len > z->pending.max)
		return vl_write_all(z->fd, b, e);
	return vl_buf_add(&z->pending, b, e);
}

/* The fields that local and central headers share, from "version needed" to "length of the name". */
static void put_common(struct record *r, const char *name, uint32_t crc, uint32_t size, bool zip64)
{
	put(r, 2, zip64 ? VERSION_ZIP64 : VERSION_STORED);
	put(r, 2, 0); /* flags */
	put(r, 2, 0); /* stored */
	put(r, 2, 0); /* time */
	put(r, 2, DATE_1980_01_01);
	put(r, 4, crc);
	put(r, 4, size);
	put(r, 4, size);
	put(r, 2, strlen(name));
}

static bool add_to_directory(struct vl_zipfile *z, const char *name, uint32_t crc, uint32_t size, struct vl_err *e)
{
	bool zip64 = z->at >= FULL32;
	struct record r = { .n = 0 }, extra = { .n = 0 };

	if (zip64) {
		put(&extra, 2, 1);
		put(&extra, 2, 8);
		put(&extra, 8, z->at);
	}
	put(&r, 4, 0x02014b50);
	put(&r, 2, MADE_BY_UNIX);
	put_common(&r, name, crc, size, zip64);
	put(&r, 2, extra.n);
	put(&r, 2, 0); /* comment */
	put(&r, 2, 0); /* disk */
	put(&r, 2, 0); /* internal attributes */
	put(&r, 4, MODE_0644 << 16);
	put(&r, 4, zip64 ? FULL32 : z->at);
	return vl_buf_add(&z->directory, vl_bytes(r.b, r.n), e) &&
	       vl_buf_add(&z->directory, vl_bytes_str(name), e) &&
	       vl_buf_add(&z->directory, vl_bytes(extra.b, extra.n), e);
}

bool vl_zipfile_member(struct vl_zipfile *z, const char *name, uint32_t crc, uint32_t size, struct vl_err *e)
{
	struct record r = { .n = 0 };

	if (!add_to_directory(z, name, crc, size, e))
		return false;
	z->members++;
	put(&r, 4, 0x04034b50);
	put_common(&r, name, crc, size, false);
	put(&r, 2, 0); /* extra */
	return vl_zipfile_add(z, vl_bytes(r.b, r.n), e) && vl_zipfile_add(z, vl_bytes_str(name), e);
}

static bool write_zip64_end(struct vl_zipfile *z, uint64_t start, struct vl_err *e)
{
	struct record r = { .n = 0 };
	uint64_t here = z->at;

	put(&r, 4, 0x06064b50);
	put(&r, 8, 44); /* bytes that follow */
	put(&r, 2, MADE_BY_UNIX);
	put(&r, 2, VERSION_ZIP64);
	put(&r, 8, 0); /* disks */
	put(&r, 8, z->members);
	put(&r, 8, z->members);
	put(&r, 8, z->directory.len);
	put(&r, 8, start);
	if (!vl_zipfile_add(z, vl_bytes(r.b, r.n), e))
		return false;
	r.n = 0;
	put(&r, 4, 0x07064b50);
	put(&r, 4, 0);
	put(&r, 8, here);
	put(&r, 4, 1);
	return vl_zipfile_add(z, vl_bytes(r.b, r.n), e);
}

bool vl_zipfile_end(struct vl_zipfile *z, struct vl_err *e)
{
	struct record r = { .n = 0 };
	uint64_t start = z->at, members = z->members, len = z->directory.len;
	bool zip64 = members >= FULL16 || start >= FULL32 || len >= FULL32;

	if (!vl_zipfile_add(z, vl_buf_bytes(&z->directory), e) || (zip64 && !write_zip64_end(z, start, e)))
		return false;
	put(&r, 4, 0x06054b50);
	put(&r, 4, 0); /* disks */
	put(&r, 2, members < FULL16 ? members : FULL16);
	put(&r, 2, members < FULL16 ? members : FULL16);
	put(&r, 4, len < FULL32 ? len : FULL32);
	put(&r, 4, start < FULL32 ? start : FULL32);
	put(&r, 2, 0); /* comment */
	return vl_zipfile_add(z, vl_bytes(r.b, r.n), e) && vl_zipfile_flush(z, e);
}
