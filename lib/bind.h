/*
 * bind.h - sockets that listen: made, or handed to us.
 */
#ifndef BIND_H
#define BIND_H

#include <sys/types.h>

#include "int.h"
#include "mux_io.h"

#define BIND_MAX	32	/* sockets behind one address */

struct bound {
	size_t n;
	int fds[BIND_MAX];	/* nonblocking, listening */
	/* Canonical: what a peer may dial.  More than one stand behind each
	 * other, the last one before an empty one. */
	char *word;
	/* A unix socket in a directory, or NULL. */
	char *name;
	int dir;
	dev_t dev;
	ino_t ino;
};

void bound_init(struct bound *);
/* Removes the name if it is still that of our socket, then closes. */
void bound_release(struct bound *);
/* The last step, or steps: 0, or an error and *b is empty. */
int bound_word(struct bound *, const char *word, struct mux_why *);

/*
 * Each fills in an empty *b, and leaves it empty if it fails with MUX_E_* and
 * *why.  bind_given() is for systemd: and for fd: of a socket that listens.
 */
int bind_unix(struct bound *, const struct mux_addr *, struct mux_why *);
int bind_tcp(struct bound *, const struct mux_addr *, struct mux_why *);
int bind_given(struct bound *, const struct mux_addr *, struct mux_why *);

int bind_backlog(const struct mux_addr *);
/* "listen WORD: REASON"; gives MUX_E_IO. */
int bind_failed(const struct mux_addr *, int err, struct mux_why *);

#endif
