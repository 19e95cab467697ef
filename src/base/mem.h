/* SPDX-License-Identifier: Apache-2.0 */
/* base/mem.h: memory for our own small sizes. These never return NULL: without memory the process says so and ends
 * with status 23, which is as safe as a power cut. A size that comes from outside never reaches them: it goes through
 * a capped vl_buf or vl_alloc(). */
#ifndef VL_BASE_MEM_H
#define VL_BASE_MEM_H

#include <stdarg.h>
#include <stddef.h>

#include "base/err.h"

void *vl_xcalloc(size_t n, size_t size);
void *vl_xrealloc(void *p, size_t n, size_t size);
char *vl_xstrdup(const char *s);   /* NULL gives NULL */
char *vl_xstrndup(const char *s, size_t n);
char *vl_xprintf(const char *fmt, ...) VL_PRINTF(1, 2);
/* Memory of a size that was checked against a limit: fails with VL_E_MEMORY instead of ending. The caller frees. */
VL_MUST bool vl_alloc(void **out, size_t size, struct vl_err *e);
/* Grows *array (of n elements of `size` bytes, capacity in *cap) so that one more fits. */
void vl_grow(void *array_ptr, size_t n, size_t *cap, size_t size);

#endif
