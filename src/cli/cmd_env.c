/* SPDX-License-Identifier: Apache-2.0 */
/* cli/cmd_env.c: the lines that make a scanner use what lies in the store. */
#include <stdlib.h>

#include "base/text.h"
#include "cli/parts.h"
#include "packlist/conf.h"
#include "packlist/ref.h"

#define TEXT_MAX (1u << 20)

struct opts {
	const char *channel, *registry;
};
static const struct vl_opt table[] = {
	{ VL_OPT_TEXT, 'c', "channel", offsetof(struct opts, channel), "NAME",
	  "which channel, when there are several" },
	{ VL_OPT_TEXT, 0, "registry", offsetof(struct opts, registry), "REGISTRY",
	  "the registry that images are pulled from, HOST:PORT/PREFIX, instead of registry: in valise.conf" },
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

static bool check_registry(const char *registry, struct vl_err *e)
{
	VL_STR shown = registry ? vl_safe_text(registry, 200) : NULL;

	if (!registry || vl_ref_is_registry(registry))
		return true;
	vl_fail(e, VL_E_USAGE, "--registry must be HOST[:PORT][/PREFIX], not \"%s\"", shown);
	return vl_hint(e, "Write it without https:// and without a slash at its end: registry.corp:5000/scanners");
}

static bool say_all(struct vl_cli *c, const struct opts *o, const struct vl_store *s, const struct vl_generation *g,
		    const struct vl_conf *conf, struct vl_err *e)
{
	VL_CLEAN(vl_buf) text = VL_BUF_INIT(TEXT_MAX);
	VL_CLEAN(vl_targets) targets = { 0 };
	VL_CLEAN(vl_name_rules) rules = { 0 };
	struct vl_env_ask ask = { .consumer = c->args[0], .channel = o->channel,
				  .registry = o->registry ? o->registry : conf->registry };

	vl_targets_init(&targets, conf);
	vl_name_rules_init(&rules, conf);
	ask.target = targets.v;
	ask.n_target = targets.n;
	ask.rule = rules.v;
	ask.n_rule = rules.n;
	if (!vl_place_env(s, g, &ask, &text, e))
		return false;
	if (c->g.json)
		return say_json(vl_buf_str(&text), e);
	vl_say("%s", vl_buf_str(&text));
	return true;
}

static bool run(struct vl_cli *c, const void *opts, struct vl_err *e)
{
	const struct opts *o = opts;
	VL_CLEAN(vl_generation) g = { 0 };
	VL_AUTO(vl_store) s = NULL;
	const struct vl_conf *conf;

	if (!check_registry(o->registry, e))
		return false;
	if (vl_cli_store_absent(c)) {
		vl_fail(e, VL_E_ABSENT, "the store %s is empty: there is nothing to point a scanner at", c->store);
		return vl_hint(e, "Bring a bundle and run valise unpack PATH.");
	}
	return vl_cli_conf(c, &conf, e) && vl_store_open(&s, c->store, VL_STORE_READ, 0, &c->env, e) &&
	       vl_store_current(s, &g, e) && vl_cli_check_channel(&g, o->channel, e) && say_all(c, o, s, &g, conf, e);
}

const struct vl_command vl_cmd_env = {
	.name = "env", .summary = "print the lines that make a scanner use the store", .side = VL_SIDE_ISOLATED,
	.usage = "[CONSUMER] [-c NAME] [--registry REGISTRY]",
	.text = "Prints shell lines for eval \"$(valise env)\", with the options that the scanner needs as comments. "
		"CONSUMER: osv-scanner, trivy, files, gitlab. Without it: all that the store has something for.",
	.opts = table, .size = sizeof(struct opts), .args_max = 1, .run = run,
};
