/* SPDX-License-Identifier: Apache-2.0 */
/* archive/rewrite_gzip.c: the same content in a gzip without compression.
 * In:    one gzip stream, from fd's offset to the end of its file; libarchive inflates it.
 * Out:   a gzip of stored blocks, written here: zlib versions differ in how they cut level 0, and the result must be
 *        the same bytes on every host.
 * Keeps: libarchive compares neither CRC nor length and passes over what lies behind the stream; both are checked. */
#include <unistd.h>

#include "archive/reader.h"
#include "archive/rewrite.h"
#include "archive/rewrite_crc.h"
#include "base/file.h"

#define STORED_MAX 65535
#define TRAILER 8

struct gzip_out {
	int fd;
	struct vl_crc crc;
	uint64_t raw;
	size_t n;                      /* content in the block */
	uint8_t block[5 + STORED_MAX]; /* header of a stored block, content */
};

static void put_le(uint8_t *out, unsigned bytes, uint32_t v)
{
	for (unsigned i = 0; i < bytes; i++)
		out[i] = (uint8_t)(v >> (8 * i));
}

static bool flush_block(struct gzip_out *g, bool last, struct vl_err *e)
{
	g->block[0] = last;
	put_le(g->block + 1, 2, (uint32_t)g->n);
	put_le(g->block + 3, 2, ~(uint32_t)g->n);
	if (!vl_write_all(g->fd, vl_bytes(g->block, 5 + g->n), e))
		return false;
	g->n = 0;
	return true;
}

static bool begin(struct gzip_out *g, struct vl_err *e)
{
	/* magic, deflate, no flags, no time, no extra flags, system unknown */
	static const uint8_t header[10] = { 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255 };

	return vl_write_all(g->fd, vl_bytes(header, sizeof header), e);
}

static bool add(struct gzip_out *g, struct vl_bytes b, struct vl_err *e)
{
	vl_crc_add(&g->crc, b);
	g->raw += b.len;
	while (b.len) {
		size_t step = STORED_MAX - g->n < b.len ? STORED_MAX - g->n : b.len;

		memcpy(g->block + 5 + g->n, b.data, step);
		g->n += step;
		b = vl_bytes(b.data + step, b.len - step);
		if (g->n == STORED_MAX && !flush_block(g, false, e))
			return false;
	}
	return true;
}

static bool finish(struct gzip_out *g, struct vl_err *e)
{
	uint8_t trailer[TRAILER];

	put_le(trailer, 4, vl_crc_end(&g->crc));
	put_le(trailer + 4, 4, (uint32_t)g->raw);
	return flush_block(g, true, e) && vl_write_all(g->fd, vl_bytes(trailer, sizeof trailer), e);
}

/* The stream must fill the file, and its last eight bytes must be the CRC and the length of what came out. */
static bool check_trailer(struct vl_reader *r, const struct gzip_out *g, struct vl_err *e)
{
	uint8_t want[TRAILER], found[TRAILER];
	int64_t used = archive_filter_bytes(r->a, -1);

	if (used < TRAILER || (uint64_t)used > r->size)
		return vl_fail(e, VL_E_CONTENT, "the gzip stream is cut short");
	if ((uint64_t)used != r->size)
		return vl_fail(e, VL_E_CONTENT, "something lies behind the gzip stream, at byte %lld", (long long)used);
	if (pread(r->fd, found, TRAILER, (off_t)(r->base + r->size - TRAILER)) != TRAILER)
		return vl_fail_os(e, "read the end of the gzip stream");
	put_le(want, 4, vl_crc_end(&g->crc));
	put_le(want + 4, 4, (uint32_t)g->raw);
	if (memcmp(want, found, TRAILER))
		return vl_fail(e, VL_E_CONTENT, "the gzip stream's checksum or length is wrong");
	return true;
}

static bool open_gzip(struct vl_reader *r, struct vl_err *e)
{
	struct archive_entry *entry;

	archive_read_support_filter_gzip(r->a);
	archive_read_support_format_raw(r->a);
	if (!vl_reader_start(r, e))
		return false;
	if (archive_read_next_header(r->a, &entry) != ARCHIVE_OK)
		return vl_reader_fail(r, "gzip stream", e);
	/* The raw format takes anything: without the filter this would copy a file that is no gzip at all. */
	if (archive_filter_code(r->a, 0) != ARCHIVE_FILTER_GZIP)
		return vl_fail(e, VL_E_CONTENT, "it is not a gzip stream");
	return true;
}

static bool copy(struct vl_reader *r, struct gzip_out *g, uint64_t max, struct vl_err *e)
{
	const void *data;
	la_int64_t offset;
	size_t len;
	int rc;

	while ((rc = archive_read_data_block(r->a, &data, &len, &offset)) == ARCHIVE_OK) {
		if (len > max - g->raw)
			return vl_fail(e, VL_E_LIMIT, "the gzip stream holds more than %llu bytes",
				       (unsigned long long)max);
		if (!add(g, vl_bytes(data, len), e))
			return false;
	}
	return rc == ARCHIVE_EOF || vl_reader_fail(r, "gzip stream", e);
}

bool vl_gzip_store(int fd, int out, uint64_t max, struct vl_err *e)
{
	VL_STR memory = vl_xcalloc(1, sizeof(struct gzip_out));
	struct gzip_out *g = (void *)memory;
	VL_AUTO(vl_reader) r = NULL;

	g->fd = out;
	vl_crc_init(&g->crc);
	return vl_reader_new(&r, fd, e) && open_gzip(r, e) && begin(g, e) && copy(r, g, max, e) &&
	       check_trailer(r, g, e) && finish(g, e);
}
