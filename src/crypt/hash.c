/* SPDX-License-Identifier: Apache-2.0 */
/* crypt/hash.c: digests.
 * In:    bytes or an open descriptor.
 * Out:   SHA-256 and upstream's other sums by libcrypto, BLAKE2b-512 by libsodium.
 * Keeps: a digest is printed and read in exactly one form; a hash that cannot be computed is never a value. */
#include "crypt/hash.h"

#include <openssl/evp.h>
#include <sodium.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"

#define READ_SIZE (128 * 1024)
#define OCI_PREFIX "sha256:"

struct vl_sha256 {
	EVP_MD_CTX *ctx;
};

/* A libcrypto without SHA-256, or a process without the 200 bytes of a context, can vouch for nothing: going on with
 * some value would be worse than ending. */
static void must(int ok)
{
	static const char text[] = "valise: E0101: the cryptographic library cannot compute a hash.\n";

	if (ok == 1)
		return;
	(void)!write(STDERR_FILENO, text, sizeof text - 1);
	abort();
}

bool vl_digest_equal(const struct vl_digest *a, const struct vl_digest *b)
{
	return !memcmp(a->b, b->b, sizeof a->b);
}

const char *vl_digest_hex(const struct vl_digest *d, char out[static VL_DIGEST_HEX])
{
	vl_hex(d->b, sizeof d->b, out);
	return out;
}

const char *vl_digest_oci(const struct vl_digest *d, char out[static VL_DIGEST_OCI])
{
	memcpy(out, OCI_PREFIX, strlen(OCI_PREFIX));
	vl_hex(d->b, sizeof d->b, out + strlen(OCI_PREFIX));
	return out;
}

bool vl_digest_parse_hex(struct vl_digest *d, const char *hex)
{
	return vl_unhex(hex, d->b, sizeof d->b);
}

bool vl_digest_parse_oci(struct vl_digest *d, const char *text)
{
	if (strncmp(text, OCI_PREFIX, strlen(OCI_PREFIX)))
		return false;
	return vl_digest_parse_hex(d, text + strlen(OCI_PREFIX));
}

struct vl_sha256 *vl_sha256_new(void)
{
	struct vl_sha256 *s = vl_xcalloc(1, sizeof *s);

	s->ctx = EVP_MD_CTX_new();
	must(s->ctx != NULL);
	must(EVP_DigestInit_ex(s->ctx, EVP_sha256(), NULL));
	return s;
}

void vl_sha256_free(struct vl_sha256 *s)
{
	if (!s)
		return;
	EVP_MD_CTX_free(s->ctx);
	free(s);
}

void vl_sha256_add(struct vl_sha256 *s, struct vl_bytes b)
{
	if (b.len)
		must(EVP_DigestUpdate(s->ctx, b.data, b.len));
}

void vl_sha256_end(struct vl_sha256 *s, struct vl_digest *out)
{
	must(EVP_DigestFinal_ex(s->ctx, out->b, NULL));
	must(EVP_DigestInit_ex(s->ctx, NULL, NULL));
}

void vl_sha256_of(struct vl_bytes b, struct vl_digest *out)
{
	must(EVP_Digest(b.len ? (const void *)b.data : "", b.len, out->b, NULL, EVP_sha256(), NULL));
}

/* Calls add(ctx, ...) for every byte from the current offset to the end of the file. */
static bool each_block(int fd, void (*add)(void *ctx, struct vl_bytes b), void *ctx, struct vl_err *e)
{
	VL_STR block = vl_xcalloc(READ_SIZE, 1);
	size_t got;

	do {
		if (!vl_read_full(fd, block, READ_SIZE, &got, e))
			return false;
		add(ctx, vl_bytes(block, got));
	} while (got == READ_SIZE);
	return true;
}

struct counted_sha256 {
	struct vl_sha256 *sha;
	uint64_t size;
};

static void add_sha256(void *ctx, struct vl_bytes b)
{
	struct counted_sha256 *c = ctx;

	vl_sha256_add(c->sha, b);
	c->size += b.len;
}

bool vl_sha256_fd(int fd, struct vl_digest *out, uint64_t *size, struct vl_err *e)
{
	VL_AUTO(vl_sha256) sha = vl_sha256_new();
	struct counted_sha256 c = { .sha = sha };

	if (!each_block(fd, add_sha256, &c, e))
		return false;
	vl_sha256_end(sha, out);
	if (size)
		*size = c.size;
	return true;
}

void vl_blake2b_of(struct vl_bytes b, struct vl_blake2b *out)
{
	must(!crypto_generichash(out->b, sizeof out->b, b.data, b.len, NULL, 0));
}

static void add_blake2b(void *ctx, struct vl_bytes b)
{
	must(!crypto_generichash_update(ctx, b.data, b.len));
}

bool vl_blake2b_fd(int fd, struct vl_blake2b *out, struct vl_err *e)
{
	crypto_generichash_state state;

	must(!crypto_generichash_init(&state, NULL, 0, sizeof out->b));
	if (!each_block(fd, add_blake2b, &state, e))
		return false;
	must(!crypto_generichash_final(&state, out->b, sizeof out->b));
	return true;
}

static const struct {
	const char *name;
	const EVP_MD *(*md)(void);
} named[] = { { "md5", EVP_md5 }, { "sha1", EVP_sha1 }, { "sha256", EVP_sha256 }, { "sha512", EVP_sha512 } };

static const EVP_MD *find_named(const char *name)
{
	for (size_t i = 0; i < VL_LEN(named); i++)
		if (!strcmp(named[i].name, name))
			return named[i].md();
	return NULL;
}

static void add_evp(void *ctx, struct vl_bytes b)
{
	must(EVP_DigestUpdate(ctx, b.data, b.len));
}

static bool hash_named(EVP_MD_CTX *ctx, const EVP_MD *md, const char *name, int fd, char *hex_out, struct vl_err *e)
{
	uint8_t sum[EVP_MAX_MD_SIZE];
	unsigned len;

	/* MD5 and SHA-1 can be switched off on a hardened host: that is an answer, not a fault. */
	if (!ctx || EVP_DigestInit_ex(ctx, md, NULL) != 1)
		return vl_fail(e, VL_E_POLICY, "this host's cryptographic library does not offer %s", name);
	if (!each_block(fd, add_evp, ctx, e))
		return false;
	must(EVP_DigestFinal_ex(ctx, sum, &len));
	vl_hex(sum, len, hex_out);
	return true;
}

bool vl_digest_fd_named(const char *name, int fd, char *hex_out, struct vl_err *e)
{
	const EVP_MD *md = find_named(name);
	EVP_MD_CTX *ctx;
	bool good;

	if (!md) {
		VL_STR shown = vl_safe_text(name, 40);

		return vl_fail(e, VL_E_POLICY,
			       "checksum of the unknown kind \"%s\"; md5, sha1, sha256 and sha512 are known", shown);
	}
	ctx = EVP_MD_CTX_new();
	good = hash_named(ctx, md, name, fd, hex_out, e);
	EVP_MD_CTX_free(ctx);
	return good;
}

void vl_random(void *out, size_t len)
{
	must(sodium_init() >= 0);
	randombytes_buf(out, len);
}
