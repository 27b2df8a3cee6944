/*
 * rule.c - the rules of --allow-target and --deny-target.  It decides whether
 * one rule speaks of one dial; who allows and who denies is the caller's.
 *
 * Invariant: what a rule is compared with is where the kernel will really
 * connect (an address, a path without links), never how the peer spelled it;
 * only a rule that is a name looks at the spelling.  In doubt nothing matches:
 * with no rule that allows it, a target is refused.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "chars.h"
#include "host.h"
#include "why.h"

enum rule_kind { RULE_ANY, RULE_NET, RULE_NAME, RULE_PATH };

struct mux_rule {
	enum rule_kind kind;
	struct host_ip net;
	unsigned bits;
	uint16_t lo, hi;	/* ports */
	char *text;		/* the name; the pattern, WILD for each '*' */
	size_t len;
	char *str;
};

/* No path and no word holds a NUL, so it can stand for '*'. */
#define WILD	'\0'

/* ---- parsing ---- */

/* 0 is a port here: a listener's "any free one". */
static int
parse_ports(struct mux_rule *r, char *s, const char *word,
    struct mux_why *why)
{
	char *dash = strchr(s, '-');
	uint64_t lo, hi;

	if (strcmp(s, "*") == 0) {
		r->lo = 0;
		r->hi = UINT16_MAX;
		return 0;
	}
	if (dash != NULL)
		*dash = '\0';
	if (!chars_number(s, UINT16_MAX, &lo) ||
	    !chars_number(dash != NULL ? dash + 1 : s, UINT16_MAX, &hi) ||
	    lo > hi)
		return why_word(why, word, "expected a port, a range A-B or * "
		    "after the last colon");
	r->lo = (uint16_t)lo;
	r->hi = (uint16_t)hi;
	return 0;
}

/* `shift`: ::ffff:a.b.c.d/N is a.b.c.d/(N - 96). */
static int
parse_bits(struct mux_rule *r, const char *bits, unsigned shift,
    const char *word, struct mux_why *why)
{
	unsigned most = r->net.v6 ? 128 : 32;
	struct host_ip low = r->net;
	char text[HOST_SIZE];
	uint64_t n;

	if (!chars_number(bits, most + shift, &n) || n < shift)
		return why_word(why, word, "\"/%.20s\": expected %u to %u",
		    bits, shift, most + shift);
	r->bits = (unsigned)n - shift;
	for (unsigned i = r->bits; i < most; i++)
		low.b[i / 8] &= (uint8_t)~(0x80u >> i % 8);
	if (memcmp(low.b, r->net.b, sizeof(low.b)) == 0)
		return 0;
	host_ip_str(&low, text);
	return why_word(why, word, "bits beyond /%s are set: write %s%s%s/%u",
	    bits, low.v6 ? "[" : "", text, low.v6 ? "]" : "", r->bits);
}

/* An address, with the bits of a CIDR or NULL. */
static int
parse_net(struct mux_rule *r, const char *host, const char *bits,
    const char *word, struct mux_why *why)
{
	unsigned most;
	int err;

	r->kind = RULE_NET;
	if (!host_ip_parse(host, &r->net))
		return why_word(why, word, "\"%.60s\": a rule takes no zone",
		    host);
	most = r->bits = r->net.v6 ? 128 : 32;
	if (bits != NULL) {
		err = parse_bits(r, bits, !r->net.v6 &&
		    strchr(host, ':') != NULL ? 96 : 0, word, why);
		if (err != 0)
			return err;
	}
	if (r->bits == most && host_ip_any(&r->net))
		return why_word(why, word, "%s is no destination: expected "
		    "another address, or *", host);
	return 0;
}

/* Without brackets; may end in /BITS. */
static int
parse_host(struct mux_rule *r, char *s, const char *word,
    struct mux_why *why)
{
	char canon[HOST_SIZE], *bits = strchr(s, '/');
	struct host_ip ip;
	int err;

	if (bits != NULL)
		*bits++ = '\0';
	err = host_canon(s, 0, canon, word, why);
	if (err != 0)
		return err;
	if (strchr(canon, ':') != NULL || host_ip_parse(canon, &ip))
		return parse_net(r, canon, bits, word, why);
	if (bits != NULL)
		return why_word(why, word, "expected an address before /");
	r->kind = strcmp(canon, "*") == 0 ? RULE_ANY : RULE_NAME;
	r->text = strdup(canon);
	return r->text != NULL ? 0 : why_nomem(why);
}

/* HOST:PORTS; brackets around an address or an address/bits. */
static int
parse_tcp(struct mux_rule *r, char *s, const char *word, struct mux_why *why)
{
	char *colon = strrchr(s, ':'), *close;
	int err;

	if (colon == NULL || colon == s)
		return why_word(why, word, "expected tcp:HOST:PORTS");
	*colon = '\0';
	err = parse_ports(r, colon + 1, word, why);
	if (err != 0)
		return err;
	if (*s != '[' && strchr(s, ':') != NULL)
		return why_word(why, word, "an IPv6 address needs brackets: "
		    "expected tcp:[ADDRESS]:PORTS");
	if (*s == '[') {
		close = strchr(++s, ']');
		if (close == NULL || (close[1] != '\0' && close[1] != '/'))
			return why_word(why, word, "expected "
			    "tcp:[ADDRESS]:PORTS or tcp:[ADDRESS]/BITS:PORTS");
		memmove(close, close + 1, strlen(close));
	}
	return parse_host(r, s, word, why);
}

/* No empty component, no "." and no "..": as realpath(3) leaves it. */
static bool
is_real(const char *path)
{
	size_t n;

	if (*path == '@')
		return path[1] != '\0';
	if (*path != '/')
		return false;
	while (*path == '/') {
		n = strcspn(++path, "/");
		if (n == 0 || (*path == '.' && n == 1) ||
		    (path[0] == '.' && path[1] == '.' && n == 2))
			return false;
		path += n;
	}
	return true;
}

/* Into text with WILD where the stars were. */
static int
parse_path(struct mux_rule *r, char *s, const char *word, struct mux_why *why)
{
	const char *bad;
	char *part, *next;

	if (strchr(s, '?') != NULL)
		return why_word(why, word, "? has no meaning in a rule: "
		    "expected * or %%3F");
	if (strstr(s, "**") != NULL)
		return why_word(why, word, "* never crosses a /: expected "
		    "one * for each directory");
	r->kind = RULE_PATH;
	r->text = malloc(strlen(s) + 1);
	if (r->text == NULL)
		return why_nomem(why);
	/* An escaped star is no wildcard: decode between the stars. */
	for (part = s; part != NULL; part = next) {
		next = strchr(part, '*');
		if (next != NULL)
			*next++ = '\0';
		if (!chars_decode(part, &bad))
			return why_word(why, word, "%.3s is no escape: "
			    "expected %% and two hex digits, not 00", bad);
		chars_put(r->text + r->len, part);
		r->len += strlen(part) + (next != NULL);
	}
	return 0;
}

/* ---- printing ---- */

static char *
print_host(char *p, const struct mux_rule *r)
{
	char text[HOST_SIZE];

	if (r->kind != RULE_NET)
		return chars_put(p, r->text);
	host_ip_str(&r->net, text);
	p = chars_put(p, r->net.v6 ? "[" : "");
	p = chars_put(p, text);
	p = chars_put(p, r->net.v6 ? "]" : "");
	if (r->bits < (r->net.v6 ? 128u : 32u))
		p += sprintf(p, "/%u", r->bits);
	return p;
}

static char *
print_ports(char *p, const struct mux_rule *r)
{
	if (r->lo == 0 && r->hi == UINT16_MAX)
		return chars_put(p, "*");
	p += sprintf(p, "%u", (unsigned)r->lo);
	return r->hi > r->lo ? p + sprintf(p, "-%u", (unsigned)r->hi) : p;
}

static char *
print_pattern(char *p, const struct mux_rule *r)
{
	for (size_t i = 0; i < r->len; i++) {
		if (r->text[i] == WILD)
			*p++ = '*';
		else
			p = chars_encode(p, (char[]){ r->text[i], '\0' },
			    "?&=*");
	}
	*p = '\0';
	return p;
}

/* Sets r->str. */
static int
print(struct mux_rule *r, struct mux_why *why)
{
	char *p = malloc(HOST_SIZE + 32 + 3 * r->len);

	if (p == NULL)
		return why_nomem(why);
	r->str = p;
	if (r->kind == RULE_PATH) {
		print_pattern(chars_put(p, "unix:"), r);
		return 0;
	}
	p = print_host(chars_put(p, "tcp:"), r);
	print_ports(chars_put(p, ":"), r);
	return 0;
}

static int
parse(struct mux_rule *r, char *s, const char *word, struct mux_why *why)
{
	size_t n = strcspn(s, ":");
	int err;

	if (s[n] == ':' && chars_is(s, n, "tcp"))
		err = parse_tcp(r, s + n + 1, word, why);
	else if (s[n] == ':' && chars_is(s, n, "unix"))
		err = parse_path(r, s + n + 1, word, why);
	else
		err = why_word(why, word, "expected tcp:HOST:PORTS or "
		    "unix:PATH");
	if (err == 0)
		err = print(r, why);
	/* Only now, when no escape can hide a slash or a dot any more. */
	if (err == 0 && r->kind == RULE_PATH && !is_real(r->str + n + 1))
		err = why_word(why, word, "expected an absolute path without "
		    "//, . and .., or @NAME");
	return err;
}

int
mux_rule_parse(const char *word, struct mux_rule **out, struct mux_why *why)
{
	struct mux_rule *r = calloc(1, sizeof(*r));
	char *copy = strdup(word);
	int err;

	if (r != NULL && copy != NULL)
		err = parse(r, copy, word, why);
	else
		err = why_nomem(why);
	free(copy);
	if (err != 0) {
		mux_rule_free(r);
		return err;
	}
	*out = r;
	return 0;
}

void
mux_rule_free(struct mux_rule *r)
{
	if (r == NULL)
		return;
	free(r->text);
	free(r->str);
	free(r);
}

const char *
mux_rule_str(const struct mux_rule *r)
{
	return r->str;
}

/* ---- matching ---- */

/*
 * When a star has to take more, only the last one does: what it may not take
 * is a '/', and then no earlier star could help either, because a '/' of the
 * pattern stands between them or it would have to take the same '/'.
 */
static bool
match_pattern(const char *pat, size_t len, const char *path)
{
	const char *end = pat + len, *star = NULL, *from = NULL;

	while (*path != '\0') {
		if (pat < end && *pat == WILD) {
			star = ++pat;
			from = path;
		} else if (pat < end && *pat == *path) {
			pat++;
			path++;
		} else if (star != NULL && *from != '/') {
			pat = star;
			path = ++from;
		} else {
			return false;
		}
	}
	while (pat < end && *pat == WILD)
		pat++;
	return pat == end;
}

/* The address decides; `asked` only where the rule is a name. */
static bool
match_sa(const struct mux_rule *r, const char *asked,
    const struct sockaddr *sa)
{
	struct host_ip ip;
	uint16_t port;

	if (!host_ip_of(sa, &ip, &port) || port < r->lo || port > r->hi)
		return false;
	/*
	 * The kernel takes 0.0.0.0 and :: for itself, past every rule about
	 * loopback: no destination, but for a listener on all interfaces.
	 */
	if (host_ip_any(&ip) && strcmp(asked, "*") != 0)
		return false;
	switch (r->kind) {
	case RULE_ANY:
		return true;
	case RULE_NET:
		return host_ip_within(&ip, &r->net, r->bits);
	case RULE_NAME:
		return strcmp(asked, r->text) == 0;
	default:
		return false;
	}
}

bool
mux_rule_match(const struct mux_rule *r, const struct mux_addr *asked,
    const struct sockaddr *sa, const char *path)
{
	if (asked == NULL)
		return false;
	if (r->kind == RULE_PATH)
		return asked->scheme == MUX_UNIX && path != NULL &&
		    is_real(path) && match_pattern(r->text, r->len, path);
	return asked->scheme == MUX_TCP && sa != NULL &&
	    match_sa(r, asked->host, sa);
}
