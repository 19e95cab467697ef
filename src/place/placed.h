/* SPDX-License-Identifier: Apache-2.0 */
/* place/placed.h: state/placed.json, what each place outside the store was last filled with. */
#ifndef VL_PLACE_PLACED_H
#define VL_PLACE_PLACED_H

#include "store/store.h"

struct vl_placed_line {
	char *key;                /* consumer:path */
	struct vl_digest content; /* of consumer, owner and the items' digests */
	char *identity;           /* device, inode and time of the directories that were swapped in */
};
struct vl_placed {
	struct vl_placed_line *line;
	size_t n, cap;
};
void vl_placed_clear(struct vl_placed *p);
VL_DEFINE_CLEAN(vl_placed)
/* Absent or damaged is empty: then everything is placed again. */
VL_MUST bool vl_placed_load(struct vl_placed *p, int state_dir, struct vl_err *e);
VL_MUST bool vl_placed_save(const struct vl_placed *p, int state_dir, struct vl_err *e);
const struct vl_placed_line *vl_placed_find(const struct vl_placed *p, const char *key);
void vl_placed_set(struct vl_placed *p, const char *key, const struct vl_digest *content, const char *identity);

#endif
