/* SPDX-License-Identifier: Apache-2.0 */
/* publish/task.c: stages of many requests.
 * In:    how many things there are, and what to ask about each.
 * Out:   true when all were answered well; or the first failure.
 * Keeps: few requests are under way at once, whatever the number of things; after a failure nothing new begins, but
 *        what is under way ends: a blob that arrives now need not be sent again. */
#include <stdlib.h>
#include <unistd.h>

#include "base/host.h"
#include "publish/publish_priv.h"

#define UNDER_WAY_MAX 12u
#define ANSWER_MAX (64u << 10)

static void task_free(struct vl_task *t)
{
	struct vl_pub *p = t->pub;

	if (t->prev)
		t->prev->next = t->next;
	else
		p->live = t->next;
	if (t->next)
		t->next->prev = t->prev;
	p->under_way--;
	vl_request_clear(&t->req);
	vl_buf_clear(&t->body);
	vl_fd_closep(&t->fd);
	free(t->url);
	free(t->scope);
	free(t);
}

static struct vl_task *task_new(struct vl_pub *p, size_t i)
{
	struct vl_task *t = vl_xcalloc(1, sizeof *t);

	*t = (struct vl_task){ .pub = p, .i = i, .fd = -1, .next = p->live, .body = VL_BUF_INIT(VL_DOC_MAX) };
	vl_request_init(&t->req);
	if (p->live)
		p->live->prev = t;
	p->live = t;
	p->under_way++;
	return t;
}

static void failed(struct vl_pub *p, const struct vl_err *e)
{
	if (!p->failed)
		p->err = *e;
	p->failed = true;
}

/* After a request's answer, or the first time: goes on or ends. */
static void step(struct vl_task *t, vl_task_fn *f)
{
	struct vl_pub *p = t->pub;
	struct vl_err e = VL_ERR_INIT;

	t->asked = false;
	if (!f(t, &e))
		failed(p, &e);
	if (t->asked && !p->failed)
		vl_net_add(p->net, &t->req);
	else
		task_free(t);
}

static void pump(struct vl_pub *p)
{
	while (!p->failed && p->under_way < UNDER_WAY_MAX && p->next < p->count)
		step(task_new(p, p->next++), p->begin);
}

static void on_done(struct vl_net *n, struct vl_request *g)
{
	struct vl_task *t = vl_container_of(g, struct vl_task, req);
	struct vl_pub *p = t->pub;

	(void)n;
	step(t, t->answer);
	pump(p);
}

bool vl_pub_stage(struct vl_pub *p, size_t count, vl_task_fn *begin, struct vl_err *e)
{
	bool good;

	p->next = 0;
	p->count = count;
	p->begin = begin;
	pump(p);
	good = vl_net_run(p->net, e);
	while (p->live) /* only when it was interrupted: the net has forgotten them */
		task_free(p->live);
	if (good && p->failed)
		*e = p->err;
	return good && !p->failed;
}

struct vl_request *vl_task_ask(struct vl_task *t, enum vl_method method, char *url, vl_task_fn *answer)
{
	struct vl_request *g = &t->req;
	char *before = t->url; /* url may have been made of the last answer's Location */

	vl_request_clear(g);
	vl_request_init(g);
	t->url = url;
	free(before);
	t->urls[0] = t->url;
	t->answer = answer;
	t->asked = true;
	g->method = method;
	g->urls = t->urls;
	g->label = t->item;
	g->registry = true;
	g->scope = t->scope;
	g->max = ANSWER_MAX;
	g->done = on_done;
	return g;
}

char *vl_pub_url(const struct vl_pub *p, size_t repo, const char *kind, const char *what)
{
	return vl_xprintf("%s://%s/v2/%s/%s/%s", p->scheme, vl_host_of_api(p->host), p->repo[repo].name, kind, what);
}

/* The same for all requests to a repository: one token does. */
char *vl_pub_scope(const struct vl_pub *p, size_t repo)
{
	return vl_xprintf("repository:%s:pull%s", p->repo[repo].name, p->job->dry_run ? "" : ",push");
}

bool vl_task_there(const struct vl_task *t, bool *there, struct vl_err *e)
{
	*there = t->req.ok;
	if (t->req.ok || t->req.status == 404)
		return true;
	*e = t->req.err;
	return false;
}
