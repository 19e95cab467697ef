/* SPDX-License-Identifier: Apache-2.0 */
/* store/state.c: what must outlive every generation.
 * In:    state/high.json (the highest sequence ever accepted per channel), state/issued.json (the highest ever signed).
 * Out:   the same, replaced as a whole and durable before it is relied upon.
 * Keeps: numbers never go down. A missing high.json in a store that has sealed something is an error, never zero:
 *        deleting one file must not make old bundles acceptable again. */
#include "store/store.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "base/version.h"
#include "store/store_priv.h"

#define AHEAD_MAX (7 * 86400)
#define STATE_MAX (1u << 20)
#define HIGH_FORMAT "valise-high-1"
#define ISSUED_FORMAT "valise-issued-1"

/* ---- the value ---- */

void vl_state_clear(struct vl_state *s)
{
	free(s->high);
	*s = (struct vl_state){ 0 };
}

const struct vl_high *vl_state_find(const struct vl_state *s, const char *channel)
{
	for (size_t i = 0; i < s->n; i++)
		if (!strcmp(s->high[i].name, channel))
			return &s->high[i];
	return NULL;
}

void vl_state_set(struct vl_state *s, const struct vl_high *h)
{
	struct vl_high copy = *h;
	size_t i = 0;

	while (i < s->n && strcmp(s->high[i].name, copy.name) < 0)
		i++;
	if (i == s->n || strcmp(s->high[i].name, copy.name) != 0) {
		s->high = vl_xrealloc(s->high, s->n + 1, sizeof *s->high);
		memmove(&s->high[i + 1], &s->high[i], (s->n - i) * sizeof *s->high);
		s->n++;
	}
	s->high[i] = copy;
}

/* A signer must not push the floor far ahead, or every later bundle would be "expired" here. */
void vl_state_raise_floor(struct vl_state *s, int64_t created, int64_t now)
{
	bool clock_is_wrong = now < vl_release_time();

	if (created > s->time_floor && (clock_is_wrong || created <= now + AHEAD_MAX))
		s->time_floor = created;
}

/* ---- files ---- */

static bool load(const struct vl_store *s, const char *file, const char *format, struct vl_json **out, struct vl_err *e)
{
	VL_CLEAN(vl_buf) text = VL_BUF_INIT(STATE_MAX);
	VL_AUTO(vl_json) json = NULL;
	const char *said;
	bool absent = false;
	VL_FD dir = -1;

	if (!vl_open_dir(s->dir, "state", &dir, e) || !vl_load_file(dir, file, &text, &absent, e))
		return vl_while(e, "store %s: state", s->path);
	if (absent)
		return true;
	if (!vl_json_parse(&json, vl_buf_bytes(&text), VL_JSON_SIGNED, file, VL_E_STATE, e))
		return vl_while(e, "store %s: state", s->path);
	said = vl_jval_str(vl_jval_get(vl_json_root(json), "format"));
	if (!said || strcmp(said, format) != 0)
		return vl_fail(e, VL_E_STATE, "store %s: state/%s is not in the format %s", s->path, file, format);
	*out = vl_steal(&json);
	return true;
}

static bool save(struct vl_store *s, const char *file, const struct vl_buf *text, struct vl_err *e)
{
	VL_FD dir = -1;

	return (vl_store_writable(s, e) && vl_store_subdir(s, "state", &dir, e) &&
		vl_save_file(dir, file, 0644, vl_buf_bytes(text), e)) ||
	       vl_while(e, "store %s: state", s->path);
}

static bool damaged(const struct vl_store *s, const char *file, struct vl_err *e)
{
	return vl_fail(e, VL_E_STATE, "store %s: state/%s is damaged", s->path, file);
}

static bool take_name(const struct vl_jval *v, char out[static 65])
{
	const char *name = vl_jval_str(vl_jval_get(v, "name"));

	if (!name || !vl_name_is_valid(name) || strlen(name) > 64)
		return false;
	memcpy(out, name, strlen(name) + 1);
	return true;
}

/* ---- high.json ---- */

static bool take_high(const struct vl_jval *v, struct vl_high *h)
{
	const char *waybill = vl_jval_str(vl_jval_get(v, "waybill"));

	*h = (struct vl_high){ 0 };
	return take_name(v, h->name) && vl_jval_u64(vl_jval_get(v, "epoch"), &h->epoch) &&
	       vl_jval_u64(vl_jval_get(v, "sequence"), &h->sequence) && waybill &&
	       vl_digest_parse_oci(&h->waybill, waybill);
}

/* Every sealed channel of the current generation has a mark at least as high: otherwise high.json was taken away, or
 * an old copy was put back. */
static bool check_against_current(const struct vl_store *s, const struct vl_state *st, struct vl_err *e)
{
	VL_CLEAN(vl_generation) g = { 0 };
	const struct vl_channel *c;
	const struct vl_high *h;

	if (!vl_store_current(s, &g, e))
		return false;
	for (size_t i = 0; i < g.n; i++) {
		c = &g.channel[i];
		h = c->sealed ? vl_state_find(st, c->name) : NULL;
		if (!c->sealed || (h && (h->epoch > c->epoch ||
					 (h->epoch == c->epoch && h->sequence >= c->sequence))))
			continue;
		vl_fail(e, VL_E_STATE, "store %s: state/high.json is missing or too old: it does not know %s %" PRIu64
			", which is installed", s->path, c->name, c->sequence);
		return vl_hint(e, "Restore it from a backup, or rebuild it from the generations: "
				  "valise fsck --rebuild-state.");
	}
	return true;
}

static bool parse_high(const struct vl_store *s, const struct vl_json *json, struct vl_state *st, struct vl_err *e)
{
	const struct vl_jval *root = vl_json_root(json), *all = vl_jval_get(root, "channels");
	struct vl_high h;
	uint64_t floor;

	if (!vl_jval_is_array(all) || !vl_jval_u64(vl_jval_get(root, "time-floor"), &floor))
		return damaged(s, "high.json", e);
	st->time_floor = (int64_t)floor; /* the parser bounds it to 2^53 */
	for (size_t i = 0; i < vl_jval_count(all); i++) {
		if (!take_high(vl_jval_at(all, i), &h) || vl_state_find(st, h.name))
			return damaged(s, "high.json", e);
		vl_state_set(st, &h);
	}
	return true;
}

bool vl_store_state_load(const struct vl_store *s, struct vl_state *out, struct vl_err *e)
{
	VL_CLEAN(vl_state) st = { 0 };
	VL_AUTO(vl_json) json = NULL;

	if (!load(s, "high.json", HIGH_FORMAT, &json, e) || (json && !parse_high(s, json, &st, e)) ||
	    !check_against_current(s, &st, e))
		return false;
	vl_state_clear(out);
	*out = st;
	st = (struct vl_state){ 0 };
	return true;
}

bool vl_store_state_save(struct vl_store *s, const struct vl_state *st, struct vl_err *e)
{
	VL_CLEAN(vl_buf) text = VL_BUF_INIT(STATE_MAX);
	char waybill[VL_DIGEST_OCI];
	struct vl_jw w;

	vl_jw_init(&w, &text, true);
	vl_jw_object(&w, NULL);
	vl_jw_str(&w, "format", HIGH_FORMAT);
	vl_jw_u64(&w, "time-floor", st->time_floor > 0 ? (uint64_t)st->time_floor : 0);
	vl_jw_array(&w, "channels");
	for (size_t i = 0; i < st->n; i++) {
		vl_jw_object(&w, NULL);
		vl_jw_str(&w, "name", st->high[i].name);
		vl_jw_u64(&w, "epoch", st->high[i].epoch);
		vl_jw_u64(&w, "sequence", st->high[i].sequence);
		vl_jw_str(&w, "waybill", vl_digest_oci(&st->high[i].waybill, waybill));
		vl_jw_object_end(&w);
	}
	vl_jw_array_end(&w);
	vl_jw_object_end(&w);
	return vl_jw_end(&w, e) && save(s, "high.json", &text, e);
}

static void raise_to(struct vl_state *st, const struct vl_channel *c)
{
	const struct vl_high *had = vl_state_find(st, c->name);
	struct vl_high h = { .epoch = c->epoch, .sequence = c->sequence, .waybill = c->waybill };

	if (!c->sealed)
		return;
	vl_state_raise_floor(st, c->created, c->installed);
	if (had && (had->epoch > h.epoch || (had->epoch == h.epoch && had->sequence >= h.sequence)))
		return;
	memcpy(h.name, c->name, sizeof h.name);
	vl_state_set(st, &h);
}

bool vl_store_state_rebuild(struct vl_store *s, struct vl_state *out, struct vl_err *e)
{
	VL_CLEAN(vl_state) st = { 0 };
	VL_CLEAN(vl_numbers) all = { 0 };

	if (!vl_store_generations(s, &all, e))
		return false;
	for (size_t i = 0; i < all.n; i++) {
		VL_CLEAN(vl_generation) g = { 0 };

		if (!vl_generation_load(s, all.v[i], &g, e))
			return false;
		for (size_t k = 0; k < g.n; k++)
			raise_to(&st, &g.channel[k]);
	}
	if (!vl_store_state_save(s, &st, e))
		return false;
	vl_state_clear(out);
	*out = st;
	st = (struct vl_state){ 0 };
	return true;
}

/* ---- issued.json: the same shape, without waybills ---- */

static bool load_issued(const struct vl_store *s, struct vl_state *st, struct vl_err *e)
{
	VL_AUTO(vl_json) json = NULL;
	const struct vl_jval *all, *v;
	struct vl_high h;

	if (!load(s, "issued.json", ISSUED_FORMAT, &json, e))
		return false;
	if (!json)
		return true;
	all = vl_jval_get(vl_json_root(json), "channels");
	if (!vl_jval_is_array(all))
		return damaged(s, "issued.json", e);
	for (size_t i = 0; i < vl_jval_count(all); i++) {
		v = vl_jval_at(all, i);
		h = (struct vl_high){ 0 };
		if (!take_name(v, h.name) || !vl_jval_u64(vl_jval_get(v, "sequence"), &h.sequence))
			return damaged(s, "issued.json", e);
		vl_state_set(st, &h);
	}
	return true;
}

bool vl_store_issued(const struct vl_store *s, const char *channel, uint64_t *sequence, struct vl_err *e)
{
	VL_CLEAN(vl_state) st = { 0 };
	const struct vl_high *h;

	if (!load_issued(s, &st, e))
		return false;
	h = vl_state_find(&st, channel);
	*sequence = h ? h->sequence : 0;
	return true;
}

bool vl_store_set_issued(struct vl_store *s, const char *channel, uint64_t sequence, struct vl_err *e)
{
	VL_CLEAN(vl_buf) text = VL_BUF_INIT(STATE_MAX);
	VL_CLEAN(vl_state) st = { 0 };
	struct vl_high h = { .sequence = sequence };
	const struct vl_high *had;
	struct vl_jw w;

	if (!vl_name_is_valid(channel) || strlen(channel) >= sizeof h.name)
		return vl_fail(e, VL_E_INTERNAL, "a channel without a valid name was issued");
	memcpy(h.name, channel, strlen(channel) + 1);
	if (!load_issued(s, &st, e))
		return false;
	had = vl_state_find(&st, channel);
	if (had && had->sequence >= sequence)
		return true; /* never goes down: a number that was signed once is used up */
	vl_state_set(&st, &h);
	vl_jw_init(&w, &text, true);
	vl_jw_object(&w, NULL);
	vl_jw_str(&w, "format", ISSUED_FORMAT);
	vl_jw_array(&w, "channels");
	for (size_t i = 0; i < st.n; i++) {
		vl_jw_object(&w, NULL);
		vl_jw_str(&w, "name", st.high[i].name);
		vl_jw_u64(&w, "sequence", st.high[i].sequence);
		vl_jw_object_end(&w);
	}
	vl_jw_array_end(&w);
	vl_jw_object_end(&w);
	return vl_jw_end(&w, e) && save(s, "issued.json", &text, e);
}
