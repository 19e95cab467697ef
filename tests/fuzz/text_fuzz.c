/* SPDX-License-Identifier: Apache-2.0 */
/* tests/fuzz/text_fuzz.c: safe printing, paths, names, sizes, times. What vl_safe_text() returns has no control byte.
 * */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	VL_STR s = vl_xstrndup((const char *)data, size);
	VL_STR safe = vl_safe_text(s, 120);
	VL_STR encoded = vl_percent_encode(s);
	uint64_t n;
	int64_t t;

	for (const char *p = safe; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			abort();
	if (vl_path_is_safe(s) && (s[0] == '/' || !strncmp(s, "../", 3) || strstr(s, "/../") || strchr(s, '\n')))
		abort();
	(void)vl_name_is_valid(s);
	(void)vl_size_parse(s, &n);
	(void)vl_duration_parse(s, &t);
	(void)vl_time_parse(s, &t);
	(void)vl_time_parse_loose(s, &t);
	(void)vl_http_date_parse(s, &t);
	return encoded ? 0 : 1;
}

void fuzz_seeds(void (*add)(const void *data, size_t size))
{
	static const char *const seeds[] = {
		("a/b c/\xe2\x80\xae" "d\x1b[31m"),  "64MiB", "14d", "2026-11-21T08:00:00.123+01:00",
		"Sun, 06 Nov 1994 08:49:37 GMT", "..",    "\xf0\x9f\x98\x80\xc3\x28\xff",
	};

	for (size_t i = 0; i < VL_LEN(seeds); i++)
		add(seeds[i], strlen(seeds[i]));
}
