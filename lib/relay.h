/*
 * relay.h - the inside of a relay: relay.c has its life, source.c the way
 * from the descriptors into the stream, sink.c the way back.
 *
 *	source				sink
 *	WAITING	no descriptors yet	WAITING	no descriptors yet: all rests
 *	OPEN	read by fill()		OPEN	written; what is left rests
 *	HELD	at its end; END waits
 *	DISCARD	the peer said STOP	STOPPED	nobody reads: we said STOP
 *	ENDED	END was handed over	ENDED	the end was passed on
 *
 * A relay is over when both have ended, or at the first thing that ends both
 * directions at once.
 */
#ifndef MUX_RELAY_H
#define MUX_RELAY_H

#include "conn.h"
#include "duplex.h"
#include "rest.h"

enum source_state {
	SOURCE_WAITING, SOURCE_OPEN, SOURCE_HELD, SOURCE_DISCARD, SOURCE_ENDED
};
enum sink_state { SINK_WAITING, SINK_OPEN, SINK_STOPPED, SINK_ENDED };

/* How it ended. */
enum relay_how { NOT_OVER, OVER_FIN, OVER_RESET, OVER_REFUSED, OVER_LOST };

struct mux_relay {
	struct conn_user user;
	struct mux_conn *conn;		/* NULL: gone before us */
	struct mux_loop *loop;
	struct mux_stream *stream;
	mux_relay_cb *done;
	void (*heedless)(struct mux_relay *, void *arg); /* may be NULL */
	void *arg;
	void (*held)(struct mux_relay *, void *arg);	/* may be NULL */
	char *verdict_text;
	uint32_t verdict;	/* what the end of the input means; 0 = END */
	struct duplex io;
	struct mux_watch *in_watch, *out_watch;	/* equal: one socket */
	struct rest rest;		/* room R3 */
	uint64_t bytes_out, began;
	char *text;			/* once it is over: the reason */
	uint32_t code;
	uint32_t broken;		/* a reset waits for the last bytes */
	uint8_t how;			/* enum relay_how */
	uint8_t source, sink;		/* enum source_state, sink_state */
	uint8_t n_short;		/* splices in a row that were short */
	bool opener : 1, accepted : 1, by_peer : 1;
	bool stopped : 1;		/* the peer reads no more */
	bool eof : 1;			/* the peer's END came */
	bool bulk : 1;			/* the source is worth splicing */
	bool doomed : 1;		/* reset once R3 is out */
	bool hold : 1;			/* no END before it is settled */
	bool finishing : 1;
};

/* relay.c */
/* The descriptors failed: both directions end now. */
void relay_fail(struct mux_relay *r, uint32_t code, const char *text);
/*
 * The descriptors are reset.  What the source had received before still
 * reaches the peer, as fast as its credit allows; then relay_fail().
 */
void relay_broken(struct mux_relay *r, int err);
/* Has everything ended? */
void relay_check(struct mux_relay *r);
bool relay_is_over(const struct mux_relay *r);
/* Readiness; 0 where there is no descriptor. */
unsigned relay_can_read(const struct mux_relay *r);
unsigned relay_can_write(const struct mux_relay *r);
void relay_unwatch_in(struct mux_relay *r);
void relay_unwatch_out(struct mux_relay *r);

/* source.c */
size_t source_fill(struct mux_stream *st, void *buf, size_t max,
    size_t limit, unsigned *flags, void *arg);
void source_ready(struct mux_relay *r);
void source_stopped(struct mux_relay *r);

/* sink.c */
void sink_data(struct mux_stream *st, const void *p, size_t n, void *arg);
bool sink_foreign(struct mux_stream *st, size_t n, void *arg);
void sink_take(struct mux_stream *st, int fd, size_t n, void *arg);
void sink_eof(struct mux_stream *st, void *arg);
void sink_ready(struct mux_relay *r);
/* What waits will never leave; it counts as consumed. */
void sink_drop(struct mux_relay *r);
/* A write failed.  Only EPIPE where it says no more than "nobody reads"
 * leaves the other direction alone. */
void sink_failed(struct mux_relay *r, int err);

#endif
