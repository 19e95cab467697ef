/* SPDX-License-Identifier: Apache-2.0 */
/* sources/cosign.c: is an image signed by this key, as cosign signs?
 * In:    a signature manifest as it came from a registry, its payloads in the store, a key that the operator named.
 * Out:   yes, or what was wrong with the layer that came nearest.
 * Keeps: what is signed is not even parsed before its signature is good. Anybody may add layers to a signature
 *        manifest, so all are tried and one good one is enough. */
#include "sources/cosign.h"

#include <string.h>

#include "base/json.h"
#include "base/text.h"

#define PAYLOAD_MAX (1u << 20)
#define TYPE "cosign container image signature"
#define IN_TOTO "application/vnd.in-toto+json"
#define STATEMENT "https://in-toto.io/Statement/v"
#define PREDICATE "https://sigstore.dev/cosign/sign/v1" /* other statements (provenance, SBOM) are no signatures */
#define ENVELOPE_SIGNATURES_MAX 16

/* What was found so far; the highest counts. */
enum found { NOTHING = 0, UNREADABLE, FOREIGN, OTHER_TYPE, OTHER_IMAGE, GOOD };

static enum found read_payload(struct vl_bytes text, const struct vl_digest *image, char other[static VL_DIGEST_OCI])
{
	VL_AUTO(vl_json) j = NULL;
	struct vl_err ignored = VL_ERR_INIT;
	const struct vl_jval *critical;
	const char *type, *digest;
	struct vl_digest signed_for;

	if (!vl_json_parse(&j, text, VL_JSON_OCI, "payload", VL_E_UPSTREAM_SIG, &ignored))
		return OTHER_TYPE;
	critical = vl_jval_get(vl_json_root(j), "critical");
	type = vl_jval_str(vl_jval_get(critical, "type"));
	digest = vl_jval_str(vl_jval_get(vl_jval_get(critical, "image"), "docker-manifest-digest"));
	if (!type || strcmp(type, TYPE) || !digest || !vl_digest_parse_oci(&signed_for, digest))
		return OTHER_TYPE;
	vl_digest_oci(&signed_for, other);
	return vl_digest_equal(&signed_for, image) ? GOOD : OTHER_IMAGE;
}

/* ---- a payload with its signature in the layer's annotation ---- */

static enum found try_simple(const struct vl_desc *layer, struct vl_bytes payload, const struct vl_pem_key *key,
			     const struct vl_digest *image, char other[static VL_DIGEST_OCI])
{
	const char *base64 = vl_desc_get(layer, VL_AN_COSIGN);
	uint8_t signature[VL_PEM_SIGNATURE_MAX];
	size_t len;

	if (!vl_pem_base64(base64, signature, sizeof signature, &len))
		return UNREADABLE;
	return vl_pem_verify(key, payload, vl_bytes(signature, len)) ? read_payload(payload, image, other) : FOREIGN;
}

/* ---- a bundle ---- */

static enum found read_statement(struct vl_bytes text, const struct vl_digest *image, char other[static VL_DIGEST_OCI])
{
	VL_AUTO(vl_json) j = NULL;
	struct vl_err ignored = VL_ERR_INIT;
	const struct vl_jval *root, *subjects;
	enum found found = OTHER_TYPE;
	const char *type, *predicate;

	if (!vl_json_parse(&j, text, VL_JSON_OCI, "statement", VL_E_UPSTREAM_SIG, &ignored))
		return OTHER_TYPE;
	root = vl_json_root(j);
	type = vl_jval_str(vl_jval_get(root, "_type"));
	predicate = vl_jval_str(vl_jval_get(root, "predicateType"));
	subjects = vl_jval_get(root, "subject");
	if (!type || strncmp(type, STATEMENT, strlen(STATEMENT)) || !predicate || strcmp(predicate, PREDICATE))
		return OTHER_TYPE;
	for (size_t i = 0; i < vl_jval_count(subjects); i++) {
		const struct vl_jval *digests = vl_jval_get(vl_jval_at(subjects, i), "digest");
		const char *hex = vl_jval_str(vl_jval_get(digests, "sha256"));
		struct vl_digest d;

		if (!hex || !vl_digest_parse_hex(&d, hex))
			continue;
		if (vl_digest_equal(&d, image))
			return GOOD;
		vl_digest_oci(&d, other);
		found = OTHER_IMAGE;
	}
	return found;
}

/* What DSSE signs: lengths stand before the parts, so that nothing can move from one into the other. */
static bool envelope_text(struct vl_buf *out, struct vl_bytes payload)
{
	struct vl_err ignored = VL_ERR_INIT;

	return vl_buf_addf(out, &ignored, "DSSEv1 %zu " IN_TOTO " %zu ", strlen(IN_TOTO), payload.len) &&
	       vl_buf_add(out, payload, &ignored);
}

static bool envelope_is_signed(const struct vl_jval *signatures, const struct vl_pem_key *key, struct vl_bytes text)
{
	for (size_t i = 0; i < vl_jval_count(signatures) && i < ENVELOPE_SIGNATURES_MAX; i++) {
		const char *base64 = vl_jval_str(vl_jval_get(vl_jval_at(signatures, i), "sig"));
		uint8_t signature[VL_PEM_SIGNATURE_MAX];
		size_t len;

		if (base64 && vl_pem_base64(base64, signature, sizeof signature, &len) &&
		    vl_pem_verify(key, text, vl_bytes(signature, len)))
			return true;
	}
	return false;
}

static enum found try_bundle(struct vl_bytes bundle, const struct vl_pem_key *key, const struct vl_digest *image,
			     char other[static VL_DIGEST_OCI])
{
	VL_CLEAN(vl_buf) payload = VL_BUF_INIT(PAYLOAD_MAX), text = VL_BUF_INIT(PAYLOAD_MAX + 256);
	VL_AUTO(vl_json) j = NULL;
	struct vl_err ignored = VL_ERR_INIT;
	const struct vl_jval *envelope;
	const char *type, *base64;
	uint8_t *at;

	if (!vl_json_parse(&j, bundle, VL_JSON_OCI, "bundle", VL_E_UPSTREAM_SIG, &ignored))
		return UNREADABLE;
	envelope = vl_jval_get(vl_json_root(j), "dsseEnvelope");
	type = vl_jval_str(vl_jval_get(envelope, "payloadType"));
	base64 = vl_jval_str(vl_jval_get(envelope, "payload"));
	if (!type || strcmp(type, IN_TOTO) || !base64 || !vl_buf_room(&payload, bundle.len, &at, &ignored) ||
	    !vl_pem_base64(base64, at, bundle.len, &payload.len) || !envelope_text(&text, vl_buf_bytes(&payload)))
		return UNREADABLE;
	if (!envelope_is_signed(vl_jval_get(envelope, "signatures"), key, vl_buf_bytes(&text)))
		return FOREIGN;
	return read_statement(vl_buf_bytes(&payload), image, other);
}

/* ---- both ---- */

bool vl_cosign_is_layer(const char *media_type)
{
	return !strcmp(media_type, VL_MT_COSIGN) || !strcmp(media_type, VL_MT_BUNDLE);
}

static bool try_layer(const struct vl_store *s, const struct vl_desc *layer, const struct vl_pem_key *key,
		      const struct vl_digest *image, enum found *found, char other[static VL_DIGEST_OCI],
		      struct vl_err *e)
{
	VL_CLEAN(vl_buf) text = VL_BUF_INIT(PAYLOAD_MAX);
	bool bundle = !strcmp(layer->media_type, VL_MT_BUNDLE);
	enum found now = UNREADABLE;

	if (layer->size <= PAYLOAD_MAX && (bundle || vl_desc_get(layer, VL_AN_COSIGN))) {
		if (!vl_store_get(s, &layer->digest, layer->size, &text, e))
			return vl_while(e, "payload of a cosign signature");
		now = bundle ? try_bundle(vl_buf_bytes(&text), key, image, other) :
			       try_simple(layer, vl_buf_bytes(&text), key, image, other);
	}
	*found = now > *found ? now : *found;
	return true;
}

static bool refuse(enum found found, const struct vl_digest *image, const char *other, struct vl_err *e)
{
	char digest[VL_DIGEST_OCI];

	vl_digest_oci(image, digest);
	switch (found) {
	case OTHER_IMAGE:
		vl_fail(e, VL_E_UPSTREAM_SIG, "the signature by this key is for another image: %s, not %s", other,
			digest);
		vl_found(e, NULL, other, digest);
		return vl_hint(e, "Do not use the image: somebody has put the signature of one image beside another.");
	case OTHER_TYPE:
		return vl_fail(e, VL_E_UPSTREAM_SIG, "what this key signed is not a signature of a container image");
	case FOREIGN:
		vl_fail(e, VL_E_UPSTREAM_SIG, "image %s is not signed by this key", digest);
		return vl_hint(e, "If the signer changed the key, get the new one from a source that you trust.");
	case UNREADABLE:
		return vl_fail(e, VL_E_UPSTREAM_SIG, "the cosign signature of image %s is malformed", digest);
	default:
		return vl_fail(e, VL_E_UPSTREAM_SIG, "the signature manifest of image %s holds no cosign signature",
			       digest);
	}
}

bool vl_cosign_verify(const struct vl_store *s, const struct vl_doc *signature, const struct vl_pem_key *key,
		      const struct vl_digest *image, struct vl_err *e)
{
	char other[VL_DIGEST_OCI] = "";
	enum found found = NOTHING;

	if (signature->n > VL_COSIGN_MAX)
		return vl_fail(e, VL_E_LIMIT, "a signature manifest holds %zu signatures; at most %u are tried",
			       signature->n, VL_COSIGN_MAX);
	for (size_t i = 0; !signature->is_index && found != GOOD && i < signature->n; i++) {
		const struct vl_desc *layer = &signature->child[i];

		if (vl_cosign_is_layer(layer->media_type) && !try_layer(s, layer, key, image, &found, other, e))
			return false;
	}
	return found == GOOD || refuse(found, image, other, e);
}
