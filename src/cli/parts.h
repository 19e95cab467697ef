/* SPDX-License-Identifier: Apache-2.0 */
/* cli/parts.h: what several commands do the same way. */
#ifndef VL_CLI_PARTS_H
#define VL_CLI_PARTS_H

#include "cli/command.h"
#include "pipeline/pipeline.h"
#include "store/hub.h"

struct vl_conf;

/* Options that several commands have; S is the command's struct. */
#define VL_ROW_LOCK_WAIT(S)                                                                                            \
	{ VL_OPT_WAIT, 0, "lock-wait", offsetof(S, lock_wait), "SECONDS",                                              \
	  "wait for another valise to finish (without a number: an hour)" }
#define VL_ROW_TRUST(S)                                                                                                \
	{ VL_OPT_LIST, 't', "trust", offsetof(S, trust), "PUB",                                                        \
	  "trust this public key for this run, instead of the store's; may be repeated" }
#define VL_ROW_ONLY_CHANNEL(S)                                                                                         \
	{ VL_OPT_TEXT, 'c', "channel", offsetof(S, channel), "NAME", "refuse bundles of other channels" }
#define VL_ROW_REQUIRE(S)                                                                                              \
	{ VL_OPT_DIGEST, 0, "require-waybill", offsetof(S, require), "SHA256", "refuse every waybill but this one" }
#define VL_ROW_LIST_FILE(S)                                                                                            \
	{ VL_OPT_TEXT, 'f', "file", offsetof(S, file), "FILE", "the packing list (default: valise.yaml)" }
#define VL_ROW_LIST_CHANNEL(S)                                                                                         \
	{ VL_OPT_TEXT, 'c', "channel", offsetof(S, channel), "NAME", "instead of the packing list's channel" }
#define VL_ROW_KEEP_GOING(S)                                                                                           \
	{ VL_OPT_FLAG, 0, "keep-going", offsetof(S, keep_going), NULL,                                                 \
	  "items that fail keep their previous content; exit 3" }

/* The `places:` of valise.conf as targets; borrowed from conf. */
struct vl_targets {
	struct vl_target *v;
	size_t n;
};
void vl_targets_init(struct vl_targets *t, const struct vl_conf *conf);
void vl_targets_clear(struct vl_targets *t);
VL_DEFINE_CLEAN(vl_targets)

/* The `names:` of valise.conf as rules; borrowed from conf. */
struct vl_name_rules {
	struct vl_name_rule *v;
	size_t n;
};
void vl_name_rules_init(struct vl_name_rules *r, const struct vl_conf *conf);
void vl_name_rules_clear(struct vl_name_rules *r);
VL_DEFINE_CLEAN(vl_name_rules)

/* vl_item_layers(), and an error names the item. */
VL_MUST bool vl_item_files(const struct vl_docs *docs, const struct vl_desc *item, vl_layer_fn *f, void *ctx,
			   struct vl_err *e);
struct vl_item_facts { /* borrowed from the descriptor */
	const char *name, *type, *source;
	int64_t updated, fetched, next; /* 0: not said */
	uint64_t files, bytes;          /* of an item of images: every blob once */
	bool is_images;
	uint64_t images, attached;      /* attached: signatures and attestations */
	bool has_shared;                /* set by who knows the other items */
	uint64_t shared;                /* of bytes: what another item has, too */
};
VL_MUST bool vl_item_facts(const struct vl_docs *docs, const struct vl_desc *item, struct vl_item_facts *out,
			   struct vl_err *e);
void vl_item_say(const struct vl_item_facts *i, int64_t now);
VL_MUST bool vl_item_line(const struct vl_item_facts *i, const char *channel, const struct vl_desc *item,
			   struct vl_err *e);

/* The store for reading, and what it holds. Absent or empty: *out stays NULL or g->number 0, and that is said. */
VL_MUST bool vl_cli_open_current(struct vl_cli *c, struct vl_store **out, struct vl_generation *g, struct vl_err *e);
/* The channel that --channel names, or every one with NULL; VL_E_ABSENT with the nearest. */
VL_MUST bool vl_cli_check_channel(const struct vl_generation *g, const char *channel, struct vl_err *e);
/* The keys of --trust, else what the store trusts, else nobody. */
VL_MUST bool vl_cli_load_trust(struct vl_cli *c, const struct vl_strings *pub, struct vl_trust *t, struct vl_err *e);
/* "expires in 13 days", "EXPIRED 3 days ago", "does not expire" */
const char *vl_expiry_text(int64_t expires, int64_t now, char out[static 64]);
/* Opens the directory that path lies in; *base is borrowed from path. */
VL_MUST bool vl_open_parent(const char *path, int *dir, const char **base, struct vl_err *e);
/* A digest in two rows of a summary, in groups of four. */
void vl_say_spoken(const char *label, const struct vl_digest *d);

#endif
