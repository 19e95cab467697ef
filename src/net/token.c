/* SPDX-License-Identifier: Apache-2.0 */
/* net/token.c: the registries' log-in: a challenge names a token server, the token server is asked once per registry
 * and scope, all jobs that need the token wait for the one answer.
 * Keeps: our own scope is asked for, not the one the challenge suggests; a fresh token that is refused is the end. */
#include "net/net_priv.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/text.h"

#define EXPIRES_DEFAULT 60
#define EXPIRES_MARGIN 5

static void secret_free(char **s)
{
	if (*s)
		explicit_bzero(*s, strlen(*s));
	free(*s);
	*s = NULL;
}
#define SECRET __attribute__((cleanup(secret_free))) char *

static struct vl_token *find(const struct vl_job *j)
{
	VL_STR key = vl_scope_key(j);

	for (struct vl_token *t = j->net->tokens; t; t = t->next)
		if (!strcmp(t->key, key))
			return t;
	return NULL;
}

static struct vl_token *find_or_make(struct vl_job *j)
{
	struct vl_token *t = find(j);

	if (t)
		return t;
	t = vl_xcalloc(1, sizeof *t);
	t->key = vl_scope_key(j);
	vl_request_init(&t->get);
	t->next = j->net->tokens;
	j->net->tokens = t;
	return t;
}

static void forget_request(struct vl_token *t)
{
	secret_free(&t->post);
	free(t->url);
	t->url = NULL;
	if (t->get.body.data)
		explicit_bzero(t->get.body.data, t->get.body.len);
	vl_request_clear(&t->get);
}

void vl_tokens_free(struct vl_net *n)
{
	struct vl_token *t;

	while ((t = n->tokens)) {
		n->tokens = t->next;
		forget_request(t);
		secret_free(&t->auth);
		free(t->key);
		free(t);
	}
}

static void use(struct vl_job *j, const struct vl_token *t)
{
	secret_free(&j->auth);
	j->auth = vl_xstrdup(t->auth);
	j->token_serial = t->serial;
}

void vl_token_known(struct vl_job *j)
{
	struct vl_token *t = j->get->registry ? find(j) : NULL;

	if (t && t->auth && t->serial != j->token_serial && vl_net_clock() < t->expires)
		use(j, t);
}

bool vl_token_awaited(struct vl_job *j)
{
	struct vl_token *t = j->get->registry && !j->auth ? find(j) : NULL;

	if (!t || !t->asking)
		return false;
	j->waits_for = t;
	j->state = VL_JOB_WAITING;
	return true;
}

static void keep(struct vl_net *n, struct vl_token *t, char *auth, int64_t seconds)
{
	secret_free(&t->auth);
	t->auth = auth;
	t->serial = ++n->serial;
	t->expires = vl_net_clock() + seconds * 1000;
}

/* A token goes into a header: anything but visible ASCII would be a header of its own. */
static bool token_is_plain(const char *s)
{
	if (!*s)
		return false;
	for (; *s; s++)
		if ((unsigned char)*s <= ' ' || (unsigned char)*s >= 0x7f)
			return false;
	return true;
}

static bool read_answer(struct vl_net *n, struct vl_token *t, struct vl_err *e)
{
	VL_AUTO(vl_json) json = NULL;
	const struct vl_jval *root;
	const char *token;
	uint64_t seconds = EXPIRES_DEFAULT;

	if (!vl_json_parse(&json, vl_buf_bytes(&t->get.body), VL_JSON_OCI, "the token server's answer",
			   VL_E_CONTENT, e))
		return false;
	root = vl_json_root(json);
	token = vl_jval_str(vl_jval_get(root, "token"));
	if (!token)
		token = vl_jval_str(vl_jval_get(root, "access_token"));
	if (!token || !token_is_plain(token))
		return vl_fail(e, VL_E_CONTENT, "the token server's answer holds no token");
	if (!vl_jval_u64(vl_jval_get(root, "expires_in"), &seconds) || seconds < EXPIRES_DEFAULT)
		seconds = EXPIRES_DEFAULT;
	keep(n, t, vl_xprintf("Bearer %s", token), (int64_t)(seconds > 3600 ? 3600 : seconds) - EXPIRES_MARGIN);
	return true;
}

static void on_answer(struct vl_net *n, struct vl_request *g)
{
	struct vl_token *t = g->user;

	t->asking = false;
	secret_free(&t->auth);
	if (!g->ok)
		t->err = g->err;
	else
		(void)!read_answer(n, t, &t->err);
	forget_request(t);
	vl_net_wake(n, t);
}

/* The realm with our questions behind it. */
static char *ask_url(const struct vl_challenge *c, const char *scope)
{
	VL_STR service = vl_percent_encode(c->service ? c->service : "");
	VL_STR wanted = vl_scope_query(scope);

	return vl_xprintf("%s%sservice=%s%s", c->realm, strchr(c->realm, '?') ? "&" : "?", service, wanted);
}

static char *ask_post(const struct vl_challenge *c, const char *scope, const char *identity)
{
	VL_STR service = vl_percent_encode(c->service ? c->service : "");
	VL_STR wanted = vl_percent_encode(scope ? scope : "");
	SECRET token = vl_percent_encode(identity);

	return vl_xprintf("grant_type=refresh_token&client_id=valise&service=%s&scope=%s&refresh_token=%s", service,
			  wanted, token);
}

static bool ask(struct vl_job *j, struct vl_token *t, const struct vl_challenge *c, const struct vl_cred *cred)
{
	VL_STR own = vl_scope_of(j);
	const char *scope = own ? own : c->scope;
	struct vl_job *k;

	if (!vl_realm_check(j->get->urls[j->url_i], c->realm, &j->err))
		return false;
	forget_request(t);
	if (cred->identity)
		t->post = ask_post(c, scope, cred->identity);
	t->url = cred->identity ? vl_xstrdup(c->realm) : ask_url(c, scope);
	t->urls[0] = t->url;
	t->urls[1] = NULL;
	t->get.label = "token";
	t->get.urls = t->urls;
	t->get.accept = "application/json";
	t->get.max = VL_NET_TOKEN_MAX;
	t->get.done = on_answer;
	t->get.user = t;
	t->asking = true;
	t->err = (struct vl_err)VL_ERR_INIT;
	k = vl_job_add_first(j->net, &t->get);
	k->is_token = true;
	k->post = t->post;
	k->reach_inherited = k->reach_known = true;
	k->reach = j->reach;
	if (!cred->identity && cred->secret)
		k->auth = vl_basic_auth(cred->user ? cred->user : "", cred->secret);
	return true;
}

static void credential(struct vl_job *j, struct vl_cred *cred)
{
	VL_STR scope = vl_scope_of(j);
	VL_STR repository = vl_scope_repository(scope);
	unsigned usual = j->first.https ? 443 : 80;
	VL_STR host = j->first.port == usual ? vl_xstrdup(j->first.host) :
					       vl_xprintf("%s:%u", j->first.host, j->first.port);

	if (!vl_creds_registry(j->net->creds, host, repository, cred))
		*cred = (struct vl_cred){ .user = NULL };
}

static bool answer_basic(struct vl_job *j, struct vl_token *t, const struct vl_cred *cred)
{
	if (!cred->secret) {
		vl_fail(&j->err, VL_E_REFUSED, "401 log-in required, and no credentials are configured for this host");
		return vl_hint(&j->err, "Log in (docker login or podman login), or set docker-config.");
	}
	keep(j->net, t, vl_basic_auth(cred->user ? cred->user : "", cred->secret), 86400);
	use(j, t);
	j->fresh = true;
	j->state = VL_JOB_QUEUED;
	return true;
}

/* Registries say 401 for a repository that does not exist, too. */
static bool refused(struct vl_job *j, const struct vl_token *t)
{
	if (!j->token_serial)
		return vl_fail(&j->err, VL_E_REFUSED, "401: the registry refuses access");
	if (!t->anonymous) {
		vl_fail(&j->err, VL_E_REFUSED, "401: the registry refuses the credentials it asked for");
		return vl_hint(&j->err, "Log in again (docker or podman login); see docker-config, valise.conf(5).");
	}
	vl_fail(&j->err, VL_E_REFUSED, "401: the registry refuses access without a log-in");
	return vl_hint(&j->err,
		       "Check the name; if it is right, log in (docker login, podman login) or set docker-config.");
}

bool vl_token_dance(struct vl_job *j)
{
	VL_CLEAN(vl_challenge) c = { .kind = VL_CHALLENGE_NONE };
	VL_CLEAN(vl_cred) cred = { .user = NULL };
	struct vl_token *t = find_or_make(j);

	if (j->fresh || ++j->dances > 3)
		return refused(j, t);
	if (!vl_challenge_parse(j->hop.challenge ? j->hop.challenge : "", &c, &j->err))
		return false;
	if (t->auth && t->serial != j->token_serial) {
		use(j, t); /* another job was faster */
		j->state = VL_JOB_QUEUED;
		return true;
	}
	if (!t->asking) {
		credential(j, &cred);
		t->anonymous = !cred.bearer && !cred.secret && !cred.identity;
		if (cred.bearer) {
			keep(j->net, t, vl_xprintf("Bearer %s", cred.bearer), 86400);
			use(j, t);
			j->fresh = true;
			j->state = VL_JOB_QUEUED;
			return true;
		}
		if (c.kind == VL_CHALLENGE_BASIC)
			return answer_basic(j, t, &cred);
		if (!ask(j, t, &c, &cred))
			return false;
	}
	j->waits_for = t;
	j->state = VL_JOB_WAITING;
	return true;
}
