/* SPDX-License-Identifier: Apache-2.0 */
/* store/generation.c: what the store holds now, and the one step to what it holds next.
 * In:    the channels that the next generation shall have; files that the caller adds to its directory.
 * Out:   generations/<number>/, and `current` pointing to it.
 * Keeps: index.json is the only truth about a generation: the channels' data are annotations of their roots. Nothing
 *        refers to a generation before all of it is on the disk; the rename of `current` is the only commit. */
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "store/store_priv.h"

#define AN_EPOCH "valise.epoch"
#define AN_SEQUENCE "valise.sequence"
#define AN_CREATED "valise.created"
#define AN_EXPIRES "valise.expires"
#define AN_INSTALLED "valise.installed"
#define AN_AGAIN "valise.installed-again"
#define AN_SEALED "valise.sealed"
#define AN_WAYBILL "valise.waybill"
#define AN_SIGNERS "valise.signers"

/* ---- numbers ---- */

void vl_generation_name(uint64_t number, char out[static GENERATION_NAME_MAX])
{
	snprintf(out, GENERATION_NAME_MAX, "generations/%06" PRIu64, number);
}

uint64_t vl_generation_number(const char *name)
{
	char again[GENERATION_NAME_MAX];
	uint64_t number = 0;

	for (const char *p = name; *p; p++) {
		if (*p < '0' || *p > '9' || p - name > 15)
			return 0;
		number = number * 10 + (uint64_t)(*p - '0');
	}
	vl_generation_name(number, again); /* one spelling only: not 42, not 0000042 */
	return strcmp(again + strlen("generations/"), name) ? 0 : number;
}

bool vl_store_current_number(const struct vl_store *s, uint64_t *number, struct vl_err *e)
{
	char target[64];
	ssize_t len = readlinkat(s->dir, "current", target, sizeof target - 1);

	*number = 0;
	if (len < 0 && errno == ENOENT)
		return true;
	if (len < 0)
		return vl_fail(e, VL_E_STORE, "store %s: `current` is not a link", s->path);
	target[len] = '\0';
	if (!strncmp(target, "generations/", strlen("generations/")))
		*number = vl_generation_number(target + strlen("generations/"));
	return *number || vl_fail(e, VL_E_STORE, "store %s: `current` does not point to a generation", s->path);
}

void vl_numbers_clear(struct vl_numbers *all)
{
	free(all->v);
	*all = (struct vl_numbers){ 0 };
}

static bool note_number(void *ctx, const char *name, struct vl_err *e)
{
	struct vl_numbers *all = ctx;
	uint64_t number = vl_generation_number(name);

	(void)e;
	if (!number)
		return true;
	vl_grow(&all->v, all->n, &all->cap, sizeof *all->v);
	all->v[all->n++] = number;
	return true;
}

static int by_number(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

bool vl_store_generations(const struct vl_store *s, struct vl_numbers *out, struct vl_err *e)
{
	VL_FD dir = -1;

	if (!vl_open_dir(s->dir, "generations", &dir, e) || !vl_each_entry(dir, note_number, out, e))
		return vl_while(e, "store %s", s->path);
	if (out->n)
		qsort(out->v, out->n, sizeof *out->v, by_number);
	return true;
}

bool vl_store_numbers(const struct vl_store *s, uint64_t **out, size_t *n, struct vl_err *e)
{
	VL_CLEAN(vl_numbers) all = { 0 };

	if (!vl_store_generations(s, &all, e))
		return false;
	*out = vl_steal(&all.v);
	*n = all.n;
	return true;
}

bool vl_store_generation_dir(const struct vl_store *s, uint64_t number, int *fd, struct vl_err *e)
{
	char name[GENERATION_NAME_MAX];

	vl_generation_name(number, name);
	return vl_open_dir(s->dir, name, fd, e) || vl_while(e, "store %s", s->path);
}

/* ---- reading ---- */

void vl_generation_clear(struct vl_generation *g)
{
	free(g->channel);
	*g = (struct vl_generation){ 0 };
}

const struct vl_channel *vl_generation_find(const struct vl_generation *g, const char *channel)
{
	for (size_t i = 0; i < g->n; i++)
		if (!strcmp(g->channel[i].name, channel))
			return &g->channel[i];
	return NULL;
}

void vl_generation_set(struct vl_generation *g, const struct vl_channel *c)
{
	struct vl_channel copy = *c; /* c may lie inside g */
	size_t i = 0;

	while (i < g->n && strcmp(g->channel[i].name, copy.name) < 0)
		i++;
	if (i == g->n || strcmp(g->channel[i].name, copy.name) != 0) {
		g->channel = vl_xrealloc(g->channel, g->n + 1, sizeof *g->channel);
		memmove(&g->channel[i + 1], &g->channel[i], (g->n - i) * sizeof *g->channel);
		g->n++;
	}
	g->channel[i] = copy;
}

static bool take_number(const struct vl_desc *d, const char *key, uint64_t *out)
{
	const char *s = vl_desc_get(d, key);
	char *end = NULL;

	if (!s || *s < '0' || *s > '9')
		return false;
	errno = 0;
	*out = strtoull(s, &end, 10);
	return !errno && !*end && *out < (uint64_t)1 << 53;
}

static bool take_time(const struct vl_desc *d, const char *key, bool needed, int64_t *out)
{
	const char *s = vl_desc_get(d, key);

	*out = 0;
	return s ? vl_time_parse(s, out) : !needed;
}

static bool take_seal(const struct vl_desc *d, struct vl_channel *c)
{
	const char *sealed = vl_desc_get(d, AN_SEALED), *waybill = vl_desc_get(d, AN_WAYBILL),
		   *signers = vl_desc_get(d, AN_SIGNERS);

	c->sealed = sealed && !strcmp(sealed, "true");
	if (!c->sealed)
		return true;
	if (!waybill || !vl_digest_parse_oci(&c->waybill, waybill) || !signers || strlen(signers) >= sizeof c->signers)
		return false;
	memcpy(c->signers, signers, strlen(signers) + 1);
	return true;
}

/* A channel's root: its ref.name has no slash, which every item's has. */
static bool is_root(const struct vl_desc *d)
{
	const char *ref = vl_desc_get(d, VL_AN_REF);

	return ref && !strchr(ref, '/');
}

static bool take_channel(const struct vl_desc *d, struct vl_channel *c)
{
	const char *name = vl_desc_get(d, VL_AN_REF);

	*c = (struct vl_channel){ .root = d->digest, .root_size = d->size };
	if (!vl_name_is_valid(name) || strlen(name) >= sizeof c->name)
		return false;
	memcpy(c->name, name, strlen(name) + 1);
	return take_number(d, AN_EPOCH, &c->epoch) && take_number(d, AN_SEQUENCE, &c->sequence) &&
	       take_time(d, AN_CREATED, true, &c->created) && take_time(d, AN_EXPIRES, false, &c->expires) &&
	       take_time(d, AN_INSTALLED, false, &c->installed) && take_time(d, AN_AGAIN, false, &c->again) &&
	       take_seal(d, c);
}

bool vl_generation_load(const struct vl_store *s, uint64_t number, struct vl_generation *g, struct vl_err *e)
{
	VL_CLEAN(vl_buf) text = VL_BUF_INIT(VL_DOC_MAX);
	VL_CLEAN(vl_generation) made = { .number = number };
	VL_CLEAN(vl_doc) doc = { 0 };
	char name[GENERATION_NAME_MAX];
	struct vl_channel c;
	VL_FD dir = -1;

	vl_generation_name(number, name);
	if (!vl_store_generation_dir(s, number, &dir, e) || !vl_load_file(dir, "index.json", &text, NULL, e)) {
		e->code = e->code == VL_E_IO ? VL_E_STORE : e->code;
		return vl_while(e, "store %s: %s", s->path, name);
	}
	if (!vl_doc_parse(&doc, vl_buf_bytes(&text), VL_MT_INDEX, "index.json", VL_E_STORE, e))
		return vl_while(e, "store %s: %s", s->path, name);
	for (size_t i = 0; i < doc.n; i++) {
		if (!is_root(&doc.child[i]))
			continue;
		if (!take_channel(&doc.child[i], &c) || vl_generation_find(&made, c.name))
			return vl_fail(e, VL_E_STORE, "store %s: %s/index.json: a channel's annotations are damaged",
				       s->path, name);
		vl_generation_set(&made, &c);
	}
	vl_generation_clear(g);
	*g = made;
	made = (struct vl_generation){ 0 };
	return true;
}

bool vl_store_load_generation(const struct vl_store *s, uint64_t number, struct vl_generation *g, struct vl_err *e)
{
	char name[GENERATION_NAME_MAX];
	struct stat st;

	vl_generation_name(number, name);
	if (!number || fstatat(s->dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return vl_fail(e, VL_E_ABSENT, "store %s has no generation %" PRIu64, s->path, number);
	return vl_generation_load(s, number, g, e);
}

bool vl_store_current(const struct vl_store *s, struct vl_generation *g, struct vl_err *e)
{
	uint64_t number;

	if (!vl_store_current_number(s, &number, e))
		return false;
	if (number)
		return vl_generation_load(s, number, g, e);
	vl_generation_clear(g);
	return true;
}

/* ---- writing ---- */

static void set_number(struct vl_desc *d, const char *key, uint64_t value)
{
	char text[32];

	snprintf(text, sizeof text, "%" PRIu64, value);
	vl_desc_set(d, key, text);
}

static void set_time(struct vl_desc *d, const char *key, int64_t t)
{
	char text[24];

	if (t)
		vl_desc_set(d, key, vl_time_text(t, text));
}

static void put_root(struct vl_doc *index, const struct vl_channel *c)
{
	struct vl_desc *d = vl_doc_add(index);
	char waybill[VL_DIGEST_OCI], text[24];

	vl_desc_init(d, VL_MT_INDEX, &c->root, c->root_size);
	vl_desc_set(d, VL_AN_REF, c->name);
	set_number(d, AN_EPOCH, c->epoch);
	set_number(d, AN_SEQUENCE, c->sequence);
	vl_desc_set(d, AN_CREATED, vl_time_text(c->created, text));
	set_time(d, AN_EXPIRES, c->expires);
	set_time(d, AN_INSTALLED, c->installed);
	set_time(d, AN_AGAIN, c->again);
	if (!c->sealed)
		return;
	vl_desc_set(d, AN_SEALED, "true");
	vl_desc_set(d, AN_WAYBILL, vl_digest_oci(&c->waybill, waybill));
	vl_desc_set(d, AN_SIGNERS, c->signers);
}

/* The items as well, under names of their own, for tools that know nothing of snapshots. An item of several manifests
 * (one per platform) is listed with its first: a name must mean one thing. */
static bool put_items(struct vl_doc *index, const struct vl_store *s, const struct vl_channel *c, struct vl_err *e)
{
	VL_CLEAN(vl_doc) snapshot = { 0 };
	const char *last = "", *name;
	struct vl_desc *d;

	if (!vl_store_snapshot(s, &c->root, c->root_size, &snapshot, e))
		return vl_while(e, "channel %s", c->name);
	for (size_t i = 0; i < snapshot.n; i++) {
		name = vl_desc_get(&snapshot.child[i], VL_AN_ITEM);
		if (!name || !vl_name_is_valid(name))
			return vl_fail(e, VL_E_CLOSURE, "channel %s: an item has no valid name", c->name);
		if (!strcmp(name, last))
			continue;
		last = name;
		VL_STR ref = vl_xprintf("%s/%s", c->name, name);

		d = vl_doc_add(index);
		vl_desc_copy(d, &snapshot.child[i]);
		vl_desc_set(d, VL_AN_REF, ref);
	}
	return true;
}

static bool write_index(struct vl_newgen *n, struct vl_err *e)
{
	VL_CLEAN(vl_buf) text = VL_BUF_INIT(VL_DOC_MAX);
	VL_CLEAN(vl_doc) index = { 0 };

	vl_doc_init_index(&index);
	for (size_t i = 0; i < n->want.n; i++) {
		put_root(&index, &n->want.channel[i]);
		if (!put_items(&index, n->store, &n->want.channel[i], e))
			return false;
	}
	return vl_doc_format(&index, &text, e) && vl_save_file(n->dir, "index.json", 0644, vl_buf_bytes(&text), e);
}

bool vl_newgen_open(struct vl_newgen *n, struct vl_store *s, const struct vl_generation *want, struct vl_err *e)
{
	VL_CLEAN(vl_newgen) made = VL_NEWGEN_INIT;
	uint64_t current;

	if (!vl_store_writable(s, e) || !vl_store_current_number(s, &current, e))
		return false;
	made.store = s;
	for (size_t i = 0; i < want->n; i++)
		vl_generation_set(&made.want, &want->channel[i]);
	made.want.number = current + 1;
	snprintf(made.temp, sizeof made.temp, "staging/generation-%06" PRIu64, made.want.number);
	if (!vl_remove_tree(s->dir, made.temp, e) || !vl_store_mkdir(s->dir, made.temp, 0755, &made.dir, e) ||
	    !write_index(&made, e))
		return vl_while(e, "new generation in %s", s->path);
	*n = made;
	made = (struct vl_newgen)VL_NEWGEN_INIT;
	return true;
}

/* From staging to its name. Still nothing refers to it. */
static bool settle(struct vl_newgen *n, struct vl_err *e)
{
	char name[GENERATION_NAME_MAX];
	VL_FD generations = -1;

	vl_generation_name(n->want.number, name);
	if (syncfs(n->dir) < 0)
		return vl_fail_os(e, "make the new generation durable");
	if (!vl_fsync(n->dir, name, e) || !vl_open_dir(n->store->dir, "generations", &generations, e))
		return false;
	if (renameat(n->store->dir, n->temp, n->store->dir, name) < 0)
		return vl_fail_os(e, "move %s to %s", n->temp, name);
	memcpy(n->temp, name, sizeof name); /* clear() now removes it from there */
	return vl_fsync(generations, "generations", e);
}

bool vl_newgen_commit(struct vl_newgen *n, bool (*before)(void *ctx, struct vl_err *e), void *ctx, struct vl_err *e)
{
	struct vl_store *s = n->store;
	char name[GENERATION_NAME_MAX];

	vl_generation_name(n->want.number, name);
	if (!settle(n, e))
		return vl_while(e, "new generation in %s", s->path);
	if (before && !before(ctx, e))
		return false;
	if (unlinkat(s->dir, "current.tmp", 0) < 0 && errno != ENOENT)
		return vl_fail_os(e, "remove current.tmp in %s", s->path);
	if (symlinkat(name, s->dir, "current.tmp") < 0)
		return vl_fail_os(e, "make the link current.tmp in %s", s->path);
	if (renameat(s->dir, "current.tmp", s->dir, "current") < 0) {
		vl_fail_os(e, "switch %s to %s", s->path, name);
		unlinkat(s->dir, "current.tmp", 0);
		return false;
	}
	n->temp[0] = '\0'; /* committed: clear() must leave it alone */
	return vl_fsync(s->dir, s->path, e) ||
	       vl_while(e, "the switch to %s is made, but may not survive a power cut", name);
}

void vl_newgen_clear(struct vl_newgen *n)
{
	struct vl_err unused;

	vl_fd_closep(&n->dir);
	if (n->store && n->temp[0])
		(void)!vl_remove_tree(n->store->dir, n->temp, &unused); /* else the next start does it */
	vl_generation_clear(&n->want);
	*n = (struct vl_newgen)VL_NEWGEN_INIT;
}

bool vl_store_trim(struct vl_store *s, unsigned keep, struct vl_err *e)
{
	char places[GENERATION_NAME_MAX + 8], name[GENERATION_NAME_MAX];
	VL_CLEAN(vl_numbers) all = { 0 };
	uint64_t current;

	if (!vl_store_writable(s, e) || !vl_store_current_number(s, &current, e) || !vl_store_generations(s, &all, e))
		return false;
	for (size_t i = 0; i < all.n && all.v[i] < current && current - all.v[i] >= (keep ? keep : 1); i++) {
		vl_generation_name(all.v[i], name);
		snprintf(places, sizeof places, "%s/places", name);
		if (!vl_remove_tree(s->dir, places, e))
			return vl_while(e, "remove old places in %s", s->path);
	}
	return true;
}
