/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline/fetch.c: items of the packing list -> the store -> the channel's next snapshot.
 * In:    a packing list.
 * Out:   a generation in which the channel's root is the new snapshot's index.
 * Keeps: the same content is the same root, and then nothing is committed. A number that was never signed is used
 *        again, so that bundles are numbered without gaps however often one fetches. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "pipeline/packing.h"
#include "sources/source.h"

#define DEFAULT_PACKLIST "valise.yaml"

void vl_packing_clear(struct vl_packing *p)
{
	vl_packlist_free(p->list);
	vl_generation_clear(&p->current);
	vl_store_free(p->store);
	*p = (struct vl_packing)VL_PACKING_INIT;
}

static bool say_state(const struct vl_packing *p, const char *what, struct vl_err *e)
{
	const struct vl_channel *c = p->store ? vl_packing_snapshot(p) : NULL;

	if (c)
		snprintf(e->state, sizeof e->state, "%s; store at %s %" PRIu64, what, c->name, c->sequence);
	else
		snprintf(e->state, sizeof e->state, "%s", what);
	return false;
}

bool vl_packing_failed(const struct vl_packing *p, struct vl_err *e)
{
	return say_state(p, "nothing signed", e);
}

static bool no_such_item(const struct vl_packlist *list, const char *name, struct vl_err *e)
{
	const char **names = vl_xcalloc(list->items_count + 1, sizeof *names), *near;
	VL_STR safe = vl_safe_text(name, 80);

	for (unsigned i = 0; i < list->items_count; i++)
		names[i] = list->items[i].name;
	near = vl_nearest(name, names);
	free(names);
	vl_fail(e, VL_E_ABSENT, "%s has no item \"%s\"", list->file, safe);
	return near ? vl_hint(e, "Did you mean %s?", near) : false;
}

static bool check_names(const struct vl_packing *p, struct vl_err *e)
{
	if (!vl_name_is_valid(p->channel)) {
		VL_STR safe = vl_safe_text(p->channel, 80);

		return vl_fail(e, VL_E_USAGE, "\"%s\" is not a name for a channel (a-z 0-9 - _ . only)", safe);
	}
	for (const char *const *name = p->o->only; name && *name; name++)
		if (!vl_packlist_find(p->list, *name))
			return no_such_item(p->list, *name, e);
	return true;
}

bool vl_packing_begin(struct vl_packing *p, const struct vl_fetch_opts *o, const struct vl_conf *conf,
		      const struct vl_env *env, struct vl_err *e)
{
	p->o = o;
	p->conf = conf;
	p->env = env;
	if (!vl_packlist_load(&p->list, o->packlist ? o->packlist : DEFAULT_PACKLIST, e))
		return false;
	p->channel = o->channel ? o->channel : p->list->channel;
	return check_names(p, e);
}

bool vl_packing_open_store(struct vl_packing *p, struct vl_err *e)
{
	enum vl_store_mode mode = p->o->dry_run ? VL_STORE_READ : VL_STORE_WRITE;

	if (!vl_store_open(&p->store, p->o->store, mode, p->o->lock_wait, p->env, e)) {
		p->store = NULL;
		return p->o->dry_run && e->code == VL_E_ABSENT;
	}
	return vl_store_current(p->store, &p->current, e) &&
	       vl_store_issued(p->store, p->channel, &p->issued, e);
}

const struct vl_channel *vl_packing_snapshot(const struct vl_packing *p)
{
	return vl_generation_find(&p->current, p->channel);
}

uint64_t vl_packing_next_sequence(const struct vl_packing *p)
{
	const struct vl_channel *c = vl_packing_snapshot(p);
	uint64_t taken = p->issued;

	if (c && c->sealed && c->sequence > taken)
		taken = c->sequence;
	/* Fetched, never signed: nobody outside knows this number. */
	return c && c->sequence > taken ? c->sequence : taken + 1;
}

const struct vl_channel *vl_packing_received(const struct vl_packing *p)
{
	for (size_t i = 0; i < p->current.n; i++)
		if (p->current.channel[i].sealed)
			return &p->current.channel[i];
	return NULL;
}

/* A store that receives bundles feeds scanners with what was signed. What was only fetched must not take its place. */
static bool may_commit(const struct vl_packing *p, struct vl_err *e)
{
	const struct vl_channel *c = vl_packing_received(p);

	if (!c)
		return true;
	vl_fail(e, VL_E_POLICY, "%s receives bundles (%s %" PRIu64 " was unpacked there); what is fetched may not "
		"replace what was signed", vl_store_path(p->store), c->name, c->sequence);
	return vl_hint(e, "Fetch and pack with a store of its own: --store DIR, or VALISE_STORE.");
}

bool vl_packing_commit(struct vl_packing *p, const struct vl_channel *c, struct vl_err *e)
{
	VL_CLEAN(vl_newgen) n = VL_NEWGEN_INIT;

	if (!may_commit(p, e))
		return false;
	vl_generation_set(&p->current, c);
	return vl_newgen_open(&n, p->store, &p->current, e) && vl_newgen_commit(&n, NULL, NULL, e) &&
	       vl_store_trim(p->store, p->conf->keep, e) && vl_store_current(p->store, &p->current, e);
}

/* ---- the snapshot's index ---- */

struct entry { /* borrowed */
	const char *name;
	const struct vl_desc *desc;
};

static int entry_cmp(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

static const struct vl_desc *previous_desc(const struct vl_doc *previous, const char *item)
{
	for (size_t i = 0; i < previous->n; i++) {
		const char *name = vl_desc_get(&previous->child[i], VL_AN_ITEM);

		if (name && !strcmp(name, item))
			return &previous->child[i];
	}
	return NULL;
}

static const struct vl_item_result *result_of(const struct vl_fetch_result *res, const struct vl_item *item)
{
	for (size_t i = 0; i < res->n; i++)
		if (res->item[i].item == item)
			return &res->item[i];
	return NULL;
}

static const struct vl_desc *choose_desc(const struct vl_packing *p, const struct vl_item *item,
					 const struct vl_fetch_result *res, const struct vl_doc *previous)
{
	const struct vl_item_result *got = result_of(res, item);
	const struct vl_desc *before = previous_desc(previous, item->name);

	if (got && got->ok)
		return &got->desc;
	if (got && before)
		vl_emit_warn(p->env, "item %s failed, its previous content is kept: %s", item->name, got->err.msg);
	else if (got)
		vl_emit_warn(p->env, "item %s failed and was never fetched before, it is left out: %s", item->name,
			     got->err.msg);
	else if (!before)
		vl_emit_note(p->env, "item %s was not asked for and never fetched before: it is left out", item->name);
	return before;
}

static bool format_index(const struct vl_packing *p, const struct vl_fetch_result *res, const struct vl_doc *previous,
			 struct vl_buf *out, size_t *items, struct vl_err *e)
{
	VL_CLEAN(vl_doc) doc = { .n = 0 };
	struct entry *entry = vl_xcalloc(p->list->items_count + 1, sizeof *entry);
	size_t n = 0;

	for (unsigned i = 0; i < p->list->items_count; i++) {
		const struct vl_item *item = &p->list->items[i];

		entry[n] = (struct entry){ item->name, choose_desc(p, item, res, previous) };
		n += entry[n].desc != NULL;
	}
	qsort(entry, n, sizeof *entry, entry_cmp);
	vl_doc_init_index(&doc);
	for (size_t i = 0; i < n; i++)
		vl_desc_copy(vl_doc_add(&doc), entry[i].desc);
	free(entry);
	*items = n;
	return vl_doc_format(&doc, out, e);
}

/* ---- fetch ---- */

/* "osv npm: HTTP 404" says which item it was; "https://host/npm/all.zip: too long" does not. */
static bool names_item(const char *msg, const char *item)
{
	size_t len = strlen(item);

	return !strncmp(msg, item, len) && (msg[len] == ':' || msg[len] == ' ');
}

/* Which item it was stands in front, unless the source said so already. */
static bool first_failure(const struct vl_fetch_result *res, const struct vl_env *env, struct vl_err *e)
{
	const struct vl_item_result *first = NULL;

	for (size_t i = 0; i < res->n; i++) {
		if (res->item[i].ok)
			continue;
		if (first)
			vl_emit_warn(env, "item %s failed too: %s", res->item[i].item->name, res->item[i].err.msg);
		else
			first = &res->item[i];
	}
	if (!first)
		return vl_fail(e, VL_E_INTERNAL, "an item failed without a reason");
	*e = first->err;
	return names_item(e->msg, first->item->name) ? false : vl_while(e, "item %s", first->item->name);
}

static bool commit_snapshot(struct vl_packing *p, const struct vl_digest *root, uint64_t size,
			    struct vl_fetch_report *r, struct vl_err *e)
{
	const struct vl_channel *before = vl_packing_snapshot(p);
	struct vl_channel c = { .epoch = 1, .root = *root, .root_size = size };

	r->changed = !before || !vl_digest_equal(&before->root, root);
	if (!r->changed)
		return true;
	snprintf(c.name, sizeof c.name, "%s", p->channel);
	c.sequence = vl_packing_next_sequence(p);
	c.created = c.installed = p->env->now;
	return vl_store_sync(p->store, e) && vl_packing_commit(p, &c, e);
}

static bool snapshot(struct vl_packing *p, const struct vl_fetch_result *res, const struct vl_doc *previous,
		     struct vl_fetch_report *r, struct vl_err *e)
{
	VL_CLEAN(vl_buf) text = VL_BUF_INIT(VL_DOC_MAX);
	VL_CLEAN(vl_closure) closure = { .n = 0 };
	struct vl_digest root;

	if (!format_index(p, res, previous, &text, &r->items, e))
		return vl_while(e, "the index of channel %s", p->channel);
	if (!r->items)
		return first_failure(res, p->env, e);
	if (!vl_store_put(p->store, vl_buf_bytes(&text), &root, e) ||
	    !vl_store_closure(p->store, &root, text.len, &closure, e) ||
	    !commit_snapshot(p, &root, text.len, r, e))
		return false;
	r->bytes = closure.bytes;
	r->sequence = vl_packing_snapshot(p)->sequence;
	return true;
}

static void copy_counts(struct vl_fetch_report *r, const struct vl_fetch_result *res)
{
	r->failed = res->failed;
	r->downloaded = res->downloaded;
	r->requests = res->requests;
}

bool vl_packing_fetch(struct vl_packing *p, struct vl_fetch_report *r, struct vl_err *e)
{
	VL_CLEAN(vl_fetch_result) res = { .n = 0 };
	VL_CLEAN(vl_doc) previous = { .n = 0 };
	const struct vl_channel *c = vl_packing_snapshot(p);
	struct vl_fetch_job job = { .store = p->store, .list = p->list, .conf = p->conf, .only = p->o->only,
				    .previous = c ? &previous : NULL, .env = p->env };

	vl_packing_report(p, r);
	if (c && !vl_store_snapshot(p->store, &c->root, c->root_size, &previous, e))
		return false;
	if (!vl_sources_fetch(&job, &res, e))
		return false;
	copy_counts(r, &res);
	if (res.failed && !p->o->keep_going)
		return first_failure(&res, p->env, e);
	return snapshot(p, &res, &previous, r, e);
}

void vl_packing_report(const struct vl_packing *p, struct vl_fetch_report *r)
{
	const struct vl_channel *c = p->store ? vl_packing_snapshot(p) : NULL;

	*r = (struct vl_fetch_report){ .sequence = c ? c->sequence : 0 };
	snprintf(r->channel, sizeof r->channel, "%s", p->channel);
}

static bool is_asked_for(const struct vl_fetch_opts *o, const char *item)
{
	for (const char *const *name = o->only; name && *name; name++)
		if (!strcmp(*name, item))
			return true;
	return !o->only || !o->only[0];
}

static bool say_what_would_be_fetched(const struct vl_packing *p, struct vl_err *e)
{
	const struct vl_fetch_opts *o = p->o;

	for (unsigned i = 0; o->would_ask && i < p->list->items_count; i++)
		if (is_asked_for(o, p->list->items[i].name) &&
		    !o->would_ask(o->would_ctx, p->list->items[i].name, p->list->items[i].type, e))
			return false;
	return true;
}

bool vl_fetch(const struct vl_fetch_opts *o, const struct vl_conf *conf, const struct vl_env *env,
	      struct vl_fetch_report *r, struct vl_err *e)
{
	VL_CLEAN(vl_packing) p = VL_PACKING_INIT;

	*r = (struct vl_fetch_report){ .sequence = 0 };
	if (!vl_packing_begin(&p, o, conf, env, e) || !vl_packing_open_store(&p, e))
		return false;
	vl_packing_report(&p, r);
	if (o->dry_run)
		return say_what_would_be_fetched(&p, e);
	return vl_packing_fetch(&p, r, e) ? true : say_state(&p, "no new snapshot", e);
}
