/* SPDX-License-Identifier: Apache-2.0 */
/* crypt/minisign.h: keys and signatures in minisign's formats (security notes: doc/format.md "Signatures").
 * Only the prehashed algorithm "ED" (Ed25519 over BLAKE2b-512) is made or accepted. */
#ifndef VL_CRYPT_MINISIGN_H
#define VL_CRYPT_MINISIGN_H

#include "base/buf.h"
#include "crypt/hash.h"

#define VL_KEYID_TEXT 17 /* 16 upper-case hex digits and NUL, as minisign prints it (little-endian number) */

struct vl_pubkey {
	uint8_t id[8];
	uint8_t key[32];
};
struct vl_seckey; /* locked memory, wiped when freed */

const char *vl_keyid_text(const uint8_t id[static 8], char out[static VL_KEYID_TEXT]);
/* Same 32-byte key; the id is only a label. */
bool vl_pubkey_equal(const struct vl_pubkey *a, const struct vl_pubkey *b);
/* The two lines of a .pub file, or the base64 line alone. `what` names it in errors (VL_E_KEYFILE). */
VL_MUST bool vl_pubkey_parse(struct vl_pubkey *out, struct vl_bytes text, const char *what, struct vl_err *e);
/* A .pub file: regular, at most 4 KiB. */
VL_MUST bool vl_pubkey_load(struct vl_pubkey *out, const char *path, struct vl_err *e);
/* The 56 base64 characters; the two-line file text. */
void vl_pubkey_base64(const struct vl_pubkey *k, char out[static 57]);
VL_MUST bool vl_pubkey_format(const struct vl_pubkey *k, struct vl_buf *out, struct vl_err *e);

void vl_seckey_free(struct vl_seckey *k);
VL_DEFINE_AUTO(vl_seckey)
/* A new random pair. */
VL_MUST bool vl_seckey_new(struct vl_seckey **out, struct vl_err *e);
void vl_seckey_public(const struct vl_seckey *k, struct vl_pubkey *out);
/* Asks for the password of this key file (its name is safe to print): writes at most size - 1 bytes and NUL. Called at
 * most 3 times, attempt = 0, 1, 2. False to give up. */
typedef bool vl_ask_password(void *ctx, const char *file, unsigned attempt, char *out, size_t size, struct vl_err *e);
/* New file, 0600, O_EXCL and never through a link. password NULL: not encrypted (kdf 00 00, as minisign -W).
 * Otherwise scrypt with minisign's defaults (opslimit 2^25, memlimit 1 GiB); light: 524288 and 16 MiB, for tests. */
VL_MUST bool vl_seckey_save(const struct vl_seckey *k, const char *path, const char *password, bool light,
			    struct vl_err *e);
/* Refuses: not a regular file, group or others may read (VL_E_KEYFILE), memlimit > 1 GiB or opslimit > 2^25
 * (VL_E_LIMIT). Wrong password: VL_E_PASSWORD. ask may be NULL when the key needs no password. */
VL_MUST bool vl_seckey_load(struct vl_seckey **out, const char *path, vl_ask_password *ask, void *ctx,
			    struct vl_err *e);

struct vl_minisig {
	uint8_t keyid[8];
	uint8_t sig[64];
	uint8_t global[64];
	char comment[8193]; /* trusted comment without its prefix; not yet checked */
};
#define VL_MINISIG_MAX 16384 /* bytes of a signature file */

/* Strict: exactly four LF-terminated lines, canonical base64, "ED", comment 0x20-0x7e (TAB too when allow_tab, for
 * signatures of others). VL_E_SIG_FORM or VL_E_SIG_LEGACY; `what` names the file. */
VL_MUST bool vl_minisig_parse(struct vl_minisig *out, struct vl_bytes text, bool allow_tab, const char *what,
			      struct vl_err *e);
/* The verdict: both the signature of the prehash and the one over signature + comment are by this key. */
bool vl_minisig_verify(const struct vl_minisig *s, const struct vl_pubkey *k, const struct vl_blake2b *prehash);
/* The text of a .minisig file. untrusted: the first line's comment. Deterministic. */
VL_MUST bool vl_minisig_sign(const struct vl_seckey *k, struct vl_bytes message, const char *untrusted,
			     const char *trusted, struct vl_buf *out, struct vl_err *e);

#endif
