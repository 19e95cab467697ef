/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/crypt_signed_test.c: who vouches: keys count once, ids are hints, one bad file is enough to refuse. */
#include <sodium.h>

#include "crypt/signed.h"
#include "tests/lib/scratch.h"
#include "tests/lib/tap.h"

#define TEXT "the waybill"
#define SIGS 20

/* Keys a, b, c; a under b's id; and the texts of signature files. */
struct fixture {
	struct vl_seckey *a, *b, *c;
	struct vl_pubkey pa, pb, pc, pa_as_b;
	struct vl_buf sig[SIGS];
	size_t n;
};

static struct vl_sigfile sign(struct fixture *f, const struct vl_seckey *k, const char *text, const char *comment)
{
	struct vl_buf *b = &f->sig[f->n++];
	struct vl_err e = VL_ERR_INIT;

	b->max = VL_MINISIG_MAX;
	if (!vl_minisig_sign(k, vl_bytes_str(text), "hint", comment, b, &e))
		scratch_bail(e.msg);
	return (struct vl_sigfile){ "waybill.json.minisig", vl_buf_bytes(b) };
}

/* The same signature under another key id: the id is not signed. */
static struct vl_sigfile relabel(struct fixture *f, struct vl_sigfile s, const struct vl_pubkey *as)
{
	struct vl_buf *b = &f->sig[f->n++];
	struct vl_err e = VL_ERR_INIT;
	uint8_t raw[74];
	char *line;

	b->max = VL_MINISIG_MAX;
	if (!vl_buf_add(b, s.text, &e))
		scratch_bail(e.msg);
	line = strchr((char *)b->data, '\n') + 1;
	sodium_base642bin(raw, sizeof raw, line, 100, NULL, NULL, NULL, sodium_base64_VARIANT_ORIGINAL);
	memcpy(raw + 2, as->id, sizeof as->id);
	sodium_bin2base64(line, 101, raw, sizeof raw, sodium_base64_VARIANT_ORIGINAL);
	line[100] = '\n';
	return (struct vl_sigfile){ "relabelled", vl_buf_bytes(b) };
}

static void set_up(struct fixture *f)
{
	struct vl_err e = VL_ERR_INIT;

	if (!vl_seckey_new(&f->a, &e) || !vl_seckey_new(&f->b, &e) || !vl_seckey_new(&f->c, &e))
		scratch_bail(e.msg);
	vl_seckey_public(f->a, &f->pa);
	vl_seckey_public(f->b, &f->pb);
	vl_seckey_public(f->c, &f->pc);
	f->pa_as_b = f->pa;
	memcpy(f->pa_as_b.id, f->pb.id, sizeof f->pb.id);
}

static void good(struct fixture *f)
{
	struct vl_pubkey keys[] = { f->pa, f->pb };
	struct vl_keyring ring = { keys, 2 }, one = { keys, 1 };
	struct vl_sigfile a = sign(f, f->a, TEXT, "comment a"), b = sign(f, f->b, TEXT, "comment b");
	struct vl_sigfile c = sign(f, f->c, TEXT, "comment c");
	struct vl_sigfile ab[] = { a, b }, aa[] = { a, a }, ca[] = { c, a };
	struct vl_err e = VL_ERR_INIT;
	struct vl_signed s;
	struct vl_digest d;

	vl_sha256_of(vl_bytes_str(TEXT), &d);
	tap_good(vl_signed_open(&s, vl_bytes_str(TEXT), ab, 2, &ring, &e), &e, "two signers");
	tap_ok(s.n_by == 2 && vl_pubkey_equal(&s.by[0], &f->pa) && vl_pubkey_equal(&s.by[1], &f->pb), "both count");
	tap_str(s.comment[0], "comment a", "with their comments");
	tap_str(s.comment[1], "comment b", "in order");
	tap_ok(vl_digest_equal(&s.sha256, &d) && s.text.len == strlen(TEXT), "digest and text");
	tap_good(vl_signed_open(&s, vl_bytes_str(TEXT), aa, 2, &ring, &e), &e, "one signer twice (T12)");
	tap_is(s.n_by, 1, "counts once");
	tap_good(vl_signed_open(&s, vl_bytes_str(TEXT), ca, 2, &one, &e), &e, "a stranger's signature beside");
	tap_is(s.n_by, 1, "does not count and does no harm");
}

static void same_key_two_ids(struct fixture *f)
{
	struct vl_pubkey twice[] = { f->pa, f->pa_as_b }, clash[] = { f->pb, f->pa_as_b };
	struct vl_keyring ring = { twice, 2 }, clash_ring = { clash, 2 };
	struct vl_sigfile a = sign(f, f->a, TEXT, "c"), b = sign(f, f->b, TEXT, "c");
	struct vl_sigfile both[] = { a, sign(f, f->a, TEXT, "other") };
	struct vl_err e = VL_ERR_INIT;
	struct vl_signed s;

	tap_good(vl_signed_open(&s, vl_bytes_str(TEXT), both, 2, &ring, &e), &e, "one key under two ids, two files");
	tap_is(s.n_by, 1, "counts once");
	tap_good(vl_signed_open(&s, vl_bytes_str(TEXT), &b, 1, &clash_ring, &e), &e, "two keys with one id (T14)");
	tap_ok(s.n_by == 1 && vl_pubkey_equal(&s.by[0], &f->pb), "the right one vouches");
	tap_good(vl_signed_open(&s, vl_bytes_str(TEXT), &a, 1, &clash_ring, &e), &e, "and for the other's signature");
	tap_ok(s.n_by == 1 && vl_pubkey_equal(&s.by[0], &f->pa), "the other");
}

static void bad(struct fixture *f)
{
	struct vl_keyring ring = { &f->pa, 1 }, empty = { NULL, 0 };
	struct vl_sigfile a = sign(f, f->a, TEXT, "c"), b = sign(f, f->b, TEXT, "c"), many[17];
	struct vl_sigfile junk = { "junk", vl_bytes_str("junk\n") }, a_junk[] = { a, junk };
	struct vl_sigfile bc[] = { b, sign(f, f->c, TEXT, "c") };
	struct vl_sigfile liar = relabel(f, b, &f->pa), a_liar[] = { a, liar };
	char id[VL_KEYID_TEXT];
	struct vl_err e = VL_ERR_INIT;
	struct vl_signed s;

	tap_fails(vl_signed_open(&s, vl_bytes_str("The waybill"), &a, 1, &ring, &e), &e, VL_E_SIG_BAD, "another text");
	tap_ok(strstr(e.msg, "waybill.json.minisig") != NULL, "the message names the file");
	tap_is(s.n_by, 0, "nobody vouches");
	tap_fails(vl_signed_open(&s, vl_bytes_str(TEXT), bc, 2, &ring, &e), &e, VL_E_SIG_UNKNOWN, "strangers only");
	tap_ok(strstr(e.msg, vl_keyid_text(f->pb.id, id)) && strstr(e.msg, vl_keyid_text(f->pc.id, id)),
	       "the message names their ids");
	tap_fails(vl_signed_open(&s, vl_bytes_str(TEXT), NULL, 0, &ring, &e), &e, VL_E_SIG_MISSING, "no file");
	tap_fails(vl_signed_open(&s, vl_bytes_str(TEXT), &a, 1, &empty, &e), &e, VL_E_NO_TRUST, "no trusted key");
	tap_fails(vl_signed_open(&s, vl_bytes_str(TEXT), a_junk, 2, &ring, &e), &e, VL_E_SIG_FORM, "junk beside");
	tap_is(s.n_by, 0, "nobody vouches then");
	tap_fails(vl_signed_open(&s, vl_bytes_str(TEXT), a_liar, 2, &ring, &e), &e, VL_E_SIG_BAD,
		  "another's signature under a trusted id");
	tap_is(s.n_by, 0, "nobody vouches then");
	for (size_t i = 0; i < VL_LEN(many); i++)
		many[i] = a;
	tap_fails(vl_signed_open(&s, vl_bytes_str(TEXT), many, 17, &ring, &e), &e, VL_E_LIMIT, "17 files");
	tap_good(vl_signed_open(&s, vl_bytes_str(TEXT), many, 16, &ring, &e), &e, "16 files");
}

/* T11: comment and global signature of another file by the same key. */
static void swapped_comment(struct fixture *f)
{
	struct vl_sigfile mine = sign(f, f->a, TEXT, "sequence 41"), other = sign(f, f->a, "older", "sequence 42");
	struct vl_keyring ring = { &f->pa, 1 };
	VL_CLEAN(vl_buf) mixed = VL_BUF_INIT(VL_MINISIG_MAX);
	const char *head = (const char *)mine.text.data, *tail = (const char *)other.text.data;
	struct vl_sigfile file;
	struct vl_err e = VL_ERR_INIT;
	struct vl_signed s;

	if (!vl_buf_addf(&mixed, &e, "%.*s%s", (int)(strstr(head, "trusted comment: s") - head), head,
			 strstr(tail, "trusted comment: s")))
		scratch_bail(e.msg);
	file = (struct vl_sigfile){ "mixed", vl_buf_bytes(&mixed) };
	tap_fails(vl_signed_open(&s, vl_bytes_str(TEXT), &file, 1, &ring, &e), &e, VL_E_SIG_BAD, "swapped (T11)");
}

static void comment_length(struct fixture *f)
{
	struct vl_keyring ring = { &f->pa, 1 };
	char text[514];
	struct vl_err e = VL_ERR_INIT;
	struct vl_signed s;
	struct vl_sigfile file;

	memset(text, 'c', sizeof text);
	text[512] = '\0';
	file = sign(f, f->a, TEXT, text);
	tap_good(vl_signed_open(&s, vl_bytes_str(TEXT), &file, 1, &ring, &e), &e, "comment of 512 bytes");
	tap_is(strlen(s.comment[0]), 512, "whole");
	text[512] = 'c';
	text[513] = '\0';
	file = sign(f, f->a, TEXT, text);
	tap_fails(vl_signed_open(&s, vl_bytes_str(TEXT), &file, 1, &ring, &e), &e, VL_E_SIG_FORM, "513 bytes");
}

int main(void)
{
	struct fixture f = { .n = 0 };
	struct vl_signed s;

	set_up(&f);
	good(&f);
	same_key_two_ids(&f);
	bad(&f);
	swapped_comment(&f);
	comment_length(&f);
	vl_signed_unverified(&s, vl_bytes_str(TEXT));
	tap_is(s.n_by, 0, "unverified: nobody vouches");
	for (size_t i = 0; i < f.n; i++)
		vl_buf_clear(&f.sig[i]);
	vl_seckey_free(f.a);
	vl_seckey_free(f.b);
	vl_seckey_free(f.c);
	return tap_done();
}
