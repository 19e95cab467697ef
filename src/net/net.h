/* SPDX-License-Identifier: Apache-2.0 */
/* net/net.h: HTTP done once: one curl multi loop, many transfers. The only user of libcurl.
 * Own redirect loop (at most 5; https stays https; no credential crosses a change of scheme, host or port), retries
 * with backoff and jitter, Retry-After (capped), resume with Range and If-Range into a partial file that survives the
 * process, validators, byte and time limits counted here, mirrors in order, token dance of registries, credentials from
 * docker's config.json and netrc. URLs in messages carry neither user info nor query. */
#ifndef VL_NET_NET_H
#define VL_NET_NET_H

#include "base/buf.h"
#include "base/env.h"

struct vl_net_conf { /* borrowed strings; zero or NULL: the default */
	const char *ca_file, *proxy, *docker_config, *netrc;
	const char *user_agent;     /* default "valise/<version>" */
	unsigned retries;           /* after the first try; default 5 */
	unsigned parallel;          /* transfers at once; default 8 (4 per host) */
	int64_t timeout;            /* seconds for one transfer as a whole; default 6 h */
	uint64_t low_speed;         /* bytes per second, for 60 s; default 1024 */
	unsigned retry_base_ms;     /* first pause; default 1000; doubles, at most 60 s, +-25 % jitter */
	unsigned connect_timeout;   /* seconds; default 30 */
};
struct vl_net;
VL_MUST bool vl_net_new(struct vl_net **out, const struct vl_net_conf *conf, const struct vl_env *env,
			struct vl_err *e);
void vl_net_free(struct vl_net *n);
VL_DEFINE_AUTO(vl_net)

enum vl_method { VL_GET = 0, VL_HEAD, VL_POST, VL_PUT };

/* One document or file that is wanted from a server, or given to it. The caller owns it and keeps it until done() was
 * called. */
struct vl_request {
	/* -- wanted -- */
	enum vl_method method;
	/* POST and PUT: the body is `send` (borrowed), or, when send_fd >= 0, send_size bytes of that file from its
	 * start (borrowed; read with pread, so one descriptor may serve several requests). content type, or NULL. An
	 * upload counts as progress like a download. It is done on any 2xx; what is answered is kept in `body` as far
	 * as `max` allows. A redirect of a POST or PUT is followed only inside its origin and only with 307 or 308. */
	struct vl_bytes send;
	int send_fd;
	uint64_t send_size;
	const char *send_type;
	/* No second try after bytes of the body may have reached the server: the caller begins anew (a blob's upload
	 * session). A log-in that the server demands, a refused connection, 429 and 503 are no second try. */
	bool once;
	/* The first request of a run, to a host that may be mistyped: when nobody answers, it is tried once more. */
	bool hasty;
	const char *label;        /* "osv PyPI": for progress and errors */
	const char *const *urls;  /* NULL-terminated, tried in order: the next one on any failure that is not ours */
	const char *accept;       /* Accept header, or NULL */
	bool registry;            /* an OCI registry: docker credentials and the token dance apply */
	/* registry: "repository:aquasec/trivy-db:pull"; several with blanks between them. NULL: pull of the repository
	 * in the URL's path (/v2/NAME/manifests/.., /blobs/.., /tags/.., /referrers/..), with push for POST and PUT;
	 * where the path shows none, what the registry asks for. */
	const char *scope;
	const char *etag, *last_modified; /* validators from last time (of from_url), or NULL: makes 304 possible */
	const char *from_url;     /* the URL they came from; sent only there; NULL: the first */
	uint64_t max;             /* bytes; more is VL_E_LIMIT */
	uint64_t expect;          /* exact bytes when known; 0: not known. Other: VL_E_CONTENT */
	/* Where the body goes: either memory (dir = -1; at most max bytes) ... */
	struct vl_buf body;       /* max is set by net from `max` */
	/* ... or dir/part, resumed if it is there with a matching dir/part.json (URL, validators, size). On success the
	 * file is complete, fsynced and still named `part`; the caller takes and unlinks it (and part.json). */
	int dir;
	const char *part;
	/* -- result, valid in done() and after -- */
	bool ok, not_modified;    /* not_modified: 304, no body */
	int status;
	const char *url_used;     /* one of urls */
	/* owned by the get; content_type without parameters, lower case */
	char *got_etag, *got_last_modified, *content_type;
	char *docker_digest;      /* Docker-Content-Digest, or NULL */
	char *location;           /* POST, PUT: Location, absolute, or NULL. May carry a secret: for requests only */
	char *oci_subject;        /* OCI-Subject, or NULL */
	char *link;               /* Link, as the server wrote it, or NULL: vl_link_next() */
	int64_t length;           /* HEAD: Content-Length, -1 when not said */
	uint64_t bytes_moved;     /* over the wire in this run, body only */
	uint64_t size;            /* of the complete body */
	struct vl_err err;        /* when !ok: the last and most telling */
	/* -- callback: may add more gets to the same net -- */
	void (*done)(struct vl_net *n, struct vl_request *g);
	void *user;
	void *priv;               /* net's own */
};
void vl_request_init(struct vl_request *g); /* dir = send_fd = -1, everything else zero */
void vl_request_clear(struct vl_request *g);
VL_DEFINE_CLEAN(vl_request)
void vl_net_add(struct vl_net *n, struct vl_request *g);
/* Until every get is done. A failing get is not a failure of the run: look at g->ok. False only when interrupted or
 * without memory; then every open get has its err set, its done() is not called, and the net has forgotten it. Progress
 * is emitted as phase "fetch" (bytes of all transfers). */
VL_MUST bool vl_net_run(struct vl_net *n, struct vl_err *e);
/* Bytes of bodies moved and requests sent since vl_net_new(). */
void vl_net_stats(const struct vl_net *n, uint64_t *bytes, uint64_t *requests);
/* Where a Link header says that the next page of the answer from `url` is: absolute, and of the same origin. NULL:
 * none, or it leads elsewhere (*astray). The caller frees. */
char *vl_link_next(const char *url, const char *link, bool *astray);
/* The URL without user info, query and fragment; the caller frees. */
char *vl_url_public(const char *url);

#endif
