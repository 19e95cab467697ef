/* SPDX-License-Identifier: Apache-2.0 */
/* crypt/pubkey.c: public keys in minisign's form.
 * In:    a .pub file, its text, or its base64 line alone.
 * Out:   a key and the id that labels it.
 * Keeps: a key is its 32 bytes; the id says nothing about who may sign. */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/text.h"
#include "crypt/lines.h"
#include "crypt/minisign.h"

#define FILE_MAX 4096
#define PUBLIC_LEN 42  /* "Ed", id 8, key 32 */
#define SECRET_LEN 158 /* of a secret key file: recognised to give better advice */

const char *vl_keyid_text(const uint8_t id[static 8], char out[static VL_KEYID_TEXT])
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < 8; i++) {
		out[2 * i] = digits[id[7 - i] >> 4];
		out[2 * i + 1] = digits[id[7 - i] & 15];
	}
	out[16] = '\0';
	return out;
}

bool vl_pubkey_equal(const struct vl_pubkey *a, const struct vl_pubkey *b)
{
	return !memcmp(a->key, b->key, sizeof a->key);
}

/* Line ends of another system do no harm in a public key: mail and editors put them there. */
static struct vl_bytes without_line_end(struct vl_bytes b)
{
	while (b.len && (b.data[b.len - 1] == '\n' || b.data[b.len - 1] == '\r'))
		b.len--;
	return b;
}

static bool decode_public(struct vl_pubkey *out, struct vl_bytes line, const char *what, struct vl_err *e)
{
	uint8_t raw[PUBLIC_LEN];

	if (line.len == VL_BASE64_LEN(SECRET_LEN)) {
		vl_fail(e, VL_E_KEYFILE, "%s is a secret key, not a public one", what);
		return vl_hint(e, "Give the file that ends in .pub.");
	}
	if (!vl_base64_exact(line, raw, sizeof raw)) {
		vl_fail(e, VL_E_KEYFILE, "%s is not a minisign public key: expected one line of %d base64 characters",
			what, VL_BASE64_LEN(PUBLIC_LEN));
		return vl_hint(e, "Copy the whole .pub file again.");
	}
	if (raw[0] != 'E' || raw[1] != 'd') {
		vl_fail(e, VL_E_KEYFILE, "%s is a key of an unknown kind, not Ed25519", what);
		return vl_hint(e, "Make a key with valise keygen or minisign -G.");
	}
	memcpy(out->id, raw + 2, sizeof out->id);
	memcpy(out->key, raw + 10, sizeof out->key);
	return true;
}

bool vl_pubkey_parse(struct vl_pubkey *out, struct vl_bytes text, const char *what, struct vl_err *e)
{
	struct vl_bytes rest = without_line_end(text), first;

	if (vl_line_take(&rest, &first) && !vl_prefix_take(&first, VL_COMMENT_PREFIX)) {
		vl_fail(e, VL_E_KEYFILE, "%s is not a minisign public key: its first line should begin with \"%s\"",
			what, VL_COMMENT_PREFIX);
		return vl_hint(e, "Give a .pub file, or its second line alone.");
	}
	return decode_public(out, rest, what, e);
}

bool vl_pubkey_load(struct vl_pubkey *out, const char *path, struct vl_err *e)
{
	/* O_NONBLOCK: opening a FIFO must not wait for a writer. */
	VL_FD fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	VL_STR shown = vl_safe_text(path, 300);
	uint8_t text[FILE_MAX + 1];
	struct stat st;
	size_t got;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return vl_fail(e, VL_E_ABSENT, "there is no public key file %s", shown);
	if (fd < 0 || fstat(fd, &st))
		return vl_fail_os(e, "public key %s", shown);
	if (!S_ISREG(st.st_mode)) {
		vl_fail(e, VL_E_KEYFILE, "public key %s is not a regular file", shown);
		return vl_hint(e, "Give a .pub file.");
	}
	if (!vl_read_full(fd, text, sizeof text, &got, e))
		return vl_while(e, "public key %s", shown);
	if (got > FILE_MAX) {
		vl_fail(e, VL_E_KEYFILE, "%s is longer than %d bytes, so it is not a public key", shown, FILE_MAX);
		return vl_hint(e, "Give a .pub file.");
	}
	return vl_pubkey_parse(out, vl_bytes(text, got), shown, e);
}

void vl_pubkey_base64(const struct vl_pubkey *k, char out[static 57])
{
	uint8_t raw[PUBLIC_LEN] = { 'E', 'd' };

	memcpy(raw + 2, k->id, sizeof k->id);
	memcpy(raw + 10, k->key, sizeof k->key);
	sodium_bin2base64(out, 57, raw, sizeof raw, sodium_base64_VARIANT_ORIGINAL);
}

bool vl_pubkey_format(const struct vl_pubkey *k, struct vl_buf *out, struct vl_err *e)
{
	char id[VL_KEYID_TEXT], base64[57];

	vl_pubkey_base64(k, base64);
	return vl_buf_addf(out, e, VL_COMMENT_PREFIX "minisign public key %s\n%s\n", vl_keyid_text(k->id, id), base64);
}
