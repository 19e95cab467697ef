/* SPDX-License-Identifier: Apache-2.0 */
/* sources/registry.c: references to URLs, and answers to documents (OCI distribution-spec, "Pulling").
 * In:    references of the packing list, mirrors of valise.conf; finished requests.
 * Out:   the URLs to try, in order; a document whose bytes have the digest that named it.
 * Keeps: what is recorded is the name that the operator wrote; mirrors and API hosts stand in URLs only. */
#include "sources/registry.h"

#include <stdlib.h>

#include "base/host.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"

/* ---- candidates ---- */

static void candidate_clear(struct vl_candidate *c)
{
	free(c->ref);
	free(c->base);
	free(c->name);
	free(c->version);
}

/* scheme: "https://"; host: the host and what follows. Docker's registry is called docker.io by everybody, but its API
 * lives elsewhere. */
static char *api_base(const char *scheme, const char *host)
{
	VL_STR bare = vl_xstrndup(host, strcspn(host, "/"));

	return vl_xprintf("%.*s%s", (int)(host - scheme), scheme, vl_host_of_api(bare));
}

/* url: "https://host[:port]/name" */
static bool candidate_make(struct vl_candidate *c, const char *url, const char *ref, const char *version,
			   struct vl_err *e)
{
	const char *host = strstr(url, "://") + 3, *slash = strchr(host, '/');

	if (!slash || !vl_ref_is_address(host))
		return vl_fail(e, VL_E_CONFIG, "the mirror of %s is no registry address: %s", ref, host);
	c->ref = vl_xstrdup(ref);
	c->base = api_base(url, host);
	c->name = vl_xstrdup(slash + 1);
	c->version = vl_xstrdup(version);
	return true;
}

bool vl_candidates_add(struct vl_candidates *c, const struct vl_conf *conf, const char *reference,
		       const char *default_tag, struct vl_err *e)
{
	struct vl_ref r;
	VL_TEXTS urls = NULL;
	VL_STR shown = NULL;
	VL_STR url = NULL;
	const char *version;

	if (!vl_ref_parse(&r, reference, e))
		return vl_while(e, "reference");
	version = r.digest[0] ? r.digest : r.tag[0] ? r.tag : default_tag;
	shown = vl_xprintf("%s/%s%s%s", r.host, r.name, r.digest[0] ? "@" : ":", version);
	url = vl_xprintf("%s://%s/%s", vl_host_is_loopback(r.host) ? "http" : "https", r.host, r.name);
	urls = vl_mirrored(conf, url);
	for (char **u = urls; *u; u++) {
		vl_grow(&c->v, c->n, &c->cap, sizeof *c->v);
		c->v[c->n] = (struct vl_candidate){ .ref = NULL };
		if (!candidate_make(&c->v[c->n++], *u, shown, version, e))
			return false;
	}
	return true;
}

void vl_candidates_clear(struct vl_candidates *c)
{
	for (size_t i = 0; i < c->n; i++)
		candidate_clear(&c->v[i]);
	free(c->v);
	*c = (struct vl_candidates){ .v = NULL };
}

/* "KIND/WHAT" and nothing more: "a" is not the one of "a/b/manifests/1". */
static bool is_of(const struct vl_candidate *c, const char *url)
{
	VL_STR begin = vl_xprintf("%s/v2/%s/", c->base, c->name);
	const char *slash = strncmp(url, begin, strlen(begin)) ? NULL : strchr(url + strlen(begin), '/');

	return slash && !strchr(slash + 1, '/');
}

struct vl_candidate *vl_candidates_find(const struct vl_candidates *c, const char *url)
{
	for (size_t i = 0; i < c->n; i++)
		if (is_of(&c->v[i], url))
			return &c->v[i];
	return NULL;
}

char *vl_candidate_url(const struct vl_candidate *c, const char *kind, const char *what)
{
	return vl_xprintf("%s/v2/%s/%s/%s", c->base, c->name, kind, what);
}

char **vl_candidates_urls(const struct vl_candidates *c, const char *kind, const char *what)
{
	char **urls = vl_xcalloc(c->n + 1, sizeof *urls);

	for (size_t i = 0; i < c->n; i++)
		urls[i] = vl_candidate_url(&c->v[i], kind, what);
	return urls;
}

/* ---- answers ---- */

bool vl_answer_check(const struct vl_request *g, const char *wanted, struct vl_err *e)
{
	char oci[VL_DIGEST_OCI];
	struct vl_digest d;

	vl_sha256_of(vl_buf_bytes(&g->body), &d);
	vl_digest_oci(&d, oci);
	if (!strncmp(wanted, "sha256:", 7) && strcmp(wanted, oci) != 0) {
		vl_fail(e, VL_E_CONTENT, "the manifest has digest %s, asked for was %s", oci, wanted);
		return vl_found(e, NULL, oci, wanted);
	}
	if (g->docker_digest && !strncmp(g->docker_digest, "sha256:", 7) && strcmp(g->docker_digest, oci) != 0) {
		vl_fail(e, VL_E_CONTENT, "the manifest has digest %s, the registry announced another", oci);
		return vl_found(e, NULL, oci, g->docker_digest);
	}
	return true;
}

/* Docker's first format names layers without their sizes and changes its bytes with every signature: what it says
 * cannot be checked by digest. */
static bool is_schema1(const struct vl_request *g)
{
	VL_AUTO(vl_json) json = NULL;
	struct vl_err why;
	uint64_t version = 0;

	return vl_json_parse(&json, vl_buf_bytes(&g->body), VL_JSON_OCI, "manifest", VL_E_CONTENT, &why) &&
	       vl_jval_u64(vl_jval_get(vl_json_root(json), "schemaVersion"), &version) && version == 1;
}

static bool is_known_type(const char *type)
{
	return type && (vl_media_type_is_index(type) || vl_media_type_is_manifest(type));
}

bool vl_answer_parse(const struct vl_request *g, const char *wanted, const char *media_type, struct vl_doc *doc,
		     struct vl_err *e)
{
	const char *type = is_known_type(g->content_type) ? g->content_type : media_type;

	if (media_type && type && strcmp(type, media_type) != 0)
		return vl_fail(e, VL_E_CONTENT, "the manifest is sent as %s, its index says %s", type, media_type);
	if (!vl_answer_check(g, wanted, e))
		return false;
	if (vl_doc_parse(doc, vl_buf_bytes(&g->body), type, "the manifest", VL_E_CONTENT, e))
		return true;
	if (!is_schema1(g))
		return false;
	vl_fail(e, VL_E_TYPE, "it is in Docker's old format (schema 1), which nobody can check by digest");
	return vl_hint(e, "Ask its publisher to push it anew, or pull and push it with a current client.");
}
