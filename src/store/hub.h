/* SPDX-License-Identifier: Apache-2.0 */
/* store/hub.h: what a generation offers under names: images and artifacts as repositories and tags, the documents and
 * blobs they consist of, who is attached to whom. publish, serve, export and list all look here.
 *
 * Names. An item of type image or gitlab-analyzers is an index (VL_ARTIFACT_IMAGES) whose children are images,
 * signatures and attestations; each child's VL_AN_IMAGE says its names. Every other item is one artifact: it is offered
 * as CHANNEL/ITEM with the tags "latest", the channel's sequence, and, when its VL_AN_SOURCE is a name in a registry
 * ("ghcr.io/aquasecurity/trivy-db:2"), that tag; then it is offered under the mapped source name, too.
 * Mapping: the first rule whose `from` is HOST/NAME or a whole-step beginning of it replaces that part by `to`;
 * no rule: the host goes. "registry.example.com/security/semgrep:5" -> "security/semgrep", "5". */
#ifndef VL_STORE_HUB_H
#define VL_STORE_HUB_H

#include "store/store.h"

struct vl_name_rule { /* borrowed */
	const char *from, *to;
};
/* The repository for HOST/NAME; the caller frees. NULL: nothing valid would be left of it. */
char *vl_name_map(const struct vl_name_rule *rule, size_t n, const char *host_and_name);

struct vl_offer { /* one name */
	const char *channel, *item, *type; /* owned by the hub */
	char *source;        /* "registry.example.com/security/semgrep:5", as upstream calls it; or NULL */
	char *repository;    /* "security/semgrep" */
	char *tag;           /* "5"; NULL: by digest only */
	struct vl_desc desc; /* of the document; of the annotations only when it was fetched and made, and of what */
	bool attached;       /* a signature or attestation of `subject` */
	struct vl_digest subject;
	bool by_item;        /* the CHANNEL/ITEM name of an artifact, not upstream's own */
	char *also;          /* other items that offer the same under this name, each between blanks; or NULL */
	unsigned rank;       /* private: of two that clash the lower one wins */
};
struct vl_hub_blob { /* each digest once */
	struct vl_digest digest;
	uint64_t size;
	bool is_doc;
	const char *media_type; /* as its first descriptor says; owned by the hub */
};
struct vl_referrer {
	struct vl_digest subject;
	struct vl_desc desc; /* as the referrers API wants it: artifactType (else the config's type), the manifest's
			      * annotations */
};
struct vl_hub {
	struct vl_generation generation;
	struct vl_offer *offer;       /* sorted by repository, tag (NULL first), digest */
	size_t n_offer, cap_offer;
	struct vl_hub_blob *blob;     /* sorted by digest */
	size_t n_blob, cap_blob;
	struct vl_referrer *referrer; /* sorted by subject, digest */
	size_t n_referrer, cap_referrer;
	char **problem;               /* sentences: documents that could not be read, names that clash */
	size_t n_problem, cap_problem;
	char **strings;               /* private */
	size_t n_strings, cap_strings;
};
/* Of the store's current generation; channel NULL: all (a name in two channels: the newer bundle's wins, and that is a
 * problem). Reads every document and no other blob; a damaged or missing one is a problem and not a failure. */
VL_MUST bool vl_hub_load(struct vl_hub **out, const struct vl_store *s, const char *channel,
			 const struct vl_name_rule *rule, size_t n, struct vl_err *e);
void vl_hub_free(struct vl_hub *h);
VL_DEFINE_AUTO(vl_hub)
/* tag or "sha256:HEX"-less: tag only. NULL: no such name. */
const struct vl_offer *vl_hub_find(const struct vl_hub *h, const char *repository, const char *tag);
bool vl_hub_has_repository(const struct vl_hub *h, const char *repository);
const struct vl_hub_blob *vl_hub_blob(const struct vl_hub *h, const struct vl_digest *d);
/* The first of them, and how many. */
const struct vl_referrer *vl_hub_referrers(const struct vl_hub *h, const struct vl_digest *subject, size_t *n);

/* Everything below a document, each digest once, children before parents, the document itself last: the order in which
 * a registry wants it. The caller clears. */
struct vl_hub_list {
	struct vl_hub_blob *v; /* media_type owned by the list */
	size_t n, cap;
	char **strings;        /* private */
	size_t n_strings, cap_strings;
};
void vl_hub_list_clear(struct vl_hub_list *l);
VL_DEFINE_CLEAN(vl_hub_list)
VL_MUST bool vl_hub_below(const struct vl_store *s, const struct vl_desc *root, struct vl_hub_list *out,
			  struct vl_err *e);

#endif
