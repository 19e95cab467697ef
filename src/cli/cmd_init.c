/* SPDX-License-Identifier: Apache-2.0 */
/* cli/cmd_init.c: a commented packing list to start from, made from the sources' catalogue. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/text.h"
#include "cli/parts.h"
#include "sources/source.h"

#define TEXT_MAX 65536

struct opts {
	struct vl_strings types;
	const char *channel;
	bool list;
};
static const struct vl_opt table[] = {
	{ VL_OPT_LIST, 't', "type", offsetof(struct opts, types), "TYPE",
	  "begin with an item of this type; may be repeated (default: osv and trivy-db)" },
	{ VL_OPT_TEXT, 'c', "channel", offsetof(struct opts, channel), "NAME", "the channel's name (default: prod)" },
	{ VL_OPT_FLAG, 0, "list", offsetof(struct opts, list), NULL, "show the types there are, write nothing" },
	{ .kind = VL_OPT_END },
};

static bool say_catalogue(const struct vl_cli *c, struct vl_err *e)
{
	size_t n;
	const struct vl_catalogue_row *row = vl_sources_catalogue(&n);

	for (size_t i = 0; i < n; i++) {
		struct vl_line l;

		if (!c->g.json) {
			vl_say("%s: %s\n    size: %s; new data: %s; used by: %s\n", row[i].type, row[i].what,
			       row[i].size, row[i].cadence, row[i].consumer);
			continue;
		}
		vl_line_begin(&l, "source");
		vl_jw_str(&l.w, "source", row[i].type);
		vl_jw_str(&l.w, "what", row[i].what);
		vl_jw_str(&l.w, "size", row[i].size);
		vl_jw_str(&l.w, "cadence", row[i].cadence);
		vl_jw_str(&l.w, "consumer", row[i].consumer);
		if (!vl_line_end(&l, e))
			return false;
	}
	return true;
}

static bool check_types(const struct opts *o, struct vl_err *e)
{
	const char *words[64] = { NULL };
	size_t n;
	const struct vl_catalogue_row *row = vl_sources_catalogue(&n);

	for (size_t i = 0; i < n && i + 1 < VL_LEN(words); i++)
		words[i] = row[i].type;
	for (size_t t = 0; t < o->types.n; t++) {
		VL_STR safe = vl_safe_text(o->types.v[t], 64);
		const char *near = vl_nearest(o->types.v[t], words);
		bool known = false;

		for (size_t i = 0; words[i]; i++)
			known = known || !strcmp(words[i], o->types.v[t]);
		if (known)
			continue;
		vl_fail(e, VL_E_USAGE, "there is no type %s", safe);
		return near ? vl_hint(e, "Did you mean %s? valise init --list shows all.", near)
			    : vl_hint(e, "valise init --list shows all.");
	}
	return true;
}

static bool chosen(const struct opts *o, const char *type)
{
	if (!o->types.n)
		return !strcmp(type, "osv") || !strcmp(type, "trivy-db");
	for (size_t i = 0; i < o->types.n; i++)
		if (!strcmp(o->types.v[i], type))
			return true;
	return false;
}

/* The example as it is, or every line behind a '#'. */
static bool add_example(struct vl_buf *out, const char *example, bool active, struct vl_err *e)
{
	while (*example) {
		int n = (int)strcspn(example, "\n");

		if (!vl_buf_addf(out, e, "%s%.*s\n", active ? "" : "#", n, example))
			return false;
		example += n;
		example += *example == '\n';
	}
	return true;
}

static bool add_items(struct vl_buf *out, const struct opts *o, bool active, struct vl_err *e)
{
	size_t n;
	const struct vl_catalogue_row *row = vl_sources_catalogue(&n);

	for (size_t i = 0; i < n; i++) {
		if (chosen(o, row[i].type) != active)
			continue;
		if (!vl_buf_addf(out, e, "\n  # %s: %s\n  # size: %s; new data: %s; used by: %s\n", row[i].type,
				 row[i].what, row[i].size, row[i].cadence, row[i].consumer) ||
		    !add_example(out, row[i].example, active, e))
			return false;
	}
	return true;
}

static bool make_text(struct vl_buf *out, const struct opts *o, struct vl_err *e)
{
	return vl_buf_addf(out, e,
			   "# The packing list: what valise pack fetches and carries. valise.yaml(5) explains it.\n\n"
			   "# Bundles of one channel follow each other by number.\n"
			   "channel: %s\n\n"
			   "# After this time the other side refuses to install the bundle without an explicit word.\n"
			   "expires: 14d\n\n"
			   "items:\n", o->channel ? o->channel : "prod") &&
	       add_items(out, o, true, e) &&
	       vl_buf_addf(out, e, "\n  # More that could be carried: take away the # in the first column.\n") &&
	       add_items(out, o, false, e);
}

/* Said before anything is written; the commit below is what makes sure. */
static bool is_free(int fd, const char *dir, struct vl_err *e)
{
	VL_STR shown = vl_safe_text(dir, 1024);
	struct stat st;

	if (fstatat(fd, "valise.yaml", &st, AT_SYMLINK_NOFOLLOW) < 0)
		return true;
	vl_fail(e, VL_E_EXISTS, "%s/valise.yaml is already there and is not overwritten", shown);
	return vl_hint(e, "Name another directory, or move the old list away.");
}

static bool run(struct vl_cli *c, const void *opts, struct vl_err *e)
{
	const struct opts *o = opts;
	const char *dir = c->n_args ? c->args[0] : ".";
	VL_CLEAN(vl_buf) text = VL_BUF_INIT(TEXT_MAX);
	VL_FD fd = -1; /* before f, whose end removes a file in it */
	VL_CLEAN(vl_newfile) f = VL_NEWFILE_INIT;
	struct vl_line l;

	if (o->list)
		return say_catalogue(c, e);
	if (o->channel && !vl_name_is_valid(o->channel))
		return vl_fail(e, VL_E_USAGE, "--channel is not a channel's name (a-z 0-9 - _ .)");
	if (!check_types(o, e) || !make_text(&text, o, e) || !vl_mkdirs(dir, 0755, e))
		return false;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return vl_fail_os(e, "directory %s", dir);
	if (!is_free(fd, dir, e))
		return false;
	if (!vl_newfile_open(&f, fd, "valise.yaml", 0644, e) || !vl_write_all(f.fd, vl_buf_bytes(&text), e) ||
	    !vl_newfile_commit_new(&f, e))
		return vl_while(e, "%s", dir);
	if (!c->g.json) {
		vl_say("%s/valise.yaml\n", dir);
		if (!c->g.quiet)
			vl_say("\nNext: look it over, then make a key with valise keygen, then\n"
			       "    valise pack -f %s/valise.yaml -k valise.key -o DIR\n", dir);
		return true;
	}
	vl_line_begin(&l, "result");
	vl_jw_str(&l.w, "command", "init");
	vl_line_text(&l, "path", dir);
	return vl_line_end(&l, e);
}

static char *values(const char *option)
{
	size_t n;
	const struct vl_catalogue_row *row = vl_sources_catalogue(&n);
	char *all = NULL;

	for (size_t i = 0; !strcmp(option, "type") && i < n; i++) {
		char *more = vl_xprintf("%s%s%s", all ? all : "", all ? " " : "", row[i].type);

		free(all);
		all = more;
	}
	return all;
}

const struct vl_command vl_cmd_init = {
	.name = "init", .summary = "write a packing list to start from", .side = VL_SIDE_CONNECTED,
	.usage = "[DIR] [-t TYPE].. [-c NAME]\n--list",
	.text = "Writes DIR/valise.yaml (default: here) with comments and with examples of every type. An existing "
		"file is never overwritten.",
	.opts = table, .size = sizeof(struct opts), .args_max = 1, .run = run, .values = values,
};
