/* SPDX-License-Identifier: Apache-2.0 */
/* sources/oci.c: pull an artifact (OCI distribution-spec, "Pulling").
 * In:    references in order, each with its mirrors.
 * Out:   the manifest's bytes, its config in the store, its layer as a finished download in fetch/.
 * Keeps: a candidate serves everything or nothing: manifest and layer of one reference come from one registry. Each
 *        document is compared with the digest that named it, or with the one that the registry announced. */
#include "sources/oci.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/text.h"

#define CONFIG_MAX (4u << 20)

/* ---- requests ---- */

static void next_candidate(struct vl_pull *p, const struct vl_err *why);

static void fetching_clear(struct vl_fetching *f)
{
	vl_request_clear(&f->get);
	vl_request_init(&f->get);
	free(vl_steal(&f->url));
}

/* kind: "manifests" or "blobs" */
static struct vl_request *request(struct vl_pull *p, struct vl_fetching *f, const char *kind, const char *what,
			      void (*done)(struct vl_net *, struct vl_request *))
{
	fetching_clear(f);
	f->pull = p;
	f->url = vl_candidate_url(&p->from.v[p->at], kind, what);
	f->urls[0] = f->url;
	f->get.label = p->rules->label;
	f->get.urls = f->urls;
	f->get.registry = true;
	f->get.done = done;
	return &f->get;
}

static struct vl_pull *pull_of(struct vl_request *g)
{
	return vl_container_of(g, struct vl_fetching, get)->pull;
}

/* ---- the chain: top, (child), (config), layer ---- */

/* The answer to a request, counted. False: the next registry was asked. */
static bool arrived(struct vl_pull *p, const struct vl_request *g)
{
	p->moved += g->bytes_moved;
	if (g->ok)
		return true;
	next_candidate(p, &g->err);
	return false;
}

/* Here and not when the item finishes, because now another registry can still be asked. */
static bool check_layer(const struct vl_pull *p, struct vl_err *e)
{
	const struct vl_desc *layer = &p->doc.child[0];
	char found[VL_DIGEST_OCI], expected[VL_DIGEST_OCI];
	struct vl_digest d;
	uint64_t size;
	VL_FD fd = -1;

	if (!vl_run_open_part(p->work->run, p->part, &fd, e) || !vl_sha256_fd(fd, &d, &size, e))
		return false;
	if (size == layer->size && vl_digest_equal(&d, &layer->digest))
		return true;
	vl_digest_oci(&d, found);
	vl_digest_oci(&layer->digest, expected);
	vl_fail(e, VL_E_CONTENT, "the layer has digest %s, its manifest says %s", found, expected);
	return vl_found(e, NULL, found, expected);
}

static void layer_done(struct vl_net *n, struct vl_request *g)
{
	struct vl_pull *p = pull_of(g);
	struct vl_err why = VL_ERR_INIT;

	(void)n;
	if (!arrived(p, g))
		return;
	if (!check_layer(p, &why)) {
		vl_run_drop_part(p->work->run, p->part);
		next_candidate(p, &why);
		return;
	}
	p->ref = p->from.v[p->at].ref;
	p->ok = true;
}

static void get_layer(struct vl_pull *p)
{
	const struct vl_desc *layer = &p->doc.child[0];
	char oci[VL_DIGEST_OCI], key[VL_DIGEST_HEX];
	struct vl_request *g = request(p, &p->layer, "blobs", vl_digest_oci(&layer->digest, oci), layer_done);

	vl_run_key("blob", oci, key);
	snprintf(p->part, sizeof p->part, "%s.part", key);
	g->dir = p->work->run->fetch_dir;
	g->part = p->part;
	g->expect = layer->size;
	g->max = p->work->run->job->conf->max_download;
	vl_net_add(p->work->run->net, g);
}

static bool take_config(struct vl_pull *p, struct vl_bytes b, struct vl_err *e)
{
	struct vl_digest d;

	vl_sha256_of(b, &d);
	if (b.len != p->doc.config.size || !vl_digest_equal(&d, &p->doc.config.digest))
		return vl_fail(e, VL_E_CONTENT, "the config blob does not have its digest");
	return vl_store_put(p->work->run->job->store, b, &d, e);
}

static void config_done(struct vl_net *n, struct vl_request *g)
{
	struct vl_pull *p = pull_of(g);
	struct vl_err why = VL_ERR_INIT;

	(void)n;
	p->moved += g->bytes_moved;
	if (!g->ok)
		next_candidate(p, &g->err);
	else if (!take_config(p, vl_buf_bytes(&g->body), &why))
		next_candidate(p, &why);
	else
		get_layer(p);
}

/* Two configs need no request: "{}", and the empty one that older pushes made from /dev/null. */
static void get_config(struct vl_pull *p)
{
	const struct vl_desc *c = &p->doc.config;
	char oci[VL_DIGEST_OCI];
	struct vl_err why = VL_ERR_INIT;
	struct vl_request *g;

	if (vl_store_has(p->work->run->job->store, &c->digest, c->size) || take_config(p, vl_bytes_str("{}"), &why) ||
	    take_config(p, vl_bytes("", 0), &why)) {
		get_layer(p);
		return;
	}
	g = request(p, &p->config, "blobs", vl_digest_oci(&c->digest, oci), config_done);
	g->expect = c->size;
	g->max = CONFIG_MAX;
	vl_net_add(p->work->run->net, g);
}

/* p->doc is a manifest, g holds its bytes. */
static void take_manifest(struct vl_pull *p, const struct vl_request *g)
{
	struct vl_err why = VL_ERR_INIT;

	vl_buf_reset(&p->text);
	if (p->doc.is_index)
		vl_fail(&why, VL_E_TYPE, "an index of indexes");
	else if (!vl_buf_add(&p->text, vl_buf_bytes(&g->body), &why) || !p->rules->check(&p->doc, &why))
		;
	else if (p->doc.n != 1)
		vl_fail(&why, VL_E_TYPE, "the artifact has %zu layers, expected is one", p->doc.n);
	else if (p->doc.child[0].size > p->work->run->job->conf->max_download)
		vl_fail(&why, VL_E_LIMIT, "the layer has %" PRIu64 " bytes; max-download in valise.conf allows fewer",
			p->doc.child[0].size);
	else {
		get_config(p);
		return;
	}
	next_candidate(p, &why);
}

static void child_done(struct vl_net *n, struct vl_request *g)
{
	struct vl_pull *p = pull_of(g);
	const char *digest = strrchr(g->urls[0], '/') + 1;
	struct vl_err why = VL_ERR_INIT;

	(void)n;
	if (!arrived(p, g))
		return;
	if (!vl_answer_parse(g, digest, NULL, &p->doc, &why))
		next_candidate(p, &why);
	else
		take_manifest(p, g);
}

/* Of an index: the first manifest of the wanted type, else the first manifest. */
static void get_child(struct vl_pull *p)
{
	const struct vl_desc *pick = NULL;
	char oci[VL_DIGEST_OCI];
	struct vl_err why = VL_ERR_INIT;
	struct vl_request *g;

	for (size_t i = 0; i < p->doc.n; i++) {
		const struct vl_desc *c = &p->doc.child[i];
		bool wanted = c->artifact_type && !strcmp(c->artifact_type, p->rules->artifact_type);

		if (vl_media_type_is_manifest(c->media_type) && (!pick || wanted)) {
			pick = c;
			if (wanted)
				break;
		}
	}
	if (!pick) {
		vl_fail(&why, VL_E_TYPE, "the index names no manifest");
		next_candidate(p, &why);
		return;
	}
	g = request(p, &p->child, "manifests", vl_digest_oci(&pick->digest, oci), child_done);
	g->accept = VL_ACCEPT_DOCS;
	g->expect = pick->size;
	g->max = VL_DOC_MAX;
	vl_net_add(p->work->run->net, g);
}

static void top_done(struct vl_net *n, struct vl_request *g)
{
	struct vl_pull *p = pull_of(g);
	struct vl_err why = VL_ERR_INIT;

	(void)n;
	if (!arrived(p, g))
		return;
	if (!g->not_modified) {
		if (!vl_answer_parse(g, p->from.v[p->at].version, NULL, &p->doc, &why)) {
			next_candidate(p, &why);
			return;
		}
		vl_sha256_of(vl_buf_bytes(&g->body), &p->upstream);
	}
	if (p->known && (g->not_modified || vl_digest_equal(&p->upstream, &p->known->upstream)))
		p->ok = p->unchanged = true;
	else if (p->doc.is_index)
		get_child(p);
	else
		take_manifest(p, g);
}

static void get_top(struct vl_pull *p)
{
	struct vl_request *g = request(p, &p->top, "manifests", p->from.v[p->at].version, top_done);

	g->accept = VL_ACCEPT_DOCS;
	g->max = VL_DOC_MAX;
	if (p->known)
		vl_cached_ask(p->known, g);
	vl_net_add(p->work->run->net, g);
}

/* The one at hand failed. Interrupted or out of memory or disk: another registry would not help. */
static void next_candidate(struct vl_pull *p, const struct vl_err *why)
{
	const struct vl_candidate *c = &p->from.v[p->at];

	p->err = *why;
	if (p->from.n > 1)
		vl_while(&p->err, "%s/%s:%s", strstr(c->base, "://") + 3, c->name, c->version);
	if (vl_run_host_failed(why->code) || p->at + 1 >= p->from.n)
		return;
	vl_emit_note(p->work->run->job->env, "%s; trying the next registry", p->err.msg);
	p->at++;
	get_top(p);
}

bool vl_pull_begin(struct vl_pull *p, struct vl_work *work, const struct vl_pull_rules *rules, const char *const *refs,
		   const struct vl_cached *known, struct vl_err *e)
{
	struct vl_fetching *all[] = { &p->top, &p->child, &p->config, &p->layer };

	*p = (struct vl_pull){ .work = work, .rules = rules, .known = known, .text = VL_BUF_INIT(VL_DOC_MAX) };
	for (size_t i = 0; i < VL_LEN(all); i++)
		vl_request_init(&all[i]->get);
	for (; *refs; refs++)
		if (!vl_candidates_add(&p->from, work->run->job->conf, *refs, rules->default_tag, e))
			return false;
	if (!p->from.n)
		return vl_fail(e, VL_E_CONFIG, "item %s: there is no registry to ask", rules->label);
	get_top(p);
	return true;
}

void vl_pull_note(const struct vl_pull *p, struct vl_cached *c)
{
	vl_cached_note(c, &p->top.get);
}

void vl_pull_clear(struct vl_pull *p)
{
	struct vl_fetching *all[] = { &p->top, &p->child, &p->config, &p->layer };

	for (size_t i = 0; i < VL_LEN(all); i++)
		fetching_clear(all[i]);
	vl_candidates_clear(&p->from);
	vl_doc_clear(&p->doc);
	vl_buf_clear(&p->text);
}
