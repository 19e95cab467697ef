/* SPDX-License-Identifier: Apache-2.0 */
/* packlist/packlist.c: the packing list.
 * In:    valise.yaml.
 * Out:   a vl_packlist in which every item has what its type needs and nothing else, defaults filled in.
 * Keeps: whatever can be seen to be wrong without the network is said here, with line and column, before anything is
 *        fetched. */
#include "packlist/packlist_priv.h"

#include <cyaml/cyaml.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "packlist/ref.h"

#define TEXT_MAX 4096
#define ITEMS_MAX 1000
#define LIST_MAX 1000
#define EXPIRES_DEFAULT (14 * 86400)
#define EXPIRES_MAX (3660LL * 86400)
#define OPT CYAML_FLAG_OPTIONAL

static const cyaml_schema_value_t text_entry = { CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, TEXT_MAX) };

static const cyaml_schema_field_t item_fields[] = {
	CYAML_FIELD_STRING_PTR("name", 0, struct vl_item, name, 1, TEXT_MAX),
	CYAML_FIELD_STRING_PTR("type", 0, struct vl_item, type, 1, TEXT_MAX),
	CYAML_FIELD_BOOL("exact", OPT, struct vl_item, exact),
	CYAML_FIELD_SEQUENCE("ecosystems", OPT | CYAML_FLAG_POINTER, struct vl_item, ecosystems, &text_entry, 1,
			     LIST_MAX),
	CYAML_FIELD_STRING_PTR("url", OPT, struct vl_item, url, 1, TEXT_MAX),
	CYAML_FIELD_SEQUENCE("references", OPT | CYAML_FLAG_POINTER, struct vl_item, references, &text_entry, 1,
			     LIST_MAX),
	CYAML_FIELD_STRING_PTR("sha256", OPT, struct vl_item, sha256, 1, TEXT_MAX),
	CYAML_FIELD_STRING_PTR("checksum-url", OPT, struct vl_item, checksum_url, 1, TEXT_MAX),
	CYAML_FIELD_STRING_PTR("minisign-key", OPT, struct vl_item, minisign_key, 1, TEXT_MAX),
	CYAML_FIELD_STRING_PTR("signature-url", OPT, struct vl_item, signature_url, 1, TEXT_MAX),
	CYAML_FIELD_BOOL("unpack", OPT, struct vl_item, unpack),
	CYAML_FIELD_SEQUENCE("images", OPT | CYAML_FLAG_POINTER, struct vl_item, images, &text_entry, 1, LIST_MAX),
	CYAML_FIELD_SEQUENCE("platforms", OPT | CYAML_FLAG_POINTER, struct vl_item, platforms, &text_entry, 1,
			     LIST_MAX),
	CYAML_FIELD_BOOL("referrers", OPT, struct vl_item, referrers),
	CYAML_FIELD_STRING_PTR("cosign-key", OPT, struct vl_item, cosign_key, 1, TEXT_MAX),
	/* An empty list is refused by images.c, which can say what belongs there. */
	CYAML_FIELD_SEQUENCE("analyzers", OPT | CYAML_FLAG_POINTER, struct vl_item, analyzers, &text_entry, 0,
			     LIST_MAX),
	CYAML_FIELD_STRING_PTR("registry", OPT, struct vl_item, registry, 1, TEXT_MAX),
	CYAML_FIELD_STRING_PTR("path", OPT, struct vl_item, path, 1, TEXT_MAX),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t item_schema = { CYAML_VALUE_MAPPING(0, struct vl_item, item_fields) };

static const cyaml_schema_field_t list_fields[] = {
	CYAML_FIELD_STRING_PTR("channel", 0, struct vl_packlist, channel, 1, TEXT_MAX),
	CYAML_FIELD_IGNORE("expires", OPT),
	CYAML_FIELD_SEQUENCE("items", CYAML_FLAG_POINTER, struct vl_packlist, items, &item_schema, 1, ITEMS_MAX),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t list_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct vl_packlist, list_fields),
};

/* What a type takes beside name and type, and what looks closer at it. */
static const char *const type_names[] = { "osv", "trivy-db", "http", "dir", "image", "gitlab-analyzers", NULL };
static bool check_osv(const struct vl_exam *x, struct vl_err *e);
static bool check_trivy_db(const struct vl_exam *x, struct vl_err *e);
static bool check_http(const struct vl_exam *x, struct vl_err *e);
static const struct type_keys {
	const char *type;
	const char *may[8];
	const char *must[2];
	bool (*check)(const struct vl_exam *x, struct vl_err *e);
} type_keys[] = {
	{ "osv", { "ecosystems", "url", "exact" }, { "ecosystems" }, check_osv },
	{ "trivy-db", { "references", "exact" }, { NULL }, check_trivy_db },
	{ "http", { "url", "sha256", "checksum-url", "minisign-key", "signature-url", "unpack" }, { "url" },
	  check_http },
	{ "dir", { "path" }, { "path" }, NULL },
	{ "image", { "images", "platforms", "referrers", "cosign-key" }, { "images" }, vl_exam_images },
	{ "gitlab-analyzers", { "analyzers", "registry", "platforms", "referrers", "cosign-key" }, { NULL },
	  vl_exam_analyzers },
};

const char *const *vl_packlist_types(void)
{
	return type_names;
}

static const struct type_keys *keys_of(const char *type)
{
	for (size_t i = 0; i < VL_LEN(type_keys); i++)
		if (!strcmp(type_keys[i].type, type))
			return &type_keys[i];
	return NULL;
}

bool vl_exam_fail(const struct vl_exam *x, struct vl_err *e, const char *key, const char *fmt, ...)
{
	char at[128], what[800];
	va_list ap;

	snprintf(at, sizeof at, "items.%zu%s%s", x->i, *key ? "." : "", key);
	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	return vl_yaml_fail(x->y, e, at, "%s", what);
}

bool vl_exam_has(const struct vl_exam *x, const char *key)
{
	char at[128];

	snprintf(at, sizeof at, "items.%zu.%s", x->i, key);
	return vl_yaml_has(x->y, at);
}

static bool is_in(const char *const *list, size_t n, const char *s)
{
	for (size_t i = 0; i < n && list[i]; i++)
		if (!strcmp(list[i], s))
			return true;
	return false;
}

static bool check_name(const struct vl_exam *x, struct vl_err *e)
{
	VL_STR shown = vl_safe_text(x->item->name, 80);

	if (!vl_name_is_valid(x->item->name))
		return vl_exam_fail(x, e, "name",
				    "name \"%s\" is not valid: 1 to 64 of a-z 0-9 - _ . beginning with a letter or "
				    "digit",
				    shown);
	for (size_t i = 0; i < x->i; i++)
		if (!strcmp(x->list->items[i].name, x->item->name))
			return vl_exam_fail(x, e, "name", "two items are called \"%s\"; the first is in line %u", shown,
					    x->list->items[i].line);
	return true;
}

static bool unknown_type(const struct vl_exam *x, struct vl_err *e)
{
	const char *near = vl_nearest(x->item->type, type_names);
	VL_STR shown = vl_safe_text(x->item->type, 60);

	if (near)
		return vl_exam_fail(x, e, "type", "unknown type \"%s\" in item \"%s\"; did you mean \"%s\"?", shown,
				    x->item->name, near);
	return vl_exam_fail(x, e, "type",
			    "unknown type \"%s\" in item \"%s\"; known types: osv, trivy-db, http, dir, image, "
			    "gitlab-analyzers",
			    shown, x->item->name);
}

static bool check_keys(const struct vl_exam *x, struct vl_err *e)
{
	const struct type_keys *t = keys_of(x->item->type);

	if (!t)
		return unknown_type(x, e);
	for (const cyaml_schema_field_t *f = item_fields + 2; f->key; f++) {
		char key[40];

		snprintf(key, sizeof key, "%s!", f->key);
		if (vl_exam_has(x, f->key) && !is_in(t->may, VL_LEN(t->may), f->key))
			return vl_exam_fail(x, e, key, "\"%s\" does not belong to type %s (item \"%s\")", f->key,
					    t->type, x->item->name);
	}
	for (size_t i = 0; i < VL_LEN(t->must) && t->must[i]; i++)
		if (!vl_exam_has(x, t->must[i]))
			return vl_exam_fail(x, e, "", "item \"%s\" of type %s needs \"%s\"", x->item->name, t->type,
					    t->must[i]);
	return true;
}

static bool check_url(const struct vl_exam *x, const char *key, const char *url, struct vl_err *e)
{
	size_t scheme = !url ? 0 : !strncmp(url, "https://", 8) ? 8 : !strncmp(url, "http://", 7) ? 7 : 0;
	VL_STR shown = url ? vl_safe_text(url, 200) : NULL;

	if (!url)
		return true;
	if (!scheme || strcspn(url + scheme, "/?#") == 0)
		return vl_exam_fail(x, e, key, "\"%s\" in item \"%s\" must begin with https:// or http://, not \"%s\"",
				    key, x->item->name, shown);
	if (strpbrk(url, " \\\"<>^`{|}"))
		return vl_exam_fail(x, e, key,
				    "\"%s\" in item \"%s\" holds a blank or another character that URLs must encode",
				    key, x->item->name);
	return true;
}

/* The same database twice would be placed over itself. */
static const struct vl_item *other_with(const struct vl_exam *x, const char *ecosystem, size_t before)
{
	for (size_t i = 0; i <= x->i; i++) {
		const struct vl_item *o = &x->list->items[i];
		size_t n = i == x->i ? before : o->ecosystems_count;

		for (size_t k = 0; k < n; k++)
			if (!strcmp(o->ecosystems[k], ecosystem))
				return o;
	}
	return NULL;
}

static bool check_ecosystem(const struct vl_exam *x, size_t k, struct vl_err *e)
{
	const char *eco = x->item->ecosystems[k];
	const struct vl_item *other = other_with(x, eco, k);
	const char *colon = strchr(eco, ':');
	VL_STR shown = vl_safe_text(eco, 80);
	char key[40];

	snprintf(key, sizeof key, "ecosystems.%zu", k);
	if (colon)
		return vl_exam_fail(x, e, key, "ecosystem \"%s\": use the part before the colon, \"%.*s\"", shown,
				    (int)(colon - eco), eco);
	if (strchr(eco, '/') || !vl_path_is_safe(eco) || strlen(eco) > 100)
		return vl_exam_fail(x, e, key, "\"%s\" cannot be the name of an ecosystem", shown);
	if (other)
		return vl_exam_fail(x, e, key, "ecosystem \"%s\" is already in item \"%s\"", shown, other->name);
	return true;
}

static bool check_osv(const struct vl_exam *x, struct vl_err *e)
{
	for (size_t k = 0; k < x->item->ecosystems_count; k++)
		if (!check_ecosystem(x, k, e))
			return false;
	return check_url(x, "url", x->item->url, e);
}

static bool check_trivy_db(const struct vl_exam *x, struct vl_err *e)
{
	struct vl_ref ref;
	struct vl_err why;
	char key[40];

	for (size_t i = 0; i < x->i; i++)
		if (!strcmp(x->list->items[i].type, "trivy-db"))
			return vl_exam_fail(x, e, "", "a second item of type trivy-db; the first is \"%s\" in line %u",
					    x->list->items[i].name, x->list->items[i].line);
	for (size_t k = 0; k < x->item->references_count; k++) {
		snprintf(key, sizeof key, "references.%zu", k);
		if (!vl_ref_parse(&ref, x->item->references[k], &why))
			return vl_exam_fail(x, e, key, "reference %s", why.msg);
	}
	return true;
}

static bool check_sha256(const struct vl_exam *x, struct vl_err *e)
{
	char *hex = x->item->sha256;

	if (!hex)
		return true;
	if (strlen(hex) != 64 || strspn(hex, "0123456789abcdefABCDEF") != 64)
		return vl_exam_fail(x, e, "sha256",
				    "\"sha256\" in item \"%s\" must be 64 hexadecimal digits; it has %zu characters",
				    x->item->name, strlen(hex));
	for (; *hex; hex++)
		if (*hex >= 'A' && *hex <= 'F')
			*hex = (char)(*hex - 'A' + 'a');
	return true;
}

static bool check_pins(const struct vl_exam *x, struct vl_err *e)
{
	static const char *const pins[] = { "sha256", "checksum-url", "minisign-key" };
	const char *first = NULL;

	for (size_t i = 0; i < VL_LEN(pins); i++) {
		if (!vl_exam_has(x, pins[i]))
			continue;
		if (first)
			return vl_exam_fail(x, e, pins[i], "\"%s\" and \"%s\" in item \"%s\" exclude each other", first,
					    pins[i], x->item->name);
		first = pins[i];
	}
	if (x->item->signature_url && !x->item->minisign_key)
		return vl_exam_fail(x, e, "signature-url", "\"signature-url\" in item \"%s\" needs \"minisign-key\"",
				    x->item->name);
	if (x->item->minisign_key && !x->item->signature_url && strpbrk(x->item->url, "?#"))
		return vl_exam_fail(x, e, "minisign-key",
				    "item \"%s\" needs \"signature-url\", because its url has a query",
				    x->item->name);
	if (x->item->minisign_key && !x->item->signature_url)
		x->item->signature_url = vl_xprintf("%s.minisig", x->item->url);
	return true;
}

/* Two downloads of one URL would share one partial file. */
static bool check_twice(const struct vl_exam *x, struct vl_err *e)
{
	for (size_t i = 0; i < x->i; i++) {
		const struct vl_item *o = &x->list->items[i];

		if (o->url && !strcmp(o->type, "http") && !strcmp(o->url, x->item->url))
			return vl_exam_fail(x, e, "url", "the url of item \"%s\" is already in item \"%s\"",
					    x->item->name, o->name);
	}
	return true;
}

static bool check_http(const struct vl_exam *x, struct vl_err *e)
{
	return check_url(x, "url", x->item->url, e) && check_url(x, "checksum-url", x->item->checksum_url, e) &&
	       check_url(x, "signature-url", x->item->signature_url, e) && check_twice(x, e) &&
	       check_sha256(x, e) && check_pins(x, e);
}

static bool check_item(struct vl_exam *x, struct vl_err *e)
{
	bool (*more)(const struct vl_exam *, struct vl_err *);
	char at[40];

	snprintf(at, sizeof at, "items.%zu", x->i);
	x->item = &x->list->items[x->i];
	x->item->line = vl_yaml_line(x->y, at);
	if (!check_name(x, e) || !check_keys(x, e))
		return false;
	more = keys_of(x->item->type)->check;
	return !more || more(x, e);
}

static bool check_list(const struct vl_yaml *y, struct vl_packlist *p, struct vl_err *e)
{
	const char *expires = vl_yaml_text(y, "expires");
	struct vl_exam x = { .y = y, .list = p };
	VL_STR shown = vl_safe_text(p->channel, 80);

	if (!vl_name_is_valid(p->channel))
		return vl_yaml_fail(y, e, "channel",
				    "channel \"%s\" is not valid: 1 to 64 of a-z 0-9 - _ . beginning with a letter or "
				    "digit",
				    shown);
	p->expires = EXPIRES_DEFAULT;
	if (expires && (!vl_duration_parse(expires, &p->expires) || p->expires <= 0 || p->expires > EXPIRES_MAX)) {
		VL_STR text = vl_safe_text(expires, 60);

		return vl_yaml_fail(y, e, "expires",
				    "\"expires\" must be a duration such as 14d, 36h or 2w, not \"%s\"",
				    text);
	}
	for (x.i = 0; x.i < p->items_count; x.i++)
		if (!check_item(&x, e))
			return false;
	return true;
}

static char *dir_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return vl_xstrdup(".");
	return slash == path ? vl_xstrdup("/") : vl_xstrndup(path, (size_t)(slash - path));
}

static bool load(struct vl_packlist **out, const struct vl_yaml *y, const char *path, struct vl_err *e)
{
	VL_AUTO(vl_packlist) p = NULL;
	void *data;

	if (vl_yaml_is_empty(y)) {
		vl_yaml_fail(y, e, "", "the packing list is empty");
		return vl_hint(e, "valise init writes one to start from.");
	}
	if (!vl_yaml_fill(y, &list_schema, &data, e))
		return false;
	p = data;
	p->file = vl_xstrdup(path);
	p->dir = dir_of(path);
	if (!check_list(y, p, e))
		return false;
	*out = vl_steal(&p);
	return true;
}

bool vl_packlist_load(struct vl_packlist **out, const char *path, struct vl_err *e)
{
	VL_AUTO(vl_yaml) y = NULL;
	VL_STR shown = vl_safe_text(path, 200);
	bool absent;

	*out = NULL;
	if (!vl_yaml_open(&y, path, VL_E_PACKLIST, &absent, e))
		return false;
	if (absent) {
		vl_fail(e, VL_E_ABSENT, "there is no packing list %s", shown);
		return vl_hint(e, "valise init writes one to start from; -f FILE names another.");
	}
	return load(out, y, path, e);
}

static void free_texts(char **text, unsigned n)
{
	for (unsigned i = 0; text && i < n; i++)
		free(text[i]);
	free(text);
}

static void item_clear(struct vl_item *it)
{
	char *text[] = { it->name, it->type, it->url, it->sha256, it->checksum_url, it->minisign_key, it->signature_url,
			 it->path, it->cosign_key, it->registry };

	for (size_t i = 0; i < VL_LEN(text); i++)
		free(text[i]);
	free_texts(it->ecosystems, it->ecosystems_count);
	free_texts(it->references, it->references_count);
	free_texts(it->images, it->images_count);
	free_texts(it->platforms, it->platforms_count);
	free_texts(it->analyzers, it->analyzers_count);
}

void vl_packlist_free(struct vl_packlist *p)
{
	if (!p)
		return;
	for (unsigned i = 0; p->items && i < p->items_count; i++)
		item_clear(&p->items[i]);
	free(p->items);
	free(p->channel);
	free(p->file);
	free(p->dir);
	free(p);
}

const struct vl_item *vl_packlist_find(const struct vl_packlist *p, const char *name)
{
	for (unsigned i = 0; i < p->items_count; i++)
		if (!strcmp(p->items[i].name, name))
			return &p->items[i];
	return NULL;
}
