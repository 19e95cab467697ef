/* SPDX-License-Identifier: Apache-2.0 */
/* net/multi.c: the one loop. Jobs wait, run, sleep until a retry, wait for a token, or are over.
 * In: wanted documents. Out: each one's done(), called outside of curl, so that it may add more.
 * Keeps: at most `parallel` transfers, four per host; a job's memory ends before its done() is called. */
#include "net/net_priv.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "base/text.h"
#include "base/version.h"

#define TICK_MS 200       /* how long a wish to stop may wait */
#define PROGRESS_MS 100
#define PATIENCE 10       /* pauses of more than this many seconds are worth a warning */

int64_t vl_net_clock(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static uint32_t next_random(struct vl_net *n)
{
	n->random = n->random * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(n->random >> 33);
}

/* -- gets -------------------------------------------------------------------------------------------------------- */
void vl_get_init(struct vl_get *g)
{
	*g = (struct vl_get){ .dir = -1 };
}

static void results_clear(struct vl_get *g)
{
	char **owned[] = { &g->got_etag, &g->got_last_modified, &g->content_type, &g->docker_digest };

	for (size_t i = 0; i < VL_LEN(owned); i++) {
		free(*owned[i]);
		*owned[i] = NULL;
	}
	vl_buf_clear(&g->body);
	g->ok = g->not_modified = false;
	g->status = 0;
	g->url_used = NULL;
	g->bytes_moved = g->size = 0;
	g->err = (struct vl_err)VL_ERR_INIT;
	g->priv = NULL;
}

void vl_get_clear(struct vl_get *g)
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
	struct vl_get *g = j->get;
	struct vl_hop *h = &j->hop;

	g->ok = true;
	g->not_modified = h->status == 304;
	g->got_etag = vl_steal(&h->etag);
	g->got_last_modified = vl_steal(&h->last_modified);
	g->content_type = bare_type(h->content_type);
	g->docker_digest = vl_steal(&h->digest);
	j->net->finished += g->size;
}

/* -- jobs -------------------------------------------------------------------------------------------------------- */
void vl_job_hop_clear(struct vl_job *j)
{
	struct vl_hop *h = &j->hop;
	char *owned[] = { h->location, h->etag,	  h->last_modified, h->content_type, h->content_range,
			  h->encoding, h->digest, h->challenge,	    h->retry_after };

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

static void job_free(struct vl_job *j)
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

struct vl_job *vl_job_add(struct vl_net *n, struct vl_get *g)
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
	*n->tail = j;
	n->tail = &j->next;
	return j;
}

void vl_net_add(struct vl_net *n, struct vl_get *g)
{
	vl_job_add(n, g);
}

static void job_unlink(struct vl_net *n, struct vl_job *gone)
{
	struct vl_job **at = &n->jobs;

	while (*at != gone)
		at = &(*at)->next;
	*at = gone->next;
	if (n->tail == &gone->next)
		n->tail = at;
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
	j->fresh = j->no_resume = false;
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
	j->fresh = false;
	vl_partial_clear(&j->partial);
}

static void say_retry(struct vl_job *j, unsigned pause, unsigned retries)
{
	VL_STR place = where(j);
	const char *label = j->get->label ? j->get->label : "download";
	unsigned seconds = (pause + 999) / 1000;

	if (seconds > PATIENCE)
		vl_emit_warn(j->net->env, "%s: %s: %s, trying again in %u s (%u of %u)", label, place, j->err.msg, seconds,
			     j->tries, retries);
	else
		vl_emit_debug(j->net->env, "%s: %s: %s, trying again in %u s (%u of %u)", label, place, j->err.msg,
			      seconds, j->tries, retries);
}

static void try_again(struct vl_job *j)
{
	struct vl_net *n = j->net;
	struct vl_retry_ask ask = { .base_ms = n->conf.retry_base_ms, .retry_after = -1, .random = next_random(n) };
	uint64_t now_have = j->offset + (j->hop.keep ? j->hop.got : 0);
	unsigned pause;

	/* A long download over a bad line is not given up while each try brings it further; `max` and the deadline end it. */
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
	if (j->tries > n->conf.retries || (j->get->urls[j->url_i + 1] && pause > PATIENCE * n->conf.retry_base_ms)) {
		next_mirror(j);
		return;
	}
	j->wake = vl_net_clock() + pause;
	if (j->wake >= j->deadline) {
		next_mirror(j);
		return;
	}
	say_retry(j, pause, n->conf.retries);
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
	j->state = VL_JOB_QUEUED;
}

static void apply(struct vl_job *j, enum vl_next next)
{
	VL_STR text = NULL;

	switch (next) {
	case VL_NEXT_DONE:
		results_take(j);
		job_over(j);
		break;
	case VL_NEXT_HOP:
		follow(j);
		break;
	case VL_NEXT_AUTH:
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

/* -- starting ---------------------------------------------------------------------------------------------------- */
/* What the operator wrote for this host: user info in the URL, or netrc. Registries use docker's files instead. */
static void own_credential(struct vl_job *j, const char *user, const char *password)
{
	VL_CLEAN(vl_cred) cred = { .user = NULL };

	if (j->is_token)
		return;
	if (user)
		j->auth = vl_basic_auth(user, password ? password : "");
	else if (!j->get->registry && vl_creds_netrc(j->net->creds, &j->first, &cred))
		j->auth = vl_basic_auth(cred.user, cred.secret);
}

static bool url_begin(struct vl_job *j)
{
	VL_STR user = NULL;
	VL_STR password = NULL;

	if (j->url)
		return true;
	if (!vl_url_split_user(j->get->urls[j->url_i], &j->url, &user, &password, &j->err) ||
	    !vl_origin_of(j->url, &j->first, &j->err))
		return false;
	if (!j->auth)
		own_credential(j, user, password);
	if (password)
		explicit_bzero(password, strlen(password));
	return true;
}

static bool host_is_busy(const struct vl_job *j)
{
	unsigned busy = 0;
	struct vl_origin o;
	struct vl_err ignored = VL_ERR_INIT;

	if (!vl_origin_of(j->url, &o, &ignored))
		return false;
	for (const struct vl_job *k = j->net->jobs; k; k = k->next)
		busy += k->state == VL_JOB_RUNNING && vl_origin_same(&k->hop.origin, &o);
	return busy >= VL_NET_PER_HOST;
}

/* False: not now. */
static bool job_start(struct vl_job *j)
{
	struct vl_net *n = j->net;

	if (!j->get->urls[0]) {
		vl_fail(&j->err, VL_E_INTERNAL, "no URL to fetch from");
		job_fail(j, &j->err, j->err.msg);
		return true;
	}
	if (!url_begin(j)) {
		next_mirror(j);
		return true;
	}
	if (host_is_busy(j))
		return false;
	if (!j->deadline)
		j->deadline = vl_net_clock() + n->conf.timeout * 1000;
	vl_token_known(j);
	if (!vl_hop_prepare(j)) {
		apply(j, j->err.code == VL_E_REDIRECT ? VL_NEXT_MIRROR : VL_NEXT_STOP);
		return true;
	}
	if (curl_multi_add_handle(n->multi, j->hop.easy) != CURLM_OK) {
		vl_fail(&j->err, VL_E_INTERNAL, "libcurl does not take the transfer");
		apply(j, VL_NEXT_STOP);
		return true;
	}
	j->state = VL_JOB_RUNNING;
	n->running++;
	n->requests++;
	return true;
}

/* Starts what can start; returns how long to wait for the next thing to do. */
static int start_ready(struct vl_net *n)
{
	int64_t now = vl_net_clock(), wait = TICK_MS;

	for (struct vl_job *j = n->jobs; j; j = j->next) {
		if (j->state == VL_JOB_SLEEPING && j->wake <= now)
			j->state = VL_JOB_QUEUED;
		if (j->state == VL_JOB_SLEEPING && j->wake - now < wait)
			wait = j->wake - now;
		if (j->state == VL_JOB_QUEUED && n->running < n->conf.parallel && job_start(j) && j->state != VL_JOB_RUNNING)
			wait = 0;
	}
	return (int)wait;
}

/* -- running ----------------------------------------------------------------------------------------------------- */
/* Returns whether anything ended. */
static bool take_results(struct vl_net *n)
{
	bool any = false;
	struct vl_job *j;
	CURLMsg *m;
	CURLcode rc;
	int left;

	while ((m = curl_multi_info_read(n->multi, &left))) {
		if (m->msg != CURLMSG_DONE)
			continue;
		rc = m->data.result;
		j = NULL;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &j);
		curl_multi_remove_handle(n->multi, m->easy_handle);
		n->running--;
		j->state = VL_JOB_OVER;
		apply(j, vl_hop_verdict(j, rc));
		any = true;
	}
	return any;
}

static bool call_done(struct vl_net *n)
{
	struct vl_job *j;
	struct vl_get *g;
	bool any = false;

	for (;;) {
		for (j = n->jobs; j && j->state != VL_JOB_OVER; j = j->next)
			;
		if (!j)
			return any;
		any = true;
		g = j->get;
		job_unlink(n, j);
		job_free(j);
		g->priv = NULL;
		if (g->done)
			g->done(n, g);
	}
}

static void say_progress(struct vl_net *n, bool force)
{
	uint64_t done = n->finished, total = n->finished;
	int64_t now = vl_net_clock();

	if (!force && now - n->progress_at < PROGRESS_MS)
		return;
	n->progress_at = now;
	for (const struct vl_job *j = n->jobs; j; j = j->next) {
		uint64_t have = j->hop.keep ? j->offset + j->hop.got : 0;
		uint64_t all = j->total ? j->total : j->get->expect;

		done += have;
		total += all > have ? all : have;
	}
	vl_emit_progress(n->env, "fetch", done, total);
}

/* Without done(): the caller is unwinding. Its gets are told why, then forgotten. */
static bool abandon(struct vl_net *n, struct vl_err *e)
{
	struct vl_job *j;

	while ((j = n->jobs)) {
		n->jobs = j->next;
		j->get->err = *e;
		j->get->ok = false;
		j->get->priv = NULL;
		job_free(j);
	}
	n->tail = &n->jobs;
	for (struct vl_token *t = n->tokens; t; t = t->next)
		t->asking = false;
	return false;
}

static bool loop_failed(CURLMcode rc, struct vl_err *e)
{
	if (rc == CURLM_OUT_OF_MEMORY)
		return vl_fail(e, VL_E_MEMORY, "no memory for transfers");
	return vl_fail(e, VL_E_INTERNAL, "libcurl: %s", curl_multi_strerror(rc));
}

bool vl_net_run(struct vl_net *n, struct vl_err *e)
{
	CURLMcode rc = CURLM_OK;
	int wait, running;
	bool moved;

	while (n->jobs) {
		if (!vl_env_go_on(n->env, e))
			return abandon(n, e);
		wait = start_ready(n);
		rc = curl_multi_perform(n->multi, &running);
		moved = take_results(n);
		moved |= call_done(n);
		say_progress(n, false);
		if (rc == CURLM_OK && n->jobs)
			rc = curl_multi_poll(n->multi, NULL, 0, moved ? 0 : wait, NULL);
		if (rc != CURLM_OK) {
			loop_failed(rc, e);
			return abandon(n, e);
		}
	}
	say_progress(n, true);
	return true;
}

/* -- the net ----------------------------------------------------------------------------------------------------- */
static void conf_copy(struct vl_net_conf *to, const struct vl_net_conf *from)
{
	*to = *from;
	to->ca_file = vl_xstrdup(from->ca_file);
	to->proxy = vl_xstrdup(from->proxy);
	to->docker_config = vl_xstrdup(from->docker_config);
	to->netrc = vl_xstrdup(from->netrc);
	to->user_agent = NULL;
	to->parallel = from->parallel ? from->parallel : 8;
	to->retries = from->retries ? from->retries : 5;
	to->timeout = from->timeout > 0 && from->timeout < 30 * 86400 ? from->timeout : 6 * 3600;
	to->low_speed = from->low_speed && from->low_speed < INT32_MAX ? from->low_speed : 1024;
	to->retry_base_ms = from->retry_base_ms ? from->retry_base_ms : 1000;
	if (to->retry_base_ms > 60000)
		to->retry_base_ms = 60000;
	to->connect_timeout = from->connect_timeout ? from->connect_timeout : 30;
}

bool vl_net_new(struct vl_net **out, const struct vl_net_conf *conf, const struct vl_env *env, struct vl_err *e)
{
	static const struct vl_net_conf none;
	VL_AUTO(vl_net) n = NULL;

	if (curl_global_init(CURL_GLOBAL_DEFAULT))
		return vl_fail(e, VL_E_INTERNAL, "libcurl cannot be started");
	n = vl_xcalloc(1, sizeof *n);
	n->env = env;
	n->tail = &n->jobs;
	conf_copy(&n->conf, conf ? conf : &none);
	n->agent = conf && conf->user_agent ? vl_xstrdup(conf->user_agent) : vl_xprintf("valise/%s", vl_version());
	if (getrandom(&n->random, sizeof n->random, GRND_NONBLOCK) != sizeof n->random)
		n->random = (uint64_t)vl_net_clock();
	n->multi = curl_multi_init();
	if (!n->multi)
		return vl_fail(e, VL_E_MEMORY, "no memory for transfers");
	if (!vl_creds_new(&n->creds, &n->conf, env, e))
		return false;
	*out = vl_steal(&n);
	return true;
}

static void text_free(const char *s)
{
	union {
		const char *in;
		char *out;
	} u = { .in = s };

	free(u.out);
}

void vl_net_free(struct vl_net *n)
{
	struct vl_err gone = VL_ERR_INIT;

	if (!n)
		return;
	vl_fail(&gone, VL_E_INTERRUPTED, "given up");
	abandon(n, &gone);
	vl_tokens_free(n);
	vl_creds_free(n->creds);
	curl_multi_cleanup(n->multi);
	text_free(n->conf.ca_file);
	text_free(n->conf.proxy);
	text_free(n->conf.docker_config);
	text_free(n->conf.netrc);
	free(n->agent);
	free(n);
	curl_global_cleanup();
}

void vl_net_stats(const struct vl_net *n, uint64_t *bytes, uint64_t *requests)
{
	*bytes = n->bytes;
	*requests = n->requests;
}
