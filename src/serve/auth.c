/* SPDX-License-Identifier: Apache-2.0 */
/* serve/auth.c: Basic log-in against an htpasswd file.
 * In:    the Authorization header.
 * Out:   yes, no, or a request that waits for the doorman.
 * Keeps: a password's hash is slow on purpose, so it is computed on a thread of its own, and pairs that were right are
 *        remembered for ten minutes as a hash keyed with a number that dies with the process. A wrong pair is answered
 *        late: the connection waits, no thread does. How long an answer takes does not tell whether the user exists. */
#include <stdlib.h>

#include "serve/core_priv.h"

#define REMEMBER 600000 /* ms */
#define PENALTY 1000    /* ms until a wrong password is answered */
#define QUEUE 32u       /* log-ins that may wait: at 100 ms each, the last one waits three seconds */
#define SHARE 8u        /* of these from one address: two hosts that guess must not keep others from logging in */
#define WORD_MAX 256u   /* bytes of a name or a password */

static void wipe(char **text)
{
	if (*text)
		explicit_bzero(*text, strlen(*text));
	free(*text);
	*text = NULL;
}

void vl_auth_forget(struct vl_visit *r)
{
	wipe(&r->user);
	wipe(&r->password);
}

static void mark_of(const struct vl_server *s, const char *user, const char *password, struct vl_digest *out)
{
	VL_AUTO(vl_sha256) sha = vl_sha256_new();

	vl_sha256_add(sha, vl_bytes(s->login_key, sizeof s->login_key));
	vl_sha256_add(sha, vl_bytes(user, strlen(user) + 1));
	vl_sha256_add(sha, vl_bytes(password, strlen(password) + 1));
	vl_sha256_end(sha, out);
}

static bool remembered(struct vl_server *s, const struct vl_digest *mark)
{
	int64_t now = vl_clock_ms();
	bool found = false;

	pthread_mutex_lock(&s->lock);
	for (unsigned i = 0; i < VL_LOGINS && !found; i++)
		found = now < s->login[i].until && vl_digest_equal(&s->login[i].mark, mark);
	pthread_mutex_unlock(&s->lock);
	return found;
}

static void remember(struct vl_server *s, const struct vl_digest *mark)
{
	pthread_mutex_lock(&s->lock);
	s->login[s->next_login++ % VL_LOGINS] = (struct vl_login){ *mark, vl_clock_ms() + REMEMBER };
	pthread_mutex_unlock(&s->lock);
}

/* Takes both words over into the request, or wipes them. */
static bool read_header(struct vl_conn *c)
{
	struct vl_visit *r = &c->req;
	char *password = NULL, *user = MHD_basic_auth_get_username_password(c->mhd, &password);
	bool good = user && password && strlen(user) <= WORD_MAX && strlen(password) <= WORD_MAX;

	if (good) {
		r->user = vl_xstrdup(user);
		r->password = vl_xstrdup(password);
	}
	if (password)
		explicit_bzero(password, strlen(password));
	MHD_free(password);
	MHD_free(user);
	return good;
}

/* Behind a proxy all clients have one address: loopback is exempt, as from the limit of connections. */
static bool may_knock(struct vl_conn *c)
{
	struct vl_server *s = c->server;
	unsigned n = 0;

	pthread_mutex_lock(&s->lock);
	for (const struct vl_conn *o = s->conns; o; o = o->next)
		n += o->req.knocking && !o->req.due && IN6_ARE_ADDR_EQUAL(&o->address, &c->address);
	c->req.knocking = c->loopback || n < SHARE;
	pthread_mutex_unlock(&s->lock);
	return c->req.knocking;
}

static bool knock(struct vl_conn *c)
{
	if (!may_knock(c))
		return false;
	if (vl_clerk_give(&c->server->doorman, c, QUEUE))
		return true;
	pthread_mutex_lock(&c->server->lock);
	c->req.knocking = false;
	pthread_mutex_unlock(&c->server->lock);
	return false;
}

enum vl_access vl_auth_ask(struct vl_conn *c)
{
	struct vl_visit *r = &c->req;
	struct vl_digest mark;

	if (!read_header(c))
		return VL_ACCESS_NO;
	mark_of(c->server, r->user, r->password, &mark);
	r->allowed = remembered(c->server, &mark);
	if (r->allowed) {
		vl_auth_forget(r);
		return VL_ACCESS_YES;
	}
	r->stage = VL_STAGE_LOGIN; /* before the doorman can answer */
	return knock(c) ? VL_ACCESS_WAIT : VL_ACCESS_BUSY;
}

void vl_auth_work(struct vl_conn *c)
{
	struct vl_server *s = c->server;
	struct vl_visit *r = &c->req;
	struct vl_digest mark;

	r->allowed = !s->stopping && vl_htpasswd_check(s->htpasswd, r->user, r->password);
	if (r->allowed) {
		mark_of(s, r->user, r->password, &mark);
		remember(s, &mark);
	}
	if (r->allowed || s->stopping) {
		vl_conn_resume(c);
		return;
	}
	vl_notes_add(s->notes, VL_EV_WARN, NULL, 0, "%s: a log-in as %.64s failed", c->name, r->user);
	pthread_mutex_lock(&s->lock);
	r->due = vl_clock_ms() + PENALTY; /* now it is the watch's, and c may be gone */
	pthread_mutex_unlock(&s->lock);
}

static struct vl_conn *due(struct vl_server *s, int64_t now)
{
	struct vl_conn *c;

	pthread_mutex_lock(&s->lock);
	for (c = s->conns; c; c = c->next)
		if (c->req.suspended && c->req.due && (c->req.due <= now || s->stopping))
			break;
	pthread_mutex_unlock(&s->lock);
	return c;
}

void vl_auth_release(struct vl_server *s, int64_t now)
{
	struct vl_conn *c;

	/* Suspended, so it stays; and nobody but this thread resumes what is due. */
	while ((c = due(s, now)))
		vl_conn_resume(c);
}
