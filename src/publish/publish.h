/* SPDX-License-Identifier: Apache-2.0 */
/* publish/publish.h: push what the hub offers to an existing registry (OCI distribution-spec, "Push").
 * Blobs first (HEAD, cross-repository mount, upload), then child manifests, indexes, attached manifests, tags last: a
 * tag never points at something that is not there, whenever this is killed; run again, it goes on with what is
 * missing. */
#ifndef VL_PUBLISH_PUBLISH_H
#define VL_PUBLISH_PUBLISH_H

#include "net/net.h"
#include "store/hub.h"

struct vl_publish_job {
	const struct vl_store *store;
	const struct vl_hub *hub;
	const char *registry;    /* "registry.corp:5000" or with a prefix: "registry.corp:5000/scanners" */
	bool plain_http;         /* loopback speaks plain HTTP without being asked */
	/* Item names, NULL-terminated; NULL: all that have an upstream name. An artifact that is named here and has
	 * none goes to CHANNEL/ITEM. */
	const char *const *only;
	bool dry_run;            /* HEAD only */
	const struct vl_env *env;
};
struct vl_publish_report {
	uint64_t names, names_new;       /* tags and digests; of them not yet there as they should be */
	uint64_t names_done;             /* there now; less than `names` when it failed, or in a dry run */
	uint64_t blobs, blobs_sent, blobs_mounted;
	uint64_t bytes_sent, requests;   /* dry_run: bytes_sent is what would be sent */
	uint64_t bytes_wanted;           /* of blobs that are missing, as far as was looked; grows during the run */
	uint64_t fallback_tags;          /* referrers indexes updated because the registry has no referrers API */
};
/* Emits phase "publish" (bytes), VL_EV_ITEM per name. Stops at the first failure that another try does not mend. */
VL_MUST bool vl_publish(const struct vl_publish_job *job, struct vl_net *net, struct vl_publish_report *out,
			struct vl_err *e);

#endif
