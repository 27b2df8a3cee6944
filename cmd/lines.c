/*
 * lines.c - cuts bytes into lines.  It makes nothing harmless: that is for
 * whoever says them.  Invariant: no byte is lost but the ends of lines; a NUL,
 * at which a text would end, is a blank.
 */
#include "lines.h"

void
lines_end(struct lines *l, lines_cb *cb, void *arg)
{
	size_t n = l->n;

	l->n = 0;
	l->text[n] = '\0';
	if (n > 0)
		cb(l->text, arg);
}

void
lines_put(struct lines *l, const void *p, size_t n, lines_cb *cb, void *arg)
{
	const char *s = p;

	for (; n > 0; s++, n--) {
		if (*s == '\n' || l->n == LINES_MAX)
			lines_end(l, cb, arg);
		if (*s != '\n')
			l->text[l->n++] = *s != '\0' ? *s : ' ';
	}
}
