/*
 * stream.h - one stream: two half-automata, two ledgers of credit, and what
 * it owes the peer.  Events change states here; actions (frames, callbacks)
 * are the session's and never change a state themselves.
 *
 *	send half                        receive half
 *	HELD    not yet on the wire      OPEN     data is delivered
 *	OPEN    data may be sent         STOPPED  we said STOP: discard
 *	ENDING  END is owed              DONE     END came, or a reset
 *	DONE    END sent, or a reset
 */
#ifndef MUX_STREAM_H
#define MUX_STREAM_H

#include <sys/queue.h>

#include "credit.h"
#include "mux.h"

enum send_state { SEND_HELD, SEND_OPEN, SEND_ENDING, SEND_DONE };
enum recv_state { RECV_OPEN, RECV_STOPPED, RECV_DONE };

/* Calls are driven by the same engine: see call.h. */
enum stream_kind { KIND_STREAM, KIND_CALLER, KIND_CALLEE };

/* What is owed, in the order in which it is sent. */
#define OWE_ERROR	0x01u	/* refusal, or the answer to CANCEL */
#define OWE_RESET	0x02u
#define OWE_OK		0x04u
#define OWE_CREDIT	0x08u
#define OWE_FLOW	0x10u	/* PAUSE or RESUME, as paused_us says */
#define OWE_PRIORITY	0x20u
#define OWE_STOP	0x40u	/* of a caller: CANCEL */
#define OWE_END		0x80u	/* of a call: its last frame */
#define OWE_LAST	(OWE_ERROR | OWE_RESET)	/* nothing follows these */

#define STREAM_PRIORITY	3u	/* the default of 0..7 */

#define SMALL_PAYLOAD	4096u
#define BIG_PAYLOAD	16384u
#define INTERACTIVE	100u	/* ms */

/* There may be ten thousand of them: no field is wider than it has to be. */
struct mux_stream {
	struct mux_session *session;	/* NULL: an empty shell */
	const struct mux_stream_ops *ops;
	void *arg;
	uint64_t id;			/* 0 until its START is committed */
	struct credit_tx tx;
	struct credit_rx rx;
	/* START until it is out, a u32 of its length first; then the reason
	 * of the RESET or ERROR */
	char *text;
	TAILQ_ENTRY(mux_stream) all_link;
	TAILQ_ENTRY(mux_stream) owed_link;
	TAILQ_ENTRY(mux_stream) data_link;	/* data, opening or grave */
	uint32_t code;			/* of the RESET, ERROR or STOP owed */
	uint32_t reserved;		/* of the session's pool */
	uint32_t small_at, big_at;	/* ms: last payload to 4 KiB, over 16 */
	int32_t deficit;		/* of the round robin, bytes */
	uint32_t round_no;		/* the last that gave it a quantum */
	uint8_t send, recv;		/* enum send_state, recv_state */
	uint8_t owed;			/* OWE_* */
	uint8_t priority;
	unsigned kind : 2;		/* enum stream_kind */
	bool by_peer : 1;		/* the peer opened it */
	bool named : 1;			/* its id was given out */
	bool unanswered : 1;	/* a caller whose peer still owes it */
	bool accepted : 1;		/* STREAM_OK: by_peer said, else came */
	bool attached : 1;		/* has an owner who must release it */
	bool ready : 1;			/* fill() may have something */
	bool paused_peer : 1, paused_us : 1;
	bool in_owed : 1, in_data : 1, in_opening : 1;	/* lists it is in */
	bool wire_live : 1;		/* counts against the limit */
	bool end_sent : 1;		/* before it was killed */
	bool reset_by_peer : 1;		/* not by us, nor with the carrier */
	bool one_way : 1;		/* ours: the peer sends nothing */
	bool dead : 1;			/* in the graveyard */
};

TAILQ_HEAD(stream_list, mux_stream);

/* Events that a frame brings, and what the state makes of them.  EV_SENDER
 * is all that is about what we send: CREDIT, STOP, CANCEL, PAUSE, RESUME,
 * PRIORITY. */
enum stream_event { EV_DATA, EV_END, EV_SENDER };
enum verdict {
	DO,			/* apply it */
	DISCARD,		/* take the bytes, deliver nothing */
	IGNORE,			/* it comes too late; count it */
	AFTER_END		/* per-id error MUX_F_AFTER_END */
};
enum verdict stream_verdict(const struct mux_stream *st,
    enum stream_event ev);

/* The only setters of the two states: a half only ever moves forward, and
 * DONE may be said again. */
static inline void
stream_set_send(struct mux_stream *st, enum send_state to)
{
	assert(to > st->send || to == SEND_DONE);
	st->send = (uint8_t)to;
}

static inline void
stream_set_recv(struct mux_stream *st, enum recv_state to)
{
	assert(to > st->recv || to == RECV_DONE);
	st->recv = (uint8_t)to;
}

/* May a DATA frame of it be asked for now? */
static inline bool
stream_may_send(const struct mux_stream *st)
{
	return st->ready && st->send == SEND_OPEN && !st->paused_peer &&
	    credit_tx_left(&st->tx) > 0;
}

/* Are both directions over, with nothing owed? */
static inline bool
stream_over(const struct mux_stream *st)
{
	return st->send == SEND_DONE && st->recv == RECV_DONE &&
	    st->owed == 0 && !st->unanswered;
}

/* A payload of n bytes passed, either way.  True if the stream is
 * interactive now: small payloads only within the last 100 ms. */
static inline bool
stream_note(struct mux_stream *st, size_t n, uint64_t now)
{
	uint32_t ms = (uint32_t)(now / NS_PER_MS) + 1;	/* 0 = never */

	if (n > BIG_PAYLOAD)
		st->big_at = ms;
	else if (n <= SMALL_PAYLOAD)
		st->small_at = ms;
	return st->small_at != 0 && ms - st->small_at <= INTERACTIVE &&
	    (st->big_at == 0 || ms - st->big_at > INTERACTIVE);
}

const char *stream_send_name(const struct mux_stream *st);
const char *stream_recv_name(const struct mux_stream *st);

#endif
