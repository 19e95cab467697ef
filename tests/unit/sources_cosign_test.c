/* SPDX-License-Identifier: Apache-2.0 */
/* Signature manifests as cosign writes them, and what an enemy who cannot sign would put into them. */
#include "sources/cosign.h"
#include "tests/lib/scratch.h"
#include "tests/lib/store_fixture.h"
#include "tests/lib/tap.h"

#define TYPE "cosign container image signature"
#define IMAGE "sha256:" DIGITS "00"
#define OTHER "sha256:" DIGITS "11"
#define DIGITS "aabbccddeeff00112233445566778899aabbccddeeff001122334455667788"
#define PAYLOAD(type, digest)                                                                                          \
	"{\"critical\":{\"identity\":{\"docker-reference\":\"r.example/a\"},\"image\":"                                \
	"{\"docker-manifest-digest\":\"" digest "\"},\"type\":\"" type "\"},\"optional\":null}"

/* One layer: a payload and who signed it. */
struct layer {
	const char *media_type, *payload, *signer, *base64; /* base64 instead of a signer */
	const char *instead;                                /* of the payload that was signed */
};
struct world {
	struct scratch dir;
	struct vl_store *store;
	struct vl_pem_key *key;
	struct vl_digest image;
};

static char *signature_of(const struct world *w, const char *signer, const char *payload)
{
	VL_CLEAN(vl_buf) out = VL_BUF_INIT(8192);

	scratch_put(&w->dir, "payload", vl_bytes_str(payload), 0600);
	if (scratch_cmd(&w->dir, NULL, "openssl", "dgst", "-sha256", "-sign", signer, "-out", "sig", "payload") ||
	    scratch_cmd(&w->dir, NULL, "openssl", "base64", "-A", "-in", "sig"))
		scratch_bail("openssl does not sign");
	scratch_get(&w->dir, "out", &out);
	return vl_xstrdup(vl_buf_str(&out));
}

static void add(const struct world *w, struct vl_doc *doc, const struct layer *l)
{
	VL_STR made = l->signer ? signature_of(w, l->signer, l->payload) : NULL;
	struct vl_desc *d = fix_layer(w->store, doc, l->media_type, NULL,
				      vl_bytes_str(l->instead ? l->instead : l->payload));

	vl_desc_set(d, VL_AN_COSIGN, made ? made : l->base64);
}

static const struct {
	const char *name;
	struct layer layer[3];
	const char *error; /* NULL: good */
} rows[] = {
	{ "one good layer", { { VL_MT_COSIGN, PAYLOAD(TYPE, IMAGE), "right.key", NULL, NULL } }, NULL },
	{ "the third is good",
	  { { VL_MT_COSIGN, PAYLOAD(TYPE, IMAGE), "wrong.key", NULL, NULL },
	    { VL_MT_COSIGN, PAYLOAD(TYPE, OTHER), "right.key", NULL, NULL },
	    { VL_MT_COSIGN, PAYLOAD(TYPE, IMAGE) " ", "right.key", NULL, NULL } },
	  NULL },
	{ "no layer", { { 0 } }, "the signature manifest of image " IMAGE " holds no cosign signature" },
	{ "a layer of another type",
	  { { "application/octet-stream", PAYLOAD(TYPE, IMAGE), "right.key", NULL, NULL } },
	  "the signature manifest of image " IMAGE " holds no cosign signature" },
	{ "another key",
	  { { VL_MT_COSIGN, PAYLOAD(TYPE, IMAGE), "wrong.key", NULL, NULL } },
	  "image " IMAGE " is not signed by this key" },
	{ "another payload than signed",
	  { { VL_MT_COSIGN, PAYLOAD(TYPE, OTHER), "right.key", NULL, PAYLOAD(TYPE, IMAGE) } },
	  "image " IMAGE " is not signed by this key" },
	{ "another image",
	  { { VL_MT_COSIGN, PAYLOAD(TYPE, OTHER), "right.key", NULL, NULL },
	    { VL_MT_COSIGN, PAYLOAD(TYPE, IMAGE), "wrong.key", NULL, NULL } },
	  "the signature by this key is for another image: " OTHER ", not " IMAGE },
	{ "another kind of statement",
	  { { VL_MT_COSIGN, PAYLOAD("atomic container signature", IMAGE), "right.key", NULL, NULL } },
	  "what this key signed is not a signature of a container image" },
	{ "a signed text that is no JSON",
	  { { VL_MT_COSIGN, "hello", "right.key", NULL, NULL } },
	  "what this key signed is not a signature of a container image" },
	{ "two digests in one payload",
	  { { VL_MT_COSIGN,
	      "{\"critical\":{\"image\":{\"docker-manifest-digest\":\"" OTHER "\",\"docker-manifest-digest\":\"" IMAGE
	      "\"},\"type\":\"" TYPE "\"}}",
	      "right.key", NULL, NULL } },
	  "what this key signed is not a signature of a container image" },
	{ "no annotation",
	  { { VL_MT_COSIGN, PAYLOAD(TYPE, IMAGE), NULL, NULL, NULL } },
	  "the cosign signature of image " IMAGE " is malformed" },
	{ "an annotation that is no base64",
	  { { VL_MT_COSIGN, PAYLOAD(TYPE, IMAGE), NULL, "MEUCIQ==\n", NULL } },
	  "the cosign signature of image " IMAGE " is malformed" },
	{ "an empty annotation",
	  { { VL_MT_COSIGN, PAYLOAD(TYPE, IMAGE), NULL, "", NULL } },
	  "the cosign signature of image " IMAGE " is malformed" },
};

static void test_rows(const struct world *w)
{
	for (size_t i = 0; i < VL_LEN(rows); i++) {
		VL_CLEAN(vl_doc) doc = { 0 };
		struct vl_err e = VL_ERR_INIT;
		bool good;

		fix_artifact(w->store, &doc, "application/vnd.oci.image.config.v1+json");
		for (size_t k = 0; k < VL_LEN(rows[i].layer) && rows[i].layer[k].media_type; k++)
			add(w, &doc, &rows[i].layer[k]);
		good = vl_cosign_verify(w->store, &doc, w->key, &w->image, &e);
		if (!rows[i].error)
			tap_ok(good, "%s: accepted %s", rows[i].name, e.msg);
		else
			tap_ok(!good && e.code == VL_E_UPSTREAM_SIG, "%s: refused", rows[i].name);
		if (rows[i].error)
			tap_str(e.msg, rows[i].error, "%s: what is said", rows[i].name);
	}
}

/* A payload of more than 1 MiB is not read; one that is missing or damaged is the store's fault, not the signer's. */
static void test_payloads(const struct world *w)
{
	VL_CLEAN(vl_doc) doc = { 0 };
	struct vl_err e = VL_ERR_INIT;
	struct vl_desc *d;

	fix_artifact(w->store, &doc, "application/vnd.oci.image.config.v1+json");
	add(w, &doc, &rows[0].layer[0]);
	d = &doc.child[0];
	d->size = (1u << 20) + 1;
	tap_fails(vl_cosign_verify(w->store, &doc, w->key, &w->image, &e), &e, VL_E_UPSTREAM_SIG, "above 1 MiB");
	d->size = strlen(rows[0].layer[0].payload);
	tap_good(vl_cosign_verify(w->store, &doc, w->key, &w->image, &e), &e, "with its own size it is good");
	d->digest.b[0] ^= 1;
	tap_fails(vl_cosign_verify(w->store, &doc, w->key, &w->image, &e), &e, VL_E_STORE,
		  "a payload that is not there");
	d->digest.b[0] ^= 1;
	doc.is_index = true;
	tap_fails(vl_cosign_verify(w->store, &doc, w->key, &w->image, &e), &e, VL_E_UPSTREAM_SIG, "an index is none");
}

/* ---- bundles, as cosign 3 writes them ---- */

#define PREDICATE "https://sigstore.dev/cosign/sign/v1"
#define STATEMENT(predicate, digits)                                                                                   \
	"{\"_type\":\"https://in-toto.io/Statement/v1\","                                                             \
	"\"subject\":[{\"name\":\"other\",\"digest\":{\"sha512\":\"00\"}},"                                           \
	"{\"digest\":{\"sha256\":\"" digits "\"},\"annotations\":{}}],"                                               \
	"\"predicateType\":\"" predicate "\",\"predicate\":{}}"
#define SIGNED STATEMENT(PREDICATE, DIGITS "00")

static char *base64_of(const struct world *w, const char *text)
{
	VL_CLEAN(vl_buf) out = VL_BUF_INIT(65536);

	if (scratch_cmd(&w->dir, text, "openssl", "base64", "-A"))
		scratch_bail("openssl makes no base64");
	scratch_get(&w->dir, "out", &out);
	return vl_xstrdup(vl_buf_str(&out));
}

static const struct {
	const char *name, *statement, *signer, *type; /* type NULL: in-toto's */
	const char *instead;                          /* of the statement that was signed */
	const char *error;
} bundles[] = {
	{ "good", SIGNED, "right.key", NULL, NULL, NULL },
	{ "another key", SIGNED, "wrong.key", NULL, NULL, "image " IMAGE " is not signed by this key" },
	{ "another statement than signed", STATEMENT(PREDICATE, DIGITS "11"), "right.key", NULL, SIGNED,
	  "image " IMAGE " is not signed by this key" },
	{ "another type than signed", SIGNED, "right.key", "application/json", NULL,
	  "the cosign signature of image " IMAGE " is malformed" },
	{ "another image", STATEMENT(PREDICATE, DIGITS "11"), "right.key", NULL, NULL,
	  "the signature by this key is for another image: " OTHER ", not " IMAGE },
	{ "provenance by the same key", STATEMENT("https://slsa.dev/provenance/v1", DIGITS "00"), "right.key", NULL,
	  NULL, "what this key signed is not a signature of a container image" },
	{ "no statement", "{}", "right.key", NULL, NULL,
	  "what this key signed is not a signature of a container image" },
	{ "no JSON", "sign here", "right.key", NULL, NULL,
	  "what this key signed is not a signature of a container image" },
};

static char *bundle_of(const struct world *w, size_t i)
{
	VL_STR signed_text = vl_xprintf("DSSEv1 28 application/vnd.in-toto+json %zu %s", strlen(bundles[i].statement),
					bundles[i].statement);
	VL_STR signature = signature_of(w, bundles[i].signer, signed_text);
	VL_STR foreign = signature_of(w, "wrong.key", "nothing");
	VL_STR payload = base64_of(w, bundles[i].instead ? bundles[i].instead : bundles[i].statement);

	return vl_xprintf("{\"mediaType\":\"" VL_MT_BUNDLE "\","
			  "\"verificationMaterial\":{\"publicKey\":{\"hint\":\"x\"}},"
			  "\"dsseEnvelope\":{\"payload\":\"%s\",\"payloadType\":\"%s\","
			  "\"signatures\":[{\"sig\":\"%s\"},{\"keyid\":\"only\"},{\"sig\":\"%s\"}]}}",
			  payload, bundles[i].type ? bundles[i].type : "application/vnd.in-toto+json", foreign,
			  signature);
}

static void test_bundles(const struct world *w)
{
	for (size_t i = 0; i < VL_LEN(bundles); i++) {
		VL_CLEAN(vl_doc) doc = { 0 };
		VL_STR bundle = bundle_of(w, i);
		const struct layer l = { VL_MT_BUNDLE, bundle, NULL, NULL, NULL };
		struct vl_err e = VL_ERR_INIT;
		bool good;

		fix_artifact(w->store, &doc, VL_MT_BUNDLE);
		add(w, &doc, &l);
		good = vl_cosign_verify(w->store, &doc, w->key, &w->image, &e);
		tap_is(good, !bundles[i].error, "bundle: %s %s", bundles[i].name, e.msg);
		if (bundles[i].error)
			tap_str(e.msg, bundles[i].error, "bundle: %s: what is said", bundles[i].name);
	}
}

static void test_broken_bundles(const struct world *w)
{
	static const char *const texts[] = {
		"", "{}", "[]", "no json", "{\"dsseEnvelope\":[]}",
		"{\"dsseEnvelope\":{\"payload\":1,\"payloadType\":2}}",
		"{\"dsseEnvelope\":{\"payload\":\"e30=\\n\",\"payloadType\":\"application/vnd.in-toto+json\"}}",
		"{\"messageSignature\":{\"signature\":\"AAAA\"}}",
	};

	for (size_t i = 0; i < VL_LEN(texts); i++) {
		VL_CLEAN(vl_doc) doc = { 0 };
		const struct layer l = { VL_MT_BUNDLE, texts[i], NULL, NULL, NULL };
		struct vl_err e = VL_ERR_INIT;

		fix_artifact(w->store, &doc, VL_MT_BUNDLE);
		add(w, &doc, &l);
		tap_fails(vl_cosign_verify(w->store, &doc, w->key, &w->image, &e), &e, VL_E_UPSTREAM_SIG, "bundle %s",
			  texts[i]);
		tap_str(e.msg, "the cosign signature of image " IMAGE " is malformed", "is malformed");
	}
}

static void test_many(const struct world *w)
{
	VL_CLEAN(vl_doc) doc = { 0 };
	struct vl_err e = VL_ERR_INIT;

	fix_artifact(w->store, &doc, "application/vnd.oci.image.config.v1+json");
	while (doc.n + 1 < VL_COSIGN_MAX)
		vl_desc_init(vl_doc_add(&doc), VL_MT_COSIGN, &w->image, 10);
	add(w, &doc, &rows[0].layer[0]);
	tap_good(vl_cosign_verify(w->store, &doc, w->key, &w->image, &e), &e, "the last of 256 is good");
	add(w, &doc, &rows[0].layer[0]);
	tap_fails(vl_cosign_verify(w->store, &doc, w->key, &w->image, &e), &e, VL_E_LIMIT, "257 are too many");
}

int main(void)
{
	struct world w = { .dir = scratch_new() };
	struct vl_err e = VL_ERR_INIT;

	if (scratch_cmd(&w.dir, NULL, "openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256",
			"-out", "right.key") ||
	    scratch_cmd(&w.dir, NULL, "openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256",
			"-out", "wrong.key") ||
	    scratch_cmd(&w.dir, NULL, "openssl", "pkey", "-in", "right.key", "-pubout", "-out", "right.pub"))
		return 77;
	w.store = fix_open("store");
	tap_ok(vl_digest_parse_oci(&w.image, IMAGE), "the image's digest");
	tap_good(vl_pem_load(&w.key, scratch_path(&w.dir, "right.pub"), &e), &e, "the key loads");
	test_rows(&w);
	test_payloads(&w);
	test_bundles(&w);
	test_broken_bundles(&w);
	test_many(&w);
	vl_store_free(w.store);
	vl_pem_key_free(w.key);
	scratch_end(&w.dir);
	fix_done();
	return tap_done();
}
