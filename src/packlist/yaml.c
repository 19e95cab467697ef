/* SPDX-License-Identifier: Apache-2.0 */
/* packlist/yaml.c: YAML text -> structs.
 * In:    one file of at most 1 MiB, written by an operator, not by an enemy, but read with limits all the same.
 * Out:   structs filled by libcyaml, or an error that names file, line, column and the nearest known key.
 * Keeps: libyaml's tree of the same text, for positions. The tree is checked against the schema before libcyaml sees
 *        the text: libcyaml tells neither the column of a bad value nor a key that is written twice. */
#include "packlist/yaml.h"

#include <cyaml/cyaml.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"

#define VALUE_MAX 4096 /* bytes of one value */
#define DEPTH_MAX 16
#define KEYS_MAX 32    /* keys of one mapping that a schema may know */

struct vl_yaml {
	char *file;
	enum vl_code code;
	struct vl_buf text;
	yaml_document_t doc;
	bool has_doc;
	yaml_node_t *root; /* NULL: empty */
};

/* ---- positions ---- */

static bool fail_at(const struct vl_yaml *y, struct vl_err *e, yaml_mark_t m, const char *fmt, ...) VL_PRINTF(4, 5);
static bool vfail_at(const struct vl_yaml *y, struct vl_err *e, yaml_mark_t m, const char *fmt, va_list ap)
	VL_PRINTF(4, 0);

static bool vfail_at(const struct vl_yaml *y, struct vl_err *e, yaml_mark_t m, const char *fmt, va_list ap)
{
	char what[1024];

	vsnprintf(what, sizeof what, fmt, ap);
	vl_fail(e, y->code, "%s:%zu:%zu: %s", y->file, m.line + 1, m.column + 1, what);
	return vl_found(e, y->file, NULL, NULL);
}

static bool fail_at(const struct vl_yaml *y, struct vl_err *e, yaml_mark_t m, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfail_at(y, e, m, fmt, ap);
	va_end(ap);
	return false;
}

static yaml_node_t *node(const struct vl_yaml *y, int id)
{
	/* libyaml's reader of its own tree wants a mutable document, although it changes nothing. */
	union {
		const yaml_document_t *c;
		yaml_document_t *m;
	} doc = { .c = &y->doc };

	return yaml_document_get_node(doc.m, id);
}

static const char *scalar(const yaml_node_t *n)
{
	return n && n->type == YAML_SCALAR_NODE ? (const char *)n->data.scalar.value : NULL;
}

static const yaml_node_pair_t *pair_of(const struct vl_yaml *y, const yaml_node_t *map, const char *key, size_t len)
{
	if (!map || map->type != YAML_MAPPING_NODE)
		return NULL;
	for (const yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top; p++) {
		const char *k = scalar(node(y, p->key));

		if (k && strlen(k) == len && !memcmp(k, key, len))
			return p;
	}
	return NULL;
}

static yaml_node_t *element(const struct vl_yaml *y, const yaml_node_t *seq, const char *index)
{
	unsigned long i = strtoul(index, NULL, 10);

	if (!seq || seq->type != YAML_SEQUENCE_NODE ||
	    i >= (unsigned long)(seq->data.sequence.items.top - seq->data.sequence.items.start))
		return NULL;
	return node(y, seq->data.sequence.items.start[i]);
}

/* The node that `at` names; with "!" at its end the key's node. NULL: not there. */
static yaml_node_t *find(const struct vl_yaml *y, const char *at)
{
	yaml_node_t *n = y->root;

	while (n && *at) {
		size_t len = strcspn(at, ".!");
		bool key = at[len] == '!';
		const yaml_node_pair_t *p;

		if (*at >= '0' && *at <= '9') {
			n = element(y, n, at);
		} else {
			p = pair_of(y, n, at, len);
			n = p ? node(y, key ? p->key : p->value) : NULL;
		}
		at += len + (at[len] != '\0');
	}
	return n;
}

const char *vl_yaml_text(const struct vl_yaml *y, const char *at)
{
	return scalar(find(y, at));
}

bool vl_yaml_has(const struct vl_yaml *y, const char *at)
{
	return find(y, at);
}

unsigned vl_yaml_line(const struct vl_yaml *y, const char *at)
{
	const yaml_node_t *n = find(y, at);

	return n ? (unsigned)n->start_mark.line + 1 : 1;
}

bool vl_yaml_fail(const struct vl_yaml *y, struct vl_err *e, const char *at, const char *fmt, ...)
{
	const yaml_node_t *n = find(y, at);
	va_list ap;

	va_start(ap, fmt);
	vfail_at(y, e, n ? n->start_mark : (yaml_mark_t){ 0 }, fmt, ap);
	va_end(ap);
	return false;
}

bool vl_yaml_is_empty(const struct vl_yaml *y)
{
	return !y->root || (scalar(y->root) && !*scalar(y->root) &&
			    y->root->data.scalar.style == YAML_PLAIN_SCALAR_STYLE);
}

/* ---- reading ---- */

static bool parser_fail(const struct vl_yaml *y, const yaml_parser_t *p, struct vl_err *e)
{
	const char *problem = p->problem ? p->problem : "not YAML";

	if (p->error == YAML_MEMORY_ERROR)
		return vl_fail(e, VL_E_MEMORY, "%s: not enough memory", y->file);
	if (p->error == YAML_READER_ERROR)
		return vl_fail(e, y->code, "%s: byte %zu: %s", y->file, p->problem_offset, problem);
	if (p->context)
		return fail_at(y, e, p->problem_mark, "%s (%s from line %zu)", problem, p->context,
			       p->context_mark.line + 1);
	return fail_at(y, e, p->problem_mark, "%s", problem);
}

/* One pass over the events before any tree is built: depth, aliases and documents are limited while libyaml reads,
 * because its time grows with the square of the depth, and files of aliases grow without bound. */
static bool look_at(const struct vl_yaml *y, const yaml_event_t *ev, int *depth, int *docs, struct vl_err *e)
{
	switch (ev->type) {
	case YAML_ALIAS_EVENT:
		return fail_at(y, e, ev->start_mark, "an alias (*) is used here; write it out");
	case YAML_DOCUMENT_START_EVENT:
		if (++*docs > 1)
			return fail_at(y, e, ev->start_mark,
				       "a second document begins here; only one belongs in this file");
		return true;
	case YAML_SEQUENCE_START_EVENT:
	case YAML_MAPPING_START_EVENT:
		if (++*depth > DEPTH_MAX)
			return fail_at(y, e, ev->start_mark, "nested more than %d levels deep", DEPTH_MAX);
		return true;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		--*depth;
		return true;
	default:
		return true;
	}
}

static bool look_through(const struct vl_yaml *y, yaml_parser_t *p, struct vl_err *e)
{
	int depth = 0, docs = 0;
	bool good = true, end = false;

	while (good && !end) {
		yaml_event_t ev;

		if (!yaml_parser_parse(p, &ev))
			return parser_fail(y, p, e);
		good = look_at(y, &ev, &depth, &docs, e);
		end = ev.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&ev);
	}
	return good;
}

static bool build(struct vl_yaml *y, yaml_parser_t *p, struct vl_err *e)
{
	if (!yaml_parser_load(p, &y->doc))
		return parser_fail(y, p, e);
	y->has_doc = true;
	y->root = yaml_document_get_root_node(&y->doc);
	return true;
}

static bool with_parser(struct vl_yaml *y, bool tree, struct vl_err *e)
{
	yaml_parser_t p;
	bool good;

	if (!yaml_parser_initialize(&p))
		return vl_fail(e, VL_E_MEMORY, "%s: not enough memory", y->file);
	yaml_parser_set_input_string(&p, (const unsigned char *)vl_buf_str(&y->text), y->text.len);
	good = tree ? build(y, &p, e) : look_through(y, &p, e);
	yaml_parser_delete(&p);
	return good;
}

static bool parse(struct vl_yaml *y, struct vl_err *e)
{
	return with_parser(y, false, e) && with_parser(y, true, e);
}

static bool read_text(struct vl_yaml *y, int fd, struct vl_err *e)
{
	struct stat st;
	uint8_t *at;
	size_t got;

	if (fstat(fd, &st))
		return vl_fail_os(e, "%s", y->file);
	if (!S_ISREG(st.st_mode))
		return vl_fail(e, y->code, "%s is not a regular file", y->file);
	if (st.st_size > (off_t)VL_YAML_MAX)
		return vl_fail(e, VL_E_LIMIT, "%s has %lld bytes; at most %u are read", y->file, (long long)st.st_size,
			       VL_YAML_MAX);
	if (!vl_buf_room(&y->text, (size_t)st.st_size + 1, &at, e) ||
	    !vl_read_full(fd, at, (size_t)st.st_size, &got, e))
		return vl_while(e, "%s", y->file);
	at[got] = '\0';
	y->text.len += got;
	return true;
}

bool vl_yaml_open(struct vl_yaml **out, const char *path, enum vl_code code, bool *absent, struct vl_err *e)
{
	VL_AUTO(vl_yaml) y = vl_xcalloc(1, sizeof *y);
	VL_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	*out = NULL;
	y->code = code;
	y->file = vl_safe_text(path, 200);
	y->text.max = VL_YAML_MAX + 16;
	if (absent)
		*absent = fd < 0 && (errno == ENOENT || errno == ENOTDIR);
	if (absent && *absent)
		return true;
	if (fd < 0)
		return vl_fail_os(e, "cannot read %s", y->file);
	if (!read_text(y, fd, e) || !parse(y, e))
		return false;
	*out = vl_steal(&y);
	return true;
}

void vl_yaml_free(struct vl_yaml *y)
{
	if (!y)
		return;
	if (y->has_doc)
		yaml_document_delete(&y->doc);
	vl_buf_clear(&y->text);
	free(y->file);
	free(y);
}

/* ---- the tree against the schema ---- */

/* What a value is called in messages: its key, and the record around it: `in item "osv"`. */
struct about {
	const char *key;
	char where[160];
};

static bool check(const struct vl_yaml *y, const yaml_node_t *n, const cyaml_schema_value_t *s,
		  const struct about *about, struct vl_err *e);

static bool check_text(const struct vl_yaml *y, const yaml_node_t *n, bool may_be_empty, const struct about *about,
		       struct vl_err *e)
{
	const char *v = scalar(n);

	if (!v)
		return fail_at(y, e, n->start_mark, "\"%s\"%s must be a single value, not a %s", about->key,
			       about->where, n->type == YAML_SEQUENCE_NODE ? "list" : "mapping");
	if ((!*v && !(may_be_empty && n->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)) ||
	    (n->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && (!strcmp(v, "~") || !strcmp(v, "null"))))
		return fail_at(y, e, n->start_mark, "\"%s\"%s has no value", about->key, about->where);
	if (n->data.scalar.length > VALUE_MAX)
		return fail_at(y, e, n->start_mark, "\"%s\"%s is longer than %d bytes", about->key, about->where,
			       VALUE_MAX);
	for (size_t i = 0; i < n->data.scalar.length; i++)
		if ((unsigned char)v[i] < 0x20 || v[i] == 0x7f)
			return fail_at(y, e, n->start_mark, "\"%s\"%s holds a control character", about->key,
				       about->where);
	return true;
}

/* libcyaml takes every word but a few for true. */
static bool check_bool(const struct vl_yaml *y, const yaml_node_t *n, const struct about *about, struct vl_err *e)
{
	VL_STR shown = NULL;

	if (!check_text(y, n, false, about, e))
		return false;
	if (!strcmp(scalar(n), "true") || !strcmp(scalar(n), "false"))
		return true;
	shown = vl_safe_text(scalar(n), 60);
	return fail_at(y, e, n->start_mark, "\"%s\"%s must be true or false, not \"%s\"", about->key, about->where,
		       shown);
}

static bool check_number(const struct vl_yaml *y, const yaml_node_t *n, const struct about *about, struct vl_err *e)
{
	VL_STR shown = NULL;
	const char *v;

	if (!check_text(y, n, false, about, e))
		return false;
	v = scalar(n);
	if (strlen(v) <= 6 && strspn(v, "0123456789") == strlen(v) && (v[0] != '0' || !v[1]))
		return true;
	shown = vl_safe_text(v, 60);
	return fail_at(y, e, n->start_mark, "\"%s\"%s must be a whole number up to 999999, not \"%s\"", about->key,
		       about->where, shown);
}

static const char *name_of(const struct vl_yaml *y, const yaml_node_t *n)
{
	static const char *const keys[] = { "name", "prefix", "consumer", "from" };

	for (size_t i = 0; i < VL_LEN(keys); i++) {
		const yaml_node_pair_t *p = pair_of(y, n, keys[i], strlen(keys[i]));

		if (p && scalar(node(y, p->value)) && *scalar(node(y, p->value)))
			return scalar(node(y, p->value));
	}
	return NULL;
}

/* The record number i of the list `key`: `item "osv"`, or `item 3` when it has no name. */
static void describe(const struct vl_yaml *y, const yaml_node_t *n, const char *key, size_t i, struct about *out)
{
	const char *name = name_of(y, n);
	VL_STR safe = name ? vl_safe_text(name, 80) : NULL;
	int len = (int)strlen(key) - (key[0] && key[strlen(key) - 1] == 's');

	out->key = key;
	if (safe)
		snprintf(out->where, sizeof out->where, " in %.*s \"%s\"", len, key, safe);
	else
		snprintf(out->where, sizeof out->where, " in %.*s %zu", len, key, i + 1);
}

static bool check_list(const struct vl_yaml *y, const yaml_node_t *n, const cyaml_schema_value_t *s,
		       const struct about *about, struct vl_err *e)
{
	const cyaml_schema_value_t *entry = s->sequence.entry;
	struct about inner = *about;
	size_t count;

	if (n->type != YAML_SEQUENCE_NODE)
		return fail_at(y, e, n->start_mark, "\"%s\"%s must be a list%s", about->key, about->where,
			       entry->type == CYAML_MAPPING ? " of records that begin with \"- \"" : ": [A, B]");
	count = (size_t)(n->data.sequence.items.top - n->data.sequence.items.start);
	if (count < s->sequence.min)
		return fail_at(y, e, n->start_mark, "\"%s\"%s is empty", about->key, about->where);
	if (count > s->sequence.max)
		return fail_at(y, e, n->start_mark, "\"%s\"%s has %zu entries; at most %u are allowed", about->key,
			       about->where, count, s->sequence.max);
	for (size_t i = 0; i < count; i++) {
		const yaml_node_t *child = node(y, n->data.sequence.items.start[i]);

		if (entry->type == CYAML_MAPPING)
			describe(y, child, about->key, i, &inner);
		if (!check(y, child, entry, &inner, e))
			return false;
	}
	return true;
}

static bool unknown_key(const struct vl_yaml *y, const yaml_node_t *key, const cyaml_schema_field_t *fields,
			const struct about *about, struct vl_err *e)
{
	const char *known[KEYS_MAX + 1] = { NULL };
	char list[400] = "";
	VL_STR shown = vl_safe_text(scalar(key), 60);
	const char *near;
	size_t at = 0;

	for (size_t i = 0; fields[i].key && i < KEYS_MAX; i++) {
		known[i] = fields[i].key;
		if (at < sizeof list)
			at += (size_t)snprintf(list + at, sizeof list - at, "%s%s", i ? ", " : "", fields[i].key);
	}
	near = vl_nearest(scalar(key), known);
	if (near)
		return fail_at(y, e, key->start_mark, "unknown key \"%s\"%s; did you mean \"%s\"?", shown, about->where,
			       near);
	return fail_at(y, e, key->start_mark, "unknown key \"%s\"%s; known keys: %s", shown, about->where, list);
}

static bool check_pair(const struct vl_yaml *y, const yaml_node_t *map, const yaml_node_pair_t *p,
		       const cyaml_schema_field_t *fields, const struct about *about, struct vl_err *e)
{
	const yaml_node_t *key = node(y, p->key);
	const char *k = scalar(key);
	struct about inner = *about;
	const yaml_node_pair_t *first;

	if (!k || strlen(k) != key->data.scalar.length)
		return fail_at(y, e, key->start_mark, "a key%s is not a plain word", about->where);
	for (const cyaml_schema_field_t *f = fields; f->key; f++) {
		if (strcmp(f->key, k))
			continue;
		first = pair_of(y, map, k, strlen(k));
		if (first != p)
			return fail_at(y, e, key->start_mark, "key \"%s\"%s is here twice; first in line %zu", k,
				       about->where, node(y, first->key)->start_mark.line + 1);
		inner.key = f->key;
		return check(y, node(y, p->value), &f->value, &inner, e);
	}
	return unknown_key(y, key, fields, about, e);
}

static bool check_record(const struct vl_yaml *y, const yaml_node_t *n, const cyaml_schema_value_t *s,
			 const struct about *about, struct vl_err *e)
{
	const cyaml_schema_field_t *fields = s->mapping.fields;

	if (n->type != YAML_MAPPING_NODE)
		return fail_at(y, e, n->start_mark, "expected \"key: value\" lines%s", about->where);
	for (const yaml_node_pair_t *p = n->data.mapping.pairs.start; p < n->data.mapping.pairs.top; p++)
		if (!check_pair(y, n, p, fields, about, e))
			return false;
	for (const cyaml_schema_field_t *f = fields; f->key; f++)
		if (!(f->value.flags & CYAML_FLAG_OPTIONAL) && !pair_of(y, n, f->key, strlen(f->key)))
			return fail_at(y, e, n->start_mark, "\"%s\" is missing%s", f->key, about->where);
	return true;
}

static bool check(const struct vl_yaml *y, const yaml_node_t *n, const cyaml_schema_value_t *s,
		  const struct about *about, struct vl_err *e)
{
	switch (s->type) {
	case CYAML_MAPPING:
		return check_record(y, n, s, about, e);
	case CYAML_SEQUENCE:
		return check_list(y, n, s, about, e);
	case CYAML_BOOL:
		return check_bool(y, n, about, e);
	case CYAML_UINT:
		return check_number(y, n, about, e);
	default:
		return check_text(y, n, s->type == CYAML_STRING && s->string.min == 0, about, e);
	}
}

/* ---- libcyaml ---- */

struct heard {
	char first[200];
};

/* The first error line says what, the others are its way up. */
static void hear(cyaml_log_t level, void *ctx, const char *fmt, va_list args) VL_PRINTF(3, 0);
static void hear(cyaml_log_t level, void *ctx, const char *fmt, va_list args)
{
	struct heard *h = ctx;

	if (level < CYAML_LOG_ERROR || h->first[0])
		return;
	vsnprintf(h->first, sizeof h->first, fmt, args);
	h->first[strcspn(h->first, "\n")] = '\0';
}

bool vl_yaml_fill(const struct vl_yaml *y, const struct cyaml_schema_value *schema, void **data, struct vl_err *e)
{
	struct about top = { .key = "", .where = "" };
	struct heard heard = { .first = "" };
	cyaml_config_t config = {
		.log_fn = hear, .log_ctx = &heard, .log_level = CYAML_LOG_ERROR, .mem_fn = cyaml_mem,
		.flags = CYAML_CFG_NO_ALIAS,
	};
	cyaml_err_t err;

	*data = NULL;
	if (!y->root)
		return vl_fail(e, y->code, "%s is empty", y->file);
	if (!check(y, y->root, schema, &top, e))
		return false;
	err = cyaml_load_data((const uint8_t *)vl_buf_str(&y->text), y->text.len, &config, schema, data, NULL);
	if (err == CYAML_ERR_OOM)
		return vl_fail(e, VL_E_MEMORY, "%s: not enough memory", y->file);
	if (err != CYAML_OK)
		return vl_fail(e, y->code, "%s: %s (%s)", y->file, heard.first, cyaml_strerror(err));
	return true;
}
