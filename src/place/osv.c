/* SPDX-License-Identifier: Apache-2.0 */
/* place/osv.c: OSV-Scanner's local databases.
 * In:    items of type osv: one layer per ecosystem, titled <ECOSYSTEM>/all.zip (or <ECOSYSTEM>.zip).
 * Out:   osv-scanner/<ECOSYSTEM>/all.zip for versions up to 2.4, osv-scalibr/<ECOSYSTEM>/all.zip for newer ones, both
 *        the same file: the scanner only reads.
 * Keeps: an ecosystem's name is one step of a path, with its capitals and blanks. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "place/place_priv.h"

static const char *const folders[] = { "osv-scanner", "osv-scalibr" };

struct placing {
	const struct vl_fill *fill;
	int dir;
};

/* "Rocky Linux/all.zip" -> "Rocky Linux"; NULL: not an ecosystem's zip. The caller frees. */
static char *ecosystem_of(const struct vl_desc *layer)
{
	const char *title = vl_desc_get(layer, VL_AN_TITLE);
	size_t cut = title && vl_ends_with(title, "/all.zip") ? 8 : 4;
	VL_STR eco = NULL;

	if (!title || !vl_ends_with(title, ".zip") || strlen(title) <= cut)
		return NULL;
	eco = vl_xstrndup(title, strlen(title) - cut);
	return vl_path_is_safe(eco) && !strchr(eco, '/') ? vl_steal(&eco) : NULL;
}

static bool put_layer(void *ctx, const struct vl_desc *layer, struct vl_err *e)
{
	const struct placing *p = ctx;
	VL_STR eco = ecosystem_of(layer);
	struct stat st;

	if (!eco)
		return vl_fail(e, VL_E_PLACE, "a layer is not titled <ECOSYSTEM>/all.zip");
	for (size_t i = 0; i < VL_LEN(folders); i++) {
		VL_STR rel = vl_xprintf("%s/%s/all.zip", folders[i], eco);

		if (!fstatat(p->dir, rel, &st, AT_SYMLINK_NOFOLLOW)) {
			vl_emit_warn(p->fill->env, "two osv items hold the ecosystem %s; the first is placed", eco);
			return true;
		}
		if (!vl_tree_put(p->fill, p->dir, rel, layer, 0444, e))
			return false;
	}
	return true;
}

static bool fill(const struct vl_fill *f, int dir, const struct vl_picked *items, struct vl_err *e)
{
	struct vl_docs docs = vl_docs_of_store(f->store);
	struct placing p = { f, dir };

	for (size_t i = 0; i < items->n; i++)
		if (!vl_item_layers(&docs, items->item[i], put_layer, &p, e))
			return vl_while(e, "item %s", vl_desc_get(items->item[i], VL_AN_ITEM));
	return true;
}

static bool need(const struct vl_store *s, const struct vl_desc *item, uint64_t *bytes, struct vl_err *e)
{
	(void)s;
	(void)item;
	(void)e;
	*bytes = 0; /* links */
	return true;
}

static bool exports(const struct vl_where *w, struct vl_buf *out, struct vl_err *e)
{
	return vl_shell_export(out, "OSV_SCANNER_LOCAL_DB_CACHE_DIRECTORY", w->path, e) &&
	       vl_shell_export(out, "OSV_SCALIBR_LOCAL_DB_CACHE_DIRECTORY", w->path, e);
}

static bool advice(const struct vl_where *w, struct vl_buf *out, struct vl_err *e)
{
	char text[32];

	return vl_buf_addf(out, e,
			   "# OSV-Scanner (%s %llu, advisories of %s):\n"
			   "#   version 2: osv-scanner scan source --offline -r DIR\n"
			   "#   version 1: osv-scanner --experimental-offline -r DIR\n",
			   w->channel->name, (unsigned long long)w->channel->sequence,
			   vl_item_age_text(w->item, text));
}

const struct vl_consumer vl_consumer_osv = {
	.name = "osv-scanner",
	.dir = "osv",
	.types = { "osv" },
	.dir_mode = 0755,
	.swapped = { "osv-scanner", "osv-scalibr" },
	.fill = fill,
	.need = need,
	.exports = exports,
	.advice = advice,
};
