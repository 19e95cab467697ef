/* SPDX-License-Identifier: Apache-2.0 */
/* sources/cache.c: what is known about a URL from the last time, in fetch/<key>.json.
 * Keeps: only a shortcut. A file that cannot be read, or that tells of a blob that is gone, counts as absent. URLs may
 *        hold secrets in their query, so only their hashes are kept. */
#include <stdlib.h>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "sources/work.h"

#define CACHE_MAX (256u << 10)
#define CACHE_FORM 1 /* raised when normalisation changes: what was made before is made again */

void vl_cached_clear(struct vl_cached *c)
{
	free(c->etag);
	free(c->last_modified);
	free(c->from);
	free(c->pin);
	vl_desc_clear(&c->desc);
	*c = (struct vl_cached){ .etag = NULL };
}

static char *text_of(const struct vl_jval *o, const char *key)
{
	return vl_xstrdup(vl_jval_str(vl_jval_get(o, key)));
}

static bool take_desc(const struct vl_jval *o, struct vl_desc *d)
{
	const struct vl_jval *an = vl_jval_get(o, "annotations");
	const char *digest = vl_jval_str(vl_jval_get(o, "digest")), *type = vl_jval_str(vl_jval_get(o, "mediaType"));
	struct vl_digest sha;
	uint64_t size;

	if (!digest || !vl_digest_parse_oci(&sha, digest) || !type || !vl_jval_u64(vl_jval_get(o, "size"), &size))
		return false;
	vl_desc_init(d, type, &sha, size);
	d->artifact_type = text_of(o, "artifactType");
	for (size_t i = 0; i < vl_jval_count(an); i++) {
		const char *key;
		const char *value = vl_jval_str(vl_jval_member(an, i, &key));

		if (!value)
			return false;
		vl_desc_set(d, key, value);
	}
	return true;
}

static bool take_all(const struct vl_jval *o, struct vl_cached *c)
{
	const char *upstream = vl_jval_str(vl_jval_get(o, "upstream")), *when = vl_jval_str(vl_jval_get(o, "fetched"));
	uint64_t form;

	c->etag = text_of(o, "etag");
	c->last_modified = text_of(o, "last-modified");
	c->from = text_of(o, "from");
	c->pin = text_of(o, "pin");
	return vl_jval_u64(vl_jval_get(o, "form"), &form) && form == CACHE_FORM && upstream &&
	       vl_digest_parse_oci(&c->upstream, upstream) && when && vl_time_parse(when, &c->fetched) &&
	       take_desc(vl_jval_get(o, "desc"), &c->desc);
}

bool vl_cached_load(const struct vl_run *run, const char *key, struct vl_cached *c)
{
	VL_CLEAN(vl_buf) text = VL_BUF_INIT(CACHE_MAX);
	VL_AUTO(vl_json) json = NULL;
	VL_STR name = vl_xprintf("%s.json", key);
	struct vl_err why;
	bool absent = false;

	vl_cached_clear(c);
	if (vl_load_file(run->fetch_dir, name, &text, &absent, &why) && !absent &&
	    vl_json_parse(&json, vl_buf_bytes(&text), VL_JSON_OCI, name, VL_E_STATE, &why) &&
	    take_all(vl_json_root(json), c) && vl_run_has(run, &c->desc))
		return true;
	vl_cached_clear(c);
	return false;
}

static void put_desc(struct vl_jw *w, const struct vl_desc *d)
{
	char oci[VL_DIGEST_OCI];

	vl_jw_object(w, "desc");
	vl_jw_str(w, "mediaType", d->media_type);
	vl_jw_str(w, "artifactType", d->artifact_type);
	vl_jw_str(w, "digest", vl_digest_oci(&d->digest, oci));
	vl_jw_u64(w, "size", d->size);
	vl_jw_object(w, "annotations");
	for (size_t i = 0; i < d->n_an; i++)
		vl_jw_str(w, d->an[i].key, d->an[i].value);
	vl_jw_object_end(w);
	vl_jw_object_end(w);
}

bool vl_cached_save(const struct vl_run *run, const char *key, const struct vl_cached *c, struct vl_err *e)
{
	VL_CLEAN(vl_buf) text = VL_BUF_INIT(CACHE_MAX);
	VL_STR name = vl_xprintf("%s.json", key);
	char oci[VL_DIGEST_OCI], when[24];
	struct vl_jw w;

	vl_jw_init(&w, &text, true);
	vl_jw_object(&w, NULL);
	vl_jw_u64(&w, "form", CACHE_FORM);
	vl_jw_str(&w, "etag", c->etag);
	vl_jw_str(&w, "last-modified", c->last_modified);
	vl_jw_str(&w, "from", c->from);
	vl_jw_str(&w, "pin", c->pin);
	vl_jw_str(&w, "upstream", vl_digest_oci(&c->upstream, oci));
	vl_jw_str(&w, "fetched", vl_time_text(c->fetched, when));
	put_desc(&w, &c->desc);
	vl_jw_object_end(&w);
	return vl_jw_end(&w, e) && vl_save_file(run->fetch_dir, name, 0600, vl_buf_bytes(&text), e);
}

void vl_cached_note(struct vl_cached *c, const struct vl_request *g)
{
	char from[VL_DIGEST_HEX];

	free(c->etag);
	free(c->last_modified);
	free(c->from);
	vl_run_key("from", g->url_used, from);
	c->etag = vl_xstrdup(g->got_etag);
	c->last_modified = vl_xstrdup(g->got_last_modified);
	c->from = vl_xstrdup(from);
}

void vl_cached_ask(const struct vl_cached *c, struct vl_request *g)
{
	char from[VL_DIGEST_HEX];

	for (const char *const *u = g->urls; *u && c->from; u++) {
		vl_run_key("from", *u, from);
		if (strcmp(from, c->from) != 0)
			continue;
		g->etag = c->etag;
		g->last_modified = c->last_modified;
		g->from_url = *u;
		return;
	}
}
