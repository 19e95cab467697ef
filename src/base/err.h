/* SPDX-License-Identifier: Apache-2.0 */
/* base/err.h: what went wrong, carried up by the caller.
 * A function that can fail returns bool and takes `struct vl_err *e` last, never NULL, owned by the caller. Nothing is
 * allocated. Below: fail in one line, add context on the way up.
 *     if (!vl_waybill_parse(&text, &m, e))
 *             return vl_while(e, "volume %u", n);
 * All functions here return false, so that they can stand behind `return`. */
#ifndef VL_BASE_ERR_H
#define VL_BASE_ERR_H

#include <stdbool.h>

#include "base/auto.h"
#include "base/codes.h"

struct vl_err {
	enum vl_code code;
	char msg[1536];     /* outside-in: "volume 2: waybill.json: digest is not hex" */
	char hint[512];     /* what to do next; empty: the table's advice */
	char file[256];     /* for --json: the file it is about, or empty */
	char found[160];    /* for --json, or empty */
	char expected[160]; /* for --json, or empty */
	char state[160];    /* "store unchanged (prod 41)", set by the pipeline, or empty */
};
#define VL_ERR_INIT { .code = VL_OK }

/* Sets code and message; forgets hint, file, found, expected. */
bool vl_fail(struct vl_err *e, enum vl_code code, const char *fmt, ...) VL_PRINTF(3, 4);
/* Same, with the code and the text that errno asks for: "open store /x: Permission denied". Keeps errno. */
bool vl_fail_os(struct vl_err *e, const char *fmt, ...) VL_PRINTF(2, 3);
/* Puts "context: " before the message. */
bool vl_while(struct vl_err *e, const char *fmt, ...) VL_PRINTF(2, 3);
/* Replaces the advice. */
bool vl_hint(struct vl_err *e, const char *fmt, ...) VL_PRINTF(2, 3);
/* Fills file, found, expected (each may be NULL) and leaves the message alone. */
bool vl_found(struct vl_err *e, const char *file, const char *found, const char *expected);

/* The exit status of a code: number / 100. VL_E_INTERRUPTED is 1 here; cli/ gives 128 + signal. */
int vl_code_exit(enum vl_code code);
/* The table's advice; static storage. */
const char *vl_code_advice(enum vl_code code);
/* The code that an errno value stands for (ENOSPC and EDQUOT: VL_E_NOSPACE, ...). */
enum vl_code vl_code_of_errno(int err);

#endif
