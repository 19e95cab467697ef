/* SPDX-License-Identifier: Apache-2.0 */
/* The hub: names taken apart and mapped, what a generation offers, referrers, clashes, damage, many images. */
#include <time.h>

#include "base/host.h"
#include "base/text.h"
#include "store/hub_priv.h"
#include "tests/lib/image_fixture.h"
#include "tests/lib/tap.h"

/* ---- names ---- */

static void test_names(void)
{
	static const struct {
		const char *text, *host_and_name, *tag; /* host_and_name NULL: refused */
	} row[] = {
		{ "registry.example.com/security/semgrep:5", "registry.example.com/security/semgrep", "5" },
		{ "registry.example.com:5000/a:b", "registry.example.com:5000/a", "b" },
		{ "[::1]:5000/a:b", "[::1]:5000/a", "b" },
		{ "localhost/a__b/c-d.e:V1.0_x", "localhost/a__b/c-d.e", "V1.0_x" },
		{ "h.example/a@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "h.example/a",
		  NULL },
		{ "h.example/a:3@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		  "h.example/a", "3" },
		{ "h.example/a", NULL, NULL },
		{ "h.example:5000", NULL, NULL },
		{ "alpine:3", NULL, NULL },
		{ "h.example/a:../../etc", NULL, NULL },
		{ "h.example/a:", NULL, NULL },
		{ "h.example/a:.x", NULL, NULL },
		{ "h.example/a:-x", NULL, NULL },
		{ "h.example/a:x/y", NULL, NULL },
		{ "h.example/a:x%2e", NULL, NULL },
		{ "h.example/../a:1", NULL, NULL },
		{ "h.example/A:1", NULL, NULL },
		{ "h.example/a..b:1", NULL, NULL },
		{ "h.example/a___b:1", NULL, NULL },
		{ "h.example//a:1", NULL, NULL },
		{ "h.example/a/:1", NULL, NULL },
		{ "../h/a:1", NULL, NULL },
		{ "h?x/a:1", NULL, NULL },
		{ "/a:1", NULL, NULL },
		{ "h.example/a@sha256:e3", NULL, NULL },
		{ "h.example/a@md5:d41d8cd98f00b204e9800998ecf8427e", NULL, NULL },
		{ "h.example/a@", NULL, NULL },
		{ "", NULL, NULL },
	};

	for (size_t i = 0; i < VL_LEN(row); i++) {
		VL_CLEAN(vl_image_name) n = { 0 };
		bool good = vl_image_name_parse(&n, row[i].text);

		tap_ok(good == (row[i].host_and_name != NULL), "\"%s\" is %sa name", row[i].text,
		       row[i].host_and_name ? "" : "not ");
		if (good && row[i].host_and_name) {
			tap_str(n.host_and_name, row[i].host_and_name, "its name");
			tap_ok(row[i].tag ? n.tag && !strcmp(n.tag, row[i].tag) : !n.tag, "its tag");
		}
	}
}

static void test_lengths(void)
{
	char name[300], tag[400];

	memset(name, 'a', sizeof name);
	name[255] = '\0';
	tap_ok(vl_repository_is_valid(name), "a repository of 255 bytes");
	name[255] = 'a';
	name[256] = '\0';
	tap_ok(!vl_repository_is_valid(name), "not of 256");
	for (unsigned len = 128; len <= 129; len++) {
		VL_CLEAN(vl_image_name) n = { 0 };

		memset(name, 't', sizeof name);
		name[len] = '\0';
		snprintf(tag, sizeof tag, "h.example/a:%s", name);
		tap_ok(vl_image_name_parse(&n, tag) == (len == 128), "a tag of %u bytes", len);
	}
}

static void test_mapping(void)
{
	static const struct vl_name_rule rules[] = {
		{ "registry.gitlab.com/security-products", "scanners" },
		{ "registry.gitlab.com/security-products/semgrep", "never-reached" },
		{ "docker.io/library", "" },
		{ "ghcr.io/aquasecurity/", "trivy/" },
		{ "quay.io", "quay/" },
		{ "bad.example", "UPPER" },
	};
	static const struct {
		const char *name, *want;
	} row[] = {
		{ "registry.gitlab.com/security-products/semgrep", "scanners/semgrep" },
		{ "registry.gitlab.com/security-products/a/b", "scanners/a/b" },
		{ "registry.gitlab.com/security-products", "scanners" },
		{ "registry.gitlab.com/security-products-x/semgrep", "security-products-x/semgrep" },
		{ "registry.gitlab.com/other/x", "other/x" },
		{ "docker.io/library/alpine", "alpine" },
		{ "docker.io/library", NULL },
		{ "docker.io/grafana/loki", "grafana/loki" },
		{ "ghcr.io/aquasecurity/trivy-db", "trivy/trivy-db" },
		{ "quay.io/a/b", "quay/a/b" },
		{ "bad.example/a", NULL },
		{ "registry.example.com:5000/security/semgrep", "security/semgrep" },
		{ "alone", NULL },
	};

	for (size_t i = 0; i < VL_LEN(row); i++) {
		VL_STR got = vl_name_map(rules, VL_LEN(rules), row[i].name);

		tap_ok(row[i].want ? got && !strcmp(got, row[i].want) : !got, "%s becomes %s (%s)", row[i].name,
		       row[i].want ? row[i].want : "nothing", got ? got : "-");
	}
}

/* ---- the fixture's generation ---- */

static const char *const fixture_names[] = {
	"aquasecurity/trivy-db:2", "library/alpine:3", "library/alpine:3.20", "prod/docs:42", "prod/docs:latest",
	"prod/trivy-db:42", "prod/trivy-db:latest", "security/semgrep@", "security/semgrep:5", "security/semgrep:.sig",
};

static void check_names(const struct vl_hub *h)
{
	tap_is((long long)h->n_offer, (long long)VL_LEN(fixture_names), "so many names are offered");
	for (size_t i = 0; i < h->n_offer && i < VL_LEN(fixture_names); i++) {
		const struct vl_offer *o = &h->offer[i];
		bool sig = o->tag && vl_ends_with(o->tag, ".sig");
		VL_STR got = vl_xprintf("%s%s%s", o->repository, o->tag ? ":" : "@",
					!o->tag ? "" : sig ? ".sig" : o->tag);

		tap_str(got, fixture_names[i], "name %zu", i);
	}
}

static void check_find(const struct vl_hub *h, const struct fix_images *x)
{
	const struct vl_offer *o = vl_hub_find(h, "security/semgrep", "5");

	tap_ok(o && vl_digest_equal(&o->desc.digest, &x->semgrep.digest), "security/semgrep:5 is the index");
	tap_str(o ? o->source : NULL, FIX_SEMGREP ":5", "with upstream's name");
	tap_str(o ? o->item : NULL, "analyzers", "of its item");
	tap_str(o ? o->desc.media_type : NULL, VL_MT_INDEX, "with its media type");
	tap_str(o ? vl_desc_get(&o->desc, VL_AN_FETCHED) : NULL, "2026-11-20T06:12:00Z", "and the item's annotations");
	o = vl_hub_find(h, "library/alpine", "3.20");
	tap_ok(o && vl_digest_equal(&o->desc.digest, &x->alpine.digest), "the second name of alpine");
	o = vl_hub_find(h, "prod/trivy-db", "42");
	tap_ok(o && o->by_item && vl_digest_equal(&o->desc.digest, &x->trivy.digest), "an artifact by its item");
	o = vl_hub_find(h, "aquasecurity/trivy-db", "2");
	tap_ok(o && !o->by_item, "and by upstream's name");
	tap_ok(!vl_hub_find(h, "security/semgrep", "6"), "no such tag");
	tap_ok(!vl_hub_find(h, "security", "5") && !vl_hub_find(h, "", "") && !vl_hub_find(h, "zzz", "5"),
	       "no such repository");
	tap_ok(!vl_hub_find(h, "security/semgrep", NULL), "without a tag: none");
	tap_ok(vl_hub_has_repository(h, "security/semgrep") && vl_hub_has_repository(h, "prod/docs"), "repositories");
	tap_ok(!vl_hub_has_repository(h, "security") && !vl_hub_has_repository(h, "security/semgrepp"),
	       "and what is none");
}

static void check_blobs(const struct vl_hub *h, const struct fix_images *x)
{
	const struct vl_hub_blob *b = vl_hub_blob(h, &x->shared.digest);
	struct vl_digest none = { .b = { 1 } };

	tap_ok(b && !b->is_doc && b->size == x->shared.size, "the shared layer is a blob");
	b = vl_hub_blob(h, &x->arm64.digest);
	tap_ok(b && b->is_doc && !strcmp(b->media_type, VL_MT_MANIFEST), "a platform's manifest is a document");
	tap_ok(!vl_hub_blob(h, &none), "what is not there is not found");
	for (size_t i = 1; i < h->n_blob; i++)
		if (memcmp(h->blob[i - 1].digest.b, h->blob[i].digest.b, 32) >= 0)
			tap_ok(false, "blobs are sorted, each once");
}

static void check_attached(const struct vl_hub *h, const struct fix_images *x)
{
	size_t n = 9, attached = 0;
	const struct vl_referrer *r = vl_hub_referrers(h, &x->semgrep.digest, &n);

	tap_is((long long)n, 1, "one referrer: cosign's tag has no subject inside");
	tap_ok(r && vl_digest_equal(&r->desc.digest, &x->sbom.digest), "it is the SBOM");
	tap_str(r ? r->desc.artifact_type : NULL, FIX_SBOM_TYPE, "with its artifact type");
	tap_str(r ? vl_desc_get(&r->desc, "org.example.made") : NULL, "by hand", "and the manifest's annotations");
	tap_ok(!vl_hub_referrers(h, &x->alpine.digest, &n) && n == 0, "nothing is attached to alpine");
	for (size_t i = 0; i < h->n_offer; i++)
		attached += h->offer[i].attached && vl_digest_equal(&h->offer[i].subject, &x->semgrep.digest);
	tap_is((long long)attached, 2, "both signatures are attached to the index");
}

static void test_fixture(void)
{
	VL_AUTO(vl_store) s = fix_open("hub");
	VL_CLEAN(fix_images) x = { 0 };
	VL_AUTO(vl_hub) h = NULL;
	VL_AUTO(vl_hub) none = NULL;
	struct vl_err e = VL_ERR_INIT;

	fix_images_commit(s, &x);
	tap_good(vl_hub_load(&h, s, NULL, NULL, 0, &e), &e, "the hub loads");
	if (!h)
		return;
	tap_is((long long)h->n_problem, 0, "without a problem");
	check_names(h);
	check_find(h, &x);
	check_blobs(h, &x);
	check_attached(h, &x);
	tap_good(vl_hub_load(&none, s, "test", NULL, 0, &e), &e, "a channel that is not there");
	tap_ok(none && none->n_offer == 0 && !vl_hub_blob(none, &x.shared.digest), "offers nothing");
}

/* ---- below ---- */

static size_t place_in(const struct vl_hub_list *l, const struct fix_blob *b)
{
	for (size_t i = 0; i < l->n; i++)
		if (vl_digest_equal(&l->v[i].digest, &b->digest))
			return i;
	return 999;
}

/* A manifest that another one has as its layer, and that the index names, too: its own layers belong to it. */
static void below_a_layer(struct vl_store *s, const struct fix_images *x)
{
	struct fix_blob outer = fix_image(s, "amd64", false, &x->shared, &x->arm64);
	struct fix_blob index = fix_index(s, &outer, &x->arm64);
	VL_CLEAN(vl_hub_list) l = { 0 };
	VL_CLEAN(vl_desc) d = { 0 };
	struct vl_err e = VL_ERR_INIT;

	vl_desc_init(&d, VL_MT_INDEX, &index.digest, index.size);
	tap_good(vl_hub_below(s, &d, &l, &e), &e, "a manifest that is a layer, too");
	tap_ok(place_in(&l, &x->arm64) < l.n && l.v[place_in(&l, &x->arm64)].is_doc, "counts as a manifest");
	tap_ok(place_in(&l, &x->arm64_layer) < l.n, "with its layers");
}

static void test_below(void)
{
	VL_AUTO(vl_store) s = fix_open("below");
	VL_CLEAN(fix_images) x = { 0 };
	VL_CLEAN(vl_hub_list) l = { 0 };
	VL_CLEAN(vl_desc) d = { 0 };
	struct vl_err e = VL_ERR_INIT;

	fix_images_commit(s, &x);
	vl_desc_init(&d, VL_MT_INDEX, &x.semgrep.digest, x.semgrep.size);
	tap_good(vl_hub_below(s, &d, &l, &e), &e, "below the index");
	tap_is((long long)l.n, 8, "two configs, three layers, two manifests, itself");
	tap_ok(place_in(&l, &x.semgrep) == 7 && l.v[7].is_doc, "the index is last");
	tap_ok(place_in(&l, &x.amd64_layer) < place_in(&l, &x.amd64), "layers before their manifest");
	tap_ok(place_in(&l, &x.arm64) < 7 && l.v[place_in(&l, &x.arm64)].is_doc, "manifests before the index");
	below_a_layer(s, &x);
	unlink(fix_blob_path("below", &x.amd64.digest));
	tap_fails(vl_hub_below(s, &d, &l, &e), &e, VL_E_STORE, "a manifest is missing");
}

/* ---- damage ---- */

static bool has_problem(const struct vl_hub *h, const char *text)
{
	for (size_t i = 0; i < h->n_problem; i++)
		if (strstr(h->problem[i], text))
			return true;
	for (size_t i = 0; i < h->n_problem; i++)
		printf("# problem: %s\n", h->problem[i]);
	return false;
}

static void test_damage(void)
{
	VL_AUTO(vl_store) s = fix_open("damage");
	VL_CLEAN(fix_images) x = { 0 };
	VL_AUTO(vl_hub) h = NULL;
	struct vl_err e = VL_ERR_INIT;
	char amd64[VL_DIGEST_HEX], alpine[VL_DIGEST_HEX];
	const char *path;

	fix_images_commit(s, &x);
	vl_digest_hex(&x.amd64.digest, amd64);
	vl_digest_hex(&x.alpine.digest, alpine);
	unlink(fix_blob_path("damage", &x.amd64.digest));
	path = fix_blob_path("damage", &x.alpine.digest);
	chmod(path, 0644);
	FIX_MUST(truncate(path, (off_t)x.alpine.size - 1) == 0 && truncate(path, (off_t)x.alpine.size) == 0 && me);
	tap_good(vl_hub_load(&h, s, NULL, NULL, 0, &e), &e, "a damaged store still loads");
	tap_is((long long)h->n_problem, 2, "two problems");
	tap_ok(has_problem(h, amd64), "the missing manifest is named");
	tap_ok(has_problem(h, alpine) && has_problem(h, "prod/analyzers"), "the damaged one too, with its item");
	tap_ok(vl_hub_blob(h, &x.arm64_layer.digest), "the other platform is there");
	tap_ok(!vl_hub_blob(h, &x.amd64_layer.digest), "what only the missing one names is not");
}

static void test_damaged_item(void)
{
	VL_AUTO(vl_store) s = fix_open("item");
	VL_CLEAN(vl_doc) snapshot = { 0 }, item = { 0 };
	VL_CLEAN(fix_images) x = { 0 };
	VL_AUTO(vl_hub) h = NULL;
	struct vl_err e = VL_ERR_INIT;
	struct vl_channel c;
	struct vl_digest gone;

	vl_doc_init_index(&snapshot);
	fix_images_make(s, &x);
	fix_image_item_init(&item);
	fix_image_child(&item, VL_MT_DOCKER_MANIFEST, &x.alpine, FIX_ALPINE ":3", NULL);
	gone = fix_image_item_end(s, &snapshot, &item, "analyzers", FIX_ALPINE ":3")->digest;
	fix_simple_item(s, &snapshot, "plain", "text");
	c = fix_channel(s, &snapshot, "prod", 1);
	fix_commit(s, &c);
	unlink(fix_blob_path("item", &gone));
	tap_good(vl_hub_load(&h, s, NULL, NULL, 0, &e), &e, "an item's index is gone");
	tap_ok(has_problem(h, "none of its images is offered"), "that is said");
	tap_ok(vl_hub_find(h, "prod/plain", "1"), "the other item is offered");
}

/* ---- names from outside ---- */

static void add_child(struct vl_doc *item, const struct fix_images *x, const char *names)
{
	fix_image_child(item, VL_MT_DOCKER_MANIFEST, &x->alpine, names, NULL);
}

static void test_bad_names(void)
{
	VL_AUTO(vl_store) s = fix_open("names");
	VL_CLEAN(vl_doc) snapshot = { 0 }, item = { 0 };
	VL_CLEAN(fix_images) x = { 0 };
	VL_AUTO(vl_hub) h = NULL;
	struct vl_name_rule rule = { "rule.example/x", "" };
	struct vl_err e = VL_ERR_INIT;
	struct vl_channel c;

	vl_doc_init_index(&snapshot);
	fix_images_make(s, &x);
	fix_image_item_init(&item);
	add_child(&item, &x, "h.example/a:../../../etc/passwd h.example/good:1");
	add_child(&item, &x, "h.example/../b:1");
	add_child(&item, &x, "h.example/esc\033[2J:1");
	add_child(&item, &x, "rule.example/x:1");
	add_child(&item, &x, "");
	fix_image_item_end(s, &snapshot, &item, "bad", "h.example/a");
	fix_simple_item(s, &snapshot, "under___score", "text");
	c = fix_channel(s, &snapshot, "prod", 1);
	fix_commit(s, &c);
	tap_good(vl_hub_load(&h, s, NULL, &rule, 1, &e), &e, "bad names load");
	tap_is((long long)h->n_offer, 1, "only the good one is offered");
	tap_ok(vl_hub_find(h, "good", "1"), "good:1");
	tap_is((long long)h->n_problem, 6, "each bad one is told");
	tap_ok(has_problem(h, "h.example/a:../../../etc/passwd"), "a tag that climbs");
	tap_ok(has_problem(h, "\\x1b[2J") && !has_problem(h, "\033"), "made safe to print");
	tap_ok(has_problem(h, "\"rule.example/x:1\" becomes no name"), "a rule that leaves nothing");
	tap_ok(has_problem(h, "prod/under___score"), "an item whose name registries do not take");
}

/* ---- clashes ---- */

static struct vl_channel one_image(struct vl_store *s, const char *channel, const char *name, const char *names,
				   const struct fix_blob *b, int64_t created)
{
	VL_CLEAN(vl_doc) snapshot = { 0 }, item = { 0 };
	struct vl_channel c;

	vl_doc_init_index(&snapshot);
	fix_image_item_init(&item);
	fix_image_child(&item, VL_MT_MANIFEST, b, names, NULL);
	fix_image_item_end(s, &snapshot, &item, name, names);
	c = fix_channel(s, &snapshot, channel, 7);
	c.created = created;
	fix_commit(s, &c);
	return c;
}

static void test_clash(void)
{
	VL_AUTO(vl_store) s = fix_open("clash");
	VL_CLEAN(fix_images) x = { 0 };
	VL_AUTO(vl_hub) h = NULL;
	VL_AUTO(vl_hub) one = NULL;
	VL_AUTO(vl_hub) other = NULL;
	const struct vl_offer *o;
	struct vl_err e = VL_ERR_INIT;

	fix_images_make(s, &x);
	one_image(s, "aaa", "old", "one.example/x:1 one.example/same:1", &x.amd64, 1000);
	one_image(s, "bbb", "new", "two.example/x:1", &x.arm64, 2000);
	one_image(s, "ccc", "more", "one.example/same:1", &x.amd64, 500);
	tap_good(vl_hub_load(&h, s, NULL, NULL, 0, &e), &e, "two channels, one name");
	o = vl_hub_find(h, "x", "1");
	tap_ok(o && vl_digest_equal(&o->desc.digest, &x.arm64.digest), "the newer bundle's wins");
	tap_is((long long)h->n_problem, 1, "that is one problem");
	tap_ok(has_problem(h, "one.example/x:1 (aaa/old)") && has_problem(h, "two.example/x:1 (bbb/new)"),
	       "it names both");
	o = vl_hub_find(h, "same", "1");
	tap_str(o ? o->item : NULL, "old", "the same content twice is offered once");
	tap_str(o ? o->also : NULL, " more ", "and remembers the other item");
	tap_good(vl_hub_load(&one, s, "aaa", NULL, 0, &e), &e, "one channel alone");
	o = vl_hub_find(one, "x", "1");
	tap_ok(o && vl_digest_equal(&o->desc.digest, &x.amd64.digest) && !one->n_problem, "has no clash");
	tap_good(vl_hub_load(&other, s, NULL, &(struct vl_name_rule){ "one.example", "one" }, 1, &e), &e, "a rule");
	tap_ok(vl_hub_find(other, "one/x", "1") && vl_hub_find(other, "x", "1") && !other->n_problem, "ends it");
}

/* ---- many ---- */

static void add_many(struct vl_store *s, struct vl_doc *item, size_t i, const struct fix_images *x)
{
	struct fix_blob b = fix_put_text(s, vl_xprintf("{\"schemaVersion\":2,\"mediaType\":\"" VL_MT_MANIFEST
						       "\",\"config\":{\"mediaType\":"
						       "\"application/vnd.oci.image.config.v1+json\","
						       "\"digest\":\"%s\",\"size\":%llu},\"layers\":[],\"annotations\":"
						       "{\"no\":\"%zu\"}}", FIX_DIGEST(&x->shared),
						       (unsigned long long)x->shared.size, i));
	VL_STR names = vl_xprintf("h.example/many/img-%zu:1 h.example/many/img-%zu:2", i, i);

	fix_image_child(item, VL_MT_MANIFEST, &b, names, NULL);
}

static void test_many(void)
{
	VL_AUTO(vl_store) s = fix_open("many");
	VL_CLEAN(vl_doc) snapshot = { 0 }, item = { 0 };
	VL_CLEAN(fix_images) x = { 0 };
	VL_AUTO(vl_hub) h = NULL;
	struct vl_err e = VL_ERR_INIT;
	struct timespec t0, t1;
	struct vl_channel c;
	long ms;

	vl_doc_init_index(&snapshot);
	fix_images_make(s, &x);
	fix_image_item_init(&item);
	for (size_t i = 0; i < 1000; i++)
		add_many(s, &item, i, &x);
	fix_image_item_end(s, &snapshot, &item, "many", "h.example/many/img-0:1 and 1999 more");
	c = fix_channel(s, &snapshot, "prod", 1);
	fix_commit(s, &c);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t0);
	tap_good(vl_hub_load(&h, s, NULL, NULL, 0, &e), &e, "1000 images load");
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t1);
	ms = (t1.tv_sec - t0.tv_sec) * 1000 + (t1.tv_nsec - t0.tv_nsec) / 1000000;
	printf("# %ld ms of processor time\n", ms);
	tap_is((long long)h->n_offer, 2000, "with 2000 names");
	tap_ok(vl_hub_find(h, "many/img-0", "1") && vl_hub_find(h, "many/img-999", "2"), "the first and the last");
	tap_ok(!vl_hub_find(h, "many/img-1000", "1"), "and no more");
}

/* ---- limits ---- */

/* Indexes that name one another, ten deep: told, and the end of it. */
static void test_deep(void)
{
	VL_AUTO(vl_store) s = fix_open("deep");
	VL_CLEAN(vl_doc) snapshot = { 0 }, item = { 0 };
	VL_CLEAN(fix_images) x = { 0 };
	VL_AUTO(vl_hub) h = NULL;
	VL_CLEAN(vl_hub_list) l = { 0 };
	VL_CLEAN(vl_desc) d = { 0 };
	struct vl_err e = VL_ERR_INIT;
	struct vl_channel c;
	struct fix_blob b;

	vl_doc_init_index(&snapshot);
	fix_images_make(s, &x);
	b = fix_index(s, &x.amd64, &x.arm64);
	for (unsigned i = 0; i < 10; i++) {
		VL_STR one = fix_desc_json(VL_MT_INDEX, &b, "");

		b = fix_put_text(s, vl_xprintf("{\"schemaVersion\":2,\"manifests\":[%s,%s,%s]}", one, one, one));
	}
	fix_image_item_init(&item);
	fix_image_child(&item, VL_MT_INDEX, &b, "h.example/deep:1", NULL);
	fix_image_item_end(s, &snapshot, &item, "deep", "h.example/deep:1");
	c = fix_channel(s, &snapshot, "prod", 1);
	fix_commit(s, &c);
	tap_good(vl_hub_load(&h, s, NULL, NULL, 0, &e), &e, "deep nesting loads");
	tap_ok(has_problem(h, "more documents"), "and is told");
	vl_desc_init(&d, VL_MT_INDEX, &b.digest, b.size);
	tap_fails(vl_hub_below(s, &d, &l, &e), &e, VL_E_LIMIT, "nothing is pushed of it");
}

/* A sender whose key is trusted, gone bad: a kilobyte of names compresses to nothing, and each costs memory here. */
static void test_flood(void)
{
	VL_AUTO(vl_store) s = fix_open("flood");
	VL_CLEAN(vl_doc) snapshot = { 0 }, item = { 0 };
	VL_CLEAN(fix_images) x = { 0 };
	VL_AUTO(vl_hub) h = NULL;
	struct vl_err e = VL_ERR_INIT;
	const struct vl_offer *o;
	struct vl_channel c;

	vl_doc_init_index(&snapshot);
	fix_images_make(s, &x);
	fix_image_item_init(&item);
	for (unsigned i = 0; i < 30; i++) {
		VL_CLEAN(vl_buf) names = VL_BUF_INIT(65536);

		for (unsigned k = 0; names.len < 64000; k++)
			FIX_MUST(vl_buf_addf(&names, me, "h/%u:%u h/same:1 ", i, k));
		fix_image_child(&item, VL_MT_MANIFEST, &x.amd64, vl_buf_str(&names), NULL);
	}
	fix_image_item_end(s, &snapshot, &item, "flood", "h/0:0 and many more");
	c = fix_channel(s, &snapshot, "prod", 1);
	fix_commit(s, &c);
	tap_good(vl_hub_load(&h, s, NULL, NULL, 0, &e), &e, "a flood of names loads");
	tap_ok(h && has_problem(h, "more than 100000 names"), "it is told");
	tap_ok(h && h->n_offer <= 100000, "and has an end");
	o = h ? vl_hub_find(h, "same", "1") : NULL;
	tap_ok(o && !o->also, "who says a name ten thousand times is one claimant");
	tap_ok(o && !vl_desc_get(&o->desc, VL_AN_IMAGE), "a name does not carry all others with it");
}

int main(void)
{
	test_names();
	test_lengths();
	test_mapping();
	test_fixture();
	test_below();
	test_damage();
	test_damaged_item();
	test_bad_names();
	test_clash();
	test_many();
	test_deep();
	test_flood();
	fix_done();
	return tap_done();
}
