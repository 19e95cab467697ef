/* SPDX-License-Identifier: Apache-2.0 */
/* tests/lib/serve_fixture.h: a second channel beside image_fixture.h's, for what serve shows.
 *
 * Channel lab, sequence 7, older than prod, and expired an hour ago:
 *   docs     type dir; prod has an item of this name
 *   et-open  type http, unpack: true
 *   gitlab   four analyzers, all the same image
 *   names    type dir: names that want care, and a directory of 1100 entries
 *   osv      PyPI, Rocky Linux; data of 2026-11-20 */
#ifndef VL_TESTS_SERVE_FIXTURE_H
#define VL_TESTS_SERVE_FIXTURE_H

#include "tests/lib/image_fixture.h"

#define FIX_EVIL "a<b>&\"'.html"

FIX void fix_lab_osv(struct vl_store *s, struct vl_doc *snapshot)
{
	VL_CLEAN(vl_doc) a = { 0 };

	fix_artifact(s, &a, "application/vnd.valise.osv.v1");
	fix_layer(s, &a, "application/zip", "PyPI/all.zip", vl_bytes_str("zip of PyPI"));
	fix_layer(s, &a, "application/zip", "Rocky Linux/all.zip", vl_bytes_str("zip of Rocky"));
	vl_desc_set(fix_item(s, snapshot, &a, "osv", "osv"), VL_AN_UPDATED, "2026-11-20T00:00:00Z");
}

FIX void fix_lab_rules(struct vl_store *s, struct vl_doc *snapshot)
{
	VL_CLEAN(vl_doc) a = { 0 };

	fix_artifact(s, &a, "application/vnd.valise.file.v1");
	fix_layer(s, &a, "application/gzip", "emerging.rules.tar.gz", vl_bytes_str("an archive"));
	vl_desc_set(fix_item(s, snapshot, &a, "et-open", "http"), VL_AN_UNPACK, "true");
}

FIX void fix_lab_names(struct vl_store *s, struct vl_doc *snapshot)
{
	static const char *const titles[] = { FIX_EVIL, "100%.txt", ("\xc3\x9c" "ber sicht.txt"), "b-x", "b/1", "b/2",
					      "b.txt" };
	VL_CLEAN(vl_doc) a = { 0 };

	fix_artifact(s, &a, "application/vnd.valise.dir.v1");
	for (size_t i = 0; i < VL_LEN(titles); i++)
		fix_layer(s, &a, "application/octet-stream", titles[i], vl_bytes_str(titles[i]));
	for (unsigned i = 0; i < 1100; i++) {
		VL_STR title = vl_xprintf("many/%04u%s", i, i % 2 ? "" : "/x");

		fix_layer(s, &a, "application/octet-stream", title, vl_bytes_str("many"));
	}
	fix_item(s, snapshot, &a, "names", "dir");
}

FIX void fix_lab_analyzers(struct vl_store *s, struct vl_doc *snapshot, const struct fix_images *x)
{
	static const char *const names[] = { "other/semgrep:6", "security-products/container-scanning:8",
					     "security-products/kics:6", "security-products/secrets:7" };
	VL_CLEAN(vl_doc) doc = { 0 };

	fix_image_item_init(&doc);
	for (size_t i = 0; i < VL_LEN(names); i++) {
		VL_STR name = vl_xprintf("registry.gitlab.com/%s", names[i]);

		fix_image_child(&doc, VL_MT_DOCKER_MANIFEST, &x->alpine, name, NULL);
	}
	vl_desc_set(fix_image_item_end(s, snapshot, &doc, "gitlab", "registry.gitlab.com/other/semgrep:6 and 3 more"),
		    VL_AN_TYPE, "gitlab-analyzers");
}

/* Older than prod, and expired; its "docs" must not be offered. */
FIX void fix_lab_commit(struct vl_store *s, const struct fix_images *x)
{
	VL_CLEAN(vl_doc) snapshot = { 0 }, docs = { 0 };
	struct vl_channel c;

	vl_doc_init_index(&snapshot);
	fix_artifact(s, &docs, "application/vnd.valise.dir.v1");
	fix_layer(s, &docs, "application/octet-stream", "old.txt", vl_bytes_str("old"));
	fix_item(s, &snapshot, &docs, "docs", "dir");
	fix_lab_rules(s, &snapshot);
	fix_lab_analyzers(s, &snapshot, x);
	fix_lab_names(s, &snapshot);
	fix_lab_osv(s, &snapshot);
	c = fix_channel(s, &snapshot, "lab", 7);
	c.created -= 86400;
	c.expires = fix_env.now - 3600;
	fix_commit(s, &c);
}

#endif
