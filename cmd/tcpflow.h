/*
 * tcpflow.h - packets of TCP in, records of frames out: both directions of
 * each connection put in order and cut by deframe.h.
 *
 * Who dialled is known from the SYN.  Without one (the capture began later)
 * it is whose port is the higher one, or who sends first if they are equal;
 * the event that opens the connection says so.
 */
#ifndef TCPFLOW_H
#define TCPFLOW_H

#include <stdint.h>

#include "deframe.h"

struct mux_packet;
struct tcpflow;

#define TCPFLOW_FLOWS	4096u		/* the idlest one is given up */
#define TCPFLOW_HELD	(1u << 20)	/* bytes of one direction that wait
					 * for others before them */
#define TCPFLOW_HELD_ALL	(64u << 20)	/* ... of all */
#define TCPFLOW_SEGMENT	1024u		/* a segment counts as so many, if
					 * it is shorter */

struct tcpflow_ops {
	deframe_cb *record;
	uint32_t (*number)(void *arg);	/* for the next connection */
};

struct tcpflow *tcpflow_new(const struct tcpflow_ops *, void *arg);
void tcpflow_free(struct tcpflow *);
/* 1 it was TCP, 0 it was not, -1 no memory. */
int tcpflow_packet(struct tcpflow *, const struct mux_packet *);
/* Nothing more comes: what waits is told, and what is missing before it. */
void tcpflow_end(struct tcpflow *);

#endif
