/* SPDX-License-Identifier: Apache-2.0 */
/* cli/help.c: --help from the tables, at most 80 columns, on stdout. scripts/check-man reads it back. */
#include <stdio.h>

#include "cli/command.h"

#define WIDTH 79
#define HELP_AT 28

/* An option and its argument stand together. */
static size_t word_length(const char *text)
{
	size_t n = strcspn(text, " ");

	if (text[text[0] == '['] == '-' && text[n] == ' ' && text[n + 1] >= 'A' && text[n + 1] <= 'Z')
		n += 1 + strcspn(text + n + 1, " ");
	return n;
}

/* Words of text, wrapped, each further line indented by `indent`; the cursor stands at `at`. */
static void wrap(const char *text, size_t at, size_t indent)
{
	bool first = true;

	while (*text) {
		size_t n = word_length(text);

		if (!first && at + 1 + n > WIDTH) {
			printf("\n%*s", (int)indent, "");
			at = indent;
			first = true;
		}
		printf("%s%.*s", first ? "" : " ", (int)n, text);
		at += n + (first ? 0 : 1);
		first = false;
		text += n;
		text += strspn(text, " ");
	}
	putchar('\n');
}

static void print_option(const struct vl_opt *o)
{
	char left[80];
	char letter[8] = "    ";
	int n;

	if (o->letter)
		snprintf(letter, sizeof letter, "-%c, ", o->letter);
	n = snprintf(left, sizeof left, "  %s--%s%s%s%s", letter, o->name,
		     o->kind == VL_OPT_WAIT ? "[=" : o->arg ? " " : "", o->arg ? o->arg : "",
		     o->kind == VL_OPT_WAIT ? "]" : "");
	printf("%s", left);
	if (n >= HELP_AT - 1) {
		printf("\n%*s", HELP_AT, "");
		n = HELP_AT;
	} else {
		printf("%*s", HELP_AT - n, "");
	}
	wrap(o->help, HELP_AT, HELP_AT);
}

static void print_usage(const struct vl_command *cmd)
{
	const char *line = cmd->usage, *lead = "Usage: ";

	do {
		size_t n = strcspn(line, "\n"), indent = strlen("Usage: valise ") + strlen(cmd->name) + 1;
		VL_STR form = vl_xstrndup(line, n);

		printf("%svalise %s%s", lead, cmd->name, n ? " " : "");
		wrap(form, indent, indent);
		lead = "       ";
		line += n;
		line += *line == '\n';
	} while (*line);
}

void vl_help_command(const struct vl_command *cmd)
{
	print_usage(cmd);
	putchar('\n');
	wrap(cmd->text, 0, 0);
	if (cmd->opts && cmd->opts->kind) {
		printf("\nOptions:\n");
		for (const struct vl_opt *o = cmd->opts; o->kind; o++)
			print_option(o);
	}
	printf("\nEverywhere:\n");
	for (const struct vl_opt *o = vl_global_opts; o->kind; o++)
		print_option(o);
	printf("\nThe manual: man valise-%s\n", cmd->name);
}

static void print_side(enum vl_side side, const char *title)
{
	bool any = false;

	for (const struct vl_command *const *c = vl_commands(); *c; c++) {
		if ((*c)->side != side)
			continue;
		if (!any)
			printf("\n%s:\n", title);
		any = true;
		printf("  %-12s", (*c)->name);
		wrap((*c)->summary, 14, 14);
	}
}

void vl_help_overview(void)
{
	printf("Usage: valise COMMAND [OPTION].. [ARGUMENT]..\n\n");
	wrap("Carry scanner databases and files over an air gap: pack and sign them on a connected host, verify and "
	     "unpack them on an isolated one.", 0, 0);
	print_side(VL_SIDE_CONNECTED, "On the connected host");
	print_side(VL_SIDE_ISOLATED, "On the isolated host");
	print_side(VL_SIDE_BOTH, "On both");
	printf("\nEverywhere:\n");
	for (const struct vl_opt *o = vl_global_opts; o->kind; o++)
		print_option(o);
	printf("\nOne command: valise COMMAND --help, man valise-COMMAND."
	       "\nA first transfer, step by step: man valise-workflow.\n");
}
