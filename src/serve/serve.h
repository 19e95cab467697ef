/* SPDX-License-Identifier: Apache-2.0 */
/* serve/serve.h: a read-only OCI registry and file server straight from the store. The only user of libmicrohttpd.
 * server.c and its neighbours do HTTP: connections, limits, TLS, log-in, Range, conditions, sending a blob. routes.c
 * and its neighbours say what a path means; they see no socket. Nothing is copied; a blob is opened by its digest below
 * the blobs' descriptor, and its bytes are hashed before they count as whole. */
#ifndef VL_SERVE_SERVE_H
#define VL_SERVE_SERVE_H

#include "store/hub.h"

struct vl_serve_up { /* borrowed */
	const char *address; /* as it is ("127.0.0.1:43121"), so that a port 0 can be told */
	bool tls;
	const struct vl_generation *generation; /* NULL: the store does not exist yet */
	size_t names;
	int64_t ms;          /* since the start */
};
struct vl_serve_opts { /* borrowed */
	const char *channel;              /* NULL: all */
	const char *listen;               /* "127.0.0.1:5000", "[::]:443"; ignored with socket activation */
	const char *tls_cert, *tls_key;   /* PEM files, or NULL */
	const char *htpasswd;             /* file, or NULL: everybody may read */
	const char *user;                 /* to become after binding and reading keys, or NULL */
	const char *public_name;          /* "registry.corp:5000": what the page tells clients; NULL: as they say */
	unsigned connections, per_client; /* limits; 0: 256 and 32 (per address; loopback is exempt) */
	unsigned idle;                    /* seconds without a byte before a connection is closed; 0: 60 */
	unsigned request_deadline;        /* seconds for the whole of a request's head; 0: 15 */
	uint64_t least_speed;             /* bytes per second a client must take over a minute; 0: 1024 */
	const struct vl_name_rule *rule;
	size_t n_rule;
	unsigned recheck;                 /* seconds until a blob that was hashed and whole is hashed again; 0: 3600 */
	void (*ready)(void *ctx, const struct vl_serve_up *up); /* once the socket listens */
	void *ctx;
};
/* Runs until env->stop. One VL_EV_ITEM per request (phase "serve", item = client address, text = "GET /v2/.. 200 1234
 * 5ms"), VL_EV_WARN for damaged blobs and clashing names. The store is opened for reading; a new generation is noticed
 * within a second, and transfers that run go on with what they began. VL_E_LISTEN, VL_E_CONFIG, VL_E_KEYFILE. */
VL_MUST bool vl_serve(const char *store, const struct vl_serve_opts *o, const struct vl_env *env, struct vl_err *e);

#endif
