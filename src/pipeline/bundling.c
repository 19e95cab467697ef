/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline/bundling.c: a bundle in the making.
 * In:    a snapshot of the store, secret keys, a directory.
 * Out:   a bundle directory; the waybill and its signatures are the last bytes written.
 * Keeps: nothing is signed that does not hash to its name: whole blobs are hashed as they go into a parcel, cut ones
 *        before. At most env->jobs parcels are in memory. */
#include "pipeline/bundling.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/pool.h"
#include "base/text.h"
#include "base/version.h"

#define PHASE "pack"
#define CHECK_PHASE "check"

void vl_bundling_clear(struct vl_bundling *b)
{
	for (size_t i = 0; i < b->n_keys; i++)
		vl_seckey_free(b->key[i]);
	b->n_keys = 0;
	vl_plan_clear(&b->plan);
	vl_closure_clear(&b->closure);
	vl_waybill_free(vl_steal(&b->waybill));
	vl_volume_free(vl_steal(&b->volume));
	vl_buf_clear(&b->text);
}

/* ---- keys ---- */

static bool is_new_key(const struct vl_bundling *b, const char *path, struct vl_err *e)
{
	struct vl_pubkey a, other;

	vl_seckey_public(b->key[b->n_keys - 1], &a);
	for (size_t i = 0; i + 1 < b->n_keys; i++) {
		vl_seckey_public(b->key[i], &other);
		if (vl_pubkey_equal(&a, &other))
			return vl_fail(e, VL_E_USAGE, "%s is the same key as one named before; it counts once", path);
	}
	return true;
}

bool vl_bundling_open_keys(struct vl_bundling *b, struct vl_err *e)
{
	const char *const *path = b->o->keys;

	if (b->o->fetch.dry_run)
		return true;
	for (; path && *path; path++) {
		if (b->n_keys == VL_SIGNATURES_MAX)
			return vl_fail(e, VL_E_LIMIT, "more than %d keys", VL_SIGNATURES_MAX);
		if (!vl_seckey_load(&b->key[b->n_keys], *path, b->o->ask, b->o->ask_ctx, e))
			return false;
		b->n_keys++;
		if (!is_new_key(b, *path, e))
			return false;
	}
	if (b->o->unsigned_ && b->n_keys)
		return vl_fail(e, VL_E_USAGE, "--unsigned and --key contradict each other");
	if (b->n_keys || b->o->unsigned_)
		return true;
	vl_fail(e, VL_E_USAGE, "no key to sign with");
	return vl_hint(e, "Name one with --key FILE; valise keygen makes one. Or use --unsigned and sign elsewhere.");
}

/* ---- plan and waybill ---- */

bool vl_bundling_plan(struct vl_bundling *b, const struct vl_store *s, const struct vl_channel *c, struct vl_err *e)
{
	if (!vl_store_closure(s, &c->root, c->root_size, &b->closure, e) ||
	    !vl_plan_make(&b->plan, &b->closure, VL_PARCEL_RAW_MAX, e))
		return vl_while(e, "the snapshot of channel %s", c->name);
	b->raw = 0;
	for (size_t i = 0; i < b->plan.n_parcels; i++)
		b->raw += b->plan.parcel[i].raw;
	return true;
}

bool vl_bundling_begin_waybill(struct vl_bundling *b, const struct vl_channel *c, uint64_t sequence, int64_t created,
			       int64_t validity, struct vl_err *e)
{
	struct vl_waybill *w = vl_xcalloc(1, sizeof *w);

	b->waybill = w;
	snprintf(w->channel, sizeof w->channel, "%s", c->name);
	snprintf(w->tool, sizeof w->tool, "valise %s", vl_version());
	w->epoch = c->epoch;
	w->sequence = sequence;
	w->created = created;
	if (validity <= 0 || __builtin_add_overflow(created, validity, &w->expires))
		return vl_fail(e, VL_E_USAGE, "a validity of %" PRId64 " seconds makes no sense", validity);
	w->root = c->root;
	w->root_size = c->root_size;
	w->items = b->closure.items;
	w->blobs = b->closure.n;
	w->bytes = b->closure.bytes;
	w->n = b->plan.n_parcels;
	w->parcel = vl_xcalloc(w->n, sizeof *w->parcel);
	return true;
}

/* ---- parcels ---- */

struct parcel_run {
	struct vl_bundling *b;
	const struct vl_store *store;
};
struct packed {
	struct vl_parcel_line line;
	struct vl_buf bytes;
};

static void packed_drop(void *result)
{
	struct packed *p = result;

	vl_buf_clear(&p->bytes);
	free(p);
}

static bool work(void *ctx, size_t i, void **result, struct vl_err *e)
{
	struct parcel_run *run = ctx;
	struct packed *p = vl_xcalloc(1, sizeof *p);

	p->bytes.max = VL_PARCEL_STORED_MAX;
	*result = p;
	return vl_env_go_on(run->b->env, e) &&
	       vl_parcel_build(run->store, &run->b->plan, i, run->b->o->level, &p->line, &p->bytes, e);
}

static bool put(struct vl_bundling *b, const char *name, struct vl_bytes bytes, struct vl_err *e)
{
	b->written += bytes.len;
	return vl_volume_put(b->volume, name, bytes, e);
}

static bool take(void *ctx, size_t i, void *result, struct vl_err *e)
{
	struct parcel_run *run = ctx;
	struct vl_bundling *b = run->b;
	struct packed *p = result;
	char name[40];
	bool good;

	b->waybill->parcel[i] = p->line;
	good = vl_env_go_on(b->env, e) &&
	       put(b, vl_parcel_name(&p->line, i, name), vl_buf_bytes(&p->bytes), e);
	packed_drop(p);
	b->done += b->plan.parcel[i].raw;
	vl_emit_progress(b->env, PHASE, b->done, b->raw);
	return good;
}

static bool write_parcels(struct vl_bundling *b, const struct vl_store *s, struct vl_err *e)
{
	struct parcel_run run = { .b = b, .store = s };
	struct vl_pool_job job = { .count = b->plan.n_parcels, .threads = b->env->jobs ? b->env->jobs : 1,
				   .ctx = &run, .work = work, .take = take, .drop = packed_drop };

	b->done = 0;
	vl_emit_phase(b->env, PHASE, b->raw);
	if (!vl_pool_run(&job, e))
		return false;
	vl_emit_phase_end(b->env, PHASE, b->done);
	return true;
}

static bool is_cut(const struct vl_piece *p)
{
	return p->offset == 0 && p->len < p->blob->size;
}

static bool check_blob(const struct vl_store *s, const struct vl_reached *blob, struct vl_err *e)
{
	char hex[VL_DIGEST_HEX], file[96];
	bool good = false;

	if (!vl_store_check_blob(s, &blob->digest, blob->size, &good, e))
		return false;
	if (good)
		return true;
	snprintf(file, sizeof file, "blobs/sha256/%s", vl_digest_hex(&blob->digest, hex));
	vl_fail(e, VL_E_STORE, "%s of the store is damaged: its content has another sha256; item %s", file, blob->item);
	vl_found(e, file, NULL, hex);
	return vl_hint(e, "Remove this file from the store and fetch the item again.");
}

/* Blobs that no single parcel holds whole are hashed here, each once. */
static bool check_cut_blobs(struct vl_bundling *b, const struct vl_store *s, struct vl_err *e)
{
	uint64_t total = 0, done = 0;

	for (size_t i = 0; i < b->plan.n_pieces; i++)
		total += is_cut(&b->plan.piece[i]) ? b->plan.piece[i].blob->size : 0;
	if (!total)
		return true;
	vl_emit_phase(b->env, CHECK_PHASE, total);
	for (size_t i = 0; i < b->plan.n_pieces; i++) {
		const struct vl_piece *p = &b->plan.piece[i];

		if (!is_cut(p))
			continue;
		if (!vl_env_go_on(b->env, e) || !check_blob(s, p->blob, e))
			return false;
		done += p->blob->size;
		vl_emit_progress(b->env, CHECK_PHASE, done, total);
	}
	vl_emit_phase_end(b->env, CHECK_PHASE, done);
	return true;
}

static bool put_texts(struct vl_bundling *b, struct vl_err *e)
{
	VL_CLEAN(vl_buf) readme = VL_BUF_INIT(64 << 10);
	VL_CLEAN(vl_buf) sums = VL_BUF_INIT(VL_WAYBILL_MAX);
	VL_CLEAN(vl_buf) hint = VL_BUF_INIT(4 << 10);
	const struct vl_waybill *w = b->waybill;

	return vl_bundle_readme(w, &readme, e) && put(b, "READ-ME.txt", vl_buf_bytes(&readme), e) &&
	       vl_bundle_sums(w, 0, w->n, &sums, e) && put(b, "SHA256SUMS", vl_buf_bytes(&sums), e) &&
	       vl_bundle_volume_hint(w, 1, 1, 1, w->n, &hint, e) && put(b, "volume.json", vl_buf_bytes(&hint), e);
}

bool vl_bundling_write(struct vl_bundling *b, const struct vl_store *s, struct vl_err *e)
{
	return check_cut_blobs(b, s, e) && write_parcels(b, s, e) && put_texts(b, e) && vl_env_go_on(b->env, e) &&
	       vl_volume_sync(b->volume, e);
}

/* ---- the seal ---- */

static bool sign_with(struct vl_bundling *b, size_t i, const char *comment, struct vl_err *e)
{
	VL_CLEAN(vl_buf) sig = VL_BUF_INIT(VL_MINISIG_MAX);
	struct vl_pubkey public;
	char id[VL_KEYID_TEXT], name[64] = "waybill.json.minisig";

	vl_seckey_public(b->key[i], &public);
	if (i)
		snprintf(name, sizeof name, "waybill.json.%s.minisig", vl_keyid_text(public.id, id));
	return vl_minisig_sign(b->key[i], vl_buf_bytes(&b->text), VL_SIG_UNTRUSTED, comment, &sig, e) &&
	       put(b, name, vl_buf_bytes(&sig), e);
}

bool vl_bundling_seal(struct vl_bundling *b, struct vl_err *e)
{
	char comment[513];

	if (!vl_waybill_format(b->waybill, &b->text, e))
		return vl_while(e, "write the waybill");
	vl_sha256_of(vl_buf_bytes(&b->text), &b->sha256);
	vl_waybill_comment(b->waybill, &b->sha256, comment);
	if (!put(b, "waybill.json", vl_buf_bytes(&b->text), e))
		return false;
	for (size_t i = 0; i < b->n_keys; i++)
		if (!sign_with(b, i, comment, e))
			return false;
	return vl_volume_sync(b->volume, e);
}
