/* SPDX-License-Identifier: Apache-2.0 */
/* net/retry.c: when to ask again, and which failure to show.
 * In: the number of tries, what the server said. Out: milliseconds, ranks. Pure. */
#include "net/net_priv.h"

#include <stdlib.h>

#include "base/text.h"

#define CAP 60u          /* longest pause of our own, in first pauses */
#define FLOOR_RATE 5u    /* shortest pause after "too many requests": GHCR's own hint is microseconds */
#define CAP_SERVER 120u  /* longest pause that a server can make us keep */

unsigned vl_retry_pause_ms(const struct vl_retry_ask *a)
{
	uint64_t base = a->base_ms, pause = base, want, spread;

	for (unsigned i = 1; i < a->tries && pause < CAP * base; i++)
		pause *= 2;
	if (pause > CAP * base)
		pause = CAP * base;
	if (a->rate && pause < FLOOR_RATE * base)
		pause = FLOOR_RATE * base;
	spread = pause / 2;
	pause = pause - pause / 4 + (spread ? a->random % (spread + 1) : 0);
	if (a->retry_after > 0) {
		want = a->retry_after > 86400 ? 86400000u : (uint64_t)a->retry_after * 1000;
		if (want > CAP_SERVER * base)
			want = CAP_SERVER * base;
		if (pause < want)
			pause = want + (spread ? a->random % (spread / 2 + 1) : 0);
	}
	return (unsigned)pause;
}

bool vl_retry_after_parse(const char *value, int64_t now, int64_t *seconds)
{
	int64_t when, n = 0;
	const char *s = value;

	for (; *s >= '0' && *s <= '9'; s++)
		if (n < INT64_MAX / 100)
			n = n * 10 + (*s - '0');
	if (s != value && !*s) {
		*seconds = n;
		return true;
	}
	if (!vl_http_date_parse(value, &when))
		return false;
	*seconds = when > now ? when - now : 0;
	return true;
}

bool vl_retry_status(int status)
{
	return status == 408 || status == 425 || status == 429 || (status >= 500 && status <= 599);
}

/* "Does not exist" comes last: a mirror that lacks something says nothing as long as another server was not asked. */
unsigned vl_retry_rank(enum vl_code code)
{
	static const enum vl_code order[] = { VL_E_GONE, VL_E_NET, VL_E_TIMEOUT, VL_E_REDIRECT, VL_E_RATE, VL_E_REFUSED,
					      VL_E_TLS,	 VL_E_CONTENT };

	for (unsigned i = 0; i < VL_LEN(order); i++)
		if (order[i] == code)
			return i + 1;
	return code == VL_OK ? 0 : VL_LEN(order) + 1;
}
