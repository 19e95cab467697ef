/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/crypt_hash_test.c: digests against published values, one spelling, descriptors read to their end. */
#include "crypt/hash.h"
#include "tests/lib/scratch.h"
#include "tests/lib/tap.h"

#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static const struct {
	const char *text, *sha256;
} vectors[] = { /* FIPS 180-4 */
	{ "", EMPTY },
	{ "abc", ABC },
	{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
	  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
};

static void sha256_vectors(void)
{
	VL_AUTO(vl_sha256) running = vl_sha256_new();
	char hex[VL_DIGEST_HEX];
	struct vl_digest d;

	for (size_t i = 0; i < VL_LEN(vectors); i++) {
		vl_sha256_of(vl_bytes_str(vectors[i].text), &d);
		tap_str(vl_digest_hex(&d, hex), vectors[i].sha256, "sha256 of \"%s\"", vectors[i].text);
		for (const char *c = vectors[i].text; *c; c++)
			vl_sha256_add(running, vl_bytes(c, 1));
		vl_sha256_end(running, &d);
		tap_str(vl_digest_hex(&d, hex), vectors[i].sha256, "the same byte by byte");
	}
}

static const struct {
	const char *text;
	bool hex, oci;
} spellings[] = {
	{ ABC, true, false },
	{ "sha256:" ABC, false, true },
	{ "sha256:" ABC "0", false, false },
	{ "SHA256:" ABC, false, false },
	{ "sha512:" ABC, false, false },
	{ "sha256:", false, false },
	{ "", false, false },
	{ "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD", false, false },
	{ "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015a", false, false },
	{ ABC "ad", false, false },
	{ ABC "\n", false, false },
	{ " " ABC, false, false },
};

static void parsing(void)
{
	char oci[VL_DIGEST_OCI];
	struct vl_digest a, b;

	for (size_t i = 0; i < VL_LEN(spellings); i++) {
		tap_is(vl_digest_parse_hex(&a, spellings[i].text), spellings[i].hex, "hex \"%s\"", spellings[i].text);
		tap_is(vl_digest_parse_oci(&a, spellings[i].text), spellings[i].oci, "oci \"%s\"", spellings[i].text);
	}
	vl_sha256_of(vl_bytes_str("abc"), &a);
	tap_ok(vl_digest_parse_oci(&b, vl_digest_oci(&a, oci)) && vl_digest_equal(&a, &b), "there and back");
	b.b[31] ^= 1;
	tap_ok(!vl_digest_equal(&a, &b), "one bit makes another digest");
}

static void blake2b(void)
{
	static const char abc[] = "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
				  "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923";
	struct vl_blake2b h;
	char hex[129];

	vl_blake2b_of(vl_bytes_str("abc"), &h);
	for (size_t i = 0; i < sizeof h.b; i++)
		snprintf(hex + 2 * i, 3, "%02x", (unsigned)h.b[i]);
	tap_str(hex, abc, "blake2b-512 of abc (RFC 7693)");
}

/* Sizes around the reader's block: what is hashed from a file is what is in it, and only from the current offset on. */
static void descriptors(const struct scratch *s)
{
	static const size_t sizes[] = { 0, 1, 131071, 131072, 131073, 400000 };
	VL_STR data = calloc(400001, 1);
	struct vl_err e = VL_ERR_INIT;
	struct vl_digest of, from;
	struct vl_blake2b bof, bfrom;
	uint64_t size;

	for (size_t i = 0; i < VL_LEN(sizes); i++) {
		VL_FD fd = -1;

		memset(data, 'x', sizes[i]);
		scratch_put(s, "f", vl_bytes(data, sizes[i]), 0600);
		fd = scratch_open(s, "f", O_RDONLY);
		vl_sha256_of(vl_bytes(data, sizes[i]), &of);
		tap_ok(vl_sha256_fd(fd, &from, &size, &e) && size == sizes[i] && vl_digest_equal(&of, &from),
		       "sha256 of a file of %zu bytes", sizes[i]);
		vl_blake2b_of(vl_bytes(data, sizes[i]), &bof);
		tap_ok(!lseek(fd, 0, SEEK_SET) && vl_blake2b_fd(fd, &bfrom, &e) && !memcmp(&bof, &bfrom, 64),
		       "blake2b of it");
		if (!sizes[i])
			continue;
		vl_sha256_of(vl_bytes(data, sizes[i] - 1), &of);
		tap_ok(lseek(fd, 1, SEEK_SET) == 1 && vl_sha256_fd(fd, &from, NULL, &e) && vl_digest_equal(&of, &from),
		       "sha256 from the second byte on");
	}
	tap_ok(!vl_sha256_fd(-1, &from, NULL, &e), "a descriptor that is none");
}

static const struct {
	const char *name, *abc; /* NULL: not known */
} named[] = {
	{ "md5", "900150983cd24fb0d6963f7d28e17f72" },
	{ "sha1", "a9993e364706816aba3e25717850c26c9cd0d89d" },
	{ "sha256", ABC },
	{ "sha512", "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
		    "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f" },
	{ "SHA256", NULL },
	{ "crc32", NULL },
	{ "", NULL },
};

static void names(const struct scratch *s)
{
	scratch_put(s, "abc", vl_bytes_str("abc"), 0600);
	for (size_t i = 0; i < VL_LEN(named); i++) {
		VL_FD fd = scratch_open(s, "abc", O_RDONLY);
		struct vl_err e = VL_ERR_INIT;
		char hex[129];

		if (!named[i].abc)
			tap_fails(vl_digest_fd_named(named[i].name, fd, hex, &e), &e, VL_E_POLICY, "no \"%s\"",
				  named[i].name);
		else if (tap_ok(vl_digest_fd_named(named[i].name, fd, hex, &e), "%s is known", named[i].name))
			tap_str(hex, named[i].abc, "%s of abc", named[i].name);
	}
}

int main(void)
{
	struct scratch s = scratch_new();
	uint8_t a[32] = { 0 }, b[32] = { 0 };

	sha256_vectors();
	parsing();
	blake2b();
	descriptors(&s);
	names(&s);
	vl_random(a, sizeof a);
	vl_random(b, sizeof b);
	tap_ok(memcmp(a, b, sizeof a), "random bytes differ");
	scratch_end(&s);
	return tap_done();
}
