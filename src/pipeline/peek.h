/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline/peek.h: the documents of a bundle, without installing it and whether or not anybody vouches for it. Nothing
 * here leads to an installation; a parcel is hashed against the waybill before it is opened. */
#ifndef VL_PIPELINE_PEEK_H
#define VL_PIPELINE_PEEK_H

#include "store/digests.h"
#include "store/docgraph.h"
#include "verify/verify.h"

struct vl_peeked { /* the opened first parcel, which holds the documents */
	uint8_t *raw;
	size_t len;
	char name[40];
	struct vl_digests has; /* its whole blobs, by number: */
	struct vl_bytes *blob;
	size_t n, cap;
	struct vl_docshare *read; /* documents so far, of all items; counted by who only reads */
};
VL_MUST bool vl_peek_open(struct vl_peeked *p, const struct vl_checked *k, struct vl_err *e);
void vl_peeked_clear(struct vl_peeked *p);
VL_DEFINE_CLEAN(vl_peeked)
struct vl_docs vl_docs_of_peeked(const struct vl_peeked *p); /* borrows p */
/* The bundle's root index: one child per item. */
VL_MUST bool vl_peek_snapshot(const struct vl_peeked *p, const struct vl_checked *k, struct vl_doc *out,
			      struct vl_err *e);

#endif
