/* SPDX-License-Identifier: Apache-2.0 */
/* publish/put.c: manifests, byte for byte as they lie in the store (OCI distribution-spec, "Pushing manifests").
 * In:    documents that are missing, names whose documents are all there.
 * Out:   documents by their digest, the lower ones first; then tags.
 * Keeps: a tag is put when everything it stands for is there; the registry must have understood the bytes as we do. */
#include <stdlib.h>

#include "publish/publish_priv.h"

bool vl_task_same_digest(const struct vl_task *t, const struct vl_digest *want, struct vl_err *e)
{
	char w[VL_DIGEST_OCI];
	struct vl_digest got;
	VL_STR safe = NULL;

	if (!t->req.docker_digest || (vl_digest_parse_oci(&got, t->req.docker_digest) && vl_digest_equal(&got, want)))
		return true;
	safe = vl_safe_text(t->req.docker_digest, 100);
	vl_fail(e, VL_E_CONTENT, "the registry took manifest %s, but calls it %s", vl_digest_oci(want, w), safe);
	return vl_found(e, NULL, safe, w);
}

static bool put(struct vl_task *t, size_t repo, const struct vl_desc *d, const char *reference, vl_task_fn *answer,
		struct vl_err *e)
{
	struct vl_pub *p = t->pub;
	struct vl_request *g;

	if (!vl_store_get(p->job->store, &d->digest, d->size, &t->body, e))
		return vl_hint(e, "valise fsck names everything that is damaged.");
	t->scope = vl_pub_scope(p, repo);
	g = vl_task_ask(t, VL_PUT, vl_pub_url(p, repo, "manifests", reference), answer);
	g->send = vl_buf_bytes(&t->body);
	g->send_type = d->media_type;
	return true;
}

/* ---- by digest ---- */

static bool doc_put(struct vl_task *t, struct vl_err *e)
{
	struct vl_pub_doc *d = &t->pub->doc[t->i];
	char digest[VL_DIGEST_OCI];

	if (!t->req.ok) {
		*e = t->req.err;
		return vl_while(e, "manifest %s", vl_digest_oci(&d->desc.digest, digest));
	}
	d->there = d->put = true;
	d->known_subject = t->req.oci_subject != NULL;
	return vl_task_same_digest(t, &d->desc.digest, e);
}

static bool put_doc(struct vl_task *t, struct vl_err *e)
{
	struct vl_pub *p = t->pub;
	const struct vl_pub_doc *d = &p->doc[t->i];
	char digest[VL_DIGEST_OCI];

	if (d->there || d->attached != p->put_attached || d->level != p->put_level)
		return true;
	t->item = d->item;
	return put(t, d->repo, &d->desc, vl_digest_oci(&d->desc.digest, digest), doc_put, e) ||
	       vl_while(e, "item %s", d->item);
}

bool vl_pub_put_docs(struct vl_pub *p, bool attached, struct vl_err *e)
{
	unsigned highest = 0;

	for (size_t i = 0; i < p->n_doc; i++)
		if (p->doc[i].level > highest)
			highest = p->doc[i].level;
	p->put_attached = attached;
	for (p->put_level = 1; p->put_level <= highest; p->put_level++)
		if (!vl_pub_stage(p, p->n_doc, put_doc, e))
			return false;
	return true;
}

/* ---- by tag ---- */

static bool tag_put(struct vl_task *t, struct vl_err *e)
{
	const struct vl_pub_name *n = &t->pub->name[t->i];

	if (!t->req.ok) {
		*e = t->req.err;
		return vl_while(e, "%s", n->text);
	}
	return vl_task_same_digest(t, &n->offer->desc.digest, e);
}

static bool put_tag(struct vl_task *t, struct vl_err *e)
{
	struct vl_pub *p = t->pub;
	const struct vl_pub_name *n;

	t->i += p->from;
	n = &p->name[t->i];
	if (n->there || !n->offer->tag || n->offer->attached != p->put_attached)
		return true;
	t->item = n->offer->item;
	return put(t, n->repo, &n->offer->desc, n->offer->tag, tag_put, e) ||
	       vl_while(e, "%s of item %s", n->text, n->offer->item);
}

bool vl_pub_put_tags(struct vl_pub *p, size_t a, size_t b, bool attached, struct vl_err *e)
{
	p->put_attached = attached;
	p->from = a;
	return vl_pub_stage(p, b - a, put_tag, e);
}
