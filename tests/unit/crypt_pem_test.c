/* SPDX-License-Identifier: Apache-2.0 */
/* Public keys in PEM files: keys and signatures that openssl makes, and every way in which a file is not one. */
#include "crypt/pem.h"
#include "tests/lib/scratch.h"
#include "tests/lib/tap.h"

#define TEXT "{\"critical\":{\"type\":\"cosign container image signature\"}}"

static const struct kind {
	const char *name, *algorithm, *option;
	bool rawin; /* the text itself is signed */
} kinds[] = {
	{ "p256", "EC", "ec_paramgen_curve:P-256", false },
	{ "ed25519", "ED25519", NULL, true },
	{ "rsa2048", "RSA", "rsa_keygen_bits:2048", false },
	{ "rsa4096", "RSA", "rsa_keygen_bits:4096", false },
};

static bool make_key(const struct scratch *s, const char *name, const char *algorithm, const char *option)
{
	VL_STR secret = vl_xprintf("%s.key", name);
	VL_STR public = vl_xprintf("%s.pub", name);
	int made = option ? scratch_cmd(s, NULL, "openssl", "genpkey", "-algorithm", algorithm, "-pkeyopt", option,
					"-out", secret)
			  : scratch_cmd(s, NULL, "openssl", "genpkey", "-algorithm", algorithm, "-out", secret);

	return made == 0 && scratch_cmd(s, NULL, "openssl", "pkey", "-in", secret, "-pubout", "-out", public) == 0;
}

static void sign(const struct scratch *s, const struct kind *k, struct vl_buf *sig)
{
	VL_STR secret = vl_xprintf("%s.key", k->name);

	scratch_put(s, "text", vl_bytes_str(TEXT), 0600);
	if (k->rawin)
		tap_is(scratch_cmd(s, NULL, "openssl", "pkeyutl", "-sign", "-rawin", "-inkey", secret, "-in", "text",
				   "-out", "sig"),
		       0, "%s: openssl signs", k->name);
	else
		tap_is(scratch_cmd(s, NULL, "openssl", "dgst", "-sha256", "-sign", secret, "-out", "sig", "text"), 0,
		       "%s: openssl signs", k->name);
	scratch_get(s, "sig", sig);
}

static void test_kind(const struct scratch *s, const struct kind *k)
{
	VL_CLEAN(vl_buf) sig = VL_BUF_INIT(4096);
	VL_AUTO(vl_pem_key) key = NULL;
	VL_STR public = vl_xprintf("%s.pub", k->name);
	struct vl_err e = VL_ERR_INIT;
	uint8_t kept;

	tap_ok(make_key(s, k->name, k->algorithm, k->option), "%s: a key", k->name);
	tap_good(vl_pem_load(&key, scratch_path(s, public), &e), &e, "%s: its public half loads", k->name);
	sign(s, k, &sig);
	if (!key || !sig.len)
		return;
	tap_ok(vl_pem_verify(key, vl_bytes_str(TEXT), vl_buf_bytes(&sig)), "%s: the signature is good", k->name);
	tap_ok(!vl_pem_verify(key, vl_bytes_str(TEXT " "), vl_buf_bytes(&sig)), "%s: not of another text", k->name);
	tap_ok(!vl_pem_verify(key, vl_bytes_str(""), vl_buf_bytes(&sig)), "%s: not of no text", k->name);
	tap_ok(!vl_pem_verify(key, vl_bytes_str(TEXT), vl_bytes(sig.data, sig.len - 1)), "%s: not when cut", k->name);
	tap_ok(!vl_pem_verify(key, vl_bytes_str(TEXT), vl_bytes("", 0)), "%s: not when absent", k->name);
	for (size_t i = 0; i < sig.len; i += 7) {
		kept = sig.data[i];
		sig.data[i] ^= 1;
		if (vl_pem_verify(key, vl_bytes_str(TEXT), vl_buf_bytes(&sig)))
			tap_ok(false, "%s: byte %zu may be flipped", k->name, i);
		sig.data[i] = kept;
	}
}

/* One key's signature is never good for another key, of the same kind or of another. */
static void test_others(const struct scratch *s)
{
	VL_CLEAN(vl_buf) sig = VL_BUF_INIT(4096);
	struct vl_err e = VL_ERR_INIT;

	sign(s, &kinds[0], &sig);
	tap_ok(make_key(s, "other", "EC", "ec_paramgen_curve:P-256"), "another P-256 key");
	for (size_t i = 0; i <= VL_LEN(kinds); i++) {
		const char *name = i < VL_LEN(kinds) ? kinds[i].name : "other";
		VL_STR public = vl_xprintf("%s.pub", name);
		VL_AUTO(vl_pem_key) key = NULL;

		tap_good(vl_pem_load(&key, scratch_path(s, public), &e), &e, "%s loads again", name);
		tap_is(key && vl_pem_verify(key, vl_bytes_str(TEXT), vl_buf_bytes(&sig)), i == 0,
		       "%s and p256's signature", name);
	}
}

static void refused(const struct scratch *s, const char *file, const char *message, const char *hint)
{
	VL_AUTO(vl_pem_key) key = NULL;
	const char *gap = strchr(message, '%');
	VL_STR want = vl_xprintf("%.*s%s%s", (int)(gap - message), message, scratch_path(s, file), gap + 2);
	struct vl_err e = VL_ERR_INIT;

	tap_fails(vl_pem_load(&key, scratch_path(s, file), &e), &e, VL_E_KEYFILE, "%s is refused", file);
	tap_str(e.msg, want, "%s: what is said", file);
	tap_str(e.hint, hint, "%s: what to do", file);
}
#define KINDS_HINT "Sign with ECDSA P-256 (cosign's own), Ed25519, or RSA with 2048 bits or more."
#define WANTED_HINT "Name a PEM file that begins with -----BEGIN PUBLIC KEY-----, such as cosign.pub."
#define PRIVATE_HINT "Keep it to yourself and name the public half: cosign.pub, or what openssl pkey -pubout writes."

static void test_kinds_refused(const struct scratch *s)
{
	tap_ok(make_key(s, "p384", "EC", "ec_paramgen_curve:P-384"), "a P-384 key");
	refused(s, "p384.pub", "the key in %s is of the elliptic curve secp384r1; only P-256 is known here",
		KINDS_HINT);
	tap_ok(make_key(s, "rsa1024", "RSA", "rsa_keygen_bits:1024"), "an RSA key of 1024 bits");
	refused(s, "rsa1024.pub", "the RSA key in %s has 1024 bits; at least 2048 are asked for", KINDS_HINT);
	tap_ok(make_key(s, "ed448", "ED448", NULL), "an Ed448 key");
	refused(s, "ed448.pub", "the key in %s is of a kind that is not known here", KINDS_HINT);
	tap_ok(make_key(s, "x25519", "X25519", NULL), "an X25519 key");
	refused(s, "x25519.pub", "the key in %s is of a kind that is not known here", KINDS_HINT);
}

static void test_forms_refused(const struct scratch *s)
{
	VL_CLEAN(vl_buf) one = VL_BUF_INIT(65536);
	VL_STR two = NULL;

	refused(s, "p256.key", "%s holds a private key, not a public key", PRIVATE_HINT);
	scratch_put(s, "cosign.key", vl_bytes_str("-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nAAAA\n"), 0600);
	refused(s, "cosign.key", "%s holds a private key, not a public key", PRIVATE_HINT);
	scratch_get(s, "p256.pub", &one);
	two = vl_xprintf("%s%s", vl_buf_str(&one), vl_buf_str(&one));
	scratch_put(s, "two.pub", vl_bytes_str(two), 0600);
	refused(s, "two.pub", "%s holds more than one key", "Name a file with the one key that signs.");
	scratch_get(s, "p256.pub", &one);
	one.data[60] = '!';
	scratch_put(s, "bad.pub", vl_buf_bytes(&one), 0600);
	refused(s, "bad.pub", "the public key in %s cannot be read", "Copy it again from its owner.");
	scratch_put(s, "cert.pem", vl_bytes_str("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
		    0600);
	refused(s, "cert.pem", "%s holds a certificate, not a public key",
		"Take the key out of it: openssl x509 -in FILE -noout -pubkey.");
	scratch_put(s, "minisign.pub", vl_bytes_str("untrusted comment: minisign public key\nRWQ\n"), 0600);
	refused(s, "minisign.pub", "%s is not a public key in PEM form", WANTED_HINT);
	scratch_put(s, "encrypted.pub",
		    vl_bytes_str("-----BEGIN PUBLIC KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,"
				 "00112233445566778899AABBCCDDEEFF\n\nAAAAAAAAAAAAAAAAAAAAAA==\n"
				 "-----END PUBLIC KEY-----\n"),
		    0600);
	refused(s, "encrypted.pub", "the public key in %s cannot be read", "Copy it again from its owner.");
	refused(s, ".", "public key %s is not a regular file", WANTED_HINT);
}

static void test_absent(const struct scratch *s)
{
	VL_AUTO(vl_pem_key) key = NULL;
	struct vl_err e = VL_ERR_INIT;

	tap_fails(vl_pem_load(&key, scratch_path(s, "nowhere"), &e), &e, VL_E_ABSENT, "no file");
}

static const struct {
	const char *text;
	size_t len; /* 0: refused */
} base64[] = {
	{ "TQ==", 1 }, { "TWE=", 2 },  { "TWFu", 3 },  { "TWFuTQ==", 4 }, { "", 0 },    { "TQ=", 0 }, { "TQ", 0 },
	{ "TR==", 0 }, { "TQ==\n", 0 }, { " TQ=", 0 }, { "TQ=A", 0 },	  { "====", 0 }, { "T===", 0 }, { "TWF-", 0 },
};

static void test_base64(void)
{
	uint8_t out[VL_PEM_SIGNATURE_MAX];
	VL_STR big = vl_xcalloc(1, 4001);
	size_t len;

	for (size_t i = 0; i < VL_LEN(base64); i++) {
		len = 0;
		tap_is(vl_pem_base64(base64[i].text, out, sizeof out, &len), base64[i].len > 0, "base64 \"%s\"",
		       base64[i].text);
		if (base64[i].len)
			tap_ok(len == base64[i].len && !memcmp(out, "ManM", len), "its %zu bytes", base64[i].len);
	}
	memset(big, 'A', 4000);
	tap_ok(!vl_pem_base64(big, out, sizeof out, &len), "more bytes than there is room for");
	tap_ok(vl_pem_base64("TWFu", out, 3, &len) && !vl_pem_base64("TWFu", out, 2, &len),
	       "just enough room, and too little");
}

int main(void)
{
	struct scratch s = scratch_new();

	if (scratch_cmd(&s, NULL, "openssl", "version") == 0) {
		for (size_t i = 0; i < VL_LEN(kinds); i++)
			test_kind(&s, &kinds[i]);
		test_others(&s);
		test_kinds_refused(&s);
		test_forms_refused(&s);
	} else {
		tap_skip("there is no openssl");
	}
	test_absent(&s);
	test_base64();
	scratch_end(&s);
	return tap_done();
}
