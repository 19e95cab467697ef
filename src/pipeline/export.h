/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline/export.h: items and images out of the store as files that other programs read. Every blob is hashed while it
 * is written: what has other bytes than its name says never leaves the store under that name. */
#ifndef VL_PIPELINE_EXPORT_H
#define VL_PIPELINE_EXPORT_H

#include "pipeline/content.h"
#include "store/hub.h"

enum vl_export_format {
	VL_EXPORT_AUTO = 0, /* files for items of files, oci-archive for images */
	VL_EXPORT_DOCKER,   /* manifest.json as docker save writes it, blobs as in an OCI layout */
	VL_EXPORT_OCI,      /* a tar of an OCI image layout */
	VL_EXPORT_FILES,    /* a directory with the titled layers of one item */
};
bool vl_export_format_parse(const char *text, enum vl_export_format *out);
const char *vl_export_format_name(enum vl_export_format f);

struct vl_export_opts {
	const char *what;     /* "ITEM", "ITEM/NAME", "NAME" */
	const char *image;    /* NAME apart from the item, or NULL */
	const char *platform; /* "linux/arm64", or NULL */
	const char *channel;  /* NULL: any */
	const char *out;      /* file or directory, which must not exist; "-": standard output */
	enum vl_export_format format;
	bool no_attached;     /* oci-archive without signatures and attestations */
	const struct vl_name_rule *rule; /* names that publish and serve give are understood, too */
	size_t n_rule;
};
struct vl_exported { /* what was taken */
	enum vl_export_format format;
	struct vl_named_images images; /* attached ones too; for docker-archive each is one manifest */
	size_t attached, expanded; /* expanded: zstd layers that docker-archive has decompressed */
	size_t files;
	uint64_t bytes; /* of the content */
	bool names_are_items; /* it is an item of files: images[0].name is CHANNEL/ITEM:SEQUENCE */
};
void vl_exported_clear(struct vl_exported *x);
VL_DEFINE_CLEAN(vl_exported)
/* Damaged blob: VL_E_STORE, and PATH does not appear. No such item, image or platform: VL_E_ABSENT, with what there
 * is. PATH exists: VL_E_EXISTS. */
VL_MUST bool vl_export(const struct vl_store *s, const struct vl_generation *g, const struct vl_export_opts *o,
		       const struct vl_env *env, struct vl_exported *out, struct vl_err *e);

/* How people name images: all of "registry.example.com/security/semgrep:5", or its end behind a slash ("semgrep:5"),
 * each also without the tag; or its digest "sha256:HEX". What one name matches must be one image, unless one of them is
 * called exactly so. Attached ones only by their full name. *at: its place in l. */
VL_MUST bool vl_named_images_find(const struct vl_named_images *l, const char *name, size_t *at, struct vl_err *e);
/* The same images under the names that publish and serve give them; parallel to l. */
void vl_named_images_map(const struct vl_named_images *l, const struct vl_name_rule *rule, size_t n,
			 struct vl_named_images *out);
/* How well `asked` names this full name: 0 not at all, 1 without tag or host, 2 exactly. */
int vl_image_name_matches(const char *full, const char *asked);

#endif
