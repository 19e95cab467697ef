/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/verify_admit_test.c: which waybill may be installed when: T20 to T27 as a table. */
#include "tests/lib/bundle_fixture.h"
#include "tests/lib/tap.h"
#include "verify/verify.h"

#define DAY 86400
#define NOW 1795248000 /* 2026-11-21T08:00:00Z */

static struct vl_err e;

/* Digests of one byte: waybill 1 is the one installed at sequence 42. */
static struct vl_digest digest(uint8_t first)
{
	return (struct vl_digest){ .b = { first } };
}

struct row {
	const char *name;
	enum vl_code want; /* VL_OK: admitted */
	/* the waybill */
	uint64_t epoch, sequence;
	uint8_t waybill;
	int expires_in; /* days from NOW */
	/* what is said and known */
	const char *channel;
	uint8_t require;
	bool accept_expired, accept_jump, fresh; /* fresh: a store that never saw the channel */
	uint64_t allow_rollback;
	int clock, floor; /* days from NOW */
	bool already;
	const char *says; /* part of the message */
};

static const struct row rows[] = {
	{ "the next one", VL_OK, 1, 43, 9, 14, .channel = NULL },
	{ "some were left out", VL_OK, 1, 10042, 9, 14, .channel = NULL },
	{ "the first of a channel", VL_OK, 1, 1, 9, 14, .fresh = true },
	{ "the first of a channel, late", VL_OK, 1, 99999, 9, 14, .fresh = true },
	{ "T20 an older one", VL_E_ROLLBACK, 1, 41, 9, 14, .says = "prod 41 is older than prod 42" },
	{ "T20 an older one, allowed", VL_OK, 1, 41, 9, 14, .allow_rollback = 41 },
	{ "T20 another than the one allowed", VL_E_ROLLBACK, 1, 40, 9, 14, .allow_rollback = 41 },
	{ "T21 the same", VL_OK, 1, 42, 1, 14, .already = true },
	{ "T23 the same number, another waybill", VL_E_EQUIVOCATION, 1, 42, 9, 14, .says = "0900" },
	{ "T23 no word helps against that", VL_E_EQUIVOCATION, 1, 42, 9, 14, .allow_rollback = 42, .accept_jump = true,
	  .accept_expired = true },
	{ "T24 a jump", VL_E_JUMP, 1, 10043, 9, 14, .says = "from prod 42 to 10043" },
	{ "T24 the largest jump", VL_E_JUMP, 1, (1ull << 53) - 1, 9, 14, .channel = NULL },
	{ "T24 a jump, accepted", VL_OK, 1, 10043, 9, 14, .accept_jump = true },
	{ "T24 another epoch", VL_E_EPOCH, 2, 43, 9, 14, .says = "epoch 2" },
	{ "T24 another epoch at the first time", VL_E_EPOCH, 2, 1, 9, 14, .fresh = true },
	{ "T25 another channel", VL_E_CHANNEL, 1, 43, 9, 14, .channel = "test", .says = "for channel prod, not test" },
	{ "T25 the right channel", VL_OK, 1, 43, 9, 14, .channel = "prod" },
	{ "T26 expired", VL_E_EXPIRED, 1, 43, 9, -3, .says = "expired 3 days ago, on 2026-11-18" },
	{ "T26 expires this second", VL_E_EXPIRED, 1, 43, 9, 0, .channel = NULL },
	{ "T26 expired, accepted", VL_OK, 1, 43, 9, -3, .accept_expired = true },
	{ "T26 expired, the same: still known", VL_E_EXPIRED, 1, 42, 1, -3, .already = true },
	{ "T27 the clock lags, the floor knows", VL_E_EXPIRED, 1, 43, 9, -3, .clock = -20000 },
	{ "T27 the clock lags, still valid", VL_OK, 1, 43, 9, 3, .clock = -20000 },
	{ "T27 the clock runs ahead", VL_E_EXPIRED, 1, 43, 9, 3, .clock = 26000, .says = "expired" },
	{ "the required waybill", VL_OK, 1, 43, 9, 14, .require = 9 },
	{ "another than the required waybill", VL_E_WAYBILL, 1, 43, 9, 14, .require = 8, .says = "0800" },
};

static void check(const struct row *r)
{
	struct vl_waybill w = { .epoch = r->epoch, .sequence = r->sequence, .created = NOW - DAY,
				.expires = NOW + r->expires_in * DAY };
	struct vl_checked c = { .waybill = &w, .proof.sha256 = digest(r->waybill), .verified = true };
	struct vl_high high = { .name = "prod", .epoch = 1, .sequence = 42, .waybill = digest(1) };
	struct vl_state st = { .high = &high, .n = r->fresh ? 0 : 1, .time_floor = NOW + r->floor * DAY };
	struct vl_digest require = digest(r->require);
	struct vl_admission a = { .channel = r->channel, .require_waybill = r->require ? &require : NULL,
				  .accept_expired = r->accept_expired, .accept_jump = r->accept_jump,
				  .allow_rollback = r->allow_rollback };
	struct vl_env env = { .now = NOW + (int64_t)r->clock * DAY, .jobs = 1 };
	bool already = true, good;

	snprintf(w.channel, sizeof w.channel, "prod");
	memset(&e, 0, sizeof e);
	good = vl_verify_admit(&c, &st, &a, &env, &already, &e);
	tap_ok(good ? r->want == VL_OK : e.code == r->want, "%s: %d", r->name, r->want);
	if (good ? r->want != VL_OK : e.code != r->want)
		printf("# E%04d %s\n", (int)e.code, e.msg);
	tap_is(already, r->already, "%s: already", r->name);
	if (r->says)
		tap_ok(strstr(e.msg, r->says), "%s: \"%s\" says \"%s\"", r->name, e.msg, r->says);
}

static void floors(void)
{
	static const struct {
		const char *name;
		int created, clock, want; /* days from NOW */
	} table[] = {
		{ "newer raises", 0, 0, 0 },		{ "older does not lower", -30, 0, -10 },
		{ "a week ahead raises", 7, 0, 7 },	{ "further ahead does not", 8, 0, -10 },
		{ "but does when the clock is nonsense", 8, -20000, 8 },
	};

	for (size_t i = 0; i < VL_LEN(table); i++) {
		struct vl_state st = { .time_floor = NOW - 10 * DAY };
		struct vl_waybill w = { .created = NOW + table[i].created * DAY };
		struct vl_env env = { .now = NOW + (int64_t)table[i].clock * DAY };

		vl_state_raise_floor(&st, w.created, env.now);
		tap_is(st.time_floor, NOW + table[i].want * DAY, "floor: %s", table[i].name);
	}
}

int main(void)
{
	for (size_t i = 0; i < VL_LEN(rows); i++)
		check(&rows[i]);
	floors();
	return tap_done();
}
