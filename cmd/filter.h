/*
 * filter.h - expressions over the fields of a frame: muxctl-dump(1), FILTERS.
 *
 *	expr	= and { "||" and }
 *	and	= not { "&&" not }
 *	not	= "!" not | "(" expr ")" | test
 *	test	= FIELD [ OP VALUE ]		without OP: there is one
 *	OP	= == != < <= > >= ~ !~		~ is a POSIX ERE, unanchored
 *	VALUE	= number with K M G, 0x1f, duration (2.5s 10ms), word, "string"
 *
 * A comparison with a field that the frame has not is false, also with != and
 * !~ ; but a flag that is not set is 0.  Of a field that a frame has several
 * times one has to be equal or match, and with != and !~ none of them.
 */
#ifndef FILTER_H
#define FILTER_H

#include <stdbool.h>
#include <stddef.h>

struct seen;
struct filter;

struct filter_error {
	size_t at;		/* byte in the expression */
	char text[160];		/* "no such field: typ (type?)" */
};

/* NULL and *err on nonsense or without memory. */
struct filter *filter_new(const char *expr, struct filter_error *err);
void filter_free(struct filter *);
bool filter_test(const struct filter *, const struct seen *);
/* Says what is wrong with a caret under the spot; gives CMD_USAGE. */
int filter_say(const char *what, const char *expr,
    const struct filter_error *);

#endif
