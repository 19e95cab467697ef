/* SPDX-License-Identifier: Apache-2.0 */
/* serve/serve_priv.h: what the files of this folder share: a hall is one generation ready to be shown, an ask is one
 * request, a reply is what it gets. */
#ifndef VL_SERVE_SERVE_PRIV_H
#define VL_SERVE_SERVE_PRIV_H

#include <stdatomic.h>

#include "serve/serve.h"

/* ---- a generation ready to be shown; made anew when `current` changes, freed when its last request is done ---- */
struct vl_hall_file { /* /files/ITEM/PATH and /osv/ECO/all.zip */
	char *path;              /* "files/et-open/rules/a.rules", "osv/PyPI/all.zip"; sorted; no leading slash */
	struct vl_digest digest;
	uint64_t size;
	int64_t modified;        /* seconds; of the item's data */
	size_t order;            /* of two with one path the lower one stays */
};
struct vl_hall_item { /* borrowed from hub and snapshot */
	const struct vl_channel *channel;
	const struct vl_desc *desc;
	const char *name, *type;
	int64_t updated, modified; /* of the data, 0: not said; the same, or when it was fetched or packed */
	uint64_t bytes;            /* each digest once */
	bool unpack, in_files;     /* placed as a tree elsewhere; offered below /files/ */
};
struct vl_hall {
	struct vl_store *store;
	struct vl_hub *hub;
	struct vl_hall_file *file; /* sorted by path */
	size_t n_file, cap_file;
	struct vl_doc *snapshot;   /* one per channel of hub->generation; empty for a channel that is not served */
	size_t n_snapshot;
	struct vl_hall_item *item; /* channels in order, items as in their snapshots */
	size_t n_item, cap_item;
	char *public_name, *only;  /* of the options: what to call this host; the one channel; or NULL */
	atomic_uint users;
};
VL_MUST bool vl_hall_open(struct vl_hall **out, const char *store, const struct vl_serve_opts *o, struct vl_err *e);
void vl_hall_free(struct vl_hall *h);
VL_DEFINE_AUTO(vl_hall)

/* ---- routes.c: pure; no socket, no clock ---- */
struct vl_ask { /* borrowed */
	bool head;
	const char *path;   /* as sent, undecoded, without the query; at most 2048 bytes */
	const char *n, *last, *artifact_type; /* of the query, decoded; or NULL */
	const char *host;   /* Host header as sent (routes check it), or NULL */
	bool tls, login;    /* login: who asked had to log in */
	int64_t now;
};
struct vl_reply {
	int status;
	const char *type;        /* Content-Type: static, or owned by the hall */
	char *location;          /* owned; redirects ("/files/x" -> "/files/x/"), or NULL */
	char *link;              /* owned; Link header of a page of tags, or NULL */
	const char *filters;     /* OCI-Filters-Applied, or NULL */
	const char *cache;       /* Cache-Control, or NULL */
	const char *policy;      /* Content-Security-Policy; NULL: "default-src 'none'; sandbox". Every reply has one,
				  * and X-Content-Type-Options: nosniff, because files are foreign */
	bool is_blob;            /* a blob of the store is the body ... */
	struct vl_digest digest; /* ... this one; its ETag is "sha256:HEX" in quotes */
	uint64_t size;
	bool docker_digest;      /* send Docker-Content-Digest */
	int64_t modified;        /* Last-Modified, or 0 */
	struct vl_buf body;      /* ... or this text */
};
void vl_reply_clear(struct vl_reply *r);
VL_DEFINE_CLEAN(vl_reply)
struct vl_counters { /* since the start; for /metrics */
	atomic_ullong requests, bytes, refused, aborted, damaged, switches, active;
};
/* GET and HEAD only (other methods are answered before). Always fills r: 404s and 400s are replies, too; below /v2/
 * their body is the registry's error object. A ".." step in a path: 400; a '%' too, but for escapes of blanks and
 * letters below /files/ and /osv/, which are compared with a table of names and never open anything: the core lets '%'
 * through. */
void vl_route(const struct vl_hall *h, const struct vl_counters *c, const struct vl_ask *a, struct vl_reply *r);
/* {"errors":[..]} for statuses that the server itself gives: 405 UNSUPPORTED, 401 UNAUTHORIZED, 429 TOOMANYREQUESTS. */
void vl_reply_error(struct vl_reply *r, int status, const char *code, const char *message);

#endif
