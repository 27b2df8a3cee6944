/*
 * lookup.h - from a host to the addresses to try, without blocking.
 */
#ifndef LOOKUP_H
#define LOOKUP_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "int.h"
#include "mux_io.h"

#define LOOKUP_MAX	16	/* nobody tries more */

struct lookup_addr {
	socklen_t len;
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	};
};

/* In the order in which they are to be tried. */
struct lookup_list {
	size_t n;
	struct lookup_addr addr[LOOKUP_MAX];
};

/* A host that is an address (as mux_addr_host() writes it), or false. */
bool lookup_numeric(const char *host, uint16_t port, struct lookup_list *);

/* A name of /etc/hosts, or false. */
bool lookup_files(const char *host, uint16_t port, struct lookup_list *);

/*
 * Asks /etc/hosts and DNS, in the order of nsswitch.conf(5).  cb() runs once,
 * from the loop, never from within lookup_new(); `error` is NULL on success
 * (then the list is not empty), else static.  Free it there or before.
 */
struct lookup;
typedef void lookup_cb(const struct lookup_list *, const char *error,
    void *arg);
int lookup_new(struct mux_loop *, const char *host, uint16_t port,
    lookup_cb *, void *arg, struct lookup **out);
void lookup_free(struct lookup *);

#endif
