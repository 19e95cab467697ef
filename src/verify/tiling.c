/* SPDX-License-Identifier: Apache-2.0 */
/* verify/tiling.c: which segment may follow which, and which blobs were complete. No bytes are touched here. */
#include "verify/tiling_priv.h"

#include <inttypes.h>
#include <stdlib.h>

void vl_blobset_clear(struct vl_blobset *s)
{
	free(s->row);
	*s = (struct vl_blobset){ .row = NULL };
}

/* A document may name a million digests that begin alike, whose bytes never come: a hash without a key would look at
 * each row for each of them. This one (multilinear, upper half) is universal: nobody can choose collisions. */
static size_t hash_of(const struct vl_blobset *s, const struct vl_digest *d)
{
	uint64_t h = 0;
	uint32_t word;

	for (size_t i = 0; i < VL_LEN(s->key); i++) {
		memcpy(&word, d->b + i * sizeof word, sizeof word);
		h += s->key[i] * word;
	}
	return (size_t)(h >> 32);
}

/* The slot of d, or the free one where it would go. cap is a power of two and never full. */
static struct vl_blobrow *slot_of(const struct vl_blobset *s, const struct vl_digest *d)
{
	for (size_t i = hash_of(s, d) & (s->cap - 1);; i = (i + 1) & (s->cap - 1))
		if (!s->row[i].used || vl_digest_equal(&s->row[i].digest, d))
			return &s->row[i];
}

struct vl_blobrow *vl_blobset_find(const struct vl_blobset *s, const struct vl_digest *d)
{
	struct vl_blobrow *row = s->cap ? slot_of(s, d) : NULL;

	return row && row->used ? row : NULL;
}

static bool grow(struct vl_blobset *s, struct vl_err *e)
{
	struct vl_blobset bigger = { .n = s->n, .cap = s->cap ? s->cap * 2 : 256 };
	void *rows;

	if (!vl_alloc(&rows, bigger.cap * sizeof *bigger.row, e))
		return false;
	memset(rows, 0, bigger.cap * sizeof *bigger.row);
	bigger.row = rows;
	if (s->cap)
		memcpy(bigger.key, s->key, sizeof bigger.key);
	else
		vl_random(bigger.key, sizeof bigger.key);
	for (size_t i = 0; i < s->cap; i++)
		if (s->row[i].used)
			*slot_of(&bigger, &s->row[i].digest) = s->row[i];
	free(s->row);
	*s = bigger;
	return true;
}

bool vl_blobset_add(struct vl_blobset *s, const struct vl_digest *d, struct vl_blobrow **row, struct vl_err *e)
{
	*row = vl_blobset_find(s, d);
	if (*row)
		return true;
	if (s->n >= VL_BLOBS_MAX)
		return vl_fail(e, VL_E_LIMIT, "more than %u blobs", VL_BLOBS_MAX);
	if (s->n >= s->cap / 4 * 3 && !grow(s, e))
		return false;
	*row = slot_of(s, d);
	**row = (struct vl_blobrow){ .digest = *d, .used = true };
	s->n++;
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
