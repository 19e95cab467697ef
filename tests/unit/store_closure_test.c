/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/store_closure_test.c: what a root reaches: complete, in order, within bounds. */
#include "tests/lib/store_fixture.h"
#include "tests/lib/tap.h"
#include "store/docgraph.h"

/* A root over these items; returns its descriptor in *root. */
static void make_root(struct vl_store *s, struct vl_doc *snapshot, struct vl_desc *root)
{
	fix_put_doc(s, snapshot, root);
}

static bool walk(struct vl_store *s, const struct vl_desc *root, struct vl_closure *c, struct vl_err *e)
{
	return vl_store_closure(s, &root->digest, root->size, c, e);
}

static bool count_layer(void *ctx, const struct vl_desc *layer, struct vl_err *e)
{
	unsigned *n = ctx;

	(void)layer;
	(void)e;
	(*n)++;
	return true;
}

static void test_order(void)
{
	static const char *const want[] = {
		"1 a application/vnd.oci.image.manifest.v1+json ", "1 b application/vnd.oci.image.manifest.v1+json ",
		"0 a application/octet-stream file.txt", "0 b application/octet-stream file.txt",
		"0 b application/vnd.oci.empty.v1+json ", /* b is the first in the snapshot that needs it */
	};
	VL_AUTO(vl_store) s = fix_open("order");
	VL_CLEAN(vl_doc) snapshot = { 0 };
	VL_CLEAN(vl_desc) root = { 0 };
	VL_CLEAN(vl_closure) c = { 0 };
	struct vl_err e = VL_ERR_INIT;
	uint64_t bytes = 0;
	char line[256];

	vl_doc_init_index(&snapshot);
	fix_simple_item(s, &snapshot, "b", "bbb");
	fix_simple_item(s, &snapshot, "a", "aaa");
	make_root(s, &snapshot, &root);
	tap_good(walk(s, &root, &c, &e), &e, "complete");
	tap_is(c.n, 6, "root, 2 manifests, 2 layers, the empty config once");
	tap_is(c.items, 2, "items");
	tap_ok(vl_digest_equal(&c.blob[0].digest, &root.digest) && c.blob[0].is_doc, "the root comes first");
	for (size_t i = 0; i < VL_LEN(want) && i + 1 < c.n; i++) {
		snprintf(line, sizeof line, "%d %s %s %s", c.blob[i + 1].is_doc, c.blob[i + 1].item,
			 c.blob[i + 1].media_type, c.blob[i + 1].title);
		tap_str(line, want[i], "position %zu", i + 1);
	}
	for (size_t i = 0; i < c.n; i++)
		bytes += c.blob[i].size;
	tap_ok(bytes == c.bytes, "bytes is the sum");
}

/* An index inside an index ..., `depth` of them including the root. */
static void nest(struct vl_store *s, unsigned depth, struct vl_desc *root)
{
	VL_CLEAN(vl_doc) doc = { 0 };

	vl_doc_init_index(&doc);
	fix_simple_item(s, &doc, "deep", "down");
	for (unsigned i = 1; i < depth; i++) {
		VL_CLEAN(vl_doc) outer = { 0 };

		vl_doc_init_index(&outer);
		fix_put_doc(s, &doc, vl_doc_add(&outer));
		doc = outer;
		outer = (struct vl_doc){ 0 };
	}
	make_root(s, &doc, root);
}

static void test_depth(void)
{
	static const struct {
		unsigned depth; /* of indexes; a manifest below adds one */
		bool good;
	} cases[] = { { 1, true }, { 2, true }, { 7, true }, { 8, false }, { 40, false } };
	VL_AUTO(vl_store) s = fix_open("depth");

	for (size_t i = 0; i < VL_LEN(cases); i++) {
		VL_CLEAN(vl_desc) root = { 0 };
		VL_CLEAN(vl_closure) c = { 0 };
		struct vl_err e = VL_ERR_INIT;

		nest(s, cases[i].depth, &root);
		if (cases[i].good)
			tap_good(walk(s, &root, &c, &e), &e, "%u indexes", cases[i].depth);
		else
			tap_fails(walk(s, &root, &c, &e), &e, VL_E_LIMIT, "%u indexes", cases[i].depth);
	}
}

/* Few bytes that a walk from name to name would never come to the end of: naming costs nothing. */
static void test_diamonds(void)
{
	static const struct {
		const char *what;
		unsigned levels, ways;
	} cases[] = {
		{ "one index in another", 1, 1 },
		{ "a manifest named 5000 times", 0, 5000 },
		{ "an index named twice", 1, 2 },
		{ "50 ways at each of 5 levels", 5, 50 },
		{ "2000 ways at each of 5 levels", 5, 2000 },
	};
	VL_AUTO(vl_store) s = fix_open("diamonds");
	VL_CLEAN(vl_closure) c = { 0 };
	struct vl_docs docs = vl_docs_of_store(s);
	struct vl_err e = VL_ERR_INIT;

	for (size_t t = 0; t < VL_LEN(cases); t++) {
		VL_CLEAN(vl_doc) doc = { 0 };
		VL_CLEAN(vl_desc) root = { 0 };
		VL_CLEAN(vl_desc) leaf = { 0 };
		VL_CLEAN(vl_desc) item = { 0 };
		VL_CLEAN(vl_doc) top = { 0 };
		unsigned layers = 0;

		vl_doc_init_index(&doc);
		fix_simple_item(s, &doc, "deep", "down");
		vl_desc_copy(&leaf, &doc.child[0]);
		for (unsigned k = 1; !cases[t].levels && k < cases[t].ways; k++)
			vl_desc_copy(vl_doc_add(&doc), &leaf);
		for (unsigned i = 0; i < cases[t].levels; i++) {
			VL_CLEAN(vl_desc) inner = { 0 };
			VL_CLEAN(vl_doc) outer = { 0 };

			vl_doc_init_index(&outer);
			fix_put_doc(s, &doc, &inner);
			for (unsigned k = 0; k < cases[t].ways; k++)
				vl_desc_copy(vl_doc_add(&outer), &inner);
			vl_doc_clear(&doc);
			doc = outer;
			outer = (struct vl_doc){ 0 };
		}
		vl_doc_init_index(&top);
		fix_put_doc(s, &doc, vl_doc_add(&top));
		vl_desc_copy(&item, &top.child[0]);
		make_root(s, &top, &root);
		tap_good(walk(s, &root, &c, &e), &e, "%s", cases[t].what);
		tap_is(c.n, 5 + cases[t].levels, "root, %u indexes, manifest, config, layer", 1 + cases[t].levels);
		tap_good(vl_item_layers(&docs, &item, count_layer, &layers, &e), &e, "and its layers");
		tap_is(layers, 1, "each once");
	}
}

/* The graph alone: item 0 .. n-1, each an index over `shared` documents of `size` bytes that all of them name. */
static bool measure(unsigned items, unsigned shared, uint64_t size, struct vl_err *e)
{
	VL_CLEAN(vl_docgraph) g = { 0 };
	VL_CLEAN(vl_doc) root = { 0 };
	uint32_t node, first = items + 1;

	vl_doc_init_index(&root);
	for (unsigned i = 0; i < 1 + items + shared; i++)
		if (!vl_docgraph_add(&g, i > items ? size : 0, &node, e))
			return false;
	vl_docgraph_begin(&g, 0);
	for (uint32_t i = 1; i <= items; i++) {
		vl_desc_set(vl_doc_add(&root), VL_AN_ITEM, "it");
		vl_docgraph_edge(&g, 0, i);
	}
	for (uint32_t i = 1; i <= items; i++) {
		vl_docgraph_begin(&g, i);
		for (uint32_t k = 0; k < shared; k++)
			vl_docgraph_edge(&g, i, first + k);
	}
	return vl_docgraph_check(&g, &root, e);
}

static void test_shares(void)
{
	static const uint64_t mib = 1 << 20;
	static const struct {
		unsigned items, shared;
		uint64_t size;
		bool good;
	} cases[] = {
		{ 0, 0, 0, true },	     { 1, 4095, 1, true },     { 1, 4096, 1, false },
		{ 16, 4095, 1, true },	     { 17, 4095, 1, false },   { 65536, 0, 1, true },
		{ 65537, 0, 1, false },	     { 32768, 1, 1, true },    { 32769, 1, 1, false },
		{ 1, 64, 4 * mib, true },    { 1, 65, 4 * mib, false }, { 4, 64, 4 * mib, true },
		{ 5, 64, 4 * mib, false },
	};

	for (size_t i = 0; i < VL_LEN(cases); i++) {
		struct vl_err e = VL_ERR_INIT;
		bool good = measure(cases[i].items, cases[i].shared, cases[i].size, &e);

		tap_ok(good == cases[i].good && (good || e.code == VL_E_LIMIT), "%u items share %u of %llu bytes: %s",
		       cases[i].items, cases[i].shared, (unsigned long long)cases[i].size, good ? "good" : e.msg);
	}
}

/* Item `a` is an image index, `b` another that has it among its own: both name it, and so do two indexes of b. */
static void test_shared_index(void)
{
	VL_AUTO(vl_store) s = fix_open("shared");
	VL_CLEAN(vl_doc) image = { 0 }, one = { 0 }, two = { 0 }, all = { 0 }, top = { 0 };
	VL_CLEAN(vl_desc) root = { 0 }, inner = { 0 }, item = { 0 };
	VL_CLEAN(vl_closure) c = { 0 };
	struct vl_docs docs = vl_docs_of_store(s);
	struct vl_err e = VL_ERR_INIT;
	unsigned layers = 0;

	vl_doc_init_index(&image);
	fix_simple_item(s, &image, "x", "layer");
	fix_put_doc(s, &image, &inner);
	vl_doc_init_index(&one);
	vl_desc_copy(vl_doc_add(&one), &inner);
	vl_doc_init_index(&two);
	vl_desc_copy(vl_doc_add(&two), &inner);
	vl_desc_copy(vl_doc_add(&two), &inner);
	vl_doc_init_index(&all);
	fix_put_doc(s, &one, vl_doc_add(&all));
	fix_put_doc(s, &two, vl_doc_add(&all));
	vl_doc_init_index(&top);
	vl_desc_copy(vl_doc_add(&top), &inner);
	fix_put_doc(s, &all, vl_doc_add(&top));
	vl_desc_copy(&item, &top.child[1]);
	make_root(s, &top, &root);
	tap_good(walk(s, &root, &c, &e), &e, "an index that two items and two indexes share");
	tap_is(c.n, 8, "root, b, a, one, two, the manifest, its config and layer");
	tap_is(c.blob[3].depth, 3, "the indexes of b lie at depth 3");
	tap_good(vl_item_layers(&docs, &item, count_layer, &layers, &e), &e, "the layers of b");
	tap_is(layers, 1, "are met once");
}

/* The least depth counts: a manifest named by the item itself and by the deepest index. */
static void test_least_depth(void)
{
	VL_AUTO(vl_store) s = fix_open("least");
	VL_CLEAN(vl_doc) doc = { 0 };
	VL_CLEAN(vl_desc) root = { 0 }, leaf = { 0 };
	VL_CLEAN(vl_closure) c = { 0 };
	struct vl_err e = VL_ERR_INIT;

	vl_doc_init_index(&doc);
	fix_simple_item(s, &doc, "deep", "down");
	vl_desc_copy(&leaf, &doc.child[0]);
	for (unsigned i = 1; i < 8; i++) {
		VL_CLEAN(vl_doc) outer = { 0 };

		vl_doc_init_index(&outer);
		fix_put_doc(s, &doc, vl_doc_add(&outer));
		if (i == 3)
			vl_desc_copy(vl_doc_add(&outer), &leaf);
		doc = outer;
		outer = (struct vl_doc){ 0 };
	}
	make_root(s, &doc, &root);
	tap_good(walk(s, &root, &c, &e), &e, "a manifest at depth 9, and at 6 as well");
}

static void remove_blob(struct vl_store *s, const struct vl_digest *d)
{
	char hex[VL_DIGEST_HEX], name[256];

	snprintf(name, sizeof name, "%s/blobs/sha256/%s", vl_store_path(s), vl_digest_hex(d, hex));
	if (unlink(name))
		exit(99);
}

static void test_missing(void)
{
	VL_AUTO(vl_store) s = fix_open("missing");
	VL_CLEAN(vl_doc) snapshot = { 0 };
	VL_CLEAN(vl_desc) root = { 0 };
	VL_CLEAN(vl_closure) all = { 0 };
	struct vl_err e = VL_ERR_INIT;
	char hex[VL_DIGEST_HEX];
	struct vl_digest never = { { 7 } };

	for (size_t i = 0;; i++) {
		VL_CLEAN(vl_closure) c = { 0 };

		vl_doc_init_index(&snapshot);
		fix_simple_item(s, &snapshot, "one", "111");
		fix_simple_item(s, &snapshot, "two", "222");
		make_root(s, &snapshot, &root);
		FIX_MUST(walk(s, &root, &all, me));
		if (i == all.n)
			break;
		remove_blob(s, &all.blob[i].digest);
		tap_fails(walk(s, &root, &c, &e), &e, VL_E_CLOSURE, "without blob %zu", i);
		tap_ok(strstr(e.msg, vl_digest_hex(&all.blob[i].digest, hex)) &&
			       (i == 0 || strstr(e.msg, all.blob[i].item)), "blob and item are named: %s", e.msg);
	}
	tap_fails(vl_store_closure(s, &never, 10, &all, &e), &e, VL_E_CLOSURE, "no such root");
}

/* Item "x" whose layer descriptor is bent by `bend`. */
static void bent_root(struct vl_store *s, void (*bend)(struct vl_doc *artifact), struct vl_desc *root)
{
	VL_CLEAN(vl_doc) snapshot = { 0 }, a = { 0 };

	vl_doc_init_index(&snapshot);
	fix_artifact(s, &a, "application/vnd.valise.file.v1");
	fix_layer(s, &a, "application/octet-stream", "file.txt", vl_bytes_str("four"));
	bend(&a);
	fix_item(s, &snapshot, &a, "x", "http");
	make_root(s, &snapshot, root);
}

static void size_too_big(struct vl_doc *a)
{
	a->child[0].size++;
}

static void two_sizes(struct vl_doc *a)
{
	VL_CLEAN(vl_desc) copy = { 0 };

	vl_desc_copy(&copy, &a->child[0]);
	copy.size++;
	vl_desc_copy(vl_doc_add(a), &copy);
}

static void layer_is_config(struct vl_doc *a)
{
	VL_CLEAN(vl_desc) copy = { 0 };

	vl_desc_copy(&copy, &a->config);
	vl_desc_copy(vl_doc_add(a), &copy);
}

static void test_bent(void)
{
	static const struct {
		const char *name;
		void (*bend)(struct vl_doc *a);
		enum vl_code code;
	} cases[] = {
		{ "descriptor size differs from the blob's", size_too_big, VL_E_CLOSURE },
		{ "one digest, two sizes", two_sizes, VL_E_CLOSURE },
		{ "config again as a layer", layer_is_config, VL_OK },
	};
	VL_AUTO(vl_store) s = fix_open("bent");

	for (size_t i = 0; i < VL_LEN(cases); i++) {
		VL_CLEAN(vl_desc) root = { 0 };
		VL_CLEAN(vl_closure) c = { 0 };
		struct vl_err e = VL_ERR_INIT;

		bent_root(s, cases[i].bend, &root);
		if (cases[i].code == VL_OK)
			tap_good(walk(s, &root, &c, &e), &e, "%s", cases[i].name);
		else
			tap_fails(walk(s, &root, &c, &e), &e, cases[i].code, "%s", cases[i].name);
	}
}

/* A child that claims to be a manifest but is this text. */
static bool walk_text(struct vl_store *s, const char *media_type, const char *text, struct vl_err *e)
{
	VL_CLEAN(vl_doc) snapshot = { 0 };
	VL_CLEAN(vl_desc) root = { 0 };
	VL_CLEAN(vl_closure) c = { 0 };
	struct vl_digest d;

	vl_doc_init_index(&snapshot);
	FIX_MUST(vl_store_put(s, vl_bytes_str(text), &d, me));
	vl_desc_init(vl_doc_add(&snapshot), media_type, &d, strlen(text));
	vl_desc_set(&snapshot.child[0], VL_AN_ITEM, "odd");
	make_root(s, &snapshot, &root);
	return walk(s, &root, &c, e);
}

/* One document, said to be an OCI index by one descriptor and a docker list by the other. */
static void two_media_types(struct vl_store *s)
{
	VL_CLEAN(vl_doc) snapshot = { 0 };
	VL_CLEAN(vl_desc) root = { 0 };
	VL_CLEAN(vl_closure) c = { 0 };
	struct vl_err e = VL_ERR_INIT;
	struct vl_digest d;
	static const char text[] = "{\"schemaVersion\":2,\"manifests\":[]}";

	FIX_MUST(vl_store_put(s, vl_bytes_str(text), &d, me));
	vl_doc_init_index(&snapshot);
	vl_desc_init(vl_doc_add(&snapshot), VL_MT_INDEX, &d, strlen(text));
	vl_desc_init(vl_doc_add(&snapshot), VL_MT_DOCKER_LIST, &d, strlen(text));
	make_root(s, &snapshot, &root);
	tap_fails(walk(s, &root, &c, &e), &e, VL_E_CLOSURE, "one document, two media types");
}

static void test_documents(void)
{
	VL_AUTO(vl_store) s = fix_open("documents");
	VL_CLEAN(vl_doc) doc = { 0 };
	struct vl_err e = VL_ERR_INIT;
	struct vl_digest d;
	const char *text = "{\"schemaVersion\":2,\"manifests\":[],\"layers\":[]}";

	tap_fails(walk_text(s, VL_MT_MANIFEST, text, &e), &e, VL_E_CLOSURE, "both manifests and layers");
	tap_ok(strstr(e.msg, "odd") && strstr(e.msg, "both"), "says so: %s", e.msg);
	tap_fails(walk_text(s, VL_MT_MANIFEST, "hello", &e), &e, VL_E_CLOSURE, "not JSON");
	tap_fails(walk_text(s, VL_MT_MANIFEST, "{\"schemaVersion\":2,\"manifests\":[]}", &e), &e, VL_E_CLOSURE,
		  "an index in place of a manifest");
	tap_good(walk_text(s, VL_MT_INDEX, "{\"schemaVersion\":2,\"manifests\":[]}", &e), &e, "an empty index");
	two_media_types(s);
	tap_fails(walk_text(s, "text/plain", "hello", &e), &e, VL_E_CLOSURE, "an index that names what is no document");
	FIX_MUST(vl_store_put(s, vl_bytes_str("{}"), &d, me));
	tap_fails(vl_store_snapshot(s, &d, 2, &doc, &e), &e, VL_E_CLOSURE, "a root that is no index");
}

int main(void)
{
	test_order();
	test_depth();
	test_diamonds();
	test_shares();
	test_shared_index();
	test_least_depth();
	test_missing();
	test_bent();
	test_documents();
	fix_done();
	return tap_done();
}
