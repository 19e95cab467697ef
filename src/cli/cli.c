/* SPDX-License-Identifier: Apache-2.0 */
/* cli/cli.c: one run: parse, find the store, run the command, report. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/version.h"
#include "cli/command.h"
#include "packlist/conf.h"

#define JOBS_DEFAULT 2 /* more threads than this take memory that small hosts do not have; --jobs asks for more */

/* A descriptor 0, 1 or 2 that is closed would be handed to the next open(): what is meant for the terminal would be
 * written into the store. */
static bool fill_standard_fds(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd ? O_RDONLY : O_WRONLY) != fd)
			return false;
	return true;
}

static unsigned default_jobs(void)
{
	cpu_set_t set;
	int n = 1;

	if (!sched_getaffinity(0, sizeof set, &set))
		n = CPU_COUNT(&set);
	return n < 1 ? 1 : n > JOBS_DEFAULT ? JOBS_DEFAULT : (unsigned)n;
}

static char *default_store(void)
{
	const char *env = getenv("VALISE_STORE"), *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");

	if (env && *env)
		return vl_xstrdup(env);
	if (!geteuid())
		return vl_xstrdup("/var/lib/valise");
	if (data && *data == '/')
		return vl_xprintf("%s/valise", data);
	if (home && *home)
		return vl_xprintf("%s/.local/share/valise", home);
	return NULL;
}

bool vl_cli_conf(struct vl_cli *c, const struct vl_conf **conf, struct vl_err *e)
{
	if (!c->conf && !vl_conf_load(&c->conf, c->g.config, e))
		return false;
	*conf = c->conf;
	return true;
}

bool vl_cli_store_absent(const struct vl_cli *c)
{
	struct stat st;

	return stat(c->store, &st) && errno == ENOENT;
}

bool vl_cli_no_store(const struct vl_cli *c, struct vl_err *e)
{
	vl_fail(e, VL_E_ABSENT, "there is no store at %s", c->store);
	return vl_hint(e, "Name it with --store; the first valise unpack or valise fetch makes it.");
}

static bool run_command(struct vl_cli *c, const struct vl_parsed *p, struct vl_err *e)
{
	c->store = p->g.store ? vl_xstrdup(p->g.store) : default_store();
	if (!c->store) {
		vl_fail(e, VL_E_USAGE, "no store is named, and $HOME is not set");
		return vl_hint(e, "Use --store DIR or set VALISE_STORE.");
	}
	if (!p->cmd->run(c, p->opts, e))
		return false;
	return vl_stdout_flush(e);
}

static bool run_parsed(struct vl_cli *c, const struct vl_parsed *p, struct vl_err *e)
{
	if (p->g.version) {
		vl_say("valise %s\n", vl_version());
	} else if (p->cmd && p->g.help) {
		vl_help_command(p->cmd);
	} else if (p->g.help) {
		vl_help_overview();
	} else if (!p->cmd) {
		vl_fail(e, VL_E_USAGE, "no command");
		return vl_hint(e, "See valise --help; a first transfer: man valise-workflow.");
	} else {
		return run_command(c, p, e);
	}
	return vl_stdout_flush(e);
}

/* An error in the command line itself is still told in the form that was asked for. */
static bool wants_json(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--"); i++)
		if (!strcmp(argv[i], "--json"))
			return true;
	return false;
}

static int run(struct vl_cli *c, int argc, char **argv)
{
	VL_CLEAN(vl_parsed) p = { .cmd = NULL };
	struct vl_err e = VL_ERR_INIT;
	static const char *const no_args[] = { NULL };
	bool good = vl_opt_parse(&p, argc, (const char *const *)argv, &e);

	c->g = p.g;
	c->g.json = p.g.json || (!good && wants_json(argc, argv));
	c->cmd = p.cmd;
	c->args = p.args.n ? (const char *const *)p.args.v : no_args;
	c->n_args = p.args.n;
	vl_out_init(&c->out, &c->g);
	if (!good || !run_parsed(c, &p, &e))
		return vl_exit_failed(c, &e);
	return 0;
}

int vl_cli_main(int argc, char **argv)
{
	struct vl_cli c = { .cmd = NULL };
	int status;

	if (!fill_standard_fds())
		return vl_code_exit(VL_E_IO);
	umask(umask(0) | 022);
	vl_signals_install();
	c.env = (struct vl_env){ .now = (int64_t)time(NULL), .emit = vl_out_event, .emit_ctx = &c.out,
				 .stop = vl_signals_flag(), .jobs = default_jobs() };
	status = run(&c, argc, argv);
	vl_out_clear_line(&c.out);
	free(c.store);
	vl_conf_free(c.conf);
	return status;
}
