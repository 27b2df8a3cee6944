/*
 * pace.h: frame sizes from the rate at which a carrier drains, and token
 * buckets at their edges.
 */
#include "pace.h"
#include "tap.h"

#define MS	NS_PER_MS
#define KIB	1024u

/* A period in which the carrier takes n bytes in `took`, blocked or not. */
static void
period(struct pace *p, uint64_t *now, uint64_t n, uint64_t took,
    bool blocked)
{
	pace_begin(p, *now);
	if (blocked)
		pace_blocked(p);
	*now += took;
	pace_sent(p, n, true, *now);
}

static uint32_t
settle(uint64_t n, uint64_t took, bool blocked)
{
	struct pace p;
	uint64_t now = 1000;

	pace_init(&p);
	for (int i = 0; i < 100; i++)
		period(&p, &now, n, took, blocked);
	return pace_frame(&p);
}

static void
test_sizes(void)
{
	struct pace p;

	pace_init(&p);
	is_u64(pace_frame(&p), 64 * KIB, "nothing is known: 64 KiB");
	is_u64(settle(10000000, 5 * MS, false), 64 * KIB,
	    "a carrier that never blocked proves nothing");
	is_u64(settle(100000, 5 * MS, true), 100000, "what it drains in 5 ms");
	is_u64(settle(20000, MS, true), 100000, "however long the period");
	is_u64(settle(100, 5 * MS, true), 4 * KIB, "4 KiB at least");
	is_u64(settle(10000000, 5 * MS, true), 256 * KIB, "256 KiB at most");
	is_u64(settle(1 << 20, 0, true), 256 * KIB, "in no time at all");
	is_u64(settle(0, 5 * MS, true), 64 * KIB, "no bytes are no rate");
}

static void
test_average(void)
{
	struct pace p;
	uint64_t now = 1000;
	uint32_t slow, one, many;

	pace_init(&p);
	period(&p, &now, 200000, 5 * MS, true);
	is_u64(pace_frame(&p), 200000, "the first period counts whole");
	period(&p, &now, 40000, 5 * MS, true);
	slow = pace_frame(&p);
	is_u64(slow, 180000, "later ones by an eighth");
	period(&p, &now, 1000000, 5 * MS, false);
	is_u64(pace_frame(&p), slow, "idle ones not at all");
	period(&p, &now, 40000, 5 * MS, true);
	one = pace_frame(&p);
	for (int i = 0; i < 60; i++)
		period(&p, &now, 40000, 5 * MS, true);
	many = pace_frame(&p);
	ok(one < slow && many < 41000 && many >= 39900, "it gets there: %u",
	    many);
}

/* A period goes on until the buffer is empty or 5 ms are over. */
static void
test_period(void)
{
	struct pace p;

	pace_init(&p);
	pace_sent(&p, 1000000, true, 5);
	is_u64(pace_frame(&p), 64 * KIB, "bytes outside of a period");
	pace_begin(&p, 0);
	pace_blocked(&p);
	pace_sent(&p, 10000, false, 2 * MS);
	pace_begin(&p, 2 * MS);
	is_u64(pace_frame(&p), 64 * KIB, "it is not over after 2 ms");
	pace_sent(&p, 10000, true, 4 * MS);
	is_u64(pace_frame(&p), 25000, "empty after 4 ms: 20000 bytes in 4 ms");
	pace_begin(&p, 10 * MS);
	pace_blocked(&p);
	pace_sent(&p, 25000, false, 15 * MS);
	is_u64(pace_frame(&p), 25000, "full for 5 ms: judged all the same");
	pace_sent(&p, 999999, true, 16 * MS);
	is_u64(pace_frame(&p), 25000, "the next one has to block anew");
}

static unsigned
takes(struct bucket *b, unsigned most, uint64_t now)
{
	unsigned n = 0;

	while (n < most && bucket_take(b, 1, now))
		n++;
	return n;
}

static void
test_bucket(void)
{
	struct bucket b;

	bucket_init(&b, 100, 10);
	is_u64(takes(&b, 1000, 0), 100, "full at first");
	ok(!bucket_take(&b, 1, 100 * MS - 1), "a token in 100 ms: not yet");
	ok(bucket_take(&b, 1, 100 * MS), "now");
	is_u64(takes(&b, 1000, NS_PER_S), 9, "ten a second");
	is_u64(takes(&b, 1000, 1000 * NS_PER_S), 100, "never over its size");
	is_u64(takes(&b, 1000, NEVER), 100, "at the end of all time");
	bucket_init(&b, 100, 0);
	is_u64(takes(&b, 1000, 0), 100, "without refill");
	is_u64(takes(&b, 1000, NEVER), 0, "there is none");
}

/* Not a token is lost to rounding, whatever the steps. */
static void
test_exact(void)
{
	struct bucket b;
	uint64_t now = 0;
	unsigned n;

	bucket_init(&b, 3, 330);
	n = takes(&b, 10, 0);
	while (now < 10 * NS_PER_S) {
		now += 1 + tap_rnd(5000000);
		n += takes(&b, 10, now < 10 * NS_PER_S ? now :
		    10 * NS_PER_S);
	}
	is_u64(n, 3303, "330 a second for 10 s in random steps");
}

static void
test_low(void)
{
	struct bucket b;

	bucket_init(&b, 1000, 1);
	is_u64(takes(&b, 750, 0), 750, "three quarters");
	ok(!bucket_low(&b), "are not low yet");
	bucket_take(&b, 1, 0);
	ok(bucket_low(&b), "one more is");
	bucket_take(&b, 0, 2 * NS_PER_S);
	ok(!bucket_low(&b), "time heals it");
	ok(!bucket_take(&b, 1001, 2 * NS_PER_S),
	    "more than its size never");
	ok(bucket_take(&b, 252, 10 * NS_PER_S), "several at once");
}

int
main(void)
{
	test_sizes();
	test_average();
	test_period();
	test_bucket();
	test_exact();
	test_low();
	return tap_done();
}
