/* SPDX-License-Identifier: Apache-2.0 */
/* serve/core_priv.h: what the files that do HTTP share; routes and pages do not see it.
 *
 * Threads (doc/decisions.md): a few of libmicrohttpd's, each with its own epoll, which never wait for anything; one
 * clerk that hashes blobs and one that checks passwords, for both take long; and the caller of vl_serve(), which
 * watches, switches generations and alone emits events. A request that must wait for a clerk is suspended: it costs a
 * socket, not a thread. One lock, vl_server.lock, covers the list of connections, what is marked (L), and the hall. */
#ifndef VL_SERVE_CORE_PRIV_H
#define VL_SERVE_CORE_PRIV_H

#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/stat.h>

#include "crypt/htpasswd.h"
#include "serve/serve_priv.h"

#define VL_URL_MAX 2048u
#define VL_TAIL (64u << 10) /* the end of a blob that is kept back until its digest is known; smaller ones wait whole */
#define VL_TEXT_SMALL (32u << 10)
#define VL_TEXTS_MAX (16u << 20) /* of all longer ones: who asks for lists and never reads must not fill memory */
#define VL_ADDRESS_MAX 80

int64_t vl_clock_ms(void); /* monotonic */

/* ---- known.c: which blobs were hashed, and were whole or not, as long as their files stay as they were ---- */
struct vl_ident {
	uint64_t dev, ino, size;
	int64_t mtime, ctime; /* nanoseconds */
	uint64_t links;
};
enum vl_verdict { VL_BLOB_UNKNOWN = 0, VL_BLOB_WHOLE, VL_BLOB_DAMAGED };
struct vl_known;
struct vl_known *vl_known_new(int64_t recheck_ms);
void vl_known_free(struct vl_known *k);
VL_DEFINE_AUTO(vl_known)
bool vl_ident_of(int fd, struct vl_ident *out);
/* Has fd the bytes that it had then, as far as its time stamps tell? Another name for the file, or one less (gc), moves
 * ctime as well: that alone is no reason to break off a transfer. */
bool vl_ident_holds(int fd, const struct vl_ident *then);
enum vl_verdict vl_known_get(struct vl_known *k, const struct vl_digest *d, const struct vl_ident *i, int64_t now);
/* True: this is news. */
bool vl_known_set(struct vl_known *k, const struct vl_digest *d, const struct vl_ident *i, enum vl_verdict v,
		  int64_t now);

/* ---- notes.c: events on their way from any thread to the one that may emit them ---- */
struct vl_notes;
bool vl_notes_new(struct vl_notes **out, struct vl_err *e);
void vl_notes_free(struct vl_notes *n);
VL_DEFINE_AUTO(vl_notes)
void vl_notes_add(struct vl_notes *n, enum vl_event_kind kind, const char *item, uint64_t done, const char *fmt, ...)
	VL_PRINTF(5, 6);
void vl_notes_wait(struct vl_notes *n, int ms); /* until there is one, or a signal came */
void vl_notes_emit(struct vl_notes *n, const struct vl_env *env);

/* ---- cond.c: the words of HTTP; pure ---- */
enum vl_span_kind { VL_SPAN_WHOLE = 0, VL_SPAN_PART, VL_SPAN_NONE };
struct vl_span {
	enum vl_span_kind kind;
	uint64_t from, len;
};
/* One range of a body of `size` bytes. No header, several ranges, another unit, bad syntax: the whole. */
void vl_span_parse(const char *range, uint64_t size, struct vl_span *out);
/* Is the entity tag (with its quotes) in a list as If-None-Match has it, or is that "*"? Weak comparison. */
bool vl_etag_listed(const char *list, const char *etag);
/* May a range be sent? NULL: yes. A strong tag or the exact date. */
bool vl_if_range(const char *header, const char *etag, int64_t modified);
const char *vl_http_date(int64_t t, char out[static 32]);
/* Path without query: begins with '/'; no control characters, no backslash, no '%' but below /files/ and /osv/. */
bool vl_target_split(char *target, char **query);
/* The value of `name`, decoded in place of `out`. False: it is there and malformed. *found false: absent. */
bool vl_query_get(const char *query, const char *name, char *out, size_t size, bool *found);

/* ---- one request, and the connection it came by ---- */
enum vl_stage { VL_STAGE_NONE = 0, VL_STAGE_DRAIN, VL_STAGE_BEGUN, VL_STAGE_LOGIN, VL_STAGE_BLOB, VL_STAGE_SENT };
struct vl_visit {
	enum vl_stage stage;
	bool head, refused_method, two_ends;
	bool suspended;              /* (L) */
	bool knocking;               /* (L) its log-in waits for the doorman */
	int64_t began, due;          /* due (L): a log-in that failed is answered then, 0: not yet decided */
	const char *method;          /* static */
	struct vl_hall *hall;        /* held until the end */
	struct vl_reply reply;
	struct vl_span span;
	char *user, *password;       /* for the clerk; wiped */
	bool allowed;                /* the log-in was right */
	int fd;                      /* the blob, until the response owns it */
	struct vl_ident ident;
	enum vl_verdict verdict;
	bool sendfile, hashing;      /* (L) what goes on with the blob */
	int sent_fd;                 /* (L) the response's descriptor */
	struct MHD_Response *response; /* our own reference: keeps sent_fd open for the watch */
	unsigned status;
	uint64_t length;             /* of the body */
	uint64_t held;               /* of vl_server.texts */
	uint64_t acked;              /* by the client, when it began */
};
enum vl_phase { VL_PHASE_NEW = 0, VL_PHASE_RUNNING, VL_PHASE_IDLE };
struct vl_conn {
	struct vl_conn *next, *prev;   /* (L) */
	struct vl_conn *job;           /* the next in a clerk's queue */
	struct vl_server *server;
	struct MHD_Connection *mhd;
	int fd;
	bool loopback;
	struct in6_addr address;       /* IPv4 as ::ffff:a.b.c.d */
	unsigned place;                /* (L) its address's first connection, its second, ... when it came */
	char name[VL_ADDRESS_MAX];
	enum vl_phase phase;           /* (L) */
	int64_t since, head;           /* (L) the phase began; a next request's first byte was seen (0: not) */
	uint64_t received;             /* (L) bytes from the client when the phase began */
	uint64_t acked, window_acked;  /* (L) bytes the client took: at the last look, at the window's begin */
	int64_t moved, window;         /* (L) when that last grew; when the window began */
	bool cut;                      /* (L) shut down: does not count any more */
	char target[VL_URL_MAX + 1];   /* the path, a NUL, and the query once it was judged */
	bool target_long, has_query;
	struct vl_visit req;
};

/* ---- clerk.c: a thread with a queue of suspended requests ---- */
struct vl_clerk {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct vl_conn *first, *last;
	unsigned n;
	bool started, end;
	void (*work)(struct vl_conn *c); /* gives it back in the end */
};
VL_MUST bool vl_clerk_start(struct vl_clerk *k, void (*work)(struct vl_conn *c), struct vl_err *e);
void vl_clerk_stop(struct vl_clerk *k); /* after what is queued */
/* Suspends c and queues it. False: the queue holds `most` already. */
bool vl_clerk_give(struct vl_clerk *k, struct vl_conn *c, unsigned most);
/* The end of a wait: c may be gone when it returns. */
void vl_conn_resume(struct vl_conn *c);

/* ---- the server ---- */
#define VL_LOGINS 64
struct vl_login { /* a password that was right, as a keyed hash */
	struct vl_digest mark;
	int64_t until; /* ms */
};
struct vl_server {
	const struct vl_serve_opts *opts;
	const struct vl_env *env;
	const char *store;
	unsigned connections, per_client;
	int64_t idle, deadline, recheck; /* ms */
	uint64_t least_speed;
	bool tls;
	struct MHD_Daemon *mhd;
	pthread_mutex_t lock;
	struct vl_conn *conns;         /* (L) */
	unsigned n_conns;              /* (L) that were not cut */
	unsigned n_suspended;          /* (L) */
	int64_t full;                  /* (L) when the limit was last complained about */
	struct vl_hall *hall;          /* (L); NULL: the store is empty */
	char current[64], failed[64];  /* where `current` pointed; where it pointed when it could not be opened */
	int64_t looked;                /* ms */
	atomic_bool stopping;
	struct vl_counters count;
	atomic_ullong texts;           /* bytes of long texts that clients have not taken yet */
	struct vl_known *known;
	struct vl_notes *notes;
	struct vl_clerk hasher, doorman;
	struct vl_htpasswd *htpasswd;  /* NULL: everybody */
	uint8_t login_key[32];
	struct vl_login login[VL_LOGINS]; /* (L) */
	unsigned next_login;           /* (L) */
	char mhd_says[256];            /* what the library logged while it started */
};

/* ---- conn.c: who is connected, for how long, how fast ---- */
enum MHD_Result vl_conn_admit(void *server, const struct sockaddr *addr, socklen_t len);
void vl_conn_notify(void *server, struct MHD_Connection *mhd, void **ctx, enum MHD_ConnectionNotificationCode code);
struct vl_conn *vl_conn_of(struct MHD_Connection *mhd);
void vl_conn_enter(struct vl_conn *c, enum vl_phase phase);
uint64_t vl_conn_acked(const struct vl_conn *c);
void vl_conns_watch(struct vl_server *s, int64_t now);
void vl_conns_cut_idle(struct vl_server *s); /* all that do not run a request */
unsigned vl_conns_running(struct vl_server *s);

/* ---- visit.c ---- */
void *vl_visit_target(void *server, const char *target, struct MHD_Connection *mhd);
enum MHD_Result vl_visit_step(void *server, struct MHD_Connection *mhd, const char *url, const char *method,
				const char *version, const char *data, size_t *len, void **ctx);
void vl_visit_end(void *server, struct MHD_Connection *mhd, void **ctx, enum MHD_RequestTerminationCode why);
/* A sentence of the server's own: as the registry's error object below /v2, else as text. */
void vl_visit_say(struct vl_conn *c, int status, const char *code, const char *message);

/* ---- send.c: a filled reply becomes a response; may suspend instead ---- */
enum MHD_Result vl_send(struct vl_conn *c);
enum MHD_Result vl_send_go_on(struct vl_conn *c); /* with the hasher's verdict */
/* ---- blob.c ---- */
struct vl_reader;
/* Bodies that are read by us: hashed on the way (d not NULL), or only read. Owns fd. */
struct MHD_Response *vl_reader_response(struct vl_server *s, int fd, const struct vl_span *span,
					const struct vl_digest *d, const struct vl_ident *i);
/* A small blob as a whole, hashed. False: damaged or unreadable; that is noted. */
bool vl_blob_slurp(struct vl_conn *c);
void vl_blob_hash(struct vl_conn *c); /* the hasher's work */
void vl_blob_damaged(struct vl_server *s, const struct vl_digest *d, const struct vl_ident *i, const char *why);

/* ---- auth.c ---- */
enum vl_access { VL_ACCESS_YES, VL_ACCESS_NO, VL_ACCESS_WAIT, VL_ACCESS_BUSY };
enum vl_access vl_auth_ask(struct vl_conn *c);
void vl_auth_work(struct vl_conn *c); /* the doorman's work */
void vl_auth_release(struct vl_server *s, int64_t now); /* answers failed log-ins that are due */
void vl_auth_forget(struct vl_visit *r); /* wipes */

/* ---- keeper.c: the hall that is shown now ---- */
struct vl_hall *vl_hall_take(struct vl_server *s); /* NULL: there is none */
void vl_hall_give(struct vl_server *s, struct vl_hall *h);
/* Opens what `current` points to now and takes it in. At the start a failure is told; later it is a warning. */
VL_MUST bool vl_hall_renew(struct vl_server *s, struct vl_err *e);
void vl_hall_look(struct vl_server *s);
bool vl_hall_is_past(const struct vl_server *s, const struct vl_hall *h);

/* ---- listen.c, rights.c ---- */
/* A listening socket from systemd or our own, and its address in words. */
VL_MUST bool vl_listen_open(const char *address, int *fd, char text[static VL_ADDRESS_MAX], bool *loopback,
			    struct vl_err *e);
bool vl_address_is_loopback(const struct in6_addr *a);
struct in6_addr vl_address_of(const struct sockaddr *sa); /* others than IPv4 and IPv6: :: */
VL_MUST bool vl_pem_read(const char *path, bool secret, struct vl_buf *out, struct vl_err *e);
VL_MUST bool vl_rights_drop(const char *user, struct vl_err *e);

#endif
