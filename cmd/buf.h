/*
 * buf.h - bytes that wait: put in behind, taken from the front.
 */
#ifndef BUF_H
#define BUF_H

#include <stdbool.h>
#include <stddef.h>

struct buf {
	char *p;		/* the first of them; NULL if there are none */
	size_t len;
	char *mem;		/* private from here */
	size_t cap;
};

/* Room for n more bytes behind the others; NULL: no memory. */
char *buf_room(struct buf *, size_t n);
/* False: no memory, and none of them was taken. */
bool buf_put(struct buf *, const void *p, size_t n);
bool buf_str(struct buf *, const char *);
void buf_drop(struct buf *, size_t n);	/* the first n */
void buf_release(struct buf *);		/* empty again, without memory */

#endif
