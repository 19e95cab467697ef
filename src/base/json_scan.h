/* SPDX-License-Identifier: Apache-2.0 */
/* base/json_scan.h: the strict pre-scan behind vl_json_parse(). */
#ifndef VL_BASE_JSON_SCAN_H
#define VL_BASE_JSON_SCAN_H

#include "base/json.h"

/* True when text is one JSON document under the rules. Otherwise *at is the byte offset and *why a static text. */
bool vl_json_scan(struct vl_bytes text, enum vl_json_rules rules, size_t *at, const char **why);

#endif
