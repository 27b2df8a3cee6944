/*
 * table.h: against a plain array as the model, and that churn costs nothing.
 */
#include <stdlib.h>

#include "table.h"
#include "tap.h"

static void
test_empty(void)
{
	struct table t;
	size_t pos = 0;

	table_init(&t);
	ok(table_get(&t, 1) == NULL, "get from nothing");
	ok(table_del(&t, 1) == NULL, "del from nothing");
	ok(table_next(&t, &pos) == NULL, "walk over nothing");
	is_u64(t.n_slots, 0, "and no memory for it");
	table_release(&t);
	table_release(&t);
	ok(true, "release is idempotent");
}

static void
test_one(void)
{
	static const uint64_t ids[] = { 1, 2, UINT64_C(1) << 48,
		UINT64_C(0xffff000000000001), UINT64_MAX };
	struct table t;
	size_t i, pos = 0;
	char e[N_ELEM(ids)];

	table_init(&t);
	for (i = 0; i < N_ELEM(ids); i++)
		ok(table_put(&t, ids[i], &e[i]) == 0, "put %" PRIx64, ids[i]);
	for (i = 0; i < N_ELEM(ids); i++)
		ok(table_get(&t, ids[i]) == &e[i], "get %" PRIx64, ids[i]);
	ok(table_get(&t, 3) == NULL, "an id that is not there");
	ok(table_get(&t, 0) == NULL, "id 0 is never there");
	ok(table_del(&t, 0) == NULL, "not for del either");
	ok(table_del(&t, 2) == &e[1], "del gives the entry back");
	ok(table_del(&t, 2) == NULL, "once");
	ok(table_get(&t, 2) == NULL, "gone");
	for (i = 0; table_next(&t, &pos) != NULL; i++)
		;
	is_u64(i, N_ELEM(ids) - 1, "walk sees the others");
	table_release(&t);
}

/* The load never passes 3/4, and the size doubles no earlier. */
static void
test_growth(void)
{
	struct table t;
	uint64_t id;
	size_t before;
	bool early = false, late = false;
	char e;

	table_init(&t);
	for (id = 1; id < 20001; id += 2) {
		before = t.n_slots;
		if (table_put(&t, id, &e) == -1)
			break;
		early = early || (before != 0 && t.n_slots != before &&
		    (t.n_used - 1) * 4 < before * 3);
		late = late || t.n_used * 4 > t.n_slots * 3 ||
		    (t.n_slots & (t.n_slots - 1)) != 0;
	}
	is_u64(t.n_used, 10000, "ten thousand streams");
	is_u64(t.n_slots, 16384, "in 256 KiB");
	ok(!early, "grows only when three quarters full");
	ok(!late, "never fuller than that, always a power of two");
	table_release(&t);
}

/* What one connection does in a day: ids only ever go up. */
static void
test_churn(void)
{
	struct table t;
	uint64_t id;
	char e[4];
	bool good = true;

	table_init(&t);
	for (id = 1; id <= 4; id++)
		table_put(&t, id, &e[id - 1]);
	for (id = 5; id <= 1000000 && good; id++)
		good = table_del(&t, id - 4) == &e[(id - 1) % 4] &&
		    table_put(&t, id, &e[(id - 1) % 4]) == 0 &&
		    t.n_slots == 16 && t.n_used == 4;
	is_u64(id, 1000001, "a million ids through four places");
	is_u64(t.n_slots, 16, "the table is as small as at first");
	for (id = 999997; id <= 1000000; id++)
		good = good && table_get(&t, id) != NULL;
	ok(good, "and holds the last four");
	table_release(&t);
}

#define N_MODEL	64u

static bool
same(const struct table *t, void *const *model)
{
	size_t pos = 0, n = 0, have = 0;
	uint32_t i;

	for (i = 1; i < N_MODEL; i++) {
		if (table_get(t, i) != model[i])
			return false;
		have += model[i] != NULL;
	}
	while (table_next(t, &pos) != NULL)
		n++;
	return n == have && n == t->n_used;
}

/* Few ids in a table that is often near its limit: all paths of removal. */
static void
test_model(void)
{
	void *model[N_MODEL] = { NULL };
	char e[N_MODEL];
	struct table t;
	int k;

	table_init(&t);
	for (k = 0; k < 200000; k++) {
		uint32_t i = 1 + tap_rnd(N_MODEL - 1);

		if (model[i] != NULL) {
			if (table_del(&t, i) != model[i])
				break;
			model[i] = NULL;
		} else if (tap_rnd(100) < 60) {
			if (table_put(&t, i, &e[i]) == -1)
				break;
			model[i] = &e[i];
		}
		if (!same(&t, model))
			break;
	}
	is_u64((uint64_t)k, 200000, "steps in which table and model agree");
	table_release(&t);
}

int
main(void)
{
	test_empty();
	test_one();
	test_growth();
	test_churn();
	test_model();
	return tap_done();
}
