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
	VL_CLEAN(vl_generation) g = { 0 };

	vl_buf_reset(out);
	return vl_store_current(s, &g, e) && vl_place_env(s, &g, consumer, channel, t, n, out, e);
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

int main(void)
{
	test_env();
	test_env_targets();
	test_env_faults();
	fix_done();
	return tap_done();
}
