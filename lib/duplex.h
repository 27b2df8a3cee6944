/*
 * duplex.h - the descriptors of one end: one socket, or one to read and one
 * to write.  It hides what kind of thing they are behind read, write, the two
 * half-closes, the orderly end and the reset.
 *
 * Nothing here blocks.  Sockets that were inherited share their description
 * with others, so O_NONBLOCK stays off them and each call says MSG_DONTWAIT.
 */
#ifndef MUX_DUPLEX_H
#define MUX_DUPLEX_H

#include <sys/types.h>
#include <sys/uio.h>

#include "int.h"
#include "mux_io.h"

enum fd_kind { FD_TCP, FD_UNIX, FD_SOCKET, FD_PIPE, FD_OTHER };

struct duplex {
	int in, out;		/* -1 = closed; equal: one socket */
	uint8_t in_kind, out_kind;	/* enum fd_kind */
	bool inherited;
	bool in_splice, out_splice;	/* splice(2) works and cannot block */
	bool in_blocks, out_blocks;	/* for others: and will again */
	bool armed;		/* closed by anyone but us, it is a reset */
};

void duplex_init(struct duplex *d);
/*
 * Takes the descriptors and makes them nonblocking.  0, or -1 with errno, and
 * then they are still the caller's.
 */
int duplex_take(struct duplex *d, const struct mux_ends *ends);
/*
 * The same for one descriptor that goes one way, and a watch on it.  0, or
 * MUX_E_* and nothing was taken.
 */
int duplex_watch(struct duplex *d, struct mux_loop *l, int fd,
    bool inherited, mux_watch_cb *cb, void *arg, struct mux_watch **out);
/* Undoes duplex_take: they are the caller's again. */
void duplex_give_back(struct duplex *d);

/* Bytes, 0 at the end of input, -1 with errno. */
ssize_t duplex_read(struct duplex *d, void *buf, size_t n);
/* The same for bytes that nobody wants. */
ssize_t duplex_discard(struct duplex *d);
/* `more` follows at once: worth waiting for before a segment is sent. */
ssize_t duplex_write(struct duplex *d, const struct iovec *iov, int n,
    bool more);
/* Bytes that wait to be read; 0 if that cannot be known. */
size_t duplex_unread(const struct duplex *d);
/* Bytes that were written and have not arrived; 0 if that cannot be known. */
size_t duplex_unsent(const struct duplex *d);
/* The pending error of the descriptor, 0 if none. */
int duplex_error(const struct duplex *d);

/* No more will be written: the other side reads its end.  0 or -1, errno. */
int duplex_shut_out(struct duplex *d);
/* No more will be read.  Writes of the other side fail from now on, if that
 * can be told without harm to the other direction.  True: closed by that. */
bool duplex_shut_in(struct duplex *d);
bool duplex_closes_in(const struct duplex *d);
/*
 * From here on the end of the process is no end of the bytes: a TCP socket
 * that the kernel closes is reset, unless its address said linger=.  Until
 * duplex_close().
 */
void duplex_arm(struct duplex *d);
/* 0; or -1 and errno, of the descriptor that was written to. */
int duplex_close(struct duplex *d);
/* Close so that the other side learns of an error where that is possible:
 * TCP sends RST. */
void duplex_reset(struct duplex *d);

/* The code for the wire of an errno that reading or writing gave. */
uint32_t duplex_code(int err);
/* Does this errno of a write only mean that nobody reads any more? */
bool duplex_only_stopped(const struct duplex *d, int err);

#endif
