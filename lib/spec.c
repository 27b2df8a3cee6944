/*
 * spec.c - what -L and its kin take: the four forms of ssh(1) and
 * LISTEN=TARGET.  Each form is turned into two address words, and addr.c does
 * the rest.  Invariant: canonical LISTEN, '=' and target make a spec that
 * parses into the same two.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "chars.h"
#include "why.h"

#define FORMS	"[BIND:]PORT:HOST:PORT, [BIND:]PORT:SOCKET, " \
		"SOCKET:HOST:PORT, SOCKET:SOCKET or LISTEN=TARGET"
#define MAX_PARTS 4

/* The words that a spec stands for; heap. */
struct words {
	char *listen, *target;
};

/*
 * The first '=' that does not belong to an option of LISTEN.  An option's own
 * '=' is the one behind its key; exec's options end at the colon.
 */
static char *
find_separator(char *s)
{
	bool exec = chars_is(s, strcspn(s, ":?"), "exec");
	bool options = false, key = false;

	for (; *s != '\0'; s++) {
		if (*s == '=' && !key)
			return s;
		if (*s == '=')
			key = false;
		else if (*s == '?' && !options)
			options = key = true;
		else if (*s == '&')
			key = options;
		else if (*s == ':' && exec)
			return strchr(s, '=');
	}
	return NULL;
}

/* Cuts at colons outside brackets.  How many parts; MAX_PARTS + 1: too many. */
static size_t
cut_parts(char *s, char **part)
{
	bool inside = false;
	size_t n = 1;

	part[0] = s;
	for (; *s != '\0'; s++) {
		if (*s == '[')
			inside = true;
		else if (*s == ']')
			inside = false;
		if (*s != ':' || inside)
			continue;
		if (n == MAX_PARTS)
			return MAX_PARTS + 1;
		*s = '\0';
		part[n++] = s + 1;
	}
	return n;
}

static char *
join(const char *scheme, const char *host, const char *colon,
    const char *rest)
{
	char *word = malloc(strlen(scheme) + strlen(host) + strlen(colon) +
	    strlen(rest) + 1);
	char *p = word;

	if (word == NULL)
		return NULL;
	p = chars_put(chars_put(p, scheme), host);
	chars_put(chars_put(p, colon), rest);
	return word;
}

static bool
is_socket(const char *part)
{
	return strchr(part, '/') != NULL;
}

/* May it stand where a form has PORT or BIND, with options of the listener? */
static bool
is_port(const char *part)
{
	return is_digit(*part) && strcspn(part, "?") ==
	    strspn(part, "0123456789");
}

/* The listening side of a form of ssh; how many parts it takes, 0: none. */
static size_t
map_listen(char **part, size_t n, char **word)
{
	bool bind = n == 4 || (n == 3 && is_socket(part[2]));

	if (n < 2 || n > MAX_PARTS)
		return 0;
	if (bind && !is_port(part[1]))
		return 0;
	if (bind)
		*word = join("tcp:", part[0], ":", part[1]);
	else if (is_socket(part[0]))
		*word = join("unix:", part[0], "", "");
	else if (is_port(part[0]))
		*word = join("tcp:", "", "", part[0]);
	else
		return 0;
	return bind ? 2 : 1;
}

/* Both sides; false: it is none of the forms. */
static bool
map_parts(char **part, size_t n, struct words *w)
{
	size_t taken = map_listen(part, n, &w->listen);

	if (taken == 0)
		return false;
	part += taken;
	n -= taken;
	if (n == 1 && is_socket(part[0]))
		w->target = join("unix:", part[0], "", "");
	else if (n == 2 && *part[0] != '\0')
		w->target = join("tcp:", part[0], ":", part[1]);
	else
		return false;
	return true;
}

/* ssh has no names of targets, and who is used to it writes one so. */
static int
no_form(char **part, size_t n, const char *spec, struct mux_why *why)
{
	if (n == 2 && is_port(part[0]) && *part[1] != '\0' &&
	    chars_plain(part[1], "_.-"))
		return why_word(why, spec, "expected PORT:HOST:PORT, or "
		    "%.60s=%.60s if %.60s is the name of a target", part[0],
		    part[1], part[1]);
	return why_word(why, spec, "expected " FORMS);
}

/* Into two words; what *w got by then is the caller's to free. */
static int
cut_spec(char *s, struct words *w, const char *spec, struct mux_why *why)
{
	char *separator = find_separator(s), *part[MAX_PARTS];
	size_t n;

	if (separator != NULL) {
		*separator = '\0';
		if (*s == '\0' || separator[1] == '\0')
			return why_word(why, spec, "expected LISTEN=TARGET");
		w->listen = strdup(s);
		w->target = strdup(separator + 1);
	} else {
		n = cut_parts(s, part);
		if (!map_parts(part, n, w))
			return no_form(part, n, spec, why);
	}
	return w->listen != NULL && w->target != NULL ? 0 : why_nomem(why);
}

/* ---- the two sides ---- */

/* Prefixes the reason, which names a word inside the spec. */
static int
in_spec(int err, const char *spec, const struct mux_why *inner,
    struct mux_why *why)
{
	if (err == MUX_E_NOMEM)
		return why_nomem(why);
	return why_word(why, spec, "%s", inner->text);
}

static int
take_listen(const char *word, const char *spec, struct mux_addr **out,
    struct mux_why *why)
{
	struct mux_addr *a = NULL;
	struct mux_why inner;
	int err;

	err = mux_addr_parse(word, &a, &inner);
	if (err == 0)
		err = mux_addr_check(a, MUX_AS_LOCAL, &inner);
	if (err != 0) {
		mux_addr_free(a);
		return in_spec(err, spec, &inner, why);
	}
	*out = a;
	return 0;
}

/* A name of serve's stays as it is, an address becomes canonical. */
static int
take_target(const char *word, const char *spec, char **out,
    struct mux_why *why)
{
	struct mux_addr *a = NULL;
	struct mux_why inner;
	int err = 0;

	if (strcmp(word, "-") != 0 && chars_plain(word, "_.-")) {
		*out = strdup(word);
		return *out != NULL ? 0 : why_nomem(why);
	}
	err = mux_addr_parse(word, &a, &inner);
	if (err == 0 && a->scheme == MUX_EXEC)
		err = why_word(&inner, word, "a command is run only for a "
		    "name that serve was given with -T");
	if (err == 0)
		err = mux_addr_check(a, MUX_AS_TARGET, &inner);
	if (err == 0 && (*out = strdup(a->str)) == NULL)
		err = MUX_E_NOMEM;
	mux_addr_free(a);
	return err != 0 ? in_spec(err, spec, &inner, why) : 0;
}

int
mux_spec_parse(const char *spec, struct mux_addr **listen, char **target,
    struct mux_why *why)
{
	struct words w = { NULL, NULL };
	struct mux_addr *l = NULL;
	char *copy = strdup(spec), *t = NULL;
	int err;

	err = copy != NULL ? cut_spec(copy, &w, spec, why) : why_nomem(why);
	if (err == 0)
		err = take_listen(w.listen, spec, &l, why);
	if (err == 0)
		err = take_target(w.target, spec, &t, why);
	free(copy);
	free(w.listen);
	free(w.target);
	if (err != 0) {
		mux_addr_free(l);
		return err;
	}
	*listen = l;
	*target = t;
	return 0;
}
