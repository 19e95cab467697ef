/* SPDX-License-Identifier: Apache-2.0 */
/* archive/rewrite_crc.h: CRC-32 as zip and gzip use it. libarchive keeps its own to itself, and for 20 lines no further
 * library is linked. Never for trust: only to meet, and to check, what those formats ask for. */
#ifndef VL_ARCHIVE_REWRITE_CRC_H
#define VL_ARCHIVE_REWRITE_CRC_H

#include "base/bytes.h"

struct vl_crc {
	uint32_t table[8][256];
	uint32_t state;
};
void vl_crc_init(struct vl_crc *c);
void vl_crc_restart(struct vl_crc *c);
void vl_crc_add(struct vl_crc *c, struct vl_bytes b);
uint32_t vl_crc_end(const struct vl_crc *c);

#endif
