/* SPDX-License-Identifier: Apache-2.0 */
/* net/netrc.c: a netrc file's words: machine, login, password, account, default, macdef. */
#include "net/net_priv.h"

#include <stdlib.h>

/* The next word, without its quotes; NULL at the end. A comment runs to the end of its line. The caller frees. */
static char *next_word(const char **at)
{
	const char *s = *at;
	char *word;
	size_t n = 0;

	for (s += strspn(s, " \t\r\n"); *s == '#'; s += strspn(s, " \t\r\n"))
		s += strcspn(s, "\n");
	if (!*s)
		return NULL;
	word = vl_xcalloc(strlen(s) + 1, 1);
	if (*s == '"') {
		for (s++; *s && *s != '"'; s++) {
			if (*s == '\\' && s[1])
				s++;
			word[n++] = *s;
		}
		*at = *s ? s + 1 : s;
		return word;
	}
	n = strcspn(s, " \t\r\n");
	memcpy(word, s, n);
	*at = s + n;
	return word;
}

/* A macro ends at the first empty line. */
static void skip_macro(const char **at)
{
	const char *end = strstr(*at, "\n\n");

	*at = end ? end : *at + strlen(*at);
}

struct state {
	bool wanted, named; /* we are in an entry that counts; it named the machine */
	bool found_named;
};

static void begin_entry(struct state *s, struct vl_cred *out, bool wanted, bool named)
{
	s->wanted = wanted && !s->found_named && (named || !out->user);
	s->named = named;
	if (s->wanted)
		vl_cred_clear(out);
	s->found_named |= s->wanted && named;
}

static void take(char **slot, const char **at)
{
	free(*slot);
	*slot = next_word(at);
}

bool vl_netrc_find(const char *text, const char *machine, bool use_default, struct vl_cred *out)
{
	struct state s = { .wanted = false };
	const char *at = text;

	*out = (struct vl_cred){ .user = NULL };
	for (;;) {
		VL_STR word = next_word(&at);
		VL_STR value = NULL;

		if (!word)
			break;
		if (!strcmp(word, "machine")) {
			value = next_word(&at);
			begin_entry(&s, out, value && !strcmp(value, machine), true);
		} else if (!strcmp(word, "default")) {
			begin_entry(&s, out, use_default, false);
		} else if (!strcmp(word, "login")) {
			take(s.wanted ? &out->user : &value, &at);
		} else if (!strcmp(word, "password")) {
			take(s.wanted ? &out->secret : &value, &at);
		} else if (!strcmp(word, "account")) {
			take(&value, &at);
		} else if (!strcmp(word, "macdef")) {
			skip_macro(&at);
		}
	}
	if (out->user && out->secret)
		return true;
	vl_cred_clear(out);
	return false;
}
