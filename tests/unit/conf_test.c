/* SPDX-License-Identifier: Apache-2.0 */
/* valise.conf: messages and values. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "packlist/conf.h"
#include "tests/lib/tap.h"

static const struct {
	const char *yaml, *error;
} bad[] = {
	{ "mirror: []\n", "c.conf:1:1: unknown key \"mirror\"; did you mean \"mirrors\"?" },
	{ "max_download: 1G\n", "c.conf:1:1: unknown key \"max_download\"; did you mean \"max-download\"?" },
	{ "max-download: lots\n", "c.conf:1:15: \"max-download\" must be a size such as 8GiB or 700MB, not \"lots\"" },
	{ "low-speed: 0\n", "c.conf:1:12: \"low-speed\" must be a size such as 8GiB or 700MB, not \"0\"" },
	{ "timeout: 1\n", "c.conf:1:10: \"timeout\" must be a duration such as 6h or 30m, not \"1\"" },
	{ "retries: -1\n", "c.conf:1:10: \"retries\" must be a whole number up to 999999, not \"-1\"" },
	{ "retries: many\n", "c.conf:1:10: \"retries\" must be a whole number up to 999999, not \"many\"" },
	{ "retries: 0\n", "c.conf:1:10: \"retries\" must be at least 1" },
	{ "keep: 0\n", "c.conf:1:7: \"keep\" must be at least 1: the generation in use" },
	{ "mirrors: []\n", "c.conf:1:10: \"mirrors\" is empty" },
	{ "mirrors:\n  - use: [a.example/x]\n", "c.conf:2:5: \"prefix\" is missing in mirror 1" },
	{ "mirrors:\n  - prefix: ghcr.io\n", "c.conf:2:5: \"use\" is missing in mirror \"ghcr.io\"" },
	{ "mirrors:\n  - {prefix: ghcr.io, use: [a.example/x], olny: true}\n",
	  "c.conf:2:43: unknown key \"olny\" in mirror \"ghcr.io\"; did you mean \"only\"?" },
	{ "mirrors:\n  - {prefix: ghcr.io, use: ['ftp://a/x']}\n",
	  "c.conf:2:29: mirror \"ftp://a/x\" must be http:// or https://, or a registry's host/path" },
	{ "mirrors:\n  - {prefix: 'https://a.example', use: [b.example]}\n",
	  "c.conf:2:41: mirror \"b.example\" of a URL must be a URL, too: begin with https:// or http://" },
	{ "places:\n  - {consumer: trivy, path: rel}\n", "c.conf:2:29: path \"rel\" must be absolute" },
	{ "places:\n  - {consumer: trivy}\n", "c.conf:2:5: \"path\" is missing in place \"trivy\"" },
	{ "names:\n  - {from: r.example/x}\n", "c.conf:2:5: \"to\" is missing in name \"r.example/x\"" },
	{ "names:\n  - {to: x}\n", "c.conf:2:5: \"from\" is missing in name 1" },
	{ "names:\n  - {from: 'https://r.example/x', to: y}\n",
	  "c.conf:2:12: \"from\" must be HOST[:PORT][/NAME], without a tag and a slash at its end, not "
	  "\"https://r.example/x\"" },
	{ "names:\n  - {from: r.example/x/, to: y}\n",
	  "c.conf:2:12: \"from\" must be HOST[:PORT][/NAME], without a tag and a slash at its end, not "
	  "\"r.example/x/\"" },
	{ "names:\n  - {from: r.example/x, to: /y}\n",
	  "c.conf:2:29: \"to\" must be a repository's path (a-z 0-9 . _ - /) without a host, or \"\", not \"/y\"" },
	{ "names:\n  - {from: r.example, to: 'corp:5000/y'}\n",
	  "c.conf:2:27: \"to\" must be a repository's path (a-z 0-9 . _ - /) without a host, or \"\", not "
	  "\"corp:5000/y\"" },
	{ "names:\n  - from: r.example/x\n    to:\n", "c.conf:3:8: \"to\" in name \"r.example/x\" has no value" },
	{ "names:\n  - {from: r.example/x, to: y}\n  - {from: r.example/x/z, to: z}\n",
	  "c.conf:3:12: \"r.example/x/z\" is never reached: \"r.example/x\" in line 2 comes first; put the longer one "
	  "above it" },
	{ "registry: https://registry.corp\n",
	  "c.conf:1:11: \"registry\" must be HOST[:PORT][/PREFIX] such as registry.corp:5000/scanners, not "
	  "\"https://registry.corp\"" },
	{ "registry: ''\n", "c.conf:1:11: \"registry\" has no value" },
	{ "ca-file: [a]\n", "c.conf:1:10: \"ca-file\" must be a single value, not a list" },
};

static bool load(struct vl_conf **c, const char *yaml, struct vl_err *e)
{
	return vl_save_file(AT_FDCWD, "c.conf", 0600, vl_bytes_str(yaml), e) && vl_conf_load(c, "c.conf", e);
}

static void test_defaults(const char *what, const char *yaml)
{
	struct vl_err e = VL_ERR_INIT;
	VL_AUTO(vl_conf) c = NULL;

	tap_good(load(&c, yaml, &e), &e, "%s loads", what);
	tap_ok(c && c->retries == 5 && c->keep == 2 && c->timeout == 21600 && c->low_speed == 1024 &&
		       c->max_download == 8ull << 30 && !c->ca_file && !c->mirrors_count && !c->places_count,
	       "%s: defaults", what);
}

static void test_good(void)
{
	struct vl_err e = VL_ERR_INIT;
	VL_AUTO(vl_conf) c = NULL;

	tap_good(load(&c,
		      "mirrors:\n  - prefix: ghcr.io/aquasecurity\n"
		      "    use: [registry.corp:5000/ghcr, 'http://10.0.0.1/x']\n"
		      "  - prefix: https://osv.example\n    use: [http://mirror.corp/osv]\n    only: true\n"
		      "places:\n  - consumer: trivy\n    path: /home/u/.cache/trivy\n    owner: u\n    channel: prod\n"
		      "ca-file: /etc/ca.pem\nmax-download: 2GiB\nretries: 1\nkeep: 3\ntimeout: 90m\nlow-speed: 10kB\n"
		      "names:\n  - from: r.example/x/y\n    to: z/y\n  - {from: r.example/x, to: ''}\n"
		      "  - {from: r.example, to: all}\nregistry: registry.corp:5000/scanners\n"
		      "proxy: http://p:3128\nnetrc: /n\ndocker-config: /d\n",
		      &e),
		 &e, "a full file loads");
	if (!c)
		return;
	tap_ok(c->mirrors_count == 2 && c->mirrors[0].use_count == 2 && !c->mirrors[0].only && c->mirrors[1].only,
	       "mirrors");
	tap_str(c->mirrors[0].use[1], "http://10.0.0.1/x", "second use");
	tap_ok(c->places_count == 1 && !c->places[0].item && !strcmp(c->places[0].owner, "u"), "places");
	tap_ok(c->max_download == 2ull << 30 && c->retries == 1 && c->keep == 3 && c->timeout == 5400, "numbers");
	tap_is(c->low_speed, 10000, "low-speed");
	tap_is(c->names_count, 3, "names");
	tap_str(c->names[0].to, "z/y", "the first");
	tap_str(c->names[1].to, "", "an empty one");
	tap_str(c->registry, "registry.corp:5000/scanners", "registry");
	tap_str(c->docker_config, "/d", "docker-config");
}

static void test_search(void)
{
	struct vl_err e = VL_ERR_INIT;
	struct vl_conf *c = NULL;

	setenv("VALISE_CONFIG", "nowhere.conf", 1);
	tap_fails(vl_conf_load(&c, NULL, &e), &e, VL_E_CONFIG, "a named file must exist");
	setenv("VALISE_CONFIG", "c.conf", 1);
	tap_good(load(&c, "retries: 7\n", &e), &e, "a file by its path");
	vl_conf_free(c);
	tap_good(vl_conf_load(&c, NULL, &e), &e, "a file by $VALISE_CONFIG");
	tap_is(c ? c->retries : 0, 7, "its value");
	vl_conf_free(c);
}

static void test_example(const char *srcdir)
{
	struct vl_err e = VL_ERR_INIT;
	VL_AUTO(vl_conf) c = NULL;
	VL_STR path = vl_xprintf("%s/examples/valise.conf", srcdir ? srcdir : ".");

	tap_good(vl_conf_load(&c, path, &e), &e, "examples/valise.conf");
	tap_is(c ? c->places_count : 0, 3, "has three places");
	tap_is(c ? c->names_count : 0, 2, "and two names");
	tap_str(c ? c->registry : NULL, "registry.corp.example:5000/scanners", "and a registry");
}

int main(void)
{
	char dir[] = "/tmp/conf-test.XXXXXX";
	struct vl_err e = VL_ERR_INIT;

	test_example(getenv("srcdir"));
	if (!mkdtemp(dir) || chdir(dir))
		return 1;
	for (size_t i = 0; i < VL_LEN(bad); i++) {
		VL_AUTO(vl_conf) c = NULL;

		tap_fails(load(&c, bad[i].yaml, &e), &e, VL_E_CONFIG, "row %zu is refused", i);
		tap_str(e.msg, bad[i].error, "row %zu: %s", i, bad[i].error);
	}
	test_defaults("an empty file", "");
	test_defaults("a comment", "# nothing yet\n");
	test_defaults("an empty document", "---\n");
	test_good();
	test_search();
	if (chdir("/") || !vl_remove_tree(AT_FDCWD, dir, &e))
		printf("# %s stays\n", dir);
	return tap_done();
}
