/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline/export.c: what is exported, and where it comes to stand.
 * In:    a name as a person types it, and the store's current generation.
 * Out:   an archive or a directory under a name that was free, or nothing at all.
 * Keeps: a name that means two things is refused and both are told; nothing half-written keeps its name. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "pipeline/export_priv.h"

static const char *const format_names[] = {
	[VL_EXPORT_DOCKER] = "docker-archive", [VL_EXPORT_OCI] = "oci-archive", [VL_EXPORT_FILES] = "files",
};

bool vl_export_format_parse(const char *text, enum vl_export_format *out)
{
	for (size_t i = 1; i < VL_LEN(format_names); i++) {
		if (strcmp(text, format_names[i]))
			continue;
		*out = (enum vl_export_format)i;
		return true;
	}
	return false;
}

const char *vl_export_format_name(enum vl_export_format f)
{
	return format_names[f] ? format_names[f] : "auto";
}

void vl_exported_clear(struct vl_exported *x)
{
	vl_named_images_clear(&x->images);
	*x = (struct vl_exported){ 0 };
}

/* ---- which item ---- */
struct search {
	const struct vl_store *s;
	const struct vl_export_opts *o;
	struct vl_desc item;                /* the one that `what` names, or begins with */
	const struct vl_channel *channel;   /* where it is; NULL: not found */
	const char *rest;                   /* of `what`, behind the item; or NULL */
	struct vl_named_images all;               /* images of that item, or of all items */
	char **name;                        /* of all items, for the error */
	size_t n_name, cap_name;
	size_t channels;                    /* looked at */
};

static void search_clear(struct search *f)
{
	vl_desc_clear(&f->item);
	vl_named_images_clear(&f->all);
	for (size_t i = 0; i < f->n_name; i++)
		free(f->name[i]);
	free(f->name);
}

/* "item" or "item/...": *rest is what follows. */
static bool names_item(const char *what, const char *item, const char **rest)
{
	size_t len = strlen(item);

	if (strncmp(what, item, len) || (what[len] && what[len] != '/'))
		return false;
	*rest = what[len] ? what + len + 1 : NULL;
	return true;
}

static bool look_at_item(struct search *f, const struct vl_channel *ch, const struct vl_desc *item, struct vl_err *e)
{
	struct vl_docs docs = vl_docs_of_store(f->s);
	const char *name = vl_desc_get(item, VL_AN_ITEM), *rest;
	bool is_images;

	vl_grow(&f->name, f->n_name, &f->cap_name, sizeof *f->name);
	f->name[f->n_name++] = vl_xstrdup(name ? name : "-");
	if (name && names_item(f->o->what, name, &rest)) {
		if (f->channel) {
			vl_fail(e, VL_E_USAGE, "item %s is in channel %s and in channel %s", name, f->channel->name,
				ch->name);
			return vl_hint(e, "Choose one with --channel.");
		}
		f->channel = ch;
		f->rest = rest;
		vl_desc_copy(&f->item, item);
	}
	return vl_named_images_of(&docs, item, &f->all, &is_images, e);
}

static bool look_at_channel(struct search *f, const struct vl_channel *ch, struct vl_err *e)
{
	VL_CLEAN(vl_doc) snapshot = { 0 };

	if (!vl_store_snapshot(f->s, &ch->root, ch->root_size, &snapshot, e))
		return false;
	for (size_t i = 0; i < snapshot.n; i++)
		if (!look_at_item(f, ch, &snapshot.child[i], e))
			return false;
	return true;
}

static bool look(struct search *f, const struct vl_generation *g, struct vl_err *e)
{
	for (size_t i = 0; i < g->n; i++) {
		if (f->o->channel && strcmp(f->o->channel, g->channel[i].name))
			continue;
		f->channels++;
		if (!look_at_channel(f, &g->channel[i], e))
			return false;
	}
	return true;
}

/* ---- which images of it ---- */
static void pick(struct vl_named_images *out, const struct vl_named_image *from, const char *only_name)
{
	struct vl_named_image *i = vl_named_images_add(out);

	vl_desc_copy(&i->desc, &from->desc);
	i->attached = from->attached;
	i->subject = from->subject;
	for (size_t k = 0; k < from->n; k++)
		if (!only_name || vl_image_name_matches(from->name[k], only_name))
			vl_named_image_add_name(i, from->name[k], strlen(from->name[k]));
	/* By digest: whatever it is called. */
	for (size_t k = 0; only_name && !i->n && k < from->n; k++)
		vl_named_image_add_name(i, from->name[k], strlen(from->name[k]));
}

/* Here an image may be known by the name under which it is published or served. */
static bool find_mapped(const struct search *f, const char *name, size_t *at)
{
	VL_CLEAN(vl_named_images) mapped = { 0 };
	struct vl_err why = VL_ERR_INIT;

	vl_named_images_map(&f->all, f->o->rule, f->o->n_rule, &mapped);
	return f->o->n_rule && vl_named_images_find(&mapped, name, at, &why);
}

/* Two channels may hold two images under one name. */
static bool or_channel(struct vl_err *e)
{
	VL_STR hint = vl_xstrdup(e->hint);

	return vl_hint(e, "%.400s Or choose a channel with --channel.", hint);
}

/* What was typed may be meant for an item as well as for an image; e says already that it is no image. */
static bool no_such(const struct search *f, const char *name, struct vl_err *e)
{
	VL_STR safe = vl_safe_text(name, 200);
	VL_STR items = vl_xstrdup("");
	const char **word = vl_xcalloc(f->n_name + 1, sizeof *word), *near;
	VL_STR meant = NULL;

	for (size_t i = 0; i < f->n_name; i++) {
		VL_STR before = vl_steal(&items);

		word[i] = f->name[i];
		items = vl_xprintf("%s%s%s", before, *before ? ", " : "", word[i]);
	}
	near = vl_nearest(name, word);
	meant = vl_safe_text(near ? near : items, 300);
	free(word);
	if (!near && !strncmp(e->hint, "Did you mean", strlen("Did you mean")))
		return false;
	vl_fail(e, VL_E_ABSENT, "there is no item%s %s in this store", f->all.n ? " or image" : "", safe);
	return near ? vl_hint(e, "Did you mean %s?", meant) :
		      vl_hint(e, "It holds the items: %s. valise list ITEM shows images.", *meant ? meant : "none");
}

static bool pick_named(const struct search *f, const char *name, struct vl_named_images *out, struct vl_err *e)
{
	size_t at;

	if (vl_named_images_find(&f->all, name, &at, e)) {
		pick(out, &f->all.v[at], name);
		return true;
	}
	if (e->code == VL_E_ABSENT && find_mapped(f, name, &at)) {
		*e = (struct vl_err)VL_ERR_INIT;
		pick(out, &f->all.v[at], NULL);
		return true;
	}
	if (e->code == VL_E_USAGE && f->channels > 1)
		return or_channel(e);
	return f->channel || e->code != VL_E_ABSENT ? false : no_such(f, name, e);
}

/* An item of files is exported as the one artifact it is. */
static void pick_artifact(const struct search *f, struct vl_exported *x)
{
	struct vl_named_image *i = vl_named_images_add(&x->images);
	VL_STR name = vl_xprintf("%s/%s:%llu", f->channel->name, vl_desc_get(&f->item, VL_AN_ITEM),
				 (unsigned long long)f->channel->sequence);

	x->names_are_items = true;
	vl_desc_copy(&i->desc, &f->item);
	vl_named_image_add_name(i, name, strlen(name));
}

static bool choose_in_item(struct search *f, const char *name, struct vl_exported *x, struct vl_err *e)
{
	struct vl_docs docs = vl_docs_of_store(f->s);
	VL_STR safe = vl_safe_text(f->o->what, 200);
	bool is_images;

	vl_named_images_clear(&f->all);
	if (!vl_named_images_of(&docs, &f->item, &f->all, &is_images, e))
		return false;
	if (name && is_images)
		return pick_named(f, name, &x->images, e);
	if (name)
		return vl_fail(e, VL_E_ABSENT, "%s: item %s holds no images", safe, vl_desc_get(&f->item, VL_AN_ITEM));
	if (!is_images)
		pick_artifact(f, x);
	for (size_t i = 0; i < f->all.n; i++)
		if (!f->all.v[i].attached)
			pick(&x->images, &f->all.v[i], NULL);
	return true;
}

static bool choose(struct search *f, const struct vl_generation *g, struct vl_exported *x, struct vl_err *e)
{
	const char *name;

	if (!look(f, g, e))
		return false;
	if (!f->channel && f->o->image)
		return pick_named(f, f->o->what, &x->images, e) &&
		       vl_fail(e, VL_E_USAGE, "two images are named, as argument and with --image");
	if (!f->channel)
		return pick_named(f, f->o->what, &x->images, e);
	name = f->rest ? f->rest : f->o->image;
	if (f->rest && f->o->image)
		return vl_fail(e, VL_E_USAGE, "two images are named, as argument and with --image");
	return choose_in_item(f, name, x, e);
}

/* ---- which platform ---- */
static bool no_platform(const struct vl_named_image *image, const struct vl_variants *all, const char *asked, size_t n,
			struct vl_err *e)
{
	VL_STR name = vl_safe_text(image->n ? image->name[0] : "the image", 300);
	VL_STR text = vl_variants_text(all, ", ");
	VL_STR has = vl_safe_text(text, 400);
	VL_STR safe = vl_safe_text(asked ? asked : "(any)", 64);

	if (!asked && all->n) {
		vl_fail(e, VL_E_USAGE, "%s has %zu platforms, and a docker-archive takes one: %s", name, all->n, has);
		return vl_hint(e, "Choose with --platform, or use --format oci-archive.");
	}
	if (n)
		vl_fail(e, VL_E_USAGE, "%s has %zu images for platform %s", name, n, safe);
	else
		vl_fail(e, VL_E_ABSENT, "%s has no image for platform %s", name, safe);
	if (!n && asked && !strchr(asked, '/'))
		return vl_hint(e, "A platform is written OS/ARCH. It has: %s.", *has ? has : "none that is known");
	return vl_hint(e, "It has: %s.", *has ? has : "nothing that says its platform");
}

static bool narrow(const struct vl_exporting *x, struct vl_named_image *image, struct vl_err *e)
{
	VL_CLEAN(vl_variants) all = { 0 };
	const struct vl_desc *only = NULL;
	size_t n = 0;

	if (!vl_image_variants(x->store, &image->desc, &all, e))
		return false;
	for (size_t i = 0; i < all.n; i++) {
		if (x->o->platform && !vl_platform_matches(&all.v[i].platform, x->o->platform))
			continue;
		only = &all.v[i];
		n++;
	}
	if (n != 1)
		return no_platform(image, &all, x->o->platform, n, e);
	vl_desc_copy(&image->desc, only);
	return true;
}

static bool narrow_all(const struct vl_exporting *x, struct vl_err *e)
{
	struct vl_named_images *l = &x->x->images;

	if (x->x->format != VL_EXPORT_DOCKER && !x->o->platform)
		return true;
	if (x->x->names_are_items)
		return x->o->platform ? vl_fail(e, VL_E_USAGE, "%s has no platforms", l->v[0].name[0]) : true;
	for (size_t i = 0; i < l->n; i++)
		if (!narrow(x, &l->v[i], e))
			return false;
	return true;
}

/* ---- what is attached to them ---- */
static bool already(const struct vl_named_images *l, const struct vl_digest *d)
{
	for (size_t i = 0; i < l->n; i++)
		if (vl_digest_equal(&l->v[i].desc.digest, d))
			return true;
	return false;
}

/* Also what is attached to an attestation, and so on: until nothing more comes. */
static bool add_attached(const struct vl_exporting *x, const struct search *f, struct vl_err *e)
{
	VL_CLEAN(vl_blob_set) in = { 0 };
	struct vl_docs docs = vl_docs_of_store(x->store);
	struct vl_named_images *l = &x->x->images;
	size_t seen = 0;

	while (seen < l->n) {
		for (; seen < l->n; seen++)
			if (!vl_blob_set_add(&in, &docs, &l->v[seen].desc, e))
				return false;
		for (size_t i = 0; i < f->all.n; i++) {
			const struct vl_named_image *a = &f->all.v[i];

			if (!a->attached || !vl_blob_set_has(&in, &a->subject) || already(l, &a->desc.digest))
				continue;
			pick(l, a, NULL);
			x->x->attached++;
		}
	}
	return true;
}

/* ---- where to ---- */
static bool check_free(int dir, const char *base, const char *path, struct vl_err *e)
{
	VL_STR safe = vl_safe_text(path, 512);
	struct stat st;

	if (fstatat(dir, base, &st, AT_SYMLINK_NOFOLLOW))
		return true;
	return vl_fail(e, VL_E_EXISTS, "%s is already there and is not overwritten", safe);
}

static bool open_parent(const char *path, int *dir, const char **base, struct vl_err *e)
{
	const char *slash = strrchr(path, '/');
	VL_STR parent = slash ? vl_xstrndup(path, slash == path ? 1 : (size_t)(slash - path)) : vl_xstrdup(".");

	*base = slash ? slash + 1 : path;
	if (!**base || !strcmp(*base, ".") || !strcmp(*base, ".."))
		return vl_fail(e, VL_E_USAGE, "%s: name a file or directory that is to be made", path);
	*dir = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*dir < 0)
		return vl_fail_os(e, "directory %s", parent);
	if (!check_free(*dir, *base, path, e))
		return false;
	/* Asked beforehand, so that the answer names the path as it was typed. */
	return faccessat(*dir, ".", W_OK | X_OK, AT_EACCESS) == 0 || vl_fail_name(e, "create", path);
}

static bool check_space(const struct vl_exporting *x, int dir, struct vl_err *e)
{
	char need[24], have[24];
	uint64_t space;

	if (!vl_free_space(dir, &space, e))
		return false;
	if (space >= x->total)
		return true;
	return vl_fail(e, VL_E_NOSPACE, "%s are needed for the export, and %s are free there",
		       vl_size_text(x->total, need), vl_size_text(space, have));
}

static bool to_file(struct vl_exporting *x, int dir, const char *base, struct vl_err *e)
{
	VL_CLEAN(vl_newfile) f = VL_NEWFILE_INIT;

	return vl_newfile_open(&f, dir, base, 0644, e) && vl_export_archive(x, f.fd, e) &&
	       vl_newfile_commit_new(&f, e);
}

static bool fill_dir(struct vl_exporting *x, int parent, const char *temp, const char *base, struct vl_err *e)
{
	VL_FD dir = -1;

	if (!vl_open_dir(parent, temp, &dir, e) || !vl_export_files(x, dir, e))
		return false;
	if (syncfs(dir))
		return vl_fail_os(e, "flush to the disk");
	/* An empty directory that appeared meanwhile is replaced, anything else refuses. */
	return renameat(parent, temp, parent, base) == 0 || vl_fail_name(e, "rename to", base);
}

static bool to_dir(struct vl_exporting *x, int parent, const char *base, struct vl_err *e)
{
	uint64_t salt;
	VL_STR temp = NULL;
	struct vl_err ignored = VL_ERR_INIT;

	vl_random(&salt, sizeof salt);
	temp = vl_xprintf(".valise-%016llx.tmp", (unsigned long long)salt);
	if (mkdirat(parent, temp, 0755))
		return vl_fail_name(e, "create", base);
	if (fill_dir(x, parent, temp, base, e))
		return true;
	(void)!vl_remove_tree(parent, temp, &ignored);
	return false;
}

static bool to_stdout(struct vl_exporting *x, struct vl_err *e)
{
	if (x->x->format == VL_EXPORT_FILES)
		return vl_fail(e, VL_E_USAGE, "--format files writes a directory, not to standard output");
	vl_emit_phase(x->env, "export", x->total);
	return vl_export_archive(x, STDOUT_FILENO, e);
}

static bool write_it(struct vl_exporting *x, struct vl_err *e)
{
	VL_FD dir = -1;
	const char *base;

	if (!strcmp(x->o->out, "-"))
		return to_stdout(x, e);
	if (!open_parent(x->o->out, &dir, &base, e) || !check_space(x, dir, e))
		return false;
	vl_emit_phase(x->env, "export", x->total);
	return x->x->format == VL_EXPORT_FILES ? to_dir(x, dir, base, e) : to_file(x, dir, base, e);
}

/* ---- the flow ---- */
bool vl_export_blob(struct vl_exporting *x, const struct vl_digest *d, uint64_t size, vl_chunk_fn *f, void *ctx,
		    struct vl_err *e)
{
	VL_AUTO(vl_sha256) sha = vl_sha256_new();
	VL_CLEAN(vl_buf) chunk = VL_BUF_INIT(1u << 20);
	VL_FD fd = -1;
	struct vl_digest real;
	char name[VL_DIGEST_OCI];
	uint8_t *at;
	size_t got;

	if (!vl_store_open_blob(x->store, d, size, &fd, e) || !vl_buf_room(&chunk, chunk.max, &at, e))
		return false;
	for (uint64_t left = size; left; left -= got) {
		size_t want = left < chunk.max ? (size_t)left : chunk.max;

		if (!vl_env_go_on(x->env, e) || !vl_read_full(fd, at, want, &got, e))
			return false;
		if (!got)
			return vl_fail(e, VL_E_STORE, "blob %s became shorter while it was read",
				       vl_digest_oci(d, name));
		vl_sha256_add(sha, vl_bytes(at, got));
		if (!f(ctx, vl_bytes(at, got), e))
			return false;
		x->done += got;
		vl_emit_progress(x->env, "export", x->done, x->total);
	}
	vl_sha256_end(sha, &real);
	if (vl_digest_equal(&real, d))
		return true;
	vl_fail(e, VL_E_STORE, "blob %s is damaged: its content is not what its name says", vl_digest_oci(d, name));
	return vl_hint(e, "Nothing was exported. Run valise fsck to see what else is damaged.");
}

static bool settle_format(const struct vl_export_opts *o, struct vl_exported *x, struct vl_err *e)
{
	x->format = o->format;
	if (!x->format)
		x->format = x->names_are_items ? VL_EXPORT_FILES : VL_EXPORT_OCI;
	if (x->format == VL_EXPORT_DOCKER && x->names_are_items)
		return vl_fail(e, VL_E_USAGE, "item %s holds files, no images: a docker-archive cannot hold it",
			       o->what);
	if (x->format == VL_EXPORT_FILES && x->images.n != 1)
		return vl_fail(e, VL_E_USAGE, "--format files takes one artifact, and item %s has %zu", o->what,
			       x->images.n);
	return true;
}

static bool measure(struct vl_exporting *x, struct vl_err *e)
{
	VL_CLEAN(vl_blob_set) all = { 0 };
	struct vl_docs docs = vl_docs_of_store(x->store);

	for (size_t i = 0; i < x->x->images.n; i++)
		if (!vl_blob_set_add(&all, &docs, &x->x->images.v[i].desc, e))
			return false;
	x->total = vl_blob_set_bytes(&all);
	return true;
}

bool vl_export(const struct vl_store *s, const struct vl_generation *g, const struct vl_export_opts *o,
	       const struct vl_env *env, struct vl_exported *out, struct vl_err *e)
{
	__attribute__((cleanup(search_clear))) struct search f = { .s = s, .o = o };
	struct vl_exporting x = { .store = s, .env = env, .o = o, .x = out };

	if (!choose(&f, g, out, e) || !settle_format(o, out, e) || !narrow_all(&x, e))
		return false;
	if (!out->images.n)
		return vl_fail(e, VL_E_ABSENT, "item %s holds no image", o->what);
	if (out->format == VL_EXPORT_OCI && !o->no_attached && !add_attached(&x, &f, e))
		return false;
	if (!measure(&x, e) || !write_it(&x, e))
		return false;
	vl_emit_phase_end(env, "export", x.done);
	out->bytes = x.done;
	return true;
}
