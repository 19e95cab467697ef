/* SPDX-License-Identifier: Apache-2.0 */
/* place/files.c: plain files and trees, for whoever wants them.
 * In:    items of type http and dir: layers titled with relative paths; valise.unpack=true: one archive to expand.
 * Out:   a tree per item.
 * Keeps: an executable file is a copy (a blob is 0444 and stays so); an archive is expanded by archive/, which leaves
 *        nothing but files and directories below the tree. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "archive/extract.h"
#include "base/file.h"
#include "base/text.h"
#include "place/place_priv.h"

struct placing {
	const struct vl_fill *fill;
	int dir;
};

static bool is_expanded(const struct vl_desc *item)
{
	const char *unpack = vl_desc_get(item, VL_AN_UNPACK);

	return unpack && !strcmp(unpack, "true");
}

static mode_t mode_of(const struct vl_desc *layer)
{
	const char *mode = vl_desc_get(layer, VL_AN_MODE);

	return mode && !strcmp(mode, "0755") ? 0755 : 0444;
}

static bool put_file(void *ctx, const struct vl_desc *layer, struct vl_err *e)
{
	const char *title = vl_desc_get(layer, VL_AN_TITLE);
	const struct placing *p = ctx;

	if (!title)
		return vl_fail(e, VL_E_PLACE, "a layer has no title, so its file has no name");
	return vl_env_go_on(p->fill->env, e) && vl_tree_put(p->fill, p->dir, title, layer, mode_of(layer), e);
}

static bool expand_layer(void *ctx, const struct vl_desc *layer, struct vl_err *e)
{
	const char *title = vl_desc_get(layer, VL_AN_TITLE);
	VL_STR shown = vl_safe_text(title ? title : "archive", 100);
	const struct placing *p = ctx;
	struct vl_extract x = { .max_bytes = vl_extract_bytes_max(layer->size),
				.max_members = VL_EXTRACT_MEMBERS_MAX,
				.file_mode = 0444,
				.dir_mode = 0755,
				.keep_exec = true };
	VL_FD fd = -1;

	if (!vl_store_open_blob(p->fill->store, &layer->digest, layer->size, &fd, e) ||
	    !vl_extract(fd, p->dir, &x, shown, e))
		return false;
	if (x.skipped)
		vl_emit_warn(p->fill->env, "%s: %llu links or special files were left out", shown,
			     (unsigned long long)x.skipped);
	return true;
}

/* The previous generation's tree of the same content, or -1. */
static int previous_tree(const struct vl_fill *f, const struct vl_desc *item)
{
	const char *name = vl_desc_get(item, VL_AN_ITEM), *other;

	if (!f->link || f->previous < 0 || !f->before)
		return -1;
	for (size_t i = 0; i < f->before->n; i++) {
		other = vl_desc_get(&f->before->child[i], VL_AN_ITEM);
		if (other && !strcmp(other, name))
			return vl_digest_equal(&f->before->child[i].digest, &item->digest) &&
					       is_expanded(&f->before->child[i]) ?
				       openat(f->previous, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) :
				       -1;
	}
	return -1;
}

static bool fill(const struct vl_fill *f, int dir, const struct vl_picked *items, struct vl_err *e)
{
	const struct vl_desc *item = items->item[0];
	VL_FD previous = is_expanded(item) ? previous_tree(f, item) : -1;
	struct vl_docs docs = vl_docs_of_store(f->store);
	struct placing p = { f, dir };
	bool good;

	if (previous >= 0)
		good = vl_tree_link(previous, dir, e);
	else
		good = vl_item_layers(&docs, item, is_expanded(item) ? expand_layer : put_file, &p, e);
	return good || vl_while(e, "item %s", vl_desc_get(item, VL_AN_ITEM));
}

struct adding {
	const struct vl_store *store;
	bool expanded;
	uint64_t bytes;
};

static bool add_need(void *ctx, const struct vl_desc *layer, struct vl_err *e)
{
	struct adding *a = ctx;
	uint64_t bytes = mode_of(layer) == 0444 ? 0 : layer->size;

	if (a->expanded && !vl_layer_expanded(a->store, layer, &bytes, e))
		return false;
	a->bytes += bytes;
	return true;
}

static bool need(const struct vl_store *s, const struct vl_desc *item, uint64_t *bytes, struct vl_err *e)
{
	struct adding a = { .store = s, .expanded = is_expanded(item) };
	struct vl_docs docs = vl_docs_of_store(s);
	bool good = vl_item_layers(&docs, item, add_need, &a, e);

	*bytes = a.bytes;
	return good;
}

/* "et-open" -> VALISE_FILES_ET_OPEN. */
static bool exports(const struct vl_where *w, struct vl_buf *out, struct vl_err *e)
{
	VL_STR name = vl_xprintf("VALISE_FILES_%s", vl_desc_get(w->item, VL_AN_ITEM));

	for (char *p = name; *p; p++)
		*p = *p >= 'a' && *p <= 'z' ? (char)(*p - 'a' + 'A') : *p == '-' || *p == '.' ? '_' : *p;
	return vl_shell_export(out, name, w->path, e);
}

static bool advice(const struct vl_where *w, struct vl_buf *out, struct vl_err *e)
{
	VL_STR path = vl_safe_text(w->path, 1000);
	char text[32];

	return vl_buf_addf(out, e, "# %s (%s %llu, of %s): %s\n", vl_desc_get(w->item, VL_AN_ITEM), w->channel->name,
			   (unsigned long long)w->channel->sequence, vl_item_age_text(w->item, text), path);
}

const struct vl_consumer vl_consumer_files = {
	.name = "files",
	.dir = "files",
	.types = { "http", "dir" },
	.per_item = true,
	.dir_mode = 0755,
	.fill = fill,
	.need = need,
	.exports = exports,
	.advice = advice,
};
