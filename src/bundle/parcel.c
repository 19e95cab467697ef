/* SPDX-License-Identifier: Apache-2.0 */
/* bundle/parcel.c: build one parcel.
 * In:    the store and a planned run of pieces.
 * Out:   the compressed tar, and its line for the waybill.
 * Keeps: a whole blob is hashed from the very bytes that go into the tar, so a store that rotted is found here and
 *        not on the other side of the gap. No state is shared: many parcels may be built at once. */
#include "bundle/bundle.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "archive/zstd.h"
#include "base/file.h"

#define SAMPLED_PARTS 8

static bool is_whole(const struct vl_piece *p)
{
	return p->offset == 0 && p->len == p->blob->size;
}

static void entry_name(const struct vl_piece *p, char out[static 101])
{
	char hex[VL_DIGEST_HEX];

	vl_digest_hex(&p->blob->digest, hex);
	if (is_whole(p))
		snprintf(out, 101, "blobs/sha256/%s", hex);
	else
		snprintf(out, 101, "blobs/sha256/%s@%016" PRIx64, hex, p->offset);
}

static bool damaged(const struct vl_piece *p, const struct vl_digest *is, struct vl_err *e)
{
	char want[VL_DIGEST_HEX], got[VL_DIGEST_HEX], file[96];

	vl_digest_hex(&p->blob->digest, want);
	snprintf(file, sizeof file, "blobs/sha256/%s", want);
	vl_digest_hex(is, got);
	vl_fail(e, VL_E_STORE, "%s of the store is damaged: its content has sha256 %s%s%s", file, got,
		*p->blob->item ? "; item " : "", p->blob->item);
	vl_found(e, file, got, want);
	return vl_hint(e, "Remove this file from the store and fetch the item again.");
}

static bool read_piece(const struct vl_store *s, const struct vl_piece *p, uint8_t *into, struct vl_err *e)
{
	VL_FD fd = -1;
	size_t got = 0;
	struct vl_digest is;
	char hex[VL_DIGEST_HEX];

	if (!vl_store_open_blob(s, &p->blob->digest, p->blob->size, &fd, e))
		return false;
	if (lseek(fd, (off_t)p->offset, SEEK_SET) < 0)
		return vl_fail_os(e, "read blob %s", vl_digest_hex(&p->blob->digest, hex));
	if (!vl_read_full(fd, into, p->len, &got, e))
		return vl_while(e, "blob %s of the store", vl_digest_hex(&p->blob->digest, hex));
	if (got != p->len)
		return vl_fail(e, VL_E_STORE, "blob %s of the store became shorter while it was read",
			       vl_digest_hex(&p->blob->digest, hex));
	if (!is_whole(p))
		return true;
	vl_sha256_of(vl_bytes(into, p->len), &is);
	return vl_digest_equal(&is, &p->blob->digest) ? true : damaged(p, &is, e);
}

/* raw is zeroed: padding and the end mark are there already. */
static bool build_tar(const struct vl_store *s, const struct vl_plan *p, const struct vl_parcel_plan *parcel,
		      uint8_t *raw, struct vl_err *e)
{
	uint64_t at = 0;

	for (size_t i = 0; i < parcel->n; i++) {
		const struct vl_piece *piece = &p->piece[parcel->first + i];
		char name[101];

		entry_name(piece, name);
		vl_ustar_header(raw + at, name, piece->len);
		if (!read_piece(s, piece, raw + at + VL_USTAR_BLOCK, e))
			return false;
		at += vl_ustar_entry_size(piece->len);
	}
	return at + VL_USTAR_END == parcel->raw ? true : vl_fail(e, VL_E_INTERNAL, "the parcel's plan does not add up");
}

/* A parcel may hold text beside gzip: one part that is worth it decides for all. */
static int choose_level(int level, struct vl_bytes raw)
{
	size_t part = raw.len / SAMPLED_PARTS + 1;

	if (level > 0)
		return level;
	for (size_t at = 0; at < raw.len; at += part)
		if (vl_zstd_is_worth(vl_bytes(raw.data + at, raw.len - at < part ? raw.len - at : part)))
			return VL_LEVEL_AUTO;
	return 1;
}

bool vl_parcel_build(const struct vl_store *s, const struct vl_plan *p, size_t i, int level,
		     struct vl_parcel_line *line, struct vl_buf *out, struct vl_err *e)
{
	const struct vl_parcel_plan *parcel = &p->parcel[i];
	VL_STR raw = NULL;
	void *memory = NULL;
	struct vl_bytes tar;

	if (!vl_alloc(&memory, parcel->raw, e))
		return vl_while(e, "parcel %zu", i + 1);
	raw = memory;
	memset(raw, 0, parcel->raw);
	tar = vl_bytes(raw, parcel->raw);
	vl_buf_reset(out);
	if (!build_tar(s, p, parcel, memory, e) || !vl_zstd_pack(tar, choose_level(level, tar), out, e))
		return vl_while(e, "parcel %zu", i + 1);
	*line = (struct vl_parcel_line){ .kind = VL_PARCEL_TAR_ZST, .size = out->len, .raw = parcel->raw };
	vl_sha256_of(vl_buf_bytes(out), &line->sha256);
	return true;
}
