/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/crypt_minisign_interop_test.c: the real minisign and valise read each other's keys and signatures. */
#include "crypt/signed.h"
#include "tests/lib/scratch.h"
#include "tests/lib/tap.h"

#define MESSAGE "{\"format\":\"valise-bundle-1\"}\n"
#define COMMENT "valise-bundle-v1 channel=prod epoch=1 sequence=42"

static bool give_password(void *ctx, const char *file, unsigned attempt, char *out, size_t size, struct vl_err *e)
{
	(void)file;
	(void)attempt;
	(void)e;
	snprintf(out, size, "%s", (const char *)ctx);
	return true;
}

static bool same(const struct vl_seckey *k, const struct vl_pubkey *p)
{
	struct vl_pubkey mine;

	vl_seckey_public(k, &mine);
	return vl_pubkey_equal(&mine, p) && !memcmp(mine.id, p->id, sizeof p->id);
}

/* Does `sig`, a file in s, prove MESSAGE for `pub`, a file in s? */
static bool vouches(const struct scratch *s, const char *pub, const char *sig, struct vl_minisig *out, struct vl_err *e)
{
	VL_CLEAN(vl_buf) text = VL_BUF_INIT(VL_MINISIG_MAX);
	struct vl_blake2b h;
	struct vl_pubkey k;

	scratch_get(s, sig, &text);
	vl_blake2b_of(vl_bytes_str(MESSAGE), &h);
	return vl_pubkey_load(&k, scratch_path(s, pub), e) &&
	       vl_minisig_parse(out, vl_buf_bytes(&text), true, sig, e) && vl_minisig_verify(out, &k, &h);
}

static void sign_ours(const struct scratch *s, const struct vl_seckey *k, const char *name, struct vl_buf *text)
{
	struct vl_err e = VL_ERR_INIT;

	vl_buf_reset(text);
	if (!vl_minisig_sign(k, vl_bytes_str(MESSAGE), "signature from minisign secret key", COMMENT, text, &e))
		scratch_bail(e.msg);
	scratch_put(s, name, vl_buf_bytes(text), 0600);
}

/* The second line of a .pub. The comment above it says the key's id, which minisign prints without its leading
 * zeros. */
static const char *key_line(const struct vl_buf *pub)
{
	const char *end = strchr(vl_buf_str(pub), '\n');

	return end ? end + 1 : "";
}

/* I1, I3, I5, I8: our key and our signature in minisign's hands. */
static void ours_to_theirs(const struct scratch *s)
{
	VL_CLEAN(vl_buf) sig = VL_BUF_INIT(VL_MINISIG_MAX), other = VL_BUF_INIT(VL_MINISIG_MAX);
	VL_CLEAN(vl_buf) pub = VL_BUF_INIT(4096);
	VL_AUTO(vl_seckey) k = NULL;
	struct vl_err e = VL_ERR_INIT;
	struct vl_minisig parsed;
	struct vl_pubkey p;

	tap_good(vl_seckey_new(&k, &e) && vl_seckey_save(k, scratch_path(s, "ours.key"), NULL, false, &e), &e, "ours");
	vl_seckey_public(k, &p);
	tap_good(vl_pubkey_format(&p, &pub, &e), &e, "our public key");
	scratch_put(s, "ours.pub", vl_buf_bytes(&pub), 0644);
	sign_ours(s, k, "m.minisig", &sig);
	tap_is(scratch_cmd(s, NULL, "minisign", "-VHm", "m", "-p", "ours.pub"), 0, "I3: -VHm accepts our signature");
	scratch_get(s, "out", &other);
	tap_ok(strstr(vl_buf_str(&other), COMMENT) != NULL, "I3: and prints the comment");
	tap_is(scratch_cmd(s, NULL, "minisign", "-R", "-s", "ours.key", "-p", "again.pub", "-f"), 0, "I5: minisign -R");
	scratch_get(s, "again.pub", &other);
	tap_str(key_line(&other), key_line(&pub), "I5: makes the same key");
	tap_is(scratch_cmd(s, NULL, "minisign", "-SHs", "ours.key", "-m", "m", "-t", COMMENT, "-x", "by.minisig"), 0,
	       "I1: minisign signs with our key");
	scratch_get(s, "by.minisig", &other);
	tap_str(vl_buf_str(&other), vl_buf_str(&sig), "I8: the two signatures are the same bytes");
	tap_ok(vouches(s, "ours.pub", "by.minisig", &parsed, &e), "and good here");
	scratch_put(s, "m2", vl_bytes_str(MESSAGE " "), 0600);
	tap_is(scratch_cmd(s, NULL, "minisign", "-VHm", "m2", "-x", "m.minisig", "-p", "ours.pub"), 1,
	       "minisign refuses it for another file");
}

/* I1, I6, I7 with a password, by pipe. */
static void our_password(const struct scratch *s)
{
	char first[] = "correct horse", second[] = "battery staple";
	VL_AUTO(vl_seckey) k = NULL;
	VL_AUTO(vl_seckey) back = NULL;
	struct vl_err e = VL_ERR_INIT;
	struct vl_minisig parsed;
	struct vl_pubkey p;
	VL_CLEAN(vl_buf) pub = VL_BUF_INIT(4096);

	tap_good(vl_seckey_new(&k, &e) && vl_seckey_save(k, scratch_path(s, "pw.key"), first, true, &e), &e,
		 "our key with a password");
	vl_seckey_public(k, &p);
	if (!vl_pubkey_format(&p, &pub, &e))
		scratch_bail(e.msg);
	scratch_put(s, "pw.pub", vl_buf_bytes(&pub), 0644);
	tap_is(scratch_cmd(s, "correct horse\n", "minisign", "-S", "-s", "pw.key", "-m", "m", "-x", "pw.minisig"), 0,
	       "I1, I7: minisign opens it with the password");
	tap_ok(vouches(s, "pw.pub", "pw.minisig", &parsed, &e), "I4: its signature is good here");
	tap_ok(scratch_cmd(s, "wrong\n", "minisign", "-S", "-s", "pw.key", "-m", "m", "-x", "no.minisig") != 0,
	       "but not with another");
	if (scratch_cmd(s, "correct horse\nbattery staple\nbattery staple\n", "minisign", "-C", "-s", "pw.key")) {
		tap_skip("I6: this minisign cannot change the password by pipe");
		return;
	}
	tap_good(vl_seckey_load(&back, scratch_path(s, "pw.key"), give_password, second, &e), &e,
		 "I6: valise opens it with the new password (minisign's full scrypt)");
	tap_ok(back && same(back, &p), "I6: and it is the same key");
}

/* I2, I4: minisign's key without a password. */
static void theirs_to_ours(const struct scratch *s)
{
	VL_CLEAN(vl_buf) sig = VL_BUF_INIT(VL_MINISIG_MAX), other = VL_BUF_INIT(VL_MINISIG_MAX);
	VL_AUTO(vl_seckey) k = NULL;
	struct vl_err e = VL_ERR_INIT;
	struct vl_minisig parsed;
	struct vl_pubkey p;

	tap_is(scratch_cmd(s, NULL, "minisign", "-G", "-W", "-p", "their.pub", "-s", "their.key"), 0, "I2: -G -W");
	tap_ok(!chmod(scratch_path(s, "their.key"), 0600), "0600");
	tap_good(vl_pubkey_load(&p, scratch_path(s, "their.pub"), &e), &e, "I2: its public key");
	tap_good(vl_seckey_load(&k, scratch_path(s, "their.key"), NULL, NULL, &e), &e, "I2: its secret key");
	tap_ok(k && same(k, &p), "I2: they belong together");
	tap_is(scratch_cmd(s, NULL, "minisign", "-S", "-s", "their.key", "-m", "m", "-x", "t.minisig"), 0, "I4: -S");
	tap_ok(vouches(s, "their.pub", "t.minisig", &parsed, &e), "I4: is good here");
	tap_ok(strstr(parsed.comment, "file:m") != NULL, "with its default comment");
	tap_is(scratch_cmd(s, NULL, "minisign", "-Sls", "their.key", "-m", "m", "-x", "l.minisig"), 0, "I4: -S -l");
	scratch_get(s, "l.minisig", &other);
	tap_fails(vl_minisig_parse(&parsed, vl_buf_bytes(&other), true, "l.minisig", &e), &e, VL_E_SIG_LEGACY,
		  "I4: legacy is refused");
	sign_ours(s, k, "k.minisig", &sig);
	tap_is(scratch_cmd(s, NULL, "minisign", "-VHm", "m", "-x", "k.minisig", "-p", "their.pub"), 0,
	       "minisign accepts what we sign with its key");
}

/* I2 with minisign's own scrypt limits: 1 GiB of memory and some seconds. */
static void their_password(const struct scratch *s)
{
	char password[] = "pass word";
	VL_AUTO(vl_seckey) k = NULL;
	struct vl_err e = VL_ERR_INIT;
	struct vl_pubkey p;

	if (getenv("VALISE_TEST_FAST")) {
		tap_skip("I2: full scrypt (VALISE_TEST_FAST is set)");
		return;
	}
	if (scratch_cmd(s, "pass word\npass word\n", "minisign", "-G", "-p", "tpw.pub", "-s", "tpw.key")) {
		tap_skip("I2: minisign -G with a password did not work here");
		return;
	}
	tap_ok(!chmod(scratch_path(s, "tpw.key"), 0600), "0600");
	tap_good(vl_pubkey_load(&p, scratch_path(s, "tpw.pub"), &e), &e, "I2: minisign's key with a password");
	tap_good(vl_seckey_load(&k, scratch_path(s, "tpw.key"), give_password, password, &e), &e, "I2: opens here");
	tap_ok(k && same(k, &p), "I2: they belong together");
}

int main(void)
{
	struct scratch s = scratch_new();

	if (scratch_cmd(&s, NULL, "minisign", "-v")) {
		tap_skip("minisign is not installed");
		scratch_end(&s);
		return tap_done();
	}
	scratch_put(&s, "m", vl_bytes_str(MESSAGE), 0600);
	ours_to_theirs(&s);
	our_password(&s);
	theirs_to_ours(&s);
	their_password(&s);
	scratch_end(&s);
	return tap_done();
}
