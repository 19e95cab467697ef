/* SPDX-License-Identifier: Apache-2.0 */
/* verify/tiling.c: which segment may follow which, and which blobs were complete. No bytes are touched here. */
#include "verify/tiling_priv.h"

#include <inttypes.h>
#include <stdlib.h>

void vl_blobset_clear(struct vl_blobset *s)
{
	vl_digests_clear(&s->index);
	free(s->row);
	*s = (struct vl_blobset){ .row = NULL };
}

struct vl_blobrow *vl_blobset_find(const struct vl_blobset *s, const struct vl_digest *d)
{
	uint32_t number = vl_digests_find(&s->index, d);

	return number == VL_DIGESTS_NONE ? NULL : &s->row[number];
}

bool vl_blobset_add(struct vl_blobset *s, const struct vl_digest *d, struct vl_blobrow **row, struct vl_err *e)
{
	uint32_t number;

	*row = vl_blobset_find(s, d);
	if (*row)
		return true;
	if (s->n >= VL_BLOBS_MAX)
		return vl_fail(e, VL_E_LIMIT, "more than %u blobs", VL_BLOBS_MAX);
	vl_digests_add(&s->index, d, &number);
	vl_grow(&s->row, s->n, &s->cap, sizeof *s->row);
	s->row[s->n] = (struct vl_blobrow){ .size = 0 };
	*row = &s->row[s->n++];
	return true;
}

void vl_tiling_clear(struct vl_tiling *t)
{
	vl_blobset_clear(&t->done);
	t->open = false;
}

bool vl_tiling_continues(const struct vl_tiling *t, const struct vl_segment *seg)
{
	return !t->open || (!seg->whole && vl_digest_equal(&t->blob, &seg->blob));
}

static bool refuse(const struct vl_segment *seg, struct vl_err *e, const char *why)
{
	char hex[VL_DIGEST_HEX];

	return vl_fail(e, VL_E_PARCEL, "blob %.16s..: %s", vl_digest_hex(&seg->blob, hex), why);
}

bool vl_tiling_take(struct vl_tiling *t, const struct vl_segment *seg, bool *begins, struct vl_err *e)
{
	uint64_t next = t->open ? t->next : 0;
	char hex[VL_DIGEST_HEX];

	if (!t->open && vl_blobset_find(&t->done, &seg->blob))
		return refuse(seg, e, "comes a second time");
	if (!seg->whole && seg->data.len == 0)
		return refuse(seg, e, "has an empty piece");
	if (seg->offset != next)
		return vl_fail(e, VL_E_PARCEL, "blob %.16s..: a piece begins at byte %" PRIu64 ", but byte %" PRIu64
			       " is next: %s", vl_digest_hex(&seg->blob, hex), seg->offset, next,
			       seg->offset > next ? "a gap" : "an overlap");
	if (seg->data.len > VL_BLOB_MAX - next)
		return vl_fail(e, VL_E_LIMIT, "blob %.16s..: longer than 1 TiB", vl_digest_hex(&seg->blob, hex));
	*begins = !t->open;
	t->open = true;
	t->blob = seg->blob;
	t->next = next + seg->data.len;
	return true;
}

bool vl_tiling_close(struct vl_tiling *t, struct vl_err *e)
{
	struct vl_blobrow *row;

	if (!vl_blobset_add(&t->done, &t->blob, &row, e))
		return false;
	row->size = t->next;
	t->open = false;
	return true;
}
