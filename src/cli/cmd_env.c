/* SPDX-License-Identifier: Apache-2.0 */
/* cli/cmd_env.c: the lines that make a scanner use what lies in the store. */
#include <stdlib.h>

#include "cli/parts.h"

#define TEXT_MAX (1u << 20)

struct opts {
	const char *channel;
};
static const struct vl_opt table[] = {
	{ VL_OPT_TEXT, 'c', "channel", offsetof(struct opts, channel), "NAME",
	  "which channel, when there are several" },
	{ .kind = VL_OPT_END },
};

/* One object per line of shell; comments say so. */
static bool say_json(const char *text, struct vl_err *e)
{
	while (*text) {
		size_t n = strcspn(text, "\n");
		VL_STR line = vl_xstrndup(text, n);
		struct vl_line l;

		text += n;
		text += *text == '\n';
		if (!*line)
			continue;
		vl_line_begin(&l, *line == '#' ? "comment" : "env");
		vl_line_text(&l, "line", line);
		if (!vl_line_end(&l, e))
			return false;
	}
	return true;
}

static bool run(struct vl_cli *c, const void *opts, struct vl_err *e)
{
	const struct opts *o = opts;
	VL_CLEAN(vl_buf) text = VL_BUF_INIT(TEXT_MAX);
	VL_CLEAN(vl_generation) g = { 0 };
	VL_CLEAN(vl_targets) targets = { 0 };
	VL_AUTO(vl_store) s = NULL;
	const struct vl_conf *conf;

	if (vl_cli_store_absent(c)) {
		vl_fail(e, VL_E_ABSENT, "the store %s is empty: there is nothing to point a scanner at", c->store);
		return vl_hint(e, "Bring a bundle and run valise unpack PATH.");
	}
	if (!vl_cli_conf(c, &conf, e) || !vl_store_open(&s, c->store, VL_STORE_READ, 0, &c->env, e) ||
	    !vl_store_current(s, &g, e) || !vl_cli_check_channel(&g, o->channel, e))
		return false;
	vl_targets_init(&targets, conf);
	if (!vl_place_env(s, &g, c->args[0], o->channel, targets.v, targets.n, &text, e))
		return false;
	if (c->g.json)
		return say_json(vl_buf_str(&text), e);
	vl_say("%s", vl_buf_str(&text));
	return true;
}

const struct vl_command vl_cmd_env = {
	.name = "env", .summary = "print the lines that make a scanner use the store", .side = VL_SIDE_ISOLATED,
	.usage = "[CONSUMER] [-c NAME]",
	.text = "Prints shell lines for eval \"$(valise env)\", with the options that the scanner needs as comments. "
		"CONSUMER: osv-scanner, trivy, files. Without it: all that the store has something for.",
	.opts = table, .size = sizeof(struct opts), .args_max = 1, .run = run,
};
