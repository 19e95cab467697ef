/* SPDX-License-Identifier: Apache-2.0 */
/* sources/fetch.c: all items begin, one loop moves the bytes, each item finishes.
 * In:    the packing list, the previous snapshot.
 * Out:   one result per item; blobs and manifests in the store.
 * Keeps: an item that fails takes nobody with it; an item that did not change keeps its descriptor byte for byte. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "sources/work.h"

void vl_made_clear(struct vl_made *m)
{
	vl_desc_clear(&m->desc);
	free(m->source);
	m->source = NULL;
}

void vl_fetch_result_clear(struct vl_fetch_result *r)
{
	for (size_t i = 0; i < r->n; i++)
		vl_desc_clear(&r->item[i].desc);
	free(r->item);
	*r = (struct vl_fetch_result){ .item = NULL };
}

/* ---- what the sources use ---- */

void vl_run_key(const char *kind, const char *which, char out[static VL_DIGEST_HEX])
{
	VL_STR text = vl_xprintf("%s %s", kind, which);
	struct vl_digest d;

	vl_sha256_of(vl_bytes_str(text), &d);
	vl_digest_hex(&d, out);
}

bool vl_run_put_doc(struct vl_run *run, const struct vl_doc *doc, struct vl_desc *desc, struct vl_err *e)
{
	VL_CLEAN(vl_buf) text = VL_BUF_INIT(VL_DOC_MAX);
	struct vl_digest d;

	if (!doc->is_index && doc->config.size == 2 &&
	    !vl_store_put(run->job->store, vl_bytes_str(VL_EMPTY_JSON), &d, e))
		return false;
	if (!vl_doc_format(doc, &text, e) || !vl_store_put(run->job->store, vl_buf_bytes(&text), &d, e))
		return false;
	vl_desc_init(desc, doc->media_type, &d, text.len);
	desc->artifact_type = vl_xstrdup(doc->artifact_type);
	return true;
}

bool vl_run_has(const struct vl_run *run, const struct vl_desc *d)
{
	VL_CLEAN(vl_buf) text = VL_BUF_INIT(VL_DOC_MAX);
	VL_CLEAN(vl_doc) doc = { .n = 0 };
	struct vl_err why;

	if (!vl_store_has(run->job->store, &d->digest, d->size))
		return false;
	if (!vl_media_type_is_manifest(d->media_type))
		return true;
	if (!vl_store_get(run->job->store, &d->digest, d->size, &text, &why) ||
	    !vl_doc_parse(&doc, vl_buf_bytes(&text), d->media_type, "manifest", VL_E_STORE, &why) ||
	    !vl_store_has(run->job->store, &doc.config.digest, doc.config.size))
		return false;
	for (size_t i = 0; i < doc.n; i++)
		if (!vl_store_has(run->job->store, &doc.child[i].digest, doc.child[i].size))
			return false;
	return true;
}

bool vl_run_open_part(const struct vl_run *run, const char *part, int *fd, struct vl_err *e)
{
	return vl_open_regular(run->fetch_dir, part, fd, NULL, e);
}

void vl_run_drop_part(const struct vl_run *run, const char *part)
{
	VL_STR notes = vl_xprintf("%s.json", part);

	unlinkat(run->fetch_dir, part, 0);
	unlinkat(run->fetch_dir, notes, 0);
}

bool vl_run_host_failed(enum vl_code code)
{
	int class = vl_code_exit(code);

	return code == VL_E_INTERRUPTED || (class >= 20 && class < 30);
}

void vl_run_settle_part(const struct vl_run *run, const char *part, bool good, const struct vl_err *e)
{
	if (good || !vl_run_host_failed(e->code))
		vl_run_drop_part(run, part);
}

bool vl_run_finish_blob(struct vl_blob *b, struct vl_digest *d, uint64_t *size, struct vl_err *e)
{
	off_t end = lseek(b->fd, 0, SEEK_END);

	if (end < 0)
		return vl_fail_os(e, "staging/%s", b->name);
	b->end = (uint64_t)end;
	return vl_blob_finish(b, NULL, d, size, e);
}

/* ---- one item ---- */

static void fail_work(struct vl_work *w, const struct vl_err *e)
{
	w->failed = true;
	w->result->err = *e;
}

static void begin_work(struct vl_work *w)
{
	struct vl_err e = VL_ERR_INIT;

	if (w->source->begin && !w->source->begin(w, &e))
		fail_work(w, &e);
}

/* Equal but for the time and upstream's packaging: then the previous one stands. */
static bool is_unchanged(const struct vl_desc *now, const struct vl_desc *then)
{
	if (!then || !vl_digest_equal(&now->digest, &then->digest) || now->n_an != then->n_an)
		return false;
	for (size_t i = 0; i < now->n_an; i++) {
		const char *key = now->an[i].key, *old = vl_desc_get(then, key);

		if (!old)
			return false;
		if (strcmp(key, VL_AN_FETCHED) != 0 && strcmp(key, VL_AN_UPSTREAM) != 0 &&
		    strcmp(old, now->an[i].value) != 0)
			return false;
	}
	return true;
}

static void settle(struct vl_work *w, struct vl_made *m)
{
	struct vl_item_result *r = w->result;
	const char *source = m->source ? m->source : vl_desc_get(&m->desc, VL_AN_SOURCE);
	char when[24];

	vl_desc_init(&r->desc, m->desc.media_type, &m->desc.digest, m->desc.size);
	r->desc.artifact_type = vl_xstrdup(m->desc.artifact_type);
	vl_desc_set(&r->desc, VL_AN_ITEM, w->item->name);
	vl_desc_set(&r->desc, VL_AN_TYPE, w->item->type);
	vl_desc_set(&r->desc, VL_AN_SOURCE, source);
	vl_desc_set(&r->desc, VL_AN_FETCHED, vl_time_text(m->fetched, when));
	for (size_t i = 0; i < m->desc.n_an; i++)
		vl_desc_set(&r->desc, m->desc.an[i].key, m->desc.an[i].value);
	r->ok = true;
	r->changed = !is_unchanged(&r->desc, w->previous);
	if (!r->changed)
		vl_desc_copy(&r->desc, w->previous);
}

static bool add_size(void *ctx, const struct vl_desc *layer, struct vl_err *e)
{
	uint64_t *sum = ctx;

	(void)e;
	*sum += layer->size;
	return true;
}

/* Bytes of the layers below an item, for the operator; what cannot be read is not counted. */
static uint64_t stored_size(const struct vl_run *run, const struct vl_desc *d)
{
	struct vl_docs docs = vl_docs_of_store(run->job->store);
	VL_CLEAN(vl_closure) below = { .n = 0 };
	uint64_t sum = 0;
	struct vl_err why;

	/* Images share layers: each counts once. */
	if (!strcmp(d->media_type, VL_MT_INDEX) &&
	    vl_store_closure(run->job->store, &d->digest, d->size, &below, &why))
		return below.bytes;
	return vl_item_layers(&docs, d, add_size, &sum, &why) ? sum : d->size;
}

static void tell(const struct vl_work *w)
{
	const struct vl_env *env = w->run->job->env;
	const struct vl_item_result *r = w->result;
	char down[24], stored[24];

	vl_size_text(r->downloaded, down);
	vl_size_text(stored_size(w->run, &r->desc), stored);
	if (!r->changed)
		vl_emit_item(env, "fetch", w->item->name, r->downloaded, "unchanged");
	else if (r->downloaded)
		vl_emit_item(env, "fetch", w->item->name, r->downloaded, "%s downloaded, %s stored", down, stored);
	else
		vl_emit_item(env, "fetch", w->item->name, 0, "%s stored", stored);
}

static void finish_work(struct vl_work *w)
{
	VL_CLEAN(vl_made) m = { .source = NULL };
	struct vl_err e = VL_ERR_INIT;

	if (w->failed)
		return;
	if (!w->source->finish(w, &m, &e)) {
		fail_work(w, &e);
		return;
	}
	settle(w, &m);
	tell(w);
}

/* ---- the run ---- */

static bool is_asked_for(const char *const *only, const char *name)
{
	if (!only)
		return true;
	for (; *only; only++)
		if (!strcmp(*only, name))
			return true;
	return false;
}

static const struct vl_desc *previous_of(const struct vl_fetch_job *job, const char *name)
{
	for (size_t i = 0; job->previous && i < job->previous->n; i++) {
		const char *item = vl_desc_get(&job->previous->child[i], VL_AN_ITEM);

		if (item && !strcmp(item, name))
			return &job->previous->child[i];
	}
	return NULL;
}

static bool prepare(struct vl_run *run, struct vl_fetch_result *out, struct vl_work *work, struct vl_err *e)
{
	const struct vl_fetch_job *job = run->job;

	for (unsigned i = 0; i < job->list->items_count; i++) {
		const struct vl_item *item = &job->list->items[i];
		struct vl_work *w = &work[out->n];

		if (!is_asked_for(job->only, item->name))
			continue;
		out->item[out->n].item = item;
		*w = (struct vl_work){ .run = run, .item = item, .source = vl_source_find(item->type),
				       .previous = previous_of(job, item->name), .result = &out->item[out->n] };
		if (!w->source)
			return vl_fail(e, VL_E_INTERNAL, "there is no source for type %s", item->type);
		out->n++;
	}
	return true;
}

static bool run_all(struct vl_run *run, struct vl_work *work, struct vl_fetch_result *out, struct vl_err *e)
{
	for (size_t i = 0; i < out->n; i++)
		begin_work(&work[i]);
	if (!vl_net_run(run->net, e))
		return false;
	for (size_t i = 0; i < out->n; i++) {
		if (!vl_env_go_on(run->job->env, e))
			return false;
		finish_work(&work[i]);
		if (work[i].failed && out->item[i].err.code == VL_E_INTERRUPTED) {
			*e = out->item[i].err;
			return false;
		}
		out->failed += work[i].failed;
		out->changed += out->item[i].changed;
	}
	vl_net_stats(run->net, &out->downloaded, &out->requests);
	return true;
}

bool vl_sources_net(struct vl_net **out, const struct vl_conf *c, const struct vl_env *env, struct vl_err *e)
{
	struct vl_net_conf conf = { .ca_file = c->ca_file, .proxy = c->proxy, .docker_config = c->docker_config,
				    .netrc = c->netrc, .retries = c->retries, .timeout = c->timeout,
				    .low_speed = c->low_speed };

	return vl_net_new(out, &conf, env, e);
}

static bool open_run(struct vl_run *run, struct vl_net **net, struct vl_err *e)
{
	if (!vl_store_subdir(run->job->store, "fetch", &run->fetch_dir, e) ||
	    !vl_store_subdir(run->job->store, "staging", &run->staging_dir, e) ||
	    !vl_sources_net(net, run->job->conf, run->job->env, e))
		return false;
	run->net = *net;
	return true;
}

bool vl_sources_fetch(const struct vl_fetch_job *job, struct vl_fetch_result *out, struct vl_err *e)
{
	struct vl_run run = { .job = job, .fetch_dir = -1, .staging_dir = -1 };
	struct vl_work *work = vl_xcalloc(job->list->items_count + 1, sizeof *work);
	struct vl_net *net = NULL;
	bool good;

	*out = (struct vl_fetch_result){ .item = vl_xcalloc(job->list->items_count + 1, sizeof *out->item) };
	good = open_run(&run, &net, e) && prepare(&run, out, work, e) &&
	       run_all(&run, work, out, e);
	/* The net goes first: it may still hold gets that belong to the items. */
	vl_net_free(net);
	for (size_t i = 0; i < out->n; i++)
		if (work[i].source->drop)
			work[i].source->drop(&work[i]);
	vl_blobs_free(run.blobs);
	free(work);
	vl_fd_closep(&run.fetch_dir);
	vl_fd_closep(&run.staging_dir);
	return good;
}
