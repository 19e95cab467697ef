/* SPDX-License-Identifier: Apache-2.0 */
/* sources/cosign.c: is an image signed by this key, as cosign signs?
 * In:    a signature manifest as it came from a registry, its payloads in the store, a key that the operator named.
 * Out:   yes, or what was wrong with the layer that came nearest.
 * Keeps: a payload is believed only after its signature: it is not even parsed before, so an enemy's JSON never reaches
 *        the parser. Anybody may add layers to a signature manifest, so all are tried and one good one is enough. */
#include "sources/cosign.h"

#include <string.h>

#include "base/json.h"
#include "base/text.h"

#define PAYLOAD_MAX (1u << 20)
#define TYPE "cosign container image signature"

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

static bool try_layer(const struct vl_store *s, const struct vl_desc *layer, const struct vl_pem_key *key,
		      const struct vl_digest *image, enum found *found, char other[static VL_DIGEST_OCI],
		      struct vl_err *e)
{
	VL_CLEAN(vl_buf) payload = VL_BUF_INIT(PAYLOAD_MAX);
	const char *base64 = vl_desc_get(layer, VL_AN_COSIGN);
	uint8_t signature[VL_PEM_SIGNATURE_MAX];
	enum found now = UNREADABLE;
	size_t len;

	if (base64 && layer->size <= PAYLOAD_MAX && vl_pem_signature(base64, signature, &len)) {
		if (!vl_store_get(s, &layer->digest, layer->size, &payload, e))
			return vl_while(e, "payload of a cosign signature");
		now = vl_pem_verify(key, vl_buf_bytes(&payload), vl_bytes(signature, len))
			      ? read_payload(vl_buf_bytes(&payload), image, other)
			      : FOREIGN;
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
		vl_fail(e, VL_E_UPSTREAM_SIG, "the signature by this key is for another image: %s, not %s", other, digest);
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

		if (!strcmp(layer->media_type, VL_MT_COSIGN) && !try_layer(s, layer, key, image, &found, other, e))
			return false;
	}
	return found == GOOD || refuse(found, image, other, e);
}
