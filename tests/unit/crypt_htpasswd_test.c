/* SPDX-License-Identifier: Apache-2.0 */
/* Files of users: what the real htpasswd writes is accepted when its hash is a good one, and refused otherwise. */
#include <pthread.h>
#include <sodium.h>
#include <time.h>

#include "crypt/htpasswd.h"
#include "tests/lib/scratch.h"
#include "tests/lib/tap.h"

#define FILE "users"
#define BAD_HINT "Make a good one: htpasswd -B -C 10 "

static void put(const struct scratch *s, const char *text)
{
	scratch_put(s, FILE, vl_bytes_str(text), 0600);
}

static struct vl_htpasswd *load(const struct scratch *s)
{
	struct vl_htpasswd *h = NULL;
	struct vl_err e = VL_ERR_INIT;

	tap_good(vl_htpasswd_load(&h, scratch_path(s, FILE), &e), &e, "the file loads");
	return h;
}

/* One line by the real htpasswd, without its end. */
static char *line_by(const struct scratch *s, const char *flags, const char *user, const char *password)
{
	VL_CLEAN(vl_buf) out = VL_BUF_INIT(4096);
	VL_STR begin = vl_xprintf("%s:", user);
	const char *text;

	if (scratch_cmd(s, NULL, "htpasswd", flags, user, password))
		scratch_bail("htpasswd fails");
	scratch_get(s, "out", &out);
	text = strstr(vl_buf_str(&out), begin); /* a warning may stand before it */
	if (!text)
		scratch_bail("htpasswd says something else");
	return vl_xstrndup(text, strcspn(text, "\n"));
}

static void test_real(const struct scratch *s)
{
	VL_STR ann = line_by(s, "-nbB", "ann", "swordfish");
	VL_STR bob = line_by(s, "-nbB", "b\xc3\xb6" "b", "p\xc3\xa4ss:word");
	VL_STR nil = line_by(s, "-nbB", "nil", "");
	VL_STR all = vl_xprintf("# users\n\n%s\r\n%s  \n%s", ann, bob, nil);
	VL_AUTO(vl_htpasswd) h = NULL;

	put(s, all);
	h = load(s);
	if (!h)
		return;
	tap_ok(vl_htpasswd_check(h, "ann", "swordfish"), "the right password");
	tap_ok(!vl_htpasswd_check(h, "ann", "swordfisH"), "a wrong one");
	tap_ok(!vl_htpasswd_check(h, "ann", ""), "none");
	tap_ok(!vl_htpasswd_check(h, "ann", "p\xc3\xa4ss:word"), "another user's");
	tap_ok(vl_htpasswd_check(h, "b\xc3\xb6" "b", "p\xc3\xa4ss:word"), "name and password with other letters");
	tap_ok(vl_htpasswd_check(h, "nil", ""), "an empty password, where it was set");
	tap_ok(!vl_htpasswd_check(h, "Ann", "swordfish"), "names differ by case");
	tap_ok(!vl_htpasswd_check(h, "eve", "swordfish"), "a stranger with somebody's password");
	tap_ok(!vl_htpasswd_check(h, "", ""), "nobody");
	tap_ok(!vl_htpasswd_check(h, "# users", ""), "a comment is no user");
}

static void test_argon2(const struct scratch *s)
{
	char hash[crypto_pwhash_STRBYTES], long_password[700];
	VL_AUTO(vl_htpasswd) h = NULL;
	VL_STR line = NULL;

	if (sodium_init() < 0 || crypto_pwhash_str(hash, "swordfish", 9, crypto_pwhash_OPSLIMIT_MIN + 1, 8 << 20))
		scratch_bail("argon2 fails");
	line = vl_xprintf("ann:%s\n", hash);
	put(s, line);
	h = load(s);
	if (!h)
		return;
	tap_ok(vl_htpasswd_check(h, "ann", "swordfish"), "argon2: the right password");
	tap_ok(!vl_htpasswd_check(h, "ann", "swordfish "), "argon2: a wrong one");
	tap_ok(!vl_htpasswd_check(h, "eve", "swordfish"), "argon2: a stranger");
	memset(long_password, 'x', sizeof long_password - 1);
	long_password[sizeof long_password - 1] = '\0';
	tap_ok(!vl_htpasswd_check(h, "ann", long_password), "argon2: a very long one");
}

/* A password that begins rightly and is longer than bcrypt looks is as good; one beyond libcrypt's limit is not. */
static void test_long(const struct scratch *s)
{
	static const char seventy[] = "0123456789012345678901234567890123456789012345678901234567890123456789";
	VL_STR line = line_by(s, "-nbB", "ann", seventy);
	VL_AUTO(vl_htpasswd) h = NULL;
	char password[700];

	put(s, line);
	h = load(s);
	memset(password, 'x', sizeof password - 1);
	password[sizeof password - 1] = '\0';
	tap_ok(h && !vl_htpasswd_check(h, "ann", password), "699 bytes are refused");
	tap_ok(h && vl_htpasswd_check(h, "ann", seventy), "70 bytes are fine");
}

static void refused(const struct scratch *s, const char *text, enum vl_code code, const char *message, const char *hint)
{
	VL_AUTO(vl_htpasswd) h = NULL;
	VL_STR want = vl_xprintf("%s%s", scratch_path(s, FILE), message);
	VL_STR want_hint = hint ? vl_xprintf("%s%s %s", BAD_HINT, scratch_path(s, FILE), hint) : NULL;
	struct vl_err e = VL_ERR_INIT;

	put(s, text);
	tap_fails(vl_htpasswd_load(&h, scratch_path(s, FILE), &e), &e, code, "refused:%s", message);
	tap_str(e.msg, want, "what is said");
	if (want_hint)
		tap_str(e.hint, want_hint, "what to do");
}

static const struct {
	const char *text, *message, *hint;
} rows[] = {
	{ "", " names no users, so nobody could log in", NULL },
	{ "# none\n\n", " names no users, so nobody could log in", NULL },
	{ "ann\n", ": line 1: expected USER:HASH", NULL },
	{ "#\n:x\n", ": line 2: there is no name before the colon", NULL },
	{ "ann:swordfish\n",
	  ": line 1: \"ann\" has a plain password or an unknown hash; only bcrypt and argon2 are accepted", "ann" },
	{ "ann:\n",
	  ": line 1: \"ann\" has a plain password or an unknown hash; only bcrypt and argon2 are accepted", "ann" },
	{ "ann:$2x$05$uvJq7OsChnnmYzlBIT6yV.1JqyuXCmqLJzD4DpQYI.0dQb4bkBHfC\n",
	  ": line 1: \"ann\" has a broken bcrypt hash; only bcrypt and argon2 are accepted", "ann" },
	{ "ann:$2y$05$uvJq7OsChnnmYzlBIT6yV.1JqyuXCmqLJzD4DpQYI.0dQb4bkBHf\n",
	  ": line 1: the hash of \"ann\" is not whole", "ann" },
	{ "ann:$2y$05$uvJq7OsChnnmYzlBIT6yV.1JqyuXCmqLJzD4DpQYI.0dQb4bkBHfC:x\n",
	  ": line 1: the hash of \"ann\" is not whole", "ann" },
	{ "ann:$2y$99$uvJq7OsChnnmYzlBIT6yV.1JqyuXCmqLJzD4DpQYI.0dQb4bkBHfC\n",
	  ": line 1: the bcrypt hash of \"ann\" has the cost 99; at most 15 is accepted", "ann" },
	{ "ann:$2y$03$uvJq7OsChnnmYzlBIT6yV.1JqyuXCmqLJzD4DpQYI.0dQb4bkBHfC\n",
	  ": line 1: the hash of \"ann\" is not whole", "ann" },
	{ "ann:$2y$16$uvJq7OsChnnmYzlBIT6yV.1JqyuXCmqLJzD4DpQYI.0dQb4bkBHfC\n",
	  ": line 1: the bcrypt hash of \"ann\" has the cost 16; at most 15 is accepted", "ann" },
	{ "ann:$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ\n", ": line 1: the hash of \"ann\" is not whole", "ann" },
	{ "ann:$argon2id$v=19$m=1048576,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$c29tZXNhbHRzb21lc2FsdHNvbWVzYWx0c29tZXNhbHQ\n",
	  ": line 1: the argon2 hash of \"ann\" takes 1024 MiB; at most 256 are accepted", "ann" },
	{ "ann:$2y$05$uvJq7OsChnnmYzlBIT6yV.1JqyuXCmqLJzD4DpQYI.0dQb4bkBHfC\n#\n"
	  "ann:$2y$05$uvJq7OsChnnmYzlBIT6yV.1JqyuXCmqLJzD4DpQYI.0dQb4bkBHfC\n",
	  ": line 3: \"ann\" is here twice; first in line 1", NULL },
	{ "a\033[1mb:x\n",
	  ": line 1: \"a\\x1b[1mb\" has a plain password or an unknown hash; only bcrypt and argon2 are accepted",
	  "a\\x1b[1mb" },
};

/* What htpasswd makes without -B. */
static const char *const weak[][2] = {
	{ "-nbm", "an MD5 hash" }, { "-nbs", "a SHA-1 hash" }, { "-nbd", "a DES hash" },
	{ "-nbp", "a plain password or an unknown hash" },
};

static void test_refused(const struct scratch *s)
{
	for (size_t i = 0; i < VL_LEN(rows); i++)
		refused(s, rows[i].text, VL_E_CONFIG, rows[i].message, rows[i].hint);
	for (size_t i = 0; i < VL_LEN(weak); i++) {
		VL_STR line = line_by(s, weak[i][0], "ann", "pw");
		VL_STR message = vl_xprintf(": line 1: \"ann\" has %s; only bcrypt and argon2 are accepted",
					    weak[i][1]);

		refused(s, line, VL_E_CONFIG, message, "ann");
	}
}

static void test_file(const struct scratch *s)
{
	VL_STR ann = line_by(s, "-nbB", "ann", "swordfish");
	VL_AUTO(vl_htpasswd) h = NULL;
	struct vl_err e = VL_ERR_INIT;

	scratch_put(s, FILE, vl_bytes_str(ann), 0664);
	tap_fails(vl_htpasswd_load(&h, scratch_path(s, FILE), &e), &e, VL_E_KEYFILE, "a group may write");
	tap_ok(strstr(e.msg, "(mode 0664)") && strstr(e.hint, "chmod go-w"), "and that is said: %s", e.msg);
	scratch_put(s, FILE, vl_bytes_str(ann), 0602);
	tap_fails(vl_htpasswd_load(&h, scratch_path(s, FILE), &e), &e, VL_E_KEYFILE, "others may write");
	tap_fails(vl_htpasswd_load(&h, scratch_path(s, "nowhere"), &e), &e, VL_E_ABSENT, "no file");
	tap_fails(vl_htpasswd_load(&h, s->path, &e), &e, VL_E_CONFIG, "a directory");
	scratch_put(s, FILE, vl_bytes("a\0b", 3), 0600);
	tap_fails(vl_htpasswd_load(&h, scratch_path(s, FILE), &e), &e, VL_E_CONFIG, "a NUL");
}

static double seconds_of(const struct vl_htpasswd *h, const char *user)
{
	struct timespec a, b;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
	for (int i = 0; i < 3; i++)
		if (vl_htpasswd_check(h, user, "wrong"))
			return 0;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b);
	return (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
}

/* The time tells nobody which names are users. */
static void test_time(const struct scratch *s)
{
	VL_STR ann = line_by(s, "-nbB", "ann", "swordfish");
	VL_AUTO(vl_htpasswd) h = NULL;
	double known, stranger;

	put(s, ann);
	h = load(s);
	if (!h)
		return;
	known = seconds_of(h, "ann");
	stranger = seconds_of(h, "eve");
	tap_ok(known > 0.001 && stranger > known / 3, "a stranger costs a hash, too (%.4f and %.4f s)", known,
	       stranger);
}

static void *check_often(void *ctx)
{
	const struct vl_htpasswd *h = ctx;
	uintptr_t wrong = 0;

	for (int i = 0; i < 20; i++)
		if (!vl_htpasswd_check(h, "ann", "swordfish") || vl_htpasswd_check(h, "ann", "eel"))
			wrong++;
	return (void *)wrong;
}

static void test_threads(const struct scratch *s)
{
	VL_STR ann = line_by(s, "-nbB", "ann", "swordfish");
	VL_AUTO(vl_htpasswd) h = NULL;
	pthread_t thread[4];
	void *wrong;

	put(s, ann);
	h = load(s);
	for (size_t i = 0; i < VL_LEN(thread); i++)
		if (pthread_create(&thread[i], NULL, check_often, h))
			scratch_bail("no thread");
	for (size_t i = 0; i < VL_LEN(thread); i++) {
		pthread_join(thread[i], &wrong);
		tap_ok(!wrong, "thread %zu: every answer is right", i);
	}
}

int main(void)
{
	struct scratch s = scratch_new();

	if (scratch_cmd(&s, NULL, "htpasswd", "-nbB", "a", "b") != 0) {
		scratch_end(&s);
		return 77;
	}
	test_real(&s);
	test_argon2(&s);
	test_long(&s);
	test_refused(&s);
	test_file(&s);
	test_time(&s);
	test_threads(&s);
	scratch_end(&s);
	return tap_done();
}
