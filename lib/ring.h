/*
 * ring.h - the output buffer of a session (room R1): bounded, contiguous.
 *
 * It is a linear buffer that rewinds when it is empty and otherwise moves at
 * most its unsent tail, so that whoever reads a payload directly behind a
 * reserved frame header always has one contiguous piece of room.
 */
#ifndef MUX_RING_H
#define MUX_RING_H

#include "int.h"

struct ring {
	uint8_t *buf;
	size_t cap;
	size_t off;		/* first unsent byte */
	size_t len;		/* unsent bytes */
};

/* 0, or -1 without memory. */
int ring_init(struct ring *r, size_t cap);
void ring_release(struct ring *r);

/* How much ring_reserve could give now. */
static inline size_t
ring_room(const struct ring *r)
{
	return r->cap - r->len;
}

/*
 * n contiguous bytes of room behind the last byte, or NULL if there is less
 * room than that.  May move the unsent bytes, so pointers of ring_peek die.
 */
uint8_t *ring_reserve(struct ring *r, size_t n);

/* The first n of the reserved bytes now hold data. */
static inline void
ring_commit(struct ring *r, size_t n)
{
	assert(n <= ring_room(r));
	r->len += n;
}

/* The unsent bytes from `off` on; *n says how many.  Good until the next
 * ring_reserve, ring_drop or ring_release. */
const uint8_t *ring_peek(const struct ring *r, size_t off, size_t *n);

void ring_drop(struct ring *r, size_t n);

#endif
