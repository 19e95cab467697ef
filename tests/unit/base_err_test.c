/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/base_err_test.c: errors on their way up, buffers with a maximum, events and the wish to stop. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/env.h"
#include "tests/lib/tap.h"

/* Read by AddressSanitizer, when there is one: a refused allocation is a case we test, not a fault. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

static void check_messages(void)
{
	struct vl_err e = VL_ERR_INIT;

	tap_ok(!vl_fail(&e, VL_E_HASH, "blob %d", 7), "fail returns false");
	tap_str(e.msg, "blob 7", "fail: message");
	tap_is(e.code, VL_E_HASH, "fail: code");
	tap_ok(!vl_while(&e, "volume %u", 2U) && !vl_while(&e, "bundle"), "while returns false");
	tap_str(e.msg, "bundle: volume 2: blob 7", "while: outside-in");
	tap_ok(!vl_hint(&e, "do %s", "this") && !vl_found(&e, "f", "1", NULL) && !vl_found(&e, NULL, NULL, "2"),
	       "hint and found return false");
	tap_str(e.hint, "do this", "hint");
	tap_ok(!strcmp(e.file, "f") && !strcmp(e.found, "1") && !strcmp(e.expected, "2"),
	       "found: NULL leaves a field alone");
	tap_str(e.msg, "bundle: volume 2: blob 7", "hint and found leave the message alone");
	vl_fail(&e, VL_E_SIZE, "new");
	tap_ok(!e.hint[0] && !e.file[0] && !e.found[0] && !e.expected[0], "fail forgets what was there");
}

static void check_long_messages(void)
{
	struct vl_err e = VL_ERR_INIT;
	char text[3000];

	memset(text, 'x', sizeof text);
	text[sizeof text - 1] = '\0';
	vl_fail(&e, VL_E_HASH, "%s", text);
	tap_is(strlen(e.msg), sizeof e.msg - 1, "a long message is cut");
	vl_while(&e, "%s", "context");
	tap_ok(!strncmp(e.msg, "context: xxx", 12) && strlen(e.msg) == sizeof e.msg - 1, "context before it");
	vl_hint(&e, "%s", text);
	vl_found(&e, text, text, text);
	tap_ok(strlen(e.hint) == sizeof e.hint - 1 && strlen(e.file) == sizeof e.file - 1 &&
		       strlen(e.found) == sizeof e.found - 1 && strlen(e.expected) == sizeof e.expected - 1,
	       "long fields are cut");
	errno = EIO;
	vl_fail_os(&e, "%s", text);
	tap_ok(strstr(e.msg, strerror(EIO)) != NULL, "the system's text survives a long name");
}

static void check_errno(void)
{
	static const struct {
		int err;
		enum vl_code code;
		int status;
	} cases[] = {
		{ ENOSPC, VL_E_NOSPACE, 21 }, { EDQUOT, VL_E_NOSPACE, 21 },    { EROFS, VL_E_READONLY, 22 },
		{ EIO, VL_E_IO, 22 },         { EACCES, VL_E_PERMISSION, 22 }, { EPERM, VL_E_PERMISSION, 22 },
		{ EMFILE, VL_E_FDS, 23 },     { ENFILE, VL_E_FDS, 23 },        { ENOMEM, VL_E_MEMORY, 23 },
		{ ENOENT, VL_E_IO, 22 },      { EINTR, VL_E_IO, 22 },
	};
	struct vl_err e = VL_ERR_INIT;
	char want[200];

	for (size_t i = 0; i < VL_LEN(cases); i++) {
		errno = cases[i].err;
		tap_fails(vl_fail_os(&e, "open %s", "x"), &e, cases[i].code, "errno %d: code", cases[i].err);
		tap_is(errno, cases[i].err, "errno %d: kept", cases[i].err);
		tap_is(vl_code_exit(e.code), cases[i].status, "errno %d: exit status", cases[i].err);
		snprintf(want, sizeof want, "open x: %s", strerror(cases[i].err));
		tap_str(e.msg, want, "errno %d: message", cases[i].err);
	}
}

static void check_codes(void)
{
#define NUMBER(name, number, what, advice) { #name, number },
	static const struct {
		const char *name;
		int number;
	} codes[] = { VL_CODES(NUMBER) };

	for (size_t i = 0; i < VL_LEN(codes); i++) {
		enum vl_code code = (enum vl_code)codes[i].number;

		tap_ok(vl_code_exit(code) >= 1 && vl_code_exit(code) <= 99, "%s has an exit status", codes[i].name);
		tap_ok(i == 0 || codes[i - 1].number < codes[i].number, "%s: numbers rise", codes[i].name);
	}
	tap_str(vl_code_advice(VL_E_NEWER), "Install a newer valise on this host.", "advice");
	tap_str(vl_code_advice((enum vl_code)9999), "", "an unknown code has no advice");
}

static void check_buf(void)
{
	VL_CLEAN(vl_buf) b = VL_BUF_INIT(1000);
	struct vl_err e = VL_ERR_INIT;
	uint8_t *at = NULL;

	tap_str(vl_buf_str(&b), "", "an empty buffer is an empty string");
	tap_good(vl_buf_add(&b, vl_bytes_str("abc"), &e) && vl_buf_addf(&b, &e, "-%d", 5), &e, "add");
	tap_str(vl_buf_str(&b), "abc-5", "what was added");
	for (unsigned i = 0; i < 99; i++)
		if (!vl_buf_add(&b, vl_bytes_str("0123456789"), &e))
			break;
	tap_is(b.len, 995, "many additions");
	tap_is(strlen(vl_buf_str(&b)), 995, "the end is a NUL");
	tap_good(vl_buf_add(&b, vl_bytes_str("12345"), &e), &e, "up to the maximum");
	tap_fails(vl_buf_add(&b, vl_bytes_str("x"), &e), &e, VL_E_LIMIT, "one byte more");
	tap_fails(vl_buf_addf(&b, &e, "%s", "x"), &e, VL_E_LIMIT, "one byte more, formatted");
	tap_fails(vl_buf_room(&b, SIZE_MAX, &at, &e), &e, VL_E_LIMIT, "a size that would wrap");
	tap_is(b.len, 1000, "a refused addition changes nothing");
	tap_good(vl_buf_add(&b, vl_bytes(NULL, 0), &e), &e, "nothing fits always");
	vl_buf_reset(&b);
	tap_str(vl_buf_str(&b), "", "reset");
	tap_good(vl_buf_room(&b, 10, &at, &e), &e, "room");
	tap_ok(at == b.data && b.cap >= 11, "room is behind the end");
	vl_buf_clear(&b);
	tap_ok(!b.data && !b.len && b.max == 1000, "clear keeps the maximum");
}

static void check_mem(void)
{
	struct vl_err e = VL_ERR_INIT;
	VL_STR copy = vl_xstrdup("text");
	VL_STR part = vl_xstrndup("text", 2);
	VL_STR made = vl_xprintf("%s-%d", "a", 1);
	int *array = NULL;
	size_t cap = 0;
	void *p = NULL;

	tap_str(copy, "text", "xstrdup");
	tap_ok(!vl_xstrdup(NULL), "xstrdup of NULL");
	tap_str(part, "te", "xstrndup");
	tap_str(made, "a-1", "xprintf");
	for (int i = 0; i < 100; i++) {
		vl_grow(&array, (size_t)i, &cap, sizeof *array);
		array[i] = i;
	}
	tap_ok(array && array[0] == 0 && array[99] == 99 && cap >= 100, "grow keeps what is there");
	free(array);
	tap_good(vl_alloc(&p, 0, &e), &e, "alloc of nothing");
	free(p);
	tap_fails(vl_alloc(&p, SIZE_MAX / 4, &e), &e, VL_E_MEMORY, "alloc of too much");
}

/* The last event, as text: it is borrowed for the call only. */
struct seen {
	int count;
	enum vl_event_kind kind;
	uint64_t done, total;
	char text[2000];
};

static void keep_event(void *ctx, const struct vl_event *ev)
{
	struct seen *s = ctx;

	s->count++;
	s->kind = ev->kind;
	s->done = ev->done;
	s->total = ev->total;
	snprintf(s->text, sizeof s->text, "%s|%s|%s", ev->phase ? ev->phase : "", ev->item ? ev->item : "",
		 ev->text ? ev->text : "");
}

static void check_env(void)
{
	volatile sig_atomic_t stop = 0;
	struct seen s = { .count = 0 };
	struct vl_env env = { .emit = keep_event, .emit_ctx = &s, .stop = &stop, .jobs = 1 }, silent = { .jobs = 1 };
	struct vl_err e = VL_ERR_INIT;

	vl_emit_phase(&env, "fetch", 10);
	tap_ok(s.kind == VL_EV_PHASE && s.total == 10 && !strcmp(s.text, "fetch||"), "event: phase");
	vl_emit_progress(&env, "fetch", 3, 10);
	tap_ok(s.kind == VL_EV_PROGRESS && s.done == 3 && s.total == 10, "event: progress");
	vl_emit_phase_end(&env, "fetch", 9);
	tap_ok(s.kind == VL_EV_PHASE_END && s.done == 9, "event: end of phase");
	vl_emit_item(&env, "fetch", "x", 5, "n %d", 1);
	tap_ok(s.kind == VL_EV_ITEM && s.done == 5 && !strcmp(s.text, "fetch|x|n 1"), "event: item");
	vl_emit_note(&env, "n %d", 2);
	tap_ok(s.kind == VL_EV_NOTE && !strcmp(s.text, "||n 2"), "event: note");
	vl_emit_warn(&env, "w");
	tap_ok(s.kind == VL_EV_WARN && !strcmp(s.text, "||w"), "event: warning");
	vl_emit_debug(&env, "d");
	tap_ok(s.kind == VL_EV_DEBUG && s.count == 7, "event: debug");
	vl_emit_note(&silent, "nobody listens");
	tap_is(s.count, 7, "event: nobody listens");
	tap_good(vl_env_go_on(&env, &e) && vl_env_go_on(&silent, &e), &e, "go on");
	stop = SIGTERM;
	tap_fails(vl_env_go_on(&env, &e), &e, VL_E_INTERRUPTED, "stop");
}

int main(void)
{
	check_messages();
	check_long_messages();
	check_errno();
	check_codes();
	check_buf();
	check_mem();
	check_env();
	return tap_done();
}
