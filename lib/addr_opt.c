/*
 * addr_opt.c - options of addresses.  It checks spelling only; what an option
 * does is up to those who dial and listen.  Invariants: rows are sorted by
 * key, so that equal options print equally; a stored value is canonical, so
 * that its users need no second parser.
 */
#include <bsd/string.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "addr_opt.h"
#include "chars.h"
#include "why.h"

/* A canonical value is at most this much longer than what was written. */
#define VALUE_SLACK	24

#define S(scheme)	(1u << (scheme))
#define TCP_LIKE	(S(MUX_TCP) | S(MUX_TLS) | S(MUX_WS) | S(MUX_WSS))
#define FILE_LIKE	(S(MUX_UNIX) | S(MUX_SEQPACKET))
#define CRYPTO		(S(MUX_TLS) | S(MUX_WSS) | S(MUX_DTLS))
#define PLAIN		(S(MUX_TCP) | S(MUX_WS) | S(MUX_UDP) | S(MUX_FD) | \
			S(MUX_SYSTEMD) | S(MUX_STDIO))
#define ALL		UINT_MAX

#define R(role)		(1u << (role))
#define LISTENS		(R(MUX_AS_LISTENER) | R(MUX_AS_LOCAL))
#define CARRIERS	(R(MUX_AS_CARRIER) | R(MUX_AS_LISTENER))
#define NOT_YET		0u	/* spelled, but nothing heeds it so far */

static const struct unit {
	const char *name;
	uint64_t ns;
} units[] = {			/* the largest first */
	{ "h",	3600 * NS_PER_S },
	{ "m",	60 * NS_PER_S },
	{ "s",	NS_PER_S },
	{ "ms",	NS_PER_MS },
};

bool
addr_duration(const char *value, uint64_t *ns)
{
	char number[24];
	size_t i, n = strspn(value, "0123456789");
	const char *unit = value[n] != '\0' ? value + n : "s";
	uint64_t v;

	if (n >= sizeof(number))
		return false;
	memcpy(number, value, n);
	number[n] = '\0';
	for (i = 0; i < N_ELEM(units); i++)
		if (strcmp(units[i].name, unit) == 0)
			break;
	if (i == N_ELEM(units) ||
	    !chars_number(number, INT64_MAX / units[i].ns, &v))
		return false;
	*ns = v * units[i].ns;
	return true;
}

/* In the largest unit that needs no fraction. */
static bool
canon_duration(const char *in, char *out, size_t size)
{
	const struct unit *u = units;
	uint64_t ns;

	if (!addr_duration(in, &ns))
		return false;
	if (ns == 0)
		return strlcpy(out, "0", size) < size;
	while (ns % u->ns != 0)
		u++;
	snprintf(out, size, "%ju%s", (uintmax_t)(ns / u->ns), u->name);
	return true;
}

static bool
canon_bool(const char *in, char *out, size_t size)
{
	static const char *const words[] = {
		"0", "1", "no", "yes", "off", "on", "false", "true"
	};

	for (size_t i = 0; i < N_ELEM(words); i++)
		if (strcmp(in, words[i]) == 0)
			return strlcpy(out, words[i % 2], size) < size;
	return false;
}

/* Permissions only: set-id and sticky bits have no sense on a socket. */
static bool
canon_mode(const char *in, char *out, size_t size)
{
	unsigned mode = 0;

	if (*in == '\0' || strlen(in) > 4 || in[strspn(in, "01234567")] != '\0')
		return false;
	for (; *in != '\0'; in++)
		mode = mode << 3 | (unsigned)(*in - '0');
	snprintf(out, size, "%04o", mode);
	return mode <= 0777;
}

static bool
canon_backlog(const char *in, char *out, size_t size)
{
	uint64_t v;

	if (!chars_number(in, 65535, &v) || v == 0)
		return false;
	snprintf(out, size, "%u", (unsigned)v);
	return true;
}

/* As long as TCP_CA_NAME_MAX; whether the kernel has it shows in use. */
static bool
canon_cc(const char *in, char *out, size_t size)
{
	return strlen(in) < 16 && chars_plain(in, "_-") &&
	    strlcpy(out, in, size) < size;
}

/* Secrets are never words of a command line: a path or a descriptor. */
static bool
canon_file(const char *in, char *out, size_t size)
{
	uint64_t fd;

	if (*in == '\0')
		return false;
	if (strncmp(in, "fd:", 3) != 0)
		return strlcpy(out, in, size) < size;
	if (!chars_number(in + 3, INT_MAX, &fd))
		return false;
	snprintf(out, size, "fd:%u", (unsigned)fd);
	return true;
}

/* For an option whose own grammar is elsewhere. */
static bool
canon_text(const char *in, char *out, size_t size)
{
	return *in != '\0' && strlcpy(out, in, size) < size;
}

#define DURATION	"a duration such as 250ms, 15s or 5m"
#define BOOLEAN		"0 or 1"
#define A_FILE		"a path or fd:N"

/* THE options: all that is said about them elsewhere comes from here. */
static const struct row {
	const char *key;
	unsigned schemes;	/* where the key is known at all */
	unsigned roles;		/* where it has a meaning */
	bool (*canon)(const char *in, char *out, size_t size);
	const char *expected;
} rows[ADDR_N_OPTS] = {
	{ "backlog", TCP_LIKE | FILE_LIKE, LISTENS, canon_backlog,
	    "a number from 1 to 65535" },
	{ "ca", CRYPTO, ALL, canon_file, A_FILE },
	{ "cc", TCP_LIKE, ALL, canon_cc, "the name of a congestion control" },
	{ "cert", CRYPTO, ALL, canon_file, A_FILE },
	{ "fault", ALL, NOT_YET, canon_text, "a list of faults" },
	{ "idle", ALL, NOT_YET, canon_duration, DURATION },
	{ "insecure", PLAIN, CARRIERS, canon_bool, BOOLEAN },
	{ "keepalive", TCP_LIKE, ALL, canon_duration, DURATION },
	{ "key", CRYPTO, ALL, canon_file, A_FILE },
	{ "linger", TCP_LIKE, ALL, canon_duration, DURATION },
	{ "mode", FILE_LIKE, LISTENS, canon_mode,
	    "octal permissions such as 0600" },
	{ "nodelay", TCP_LIKE, ALL, canon_bool, BOOLEAN },
	{ "psk", CRYPTO, ALL, canon_file, A_FILE },
};

/* N_ELEM(rows) if the scheme has no such key. */
static size_t
row_of(const char *key, enum mux_scheme scheme)
{
	size_t i;

	for (i = 0; i < N_ELEM(rows); i++)
		if (rows[i].schemes & S(scheme) &&
		    strcmp(rows[i].key, key) == 0)
			break;
	return i;
}

static int
unknown_key(const char *key, enum mux_scheme scheme, const char *word,
    struct mux_why *why)
{
	char known[128] = "";

	for (size_t i = 0; i < N_ELEM(rows); i++) {
		if (!(rows[i].schemes & S(scheme)))
			continue;
		if (known[0] != '\0')
			strlcat(known, " ", sizeof(known));
		strlcat(known, rows[i].key, sizeof(known));
	}
	return why_word(why, word, "unknown option \"%.40s\": expected one "
	    "of %s", key, known);
}

/* Twice the same key is an error: "the last one wins" hides mistakes. */
static int
take_value(struct addr_opts *opts, size_t i, const char *value,
    const char *word, struct mux_why *why)
{
	size_t size = strlen(value) + VALUE_SLACK;
	char *canon;

	if (opts->value[i] != NULL)
		return why_word(why, word, "%s= is there twice", rows[i].key);
	canon = malloc(size);
	if (canon == NULL)
		return why_nomem(why);
	if (!rows[i].canon(value, canon, size)) {
		free(canon);
		return why_word(why, word, "%s=%.40s: expected %s",
		    rows[i].key, value, rows[i].expected);
	}
	opts->value[i] = canon;
	return 0;
}

/* One "key=value". */
static int
take_option(struct addr_opts *opts, enum mux_scheme scheme, char *text,
    const char *word, struct mux_why *why)
{
	char *value = strchr(text, '=');
	const char *bad;
	size_t i;

	if (value == NULL || value == text)
		return why_word(why, word, "\"%.40s\": expected key=value "
		    "after ?", text);
	*value++ = '\0';
	i = row_of(text, scheme);
	if (i == N_ELEM(rows))
		return unknown_key(text, scheme, word, why);
	/* Bare, these would end the value early inside a tunnel spec. */
	if (strpbrk(value, "=?") != NULL)
		return why_word(why, word, "the value of %s=: write = as %%3D "
		    "and ? as %%3F", text);
	if (!chars_decode(value, &bad))
		return why_word(why, word, "%.3s is no escape: expected %% "
		    "and two hex digits, not 00", bad);
	return take_value(opts, i, value, word, why);
}

int
addr_opts_parse(struct addr_opts *opts, enum mux_scheme scheme, char *text,
    const char *word, struct mux_why *why)
{
	char *next;
	int err;

	for (; text != NULL; text = next) {
		next = strchr(text, '&');
		if (next != NULL)
			*next++ = '\0';
		err = take_option(opts, scheme, text, word, why);
		if (err != 0)
			return err;
	}
	return 0;
}

void
addr_opts_release(struct addr_opts *opts)
{
	for (size_t i = 0; i < N_ELEM(opts->value); i++)
		free(opts->value[i]);
	memset(opts, 0, sizeof(*opts));
}

size_t
addr_opts_room(const struct addr_opts *opts)
{
	size_t n = 0;

	for (size_t i = 0; i < N_ELEM(rows); i++)
		if (opts->value[i] != NULL)
			n += strlen(rows[i].key) + 2 +
			    3 * strlen(opts->value[i]);
	return n;
}

char *
addr_opts_put(char *p, const struct addr_opts *opts, enum mux_scheme scheme)
{
	/* The options of exec: end at its colon. */
	const char *special = scheme == MUX_EXEC ? "?&=:" : "?&=";
	const char *lead = "?";

	for (size_t i = 0; i < N_ELEM(rows); i++) {
		if (opts->value[i] == NULL)
			continue;
		p = chars_put(p, lead);
		p = chars_put(p, rows[i].key);
		p = chars_put(p, "=");
		p = chars_encode(p, opts->value[i], special);
		lead = "&";
	}
	return p;
}

const char *
addr_opts_get(const struct addr_opts *opts, const char *key)
{
	for (size_t i = 0; i < N_ELEM(rows); i++)
		if (strcmp(rows[i].key, key) == 0)
			return opts->value[i];
	return NULL;
}

const char *
addr_opts_unfit(const struct addr_opts *opts, enum mux_role role,
    const char **reason)
{
	for (size_t i = 0; i < N_ELEM(rows); i++) {
		if (opts->value[i] == NULL || rows[i].roles & R(role))
			continue;
		*reason = rows[i].roles == NOT_YET ?
		    "is not supported by this version" : "has no meaning here";
		return rows[i].key;
	}
	return NULL;
}
