/* SPDX-License-Identifier: Apache-2.0 */
/* verify/assembly.c: put segments together into blobs of the store.
 * In:    segments in parcel order.
 * Out:   blobs, each visible only when complete, with its digest, and synced (vl_blob_finish).
 * Keeps: nothing refers to these blobs yet, so leaving them behind after a crash is harmless and makes the next run
 *        short: a blob that the store has, and that still is what its name says, is compared but not written again.
 *        When the bundle itself is refused, vl_assembly_undo() takes back what it brought. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "verify/tiling_priv.h"
#include "verify/verify.h"

struct vl_assembly {
	struct vl_store *store; /* borrowed */
	struct vl_tiling tiling;
	struct vl_blob blob;
	struct vl_sha256 *sha; /* of a blob that is here already */
	bool here;             /* the open blob is here already: hash only */
	bool absent;           /* there was not even a damaged one */
};

bool vl_assembly_new(struct vl_assembly **out, struct vl_store *s, struct vl_err *e)
{
	struct vl_assembly *a = vl_xcalloc(1, sizeof *a);

	(void)e;
	a->store = s;
	a->blob = (struct vl_blob)VL_BLOB_INIT;
	a->sha = vl_sha256_new();
	*out = a;
	return true;
}

void vl_assembly_free(struct vl_assembly *a)
{
	if (!a)
		return;
	vl_blob_clear(&a->blob);
	vl_sha256_free(a->sha);
	vl_tiling_clear(&a->tiling);
	free(a);
}

#define BLOB_NAME (32 + VL_DIGEST_HEX)
static const char *name_blob(const struct vl_digest *d, char out[static BLOB_NAME])
{
	char hex[VL_DIGEST_HEX];

	snprintf(out, BLOB_NAME, "blobs/sha256/%s", vl_digest_hex(d, hex));
	return out;
}

/* Whether the store has the blob undamaged. The size is the one on disk: it is judged by the digest, and again by the
 * closure. */
static bool find_here(struct vl_assembly *a, const struct vl_digest *d, struct vl_err *e)
{
	char name[BLOB_NAME];
	struct stat st;

	a->here = false;
	a->absent = fstatat(vl_store_dir(a->store), name_blob(d, name), &st, AT_SYMLINK_NOFOLLOW) < 0;
	if (a->absent || !S_ISREG(st.st_mode))
		return true;
	return vl_store_check_blob(a->store, d, (uint64_t)st.st_size, &a->here, e);
}

static bool begin(struct vl_assembly *a, const struct vl_segment *seg, struct vl_err *e)
{
	if (!find_here(a, &seg->blob, e))
		return false;
	return a->here || vl_blob_begin(&a->blob, a->store, seg->whole ? seg->data.len : 0, e);
}

static bool append(struct vl_assembly *a, const struct vl_segment *seg, struct vl_err *e)
{
	if (!a->here)
		return vl_blob_write(&a->blob, seg->offset, seg->data, e);
	vl_sha256_add(a->sha, seg->data);
	return true;
}

/* The last piece was there: the digest decides. */
static bool finish(struct vl_assembly *a, struct vl_err *e)
{
	struct vl_digest got;
	char hex[VL_DIGEST_HEX], want[VL_DIGEST_HEX];

	if (!a->here) {
		if (!vl_blob_finish(&a->blob, &a->tiling.blob, NULL, NULL, e))
			return false;
	} else {
		vl_sha256_end(a->sha, &got);
		if (!vl_digest_equal(&got, &a->tiling.blob))
			return vl_fail(e, VL_E_DIGEST, "blob %s has the digest %s",
				       vl_digest_hex(&a->tiling.blob, want), vl_digest_hex(&got, hex));
	}
	if (!vl_tiling_close(&a->tiling, e))
		return false;
	vl_blobset_find(&a->tiling.done, &a->tiling.blob)->came = a->absent;
	return true;
}

static bool add(struct vl_assembly *a, const struct vl_segment *seg, struct vl_err *e)
{
	bool begins = false;

	if (!vl_tiling_continues(&a->tiling, seg) && !finish(a, e))
		return false;
	if (!vl_tiling_take(&a->tiling, seg, &begins, e))
		return false;
	if (begins && !begin(a, seg, e))
		return false;
	return append(a, seg, e) && (!seg->whole || finish(a, e));
}

bool vl_assembly_add(struct vl_assembly *a, const struct vl_segment *seg, const char *parcel, struct vl_err *e)
{
	if (add(a, seg, e))
		return true;
	vl_while(e, "%s", parcel);
	return vl_found(e, parcel, NULL, NULL);
}

bool vl_assembly_end(struct vl_assembly *a, struct vl_err *e)
{
	return !a->tiling.open || finish(a, e);
}

void vl_assembly_undo(struct vl_assembly *a)
{
	const struct vl_blobset *done = &a->tiling.done;
	char name[BLOB_NAME];

	vl_blob_clear(&a->blob);
	for (size_t i = 0; i < done->n; i++)
		if (done->row[i].came) /* a failure: only space is lost */
			unlinkat(vl_store_dir(a->store), name_blob(&done->index.v[i], name), 0);
	vl_tiling_clear(&a->tiling);
}

bool vl_assembly_within(const struct vl_assembly *a, const struct vl_closure *c, struct vl_err *e)
{
	const struct vl_digests *carried = &a->tiling.done.index;
	VL_CLEAN(vl_digests) wanted = { .n = 0 };
	char hex[VL_DIGEST_HEX];
	uint32_t number;

	for (size_t i = 0; i < c->n; i++)
		vl_digests_add(&wanted, &c->blob[i].digest, &number);
	for (size_t i = 0; i < carried->n; i++)
		if (vl_digests_find(&wanted, &carried->v[i]) == VL_DIGESTS_NONE)
			return vl_fail(e, VL_E_CLOSURE, "blob %s is carried, but nothing in the snapshot names it",
				       vl_digest_hex(&carried->v[i], hex));
	return true;
}
