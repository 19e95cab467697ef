/* SPDX-License-Identifier: Apache-2.0 */
/* tests/lib/place_fixture.h: items of each kind, and a store that has them placed. */
#ifndef VL_TESTS_PLACE_FIXTURE_H
#define VL_TESTS_PLACE_FIXTURE_H

#include "place/place.h"
#include "tests/lib/store_fixture.h"

#define META                                                                                                           \
	"{\"Version\":2,\"NextUpdate\":\"2026-11-22T06:12:00.5Z\",\"UpdatedAt\":\"2026-11-21T06:12:00.5Z\","           \
	"\"DownloadedAt\":\"0001-01-01T00:00:00Z\"}\n"
#define NOW "2026-11-21T08:00:00Z"

/* ---- making items ---- */

FIX void make_tar(const char *name, const char *dir, const char *const members[2])
{
	char out[64];
	const char *const argv[] = { "/bin/tar", "-czf", fix_path(name), "-C", fix_path(dir), members[0], members[1],
				     NULL };

	if (fix_run(argv, out, sizeof out))
		exit(99);
}

FIX void add_file_layer(struct vl_store *s, struct vl_doc *artifact, const char *file, const char *title)
{
	VL_CLEAN(vl_buf) b = VL_BUF_INIT(1u << 20);

	FIX_MUST(vl_load_file(AT_FDCWD, fix_path(file), &b, NULL, me));
	fix_layer(s, artifact, "application/octet-stream", title, vl_buf_bytes(&b));
}

FIX void add_trivy(struct vl_store *s, struct vl_doc *snapshot, const char *metadata, const char *db)
{
	static const char *const members[2] = { "trivy.db", "metadata.json" };
	VL_CLEAN(vl_doc) a = { 0 };
	struct vl_desc *item;

	mkdir(fix_path("in"), 0755);
	fix_write("in/trivy.db", db);
	fix_write("in/metadata.json", metadata);
	make_tar("db.tar.gz", "in", members);
	fix_artifact(s, &a, "application/vnd.aquasec.trivy.config.v1+json");
	add_file_layer(s, &a, "db.tar.gz", "db.tar.gz");
	item = fix_item(s, snapshot, &a, "trivy-db", "trivy-db");
	vl_desc_set(item, VL_AN_UPDATED, "2026-11-21T06:12:00.5Z");
}

FIX void add_osv(struct vl_store *s, struct vl_doc *snapshot, const char *title)
{
	VL_CLEAN(vl_doc) a = { 0 };

	fix_artifact(s, &a, "application/vnd.valise.osv.v1");
	fix_layer(s, &a, "application/zip", "PyPI/all.zip", vl_bytes_str("zip of PyPI"));
	fix_layer(s, &a, "application/zip", title, vl_bytes_str("zip of Rocky"));
	fix_item(s, snapshot, &a, "osv", "osv");
}

FIX void add_dir(struct vl_store *s, struct vl_doc *snapshot, const char *title)
{
	VL_CLEAN(vl_doc) a = { 0 };

	fix_artifact(s, &a, "application/vnd.valise.dir.v1");
	fix_layer(s, &a, "application/octet-stream", "a/b/read.txt", vl_bytes_str("read me"));
	vl_desc_set(fix_layer(s, &a, "application/octet-stream", title, vl_bytes_str("#!/bin/sh\n")), VL_AN_MODE,
		    "0755");
	fix_item(s, snapshot, &a, "docs", "dir");
}

FIX void add_unpacked(struct vl_store *s, struct vl_doc *snapshot)
{
	static const char *const members[2] = { "rules", "run.sh" };
	VL_CLEAN(vl_doc) a = { 0 };

	mkdir(fix_path("et"), 0755);
	mkdir(fix_path("et/rules"), 0755);
	fix_write("et/rules/one.rules", "alert");
	fix_write("et/run.sh", "#!");
	chmod(fix_path("et/run.sh"), 0755);
	make_tar("et.tar.gz", "et", members);
	fix_artifact(s, &a, "application/vnd.valise.file.v1");
	add_file_layer(s, &a, "et.tar.gz", "emerging.rules.tar.gz");
	vl_desc_set(fix_item(s, snapshot, &a, "et-open", "http"), VL_AN_UNPACK, "true");
}

FIX struct vl_channel everything(struct vl_store *s, const char *channel, const char *db)
{
	VL_CLEAN(vl_doc) snapshot = { 0 };

	vl_doc_init_index(&snapshot);
	add_osv(s, &snapshot, "Rocky Linux/all.zip");
	add_trivy(s, &snapshot, META, db);
	fix_simple_item(s, &snapshot, "single", "one file");
	add_dir(s, &snapshot, "bin/run");
	add_unpacked(s, &snapshot);
	return fix_channel(s, &snapshot, channel, 42);
}

/* Commits a generation with places, or says why not. */
FIX bool commit_places(struct vl_store *s, const struct vl_channel *c, struct vl_err *e)
{
	VL_CLEAN(vl_generation) g = { 0 };
	VL_CLEAN(vl_newgen) n = VL_NEWGEN_INIT;

	if (!vl_store_current(s, &g, e))
		return false;
	vl_generation_set(&g, c);
	return vl_newgen_open(&n, s, &g, e) && vl_place_generation(s, &n.want, n.dir, &fix_env, e) &&
	       vl_newgen_commit(&n, NULL, NULL, e);
}

FIX struct vl_store *filled(const char *name)
{
	struct vl_store *s = fix_open(name);
	struct vl_channel prod = everything(s, "prod", "bbolt");

	FIX_MUST(commit_places(s, &prod, me));
	return s;
}

#endif
