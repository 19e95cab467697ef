/* SPDX-License-Identifier: Apache-2.0 */
/* archive/rewrite_crc.c: CRC-32 (polynomial 0xEDB88320, reflected), eight bytes at a time. */
#include "archive/rewrite_crc.h"

void vl_crc_init(struct vl_crc *c)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t v = i;

		for (int bit = 0; bit < 8; bit++)
			v = v & 1 ? v >> 1 ^ UINT32_C(0xEDB88320) : v >> 1;
		c->table[0][i] = v;
	}
	/* table[k][i]: what byte i does to the state k bytes later. */
	for (int k = 1; k < 8; k++)
		for (int i = 0; i < 256; i++)
			c->table[k][i] = c->table[k - 1][i] >> 8 ^ c->table[0][c->table[k - 1][i] & 255];
	vl_crc_restart(c);
}

void vl_crc_restart(struct vl_crc *c)
{
	c->state = UINT32_MAX;
}

void vl_crc_add(struct vl_crc *c, struct vl_bytes b)
{
	const uint8_t *p = b.data, *end = b.len ? b.data + b.len : b.data;
	uint32_t s = c->state;

	for (; end - p >= 8; p += 8) {
		s ^= (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
		s = c->table[7][s & 255] ^ c->table[6][s >> 8 & 255] ^ c->table[5][s >> 16 & 255] ^
		    c->table[4][s >> 24] ^ c->table[3][p[4]] ^ c->table[2][p[5]] ^ c->table[1][p[6]] ^
		    c->table[0][p[7]];
	}
	for (; p < end; p++)
		s = s >> 8 ^ c->table[0][(s ^ *p) & 255];
	c->state = s;
}

uint32_t vl_crc_end(const struct vl_crc *c)
{
	return ~c->state;
}
