/* SPDX-License-Identifier: Apache-2.0 */
/* cli/table.c: look a command up in the table of this build. */
#include "cli/command.h"

const struct vl_command *vl_command_find(const char *name)
{
	for (const struct vl_command *const *c = vl_commands(); *c; c++)
		if (!strcmp((*c)->name, name))
			return *c;
	return NULL;
}
