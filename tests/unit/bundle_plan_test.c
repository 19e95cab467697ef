/* SPDX-License-Identifier: Apache-2.0 */
/* bundle/plan.c: which pieces go into which parcel. Sizes are written as blocks of 512 bytes; a parcel of these tests
 * has room for 18 blocks of entries, header blocks included. */
#include "bundle/bundle.h"

#include <stdlib.h>

#include "tests/lib/tap.h"

#define BLOBS 8
#define RAW_MAX (20 * 512) /* 18 blocks and the end mark */

/* want: per parcel, "blob:offset+blocks" of each piece, parcels divided by " | ". */
static const struct {
	const char *name;
	unsigned blocks[BLOBS]; /* content, 0 ends */
	const char *want;
} plans[] = {
	{ "one", { 1 }, "0:0+1" },
	{ "fills it exactly", { 17 }, "0:0+17" },
	{ "one block too many is cut", { 18 }, "0:0+17 | 0:17+1" },
	{ "two that fit exactly", { 8, 8 }, "0:0+8 1:0+8" },
	{ "the second does not fit: not cut", { 8, 9 }, "0:0+8 | 1:0+9" },
	{ "small ones are grouped", { 1, 1, 1, 1, 1 }, "0:0+1 1:0+1 2:0+1 3:0+1 4:0+1" },
	{ "a big one fills the rest of a parcel", { 5, 30 }, "0:0+5 1:0+11 | 1:11+17 | 1:28+2" },
	{ "what follows a big one goes behind it", { 20, 5, 9 }, "0:0+17 | 0:17+3 1:0+5 | 2:0+9" },
	{ "a rest too small to begin in", { 16, 20 }, "0:0+16 | 1:0+17 | 1:17+3" },
};

static void draw(const struct vl_plan *p, const struct vl_closure *c, char *out, size_t size)
{
	size_t len = 0;

	*out = '\0';
	for (size_t i = 0; i < p->n_parcels; i++)
		for (size_t k = 0; k < p->parcel[i].n; k++) {
			const struct vl_piece *piece = &p->piece[p->parcel[i].first + k];

			len += (size_t)snprintf(out + len, size - len, "%s%s%d:%d+%d", i && !k ? " | " : "",
						k ? " " : "", (int)(piece->blob - c->blob), (int)(piece->offset / 512),
						(int)((piece->len + 511) / 512));
		}
}

static void test_plans(void)
{
	for (size_t i = 0; i < VL_LEN(plans); i++) {
		struct vl_reached blob[BLOBS] = { { .size = 0 } };
		struct vl_closure c = { .blob = blob };
		VL_CLEAN(vl_plan) p = { .n_pieces = 0 };
		struct vl_err e = VL_ERR_INIT;
		char drawn[512];

		for (; c.n < BLOBS && plans[i].blocks[c.n]; c.n++)
			blob[c.n].size = plans[i].blocks[c.n] * 512;
		tap_good(vl_plan_make(&p, &c, RAW_MAX, &e), &e, "plan: %s", plans[i].name);
		draw(&p, &c, drawn, sizeof drawn);
		tap_str(drawn, plans[i].want, "plan: %s: pieces", plans[i].name);
	}
}

/* Whatever the sizes: every byte once, in order, no parcel too big, no blob cut that fits. */
static size_t count_faults(const struct vl_plan *p, const struct vl_closure *c, uint64_t raw_max)
{
	uint64_t *next = calloc(c->n, sizeof *next), raw;
	size_t faults = 0, last = 0;

	for (size_t i = 0; i < p->n_parcels; i++) {
		raw = VL_USTAR_END;
		for (size_t k = 0; k < p->parcel[i].n; k++) {
			const struct vl_piece *piece = &p->piece[p->parcel[i].first + k];
			size_t b = (size_t)(piece->blob - c->blob);

			faults += b < last || piece->offset != next[b] || (!piece->len && piece->blob->size);
			faults += piece->len < piece->blob->size &&
				  vl_ustar_entry_size(piece->blob->size) + VL_USTAR_END <= raw_max;
			next[b] += piece->len;
			last = b;
			raw += vl_ustar_entry_size(piece->len);
		}
		faults += raw != p->parcel[i].raw || raw > raw_max || !p->parcel[i].n;
	}
	for (size_t b = 0; b < c->n; b++)
		faults += next[b] != c->blob[b].size;
	free(next);
	return faults;
}

static void test_any_sizes(void)
{
	struct vl_reached blob[200] = { { .size = 0 } };
	struct vl_closure c = { .blob = blob, .n = VL_LEN(blob) };
	uint32_t seed = 1;

	for (unsigned round = 0; round < 20; round++) {
		VL_CLEAN(vl_plan) p = { .n_pieces = 0 };
		struct vl_err e = VL_ERR_INIT;
		uint64_t raw_max = 4096 + round * 1700;

		for (size_t i = 0; i < c.n; i++) {
			seed = seed * 1664525 + 1013904223;
			blob[i].size = (seed >> 8) % (i % 10 ? 700 : 60000);
		}
		tap_good(vl_plan_make(&p, &c, raw_max, &e), &e, "plan for %d bytes", (int)raw_max);
		tap_is(count_faults(&p, &c, raw_max), 0, "no fault in %zu parcels", p.n_parcels);
	}
}

static void test_limits(void)
{
	struct vl_reached blob = { .size = UINT64_C(3) << 40 };
	struct vl_closure c = { .blob = &blob, .n = 1 };
	VL_CLEAN(vl_plan) p = { .n_pieces = 0 };
	struct vl_err e = VL_ERR_INIT;

	tap_fails(vl_plan_make(&p, &c, VL_PARCEL_RAW_MAX, &e), &e, VL_E_LIMIT, "3 TiB need too many parcels");
	blob.size = 0;
	tap_good(vl_plan_make(&p, &c, VL_PARCEL_RAW_MAX, &e), &e, "an empty blob");
	tap_is(p.n_pieces, 1, "an empty blob is one entry");
	tap_fails(vl_plan_make(&p, &c, VL_PARCEL_RAW_MAX + 1, &e), &e, VL_E_INTERNAL, "no parcel above 64 MiB");
}

int main(void)
{
	test_plans();
	test_any_sizes();
	test_limits();
	return tap_done();
}
