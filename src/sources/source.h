/* SPDX-License-Identifier: Apache-2.0 */
/* sources/source.h: the packing list's items become OCI artifacts in the store. One file per kind of upstream, one row
 * in table.c each. */
#ifndef VL_SOURCES_SOURCE_H
#define VL_SOURCES_SOURCE_H

#include "net/net.h"
#include "packlist/conf.h"
#include "packlist/packlist.h"
#include "store/store.h"

struct vl_item_result {
	const struct vl_item *item; /* borrowed from the packing list */
	bool ok;
	bool changed;        /* differs from the previous snapshot */
	struct vl_desc desc; /* when ok: the item's descriptor for the snapshot, all annotations in place */
	uint64_t downloaded; /* bytes of bodies over the wire */
	struct vl_err err;   /* when !ok */
};
struct vl_fetch_result {
	struct vl_item_result *item; /* one per item asked for, in the packing list's order */
	size_t n, failed, changed;
	uint64_t downloaded, requests;
};
void vl_fetch_result_clear(struct vl_fetch_result *r);
VL_DEFINE_CLEAN(vl_fetch_result)

struct vl_fetch_job {
	struct vl_store *store;
	const struct vl_packlist *list;
	const struct vl_conf *conf;
	const char *const *only;   /* NULL-terminated item names, or NULL: all */
	const struct vl_doc *previous; /* the channel's snapshot, or NULL */
	const struct vl_env *env;
};
/* Fetches all items at once (one multi loop). A failing item does not stop the others: their blobs and partial files
 * stay. An unchanged item keeps its previous descriptor byte for byte. False only for what concerns the whole run.
 * Emits VL_EV_ITEM per item ("unchanged", "2.4 MB downloaded, 4.8 MB stored"). */
VL_MUST bool vl_sources_fetch(const struct vl_fetch_job *job, struct vl_fetch_result *out, struct vl_err *e);

/* The net as valise.conf wants it; publish uses it, too. */
struct vl_net;
VL_MUST bool vl_sources_net(struct vl_net **out, const struct vl_conf *c, const struct vl_env *env, struct vl_err *e);

/* What `init` offers: one row per type. */
struct vl_catalogue_row {
	const char *type, *what, *size, *cadence, *consumer;
	const char *example; /* YAML lines of one item, two spaces in front */
};
const struct vl_catalogue_row *vl_sources_catalogue(size_t *n);

#endif
