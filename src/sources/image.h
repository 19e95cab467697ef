/* SPDX-License-Identifier: Apache-2.0 */
/* sources/image.h: what the image_*.c files share. Private to sources/.
 *
 * An item is a list of references. Each goes through stages: its documents, what is attached to them, the check of its
 * signature, its blobs; a stage begins when no answer of the one before is outstanding. References do not wait for
 * each other. Documents go into the store as they come; blobs are in a table of the whole run. */
#ifndef VL_SOURCES_IMAGE_H
#define VL_SOURCES_IMAGE_H

#include "crypt/pem.h"
#include "sources/registry.h"

struct vl_image;
struct vl_image_ref;

/* A document of a reference, in the store. */
struct vl_image_doc {
	struct vl_desc desc;      /* as who named it says */
	struct vl_doc doc;
	unsigned depth;           /* in the snapshot; an image has VL_IMAGE_DEPTH */
	bool here;                /* doc is filled */
	bool whole;               /* all below it is wanted */
	bool carried;             /* becomes part of the item; else it was only looked at */
	bool part;                /* of the image that is carried */
	bool made;                /* by us, so nobody can have signed it */
	bool asked;               /* what is attached to it */
	bool listed;              /* as attached, by the registry, and its subject was not looked at yet */
	/* what is attached to something else */
	unsigned generation;      /* 0: not attached; 1: to an image, 2: to what is attached to an image ... */
	char *name;               /* HOST/NAME:TAG or HOST/NAME@sha256:HEX */
	struct vl_digest subject;
};
#define VL_IMAGE_DEPTH 3u

enum vl_image_absence { /* of what may be missing */
	VL_IMAGE_MUST = 0,  /* nothing may */
	VL_IMAGE_MAY_TAG,   /* a tag that nobody promised */
	VL_IMAGE_MAY_API,   /* an end point that older registries lack, which they say in many ways */
};
/* One request of a reference. */
struct vl_asking {
	struct vl_request get;
	struct vl_image_ref *ref;
	struct vl_asking *next, **link; /* link: what points here */
	char **urls;              /* all that may be tried */
	const char *one[2];       /* when they are tried one by one */
	size_t n, at;
	bool one_by_one, sent;
	enum vl_image_absence absence;
	/* Looks at a good answer. False: it is not what was asked for, the next registry is tried. */
	bool (*take)(struct vl_asking *a, struct vl_err *e);
	void (*absent)(struct vl_asking *a); /* NULL: nothing follows from absence */
	struct vl_image_doc *doc; /* what it fills, or NULL */
	struct vl_digest digest;  /* of the blob that is asked for, or of the subject */
	unsigned generation;
	char *name;               /* of an attached document that a tag may name */
};

enum vl_image_stage {
	VL_IMAGE_TOP = 0, VL_IMAGE_TREE, VL_IMAGE_LEAVES, VL_IMAGE_ATTACHED, VL_IMAGE_SIGNATURES, VL_IMAGE_BLOBS,
	VL_IMAGE_DONE,
};
struct vl_image_ref {
	struct vl_image *image;
	struct vl_ref parsed;
	char *label;              /* "registry.example.com/security/semgrep:5" */
	struct vl_candidates from; /* the one that answered first stands first */
	/* from last time */
	char key[VL_DIGEST_HEX];
	struct vl_cached known;   /* upstream: top; pin: the child's digest; desc: the item's index */
	const struct vl_doc *known_index; /* that index, when it is whole in the store; or NULL */
	bool reused;              /* what is known is what upstream has */
	/* from now */
	bool has_top;
	struct vl_digest top;     /* what the reference names */
	struct vl_image_ref *twin; /* an earlier reference that names the same in the same repository does the work */
	enum vl_image_stage stage;
	size_t waiting;           /* answers */
	unsigned pages;           /* of lists of what is attached */
	struct vl_asking *askings;
	struct vl_image_doc **doc;
	size_t n, cap;
	struct vl_image_doc *root; /* the image that is carried */
	size_t left_out;          /* of what seems to be attached */
	size_t blobs, blobs_new;  /* layers of the images, and how many of them came now */
	bool failed;
	struct vl_err err;
};
struct vl_image_known {
	struct vl_digest digest;
	bool good;
	struct vl_doc doc;
};
struct vl_image {
	struct vl_work *work;
	struct vl_image_ref *ref;
	size_t n;
	char *options;            /* what the result depends on beside the references */
	struct vl_pem_key *key;   /* or NULL */
	struct vl_image_known **known;
	size_t n_known, cap_known;
	uint64_t documents, document_bytes;
};

/* ---- image_ask.c: requests and documents ---- */
/* Fails the reference; the first reason stays. */
void vl_image_ref_fail(struct vl_image_ref *r, const struct vl_err *why);
/* A request for KIND/WHAT at all registries of the reference; the caller sets take and the rest, then sends it. */
struct vl_asking *vl_image_asking(struct vl_image_ref *r, const char *kind, const char *what);
void vl_image_ask(struct vl_asking *a);
void vl_image_ask_document(struct vl_asking *a); /* with Accept, the limits of a document */
void vl_image_askings_free(struct vl_image_ref *r);
/* A new document of the reference, filled from the store or by a request. NULL: a limit, and the reference failed. */
struct vl_image_doc *vl_image_want(struct vl_image_ref *r, const struct vl_desc *desc, unsigned depth, bool whole,
				   bool carried);
/* The same, of the document in an answer: asked for by tag, so its digest was not known before. *out may stay as it is
 * when a limit was met. */
VL_MUST bool vl_image_take_answer(struct vl_asking *a, bool whole, bool carried, struct vl_image_doc **out,
				  struct vl_err *e);
struct vl_image_doc *vl_image_find(const struct vl_image_ref *r, const struct vl_digest *d);
/* It and all below are wanted and carried. */
void vl_image_carry(struct vl_image_ref *r, struct vl_image_doc *d);
/* A blob of a few KiB at once, into the store. */
void vl_image_want_small(struct vl_image_ref *r, const struct vl_desc *d);

/* ---- image_ref.c ---- */
void vl_image_ref_begin(struct vl_image_ref *r);
/* Goes on to the next stage while nothing is outstanding. */
void vl_image_ref_advance(struct vl_image_ref *r);
void vl_image_ref_clear(struct vl_image_ref *r);

/* ---- image_pick.c: platforms ---- */
/* Nothing is to be chosen: all of it is carried. */
bool vl_image_wants_all(const struct vl_item *item);
/* This entry of an index leads to a platform that is asked for, or may do so. */
bool vl_image_may_lead(const struct vl_item *item, const struct vl_desc *entry);
/* All indexes are here: sets r->root and wants the manifests. */
VL_MUST bool vl_image_pick(struct vl_image_ref *r, struct vl_err *e);
/* All below the root is here: what of it is the image. */
void vl_image_mark_parts(struct vl_image_ref *r);

/* ---- image_attached.c ---- */
/* What is attached to everything that is carried, and to the top. */
void vl_image_ask_attached(struct vl_image_ref *r);
/* The payloads of signatures, so that they can be checked. */
void vl_image_want_payloads(struct vl_image_ref *r);
VL_MUST bool vl_image_check_signature(struct vl_image_ref *r, struct vl_err *e);

/* ---- image_blobs.c: each blob of the run once ---- */
/* Unless it is in the store already. */
void vl_blobs_want(struct vl_image_ref *r, const struct vl_desc *d);
/* All that are wanted are asked for, when there is room for them. */
void vl_blobs_begin(struct vl_run *run);
/* It is in the store now, or e says why not. *came: it was fetched in this run. */
VL_MUST bool vl_blobs_check(const struct vl_image_ref *r, const struct vl_desc *d, bool *came, struct vl_err *e);

/* ---- image_made.c: the item's index ---- */
VL_MUST bool vl_image_make(struct vl_image *m, struct vl_desc *desc, struct vl_err *e);
/* What the config of an image says; absent parts stay NULL. False: it is no image's config. */
bool vl_image_config_platform(const struct vl_store *s, const struct vl_doc *manifest, struct vl_platform *p);
void vl_image_platform_clear(struct vl_platform *p);

#endif
