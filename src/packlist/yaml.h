/* SPDX-License-Identifier: Apache-2.0 */
/* packlist/yaml.h: one small YAML file -> structs, by a libcyaml schema, with errors that name file, line and column.
 * libyaml's document tree is kept beside the structs: it knows where everything stands, so that checks of meaning can
 * point at a line, too. `at` names a place in the file: "" the whole, "channel", "items.2", "items.2.ecosystems.0"; a
 * "!" at its end means the key instead of its value. */
#ifndef VL_PACKLIST_YAML_H
#define VL_PACKLIST_YAML_H

#include <stdint.h>

#include "base/err.h"

#define VL_YAML_MAX (1u << 20) /* bytes of a file */

struct cyaml_schema_value;
struct vl_yaml;

/* Reads a regular file (links are followed) of one YAML document. Breaches are `code`. Not there: *absent = true and
 * success with *out = NULL, when absent is not NULL. */
VL_MUST bool vl_yaml_open(struct vl_yaml **out, const char *path, enum vl_code code, bool *absent, struct vl_err *e);
void vl_yaml_free(struct vl_yaml *y);
VL_DEFINE_AUTO(vl_yaml)
/* No document at all, or an empty one. */
bool vl_yaml_is_empty(const struct vl_yaml *y);
/* The structs, in malloc'd memory that the caller frees field by field. Fields of type CYAML_IGNORE must be single
 * values; vl_yaml_text() gives them. */
VL_MUST bool vl_yaml_fill(const struct vl_yaml *y, const struct cyaml_schema_value *schema, void **data,
			  struct vl_err *e);
/* A single value's text, borrowed; NULL: not there. */
const char *vl_yaml_text(const struct vl_yaml *y, const char *at);
bool vl_yaml_has(const struct vl_yaml *y, const char *at);
unsigned vl_yaml_line(const struct vl_yaml *y, const char *at);
/* "FILE:LINE:COLUMN: ..." with the code given to open. Returns false. */
bool vl_yaml_fail(const struct vl_yaml *y, struct vl_err *e, const char *at, const char *fmt, ...) VL_PRINTF(4, 5);

#endif
