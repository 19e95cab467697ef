/* SPDX-License-Identifier: Apache-2.0 */
/* publish/send.c: blobs that are missing (OCI distribution-spec, "Pushing blobs").
 * In:    the batch's blobs that are not there.
 * Out:   each of them in each repository that needs it: sent once to the registry, mounted wherever else it is wanted.
 * Keeps: what is sent was hashed before, so that a damaged blob is named here, with its item, and never published; an
 *        upload that breaks begins anew, because half a session is worth nothing to most registries. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/pool.h"
#include "publish/publish_priv.h"

#define UPLOAD_TRIES 3
#define WORTH_TELLING (UINT64_C(256) << 20) /* bytes that take some seconds to hash */

/* ---- one digest, and who misses it ---- */

static int compare_missing(const void *pa, const void *pb)
{
	const struct vl_pub_blob *a = pa, *b = pb;
	int r = (int)a->there - (int)b->there; /* what is there goes behind */

	if (!r && a->size != b->size)
		r = a->size > b->size ? -1 : 1; /* the longest first: it decides when all is done */
	if (!r)
		r = memcmp(a->digest.b, b->digest.b, sizeof a->digest.b);
	return r ? r : (a->repo > b->repo) - (a->repo < b->repo);
}

static void group(struct vl_pub *p)
{
	struct vl_pub_send *last = NULL;

	if (p->n_blob)
		qsort(p->blob, p->n_blob, sizeof *p->blob, compare_missing);
	for (size_t i = 0; i < p->n_blob && !p->blob[i].there; i++) {
		if (last && vl_digest_equal(&p->blob[last->first].digest, &p->blob[i].digest)) {
			last->n++;
			continue;
		}
		vl_grow(&p->send, p->n_send, &p->cap_send, sizeof *p->send);
		last = &p->send[p->n_send++];
		*last = (struct vl_pub_send){ .first = i, .n = 1 };
	}
}

/* ---- hashed before it is sent ---- */

static bool check(struct vl_pub *p, struct vl_pub_send *s, struct vl_err *e)
{
	const struct vl_pub_blob *b = &p->blob[s->first];
	char digest[VL_DIGEST_OCI];
	bool good = false;

	if (s->checked)
		return true;
	if (!vl_store_check_blob(p->job->store, &b->digest, b->size, &good, e))
		return vl_while(e, "item %s", b->item);
	s->checked = good;
	if (good)
		return true;
	vl_fail(e, VL_E_STORE, "blob %s, needed by item %s, is missing or damaged in the store; it is not published",
		vl_digest_oci(&b->digest, digest), b->item);
	return vl_hint(e, "valise fsck names everything that is damaged; valise fsck --repair-from PATH mends it.");
}

static bool check_work(void *ctx, size_t i, void **result, struct vl_err *e)
{
	struct vl_pub *p = ctx;
	struct vl_pub_send *s = &p->send[i];
	size_t repo;

	(void)result;
	/* What can be mounted need not be read; it is when the registry declines. */
	return vl_pub_known(p, &p->blob[s->first].digest, &repo) || (vl_env_go_on(p->job->env, e) && check(p, s, e));
}

static bool check_take(void *ctx, size_t i, void *result, struct vl_err *e)
{
	(void)ctx;
	(void)i;
	(void)result;
	(void)e;
	return true;
}

/* Bytes that must go over the wire, if every mount works. */
static uint64_t wanted(const struct vl_pub *p)
{
	uint64_t sum = 0;
	size_t repo;

	for (size_t i = 0; i < p->n_send; i++) {
		const struct vl_pub_blob *b = &p->blob[p->send[i].first];

		sum += vl_pub_known(p, &b->digest, &repo) ? 0 : b->size;
	}
	return sum;
}

static bool check_all(struct vl_pub *p, uint64_t bytes, struct vl_err *e)
{
	struct vl_pool_job job = { .count = p->n_send, .threads = p->job->env->jobs, .ctx = p, .work = check_work,
				   .take = check_take };
	char size[24];

	if (bytes >= WORTH_TELLING)
		vl_emit_note(p->job->env, "reading %s: only what is whole is sent", vl_size_text(bytes, size));
	return vl_pool_run(&job, e);
}

/* ---- one upload ---- */

static bool begin_upload(struct vl_task *t, struct vl_err *e);
static bool next_place(struct vl_task *t, struct vl_err *e);

static struct vl_pub_blob *blob_of(const struct vl_task *t)
{
	return &t->pub->blob[t->at];
}

static bool give_up(const struct vl_task *t, const struct vl_err *why, struct vl_err *e)
{
	char digest[VL_DIGEST_OCI];

	*e = *why;
	return vl_while(e, "blob %s for %s", vl_digest_oci(&blob_of(t)->digest, digest),
			t->pub->repo[blob_of(t)->repo].name);
}

/* The network, the server's mood, or a session that it lost: not a refusal. */
static bool may_mend(const struct vl_request *g)
{
	return vl_code_exit(g->err.code) == 30 || g->err.code == VL_E_RATE ||
	       (g->method == VL_PUT && (g->status == 404 || g->status == 416));
}

static bool begin_anew(struct vl_task *t, struct vl_err *e)
{
	struct vl_err why = t->req.err;

	if (!may_mend(&t->req) || ++t->tries >= UPLOAD_TRIES)
		return give_up(t, &why, e);
	vl_emit_debug(t->pub->job->env, "%s; the upload begins anew (%u of %d)", why.msg, t->tries, UPLOAD_TRIES - 1);
	return begin_upload(t, e);
}

static bool arrived(struct vl_task *t, bool mounted, struct vl_err *e)
{
	struct vl_pub *p = t->pub;
	struct vl_pub_blob *b = blob_of(t);

	b->there = true;
	vl_pub_know(p, &b->digest, b->repo);
	p->r->blobs_mounted += mounted;
	p->r->blobs_sent += !mounted;
	p->r->bytes_sent += mounted ? 0 : b->size;
	t->at++;
	return next_place(t, e);
}

static bool sent(struct vl_task *t, struct vl_err *e)
{
	return t->req.ok ? arrived(t, false, e) : begin_anew(t, e);
}

static bool send_body(struct vl_task *t, struct vl_err *e)
{
	const struct vl_pub_blob *b = blob_of(t);
	const char *to = t->req.location;
	char digest[VL_DIGEST_OCI];
	struct vl_request *g;

	if (!to) {
		vl_fail(&t->req.err, VL_E_CONTENT, "the registry did not say where to upload to (no Location)");
		return give_up(t, &t->req.err, e);
	}
	if (!check(t->pub, &t->pub->send[t->i], e))
		return false;
	if (t->fd < 0 && !vl_store_open_blob(t->pub->job->store, &b->digest, b->size, &t->fd, e))
		return vl_while(e, "item %s", b->item);
	g = vl_task_ask(t, VL_PUT, vl_xprintf("%s%sdigest=%s", to, strchr(to, '?') ? "&" : "?",
					      vl_digest_oci(&b->digest, digest)), sent);
	g->send_fd = t->fd;
	g->send_size = b->size;
	g->send_type = "application/octet-stream";
	g->once = true;
	return true;
}

static bool upload_began(struct vl_task *t, struct vl_err *e)
{
	return t->req.ok ? send_body(t, e) : begin_anew(t, e);
}

static void set_scope(struct vl_task *t, const char *from)
{
	VL_STR own = vl_pub_scope(t->pub, blob_of(t)->repo);

	free(t->scope);
	t->scope = from ? vl_xprintf("%s repository:%s:pull", own, from) : vl_steal(&own);
}

static bool begin_upload(struct vl_task *t, struct vl_err *e)
{
	(void)e;
	set_scope(t, NULL);
	vl_task_ask(t, VL_POST, vl_pub_url(t->pub, blob_of(t)->repo, "blobs/uploads", ""), upload_began);
	return true;
}

/* ---- or a mount ---- */

/* A tag must not stand for what somebody only said to be there. */
static bool mount_looked_at(struct vl_task *t, struct vl_err *e)
{
	return t->req.ok ? arrived(t, true, e) : begin_upload(t, e);
}

static bool look_at_mount(struct vl_task *t)
{
	const struct vl_pub_blob *b = blob_of(t);
	char digest[VL_DIGEST_OCI];

	set_scope(t, NULL);
	vl_task_ask(t, VL_HEAD, vl_pub_url(t->pub, b->repo, "blobs", vl_digest_oci(&b->digest, digest)),
		    mount_looked_at);
	return true;
}

/* 201: mounted. 202: not mounted, and this is an upload session. A refusal is no reason to fail: the blob may be hidden
 * from these credentials there. */
static bool mount_tried(struct vl_task *t, struct vl_err *e)
{
	if (t->req.ok && t->req.status == 201)
		return look_at_mount(t);
	if (t->req.ok && t->req.location)
		return send_body(t, e);
	return begin_upload(t, e);
}

static bool begin_mount(struct vl_task *t, const char *from)
{
	char digest[VL_DIGEST_OCI];
	VL_STR what = vl_percent_encode(vl_digest_oci(&blob_of(t)->digest, digest));
	VL_STR where = vl_percent_encode(from);
	VL_STR query = vl_xprintf("?mount=%s&from=%s", what, where);

	set_scope(t, from);
	vl_task_ask(t, VL_POST, vl_pub_url(t->pub, blob_of(t)->repo, "blobs/uploads", query), mount_tried);
	return true;
}

static bool next_place(struct vl_task *t, struct vl_err *e)
{
	struct vl_pub *p = t->pub;
	size_t from;

	if (t->at == t->end)
		return true;
	t->tries = 0;
	if (vl_pub_known(p, &blob_of(t)->digest, &from) && from != blob_of(t)->repo)
		return begin_mount(t, p->repo[from].name);
	return begin_upload(t, e);
}

static bool begin_send(struct vl_task *t, struct vl_err *e)
{
	const struct vl_pub_send *s = &t->pub->send[t->i];

	t->item = t->pub->blob[s->first].item;
	t->at = s->first;
	t->end = s->first + s->n;
	return next_place(t, e);
}

/* ---- dry run ---- */

static void would_send(struct vl_pub *p)
{
	size_t repo;

	for (size_t i = 0; i < p->n_send; i++) {
		const struct vl_pub_blob *b = &p->blob[p->send[i].first];
		bool known = vl_pub_known(p, &b->digest, &repo);

		p->r->blobs_mounted += p->send[i].n - !known;
		p->r->blobs_sent += !known;
		p->r->bytes_sent += known ? 0 : b->size;
		vl_pub_know(p, &b->digest, b->repo);
	}
}

bool vl_pub_send(struct vl_pub *p, struct vl_err *e)
{
	uint64_t bytes;

	group(p);
	if (p->job->dry_run) {
		would_send(p);
		return true;
	}
	bytes = wanted(p);
	p->r->bytes_wanted += bytes;
	return check_all(p, bytes, e) && vl_pub_stage(p, p->n_send, begin_send, e);
}
