/* SPDX-License-Identifier: Apache-2.0 */
/* References, mirrors and checksum files: pure functions, one row per case. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/host.h"
#include "base/mem.h"
#include "packlist/ref.h"
#include "sources/work.h"
#include "tests/lib/tap.h"

#define D64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct {
	const char *text, *host, *name, *tag, *digest; /* host NULL: refused */
} refs[] = {
	{ "ghcr.io/aquasecurity/trivy-db:2", "ghcr.io", "aquasecurity/trivy-db", "2", "" },
	{ "ghcr.io/aquasecurity/trivy-db", "ghcr.io", "aquasecurity/trivy-db", "", "" },
	{ "127.0.0.1:5000/a/b:1", "127.0.0.1:5000", "a/b", "1", "" },
	{ "[::1]:5000/a:1", "[::1]:5000", "a", "1", "" },
	{ "localhost/a", "localhost", "a", "", "" },
	{ "registry.corp:5000/a", "registry.corp:5000", "a", "", "" },
	{ "x.example/a__b.c-d--e/f:v1.2_3-x", "x.example", "a__b.c-d--e/f", "v1.2_3-x", "" },
	{ "x.example/a@sha256:" D64, "x.example", "a", "", "sha256:" D64 },
	{ "x.example/a:2@sha256:" D64, "x.example", "a", "2", "sha256:" D64 },
	{ "", NULL, NULL, NULL, NULL },
	{ "trivy-db", NULL, NULL, NULL, NULL },
	{ "trivy-db:2", NULL, NULL, NULL, NULL },
	{ "library/alpine", NULL, NULL, NULL, NULL },
	{ "https://x.example/a", NULL, NULL, NULL, NULL },
	{ "x.example/", NULL, NULL, NULL, NULL },
	{ "x.example//a", NULL, NULL, NULL, NULL },
	{ "x.example/a/", NULL, NULL, NULL, NULL },
	{ "x.example/A", NULL, NULL, NULL, NULL },
	{ "x.example/a/../b", NULL, NULL, NULL, NULL },
	{ "x.example/a___b", NULL, NULL, NULL, NULL },
	{ "x.example/a_", NULL, NULL, NULL, NULL },
	{ "x.example/a:", NULL, NULL, NULL, NULL },
	{ "x.example/a:.x", NULL, NULL, NULL, NULL },
	{ "x.example/a:x/y", NULL, NULL, NULL, NULL },
	{ "x.example/a:x y", NULL, NULL, NULL, NULL },
	{ "x.example/a@sha256:abc", NULL, NULL, NULL, NULL },
	{ "x.example/a@md5:" D64, NULL, NULL, NULL, NULL },
	{ "x.example:port/a", NULL, NULL, NULL, NULL },
	{ "x.example:123456/a", NULL, NULL, NULL, NULL },
	{ "u:p@x.example/a", NULL, NULL, NULL, NULL },
	{ "-x.example/a", NULL, NULL, NULL, NULL },
	{ "x.example/a?b=c", NULL, NULL, NULL, NULL },
};

static void test_refs(void)
{
	for (size_t i = 0; i < VL_LEN(refs); i++) {
		struct vl_ref r;
		struct vl_err e = VL_ERR_INIT;

		if (!refs[i].host) {
			tap_fails(vl_ref_parse(&r, refs[i].text, &e), &e, VL_E_PACKLIST, "\"%s\" is refused",
				  refs[i].text);
			continue;
		}
		tap_good(vl_ref_parse(&r, refs[i].text, &e), &e, "\"%s\" is taken", refs[i].text);
		tap_str(r.host, refs[i].host, "host of %s", refs[i].text);
		tap_str(r.name, refs[i].name, "name of %s", refs[i].text);
		tap_str(r.tag, refs[i].tag, "tag of %s", refs[i].text);
		tap_str(r.digest, refs[i].digest, "digest of %s", refs[i].text);
	}
}

static const struct {
	const char *host;
	bool loopback;
} hosts[] = {
	{ "127.0.0.1", true },    { "127.0.0.1:5000", true }, { "127.9.8.7:1", true },  { "[::1]:5000", true },
	{ "[::1]", true },        { "localhost", true },      { "localhost:80", true }, { "localhost.example", false },
	{ "128.0.0.1", false },   { "10.0.0.1:5000", false }, { "[::2]:1", false },     { "127.0.0.1.example", false },
	{ "x.example", false },   { "", false },              { "127.1", false },
};

static const struct {
	const char *prefix, *use; /* uses are separated by blanks */
	bool only;
	const char *url, *tried; /* separated by blanks */
} mirrors[] = {
	{ "ghcr.io/aquasecurity", "registry.corp:5000/ghcr/aquasecurity", false,
	 "https://ghcr.io/aquasecurity/trivy-db",
	  "https://registry.corp:5000/ghcr/aquasecurity/trivy-db https://ghcr.io/aquasecurity/trivy-db" },
	{ "ghcr.io/aquasecurity", "http://10.0.0.1/x", true, "https://ghcr.io/aquasecurity/trivy-db",
	  "http://10.0.0.1/x/trivy-db" },
	{ "ghcr.io", "127.0.0.1:5000", true, "https://ghcr.io/a/b", "http://127.0.0.1:5000/a/b" },
	{ "https://osv.example", "http://mirror.corp/osv", true, "https://osv.example/npm/all.zip",
	  "http://mirror.corp/osv/npm/all.zip" },
	{ "https://osv.example/", "http://mirror.corp/osv/", true, "https://osv.example/npm/all.zip",
	  "http://mirror.corp/osv/npm/all.zip" },
	{ "https://osv.example", "https://a.example https://b.example", false, "https://osv.example/x",
	  "https://a.example/x https://b.example/x https://osv.example/x" },
	{ "http://osv.example", "https://a.example", true, "https://osv.example/x", "https://osv.example/x" },
	{ "https://osv.example/np", "https://a.example", true, "https://osv.example/npm/x",
	 "https://osv.example/npm/x" },
	{ "osv.example", "https://a.example", true, "https://osv.example.org/x", "https://osv.example.org/x" },
	{ "osv.example", "https://a.example", true, "https://osv.example?x=1", "https://a.example?x=1" },
	{ "https://osv.example", "https://osv.example", false, "https://osv.example/x", "https://osv.example/x" },
	{ "", "https://a.example", true, "https://osv.example/x", "https://osv.example/x" },
};

static char **split(const char *text, unsigned *n)
{
	char **out = vl_xcalloc(8, sizeof *out);

	for (*n = 0; *text; ++*n) {
		size_t len = strcspn(text, " ");

		out[*n] = vl_xstrndup(text, len);
		text += len + (text[len] == ' ');
	}
	return out;
}

static void test_mirrors(void)
{
	for (size_t i = 0; i < VL_LEN(mirrors); i++) {
		VL_STR prefix = vl_xstrdup(mirrors[i].prefix);
		struct vl_conf_mirror m = { .prefix = prefix, .only = mirrors[i].only };
		struct vl_conf conf = { .mirrors = &m, .mirrors_count = 1 };
		VL_TEXTS use = split(mirrors[i].use, &m.use_count);
		VL_TEXTS got = NULL;
		char joined[1024] = "";

		m.use = use;
		got = vl_mirrored(&conf, mirrors[i].url);
		for (char **g = got; *g; g++)
			snprintf(joined + strlen(joined), sizeof joined - strlen(joined), "%s%s", g == got ? "" : " ",
				 *g);
		tap_str(joined, mirrors[i].tried, "row %zu: %s", i, mirrors[i].url);
	}
}

#define H32 "0123456789abcdef0123456789abcdef"
#define H40 H32 "01234567"
#define H128 D64 D64

static const struct {
	const char *text, *algorithm, *hex; /* algorithm NULL: refused */
} sums[] = {
	{ D64, "sha256", D64 },
	{ D64 "\n", "sha256", D64 },
	{ D64 "  \r\n", "sha256", D64 },
	{ "0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef\n", "sha256", D64 },
	{ H32 "\n", "md5", H32 },
	{ H40 "\n", "sha1", H40 },
	{ H128 "\n", "sha512", H128 },
	{ D64 "  f.tgz\n", "sha256", D64 },
	{ D64 " *f.tgz\n", "sha256", D64 },
	{ D64 "  dist/f.tgz\n", "sha256", D64 },
	{ "# made today\n" D64 "\n", "sha256", D64 },
	{ "ffff000000000000000000000000000000000000000000000000000000000000  g.tgz\n" D64 "  f.tgz\n", "sha256", D64 },
	{ "SHA256 (f.tgz) = " D64 "\n", "sha256", D64 },
	{ "SHA256 (g.tgz) = " D64 "\n", NULL, NULL },
	{ D64 "  xf.tgz\n", NULL, NULL },
	{ D64 "  f.tgz.asc\n", NULL, NULL },
	{ D64 "\n" D64 "\n", NULL, NULL },
	{ D64 "\n" D64 "  g.tgz\n", NULL, NULL },
	{ "", NULL, NULL },
	{ "\n\n", NULL, NULL },
	{ "abc\n", NULL, NULL },
	{ "<html>not found</html>\n", NULL, NULL },
	{ D64 "0\n", NULL, NULL },
	{ D64 "f.tgz\n", NULL, NULL },
};

static void test_sums(void)
{
	for (size_t i = 0; i < VL_LEN(sums); i++) {
		struct vl_err e = VL_ERR_INIT;
		const char *algorithm = NULL;
		char hex[129] = "";

		if (!sums[i].algorithm) {
			tap_fails(vl_checksum_find(sums[i].text, "f.tgz", &algorithm, hex, &e), &e, VL_E_CONTENT,
				  "sum %zu is refused", i);
			continue;
		}
		tap_good(vl_checksum_find(sums[i].text, "f.tgz", &algorithm, hex, &e), &e, "sum %zu is found", i);
		tap_str(algorithm, sums[i].algorithm, "sum %zu: algorithm", i);
		tap_str(hex, sums[i].hex, "sum %zu: digest", i);
	}
}

static void test_table(void)
{
	size_t n;
	const struct vl_catalogue_row *rows = vl_sources_catalogue(&n);
	const char *const *type = vl_packlist_types();

	for (; *type; type++) {
		bool found = false;

		for (size_t i = 0; i < n; i++)
			found = found || !strcmp(rows[i].type, *type);
		tap_ok(found, "type %s is in the catalogue", *type);
		tap_ok(vl_source_find(*type), "type %s has a source", *type);
	}
	tap_ok(!vl_source_find("nope"), "an unknown type has none");
}

/* A download outlives what is wrong with this host, and nothing else. */
static void test_parts(void)
{
	static const struct {
		bool good;
		enum vl_code code;
		bool kept;
	} cases[] = {
		{ true, VL_OK, false },
		{ false, VL_E_CONTENT, false },
		{ false, VL_E_PIN, false },
		{ false, VL_E_LIMIT, false },
		{ false, VL_E_NET, false },
		{ false, VL_E_NOSPACE, true },
		{ false, VL_E_IO, true },
		{ false, VL_E_INTERRUPTED, true },
		{ false, VL_E_MEMORY, true },
	};
	char path[] = "/tmp/valise-unit.XXXXXX";
	struct vl_err e = VL_ERR_INIT;
	struct vl_run run = { .fetch_dir = -1 };

	tap_ok(mkdtemp(path) && vl_open_dir(AT_FDCWD, path, &run.fetch_dir, &e), "a scratch directory");
	for (size_t i = 0; i < VL_LEN(cases); i++) {
		struct vl_err why = { .code = cases[i].code };

		tap_good(vl_save_file(run.fetch_dir, "x.part", 0600, vl_bytes_str("x"), &e) &&
				 vl_save_file(run.fetch_dir, "x.part.json", 0600, vl_bytes_str("{}"), &e), &e,
			 "a part");
		vl_run_settle_part(&run, "x.part", cases[i].good, &why);
		tap_is(!faccessat(run.fetch_dir, "x.part", F_OK, 0), cases[i].kept, "E%04d: part", (int)why.code);
		tap_is(!faccessat(run.fetch_dir, "x.part.json", F_OK, 0), cases[i].kept, "E%04d: notes", (int)why.code);
	}
	tap_good(vl_remove_tree(AT_FDCWD, path, &e), &e, "clean up");
	vl_fd_closep(&run.fetch_dir);
}

int main(void)
{
	test_refs();
	for (size_t i = 0; i < VL_LEN(hosts); i++)
		tap_is(vl_host_is_loopback(hosts[i].host), hosts[i].loopback, "loopback: \"%s\"", hosts[i].host);
	test_mirrors();
	test_sums();
	test_table();
	test_parts();
	return tap_done();
}
