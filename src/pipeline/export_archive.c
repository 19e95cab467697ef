/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline/export_archive.c: images as one tar: an OCI image layout, and for docker-archive a manifest.json that names
 * the same blobs, so that docker load, podman load, skopeo and ctr each find what they look for.
 * In:    the chosen images.
 * Out:   oci-layout, index.json, manifest.json, blobs/sha256/<hex>, in this order; the same bytes every time.
 * Keeps: docker before version 23 cannot undo zstd: in a docker-archive such layers are written decompressed, under the
 *        diff id that the image's config gives for them. Then the manifests are not right any more and stay out, and
 *        with them the layout. */
#include <stdlib.h>

#include "archive/tarwrite.h"
#include "base/json.h"
#include "base/text.h"
#include "pipeline/export_priv.h"

#define AN_CONTAINERD "io.containerd.image.name"
#define DOCUMENTS_MAX (64u << 20) /* bytes of index.json or manifest.json */

struct member { /* one blob of the archive */
	struct vl_digest name, from; /* differ when it is expanded */
	uint64_t size, stored;       /* in the archive; in the store */
	bool expand;
};
struct members {
	struct member *v;
	size_t n, cap;
};

static void members_clear(struct members *m)
{
	free(m->v);
}

struct archive_out {
	struct vl_exporting *x;
	struct vl_tarwrite *tar;
	struct members all;
	struct vl_buf index, manifest; /* manifest: docker's, or empty */
};

static void archive_out_clear(struct archive_out *a)
{
	vl_tarwrite_free(a->tar);
	members_clear(&a->all);
	vl_buf_clear(&a->index);
	vl_buf_clear(&a->manifest);
}

static void add_member(struct members *m, const struct member *one)
{
	vl_grow(&m->v, m->n, &m->cap, sizeof *m->v);
	m->v[m->n++] = *one;
}

static void add_plain(struct members *m, const struct vl_digest *d, uint64_t size)
{
	add_member(m, &(struct member){ .name = *d, .from = *d, .size = size, .stored = size });
}

static int by_name(const void *a, const void *b)
{
	const struct member *x = a, *y = b;

	return memcmp(x->name.b, y->name.b, sizeof x->name.b);
}

/* ---- zstd layers ---- */
struct expansion {
	struct vl_sha256 *sha;
	uint64_t size;
	struct archive_out *to; /* NULL: only measured */
};

static bool take_piece(void *ctx, struct vl_bytes piece, struct vl_err *e)
{
	struct expansion *w = ctx;

	vl_sha256_add(w->sha, piece);
	w->size += piece.len;
	return vl_env_go_on(w->to->x->env, e) && (!w->to->tar || vl_tarwrite_add(w->to->tar, piece, e));
}

/* It does not come out right: is it the store, or was it never right? */
static bool blame(struct archive_out *a, const struct member *m, struct vl_err *e)
{
	char name[VL_DIGEST_OCI];
	struct vl_err ignored = VL_ERR_INIT;
	bool good = false;

	vl_digest_oci(&m->from, name);
	if (vl_store_check_blob(a->x->store, &m->from, m->stored, &good, &ignored) && good) {
		vl_fail(e, VL_E_CONTENT, "layer %s is, decompressed, not what its image says", name);
		return vl_hint(e, "It came like this: use --format oci-archive, and tell who made the image.");
	}
	vl_fail(e, VL_E_STORE, "blob %s is damaged: its content is not what its name says", name);
	return vl_hint(e, "Nothing was exported. Run valise fsck to see what else is damaged.");
}

/* Once to learn the size, which the tar's header says first, and once to write. */
static bool expand(struct archive_out *a, struct member *m, struct vl_err *e)
{
	VL_AUTO(vl_sha256) sha = vl_sha256_new();
	VL_FD fd = -1;
	struct expansion w = { .sha = sha, .to = a };
	struct vl_digest real;
	char name[VL_DIGEST_OCI];

	if (!vl_store_open_blob(a->x->store, &m->from, m->stored, &fd, e))
		return false;
	if (!vl_unzstd(fd, take_piece, &w, vl_digest_oci(&m->from, name), e))
		return e->code == VL_E_CONTENT ? blame(a, m, e) : false;
	vl_sha256_end(sha, &real);
	if (!vl_digest_equal(&real, &m->name))
		return blame(a, m, e);
	m->size = w.size;
	return true;
}

static bool is_zstd(const struct vl_desc *layer)
{
	return vl_ends_with(layer->media_type, "+zstd") || vl_ends_with(layer->media_type, ".zstd");
}

/* ---- docker's manifest.json ---- */
static void say_blob(struct vl_jw *w, const char *key, const struct vl_digest *d)
{
	char hex[VL_DIGEST_HEX];
	VL_STR path = vl_xprintf("blobs/sha256/%s", vl_digest_hex(d, hex));

	vl_jw_str(w, key, path);
}

static bool has_tag(const char *name)
{
	const char *slash = strrchr(name, '/');

	return !strchr(name, '@') && strchr(slash ? slash : name, ':');
}

static void say_tags(struct vl_jw *w, const struct vl_named_image *image)
{
	vl_jw_array(w, "RepoTags");
	for (size_t i = 0; i < image->n; i++)
		if (has_tag(image->name[i]))
			vl_jw_str(w, NULL, image->name[i]);
	vl_jw_array_end(w);
}

static bool diff_id(const struct vl_json *config, size_t i, struct vl_digest *out, struct vl_err *e)
{
	const struct vl_jval *rootfs = vl_jval_get(vl_json_root(config), "rootfs");
	const char *text = vl_jval_str(vl_jval_at(vl_jval_get(rootfs, "diff_ids"), i));

	if (text && vl_digest_parse_oci(out, text))
		return true;
	return vl_fail(e, VL_E_CONTENT, "the image's config has no diff id for layer %zu", i + 1);
}

static bool add_layer(struct archive_out *a, const struct vl_json *config, const struct vl_doc *doc, size_t i,
		      struct vl_jw *w, struct vl_err *e)
{
	const struct vl_desc *layer = &doc->child[i];
	struct member m = { .name = layer->digest, .from = layer->digest, .size = layer->size, .stored = layer->size,
			    .expand = is_zstd(layer) };

	if (m.expand && (!diff_id(config, i, &m.name, e) || !expand(a, &m, e)))
		return false;
	a->x->x->expanded += m.expand;
	say_blob(w, NULL, &m.name);
	add_member(&a->all, &m);
	return true;
}

static bool load_config(const struct archive_out *a, const struct vl_desc *config, struct vl_json **out,
			struct vl_err *e)
{
	VL_CLEAN(vl_buf) text = VL_BUF_INIT(VL_DOC_MAX);

	if (!vl_store_get(a->x->store, &config->digest, config->size, &text, e) ||
	    !vl_json_parse(out, vl_buf_bytes(&text), VL_JSON_OCI, "image config", VL_E_CONTENT, e))
		return false;
	if (vl_jval_is_object(vl_jval_get(vl_json_root(*out), "rootfs")))
		return true;
	vl_fail(e, VL_E_USAGE, "it is no image but an artifact, which docker cannot load");
	return vl_hint(e, "Use --format oci-archive, or name single images.");
}

static bool add_docker_image(struct archive_out *a, const struct vl_named_image *image, struct vl_jw *w,
			     struct vl_err *e)
{
	VL_CLEAN(vl_doc) doc = { 0 };
	VL_AUTO(vl_json) config = NULL;
	struct vl_docs docs = vl_docs_of_store(a->x->store);

	if (!docs.get(docs.ctx, &image->desc, &doc, e) || !load_config(a, &doc.config, &config, e))
		return false;
	add_plain(&a->all, &doc.config.digest, doc.config.size);
	vl_jw_object(w, NULL);
	say_blob(w, "Config", &doc.config.digest);
	say_tags(w, image);
	vl_jw_array(w, "Layers");
	for (size_t i = 0; i < doc.n; i++)
		if (!add_layer(a, config, &doc, i, w, e))
			return false;
	vl_jw_array_end(w);
	vl_jw_object_end(w);
	return true;
}

static bool plan_docker(struct archive_out *a, struct vl_err *e)
{
	const struct vl_named_images *l = &a->x->x->images;
	struct vl_jw w;

	vl_jw_init(&w, &a->manifest, false);
	vl_jw_array(&w, NULL);
	for (size_t i = 0; i < l->n; i++) {
		VL_STR name = vl_safe_text(l->v[i].n ? l->v[i].name[0] : "an image", 300);

		if (!add_docker_image(a, &l->v[i], &w, e))
			return vl_while(e, "%s", name);
	}
	vl_jw_array_end(&w);
	for (size_t i = 0; !a->x->x->expanded && i < l->n; i++)
		add_plain(&a->all, &l->v[i].desc.digest, l->v[i].desc.size);
	return vl_jw_end(&w, e);
}

/* ---- the OCI layout ---- */
static void add_entry(struct vl_doc *index, const struct vl_named_image *image, const char *name)
{
	struct vl_desc *d = vl_doc_add(index);

	vl_desc_init(d, image->desc.media_type, &image->desc.digest, image->desc.size);
	d->artifact_type = vl_xstrdup(image->desc.artifact_type);
	if (name)
		vl_desc_set(d, VL_AN_REF, name);
	/* containerd's own key for the whole name; what is attached is no image to it. */
	if (name && has_tag(name) && !image->attached)
		vl_desc_set(d, AN_CONTAINERD, name);
}

static bool make_index(struct archive_out *a, struct vl_err *e)
{
	VL_CLEAN(vl_doc) index = { 0 };
	const struct vl_named_images *l = &a->x->x->images;

	vl_doc_init_index(&index);
	for (size_t i = 0; i < l->n; i++)
		for (size_t k = 0; k < (l->v[i].n ? l->v[i].n : 1); k++)
			add_entry(&index, &l->v[i], l->v[i].n ? l->v[i].name[k] : NULL);
	return vl_doc_format(&index, &a->index, e);
}

static bool plan_oci(struct archive_out *a, struct vl_err *e)
{
	VL_CLEAN(vl_blob_set) all = { 0 };
	struct vl_docs docs = vl_docs_of_store(a->x->store);

	for (size_t i = 0; i < a->x->x->images.n; i++)
		if (!vl_blob_set_add(&all, &docs, &a->x->x->images.v[i].desc, e))
			return false;
	for (size_t i = 0; i < all.n; i++)
		add_plain(&a->all, &all.v[i].digest, all.v[i].size);
	return true;
}

/* ---- writing ---- */
static bool add_chunk(void *ctx, struct vl_bytes b, struct vl_err *e)
{
	return vl_tarwrite_add(ctx, b, e);
}

static bool write_member(struct archive_out *a, struct member *m, struct vl_err *e)
{
	char hex[VL_DIGEST_HEX];
	VL_STR name = vl_xprintf("blobs/sha256/%s", vl_digest_hex(&m->name, hex));

	if (!vl_tarwrite_file(a->tar, name, m->size, e))
		return false;
	if (!m->expand)
		return vl_export_blob(a->x, &m->from, m->stored, add_chunk, a->tar, e);
	a->x->done += m->stored;
	vl_emit_progress(a->x->env, "export", a->x->done, a->x->total);
	return expand(a, m, e);
}

static bool write_blobs(struct archive_out *a, struct vl_err *e)
{
	struct members *l = &a->all;

	if (l->n)
		qsort(l->v, l->n, sizeof *l->v, by_name);
	for (size_t i = 0; i < l->n; i++) {
		if (i && vl_digest_equal(&l->v[i - 1].name, &l->v[i].name))
			continue;
		if (!write_member(a, &l->v[i], e))
			return false;
	}
	return true;
}

static bool write_layout(struct archive_out *a, struct vl_err *e)
{
	return vl_tarwrite_whole(a->tar, "oci-layout", vl_bytes_str("{\"imageLayoutVersion\":\"1.0.0\"}"), e) &&
	       vl_tarwrite_whole(a->tar, "index.json", vl_buf_bytes(&a->index), e);
}

bool vl_export_archive(struct vl_exporting *x, int fd, struct vl_err *e)
{
	__attribute__((cleanup(archive_out_clear))) struct archive_out a = {
		.x = x, .index = VL_BUF_INIT(DOCUMENTS_MAX), .manifest = VL_BUF_INIT(DOCUMENTS_MAX),
	};

	if (!(x->x->format == VL_EXPORT_DOCKER ? plan_docker(&a, e) : plan_oci(&a, e)) || !make_index(&a, e))
		return false;
	if (!vl_tarwrite_open(&a.tar, fd, e) || (!x->x->expanded && !write_layout(&a, e)))
		return false;
	if (a.manifest.len && !vl_tarwrite_whole(a.tar, "manifest.json", vl_buf_bytes(&a.manifest), e))
		return false;
	return vl_tarwrite_dir(a.tar, "blobs", e) && vl_tarwrite_dir(a.tar, "blobs/sha256", e) &&
	       write_blobs(&a, e) && vl_tarwrite_end(a.tar, e);
}
