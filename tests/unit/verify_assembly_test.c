/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/verify_assembly_test.c: segments to blobs: gaps, overlaps, duplicates, wrong digests, what nobody named.
 *  */
#include <dirent.h>

#include "tests/lib/bundle_fixture.h"
#include "tests/lib/tap.h"
#include "verify/verify.h"

static struct vl_err e;

/* A piece of a script: blob 'a'..'c' (contents below), "whole", or from..to. */
struct step {
	char blob;
	int from, to; /* to 0: whole */
};
static const char content[3][17] = { "aaaabbbbccccdddd", "0123456789abcdef", "the third of all" };
#define WHOLE(b) { b, 0, 0 }
#define WRONG 'x' /* the name of blob a over the bytes of b */

static const struct {
	const char *name;
	enum vl_code want; /* at the step that fails, or at the end */
	struct step step[6];
} scripts[] = {
	{ "whole blobs", VL_OK, { WHOLE('a'), WHOLE('b'), WHOLE('c') } },
	{ "pieces in order", VL_OK, { { 'a', 0, 4 }, { 'a', 4, 8 }, { 'a', 8, 16 }, WHOLE('b') } },
	{ "one piece that is all", VL_OK, { { 'a', 0, 16 }, { 'b', 0, 8 }, { 'b', 8, 16 } } },
	{ "a whole blob twice", VL_E_PARCEL, { WHOLE('a'), WHOLE('a') } },
	{ "whole, then pieces", VL_E_PARCEL, { WHOLE('a'), { 'a', 0, 4 } } },
	{ "pieces, then whole", VL_E_PARCEL, { { 'a', 0, 8 }, { 'a', 8, 16 }, WHOLE('a') } },
	{ "a gap", VL_E_PARCEL, { { 'a', 0, 4 }, { 'a', 8, 16 } } },
	{ "an overlap", VL_E_PARCEL, { { 'a', 0, 8 }, { 'a', 4, 16 } } },
	{ "a piece twice", VL_E_PARCEL, { { 'a', 0, 8 }, { 'a', 0, 8 } } },
	{ "not from the beginning", VL_E_PARCEL, { { 'a', 4, 16 } } },
	{ "an empty piece", VL_E_PARCEL, { { 'a', 4, 4 } } },
	{ "another blob between the pieces", VL_E_DIGEST, { { 'a', 0, 8 }, WHOLE('b'), { 'a', 8, 16 } } },
	{ "the last piece is missing", VL_E_DIGEST, { WHOLE('b'), { 'a', 0, 8 } } },
	{ "T47 wrong content", VL_E_DIGEST, { { WRONG, 0, 0 } } },
	{ "T47 wrong content in pieces", VL_E_DIGEST, { { WRONG, 0, 8 }, { WRONG, 8, 16 } } },
};

static struct vl_segment segment(const struct step *s)
{
	bool wrong = s->blob == WRONG;
	const char *text = content[wrong ? 1 : s->blob - 'a'];
	struct vl_segment seg = { .whole = !s->to, .offset = (uint64_t)s->from };

	vl_sha256_of(vl_bytes(content[wrong ? 0 : s->blob - 'a'], 16), &seg.blob);
	seg.data = s->to ? vl_bytes(text + s->from, (size_t)(s->to - s->from)) : vl_bytes(text, 16);
	return seg;
}

static bool play(struct vl_store *s, const struct step *step, size_t n, struct vl_assembly **a)
{
	if (!vl_assembly_new(a, s, &e))
		return false;
	for (size_t i = 0; i < n && step[i].blob; i++) {
		struct vl_segment seg = segment(&step[i]);

		if (!vl_assembly_add(*a, &seg, "parcels/000001.tar.zst", &e))
			return false;
	}
	return vl_assembly_end(*a, &e);
}

static size_t count_staging(const char *store)
{
	char path[300];
	size_t n = 0;
	struct dirent *entry;
	DIR *d;

	snprintf(path, sizeof path, "%s/staging", store);
	d = opendir(fix_path(path));
	while (d && (entry = readdir(d)))
		n += entry->d_name[0] != '.';
	if (d)
		closedir(d);
	return n;
}

static void scripts_play(void)
{
	for (size_t i = 0; i < VL_LEN(scripts); i++) {
		VL_AUTO(vl_store) s = fix_open("assembly");
		VL_AUTO(vl_assembly) a = NULL;
		struct vl_digest d;
		bool good = play(s, scripts[i].step, VL_LEN(scripts[i].step), &a);

		tap_ok(good ? scripts[i].want == VL_OK : e.code == scripts[i].want, "assembly: %s", scripts[i].name);
		if (good ? scripts[i].want != VL_OK : e.code != scripts[i].want)
			printf("# %s E%04d %s\n", good ? "succeeded" : "failed", (int)e.code, e.msg);
		vl_assembly_free(vl_steal(&a));
		tap_is(count_staging("assembly"), 0, "assembly: %s: nothing left in staging", scripts[i].name);
		if (scripts[i].step[0].blob == WRONG) {
			vl_sha256_of(vl_bytes(content[0], 16), &d);
			tap_ok(!vl_store_has(s, &d, 16), "assembly: %s: the blob is not there", scripts[i].name);
		}
		vl_store_free(vl_steal(&s));
		FIX_MUST(vl_remove_tree(AT_FDCWD, fix_path("assembly"), me));
	}
}

/* A blob that is here is compared and kept; one that is here and damaged is replaced. */
static void resumes(void)
{
	static const struct step pieces[] = { { 'a', 0, 8 }, { 'a', 8, 16 } };
	static const struct step wrong[] = { { WRONG, 0, 8 }, { WRONG, 8, 16 } };
	VL_AUTO(vl_store) s = fix_open("resume");
	char name[200], hex[VL_DIGEST_HEX];
	struct stat before, after;
	struct vl_digest d;
	bool good = false;

	vl_sha256_of(vl_bytes(content[0], 16), &d);
	snprintf(name, sizeof name, "resume/blobs/sha256/%s", vl_digest_hex(&d, hex));
	for (int round = 0; round < 3; round++) {
		VL_AUTO(vl_assembly) a = NULL;

		if (round == 2) { /* damage it behind the store's back */
			chmod(fix_path(name), 0644);
			fix_write(name, "aaaabbbbccccdddX");
		}
		tap_good(play(s, pieces, 2, &a), &e, "resume: round %d", round);
		stat(fix_path(name), round ? &after : &before);
		if (round == 1)
			tap_is(after.st_ino, before.st_ino, "resume: a good blob is not written again");
	}
	tap_good(vl_store_check_blob(s, &d, 16, &good, &e), &e, "resume: look at it");
	tap_ok(good, "resume: a damaged blob was replaced");
	{
		VL_AUTO(vl_assembly) a = NULL;

		tap_fails(play(s, wrong, 2, &a), &e, VL_E_DIGEST, "resume: wrong bytes for a blob that is here");
	}
}

/* ---- the whole way: a bundle through a rehearsal and into another store ---- */
struct both {
	struct vl_assembly *a;
	struct vl_rehearsal *r;
	struct vl_segment extra;
	bool with_extra;
	bool rehearse;
};

static bool feed(void *ctx, const struct vl_segment *seg, const char *parcel, struct vl_err *err)
{
	struct both *b = ctx;

	return b->rehearse ? vl_rehearsal_add(b->r, seg, parcel, err) : vl_assembly_add(b->a, seg, parcel, err);
}

static bool run(struct both *b, const struct vl_checked *c, struct vl_store *s)
{
	VL_CLEAN(vl_closure) closure = { 0 };
	const struct vl_waybill *w = c->waybill;

	if (!vl_verify_parcels(c, feed, b, NULL, &fix_env, &e))
		return false;
	if (b->with_extra && !feed(b, &b->extra, "parcels/000009.tar.zst", &e))
		return false;
	if (b->rehearse)
		return vl_rehearsal_end(b->r, &e);
	return vl_assembly_end(b->a, &e) && vl_store_closure(s, &w->root, w->root_size, &closure, &e) &&
	       vl_verify_totals(w, closure.items, closure.n, closure.bytes, &e) &&
	       vl_assembly_within(b->a, &closure, &e);
}

static void fewer_blobs(struct vl_waybill *w) { w->blobs--; }
static void more_bytes(struct vl_waybill *w) { w->bytes++; }
static void other_items(struct vl_waybill *w) { w->items++; }
static void other_root(struct vl_waybill *w) { w->root.b[0] ^= 1; }
static void root_size(struct vl_waybill *w) { w->root_size++; }

static void whole_way(void)
{
	static const struct {
		const char *name;
		enum vl_code want_unpack, want_verify;
		void (*bend)(struct vl_waybill *w);
		bool extra;
	} rows[] = {
		{ "as it should be", VL_OK, VL_OK, NULL, false },
		{ "T30 a blob that nobody named", VL_E_CLOSURE, VL_E_CLOSURE, NULL, true },
		{ "T30 the root is another", VL_E_CLOSURE, VL_E_CLOSURE, other_root, false },
		{ "T53 the root's size is another", VL_E_CLOSURE, VL_E_CLOSURE, root_size, false },
		{ "totals: blobs", VL_E_CLOSURE, VL_E_CLOSURE, fewer_blobs, false },
		{ "totals: bytes", VL_E_CLOSURE, VL_E_CLOSURE, more_bytes, false },
		{ "totals: items", VL_E_CLOSURE, VL_E_CLOSURE, other_items, false },
	};
	VL_AUTO(vl_store) from = fix_open("from");
	struct vl_channel ch = fix_two_items(from, "prod", 1, 9000);
	VL_CLEAN(vl_trust) t = { .key = NULL };
	struct vl_pubkey pub;
	VL_AUTO(vl_seckey) key = fix_key(&pub);

	FIX_MUST(vl_trust_add(&t, &pub, NULL, "", 0, me));
	for (size_t i = 0; i < 2 * VL_LEN(rows); i++) {
		struct fix_order o = { .dir = "medium", .key = { key }, .raw_max = 4096, .bend = rows[i / 2].bend };
		VL_CLEAN(vl_carried_list) found = { 0 };
		VL_AUTO(vl_checked) c = NULL;
		VL_AUTO(vl_store) to = fix_open("to");
		struct both b = { .with_extra = rows[i / 2].extra, .rehearse = i % 2 };
		enum vl_code want = i % 2 ? rows[i / 2].want_verify : rows[i / 2].want_unpack;
		bool good;

		fix_bundle(from, &ch, &o);
		FIX_MUST(vl_verify_waybill(&c, fix_find(&found, "medium"), &t, me));
		b.extra = segment(&(struct step)WHOLE('c'));
		FIX_MUST(vl_assembly_new(&b.a, to, me) && vl_rehearsal_new(&b.r, c->waybill, me));
		good = run(&b, c, to);
		tap_ok(good ? want == VL_OK : e.code == want, "%s: %s, %zu parcels", i % 2 ? "rehearsal" : "assembly",
		       rows[i / 2].name, c->waybill->n);
		if (good ? want != VL_OK : e.code != want)
			printf("# E%04d %s\n", (int)e.code, e.msg);
		vl_assembly_free(b.a);
		vl_rehearsal_free(b.r);
		vl_store_free(vl_steal(&to));
		FIX_MUST(vl_remove_tree(AT_FDCWD, fix_path("to"), me));
	}
}

/* Indexes in indexes: whatever their digests are, parents come before children, and one pass understands it. */
static void nested(void)
{
	VL_AUTO(vl_store) s = fix_open("nested");
	VL_CLEAN(vl_doc) snapshot = { 0 };
	struct vl_pubkey pub;
	VL_AUTO(vl_seckey) key = fix_key(&pub);
	VL_CLEAN(vl_trust) t = { .key = NULL };
	VL_CLEAN(vl_carried_list) found = { 0 };
	VL_AUTO(vl_checked) c = NULL;
	struct both b = { .rehearse = true };

	vl_doc_init_index(&snapshot);
	for (int i = 0; i < 8; i++) {
		VL_CLEAN(vl_doc) manifest = { 0 };
		VL_CLEAN(vl_doc) inner = { 0 };
		VL_CLEAN(vl_doc) outer = { 0 };
		const char name[] = { (char)('a' + i), '\0' };

		fix_artifact(s, &manifest, "application/vnd.valise.file.v1");
		fix_layer(s, &manifest, "text/plain", "t", vl_bytes_str(name));
		vl_doc_init_index(&inner);
		fix_put_doc(s, &manifest, vl_doc_add(&inner));
		vl_doc_init_index(&outer);
		fix_put_doc(s, &inner, vl_doc_add(&outer));
		fix_item(s, &snapshot, &outer, name, "image");
	}
	struct vl_channel ch = fix_channel(s, &snapshot, "prod", 1);

	FIX_MUST(vl_trust_add(&t, &pub, NULL, "", 0, me));
	fix_bundle(s, &ch, &(struct fix_order){ .dir = "medium", .key = { key }, .raw_max = 4096 });
	FIX_MUST(vl_verify_waybill(&c, fix_find(&found, "medium"), &t, me));
	FIX_MUST(vl_rehearsal_new(&b.r, c->waybill, me));
	tap_good(run(&b, c, NULL), &e, "nested indexes pass a rehearsal");
	vl_rehearsal_free(b.r);
}

/* What a walk from name to name would never come to the end of: verify and unpack refuse it alike. */
static void endless(void)
{
	VL_AUTO(vl_store) s = fix_open("endless");
	VL_CLEAN(vl_doc) manifest = { 0 };
	VL_CLEAN(vl_doc) inner = { 0 };
	VL_CLEAN(vl_doc) outer = { 0 };
	VL_CLEAN(vl_desc) again = { 0 };
	VL_CLEAN(vl_buf) text = VL_BUF_INIT(1 << 20);
	struct vl_segment seg = { .whole = true };
	struct vl_waybill w = { .items = 1 };
	VL_AUTO(vl_rehearsal) r = NULL;
	VL_CLEAN(vl_doc) root = { 0 };

	fix_artifact(s, &manifest, "application/vnd.valise.file.v1");
	vl_doc_init_index(&inner);
	fix_put_doc(s, &manifest, vl_doc_add(&inner));
	vl_doc_init_index(&outer);
	fix_put_doc(s, &inner, vl_doc_add(&outer));
	vl_desc_copy(&again, &outer.child[0]);
	vl_desc_copy(vl_doc_add(&outer), &again);
	vl_doc_init_index(&root);
	fix_item(s, &root, &outer, "a", "image");
	FIX_MUST(vl_doc_format(&root, &text, me));
	vl_sha256_of(vl_buf_bytes(&text), &w.root);
	w.root_size = text.len;
	FIX_MUST(vl_rehearsal_new(&r, &w, me));
	seg.blob = w.root;
	seg.data = vl_buf_bytes(&text);
	FIX_MUST(vl_rehearsal_add(r, &seg, "p", me));
	vl_buf_reset(&text);
	FIX_MUST(vl_doc_format(&outer, &text, me));
	seg.data = vl_buf_bytes(&text);
	vl_sha256_of(seg.data, &seg.blob);
	tap_fails(vl_rehearsal_add(r, &seg, "p", &e), &e, VL_E_CLOSURE, "an index named twice");
}

int main(void)
{
	scripts_play();
	nested();
	endless();
	resumes();
	whole_way();
	fix_done();
	return tap_done();
}
