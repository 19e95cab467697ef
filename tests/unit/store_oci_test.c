/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/store_oci_test.c: what is accepted as an OCI document, and that ours come out the same each time. */
#include <stdlib.h>
#include <time.h>

#include "base/mem.h"
#include "store/oci.h"
#include "tests/lib/tap.h"

#define HEX "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define HEX63 "3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define HEX_UP "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855"
#define DESC "{\"mediaType\":\"a/b\",\"digest\":\"sha256:" HEX "\",\"size\":0}"
#define WITH(mid) "{\"mediaType\":\"a/b\"," mid "}"
#define PLATFORM(p) WITH("\"digest\":\"sha256:" HEX "\",\"size\":0,\"platform\":" p)
#define LAYER(desc) "{\"schemaVersion\":2,\"config\":" DESC ",\"layers\":[" desc "]}"

static const struct {
	const char *name, *text, *media_type;
	enum vl_code code; /* VL_OK: accepted */
} docs[] = {
	{ "empty index", "{\"schemaVersion\":2,\"manifests\":[]}", NULL, VL_OK },
	{ "index with media type", "{\"schemaVersion\":2,\"mediaType\":\"" VL_MT_INDEX "\",\"manifests\":[" DESC "]}",
	  VL_MT_INDEX, VL_OK },
	{ "docker list", "{\"schemaVersion\":2,\"mediaType\":\"" VL_MT_DOCKER_LIST "\",\"manifests\":[]}",
	  VL_MT_DOCKER_LIST, VL_OK },
	{ "docker manifest",
	  "{\"schemaVersion\":2,\"mediaType\":\"" VL_MT_DOCKER_MANIFEST "\",\"config\":" DESC ",\"layers\":[]}", NULL,
	  VL_OK },
	{ "manifest", LAYER(DESC), VL_MT_MANIFEST, VL_OK },
	{ "manifest without layers", "{\"schemaVersion\":2,\"config\":" DESC "}", NULL, VL_OK },
	{ "unknown members", "{\"schemaVersion\":2,\"manifests\":[],\"x\":{\"y\":[1.5,null]},\"subject\":" DESC "}",
	  NULL, VL_OK },
	{ "null subject", "{\"schemaVersion\":2,\"manifests\":[],\"subject\":null}", NULL, VL_OK },
	{ "subject is text", "{\"schemaVersion\":2,\"manifests\":[],\"subject\":\"sha256:" HEX "\"}", NULL,
	  VL_E_FORMAT },
	{ "subject without size",
	  "{\"schemaVersion\":2,\"config\":" DESC ",\"subject\":" WITH("\"digest\":\"sha256:" HEX "\"") "}", NULL,
	  VL_E_FORMAT },
	{ "platform",
	  LAYER(PLATFORM("{\"os\":\"linux\",\"architecture\":\"arm64\",\"os.features\":[1]}")), NULL, VL_OK },
	{ "null platform", LAYER(PLATFORM("null")), NULL, VL_OK },
	{ "null in a platform", LAYER(PLATFORM("{\"os\":\"linux\",\"variant\":null}")), NULL, VL_OK },
	{ "os is a number", LAYER(PLATFORM("{\"os\":1}")), NULL, VL_E_FORMAT },
	{ "variant is an array", LAYER(PLATFORM("{\"os\":\"linux\",\"variant\":[]}")), NULL, VL_E_FORMAT },
	{ "os.version is an object", LAYER(PLATFORM("{\"os.version\":{}}")), NULL, VL_E_FORMAT },
	{ "urls and data are not ours",
	  LAYER(WITH("\"digest\":\"sha256:" HEX "\",\"size\":0,\"urls\":[1],\"data\":7")), NULL, VL_OK },
	{ "null annotations", "{\"schemaVersion\":2,\"manifests\":[],\"annotations\":null}", NULL, VL_OK },
	{ "both manifests and layers", "{\"schemaVersion\":2,\"manifests\":[],\"layers\":[]}", NULL, VL_E_FORMAT },
	{ "both manifests and config", "{\"schemaVersion\":2,\"manifests\":[],\"config\":" DESC "}", NULL,
	  VL_E_FORMAT },
	{ "neither", "{\"schemaVersion\":2}", NULL, VL_E_FORMAT },
	{ "layers without config", "{\"schemaVersion\":2,\"layers\":[]}", NULL, VL_E_FORMAT },
	{ "schema 1", "{\"schemaVersion\":1,\"manifests\":[]}", NULL, VL_E_FORMAT },
	{ "no schema", "{\"manifests\":[]}", NULL, VL_E_FORMAT },
	{ "array", "[]", NULL, VL_E_FORMAT },
	{ "manifests is an object", "{\"schemaVersion\":2,\"manifests\":{}}", NULL, VL_E_FORMAT },
	{ "manifests is null", "{\"schemaVersion\":2,\"manifests\":null}", NULL, VL_E_FORMAT },
	{ "child is a number", "{\"schemaVersion\":2,\"manifests\":[1]}", NULL, VL_E_FORMAT },
	{ "index said to be a manifest", "{\"schemaVersion\":2,\"manifests\":[]}", VL_MT_MANIFEST, VL_E_FORMAT },
	{ "manifest said to be an index", LAYER(DESC), VL_MT_INDEX, VL_E_FORMAT },
	{ "type differs from the descriptor",
	  "{\"schemaVersion\":2,\"mediaType\":\"" VL_MT_DOCKER_LIST "\",\"manifests\":[]}", VL_MT_INDEX, VL_E_FORMAT },
	{ "own type does not fit", "{\"schemaVersion\":2,\"mediaType\":\"" VL_MT_MANIFEST "\",\"manifests\":[]}", NULL,
	  VL_E_FORMAT },
	{ "sha512", LAYER(WITH("\"digest\":\"sha512:" HEX HEX "\",\"size\":0")), NULL, VL_E_FORMAT },
	{ "md5", LAYER(WITH("\"digest\":\"md5:d41d8cd98f00b204e9800998ecf8427e\",\"size\":0")), NULL, VL_E_FORMAT },
	{ "63 digits", LAYER(WITH("\"digest\":\"sha256:" HEX63 "\",\"size\":0")), NULL, VL_E_FORMAT },
	{ "upper case", LAYER(WITH("\"digest\":\"sha256:" HEX_UP "\",\"size\":0")), NULL, VL_E_FORMAT },
	{ "no digest", LAYER(WITH("\"size\":0")), NULL, VL_E_FORMAT },
	{ "no size", LAYER(WITH("\"digest\":\"sha256:" HEX "\"")), NULL, VL_E_FORMAT },
	{ "size is text", LAYER(WITH("\"digest\":\"sha256:" HEX "\",\"size\":\"0\"")), NULL, VL_E_FORMAT },
	{ "negative size", LAYER(WITH("\"digest\":\"sha256:" HEX "\",\"size\":-1")), NULL, VL_E_FORMAT },
	{ "size with fraction", LAYER(WITH("\"digest\":\"sha256:" HEX "\",\"size\":1.5")), NULL, VL_E_FORMAT },
	{ "1 TiB", LAYER(WITH("\"digest\":\"sha256:" HEX "\",\"size\":1099511627776")), NULL, VL_OK },
	{ "1 TiB + 1", LAYER(WITH("\"digest\":\"sha256:" HEX "\",\"size\":1099511627777")), NULL, VL_E_FORMAT },
	{ "no media type", LAYER("{\"digest\":\"sha256:" HEX "\",\"size\":0}"), NULL, VL_E_FORMAT },
	{ "media type with escape",
	  LAYER("{\"mediaType\":\"a/\\u001bb\",\"digest\":\"sha256:" HEX "\",\"size\":0}"), NULL, VL_E_FORMAT },
	{ "annotation is a number", LAYER(WITH("\"digest\":\"sha256:" HEX "\",\"size\":0,\"annotations\":{\"a\":1}")),
	  NULL, VL_E_FORMAT },
	{ "annotations is an array", LAYER(WITH("\"digest\":\"sha256:" HEX "\",\"size\":0,\"annotations\":[]")), NULL,
	  VL_E_FORMAT },
	{ "duplicate key", "{\"schemaVersion\":2,\"manifests\":[],\"manifests\":[]}", NULL, VL_E_FORMAT },
	{ "cut short", "{\"schemaVersion\":2,\"manifests\":[", NULL, VL_E_FORMAT },
	{ "nothing", "", NULL, VL_E_FORMAT },
};

static void test_reading(void)
{
	for (size_t i = 0; i < VL_LEN(docs); i++) {
		VL_CLEAN(vl_doc) d = { 0 };
		struct vl_err e = VL_ERR_INIT;
		bool good = vl_doc_parse(&d, vl_bytes_str(docs[i].text), docs[i].media_type, "doc", VL_E_FORMAT, &e);

		if (!tap_ok(docs[i].code == VL_OK ? good : !good && e.code == docs[i].code, "%s", docs[i].name))
			printf("# %s: E%04d %s\n", good ? "accepted" : "refused", (int)e.code, e.msg);
	}
}

static void test_limits(void)
{
	VL_CLEAN(vl_buf) b = VL_BUF_INIT(VL_DOC_MAX * 2);
	VL_CLEAN(vl_doc) d = { 0 };
	VL_STR big = vl_xcalloc(VL_DOC_MAX + 2, 1);
	struct vl_err e = VL_ERR_INIT;

	memset(big, ' ', VL_DOC_MAX + 1);
	tap_fails(vl_doc_parse(&d, vl_bytes(big, VL_DOC_MAX + 1), NULL, "doc", VL_E_FORMAT, &e), &e, VL_E_LIMIT,
		  "more than 4 MiB");
	memset(big, 'a', 70000);
	big[70000] = '\0';
	tap_good(vl_buf_addf(&b, &e, "{\"schemaVersion\":2,\"manifests\":[],\"annotations\":{\"a\":\"%s\"}}", big), &e,
		 "text");
	tap_fails(vl_doc_parse(&d, vl_buf_bytes(&b), NULL, "doc", VL_E_FORMAT, &e), &e, VL_E_FORMAT,
		  "annotation of 70 kB");
}

static void test_writing(void)
{
	VL_CLEAN(vl_doc) d = { 0 }, back = { 0 };
	VL_CLEAN(vl_buf) one = VL_BUF_INIT(65536), two = VL_BUF_INIT(65536);
	struct vl_err e = VL_ERR_INIT;
	struct vl_digest digest;
	struct vl_desc *layer;

	vl_doc_init_artifact(&d, "application/vnd.valise.test.v1");
	vl_digest_parse_hex(&digest, HEX);
	layer = vl_doc_add(&d);
	vl_desc_init(layer, "text/plain", &digest, 7);
	vl_desc_set(layer, VL_AN_TITLE, "a \"b\"\n");
	vl_desc_set(layer, "gone", "x");
	vl_desc_set(layer, "z", "1");
	vl_desc_set(layer, "z", "2");
	vl_desc_set(layer, "gone", NULL);
	vl_desc_set(layer, "never", NULL);
	d.an = vl_xcalloc(1, sizeof *d.an);
	d.an[d.n_an++] = (struct vl_annotation){ vl_xstrdup("org.opencontainers.image.created"),
						 vl_xstrdup("2026-11-21T08:00:00Z") };
	tap_good(vl_doc_format(&d, &one, &e), &e, "format");
	tap_str(vl_buf_str(&one),
		"{\"schemaVersion\":2,\"mediaType\":\"" VL_MT_MANIFEST
		"\",\"artifactType\":\"application/vnd.valise.test.v1\",\"config\":{\"mediaType\":\"" VL_MT_EMPTY
		"\",\"digest\":\"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\",\"size\":2},"
		"\"layers\":[{\"mediaType\":\"text/plain\",\"digest\":\"sha256:" HEX "\",\"size\":7,\"annotations\":{"
		"\"org.opencontainers.image.title\":\"a \\\"b\\\"\\n\",\"z\":\"2\"}}],\"annotations\":{"
		"\"org.opencontainers.image.created\":\"2026-11-21T08:00:00Z\"}}",
		"exact bytes");
	tap_good(vl_doc_parse(&back, vl_buf_bytes(&one), VL_MT_MANIFEST, "doc", VL_E_FORMAT, &e), &e, "parse");
	tap_str(vl_desc_get(&back.child[0], VL_AN_TITLE), "a \"b\"\n", "title survives");
	tap_ok(!back.is_index && back.n == 1 && back.child[0].size == 7, "shape survives");
	tap_good(vl_doc_format(&back, &two, &e), &e, "format again");
	tap_ok(one.len == two.len && !memcmp(one.data, two.data, one.len), "the same bytes");
}

static void test_copy(void)
{
	VL_CLEAN(vl_desc) a = { 0 }, b = { 0 };
	struct vl_digest digest;

	vl_digest_parse_hex(&digest, HEX);
	vl_desc_init(&a, "text/plain", &digest, 1);
	vl_desc_set(&a, "k", "v");
	vl_desc_copy(&b, &a);
	vl_desc_copy(&b, &a);
	vl_desc_set(&b, "k", vl_desc_get(&b, "k"));
	tap_str(vl_desc_get(&b, "k"), "v", "annotation set to itself");
	tap_ok(!vl_desc_get(&b, "other"), "absent annotation");
	tap_ok(vl_media_type_is_index(VL_MT_DOCKER_LIST) && !vl_media_type_is_index(VL_MT_MANIFEST) &&
		       !vl_media_type_is_index(NULL), "index types");
	tap_ok(vl_media_type_is_manifest(VL_MT_DOCKER_MANIFEST) && !vl_media_type_is_manifest(VL_MT_INDEX),
	       "manifest types");
}

#define PARTS                                                                                                          \
	"\"platform\":{\"architecture\":\"arm64\",\"os\":\"linux\",\"os.version\":\"6\",\"variant\":\"v8\"}"

/* The platforms of a list that valise writes, and what an artifact is attached to, come out as they went in. */
static void test_platform_and_subject(void)
{
	static const char text[] =
		"{\"schemaVersion\":2,\"mediaType\":\"" VL_MT_INDEX "\",\"manifests\":[{\"mediaType\":\"" VL_MT_MANIFEST
		"\",\"digest\":\"sha256:" HEX "\",\"size\":7," PARTS ",\"annotations\":{\"a\":\"b\"}}],\"subject\":"
		DESC ",\"annotations\":{\"k\":\"v\"}}";
	VL_CLEAN(vl_doc) d = { 0 };
	VL_CLEAN(vl_desc) copy = { 0 };
	VL_CLEAN(vl_buf) out = VL_BUF_INIT(65536);
	struct vl_err e = VL_ERR_INIT;

	tap_good(vl_doc_parse(&d, vl_bytes_str(text), VL_MT_INDEX, "doc", VL_E_FORMAT, &e), &e, "parse");
	tap_str(d.subject.media_type, "a/b", "the subject is kept");
	vl_desc_copy(&copy, &d.child[0]);
	vl_desc_clear(&d.child[0]);
	vl_desc_copy(&d.child[0], &copy);
	tap_str(copy.platform.os_version, "6", "a copy has the platform");
	tap_good(vl_doc_format(&d, &out, &e), &e, "format");
	tap_str(vl_buf_str(&out), text, "the same bytes");
}

static void test_platform_words(void)
{
	static const struct {
		const char *os, *architecture, *variant, *text; /* text: as vl_platform_text() gives it */
		const char *asked;
		bool match;
	} cases[] = {
		{ "linux", "amd64", NULL, "linux/amd64", "linux/amd64", true },
		{ "linux", "amd64", NULL, "linux/amd64", "linux", true },
		{ "linux", "amd64", NULL, "linux/amd64", "linux/amd", false },
		{ "linux", "amd64", NULL, "linux/amd64", "linux/amd641", false },
		{ "linux", "amd64", NULL, "linux/amd64", "windows/amd64", false },
		{ "linux", "amd64", NULL, "linux/amd64", "linux/amd64/v2", false },
		{ "linux", "amd64", NULL, "linux/amd64", "", false },
		{ "linux", "amd64", NULL, "linux/amd64", "linux/", false },
		{ "linux", "arm64", "v8", "linux/arm64/v8", "linux/arm64", true },
		{ "linux", "arm64", "v8", "linux/arm64/v8", "linux/arm64/v8", true },
		{ "linux", "arm64", "v8", "linux/arm64/v8", "linux/arm64/v9", false },
		{ "linux", "arm64", "v8", "linux/arm64/v8", "linux/arm64/v8/x", false },
		{ "linux", "arm64", NULL, "linux/arm64", "linux/arm64/v8", true },
		{ "linux", "arm64", NULL, "linux/arm64", "linux/arm64/v9", false },
		{ "linux", "arm", "v7", "linux/arm/v7", "linux/arm", true },
		{ "linux", "arm", "v7", "linux/arm/v7", "linux/arm/v6", false },
		{ "linux", NULL, NULL, "linux", "linux/amd64", false },
		{ NULL, "amd64", NULL, NULL, "linux/amd64", false },
		{ NULL, NULL, NULL, NULL, "linux", false },
		{ NULL, NULL, NULL, NULL, "", false },
	};

	for (size_t i = 0; i < VL_LEN(cases); i++) {
		VL_CLEAN(vl_desc) d = { 0 };
		VL_STR text = NULL;

		d.platform = (struct vl_platform){ .os = vl_xstrdup(cases[i].os),
						   .architecture = vl_xstrdup(cases[i].architecture),
						   .variant = vl_xstrdup(cases[i].variant) };
		text = vl_platform_text(&d.platform);
		tap_ok(text && cases[i].text ? !strcmp(text, cases[i].text) : !text && !cases[i].text, "text %zu", i);
		tap_is(vl_platform_matches(&d.platform, cases[i].asked), cases[i].match, "%s for \"%s\"",
		       text ? text : "no platform", cases[i].asked);
	}
}

/* 400 children of 1000 annotations: as many bytes as a document may have. Time grows with them, not with their
 * square. */
static void test_many_annotations(void)
{
	VL_CLEAN(vl_buf) text = VL_BUF_INIT(VL_DOC_MAX);
	VL_CLEAN(vl_doc) d = { 0 };
	struct vl_err e = VL_ERR_INIT;
	clock_t began;
	long ms;

	if (!vl_buf_addf(&text, &e, "{\"schemaVersion\":2,\"manifests\":["))
		tap_ok(false, "no room");
	for (unsigned i = 0; i < 400; i++) {
		if (!vl_buf_addf(&text, &e, "%s{\"mediaType\":\"" VL_MT_MANIFEST "\",\"size\":2,\"digest\":\"sha256:"
				 "%064x\",\"annotations\":{\"z\":\"\"", i ? "," : "", i))
			tap_ok(false, "no room");
		for (unsigned k = 1; k < 1000; k++)
			if (!vl_buf_addf(&text, &e, ",\"%x\":\"\"", k))
				tap_ok(false, "no room");
		if (!vl_buf_addf(&text, &e, "}}"))
			tap_ok(false, "no room");
	}
	began = clock();
	tap_good(vl_buf_addf(&text, &e, "]}") &&
		 vl_doc_parse(&d, vl_buf_bytes(&text), VL_MT_INDEX, "x", VL_E_FORMAT, &e), &e, "400000 annotations");
	for (size_t i = 0; i < d.n; i++) {
		VL_CLEAN(vl_desc) copy = { 0 };

		vl_desc_copy(&copy, &d.child[i]);
	}
	ms = (clock() - began) / (CLOCKS_PER_SEC / 1000);
	tap_ok(d.n == 400 && d.child[399].n_an == 1000, "all are there");
	printf("# %ld ms of processor time\n", ms);
}

int main(void)
{
	test_reading();
	test_limits();
	test_writing();
	test_copy();
	test_platform_and_subject();
	test_platform_words();
	test_many_annotations();
	return tap_done();
}
