/*
 * rest.c - the chunks of room R3.  No descriptors, no credit.  Invariant:
 * every chunk but the last one is full up to its end, no chunk but one just
 * reserved is empty, and `len` is the sum of all.
 */
#include <stdlib.h>
#include <string.h>

#include "rest.h"

#define CHUNK_MIN	(4u * 1024u)
#define CHUNK_MAX	(64u * 1024u)

struct rest_chunk {
	struct rest_chunk *next;
	size_t off, end, cap;	/* bytes are at off .. end */
	uint8_t data[];
};

void
rest_init(struct rest *r)
{
	r->first = r->last = NULL;
	r->len = 0;
}

void
rest_release(struct rest *r)
{
	struct rest_chunk *c;

	while ((c = r->first) != NULL) {
		r->first = c->next;
		free(c);
	}
	rest_init(r);
}

/* In proportion to what waits already, so that the waste is as well. */
static size_t
chunk_size(const struct rest *r, size_t n)
{
	size_t size = n > r->len / 4 ? n : r->len / 4;

	if (size > CHUNK_MAX)
		size = CHUNK_MAX;
	return (size + CHUNK_MIN - 1) / CHUNK_MIN * CHUNK_MIN;
}

void *
rest_reserve(struct rest *r, size_t *n)
{
	struct rest_chunk *c = r->last;
	size_t cap;

	if (c == NULL || c->end == c->cap) {
		cap = chunk_size(r, *n);
		c = malloc(sizeof(*c) + cap);
		if (c == NULL)
			return NULL;
		c->next = NULL;
		c->off = c->end = 0;
		c->cap = cap;
		if (r->last != NULL)
			r->last->next = c;
		else
			r->first = c;
		r->last = c;
	}
	*n = min_size(*n, c->cap - c->end);
	return c->data + c->end;
}

void
rest_commit(struct rest *r, size_t n)
{
	assert(n <= r->last->cap - r->last->end);
	r->last->end += n;
	r->len += n;
}

int
rest_append(struct rest *r, const void *p, size_t n)
{
	const uint8_t *from = p;
	size_t room;
	void *to;

	while (n > 0) {
		room = n;
		to = rest_reserve(r, &room);
		if (to == NULL)
			return -1;
		memcpy(to, from, room);
		rest_commit(r, room);
		from += room;
		n -= room;
	}
	return 0;
}

int
rest_peek(const struct rest *r, struct iovec *iov, int n)
{
	struct rest_chunk *c;
	int i = 0;

	for (c = r->first; c != NULL && i < n; c = c->next) {
		if (c->end == c->off)
			continue;
		iov[i].iov_base = c->data + c->off;
		iov[i++].iov_len = c->end - c->off;
	}
	return i;
}

void
rest_drop(struct rest *r, size_t n)
{
	struct rest_chunk *c;
	size_t part;

	assert(n <= r->len);
	r->len -= n;
	if (r->len == 0) {
		rest_release(r);
		return;
	}
	while (n > 0) {
		c = r->first;
		part = min_size(n, c->end - c->off);
		c->off += part;
		n -= part;
		if (c->off == c->end && c != r->last) {
			r->first = c->next;
			free(c);
		}
	}
}
