/* SPDX-License-Identifier: Apache-2.0 */
/* cli/cmd_export.c: images and files out of the store for programs that know no store: docker load, podman load. */
#include <stdlib.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/parts.h"
#include "pipeline/export.h"

struct opts {
	const char *out, *format, *image, *platform, *channel;
	bool no_attached;
};
static const struct vl_opt table[] = {
	{ VL_OPT_TEXT, 'o', "output", offsetof(struct opts, out), "PATH",
	  "the file or directory to make; - is standard output" },
	{ VL_OPT_TEXT, 'F', "format", offsetof(struct opts, format), "FORMAT",
	  "docker-archive, oci-archive or files (default: oci-archive for images, files for all else)" },
	{ VL_OPT_TEXT, 'i', "image", offsetof(struct opts, image), "NAME", "only this image of the item" },
	{ VL_OPT_TEXT, 'p', "platform", offsetof(struct opts, platform), "PLATFORM",
	  "only this platform, as linux/arm64, of images that have several" },
	{ VL_OPT_TEXT, 'c', "channel", offsetof(struct opts, channel), "NAME", "look in this channel only" },
	{ VL_OPT_FLAG, 0, "no-attached", offsetof(struct opts, no_attached), NULL,
	  "oci-archive without signatures and attestations" },
	{ .kind = VL_OPT_END },
};

static bool prepare(const struct vl_cli *c, const struct opts *o, struct vl_export_opts *x, struct vl_err *e)
{
	VL_STR safe = vl_safe_text(o->format ? o->format : "", 64);

	*x = (struct vl_export_opts){ .what = c->args[0], .image = o->image, .platform = o->platform,
				      .channel = o->channel, .out = o->out, .no_attached = o->no_attached };
	if (!o->out) {
		vl_fail(e, VL_E_USAGE, "where to? -o PATH is missing");
		return vl_hint(e, "For example: valise export %s -o images.tar", c->args[0]);
	}
	if (o->format && !vl_export_format_parse(o->format, &x->format)) {
		vl_fail(e, VL_E_USAGE, "--format %s is not known", safe);
		return vl_hint(e, "It is docker-archive, oci-archive or files.");
	}
	if (!strcmp(o->out, "-") && isatty(STDOUT_FILENO)) {
		vl_fail(e, VL_E_USAGE, "standard output is a terminal");
		return vl_hint(e, "Send it into a file or a pipe, or name a file with -o.");
	}
	return true;
}

static bool json_result(const struct opts *o, const struct vl_exported *x, struct vl_err *e)
{
	struct vl_line l;

	vl_line_begin(&l, "result");
	vl_jw_str(&l.w, "command", "export");
	vl_line_text(&l, "path", o->out);
	vl_jw_str(&l.w, "format", vl_export_format_name(x->format));
	vl_jw_u64(&l.w, "bytes", x->bytes);
	if (x->format == VL_EXPORT_FILES)
		vl_jw_u64(&l.w, "files", x->files);
	vl_jw_array(&l.w, "images");
	for (size_t i = 0; i < x->images.n; i++) {
		const struct vl_named_image *image = &x->images.v[i];

		vl_jw_object(&l.w, NULL);
		vl_line_text(&l, "name", image->n ? image->name[0] : NULL);
		vl_line_digest(&l, "digest", &image->desc.digest);
		vl_jw_bool(&l.w, "attached", image->attached);
		vl_jw_object_end(&l.w);
	}
	vl_jw_array_end(&l.w);
	vl_jw_u64(&l.w, "layers-decompressed", x->expanded);
	return vl_line_end(&l, e);
}

static void say_images(const struct vl_exported *x)
{
	for (size_t i = 0; i < x->images.n; i++) {
		const struct vl_named_image *image = &x->images.v[i];
		VL_STR platform = vl_platform_text(&image->desc.platform);

		if (image->attached)
			continue;
		for (size_t k = 0; k < image->n; k++) {
			vl_say("            ");
			vl_say_safe(image->name[k]);
			if (platform) {
				vl_say("  ");
				vl_say_safe(platform);
			}
			vl_say("\n");
		}
	}
}

static size_t names_in(const struct vl_exported *x)
{
	size_t n = 0;

	for (size_t i = 0; i < x->images.n; i++)
		n += x->images.v[i].n;
	return n;
}

static void say_next(const struct opts *o, const struct vl_exported *x)
{
	VL_STR out = vl_safe_text(o->out, 512);
	const struct vl_named_image *first = &x->images.v[0];
	VL_STR name = vl_safe_text(first->n ? first->name[0] : "", 300);

	if (x->expanded)
		vl_say_row("", "%zu of its layers decompressed: docker before 23 cannot read zstd", x->expanded);
	if (x->format == VL_EXPORT_DOCKER)
		vl_say("Next: docker load -i %s   or   podman load -i %s\n", out, out);
	else if (x->format == VL_EXPORT_OCI)
		vl_say("Next: skopeo copy oci-archive:%s:%s docker://...\n", out, name);
	if (x->format == VL_EXPORT_OCI && names_in(x) > 1)
		vl_say("podman load takes an oci-archive with one name only: use --format docker-archive, or "
		       "--image NAME --no-attached.\n");
}

static void say_result(const struct opts *o, const struct vl_exported *x)
{
	char size[24], count[64], attached[64];
	VL_STR out = vl_safe_text(o->out, 512);

	vl_size_text(x->bytes, size);
	if (x->format == VL_EXPORT_FILES) {
		vl_say_row("exported", "%s, %s, %s", out, vl_count_text(x->files, "file", "files", count), size);
		return;
	}
	vl_count_text(x->images.n - x->attached, "image", "images", count);
	vl_count_text(x->attached, "signature or attestation", "signatures and attestations", attached);
	vl_say_row("exported", "%s, %s, %s%s%s, %s", out, vl_export_format_name(x->format),
		   x->names_are_items ? "one artifact" : count, x->attached ? ", " : "",
		   x->attached ? attached : "", size);
	say_images(x);
	say_next(o, x);
}

static bool run(struct vl_cli *c, const void *opts, struct vl_err *e)
{
	const struct opts *o = opts;
	VL_AUTO(vl_store) s = NULL;
	VL_CLEAN(vl_generation) g = { 0 };
	VL_CLEAN(vl_exported) x = { 0 };
	VL_CLEAN(vl_name_rules) rules = { 0 };
	const struct vl_conf *conf;
	struct vl_export_opts how;

	if (!prepare(c, o, &how, e) || !vl_cli_conf(c, &conf, e))
		return false;
	vl_name_rules_init(&rules, conf);
	how.rule = rules.v;
	how.n_rule = rules.n;
	if (vl_cli_store_absent(c))
		return vl_cli_no_store(c, e);
	if (!vl_store_open(&s, c->store, VL_STORE_READ, 0, &c->env, e) || !vl_store_current(s, &g, e) ||
	    !vl_cli_check_channel(&g, o->channel, e) || !vl_export(s, &g, &how, &c->env, &x, e))
		return false;
	if (!strcmp(o->out, "-"))
		return true;
	if (c->g.json)
		return json_result(o, &x, e);
	if (c->g.quiet)
		return true;
	say_result(o, &x);
	return true;
}

static char *values(const char *option)
{
	char *all = NULL;

	for (int f = VL_EXPORT_DOCKER; !strcmp(option, "format") && f <= VL_EXPORT_FILES; f++) {
		char *more = vl_xprintf("%s%s%s", all ? all : "", all ? " " : "",
					vl_export_format_name((enum vl_export_format)f));

		free(all);
		all = more;
	}
	return all;
}

const struct vl_command vl_cmd_export = {
	.name = "export", .summary = "write images or files of the store for other programs", .side = VL_SIDE_BOTH,
	.usage = "ITEM[/NAME] -o PATH [-F FORMAT] [-p PLATFORM] [-c NAME]\n"
		 "NAME -o PATH [-F FORMAT] [-p PLATFORM] [-c NAME]",
	.text = "Writes the images of an item, or one of them, as an archive for docker load, podman load and skopeo; "
		"or the files of an item into a new directory. Every blob is hashed while it is written.",
	.opts = table, .size = sizeof(struct opts), .args_min = 1, .args_max = 1, .run = run, .values = values,
};
