/* SPDX-License-Identifier: Apache-2.0 */
/* Where images are asked for, which answers are believed, and which manifests of an index are chosen. */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/text.h"
#include "sources/image.h"
#include "tests/lib/scratch.h"
#include "tests/lib/tap.h"

#define D64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* ---- candidates ---- */

static const struct {
	const char *reference, *prefix, *use, *urls; /* of the manifest, blanks between */
} addresses[] = {
	{ "docker.io/library/alpine:3", NULL, NULL, "https://registry-1.docker.io/v2/library/alpine/manifests/3" },
	{ "index.docker.io/library/alpine:3", NULL, NULL,
	  "https://registry-1.docker.io/v2/library/alpine/manifests/3" },
	{ "quay.example/a/b:1", NULL, NULL, "https://quay.example/v2/a/b/manifests/1" },
	{ "quay.example/a/b", NULL, NULL, "https://quay.example/v2/a/b/manifests/latest" },
	{ "127.0.0.1:5000/a:1", NULL, NULL, "http://127.0.0.1:5000/v2/a/manifests/1" },
	{ "quay.example/a:2@sha256:" D64, NULL, NULL, "https://quay.example/v2/a/manifests/sha256:" D64 },
	{ "docker.io/library/alpine:3", "docker.io", "mirror.example/hub",
	  "https://mirror.example/v2/hub/library/alpine/manifests/3 "
	  "https://registry-1.docker.io/v2/library/alpine/manifests/3" },
	{ "docker.io/library/alpine:3", "docker.io/library", "127.0.0.1:5000/hub",
	  "http://127.0.0.1:5000/v2/hub/alpine/manifests/3 "
	  "https://registry-1.docker.io/v2/library/alpine/manifests/3" },
	{ "quay.example/a:1", "quay.example", "docker.io",
	  "https://registry-1.docker.io/v2/a/manifests/1 https://quay.example/v2/a/manifests/1" },
};

static char *join(char **texts)
{
	char *all = vl_xstrdup("");

	for (char **t = texts; *t; t++) {
		char *longer = vl_xprintf("%s%s%s", all, *all ? " " : "", *t);

		free(all);
		all = longer;
	}
	return all;
}

static void test_addresses(void)
{
	for (size_t i = 0; i < VL_LEN(addresses); i++) {
		VL_STR prefix = vl_xstrdup(addresses[i].prefix);
		VL_STR use = vl_xstrdup(addresses[i].use);
		struct vl_conf_mirror mirror = { .prefix = prefix, .use = &use, .use_count = 1 };
		struct vl_conf conf = { .mirrors = &mirror, .mirrors_count = prefix != NULL };
		struct vl_candidates c = { .v = NULL };
		struct vl_err e = VL_ERR_INIT;
		VL_TEXTS urls = NULL;

		tap_good(vl_candidates_add(&c, &conf, addresses[i].reference, "latest", &e), &e, "%s",
			 addresses[i].reference);
		urls = vl_candidates_urls(&c, "manifests", c.v[0].version);
		VL_STR got = join(urls);
		tap_str(got, addresses[i].urls, "%s is asked for there", addresses[i].reference);
		vl_candidates_clear(&c);
	}
}

static void test_owners(void)
{
	struct vl_conf conf = { .mirrors = NULL };
	struct vl_candidates c = { .v = NULL };
	struct vl_err e = VL_ERR_INIT;

	tap_good(vl_candidates_add(&c, &conf, "quay.example/a:1", "", &e) &&
		 vl_candidates_add(&c, &conf, "quay.example/a/b:1", "", &e), &e, "two repositories of one host");
	tap_ok(vl_candidates_find(&c, "https://quay.example/v2/a/manifests/1") == &c.v[0], "a's document");
	tap_ok(vl_candidates_find(&c, "https://quay.example/v2/a/b/blobs/sha256:" D64) == &c.v[1], "a/b's blob");
	tap_ok(!vl_candidates_find(&c, "https://quay.example/v2/ab/manifests/1"), "of neither");
	tap_ok(!vl_candidates_find(&c, "https://quay.example/v2/a/1"), "nobody's");
	vl_candidates_clear(&c);
}

/* ---- answers ---- */

#define MANIFEST                                                                                                       \
	"{\"schemaVersion\":2,\"config\":{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\"size\":2,"     \
	"\"digest\":\"sha256:" D64 "\"},\"layers\":[]}"
#define SCHEMA1 "{\"schemaVersion\":1,\"name\":\"a\",\"tag\":\"1\",\"fsLayers\":[],\"history\":[]}"

static const struct {
	const char *what, *body, *wanted, *announced, *content_type, *media_type;
	enum vl_code code; /* VL_OK: accepted */
} answers[] = {
	{ "by tag", MANIFEST, "1", NULL, VL_MT_MANIFEST, NULL, VL_OK },
	{ "no type at all", MANIFEST, "1", NULL, NULL, NULL, VL_OK },
	{ "a type that says nothing", MANIFEST, "1", NULL, "text/plain", VL_MT_MANIFEST, VL_OK },
	{ "right digest announced", MANIFEST, "1", "right", VL_MT_MANIFEST, NULL, VL_OK },
	{ "by digest", MANIFEST, "right", "right", VL_MT_DOCKER_MANIFEST, NULL, VL_OK },
	{ "other digest than wanted", MANIFEST, "sha256:" D64, NULL, VL_MT_MANIFEST, NULL, VL_E_CONTENT },
	{ "other digest than announced", MANIFEST, "right", "sha256:" D64, VL_MT_MANIFEST, NULL, VL_E_CONTENT },
	{ "a manifest as index", MANIFEST, "1", NULL, VL_MT_INDEX, NULL, VL_E_CONTENT },
	{ "another type than the index says", MANIFEST, "1", NULL, VL_MT_DOCKER_MANIFEST, VL_MT_MANIFEST,
	  VL_E_CONTENT },
	{ "schema 1", SCHEMA1, "1", NULL, "application/vnd.docker.distribution.manifest.v1+prettyjws", NULL,
	  VL_E_TYPE },
	{ "schema 1 without its type", SCHEMA1, "1", NULL, NULL, NULL, VL_E_TYPE },
	{ "a page", "<html>", "1", NULL, "text/html", NULL, VL_E_CONTENT },
	{ "nothing", "", "1", NULL, VL_MT_MANIFEST, NULL, VL_E_CONTENT },
};

static void test_answers(void)
{
	for (size_t i = 0; i < VL_LEN(answers); i++) {
		VL_CLEAN(vl_request) g = { .dir = -1 };
		VL_CLEAN(vl_doc) doc = { .n = 0 };
		struct vl_err e = VL_ERR_INIT;
		struct vl_digest sha;
		char right[VL_DIGEST_OCI];
		bool good;

		vl_request_init(&g);
		g.body.max = 4096;
		vl_sha256_of(vl_bytes_str(answers[i].body), &sha);
		vl_digest_oci(&sha, right);
		g.content_type = vl_xstrdup(answers[i].content_type);
		g.docker_digest = answers[i].announced && !strcmp(answers[i].announced, "right") ?
					  vl_xstrdup(right) : vl_xstrdup(answers[i].announced);
		good = vl_buf_add(&g.body, vl_bytes_str(answers[i].body), &e) &&
		       vl_answer_parse(&g, !strcmp(answers[i].wanted, "right") ? right : answers[i].wanted,
				       answers[i].media_type, &doc, &e);
		if (answers[i].code == VL_OK)
			tap_good(good, &e, "accepted: %s", answers[i].what);
		else
			tap_fails(good, &e, answers[i].code, "refused: %s", answers[i].what);
	}
}

/* ---- choosing ---- */

/* An entry is "os/architecture[/variant]", "-" without platform, "?" of platform unknown/unknown about the entry
 * before; parentheses are an index in the index. */
static const struct {
	const char *index, *platforms, *chosen; /* "=a" the manifest a itself; "*": upstream's index; "!": not there */
	bool alone;
} picks[] = {
	{ "linux/amd64 linux/arm64", "linux/amd64", "=linux/amd64", false },
	{ "linux/amd64 linux/arm64", "linux/arm64", "=linux/arm64", false },
	{ "linux/arm/v6 linux/arm/v7", "linux/arm", "=linux/arm/v6", false },
	{ "linux/arm/v6 linux/arm/v7", "linux/arm/v7", "=linux/arm/v7", false },
	{ "linux/arm/v6 linux/arm/v7 linux/amd64", "linux/arm linux/amd64", "*", false },
	{ "linux/amd64 linux/arm64", "linux/s390x", "!", false },
	{ "linux/amd64 linux/arm64", "linux/amd64 linux/s390x", "!", false },
	{ "linux/amd64 linux/arm64 linux/s390x", "linux/s390x linux/amd64", "linux/amd64 linux/s390x", false },
	{ "linux/amd64 linux/arm64", "linux/amd64 linux/arm64", "*", false },
	{ "linux/amd64 linux/arm64", "all", "*", false },
	{ "linux/s390x (linux/amd64 linux/arm64)", "linux/amd64", "=linux/amd64", false },
	{ "linux/s390x (linux/amd64 linux/arm64)", "linux/amd64 linux/s390x", "linux/s390x linux/amd64", false },
	{ "linux/s390x (linux/amd64 linux/arm64)", "all", "*", false },
	{ "- -", "linux/amd64", "*", false },
	{ "- linux/amd64", "linux/amd64", "=linux/amd64", false },
	{ "- linux/amd64", "linux/arm64", "!", false },
	{ "linux/amd64 ? linux/arm64 ? linux/s390x ?", "linux/amd64 linux/arm64", "linux/amd64 ? linux/arm64 ?",
	  false },
	{ "linux/amd64 ? linux/arm64 ? linux/s390x ?", "linux/amd64 linux/arm64", "linux/amd64 linux/arm64", true },
	{ "linux/amd64 ? linux/arm64 ?", "linux/amd64 linux/arm64", "*", false },
	{ "linux/amd64 ?", "linux/amd64", "=linux/amd64", false },
	{ "linux/amd64 ?", "unknown/unknown", "!", false },
};

struct bench {
	struct scratch dir;
	struct vl_store *store;
	struct vl_fetch_job job;
	struct vl_run run;
	struct vl_work work;
	struct vl_item item;
	struct vl_image image;
	struct vl_env env;
};

static void set_platform(struct vl_desc *d, const char *text)
{
	char os[32] = "", architecture[32] = "", variant[32] = "";

	if (sscanf(text, "%31[^/]/%31[^/]/%31s", os, architecture, variant) < 2)
		return;
	d->platform.os = vl_xstrdup(os);
	d->platform.architecture = vl_xstrdup(architecture);
	d->platform.variant = *variant ? vl_xstrdup(variant) : NULL;
}

/* A manifest that differs from all others of the index. */
static void put_manifest(struct bench *b, struct vl_desc *to, size_t number, struct vl_err *e)
{
	VL_CLEAN(vl_doc) doc = { .n = 0 };
	VL_STR type = vl_xprintf("application/vnd.example.n%zu", number);

	vl_doc_init_artifact(&doc, type);
	if (!vl_run_put_doc(&b->run, &doc, to, e))
		scratch_bail(e->msg);
	free(vl_steal(&to->artifact_type));
}

static const char *put_index(struct bench *b, struct vl_desc *to, const char *text, size_t *number, struct vl_err *e)
{
	VL_CLEAN(vl_doc) doc = { .n = 0 };
	char about[VL_DIGEST_OCI] = "", word[64];

	vl_doc_init_index(&doc);
	while (*text && *text != ')') {
		struct vl_desc *d = vl_doc_add(&doc);

		if (*text == '(') {
			text = put_index(b, d, text + 1, number, e) + 1;
		} else {
			text += snprintf(word, sizeof word, "%.*s", (int)strcspn(text, " )"), text);
			put_manifest(b, d, (*number)++, e);
			set_platform(d, *word == '?' ? "unknown/unknown" : word);
			if (*word == '?')
				vl_desc_set(d, "vnd.docker.reference.digest", about);
			vl_digest_oci(&d->digest, about);
		}
		text += *text == ' ';
	}
	if (!vl_run_put_doc(&b->run, &doc, to, e))
		scratch_bail(e->msg);
	return text;
}

static char *words_of(const struct vl_image_ref *r)
{
	const struct vl_doc *doc = &r->root->doc;
	char *all = vl_xstrdup("");

	for (size_t i = 0; i < doc->n; i++) {
		const struct vl_desc *d = &doc->child[i];
		VL_STR text = vl_platform_text(&d->platform);
		bool known = text && strcmp(text, "unknown/unknown") != 0;
		char *longer = vl_xprintf("%s%s%s", all, i ? " " : "", known ? text : text ? "?" : "-");

		free(all);
		all = longer;
	}
	return all;
}

/* The n-th entry of the flattened index is the n-th manifest that was made. */
static char *manifest_word(const char *index, const struct vl_image_ref *r)
{
	VL_STR text = vl_xstrdup(index);
	char *save = NULL;
	unsigned number = 0, n = 0;

	if (sscanf(r->root->doc.artifact_type, "application/vnd.example.n%u", &number) != 1)
		return vl_xstrdup("?");
	for (char *w = strtok_r(text, " ()", &save); w; w = strtok_r(NULL, " ()", &save))
		if (n++ == number)
			return vl_xprintf("=%s", w);
	return vl_xstrdup("?");
}

static void check_pick(struct bench *b, size_t i)
{
	VL_STR text = vl_xstrdup(picks[i].platforms);
	struct vl_image_ref r = { .image = &b->image };
	VL_CLEAN(vl_desc) top = { .media_type = NULL };
	struct vl_err e = VL_ERR_INIT;
	char *platforms[4], *save = NULL;
	size_t number = 0;
	bool all, good;

	b->item = (struct vl_item){ .platforms = platforms, .referrers = !picks[i].alone };
	for (char *w = strtok_r(text, " ", &save); w; w = strtok_r(NULL, " ", &save))
		platforms[b->item.platforms_count++] = w;
	all = vl_image_wants_all(&b->item);
	put_index(b, &top, picks[i].index, &number, &e);
	r.label = vl_xstrdup("registry.example.com/a:1");
	r.top = top.digest;
	r.root = vl_image_want(&r, &top, VL_IMAGE_DEPTH, all, all);
	good = vl_image_pick(&r, &e) && !r.failed;
	if (*picks[i].chosen == '!') {
		tap_fails(good, &e, VL_E_TYPE, "%s of %s: not there", picks[i].platforms, picks[i].index);
	} else if (tap_ok(good && r.root, "%s of %s: %s", picks[i].platforms, picks[i].index, e.msg)) {
		bool same = vl_digest_equal(&r.root->desc.digest, &top.digest);
		VL_STR words = same ? vl_xstrdup("*") : r.root->doc.is_index ? words_of(&r) :
									       manifest_word(picks[i].index, &r);

		tap_str(words, picks[i].chosen, "%s of %s", picks[i].platforms, picks[i].index);
		tap_ok(r.root->carried && r.root->made == (!same && r.root->doc.is_index), "carried, and made if new");
	}
	vl_image_ref_clear(&r);
}

static void test_picks(void)
{
	struct bench b = { .dir = scratch_new() };
	struct vl_err e = VL_ERR_INIT;

	if (!vl_store_open(&b.store, scratch_path(&b.dir, "store"), VL_STORE_WRITE, 0, &b.env, &e))
		scratch_bail(e.msg);
	b.job = (struct vl_fetch_job){ .store = b.store, .env = &b.env };
	b.run = (struct vl_run){ .job = &b.job };
	b.work = (struct vl_work){ .run = &b.run, .item = &b.item };
	b.image = (struct vl_image){ .work = &b.work };
	for (size_t i = 0; i < VL_LEN(picks); i++)
		check_pick(&b, i);
	vl_store_free(b.store);
	scratch_end(&b.dir);
}

int main(void)
{
	test_addresses();
	test_owners();
	test_answers();
	test_picks();
	return tap_done();
}
