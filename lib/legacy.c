/*
 * legacy.c - the peer that speaks plain S0 (mux(7), Legacy mode): no HELLO,
 * no flags, no credit, opaque ids.  A request is a call without a method, and
 * a stream goes from the server to the client.  Invariant: a server sends
 * nothing but the types 1, 3, 4, 5 and 9 to such a peer.
 */
#include "session.h"
#include "text.h"

#define ERROR_MAX	(64u * 1024u)	/* longer ones are not kept */

bool
legacy_whole(const struct mux_session *s)
{
	return s->cfg.initiator && s->in.f.type == FT_ERROR &&
	    s->in.f.len <= ERROR_MAX;
}

/* ---- what a client opens ---- */

/* S0 knows no GOODBYE, and its ids are whatever they are. */
static bool
may_open(struct mux_session *s, uint64_t id, bool end)
{
	if (session_find(s, id) != NULL)
		session_violation(s, MUX_F_ID_REUSED, "the id is in use");
	else if (s->draining)
		session_refuse(s, id, MUX_UNAVAILABLE, FT_ERROR, end);
	else
		return true;
	return false;
}

static void
open_call(struct mux_session *s, const struct frame *f)
{
	struct mux_request q = { .size = sizeof(q) };
	struct mux_call *c;

	if (!may_open(s, f->id, false) ||
	    (c = call_of(session_admit(s, true, f->id))) == NULL)
		return;
	s->stats.calls_taken++;
	if (session_body_begin(s, &c->st, f->len, true))
		call_offer(c, &q);
}

static void
open_stream(struct mux_session *s, const struct frame *f)
{
	struct mux_request q = { .size = sizeof(q) };
	struct mux_open o = { .size = sizeof(o), .have_priority = true,
	    .priority = STREAM_PRIORITY, .request = &q };
	struct mux_stream *st;

	if (!may_open(s, f->id, true) ||
	    (st = session_admit(s, false, f->id)) == NULL ||
	    !session_body_begin(s, st, f->len, true))
		return;
	if (s->ops->open != NULL)
		s->ops->open(s, st, &o, s->arg);
	if (!st->dead && !st->attached)
		mux_stream_refuse(st, MUX_UNKNOWN_METHOD, NULL);
}

/* ---- headers ---- */

/* Bytes of an answer, or of a stream that we opened. */
static void
begin_body(struct mux_session *s, const struct frame *f)
{
	struct mux_stream *st = session_find(s, f->id);
	bool call = f->type == FT_RESPONSE;

	if (st == NULL || (st->kind == KIND_CALLER) != call)
		s->stats.ignored++;
	else
		session_body_begin(s, st, f->len, st->recv == RECV_OPEN);
}

void
legacy_begin(struct mux_session *s)
{
	const struct frame *f = &s->in.f;

	if (s->cfg.initiator) {
		if (f->type == FT_RESPONSE || f->type == FT_STREAM_DATA)
			begin_body(s, f);
		return;
	}
	if (s->ops->call == NULL)
		return;
	if (f->type == FT_REQUEST)
		open_call(s, f);
	else if (f->type == FT_STREAM_START)
		open_stream(s, f);
}

/* ---- whole frames ---- */

static void
client_error(struct mux_session *s, const uint8_t *p)
{
	const struct frame *f = &s->in.f;
	struct mux_stream *st = session_find(s, f->id);
	uint32_t code = MUX_HANDLER_FAILED;
	char buf[FRAME_TEXT_MAX + 1];
	struct rd r, none;
	struct text t;

	if (st == NULL) {
		s->stats.ignored++;
		return;
	}
	rd_init(&none, p, 0);
	rd_init(&r, p, legacy_whole(s) ? f->len : 0);
	text_init(&t, buf, sizeof(buf));
	if (r.n >= 4)
		code = rd_u32(&r);
	text_bytes(&t, r.p, r.n);
	if (st->kind == KIND_CALLER)
		call_error(call_of(st), code, buf, none);
	else if (st->recv == RECV_OPEN)
		stream_fail(st, 0, code, buf);
}

static void
client_frame(struct mux_session *s, struct mux_stream *st, const uint8_t *p)
{
	const struct frame *f = &s->in.f;

	switch (f->type) {
	case FT_RESPONSE:
		if (st != NULL)
			call_answered(call_of(st));
		break;
	case FT_STREAM_END:
		st = session_find(s, f->id);
		if (st != NULL && st->kind == KIND_STREAM &&
		    st->recv == RECV_OPEN)
			stream_ended(st);
		break;
	case FT_ERROR:
		client_error(s, p);
		break;
	default:
		if (f->type != FT_STREAM_DATA)
			s->stats.ignored++;
		break;
	}
}

static void
server_cancel(struct mux_session *s, struct mux_stream *st)
{
	if (st == NULL || (st->owed & OWE_LAST) != 0)
		s->stats.ignored++;
	else if (st->kind == KIND_CALLEE && st->send <= SEND_OPEN)
		call_cancelled(call_of(st), 0);
	else if (st->kind == KIND_STREAM && st->send <= SEND_OPEN)
		stream_fail(st, OWE_ERROR, MUX_CANCELLED, "cancelled");
	else
		s->stats.ignored++;
}

static void
server_pause(struct mux_session *s, struct mux_stream *st, bool on)
{
	if (st == NULL || st->send > SEND_OPEN) {
		s->stats.ignored++;
		return;
	}
	st->paused_peer = on;
	stream_schedule(st);
}

/* The payload of what opens something is through. */
static void
server_opened(struct mux_session *s, struct mux_stream *st)
{
	const struct frame *f = &s->in.f;

	if (s->ops->call == NULL)
		/* an S0 client would wait for the end for ever (X0-6) */
		session_refuse(s, f->id, MUX_UNKNOWN_METHOD, FT_ERROR,
		    f->type == FT_STREAM_START);
	else if (st != NULL && st->recv != RECV_DONE)
		stream_ended(st);
}

void
legacy_frame(struct mux_session *s, const uint8_t *payload)
{
	const struct frame *f = &s->in.f;
	struct mux_stream *st = s->in.st;

	s->in.st = NULL;
	if (s->cfg.initiator) {
		client_frame(s, st, payload);
		return;
	}
	switch (f->type) {
	case FT_PING:
		/* S0 does not echo the payload */
		s->pong_id = f->id;
		s->pong_len = 0;
		session_owe(s, LINK_PONG);
		break;
	case FT_REQUEST:
	case FT_STREAM_START:
		server_opened(s, st);
		break;
	case FT_CANCEL:
		server_cancel(s, session_find(s, f->id));
		break;
	case FT_FLOW_PAUSE:
	case FT_FLOW_RESUME:
		server_pause(s, session_find(s, f->id),
		    f->type == FT_FLOW_PAUSE);
		break;
	default:
		s->stats.ignored++;
		break;
	}
}
