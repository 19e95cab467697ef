/* SPDX-License-Identifier: Apache-2.0 */
/* base/json_read.c: from bytes to a tree that can only be read.
 * In: untrusted bytes that the pre-scan accepts. Out: a document; struct vl_jval is another name for json_t, so that no
 * caller sees jansson.
 * Keeps: jansson gets only what the pre-scan has accepted, and alone judges duplicate keys and the range of reals. */
#include <jansson.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/json_scan.h"
#include "base/text.h"

struct vl_json {
	json_t *root;
};

static const json_t *tree(const struct vl_jval *v)
{
	return (const json_t *)(const void *)v;
}

static const struct vl_jval *value(const json_t *j)
{
	return (const struct vl_jval *)(const void *)j;
}

/* jansson's iterators want a pointer to non-const, though they change nothing. */
static json_t *for_iterator(const struct vl_jval *v)
{
	return (json_t *)(uintptr_t)v;
}

static bool refuse(const char *what, enum vl_code code, size_t at, const char *why, struct vl_err *e)
{
	VL_STR doc = vl_safe_text(what, 200);
	VL_STR reason = vl_safe_text(why, 200);

	vl_fail(e, code, "%s: byte %zu: %s", doc, at, reason);
	return vl_found(e, doc, NULL, NULL);
}

bool vl_json_parse(struct vl_json **out, struct vl_bytes text, enum vl_json_rules rules, const char *what,
		   enum vl_code code, struct vl_err *e)
{
	VL_AUTO(vl_json) j = NULL;
	json_error_t error;
	const char *why;
	size_t at;

	if (!vl_json_scan(text, rules, &at, &why))
		return refuse(what, code, at, why, e);
	j = vl_xcalloc(1, sizeof *j);
	j->root = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, &error);
	if (!j->root && json_error_code(&error) == json_error_out_of_memory)
		return vl_fail(e, VL_E_MEMORY, "no memory for a document of %zu bytes", text.len);
	if (!j->root)
		return refuse(what, code, error.position < 0 ? 0 : (size_t)error.position, error.text, e);
	*out = vl_steal(&j);
	return true;
}

void vl_json_free(struct vl_json *j)
{
	if (!j)
		return;
	json_decref(j->root);
	free(j);
}

const struct vl_jval *vl_json_root(const struct vl_json *j)
{
	return j ? value(j->root) : NULL;
}

bool vl_jval_is_object(const struct vl_jval *v)
{
	return json_is_object(tree(v));
}

bool vl_jval_is_array(const struct vl_jval *v)
{
	return json_is_array(tree(v));
}

bool vl_jval_is_null(const struct vl_jval *v)
{
	return json_is_null(tree(v));
}

const struct vl_jval *vl_jval_get(const struct vl_jval *object, const char *key)
{
	return value(json_object_get(tree(object), key));
}

size_t vl_jval_count(const struct vl_jval *v)
{
	return vl_jval_is_object(v) ? json_object_size(tree(v)) : json_array_size(tree(v));
}

const struct vl_jval *vl_jval_at(const struct vl_jval *array, size_t i)
{
	return value(json_array_get(tree(array), i));
}

const struct vl_jval *vl_jval_member(const struct vl_jval *object, size_t i, const char **key)
{
	void *at;

	*key = NULL;
	if (!vl_jval_is_object(object) || i >= vl_jval_count(object))
		return NULL;
	for (at = json_object_iter(for_iterator(object)); at && i > 0; i--)
		at = json_object_iter_next(for_iterator(object), at);
	if (!at)
		return NULL;
	*key = json_object_iter_key(at);
	return value(json_object_iter_value(at));
}

const struct vl_jval *vl_jval_next(const struct vl_jval *object, void **at, const char **key)
{
	*key = NULL;
	if (!vl_jval_is_object(object))
		return NULL;
	*at = *at ? json_object_iter_next(for_iterator(object), *at) : json_object_iter(for_iterator(object));
	if (!*at)
		return NULL;
	*key = json_object_iter_key(*at);
	return value(json_object_iter_value(*at));
}

const char *vl_jval_str(const struct vl_jval *v)
{
	return json_string_value(tree(v));
}

bool vl_jval_u64(const struct vl_jval *v, uint64_t *out)
{
	if (!json_is_integer(tree(v)) || json_integer_value(tree(v)) < 0)
		return false;
	*out = (uint64_t)json_integer_value(tree(v));
	return true;
}
