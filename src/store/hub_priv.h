/* SPDX-License-Identifier: Apache-2.0 */
/* store/hub_priv.h: what the files of the hub share: names taken apart, documents walked breadth first. */
#ifndef VL_STORE_HUB_PRIV_H
#define VL_STORE_HUB_PRIV_H

#include "store/digests.h"
#include "store/hub.h"

/* ---- hub_names.c: pure ---- */
struct vl_image_name { /* "HOST/NAME:TAG", "HOST/NAME@sha256:HEX" or both endings */
	char *host_and_name, *tag; /* tag NULL: by digest only */
};
void vl_image_name_clear(struct vl_image_name *n);
VL_DEFINE_CLEAN(vl_image_name)
/* False: not a name. A tag or a digest must be there. */
bool vl_image_name_parse(struct vl_image_name *out, const char *text);

/* ---- hub_walk.c ---- */
struct vl_hub_visit { /* a document that waits to be read */
	size_t blob;
	unsigned depth;
	const char *where; /* "prod/analyzers" */
};
struct vl_hub_walk {
	const struct vl_store *store;
	struct vl_hub *h;
	struct vl_digests seen; /* the same indexes as h->blob */
	struct vl_hub_visit *queue;
	size_t n_queue, cap_queue;
	uint64_t bytes; /* of documents */
	bool full;      /* a limit was told */
};
void vl_hub_walk_clear(struct vl_hub_walk *w);
VL_DEFINE_CLEAN(vl_hub_walk)
/* d is a document that somebody may ask for; where is owned by the hub. */
void vl_hub_reach(struct vl_hub_walk *w, const struct vl_desc *d, const char *where);
/* Everything that was reached, and what it leads to, becomes the hub's blobs and referrers. */
void vl_hub_walk_all(struct vl_hub_walk *w);
/* A document by its descriptor, hashed. VL_E_STORE. */
VL_MUST bool vl_hub_read(const struct vl_store *s, const struct vl_digest *digest, uint64_t size,
			 const char *media_type, struct vl_doc *out, struct vl_err *e);

/* ---- hub_offers.c ---- */
/* Of all channels, or of one. */
void vl_hub_add_channels(struct vl_hub_walk *walk, const char *only, const struct vl_name_rule *rule, size_t n);

/* ---- hub.c ---- */
const char *vl_hub_keep(struct vl_hub *h, const char *s);
void vl_hub_problem(struct vl_hub *h, const char *fmt, ...) VL_PRINTF(2, 3);

#endif
