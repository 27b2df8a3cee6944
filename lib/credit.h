/*
 * credit.h - the two ledgers of flow control, pure arithmetic on 64 bits.
 *
 * The sender's ledger knows what it may still send.  The receiver's ledger
 * knows what it granted, what came and what was consumed; everything else is
 * a difference of those three (mux(7), Flow control):
 *
 *	outstanding = granted - received     credit the peer still holds
 *	buffered    = received - consumed    bytes that wait for the consumer
 *	charge      = granted - consumed     what must be backed by memory
 */
#ifndef MUX_CREDIT_H
#define MUX_CREDIT_H

#include "int.h"

#define CREDIT_MAX	UINT64_C(0x7fffffff)	/* more at once is an error */
#define CREDIT_TELL	(64u * 1024u)		/* tell at the latest then */
#define CREDIT_QUICK	(1024u * 1024u)		/* grow to here on any path */
#define CREDIT_TOP	(16u * 1024u * 1024u)	/* no window grows past it */
#define CREDIT_CALM	(256u * 1024u)		/* bulk beside interactive */

struct credit_tx {
	uint64_t limit;		/* all that was ever granted */
	uint64_t used;		/* all that was ever sent */
};

static inline uint64_t
credit_tx_left(const struct credit_tx *c)
{
	return c->limit - c->used;
}

/* False, and nothing changed, if more than CREDIT_MAX would be left. */
bool credit_tx_grant(struct credit_tx *c, uint64_t n);

static inline void
credit_tx_use(struct credit_tx *c, uint64_t n)
{
	assert(n <= credit_tx_left(c));
	c->used += n;
}

struct credit_rx {
	uint64_t granted, received, consumed;
	uint64_t epoch_at;	/* when this measure of consumption began */
	uint32_t epoch_consumed;	/* low bits of `consumed` then */
	uint32_t window;	/* the charge that we aim at */
};

void credit_rx_init(struct credit_rx *c, uint32_t window, uint64_t now);

static inline uint64_t
credit_rx_outstanding(const struct credit_rx *c)
{
	return c->granted - c->received;
}

static inline uint64_t
credit_rx_buffered(const struct credit_rx *c)
{
	return c->received - c->consumed;
}

static inline uint64_t
credit_rx_charge(const struct credit_rx *c)
{
	return c->granted - c->consumed;
}

/* False, and nothing changed, if n is more than the outstanding credit. */
static inline bool
credit_rx_receive(struct credit_rx *c, uint64_t n)
{
	if (n > credit_rx_outstanding(c))
		return false;
	c->received += n;
	return true;
}

static inline void
credit_rx_consume(struct credit_rx *c, uint64_t n)
{
	assert(n <= credit_rx_buffered(c));
	c->consumed += n;
}

/* So little was consumed in all that there is nothing to tell, and no reason
 * to grow. */
static inline bool
credit_rx_young(const struct credit_rx *c)
{
	return c->granted == c->window &&
	    c->consumed < min_u64(c->window / 4, CREDIT_TELL);
}

/*
 * The grant that is worth a CREDIT frame now, or 0.  `cap` bounds the charge
 * below the window (CREDIT_CALM while an interactive stream shares the
 * connection, else UINT32_MAX).  Worth telling = min(aim/4, CREDIT_TELL).
 */
uint32_t credit_rx_worth(const struct credit_rx *c, uint32_t cap);
void credit_rx_grant(struct credit_rx *c, uint32_t n);

/*
 * Called after consumption.  Says how large the window should be now: doubled
 * when more than 4/5 of it was consumed within max(2 srtt, 20 ms); beyond
 * CREDIT_QUICK only when 2 * rate * min_rtt demands it, with min_rtt > 0.
 * `spare` is the budget this step may take.  Never less than the window.
 */
uint32_t credit_rx_grown(struct credit_rx *c, uint64_t now, uint64_t srtt,
    uint64_t min_rtt, uint64_t spare);

#endif
