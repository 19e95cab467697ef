/* SPDX-License-Identifier: Apache-2.0 */
/* net_transfer_test.c: one document after the other from a server that misbehaves: what arrives, what is asked for
 * again, where it ends. */
#include "tests/lib/net_world.h"

static void test_plain(struct world *w)
{
	struct fetch f;

	fetch_begin(w, &f);
	fetch_url(&f, "/ok/100000?type=Text/Plain;%20charset=x");
	tap_good(fetch_run(&f, NULL), &f.get.err, "a document arrives");
	tap_is(f.get.body.len, 100000, "all of it");
	tap_ok(f.get.body.data && pattern_ok(f.get.body.data, f.get.body.len, '0'), "and unharmed");
	tap_str(f.get.content_type, "text/plain", "its type without parameters, lower case");
	tap_str(f.get.got_etag, "\"len100000-v0\"", "its ETag");
	tap_is(f.get.bytes_moved, 100000, "bytes moved");
	tap_is(logged(w, "\"accept-encoding\": \"identity\"", "valise/"), 1, "asked for identity, as valise");
	vl_request_clear(&f.get);
	log_clear(w);
}

static void test_status(struct world *w)
{
	static const struct {
		const char *path;
		enum vl_code want;
		const char *says;
	} cases[] = {
		{ "/ok/0", VL_OK, NULL },
		{ "/ok/5000?chunked=1", VL_OK, NULL },
		{ "/ok/5000?nolength=1", VL_OK, NULL },
		{ "/ok/10?link=9000", VL_OK, NULL },
		{ "/status/404", VL_E_GONE, "/status/404: 404 not found" },
		{ "/status/410", VL_E_GONE, "410" },
		{ "/status/403", VL_E_REFUSED, "403 forbidden" },
		{ "/status/401", VL_E_REFUSED, "401 log-in required" },
		{ "/status/418", VL_E_REFUSED, "418" },
		{ "/status/204", VL_E_CONTENT, "204" },
		{ "/status/206", VL_E_CONTENT, "206" },
		{ "/status/304", VL_E_CONTENT, "304" },
		{ "/status/300", VL_E_CONTENT, "300" },
		{ "/status/302", VL_E_REDIRECT, "leads nowhere" },
		{ "/status/416", VL_E_REFUSED, "416" },
		{ "/garbage", VL_E_NET, "not HTTP" },
		{ "/ok/100?encoding=gzip", VL_E_CONTENT, "Content-Encoding" },
		{ "/ok/100?encoding=identity", VL_OK, NULL },
		{ "/endless-headers", VL_E_NET, "headers" },
		{ "/ok/5?header=Content-Encoding:%20br", VL_E_CONTENT, "Content-Encoding" },
	};

	for (size_t i = 0; i < VL_LEN(cases); i++) {
		get_one(w, cases[i].path, cases[i].want, cases[i].says, cases[i].path);
		tap_is(logged(w, NULL, NULL), 1, "%s: asked once", cases[i].path);
		log_clear(w);
	}
}

static void test_retry(struct world *w)
{
	static const struct {
		const char *path;
		enum vl_code want;
		unsigned requests;
		const char *says;
	} cases[] = {
		{ "/ok/1000?fail=2&status=503", VL_OK, 3, NULL },
		{ "/ok/1000?fail=3&status=408", VL_OK, 4, NULL },
		{ "/ok/1000?fail=1&status=425", VL_OK, 2, NULL },
		{ "/ok/1000?fail=1&status=500", VL_OK, 2, NULL },
		{ "/ok/1000?fail=9&status=502", VL_E_NET, 4, "502 bad gateway (4 tries)" },
		{ "/ok/1000?fail=9&status=429", VL_E_RATE, 4, "429 too many requests (4 tries)" },
		{ "/ok/1000?fail=9&status=403&text=TOOMANYREQUESTS:+retry-after:+35us", VL_E_RATE, 4,
		  "too many requests" },
		{ "/ok/1000?truncate=2&at=500", VL_OK, 3, NULL },
		{ "/ok/1000?truncate=2&at=500&chunked=1", VL_OK, 3, NULL },
		{ "/ok/1000?truncate=9&at=500", VL_E_NET, 4, "ends early" },
		{ "/close", VL_E_NET, 4, "without an answer" },
	};

	for (size_t i = 0; i < VL_LEN(cases); i++) {
		get_one(w, cases[i].path, cases[i].want, cases[i].says, cases[i].path);
		tap_is(logged(w, "\"main\"", NULL), cases[i].requests, "%s: %u requests", cases[i].path,
		       cases[i].requests);
		tap_is(w->notes + w->warnings, cases[i].requests - 1, "%s: each retry is noted", cases[i].path);
		tap_is(w->warnings, cases[i].want == VL_E_RATE, "%s: a rate limit is told, once", cases[i].path);
		log_clear(w);
	}
}

static void test_retry_after(struct world *w)
{
	struct fetch f;
	struct vl_net_conf conf = conf_fast();
	struct timespec a, b;
	double took;

	conf.retry_base_ms = 2;
	conf.retries = 2;
	fetch_begin(w, &f);
	fetch_url(&f, "/ok/10?fail=9&status=429&retry_after=1000000000");
	clock_gettime(CLOCK_MONOTONIC, &a);
	tap_fails(fetch_run(&f, &conf), &f.get.err, VL_E_RATE, "Retry-After of 30 years: given up in the end");
	clock_gettime(CLOCK_MONOTONIC, &b);
	took = (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
	/* The cap is 120 first pauses: 240 ms here, twice. */
	tap_ok(took > 0.45 && took < 5, "the wait is capped (%.2f s)", took);
	vl_request_clear(&f.get);

	fetch_begin(w, &f);
	fetch_url(&f, "/ok/10?fail=1&status=503&retry_after=1");
	conf.retry_base_ms = 20;
	clock_gettime(CLOCK_MONOTONIC, &a);
	tap_good(fetch_run(&f, &conf), &f.get.err, "Retry-After of a second");
	clock_gettime(CLOCK_MONOTONIC, &b);
	took = (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
	tap_ok(took >= 1, "is kept (%.2f s)", took);
	vl_request_clear(&f.get);
	log_clear(w);
}

static void test_limits(struct world *w)
{
	static const struct {
		const char *path;
		uint64_t max, expect;
		enum vl_code want;
		const char *says;
	} cases[] = {
		{ "/endless", 100000, 0, VL_E_LIMIT, "limit of 100000 bytes" },
		{ "/endless?plain=1", 100000, 0, VL_E_LIMIT, "limit of 100000 bytes" },
		{ "/endless", 1000000, 5000, VL_E_CONTENT, "longer than the 5000 bytes expected" },
		{ "/ok/5000", 4999, 0, VL_E_LIMIT, "5000 bytes are announced" },
		{ "/ok/5000", 5000, 5000, VL_OK, NULL },
		{ "/ok/5000", 6000, 5001, VL_E_CONTENT, "5000 bytes are announced, 5001 expected" },
		{ "/ok/5000", 6000, 4999, VL_E_CONTENT, "5000 bytes are announced, 4999 expected" },
		{ "/ok/5000?chunked=1", 6000, 5001, VL_E_CONTENT, "has 5000 bytes, 5001 expected" },
		{ "/ok/5000?announce=6000", 6000, 0, VL_E_NET, "ends early" },
		{ "/ok/5000?announce=4000", 6000, 5000, VL_E_CONTENT, "4000 bytes are announced" },
		{ "/redirect?to=/endless", 100000, 0, VL_E_LIMIT, "limit" },
	};
	struct fetch f;

	for (int file = 0; file < 2; file++)
		for (size_t i = 0; i < VL_LEN(cases); i++) {
			fetch_begin(w, &f);
			fetch_url(&f, cases[i].path);
			f.get.max = cases[i].max;
			f.get.expect = cases[i].expect;
			f.get.dir = file ? w->dirfd : -1;
			f.get.part = "part";
			if (cases[i].want == VL_OK)
				tap_good(fetch_run(&f, NULL), &f.get.err, "%s max %" PRIu64, cases[i].path,
					 cases[i].max);
			else
				tap_fails(fetch_run(&f, NULL), &f.get.err, cases[i].want,
					  "%s max %" PRIu64 " expect %" PRIu64,
					  cases[i].path, cases[i].max, cases[i].expect);
			if (cases[i].says && !tap_ok(strstr(f.get.err.msg, cases[i].says) != NULL, "says so"))
				printf("# said: %s\n", f.get.err.msg);
			tap_ok(f.get.body.len <= cases[i].max, "never more than the limit in memory");
			vl_request_clear(&f.get);
			part_gone(w);
		}
	log_clear(w);
}

static void test_time(struct world *w)
{
	struct fetch f;
	struct vl_net_conf conf = conf_fast();
	struct timespec a, b;

	conf.timeout = 1;
	fetch_begin(w, &f);
	fetch_url(&f, "/ok/100000?rate=20");
	clock_gettime(CLOCK_MONOTONIC, &a);
	tap_fails(fetch_run(&f, &conf), &f.get.err, VL_E_TIMEOUT, "a body of 20 bytes a second ends at the deadline");
	clock_gettime(CLOCK_MONOTONIC, &b);
	tap_ok(b.tv_sec - a.tv_sec <= 3, "in time");
	tap_ok(strstr(f.get.err.msg, "within 1 s") != NULL, "and says why");
	vl_request_clear(&f.get);

	fetch_begin(w, &f);
	fetch_url(&f, "/ok/10?delay=3");
	tap_fails(fetch_run(&f, &conf), &f.get.err, VL_E_TIMEOUT, "no answer ends at the deadline");
	vl_request_clear(&f.get);
	log_clear(w);
}

static void add_more(struct vl_net *n, struct vl_request *g)
{
	struct fetch *f = g->user;

	f->done++;
	if (f->done < 3)
		vl_net_add(n, g); /* the same get once more: its results are emptied */
}

static void test_loop(struct world *w)
{
	enum { MANY = 60 };
	struct vl_net_conf conf = conf_fast();
	VL_AUTO(vl_net) n = NULL;
	struct vl_err e = VL_ERR_INIT;
	struct fetch *f = vl_xcalloc(MANY, sizeof *f);
	unsigned good = 0, failed = 0;

	conf.parallel = 6;
	tap_good(vl_net_new(&n, &conf, &w->env, &e), &e, "a net");
	for (size_t i = 0; i < MANY; i++) {
		fetch_begin(w, &f[i]);
		fetch_url(&f[i], i % 10 == 3 ? "/status/404" :
				 i % 10 == 5 ? "/ok/3000?fail=1" :
					       "/redirect?to=/ok/2000");
		vl_net_add(n, &f[i].get);
	}
	f[0].get.done = add_more;
	tap_good(vl_net_run(n, &e), &e, "%d at once", MANY);
	for (size_t i = 0; i < MANY; i++) {
		good += f[i].get.ok;
		failed += !f[i].get.ok && f[i].get.err.code == VL_E_GONE;
		vl_request_clear(&f[i].get);
	}
	tap_is(good, MANY - MANY / 10, "the good ones are good");
	tap_is(failed, MANY / 10, "the failing ones fail alone");
	tap_is(f[0].done, 3, "done() may add more");
	tap_good(vl_net_run(n, &e), &e, "nothing to do is fine");
	free(f);
	log_clear(w);
}

static void test_interrupt(struct world *w)
{
	struct vl_net_conf conf = conf_fast();
	VL_AUTO(vl_net) n = NULL;
	struct vl_err e = VL_ERR_INIT;
	struct fetch quick, slow, wait;

	tap_good(vl_net_new(&n, &conf, &w->env, &e), &e, "a net");
	part_begin(w, &slow, "/ok/1000000?rate=20000");
	fetch_begin(w, &quick);
	fetch_url(&quick, "/ok/10?delay=0.5");
	quick.stop_when_done = true;
	fetch_begin(w, &wait);
	fetch_url(&wait, "/ok/10?fail=9&retry_after=60");
	vl_net_add(n, &slow.get);
	vl_net_add(n, &quick.get);
	vl_net_add(n, &wait.get);
	tap_fails(vl_net_run(n, &e), &e, VL_E_INTERRUPTED, "interrupted");
	tap_ok(quick.get.ok && quick.done == 1, "what was done is done");
	tap_ok(!slow.get.ok && slow.get.err.code == VL_E_INTERRUPTED && slow.done == 0,
	       "the rest is told why, without done()");
	tap_ok(exists(w, "part") && exists(w, "part.json"), "the partial file stays");
	w->stop = 0;
	tap_good(vl_net_run(n, &e), &e, "nothing is left in the net");
	vl_request_clear(&slow.get);
	vl_request_clear(&quick.get);
	vl_request_clear(&wait.get);
	part_begin(w, &slow, "/ok/1000000?rate=20000");
	vl_net_add(n, &slow.get); /* and never run: vl_net_free() lets go of it */
	part_gone(w);
}

static void test_public(void)
{
	static const struct {
		const char *url, *want;
	} cases[] = {
		{ "https://host/a/b", "https://host/a/b" },
		{ "https://user:pw@host:8/a?token=1#f", "https://host:8/a" },
		{ "https://u@ser:p@w@host/x", "https://host/x" },
		{ "https://host?token=a@b", "https://host" },
		{ "https://host/a@b", "https://host/a@b" },
		{ "user:pw@host/x", "host/x" },
		{ "https://user:pw@", "https://" },
		{ "", "" },
	};

	for (size_t i = 0; i < VL_LEN(cases); i++) {
		VL_STR got = vl_url_public(cases[i].url);

		tap_str(got, cases[i].want, "public form of \"%s\"", cases[i].url);
	}
}

static void story(struct world *w)
{
	test_plain(w);
	test_status(w);
	test_retry(w);
	test_retry_after(w);
	test_limits(w);
	test_time(w);
	test_loop(w);
	test_interrupt(w);
	test_public();
}

int main(void)
{
	return world_tell(story);
}
