/* SPDX-License-Identifier: Apache-2.0 */
/* tests/lib/store_fixture.h: a scratch directory and small snapshots for the tests of store/ and place/. */
#ifndef VL_TESTS_STORE_FIXTURE_H
#define VL_TESTS_STORE_FIXTURE_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "store/store.h"

#define FIX __attribute__((unused)) static

static const struct vl_env fix_env = { .now = 1795248000, .jobs = 1 }; /* 2026-11-21T08:00:00Z */
static char fix_dir_[64];

/* The scratch directory of this test program; below $TMPDIR or /tmp. */
FIX const char *fix_dir(void)
{
	const char *tmp = getenv("TMPDIR");

	if (!fix_dir_[0]) {
		snprintf(fix_dir_, sizeof fix_dir_, "%s/valise-XXXXXX", tmp && strlen(tmp) < 40 ? tmp : "/tmp");
		if (!mkdtemp(fix_dir_))
			exit(99);
	}
	return fix_dir_;
}

/* dir/name; stays valid, each name once. */
FIX const char *fix_path(const char *name)
{
	static char *kept[4096];
	size_t len = strlen(fix_dir()), i;

	for (i = 0; i < VL_LEN(kept) && kept[i]; i++)
		if (!strcmp(kept[i] + len + 1, name))
			return kept[i];
	if (i == VL_LEN(kept))
		exit(99);
	kept[i] = vl_xprintf("%s/%s", fix_dir(), name);
	return kept[i];
}

FIX void fix_done(void)
{
	struct vl_err e;

	if (fix_dir_[0] && !vl_remove_tree(AT_FDCWD, fix_dir_, &e))
		printf("# %s\n", e.msg);
}

FIX bool fix_exists(const char *name)
{
	struct stat st;

	return !lstat(fix_path(name), &st);
}

/* A whole file as text, in a static buffer; NULL when it cannot be read. */
FIX const char *fix_read(const char *name)
{
	static char text[65536];
	FILE *f = fopen(fix_path(name), "r");
	size_t len;

	if (!f)
		return NULL;
	len = fread(text, 1, sizeof text - 1, f);
	fclose(f);
	text[len] = '\0';
	return text;
}

FIX void fix_write(const char *name, const char *text)
{
	FILE *f = fopen(fix_path(name), "w");

	if (!f || fputs(text, f) < 0 || fclose(f))
		exit(99);
}

/* Runs a program and takes what it prints. Its exit status, or -1. */
FIX int fix_run(const char *const argv[], char *out, size_t size)
{
	int fds[2], status = 0;
	size_t at = 0;
	ssize_t got;
	pid_t pid;

	if (pipe(fds) < 0)
		return -1;
	fflush(stdout);
	pid = fork();
	if (!pid) {
		dup2(fds[1], STDOUT_FILENO);
		execv(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	close(fds[1]);
	while (at + 1 < size && (got = read(fds[0], out + at, size - 1 - at)) > 0)
		at += (size_t)got;
	out[at] = '\0';
	close(fds[0]);
	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* ---- snapshots ---- */
/* Set-up that must work: `me` is its error. */
#define FIX_MUST(call)                                                                                                 \
	({                                                                                                             \
		struct vl_err fix_e_ = VL_ERR_INIT;                                                                    \
		struct vl_err *me = &fix_e_;                                                                           \
		if (!(call)) {                                                                                         \
			printf("Bail out! %s: E%04d %s\n", #call, (int)me->code, me->msg);                             \
			exit(99);                                                                                      \
		}                                                                                                      \
	})

FIX struct vl_store *fix_open(const char *name)
{
	struct vl_store *s = NULL;

	FIX_MUST(vl_store_open(&s, fix_path(name), VL_STORE_WRITE, 0, &fix_env, me));
	return s;
}

/* Puts a document, clears it, and describes it in *to. */
FIX void fix_put_doc(struct vl_store *s, struct vl_doc *doc, struct vl_desc *to)
{
	VL_CLEAN(vl_buf) text = VL_BUF_INIT(VL_DOC_MAX);
	struct vl_digest d;

	FIX_MUST(vl_doc_format(doc, &text, me) && vl_store_put(s, vl_buf_bytes(&text), &d, me));
	vl_desc_clear(to);
	vl_desc_init(to, doc->media_type, &d, text.len);
	vl_doc_clear(doc);
}

FIX void fix_artifact(struct vl_store *s, struct vl_doc *doc, const char *type)
{
	struct vl_digest d;

	vl_doc_init_artifact(doc, type);
	FIX_MUST(vl_store_put(s, vl_bytes_str(VL_EMPTY_JSON), &d, me));
}

/* A layer with this title and content. */
FIX struct vl_desc *fix_layer(struct vl_store *s, struct vl_doc *doc, const char *media_type, const char *title,
			      struct vl_bytes content)
{
	struct vl_desc *layer = vl_doc_add(doc);
	struct vl_digest d;

	FIX_MUST(vl_store_put(s, content, &d, me));
	vl_desc_init(layer, media_type, &d, content.len);
	vl_desc_set(layer, VL_AN_TITLE, title);
	return layer;
}

/* Finishes an artifact as an item of the snapshot. The returned descriptor may get more annotations. */
FIX struct vl_desc *fix_item(struct vl_store *s, struct vl_doc *snapshot, struct vl_doc *artifact, const char *name,
			     const char *type)
{
	struct vl_desc *item = vl_doc_add(snapshot);

	fix_put_doc(s, artifact, item);
	vl_desc_set(item, VL_AN_ITEM, name);
	vl_desc_set(item, VL_AN_TYPE, type);
	return item;
}

/* An item of type http with one file. */
FIX void fix_simple_item(struct vl_store *s, struct vl_doc *snapshot, const char *name, const char *text)
{
	VL_CLEAN(vl_doc) a = { 0 };

	fix_artifact(s, &a, "application/vnd.valise.file.v1");
	fix_layer(s, &a, "application/octet-stream", "file.txt", vl_bytes_str(text));
	fix_item(s, snapshot, &a, name, "http");
}

/* The snapshot becomes a channel's root; it is cleared. */
FIX struct vl_channel fix_channel(struct vl_store *s, struct vl_doc *snapshot, const char *name, uint64_t sequence)
{
	struct vl_channel c = { .epoch = 1, .sequence = sequence, .created = fix_env.now - 3600,
				.installed = fix_env.now };
	VL_CLEAN(vl_desc) d = { 0 };

	fix_put_doc(s, snapshot, &d);
	snprintf(c.name, sizeof c.name, "%s", name);
	c.root = d.digest;
	c.root_size = d.size;
	return c;
}

/* Commits a generation that is the current one with this channel added or replaced. */
FIX void fix_commit(struct vl_store *s, const struct vl_channel *c)
{
	VL_CLEAN(vl_generation) g = { 0 };
	VL_CLEAN(vl_newgen) n = VL_NEWGEN_INIT;

	FIX_MUST(vl_store_current(s, &g, me));
	vl_generation_set(&g, c);
	FIX_MUST(vl_newgen_open(&n, s, &g, me) && vl_newgen_commit(&n, NULL, NULL, me));
}

#endif
