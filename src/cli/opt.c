/* SPDX-License-Identifier: Apache-2.0 */
/* cli/opt.c: the command line -> a struct.
 * In:    argv, the global table, the command's table.
 * Out:   struct vl_parsed: globals, the command, its filled struct, what is left as arguments.
 * Keeps: names are matched whole (an abbreviation that works today is another option tomorrow); an option that
 *        cannot be repeated and is repeated is an error, because one of the two would be lost in silence. */
#include <limits.h>
#include <stdlib.h>

#include "base/text.h"
#include "cli/command.h"

const struct vl_opt vl_global_opts[] = {
	{ VL_OPT_TEXT, 0, "store", offsetof(struct vl_globals, store), "DIR", "the store (else $VALISE_STORE)" },
	{ VL_OPT_TEXT, 0, "config", offsetof(struct vl_globals, config), "FILE", "settings (else $VALISE_CONFIG)" },
	{ VL_OPT_FLAG, 0, "json", offsetof(struct vl_globals, json), NULL, "one JSON object per line" },
	{ VL_OPT_FLAG, 'q', "quiet", offsetof(struct vl_globals, quiet), NULL, "only results, warnings and errors" },
	{ VL_OPT_FLAG, 'v', "verbose", offsetof(struct vl_globals, verbose), NULL, "more about what is done" },
	{ VL_OPT_FLAG, 0, "no-progress", offsetof(struct vl_globals, no_progress), NULL, "no progress bar or lines" },
	{ VL_OPT_FLAG, 'h', "help", offsetof(struct vl_globals, help), NULL, "this text" },
	{ VL_OPT_FLAG, 0, "version", offsetof(struct vl_globals, version), NULL, "print the version" },
	{ .kind = VL_OPT_END },
};

/* One table, the struct it fills, and which rows were seen. */
struct scope {
	const struct vl_opt *table;
	void *into;
	bool seen[VL_OPTS_MAX];
};
struct parser {
	int argc, at;
	const char *const *argv;
	struct scope global, own;
	struct vl_parsed *out;
};

void vl_strings_add(struct vl_strings *l, const char *s)
{
	vl_grow(&l->v, l->n + 1, &l->cap, sizeof *l->v);
	l->v[l->n++] = s;
	l->v[l->n] = NULL;
}

const char *const *vl_strings_list(const struct vl_strings *l)
{
	return l->n ? (const char *const *)l->v : NULL;
}

void vl_parsed_clear(struct vl_parsed *p)
{
	for (const struct vl_opt *o = p->cmd ? p->cmd->opts : NULL; o && o->kind; o++)
		if (o->kind == VL_OPT_LIST && p->opts)
			free(((struct vl_strings *)(void *)((char *)p->opts + o->offset))->v);
	free(p->opts);
	free(p->args.v);
	*p = (struct vl_parsed){ 0 };
}

static const char *command_of(const struct parser *p)
{
	return p->out->cmd ? p->out->cmd->name : "";
}

static bool refuse(const struct parser *p, struct vl_err *e)
{
	const char *name = command_of(p);

	return vl_hint(e, "See valise %s%s--help.", name, *name ? " " : "");
}

static bool parse_count(const char *text, uint64_t *n)
{
	uint64_t v = 0;

	if (!*text)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9' || __builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*text - '0'), &v))
			return false;
	}
	*n = v;
	return v <= (UINT64_C(1) << 53) - 1;
}

static bool bad_value(const struct parser *p, const struct vl_opt *o, const char *value, const char *want,
		      struct vl_err *e)
{
	VL_STR safe = vl_safe_text(value, 80);

	vl_fail(e, VL_E_USAGE, "--%s \"%s\" is not %s", o->name, safe, want);
	return refuse(p, e);
}

static bool store_count(const struct parser *p, const struct vl_opt *o, void *at, const char *value, struct vl_err *e)
{
	struct vl_opt_count *c = at;

	c->set = true;
	c->n = VL_WAIT_DEFAULT;
	if (value && !parse_count(value, &c->n))
		return bad_value(p, o, value, "a number", e);
	if (o->kind == VL_OPT_WAIT && c->n > UINT_MAX)
		return bad_value(p, o, value, "a number of seconds to wait: it is too long", e);
	return true;
}

static bool store_digest(const struct parser *p, const struct vl_opt *o, void *at, const char *value, struct vl_err *e)
{
	struct vl_opt_digest *d = at;

	d->set = true;
	if (!vl_digest_parse_oci(&d->digest, value) && !vl_digest_parse_hex(&d->digest, value))
		return bad_value(p, o, value, "a digest (sha256: and 64 lower-case hex digits)", e);
	return true;
}

static bool store_duration(const struct parser *p, const struct vl_opt *o, void *at, const char *value,
			   struct vl_err *e)
{
	struct vl_opt_duration *d = at;

	d->set = true;
	if (!vl_duration_parse(value, &d->seconds))
		return bad_value(p, o, value, "a duration (30m, 36h, 14d, 2w)", e);
	return true;
}

static bool store_value(const struct parser *p, const struct vl_opt *o, void *at, const char *value, struct vl_err *e)
{
	switch (o->kind) {
	case VL_OPT_FLAG:
		*(bool *)at = true;
		return true;
	case VL_OPT_TEXT:
		*(const char **)at = value;
		break;
	case VL_OPT_LIST:
		vl_strings_add(at, value);
		break;
	case VL_OPT_DURATION:
		return store_duration(p, o, at, value, e);
	case VL_OPT_COUNT:
	case VL_OPT_WAIT:
		return store_count(p, o, at, value, e);
	case VL_OPT_DIGEST:
		return store_digest(p, o, at, value, e);
	case VL_OPT_END:
		break;
	}
	if (!*value)
		return bad_value(p, o, value, "a name: it is empty", e);
	return true;
}

/* value: what stood behind '=' or the letter, or NULL. */
static bool take_option(struct parser *p, struct scope *s, const struct vl_opt *o, const char *value,
			struct vl_err *e)
{
	size_t row = (size_t)(o - s->table);

	if (s->seen[row] && o->kind != VL_OPT_LIST && o->kind != VL_OPT_FLAG) {
		vl_fail(e, VL_E_USAGE, "--%s is given twice", o->name);
		return refuse(p, e);
	}
	s->seen[row] = true;
	if (o->kind == VL_OPT_FLAG && value) {
		vl_fail(e, VL_E_USAGE, "--%s takes no value", o->name);
		return refuse(p, e);
	}
	if (o->kind != VL_OPT_FLAG && o->kind != VL_OPT_WAIT && !value) {
		if (p->at >= p->argc) {
			vl_fail(e, VL_E_USAGE, "--%s needs %s", o->name, o->arg);
			return refuse(p, e);
		}
		value = p->argv[p->at++];
	}
	return store_value(p, o, (char *)s->into + o->offset, value, e);
}

static const struct vl_opt *find_long(const struct vl_opt *t, const char *name, size_t len)
{
	for (; t && t->kind; t++)
		if (strlen(t->name) == len && !memcmp(t->name, name, len))
			return t;
	return NULL;
}

static const struct vl_opt *find_letter(const struct vl_opt *t, char letter)
{
	for (; t && t->kind; t++)
		if (t->letter == letter)
			return t;
	return NULL;
}

static bool unknown_long(const struct parser *p, const char *name, struct vl_err *e)
{
	const char *words[2 * VL_OPTS_MAX + 1], *near;
	VL_STR safe = vl_safe_text(name, 80);
	size_t n = 0;

	for (const struct vl_opt *t = p->own.table; t && t->kind; t++)
		words[n++] = t->name;
	for (const struct vl_opt *t = p->global.table; t->kind; t++)
		words[n++] = t->name;
	words[n] = NULL;
	near = vl_nearest(name, words);
	vl_fail(e, VL_E_USAGE, "unknown option --%s", safe);
	if (near)
		return vl_hint(e, "Did you mean --%s? See valise %s%s--help.", near, command_of(p),
			       p->out->cmd ? " " : "");
	if (!p->out->cmd)
		return vl_hint(e, "Options of a command stand behind its name; see valise --help.");
	return refuse(p, e);
}

static bool take_long(struct parser *p, const char *word, struct vl_err *e)
{
	const char *eq = strchr(word, '=');
	size_t len = eq ? (size_t)(eq - word) : strlen(word);
	VL_STR name = vl_xstrndup(word, len);
	const struct vl_opt *o = find_long(p->own.table, word, len);

	if (o)
		return take_option(p, &p->own, o, eq ? eq + 1 : NULL, e);
	o = find_long(p->global.table, word, len);
	if (o)
		return take_option(p, &p->global, o, eq ? eq + 1 : NULL, e);
	return unknown_long(p, name, e);
}

/* "-qv", "-k FILE", "-kFILE". */
static bool take_letters(struct parser *p, const char *word, struct vl_err *e)
{
	for (const char *c = word; *c; c++) {
		struct scope *s = &p->own;
		const struct vl_opt *o = find_letter(p->own.table, *c);

		if (!o) {
			s = &p->global;
			o = find_letter(p->global.table, *c);
		}
		if (!o) {
			VL_STR safe = vl_safe_text((char[]){ *c, '\0' }, 8);

			vl_fail(e, VL_E_USAGE, "unknown option -%s", safe);
			return refuse(p, e);
		}
		if (o->kind != VL_OPT_FLAG && o->kind != VL_OPT_WAIT)
			return take_option(p, s, o, c[1] ? c + 1 : NULL, e);
		if (!take_option(p, s, o, NULL, e))
			return false;
	}
	return true;
}

/* What other programs call it. */
static const char *ours_for(const char *word)
{
	static const struct {
		const char *theirs, *ours;
	} same[] = {
		{ "push", "publish" }, { "sync", "publish" }, { "upload", "publish" }, { "prune", "gc" },
		{ "check", "fsck or verify" }, { "restore", "unpack" }, { "load", "unpack" }, { "import", "unpack" },
		{ "install", "unpack" }, { "snapshots", "log" }, { "history", "log" }, { "save", "pack or export" },
		{ "info", "inspect or status" }, { "pull", "fetch" }, { "download", "fetch" }, { "ls", "list" },
	};

	for (size_t i = 0; i < VL_LEN(same); i++)
		if (!strcmp(same[i].theirs, word))
			return same[i].ours;
	return NULL;
}

static bool unknown_command(const char *word, struct vl_err *e)
{
	const char *words[VL_OPTS_MAX], *near, *ours = ours_for(word);
	VL_STR safe = vl_safe_text(word, 80);
	size_t n = 0;

	for (const char *const *w = vl_commands_left_out(); *w; w++) {
		if (strcmp(*w, word) && (!ours || strcmp(*w, ours)))
			continue;
		vl_fail(e, VL_E_USAGE, "%s is not part of this valise, which was built to receive only", *w);
		return vl_hint(e, "Run valise %s with the whole program, as the connected host has it.", *w);
	}
	for (const struct vl_command *const *c = vl_commands(); *c; c++)
		words[n++] = (*c)->name;
	words[n] = NULL;
	near = vl_nearest(word, words);
	vl_fail(e, VL_E_USAGE, "unknown command %s", safe);
	if (ours)
		return vl_hint(e, "In valise that is %s. See valise --help.", ours);
	return near ? vl_hint(e, "Did you mean %s? See valise --help.", near) : vl_hint(e, "See valise --help.");
}

static bool take_command(struct parser *p, const char *word, struct vl_err *e)
{
	p->out->cmd = vl_command_find(word);
	if (!p->out->cmd)
		return unknown_command(word, e);
	p->own.table = p->out->cmd->opts;
	p->own.into = p->out->opts = vl_xcalloc(1, p->out->cmd->size ? p->out->cmd->size : 1);
	return true;
}

static bool check_args(const struct parser *p, struct vl_err *e)
{
	const struct vl_command *cmd = p->out->cmd;

	if (!cmd || p->out->g.help || p->out->g.version)
		return true;
	if (p->out->args.n < cmd->args_min) {
		vl_fail(e, VL_E_USAGE, "something is missing: valise %s %.*s", cmd->name,
			(int)strcspn(cmd->usage, "\n"), cmd->usage);
		return refuse(p, e);
	}
	if (p->out->args.n > cmd->args_max) {
		VL_STR safe = vl_safe_text(p->out->args.v[cmd->args_max], 80);

		vl_fail(e, VL_E_USAGE, "there is a word too many: %s", safe);
		return refuse(p, e);
	}
	return true;
}

bool vl_opt_parse(struct vl_parsed *p, int argc, const char *const *argv, struct vl_err *e)
{
	struct parser s = { .argc = argc, .at = 1, .argv = argv, .out = p };
	bool only_args = false;

	s.global.table = vl_global_opts;
	s.global.into = &p->g;
	while (s.at < argc) {
		const char *word = argv[s.at++];
		bool good = true;

		if (only_args || word[0] != '-' || !word[1]) {
			if (p->cmd)
				vl_strings_add(&p->args, word);
			else
				good = take_command(&s, word, e);
		} else if (!strcmp(word, "--")) {
			only_args = true;
		} else {
			good = word[1] == '-' ? take_long(&s, word + 2, e) : take_letters(&s, word + 1, e);
		}
		if (!good)
			return false;
	}
	return check_args(&s, e);
}
