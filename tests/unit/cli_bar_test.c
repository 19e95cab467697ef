/* SPDX-License-Identifier: Apache-2.0 */
/* The progress line: what it says, and that it never wraps. */
#include "tests/lib/tap.h"

#include "cli/command.h"

#define MB UINT64_C(1000000)

int main(void)
{
	static const struct {
		struct vl_bar bar;
		unsigned columns;
		const char *want;
	} rows[] = {
		{ { "unpack", NULL, 418 * MB, 900 * MB, 83e6 }, 80,
		  "unpack  [=========>          ]  46 %  418 MB of 900 MB  83 MB/s  6 seconds left" },
		{ { "unpack", NULL, 418 * MB, 900 * MB, 83e6 }, 70,
		  "unpack  [====>     ]  46 %  418 MB of 900 MB  83 MB/s  6 seconds left" },
		{ { "unpack", NULL, 0, 900 * MB, 0 }, 80, "unpack  [>                   ]  0 %  0 B of 900 MB" },
		{ { "unpack", NULL, 900 * MB, 900 * MB, 0 }, 80,
		  "unpack  [====================]  100 %  900 MB of 900 MB" },
		{ { "unpack", NULL, 950 * MB, 900 * MB, 0 }, 80,
		  "unpack  [====================]  100 %  950 MB of 900 MB" },
		{ { "fetch", "osv", 5 * MB, 0, 1e6 }, 80, "fetch  5.0 MB  1.0 MB/s  osv" },
		{ { "fetch", NULL, 0, 0, 0 }, 80, "fetch  ..." },
		{ { "fetch", "a-name-that-is-too-long-for-the-rest-of-the-line", 5 * MB, 0, 1e6 }, 60,
		  "fetch  5.0 MB  1.0 MB/s" },
	};
	char out[256];

	for (size_t i = 0; i < VL_LEN(rows); i++) {
		vl_bar_format(&rows[i].bar, rows[i].columns, out, sizeof out);
		tap_str(out, rows[i].want, "row %zu", i);
	}
	for (unsigned columns = 1; columns < 120; columns++) {
		struct vl_bar bar = { "read back", "trivy-db", 999 * MB, 1000 * MB, 12.5e6 };

		vl_bar_format(&bar, columns, out, sizeof out);
		if (strlen(out) >= columns)
			tap_ok(false, "%u columns hold %zu characters", columns, strlen(out));
	}
	tap_ok(true, "no width from 1 to 119 is exceeded");
	return tap_done();
}
