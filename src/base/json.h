/* SPDX-License-Identifier: Apache-2.0 */
/* base/json.h: the only door to JSON. A strict pre-scan decides what is accepted, jansson builds the tree, and callers
 * see neither. All documents: UTF-8 without BOM, no duplicate keys, no trailing bytes but white space, no U+0000, no
 * lone surrogates; errors give the byte offset.
 * VL_JSON_SIGNED (ours): depth <= 8, integers 0..2^53-1 only (no sign, fraction, exponent, leading zero), strings
 *   <= 1 KiB without control characters, arrays <= 32768, an object at the top, nothing behind it but one LF.
 * VL_JSON_OCI (foreign): depth <= 64, numbers may be reals, strings up to the document's size.
 * Both: at most 4096 members in an object, because they are looked up one after the other. */
#ifndef VL_BASE_JSON_H
#define VL_BASE_JSON_H

#include "base/buf.h"

enum vl_json_rules { VL_JSON_SIGNED = 1, VL_JSON_OCI };

struct vl_json; /* a whole document, owned */
struct vl_jval; /* a value inside it, borrowed; NULL is "not there" and every reader below accepts it */

/* `what` names the document in errors ("waybill.json"); a breach is `code`. */
VL_MUST bool vl_json_parse(struct vl_json **out, struct vl_bytes text, enum vl_json_rules rules, const char *what,
			   enum vl_code code, struct vl_err *e);
void vl_json_free(struct vl_json *j);
VL_DEFINE_AUTO(vl_json)
const struct vl_jval *vl_json_root(const struct vl_json *j);

bool vl_jval_is_object(const struct vl_jval *v);
bool vl_jval_is_array(const struct vl_jval *v);
bool vl_jval_is_null(const struct vl_jval *v); /* JSON null; false for "not there" */
const struct vl_jval *vl_jval_get(const struct vl_jval *object, const char *key);
size_t vl_jval_count(const struct vl_jval *v); /* elements or members; 0 for anything else */
const struct vl_jval *vl_jval_at(const struct vl_jval *array, size_t i);
/* Member i in the document's order; *key is borrowed. */
const struct vl_jval *vl_jval_member(const struct vl_jval *object, size_t i, const char **key);
/* One member after the other, *at NULL at first; NULL: that was the last. vl_jval_member() counts from the first one
 * each time: a thousand members are half a million steps. */
const struct vl_jval *vl_jval_next(const struct vl_jval *object, void **at, const char **key);
const char *vl_jval_str(const struct vl_jval *v);                   /* NULL unless a string */
bool vl_jval_u64(const struct vl_jval *v, uint64_t *out);           /* false unless an integer >= 0 */

/* Writing: compact, in call order, so that the same calls give the same bytes. The first failure is kept and reported
 * by vl_jw_end(), which adds no LF. key is NULL inside arrays and for the top value. */
struct vl_jw {
	struct vl_buf *out; /* borrowed */
	bool comma, failed;
	unsigned depth;
	bool pretty; /* one member per line, two spaces per level: for files that people read */
	struct vl_err err;
};
void vl_jw_init(struct vl_jw *w, struct vl_buf *out, bool pretty);
void vl_jw_object(struct vl_jw *w, const char *key);
void vl_jw_object_end(struct vl_jw *w);
void vl_jw_array(struct vl_jw *w, const char *key);
void vl_jw_array_end(struct vl_jw *w);
void vl_jw_str(struct vl_jw *w, const char *key, const char *value); /* value NULL: member left out */
void vl_jw_u64(struct vl_jw *w, const char *key, uint64_t value);
void vl_jw_i64(struct vl_jw *w, const char *key, int64_t value);
void vl_jw_bool(struct vl_jw *w, const char *key, bool value);
void vl_jw_null(struct vl_jw *w, const char *key);
VL_MUST bool vl_jw_end(struct vl_jw *w, struct vl_err *e);

#endif
