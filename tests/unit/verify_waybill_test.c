/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/verify_waybill_test.c: who may sign a waybill, how many, and that nothing unsigned rides along: T01, T05,
 * T10 to T12, T14, and the texts beside the waybill. */
#include "tests/lib/bundle_fixture.h"
#include "tests/lib/tap.h"
#include "verify/verify.h"

#define DIR "medium"

static struct vl_err e;
static struct vl_seckey *key[3];
static struct vl_pubkey pub[3];
static struct vl_store *from;
static struct vl_channel channel;

static bool look(struct vl_checked **c, const struct vl_trust *t)
{
	VL_CLEAN(vl_carried_list) found = { 0 };
	bool good = vl_verify_waybill(c, fix_find(&found, DIR), t, &e);

	if (good)
		(*c)->carried = NULL; /* the list goes */
	return good;
}

static void write_bundle(struct fix_order o)
{
	o.dir = DIR;
	o.raw_max = 4096;
	fix_bundle(from, &channel, &o);
}

/* Who is trusted for what, who signs, the threshold: the verdict. "A" key 0 for every channel, "a" for prod, "x" for
 * another. */
static const struct {
	const char *name;
	const char *trusted;
	unsigned threshold;
	const char *signers;
	enum vl_code want;
	unsigned counted;
} who[] = {
	{ "one signer", "A", 1, "a", VL_OK, 1 },
	{ "one signer, for this channel", "a", 1, "a", VL_OK, 1 },
	{ "two of two", "AB", 2, "ab", VL_OK, 2 },
	{ "two of three", "ABC", 2, "ca", VL_OK, 2 },
	{ "an unknown signer beside a known one", "A", 1, "ba", VL_OK, 1 },
	{ "T12 one of two", "AB", 2, "a", VL_E_SIG_FEW, 0 },
	{ "T12 one of two, and an unknown one", "AB", 2, "ac", VL_E_SIG_FEW, 0 },
	{ "T12 one of two, twice", "AB", 2, "aa", VL_E_SIG_FEW, 0 },
	{ "unknown signer", "A", 1, "b", VL_E_SIG_UNKNOWN, 0 },
	{ "no signer", "A", 1, "", VL_E_SIG_MISSING, 0 },
	{ "nobody is trusted", "", 1, "a", VL_E_NO_TRUST, 0 },
	{ "a key of another channel", "x", 1, "a", VL_E_SIG_UNKNOWN, 0 },
	{ "a key of another channel does not count", "xB", 2, "ab", VL_E_SIG_FEW, 0 },
};

static void trust_of(struct vl_trust *t, const char *trusted, unsigned threshold)
{
	vl_trust_clear(t);
	for (const char *k = trusted; *k; k++) {
		size_t i = *k == 'x' ? 0 : (size_t)((*k | 32) - 'a');

		FIX_MUST(vl_trust_add(t, &pub[i], *k == 'x' ? "other" : *k < 'a' ? NULL : "prod", "", 0, me));
	}
	if (threshold > 1) { /* set past the check that it can be reached: "xB" cannot */
		vl_grow(&t->threshold, t->n_threshold, &t->cap_threshold, sizeof *t->threshold);
		t->threshold[t->n_threshold++] = (struct vl_threshold){ .channel = "prod", .n = threshold };
	}
}

static void signers(void)
{
	for (size_t i = 0; i < VL_LEN(who); i++) {
		VL_CLEAN(vl_trust) t = { .key = NULL };
		VL_AUTO(vl_checked) c = NULL;
		struct fix_order o = { .no_texts = true };
		bool good;

		for (size_t k = 0; who[i].signers[k]; k++)
			o.key[k] = key[who[i].signers[k] - 'a'];
		trust_of(&t, who[i].trusted, who[i].threshold);
		write_bundle(o);
		memset(&e, 0, sizeof e);
		good = look(&c, &t);
		tap_ok(good ? who[i].want == VL_OK : e.code == who[i].want, "%s", who[i].name);
		if (good != (who[i].want == VL_OK))
			printf("# E%04d %s\n", (int)e.code, e.msg);
		if (good)
			tap_is(strlen(c->signers), who[i].counted * 17 - 1, "%s: signers \"%s\"", who[i].name,
			       c->signers);
	}
}

/* ---- what may not be changed ---- */
static char *read_file(const char *name, size_t *len)
{
	VL_CLEAN(vl_buf) b = VL_BUF_INIT(1u << 20);
	char path[300];

	snprintf(path, sizeof path, DIR "/%s", name);
	FIX_MUST(vl_load_file(AT_FDCWD, fix_path(path), &b, NULL, me));
	*len = b.len;
	return vl_xstrndup(vl_buf_str(&b), b.len);
}

/* Replaces `was` (the first) by `now` of any length in a file of the bundle. */
static void replace(const char *file, const char *was, const char *now)
{
	size_t len;
	VL_STR text = read_file(file, &len);
	char *at = strstr(text, was);
	VL_STR out = NULL;

	if (!at) {
		printf("Bail out! %s does not hold %s\n", file, was);
		exit(99);
	}
	out = vl_xprintf("%.*s%s%s", (int)(at - text), text, now, at + strlen(was));
	fix_put(DIR, file, vl_bytes_str(out));
}

#define SIG "waybill.json.minisig"

static void change_waybill(void) { replace("waybill.json", "\"sequence\":7", "\"sequence\":8"); }
static void empty_waybill(void) { fix_put(DIR, "waybill.json", vl_bytes_str("")); }
static void empty_signature(void) { fix_put(DIR, SIG, vl_bytes_str("")); }
static void first_line(void) { replace(SIG, "signature from", "signature  for"); }
static void stock_first_line(void) { replace(SIG, VL_SIG_UNTRUSTED, VL_SIG_UNTRUSTED_MINISIGN); }
static void trusted_line(void) { replace(SIG, "seq=7", "seq=8"); }
static void crlf(void) { replace(SIG, "\n", "\r\n"); }
static void long_signature(void)
{
	VL_STR text = vl_xcalloc(VL_MINISIG_MAX + 2, 1);

	memset(text, 'a', VL_MINISIG_MAX + 1);
	fix_put(DIR, SIG, vl_bytes_str(text));
}
static void long_waybill(void)
{
	VL_STR text = vl_xcalloc(VL_WAYBILL_MAX + 1, 1);

	memset(text, ' ', VL_WAYBILL_MAX + 1);
	fix_put(DIR, "waybill.json", vl_bytes(text, VL_WAYBILL_MAX + 1));
}
/* The key id is bytes 2..9 of the second line's 74: base64 characters 2 to 13. */
static void key_id(void)
{
	size_t len;
	VL_STR text = read_file(SIG, &len);
	char *line = strchr(text, '\n') + 1;

	line[5] = line[5] == 'A' ? 'B' : 'A';
	fix_put(DIR, SIG, vl_bytes(text, len));
}
/* T11: comment and global signature of another file by the same key. */
static void swapped_comment(void)
{
	VL_CLEAN(vl_buf) other = VL_BUF_INIT(VL_MINISIG_MAX);
	size_t len;
	VL_STR text = read_file(SIG, &len);
	char *mine = strstr(text, "\ntrusted"), *theirs;
	VL_STR out = NULL;

	FIX_MUST(vl_minisig_sign(key[0], vl_bytes_str("x"), VL_SIG_UNTRUSTED,
				 "valise-bundle-v1 channel=prod epoch=1 seq=9", &other, me));
	theirs = strstr(vl_buf_str(&other), "\ntrusted");
	out = vl_xprintf("%.*s%s", (int)(mine - text), text, theirs);
	fix_put(DIR, SIG, vl_bytes_str(out));
}
static void other_kind(void)
{
	fix_put(DIR, "waybill.json", vl_bytes_str("{\"format\":\"valise-root-1\"}\n"));
	fix_sign(DIR, 0, key[0], vl_bytes_str("{\"format\":\"valise-root-1\"}\n"), "valise-root-v1 name=x");
}
static void not_json(void)
{
	fix_put(DIR, "waybill.json", vl_bytes_str("PK\003\004"));
	fix_sign(DIR, 0, key[0], vl_bytes_str("PK\003\004"), "timestamp");
}
static void nothing(void) {}

static const struct {
	const char *name;
	void (*change)(void);
	enum vl_code want;
	const char *file; /* named by the error */
} changes[] = {
	{ "nothing", nothing, VL_OK, NULL },
	{ "T01 the waybill", change_waybill, VL_E_SIG_BAD, SIG },
	{ "T05 an empty waybill", empty_waybill, VL_E_FORMAT, "waybill.json" },
	{ "T05 8 MiB and a byte of waybill", long_waybill, VL_E_FORMAT, "waybill.json" },
	{ "T06 an empty signature", empty_signature, VL_E_SIG_FORM, SIG },
	{ "T06 16 KiB and a byte of signature", long_signature, VL_E_SIG_FORM, SIG },
	{ "T06 CR LF", crlf, VL_E_SIG_FORM, SIG },
	{ "T09 a signed file of another kind", other_kind, VL_E_NEWER, NULL },
	{ "T09 a signed file that is no JSON", not_json, VL_E_FORMAT, NULL },
	{ "T11 the comment of another file", swapped_comment, VL_E_SIG_BAD, SIG },
	{ "the trusted comment", trusted_line, VL_E_SIG_BAD, SIG },
	{ "the key id, which is not signed", key_id, VL_E_SIG_BAD, SIG },
	{ "the first line, which is not signed", first_line, VL_E_SIG_FORM, SIG },
	{ "the first line of stock minisign", stock_first_line, VL_OK, NULL },
};

static void changing(void)
{
	VL_CLEAN(vl_trust) t = { .key = NULL };

	trust_of(&t, "A", 1);
	for (size_t i = 0; i < VL_LEN(changes); i++) {
		VL_AUTO(vl_checked) c = NULL;
		bool good;

		write_bundle((struct fix_order){ .key = { key[0] } });
		changes[i].change();
		memset(&e, 0, sizeof e);
		good = look(&c, &t);
		tap_ok(good ? changes[i].want == VL_OK : e.code == changes[i].want, "changed: %s", changes[i].name);
		if (good != (changes[i].want == VL_OK))
			printf("# E%04d %s\n", (int)e.code, e.msg);
		if (changes[i].file)
			tap_str(e.file, changes[i].file, "changed: %s: %s", changes[i].name, e.msg);
	}
}

static void comments(void)
{
	static const char *const wrong[] = {
		"valise-bundle-v1 channel=prod epoch=1 seq=8 sha256=", "timestamp:1700000000 file:waybill.json", "",
		"valise-bundle-v1 channel=test epoch=1 seq=7 sha256=00",
	};
	VL_CLEAN(vl_trust) t = { .key = NULL };

	trust_of(&t, "A", 1);
	for (size_t i = 0; i < VL_LEN(wrong); i++) {
		VL_AUTO(vl_checked) c = NULL;
		bool good;

		write_bundle((struct fix_order){ .key = { key[0] }, .comment = wrong[i], .no_texts = true });
		good = look(&c, &t);
		tap_ok(!good && vl_code_exit(e.code) == 10, "T10 a good signature with the comment \"%s\"", wrong[i]);
	}
}

/* ---- beside the waybill ---- */
static void change_readme(void) { replace("READ-ME.txt", "minisign -VHm", "minisign -VHx"); }
static void change_sums(void) { replace("SHA256SUMS", "parcels/000001", "parcels/000009"); }
static void change_hint(void) { replace("volume.json", "\"volumes\":1", "\"volumes\":2"); }
static void no_readme(void) { unlink(fix_path(DIR "/READ-ME.txt")); }
static void extra_file(void) { fix_put(DIR, "autorun\033[2J.inf", vl_bytes_str("x")); }
static void link_instead(void)
{
	unlink(fix_path(DIR "/SHA256SUMS"));
	if (symlink("/etc/hostname", fix_path(DIR "/SHA256SUMS")))
		exit(99);
}

static const struct {
	const char *name;
	void (*change)(void);
	const char *tool;
	bool good;
	int warnings;
	const char *file;
} beside[] = {
	{ "nothing changed", nothing, NULL, true, 0, NULL },
	{ "READ-ME.txt changed", change_readme, NULL, false, 0, "READ-ME.txt" },
	{ "SHA256SUMS changed", change_sums, NULL, false, 0, "SHA256SUMS" },
	{ "volume.json changed", change_hint, NULL, false, 0, "volume.json" },
	{ "READ-ME.txt is not there", no_readme, NULL, true, 0, NULL },
	{ "a file more", extra_file, NULL, true, 1, NULL },
	{ "a link instead of a file", link_instead, NULL, false, 0, "SHA256SUMS" },
	{ "another tool's READ-ME.txt", change_readme, "valise 99.0", true, 0, NULL },
	{ "another tool's SHA256SUMS", change_sums, "valise 99.0", false, 0, "SHA256SUMS" },
};

static void count_warnings(void *ctx, const struct vl_event *ev)
{
	int *n = ctx;

	if (ev->kind == VL_EV_WARN) {
		++*n;
		tap_ok(!strchr(ev->text, '\033'), "a warning is safe to print");
	}
}

static void texts_beside(void)
{
	VL_CLEAN(vl_trust) t = { .key = NULL };

	trust_of(&t, "A", 1);
	for (size_t i = 0; i < VL_LEN(beside); i++) {
		VL_CLEAN(vl_carried_list) found = { 0 };
		VL_AUTO(vl_checked) c = NULL;
		int warnings = 0;
		struct vl_env env = { .now = fix_env.now, .jobs = 1, .emit = count_warnings, .emit_ctx = &warnings };

		write_bundle((struct fix_order){ .key = { key[0] }, .tool = beside[i].tool });
		beside[i].change();
		FIX_MUST(vl_verify_waybill(&c, fix_find(&found, DIR), &t, me));
		memset(&e, 0, sizeof e);
		tap_is(vl_verify_beside(c, &env, &e), beside[i].good, "beside: %s", beside[i].name);
		tap_is(warnings, beside[i].warnings, "beside: %s: warnings", beside[i].name);
		if (beside[i].file)
			tap_str(e.file, beside[i].file, "beside: %s: names the file", beside[i].name);
	}
}

static void peeking(void)
{
	VL_CLEAN(vl_trust) t = { .key = NULL };
	VL_CLEAN(vl_carried_list) found = { 0 };
	struct vl_err why = VL_ERR_INIT;

	write_bundle((struct fix_order){ .key = { key[0] } });
	for (int known = 0; known < 2; known++) {
		VL_AUTO(vl_checked) c = NULL;

		trust_of(&t, known ? "A" : "B", 1);
		tap_good(vl_verify_peek(&c, fix_find(&found, DIR), &t, &why, &e), &e, "peek reads a waybill");
		tap_is(c->verified, known, "peek: verified");
		tap_is(why.code, known ? VL_OK : VL_E_SIG_UNKNOWN, "peek: why not");
		tap_is(c->proof.n_by, known, "peek: who vouches");
		tap_is(c->waybill->sequence, 7, "peek: sequence");
	}
}

int main(void)
{
	for (size_t i = 0; i < VL_LEN(key); i++)
		key[i] = fix_key(&pub[i]);
	from = fix_open("from");
	channel = fix_two_items(from, "prod", 7, 9000);
	signers();
	changing();
	comments();
	texts_beside();
	peeking();
	for (size_t i = 0; i < VL_LEN(key); i++)
		vl_seckey_free(key[i]);
	vl_store_free(from);
	fix_done();
	return tap_done();
}
