/*
 * ring.h: contiguous room, order of bytes, and alignment behind a header.
 */
#include "ring.h"
#include "tap.h"

static void
test_empty(void)
{
	struct ring r;
	size_t n = 99;

	ok(ring_init(&r, 100) == 0, "init");
	is_u64(ring_room(&r), 100, "all of it is room");
	ring_peek(&r, 0, &n);
	is_u64(n, 0, "nothing to send");
	ok(ring_reserve(&r, 101) == NULL, "more than there is");
	ok(ring_reserve(&r, SIZE_MAX) == NULL, "SIZE_MAX");
	ok(ring_reserve(&r, 100) != NULL, "exactly what there is");
	is_u64(ring_room(&r), 100, "a reservation takes nothing");
	ring_release(&r);
	ring_release(&r);
	ok(ring_init(&r, SIZE_MAX) == -1, "an impossible size");
	ok(ring_init(&r, SIZE_MAX - 60) == -1, "one that wraps by rounding");
}

static void
test_align(void)
{
	struct ring r;
	uint8_t *p;
	int i;

	if (!ok(ring_init(&r, 256) == 0, "init"))
		return;
	for (i = 0; i < 3; i++) {
		p = ring_reserve(&r, 14);
		memset(p, 0, 14);
		ring_commit(&r, 14);
		p = ring_reserve(&r, 242);
		ok(p != NULL && ((uintptr_t)p & 63) == 0,
		    "round %d: payload on a cache line", i);
		memset(p, 1, 242);
		ring_commit(&r, (size_t)(7 * i));
		ring_drop(&r, 14 + (size_t)(7 * i));
	}
	ring_release(&r);
}

static void
test_move(void)
{
	struct ring r;
	const uint8_t *q;
	uint8_t *p;
	size_t n;

	if (!ok(ring_init(&r, 8) == 0, "init"))
		return;
	p = ring_reserve(&r, 8);
	memcpy(p, "abcdefgh", 8);
	ring_commit(&r, 8);
	ok(ring_reserve(&r, 1) == NULL, "full");
	ring_drop(&r, 5);
	is_u64(ring_room(&r), 5, "room is what was sent");
	p = ring_reserve(&r, 5);
	ok(p != NULL, "and it is contiguous");
	memcpy(p, "ijklm", 5);
	ring_commit(&r, 5);
	q = ring_peek(&r, 0, &n);
	ok(n == 8 && memcmp(q, "fghijklm", 8) == 0, "the tail moved whole");
	q = ring_peek(&r, 6, &n);
	ok(n == 2 && memcmp(q, "lm", 2) == 0, "peek at an offset");
	q = ring_peek(&r, 8, &n);
	is_u64(n, 0, "peek at the end");
	ring_release(&r);
}

/* Someone reads into reserved room while the kernel takes what was there. */
static void
test_drop_under_reservation(void)
{
	struct ring r;
	const uint8_t *q;
	uint8_t *p;
	size_t n;

	if (!ok(ring_init(&r, 64) == 0, "init"))
		return;
	memcpy(ring_reserve(&r, 3), "old", 3);
	ring_commit(&r, 3);
	p = ring_reserve(&r, 3);
	ring_drop(&r, 3);
	memcpy(p, "new", 3);
	ring_commit(&r, 3);
	q = ring_peek(&r, 0, &n);
	ok(n == 3 && memcmp(q, "new", 3) == 0, "reserved room stays put");
	ring_release(&r);
}

/* One random step; false if a byte is not the one that was put in. */
static bool
step(struct ring *r, uint8_t *in, uint8_t *out)
{
	size_t n, i, want = tap_rnd(40);
	const uint8_t *q;
	uint8_t *p;

	p = ring_reserve(r, want);
	if ((p == NULL) != (want > ring_room(r)))
		return false;
	if (p != NULL) {
		n = want > 0 ? tap_rnd((uint32_t)want + 1) : 0;
		for (i = 0; i < n; i++)
			p[i] = (*in)++;
		ring_commit(r, n);
	}
	q = ring_peek(r, 0, &n);
	n = tap_rnd((uint32_t)n + 1);
	for (i = 0; i < n; i++)
		if (q[i] != (*out)++)
			return false;
	ring_drop(r, n);
	return true;
}

static void
test_random(void)
{
	static const size_t caps[] = { 1, 14, 39, 64, 100 };
	size_t i;

	for (i = 0; i < N_ELEM(caps); i++) {
		uint8_t in = 0, out = 0;
		struct ring r;
		int k = 0;

		if (ring_init(&r, caps[i]) == -1)
			break;
		while (k < 50000 && step(&r, &in, &out))
			k++;
		is_u64((uint64_t)k, 50000, "steps with %zu bytes", caps[i]);
		ring_release(&r);
	}
	is_u64(i, N_ELEM(caps), "all sizes");
}

int
main(void)
{
	test_empty();
	test_align();
	test_move();
	test_drop_under_reservation();
	test_random();
	return tap_done();
}
