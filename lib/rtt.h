/*
 * rtt.h - the estimator of RFC 6298 (SRTT, RTTVAR, RTO with backoff) and the
 * smallest sample of the last ten seconds, which queues do not inflate.
 */
#ifndef MUX_RTT_H
#define MUX_RTT_H

#include "int.h"

struct rtt {
	uint64_t srtt, var;	/* ns; srtt 0 = no sample yet */
	uint64_t min, min_at;	/* smallest recent sample, and its time */
	unsigned backoff;	/* RTO doublings since the last sample, <= 6 */
};

void rtt_init(struct rtt *r);
void rtt_sample(struct rtt *r, uint64_t sample, uint64_t now);
void rtt_timeout(struct rtt *r);	/* one doubling */
uint64_t rtt_rto(const struct rtt *r);	/* 1 s first, 200 ms .. 60 s */

#endif
