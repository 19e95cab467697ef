/* SPDX-License-Identifier: Apache-2.0 */
/* net/net_priv.h: what the files of net/ share.
 * A job is one wanted document; it makes hops (one request and its answer each) until the verdict on a hop says that it
 * is done, or that no URL is left. multi.c is the loop, job.c moves jobs between states, http.c does one hop, the
 * others answer questions. */
#ifndef VL_NET_PRIV_H
#define VL_NET_PRIV_H

#include <curl/curl.h>
#include <signal.h>
#include <sys/socket.h>

#include "net/net.h"

#define VL_NET_REDIRECTS 5
#define VL_NET_HEADER_MAX (256u << 10)
#define VL_NET_TOKEN_MAX (64u << 10)
#define VL_NET_NOTE_MAX 4096u          /* of an error's body, for its code */
#define VL_NET_SKIP_MAX (64u << 10)    /* of a body nobody wants */
#define VL_NET_CHALLENGE_MAX 8192u
#define VL_NET_PER_HOST 4u
#define VL_NET_LOW_SPEED_TIME 60L
#define VL_NET_COMMIT_TIME 900L        /* a registry reads a large blob again before it answers */

/* -- redirect.c: pure policy ------------------------------------------------------------------------------------- */
struct vl_origin {
	bool https;
	unsigned port;
	char host[256]; /* lower case; IPv6 in brackets */
};
VL_MUST bool vl_origin_of(const char *url, struct vl_origin *o, struct vl_err *e);
bool vl_origin_same(const struct vl_origin *a, const struct vl_origin *b);
/* How near an address is to us. A hop never leads nearer than the URL that the operator wrote. */
enum vl_reach { VL_REACH_PUBLIC, VL_REACH_PRIVATE, VL_REACH_LINK, VL_REACH_LOOP };
enum vl_reach vl_reach_of_addr(const struct sockaddr *sa);
/* False: a name that must be resolved first. */
bool vl_reach_of_host(const char *host, enum vl_reach *r);
/* Where Location leads from `from`, absolute, without user info and fragment. VL_E_REDIRECT: not followed. */
VL_MUST bool vl_redirect_next(const char *from, const char *location, char **to, struct vl_err *e);
/* URL without user info, which goes to *user and *password (NULL when there is none). */
VL_MUST bool vl_url_split_user(const char *url, char **plain, char **user, char **password, struct vl_err *e);

/* -- challenge.c: pure ------------------------------------------------------------------------------------------- */
enum vl_challenge_kind { VL_CHALLENGE_NONE, VL_CHALLENGE_BASIC, VL_CHALLENGE_BEARER };
struct vl_challenge {
	enum vl_challenge_kind kind; /* Bearer when both are offered */
	char *realm, *service, *scope; /* of the Bearer */
};
VL_MUST bool vl_challenge_parse(const char *header, struct vl_challenge *c, struct vl_err *e);
void vl_challenge_clear(struct vl_challenge *c);
VL_DEFINE_CLEAN(vl_challenge)
/* May the registry at `registry` send us to this token server? */
VL_MUST bool vl_realm_check(const char *registry, const char *realm, struct vl_err *e);

/* -- retry.c: pure ----------------------------------------------------------------------------------------------- */
struct vl_retry_ask {
	unsigned tries;      /* made so far, at least 1 */
	unsigned base_ms;
	int64_t retry_after; /* seconds the server asks for, or -1 */
	bool rate;           /* the server says that we ask too much */
	uint32_t random;
};
unsigned vl_retry_pause_ms(const struct vl_retry_ask *a);
bool vl_retry_after_parse(const char *value, int64_t now, int64_t *seconds);
bool vl_retry_status(int status);
/* Which of two failures tells the operator more; higher wins. */
unsigned vl_retry_rank(enum vl_code code);

/* -- proxy.c ----------------------------------------------------------------------------------------------------- */
/* The proxy for this URL, or NULL: none. `configured` wins over the environment; no_proxy is heard in both cases.
 * Borrowed. */
const char *vl_proxy_for(const char *configured, const struct vl_origin *o);

/* -- partial.c --------------------------------------------------------------------------------------------------- */
struct vl_partial {
	int dir, fd; /* dir is borrowed */
	const char *name;
	uint64_t have;
	char *url, *etag, *last_modified; /* what the bytes belong to */
};
#define VL_PARTIAL_INIT { .dir = -1, .fd = -1 }
VL_MUST bool vl_partial_open(struct vl_partial *p, int dir, const char *name, struct vl_err *e);
void vl_partial_clear(struct vl_partial *p);
/* What goes into If-Range when the bytes belong to this URL and can be continued, else NULL. */
const char *vl_partial_validator(const struct vl_partial *p, const char *url);
/* Empty, and from now on for this URL and these validators (either may be NULL). */
VL_MUST bool vl_partial_restart(struct vl_partial *p, const char *url, const char *etag, const char *last_modified,
				struct vl_err *e);
VL_MUST bool vl_partial_cut(struct vl_partial *p, uint64_t size, struct vl_err *e);
VL_MUST bool vl_partial_add(struct vl_partial *p, struct vl_bytes b, struct vl_err *e);
VL_MUST bool vl_partial_finish(struct vl_partial *p, struct vl_err *e);
/* The bytes are worthless: forget them. */
void vl_partial_drop(struct vl_partial *p);

/* -- creds.c, netrc.c, helper.c ---------------------------------------------------------------------------------- */
struct vl_cred { /* owned; at most one of secret, identity, bearer */
	char *user, *secret; /* password */
	char *identity;      /* refresh token */
	char *bearer;        /* registry token */
};
void vl_cred_clear(struct vl_cred *c);
VL_DEFINE_CLEAN(vl_cred)
struct vl_creds;
VL_MUST bool vl_creds_new(struct vl_creds **out, const struct vl_net_conf *conf, const struct vl_env *env,
			  struct vl_err *e);
void vl_creds_free(struct vl_creds *c);
VL_DEFINE_AUTO(vl_creds)
/* For a registry ("host" or "host:port"; docker.io's API host is mapped) and a repository (or NULL). False: none. */
bool vl_creds_registry(struct vl_creds *c, const char *host, const char *repository, struct vl_cred *out);
bool vl_creds_netrc(struct vl_creds *c, const struct vl_origin *o, struct vl_cred *out);
/* In netrc text: the entry of the machine, else "default" when that is allowed. */
bool vl_netrc_find(const char *text, const char *machine, bool use_default, struct vl_cred *out);
/* Asks docker-credential-NAME for a server's credential. */
VL_MUST bool vl_helper_ask(const char *name, const char *server, struct vl_cred *out, struct vl_err *e);
/* "Basic ..." of a user and password; the caller frees. */
char *vl_basic_auth(const char *user, const char *password);
bool vl_base64_decode(const char *text, char **out); /* NUL-terminated; false when it holds NUL or is not base64 */

/* -- http.c: one hop --------------------------------------------------------------------------------------------- */
enum vl_next {
	VL_NEXT_DONE = 1,
	VL_NEXT_HOP,    /* a redirect: hop.location */
	VL_NEXT_AUTH,   /* a challenge of the registry */
	VL_NEXT_AGAIN,  /* may work later */
	VL_NEXT_ANEW,   /* at once, without the partial file */
	VL_NEXT_MIRROR, /* this URL is no use */
	VL_NEXT_STOP,   /* nor is any other: our limits, our disk */
};
struct vl_hop {
	CURL *easy;
	struct curl_slist *headers;
	struct vl_origin origin;
	size_t header_bytes;
	bool in_body, keep, cut, chunked, proxied, addr_refused;
	bool sent_range, sent_validators, sent_expect, continued;
	int status;
	int64_t length; /* -1: not said */
	char *location, *etag, *last_modified, *content_type, *content_range, *encoding, *digest, *challenge;
	char *retry_after, *subject, *link;
	struct vl_buf note; /* beginning of a body that is not kept */
	uint64_t got;
	uint64_t sent;        /* of our own body */
	struct vl_err err;    /* why a callback ended it */
	enum vl_next err_next;
	char curl_text[CURL_ERROR_SIZE];
};

enum vl_job_state { VL_JOB_QUEUED = 1, VL_JOB_RUNNING, VL_JOB_SLEEPING, VL_JOB_WAITING, VL_JOB_OVER };
struct vl_token;
struct vl_job {
	struct vl_job *next;
	struct vl_net *net;
	struct vl_request *get;
	enum vl_job_state state;
	struct vl_token *waits_for;
	char *auth;        /* Authorization for the first origin only */
	const char *post;  /* body of a POST, borrowed; NULL: GET */
	bool is_token;
	bool no_resume;
	bool body_out;     /* bytes of our own body may have reached the server in this try */
	bool strayed;      /* a redirect left the first origin: no credential any more, not even back there */
	/* this URL */
	size_t url_i;
	char *url;         /* current hop, no user info */
	struct vl_origin first, here; /* of the URL as written, of the current hop */
	enum vl_reach reach;
	bool reach_known, reach_inherited;
	unsigned tries, redirects, dances;
	bool fresh;        /* auth was made for this job's last challenge: another challenge means no */
	unsigned token_serial; /* of the token in auth; 0: none */
	uint64_t best;     /* furthest byte of the partial file so far */
	/* this run */
	int64_t wake, deadline; /* milliseconds, monotonic */
	uint64_t offset;   /* bytes of the body that we have before this hop */
	uint64_t total;    /* of the body, 0: not known */
	struct vl_partial partial;
	struct vl_hop hop;
	struct vl_err err; /* of the last hop: a short clause */
	struct vl_err worst; /* of all URLs so far */
	struct vl_buf outcomes;
};
void vl_job_hop_clear(struct vl_job *j);
/* Sets up j->hop.easy for j->url. False: j->err says why. */
VL_MUST bool vl_hop_prepare(struct vl_job *j);
/* The request ended with rc: what now? Fills j->err unless VL_NEXT_DONE, VL_NEXT_HOP, VL_NEXT_AUTH. */
enum vl_next vl_hop_verdict(struct vl_job *j, CURLcode rc);
/* header.c */
size_t vl_hop_on_header(char *data, size_t size, size_t n, void *job);
/* In callbacks: remembers why and what next; returns false. */
bool vl_hop_fail(struct vl_job *j, enum vl_next next, enum vl_code code, const char *fmt, ...) VL_PRINTF(4, 5);
/* fault.c: curl's failures in words */
enum vl_next vl_fault_of_curl(struct vl_job *j, CURLcode rc);
enum vl_next vl_fault_of_status(struct vl_job *j);

/* -- upload.c ---------------------------------------------------------------------------------------------------- */
bool vl_upload_wanted(const struct vl_request *g);
uint64_t vl_upload_size(const struct vl_request *g);
const char *vl_upload_expect(struct vl_job *j); /* the Expect header: "" is none */
/* At the end of a hop: a server that does not hear Expect is not asked again. */
void vl_upload_learn(struct vl_job *j);
VL_MUST bool vl_upload_setup(struct vl_job *j);
/* For a write callback: the body of the answer is kept as far as there is room, the rest skipped. */
size_t vl_upload_answer(struct vl_job *j, struct vl_bytes b);
/* Where a Location led: no nearer to us than the server that sent it. At the begin of a URL. */
void vl_upload_limit(struct vl_job *j);
/* 2xx: takes Location. */
enum vl_next vl_upload_done(struct vl_job *j);
/* Is this redirect followed with the body? False: j->err. */
VL_MUST bool vl_upload_may_move(struct vl_job *j);

/* -- scope.c: pure; all give text that the caller frees ---------------------------------------------------------- */
char *vl_scope_of_url(const char *url, bool push); /* NULL: the URL does not show its repository */
char *vl_scope_of(const struct vl_job *j);         /* or NULL */
char *vl_scope_key(const struct vl_job *j);
char *vl_scope_repository(const char *scope); /* of its first scope, or NULL */
char *vl_scope_query(const char *scope);      /* "&scope=A&scope=B" */

/* -- token.c ----------------------------------------------------------------------------------------------------- */
struct vl_token {
	struct vl_token *next;
	char *key;     /* origin and scope */
	bool anonymous; /* nobody's: no credential was there to ask with */
	char *auth;    /* Authorization value; NULL: none yet */
	unsigned serial;
	int64_t expires; /* milliseconds, monotonic */
	bool asking;
	char *post;
	const char *urls[2];
	char *url;
	struct vl_request get;
	struct vl_err err;
};
/* Puts what is known already into j->auth. */
void vl_token_known(struct vl_job *j);
/* Somebody asks for the job's token already: it waits (VL_JOB_WAITING), which spares a request that would be refused.
 * */
bool vl_token_awaited(struct vl_job *j);
/* Answers a challenge: the job goes to VL_JOB_QUEUED or VL_JOB_WAITING. False: j->err. */
VL_MUST bool vl_token_dance(struct vl_job *j);
void vl_tokens_free(struct vl_net *n);

/* -- job.c ------------------------------------------------------------------------------------------------------- */
/* Before all others: they may be waiting for it. */
struct vl_job *vl_job_add_first(struct vl_net *n, struct vl_request *g);
/* Also takes it out of curl's hands when it runs. */
void vl_job_free(struct vl_job *j);
void vl_job_apply(struct vl_job *j, enum vl_next next);
/* After a token came or failed: its waiting jobs go on. */
void vl_net_wake(struct vl_net *n, struct vl_token *t);

/* -- hush.c ------------------------------------------------------------------------------------------------------ */
/* A server that hangs up must not end the process: SIGPIPE is held back until the scope ends. */
struct vl_hush {
	sigset_t before;
	bool held;
};
void vl_hush_begin(struct vl_hush *h);
void vl_hush_clear(struct vl_hush *h);
VL_DEFINE_CLEAN(vl_hush)

/* -- multi.c ----------------------------------------------------------------------------------------------------- */
struct vl_net {
	const struct vl_env *env;
	struct vl_net_conf conf; /* strings owned */
	char *agent;
	CURLM *multi;
	struct vl_job *jobs, **tail;
	struct vl_token *tokens;
	struct vl_origin *deaf; /* servers that do not hear Expect */
	size_t deaf_n;
	struct vl_led {         /* servers that a Location led to, and how near to us they may be */
		struct vl_origin origin;
		enum vl_reach reach;
	} *led;
	size_t led_n;
	int64_t rate_said;      /* when the operator last read of a rate limit */
	struct vl_creds *creds;
	unsigned running;
	unsigned serial;
	uint64_t bytes, requests, finished;
	int64_t progress_at;
	uint64_t random;
};
int64_t vl_net_clock(void); /* milliseconds, monotonic */

#endif
