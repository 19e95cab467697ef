/* SPDX-License-Identifier: Apache-2.0 */
/* verify/verify.h: untrusted bytes -> signed waybill -> checked blobs. Fail closed; signature before parse, hash before
 * decompress, everything read once. */
#ifndef VL_VERIFY_VERIFY_H
#define VL_VERIFY_VERIFY_H

#include "bundle/bundle.h"
#include "media/media.h"
#include "store/store.h"

/* ---- who may sign what: STORE/trust/keys.json ---- */
struct vl_trusted {
	struct vl_pubkey key;
	char channel[65]; /* "" = every channel */
	char note[129];   /* what the operator wrote, or the file's name */
	int64_t added;    /* seconds */
};
struct vl_threshold {
	char channel[65]; /* "" = every channel without its own */
	unsigned n;
};
struct vl_trust {
	struct vl_trusted *key;
	size_t n, cap;
	struct vl_threshold *threshold;
	size_t n_threshold, cap_threshold;
};
void vl_trust_clear(struct vl_trust *t);
VL_DEFINE_CLEAN(vl_trust)
/* Absent: empty. Malformed, threshold 0 or greater than the number of keys: VL_E_STATE. */
VL_MUST bool vl_trust_load(struct vl_trust *t, const struct vl_store *s, struct vl_err *e);
VL_MUST bool vl_trust_save(const struct vl_trust *t, struct vl_store *s, struct vl_err *e);
/* VL_E_TRUST_SET: the same key under another id, the same id with another key. Already there for this channel: fine. */
VL_MUST bool vl_trust_add(struct vl_trust *t, const struct vl_pubkey *k, const char *channel, const char *note,
			  int64_t now, struct vl_err *e);
/* By key id text or by 56 base64 characters; channel NULL: wherever it is trusted. Not there: VL_E_ABSENT. *removed:
 * how many. Would leave fewer keys than a threshold asks: VL_E_TRUST_SET. */
VL_MUST bool vl_trust_remove(struct vl_trust *t, const char *key, const char *channel, size_t *removed,
			     struct vl_err *e);
VL_MUST bool vl_trust_set_threshold(struct vl_trust *t, const char *channel, unsigned n, struct vl_err *e);

/* ---- one bundle, step by step ---- */
struct vl_checked { /* a waybill whose signatures are good and sufficient */
	struct vl_carried *carried; /* borrowed */
	struct vl_buf text;         /* waybill.json as read */
	struct vl_carried_sigs sigs;
	struct vl_signed proof;     /* points into text */
	struct vl_waybill *waybill;
	bool verified; /* false only from vl_verify_peek() */
	char signers[VL_DIGEST_HEX * 5]; /* ids of the keys that count for this channel, separated by blanks */
};
void vl_checked_free(struct vl_checked *c);
VL_DEFINE_AUTO(vl_checked)
/* Reads waybill and signatures, verifies over the bytes read, parses those bytes, then: the signers may sign this
 * channel and reach its threshold (VL_E_SIG_FEW, VL_E_SIG_UNKNOWN), their comments agree. */
VL_MUST bool vl_verify_waybill(struct vl_checked **out, struct vl_carried *c, const struct vl_trust *t,
			       struct vl_err *e);
/* For inspect: no proof. Good signatures by t (may be empty) are noted in `verified`; whether they are missing or bad
 * is told in *why (may be NULL), not an error. */
VL_MUST bool vl_verify_peek(struct vl_checked **out, struct vl_carried *c, const struct vl_trust *t,
			    struct vl_err *why, struct vl_err *e);

struct vl_admission { /* what the operator said, beside the state */
	const char *channel;                   /* NULL: any */
	const struct vl_digest *require_waybill; /* NULL: any */
	bool accept_expired, accept_jump;
	uint64_t allow_rollback; /* exact sequence, 0: none */
};
/* Whether this waybill may be installed now: channel, epoch (1), sequence against state, equivocation, jump > 10 000,
 * expiry. now = max(env->now, state->time_floor, release date); a clock before the release date, or `created` in the
 * future, is a warning. *already: this very waybill was accepted before; the caller looks whether it is also installed
 * (a crash may lie between the two). It is set even when expiry refuses. */
VL_MUST bool vl_verify_admit(const struct vl_checked *c, const struct vl_state *state, const struct vl_admission *a,
			     const struct vl_env *env, bool *already, struct vl_err *e);

/* Name, sequence and expiry of c (0: none) against the latest time known, as above. VL_E_EXPIRED, or only a warning. */
VL_MUST bool vl_verify_unexpired(const struct vl_channel *c, const struct vl_state *state, bool accept_expired,
				 const struct vl_env *env, struct vl_err *e);

/* Called in parcel order for every segment, on the caller's thread. */
typedef bool vl_segment_fn(void *ctx, const struct vl_segment *seg, const char *parcel, struct vl_err *e);
/* READ-ME.txt, SHA256SUMS and volume.json are not signed, but all three follow from the waybill: one that is there and
 * says something else was changed on the way (VL_E_HASH, names the file). Texts of another version of the tool are not
 * compared word for word. Other files in the directory: a warning. */
VL_MUST bool vl_verify_beside(const struct vl_checked *c, const struct vl_env *env, struct vl_err *e);
/* The totals of the waybill against what the root really reaches: VL_E_CLOSURE. */
VL_MUST bool vl_verify_totals(const struct vl_waybill *w, uint64_t items, uint64_t blobs, uint64_t bytes,
			      struct vl_err *e);

struct vl_parcel_report { /* `verify` wants all faults, not the first */
	const char *phase; /* of the events: "verify", "unpack" */
	size_t faults;
	struct vl_err first; /* the most severe, first of its kind */
	void (*fault)(void *ctx, const struct vl_err *e); /* each fault; NULL: stop at the first */
	void *ctx;
};
/* Notes a fault; false when it is not one of the bundle's files (interrupted, no memory): then there is no going on. */
bool vl_report_fault(struct vl_parcel_report *report, const struct vl_err *e);
/* Reads, hashes, decompresses and splits every parcel (worker pool; at most env->jobs in memory). f may be NULL. With
 * faults: false, and *e is report->first. After the first fault f is not called any more. */
VL_MUST bool vl_verify_parcels(const struct vl_checked *c, vl_segment_fn *f, void *ctx,
			       struct vl_parcel_report *report, const struct vl_env *env, struct vl_err *e);

/* Puts segments together into blobs of the store: staging, digest, fsync, rename. Refuses overlaps, gaps, a blob twice,
 * a blob not finished. */
struct vl_assembly;
VL_MUST bool vl_assembly_new(struct vl_assembly **out, struct vl_store *s, struct vl_err *e);
void vl_assembly_free(struct vl_assembly *a);
VL_DEFINE_AUTO(vl_assembly)
VL_MUST bool vl_assembly_add(struct vl_assembly *a, const struct vl_segment *seg, const char *parcel, struct vl_err *e);
VL_MUST bool vl_assembly_end(struct vl_assembly *a, struct vl_err *e);
/* The bundle is refused: removes the blobs that were not in the store before. Nothing refers to them yet. */
void vl_assembly_undo(struct vl_assembly *a);
/* Every blob that came is in the closure (VL_E_CLOSURE otherwise): nothing is smuggled along. */
VL_MUST bool vl_assembly_within(const struct vl_assembly *a, const struct vl_closure *c, struct vl_err *e);
/* For `verify`: the same checks and digests without writing anything: one document at a time is held in memory,
 * content is only hashed. Documents come first, parents before children; complete, sizes right, nothing superfluous. */
struct vl_rehearsal;
VL_MUST bool vl_rehearsal_new(struct vl_rehearsal **out, const struct vl_waybill *w, struct vl_err *e);
void vl_rehearsal_free(struct vl_rehearsal *r);
VL_DEFINE_AUTO(vl_rehearsal)
VL_MUST bool vl_rehearsal_add(struct vl_rehearsal *r, const struct vl_segment *seg, const char *parcel,
			      struct vl_err *e);
VL_MUST bool vl_rehearsal_end(struct vl_rehearsal *r, struct vl_err *e);

#endif
