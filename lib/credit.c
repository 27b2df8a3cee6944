/*
 * The two ledgers of flow control.  Pure arithmetic: no memory, no clock, no
 * idea of frames; who asks decides what is sent and when.
 *
 * Invariant of the sender: 0 <= limit - used <= CREDIT_MAX.  Of the receiver:
 * consumed <= received <= granted and granted - received <= CREDIT_MAX.  The
 * totals may wrap around 2^64; only their differences are ever looked at.
 */
#include "credit.h"

#define GROW_SPAN	(20 * NS_PER_MS)	/* for paths that are faster */

bool
credit_tx_grant(struct credit_tx *c, uint64_t n)
{
	if (n > CREDIT_MAX - credit_tx_left(c))
		return false;
	c->limit += n;
	return true;
}

void
credit_rx_init(struct credit_rx *c, uint32_t window, uint64_t now)
{
	assert(window <= CREDIT_MAX);
	c->granted = window;
	c->received = c->consumed = 0;
	c->epoch_at = now;
	c->epoch_consumed = 0;
	c->window = window;
}

/*
 * This cannot starve a sender that splits at its credit: when it has none
 * left and all was consumed, the charge is 0 and a whole window is worth
 * telling.
 */
uint32_t
credit_rx_worth(const struct credit_rx *c, uint32_t cap)
{
	uint64_t aim = min_u64(c->window, cap);
	uint64_t charge = credit_rx_charge(c);
	uint64_t grant;

	if (charge >= aim)
		return 0;
	grant = aim - charge;
	if (grant < min_u64(aim / 4, CREDIT_TELL))
		return 0;
	return (uint32_t)min_u64(grant,
	    CREDIT_MAX - credit_rx_outstanding(c));
}

void
credit_rx_grant(struct credit_rx *c, uint32_t n)
{
	assert(n <= CREDIT_MAX - credit_rx_outstanding(c));
	c->granted += n;
}

/* Twice what the path holds at the rate of `got` bytes in `took` ns. */
static uint64_t
demand(uint64_t got, uint64_t took, uint64_t min_rtt)
{
	if (got > UINT64_MAX / 2 / min_rtt)
		return UINT64_MAX;
	return 2 * got * min_rtt / took;
}

uint32_t
credit_rx_grown(struct credit_rx *c, uint64_t now, uint64_t srtt,
    uint64_t min_rtt, uint64_t spare)
{
	bool quick = c->window < CREDIT_QUICK;
	uint64_t took = now - c->epoch_at;
	uint64_t got = (uint32_t)c->consumed - c->epoch_consumed;
	uint64_t span = 2 * min_u64(max_u64(srtt, min_rtt), NEVER / 2);
	uint64_t want = 2 * (uint64_t)c->window;

	if (quick)
		span = max_u64(span, GROW_SPAN);
	if (took <= span) {
		if (5 * got <= 4 * (uint64_t)c->window)
			return c->window;
		/* A rate seen for less than a round trip is only a burst. */
		if (!quick && took < min_rtt)
			return c->window;
	}
	c->epoch_at = now;
	c->epoch_consumed = (uint32_t)c->consumed;
	if (took > span || (!quick && min_rtt == 0))
		return c->window;
	if (quick)
		want = min_u64(want, CREDIT_QUICK);
	else
		want = min_u64(min_u64(want, CREDIT_TOP),
		    demand(got, took, min_rtt));
	if (want <= c->window)
		return c->window;
	return (uint32_t)(c->window + min_u64(want - c->window, spare));
}
