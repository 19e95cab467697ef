/* SPDX-License-Identifier: Apache-2.0 */
/* base/mem.c: allocation that either works or ends the process in words. */
#include "base/mem.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void out_of_memory(void)
{
	static const char text[] = "valise: E2301: not enough memory. Use fewer --jobs.\n";

	(void)!write(STDERR_FILENO, text, sizeof text - 1);
	_exit(23);
}

void *vl_xcalloc(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size ? size : 1);

	if (!p)
		out_of_memory();
	return p;
}

void *vl_xrealloc(void *p, size_t n, size_t size)
{
	void *q = reallocarray(p, n ? n : 1, size);

	if (!q)
		out_of_memory();
	return q;
}

char *vl_xstrdup(const char *s)
{
	return s ? vl_xstrndup(s, strlen(s)) : NULL;
}

char *vl_xstrndup(const char *s, size_t n)
{
	char *copy = vl_xcalloc(n + 1, 1);

	memcpy(copy, s, n);
	return copy;
}

char *vl_xprintf(const char *fmt, ...)
{
	char *s = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0)
		out_of_memory();
	va_end(ap);
	return s;
}

bool vl_alloc(void **out, size_t size, struct vl_err *e)
{
	*out = malloc(size ? size : 1);
	if (!*out)
		return vl_fail(e, VL_E_MEMORY, "no memory for %zu bytes", size);
	return true;
}

void vl_grow(void *array_ptr, size_t n, size_t *cap, size_t size)
{
	void **array = array_ptr;

	if (n < *cap)
		return;
	*cap = *cap ? *cap * 2 : 8;
	*array = vl_xrealloc(*array, *cap, size);
}
