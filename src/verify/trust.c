/* SPDX-License-Identifier: Apache-2.0 */
/* verify/trust.c: who may sign what, in STORE/trust/keys.json.
 * In:    {"format":"valise-trust-1","keys":[{"key","channel","note","added"}],"thresholds":[{"channel","n"}]}; no
 *        "channel" is every channel.
 * Out:   a set that makes sense: a threshold of 0, or one that the keys cannot reach, is an error and never "no check".
 * Keeps: one id per key and one key per id, so that no key counts twice and no message is ambiguous. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "verify/verify.h"

#define FORMAT "valise-trust-1"
#define KEYS_MAX 64
#define FILE_MAX (256u << 10)

void vl_trust_clear(struct vl_trust *t)
{
	free(t->key);
	free(t->threshold);
	*t = (struct vl_trust){ .key = NULL };
}

static bool same_channel(const char *a, const char *b)
{
	return !strcmp(a ? a : "", b ? b : "");
}

/* Distinct keys that may sign the channel; "" counts all: a rule for every channel can be reached by keys of single
 * ones. */
static unsigned count_keys(const struct vl_trust *t, const char *channel)
{
	unsigned n = 0;

	for (size_t i = 0; i < t->n; i++) {
		const struct vl_trusted *k = &t->key[i];
		bool again = false;

		if (*channel && *k->channel && strcmp(k->channel, channel) != 0)
			continue;
		for (size_t j = 0; j < i; j++)
			again |= vl_pubkey_equal(&t->key[j].key, &k->key) &&
				 (!*channel || !*t->key[j].channel || !strcmp(t->key[j].channel, channel));
		n += !again;
	}
	return n;
}

static bool thresholds_make_sense(const struct vl_trust *t, enum vl_code code, struct vl_err *e)
{
	for (size_t i = 0; i < t->n_threshold; i++) {
		const struct vl_threshold *h = &t->threshold[i];
		unsigned n = count_keys(t, h->channel);

		if (h->n == 0)
			return vl_fail(e, code, "a threshold of 0 would accept bundles without a signature");
		if (h->n > n)
			return vl_fail(e, code, "%s%s needs %u signers, but only %u %s trusted for it",
				       *h->channel ? "channel " : "every channel", h->channel, h->n, n,
				       n == 1 ? "key is" : "keys are");
	}
	return true;
}

/* ---- reading ---- */
static bool take_channel(const struct vl_jval *v, char out[static 65], struct vl_err *e)
{
	const char *s = vl_jval_str(vl_jval_get(v, "channel"));

	if (vl_jval_get(v, "channel") && (!s || !vl_name_is_valid(s)))
		return vl_fail(e, VL_E_STATE, "a channel is not a valid name");
	snprintf(out, 65, "%s", s ? s : "");
	return true;
}

static bool take_key(struct vl_trust *t, const struct vl_jval *v, struct vl_err *e)
{
	const char *text = vl_jval_str(vl_jval_get(v, "key")), *note = vl_jval_str(vl_jval_get(v, "note"));
	const char *added = vl_jval_str(vl_jval_get(v, "added"));
	char channel[65];
	struct vl_pubkey k;
	int64_t when = 0;

	if (!text || !added || !vl_time_parse(added, &when))
		return vl_fail(e, VL_E_STATE, "a key has no \"key\" or no \"added\"");
	if (!take_channel(v, channel, e))
		return false;
	if (!vl_pubkey_parse(&k, vl_bytes_str(text), "a trusted key", e) ||
	    !vl_trust_add(t, &k, channel, note, when, e)) {
		e->code = VL_E_STATE;
		return false;
	}
	return true;
}

static bool take_threshold(struct vl_trust *t, const struct vl_jval *v, struct vl_err *e)
{
	struct vl_threshold h = { .n = 0 };
	uint64_t n;

	if (!take_channel(v, h.channel, e))
		return false;
	if (!vl_jval_u64(vl_jval_get(v, "n"), &n) || n > KEYS_MAX)
		return vl_fail(e, VL_E_STATE, "a threshold has no number \"n\", or one above %d", KEYS_MAX);
	for (size_t i = 0; i < t->n_threshold; i++)
		if (same_channel(t->threshold[i].channel, h.channel))
			return vl_fail(e, VL_E_STATE, "a channel has two thresholds");
	h.n = (unsigned)n;
	vl_grow(&t->threshold, t->n_threshold, &t->cap_threshold, sizeof h);
	t->threshold[t->n_threshold++] = h;
	return true;
}

/* Unknown keys are refused: a rule that this version does not understand must not be skipped. */
static bool only_known(const struct vl_jval *v, const char *const *known, struct vl_err *e)
{
	const char *key;

	for (size_t i = 0; i < vl_jval_count(v); i++) {
		bool found = false;

		(void)vl_jval_member(v, i, &key);
		for (size_t k = 0; known[k]; k++)
			found |= !strcmp(known[k], key);
		if (!found)
			return vl_fail(e, VL_E_STATE, "\"%.40s\" is not known to this version", key);
	}
	return true;
}

static bool each(struct vl_trust *t, const struct vl_jval *array, const char *const *known,
		 bool (*take)(struct vl_trust *t, const struct vl_jval *v, struct vl_err *e), struct vl_err *e)
{
	if (!vl_jval_is_array(array))
		return vl_fail(e, VL_E_STATE, "a list is missing");
	for (size_t i = 0; i < vl_jval_count(array); i++) {
		const struct vl_jval *v = vl_jval_at(array, i);

		if (!vl_jval_is_object(v))
			return vl_fail(e, VL_E_STATE, "an entry is not an object");
		if (!only_known(v, known, e) || !take(t, v, e))
			return false;
	}
	return true;
}

static bool read_keys(struct vl_trust *t, struct vl_bytes text, struct vl_err *e)
{
	static const char *const top[] = { "format", "keys", "thresholds", NULL };
	static const char *const key[] = { "key", "channel", "note", "added", NULL };
	static const char *const threshold[] = { "channel", "n", NULL };
	VL_AUTO(vl_json) doc = NULL;
	const struct vl_jval *root;
	const char *format;

	if (!vl_json_parse(&doc, text, VL_JSON_SIGNED, "keys.json", VL_E_STATE, e))
		return false;
	root = vl_json_root(doc);
	format = vl_jval_str(vl_jval_get(root, "format"));
	if (!format || strcmp(format, FORMAT) != 0)
		return vl_fail(e, VL_E_STATE, "the format is not \"" FORMAT "\"");
	return only_known(root, top, e) && each(t, vl_jval_get(root, "keys"), key, take_key, e) &&
	       each(t, vl_jval_get(root, "thresholds"), threshold, take_threshold, e) &&
	       thresholds_make_sense(t, VL_E_STATE, e);
}

bool vl_trust_load(struct vl_trust *t, const struct vl_store *s, struct vl_err *e)
{
	VL_CLEAN(vl_buf) text = VL_BUF_INIT(FILE_MAX);
	VL_CLEAN(vl_trust) read = { .key = NULL };
	bool absent = false;

	if (!vl_load_file(vl_store_dir(s), "trust/keys.json", &text, &absent, e)) {
		if (e->code == VL_E_FORMAT || e->code == VL_E_LIMIT)
			e->code = VL_E_STATE; /* of the store, not of a medium */
		return vl_while(e, "%s", vl_store_path(s));
	}
	if (!absent && !read_keys(&read, vl_buf_bytes(&text), e)) {
		vl_while(e, "%s/trust/keys.json", vl_store_path(s));
		return vl_hint(e, "Restore it from a backup, or remove it and trust the keys again (valise-trust(1)).");
	}
	vl_trust_clear(t);
	*t = read;
	read = (struct vl_trust){ .key = NULL };
	return true;
}

/* ---- writing ---- */
static void write_keys(struct vl_jw *w, const struct vl_trust *t)
{
	char text[57], when[24];

	vl_jw_object(w, NULL);
	vl_jw_str(w, "format", FORMAT);
	vl_jw_array(w, "keys");
	for (size_t i = 0; i < t->n; i++) {
		const struct vl_trusted *k = &t->key[i];

		vl_pubkey_base64(&k->key, text);
		vl_jw_object(w, NULL);
		vl_jw_str(w, "key", text);
		vl_jw_str(w, "channel", *k->channel ? k->channel : NULL);
		vl_jw_str(w, "note", k->note);
		vl_jw_str(w, "added", vl_time_text(k->added, when));
		vl_jw_object_end(w);
	}
	vl_jw_array_end(w);
	vl_jw_array(w, "thresholds");
	for (size_t i = 0; i < t->n_threshold; i++) {
		vl_jw_object(w, NULL);
		vl_jw_str(w, "channel", *t->threshold[i].channel ? t->threshold[i].channel : NULL);
		vl_jw_u64(w, "n", t->threshold[i].n);
		vl_jw_object_end(w);
	}
	vl_jw_array_end(w);
	vl_jw_object_end(w);
}

bool vl_trust_save(const struct vl_trust *t, struct vl_store *s, struct vl_err *e)
{
	VL_CLEAN(vl_buf) text = VL_BUF_INIT(FILE_MAX);
	VL_FD dir = -1;
	struct vl_jw w;

	vl_jw_init(&w, &text, true);
	write_keys(&w, t);
	return vl_jw_end(&w, e) && thresholds_make_sense(t, VL_E_TRUST_SET, e) &&
	       vl_store_subdir(s, "trust", &dir, e) &&
	       vl_save_file(dir, "keys.json", 0644, vl_buf_bytes(&text), e);
}

/* ---- changing ---- */
bool vl_trust_add(struct vl_trust *t, const struct vl_pubkey *k, const char *channel, const char *note, int64_t now,
		  struct vl_err *e)
{
	struct vl_trusted row = { .key = *k, .added = now };
	VL_STR safe = vl_safe_text(note ? note : "", 100);
	char id[VL_KEYID_TEXT], other[VL_KEYID_TEXT];

	vl_keyid_text(k->id, id);
	for (size_t i = 0; i < t->n; i++) {
		const struct vl_trusted *have = &t->key[i];
		bool same_id = !memcmp(have->key.id, k->id, sizeof k->id);
		bool same_key = vl_pubkey_equal(&have->key, k);

		if (same_key && !same_id)
			return vl_fail(e, VL_E_TRUST_SET, "key %s is the key that is trusted as %s, under another id",
				       id, vl_keyid_text(have->key.id, other));
		if (same_id && !same_key)
			return vl_fail(e, VL_E_TRUST_SET, "another key with the id %s is trusted already", id);
		if (same_key && (!*have->channel || same_channel(have->channel, channel)))
			return true;
	}
	if (t->n >= KEYS_MAX)
		return vl_fail(e, VL_E_LIMIT, "more than %d trusted keys", KEYS_MAX);
	snprintf(row.channel, sizeof row.channel, "%s", channel ? channel : "");
	snprintf(row.note, sizeof row.note, "%.128s", safe);
	vl_grow(&t->key, t->n, &t->cap, sizeof row);
	t->key[t->n++] = row;
	return true;
}

static bool is_called(const struct vl_trusted *k, const char *name)
{
	char id[VL_KEYID_TEXT], text[57];

	vl_pubkey_base64(&k->key, text);
	return !strcasecmp(vl_keyid_text(k->key.id, id), name) || !strcmp(text, name);
}

bool vl_trust_remove(struct vl_trust *t, const char *key, const char *channel, size_t *removed, struct vl_err *e)
{
	VL_CLEAN(vl_trust) left = { .key = NULL };
	VL_STR safe = vl_safe_text(key, 60);
	bool fits;

	*removed = 0;
	for (size_t i = 0; i < t->n; i++) {
		if (is_called(&t->key[i], key) && (!channel || same_channel(t->key[i].channel, channel))) {
			++*removed;
			continue;
		}
		vl_grow(&left.key, left.n, &left.cap, sizeof *left.key);
		left.key[left.n++] = t->key[i];
	}
	if (!*removed)
		return vl_fail(e, VL_E_ABSENT, "key %s is not trusted%s%s", safe, channel ? " for channel " : "",
			       channel ? channel : "");
	left.threshold = t->threshold;
	left.n_threshold = t->n_threshold;
	fits = thresholds_make_sense(&left, VL_E_TRUST_SET, e);
	left.threshold = NULL;
	if (!fits) {
		vl_while(e, "without key %s", safe);
		return vl_hint(e, "Lower the threshold first: valise trust add --threshold.");
	}
	free(t->key);
	t->key = vl_steal(&left.key);
	t->n = left.n;
	t->cap = left.cap;
	return true;
}

bool vl_trust_set_threshold(struct vl_trust *t, const char *channel, unsigned n, struct vl_err *e)
{
	struct vl_threshold *h = NULL, was;

	for (size_t i = 0; i < t->n_threshold; i++)
		if (same_channel(t->threshold[i].channel, channel))
			h = &t->threshold[i];
	if (!h) {
		vl_grow(&t->threshold, t->n_threshold, &t->cap_threshold, sizeof *h);
		h = &t->threshold[t->n_threshold++];
		*h = (struct vl_threshold){ .n = 1 };
		snprintf(h->channel, sizeof h->channel, "%s", channel ? channel : "");
	}
	was = *h;
	h->n = n;
	if (thresholds_make_sense(t, VL_E_TRUST_SET, e))
		return true;
	*h = was;
	return false;
}
