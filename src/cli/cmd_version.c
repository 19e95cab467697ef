/* SPDX-License-Identifier: Apache-2.0 */
/* cli/cmd_version.c: which valise this is, and what it can do. */
#include "base/version.h"
#include "bundle/bundle.h"
#include "cli/command.h"

struct opts {
	bool features;
};
static const struct vl_opt table[] = {
	{ VL_OPT_FLAG, 0, "features", offsetof(struct opts, features), NULL, "what this build can do" },
	{ .kind = VL_OPT_END },
};

static bool run(struct vl_cli *c, const void *opts, struct vl_err *e)
{
	const struct opts *o = opts;
	bool packs = !*vl_commands_left_out();
	struct vl_line l;

	if (c->g.json) {
		vl_line_begin(&l, "version");
		vl_jw_str(&l.w, "version", vl_version());
		vl_jw_bool(&l.w, "pack", packs);
		vl_jw_str(&l.w, "bundle-format", VL_BUNDLE_FORMAT);
		return vl_line_end(&l, e);
	}
	vl_say("valise %s\n", vl_version());
	if (!o->features)
		return true;
	vl_say_row("pack", "%s", packs ? "yes" : "no (built to receive only)");
	vl_say_row("bundles", "%s", VL_BUNDLE_FORMAT);
	vl_say_row("signatures", "minisign, prehashed Ed25519");
	vl_say_row("store", "OCI image layout");
	return true;
}

const struct vl_command vl_cmd_version = {
	.name = "version", .summary = "print the version", .side = VL_SIDE_BOTH,
	.usage = "[--features]",
	.text = "Prints the version of valise, and with --features what this build can do.",
	.opts = table, .size = sizeof(struct opts), .run = run,
};
