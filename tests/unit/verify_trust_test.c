/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/verify_trust_test.c: the set of trusted keys: what may be in it, what is refused, what comes back. */
#include "tests/lib/bundle_fixture.h"
#include "tests/lib/tap.h"
#include "verify/verify.h"

static struct vl_err e;
static struct vl_pubkey a, b, same_id, same_key;

static void make_keys(void)
{
	vl_seckey_free(fix_key(&a));
	vl_seckey_free(fix_key(&b));
	same_id = b;
	memcpy(same_id.id, a.id, sizeof a.id);
	same_key = a;
	memcpy(same_key.id, b.id, sizeof b.id);
	same_key.id[0] ^= 1;
}

static void adding(void)
{
	VL_CLEAN(vl_trust) t = { .key = NULL };
	size_t removed;

	tap_good(vl_trust_add(&t, &a, "prod", "alice.pub", 100, &e), &e, "add a key for a channel");
	tap_good(vl_trust_add(&t, &a, "prod", "again", 200, &e), &e, "add it again");
	tap_is(t.n, 1, "the same key for the same channel is one entry");
	tap_fails(vl_trust_add(&t, &same_key, NULL, "", 1, &e), &e, VL_E_TRUST_SET,
		  "T13 the same key under another id");
	tap_fails(vl_trust_add(&t, &same_id, NULL, "", 1, &e), &e, VL_E_TRUST_SET,
		  "T14 another key with the same id");
	tap_good(vl_trust_add(&t, &a, NULL, "evil\033[2J\nname", 1, &e), &e, "the key for every channel as well");
	tap_is(t.n, 2, "two entries");
	tap_ok(!strpbrk(t.key[1].note, "\033\n"), "a note is safe to print");
	tap_good(vl_trust_add(&t, &b, "test", "b", 1, &e), &e, "a second key");
	tap_fails(vl_trust_remove(&t, "0123456789ABCDEF", NULL, &removed, &e), &e, VL_E_ABSENT,
		  "remove what is not there");
	tap_fails(vl_trust_remove(&t, "x", "prod", &removed, &e), &e, VL_E_ABSENT, "remove what cannot be a key");
}

static void thresholds(void)
{
	VL_CLEAN(vl_trust) t = { .key = NULL };
	char id[VL_KEYID_TEXT], text[57];
	size_t removed;

	tap_fails(vl_trust_set_threshold(&t, NULL, 1, &e), &e, VL_E_TRUST_SET, "T15 a threshold without keys");
	tap_good(vl_trust_add(&t, &a, NULL, "a", 1, &e), &e, "add a");
	tap_good(vl_trust_add(&t, &a, "prod", "a", 1, &e), &e, "a for prod too: covered already");
	tap_fails(vl_trust_set_threshold(&t, "prod", 2, &e), &e, VL_E_TRUST_SET, "T15 more than there are keys");
	tap_fails(vl_trust_set_threshold(&t, "prod", 0, &e), &e, VL_E_TRUST_SET, "T15 a threshold of 0");
	tap_good(vl_trust_add(&t, &b, "prod", "b", 1, &e), &e, "add b for prod");
	tap_good(vl_trust_set_threshold(&t, "prod", 2, &e), &e, "both must sign prod");
	tap_fails(vl_trust_set_threshold(&t, "test", 2, &e), &e, VL_E_TRUST_SET, "b may not sign test");
	for (size_t i = 0; i < t.n_threshold; i++)
		tap_ok(t.threshold[i].n, "a refused change leaves no threshold of 0");
	tap_fails(vl_trust_remove(&t, vl_keyid_text(b.id, id), NULL, &removed, &e), &e, VL_E_TRUST_SET,
		  "removing b would leave prod without a quorum");
	tap_is(t.n, 2, "and b is still there");
	tap_good(vl_trust_set_threshold(&t, "prod", 1, &e), &e, "lower it");
	vl_pubkey_base64(&b, text);
	tap_good(vl_trust_remove(&t, text, NULL, &removed, &e), &e, "then b can go, named by its text");
	tap_is(removed, 1, "one entry");
}

static void saving(void)
{
	VL_CLEAN(vl_trust) t = { .key = NULL };
	VL_CLEAN(vl_trust) back = { .key = NULL };
	VL_AUTO(vl_store) s = fix_open("trust");

	tap_good(vl_trust_load(&back, s, &e), &e, "absent");
	tap_is(back.n, 0, "is empty");
	tap_good(vl_trust_add(&t, &a, "prod", "a \"quoted\"", 1795248000, &e) &&
			 vl_trust_add(&t, &b, NULL, "b", 7, &e) &&
			 vl_trust_set_threshold(&t, "prod", 2, &e) && vl_trust_save(&t, s, &e),
		 &e, "save");
	tap_good(vl_trust_load(&back, s, &e), &e, "load");
	tap_is(back.n, 2, "two keys");
	tap_ok(vl_pubkey_equal(&back.key[0].key, &a) && !memcmp(back.key[0].key.id, a.id, 8), "the key and its id");
	tap_str(back.key[0].channel, "prod", "its channel");
	tap_str(back.key[0].note, "a \"quoted\"", "its note");
	tap_is(back.key[0].added, 1795248000, "when");
	tap_str(back.key[1].channel, "", "every channel");
	tap_is(back.n_threshold, 1, "one threshold");
	tap_is(back.threshold[0].n, 2, "of 2");
}

#define GOOD "{\"key\":\"KEY\",\"added\":\"2026-11-21T08:00:00Z\""
#define HEAD "{\"format\":\"valise-trust-1\",\"keys\":["

/* KEY stands for a good key's text. */
static const char *const damaged[] = {
	"",
	"{",
	"[]",
	"{\"format\":\"valise-trust-2\",\"keys\":[],\"thresholds\":[]}",
	HEAD "]}",
	"{\"format\":\"valise-trust-1\",\"keys\":{},\"thresholds\":[]}",
	HEAD "],\"thresholds\":[],\"except\":[]}",
	HEAD "],\"keys\":[],\"thresholds\":[]}",
	HEAD "1],\"thresholds\":[]}",
	HEAD "{\"key\":\"KEY\"}],\"thresholds\":[]}",
	HEAD "{\"key\":\"RWQ\",\"added\":\"2026-11-21T08:00:00Z\"}],\"thresholds\":[]}",
	HEAD GOOD ",\"channel\":\"../x\"}],"
	"\"thresholds\":[]}",
	HEAD GOOD ",\"only\":1}],"
	"\"thresholds\":[]}",
	HEAD GOOD "}],\"thresholds\":[{\"n\":0}]}",
	HEAD GOOD "}],\"thresholds\":[{\"n\":2}]}",
	HEAD GOOD "}],\"thresholds\":[{\"n\":-1}]}",
	HEAD GOOD "}],"
	"\"thresholds\":[{\"n\":1},{\"n\":1}]}",
	HEAD "],\"thresholds\":[{\"n\":1}]}",
};

static void write_with_key(const char *text)
{
	const char *at = strstr(text, "KEY");
	char key[57];
	VL_STR full = NULL;

	vl_pubkey_base64(&a, key);
	full = at ? vl_xprintf("%.*s%s%s", (int)(at - text), text, key, at + 3) : vl_xstrdup(text);
	fix_write("trust/trust/keys.json", full);
}

static void loading(void)
{
	VL_AUTO(vl_store) s = fix_open("trust");

	write_with_key(HEAD GOOD "}],"
		       "\"thresholds\":[{\"n\":1}]}\n");
	{
		VL_CLEAN(vl_trust) t = { .key = NULL };

		tap_good(vl_trust_load(&t, s, &e), &e, "a good file loads");
	}
	for (size_t i = 0; i < VL_LEN(damaged); i++) {
		VL_CLEAN(vl_trust) t = { .key = NULL };

		write_with_key(damaged[i]);
		tap_fails(vl_trust_load(&t, s, &e), &e, VL_E_STATE, "T15 refused: %s", damaged[i]);
		tap_is(t.n, 0, "and nothing is trusted");
	}
}

int main(void)
{
	make_keys();
	adding();
	thresholds();
	saving();
	loading();
	fix_done();
	return tap_done();
}
