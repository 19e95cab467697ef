/* SPDX-License-Identifier: Apache-2.0 */
/* place/place_priv.h: what the files of this folder share: one table of consumers, and the few ways to put bytes into a
 * tree. Nothing here takes a path from a medium: titles go through vl_path_is_safe() and are opened step by step. */
#ifndef VL_PLACE_PLACE_PRIV_H
#define VL_PLACE_PLACE_PRIV_H

#include "place/place.h"

#define PLACES "places"

/* A tree in the making. All borrowed. */
struct vl_fill {
	const struct vl_store *store;
	const struct vl_env *env;
	bool link;    /* hard links of blobs are allowed */
	int blobs;    /* blobs/sha256 */
	int previous; /* the same tree of the previous generation, or -1 */
	const struct vl_doc *before; /* the channel's snapshot of that generation, or NULL */
};

/* The items of one consumer in one channel. */
struct vl_picked {
	const struct vl_desc **item; /* borrowed from the snapshot */
	size_t n, cap;
};
void vl_picked_clear(struct vl_picked *p);
VL_DEFINE_CLEAN(vl_picked)

/* What env is told about one place. */
struct vl_where {
	const struct vl_channel *channel;
	const struct vl_desc *item; /* the first */
	const char *path;
};

/* valise env at work. */
struct vl_telling {
	const struct vl_store *store;
	const struct vl_channel *channel;
	const struct vl_env_ask *ask;
	struct vl_buf *exports, *comments;
	bool any; /* there is something to evaluate */
};

struct vl_consumer {
	const char *name;          /* "osv-scanner" */
	const char *dir;           /* below places/<channel>/; NULL: nothing is placed, only `tell` is called */
	const char *types[4];      /* of items, NULL-terminated */
	bool per_item;             /* one tree per item (below dir/<item>), not one for all */
	mode_t dir_mode;           /* of the tree's directories */
	const char *swapped[3];    /* what is exchanged inside a target's path; none: the path itself */
	/* Fills the empty directory with the tree of these items (exactly one when per_item). */
	bool (*fill)(const struct vl_fill *f, int dir, const struct vl_picked *items, struct vl_err *e);
	/* Bytes that an item takes beside its blobs. */
	bool (*need)(const struct vl_store *s, const struct vl_desc *item, uint64_t *bytes, struct vl_err *e);
	/* Shell lines to eval, then the comments. */
	bool (*exports)(const struct vl_where *w, struct vl_buf *out, struct vl_err *e);
	bool (*advice)(const struct vl_where *w, struct vl_buf *out, struct vl_err *e);
	/* Without a tree: all that is to be said about these items. */
	bool (*tell)(struct vl_telling *t, const struct vl_picked *items, struct vl_err *e);
};
extern const struct vl_consumer vl_consumer_osv, vl_consumer_trivy, vl_consumer_files, vl_consumer_gitlab;
/* The table; NULL: no such row. */
const struct vl_consumer *vl_consumer_at(size_t i);
/* NULL with VL_E_USAGE and the nearest name. */
const struct vl_consumer *vl_consumer_find(const char *name, struct vl_err *e);
bool vl_consumer_takes(const struct vl_consumer *c, const struct vl_desc *item);
/* The snapshot's items for this consumer; only: an item's name, or NULL for all. Refuses items without a valid name. */
VL_MUST bool vl_consumer_pick(const struct vl_consumer *c, const struct vl_doc *snapshot, const char *only,
			      struct vl_picked *out, struct vl_err *e);
/* channel NULL: the only one. NULL when it is not there (ambiguous: *many). */
const struct vl_channel *vl_place_channel(const struct vl_generation *g, const char *channel, bool *many);

/* ---- tree.c ---- */
/* Puts the layer's blob at dir/rel (made with its directories): a hard link where that is allowed and the mode is
 * 0444, a copy otherwise. Existing: VL_E_PLACE. */
VL_MUST bool vl_tree_put(const struct vl_fill *f, int dir, const char *rel, const struct vl_desc *layer, mode_t mode,
			 struct vl_err *e);
/* Hard links of every file below from, in to; copies where that does not work. */
VL_MUST bool vl_tree_link(int from, int to, struct vl_err *e);
/* Gives all below (and with) dir their owner and the directories their mode. uid -1: unchanged. */
VL_MUST bool vl_tree_settle(int dir, mode_t dir_mode, uid_t uid, gid_t gid, struct vl_err *e);
/* Bytes that the layer's content takes when it is expanded, as far as its container tells. */
VL_MUST bool vl_layer_expanded(const struct vl_store *s, const struct vl_desc *layer, uint64_t *bytes,
			       struct vl_err *e);

/* ---- for shells ---- */
/* 'text', with every ' in it made safe: eval gives back exactly text. */
VL_MUST bool vl_shell_quote(struct vl_buf *out, const char *text, struct vl_err *e);
/* export NAME='path' */
VL_MUST bool vl_shell_export(struct vl_buf *out, const char *name, const char *path, struct vl_err *e);
/* "2026-11-21 06:12 UTC": when the item's data was made, else fetched; "an unknown time". */
const char *vl_item_age_text(const struct vl_desc *item, char out[static 32]);

#endif
