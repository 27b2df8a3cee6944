/*
 * A binary heap of deadlines.  It has no clock: time is what the caller says
 * it is.  Nodes belong to their owners, who must clear them before they free
 * them.
 *
 * Invariant: heap[i]->pos == i + 1, and no node is earlier than its parent.
 */
#include <stdlib.h>

#include "timers.h"

void
timers_init(struct timers *t)
{
	t->heap = NULL;
	t->n = t->cap = 0;
}

void
timers_release(struct timers *t)
{
	while (t->n > 0)
		t->heap[--t->n]->pos = 0;
	free(t->heap);
	timers_init(t);
}

int
timers_reserve(struct timers *t, size_t n)
{
	struct timer **heap;
	size_t cap;

	if (n <= t->cap)
		return 0;
	/* Doubled, for it is asked once per stream. */
	cap = n < 2 * t->cap ? 2 * t->cap : n;
	if (cap > SIZE_MAX / sizeof(*heap))
		return -1;
	heap = realloc(t->heap, cap * sizeof(*heap));
	if (heap == NULL)
		return -1;
	t->heap = heap;
	t->cap = cap;
	return 0;
}

static void
place(struct timers *t, size_t i, struct timer *node)
{
	t->heap[i] = node;
	node->pos = i + 1;
}

/* Slot i is free: puts the node there or further up. */
static void
rise(struct timers *t, size_t i, struct timer *node)
{
	while (i > 0 && t->heap[(i - 1) / 2]->at > node->at) {
		place(t, i, t->heap[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	place(t, i, node);
}

/* Slot i is free: puts the node there or further down. */
static void
sink(struct timers *t, size_t i, struct timer *node)
{
	size_t child;

	while ((child = 2 * i + 1) < t->n) {
		if (child + 1 < t->n &&
		    t->heap[child + 1]->at < t->heap[child]->at)
			child++;
		if (t->heap[child]->at >= node->at)
			break;
		place(t, i, t->heap[child]);
		i = child;
	}
	place(t, i, node);
}

static void
settle(struct timers *t, size_t i, struct timer *node)
{
	if (i > 0 && t->heap[(i - 1) / 2]->at > node->at)
		rise(t, i, node);
	else
		sink(t, i, node);
}

void
timers_set(struct timers *t, struct timer *node, uint64_t at)
{
	if (at == NEVER) {
		timers_clear(t, node);
		return;
	}
	node->at = at;
	if (node->pos == 0) {
		assert(t->n < t->cap);
		rise(t, t->n++, node);
	} else {
		settle(t, node->pos - 1, node);
	}
}

void
timers_remove(struct timers *t, struct timer *node)
{
	size_t i = node->pos - 1;
	struct timer *last;

	assert(i < t->n && t->heap[i] == node);
	node->pos = 0;
	last = t->heap[--t->n];
	if (last != node)
		settle(t, i, last);
}

uint64_t
timers_next(const struct timers *t)
{
	return t->n > 0 ? t->heap[0]->at : NEVER;
}

struct timer *
timers_due(struct timers *t, uint64_t now)
{
	struct timer *first;

	if (t->n == 0 || t->heap[0]->at > now)
		return NULL;
	first = t->heap[0];
	timers_clear(t, first);
	return first;
}
