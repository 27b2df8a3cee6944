/*
 * pace.h - how large DATA frames should be: what the carrier drains in 5 ms,
 * between 4 KiB and 256 KiB.  The rate is a moving average over periods in
 * which the carrier was blocked at least once; an idle one proves nothing.
 * And struct bucket, the token bucket of the abuse rules.
 */
#ifndef MUX_PACE_H
#define MUX_PACE_H

#include "int.h"

#define PACE_MIN	(4u * 1024u)
#define PACE_MAX	(256u * 1024u)
#define PACE_START	(64u * 1024u)
#define PACE_CALM	(64u * 1024u)	/* beside an interactive stream */

struct pace {
	uint64_t since;		/* start of this period */
	uint64_t bytes;		/* sent in it */
	uint64_t rate;		/* bytes per second; 0 = not known */
	bool busy;		/* a period runs */
	bool blocked;		/* the carrier refused bytes in it */
};

void pace_init(struct pace *p);
void pace_blocked(struct pace *p);
/* n bytes left; `empty` says that no more are waiting. */
void pace_sent(struct pace *p, uint64_t n, bool empty, uint64_t now);
/* Bytes began to wait. */
static inline void
pace_begin(struct pace *p, uint64_t now)
{
	if (p->busy)
		return;
	p->busy = true;
	p->blocked = false;
	p->bytes = 0;
	p->since = now;
}

uint32_t pace_frame(const struct pace *p);

struct bucket {
	uint64_t size, per_s;	/* tokens */
	uint64_t level;		/* used, times NS_PER_S: exact at any rate */
	uint64_t at;
};

void bucket_init(struct bucket *b, uint64_t size, uint64_t per_s);
/* Takes n tokens; false if there were not that many. */
bool bucket_take(struct bucket *b, uint64_t n, uint64_t now);
/* More than three quarters used? */
bool bucket_low(const struct bucket *b);

#endif
