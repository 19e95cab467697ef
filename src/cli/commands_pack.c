/* SPDX-License-Identifier: Apache-2.0 */
/* cli/commands_pack.c: the commands of the whole program. receive/commands.c is its counterpart for --disable-pack. */
#include "cli/command.h"

const struct vl_command *const *vl_commands(void)
{
	static const struct vl_command *const all[] = {
		&vl_cmd_init, &vl_cmd_keygen, &vl_cmd_fetch, &vl_cmd_pack, &vl_cmd_inspect, &vl_cmd_verify,
		&vl_cmd_trust, &vl_cmd_unpack, &vl_cmd_status, &vl_cmd_env, &vl_cmd_list, &vl_cmd_diff,
		&vl_cmd_log, &vl_cmd_export, &vl_cmd_rollback, &vl_cmd_gc, &vl_cmd_fsck, &vl_cmd_publish,
		&vl_cmd_serve, &vl_cmd_completion, &vl_cmd_help, &vl_cmd_version, NULL,
	};

	return all;
}

const char *const *vl_commands_left_out(void)
{
	static const char *const none[] = { NULL };

	return none;
}
