/* SPDX-License-Identifier: Apache-2.0 */
/* cli/exit.c: an error becomes one line (or one JSON object) on stderr and an exit status. */
#include <errno.h>
#include <stdio.h>

#include "base/text.h"
#include "cli/command.h"

/* The advice for a wrong command line names the command that was meant. */
static char *hint_of(const struct vl_cli *c, const struct vl_err *e)
{
	if (!e->hint[0] && e->code == VL_E_USAGE && c->cmd)
		return vl_xprintf("See valise %s --help.", c->cmd->name);
	return vl_xstrdup(e->hint[0] ? e->hint : vl_code_advice(e->code));
}

/* "valise: unpack: E1102: what, which file, found against expected; store unchanged (prod 41). What to do." */
static void print_text(struct vl_cli *c, const struct vl_err *e)
{
	const char *name = c->cmd ? c->cmd->name : NULL;
	VL_STR hint = hint_of(c, e);
	VL_STR msg = vl_safe_text(e->msg, sizeof e->msg);
	VL_STR state = vl_safe_text(e->state, sizeof e->state);
	VL_STR safe_hint = vl_safe_text(hint, sizeof e->hint);
	size_t len = strlen(msg);
	bool asks; /* "did you mean ..?" is a whole sentence */

	while (len && (msg[len - 1] == '.' || msg[len - 1] == ' '))
		msg[--len] = '\0';
	asks = len && msg[len - 1] == '?' && !*state;
	vl_out_clear_line(&c->out);
	fflush(stdout);
	fprintf(stderr, "%svalise: %s%sE%04d:%s %s%s%s%s%s%s\n", c->out.colour ? "\033[31m" : "", name ? name : "",
		name ? ": " : "", (int)e->code, c->out.colour ? "\033[0m" : "", msg, *state ? "; " : "", state,
		asks ? "" : ".", *safe_hint ? " " : "", safe_hint);
}

static void member(struct vl_line *l, const char *key, const char *text)
{
	if (text && *text)
		vl_line_text(l, key, text);
}

static void print_json(struct vl_cli *c, const struct vl_err *e, int status)
{
	struct vl_line l;
	struct vl_err failed = VL_ERR_INIT;
	char code[8], word[24] = "";
	VL_STR hint = hint_of(c, e);

	snprintf(code, sizeof code, "E%04d", (int)e->code);
	vl_line_begin(&l, "error");
	member(&l, "command", c->cmd ? c->cmd->name : NULL);
	vl_jw_str(&l.w, "code", code);
	vl_jw_i64(&l.w, "exit", status);
	member(&l, "message", e->msg);
	member(&l, "hint", hint);
	member(&l, "file", e->file);
	member(&l, "expected", e->expected);
	member(&l, "found", e->found);
	/* "store unchanged (prod 41)": programs want the word, people the sentence. */
	if (!strncmp(e->state, "store ", 6))
		snprintf(word, sizeof word, "%.*s", (int)strcspn(e->state + 6, " "), e->state + 6);
	member(&l, "store", word);
	member(&l, "state", e->state);
	vl_jw_object_end(&l.w);
	if (vl_jw_end(&l.w, &failed))
		fprintf(stderr, "%s\n", vl_buf_str(&l.buf));
	vl_buf_clear(&l.buf);
}

int vl_exit_failed(struct vl_cli *c, const struct vl_err *e)
{
	int status = vl_code_exit(e->code);
	int sig = (int)*vl_signals_flag();

	if (e->code == VL_E_INTERRUPTED && sig)
		status = 128 + sig;
	if (c->g.json)
		print_json(c, e, status);
	else
		print_text(c, e);
	return status ? status : vl_code_exit(VL_E_INTERNAL);
}

bool vl_stdout_flush(struct vl_err *e)
{
	bool failed = ferror(stdout) != 0;

	if (!fflush(stdout) && !failed)
		return true;
	/* Always an I/O error, a full disk included: it is not the store's disk that is full. */
	vl_fail(e, VL_E_IO, "standard output cannot be written%s%s", failed ? "" : ": ", failed ? "" : strerror(errno));
	return vl_hint(e, "What was printed is not complete where it was sent to.");
}
