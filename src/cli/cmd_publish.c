/* SPDX-License-Identifier: Apache-2.0 */
/* cli/cmd_publish.c: what the store offers goes to an existing registry. */
#include <inttypes.h>

#include "base/text.h"
#include "cli/parts.h"
#include "packlist/conf.h"
#include "pipeline/publishing.h"

struct opts {
	const char *channel;
	bool dry_run, plain_http;
};
static const struct vl_opt table[] = {
	{ VL_OPT_TEXT, 'c', "channel", offsetof(struct opts, channel), "NAME", "this channel only" },
	{ VL_OPT_FLAG, 'n', "dry-run", offsetof(struct opts, dry_run), NULL,
	  "say what would be pushed, in bytes; ask the registry, push nothing" },
	{ VL_OPT_FLAG, 0, "plain-http", offsetof(struct opts, plain_http), NULL,
	  "the registry speaks HTTP without TLS" },
	{ .kind = VL_OPT_END },
};

/* A registry has a dot, a port or a path; an item of that look is told apart by naming the registry, too. */
static bool looks_like_registry(const char *arg)
{
	return strpbrk(arg, ".:/") || !strcmp(arg, "localhost");
}

/* No item's name has a colon or a slash. */
static bool check_order(const struct vl_cli *c, struct vl_err *e)
{
	for (size_t i = 1; i < c->n_args; i++) {
		VL_STR safe = NULL;

		if (!strpbrk(c->args[i], ":/"))
			continue;
		safe = vl_safe_text(c->args[i], 200);
		vl_fail(e, VL_E_USAGE, "%s is no item; the registry comes first, and there is one", safe);
		return looks_like_registry(c->args[0]) ? vl_hint(e, "valise publish REGISTRY ITEM..") :
							 vl_hint(e, "valise publish %s %s", safe, c->args[0]);
	}
	return true;
}

/* "registry.corp/" is "registry.corp", here and in what is told. */
static char *without_slash(const char *registry)
{
	size_t len = strlen(registry);

	return vl_xstrndup(registry, len - (len > 1 && registry[len - 1] == '/' && registry[len - 2] != '/'));
}

static bool choose_registry(const struct vl_cli *c, const struct vl_conf *conf, struct vl_publish_opts *p,
			    char **registry, struct vl_err *e)
{
	size_t used = c->n_args && (!conf->registry || looks_like_registry(c->args[0]));

	if (!check_order(c, e))
		return false;
	if (used || conf->registry)
		p->registry = *registry = without_slash(used ? c->args[0] : conf->registry);
	p->perhaps_item = used && !looks_like_registry(c->args[0]);
	p->only = c->n_args > used ? c->args + used : NULL;
	if (p->registry)
		return true;
	vl_fail(e, VL_E_USAGE, "which registry? Neither the command line nor valise.conf names one");
	return vl_hint(e, "valise publish registry.corp:5000/scanners, or registry: in valise.conf(5).");
}

static bool say_json(const struct vl_publish_opts *p, const struct vl_publish_report *r, struct vl_err *e)
{
	struct vl_line l;

	vl_line_begin(&l, "result");
	vl_jw_str(&l.w, "command", "publish");
	vl_jw_bool(&l.w, "dry-run", p->dry_run);
	vl_line_text(&l, "registry", p->registry);
	vl_jw_u64(&l.w, "names", r->names);
	vl_jw_u64(&l.w, "names-new", r->names_new);
	vl_jw_u64(&l.w, "blobs", r->blobs);
	vl_jw_u64(&l.w, "blobs-sent", r->blobs_sent);
	vl_jw_u64(&l.w, "blobs-mounted", r->blobs_mounted);
	vl_jw_u64(&l.w, "bytes-sent", r->bytes_sent);
	vl_jw_u64(&l.w, "fallback-tags", r->fallback_tags);
	vl_jw_u64(&l.w, "requests", r->requests);
	return vl_line_end(&l, e);
}

static void say_text(const struct vl_publish_opts *p, const struct vl_publish_report *r)
{
	uint64_t old = r->names - r->names_new;
	char size[24], names[64], blobs[64], there[64];

	vl_size_text(r->bytes_sent, size);
	vl_count_text(r->names_new, "name", "names", names);
	vl_count_text(r->blobs_sent, "blob", "blobs", blobs);
	vl_count_text(old, "name was", "names were", there);
	if (!r->names_new)
		vl_say("nothing to push: %s at %s already\n", there, p->registry);
	else if (p->dry_run)
		vl_say("would push %s: %s, %s to %s", size, blobs, names, p->registry);
	else
		vl_say("pushed %s, %s (%s) to %s", names, blobs, size, p->registry);
	if (!r->names_new)
		return;
	if (r->blobs_mounted)
		vl_say(", %" PRIu64 " mounted", r->blobs_mounted);
	if (old)
		vl_say("; %s there already", there);
	vl_say("\n");
}

static bool run(struct vl_cli *c, const void *opts, struct vl_err *e)
{
	const struct opts *o = opts;
	const struct vl_conf *conf;
	VL_CLEAN(vl_name_rules) rules = { 0 };
	struct vl_publish_opts p = { .store = c->store, .channel = o->channel, .plain_http = o->plain_http,
				     .dry_run = o->dry_run };
	struct vl_publish_report r = { 0 };
	VL_STR registry = NULL;
	size_t problems = 0;

	if (!vl_cli_conf(c, &conf, e) || !choose_registry(c, conf, &p, &registry, e))
		return false;
	vl_name_rules_init(&rules, conf);
	p.rule = rules.v;
	p.n_rule = rules.n;
	if (!vl_publish_run(&p, conf, &c->env, &r, &problems, e))
		return false;
	if (c->g.json && !say_json(&p, &r, e))
		return false;
	if (!c->g.json)
		say_text(&p, &r);
	if (!problems || p.only)
		return true;
	vl_fail(e, VL_E_PARTIAL, "%zu thing%s could not be offered, the others were published", problems,
		problems == 1 ? "" : "s");
	return vl_hint(e, "See the warnings above.");
}

const struct vl_command vl_cmd_publish = {
	.name = "publish", .summary = "push images and artifacts to an existing registry", .side = VL_SIDE_BOTH,
	.usage = "[REGISTRY[/PREFIX]] [ITEM].. [OPTION]..",
	.text = "Pushes what the registry does not have yet: blobs first, tags last. ITEM: only these. A second run "
		"pushes nothing.",
	.opts = table, .size = sizeof(struct opts), .args_max = 4096, .run = run,
};
