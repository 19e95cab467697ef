/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/place_env_test.c: the lines that a shell evaluates. */
#include "tests/lib/place_fixture.h"
#include "tests/lib/tap.h"

/* What a shell has in the variable after it evaluated the text. */
static const char *after_eval(const char *text, const char *script)
{
	static char out[4096];
	const char *const argv[] = { "/bin/sh", "-c", script, "sh", text, NULL };

	return fix_run(argv, out, sizeof out) ? "(failed)" : out;
}

static bool env_text(const struct vl_store *s, const char *consumer, const char *channel, const struct vl_target *t,
		     size_t n, struct vl_buf *out, struct vl_err *e)
{
	struct vl_env_ask ask = { .consumer = consumer, .channel = channel, .target = t, .n_target = n };
	VL_CLEAN(vl_generation) g = { 0 };

	vl_buf_reset(out);
	return vl_store_current(s, &g, e) && vl_place_env(s, &g, &ask, out, e);
}

#define ODD "it's $(touch PWNED) `id` \"x\" \\ #"

static void test_env(void)
{
	VL_AUTO(vl_store) s = filled(ODD);
	VL_CLEAN(vl_buf) out = VL_BUF_INIT(65536);
	struct vl_err e = VL_ERR_INIT;
	char want[600];

	tap_good(env_text(s, "trivy", NULL, NULL, 0, &out, &e), &e, "env trivy");
	snprintf(want, sizeof want, "%s/current/places/prod/trivy|true|true", fix_path(ODD));
	tap_str(after_eval(vl_buf_str(&out), "eval \"$1\"; printf '%s|%s|%s' \"$TRIVY_CACHE_DIR\" "
		"\"$TRIVY_SKIP_DB_UPDATE\" \"$TRIVY_DISABLE_TELEMETRY\""), want, "eval gives back the odd path");
	tap_ok(strstr(vl_buf_str(&out), "prod 42, database of 2026-11-21 06:12 UTC"), "says how old it is");
	tap_good(env_text(s, NULL, "prod", NULL, 0, &out, &e), &e, "env for all");
	snprintf(want, sizeof want, "%s/current/places/prod/osv|true|%s/current/places/prod/files/et-open",
		 fix_path(ODD), fix_path(ODD));
	tap_str(after_eval(vl_buf_str(&out), "eval \"$1\"; printf '%s|%s|%s' \"$OSV_SCALIBR_LOCAL_DB_CACHE_DIRECTORY\" "
		"\"$TRIVY_OFFLINE_SCAN\" \"$VALISE_FILES_ET_OPEN\""), want, "all are set");
	tap_ok(!fix_exists("PWNED") && access("PWNED", F_OK), "nothing in the path was run");
	tap_ok(strstr(vl_buf_str(&out), "--experimental-offline") && strstr(vl_buf_str(&out), "scan source --offline"),
	       "flags of both versions of OSV-Scanner");
}

static void test_env_targets(void)
{
	VL_AUTO(vl_store) s = filled("et2");
	VL_CLEAN(vl_buf) out = VL_BUF_INIT(65536);
	const struct vl_target t[] = {
		{ .consumer = "trivy", .channel = "other", .path = "/other" },
		{ .consumer = "trivy", .channel = "prod", .path = "/home/alice/cache" },
		{ .consumer = "files", .item = "docs", .path = "/srv/docs" },
	};
	struct vl_err e = VL_ERR_INIT;

	tap_good(env_text(s, NULL, NULL, t, VL_LEN(t), &out, &e), &e, "env with targets");
	tap_ok(strstr(vl_buf_str(&out), "TRIVY_CACHE_DIR='/home/alice/cache'\n"), "the configured path");
	tap_ok(strstr(vl_buf_str(&out), "VALISE_FILES_DOCS='/srv/docs'\n"), "of an item");
	tap_ok(strstr(vl_buf_str(&out), "/current/places/prod/files/single'\n"), "the others in the store");
	tap_str(after_eval(vl_buf_str(&out), "eval $1; printf '%s|%s' \"$TRIVY_CACHE_DIR\" \"$TRIVY_OFFLINE_SCAN\""),
		"/home/alice/cache|true", "even an eval without quotes sets them");
}

static void test_env_faults(void)
{
	VL_AUTO(vl_store) s = fix_open("ef");
	VL_CLEAN(vl_buf) out = VL_BUF_INIT(65536);
	VL_CLEAN(vl_doc) snapshot = { 0 };
	struct vl_err e = VL_ERR_INIT;
	struct vl_channel c;

	tap_fails(env_text(s, NULL, NULL, NULL, 0, &out, &e), &e, VL_E_ABSENT, "an empty store");
	vl_doc_init_index(&snapshot);
	fix_simple_item(s, &snapshot, "single", "x");
	c = fix_channel(s, &snapshot, "prod", 1);
	fix_commit(s, &c);
	tap_fails(env_text(s, "trivvy", NULL, NULL, 0, &out, &e), &e, VL_E_USAGE, "unknown consumer");
	tap_ok(strstr(e.hint, "trivy") != NULL, "the nearest is named: %s", e.hint);
	tap_fails(env_text(s, "trivy", NULL, NULL, 0, &out, &e), &e, VL_E_ABSENT, "nothing for this consumer");
	tap_fails(env_text(s, "files", NULL, NULL, 0, &out, &e), &e, VL_E_PLACE, "not placed yet");
	tap_good(env_text(s, NULL, NULL, NULL, 0, &out, &e), &e, "for all it is a comment");
	tap_ok(out.len && out.data[0] == '#', "which says so");
	tap_fails(env_text(s, NULL, "lab", NULL, 0, &out, &e), &e, VL_E_ABSENT, "unknown channel");
	snprintf(c.name, sizeof c.name, "lab");
	fix_commit(s, &c);
	tap_fails(env_text(s, NULL, NULL, NULL, 0, &out, &e), &e, VL_E_USAGE, "two channels, none named");
}

/* ---- gitlab ---- */

/* An item that is an index of images with these names; "!" in front: a signature. */
static void add_images(struct vl_store *s, struct vl_doc *snapshot, const char *name, const char *type,
		       const char *const *images)
{
	VL_CLEAN(vl_doc) index = { 0 };
	struct vl_desc *item, *child;

	vl_doc_init_index(&index);
	index.artifact_type = vl_xstrdup(VL_ARTIFACT_IMAGES);
	for (size_t i = 0; images[i]; i++) {
		VL_CLEAN(vl_doc) image = { 0 };
		bool attached = images[i][0] == '!';

		fix_artifact(s, &image, "application/vnd.oci.image.config.v1+json");
		fix_layer(s, &image, "application/vnd.oci.image.layer.v1.tar", NULL, vl_bytes_str(images[i]));
		child = vl_doc_add(&index);
		fix_put_doc(s, &image, child);
		vl_desc_set(child, VL_AN_IMAGE, images[i] + attached);
		if (attached)
			vl_desc_set(child, VL_AN_SUBJECT,
				    "sha256:0000000000000000000000000000000000000000000000000000000000000000");
	}
	item = vl_doc_add(snapshot);
	fix_put_doc(s, &index, item);
	vl_desc_set(item, VL_AN_ITEM, name);
	vl_desc_set(item, VL_AN_TYPE, type);
	vl_desc_set(item, VL_AN_FETCHED, "2026-11-21T07:30:00Z");
}

#define GL "registry.gitlab.com/security-products/"
#define SIG "sha256-0000000000000000000000000000000000000000000000000000000000000000.sig"

static const struct gitlab_row {
	const char *name;
	const char *type[2];
	const char *images[2][8];
	struct vl_name_rule rule[2];
	const char *registry;
	const char *text;
} gitlab_rows[] = {
	{ "the usual",
	  { "gitlab-analyzers" },
	  { { GL "semgrep:6", GL "secrets:7", GL "container-scanning:8", "!" GL "semgrep:" SIG } },
	  { { 0 } },
	  "registry.corp:5000/scanners",
	  "export SECURE_ANALYZERS_PREFIX='registry.corp:5000/scanners/security-products'\n"
	  "export CS_ANALYZER_IMAGE='registry.corp:5000/scanners/security-products/container-scanning:8'\n"
	  "# GitLab (prod 7, images of 2026-11-21 07:30 UTC):\n"
	  "#   registry.corp:5000/scanners/security-products/container-scanning:8\n"
	  "#   registry.corp:5000/scanners/security-products/secrets:7\n"
	  "#   registry.corp:5000/scanners/security-products/semgrep:6\n"
	  "# In .gitlab-ci.yml (those for all jobs may be variables of a group or of the instance, too):\n"
	  "#   variables:\n"
	  "#     SECURE_ANALYZERS_PREFIX: \"registry.corp:5000/scanners/security-products\"\n"
	  "#     CS_ANALYZER_IMAGE: \"registry.corp:5000/scanners/security-products/container-scanning:8\"\n"
	  "# In config.toml of the runners, so that jobs start when the registry does not answer:\n"
	  "#   [runners.docker]\n"
	  "#     pull_policy = [\"always\", \"if-not-present\"]\n" },
	{ "other tags, other names, the Java database",
	  { "gitlab-analyzers", "image" },
	  { { GL "semgrep:5", GL "secrets:6-fips", GL "kics:6", GL "dependency-scanning:2", GL "gemnasium:5",
	      GL "container-scanning/trivy:8-fips" },
	    { "ghcr.io/aquasecurity/trivy-java-db:1", "docker.io/library/alpine:3" } },
	  { { GL "kics", "tools/iac" }, { "registry.gitlab.com", "" } },
	  "10.0.0.5:8042",
	  "export SECURE_ANALYZERS_PREFIX='10.0.0.5:8042/security-products'\n"
	  "export CS_ANALYZER_IMAGE='10.0.0.5:8042/security-products/container-scanning/trivy:8-fips'\n"
	  "export CS_TRIVY_JAVA_DB='10.0.0.5:8042/aquasecurity/trivy-java-db'\n"
	  "# GitLab (prod 7, images of 2026-11-21 07:30 UTC):\n"
	  "#   10.0.0.5:8042/security-products/container-scanning/trivy:8-fips\n"
	  "#   10.0.0.5:8042/security-products/dependency-scanning:2\n"
	  "#     (include its template with the input analyzer_image_version: \"2\")\n"
	  "#   10.0.0.5:8042/security-products/gemnasium:5\n"
	  "#   10.0.0.5:8042/security-products/secrets:6-fips\n"
	  "#   10.0.0.5:8042/security-products/semgrep:5\n"
	  "#   10.0.0.5:8042/tools/iac:6  (not below the prefix: name it as image: of its job)\n"
	  "# In .gitlab-ci.yml (those for all jobs may be variables of a group or of the instance, too):\n"
	  "#   variables:\n"
	  "#     SECURE_ANALYZERS_PREFIX: \"10.0.0.5:8042/security-products\"\n"
	  "#     CS_ANALYZER_IMAGE: \"10.0.0.5:8042/security-products/container-scanning/trivy:8-fips\"\n"
	  "#     CS_TRIVY_JAVA_DB: \"10.0.0.5:8042/aquasecurity/trivy-java-db\"\n"
	  "#     SECRETS_ANALYZER_VERSION: \"6\"\n"
	  "#     SECRET_DETECTION_IMAGE_SUFFIX: \"-fips\"\n"
	  "#   gemnasium-dependency_scanning:\n"
	  "#     variables:\n"
	  "#       DS_MAJOR_VERSION: \"5\"\n"
	  "#   semgrep-sast:\n"
	  "#     variables:\n"
	  "#       SAST_ANALYZER_IMAGE_TAG: \"5\"\n"
	  "# In config.toml of the runners, so that jobs start when the registry does not answer:\n"
	  "#   [runners.docker]\n"
	  "#     pull_policy = [\"always\", \"if-not-present\"]\n" },
	{ "an item of images, two tags of one, a registry without a prefix",
	  { "image" },
	  { { GL "semgrep:5", GL "semgrep:6", GL "semgrep:6-fips",
	      GL "sobelow@sha256:0000000000000000000000000000000000000000000000000000000000000000" } },
	  { { "registry.gitlab.com/security-products", "" } },
	  "localhost:5000",
	  "export SECURE_ANALYZERS_PREFIX='localhost:5000'\n"
	  "# GitLab (prod 7, images of 2026-11-21 07:30 UTC):\n"
	  "#   localhost:5000/semgrep:6\n"
	  "# In .gitlab-ci.yml (those for all jobs may be variables of a group or of the instance, too):\n"
	  "#   variables:\n"
	  "#     SECURE_ANALYZERS_PREFIX: \"localhost:5000\"\n"
	  "# In config.toml of the runners, so that jobs start when the registry does not answer:\n"
	  "#   [runners.docker]\n"
	  "#     pull_policy = [\"always\", \"if-not-present\"]\n" },
	{ "analyzers of a registry of one's own",
	  { "gitlab-analyzers" },
	  { { "gl.corp/ci/analyzers/spotbugs:5", "gl.corp/ci/analyzers/own-thing:3" } },
	  { { 0 } },
	  "r.corp",
	  "export SECURE_ANALYZERS_PREFIX='r.corp/ci/analyzers'\n"
	  "# GitLab (prod 7, images of 2026-11-21 07:30 UTC):\n"
	  "#   r.corp/ci/analyzers/own-thing:3\n"
	  "#   r.corp/ci/analyzers/spotbugs:5\n"
	  "# In .gitlab-ci.yml (those for all jobs may be variables of a group or of the instance, too):\n"
	  "#   variables:\n"
	  "#     SECURE_ANALYZERS_PREFIX: \"r.corp/ci/analyzers\"\n"
	  "# In config.toml of the runners, so that jobs start when the registry does not answer:\n"
	  "#   [runners.docker]\n"
	  "#     pull_policy = [\"always\", \"if-not-present\"]\n" },
};

static struct vl_store *gitlab_store(size_t i)
{
	const struct gitlab_row *r = &gitlab_rows[i];
	VL_CLEAN(vl_doc) snapshot = { 0 };
	char name[32];
	struct vl_store *s;
	struct vl_channel c;

	snprintf(name, sizeof name, "gitlab%zu", i);
	s = fix_open(name);
	vl_doc_init_index(&snapshot);
	for (size_t k = 0; k < VL_LEN(r->type) && r->type[k]; k++)
		add_images(s, &snapshot, k ? "more" : "analyzers", r->type[k], r->images[k]);
	c = fix_channel(s, &snapshot, "prod", 7);
	FIX_MUST(commit_places(s, &c, me));
	return s;
}

static void test_gitlab(void)
{
	for (size_t i = 0; i < VL_LEN(gitlab_rows); i++) {
		const struct gitlab_row *r = &gitlab_rows[i];
		VL_AUTO(vl_store) s = gitlab_store(i);
		VL_CLEAN(vl_generation) g = { 0 };
		VL_CLEAN(vl_buf) out = VL_BUF_INIT(65536);
		struct vl_env_ask ask = { .consumer = "gitlab", .registry = r->registry, .rule = r->rule };
		struct vl_err e = VL_ERR_INIT;
		char want[200];

		while (ask.n_rule < VL_LEN(r->rule) && r->rule[ask.n_rule].from)
			ask.n_rule++;
		tap_good(vl_store_current(s, &g, &e) && vl_place_env(s, &g, &ask, &out, &e), &e, "gitlab: %s", r->name);
		tap_str(vl_buf_str(&out), r->text, "gitlab: its lines, %s", r->name);
		snprintf(want, sizeof want, "gitlab%zu/current/places/prod", i);
		tap_ok(fix_exists(want) && rmdir(fix_path(want)) == 0, "and nothing is placed");
	}
}

static void test_gitlab_faults(void)
{
	VL_AUTO(vl_store) s = fix_open("gitlab0");
	VL_AUTO(vl_store) none = fix_open("gitlab9");
	VL_CLEAN(vl_buf) out = VL_BUF_INIT(65536);
	static const char *const images[] = { "docker.io/library/alpine:3", "r.example/my/security-products-x/a:1",
					      NULL };
	const struct vl_target t = { .consumer = "gitlab", .path = "/srv" };
	VL_CLEAN(vl_generation) g = { 0 };
	VL_CLEAN(vl_doc) snapshot = { 0 };
	struct vl_err e = VL_ERR_INIT;
	struct vl_channel c;
	uint64_t bytes = 1;

	tap_fails(env_text(s, "gitlab", NULL, NULL, 0, &out, &e), &e, VL_E_USAGE, "no registry is known");
	tap_ok(strstr(e.hint, "--registry HOST") != NULL, "how to name it: %s", e.hint);
	tap_good(env_text(s, NULL, NULL, NULL, 0, &out, &e), &e, "for all it is a comment");
	tap_str(vl_buf_str(&out),
		"# gitlab (prod): name the registry to get its lines: registry: in valise.conf, or --registry\n",
		"namely");
	tap_good(vl_store_current(s, &g, &e) && vl_place_need(s, &g, &bytes, &e), &e, "room for places");
	tap_is(bytes, 0, "none is needed");
	tap_fails(vl_place_targets(s, &g, &t, 1, &fix_env, &e), &e, VL_E_PLACE, "no target for it");
	tap_str(e.msg, "place /srv (gitlab): nothing is placed for gitlab", "and that is said");
	vl_doc_init_index(&snapshot);
	add_images(none, &snapshot, "base", "image", images);
	c = fix_channel(none, &snapshot, "prod", 7);
	fix_commit(none, &c);
	tap_fails(env_text(none, "gitlab", NULL, NULL, 0, &out, &e), &e, VL_E_ABSENT, "images that are no analyzers");
	tap_good(env_text(none, NULL, NULL, NULL, 0, &out, &e), &e, "for all");
	tap_is(out.len, 0, "there is nothing to say");
}

/* What the hub cannot offer is told: a template would ask for it in vain. */
static void test_gitlab_problems(void)
{
	static const char *const images[] = { GL "semgrep:6", GL "kics:6", GL "secrets:7", NULL };
	static const struct vl_name_rule rule[] = { { GL "semgrep", "sast" }, { GL "kics", "sast" } };
	struct vl_env_ask ask = { .consumer = "gitlab", .registry = "r.corp", .rule = rule, .n_rule = VL_LEN(rule) };
	VL_AUTO(vl_store) s = fix_open("gitlab10");
	VL_CLEAN(vl_buf) out = VL_BUF_INIT(65536);
	VL_CLEAN(vl_generation) g = { 0 };
	VL_CLEAN(vl_doc) snapshot = { 0 };
	struct vl_err e = VL_ERR_INIT;
	struct vl_channel c;

	vl_doc_init_index(&snapshot);
	add_images(s, &snapshot, "analyzers", "gitlab-analyzers", images);
	c = fix_channel(s, &snapshot, "prod", 7);
	fix_commit(s, &c);
	tap_good(vl_store_current(s, &g, &e) && vl_place_env(s, &g, &ask, &out, &e), &e, "two with one name");
	tap_ok(strstr(vl_buf_str(&out), "\n#   PROBLEM: ") != NULL, "that is said");
	tap_ok(strstr(vl_buf_str(&out), "SECURE_ANALYZERS_PREFIX='r.corp/security-products'\n") != NULL,
	       "the others are where they are: %s", vl_buf_str(&out));
}

int main(void)
{
	test_gitlab_problems();
	test_gitlab();
	test_gitlab_faults();
	test_env();
	test_env_targets();
	test_env_faults();
	fix_done();
	return tap_done();
}
