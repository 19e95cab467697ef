/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/crypt_keyfile_test.c: secret keys on disk: who may read them, what is refused, how often is asked. */
#include <sodium.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "crypt/minisign.h"
#include "tests/lib/scratch.h"
#include "tests/lib/tap.h"

#define KEY_LEN 158

struct asked {
	const char *answers[4]; /* NULL: give up */
	unsigned times;
};

static bool answer(void *ctx, const char *file, unsigned attempt, char *out, size_t size, struct vl_err *e)
{
	struct asked *a = ctx;
	const char *text = a->answers[attempt];

	a->times++;
	tap_ok(strstr(file, ".key") || strchr(file, '/'), "the key file is named: %s", file);
	if (!text)
		return vl_fail(e, VL_E_PASSWORD, "given up");
	snprintf(out, size, "%s", text);
	return true;
}

static bool same_key(const struct vl_seckey *a, const struct vl_seckey *b)
{
	struct vl_pubkey x, y;

	vl_seckey_public(a, &x);
	vl_seckey_public(b, &y);
	return vl_pubkey_equal(&x, &y) && !memcmp(x.id, y.id, sizeof x.id);
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	return lstat(path, &st) ? 0 : st.st_mode & 07777;
}

static void round_trip(const struct scratch *s, const struct vl_seckey *k)
{
	struct asked right = { .answers = { "hunter2" } }, third = { .answers = { "a", "", "hunter2" } };
	struct asked wrong = { .answers = { "a", "b", "c", "hunter2" } }, tired = { .answers = { "a", NULL } };
	VL_AUTO(vl_seckey) plain = NULL;
	VL_AUTO(vl_seckey) sealed = NULL;
	VL_AUTO(vl_seckey) late = NULL;
	VL_AUTO(vl_seckey) none = NULL;
	struct vl_err e = VL_ERR_INIT;
	const char *open = scratch_path(s, "open.key"), *shut = scratch_path(s, "shut.key");

	umask(0);
	tap_good(vl_seckey_save(k, open, NULL, false, &e), &e, "save without a password");
	tap_good(vl_seckey_save(k, shut, "hunter2", true, &e), &e, "save with one");
	tap_is(mode_of(open), 0600, "0600 whatever the umask");
	tap_is(mode_of(shut), 0600, "0600 whatever the umask");
	tap_fails(vl_seckey_save(k, open, NULL, false, &e), &e, VL_E_EXISTS, "a key is not written over");
	tap_good(vl_seckey_load(&plain, open, NULL, NULL, &e), &e, "load without asking");
	tap_ok(same_key(k, plain), "it is the key");
	tap_good(vl_seckey_load(&sealed, shut, answer, &right, &e), &e, "load with the password");
	tap_ok(same_key(k, sealed) && right.times == 1, "it is the key, asked once");
	tap_good(vl_seckey_load(&late, shut, answer, &third, &e), &e, "load at the third try");
	tap_ok(same_key(k, late) && third.times == 3, "it is the key, asked three times");
	tap_fails(vl_seckey_load(&none, shut, answer, &wrong, &e), &e, VL_E_PASSWORD, "three wrong passwords");
	tap_is(wrong.times, 3, "no fourth question");
	tap_fails(vl_seckey_load(&none, shut, answer, &tired, &e), &e, VL_E_PASSWORD, "given up");
	tap_is(tired.times, 2, "and not asked again");
	tap_fails(vl_seckey_load(&none, shut, NULL, NULL, &e), &e, VL_E_PASSWORD, "nobody to ask");
	tap_ok(!none, "no key comes out of a failure");
}

static void refused_kinds(const struct scratch *s)
{
	VL_AUTO(vl_seckey) k = NULL;
	struct vl_err e = VL_ERR_INIT;
	const char *key = scratch_path(s, "open.key");
	static const mode_t modes[] = { 0640, 0604, 0660, 0610, 0644 };

	for (size_t i = 0; i < VL_LEN(modes); i++) {
		tap_ok(!chmod(key, modes[i]), "mode %04o", (unsigned)modes[i]);
		tap_fails(vl_seckey_load(&k, key, NULL, NULL, &e), &e, VL_E_KEYFILE, "is refused");
		tap_ok(strstr(e.hint, "chmod 600") && strstr(e.hint, "open.key"), "and the hint says what to do");
	}
	tap_ok(!chmod(key, 0400), "mode 0400");
	tap_good(vl_seckey_load(&k, key, NULL, NULL, &e), &e, "is accepted");
	vl_seckey_free(vl_steal(&k));
	tap_ok(!symlink("open.key", scratch_path(s, "link.key")), "a link");
	tap_fails(vl_seckey_load(&k, scratch_path(s, "link.key"), NULL, NULL, &e), &e, VL_E_KEYFILE, "is refused");
	tap_ok(!mkfifo(scratch_path(s, "fifo.key"), 0600), "a FIFO");
	tap_fails(vl_seckey_load(&k, scratch_path(s, "fifo.key"), NULL, NULL, &e), &e, VL_E_KEYFILE,
		  "is refused at once");
	tap_fails(vl_seckey_load(&k, "/dev/zero", NULL, NULL, &e), &e, VL_E_KEYFILE, "/dev/zero");
	tap_fails(vl_seckey_load(&k, s->path, NULL, NULL, &e), &e, VL_E_KEYFILE, "a directory");
	tap_fails(vl_seckey_load(&k, scratch_path(s, "none"), NULL, NULL, &e), &e, VL_E_ABSENT, "no such file");
}

static void refused_places(const struct scratch *s, const struct vl_seckey *k)
{
	struct vl_err e = VL_ERR_INIT;
	struct stat st;

	tap_ok(!symlink("elsewhere", scratch_path(s, "dangling")), "a link to nothing");
	tap_fails(vl_seckey_save(k, scratch_path(s, "dangling"), NULL, false, &e), &e, VL_E_EXISTS, "is not followed");
	tap_ok(lstat(scratch_path(s, "elsewhere"), &st) < 0, "and nothing was made behind it");
	tap_ok(!vl_seckey_save(k, scratch_path(s, "no/dir"), NULL, false, &e), "no such directory");
}

/* Offsets in the 158 bytes: see security notes in doc/format.md. */
static const struct {
	const char *name;
	size_t at;
	uint8_t bytes[8];
	size_t n;
	enum vl_code code;
} edits[] = {
	{ "as it is", 0, "Ed", 2, VL_OK },
	{ "other signature algorithm", 0, "ED", 2, VL_E_KEYFILE },
	{ "other kdf", 2, "Ar", 2, VL_E_KEYFILE },
	{ "other checksum", 4, "B3", 2, VL_E_KEYFILE },
	{ "memlimit 2^40", 46, { 0, 0, 0, 0, 0, 1, 0, 0 }, 8, VL_E_LIMIT },
	{ "memlimit 1 GiB + 1", 46, { 1, 0, 0, 0x40, 0, 0, 0, 0 }, 8, VL_E_LIMIT },
	{ "opslimit 2^25 + 1", 38, { 1, 0, 0, 2, 0, 0, 0, 0 }, 8, VL_E_LIMIT },
	{ "opslimit 2^63", 38, { 0, 0, 0, 0, 0, 0, 0, 0x80 }, 8, VL_E_LIMIT },
	{ "a bit of the sealed key", 80, { 0 }, 1, VL_E_PASSWORD },
	{ "a bit of the salt", 6, { 0 }, 1, VL_E_PASSWORD },
};

/* Line 2 of a key file as bytes, and back. */
static void read_key(const struct scratch *s, const char *name, uint8_t raw[static KEY_LEN])
{
	VL_CLEAN(vl_buf) b = VL_BUF_INIT(4096);
	char *line;

	scratch_get(s, name, &b);
	line = strchr((char *)b.data, '\n') + 1;
	if (sodium_base642bin(raw, KEY_LEN, line, 212, NULL, NULL, NULL, sodium_base64_VARIANT_ORIGINAL))
		scratch_bail("not a key file");
}

static void write_key(const struct scratch *s, const char *name, const uint8_t raw[static KEY_LEN])
{
	char base64[213], text[300];

	sodium_bin2base64(base64, sizeof base64, raw, KEY_LEN, sodium_base64_VARIANT_ORIGINAL);
	snprintf(text, sizeof text, "untrusted comment: x\n%s\n", base64);
	scratch_put(s, name, vl_bytes_str(text), 0600);
}

static void edited(const struct scratch *s)
{
	uint8_t good[KEY_LEN], raw[KEY_LEN];
	struct vl_err e = VL_ERR_INIT;

	read_key(s, "shut.key", good);
	for (size_t i = 0; i < VL_LEN(edits); i++) {
		struct asked a = { .answers = { "hunter2", "hunter2", "hunter2" } };
		VL_AUTO(vl_seckey) k = NULL;

		memcpy(raw, good, sizeof raw);
		memcpy(raw + edits[i].at, edits[i].bytes, edits[i].n);
		if (edits[i].n == 1)
			raw[edits[i].at] = (uint8_t)(good[edits[i].at] ^ 1);
		write_key(s, "edited.key", raw);
		if (edits[i].code == VL_OK)
			tap_good(vl_seckey_load(&k, scratch_path(s, "edited.key"), answer, &a, &e), &e, "key: %s",
				 edits[i].name);
		else
			tap_fails(vl_seckey_load(&k, scratch_path(s, "edited.key"), answer, &a, &e), &e, edits[i].code,
				  "key: %s", edits[i].name);
		if (edits[i].code == VL_E_LIMIT)
			tap_ok(!a.times && strstr(e.msg, "kdf limits"), "refused before anybody is asked");
	}
}

/* minisign 0.11 leaves the checksum of a key without password empty; a damaged half must be noticed all the same,
 * because signing with it would give the seed away. */
static void unsealed(const struct scratch *s)
{
	uint8_t raw[KEY_LEN];
	struct vl_err e = VL_ERR_INIT;
	VL_AUTO(vl_seckey) k = NULL;

	tap_ok(!chmod(scratch_path(s, "open.key"), 0600), "again 0600");
	read_key(s, "open.key", raw);
	memset(raw + 126, 0, 32);
	write_key(s, "nosum.key", raw);
	tap_good(vl_seckey_load(&k, scratch_path(s, "nosum.key"), NULL, NULL, &e), &e, "an empty checksum is accepted");
	vl_seckey_free(vl_steal(&k));
	raw[94] ^= 1;
	write_key(s, "half.key", raw);
	tap_fails(vl_seckey_load(&k, scratch_path(s, "half.key"), NULL, NULL, &e), &e, VL_E_KEYFILE,
		  "public half changed");
	raw[94] ^= 1;
	raw[62] ^= 1;
	write_key(s, "half.key", raw);
	tap_fails(vl_seckey_load(&k, scratch_path(s, "half.key"), NULL, NULL, &e), &e, VL_E_KEYFILE, "seed changed");
}

static const struct {
	const char *name, *text;
} texts[] = {
	{ "empty", "" },
	{ "one line", "untrusted comment: x\n" },
	{ "no comment", "RWQAAEIy\n" },
	{ "short", "untrusted comment: x\nRWQAAEIy\n" },
	{ "a public key", "untrusted comment: x\nRWS/F29TWdmZGsY8wPWiIRs+rjaRxQv5VSJfu0D1TXQ2Ov7aoXYEH1ot\n" },
};

static void not_keys(const struct scratch *s)
{
	VL_STR big = calloc(5001, 1);
	struct vl_err e = VL_ERR_INIT;
	VL_AUTO(vl_seckey) k = NULL;

	for (size_t i = 0; i < VL_LEN(texts); i++) {
		scratch_put(s, "text.key", vl_bytes_str(texts[i].text), 0600);
		tap_fails(vl_seckey_load(&k, scratch_path(s, "text.key"), NULL, NULL, &e), &e, VL_E_KEYFILE,
			  "key file: %s", texts[i].name);
		tap_ok(strstr(e.msg, "text.key") != NULL, "and the message names it");
	}
	memset(big, 'x', 5000);
	scratch_put(s, "text.key", vl_bytes(big, 5000), 0600);
	tap_fails(vl_seckey_load(&k, scratch_path(s, "text.key"), NULL, NULL, &e), &e, VL_E_KEYFILE, "5000 bytes");
}

int main(void)
{
	struct scratch s = scratch_new();
	struct vl_err e = VL_ERR_INIT;
	VL_AUTO(vl_seckey) k = NULL;

	if (!vl_seckey_new(&k, &e))
		scratch_bail(e.msg);
	round_trip(&s, k);
	refused_kinds(&s);
	refused_places(&s, k);
	edited(&s);
	unsealed(&s);
	not_keys(&s);
	scratch_end(&s);
	return tap_done();
}
