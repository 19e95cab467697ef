/* SPDX-License-Identifier: Apache-2.0 */
/* bundle/waybill.c: what is accepted, what is refused and how, and that writing is the reverse of reading. */
#include "bundle/bundle.h"

#include <inttypes.h>

#include "tests/lib/tap.h"

#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B64 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define C64 "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
#define FIRST "{\"format\":\"valise-bundle-1\","
#define CHANNEL "\"channel\":\"prod\","
#define NUMBERS "\"epoch\":1,\"sequence\":42,"
#define CREATED "\"created\":\"2026-11-21T08:00:00Z\","
#define EXPIRES "\"expires\":\"2026-12-05T08:00:00Z\","
#define BASE "\"base\":null,"
#define ROOT "\"root\":{\"digest\":\"sha256:" A64 "\",\"size\":700},"
#define TOTALS "\"totals\":{\"items\":2,\"blobs\":9,\"bytes\":4096},"
#define PARCEL_1 "{\"kind\":\"tar.zst\",\"size\":300,\"sha256\":\"" B64 "\",\"raw\":5120}"
#define PARCEL_2 "{\"kind\":\"tar.zst\",\"size\":301,\"sha256\":\"" C64 "\",\"raw\":1536}"
#define PARCELS "\"parcels\":[" PARCEL_1 "," PARCEL_2 "],"
#define TOOL "\"tool\":\"valise 0.1.0\"}\n"
#define ITS_PARCELS TOTALS PARCELS TOOL
#define ITS_CONTENT ROOT TOTALS PARCELS TOOL
#define REST CREATED EXPIRES BASE ROOT TOTALS PARCELS TOOL
#define HEAD FIRST CHANNEL NUMBERS CREATED EXPIRES
#define UP_TO_TOTALS HEAD BASE ROOT TOTALS
#define GOOD UP_TO_TOTALS PARCELS TOOL

#define MANY "9007199254740991" /* 2^53 - 1 */

static const struct {
	const char *name, *text;
	enum vl_code code; /* VL_OK: accepted */
} texts[] = {
	{ "as it should be", GOOD, VL_OK },
	{ "without the last line feed", UP_TO_TOTALS PARCELS "\"tool\":\"t\"}", VL_OK },
	{ "blanks and another order", "{ \"format\" : \"valise-bundle-1\" , " PARCELS TOTALS ROOT BASE EXPIRES CREATED
	  NUMBERS CHANNEL TOOL, VL_OK },
	{ "x- key at the top", HEAD "\"x-note\":{\"a\":[1]}," BASE ITS_CONTENT, VL_OK },
	{ "x- key in totals", HEAD BASE ROOT "\"totals\":{\"items\":2,\"blobs\":9,\"bytes\":4096,\"x-a\":1}," PARCELS
	  TOOL, VL_OK },
	{ "sequence 2^53 - 1", FIRST CHANNEL "\"epoch\":1,\"sequence\":" MANY "," REST, VL_OK },
	/* the format and the shape */
	{ "empty", "", VL_E_FORMAT },
	{ "an array", "[]\n", VL_E_FORMAT },
	{ "an empty object", "{}\n", VL_E_FORMAT },
	{ "newer format", "{\"format\":\"valise-bundle-2\"," CHANNEL TOOL, VL_E_NEWER },
	{ "format not first", "{" CHANNEL "\"format\":\"valise-bundle-1\"," NUMBERS REST, VL_E_FORMAT },
	{ "format not a string", "{\"format\":1," CHANNEL NUMBERS REST, VL_E_FORMAT },
	{ "T50 unknown key at the top", HEAD "\"note\":1," BASE ITS_CONTENT, VL_E_FORMAT },
	{ "unknown key in root", HEAD BASE "\"root\":{\"digest\":\"sha256:" A64 "\",\"size\":700,\"a\":1},"
	  ITS_PARCELS, VL_E_FORMAT },
	{ "unknown key in a parcel", UP_TO_TOTALS "\"parcels\":[{\"kind\":\"tar.zst\",\"size\":300,\"sha256\":\"" B64
	  "\",\"raw\":5120,\"name\":\"a\"}]," TOOL, VL_E_FORMAT },
	/* T49: the JSON itself */
	{ "T49 duplicate key", HEAD "\"base\":null," BASE ITS_CONTENT, VL_E_FORMAT },
	{ "T49 depth 9", HEAD "\"x-a\":[[[[[[[[1]]]]]]]]," BASE ITS_CONTENT, VL_E_FORMAT },
	{ "T49 1e400", FIRST CHANNEL "\"epoch\":1,\"sequence\":1e400," REST, VL_E_FORMAT },
	{ "T49 -0", FIRST CHANNEL "\"epoch\":1,\"sequence\":-0," REST, VL_E_FORMAT },
	{ "T49 1.0", FIRST CHANNEL "\"epoch\":1,\"sequence\":1.0," REST, VL_E_FORMAT },
	{ "T49 2^53", FIRST CHANNEL "\"epoch\":1,\"sequence\":9007199254740992," REST, VL_E_FORMAT },
	{ "T49 leading zero", FIRST CHANNEL "\"epoch\":1,\"sequence\":042," REST, VL_E_FORMAT },
	{ "T49 byte order mark", "\xef\xbb\xbf" GOOD, VL_E_FORMAT },
	{ "T49 invalid UTF-8", HEAD "\"x-a\":\"\xff\"," BASE ITS_CONTENT, VL_E_FORMAT },
	{ "T49 lone surrogate", HEAD "\"x-a\":\"\\ud800\"," BASE ITS_CONTENT, VL_E_FORMAT },
	{ "T49 U+0000", HEAD "\"x-a\":\"\\u0000\"," BASE ITS_CONTENT, VL_E_FORMAT },
	{ "T49 trailing comma", UP_TO_TOTALS "\"parcels\":[" PARCEL_1 ",]," TOOL, VL_E_FORMAT },
	{ "T49 trailing bytes", GOOD "x", VL_E_FORMAT },
	{ "T49 two line feeds", GOOD "\n", VL_E_FORMAT },
	/* members */
	{ "no channel", FIRST NUMBERS REST, VL_E_FORMAT },
	{ "channel ..", FIRST "\"channel\":\"..\"," NUMBERS REST, VL_E_FORMAT },
	{ "channel a/b", FIRST "\"channel\":\"a/b\"," NUMBERS REST, VL_E_FORMAT },
	{ "sequence 0", FIRST CHANNEL "\"epoch\":1,\"sequence\":0," REST, VL_E_FORMAT },
	{ "sequence a string", FIRST CHANNEL "\"epoch\":1,\"sequence\":\"1\"," REST, VL_E_FORMAT },
	{ "epoch 0", FIRST CHANNEL "\"epoch\":0,\"sequence\":1," REST, VL_E_FORMAT },
	{ "created without Z", FIRST CHANNEL NUMBERS "\"created\":\"2026-11-21T08:00:00\"," EXPIRES BASE ITS_CONTENT,
	  VL_E_FORMAT },
	{ "expires when created", FIRST CHANNEL NUMBERS CREATED "\"expires\":\"2026-11-21T08:00:00Z\"," BASE
	  ITS_CONTENT, VL_E_FORMAT },
	{ "no base", HEAD ITS_CONTENT, VL_E_FORMAT },
	{ "a base: a delta", HEAD "\"base\":{\"sequence\":41,\"root\":\"sha256:" B64 "\"}," ITS_CONTENT, VL_E_NEWER },
	{ "a base that is not before", HEAD "\"base\":{\"sequence\":42,\"root\":\"sha256:" B64 "\"}," ITS_CONTENT,
	  VL_E_FORMAT },
	{ "root without algorithm", HEAD BASE "\"root\":{\"digest\":\"" A64 "\",\"size\":700}," ITS_PARCELS,
	  VL_E_FORMAT },
	{ "root in upper case", HEAD BASE "\"root\":{\"digest\":\"sha256:A" "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\",\"size\":700}," ITS_PARCELS, VL_E_FORMAT },
	{ "root of 4 MiB and 1", HEAD BASE "\"root\":{\"digest\":\"sha256:" A64 "\",\"size\":4194305}," ITS_PARCELS,
	  VL_E_LIMIT },
	{ "1000001 blobs", HEAD BASE ROOT "\"totals\":{\"items\":2,\"blobs\":1000001,\"bytes\":4096}," PARCELS TOOL,
	  VL_E_LIMIT },
	{ "more than 2 TiB", HEAD BASE ROOT "\"totals\":{\"items\":2,\"blobs\":9,\"bytes\":2199023255553}," PARCELS
	  TOOL, VL_E_LIMIT },
	{ "tool with a control character", UP_TO_TOTALS PARCELS "\"tool\":\"a\\u0007\"}\n", VL_E_FORMAT },
	{ "tool beyond ASCII", UP_TO_TOTALS PARCELS "\"tool\":\"valis\xc3\xa9\"}\n", VL_E_FORMAT },
	{ "tool empty", UP_TO_TOTALS PARCELS "\"tool\":\"\"}\n", VL_E_FORMAT },
	{ "no tool", UP_TO_TOTALS "\"parcels\":[" PARCEL_1 "]}\n", VL_E_FORMAT },
	/* parcels */
	{ "no parcel", UP_TO_TOTALS "\"parcels\":[]," TOOL, VL_E_FORMAT },
	{ "parcels an object", UP_TO_TOTALS "\"parcels\":{}," TOOL, VL_E_FORMAT },
	{ "a parcel that is a number", UP_TO_TOTALS "\"parcels\":[1]," TOOL, VL_E_FORMAT },
	{ "T29 a parcel twice", UP_TO_TOTALS "\"parcels\":[" PARCEL_1 "," PARCEL_2 "," PARCEL_1 "]," TOOL, VL_E_FORMAT
	  },
	{ "kind delta.tar", UP_TO_TOTALS "\"parcels\":[{\"kind\":\"delta.tar\",\"size\":300,\"sha256\":\"" B64
	  "\",\"raw\":5120}]," TOOL, VL_E_NEWER },
	{ "encrypted", UP_TO_TOTALS "\"parcels\":[{\"kind\":\"tar.zst\",\"size\":300,\"sha256\":\"" B64
	  "\",\"raw\":5120,\"enc\":{}}]," TOOL, VL_E_NEWER },
	{ "kind tar", UP_TO_TOTALS "\"parcels\":[{\"kind\":\"tar\",\"size\":300,\"sha256\":\"" B64
	  "\",\"raw\":5120}]," TOOL, VL_E_FORMAT },
	{ "size 0", UP_TO_TOTALS "\"parcels\":[{\"kind\":\"tar.zst\",\"size\":0,\"sha256\":\"" B64
	  "\",\"raw\":5120}]," TOOL, VL_E_FORMAT },
	{ "hash of 63 digits", UP_TO_TOTALS "\"parcels\":[{\"kind\":\"tar.zst\",\"size\":300,\"sha256\":\""
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\",\"raw\":5120}]," TOOL, VL_E_FORMAT },
	{ "raw of two blocks", UP_TO_TOTALS "\"parcels\":[{\"kind\":\"tar.zst\",\"size\":300,\"sha256\":\"" B64
	  "\",\"raw\":1024}]," TOOL, VL_E_FORMAT },
	{ "raw not in blocks", UP_TO_TOTALS "\"parcels\":[{\"kind\":\"tar.zst\",\"size\":300,\"sha256\":\"" B64
	  "\",\"raw\":5121}]," TOOL, VL_E_FORMAT },
	{ "raw above 64 MiB", UP_TO_TOTALS "\"parcels\":[{\"kind\":\"tar.zst\",\"size\":300,\"sha256\":\"" B64
	  "\",\"raw\":67109376}]," TOOL, VL_E_LIMIT },
	{ "size above 66 MiB", UP_TO_TOTALS "\"parcels\":[{\"kind\":\"tar.zst\",\"size\":69206017,\"sha256\":\"" B64
	  "\",\"raw\":5120}]," TOOL, VL_E_LIMIT },
};

static bool parse(struct vl_waybill **w, const char *text, size_t len, struct vl_err *e)
{
	static struct vl_signed s;

	vl_signed_unverified(&s, vl_bytes(text, len));
	return vl_waybill_parse(w, &s, e);
}

static void test_texts(void)
{
	for (size_t i = 0; i < VL_LEN(texts); i++) {
		VL_AUTO(vl_waybill) w = NULL;
		struct vl_err e = VL_ERR_INIT;
		bool good = parse(&w, texts[i].text, strlen(texts[i].text), &e);

		if (!tap_ok(good ? texts[i].code == VL_OK : texts[i].code == e.code, "waybill: %s", texts[i].name))
			printf("# %s E%04d: %s\n", good ? "accepted" : "refused with", (int)e.code, e.msg);
		if (!good)
			tap_ok(w == NULL && *e.msg, "waybill: %s: \"%s\"", texts[i].name, e.msg);
	}
}

/* Sizes that sum past 2^64 cannot be had within the limits of one parcel: the sum is looked at first. */
static void test_sum(void)
{
	VL_CLEAN(vl_buf) text = VL_BUF_INIT(VL_WAYBILL_MAX);
	VL_AUTO(vl_waybill) w = NULL;
	struct vl_err e = VL_ERR_INIT;
	bool good = vl_buf_add(&text, vl_bytes_str(UP_TO_TOTALS "\"parcels\":["), &e);

	for (unsigned i = 0; good && i < 2100; i++)
		good = vl_buf_addf(&text, &e, "%s{\"kind\":\"tar.zst\",\"size\":" MANY
				",\"sha256\":\"%064x\",\"raw\":5120}",
				   i ? "," : "", i);
	good = good && vl_buf_add(&text, vl_bytes_str("]," TOOL), &e);
	tap_ok(good, "T29 2100 parcels of 2^53 - 1 bytes: the text is made");
	tap_fails(parse(&w, vl_buf_str(&text), text.len, &e), &e, VL_E_FORMAT, "T29 sizes that sum past 2^64");
	tap_ok(strstr(e.msg, "64 bits") != NULL, "T29 says that the sum does not fit: %s", e.msg);
}

static void test_too_many(void)
{
	VL_CLEAN(vl_buf) text = VL_BUF_INIT(VL_WAYBILL_MAX);
	VL_AUTO(vl_waybill) w = NULL;
	struct vl_err e = VL_ERR_INIT;
	bool good = vl_buf_add(&text, vl_bytes_str(UP_TO_TOTALS "\"parcels\":["), &e);

	for (unsigned i = 0; good && i <= VL_PARCELS_MAX; i++)
		good = vl_buf_addf(&text, &e, "%s{\"kind\":\"tar.zst\",\"size\":9,\"sha256\":\"%064x\",\"raw\":5120}",
				   i ? "," : "", i);
	good = good && vl_buf_add(&text, vl_bytes_str("]," TOOL), &e);
	tap_ok(good && !parse(&w, vl_buf_str(&text), text.len, &e), "32769 parcels are refused: %s", e.msg);
}

static void test_values(void)
{
	VL_CLEAN(vl_buf) again = VL_BUF_INIT(VL_WAYBILL_MAX);
	VL_AUTO(vl_waybill) w = NULL;
	struct vl_err e = VL_ERR_INIT;
	char hex[VL_DIGEST_HEX];

	tap_good(parse(&w, GOOD, strlen(GOOD), &e), &e, "parse the good one");
	if (!w)
		return;
	tap_str(w->channel, "prod", "channel");
	tap_is(w->epoch, 1, "epoch");
	tap_is(w->sequence, 42, "sequence");
	tap_is(w->expires - w->created, 14 * 86400, "validity");
	tap_str(vl_digest_hex(&w->root, hex), A64, "root");
	tap_is(w->root_size, 700, "size of the root");
	tap_is(w->items * 10000 + w->blobs * 1000, 29000, "items and blobs");
	tap_is(w->bytes, 4096, "bytes");
	tap_is(w->n, 2, "parcels");
	tap_is(w->parcel[1].size, 301, "size of parcel 2");
	tap_is(w->parcel[0].raw, 5120, "raw size of parcel 1");
	tap_str(vl_digest_hex(&w->parcel[1].sha256, hex), C64, "hash of parcel 2");
	tap_str(w->tool, "valise 0.1.0", "tool");
	tap_good(vl_waybill_format(w, &again, &e), &e, "write it again");
	tap_str(vl_buf_str(&again), GOOD, "the same bytes");
}

static void test_every_cut(void)
{
	size_t len = strlen(GOOD), refused = 0;

	for (size_t cut = 0; cut + 1 < len; cut++) {
		VL_AUTO(vl_waybill) w = NULL;
		struct vl_err e = VL_ERR_INIT;

		refused += !parse(&w, GOOD, cut, &e) && e.code == VL_E_FORMAT;
	}
	tap_is(refused, len - 1, "every cut of the text is refused");
}

static void test_names(void)
{
	struct vl_parcel_line line = { .kind = VL_PARCEL_TAR_ZST };
	char parcel[40], bundle[96];

	tap_str(vl_parcel_name(&line, 0, parcel), "parcels/000001.tar.zst", "name of the first parcel");
	tap_str(vl_parcel_name(&line, 32767, parcel), "parcels/032768.tar.zst", "name of the last parcel");
	vl_bundle_name("prod", 42, bundle);
	tap_str(bundle, "prod-000042", "name of a bundle");
	vl_bundle_name("prod", 12345678, bundle);
	tap_str(bundle, "prod-12345678", "name of a bundle with a long number");
}

static void test_comments(void)
{
	VL_AUTO(vl_waybill) w = NULL;
	static struct vl_signed s;
	struct vl_err e = VL_ERR_INIT;
	char want[513];

	vl_signed_unverified(&s, vl_bytes_str(GOOD));
	tap_good(vl_waybill_parse(&w, &s, &e), &e, "parse for comments");
	if (!w)
		return;
	vl_sha256_of(s.text, &s.sha256);
	vl_waybill_comment(w, &s.sha256, want);
	tap_ok(!strncmp(want, "valise-bundle-v1 channel=prod epoch=1 seq=42 sha256=", 52), "comment: %s", want);
	s.n_by = 2;
	memcpy(s.comment[0], want, sizeof want);
	memcpy(s.comment[1], want, sizeof want);
	tap_good(vl_waybill_comments_agree(w, &s, &e), &e, "two signers with the right comment");
	s.comment[1][strlen(want) - 1] ^= 1;
	tap_fails(vl_waybill_comments_agree(w, &s, &e), &e, VL_E_SIG_COMMENT, "the second signed another hash");
	s.comment[1][0] = '\0';
	tap_fails(vl_waybill_comments_agree(w, &s, &e), &e, VL_E_SIG_COMMENT, "the second signed no comment");
}

static void test_readme(void)
{
	VL_CLEAN(vl_buf) readme = VL_BUF_INIT(64 << 10);
	VL_CLEAN(vl_buf) hint = VL_BUF_INIT(4096);
	VL_CLEAN(vl_buf) sums = VL_BUF_INIT(4096);
	VL_AUTO(vl_waybill) w = NULL;
	struct vl_err e = VL_ERR_INIT;
	size_t column = 0, longest = 0, odd = 0;

	tap_good(parse(&w, GOOD, strlen(GOOD), &e), &e, "parse for texts");
	if (!w)
		return;
	memset(w->channel, 'c', 64);
	w->sequence = (UINT64_C(1) << 53) - 1;
	tap_good(vl_bundle_readme(w, &readme, &e), &e, "READ-ME.txt of the longest names");
	for (size_t i = 0; i < readme.len; i++) {
		odd += readme.data[i] != '\n' && (readme.data[i] < 0x20 || readme.data[i] > 0x7e);
		column = readme.data[i] == '\n' ? 0 : column + 1;
		longest = column > longest ? column : longest;
	}
	tap_ok(odd == 0 && longest <= 78, "READ-ME.txt is ASCII, longest line %zu", longest);
	tap_ok(strstr(vl_buf_str(&readme), "root=" A64 "\n") != NULL, "READ-ME.txt names the root");
	tap_good(vl_bundle_sums(w, 1, 5, &sums, &e), &e, "SHA256SUMS from the second parcel");
	tap_str(vl_buf_str(&sums), C64 "  parcels/000002.tar.zst\n", "SHA256SUMS");
	snprintf(w->channel, sizeof w->channel, "prod");
	w->sequence = 42;
	tap_good(vl_bundle_volume_hint(w, 1, 1, 1, 2, &hint, &e), &e, "volume.json");
	tap_str(vl_buf_str(&hint),
			"{\"format\":\"valise-volume-1\",\"label\":\"PROD-000042-1\",\"volume\":1,\"volumes\":1,"
				   "\"first\":1,\"last\":2}\n", "volume.json");
}

int main(void)
{
	test_texts();
	test_sum();
	test_too_many();
	test_values();
	test_every_cut();
	test_names();
	test_comments();
	test_readme();
	return tap_done();
}
