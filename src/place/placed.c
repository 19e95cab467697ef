/* SPDX-License-Identifier: Apache-2.0 */
/* place/placed.c: read and write state/placed.json.
 * Keeps: it is a memory of work done, never a proof: whoever relies on it also looks at the directory. */
#include "place/placed.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"

#define FILE_NAME "placed.json"
#define FORMAT "valise-placed-1"

void vl_placed_clear(struct vl_placed *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->line[i].key);
		free(p->line[i].identity);
	}
	free(p->line);
	*p = (struct vl_placed){ 0 };
}

const struct vl_placed_line *vl_placed_find(const struct vl_placed *p, const char *key)
{
	for (size_t i = 0; i < p->n; i++)
		if (!strcmp(p->line[i].key, key))
			return &p->line[i];
	return NULL;
}

void vl_placed_set(struct vl_placed *p, const char *key, const struct vl_digest *content, const char *identity)
{
	size_t i = 0;

	while (i < p->n && strcmp(p->line[i].key, key) != 0)
		i++;
	if (i == p->n) {
		vl_grow(&p->line, p->n, &p->cap, sizeof *p->line);
		p->line[p->n++] = (struct vl_placed_line){ .key = vl_xstrdup(key) };
	}
	free(p->line[i].identity);
	p->line[i].identity = vl_xstrdup(identity);
	p->line[i].content = *content;
}

bool vl_placed_load(struct vl_placed *p, int state_dir, struct vl_err *e)
{
	VL_CLEAN(vl_buf) text = VL_BUF_INIT(1u << 20);
	VL_AUTO(vl_json) json = NULL;
	const struct vl_jval *all, *v;
	const char *key, *content, *identity;
	struct vl_digest digest;
	struct vl_err unused;
	bool absent = false;

	if (!vl_load_file(state_dir, FILE_NAME, &text, &absent, e))
		return false;
	if (absent || !vl_json_parse(&json, vl_buf_bytes(&text), VL_JSON_OCI, FILE_NAME, VL_E_STATE, &unused))
		return true;
	all = vl_jval_get(vl_json_root(json), "places");
	for (size_t i = 0; i < vl_jval_count(all); i++) {
		v = vl_jval_at(all, i);
		key = vl_jval_str(vl_jval_get(v, "place"));
		content = vl_jval_str(vl_jval_get(v, "content"));
		identity = vl_jval_str(vl_jval_get(v, "identity"));
		if (key && content && identity && vl_digest_parse_oci(&digest, content))
			vl_placed_set(p, key, &digest, identity);
	}
	return true;
}

bool vl_placed_save(const struct vl_placed *p, int state_dir, struct vl_err *e)
{
	VL_CLEAN(vl_buf) text = VL_BUF_INIT(1u << 20);
	char content[VL_DIGEST_OCI];
	struct vl_jw w;

	vl_jw_init(&w, &text, true);
	vl_jw_object(&w, NULL);
	vl_jw_str(&w, "format", FORMAT);
	vl_jw_array(&w, "places");
	for (size_t i = 0; i < p->n; i++) {
		vl_jw_object(&w, NULL);
		vl_jw_str(&w, "place", p->line[i].key);
		vl_jw_str(&w, "content", vl_digest_oci(&p->line[i].content, content));
		vl_jw_str(&w, "identity", p->line[i].identity);
		vl_jw_object_end(&w);
	}
	vl_jw_array_end(&w);
	vl_jw_object_end(&w);
	return vl_jw_end(&w, e) && vl_save_file(state_dir, FILE_NAME, 0644, vl_buf_bytes(&text), e);
}
