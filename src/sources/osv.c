/* SPDX-License-Identifier: Apache-2.0 */
/* sources/osv.c: OSV advisories: one zip per ecosystem, each a layer "<ECO>/all.zip".
 * In:    the ecosystems of an item; upstream's bucket or the item's url.
 * Out:   an artifact of zips with stored members in a fixed order (format.md "Normalisation"), or as they came (exact).
 * Keeps: upstream signs nothing, so content is all there is to look at: every member is a JSON object with an id,
 *        there is at least one, and not suddenly less than half of what there was. */
#include <stdio.h>
#include <stdlib.h>

#include "archive/rewrite.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "sources/work.h"

#define BUCKET "https://osv-vulnerabilities.storage.googleapis.com"
#define LAYER_TYPE "application/vnd.valise.osv.layer.v1+zip"
#define MEMBERS_MAX 2000000
#define MEMBER_MAX (64ull << 20)
#define TOTAL_MAX (32ull << 30)

struct osv {
	struct vl_wanted *wanted;
	size_t n;
	char *base;
};

/* What the members of one zip have shown so far. */
struct seen {
	uint64_t records;
	int64_t newest;
	bool has_newest;
};

static bool see_record(void *ctx, const char *name, struct vl_bytes content, struct vl_err *e)
{
	struct seen *s = ctx;
	VL_STR shown = vl_safe_text(name, 120);
	VL_AUTO(vl_json) json = NULL;
	const struct vl_jval *root;
	const char *id, *modified;
	int64_t t;

	if (!vl_json_parse(&json, content, VL_JSON_OCI, shown, VL_E_CONTENT, e))
		return false;
	root = vl_json_root(json);
	id = vl_jval_str(vl_jval_get(root, "id"));
	if (!id || !*id)
		return vl_fail(e, VL_E_CONTENT, "%s is not an OSV record: it has no id", shown);
	modified = vl_jval_str(vl_jval_get(root, "modified"));
	/* Exporters without a date write the year 1. */
	if (modified && vl_time_parse_loose(modified, &t) && t > 0 && (!s->has_newest || t > s->newest)) {
		s->newest = t;
		s->has_newest = true;
	}
	s->records++;
	return true;
}

/* The number of records that the previous snapshot has under this title; 0: not known. */
static uint64_t records_before(const struct vl_work *w, const char *title)
{
	VL_CLEAN(vl_buf) text = VL_BUF_INIT(VL_DOC_MAX);
	VL_CLEAN(vl_doc) doc = { .n = 0 };
	struct vl_err why;

	if (!w->previous ||
	    !vl_store_get(w->run->job->store, &w->previous->digest, w->previous->size, &text, &why) ||
	    !vl_doc_parse(&doc, vl_buf_bytes(&text), NULL, "manifest", VL_E_STORE, &why))
		return 0;
	for (size_t i = 0; i < doc.n; i++) {
		const char *t = vl_desc_get(&doc.child[i], VL_AN_TITLE), *n = vl_desc_get(&doc.child[i], VL_AN_RECORDS);

		if (t && n && !strcmp(t, title))
			return strtoull(n, NULL, 10);
	}
	return 0;
}

static bool check_seen(const struct vl_wanted *w, const struct seen *s, const char *title, struct vl_err *e)
{
	uint64_t before = records_before(w->work, title);
	char found[40], expected[60];

	if (s->records == 0)
		return vl_fail(e, VL_E_CONTENT, "the zip holds no record");
	if (s->records >= before - before / 2)
		return true;
	snprintf(found, sizeof found, "%llu records", (unsigned long long)s->records);
	snprintf(expected, sizeof expected, "about %llu records", (unsigned long long)before);
	vl_fail(e, VL_E_CONTENT, "only %s, where there were %llu last time; this looks like a damaged export", found,
		(unsigned long long)before);
	vl_found(e, title, found, expected);
	return vl_hint(e, "Try again later. If it is right, give the item another name in the packing list.");
}

static void describe(struct vl_desc *layer, const struct vl_digest *d, uint64_t size, const char *title,
		     const struct seen *s)
{
	char number[24], when[24];

	snprintf(number, sizeof number, "%llu", (unsigned long long)s->records);
	vl_desc_init(layer, LAYER_TYPE, d, size);
	vl_desc_set(layer, VL_AN_TITLE, title);
	vl_desc_set(layer, VL_AN_RECORDS, number);
	if (s->has_newest)
		vl_desc_set(layer, VL_AN_UPDATED, vl_time_text(s->newest, when));
}

static bool take_zip(struct vl_wanted *w, int fd, struct vl_desc *layer, struct vl_err *e)
{
	static const struct vl_zip_limits limits = { .members = MEMBERS_MAX, .member_size = MEMBER_MAX,
						     .total_size = TOTAL_MAX };
	const struct vl_run *run = w->work->run;
	const struct vl_item *item = w->work->item;
	VL_STR title = vl_xprintf("%s/all.zip", item->ecosystems[w->index]);
	VL_CLEAN(vl_blob) b = VL_BLOB_INIT;
	struct seen seen = { .records = 0 };
	struct vl_digest d;
	uint64_t size;

	if (item->exact) {
		if (!vl_zip_rewrite(fd, -1, run->staging_dir, &limits, see_record, &seen, NULL, e) ||
		    !check_seen(w, &seen, title, e) || !vl_store_put_fd(run->job->store, fd, &d, &size, e))
			return false;
	} else {
		if (!vl_blob_begin(&b, run->job->store, 0, e) ||
		    !vl_zip_rewrite(fd, b.fd, run->staging_dir, &limits, see_record, &seen, NULL, e) ||
		    !check_seen(w, &seen, title, e) || !vl_run_finish_blob(&b, &d, &size, e))
			return false;
	}
	describe(layer, &d, size, title, &seen);
	return true;
}

static bool begin(struct vl_work *w, struct vl_err *e)
{
	const struct vl_item *item = w->item;
	struct osv *o = vl_xcalloc(1, sizeof *o);
	const char *base = item->url ? item->url : BUCKET;
	size_t len = strlen(base);

	(void)e;
	w->priv = o;
	while (len && base[len - 1] == '/')
		len--;
	o->base = vl_xstrndup(base, len);
	o->n = item->ecosystems_count;
	o->wanted = vl_xcalloc(o->n, sizeof *o->wanted);
	for (size_t i = 0; i < o->n; i++) {
		VL_STR eco = vl_percent_encode(item->ecosystems[i]);

		vl_wanted_init(&o->wanted[i], w, vl_xprintf("%s %s", item->name, item->ecosystems[i]),
			       vl_xprintf("%s/%s/all.zip", o->base, eco), NULL);
		o->wanted[i].index = i;
		o->wanted[i].take = take_zip;
		vl_wanted_add(&o->wanted[i]);
	}
	return true;
}

/* RFC 3339 in UTC with whole seconds sorts as text. */
static const char *newer(const char *a, const char *b)
{
	return !a ? b : !b ? a : strcmp(a, b) >= 0 ? a : b;
}

static bool finish(struct vl_work *w, struct vl_made *out, struct vl_err *e)
{
	struct osv *o = w->priv;
	VL_CLEAN(vl_doc) doc = { .n = 0 };
	VL_STR public = vl_url_public(o->base);
	const char *updated = NULL;
	bool good = true;

	vl_doc_init_artifact(&doc, w->source->artifact_type);
	for (size_t i = 0; i < o->n; i++) {
		struct vl_err why = VL_ERR_INIT;
		int64_t fetched = 0;

		w->result->downloaded += o->wanted[i].get.bytes_moved;
		/* Every zip that came is taken in, so that the next run need not fetch it again; the first error
		 * counts. */
		if (!vl_wanted_finish(&o->wanted[i], vl_doc_add(&doc), &fetched, &why)) {
			*e = good ? why : *e;
			good = false;
		}
		out->fetched = fetched > out->fetched ? fetched : out->fetched;
	}
	if (!good || !vl_run_put_doc(w->run, &doc, &out->desc, e))
		return false;
	out->source = vl_xstrdup(strstr(public, "://") ? strstr(public, "://") + 3 : public);
	for (size_t i = 0; i < doc.n; i++)
		updated = newer(updated, vl_desc_get(&doc.child[i], VL_AN_UPDATED));
	if (doc.n == 1)
		vl_desc_set(&out->desc, VL_AN_UPSTREAM, vl_desc_get(&doc.child[0], VL_AN_UPSTREAM));
	vl_desc_set(&out->desc, VL_AN_UPDATED, updated);
	return true;
}

static void drop(struct vl_work *w)
{
	struct osv *o = w->priv;

	if (!o)
		return;
	for (size_t i = 0; i < o->n; i++)
		vl_wanted_clear(&o->wanted[i]);
	free(o->wanted);
	free(o->base);
	free(o);
}

const struct vl_source vl_source_osv = {
	.type = "osv", .artifact_type = "application/vnd.valise.osv.v1", .begin = begin, .finish = finish, .drop = drop,
};
