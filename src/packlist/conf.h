/* SPDX-License-Identifier: Apache-2.0 */
/* packlist/conf.h: valise.conf, the settings that are not per run. Both sides read it; libcyaml is used in this folder
 * only. Errors (VL_E_CONFIG) give file, line, column and the nearest known key. */
#ifndef VL_PACKLIST_CONF_H
#define VL_PACKLIST_CONF_H

#include <stdint.h>

#include "base/err.h"

struct vl_conf_mirror {
	char *prefix; /* "ghcr.io/aquasecurity" or "https://host/path" */
	char **use;
	unsigned use_count;
	bool only;
};
struct vl_conf_place {
	char *consumer, *channel, *item, *path, *owner;
};
struct vl_conf_name { /* names in registries: what stands in front of a name is replaced */
	char *from; /* "registry.gitlab.com/security-products" */
	char *to;   /* "security-products"; may be empty */
};
struct vl_conf {
	struct vl_conf_mirror *mirrors;
	unsigned mirrors_count;
	struct vl_conf_place *places;
	unsigned places_count;
	struct vl_conf_name *names; /* tried in order; none fits: the host goes */
	unsigned names_count;
	char *registry;       /* "registry.corp:5000/scanners": where publish goes, what env tells; or NULL */
	char *ca_file;        /* PEM, added to nothing: replaces the system's list. NULL: the system's */
	char *docker_config;  /* file; NULL: $DOCKER_CONFIG/config.json, ~/.docker/config.json, ... */
	char *netrc;          /* file; NULL: $NETRC, ~/.netrc */
	char *proxy;          /* URL; NULL: the usual environment variables */
	uint64_t max_download; /* bytes of one file; default 8 GiB */
	unsigned retries;     /* default 5 */
	unsigned keep;        /* generations whose places are kept; default 2 */
	int64_t timeout;      /* seconds for one transfer as a whole; default 6 h */
	uint64_t low_speed;   /* bytes per second below which, for 60 s, a transfer is given up; default 1 KiB */
};
/* path NULL: $VALISE_CONFIG, else /etc/valise/valise.conf, else ${XDG_CONFIG_HOME:-~/.config}/valise/valise.conf; none
 * there: defaults. A path that was named must exist; /dev/null means the defaults. */
VL_MUST bool vl_conf_load(struct vl_conf **out, const char *path, struct vl_err *e);
void vl_conf_free(struct vl_conf *c);
VL_DEFINE_AUTO(vl_conf)

#endif
