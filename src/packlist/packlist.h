/* SPDX-License-Identifier: Apache-2.0 */
/* packlist/packlist.h: valise.yaml -> structs. Errors (VL_E_PACKLIST): file:line:column, what is wrong, the nearest
 * known key. Unknown keys, wrong types, duplicate names, empty lists, keys that the item's type does not have are
 * errors. */
#ifndef VL_PACKLIST_PACKLIST_H
#define VL_PACKLIST_PACKLIST_H

#include <stdint.h>

#include "base/err.h"

struct vl_item { /* strings NULL when absent */
	char *name, *type;
	bool exact;          /* no normalisation */
	/* osv */
	char **ecosystems;
	unsigned ecosystems_count;
	/* osv: base URL of the bucket; http: the file */
	char *url;
	/* trivy-db */
	char **references;   /* tried in order; default: upstream's */
	unsigned references_count;
	/* http */
	char *sha256, *checksum_url, *minisign_key, *signature_url;
	bool unpack;
	/* image, gitlab-analyzers */
	char **images;       /* references; "alpine:3" is docker.io/library/alpine:3 after loading */
	unsigned images_count;
	char **platforms;    /* "linux/amd64", ...; {"all"} keeps the index; default: linux/amd64 */
	unsigned platforms_count;
	bool referrers;      /* signatures and attestations come along; default true */
	char *cosign_key;    /* as written; relative to the packing list's directory; or NULL */
	/* gitlab-analyzers: after loading, `images` holds what these stand for */
	char **analyzers;    /* "semgrep", "semgrep:6" */
	unsigned analyzers_count;
	char *registry;      /* "registry.gitlab.com/security-products" by default */
	/* dir */
	char *path;          /* as written; relative to the packing list's directory */
	unsigned line;       /* of the item, for messages */
};
struct vl_packlist {
	char *file;          /* as named */
	char *dir;           /* directory of the file */
	char *channel;
	int64_t expires;     /* seconds of validity; default 14 d */
	struct vl_item *items;
	unsigned items_count;
};
VL_MUST bool vl_packlist_load(struct vl_packlist **out, const char *path, struct vl_err *e);
void vl_packlist_free(struct vl_packlist *p);
VL_DEFINE_AUTO(vl_packlist)
const struct vl_item *vl_packlist_find(const struct vl_packlist *p, const char *name);
const char *const *vl_packlist_types(void); /* NULL-terminated */

#endif
