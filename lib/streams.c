/*
 * streams.c - what the owner of a stream may ask of it, and the bookkeeping
 * that keeps a stream in exactly the lists its state calls for.  It decides
 * nothing about frames.  Invariant: a stream is in the `owed` list iff it
 * owes something that may be sent, in a data list iff stream_may_send().
 */
#include <stdlib.h>

#include "session.h"
#include "text.h"

struct mux_stream *
stream_new(struct mux_session *s, bool by_peer)
{
	struct mux_stream *st;

	if ((st = calloc(1, sizeof(*st))) == NULL)
		return NULL;
	stream_init(st, s, KIND_STREAM, by_peer);
	return st;
}

/* Of the peer's, for each kind: what they take here. */
static size_t *
slots_of(const struct mux_stream *st)
{
	struct mux_session *s = st->session;

	return st->kind == KIND_STREAM ? &s->peer_slots : &s->n_calls_in;
}

/* What the peer counts as well. */
static size_t *
live_of(const struct mux_stream *st)
{
	struct mux_session *s = st->session;

	if (st->kind == KIND_STREAM)
		return st->by_peer ? &s->peer_live : &s->our_live;
	return st->by_peer ? &s->peer_calls : &s->our_calls;
}

void
stream_init(struct mux_stream *st, struct mux_session *s,
    enum stream_kind kind, bool by_peer)
{
	st->session = s;
	st->kind = kind;
	st->by_peer = by_peer;
	st->priority = STREAM_PRIORITY;
	st->tx.limit = s->peer.window;
	credit_rx_init(&st->rx, s->cfg.window, s->now);
	/* plain S0 has no credit: as much as nobody can send */
	if (s->mode == MUX_MODE_LEGACY)
		st->tx.limit = st->rx.granted = UINT64_MAX / 2;
	s->charge += credit_rx_charge(&st->rx);
	TAILQ_INSERT_TAIL(&s->all, st, all_link);
	s->n_streams++;
	if (by_peer)
		(*slots_of(st))++;
}

void
stream_enter_wire(struct mux_stream *st)
{
	st->wire_live = true;
	(*live_of(st))++;
}

/* ---- ids ---- */

bool
session_name(struct mux_stream *st, uint64_t id)
{
	struct mux_session *s = st->session;

	if (id == 0)
		s->zero = st;
	else if (table_put(&s->ids, id, st) < 0)
		return false;
	st->id = id;
	st->named = true;
	return true;
}

static void
unname(struct mux_stream *st)
{
	if (st->id == 0)
		st->session->zero = NULL;
	else
		table_del(&st->session->ids, st->id);
}

void
stream_free_now(struct mux_stream *st)
{
	if (st->text != NULL)
		free(st->text);
	if (st->kind == KIND_STREAM)
		free(st);
	else
		call_free(call_of(st));
}

/* ---- lists ---- */

/* The acceptor's first frame is its answer: nothing else may pass it. */
static bool
may_speak(const struct mux_stream *st)
{
	if (!st->named)
		return false;
	return !st->by_peer || st->accepted || (st->owed & OWE_LAST) != 0;
}

/* A plain S0 peer has no word for the rest. */
static uint8_t
sayable(const struct mux_session *s, uint8_t what)
{
	uint8_t words = OWE_LAST | OWE_END;

	if (s->mode != MUX_MODE_LEGACY)
		return what;
	if (s->cfg.initiator)
		words |= OWE_STOP | OWE_FLOW;
	return what & words;
}

void
stream_owe(struct mux_stream *st, uint8_t what)
{
	struct mux_session *s = st->session;

	st->owed |= sayable(s, what);
	if (st->owed == 0 || st->in_owed || !may_speak(st))
		return;
	TAILQ_INSERT_TAIL(&s->owed, st, owed_link);
	st->in_owed = true;
	session_wake(s);
}

/* Which of the two lists it is in is known by the sign of its deficit. */
void
stream_reschedule(struct mux_stream *st, bool want)
{
	struct mux_session *s = st->session;

	st->in_data = want;
	if (!want) {
		TAILQ_REMOVE(st->deficit > 0 ? &s->round : &s->next, st,
		    data_link);
		return;
	}
	/* whoever comes back joins this round, but no round gives twice:
	 * those who come and go would starve those who stay */
	if (st->round_no != s->round_no)
		stream_quantum(st);
	TAILQ_INSERT_TAIL(st->deficit > 0 ? &s->round : &s->next, st,
	    data_link);
	session_wake(s);
}

void
stream_quantum(struct mux_stream *st)
{
	struct mux_session *s = st->session;
	int32_t quantum = (int32_t)session_frame_size(s) * (st->priority + 1);

	st->deficit = st->deficit < 0 ? st->deficit + quantum : quantum;
	st->round_no = s->round_no;
}

void
stream_line_up(struct mux_stream *st)
{
	st->in_opening = true;
	TAILQ_INSERT_TAIL(&st->session->opening, st, data_link);
}

void
stream_step_out(struct mux_stream *st)
{
	if (st->in_opening)
		TAILQ_REMOVE(&st->session->opening, st, data_link);
	st->in_opening = false;
}

static void
unlink_data(struct mux_stream *st)
{
	st->ready = false;
	stream_schedule(st);
	stream_step_out(st);
}

/* ---- memory ---- */

void
stream_consumed(struct mux_stream *st, size_t n)
{
	credit_rx_consume(&st->rx, n);
	st->session->charge -= n;
}

/* A window is reserved when it grows, so that granting it cannot fail; one
 * that shrank is when its surplus has come and gone. */
void
stream_reserve(struct mux_stream *st)
{
	struct mux_session *s = st->session;
	uint64_t charge, excess;

	if (s->mode == MUX_MODE_LEGACY)
		return;
	charge = st->recv == RECV_OPEN ?
	    max_u64(credit_rx_charge(&st->rx), st->rx.window) :
	    credit_rx_buffered(&st->rx);
	if (!st->attached && st->recv == RECV_DONE)
		charge = 0;
	excess = charge > s->cfg.window ? charge - s->cfg.window : 0;
	s->pool_used = s->pool_used - st->reserved + excess;
	st->reserved = (uint32_t)excess;
	assert(s->pool_used <= s->pool);
}

/*
 * Beyond its first window a stream may have half of what is free or its own:
 * so k of them come to pool / (k + 1) each, whoever comes late finds as much,
 * and those that were there give way as they consume.
 */
static void
resize(struct mux_stream *st)
{
	struct mux_session *s = st->session;
	uint64_t left = s->pool - s->pool_used;
	uint64_t most = s->cfg.window + (st->reserved + left) / 2;

	if (st->rx.window > most)
		st->rx.window = (uint32_t)most;
	else
		st->rx.window = credit_rx_grown(&st->rx, s->now, s->rtt.srtt,
		    s->rtt.min, min_u64(left / 4, most - st->rx.window));
}

/* How far the charge may go now. */
uint32_t
stream_cap(const struct mux_stream *st)
{
	const struct mux_session *s = st->session;

	return s->now < s->calm_until && s->calm_by != st ? CREDIT_CALM :
	    UINT32_MAX;
}

/* ---- endings ---- */

/* Nothing that is under way looks at it any more. */
static void
detach(struct mux_stream *st)
{
	struct mux_session *s = st->session;

	if (s->in.st == st)
		s->in.st = NULL;
	if (s->calm_by == st)
		s->calm_by = NULL;
}

/* Its id is "closed" from now on. */
static void
leave_wire(struct mux_stream *st)
{
	if (!st->wire_live)
		return;
	st->wire_live = false;
	if (st->named)
		unname(st);
	(*live_of(st))--;
}

static void
bury(struct mux_stream *st)
{
	struct mux_session *s = st->session;

	assert(!st->in_owed && !st->in_data && !st->in_opening);
	TAILQ_REMOVE(&s->all, st, all_link);
	s->charge -= credit_rx_charge(&st->rx);
	s->n_streams--;
	if (st->by_peer)
		(*slots_of(st))--;
	if (st->one_way)
		s->n_one_way--;
	/* a callback further up the stack may still hold the pointer */
	st->dead = true;
	if (s->depth > 0)
		TAILQ_INSERT_TAIL(&s->grave, st, data_link);
	else
		stream_free_now(st);
	session_wake(s);	/* a drain may be complete now */
}

void
stream_leave(struct mux_stream *st)
{
	detach(st);
	leave_wire(st);
	stream_account(st);
	if (!st->attached)
		bury(st);
}

static void
unlink_owed(struct mux_stream *st)
{
	if (st->in_owed)
		TAILQ_REMOVE(&st->session->owed, st, owed_link);
	st->in_owed = false;
	st->owed = 0;
}

void
stream_forget(struct mux_stream *st)
{
	unlink_owed(st);
	stream_settle(st);
}

/* How this kind of thing is ended.  A call has no RESET: the callee gives
 * its answer, the caller says once that it wants none. */
static uint8_t
last_words(const struct mux_stream *st, uint8_t owed)
{
	const struct mux_call *c = (const struct mux_call *)st;

	/* a peer that never heard of it must not hear of its end */
	if (!st->named || owed == 0)
		return 0;
	if (st->kind == KIND_STREAM)
		return owed;
	if (st->kind == KIND_CALLEE)
		return OWE_ERROR;
	return c->state == CALL_CANCELLING ? st->owed & OWE_STOP : OWE_STOP;
}

void
stream_kill(struct mux_stream *st, uint8_t owed, uint32_t code,
    const char *text)
{
	/* whoever gives up a call that is out must still wait for its answer,
	 * or it would make more calls than the peer takes */
	if (owed == 0 || !st->named)
		st->unanswered = false;
	owed = last_words(st, owed);
	if (st->in_data || st->in_opening)
		unlink_data(st);
	st->ready = false;
	detach(st);
	st->end_sent = st->send == SEND_DONE;
	stream_set_send(st, SEND_DONE);
	stream_set_recv(st, RECV_DONE);
	unlink_owed(st);
	if (st->kind != KIND_STREAM)
		call_killed(call_of(st));
	st->code = code;
	if (st->text != NULL)
		free(st->text);
	st->text = owed != 0 && text != NULL && text[0] != '\0' ?
	    strdup(text) : NULL;
	stream_account(st);
	if (owed != 0)
		stream_owe(st, owed);
}

void
stream_fail(struct mux_stream *st, uint8_t owed, uint32_t code,
    const char *text)
{
	struct mux_session *s = st->session;

	/* nobody need be told of it: so it was the peer who told us */
	st->reset_by_peer = owed == 0 && s->err == 0 &&
	    (st->id != 0 || s->peer_draining);
	s->depth++;	/* keeps `st` until the callback is over */
	stream_kill(st, owed, code, text);
	if (st->attached && st->ops->reset != NULL)
		st->ops->reset(st, code, text, st->arg);
	if (!st->dead)
		stream_settle(st);
	s->depth--;
}

void
stream_ended(struct mux_stream *st)
{
	stream_set_recv(st, RECV_DONE);
	st->owed &= (uint8_t)~(OWE_CREDIT | OWE_STOP);
	/* it may have been waiting for room in the output */
	if (st->owed == 0)
		unlink_owed(st);
	stream_account(st);
	/* also to whoever said STOP: it may release the stream from now on */
	if (st->attached && st->ops->eof != NULL)
		st->ops->eof(st, st->arg);
	if (!st->dead)
		stream_settle(st);
}

/* ---- the owner's verbs ---- */

static bool
target_ok(const struct mux_open *o)
{
	return o->target_len > 0 && o->target_len <= TARGET_MAX &&
	    memchr(o->target, 0, o->target_len) == NULL;
}

static size_t
start_room(const struct mux_open *o)
{
	const struct mux_request *q = o->request;

	/* priority, target, method and all, parent, mode */
	return 4 + EXT_ROOM(1) + (o->target != NULL ?
	    EXT_ROOM(o->target_len) : 0) + (q != NULL ?
	    request_room(q) : 0) + (o->parent != 0 ? EXT_ROOM(8) : 0) +
	    (o->one_way ? EXT_ROOM(1) : 0);
}

static bool
request_fits(const struct mux_session *s, const struct mux_request *q)
{
	size_t room;

	if (q->size != sizeof(*q))
		return false;
	if (s->mode == MUX_MODE_LEGACY)
		return q->body_len <= FRAME_HARD_MAX && q->n_args == 0;
	return q->body_len <= FRAME_BODY_MAX &&
	    request_ok(q, s->peer.max_meta, &room);
}

/* A target, a method, or something that belongs to a call. */
static bool
open_ok(const struct mux_session *s, const struct mux_open *o)
{
	const struct mux_request *q = o->request;

	if ((o->have_priority && o->priority > 7) ||
	    (o->one_way && o->parent == 0) ||
	    (o->target != NULL ? q != NULL || !target_ok(o) :
	    q == NULL && o->parent == 0) ||
	    (q != NULL && !request_fits(s, q)))
		return false;
	return s->mode == MUX_MODE_LEGACY ||
	    (start_room(o) <= s->peer.max_meta + UINT64_C(4) +
	    FRAME_EXT_MORE && start_room(o) +
	    (q != NULL ? q->body_len : 0) <= s->peer.max_frame);
}

size_t
session_opened(const struct mux_session *s)
{
	return s->n_streams - s->peer_slots - s->n_calls_in - s->n_one_way;
}

static int
may_open(const struct mux_session *s, const struct mux_open *o)
{
	if (s->err != 0 || (s->draining && !o->one_way) || s->peer_draining)
		return MUX_E_CLOSED;
	if (s->mode == MUX_MODE_HELLO || (s->mode == MUX_MODE_LEGACY &&
	    (!s->cfg.initiator || o->request == NULL)))
		return MUX_E_STATE;
	if (s->mode == MUX_MODE_LEGACY)
		return s->our_live >= LEGACY_CALLS ? MUX_E_LIMIT : 0;
	/* the peer counts what is on the wire, we what takes our credit */
	return s->our_live >= s->peer.max_streams || (!o->one_way &&
	    session_opened(s) >= s->cfg.max_open) ? MUX_E_LIMIT : 0;
}

bool
mux_session_room(const struct mux_session *s)
{
	static const struct mux_open any = { .size = sizeof(any) };

	return s->mode == MUX_MODE_EXTENDED && may_open(s, &any) == 0;
}

/* Nothing comes that way, so nothing backs it. */
static void
open_one_way(struct mux_stream *st)
{
	struct mux_session *s = st->session;

	s->charge -= credit_rx_charge(&st->rx);
	credit_rx_init(&st->rx, 0, s->now);
	stream_set_recv(st, RECV_DONE);
	st->one_way = true;
	s->n_one_way++;
}

static void
start_tags(struct wr *w, const struct mux_stream *st,
    const struct mux_open *o)
{
	uint8_t v[8], mode = MODE_ONE_WAY;

	ext_begin(w);
	if (st->priority != STREAM_PRIORITY)
		ext_put(w, TAG_PRIORITY, &st->priority, 1);
	if (o->target != NULL)
		ext_put(w, TAG_TARGET, o->target, o->target_len);
	if (o->request != NULL)
		request_write(w, o->request);
	if (o->parent != 0) {
		put_le64(v, o->parent);
		ext_put(w, TAG_PARENT, v, 8);
	}
	if (o->one_way)
		ext_put(w, TAG_MODE, &mode, 1);
	ext_end(w);
}

/* What its STREAM_START will say; with S0 that is the request alone. */
static bool
start_write(struct mux_stream *st, const struct mux_open *o)
{
	const struct mux_request *q = o->request;
	size_t body = q != NULL ? q->body_len : 0;
	size_t cap = start_room(o) + body;
	struct wr w;

	if ((st->text = malloc(4 + cap)) == NULL)
		return false;
	wr_init(&w, (uint8_t *)st->text + 4, cap);
	if (st->session->mode != MUX_MODE_LEGACY)
		start_tags(&w, st, o);
	if (body > 0)
		wr_bytes(&w, q->body, body);
	put_le32((uint8_t *)st->text, (uint32_t)w.n);
	return true;
}

int
mux_stream_open(struct mux_session *s, const struct mux_open *o,
    const struct mux_stream_ops *ops, void *arg, struct mux_stream **out)
{
	struct mux_stream *st;
	int r;

	if (o->size != sizeof(*o) || ops->size != sizeof(*ops) ||
	    !open_ok(s, o))
		return MUX_E_INVAL;
	if ((r = may_open(s, o)) < 0)
		return r;
	if ((st = stream_new(s, false)) == NULL)
		return MUX_E_NOMEM;
	if (o->have_priority)
		st->priority = o->priority;
	if (!start_write(st, o)) {
		bury(st);
		return MUX_E_NOMEM;
	}
	st->ops = ops;
	st->arg = arg;
	st->attached = true;
	if (o->one_way)
		open_one_way(st);
	stream_enter_wire(st);
	stream_line_up(st);
	session_wake(s);
	*out = st;
	return 0;
}

void
mux_stream_attach(struct mux_stream *st, const struct mux_stream_ops *ops,
    void *arg)
{
	assert(!st->attached && st->by_peer);
	st->ops = ops;
	st->arg = arg;
	st->attached = true;
}

int
mux_stream_accept(struct mux_stream *st)
{
	if (st->session == NULL || !st->by_peer || st->accepted ||
	    !st->attached || (st->owed & OWE_LAST) != 0 ||
	    (st->send == SEND_DONE && st->recv == RECV_DONE))
		return MUX_E_STATE;
	st->accepted = true;
	st->session->stats.accepted++;
	stream_owe(st, OWE_OK);
	if (st->send == SEND_HELD)
		stream_set_send(st, SEND_OPEN);
	stream_schedule(st);
	return 0;
}

void
mux_stream_refuse(struct mux_stream *st, uint32_t code, const char *text)
{
	if (st->session == NULL || !st->by_peer || st->accepted ||
	    (st->send == SEND_DONE && st->recv == RECV_DONE))
		return;
	st->session->stats.refused++;
	stream_kill(st, OWE_ERROR, code, text);
}

void
mux_stream_ready(struct mux_stream *st)
{
	if (st->session == NULL || st->send > SEND_OPEN)
		return;
	st->ready = true;
	stream_schedule(st);
}

/* The bytes left our memory; perhaps the peer should hear of it, and perhaps
 * it deserves a larger window. */
void
mux_stream_consume(struct mux_stream *st, size_t n)
{
	struct mux_session *s = st->session;

	if (s == NULL || n == 0)
		return;
	stream_consumed(st, n);
	if (s->mode == MUX_MODE_LEGACY)
		return;
	if (st->recv != RECV_OPEN) {
		stream_account(st);
		return;
	}
	/* most calls, and many streams, never get so far */
	if (!credit_rx_young(&st->rx)) {
		resize(st);
		stream_account(st);
		if (credit_rx_worth(&st->rx, stream_cap(st)) > 0)
			stream_owe(st, OWE_CREDIT);
	}
	/* a path that carries something is measured once a second */
	if (!s->ping_open && s->now - s->ping_at >= NS_PER_S)
		session_owe(s, LINK_PING);
}

void
mux_stream_pause(struct mux_stream *st, bool on)
{
	if (st->session == NULL || st->recv != RECV_OPEN ||
	    st->paused_us == on)
		return;
	st->paused_us = on;
	stream_owe(st, OWE_FLOW);
}

void
mux_stream_stop(struct mux_stream *st, uint32_t code)
{
	if (st->session == NULL || st->recv != RECV_OPEN)
		return;
	stream_set_recv(st, RECV_STOPPED);
	st->code = code;
	st->owed &= (uint8_t)~OWE_CREDIT;
	stream_account(st);
	stream_owe(st, OWE_STOP);
}

void
mux_stream_reset(struct mux_stream *st, uint32_t code, const char *text)
{
	bool refusal = st->by_peer && !st->accepted;

	if (st->session == NULL ||
	    (st->send == SEND_DONE && st->recv == RECV_DONE))
		return;
	stream_kill(st, refusal ? OWE_ERROR : OWE_RESET, code, text);
	stream_settle(st);	/* one that was never sent is over */
}

int
mux_stream_priority(struct mux_stream *st, unsigned priority)
{
	if (priority > 7)
		return MUX_E_INVAL;
	if (st->session == NULL || st->send == SEND_DONE)
		return MUX_E_STATE;
	st->priority = (uint8_t)priority;
	stream_owe(st, OWE_PRIORITY);
	return 0;
}

/* Over, or as good as that: an END that is owed goes out by itself, once
 * there is room for it. */
static bool
needs_no_owner(const struct mux_stream *st)
{
	if (st->recv != RECV_DONE)
		return false;
	return st->send == SEND_DONE ||
	    (st->send == SEND_ENDING && may_speak(st));
}

void
mux_stream_release(struct mux_stream *st)
{
	if (st == NULL)
		return;
	assert(st->attached);
	if (st->session == NULL) {
		stream_free_now(st);
		return;
	}
	if (!needs_no_owner(st))
		mux_stream_reset(st, MUX_CANCELLED, "released");
	st->attached = false;
	stream_account(st);
	stream_settle(st);
}

uint64_t
mux_stream_id(const struct mux_stream *st)
{
	return st->id;
}

void *
mux_stream_arg(const struct mux_stream *st)
{
	return st->arg;
}

const struct mux_stream_ops *
mux_stream_ops(const struct mux_stream *st)
{
	return st->ops;
}

struct mux_session *
mux_stream_session(const struct mux_stream *st)
{
	return st->session;
}

static const char *
why_blocked(const struct mux_stream *st)
{
	if (st->send >= SEND_ENDING)
		return "";
	if (st->send == SEND_HELD)
		return st->by_peer ? "not accepted yet" : "not opened yet";
	if (!st->ready)
		return "nothing to send";
	if (st->paused_peer)
		return "paused by the peer";
	if (credit_tx_left(&st->tx) == 0)
		return "no credit";
	if (st->session != NULL && st->session->paused_peer)
		return "connection paused by the peer";
	return st->session != NULL && st->session->out.len > 0 ?
	    "carrier is full" : "";
}

void
mux_stream_stats(const struct mux_stream *st, struct mux_stream_stats *out)
{
	*out = (struct mux_stream_stats){
		.id = st->id, .sent = st->tx.used,
		.received = st->rx.received, .consumed = st->rx.consumed,
		.credit_out = credit_tx_left(&st->tx),
		.credit_in = credit_rx_outstanding(&st->rx),
		.buffered = credit_rx_buffered(&st->rx),
		.window = st->rx.window, .priority = st->priority,
		.by_peer = st->by_peer, .accepted = st->accepted,
		.paused_by_peer = st->paused_peer,
		.paused_by_us = st->paused_us,
		.reset_by_peer = st->reset_by_peer,
		.send_state = stream_send_name(st),
		.recv_state = stream_recv_name(st),
		.blocked = why_blocked(st),
	};
}
