/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline/publish.c: store -> hub -> registry.
 * In:    a store, a registry, valise.conf.
 * Out:   the registry offers what the store offers.
 * Keeps: the store is read and not locked: blobs do not change, and a generation that is switched meanwhile leaves its
 *        blobs behind. */
#include "pipeline/publishing.h"
#include "sources/source.h"

struct relay {
	const struct vl_env *env;
	const struct vl_publish_report *r;
};

/* The net says "fetch" of everything that it moves, and knows only of what is under way. */
static void emit_as_publish(void *ctx, const struct vl_event *ev)
{
	const struct relay *relay = ctx;
	struct vl_event own = *ev;

	if (own.phase)
		own.phase = "publish";
	if (own.kind == VL_EV_PROGRESS && own.total < relay->r->bytes_wanted)
		own.total = relay->r->bytes_wanted;
	vl_emit(relay->env, &own);
}

static bool check_generation(const struct vl_publish_opts *o, const struct vl_hub *h, struct vl_err *e)
{
	if (!h->generation.number) {
		vl_fail(e, VL_E_ABSENT, "the store %s is empty; there is nothing to publish", o->store);
		return vl_hint(e, "Bring a bundle and run valise unpack PATH, or valise fetch, first.");
	}
	if (!o->channel || vl_generation_find(&h->generation, o->channel))
		return true;
	vl_fail(e, VL_E_ABSENT, "the store has no channel \"%s\"", o->channel);
	return vl_hint(e, "valise list shows the channels.");
}

/* No item is taken for a host of that name. */
static bool check_registry(const struct vl_publish_opts *o, const struct vl_hub *h, struct vl_err *e)
{
	for (size_t i = 0; o->perhaps_item && i < h->n_offer; i++) {
		if (strcmp(h->offer[i].item, o->registry) != 0)
			continue;
		vl_fail(e, VL_E_USAGE, "%s is an item; which registry? Neither this line nor valise.conf names one",
			o->registry);
		return vl_hint(e, "valise publish REGISTRY %s, or registry: in valise.conf(5).", o->registry);
	}
	return true;
}

bool vl_publish_run(const struct vl_publish_opts *o, const struct vl_conf *conf, const struct vl_env *env,
		    struct vl_publish_report *r, size_t *problems, struct vl_err *e)
{
	struct relay relay = { .env = env, .r = r };
	struct vl_env own = { .now = env->now, .emit = emit_as_publish, .emit_ctx = &relay, .stop = env->stop,
			      .jobs = env->jobs };
	VL_AUTO(vl_store) s = NULL;
	VL_AUTO(vl_hub) h = NULL;
	VL_AUTO(vl_net) net = NULL;
	struct vl_publish_job job = { .registry = o->registry, .plain_http = o->plain_http, .only = o->only,
				      .dry_run = o->dry_run, .env = env };

	if (!vl_store_open(&s, o->store, VL_STORE_READ, 0, env, e) ||
	    !vl_hub_load(&h, s, o->channel, o->rule, o->n_rule, e) || !check_generation(o, h, e) ||
	    !check_registry(o, h, e) || !vl_sources_net(&net, conf, &own, e))
		return false;
	*problems = h->n_problem;
	for (size_t i = 0; i < h->n_problem; i++)
		vl_emit_warn(env, "%s", h->problem[i]);
	job.store = s;
	job.hub = h;
	return vl_publish(&job, net, r, e);
}
