/* SPDX-License-Identifier: Apache-2.0 */
/* Paths and their replies, friendly and hostile, without a socket. */
#include <time.h>

#include "base/text.h"
#include "serve/route_priv.h"
#include "tests/lib/serve_fixture.h"
#include "tests/lib/tap.h"

static struct fix_images x;
static struct vl_hall *hall;
static struct vl_counters counters;

static void open_hall(void)
{
	const struct vl_serve_opts o = { .channel = NULL };
	struct vl_err e = VL_ERR_INIT;
	struct vl_store *s = fix_open("store");

	fix_images_commit(s, &x);
	fix_lab_commit(s, &x);
	vl_store_free(s);
	tap_good(vl_hall_open(&hall, fix_path("store"), &o, &e), &e, "the hall opens");
}

/* ---- asking ---- */

static struct vl_reply ask_all(struct vl_ask a)
{
	struct vl_reply r = { 0 };

	a.now = fix_env.now;
	vl_route(hall, &counters, &a, &r);
	return r;
}

static struct vl_reply ask(const char *path)
{
	return ask_all((struct vl_ask){ .path = path, .host = "hub.corp:5000" });
}

static bool body_has(const struct vl_reply *r, const char *text)
{
	return strstr(vl_buf_str(&r->body), text);
}

#define OCTETS "application/octet-stream"
#define TEXT "text/plain; charset=utf-8"
#define PAGE "text/html; charset=utf-8"
#define JSON "application/json"

/* ~x is replaced by the hex digits of a fixture's digest: s semgrep, a alpine, m amd64, l a layer, b sbom */
static const struct {
	const char *path;
	int status;
	const char *type, *has; /* has NULL: a blob */
} table[] = {
	{ "/v2/", 200, JSON, "{}" },
	{ "/v2", 200, JSON, "{}" },
	{ "/v2/security/semgrep/manifests/5", 200, VL_MT_INDEX, NULL },
	{ "/v2/security/semgrep/manifests/sha256:~s", 200, VL_MT_INDEX, NULL },
	{ "/v2/security/semgrep/manifests/sha256:~m", 200, VL_MT_MANIFEST, NULL },
	{ "/v2/library/alpine/manifests/3", 200, VL_MT_DOCKER_MANIFEST, NULL },
	{ "/v2/library/alpine/manifests/3.20", 200, VL_MT_DOCKER_MANIFEST, NULL },
	{ "/v2/security/semgrep/manifests/sha256-~s.sig", 200, VL_MT_MANIFEST, NULL },
	{ "/v2/prod/trivy-db/manifests/42", 200, VL_MT_MANIFEST, NULL },
	{ "/v2/prod/trivy-db/manifests/latest", 200, VL_MT_MANIFEST, NULL },
	{ "/v2/aquasecurity/trivy-db/manifests/2", 200, VL_MT_MANIFEST, NULL },
	{ "/v2/library/alpine/blobs/sha256:~l", 200, OCTETS, NULL },
	{ "/v2/library/alpine/blobs/sha256:~a", 200, OCTETS, NULL },
	{ "/v2/library/alpine/manifests/4", 404, JSON, "MANIFEST_UNKNOWN" },
	{ "/v2/library/alpine/manifests/.INVALID_MANIFEST_NAME", 404, JSON, "MANIFEST_UNKNOWN" },
	{ "/v2/library/alpine/manifests/sha256:~l", 404, JSON, "MANIFEST_UNKNOWN" },
	{ "/v2/library/alpine/manifests/sha256:~0", 404, JSON, "MANIFEST_UNKNOWN" },
	{ "/v2/library/alpine/blobs/sha256:~0", 404, JSON, "BLOB_UNKNOWN" },
	{ "/v2/library/alpine/blobs/sha512:~0~0", 404, JSON, "BLOB_UNKNOWN" },
	{ "/v2/library/alpine/blobs/sha256:12", 400, JSON, "DIGEST_INVALID" },
	{ "/v2/library/alpine/blobs/sha256:~0x", 400, JSON, "DIGEST_INVALID" },
	{ "/v2/library/alpine/blobs/latest", 400, JSON, "DIGEST_INVALID" },
	{ "/v2/library/alpine/manifests/sha256:ABCD", 400, JSON, "DIGEST_INVALID" },
	{ "/v2/library/alpine/manifests/a:b", 400, JSON, "DIGEST_INVALID" },
	{ "/v2/no/such/manifests/5", 404, JSON, "NAME_UNKNOWN" },
	{ "/v2/no/such/tags/list", 404, JSON, "NAME_UNKNOWN" },
	{ "/v2/no/such/blobs/sha256:~a", 404, JSON, "NAME_UNKNOWN" },
	{ "/v2/library/manifests/alpine/manifests/3", 404, JSON, "NAME_UNKNOWN" },
	{ "/v2/Library/alpine/manifests/3", 400, JSON, "NAME_INVALID" },
	{ "/v2//alpine/manifests/3", 400, JSON, "NAME_INVALID" },
	{ "/v2/library//alpine/manifests/3", 400, JSON, "NAME_INVALID" },
	{ "/v2/../../etc/passwd", 400, JSON, "NAME_INVALID" },
	{ "/v2/library/alpine/manifests/..", 400, JSON, "NAME_INVALID" },
	{ "/v2/library/alpine/blobs/..%2f..%2fetc", 400, JSON, "NAME_INVALID" },
	{ "/v2/library%2falpine/manifests/3", 400, JSON, "NAME_INVALID" },
	{ "/v2/library/alpine/manifests/%00", 400, JSON, "NAME_INVALID" },
	{ "/v2/library/alpine/manifests/", 404, JSON, "UNSUPPORTED" },
	{ "/v2/library/alpine/blobs/uploads/", 404, JSON, "UNSUPPORTED" },
	{ "/v2/library/alpine/tags/lists", 404, JSON, "UNSUPPORTED" },
	{ "/v2/manifests/3", 404, JSON, "UNSUPPORTED" },
	{ "/v2/_catalog", 200, JSON,
	  "{\"repositories\":[\"aquasecurity/trivy-db\",\"lab/docs\",\"lab/et-open\",\"lab/names\",\"lab/osv\","
	  "\"library/alpine\",\"other/semgrep\",\"prod/docs\",\"prod/trivy-db\","
	  "\"security-products/container-scanning\",\"security-products/kics\","
	  "\"security-products/secrets\",\"security/semgrep\"]}" },
	{ "/v2/library/alpine/tags/list", 200, JSON, "{\"name\":\"library/alpine\",\"tags\":[\"3\",\"3.20\"]}" },
	{ "/v2/security/semgrep/referrers/sha256:~s", 200, VL_MT_INDEX, "\"digest\":\"sha256:~b\"" },
	{ "/v2/security/semgrep/referrers/sha256:~s", 200, VL_MT_INDEX, "\"artifactType\":\"application/spdx+json\"" },
	{ "/v2/security/semgrep/referrers/sha256:~s", 200, VL_MT_INDEX, "\"org.example.made\":\"by hand\"" },
	{ "/v2/security/semgrep/referrers/sha256:~0", 200, VL_MT_INDEX, "\"manifests\":[]}" },
	{ "/v2/security/semgrep/referrers/sha512:~0~0", 200, VL_MT_INDEX, "\"manifests\":[]}" },
	{ "/v2/security/semgrep/referrers/nonsense", 400, JSON, "DIGEST_INVALID" },
	{ "/osv/PyPI/all.zip", 200, "application/zip", NULL },
	{ "/osv/Rocky%20Linux/all.zip", 200, "application/zip", NULL },
	{ "/osv/ecosystems.txt", 200, TEXT, "PyPI\nRocky Linux\n" },
	{ "/osv/", 200, PAGE, "<a href=\"Rocky%20Linux/\">Rocky Linux/</a>" },
	{ "/osv/pypi/all.zip", 404, TEXT, "no such file" },
	{ "/osv/..%2fPyPI/all.zip", 400, TEXT, "malformed" },
	{ "/files/docs/a/b/read.txt", 200, TEXT, NULL },
	{ "/files/docs/run.sh", 200, OCTETS, NULL },
	{ "/files/trivy-db/db.tar.gz", 200, "application/gzip", NULL },
	{ "/files/et-open/emerging.rules.tar.gz", 200, "application/gzip", NULL },
	{ "/files/et-open/", 200, PAGE, "unpack: true" },
	{ "/files/docs/", 200, PAGE, "<a href=\"run.sh\">run.sh</a></td><td class=\"n\">10 B" },
	{ "/files/docs/", 200, PAGE, "<a href=\"a/\">a/</a>" },
	{ "/files/", 200, PAGE, "<a href=\"docs/\">docs/</a>" },
	{ "/files/docs/old.txt", 404, TEXT, "no such file" },
	{ "/files/docs/a/b/read.txt/", 404, TEXT, "no such file" },
	{ "/files/osv/PyPI/all.zip", 404, TEXT, "no such file" },
	{ "/files/names/a%3Cb%3E%26%22%27%2Ehtml", 400, TEXT, "malformed" },
	{ "/files/names/a%3Cb%3E%26%22%27.html", 200, TEXT, NULL },
	{ "/files/names/100%25.txt", 200, TEXT, NULL },
	{ "/files/names/%c3%9cber%20sicht.txt", 200, TEXT, NULL },
	{ "/files/names/%C3%9Cber sicht.txt", 200, TEXT, NULL },
	{ "/files/names/", 200, PAGE, "<a href=\"a%3Cb%3E%26%22%27.html\">a&lt;b&gt;&amp;&quot;&#39;.html</a>" },
	{ "/files/names/100%.txt", 400, TEXT, "malformed" },
	{ "/files/names/%c3", 400, TEXT, "malformed" },
	{ "/files//docs/run.sh", 400, TEXT, "malformed" },
	{ "/files/./docs/run.sh", 400, TEXT, "malformed" },
	{ "/files/../files/docs/run.sh", 400, TEXT, "malformed" },
	{ "/files/%2e%2e/docs/run.sh", 400, TEXT, "malformed" },
	{ "/files/docs%2frun.sh", 400, TEXT, "malformed" },
	{ "/files/docs%5crun.sh", 400, TEXT, "malformed" },
	{ "/files/docs/run.sh%00.txt", 400, TEXT, "malformed" },
	{ "/files/docs/run.sh%0d%0aX:", 400, TEXT, "malformed" },
	{ "/files/docs/%", 400, TEXT, "malformed" },
	{ "/files/docs/\x01", 400, TEXT, "malformed" },
	{ "/files/docs\\run.sh", 400, TEXT, "malformed" },
	{ "/healthz", 200, TEXT, "ok\nexpired: channel lab\n" },
	{ "/metrics", 200, "text/plain; version=0.0.4; charset=utf-8", "\nvalise_sequence{channel=\"prod\"} 42\n" },
	{ "/", 200, PAGE, "docker pull hub.corp:5000/security/semgrep:5\n" },
	{ "/etc/passwd", 404, TEXT, "nothing under this path" },
	{ "/v2x", 404, TEXT, "nothing under this path" },
	{ "/healthz/", 404, TEXT, "nothing under this path" },
	{ "//", 404, TEXT, "nothing under this path" },
	{ "/%2e%2e/", 400, TEXT, "malformed" },
	{ "v2/", 400, TEXT, "malformed" },
	{ "http://hub.corp/v2/", 400, TEXT, "malformed" },
	{ "", 400, TEXT, "malformed" },
};

static const struct fix_blob *blob_named(char c)
{
	static const struct fix_blob none;

	switch (c) {
	case 's': return &x.semgrep;
	case 'a': return &x.alpine;
	case 'm': return &x.amd64;
	case 'l': return &x.alpine_layer;
	case 'b': return &x.sbom;
	default: return &none;
	}
}

/* The caller frees. */
static char *expand(const char *text)
{
	VL_STR out = vl_xstrdup("");
	char hex[VL_DIGEST_HEX];

	for (const char *p = text; *p; p++) {
		bool is_name = p[0] == '~' && p[1];
		VL_STR more = is_name ? vl_xprintf("%s%s", out, vl_digest_hex(&blob_named(p[1])->digest, hex)) :
					vl_xprintf("%s%c", out, *p);

		free(out);
		out = vl_steal(&more);
		p += is_name;
	}
	return vl_steal(&out);
}

static void test_table(void)
{
	for (size_t i = 0; i < VL_LEN(table); i++) {
		VL_STR path = expand(table[i].path);
		VL_STR has = table[i].has ? expand(table[i].has) : NULL;
		VL_STR shown = vl_safe_text(path, 90);
		VL_CLEAN(vl_reply) r = ask(path);

		if (!tap_ok(r.status == table[i].status && r.type && !strcmp(r.type, table[i].type) &&
			    (has ? !r.is_blob && body_has(&r, has) : r.is_blob && !r.body.len),
			    "%s: %d", shown, table[i].status))
			printf("# %d %s blob=%d\n# %.300s\n", r.status, r.type, r.is_blob, vl_buf_str(&r.body));
	}
}

static void test_long_path(void)
{
	VL_STR path = vl_xcalloc(8300, 1);
	VL_CLEAN(vl_reply) r = { 0 };

	memset(path, 'a', 8192);
	path[0] = '/';
	r = ask(path);
	tap_is(r.status, 400, "8 KiB of path");
}

/* ---- what belongs to a blob ---- */

static void test_blobs(void)
{
	VL_CLEAN(vl_reply) tag = ask("/v2/security/semgrep/manifests/5");
	VL_STR by_digest = expand("/v2/security/semgrep/manifests/sha256:~s");
	VL_CLEAN(vl_reply) digest = ask(by_digest);
	VL_CLEAN(vl_reply) file = ask("/osv/PyPI/all.zip");
	VL_CLEAN(vl_reply) docs = ask("/files/docs/run.sh");

	tap_ok(vl_digest_equal(&tag.digest, &x.semgrep.digest) && tag.size == x.semgrep.size && tag.docker_digest,
	       "a tag leads to its digest");
	tap_str(tag.cache, "no-cache", "a tag is asked for again");
	tap_str(digest.cache, "max-age=31536000, immutable", "a digest never");
	tap_is(file.modified, 1795132800, "a file is as old as its data");
	tap_ok(!file.docker_digest && !file.policy, "a file is no manifest, and has the strict policy");
	tap_is(docs.modified, fix_env.now - 3600, "without a date, as old as the bundle");
}

/* ---- pages of names ---- */

static const struct {
	const char *path, *n, *last;
	int status;
	const char *body, *link;
} pages[] = {
	{ "/v2/_catalog", "2", NULL, 200, "{\"repositories\":[\"aquasecurity/trivy-db\",\"lab/docs\"]}",
	  "</v2/_catalog?n=2&last=lab%2Fdocs>; rel=\"next\"" },
	{ "/v2/_catalog", "2", "lab/osv", 200, "{\"repositories\":[\"library/alpine\",\"other/semgrep\"]}",
	  "</v2/_catalog?n=2&last=other%2Fsemgrep>; rel=\"next\"" },
	{ "/v2/_catalog", "2", "security-products/secrets", 200, "{\"repositories\":[\"security/semgrep\"]}", NULL },
	{ "/v2/_catalog", "0", NULL, 200, "{\"repositories\":[]}", NULL },
	{ "/v2/_catalog", NULL, "zzz", 200, "{\"repositories\":[]}", NULL },
	{ "/v2/library/alpine/tags/list", "1", NULL, 200, "{\"name\":\"library/alpine\",\"tags\":[\"3\"]}",
	  "</v2/library/alpine/tags/list?n=1&last=3>; rel=\"next\"" },
	{ "/v2/library/alpine/tags/list", "1", "3", 200, "{\"name\":\"library/alpine\",\"tags\":[\"3.20\"]}", NULL },
	{ "/v2/library/alpine/tags/list", "99999999999", "3", 200,
	  "{\"name\":\"library/alpine\",\"tags\":[\"3.20\"]}", NULL },
	{ "/v2/library/alpine/tags/list", "-1", NULL, 400, NULL, NULL },
	{ "/v2/library/alpine/tags/list", "", NULL, 400, NULL, NULL },
	{ "/v2/library/alpine/tags/list", "1e3", NULL, 400, NULL, NULL },
	{ "/v2/library/alpine/tags/list", "99999999999999999999", NULL, 400, NULL, NULL },
};

static void test_pages_of_names(void)
{
	for (size_t i = 0; i < VL_LEN(pages); i++) {
		VL_CLEAN(vl_reply) r = ask_all((struct vl_ask){ .path = pages[i].path, .n = pages[i].n,
								.last = pages[i].last });

		tap_is(r.status, pages[i].status, "%s n=%s last=%s", pages[i].path, pages[i].n ? pages[i].n : "-",
		       pages[i].last ? pages[i].last : "-");
		if (pages[i].body)
			tap_str(vl_buf_str(&r.body), pages[i].body, "its names");
		tap_ok(pages[i].link ? r.link && !strcmp(r.link, pages[i].link) : !r.link, "its link: %s",
		       r.link ? r.link : "-");
	}
}

static unsigned count(const char *text, const char *what)
{
	unsigned n = 0;

	for (; (text = strstr(text, what)); text += strlen(what))
		n++;
	return n;
}

/* Follows "More" until there is none: every entry once. */
static void test_directory_pages(void)
{
	unsigned entries = 0, n = 0;
	VL_STR last = NULL;
	const char *more;

	do {
		VL_CLEAN(vl_reply) r = ask_all((struct vl_ask){ .path = "/files/names/many/", .last = last });

		entries += count(vl_buf_str(&r.body), "<tr><td><a href=\"") - 1;
		more = strstr(vl_buf_str(&r.body), "?last=");
		free(last);
		last = more ? vl_xstrndup(more + 6, strcspn(more + 6, "\"")) : NULL;
		n++;
		if (last && vl_ends_with(last, "%2F"))
			memcpy(last + strlen(last) - 3, "/", 2); /* as the server decodes it */
	} while (last && n < 10);
	tap_is(entries, 1100, "1100 entries on several pages");
	tap_is(n, 3, "three pages");
}

static void test_order_in_directory(void)
{
	static const struct {
		const char *last, *first;
	} rows[] = {
		{ "b-x", "b.txt" }, { "b.txt", "b/" }, { "b/", "many/" }, { "a%3C", "a%3Cb%3E" },
		{ "100%25.txt", "a%3Cb%3E" },
	};

	for (size_t i = 0; i < VL_LEN(rows); i++) {
		VL_CLEAN(vl_reply) r = ask_all((struct vl_ask){ .path = "/files/names/", .last = rows[i].last });
		VL_STR want = vl_xprintf("<td></td></tr>\n<tr><td><a href=\"%s", rows[i].first);

		tap_ok(body_has(&r, want), "behind %s comes %s", rows[i].last, rows[i].first);
	}
}

static void test_filter(void)
{
	static const struct {
		const char *type;
		unsigned n;
	} rows[] = { { "application/spdx+json", 1 }, { "application/none", 0 } };
	VL_STR path = expand("/v2/security/semgrep/referrers/sha256:~s");

	for (size_t i = 0; i < VL_LEN(rows); i++) {
		VL_CLEAN(vl_reply) r = ask_all((struct vl_ask){ .path = path, .artifact_type = rows[i].type });

		tap_is(count(vl_buf_str(&r.body), "artifactType"), rows[i].n, "referrers of type %s", rows[i].type);
		tap_str(r.filters, "artifactType", "and it says that it filtered");
	}
}

static void test_redirects(void)
{
	static const struct {
		const char *path, *to;
	} rows[] = {
		{ "/files", "/files/" }, { "/osv", "/osv/" }, { "/files/docs", "/files/docs/" },
		{ "/osv/Rocky%20Linux", "/osv/Rocky%20Linux/" }, { "/files/docs/a/b", "/files/docs/a/b/" },
	};

	for (size_t i = 0; i < VL_LEN(rows); i++) {
		VL_CLEAN(vl_reply) r = ask(rows[i].path);

		tap_is(r.status, 301, "%s is a directory", rows[i].path);
		tap_str(r.location, rows[i].to, "and lies at %s", rows[i].to);
	}
}

/* ---- pages ---- */

static void test_front(void)
{
	static const char *const lines[] = {
		"<td>prod</td><td class=\"n\">42</td>", "EXPIRED 1 hour ago",
		"docker pull hub.corp:5000/library/alpine:3.20\n",
		"trivy image --db-repository hub.corp:5000/aquasecurity/trivy-db:2 IMAGE\n",
		"curl -fsS http://hub.corp:5000/osv/ecosystems.txt | while read -r eco; do\n",
		"curl -fO http://hub.corp:5000/files/docs/run.sh\n",
		"curl -fO http://hub.corp:5000/files/names/100%25.txt\n", "two channels hold this item", "plain HTTP",
		("[[registry]]\nlocation = \"docker.io\"\n[[registry.mirror]]\nlocation = \"hub.corp:5000\"\n"
		 "insecure = true\n"),
		"  SECURE_ANALYZERS_PREFIX: \"hub.corp:5000/security-products\"\n",
		"  CS_ANALYZER_IMAGE: \"hub.corp:5000/security-products/container-scanning:8\"\n",
	};
	VL_CLEAN(vl_reply) r = ask("/");
	VL_STR digest = expand("docker pull hub.corp:5000/security/semgrep@sha256:~s\n");

	for (size_t i = 0; i < VL_LEN(lines); i++)
		tap_ok(body_has(&r, lines[i]), "the page has: %.60s", lines[i]);
	tap_ok(body_has(&r, digest), "the page has the image by digest");
	tap_ok(!body_has(&r, "<script") && !body_has(&r, "<b>"), "nothing foreign is markup");
	tap_ok(!body_has(&r, ".sig"), "signatures are not images");
	tap_is(count(vl_buf_str(&r.body), "trivy image"), 1, "the database has one line");
	tap_ok(r.policy && !strcmp(r.policy, vl_page_policy), "the page has its own policy");
}

static void test_style_hash(void)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char base64[45] = "", *to = base64;
	struct vl_digest d;
	uint32_t three;

	vl_sha256_of(vl_bytes_str(vl_page_style), &d);
	for (size_t i = 0; i < 33; i += 3) {
		three = (uint32_t)(d.b[i] << 16) | (uint32_t)(d.b[i + 1] << 8) | (i + 2 < 32 ? d.b[i + 2] : 0);
		for (int shift = 18; shift >= 0; shift -= 6)
			*to++ = digits[three >> shift & 63];
	}
	base64[43] = '=';
	tap_ok(strstr(vl_page_policy, base64), "the policy allows the style: sha256-%s", base64);
}

static const struct {
	const char *host;
	bool tls;
	const char *has;
} hosts[] = {
	{ "127.0.0.1:5000", false, "docker pull 127.0.0.1:5000/library" },
	{ "[::1]:5000", false, "http://[::1]:5000/osv/" },
	{ "hub", true, "https://hub/osv/" },
	{ NULL, false, "docker pull HOST:PORT/library" },
	{ "", false, "docker pull HOST:PORT/library" },
	{ "hub\"><script>", false, "docker pull HOST:PORT/library" },
	{ "hub;reboot", false, "docker pull HOST:PORT/library" },
	{ "hub:", false, "docker pull HOST:PORT/library" },
	{ "hub:123456", false, "docker pull HOST:PORT/library" },
	{ "hub:12x", false, "docker pull HOST:PORT/library" },
	{ "-hub", false, "docker pull HOST:PORT/library" },
	{ "[::1", false, "docker pull HOST:PORT/library" },
	{ "user@hub", false, "docker pull HOST:PORT/library" },
};

static void test_hosts(void)
{
	for (size_t i = 0; i < VL_LEN(hosts); i++) {
		VL_CLEAN(vl_reply) r = ask_all((struct vl_ask){ .path = "/", .host = hosts[i].host,
								.tls = hosts[i].tls, .login = hosts[i].tls });

		tap_ok(body_has(&r, hosts[i].has) && !body_has(&r, "reboot") &&
		       body_has(&r, "plain HTTP") == !hosts[i].tls && body_has(&r, "docker login hub") == hosts[i].tls,
		       "Host: %s", hosts[i].host ? hosts[i].host : "(none)");
	}
}

static void test_metrics(void)
{
	static const char *const lines[] = {
		"valise_info{version=\"", "\nvalise_generation 2\n",
		"\nvalise_created_timestamp_seconds{channel=\"prod\"} 1795244400\n",
		"\nvalise_expires_timestamp_seconds{channel=\"lab\"} 1795244400\n",
		"\nvalise_item_updated_timestamp_seconds{channel=\"lab\",item=\"osv\",type=\"osv\"} 1795132800\n",
		"\nvalise_item_bytes{channel=\"prod\",item=\"docs\",type=\"dir\"} ", "\nvalise_requests_total 3\n",
		"\n# TYPE valise_requests_total counter\n",
	};
	VL_CLEAN(vl_reply) r = { 0 };

	atomic_store(&counters.requests, 3);
	r = ask("/metrics");
	for (size_t i = 0; i < VL_LEN(lines); i++)
		tap_ok(body_has(&r, lines[i]), "/metrics has: %s", lines[i][0] == '\n' ? lines[i] + 1 : lines[i]);
	tap_ok(!body_has(&r, "expires_timestamp_seconds{channel=\"prod\"}"), "what never expires has no time");
}

/* ---- other stores ---- */

static void test_empty_store(void)
{
	const struct vl_serve_opts o = { .channel = NULL };
	struct vl_err e = VL_ERR_INIT;

	vl_store_free(fix_open("empty"));
	tap_good(vl_hall_open(&hall, fix_path("empty"), &o, &e), &e, "an empty store opens");
	VL_CLEAN(vl_reply) health = ask("/healthz");
	VL_CLEAN(vl_reply) front = ask("/");
	VL_CLEAN(vl_reply) catalogue = ask("/v2/_catalog");
	VL_CLEAN(vl_reply) files = ask("/files/");

	tap_is(health.status, 503, "it is not healthy");
	tap_ok(body_has(&front, "Nothing is here yet"), "the page says so");
	tap_str(vl_buf_str(&catalogue.body), "{\"repositories\":[]}", "no repositories");
	tap_is(files.status, 200, "/files/ is an empty page");
	vl_hall_free(hall);
}

static void test_one_channel(void)
{
	const struct vl_serve_opts o = { .channel = "lab", .public_name = "registry.corp" };
	struct vl_err e = VL_ERR_INIT;

	tap_good(vl_hall_open(&hall, fix_path("store"), &o, &e), &e, "one channel opens");
	VL_CLEAN(vl_reply) docs = ask("/files/docs/old.txt");
	VL_CLEAN(vl_reply) health = ask("/healthz");
	VL_CLEAN(vl_reply) front = ask("/");
	VL_CLEAN(vl_reply) metrics = ask("/metrics");

	tap_is(docs.status, 200, "alone, its docs are offered");
	tap_str(vl_buf_str(&health.body), "ok\nexpired: channel lab\n", "healthy, and expired");
	tap_ok(!body_has(&front, "<td>prod</td>") && body_has(&front, "http://registry.corp/osv/"),
	       "the page has nothing of the other");
	tap_ok(!body_has(&metrics, "prod"), "neither have the metrics");
	vl_hall_free(hall);
}

static void test_other_channel(void)
{
	const struct vl_serve_opts o = { .channel = "none" };
	struct vl_err e = VL_ERR_INIT;

	tap_good(vl_hall_open(&hall, fix_path("store"), &o, &e), &e, "a channel that is not there yet opens");
	VL_CLEAN(vl_reply) health = ask("/healthz");

	tap_is(health.status, 503, "and is not healthy");
	vl_hall_free(hall);
}

/* A damaged document costs its own item only. */
static void test_damaged(void)
{
	const struct vl_serve_opts o = { .channel = NULL };
	struct vl_err e = VL_ERR_INIT;
	const char *path = fix_blob_path("store", &x.trivy.digest);

	chmod(path, 0644);
	if (truncate(path, 5))
		exit(99);
	tap_good(vl_hall_open(&hall, fix_path("store"), &o, &e), &e, "a store with a damaged document opens");
	VL_CLEAN(vl_reply) file = ask("/files/trivy-db/db.tar.gz");
	VL_CLEAN(vl_reply) docs = ask("/files/docs/run.sh");
	VL_CLEAN(vl_reply) front = ask("/");

	tap_is(file.status, 404, "its item's file is gone");
	tap_is(docs.status, 200, "the others are there");
	tap_ok(body_has(&front, "Problems") && body_has(&front, "trivy-db"), "the page tells it");
	vl_hall_free(hall);
}

/* A document of 4 MiB names twenty thousand ecosystems: none of them may cost a look at all the others. */
static void add_ecosystems(struct vl_store *s, struct vl_doc *snapshot, const char *item, const char *content)
{
	VL_CLEAN(vl_doc) doc = { 0 };
	struct vl_desc first = { 0 };

	fix_artifact(s, &doc, "application/vnd.valise.osv.v1");
	first = *fix_layer(s, &doc, "application/zip", "same/all.zip", vl_bytes_str(content));
	for (unsigned i = 0; i < 20000; i++) {
		VL_STR title = vl_xprintf("%s-%u/all.zip", item, i);
		struct vl_desc *layer = vl_doc_add(&doc);

		vl_desc_init(layer, "application/zip", &first.digest, first.size);
		vl_desc_set(layer, VL_AN_TITLE, title);
	}
	fix_item(s, snapshot, &doc, item, "osv");
}

static void test_many_ecosystems(void)
{
	const struct vl_serve_opts o = { .channel = NULL };
	VL_AUTO(vl_store) s = fix_open("many");
	VL_CLEAN(vl_doc) snapshot = { 0 };
	struct vl_err e = VL_ERR_INIT;
	struct vl_digest d;
	struct vl_channel c;
	clock_t began;
	long ms;

	vl_doc_init_index(&snapshot);
	add_ecosystems(s, &snapshot, "a", "first");
	add_ecosystems(s, &snapshot, "b", "second");
	c = fix_channel(s, &snapshot, "prod", 1);
	fix_commit(s, &c);
	began = clock();
	tap_good(vl_hall_open(&hall, fix_path("many"), &o, &e), &e, "40000 ecosystems open");
	ms = (clock() - began) / (CLOCKS_PER_SEC / 1000);
	printf("# %ld ms of processor time\n", ms);
	VL_CLEAN(vl_reply) same = ask("/osv/same/all.zip");
	VL_CLEAN(vl_reply) last = ask("/osv/b-19999/all.zip");
	VL_CLEAN(vl_reply) front = ask("/");

	vl_sha256_of(vl_bytes_str("first"), &d);
	tap_ok(same.is_blob && vl_digest_equal(&same.digest, &d), "of two with one name the first item's is offered");
	tap_ok(body_has(&front, "osv/same/all.zip: two layers have this name"), "which the page tells");
	tap_is(last.status, 200, "the last one is there");
	vl_hall_free(hall);
}

int main(void)
{
	open_hall();
	test_table();
	test_long_path();
	test_blobs();
	test_pages_of_names();
	test_directory_pages();
	test_order_in_directory();
	test_filter();
	test_redirects();
	test_front();
	test_style_hash();
	test_hosts();
	test_metrics();
	vl_hall_free(hall);
	test_empty_store();
	test_one_channel();
	test_other_channel();
	test_damaged();
	test_many_ecosystems();
	fix_images_clear(&x);
	fix_done();
	return tap_done();
}
