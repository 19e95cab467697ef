/* SPDX-License-Identifier: Apache-2.0 */
/* tests/lib/tap.h: unit tests speak TAP. Each check is one line; the failing input is in its name.
 *     int main(void) { ...checks...; return tap_done(); } */
#ifndef VL_TESTS_TAP_H
#define VL_TESTS_TAP_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"

static int tap_count_, tap_failed_;

#define tap_ok(cond, ...)                                                                                              \
	({                                                                                                             \
		bool tap_good_ = (cond);                                                                               \
		printf("%sok %d - ", tap_good_ ? "" : "not ", ++tap_count_);                                           \
		printf(__VA_ARGS__);                                                                                   \
		printf("\n");                                                                                          \
		if (!tap_good_) {                                                                                      \
			tap_failed_++;                                                                                 \
			printf("# failed at %s:%d: %s\n", __FILE__, __LINE__, #cond);                                  \
		}                                                                                                      \
		tap_good_;                                                                                             \
	})
#define tap_is(got, want, ...)                                                                                         \
	({                                                                                                             \
		long long tap_got_ = (long long)(got), tap_want_ = (long long)(want);                                  \
		if (!tap_ok(tap_got_ == tap_want_, __VA_ARGS__))                                                       \
			printf("# got %lld, want %lld\n", tap_got_, tap_want_);                                        \
	})
#define tap_str(got, want, ...)                                                                                        \
	({                                                                                                             \
		const char *tap_gs_ = (got), *tap_ws_ = (want);                                                        \
		if (!tap_ok(tap_gs_ && tap_ws_ && !strcmp(tap_gs_, tap_ws_), __VA_ARGS__))                             \
			printf("# got \"%s\", want \"%s\"\n", tap_gs_ ? tap_gs_ : "(null)",                            \
			       tap_ws_ ? tap_ws_ : "(null)");                                                          \
	})
/* The call must succeed; the error is shown when it does not. */
#define tap_good(call, e, ...)                                                                                         \
	({                                                                                                             \
		if (!tap_ok((call), __VA_ARGS__))                                                                      \
			printf("# E%04d: %s\n", (int)(e)->code, (e)->msg);                                             \
	})
/* The call must fail with this code. */
#define tap_fails(call, e, want_code, ...)                                                                             \
	({                                                                                                             \
		bool tap_done_ = (call);                                                                               \
		if (!tap_ok(!tap_done_ && (e)->code == (want_code), __VA_ARGS__))                                      \
			printf("# %s E%04d: %s\n", tap_done_ ? "succeeded" : "failed with", (int)(e)->code, (e)->msg); \
	})
#define tap_skip(...)                                                                                                  \
	({                                                                                                             \
		printf("ok %d # SKIP ", ++tap_count_);                                                                 \
		printf(__VA_ARGS__);                                                                                   \
		printf("\n");                                                                                          \
	})

static inline int tap_done(void)
{
	printf("1..%d\n", tap_count_);
	return tap_failed_ ? 1 : 0;
}

#endif
