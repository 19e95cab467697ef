/* SPDX-License-Identifier: Apache-2.0 */
/* store/hub.c: what a generation offers under names.
 * In:    the current generation's snapshots, rules for names.
 * Out:   offers in order, found by bsearch; blobs by digest; who is attached to whom; sentences of what is wrong.
 * Keeps: nothing that is damaged keeps the rest from being offered; of two contents that claim one name one wins,
 *        always the same one, and that is said. */
#include "store/hub_priv.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"

#define KEEP_SEARCH 256 /* strings that are compared before one is kept anew: media types come by the thousand */
#define PROBLEMS_MAX 256
#define ALSO_MAX 65536u /* bytes of the items that share a name */

/* ---- the hub's own ---- */

const char *vl_hub_keep(struct vl_hub *h, const char *s)
{
	for (size_t i = 0; i < h->n_strings && i < KEEP_SEARCH; i++)
		if (!strcmp(h->strings[i], s))
			return h->strings[i];
	vl_grow(&h->strings, h->n_strings, &h->cap_strings, sizeof *h->strings);
	h->strings[h->n_strings] = vl_xstrdup(s);
	return h->strings[h->n_strings++];
}

void vl_hub_problem(struct vl_hub *h, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;

	if (h->n_problem >= PROBLEMS_MAX)
		return;
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = vl_xstrdup("not enough memory to say what is wrong");
	va_end(ap);
	vl_grow(&h->problem, h->n_problem, &h->cap_problem, sizeof *h->problem);
	h->problem[h->n_problem++] = text;
}

static void offer_clear(struct vl_offer *o)
{
	free(o->source);
	free(o->repository);
	free(o->tag);
	free(o->also);
	vl_desc_clear(&o->desc);
}

static void strings_free(char **v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(v[i]);
	free(v);
}

void vl_hub_free(struct vl_hub *h)
{
	if (!h)
		return;
	for (size_t i = 0; i < h->n_offer; i++)
		offer_clear(&h->offer[i]);
	for (size_t i = 0; i < h->n_referrer; i++)
		vl_desc_clear(&h->referrer[i].desc);
	free(h->offer);
	free(h->blob);
	free(h->referrer);
	strings_free(h->problem, h->n_problem);
	strings_free(h->strings, h->n_strings);
	vl_generation_clear(&h->generation);
	free(h);
}

/* ---- order ---- */

static int compare_tags(const char *a, const char *b)
{
	if (!a || !b)
		return (a != NULL) - (b != NULL);
	return strcmp(a, b);
}

static int compare_digests(const struct vl_digest *a, const struct vl_digest *b)
{
	return memcmp(a->b, b->b, sizeof a->b);
}

static int compare_name(const struct vl_offer *o, const char *repository, const char *tag)
{
	int r = strcmp(o->repository, repository);

	return r ? r : compare_tags(o->tag, tag);
}

/* Within one name: first who wins. Upstream's names go before a channel's own. */
static int compare_claim(const struct vl_offer *a, const struct vl_offer *b)
{
	int r;

	if (a->rank != b->rank)
		return a->rank < b->rank ? -1 : 1;
	if (a->by_item != b->by_item)
		return a->by_item ? 1 : -1;
	r = strcmp(a->source ? a->source : "", b->source ? b->source : "");
	return r ? r : strcmp(a->item, b->item);
}

static int compare_offers(const void *pa, const void *pb)
{
	const struct vl_offer *a = pa, *b = pb;
	int r = compare_name(a, b->repository, b->tag);

	if (!r && !a->tag)
		r = compare_digests(&a->desc.digest, &b->desc.digest);
	if (!r)
		r = compare_claim(a, b);
	return r ? r : compare_digests(&a->desc.digest, &b->desc.digest);
}

static int compare_blobs(const void *a, const void *b)
{
	return compare_digests(&((const struct vl_hub_blob *)a)->digest, &((const struct vl_hub_blob *)b)->digest);
}

static int compare_referrers(const void *pa, const void *pb)
{
	const struct vl_referrer *a = pa, *b = pb;
	int r = compare_digests(&a->subject, &b->subject);

	return r ? r : compare_digests(&a->desc.digest, &b->desc.digest);
}

/* ---- one name, one content ---- */

static void tell_clash(struct vl_hub *h, const struct vl_offer *won, const struct vl_offer *lost)
{
	VL_STR a = vl_safe_text(won->source ? won->source : won->repository, 160);
	VL_STR b = vl_safe_text(lost->source ? lost->source : lost->repository, 160);

	vl_hub_problem(h, "the name %s:%s is claimed by %s (%s/%s) and by %s (%s/%s); the first is offered; "
		       "see names: in valise.conf(5)", won->repository, won->tag, a, won->channel, won->item, b,
		       lost->channel, lost->item);
}

static void join(struct vl_hub *h, struct vl_offer *won, const struct vl_offer *lost)
{
	VL_STR word = vl_xprintf(" %s ", lost->item);
	VL_STR more = NULL;

	if (!vl_digest_equal(&won->desc.digest, &lost->desc.digest)) {
		tell_clash(h, won, lost);
		return;
	}
	/* An item may say a name ten thousand times. */
	if (!strcmp(won->item, lost->item) || (won->also && (strlen(won->also) > ALSO_MAX || strstr(won->also, word))))
		return;
	more = vl_xprintf("%s%s ", won->also ? won->also : " ", lost->item);
	free(won->also);
	won->also = vl_steal(&more);
}

static bool is_same_name(const struct vl_offer *a, const struct vl_offer *b)
{
	return !compare_name(a, b->repository, b->tag) &&
	       (a->tag || vl_digest_equal(&a->desc.digest, &b->desc.digest));
}

static void settle_names(struct vl_hub *h)
{
	size_t n = 0;

	for (size_t i = 0; i < h->n_offer; i++) {
		if (n && is_same_name(&h->offer[n - 1], &h->offer[i])) {
			join(h, &h->offer[n - 1], &h->offer[i]);
			offer_clear(&h->offer[i]);
		} else {
			h->offer[n++] = h->offer[i];
		}
	}
	h->n_offer = n;
}

static void sort_all(struct vl_hub *h)
{
	if (h->n_offer)
		qsort(h->offer, h->n_offer, sizeof *h->offer, compare_offers);
	if (h->n_blob)
		qsort(h->blob, h->n_blob, sizeof *h->blob, compare_blobs);
	if (h->n_referrer)
		qsort(h->referrer, h->n_referrer, sizeof *h->referrer, compare_referrers);
	settle_names(h);
}

/* ---- load ---- */

bool vl_hub_load(struct vl_hub **out, const struct vl_store *s, const char *channel, const struct vl_name_rule *rule,
		 size_t n, struct vl_err *e)
{
	VL_AUTO(vl_hub) h = vl_xcalloc(1, sizeof *h);
	VL_CLEAN(vl_hub_walk) walk = { .store = s, .h = h };

	if (!vl_store_current(s, &h->generation, e))
		return false;
	vl_hub_add_channels(&walk, channel, rule, n);
	vl_hub_walk_all(&walk);
	sort_all(h);
	*out = vl_steal(&h);
	return true;
}

/* ---- questions ---- */

/* The first offer that is not before repository and tag. */
static size_t lower_bound(const struct vl_hub *h, const char *repository, const char *tag)
{
	size_t low = 0, high = h->n_offer;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (compare_name(&h->offer[mid], repository, tag) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

const struct vl_offer *vl_hub_find(const struct vl_hub *h, const char *repository, const char *tag)
{
	size_t at = lower_bound(h, repository, tag);

	return tag && at < h->n_offer && !compare_name(&h->offer[at], repository, tag) ? &h->offer[at] : NULL;
}

bool vl_hub_has_repository(const struct vl_hub *h, const char *repository)
{
	size_t at = lower_bound(h, repository, NULL);

	return at < h->n_offer && !strcmp(h->offer[at].repository, repository);
}

const struct vl_hub_blob *vl_hub_blob(const struct vl_hub *h, const struct vl_digest *d)
{
	struct vl_hub_blob key = { .digest = *d };

	return h->n_blob ? bsearch(&key, h->blob, h->n_blob, sizeof *h->blob, compare_blobs) : NULL;
}

const struct vl_referrer *vl_hub_referrers(const struct vl_hub *h, const struct vl_digest *subject, size_t *n)
{
	size_t low = 0, high = h->n_referrer;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (compare_digests(&h->referrer[mid].subject, subject) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	*n = 0;
	while (low + *n < h->n_referrer && vl_digest_equal(&h->referrer[low + *n].subject, subject))
		(*n)++;
	return *n ? &h->referrer[low] : NULL;
}
