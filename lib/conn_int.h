/*
 * conn_int.h - the inside of a connection: conn.c has its life, conn_io.c the
 * bytes.
 *
 *	LIVE		fed and pulled, until either gives a fatal error
 *	FAREWELL	what is left goes out, then our end of the carrier is
 *			shut, and what still comes is thrown away: closing
 *			with unread input would make TCP destroy the GOODBYE
 *	OVER		closed; waits for mux_conn_free()
 */
#ifndef MUX_CONN_INT_H
#define MUX_CONN_INT_H

#include "conn.h"
#include "duplex.h"

TAILQ_HEAD(conn_users, conn_user);

enum conn_state { CONN_LIVE, CONN_FAREWELL, CONN_OVER };

struct mux_conn {
	struct mux_loop *loop;
	struct mux_session *session;
	const struct mux_conn_ops *ops;
	void *arg;
	struct mux_session_ops heard;
	struct duplex io;
	struct mux_watch *in_watch, *out_watch;	/* equal: one socket */
	struct mux_timer *timer;
	struct mux_task *task;
	uint64_t timer_at;		/* what the timer is set to */
	uint64_t farewell_at;
	uint8_t *block;			/* room R2, made on first use */
	size_t block_off, block_len;	/* of it: read, and not fed yet */
	struct pipe in_pipe, out_pipe;
	unsigned busy;			/* calls of ours on the stack */
	unsigned small_reads;		/* reads left to be small */
	uint8_t state;			/* enum conn_state */
	bool splices;
	bool one_header;		/* read no further than the header */
	bool must_pull;			/* even if the carrier takes nothing */
	bool in_over, out_over;
	bool freed;			/* by its owner, while busy */
	void (*room)(struct mux_conn *, void *arg);	/* NULL: nobody waits */
	void *room_arg;
	int err;			/* once not LIVE: why */
	int os_err;
	int write_err;			/* errno of a write; 0 = none */
	struct conn_users users, later;
	char peer[sizeof(((struct mux_ends *)NULL)->peer)];
};

/* conn.c */
/* The session is over; the rest happens in the task. */
void conn_fail(struct mux_conn *c, int err);
/* The carrier is over: its end was read, or it failed with `os_err`. */
void conn_lost(struct mux_conn *c, int os_err);
/* Closes, and tells the owner. */
void conn_over(struct mux_conn *c);
/* A pipe that is made on first use; NULL: copy. */
struct pipe *conn_pipe(struct mux_conn *c, struct pipe *p);

/* conn_io.c */
void conn_read(struct mux_conn *c);	/* what there is, within a budget */
void conn_flush(struct mux_conn *c);	/* pulls and writes */
void conn_farewell(struct mux_conn *c);	/* the last words, and the end */

#endif
