/*
 * The output buffer of a session: a bounded, linear piece of memory.  It is
 * not a circular buffer, because whoever reads a payload behind a frame
 * header wants one contiguous piece, and it never grows.
 *
 * Invariant: START <= off, off + len <= START + cap; the bytes off .. off+len
 * are unsent.  Only ring_reserve() moves them.
 */
#include <stdlib.h>
#include <string.h>

#include "ring.h"

/*
 * An empty ring starts here: a payload behind a 14-byte frame header is then
 * on a cache line, which the copies of the kernel like.
 */
#define ALIGN	((size_t)64)
#define START	(ALIGN - 14)

int
ring_init(struct ring *r, size_t cap)
{
	uint8_t *buf;

	if (cap > SIZE_MAX - 2 * ALIGN)
		return -1;
	/* aligned_alloc wants a multiple of the alignment. */
	buf = aligned_alloc(ALIGN,
	    (START + cap + ALIGN - 1) / ALIGN * ALIGN);
	if (buf == NULL)
		return -1;
	r->buf = buf;
	r->cap = cap;
	r->off = START;
	r->len = 0;
	return 0;
}

void
ring_release(struct ring *r)
{
	free(r->buf);
	r->buf = NULL;
	r->cap = r->off = r->len = 0;
}

uint8_t *
ring_reserve(struct ring *r, size_t n)
{
	if (n > ring_room(r))
		return NULL;
	if (r->len == 0) {
		r->off = START;
	} else if (n > START + r->cap - r->off - r->len) {
		memmove(r->buf + START, r->buf + r->off, r->len);
		r->off = START;
	}
	return r->buf + r->off + r->len;
}

const uint8_t *
ring_peek(const struct ring *r, size_t off, size_t *n)
{
	assert(off <= r->len);
	*n = r->len - off;
	return r->buf + r->off + off;
}

/*
 * Does not rewind: bytes that are reserved and not yet committed must stay
 * where the caller is writing them.
 */
void
ring_drop(struct ring *r, size_t n)
{
	assert(n <= r->len);
	r->off += n;
	r->len -= n;
}
