/* SPDX-License-Identifier: Apache-2.0 */
/* media/carried.h: what find.c and read.c share. Private to this folder. */
#ifndef VL_MEDIA_CARRIED_H
#define VL_MEDIA_CARRIED_H

#include "media/media.h"

#define VL_WAYBILL_NAME "waybill.json"
#define VL_PARCELS_NAME "parcels"

struct vl_carried {
	char *path;
	int dir;
};

#endif
