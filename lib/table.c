/*
 * id -> entry by open addressing with linear probing.  It owns its slots,
 * never the entries, and knows nothing of parity or of ids that are closed.
 *
 * Invariant: n_slots is 0 or a power of two, at most three quarters of it are
 * used, and between the home of an entry and its slot there is no free slot.
 * Removal restores that by shifting back, so there are no tombstones and a
 * table that sees a million ids come and go stays as small as it was.
 */
#include <stdlib.h>

#include "table.h"

#define FIRST_SIZE	((size_t)16)

/* Ids of one connection differ in few low bits: spread them. */
static size_t
home(const struct table *t, uint64_t id)
{
	uint64_t h = id * UINT64_C(0x9e3779b97f4a7c15);

	return (size_t)(h >> 32) & (t->n_slots - 1);
}

/* The slot of the id, or the free one where it belongs. */
static size_t
find(const struct table *t, uint64_t id)
{
	size_t i = home(t, id);

	while (t->slots[i].id != 0 && t->slots[i].id != id)
		i = (i + 1) & (t->n_slots - 1);
	return i;
}

void
table_init(struct table *t)
{
	t->slots = NULL;
	t->n_slots = t->n_used = 0;
}

void
table_release(struct table *t)
{
	free(t->slots);
	table_init(t);
}

void *
table_get(const struct table *t, uint64_t id)
{
	if (t->n_slots == 0 || id == 0)
		return NULL;
	return t->slots[find(t, id)].entry;
}

static int
grow(struct table *t)
{
	struct table bigger;
	size_t i;

	bigger.n_slots = t->n_slots == 0 ? FIRST_SIZE : 2 * t->n_slots;
	bigger.n_used = t->n_used;
	bigger.slots = calloc(bigger.n_slots, sizeof(*bigger.slots));
	if (bigger.slots == NULL)
		return -1;
	for (i = 0; i < t->n_slots; i++)
		if (t->slots[i].id != 0)
			bigger.slots[find(&bigger, t->slots[i].id)] =
			    t->slots[i];
	free(t->slots);
	*t = bigger;
	return 0;
}

int
table_put(struct table *t, uint64_t id, void *entry)
{
	size_t i;

	assert(id != 0 && entry != NULL);
	if (t->n_used >= t->n_slots / 4 * 3 && grow(t) == -1)
		return -1;
	i = find(t, id);
	assert(t->slots[i].id == 0);
	t->slots[i].id = id;
	t->slots[i].entry = entry;
	t->n_used++;
	return 0;
}

void *
table_del(struct table *t, uint64_t id)
{
	size_t mask = t->n_slots - 1, hole, i;
	void *entry;

	if (t->n_slots == 0 || id == 0)
		return NULL;
	hole = find(t, id);
	entry = t->slots[hole].entry;
	if (entry == NULL)
		return NULL;
	for (i = (hole + 1) & mask; t->slots[i].id != 0; i = (i + 1) & mask) {
		/* Only an entry whose home is not behind the hole may move. */
		if (((i - home(t, t->slots[i].id)) & mask) <
		    ((i - hole) & mask))
			continue;
		t->slots[hole] = t->slots[i];
		hole = i;
	}
	t->slots[hole].id = 0;
	t->slots[hole].entry = NULL;
	t->n_used--;
	return entry;
}

void *
table_next(const struct table *t, size_t *pos)
{
	while (*pos < t->n_slots) {
		const struct table_slot *s = &t->slots[(*pos)++];

		if (s->id != 0)
			return s->entry;
	}
	return NULL;
}
