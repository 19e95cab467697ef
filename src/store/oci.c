/* SPDX-License-Identifier: Apache-2.0 */
/* store/oci.c: OCI descriptors, indexes and manifests.
 * In:    bytes of a document (somebody else's, or ours), already hashed by the caller.
 * Out:   a struct vl_doc that owns its strings; or text in one fixed key order.
 * Keeps: a document is an index or a manifest, never both (CVE-2021-41190: two readers that disagree about what a
 *        document is can be shown two contents under one digest); sha256 only; sizes that fit. */
#include "store/oci.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

#define SIZE_MAX_BLOB ((uint64_t)1 << 40)
#define ANNOTATION_MAX 65536
#define ANNOTATIONS_MAX 1024
#define MEDIA_TYPE_MAX 255

/* ---- annotations: a small ordered map, the same for descriptors and documents ---- */

static const char *an_get(const struct vl_annotation *an, size_t n, const char *key)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(an[i].key, key))
			return an[i].value;
	return NULL;
}

static void an_remove(struct vl_annotation *an, size_t *n, size_t i)
{
	free(an[i].key);
	free(an[i].value);
	memmove(&an[i], &an[i + 1], (*n - i - 1) * sizeof *an);
	(*n)--;
}

/* The key is not there yet: that is not looked for. */
static void an_add(struct vl_annotation **an, size_t *n, size_t *cap, const char *key, const char *value)
{
	vl_grow(an, *n, cap, sizeof **an);
	(*an)[(*n)++] = (struct vl_annotation){ .key = vl_xstrdup(key), .value = vl_xstrdup(value) };
}

static void an_set(struct vl_annotation **an, size_t *n, size_t *cap, const char *key, const char *value)
{
	char *copy = vl_xstrdup(value); /* before the old one goes: value may be the old one */

	for (size_t i = 0; i < *n; i++) {
		if (strcmp((*an)[i].key, key) != 0)
			continue;
		if (!copy) {
			an_remove(*an, n, i);
			return;
		}
		free((*an)[i].value);
		(*an)[i].value = copy;
		return;
	}
	if (!copy)
		return;
	vl_grow(an, *n, cap, sizeof **an);
	(*an)[(*n)++] = (struct vl_annotation){ .key = vl_xstrdup(key), .value = copy };
}

static void an_clear(struct vl_annotation *an, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(an[i].key);
		free(an[i].value);
	}
	free(an);
}

/* ---- descriptors ---- */

static void platform_clear(struct vl_platform *p)
{
	free(p->os);
	free(p->architecture);
	free(p->variant);
	free(p->os_version);
}

void vl_desc_clear(struct vl_desc *d)
{
	free(d->media_type);
	free(d->artifact_type);
	platform_clear(&d->platform);
	an_clear(d->an, d->n_an);
	*d = (struct vl_desc){ 0 };
}

void vl_desc_copy(struct vl_desc *to, const struct vl_desc *from)
{
	vl_desc_clear(to);
	to->media_type = vl_xstrdup(from->media_type);
	to->artifact_type = vl_xstrdup(from->artifact_type);
	to->platform.os = vl_xstrdup(from->platform.os);
	to->platform.architecture = vl_xstrdup(from->platform.architecture);
	to->platform.variant = vl_xstrdup(from->platform.variant);
	to->platform.os_version = vl_xstrdup(from->platform.os_version);
	to->digest = from->digest;
	to->size = from->size;
	for (size_t i = 0; i < from->n_an; i++)
		an_add(&to->an, &to->n_an, &to->cap_an, from->an[i].key, from->an[i].value);
}

void vl_desc_init(struct vl_desc *d, const char *media_type, const struct vl_digest *digest, uint64_t size)
{
	*d = (struct vl_desc){ .media_type = vl_xstrdup(media_type), .digest = *digest, .size = size };
}

const char *vl_desc_get(const struct vl_desc *d, const char *key)
{
	return an_get(d->an, d->n_an, key);
}

void vl_desc_set(struct vl_desc *d, const char *key, const char *value)
{
	an_set(&d->an, &d->n_an, &d->cap_an, key, value);
}

/* ---- documents ---- */

void vl_doc_clear(struct vl_doc *d)
{
	free(d->media_type);
	free(d->artifact_type);
	vl_desc_clear(&d->config);
	vl_desc_clear(&d->subject);
	for (size_t i = 0; i < d->n; i++)
		vl_desc_clear(&d->child[i]);
	free(d->child);
	an_clear(d->an, d->n_an);
	*d = (struct vl_doc){ 0 };
}

void vl_doc_init_index(struct vl_doc *d)
{
	*d = (struct vl_doc){ .is_index = true, .media_type = vl_xstrdup(VL_MT_INDEX) };
}

void vl_doc_init_artifact(struct vl_doc *d, const char *artifact_type)
{
	struct vl_digest empty;

	vl_sha256_of(vl_bytes_str(VL_EMPTY_JSON), &empty);
	*d = (struct vl_doc){ .media_type = vl_xstrdup(VL_MT_MANIFEST), .artifact_type = vl_xstrdup(artifact_type) };
	vl_desc_init(&d->config, VL_MT_EMPTY, &empty, strlen(VL_EMPTY_JSON));
}

struct vl_desc *vl_doc_add(struct vl_doc *d)
{
	vl_grow(&d->child, d->n, &d->cap, sizeof *d->child);
	d->child[d->n] = (struct vl_desc){ 0 };
	return &d->child[d->n++];
}

bool vl_media_type_is_index(const char *media_type)
{
	return media_type && (!strcmp(media_type, VL_MT_INDEX) || !strcmp(media_type, VL_MT_DOCKER_LIST));
}

bool vl_media_type_is_manifest(const char *media_type)
{
	return media_type && (!strcmp(media_type, VL_MT_MANIFEST) || !strcmp(media_type, VL_MT_DOCKER_MANIFEST));
}

/* ---- reading ---- */

struct reading {
	const char *what;
	enum vl_code code;
};

static bool refuse(const struct reading *r, struct vl_err *e, const char *why)
{
	return vl_fail(e, r->code, "%s: %s", r->what, why);
}

/* RFC 6838 allows only these; anything else would have to be made safe at every place that prints or sends it. */
static bool media_type_is_sane(const char *s)
{
	size_t len = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$&-^_.+/;= ");

	return len > 0 && len <= MEDIA_TYPE_MAX && !s[len];
}

/* An optional string that names a type: absent or null stays NULL. */
static bool take_type(const struct reading *r, const struct vl_jval *object, const char *key, char **out,
		      struct vl_err *e)
{
	const struct vl_jval *v = vl_jval_get(object, key);
	const char *s = vl_jval_str(v);

	if (!v || vl_jval_is_null(v))
		return true;
	if (s && !*s && !strcmp(key, "artifactType"))
		return true;
	if (!s || !media_type_is_sane(s))
		return vl_fail(e, r->code, "%s: %s is not a media type", r->what, key);
	*out = vl_xstrdup(s);
	return true;
}

static bool take_annotations(const struct reading *r, const struct vl_jval *object, struct vl_annotation **an,
			     size_t *n, size_t *cap, struct vl_err *e)
{
	const struct vl_jval *all = vl_jval_get(object, "annotations"), *v;
	const char *key, *value;
	void *at = NULL;

	if (!all || vl_jval_is_null(all))
		return true;
	if (!vl_jval_is_object(all))
		return refuse(r, e, "annotations is not an object");
	if (vl_jval_count(all) > ANNOTATIONS_MAX)
		return refuse(r, e, "more than 1024 annotations");
	while ((v = vl_jval_next(all, &at, &key))) {
		value = vl_jval_str(v);
		if (!value)
			return refuse(r, e, "an annotation is not a string");
		if (strlen(value) > ANNOTATION_MAX || strlen(key) > ANNOTATION_MAX)
			return refuse(r, e, "an annotation is longer than 64 KiB");
		an_add(an, n, cap, key, value); /* the parser has refused duplicate keys */
	}
	return true;
}

/* Absent, null and empty are the same: not known. */
static bool take_part(const struct reading *r, const struct vl_jval *platform, const char *key, char **out,
		      struct vl_err *e)
{
	const struct vl_jval *v = vl_jval_get(platform, key);
	const char *s = vl_jval_str(v);

	if (v && !s && !vl_jval_is_null(v))
		return vl_fail(e, r->code, "%s: platform: %s is not a string", r->what, key);
	*out = s && *s ? vl_xstrdup(s) : NULL;
	return true;
}

static bool take_platform(const struct reading *r, const struct vl_jval *desc, struct vl_platform *p,
			  struct vl_err *e)
{
	const struct vl_jval *v = vl_jval_get(desc, "platform");

	return take_part(r, v, "architecture", &p->architecture, e) && take_part(r, v, "os", &p->os, e) &&
	       take_part(r, v, "os.version", &p->os_version, e) && take_part(r, v, "variant", &p->variant, e);
}

static bool take_desc(const struct reading *r, const struct vl_jval *v, struct vl_desc *d, struct vl_err *e)
{
	const char *digest = vl_jval_str(vl_jval_get(v, "digest"));

	if (!vl_jval_is_object(v))
		return refuse(r, e, "a descriptor is not an object");
	if (!take_type(r, v, "mediaType", &d->media_type, e) ||
	    !take_type(r, v, "artifactType", &d->artifact_type, e))
		return false;
	if (!d->media_type)
		return refuse(r, e, "a descriptor has no mediaType");
	if (!digest || !vl_digest_parse_oci(&d->digest, digest)) {
		VL_STR safe = vl_safe_text(digest ? digest : "(none)", 100);

		return vl_fail(e, r->code, "%s: digest %s is not sha256 with 64 lower-case hex digits", r->what, safe);
	}
	if (!vl_jval_u64(vl_jval_get(v, "size"), &d->size))
		return refuse(r, e, "a descriptor has no size");
	if (d->size > SIZE_MAX_BLOB)
		return refuse(r, e, "a blob of more than 1 TiB");
	return take_platform(r, v, &d->platform, e) && take_annotations(r, v, &d->an, &d->n_an, &d->cap_an, e);
}

static bool take_subject(const struct reading *r, const struct vl_jval *root, struct vl_doc *d, struct vl_err *e)
{
	const struct vl_jval *v = vl_jval_get(root, "subject");

	return !v || vl_jval_is_null(v) || take_desc(r, v, &d->subject, e) || vl_while(e, "subject");
}

static bool take_children(const struct reading *r, const struct vl_jval *v, struct vl_doc *d, struct vl_err *e)
{
	if (!v)
		return true;
	if (!vl_jval_is_array(v))
		return refuse(r, e, d->is_index ? "manifests is not an array" : "layers is not an array");
	for (size_t i = 0; i < vl_jval_count(v); i++)
		if (!take_desc(r, vl_jval_at(v, i), vl_doc_add(d), e))
			return false;
	return true;
}

/* What the document says it is, what its descriptor said, and what it contains must be one thing. */
static bool settle_type(const struct reading *r, const char *media_type, struct vl_doc *d, struct vl_err *e)
{
	if (d->media_type && media_type && strcmp(d->media_type, media_type) != 0)
		return vl_fail(e, r->code, "%s: mediaType is %s, its descriptor says %s", r->what, d->media_type,
			       media_type);
	if (!d->media_type)
		d->media_type = vl_xstrdup(media_type ? media_type : d->is_index ? VL_MT_INDEX : VL_MT_MANIFEST);
	if (d->is_index && !vl_media_type_is_index(d->media_type))
		return vl_fail(e, r->code, "%s: it has manifests, but is said to be %s", r->what, d->media_type);
	if (!d->is_index && !vl_media_type_is_manifest(d->media_type))
		return vl_fail(e, r->code, "%s: it has layers, but is said to be %s", r->what, d->media_type);
	return true;
}

static bool take_doc(const struct reading *r, const struct vl_jval *root, const char *media_type, struct vl_doc *d,
		     struct vl_err *e)
{
	const struct vl_jval *manifests = vl_jval_get(root, "manifests"), *layers = vl_jval_get(root, "layers"),
			     *config = vl_jval_get(root, "config");
	uint64_t version;

	if (!vl_jval_is_object(root))
		return refuse(r, e, "not a JSON object");
	if (manifests && (layers || config))
		return refuse(r, e, "it has both manifests and layers: an index and a manifest at once");
	if (!manifests && !config)
		return refuse(r, e, "neither an index (manifests) nor a manifest (config, layers)");
	if (!vl_jval_u64(vl_jval_get(root, "schemaVersion"), &version) || version != 2)
		return refuse(r, e, "schemaVersion is not 2");
	d->is_index = manifests != NULL;
	if (!take_type(r, root, "mediaType", &d->media_type, e) ||
	    !take_type(r, root, "artifactType", &d->artifact_type, e) || !settle_type(r, media_type, d, e))
		return false;
	if (config && !take_desc(r, config, &d->config, e))
		return false;
	return take_children(r, d->is_index ? manifests : layers, d, e) && take_subject(r, root, d, e) &&
	       take_annotations(r, root, &d->an, &d->n_an, &d->cap_an, e);
}

bool vl_doc_parse(struct vl_doc *out, struct vl_bytes text, const char *media_type, const char *what,
		  enum vl_code code, struct vl_err *e)
{
	struct reading r = { .what = what, .code = code };
	VL_CLEAN(vl_doc) d = { 0 };
	VL_AUTO(vl_json) json = NULL;

	if (text.len > VL_DOC_MAX)
		return vl_fail(e, VL_E_LIMIT, "%s: %zu bytes are more than the 4 MiB a document may have", what,
			       text.len);
	if (!vl_json_parse(&json, text, VL_JSON_OCI, what, code, e) ||
	    !take_doc(&r, vl_json_root(json), media_type, &d, e))
		return false;
	vl_doc_clear(out);
	*out = d;
	d = (struct vl_doc){ 0 };
	return true;
}

/* ---- what valise asks beyond OCI ---- */

static bool child_is_fit(const struct vl_doc *d, const struct vl_desc *child, bool snapshot, const char *what,
			 struct vl_err *e)
{
	const char *item = vl_desc_get(child, VL_AN_ITEM), *title = vl_desc_get(child, VL_AN_TITLE);
	VL_STR safe = vl_safe_text(snapshot && item ? item : title ? title : "", 100);

	if (d->is_index && !vl_media_type_is_index(child->media_type) && !vl_media_type_is_manifest(child->media_type))
		return vl_fail(e, VL_E_CLOSURE, "%s: an index names a %s, which is no document", what,
			       child->media_type);
	if (snapshot && (!item || !vl_name_is_valid(item)))
		return vl_fail(e, VL_E_CLOSURE, "%s: an item has no valid name (\"%s\")", what, safe);
	if (!d->is_index && title && !vl_path_is_safe(title))
		return vl_fail(e, VL_E_CLOSURE, "%s: the title \"%s\" is not a safe relative path", what, safe);
	return true;
}

bool vl_doc_check(const struct vl_doc *d, bool snapshot, const char *what, struct vl_err *e)
{
	for (size_t i = 0; i < d->n; i++)
		if (!child_is_fit(d, &d->child[i], snapshot, what, e))
			return false;
	return true;
}

/* ---- writing ---- */

static void put_annotations(struct vl_jw *w, const struct vl_annotation *an, size_t n)
{
	if (!n)
		return;
	vl_jw_object(w, "annotations");
	for (size_t i = 0; i < n; i++)
		vl_jw_str(w, an[i].key, an[i].value);
	vl_jw_object_end(w);
}

static void put_platform(struct vl_jw *w, const struct vl_platform *p)
{
	if (!p->architecture && !p->os && !p->os_version && !p->variant)
		return;
	vl_jw_object(w, "platform");
	vl_jw_str(w, "architecture", p->architecture);
	vl_jw_str(w, "os", p->os);
	vl_jw_str(w, "os.version", p->os_version);
	vl_jw_str(w, "variant", p->variant);
	vl_jw_object_end(w);
}

static void put_desc(struct vl_jw *w, const char *key, const struct vl_desc *d)
{
	char digest[VL_DIGEST_OCI];

	vl_jw_object(w, key);
	vl_jw_str(w, "mediaType", d->media_type);
	vl_jw_str(w, "artifactType", d->artifact_type);
	vl_jw_str(w, "digest", vl_digest_oci(&d->digest, digest));
	vl_jw_u64(w, "size", d->size);
	put_platform(w, &d->platform);
	put_annotations(w, d->an, d->n_an);
	vl_jw_object_end(w);
}

bool vl_doc_format(const struct vl_doc *d, struct vl_buf *out, struct vl_err *e)
{
	struct vl_jw w;

	vl_jw_init(&w, out, false);
	vl_jw_object(&w, NULL);
	vl_jw_u64(&w, "schemaVersion", 2);
	vl_jw_str(&w, "mediaType", d->media_type);
	vl_jw_str(&w, "artifactType", d->artifact_type);
	if (!d->is_index)
		put_desc(&w, "config", &d->config);
	vl_jw_array(&w, d->is_index ? "manifests" : "layers");
	for (size_t i = 0; i < d->n; i++)
		put_desc(&w, NULL, &d->child[i]);
	vl_jw_array_end(&w);
	if (d->subject.media_type)
		put_desc(&w, "subject", &d->subject);
	put_annotations(&w, d->an, d->n_an);
	vl_jw_object_end(&w);
	return vl_jw_end(&w, e);
}
