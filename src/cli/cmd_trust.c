/* SPDX-License-Identifier: Apache-2.0 */
/* cli/cmd_trust.c: who may sign which channel, and how many of them it takes. */
#include <inttypes.h>

#include "base/text.h"
#include "cli/parts.h"

#define ARGS_MAX 64 /* the verb among them */

struct opts {
	const char *channel, *note;
	struct vl_opt_count threshold, lock_wait;
};
static const struct vl_opt table[] = {
	{ VL_OPT_TEXT, 'c', "channel", offsetof(struct opts, channel), "NAME",
	  "for this channel only (default: every channel)" },
	{ VL_OPT_TEXT, 0, "note", offsetof(struct opts, note), "TEXT", "add: whose key this is, for trust list" },
	{ VL_OPT_COUNT, 0, "threshold", offsetof(struct opts, threshold), "N",
	  "add: so many different keys must have signed (default: 1)" },
	VL_ROW_LOCK_WAIT(struct opts),
	{ .kind = VL_OPT_END },
};

static const char *channel_text(const char *channel)
{
	return *channel ? channel : "every channel";
}

static bool key_line(const char *type, const struct vl_pubkey *key, const char *channel, const char *note,
		     int64_t added, struct vl_err *e)
{
	char id[VL_KEYID_TEXT], base64[57];
	struct vl_line l;

	vl_pubkey_base64(key, base64);
	vl_line_begin(&l, type);
	vl_jw_str(&l.w, "key-id", vl_keyid_text(key->id, id));
	vl_jw_str(&l.w, "public-key", base64);
	vl_line_text(&l, "channel", channel && *channel ? channel : NULL);
	vl_line_text(&l, "note", note && *note ? note : NULL);
	vl_line_time(&l, "added", added);
	return vl_line_end(&l, e);
}

static bool say_added(struct vl_cli *c, const struct opts *o, const struct vl_pubkey *key, struct vl_err *e)
{
	char id[VL_KEYID_TEXT], base64[57];

	if (c->g.json)
		return key_line("trusted", key, o->channel, o->note, 0, e);
	vl_pubkey_base64(key, base64);
	vl_say_row("trusted for", "%s", channel_text(o->channel ? o->channel : ""));
	vl_say_row("key id", "%s", vl_keyid_text(key->id, id));
	vl_say_row("key line", "%s", base64);
	return true;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool open_for_change(struct vl_cli *c, const struct opts *o, struct vl_store **s, struct vl_trust *t,
			    struct vl_err *e)
{
	return vl_store_open(s, c->store, VL_STORE_WRITE, (unsigned)o->lock_wait.n, &c->env, e) &&
	       vl_trust_load(t, *s, e);
}

/* Each file is read once: a medium may answer differently the second time, and then another key would be read out on
 * the telephone than the one that is trusted. keys[i] is that of argument i. */
static bool add_all(struct vl_cli *c, const struct opts *o, struct vl_trust *t, struct vl_pubkey keys[static ARGS_MAX],
		    struct vl_err *e)
{
	for (size_t i = 1; i < c->n_args; i++) {
		const char *note = o->note ? o->note : base_name(c->args[i]);

		if (!vl_pubkey_load(&keys[i], c->args[i], e) ||
		    !vl_trust_add(t, &keys[i], o->channel, note, c->env.now, e))
			return false;
	}
	if (!o->threshold.set)
		return true;
	if (o->threshold.n > VL_SIGNATURES_MAX)
		return vl_fail(e, VL_E_TRUST_SET, "a bundle holds at most %d signatures, never %" PRIu64,
			       VL_SIGNATURES_MAX, o->threshold.n);
	return vl_trust_set_threshold(t, o->channel, (unsigned)o->threshold.n, e);
}

static bool trust_add(struct vl_cli *c, const struct opts *o, struct vl_err *e)
{
	VL_AUTO(vl_store) s = NULL;
	VL_CLEAN(vl_trust) t = { 0 };
	struct vl_pubkey keys[ARGS_MAX];
	char id[VL_KEYID_TEXT] = "";

	if (c->n_args < 2 && !o->threshold.set)
		return vl_fail(e, VL_E_USAGE, "name the public key files: valise trust add KEY.pub");
	if (!open_for_change(c, o, &s, &t, e) || !add_all(c, o, &t, keys, e) || !vl_trust_save(&t, s, e))
		return false;
	for (size_t i = 1; i < c->n_args; i++) {
		if (!say_added(c, o, &keys[i], e))
			return false;
		vl_keyid_text(keys[i].id, id);
	}
	if (c->g.json)
		return true;
	if (o->threshold.set)
		vl_say_row("threshold", "%" PRIu64 " of the keys for %s must sign", o->threshold.n,
			   channel_text(o->channel ? o->channel : ""));
	if (!c->g.quiet && c->n_args > 1)
		vl_say("\nNow telephone the sender and read the key line to each other. If it differs, run\n"
		       "    valise trust remove %s\n"
		       "at once: whoever made that key could install anything here.\n", c->n_args == 2 ? id : "KEYID");
	return true;
}

static bool list_json(const struct vl_trust *t, struct vl_err *e)
{
	for (size_t i = 0; i < t->n; i++)
		if (!key_line("trusted", &t->key[i].key, t->key[i].channel, t->key[i].note, t->key[i].added, e))
			return false;
	for (size_t i = 0; i < t->n_threshold; i++) {
		struct vl_line l;

		vl_line_begin(&l, "threshold");
		vl_line_text(&l, "channel", *t->threshold[i].channel ? t->threshold[i].channel : NULL);
		vl_jw_u64(&l.w, "threshold", t->threshold[i].n);
		if (!vl_line_end(&l, e))
			return false;
	}
	return true;
}

static void list_text(const struct vl_trust *t, int64_t now)
{
	if (!t->n)
		vl_say("No key is trusted yet: nothing can be installed.\n"
		       "Run valise trust add KEY.pub; see valise-workflow(7).\n");
	for (size_t i = 0; i < t->n; i++) {
		const struct vl_trusted *k = &t->key[i];
		char id[VL_KEYID_TEXT], base64[57], when[48];

		vl_pubkey_base64(&k->key, base64);
		vl_say("%s  %s\n    signs %s, added %s, note: ", vl_keyid_text(k->key.id, id), base64,
		       channel_text(k->channel), vl_when(k->added, now, when));
		vl_say_safe(k->note);
		vl_say("\n");
	}
	for (size_t i = 0; i < t->n_threshold; i++)
		vl_say("%u signatures are needed for %s\n", t->threshold[i].n, channel_text(t->threshold[i].channel));
}

static bool trust_list(struct vl_cli *c, const struct opts *o, struct vl_err *e)
{
	VL_AUTO(vl_store) s = NULL;
	VL_CLEAN(vl_trust) t = { 0 };

	(void)o;
	if (c->n_args > 1)
		return vl_fail(e, VL_E_USAGE, "trust list takes no more words");
	if (!vl_cli_store_absent(c) && (!vl_store_open(&s, c->store, VL_STORE_READ, 0, &c->env, e) ||
					!vl_trust_load(&t, s, e)))
		return false;
	if (c->g.json)
		return list_json(&t, e);
	list_text(&t, c->env.now);
	return true;
}

/* What the operator typed is a key id, a key line, or a .pub file: the file becomes its line. */
static bool remove_one(struct vl_trust *t, const char *what, const char *channel, size_t *n, struct vl_err *e)
{
	struct vl_pubkey key;
	struct vl_err not_a_file = VL_ERR_INIT;
	char base64[57];

	if (vl_pubkey_load(&key, what, &not_a_file)) {
		vl_pubkey_base64(&key, base64);
		what = base64;
	}
	return vl_trust_remove(t, what, channel, n, e);
}

static bool trust_remove(struct vl_cli *c, const struct opts *o, struct vl_err *e)
{
	VL_AUTO(vl_store) s = NULL;
	VL_CLEAN(vl_trust) t = { 0 };
	size_t total = 0;
	struct vl_line l;
	char text[64];

	if (c->n_args < 2)
		return vl_fail(e, VL_E_USAGE, "name the key: its id, its line, or its .pub file");
	if (!open_for_change(c, o, &s, &t, e))
		return false;
	for (size_t i = 1; i < c->n_args; i++) {
		size_t n = 0;

		if (!remove_one(&t, c->args[i], o->channel, &n, e))
			return false;
		total += n;
	}
	if (!vl_trust_save(&t, s, e))
		return false;
	if (!c->g.json) {
		vl_say("%s no longer trusted\n", vl_count_text(total, "key is", "keys are", text));
		return true;
	}
	vl_line_begin(&l, "removed");
	vl_jw_u64(&l.w, "keys", total);
	return vl_line_end(&l, e);
}

static bool run(struct vl_cli *c, const void *opts, struct vl_err *e)
{
	static const struct {
		const char *verb;
		bool (*run)(struct vl_cli *c, const struct opts *o, struct vl_err *e);
	} verbs[] = { { "add", trust_add }, { "list", trust_list }, { "remove", trust_remove } };
	const char *const words[] = { "add", "list", "remove", NULL };
	const struct opts *o = opts;
	const char *near;

	for (size_t i = 0; i < VL_LEN(verbs); i++) {
		if (strcmp(c->args[0], verbs[i].verb))
			continue;
		if (i && (o->note || o->threshold.set))
			return vl_fail(e, VL_E_USAGE, "--note and --threshold belong to trust add");
		if (o->channel && !vl_name_is_valid(o->channel))
			return vl_fail(e, VL_E_USAGE, "--channel is not a channel's name (a-z 0-9 - _ .)");
		return verbs[i].run(c, o, e);
	}
	near = vl_nearest(c->args[0], words);
	vl_fail(e, VL_E_USAGE, "trust can add, list and remove; the word given is another");
	return near ? vl_hint(e, "Did you mean trust %s?", near) : vl_hint(e, "See valise trust --help.");
}

const struct vl_command vl_cmd_trust = {
	.name = "trust", .summary = "say whose signatures this host accepts", .side = VL_SIDE_ISOLATED,
	.usage = "add PUB.. [-c NAME] [--note TEXT] [--threshold N]\nlist\nremove KEYID|PUB.. [-c NAME]",
	.text = "Keeps the public keys whose signatures this store accepts, per channel or for all channels, and how "
		"many of them a bundle needs.",
	.opts = table, .size = sizeof(struct opts), .args_min = 1, .args_max = ARGS_MAX, .run = run,
};
