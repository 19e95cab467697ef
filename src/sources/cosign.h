/* SPDX-License-Identifier: Apache-2.0 */
/* sources/cosign.h: signatures of images as cosign stores them: up to version 2 a payload with its signature beside it
 * (sigstore/cosign specs/SIGNATURE_SPEC.md), from version 3 on a Sigstore bundle with an in-toto statement in a DSSE
 * envelope (sigstore/protobuf-specs, in-toto/attestation, secure-systems-lab/dsse). */
#ifndef VL_SOURCES_COSIGN_H
#define VL_SOURCES_COSIGN_H

#include "crypt/pem.h"
#include "store/store.h"

#define VL_MT_COSIGN "application/vnd.dev.cosign.simplesigning.v1+json" /* layer: the payload */
#define VL_AN_COSIGN "dev.cosignproject.cosign/signature"               /* its annotation: base64 */

#define VL_MT_BUNDLE "application/vnd.dev.sigstore.bundle.v0.3+json"    /* layer: a bundle */
#define VL_COSIGN_MAX 256u /* signatures in one manifest: whoever can write to the registry can add more without end */

/* True: a layer of the signature manifest (in the store with its layers) is this key's signature of the image with that
 * digest. Else VL_E_UPSTREAM_SIG says what was wrong: no such layer, another key, another image. More layers than
 * VL_COSIGN_MAX: VL_E_LIMIT. */
VL_MUST bool vl_cosign_verify(const struct vl_store *s, const struct vl_doc *signature, const struct vl_pem_key *key,
			      const struct vl_digest *image, struct vl_err *e);
/* True for a layer that may hold a signature. */
bool vl_cosign_is_layer(const char *media_type);

#endif
