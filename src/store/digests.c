/* SPDX-License-Identifier: Apache-2.0 */
/* store/digests.c: an open-addressed table of digests.
 * In:    digests, perhaps chosen by somebody who wants this to be slow.
 * Out:   small numbers, in the order of their coming.
 * Keeps: a document may name any number of digests that begin alike, so the hash has a key of its own (multilinear,
 *        upper half: universal); callers bound how many there are. */
#include "store/digests.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void vl_digests_clear(struct vl_digests *s)
{
	free(s->v);
	free(s->slot);
	*s = (struct vl_digests){ 0 };
}

static size_t hash_of(const struct vl_digests *s, const struct vl_digest *d)
{
	uint64_t h = 0;
	uint32_t word;

	for (size_t i = 0; i < VL_LEN(s->key); i++) {
		memcpy(&word, d->b + i * sizeof word, sizeof word);
		h += s->key[i] * word;
	}
	return (size_t)(h >> 32);
}

/* The slot that has d, or the free one where it would go. slots is a power of two, and never are all taken. */
static uint32_t *slot_of(const struct vl_digests *s, const struct vl_digest *d)
{
	size_t i = hash_of(s, d) & (s->slots - 1);

	while (s->slot[i] && !vl_digest_equal(&s->v[s->slot[i] - 1], d))
		i = (i + 1) & (s->slots - 1);
	return &s->slot[i];
}

static void make_room(struct vl_digests *s)
{
	if (s->n < s->slots / 4 * 3)
		return;
	if (!s->slots)
		vl_random(s->key, sizeof s->key);
	s->slots = s->slots ? s->slots * 2 : 16;
	free(s->slot);
	s->slot = vl_xcalloc(s->slots, sizeof *s->slot);
	for (size_t i = 0; i < s->n; i++)
		*slot_of(s, &s->v[i]) = (uint32_t)i + 1;
}

uint32_t vl_digests_find(const struct vl_digests *s, const struct vl_digest *d)
{
	uint32_t taken = s->slots ? *slot_of(s, d) : 0;

	return taken ? taken - 1 : VL_DIGESTS_NONE;
}

bool vl_digests_add(struct vl_digests *s, const struct vl_digest *d, uint32_t *number)
{
	uint32_t *slot;

	make_room(s);
	slot = slot_of(s, d);
	if (*slot) {
		*number = *slot - 1;
		return false;
	}
	vl_grow(&s->v, s->n, &s->cap, sizeof *s->v);
	s->v[s->n] = *d;
	*number = (uint32_t)s->n++;
	*slot = *number + 1;
	return true;
}
