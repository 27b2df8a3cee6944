/*
 * pipe.h - a kernel pipe that carries payload between two descriptors without
 * showing it to user memory.
 *
 * How full a pipe is cannot be asked usefully: its capacity is a number of
 * slots, and a slot may hold one byte.  So the count of bytes is our own, and
 * only these functions move bytes.
 */
#ifndef MUX_PIPE_H
#define MUX_PIPE_H

#include <sys/types.h>

#include "int.h"

#define PIPE_SIZE	(1024u * 1024u)
#define PIPE_LEAST	(256u * 1024u)	/* smaller is not worth splicing */

struct pipe {
	int rd, wr;		/* -1 = not made */
	size_t held;		/* bytes in it */
};

void pipe_init(struct pipe *p);
/* 0, or -1 if there is none or only a small one to be had. */
int pipe_make(struct pipe *p);
void pipe_release(struct pipe *p);

/*
 * Up to n bytes from fd into the pipe, or from the pipe to fd.  As read(2)
 * and write(2) without blocking: 0 is the end, -1 says why in errno.
 */
ssize_t pipe_from(struct pipe *p, int fd, size_t n);
ssize_t pipe_to(struct pipe *p, int fd, size_t n);

/* The next n <= held bytes into memory.  False: the pipe failed us. */
bool pipe_read(struct pipe *p, void *buf, size_t n);
/* The same for a descriptor of which only the number is known. */
bool pipe_read_fd(int fd, void *buf, size_t n);
ssize_t pipe_splice(int from, int to, size_t n);

#endif
