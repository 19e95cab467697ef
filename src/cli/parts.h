/* SPDX-License-Identifier: Apache-2.0 */
/* cli/parts.h: what several commands do the same way. */
#ifndef VL_CLI_PARTS_H
#define VL_CLI_PARTS_H

#include "cli/command.h"
#include "pipeline/pipeline.h"

struct vl_conf;

/* The `places:` of valise.conf as targets; borrowed from conf. */
struct vl_targets {
	struct vl_target *v;
	size_t n;
};
void vl_targets_init(struct vl_targets *t, const struct vl_conf *conf);
void vl_targets_clear(struct vl_targets *t);
VL_DEFINE_CLEAN(vl_targets)

/* Where documents come from: a store, or the first parcel of a bundle. */
struct vl_docs {
	bool (*get)(void *ctx, const struct vl_desc *d, struct vl_doc *out, struct vl_err *e);
	void *ctx;
};
struct vl_docs vl_docs_of_store(struct vl_store *s);
/* Called for each content blob (layer) of an item, in document order. */
typedef bool vl_file_fn(void *ctx, const struct vl_desc *file, struct vl_err *e);
VL_MUST bool vl_item_files(const struct vl_docs *docs, const struct vl_desc *item, vl_file_fn *f, void *ctx,
			   struct vl_err *e);
struct vl_item_facts { /* borrowed from the descriptor */
	const char *name, *type, *source;
	int64_t updated, fetched, next; /* 0: not said */
	uint64_t files, bytes;
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
/* "expires in 13 days", "EXPIRED 3 days ago", "does not expire" */
const char *vl_expiry_text(int64_t expires, int64_t now, char out[static 64]);
/* Opens the directory that path lies in; *base is borrowed from path. */
VL_MUST bool vl_open_parent(const char *path, int *dir, const char **base, struct vl_err *e);
/* A digest in two rows of a summary, in groups of four. */
void vl_say_spoken(const char *label, const struct vl_digest *d);

#endif
