/*
 * stream.c - the two half-automata of a stream, as tables.  No frames, no
 * callbacks, no lists: session.c acts on what is decided here.  Invariant:
 * a half only ever moves forward, and DONE is for ever.
 */
#include "stream.h"

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
