/*
 * pace.c - frame size from the drain rate, and token buckets.  Leaf
 * arithmetic on times that the caller gives.  Invariant: pace_frame() is
 * always within PACE_MIN and PACE_MAX, a bucket's level within its size.
 */
#include "pace.h"

#define PERIOD_MAX	(5 * NS_PER_MS)		/* judge at the latest then */
#define DRAIN_GOAL	(5 * NS_PER_MS)

void
pace_init(struct pace *p)
{
	*p = (struct pace){ 0 };
}

void
pace_blocked(struct pace *p)
{
	if (p->busy)
		p->blocked = true;
}

static void
pace_judge(struct pace *p, uint64_t now)
{
	uint64_t took = max_u64(now - p->since, 1000);
	uint64_t rate;

	if (!p->blocked)
		return;
	/* bytes < 2^32 within a few ms, so the product fits 64 bits */
	rate = p->bytes * NS_PER_S / took;
	p->rate = p->rate == 0 ? rate : p->rate - p->rate / 8 + rate / 8;
}

void
pace_sent(struct pace *p, uint64_t n, bool empty, uint64_t now)
{
	if (!p->busy)
		return;
	p->bytes += n;
	if (!empty && now - p->since < PERIOD_MAX)
		return;
	pace_judge(p, now);
	p->busy = false;
	if (!empty)
		pace_begin(p, now);
}

uint32_t
pace_frame(const struct pace *p)
{
	uint64_t n;

	if (p->rate == 0)
		return PACE_START;
	n = p->rate / (NS_PER_S / DRAIN_GOAL);
	return (uint32_t)min_u64(max_u64(n, PACE_MIN), PACE_MAX);
}

void
bucket_init(struct bucket *b, uint64_t size, uint64_t per_s)
{
	assert(size > 0 && size < UINT64_MAX / NS_PER_S);
	*b = (struct bucket){ .size = size, .per_s = per_s };
}

bool
bucket_take(struct bucket *b, uint64_t n, uint64_t now)
{
	uint64_t idle = min_u64(now - b->at, b->size * NS_PER_S);
	uint64_t back = b->per_s == 0 ? 0 : idle > b->level / b->per_s ?
	    b->level : idle * b->per_s;

	b->level -= back;
	b->at = now;
	if (n > b->size || b->level > (b->size - n) * NS_PER_S)
		return false;
	b->level += n * NS_PER_S;
	return true;
}

bool
bucket_low(const struct bucket *b)
{
	return b->level / 3 > b->size * (NS_PER_S / 4);
}
