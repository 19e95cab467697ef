/* SPDX-License-Identifier: Apache-2.0 */
/* base/env.h: what a run carries with it instead of globals: the time, the events' way out, the wish to stop.
 * Events are emitted on the thread that called the stage, never on a worker. */
#ifndef VL_BASE_ENV_H
#define VL_BASE_ENV_H

#include <signal.h>
#include <stdint.h>
#include <time.h>

#include "base/err.h"

enum vl_event_kind {
	VL_EV_PHASE = 1, /* a phase begins: phase, total (bytes, 0 = not known) */
	VL_EV_PROGRESS,  /* within it: done, total (bytes) */
	VL_EV_PHASE_END, /* done = bytes moved */
	VL_EV_ITEM,      /* one thing is finished: item, text (a short clause), done = bytes */
	VL_EV_NOTE,      /* a sentence for the operator: text */
	VL_EV_WARN,      /* a sentence that needs attention: text */
	VL_EV_DEBUG,     /* shown with --verbose: text */
};

/* Strings are borrowed for the call. Text may hold foreign names: cli/ makes them safe to print. */
struct vl_event {
	enum vl_event_kind kind;
	const char *phase; /* "fetch", "check", "pack", "read back", "verify", "unpack", "place" */
	const char *item;  /* or NULL */
	const char *text;  /* or NULL */
	uint64_t done, total;
};

struct vl_env {
	int64_t now; /* seconds since 1970, taken once per run */
	void (*emit)(void *ctx, const struct vl_event *ev); /* NULL: silent */
	void *emit_ctx;
	const volatile sig_atomic_t *stop; /* NULL, or: becomes the signal's number when the user wants to stop */
	unsigned jobs;                     /* worker threads, at least 1 */
};

void vl_emit(const struct vl_env *env, const struct vl_event *ev);
void vl_emit_phase(const struct vl_env *env, const char *phase, uint64_t total);
void vl_emit_progress(const struct vl_env *env, const char *phase, uint64_t done, uint64_t total);
void vl_emit_phase_end(const struct vl_env *env, const char *phase, uint64_t done);
void vl_emit_item(const struct vl_env *env, const char *phase, const char *item, uint64_t bytes, const char *fmt, ...)
	VL_PRINTF(5, 6);
void vl_emit_note(const struct vl_env *env, const char *fmt, ...) VL_PRINTF(2, 3);
void vl_emit_warn(const struct vl_env *env, const char *fmt, ...) VL_PRINTF(2, 3);
void vl_emit_debug(const struct vl_env *env, const char *fmt, ...) VL_PRINTF(2, 3);
/* False with VL_E_INTERRUPTED once the user wants to stop. Long loops ask between two steps. */
VL_MUST bool vl_env_go_on(const struct vl_env *env, struct vl_err *e);

#endif
