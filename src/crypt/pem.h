/* SPDX-License-Identifier: Apache-2.0 */
/* crypt/pem.h: public keys as PEM files, and signatures by them (cosign's keys: ECDSA P-256, also Ed25519 and RSA). */
#ifndef VL_CRYPT_PEM_H
#define VL_CRYPT_PEM_H

#include "base/buf.h"

struct vl_pem_key;
/* "-----BEGIN PUBLIC KEY-----", once. Anything else, also a private key: VL_E_KEYFILE names the file; no file:
 * VL_E_ABSENT. */
VL_MUST bool vl_pem_load(struct vl_pem_key **out, const char *path, struct vl_err *e);
void vl_pem_key_free(struct vl_pem_key *k);
VL_DEFINE_AUTO(vl_pem_key)
/* True: `signature` (ECDSA: ASN.1; SHA-256 of the text; Ed25519: of the text itself; RSA: PKCS #1 1.5 with SHA-256) is
 * the key's signature of `text`. */
bool vl_pem_verify(const struct vl_pem_key *k, struct vl_bytes text, struct vl_bytes signature);

#define VL_PEM_SIGNATURE_MAX 2048u /* bytes of a signature: RSA with 16384 bits */
/* Strict base64 (canonical, padded, nothing before or behind) of 1 to cap bytes. False: it is none. */
bool vl_pem_base64(const char *base64, uint8_t *out, size_t cap, size_t *len);

#endif
