/* SPDX-License-Identifier: Apache-2.0 */
/* publish/refer.c: registries without the referrers API (OCI distribution-spec, "Referrers tag schema").
 * In:    names of what is attached, after it was put.
 * Out:   the tag sha256-HEX of each subject: an index that lists it, with what others listed there before.
 * Keeps: a registry that said OCI-Subject, or answers the referrers API, keeps that list itself and is left alone. A
 *        run that was killed between a manifest and its list is found out by the next one, with a HEAD when the
 *        list is ours alone. */
#include <stdlib.h>

#include "publish/publish_priv.h"

struct entry {
	size_t repo;
	const struct vl_referrer *referrer; /* of the hub: subject and descriptor */
	const char *item;
	bool put, told;                     /* in this run; the registry knows of subjects */
};
struct lists { /* entries of one repository and subject stand together */
	struct vl_pub *p;
	struct entry *entry;
	size_t n, cap;
	size_t *first; /* of each list, and one behind the last */
	size_t n_first, cap_first;
};

static void lists_clear(struct lists *l)
{
	free(l->entry);
	free(l->first);
}
VL_DEFINE_CLEAN(lists)

/* ---- which lists ---- */

static const struct vl_referrer *referrer_of(const struct vl_hub *h, const struct vl_offer *o)
{
	const struct vl_referrer *r;
	size_t n;

	if (!o->attached)
		return NULL;
	r = vl_hub_referrers(h, &o->subject, &n);
	for (size_t i = 0; i < n; i++)
		if (vl_digest_equal(&r[i].desc.digest, &o->desc.digest))
			return &r[i];
	return NULL; /* cosign's way: the tag says it all */
}

static void collect(struct lists *l, size_t a, size_t b)
{
	struct vl_pub *p = l->p;

	for (size_t i = a; i < b; i++) {
		const struct vl_pub_name *n = &p->name[i];
		const struct vl_referrer *r = referrer_of(p->job->hub, n->offer);
		const struct vl_pub_doc *d = r ? vl_pub_find_doc(p, n->repo, &r->desc.digest) : NULL;

		if (!r)
			continue;
		vl_grow(&l->entry, l->n, &l->cap, sizeof *l->entry);
		l->entry[l->n++] = (struct entry){ .repo = n->repo, .referrer = r, .item = n->offer->item,
						   .put = d && d->put, .told = d && d->known_subject };
	}
}

static int compare_lists(const struct entry *a, const struct entry *b)
{
	if (a->repo != b->repo)
		return a->repo < b->repo ? -1 : 1;
	return memcmp(a->referrer->subject.b, b->referrer->subject.b, sizeof a->referrer->subject.b);
}

static int compare_entries(const void *pa, const void *pb)
{
	const struct entry *a = pa, *b = pb;
	const struct vl_digest *da = &a->referrer->desc.digest, *db = &b->referrer->desc.digest;
	int r = compare_lists(a, b);

	return r ? r : memcmp(da->b, db->b, sizeof da->b);
}

static void divide(struct lists *l)
{
	if (l->n)
		qsort(l->entry, l->n, sizeof *l->entry, compare_entries);
	for (size_t i = 0; i <= l->n; i++) {
		if (i > 0 && i < l->n && !compare_lists(&l->entry[i - 1], &l->entry[i]))
			continue;
		vl_grow(&l->first, l->n_first, &l->cap_first, sizeof *l->first);
		l->first[l->n_first++] = i;
	}
}

/* ---- one list ---- */

static struct lists *lists_of(const struct vl_task *t)
{
	return t->pub->lists;
}

static const struct entry *head_of(const struct vl_task *t)
{
	return &lists_of(t)->entry[t->at];
}

static bool lists_digest(const struct vl_doc *doc, const struct vl_digest *d)
{
	for (size_t i = 0; i < doc->n; i++)
		if (vl_digest_equal(&doc->child[i].digest, d))
			return true;
	return false;
}

/* Adds ours that are missing. False: nothing was. */
static bool merge(const struct vl_task *t, struct vl_doc *doc)
{
	const struct lists *l = lists_of(t);
	bool changed = false;

	for (size_t i = t->at; i < t->end; i++) {
		const struct vl_desc *d = &l->entry[i].referrer->desc;

		if (lists_digest(doc, &d->digest))
			continue;
		vl_desc_copy(vl_doc_add(doc), d);
		changed = true;
	}
	return changed;
}

static char *tag_url(const struct vl_task *t)
{
	char hex[VL_DIGEST_HEX];
	VL_STR tag = vl_xprintf("sha256-%s", vl_digest_hex(&head_of(t)->referrer->subject, hex));

	return vl_pub_url(t->pub, head_of(t)->repo, "manifests", tag);
}

static bool list_put(struct vl_task *t, struct vl_err *e)
{
	if (!t->req.ok) {
		*e = t->req.err;
		return vl_while(e, "the list of what is attached");
	}
	t->pub->r->fallback_tags++;
	return true;
}

static bool put_list(struct vl_task *t, struct vl_doc *doc, struct vl_err *e)
{
	struct vl_request *g;

	if (!merge(t, doc))
		return true;
	vl_buf_reset(&t->body);
	if (!vl_doc_format(doc, &t->body, e))
		return vl_while(e, "the list of what is attached");
	g = vl_task_ask(t, VL_PUT, tag_url(t), list_put);
	g->send = vl_buf_bytes(&t->body);
	g->send_type = VL_MT_INDEX;
	return true;
}

/* What stands there and is no list that valise can read is not overwritten. */
static bool list_got(struct vl_task *t, struct vl_err *e)
{
	VL_CLEAN(vl_doc) doc = { 0 };
	struct vl_err why = VL_ERR_INIT;
	bool there;

	if (!vl_task_there(t, &there, e))
		return false;
	if (!there)
		vl_doc_init_index(&doc);
	else if (!vl_doc_parse(&doc, vl_buf_bytes(&t->req.body), NULL, "it", VL_E_CONTENT, &why) || !doc.is_index) {
		vl_emit_warn(t->pub->job->env, "%s is no list of what is attached (%s) and stays as it is", t->url,
			     why.msg[0] ? why.msg : "it is a manifest");
		return true;
	}
	return put_list(t, &doc, e);
}

static bool get_list(struct vl_task *t)
{
	struct vl_request *g = vl_task_ask(t, VL_GET, tag_url(t), list_got);

	g->accept = VL_MT_INDEX ", " VL_MT_DOCKER_LIST;
	g->max = VL_DOC_MAX;
	return true;
}

/* ---- nothing was put: is the list of an earlier run complete? ---- */

static bool api_asked(struct vl_task *t, struct vl_err *e)
{
	int status = t->req.status;

	if (t->req.ok)
		return true;
	if (status >= 400 && status < 500 && status != 429)
		return get_list(t);
	*e = t->req.err;
	return false;
}

static bool own_digest(const struct vl_task *t, struct vl_digest *d, struct vl_err *e)
{
	VL_CLEAN(vl_doc) doc = { 0 };
	VL_CLEAN(vl_buf) text = VL_BUF_INIT(VL_DOC_MAX);

	vl_doc_init_index(&doc);
	merge(t, &doc);
	if (!vl_doc_format(&doc, &text, e))
		return false;
	vl_sha256_of(vl_buf_bytes(&text), d);
	return true;
}

static bool list_looked_at(struct vl_task *t, struct vl_err *e)
{
	struct vl_digest own, found;
	struct vl_request *g;
	char digest[VL_DIGEST_OCI];
	bool there;

	if (!vl_task_there(t, &there, e) || !own_digest(t, &own, e))
		return false;
	if (there && t->req.docker_digest && vl_digest_parse_oci(&found, t->req.docker_digest) &&
	    vl_digest_equal(&found, &own))
		return true;
	g = vl_task_ask(t, VL_GET, vl_pub_url(t->pub, head_of(t)->repo, "referrers",
					      vl_digest_oci(&head_of(t)->referrer->subject, digest)), api_asked);
	g->accept = VL_MT_INDEX;
	g->max = VL_DOC_MAX;
	return true;
}

static bool begin_list(struct vl_task *t, struct vl_err *e)
{
	const struct lists *l = lists_of(t);
	bool put = false, told = true;

	(void)e;
	t->at = l->first[t->i];
	t->end = l->first[t->i + 1];
	for (size_t i = t->at; i < t->end; i++) {
		put |= l->entry[i].put;
		told &= l->entry[i].told || !l->entry[i].put;
	}
	if (put && told)
		return true;
	t->item = head_of(t)->item;
	t->scope = vl_pub_scope(t->pub, head_of(t)->repo);
	if (put)
		return get_list(t);
	vl_task_ask(t, VL_HEAD, tag_url(t), list_looked_at)->accept = VL_MT_INDEX ", " VL_MT_DOCKER_LIST;
	return true;
}

bool vl_pub_refer(struct vl_pub *p, size_t a, size_t b, struct vl_err *e)
{
	VL_CLEAN(lists) l = { .p = p };
	bool good;

	collect(&l, a, b);
	divide(&l);
	p->lists = &l;
	good = vl_pub_stage(p, l.n_first ? l.n_first - 1 : 0, begin_list, e);
	p->lists = NULL;
	return good;
}
