/* SPDX-License-Identifier: Apache-2.0 */
/* sources/trivy_db.c: Trivy's vulnerability database, an artifact in a registry.
 * In:    upstream's references (or the item's), mirrors first.
 * Out:   the same artifact with its layer as gzip of stored blocks, or byte for byte (exact).
 * Keeps: artifact type, media types, title and annotations stay upstream's, because Trivy looks at them. The database
 *        is opened far enough to know its schema and age; nothing else here understands it. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "archive/extract.h"
#include "archive/rewrite.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "sources/oci.h"

#define LAYER_TYPE "application/vnd.aquasec.trivy.db.layer.v1.tar+gzip"
#define CONFIG_TYPE "application/vnd.aquasec.trivy.config.v1+json"
#define SCHEMA 2
#define METADATA_MAX 65536
#define RAW_MAX (64ull << 30)

struct trivy {
	char key[VL_DIGEST_HEX];
	struct vl_cached known;
	bool has_known;
	struct vl_pull pull;
};

/* The type stands in artifactType, or, pushed by older tools, in the config's media type. */
static bool check_manifest(const struct vl_doc *m, struct vl_err *e)
{
	const char *type = m->artifact_type ? m->artifact_type : m->config.media_type;
	const char *title = m->n ? vl_desc_get(&m->child[0], VL_AN_TITLE) : NULL;

	if (strcmp(type, CONFIG_TYPE) != 0) {
		vl_fail(e, VL_E_TYPE, "this is no Trivy database: its type is %s, expected " CONFIG_TYPE, type);
		return vl_found(e, NULL, type, CONFIG_TYPE);
	}
	if (m->n != 1)
		return vl_fail(e, VL_E_TYPE, "the database has %zu layers; Trivy wants exactly one", m->n);
	if (strcmp(m->child[0].media_type, LAYER_TYPE) != 0) {
		vl_fail(e, VL_E_TYPE, "its layer is %s, expected " LAYER_TYPE, m->child[0].media_type);
		return vl_found(e, NULL, m->child[0].media_type, LAYER_TYPE);
	}
	if (!title || !vl_path_is_safe(title) || strchr(title, '/') || !vl_ends_with(title, ".tar.gz"))
		return vl_fail(e, VL_E_TYPE, "its layer has no title that ends in .tar.gz, which Trivy needs");
	return true;
}

static const struct vl_pull_rules rules = {
	.label = "trivy-db", .default_tag = "2", .artifact_type = CONFIG_TYPE, .check = check_manifest,
};

static const char *const upstream_refs[] = { "mirror.gcr.io/aquasec/trivy-db:2", "ghcr.io/aquasecurity/trivy-db:2",
					     NULL };

static bool begin(struct vl_work *w, struct vl_err *e)
{
	struct trivy *t = vl_xcalloc(1, sizeof *t);
	const struct vl_item *item = w->item;
	const char **refs = vl_xcalloc(item->references_count + 1, sizeof *refs);
	VL_STR kind = vl_xprintf("%s%s", item->type, item->exact ? " exact" : "");
	bool good;

	w->priv = t;
	for (unsigned i = 0; i < item->references_count; i++)
		refs[i] = item->references[i];
	vl_run_key(kind, refs[0] ? refs[0] : upstream_refs[0], t->key);
	t->has_known = vl_cached_load(w->run, t->key, &t->known);
	good = vl_pull_begin(&t->pull, w, &rules, refs[0] ? refs : upstream_refs, t->has_known ? &t->known : NULL, e);
	free(refs);
	return good;
}

/* ---- the layer ---- */

static bool rewind_to(int fd, struct vl_err *e)
{
	return lseek(fd, 0, SEEK_SET) == 0 || vl_fail_os(e, "a downloaded layer");
}

static void note_time(struct vl_desc *desc, const char *annotation, const char *text)
{
	char when[24];
	int64_t t;

	if (text && vl_time_parse_loose(text, &t) && t > 0)
		vl_desc_set(desc, annotation, vl_time_text(t, when));
}

static bool read_metadata(int fd, struct vl_desc *desc, struct vl_err *e)
{
	VL_CLEAN(vl_buf) text = VL_BUF_INIT(METADATA_MAX);
	VL_AUTO(vl_json) json = NULL;
	const struct vl_jval *root;
	uint64_t version = 0;

	if (!rewind_to(fd, e) || !vl_extract_one(fd, "metadata.json", &text, "the database", e) ||
	    !vl_json_parse(&json, vl_buf_bytes(&text), VL_JSON_OCI, "metadata.json", VL_E_CONTENT, e))
		return false;
	root = vl_json_root(json);
	if (!vl_jval_u64(vl_jval_get(root, "Version"), &version) || version != SCHEMA)
		return vl_fail(e, VL_E_TYPE,
			       "metadata.json: the schema is version %llu; valise and its clients know %d",
			       (unsigned long long)version, SCHEMA);
	note_time(desc, VL_AN_UPDATED, vl_jval_str(vl_jval_get(root, "UpdatedAt")));
	note_time(desc, VL_AN_NEXT, vl_jval_str(vl_jval_get(root, "NextUpdate")));
	return true;
}

/* Only whether it is there and not empty: one byte is asked for, and more than that is the answer hoped for. */
static bool check_database(int fd, struct vl_err *e)
{
	VL_CLEAN(vl_buf) byte = VL_BUF_INIT(1);

	if (!rewind_to(fd, e))
		return false;
	if (vl_extract_one(fd, "trivy.db", &byte, "the database", e))
		return byte.len > 0 || vl_fail(e, VL_E_CONTENT, "trivy.db in the database is empty");
	return e->code == VL_E_LIMIT;
}

static bool store_layer(struct vl_work *w, int fd, struct vl_desc *layer, struct vl_err *e)
{
	VL_CLEAN(vl_blob) b = VL_BLOB_INIT;

	if (!rewind_to(fd, e))
		return false;
	if (w->item->exact)
		return vl_store_put_fd(w->run->job->store, fd, &layer->digest, &layer->size, e);
	return vl_blob_begin(&b, w->run->job->store, 0, e) && vl_gzip_store(fd, b.fd, RAW_MAX, e) &&
	       vl_run_finish_blob(&b, &layer->digest, &layer->size, e);
}

/* ---- the artifact ---- */

static bool put_manifest(struct vl_work *w, struct vl_pull *p, struct vl_desc *desc, struct vl_err *e)
{
	struct vl_digest d;

	if (!w->item->exact)
		return vl_run_put_doc(w->run, &p->doc, desc, e);
	if (!vl_store_put(w->run->job->store, vl_buf_bytes(&p->text), &d, e))
		return false;
	vl_desc_init(desc, p->doc.media_type, &d, p->text.len);
	desc->artifact_type = vl_xstrdup(p->doc.artifact_type);
	return true;
}

static bool take(struct vl_work *w, struct trivy *t, struct vl_err *e)
{
	struct vl_pull *p = &t->pull;
	VL_CLEAN(vl_desc) facts = { .media_type = NULL }, desc = { .media_type = NULL };
	char oci[VL_DIGEST_OCI];
	VL_FD fd = -1;

	if (!vl_run_open_part(w->run, p->part, &fd, e) || !read_metadata(fd, &facts, e) || !check_database(fd, e) ||
	    !store_layer(w, fd, &p->doc.child[0], e) || !put_manifest(w, p, &desc, e))
		return false;
	vl_desc_set(&desc, VL_AN_SOURCE, p->ref);
	vl_desc_set(&desc, VL_AN_UPSTREAM, vl_digest_oci(&p->upstream, oci));
	vl_desc_set(&desc, VL_AN_UPDATED, vl_desc_get(&facts, VL_AN_UPDATED));
	vl_desc_set(&desc, VL_AN_NEXT, vl_desc_get(&facts, VL_AN_NEXT));
	vl_desc_copy(&t->known.desc, &desc);
	t->known.upstream = p->upstream;
	t->known.fetched = w->run->job->env->now;
	return true;
}

static bool finish(struct vl_work *w, struct vl_made *out, struct vl_err *e)
{
	struct trivy *t = w->priv;
	struct vl_pull *p = &t->pull;
	bool good;

	w->result->downloaded += p->moved;
	if (!p->ok) {
		*e = p->err;
		return false;
	}
	if (!p->unchanged) {
		good = take(w, t, e);
		vl_run_settle_part(w->run, p->part, good, e);
		if (!good)
			return vl_while(e, "%s", p->ref);
	}
	if (!p->top.get.not_modified) {
		vl_pull_note(p, &t->known);
		if (!vl_cached_save(w->run, t->key, &t->known, e))
			return false;
	}
	vl_desc_copy(&out->desc, &t->known.desc);
	out->fetched = t->known.fetched;
	return true;
}

static void drop(struct vl_work *w)
{
	struct trivy *t = w->priv;

	if (!t)
		return;
	vl_pull_clear(&t->pull);
	vl_cached_clear(&t->known);
	free(t);
}

const struct vl_source vl_source_trivy_db = {
	.type = "trivy-db", .artifact_type = CONFIG_TYPE, .begin = begin, .finish = finish, .drop = drop,
};
