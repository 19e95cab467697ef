/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline/diff.h: two snapshots compared, from documents alone: items, images by name, files by title, bytes. */
#ifndef VL_PIPELINE_DIFF_H
#define VL_PIPELINE_DIFF_H

#include "base/env.h"
#include "pipeline/content.h"

struct vl_compared { /* what is compared; an empty snapshot is "nothing" */
	struct vl_docs docs;           /* borrowed */
	const struct vl_doc *snapshot; /* borrowed */
};
enum vl_change { VL_SAME = 0, VL_NEW, VL_GONE, VL_CHANGED };
struct vl_diff_part { /* an image by one of its names, or a file by its title */
	char *name;
	enum vl_change change; /* never VL_SAME */
	bool attached;         /* a signature or attestation */
	struct vl_digest was, now;
};
struct vl_diff_item {
	char *name, *type;
	enum vl_change change;
	struct vl_digest was, now;
	uint64_t bytes, bytes_new; /* in B, each blob once; of these what A has nowhere */
	int64_t time_was, time_now; /* 0: not said by both */
	bool by_upstream;           /* the times are those of the data; else of the download */
	bool is_images;
	struct vl_diff_part *part;  /* sorted by name */
	size_t n, cap, same;        /* same: parts that did not change */
};
struct vl_diff {
	struct vl_diff_item *item; /* sorted by name */
	size_t n, cap;
	uint64_t bytes_new, bytes_gone; /* each blob once; new: in B and not in A; gone: the reverse */
};
void vl_diff_clear(struct vl_diff *d);
VL_DEFINE_CLEAN(vl_diff)
VL_MUST bool vl_diff_make(const struct vl_compared *a, const struct vl_compared *b, const struct vl_env *env,
			  struct vl_diff *out, struct vl_err *e);
/* How many parts of an item changed like this; attached: signatures and attestations, or all else. */
size_t vl_diff_count(const struct vl_diff_item *i, enum vl_change change, bool attached);

#endif
