/* SPDX-License-Identifier: Apache-2.0 */
/* cli/cmd_gc.c: make room in the store.
 * In:    how many generations shall stay; else what valise.conf says, and always the one before the current.
 * Out:   what was freed, or would be. */
#include <inttypes.h>
#include <stdio.h>

#include "base/text.h"
#include "cli/parts.h"
#include "packlist/conf.h"

#define KEEP_LEAST 2u /* without a word of the operator: the current one, and one to go back to */

struct opts {
	struct vl_opt_count keep, lock_wait;
	bool dry_run;
};
static const struct vl_opt table[] = {
	{ VL_OPT_COUNT, 0, "keep", offsetof(struct opts, keep), "N",
	  "generations to keep, the current one included (default: keep of valise.conf, at least 2)" },
	{ VL_OPT_FLAG, 'n', "dry-run", offsetof(struct opts, dry_run), NULL, "say what would go, remove nothing" },
	VL_ROW_LOCK_WAIT(struct opts),
	{ .kind = VL_OPT_END },
};

static bool say_json(const struct vl_gc_report *r, bool dry_run, struct vl_err *e)
{
	struct vl_line l;

	vl_line_begin(&l, "result");
	vl_jw_str(&l.w, "command", "gc");
	vl_jw_bool(&l.w, "dry-run", dry_run);
	vl_jw_u64(&l.w, "bytes", r->bytes);
	vl_jw_u64(&l.w, "generations", r->generations);
	vl_jw_u64(&l.w, "blobs", r->blobs);
	vl_jw_u64(&l.w, "files", r->files);
	vl_jw_u64(&l.w, "kept-generations", r->kept_generations);
	vl_jw_u64(&l.w, "kept-blobs", r->kept_blobs);
	vl_jw_u64(&l.w, "kept-bytes", r->kept_bytes);
	return vl_line_end(&l, e);
}

/* "1,204 blobs" */
static void say_count(const char *before, uint64_t n, const char *one, const char *many)
{
	char digits[24], out[40];
	size_t len, at = 0;

	len = (size_t)snprintf(digits, sizeof digits, "%" PRIu64, n);
	for (size_t i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			out[at++] = ',';
		out[at++] = digits[i];
	}
	out[at] = '\0';
	vl_say("%s%s %s", before, out, n == 1 ? one : many);
}

static void say_removed(const struct vl_gc_report *r, bool dry_run)
{
	const struct {
		uint64_t n;
		const char *one, *many;
	} parts[] = { { r->generations, "generation", "generations" },
		      { r->blobs, "blob", "blobs" },
		      { r->files, "unfinished download", "unfinished downloads" } };
	const char *before = ": ";
	char freed[24];

	vl_say("%s %s", dry_run ? "would free" : "freed", vl_size_text(r->bytes, freed));
	for (size_t i = 0; i < VL_LEN(parts); i++) {
		if (!parts[i].n)
			continue;
		say_count(before, parts[i].n, parts[i].one, parts[i].many);
		before = ", ";
	}
	vl_say("\n");
}

static void say_text(const struct vl_cli *c, const struct vl_gc_report *r, bool dry_run)
{
	char kept[24];

	if (r->generations || r->blobs || r->files)
		say_removed(r, dry_run);
	else
		vl_say("nothing to remove\n");
	if (c->g.quiet || !r->kept_generations)
		return;
	say_count(dry_run ? "would keep " : "kept ", r->kept_generations, "generation", "generations");
	say_count(" with ", r->kept_blobs, "blob", "blobs");
	vl_say(" of %s\n", vl_size_text(r->kept_bytes, kept));
}

static bool keep_of(struct vl_cli *c, const struct opts *o, unsigned *keep, struct vl_err *e)
{
	const struct vl_conf *conf;

	if (o->keep.set && !o->keep.n)
		return vl_fail(e, VL_E_USAGE, "--keep must be at least 1: the generation in use");
	if (!vl_cli_conf(c, &conf, e))
		return false;
	*keep = conf->keep > KEEP_LEAST ? conf->keep : KEEP_LEAST;
	if (o->keep.set)
		*keep = o->keep.n < UINT32_MAX ? (unsigned)o->keep.n : UINT32_MAX;
	return true;
}

static bool run(struct vl_cli *c, const void *opts, struct vl_err *e)
{
	const struct opts *o = opts;
	VL_AUTO(vl_store) s = NULL;
	struct vl_gc_report r;
	unsigned keep = KEEP_LEAST;

	if (!keep_of(c, o, &keep, e))
		return false;
	if (vl_cli_store_absent(c))
		return vl_cli_no_store(c, e);
	if (!vl_store_open(&s, c->store, o->dry_run ? VL_STORE_READ : VL_STORE_WRITE, (unsigned)o->lock_wait.n,
			   &c->env, e) || !vl_store_gc(s, keep, o->dry_run, &c->env, &r, e))
		return false;
	if (c->g.json)
		return say_json(&r, o->dry_run, e);
	say_text(c, &r, o->dry_run);
	return true;
}

const struct vl_command vl_cmd_gc = {
	.name = "gc", .summary = "remove old generations and what only they needed", .side = VL_SIDE_BOTH,
	.usage = "[--keep N] [-n] [--lock-wait[=SECONDS]]",
	.text = "Removes all but the newest generations of the store, every blob that none of the kept ones needs, and "
		"downloads that were left unfinished for a week. What is in use is never touched.",
	.opts = table, .size = sizeof(struct opts), .run = run,
};
