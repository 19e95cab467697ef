/* SPDX-License-Identifier: Apache-2.0 */
/* store/closure.c: everything that a root index reaches.
 * In:    the digest and size of a root, blobs in the store.
 * Out:   each blob once, with what it is for; or the name of what is missing and of the item that needs it.
 * Keeps: documents are hashed when they are read, each once; breadth first: nesting costs no stack, and the depth of a
 *        document is its least. What whoever walks an item later may meet is bounded by store/docgraph.c. */
#include "store/store.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "store/digests.h"
#include "store/docgraph.h"
#include "store/store_priv.h"

struct place { /* where in the tree of documents something is named */
	const char *item;
	unsigned depth; /* of what is named; the root has 1 */
};
struct visit { /* a document that waits to be read */
	size_t blob; /* index into the closure */
	struct place at;
};
struct walk {
	const struct vl_store *store;
	struct vl_closure *c;
	struct vl_digests seen; /* by number: the closure's blobs */
	struct vl_docgraph graph;
	struct vl_doc root;
	struct visit *queue;
	size_t n_queue, cap_queue;
};

static void walk_clear(struct walk *w)
{
	free(w->queue);
	vl_digests_clear(&w->seen);
	vl_docgraph_clear(&w->graph);
	vl_doc_clear(&w->root);
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

static bool two_types(const struct vl_reached *had, const struct vl_desc *d, struct vl_err *e)
{
	char hex[VL_DIGEST_HEX];

	return vl_fail(e, VL_E_CLOSURE, "document sha256:%s is described with two media types, %s and %s",
		       vl_digest_hex(&d->digest, hex), had->media_type, d->media_type);
}

static bool add_blob(struct walk *w, const struct vl_desc *d, const struct place *at, struct vl_err *e)
{
	struct vl_closure *c = w->c;

	if (c->n >= VL_BLOBS_MAX)
		return vl_fail(e, VL_E_LIMIT, "the snapshot has more than %u blobs", VL_BLOBS_MAX);
	if (!vl_store_has(w->store, &d->digest, d->size))
		return missing(w, d, at->item, e);
	vl_grow(&c->blob, c->n, &c->cap, sizeof *c->blob);
	c->blob[c->n++] = (struct vl_reached){ .digest = d->digest, .size = d->size, .item = at->item,
					       .media_type = keep(c, d->media_type),
					       .title = keep(c, vl_desc_get(d, VL_AN_TITLE)) };
	c->bytes += d->size;
	return true;
}

/* A blob first met as content and then as a document is read as well: what it refers to must be there too. */
static bool become_doc(struct walk *w, uint32_t blob, const struct vl_desc *d, const struct place *at,
		       struct vl_err *e)
{
	struct vl_reached *b = &w->c->blob[blob];

	if (b->is_doc)
		return !strcmp(b->media_type, d->media_type) || two_types(b, d, e);
	if (strcmp(b->media_type, d->media_type) != 0)
		b->media_type = keep(w->c, d->media_type);
	b->is_doc = true;
	b->depth = at->depth;
	vl_grow(&w->queue, w->n_queue, &w->cap_queue, sizeof *w->queue);
	w->queue[w->n_queue++] = (struct visit){ .blob = blob, .at = *at };
	return vl_docgraph_add(&w->graph, b->size, &b->node, e);
}

/* is_doc: it is to be read as an index or manifest. */
static bool reach(struct walk *w, const struct vl_desc *d, bool is_doc, const struct place *at, uint32_t *blob,
		  struct vl_err *e)
{
	if (vl_digests_add(&w->seen, &d->digest, blob)) {
		if (!add_blob(w, d, at, e))
			return false;
	} else if (w->c->blob[*blob].size != d->size) {
		return two_sizes(&w->c->blob[*blob], d, e);
	}
	return !is_doc || become_doc(w, *blob, d, at, e);
}

/* All that an index names are documents: vl_doc_check() has seen to it. */
static bool reach_children(struct walk *w, const struct vl_doc *doc, uint32_t node, const struct place *at,
			   struct vl_err *e)
{
	struct place below = { .item = at->item, .depth = at->depth + 1 };
	uint32_t blob;

	vl_docgraph_begin(&w->graph, node);
	if (!doc->is_index && !reach(w, &doc->config, false, &below, &blob, e))
		return false;
	for (size_t i = 0; i < doc->n; i++) {
		if (at->depth == 1) /* an item is a child of the root; all below it belongs to it */
			below.item = keep(w->c, vl_desc_get(&doc->child[i], VL_AN_ITEM));
		if (!reach(w, &doc->child[i], doc->is_index, &below, &blob, e))
			return false;
		if (doc->is_index)
			vl_docgraph_edge(&w->graph, node, w->c->blob[blob].node);
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
	const struct vl_reached at = w->c->blob[v->blob]; /* they move when more come */
	char hex[VL_DIGEST_HEX];
	VL_CLEAN(vl_doc) doc = { 0 };

	if (!load_doc(w->store, &at.digest, at.size, *at.media_type ? at.media_type : NULL, &doc, e)) {
		VL_STR name = vl_safe_text(at.item, 80);

		return *at.item ? vl_while(e, "item %s", name) : false;
	}
	vl_digest_hex(&at.digest, hex);
	if (!vl_doc_check(&doc, false, hex, e) || !reach_children(w, &doc, at.node, &v->at, e))
		return false;
	if (v->at.depth > 1)
		return true;
	w->c->items = doc.n;
	w->root = doc;
	doc = (struct vl_doc){ 0 };
	return true;
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
	uint32_t first;

	vl_desc_init(&d, VL_MT_INDEX, root, size);
	if (!reach(&w, &d, true, &(struct place){ .item = "", .depth = 1 }, &first, e))
		return false;
	for (size_t i = 0; i < w.n_queue; i++) {
		struct visit v = w.queue[i]; /* the queue grows meanwhile */

		if (!visit(&w, &v, e))
			return false;
	}
	if (!vl_docgraph_check(&w.graph, &w.root, e))
		return false;
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
