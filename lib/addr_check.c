/*
 * addr_check.c - where an address may stand: which schemes this version
 * brings to life, who may dial, listen or be a target, and that nothing
 * leaves the machine in the clear unasked.  It judges words only; rules judge
 * the address really dialled (rule.c).
 */
#include <string.h>

#include "addr.h"
#include "host.h"
#include "why.h"

#define R(role)		(1u << (role))
#define DIALS		(R(MUX_AS_CARRIER) | R(MUX_AS_TARGET))
#define LISTENS		(R(MUX_AS_LISTENER) | R(MUX_AS_LOCAL))

/* No roles: a scheme of a later version. */
static const unsigned roles[] = {
	[MUX_UNIX] =	DIALS | LISTENS,
	[MUX_TCP] =	DIALS | LISTENS,
	[MUX_EXEC] =	DIALS | LISTENS,
	[MUX_FD] =	R(MUX_AS_CARRIER) | LISTENS,
	[MUX_SYSTEMD] =	LISTENS,
	[MUX_STDIO] =	R(MUX_AS_CARRIER) | LISTENS,
};

static const char *const role_names[] = {
	[MUX_AS_CARRIER] =	"to connect to",
	[MUX_AS_LISTENER] =	"to listen on",
	[MUX_AS_LOCAL] =	"to listen on",
	[MUX_AS_TARGET] =	"for a target",
};

static int
check_options(const struct mux_addr *a, enum mux_role role,
    struct mux_why *why)
{
	const char *reason, *key = addr_opts_unfit(&a->opts, role, &reason);

	if (key == NULL)
		return 0;
	return why_word(why, a->str, "the option %s= %s", key, reason);
}

/* insecure=0 is what is so anyway. */
static bool
is_insecure(const struct mux_addr *a)
{
	const char *value = addr_opts_get(&a->opts, "insecure");

	return value != NULL && strcmp(value, "1") == 0;
}

/*
 * A name other than localhost counts as beyond loopback wherever it leads
 * today: it may lead elsewhere tomorrow.
 */
static int
check_tcp(const struct mux_addr *a, enum mux_role role, struct mux_why *why)
{
	if (R(role) & DIALS && host_is_any(a->host))
		return why_word(why, a->str, "%s is for listening: expected "
		    "a host", a->host);
	if (R(role) & DIALS && a->port == 0)
		return why_word(why, a->str, "port 0 is for listening: "
		    "expected a number from 1 to 65535");
	if (role != MUX_AS_CARRIER && role != MUX_AS_LISTENER)
		return 0;
	if (host_is_loopback(a->host) || is_insecure(a))
		return 0;
	return why_word(why, a->str, "beyond loopback everybody on the way "
		    "can read and change it: expected a loopback address, "
		    "a unix socket, or ?insecure=1 to allow it");
}

static int
check_unix(const struct mux_addr *a, enum mux_role role, struct mux_why *why)
{
	/* Relative to what, on the other machine? */
	if (role == MUX_AS_TARGET && a->path[0] != '/' && a->path[0] != '@')
		return why_word(why, a->str, "a target needs an absolute "
		    "path: expected unix:/PATH or unix:@NAME");
	return 0;
}

int
mux_addr_check(const struct mux_addr *a, enum mux_role role,
    struct mux_why *why)
{
	const char *name = addr_scheme_name(a->scheme);
	const char *colon = a->scheme == MUX_STDIO ? "" : ":";
	unsigned may = a->scheme < N_ELEM(roles) ? roles[a->scheme] : 0;
	int err;

	if (may == 0)
		return why_word(why, a->str, "%s: is not supported by this "
		    "version", name);
	if (!(may & R(role)))
		return why_word(why, a->str, "%s%s is nothing %s", name, colon,
		    role_names[role]);
	err = check_options(a, role, why);
	if (err != 0)
		return err;
	if (a->scheme == MUX_TCP)
		return check_tcp(a, role, why);
	return a->scheme == MUX_UNIX ? check_unix(a, role, why) : 0;
}
