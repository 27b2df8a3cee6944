/*
 * calls.c - what the owner of a call may ask of it, and what becomes of it:
 * between the engine, which knows two halves with credit, and the owner, who
 * knows one request and one answer.  It makes no frames.  Invariant: done()
 * is called once for each call that its owner has not released.
 */
#include <stdlib.h>

#include "session.h"

#define GRACE_NS	(5 * NS_PER_S)
#define SPARES		1024u

/* ---- the engine's side ---- */

static void
tell(struct mux_call *c, const struct mux_answer *a)
{
	const struct mux_call_ops *ops = c->ops;

	if (!c->st.attached || ops == NULL)
		return;
	c->ops = NULL;
	if (ops->done != NULL)
		ops->done(c, a, c->arg);
}

static size_t
on_fill(struct mux_stream *st, void *buf, size_t max, size_t limit,
    unsigned *flags, void *arg)
{
	struct mux_call *c = arg;
	size_t n;

	(void)limit;
	if (!c->given) {
		if (!st->attached || c->ops == NULL || c->ops->fill == NULL)
			return 0;
		n = c->ops->fill(c, buf, max, flags, c->arg);
		assert((*flags & MUX_FILL_FOREIGN) == 0);
		return n;
	}
	n = min_size(max, c->body.len - c->body_off);
	if (n > 0)
		memcpy(buf, blob_bytes(&c->body) + c->body_off, n);
	c->body_off += n;
	if (c->body_off == c->body.len)
		*flags = MUX_FILL_END;
	return n;
}

static void
on_data(struct mux_stream *st, const void *p, size_t n, void *arg)
{
	struct mux_call *c = arg;

	if (c->ops != NULL && c->ops->data != NULL)
		c->ops->data(c, p, n, c->arg);
	else
		mux_stream_consume(st, n);
}

static void
on_eof(struct mux_stream *st, void *arg)
{
	struct mux_call *c = arg;

	(void)st;
	if (c->ops != NULL && c->ops->eof != NULL)
		c->ops->eof(c, c->arg);
}

/* Nothing of it left this side, or the peer said that it took nothing. */
static bool
not_started(const struct mux_call *c)
{
	const struct mux_session *s = c->st.session;

	return c->st.kind == KIND_CALLER && (!c->st.named ||
	    (s->peer_draining && c->st.id > s->peer_last));
}

static void
on_reset(struct mux_stream *st, uint32_t code, const char *text, void *arg)
{
	struct mux_call *c = arg;
	struct mux_answer a = { .size = sizeof(a), .code = code,
	    .text = text, .not_started = not_started(c) };

	(void)st;
	tell(c, &a);
}

static const struct mux_stream_ops engine_ops = {
	.size = sizeof(engine_ops), .fill = on_fill, .data = on_data,
	.eof = on_eof, .reset = on_reset,
};

/* ---- making and ending ---- */

/* A call is small and short, so its memory is kept for the next one. */
struct mux_call *
call_new(struct mux_session *s, bool by_peer)
{
	struct mux_call *c = s->spare;

	if (c != NULL) {
		s->spare = c->spare;
		s->n_spare--;
	} else if ((c = malloc(sizeof(*c))) == NULL) {
		return NULL;
	}
	memset(c, 0, offsetof(struct mux_call, ext));
	blob_init(&c->ext);
	blob_init(&c->body);
	c->state = by_peer ? CALL_RECEIVED : CALL_IDLE;
	c->st.ops = &engine_ops;
	c->st.arg = c;
	/* a callee may send CREDIT before its answer */
	c->st.accepted = by_peer;
	stream_init(&c->st, s, by_peer ? KIND_CALLEE : KIND_CALLER, by_peer);
	return c;
}

void
call_free(struct mux_call *c)
{
	struct mux_session *s = c->st.session;

	blob_release(&c->ext);
	blob_release(&c->body);
	if (s == NULL || s->n_spare >= SPARES) {
		free(c);
		return;
	}
	c->spare = s->spare;
	s->spare = c;
	s->n_spare++;
}

static void
forget_untimed(struct mux_call *c)
{
	if (c->untimed)
		TAILQ_REMOVE(&c->st.session->untimed, c, untimed_link);
	c->untimed = false;
}

static void
clear_timer(struct mux_call *c)
{
	forget_untimed(c);
	timers_clear(&c->st.session->timers, &c->timer);
}

/*
 * Between feed, pull and tick a session knows only what time it was, perhaps
 * long ago: the timer is set again when it learns the time.
 */
static void
set_timer(struct mux_call *c, uint64_t after)
{
	struct mux_session *s = c->st.session;

	if (after >= NEVER - s->now)
		after = NEVER - 1 - s->now;
	/* room for it was made when the call was */
	timers_set(&s->timers, &c->timer, s->now + after);
	c->after = after;
	if (!s->timed && !c->untimed) {
		c->untimed = true;
		TAILQ_INSERT_TAIL(&s->untimed, c, untimed_link);
	}
	session_wake(s);
}

void
calls_timed(struct mux_session *s)
{
	struct mux_call *c;

	while ((c = TAILQ_FIRST(&s->untimed)) != NULL) {
		forget_untimed(c);
		set_timer(c, c->after);
	}
}

void
call_killed(struct mux_call *c)
{
	struct mux_session *s = c->st.session;

	call_step(&c->state, CEV_GIVE_UP);
	clear_timer(c);
	if (s->mode == MUX_MODE_LEGACY && !c->given)
		s->collected -= c->body.len;
	blob_release(&c->body);
}

static bool
timer_room(struct mux_session *s)
{
	return timers_reserve(&s->timers, s->n_streams + 1) == 0;
}

/* Both bodies are over; the engine forgets the call, its owner is told. */
static void
finish(struct mux_call *c, const struct mux_answer *a)
{
	struct mux_session *s = c->st.session;
	bool moved = call_step(&c->state, CEV_ANSWER);

	assert(moved || c->st.kind == KIND_CALLEE);
	(void)moved;
	s->depth++;	/* keeps it until the callback is over */
	stream_kill(&c->st, 0, a->code, NULL);
	tell(c, a);
	if (!c->st.dead)
		stream_settle(&c->st);
	s->depth--;
}

void
call_answered(struct mux_call *c)
{
	static const struct mux_answer plain = { .size = sizeof(plain),
		.by_peer = true };
	struct mux_answer a;
	uint32_t code;
	struct rd ext;

	if (c->ext.len == 0) {
		finish(c, &plain);
		return;
	}
	a = plain;
	rd_init(&ext, blob_bytes(&c->ext), c->ext.len);
	code = answer_read(&c->st.session->items, ext, &a);
	if (code != 0)
		a = (struct mux_answer){ .size = sizeof(a), .code = code };
	finish(c, &a);
}

void
call_error(struct mux_call *c, uint32_t code, const char *text,
    struct rd ext)
{
	struct mux_answer a = { .size = sizeof(a), .by_peer = true };

	/* what it says besides is worth less than the code */
	if (answer_read(&c->st.session->items, ext, &a) != 0)
		a = (struct mux_answer){ .size = sizeof(a), .by_peer = true };
	a.code = code != MUX_OK ? code : MUX_HANDLER_FAILED;
	a.text = text;
	finish(c, &a);
}

void
call_sent(struct mux_call *c)
{
	static const struct mux_answer ours = { .size = sizeof(ours) };

	finish(c, &ours);
}

/* ---- cancelling, and time ---- */

void
call_cancelled(struct mux_call *c, uint32_t code)
{
	struct mux_session *s = c->st.session;

	if (c->cancel_code != 0) {
		session_glitch(s);
		return;
	}
	c->cancel_code = code != 0 ? code : MUX_CANCELLED;
	/* what is given whole might wait for credit that will not come */
	if (!c->given && c->st.attached && c->ops != NULL &&
	    c->ops->cancel != NULL)
		c->ops->cancel(c, c->cancel_code, c->arg);
	else
		stream_fail(&c->st, OWE_ERROR, c->cancel_code,
		    mux_code_name(c->cancel_code));
}

/* Whoever works on it may still answer.  true: it was not answered. */
bool
call_drained(struct mux_stream *st)
{
	struct mux_session *s = st->session;
	struct mux_call *c;
	bool left;

	if (st->kind != KIND_CALLEE)
		return false;
	c = call_of(st);
	s->depth++;	/* keeps it until the callback is over */
	if (c->cancel_code == 0 && !c->given && st->attached &&
	    c->ops != NULL && c->ops->cancel != NULL) {
		c->cancel_code = MUX_UNAVAILABLE;
		c->ops->cancel(c, MUX_UNAVAILABLE, c->arg);
	}
	left = !st->dead && (st->send != SEND_DONE || st->recv != RECV_DONE);
	s->depth--;
	return left;
}

void
call_deadline(struct mux_call *c, uint64_t after)
{
	if (after != 0 && after < NEVER - c->st.session->now)
		set_timer(c, after);
}

static void
cancel(struct mux_call *c, uint32_t code)
{
	struct mux_stream *st = &c->st;

	if (!st->named) {
		stream_fail(st, 0, code, mux_code_name(code));
		return;
	}
	if (!call_step(&c->state, CEV_CANCEL))
		return;
	c->cancel_code = st->code = code;
	st->ready = false;
	stream_schedule(st);
	st->owed &= (uint8_t)~OWE_END;
	stream_set_send(st, SEND_DONE);
	stream_owe(st, OWE_STOP);
	set_timer(c, c->grace);
}

void
call_due(struct mux_session *s, struct timer *t)
{
	struct mux_call *c = container_of(t, struct mux_call, timer);

	(void)s;
	if (c->st.kind == KIND_CALLEE && c->cancel_code == 0)
		call_cancelled(c, MUX_DEADLINE);
	else if (c->st.kind == KIND_CALLEE)
		return;
	else if (c->state == CALL_CANCELLING)
		stream_fail(&c->st, OWE_STOP, c->cancel_code,
		    "no answer in time");
	else
		cancel(c, MUX_DEADLINE);
}

void
mux_call_cancel(struct mux_call *c, uint32_t code)
{
	if (c->st.session != NULL && c->st.kind == KIND_CALLER &&
	    (c->state == CALL_IDLE || c->state == CALL_SENT))
		cancel(c, code != 0 ? code : MUX_CANCELLED);
}

/* ---- the caller ---- */

static int
may_call(const struct mux_session *s, const struct mux_request *q,
    size_t *room)
{
	if (s->err != 0 || s->draining || s->peer_draining)
		return MUX_E_CLOSED;
	if (s->mode == MUX_MODE_HELLO)
		return MUX_E_STATE;
	if (s->mode == MUX_MODE_LEGACY) {
		if (!s->cfg.initiator)
			return MUX_E_STATE;
		if (q->n_args > 0 || q->n_streams > 0 ||
		    q->body_len > FRAME_HARD_MAX)
			return MUX_E_INVAL;
		return s->our_calls >= LEGACY_CALLS ? MUX_E_LIMIT : 0;
	}
	if (!request_ok(q, s->peer.max_meta, room) ||
	    *room + 4 >= s->peer.max_frame)
		return MUX_E_INVAL;
	/* the peer counts what is on the wire, we what takes our memory */
	return s->our_calls >= s->peer.max_calls ||
	    session_opened(s) >= s->cfg.max_open ? MUX_E_LIMIT : 0;
}

static bool
give(struct blob *b, const void *p, size_t n)
{
	uint8_t *to = blob_more(b, n);

	if (to == NULL)
		return false;
	if (n > 0)
		memcpy(to, p, n);
	b->len += n;
	return true;
}

static bool
write_request(struct mux_call *c, const struct mux_request *q, size_t room)
{
	uint8_t *p = blob_more(&c->ext, 4 + room);
	struct wr w;

	if (p == NULL)
		return false;
	wr_init(&w, p, 4 + room);
	ext_begin(&w);
	request_write(&w, q);
	ext_end(&w);
	c->ext.len = w.n;
	return true;
}

/* Where it waits for its turn: a plain S0 request must be whole first. */
static void
line_up(struct mux_call *c)
{
	struct mux_stream *st = &c->st;
	struct mux_session *s = st->session;

	if (s->mode == MUX_MODE_LEGACY && !c->given) {
		stream_set_send(st, SEND_OPEN);
		stream_schedule(st);
	} else {
		stream_line_up(st);
	}
	session_wake(s);
}

int
mux_call_open(struct mux_session *s, const struct mux_request *q,
    const struct mux_call_ops *ops, void *arg, struct mux_call **out)
{
	struct mux_call *c;
	size_t room = 0;
	int r;

	if (q->size != sizeof(*q) || ops->size != sizeof(*ops))
		return MUX_E_INVAL;
	if ((r = may_call(s, q, &room)) < 0)
		return r;
	if (!timer_room(s) || (c = call_new(s, false)) == NULL)
		return MUX_E_NOMEM;
	c->ops = ops;
	c->arg = arg;
	c->given = q->body != NULL || ops->fill == NULL;
	if ((s->mode == MUX_MODE_EXTENDED && !write_request(c, q, room)) ||
	    (c->given && !give(&c->body, q->body, q->body_len))) {
		stream_kill(&c->st, 0, MUX_INTERNAL, NULL);
		stream_settle(&c->st);
		return MUX_E_NOMEM;
	}
	c->grace = q->grace != 0 ? min_u64(q->grace, NEVER / 4) : GRACE_NS;
	if (q->have_priority)
		c->st.priority = q->priority;
	c->st.attached = true;
	c->st.ready = true;
	stream_enter_wire(&c->st);
	call_deadline(c, q->deadline);
	line_up(c);
	*out = c;
	return 0;
}

/* ---- the callee ---- */

void
call_offer(struct mux_call *c, const struct mux_request *q)
{
	struct mux_session *s = c->st.session;

	if (!timer_room(s)) {
		mux_call_fail(c, MUX_REFUSED, NULL, NULL);
		return;
	}
	call_deadline(c, q->deadline);
	s->ops->call(s, c, q, s->arg);
	if (!c->st.dead && c->state == CALL_RECEIVED)
		mux_call_fail(c, MUX_UNKNOWN_METHOD, NULL, NULL);
}

void
mux_call_attach(struct mux_call *c, const struct mux_call_ops *ops,
    void *arg)
{
	bool moved = call_step(&c->state, CEV_TAKE);

	assert(moved && !c->st.attached);
	(void)moved;
	c->ops = ops;
	c->arg = arg;
	c->st.attached = true;
}

/* The EXT block of the answer, if it says anything: the next one, behind what
 * is not out yet. */
static int
write_answer(struct mux_call *c, const struct mux_answer *a)
{
	struct mux_session *s = c->st.session;
	size_t old = c->ext_owed ? c->ext.len : 0, room;
	struct wr w;

	if (a == NULL || s->mode != MUX_MODE_EXTENDED)
		return 0;
	room = 4 + answer_room(a);
	/* the peer takes as much in all as in one */
	if (a->size != sizeof(*a) || !answer_ok(a, s->peer.max_meta) ||
	    old + room >= s->peer.max_frame || c->said + old + room >
	    s->peer.max_meta + UINT64_C(4) + FRAME_EXT_MORE)
		return MUX_E_INVAL;
	c->ext.len = old;
	if (blob_more(&c->ext, room) == NULL)
		return MUX_E_NOMEM;
	wr_init(&w, blob_bytes(&c->ext), old + room);
	if (old == 0)
		ext_begin(&w);
	else
		w.n = old;
	answer_write(&w, a);
	ext_end(&w);
	c->ext.len = w.n;
	c->ext_owed = w.n > 4;
	return 0;
}

static bool
may_answer(const struct mux_call *c)
{
	return c->st.session != NULL && c->st.kind == KIND_CALLEE &&
	    c->st.send == SEND_HELD;
}

int
mux_call_answer(struct mux_call *c, const struct mux_answer *a,
    const void *body, size_t len)
{
	struct mux_stream *st = &c->st;
	struct mux_session *s = st->session;
	int r;

	if (!may_answer(c) || !st->attached)
		return MUX_E_STATE;
	if (s->mode == MUX_MODE_LEGACY && len > FRAME_HARD_MAX)
		return MUX_E_INVAL;
	if ((r = write_answer(c, a)) < 0)
		return r;
	if (!give(&c->body, body, len))
		return MUX_E_NOMEM;
	c->given = true;
	call_step(&c->state, CEV_ANSWER);
	clear_timer(c);
	if (s->mode == MUX_MODE_LEGACY || len == 0) {
		stream_set_send(st, SEND_ENDING);
		stream_owe(st, OWE_END);
		return 0;
	}
	stream_set_send(st, SEND_OPEN);
	mux_stream_ready(st);
	return 0;
}

int
mux_call_reply(struct mux_call *c, const struct mux_answer *a)
{
	int r;

	if (!may_answer(c) || !c->st.attached)
		return MUX_E_STATE;
	if ((r = write_answer(c, a)) < 0)
		return r;
	stream_set_send(&c->st, SEND_OPEN);
	mux_stream_ready(&c->st);
	return 0;
}

/* Its next frame is the last one at the latest. */
int
mux_call_amend(struct mux_call *c, const struct mux_answer *a)
{
	const struct mux_stream *st = &c->st;

	if (st->session == NULL || st->kind != KIND_CALLEE || !st->attached ||
	    c->given || st->send != SEND_OPEN)
		return MUX_E_STATE;
	if (a == NULL || a->n_meta > 0 || a->n_streams > 0)
		return MUX_E_INVAL;
	return write_answer(c, a);
}

int
mux_call_fail(struct mux_call *c, uint32_t code, const char *text,
    const struct mux_answer *a)
{
	struct mux_stream *st = &c->st;
	bool moved;
	int r;

	if (st->session == NULL || st->kind != KIND_CALLEE || c->given ||
	    st->send > SEND_OPEN || code == 0)
		return st->kind == KIND_CALLEE && code == 0 ? MUX_E_INVAL :
		    MUX_E_STATE;
	if ((r = write_answer(c, a)) < 0)
		return r;
	if (c->state == CALL_RECEIVED)
		st->session->stats.refused++;
	moved = call_step(&c->state, CEV_ANSWER);
	assert(moved);
	(void)moved;
	stream_kill(st, OWE_ERROR, code, text);
	return 0;
}

/* ---- as for streams ---- */

void
mux_call_ready(struct mux_call *c)
{
	if (!c->given)
		mux_stream_ready(&c->st);
}

void
mux_call_consume(struct mux_call *c, size_t n)
{
	mux_stream_consume(&c->st, n);
}

void
mux_call_pause(struct mux_call *c, bool on)
{
	if (c->st.named)
		mux_stream_pause(&c->st, on);
}

int
mux_call_priority(struct mux_call *c, unsigned priority)
{
	return mux_stream_priority(&c->st, priority);
}

void
mux_call_release(struct mux_call *c)
{
	struct mux_stream *st;

	if (c == NULL)
		return;
	st = &c->st;
	assert(st->attached);
	st->attached = false;
	c->ops = NULL;
	if (st->session == NULL) {
		stream_free_now(st);
		return;
	}
	if (st->send == SEND_DONE && st->recv == RECV_DONE)
		stream_account(st);
	else if (st->kind == KIND_CALLER)
		stream_kill(st, OWE_STOP, MUX_CANCELLED, NULL);
	else if (!c->given && st->send <= SEND_OPEN)
		stream_kill(st, OWE_ERROR, MUX_INTERNAL,
		    "the handler gave no answer");
	stream_settle(st);
}

uint64_t
mux_call_id(const struct mux_call *c)
{
	return c->st.id;
}

void *
mux_call_arg(const struct mux_call *c)
{
	return c->arg;
}

struct mux_session *
mux_call_session(const struct mux_call *c)
{
	return c->st.session;
}

bool
mux_call_by_peer(const struct mux_call *c)
{
	return c->st.by_peer;
}

const char *
mux_call_state(const struct mux_call *c)
{
	return call_state_name(c->state);
}

void
mux_call_stats(const struct mux_call *c, struct mux_stream_stats *out)
{
	mux_stream_stats(&c->st, out);
}
