/* SPDX-License-Identifier: Apache-2.0 */
/* base/err.c: fill and extend a struct vl_err. */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ROW(name, number, what, advice) { name, advice },
static const struct {
	enum vl_code code;
	const char *advice;
} rows[] = { VL_CODES(ROW) };

static const struct {
	int err;
	enum vl_code code;
} by_errno[] = {
	{ ENOSPC, VL_E_NOSPACE }, { EDQUOT, VL_E_NOSPACE },    { EFBIG, VL_E_NOSPACE },   { EROFS, VL_E_READONLY },
	{ EACCES, VL_E_PERMISSION }, { EPERM, VL_E_PERMISSION }, { ENOMEM, VL_E_MEMORY }, { EMFILE, VL_E_FDS },
	{ ENFILE, VL_E_FDS },
};

bool vl_fail(struct vl_err *e, enum vl_code code, const char *fmt, ...)
{
	va_list ap;

	e->code = code;
	e->hint[0] = e->file[0] = e->found[0] = e->expected[0] = e->state[0] = '\0';
	va_start(ap, fmt);
	vsnprintf(e->msg, sizeof e->msg, fmt, ap);
	va_end(ap);
	return false;
}

bool vl_fail_os(struct vl_err *e, const char *fmt, ...)
{
	int err = errno;
	char what[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	vl_fail(e, vl_code_of_errno(err), "%s: %s", what, strerror(err));
	errno = err;
	return false;
}

bool vl_while(struct vl_err *e, const char *fmt, ...)
{
	char joined[sizeof e->msg], context[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(context, sizeof context, fmt, ap);
	va_end(ap);
	if (snprintf(joined, sizeof joined, "%s: %s", context, e->msg) >= (int)sizeof joined)
		joined[sizeof joined - 1] = '\0';
	memcpy(e->msg, joined, sizeof joined);
	return false;
}

bool vl_hint(struct vl_err *e, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(e->hint, sizeof e->hint, fmt, ap);
	va_end(ap);
	return false;
}

bool vl_found(struct vl_err *e, const char *file, const char *found, const char *expected)
{
	if (file)
		snprintf(e->file, sizeof e->file, "%s", file);
	if (found)
		snprintf(e->found, sizeof e->found, "%s", found);
	if (expected)
		snprintf(e->expected, sizeof e->expected, "%s", expected);
	return false;
}

int vl_code_exit(enum vl_code code)
{
	return (int)code / 100;
}

const char *vl_code_advice(enum vl_code code)
{
	for (size_t i = 0; i < VL_LEN(rows); i++)
		if (rows[i].code == code)
			return rows[i].advice;
	return "";
}

enum vl_code vl_code_of_errno(int err)
{
	for (size_t i = 0; i < VL_LEN(by_errno); i++)
		if (by_errno[i].err == err)
			return by_errno[i].code;
	return VL_E_IO;
}
