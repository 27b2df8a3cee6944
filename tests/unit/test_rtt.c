/*
 * rtt.h: the worked numbers of RFC 6298, the backoff, and the minimum.
 */
#include "rtt.h"
#include "tap.h"

#define MS	NS_PER_MS
#define S	NS_PER_S

static uint64_t
rto_ms(const struct rtt *r)
{
	return rtt_rto(r) / MS;
}

static void
test_samples(void)
{
	struct rtt r;
	int i;

	rtt_init(&r);
	is_u64(rto_ms(&r), 1000, "a second without a sample");
	rtt_sample(&r, 100 * MS, 0);
	is_u64(rto_ms(&r), 300, "first sample 100 ms: R + 4 * R/2");
	is_u64(r.srtt, 100 * MS, "srtt is the sample");
	is_u64(r.var, 50 * MS, "var is half of it");
	rtt_sample(&r, 180 * MS, 1 * S);
	is_u64(r.var, 57500000, "var = 3/4 * 50 + 1/4 * 80");
	is_u64(r.srtt, 110 * MS, "srtt = 7/8 * 100 + 1/8 * 180");
	is_u64(rto_ms(&r), 340, "rto = 110 + 4 * 57.5");
	rtt_init(&r);
	for (i = 0; i < 51; i++)
		rtt_sample(&r, 100 * MS, (uint64_t)i * S);
	is_u64(rto_ms(&r), 200, "steady: the floor of 200 ms");
	is_u64(r.srtt, 100 * MS, "srtt does not drift");
}

static void
test_granularity(void)
{
	struct rtt r;
	int i;

	rtt_init(&r);
	for (i = 0; i < 200; i++)
		rtt_sample(&r, 500 * MS, 0);
	is_u64(rto_ms(&r), 501, "a variation of 0 counts as 1 ms");
}

static void
test_backoff(void)
{
	static const uint64_t want[] = { 600, 1200, 2400, 4800, 9600, 19200,
		19200, 19200 };
	struct rtt r;
	size_t i;

	rtt_init(&r);
	rtt_sample(&r, 100 * MS, 0);
	for (i = 0; i < N_ELEM(want); i++) {
		rtt_timeout(&r);
		is_u64(rto_ms(&r), want[i], "timeout %zu", i + 1);
	}
	rtt_sample(&r, 100 * MS, 0);
	is_u64(rto_ms(&r), 250, "a sample clears it");
	rtt_init(&r);
	for (i = 0; i < 10; i++)
		rtt_timeout(&r);
	is_u64(rto_ms(&r), 60000, "without a sample: 1 s up to 60 s");
}

static void
test_extremes(void)
{
	struct rtt r;
	int i;

	rtt_init(&r);
	for (i = 0; i < 100; i++)
		rtt_sample(&r, UINT64_MAX, UINT64_MAX);
	is_u64(rto_ms(&r), 60000, "a sample without end");
	rtt_timeout(&r);
	is_u64(rto_ms(&r), 60000, "60 s at most");
	rtt_init(&r);
	for (i = 0; i < 100; i++)
		rtt_sample(&r, 0, 0);
	ok(r.srtt > 0 && r.min > 0, "samples of 0 are samples");
	is_u64(rto_ms(&r), 200, "with the floor");
}

static void
test_min(void)
{
	static const struct {
		uint64_t at, sample, want;
		const char *why;
	} steps[] = {
		{ 100, 50, 50, "first" },
		{ 101, 80, 50, "a queue does not inflate it" },
		{ 102, 40, 40, "smaller counts at once" },
		{ 111, 90, 40, "nine seconds later it still holds" },
		{ 112, 90, 40, "ten, too" },
		{ 113, 90, 90, "then the path is a different one" },
		{ 114, 70, 70, "and smaller counts again" },
		{ 120, 70, 70, "seen again" },
		{ 129, 99, 70, "counts from the last time it was seen" },
		{ 131, 99, 99, "and no longer" }
	};
	struct rtt r;
	size_t i;

	rtt_init(&r);
	for (i = 0; i < N_ELEM(steps); i++) {
		rtt_sample(&r, steps[i].sample * MS, steps[i].at * S);
		is_u64(r.min / MS, steps[i].want, "minimum: %s", steps[i].why);
	}
}

int
main(void)
{
	test_samples();
	test_granularity();
	test_backoff();
	test_extremes();
	test_min();
	return tap_done();
}
