/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline/export_names.c: from what a person types to one image.
 * In:    a name, short or whole, and the images there are.
 * Out:   exactly one; or all that it could mean; or the nearest.
 * Keeps: never a guess: "semgrep" of two hosts is a question back. */
#include <stdlib.h>

#include "base/text.h"
#include "pipeline/export.h"

/* Where the tag (or "@sha256:..") of a name begins: the length without it. */
static size_t bare_length(const char *name)
{
	const char *at = strchr(name, '@'), *slash = strrchr(name, '/'), *colon = strrchr(name, ':');

	if (at)
		return (size_t)(at - name);
	if (colon && (!slash || colon > slash))
		return (size_t)(colon - name);
	return strlen(name);
}

int vl_image_name_matches(const char *full, const char *asked)
{
	size_t bare = bare_length(full), len = strlen(full), want = strlen(asked);

	if (!strcmp(full, asked))
		return 2;
	/* Without a tag it stands for all tags. */
	if (bare_length(asked) == want)
		len = bare;
	if (!want || want > len || memcmp(full + len - want, asked, want))
		return 0;
	return want == len || full[len - want - 1] == '/';
}

static int matches(const struct vl_named_image *i, const char *asked)
{
	struct vl_digest d;
	int best = 0;

	if (vl_digest_parse_oci(&d, asked[0] == '@' ? asked + 1 : asked))
		return vl_digest_equal(&d, &i->desc.digest) ? 2 : 0;
	for (size_t k = 0; k < i->n; k++) {
		int m = vl_image_name_matches(i->name[k], asked);

		best = m > best ? m : best;
	}
	return i->attached && best < 2 ? 0 : best;
}

void vl_named_images_map(const struct vl_named_images *l, const struct vl_name_rule *rule, size_t n,
			 struct vl_named_images *out)
{
	for (size_t i = 0; i < l->n; i++) {
		struct vl_named_image *copy = vl_named_images_add(out);

		vl_desc_copy(&copy->desc, &l->v[i].desc);
		copy->attached = l->v[i].attached;
		for (size_t k = 0; k < l->v[i].n; k++) {
			const char *name = l->v[i].name[k];
			size_t bare = bare_length(name);
			VL_STR old = vl_xstrndup(name, bare);
			VL_STR mapped = vl_name_map(rule, n, old);
			VL_STR whole = vl_xprintf("%s%s", mapped ? mapped : old, name + bare);

			vl_named_image_add_name(copy, whole, strlen(whole));
		}
	}
}

/* The shortest way to name it: without the host. */
static const char *short_name(const char *full)
{
	const char *slash = strchr(full, '/');

	return slash ? slash + 1 : full;
}

static char *names_of(const struct vl_named_images *l, const char *asked)
{
	VL_STR all = vl_xstrdup("");
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++) {
		VL_STR before = NULL;

		if (!l->v[i].n || l->v[i].attached || (asked && !matches(&l->v[i], asked)))
			continue;
		if (++n > 8)
			continue;
		before = vl_steal(&all);
		all = vl_xprintf("%s%s%s", before, *before ? ", " : "", l->v[i].name[0]);
	}
	return n <= 8 ? vl_safe_text(all, 480) : vl_xprintf("%s and %zu more", all, n - 8);
}

/* The nearest of all names, with and without host, or NULL. */
static char *nearest(const struct vl_named_images *l, const char *asked)
{
	const char **word;
	const char *found;
	size_t n = 0, all = 1;

	for (size_t i = 0; i < l->n; i++)
		all += 3 * l->v[i].n;
	word = vl_xcalloc(all, sizeof *word);
	for (size_t i = 0; i < l->n; i++)
		for (size_t k = 0; !l->v[i].attached && k < l->v[i].n; k++) {
			const char *slash = strrchr(l->v[i].name[k], '/');

			word[n++] = l->v[i].name[k];
			word[n++] = short_name(l->v[i].name[k]);
			word[n++] = slash ? slash + 1 : l->v[i].name[k];
		}
	found = vl_nearest(asked, word);
	free(word);
	return found ? vl_safe_text(found, 300) : NULL;
}

static bool not_there(const struct vl_named_images *l, const char *asked, struct vl_err *e)
{
	VL_STR safe = vl_safe_text(asked, 200);
	VL_STR near = nearest(l, asked);
	VL_STR all = names_of(l, NULL);

	vl_fail(e, VL_E_ABSENT, "there is no image %s", safe);
	if (near)
		return vl_hint(e, "Did you mean %s?", near);
	return vl_hint(e, "There is: %s.", *all ? all : "no image at all");
}

bool vl_named_images_find(const struct vl_named_images *l, const char *name, size_t *at, struct vl_err *e)
{
	VL_STR safe = vl_safe_text(name, 200);
	VL_STR all = NULL;
	int best = 0;
	bool many = false;

	for (size_t i = 0; i < l->n; i++) {
		int m = matches(&l->v[i], name);

		if (m && m == best)
			many |= !vl_digest_equal(&l->v[i].desc.digest, &l->v[*at].desc.digest);
		if (m <= best)
			continue;
		best = m;
		many = false;
		*at = i;
	}
	if (!best)
		return not_there(l, name, e);
	if (!many)
		return true;
	all = names_of(l, name);
	vl_fail(e, VL_E_USAGE, "%s could be more than one image", safe);
	return vl_hint(e, "Say which: %s.", all);
}
