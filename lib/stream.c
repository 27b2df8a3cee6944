/*
 * stream.c - the two half-automata of a stream, as tables.  No frames, no
 * callbacks, no lists: session.c acts on what is decided here.  Invariant:
 * a half only ever moves forward, and DONE is for ever.
 */
#include "stream.h"

#define SMALL_PAYLOAD	4096u
#define BIG_PAYLOAD	16384u
#define INTERACTIVE	100u	/* ms */

static const uint8_t by_recv[2][3] = {
	/*		OPEN	STOPPED		DONE */
	[EV_DATA] = {	DO,	DISCARD,	AFTER_END },
	[EV_END] = {	DO,	DO,		AFTER_END },
};

/* What we no longer send cannot be hurried, slowed or stopped. */
static const uint8_t by_send[4] = {
	/* HELD	OPEN	ENDING	DONE */
	DO,	DO,	IGNORE,	IGNORE
};

enum verdict
stream_verdict(const struct mux_stream *st, enum stream_event ev)
{
	return ev == EV_SENDER ? by_send[st->send] : by_recv[ev][st->recv];
}

/* to <- from, as bits: which states may come before. */
static const uint8_t send_from[4] = {
	[SEND_HELD] = 0,
	[SEND_OPEN] = 1u << SEND_HELD,
	[SEND_ENDING] = 1u << SEND_HELD | 1u << SEND_OPEN,
	[SEND_DONE] = 1u << SEND_HELD | 1u << SEND_OPEN | 1u << SEND_ENDING |
	    1u << SEND_DONE,
};

static const uint8_t recv_from[3] = {
	[RECV_OPEN] = 0,
	[RECV_STOPPED] = 1u << RECV_OPEN,
	[RECV_DONE] = 1u << RECV_OPEN | 1u << RECV_STOPPED | 1u << RECV_DONE,
};

void
stream_set_send(struct mux_stream *st, enum send_state to)
{
	assert((send_from[to] & 1u << st->send) != 0);
	st->send = (uint8_t)to;
}

void
stream_set_recv(struct mux_stream *st, enum recv_state to)
{
	assert((recv_from[to] & 1u << st->recv) != 0);
	st->recv = (uint8_t)to;
}

bool
stream_may_send(const struct mux_stream *st)
{
	return st->ready && st->send == SEND_OPEN && !st->paused_peer &&
	    credit_tx_left(&st->tx) > 0;
}

bool
stream_over(const struct mux_stream *st)
{
	return st->send == SEND_DONE && st->recv == RECV_DONE &&
	    st->owed == 0 && !st->unanswered;
}

bool
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

const char *
stream_send_name(const struct mux_stream *st)
{
	static const char *const names[] = { "held", "open", "ending", "done" };

	return names[st->send];
}

const char *
stream_recv_name(const struct mux_stream *st)
{
	static const char *const names[] = { "open", "stopped", "done" };

	return names[st->recv];
}
