/* SPDX-License-Identifier: Apache-2.0 */
/* tests/lib/image_fixture.h: a generation with images, for the tests of hub, publish, serve and export.
 *
 * Channel prod, sequence 42:
 *   analyzers  type image
 *     registry.example.com/security/semgrep:5                        an OCI index of linux/amd64 and linux/arm64
 *     docker.io/library/alpine:3 docker.io/library/alpine:3.20       one docker manifest with two names
 *     registry.example.com/security/semgrep:sha256-HEX.sig           cosign's tag for the index; no `subject` inside
 *     registry.example.com/security/semgrep@sha256:ITS-OWN           an OCI referrer of the index (an SBOM)
 *   trivy-db   an artifact from ghcr.io/aquasecurity/trivy-db:2
 *   docs       type dir: two files
 * All three images share one layer. Layers are real tar files and configs name their diff ids. The documents are
 * written by hand, with blanks that valise would not write, so that a copy that is not byte for byte shows. */
#ifndef VL_TESTS_IMAGE_FIXTURE_H
#define VL_TESTS_IMAGE_FIXTURE_H

#include "tests/lib/store_fixture.h"

#define FIX_SEMGREP "registry.example.com/security/semgrep"
#define FIX_ALPINE "docker.io/library/alpine"
#define FIX_SBOM_TYPE "application/spdx+json"
#define FIX_LAYER "application/vnd.oci.image.layer.v1.tar"
#define FIX_DOCKER_LAYER "application/vnd.docker.image.rootfs.diff.tar"

struct fix_blob {
	struct vl_digest digest;
	uint64_t size;
};
struct fix_images {
	struct fix_blob semgrep, amd64, arm64, alpine, sbom, cosign; /* documents */
	struct fix_blob shared, amd64_layer, arm64_layer, alpine_layer, sbom_layer, cosign_layer;
	struct vl_desc trivy; /* of the artifact; the rest needs no clearing */
};

static inline void fix_images_clear(struct fix_images *x)
{
	vl_desc_clear(&x->trivy);
}
VL_DEFINE_CLEAN(fix_images)

FIX struct fix_blob fix_put(struct vl_store *s, struct vl_bytes b)
{
	struct fix_blob out = { .size = b.len };

	FIX_MUST(vl_store_put(s, b, &out.digest, me));
	return out;
}

FIX struct fix_blob fix_put_text(struct vl_store *s, char *text)
{
	struct fix_blob out = fix_put(s, vl_bytes_str(text));

	free(text);
	return out;
}

/* A tar file with one file in it. */
FIX struct fix_blob fix_put_tar(struct vl_store *s, const char *name, const char *content)
{
	uint8_t tar[2048] = { 0 };
	char *head = (char *)tar;
	unsigned sum = 8 * ' ';

	snprintf(head, 100, "%s", name);
	snprintf(head + 100, 24, "%07o%c%07o%c%07o", 0644u, 0, 0u, 0, 0u);
	snprintf(head + 124, 12, "%011o", (unsigned)strlen(content));
	snprintf(head + 136, 12, "%011o", 0u);
	head[156] = '0';
	memcpy(head + 257, "ustar\00000", 8);
	for (size_t i = 0; i < 512; i++)
		sum += i >= 148 && i < 156 ? 0 : tar[i];
	snprintf(head + 148, 8, "%06o", sum);
	head[155] = ' ';
	memcpy(tar + 512, content, strlen(content));
	return fix_put(s, vl_bytes(tar, sizeof tar));
}

/* ---- documents ---- */
#define FIX_DIGEST(b) vl_digest_oci(&(b)->digest, (char[VL_DIGEST_OCI]){ 0 })

FIX struct fix_blob fix_config(struct vl_store *s, const char *arch, const struct fix_blob *a, const struct fix_blob *b)
{
	return fix_put_text(s, vl_xprintf("{ \"architecture\":\"%s\", \"os\":\"linux\", "
					  "\"config\":{\"Cmd\":[\"/bin/sh\"]}, \"rootfs\":{\"type\":\"layers\","
					  "\"diff_ids\":[\"%s\",\"%s\"]} }\n",
					  arch, FIX_DIGEST(a), FIX_DIGEST(b)));
}

FIX char *fix_desc_json(const char *media_type, const struct fix_blob *b, const char *more)
{
	return vl_xprintf("{ \"mediaType\": \"%s\", \"digest\": \"%s\", \"size\": %llu%s }", media_type, FIX_DIGEST(b),
			  (unsigned long long)b->size, more);
}

FIX struct fix_blob fix_image(struct vl_store *s, const char *arch, bool docker, const struct fix_blob *a,
			      const struct fix_blob *b)
{
	struct fix_blob config = fix_config(s, arch, a, b);
	VL_STR c = fix_desc_json(docker ? "application/vnd.docker.container.image.v1+json" :
					  "application/vnd.oci.image.config.v1+json", &config, "");
	VL_STR one = fix_desc_json(docker ? FIX_DOCKER_LAYER : FIX_LAYER, a, "");
	VL_STR two = fix_desc_json(docker ? FIX_DOCKER_LAYER : FIX_LAYER, b, "");

	return fix_put_text(s, vl_xprintf("{\n   \"schemaVersion\": 2,\n   \"mediaType\": \"%s\",\n   \"config\": %s,\n"
					  "   \"layers\": [\n      %s,\n      %s\n   ]\n}",
					  docker ? VL_MT_DOCKER_MANIFEST : VL_MT_MANIFEST, c, one, two));
}

FIX struct fix_blob fix_index(struct vl_store *s, const struct fix_blob *amd64, const struct fix_blob *arm64)
{
	VL_STR one = fix_desc_json(VL_MT_MANIFEST, amd64,
				   ", \"platform\": {\"architecture\":\"amd64\",\"os\":\"linux\"}");
	VL_STR two = fix_desc_json(VL_MT_MANIFEST, arm64,
				   ", \"platform\": {\"architecture\":\"arm64\",\"os\":\"linux\",\"variant\":\"v8\"}");

	return fix_put_text(s, vl_xprintf("{\n   \"schemaVersion\": 2,\n   \"mediaType\": \"" VL_MT_INDEX "\",\n"
					  "   \"manifests\": [\n      %s,\n      %s\n   ]\n}", one, two));
}

/* A manifest with the empty config; subject NULL: it does not say what it is about. */
FIX struct fix_blob fix_attached(struct vl_store *s, const char *artifact_type, const char *layer_type,
				 const struct fix_blob *layer, const struct fix_blob *subject)
{
	struct fix_blob empty = fix_put(s, vl_bytes_str(VL_EMPTY_JSON));
	VL_STR c = fix_desc_json(VL_MT_EMPTY, &empty, "");
	VL_STR l = fix_desc_json(layer_type, layer, "");
	VL_STR about = subject ? fix_desc_json(VL_MT_INDEX, subject, "") : NULL;
	VL_STR more = subject ? vl_xprintf(", \"subject\": %s", about) : vl_xstrdup("");

	return fix_put_text(s, vl_xprintf("{ \"schemaVersion\": 2, \"mediaType\": \"" VL_MT_MANIFEST "\","
					  " \"artifactType\": \"%s\", \"config\": %s, \"layers\": [%s]%s,"
					  " \"annotations\": {\"org.example.made\":\"by hand\"} }\n",
					  artifact_type, c, l, more));
}

FIX void fix_images_make(struct vl_store *s, struct fix_images *x)
{
	*x = (struct fix_images){ .shared = fix_put_tar(s, "base.txt", "shared by all"),
				  .amd64_layer = fix_put_tar(s, "arch.txt", "amd64"),
				  .arm64_layer = fix_put_tar(s, "arch.txt", "arm64"),
				  .alpine_layer = fix_put_tar(s, "etc-alpine.txt", "3.20"),
				  .sbom_layer = fix_put(s, vl_bytes_str("{\"spdxVersion\":\"SPDX-2.3\"}")),
				  .cosign_layer = fix_put(s, vl_bytes_str("{\"critical\":{}}")) };
	x->amd64 = fix_image(s, "amd64", false, &x->shared, &x->amd64_layer);
	x->arm64 = fix_image(s, "arm64", false, &x->shared, &x->arm64_layer);
	x->semgrep = fix_index(s, &x->amd64, &x->arm64);
	x->alpine = fix_image(s, "amd64", true, &x->shared, &x->alpine_layer);
	x->sbom = fix_attached(s, FIX_SBOM_TYPE, FIX_SBOM_TYPE, &x->sbom_layer, &x->semgrep);
	x->cosign = fix_attached(s, "application/vnd.dev.cosign.artifact.sig.v1+json",
				 "application/vnd.dev.cosign.simplesigning.v1+json", &x->cosign_layer, NULL);
}

/* ---- items ---- */

/* A child of an image item; about NULL: an image and nothing attached. */
FIX void fix_image_child(struct vl_doc *item, const char *media_type, const struct fix_blob *b, const char *names,
			 const struct fix_blob *about)
{
	struct vl_desc *d = vl_doc_add(item);

	vl_desc_init(d, media_type, &b->digest, b->size);
	vl_desc_set(d, VL_AN_IMAGE, names);
	if (about)
		vl_desc_set(d, VL_AN_SUBJECT, FIX_DIGEST(about));
}

FIX void fix_image_item_init(struct vl_doc *doc)
{
	vl_doc_init_index(doc);
	doc->artifact_type = vl_xstrdup(VL_ARTIFACT_IMAGES);
}

/* Finishes an image item; doc is cleared. */
FIX struct vl_desc *fix_image_item_end(struct vl_store *s, struct vl_doc *snapshot, struct vl_doc *doc,
				       const char *name, const char *source)
{
	struct vl_desc *item = fix_item(s, snapshot, doc, name, "image");

	item->artifact_type = vl_xstrdup(VL_ARTIFACT_IMAGES);
	vl_desc_set(item, VL_AN_SOURCE, source);
	vl_desc_set(item, VL_AN_FETCHED, "2026-11-20T06:12:00Z");
	return item;
}

FIX void fix_add_images(struct vl_store *s, struct vl_doc *snapshot, const struct fix_images *x)
{
	VL_CLEAN(vl_doc) doc = { 0 };
	char hex[VL_DIGEST_HEX];
	VL_STR sbom = vl_xprintf(FIX_SEMGREP "@%s", FIX_DIGEST(&x->sbom));
	VL_STR cosign = vl_xprintf(FIX_SEMGREP ":sha256-%s.sig", vl_digest_hex(&x->semgrep.digest, hex));

	fix_image_item_init(&doc);
	fix_image_child(&doc, VL_MT_DOCKER_MANIFEST, &x->alpine, FIX_ALPINE ":3 " FIX_ALPINE ":3.20", NULL);
	fix_image_child(&doc, VL_MT_INDEX, &x->semgrep, FIX_SEMGREP ":5", NULL);
	fix_image_child(&doc, VL_MT_MANIFEST, &x->cosign, cosign, &x->semgrep);
	fix_image_child(&doc, VL_MT_MANIFEST, &x->sbom, sbom, &x->semgrep);
	fix_image_item_end(s, snapshot, &doc, "analyzers", FIX_ALPINE ":3 and 2 more");
}

FIX void fix_add_trivy(struct vl_store *s, struct vl_doc *snapshot, struct fix_images *x)
{
	VL_CLEAN(vl_doc) a = { 0 };
	struct vl_desc *item;

	fix_artifact(s, &a, "application/vnd.aquasec.trivy.config.v1+json");
	fix_layer(s, &a, "application/vnd.aquasec.trivy.db.layer.v1.tar+gzip", "db.tar.gz", vl_bytes_str("a database"));
	item = fix_item(s, snapshot, &a, "trivy-db", "trivy-db");
	vl_desc_set(item, VL_AN_SOURCE, "ghcr.io/aquasecurity/trivy-db:2");
	vl_desc_copy(&x->trivy, item);
}

FIX void fix_add_docs(struct vl_store *s, struct vl_doc *snapshot)
{
	VL_CLEAN(vl_doc) a = { 0 };

	fix_artifact(s, &a, "application/vnd.valise.dir.v1");
	fix_layer(s, &a, "application/octet-stream", "a/b/read.txt", vl_bytes_str("read me"));
	vl_desc_set(fix_layer(s, &a, "application/octet-stream", "run.sh", vl_bytes_str("#!/bin/sh\n")), VL_AN_MODE,
		    "0755");
	vl_desc_set(fix_item(s, snapshot, &a, "docs", "dir"), VL_AN_SOURCE, "./docs");
}

/* All of it in an open store, committed. x is filled; fix_images_clear() when done. */
FIX void fix_images_commit(struct vl_store *s, struct fix_images *x)
{
	VL_CLEAN(vl_doc) snapshot = { 0 };
	struct vl_channel c;

	vl_doc_init_index(&snapshot);
	fix_images_make(s, x);
	fix_add_images(s, &snapshot, x);
	fix_add_docs(s, &snapshot);
	fix_add_trivy(s, &snapshot, x);
	c = fix_channel(s, &snapshot, "prod", 42);
	fix_commit(s, &c);
}

/* A blob's file below the scratch directory, to damage it; `store` as given to fix_open(). */
FIX const char *fix_blob_path(const char *store, const struct vl_digest *d)
{
	char hex[VL_DIGEST_HEX];
	VL_STR name = vl_xprintf("%s/blobs/sha256/%s", store, vl_digest_hex(d, hex));

	return fix_path(name);
}

#endif
