/* SPDX-License-Identifier: Apache-2.0 */
/* archive/ustar.c: the strict tar subset of parcels.
 * In:    a decoded parcel, whole in memory.
 * Out:   its entries, one by one: a name and a run of the same memory.
 * Keeps: nothing is allocated, nothing is believed: every offset is compared with the end first. What is accepted here,
 *        every tar reads the same way; much that tar accepts (pax, GNU names, missing end marks) is refused. */
#include "archive/ustar.h"

#include <stdio.h>

/* POSIX.1-1988. Mode, owner, times and device are written as constants and never looked at. */
struct header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type, link[100], magic[8];
	char user[32], group[32], major[8], minor[8], prefix[155], rest[12];
};
_Static_assert(sizeof(struct header) == VL_USTAR_BLOCK, "a tar header is one block");

static const char magic[8] = { 'u', 's', 't', 'a', 'r', '\0', '0', '0' };

static uint64_t padded(uint64_t size)
{
	return (size + VL_USTAR_BLOCK - 1) / VL_USTAR_BLOCK * VL_USTAR_BLOCK;
}

uint64_t vl_ustar_entry_size(uint64_t size)
{
	return VL_USTAR_BLOCK + padded(size);
}

/* The sum of all bytes, with the sum's own field read as blanks. */
static unsigned sum_of(const uint8_t block[static VL_USTAR_BLOCK])
{
	unsigned sum = 0;

	for (size_t i = 0; i < VL_USTAR_BLOCK; i++)
		sum += block[i];
	for (size_t i = offsetof(struct header, sum); i < offsetof(struct header, type); i++)
		sum = sum - block[i] + ' ';
	return sum;
}

/* digits octal digits, then NUL. */
static void put_octal(char *field, unsigned digits, uint64_t value)
{
	field[digits] = '\0';
	while (digits) {
		field[--digits] = (char)('0' + (value & 7));
		value >>= 3;
	}
}

void vl_ustar_header(uint8_t out[static VL_USTAR_BLOCK], const char *name, uint64_t size)
{
	struct header h = { .type = '0' };
	size_t len = strlen(name);

	memcpy(h.name, name, len < sizeof h.name ? len : sizeof h.name);
	put_octal(h.mode, 7, 0444);
	put_octal(h.uid, 7, 0);
	put_octal(h.gid, 7, 0);
	put_octal(h.size, 11, size);
	put_octal(h.mtime, 11, 0);
	memcpy(h.magic, magic, sizeof magic);
	put_octal(h.major, 7, 0);
	put_octal(h.minor, 7, 0);
	memcpy(out, &h, sizeof h);
	put_octal(h.sum, 6, sum_of(out));
	h.sum[7] = ' ';
	memcpy(out, &h, sizeof h);
}

/* ---- reading ---- */

static bool all_zero(const void *data, size_t len)
{
	const uint8_t *b = data;

	for (size_t i = 0; i < len; i++)
		if (b[i])
			return false;
	return true;
}

static bool refuse(const struct vl_ustar *t, const char *what, const char *why, struct vl_err *e)
{
	return vl_fail(e, VL_E_PARCEL, "%s: byte %zu of the tar: %s", what, t->at, why);
}

/* Exactly digits octal digits. Base 256, blanks, signs and short numbers are other programs' dialects. */
static bool take_octal(const char *field, unsigned digits, uint64_t *value)
{
	*value = 0;
	for (unsigned i = 0; i < digits; i++) {
		if (field[i] < '0' || field[i] > '7')
			return false;
		*value = *value << 3 | (uint64_t)(field[i] - '0');
	}
	return true;
}

static bool sum_is_right(const struct header *h, const uint8_t *block)
{
	uint64_t sum;

	return take_octal(h->sum, 6, &sum) && h->sum[6] == '\0' && h->sum[7] == ' ' && sum == sum_of(block);
}

/* Visible ASCII, then NUL to the field's end. Which names make sense is the caller's business. */
static bool take_name(const struct header *h, char out[static 101])
{
	size_t len = strnlen(h->name, sizeof h->name);

	for (size_t i = 0; i < len; i++)
		if (h->name[i] < 0x21 || h->name[i] > 0x7e)
			return false;
	memcpy(out, h->name, len);
	out[len] = '\0';
	return len && all_zero(h->name + len, sizeof h->name - len);
}

static bool refuse_type(const struct vl_ustar *t, char type, const char *what, struct vl_err *e)
{
	if (type > 0x20 && type < 0x7f)
		return vl_fail(e, VL_E_PARCEL, "%s: byte %zu of the tar: entry type %c, only regular files are allowed",
			       what, t->at, type);
	return vl_fail(e, VL_E_PARCEL, "%s: byte %zu of the tar: entry type 0x%02x, only regular files are allowed",
		       what, t->at, (unsigned)(uint8_t)type);
}

static bool check_header(const struct vl_ustar *t, const struct header *h, const char *what, struct vl_err *e)
{
	if (!sum_is_right(h, t->in.data + t->at))
		return refuse(t, what, "the header's checksum is wrong", e);
	if (memcmp(h->magic, magic, sizeof magic))
		return refuse(t, what, "the header is not ustar", e);
	if (h->type != '0')
		return refuse_type(t, h->type, what, e);
	if (!all_zero(h->prefix, sizeof h->prefix) || !all_zero(h->link, sizeof h->link) ||
	    !all_zero(h->rest, sizeof h->rest))
		return refuse(t, what, "a prefix, a link's target or spare bytes are not empty", e);
	return true;
}

static bool take_end(struct vl_ustar *t, const char *what, struct vl_err *e)
{
	size_t left = t->in.len - t->at;

	if (left < VL_USTAR_END)
		return refuse(t, what, "the end mark is cut short", e);
	if (!all_zero(t->in.data + t->at, VL_USTAR_END))
		return refuse(t, what, "the end mark is not two empty blocks", e);
	if (left > VL_USTAR_END)
		return refuse(t, what, "something lies behind the end mark", e);
	t->at = t->in.len;
	return true;
}

bool vl_ustar_next(struct vl_ustar *t, struct vl_ustar_entry *entry, bool *end, const char *what, struct vl_err *e)
{
	const uint8_t *block;
	size_t left = t->in.len - t->at;
	struct header h;
	uint64_t size;

	*end = false;
	if (left < VL_USTAR_BLOCK)
		return refuse(t, what, left ? "a header is cut short" : "the end mark is missing", e);
	block = t->in.data + t->at;
	if (all_zero(block, VL_USTAR_BLOCK)) {
		*end = true;
		return take_end(t, what, e);
	}
	memcpy(&h, block, sizeof h);
	if (!check_header(t, &h, what, e))
		return false;
	if (!take_name(&h, entry->name))
		return refuse(t, what, "the name is empty or has other than visible ASCII characters", e);
	if (!take_octal(h.size, 11, &size) || h.size[11] != '\0')
		return refuse(t, what, "the size is not 11 octal digits", e);
	if (padded(size) > left - VL_USTAR_BLOCK)
		return refuse(t, what, "the entry is longer than the parcel", e);
	entry->data = vl_bytes(block + VL_USTAR_BLOCK, (size_t)size);
	if (!all_zero(entry->data.data + size, (size_t)(padded(size) - size)))
		return refuse(t, what, "the padding behind the entry is not empty", e);
	t->at += VL_USTAR_BLOCK + (size_t)padded(size);
	return true;
}
