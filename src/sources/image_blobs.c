/* SPDX-License-Identifier: Apache-2.0 */
/* sources/image_blobs.c: layers and configs, each once in a run, however many images share it.
 * In:    digests from manifests, the registries of the reference that needs them.
 * Out:   blobs in the store, moved there from fetch/ without a copy; or per blob why not.
 * Keeps: a blob is asked for at one registry at a time; what the registries of one reference do not have, those of
 *        another that shares it may. URLs in descriptors are not followed: whoever wrote the manifest chose them. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "sources/image.h"

#define SMALL (256u << 10) /* goes through memory: a file in fetch/ with its notes would cost more than to begin anew */

struct blob {
	struct vl_digest digest;
	uint64_t size;
	struct vl_work *work;     /* the first that wanted it: its download */
	char **urls;              /* owned, NULL-terminated; all that may be tried */
	size_t n, cap, at;        /* those before `at` have failed */
	char part[80];
	struct vl_request get;
	bool waits, asking, came; /* waits: until it is known that all have room */
	struct vl_err err;
};
struct vl_blobs {
	struct blob **v;
	size_t n, cap;
	uint32_t *slot;           /* open addressing by digest and size: index + 1; 0 is free */
	size_t slots, begun;      /* those before `begun` do not wait any more */
};

static void blob_free(struct blob *b)
{
	vl_request_clear(&b->get);
	vl_texts_free(b->urls);
	free(b);
}

void vl_blobs_free(struct vl_blobs *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n; i++)
		blob_free(t->v[i]);
	free(t->v);
	free(t->slot);
	free(t);
}

/* ---- the table ---- */

/* Who lies about a blob's size must not spoil it for another image: to him it is another blob. */
static uint32_t *lookup(const struct vl_blobs *t, const struct vl_digest *d, uint64_t size)
{
	const struct blob *b;
	uint64_t h;
	size_t i;

	memcpy(&h, d->b, sizeof h);
	for (i = (size_t)h & (t->slots - 1); t->slot[i]; i = (i + 1) & (t->slots - 1)) {
		b = t->v[t->slot[i] - 1];
		if (b->size == size && vl_digest_equal(&b->digest, d))
			break;
	}
	return &t->slot[i];
}

static void make_room(struct vl_blobs *t)
{
	if (t->slots && t->n * 2 < t->slots)
		return;
	t->slots = t->slots ? t->slots * 2 : 256;
	free(t->slot);
	t->slot = vl_xcalloc(t->slots, sizeof *t->slot);
	for (size_t i = 0; i < t->n; i++)
		*lookup(t, &t->v[i]->digest, t->v[i]->size) = (uint32_t)i + 1;
}

static struct blob *find(const struct vl_blobs *t, const struct vl_desc *d)
{
	uint32_t *slot = t ? lookup(t, &d->digest, d->size) : NULL;

	return slot && *slot ? t->v[*slot - 1] : NULL;
}

static struct blob *add(struct vl_run *run, struct vl_work *work, const struct vl_desc *d)
{
	struct blob *b = vl_xcalloc(1, sizeof *b);
	char oci[VL_DIGEST_OCI], key[VL_DIGEST_HEX];
	VL_STR which = vl_xprintf("%s %" PRIu64, vl_digest_oci(&d->digest, oci), d->size);

	if (!run->blobs)
		run->blobs = vl_xcalloc(1, sizeof *run->blobs);
	make_room(run->blobs);
	vl_grow(&run->blobs->v, run->blobs->n, &run->blobs->cap, sizeof(struct blob *));
	*lookup(run->blobs, &d->digest, d->size) = (uint32_t)run->blobs->n + 1;
	run->blobs->v[run->blobs->n++] = b;
	b->digest = d->digest;
	b->size = d->size;
	b->work = work;
	/* Not the name that oci.c would give it: both may be at work on the same blob. */
	vl_run_key("image blob", which, key);
	snprintf(b->part, sizeof b->part, "%s.part", key);
	vl_request_init(&b->get);
	return b;
}

/* ---- downloads ---- */

static void ask(struct blob *b);

static void add_url(struct blob *b, char *url)
{
	for (size_t i = 0; i < b->n; i++)
		if (!strcmp(b->urls[i], url)) {
			free(url);
			return;
		}
	vl_grow(&b->urls, b->n + 1, &b->cap, sizeof *b->urls);
	b->urls[b->n++] = url;
	b->urls[b->n] = NULL;
	if (b->asking) /* the net holds on to the list, which may have moved */
		b->get.urls = (const char *const *)(b->urls + b->at);
}

static bool wrong_content(const struct blob *b, const char *found, struct vl_err *e)
{
	VL_STR url = vl_url_public(b->get.url_used);
	VL_STR is = vl_xstrdup(found);
	char oci[VL_DIGEST_OCI];

	vl_fail(e, VL_E_CONTENT, "%s: what came is not %s: its sha256 is %s", url, vl_digest_oci(&b->digest, oci), is);
	return vl_found(e, NULL, is, oci);
}

static bool take_small(struct blob *b, struct vl_err *e)
{
	char hex[VL_DIGEST_HEX];
	struct vl_digest sha;

	vl_sha256_of(vl_buf_bytes(&b->get.body), &sha);
	if (!vl_digest_equal(&sha, &b->digest))
		return wrong_content(b, vl_digest_hex(&sha, hex), e);
	return vl_store_put(b->work->run->job->store, vl_buf_bytes(&b->get.body), &sha, e);
}

/* Wrong bytes are the server's fault, a full disk is ours: another server helps against the first only. */
static bool take_part(struct blob *b, struct vl_err *e)
{
	struct vl_run *run = b->work->run;

	if (vl_store_adopt(run->job->store, run->fetch_dir, b->part, &b->digest, b->size, e)) {
		vl_run_drop_part(run, b->part); /* the notes beside it */
		return true;
	}
	vl_run_settle_part(run, b->part, false, e);
	return e->code == VL_E_DIGEST || e->code == VL_E_SIZE ? wrong_content(b, e->found, e) : false;
}

static void failed(struct blob *b, const struct vl_err *why)
{
	while (b->at < b->n && b->get.url_used && strcmp(b->urls[b->at], b->get.url_used) != 0)
		b->at++;
	b->err = *why;
	if (++b->at >= b->n || vl_run_host_failed(why->code))
		return;
	vl_emit_note(b->work->run->job->env, "%s; trying the next registry", why->msg);
	ask(b);
}

static void done(struct vl_net *n, struct vl_request *g)
{
	struct blob *b = vl_container_of(g, struct blob, get);
	struct vl_err why = VL_ERR_INIT;

	(void)n;
	b->asking = false;
	b->work->result->downloaded += g->bytes_moved;
	if (!g->ok)
		failed(b, &g->err);
	else if (b->size <= SMALL ? take_small(b, &why) : take_part(b, &why))
		b->came = true;
	else
		failed(b, &why);
	if (b->came)
		vl_buf_clear(&b->get.body);
}

static void ask(struct blob *b)
{
	struct vl_run *run = b->work->run;
	const char *label = b->get.label;

	vl_request_clear(&b->get);
	vl_request_init(&b->get);
	b->asking = true;
	b->get.label = label;
	b->get.urls = (const char *const *)(b->urls + b->at);
	b->get.registry = true;
	b->get.expect = b->size;
	b->get.max = b->size <= SMALL ? SMALL : run->job->conf->max_download;
	b->get.dir = b->size <= SMALL ? -1 : run->fetch_dir;
	b->get.part = b->part;
	b->get.done = done;
	vl_net_add(run->net, &b->get);
}

/* The two that are always the same need no request. */
static bool is_trivial(struct vl_store *s, const struct vl_desc *d)
{
	static const char *const known[] = { VL_EMPTY_JSON, "" };
	struct vl_digest sha;
	struct vl_err why;

	for (size_t i = 0; i < VL_LEN(known); i++) {
		vl_sha256_of(vl_bytes_str(known[i]), &sha);
		if (d->size == strlen(known[i]) && vl_digest_equal(&sha, &d->digest))
			return vl_store_put(s, vl_bytes_str(known[i]), &sha, &why);
	}
	return false;
}

void vl_blobs_want(struct vl_image_ref *r, const struct vl_desc *d)
{
	struct vl_work *work = r->image->work;
	struct vl_run *run = work->run;
	struct blob *b = find(run->blobs, d);
	char oci[VL_DIGEST_OCI];
	size_t before;

	if (vl_store_has(run->job->store, &d->digest, d->size) || is_trivial(run->job->store, d))
		return;
	if (!b)
		b = add(run, work, d);
	before = b->n;
	vl_digest_oci(&d->digest, oci);
	for (size_t i = 0; i < r->from.n; i++)
		add_url(b, vl_candidate_url(&r->from.v[i], "blobs", oci));
	if (b->waits || b->asking || b->came || b->n == before || vl_run_host_failed(b->err.code))
		return;
	b->get.label = r->label;
	if (b->err.code == VL_OK)
		b->waits = true;
	else
		ask(b);
}

/* What is left of it to come. */
static uint64_t rest_of(const struct blob *b)
{
	struct stat st;
	bool begun = !fstatat(b->work->run->fetch_dir, b->part, &st, AT_SYMLINK_NOFOLLOW) && st.st_size > 0;

	return begun && (uint64_t)st.st_size < b->size ? b->size - (uint64_t)st.st_size : b->size;
}

/* Now rather than after hours of downloading. Others may still fill the disk: then the last one fails. */
static bool has_room(const struct vl_run *run, struct vl_err *e)
{
	const struct vl_blobs *t = run->blobs;
	uint64_t need = 0, space;
	char want[24], have[24];

	for (size_t i = 0; i < t->n; i++)
		need += t->v[i]->waits || t->v[i]->asking ? rest_of(t->v[i]) : 0;
	if (!vl_free_space(run->fetch_dir, &space, e))
		return false;
	return need <= space || vl_fail(e, VL_E_NOSPACE, "%s are to come into %s, but only %s is free",
					vl_size_text(need, want), vl_store_path(run->job->store),
					vl_size_text(space, have));
}

void vl_blobs_begin(struct vl_run *run)
{
	struct vl_blobs *t = run->blobs;
	struct vl_err why = VL_ERR_INIT;
	bool room = !t || t->begun == t->n || has_room(run, &why);

	for (; t && t->begun < t->n; t->begun++) {
		struct blob *b = t->v[t->begun];

		if (!b->waits)
			continue;
		b->waits = false;
		b->err = why;
		if (room)
			ask(b);
	}
}

/* ---- the end ---- */

static bool is_foreign(const struct vl_desc *d)
{
	return strstr(d->media_type, ".foreign.") || strstr(d->media_type, ".nondistributable.");
}

bool vl_blobs_check(const struct vl_image_ref *r, const struct vl_desc *d, bool *came, struct vl_err *e)
{
	const struct vl_run *run = r->image->work->run;
	const struct blob *b = find(run->blobs, d);
	char oci[VL_DIGEST_OCI];

	*came = b && b->came;
	if (vl_store_has(run->job->store, &d->digest, d->size))
		return true;
	vl_digest_oci(&d->digest, oci);
	if (b && b->err.code != VL_OK)
		*e = b->err;
	else
		return vl_fail(e, VL_E_CONTENT, "blob %s is named with another size than it has", oci);
	if (!is_foreign(d) || vl_run_host_failed(e->code))
		return false;
	vl_fail(e, VL_E_GONE, "layer %s is a foreign layer, which the registry does not have; valise does not follow "
		"the URLs that an image names for such layers", oci);
	return vl_hint(e, "Push the image with its foreign layers to a registry of your own and name that one.");
}
