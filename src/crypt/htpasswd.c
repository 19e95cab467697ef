/* SPDX-License-Identifier: Apache-2.0 */
/* crypt/htpasswd.c: a file of users and password hashes, and whether a password is right.
 * In:    a file as Apache's htpasswd writes it; names and passwords from the network.
 * Out:   yes or no, as slowly for a stranger as for a user.
 * Keeps: hashes that a stolen file would give away in minutes are refused when it is read, not when somebody logs in;
 *        so are costs that would turn a wrong password into an attack. */
#include "crypt/htpasswd.h"

#include <crypt.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"

#define FILE_MAX (1u << 20)
#define USERS_MAX 10000
#define USER_MAX 255
#define PASSWORD_MAX 511 /* libcrypt takes no more */
#define BCRYPT_LEN 60
#define BCRYPT_COST_MAX 15                /* some seconds */
#define ARGON2_KIB_MAX (256 * 1024UL)     /* of memory for one login */
#define BASE64 "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

struct user {
	char *name, *hash;
	unsigned line;
};
struct vl_htpasswd {
	struct user *user;
	size_t n, cap;
	uint8_t key[crypto_shorthash_KEYBYTES]; /* which user a stranger is likened to: not to be foretold */
};

void vl_htpasswd_free(struct vl_htpasswd *h)
{
	if (!h)
		return;
	for (size_t i = 0; i < h->n; i++) {
		free(h->user[i].name);
		free(h->user[i].hash);
	}
	free(h->user);
	free(h);
}

static const struct user *find(const struct vl_htpasswd *h, const char *name)
{
	for (size_t i = 0; i < h->n; i++)
		if (!strcmp(h->user[i].name, name))
			return &h->user[i];
	return NULL;
}

/* ---- loading ---- */

/* Where in the file we are. */
struct place {
	const char *shown; /* its name */
	unsigned line;
};

static bool is_bcrypt(const char *hash)
{
	return !strncmp(hash, "$2y$", 4) || !strncmp(hash, "$2b$", 4) || !strncmp(hash, "$2a$", 4);
}

static bool is_argon2(const char *hash)
{
	return !strncmp(hash, "$argon2id$", 10) || !strncmp(hash, "$argon2i$", 9);
}

static bool bcrypt_is_whole(const char *hash)
{
	return strlen(hash) == BCRYPT_LEN && strspn(hash + 4, "0123456789") == 2 && strncmp(hash + 4, "04", 2) >= 0 &&
	       hash[6] == '$' && strspn(hash + 7, BASE64) == BCRYPT_LEN - 7;
}

static bool argon2_is_whole(const char *hash)
{
	return strlen(hash) < crypto_pwhash_STRBYTES &&
	       crypto_pwhash_str_needs_rehash(hash, crypto_pwhash_OPSLIMIT_MIN, crypto_pwhash_MEMLIMIT_MIN) >= 0;
}

static const char *name_of_kind(const char *hash)
{
	static const struct {
		const char *begin, *name;
	} kinds[] = {
		{ "$apr1$", "an MD5 hash" },   { "$1$", "an MD5 hash" },     { "{SHA}", "a SHA-1 hash" },
		{ "$5$", "a SHA-256 hash" },   { "$6$", "a SHA-512 hash" },  { "$y$", "a yescrypt hash" },
		{ "$2x$", "a broken bcrypt hash" }, { "$argon2d$", "an argon2d hash" },
	};

	for (size_t i = 0; i < VL_LEN(kinds); i++)
		if (!strncmp(hash, kinds[i].begin, strlen(kinds[i].begin)))
			return kinds[i].name;
	return strlen(hash) == 13 && strspn(hash, BASE64) == 13 ? "a DES hash" : "a plain password or an unknown hash";
}

static bool make_better(const struct place *at, const char *user, struct vl_err *e)
{
	VL_STR safe = vl_safe_text(user, 64);

	return vl_hint(e, "Make a good one: htpasswd -B -C 10 %s %s", at->shown, safe);
}

static bool check_cost(const struct place *at, const char *user, const char *hash, struct vl_err *e)
{
	VL_STR safe = vl_safe_text(user, 64);
	const char *memory = strstr(hash, "$m=");
	unsigned long kib = memory ? strtoul(memory + 3, NULL, 10) : 0;
	unsigned long cost = is_bcrypt(hash) ? strtoul(hash + 4, NULL, 10) : 0;

	if (cost > BCRYPT_COST_MAX)
		vl_fail(e, VL_E_CONFIG,
			"%s: line %u: the bcrypt hash of \"%s\" has the cost %lu; at most %d is accepted", at->shown,
			at->line, safe, cost, BCRYPT_COST_MAX);
	else if (is_argon2(hash) && kib > ARGON2_KIB_MAX)
		vl_fail(e, VL_E_CONFIG,
			"%s: line %u: the argon2 hash of \"%s\" takes %lu MiB; at most %lu are accepted", at->shown,
			at->line, safe, kib / 1024, ARGON2_KIB_MAX / 1024);
	else
		return true;
	return make_better(at, user, e);
}

static bool check_hash(const struct place *at, const char *user, const char *hash, struct vl_err *e)
{
	VL_STR safe = vl_safe_text(user, 64);

	if (!is_bcrypt(hash) && !is_argon2(hash)) {
		vl_fail(e, VL_E_CONFIG, "%s: line %u: \"%s\" has %s; only bcrypt and argon2 are accepted", at->shown,
			at->line, safe, name_of_kind(hash));
		return make_better(at, user, e);
	}
	if (is_bcrypt(hash) ? bcrypt_is_whole(hash) : argon2_is_whole(hash))
		return check_cost(at, user, hash, e);
	vl_fail(e, VL_E_CONFIG, "%s: line %u: the hash of \"%s\" is not whole", at->shown, at->line, safe);
	return make_better(at, user, e);
}

static bool check_user(const struct vl_htpasswd *h, const struct place *at, const char *user, struct vl_err *e)
{
	const struct user *other = find(h, user);
	VL_STR safe = vl_safe_text(user, 64);

	if (!*user)
		return vl_fail(e, VL_E_CONFIG, "%s: line %u: there is no name before the colon", at->shown, at->line);
	if (strlen(user) > USER_MAX)
		return vl_fail(e, VL_E_CONFIG, "%s: line %u: the name is longer than %d bytes", at->shown, at->line,
			       USER_MAX);
	if (other)
		return vl_fail(e, VL_E_CONFIG, "%s: line %u: \"%s\" is here twice; first in line %u", at->shown,
			       at->line, safe, other->line);
	if (h->n == USERS_MAX)
		return vl_fail(e, VL_E_LIMIT, "%s: more than %d users", at->shown, USERS_MAX);
	return true;
}

/* One line without its end. */
static bool take(struct vl_htpasswd *h, const struct place *at, const char *text, struct vl_err *e)
{
	const char *colon = strchr(text, ':');
	VL_STR name = colon ? vl_xstrndup(text, (size_t)(colon - text)) : NULL;

	if (!*text || *text == '#')
		return true;
	if (!colon) {
		vl_fail(e, VL_E_CONFIG, "%s: line %u: expected USER:HASH", at->shown, at->line);
		return vl_hint(e, "Add users with: htpasswd -B -C 10 %s USER", at->shown);
	}
	if (!check_user(h, at, name, e) || !check_hash(at, name, colon + 1, e))
		return false;
	vl_grow(&h->user, h->n, &h->cap, sizeof *h->user);
	h->user[h->n++] = (struct user){ .name = vl_steal(&name), .hash = vl_xstrdup(colon + 1), .line = at->line };
	return true;
}

static bool take_all(struct vl_htpasswd *h, struct place *at, const char *text, struct vl_err *e)
{
	while (*text) {
		size_t whole = strcspn(text, "\n"), len = whole;
		VL_STR line = NULL;

		while (len && strchr(" \t\r", text[len - 1]))
			len--;
		line = vl_xstrndup(text, len);
		at->line++;
		if (!take(h, at, line, e))
			return false;
		text += whole + (text[whole] == '\n');
	}
	if (h->n)
		return true;
	vl_fail(e, VL_E_CONFIG, "%s names no users, so nobody could log in", at->shown);
	return vl_hint(e, "Add one with: htpasswd -B -C 10 %s USER", at->shown);
}

static bool check_file(int fd, const char *shown, struct vl_err *e)
{
	struct stat st;

	if (fstat(fd, &st))
		return vl_fail_os(e, "users' file %s", shown);
	if (!S_ISREG(st.st_mode))
		return vl_fail(e, VL_E_CONFIG, "the users' file %s is not a regular file", shown);
	if (st.st_mode & 022) {
		vl_fail(e, VL_E_KEYFILE, "others may write to the users' file %s (mode %04o)", shown,
			(unsigned)(st.st_mode & 07777));
		return vl_hint(e, "chmod go-w %s, and look whether somebody has added a user.", shown);
	}
	if (st.st_size > (off_t)FILE_MAX)
		return vl_fail(e, VL_E_LIMIT, "the users' file %s has %lld bytes; at most %u are read", shown,
			       (long long)st.st_size, FILE_MAX);
	return true;
}

static bool read_text(int fd, struct vl_buf *text, const char *shown, struct vl_err *e)
{
	uint8_t *at;
	size_t got;

	if (!vl_buf_room(text, FILE_MAX, &at, e) || !vl_read_full(fd, at, FILE_MAX, &got, e))
		return vl_while(e, "users' file %s", shown);
	text->len = got;
	at[got] = '\0';
	if (memchr(at, '\0', got))
		return vl_fail(e, VL_E_CONFIG, "the users' file %s is not a text", shown);
	return true;
}

bool vl_htpasswd_load(struct vl_htpasswd **out, const char *path, struct vl_err *e)
{
	/* O_NONBLOCK: opening a FIFO must not wait for a writer. */
	VL_FD fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	VL_AUTO(vl_htpasswd) h = NULL;
	VL_CLEAN(vl_buf) text = VL_BUF_INIT(FILE_MAX + 1);
	VL_STR shown = vl_safe_text(path, 200);
	struct place at = { .shown = shown };

	*out = NULL;
	if (sodium_init() < 0)
		return vl_fail(e, VL_E_INTERNAL, "libsodium does not start");
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) {
		vl_fail(e, VL_E_ABSENT, "there is no users' file %s", shown);
		return vl_hint(e, "Make one: htpasswd -B -C 10 -c %s USER", shown);
	}
	if (fd < 0)
		return vl_fail_os(e, "users' file %s", shown);
	h = vl_xcalloc(1, sizeof *h);
	crypto_shorthash_keygen(h->key);
	if (!check_file(fd, shown, e) || !read_text(fd, &text, shown, e) || !take_all(h, &at, vl_buf_str(&text), e))
		return false;
	*out = vl_steal(&h);
	return true;
}

/* ---- checking ---- */

static bool bcrypt_matches(const char *hash, const char *password)
{
	struct crypt_data *d = vl_xcalloc(1, sizeof *d); /* 32 KiB: too much for a small thread's stack */
	const char *made = crypt_r(password, hash, d);
	bool good = made && strlen(made) == BCRYPT_LEN && !sodium_memcmp(made, hash, BCRYPT_LEN);

	sodium_memzero(d, sizeof *d);
	free(d);
	return good;
}

static bool matches(const char *hash, const char *password)
{
	if (is_bcrypt(hash))
		return bcrypt_matches(hash, password);
	return !crypto_pwhash_str_verify(hash, password, strlen(password));
}

/* The user whose hash is computed for a stranger of this name: always the same one, so that a stranger's answers take
 * as long as some user's, whatever the costs in the file are. */
static const struct user *stand_in(const struct vl_htpasswd *h, const char *name)
{
	uint8_t hash[crypto_shorthash_BYTES];
	uint64_t n = 0;

	crypto_shorthash(hash, (const uint8_t *)name, strlen(name), h->key);
	for (size_t i = 0; i < sizeof hash; i++)
		n = n << 8 | hash[i];
	return &h->user[n % h->n];
}

bool vl_htpasswd_check(const struct vl_htpasswd *h, const char *user, const char *password)
{
	const struct user *known = find(h, user);
	bool good = matches((known ? known : stand_in(h, user))->hash, password);

	/* bcrypt ends at 72 bytes by its nature; libcrypt refuses more than 511 anyway, and so do we for argon2. */
	return known && good && strlen(password) <= PASSWORD_MAX;
}
