/* SPDX-License-Identifier: Apache-2.0 */
/* cli/receive/commands.c: the commands of a program built with --disable-pack: no init, fetch, pack. It lies in a
 * folder of its own because it defines the same names as ../commands_pack.c. */
#include "cli/command.h"

const struct vl_command *const *vl_commands(void)
{
	static const struct vl_command *const all[] = {
		&vl_cmd_keygen, &vl_cmd_inspect, &vl_cmd_verify, &vl_cmd_trust, &vl_cmd_unpack, &vl_cmd_status,
		&vl_cmd_env, &vl_cmd_list, &vl_cmd_diff, &vl_cmd_log, &vl_cmd_export, &vl_cmd_rollback,
		&vl_cmd_gc, &vl_cmd_fsck, &vl_cmd_serve, &vl_cmd_completion, &vl_cmd_help, &vl_cmd_version,
		NULL,
	};

	return all;
}

const char *const *vl_commands_left_out(void)
{
	static const char *const names[] = { "init", "fetch", "pack", "publish", NULL };

	return names;
}
