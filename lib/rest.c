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

/*
 * Room for n bytes at least, and in proportion to what waits already, so that
 * the waste is as well.  Not in the queue yet.
 */
static struct rest_chunk *
chunk_new(const struct rest *r, size_t n)
{
	size_t cap = max_size(n, min_size(r->len / 4, CHUNK_MAX));
	struct rest_chunk *c;

	cap = (cap + CHUNK_MIN - 1) / CHUNK_MIN * CHUNK_MIN;
	c = malloc(sizeof(*c) + cap);
	if (c == NULL)
		return NULL;
	c->next = NULL;
	c->off = c->end = 0;
	c->cap = cap;
	return c;
}

static void
chunk_add(struct rest *r, struct rest_chunk *c)
{
	if (r->last != NULL)
		r->last->next = c;
	else
		r->first = c;
	r->last = c;
}

/* What is left of the last chunk. */
static size_t
room(const struct rest *r)
{
	return r->last != NULL ? r->last->cap - r->last->end : 0;
}

void *
rest_reserve(struct rest *r, size_t *n)
{
	struct rest_chunk *c;

	if (room(r) == 0) {
		c = chunk_new(r, min_size(*n, CHUNK_MAX));
		if (c == NULL)
			return NULL;
		chunk_add(r, c);
	}
	*n = min_size(*n, room(r));
	return r->last->data + r->last->end;
}

void
rest_commit(struct rest *r, size_t n)
{
	assert(n <= room(r));
	r->last->end += n;
	r->len += n;
}

int
rest_append(struct rest *r, const void *p, size_t n)
{
	size_t part = min_size(n, room(r));
	struct rest_chunk *c = NULL;

	if (n > part) {
		c = chunk_new(r, n - part);
		if (c == NULL)
			return -1;
	}
	if (part > 0) {
		memcpy(r->last->data + r->last->end, p, part);
		rest_commit(r, part);
	}
	if (c != NULL) {
		chunk_add(r, c);
		memcpy(c->data, (const uint8_t *)p + part, n - part);
		rest_commit(r, n - part);
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
