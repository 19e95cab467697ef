/* SPDX-License-Identifier: Apache-2.0 */
/* serve/pages.c: the front page: what is here, how old it is, and the lines that make each client use it.
 * In:    the hall; the name under which the client reached us, which is believed only when it looks like one.
 * Out:   one HTML page that needs no script.
 * Keeps: every line can be pasted into a shell: names in it follow a registry's grammar or are percent-encoded. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/text.h"
#include "serve/route_priv.h"

#define LINES_MAX 200u /* images and items shown; the rest is counted */
#define FILES_MAX 5u   /* of one item */
#define HOSTS_MAX 8u   /* upstream registries that are mirrored */

struct page {
	const struct vl_hall *h;
	const struct vl_ask *a;
	const char *host, *scheme;
	struct vl_text t;
};

/* ---- the host's name ---- */

static bool is_port(const char *s)
{
	size_t digits = *s == ':' ? strspn(s + 1, "0123456789") : 0;

	return !*s || (digits >= 1 && digits <= 5 && !s[1 + digits]);
}

/* host[:port] or [v6][:port]: what a client may say that we repeat to its user. */
static bool is_host(const char *s)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	size_t len;

	if (!s || strlen(s) > 261)
		return false;
	if (*s == '[') {
		len = 1 + strspn(s + 1, "0123456789abcdefABCDEF:.");
		return len > 2 && s[len] == ']' && is_port(s + len + 1);
	}
	len = strcspn(s, ":");
	for (size_t i = 0; i < len; i++)
		if (!strchr(letters, s[i]) && (i == 0 || (s[i] != '.' && s[i] != '-')))
			return false;
	return len > 0 && is_port(s + len);
}

/* ---- channels ---- */

static void put_validity(struct page *p, const struct vl_channel *c)
{
	char time[24], span[32];

	if (!c->expires) {
		vl_text_add(&p->t, "<td>does not expire</td>");
	} else if (c->expires <= p->a->now) {
		vl_text_addf(&p->t, "<td class=\"bad\">EXPIRED %s ago (%s)</td>",
			     vl_duration_text(p->a->now - c->expires, span), vl_time_text(c->expires, time));
	} else {
		vl_text_addf(&p->t, "<td>for %s (%s)</td>", vl_duration_text(c->expires - p->a->now, span),
			     vl_time_text(c->expires, time));
	}
}

static void put_age(struct page *p, int64_t made)
{
	char time[24], span[32];

	if (!made)
		vl_text_add(&p->t, "<td>unknown</td>");
	else
		vl_text_addf(&p->t, "<td>%s ago (%s)</td>",
			     vl_duration_text(p->a->now > made ? p->a->now - made : 0, span), vl_time_text(made, time));
}

static void put_channel(struct page *p, const struct vl_channel *c)
{
	vl_text_add(&p->t, "<tr><td>");
	vl_text_html(&p->t, c->name);
	vl_text_addf(&p->t, "</td><td class=\"n\">%" PRIu64 "</td>", c->sequence);
	put_age(p, c->created);
	put_validity(p, c);
	vl_text_add(&p->t, "<td>");
	vl_text_html(&p->t, c->sealed ? c->signers : "nobody: it was fetched here");
	vl_text_add(&p->t, "</td></tr>\n");
}

static void put_channels(struct page *p)
{
	const struct vl_generation *g = &p->h->hub->generation;
	size_t served = 0;

	for (size_t i = 0; i < g->n; i++) {
		if (!vl_hall_serves(p->h, &g->channel[i]))
			continue;
		if (!served++)
			vl_text_add(&p->t, "<table>\n<tr><th>Channel</th><th>Sequence</th><th>Packed</th><th>Valid</th>"
					   "<th>Signed by</th></tr>\n");
		put_channel(p, &g->channel[i]);
	}
	vl_text_add(&p->t, served ? "</table>\n" :
				    "<p>Nothing is here yet. Bring a bundle and run <code>valise unpack</code>.</p>\n");
}

static void put_items(struct page *p)
{
	const struct vl_hall_item *item;
	char size[24];

	if (p->h->n_item)
		vl_text_add(&p->t, "<table>\n<tr><th>Item</th><th>Type</th><th>Channel</th><th>Size</th>"
				   "<th>Data of</th></tr>\n");
	for (size_t i = 0; i < p->h->n_item && i < LINES_MAX; i++) {
		item = &p->h->item[i];
		vl_text_add(&p->t, "<tr><td>");
		vl_text_html(&p->t, item->name);
		vl_text_add(&p->t, "</td><td>");
		vl_text_html(&p->t, item->type);
		vl_text_add(&p->t, "</td><td>");
		vl_text_html(&p->t, item->channel->name);
		vl_text_addf(&p->t, "</td><td class=\"n\">%s</td>", vl_size_text(item->bytes, size));
		put_age(p, item->modified);
		vl_text_add(&p->t, "</tr>\n");
	}
	if (p->h->n_item)
		vl_text_add(&p->t, "</table>\n");
}

static void put_problems(struct page *p)
{
	const struct vl_hub *hub = p->h->hub;

	if (!hub->n_problem)
		return;
	vl_text_add(&p->t, "<h2 class=\"bad\">Problems</h2>\n<ul>\n");
	for (size_t i = 0; i < hub->n_problem && i < LINES_MAX; i++) {
		vl_text_add(&p->t, "<li>");
		vl_text_html(&p->t, hub->problem[i]);
		vl_text_add(&p->t, "</li>\n");
	}
	vl_text_add(&p->t, "</ul>\n");
}

/* ---- images ---- */

static bool has_type(const struct vl_offer *o, const char *type)
{
	return !strcmp(o->type, type);
}

static bool is_image(const struct vl_offer *o)
{
	return !o->attached && (has_type(o, "image") || has_type(o, "gitlab-analyzers"));
}

static void put_name(struct page *p, const struct vl_offer *o)
{
	char digest[VL_DIGEST_OCI];

	vl_text_html(&p->t, p->host);
	vl_text_add(&p->t, "/");
	vl_text_html(&p->t, o->repository);
	vl_text_add(&p->t, o->tag ? ":" : "@");
	vl_text_html(&p->t, o->tag ? o->tag : vl_digest_oci(&o->desc.digest, digest));
}

static void put_image(struct page *p, const struct vl_offer *o)
{
	const char *pull = o->desc.artifact_type ? "oras pull " : "docker pull ";
	struct vl_offer exact = *o;

	vl_text_add(&p->t, pull);
	put_name(p, o);
	vl_text_add(&p->t, "\n");
	if (!o->tag)
		return;
	exact.tag = NULL;
	vl_text_add(&p->t, pull);
	put_name(p, &exact);
	vl_text_add(&p->t, "\n");
}

static void put_images(struct page *p)
{
	const struct vl_hub *hub = p->h->hub;
	unsigned n = 0;

	for (size_t i = 0; i < hub->n_offer; i++) {
		if (!is_image(&hub->offer[i]))
			continue;
		if (!n++)
			vl_text_add(&p->t, "<h2>Container images</h2>\n<p>With podman, skopeo or crane likewise. The "
					   "second line of each names the same image by its digest.</p>\n<pre>\n");
		if (n <= LINES_MAX)
			put_image(p, &hub->offer[i]);
	}
	if (!n)
		return;
	vl_text_add(&p->t, "</pre>\n");
	if (n > LINES_MAX)
		vl_text_addf(&p->t, "<p>And %u more: <a href=\"/v2/_catalog\">all repositories</a>.</p>\n",
			     n - LINES_MAX);
}

/* ---- a mirror: upstream's own names, without a change in any file that holds them ---- */

struct hosts { /* borrowed from the hub: beginnings of names of images */
	const char *name[HOSTS_MAX];
	size_t len[HOSTS_MAX], n;
};

/* The length of the host before the name that the image has here, too; 0: it was mapped to another. */
static size_t mirrored(const struct vl_offer *o)
{
	const char *slash = o->source ? strchr(o->source, '/') : NULL;
	size_t len = strlen(o->repository);

	if (!is_image(o) || !slash || strncmp(slash + 1, o->repository, len) != 0 || !strchr(":@", slash[1 + len]))
		return 0;
	return (size_t)(slash - o->source);
}

static void add_host(struct hosts *h, const char *name, size_t len)
{
	for (size_t i = 0; i < h->n; i++)
		if (h->len[i] == len && !strncmp(h->name[i], name, len))
			return;
	if (!len || h->n == HOSTS_MAX)
		return;
	h->name[h->n] = name;
	h->len[h->n++] = len;
}

static void put_mirror(struct page *p)
{
	const struct vl_hub *hub = p->h->hub;
	struct hosts hosts = { .n = 0 };

	for (size_t i = 0; i < hub->n_offer; i++)
		add_host(&hosts, hub->offer[i].source, mirrored(&hub->offer[i]));
	if (!hosts.n)
		return;
	vl_text_add(&p->t, "<p>Or under the names they have upstream, with this host as a mirror: for podman, skopeo, "
			   "buildah and CRI-O in "
			   "<code>/etc/containers/registries.conf.d/valise.conf</code></p>\n<pre>\n");
	for (size_t i = 0; i < hosts.n; i++) {
		VL_STR name = vl_xstrndup(hosts.name[i], hosts.len[i]);

		vl_text_add(&p->t, "[[registry]]\nlocation = \"");
		vl_text_html(&p->t, name);
		vl_text_add(&p->t, "\"\n[[registry.mirror]]\nlocation = \"");
		vl_text_html(&p->t, p->host);
		vl_text_add(&p->t, p->a->tls ? "\"\n" : "\"\ninsecure = true\n");
	}
	vl_text_add(&p->t, "</pre>\n");
}

/* ---- GitLab ---- */

/* Analyzers: chosen by that name, or images out of the group that GitLab publishes them in. */
static bool is_analyzer(const struct vl_offer *o)
{
	return is_image(o) && o->tag && strchr(o->repository, '/') &&
	       (has_type(o, "gitlab-analyzers") || strstr(o->repository, "security-products/"));
}

/* The scanner of images has a variable of its own; its two names are one image. */
static bool is_container_scanning(const struct vl_offer *o)
{
	return vl_ends_with(o->repository, "/container-scanning") ||
	       vl_ends_with(o->repository, "/container-scanning/trivy");
}

static size_t prefix_length(const struct vl_offer *o)
{
	return (size_t)(strrchr(o->repository, '/') - o->repository);
}

static bool has_prefix_of(const struct vl_offer *o, const struct vl_offer *other)
{
	return prefix_length(o) == prefix_length(other) && !strncmp(o->repository, other->repository, prefix_length(o));
}

/* One variable serves all analyzers, so the prefix is the one that the most have: offers are sorted, they stand
 * together. */
static const struct vl_offer *most_common_prefix(const struct vl_hub *hub)
{
	const struct vl_offer *best = NULL, *first = NULL, *o;
	size_t n = 0, most = 0;

	for (size_t i = 0; i < hub->n_offer; i++) {
		o = &hub->offer[i];
		if (!is_analyzer(o) || is_container_scanning(o))
			continue;
		n = first && has_prefix_of(o, first) ? n + 1 : 1;
		first = n == 1 ? o : first;
		if (n > most) {
			most = n;
			best = first;
		}
	}
	return best;
}

static const struct vl_offer *container_scanning(const struct vl_hub *hub)
{
	const struct vl_offer *found = NULL;

	for (size_t i = 0; i < hub->n_offer; i++)
		if (is_analyzer(&hub->offer[i]) && is_container_scanning(&hub->offer[i]) &&
		    (!found || !strcmp(found->repository, hub->offer[i].repository)))
			found = &hub->offer[i]; /* of its tags the last */
	return found;
}

static void put_gitlab(struct page *p)
{
	const struct vl_offer *prefix = most_common_prefix(p->h->hub), *container = container_scanning(p->h->hub);

	if (!prefix && !container)
		return;
	vl_text_add(&p->t, "<h2>GitLab</h2>\n<p>For <code>.gitlab-ci.yml</code>, or as variables of the project, the "
			   "group or the instance. All of them, with the analyzers' versions: <code>valise env gitlab "
			   "--registry ");
	vl_text_html(&p->t, p->host);
	vl_text_add(&p->t, "</code> on the host of this store.</p>\n<pre>\nvariables:\n");
	if (prefix)
		vl_text_addf(&p->t, "  SECURE_ANALYZERS_PREFIX: \"%s/%.*s\"\n", p->host, (int)prefix_length(prefix),
			     prefix->repository);
	if (container) {
		vl_text_add(&p->t, "  CS_ANALYZER_IMAGE: \"");
		put_name(p, container);
		vl_text_add(&p->t, "\"\n");
	}
	vl_text_add(&p->t, "</pre>\n");
}

/* ---- Trivy ---- */

static const struct {
	const char *end, *option;
} trivy[] = {
	{ "trivy-db", "--db-repository" },
	{ "trivy-java-db", "--java-db-repository" },
	{ "trivy-checks", "--checks-bundle-repository" },
};

/* Is this the name that the option should have: upstream's own, else the item's newest. */
static const char *trivy_option(const struct vl_hub *hub, const struct vl_offer *o)
{
	const char *base = strrchr(o->repository, '/');

	if (o->attached || !o->tag)
		return NULL;
	if (!o->by_item)
		for (size_t i = 0; i < VL_LEN(trivy); i++)
			if (!strcmp(base ? base + 1 : o->repository, trivy[i].end))
				return trivy[i].option;
	if (!has_type(o, "trivy-db") || strcmp(o->tag, "latest") != 0)
		return has_type(o, "trivy-db") && !o->by_item ? trivy[0].option : NULL;
	for (size_t i = 0; i < hub->n_offer; i++)
		if (!hub->offer[i].by_item && !strcmp(hub->offer[i].item, o->item) &&
		    !strcmp(hub->offer[i].channel, o->channel))
			return NULL;
	return trivy[0].option;
}

static void put_trivy(struct page *p)
{
	const struct vl_hub *hub = p->h->hub;
	const char *option;
	bool any = false;

	for (size_t i = 0; i < hub->n_offer; i++) {
		option = trivy_option(hub, &hub->offer[i]);
		if (!option)
			continue;
		if (!any)
			vl_text_add(&p->t, "<h2>Trivy</h2>\n<pre>\n");
		any = true;
		vl_text_addf(&p->t, "trivy image %s ", option);
		put_name(p, &hub->offer[i]);
		vl_text_add(&p->t, " IMAGE\n");
	}
	if (any)
		vl_text_add(&p->t, "</pre>\n<p>The options can stand together on one line, for <code>trivy fs</code> "
				   "and the others too. The databases are replaced with every bundle; Trivy asks when "
				   "its copy is due.</p>\n");
}

/* ---- OSV-Scanner ---- */

static bool is_below(const struct vl_hall *h, size_t at, const char *prefix)
{
	return at < h->n_file && !strncmp(h->file[at].path, prefix, strlen(prefix));
}

static void put_osv(struct page *p)
{
	if (!is_below(p->h, vl_hall_lower(p->h, "osv/"), "osv/"))
		return;
	vl_text_add(&p->t, "<h2>OSV-Scanner</h2>\n<p>It has no option for another server than the internet's, so its "
			   "local databases are filled from here:</p>\n<pre>\n");
	vl_text_addf(&p->t, "curl -fsS %s://%s/osv/ecosystems.txt | while read -r eco; do\n", p->scheme, p->host);
	vl_text_addf(&p->t,
		     "  curl -fsS --create-dirs -o \"osv/osv-scanner/$eco/all.zip\" "
		     "\"%s://%s/osv/$(printf %%s \"$eco\" | sed 's/ /%%20/g')/all.zip\"\ndone\n",
		     p->scheme, p->host);
	vl_text_add(&p->t, "ln -sfn osv-scanner osv/osv-scalibr\n"
			   "export OSV_SCANNER_LOCAL_DB_CACHE_DIRECTORY=\"$PWD/osv\"\n"
			   "osv-scanner scan source --offline -r DIR    # version 2\n"
			   "osv-scanner --experimental-offline -r DIR   # version 1\n"
			   "</pre>\n");
}

/* ---- files ---- */

static void put_item_files(struct page *p, const struct vl_hall_item *item)
{
	VL_STR prefix = vl_xprintf("files/%s/", item->name);
	size_t at = vl_hall_lower(p->h, prefix), n = 0;

	vl_text_add(&p->t, "<h3><a href=\"/");
	vl_text_url(&p->t, prefix);
	vl_text_add(&p->t, "\">");
	vl_text_html(&p->t, item->name);
	vl_text_add(&p->t, "</a></h3>\n<pre>\n");
	for (; n < FILES_MAX && is_below(p->h, at, prefix); at++, n++) {
		vl_text_addf(&p->t, "curl -fO %s://%s/", p->scheme, p->host);
		vl_text_url(&p->t, p->h->file[at].path);
		vl_text_add(&p->t, "\n");
	}
	vl_text_add(&p->t, is_below(p->h, at, prefix) ? "</pre>\n<p>And more in the directory.</p>\n" : "</pre>\n");
}

static void put_files(struct page *p)
{
	const struct vl_hall_item *item;
	unsigned n = 0;

	for (size_t i = 0; i < p->h->n_item; i++) {
		item = &p->h->item[i];
		if (!item->in_files || !strcmp(item->type, "trivy-db"))
			continue;
		if (!n++)
			vl_text_add(&p->t, "<h2>Files</h2>\n<p>An interrupted download goes on with "
					   "<code>curl -C - -fO</code>.</p>\n");
		if (n <= LINES_MAX)
			put_item_files(p, item);
	}
}

/* ---- the page ---- */

static void put_head(struct page *p)
{
	vl_text_addf(&p->t,
		     "<p>Generation %" PRIu64 " of this host's store, read-only. <a href=\"/files/\">Files</a>, "
		     "<a href=\"/osv/\">OSV</a>, <a href=\"/v2/_catalog\">repositories</a>, "
		     "<a href=\"/healthz\">health</a>, <a href=\"/metrics\">metrics</a>.</p>\n",
		     p->h->hub->generation.number);
}

static void put_plain_http_note(struct page *p)
{
	if (p->a->tls || !p->h->hub->n_offer)
		return;
	vl_text_add(&p->t, "<p>This server speaks plain HTTP. Clients accept that from loopback, some of them from "
			   "private addresses too; else add <code>--insecure</code> for trivy and crane, "
			   "<code>--tls-verify=false</code> for podman, <code>--src-tls-verify=false</code> for skopeo "
			   "and for docker <code>\"insecure-registries\": [\"");
	vl_text_html(&p->t, p->host);
	vl_text_add(&p->t, "\"]</code> in <code>/etc/docker/daemon.json</code>.</p>\n");
}

static void put_login(struct page *p)
{
	if (!p->a->login)
		return;
	vl_text_add(&p->t, "<h2>Log-in</h2>\n<p>This server asks for a name and a password. The clients of registries "
			   "(docker, podman, skopeo, Trivy and others) take them from a log-in; where curl stands "
			   "below, add <code>-u NAME</code>, and it asks for the password.</p>\n<pre>\ndocker login ");
	vl_text_html(&p->t, p->host);
	vl_text_addf(&p->t, "\ncurl -u NAME %s://", p->scheme);
	vl_text_html(&p->t, p->host);
	vl_text_add(&p->t, "/files/\n</pre>\n");
}

void vl_route_front(const struct vl_hall *h, const struct vl_ask *a, struct vl_reply *r)
{
	struct page p = { .h = h, .a = a, .scheme = a->tls ? "https" : "http", .t = vl_text_begin(r) };

	p.host = is_host(h->public_name) ? h->public_name : is_host(a->host) ? a->host : "HOST:PORT";
	vl_text_page_begin(&p.t, "valise");
	put_head(&p);
	put_channels(&p);
	put_problems(&p);
	put_items(&p);
	put_login(&p);
	put_images(&p);
	put_mirror(&p);
	put_gitlab(&p);
	put_trivy(&p);
	put_osv(&p);
	put_files(&p);
	put_plain_http_note(&p);
	vl_text_page_end(&p.t, r, 200);
}
