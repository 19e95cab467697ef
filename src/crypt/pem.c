/* SPDX-License-Identifier: Apache-2.0 */
/* crypt/pem.c: other people's public keys and their signatures, through libcrypto.
 * In:    a PEM file that the operator names; a text and a signature that come from a registry.
 * Out:   a key, or a sentence why the file is none; a verdict.
 * Keeps: only three kinds of key, those that cosign makes and signs with; SHA-256 and nothing older. */
#include "crypt/pem.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "crypt/lines.h"

#define FILE_MAX 16384
#define RSA_BITS_MIN 2048
#define BEGIN "-----BEGIN "
#define BEGIN_KEY BEGIN "PUBLIC KEY-----"
#define WANTED "Name a PEM file that begins with " BEGIN_KEY ", such as cosign.pub."

struct vl_pem_key {
	EVP_PKEY *key;
	bool one_shot; /* Ed25519 signs the text itself, not a hash of it */
};

void vl_pem_key_free(struct vl_pem_key *k)
{
	if (!k)
		return;
	EVP_PKEY_free(k->key);
	free(k);
}

/* ---- loading ---- */

/* What people name by mistake, known by the label of its PEM block. */
static const struct mistake {
	const char *label, *is, *hint;
} mistakes[] = {
	{ "PRIVATE KEY", "a private key",
	  "Keep it to yourself and name the public half: cosign.pub, or what openssl pkey -pubout writes." },
	{ "CERTIFICATE", "a certificate", "Take the key out of it: openssl x509 -in FILE -noout -pubkey." },
	{ "RSA PUBLIC KEY", "an RSA key in its old form",
	  "Convert it: openssl rsa -RSAPublicKey_in -in FILE -pubout." },
};

static const struct mistake *mistake_of(const char *text)
{
	char label[80];

	for (const char *at = strstr(text, BEGIN); at; at = strstr(at + 1, BEGIN)) {
		snprintf(label, sizeof label, "%.*s", (int)strcspn(at, "\r\n"), at);
		for (size_t i = 0; i < VL_LEN(mistakes); i++)
			if (strstr(label, mistakes[i].label))
				return &mistakes[i];
	}
	return NULL;
}

/* Exactly one key and no private one: a file with two would be used by its first, which nobody sees. */
static bool check_label(const char *text, const char *shown, struct vl_err *e)
{
	const struct mistake *m = mistake_of(text);
	const char *first = strstr(text, BEGIN_KEY);

	if (m) {
		vl_fail(e, VL_E_KEYFILE, "%s holds %s, not a public key", shown, m->is);
		return vl_hint(e, "%s", m->hint);
	}
	if (!first) {
		vl_fail(e, VL_E_KEYFILE, "%s is not a public key in PEM form", shown);
		return vl_hint(e, WANTED);
	}
	if (strstr(first + 1, BEGIN)) {
		vl_fail(e, VL_E_KEYFILE, "%s holds more than one key", shown);
		return vl_hint(e, "Name a file with the one key that signs.");
	}
	return true;
}

/* libcrypto would ask on the terminal for the password of an encrypted block. */
static int no_password(char *buf, int size, int rwflag, void *ctx)
{
	(void)buf;
	(void)size;
	(void)rwflag;
	(void)ctx;
	return -1;
}

static EVP_PKEY *decode(const char *text)
{
	BIO *bio = BIO_new_mem_buf(text, -1);
	EVP_PKEY *key = bio ? PEM_read_bio_PUBKEY(bio, NULL, no_password, NULL) : NULL;

	BIO_free(bio);
	ERR_clear_error(); /* the queue belongs to this thread: leave nothing to the next who looks */
	return key;
}

static bool check_kind(struct vl_pem_key *k, const char *shown, struct vl_err *e)
{
	int kind = EVP_PKEY_get_base_id(k->key), bits = EVP_PKEY_get_bits(k->key);
	char group[64] = "";
	size_t len;

	k->one_shot = kind == EVP_PKEY_ED25519;
	if (k->one_shot || (kind == EVP_PKEY_RSA && bits >= RSA_BITS_MIN))
		return true;
	if (kind == EVP_PKEY_EC && EVP_PKEY_get_group_name(k->key, group, sizeof group, &len) &&
	    !strcmp(group, SN_X9_62_prime256v1))
		return true;
	ERR_clear_error();
	if (kind == EVP_PKEY_RSA)
		vl_fail(e, VL_E_KEYFILE, "the RSA key in %s has %d bits; at least %d are asked for", shown, bits,
			RSA_BITS_MIN);
	else if (kind == EVP_PKEY_EC)
		vl_fail(e, VL_E_KEYFILE, "the key in %s is of the elliptic curve %s; only P-256 is known here", shown,
			group[0] ? group : "with parameters of its own");
	else
		vl_fail(e, VL_E_KEYFILE, "the key in %s is of a kind that is not known here", shown);
	return vl_hint(e, "Sign with ECDSA P-256 (cosign's own), Ed25519, or RSA with %d bits or more.", RSA_BITS_MIN);
}

static bool parse(struct vl_pem_key **out, const char *text, const char *shown, struct vl_err *e)
{
	VL_AUTO(vl_pem_key) k = NULL;

	if (!check_label(text, shown, e))
		return false;
	k = vl_xcalloc(1, sizeof *k);
	k->key = decode(text);
	if (!k->key) {
		vl_fail(e, VL_E_KEYFILE, "the public key in %s cannot be read", shown);
		return vl_hint(e, "Copy it again from its owner.");
	}
	if (!check_kind(k, shown, e))
		return false;
	*out = vl_steal(&k);
	return true;
}

static bool read_text(int fd, const char *shown, char text[static FILE_MAX + 1], struct vl_err *e)
{
	struct stat st;
	size_t got;

	if (fstat(fd, &st))
		return vl_fail_os(e, "public key %s", shown);
	if (!S_ISREG(st.st_mode)) {
		vl_fail(e, VL_E_KEYFILE, "public key %s is not a regular file", shown);
		return vl_hint(e, WANTED);
	}
	if (!vl_read_full(fd, text, FILE_MAX + 1, &got, e))
		return vl_while(e, "public key %s", shown);
	if (got > FILE_MAX || memchr(text, '\0', got)) {
		vl_fail(e, VL_E_KEYFILE, "%s is not a public key in PEM form", shown);
		return vl_hint(e, WANTED);
	}
	text[got] = '\0';
	return true;
}

bool vl_pem_load(struct vl_pem_key **out, const char *path, struct vl_err *e)
{
	/* O_NONBLOCK: opening a FIFO must not wait for a writer. */
	VL_FD fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	VL_STR shown = vl_safe_text(path, 300);
	char text[FILE_MAX + 1];

	*out = NULL;
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return vl_fail(e, VL_E_ABSENT, "there is no public key file %s", shown);
	if (fd < 0)
		return vl_fail_os(e, "public key %s", shown);
	return read_text(fd, shown, text, e) && parse(out, text, shown, e);
}

/* ---- verifying ---- */

bool vl_pem_verify(const struct vl_pem_key *k, struct vl_bytes text, struct vl_bytes signature)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good = ctx &&
		    EVP_DigestVerifyInit(ctx, NULL, k->one_shot ? NULL : EVP_sha256(), NULL, k->key) == 1 &&
		    EVP_DigestVerify(ctx, signature.data, signature.len, text.data, text.len) == 1;

	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return good;
}

bool vl_pem_base64(const char *base64, uint8_t *out, size_t cap, size_t *len)
{
	struct vl_bytes text = vl_bytes_str(base64);
	size_t padding = 0;

	if (text.len == 0 || text.len % 4)
		return false;
	while (padding < 2 && base64[text.len - 1 - padding] == '=')
		padding++;
	*len = text.len / 4 * 3 - padding;
	return *len <= cap && vl_base64_exact(text, out, *len);
}
