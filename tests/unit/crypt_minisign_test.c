/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/crypt_minisign_test.c: signature files in one spelling, public keys, and no flipped bit that passes. */
#include <sodium.h>

#include "crypt/minisign.h"
#include "tests/lib/scratch.h"
#include "tests/lib/tap.h"

#define MESSAGE "{\"format\":\"valise-bundle-1\"}\n"
#define COMMENT "valise-bundle-v1 channel=prod"

/* Made once by minisign 0.11 (-G -W; -S -H): what was good must stay good. */
#define GOLDEN_PUB "RWS/F29TWdmZGsY8wPWiIRs+rjaRxQv5VSJfu0D1TXQ2Ov7aoXYEH1ot"
#define GOLDEN_SIG                                                                                                     \
	"untrusted comment: signature from minisign secret key\n"                                                      \
	"RUS/F29TWdmZGgrV1CBk5A2rMFbjRRU/JjBFw7CCsatJ/z2X8ezeeMZXcBSMis6kftQ28CPYyRHtLr6CxyQp3Zy8UCArqbZPzAQ=\n"       \
	"trusted comment: timestamp:1795300571\tfile:f\thashed\n"                                                      \
	"YyP62kr3t41Mkxpxfa1gdnS7cW7XowwT/lpVBHy1Gm3WeVs8c8adj96Y0NwZBAEpwQBjoSRjUdiHVASag9oKBA==\n"

struct fixture {
	struct vl_seckey *secret;
	struct vl_pubkey public;
	struct vl_blake2b prehash;
	struct vl_buf sig;
	char line[4][256]; /* of sig, without LF */
};

static void set_up(struct fixture *f)
{
	struct vl_err e = VL_ERR_INIT;
	struct vl_buf sig = VL_BUF_INIT(VL_MINISIG_MAX);
	char *at, *lf;

	f->sig = sig;
	if (!vl_seckey_new(&f->secret, &e) ||
	    !vl_minisig_sign(f->secret, vl_bytes_str(MESSAGE), "u", COMMENT, &f->sig, &e))
		scratch_bail(e.msg);
	vl_seckey_public(f->secret, &f->public);
	vl_blake2b_of(vl_bytes_str(MESSAGE), &f->prehash);
	at = (char *)f->sig.data;
	for (size_t i = 0; i < 4; i++, at = lf + 1) {
		lf = strchr(at, '\n');
		snprintf(f->line[i], sizeof f->line[i], "%.*s", (int)(lf - at), at);
	}
}

static bool accepts(const struct fixture *f, struct vl_bytes text)
{
	struct vl_err e = VL_ERR_INIT;
	struct vl_minisig s;

	return vl_minisig_parse(&s, text, false, "x.minisig", &e) && vl_minisig_verify(&s, &f->public, &f->prehash);
}

/* The bits that nobody signs: the text of the first line, and the key id, which is a hint. A flip that leaves the file
 * well-formed may pass there and nowhere else. */
static bool is_unsigned(const struct vl_bytes text, size_t at)
{
	size_t first = (size_t)((const uint8_t *)memchr(text.data, '\n', text.len) - text.data);
	size_t prefix = strlen("untrusted comment: "), id = first + 1 + 2;

	return (at >= prefix && at < first) || (at >= id && at <= id + 11);
}

static void every_bit(const struct fixture *f)
{
	struct vl_bytes text = vl_buf_bytes(&f->sig);
	VL_STR copy = calloc(text.len, 1);
	size_t signed_accepted = 0, unsigned_accepted = 0, refused = 0;

	tap_ok(accepts(f, text), "the signature itself is good");
	for (size_t bit = 0; bit < text.len * 8; bit++) {
		memcpy(copy, text.data, text.len);
		copy[bit / 8] = (char)(copy[bit / 8] ^ 1 << bit % 8);
		if (!accepts(f, vl_bytes(copy, text.len)))
			refused++;
		else if (is_unsigned(text, bit / 8))
			unsigned_accepted++;
		else
			signed_accepted++;
	}
	tap_is(signed_accepted, 0, "no flipped bit of what is signed is accepted (%zu bits refused)", refused);
	tap_ok(unsigned_accepted > 0 && unsigned_accepted < 100, "only %zu flips in hints pass", unsigned_accepted);
}

static void every_length(const struct fixture *f)
{
	struct vl_bytes text = vl_buf_bytes(&f->sig);
	size_t accepted = 0;

	for (size_t len = 0; len < text.len; len++)
		accepted += accepts(f, vl_bytes(text.data, len));
	tap_is(accepted, 0, "no shortened file is accepted");
}

struct shape {
	const char *name, *l[6]; /* NULL: the good line; "-": left out */
	enum vl_code code;
};
static const struct shape shapes[] = {
	{ "good", { NULL }, VL_OK },
	{ "empty", { "-", "-", "-", "-" }, VL_E_SIG_FORM },
	{ "one line", { NULL, "-", "-", "-" }, VL_E_SIG_FORM },
	{ "three lines", { NULL, NULL, NULL, "-" }, VL_E_SIG_FORM },
	{ "CRLF in line 1", { "untrusted comment: u\r" }, VL_E_SIG_FORM },
	{ "escape in line 1", { "untrusted comment: \033[2J" }, VL_E_SIG_FORM },
	{ "UTF-8 in line 1", { "untrusted comment: Zo\303\251" }, VL_OK },
	{ "tab in line 1", { "untrusted comment: a\tb" }, VL_OK },
	{ "no prefix in line 1", { "comment: u" }, VL_E_SIG_FORM },
	{ "empty first line", { "" }, VL_E_SIG_FORM },
	{ "prefix without text", { "untrusted comment: " }, VL_OK },
	{ "line 2 is empty", { NULL, "" }, VL_E_SIG_FORM },
	{ "line 2 is not base64", { NULL, "!!!!" }, VL_E_SIG_FORM },
	{ "no prefix in line 3", { NULL, NULL, "comment: x" }, VL_E_SIG_FORM },
	{ "CR inside the comment", { NULL, NULL, "trusted comment: a\rtrusted comment: b" }, VL_E_SIG_FORM },
	{ "CRLF in line 3", { NULL, NULL, "trusted comment: " COMMENT "\r" }, VL_E_SIG_FORM },
	{ "escape in the comment", { NULL, NULL, "trusted comment: \033]0;x\007" }, VL_E_SIG_FORM },
	{ "DEL in the comment", { NULL, NULL, "trusted comment: \177" }, VL_E_SIG_FORM },
	{ "tab in the comment", { NULL, NULL, "trusted comment: a\tb" }, VL_E_SIG_FORM },
	{ "UTF-8 in the comment", { NULL, NULL, "trusted comment: \303\251" }, VL_E_SIG_FORM },
	{ "line 4 is line 2", { NULL, NULL, NULL, "RUQ=" }, VL_E_SIG_FORM },
	{ "a fifth line", { NULL, NULL, NULL, NULL, "more" }, VL_E_SIG_FORM },
	{ "an empty fifth line", { NULL, NULL, NULL, NULL, "" }, VL_E_SIG_FORM },
};

static void build(struct vl_buf *b, const struct fixture *f, const struct shape *s)
{
	struct vl_err e = VL_ERR_INIT;

	for (size_t i = 0; i < VL_LEN(s->l); i++) {
		const char *line = s->l[i] ? s->l[i] : i < 4 ? f->line[i] : "-";

		if (strcmp(line, "-") && !vl_buf_addf(b, &e, "%s\n", line))
			scratch_bail(e.msg);
	}
}

static void table(const struct fixture *f)
{
	for (size_t i = 0; i < VL_LEN(shapes); i++) {
		VL_CLEAN(vl_buf) b = VL_BUF_INIT(8192);
		struct vl_err e = VL_ERR_INIT;
		struct vl_minisig s;

		build(&b, f, &shapes[i]);
		if (shapes[i].code == VL_OK) {
			tap_good(vl_minisig_parse(&s, vl_buf_bytes(&b), false, "x.minisig", &e), &e, "%s",
				 shapes[i].name);
			continue;
		}
		tap_fails(vl_minisig_parse(&s, vl_buf_bytes(&b), false, "x.minisig", &e), &e, shapes[i].code, "%s",
			  shapes[i].name);
		tap_ok(strstr(e.msg, "x.minisig") != NULL, "and the message names the file");
	}
}

static void special_shapes(const struct fixture *f)
{
	struct vl_bytes text = vl_buf_bytes(&f->sig);
	VL_CLEAN(vl_buf) b = VL_BUF_INIT(65536);
	struct vl_err e = VL_ERR_INIT;
	struct vl_minisig s;
	char *comment;

	tap_ok(vl_buf_add(&b, text, &e), "a copy");
	comment = strstr((char *)b.data, COMMENT);
	comment[3] = '\0';
	tap_fails(vl_minisig_parse(&s, vl_buf_bytes(&b), true, "x", &e), &e, VL_E_SIG_FORM, "NUL in the comment");
	tap_fails(vl_minisig_parse(&s, vl_bytes(text.data, text.len - 1), true, "x", &e), &e, VL_E_SIG_FORM,
		  "no LF at the end");
	vl_buf_reset(&b);
	tap_ok(vl_buf_addf(&b, &e, "%s\n%s\ntrusted comment: %*s\n%s\n", f->line[0], f->line[1], 9000, "x", f->line[3]),
	       "a long one");
	tap_fails(vl_minisig_parse(&s, vl_buf_bytes(&b), true, "x", &e), &e, VL_E_SIG_FORM, "comment of 9000 bytes");
	vl_buf_reset(&b);
	tap_ok(vl_buf_addf(&b, &e, "%s\n%s\ntrusted comment: %*s\n%s\n", f->line[0], f->line[1], 17000, "x",
			   f->line[3]),
	       "a longer one");
	tap_fails(vl_minisig_parse(&s, vl_buf_bytes(&b), true, "x", &e), &e, VL_E_SIG_FORM, "more than 16 KiB");
	vl_buf_reset(&b);
	tap_ok(vl_buf_addf(&b, &e, "untrusted comment: %*s\n%s\n", 1100, "x", f->line[1]), "a long first line");
	tap_fails(vl_minisig_parse(&s, vl_buf_bytes(&b), true, "x", &e), &e, VL_E_SIG_FORM, "first line of 1119 bytes");
}

/* T07, T08: "Ed" over the file, and "Ed" made from a genuine "ED" over the 64-byte digest. */
static void legacy(const struct fixture *f)
{
	uint8_t raw[74];
	char line[101];
	struct shape shape = { "legacy", { NULL, line }, VL_E_SIG_LEGACY };
	VL_CLEAN(vl_buf) b = VL_BUF_INIT(8192);
	struct vl_err e = VL_ERR_INIT;
	struct vl_minisig s;

	sodium_base642bin(raw, sizeof raw, f->line[1], strlen(f->line[1]), NULL, NULL, NULL,
			  sodium_base64_VARIANT_ORIGINAL);
	tap_ok(raw[0] == 'E' && raw[1] == 'D', "we write ED");
	raw[1] = 'd';
	sodium_bin2base64(line, sizeof line, raw, sizeof raw, sodium_base64_VARIANT_ORIGINAL);
	build(&b, f, &shape);
	tap_fails(vl_minisig_parse(&s, vl_buf_bytes(&b), false, "x", &e), &e, VL_E_SIG_LEGACY, "ED rewritten to Ed");
	tap_ok(strstr(e.msg, "legacy") != NULL, "said as such");
	raw[0] = 'X';
	sodium_bin2base64(line, sizeof line, raw, sizeof raw, sodium_base64_VARIANT_ORIGINAL);
	vl_buf_reset(&b);
	build(&b, f, &shape);
	tap_fails(vl_minisig_parse(&s, vl_buf_bytes(&b), false, "x", &e), &e, VL_E_SIG_FORM, "an unknown algorithm");
}

static void golden(void)
{
	struct vl_err e = VL_ERR_INIT;
	struct vl_blake2b h;
	struct vl_pubkey k;
	struct vl_minisig s;
	char id[VL_KEYID_TEXT];

	vl_blake2b_of(vl_bytes_str("hi\n"), &h);
	tap_good(vl_pubkey_parse(&k, vl_bytes_str(GOLDEN_PUB), "golden", &e), &e, "a bare base64 line is a key");
	tap_str(vl_keyid_text(k.id, id), "1A99D959536F17BF", "the id as minisign prints it");
	tap_good(vl_minisig_parse(&s, vl_bytes_str(GOLDEN_SIG), true, "golden", &e), &e, "its signature parses");
	tap_ok(vl_minisig_verify(&s, &k, &h), "and is good");
	tap_str(s.comment, "timestamp:1795300571\tfile:f\thashed", "its comment");
	s.comment[0] ^= 1;
	tap_ok(!vl_minisig_verify(&s, &k, &h), "not with another comment");
	s.comment[0] ^= 1;
	vl_blake2b_of(vl_bytes_str("hi"), &h);
	tap_ok(!vl_minisig_verify(&s, &k, &h), "not for another file");
}

/* S + L is as good as S in the equation; a library that lets it pass gives one signature two spellings. And a key of
 * low order would accept what nobody signed. */
static void malleable(const struct fixture *f)
{
	static const uint8_t order[32] = { 0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2,
					   0xde, 0xf9, 0xde, 0x14, 0,	 0,    0,    0,    0,    0,    0,    0,
					   0,	 0,    0,    0,	   0,	 0,    0,    0x10 };
	struct vl_err e = VL_ERR_INIT;
	struct vl_minisig s;
	struct vl_pubkey low = f->public;
	unsigned carry = 0;

	tap_good(vl_minisig_parse(&s, vl_buf_bytes(&f->sig), false, "x", &e), &e, "the signature");
	for (size_t i = 0; i < sizeof order; i++) {
		carry += s.sig[32 + i] + (unsigned)order[i];
		s.sig[32 + i] = (uint8_t)carry;
		carry >>= 8;
	}
	tap_ok(!carry && !vl_minisig_verify(&s, &f->public, &f->prehash), "S + L is refused");
	memset(low.key, 0, sizeof low.key);
	memset(s.sig, 0, sizeof s.sig);
	memset(s.global, 0, sizeof s.global);
	tap_ok(!vl_minisig_verify(&s, &low, &f->prehash), "a key of zeros vouches for nothing");
	low.key[0] = s.sig[0] = s.global[0] = 1; /* the neutral element: 0 * B = R + h * A holds for every message */
	tap_ok(!vl_minisig_verify(&s, &low, &f->prehash), "nor does the neutral element");
}

static void writing(const struct fixture *f)
{
	VL_CLEAN(vl_buf) again = VL_BUF_INIT(VL_MINISIG_MAX);
	struct vl_err e = VL_ERR_INIT;
	VL_STR big = calloc(5000, 1);

	memset(big, 'x', 4999);
	tap_good(vl_minisig_sign(f->secret, vl_bytes_str(MESSAGE), "u", COMMENT, &again, &e), &e, "sign again");
	tap_str(vl_buf_str(&again), vl_buf_str(&f->sig), "the same bytes: deterministic");
	tap_fails(vl_minisig_sign(f->secret, vl_bytes_str("m"), "a\nb", "c", &again, &e), &e, VL_E_USAGE, "LF");
	tap_fails(vl_minisig_sign(f->secret, vl_bytes_str("m"), "a", "b\tc", &again, &e), &e, VL_E_USAGE, "TAB");
	tap_fails(vl_minisig_sign(f->secret, vl_bytes_str("m"), "a", big, &again, &e), &e, VL_E_USAGE, "5 kB to sign");
	tap_fails(vl_minisig_sign(f->secret, vl_bytes_str("m"), big, "a", &again, &e), &e, VL_E_USAGE, "5 kB of hint");
}

static const struct {
	const char *name, *text;
	bool good;
} pubs[] = {
	{ "two lines", "untrusted comment: x\n" GOLDEN_PUB "\n", true },
	{ "no LF at the end", "untrusted comment: x\n" GOLDEN_PUB, true },
	{ "CRLF", "untrusted comment: x\r\n" GOLDEN_PUB "\r\n", true },
	{ "base64 alone", GOLDEN_PUB, true },
	{ "empty", "", false },
	{ "comment alone", "untrusted comment: x\n", false },
	{ "another comment", "comment: x\n" GOLDEN_PUB "\n", false },
	{ "three lines", "untrusted comment: x\n" GOLDEN_PUB "\n" GOLDEN_PUB "\n", false },
	{ "a character short", "RWS/F29TWdmZGsY8wPWiIRs+rjaRxQv5VSJfu0D1TXQ2Ov7aoXYEH1o", false },
	{ "other algorithm", "RUS/F29TWdmZGsY8wPWiIRs+rjaRxQv5VSJfu0D1TXQ2Ov7aoXYEH1ot", false },
	{ "blank in it", "RWS/F29TWdmZGsY8wPWiIRs+ jaRxQv5VSJfu0D1TXQ2Ov7aoXYEH1ot", false },
	{ "0xAF for a slash", "RWS\257F29TWdmZGsY8wPWiIRs+rjaRxQv5VSJfu0D1TXQ2Ov7aoXYEH1ot", false },
	{ "blank in front", " " GOLDEN_PUB, false },
};

static void public_keys(const struct scratch *s)
{
	struct vl_err e = VL_ERR_INIT;
	VL_CLEAN(vl_buf) text = VL_BUF_INIT(4096);
	struct vl_pubkey k, again;
	char base64[57], big[4200];

	for (size_t i = 0; i < VL_LEN(pubs); i++) {
		bool got = vl_pubkey_parse(&k, vl_bytes_str(pubs[i].text), "k.pub", &e);

		tap_ok(got == pubs[i].good && (got || (e.code == VL_E_KEYFILE && strstr(e.msg, "k.pub"))), ".pub: %s",
		       pubs[i].name);
	}
	tap_good(vl_pubkey_parse(&k, vl_bytes_str(GOLDEN_PUB), "k", &e), &e, "the key");
	vl_pubkey_base64(&k, base64);
	tap_str(base64, GOLDEN_PUB, "base64 as it came");
	tap_good(vl_pubkey_format(&k, &text, &e), &e, "file text");
	tap_str(vl_buf_str(&text), "untrusted comment: minisign public key 1A99D959536F17BF\n" GOLDEN_PUB "\n",
		"as minisign writes it");
	scratch_put(s, "k.pub", vl_buf_bytes(&text), 0644);
	tap_good(vl_pubkey_load(&again, scratch_path(s, "k.pub"), &e), &e, "load it");
	again.id[0] ^= 1;
	tap_ok(vl_pubkey_equal(&k, &again), "another id, the same key");
	again.key[31] ^= 1;
	tap_ok(!vl_pubkey_equal(&k, &again), "one bit of the key makes another");
	tap_fails(vl_pubkey_load(&k, scratch_path(s, "none.pub"), &e), &e, VL_E_ABSENT, "no such file");
	tap_fails(vl_pubkey_load(&k, s->path, &e), &e, VL_E_KEYFILE, "a directory");
	tap_ok(!mkfifo(scratch_path(s, "fifo"), 0600), "a FIFO");
	tap_fails(vl_pubkey_load(&k, scratch_path(s, "fifo"), &e), &e, VL_E_KEYFILE, "does not block");
	tap_fails(vl_pubkey_load(&k, "/dev/zero", &e), &e, VL_E_KEYFILE, "/dev/zero");
	memset(big, 'x', sizeof big);
	scratch_put(s, "big.pub", vl_bytes(big, sizeof big), 0644);
	tap_fails(vl_pubkey_load(&k, scratch_path(s, "big.pub"), &e), &e, VL_E_KEYFILE, "too long");
}

int main(void)
{
	struct scratch s = scratch_new();
	struct fixture f = { .secret = NULL };

	set_up(&f);
	every_bit(&f);
	every_length(&f);
	table(&f);
	special_shapes(&f);
	legacy(&f);
	golden();
	malleable(&f);
	writing(&f);
	public_keys(&s);
	vl_seckey_free(f.secret);
	vl_buf_clear(&f.sig);
	scratch_end(&s);
	return tap_done();
}
