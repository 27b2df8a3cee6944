/*
 * session_out.c - from what is owed to bytes in the output ring.  Only
 * mux_session_pull() makes frames: what the link owes, what streams owe,
 * opens in id order, then data by deficit round robin, one frame a turn.
 * Invariant: a frame is committed whole or not at all, and behind a header
 * of foreign payload those bytes come next, whatever becomes of the stream.
 */
#include <stdlib.h>

#include "bytes.h"
#include "session.h"
#include "text.h"

uint8_t *
out_begin(struct mux_session *s, size_t n)
{
	uint8_t *p;

	if (s->rest.buf != NULL)
		return NULL;
	p = ring_reserve(&s->out, FRAME_HEADER + n);
	return p == NULL ? NULL : p + FRAME_HEADER;
}

void
out_header(struct mux_session *s, uint8_t *payload, const struct frame *f,
    size_t len)
{
	frame_put(payload - FRAME_HEADER, f);
	if (s->out.len == 0 && s->foreign_len == 0)
		s->out_moved = s->now;
	ring_commit(&s->out, FRAME_HEADER + len);
	pace_begin(&s->pace, s->now);
	s->stats.frames_out++;
}

void
out_commit(struct mux_session *s, uint8_t *payload, const struct frame *f,
    bool foreign)
{
	out_header(s, payload, f, foreign ? 0 : f->len);
	session_tap(s, true, f, foreign ? NULL : payload, 0, f->len);
}

static void
frame_end(struct mux_session *s, uint8_t *payload, uint8_t type,
    uint64_t id, size_t len)
{
	struct frame f = { .id = id, .len = (uint32_t)len, .type = type };

	out_commit(s, payload, &f, false);
}

/* ---- what the link owes ---- */

static bool
emit_hello(struct mux_session *s)
{
	struct frame f = { .type = s->cfg.initiator ? FT_PING : FT_PONG,
	    .flags = FRAME_EXT };
	uint8_t *p = out_begin(s, FRAME_HELLO_MAX);

	if (p == NULL)
		return false;
	f.len = (uint32_t)hello_write(&s->ours, p, FRAME_HELLO_MAX);
	out_commit(s, p, &f, false);
	return true;
}

static bool
emit_goodbye(struct mux_session *s)
{
	size_t len = min_size(strlen(s->error), FRAME_TEXT_MAX);
	uint8_t *p = out_begin(s, 12 + len);

	if (p == NULL)
		return false;
	/* what was opened since the first one was dropped: never say more */
	if (!s->goodbye_sent)
		s->our_last = s->peer_mark;
	put_le32(p, s->code);
	put_le64(p + 4, s->our_last);
	memcpy(p + 12, s->error, len);
	frame_end(s, p, FT_GOODBYE, 0, 12 + len);
	s->goodbye_sent = true;
	return true;
}

static bool
emit_pong(struct mux_session *s)
{
	uint8_t *p = out_begin(s, s->pong_len);

	if (p == NULL)
		return false;
	memcpy(p, s->pong, s->pong_len);
	frame_end(s, p, FT_PONG, s->pong_id, s->pong_len);
	return true;
}

static bool
emit_ping(struct mux_session *s)
{
	uint8_t *p = out_begin(s, 0);

	if (p == NULL)
		return false;
	s->ping_at = s->now;
	s->ping_open = true;
	frame_end(s, p, FT_PING, ++s->ping_id, 0);
	return true;
}

static const struct link_row {
	uint8_t bit;
	bool (*emit)(struct mux_session *);
} link_rows[] = {
	{ LINK_HELLO,	emit_hello },
	{ LINK_PONG,	emit_pong },
	{ LINK_PING,	emit_ping },
	{ LINK_GOODBYE,	emit_goodbye },
};

static void
emit_link(struct mux_session *s)
{
	for (size_t i = 0; i < N_ELEM(link_rows); i++)
		if ((s->link_owed & link_rows[i].bit) != 0 &&
		    link_rows[i].emit(s))
			s->link_owed &= (uint8_t)~link_rows[i].bit;
}

/* ERROR, REJECT and RESET: u32 code, then words.  An ERROR of a call may
 * have a block of tags before them. */
static bool
emit_code(struct mux_session *s, uint8_t type, uint64_t id, uint32_t code,
    const char *text, struct blob *ext)
{
	struct frame f = { .id = id, .type = type };
	size_t len, at = ext != NULL ? ext->len : 0;
	uint8_t *p;

	if (text == NULL)
		text = mux_code_name(code);
	len = text != NULL ? min_size(strlen(text), FRAME_TEXT_MAX) : 0;
	if ((p = out_begin(s, at + 4 + len)) == NULL)
		return false;
	if (at > 0)
		memcpy(p, blob_bytes(ext), at);
	put_le32(p + at, code);
	if (len > 0)
		memcpy(p + at + 4, text, len);
	f.flags = at > 0 ? FRAME_EXT : 0;
	f.len = (uint32_t)(at + 4 + len);
	out_commit(s, p, &f, false);
	return true;
}

static void
emit_refusals(struct mux_session *s)
{
	struct refusals *r = &s->refused;
	const struct refusal *one;
	uint8_t *p;

	while (r->n > 0) {
		one = &r->q[r->head];
		if (ring_room(&s->out) < 2 * FRAME_HEADER + 64 ||
		    !emit_code(s, one->type, one->id, one->code, NULL, NULL))
			return;
		if (one->end && (p = out_begin(s, 0)) != NULL)
			frame_end(s, p, FT_STREAM_END, one->id, 0);
		r->head = (r->head + 1) % r->cap;
		r->n--;
	}
}

/* ---- what streams owe ---- */

static bool
emit_empty(struct mux_session *s, struct mux_stream *st, uint8_t type)
{
	uint8_t *p = out_begin(s, 0);

	if (p == NULL)
		return false;
	frame_end(s, p, type, st->id, 0);
	return true;
}

/* S0 clients wait for the end of a stream also when it failed; its servers
 * know of no other end than CANCEL. */
static bool
emit_legacy_last(struct mux_session *s, struct mux_stream *st)
{
	if (s->cfg.initiator)
		return emit_empty(s, st, FT_CANCEL);
	if (ring_room(&s->out) < 2 * FRAME_HEADER + 4 + FRAME_TEXT_MAX ||
	    !emit_code(s, FT_ERROR, st->id, st->code, st->text, NULL))
		return false;
	if (st->kind == KIND_STREAM)
		emit_empty(s, st, FT_STREAM_END);
	return true;
}

static bool
emit_last(struct mux_session *s, struct mux_stream *st)
{
	uint8_t type = (st->owed & OWE_ERROR) != 0 ? FT_ERROR : FT_RESET;
	struct mux_call *c = call_of(st);
	struct blob *ext = c != NULL && c->ext_owed ? &c->ext : NULL;

	if (s->mode == MUX_MODE_LEGACY)
		return emit_legacy_last(s, st);
	if (!emit_code(s, type, st->id, st->code, st->text, ext))
		return false;
	if (type == FT_RESET)
		s->stats.resets_out++;
	return true;
}

static bool
emit_u32(struct mux_session *s, struct mux_stream *st, uint8_t type,
    uint32_t v)
{
	uint8_t *p = out_begin(s, 4);

	if (p == NULL)
		return false;
	put_le32(p, v);
	frame_end(s, p, type, st->id, 4);
	return true;
}

static bool
emit_ok(struct mux_session *s, struct mux_stream *st)
{
	return emit_u32(s, st, FT_STREAM_OK, 0);
}

static bool
emit_credit(struct mux_session *s, struct mux_stream *st)
{
	uint32_t n = credit_rx_worth(&st->rx, stream_cap(st));

	/* worth it when it was owed, but somebody interactive came since */
	if (n == 0)
		return true;
	if (!emit_u32(s, st, FT_CREDIT, n))
		return false;
	credit_rx_grant(&st->rx, n);
	s->charge += n;
	return true;
}

static bool
emit_flow(struct mux_session *s, struct mux_stream *st)
{
	return emit_empty(s, st,
	    st->paused_us ? FT_FLOW_PAUSE : FT_FLOW_RESUME);
}

static bool
emit_priority(struct mux_session *s, struct mux_stream *st)
{
	uint8_t *p = out_begin(s, 1);

	if (p == NULL)
		return false;
	p[0] = st->priority;
	frame_end(s, p, FT_PRIORITY, st->id, 1);
	return true;
}

static bool
emit_stop(struct mux_session *s, struct mux_stream *st)
{
	if (s->mode == MUX_MODE_LEGACY)
		return emit_empty(s, st, FT_CANCEL);
	return emit_u32(s, st, st->kind == KIND_STREAM ? FT_STOP :
	    FT_CANCEL, st->code);
}

static bool
emit_end(struct mux_session *s, struct mux_stream *st)
{
	if (st->kind != KIND_STREAM)
		return out_call_end(s, call_of(st));
	if (!emit_empty(s, st, FT_STREAM_END))
		return false;
	stream_set_send(st, SEND_DONE);
	return true;
}

/* In the order of the frames on the wire. */
static const struct owed_row {
	uint8_t bits;
	bool (*emit)(struct mux_session *, struct mux_stream *);
} owed_rows[] = {
	{ OWE_LAST,	emit_last },
	{ OWE_OK,	emit_ok },
	{ OWE_CREDIT,	emit_credit },
	{ OWE_FLOW,	emit_flow },
	{ OWE_PRIORITY,	emit_priority },
	{ OWE_STOP,	emit_stop },
	{ OWE_END,	emit_end },
};

/* False: no more room. */
static bool
emit_stream(struct mux_session *s, struct mux_stream *st)
{
	for (size_t i = 0; i < N_ELEM(owed_rows); i++) {
		if ((st->owed & owed_rows[i].bits) == 0)
			continue;
		if (!owed_rows[i].emit(s, st))
			return false;
		if (!st->in_owed)	/* that was the end of a call */
			return true;
		st->owed &= (uint8_t)~owed_rows[i].bits;
	}
	TAILQ_REMOVE(&s->owed, st, owed_link);
	st->in_owed = false;
	stream_settle(st);
	return true;
}

static void
emit_owed(struct mux_session *s)
{
	struct mux_stream *st;

	while ((st = TAILQ_FIRST(&s->owed)) != NULL)
		if (!emit_stream(s, st))
			return;
}

/* ---- opens ---- */

bool
out_next_id(struct mux_session *s, uint64_t *id)
{
	if (s->mode == MUX_MODE_LEGACY)
		*id = s->our_mark + 1;
	else
		*id = s->our_mark == 0 ? (s->cfg.initiator ? 1 : 2) :
		    s->our_mark + 2;
	if (*id <= ID_LOCAL_MAX)
		return true;
	session_fatal(s, MUX_E_LOST, MUX_F_IDS_EXHAUSTED, "ids exhausted");
	return false;
}

/* The id exists from here on: the mark rises, the table knows it.  False, and
 * the stream has failed, if there is no memory. */
bool
out_named(struct mux_session *s, struct mux_stream *st, uint64_t id)
{
	if (!session_name(st, id)) {
		stream_fail(st, 0, MUX_INTERNAL, "no memory");
		return false;
	}
	s->our_mark = id;
	stream_step_out(st);
	return true;
}

static void
start_is_out(struct mux_session *s, struct mux_stream *st)
{
	free(st->text);
	st->text = NULL;
	s->stats.opened++;
	stream_schedule(st);
	stream_owe(st, 0);	/* what was asked for before it had an id */
}

/* As in S0: the request is the payload. */
static bool
emit_legacy_start(struct mux_session *s, struct mux_stream *st)
{
	const uint8_t *start = (const uint8_t *)st->text;
	uint32_t len = get_le32(start);
	struct blob whole;
	uint64_t id;
	uint8_t *p;

	if (out_begin(s, WHOLE_MAX) == NULL || !out_next_id(s, &id))
		return false;
	blob_init(&whole);
	if ((p = blob_more(&whole, len)) == NULL) {
		stream_fail(st, 0, MUX_INTERNAL, "no memory");
		return true;
	}
	memcpy(p, start + 4, len);
	whole.len = len;
	if (out_named(s, st, id)) {
		out_whole(s, id, FT_STREAM_START, &whole);
		stream_set_send(st, SEND_DONE);	/* no more goes that way */
		start_is_out(s, st);
	}
	blob_release(&whole);
	return true;
}

static bool
emit_start(struct mux_session *s, struct mux_stream *st)
{
	struct frame f = { .type = FT_STREAM_START, .flags = FRAME_EXT,
	    .len = get_le32((const uint8_t *)st->text) };
	uint8_t *p = out_begin(s, f.len);

	if (p == NULL || !out_next_id(s, &f.id))
		return false;
	if (!out_named(s, st, f.id))
		return true;
	memcpy(p, st->text + 4, f.len);
	out_commit(s, p, &f, false);
	if (st->send == SEND_HELD)
		stream_set_send(st, SEND_OPEN);
	start_is_out(s, st);
	return true;
}

static bool
emit_open(struct mux_session *s, struct mux_stream *st)
{
	if (st->kind == KIND_STREAM)
		return s->mode == MUX_MODE_LEGACY ?
		    emit_legacy_start(s, st) : emit_start(s, st);
	if (s->mode == MUX_MODE_LEGACY)
		return out_legacy_request(s, call_of(st));
	return out_request(s, call_of(st));
}

static void
emit_opens(struct mux_session *s)
{
	struct mux_stream *st;

	while ((st = TAILQ_FIRST(&s->opening)) != NULL)
		if (!emit_open(s, st))
			return;
}

/* ---- data ---- */

/* A new round: everybody who waits gets a quantum by weight. */
static void
new_round(struct mux_session *s)
{
	struct mux_stream *st, *next;

	s->round_no++;
	for (st = TAILQ_FIRST(&s->next); st != NULL; st = next) {
		next = TAILQ_NEXT(st, data_link);
		stream_quantum(st);
		if (st->deficit <= 0)
			continue;
		TAILQ_REMOVE(&s->next, st, data_link);
		TAILQ_INSERT_TAIL(&s->round, st, data_link);
	}
}

static struct mux_stream *
next_stream(struct mux_session *s)
{
	while (TAILQ_EMPTY(&s->round) && !TAILQ_EMPTY(&s->next))
		new_round(s);
	return TAILQ_FIRST(&s->round);
}

/* It had its turn: to the tail of this round, or to the next one. */
static void
charge_turn(struct mux_session *s, struct mux_stream *st, size_t n)
{
	TAILQ_REMOVE(&s->round, st, data_link);
	st->deficit -= (int32_t)(n + FRAME_COST);
	TAILQ_INSERT_TAIL(st->deficit > 0 ? &s->round : &s->next, st,
	    data_link);
}

/* Is the link shared with somebody who waits for answers? */
void
session_note_size(struct mux_session *s, struct mux_stream *st, size_t n)
{
	if (stream_note(st, n, s->now)) {
		s->calm_until = s->now + INTERACTIVE * NS_PER_MS;
		s->calm_by = st;
	} else if (s->calm_by == st) {
		s->calm_until = 0;
		s->calm_by = NULL;
	}
}

/* n bytes of body are on their way. */
void
out_paid(struct mux_session *s, struct mux_stream *st, size_t n)
{
	credit_tx_use(&st->tx, n);
	s->stats.bytes_out += n;
	session_note_size(s, st, n);
}

/* Where the message of this kind goes on, where its direction ends. */
static uint8_t
end_flag(const struct mux_session *s, const struct mux_stream *st, bool end)
{
	if (s->mode == MUX_MODE_LEGACY)
		return 0;
	if (st->kind == KIND_STREAM)
		return end ? FRAME_FIN : 0;
	return end ? 0 : FRAME_MORE;
}

/* n bytes (behind the header and `ext` bytes, or foreign) are the stream's
 * next frame. */
static void
commit_data(struct mux_session *s, struct mux_stream *st, uint8_t *p,
    size_t ext, size_t n, unsigned flags)
{
	struct frame f = { .id = st->id, .len = (uint32_t)(ext + n),
	    .type = out_body_type(st) };
	bool foreign = (flags & MUX_FILL_FOREIGN) != 0;

	f.flags = end_flag(s, st, (flags & MUX_FILL_END) != 0);
	if (ext > 0)
		out_ext(call_of(st), p, &f);
	out_paid(s, st, n);
	out_commit(s, p, &f, foreign);
	if (foreign) {
		s->foreign_at = s->out.len;
		s->foreign_len = n;
	}
	charge_turn(s, st, n);
}

static void
ended_by_fill(struct mux_session *s, struct mux_stream *st, bool with_data)
{
	/* S0 has no flag for it */
	bool said = with_data && s->mode != MUX_MODE_LEGACY;

	stream_set_send(st, said ? SEND_DONE : SEND_ENDING);
	st->ready = false;
	stream_schedule(st);
	if (!said)
		stream_owe(st, OWE_END);
	else if (st->kind == KIND_CALLEE)
		call_sent(call_of(st));
	else
		stream_settle(st);
}

/*
 * The owner said more while it was asked, than there is room for in front of
 * its n bytes: it goes with the next frame, so this cannot be the last.
 */
static bool
amended(struct mux_stream *st, uint8_t *p, size_t *ext, size_t n)
{
	const struct mux_call *c = call_of(st);

	if (c == NULL || !c->ext_owed || c->ext.len == *ext)
		return false;
	memmove(p, p + *ext, n);
	*ext = 0;
	return true;
}

/* Asks the owner for at most `max` bytes behind p; false: no room. */
static bool
emit_fill(struct mux_session *s, struct mux_stream *st, size_t ext,
    size_t max, size_t limit)
{
	uint8_t *p = out_begin(s, ext + max);
	unsigned flags = 0, not_last;
	size_t n;

	if (p == NULL)
		return false;
	n = st->ops->fill == NULL ? 0 :
	    st->ops->fill(st, p + ext, max, limit, &flags, st->arg);
	if (st->send != SEND_OPEN)	/* reset from within fill() */
		return true;
	assert(n <= ((flags & MUX_FILL_FOREIGN) != 0 ? limit : max));
	not_last = amended(st, p, &ext, n) ? MUX_FILL_END : 0;
	if (n > 0)
		commit_data(s, st, p, ext, n, flags & ~not_last);
	if ((flags & MUX_FILL_END) != 0) {
		ended_by_fill(s, st, n > 0 && not_last == 0);
		return true;
	}
	if (n == 0)
		st->ready = false;
	stream_schedule(st);
	return true;
}

/* Is it the rest of a body that is small enough for any frame? */
static bool
ends_small(const struct mux_call *c, size_t ext)
{
	return c != NULL && c->given && ext == 0 &&
	    c->body.len - c->body_off <= min_u64(DATA_ROOM_MIN,
	    credit_tx_left(&c->st.tx));
}

/* One frame of one stream; false when there is no room for data. */
static bool
emit_data(struct mux_session *s, struct mux_stream *st)
{
	struct mux_call *c = call_of(st);
	size_t ext = c != NULL && c->ext_owed ? c->ext.len : 0;
	size_t limit, max;

	if (c != NULL && s->mode == MUX_MODE_LEGACY) {
		out_collect(s, c);
		return true;
	}
	if (s->out.len + FRAME_HEADER + DATA_ROOM_MIN > OUT_MARK)
		return false;
	if (ends_small(c, ext))
		return out_call_end(s, c);
	limit = (size_t)min_u64(session_frame_size(s),
	    credit_tx_left(&st->tx));
	max = min_size(limit, OUT_MARK - FRAME_HEADER - s->out.len);
	if (ext > 0) {
		/* a long block may have to wait for an empty output */
		if (ring_room(&s->out) < FRAME_HEADER + ext + 1)
			return false;
		max = min_size(max, ring_room(&s->out) - FRAME_HEADER - ext);
		max = min_size(max, s->peer.max_frame - ext);
	}
	if (c != NULL && c->given && c->body.len - c->body_off <= max)
		return out_call_end(s, c);
	return emit_fill(s, st, ext, max, c != NULL ? max : limit);
}

static void
emit_all_data(struct mux_session *s)
{
	struct mux_stream *st;

	if (s->paused_peer)
		return;
	/* one foreign payload at a time may be on its way to the kernel, and
	 * an owner that is asked may put an end to it all */
	while (s->err == 0 && s->foreign_len == 0 &&
	    (st = next_stream(s)) != NULL)
		if (!emit_data(s, st))
			return;
}

/* ---- the three public verbs ---- */

static void
check_drained(struct mux_session *s)
{
	if (!s->draining || !s->goodbye_sent || s->n_streams > 0 ||
	    s->out.len > 0 || s->foreign_len > 0 || s->rest.buf != NULL ||
	    s->refused.n > 0)
		return;
	if (s->err == 0)
		session_fatal(s, MUX_E_DONE, 0,
		    s->in_ended ? "closed by the peer" : "drained");
}

int
mux_session_pull(struct mux_session *s, uint64_t now)
{
	session_enter(s, now);
	s->woken = false;
	if (s->out.len > 0 || s->foreign_len > 0)
		pace_blocked(&s->pace);
	out_rest(s);
	emit_link(s);
	if (s->err == 0 && s->mode != MUX_MODE_HELLO) {
		emit_owed(s);
		emit_refusals(s);
		emit_opens(s);
		emit_all_data(s);
		emit_owed(s);	/* ENDs that fill() announced */
		if (s->mode == MUX_MODE_LEGACY)
			emit_opens(s);	/* requests that are whole now */
		out_rest(s);
		check_drained(s);
	}
	return session_leave(s);
}

void
mux_session_peek(const struct mux_session *s, struct mux_out *out)
{
	size_t n;

	out->data = ring_peek(&s->out, 0, &n);
	out->len = s->foreign_len > 0 ? s->foreign_at : n;
	out->foreign = s->foreign_len;
}

void
mux_session_sent(struct mux_session *s, size_t n, uint64_t now)
{
	size_t mem = n;

	if (n == 0)
		return;
	s->now = max_u64(s->now, now);
	if (s->foreign_len > 0) {
		mem = min_size(n, s->foreign_at);
		s->foreign_at -= mem;
		assert(n - mem <= s->foreign_len);
		s->foreign_len -= n - mem;
	}
	ring_drop(&s->out, mem);
	s->out_moved = s->now;
	pace_sent(&s->pace, n, s->out.len == 0 && s->foreign_len == 0,
	    s->now);
}
