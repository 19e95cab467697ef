/* SPDX-License-Identifier: Apache-2.0 */
/* packlist/ref.h: names of artifacts in registries: "host[:port]/name[:tag][@sha256:hex]". */
#ifndef VL_PACKLIST_REF_H
#define VL_PACKLIST_REF_H

#include "base/err.h"

struct vl_ref {
	char host[256];   /* with the port, as written */
	char name[256];   /* "aquasec/trivy-db" */
	char tag[129];    /* or empty */
	char digest[72];  /* "sha256:<hex>", or empty */
};
/* VL_E_PACKLIST says what is wrong with it. Without tag and digest both stay empty. */
VL_MUST bool vl_ref_parse(struct vl_ref *out, const char *text, struct vl_err *e);
/* "host[:port]/name" and nothing behind it. Hosts without a dot are fine here. */
bool vl_ref_is_address(const char *text);
/* HOST[:PORT][/PREFIX]: where images are put, or taken from. */
bool vl_ref_is_registry(const char *text);
/* A repository's path: "security-products/semgrep". */
bool vl_ref_is_path(const char *text);

#endif
