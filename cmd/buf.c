/*
 * buf.c - a queue of bytes in one piece of memory, which grows and does not
 * shrink until it is released; its owner sets the bound.  Invariant: what
 * waits is moved only when that frees at least as much again.
 */
#include <stdlib.h>
#include <string.h>

#include "buf.h"

#define FIRST	((size_t)256)

char *
buf_room(struct buf *b, size_t n)
{
	size_t off = b->len > 0 ? (size_t)(b->p - b->mem) : 0;
	size_t cap = b->cap > 0 ? b->cap : FIRST;
	char *more;

	if (b->cap > 0 && n <= b->cap - off - b->len)
		goto there;
	if (n <= b->cap - b->len && off >= b->len) {
		memmove(b->mem, b->mem + off, b->len);
		off = 0;
		goto there;
	}
	while (cap < off + b->len + n)
		cap *= 2;
	if ((more = realloc(b->mem, cap)) == NULL)
		return NULL;
	b->mem = more;
	b->cap = cap;
there:
	b->p = b->mem + off;
	return b->p + b->len;
}

bool
buf_put(struct buf *b, const void *p, size_t n)
{
	char *to;

	if (n == 0)
		return true;
	if ((to = buf_room(b, n)) == NULL)
		return false;
	memcpy(to, p, n);
	b->len += n;
	return true;
}

bool
buf_str(struct buf *b, const char *s)
{
	return buf_put(b, s, strlen(s));
}

void
buf_drop(struct buf *b, size_t n)
{
	b->p += n;
	b->len -= n;
	if (b->len == 0)
		b->p = NULL;
}

void
buf_release(struct buf *b)
{
	free(b->mem);
	*b = (struct buf){ 0 };
}
