/* SPDX-License-Identifier: Apache-2.0 */
/* publish_test.c: a push to a registry that misbehaves: what is tried again, what ends it and in which words, and that
 * no tag ever points at something that is not there. */
#include "publish/publish.h"
#include "tests/lib/image_fixture.h"
#include "tests/lib/net_world.h"

#define NAMES 6 /* that the fixture publishes without being asked for items */

struct pushed {
	bool good;
	struct vl_err e;
	struct vl_publish_report r;
};

static struct vl_store *store;
static struct vl_hub *hub;

static struct pushed push_as(struct world *w, const char *prefix, const char *const *only, bool dry)
{
	struct pushed out = { .e = VL_ERR_INIT };
	VL_STR registry = vl_xprintf("127.0.0.1:%u%s", w->port, prefix);
	struct vl_publish_job job = { .store = store, .hub = hub, .registry = registry, .only = only, .dry_run = dry,
				      .env = &w->env };
	struct vl_net_conf fast = conf_fast();
	VL_AUTO(vl_net) net = NULL;

	out.good = vl_net_new(&net, &fast, &w->env, &out.e) && vl_publish(&job, net, &out.r, &out.e);
	return out;
}

static struct pushed push(struct world *w)
{
	return push_as(w, "", NULL, false);
}

static void begin(struct world *w, const char *setting)
{
	VL_STR all = vl_xprintf("push=1&%s", setting);

	set(w, NULL);
	set(w, all);
	log_clear(w);
}

/* Lines of the server's list of manifests that hold both. */
static unsigned audit(struct world *w, const char *a, const char *b)
{
	struct fetch f;
	char *save = NULL;
	unsigned n = 0;

	fetch_begin(w, &f);
	fetch_url(&f, "/_audit");
	if (!fetch_run(&f, NULL))
		printf("Bail out! no audit: %s\n", f.get.err.msg);
	for (char *line = f.get.body.data ? strtok_r((char *)f.get.body.data, "\n", &save) : NULL; line;
	     line = strtok_r(NULL, "\n", &save))
		n += strstr(line, a) && (!b || strstr(line, b));
	vl_request_clear(&f.get);
	return n;
}

/* ---- it works, over some trouble ---- */

static void test_good(struct world *w)
{
	static const char *const settings[] = {
		"x=1",             "location=relative", "location=query",   "location=other",  "put_fail=2",
		"put_fail=2&late=1", "put_fail=1&put_times=2&blob=1", "cut=1&blob=1",         "put_fail=1&doc=1",
		"put_fail=2&put_status=404&blob=1", "mount=202", "flaky=1&only=/blobs/uploads", "open=1", "noexpect=1",
		"move=307&blob=1", "here=1",           "mount=201",       "lax=1&mount=201",
	};

	for (size_t i = 0; i < VL_LEN(settings); i++) {
		struct pushed p;

		begin(w, settings[i]);
		p = push(w);
		tap_good(p.good, &p.e, "pushed with %s", settings[i]);
		tap_is(p.r.names_new, NAMES, "%s: all names are new", settings[i]);
		tap_is(audit(w, " missing ", NULL), 0, "%s: nothing is missing below any manifest", settings[i]);
		tap_is(audit(w, "tag ", ":"), 6, "%s: five tags and a list of what is attached", settings[i]);
	}
}

static void test_counts(struct world *w)
{
	struct pushed p;

	begin(w, "x=1");
	p = push(w);
	tap_is(p.r.names, NAMES, "six names");
	tap_is(p.r.blobs_sent, 11, "eleven blobs are sent");
	tap_is(p.r.blobs_mounted, 2, "the shared layer and the empty config are mounted");
	tap_is(p.r.fallback_tags, 1, "one list of what is attached");
	tap_is(logged(w, "\"PUT\"", "/blobs/uploads/"), 11, "so many uploads did the server see");
	tap_is(logged(w, "mount=", "\"status\": 201"), 2, "and mounts");
	tap_ok(logged(w, "\"token\"", "push&scope=") > 0, "a mount asks for both repositories in its token");
	log_clear(w);
	p = push(w);
	tap_good(p.good, &p.e, "again");
	tap_is(p.r.names_new + p.r.blobs_sent + p.r.blobs_mounted + p.r.fallback_tags, 0, "nothing is sent");
	tap_is(logged(w, "\"PUT\"", NULL) + logged(w, "\"POST\"", NULL), 0, "the server saw nothing either");
	tap_is(logged(w, "/manifests/", "\"status\": 200"), NAMES + 1, "one HEAD for a name, one for the list");
}

/* The registry that keeps the list itself is left alone. */
static void test_subject(struct world *w)
{
	struct pushed p;

	begin(w, "subject=1");
	p = push(w);
	tap_good(p.good, &p.e, "pushed to a registry with the referrers API");
	tap_is(p.r.fallback_tags, 0, "no list is put");
	tap_is(audit(w, "tag ", ":"), 5, "five tags, no more");
	p = push(w);
	tap_ok(p.good && p.r.fallback_tags == 0, "and none the second time");
}

/* Stopped between the manifest and its list: the next run finds out, though the manifest is there. */
static void test_lost_list(struct world *w)
{
	struct pushed p;

	begin(w, "put_fail=8&put_status=403&doc=1");
	p = push(w);
	tap_fails(p.good, &p.e, VL_E_REFUSED, "the list is refused");
	tap_ok(strstr(p.e.msg, "the list of what is attached") != NULL, "in these words: %s", p.e.msg);
	tap_str(p.e.state, "0 of 6 names are there", "and how far it came");
	tap_is(audit(w, "tag ", "semgrep"), 0, "so that there is no tag yet");
	p = push(w);
	tap_good(p.good, &p.e, "the next run");
	tap_is(p.r.blobs_sent + p.r.blobs_mounted, 0, "sends no blob");
	tap_is(p.r.fallback_tags, 1, "but the list");
}

static void drop(struct world *w, const char *name, const struct vl_digest *d)
{
	char oci[VL_DIGEST_OCI];
	VL_STR path = vl_xprintf("/_drop?name=%s&digest=%s", name, vl_digest_oci(d, oci));
	struct fetch f;

	fetch_begin(w, &f);
	fetch_url(&f, path);
	if (!fetch_run(&f, NULL))
		printf("Bail out! %s: %s\n", path, f.get.err.msg);
	vl_request_clear(&f.get);
}

/* Stopped before the tags; then somebody cleaned up what has no tag: the index is there, a child is not. */
static void test_lost_child(struct world *w, const struct fix_images *x)
{
	struct pushed p;

	begin(w, "lax=1&put_fail=9&put_times=99&put_status=403&doc=1");
	p = push(w);
	tap_ok(!p.good && !audit(w, "tag ", "semgrep:5"), "stopped before the tag");
	tap_is(audit(w, "digest security/semgrep@", NULL), 5, "with all manifests there");
	drop(w, "security/semgrep", &x->arm64.digest);
	set(w, "put_fail=0");
	p = push(w);
	tap_good(p.good, &p.e, "the next run");
	tap_is(audit(w, "tag security/semgrep:5", NULL), 1, "puts the tag");
	tap_is(audit(w, " missing ", NULL), 0, "and before it the child that was removed");
}

static void test_dry(struct world *w)
{
	struct pushed p;

	begin(w, "x=1");
	p = push_as(w, "", NULL, true);
	tap_good(p.good, &p.e, "a dry run");
	tap_is(p.r.blobs_sent, 11, "would send eleven blobs");
	tap_is(p.r.blobs_mounted, 2, "and mount two");
	tap_is(logged(w, "\"PUT\"", NULL) + logged(w, "\"POST\"", NULL), 0, "it sends nothing");
	tap_is(logged(w, "\"token\"", "push"), 0, "and wants a token for reading only");
}

/* ---- it does not ---- */

static void test_bad(struct world *w)
{
	static const struct {
		const char *setting;
		enum vl_code code;
		const char *says;
	} row[] = {
		{ "put_fail=1&put_times=99&blob=1", VL_E_NET, "500" },
		{ "cut=1&cut_times=99&blob=1", VL_E_NET, "blob sha256:" },
		{ "put_fail=1&put_times=99&put_status=403&blob=1", VL_E_REFUSED, "blob sha256:" },
		{ "put_fail=1&put_times=99&put_status=400&doc=1", VL_E_REFUSED, "manifest sha256:" },
		{ "readonly=405", VL_E_REFUSED, "does not take pushes" },
		{ "readonly=403", VL_E_REFUSED, "does not allow this push" },
		{ "limit_body=1500", VL_E_LIMIT, "larger than the registry" },
		{ "quota=1", VL_E_NET, "no space left" },
		{ "lose=1", VL_E_REFUSED, "lacks something that the manifest names" },
		{ "refuse=1", VL_E_REFUSED, "401" },
		{ "limit=429", VL_E_RATE, "too many requests" },
		{ "readonly_token=1", VL_E_REFUSED, "401" },
		{ "move=302&blob=1", VL_E_REDIRECT, "redirect of an upload" },
	};

	for (size_t i = 0; i < VL_LEN(row); i++) {
		struct pushed p;

		begin(w, row[i].setting);
		p = push(w);
		tap_fails(p.good, &p.e, row[i].code, "%s ends it", row[i].setting);
		if (!tap_ok(strstr(p.e.msg, row[i].says) != NULL, "%s: says \"%s\"", row[i].setting, row[i].says))
			printf("# said: %s\n", p.e.msg);
		tap_is(audit(w, " missing ", NULL), 0, "%s: nothing points at what is missing", row[i].setting);
	}
}

static void stop_soon(void *ctx, const struct vl_event *ev)
{
	struct world *w = ctx;

	if (ev->kind == VL_EV_PROGRESS)
		w->stop = SIGINT;
}

/* With requests under way: none of them may be left behind. */
static void test_interrupted(struct world *w)
{
	void (*emit)(void *, const struct vl_event *) = w->env.emit;
	struct pushed p;

	begin(w, "x=1");
	w->env.emit = stop_soon;
	p = push(w);
	w->env.emit = emit;
	w->stop = 0;
	tap_fails(p.good, &p.e, VL_E_INTERRUPTED, "a signal in the middle");
	p = push(w);
	tap_good(p.good, &p.e, "and on it goes");
}

/* ---- a damaged blob ---- */

static void flip(const struct vl_digest *d)
{
	const char *path = fix_blob_path("publish", d);
	uint8_t byte;
	int fd;

	chmod(path, 0644);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 || pread(fd, &byte, 1, 600) != 1)
		exit(99);
	byte ^= 1;
	if (pwrite(fd, &byte, 1, 600) != 1)
		exit(99);
	close(fd);
	chmod(path, 0444);
}

static void test_damage(struct world *w, const struct fix_images *x)
{
	struct pushed p;
	char hex[VL_DIGEST_HEX];

	flip(&x->shared.digest);
	begin(w, "x=1");
	p = push(w);
	tap_fails(p.good, &p.e, VL_E_STORE, "a damaged layer");
	tap_ok(strstr(p.e.msg, vl_digest_hex(&x->shared.digest, hex)) && strstr(p.e.msg, "analyzers"),
	       "it is named, with its item");
	tap_ok(strstr(p.e.hint, "fsck") != NULL, "and what to do");
	tap_is(audit(w, "tag ", "semgrep"), 0, "no tag stands for it");
	tap_is(logged(w, "\"PUT\"", vl_digest_hex(&x->shared.digest, hex)), 0, "it was not sent");
	flip(&x->shared.digest);
	p = push(w);
	tap_good(p.good, &p.e, "mended: it goes on");
	tap_is(audit(w, " missing ", NULL), 0, "to the end");
}

/* Content that looks whole by its name and size, found in another repository: read only when the mount is declined. */
static void test_damage_declined(struct world *w, const struct fix_images *x)
{
	struct pushed p;
	char hex[VL_DIGEST_HEX];
	VL_STR have = vl_xprintf("mount=202&have=library/alpine@sha256:%s", vl_digest_hex(&x->shared.digest, hex));

	flip(&x->shared.digest);
	begin(w, have);
	p = push(w);
	tap_fails(p.good, &p.e, VL_E_STORE, "a damaged layer whose mount is declined");
	tap_is(logged(w, "\"PUT\"", hex), 0, "it was not sent");
	flip(&x->shared.digest);
}

/* ---- names ---- */

static void test_addresses(struct world *w)
{
	static const char *const bad[] = { "http://h.example", "", "h.example/UPPER", "h.example/a//b",
					   "h.example/../x", "h.example:", "-h", "h example", "h.example/a?b", "/x" };
	struct vl_net_conf fast = conf_fast();
	VL_AUTO(vl_net) net = NULL;
	struct vl_publish_report r;
	struct vl_err e = VL_ERR_INIT;

	if (!vl_net_new(&net, &fast, &w->env, &e))
		return;
	for (size_t i = 0; i < VL_LEN(bad); i++) {
		struct vl_publish_job job = { .store = store, .hub = hub, .registry = bad[i], .env = &w->env };

		tap_fails(vl_publish(&job, net, &r, &e), &e, VL_E_USAGE, "\"%s\" is not a registry", bad[i]);
	}
}

static void test_items(struct world *w)
{
	const char *const docs[] = { "docs", NULL }, *const trivy[] = { "trivy-db", NULL };
	const char *const slip[] = { "trvy-db", NULL };
	struct pushed p;

	begin(w, "x=1");
	p = push_as(w, "/pre/fix", docs, false);
	tap_good(p.good, &p.e, "an item without a name of its own");
	tap_is(audit(w, "tag pre/fix/prod/docs:", NULL), 2, "goes as CHANNEL/ITEM, twice tagged");
	p = push_as(w, "/pre/", trivy, false);
	tap_good(p.good, &p.e, "an artifact that has one");
	tap_is(audit(w, "tag pre/aquasecurity/trivy-db:2", NULL), 1, "goes under it");
	tap_is(audit(w, "tag pre/", NULL), 3, "and under no other");
	p = push_as(w, "", slip, false);
	tap_fails(p.good, &p.e, VL_E_ABSENT, "a slip of the pen");
	tap_str(p.e.hint, "Did you mean trivy-db?", "finds the nearest");
}

static void story(struct world *w)
{
	VL_CLEAN(fix_images) x = { 0 };
	struct vl_err e = VL_ERR_INIT;

	store = fix_open("publish");
	fix_images_commit(store, &x);
	tap_good(vl_hub_load(&hub, store, NULL, NULL, 0, &e), &e, "the hub");
	if (!hub)
		return;
	test_good(w);
	test_counts(w);
	test_subject(w);
	test_lost_list(w);
	test_lost_child(w, &x);
	test_dry(w);
	test_bad(w);
	test_interrupted(w);
	test_damage(w, &x);
	test_damage_declined(w, &x);
	test_addresses(w);
	test_items(w);
	vl_hub_free(hub);
	vl_store_free(store);
	fix_done();
}

int main(void)
{
	return world_tell(story);
}
