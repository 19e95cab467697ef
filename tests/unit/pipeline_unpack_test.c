/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/pipeline_unpack_test.c: whole runs of verify and unpack: what is taken, what is refused, what the store
 * holds afterwards and what the error says about it. */
#include <dirent.h>

#include "pipeline/pipeline.h"
#include "tests/lib/bundle_fixture.h"
#include "tests/lib/tap.h"

static struct vl_err e;
static struct vl_unpack_report r;
static struct vl_seckey *key, *stranger;
static struct vl_pubkey pub, stranger_pub;
static const char *path[8];
static struct vl_unpack_opts base;

/* Bundles 1 to 3 of prod, 2' with other content, 1 of test, on one "medium" each. */
static void make_media(void)
{
	VL_AUTO(vl_store) from = fix_open("from");
	static char dir[16];

	for (uint64_t i = 1; i <= 3; i++) {
		struct vl_channel c = fix_two_items(from, "prod", i, 3000);

		snprintf(dir, sizeof dir, "p%d", (int)i);
		fix_bundle(from, &c, &(struct fix_order){ .dir = dir, .key = { key }, .raw_max = 4096 });
	}
	struct vl_channel other = fix_two_items(from, "prod", 77, 3000), test = fix_two_items(from, "test", 1, 3000);

	fix_bundle(from, &other, &(struct fix_order){ .dir = "p2b", .key = { key }, .sequence = 2 });
	fix_bundle(from, &test, &(struct fix_order){ .dir = "t1", .key = { key } });
	fix_bundle(from, &other, &(struct fix_order){ .dir = "old", .key = { key }, .sequence = 9,
						      .created = fix_env.now - 20 * 86400,
						      .expires = fix_env.now - 3 * 86400 });
	fix_bundle(from, &other, &(struct fix_order){ .dir = "strange", .key = { stranger }, .sequence = 9 });
}

static void fresh_store(void)
{
	VL_AUTO(vl_store) to = NULL;
	VL_CLEAN(vl_trust) t = { .key = NULL };

	FIX_MUST(vl_remove_tree(AT_FDCWD, fix_path("to"), me));
	to = fix_open("to");
	FIX_MUST(vl_trust_add(&t, &pub, NULL, "sender", fix_env.now, me) && vl_trust_save(&t, to, me));
}

static const char *holds(void)
{
	static char words[200];
	VL_AUTO(vl_store) s = NULL;
	VL_CLEAN(vl_generation) g = { 0 };
	size_t len = 0;

	FIX_MUST(vl_store_open(&s, fix_path("to"), VL_STORE_READ, 0, &fix_env, me) && vl_store_current(s, &g, me));
	words[0] = '\0';
	for (size_t i = 0; i < g.n; i++)
		len += (size_t)snprintf(words + len, sizeof words - len, "%s%s %d", i ? ", " : "", g.channel[i].name,
					(int)g.channel[i].sequence);
	return words;
}

static bool run(struct vl_unpack_opts o, const char *a, const char *b)
{
	path[0] = a ? fix_path(a) : NULL;
	path[1] = b ? fix_path(b) : NULL;
	path[2] = NULL;
	o.paths = path;
	memset(&e, 0, sizeof e);
	return vl_unpack(&o, &fix_env, &r, &e);
}

#define P3T1 "store unchanged (prod 3, test 1)"
#define P9T1 "store unchanged (prod 9, test 1)"

/* Each row goes on where the one before stopped. */
static void story(void)
{
	static const struct {
		const char *a, *b;
		enum vl_code want;
		const char *holds, *state;
		bool already, accept_expired, dry_run;
		uint64_t allow_rollback;
		const char *channel;
	} rows[] = {
		{ "strange", NULL, VL_E_SIG_UNKNOWN, "", "store unchanged (empty)", .already = false },
		{ "p1", NULL, VL_OK, "", "", .dry_run = true },
		{ "p1", NULL, VL_OK, "prod 1", "", .already = false },
		{ "p1", NULL, VL_OK, "prod 1", "", .already = true },
		{ "p1", "t1", VL_E_USAGE, "prod 1", "store unchanged (prod 1)", .already = false },
		{ "p1", "t1", VL_OK, "prod 1, test 1", "", .channel = "test" },
		{ "p1", NULL, VL_E_CHANNEL, "prod 1, test 1", "store unchanged (prod 1, test 1)", .channel = "test" },
		{ "p1", "p3", VL_OK, "prod 3, test 1", "", .already = false },
		{ "p2", NULL, VL_E_ROLLBACK, "prod 3, test 1", P3T1, .already = false },
		{ "p2", "p2b", VL_E_EQUIVOCATION, "prod 3, test 1", P3T1, .already = false },
		{ "p2", NULL, VL_E_ROLLBACK, "prod 3, test 1", P3T1, .allow_rollback = 1 },
		{ "p2", NULL, VL_OK, "prod 2, test 1", "", .allow_rollback = 2 },
		{ "p1", NULL, VL_E_ROLLBACK, "prod 2, test 1", "store unchanged (prod 2, test 1)", .already = false },
		{ "p3", NULL, VL_OK, "prod 3, test 1", "", .already = false },
		{ "p3", "strange", VL_E_SIG_UNKNOWN, "prod 3, test 1", P3T1, .already = false },
		{ "old", NULL, VL_E_EXPIRED, "prod 3, test 1", P3T1, .already = false },
		{ "old", NULL, VL_OK, "prod 9, test 1", "", .accept_expired = true },
		{ "old", NULL, VL_OK, "prod 9, test 1", "", .already = true },
		{ "nowhere", NULL, VL_E_ABSENT, "prod 9, test 1", P9T1, .already = false },
	};

	fresh_store();
	for (size_t i = 0; i < VL_LEN(rows); i++) {
		struct vl_unpack_opts o = base;
		bool good;

		o.accept_expired = rows[i].accept_expired;
		o.allow_rollback = rows[i].allow_rollback;
		o.channel = rows[i].channel;
		o.dry_run = rows[i].dry_run;
		good = run(o, rows[i].a, rows[i].b);
		tap_ok(good ? rows[i].want == VL_OK : e.code == rows[i].want, "story %zu: %s: E%04d", i, rows[i].a,
		       (int)rows[i].want);
		if (good != (rows[i].want == VL_OK))
			printf("# E%04d %s\n", (int)e.code, e.msg);
		tap_str(holds(), rows[i].holds, "story %zu: what the store holds", i);
		tap_str(e.state, rows[i].state, "story %zu: what the error says about it", i);
		if (good)
			tap_is(r.already, rows[i].already, "story %zu: installed already", i);
	}
}

static size_t entries(const char *name)
{
	struct dirent *entry;
	size_t n = 0;
	DIR *d = opendir(fix_path(name));

	while (d && (entry = readdir(d)))
		n += entry->d_name[0] != '.';
	if (d)
		closedir(d);
	return n;
}

/* What an auditor finds in the current generation. */
static void papers(void)
{
	static const char *const wanted[] = { "prod.waybill.json", "prod.waybill.json.minisig", "test.waybill.json",
					      "test.waybill.json.minisig", "index.json" };
	char name[100];

	fresh_store();
	tap_ok(run(base, "p1", NULL) && run((struct vl_unpack_opts){ .store = base.store }, "t1", NULL),
	       "two channels");
	for (size_t i = 0; i < VL_LEN(wanted); i++) {
		snprintf(name, sizeof name, "to/current/%s", wanted[i]);
		tap_ok(fix_exists(name), "the generation has %s", wanted[i]);
	}
	tap_ok(fix_exists("to/current/places"), "and places");
	tap_ok(run(base, "p2", NULL), "without places");
	tap_ok(!fix_exists("to/current/places"), "there are none");
	tap_ok(run((struct vl_unpack_opts){ .store = base.store }, "p2", NULL) && !r.already, "the same with places");
	tap_ok(fix_exists("to/current/places"), "makes them");
	tap_ok(run((struct vl_unpack_opts){ .store = base.store }, "p2", NULL) && r.already, "and again: is installed");
}

/* A refused bundle leaves no blob behind; the parcel that is missing or damaged is the last. */
static void leaves_nothing(void)
{
	char last[64];
	size_t blobs;

	fresh_store();
	tap_ok(run(base, "p1", NULL), "prod 1");
	blobs = entries("to/blobs/sha256");
	snprintf(last, sizeof last, "p2/parcels/%06d.tar.zst", (int)r.parcels);
	fix_write("spare", "");
	tap_ok(!rename(fix_path(last), fix_path("spare")), "the last of %d parcels is lost", (int)r.parcels);
	tap_ok(!run(base, "p2", NULL) && e.code == VL_E_VOLUME, "T04 a parcel is missing: E%04d %s",
	       (int)e.code, e.msg);
	tap_is(entries("to/blobs/sha256"), blobs, "and no blob came");
	fix_write(last, "damaged");
	tap_ok(!run(base, "p2", NULL) && e.code == VL_E_SIZE, "T03 another size: E%04d %s", (int)e.code, e.msg);
	tap_is(entries("to/blobs/sha256"), blobs, "and no blob came");
	tap_is(entries("to/staging"), 0, "nothing in staging");
	tap_is(entries("to/generations"), 1, "one generation");
	tap_ok(!rename(fix_path("spare"), fix_path(last)), "the parcel is found");
	tap_ok(run(base, "p2", NULL), "then all is well");
	tap_ok(entries("to/blobs/sha256") > blobs, "and blobs came");
}

static void stop_at_once(void)
{
	volatile sig_atomic_t stop = SIGTERM;
	struct vl_env env = { .now = fix_env.now, .jobs = 2, .stop = &stop };
	struct vl_unpack_opts o = base;

	path[0] = fix_path("p3");
	path[1] = NULL;
	o.paths = path;
	tap_fails(vl_unpack(&o, &env, &r, &e), &e, VL_E_INTERRUPTED, "T89 a signal stops it");
	tap_str(e.state, "store unchanged (prod 2)", "and the store is as it was");
}

static void lost_state(void)
{
	tap_ok(!unlink(fix_path("to/state/high.json")), "high.json is lost");
	tap_ok(!run(base, "p3", NULL) && e.code == VL_E_STATE, "T22 refused: E%04d %s", (int)e.code, e.msg);
	fix_write("to/state/high.json", "{}");
	tap_ok(!run(base, "p3", NULL) && e.code == VL_E_STATE, "T22 damaged: refused: E%04d %s", (int)e.code, e.msg);
}

/* ---- verify ---- */
static void note_fault(void *ctx, const struct vl_err *fault)
{
	size_t *n = ctx;

	++*n;
	printf("# fault: E%04d %s\n", (int)fault->code, fault->msg);
}

static bool check(struct vl_unpack_opts o, const char *bundle)
{
	path[0] = fix_path(bundle);
	path[1] = NULL;
	o.paths = path;
	memset(&e, 0, sizeof e);
	return vl_verify(&o, &fix_env, &r, &e);
}

static void verifying(void)
{
	VL_CLEAN(vl_buf) text = VL_BUF_INIT(4096);
	const char *trust[] = { NULL, NULL }, *bad[] = { NULL, NULL };
	VL_STR known = NULL;
	VL_STR unknown = NULL;
	size_t faults = 0;
	struct vl_unpack_opts alone = { .trust = trust }, every = alone;

	FIX_MUST(vl_pubkey_format(&pub, &text, me));
	fix_write("k.pub", vl_buf_str(&text));
	vl_buf_reset(&text);
	FIX_MUST(vl_pubkey_format(&stranger_pub, &text, me));
	fix_write("s.pub", vl_buf_str(&text));
	trust[0] = known = vl_xstrdup(fix_path("k.pub"));
	bad[0] = unknown = vl_xstrdup(fix_path("s.pub"));
	tap_good(check(alone, "p3"), &e, "verify with a key and no store");
	tap_is(r.now.sequence, 3, "says the sequence");
	tap_ok(!check((struct vl_unpack_opts){ .trust = bad }, "p3") && e.code == VL_E_SIG_UNKNOWN, "with another key");
	tap_ok(!check((struct vl_unpack_opts){ .store = fix_path("nothing") }, "p3") && e.code == VL_E_NO_TRUST,
	       "without any key");
	tap_ok(!fix_exists("nothing"), "and no store was made");
	tap_ok(!check(alone, "old") && e.code == VL_E_EXPIRED, "T26 an expired bundle: %s", e.msg);
	alone.accept_expired = true;
	tap_good(check(alone, "old"), &e, "T26 accepted");
	fresh_store();
	FIX_MUST(run(base, "p3", NULL));
	tap_ok(!check((struct vl_unpack_opts){ .store = base.store }, "p2") && e.code == VL_E_ROLLBACK, "T20 %s",
	       e.msg);
	tap_ok(check((struct vl_unpack_opts){ .store = base.store }, "p3") && r.already, "the one installed");
	fix_write("p1/parcels/000001.tar.zst", "x");
	fix_write("p1/READ-ME.txt", "Run this!\n");
	unlink(fix_path("p1/parcels/000003.tar.zst"));
	every.fault = note_fault;
	every.fault_ctx = &faults;
	tap_ok(!check(every, "p1") && e.code == VL_E_SIZE, "three faults: the worst is E%04d", (int)e.code);
	tap_is(faults, 3, "all were told");
	tap_is(r.faults, 3, "and counted");
	tap_ok(!check(alone, "p1") && e.code == VL_E_SIZE, "without a listener the first ends it");
}

int main(void)
{
	VL_STR to = vl_xstrdup(fix_path("to"));

	key = fix_key(&pub);
	stranger = fix_key(&stranger_pub);
	make_media();
	base = (struct vl_unpack_opts){ .store = to, .no_place = true };
	story();
	papers();
	leaves_nothing();
	stop_at_once();
	lost_state();
	verifying();
	vl_seckey_free(key);
	vl_seckey_free(stranger);
	fix_done();
	return tap_done();
}
