/*
 * text.h - sentences without stdio: a bounded string that always ends in NUL
 * and silently stops growing when it is full.
 */
#ifndef MUX_TEXT_H
#define MUX_TEXT_H

#include <string.h>

#include "int.h"

struct text {
	char *p;
	size_t n, cap;		/* n < cap; p[n] is NUL */
};

static inline void
text_init(struct text *t, char *p, size_t cap)
{
	assert(cap > 0);
	t->p = p;
	t->n = 0;
	t->cap = cap;
	p[0] = '\0';
}

static inline void
text_bytes(struct text *t, const void *s, size_t n)
{
	n = min_size(n, t->cap - 1 - t->n);
	memcpy(t->p + t->n, s, n);
	t->n += n;
	t->p[t->n] = '\0';
}

static inline void
text_str(struct text *t, const char *s)
{
	text_bytes(t, s, strlen(s));
}

static inline void
text_u64(struct text *t, uint64_t v)
{
	char digits[20];
	size_t i = sizeof(digits);

	do {
		digits[--i] = (char)('0' + v % 10);
		v /= 10;
	} while (v != 0);
	text_bytes(t, digits + i, sizeof(digits) - i);
}

#endif
