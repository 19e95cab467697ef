/* SPDX-License-Identifier: Apache-2.0 */
/* store/digests.h: digests in the order in which they were added, each once, and found again fast. */
#ifndef VL_STORE_DIGESTS_H
#define VL_STORE_DIGESTS_H

#include "crypt/hash.h"

#define VL_DIGESTS_NONE UINT32_MAX

struct vl_digests {
	struct vl_digest *v; /* by number */
	size_t n, cap;
	uint32_t *slot; /* number + 1; 0 is free */
	size_t slots;
	uint64_t key[8]; /* of the hash; drawn with the first one */
};
void vl_digests_clear(struct vl_digests *s);
VL_DEFINE_CLEAN(vl_digests)
/* Its number, or VL_DIGESTS_NONE. */
uint32_t vl_digests_find(const struct vl_digests *s, const struct vl_digest *d);
/* Its number. True: it was not there before. */
bool vl_digests_add(struct vl_digests *s, const struct vl_digest *d, uint32_t *number);

#endif
