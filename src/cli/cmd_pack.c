/* SPDX-License-Identifier: Apache-2.0 */
/* cli/cmd_pack.c: fetch, write a bundle, sign it, read it back. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/parts.h"

#define DEFAULT_KEY "valise.key"
#define LEVEL_MAX 19
#define JOBS_MAX 64

struct opts {
	const char *file, *out, *channel, *level;
	struct vl_strings keys;
	bool unsigned_, no_fetch, no_read_back, keep_going, dry_run;
	struct vl_opt_count jobs, sequence, password_fd, lock_wait;
	struct vl_opt_duration expires;
};
static const struct vl_opt table[] = {
	VL_ROW_LIST_FILE(struct opts),
	{ VL_OPT_TEXT, 'o', "output", offsetof(struct opts, out), "DIR", "write the bundle into this directory" },
	{ VL_OPT_LIST, 'k', "key", offsetof(struct opts, keys), "FILE",
	  "sign with this secret key; may be repeated (default: valise.key beside the packing list)" },
	{ VL_OPT_FLAG, 0, "unsigned", offsetof(struct opts, unsigned_), NULL,
	  "do not sign; sign waybill.json elsewhere before it is sent" },
	{ VL_OPT_COUNT, 0, "password-fd", offsetof(struct opts, password_fd), "N",
	  "read the passwords from descriptor N, one line per key" },
	VL_ROW_LIST_CHANNEL(struct opts),
	{ VL_OPT_DURATION, 0, "expires", offsetof(struct opts, expires), "DURATION",
	  "how long it may be installed (14d, 36h); default: the packing list's" },
	{ VL_OPT_COUNT, 0, "sequence", offsetof(struct opts, sequence), "N", "this sequence number, not the next one" },
	{ VL_OPT_TEXT, 'l', "level", offsetof(struct opts, level), "N|auto", "zstd level 1 to 19 (default: auto)" },
	{ VL_OPT_COUNT, 'j', "jobs", offsetof(struct opts, jobs), "N",
	  "threads that compress (default: processors, at most 2)" },
	{ VL_OPT_FLAG, 0, "no-fetch", offsetof(struct opts, no_fetch), NULL, "pack what the store holds" },
	{ VL_OPT_FLAG, 0, "no-read-back", offsetof(struct opts, no_read_back), NULL,
	  "do not read the bundle again after writing" },
	VL_ROW_KEEP_GOING(struct opts),
	{ VL_OPT_FLAG, 'n', "dry-run", offsetof(struct opts, dry_run), NULL,
	  "say what would be carried, write nothing" },
	VL_ROW_LOCK_WAIT(struct opts),
	{ .kind = VL_OPT_END },
};

static bool digits(const char *text, uint64_t max, uint64_t *n)
{
	uint64_t v = 0;

	for (const char *c = text; *c; c++) {
		if (*c < '0' || *c > '9' || v > max / 10)
			return false;
		v = v * 10 + (uint64_t)(*c - '0');
	}
	*n = v;
	return *text && v <= max;
}

static bool check_output(const struct opts *o, struct vl_err *e)
{
	size_t len;

	if (!o->out && o->dry_run)
		return true;
	if (!o->out) {
		vl_fail(e, VL_E_USAGE, "where to? -o DIR is missing");
		return vl_hint(e, "DIR is the mounted medium, or any directory.");
	}
	len = strlen(o->out);
	if (strcmp(o->out, "-") && (len < 4 || strcmp(o->out + len - 4, ".tar")))
		return true;
	vl_fail(e, VL_E_USAGE, "-o %s: this version of valise writes bundles as directories only", o->out);
	return vl_hint(e, "Name a directory; for one file, run tar on the bundle afterwards and unpack it there "
			  "first.");
}

/* Without --key: the key that keygen writes when it is not told a name, beside the packing list. The caller frees. */
static char *key_beside(const char *packlist)
{
	const char *slash = strrchr(packlist, '/');
	VL_STR path = vl_xprintf("%.*s" DEFAULT_KEY, slash ? (int)(slash + 1 - packlist) : 0, packlist);

	return access(path, F_OK) ? NULL : vl_steal(&path);
}

static bool check_keys(const struct opts *o, bool found, struct vl_err *e)
{
	if (o->unsigned_ && o->keys.n)
		return vl_fail(e, VL_E_USAGE, "--unsigned contradicts --key");
	if (o->keys.n > VL_SIGNATURES_MAX)
		return vl_fail(e, VL_E_USAGE, "at most %d keys can sign", VL_SIGNATURES_MAX);
	if (o->keys.n || found || o->unsigned_ || o->dry_run)
		return true;
	vl_fail(e, VL_E_USAGE, "no key to sign with: no --key, and no " DEFAULT_KEY " beside the packing list");
	return vl_hint(e, "Make one with valise keygen, then use -k valise.key; or use --unsigned to sign elsewhere.");
}

static bool check_numbers(const struct opts *o, struct vl_err *e)
{
	if (o->jobs.set && (!o->jobs.n || o->jobs.n > JOBS_MAX))
		return vl_fail(e, VL_E_USAGE, "--jobs is from 1 to %d", JOBS_MAX);
	if (o->sequence.set && !o->sequence.n)
		return vl_fail(e, VL_E_USAGE, "--sequence is at least 1");
	if (o->expires.set && o->expires.seconds <= 0)
		return vl_fail(e, VL_E_USAGE, "--expires is longer than nothing");
	return true;
}

static bool level_of(const struct opts *o, int *level, struct vl_err *e)
{
	uint64_t n;

	*level = 0;
	if (!o->level || !strcmp(o->level, "auto"))
		return true;
	if (!digits(o->level, LEVEL_MAX, &n) || !n)
		return vl_fail(e, VL_E_USAGE, "--level is auto or a number from 1 to %d", LEVEL_MAX);
	*level = (int)n;
	return true;
}

/* For builds that must come out the same every time. */
static bool created_of(int64_t *created, struct vl_err *e)
{
	const char *text = getenv("SOURCE_DATE_EPOCH");
	uint64_t n;

	*created = 0;
	if (!text || !*text)
		return true;
	if (!digits(text, INT32_MAX * UINT64_C(100), &n) || !n)
		return vl_fail(e, VL_E_USAGE, "SOURCE_DATE_EPOCH is not a number of seconds");
	*created = (int64_t)n;
	return true;
}

static bool say_json(const struct vl_pack_report *r, const struct opts *o, struct vl_err *e)
{
	struct vl_line l;

	vl_line_begin(&l, "result");
	vl_jw_str(&l.w, "command", "pack");
	vl_jw_bool(&l.w, "dry-run", o->dry_run);
	vl_line_text(&l, "path", r->path);
	vl_jw_str(&l.w, "channel", r->fetch.channel);
	vl_jw_u64(&l.w, "sequence", r->sequence);
	vl_jw_bool(&l.w, "signed", !o->unsigned_ && !o->dry_run);
	if (!o->dry_run)
		vl_line_digest(&l, "waybill", &r->waybill);
	vl_line_time(&l, "expires", r->expires);
	vl_jw_u64(&l.w, "items", r->fetch.items);
	vl_jw_u64(&l.w, "failed", r->fetch.failed);
	vl_jw_bool(&l.w, "changed", r->fetch.changed);
	vl_jw_u64(&l.w, "downloaded", r->fetch.downloaded);
	vl_jw_u64(&l.w, "requests", r->fetch.requests);
	vl_jw_u64(&l.w, "bytes", r->fetch.bytes);
	vl_jw_u64(&l.w, "parcels", r->parcels);
	vl_jw_u64(&l.w, "raw", r->raw);
	vl_jw_u64(&l.w, "carried", r->carried);
	return vl_line_end(&l, e);
}

static void say_sizes(const struct vl_pack_report *r, const struct opts *o)
{
	char items[64], size[24], down[24], requests[64], carried[24], parcels[64];
	uint64_t tenths = r->carried ? r->raw * 10 / r->carried : 0;

	vl_say_row("content", "%s, %s%s", vl_count_text(r->fetch.items, "item", "items", items),
		   vl_size_text(r->fetch.bytes, size), r->fetch.changed ? "" : "; nothing new upstream");
	if (!o->no_fetch)
		vl_say_row("downloaded", "%s in %s", vl_size_text(r->fetch.downloaded, down),
			   vl_count_text(r->fetch.requests, "request", "requests", requests));
	vl_say_row(o->dry_run ? "would carry" : "carried", "%s%s in %s", o->dry_run ? "about " : "",
		   vl_size_text(r->carried, carried), vl_count_text(r->parcels, "parcel", "parcels", parcels));
	if (tenths > 10)
		vl_say_row("", "(%" PRIu64 ".%" PRIu64 " times smaller than the %s inside)", tenths / 10, tenths % 10,
			   vl_size_text(r->raw, size));
}

static void say_next(const struct vl_pack_report *r, const struct opts *o, const char *path)
{
	if (o->unsigned_)
		vl_say("\nNext: sign its waybill.json, with the trusted comment that this prints:\n"
		       "    valise inspect --comment %s\n", path);
	vl_say("\n%s: carry %s to the other side and run there\n    valise verify PATH\n    valise unpack PATH\n"
	       "Tell them: channel %s, sequence %" PRIu64 ".\n", o->unsigned_ ? "Then" : "Next", path,
	       r->fetch.channel, r->sequence);
}

static void say_text(const struct vl_cli *c, const struct vl_pack_report *r, const struct opts *o)
{
	VL_STR path = vl_safe_text(r->path ? r->path : "-", 1024);
	char expiry[64];

	if (c->g.quiet) {
		vl_say("%s\n", path);
		return;
	}
	vl_say_row("bundle", "%s%s", o->dry_run ? "none, this was a dry run" : path,
		   o->unsigned_ && !o->dry_run ? " (NOT SIGNED)" : "");
	vl_say_row("sequence", "%s %" PRIu64 ", %s", r->fetch.channel, r->sequence,
		   vl_expiry_text(r->expires, c->env.now, expiry));
	say_sizes(r, o);
	if (o->dry_run)
		return;
	vl_say_spoken("waybill", &r->waybill);
	say_next(r, o, path);
}

static bool run_pack(struct vl_cli *c, const struct opts *o, const struct vl_pack_opts *p, struct vl_err *e)
{
	struct vl_pack_report r = { .path = NULL };
	const struct vl_conf *conf;
	bool good;

	if (!vl_cli_conf(c, &conf, e))
		return false;
	good = vl_pack(p, conf, &c->env, &r, e);
	if (good && c->g.json)
		good = say_json(&r, o, e);
	else if (good)
		say_text(c, &r, o);
	free(r.path);
	if (good && r.fetch.failed)
		return vl_fail(e, VL_E_PARTIAL, "failed items: %zu; the bundle has them as they were, or not at all",
			       r.fetch.failed);
	return good;
}

static bool run(struct vl_cli *c, const void *opts, struct vl_err *e)
{
	const struct opts *o = opts;
	struct vl_password ask = { .fd = -1 };
	const char *beside[2] = { NULL, NULL };
	VL_STR found = NULL;
	struct vl_pack_opts p = {
		.fetch = { .store = c->store, .packlist = o->file ? o->file : "valise.yaml", .channel = o->channel,
			   .keep_going = o->keep_going, .dry_run = o->dry_run, .lock_wait = (unsigned)o->lock_wait.n },
		.no_fetch = o->no_fetch, .unsigned_ = o->unsigned_, .no_read_back = o->no_read_back, .out = o->out,
		.keys = vl_strings_list(&o->keys), .ask = vl_password_ask, .ask_ctx = &ask,
		.expires = o->expires.seconds, .sequence = o->sequence.n,
	};

	if (!o->keys.n && !o->unsigned_ && !o->dry_run)
		beside[0] = found = key_beside(p.fetch.packlist);
	if (found)
		p.keys = beside;
	if (!check_output(o, e) || !check_keys(o, found, e) || !check_numbers(o, e) || !level_of(o, &p.level, e) ||
	    !created_of(&p.created, e) || !vl_password_init(&ask, &o->password_fd, e))
		return false;
	if (o->jobs.set)
		c->env.jobs = (unsigned)o->jobs.n;
	if (found)
		vl_emit_note(&c->env, "signing with %s", found);
	return run_pack(c, o, &p, e);
}

const struct vl_command vl_cmd_pack = {
	.name = "pack", .summary = "fetch, write a signed bundle, read it back", .side = VL_SIDE_CONNECTED,
	.usage = "-o DIR [-k FILE] [-f FILE] [OPTION]..",
	.text = "Fetches what is new, writes DIR/CHANNEL-SEQUENCE with everything that the channel holds, signs it "
		"and reads it back from the medium.",
	.opts = table, .size = sizeof(struct opts), .run = run,
};
