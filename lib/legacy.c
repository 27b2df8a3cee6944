/*
 * legacy.c - the peer that speaks plain S0 (mux(7), Legacy mode): no HELLO,
 * no flags, opaque ids.  Calls are not in this version, so each is answered
 * with an Error.  Invariant: nothing but types 1, 3, 4, 5 and 9 is ever sent
 * to such a peer.
 */
#include "session.h"

void
legacy_frame(struct mux_session *s)
{
	const struct frame *f = &s->in.f;

	if (s->cfg.initiator)
		return;
	switch (f->type) {
	case FT_PING:
		/* S0 does not echo the payload */
		s->pong_id = f->id;
		s->pong_len = 0;
		session_owe(s, LINK_PONG);
		break;
	case FT_REQUEST:
		session_refuse(s, f->id, MUX_UNKNOWN_METHOD, FT_ERROR, false);
		break;
	case FT_STREAM_START:
		/* an S0 client would wait for the end for ever (X0-6) */
		session_refuse(s, f->id, MUX_UNKNOWN_METHOD, FT_ERROR, true);
		break;
	default:
		s->stats.ignored++;
		break;
	}
}
