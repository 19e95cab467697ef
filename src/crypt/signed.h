/* SPDX-License-Identifier: Apache-2.0 */
/* crypt/signed.h: the type that carries the proof. Only vl_signed_open() makes a vl_signed with signers in it, and the
 * waybill's parser takes nothing else. */
#ifndef VL_CRYPT_SIGNED_H
#define VL_CRYPT_SIGNED_H

#include "crypt/minisign.h"

#define VL_SIGNATURES_MAX 16

struct vl_keyring {
	const struct vl_pubkey *keys; /* borrowed */
	size_t n;
};
/* One signature file as it was read. Borrowed. */
struct vl_sigfile {
	const char *name;
	struct vl_bytes text;
};
struct vl_signed {
	struct vl_bytes text; /* borrowed: the very buffer that was verified */
	struct vl_digest sha256;
	struct vl_pubkey by[VL_SIGNATURES_MAX]; /* distinct keys whose signature is good */
	size_t n_by;                            /* 0: nobody vouches (inspect only) */
	char comment[VL_SIGNATURES_MAX][513];   /* by[i]'s trusted comment */
};

/* Verifies each signature file against each key of the ring (ids are hints only). Malformed or legacy file: an error.
 * A signature by a ring key (same id) that does not match: VL_E_SIG_BAD. None by a ring key: VL_E_SIG_UNKNOWN, naming
 * the key ids found. No file: VL_E_SIG_MISSING. Empty ring: VL_E_NO_TRUST. */
VL_MUST bool vl_signed_open(struct vl_signed *out, struct vl_bytes text, const struct vl_sigfile *sigs, size_t n_sigs,
			    const struct vl_keyring *ring, struct vl_err *e);
/* For `inspect` alone: no proof at all, n_by = 0. */
void vl_signed_unverified(struct vl_signed *out, struct vl_bytes text);

#endif
