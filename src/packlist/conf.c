/* SPDX-License-Identifier: Apache-2.0 */
/* packlist/conf.c: valise.conf.
 * In:    $VALISE_CONFIG, or the first of two usual files; none is fine, and so is an empty one.
 * Out:   a vl_conf with every default filled in.
 * Keeps: sizes and durations are written as people write them (8GiB, 6h), so libcyaml leaves them to us. */
#include "packlist/conf.h"

#include <cyaml/cyaml.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "packlist/ref.h"
#include "packlist/yaml.h"

#define TEXT_MAX 4096
#define LIST_MAX 1000
#define OPT CYAML_FLAG_OPTIONAL

static const cyaml_schema_value_t text_entry = { CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, TEXT_MAX) };

static const cyaml_schema_field_t mirror_fields[] = {
	CYAML_FIELD_STRING_PTR("prefix", 0, struct vl_conf_mirror, prefix, 1, TEXT_MAX),
	CYAML_FIELD_SEQUENCE("use", CYAML_FLAG_POINTER, struct vl_conf_mirror, use, &text_entry, 1, LIST_MAX),
	CYAML_FIELD_BOOL("only", OPT, struct vl_conf_mirror, only),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t mirror_schema = { CYAML_VALUE_MAPPING(0, struct vl_conf_mirror, mirror_fields) };

static const cyaml_schema_field_t place_fields[] = {
	CYAML_FIELD_STRING_PTR("consumer", 0, struct vl_conf_place, consumer, 1, TEXT_MAX),
	CYAML_FIELD_STRING_PTR("channel", OPT, struct vl_conf_place, channel, 1, TEXT_MAX),
	CYAML_FIELD_STRING_PTR("item", OPT, struct vl_conf_place, item, 1, TEXT_MAX),
	CYAML_FIELD_STRING_PTR("path", 0, struct vl_conf_place, path, 1, TEXT_MAX),
	CYAML_FIELD_STRING_PTR("owner", OPT, struct vl_conf_place, owner, 1, TEXT_MAX),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t place_schema = { CYAML_VALUE_MAPPING(0, struct vl_conf_place, place_fields) };

static const cyaml_schema_field_t name_fields[] = {
	CYAML_FIELD_STRING_PTR("from", 0, struct vl_conf_name, from, 1, TEXT_MAX),
	CYAML_FIELD_STRING_PTR("to", 0, struct vl_conf_name, to, 0, TEXT_MAX),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t name_schema = { CYAML_VALUE_MAPPING(0, struct vl_conf_name, name_fields) };

static const cyaml_schema_field_t conf_fields[] = {
	CYAML_FIELD_SEQUENCE("mirrors", OPT | CYAML_FLAG_POINTER, struct vl_conf, mirrors, &mirror_schema, 1, LIST_MAX),
	CYAML_FIELD_SEQUENCE("places", OPT | CYAML_FLAG_POINTER, struct vl_conf, places, &place_schema, 1, LIST_MAX),
	CYAML_FIELD_SEQUENCE("names", OPT | CYAML_FLAG_POINTER, struct vl_conf, names, &name_schema, 1, LIST_MAX),
	CYAML_FIELD_STRING_PTR("registry", OPT, struct vl_conf, registry, 1, TEXT_MAX),
	CYAML_FIELD_STRING_PTR("ca-file", OPT, struct vl_conf, ca_file, 1, TEXT_MAX),
	CYAML_FIELD_STRING_PTR("docker-config", OPT, struct vl_conf, docker_config, 1, TEXT_MAX),
	CYAML_FIELD_STRING_PTR("netrc", OPT, struct vl_conf, netrc, 1, TEXT_MAX),
	CYAML_FIELD_STRING_PTR("proxy", OPT, struct vl_conf, proxy, 1, TEXT_MAX),
	CYAML_FIELD_IGNORE("max-download", OPT),
	CYAML_FIELD_UINT("retries", OPT, struct vl_conf, retries),
	CYAML_FIELD_UINT("keep", OPT, struct vl_conf, keep),
	CYAML_FIELD_IGNORE("timeout", OPT),
	CYAML_FIELD_IGNORE("low-speed", OPT),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t conf_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct vl_conf, conf_fields),
};

static bool take_size(const struct vl_yaml *y, const char *key, uint64_t *out, struct vl_err *e)
{
	const char *text = vl_yaml_text(y, key);
	VL_STR shown = text ? vl_safe_text(text, 60) : NULL;

	if (text && (!vl_size_parse(text, out) || *out == 0))
		return vl_yaml_fail(y, e, key, "\"%s\" must be a size such as 8GiB or 700MB, not \"%s\"", key, shown);
	return true;
}

static bool check_mirror(const struct vl_yaml *y, const struct vl_conf_mirror *m, size_t i, struct vl_err *e)
{
	char at[64];

	for (unsigned k = 0; k < m->use_count; k++) {
		const char *scheme = strstr(m->use[k], "://");
		VL_STR shown = vl_safe_text(m->use[k], 100);

		snprintf(at, sizeof at, "mirrors.%zu.use.%u", i, k);
		if (scheme && strncmp(m->use[k], "https://", 8) != 0 && strncmp(m->use[k], "http://", 7) != 0)
			return vl_yaml_fail(y, e, at,
					    "mirror \"%s\" must be http:// or https://, or a registry's host/path",
					    shown);
		if (strstr(m->prefix, "://") && !scheme)
			return vl_yaml_fail(y, e, at,
					    "mirror \"%s\" of a URL must be a URL, too: begin with https:// or http://",
					    shown);
		if (strpbrk(m->use[k], " ?#"))
			return vl_yaml_fail(y, e, at, "mirror \"%s\" must not hold a blank, a query or a fragment",
					    shown);
	}
	return true;
}

static bool check_place(const struct vl_yaml *y, const struct vl_conf_place *p, size_t i, struct vl_err *e)
{
	VL_STR shown = vl_safe_text(p->path, 100);
	char at[64];

	snprintf(at, sizeof at, "places.%zu.path", i);
	if (p->path[0] != '/')
		return vl_yaml_fail(y, e, at, "path \"%s\" must be absolute", shown);
	return true;
}

/* True: every name below b is below a, too. */
static bool covers(const char *a, const char *b)
{
	size_t len = strlen(a);

	return !strncmp(a, b, len) && (b[len] == '\0' || b[len] == '/');
}

/* Rules are tried in order: one that stands behind a wider one would never be heard. */
static bool check_reached(const struct vl_yaml *y, const struct vl_conf *c, size_t i, const char *at, struct vl_err *e)
{
	char other[64];

	for (size_t k = 0; k < i; k++) {
		snprintf(other, sizeof other, "names.%zu", k);
		if (covers(c->names[k].from, c->names[i].from))
			return vl_yaml_fail(y, e, at,
					    "\"%s\" is never reached: \"%s\" in line %u comes first; put the longer "
					    "one above it",
					    c->names[i].from, c->names[k].from, vl_yaml_line(y, other));
	}
	return true;
}

static bool check_map(const struct vl_yaml *y, const struct vl_conf *c, size_t i, struct vl_err *e)
{
	const struct vl_conf_name *n = &c->names[i];
	VL_STR from = vl_safe_text(n->from, 200);
	VL_STR to = vl_safe_text(n->to, 200);
	char at[64];

	snprintf(at, sizeof at, "names.%zu.from", i);
	if (!vl_ref_is_registry(n->from))
		return vl_yaml_fail(y, e, at,
				    "\"from\" must be HOST[:PORT][/NAME], without a tag and a slash at its end, not "
				    "\"%s\"",
				    from);
	if (!check_reached(y, c, i, at, e))
		return false;
	snprintf(at, sizeof at, "names.%zu.to", i);
	if (n->to[0] && !vl_ref_is_path(n->to))
		return vl_yaml_fail(y, e, at,
				    "\"to\" must be a repository's path (a-z 0-9 . _ - /) without a host, or \"\", not "
				    "\"%s\"",
				    to);
	return true;
}

static bool check_registry(const struct vl_yaml *y, const struct vl_conf *c, struct vl_err *e)
{
	VL_STR shown = c->registry ? vl_safe_text(c->registry, 200) : NULL;

	if (!c->registry || vl_ref_is_registry(c->registry))
		return true;
	return vl_yaml_fail(y, e, "registry",
			    "\"registry\" must be HOST[:PORT][/PREFIX] such as registry.corp:5000/scanners, not \"%s\"",
			    shown);
}

static bool check_lists(const struct vl_yaml *y, const struct vl_conf *c, struct vl_err *e)
{
	for (size_t i = 0; i < c->mirrors_count; i++)
		if (!check_mirror(y, &c->mirrors[i], i, e))
			return false;
	for (size_t i = 0; i < c->places_count; i++)
		if (!check_place(y, &c->places[i], i, e))
			return false;
	for (size_t i = 0; i < c->names_count; i++)
		if (!check_map(y, c, i, e))
			return false;
	return check_registry(y, c, e);
}

static bool check_conf(const struct vl_yaml *y, struct vl_conf *c, struct vl_err *e)
{
	const char *timeout = vl_yaml_text(y, "timeout");

	if (!check_lists(y, c, e))
		return false;
	if (timeout && (!vl_duration_parse(timeout, &c->timeout) || c->timeout <= 0)) {
		VL_STR shown = vl_safe_text(timeout, 60);

		return vl_yaml_fail(y, e, "timeout", "\"timeout\" must be a duration such as 6h or 30m, not \"%s\"",
				    shown);
	}
	if (vl_yaml_has(y, "retries") && c->retries == 0)
		return vl_yaml_fail(y, e, "retries", "\"retries\" must be at least 1");
	if (vl_yaml_has(y, "keep") && c->keep == 0)
		return vl_yaml_fail(y, e, "keep", "\"keep\" must be at least 1: the generation in use");
	return take_size(y, "max-download", &c->max_download, e) && take_size(y, "low-speed", &c->low_speed, e);
}

static void set_defaults(struct vl_conf *c, const struct vl_yaml *y)
{
	if (!y || !vl_yaml_has(y, "retries"))
		c->retries = 5;
	if (!y || !vl_yaml_has(y, "keep"))
		c->keep = 2;
	c->max_download = 8ull << 30;
	c->timeout = 6 * 3600;
	c->low_speed = 1024;
}

/* The file that counts; NULL: none, which is also what naming /dev/null says. *named: it must exist. The caller
 * frees. */
static char *conf_path(const char *path, bool *named)
{
	static const char system_wide[] = "/etc/valise/valise.conf";
	const char *env = getenv("VALISE_CONFIG"), *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

	if (!path && env && *env)
		path = env;
	*named = path && strcmp(path, "/dev/null") != 0;
	if (path)
		return *named ? vl_xstrdup(path) : NULL;
	/* There, but not readable, is an error and not "none": it may say which mirrors are the only ones. */
	if (!access(system_wide, F_OK))
		return vl_xstrdup(system_wide);
	if (xdg && *xdg == '/')
		return vl_xprintf("%s/valise/valise.conf", xdg);
	return home && *home ? vl_xprintf("%s/.config/valise/valise.conf", home) : NULL;
}

static bool load(struct vl_conf **out, const struct vl_yaml *y, struct vl_err *e)
{
	VL_AUTO(vl_conf) c = NULL;
	void *data = NULL;

	if (y && !vl_yaml_is_empty(y) && !vl_yaml_fill(y, &conf_schema, &data, e))
		return false;
	/* libcyaml gives NULL when no field of its own was there. */
	c = data ? data : vl_xcalloc(1, sizeof *c);
	set_defaults(c, y);
	if (y && !check_conf(y, c, e))
		return false;
	*out = vl_steal(&c);
	return true;
}

bool vl_conf_load(struct vl_conf **out, const char *path, struct vl_err *e)
{
	VL_AUTO(vl_yaml) y = NULL;
	bool named, absent = true;
	VL_STR file = conf_path(path, &named);

	*out = NULL;
	if (file && !vl_yaml_open(&y, file, VL_E_CONFIG, &absent, e))
		return e->code == VL_E_PERMISSION &&
		       vl_hint(e, "Let this user read it (chmod), or name another with --config.");
	if (absent && named) {
		VL_STR shown = vl_safe_text(file, 200);

		vl_fail(e, VL_E_CONFIG, "there is no file %s", shown);
		return vl_hint(e, "Check --config and $VALISE_CONFIG.");
	}
	return load(out, y, e);
}

void vl_conf_free(struct vl_conf *c)
{
	if (!c)
		return;
	for (unsigned i = 0; i < c->mirrors_count; i++) {
		for (unsigned k = 0; k < c->mirrors[i].use_count; k++)
			free(c->mirrors[i].use[k]);
		free(c->mirrors[i].use);
		free(c->mirrors[i].prefix);
	}
	for (unsigned i = 0; i < c->places_count; i++) {
		char *text[] = { c->places[i].consumer, c->places[i].channel, c->places[i].item, c->places[i].path,
				 c->places[i].owner };

		for (size_t k = 0; k < VL_LEN(text); k++)
			free(text[k]);
	}
	for (unsigned i = 0; i < c->names_count; i++) {
		free(c->names[i].from);
		free(c->names[i].to);
	}
	free(c->mirrors);
	free(c->places);
	free(c->names);
	free(c->registry);
	free(c->ca_file);
	free(c->docker_config);
	free(c->netrc);
	free(c->proxy);
	free(c);
}
