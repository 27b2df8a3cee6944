/*
 * The round-trip estimator of RFC 6298.  It takes samples and timeouts as
 * they are told to it; that no sample comes from something sent twice (Karn)
 * is the caller's care.
 *
 * Invariant: srtt is 0 exactly until the first sample; backoff <= BACKOFF_MAX;
 * no field exceeds RTO_MAX, so sums cannot wrap.
 */
#include "rtt.h"

#define RTO_FIRST	NS_PER_S
#define RTO_MIN		(200 * NS_PER_MS)
#define RTO_MAX		(60 * NS_PER_S)
#define GRANULARITY	NS_PER_MS
#define BACKOFF_MAX	6u
#define MIN_SPAN	(10 * NS_PER_S)

void
rtt_init(struct rtt *r)
{
	r->srtt = r->var = 0;
	r->min = r->min_at = 0;
	r->backoff = 0;
}

void
rtt_sample(struct rtt *r, uint64_t sample, uint64_t now)
{
	uint64_t diff;

	/* 0 means "no sample yet"; beyond RTO_MAX nothing changes any more. */
	sample = max_u64(1, min_u64(sample, RTO_MAX));
	if (r->srtt == 0 || sample <= r->min || now - r->min_at > MIN_SPAN) {
		r->min = sample;
		r->min_at = now;
	}
	r->backoff = 0;
	if (r->srtt == 0) {
		r->srtt = sample;
		r->var = sample / 2;
		return;
	}
	diff = r->srtt > sample ? r->srtt - sample : sample - r->srtt;
	r->var = r->var - r->var / 4 + diff / 4;
	r->srtt = max_u64(1, r->srtt - r->srtt / 8 + sample / 8);
}

void
rtt_timeout(struct rtt *r)
{
	if (r->backoff < BACKOFF_MAX)
		r->backoff++;
}

uint64_t
rtt_rto(const struct rtt *r)
{
	uint64_t rto = RTO_FIRST;

	if (r->srtt != 0)
		rto = r->srtt + max_u64(GRANULARITY, 4 * r->var);
	rto = min_u64(max_u64(rto, RTO_MIN), RTO_MAX);
	return min_u64(rto << r->backoff, RTO_MAX);
}
