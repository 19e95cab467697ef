/* SPDX-License-Identifier: Apache-2.0 */
/* store/oci.h: the OCI documents valise reads and writes (OCI image-spec 1.1: descriptor.md, image-index.md,
 * manifest.md). Reading keeps what valise needs; the bytes themselves are kept in the store as they came. */
#ifndef VL_STORE_OCI_H
#define VL_STORE_OCI_H

#include "base/buf.h"
#include "crypt/hash.h"

#define VL_MT_INDEX "application/vnd.oci.image.index.v1+json"
#define VL_MT_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define VL_MT_DOCKER_LIST "application/vnd.docker.distribution.manifest.list.v2+json"
#define VL_MT_DOCKER_MANIFEST "application/vnd.docker.distribution.manifest.v2+json"
#define VL_MT_EMPTY "application/vnd.oci.empty.v1+json"
#define VL_EMPTY_JSON "{}"

/* Annotation keys. */
#define VL_AN_REF "org.opencontainers.image.ref.name"
#define VL_AN_TITLE "org.opencontainers.image.title"
#define VL_AN_ITEM "valise.item"         /* name in the packing list */
#define VL_AN_TYPE "valise.type"         /* source type: osv, trivy-db, http, dir */
#define VL_AN_SOURCE "valise.source"     /* host and path; never credentials or a query */
#define VL_AN_FETCHED "valise.fetched"   /* when this content was downloaded (RFC 3339) */
#define VL_AN_UPSTREAM "valise.upstream.digest"
#define VL_AN_UPDATED "valise.updated"   /* when upstream made the data, if it says so (RFC 3339) */
#define VL_AN_NEXT "valise.next-update"  /* when upstream expects to replace it (RFC 3339) */
#define VL_AN_UNPACK "valise.unpack"     /* "true": placed as a tree */
#define VL_AN_MODE "valise.mode"         /* layer: "0755" for an executable file of a dir item; absent: 0444 */
#define VL_AN_RECORDS "valise.records"   /* layer: number of records in it */

/* Children of an image item's index (doc/format.md "Images"). */
#define VL_AN_IMAGE "valise.image"       /* names, a blank between: HOST/NAME:TAG, or HOST/NAME@sha256:HEX */
#define VL_AN_SUBJECT "valise.subject"   /* sha256:HEX of the manifest that this signature or attestation is about */
#define VL_ARTIFACT_IMAGES "application/vnd.valise.images.v1" /* artifactType of that index */

struct vl_annotation {
	char *key, *value;
};
struct vl_platform { /* owned strings, NULL when absent (image-spec image-index.md) */
	char *os, *architecture, *variant, *os_version;
};
struct vl_desc { /* owned strings */
	char *media_type;
	char *artifact_type; /* or NULL */
	struct vl_platform platform;
	struct vl_digest digest;
	uint64_t size;
	struct vl_annotation *an; /* in document order */
	size_t n_an, cap_an;
};
void vl_desc_clear(struct vl_desc *d);
VL_DEFINE_CLEAN(vl_desc)
void vl_desc_copy(struct vl_desc *to, const struct vl_desc *from); /* to is cleared first */
void vl_desc_init(struct vl_desc *d, const char *media_type, const struct vl_digest *digest, uint64_t size);
/* "linux/arm64/v8", with "/"-separated parts as far as they are known; NULL when the descriptor has none. The caller
 * frees. */
char *vl_platform_text(const struct vl_platform *p);
/* Does `text` ("linux/arm64", "linux/arm64/v8") ask for this platform? A part that `text` leaves out matches all; arm64
 * matches arm64/v8. */
bool vl_platform_matches(const struct vl_platform *p, const char *text);
const char *vl_desc_get(const struct vl_desc *d, const char *key);               /* NULL: absent */
void vl_desc_set(struct vl_desc *d, const char *key, const char *value);         /* adds or replaces; NULL removes */

/* An index (manifests = children) or an artifact manifest (config + layers). */
struct vl_doc {
	bool is_index;
	char *media_type;    /* as the document says, or as the descriptor said when it does not */
	char *artifact_type; /* or NULL */
	struct vl_desc config; /* manifests only; media_type NULL in an index */
	struct vl_desc subject; /* what this is attached to; media_type NULL: to nothing */
	struct vl_desc *child; /* index: manifests; manifest: layers */
	size_t n, cap;
	struct vl_annotation *an;
	size_t n_an, cap_an;
};
void vl_doc_clear(struct vl_doc *d);
VL_DEFINE_CLEAN(vl_doc)
void vl_doc_init_index(struct vl_doc *d);
/* Empty config (VL_EMPTY_JSON) and this artifact type. */
void vl_doc_init_artifact(struct vl_doc *d, const char *artifact_type);
struct vl_desc *vl_doc_add(struct vl_doc *d); /* a new empty child, borrowed until the next add */

#define VL_DOC_MAX (4u << 20) /* bytes of a document (distribution-spec floor) */
/* Refuses: both manifests and layers/config, an algorithm other than sha256, sizes > 1 TiB, a mediaType that differs
 * from `media_type` (NULL: not compared). Breaches are `code`. `what` names the document. */
VL_MUST bool vl_doc_parse(struct vl_doc *out, struct vl_bytes text, const char *media_type, const char *what,
			  enum vl_code code, struct vl_err *e);
/* What valise asks beyond OCI, as VL_E_CLOSURE: an index names only documents; the items of a snapshot have valid
 * names; titles are safe relative paths. */
VL_MUST bool vl_doc_check(const struct vl_doc *d, bool snapshot, const char *what, struct vl_err *e);
/* Fixed key order: the same document gives the same bytes. */
VL_MUST bool vl_doc_format(const struct vl_doc *d, struct vl_buf *out, struct vl_err *e);
bool vl_media_type_is_index(const char *media_type);    /* OCI index or docker list */
bool vl_media_type_is_manifest(const char *media_type); /* OCI or docker manifest */

#endif
