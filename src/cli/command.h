/* SPDX-License-Identifier: Apache-2.0 */
/* cli/command.h: the one contract of this folder: a command is a row of a table, its options are rows of another,
 * and the parser, --help, completion and scripts/check-man all read the same rows. Only this folder prints. */
#ifndef VL_CLI_COMMAND_H
#define VL_CLI_COMMAND_H

#include "base/env.h"
#include "base/json.h"
#include "crypt/minisign.h"

struct vl_conf;

/* ---- options ---- */
enum vl_opt_kind {
	VL_OPT_END = 0,
	VL_OPT_FLAG,     /* bool */
	VL_OPT_TEXT,     /* const char * */
	VL_OPT_LIST,     /* struct vl_strings; may be given again */
	VL_OPT_DURATION, /* struct vl_opt_duration */
	VL_OPT_COUNT,    /* struct vl_opt_count */
	VL_OPT_WAIT,     /* struct vl_opt_count; the value is optional and stands behind '=' */
	VL_OPT_DIGEST,   /* struct vl_opt_digest; "sha256:HEX" or HEX */
};
struct vl_strings { /* borrowed strings; v is NULL or NULL-terminated */
	const char **v;
	size_t n, cap;
};
struct vl_opt_duration {
	bool set;
	int64_t seconds;
};
struct vl_opt_count {
	bool set;
	uint64_t n;
};
struct vl_opt_digest {
	bool set;
	struct vl_digest digest;
};
struct vl_opt { /* the last row is all zero */
	enum vl_opt_kind kind;
	char letter; /* 0: none */
	const char *name;
	size_t offset;   /* in the command's own struct */
	const char *arg; /* "FILE", or NULL for flags */
	const char *help;
};
#define VL_OPTS_MAX 64 /* rows of one table */
#define VL_WAIT_DEFAULT 3600 /* seconds, for --lock-wait without a number */

/* ---- commands ---- */
struct vl_cli;
enum vl_side { VL_SIDE_CONNECTED = 1, VL_SIDE_ISOLATED, VL_SIDE_BOTH };
struct vl_command {
	const char *name, *summary; /* summary: one clause, no full stop */
	enum vl_side side;
	const char *usage; /* what follows "valise NAME", one line per form */
	const char *text;  /* a short paragraph for --help */
	const struct vl_opt *opts;
	size_t size; /* of the struct that opts fill; it begins as zeros */
	size_t args_min, args_max;
	bool (*run)(struct vl_cli *c, const void *opts, struct vl_err *e);
	/* For completion, or NULL: the words that an option takes, with blanks between, or NULL. The caller frees. */
	char *(*values)(const char *option);
};
/* NULL-terminated, in the order of a transfer. Two files define it: commands_pack.c for the whole program,
 * receive/commands.c for --disable-pack. */
const struct vl_command *const *vl_commands(void);
/* What this build leaves out: name and the reason in words; NULL-terminated names. */
const char *const *vl_commands_left_out(void);
const struct vl_command *vl_command_find(const char *name);
extern const struct vl_command vl_cmd_init, vl_cmd_keygen, vl_cmd_fetch, vl_cmd_pack, vl_cmd_inspect, vl_cmd_verify,
	vl_cmd_unpack, vl_cmd_status, vl_cmd_env, vl_cmd_list, vl_cmd_diff, vl_cmd_export, vl_cmd_trust,
	vl_cmd_fsck, vl_cmd_gc, vl_cmd_rollback, vl_cmd_log, vl_cmd_completion, vl_cmd_help, vl_cmd_publish,
	vl_cmd_serve, vl_cmd_version;

/* ---- one run ---- */
struct vl_globals {
	const char *store, *config;
	bool json, quiet, verbose, no_progress, help, version;
};
extern const struct vl_opt vl_global_opts[];

struct vl_bar { /* what the progress line shows */
	const char *phase, *item;
	uint64_t done, total;
	double rate; /* bytes per second, 0: not known yet */
};
/* "unpack  [=====>    ] 46 %  418 MB of 900 MB  83 MB/s  6 s left"; at most columns - 1 wide. */
void vl_bar_format(const struct vl_bar *b, unsigned columns, char *out, size_t size);

struct vl_out { /* events on their way to a person or a program */
	bool json, quiet, verbose, no_progress;
	bool tty;    /* stderr takes a progress line */
	bool colour; /* stderr takes colours */
	bool drawn;  /* a progress line stands there now */
	double began, drawn_at, rate_at; /* monotonic seconds */
	uint64_t rate_done, total;
	double rate;
};
void vl_out_init(struct vl_out *o, const struct vl_globals *g);
void vl_out_event(void *out, const struct vl_event *ev); /* for vl_env.emit */
void vl_out_clear_line(struct vl_out *o); /* before anything else is written to the terminal */

struct vl_cli {
	struct vl_globals g;
	const struct vl_command *cmd; /* NULL: none yet */
	const char *const *args;      /* behind the options, NULL-terminated */
	size_t n_args;
	struct vl_env env;
	struct vl_out out;
	char *store;          /* path, owned */
	struct vl_conf *conf; /* loaded by vl_cli_conf(), owned */
};
int vl_cli_main(int argc, char **argv);
/* valise.conf, read once. */
VL_MUST bool vl_cli_conf(struct vl_cli *c, const struct vl_conf **conf, struct vl_err *e);
/* The store's directory does not exist: nothing was ever put there. */
bool vl_cli_store_absent(const struct vl_cli *c);
bool vl_cli_no_store(const struct vl_cli *c, struct vl_err *e); /* false: fails, says where it was looked for */

/* Parsing: fills g and the command's struct (calloc'd into *opts), args are borrowed from argv in *args. */
struct vl_parsed {
	struct vl_globals g;
	const struct vl_command *cmd; /* NULL: no command on the line */
	void *opts;
	struct vl_strings args;
};
VL_MUST bool vl_opt_parse(struct vl_parsed *p, int argc, const char *const *argv, struct vl_err *e);
void vl_parsed_clear(struct vl_parsed *p);
VL_DEFINE_CLEAN(vl_parsed)
void vl_strings_add(struct vl_strings *l, const char *s);
const char *const *vl_strings_list(const struct vl_strings *l); /* NULL when empty */

/* ---- printing: stdout ---- */
void vl_say(const char *fmt, ...) VL_PRINTF(1, 2);
/* Foreign text, made safe; NULL and "" are printed as "-". */
void vl_say_safe(const char *text);
/* One "label   text" line of a summary. */
void vl_say_row(const char *label, const char *fmt, ...) VL_PRINTF(2, 3);
/* One JSON line: begin, add members to it.w, end. */
struct vl_line {
	struct vl_buf buf;
	struct vl_jw w;
};
void vl_line_begin(struct vl_line *l, const char *type);
VL_MUST bool vl_line_end(struct vl_line *l, struct vl_err *e);
/* A member with foreign text: made safe first. NULL: left out. */
void vl_line_text(struct vl_line *l, const char *key, const char *text);
/* Words with blanks between them, as an array of strings. */
void vl_line_words(struct vl_line *l, const char *key, const char *words);
void vl_line_digest(struct vl_line *l, const char *key, const struct vl_digest *d); /* "sha256:HEX" */
void vl_line_time(struct vl_line *l, const char *key, int64_t t);                   /* 0: left out */
/* A digest for reading aloud: groups of four. */
const char *vl_digest_spoken(const struct vl_digest *d, char out[static 80]);
/* "3 days ago", "in 5 hours", "now"; a time of 0 is "unknown". */
const char *vl_when(int64_t t, int64_t now, char out[static 48]);
/* "5 blobs", "1 blob" */
const char *vl_count_text(uint64_t n, const char *one, const char *many, char out[static 64]);

/* ---- help ---- */
void vl_help_overview(void);
void vl_help_command(const struct vl_command *cmd);

/* ---- errors and the end ---- */
/* Prints the error (once) on stderr and returns the exit status. */
int vl_exit_failed(struct vl_cli *c, const struct vl_err *e);
/* Everything on stdout arrived, or VL_E_IO. */
VL_MUST bool vl_stdout_flush(struct vl_err *e);

/* ---- signals ---- */
/* INT, TERM, HUP set the flag, the second INT kills; PIPE is ignored. */
void vl_signals_install(void);
const volatile sig_atomic_t *vl_signals_flag(void);

/* ---- passwords ---- */
struct vl_password { /* the ask_ctx of vl_password_ask() */
	int fd;             /* --password-fd, or -1: the terminal */
};
bool vl_password_ask(void *ctx, const char *file, unsigned attempt, char *out, size_t size, struct vl_err *e);
/* Twice the same, for a new key. */
VL_MUST bool vl_password_new(const struct vl_password *p, char *out, size_t size, struct vl_err *e);
/* The value of --password-fd checked: an open descriptor. */
VL_MUST bool vl_password_init(struct vl_password *p, const struct vl_opt_count *fd, struct vl_err *e);

#endif
