/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline/fetch.c, bundling.c, pack.c with sources of our own: no network, every answer chosen by the test. */
#include "pipeline/pipeline.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "packlist/conf.h"
#include "sources/source.h"
#include "tests/lib/tap.h"

#define NOW INT64_C(1795248000) /* 2026-11-21 */

/* ---- upstream, as the test wants it ---- */

struct upstream {
	const char *name, *content; /* content NULL: the item fails */
};
static const struct upstream *upstream;

static const char *content_of(const char *item)
{
	const struct upstream *u = upstream;

	while (u->name && strcmp(u->name, item))
		u++;
	return u->content;
}

static bool make_item(struct vl_store *s, const char *name, const char *content, struct vl_desc *desc, struct vl_err *e)
{
	VL_CLEAN(vl_doc) doc = { .n = 0 };
	VL_CLEAN(vl_buf) text = VL_BUF_INIT(VL_DOC_MAX);
	struct vl_digest d;
	struct vl_desc *layer;

	vl_doc_init_artifact(&doc, "application/x-test");
	if (!vl_store_put(s, vl_bytes_str(VL_EMPTY_JSON), &d, e) || !vl_store_put(s, vl_bytes_str(content), &d, e))
		return false;
	layer = vl_doc_add(&doc);
	vl_desc_init(layer, "text/plain", &d, strlen(content));
	vl_desc_set(layer, VL_AN_TITLE, "file.txt");
	if (!vl_doc_format(&doc, &text, e) || !vl_store_put(s, vl_buf_bytes(&text), &d, e))
		return false;
	vl_desc_init(desc, VL_MT_MANIFEST, &d, text.len);
	vl_desc_set(desc, VL_AN_ITEM, name);
	vl_desc_set(desc, VL_AN_REF, name);
	return true;
}

static bool is_wanted(const struct vl_fetch_job *job, const char *name)
{
	const char *const *only = job->only;

	while (only && *only && strcmp(*only, name))
		only++;
	return !only || *only;
}

bool vl_sources_fetch(const struct vl_fetch_job *job, struct vl_fetch_result *out, struct vl_err *e)
{
	out->item = vl_xcalloc(job->list->items_count, sizeof *out->item);
	for (unsigned i = 0; i < job->list->items_count; i++) {
		struct vl_item_result *r = &out->item[out->n];
		const char *name = job->list->items[i].name, *content = content_of(name);

		if (!is_wanted(job, name))
			continue;
		out->n++;
		r->item = &job->list->items[i];
		r->ok = content != NULL;
		out->failed += !r->ok;
		if (!r->ok)
			vl_fail(&r->err, VL_E_GONE, "404");
		else if (!make_item(job->store, name, content, &r->desc, e))
			return false;
	}
	return true;
}

void vl_fetch_result_clear(struct vl_fetch_result *r)
{
	for (size_t i = 0; i < r->n; i++)
		vl_desc_clear(&r->item[i].desc);
	free(r->item);
	*r = (struct vl_fetch_result){ .n = 0 };
}

/* ---- the fixture ---- */

struct seen {
	char notes[4096];
};

static void see(void *ctx, const struct vl_event *ev)
{
	struct seen *s = ctx;
	size_t len = strlen(s->notes);

	if (ev->kind == VL_EV_NOTE || ev->kind == VL_EV_WARN)
		snprintf(s->notes + len, sizeof s->notes - len, "%s; ", ev->text);
}

struct fixture {
	char dir[32];
	struct seen seen;
	struct vl_env env;
	struct vl_conf conf;
	char store[64], out[64], list[64], key[2][64];
	const char *keys[3];
	struct vl_pubkey public;
	struct vl_pack_opts o;
};

static void write_list(const struct fixture *f, const char *const *items)
{
	VL_CLEAN(vl_buf) text = VL_BUF_INIT(4096);
	struct vl_err e = VL_ERR_INIT;
	bool good = vl_buf_addf(&text, &e, "channel: prod\nexpires: 7d\nitems:\n");

	for (; good && *items; items++)
		good = vl_buf_addf(&text, &e, "  - {name: %s, type: dir, path: /}\n", *items);
	tap_good(good && vl_save_file(AT_FDCWD, f->list, 0644, vl_buf_bytes(&text), &e), &e, "a packing list");
}

static void make_key(struct fixture *f, unsigned i)
{
	VL_AUTO(vl_seckey) k = NULL;
	struct vl_err e = VL_ERR_INIT;
	char path[64];

	snprintf(path, sizeof path, "%s/%u.key", f->dir, i);
	memcpy(f->key[i], path, sizeof path);
	tap_good(vl_seckey_new(&k, &e) && vl_seckey_save(k, f->key[i], NULL, true, &e), &e, "a key");
	if (k && !i)
		vl_seckey_public(k, &f->public);
}

static void fixture_open(struct fixture *f)
{
	static const char *const items[] = { "rules", "advisories", NULL };

	*f = (struct fixture){ .dir = "/tmp/valise-pack-XXXXXX" };
	if (!mkdtemp(f->dir))
		exit(99);
	snprintf(f->store, sizeof f->store, "%s/store", f->dir);
	snprintf(f->out, sizeof f->out, "%s/out", f->dir);
	snprintf(f->list, sizeof f->list, "%s/valise.yaml", f->dir);
	f->env = (struct vl_env){ .now = NOW, .emit = see, .emit_ctx = &f->seen, .jobs = 2 };
	make_key(f, 0);
	f->keys[0] = f->key[0];
	f->o = (struct vl_pack_opts){ .fetch = { .store = f->store, .packlist = f->list }, .out = f->out,
				      .keys = f->keys };
	write_list(f, items);
}

static void fixture_close(struct fixture *f)
{
	struct vl_err e = VL_ERR_INIT;

	tap_good(vl_remove_tree(AT_FDCWD, f->dir, &e), &e, "clean up");
}

static const struct upstream both[] = { { "advisories", "one\n" }, { "rules", "two\n" }, { NULL, NULL } };
static const struct upstream newer[] = { { "advisories", "one more\n" }, { "rules", "two\n" }, { NULL, NULL } };
static const struct upstream broken[] = { { "advisories", NULL }, { "rules", "two more\n" }, { NULL, NULL } };

static bool pack(struct fixture *f, struct vl_pack_report *r, struct vl_err *e)
{
	bool good;

	*f->seen.notes = '\0';
	good = vl_pack(&f->o, &f->conf, &f->env, r, e);
	free(r->path);
	r->path = NULL;
	return good;
}

static bool exists(const struct fixture *f, const char *rel)
{
	VL_STR path = vl_xprintf("%s/%s", f->dir, rel);
	struct stat st;

	return lstat(path, &st) == 0;
}

static size_t bundles(const struct fixture *f)
{
	DIR *d = opendir(f->out);
	size_t n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n ? n - 2 : 0;
}

static void load(const struct fixture *f, const char *rel, struct vl_buf *b)
{
	VL_STR path = vl_xprintf("%s/%s", f->dir, rel);
	struct vl_err e = VL_ERR_INIT;

	tap_good(vl_load_file(AT_FDCWD, path, b, NULL, &e), &e, "load %s", rel);
}

/* ---- tests ---- */

/* The bundle is what the format says: signed by the key, its parcels hash right. */
static void check_bundle(const struct fixture *f, const char *name, uint64_t sequence)
{
	VL_CLEAN(vl_buf) text = VL_BUF_INIT(VL_WAYBILL_MAX);
	VL_CLEAN(vl_buf) sig = VL_BUF_INIT(VL_MINISIG_MAX);
	VL_CLEAN(vl_buf) parcel = VL_BUF_INIT(VL_PARCEL_STORED_MAX);
	VL_STR waybill = vl_xprintf("out/%s/waybill.json", name);
	VL_STR minisig = vl_xprintf("out/%s/waybill.json.minisig", name);
	VL_STR first = vl_xprintf("out/%s/parcels/000001.tar.zst", name);
	VL_AUTO(vl_waybill) w = NULL;
	struct vl_keyring ring = { &f->public, 1 };
	struct vl_err e = VL_ERR_INIT;
	static struct vl_signed s;
	uint8_t raw[65536];

	load(f, waybill, &text);
	load(f, minisig, &sig);
	load(f, first, &parcel);
	tap_good(vl_signed_open(&s, vl_buf_bytes(&text), &(struct vl_sigfile){ "s", vl_buf_bytes(&sig) }, 1, &ring, &e),
		 &e, "%s: the signature", name);
	if (!tap_ok(vl_waybill_parse(&w, &s, &e), "%s: the waybill: %s", name, e.msg))
		return;
	tap_good(vl_waybill_comments_agree(w, &s, &e), &e, "%s: the signed comment", name);
	tap_is(w->sequence, sequence, "%s: number", name);
	tap_is(w->created, NOW, "%s: created", name);
	tap_is(w->expires, NOW + 7 * 86400, "%s: expires", name);
	tap_is(w->items, 2, "%s: items", name);
	tap_good(vl_parcel_open(vl_buf_bytes(&parcel), &w->parcel[0], first, raw, &e), &e, "%s: its parcel", name);
}

static void test_keys(struct fixture *f)
{
	struct vl_pack_report r;
	struct vl_err e = VL_ERR_INIT;

	f->keys[0] = NULL;
	tap_fails(pack(f, &r, &e), &e, VL_E_USAGE, "no key");
	f->keys[0] = f->key[0];
	f->o.unsigned_ = true;
	tap_fails(pack(f, &r, &e), &e, VL_E_USAGE, "a key and --unsigned");
	f->o.unsigned_ = false;
	f->keys[1] = f->key[0];
	tap_fails(pack(f, &r, &e), &e, VL_E_USAGE, "the same key twice");
	f->keys[1] = NULL;
	f->o.out = f->list;
	tap_fails(pack(f, &r, &e), &e, VL_E_EXISTS, "a file to write the bundle into: %s", e.msg);
	f->o.out = f->out;
	tap_ok(!exists(f, "store") && !exists(f, "out"), "nothing was touched before the keys were open");
}

static void test_first(struct fixture *f)
{
	struct vl_pack_report r;
	struct vl_err e = VL_ERR_INIT;

	f->o.fetch.dry_run = true;
	tap_fails(pack(f, &r, &e), &e, VL_E_ABSENT, "a dry run before anything was fetched");
	f->o.fetch.dry_run = false;
	f->o.no_fetch = true;
	tap_fails(pack(f, &r, &e), &e, VL_E_ABSENT, "--no-fetch before anything was fetched");
	f->o.no_fetch = false;
	upstream = both;
	tap_good(pack(f, &r, &e), &e, "the first bundle");
	tap_is(r.sequence, 1, "is number 1");
	tap_ok(r.fetch.changed && r.fetch.items == 2 && r.parcels == 1, "2 items, 1 parcel");
	tap_ok(r.carried > 0 && r.raw > 0, "%d bytes carried, %d raw", (int)r.carried, (int)r.raw);
	check_bundle(f, "prod-000001", 1);
}

static void test_nothing_new(struct fixture *f)
{
	struct vl_pack_report r;
	struct vl_err e = VL_ERR_INIT;

	tap_good(pack(f, &r, &e), &e, "nothing new");
	tap_is(r.sequence, 2, "the next number all the same");
	tap_ok(!r.fetch.changed && strstr(f->seen.notes, "nothing new upstream since 2026-11-21") &&
		       strstr(f->seen.notes, "prod 1"), "and it is said: %s", f->seen.notes);
	check_bundle(f, "prod-000002", 2);
	f->o.fetch.dry_run = true;
	tap_good(pack(f, &r, &e), &e, "a dry run");
	tap_ok(r.sequence == 3 && r.carried && bundles(f) == 2 && r.parcels == 1, "tells and writes nothing");
	f->o.fetch.dry_run = false;
}

static void test_numbers(struct fixture *f)
{
	struct vl_pack_report r;
	struct vl_err e = VL_ERR_INIT;

	f->o.sequence = 2;
	tap_fails(pack(f, &r, &e), &e, VL_E_USAGE, "--sequence 2 was given away: %s", e.msg);
	f->o.sequence = 10;
	tap_good(pack(f, &r, &e), &e, "--sequence 10");
	check_bundle(f, "prod-000010", 10);
	f->o.sequence = 0;
	upstream = newer;
	tap_good(pack(f, &r, &e), &e, "then the next");
	tap_ok(r.sequence == 11 && r.fetch.changed, "is 11, and new");
}

static void test_failing_item(struct fixture *f)
{
	struct vl_pack_report r;
	struct vl_err e = VL_ERR_INIT;
	size_t before = bundles(f);

	upstream = broken;
	tap_fails(pack(f, &r, &e), &e, VL_E_GONE, "a failing item");
	tap_ok(strstr(e.msg, "advisories") && strstr(e.state, "prod 11"), "is named: %s; %s", e.msg, e.state);
	tap_is(bundles(f), before, "and nothing is written");
	f->o.fetch.keep_going = true;
	tap_good(pack(f, &r, &e), &e, "--keep-going");
	tap_ok(r.fetch.failed == 1 && r.fetch.items == 2 && r.sequence == 12, "keeps its previous content");
	f->o.fetch.keep_going = false;
	check_bundle(f, "prod-000012", 12);
}

static void test_stop(struct fixture *f)
{
	volatile sig_atomic_t stop = SIGINT;
	struct vl_pack_report r;
	struct vl_err e = VL_ERR_INIT;
	size_t before = bundles(f);

	upstream = newer;
	f->env.stop = &stop;
	tap_fails(pack(f, &r, &e), &e, VL_E_INTERRUPTED, "stopped by the user");
	tap_is(bundles(f), before, "leaves no bundle");
	f->env.stop = NULL;
}

static void test_unsigned(struct fixture *f)
{
	struct vl_pack_report r;
	struct vl_err e = VL_ERR_INIT;

	f->o.unsigned_ = true;
	f->keys[0] = NULL;
	tap_good(pack(f, &r, &e), &e, "unsigned");
	tap_is(r.sequence, 13, "has a number");
	tap_ok(exists(f, "out/prod-000013/waybill.json") && !exists(f, "out/prod-000013/waybill.json.minisig"),
	       "and no signature");
	tap_ok(strstr(f->seen.notes, "minisign -S") && strstr(f->seen.notes, "seq=13 sha256="), "%s", f->seen.notes);
	f->o.unsigned_ = false;
	f->keys[0] = f->key[0];
}

static void test_two_keys(struct fixture *f)
{
	struct vl_pack_report r;
	struct vl_err e = VL_ERR_INIT;
	VL_AUTO(vl_seckey) k = NULL;
	struct vl_pubkey p;
	char id[VL_KEYID_TEXT], name[80];

	make_key(f, 1);
	f->keys[1] = f->key[1];
	tap_good(pack(f, &r, &e) && vl_seckey_load(&k, f->key[1], NULL, NULL, &e), &e, "two keys");
	f->keys[1] = NULL;
	if (!k)
		return;
	vl_seckey_public(k, &p);
	snprintf(name, sizeof name, "out/prod-000014/waybill.json.%s.minisig", vl_keyid_text(p.id, id));
	tap_ok(exists(f, name) && exists(f, "out/prod-000014/waybill.json.minisig"), "%s", name);
}

static void test_fetch(struct fixture *f)
{
	static const char *const only[] = { "rules", NULL }, *const odd[] = { "roles", NULL };
	struct vl_fetch_opts o = f->o.fetch;
	struct vl_fetch_report r;
	struct vl_err e = VL_ERR_INIT;

	upstream = broken;
	o.only = only;
	tap_good(vl_fetch(&o, &f->conf, &f->env, &r, &e), &e, "fetch one item");
	tap_ok(r.changed && r.items == 2 && r.sequence == 15, "the other stays as it was; number %d", (int)r.sequence);
	tap_good(vl_fetch(&o, &f->conf, &f->env, &r, &e), &e, "fetch it again");
	tap_ok(!r.changed && r.sequence == 15, "unchanged");
	o.only = odd;
	tap_fails(vl_fetch(&o, &f->conf, &f->env, &r, &e), &e, VL_E_ABSENT, "an item that is not there: %s", e.msg);
	o.only = NULL;
	write_list(f, only);
	tap_good(vl_fetch(&o, &f->conf, &f->env, &r, &e), &e, "an item leaves the packing list");
	tap_ok(r.changed && r.items == 1 && r.sequence == 15, "and the snapshot; a number nobody saw is used again");
	o.channel = "../x";
	tap_fails(vl_fetch(&o, &f->conf, &f->env, &r, &e), &e, VL_E_USAGE, "a channel that is no name");
}

/* The same content, key and time: the same bytes, whatever store and directory. */
static void test_reproducible(void)
{
	static const char *const files[] = { "waybill.json", "waybill.json.minisig", "READ-ME.txt", "SHA256SUMS",
					     "volume.json", "parcels/000001.tar.zst" };
	static struct fixture f[2];
	struct vl_pack_report r;
	struct vl_err e = VL_ERR_INIT;

	upstream = both;
	for (unsigned i = 0; i < 2; i++) {
		fixture_open(&f[i]);
		f[i].keys[0] = f[0].key[0];
		f[i].env.jobs = 1 + i;
		f[i].o.created = NOW + 5;
		tap_good(pack(&f[i], &r, &e), &e, "bundle %u of 2", i + 1);
	}
	for (size_t k = 0; k < VL_LEN(files); k++) {
		VL_CLEAN(vl_buf) a = VL_BUF_INIT(1 << 20);
		VL_CLEAN(vl_buf) b = VL_BUF_INIT(1 << 20);
		VL_STR rel = vl_xprintf("out/prod-000001/%s", files[k]);

		load(&f[0], rel, &a);
		load(&f[1], rel, &b);
		tap_ok(a.len && a.len == b.len && !memcmp(a.data, b.data, a.len), "the same bytes: %s", files[k]);
	}
	fixture_close(&f[0]);
	fixture_close(&f[1]);
}

/* A blob that rots in the store never reaches a signature. */
static void test_rotten(struct fixture *f)
{
	struct vl_pack_report r;
	struct vl_err e = VL_ERR_INIT;
	struct vl_digest d;
	char hex[VL_DIGEST_HEX];
	VL_STR path = NULL;
	VL_FD fd = -1;
	size_t before = bundles(f);

	vl_sha256_of(vl_bytes_str("two more\n"), &d);
	path = vl_xprintf("%s/blobs/sha256/%s", f->store, vl_digest_hex(&d, hex));
	fd = chmod(path, 0644) ? -1 : open(path, O_WRONLY);
	tap_ok(fd >= 0 && pwrite(fd, "T", 1, 0) == 1, "a blob rots");
	f->o.no_fetch = true;
	tap_fails(pack(f, &r, &e), &e, VL_E_STORE, "it is not packed: %s", e.msg);
	tap_ok(strstr(e.msg, hex) && bundles(f) == before, "the blob is named, no bundle is left");
	f->o.no_fetch = false;
}

/* A store that receives signed bundles does not take what was merely fetched. */
static void test_receiving_store(void)
{
	static struct fixture f;
	VL_AUTO(vl_store) s = NULL;
	struct vl_channel c = { .name = "other", .epoch = 1, .sequence = 3, .sealed = true, .created = NOW,
				.expires = NOW + 1, .installed = NOW };
	VL_CLEAN(vl_generation) g = { .n = 0 };
	VL_CLEAN(vl_doc) doc = { .n = 0 };
	VL_CLEAN(vl_buf) text = VL_BUF_INIT(VL_DOC_MAX);
	struct vl_err e = VL_ERR_INIT;
	struct vl_pack_report r;

	fixture_open(&f);
	vl_doc_init_index(&doc);
	tap_good(vl_store_open(&s, f.store, VL_STORE_WRITE, 0, &f.env, &e) && vl_doc_format(&doc, &text, &e) &&
			 vl_store_put(s, vl_buf_bytes(&text), &c.root, &e), &e, "a store that receives");
	c.root_size = text.len;
	vl_generation_set(&g, &c);
	if (s) {
		VL_CLEAN(vl_newgen) n = VL_NEWGEN_INIT;

		tap_good(vl_newgen_open(&n, s, &g, &e) && vl_newgen_commit(&n, NULL, NULL, &e), &e, "a sealed channel");
	}
	vl_store_free(vl_steal(&s));
	upstream = both;
	tap_fails(pack(&f, &r, &e), &e, VL_E_POLICY, "is not packed from: %s", e.msg);
	tap_is(bundles(&f), 0, "and nothing is written");
	fixture_close(&f);
}

int main(void)
{
	static struct fixture f;

	fixture_open(&f);
	test_keys(&f);
	test_first(&f);
	test_nothing_new(&f);
	test_numbers(&f);
	test_failing_item(&f);
	test_stop(&f);
	test_unsigned(&f);
	test_two_keys(&f);
	test_fetch(&f);
	test_rotten(&f);
	fixture_close(&f);
	test_reproducible();
	test_receiving_store();
	return tap_done();
}
