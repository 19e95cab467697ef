/* SPDX-License-Identifier: Apache-2.0 */
/* tests/fuzz/parcel_fuzz.c: a parcel whose hash agrees but whose content is hostile: zstd frame, then ustar, then
 * names. The first byte
 * chooses: even, the rest is a tar; odd, the rest is a zstd frame that claims 4096 raw bytes. */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive/zstd.h"
#include "bundle/bundle.h"

#define RAW 4096

static void walk(struct vl_bytes tar)
{
	struct vl_err e = VL_ERR_INIT;
	struct vl_ustar t = { .in = tar };
	struct vl_segment seg;
	bool end = false;
	uint64_t sum = 0;

	while (!end && vl_parcel_next(&t, &seg, &end, "fuzz", &e)) {
		if (end)
			break;
		for (size_t i = 0; i < seg.data.len; i++)
			sum += seg.data.data[i]; /* touch it all: the sanitizer sees a run behind the end */
	}
	if (sum == UINT64_MAX)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t raw[RAW];
	struct vl_err e = VL_ERR_INIT;

	if (!size)
		return 0;
	if (data[0] % 2 == 0)
		walk(vl_bytes(data + 1, size - 1));
	else if (vl_zstd_unpack(vl_bytes(data + 1, size - 1), raw, RAW, "fuzz", &e))
		walk(vl_bytes(raw, RAW));
	return 0;
}

void fuzz_seeds(void (*add)(const void *data, size_t size))
{
	static const char name[] = "blobs/sha256/44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
	static uint8_t tar[1 + RAW];
	struct vl_err e = VL_ERR_INIT;
	VL_CLEAN(vl_buf) frame = VL_BUF_INIT(1 << 20);
	char piece[100];

	snprintf(piece, sizeof piece, "%s@0000000000000200", name);
	vl_ustar_header(tar + 1, name, 2);
	memcpy(tar + 1 + 512, "{}", 2);
	vl_ustar_header(tar + 1 + 1024, piece, 1024);
	add(tar, sizeof tar);
	if (!vl_buf_add(&frame, vl_bytes("\1", 1), &e) || !vl_zstd_pack(vl_bytes(tar + 1, RAW), 3, &frame, &e))
		abort();
	add(frame.data, frame.len);
}
