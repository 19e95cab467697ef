/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/pipeline_content_test.c: names as people type them; images, platforms and blobs of the fixture's items;
 * what is shared; two snapshots compared; indexes that name each other without end. */
#include "pipeline/diff.h"
#include "pipeline/export.h"
#include "pipeline/sizing.h"
#include "tests/lib/image_fixture.h"
#include "tests/lib/tap.h"

static void names(void)
{
	static const struct {
		const char *full, *asked;
		int match;
	} row[] = {
		{ "r.example:5000/sec/semgrep:5", "r.example:5000/sec/semgrep:5", 2 },
		{ "r.example:5000/sec/semgrep:5", "sec/semgrep:5", 1 },
		{ "r.example:5000/sec/semgrep:5", "semgrep:5", 1 },
		{ "r.example:5000/sec/semgrep:5", "semgrep", 1 },
		{ "r.example:5000/sec/semgrep:5", "sec/semgrep", 1 },
		{ "r.example:5000/sec/semgrep:5", "r.example:5000/sec/semgrep", 1 },
		{ "r.example:5000/sec/semgrep:5", "grep:5", 0 },
		{ "r.example:5000/sec/semgrep:5", "semgrep:55", 0 },
		{ "r.example:5000/sec/semgrep:55", "semgrep:5", 0 },
		{ "r.example:5000/sec/semgrep:5", "5", 0 },
		{ "r.example:5000/sec/semgrep:5", "", 0 },
		{ "r.example:5000/sec/semgrep:5", "/semgrep:5", 0 },
		{ "r.example:5000/sec/semgrep:5", "x/r.example:5000/sec/semgrep:5", 0 },
		{ "r.example/a@sha256:00", "a", 1 },
		{ "r.example/a@sha256:00", "a@sha256:00", 1 },
		{ "r.example/a@sha256:00", "a@sha256:01", 0 },
	};

	for (size_t i = 0; i < VL_LEN(row); i++)
		tap_is(vl_image_name_matches(row[i].full, row[i].asked), row[i].match, "%s asked for %s", row[i].full,
		       row[i].asked);
}

static struct vl_named_image *add(struct vl_named_images *l, const char *name, uint8_t digest)
{
	struct vl_named_image *i = vl_named_images_add(l);

	vl_named_image_add_name(i, name, strlen(name));
	i->desc.digest.b[0] = digest;
	return i;
}

static void finding(void)
{
	VL_CLEAN(vl_named_images) l = { 0 };
	struct vl_err e = VL_ERR_INIT;
	struct vl_digest digest = { { 0 } };
	char text[VL_DIGEST_OCI];
	size_t at = 99;

	add(&l, "a.example/x/tool:1", 1);
	add(&l, "b.example/x/tool:1", 2);
	add(&l, "c.example/y/tool:1", 2);
	add(&l, "tool:1", 3);
	add(&l, "a.example/x/other:1", 4);
	add(&l, "a.example/x/other:sha256-00.sig", 5)->attached = true;
	tap_good(vl_named_images_find(&l, "tool:1", &at, &e) && at == 3, &e, "who is called exactly so wins");
	tap_fails(vl_named_images_find(&l, "x/tool:1", &at, &e), &e, VL_E_USAGE, "two images: a question back");
	tap_ok(strstr(e.hint, "a.example/x/tool:1") && strstr(e.hint, "b.example/x/tool:1"), "that names both");
	tap_good(vl_named_images_find(&l, "y/tool", &at, &e) && at == 2, &e, "no tag, one image");
	tap_good(vl_named_images_find(&l, "other", &at, &e) && at == 4, &e, "signatures are not meant by a short name");
	tap_good(vl_named_images_find(&l, "a.example/x/other:sha256-00.sig", &at, &e) && at == 5, &e,
		 "in full they are");
	digest.b[0] = 4;
	tap_good(vl_named_images_find(&l, vl_digest_oci(&digest, text), &at, &e) && at == 4, &e, "by digest");
	tap_fails(vl_named_images_find(&l, "othr:1", &at, &e), &e, VL_E_ABSENT, "a slip");
	tap_str(e.hint, "Did you mean other:1?", "gets a hint");
}

/* ---- the fixture ---- */
static const struct vl_desc *item(const struct vl_doc *snapshot, const char *name)
{
	for (size_t i = 0; i < snapshot->n; i++)
		if (!strcmp(vl_desc_get(&snapshot->child[i], VL_AN_ITEM), name))
			return &snapshot->child[i];
	exit(99);
}

static void snapshot_of(struct vl_store *s, struct vl_doc *out)
{
	VL_CLEAN(vl_generation) g = { 0 };

	FIX_MUST(vl_store_current(s, &g, me) &&
		 vl_store_snapshot(s, &g.channel[0].root, g.channel[0].root_size, out, me));
}

static void images(struct vl_store *s, const struct vl_doc *snapshot, const struct fix_images *x)
{
	VL_CLEAN(vl_named_images) l = { 0 };
	VL_CLEAN(vl_variants) v = { 0 };
	struct vl_docs docs = vl_docs_of_store(s);
	struct vl_err e = VL_ERR_INIT;
	bool is_images = false;
	VL_STR text = NULL;
	size_t at = 0;

	tap_good(vl_named_images_of(&docs, item(snapshot, "docs"), &l, &is_images, &e) && !is_images && !l.n, &e,
		 "a tree of files holds no images");
	tap_good(vl_named_images_of(&docs, item(snapshot, "analyzers"), &l, &is_images, &e) && is_images, &e,
		 "the item of images is one");
	tap_is(l.n, 4, "with four children");
	tap_is(l.v[0].n, 2, "the first has two names");
	tap_str(l.v[0].name[1], FIX_ALPINE ":3.20", "the second of them");
	tap_is(vl_named_images_attached(&l, &x->semgrep.digest), 2, "two things are attached to semgrep");
	tap_good(vl_named_images_find(&l, "semgrep:5", &at, &e), &e, "semgrep:5 is found");
	tap_good(vl_image_variants(s, &l.v[at].desc, &v, &e), &e, "its platforms are found");
	text = vl_variants_text(&v, ", ");
	tap_str(text, "linux/amd64, linux/arm64/v8", "both");
	vl_variants_clear(&v);
	free(text);
	tap_good(vl_image_variants(s, &l.v[0].desc, &v, &e), &e, "a manifest says its platform, too");
	text = vl_variants_text(&v, ", ");
	tap_str(text, "linux/amd64", "by its config");
}

static void sharing(struct vl_store *s, const struct vl_doc *snapshot)
{
	VL_CLEAN(vl_sharing) sh = { 0 };
	VL_CLEAN(vl_blob_set) a = { 0 };
	VL_CLEAN(vl_blob_set) b = { 0 };
	struct vl_docs docs = vl_docs_of_store(s);
	struct vl_err e = VL_ERR_INIT;
	struct vl_closure c = { 0 };
	VL_CLEAN(vl_generation) g = { 0 };

	tap_good(vl_blob_set_add(&a, &docs, item(snapshot, "analyzers"), &e), &e, "the blobs of the images");
	tap_good(vl_blob_set_add(&b, &docs, item(snapshot, "docs"), &e), &e, "the blobs of the files");
	vl_sharing_add(&sh, &a, 0);
	vl_sharing_add(&sh, &b, 1);
	tap_is(vl_sharing_bytes(&sh, &a), 0, "the empty config alone is not called shared");
	vl_sharing_add(&sh, &a, 2);
	tap_is(vl_sharing_bytes(&sh, &a), vl_blob_set_bytes(&a) - 2, "the same item twice shares all else");
	tap_is(vl_blob_set_new(&a, &b), vl_blob_set_bytes(&a) - 2, "all but the empty config is new to the files");
	vl_blob_set_join(&a, &b);
	tap_good(vl_blob_set_add(&a, &docs, item(snapshot, "trivy-db"), &e), &e, "the third item");
	FIX_MUST(vl_store_current(s, &g, me) &&
		 vl_store_closure(s, &g.channel[0].root, g.channel[0].root_size, &c, me));
	tap_is(vl_blob_set_bytes(&a), c.bytes - g.channel[0].root_size, "together: the closure without root");
	vl_closure_clear(&c);
}

static const struct vl_diff_item *changed(const struct vl_diff *d, const char *name)
{
	for (size_t i = 0; i < d->n; i++)
		if (!strcmp(d->item[i].name, name))
			return &d->item[i];
	exit(99);
}

static void add_docs(struct vl_store *s, struct vl_doc *snapshot)
{
	VL_CLEAN(vl_doc) a = { 0 };

	fix_artifact(s, &a, "application/vnd.valise.dir.v1");
	fix_layer(s, &a, "application/octet-stream", "a/b/read.txt", vl_bytes_str("read me again"));
	fix_layer(s, &a, "application/octet-stream", "new.txt", vl_bytes_str("new"));
	fix_item(s, snapshot, &a, "docs", "dir");
}

static void add_analyzers(struct vl_store *s, struct vl_doc *snapshot, const struct fix_images *x)
{
	VL_CLEAN(vl_doc) doc = { 0 };

	fix_image_item_init(&doc);
	fix_image_child(&doc, VL_MT_DOCKER_MANIFEST, &x->alpine, FIX_ALPINE ":3.20", NULL);
	fix_image_child(&doc, VL_MT_MANIFEST, &x->amd64, FIX_SEMGREP ":5", NULL);
	fix_image_child(&doc, VL_MT_MANIFEST, &x->arm64, FIX_SEMGREP ":6", NULL);
	fix_image_item_end(s, snapshot, &doc, "analyzers", FIX_ALPINE ":3.20 and 2 more");
}

static void compared(struct vl_store *s, const struct vl_doc *before, const struct fix_images *x)
{
	VL_CLEAN(vl_doc) after = { 0 };
	VL_CLEAN(vl_diff) d = { 0 };
	struct vl_compared a = { vl_docs_of_store(s), before }, b = { vl_docs_of_store(s), &after };
	const struct vl_diff_item *i;
	struct vl_err e = VL_ERR_INIT;

	vl_doc_init_index(&after);
	add_analyzers(s, &after, x);
	add_docs(s, &after);
	tap_good(vl_diff_make(&a, &b, &fix_env, &d, &e), &e, "two snapshots are compared");
	tap_is(d.n, 3, "three items");
	tap_is(changed(&d, "trivy-db")->change, VL_GONE, "trivy-db is gone");
	i = changed(&d, "docs");
	tap_is(vl_diff_count(i, VL_NEW, false), 1, "docs: one file is new");
	tap_is(vl_diff_count(i, VL_CHANGED, false), 1, "docs: one has changed");
	tap_is(vl_diff_count(i, VL_GONE, false), 1, "docs: one is gone");
	i = changed(&d, "analyzers");
	tap_is(vl_diff_count(i, VL_NEW, false), 1, "images: semgrep:6 is new");
	tap_is(vl_diff_count(i, VL_CHANGED, false), 1, "images: semgrep:5 has moved");
	tap_is(vl_diff_count(i, VL_GONE, false), 1, "images: alpine:3 is gone");
	tap_is(vl_diff_count(i, VL_GONE, true), 2, "images: signature and SBOM are gone");
	tap_is(i->same, 1, "images: alpine:3.20 stays");
	tap_ok(i->bytes_new > 0 && i->bytes_new < 1200, "new is the item's own document, no layer: %llu bytes",
	       (unsigned long long)i->bytes_new);
	tap_ok(d.bytes_gone > 0 && d.bytes_new > i->bytes_new, "the sums");
}

/* Each index names the one below a thousand times. */
static void endless(struct vl_store *s)
{
	struct fix_blob b = fix_put_text(s, vl_xstrdup("{\"schemaVersion\":2,\"manifests\":[]}"));
	VL_CLEAN(vl_variants) v = { 0 };
	VL_CLEAN(vl_blob_set) set = { 0 };
	VL_CLEAN(vl_desc) d = { 0 };
	struct vl_docs docs = vl_docs_of_store(s);
	struct vl_err e = VL_ERR_INIT;

	for (int depth = 0; depth < 4; depth++) {
		VL_STR one = fix_desc_json(VL_MT_INDEX, &b, "");
		VL_STR all = vl_xstrdup(one);

		for (int i = 0; i < 500; i++) {
			VL_STR before = all;

			all = vl_xprintf("%s,%s", before, one);
		}
		b = fix_put_text(s, vl_xprintf("{\"schemaVersion\":2,\"manifests\":[%s]}", all));
	}
	vl_desc_init(&d, VL_MT_INDEX, &b.digest, b.size);
	tap_good(vl_image_variants(s, &d, &v, &e) && !v.n, &e, "an index that names another 500 times is read once");
	tap_good(vl_blob_set_add(&set, &docs, &d, &e) && set.n == 5, &e, "and its blobs, too");
}

/* ---- sizes of generations that have most in common ---- */

struct counted {
	struct vl_docs docs;
	unsigned reads;
};

static bool count_read(const void *ctx, const struct vl_desc *d, struct vl_doc *out, struct vl_err *e)
{
	struct counted *c = (struct counted *)(uintptr_t)ctx;

	c->reads++;
	return c->docs.get(c->docs.ctx, d, out, e);
}

static void sizes(struct vl_store *s)
{
	struct counted c = { .docs = vl_docs_of_store(s) };
	VL_CLEAN(vl_sizing) z = { .docs = { count_read, &c } };
	VL_CLEAN(vl_generation) g = { 0 };
	VL_CLEAN(vl_closure) all = { 0 };
	VL_CLEAN(vl_doc) next = { 0 };
	struct vl_channel later;
	struct vl_err e = VL_ERR_INIT;
	uint64_t bytes = 0, first;
	unsigned before;

	FIX_MUST(vl_store_current(s, &g, me) &&
		 vl_store_closure(s, &g.channel[0].root, g.channel[0].root_size, &all, me));
	tap_good(vl_sizing_bytes(&z, &g.channel[0], &bytes, &e), &e, "a snapshot is measured");
	tap_is(bytes, all.bytes, "as the closure does");
	before = c.reads;
	first = bytes;
	tap_good(vl_sizing_bytes(&z, &g.channel[0], &bytes, &e) && bytes == first, &e, "again, the same");
	tap_is(c.reads, before, "and nothing is read for it");
	snapshot_of(s, &next);
	fix_simple_item(s, &next, "more", "one more file");
	later = fix_channel(s, &next, "prod", 43);
	vl_closure_clear(&all);
	FIX_MUST(vl_store_closure(s, &later.root, later.root_size, &all, me));
	tap_good(vl_sizing_bytes(&z, &later, &bytes, &e) && bytes == all.bytes, &e, "the next snapshot");
	tap_is(c.reads, before + 2, "only its root and its new item are read");
	tap_good(vl_sizing_bytes(&z, &g.channel[0], &bytes, &e) && bytes == first, &e, "and back");
}

int main(void)
{
	VL_AUTO(vl_store) s = NULL;
	VL_CLEAN(vl_doc) snapshot = { 0 };
	struct fix_images x;

	names();
	finding();
	s = fix_open("s");
	fix_images_commit(s, &x);
	snapshot_of(s, &snapshot);
	images(s, &snapshot, &x);
	sharing(s, &snapshot);
	sizes(s);
	compared(s, &snapshot, &x);
	endless(s);
	fix_images_clear(&x);
	fix_done();
	return tap_done();
}
