/* SPDX-License-Identifier: Apache-2.0 */
/* store/closure.c: everything that a root index reaches.
 * In:    the digest and size of a root, blobs in the store.
 * Out:   each blob once, with what it is for; or the name of what is missing and of the item that needs it.
 * Keeps: documents are hashed when they are read; breadth first with a bounded depth: nesting costs no stack. */
#include "store/store.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "store/store_priv.h"

struct place { /* where in the tree of documents something is named */
	const char *item;
	size_t item_no; /* child of the root; meaningless for the root */
	unsigned depth; /* of what is named; the root has 1 */
};
struct visit { /* a document that waits to be read */
	size_t blob; /* index into the closure */
	struct place at;
};
struct walk {
	const struct vl_store *store;
	struct vl_closure *c;
	uint32_t *documents; /* per item, each as often as it is named */
	struct visit *queue;
	size_t n_queue, cap_queue;
	uint32_t *slot; /* open addressing by digest: blob index + 1; 0 is free */
	size_t slots;
};

static void walk_clear(struct walk *w)
{
	free(w->queue);
	free(w->slot);
	free(w->documents);
}
VL_DEFINE_CLEAN(walk)

void vl_closure_clear(struct vl_closure *c)
{
	for (size_t i = 0; i < c->n_strings; i++)
		free(c->strings[i]);
	free(c->strings);
	free(c->blob);
	*c = (struct vl_closure){ 0 };
}

static const char *keep(struct vl_closure *c, const char *s)
{
	if (!s || !*s)
		return "";
	vl_grow(&c->strings, c->n_strings, &c->cap_strings, sizeof *c->strings);
	c->strings[c->n_strings] = vl_xstrdup(s);
	return c->strings[c->n_strings++];
}

/* ---- which digests were seen ---- */

static size_t first_slot(const struct walk *w, const struct vl_digest *d)
{
	uint64_t h;

	memcpy(&h, d->b, sizeof h);
	return (size_t)h & (w->slots - 1);
}

static uint32_t *lookup(const struct walk *w, const struct vl_digest *d)
{
	size_t i = first_slot(w, d);

	while (w->slot[i] && !vl_digest_equal(&w->c->blob[w->slot[i] - 1].digest, d))
		i = (i + 1) & (w->slots - 1);
	return &w->slot[i];
}

static void make_room(struct walk *w)
{
	if (w->slots && w->c->n * 2 < w->slots)
		return;
	w->slots = w->slots ? w->slots * 2 : 256;
	free(w->slot);
	w->slot = vl_xcalloc(w->slots, sizeof *w->slot);
	for (size_t i = 0; i < w->c->n; i++)
		*lookup(w, &w->c->blob[i].digest) = (uint32_t)i + 1;
}

/* ---- one reference ---- */

static bool missing(const struct walk *w, const struct vl_desc *d, const char *item, struct vl_err *e)
{
	char hex[VL_DIGEST_HEX], found[32], want[32];
	VL_STR name = vl_safe_text(item && *item ? item : "the snapshot itself", 80);
	struct stat st;

	vl_digest_hex(&d->digest, hex);
	if (fstatat(w->store->blobs, hex, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode)) {
		vl_fail(e, VL_E_CLOSURE, "blob sha256:%s is missing, needed by %s", hex, name);
		return vl_found(e, hex, "missing", NULL);
	}
	snprintf(found, sizeof found, "%" PRIu64, (uint64_t)st.st_size);
	snprintf(want, sizeof want, "%" PRIu64, d->size);
	vl_fail(e, VL_E_CLOSURE, "blob sha256:%s has %s bytes, its descriptor says %s, needed by %s", hex, found, want,
		name);
	return vl_found(e, hex, found, want);
}

static bool two_sizes(const struct vl_reached *had, const struct vl_desc *d, struct vl_err *e)
{
	char hex[VL_DIGEST_HEX];

	return vl_fail(e, VL_E_CLOSURE, "blob sha256:%s is described with two sizes, %" PRIu64 " and %" PRIu64,
		       vl_digest_hex(&d->digest, hex), had->size, d->size);
}

/* Few bytes must not be work without end: whoever walks an item (place, status) meets each document as often as it is
 * named. So below the root an index is named once, and an item has a bounded number of documents. */
static bool bounded(struct walk *w, const struct vl_desc *d, bool seen, const struct place *at, struct vl_err *e)
{
	char hex[VL_DIGEST_HEX];

	if (at->depth > VL_INDEX_DEPTH_MAX)
		return vl_fail(e, VL_E_LIMIT, "indexes are nested more than %u deep", VL_INDEX_DEPTH_MAX);
	if (at->depth > 2 && seen && vl_media_type_is_index(d->media_type))
		return vl_fail(e, VL_E_CLOSURE, "index sha256:%s is named twice", vl_digest_hex(&d->digest, hex));
	if (at->depth > 1 && ++w->documents[at->item_no] > VL_ITEM_DOCUMENTS_MAX)
		return vl_fail(e, VL_E_LIMIT, "an item has more than %d documents", VL_ITEM_DOCUMENTS_MAX);
	return true;
}

static bool add_blob(struct walk *w, const struct vl_desc *d, bool is_doc, const struct place *at, uint32_t *slot,
		     struct vl_err *e)
{
	struct vl_closure *c = w->c;

	if (c->n >= VL_BLOBS_MAX)
		return vl_fail(e, VL_E_LIMIT, "the snapshot has more than %u blobs", VL_BLOBS_MAX);
	if (!vl_store_has(w->store, &d->digest, d->size))
		return missing(w, d, at->item, e);
	vl_grow(&c->blob, c->n, &c->cap, sizeof *c->blob);
	c->blob[c->n] = (struct vl_reached){ .digest = d->digest, .size = d->size, .is_doc = is_doc, .item = at->item,
					     .media_type = keep(c, d->media_type),
					     .title = keep(c, vl_desc_get(d, VL_AN_TITLE)) };
	*slot = (uint32_t)++c->n;
	c->bytes += d->size;
	return true;
}

/* is_doc: it is to be read as an index or manifest. A blob first met as content and then as a document is read as well:
 * what it refers to must be there too. */
static bool reach(struct walk *w, const struct vl_desc *d, bool is_doc, const struct place *at, struct vl_err *e)
{
	struct vl_closure *c = w->c;
	struct vl_reached *had;
	uint32_t *slot;
	bool read = is_doc;

	make_room(w);
	slot = lookup(w, &d->digest);
	if (is_doc && !bounded(w, d, *slot && c->blob[*slot - 1].is_doc, at, e))
		return false;
	if (*slot) {
		had = &c->blob[*slot - 1];
		if (had->size != d->size)
			return two_sizes(had, d, e);
		read = is_doc && !had->is_doc;
		had->is_doc |= is_doc;
	} else if (!add_blob(w, d, is_doc, at, slot, e)) {
		return false;
	}
	if (!read)
		return true;
	vl_grow(&w->queue, w->n_queue, &w->cap_queue, sizeof *w->queue);
	c->blob[*slot - 1].depth = at->depth;
	w->queue[w->n_queue++] = (struct visit){ .blob = *slot - 1, .at = *at };
	return true;
}

static bool reach_children(struct walk *w, const struct vl_doc *doc, const struct place *at, struct vl_err *e)
{
	struct place below = { .item = at->item, .item_no = at->item_no, .depth = at->depth + 1 };
	const struct vl_desc *d;
	bool is_doc;

	if (!doc->is_index && !reach(w, &doc->config, false, &below, e))
		return false;
	for (size_t i = 0; i < doc->n; i++) {
		d = &doc->child[i];
		is_doc = doc->is_index &&
			 (vl_media_type_is_index(d->media_type) || vl_media_type_is_manifest(d->media_type));
		/* an item is a child of the root; all below it belongs to it */
		if (at->depth == 1) {
			below.item = keep(w->c, vl_desc_get(d, VL_AN_ITEM));
			below.item_no = i;
		}
		if (!reach(w, d, is_doc, &below, e))
			return false;
	}
	return true;
}

static bool load_doc(const struct vl_store *s, const struct vl_digest *digest, uint64_t size, const char *media_type,
		     struct vl_doc *doc, struct vl_err *e)
{
	VL_CLEAN(vl_buf) text = VL_BUF_INIT(VL_DOC_MAX);
	char what[VL_DIGEST_OCI];

	vl_digest_oci(digest, what);
	return vl_store_get(s, digest, size, &text, e) &&
	       vl_doc_parse(doc, vl_buf_bytes(&text), media_type, what, VL_E_CLOSURE, e);
}

static bool visit(struct walk *w, const struct visit *v, struct vl_err *e)
{
	const struct vl_reached *at = &w->c->blob[v->blob];
	const char *item = at->item;
	char hex[VL_DIGEST_HEX];
	VL_CLEAN(vl_doc) doc = { 0 };

	if (!load_doc(w->store, &at->digest, at->size, *at->media_type ? at->media_type : NULL, &doc, e)) {
		VL_STR name = vl_safe_text(item, 80);

		return *item ? vl_while(e, "item %s", name) : false;
	}
	if (v->at.depth == 1) {
		w->c->items = doc.n;
		w->documents = vl_xcalloc(doc.n, sizeof *w->documents);
	}
	vl_digest_hex(&at->digest, hex);
	return vl_doc_check(&doc, false, hex, e) && reach_children(w, &doc, &v->at, e);
}

/* ---- the order: root, documents, content; like beside like, so that it compresses ---- */

static int compare(const void *pa, const void *pb)
{
	const struct vl_reached *a = pa, *b = pb;
	int r;

	if (a->is_doc != b->is_doc)
		return a->is_doc ? -1 : 1;
	if (a->depth != b->depth) /* parents before children: a reader can check in one pass */
		return a->depth < b->depth ? -1 : 1;
	r = strcmp(a->item, b->item);
	if (!r)
		r = strcmp(a->media_type, b->media_type);
	if (!r)
		r = strcmp(a->title, b->title);
	return r ? r : memcmp(a->digest.b, b->digest.b, sizeof a->digest.b);
}

bool vl_store_closure(const struct vl_store *s, const struct vl_digest *root, uint64_t size, struct vl_closure *out,
		      struct vl_err *e)
{
	VL_CLEAN(vl_closure) c = { 0 };
	VL_CLEAN(walk) w = { .store = s, .c = &c };
	VL_CLEAN(vl_desc) d = { 0 };

	vl_desc_init(&d, VL_MT_INDEX, root, size);
	if (!reach(&w, &d, true, &(struct place){ .item = "", .depth = 1 }, e))
		return false;
	for (size_t i = 0; i < w.n_queue; i++) {
		struct visit v = w.queue[i]; /* the queue grows meanwhile */

		if (!visit(&w, &v, e))
			return false;
	}
	qsort(c.blob + 1, c.n - 1, sizeof *c.blob, compare);
	vl_closure_clear(out);
	*out = c;
	c = (struct vl_closure){ 0 };
	return true;
}

bool vl_store_snapshot(const struct vl_store *s, const struct vl_digest *root, uint64_t size, struct vl_doc *out,
		       struct vl_err *e)
{
	return load_doc(s, root, size, VL_MT_INDEX, out, e) || vl_while(e, "snapshot");
}
