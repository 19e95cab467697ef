/* SPDX-License-Identifier: Apache-2.0 */
/* net/creds.c: who we are to a server: docker's and podman's login files, credential helpers, netrc.
 * Keeps: a credential is looked up only when a server asked for one (registries) or for the very host it is for; what
 * is read is never put into a message. Files that others can read are used, with a warning: they are the operator's. */
#include "net/net_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/host.h"
#include "base/json.h"
#include "base/text.h"

#define FILES 4
#define FILE_MAX (1u << 20)

struct source {
	char *path;
	bool named; /* by our own configuration: must exist */
	bool tried, warned;
	struct vl_json *json;
};
struct vl_creds {
	const struct vl_env *env;
	struct source docker[FILES];
	size_t n;
	struct source netrc;
	struct vl_buf netrc_text;
};

static void wipe(char **s)
{
	if (*s)
		explicit_bzero(*s, strlen(*s));
	free(*s);
	*s = NULL;
}

void vl_cred_clear(struct vl_cred *c)
{
	wipe(&c->user);
	wipe(&c->secret);
	wipe(&c->identity);
	wipe(&c->bearer);
}

/* -- base64 ------------------------------------------------------------------------------------------------------ */
static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

bool vl_base64_decode(const char *text, char **out)
{
	size_t len = strlen(text), n = 0;
	VL_STR bytes = vl_xcalloc(len + 1, 1);
	uint32_t bits = 0;
	const char *d;

	while (len && text[len - 1] == '=')
		len--;
	if (len % 4 == 1)
		return false;
	for (size_t i = 0; i < len; i++) {
		d = memchr(digits, text[i], 64);
		if (!d)
			return false;
		bits = bits << 6 | (uint32_t)(d - digits);
		if (i % 4 == 0)
			continue;
		bytes[n] = (char)(bits >> (6 - 2 * (i % 4)));
		if (!bytes[n++])
			return false;
	}
	*out = vl_steal(&bytes);
	return true;
}

static char *base64(const char *s, size_t len)
{
	char *out = vl_xcalloc(len / 3 * 4 + 5, 1), *at = out;
	uint32_t v;
	size_t left;

	for (size_t i = 0; i < len; i += 3) {
		left = len - i;
		v = (uint32_t)(uint8_t)s[i] << 16 | (left > 1 ? (uint32_t)(uint8_t)s[i + 1] << 8 : 0) |
		    (left > 2 ? (uint32_t)(uint8_t)s[i + 2] : 0);
		*at++ = digits[v >> 18];
		*at++ = digits[v >> 12 & 63];
		*at++ = left > 1 ? digits[v >> 6 & 63] : '=';
		*at++ = left > 2 ? digits[v & 63] : '=';
	}
	return out;
}

char *vl_basic_auth(const char *user, const char *password)
{
	char *pair = vl_xprintf("%s:%s", user, password), *code = base64(pair, strlen(pair));
	char *header = vl_xprintf("Basic %s", code);

	wipe(&pair);
	wipe(&code);
	return header;
}

/* -- files ------------------------------------------------------------------------------------------------------- */
static void add_source(struct vl_creds *c, char *path, bool named)
{
	if (path && c->n < FILES)
		c->docker[c->n++] = (struct source){ .path = path, .named = named };
	else
		free(path);
}

static char *below(const char *variable, const char *rest)
{
	const char *dir = getenv(variable);

	return dir && *dir ? vl_xprintf("%s%s", dir, rest) : NULL;
}

static bool load_json(struct source *s, struct vl_err *e)
{
	VL_CLEAN(vl_buf) text = VL_BUF_INIT(FILE_MAX);
	bool absent = false, good;

	s->tried = true;
	if (!vl_load_file(AT_FDCWD, s->path, &text, s->named ? NULL : &absent, e))
		return false;
	if (absent)
		return true;
	good = vl_json_parse(&s->json, vl_buf_bytes(&text), VL_JSON_OCI, s->path, VL_E_CONFIG, e);
	explicit_bzero(text.data, text.len);
	return good;
}

bool vl_creds_new(struct vl_creds **out, const struct vl_net_conf *conf, const struct vl_env *env, struct vl_err *e)
{
	VL_AUTO(vl_creds) c = vl_xcalloc(1, sizeof *c);
	const char *netrc = conf->netrc ? conf->netrc : getenv("NETRC");
	char *first = below("DOCKER_CONFIG", "/config.json");

	c->env = env;
	c->netrc_text.max = FILE_MAX;
	c->netrc.named = conf->netrc != NULL;
	c->netrc.path = netrc && *netrc ? vl_xstrdup(netrc) : below("HOME", "/.netrc");
	if (conf->docker_config) {
		free(first);
		add_source(c, vl_xstrdup(conf->docker_config), true);
	} else {
		add_source(c, first ? first : below("HOME", "/.docker/config.json"), false);
		add_source(c, below("REGISTRY_AUTH_FILE", ""), false);
		add_source(c, below("XDG_RUNTIME_DIR", "/containers/auth.json"), false);
	}
	/* What the operator named must be right, and is told before anything is fetched. */
	if (conf->docker_config && !load_json(&c->docker[0], e))
		return vl_while(e, "docker-config");
	if (conf->netrc && !vl_load_file(AT_FDCWD, conf->netrc, &c->netrc_text, NULL, e))
		return vl_while(e, "netrc");
	c->netrc.tried = conf->netrc != NULL;
	*out = vl_steal(&c);
	return true;
}

void vl_creds_free(struct vl_creds *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n; i++) {
		vl_json_free(c->docker[i].json);
		free(c->docker[i].path);
	}
	free(c->netrc.path);
	if (c->netrc_text.data)
		explicit_bzero(c->netrc_text.data, c->netrc_text.len);
	vl_buf_clear(&c->netrc_text);
	free(c);
}

static void warn_if_open(struct vl_creds *c, struct source *s)
{
	struct stat st;

	if (s->warned || stat(s->path, &st) || !(st.st_mode & 077))
		return;
	s->warned = true;
	vl_emit_warn(c->env, "%s holds credentials and can be read by others; chmod 600 it", s->path);
}

static void load_lazily(struct vl_creds *c, struct source *s)
{
	struct vl_err e = VL_ERR_INIT;

	if (!s->tried && !load_json(s, &e))
		vl_emit_warn(c->env, "%s; going on without its credentials", e.msg);
}

/* -- looking up -------------------------------------------------------------------------------------------------- */
/* How well a key of `auths` fits: 0 not at all. "https://host/v1/" means the host; "host/org" only what lies below. */
static size_t key_fits(const char *key, const char *host, const char *repository)
{
	bool old = !strncmp(key, "https://", 8) || !strncmp(key, "http://", 7);
	const char *name = old ? strstr(key, "://") + 3 : key;
	size_t len = strcspn(name, "/"), path;
	VL_STR key_host = vl_xstrndup(name, len);

	if (strcmp(key_host, host) != 0 && !(vl_host_is_docker(key_host) && vl_host_is_docker(host)))
		return 0;
	if (old || !name[len] || !name[len + 1])
		return 1;
	path = strlen(name + len + 1);
	if (!repository || strncmp(repository, name + len + 1, path) != 0 ||
	    (repository[path] && repository[path] != '/'))
		return 0;
	return 1 + path;
}

static const struct vl_jval *best_key(const struct vl_jval *object, const char *host, const char *repository)
{
	const struct vl_jval *best = NULL, *value;
	size_t best_fit = 0, fit;
	const char *key = NULL;

	for (size_t i = 0; i < vl_jval_count(object); i++) {
		value = vl_jval_member(object, i, &key);
		fit = key_fits(key, host, repository);
		if (fit > best_fit) {
			best_fit = fit;
			best = value;
		}
	}
	return best;
}

static bool from_helper(struct vl_creds *c, const char *helper, const char *host, struct vl_cred *out)
{
	struct vl_err e = VL_ERR_INIT;

	if (!helper || !*helper)
		return false;
	if (vl_helper_ask(helper, vl_host_is_docker(host) ? "https://index.docker.io/v1/" : host, out, &e))
		return out->secret || out->identity;
	vl_emit_warn(c->env, "%s; going on without", e.msg);
	return false;
}

static bool from_auth(const struct vl_jval *entry, struct vl_cred *out)
{
	const char *identity = vl_jval_str(vl_jval_get(entry, "identitytoken"));
	const char *bearer = vl_jval_str(vl_jval_get(entry, "registrytoken"));
	const char *auth = vl_jval_str(vl_jval_get(entry, "auth"));
	VL_STR pair = NULL;
	char *colon;

	if (bearer && *bearer) {
		out->bearer = vl_xstrdup(bearer);
		return true;
	}
	if (identity && *identity) {
		out->identity = vl_xstrdup(identity);
		return true;
	}
	if (!auth || !vl_base64_decode(auth, &pair))
		return false;
	colon = strchr(pair, ':');
	if (colon) {
		out->user = vl_xstrndup(pair, (size_t)(colon - pair));
		out->secret = vl_xstrdup(colon + 1);
	}
	explicit_bzero(pair, strlen(pair));
	return colon != NULL;
}

static bool from_file(struct vl_creds *c, struct source *s, const char *host, const char *repository,
		      struct vl_cred *out)
{
	const struct vl_jval *root, *entry;

	load_lazily(c, s);
	root = s->json ? vl_json_root(s->json) : NULL;
	entry = best_key(vl_jval_get(root, "credHelpers"), host, repository);
	if (entry)
		return from_helper(c, vl_jval_str(entry), host, out);
	entry = best_key(vl_jval_get(root, "auths"), host, repository);
	if (entry && from_auth(entry, out)) {
		warn_if_open(c, s);
		return true;
	}
	return from_helper(c, vl_jval_str(vl_jval_get(root, "credsStore")), host, out);
}

bool vl_creds_registry(struct vl_creds *c, const char *host, const char *repository, struct vl_cred *out)
{
	*out = (struct vl_cred){ .user = NULL };
	for (size_t i = 0; i < c->n; i++) {
		if (from_file(c, &c->docker[i], host, repository, out))
			return true;
		vl_cred_clear(out);
	}
	return false;
}

bool vl_creds_netrc(struct vl_creds *c, const struct vl_origin *o, struct vl_cred *out)
{
	struct vl_err e = VL_ERR_INIT;
	bool absent = false;

	*out = (struct vl_cred){ .user = NULL };
	if (!c->netrc.path)
		return false;
	if (!c->netrc.tried && !vl_load_file(AT_FDCWD, c->netrc.path, &c->netrc_text, &absent, &e))
		vl_emit_warn(c->env, "%s; going on without its credentials", e.msg);
	c->netrc.tried = true;
	/* `default` is for every host there is: not over a line that anybody can listen to. */
	if (!vl_netrc_find(vl_buf_str(&c->netrc_text), o->host, o->https, out))
		return false;
	warn_if_open(c, &c->netrc);
	return true;
}
