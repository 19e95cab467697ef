/* SPDX-License-Identifier: Apache-2.0 */
/* publish/names.c: which names are to be in the registry, and which of them are there as they should be.
 * In:    the hub's offers, the items that were asked for, the registry's address.
 * Out:   repositories and names in order; one HEAD for each.
 * Keeps: a tag that points at the right digest is the whole of the proof: tags are put last. */
#include <stdlib.h>

#include "base/host.h"
#include "publish/publish_priv.h"

/* ---- the address ---- */

/* A scheme says what the host alone does not: that a registry on loopback has TLS. */
static bool take_scheme(struct vl_pub *p, const char **rest, struct vl_err *e)
{
	VL_STR safe = vl_safe_text(*rest, 200);

	if (!strncmp(*rest, "https://", 8) && !p->job->plain_http) {
		*rest += 8;
		p->scheme = "https";
		return true;
	}
	if (!strstr(*rest, "://"))
		return true;
	vl_fail(e, VL_E_USAGE, "\"%s\" is a URL; a registry is named without the scheme", safe);
	return vl_hint(e, "For example registry.corp:5000/scanners; with --plain-http when it has no TLS.");
}

static bool take_address(struct vl_pub *p, struct vl_err *e)
{
	const char *text = p->job->registry, *slash;
	VL_STR safe = vl_safe_text(text, 200);
	size_t len;

	if (!take_scheme(p, &text, e))
		return false;
	slash = strchr(text, '/');
	p->host = vl_xstrndup(text, strcspn(text, "/"));
	p->prefix = vl_xstrdup(slash ? slash + 1 : "");
	len = strlen(p->prefix);
	if (len && p->prefix[len - 1] == '/')
		p->prefix[len - 1] = '\0';
	if (!vl_host_is_valid(p->host) || (*p->prefix && !vl_repository_is_valid(p->prefix))) {
		vl_fail(e, VL_E_USAGE, "\"%s\" is not a registry: expected HOST[:PORT][/PREFIX]", safe);
		return vl_hint(e, "A prefix has lower-case letters and digits, with . _ - between them.");
	}
	if (!p->scheme)
		p->scheme = p->job->plain_http || vl_host_is_loopback(p->host) ? "http" : "https";
	return true;
}

/* ---- the names ---- */

static bool item_has_own_name(const struct vl_hub *h, const char *item)
{
	for (size_t i = 0; i < h->n_offer; i++)
		if (!h->offer[i].by_item && !strcmp(h->offer[i].item, item))
			return true;
	return false;
}

static bool offers_item(const struct vl_offer *o, const char *item)
{
	VL_STR word = vl_xprintf(" %s ", item);

	return !strcmp(o->item, item) || (o->also && strstr(o->also, word));
}

static bool is_wanted(const struct vl_publish_job *job, const struct vl_offer *o)
{
	if (!job->only)
		return !o->by_item;
	for (const char *const *item = job->only; *item; item++)
		if (offers_item(o, *item) && (!o->by_item || !item_has_own_name(job->hub, *item)))
			return true;
	return false;
}

static bool check_items(const struct vl_publish_job *job, struct vl_err *e)
{
	const struct vl_hub *h = job->hub;
	const char **all = vl_xcalloc(h->n_offer + 1, sizeof *all), *near = NULL;
	const char *const *item = job->only;
	bool found = true;

	for (size_t i = 0; i < h->n_offer; i++)
		all[i] = h->offer[i].item;
	for (; found && item && *item; item += found) {
		found = false;
		for (size_t i = 0; i < h->n_offer && !found; i++)
			found = offers_item(&h->offer[i], *item);
		near = found ? NULL : vl_nearest(*item, all);
	}
	free(all);
	if (!found) {
		VL_STR safe = vl_safe_text(*item, 64);

		vl_fail(e, VL_E_ABSENT, "the store has no item \"%s\" that can be published", safe);
		if (near)
			return vl_hint(e, "Did you mean %s?", near);
		return vl_hint(e, "valise list shows all items.%s",
			       strchr(safe, '.') ? " A registry is named before them." : "");
	}
	return true;
}

static bool add_repo(struct vl_pub *p, const char *repository, struct vl_err *e)
{
	VL_STR name = vl_xprintf("%s%s%s", p->prefix, *p->prefix ? "/" : "", repository);

	if (p->n_repo && !strcmp(p->repo[p->n_repo - 1].name, name))
		return true;
	if (!vl_repository_is_valid(name))
		return vl_fail(e, VL_E_LIMIT, "%s: with this prefix the name is longer than registries take", name);
	vl_grow(&p->repo, p->n_repo, &p->cap_repo, sizeof *p->repo);
	p->repo[p->n_repo++] = (struct vl_pub_repo){ .name = vl_steal(&name), .first = p->n_name };
	return true;
}

static bool add_name(struct vl_pub *p, const struct vl_offer *o, struct vl_err *e)
{
	struct vl_pub_name *n;
	char digest[VL_DIGEST_OCI];

	if (!add_repo(p, o->repository, e))
		return false;
	vl_grow(&p->name, p->n_name, &p->cap_name, sizeof *p->name);
	n = &p->name[p->n_name++];
	*n = (struct vl_pub_name){ .offer = o, .repo = p->n_repo - 1 };
	n->text = vl_xprintf("%s/%s%s%s", p->host, p->repo[n->repo].name, o->tag ? ":" : "@",
			     o->tag ? o->tag : vl_digest_oci(&o->desc.digest, digest));
	p->repo[n->repo].n++;
	return true;
}

bool vl_pub_plan(struct vl_pub *p, struct vl_err *e)
{
	const struct vl_hub *h = p->job->hub;

	if (!take_address(p, e) || !check_items(p->job, e))
		return false;
	for (size_t i = 0; i < h->n_offer; i++)
		if (is_wanted(p->job, &h->offer[i]) && !add_name(p, &h->offer[i], e))
			return false;
	p->r->names = p->n_name;
	if (p->n_name)
		return true;
	vl_fail(e, VL_E_ABSENT, "there is nothing to publish: no item has a name of its own in a registry");
	return vl_hint(e, "Name the items to publish: valise publish %s ITEM..", p->host);
}

/* ---- is anybody there ---- */

/* What a registry says here about log-ins and paths, it says better of a name. */
static bool greeted(struct vl_task *t, struct vl_err *e)
{
	enum vl_code code = t->req.ok ? VL_OK : t->req.err.code;

	if (code != VL_E_NET && code != VL_E_TIMEOUT && code != VL_E_TLS && code != VL_E_RATE)
		return true;
	*e = t->req.err;
	if (code == VL_E_NET && !t->req.status && !e->hint[0])
		vl_hint(e, "Check the address, HOST[:PORT][/PREFIX], and that the registry runs.");
	return false;
}

static bool greet(struct vl_task *t, struct vl_err *e)
{
	const struct vl_pub *p = t->pub;

	(void)e;
	t->item = "asking the registry";
	t->scope = vl_pub_scope(p, 0);
	vl_task_ask(t, VL_GET, vl_xprintf("%s://%s/v2/", p->scheme, vl_host_of_api(p->host)), greeted)->hasty = true;
	return true;
}

bool vl_pub_greet(struct vl_pub *p, struct vl_err *e)
{
	return vl_pub_stage(p, 1, greet, e);
}

/* ---- which of them are there ---- */

static void settle(struct vl_task *t, const struct vl_digest *found)
{
	struct vl_pub_name *n = &t->pub->name[t->i];

	n->there = vl_digest_equal(found, &n->offer->desc.digest);
}

static bool take_body(struct vl_task *t, struct vl_err *e)
{
	struct vl_digest found;

	if (!t->req.ok) {
		*e = t->req.err;
		return false;
	}
	vl_sha256_of(vl_buf_bytes(&t->req.body), &found);
	settle(t, &found);
	return true;
}

static bool take_head(struct vl_task *t, struct vl_err *e)
{
	struct vl_pub_name *n = &t->pub->name[t->i];
	struct vl_digest found;
	struct vl_request *g;
	bool there;

	if (!vl_task_there(t, &there, e))
		return false;
	if (!there)
		return true;
	if (!n->offer->tag) {
		n->there = true;
	} else if (t->req.docker_digest && vl_digest_parse_oci(&found, t->req.docker_digest)) {
		settle(t, &found);
	} else { /* a registry that does not say the digest */
		g = vl_task_ask(t, VL_GET, vl_xstrdup(t->url), take_body);
		g->accept = VL_PUB_ACCEPT;
		g->max = VL_DOC_MAX;
	}
	return true;
}

static bool look_name(struct vl_task *t, struct vl_err *e)
{
	const struct vl_pub_name *n = &t->pub->name[t->i];
	char digest[VL_DIGEST_OCI];
	const char *what = n->offer->tag ? n->offer->tag : vl_digest_oci(&n->offer->desc.digest, digest);

	(void)e;
	t->item = n->offer->item;
	t->scope = vl_pub_scope(t->pub, n->repo);
	vl_task_ask(t, VL_HEAD, vl_pub_url(t->pub, n->repo, "manifests", what), take_head)->accept = VL_PUB_ACCEPT;
	return true;
}

bool vl_pub_look_names(struct vl_pub *p, struct vl_err *e)
{
	if (!vl_pub_stage(p, p->n_name, look_name, e))
		return false;
	for (size_t i = 0; i < p->n_name; i++) {
		p->repo[p->name[i].repo].work |= !p->name[i].there;
		p->r->names_new += !p->name[i].there;
	}
	return true;
}
