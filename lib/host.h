/*
 * host.h - the host part of an address: an IPv4 or IPv6 address, "*" for all
 * interfaces, or a name.
 */
#ifndef HOST_H
#define HOST_H

#include "int.h"
#include "mux_io.h"

#define HOST_SIZE	256	/* of the canonical form, with its NUL */

#define HOST_KEEP_CASE	1u	/* ssh: an alias of ssh_config(5) */

/*
 * The canonical form of `text` (without brackets) in out[HOST_SIZE]; IPv4
 * only as four decimal numbers, so that nothing of what resolvers take for an
 * address ("127.1", "0x7f000001") is ever taken for a name.  `word` is what
 * messages quote.
 */
int host_canon(const char *text, unsigned flags, char *out, const char *word,
    struct mux_why *why);

/* What rules compare.  IPv4-mapped IPv6 is IPv4 here. */
struct host_ip {
	bool v6;
	uint8_t b[16];		/* network order; IPv4: the first four */
};

/* False: not an address (a name, "*", one with a zone). */
bool host_ip_parse(const char *text, struct host_ip *out);
/* False: neither AF_INET nor AF_INET6. */
struct sockaddr;
bool host_ip_of(const struct sockaddr *, struct host_ip *out, uint16_t *port);
/* The canonical text, in out[HOST_SIZE]. */
void host_ip_str(const struct host_ip *, char *out);
bool host_ip_any(const struct host_ip *);	/* 0.0.0.0, :: */
/* Are the first `bits` bits the same (and the family)? */
bool host_ip_within(const struct host_ip *, const struct host_ip *net,
    unsigned bits);

bool host_is_any(const char *canonical);	/* "*", 0.0.0.0, :: */
bool host_is_loopback(const char *canonical);	/* addresses; localhost */

#endif
