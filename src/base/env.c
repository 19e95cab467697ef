/* SPDX-License-Identifier: Apache-2.0 */
/* base/env.c: emit events, ask for the wish to stop. */
#include "base/env.h"

#include <stdarg.h>
#include <stdio.h>

void vl_emit(const struct vl_env *env, const struct vl_event *ev)
{
	if (env->emit)
		env->emit(env->emit_ctx, ev);
}

void vl_emit_phase(const struct vl_env *env, const char *phase, uint64_t total)
{
	vl_emit(env, &(struct vl_event){ .kind = VL_EV_PHASE, .phase = phase, .total = total });
}

void vl_emit_progress(const struct vl_env *env, const char *phase, uint64_t done, uint64_t total)
{
	vl_emit(env, &(struct vl_event){ .kind = VL_EV_PROGRESS, .phase = phase, .done = done, .total = total });
}

void vl_emit_phase_end(const struct vl_env *env, const char *phase, uint64_t done)
{
	vl_emit(env, &(struct vl_event){ .kind = VL_EV_PHASE_END, .phase = phase, .done = done });
}

#define FORMAT_TEXT(text, fmt)                                                                                         \
	va_list ap;                                                                                                    \
	char text[1024];                                                                                               \
	va_start(ap, fmt);                                                                                             \
	vsnprintf(text, sizeof text, fmt, ap);                                                                         \
	va_end(ap)

void vl_emit_item(const struct vl_env *env, const char *phase, const char *item, uint64_t bytes, const char *fmt, ...)
{
	FORMAT_TEXT(text, fmt);
	vl_emit(env, &(struct vl_event){
			     .kind = VL_EV_ITEM, .phase = phase, .item = item, .text = text, .done = bytes });
}

void vl_emit_note(const struct vl_env *env, const char *fmt, ...)
{
	FORMAT_TEXT(text, fmt);
	vl_emit(env, &(struct vl_event){ .kind = VL_EV_NOTE, .text = text });
}

void vl_emit_warn(const struct vl_env *env, const char *fmt, ...)
{
	FORMAT_TEXT(text, fmt);
	vl_emit(env, &(struct vl_event){ .kind = VL_EV_WARN, .text = text });
}

void vl_emit_debug(const struct vl_env *env, const char *fmt, ...)
{
	FORMAT_TEXT(text, fmt);
	vl_emit(env, &(struct vl_event){ .kind = VL_EV_DEBUG, .text = text });
}

bool vl_env_go_on(const struct vl_env *env, struct vl_err *e)
{
	if (env->stop && *env->stop)
		return vl_fail(e, VL_E_INTERRUPTED, "stopped by signal %d", (int)*env->stop);
	return true;
}
