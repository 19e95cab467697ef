/* SPDX-License-Identifier: Apache-2.0 */
/* serve/registry.c: the reading half of the OCI distribution-spec, and docker-registry's catalogue.
 * In:    a path below /v2/, the hub.
 * Out:   manifests and blobs by their digest, lists, or the registry's error object.
 * Keeps: only what the hub offers is given; a digest is looked up there before anything could be opened. A document
 *        goes out byte for byte, because its name is the digest of its bytes. */
#include <stdlib.h>

#include "base/host.h"
#include "base/json.h"
#include "base/text.h"
#include "serve/route_priv.h"

#define PAGE_DEFAULT 1000u /* names of one page when the client names no number, and at most */
#define FOR_EVER "max-age=31536000, immutable"

enum verb { MANIFESTS = 1, BLOBS, REFERRERS, TAGS };
struct target { /* NAME/VERB/REF taken apart */
	char *name;
	const char *ref; /* borrowed from the path */
	enum verb verb;
};

static void target_clear(struct target *t)
{
	free(t->name);
}
VL_DEFINE_CLEAN(target)

static const struct {
	const char *word;
	enum verb verb;
} verbs[] = { { "/manifests", MANIFESTS }, { "/blobs", BLOBS }, { "/referrers", REFERRERS }, { "/tags", TAGS } };

/* From the right: the last step is the reference, the one before it the verb, and all the rest is the name, which may
 * hold the same words. */
static bool split(const char *rest, struct target *t)
{
	const char *ref = strrchr(rest, '/');
	size_t before = ref ? (size_t)(ref - rest) : 0, len;

	for (size_t i = 0; ref && i < VL_LEN(verbs); i++) {
		len = strlen(verbs[i].word);
		if (before <= len || strncmp(ref - len, verbs[i].word, len) != 0)
			continue;
		*t = (struct target){ vl_xstrndup(rest, before - len), ref + 1, verbs[i].verb };
		return ref[1] && (t->verb != TAGS || !strcmp(ref + 1, "list"));
	}
	return false;
}

/* ---- manifests and blobs ---- */

static void give(struct vl_reply *r, const struct vl_digest *d, uint64_t size, const char *type, const char *cache)
{
	vl_reply_clear(r);
	r->status = 200;
	r->type = type;
	r->cache = cache;
	r->is_blob = true;
	r->digest = *d;
	r->size = size;
	r->docker_digest = true;
}

/* Another algorithm, well formed: a digest that valise cannot have. */
static bool is_other_digest(const char *ref)
{
	static const char lower[] = "abcdefghijklmnopqrstuvwxyz0123456789+._-";
	size_t algorithm = strspn(ref, lower);

	return algorithm && ref[algorithm] == ':' && strlen(ref + algorithm + 1) >= 32 &&
	       strncmp(ref, "sha256:", 7) != 0 && !ref[algorithm + 1 + strspn(ref + algorithm + 1, lower)];
}

/* The blob of this digest, or the reply says why not. */
static const struct vl_hub_blob *find_blob(const struct vl_hall *h, const char *ref, const char *unknown,
					   struct vl_reply *r)
{
	const struct vl_hub_blob *blob;
	struct vl_digest digest;

	if (!vl_digest_parse_oci(&digest, ref)) {
		if (is_other_digest(ref))
			vl_reply_error(r, 404, unknown, "everything here is named by sha256");
		else
			vl_reply_error(r, 400, "DIGEST_INVALID", "a digest is sha256: and 64 small hex digits");
		return NULL;
	}
	blob = vl_hub_blob(h->hub, &digest);
	if (!blob)
		vl_reply_error(r, 404, unknown, "this digest is not in the store's current generation");
	return blob;
}

static void manifest(const struct vl_hall *h, const struct target *t, struct vl_reply *r)
{
	const struct vl_hub_blob *blob;
	const struct vl_offer *offer;

	if (!strchr(t->ref, ':')) {
		offer = vl_hub_find(h->hub, t->name, t->ref);
		if (offer)
			give(r, &offer->desc.digest, offer->desc.size, offer->desc.media_type, "no-cache");
		else
			vl_reply_error(r, 404, "MANIFEST_UNKNOWN", "this repository has no such tag");
		return;
	}
	blob = find_blob(h, t->ref, "MANIFEST_UNKNOWN", r);
	if (blob && blob->is_doc)
		give(r, &blob->digest, blob->size, blob->media_type, FOR_EVER);
	else if (blob)
		vl_reply_error(r, 404, "MANIFEST_UNKNOWN", "this digest is a blob, not a manifest");
}

static void blob_of(const struct vl_hall *h, const struct target *t, struct vl_reply *r)
{
	const struct vl_hub_blob *blob = find_blob(h, t->ref, "BLOB_UNKNOWN", r);

	if (blob)
		give(r, &blob->digest, blob->size, "application/octet-stream", FOR_EVER);
}

/* ---- lists ---- */

struct listing { /* names in order, a page of them */
	struct vl_jw w;
	const char *base;  /* path of the list */
	const char *after; /* `last`, or NULL */
	const char *put;   /* the name put last */
	uint64_t n, max;
	bool more;
};

static bool parse_count(const char *text, uint64_t *out)
{
	*out = PAGE_DEFAULT;
	if (!text)
		return true;
	if (!*text || strlen(text) > 18 || text[strspn(text, "0123456789")])
		return false;
	*out = strtoull(text, NULL, 10);
	*out = *out < PAGE_DEFAULT ? *out : PAGE_DEFAULT;
	return true;
}

static void begin_list(struct listing *l, struct vl_reply *r, const char *name)
{
	vl_reply_clear(r);
	r->body.max = VL_REPLY_TEXT_MAX;
	vl_jw_init(&l->w, &r->body, false);
	vl_jw_object(&l->w, NULL);
	vl_jw_str(&l->w, "name", name);
	vl_jw_array(&l->w, name ? "tags" : "repositories");
}

/* Names come in order, the same one perhaps several times. */
static void put_name(struct listing *l, const char *name)
{
	if ((l->after && strcmp(name, l->after) <= 0) || (l->put && !strcmp(name, l->put)))
		return;
	l->more = l->n >= l->max;
	if (l->more)
		return;
	vl_jw_str(&l->w, NULL, name);
	l->put = name;
	l->n++;
}

static void end_list(struct listing *l, struct vl_reply *r)
{
	struct vl_err unused;
	VL_STR last = NULL;

	vl_jw_array_end(&l->w);
	vl_jw_object_end(&l->w);
	if (!vl_jw_end(&l->w, &unused)) {
		vl_reply_error(r, 500, "UNKNOWN", "the list is too long");
		return;
	}
	r->status = 200;
	r->type = "application/json";
	r->cache = "no-cache";
	if (!l->more || !l->put)
		return;
	last = vl_percent_encode(l->put);
	r->link = vl_xprintf("<%s?n=%llu&last=%s>; rel=\"next\"", l->base, (unsigned long long)l->max, last);
}

static bool open_list(struct listing *l, const struct vl_ask *a, struct vl_reply *r)
{
	l->base = a->path;
	if (!parse_count(a->n, &l->max)) {
		vl_reply_error(r, 400, "PAGINATION_NUMBER_INVALID", "n is a number of names");
		return false;
	}
	l->after = a->last;
	return true;
}

/* The first offer of a repository; offers are sorted by it. */
static size_t first_offer(const struct vl_hub *hub, const char *repository)
{
	size_t low = 0, high = hub->n_offer, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (strcmp(hub->offer[mid].repository, repository) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void tags(const struct vl_hall *h, const struct vl_ask *a, const struct target *t, struct vl_reply *r)
{
	const struct vl_hub *hub = h->hub;
	struct listing l = { 0 };

	if (!open_list(&l, a, r))
		return;
	begin_list(&l, r, t->name);
	for (size_t i = first_offer(hub, t->name); i < hub->n_offer && !l.more; i++) {
		if (strcmp(hub->offer[i].repository, t->name) != 0)
			break;
		if (hub->offer[i].tag)
			put_name(&l, hub->offer[i].tag);
	}
	end_list(&l, r);
}

static void catalogue(const struct vl_hall *h, const struct vl_ask *a, struct vl_reply *r)
{
	struct listing l = { 0 };

	if (!open_list(&l, a, r))
		return;
	begin_list(&l, r, NULL);
	for (size_t i = 0; i < h->hub->n_offer && !l.more; i++)
		put_name(&l, h->hub->offer[i].repository);
	end_list(&l, r);
}

/* ---- referrers ---- */

static void put_referrer(struct vl_jw *w, const struct vl_desc *d, bool annotations)
{
	char digest[VL_DIGEST_OCI];

	vl_jw_object(w, NULL);
	vl_jw_str(w, "mediaType", d->media_type);
	vl_jw_str(w, "digest", vl_digest_oci(&d->digest, digest));
	vl_jw_u64(w, "size", d->size);
	vl_jw_str(w, "artifactType", d->artifact_type);
	if (annotations && d->n_an) {
		vl_jw_object(w, "annotations");
		for (size_t i = 0; i < d->n_an; i++)
			vl_jw_str(w, d->an[i].key, d->an[i].value);
		vl_jw_object_end(w);
	}
	vl_jw_object_end(w);
}

static bool put_referrers(const struct vl_referrer *v, size_t n, const char *type, bool annotations,
			  struct vl_reply *r)
{
	struct vl_err unused;
	struct vl_jw w;

	vl_reply_clear(r);
	r->body.max = VL_REPLY_TEXT_MAX;
	vl_jw_init(&w, &r->body, false);
	vl_jw_object(&w, NULL);
	vl_jw_u64(&w, "schemaVersion", 2);
	vl_jw_str(&w, "mediaType", VL_MT_INDEX);
	vl_jw_array(&w, "manifests");
	for (size_t i = 0; i < n; i++)
		if (!type || (v[i].desc.artifact_type && !strcmp(v[i].desc.artifact_type, type)))
			put_referrer(&w, &v[i].desc, annotations);
	vl_jw_array_end(&w);
	vl_jw_object_end(&w);
	return vl_jw_end(&w, &unused);
}

/* An unknown subject has no referrers; that is not an error (distribution-spec, "Listing Referrers"). */
static void referrers(const struct vl_hall *h, const struct vl_ask *a, const struct target *t, struct vl_reply *r)
{
	const char *type = a->artifact_type && *a->artifact_type ? a->artifact_type : NULL;
	const struct vl_referrer *v = NULL;
	struct vl_digest subject;
	size_t n = 0;

	if (vl_digest_parse_oci(&subject, t->ref)) {
		v = vl_hub_referrers(h->hub, &subject, &n);
	} else if (!is_other_digest(t->ref)) {
		vl_reply_error(r, 400, "DIGEST_INVALID", "a digest is sha256: and 64 small hex digits");
		return;
	}
	/* Annotations of strangers may be longer than an index should be; the digests are what matters. */
	if (!put_referrers(v, v ? n : 0, type, true, r) && !put_referrers(v, n, type, false, r)) {
		vl_reply_error(r, 500, "UNKNOWN", "the list is too long");
		return;
	}
	r->status = 200;
	r->type = VL_MT_INDEX;
	r->cache = "no-cache";
	r->filters = type ? "artifactType" : NULL;
}

/* ---- all of /v2/ ---- */

static void answer(const struct vl_hall *h, const struct vl_ask *a, const struct target *t, struct vl_reply *r)
{
	switch (t->verb) {
	case MANIFESTS: manifest(h, t, r); break;
	case BLOBS: blob_of(h, t, r); break;
	case REFERRERS: referrers(h, a, t, r); break;
	case TAGS: tags(h, a, t, r); break;
	}
}

static void give_version(struct vl_reply *r)
{
	struct vl_text t = vl_text_begin(r);

	vl_text_add(&t, "{}");
	vl_text_end(&t, r, 200, "application/json");
}

void vl_route_registry(const struct vl_hall *h, const struct vl_ask *a, struct vl_reply *r)
{
	const char *rest = a->path + strlen("/v2");
	VL_CLEAN(target) t = { 0 };

	if (!*rest || !strcmp(rest, "/"))
		give_version(r);
	else if (!strcmp(rest, "/_catalog"))
		catalogue(h, a, r);
	else if (!split(rest + 1, &t))
		vl_reply_error(r, 404, "UNSUPPORTED", "a registry has no such end point, or this one only reads");
	else if (!vl_repository_is_valid(t.name))
		vl_reply_error(r, 400, "NAME_INVALID", "this is not the name of a repository");
	else if (!vl_hub_has_repository(h->hub, t.name))
		vl_reply_error(r, 404, "NAME_UNKNOWN", "there is no such repository; see /v2/_catalog");
	else
		answer(h, a, &t, r);
}
