/* SPDX-License-Identifier: Apache-2.0 */
/* tests/fuzz/serve_fuzz.c: a request's target, query, Host and Range. Whatever comes, there is a reply: a registry's is
 * JSON, nothing in a header ends its line, a range lies within its blob, and no foreign byte is markup. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "serve/core_priv.h"

#define SIZE 1000
#define ZEROS "00000000000000000000000000000000000000000000000000000000000000"

/* ---- a hall without a store ---- */

static const struct vl_digest one = { { 1 } }, two = { { 2 } };

static void fill(struct vl_hall *h)
{
	static char path[] = "files/docs/a <b>.txt", other[] = "osv/Rocky Linux/all.zip";
	static char name[] = "lab/app", tag[] = "1";
	static char media_type[] = VL_MT_MANIFEST, problem[] = "a <problem>";
	static char *problems[] = { problem };
	static struct vl_hall_file file[2];
	static struct vl_offer offer[1];
	static struct vl_hub_blob blob[2];
	static struct vl_channel channel[1] = { { .name = "prod", .sequence = 42, .created = 1 } };
	static struct vl_hub hub;

	file[0] = (struct vl_hall_file){ .path = path, .digest = one, .size = SIZE };
	file[1] = (struct vl_hall_file){ .path = other, .digest = two, .size = SIZE };
	offer[0] = (struct vl_offer){ .channel = "prod", .item = "lab", .type = "image", .repository = name,
					.tag = tag };
	offer[0].desc.media_type = media_type;
	offer[0].desc.digest = one;
	offer[0].desc.size = SIZE;
	blob[0] = (struct vl_hub_blob){ .digest = one, .size = SIZE, .is_doc = true, .media_type = VL_MT_MANIFEST };
	blob[1] = (struct vl_hub_blob){ .digest = two, .size = SIZE, .media_type = "" };
	hub = (struct vl_hub){ .offer = offer, .n_offer = 1, .blob = blob, .n_blob = 2, .problem = problems,
				.n_problem = 1 };
	hub.generation = (struct vl_generation){ .number = 1, .channel = channel, .n = 1 };
	*h = (struct vl_hall){ .hub = &hub, .file = file, .n_file = 2 };
}

/* ---- what must hold ---- */

static void must(bool good)
{
	if (!good)
		abort();
}

static void check_header(const char *value)
{
	for (; value && *value; value++)
		must((unsigned char)*value >= 0x20 && *value != 0x7f);
}

static void check_reply(const struct vl_reply *r, bool registry)
{
	VL_AUTO(vl_json) json = NULL;
	struct vl_err e;

	must(r->status == 200 || r->status == 301 || r->status == 400 || r->status == 404);
	must(r->type != NULL);
	check_header(r->location);
	check_header(r->link);
	must((r->status == 301) == (r->location != NULL));
	must(!r->location || r->location[0] == '/');
	if (r->is_blob)
		must(r->size == SIZE && !r->body.len && r->status == 200 && strncmp(r->type, "text/html", 9) != 0);
	else if (registry)
		must(vl_json_parse(&json, vl_buf_bytes(&r->body), VL_JSON_OCI, "reply", VL_E_FORMAT, &e));
	else
		must(!strstr(vl_buf_str(&r->body), "<script") && !strstr(vl_buf_str(&r->body), "<problem"));
}

static void check_range(const char *range)
{
	struct vl_span s;

	vl_span_parse(range, SIZE, &s);
	must(s.kind == VL_SPAN_NONE || (s.len && s.from < SIZE && s.len <= SIZE - s.from));
	must(s.kind != VL_SPAN_WHOLE || s.len == SIZE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	VL_STR text = vl_xstrndup((const char *)data, size);
	char *rest = text, *target = strsep(&rest, "\n"), *host = strsep(&rest, "\n"), *query;
	char n[1024], last[1024], type[1024];
	struct vl_counters counters = { 0 };
	struct vl_ask a = { .path = target, .host = host, .now = 1795248000 };
	VL_CLEAN(vl_reply) r = { 0 };
	bool has[3] = { false };
	struct vl_hall h;

	if (rest)
		check_range(rest);
	if (strlen(target) > VL_URL_MAX || !vl_target_split(target, &query) ||
	    !vl_query_get(query, "n", n, sizeof n, &has[0]) ||
	    !vl_query_get(query, "last", last, sizeof last, &has[1]) ||
	    !vl_query_get(query, "artifactType", type, sizeof type, &has[2]))
		return 0;
	a.n = has[0] ? n : NULL;
	a.last = has[1] ? last : NULL;
	a.artifact_type = has[2] ? type : NULL;
	fill(&h);
	vl_route(&h, &counters, &a, &r);
	check_reply(&r, !strncmp(target, "/v2", 3) && (!target[3] || target[3] == '/'));
	return 0;
}

void fuzz_seeds(void (*add)(const void *data, size_t size))
{
	static const char *const seeds[] = {
		"/v2/lab/app/manifests/1\nhub:5000\nbytes=0-9",
		"/v2/lab/app/blobs/sha256:02" ZEROS "\n[::1]:1\nbytes=5-",
		"/v2/lab/app/tags/list?n=1&last=0\n\nbytes=-3", "/v2/_catalog?n=0\nhub",
		"/files/docs/a%20%3Cb%3E.txt\nhub",
		"/files/docs/?last=a%2520\nhub", "/osv/Rocky%20Linux\nhub", "/osv/ecosystems.txt",
		"/v2/lab/app/referrers/sha256:01" ZEROS "?artifactType=a%2Bb",
		"/\nhub\"><script>", "/metrics", "/files/../..%2fetc/passwd", "\n\nbytes=18446744073709551616-0",
	};

	for (size_t i = 0; i < VL_LEN(seeds); i++)
		add(seeds[i], strlen(seeds[i]));
}
