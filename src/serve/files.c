/* SPDX-License-Identifier: Apache-2.0 */
/* serve/files.c: /files/ITEM/..., /osv/ECOSYSTEM/all.zip, and pages of the directories in between.
 * In:    a path as it was sent.
 * Out:   a file as a blob, a page of names, a redirect to the form with the slash.
 * Keeps: escapes are undone once, then the whole path is looked up in the hall's table; nothing is opened by a name
 *        that a client sent. A foreign file is never text/html, so it can never run in this host's name. */
#include <stdlib.h>

#include "base/text.h"
#include "serve/route_priv.h"

#define PAGE_ENTRIES 500u
#define PLAIN "text/plain; charset=utf-8"

/* ---- what a file is ---- */

static const struct {
	const char *end, *type;
} types[] = {
	{ ".txt", PLAIN }, { ".md", PLAIN }, { ".rules", PLAIN }, { ".conf", PLAIN }, { ".yaml", PLAIN },
	{ ".yml", PLAIN }, { ".csv", PLAIN }, { ".html", PLAIN }, { ".htm", PLAIN }, { ".xml", PLAIN },
	{ ".json", "application/json" }, { ".zip", "application/zip" }, { ".gz", "application/gzip" },
	{ ".tgz", "application/gzip" },
};

static const char *type_of(const char *path)
{
	for (size_t i = 0; i < VL_LEN(types); i++)
		if (vl_ends_with(path, types[i].end))
			return types[i].type;
	return "application/octet-stream";
}

static void give_file(const struct vl_hall_file *f, struct vl_reply *r)
{
	r->status = 200;
	r->type = type_of(f->path);
	r->cache = "no-cache"; /* the name's content changes with the next bundle: ask again with the ETag */
	r->is_blob = true;
	r->digest = f->digest;
	r->size = f->size;
	r->modified = f->modified;
}

/* ---- pages ---- */

/* Steps through the entries of one directory: "files/a/" holds "b.txt" and "c/". */
struct entries {
	const struct vl_hall *h;
	const char *dir; /* ends in '/' */
	size_t at;       /* index of the next file */
	const struct vl_hall_file *file; /* the entry is this file, or NULL: a directory */
	char *name;      /* owned; without slash */
};

static void entries_clear(struct entries *s)
{
	free(s->name);
}
VL_DEFINE_CLEAN(entries)

/* The first file that is not below this directory any more: '0' follows '/' in ASCII. */
static size_t after_dir(const struct entries *s)
{
	VL_STR end = vl_xprintf("%s%s0", s->dir, s->name);

	return vl_hall_lower(s->h, end);
}

static bool next_entry(struct entries *s)
{
	const struct vl_hall_file *f = s->at < s->h->n_file ? &s->h->file[s->at] : NULL;
	const char *rest, *slash;

	if (!f || strncmp(f->path, s->dir, strlen(s->dir)) != 0)
		return false;
	rest = f->path + strlen(s->dir);
	slash = strchr(rest, '/');
	free(s->name);
	s->name = vl_xstrndup(rest, slash ? (size_t)(slash - rest) : strlen(rest));
	s->file = slash ? NULL : f;
	s->at = slash ? after_dir(s) : s->at + 1;
	return true;
}

static void put_entry(struct vl_text *t, const struct entries *s)
{
	char text[24];

	vl_text_add(t, "<tr><td><a href=\"");
	vl_text_url(t, s->name);
	vl_text_add(t, s->file ? "\">" : "/\">");
	vl_text_html(t, s->name);
	vl_text_add(t, s->file ? "</a></td><td class=\"n\">" : "/</a></td><td class=\"n\">-");
	if (s->file) {
		vl_text_add(t, vl_size_text(s->file->size, text));
		vl_text_addf(t, "</td><td>%s", vl_time_text(s->file->modified, text));
	} else {
		vl_text_add(t, "</td><td>");
	}
	vl_text_add(t, "</td></tr>\n");
}

/* Where a page begins: behind the entry that ended the page before, "b.txt" or "c/". */
static size_t first_after(const struct vl_hall *h, const char *dir, const char *last)
{
	VL_STR from = vl_xprintf("%s%s", dir, last ? last : "");
	size_t len = strlen(from), at;

	if (last && *last && from[len - 1] == '/')
		from[len - 1] = '0';
	at = vl_hall_lower(h, from);
	return at < h->n_file && !strcmp(h->file[at].path, from) ? at + 1 : at;
}

static void put_more(struct vl_text *t, const struct entries *s)
{
	VL_STR name = vl_percent_encode(s->name);
	VL_STR key = vl_xprintf("%s%s", name, s->file ? "" : "/");
	VL_STR value = vl_percent_encode(key); /* twice: the core takes only plain ASCII in a query's value */

	vl_text_add(t, "<p><a href=\"?last=");
	vl_text_add(t, value);
	vl_text_add(t, "\">More</a></p>\n");
}

/* "files/et-open/": what is to be said about the item. */
static void put_note(struct vl_text *t, const struct vl_hall *h, const char *dir)
{
	bool unpack = false;

	for (size_t i = 0; i < h->n_item; i++) {
		VL_STR own = vl_xprintf("files/%s/", h->item[i].name);

		unpack = unpack || (h->item[i].unpack && !strcmp(dir, own));
	}
	if (unpack)
		vl_text_add(t, "<p>The packing list says <code>unpack: true</code> for this item: where valise places "
			       "it, it is a tree. Here the archive itself is served.</p>\n");
}

static void give_dir(const struct vl_hall *h, const struct vl_ask *a, const char *dir, struct vl_reply *r)
{
	VL_STR title = vl_xprintf("/%s", dir);
	VL_STR last = a->last ? vl_path_unescape(a->last) : NULL;
	VL_CLEAN(entries) s = { .h = h, .dir = dir, .at = first_after(h, dir, last) };
	struct vl_text t = vl_text_begin(r);
	unsigned n = 0;

	vl_text_page_begin(&t, title);
	put_note(&t, h, dir);
	vl_text_add(&t, "<table>\n<tr><th>Name</th><th>Size</th><th>Data of</th></tr>\n"
			"<tr><td><a href=\"../\">../</a></td><td></td><td></td></tr>\n");
	for (; n < PAGE_ENTRIES && next_entry(&s); n++)
		put_entry(&t, &s);
	vl_text_add(&t, "</table>\n");
	if (n == PAGE_ENTRIES)
		put_more(&t, &s);
	vl_text_page_end(&t, r, 200);
}

/* ---- paths ---- */

static void redirect(const char *path, struct vl_reply *r)
{
	VL_CLEAN(vl_buf) url = VL_BUF_INIT(4 * 2048);
	struct vl_text t = { .out = &url };

	vl_text_add(&t, "/");
	vl_text_url(&t, path);
	vl_text_add(&t, "/");
	vl_reply_say(r, 301, "This is a directory; its address ends with a slash.");
	r->location = vl_xstrdup(vl_buf_str(&url));
}

static bool is_dir(const struct vl_hall *h, const char *dir)
{
	size_t at = vl_hall_lower(h, dir);

	return !strcmp(dir, "files/") || !strcmp(dir, "osv/") ||
	       (at < h->n_file && !strncmp(h->file[at].path, dir, strlen(dir)));
}

/* The bucket's list: one name per line. */
static void give_ecosystems(const struct vl_hall *h, struct vl_reply *r)
{
	VL_CLEAN(entries) s = { .h = h, .dir = "osv/", .at = vl_hall_lower(h, "osv/") };
	struct vl_text t = vl_text_begin(r);

	while (next_entry(&s)) {
		if (s.file)
			continue;
		vl_text_add(&t, s.name);
		vl_text_add(&t, "\n");
	}
	vl_text_end(&t, r, 200, PLAIN);
}

/* path: without the leading slash, and without the last one when it names a directory. */
static void find(const struct vl_hall *h, const struct vl_ask *a, const char *path, bool slash, struct vl_reply *r)
{
	const struct vl_hall_file *f = slash ? NULL : vl_hall_find(h, path);
	VL_STR dir = vl_xprintf("%s/", path);

	if (f)
		give_file(f, r);
	else if (!slash && !strcmp(path, "osv/ecosystems.txt"))
		give_ecosystems(h, r);
	else if (is_dir(h, dir) && slash)
		give_dir(h, a, dir, r);
	else if (is_dir(h, dir))
		redirect(path, r);
	else
		vl_reply_say(r, 404, "There is no such file in the current generation. See /files/ and /osv/.");
}

void vl_route_files(const struct vl_hall *h, const struct vl_ask *a, struct vl_reply *r)
{
	VL_STR path = vl_path_unescape(a->path + 1);
	size_t len = path ? strlen(path) : 0;
	bool slash = len && path[len - 1] == '/';

	if (slash)
		path[len - 1] = '\0';
	if (path && vl_path_is_safe(path))
		find(h, a, path, slash, r);
	else
		vl_reply_say(r, 400, "This path is malformed.");
}
