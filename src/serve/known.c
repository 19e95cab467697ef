/* SPDX-License-Identifier: Apache-2.0 */
/* serve/known.c: the memory of which blobs are whole.
 * In:    verdicts, each about one digest and one state of its file (device, inode, size, both times).
 * Out:   the verdict, as long as the file is in that state and the verdict is not too old.
 * Keeps: a fixed number of places, so that a store of a million blobs takes no more memory than a small one. A digest
 *        has four places that it can lie in; the oldest of them gives way. Forgetting costs one more hashing, never a
 *        wrong answer. Bit rot changes no time stamp: that is why a good verdict ages, and a bad one does not. */
#include <stdlib.h>

#include "serve/core_priv.h"

#define SETS 8192u /* a power of two; 4 places of 96 bytes each: 3 MiB, touched as they fill */
#define WAYS 4u

struct place {
	struct vl_digest digest;
	struct vl_ident ident;
	int64_t at;
	enum vl_verdict verdict;
};
struct vl_known {
	pthread_mutex_t lock;
	int64_t recheck;
	struct place place[SETS][WAYS];
};

struct vl_known *vl_known_new(int64_t recheck_ms)
{
	struct vl_known *k = vl_xcalloc(1, sizeof *k);

	pthread_mutex_init(&k->lock, NULL);
	k->recheck = recheck_ms;
	return k;
}

void vl_known_free(struct vl_known *k)
{
	if (!k)
		return;
	pthread_mutex_destroy(&k->lock);
	free(k);
}

static int64_t nanoseconds(const struct timespec *t)
{
	return (int64_t)t->tv_sec * 1000000000 + t->tv_nsec;
}

bool vl_ident_of(int fd, struct vl_ident *out)
{
	struct stat st;

	*out = (struct vl_ident){ 0 };
	if (fstat(fd, &st) < 0)
		return false;
	*out = (struct vl_ident){ .dev = (uint64_t)st.st_dev, .ino = (uint64_t)st.st_ino, .size = (uint64_t)st.st_size,
				  .mtime = nanoseconds(&st.st_mtim), .ctime = nanoseconds(&st.st_ctim),
				  .links = (uint64_t)st.st_nlink };
	return true;
}

bool vl_ident_holds(int fd, const struct vl_ident *then)
{
	struct vl_ident now;

	return vl_ident_of(fd, &now) && now.dev == then->dev && now.ino == then->ino && now.size == then->size &&
	       now.mtime == then->mtime && (now.ctime == then->ctime || now.links != then->links);
}

static struct place *set_of(struct vl_known *k, const struct vl_digest *d)
{
	/* A digest is as good as random. */
	return k->place[(d->b[0] | (unsigned)d->b[1] << 8) & (SETS - 1)];
}

static struct place *find(struct vl_known *k, const struct vl_digest *d)
{
	struct place *set = set_of(k, d);

	for (unsigned i = 0; i < WAYS; i++)
		if (set[i].verdict && vl_digest_equal(&set[i].digest, d))
			return &set[i];
	return NULL;
}

static bool same(const struct vl_ident *a, const struct vl_ident *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size && a->mtime == b->mtime &&
	       a->ctime == b->ctime;
}

enum vl_verdict vl_known_get(struct vl_known *k, const struct vl_digest *d, const struct vl_ident *i, int64_t now)
{
	enum vl_verdict v = VL_BLOB_UNKNOWN;
	const struct place *p;

	pthread_mutex_lock(&k->lock);
	p = find(k, d);
	if (p && same(&p->ident, i) && (p->verdict == VL_BLOB_DAMAGED || now - p->at < k->recheck))
		v = p->verdict;
	pthread_mutex_unlock(&k->lock);
	return v;
}

static struct place *make_room(struct vl_known *k, const struct vl_digest *d)
{
	struct place *set = set_of(k, d), *oldest = set;

	for (unsigned i = 0; i < WAYS; i++) {
		if (!set[i].verdict)
			return &set[i];
		if (set[i].at < oldest->at)
			oldest = &set[i];
	}
	return oldest;
}

bool vl_known_set(struct vl_known *k, const struct vl_digest *d, const struct vl_ident *i, enum vl_verdict v,
		  int64_t now)
{
	struct place *p;
	bool news;

	pthread_mutex_lock(&k->lock);
	p = find(k, d);
	news = !p || p->verdict != v || !same(&p->ident, i);
	if (!p)
		p = make_room(k, d);
	*p = (struct place){ .digest = *d, .ident = *i, .at = now, .verdict = v };
	pthread_mutex_unlock(&k->lock);
	return news;
}
