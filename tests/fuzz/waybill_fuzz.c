/* SPDX-License-Identifier: Apache-2.0 */
/* tests/fuzz/waybill_fuzz.c: the waybill's parser, as if a trusted key had signed anything. What it accepts it must
 * write again and
 * accept again. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "bundle/bundle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vl_err e = VL_ERR_INIT;
	struct vl_signed s, t;
	VL_AUTO(vl_waybill) w = NULL;
	VL_AUTO(vl_waybill) again = NULL;
	VL_CLEAN(vl_buf) out = VL_BUF_INIT(VL_WAYBILL_MAX);

	vl_signed_unverified(&s, vl_bytes(data, size));
	if (!vl_waybill_parse(&w, &s, &e))
		return 0;
	if (!vl_waybill_format(w, &out, &e))
		abort();
	vl_signed_unverified(&t, vl_buf_bytes(&out));
	if (!vl_waybill_parse(&again, &t, &e))
		abort();
	return 0;
}

void fuzz_seeds(void (*add)(const void *data, size_t size))
{
	static const char seed[] =
		"{\"format\":\"valise-bundle-1\",\"channel\":\"prod\",\"epoch\":1,\"sequence\":42,"
		"\"created\":\"2026-11-21T08:00:00Z\","
		"\"expires\":\"2026-12-05T08:00:00Z\",\"base\":null,\"root\":{\"digest\":\"sha256:"
		"44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\",\"size\":2},"
		"\"totals\":{\"items\":1,\"blobs\":3,"
		"\"bytes\":100},\"parcels\":[{\"kind\":\"tar.zst\",\"size\":10,\"sha256\":"
		"\"44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\",\"raw\":2048}],"
		"\"tool\":\"valise 0.1.0\"}\n";

	add(seed, sizeof seed - 1);
}
