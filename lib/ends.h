/*
 * ends.h - making struct mux_ends out of descriptors and programs.
 */
#ifndef ENDS_H
#define ENDS_H

#include <sys/socket.h>

#include "int.h"
#include "mux_io.h"

/* Nothing in it: no descriptors. */
void ends_init(struct mux_ends *);
/* Closes what is in it. */
void ends_close(struct mux_ends *);

/* A connected socket of our own, and who is at the other end. */
void ends_socket(struct mux_ends *, int fd, const struct sockaddr *peer,
    socklen_t len);

/*
 * Those that need no connecting: exec:, fd: of anything that does not listen,
 * and stdio.  0, MUX_E_INVAL for other schemes, or MUX_E_IO; and why.
 */
int ends_open(struct mux_ends *, const struct mux_addr *, struct mux_why *);

/* Is it a stream socket that listens? */
bool ends_fd_listens(int fd);

/* Closes it and puts something harmless under its number.  0 or errno. */
int ends_null(int fd);

#endif
