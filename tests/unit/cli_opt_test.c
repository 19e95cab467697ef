/* SPDX-License-Identifier: Apache-2.0 */
/* The option parser: what is taken, what is refused, where values land. */
#include "tests/lib/tap.h"

#include "base/text.h"
#include "cli/command.h"

#define WORDS 8

/* Places of values inside the command's struct, found by the option's name. */
static const void *value(const struct vl_parsed *p, const char *name)
{
	for (const struct vl_opt *o = p->cmd->opts; o->kind; o++)
		if (!strcmp(o->name, name))
			return (const char *)p->opts + o->offset;
	return NULL;
}

static int count(const char *const *words)
{
	int n = 0;

	while (n < WORDS && words[n])
		n++;
	return n;
}

static void test_refused(void)
{
	static const struct {
		const char *words[WORDS + 1];
		const char *says;
	} rows[] = {
		{ { "valise", "unpak" }, "unknown command unpak" },
		{ { "valise", "--nope", "unpack" }, "unknown option --nope" },
		{ { "valise", "unpack", "a", "--chan", "x" }, "unknown option --chan" },
		{ { "valise", "unpack", "a", "-Z" }, "unknown option -Z" },
		{ { "valise", "unpack", "a", "-qZ" }, "unknown option -Z" },
		{ { "valise", "unpack", "a", "--channel" }, "--channel needs NAME" },
		{ { "valise", "unpack", "a", "-c" }, "--channel needs NAME" },
		{ { "valise", "unpack", "a", "-c", "x", "--channel", "y" }, "--channel is given twice" },
		{ { "valise", "--store", "x", "unpack", "a", "--store", "y" }, "--store is given twice" },
		{ { "valise", "unpack", "a", "--dry-run=yes" }, "--dry-run takes no value" },
		{ { "valise", "unpack", "a", "--channel=" }, "is not a name: it is empty" },
		{ { "valise", "unpack", "a", "--allow-rollback", "-1" }, "is not a number" },
		{ { "valise", "unpack", "a", "--allow-rollback=1x" }, "is not a number" },
		{ { "valise", "unpack", "a", "--allow-rollback=" }, "is not a number" },
		{ { "valise", "unpack", "a", "--allow-rollback=9007199254740992" }, "is not a number" },
		{ { "valise", "unpack", "a", "--allow-rollback=18446744073709551616" }, "is not a number" },
		{ { "valise", "unpack", "a", "--lock-wait=x" }, "is not a number" },
		{ { "valise", "unpack", "a", "--require-waybill=sha256:00" }, "is not a digest" },
		{ { "valise", "status", "--max-age=1" }, "is not a duration" },
		{ { "valise", "status", "word" }, "a word too many: word" },
		{ { "valise", "unpack" }, "something is missing: valise unpack PATH.." },
	};

	for (size_t i = 0; i < VL_LEN(rows); i++) {
		VL_CLEAN(vl_parsed) p = { .cmd = NULL };
		struct vl_err e = VL_ERR_INIT;
		bool good = vl_opt_parse(&p, count(rows[i].words), rows[i].words, &e);

		tap_ok(!good && e.code == VL_E_USAGE && strstr(e.msg, rows[i].says), "refused: %s", rows[i].says);
		if (!strstr(e.msg, rows[i].says))
			printf("# got: %s\n", e.msg);
	}
}

static void test_values(void)
{
	static const char *const words[] = { "valise", "-q", "--store=s", "unpack", "-ta.pub", "one", "--trust",
					     "b.pub", "--allow-rollback=7", "-vn", "two", "--lock-wait", "--", "-x" };
	VL_CLEAN(vl_parsed) p = { .cmd = NULL };
	struct vl_err e = VL_ERR_INIT;
	const struct vl_strings *trust;
	const struct vl_opt_count *c;

	tap_good(vl_opt_parse(&p, VL_LEN(words), words, &e), &e, "a long line is taken");
	tap_ok(p.cmd == &vl_cmd_unpack, "the command");
	tap_ok(p.g.quiet && p.g.verbose && !p.g.json, "flags before and behind the command, together");
	tap_str(p.g.store, "s", "--name=value");
	trust = value(&p, "trust");
	tap_is(trust->n, 2, "a list grows");
	tap_str(trust->v[0], "a.pub", "-tVALUE");
	tap_str(trust->v[1], "b.pub", "--name VALUE");
	tap_ok(!trust->v[2], "a list ends with NULL");
	c = value(&p, "allow-rollback");
	tap_ok(c->set && c->n == 7, "a number");
	c = value(&p, "lock-wait");
	tap_ok(c->set && c->n == VL_WAIT_DEFAULT, "an optional value does not eat the next word");
	tap_ok(*(const bool *)value(&p, "dry-run"), "a flag");
	tap_ok(!*(const bool *)value(&p, "no-place"), "a flag that was not given");
	tap_is(p.args.n, 3, "arguments");
	tap_str(p.args.v[2], "-x", "nothing is an option behind --");
}

static void test_others(void)
{
	static const char *const wait[] = { "valise", "unpack", "a", "--lock-wait=5" };
	static const char *const age[] = { "valise", "status", "--max-age", "36h" };
	static const char *const help[] = { "valise", "unpack", "--help" };
	static const char *const dash[] = { "valise", "inspect", "-" };
	struct vl_err e = VL_ERR_INIT;

	{
		VL_CLEAN(vl_parsed) p = { .cmd = NULL };
		tap_good(vl_opt_parse(&p, VL_LEN(wait), wait, &e), &e, "--lock-wait=5");
		tap_is(((const struct vl_opt_count *)value(&p, "lock-wait"))->n, 5, "its value");
	}
	{
		VL_CLEAN(vl_parsed) p = { .cmd = NULL };
		tap_good(vl_opt_parse(&p, VL_LEN(age), age, &e), &e, "--max-age 36h");
		tap_is(((const struct vl_opt_duration *)value(&p, "max-age"))->seconds, 36 * 3600, "its value");
	}
	{
		VL_CLEAN(vl_parsed) p = { .cmd = NULL };
		tap_good(vl_opt_parse(&p, VL_LEN(help), help, &e), &e, "--help needs no arguments");
	}
	{
		VL_CLEAN(vl_parsed) p = { .cmd = NULL };
		tap_good(vl_opt_parse(&p, VL_LEN(dash), dash, &e), &e, "- is an argument");
		tap_str(p.args.n ? p.args.v[0] : NULL, "-", "and stays what it is");
	}
}

/* What the parser and the completion rely on. */
static void test_tables(void)
{
	for (const struct vl_command *const *c = vl_commands(); *c; c++) {
		size_t rows = 0;
		bool good = (*c)->opts && (*c)->run && (*c)->summary && (*c)->text && (*c)->usage;

		for (const struct vl_opt *o = (*c)->opts; o && o->kind; o++, rows++) {
			good = good && o->name && o->help && (o->arg != NULL) == (o->kind != VL_OPT_FLAG);
			good = good && o->offset < (*c)->size && !strpbrk(o->help, "\"\\[]$`");
			for (const struct vl_opt *g = vl_global_opts; g->kind; g++)
				good = good && strcmp(g->name, o->name) && (!o->letter || o->letter != g->letter);
			for (const struct vl_opt *q = (*c)->opts; q < o; q++)
				good = good && strcmp(q->name, o->name) && (!o->letter || o->letter != q->letter);
		}
		tap_ok(good && rows < VL_OPTS_MAX, "the table of %s is sound", (*c)->name);
	}
}

int main(void)
{
	test_refused();
	test_values();
	test_others();
	test_tables();
	return tap_done();
}
