/* SPDX-License-Identifier: Apache-2.0 */
/* bundle/waybill.c: waybill.json in and out.
 * In:    the very bytes whose signatures were checked (a vl_signed).
 * Out:   a struct vl_waybill in which every number is within its limit and every sum fits.
 * Keeps: nothing is guessed or defaulted; a key that this version does not know refuses the whole document, because a
 *        reader that skips what it does not understand can be told two different stories by one signed text. */
#include "bundle/bundle.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/text.h"
#include "base/version.h"

#define WAYBILL "waybill.json"
#define RAW_TOTAL_MAX (UINT64_C(2) << 40)
#define SMALLEST_RAW (VL_USTAR_BLOCK + VL_USTAR_END)

void vl_waybill_free(struct vl_waybill *w)
{
	if (!w)
		return;
	free(w->parcel);
	free(w);
}

/* ---- reading: each take_* reads one member of one object ---- */

static bool bad(struct vl_err *e, const char *where, const char *key, const char *what)
{
	vl_fail(e, VL_E_FORMAT, WAYBILL ": %s%s\"%s\" %s", where, *where ? ": " : "", key, what);
	return vl_found(e, WAYBILL, NULL, NULL);
}

static bool take_u64(const struct vl_jval *o, const char *where, const char *key, uint64_t min, uint64_t *out,
		     struct vl_err *e)
{
	const struct vl_jval *v = vl_jval_get(o, key);

	if (!v)
		return bad(e, where, key, "is missing");
	if (!vl_jval_u64(v, out))
		return bad(e, where, key, "is not a whole number");
	if (*out < min)
		return bad(e, where, key, "is too small");
	return true;
}

static bool take_str(const struct vl_jval *o, const char *where, const char *key, const char **out, struct vl_err *e)
{
	const struct vl_jval *v = vl_jval_get(o, key);

	if (!v)
		return bad(e, where, key, "is missing");
	*out = vl_jval_str(v);
	return *out ? true : bad(e, where, key, "is not a string");
}

static bool take_time(const struct vl_jval *o, const char *key, int64_t *out, struct vl_err *e)
{
	const char *s;

	if (!take_str(o, "", key, &s, e))
		return false;
	return vl_time_parse(s, out) ? true : bad(e, "", key, "is not a time like 2026-11-21T08:00:00Z");
}

static bool take_oci(const struct vl_jval *o, const char *where, const char *key, struct vl_digest *out,
		     struct vl_err *e)
{
	const char *s;

	if (!take_str(o, where, key, &s, e))
		return false;
	return vl_digest_parse_oci(out, s) ? true : bad(e, where, key, "is not sha256: and 64 lower-case hex digits");
}

static bool take_object(const struct vl_jval *o, const char *key, const struct vl_jval **out, struct vl_err *e)
{
	*out = vl_jval_get(o, key);
	if (!*out)
		return bad(e, "", key, "is missing");
	return vl_jval_is_object(*out) ? true : bad(e, "", key, "is not an object");
}

/* Names starting with x- are for others and carry no meaning here. */
static bool only_known(const struct vl_jval *o, const char *where, const char *const *known, struct vl_err *e)
{
	for (size_t i = 0; i < vl_jval_count(o); i++) {
		const char *key = NULL;
		size_t k = 0;

		vl_jval_member(o, i, &key);
		while (known[k] && strcmp(known[k], key))
			k++;
		if (!known[k] && strncmp(key, "x-", 2)) {
			VL_STR safe = vl_safe_text(key, 60);

			return bad(e, where, safe, "is a key that this version does not know");
		}
	}
	return true;
}

/* The format comes first in the text, so that a reader of any version learns it before anything else. */
static bool take_format(const struct vl_jval *root, struct vl_err *e)
{
	const char *key = NULL, *format = vl_jval_str(vl_jval_member(root, 0, &key));
	VL_STR safe = NULL;

	if (!key || strcmp(key, "format") || !format)
		return bad(e, "", "format", "is not the first key");
	if (!strcmp(format, VL_BUNDLE_FORMAT))
		return true;
	safe = vl_safe_text(format, 40);
	vl_fail(e, VL_E_NEWER, WAYBILL ": the format is \"%s\"; valise %s reads \"%s\"", safe, vl_version(),
		VL_BUNDLE_FORMAT);
	return vl_found(e, WAYBILL, safe, VL_BUNDLE_FORMAT);
}

static bool is_printable(const char *s)
{
	while (*s >= 0x20 && *s <= 0x7e)
		s++;
	return !*s;
}

static bool take_names(struct vl_waybill *w, const struct vl_jval *root, struct vl_err *e)
{
	const char *channel, *tool;

	if (!take_str(root, "", "channel", &channel, e) || !take_str(root, "", "tool", &tool, e))
		return false;
	if (!vl_name_is_valid(channel))
		return bad(e, "", "channel", "is not a channel name (a-z 0-9 - _ . only, at most 64)");
	if (!*tool || strlen(tool) >= sizeof w->tool || !is_printable(tool))
		return bad(e, "", "tool", "is not 1 to 64 printable ASCII characters");
	snprintf(w->channel, sizeof w->channel, "%s", channel);
	snprintf(w->tool, sizeof w->tool, "%s", tool);
	return true;
}

static bool take_base(struct vl_waybill *w, const struct vl_jval *root, struct vl_err *e)
{
	static const char *const known[] = { "sequence", "root", NULL };
	const struct vl_jval *base = vl_jval_get(root, "base");

	if (vl_jval_is_null(base))
		return true;
	if (!take_object(root, "base", &base, e) || !only_known(base, "base", known, e) ||
	    !take_u64(base, "base", "sequence", 1, &w->base_sequence, e) ||
	    !take_oci(base, "base", "root", &w->base_root, e))
		return false;
	w->has_base = true;
	if (w->base_sequence >= w->sequence)
		return bad(e, "base", "sequence", "is not below the bundle's own");
	return true;
}

static bool take_root(struct vl_waybill *w, const struct vl_jval *root, struct vl_err *e)
{
	static const char *const known[] = { "digest", "size", NULL };
	const struct vl_jval *o;

	if (!take_object(root, "root", &o, e) || !only_known(o, "root", known, e) ||
	    !take_oci(o, "root", "digest", &w->root, e) || !take_u64(o, "root", "size", 1, &w->root_size, e))
		return false;
	if (w->root_size > VL_DOC_MAX)
		return vl_fail(e, VL_E_LIMIT, WAYBILL ": the snapshot's index has %" PRIu64 " bytes, more than %u",
			       w->root_size, VL_DOC_MAX);
	return true;
}

static bool take_totals(struct vl_waybill *w, const struct vl_jval *root, struct vl_err *e)
{
	static const char *const known[] = { "items", "blobs", "bytes", NULL };
	const struct vl_jval *o;

	if (!take_object(root, "totals", &o, e) || !only_known(o, "totals", known, e) ||
	    !take_u64(o, "totals", "items", 0, &w->items, e) || !take_u64(o, "totals", "blobs", 1, &w->blobs, e) ||
	    !take_u64(o, "totals", "bytes", 1, &w->bytes, e))
		return false;
	if (w->blobs > VL_BLOBS_MAX || w->items > VL_BLOBS_MAX)
		return vl_fail(e, VL_E_LIMIT, WAYBILL ": more than %u items or blobs", VL_BLOBS_MAX);
	return true;
}

static bool take_parcel(struct vl_parcel_line *p, const struct vl_jval *o, size_t number, struct vl_err *e)
{
	static const char *const known[] = { "kind", "size", "sha256", "raw", NULL };
	const char *kind, *hex;
	char where[40];

	snprintf(where, sizeof where, "parcel %zu", number);
	if (!vl_jval_is_object(o))
		return bad(e, where, "parcels", "holds something that is not an object");
	if (!take_str(o, where, "kind", &kind, e))
		return false;
	if (!strcmp(kind, "delta.tar") || vl_jval_get(o, "enc"))
		return vl_fail(e, VL_E_NEWER, WAYBILL
				": %s is a delta or encrypted; valise %s reads plain parcels only",
			       where, vl_version());
	if (strcmp(kind, "tar.zst"))
		return bad(e, where, "kind", "is neither \"tar.zst\" nor \"delta.tar\"");
	p->kind = VL_PARCEL_TAR_ZST;
	if (!only_known(o, where, known, e) || !take_u64(o, where, "size", 1, &p->size, e) ||
	    !take_str(o, where, "sha256", &hex, e) || !take_u64(o, where, "raw", SMALLEST_RAW, &p->raw, e))
		return false;
	if (!vl_digest_parse_hex(&p->sha256, hex))
		return bad(e, where, "sha256", "is not 64 lower-case hex digits");
	if (p->raw % VL_USTAR_BLOCK)
		return bad(e, where, "raw", "is not a multiple of 512");
	return true;
}

static bool take_parcels(struct vl_waybill *w, const struct vl_jval *root, struct vl_err *e)
{
	const struct vl_jval *list = vl_jval_get(root, "parcels");

	if (!list)
		return bad(e, "", "parcels", "is missing");
	if (!vl_jval_is_array(list) || !vl_jval_count(list))
		return bad(e, "", "parcels", "is not a list of at least one parcel");
	if (vl_jval_count(list) > VL_PARCELS_MAX)
		return vl_fail(e, VL_E_LIMIT, WAYBILL ": more than %d parcels", VL_PARCELS_MAX);
	w->n = vl_jval_count(list);
	w->parcel = vl_xcalloc(w->n, sizeof *w->parcel);
	for (size_t i = 0; i < w->n; i++)
		if (!take_parcel(&w->parcel[i], vl_jval_at(list, i), i + 1, e))
			return false;
	return true;
}

/* ---- what the members must say together ---- */

static int digest_cmp(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct vl_digest));
}

/* The same parcel twice would count its content twice towards every sum and every space check. */
static bool parcels_differ(const struct vl_waybill *w, struct vl_err *e)
{
	VL_STR sorted = vl_xcalloc(w->n, sizeof(struct vl_digest));
	char hex[VL_DIGEST_HEX];

	for (size_t i = 0; i < w->n; i++)
		memcpy(sorted + i * sizeof(struct vl_digest), &w->parcel[i].sha256, sizeof(struct vl_digest));
	qsort(sorted, w->n, sizeof(struct vl_digest), digest_cmp);
	for (size_t i = 1; i < w->n; i++) {
		struct vl_digest d[2];

		memcpy(d, sorted + (i - 1) * sizeof *d, sizeof d);
		if (vl_digest_equal(&d[0], &d[1]))
			return bad(e, "parcels", vl_digest_hex(d, hex), "is listed twice");
	}
	return true;
}

/* Sums before limits: numbers that do not even fit are a malformed text, not a big one. */
static bool sums_fit(const struct vl_waybill *w, struct vl_err *e)
{
	uint64_t raw = 0, stored = 0;

	for (size_t i = 0; i < w->n; i++)
		if (__builtin_add_overflow(raw, w->parcel[i].raw, &raw) ||
		    __builtin_add_overflow(stored, w->parcel[i].size, &stored))
			return bad(e, "", "parcels", "have sizes whose sum does not fit in 64 bits");
	for (size_t i = 0; i < w->n; i++)
		if (w->parcel[i].raw > VL_PARCEL_RAW_MAX || w->parcel[i].size > VL_PARCEL_STORED_MAX)
			return vl_fail(e, VL_E_LIMIT, WAYBILL ": parcel %zu has %" PRIu64 " bytes (%" PRIu64
				       " unpacked), more than %u (%u)", i + 1, w->parcel[i].size, w->parcel[i].raw,
				       VL_PARCEL_STORED_MAX, VL_PARCEL_RAW_MAX);
	if (raw > RAW_TOTAL_MAX || w->bytes > RAW_TOTAL_MAX)
		return vl_fail(e, VL_E_LIMIT, WAYBILL ": the content has more than 2 TiB");
	return true;
}

static bool consistent(const struct vl_waybill *w, struct vl_err *e)
{
	if (w->expires <= w->created)
		return bad(e, "", "expires", "is not later than \"created\"");
	if (!parcels_differ(w, e) || !sums_fit(w, e))
		return false;
	if (!w->has_base)
		return true;
	vl_fail(e, VL_E_NEWER, WAYBILL ": this bundle is a delta against sequence %" PRIu64
		"; valise %s reads full bundles only", w->base_sequence, vl_version());
	return vl_hint(e, "Install a newer valise on this host, or ask the sender for a full bundle.");
}

bool vl_waybill_parse(struct vl_waybill **out, const struct vl_signed *s, struct vl_err *e)
{
	static const char *const known[] = { "format", "channel", "epoch", "sequence", "created", "expires",
					     "base",   "root",	  "totals", "parcels", "tool",	  NULL };
	VL_AUTO(vl_json) doc = NULL;
	VL_AUTO(vl_waybill) w = vl_xcalloc(1, sizeof *w);
	const struct vl_jval *root;

	if (s->text.len > VL_WAYBILL_MAX)
		return vl_fail(e, VL_E_LIMIT, WAYBILL ": longer than %u bytes", VL_WAYBILL_MAX);
	if (!vl_json_parse(&doc, s->text, VL_JSON_SIGNED, WAYBILL, VL_E_FORMAT, e))
		return vl_found(e, WAYBILL, NULL, NULL);
	root = vl_json_root(doc);
	if (!vl_jval_is_object(root)) {
		vl_fail(e, VL_E_FORMAT, WAYBILL ": not an object (byte offset 0)");
		return vl_found(e, WAYBILL, NULL, NULL);
	}
	if (!take_format(root, e) || !only_known(root, "", known, e) || !take_names(w, root, e) ||
	    !take_u64(root, "", "epoch", 1, &w->epoch, e) || !take_u64(root, "", "sequence", 1, &w->sequence, e) ||
	    !take_time(root, "created", &w->created, e) || !take_time(root, "expires", &w->expires, e) ||
	    !take_base(w, root, e) || !take_root(w, root, e) || !take_totals(w, root, e) ||
	    !take_parcels(w, root, e) || !consistent(w, e))
		return false;
	*out = vl_steal(&w);
	return true;
}

/* ---- writing: one fixed key order, so that the same bundle is the same text ---- */

static void write_time(struct vl_jw *j, const char *key, int64_t t)
{
	char text[24];

	vl_jw_str(j, key, vl_time_text(t, text));
}

static void write_oci(struct vl_jw *j, const char *key, const struct vl_digest *d)
{
	char text[VL_DIGEST_OCI];

	vl_jw_str(j, key, vl_digest_oci(d, text));
}

static void write_base(struct vl_jw *j, const struct vl_waybill *w)
{
	if (!w->has_base) {
		vl_jw_null(j, "base");
		return;
	}
	vl_jw_object(j, "base");
	vl_jw_u64(j, "sequence", w->base_sequence);
	write_oci(j, "root", &w->base_root);
	vl_jw_object_end(j);
}

static void write_parcels(struct vl_jw *j, const struct vl_waybill *w)
{
	char hex[VL_DIGEST_HEX];

	vl_jw_array(j, "parcels");
	for (size_t i = 0; i < w->n; i++) {
		vl_jw_object(j, NULL);
		vl_jw_str(j, "kind", "tar.zst");
		vl_jw_u64(j, "size", w->parcel[i].size);
		vl_jw_str(j, "sha256", vl_digest_hex(&w->parcel[i].sha256, hex));
		vl_jw_u64(j, "raw", w->parcel[i].raw);
		vl_jw_object_end(j);
	}
	vl_jw_array_end(j);
}

static void write_root_and_totals(struct vl_jw *j, const struct vl_waybill *w)
{
	vl_jw_object(j, "root");
	write_oci(j, "digest", &w->root);
	vl_jw_u64(j, "size", w->root_size);
	vl_jw_object_end(j);
	vl_jw_object(j, "totals");
	vl_jw_u64(j, "items", w->items);
	vl_jw_u64(j, "blobs", w->blobs);
	vl_jw_u64(j, "bytes", w->bytes);
	vl_jw_object_end(j);
}

bool vl_waybill_format(const struct vl_waybill *w, struct vl_buf *out, struct vl_err *e)
{
	struct vl_jw j;

	vl_jw_init(&j, out, false);
	vl_jw_object(&j, NULL);
	vl_jw_str(&j, "format", VL_BUNDLE_FORMAT);
	vl_jw_str(&j, "channel", w->channel);
	vl_jw_u64(&j, "epoch", w->epoch);
	vl_jw_u64(&j, "sequence", w->sequence);
	write_time(&j, "created", w->created);
	write_time(&j, "expires", w->expires);
	write_base(&j, w);
	write_root_and_totals(&j, w);
	write_parcels(&j, w);
	vl_jw_str(&j, "tool", w->tool);
	vl_jw_object_end(&j);
	return vl_jw_end(&j, e) && vl_buf_add(out, vl_bytes_str("\n"), e);
}

/* ---- names and the signed comment ---- */

void vl_waybill_comment(const struct vl_waybill *w, const struct vl_digest *sha256, char out[static 513])
{
	char hex[VL_DIGEST_HEX];

	snprintf(out, 513, "valise-bundle-v1 channel=%s epoch=%" PRIu64 " seq=%" PRIu64 " sha256=%s", w->channel,
		 w->epoch, w->sequence, vl_digest_hex(sha256, hex));
}

bool vl_waybill_comments_agree(const struct vl_waybill *w, const struct vl_signed *s, struct vl_err *e)
{
	char want[513], id[VL_KEYID_TEXT];

	vl_waybill_comment(w, &s->sha256, want);
	for (size_t i = 0; i < s->n_by; i++) {
		VL_STR safe = NULL;

		if (!strcmp(s->comment[i], want))
			continue;
		safe = vl_safe_text(s->comment[i], 150);
		vl_fail(e, VL_E_SIG_COMMENT, WAYBILL
				": the comment signed by key %s is \"%s\", the waybill asks for \"%s\"",
			vl_keyid_text(s->by[i].id, id), safe, want);
		return vl_found(e, WAYBILL, safe, want);
	}
	return true;
}

const char *vl_parcel_name(const struct vl_parcel_line *line, size_t i, char out[static 40])
{
	(void)line; /* one kind so far */
	snprintf(out, 40, "parcels/%06zu.tar.zst", i + 1);
	return out;
}

void vl_bundle_name(const char *channel, uint64_t sequence, char out[static 96])
{
	snprintf(out, 96, "%s-%06" PRIu64, channel, sequence);
}
