/* SPDX-License-Identifier: Apache-2.0 */
/* sources/checksum.c: read the checksum files that upstreams publish beside their files.
 * In:  text: a digest alone, lines of "<hex>  name" or "<hex> *name" (md5sum, sha256sum), or (BSD)
 *      "SHA256 (name) = <hex>".
 * Out: the algorithm, told by the length, and the digest in lower case. */
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "sources/work.h"

static const char *algorithm_of(size_t hex_len)
{
	static const struct {
		size_t len;
		const char *name;
	} known[] = { { 64, "sha256" }, { 128, "sha512" }, { 40, "sha1" }, { 32, "md5" } };

	for (size_t i = 0; i < VL_LEN(known); i++)
		if (known[i].len == hex_len)
			return known[i].name;
	return NULL;
}

static bool take_hex(const char *s, size_t len, const char **algorithm, char hex[static 129])
{
	*algorithm = len <= 128 ? algorithm_of(len) : NULL;
	if (!*algorithm)
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = s[i];

		hex[i] = (char)(c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c);
	}
	hex[len] = '\0';
	return strspn(hex, "0123456789abcdef") == len;
}

/* Behind the last slash: checksum files name paths of the machine they were made on. */
static bool is_name(const char *s, size_t len, const char *name)
{
	const char *slash = memrchr(s, '/', len);

	if (slash) {
		len -= (size_t)(slash + 1 - s);
		s = slash + 1;
	}
	return strlen(name) == len && !memcmp(s, name, len);
}

/* One line without its end. *alone: a digest and nothing else. */
static bool read_line(const char *s, size_t len, const char *name, bool *alone, const char **algorithm,
		      char hex[static 129])
{
	size_t digits = 0, at;
	const char *open = memmem(s, len, " (", 2), *close = memmem(s, len, ") = ", 4);

	if (open && close && close > open)
		return is_name(open + 2, (size_t)(close - open - 2), name) &&
		       take_hex(close + 4, len - (size_t)(close + 4 - s), algorithm, hex);
	while (digits < len && strchr("0123456789abcdefABCDEF", s[digits]))
		digits++;
	for (at = digits; at < len && (s[at] == ' ' || s[at] == '\t' || s[at] == '*'); at++)
		;
	*alone = at == len;
	return (*alone || (at > digits && is_name(s + at, len - at, name))) && take_hex(s, digits, algorithm, hex);
}

bool vl_checksum_find(const char *text, const char *name, const char **algorithm, char hex[static 129],
		      struct vl_err *e)
{
	VL_STR shown = vl_safe_text(name, 120);
	bool bare = false, found = false;
	size_t lines = 0;
	char first[129];
	const char *first_algorithm = NULL;

	while (*text) {
		size_t all = strcspn(text, "\n"), len = all;
		bool alone = false, good;

		while (len && (text[len - 1] == '\r' || text[len - 1] == ' ' || text[len - 1] == '\t'))
			len--;
		good = len && read_line(text, len, name, &alone, algorithm, hex);
		if (good && !alone)
			return true;
		if (good && !found) {
			memcpy(first, hex, sizeof first);
			first_algorithm = *algorithm;
			found = bare = true;
		}
		lines += len != 0 && text[0] != '#';
		text += all + (text[all] == '\n');
	}
	/* A digest without a name can only be meant for this file when it is alone. */
	if (!bare || lines != 1)
		return vl_fail(e, VL_E_CONTENT, "the checksum file has no digest for %s", shown);
	memcpy(hex, first, sizeof first);
	*algorithm = first_algorithm;
	return true;
}
