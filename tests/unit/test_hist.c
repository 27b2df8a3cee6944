/*
 * test_hist.c - the histogram of `call --bench` against a sorted list of the
 * same values, at the edges of its slots, and merged.
 */
#include <stdlib.h>

#include "../../cmd/hist.h"
#include "tap.h"

static struct hist a, b, both;	/* zero is empty */

static void
clear(struct hist *h)
{
	memset(h, 0, sizeof(*h));
}

static int
compare(const void *p, const void *q)
{
	uint64_t x = *(const uint64_t *)p, y = *(const uint64_t *)q;

	return x < y ? -1 : x > y;
}

static void
empty_and_one(void)
{
	clear(&a);
	is_u64(hist_share(&a, 50000), 0, "nothing: p50 is 0");
	is_u64(hist_mean(&a), 0, "nothing: so is the mean");
	is_u64(hist_upto(&a, UINT64_MAX), 0, "nothing is below anything");
	hist_add(&a, 123456789);
	is_u64(hist_share(&a, 1), 123456789, "one value: the smallest share");
	is_u64(hist_share(&a, 50000), 123456789, "one value: p50 exactly");
	is_u64(hist_share(&a, 100000), 123456789, "one value: the whole");
	is_u64(hist_mean(&a), 123456789, "one value: the mean");
	is_u64(a.min, 123456789, "one value: the least");
}

/* Every value finds a slot of its size, also next to powers of two. */
static void
edges(void)
{
	unsigned bit, n = 0;
	uint64_t v, got;
	int d;

	for (bit = 0; bit < 64; bit++) {
		for (d = -1; d <= 1; d++) {
			v = (UINT64_C(1) << bit) + (uint64_t)(int64_t)d;
			clear(&a);
			hist_add(&a, v);
			hist_add(&a, UINT64_MAX);
			got = hist_share(&a, 50000);
			if (got < v || got - v > v / 1000) {
				ok(false, "2^%u%+d is %" PRIu64, bit, d, got);
				return;
			}
			n++;
		}
	}
	is_u64(n, 192, "around each power of two, within 0.1 %%");
	clear(&a);
	hist_add(&a, 0);
	hist_add(&a, UINT64_MAX);
	is_u64(hist_share(&a, 100000), UINT64_MAX, "the largest value");
	is_u64(a.slot[HIST_SLOTS - 1], 1, "is in the last slot");
	is_u64(a.slot[0], 1, "0 is in the first");
	hist_add(&a, UINT64_MAX);
	is_u64(a.sum, UINT64_MAX, "the sum does not wrap");
}

static void
like_a_list(void)
{
	static const uint32_t shares[] = { 1, 1000, 10000, 50000, 90000,
		95000, 99000, 99900, 99990, 99999 };
	static uint64_t v[100000];
	size_t n = sizeof(v) / sizeof(v[0]), i, rank;
	uint64_t got, want;

	clear(&a);
	for (i = 0; i < n; i++) {
		v[i] = (uint64_t)(tap_rnd(1000) + 1) << tap_rnd(30);
		hist_add(&a, v[i]);
	}
	qsort(v, n, sizeof(v[0]), compare);
	for (i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
		rank = ((uint64_t)shares[i] * n + 99999) / 100000;
		got = hist_share(&a, shares[i]);
		want = v[rank - 1];
		ok(got >= want && got - want <= want / 1000,
		    "share %" PRIu32 ": %" PRIu64 " for %" PRIu64, shares[i],
		    got, want);
	}
	is_u64(a.min, v[0], "the least of the list");
	is_u64(a.max, v[n - 1], "and the most");
	is_u64(hist_upto(&a, a.max), n, "all are at most the most");
	for (rank = 0; rank < n && v[rank] <= 1000; rank++)
		;
	is_u64(hist_upto(&a, 1000), rank, "exact below 2048");
}

static void
merged(void)
{
	unsigned i;
	uint64_t v;

	clear(&a);
	clear(&b);
	clear(&both);
	for (i = 0; i < 5000; i++) {
		v = (uint64_t)tap_rnd(1u << 20) * (i % 2 == 0 ? 1 : 1000);
		hist_add(i % 2 == 0 ? &a : &b, v);
		hist_add(&both, v);
	}
	hist_merge(&a, &b);
	ok(memcmp(&a, &both, sizeof(a)) == 0, "merged is as counted in one");
	clear(&b);
	hist_merge(&a, &b);
	ok(memcmp(&a, &both, sizeof(a)) == 0, "an empty one changes nothing");
	hist_merge(&b, &a);
	ok(memcmp(&b, &both, sizeof(b)) == 0, "into an empty one");
}

int
main(void)
{
	empty_and_one();
	edges();
	like_a_list();
	merged();
	return tap_done();
}
