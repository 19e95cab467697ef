/* SPDX-License-Identifier: Apache-2.0 */
/* base/version.c: the only reader of config.h's version. */
#include "config.h"

#include "base/version.h"

const char *vl_version(void)
{
	return PACKAGE_VERSION;
}

int64_t vl_release_time(void)
{
	return VALISE_RELEASE_TIME;
}
