/* SPDX-License-Identifier: Apache-2.0 */
/* sources/table.c: every kind of upstream, one row each, and the catalogue that `init` offers. */
#include <string.h>

#include "sources/work.h"

static const struct vl_source *const sources[] = { &vl_source_osv, &vl_source_trivy_db, &vl_source_http,
						   &vl_source_dir, &vl_source_image, &vl_source_gitlab_analyzers };

static const struct vl_catalogue_row rows[] = {
	{ "osv", "OSV advisories, one database per ecosystem", "1 to 200 MB each", "every 15 minutes", "osv-scanner",
	  "  - name: osv\n"
	  "    type: osv\n"
	  "    ecosystems: [PyPI, npm, Go]     # as upstream spells them; blanks are fine\n" },
	{ "trivy-db", "Trivy's vulnerability database", "about 110 MB", "every 6 hours", "trivy",
	  "  - name: trivy-db\n"
	  "    type: trivy-db                  # references and media types come with the type\n" },
	{ "http", "one file by its URL", "any", "as you like", "files",
	  "  - name: rules\n"
	  "    type: http\n"
	  "    url: https://rules.example.com/rules.tar.gz\n"
	  "    checksum-url: https://rules.example.com/rules.tar.gz.sha256   # or sha256, or minisign-key\n"
	  "    unpack: true                    # placed as a tree instead of one file\n" },
	{ "dir", "a directory of this host", "any", "as you like", "files",
	  "  - name: docs\n"
	  "    type: dir\n"
	  "    path: ./docs                    # relative to this file\n" },
	{ "image", "container images and other artifacts of registries", "5 MB to 3 GB each", "as you like",
	  "publish, serve, export",
	  "  - name: images\n"
	  "    type: image\n"
	  "    images:\n"
	  "      - alpine:3                    # short names are docker.io's\n"
	  "      - registry.example.com/tools/lint:5\n"
	  "    platforms: [linux/amd64]        # or several, or [all]\n"
	  "    # cosign-key: cosign.pub        # refuse what this key has not signed\n" },
	{ "gitlab-analyzers", "GitLab's scanner images", "100 MB to 2 GB each", "daily", "gitlab",
	  "  - name: analyzers\n"
	  "    type: gitlab-analyzers\n"
	  "    analyzers: [semgrep, secrets, kics]   # or semgrep:6\n" },
};

const struct vl_source *vl_source_find(const char *type)
{
	for (size_t i = 0; i < VL_LEN(sources); i++)
		if (!strcmp(sources[i]->type, type))
			return sources[i];
	return NULL;
}

const struct vl_catalogue_row *vl_sources_catalogue(size_t *n)
{
	*n = VL_LEN(rows);
	return rows;
}
