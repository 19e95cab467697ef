/* SPDX-License-Identifier: Apache-2.0 */
/* media/volume.h: what volume.c and readback.c share. Private to this folder. */
#ifndef VL_MEDIA_VOLUME_H
#define VL_MEDIA_VOLUME_H

#include "media/media.h"

struct vl_put_file {
	char name[64];
	uint64_t size;
	struct vl_digest sha256; /* of what was handed to us, not of what the medium says */
};
struct vl_volume {
	const struct vl_env *env; /* borrowed */
	char *path, *name;
	int parent, dir;
	struct vl_put_file *file;
	size_t n, cap;
	bool made, keep;
};

#endif
