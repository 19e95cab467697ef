/* SPDX-License-Identifier: Apache-2.0 */
/* tests/lib/bundle_fixture.h: small signed bundles on "media" in the scratch directory, for the tests of verify/ and of
 * the pipeline. Every step can be bent by a test: it holds the waybill before it is formatted, signed and written. */
#ifndef VL_TESTS_BUNDLE_FIXTURE_H
#define VL_TESTS_BUNDLE_FIXTURE_H

#include "base/version.h"
#include "media/media.h"
#include "tests/lib/store_fixture.h"

struct fix_order {
	const char *dir;          /* below the scratch directory; made anew */
	struct vl_seckey *key[3]; /* signers, NULL-terminated unless full */
	uint64_t raw_max;         /* 0: the format's */
	uint64_t sequence;        /* 0: the channel's */
	int64_t created, expires; /* 0: fix_env.now - 3600, + 14 days */
	const char *tool;         /* NULL: this valise */
	const char *comment;      /* NULL: the right one */
	void (*bend)(struct vl_waybill *w); /* before it is formatted */
	bool no_texts;
};

FIX struct vl_seckey *fix_key(struct vl_pubkey *pub)
{
	struct vl_seckey *k = NULL;

	FIX_MUST(vl_seckey_new(&k, me));
	vl_seckey_public(k, pub);
	return k;
}

FIX void fix_put(const char *dir, const char *name, struct vl_bytes b)
{
	char path[600];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", fix_path(dir), name);
	f = fopen(path, "w");
	if (!f || (b.len && fwrite(b.data, 1, b.len, f) != b.len) || fclose(f)) {
		printf("Bail out! write %s\n", path);
		exit(99);
	}
}

/* Name of the i-th signature file: the first is plain, the others carry the key id. */
FIX void fix_sign(const char *dir, size_t i, struct vl_seckey *key, struct vl_bytes text, const char *comment)
{
	VL_CLEAN(vl_buf) sig = VL_BUF_INIT(VL_MINISIG_MAX);
	struct vl_pubkey pub;
	char id[VL_KEYID_TEXT], name[64] = "waybill.json.minisig";

	vl_seckey_public(key, &pub);
	if (i)
		snprintf(name, sizeof name, "waybill.json.%s.minisig", vl_keyid_text(pub.id, id));
	FIX_MUST(vl_minisig_sign(key, text, VL_SIG_UNTRUSTED, comment, &sig, me));
	fix_put(dir, name, vl_buf_bytes(&sig));
}

FIX void fix_texts(const char *dir, const struct vl_waybill *w)
{
	VL_CLEAN(vl_buf) b = VL_BUF_INIT(1u << 20);

	FIX_MUST(vl_bundle_readme(w, &b, me));
	fix_put(dir, "READ-ME.txt", vl_buf_bytes(&b));
	vl_buf_reset(&b);
	FIX_MUST(vl_bundle_sums(w, 0, w->n, &b, me));
	fix_put(dir, "SHA256SUMS", vl_buf_bytes(&b));
	vl_buf_reset(&b);
	FIX_MUST(vl_bundle_volume_hint(w, 1, 1, 1, w->n, &b, me));
	fix_put(dir, "volume.json", vl_buf_bytes(&b));
}

FIX void fix_waybill_write(const struct fix_order *o, const struct vl_waybill *w)
{
	VL_CLEAN(vl_buf) text = VL_BUF_INIT(VL_WAYBILL_MAX);
	struct vl_digest d;
	char comment[513];

	FIX_MUST(vl_waybill_format(w, &text, me));
	vl_sha256_of(vl_buf_bytes(&text), &d);
	vl_waybill_comment(w, &d, comment);
	fix_put(o->dir, "waybill.json", vl_buf_bytes(&text));
	for (size_t i = 0; i < VL_LEN(o->key) && o->key[i]; i++)
		fix_sign(o->dir, i, o->key[i], vl_buf_bytes(&text), o->comment ? o->comment : comment);
}

FIX void fix_parcels(const struct fix_order *o, struct vl_store *s, const struct vl_plan *plan, struct vl_waybill *w)
{
	char name[40];

	w->n = plan->n_parcels;
	w->parcel = vl_xcalloc(w->n, sizeof *w->parcel);
	for (size_t i = 0; i < w->n; i++) {
		VL_CLEAN(vl_buf) b = VL_BUF_INIT(VL_PARCEL_STORED_MAX);

		FIX_MUST(vl_parcel_build(s, plan, i, 3, &w->parcel[i], &b, me));
		fix_put(o->dir, vl_parcel_name(&w->parcel[i], i, name), vl_buf_bytes(&b));
	}
}

/* The channel's snapshot as a bundle in o->dir. */
FIX void fix_bundle(struct vl_store *s, const struct vl_channel *c, const struct fix_order *o)
{
	VL_CLEAN(vl_closure) closure = { 0 };
	VL_CLEAN(vl_plan) plan = { 0 };
	VL_AUTO(vl_waybill) w = vl_xcalloc(1, sizeof *w);
	char parcels[300];

	FIX_MUST(vl_remove_tree(AT_FDCWD, fix_path(o->dir), me));
	snprintf(parcels, sizeof parcels, "%s/parcels", o->dir);
	FIX_MUST(vl_mkdirs(fix_path(parcels), 0755, me));
	FIX_MUST(vl_store_closure(s, &c->root, c->root_size, &closure, me));
	FIX_MUST(vl_plan_make(&plan, &closure, o->raw_max ? o->raw_max : VL_PARCEL_RAW_MAX, me));
	snprintf(w->channel, sizeof w->channel, "%s", c->name);
	snprintf(w->tool, sizeof w->tool, "valise %s", vl_version());
	if (o->tool)
		snprintf(w->tool, sizeof w->tool, "%s", o->tool);
	w->epoch = c->epoch;
	w->sequence = o->sequence ? o->sequence : c->sequence;
	w->created = o->created ? o->created : fix_env.now - 3600;
	w->expires = o->expires ? o->expires : fix_env.now + 14 * 86400;
	w->root = c->root;
	w->root_size = c->root_size;
	w->items = closure.items;
	w->blobs = closure.n;
	w->bytes = closure.bytes;
	fix_parcels(o, s, &plan, w);
	if (o->bend)
		o->bend(w);
	fix_waybill_write(o, w);
	if (!o->no_texts)
		fix_texts(o->dir, w);
}

/* A channel with two items: `a` is small text, `b` has `size` bytes of noise that does not compress. */
FIX struct vl_channel fix_two_items(struct vl_store *s, const char *channel, uint64_t sequence, size_t size)
{
	VL_CLEAN(vl_doc) snapshot = { 0 };
	VL_CLEAN(vl_doc) artifact = { 0 };
	char text[64];
	VL_STR noise = vl_xcalloc(size + 1, 1);
	uint32_t x = 2463534242u + (uint32_t)sequence;

	for (size_t i = 0; i < size; i++) {
		x ^= x << 13, x ^= x >> 17, x ^= x << 5;
		noise[i] = (char)x;
	}
	snprintf(text, sizeof text, "rules of %s, number %d\n", channel, (int)sequence);
	vl_doc_init_index(&snapshot);
	fix_simple_item(s, &snapshot, "a", text);
	fix_artifact(s, &artifact, "application/vnd.valise.file.v1");
	fix_layer(s, &artifact, "application/octet-stream", "noise.bin", vl_bytes(noise, size));
	fix_item(s, &snapshot, &artifact, "b", "http");
	return fix_channel(s, &snapshot, channel, sequence);
}

/* Finds exactly one bundle below the scratch directory. */
FIX struct vl_carried *fix_find(struct vl_carried_list *l, const char *dir)
{
	FIX_MUST(vl_media_find(l, fix_path(dir), &fix_env, me));
	return l->item[l->n - 1];
}

#endif
