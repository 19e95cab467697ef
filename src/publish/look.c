/* SPDX-License-Identifier: Apache-2.0 */
/* publish/look.c: what the names of a batch consist of, and what of that the registry has.
 * In:    names that are not there as they should be.
 * Out:   documents and blobs, each once per repository, with `there`.
 * Keeps: a registry takes a manifest only when it has its blobs, and keeps them for it: one that is there by its digest
 *        needs no questions about blobs. Manifests that only an index names are another thing: who cleans up in a
 *        registry removes them, because they have no tag. */
#include <stdlib.h>

#include "publish/publish_priv.h"

void vl_pub_know(struct vl_pub *p, const struct vl_digest *d, size_t repo)
{
	uint32_t number;

	if (!vl_digests_add(&p->known, d, &number))
		return;
	vl_grow(&p->known_repo, number, &p->cap_known, sizeof *p->known_repo);
	p->known_repo[number] = (uint32_t)repo;
}

bool vl_pub_known(const struct vl_pub *p, const struct vl_digest *d, size_t *repo)
{
	uint32_t number = vl_digests_find(&p->known, d);

	if (number == VL_DIGESTS_NONE)
		return false;
	*repo = p->known_repo[number];
	return true;
}

/* A digest in a repository, as a key of its own. */
static struct vl_digest key_of(size_t repo, const struct vl_digest *d)
{
	struct vl_digest key = *d;

	for (size_t i = 0; i < 4; i++)
		key.b[i] ^= (uint8_t)(repo >> (8 * i));
	return key;
}

/* ---- documents ---- */

struct vl_pub_doc *vl_pub_find_doc(struct vl_pub *p, size_t repo, const struct vl_digest *d)
{
	struct vl_digest key = key_of(repo, d);
	uint32_t number = vl_digests_find(&p->seen_doc, &key);

	return number == VL_DIGESTS_NONE ? NULL : &p->doc[number];
}

static void add_doc(struct vl_pub *p, const struct vl_pub_name *n, const struct vl_digest *d, uint64_t size,
		    const char *media_type)
{
	struct vl_digest key = key_of(n->repo, d);
	struct vl_pub_doc *doc;
	uint32_t number;

	if (!vl_digests_add(&p->seen_doc, &key, &number)) {
		p->doc[number].attached &= n->offer->attached;
		return;
	}
	vl_grow(&p->doc, p->n_doc, &p->cap_doc, sizeof *p->doc);
	doc = &p->doc[p->n_doc++];
	*doc = (struct vl_pub_doc){ .repo = n->repo, .item = n->offer->item, .attached = n->offer->attached };
	vl_desc_init(&doc->desc, media_type, d, size);
}

static bool take_doc(struct vl_task *t, struct vl_err *e)
{
	return vl_task_there(t, &t->pub->doc[t->i].there, e);
}

static bool look_doc(struct vl_task *t, struct vl_err *e)
{
	struct vl_pub *p = t->pub;
	const struct vl_pub_doc *d;
	char digest[VL_DIGEST_OCI];

	(void)e;
	t->i += t->pub->from;
	d = &p->doc[t->i];
	t->item = d->item;
	t->scope = vl_pub_scope(p, d->repo);
	vl_task_ask(t, VL_HEAD, vl_pub_url(p, d->repo, "manifests", vl_digest_oci(&d->desc.digest, digest)), take_doc)
		->accept = VL_PUB_ACCEPT;
	return true;
}

static bool look_docs(struct vl_pub *p, size_t from, struct vl_err *e)
{
	p->from = from;
	return vl_pub_stage(p, p->n_doc - from, look_doc, e);
}

/* Also below an index that is there: its children may have been removed since. */
static bool add_below(struct vl_pub *p, const struct vl_pub_name *n, struct vl_err *e)
{
	struct vl_pub_doc *root = vl_pub_find_doc(p, n->repo, &n->offer->desc.digest);
	VL_CLEAN(vl_hub_list) list = { 0 };

	if (root->below || !vl_media_type_is_index(root->desc.media_type))
		return true; /* another name of it was here before, or there are no documents below */
	root->below = true;
	if (!vl_hub_below(p->job->store, &n->offer->desc, &list, e)) {
		vl_while(e, "item %s: %s", n->offer->item, n->text);
		return vl_hint(e, "valise fsck names everything that is damaged.");
	}
	for (size_t i = 0; i < list.n; i++)
		if (list.v[i].is_doc)
			add_doc(p, n, &list.v[i].digest, list.v[i].size, list.v[i].media_type);
	return true;
}

/* First what the names stand for, then what is below. */
static bool look_all_docs(struct vl_pub *p, size_t a, size_t b, struct vl_err *e)
{
	size_t roots;

	for (size_t i = a; i < b; i++) {
		const struct vl_desc *d = &p->name[i].offer->desc;

		if (!p->name[i].there)
			add_doc(p, &p->name[i], &d->digest, d->size, d->media_type);
	}
	roots = p->n_doc;
	if (!look_docs(p, 0, e))
		return false;
	for (size_t i = a; i < b; i++)
		if (!p->name[i].there && !add_below(p, &p->name[i], e))
			return false;
	return look_docs(p, roots, e);
}

/* ---- from missing documents to their blobs ---- */

static void add_blob(struct vl_pub *p, const struct vl_pub_doc *doc, const struct vl_desc *d)
{
	struct vl_digest key = key_of(doc->repo, &d->digest);
	uint32_t number;

	if (!vl_digests_add(&p->seen_blob, &key, &number))
		return;
	vl_grow(&p->blob, p->n_blob, &p->cap_blob, sizeof *p->blob);
	p->blob[p->n_blob++] = (struct vl_pub_blob){ .repo = doc->repo, .digest = d->digest, .size = d->size,
						     .item = doc->item };
}

static bool open_doc(struct vl_pub *p, size_t i, struct vl_err *e);

/* An index stands one level above the highest of its documents. */
static bool open_child(struct vl_pub *p, size_t parent, const struct vl_desc *d, struct vl_err *e)
{
	struct vl_pub_doc *child = vl_pub_find_doc(p, p->doc[parent].repo, &d->digest);

	if (!child)
		add_blob(p, &p->doc[parent], d); /* an index may name what is no document */
	if (!child || child->there)
		return true;
	if (!open_doc(p, (size_t)(child - p->doc), e))
		return false;
	if (p->doc[parent].level <= child->level)
		p->doc[parent].level = child->level + 1;
	return true;
}

static bool open_doc(struct vl_pub *p, size_t i, struct vl_err *e)
{
	struct vl_docs docs = vl_docs_of_store(p->job->store);
	VL_CLEAN(vl_doc) doc = { 0 };

	if (p->doc[i].level)
		return true;
	p->doc[i].level = 1;
	if (!docs.get(docs.ctx, &p->doc[i].desc, &doc, e))
		return vl_while(e, "item %s", p->doc[i].item);
	if (!doc.is_index)
		add_blob(p, &p->doc[i], &doc.config);
	for (size_t k = 0; k < doc.n; k++) {
		if (!doc.is_index)
			add_blob(p, &p->doc[i], &doc.child[k]);
		else if (!open_child(p, i, &doc.child[k], e))
			return false;
	}
	return true;
}

/* ---- blobs ---- */

static bool take_blob(struct vl_task *t, struct vl_err *e)
{
	struct vl_pub_blob *b = &t->pub->blob[t->i];

	if (!vl_task_there(t, &b->there, e))
		return false;
	if (t->req.length >= 0 && (uint64_t)t->req.length != b->size)
		b->there = false;
	if (b->there)
		vl_pub_know(t->pub, &b->digest, b->repo);
	return true;
}

static bool look_blob(struct vl_task *t, struct vl_err *e)
{
	const struct vl_pub_blob *b = &t->pub->blob[t->i];
	char digest[VL_DIGEST_OCI];

	(void)e;
	t->item = b->item;
	t->scope = vl_pub_scope(t->pub, b->repo);
	vl_task_ask(t, VL_HEAD, vl_pub_url(t->pub, b->repo, "blobs", vl_digest_oci(&b->digest, digest)), take_blob);
	return true;
}

bool vl_pub_look(struct vl_pub *p, size_t a, size_t b, struct vl_err *e)
{
	if (!look_all_docs(p, a, b, e))
		return false;
	for (size_t i = 0; i < p->n_doc; i++)
		if (!p->doc[i].there && !open_doc(p, i, e))
			return false;
	p->r->blobs += p->n_blob;
	return vl_pub_stage(p, p->n_blob, look_blob, e);
}
