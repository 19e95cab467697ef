/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/store_generation_test.c: generations, the commit, recovery, and the state that outlives them. */
#include "base/version.h"
#include "tests/lib/store_fixture.h"
#include "tests/lib/tap.h"

static struct vl_channel simple(struct vl_store *s, const char *channel, uint64_t sequence, const char *text)
{
	VL_CLEAN(vl_doc) snapshot = { 0 };

	vl_doc_init_index(&snapshot);
	fix_simple_item(s, &snapshot, "rules", text);
	return fix_channel(s, &snapshot, channel, sequence);
}

static void seal(struct vl_channel *c, uint8_t waybill)
{
	c->sealed = true;
	c->expires = c->created + 86400;
	memset(c->waybill.b, waybill, sizeof c->waybill.b);
	snprintf(c->signers, sizeof c->signers, "0123456789ABCDEF 00FF00FF00FF00FF");
}

static void mark(struct vl_store *s, const char *channel, uint64_t sequence, uint8_t waybill)
{
	VL_CLEAN(vl_state) st = { 0 };
	struct vl_high h = { .epoch = 1, .sequence = sequence };
	struct vl_err e;

	if (!vl_store_state_load(s, &st, &e))
		vl_state_clear(&st);
	snprintf(h.name, sizeof h.name, "%s", channel);
	memset(h.waybill.b, waybill, sizeof h.waybill.b);
	vl_state_set(&st, &h);
	st.time_floor = 1700000000;
	FIX_MUST(vl_store_state_save(s, &st, me));
}

static void test_empty(void)
{
	VL_AUTO(vl_store) s = fix_open("empty");
	VL_CLEAN(vl_generation) g = { .number = 7 };
	VL_CLEAN(vl_state) st = { 0 };
	struct vl_err e = VL_ERR_INIT;

	tap_good(vl_store_current(s, &g, &e), &e, "current of an empty store");
	tap_ok(g.number == 0 && g.n == 0, "is number 0");
	tap_good(vl_store_state_load(s, &st, &e), &e, "state of an empty store");
	tap_ok(st.n == 0 && st.time_floor == 0, "is empty");
	tap_good(vl_store_trim(s, 2, &e), &e, "nothing to trim");
}

static void test_round_trip(void)
{
	VL_AUTO(vl_store) s = fix_open("round");
	VL_CLEAN(vl_generation) g = { 0 };
	struct vl_channel prod = simple(s, "prod", 42, "x"), lab = simple(s, "lab", 1, "y");
	const struct vl_channel *c;
	struct vl_err e = VL_ERR_INIT;
	const char *index;

	seal(&prod, 0xab);
	prod.again = prod.created + 60;
	fix_commit(s, &prod);
	fix_commit(s, &lab);
	tap_good(vl_store_current(s, &g, &e), &e, "current");
	tap_ok(g.number == 2 && g.n == 2, "second generation, two channels");
	tap_str(g.n == 2 ? g.channel[0].name : "", "lab", "sorted by name");
	c = vl_generation_find(&g, "prod");
	tap_ok(c && c->epoch == 1 && c->sequence == 42 && c->created == prod.created && c->expires == prod.expires &&
		       c->installed == prod.installed && c->again == prod.again && c->sealed &&
		       vl_digest_equal(&c->waybill, &prod.waybill) &&
		       vl_digest_equal(&c->root, &prod.root) && c->root_size == prod.root_size, "all of prod");
	tap_str(c ? c->signers : "", prod.signers, "signers");
	c = vl_generation_find(&g, "lab");
	tap_ok(c && !c->sealed && !c->expires && !*c->signers && !c->again, "lab is not sealed, nor put back");
	tap_ok(!vl_generation_find(&g, "none"), "no such channel");
	index = fix_read("round/index.json");
	tap_ok(index && strstr(index, "\"org.opencontainers.image.ref.name\":\"prod/rules\""), "items have names");
}

static bool fail_before(void *ctx, struct vl_err *e)
{
	*(bool *)ctx = true;
	return vl_fail(e, VL_E_NOSPACE, "no space left");
}

static void test_uncommitted(void)
{
	VL_AUTO(vl_store) s = fix_open("uncommitted");
	struct vl_channel prod = simple(s, "prod", 1, "x");
	struct vl_err e = VL_ERR_INIT;
	bool ran = false;

	fix_commit(s, &prod);
	{
		VL_CLEAN(vl_generation) g = { 0 };
		VL_CLEAN(vl_newgen) n = VL_NEWGEN_INIT;

		FIX_MUST(vl_store_current(s, &g, me) && vl_newgen_open(&n, s, &g, me));
		tap_ok(fix_exists("uncommitted/staging/generation-000002/index.json"), "in staging first");
	}
	tap_ok(!fix_exists("uncommitted/staging/generation-000002"), "not committed: gone");
	{
		VL_CLEAN(vl_generation) g = { 0 };
		VL_CLEAN(vl_newgen) n = VL_NEWGEN_INIT;

		FIX_MUST(vl_store_current(s, &g, me) && vl_newgen_open(&n, s, &g, me));
		tap_fails(vl_newgen_commit(&n, fail_before, &ran, &e), &e, VL_E_NOSPACE, "what comes before fails");
		tap_ok(ran && fix_exists("uncommitted/generations/000002"), "at the last moment");
	}
	tap_ok(!fix_exists("uncommitted/generations/000002"), "and the generation is gone");
	tap_ok(fix_exists("uncommitted/current/index.json"), "the old one is there");
}

static void test_bad_items(void)
{
	static const char *const names[] = { "../etc", "a/b", "", NULL };
	VL_AUTO(vl_store) s = fix_open("badnames");

	for (size_t i = 0; i < VL_LEN(names); i++) {
		VL_CLEAN(vl_doc) snapshot = { 0 };
		VL_CLEAN(vl_generation) g = { 0 };
		VL_CLEAN(vl_newgen) n = VL_NEWGEN_INIT;
		struct vl_err e = VL_ERR_INIT;
		struct vl_channel c;

		vl_doc_init_index(&snapshot);
		fix_simple_item(s, &snapshot, "x", "x");
		vl_desc_set(&snapshot.child[0], VL_AN_ITEM, names[i]);
		c = fix_channel(s, &snapshot, "prod", 1);
		vl_generation_set(&g, &c);
		tap_fails(vl_newgen_open(&n, s, &g, &e), &e, VL_E_CLOSURE, "item name \"%s\"",
			  names[i] ? names[i] : "(none)");
	}
}

/* ---- recovery ---- */

static void test_recovery(void)
{
	struct vl_store *s = fix_open("recover");
	struct vl_channel prod = simple(s, "prod", 1, "x");
	VL_CLEAN(vl_generation) g = { 0 };
	struct vl_err e = VL_ERR_INIT;

	fix_commit(s, &prod);
	fix_commit(s, &prod);
	vl_store_free(s);
	mkdir(fix_path("recover/generations/000003"), 0755);
	fix_write("recover/generations/000003/index.json", "half");
	mkdir(fix_path("recover/generations/notes"), 0755);
	mkdir(fix_path("recover/staging/generation-000004"), 0700);
	fix_write("recover/staging/generation-000004/x", "x");
	fix_write("recover/staging/aa.part", "part");
	fix_write("recover/state/.valise-1111111111111111.tmp", "x");
	fix_write("recover/.hidden", "x");
	FIX_MUST(!symlink("generations/000003", fix_path("recover/current.tmp")));
	s = fix_open("recover");
	tap_ok(!fix_exists("recover/generations/000003"), "a generation above current is removed");
	tap_ok(fix_exists("recover/generations/000001") && fix_exists("recover/generations/000002"), "the others stay");
	tap_ok(fix_exists("recover/generations/notes") && fix_exists("recover/.hidden"), "what is not ours stays");
	tap_ok(!fix_exists("recover/staging/aa.part") && !fix_exists("recover/staging/generation-000004"),
	       "staging is emptied");
	tap_ok(!fix_exists("recover/current.tmp"), "current.tmp is removed");
	tap_ok(!fix_exists("recover/state/.valise-1111111111111111.tmp"), "temporary files are removed");
	tap_good(vl_store_current(s, &g, &e), &e, "current");
	tap_is(g.number, 2, "is the old one");
	vl_store_free(s);
}

static void test_lost_current(void)
{
	struct vl_store *s = fix_open("lost");
	struct vl_channel prod = simple(s, "prod", 1, "x");
	VL_CLEAN(vl_generation) g = { 0 };
	struct vl_err e = VL_ERR_INIT;

	fix_commit(s, &prod);
	vl_store_free(s);
	/* killed between high.json and the very first commit */
	unlink(fix_path("lost/current"));
	s = fix_open("lost");
	tap_ok(!fix_exists("lost/generations/000001"), "first generation, never committed: removed");
	fix_commit(s, &prod);
	fix_commit(s, &prod);
	vl_store_free(s);
	s = NULL;
	unlink(fix_path("lost/current"));
	tap_fails(vl_store_open(&s, fix_path("lost"), VL_STORE_WRITE, 0, &fix_env, &e), &e, VL_E_STORE,
		  "two generations and no current: nothing is thrown away");
	tap_ok(fix_exists("lost/generations/000001") && fix_exists("lost/generations/000002"), "they stay");
	FIX_MUST(!symlink("generations/000009", fix_path("lost/current")));
	tap_fails(vl_store_open(&s, fix_path("lost"), VL_STORE_WRITE, 0, &fix_env, &e), &e, VL_E_STORE,
		  "current points to nothing");
	unlink(fix_path("lost/current"));
	FIX_MUST(!symlink("generations/2", fix_path("lost/current")));
	tap_fails(vl_store_open(&s, fix_path("lost"), VL_STORE_WRITE, 0, &fix_env, &e), &e, VL_E_STORE,
		  "current is spelled otherwise");
	unlink(fix_path("lost/current"));
	FIX_MUST(!symlink("generations/000002", fix_path("lost/current")));
	s = fix_open("lost");
	unlink(fix_path("lost/generations/000002/index.json"));
	tap_fails(vl_store_current(s, &g, &e), &e, VL_E_STORE, "index.json of the generation is missing");
	fix_write("lost/generations/000002/index.json", "{}");
	tap_fails(vl_store_current(s, &g, &e), &e, VL_E_STORE, "or damaged");
	vl_store_free(s);
}

static void test_damaged_annotations(void)
{
	static const struct {
		const char *key, *bad;
	} cases[] = {
		{ "valise.sequence", "-1" }, { "valise.sequence", "1x" }, { "valise.sequence", "9007199254740992" },
		{ "valise.sequence", "" },   { "valise.epoch", " 1" },	  { "valise.created", "yesterday" },
		{ "valise.installed-again", "0" },
		{ "valise.expires", "0" },   { "valise.waybill", "ab" },  { "valise.installed", "2026-13-01" },
	};
	VL_AUTO(vl_store) s = fix_open("annotations");
	struct vl_channel prod = simple(s, "prod", 1, "x");
	VL_CLEAN(vl_buf) text = VL_BUF_INIT(65536);
	VL_FD dir = -1;

	seal(&prod, 1);
	fix_commit(s, &prod);
	FIX_MUST(vl_store_generation_dir(s, 1, &dir, me) && vl_load_file(dir, "index.json", &text, NULL, me));
	for (size_t i = 0; i < VL_LEN(cases); i++) {
		VL_CLEAN(vl_buf) out = VL_BUF_INIT(65536);
		VL_CLEAN(vl_doc) doc = { 0 };
		VL_CLEAN(vl_generation) g = { 0 };
		struct vl_err e = VL_ERR_INIT;

		FIX_MUST(vl_doc_parse(&doc, vl_buf_bytes(&text), NULL, "x", VL_E_STORE, me));
		vl_desc_set(&doc.child[0], cases[i].key, cases[i].bad);
		FIX_MUST(vl_doc_format(&doc, &out, me) &&
			 vl_save_file(dir, "index.json", 0644, vl_buf_bytes(&out), me));
		tap_fails(vl_store_current(s, &g, &e), &e, VL_E_STORE, "%s \"%s\"", cases[i].key, cases[i].bad);
	}
}

static void test_trim(void)
{
	VL_AUTO(vl_store) s = fix_open("trim");
	struct vl_channel prod = simple(s, "prod", 1, "x");
	struct vl_err e = VL_ERR_INIT;
	char name[64];

	for (unsigned i = 1; i <= 4; i++) {
		fix_commit(s, &prod);
		snprintf(name, sizeof name, "trim/generations/%06u/places", i);
		mkdir(fix_path(name), 0755);
	}
	tap_good(vl_store_trim(s, 2, &e), &e, "trim");
	tap_ok(!fix_exists("trim/generations/000001/places") && !fix_exists("trim/generations/000002/places"),
	       "old places are gone");
	tap_ok(fix_exists("trim/generations/000003/places") && fix_exists("trim/generations/000004/places"),
	       "current and previous are kept");
	tap_good(vl_store_trim(s, 1, &e), &e, "trim all but the current one");
	tap_ok(!fix_exists("trim/generations/000003/places") && fix_exists("trim/generations/000004/places"),
	       "keep: 1 keeps the current one");
	tap_ok(fix_exists("trim/generations/000001/index.json"), "the generations themselves are kept");
}

/* ---- state ---- */

static void test_high(void)
{
	VL_AUTO(vl_store) s = fix_open("high");
	struct vl_channel prod = simple(s, "prod", 5, "x"), lab = simple(s, "lab", 9, "y");
	VL_CLEAN(vl_state) st = { 0 };
	struct vl_err e = VL_ERR_INIT;
	const struct vl_high *h;

	fix_commit(s, &lab);
	tap_good(vl_store_state_load(s, &st, &e), &e, "nothing sealed: no high.json needed");
	seal(&prod, 5);
	fix_commit(s, &prod);
	tap_fails(vl_store_state_load(s, &st, &e), &e, VL_E_STATE, "sealed, but high.json is missing");
	mark(s, "prod", 4, 4);
	tap_fails(vl_store_state_load(s, &st, &e), &e, VL_E_STATE, "sealed, but high.json is older");
	mark(s, "prod", 5, 5);
	tap_good(vl_store_state_load(s, &st, &e), &e, "high.json fits");
	mark(s, "prod", 6, 6);
	tap_good(vl_store_state_load(s, &st, &e), &e, "high.json is ahead: a crash before the commit");
	h = vl_state_find(&st, "prod");
	tap_ok(h && h->sequence == 6 && h->epoch == 1 && h->waybill.b[0] == 6 && st.time_floor == 1700000000, "values");
	fix_write("high/state/high.json", "{\"format\":\"valise-high-1\",\"time-floor\":1,\"channels\":[{}]}");
	tap_fails(vl_store_state_load(s, &st, &e), &e, VL_E_STATE, "damaged entry");
	fix_write("high/state/high.json", "{\"format\":\"valise-high-2\",\"time-floor\":1,\"channels\":[]}");
	tap_fails(vl_store_state_load(s, &st, &e), &e, VL_E_STATE, "another format");
	fix_write("high/state/high.json", "");
	tap_fails(vl_store_state_load(s, &st, &e), &e, VL_E_STATE, "an empty file");
	tap_good(vl_store_state_rebuild(s, &st, &e), &e, "rebuild");
	h = vl_state_find(&st, "prod");
	tap_ok(h && h->sequence == 5 && h->waybill.b[0] == 5 && st.n == 1 && st.time_floor == prod.created,
	       "from the sealed generations");
	tap_good(vl_store_state_load(s, &st, &e), &e, "and it is saved");
}

/* A bundle that claims to be made far in the future must not make all later ones "expired", after a rebuild neither. */
static void test_rebuild_ahead(void)
{
	VL_AUTO(vl_store) s = fix_open("ahead");
	struct vl_channel prod = simple(s, "prod", 5, "x");
	VL_CLEAN(vl_state) st = { 0 };
	struct vl_err e = VL_ERR_INIT;

	prod.installed = vl_release_time() + 86400;
	prod.created = prod.installed + 8 * 86400;
	seal(&prod, 5);
	fix_commit(s, &prod);
	tap_good(vl_store_state_rebuild(s, &st, &e), &e, "rebuild from a bundle of the future");
	tap_ok(st.n == 1 && st.time_floor == 0, "its time raises no floor");
}

static void test_issued(void)
{
	VL_AUTO(vl_store) s = fix_open("issued");
	struct vl_err e = VL_ERR_INIT;
	uint64_t seq = 7;

	tap_good(vl_store_issued(s, "prod", &seq, &e), &e, "nothing issued");
	tap_is(seq, 0, "is 0");
	tap_good(vl_store_set_issued(s, "prod", 41, &e) && vl_store_set_issued(s, "lab", 3, &e) &&
			 vl_store_set_issued(s, "prod", 42, &e) && vl_store_set_issued(s, "prod", 40, &e), &e, "set");
	tap_good(vl_store_issued(s, "prod", &seq, &e), &e, "prod");
	tap_is(seq, 42, "never goes down");
	tap_good(vl_store_issued(s, "lab", &seq, &e), &e, "lab");
	tap_is(seq, 3, "on its own");
	fix_write("issued/state/issued.json", "[]");
	tap_fails(vl_store_issued(s, "prod", &seq, &e), &e, VL_E_STATE, "damaged");
}

/* All that are there, and one by its number. */
static void test_numbers(void)
{
	VL_AUTO(vl_store) s = fix_open("numbers");
	VL_CLEAN(vl_generation) g = { 0 };
	struct vl_err e = VL_ERR_INIT;
	struct vl_channel c;
	uint64_t *all = NULL;
	size_t n = 7;

	tap_good(vl_store_numbers(s, &all, &n, &e), &e, "of an empty store");
	tap_is(n, 0, "there are none");
	free(all);
	for (uint64_t i = 1; i <= 3; i++) {
		c = simple(s, "prod", i, "x");
		fix_commit(s, &c);
	}
	FIX_MUST(vl_remove_tree(vl_store_dir(s), "generations/000002", me));
	tap_good(vl_store_numbers(s, &all, &n, &e), &e, "with a gap");
	tap_ok(n == 2 && all[0] == 1 && all[1] == 3, "ascending");
	free(all);
	tap_good(vl_store_load_generation(s, 1, &g, &e), &e, "the first");
	tap_ok(g.number == 1 && g.n == 1 && g.channel[0].sequence == 1, "is what it was");
	tap_fails(vl_store_load_generation(s, 2, &g, &e), &e, VL_E_ABSENT, "the one that is gone");
	tap_fails(vl_store_load_generation(s, 0, &g, &e), &e, VL_E_ABSENT, "number 0");
}

/* skopeo reads an item by name, byte for byte. */
static void test_skopeo(void)
{
	VL_AUTO(vl_store) s = fix_open("skopeo");
	struct vl_channel prod = simple(s, "prod", 1, "x");
	VL_CLEAN(vl_doc) snapshot = { 0 };
	VL_CLEAN(vl_buf) want = VL_BUF_INIT(65536);
	static char ref[600], got[65536];
	const char *const argv[] = { "/usr/bin/skopeo", "inspect", "--raw", ref, NULL };

	if (access(argv[0], X_OK)) {
		tap_skip("skopeo is not installed");
		return;
	}
	fix_commit(s, &prod);
	FIX_MUST(vl_store_snapshot(s, &prod.root, prod.root_size, &snapshot, me));
	FIX_MUST(vl_store_get(s, &snapshot.child[0].digest, snapshot.child[0].size, &want, me));
	snprintf(ref, sizeof ref, "oci:%s:prod/rules", fix_path("skopeo"));
	tap_is(fix_run(argv, got, sizeof got), 0, "skopeo inspect --raw prod/rules");
	tap_str(got, vl_buf_str(&want), "gives the manifest byte for byte");
}

int main(void)
{
	test_empty();
	test_round_trip();
	test_uncommitted();
	test_bad_items();
	test_recovery();
	test_lost_current();
	test_damaged_annotations();
	test_trim();
	test_high();
	test_rebuild_ahead();
	test_issued();
	test_numbers();
	test_skopeo();
	fix_done();
	return tap_done();
}
