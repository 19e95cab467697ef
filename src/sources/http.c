/* SPDX-License-Identifier: Apache-2.0 */
/* sources/http.c: one file by its URL.
 * In:    url, and at most one pin: sha256, a checksum file, or a minisign signature.
 * Out:   an artifact of one layer, named as in the URL.
 * Keeps: what was checked against a pin is remembered with the pin: another pin is another question. The checksum file
 *        or signature is fetched only when the file itself is new. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "archive/extract.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "crypt/minisign.h"
#include "sources/work.h"

#define LAYER_TYPE "application/octet-stream"
#define CHECKSUM_MAX (1u << 20)

struct http {
	struct vl_wanted file;
	char *title;
	struct vl_request proof; /* checksum file or signature */
	char **proof_urls;
	bool proof_asked;
	struct vl_pubkey key;
};

/* The last step of the URL's path; the item's name when that would not make a file name. */
static char *title_of(const struct vl_item *item)
{
	VL_STR public = vl_url_public(item->url);
	const char *path = strstr(public, "://") ? strchr(strstr(public, "://") + 3, '/') : NULL;
	const char *slash = path ? strrchr(path, '/') : NULL;

	return vl_xstrdup(slash && vl_path_is_safe(slash + 1) ? slash + 1 : item->name);
}

static bool load_key(const struct vl_work *w, struct vl_pubkey *key, struct vl_err *e)
{
	const char *text = w->item->minisign_key;
	VL_STR path = text[0] == '/' ? vl_xstrdup(text) : vl_xprintf("%s/%s", w->run->job->list->dir, text);
	struct vl_err why;

	if (strlen(text) == 56 && vl_pubkey_parse(key, vl_bytes_str(text), "minisign-key", &why))
		return true;
	return vl_pubkey_load(key, path, e);
}

/* What the content is checked against, as text. */
static char *pin_text(const struct vl_item *item, const struct vl_pubkey *key)
{
	char base64[57];

	if (item->sha256)
		return vl_xprintf("sha256 %s", item->sha256);
	if (item->checksum_url)
		return vl_xprintf("checksum %s", item->checksum_url);
	if (!item->minisign_key)
		return vl_xstrdup("none");
	vl_pubkey_base64(key, base64);
	return vl_xprintf("minisign %s %s", base64, item->signature_url);
}

/* Only the hash is kept: URLs may have secrets in their query. */
static char *pin_mark(const struct vl_item *item, const struct vl_pubkey *key)
{
	VL_STR text = pin_text(item, key);
	char hex[VL_DIGEST_HEX];

	vl_run_key(item->unpack ? "pin of an archive" : "pin", text, hex);
	return vl_xstrdup(hex);
}

static void file_done(struct vl_net *n, struct vl_request *g)
{
	struct http *h = vl_container_of(vl_container_of(g, struct vl_wanted, get), struct http, file);
	const struct vl_work *w = h->file.work;
	const char *url = w->item->checksum_url ? w->item->checksum_url : w->item->signature_url;

	if (!g->ok || vl_wanted_is_old(&h->file) || !url)
		return;
	h->proof_urls = vl_mirrored(w->run->job->conf, url);
	h->proof.label = h->file.label;
	h->proof.urls = (const char *const *)h->proof_urls;
	h->proof.max = w->item->checksum_url ? CHECKSUM_MAX : VL_MINISIG_MAX;
	h->proof_asked = true;
	vl_net_add(n, &h->proof);
}

static bool pin_fails(const char *title, const char *algorithm, const char *found, const char *expected,
		      struct vl_err *e)
{
	vl_fail(e, VL_E_PIN, "%s of %s is %s, its pin says %s", algorithm, title, found, expected);
	return vl_found(e, title, found, expected);
}

static bool check_digest(const struct http *h, int fd, const char *algorithm, const char *expected, struct vl_err *e)
{
	char found[129];

	if (!vl_digest_fd_named(algorithm, fd, found, e))
		return false;
	return !strcmp(found, expected) || pin_fails(h->title, algorithm, found, expected, e);
}

static bool check_checksum(const struct http *h, int fd, struct vl_err *e)
{
	const char *algorithm;
	char hex[129];
	VL_STR public = vl_url_public(h->file.work->item->checksum_url);

	if (strlen(vl_buf_str(&h->proof.body)) != h->proof.body.len)
		return vl_fail(e, VL_E_CONTENT, "%s is not a text", public);
	if (!vl_checksum_find(vl_buf_str(&h->proof.body), h->title, &algorithm, hex, e))
		return vl_while(e, "%s", public);
	return check_digest(h, fd, algorithm, hex, e);
}

static bool check_signature(const struct http *h, int fd, struct vl_err *e)
{
	VL_STR public = vl_url_public(h->file.work->item->signature_url);
	char id[VL_KEYID_TEXT], want[VL_KEYID_TEXT];
	struct vl_minisig sig;
	struct vl_blake2b hash;
	struct vl_err why = VL_ERR_INIT;

	if (!vl_minisig_parse(&sig, vl_buf_bytes(&h->proof.body), true, public, &why))
		return vl_fail(e, VL_E_PIN, "%s", why.msg);
	if (!vl_blake2b_fd(fd, &hash, e))
		return false;
	if (vl_minisig_verify(&sig, &h->key, &hash))
		return true;
	vl_keyid_text(sig.keyid, id);
	vl_keyid_text(h->key.id, want);
	vl_fail(e, VL_E_PIN, "the signature %s (key %s) does not prove %s with key %s", public, id, h->title, want);
	return vl_found(e, h->title, id, want);
}

static bool rewind_to(int fd, struct vl_err *e)
{
	return lseek(fd, 0, SEEK_SET) == 0 || vl_fail_os(e, "a downloaded file");
}

static bool check_pin(const struct http *h, int fd, struct vl_err *e)
{
	const struct vl_item *item = h->file.work->item;

	if (h->proof_asked && !h->proof.ok) {
		*e = h->proof.err;
		return vl_while(e, item->checksum_url ? "checksum-url" : "signature-url");
	}
	if (item->sha256)
		return check_digest(h, fd, "sha256", item->sha256, e);
	if (item->checksum_url)
		return check_checksum(h, fd, e);
	return !item->minisign_key || check_signature(h, fd, e);
}

/* What cannot be unpacked here cannot be unpacked there either; here somebody can do something about it. */
static bool check_archive(const struct http *h, int fd, struct vl_err *e)
{
	const struct vl_run *run = h->file.work->run;
	struct vl_extract x = { .max_bytes = vl_extract_bytes_max(h->file.get.size),
				.max_members = VL_EXTRACT_MEMBERS_MAX, .file_mode = 0600, .dir_mode = 0700 };
	VL_STR name = vl_xprintf("try-%.32s", h->file.key);
	struct vl_err why = VL_ERR_INIT;
	VL_FD dir = -1;
	bool good;

	if (!vl_remove_tree(run->staging_dir, name, e) || !vl_mkdirs_at(run->staging_dir, name, 0700, &dir, e))
		return false;
	good = vl_extract(fd, dir, &x, h->title, e);
	if (good && !x.files)
		good = vl_fail(e, VL_E_CONTENT, "%s: the archive holds no file, but unpack is true", h->title);
	return vl_remove_tree(run->staging_dir, name, good ? e : &why) && good;
}

static void warn_unpinned(const struct vl_work *w)
{
	const struct vl_item *item = w->item;

	if (item->sha256 || item->checksum_url || item->minisign_key || w->run->told_unpinned)
		return;
	w->run->told_unpinned = true;
	vl_emit_warn(w->run->job->env,
		     "item %s has no pin (sha256, checksum-url or minisign-key): what the server sends is believed",
		     item->name);
}

static bool take_file(struct vl_wanted *wanted, int fd, struct vl_desc *layer, struct vl_err *e)
{
	const struct http *h = vl_container_of(wanted, struct http, file);
	const struct vl_work *w = wanted->work;
	struct vl_digest d;
	uint64_t size;

	if (!check_pin(h, fd, e) || !rewind_to(fd, e) || (w->item->unpack && !check_archive(h, fd, e)) ||
	    !rewind_to(fd, e) || !vl_store_put_fd(w->run->job->store, fd, &d, &size, e))
		return false;
	warn_unpinned(w);
	vl_desc_init(layer, LAYER_TYPE, &d, size);
	vl_desc_set(layer, VL_AN_TITLE, h->title);
	return true;
}

static bool begin(struct vl_work *w, struct vl_err *e)
{
	struct http *h = vl_xcalloc(1, sizeof *h);

	w->priv = h;
	vl_request_init(&h->proof);
	vl_request_init(&h->file.get);
	if (w->item->minisign_key && !load_key(w, &h->key, e))
		return vl_while(e, "minisign-key");
	h->title = title_of(w->item);
	vl_wanted_init(&h->file, w, vl_xstrdup(w->item->name), vl_xstrdup(w->item->url), pin_mark(w->item, &h->key));
	h->file.take = take_file;
	h->file.get.done = file_done;
	vl_wanted_add(&h->file);
	return true;
}

static bool finish(struct vl_work *w, struct vl_made *out, struct vl_err *e)
{
	struct http *h = w->priv;
	VL_CLEAN(vl_doc) doc = { .n = 0 };
	VL_STR public = vl_url_public(w->item->url);

	w->result->downloaded += h->file.get.bytes_moved + h->proof.bytes_moved;
	vl_doc_init_artifact(&doc, w->source->artifact_type);
	if (!vl_wanted_finish(&h->file, vl_doc_add(&doc), &out->fetched, e) ||
	    !vl_run_put_doc(w->run, &doc, &out->desc, e))
		return false;
	out->source = vl_xstrdup(strstr(public, "://") ? strstr(public, "://") + 3 : public);
	vl_desc_set(&out->desc, VL_AN_UPSTREAM, vl_desc_get(&doc.child[0], VL_AN_UPSTREAM));
	if (w->item->unpack)
		vl_desc_set(&out->desc, VL_AN_UNPACK, "true");
	return true;
}

static void drop(struct vl_work *w)
{
	struct http *h = w->priv;

	if (!h)
		return;
	vl_wanted_clear(&h->file);
	vl_request_clear(&h->proof);
	vl_texts_free(h->proof_urls);
	free(h->title);
	free(h);
}

const struct vl_source vl_source_http = {
	.type = "http", .artifact_type = "application/vnd.valise.http.v1", .begin = begin, .finish = finish,
	.drop = drop,
};
