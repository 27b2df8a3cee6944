/*
 * timers.h - a heap of deadlines on a number called now.  Nodes are embedded
 * in their owners; the heap holds pointers only.
 */
#ifndef MUX_TIMERS_H
#define MUX_TIMERS_H

#include "int.h"

struct timer {
	uint64_t at;
	size_t pos;		/* index in the heap + 1; 0 = not set */
};

struct timers {
	struct timer **heap;
	size_t n, cap;
};

void timers_init(struct timers *t);
void timers_release(struct timers *t);
/* Room for n timers in all, so that timers_set cannot fail.  0 or -1. */
int timers_reserve(struct timers *t, size_t n);
/* Sets or moves.  Needs room reserved for it. */
void timers_set(struct timers *t, struct timer *node, uint64_t at);
void timers_remove(struct timers *t, struct timer *node);

static inline void
timers_clear(struct timers *t, struct timer *node)
{
	if (node->pos != 0)
		timers_remove(t, node);
}

/* The earliest deadline, NEVER if none. */
uint64_t timers_next(const struct timers *t);
/* Takes out one timer that is due at `now`, or NULL. */
struct timer *timers_due(struct timers *t, uint64_t now);

#endif
