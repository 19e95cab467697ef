/* SPDX-License-Identifier: Apache-2.0 */
/* cli/cmd_keygen.c: a new pair of keys in minisign's formats.
 * Keeps: neither file is ever overwritten; a half-made pair is taken away again. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/parts.h"

#define PASSWORD_MAX 1024

struct opts {
	const char *name;
	bool no_password, light;
	struct vl_opt_count password_fd;
};
static const struct vl_opt table[] = {
	{ VL_OPT_TEXT, 'o', "output", offsetof(struct opts, name), "NAME",
	  "write NAME.key and NAME.pub (default: valise)" },
	{ VL_OPT_FLAG, 0, "no-password", offsetof(struct opts, no_password), NULL,
	  "do not encrypt the secret key; its file is the only protection then" },
	{ VL_OPT_COUNT, 0, "password-fd", offsetof(struct opts, password_fd), "N",
	  "read the password from descriptor N, one line" },
	{ VL_OPT_FLAG, 0, "light", offsetof(struct opts, light), NULL,
	  "guard the password with 16 MiB of memory instead of 1 GiB: weaker, for small machines" },
	{ .kind = VL_OPT_END },
};

static bool check_free(const char *path, struct vl_err *e)
{
	struct stat st;

	if (lstat(path, &st))
		return true;
	vl_fail(e, VL_E_EXISTS, "%s is already there and is not overwritten", path);
	return vl_hint(e, "Choose another name with -o, or move the old key away.");
}

static bool save_public(const char *path, const struct vl_pubkey *pub, struct vl_err *e)
{
	VL_CLEAN(vl_buf) text = VL_BUF_INIT(4096);
	VL_FD dir = -1; /* before f, whose end removes a file in it */
	VL_CLEAN(vl_newfile) f = VL_NEWFILE_INIT;
	const char *base;

	return vl_pubkey_format(pub, &text, e) && vl_open_parent(path, &dir, &base, e) &&
	       vl_newfile_open(&f, dir, base, 0644, e) && vl_write_all(f.fd, vl_buf_bytes(&text), e) &&
	       vl_newfile_commit_new(&f, e);
}

static bool save_pair(const struct opts *o, const struct vl_seckey *key, const char *sec, const char *pub,
		      struct vl_err *e)
{
	struct vl_password ask = { .fd = -1 };
	struct vl_pubkey public_key;
	char password[PASSWORD_MAX];
	bool good;

	if (!vl_password_init(&ask, &o->password_fd, e))
		return false;
	good = (o->no_password || vl_password_new(&ask, password, sizeof password, e)) &&
	       vl_seckey_save(key, sec, o->no_password ? NULL : password, o->light, e);
	explicit_bzero(password, sizeof password);
	if (!good)
		return false;
	vl_seckey_public(key, &public_key);
	if (save_public(pub, &public_key, e))
		return true;
	unlink(sec);
	return vl_while(e, "%s", pub);
}

static bool say(struct vl_cli *c, const struct vl_seckey *key, const char *sec, const char *pub, struct vl_err *e)
{
	struct vl_pubkey public_key;
	char id[VL_KEYID_TEXT], base64[57];
	struct vl_line l;

	vl_seckey_public(key, &public_key);
	vl_keyid_text(public_key.id, id);
	vl_pubkey_base64(&public_key, base64);
	if (c->g.json) {
		vl_line_begin(&l, "key");
		vl_line_text(&l, "secret-file", sec);
		vl_line_text(&l, "public-file", pub);
		vl_jw_str(&l.w, "key-id", id);
		vl_jw_str(&l.w, "public-key", base64);
		return vl_line_end(&l, e);
	}
	vl_say_row("secret key", "%s   stays on this host; who has it can sign for you", sec);
	vl_say_row("public key", "%s   goes to the isolated host, once", pub);
	vl_say_row("key id", "%s", id);
	vl_say_row("key line", "%s", base64);
	if (!c->g.quiet)
		vl_say("\nNext: take %s to the isolated host and run there\n"
		       "    valise trust add %s\n"
		       "Then telephone: read the key line above to each other. Only when it is the\n"
		       "same on both sides is the key the right one. See valise-workflow(7).\n", pub, pub);
	return true;
}

static bool run(struct vl_cli *c, const void *opts, struct vl_err *e)
{
	const struct opts *o = opts;
	const char *name = o->name ? o->name : "valise";
	VL_STR sec = vl_xprintf("%s.key", name);
	VL_STR pub = vl_xprintf("%s.pub", name);
	VL_AUTO(vl_seckey) key = NULL;

	if (o->no_password && (o->password_fd.set || o->light))
		return vl_fail(e, VL_E_USAGE, "--no-password contradicts --%s", o->light ? "light" : "password-fd");
	return check_free(sec, e) && check_free(pub, e) && vl_seckey_new(&key, e) && save_pair(o, key, sec, pub, e) &&
	       say(c, key, sec, pub, e);
}

const struct vl_command vl_cmd_keygen = {
	.name = "keygen", .summary = "make a pair of keys that sign bundles", .side = VL_SIDE_CONNECTED,
	.usage = "[-o NAME] [--no-password | --password-fd N]",
	.text = "Writes a secret key (NAME.key, readable by you alone) and a public key (NAME.pub) in the format of "
		"minisign. Existing files are never overwritten.",
	.opts = table, .size = sizeof(struct opts), .run = run,
};
