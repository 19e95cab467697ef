/* SPDX-License-Identifier: Apache-2.0 */
/* crypt/sign.c: signature files in minisign's form.
 * In:    the text of a .minisig file; or a key and a message.
 * Out:   its parts and the verdict; or the text of a new one.
 * Keeps: one signature has one accepted spelling of everything that is signed; only the prehashed algorithm exists. */
#include <sodium.h>

#include "crypt/lines.h"
#include "crypt/seckey.h"

#define SIG_LEN 74 /* algorithm 2, key id 8, signature 64 */
#define GLOBAL_LEN 64
#define UNTRUSTED_MAX 900 /* ours stay far below what minisign's line buffers hold */
#define TRUSTED_MAX 4000

static bool malformed(const char *what, const char *why, struct vl_err *e)
{
	vl_fail(e, VL_E_SIG_FORM, "%s is not a well-formed signature: %s", what, why);
	return vl_found(e, what, NULL, NULL);
}

/* Control characters in a comment could forge lines of a log or move the cursor of whoever reads it. */
static bool has_control(struct vl_bytes b, bool allow_tab, bool allow_high)
{
	for (size_t i = 0; i < b.len; i++) {
		uint8_t c = b.data[i];

		if ((c < 0x20 && !(c == '\t' && allow_tab)) || c == 0x7f || (c >= 0x80 && !allow_high))
			return true;
	}
	return false;
}

static bool take_untrusted(struct vl_bytes *rest, const char *what, struct vl_err *e)
{
	struct vl_bytes line;

	if (!rest->len)
		return malformed(what, "it is empty", e);
	if (!vl_line_take(rest, &line))
		return malformed(what, "its first line has no end", e);
	if (!vl_prefix_take(&line, VL_COMMENT_PREFIX))
		return malformed(what, "the first line should begin with \"" VL_COMMENT_PREFIX "\"", e);
	if (line.len + strlen(VL_COMMENT_PREFIX) > VL_COMMENT_LINE_MAX)
		return malformed(what, "the first line is longer than 1023 bytes", e);
	/* Nobody prints this line, but CR LF endings would say that the file was changed on its way. */
	if (has_control(line, true, true))
		return malformed(what, "there is a control character (perhaps CR) in the first line", e);
	return true;
}

static bool take_signature(struct vl_minisig *out, struct vl_bytes *rest, const char *what, struct vl_err *e)
{
	uint8_t raw[SIG_LEN];
	struct vl_bytes line;

	if (!vl_line_take(rest, &line))
		return malformed(what, "the second line is missing or has no end", e);
	if (!vl_base64_exact(line, raw, sizeof raw))
		return malformed(what, "the second line is not base64 of 74 bytes", e);
	if (raw[0] == 'E' && raw[1] == 'd') {
		/* The two algorithm bytes are not signed: "ED" of a file is also a valid "Ed" of its 64-byte digest. */
		vl_fail(e, VL_E_SIG_LEGACY, "%s: a legacy signature (algorithm Ed) is refused", what);
		return vl_found(e, what, "Ed", "ED");
	}
	if (raw[0] != 'E' || raw[1] != 'D')
		return malformed(what, "the signature algorithm is not known", e);
	memcpy(out->keyid, raw + 2, sizeof out->keyid);
	memcpy(out->sig, raw + 10, sizeof out->sig);
	return true;
}

static bool take_trusted(struct vl_minisig *out, struct vl_bytes *rest, bool allow_tab, const char *what,
			 struct vl_err *e)
{
	struct vl_bytes line;

	if (!vl_line_take(rest, &line))
		return malformed(what, "the third line is missing or has no end", e);
	if (!vl_prefix_take(&line, VL_TRUSTED_PREFIX))
		return malformed(what, "the third line should begin with \"" VL_TRUSTED_PREFIX "\"", e);
	if (line.len >= sizeof out->comment)
		return malformed(what, "the trusted comment is too long", e);
	if (has_control(line, allow_tab, false)) {
		malformed(what, "the trusted comment has characters other than printable ASCII", e);
		return allow_tab ? false
				 : vl_hint(e, "Copy this file again; if minisign made it, sign again and give the "
					      "first signature's trusted comment with -t.");
	}
	memcpy(out->comment, line.data, line.len);
	out->comment[line.len] = '\0';
	return true;
}

bool vl_minisig_parse(struct vl_minisig *out, struct vl_bytes text, bool allow_tab, const char *what, struct vl_err *e)
{
	struct vl_bytes rest = text, line;

	if (text.len > VL_MINISIG_MAX)
		return malformed(what, "it is longer than 16384 bytes", e);
	if (!take_untrusted(&rest, what, e) || !take_signature(out, &rest, what, e) ||
	    !take_trusted(out, &rest, allow_tab, what, e))
		return false;
	if (!vl_line_take(&rest, &line))
		return malformed(what, "the fourth line is missing or has no end", e);
	if (!vl_base64_exact(line, out->global, sizeof out->global))
		return malformed(what, "the fourth line is not base64 of 64 bytes", e);
	if (rest.len)
		return malformed(what, "there is something behind the fourth line", e);
	return true;
}

/* The global signature covers the signature and the comment's text; returns the length of what is signed. */
static size_t global_message(uint8_t *out, const uint8_t sig[static 64], const char *comment)
{
	size_t len = strlen(comment);

	memcpy(out, sig, 64);
	memcpy(out + 64, comment, len);
	return 64 + len;
}

bool vl_minisig_verify(const struct vl_minisig *s, const struct vl_pubkey *k, const struct vl_blake2b *prehash)
{
	uint8_t message[64 + sizeof s->comment];
	size_t len = global_message(message, s->sig, s->comment);

	if (sodium_init() < 0)
		return false;
	return !crypto_sign_verify_detached(s->sig, prehash->b, sizeof prehash->b, k->key) &&
	       !crypto_sign_verify_detached(s->global, message, len, k->key);
}

static bool comment_is_fit(const char *comment, size_t max)
{
	return strlen(comment) <= max && !has_control(vl_bytes_str(comment), false, false);
}

bool vl_minisig_sign(const struct vl_seckey *k, struct vl_bytes message, const char *untrusted, const char *trusted,
		     struct vl_buf *out, struct vl_err *e)
{
	uint8_t raw[SIG_LEN] = { 'E', 'D' }, global[GLOBAL_LEN], signed_too[64 + TRUSTED_MAX];
	char raw64[VL_BASE64_LEN(SIG_LEN) + 1], global64[VL_BASE64_LEN(GLOBAL_LEN) + 1];
	struct vl_blake2b prehash;
	size_t len;

	if (!comment_is_fit(untrusted, UNTRUSTED_MAX) || !comment_is_fit(trusted, TRUSTED_MAX))
		return vl_fail(e, VL_E_USAGE, "a comment to sign is too long or has other than printable ASCII in it");
	if (sodium_init() < 0)
		return vl_fail(e, VL_E_INTERNAL, "libsodium does not start");
	vl_blake2b_of(message, &prehash);
	memcpy(raw + 2, k->id, sizeof k->id);
	crypto_sign_detached(raw + 10, NULL, prehash.b, sizeof prehash.b, k->key);
	len = global_message(signed_too, raw + 10, trusted);
	crypto_sign_detached(global, NULL, signed_too, len, k->key);
	sodium_bin2base64(raw64, sizeof raw64, raw, sizeof raw, sodium_base64_VARIANT_ORIGINAL);
	sodium_bin2base64(global64, sizeof global64, global, sizeof global, sodium_base64_VARIANT_ORIGINAL);
	return vl_buf_addf(out, e, VL_COMMENT_PREFIX "%s\n%s\n" VL_TRUSTED_PREFIX "%s\n%s\n", untrusted, raw64, trusted,
			   global64);
}
