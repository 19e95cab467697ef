/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline/publishing.h: the flow from a store to an existing registry; only in the full build. Apart from pipeline.h,
 * because what unpacks knows no net. */
#ifndef VL_PIPELINE_PUBLISHING_H
#define VL_PIPELINE_PUBLISHING_H

#include "publish/publish.h"

struct vl_conf;

struct vl_publish_opts {
	const char *store;            /* path */
	const char *channel;          /* NULL: all */
	const char *registry;         /* "registry.corp:5000/scanners" */
	const char *const *only;      /* item names or NULL */
	const struct vl_name_rule *rule;
	size_t n_rule;
	bool plain_http, dry_run;
	bool perhaps_item;            /* registry: may be an item, with the registry left out */
};
/* What the store offers under names, pushed as far as it is not there. Reads the store and takes no lock. What could
 * not be offered was told as warnings; their number is in *problems. */
VL_MUST bool vl_publish_run(const struct vl_publish_opts *o, const struct vl_conf *conf, const struct vl_env *env,
			    struct vl_publish_report *r, size_t *problems, struct vl_err *e);

#endif
