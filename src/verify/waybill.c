/* SPDX-License-Identifier: Apache-2.0 */
/* verify/waybill.c: a waybill whose signers may sign it, in sufficient number.
 * In:    waybill.json and the signature files, each read once.
 * Out:   a vl_checked, whose text is the very buffer that was verified and parsed.
 * Keeps: signature before parse. Nothing in an unsigned part of a signature file may differ from what a signer writes:
 *        a flip anywhere is found, and no words reach the operator under the cover of a good signature. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "verify/verify.h"

void vl_checked_free(struct vl_checked *c)
{
	if (!c)
		return;
	vl_buf_clear(&c->text);
	vl_carried_sigs_clear(&c->sigs);
	vl_waybill_free(c->waybill);
	free(c);
}

static struct vl_checked *checked_new(struct vl_carried *carried)
{
	struct vl_checked *c = vl_xcalloc(1, sizeof *c);

	c->carried = carried;
	c->text.max = VL_WAYBILL_MAX;
	return c;
}

/* Too long or empty: it cannot be a waybill, which is another verdict than a limit of this host. */
static bool load_waybill(struct vl_checked *c, struct vl_err *e)
{
	if (!vl_carried_waybill(c->carried, &c->text, e)) {
		if (e->code == VL_E_LIMIT)
			e->code = VL_E_FORMAT;
		return false;
	}
	if (c->text.len)
		return true;
	vl_fail(e, VL_E_FORMAT, "waybill.json is empty");
	return vl_found(e, "waybill.json", NULL, NULL);
}

static bool load_signatures(struct vl_checked *c, struct vl_err *e)
{
	if (vl_carried_signatures(c->carried, &c->sigs, e))
		return true;
	if (e->code == VL_E_LIMIT && *e->file)
		e->code = VL_E_SIG_FORM;
	return false;
}

static bool load(struct vl_checked *c, struct vl_err *e)
{
	return load_waybill(c, e) && load_signatures(c, e);
}

/* Every distinct key of the set: the channel is not known before the waybill is parsed. The caller frees. */
static struct vl_pubkey *ring_of(const struct vl_trust *t, struct vl_keyring *ring)
{
	struct vl_pubkey *keys = vl_xcalloc(t->n + 1, sizeof *keys);

	*ring = (struct vl_keyring){ .keys = keys };
	for (size_t i = 0; i < t->n; i++) {
		bool again = false;

		for (size_t j = 0; j < ring->n; j++)
			again |= vl_pubkey_equal(&keys[j], &t->key[i].key);
		if (!again)
			keys[ring->n++] = t->key[i].key;
	}
	return keys;
}

/* The first line of a signature file and the key id are not signed. The line must be one that valise or minisign
 * writes; the id of each good signature must be its key's. */
static bool first_line_is_usual(const struct vl_sigfile *f)
{
	static const char *const usual[] = { "untrusted comment: " VL_SIG_UNTRUSTED "\n",
					     "untrusted comment: " VL_SIG_UNTRUSTED_MINISIGN "\n" };

	for (size_t i = 0; i < VL_LEN(usual); i++)
		if (f->text.len > strlen(usual[i]) && !memcmp(f->text.data, usual[i], strlen(usual[i])))
			return true;
	return false;
}

static bool unsigned_part_agrees(const struct vl_checked *c, const struct vl_sigfile *f,
				 const struct vl_blake2b *prehash, struct vl_err *e)
{
	char id[VL_KEYID_TEXT], says[VL_KEYID_TEXT];
	struct vl_minisig sig;

	if (!vl_minisig_parse(&sig, f->text, false, f->name, e))
		return false;
	if (!first_line_is_usual(f)) {
		vl_fail(e, VL_E_SIG_FORM, "%s: its first line, which is not signed, is not the usual one", f->name);
		return vl_found(e, f->name, NULL, VL_SIG_UNTRUSTED);
	}
	for (size_t k = 0; k < c->proof.n_by; k++) {
		const struct vl_pubkey *by = &c->proof.by[k];

		if (!memcmp(sig.keyid, by->id, sizeof sig.keyid) || !vl_minisig_verify(&sig, by, prehash))
			continue;
		vl_keyid_text(by->id, id);
		vl_keyid_text(sig.keyid, says);
		vl_fail(e, VL_E_SIG_BAD, "%s: the signature is by key %s, but says %s", f->name, id, says);
		return vl_found(e, f->name, says, id);
	}
	return true;
}

static bool unsigned_parts_agree(const struct vl_checked *c, struct vl_err *e)
{
	struct vl_blake2b prehash;

	vl_blake2b_of(vl_buf_bytes(&c->text), &prehash);
	for (size_t i = 0; i < c->sigs.n; i++)
		if (!unsigned_part_agrees(c, &c->sigs.file[i], &prehash, e))
			return false;
	return true;
}

static bool may_sign(const struct vl_trust *t, const struct vl_pubkey *k, const char *channel)
{
	for (size_t i = 0; i < t->n; i++)
		if (vl_pubkey_equal(&t->key[i].key, k) &&
		    (!*t->key[i].channel || !strcmp(t->key[i].channel, channel)))
			return true;
	return false;
}

static unsigned threshold_of(const struct vl_trust *t, const char *channel)
{
	unsigned all = 1;

	for (size_t i = 0; i < t->n_threshold; i++) {
		if (!strcmp(t->threshold[i].channel, channel))
			return t->threshold[i].n;
		if (!*t->threshold[i].channel)
			all = t->threshold[i].n;
	}
	return all;
}

/* c->proof.by are distinct keys (vl_signed_open counts keys, not files), so one key cannot count twice. */
static bool enough_signers(struct vl_checked *c, const struct vl_trust *t, struct vl_err *e)
{
	const char *channel = c->waybill->channel;
	unsigned need = threshold_of(t, channel), n = 0;
	char id[VL_KEYID_TEXT] = "";

	for (size_t i = 0; i < c->proof.n_by; i++) {
		size_t len = strlen(c->signers);

		vl_keyid_text(c->proof.by[i].id, id);
		if (!may_sign(t, &c->proof.by[i], channel))
			continue;
		snprintf(c->signers + len, sizeof c->signers - len, "%s%s", n ? " " : "", id);
		n++;
	}
	if (!n)
		return vl_fail(e, VL_E_SIG_UNKNOWN, "key %s signed it and is trusted, but not for channel %s", id,
			       channel);
	if (n < need || !need)
		return vl_fail(e, VL_E_SIG_FEW, "%u of %u signatures that channel %s needs (%s)", n, need, channel,
			       c->signers);
	return true;
}

static bool prove(struct vl_checked *c, const struct vl_trust *t, struct vl_err *e)
{
	struct vl_keyring ring;
	struct vl_pubkey *keys = ring_of(t, &ring);
	bool good = vl_signed_open(&c->proof, vl_buf_bytes(&c->text), c->sigs.file, c->sigs.n, &ring, e);

	free(keys);
	if (!good || !unsigned_parts_agree(c, e) || !vl_waybill_parse(&c->waybill, &c->proof, e) ||
	    !enough_signers(c, t, e) || !vl_waybill_comments_agree(c->waybill, &c->proof, e))
		return false;
	c->verified = true;
	return true;
}

bool vl_verify_waybill(struct vl_checked **out, struct vl_carried *carried, const struct vl_trust *t, struct vl_err *e)
{
	VL_AUTO(vl_checked) c = checked_new(carried);

	if (!load(c, e) || !prove(c, t, e))
		return false;
	*out = vl_steal(&c);
	return true;
}

bool vl_verify_peek(struct vl_checked **out, struct vl_carried *carried, const struct vl_trust *t, struct vl_err *why,
		    struct vl_err *e)
{
	VL_AUTO(vl_checked) c = checked_new(carried);
	struct vl_err fault = VL_ERR_INIT;

	if (!load_waybill(c, e))
		return false;
	if (!load_signatures(c, &fault) || !prove(c, t, &fault)) {
		vl_waybill_free(c->waybill);
		c->waybill = NULL;
		c->signers[0] = '\0';
		vl_signed_unverified(&c->proof, vl_buf_bytes(&c->text));
		if (!vl_waybill_parse(&c->waybill, &c->proof, e))
			return false;
	}
	if (why)
		*why = fault;
	*out = vl_steal(&c);
	return true;
}

bool vl_verify_totals(const struct vl_waybill *w, uint64_t items, uint64_t blobs, uint64_t bytes, struct vl_err *e)
{
	if (items == w->items && blobs == w->blobs && bytes == w->bytes)
		return true;
	return vl_fail(e, VL_E_CLOSURE,
		       "the waybill says %" PRIu64 " items, %" PRIu64 " blobs, %" PRIu64 " bytes; its root reaches "
		       "%" PRIu64 " items, %" PRIu64 " blobs, %" PRIu64 " bytes",
		       w->items, w->blobs, w->bytes, items, blobs, bytes);
}
