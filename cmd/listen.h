/*
 * listen.h - what the listeners of serve and tunnel have in common: how they
 * are opened, who may come in, and what is said of those that others reach.
 */
#ifndef LISTEN_H
#define LISTEN_H

#include <stdbool.h>
#include <stddef.h>

#include "mux_io.h"

/* Who may connect to unix sockets. */
struct uids {
	uid_t *list;
	size_t n;
	bool given;		/* by --allow-uid; else the own and root */
};

/* The words of --allow-uid, or NULL.  0, or an exit status, and it was said. */
int uids_read(const char *words, struct uids *);
void uids_free(struct uids *);
/* Is it none of a unix socket, or of one of them?  Whoever could not be asked
 * who he is, is not. */
bool uids_admit(const struct uids *, const struct mux_ends *);

/* One connection and no other: -, exec:, an fd: that is connected already. */
bool listen_single(const struct mux_addr *);

/*
 * As mux_listen(), but says what is wrong and gives an exit status, or 0.  As
 * MUX_AS_LISTENER a TCP socket that was there already stays on loopback, too,
 * unless insecure=1 was said.
 */
int listen_open(struct mux_loop *, const struct mux_addr *, enum mux_role,
    mux_accept_cb *, void *arg, struct mux_listener **out);

/* Tells life.h the addresses of all its sockets. */
void listen_tell(const struct mux_listener *);

/* Is one of its sockets TCP, and if so, one beyond loopback? */
bool listen_is_tcp(const struct mux_listener *);
bool listen_is_far(const struct mux_listener *);
/* A line about a unix socket that lets others as far as the door. */
void listen_warn_unix(const struct mux_addr *, const struct uids *);

#endif
