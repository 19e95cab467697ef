/* SPDX-License-Identifier: Apache-2.0 */
/* cli/cmd_help.c: the same as --help, for those who type it the other way round. */
#include "base/text.h"
#include "cli/command.h"

static const struct vl_opt table[] = { { .kind = VL_OPT_END } };

static bool run(struct vl_cli *c, const void *opts, struct vl_err *e)
{
	const struct vl_command *cmd;

	(void)opts;
	if (!c->n_args) {
		vl_help_overview();
		return true;
	}
	cmd = vl_command_find(c->args[0]);
	if (!cmd) {
		VL_STR safe = vl_safe_text(c->args[0], 80);

		vl_fail(e, VL_E_USAGE, "there is no command %s", safe);
		return vl_hint(e, "valise --help lists them.");
	}
	vl_help_command(cmd);
	return true;
}

const struct vl_command vl_cmd_help = {
	.name = "help", .summary = "explain a command", .side = VL_SIDE_BOTH,
	.usage = "[COMMAND]",
	.text = "Without COMMAND: all commands. With it: usage and options of this command.",
	.opts = table, .args_max = 1, .run = run,
};
