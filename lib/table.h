/*
 * table.h - id -> entry, an open-addressed hash whose size is a power of two.
 * It doubles when three quarters full, never per lookup; growth is the only
 * thing that can fail.  Id 0 is never in it.
 */
#ifndef MUX_TABLE_H
#define MUX_TABLE_H

#include "int.h"

struct table_slot {
	uint64_t id;		/* 0 = free */
	void *entry;
};

struct table {
	struct table_slot *slots;
	size_t n_slots;		/* power of two, or 0 before the first put */
	size_t n_used;
};

void table_init(struct table *t);
void table_release(struct table *t);
void *table_get(const struct table *t, uint64_t id);
/* 0, or -1 without memory.  The id must not be in the table. */
int table_put(struct table *t, uint64_t id, void *entry);
/* Takes the entry out and gives it back; NULL if it was not there. */
void *table_del(struct table *t, uint64_t id);
/* Walk: *pos starts at 0; NULL at the end.  No put or del meanwhile. */
void *table_next(const struct table *t, size_t *pos);

#endif
