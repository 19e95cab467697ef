/* SPDX-License-Identifier: Apache-2.0 */
/* net/job.c: the life of one wanted document: from URL to URL and from try to try, until it is there or nothing is
 * left.
 * In: verdicts on hops. Out: the next state, the results, or an error that sums up what each server said.
 * Keeps: a retry begins at the URL as it was written; credentials never move on to the next URL. */
#include "net/net_priv.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/text.h"

#define PATIENCE 10 /* pauses of more than this many first pauses are worth a warning, or another server */
#define RATE_SILENCE_MS 30000

static uint32_t next_random(struct vl_net *n)
{
	n->random = n->random * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(n->random >> 33);
}

/* -- gets -------------------------------------------------------------------------------------------------------- */
void vl_request_init(struct vl_request *g)
{
	*g = (struct vl_request){ .dir = -1, .send_fd = -1, .length = -1 };
}

static void results_clear(struct vl_request *g)
{
	char **owned[] = { &g->got_etag,      &g->got_last_modified, &g->content_type,
			   &g->docker_digest, &g->location,	     &g->oci_subject,
			   &g->link };

	for (size_t i = 0; i < VL_LEN(owned); i++) {
		free(*owned[i]);
		*owned[i] = NULL;
	}
	vl_buf_clear(&g->body);
	g->ok = g->not_modified = false;
	g->status = 0;
	g->url_used = NULL;
	g->bytes_moved = g->size = 0;
	g->length = -1;
	g->err = (struct vl_err)VL_ERR_INIT;
	g->priv = NULL;
}

void vl_request_clear(struct vl_request *g)
{
	results_clear(g);
}

/* "application/json; charset=utf-8" -> "application/json" */
static char *bare_type(const char *type)
{
	char *bare = type ? vl_xstrndup(type, strcspn(type, "; \t")) : NULL;

	for (char *s = bare; s && *s; s++)
		*s = (char)tolower((unsigned char)*s);
	return bare;
}

static void results_take(struct vl_job *j)
{
	struct vl_request *g = j->get;
	struct vl_hop *h = &j->hop;

	g->ok = true;
	g->not_modified = h->status == 304;
	g->got_etag = vl_steal(&h->etag);
	g->got_last_modified = vl_steal(&h->last_modified);
	g->content_type = bare_type(h->content_type);
	g->docker_digest = vl_steal(&h->digest);
	g->oci_subject = vl_steal(&h->subject);
	g->link = vl_steal(&h->link);
	g->length = h->length;
	j->net->finished += g->size + vl_upload_size(g);
}

/* -- jobs -------------------------------------------------------------------------------------------------------- */
void vl_job_hop_clear(struct vl_job *j)
{
	struct vl_hop *h = &j->hop;
	char *owned[] = { h->location, h->etag,	  h->last_modified, h->content_type, h->content_range,
			  h->encoding, h->digest, h->challenge,	    h->retry_after,
			  h->subject, h->link };

	for (size_t i = 0; i < VL_LEN(owned); i++)
		free(owned[i]);
	vl_buf_clear(&h->note);
	curl_easy_cleanup(h->easy);
	curl_slist_free_all(h->headers);
	*h = (struct vl_hop){ .length = -1 };
}

static void auth_drop(struct vl_job *j)
{
	if (j->auth)
		explicit_bzero(j->auth, strlen(j->auth));
	free(j->auth);
	j->auth = NULL;
}

void vl_job_free(struct vl_job *j)
{
	if (j->state == VL_JOB_RUNNING) {
		curl_multi_remove_handle(j->net->multi, j->hop.easy);
		j->net->running--;
	}
	vl_job_hop_clear(j);
	vl_partial_clear(&j->partial);
	auth_drop(j);
	free(j->url);
	vl_buf_clear(&j->outcomes);
	free(j);
}

static struct vl_job *job_new(struct vl_net *n, struct vl_request *g)
{
	struct vl_job *j = vl_xcalloc(1, sizeof *j);

	results_clear(g);
	g->body.max = g->max > SIZE_MAX / 2 ? SIZE_MAX / 2 : (size_t)g->max;
	g->priv = j;
	j->net = n;
	j->get = g;
	j->state = VL_JOB_QUEUED;
	j->partial = (struct vl_partial)VL_PARTIAL_INIT;
	j->outcomes.max = sizeof g->err.msg;
	return j;
}

void vl_net_add(struct vl_net *n, struct vl_request *g)
{
	struct vl_job *j = job_new(n, g);

	*n->tail = j;
	n->tail = &j->next;
}

struct vl_job *vl_job_add_first(struct vl_net *n, struct vl_request *g)
{
	struct vl_job *j = job_new(n, g);

	j->next = n->jobs;
	n->jobs = j;
	if (!j->next)
		n->tail = &j->next;
	return j;
}

/* -- what a verdict leads to ------------------------------------------------------------------------------------- */
static void job_over(struct vl_job *j)
{
	j->state = VL_JOB_OVER;
	j->get->status = j->hop.status;
	if (j->get->urls[j->url_i])
		j->get->url_used = j->get->urls[j->url_i];
	vl_partial_clear(&j->partial);
}

static void job_fail(struct vl_job *j, const struct vl_err *why, const char *text)
{
	VL_STR label = vl_safe_text(j->get->label ? j->get->label : "download", 100);
	struct vl_err *e = &j->get->err;

	*e = *why;
	snprintf(e->msg, sizeof e->msg, "%s: %s", label, text);
	j->get->ok = false;
	job_over(j);
}

/* The host for a list of mirrors, the whole URL when there is only one; and where redirects led. */
static char *where(const struct vl_job *j)
{
	const char *url = j->get->urls[j->url_i];
	bool one = !j->get->urls[1];
	VL_STR shown = vl_url_public(url);
	VL_STR safe = vl_safe_text(one || !j->first.host[0] ? shown : j->first.host, 400);

	if (j->redirects && j->hop.origin.host[0] && !vl_origin_same(&j->hop.origin, &j->first))
		return vl_xprintf("%s: redirected to %s", safe, j->hop.origin.host);
	return vl_steal(&safe);
}

static char *outcome(const struct vl_job *j)
{
	VL_STR place = where(j);

	if (j->tries > 1)
		return vl_xprintf("%s: %s (%u tries)", place, j->err.msg, j->tries);
	return vl_xprintf("%s: %s", place, j->err.msg);
}

static void url_leave(struct vl_job *j)
{
	auth_drop(j);
	free(j->url);
	j->url = NULL;
	j->tries = j->dances = j->redirects = j->token_serial = 0;
	j->fresh = j->no_resume = j->strayed = j->body_out = false;
	j->first = (struct vl_origin){ .https = false };
	if (!j->reach_inherited)
		j->reach_known = false;
	j->best = 0;
}

static void next_mirror(struct vl_job *j)
{
	VL_STR text = outcome(j);
	struct vl_err full = VL_ERR_INIT;
	bool last = !j->get->urls[j->url_i + 1];

	/* A list too long for a message is cut: its beginning is kept. */
	if (!vl_buf_addf(&j->outcomes, &full, "%s%s", j->outcomes.len ? "; " : "", text))
		full.code = VL_OK;
	if (vl_retry_rank(j->err.code) >= vl_retry_rank(j->worst.code))
		j->worst = j->err;
	if (last) {
		job_fail(j, &j->worst, vl_buf_str(&j->outcomes));
		return;
	}
	vl_emit_debug(j->net->env, "%s: %s; trying the next server", j->get->label ? j->get->label : "download", text);
	url_leave(j);
	j->url_i++;
	j->state = VL_JOB_QUEUED;
}

/* Back to the URL as written: what a redirect led to may have been signed for a minute only. */
static void to_first_hop(struct vl_job *j)
{
	free(j->url);
	j->url = NULL;
	j->redirects = j->dances = 0;
	j->fresh = j->strayed = j->body_out = false;
	vl_partial_clear(&j->partial);
}

/* Long pauses, and a rate limit though not for each of many transfers. */
static bool worth_a_warning(struct vl_job *j, unsigned seconds)
{
	int64_t now = vl_net_clock();

	if (j->err.code != VL_E_RATE)
		return seconds > PATIENCE;
	if (j->net->rate_said && now - j->net->rate_said < RATE_SILENCE_MS)
		return false;
	j->net->rate_said = now;
	return true;
}

static void say_retry(struct vl_job *j, unsigned pause, unsigned retries)
{
	VL_STR place = where(j);
	const char *label = j->get->label ? j->get->label : "download";
	unsigned seconds = (pause + 999) / 1000;

	if (worth_a_warning(j, seconds))
		vl_emit_warn(j->net->env, "%s: %s: %s, trying again in %u s (%u of %u)", label, place, j->err.msg,
			     seconds, j->tries, retries);
	else
		vl_emit_debug(j->net->env, "%s: %s: %s, trying again in %u s (%u of %u)", label, place, j->err.msg,
			      seconds, j->tries, retries);
}

static unsigned retries_of(const struct vl_job *j)
{
	unsigned n = j->net->conf.retries;

	if (!j->get->hasty || j->hop.status || !n)
		return n;
	return j->err.code == VL_E_TIMEOUT ? 0 : 1;
}

static void try_again(struct vl_job *j)
{
	struct vl_net *n = j->net;
	struct vl_retry_ask ask = { .base_ms = n->conf.retry_base_ms, .retry_after = -1, .random = next_random(n) };
	uint64_t now_have = j->offset + (j->hop.keep ? j->hop.got : 0);
	unsigned pause, retries = retries_of(j);

	/* A long download over a bad line is not given up while each try brings it further; `max` and the deadline end
	 * it. */
	if (j->get->dir >= 0 && now_have > j->best + (1u << 20)) {
		j->best = now_have;
		j->tries = 0;
	}
	ask.tries = ++j->tries;
	ask.rate = j->err.code == VL_E_RATE;
	if (j->hop.retry_after && !vl_retry_after_parse(j->hop.retry_after, (int64_t)time(NULL), &ask.retry_after))
		ask.retry_after = -1;
	pause = vl_retry_pause_ms(&ask);
	/* Another server may be free now. */
	if (j->tries > retries || (j->get->urls[j->url_i + 1] && pause > PATIENCE * n->conf.retry_base_ms)) {
		next_mirror(j);
		return;
	}
	j->wake = vl_net_clock() + pause;
	if (j->wake >= j->deadline) {
		next_mirror(j);
		return;
	}
	say_retry(j, pause, retries);
	to_first_hop(j);
	j->state = VL_JOB_SLEEPING;
}

static void follow(struct vl_job *j)
{
	char *to = NULL;

	if (!vl_redirect_next(j->url, j->hop.location, &to, &j->err)) {
		next_mirror(j);
		return;
	}
	free(j->url);
	j->url = to;
	j->redirects++;
	j->body_out = false;
	if (!vl_origin_of(to, &j->here, &j->err) || !vl_origin_same(&j->here, &j->first))
		j->strayed = true;
	j->state = VL_JOB_QUEUED;
}

/* "Not now" says that nothing was done; and it must be waited for, which whoever begins anew at once would not do. */
static bool turned_away(const struct vl_job *j)
{
	return j->err.code == VL_E_RATE || (j->hop.in_body && j->hop.status == 503);
}

void vl_job_apply(struct vl_job *j, enum vl_next next)
{
	VL_STR text = NULL;

	if (j->get->once && j->body_out && next >= VL_NEXT_AGAIN && !turned_away(j))
		next = VL_NEXT_STOP;
	switch (next) {
	case VL_NEXT_DONE:
		results_take(j);
		job_over(j);
		break;
	case VL_NEXT_HOP:
		follow(j);
		break;
	case VL_NEXT_AUTH:
		j->body_out = false; /* turned away before anybody looked at it */
		if (!vl_token_dance(j))
			next_mirror(j);
		break;
	case VL_NEXT_ANEW:
		if (j->no_resume) {
			try_again(j);
			break;
		}
		vl_partial_drop(&j->partial);
		to_first_hop(j);
		j->no_resume = true;
		j->state = VL_JOB_QUEUED;
		break;
	case VL_NEXT_AGAIN:
		try_again(j);
		break;
	case VL_NEXT_MIRROR:
		next_mirror(j);
		break;
	case VL_NEXT_STOP:
		text = outcome(j);
		job_fail(j, &j->err, text);
		break;
	}
}

void vl_net_wake(struct vl_net *n, struct vl_token *t)
{
	for (struct vl_job *j = n->jobs; j; j = j->next) {
		if (j->state != VL_JOB_WAITING || j->waits_for != t)
			continue;
		j->waits_for = NULL;
		j->state = VL_JOB_QUEUED;
		if (t->auth) {
			auth_drop(j);
			vl_token_known(j);
			j->fresh = true;
			continue;
		}
		j->err = t->err;
		next_mirror(j);
	}
}
