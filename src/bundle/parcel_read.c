/* SPDX-License-Identifier: Apache-2.0 */
/* bundle/parcel_read.c: a parcel from a medium.
 * In:    untrusted bytes in memory, and the line of a waybill.
 * Out:   the tar they unpack to, then its segments one by one.
 * Keeps: size and hash are compared before the first byte is decompressed, and what was hashed is what is decompressed;
 *        a name yields a digest and an offset, never a path. */
#include "bundle/bundle.h"

#include <inttypes.h>
#include <stdio.h>

#include "archive/zstd.h"
#include "base/text.h"

#define PREFIX "blobs/sha256/"
#define HEX_LEN 64
#define OFFSET_LEN 16

bool vl_parcel_open(struct vl_bytes stored, const struct vl_parcel_line *line, const char *name, uint8_t *raw,
		    struct vl_err *e)
{
	char want[VL_DIGEST_HEX], got[VL_DIGEST_HEX];
	struct vl_digest is;

	if (stored.len != line->size) {
		snprintf(want, sizeof want, "%" PRIu64, line->size);
		snprintf(got, sizeof got, "%zu", stored.len);
		vl_fail(e, VL_E_SIZE, "%s has %s bytes, the waybill says %s", name, got, want);
		return vl_found(e, name, got, want);
	}
	vl_sha256_of(stored, &is);
	if (!vl_digest_equal(&is, &line->sha256)) {
		vl_digest_hex(&is, got);
		vl_digest_hex(&line->sha256, want);
		vl_fail(e, VL_E_HASH, "%s: sha256 is %s, the waybill says %s", name, got, want);
		return vl_found(e, name, got, want);
	}
	if (!vl_zstd_unpack(stored, raw, line->raw, name, e))
		return vl_found(e, name, NULL, NULL);
	return true;
}

/* blobs/sha256/<64 hex> or blobs/sha256/<64 hex>@<16 hex>, lower case, and nothing else: one spelling per meaning. */
static bool parse_name(const char *name, struct vl_segment *seg)
{
	const char *rest = name + sizeof PREFIX - 1;
	char hex[VL_DIGEST_HEX];
	uint8_t offset[OFFSET_LEN / 2];
	size_t len = strlen(name);

	if (strncmp(name, PREFIX, sizeof PREFIX - 1) || len < sizeof PREFIX - 1 + HEX_LEN)
		return false;
	memcpy(hex, rest, HEX_LEN);
	hex[HEX_LEN] = '\0';
	rest += HEX_LEN;
	seg->whole = *rest == '\0';
	seg->offset = 0;
	if (!vl_digest_parse_hex(&seg->blob, hex))
		return false;
	if (seg->whole)
		return true;
	if (*rest != '@' || !vl_unhex(rest + 1, offset, sizeof offset))
		return false;
	for (size_t i = 0; i < sizeof offset; i++)
		seg->offset = seg->offset << 8 | offset[i];
	return true;
}

bool vl_parcel_next(struct vl_ustar *t, struct vl_segment *seg, bool *end, const char *name, struct vl_err *e)
{
	struct vl_ustar_entry entry;
	VL_STR safe = NULL;

	if (!vl_ustar_next(t, &entry, end, name, e))
		return vl_found(e, name, NULL, NULL);
	if (*end)
		return true;
	safe = vl_safe_text(entry.name, sizeof entry.name);
	if (!parse_name(entry.name, seg)) {
		vl_fail(e, VL_E_PARCEL, "%s: \"%s\" is not the name of a blob or of a piece of one", name, safe);
		return vl_found(e, name, safe, PREFIX "<64 hex>[@<16 hex>]");
	}
	seg->data = entry.data;
	/* A piece of nothing moves nothing forward: a parcel full of them would only cost time. */
	if (!seg->whole && !seg->data.len) {
		vl_fail(e, VL_E_PARCEL, "%s: %s is an empty piece", name, safe);
		return vl_found(e, name, safe, NULL);
	}
	if (seg->offset > VL_BLOB_MAX || seg->data.len > VL_BLOB_MAX - seg->offset) {
		vl_fail(e, VL_E_LIMIT, "%s: %s ends beyond 1 TiB", name, safe);
		return vl_found(e, name, safe, NULL);
	}
	return true;
}
