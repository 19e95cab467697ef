/* SPDX-License-Identifier: Apache-2.0 */
/* crypt/signed.c: which trusted keys vouch for a text.
 * In:    the text, the signature files found beside it, the ring of trusted keys.
 * Out:   a vl_signed with every distinct key whose signature is good.
 * Keeps: a key counts once, however many files or ids carry its signature; every file must make sense. */
#include "crypt/signed.h"

#include "base/text.h"

#define COMMENT_MAX 512

static bool already_counted(const struct vl_signed *s, const struct vl_pubkey *k)
{
	for (size_t i = 0; i < s->n_by; i++)
		if (vl_pubkey_equal(&s->by[i], k))
			return true;
	return false;
}

static void count_signer(struct vl_signed *s, const struct vl_pubkey *k, const struct vl_minisig *sig)
{
	if (already_counted(s, k))
		return;
	s->by[s->n_by] = *k;
	memcpy(s->comment[s->n_by], sig->comment, strlen(sig->comment) + 1);
	s->n_by++;
}

static bool has_id(const struct vl_pubkey *k, const struct vl_minisig *sig)
{
	return !memcmp(k->id, sig->keyid, sizeof sig->keyid);
}

/* The key of the ring that made this signature, or NULL. The id is not asked: two keys can have the same one. */
static const struct vl_pubkey *maker(const struct vl_minisig *sig, const struct vl_keyring *ring,
				     const struct vl_blake2b *prehash)
{
	for (size_t i = 0; i < ring->n; i++)
		if (vl_minisig_verify(sig, &ring->keys[i], prehash))
			return &ring->keys[i];
	return NULL;
}

static bool claims_ring_key(const struct vl_minisig *sig, const struct vl_keyring *ring)
{
	for (size_t i = 0; i < ring->n; i++)
		if (has_id(&ring->keys[i], sig))
			return true;
	return false;
}

struct unknown_ids {
	char text[VL_SIGNATURES_MAX * (VL_KEYID_TEXT + 1) + 1];
};

static void note_unknown(struct unknown_ids *ids, const struct vl_minisig *sig)
{
	char id[VL_KEYID_TEXT];

	vl_keyid_text(sig->keyid, id);
	if (strstr(ids->text, id))
		return;
	if (ids->text[0])
		strncat(ids->text, ", ", sizeof ids->text - strlen(ids->text) - 1);
	strncat(ids->text, id, sizeof ids->text - strlen(ids->text) - 1);
}

static bool look_at(struct vl_signed *out, const struct vl_sigfile *file, const struct vl_keyring *ring,
		    const struct vl_blake2b *prehash, struct unknown_ids *unknown, struct vl_err *e)
{
	VL_STR name = vl_safe_text(file->name, 120);
	const struct vl_pubkey *key;
	struct vl_minisig sig;
	char id[VL_KEYID_TEXT];

	if (!vl_minisig_parse(&sig, file->text, false, name, e))
		return false;
	if (strlen(sig.comment) > COMMENT_MAX) {
		vl_fail(e, VL_E_SIG_FORM, "%s: the trusted comment is longer than %d bytes", name, COMMENT_MAX);
		return vl_found(e, name, NULL, NULL);
	}
	key = maker(&sig, ring, prehash);
	if (key) {
		count_signer(out, key, &sig);
		return true;
	}
	if (claims_ring_key(&sig, ring)) {
		vl_fail(e, VL_E_SIG_BAD, "%s: the signature does not match; it claims to be by the trusted key %s",
			name, vl_keyid_text(sig.keyid, id));
		return vl_found(e, name, NULL, NULL);
	}
	note_unknown(unknown, &sig);
	return true;
}

bool vl_signed_open(struct vl_signed *out, struct vl_bytes text, const struct vl_sigfile *sigs, size_t n_sigs,
		    const struct vl_keyring *ring, struct vl_err *e)
{
	struct unknown_ids unknown = { "" };
	struct vl_blake2b prehash;

	vl_signed_unverified(out, text);
	if (!ring->n)
		return vl_fail(e, VL_E_NO_TRUST, "no key is trusted here, so no signature can be checked");
	if (!n_sigs)
		return vl_fail(e, VL_E_SIG_MISSING, "there is no signature file");
	if (n_sigs > VL_SIGNATURES_MAX)
		return vl_fail(e, VL_E_LIMIT, "%zu signature files; at most %d are allowed", n_sigs,
			       VL_SIGNATURES_MAX);
	vl_blake2b_of(text, &prehash);
	for (size_t i = 0; i < n_sigs; i++)
		if (!look_at(out, &sigs[i], ring, &prehash, &unknown, e)) {
			out->n_by = 0; /* a caller that overlooks the failure finds nobody who vouches */
			return false;
		}
	if (out->n_by)
		return true;
	vl_fail(e, VL_E_SIG_UNKNOWN, "signed by %s; none of the %zu trusted keys made a signature", unknown.text,
		ring->n);
	return vl_found(e, sigs[0].name, unknown.text, NULL);
}

void vl_signed_unverified(struct vl_signed *out, struct vl_bytes text)
{
	memset(out, 0, sizeof *out);
	out->text = text;
	vl_sha256_of(text, &out->sha256);
}
