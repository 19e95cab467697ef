/* SPDX-License-Identifier: Apache-2.0 */
/* base/json_write.c: JSON in call order, so that the same calls give the same bytes: signatures depend on it.
 * Keeps: after the first failure nothing more is written; text that is not UTF-8 is a failure, never repaired, because
 * the reader on the other side must get the name that was meant or none. */
#include <inttypes.h>

#include "base/json.h"
#include "base/utf8.h"

void vl_jw_init(struct vl_jw *w, struct vl_buf *out, bool pretty)
{
	*w = (struct vl_jw){ .out = out, .pretty = pretty };
}

static void put(struct vl_jw *w, const char *s, size_t len)
{
	if (!w->failed && !vl_buf_add(w->out, vl_bytes(s, len), &w->err))
		w->failed = true;
}

static void put_str(struct vl_jw *w, const char *s)
{
	put(w, s, strlen(s));
}

static void new_line(struct vl_jw *w)
{
	put_str(w, "\n");
	for (unsigned i = 0; i < w->depth; i++)
		put_str(w, "  ");
}

/* One byte that cannot stand in a string as it is. */
static void put_escaped(struct vl_jw *w, uint8_t c)
{
	if (w->failed)
		return;
	if (c == '"' || c == '\\')
		w->failed = !vl_buf_addf(w->out, &w->err, "\\%c", c);
	else if (c == '\n')
		put_str(w, "\\n");
	else
		w->failed = !vl_buf_addf(w->out, &w->err, "\\u%04x", c);
}

static void put_quoted(struct vl_jw *w, const char *s)
{
	const uint8_t *at = (const uint8_t *)s;
	size_t len = strlen(s), plain = 0, n;

	put_str(w, "\"");
	for (size_t i = 0; i < len; i += n) {
		n = vl_utf8_take(at + i, len - i, NULL);
		if (n == 0) {
			if (!w->failed)
				vl_fail(&w->err, VL_E_FORMAT, "a text for JSON is not UTF-8 at its byte %zu", i);
			w->failed = true;
			return;
		}
		if (at[i] >= 0x20 && at[i] != 0x7f && at[i] != '"' && at[i] != '\\')
			continue;
		put(w, s + plain, i - plain);
		put_escaped(w, at[i]);
		plain = i + n;
	}
	put(w, s + plain, len - plain);
	put_str(w, "\"");
}

/* What stands before a value. */
static void begin(struct vl_jw *w, const char *key)
{
	if (w->comma)
		put_str(w, ",");
	if (w->pretty && w->depth > 0)
		new_line(w);
	if (key) {
		put_quoted(w, key);
		put_str(w, w->pretty ? ": " : ":");
	}
	w->comma = true;
}

static void open_level(struct vl_jw *w, const char *key, const char *bracket)
{
	begin(w, key);
	put_str(w, bracket);
	w->depth++;
	w->comma = false;
}

static void close_level(struct vl_jw *w, const char *bracket)
{
	if (w->depth == 0) {
		if (!w->failed)
			vl_fail(&w->err, VL_E_INTERNAL, "JSON level closed that was not open");
		w->failed = true;
		return;
	}
	w->depth--;
	if (w->pretty && w->comma)
		new_line(w);
	put_str(w, bracket);
	w->comma = true;
}

void vl_jw_object(struct vl_jw *w, const char *key)
{
	open_level(w, key, "{");
}

void vl_jw_object_end(struct vl_jw *w)
{
	close_level(w, "}");
}

void vl_jw_array(struct vl_jw *w, const char *key)
{
	open_level(w, key, "[");
}

void vl_jw_array_end(struct vl_jw *w)
{
	close_level(w, "]");
}

void vl_jw_str(struct vl_jw *w, const char *key, const char *value)
{
	if (!value)
		return;
	begin(w, key);
	put_quoted(w, value);
}

void vl_jw_u64(struct vl_jw *w, const char *key, uint64_t value)
{
	begin(w, key);
	if (!w->failed)
		w->failed = !vl_buf_addf(w->out, &w->err, "%" PRIu64, value);
}

void vl_jw_i64(struct vl_jw *w, const char *key, int64_t value)
{
	begin(w, key);
	if (!w->failed)
		w->failed = !vl_buf_addf(w->out, &w->err, "%" PRId64, value);
}

void vl_jw_bool(struct vl_jw *w, const char *key, bool value)
{
	begin(w, key);
	put_str(w, value ? "true" : "false");
}

void vl_jw_null(struct vl_jw *w, const char *key)
{
	begin(w, key);
	put_str(w, "null");
}

bool vl_jw_end(struct vl_jw *w, struct vl_err *e)
{
	if (w->failed) {
		*e = w->err;
		return false;
	}
	if (w->depth > 0)
		return vl_fail(e, VL_E_INTERNAL, "JSON ends with %u open levels", w->depth);
	return true;
}
