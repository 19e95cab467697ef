/* SPDX-License-Identifier: Apache-2.0 */
/* net/multi.c: the one loop, and the net around it. It starts jobs and hands their verdicts to job.c.
 * In: wanted documents. Out: each one's done(), called outside of curl, so that it may add more.
 * Keeps: at most `parallel` transfers, four per host; a job's memory ends before its done() is called. */
#include "net/net_priv.h"

#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "base/version.h"

#define TICK_MS 200       /* how long a wish to stop may wait */
#define PROGRESS_MS 100

int64_t vl_net_clock(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
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
	j->here = j->first;
	vl_upload_limit(j);
	if (!j->auth)
		own_credential(j, user, password);
	if (password)
		explicit_bzero(password, strlen(password));
	return true;
}

static bool host_is_busy(const struct vl_job *j)
{
	unsigned busy = 0, seen = 0;

	/* Those that run are few and in front, even when thousands wait. */
	for (const struct vl_job *k = j->net->jobs; k && seen < j->net->running; k = k->next) {
		seen += k->state == VL_JOB_RUNNING;
		busy += k->state == VL_JOB_RUNNING && vl_origin_same(&k->hop.origin, &j->here);
	}
	return busy >= VL_NET_PER_HOST;
}

/* False: not now. */
static bool job_start(struct vl_job *j)
{
	struct vl_net *n = j->net;

	if (!j->get->urls[0]) {
		vl_fail(&j->err, VL_E_INTERNAL, "no URL to fetch from");
		vl_job_apply(j, VL_NEXT_STOP);
		return true;
	}
	if (!url_begin(j)) {
		vl_job_apply(j, VL_NEXT_MIRROR);
		return true;
	}
	if (host_is_busy(j))
		return false;
	if (!j->deadline)
		j->deadline = vl_net_clock() + n->conf.timeout * 1000;
	vl_token_known(j);
	if (vl_token_awaited(j))
		return true;
	if (!vl_hop_prepare(j)) {
		vl_job_apply(j, j->err.code == VL_E_REDIRECT ? VL_NEXT_MIRROR : VL_NEXT_STOP);
		return true;
	}
	if (curl_multi_add_handle(n->multi, j->hop.easy) != CURLM_OK) {
		vl_fail(&j->err, VL_E_INTERNAL, "libcurl does not take the transfer");
		vl_job_apply(j, VL_NEXT_STOP);
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
		if (j->state == VL_JOB_QUEUED && n->running < n->conf.parallel && job_start(j) &&
		    j->state != VL_JOB_RUNNING)
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
		vl_job_apply(j, vl_hop_verdict(j, rc));
		any = true;
	}
	return any;
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

static bool call_done(struct vl_net *n)
{
	struct vl_job *j;
	struct vl_request *g;
	bool any = false;

	for (;;) {
		for (j = n->jobs; j && j->state != VL_JOB_OVER; j = j->next)
			;
		if (!j)
			return any;
		any = true;
		g = j->get;
		job_unlink(n, j);
		vl_job_free(j);
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
		uint64_t have = j->hop.sent + (j->hop.keep ? j->offset + j->hop.got : 0);
		uint64_t all = vl_upload_wanted(j->get) ? vl_upload_size(j->get) : j->total ? j->total : j->get->expect;

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
		vl_job_free(j);
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
	VL_CLEAN(vl_hush) hush = { .held = false };
	int wait, running;
	bool moved;

	vl_hush_begin(&hush);
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
	free(n->deaf);
	free(n->led);
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
