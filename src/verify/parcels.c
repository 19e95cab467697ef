/* SPDX-License-Identifier: Apache-2.0 */
/* verify/parcels.c: every parcel: read once, size, hash, decompress, split.
 * In:    a checked waybill and its medium.
 * Out:   segments, in parcel order, on the caller's thread.
 * Keeps: at most env->jobs parcels in memory; nothing is decompressed that did not hash right. */
#include <stdlib.h>

#include "base/pool.h"
#include "verify/verify.h"

struct opened { /* what a worker hands over: a tar, or what is wrong with the parcel */
	uint8_t *raw;
	bool faulty;
	struct vl_err fault;
};

struct run {
	const struct vl_checked *checked;
	vl_segment_fn *f;
	void *ctx;
	struct vl_parcel_report *report; /* NULL: the first fault ends the run */
	const struct vl_env *env;
	const char *phase;
	uint64_t done, total;
};

static void drop(void *result)
{
	struct opened *o = result;

	if (!o)
		return;
	free(o->raw);
	free(o);
}

static bool open_parcel(const struct run *r, size_t i, struct opened *o, struct vl_err *e)
{
	const struct vl_parcel_line *line = &r->checked->waybill->parcel[i];
	VL_CLEAN(vl_buf) stored = VL_BUF_INIT(VL_PARCEL_STORED_MAX);
	void *raw = NULL;
	char name[40];

	if (!vl_env_go_on(r->env, e) || !vl_carried_parcel(r->checked->carried, line, i, &stored, e) ||
	    !vl_alloc(&raw, (size_t)line->raw, e))
		return false;
	o->raw = raw;
	return vl_parcel_open(vl_buf_bytes(&stored), line, vl_parcel_name(line, i, name), o->raw, e);
}

/* Missing, damaged, unreadable: about one file, the others can still be looked at. */
static bool is_about_a_file(enum vl_code code)
{
	switch (vl_code_exit(code)) {
	case 10:
	case 11:
	case 15:
	case 16:
	case 22:
		return true;
	default:
		return false;
	}
}

/* The lower the worse: what was changed, what is too much, what is missing, what could not be read. */
static int rank(enum vl_code code)
{
	static const int worst_first[] = { 10, 11, 16, 15, 22 };
	int i = 0;

	while (i < (int)VL_LEN(worst_first) && worst_first[i] != vl_code_exit(code))
		i++;
	return i;
}

bool vl_report_fault(struct vl_parcel_report *report, const struct vl_err *e)
{
	if (!is_about_a_file(e->code))
		return false;
	if (!report->faults++ || rank(e->code) < rank(report->first.code))
		report->first = *e;
	if (report->fault)
		report->fault(report->ctx, e);
	return true;
}

static bool work(void *ctx, size_t i, void **result, struct vl_err *e)
{
	const struct run *r = ctx;
	struct opened *o = vl_xcalloc(1, sizeof *o);

	if (!open_parcel(r, i, o, &o->fault)) {
		*e = o->fault;
		if (!r->report || !is_about_a_file(e->code)) {
			drop(o);
			return false;
		}
		o->faulty = true;
	}
	*result = o;
	return true;
}

/* f is not called once something is wrong: what it puts together has a hole. The format is still looked at. */
static bool split(struct run *r, size_t i, const uint8_t *raw, struct vl_err *e)
{
	const struct vl_parcel_line *line = &r->checked->waybill->parcel[i];
	struct vl_ustar tar = { .in = vl_bytes(raw, (size_t)line->raw) };
	struct vl_segment seg;
	bool end = false;
	char name[40];

	vl_parcel_name(line, i, name);
	for (;;) {
		if (!vl_parcel_next(&tar, &seg, &end, name, e))
			return false;
		if (end)
			return true;
		if (r->f && (!r->report || !r->report->faults) && !r->f(r->ctx, &seg, name, e))
			return false;
	}
}

static bool take(void *ctx, size_t i, void *result, struct vl_err *e)
{
	struct run *r = ctx;
	struct opened *o = result;
	bool good = vl_env_go_on(r->env, e);

	if (good && o->faulty) {
		*e = o->fault;
		good = vl_report_fault(r->report, e);
	} else if (good && !split(r, i, o->raw, e)) {
		good = r->report && vl_report_fault(r->report, e);
	}
	drop(o);
	r->done += r->checked->waybill->parcel[i].size;
	if (good)
		vl_emit_progress(r->env, r->phase, r->done, r->total);
	return good;
}

bool vl_verify_parcels(const struct vl_checked *c, vl_segment_fn *f, void *ctx, struct vl_parcel_report *report,
		       const struct vl_env *env, struct vl_err *e)
{
	struct run r = { .checked = c, .f = f, .ctx = ctx, .env = env };
	struct vl_pool_job job = { .count = c->waybill->n, .threads = env->jobs ? env->jobs : 1, .ctx = &r,
				   .work = work, .take = take, .drop = drop };

	r.report = report && report->fault ? report : NULL;
	r.phase = report && report->phase ? report->phase : "verify";
	for (size_t i = 0; i < c->waybill->n; i++)
		r.total += c->waybill->parcel[i].size;
	vl_emit_phase(env, r.phase, r.total);
	if (!vl_pool_run(&job, e))
		return false;
	if (r.report && r.report->faults) {
		*e = r.report->first;
		return false;
	}
	vl_emit_phase_end(env, r.phase, r.done);
	return true;
}
