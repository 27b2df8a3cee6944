/*
 * hist.c - a log-linear histogram, after HdrHistogram: the first 2048 values
 * have a slot each, every further power of two has 1024.  It knows nothing of
 * time.  Invariant: the slots add up to the count.
 */
#include "hist.h"

#define HALF	(UINT64_C(1) << (HIST_BITS - 1))

static unsigned
shift_of(uint64_t value)
{
	unsigned bits = 64u - (unsigned)__builtin_clzll(value | 1);

	return bits > HIST_BITS ? bits - HIST_BITS : 0;
}

/* Of a value with a shift the first of its bits is known: 1. */
static unsigned
slot_of(uint64_t value)
{
	unsigned shift = shift_of(value);

	return (unsigned)(shift * HALF + (value >> shift));
}

/* The largest value of a slot. */
static uint64_t
top_of(unsigned slot)
{
	unsigned shift = slot < 2 * HALF ? 0 : (unsigned)(slot / HALF) - 1;

	return ((slot - shift * HALF + 1) << shift) - 1;
}

static void
add_sum(struct hist *h, uint64_t sum)
{
	if (__builtin_add_overflow(h->sum, sum, &h->sum))
		h->sum = UINT64_MAX;
}

void
hist_add(struct hist *h, uint64_t value)
{
	if (h->count == 0 || value < h->min)
		h->min = value;
	if (value > h->max)
		h->max = value;
	h->count++;
	h->slot[slot_of(value)]++;
	add_sum(h, value);
}

void
hist_merge(struct hist *to, const struct hist *from)
{
	unsigned i, last = slot_of(from->max);

	if (from->count == 0)
		return;
	if (to->count == 0 || from->min < to->min)
		to->min = from->min;
	if (from->max > to->max)
		to->max = from->max;
	for (i = slot_of(from->min); i <= last; i++)
		to->slot[i] += from->slot[i];
	to->count += from->count;
	add_sum(to, from->sum);
}

uint64_t
hist_share(const struct hist *h, uint32_t share)
{
	uint64_t seen = 0, rank;
	unsigned i;

	if (h->count == 0)
		return 0;
	if (share >= 100000)
		return h->max;
	/* The rank-th of them, from 1. */
	rank = (uint64_t)(((unsigned __int128)h->count * share + 99999) /
	    100000);
	if (rank <= 1)
		return h->min;
	for (i = slot_of(h->min); (seen += h->slot[i]) < rank; i++)
		;
	return top_of(i) < h->max ? top_of(i) : h->max;
}

uint64_t
hist_upto(const struct hist *h, uint64_t value)
{
	uint64_t n = 0;
	unsigned i, last;

	if (h->count == 0 || value < h->min)
		return 0;
	last = slot_of(value < h->max ? value : h->max);
	for (i = slot_of(h->min); i <= last; i++)
		n += h->slot[i];
	return n;
}

uint64_t
hist_mean(const struct hist *h)
{
	return h->count == 0 ? 0 : h->sum / h->count;
}
