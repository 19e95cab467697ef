/* SPDX-License-Identifier: Apache-2.0 */
/* media/read.c: the files of one bundle on a medium.
 * In:    an open bundle directory.
 * Out:   bytes in memory, untrusted.
 * Keeps: each file is opened once and read once, front to back, never mapped: a stick with a computer of its own may
 *        answer differently the second time, so there is no second time. */
#include "media/carried.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"

#define SIG_FIRST "waybill.json.minisig"
#define SIG_PREFIX "waybill.json."
#define SIG_SUFFIX ".minisig"
#define KEYID_LEN 16

static bool in_bundle(const struct vl_carried *c, const char *name, struct vl_err *e)
{
	vl_while(e, "%s", c->path);
	return vl_found(e, name, NULL, NULL);
}

bool vl_carried_waybill(struct vl_carried *c, struct vl_buf *out, struct vl_err *e)
{
	bool absent = false;

	out->max = VL_WAYBILL_MAX;
	if (!vl_load_file(c->dir, VL_WAYBILL_NAME, out, &absent, e))
		return vl_found(e, VL_WAYBILL_NAME, NULL, NULL); /* who chooses among bundles names this one */
	if (!absent)
		return true;
	vl_fail(e, VL_E_NO_BUNDLE, VL_WAYBILL_NAME " is not there any more");
	return vl_found(e, VL_WAYBILL_NAME, NULL, NULL);
}

void vl_carried_sigs_clear(struct vl_carried_sigs *s)
{
	for (size_t i = 0; i < s->n; i++)
		vl_buf_clear(&s->text[i]);
	s->n = 0;
}

static bool is_signature(const char *name)
{
	size_t prefix = sizeof SIG_PREFIX - 1, len = strlen(name);

	if (!strcmp(name, SIG_FIRST))
		return true;
	if (len != prefix + KEYID_LEN + sizeof SIG_SUFFIX - 1 || strncmp(name, SIG_PREFIX, prefix))
		return false;
	for (size_t i = 0; i < KEYID_LEN; i++)
		if (!isxdigit((unsigned char)name[prefix + i]))
			return false;
	return !strcmp(name + prefix + KEYID_LEN, SIG_SUFFIX);
}

struct sig_search {
	const struct vl_carried *carried;
	struct vl_carried_sigs *out;
};

static bool take_signature(void *ctx, const char *name, struct vl_err *e)
{
	struct sig_search *s = ctx;
	struct vl_carried_sigs *out = s->out;

	if (!is_signature(name))
		return true;
	if (out->n == VL_SIGNATURES_MAX)
		return vl_fail(e, VL_E_LIMIT, "more than %d signature files", VL_SIGNATURES_MAX);
	snprintf(out->name[out->n], sizeof out->name[out->n], "%s", name);
	out->text[out->n] = (struct vl_buf)VL_BUF_INIT(VL_MINISIG_MAX);
	if (!vl_load_file(s->carried->dir, name, &out->text[out->n++], NULL, e))
		return vl_found(e, name, NULL, NULL);
	return true;
}

bool vl_carried_signatures(struct vl_carried *c, struct vl_carried_sigs *out, struct vl_err *e)
{
	struct sig_search s = { .carried = c, .out = out };

	vl_carried_sigs_clear(out);
	if (!vl_each_entry(c->dir, take_signature, &s, e))
		return false;
	for (size_t i = 0; i < out->n; i++)
		out->file[i] = (struct vl_sigfile){ out->name[i], vl_buf_bytes(&out->text[i]) };
	return true;
}

static bool missing(const struct vl_carried *c, const char *name, struct vl_err *e)
{
	vl_fail(e, VL_E_VOLUME, "%s: %s is missing", c->path, name);
	return vl_found(e, name, NULL, NULL);
}

static bool wrong_size(const struct vl_carried *c, const char *name, uint64_t found, uint64_t expected,
		       struct vl_err *e)
{
	char got[24], want[24];

	snprintf(got, sizeof got, "%" PRIu64, found);
	snprintf(want, sizeof want, "%" PRIu64, expected);
	vl_fail(e, VL_E_SIZE, "%s: %s has %s bytes, the waybill says %s", c->path, name, got, want);
	return vl_found(e, name, got, want);
}

static bool is_absent(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) && errno == ENOENT;
}

static bool is_dir(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) || S_ISDIR(st.st_mode);
}

/* parcels/ is opened as a step of its own, so that a link in its place is refused. */
static bool open_parcel(const struct vl_carried *c, const char *name, int *fd, uint64_t *size, struct vl_err *e)
{
	VL_FD parcels = -1;
	const char *base = name + sizeof VL_PARCELS_NAME;

	if (is_absent(c->dir, VL_PARCELS_NAME))
		return missing(c, name, e);
	if (!is_dir(c->dir, VL_PARCELS_NAME)) {
		vl_fail(e, VL_E_FORMAT, VL_PARCELS_NAME " is not a directory");
		return in_bundle(c, name, e);
	}
	if (!vl_open_dir(c->dir, VL_PARCELS_NAME, &parcels, e))
		return in_bundle(c, name, e);
	if (is_absent(parcels, base))
		return missing(c, name, e);
	return vl_open_regular(parcels, base, fd, size, e) ? true : in_bundle(c, name, e);
}

bool vl_carried_parcel(const struct vl_carried *c, const struct vl_parcel_line *line, size_t i, struct vl_buf *out,
		       struct vl_err *e)
{
	VL_FD fd = -1;
	char name[40];
	uint64_t size;
	uint8_t *at;
	size_t got = 0;

	vl_parcel_name(line, i, name);
	vl_buf_reset(out);
	if (!open_parcel(c, name, &fd, &size, e))
		return false;
	if (size != line->size)
		return wrong_size(c, name, size, line->size, e);
	if (!vl_buf_room(out, line->size, &at, e))
		return in_bundle(c, name, e);
	if (!vl_read_full(fd, at, line->size, &got, e)) {
		vl_while(e, "%s", name);
		return in_bundle(c, name, e);
	}
	out->len = got;
	return got == line->size ? true : wrong_size(c, name, got, line->size, e);
}
