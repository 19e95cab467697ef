/* SPDX-License-Identifier: Apache-2.0 */
/* place/trivy.c: Trivy's vulnerability database.
 * In:    an item of type trivy-db: one layer, titled *.tar.gz, that holds trivy.db and metadata.json.
 * Out:   db/trivy.db and db/metadata.json, real files that belong to whoever scans.
 * Keeps: Trivy opens trivy.db for writing and deletes it when it looks wrong, so it is never a link of a blob. It
 *        treats a database whose DownloadedAt is zero, as upstream ships it, as broken and fetches it again: only that
 *        value is replaced, in the text, so that NextUpdate and all else stay exactly what upstream wrote. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/extract.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "place/place_priv.h"

#define METADATA "metadata.json"
#define METADATA_MAX 65536
#define DOWNLOADED "\"DownloadedAt\""

/* ---- metadata.json ---- */

/* The end of the JSON value at p (of a document that was parsed before, so it is well formed). */
static const char *skip_value(const char *p)
{
	unsigned depth = 0;
	bool quoted = false;

	for (; *p; p++) {
		if (quoted && *p == '\\' && p[1])
			p++;
		else if (*p == '"')
			quoted = !quoted;
		else if (!quoted && (*p == '{' || *p == '['))
			depth++;
		else if (!quoted && !depth && (*p == ',' || *p == '}' || *p == ']'))
			return p;
		else if (!quoted && (*p == '}' || *p == ']'))
			depth--;
	}
	return p;
}

static const char *skip_blanks(const char *p)
{
	return p + strspn(p, " \t\r\n");
}

/* Begin and end of the value of the top-level member DownloadedAt; NULL when there is none. *inside is behind the {. */
static const char *find_downloaded(const char *text, const char **end, const char **inside)
{
	const char *p = skip_blanks(text), *key, *value;

	*inside = ++p;
	for (p = skip_blanks(p); *p == '"'; p = skip_blanks(p + 1)) {
		key = p;
		for (p++; *p && *p != '"'; p++)
			if (*p == '\\' && p[1])
				p++;
		value = skip_blanks(skip_blanks(p + 1) + 1); /* over " and : */
		p = skip_value(value);
		*end = p;
		if (!strncmp(key, DOWNLOADED, strlen(DOWNLOADED)))
			return value;
		if (*p != ',')
			break;
	}
	return NULL;
}

static bool stamp(const struct vl_buf *in, int64_t now, struct vl_buf *out, struct vl_err *e)
{
	VL_AUTO(vl_json) json = NULL;
	const char *text = vl_buf_str(in), *value, *end, *inside;
	char when[24];

	if (!vl_json_parse(&json, vl_buf_bytes(in), VL_JSON_OCI, METADATA, VL_E_CONTENT, e))
		return false;
	if (!vl_jval_is_object(vl_json_root(json)))
		return vl_fail(e, VL_E_CONTENT, METADATA " is not a JSON object");
	vl_time_text(now, when);
	value = find_downloaded(text, &end, &inside);
	if (value)
		return vl_buf_addf(out, e, "%.*s\"%s\"%s", (int)(value - text), text, when, end);
	return vl_buf_addf(out, e, "%.*s" DOWNLOADED ":\"%s\"%s%s", (int)(inside - text), text, when,
			   vl_jval_count(vl_json_root(json)) ? "," : "", inside);
}

/* ---- the tree ---- */

static bool find_layer(void *ctx, const struct vl_desc *layer, struct vl_err *e)
{
	const char *title = vl_desc_get(layer, VL_AN_TITLE);
	struct vl_desc *found = ctx;

	(void)e;
	if (!found->media_type && title && vl_ends_with(title, ".tar.gz"))
		vl_desc_copy(found, layer);
	return true;
}

static bool database_layer(const struct vl_store *s, const struct vl_desc *item, struct vl_desc *layer,
			   struct vl_err *e)
{
	struct vl_docs docs = vl_docs_of_store(s);

	if (!vl_item_layers(&docs, item, find_layer, layer, e))
		return false;
	return layer->media_type || vl_fail(e, VL_E_CONTENT, "no layer is titled *.tar.gz");
}

static bool unpack(const struct vl_fill *f, const struct vl_desc *layer, int db, struct vl_err *e)
{
	static const char *const members[] = { "trivy.db", METADATA, NULL };
	struct vl_extract x = { .only = members,
				.max_bytes = vl_extract_bytes_max(layer->size),
				.max_members = 64,
				.file_mode = 0600,
				.dir_mode = 0700 };
	VL_CLEAN(vl_buf) in = VL_BUF_INIT(METADATA_MAX), out = VL_BUF_INIT(METADATA_MAX + 256);
	VL_FD fd = -1;

	return vl_store_open_blob(f->store, &layer->digest, layer->size, &fd, e) &&
	       vl_extract(fd, db, &x, vl_desc_get(layer, VL_AN_TITLE), e) &&
	       vl_load_file(db, METADATA, &in, NULL, e) && stamp(&in, f->env->now, &out, e) &&
	       vl_save_file(db, METADATA, 0600, vl_buf_bytes(&out), e);
}

static bool fill(const struct vl_fill *f, int dir, const struct vl_picked *items, struct vl_err *e)
{
	const char *name = vl_desc_get(items->item[0], VL_AN_ITEM);
	VL_CLEAN(vl_desc) layer = { 0 };
	VL_FD db = -1;

	if (items->n > 1)
		vl_emit_warn(f->env, "%zu items of type trivy-db; Trivy can use one of them: %s is placed", items->n,
			     name);
	return (database_layer(f->store, items->item[0], &layer, e) && vl_mkdirs_at(dir, "db", 0700, &db, e) &&
		unpack(f, &layer, db, e)) ||
	       vl_while(e, "item %s", name);
}

static bool need(const struct vl_store *s, const struct vl_desc *item, uint64_t *bytes, struct vl_err *e)
{
	VL_CLEAN(vl_desc) layer = { 0 };

	return database_layer(s, item, &layer, e) && vl_layer_expanded(s, &layer, bytes, e);
}

/* Everything that would make Trivy look for the network is told to stay off. */
static bool exports(const struct vl_where *w, struct vl_buf *out, struct vl_err *e)
{
	return vl_shell_export(out, "TRIVY_CACHE_DIR", w->path, e) &&
	       vl_buf_addf(out, e,
			   "export TRIVY_SKIP_DB_UPDATE=true TRIVY_OFFLINE_SCAN=true\n"
			   "export TRIVY_SKIP_JAVA_DB_UPDATE=true TRIVY_SKIP_CHECK_UPDATE=true\n"
			   "export TRIVY_SKIP_VERSION_CHECK=true TRIVY_DISABLE_TELEMETRY=true\n");
}

/* Trivy says only "permission denied" when the database belongs to another user: tell before. */
static const char *advice_rights(const struct vl_where *w)
{
	VL_STR db = vl_xprintf("%s/db/trivy.db", w->path);

	if (!faccessat(AT_FDCWD, db, R_OK | W_OK, AT_EACCESS))
		return "";
	return "#   Trivy writes to its database, and this one is not yours to write: let valise place a\n"
	       "#   copy for your user (places: in valise.conf, with owner:).\n";
}

static bool advice(const struct vl_where *w, struct vl_buf *out, struct vl_err *e)
{
	char text[32];

	return vl_buf_addf(out, e,
			   "# Trivy (%s %llu, database of %s):\n"
			   "#   trivy fs --scanners vuln --skip-db-update --offline-scan DIR\n%s",
			   w->channel->name, (unsigned long long)w->channel->sequence,
			   vl_item_age_text(w->item, text), advice_rights(w));
}

const struct vl_consumer vl_consumer_trivy = {
	.name = "trivy",
	.dir = "trivy",
	.types = { "trivy-db" },
	.dir_mode = 0700,
	.swapped = { "db" },
	.fill = fill,
	.need = need,
	.exports = exports,
	.advice = advice,
};
