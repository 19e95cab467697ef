/* SPDX-License-Identifier: Apache-2.0 */
/* crypt/keyfile.c: secret keys in minisign's form.
 * In:    a .key file and, when it is encrypted, a way to ask for its password.
 * Out:   a key in locked memory; or a new .key file that only its owner can read.
 * Keeps: key, password and key stream live in locked memory only and are wiped on every way out. */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "crypt/lines.h"
#include "crypt/seckey.h"

#define FILE_MAX 4096
#define PASSWORD_SIZE 1024
#define TRIES 3
#define OPS_DEFAULT UINT64_C(33554432) /* scrypt N = 2^20, r = 8, p = 1: 1 GiB and some seconds */
#define MEM_DEFAULT UINT64_C(1073741824)
#define OPS_LIGHT UINT64_C(524288)
#define MEM_LIGHT UINT64_C(16777216)
#define SEALED_LEN 104 /* what the key stream covers */

/* The 158 bytes of a secret key file, in order; only byte arrays, so there is no padding. */
struct key_image {
	uint8_t sig_alg[2], kdf_alg[2], sum_alg[2];
	uint8_t salt[32], ops[8], mem[8];
	uint8_t id[8], key[64], sum[32];
};
_Static_assert(sizeof(struct key_image) == 158, "a secret key file holds 158 bytes");
_Static_assert(offsetof(struct key_image, id) + SEALED_LEN == 158, "104 bytes are sealed");

/* Everything secret that a load or save needs, in one piece of locked memory. */
struct key_scratch {
	struct key_image image, opened;
	uint8_t stream[SEALED_LEN];
	char password[PASSWORD_SIZE];
	char text[FILE_MAX + 1];
};

static struct key_scratch *key_scratch_new(void)
{
	struct key_scratch *s = sodium_init() < 0 ? NULL : sodium_malloc(sizeof *s);

	if (s)
		memset(s, 0, sizeof *s);
	return s;
}

static void key_scratch_free(struct key_scratch *s)
{
	sodium_free(s); /* wipes; NULL is fine */
}
VL_DEFINE_AUTO(key_scratch)

static bool no_locked_memory(struct vl_err *e)
{
	vl_fail(e, VL_E_MEMORY, "there is no locked memory for a secret key");
	return vl_hint(e, "Raise ulimit -l or free some memory.");
}

static struct vl_seckey *seckey_alloc(void)
{
	return sodium_init() < 0 ? NULL : sodium_malloc(sizeof(struct vl_seckey));
}

void vl_seckey_free(struct vl_seckey *k)
{
	sodium_free(k);
}

bool vl_seckey_new(struct vl_seckey **out, struct vl_err *e)
{
	VL_AUTO(vl_seckey) k = seckey_alloc();
	uint8_t public[32];

	if (!k)
		return no_locked_memory(e);
	randombytes_buf(k->id, sizeof k->id);
	crypto_sign_keypair(public, k->key);
	*out = vl_steal(&k);
	return true;
}

void vl_seckey_public(const struct vl_seckey *k, struct vl_pubkey *out)
{
	memcpy(out->id, k->id, sizeof out->id);
	memcpy(out->key, k->key + 32, sizeof out->key);
}

static void put_le64(uint8_t out[static 8], uint64_t v)
{
	for (size_t i = 0; i < 8; i++)
		out[i] = (uint8_t)(v >> (8 * i));
}

static uint64_t get_le64(const uint8_t in[static 8])
{
	uint64_t v = 0;

	for (size_t i = 0; i < 8; i++)
		v |= (uint64_t)in[i] << (8 * i);
	return v;
}

static void image_sum(const struct key_image *m, uint8_t sum[static 32])
{
	crypto_generichash_state state;

	crypto_generichash_init(&state, NULL, 0, 32);
	crypto_generichash_update(&state, m->sig_alg, sizeof m->sig_alg);
	crypto_generichash_update(&state, m->id, sizeof m->id);
	crypto_generichash_update(&state, m->key, sizeof m->key);
	crypto_generichash_final(&state, sum, 32);
	sodium_memzero(&state, sizeof state);
}

/* Seals or opens: XOR of the last 104 bytes with scrypt's output. */
static bool apply_password(struct key_scratch *s, struct key_image *m, const char *password, struct vl_err *e)
{
	uint8_t *sealed = (uint8_t *)m + offsetof(struct key_image, id);

	if (crypto_pwhash_scryptsalsa208sha256(s->stream, sizeof s->stream, password, strlen(password), m->salt,
					       get_le64(m->ops), (size_t)get_le64(m->mem))) {
		vl_fail(e, VL_E_MEMORY, "not enough memory to use the password (%llu MiB are needed)",
			(unsigned long long)(get_le64(m->mem) >> 20));
		return vl_hint(e, "Free some memory, or sign on a larger host.");
	}
	for (size_t i = 0; i < SEALED_LEN; i++)
		sealed[i] ^= s->stream[i];
	return true;
}

/* ---- saving ---- */

static bool fill_image(struct key_scratch *s, const struct vl_seckey *k, const char *password, bool light,
		       struct vl_err *e)
{
	struct key_image *m = &s->image;

	memcpy(m->sig_alg, "Ed", 2);
	memcpy(m->sum_alg, "B2", 2);
	memcpy(m->id, k->id, sizeof m->id);
	memcpy(m->key, k->key, sizeof m->key);
	image_sum(m, m->sum);
	if (!password)
		return true; /* kdf, salt and limits stay zero */
	memcpy(m->kdf_alg, "Sc", 2);
	randombytes_buf(m->salt, sizeof m->salt);
	put_le64(m->ops, light ? OPS_LIGHT : OPS_DEFAULT);
	put_le64(m->mem, light ? MEM_LIGHT : MEM_DEFAULT);
	return apply_password(s, m, password, e);
}

static size_t image_text(struct key_scratch *s, bool encrypted)
{
	size_t len = (size_t)snprintf(s->text, sizeof s->text, VL_COMMENT_PREFIX "minisign %s secret key\n",
				      encrypted ? "encrypted" : "unencrypted");

	sodium_bin2base64(s->text + len, sizeof s->text - len, (const uint8_t *)&s->image, sizeof s->image,
			  sodium_base64_VARIANT_ORIGINAL);
	len += strlen(s->text + len);
	s->text[len++] = '\n';
	return len;
}

static bool write_new(const char *path, struct vl_bytes text, struct vl_err *e)
{
	/* O_EXCL does not follow a link either; O_NOFOLLOW says so aloud. A key is never written over. */
	VL_FD fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	VL_STR shown = vl_safe_text(path, 300);

	if (fd < 0 && errno == EEXIST)
		return vl_fail(e, VL_E_EXISTS, "the secret key %s exists already and is not overwritten", shown);
	if (fd < 0)
		return vl_fail_os(e, "create the secret key %s", shown);
	if (vl_write_all(fd, text, e) && vl_fsync(fd, shown, e))
		return true;
	unlink(path); /* half a key is of no use and would be in the way of the next try */
	return vl_while(e, "secret key %s", shown);
}

bool vl_seckey_save(const struct vl_seckey *k, const char *path, const char *password, bool light, struct vl_err *e)
{
	VL_AUTO(key_scratch) s = key_scratch_new();
	size_t len;

	if (!s)
		return no_locked_memory(e);
	if (!fill_image(s, k, password, light, e))
		return false;
	len = image_text(s, password != NULL);
	return write_new(path, vl_bytes(s->text, len), e);
}

/* ---- loading ---- */

static bool open_failed(const char *shown, struct vl_err *e)
{
	if (errno == ENOENT || errno == ENOTDIR)
		return vl_fail(e, VL_E_ABSENT, "there is no secret key %s", shown);
	if (errno == ELOOP) {
		vl_fail(e, VL_E_KEYFILE, "the secret key %s is a symbolic link", shown);
		return vl_hint(e, "Name the file that it points to.");
	}
	if (errno == ENXIO) /* a socket */
		return vl_fail(e, VL_E_KEYFILE, "the secret key %s is not a regular file", shown);
	return vl_fail_os(e, "open the secret key %s", shown);
}

static bool not_a_key(const char *shown, const char *why, struct vl_err *e)
{
	vl_fail(e, VL_E_KEYFILE, "%s is not a minisign secret key: %s", shown, why);
	return vl_hint(e, "Name a key made by valise keygen or minisign -G.");
}

static bool is_public(const char *path)
{
	struct vl_pubkey key;
	struct vl_err ignored = { 0 };

	return vl_pubkey_load(&key, path, &ignored);
}

static bool open_secret(const char *path, const char *shown, int *out, struct vl_err *e)
{
	/* O_NONBLOCK: a FIFO must not make us wait; a terminal must not become ours. */
	VL_FD fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return open_failed(shown, e);
	if (fstat(fd, &st))
		return vl_fail_os(e, "secret key %s", shown);
	if (!S_ISREG(st.st_mode)) {
		vl_fail(e, VL_E_KEYFILE, "the secret key %s is not a regular file", shown);
		return vl_hint(e, "Name the key file itself.");
	}
	if (st.st_mode & (S_IRWXG | S_IRWXO)) {
		/* A public key is readable for all; advice to chmod it and to make a new key would mislead. */
		if (is_public(path))
			return not_a_key(shown, "it is a public key", e);
		vl_fail(e, VL_E_KEYFILE, "others than the owner may use the secret key %s (mode %04o)", shown,
			(unsigned)st.st_mode & 07777);
		return vl_hint(e, "Run chmod 600 %s; if somebody may have read it, make a new key.", shown);
	}
	*out = vl_fd_steal(&fd);
	return true;
}

static bool read_image(struct key_scratch *s, int fd, const char *shown, struct vl_err *e)
{
	struct vl_bytes rest, first;
	size_t got;

	if (!vl_read_full(fd, s->text, sizeof s->text, &got, e))
		return vl_while(e, "secret key %s", shown);
	if (got > FILE_MAX)
		return not_a_key(shown, "it is too long", e);
	rest = vl_bytes(s->text, got);
	if (!vl_line_take(&rest, &first) || !vl_prefix_take(&first, VL_COMMENT_PREFIX))
		return not_a_key(shown, "the first line should begin with \"" VL_COMMENT_PREFIX "\"", e);
	if (rest.len && rest.data[rest.len - 1] == '\n')
		rest.len--;
	if (!vl_base64_exact(rest, (uint8_t *)&s->image, sizeof s->image))
		return not_a_key(shown, "the second line is not base64 of 158 bytes", e);
	if (memcmp(s->image.sig_alg, "Ed", 2) || memcmp(s->image.sum_alg, "B2", 2))
		return not_a_key(shown, "its algorithms are not known", e);
	return true;
}

/* A key file comes from somewhere: one that asks for 1 TiB or a year of computing is refused, not tried. */
static bool limits_are_sane(const struct key_image *m, const char *shown, struct vl_err *e)
{
	if (get_le64(m->mem) <= MEM_DEFAULT && get_le64(m->ops) <= OPS_DEFAULT)
		return true;
	vl_fail(e, VL_E_LIMIT,
		"the secret key %s asks for more memory or computing than is allowed to use its password (kdf limits)",
		shown);
	return vl_hint(e, "At most 1 GiB and 2^25 operations, which are minisign's own limits, are accepted.");
}

static bool opens(struct key_scratch *s, const char *shown, vl_ask_password *ask, void *ctx, unsigned attempt,
		  bool *good, struct vl_err *e)
{
	uint8_t sum[32];

	sodium_memzero(s->password, sizeof s->password);
	if (!ask(ctx, shown, attempt, s->password, sizeof s->password, e))
		return false;
	s->opened = s->image;
	if (!apply_password(s, &s->opened, s->password, e))
		return false;
	image_sum(&s->opened, sum);
	*good = !sodium_memcmp(sum, s->opened.sum, sizeof sum);
	return true;
}

static bool open_sealed(struct key_scratch *s, const char *shown, vl_ask_password *ask, void *ctx, struct vl_err *e)
{
	bool good = false;

	if (!limits_are_sane(&s->image, shown, e))
		return false;
	if (!ask) {
		vl_fail(e, VL_E_PASSWORD, "the secret key %s needs a password", shown);
		return vl_hint(e, "Use a terminal or --password-fd.");
	}
	for (unsigned attempt = 0; attempt < TRIES && !good; attempt++)
		if (!opens(s, shown, ask, ctx, attempt, &good, e))
			return false;
	if (!good)
		return vl_fail(e, VL_E_PASSWORD, "the password does not open the secret key %s", shown);
	return true;
}

/* Ed25519 signs with the seed and the public half; a file whose halves disagree would give signatures that betray the
 * seed. It is also the only check there is for a key without password: minisign 0.11 leaves its checksum empty. */
static bool halves_agree(const struct key_image *m)
{
	uint8_t public[32], secret[64];
	bool agree;

	crypto_sign_seed_keypair(public, secret, m->key);
	agree = !sodium_memcmp(public, m->key + 32, sizeof public);
	sodium_memzero(secret, sizeof secret);
	return agree;
}

static bool unseal(struct key_scratch *s, const char *shown, vl_ask_password *ask, void *ctx, struct vl_err *e)
{
	if (!memcmp(s->image.kdf_alg, "Sc", 2))
		return open_sealed(s, shown, ask, ctx, e);
	if (memcmp(s->image.kdf_alg, "\0\0", 2))
		return not_a_key(shown, "its key derivation is not known", e);
	s->opened = s->image;
	return true;
}

bool vl_seckey_load(struct vl_seckey **out, const char *path, vl_ask_password *ask, void *ctx, struct vl_err *e)
{
	VL_AUTO(key_scratch) s = key_scratch_new();
	VL_AUTO(vl_seckey) k = seckey_alloc();
	VL_STR shown = vl_safe_text(path, 300);
	VL_FD fd = -1;

	if (!s || !k)
		return no_locked_memory(e);
	if (!open_secret(path, shown, &fd, e) || !read_image(s, fd, shown, e) || !unseal(s, shown, ask, ctx, e))
		return false;
	if (!halves_agree(&s->opened))
		return not_a_key(shown, "its two halves do not belong together, so it is damaged", e);
	memcpy(k->id, s->opened.id, sizeof k->id);
	memcpy(k->key, s->opened.key, sizeof k->key);
	*out = vl_steal(&k);
	return true;
}
