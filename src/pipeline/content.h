/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline/content.h: what an item is made of, wherever its documents come from (a store, a bundle): the blobs below
 * it, and, when it is an item of images, these with their names. list, diff and export look here. */
#ifndef VL_PIPELINE_CONTENT_H
#define VL_PIPELINE_CONTENT_H

#include "store/digests.h"
#include "store/store.h"

/* ---- blobs ---- */
struct vl_blob_ref {
	struct vl_digest digest;
	uint64_t size; /* bytes */
};
struct vl_blob_set { /* each once, in the order of their coming */
	struct vl_blob_ref *v;
	size_t n, cap;
	struct vl_digests index; /* private: the same numbers as v */
};
void vl_blob_set_clear(struct vl_blob_set *s);
VL_DEFINE_CLEAN(vl_blob_set)
/* Adds `root` and everything below it. Reads documents only, and bounded like vl_item_layers(): VL_E_LIMIT. */
VL_MUST bool vl_blob_set_add(struct vl_blob_set *s, const struct vl_docs *docs, const struct vl_desc *root,
			     struct vl_err *e);
void vl_blob_set_join(struct vl_blob_set *s, const struct vl_blob_set *other);
bool vl_blob_set_has(const struct vl_blob_set *s, const struct vl_digest *d);
uint64_t vl_blob_set_bytes(const struct vl_blob_set *s);
/* Bytes of s that are not in `other`. */
uint64_t vl_blob_set_new(const struct vl_blob_set *s, const struct vl_blob_set *other);

/* Who has what in common: each item's set is added once, under a number of its own; then each can be asked. */
struct vl_sharing {
	struct vl_digests all;
	size_t *owner; /* by number: the first who had it */
	bool *shared;
	size_t cap_owner, cap_shared;
};
void vl_sharing_clear(struct vl_sharing *s);
VL_DEFINE_CLEAN(vl_sharing)
void vl_sharing_add(struct vl_sharing *s, const struct vl_blob_set *set, size_t owner);
uint64_t vl_sharing_bytes(const struct vl_sharing *s, const struct vl_blob_set *set);

/* ---- images ---- */
struct vl_named_image {
	struct vl_desc desc;
	char **name; /* "HOST/NAME:TAG" or "HOST/NAME@sha256:HEX"; owned */
	size_t n, cap;
	bool attached; /* a signature or attestation of `subject` */
	struct vl_digest subject;
};
void vl_named_image_clear(struct vl_named_image *i);
VL_DEFINE_CLEAN(vl_named_image)
void vl_named_image_add_name(struct vl_named_image *i, const char *name, size_t len);
struct vl_named_images {
	struct vl_named_image *v;
	size_t n, cap;
};
void vl_named_images_clear(struct vl_named_images *l);
VL_DEFINE_CLEAN(vl_named_images)
struct vl_named_image *vl_named_images_add(struct vl_named_images *l); /* a new empty one, until the next add */
/* The children of an item of images, in their order. *is_images: whether the item is one; nothing is added if not. */
VL_MUST bool vl_named_images_of(const struct vl_docs *docs, const struct vl_desc *item, struct vl_named_images *out,
				bool *is_images, struct vl_err *e);
size_t vl_named_images_attached(const struct vl_named_images *l, const struct vl_digest *subject);

/* ---- the platforms of an image ---- */
struct vl_variants {
	struct vl_desc *v; /* manifests, with `platform` filled as far as anything tells it */
	size_t n, cap;
};
void vl_variants_clear(struct vl_variants *l);
VL_DEFINE_CLEAN(vl_variants)
/* A manifest is its own only variant (the config says its platform); an index gives all manifests in it, but not what
 * BuildKit lays beside images as platform unknown/unknown. */
VL_MUST bool vl_image_variants(const struct vl_store *s, const struct vl_desc *image, struct vl_variants *out,
			       struct vl_err *e);
/* "linux/amd64 linux/arm64/v8", "" when nothing tells; between: what stands between two. The caller frees. */
char *vl_variants_text(const struct vl_variants *l, const char *between);

#endif
