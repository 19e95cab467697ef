/* SPDX-License-Identifier: Apache-2.0 */
/* base/auto.h: ownership by scope.
 * VL_AUTO(T) p       a pointer to struct T that T_free() releases at the end of the scope
 * VL_CLEAN(T) v      a struct T value that T_clear() empties at the end of the scope
 * vl_steal(&p)       returns p and leaves NULL behind: ownership moves to the caller */
#ifndef VL_BASE_AUTO_H
#define VL_BASE_AUTO_H

#include <stddef.h>

#define VL_MUST __attribute__((warn_unused_result))
#define VL_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define VL_LEN(array) (sizeof(array) / sizeof((array)[0]))
#define vl_container_of(ptr, type, member) ((type *)(void *)((char *)(ptr) - offsetof(type, member)))

/* Once per type, beside its declaration: makes VL_AUTO(T) or VL_CLEAN(T) possible. */
#define VL_DEFINE_AUTO(T)                                                                                              \
	static inline void T##_autop(struct T **p)                                                                     \
	{                                                                                                              \
		T##_free(*p);                                                                                          \
	}
#define VL_DEFINE_CLEAN(T)                                                                                             \
	static inline void T##_cleanp(struct T *v)                                                                     \
	{                                                                                                              \
		T##_clear(v);                                                                                          \
	}
#define VL_AUTO(T) __attribute__((cleanup(T##_autop))) struct T *
#define VL_CLEAN(T) __attribute__((cleanup(T##_cleanp))) struct T

#define vl_steal(pp)                                                                                                   \
	({                                                                                                             \
		__typeof__(*(pp)) vl_stolen_ = *(pp);                                                                  \
		*(pp) = NULL;                                                                                          \
		vl_stolen_;                                                                                            \
	})

/* A file descriptor closed at the end of the scope; -1 is "none". */
#define VL_FD __attribute__((cleanup(vl_fd_closep))) int
void vl_fd_closep(int *fd);
/* Returns *fd and leaves -1 behind. */
int vl_fd_steal(int *fd);

/* A char * (or other malloc'd memory) freed at the end of the scope. */
#define VL_STR __attribute__((cleanup(vl_str_freep))) char *
void vl_str_freep(char **s);

#endif
