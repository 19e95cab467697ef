/* SPDX-License-Identifier: Apache-2.0 */
/* The packing list: every row is a YAML text and the exact message it earns, or the value it gives. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "packlist/packlist.h"
#include "tests/lib/tap.h"

#define OSV "  - {name: osv, type: osv, ecosystems: [npm]}\n"
#define LIST(items) "channel: prod\nitems:\n" items
#define HTTP(more) LIST("  - name: f\n    type: http\n    url: https://x.example/f.tgz\n" more)
#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct {
	const char *yaml, *error;
} bad[] = {
	{ "", "valise.yaml:1:1: the packing list is empty" },
	{ "# nothing\n", "valise.yaml:1:1: the packing list is empty" },
	{ "just words\n", "valise.yaml:1:1: expected \"key: value\" lines" },
	{ "- channel: prod\n", "valise.yaml:1:1: expected \"key: value\" lines" },
	{ "items:\n" OSV, "valise.yaml:1:1: \"channel\" is missing" },
	{ "channel: prod\n", "valise.yaml:1:1: \"items\" is missing" },
	{ "chanel: prod\nitems:\n" OSV, "valise.yaml:1:1: unknown key \"chanel\"; did you mean \"channel\"?" },
	{ "channel: prod\nfoo: 1\nitems:\n" OSV,
	 "valise.yaml:2:1: unknown key \"foo\"; known keys: channel, expires, items" },
	{ "channel: prod\nchannel: test\nitems:\n" OSV,
	 "valise.yaml:2:1: key \"channel\" is here twice; first in line 1" },
	{ "Channel: prod\nitems:\n" OSV, "valise.yaml:1:1: unknown key \"Channel\"; did you mean \"channel\"?" },
	{ "channel: Prod\nitems:\n" OSV, "valise.yaml:1:10: channel \"Prod\" is not valid: 1 to 64 of a-z 0-9 - _ . "
					  "beginning with a letter or digit" },
	{ "channel:\nitems:\n" OSV, "valise.yaml:1:9: \"channel\" has no value" },
	{ "channel: ~\nitems:\n" OSV, "valise.yaml:1:10: \"channel\" has no value" },
	{ "channel: [a]\nitems:\n" OSV, "valise.yaml:1:10: \"channel\" must be a single value, not a list" },
	{ "channel: {a: b}\nitems:\n" OSV, "valise.yaml:1:10: \"channel\" must be a single value, not a mapping" },
	{ "channel: \"a\\x01b\"\nitems:\n" OSV, "valise.yaml:1:10: \"channel\" holds a control character" },
	{ "channel: \"a\\0b\"\nitems:\n" OSV, "valise.yaml:1:10: \"channel\" holds a control character" },
	{ "channel: prod\nexpires: soon\nitems:\n" OSV,
	  "valise.yaml:2:10: \"expires\" must be a duration such as 14d, 36h or 2w, not \"soon\"" },
	{ "channel: prod\nexpires: 0d\nitems:\n" OSV,
	  "valise.yaml:2:10: \"expires\" must be a duration such as 14d, 36h or 2w, not \"0d\"" },
	{ "channel: prod\nexpires: [1d]\nitems:\n" OSV,
	 "valise.yaml:2:10: \"expires\" must be a single value, not a list" },
	{ "channel: prod\nitems: []\n", "valise.yaml:2:8: \"items\" is empty" },
	{ "channel: prod\nitems: osv\n",
	 "valise.yaml:2:8: \"items\" must be a list of records that begin with \"- \"" },
	{ "channel: prod\nitems: [osv]\n", "valise.yaml:2:9: expected \"key: value\" lines in item 1" },
	{ "channel: prod\nitems:\n" OSV "---\nchannel: x\n",
	  "valise.yaml:4:1: a second document begins here; only one belongs in this file" },
	{ "channel: prod\nitems:\n  - &a {name: osv, type: osv, ecosystems: [npm]}\n  - *a\n",
	  "valise.yaml:4:5: an alias (*) is used here; write it out" },
	{ "channel: prod\nitems:\n\t- x\n",
	 "valise.yaml:3:1: found character that cannot start any token (while scanning for "
					      "the next token from line 3)" },
	{ "channel: prod\nitems: [\n",
	 "valise.yaml:3:1: did not find expected node content (while parsing a flow node from "
					 "line 3)" },
	{ "channel: prod\n? [a]\n: b\n", "valise.yaml:2:3: a key is not a plain word" },
	{ LIST("  - {type: osv, ecosystems: [npm]}\n"), "valise.yaml:3:5: \"name\" is missing in item 1" },
	{ LIST("  - {name: osv, ecosystems: [npm]}\n"), "valise.yaml:3:5: \"type\" is missing in item \"osv\"" },
	{ LIST("  - name: osv\n    type: osv\n    ecosystem: [npm]\n"),
	  "valise.yaml:5:5: unknown key \"ecosystem\" in item \"osv\"; did you mean \"ecosystems\"?" },
	{ LIST(OSV "  - {name: osv, type: dir, path: x}\n"),
	  "valise.yaml:4:12: two items are called \"osv\"; the first is in line 3" },
	{ LIST("  - {name: ../x, type: dir, path: x}\n"),
	  "valise.yaml:3:12: name \"../x\" is not valid: 1 to 64 of a-z 0-9 - _ . beginning with a letter or digit" },
	{ LIST("  - {name: a, type: ovs, ecosystems: [npm]}\n"),
	  "valise.yaml:3:21: unknown type \"ovs\" in item \"a\"; did you mean \"osv\"?" },
	{ LIST("  - {name: a, type: hovercraft}\n"),
	 "valise.yaml:3:21: unknown type \"hovercraft\" in item \"a\"; known types: "
						      "osv, trivy-db, http, dir, image, gitlab-analyzers" },
	{ LIST("  - {name: a, type: dir, path: x, url: https://x.example/}\n"),
	  "valise.yaml:3:35: \"url\" does not belong to type dir (item \"a\")" },
	{ LIST("  - {name: a, type: dir, path: x, exact: true}\n"),
	  "valise.yaml:3:35: \"exact\" does not belong to type dir (item \"a\")" },
	{ LIST("  - {name: a, type: dir}\n"), "valise.yaml:3:5: item \"a\" of type dir needs \"path\"" },
	{ LIST("  - {name: a, type: osv}\n"), "valise.yaml:3:5: item \"a\" of type osv needs \"ecosystems\"" },
	{ LIST("  - {name: a, type: http}\n"), "valise.yaml:3:5: item \"a\" of type http needs \"url\"" },
	{ LIST("  - {name: a, type: osv, ecosystems: []}\n"),
	 "valise.yaml:3:38: \"ecosystems\" in item \"a\" is empty" },
	{ LIST("  - {name: a, type: osv, ecosystems: npm}\n"),
	  "valise.yaml:3:38: \"ecosystems\" in item \"a\" must be a list: [A, B]" },
	{ LIST("  - {name: a, type: osv, ecosystems: [npm, \"\"]}\n"),
	  "valise.yaml:3:44: \"ecosystems\" in item \"a\" has no value" },
	{ LIST("  - {name: a, type: osv, ecosystems: [npm, [x]]}\n"),
	  "valise.yaml:3:44: \"ecosystems\" in item \"a\" must be a single value, not a list" },
	{ LIST("  - {name: a, type: osv, ecosystems: [\"Alpine:v3.17\"]}\n"),
	  "valise.yaml:3:39: ecosystem \"Alpine:v3.17\": use the part before the colon, \"Alpine\"" },
	{ LIST("  - {name: a, type: osv, ecosystems: [a/b]}\n"),
	 "valise.yaml:3:39: \"a/b\" cannot be the name of an ecosystem" },
	{ LIST("  - {name: a, type: osv, ecosystems: [..]}\n"),
	 "valise.yaml:3:39: \"..\" cannot be the name of an ecosystem" },
	{ LIST("  - {name: a, type: osv, ecosystems: [Go, Go]}\n"),
	  "valise.yaml:3:43: ecosystem \"Go\" is already in item \"a\"" },
	{ LIST(OSV "  - {name: b, type: osv, ecosystems: [Go, npm]}\n"),
	  "valise.yaml:4:43: ecosystem \"npm\" is already in item \"osv\"" },
	{ LIST("  - {name: a, type: osv, ecosystems: [Go], url: ftp://x/}\n"),
	  "valise.yaml:3:49: \"url\" in item \"a\" must begin with https:// or http://, not \"ftp://x/\"" },
	{ LIST("  - {name: a, type: trivy-db}\n  - {name: b, type: trivy-db}\n"),
	  "valise.yaml:4:5: a second item of type trivy-db; the first is \"a\" in line 3" },
	{ LIST("  - {name: a, type: trivy-db, references: [\"https://ghcr.io/a/b:2\"]}\n"),
	  "valise.yaml:3:44: reference \"https://ghcr.io/a/b:2\" is a URL; write it without the scheme" },
	{ LIST("  - {name: a, type: trivy-db, references: [trivy-db]}\n"),
	  "valise.yaml:3:44: reference \"trivy-db\" is not a reference: expected HOST[:PORT]/NAME[:TAG][@DIGEST]" },
	{ HTTP("    unpack: maybe\n"),
	 "valise.yaml:6:13: \"unpack\" in item \"f\" must be true or false, not \"maybe\"" },
	{ HTTP("    unpack: yes\n"), "valise.yaml:6:13: \"unpack\" in item \"f\" must be true or false, not \"yes\"" },
	{ HTTP("    sha256: abc\n"),
	  "valise.yaml:6:13: \"sha256\" in item \"f\" must be 64 hexadecimal digits; it has 3 characters" },
	{ HTTP("    sha256: " HEX64 "\n    checksum-url: https://x.example/s\n"),
	  "valise.yaml:7:19: \"sha256\" and \"checksum-url\" in item \"f\" exclude each other" },
	{ HTTP("    sha256: " HEX64 "\n    minisign-key: k.pub\n"),
	  "valise.yaml:7:19: \"sha256\" and \"minisign-key\" in item \"f\" exclude each other" },
	{ HTTP("    signature-url: https://x.example/s\n"),
	  "valise.yaml:6:20: \"signature-url\" in item \"f\" needs \"minisign-key\"" },
	{ HTTP("    shaa256: x\n"),
	 "valise.yaml:6:5: unknown key \"shaa256\" in item \"f\"; did you mean \"sha256\"?" },
	{ LIST("  - {name: f, type: http, url: \"https://x.example/a b\"}\n"),
	  "valise.yaml:3:32: \"url\" in item \"f\" holds a blank or another character that URLs must encode" },
	{ HTTP("  - {name: g, type: http, url: https://x.example/f.tgz}\n"),
	  "valise.yaml:6:32: the url of item \"g\" is already in item \"f\"" },
	{ LIST("  - {name: f, type: http, url: \"https:///a\"}\n"),
	  "valise.yaml:3:32: \"url\" in item \"f\" must begin with https:// or http://, not \"https:///a\"" },
	{ LIST("  - {name: f, type: http, url: \"https://x.example/a?b=1\", minisign-key: k.pub}\n"),
	  "valise.yaml:3:73: item \"f\" needs \"signature-url\", because its url has a query" },
};

#define IMAGE(more) LIST("  - name: base\n    type: image\n" more)
#define GITLAB(more) LIST("  - name: gl\n    type: gitlab-analyzers\n" more)
#define KNOWN                                                                                                          \
	"semgrep:6, gitlab-advanced-sast:2, secrets:7, container-scanning:8, container-scanning/trivy:8, "             \
	"dependency-scanning:1, gemnasium:6, gemnasium-maven:6, gemnasium-python:6, kics:6, dast:6, kubesec:6, "       \
	"pmd-apex:6, sobelow:6, spotbugs:5"

static const struct {
	const char *yaml, *error, *hint;
} bad_images[] = {
	{ IMAGE("    platforms: [all]\n"), "valise.yaml:3:5: item \"base\" of type image needs \"images\"", NULL },
	{ IMAGE("    images: []\n"), "valise.yaml:5:13: \"images\" in item \"base\" is empty", NULL },
	{ IMAGE("    images: alpine:3\n"),
	  "valise.yaml:5:13: \"images\" in item \"base\" must be a list: [A, B]", NULL },
	{ IMAGE("    image: [alpine:3]\n"),
	  "valise.yaml:5:5: unknown key \"image\" in item \"base\"; did you mean \"images\"?", NULL },
	{ IMAGE("    images: [alpine:3]\n    references: [x]\n"),
	  "valise.yaml:6:5: \"references\" does not belong to type image (item \"base\")", NULL },
	{ IMAGE("    images: [alpine]\n"), "valise.yaml:5:14: image \"alpine\" has neither a tag nor a digest",
	  "Add one; if the newest is meant, write \"alpine:latest\"." },
	{ IMAGE("    images:\n      - grafana/grafana:11\n      - r.example:5000/a/b\n"),
	  "valise.yaml:7:9: image \"r.example:5000/a/b\" has neither a tag nor a digest",
	  "Add one; if the newest is meant, write \"r.example:5000/a/b:latest\"." },
	{ IMAGE("    images: ['https://r.example/a:1']\n"),
	  "valise.yaml:5:14: image \"https://r.example/a:1\" is a URL; write it without the scheme", NULL },
	{ IMAGE("    images: ['Alpine:3']\n"),
	  "valise.yaml:5:14: image \"docker.io/library/Alpine:3\": \"library/Alpine\" is not a name in a registry "
	  "(a-z 0-9 . _ - /)", NULL },
	{ IMAGE("    images: ['a b:3']\n"),
	  "valise.yaml:5:14: image \"docker.io/library/a b:3\": \"library/a b\" is not a name in a registry "
	  "(a-z 0-9 . _ - /)", NULL },
	{ IMAGE("    images: ['alpine:']\n"),
	  "valise.yaml:5:14: image \"docker.io/library/alpine:\" has a malformed tag", NULL },
	{ IMAGE("    images: ['alpine@sha256:12']\n"),
	  "valise.yaml:5:14: image \"docker.io/library/alpine@sha256:12\": the digest must be sha256: and 64 "
	  "hexadecimal digits", NULL },
	{ IMAGE("    images: [alpine:3, 'docker.io/library/alpine:3']\n"),
	  "valise.yaml:5:24: image \"docker.io/library/alpine:3\" is already in item \"base\", further up", NULL },
	{ IMAGE("    images: [alpine:3, 'alpine:3@sha256:" HEX64 "']\n"),
	  "valise.yaml:5:24: image \"docker.io/library/alpine:3\" is already in item \"base\", further up", NULL },
	{ IMAGE("    images: [alpine:3]\n  - {name: more, type: image, images: [alpine:3], platforms: [all]}\n"),
	  "valise.yaml:6:40: image \"docker.io/library/alpine:3\" is already in item \"base\"", NULL },
	{ IMAGE("    images: [a:1]\n    platforms: []\n"),
	  "valise.yaml:6:16: \"platforms\" in item \"base\" is empty", NULL },
	{ IMAGE("    images: [a:1]\n    platforms: [amd64]\n"),
	  "valise.yaml:6:17: platform \"amd64\" must be OS/ARCH or OS/ARCH/VARIANT such as linux/amd64 or linux/arm64, "
	  "or the word all", NULL },
	{ IMAGE("    images: [a:1]\n    platforms: [linux/amd64, linux/x86_64]\n"),
	  "valise.yaml:6:30: platform \"linux/x86_64\" is called \"linux/amd64\" in registries", NULL },
	{ IMAGE("    images: [a:1]\n    platforms: [aarch64]\n"),
	  "valise.yaml:6:17: platform \"aarch64\" is called \"linux/arm64\" in registries", NULL },
	{ IMAGE("    images: [a:1]\n    platforms: [windows/x86_64]\n"),
	  "valise.yaml:6:17: platform \"windows/x86_64\" is called \"windows/amd64\" in registries", NULL },
	{ IMAGE("    images: [a:1]\n    platforms: [linux/arm/v7/x]\n"),
	  "valise.yaml:6:17: platform \"linux/arm/v7/x\" must be OS/ARCH or OS/ARCH/VARIANT such as linux/amd64 or "
	  "linux/arm64, or the word all", NULL },
	{ IMAGE("    images: [a:1]\n    platforms: [linux/, linux/amd64]\n"),
	  "valise.yaml:6:17: platform \"linux/\" must be OS/ARCH or OS/ARCH/VARIANT such as linux/amd64 or "
	  "linux/arm64, or the word all", NULL },
	{ IMAGE("    images: [a:1]\n    platforms: [linux/amd64, all]\n"),
	  "valise.yaml:6:30: platform \"all\" in item \"base\" stands alone: leave the others out", NULL },
	{ IMAGE("    images: [a:1]\n    platforms: [linux/amd64, linux/amd64]\n"),
	  "valise.yaml:6:30: platform \"linux/amd64\" is here twice", NULL },
	{ IMAGE("    images: [a:1]\n    referrers: no\n"),
	  "valise.yaml:6:16: \"referrers\" in item \"base\" must be true or false, not \"no\"", NULL },
	{ IMAGE("    images: [a:1]\n    cosign-key: k.pub\n    referrers: false\n"),
	  "valise.yaml:7:16: \"referrers: false\" and \"cosign-key\" in item \"base\" exclude each other: the "
	  "signatures that are verified are carried, too", NULL },
	{ GITLAB("    referrers: true\n"), "valise.yaml:3:5: item \"gl\" names no analyzers",
	  "The usual ones: analyzers: [semgrep, secrets, container-scanning]. All: " KNOWN "." },
	{ GITLAB("    analyzers: []\n"), "valise.yaml:5:16: item \"gl\" names no analyzers",
	  "The usual ones: analyzers: [semgrep, secrets, container-scanning]. All: " KNOWN "." },
	{ GITLAB("    analyzers: [semgrep, sempgrep]\n"),
	  "valise.yaml:5:26: unknown analyzer \"sempgrep\" in item \"gl\"; did you mean \"semgrep\"?",
	  "Known: " KNOWN ". Others need their major: \"sempgrep:1\"." },
	{ GITLAB("    analyzers: [api-security]\n"),
	  "valise.yaml:5:17: unknown analyzer \"api-security\" in item \"gl\"",
	  "Known: " KNOWN ". Others need their major: \"api-security:1\"." },
	{ GITLAB("    analyzers: ['semgrep:latest']\n"),
	  "valise.yaml:5:17: analyzer \"semgrep:latest\" must be NAME, NAME:MAJOR or NAME:MAJOR-fips",
	  "GitLab refreshes every major under its number: write the major, and valise records the digest beside it." },
	{ GITLAB("    analyzers: ['semgrep:']\n"),
	  "valise.yaml:5:17: analyzer \"semgrep:\" must be NAME, NAME:MAJOR or NAME:MAJOR-fips",
	  "GitLab refreshes every major under its number: write the major, and valise records the digest beside it." },
	{ GITLAB("    analyzers: ['Own Thing:1']\n"),
	  "valise.yaml:5:17: image \"registry.gitlab.com/security-products/Own Thing:1\": \"security-products/Own "
	  "Thing\" "
	  "is not a name in a registry (a-z 0-9 . _ - /)", NULL },
	{ GITLAB("    analyzers: [semgrep, 'semgrep:6']\n"),
	  "valise.yaml:5:26: image \"registry.gitlab.com/security-products/semgrep:6\" is already in item \"gl\", "
	  "further up",
	  NULL },
	{ GITLAB("    analyzers: [semgrep]\n    registry: https://gitlab.corp/x\n"),
	  "valise.yaml:6:15: \"registry\" in item \"gl\" must be HOST[:PORT][/PREFIX] such as "
	  "registry.gitlab.com/security-products, not \"https://gitlab.corp/x\"", NULL },
	{ GITLAB("    analyzers: [semgrep]\n    registry: gitlab.corp/x/\n"),
	  "valise.yaml:6:15: \"registry\" in item \"gl\" must be HOST[:PORT][/PREFIX] such as "
	  "registry.gitlab.com/security-products, not \"gitlab.corp/x/\"", NULL },
	{ GITLAB("    analyzers: [semgrep]\n    registry: corp\n"),
	  "valise.yaml:5:17: image \"corp/semgrep:6\" does not begin with a registry's host name", NULL },
	{ GITLAB("    analyzers: [semgrep]\n    images: [a:1]\n"),
	  "valise.yaml:6:5: \"images\" does not belong to type gitlab-analyzers (item \"gl\")", NULL },
};

static bool load(struct vl_packlist **p, const char *yaml, struct vl_err *e)
{
	return vl_save_file(AT_FDCWD, "valise.yaml", 0600, vl_bytes_str(yaml), e) && vl_packlist_load(p, "valise.yaml",
												      e);
}

static void test_bad(void)
{
	for (size_t i = 0; i < VL_LEN(bad); i++) {
		struct vl_err e = VL_ERR_INIT;
		VL_AUTO(vl_packlist) p = NULL;

		tap_fails(load(&p, bad[i].yaml, &e), &e, VL_E_PACKLIST, "row %zu is refused", i);
		tap_str(e.msg, bad[i].error, "row %zu: %s", i, bad[i].error);
	}
}

static void test_bad_images(void)
{
	for (size_t i = 0; i < VL_LEN(bad_images); i++) {
		struct vl_err e = VL_ERR_INIT;
		VL_AUTO(vl_packlist) p = NULL;

		tap_fails(load(&p, bad_images[i].yaml, &e), &e, VL_E_PACKLIST, "images row %zu is refused", i);
		tap_str(e.msg, bad_images[i].error, "images row %zu: %s", i, bad_images[i].error);
		if (bad_images[i].hint)
			tap_str(e.hint, bad_images[i].hint, "images row %zu says what to do", i);
	}
}

/* What is written, and what it stands for. */
static const char *const names[][2] = {
	{ "alpine:3", "docker.io/library/alpine:3" },
	{ "grafana/grafana:11.1", "docker.io/grafana/grafana:11.1" },
	{ "docker.io/alpine:3.20", "docker.io/library/alpine:3.20" },
	{ "index.docker.io/library/busybox:1", "docker.io/library/busybox:1" },
	{ "alpine@sha256:" HEX64, "docker.io/library/alpine@sha256:" HEX64 },
	{ "alpine:4@sha256:" HEX64, "docker.io/library/alpine:4@sha256:" HEX64 },
	{ "localhost/a:1", "localhost/a:1" },
	{ "registry:5000/a/b:1", "registry:5000/a/b:1" },
	{ "127.0.0.1:5000/a:2", "127.0.0.1:5000/a:2" },
	{ "[::1]:5000/a:2", "[::1]:5000/a:2" },
	{ "ghcr.io/a/b/c:latest", "ghcr.io/a/b/c:latest" },
};

static void test_image_names(void)
{
	struct vl_err e = VL_ERR_INIT;
	VL_AUTO(vl_packlist) p = NULL;
	VL_CLEAN(vl_buf) text = VL_BUF_INIT(1 << 16);
	bool good = vl_buf_addf(&text, &e, "channel: prod\nitems:\n  - name: base\n    type: image\n    images:\n");

	for (size_t i = 0; i < VL_LEN(names); i++)
		good = good && vl_buf_addf(&text, &e, "      - '%s'\n", names[i][0]);
	tap_good(good && load(&p, vl_buf_str(&text), &e), &e, "a list of images loads");
	if (!p)
		return;
	tap_is(p->items[0].images_count, VL_LEN(names), "all are there");
	for (size_t i = 0; i < VL_LEN(names); i++)
		tap_str(p->items[0].images[i], names[i][1], "%s", names[i][0]);
	tap_ok(p->items[0].platforms_count == 1 && p->items[0].referrers && !p->items[0].cosign_key, "defaults");
	tap_str(p->items[0].platforms[0], "linux/amd64", "platform");
}

static void test_analyzers(void)
{
	struct vl_err e = VL_ERR_INIT;
	VL_AUTO(vl_packlist) p = NULL;
	const struct vl_item *it;

	tap_good(load(&p,
		      GITLAB("    analyzers: [semgrep, 'semgrep:6-fips', container-scanning/trivy, 'own:2.1.3']\n"
			     "    platforms: [linux/amd64, linux/arm/v7]\n    referrers: false\n"
			     "  - {name: g2, type: gitlab-analyzers, analyzers: [secrets], registry: 'gl.corp:5050', "
			     "platforms: [all], cosign-key: k.pub}\n"),
		      &e),
		 &e, "analyzers load");
	if (!p)
		return;
	it = &p->items[0];
	tap_is(it->images_count, 4, "four images");
	tap_str(it->images[0], "registry.gitlab.com/security-products/semgrep:6", "the usual major");
	tap_str(it->images[1], "registry.gitlab.com/security-products/semgrep:6-fips", "the FIPS variant");
	tap_str(it->images[2], "registry.gitlab.com/security-products/container-scanning/trivy:8",
		"a name of two steps");
	tap_str(it->images[3], "registry.gitlab.com/security-products/own:2.1.3", "an unknown one with its version");
	tap_ok(it->platforms_count == 2 && !it->referrers, "platforms and no referrers");
	it = &p->items[1];
	tap_str(it->images[0], "gl.corp:5050/secrets:7", "another registry");
	tap_str(it->platforms[0], "all", "all platforms");
	tap_ok(it->referrers, "referrers by default");
	tap_str(it->cosign_key, "k.pub", "cosign-key as written");
}

static void test_good(void)
{
	struct vl_err e = VL_ERR_INIT;
	VL_AUTO(vl_packlist) p = NULL;
	const struct vl_item *it;

	tap_good(load(&p,
		      "# comment\nchannel: prod\nexpires: 2w\nitems:\n  - name: osv\n    type: osv\n"
		      "    ecosystems: [npm, 'GitHub Actions']\n    exact: true\n"
		      "  - {name: db, type: trivy-db, references: ['127.0.0.1:5000/aquasec/trivy-db:2']}\n"
		      "  - {name: f, type: http, url: https://x.example/f.tgz, minisign-key: k.pub, unpack: true}\n"
		      "  - {name: g, type: http, url: https://x.example/g, sha256: "
		      "0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef}\n"
		      "  - {name: d, type: dir, path: ./docs}\n",
		      &e),
		 &e, "a full list loads");
	if (!p)
		return;
	tap_str(p->channel, "prod", "channel");
	tap_str(p->dir, ".", "dir");
	tap_str(p->file, "valise.yaml", "file");
	tap_is(p->expires, 14 * 86400, "expires");
	tap_is(p->items_count, 5, "items");
	it = vl_packlist_find(p, "osv");
	tap_ok(it && it->exact && it->ecosystems_count == 2 && it->line == 5, "osv item");
	tap_str(it ? it->ecosystems[1] : NULL, "GitHub Actions", "ecosystem with a blank");
	it = vl_packlist_find(p, "db");
	tap_ok(it && it->references_count == 1 && !it->exact && !it->ecosystems, "trivy-db item");
	it = vl_packlist_find(p, "f");
	tap_str(it ? it->signature_url : NULL, "https://x.example/f.tgz.minisig", "signature-url is made from url");
	tap_ok(it && it->unpack && !it->sha256, "http item");
	it = vl_packlist_find(p, "g");
	tap_str(it ? it->sha256 : NULL, HEX64, "sha256 in lower case");
	it = vl_packlist_find(p, "d");
	tap_str(it ? it->path : NULL, "./docs", "path");
	tap_ok(!vl_packlist_find(p, "nope"), "an unknown item");
}

static void test_files(void)
{
	struct vl_err e = VL_ERR_INIT;
	VL_AUTO(vl_packlist) p = NULL;
	VL_CLEAN(vl_buf) big = VL_BUF_INIT(4 << 20);
	uint8_t *at;

	tap_fails(vl_packlist_load(&p, "absent.yaml", &e), &e, VL_E_ABSENT, "no file");
	tap_fails(vl_packlist_load(&p, "/", &e), &e, VL_E_PACKLIST, "a directory");
	if (vl_buf_room(&big, (1 << 20) + 1, &at, &e)) {
		memset(at, '#', (1 << 20) + 1);
		big.len = (1 << 20) + 1;
	}
	tap_good(vl_save_file(AT_FDCWD, "big.yaml", 0600, vl_buf_bytes(&big), &e), &e, "a file above 1 MiB");
	tap_fails(vl_packlist_load(&p, "big.yaml", &e), &e, VL_E_LIMIT, "is refused");
	memset(at, '[', 1 << 20);
	big.len = 1 << 20;
	tap_good(vl_save_file(AT_FDCWD, "big.yaml", 0600, vl_buf_bytes(&big), &e), &e, "a million brackets");
	tap_fails(vl_packlist_load(&p, "big.yaml", &e), &e, VL_E_PACKLIST, "are refused");
	tap_good(load(&p, LIST(OSV), &e), &e, "the smallest list");
	tap_is(p ? p->expires : 0, 14 * 86400, "has 14 days");
	vl_packlist_free(p);
	tap_ok(symlink("valise.yaml", "link.yaml") == 0 && vl_packlist_load(&p, "./link.yaml", &e), "through a link");
}

static void test_example(const char *srcdir)
{
	struct vl_err e = VL_ERR_INIT;
	VL_AUTO(vl_packlist) p = NULL;
	VL_STR path = vl_xprintf("%s/examples/valise.yaml", srcdir ? srcdir : ".");

	tap_good(vl_packlist_load(&p, path, &e), &e, "examples/valise.yaml");
	tap_is(p ? p->items_count : 0, 6, "has six items");
}

int main(void)
{
	char dir[] = "/tmp/packlist-test.XXXXXX";
	struct vl_err e = VL_ERR_INIT;

	test_example(getenv("srcdir"));
	if (!mkdtemp(dir) || chdir(dir))
		return 1;
	test_bad();
	test_bad_images();
	test_image_names();
	test_analyzers();
	test_good();
	test_files();
	if (chdir("/") || !vl_remove_tree(AT_FDCWD, dir, &e))
		printf("# %s stays\n", dir);
	return tap_done();
}
