/* SPDX-License-Identifier: Apache-2.0 */
/* crypt/seckey.h: what a secret key is made of, for keyfile.c and sign.c alone. */
#ifndef VL_CRYPT_SECKEY_H
#define VL_CRYPT_SECKEY_H

#include "crypt/minisign.h"

struct vl_seckey { /* always in sodium_malloc() memory: locked, fenced, wiped when freed */
	uint8_t id[8];
	uint8_t key[64]; /* seed, then the public key */
};

#endif
