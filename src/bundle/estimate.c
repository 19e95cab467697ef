/* SPDX-License-Identifier: Apache-2.0 */
/* bundle/estimate.c: about how many bytes will a plan's parcels have?
 * In:    a plan.
 * Out:   an estimate from samples, rather too high than too low: a sample knows less of its surroundings than the
 *        compressor of a whole parcel does.
 * Keeps: at most 1024 samples are read, so that asking is quick whatever the size. */
#include "archive/zstd.h"
#include "base/file.h"
#include "bundle/bundle.h"

#include <unistd.h>

#define SAMPLE (256u << 10)
#define LEAST_STEP (UINT64_C(4) << 20)
#define SAMPLES_MAX 1024
#define SAMPLE_LEVEL 6

struct sampler {
	const struct vl_store *store;
	uint8_t *bytes;
	struct vl_buf packed;
	uint64_t in, out; /* of the samples */
};

static bool take_sample(struct sampler *s, const struct vl_piece *p, uint64_t offset, struct vl_err *e)
{
	VL_FD fd = -1;
	uint64_t left = p->len - offset;
	size_t len = left < SAMPLE ? (size_t)left : SAMPLE, got;

	if (!vl_store_open_blob(s->store, &p->blob->digest, p->blob->size, &fd, e))
		return false;
	if (lseek(fd, (off_t)(p->offset + offset), SEEK_SET) < 0)
		return vl_fail_os(e, "read a blob of the store");
	vl_buf_reset(&s->packed);
	if (!vl_read_full(fd, s->bytes, len, &got, e) ||
	    !vl_zstd_pack(vl_bytes(s->bytes, got), SAMPLE_LEVEL, &s->packed, e))
		return false;
	s->in += got;
	s->out += s->packed.len;
	return true;
}

static bool sample_all(struct sampler *s, const struct vl_plan *p, uint64_t step, struct vl_err *e)
{
	uint64_t at = 0, next = 0; /* positions in the row of all pieces */

	for (size_t i = 0; i < p->n_pieces; i++) {
		const struct vl_piece *piece = &p->piece[i];

		for (; next < at + piece->len; next += step)
			if (!take_sample(s, piece, next - at, e))
				return false;
		at += piece->len;
	}
	return true;
}

bool vl_plan_estimate(const struct vl_store *s, const struct vl_plan *p, uint64_t *bytes, struct vl_err *e)
{
	struct sampler sampler = { .store = s, .packed = VL_BUF_INIT(SAMPLE * 2) };
	VL_STR memory = vl_xcalloc(1, SAMPLE);
	uint64_t raw = 0, step;
	bool good;

	for (size_t i = 0; i < p->n_parcels; i++)
		raw += p->parcel[i].raw;
	step = raw / SAMPLES_MAX > LEAST_STEP ? raw / SAMPLES_MAX : LEAST_STEP;
	sampler.bytes = (uint8_t *)memory;
	good = sample_all(&sampler, p, step, e);
	vl_buf_clear(&sampler.packed);
	if (!good)
		return false;
	*bytes = sampler.in ? (uint64_t)((double)raw * ((double)sampler.out / (double)sampler.in)) : raw;
	return true;
}
