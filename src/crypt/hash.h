/* SPDX-License-Identifier: Apache-2.0 */
/* crypt/hash.h: SHA-256 (libcrypto, for its CPU instructions) and BLAKE2b-512 (libsodium, for minisign). */
#ifndef VL_CRYPT_HASH_H
#define VL_CRYPT_HASH_H

#include "base/bytes.h"

struct vl_digest {
	uint8_t b[32];
};
#define VL_DIGEST_HEX 65 /* with the NUL */
#define VL_DIGEST_OCI 72 /* "sha256:" + hex + NUL */

bool vl_digest_equal(const struct vl_digest *a, const struct vl_digest *b);
const char *vl_digest_hex(const struct vl_digest *d, char out[static VL_DIGEST_HEX]); /* returns out */
const char *vl_digest_oci(const struct vl_digest *d, char out[static VL_DIGEST_OCI]); /* "sha256:<hex>", returns out */
bool vl_digest_parse_hex(struct vl_digest *d, const char *hex); /* exactly 64 lower-case hex digits */
bool vl_digest_parse_oci(struct vl_digest *d, const char *text); /* exactly "sha256:" and 64 digits */

struct vl_sha256; /* running state */
struct vl_sha256 *vl_sha256_new(void);
void vl_sha256_free(struct vl_sha256 *s);
VL_DEFINE_AUTO(vl_sha256)
void vl_sha256_add(struct vl_sha256 *s, struct vl_bytes b);
void vl_sha256_end(struct vl_sha256 *s, struct vl_digest *out); /* and starts anew */
void vl_sha256_of(struct vl_bytes b, struct vl_digest *out);
/* From the descriptor's current offset to the end of the file. *size may be NULL. */
VL_MUST bool vl_sha256_fd(int fd, struct vl_digest *out, uint64_t *size, struct vl_err *e);

struct vl_blake2b {
	uint8_t b[64];
};
void vl_blake2b_of(struct vl_bytes b, struct vl_blake2b *out);
VL_MUST bool vl_blake2b_fd(int fd, struct vl_blake2b *out, struct vl_err *e);

/* Other digests that upstream checksum files use, for comparison only; hex in lower case, out holds 129 bytes.
 * name: "md5", "sha1", "sha256", "sha512". False with VL_E_POLICY for an unknown name. */
VL_MUST bool vl_digest_fd_named(const char *name, int fd, char *hex_out, struct vl_err *e);
/* Random bytes from the kernel (libsodium). */
void vl_random(void *out, size_t len);

#endif
