/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/archive_zstd_test.c: one frame and nothing else; greedy headers are refused before libzstd. */
#include <stdlib.h>
#include <sys/resource.h>
#include <zstd.h>

#include "archive/zstd.h"
#include "tests/lib/tap.h"

#define BIG (24u << 20)

static void fill_text(uint8_t *out, size_t len)
{
	uint32_t x = 1;

	for (size_t i = 0; i < len; i++) {
		x = x * 1664525 + 1013904223;
		out[i] = (uint8_t)("etaoin shrdlu\n"[(x >> 24) % 14]);
	}
}

static void fill_noise(uint8_t *out, size_t len)
{
	uint64_t x = 88172645463325252u;

	for (size_t i = 0; i < len; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		out[i] = (uint8_t)(x >> 32);
	}
}

static void round_trips(void)
{
	static const size_t sizes[] = { 0, 1, 100, 255, 256, 257, 65791, 65792, 1 << 20, BIG };
	static const int levels[] = { 1, 3, 12, 19 };
	VL_STR raw = malloc(BIG);
	VL_STR back = malloc(BIG);
	struct vl_err e = VL_ERR_INIT;

	fill_text((uint8_t *)raw, BIG);
	for (size_t i = 0; i < VL_LEN(sizes); i++)
		for (size_t k = 0; k < (sizes[i] == BIG ? 2 : VL_LEN(levels)); k++) {
			VL_CLEAN(vl_buf) a = VL_BUF_INIT(BIG * 2), b = VL_BUF_INIT(BIG * 2);
			struct vl_bytes in = vl_bytes(raw, sizes[i]);

			tap_good(vl_zstd_pack(in, levels[k], &a, &e) && vl_zstd_pack(in, levels[k], &b, &e), &e,
				 "%zu bytes at level %d", sizes[i], levels[k]);
			tap_ok(a.len == b.len && !memcmp(a.data, b.data, a.len), "the same bytes again");
			memset(back, 0, sizes[i]);
			tap_good(vl_zstd_unpack(vl_buf_bytes(&a), (uint8_t *)back, sizes[i], "p", &e), &e, "unpack");
			tap_ok(!memcmp(raw, back, sizes[i]), "what went in");
		}
}

struct edit {
	const char *name;
	uint8_t header[18]; /* what stands in the place of the frame's first bytes */
	size_t header_len, drop; /* drop: bytes of the frame that it replaces */
	enum vl_code code;
};
/* The frame of 1000 bytes of text: magic, descriptor 0x64 (one segment, checksum, two bytes of size), 1000 - 256. */
#define MAGIC 0x28, 0xb5, 0x2f, 0xfd
static const struct edit edits[] = {
	{ "as it is", { MAGIC, 0x64, 0xe8, 0x02 }, 7, 7, VL_OK },
	{ "window of 2^41 (T40)", { MAGIC, 0x44, 31 << 3, 0xe8, 0x02 }, 8, 7, VL_E_LIMIT },
	{ "window of 2^27", { MAGIC, 0x44, 17 << 3, 0xe8, 0x02 }, 8, 7, VL_E_LIMIT },
	{ "window of 2^26 + 1/8", { MAGIC, 0x44, 16 << 3 | 1, 0xe8, 0x02 }, 8, 7, VL_E_LIMIT },
	{ "window of 2^26", { MAGIC, 0x44, 16 << 3, 0xe8, 0x02 }, 8, 7, VL_OK },
	{ "segment of 2^40", { MAGIC, 0xe4, 0, 0, 0, 0, 0, 1, 0, 0 }, 13, 7, VL_E_LIMIT },
	{ "no content size", { MAGIC, 0x04, 1 << 3 }, 6, 7, VL_E_PARCEL },
	{ "content size 999", { MAGIC, 0x64, 0xe7, 0x02 }, 7, 7, VL_E_PARCEL },
	{ "content size 1001", { MAGIC, 0x64, 0xe9, 0x02 }, 7, 7, VL_E_PARCEL },
	{ "content size in four bytes", { MAGIC, 0xa4, 0xe8, 0x03, 0, 0 }, 9, 7, VL_OK },
	{ "content size in eight bytes", { MAGIC, 0xe4, 0xe8, 0x03, 0, 0, 0, 0, 0, 0 }, 13, 7, VL_OK },
	{ "dictionary id of one byte", { MAGIC, 0x65, 0x07, 0xe8, 0x02 }, 8, 7, VL_E_PARCEL },
	{ "dictionary id of four zeros", { MAGIC, 0x67, 0, 0, 0, 0, 0xe8, 0x02 }, 11, 7, VL_E_PARCEL },
	{ "no checksum flag", { MAGIC, 0x60, 0xe8, 0x02 }, 7, 7, VL_E_PARCEL },
	{ "reserved bit", { MAGIC, 0x6c, 0xe8, 0x02 }, 7, 7, VL_E_PARCEL },
	{ "unused bit", { MAGIC, 0x74, 0xe8, 0x02 }, 7, 7, VL_E_PARCEL },
	{ "skippable frame in front", { 0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0 }, 8, 0, VL_E_PARCEL },
	{ "another magic", { 0x1f, 0x8b, 8, 0 }, 4, 4, VL_E_PARCEL },
	{ "a byte in front", { 0 }, 1, 0, VL_E_PARCEL },
};

static void headers(void)
{
	uint8_t raw[1000], back[1100];
	VL_CLEAN(vl_buf) frame = VL_BUF_INIT(65536);
	struct vl_err e = VL_ERR_INIT;

	fill_text(raw, sizeof raw);
	tap_good(vl_zstd_pack(vl_bytes(raw, sizeof raw), 3, &frame, &e), &e, "a small frame");
	for (size_t i = 0; i < VL_LEN(edits); i++) {
		VL_CLEAN(vl_buf) b = VL_BUF_INIT(65536);
		bool made = vl_buf_add(&b, vl_bytes(edits[i].header, edits[i].header_len), &e) &&
			    vl_buf_add(&b, vl_bytes(frame.data + edits[i].drop, frame.len - edits[i].drop), &e);

		if (made && edits[i].code == VL_OK)
			tap_good(vl_zstd_unpack(vl_buf_bytes(&b), back, sizeof raw, "000001", &e), &e, "%s",
				 edits[i].name);
		else if (made)
			tap_fails(vl_zstd_unpack(vl_buf_bytes(&b), back, sizeof raw, "000001", &e), &e, edits[i].code,
				  "%s", edits[i].name);
	}
}

/* T42, T43: whatever lies behind, and every shortened frame; and no flipped bit gives wrong bytes. */
static void bodies(void)
{
	uint8_t raw[1000], back[1000];
	VL_CLEAN(vl_buf) frame = VL_BUF_INIT(65536), two = VL_BUF_INIT(65536);
	struct vl_err e = VL_ERR_INIT;
	size_t accepted = 0, wrong = 0, len;

	fill_text(raw, sizeof raw);
	if (!vl_zstd_pack(vl_bytes(raw, sizeof raw), 3, &frame, &e) || !vl_buf_add(&two, vl_buf_bytes(&frame), &e))
		return;
	len = frame.len;
	for (size_t n = 0; n < len; n++)
		accepted += vl_zstd_unpack(vl_bytes(frame.data, n), back, sizeof raw, "p", &e);
	tap_is(accepted, 0, "no shortened frame is accepted");
	for (size_t bit = 0; bit < len * 8; bit++) {
		frame.data[bit / 8] = (uint8_t)(frame.data[bit / 8] ^ 1 << bit % 8);
		wrong += vl_zstd_unpack(vl_buf_bytes(&frame), back, sizeof raw, "p", &e) &&
			 memcmp(raw, back, sizeof raw);
		frame.data[bit / 8] = (uint8_t)(frame.data[bit / 8] ^ 1 << bit % 8);
	}
	tap_is(wrong, 0, "no flipped bit gives other content");
	tap_ok(vl_buf_add(&two, vl_buf_bytes(&frame), &e), "two frames");
	tap_fails(vl_zstd_unpack(vl_buf_bytes(&two), back, sizeof raw, "p", &e), &e, VL_E_PARCEL, "are refused");
	two.len = len + 1;
	tap_fails(vl_zstd_unpack(vl_buf_bytes(&two), back, sizeof raw, "p", &e), &e, VL_E_PARCEL, "one byte behind");
	two.len = len;
	tap_ok(vl_buf_add(&two, vl_bytes("\x50\x2a\x4d\x18\0\0\0\0", 8), &e), "a skippable frame behind");
	tap_fails(vl_zstd_unpack(vl_buf_bytes(&two), back, sizeof raw, "p", &e), &e, VL_E_PARCEL, "is refused");
}

/* T41: a frame that inflates without end says so in its header, or it has no size and is refused for that. */
static void bomb(void)
{
	static const uint8_t header[] = { MAGIC, 0x64, 0xe8, 0x02 };
	uint8_t back[1000];
	VL_CLEAN(vl_buf) b = VL_BUF_INIT(65536);
	struct vl_err e = VL_ERR_INIT;
	bool made = vl_buf_add(&b, vl_bytes(header, sizeof header), &e);

	/* 1000 blocks of 128 KiB of the same byte, against the 1000 bytes that the header promises. */
	for (unsigned i = 0; i < 1000; i++) {
		uint32_t block = (uint32_t)131072 << 3 | 1 << 1 | (i == 999);
		uint8_t rle[4] = { (uint8_t)block, (uint8_t)(block >> 8), (uint8_t)(block >> 16), 'x' };

		made = made && vl_buf_add(&b, vl_bytes(rle, sizeof rle), &e);
	}
	tap_ok(made && vl_buf_add(&b, vl_bytes("\0\0\0\0", 4), &e), "a frame of 4 kB that holds 128 MiB");
	tap_fails(vl_zstd_unpack(vl_buf_bytes(&b), back, sizeof back, "p", &e), &e, VL_E_PARCEL, "is stopped");
}

static void worth(void)
{
	VL_STR data = malloc(BIG);
	uint8_t *b = (uint8_t *)data;

	fill_noise(b, BIG);
	tap_ok(!vl_zstd_is_worth(vl_bytes(b, BIG)), "noise is not worth it");
	tap_ok(!vl_zstd_is_worth(vl_bytes(b, 1000)), "a little noise neither");
	tap_ok(!vl_zstd_is_worth(vl_bytes(b, 0)), "nothing neither");
	fill_text(b, BIG / 4);
	tap_ok(vl_zstd_is_worth(vl_bytes(b, BIG)), "a quarter of text is");
	tap_ok(vl_zstd_is_worth(vl_bytes(b, 1000)), "a little text is");
}

/* The limit of an output buffer holds for packing, too. */
static void small_output(void)
{
	uint8_t noise[5000];
	VL_CLEAN(vl_buf) out = VL_BUF_INIT(1000);
	struct vl_err e = VL_ERR_INIT;

	fill_noise(noise, sizeof noise);
	tap_fails(vl_zstd_pack(vl_bytes(noise, sizeof noise), 3, &out, &e), &e, VL_E_LIMIT, "no room for the frame");
	tap_is(out.len, 0, "and nothing was added");
}

int main(void)
{
	round_trips();
	headers();
	bodies();
	bomb();
	worth();
	small_output();
	return tap_done();
}
