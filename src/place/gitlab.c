/* SPDX-License-Identifier: Apache-2.0 */
/* place/gitlab.c: GitLab's analyzers, which lie in a registry and in no directory.
 * In:    the names under which the store offers images, and the registry from which runners pull them.
 * Out:   the variables that GitLab's CI templates read, for a shell and for .gitlab-ci.yml.
 * Keeps: nothing that the templates do by themselves is repeated: a tag is named only where they would ask for another.
 *        Names are the hub's, whose grammar has no character that a shell or YAML would take for its own. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "place/place_priv.h"

#define HOME "/security-products/"
#define JAVA_DB "/trivy-java-db"
#define FIPS "-fips"

/* What the templates of GitLab 19 ask for, and which variables change that: in the job, where the template sets them
 * there (a value for all jobs would not be heard), else for all. */
static const struct template {
	const char *analyzer, *major, *job, *version, *suffix;
} templates[] = {
	{ "semgrep", "6", "semgrep-sast", "SAST_ANALYZER_IMAGE_TAG", "SAST_IMAGE_SUFFIX" },
	{ "gitlab-advanced-sast", "2", "gitlab-advanced-sast", "SAST_ANALYZER_IMAGE_TAG", "SAST_IMAGE_SUFFIX" },
	{ "kubesec", "6", "kubesec-sast", "SAST_ANALYZER_IMAGE_TAG", "SAST_IMAGE_SUFFIX" },
	{ "pmd-apex", "6", "pmd-apex-sast", "SAST_ANALYZER_IMAGE_TAG", "SAST_IMAGE_SUFFIX" },
	{ "sobelow", "6", "sobelow-sast", "SAST_ANALYZER_IMAGE_TAG", "SAST_IMAGE_SUFFIX" },
	{ "spotbugs", "5", "spotbugs-sast", "SAST_ANALYZER_IMAGE_TAG", "SAST_IMAGE_SUFFIX" },
	{ "kics", "6", "kics-iac-sast", "SAST_ANALYZER_IMAGE_TAG", "SAST_IMAGE_SUFFIX" },
	{ "gemnasium", "6", "gemnasium-dependency_scanning", "DS_MAJOR_VERSION", "DS_IMAGE_SUFFIX" },
	{ "gemnasium-maven", "6", "gemnasium-maven-dependency_scanning", "DS_MAJOR_VERSION", "DS_IMAGE_SUFFIX" },
	{ "gemnasium-python", "6", "gemnasium-python-dependency_scanning", "DS_MAJOR_VERSION", "DS_IMAGE_SUFFIX" },
	{ "secrets", "7", NULL, "SECRETS_ANALYZER_VERSION", "SECRET_DETECTION_IMAGE_SUFFIX" },
	{ "dast", "6", NULL, "DAST_VERSION", "DAST_IMAGE_SUFFIX" },
	{ "dependency-scanning", "1", NULL, NULL, NULL }, /* an input of the template, no variable */
	{ "container-scanning", "8", NULL, NULL, NULL },  /* CS_ANALYZER_IMAGE holds the tag */
};

struct analyzer {
	char *name;   /* "semgrep", "container-scanning/trivy" */
	char *prefix; /* of the repository; "" when there is none, NULL when it does not end with the name */
	const struct vl_offer *offer;
};
struct analyzers {
	struct vl_hub *hub;
	struct analyzer *v;
	size_t n, cap;
	const struct vl_offer *java_db;
	const char *prefix; /* of the most; NULL: of none */
};

static void analyzer_clear(struct analyzer *a)
{
	free(a->name);
	free(a->prefix);
}

static void analyzers_clear(struct analyzers *a)
{
	for (size_t i = 0; i < a->n; i++)
		analyzer_clear(&a->v[i]);
	free(a->v);
	vl_hub_free(a->hub);
}
VL_DEFINE_CLEAN(analyzers)

static const struct template *template_of(const char *analyzer)
{
	for (size_t i = 0; i < VL_LEN(templates); i++)
		if (!strcmp(templates[i].analyzer, analyzer))
			return &templates[i];
	return NULL;
}

/* ---- what is carried ---- */

static bool ends_with(const char *s, const char *end)
{
	size_t len = strlen(s), end_len = strlen(end);

	return len > end_len && !strcmp(s + len - end_len, end);
}

/* "registry.gitlab.com/security-products/semgrep:6" -> "registry.gitlab.com/security-products/semgrep" */
static char *without_tag(const char *source)
{
	const char *slash = strrchr(source, '/');

	return vl_xstrndup(source, (size_t)(slash - source) + strcspn(slash, ":@"));
}

/* What upstream calls the analyzer behind its own prefix; NULL: it is none. */
static const char *name_in(const char *path, const char *type)
{
	const char *at = strstr(path, HOME), *last = strrchr(path, '/');

	if (at) {
		at += strlen(HOME);
		if (!strncmp(at, "dependencies/", 13))
			return NULL;
		return strncmp(at, "analyzers/", 10) ? at : at + 10;
	}
	if (strcmp(type, "gitlab-analyzers") != 0)
		return NULL;
	return ends_with(path, "/container-scanning/trivy") ? path + strlen(path) - strlen("container-scanning/trivy") :
							      last + 1;
}

static char *prefix_of(const char *repository, const char *name)
{
	size_t len = strlen(repository), name_len = strlen(name);

	if (!strcmp(repository, name))
		return vl_xstrdup("");
	if (len <= name_len + 1 || strcmp(repository + len - name_len, name) || repository[len - name_len - 1] != '/')
		return NULL;
	return vl_xstrndup(repository, len - name_len - 1);
}

/* Of two tags of one analyzer: the one that the template asks for, else the newer, and no FIPS build before a plain
 * one. */
static bool is_better(const char *name, const char *tag, const char *than)
{
	const struct template *t = template_of(name);
	bool fips = ends_with(tag, FIPS), than_fips = ends_with(than, FIPS);

	if (t && (!strcmp(tag, t->major) || !strcmp(than, t->major)))
		return !strcmp(tag, t->major);
	return fips == than_fips ? strverscmp(tag, than) > 0 : than_fips;
}

static void take(struct analyzers *all, const struct vl_offer *o)
{
	VL_STR path = without_tag(o->source);
	const char *name = name_in(path, o->type);

	if (!strcmp(o->type, "image") && ends_with(path, JAVA_DB))
		all->java_db = o;
	if (!name || !*name)
		return;
	for (size_t i = 0; i < all->n; i++) {
		if (strcmp(all->v[i].name, name) || strcmp(all->v[i].offer->repository, o->repository))
			continue;
		if (is_better(name, o->tag, all->v[i].offer->tag))
			all->v[i].offer = o;
		return;
	}
	vl_grow(&all->v, all->n, &all->cap, sizeof *all->v);
	all->v[all->n++] = (struct analyzer){ .name = vl_xstrdup(name), .prefix = prefix_of(o->repository, name),
					      .offer = o };
}

/* The prefix that the most have: one variable serves them all. */
static const char *common_prefix(const struct analyzers *all)
{
	const char *best = NULL;
	size_t most = 0;

	for (size_t i = 0; i < all->n; i++) {
		size_t n = 0;

		for (size_t k = 0; all->v[i].prefix && k < all->n; k++)
			n += all->v[k].prefix && !strcmp(all->v[k].prefix, all->v[i].prefix);
		if (n > most) {
			most = n;
			best = all->v[i].prefix;
		}
	}
	return best;
}

static bool look(struct analyzers *all, const struct vl_telling *t, struct vl_err *e)
{
	if (!vl_hub_load(&all->hub, t->store, t->channel->name, t->ask->rule, t->ask->n_rule, e))
		return false;
	for (size_t i = 0; i < all->hub->n_offer; i++) {
		const struct vl_offer *o = &all->hub->offer[i];

		if (o->source && strchr(o->source, '/') && o->tag && !o->attached && !o->by_item &&
		    !strcmp(o->channel, t->channel->name))
			take(all, o);
	}
	all->prefix = common_prefix(all);
	return true;
}

/* ---- what is said ---- */

/* "registry.corp:5000/scanners/security-products"; the caller frees. */
static char *address(const struct vl_telling *t, const char *path)
{
	return vl_xprintf("%s%s%s", t->ask->registry, *path ? "/" : "", path);
}

static char *image(const struct vl_telling *t, const struct vl_offer *o)
{
	return vl_xprintf("%s/%s:%s", t->ask->registry, o->repository, o->tag);
}

static const struct analyzer *container_scanning(const struct analyzers *all)
{
	static const char *const wanted[] = { "container-scanning", "container-scanning/trivy" };

	for (size_t w = 0; w < VL_LEN(wanted); w++)
		for (size_t i = 0; i < all->n; i++)
			if (!strcmp(all->v[i].name, wanted[w]))
				return &all->v[i];
	return NULL;
}

/* One variable: for the shell, and for YAML. */
static bool set(struct vl_telling *t, struct vl_buf *yaml, const char *name, const char *value, struct vl_err *e)
{
	return vl_shell_export(t->exports, name, value, e) && vl_buf_addf(yaml, e, "#     %s: \"%s\"\n", name, value);
}

static bool set_all(struct vl_telling *t, const struct analyzers *all, struct vl_buf *yaml, struct vl_err *e)
{
	const struct analyzer *cs = container_scanning(all);
	VL_STR prefix = all->prefix ? address(t, all->prefix) : NULL;
	VL_STR cs_image = cs ? image(t, cs->offer) : NULL;
	VL_STR java = cs && all->java_db ? address(t, all->java_db->repository) : NULL; /* the job adds the tag */

	return (!prefix || set(t, yaml, "SECURE_ANALYZERS_PREFIX", prefix, e)) &&
	       (!cs || set(t, yaml, "CS_ANALYZER_IMAGE", cs_image, e)) &&
	       (!java || set(t, yaml, "CS_TRIVY_JAVA_DB", java, e));
}

/* The tag without "-fips"; the caller frees. */
static char *version_of(const char *tag)
{
	return vl_xstrndup(tag, strlen(tag) - (ends_with(tag, FIPS) ? strlen(FIPS) : 0));
}

/* Variables where the template would ask for another tag. in_job: those that stand in the job, or those for all. */
static bool say_tag(const struct analyzer *a, bool in_job, struct vl_buf *out, struct vl_err *e)
{
	const struct template *m = template_of(a->name);
	VL_STR version = version_of(a->offer->tag);
	bool other = m && strcmp(version, m->major) != 0, fips = ends_with(a->offer->tag, FIPS);
	const char *more = in_job ? "  " : "";

	if (!m || !m->version || (!other && !fips) || in_job != (m->job != NULL))
		return true;
	return (!in_job || vl_buf_addf(out, e, "#   %s:\n#     variables:\n", m->job)) &&
	       (!other || vl_buf_addf(out, e, "#     %s%s: \"%s\"\n", more, m->version, version)) &&
	       (!fips || vl_buf_addf(out, e, "#     %s%s: \"" FIPS "\"\n", more, m->suffix));
}

static bool say_tags(const struct analyzers *all, bool in_job, struct vl_buf *out, struct vl_err *e)
{
	for (size_t i = 0; i < all->n; i++)
		if (!say_tag(&all->v[i], in_job, out, e))
			return false;
	return true;
}

/* The names, and what no variable can say about them. */
static bool say_names(const struct vl_telling *t, const struct analyzers *all, struct vl_err *e)
{
	for (size_t i = 0; i < all->n; i++) {
		const struct analyzer *a = &all->v[i];
		bool elsewhere = !a->prefix || strcmp(a->prefix, all->prefix) != 0;
		bool input = !strcmp(a->name, "dependency-scanning") && strcmp(a->offer->tag, "1") != 0;
		VL_STR name = image(t, a->offer);

		if (!vl_buf_addf(t->comments, e, "#   %s%s\n", name,
				 elsewhere ? "  (not below the prefix: name it as image: of its job)" : "") ||
		    (input && !vl_buf_addf(t->comments, e, "#     (include its template with the input "
					   "analyzer_image_version: \"%s\")\n", a->offer->tag)))
			return false;
	}
	return true;
}

/* An analyzer may be missing because its document cannot be read, or because another has its name. */
static bool say_problems(const struct vl_telling *t, const struct analyzers *all, struct vl_err *e)
{
	for (size_t i = 0; i < all->hub->n_problem; i++) {
		VL_STR safe = vl_safe_text(all->hub->problem[i], 400);

		if (!vl_buf_addf(t->comments, e, "#   PROBLEM: %s\n", safe))
			return false;
	}
	return true;
}

static bool say(struct vl_telling *t, const struct analyzers *all, const struct vl_desc *item, struct vl_err *e)
{
	VL_CLEAN(vl_buf) yaml = VL_BUF_INIT(1u << 20);
	char age[32];

	return set_all(t, all, &yaml, e) && say_tags(all, false, &yaml, e) && say_tags(all, true, &yaml, e) &&
	       vl_buf_addf(t->comments, e, "# GitLab (%s %" PRIu64 ", images of %s):\n", t->channel->name,
			   t->channel->sequence, vl_item_age_text(item, age)) &&
	       say_names(t, all, e) && say_problems(t, all, e) &&
	       vl_buf_addf(t->comments, e,
			   "# In .gitlab-ci.yml (those for all jobs may be variables of a group or of the "
			   "instance, too):\n"
			   "#   variables:\n%s"
			   "# In config.toml of the runners, so that jobs start when the registry does not answer:\n"
			   "#   [runners.docker]\n"
			   "#     pull_policy = [\"always\", \"if-not-present\"]\n",
			   vl_buf_str(&yaml));
}

static bool no_registry(struct vl_telling *t, struct vl_err *e)
{
	if (!t->ask->consumer)
		return vl_buf_addf(t->comments, e,
				   "# gitlab (%s): name the registry to get its lines: registry: in valise.conf, or "
				   "--registry\n",
				   t->channel->name);
	vl_fail(e, VL_E_USAGE, "it is not known which registry GitLab's runners pull from");
	return vl_hint(e, "Set registry: in valise.conf, or use --registry HOST[:PORT][/PREFIX]: where valise publish "
		       "puts images, or the address of valise serve.");
}

static bool tell(struct vl_telling *t, const struct vl_picked *items, struct vl_err *e)
{
	VL_CLEAN(analyzers) all = { 0 };

	if (!look(&all, t, e))
		return false;
	if (!all.n)
		return true;
	if (!t->ask->registry)
		return no_registry(t, e);
	t->any = true;
	return say(t, &all, items->item[0], e);
}

const struct vl_consumer vl_consumer_gitlab = {
	.name = "gitlab",
	.types = { "gitlab-analyzers", "image" },
	.tell = tell,
};
