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
	tap_fails(vl_cosign_verify(w->store, &doc, w->key, &w->image, &e), &e, VL_E_STORE, "a payload that is not there");
	d->digest.b[0] ^= 1;
	doc.is_index = true;
	tap_fails(vl_cosign_verify(w->store, &doc, w->key, &w->image, &e), &e, VL_E_UPSTREAM_SIG, "an index is none");
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

	if (scratch_cmd(&w.dir, NULL, "openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out",
			"right.key") ||
	    scratch_cmd(&w.dir, NULL, "openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out",
			"wrong.key") ||
	    scratch_cmd(&w.dir, NULL, "openssl", "pkey", "-in", "right.key", "-pubout", "-out", "right.pub"))
		return 77;
	w.store = fix_open("store");
	tap_ok(vl_digest_parse_oci(&w.image, IMAGE), "the image's digest");
	tap_good(vl_pem_load(&w.key, scratch_path(&w.dir, "right.pub"), &e), &e, "the key loads");
	test_rows(&w);
	test_payloads(&w);
	test_many(&w);
	vl_store_free(w.store);
	vl_pem_key_free(w.key);
	scratch_end(&w.dir);
	fix_done();
	return tap_done();
}
