/*
 * addr.c - address words: their parts, and back.  It looks at nothing but the
 * word: no file, no resolver, no descriptor; what is allowed where is in
 * addr_check.c.  Invariant: parsing the canonical form gives an equal address
 * with the same canonical form.
 *
 * A word is SCHEME:BODY?OPTIONS, for exec SCHEME?OPTIONS:BODY.  Escapes of
 * the body are undone before it is taken apart.
 */
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "addr_body.h"
#include "chars.h"
#include "why.h"

#define KNOWN	"unix: tcp: tls: ws: wss: seqpacket: udp: dtls: exec: ssh: " \
		"fd: systemd: or -"

const char *
addr_scheme_name(enum mux_scheme scheme)
{
	return addr_schemes[scheme].name;
}

static size_t
room_of(const char *s)
{
	return s != NULL ? 3 * strlen(s) : 0;
}

/* Sets a->str. */
static int
print(struct mux_addr *a, struct mux_why *why)
{
	/* Name of the scheme, colons, slashes, brackets, a number. */
	size_t size = 48 + room_of(a->host) + room_of(a->path) +
	    room_of(a->command) + addr_opts_room(&a->opts);
	char *s;

	a->str = malloc(size);
	if (a->str == NULL)
		return why_nomem(why);
	s = addr_schemes[a->scheme].print(a->str, a);
	if (a->scheme != MUX_EXEC)
		s = addr_opts_put(s, &a->opts, a->scheme);
	assert((size_t)(s - a->str) < size);
	return 0;
}

/* ---- whole words ---- */

/* Length of what looks like a scheme before a colon, else 0. */
static size_t
scheme_len(const char *s)
{
	size_t n = 0;

	/* A letter first: "10.0.0.1:80" has no scheme. */
	if (!is_alnum(s[0]) || is_digit(s[0]))
		return 0;
	while (is_alnum(s[n]) || (s[n] != '\0' && strchr("+.-", s[n]) != NULL))
		n++;
	return n;
}

/* Does it begin with a known scheme?  Then *rest is behind its name. */
static bool
named_scheme(char *s, enum mux_scheme *scheme, char **rest)
{
	size_t n = scheme_len(s);

	if (n == 0 || (s[n] != ':' && s[n] != '?'))
		return false;
	/* "-" comes last in the table and is no name before a colon. */
	for (size_t i = 0; i < MUX_STDIO; i++) {
		if (!chars_is(s, n, addr_schemes[i].name) ||
		    (s[n] == '?' && i != MUX_EXEC))
			continue;
		*scheme = (enum mux_scheme)i;
		*rest = s + n;
		return true;
	}
	return false;
}

/* An IPv6 address that somebody wrote without brackets? */
static bool
bare_v6(const char *s)
{
	const char *colon = strchr(s, ':');

	return colon != NULL && strchr(colon + 1, ':') != NULL &&
	    s[strspn(s, "0123456789abcdefABCDEF:.")] == '\0';
}

/* Is its "NAME:" more likely a mistyped scheme than a host? */
static bool
unknown_scheme(const char *s)
{
	const char *colon = s + scheme_len(s);

	if (colon == s || *colon != ':')
		return false;
	if (strchr(colon, '/') != NULL)
		return true;
	return colon[1] != '\0' && !chars_digits(colon + 1) && !bare_v6(s) &&
	    memchr(s, '.', (size_t)(colon - s)) == NULL;
}

/* The scheme of a word that names none. */
static int
guess_scheme(const char *s, enum mux_scheme *scheme, const char *word,
    struct mux_why *why)
{
	if (unknown_scheme(s))
		return why_word(why, word, "unknown scheme \"%.*s\": expected "
		    "HOST:PORT or " KNOWN, (int)min_size(scheme_len(s), 40),
		    s);
	if (*s == '@')
		return why_word(why, word, "an abstract socket is written "
		    "unix:@NAME");
	if (strcmp(s, "-") == 0)
		*scheme = MUX_STDIO;
	else if (*s != '[' && strchr(s, '/') != NULL)
		*scheme = MUX_UNIX;
	else if (strchr(s, ':') != NULL || chars_digits(s))
		*scheme = MUX_TCP;
	else
		return why_word(why, word, "expected HOST:PORT, a port, a path "
		    "with a / in it, or " KNOWN);
	return 0;
}

/* Cuts the word, finds the scheme: *body and *opts (NULL = none). */
static int
cut_word(char *s, struct addr_parse *p, char **opts)
{
	char *rest;

	*opts = NULL;
	if (!named_scheme(s, &p->a->scheme, &rest)) {
		*opts = strchr(s, '?');
		if (*opts != NULL)
			*(*opts)++ = '\0';
		p->body = s;
		return guess_scheme(s, &p->a->scheme, p->word, p->why);
	}
	if (p->a->scheme != MUX_EXEC) {
		p->body = rest + 1;
		*opts = strchr(p->body, '?');
		if (*opts != NULL)
			*(*opts)++ = '\0';
		return 0;
	}
	p->body = strchr(rest, ':');
	if (p->body == NULL)
		return why_word(p->why, p->word, "expected a colon and a "
		    "command after the options");
	*p->body++ = '\0';
	if (*rest == '?')
		*opts = rest + 1;
	return 0;
}

/* Decodes first: then no part can hide what would separate it. */
static int
parse_word(char *s, struct addr_parse *p)
{
	const char *bad;
	char *opts;
	int err;

	err = cut_word(s, p, &opts);
	if (err != 0)
		return err;
	if (p->a->scheme != MUX_EXEC && !chars_decode(p->body, &bad))
		return why_word(p->why, p->word, "%.3s is no escape: expected "
		    "%% and two hex digits, not 00", bad);
	err = addr_schemes[p->a->scheme].parse(p);
	if (err != 0)
		return err;
	return addr_opts_parse(&p->a->opts, p->a->scheme, opts, p->word,
	    p->why);
}

int
mux_addr_parse(const char *word, struct mux_addr **out, struct mux_why *why)
{
	struct mux_addr *a = calloc(1, sizeof(*a));
	struct addr_parse p = { .a = a, .word = word, .why = why };
	char *copy = strdup(word);
	int err;

	if (a == NULL || copy == NULL) {
		err = why_nomem(why);
		goto fail;
	}
	a->fd = -1;
	err = parse_word(copy, &p);
	if (err == 0)
		err = print(a, why);
	if (err != 0)
		goto fail;
	free(copy);
	*out = a;
	return 0;
fail:
	free(copy);
	mux_addr_free(a);
	return err;
}

void
mux_addr_free(struct mux_addr *a)
{
	if (a == NULL)
		return;
	addr_opts_release(&a->opts);
	free(a->host);
	free(a->path);
	free(a->command);
	free(a->str);
	free(a);
}

struct mux_addr *
mux_addr_dup(const struct mux_addr *a)
{
	struct mux_addr *dup = NULL;

	/* The canonical form says everything. */
	return mux_addr_parse(a->str, &dup, NULL) == 0 ? dup : NULL;
}

enum mux_scheme
mux_addr_scheme(const struct mux_addr *a)
{
	return a->scheme;
}

const char *
mux_addr_str(const struct mux_addr *a)
{
	return a->str;
}

const char *
mux_addr_path(const struct mux_addr *a)
{
	return a->path;
}

const char *
mux_addr_host(const struct mux_addr *a)
{
	return a->host;
}

uint16_t
mux_addr_port(const struct mux_addr *a)
{
	return a->port;
}

const char *
mux_addr_command(const struct mux_addr *a)
{
	return a->command;
}

const char *
mux_addr_option(const struct mux_addr *a, const char *key)
{
	return addr_opts_get(&a->opts, key);
}
