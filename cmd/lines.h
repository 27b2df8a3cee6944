/*
 * lines.h - what a program says on its standard error, cut into lines for our
 * log.
 */
#ifndef LINES_H
#define LINES_H

#include <stddef.h>

#define LINES_MAX	400u	/* what is longer comes as several */

/* All zero is an empty one. */
struct lines {
	size_t n;		/* bytes of a line that has no end yet */
	char text[LINES_MAX + 1];
};

/* A line that is not empty, without its end; good during the call. */
typedef void lines_cb(const char *line, void *arg);

void lines_put(struct lines *, const void *p, size_t n, lines_cb *, void *arg);
/* No more will come: what has no end is a line, too. */
void lines_end(struct lines *, lines_cb *, void *arg);

#endif
