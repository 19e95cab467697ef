/* SPDX-License-Identifier: Apache-2.0 */
/* packlist/packlist_priv.h: what the files that check a packing list share. */
#ifndef VL_PACKLIST_PACKLIST_PRIV_H
#define VL_PACKLIST_PACKLIST_PRIV_H

#include "packlist/packlist.h"
#include "packlist/yaml.h"

/* One item under examination. */
struct vl_exam {
	const struct vl_yaml *y;
	struct vl_packlist *list;
	struct vl_item *item;
	size_t i;
};
/* key "": the item; "images.2": an entry of a list. Returns false. */
bool vl_exam_fail(const struct vl_exam *x, struct vl_err *e, const char *key, const char *fmt, ...) VL_PRINTF(4, 5);
bool vl_exam_has(const struct vl_exam *x, const char *key);

/* ---- images.c ---- */
VL_MUST bool vl_exam_images(const struct vl_exam *x, struct vl_err *e);
VL_MUST bool vl_exam_analyzers(const struct vl_exam *x, struct vl_err *e);

#endif
