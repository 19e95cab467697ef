/* SPDX-License-Identifier: Apache-2.0 */
/* base/version.h: which valise this is. */
#ifndef VL_BASE_VERSION_H
#define VL_BASE_VERSION_H

#include <stdint.h>

const char *vl_version(void);     /* "0.1.0" */
int64_t vl_release_time(void);    /* when this release was made, seconds: a clock before it is wrong */

#endif
