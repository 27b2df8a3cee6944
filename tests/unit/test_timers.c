/*
 * timers.h: order, moving, clearing; against a linear search as the model.
 */
#include "timers.h"
#include "tap.h"

static void
test_basic(void)
{
	struct timer a = { 0, 0 }, b = { 0, 0 }, c = { 0, 0 };
	struct timers t;

	timers_init(&t);
	is_u64(timers_next(&t), NEVER, "none set");
	ok(timers_due(&t, UINT64_MAX) == NULL, "none due, ever");
	timers_clear(&t, &a);
	ok(timers_reserve(&t, 3) == 0, "room for three");
	timers_set(&t, &a, 30);
	timers_set(&t, &b, 10);
	timers_set(&t, &c, 20);
	is_u64(timers_next(&t), 10, "the earliest");
	ok(timers_due(&t, 9) == NULL, "not one tick too early");
	ok(timers_due(&t, 10) == &b, "due at its time");
	ok(b.pos == 0, "and no longer set");
	timers_set(&t, &a, 5);
	is_u64(timers_next(&t), 5, "moved forward");
	timers_set(&t, &a, 25);
	is_u64(timers_next(&t), 20, "moved back");
	timers_clear(&t, &c);
	timers_clear(&t, &c);
	is_u64(timers_next(&t), 25, "cleared, twice without harm");
	timers_set(&t, &a, NEVER);
	ok(a.pos == 0 && timers_next(&t) == NEVER, "NEVER is cleared");
	timers_set(&t, &a, 0);
	ok(timers_due(&t, 0) == &a, "time 0 is a time");
	timers_set(&t, &c, 7);
	timers_release(&t);
	ok(c.pos == 0, "release leaves no node behind");
}

static void
test_reserve(void)
{
	struct timers t;
	size_t i;
	bool good = true;

	timers_init(&t);
	ok(timers_reserve(&t, SIZE_MAX / 4) == -1, "more than there can be");
	is_u64(t.cap, 0, "nothing happened");
	for (i = 1; i <= 1000 && good; i++)
		good = timers_reserve(&t, i) == 0 && t.cap >= i;
	ok(good && t.cap < 2048, "one more each time");
	timers_release(&t);
}

#define N_MODEL	50u

static struct timer nodes[N_MODEL];

static uint64_t
earliest(void)
{
	uint64_t at = NEVER;
	uint32_t i;

	for (i = 0; i < N_MODEL; i++)
		if (nodes[i].pos != 0)
			at = min_u64(at, nodes[i].at);
	return at;
}

static void
test_model(void)
{
	uint64_t now = 0;
	struct timer *d;
	struct timers t;
	int k, n_due = 0;

	timers_init(&t);
	if (!ok(timers_reserve(&t, N_MODEL) == 0, "reserve"))
		return;
	for (k = 0; k < 200000; k++) {
		struct timer *n = &nodes[tap_rnd(N_MODEL)];
		uint64_t first;

		if (tap_rnd(4) == 0)
			timers_clear(&t, n);
		else
			timers_set(&t, n, now + tap_rnd(100));
		first = earliest();
		if (timers_next(&t) != first)
			break;
		now += tap_rnd(3);
		d = timers_due(&t, now);
		if ((d != NULL) != (first <= now) ||
		    (d != NULL && (d->at != first || d->pos != 0)))
			break;
		n_due += d != NULL;
	}
	is_u64((uint64_t)k, 200000, "steps in which heap and model agree");
	ok(n_due > 10000, "and timers did fire");
	timers_release(&t);
}

/* All due at once come in the order of their times. */
static void
test_order(void)
{
	uint64_t last = 0;
	struct timers t;
	struct timer *d;
	uint32_t i, n = 0;

	timers_init(&t);
	if (timers_reserve(&t, N_MODEL) == 0)
		for (i = 0; i < N_MODEL; i++)
			timers_set(&t, &nodes[i], tap_rnd(20));
	while ((d = timers_due(&t, 20)) != NULL && d->at >= last) {
		last = d->at;
		n++;
	}
	is_u64(n, N_MODEL, "fired in order");
	timers_release(&t);
}

int
main(void)
{
	test_basic();
	test_reserve();
	test_model();
	test_order();
	return tap_done();
}
