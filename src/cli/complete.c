/* SPDX-License-Identifier: Apache-2.0 */
/* cli/complete.c: completion for shells, written from the same tables as everything else. */
#include <stdio.h>

#include "base/text.h"
#include "cli/command.h"
#include "place/place.h"

static const struct vl_opt table[] = { { .kind = VL_OPT_END } };

/* Quoted for sh, zsh and fish: our own help texts hold no backslash; a quote ends, is escaped, and begins again. */
static void quote(const char *text)
{
	putchar('\'');
	for (; *text; text++) {
		if (*text == '\'')
			fputs("'\\''", stdout);
		else
			putchar(*text);
	}
	putchar('\'');
}

static void words_of(const struct vl_opt *o)
{
	for (; o && o->kind; o++)
		printf(" --%s", o->name);
}

/* Commands whose arguments are of a few words. */
static bool has_words(const struct vl_command *cmd)
{
	return cmd == &vl_cmd_trust || cmd == &vl_cmd_env || cmd == &vl_cmd_completion || cmd == &vl_cmd_help;
}

/* What may follow a command beside options. */
static void args_of(const struct vl_command *cmd)
{
	if (cmd == &vl_cmd_trust)
		printf(" add list remove");
	if (cmd == &vl_cmd_env)
		for (const char *const *p = vl_place_consumers(); *p; p++)
			printf(" %s", *p);
	if (cmd == &vl_cmd_completion)
		printf(" bash zsh fish");
	if (cmd == &vl_cmd_help)
		for (const struct vl_command *const *c = vl_commands(); *c; c++)
			printf(" %s", (*c)->name);
}

/* Blank-separated; NULL when the option takes anything. The caller frees. */
static char *values_of(const struct vl_command *cmd, const struct vl_opt *o)
{
	return cmd && cmd->values ? cmd->values(o->name) : NULL;
}

/* Behind an option that takes one of a few words, only these. */
static void bash_values(void)
{
	printf("\tcase \"$cmd ${COMP_WORDS[COMP_CWORD-1]}\" in\n");
	for (const struct vl_command *const *c = vl_commands(); *c; c++)
		for (const struct vl_opt *o = (*c)->opts; o && o->kind; o++) {
			VL_STR values = values_of(*c, o);

			if (!values)
				continue;
			printf("\t'%s --%s'", (*c)->name, o->name);
			if (o->letter)
				printf("|'%s -%c'", (*c)->name, o->letter);
			printf(") COMPREPLY=($(compgen -W '%s' -- \"$cur\")); return ;;\n", values);
		}
	printf("\tesac\n");
}

static void bash(void)
{
	printf("# bash completion for valise: source it, or put it into bash-completion's directory\n"
	       "_valise() {\n"
	       "\tlocal cur=${COMP_WORDS[COMP_CWORD]} cmd= words opts= i\n"
	       "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	       "\t\tcase ${COMP_WORDS[i]} in --store|--config) ((i++));; -*) ;; *) cmd=${COMP_WORDS[i]}; break;; esac\n"
	       "\tdone\n");
	bash_values();
	printf("\tcase $cmd in\n");
	for (const struct vl_command *const *c = vl_commands(); *c; c++) {
		printf("\t%s) words=\"", (*c)->name);
		args_of(*c);
		printf("\" opts=\"");
		words_of((*c)->opts);
		printf("\" ;;\n");
	}
	printf("\t*) words=\"");
	for (const struct vl_command *const *c = vl_commands(); *c; c++)
		printf(" %s", (*c)->name);
	printf("\" ;;\n\tesac\n\tif [[ $cur == -* ]]; then words=\"$opts");
	words_of(vl_global_opts);
	printf("\"; fi\n\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
	       "\tif [[ $cur != -* && -n $cmd ]]; then COMPREPLY+=($(compgen -f -- \"$cur\")); fi\n"
	       "}\n"
	       "complete -o filenames -F _valise valise\n");
}

static void zsh_opts(const struct vl_opt *o, const struct vl_command *cmd)
{
	for (; o && o->kind; o++) {
		VL_STR values = values_of(cmd, o);
		VL_STR action = values ? vl_xprintf(":(%s)", values) : vl_xstrdup(o->arg ? ":_files" : "");
		VL_STR spec = vl_xprintf("%s--%s%s[%s]%s%s%s", o->kind == VL_OPT_LIST ? "*" : "", o->name,
					 o->arg ? "=" : "", o->help, o->arg ? ":" : "", o->arg ? o->arg : "",
					 action);

		printf(" \\\n\t\t\t");
		quote(spec);
	}
}

static void zsh_args(const struct vl_command *cmd)
{
	if (has_words(cmd)) {
		printf(" \\\n\t\t\t'1: :(");
		args_of(cmd);
		printf(")'");
	}
	printf(" \\\n\t\t\t'*: :_files'");
}

static void zsh(void)
{
	printf("#compdef valise\n# zsh completion for valise\n"
	       "_valise() {\n"
	       "\tlocal -a commands\n"
	       "\tlocal cmd w\n"
	       "\tcommands=(\n");
	for (const struct vl_command *const *c = vl_commands(); *c; c++) {
		VL_STR text = vl_xprintf("%s:%s", (*c)->name, (*c)->summary);

		printf("\t\t");
		quote(text);
		putchar('\n');
	}
	printf("\t)\n"
	       "\tfor w in ${words[2,CURRENT-1]}; do [[ $w == [a-z]* ]] && { cmd=$w; break }; done\n"
	       "\tif [[ -z $cmd ]]; then _describe command commands; return; fi\n"
	       "\tcase $cmd in\n");
	for (const struct vl_command *const *c = vl_commands(); *c; c++) {
		printf("\t%s) _arguments", (*c)->name);
		zsh_opts((*c)->opts, *c);
		zsh_opts(vl_global_opts, NULL);
		zsh_args(*c);
		printf(" ;;\n");
	}
	printf("\tesac\n}\n_valise \"$@\"\n");
}

static void fish_opts(const struct vl_opt *o, const struct vl_command *cmd)
{
	for (; o && o->kind; o++) {
		VL_STR values = values_of(cmd, o);

		printf("complete -c valise");
		if (cmd)
			printf(" -n '__fish_seen_subcommand_from %s'", cmd->name);
		if (values)
			printf(" -f -a '%s'", values);
		if (o->letter)
			printf(" -s %c", o->letter);
		printf(" -l %s%s -d ", o->name, o->arg && o->kind != VL_OPT_WAIT ? " -r" : "");
		quote(o->help);
		putchar('\n');
	}
}

static void fish_args(const struct vl_command *cmd)
{
	if (!has_words(cmd))
		return;
	printf("complete -c valise -n '__fish_seen_subcommand_from %s' -a '", cmd->name);
	args_of(cmd);
	printf("'\n");
}

static void fish(void)
{
	printf("# fish completion for valise\n");
	for (const struct vl_command *const *c = vl_commands(); *c; c++) {
		printf("complete -c valise -n __fish_use_subcommand -f -a %s -d ", (*c)->name);
		quote((*c)->summary);
		putchar('\n');
		fish_opts((*c)->opts, *c);
		fish_args(*c);
	}
	fish_opts(vl_global_opts, NULL);
}

static bool run(struct vl_cli *c, const void *opts, struct vl_err *e)
{
	static const struct {
		const char *name;
		void (*print)(void);
	} shells[] = { { "bash", bash }, { "zsh", zsh }, { "fish", fish } };

	(void)opts;
	for (size_t i = 0; i < VL_LEN(shells); i++) {
		if (strcmp(shells[i].name, c->args[0]))
			continue;
		shells[i].print();
		return true;
	}
	return vl_fail(e, VL_E_USAGE, "completion is written for bash, zsh and fish");
}

const struct vl_command vl_cmd_completion = {
	.name = "completion", .summary = "print completion rules for a shell", .side = VL_SIDE_BOTH,
	.usage = "bash|zsh|fish",
	.text = "Prints rules that complete commands and options of valise. For bash: eval \"$(valise completion "
		"bash)\".",
	.opts = table, .args_min = 1, .args_max = 1, .run = run,
};
