/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline/export_priv.h: what choosing, archives and directories of an export share. */
#ifndef VL_PIPELINE_EXPORT_PRIV_H
#define VL_PIPELINE_EXPORT_PRIV_H

#include "base/env.h"
#include "pipeline/export.h"

struct vl_exporting {
	const struct vl_store *store;
	const struct vl_env *env;
	const struct vl_export_opts *o;
	struct vl_exported *x; /* what was chosen, and is counted */
	uint64_t done, total;  /* bytes */
};
/* Streams a blob through f, hashes it on the way and counts progress. The last piece may be followed by a failure. */
typedef bool vl_chunk_fn(void *ctx, struct vl_bytes b, struct vl_err *e);
VL_MUST bool vl_export_blob(struct vl_exporting *x, const struct vl_digest *d, uint64_t size, vl_chunk_fn *f,
			    void *ctx, struct vl_err *e);
VL_MUST bool vl_export_archive(struct vl_exporting *x, int fd, struct vl_err *e);
VL_MUST bool vl_export_files(struct vl_exporting *x, int dir, struct vl_err *e);

#endif
