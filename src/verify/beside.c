/* SPDX-License-Identifier: Apache-2.0 */
/* verify/beside.c: the unsigned texts beside the waybill.
 * In:    a checked waybill.
 * Out:   the verdict whether somebody or something changed them.
 * Keeps: nothing is ever taken from these texts; they are compared with what the waybill implies. A difference is
 *        refused, because a medium that changed a text may have changed more, and because people follow what
 *        READ-ME.txt says. */
#include <inttypes.h>
#include <stdio.h>

#include "base/text.h"
#include "base/version.h"
#include "verify/verify.h"

#define TEXT_MAX (4u << 20) /* SHA256SUMS of 32768 parcels has 3 MiB */

static bool changed(const struct vl_checked *c, const char *name, struct vl_err *e)
{
	vl_fail(e, VL_E_HASH, "%s: %s was changed on the way: it differs from what the signed waybill implies",
		vl_carried_path(c->carried), name);
	vl_hint(e, "It is not signed and not used, but what changed it may have changed more. Copy the bundle again.");
	return vl_found(e, name, NULL, NULL);
}

static bool same_text(const struct vl_buf *a, const struct vl_buf *b)
{
	return a->len == b->len && (!a->len || !memcmp(a->data, b->data, a->len));
}

/* An absent text is fine: a courier may leave them behind. */
static bool compare(const struct vl_checked *c, const char *name, const struct vl_buf *want, struct vl_err *e)
{
	VL_CLEAN(vl_buf) got = VL_BUF_INIT(TEXT_MAX);
	bool absent = false;

	if (!vl_carried_text(c->carried, name, &got, &absent, e))
		return e->code == VL_E_LIMIT ? changed(c, name, e) : false;
	return absent || same_text(&got, want) || changed(c, name, e);
}

static bool sums_agree(const struct vl_checked *c, struct vl_err *e)
{
	VL_CLEAN(vl_buf) want = VL_BUF_INIT(TEXT_MAX);

	return vl_bundle_sums(c->waybill, 0, c->waybill->n, &want, e) && compare(c, "SHA256SUMS", &want, e);
}

static bool readme_agrees(const struct vl_checked *c, struct vl_err *e)
{
	VL_CLEAN(vl_buf) want = VL_BUF_INIT(TEXT_MAX);

	return vl_bundle_readme(c->waybill, &want, e) && compare(c, "READ-ME.txt", &want, e);
}

static bool hint_agrees(const struct vl_checked *c, struct vl_err *e)
{
	VL_CLEAN(vl_buf) want = VL_BUF_INIT(TEXT_MAX);

	return vl_bundle_volume_hint(c->waybill, 1, 1, 1, c->waybill->n, &want, e) &&
	       compare(c, "volume.json", &want, e);
}

/* Another version may word its texts differently. */
static bool tool_is_ours(const struct vl_waybill *w)
{
	char ours[80];

	snprintf(ours, sizeof ours, "valise %s", vl_version());
	return !strcmp(w->tool, ours);
}

struct names {
	const struct vl_checked *checked;
	const struct vl_env *env;
	uint64_t foreign;
};

/* A medium may hold a million of them; the warnings that matter must not scroll away. */
#define NAMED_MAX 10

static bool look_at_name(void *ctx, const char *name, struct vl_err *e)
{
	static const char *const expected[] = { "READ-ME.txt", "SHA256SUMS", "parcels", "volume.json", "waybill.json" };
	struct names *n = ctx;
	VL_STR safe = NULL;

	for (size_t i = 0; i < VL_LEN(expected); i++)
		if (!strcmp(name, expected[i]))
			return true;
	for (size_t i = 0; i < n->checked->sigs.n; i++)
		if (!strcmp(name, n->checked->sigs.name[i]))
			return true;
	if (n->foreign++ >= NAMED_MAX)
		return vl_env_go_on(n->env, e);
	safe = vl_safe_text(name, 80);
	vl_emit_warn(n->env, "%s does not belong to the bundle; it was not opened", safe);
	return true;
}

bool vl_verify_beside(const struct vl_checked *c, const struct vl_env *env, struct vl_err *e)
{
	struct names n = { .checked = c, .env = env };

	if (!vl_carried_names(c->carried, look_at_name, &n, e))
		return false;
	if (n.foreign > NAMED_MAX)
		vl_emit_warn(env, "%" PRIu64 " more names do not belong to the bundle", n.foreign - NAMED_MAX);
	if (!sums_agree(c, e))
		return false;
	if (tool_is_ours(c->waybill))
		return readme_agrees(c, e) && hint_agrees(c, e);
	vl_emit_debug(env, "made by %s: READ-ME.txt and volume.json are not compared", c->waybill->tool);
	return true;
}
