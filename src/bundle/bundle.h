/* SPDX-License-Identifier: Apache-2.0 */
/* bundle/bundle.h: the waybill and the parcels (doc/format.md). Knows no medium and no trust. */
#ifndef VL_BUNDLE_BUNDLE_H
#define VL_BUNDLE_BUNDLE_H

#include "archive/ustar.h"
#include "crypt/signed.h"
#include "store/store.h"

#define VL_BUNDLE_FORMAT "valise-bundle-1"
#define VL_WAYBILL_MAX (8u << 20)
#define VL_PARCELS_MAX 32768
#define VL_PARCEL_RAW_MAX (64u << 20)
#define VL_PARCEL_STORED_MAX (66u << 20)
#define VL_SEGMENTS_MAX 65536 /* in one parcel */

/* ---- waybill ---- */
enum vl_parcel_kind { VL_PARCEL_TAR_ZST = 1 }; /* delta.tar comes with deltas */
struct vl_parcel_line {
	enum vl_parcel_kind kind;
	uint64_t size; /* stored bytes */
	uint64_t raw;  /* bytes of the tar */
	struct vl_digest sha256; /* of the stored bytes */
};
struct vl_waybill {
	char channel[65];
	uint64_t epoch, sequence;
	int64_t created, expires;
	bool has_base; /* a delta: refused by this version with VL_E_NEWER */
	uint64_t base_sequence;
	struct vl_digest base_root;
	struct vl_digest root;
	uint64_t root_size;
	uint64_t items, blobs, bytes; /* totals of the whole snapshot */
	struct vl_parcel_line *parcel;
	size_t n;
	char tool[65]; /* "valise 0.1.0" */
};
void vl_waybill_free(struct vl_waybill *w);
VL_DEFINE_AUTO(vl_waybill)
/* Strict. VL_E_FORMAT with byte offset or key; an unknown format: VL_E_NEWER; limits: VL_E_LIMIT. The parser cannot be
 * handed unverified bytes: a vl_signed is made by vl_signed_open() (or, for inspect, vl_signed_unverified()). */
VL_MUST bool vl_waybill_parse(struct vl_waybill **out, const struct vl_signed *s, struct vl_err *e);
VL_MUST bool vl_waybill_format(const struct vl_waybill *w, struct vl_buf *out, struct vl_err *e);
/* "valise-bundle-v1 channel=prod epoch=1 seq=42 sha256=<hex of waybill.json>" */
void vl_waybill_comment(const struct vl_waybill *w, const struct vl_digest *sha256, char out[static 513]);
/* Every signer's comment says exactly that, or VL_E_SIG_COMMENT. */
VL_MUST bool vl_waybill_comments_agree(const struct vl_waybill *w, const struct vl_signed *s, struct vl_err *e);
/* "parcels/000001.tar.zst" for parcel index i (0-based). */
const char *vl_parcel_name(const struct vl_parcel_line *line, size_t i, char out[static 40]);
/* The untrusted comment of a bundle's signature, given to vl_minisig_sign(). It is not signed, so readers accept only
 * this one and minisign's own default: a flipped bit is found there too. */
#define VL_SIG_UNTRUSTED "signature from valise"
#define VL_SIG_UNTRUSTED_MINISIGN "signature from minisign secret key"
/* "prod-000042" */
void vl_bundle_name(const char *channel, uint64_t sequence, char out[static 96]);

/* ---- writing parcels ---- */
struct vl_piece {
	const struct vl_reached *blob; /* borrowed from the closure */
	uint64_t offset, len;
};
struct vl_parcel_plan {
	size_t first, n; /* pieces */
	uint64_t raw;    /* bytes of the tar */
};
struct vl_plan {
	struct vl_piece *piece;
	struct vl_parcel_plan *parcel;
	size_t n_pieces, cap_pieces, n_parcels, cap_parcels;
};
void vl_plan_clear(struct vl_plan *p);
VL_DEFINE_CLEAN(vl_plan)
/* Closure order; small blobs grouped, big ones cut; documents first, in a parcel that `inspect` can read alone.
 * raw_max: VL_PARCEL_RAW_MAX, smaller in tests. */
VL_MUST bool vl_plan_make(struct vl_plan *out, const struct vl_closure *c, uint64_t raw_max, struct vl_err *e);
/* About how many bytes the parcels will have, from compressing samples; rather too many. */
VL_MUST bool vl_plan_estimate(const struct vl_store *s, const struct vl_plan *p, uint64_t *bytes, struct vl_err *e);
/* Reads the pieces from the store, builds the tar, compresses it into out (max VL_PARCEL_STORED_MAX), fills *line.
 * A blob that does not hash to its name any more is found when it is whole in one parcel; the others by
 * vl_store_closure callers (pack checks cut blobs once). Thread-safe. level 0: auto (VL_LEVEL_AUTO for compressible
 * content, 1 else). */
#define VL_LEVEL_AUTO 12
VL_MUST bool vl_parcel_build(const struct vl_store *s, const struct vl_plan *p, size_t i, int level,
			     struct vl_parcel_line *line, struct vl_buf *out, struct vl_err *e);

/* ---- reading parcels ---- */
/* Size, then sha256, then one zstd frame into raw (line->raw bytes): nothing is decompressed that did not hash right.
 * VL_E_SIZE, VL_E_HASH (found and expected filled), VL_E_PARCEL. name: as carried, for messages. */
VL_MUST bool vl_parcel_open(struct vl_bytes stored, const struct vl_parcel_line *line, const char *name, uint8_t *raw,
			    struct vl_err *e);
struct vl_segment {
	struct vl_digest blob;
	bool whole;      /* the entry is the entire blob */
	uint64_t offset; /* 0 when whole */
	struct vl_bytes data;
};
/* Next segment of an opened parcel; names other than blobs/sha256/<64 hex>[@<16 hex>]: VL_E_PARCEL. */
VL_MUST bool vl_parcel_next(struct vl_ustar *t, struct vl_segment *seg, bool *end, const char *name, struct vl_err *e);

/* ---- texts beside the waybill ---- */
VL_MUST bool vl_bundle_readme(const struct vl_waybill *w, struct vl_buf *out, struct vl_err *e);
VL_MUST bool vl_bundle_sums(const struct vl_waybill *w, size_t first, size_t n, struct vl_buf *out, struct vl_err *e);
/* volume.json: format "valise-volume-1", label "PROD-000042-1", volume, volumes, first, last (parcels from 1). */
VL_MUST bool vl_bundle_volume_hint(const struct vl_waybill *w, unsigned volume, unsigned volumes, size_t first,
				   size_t last, struct vl_buf *out, struct vl_err *e);

#endif
