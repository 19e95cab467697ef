/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline/bundling.h: a bundle in the making, from a plan to a signed directory. Private to pack.c and bundling.c. */
#ifndef VL_PIPELINE_BUNDLING_H
#define VL_PIPELINE_BUNDLING_H

#include "pipeline/packing.h"

struct vl_bundling {
	const struct vl_pack_opts *o; /* borrowed */
	const struct vl_env *env;
	struct vl_seckey *key[VL_SIGNATURES_MAX];
	size_t n_keys;
	struct vl_closure closure;
	struct vl_plan plan;
	uint64_t raw;            /* bytes of all tars */
	struct vl_waybill *waybill;
	struct vl_volume *volume;
	struct vl_buf text;      /* waybill.json */
	struct vl_digest sha256; /* of it */
	uint64_t written;        /* bytes of all files on the medium */
	uint64_t done;           /* raw bytes of the parcels written so far */
};
#define VL_BUNDLING_INIT { .text = VL_BUF_INIT(VL_WAYBILL_MAX) }
void vl_bundling_clear(struct vl_bundling *b);
VL_DEFINE_CLEAN(vl_bundling)
/* Secret keys, asked for their passwords; distinct. */
VL_MUST bool vl_bundling_open_keys(struct vl_bundling *b, struct vl_err *e);
/* Closure and plan of a snapshot. */
VL_MUST bool vl_bundling_plan(struct vl_bundling *b, const struct vl_store *s, const struct vl_channel *c,
			      struct vl_err *e);
/* The waybill but its parcels. */
VL_MUST bool vl_bundling_begin_waybill(struct vl_bundling *b, const struct vl_channel *c, uint64_t sequence,
				       int64_t created, int64_t validity, struct vl_err *e);
/* Checks, compresses and writes every parcel, then the texts that follow from them, and waits until they are on the
 * medium. */
VL_MUST bool vl_bundling_write(struct vl_bundling *b, const struct vl_store *s, struct vl_err *e);
/* waybill.json, then the signatures. The number was made durable before. */
VL_MUST bool vl_bundling_seal(struct vl_bundling *b, struct vl_err *e);

#endif
