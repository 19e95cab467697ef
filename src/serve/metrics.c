/* SPDX-License-Identifier: Apache-2.0 */
/* serve/metrics.c: for machines that watch: /healthz and /metrics.
 * In:    the hall, the counters of the server.
 * Out:   a status and a sentence; Prometheus' text format 0.0.4.
 * Keeps: health is about serving: a store that shows a generation is healthy. An expired channel is told in the same
 *        answer and in the metrics, and the answer stays 200, because taking a mirror out of service does not make its
 *        data younger: a scanner would go without instead. */
#include <inttypes.h>

#include "base/text.h"
#include "base/version.h"
#include "serve/route_priv.h"

/* ---- /healthz ---- */

static bool is_expired(const struct vl_channel *c, int64_t now)
{
	return c->expires && c->expires <= now;
}

void vl_route_health(const struct vl_hall *h, const struct vl_ask *a, struct vl_reply *r)
{
	const struct vl_generation *g = &h->hub->generation;
	struct vl_text t = vl_text_begin(r);
	size_t served = 0;

	vl_text_add(&t, "ok\n");
	for (size_t i = 0; i < g->n; i++) {
		if (!vl_hall_serves(h, &g->channel[i]))
			continue;
		served++;
		if (is_expired(&g->channel[i], a->now))
			vl_text_addf(&t, "expired: channel %s\n", g->channel[i].name);
	}
	if (served)
		vl_text_end(&t, r, 200, "text/plain; charset=utf-8");
	else
		vl_reply_say(r, 503, h->only ? "The store does not hold this channel yet: bring a bundle of it." :
					       "The store is empty: bring a bundle and run valise unpack.");
}

/* ---- /metrics ---- */

static void begin(struct vl_text *t, const char *name, const char *type, const char *help)
{
	vl_text_addf(t, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_label(struct vl_text *t, const char *name, const char *value)
{
	VL_STR safe = vl_safe_text(value, 256);
	char one[2] = "";

	vl_text_addf(t, "%s=\"", name);
	for (const char *p = safe; *p; p++) {
		one[0] = *p;
		if (*p == '\\' || *p == '"')
			vl_text_add(t, "\\");
		vl_text_add(t, one);
	}
	vl_text_add(t, "\"");
}

static void put_channel(struct vl_text *t, const char *metric, const struct vl_channel *c, int64_t value)
{
	vl_text_addf(t, "%s{", metric);
	put_label(t, "channel", c->name);
	vl_text_addf(t, "} %" PRId64 "\n", value);
}

static int64_t sequence_of(const struct vl_channel *c)
{
	return (int64_t)c->sequence;
}

static int64_t created_of(const struct vl_channel *c)
{
	return c->created;
}

static int64_t expires_of(const struct vl_channel *c)
{
	return c->expires;
}

static const struct {
	const char *name, *help;
	int64_t (*value)(const struct vl_channel *c);
	bool maybe; /* 0 means that there is none */
} of_channel[] = {
	{ "valise_sequence", "Sequence number of the channel's snapshot.", sequence_of, false },
	{ "valise_created_timestamp_seconds", "When the snapshot was packed.", created_of, false },
	{ "valise_expires_timestamp_seconds", "When the snapshot expires; absent: never.", expires_of, true },
};

static void put_channels(struct vl_text *t, const struct vl_hall *h)
{
	const struct vl_generation *g = &h->hub->generation;
	int64_t value;

	for (size_t m = 0; m < VL_LEN(of_channel); m++) {
		begin(t, of_channel[m].name, "gauge", of_channel[m].help);
		for (size_t i = 0; i < g->n; i++) {
			value = of_channel[m].value(&g->channel[i]);
			if (vl_hall_serves(h, &g->channel[i]) && (value || !of_channel[m].maybe))
				put_channel(t, of_channel[m].name, &g->channel[i], value);
		}
	}
}

static void put_item(struct vl_text *t, const char *metric, const struct vl_hall_item *item, uint64_t value)
{
	vl_text_addf(t, "%s{", metric);
	put_label(t, "channel", item->channel->name);
	vl_text_add(t, ",");
	put_label(t, "item", item->name);
	vl_text_add(t, ",");
	put_label(t, "type", item->type);
	vl_text_addf(t, "} %" PRIu64 "\n", value);
}

static void put_items(struct vl_text *t, const struct vl_hall *h)
{
	begin(t, "valise_item_updated_timestamp_seconds", "gauge",
	      "When upstream made the item's data, if it says so.");
	for (size_t i = 0; i < h->n_item; i++)
		if (h->item[i].updated > 0)
			put_item(t, "valise_item_updated_timestamp_seconds", &h->item[i], (uint64_t)h->item[i].updated);
	begin(t, "valise_item_bytes", "gauge", "Bytes of the item, what it shares with itself counted once.");
	for (size_t i = 0; i < h->n_item; i++)
		put_item(t, "valise_item_bytes", &h->item[i], h->item[i].bytes);
}

static void put_one(struct vl_text *t, const char *name, const char *type, const char *help, unsigned long long value)
{
	begin(t, name, type, help);
	vl_text_addf(t, "%s %llu\n", name, value);
}

static void put_counters(struct vl_text *t, const struct vl_counters *c)
{
	put_one(t, "valise_requests_total", "counter", "Requests answered.", atomic_load(&c->requests));
	put_one(t, "valise_sent_bytes_total", "counter", "Bytes of bodies sent.", atomic_load(&c->bytes));
	put_one(t, "valise_refused_total", "counter", "Requests or connections refused by a limit or a log-in.",
		atomic_load(&c->refused));
	put_one(t, "valise_aborted_total", "counter", "Transfers that ended early.", atomic_load(&c->aborted));
	put_one(t, "valise_damaged_total", "counter", "Blobs found damaged on disk while they were served.",
		atomic_load(&c->damaged));
	put_one(t, "valise_switches_total", "counter", "Switches to a new generation.", atomic_load(&c->switches));
	put_one(t, "valise_active_requests", "gauge", "Requests being answered.", atomic_load(&c->active));
}

void vl_route_metrics(const struct vl_hall *h, const struct vl_counters *c, struct vl_reply *r)
{
	struct vl_text t = vl_text_begin(r);

	begin(&t, "valise_info", "gauge", "Which valise serves.");
	vl_text_add(&t, "valise_info{");
	put_label(&t, "version", vl_version());
	vl_text_add(&t, "} 1\n");
	put_one(&t, "valise_generation", "gauge", "Number of the generation served; 0: the store is empty.",
		h->hub->generation.number);
	put_one(&t, "valise_problems", "gauge", "Documents that could not be read, and names that clash.",
		h->hub->n_problem);
	put_channels(&t, h);
	put_items(&t, h);
	put_counters(&t, c);
	vl_text_end(&t, r, 200, "text/plain; version=0.0.4; charset=utf-8");
}
