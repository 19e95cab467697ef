/* SPDX-License-Identifier: Apache-2.0 */
/* media/media.h: bytes on sticks, discs and in directories. Knows nothing of trust: what it returns is untrusted. */
#ifndef VL_MEDIA_MEDIA_H
#define VL_MEDIA_MEDIA_H

#include "base/env.h"
#include "bundle/bundle.h"

/* ---- writing ---- */
struct vl_volume; /* one bundle directory being written */
/* Makes DIR (when absent) and DIR/name, which must not exist (VL_E_EXISTS). need: bytes to be written, checked against
 * the free space first (VL_E_NOSPACE, both numbers in words); 0: not checked. */
VL_MUST bool vl_volume_create(struct vl_volume **out, const char *dir, const char *name, uint64_t need,
			      const struct vl_env *env, struct vl_err *e);
/* Writes name ("parcels/000001.tar.zst", "READ-ME.txt"), not yet synced. ENODEV, EIO: VL_E_IO with advice. */
VL_MUST bool vl_volume_put(struct vl_volume *v, const char *name, struct vl_bytes b, struct vl_err *e);
/* syncfs: what was put so far is on the medium. Called before the waybill is put, and after. */
VL_MUST bool vl_volume_sync(struct vl_volume *v, struct vl_err *e);
/* Drops the page cache of each file (posix_fadvise), reads all of them again and compares with what was put; progress
 * is emitted. VL_E_READBACK names the file. */
VL_MUST bool vl_volume_read_back(struct vl_volume *v, struct vl_err *e);
/* The bundle is whole: free leaves it. Without this, free removes what was written. */
void vl_volume_keep(struct vl_volume *v);
const char *vl_volume_path(const struct vl_volume *v);
void vl_volume_free(struct vl_volume *v);
VL_DEFINE_AUTO(vl_volume)

/* ---- reading: each file is opened once and read once, without following links ---- */
struct vl_carried; /* one bundle directory on a medium */
struct vl_carried_list {
	struct vl_carried **item;
	size_t n, cap;
};
void vl_carried_list_clear(struct vl_carried_list *l);
VL_DEFINE_CLEAN(vl_carried_list)
/* path is a bundle directory (it holds waybill.json), or a directory whose sub-directories are. At most 256 are
 * looked at. Adds to the list. None: VL_E_NO_BUNDLE; path absent: VL_E_ABSENT; a .tar or "-": VL_E_USAGE, says that
 * this version reads directories. A sub-directory with parcels but no waybill.json is an unfinished bundle:
 * VL_E_VOLUME when it is all there is, else a warning. */
VL_MUST bool vl_media_find(struct vl_carried_list *l, const char *path, const struct vl_env *env, struct vl_err *e);
const char *vl_carried_path(const struct vl_carried *c);
/* out->max becomes VL_WAYBILL_MAX. */
VL_MUST bool vl_carried_waybill(struct vl_carried *c, struct vl_buf *out, struct vl_err *e);
/* waybill.json.minisig and waybill.json.<16 hex>.minisig, at most VL_SIGNATURES_MAX (VL_E_LIMIT), VL_MINISIG_MAX bytes
 * each. Names are not trusted. The files are owned by the caller's array of buffers, names too. */
struct vl_carried_sigs {
	struct vl_sigfile file[VL_SIGNATURES_MAX];
	struct vl_buf text[VL_SIGNATURES_MAX];
	char name[VL_SIGNATURES_MAX][64];
	size_t n;
};
void vl_carried_sigs_clear(struct vl_carried_sigs *s);
VL_DEFINE_CLEAN(vl_carried_sigs)
VL_MUST bool vl_carried_signatures(struct vl_carried *c, struct vl_carried_sigs *out, struct vl_err *e);
/* The whole parcel in one sequential read into memory (never mapped). Absent: VL_E_VOLUME; another size: VL_E_SIZE;
 * errors name the file. out->max: VL_PARCEL_STORED_MAX. Thread-safe for different i. */
VL_MUST bool vl_carried_parcel(const struct vl_carried *c, const struct vl_parcel_line *line, size_t i,
			       struct vl_buf *out, struct vl_err *e);

/* One of the small texts beside the waybill, read once; out->max bytes at most (VL_E_LIMIT). Absent: *absent = true. */
VL_MUST bool vl_carried_text(const struct vl_carried *c, const char *name, struct vl_buf *out, bool *absent,
			     struct vl_err *e);
/* The names in the bundle directory, sorted, foreign: calls f for each. */
VL_MUST bool vl_carried_names(const struct vl_carried *c, bool (*f)(void *ctx, const char *name, struct vl_err *e),
			      void *ctx, struct vl_err *e);

#endif
