/*
 * hist.h - counts of values by their size: percentiles within 0.1 % of what
 * they are, from 0 to UINT64_MAX, in memory of a fixed size.  All zero is an
 * empty one; what was never counted was never touched, so a static one costs
 * the pages of the values that came.
 */
#ifndef HIST_H
#define HIST_H

#include <stdint.h>

#define HIST_BITS	11u	/* of a value that are told apart */
#define HIST_SLOTS	((66u - HIST_BITS) << (HIST_BITS - 1))

struct hist {
	uint64_t count, min, max;
	uint64_t sum;			/* stops at UINT64_MAX */
	uint64_t slot[HIST_SLOTS];
};

void hist_add(struct hist *, uint64_t value);
/* What came to `from` counts as having come to `to` as well. */
void hist_merge(struct hist *to, const struct hist *from);
/*
 * The value that `share` hundred-thousandths of all are not above (99900 is
 * p99.9): never less than the exact one, and at most 0.1 % more.  0 of none.
 */
uint64_t hist_share(const struct hist *, uint32_t share);
/* How many are at most `value`, those in its slot included. */
uint64_t hist_upto(const struct hist *, uint64_t value);
uint64_t hist_mean(const struct hist *);	/* 0 of none */

#endif
