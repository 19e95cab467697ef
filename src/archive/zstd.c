/* SPDX-License-Identifier: Apache-2.0 */
/* archive/zstd.c: parcels in and out of zstd.
 * In:    bytes to pack; or a stored parcel whose hash was checked, and the raw size the waybill promises.
 * Out:   one frame; or exactly the promised bytes.
 * Keeps: what the frame's header may say is decided here, before libzstd sees it; output never passes the promise. */
#include "archive/zstd.h"

#include <zstd.h>

#define FRAME_MAGIC UINT32_C(0xFD2FB528)
#define HEADER_MIN 5 /* magic and descriptor */
#define WINDOW_LOG_MIN 10
#define LDM_FROM (8u << 20) /* below this the match finder of every level reaches back far enough */
#define SAMPLES 16
#define SAMPLE_SIZE (64u << 10)
#define WORTH_PERCENT 98

static void zstd_cctx_freep(ZSTD_CCtx **c)
{
	ZSTD_freeCCtx(*c);
}

static void zstd_dctx_freep(ZSTD_DCtx **d)
{
	ZSTD_freeDCtx(*d);
}
#define AUTO_CCTX __attribute__((cleanup(zstd_cctx_freep))) ZSTD_CCtx *
#define AUTO_DCTX __attribute__((cleanup(zstd_dctx_freep))) ZSTD_DCtx *

/* The smallest window from which the whole input can be reached. */
static int window_log(size_t len)
{
	int bits = WINDOW_LOG_MIN;

	while (bits < VL_ZSTD_WINDOW_LOG_MAX && ((size_t)1 << bits) < len)
		bits++;
	return bits;
}

static bool set(ZSTD_CCtx *c, ZSTD_cParameter p, int value)
{
	return !ZSTD_isError(ZSTD_CCtx_setParameter(c, p, value));
}

/* Long-distance matching, measured on vulnerability databases in parcels of 64 MiB: 7 % smaller at level 3, 2 % at 6,
 * 1 % at 19; but 2 % larger at 9 and 12, whose own tables reach far enough and find better matches. */
static bool wants_ldm(size_t len, int level)
{
	return len > LDM_FROM && ((level >= 3 && level < 9) || level > 15);
}

static bool set_up(ZSTD_CCtx *c, size_t len, int level)
{
	return set(c, ZSTD_c_compressionLevel, level) && set(c, ZSTD_c_contentSizeFlag, 1) &&
	       set(c, ZSTD_c_checksumFlag, 1) && set(c, ZSTD_c_windowLog, window_log(len)) &&
	       (!wants_ldm(len, level) || set(c, ZSTD_c_enableLongDistanceMatching, 1));
}

bool vl_zstd_pack(struct vl_bytes in, int level, struct vl_buf *out, struct vl_err *e)
{
	AUTO_CCTX c = ZSTD_createCCtx();
	size_t bound = ZSTD_compressBound(in.len), got;
	uint8_t *at;

	if (!c)
		return vl_fail(e, VL_E_MEMORY, "no memory to compress");
	if (!set_up(c, in.len, level))
		return vl_fail(e, VL_E_INTERNAL, "zstd refuses compression level %d", level);
	if (!vl_buf_room(out, bound, &at, e))
		return false;
	got = ZSTD_compress2(c, at, bound, in.data, in.len);
	if (ZSTD_isError(got))
		return vl_fail(e, VL_E_MEMORY, "compress %zu bytes at level %d: %s", in.len, level,
			       ZSTD_getErrorName(got));
	out->len += got;
	out->data[out->len] = 0;
	return true;
}

bool vl_zstd_is_worth(struct vl_bytes in)
{
	uint8_t packed[ZSTD_COMPRESSBOUND(SAMPLE_SIZE)];
	AUTO_CCTX c = ZSTD_createCCtx();
	size_t step = in.len / SAMPLES, raw = 0, stored = 0;

	if (step < SAMPLE_SIZE)
		step = SAMPLE_SIZE;
	for (size_t at = 0; c && at < in.len; at += step) {
		size_t len = in.len - at < SAMPLE_SIZE ? in.len - at : SAMPLE_SIZE;
		size_t got = ZSTD_compressCCtx(c, packed, sizeof packed, in.data + at, len, 1);

		raw += len;
		stored += ZSTD_isError(got) ? len : got;
	}
	return (uint64_t)stored * 100 < (uint64_t)raw * WORTH_PERCENT;
}

/* ---- reading ---- */

struct frame_header {
	uint64_t window, content;
	bool has_content, has_checksum, has_dictionary, has_reserved;
};

static uint64_t take_le(struct vl_bytes *b, unsigned bytes)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < bytes; i++)
		v |= (uint64_t)b->data[i] << (8 * i);
	*b = vl_bytes(b->data + bytes, b->len - bytes);
	return v;
}

/* RFC 8878, 3.1.1.1: descriptor, window (unless one segment), dictionary id, content size. False: cut short. */
static bool read_header(struct vl_bytes rest, struct frame_header *h)
{
	static const unsigned dictionary_len[] = { 0, 1, 2, 4 }, content_len[] = { 0, 2, 4, 8 };
	uint8_t descriptor = (uint8_t)take_le(&rest, 1), w;
	bool single = descriptor & 0x20;
	unsigned dictionary = dictionary_len[descriptor & 3], content = content_len[descriptor >> 6];

	if (single && !content)
		content = 1;
	if (rest.len < !single + dictionary + content)
		return false;
	h->has_reserved = descriptor & 0x18;
	h->has_checksum = descriptor & 0x04;
	h->has_dictionary = dictionary;
	h->has_content = content;
	if (!single) {
		w = (uint8_t)take_le(&rest, 1);
		h->window = UINT64_C(1) << (10 + (w >> 3));
		h->window += h->window / 8 * (w & 7);
	}
	take_le(&rest, dictionary);
	h->content = take_le(&rest, content) + (content == 2 ? 256 : 0);
	if (single)
		h->window = h->content;
	return true;
}

static bool header_is_allowed(struct vl_bytes in, uint64_t raw, const char *what, struct vl_err *e)
{
	struct frame_header h = { 0 };
	struct vl_bytes rest = in;

	if (in.len < HEADER_MIN || take_le(&rest, 4) != FRAME_MAGIC)
		return vl_fail(e, VL_E_PARCEL, "%s does not begin with a zstd frame", what);
	if (!read_header(rest, &h))
		return vl_fail(e, VL_E_PARCEL, "%s: the zstd frame is cut short in its header", what);
	if (h.window > UINT64_C(1) << VL_ZSTD_WINDOW_LOG_MAX)
		return vl_fail(e, VL_E_LIMIT, "%s: the zstd frame asks for a window of %llu bytes, %llu are allowed",
			       what, (unsigned long long)h.window, 1ull << VL_ZSTD_WINDOW_LOG_MAX);
	if (h.has_reserved)
		return vl_fail(e, VL_E_PARCEL, "%s: the zstd frame sets reserved bits", what);
	if (h.has_dictionary)
		return vl_fail(e, VL_E_PARCEL, "%s: the zstd frame names a dictionary", what);
	if (!h.has_checksum)
		return vl_fail(e, VL_E_PARCEL, "%s: the zstd frame has no checksum", what);
	if (!h.has_content)
		return vl_fail(e, VL_E_PARCEL, "%s: the zstd frame does not say its content's size", what);
	if (h.content != raw)
		return vl_fail(e, VL_E_PARCEL, "%s: the zstd frame holds %llu bytes, the waybill says %llu", what,
			       (unsigned long long)h.content, (unsigned long long)raw);
	return true;
}

static bool is_one_frame(struct vl_bytes in, const char *what, struct vl_err *e)
{
	size_t len = ZSTD_findFrameCompressedSize(in.data, in.len);

	if (ZSTD_isError(len))
		return vl_fail(e, VL_E_PARCEL, "%s: the zstd frame is damaged or cut short (%s)", what,
			       ZSTD_getErrorName(len));
	if (len != in.len)
		return vl_fail(e, VL_E_PARCEL, "%s: %zu bytes lie behind the zstd frame", what, in.len - len);
	return true;
}

bool vl_zstd_unpack(struct vl_bytes in, uint8_t *out, uint64_t raw, const char *what, struct vl_err *e)
{
	AUTO_DCTX d = NULL;
	size_t got;

	if (!header_is_allowed(in, raw, what, e) || !is_one_frame(in, what, e))
		return false;
	d = ZSTD_createDCtx();
	if (!d || ZSTD_isError(ZSTD_DCtx_setParameter(d, ZSTD_d_windowLogMax, VL_ZSTD_WINDOW_LOG_MAX)))
		return vl_fail(e, VL_E_MEMORY, "no memory to decompress");
	got = ZSTD_decompressDCtx(d, out, (size_t)raw, in.data, in.len);
	if (ZSTD_isError(got))
		return vl_fail(e, VL_E_PARCEL, "%s: zstd cannot decompress it (%s)", what, ZSTD_getErrorName(got));
	if (got != raw)
		return vl_fail(e, VL_E_PARCEL, "%s: the zstd frame gave %zu bytes, the waybill says %llu", what, got,
			       (unsigned long long)raw);
	return true;
}
