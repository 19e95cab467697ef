/* SPDX-License-Identifier: Apache-2.0 */
/* main.c: hands the command line over. */
#include "cli/command.h"

int main(int argc, char **argv)
{
	return vl_cli_main(argc, argv);
}
