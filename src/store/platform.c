/* SPDX-License-Identifier: Apache-2.0 */
/* store/platform.c: what an image runs on, as people write it.
 * In:    a descriptor's platform; the words of a packing list or a command line ("linux/arm64/v8").
 * Out:   the same in words, and whether the two agree.
 * Keeps: nothing here decides what is fetched: callers do, and an image without a platform matches no words. */
#include <stdlib.h>
#include <string.h>

#include "store/oci.h"

char *vl_platform_text(const struct vl_platform *p)
{
	if (!p->os)
		return NULL;
	if (!p->architecture)
		return vl_xstrdup(p->os);
	return p->variant ? vl_xprintf("%s/%s/%s", p->os, p->architecture, p->variant) :
			    vl_xprintf("%s/%s", p->os, p->architecture);
}

/* Every arm64 is a v8 unless it says more: builders write both, and pullers take one for the other. */
static const char *variant_of(const struct vl_platform *p)
{
	if (p->variant || !p->architecture)
		return p->variant;
	return strcmp(p->architecture, "arm64") ? NULL : "v8";
}

/* The next part of *text: true when it is `part`. */
static bool part_is(const char **text, const char *part)
{
	size_t len = strcspn(*text, "/");
	bool same = part && strlen(part) == len && !memcmp(part, *text, len);

	*text += len;
	return same;
}

bool vl_platform_matches(const struct vl_platform *p, const char *text)
{
	const char *parts[] = { p->os, p->architecture, variant_of(p) };

	for (size_t i = 0; i < VL_LEN(parts); i++) {
		if (!part_is(&text, parts[i]))
			return false;
		if (!*text)
			return true;
		text++; /* the slash */
	}
	return false; /* a fourth part */
}
