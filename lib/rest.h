/*
 * rest.h - room R3: what a slow consumer did not take.  A queue of chunks
 * that grow with what waits; empty, it owns no memory.  Its bound is the
 * credit that was granted to whoever fills it.
 */
#ifndef MUX_REST_H
#define MUX_REST_H

#include <sys/uio.h>

#include "int.h"

struct rest_chunk;

struct rest {
	struct rest_chunk *first, *last;
	size_t len;		/* bytes in all */
};

void rest_init(struct rest *r);
void rest_release(struct rest *r);

/*
 * Contiguous room behind the last byte: *n says how much, at most what it
 * said before and at least 1.  NULL without memory.
 */
void *rest_reserve(struct rest *r, size_t *n);
void rest_commit(struct rest *r, size_t n);	/* n <= what was reserved */
/* All n bytes, or -1 without memory and none of them. */
int rest_append(struct rest *r, const void *p, size_t n);

/* The oldest bytes, in at most n pieces; how many pieces. */
int rest_peek(const struct rest *r, struct iovec *iov, int n);
void rest_drop(struct rest *r, size_t n);

#endif
