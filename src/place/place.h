/* SPDX-License-Identifier: Apache-2.0 */
/* place/place.h: store -> where each consumer looks. Places inside the generation switch with it, in the one rename of
 * `current`; targets elsewhere (valise.conf) are rolled forward afterwards, each by one exchange of a directory, and
 * again at the next run if that was interrupted. No path comes from the medium except file names below an item's own
 * directory, which vl_path_is_safe() has checked. */
#ifndef VL_PLACE_PLACE_H
#define VL_PLACE_PLACE_H

#include "store/hub.h"

/* In the generation: places/<channel>/
 * osv layers are titled <ECO>/all.zip; a trivy-db layer *.tar.gz; layers of files by their relative path.
 *   osv/osv-scanner/<ECO>/all.zip, osv/osv-scalibr/<ECO>/all.zip   hard links of the blob (or copies)
 *   trivy/db/trivy.db, trivy/db/metadata.json                      real files, never an inode shared with a blob
 *   files/<item>/...                                               http and dir items */
/* path is absolute and has no link in it.
 *   trivy        the cache directory; only db/ in it is exchanged, the scan cache beside it stays. Must exist.
 *   osv-scanner  the database directory; only osv-scanner/ and osv-scalibr/ in it are exchanged. Must exist.
 *   files        the directory that becomes the tree. Its parent must exist; it is absent, empty or made by valise. */
struct vl_target { /* one `places:` entry of valise.conf; borrowed strings */
	const char *consumer; /* "osv-scanner", "trivy", "files" */
	const char *channel;  /* NULL: the only one */
	const char *item;     /* NULL: every item of the consumer's type; "files" needs it */
	const char *path;
	const char *owner;    /* user name for the files, or NULL: valise's own user */
};
/* Fills the new generation's places/ for every channel. Unchanged trees of the previous generation are hard-linked over
 * where the consumer only reads; trivy's are always fresh copies. env->now is DownloadedAt. */
VL_MUST bool vl_place_generation(struct vl_store *s, const struct vl_generation *g, int generation_dir,
				 const struct vl_env *env, struct vl_err *e);
/* Bytes that placing will need beside the blobs (copies), for the space check. */
VL_MUST bool vl_place_need(struct vl_store *s, const struct vl_generation *g, uint64_t *bytes, struct vl_err *e);
/* Rolls the targets forward to g. state/placed.json remembers what is done; nothing to do is nothing touched. A
 * directory that was removed or replaced since is filled again. VL_E_PLACE names target and reason; the others are
 * still done. */
VL_MUST bool vl_place_targets(struct vl_store *s, const struct vl_generation *g, const struct vl_target *t, size_t n,
			      const struct vl_env *env, struct vl_err *e);

/* What `valise env` is asked. All borrowed. */
struct vl_env_ask {
	const char *consumer; /* NULL: all that the generation has something for */
	const char *channel;  /* NULL: the only one */
	const struct vl_target *target;
	size_t n_target;
	const char *registry; /* where images are pulled from, HOST[:PORT][/PREFIX]; NULL: not known */
	const struct vl_name_rule *rule; /* what images are called there */
	size_t n_rule;
};
/* Shell lines to eval, and comments with the flags to add. Of the store's current generation, g. Unknown consumer:
 * VL_E_USAGE with the nearest; so is a consumer that was named and needs the registry. */
VL_MUST bool vl_place_env(const struct vl_store *s, const struct vl_generation *g, const struct vl_env_ask *ask,
			  struct vl_buf *out, struct vl_err *e);
/* One line per consumer for `status`: "trivy: export TRIVY_CACHE_DIR=..."; NULL-terminated names for completion. */
const char *const *vl_place_consumers(void);

#endif
