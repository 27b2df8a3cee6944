/*
 * call_out.c - the frames that calls have and streams have not: the REQUEST
 * that opens, the answer that may end without a byte, and the messages of
 * plain S0, which are one frame however long.  When they are made is
 * session_out.c's.  Invariant: what a header promised follows it, whole.
 */
#include <stdlib.h>

#include "bytes.h"
#include "session.h"

#define FIRST_BODY	(16u * 1024u)	/* of a call, beside its open */
#define COLLECT		(16u * 1024u)	/* asked for at a time */

/* ---- S0 frames that do not fit ---- */

bool
out_whole(struct mux_session *s, uint64_t id, uint8_t type, struct blob *b)
{
	struct frame f = { .id = id, .len = (uint32_t)b->len, .type = type };
	bool longer = b->len > WHOLE_MAX;
	uint8_t *p = out_begin(s, longer ? 0 : b->len);

	if (p == NULL)
		return false;
	if (!longer) {
		memcpy(p, blob_bytes(b), b->len);
		out_commit(s, p, &f, false);
		return true;
	}
	out_header(s, p, &f, 0);
	session_tap(s, true, &f, b->heap, 0, b->len);
	s->rest = (struct long_frame){ .buf = b->heap, .len = b->len };
	blob_init(b);
	return true;
}

void
out_rest(struct mux_session *s)
{
	struct long_frame *r = &s->rest;
	size_t n;
	uint8_t *p;

	if (r->buf == NULL)
		return;
	n = min_size(r->len - r->off, ring_room(&s->out));
	if (n == 0 || (p = ring_reserve(&s->out, n)) == NULL)
		return;
	memcpy(p, r->buf + r->off, n);
	ring_commit(&s->out, n);
	r->off += n;
	if (r->off < r->len)
		return;
	free(r->buf);
	*r = (struct long_frame){ 0 };
}

uint8_t
out_body_type(const struct mux_stream *st)
{
	return st->kind == KIND_STREAM ? FT_STREAM_DATA :
	    st->kind == KIND_CALLER ? FT_REQUEST : FT_RESPONSE;
}

void
out_ext(struct mux_call *c, uint8_t *p, struct frame *f)
{
	if (!c->ext_owed)
		return;
	memcpy(p, blob_bytes(&c->ext), c->ext.len);
	f->flags |= FRAME_EXT;
	c->said += (uint32_t)c->ext.len;
	c->ext_owed = false;
}

static bool
end_legacy(struct mux_session *s, struct mux_call *c)
{
	size_t n = c->given ? 0 : c->body.len;

	if (!out_whole(s, c->st.id, FT_RESPONSE, &c->body))
		return false;
	s->collected -= n;
	c->given = true;
	return true;
}

/* The last frame of a call's body: what is left of one that was given whole,
 * or nothing, and the block of an answer.  An S0 answer is this one frame. */
bool
out_call_end(struct mux_session *s, struct mux_call *c)
{
	struct frame f = { .id = c->st.id, .type = out_body_type(&c->st) };
	size_t ext = c->ext_owed ? c->ext.len : 0;
	size_t n = c->given ? c->body.len - c->body_off : 0;
	uint8_t *p;

	if (s->mode == MUX_MODE_LEGACY) {
		if (!end_legacy(s, c))
			return false;
	} else {
		if ((p = out_begin(s, ext + n)) == NULL)
			return false;
		out_ext(c, p, &f);
		if (n > 0) {
			memcpy(p + ext, blob_bytes(&c->body) + c->body_off, n);
			out_paid(s, &c->st, n);
		}
		c->body_off += n;
		f.len = (uint32_t)(ext + n);
		out_commit(s, p, &f, false);
	}
	c->st.ready = false;
	stream_schedule(&c->st);
	stream_set_send(&c->st, SEND_DONE);
	if (c->st.kind == KIND_CALLEE)
		call_sent(c);
	return true;
}

/* ---- opening ---- */

/* As much of the body as the open may carry, behind its block of tags. */
static size_t
first_body(struct mux_session *s, struct mux_call *c, uint8_t *p, size_t max,
    unsigned *flags)
{
	struct mux_stream *st = &c->st;
	size_t n;

	/* with a link that is paused only what takes no bytes goes out */
	if (s->paused_peer)
		max = 0;
	if (max == 0 && !c->given)
		return 0;
	n = st->ops->fill(st, p, max, max, flags, st->arg);
	assert(n <= max);
	if (n == 0 && *flags == 0)
		st->ready = false;
	return n;
}

static void
request_is_out(struct mux_session *s, struct mux_call *c, size_t n, bool end)
{
	struct mux_stream *st = &c->st;

	s->stats.calls_made++;
	out_paid(s, st, n);
	st->deficit = -(int32_t)(n + FRAME_COST);
	blob_release(&c->ext);	/* the answer's from here on */
	/* given up from within fill(): the answer must come all the same */
	if (st->send == SEND_DONE)
		return;
	if (end) {
		st->ready = false;
		stream_set_send(st, SEND_DONE);
		blob_release(&c->body);
	}
	stream_schedule(st);
	stream_owe(st, 0);
}

/* A call opens with its first frame, and small ones end with it. */
bool
out_request(struct mux_session *s, struct mux_call *c)
{
	struct mux_stream *st = &c->st;
	struct frame f = { .type = FT_REQUEST, .flags = FRAME_EXT };
	size_t ext = c->ext.len, max, n, used = s->out.len;
	unsigned flags = 0;
	uint8_t *p;

	if (used > 0 && used + FRAME_HEADER + ext + DATA_ROOM_MIN > OUT_MARK)
		return false;
	max = min_size(FIRST_BODY, ring_room(&s->out) - FRAME_HEADER - ext);
	max = min_size(max, s->peer.max_frame - ext);
	max = min_size(max, (size_t)credit_tx_left(&st->tx));
	if (c->given)
		max = min_size(max, c->body.len);
	if ((p = out_begin(s, ext + max)) == NULL || !out_next_id(s, &f.id))
		return false;
	if (!out_named(s, st, f.id))
		return true;
	call_step(&c->state, CEV_SEND);
	st->unanswered = true;
	stream_set_send(st, SEND_OPEN);
	memcpy(p, blob_bytes(&c->ext), ext);
	n = first_body(s, c, p + ext, max, &flags);
	if ((flags & MUX_FILL_END) == 0 || st->send == SEND_DONE)
		f.flags |= FRAME_MORE;
	f.len = (uint32_t)(ext + n);
	out_commit(s, p, &f, false);
	request_is_out(s, c, n, (f.flags & FRAME_MORE) == 0);
	return true;
}

bool
out_legacy_request(struct mux_session *s, struct mux_call *c)
{
	struct mux_stream *st = &c->st;
	uint64_t id;

	if (out_begin(s, WHOLE_MAX) == NULL || !out_next_id(s, &id))
		return false;
	if (!out_named(s, st, id))
		return true;
	call_step(&c->state, CEV_SEND);
	st->unanswered = true;
	s->stats.calls_made++;
	s->stats.bytes_out += c->body.len;
	if (!c->given)
		s->collected -= c->body.len;
	c->given = true;
	out_whole(s, id, FT_REQUEST, &c->body);
	blob_release(&c->body);
	stream_set_send(st, SEND_DONE);
	stream_owe(st, 0);
	return true;
}

/* ---- gathering ---- */

/*
 * An S0 message is one frame, so it is gathered before its length is said.
 * One that cannot be sent, or for which there is no memory, has failed.
 */
void
out_collect(struct mux_session *s, struct mux_call *c)
{
	struct mux_stream *st = &c->st;
	unsigned flags = 0;
	uint8_t *p = NULL;
	size_t n;

	if (c->body.len <= FRAME_HARD_MAX && s->collected < s->cfg.memory)
		p = blob_more(&c->body, COLLECT);
	if (p == NULL) {
		stream_fail(st, OWE_ERROR, MUX_TOO_LARGE,
		    "a plain S0 message is one frame of at most 16 MiB");
		return;
	}
	n = st->ops->fill(st, p, COLLECT, COLLECT, &flags, st->arg);
	if (st->send != SEND_OPEN)
		return;
	c->body.len += n;
	s->collected += n;
	st->ready = n > 0 && (flags & MUX_FILL_END) == 0;
	stream_schedule(st);
	if ((flags & MUX_FILL_END) == 0)
		return;
	if (c->body.len > FRAME_HARD_MAX) {
		stream_fail(st, OWE_ERROR, MUX_TOO_LARGE, "over 16 MiB");
		return;
	}
	stream_set_send(st, SEND_ENDING);
	if (st->kind == KIND_CALLEE) {
		stream_owe(st, OWE_END);
		return;
	}
	stream_line_up(st);
}
