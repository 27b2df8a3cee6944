/*
 * flow.h - one relayed stream as people see it: who, where to, since when,
 * and how it ended.  Shared by tunnel and serve.
 */
#ifndef FLOW_H
#define FLOW_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "out.h"

struct mux_conn;
struct mux_ends;
struct mux_relay;
struct mux_relay_end;
struct mux_stream_stats;

/* There may be ten thousand of them: who and target are not copied, so they
 * have to be there for as long as the flow is. */
struct flow {
	TAILQ_ENTRY(flow) next;
	struct mux_relay *relay;
	const char *who;	/* flow_who() of the side that asked */
	const char *target;	/* as asked */
	char *dialled;		/* serve: the last address tried, or NULL */
	char *rule;		/* serve: what kept us from it, or NULL */
	char *detail;		/* serve: what the peer is not told, or NULL */
	const char *phase;	/* why nothing happens yet; static, or NULL */
	uint64_t conn;		/* number of the connection */
	uint64_t since;		/* ns on the loop's clock */
	bool to_target;		/* serve: our descriptors are the target's */
	bool orphan;		/* only its last bytes are left; no session */
	bool own_who;		/* an orphan has a copy */
};

TAILQ_HEAD(flows, flow);

void flow_release(struct flow *);

#define FLOW_WHO	136
/* "uid 1000" where the kernel said so, else the address. */
void flow_who(const struct mux_ends *, char buf[FLOW_WHO]);

#define FLOW_WORDS	480
/* "connect failed: Connection refused", and nothing twice. */
void flow_words(uint32_t code, const char *text, char buf[FLOW_WORDS]);
/* The line at its end. */
void flow_say_end(const struct flow *, enum say_level,
    const struct mux_relay_end *);

/* The live state as JSON: of a stream, and of a connection. */
void flow_state(const struct flow *, uint64_t now, FILE *);
void flow_conn_state(const struct mux_conn *, uint64_t conn, const char *who,
    uint64_t age, FILE *);
/* What streams and calls have in common there: credit, and bytes. */
void flow_credit(const struct mux_stream_stats *, struct jout *);

/* The connection is gone, and who it was with; streams that had ended may
 * still be writing. */
void flows_orphan(struct flows *, uint64_t conn);

#endif
