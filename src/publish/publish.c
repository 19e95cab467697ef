/* SPDX-License-Identifier: Apache-2.0 */
/* publish/publish.c: a push from beginning to end.
 * In:    a hub, a registry.
 * Out:   the registry offers what the hub offers, under the same tags and digests.
 * Keeps: what a tag needs is there before the tag, per repository, whenever this is killed; a later run finds what is
 *        there and goes on. Repositories are done a few at a time, so that what is finished can be used. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "publish/publish_priv.h"

#define BATCH_REPOSITORIES 16

void vl_pub_batch_clear(struct vl_pub *p)
{
	for (size_t i = 0; i < p->n_doc; i++)
		vl_desc_clear(&p->doc[i].desc);
	vl_digests_clear(&p->seen_doc);
	vl_digests_clear(&p->seen_blob);
	p->n_doc = p->n_blob = p->n_send = 0;
}

void vl_pub_clear(struct vl_pub *p)
{
	vl_pub_batch_clear(p);
	for (size_t i = 0; i < p->n_repo; i++)
		free(p->repo[i].name);
	for (size_t i = 0; i < p->n_name; i++)
		free(p->name[i].text);
	vl_digests_clear(&p->known);
	free(p->known_repo);
	free(p->repo);
	free(p->name);
	free(p->doc);
	free(p->blob);
	free(p->send);
	free(p->host);
	free(p->prefix);
}

/* ---- names, told one by one ---- */

static void tell_one(const struct vl_pub *p, const struct vl_pub_name *n)
{
	const struct vl_env *env = p->job->env;
	const char *what = p->job->dry_run ? "would be pushed" : "pushed";
	char digest[VL_DIGEST_OCI];

	if (n->there) /* the summary counts them */
		vl_emit_debug(env, "publish: %s: up to date", n->text);
	else if (n->offer->tag)
		vl_emit_item(env, "publish", n->text, n->offer->desc.size, "%s %s",
			     vl_digest_oci(&n->offer->desc.digest, digest), what);
	else
		vl_emit_item(env, "publish", n->text, n->offer->desc.size, "%s", what);
}

static void tell(const struct vl_pub *p, size_t a, size_t b)
{
	for (size_t i = a; i < b; i++)
		tell_one(p, &p->name[i]);
}

/* ---- batches ---- */

static bool push(struct vl_pub *p, size_t a, size_t b, struct vl_err *e)
{
	return vl_pub_put_docs(p, false, e) && vl_pub_put_docs(p, true, e) && vl_pub_refer(p, a, b, e) &&
	       vl_pub_put_tags(p, a, b, true, e) && vl_pub_put_tags(p, a, b, false, e);
}

static bool batch(struct vl_pub *p, size_t a, size_t b, struct vl_err *e)
{
	bool good = vl_pub_look(p, a, b, e) && vl_pub_send(p, e) && (p->job->dry_run || push(p, a, b, e));

	if (good)
		tell(p, a, b);
	for (size_t i = a; good && !p->job->dry_run && i < b; i++)
		p->r->names_done += !p->name[i].there;
	vl_pub_batch_clear(p);
	return good;
}

/* Repositories [r, *end) that need work, or that need none: alike, and few at a time. */
static size_t stretch(const struct vl_pub *p, size_t r)
{
	size_t end = r;

	while (end < p->n_repo && p->repo[end].work == p->repo[r].work &&
	       (!p->repo[r].work || end - r < BATCH_REPOSITORIES))
		end++;
	return end;
}

static bool push_all(struct vl_pub *p, struct vl_err *e)
{
	for (size_t r = 0, end; r < p->n_repo; r = end) {
		size_t a = p->repo[r].first, b;

		end = stretch(p, r);
		b = p->repo[end - 1].first + p->repo[end - 1].n;
		if (p->repo[r].work) {
			if (!batch(p, a, b, e))
				return false;
			continue;
		}
		if (!p->job->dry_run && !vl_pub_refer(p, a, b, e))
			return false;
		tell(p, a, b);
	}
	return true;
}

/* What is below a name that is there can be mounted from its repository. What cannot be read here is no loss now. */
static void know_what_is_there(struct vl_pub *p)
{
	struct vl_err ignored = VL_ERR_INIT;

	for (size_t i = 0; p->r->names_new && i < p->n_name; i++) {
		VL_CLEAN(vl_hub_list) list = { 0 };

		if (!p->name[i].there || !vl_hub_below(p->job->store, &p->name[i].offer->desc, &list, &ignored))
			continue;
		for (size_t k = 0; k < list.n; k++)
			if (!list.v[k].is_doc)
				vl_pub_know(p, &list.v[k].digest, p->name[i].repo);
	}
}

/* The wrong one of http and https was taken. */
static void hint_scheme(const struct vl_pub *p, struct vl_err *e)
{
	if (e->code == VL_E_TLS && strstr(e->msg, "does not speak TLS"))
		vl_hint(e, "If this registry is to be reached without TLS, say --plain-http.");
	if (e->code == VL_E_REFUSED && strstr(e->msg, ": 400 ") && !strcmp(p->scheme, "http"))
		vl_hint(e, "If it has TLS, write https://%s.", p->host);
}

static bool say_how_far(const struct vl_publish_report *r, struct vl_err *e)
{
	snprintf(e->state, sizeof e->state, "%" PRIu64 " of %" PRIu64 " names are there", r->names_done, r->names);
	return false;
}

bool vl_publish(const struct vl_publish_job *job, struct vl_net *net, struct vl_publish_report *out, struct vl_err *e)
{
	VL_CLEAN(vl_pub) p = { .job = job, .net = net, .r = out };
	uint64_t bytes;
	bool good;

	*out = (struct vl_publish_report){ 0 };
	if (!vl_pub_plan(&p, e))
		return false;
	good = vl_pub_greet(&p, e);
	if (good) {
		vl_emit_phase(job->env, "publish", 0);
		good = vl_pub_look_names(&p, e);
	}
	if (good) {
		know_what_is_there(&p);
		out->names_done = out->names - out->names_new;
		good = push_all(&p, e) || say_how_far(out, e);
	}
	vl_net_stats(net, &bytes, &out->requests);
	if (good)
		vl_emit_phase_end(job->env, "publish", out->bytes_sent);
	else
		hint_scheme(&p, e);
	return good;
}
