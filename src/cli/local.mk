# SPDX-License-Identifier: Apache-2.0
libvalise_a_SOURCES += src/cli/bar.c src/cli/cli.c src/cli/cmd_env.c src/cli/cmd_fsck.c src/cli/cmd_help.c \
	src/cli/cmd_inspect.c src/cli/cmd_keygen.c src/cli/cmd_list.c src/cli/cmd_status.c src/cli/cmd_trust.c \
	src/cli/cmd_unpack.c src/cli/cmd_verify.c src/cli/cmd_version.c src/cli/command.h src/cli/complete.c \
	src/cli/exit.c src/cli/help.c src/cli/opt.c src/cli/out.c src/cli/parts.c src/cli/parts.h src/cli/password.c \
	src/cli/say.c src/cli/signals.c src/cli/table.c
libvalise_a_SOURCES += src/cli/cmd_diff.c src/cli/cmd_export.c src/cli/cmd_log.c
libvalise_a_SOURCES += src/cli/cmd_gc.c src/cli/cmd_rollback.c
libvalise_a_SOURCES += src/cli/cmd_serve.c
pack_sources += src/cli/cmd_fetch.c src/cli/cmd_init.c src/cli/cmd_pack.c src/cli/cmd_publish.c src/cli/commands_pack.c
receive_sources += src/cli/receive/commands.c
