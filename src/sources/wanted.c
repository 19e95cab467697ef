/* SPDX-License-Identifier: Apache-2.0 */
/* sources/wanted.c: one file over HTTP: asked for with the validators of last time, taken into the store once.
 * Keeps: what came before stays good when the server says 304, or sends the same bytes again, or other bytes that
 *        normalise to the same blob. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "sources/work.h"

void vl_wanted_init(struct vl_wanted *w, struct vl_work *work, char *label, char *url, char *pin)
{
	VL_STR kind = vl_xprintf("%s%s", work->item->type, work->item->exact ? " exact" : "");

	*w = (struct vl_wanted){ .work = work, .label = label, .url = url, .pin = pin };
	w->urls = vl_mirrored(work->run->job->conf, url);
	vl_run_key(kind, url, w->key);
	snprintf(w->part, sizeof w->part, "%s.part", w->key);
	vl_request_init(&w->get);
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

void vl_wanted_add(struct vl_wanted *w)
{
	struct vl_run *run = w->work->run;

	/* A new pin is a new question: what was checked against the old one is not an answer. */
	w->has_known = vl_cached_load(run, w->key, &w->known) && same_text(w->known.pin, w->pin);
	w->get.label = w->label;
	w->get.urls = (const char *const *)w->urls;
	w->get.max = run->job->conf->max_download;
	w->get.dir = run->fetch_dir;
	w->get.part = w->part;
	if (w->has_known)
		vl_cached_ask(&w->known, &w->get);
	vl_net_add(run->net, &w->get);
}

bool vl_wanted_is_old(const struct vl_wanted *w)
{
	return w->get.ok && w->get.not_modified && w->has_known;
}

static bool same_content(const struct vl_desc *a, const struct vl_desc *b)
{
	if (!vl_digest_equal(&a->digest, &b->digest) || a->size != b->size ||
	    strcmp(a->media_type, b->media_type) != 0 || a->n_an != b->n_an)
		return false;
	for (size_t i = 0; i < a->n_an; i++) {
		const char *other = vl_desc_get(b, a->an[i].key);

		if (!other || (strcmp(a->an[i].key, VL_AN_UPSTREAM) != 0 && strcmp(a->an[i].value, other) != 0))
			return false;
	}
	return true;
}

/* The downloaded file, into known.desc. */
static bool take_part(struct vl_wanted *w, struct vl_err *e)
{
	struct vl_run *run = w->work->run;
	VL_CLEAN(vl_desc) layer = { .media_type = NULL };
	char oci[VL_DIGEST_OCI];
	struct vl_digest upstream;
	VL_FD fd = -1;

	if (!vl_run_open_part(run, w->part, &fd, e) || !vl_sha256_fd(fd, &upstream, NULL, e))
		return false;
	if (w->has_known && vl_digest_equal(&upstream, &w->known.upstream))
		return true;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return vl_fail_os(e, "%s", w->part);
	if (!w->take(w, fd, &layer, e))
		return false;
	w->known.upstream = upstream;
	vl_desc_set(&layer, VL_AN_UPSTREAM, vl_digest_oci(&upstream, oci));
	if (w->has_known && same_content(&layer, &w->known.desc))
		return true;
	vl_desc_copy(&w->known.desc, &layer);
	w->known.fetched = run->job->env->now;
	return true;
}

bool vl_wanted_finish(struct vl_wanted *w, struct vl_desc *layer, int64_t *fetched, struct vl_err *e)
{
	VL_STR shown = vl_url_public(w->url);
	bool good = true;

	if (!w->get.ok) {
		*e = w->get.err;
		return false;
	}
	if (vl_wanted_is_old(w)) {
		vl_run_drop_part(w->work->run, w->part);
	} else {
		good = take_part(w, e);
		vl_run_settle_part(w->work->run, w->part, good, e);
		vl_cached_note(&w->known, &w->get);
		free(w->known.pin);
		w->known.pin = vl_xstrdup(w->pin);
		if (!good)
			return vl_while(e, "%s", shown);
		if (!vl_cached_save(w->work->run, w->key, &w->known, e))
			return false;
	}
	vl_desc_copy(layer, &w->known.desc);
	*fetched = w->known.fetched;
	return true;
}

void vl_wanted_clear(struct vl_wanted *w)
{
	vl_request_clear(&w->get);
	vl_cached_clear(&w->known);
	vl_texts_free(w->urls);
	free(w->label);
	free(w->url);
	free(w->pin);
}
