/*
 * call_in.c - REQUEST and RESPONSE as they come in.  Their id and state are
 * judged at the header, their credit as soon as it is known how much of the
 * frame is body, and the body is handed on in slices like data of a stream.
 * Invariant: what is delivered was paid for, and a frame of a call that is
 * over changes nothing.
 */
#include "bytes.h"
#include "session.h"

bool
session_body_begin(struct mux_session *s, struct mux_stream *st, size_t n,
    bool deliver)
{
	if (!credit_rx_receive(&st->rx, n)) {
		session_violation(s, MUX_F_FLOW, "data beyond credit");
		return false;
	}
	s->stats.bytes_in += n;
	session_note_size(s, st, n);
	s->in.st = st;
	s->in.deliver = deliver;
	if (!deliver)
		stream_consumed(st, n);
	return true;
}

/* ---- REQUEST ---- */

/* Nobody here takes calls; metadata that nobody reads is free. */
static void
nobody(struct mux_session *s, const struct frame *f)
{
	if (f->len > s->cfg.window + ((f->flags & FRAME_EXT) != 0 ?
	    4 + s->cfg.max_meta + FRAME_EXT_MORE : 0))
		session_violation(s, MUX_F_FLOW, "data beyond credit");
	else
		session_refuse(s, f->id, MUX_UNKNOWN_METHOD, FT_ERROR, false);
}

static void
request_open(struct mux_session *s, const struct frame *f, struct rd ext,
    size_t body)
{
	struct mux_request q = { .size = sizeof(q) };
	bool plain = request_read_method(ext, &q);
	uint32_t code = plain ? 0 : ext_check(ext);
	struct mux_call *c;

	if (code != 0) {
		session_violation(s, code, "EXT block");
		return;
	}
	if ((c = call_of(session_admit(s, true, f->id))) == NULL)
		return;
	s->stats.calls_taken++;
	if (!session_body_begin(s, &c->st, body, true))
		return;
	if (!plain)
		code = request_read(&s->items, ext, &q, NULL, NULL);
	if (q.have_priority)
		c->st.priority = q.priority;
	if (code != 0)
		mux_call_fail(c, code, NULL, NULL);
	else
		call_offer(c, &q);
}

/* More of a request that is there. */
static void
request_more(struct mux_session *s, const struct frame *f,
    struct mux_stream *st)
{
	if (st->kind != KIND_CALLEE)
		session_violation(s, MUX_F_ID_REUSED, "the id is a stream");
	else if ((st->owed & OWE_LAST) != 0)
		s->stats.ignored++;
	else if (st->recv == RECV_DONE)
		session_violation(s, MUX_F_ID_REUSED, "the request has ended");
	else if ((f->flags & FRAME_EXT) != 0)
		session_violation(s, MUX_F_BAD_FRAME, "EXT is not repeated");
	else {
		if (f->len == 0 && (f->flags & FRAME_MORE) != 0)
			session_glitch(s);
		session_body_begin(s, st, f->len, true);
	}
}

static void
request_begin(struct mux_session *s, const struct frame *f)
{
	struct mux_stream *st = session_find(s, f->id);
	struct rd none;

	if (session_ours(s, f->id)) {
		session_violation(s, MUX_F_PARITY, "an id of our parity");
		return;
	}
	if (st != NULL) {
		request_more(s, f, st);
		return;
	}
	/* the answer may have crossed its MORE frames */
	if (f->id <= s->peer_mark) {
		s->stats.ignored++;
		return;
	}
	if (session_take_open(s, f) < 0)
		return;
	rd_init(&none, NULL, 0);
	if (s->ops->call == NULL)
		nobody(s, f);
	else if ((f->flags & FRAME_EXT) != 0)
		s->in.in_ext = true;
	else
		request_open(s, f, none, f->len);
}

/* ---- RESPONSE ---- */

static void
response_begin(struct mux_session *s, const struct frame *f)
{
	struct mux_stream *st = session_find_live(s, f);

	if (st == NULL)
		return;
	if (st->kind != KIND_CALLER) {
		session_violation(s, MUX_F_PROTOCOL, "the answer is ours");
		return;
	}
	if (f->len == 0 && (f->flags & FRAME_MORE) != 0)
		session_glitch(s);
	if ((f->flags & FRAME_EXT) != 0)
		s->in.in_ext = true;
	else
		session_body_begin(s, st, f->len, st->recv == RECV_OPEN);
}

/* Blocks of several frames add up, within the bounds of one. */
static void
response_ext(struct mux_session *s, struct rd ext, size_t body)
{
	struct mux_call *c = call_of(session_find(s, s->in.f.id));
	uint8_t *p;

	/* given up for good, since its header came? */
	if (c == NULL)
		return;
	if (!session_body_begin(s, &c->st, body, c->st.recv == RECV_OPEN) ||
	    c->st.recv != RECV_OPEN)
		return;
	if (c->ext.len + ext.n > s->cfg.max_meta + FRAME_EXT_MORE) {
		session_violation(s, MUX_F_METADATA, "EXT blocks");
		return;
	}
	if ((p = blob_more(&c->ext, ext.n)) == NULL) {
		session_fatal(s, MUX_E_PROTOCOL, MUX_INTERNAL,
		    "internal: no memory for an answer");
		return;
	}
	if (ext.n > 0)
		memcpy(p, ext.p, ext.n);
	c->ext.len += ext.n;
	/* what counts for one frame counts for all of them */
	rd_init(&ext, blob_bytes(&c->ext), c->ext.len);
	if (ext_check(ext) != 0)
		session_violation(s, MUX_F_METADATA, "EXT blocks");
}

/* ---- both ---- */

void
session_call_begin(struct mux_session *s)
{
	if (s->in.f.type == FT_REQUEST)
		request_begin(s, &s->in.f);
	else
		response_begin(s, &s->in.f);
	if (s->in.in_ext && s->in.f.len < 4)
		session_violation(s, MUX_F_BAD_FRAME, "EXT block");
}

void
session_call_ext(struct mux_session *s, struct rd ext, size_t body)
{
	uint32_t code;

	if (s->in.f.type == FT_REQUEST)
		request_open(s, &s->in.f, ext, body);
	else if ((code = ext_check(ext)) != 0)
		session_violation(s, code, "EXT block");
	else
		response_ext(s, ext, body);
}
