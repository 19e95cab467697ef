/* SPDX-License-Identifier: Apache-2.0 */
/* cli/cmd_serve.c: the store as a registry and a file server, until somebody stops it. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/parts.h"
#include "packlist/conf.h"
#include "serve/serve.h"

struct opts {
	const char *channel, *listen, *tls_cert, *tls_key, *htpasswd, *user, *public_name, *least_speed;
	struct vl_opt_count connections, per_client;
	struct vl_opt_duration recheck, idle, deadline;
};
#define AT(field) offsetof(struct opts, field)
static const struct vl_opt table[] = {
	{ VL_OPT_TEXT, 'c', "channel", AT(channel), "NAME", "serve this channel only" },
	{ VL_OPT_TEXT, 'l', "listen", AT(listen), "ADDRESS", "where to listen (default: 127.0.0.1:5000)" },
	{ VL_OPT_TEXT, 0, "tls-cert", AT(tls_cert), "FILE", "serve by https with this certificate (PEM)" },
	{ VL_OPT_TEXT, 0, "tls-key", AT(tls_key), "FILE", "... and this key (PEM, mode 0600)" },
	{ VL_OPT_TEXT, 0, "htpasswd", AT(htpasswd), "FILE",
	  "ask for a name and a password of this file (htpasswd -B)" },
	{ VL_OPT_TEXT, 0, "user", AT(user), "NAME", "become this user after the port is bound and the keys are read" },
	{ VL_OPT_TEXT, 0, "public-name", AT(public_name), "NAME",
	  "what clients call this server (default: what they asked for)" },
	{ VL_OPT_COUNT, 0, "connections", AT(connections), "N", "at most so many at a time (default: 256)" },
	{ VL_OPT_COUNT, 0, "per-client", AT(per_client), "N",
	  "... from one address (default: 32; not from this host)" },
	{ VL_OPT_DURATION, 0, "recheck", AT(recheck), "DURATION",
	  "hash a blob again that was whole so long ago (default: 1h)" },
	{ VL_OPT_DURATION, 0, "idle", AT(idle), "DURATION",
	  "close connections that move no byte for so long (default: 60s)" },
	{ VL_OPT_DURATION, 0, "deadline", AT(deadline), "DURATION",
	  "... that do not send a whole request in this time (default: 15s)" },
	{ VL_OPT_TEXT, 0, "least-speed", AT(least_speed), "SIZE",
	  "... that take less than this per second, over --idle (default: 1KiB)" },
	{ .kind = VL_OPT_END },
};

struct greeting {
	const struct vl_cli *cli;
	const char *channel;
	struct vl_err err;
};

static bool shown(const struct greeting *g, const struct vl_channel *ch)
{
	return !g->channel || !strcmp(g->channel, ch->name);
}

static void say_json(struct greeting *g, const struct vl_serve_up *up)
{
	const struct vl_generation *gen = up->generation;
	VL_STR url = vl_xprintf("%s://%s/", up->tls ? "https" : "http", up->address);
	struct vl_line l;

	vl_line_begin(&l, "serving");
	vl_line_text(&l, "address", up->address);
	vl_line_text(&l, "url", url);
	vl_jw_array(&l.w, "channels");
	for (size_t i = 0; gen && i < gen->n; i++) {
		if (!shown(g, &gen->channel[i]))
			continue;
		vl_jw_object(&l.w, NULL);
		vl_jw_str(&l.w, "channel", gen->channel[i].name);
		vl_jw_u64(&l.w, "sequence", gen->channel[i].sequence);
		vl_jw_object_end(&l.w);
	}
	vl_jw_array_end(&l.w);
	vl_jw_u64(&l.w, "names", up->names);
	vl_jw_i64(&l.w, "milliseconds", up->ms);
	vl_jw_object_end(&l.w);
	if (vl_jw_end(&l.w, &g->err))
		vl_say("%s\n", vl_buf_str(&l.buf));
	vl_buf_clear(&l.buf);
}

/* "prod 42" or "prod 42 and edge 7" */
static unsigned say_channels(const struct greeting *g, const struct vl_generation *gen)
{
	unsigned n = 0;

	for (size_t i = 0; gen && i < gen->n; i++)
		if (shown(g, &gen->channel[i]))
			vl_say("%s %s %" PRIu64, n++ ? " and" : "", gen->channel[i].name, gen->channel[i].sequence);
	return n;
}

static void say_ready(void *ctx, const struct vl_serve_up *up)
{
	struct greeting *g = ctx;
	char names[64];

	if (g->cli->g.json) {
		say_json(g, up);
	} else {
		vl_say("serving");
		if (!say_channels(g, up->generation))
			vl_say(" an empty store, %s, until something is unpacked,", g->cli->store);
		vl_say(" on %s://%s/ (%s); stop with Ctrl-C\n", up->tls ? "https" : "http", up->address,
		       vl_count_text(up->names, "name", "names", names));
	}
	/* A stdout that is gone is no reason not to serve; it is told at the end. */
	if (vl_stdout_flush(&g->err))
		vl_emit_debug(&g->cli->env, "ready after %" PRId64 " ms", up->ms);
}

static bool seconds(const char *name, const struct vl_opt_duration *d, unsigned *out, struct vl_err *e)
{
	if (d->set && (d->seconds < 1 || d->seconds > INT_MAX / 1000))
		return vl_fail(e, VL_E_USAGE, "--%s is between 1s and 24d", name);
	*out = (unsigned)d->seconds;
	return true;
}

static bool count(const char *name, const struct vl_opt_count *c, unsigned *out, struct vl_err *e)
{
	if (c->set && (c->n < 1 || c->n > 65536))
		return vl_fail(e, VL_E_USAGE, "--%s is between 1 and 65536", name);
	*out = (unsigned)c->n;
	return true;
}

static bool fill(const struct opts *o, struct vl_serve_opts *s, struct vl_err *e)
{
	*s = (struct vl_serve_opts){ .channel = o->channel, .listen = o->listen ? o->listen : "127.0.0.1:5000",
				     .tls_cert = o->tls_cert, .tls_key = o->tls_key, .htpasswd = o->htpasswd,
				     .user = o->user, .public_name = o->public_name };
	if (o->least_speed && !vl_size_parse(o->least_speed, &s->least_speed)) {
		vl_fail(e, VL_E_USAGE, "--least-speed %s is not a size", o->least_speed);
		return vl_hint(e, "As in 500 or 4KiB, per second.");
	}
	return seconds("recheck", &o->recheck, &s->recheck, e) && seconds("idle", &o->idle, &s->idle, e) &&
	       seconds("deadline", &o->deadline, &s->request_deadline, e) &&
	       count("connections", &o->connections, &s->connections, e) &&
	       count("per-client", &o->per_client, &s->per_client, e);
}

static bool parent_absent(const char *path)
{
	VL_STR parent = vl_xstrdup(path);
	size_t n = strlen(parent);

	while (n > 1 && parent[n - 1] == '/')
		n--;
	while (n && parent[n - 1] != '/')
		n--;
	parent[n] = '\0';
	return access(n ? parent : ".", F_OK) && errno == ENOENT;
}

/* A slip in the path would be a server that waits for nothing. The default's parents are made by what unpacks. */
static bool check_store(const struct vl_cli *c, struct vl_err *e)
{
	const char *env = getenv("VALISE_STORE");

	if (!vl_cli_store_absent(c))
		return true;
	if ((c->g.store || (env && *env)) && parent_absent(c->store)) {
		vl_fail(e, VL_E_ABSENT, "there is no store at %s, and the directory above it does not exist", c->store);
		return vl_hint(e, "Check --store or VALISE_STORE.");
	}
	vl_emit_warn(&c->env, "there is no store at %s; content appears after the first valise unpack", c->store);
	return true;
}

static bool run(struct vl_cli *c, const void *opts, struct vl_err *e)
{
	const struct opts *o = opts;
	struct greeting g = { .cli = c, .channel = o->channel };
	VL_CLEAN(vl_name_rules) rules = { 0 };
	struct vl_serve_opts s;
	const struct vl_conf *conf;

	if (!fill(o, &s, e) || !vl_cli_conf(c, &conf, e) || !check_store(c, e))
		return false;
	vl_name_rules_init(&rules, conf);
	s.rule = rules.v;
	s.n_rule = rules.n;
	s.ready = say_ready;
	s.ctx = &g;
	return vl_serve(c->store, &s, &c->env, e);
}

const struct vl_command vl_cmd_serve = {
	.name = "serve", .summary = "be a registry and a file server for the hosts behind the gap",
	.side = VL_SIDE_ISOLATED,
	.usage = "[-c NAME] [--listen ADDRESS] [--tls-cert FILE --tls-key FILE] [--htpasswd FILE]",
	.text = "Serves images and artifacts below /v2/, files below /files/ and /osv/, a page that tells how clients "
		"are set up at /, and /healthz and /metrics. Reads only, and straight from the store; what is "
		"unpacked while it runs is served from then on. Ends with Ctrl-C.",
	.opts = table, .size = sizeof(struct opts), .run = run,
};
