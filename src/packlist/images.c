/* SPDX-License-Identifier: Apache-2.0 */
/* packlist/images.c: items of type image and gitlab-analyzers.
 * In:    references as people write them for docker, names of GitLab's analyzers, platforms.
 * Out:   item->images as full references with a tag or a digest, defaults filled in.
 * Keeps: one name stands for one image in the whole list: on the other side both would be one name of a registry. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "packlist/packlist_priv.h"
#include "packlist/ref.h"

#define DOCKER_HUB "docker.io"
#define GITLAB_REGISTRY "registry.gitlab.com/security-products"
#define LOWER_DIGIT "abcdefghijklmnopqrstuvwxyz0123456789"
#define LATEST_HINT                                                                                                    \
	"GitLab refreshes every major under its number: write the major, and valise records the digest beside it."

/* The majors that the templates of GitLab 18 and 19 ask for. A name that is not here is fetched when its major is
 * written. */
static const struct analyzer {
	const char *name, *major;
} analyzers[] = {
	{ "semgrep", "6" },
	{ "gitlab-advanced-sast", "2" },
	{ "secrets", "7" },
	{ "container-scanning", "8" },
	{ "container-scanning/trivy", "8" },
	{ "dependency-scanning", "1" },
	{ "gemnasium", "6" },
	{ "gemnasium-maven", "6" },
	{ "gemnasium-python", "6" },
	{ "kics", "6" },
	{ "dast", "6" },
	{ "kubesec", "6" },
	{ "pmd-apex", "6" },
	{ "sobelow", "6" },
	{ "spotbugs", "5" },
};

/* ---- references ---- */

/* True: docker takes what stands before the first slash for a host. */
static bool begins_with_host(const char *text)
{
	size_t len = strcspn(text, "/");

	if (!text[len])
		return false;
	return memchr(text, '.', len) || memchr(text, ':', len) || (len == 9 && !memcmp(text, "localhost", 9));
}

/* What docker makes of a short name: "alpine:3" -> "docker.io/library/alpine:3". The caller frees. */
static char *complete(const char *text)
{
	const char *rest = text;

	if (begins_with_host(text)) {
		if (!strncmp(text, "index.docker.io/", 16))
			rest = text + 16;
		else if (!strncmp(text, DOCKER_HUB "/", 10))
			rest = text + 10;
		else
			return vl_xstrdup(text);
	}
	/* A digest holds no slash, and a tag neither. */
	return vl_xprintf(DOCKER_HUB "/%s%s", strchr(rest, '/') ? "" : "library/", rest);
}

static bool check_image(const struct vl_exam *x, const char *key, const char *written, const char *full,
			struct vl_err *e)
{
	VL_STR shown = vl_safe_text(written, 200);
	struct vl_err why = VL_ERR_INIT;
	struct vl_ref ref;

	if (strstr(written, "://")) {
		vl_exam_fail(x, e, key, "image \"%s\" is a URL; write it without the scheme", shown);
		return false;
	}
	if (!vl_ref_parse(&ref, full, &why))
		return vl_exam_fail(x, e, key, "image %s", why.msg);
	if (ref.tag[0] || ref.digest[0])
		return true;
	vl_exam_fail(x, e, key, "image \"%s\" has neither a tag nor a digest", shown);
	return vl_hint(e, "Add one; if the newest is meant, write \"%s:latest\".", shown);
}

/* Up to where two references call the same name: a tag is a name, whatever digest stands behind it. */
static size_t name_length(const char *reference)
{
	const char *at = strchr(reference, '@'), *slash = strchr(reference, '/');
	const char *colon = at && slash ? memchr(slash, ':', (size_t)(at - slash)) : NULL;

	return colon ? (size_t)(at - reference) : strlen(reference);
}

static bool is_same(const char *a, const char *b)
{
	size_t len = name_length(a);

	return len == name_length(b) && !memcmp(a, b, len);
}

/* The item that has the name already: an earlier one, or this one further up. */
static const struct vl_item *other_with(const struct vl_exam *x, const char *image, size_t before)
{
	for (size_t i = 0; i <= x->i; i++) {
		const struct vl_item *o = &x->list->items[i];
		size_t n = o == x->item ? before : o->images_count;

		for (size_t k = 0; k < n; k++)
			if (is_same(o->images[k], image))
				return o;
	}
	return NULL;
}

static bool check_once(const struct vl_exam *x, const char *key, size_t k, struct vl_err *e)
{
	const char *image = x->item->images[k];
	const struct vl_item *other = other_with(x, image, k);
	VL_STR shown = vl_safe_text(image, 200);

	if (!other)
		return true;
	return vl_exam_fail(x, e, key, "image \"%.*s\" is already in item \"%s\"%s", (int)name_length(shown), shown,
			    other->name, other == x->item ? ", further up" : "");
}

static bool check_references(const struct vl_exam *x, struct vl_err *e)
{
	for (unsigned k = 0; k < x->item->images_count; k++) {
		char **image = &x->item->images[k];
		VL_STR full = complete(*image);
		char key[40];

		snprintf(key, sizeof key, "images.%u", k);
		if (!check_image(x, key, *image, full, e))
			return false;
		free(*image);
		*image = vl_steal(&full);
		if (!check_once(x, key, k, e))
			return false;
	}
	return true;
}

/* ---- platforms ---- */

/* OS/ARCH or OS/ARCH/VARIANT, in the lower-case words of Go's GOOS and GOARCH. */
static bool platform_is_good(const char *p)
{
	for (int step = 0; step < 3; step++) {
		size_t len = strspn(p, LOWER_DIGIT "._-");

		if (len == 0 || len > 32)
			return false;
		p += len;
		if (*p == '\0')
			return step > 0;
		if (*p++ != '/')
			return false;
	}
	return false;
}

static const char *arch_of(const char *platform)
{
	const char *slash = strchr(platform, '/');

	return slash ? slash + 1 : platform;
}

/* The kernel's names of what registries call otherwise. */
static const char *common_arch(const char *platform)
{
	static const char *const pairs[][2] = {
		{ "x86_64", "amd64" }, { "aarch64", "arm64" }, { "i386", "386" },     { "i686", "386" },
		{ "armv7l", "arm/v7" }, { "armhf", "arm/v7" }, { "x86", "386" },
	};

	for (size_t i = 0; i < VL_LEN(pairs); i++)
		if (!strcmp(arch_of(platform), pairs[i][0]))
			return pairs[i][1];
	return NULL;
}

static bool check_platform(const struct vl_exam *x, unsigned k, struct vl_err *e)
{
	const char *p = x->item->platforms[k], *common = common_arch(p);
	VL_STR shown = vl_safe_text(p, 60);
	char key[40];

	snprintf(key, sizeof key, "platforms.%u", k);
	if (!strcmp(p, "all")) {
		if (x->item->platforms_count == 1)
			return true;
		return vl_exam_fail(x, e, key, "platform \"all\" in item \"%s\" stands alone: leave the others out",
				    x->item->name);
	}
	if (common)
		return vl_exam_fail(x, e, key, "platform \"%s\" is called \"%.*s%s\" in registries", shown,
				    p == arch_of(p) ? 6 : (int)(arch_of(p) - p), p == arch_of(p) ? "linux/" : p,
				    common);
	if (!platform_is_good(p))
		return vl_exam_fail(x, e, key,
				    "platform \"%s\" must be OS/ARCH or OS/ARCH/VARIANT such as linux/amd64 or "
				    "linux/arm64, or the word all",
				    shown);
	for (unsigned i = 0; i < k; i++)
		if (!strcmp(x->item->platforms[i], p))
			return vl_exam_fail(x, e, key, "platform \"%s\" is here twice", shown);
	return true;
}

static bool check_platforms(const struct vl_exam *x, struct vl_err *e)
{
	struct vl_item *it = x->item;

	for (unsigned k = 0; k < it->platforms_count; k++)
		if (!check_platform(x, k, e))
			return false;
	if (it->platforms_count)
		return true;
	it->platforms = vl_xcalloc(1, sizeof *it->platforms);
	it->platforms[0] = vl_xstrdup("linux/amd64");
	it->platforms_count = 1;
	return true;
}

/* What both types have. */
static bool check_common(const struct vl_exam *x, struct vl_err *e)
{
	if (!vl_exam_has(x, "referrers"))
		x->item->referrers = true;
	/* Without the signatures there is nothing to verify. */
	if (!x->item->referrers && x->item->cosign_key)
		return vl_exam_fail(x, e, "referrers",
				    "\"referrers: false\" and \"cosign-key\" in item \"%s\" exclude each other: the "
				    "signatures that are verified are carried, too",
				    x->item->name);
	return check_platforms(x, e);
}

bool vl_exam_images(const struct vl_exam *x, struct vl_err *e)
{
	return check_references(x, e) && check_common(x, e);
}

/* ---- gitlab-analyzers ---- */

static const struct analyzer *analyzer_find(const char *name)
{
	for (size_t i = 0; i < VL_LEN(analyzers); i++)
		if (!strcmp(analyzers[i].name, name))
			return &analyzers[i];
	return NULL;
}

static void known_names(const char *out[VL_LEN(analyzers) + 1])
{
	for (size_t i = 0; i < VL_LEN(analyzers); i++)
		out[i] = analyzers[i].name;
	out[VL_LEN(analyzers)] = NULL;
}

/* "semgrep:6, gitlab-advanced-sast:2, ..." The caller frees. */
static char *known_list(void)
{
	char *list = vl_xstrdup("");

	for (size_t i = 0; i < VL_LEN(analyzers); i++) {
		char *more = vl_xprintf("%s%s%s:%s", list, i ? ", " : "", analyzers[i].name, analyzers[i].major);

		free(list);
		list = more;
	}
	return list;
}

static bool check_any(const struct vl_exam *x, struct vl_err *e)
{
	VL_STR list = known_list();

	if (x->item->analyzers_count)
		return true;
	vl_exam_fail(x, e, vl_exam_has(x, "analyzers") ? "analyzers" : "", "item \"%s\" names no analyzers",
		     x->item->name);
	return vl_hint(e, "The usual ones: analyzers: [semgrep, secrets, container-scanning]. All: %s.", list);
}

/* "6", "6-fips", "6.2.1": digits with dots between. */
static bool tag_is_good(const char *tag)
{
	size_t len = strspn(tag, "0123456789.");

	return len && tag[0] != '.' && tag[len - 1] != '.' && len < 40 && (!tag[len] || !strcmp(tag + len, "-fips"));
}

static bool unknown_analyzer(const struct vl_exam *x, const char *key, const char *name, struct vl_err *e)
{
	const char *known[VL_LEN(analyzers) + 1], *near;
	VL_STR list = known_list();
	VL_STR shown = vl_safe_text(name, 80);

	known_names(known);
	near = vl_nearest(name, known);
	if (near)
		vl_exam_fail(x, e, key, "unknown analyzer \"%s\" in item \"%s\"; did you mean \"%s\"?", shown,
			     x->item->name, near);
	else
		vl_exam_fail(x, e, key, "unknown analyzer \"%s\" in item \"%s\"", shown, x->item->name);
	return vl_hint(e, "Known: %s. Others need their major: \"%s:1\".", list, shown);
}

static bool check_tag(const struct vl_exam *x, const char *key, const char *written, const char *tag,
		      struct vl_err *e)
{
	VL_STR shown = vl_safe_text(written, 80);

	if (tag_is_good(tag))
		return true;
	vl_exam_fail(x, e, key, "analyzer \"%s\" must be NAME, NAME:MAJOR or NAME:MAJOR-fips", shown);
	return vl_hint(e, LATEST_HINT);
}

/* item->analyzers[k] -> *out, "REGISTRY/NAME:TAG", which the caller frees. */
static bool expand(const struct vl_exam *x, unsigned k, char **out, struct vl_err *e)
{
	const char *written = x->item->analyzers[k], *colon = strchr(written, ':');
	VL_STR name = vl_xstrndup(written, strcspn(written, ":"));
	const struct analyzer *a = analyzer_find(name);
	char key[40];

	snprintf(key, sizeof key, "analyzers.%u", k);
	if (!colon && !a)
		return unknown_analyzer(x, key, name, e);
	if (colon && !check_tag(x, key, written, colon + 1, e))
		return false;
	*out = vl_xprintf("%s/%s:%s", x->item->registry, name, colon ? colon + 1 : a->major);
	return check_image(x, key, *out, *out, e);
}

static bool check_registry(const struct vl_exam *x, struct vl_err *e)
{
	VL_STR shown = NULL;

	if (!x->item->registry)
		x->item->registry = vl_xstrdup(GITLAB_REGISTRY);
	if (vl_ref_is_registry(x->item->registry))
		return true;
	shown = vl_safe_text(x->item->registry, 200);
	return vl_exam_fail(x, e, "registry",
			    "\"registry\" in item \"%s\" must be HOST[:PORT][/PREFIX] such as " GITLAB_REGISTRY
			    ", not \"%s\"",
			    x->item->name, shown);
}

bool vl_exam_analyzers(const struct vl_exam *x, struct vl_err *e)
{
	struct vl_item *it = x->item;

	if (!check_any(x, e) || !check_registry(x, e))
		return false;
	it->images = vl_xcalloc(it->analyzers_count, sizeof *it->images);
	for (; it->images_count < it->analyzers_count; it->images_count++) {
		unsigned k = it->images_count;
		VL_STR image = NULL;
		char key[40];

		snprintf(key, sizeof key, "analyzers.%u", k);
		if (!expand(x, k, &image, e))
			return false;
		it->images[k] = vl_steal(&image);
		if (!check_once(x, key, k, e)) {
			it->images_count++;
			return false;
		}
	}
	return check_common(x, e);
}
