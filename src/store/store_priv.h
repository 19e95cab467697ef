/* SPDX-License-Identifier: Apache-2.0 */
/* store/store_priv.h: what the files of this folder share. */
#ifndef VL_STORE_STORE_PRIV_H
#define VL_STORE_STORE_PRIV_H

#include "store/store.h"

#define GENERATION_NAME_MAX 40

struct vl_store {
	char *path; /* absolute, without links */
	int dir, blobs, staging, lock; /* -1: not open; staging and lock only for writing */
	enum vl_store_mode mode;
	const struct vl_env *env; /* borrowed */
};

VL_MUST bool vl_store_writable(const struct vl_store *s, struct vl_err *e);
/* "generations/000042" */
void vl_generation_name(uint64_t number, char out[static GENERATION_NAME_MAX]);
/* Where `current` points; 0: no such link yet. */
VL_MUST bool vl_store_current_number(const struct vl_store *s, uint64_t *number, struct vl_err *e);
/* A name below generations/: its number, or 0 when it is no generation. */
uint64_t vl_generation_number(const char *name);
VL_MUST bool vl_generation_load(const struct vl_store *s, uint64_t number, struct vl_generation *g, struct vl_err *e);
struct vl_numbers {
	uint64_t *v;
	size_t n, cap;
};
void vl_numbers_clear(struct vl_numbers *all);
VL_DEFINE_CLEAN(vl_numbers)
/* The numbers below generations/, ascending. */
VL_MUST bool vl_store_generations(const struct vl_store *s, struct vl_numbers *out, struct vl_err *e);
/* A directory with exactly this mode, whatever the umask; made below dir when absent. *fd may be NULL. */
VL_MUST bool vl_store_mkdir(int dir, const char *name, mode_t mode, int *fd, struct vl_err *e);

#endif
