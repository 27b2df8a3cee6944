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
	st->session = s;
	st->by_peer = by_peer;
	st->priority = STREAM_PRIORITY;
	st->tx.limit = s->peer.window;
	credit_rx_init(&st->rx, s->cfg.window, s->now);
	s->charge += s->cfg.window;
	TAILQ_INSERT_TAIL(&s->all, st, all_link);
	s->n_streams++;
	if (by_peer)
		s->peer_slots++;
	return st;
}

void
stream_free_now(struct mux_stream *st)
{
	free(st->text);
	free(st);
}

/* ---- lists ---- */

/* The acceptor's first frame is its answer: nothing else may pass it. */
static bool
may_speak(const struct mux_stream *st)
{
	if (st->id == 0)
		return false;
	return !st->by_peer || st->accepted || (st->owed & OWE_LAST) != 0;
}

void
stream_owe(struct mux_stream *st, uint8_t what)
{
	struct mux_session *s = st->session;

	st->owed |= what;
	if (st->owed == 0 || st->in_owed || !may_speak(st))
		return;
	TAILQ_INSERT_TAIL(&s->owed, st, owed_link);
	st->in_owed = true;
	session_wake(s);
}

/* Puts it into the round robin, or takes it out: which list it is in is
 * known by the sign of its deficit. */
void
stream_schedule(struct mux_stream *st)
{
	struct mux_session *s = st->session;
	bool want = stream_may_send(st);

	if (want == st->in_data)
		return;
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

static void
unlink_data(struct mux_stream *st)
{
	struct mux_session *s = st->session;

	st->ready = false;
	stream_schedule(st);
	if (st->in_opening) {
		TAILQ_REMOVE(&s->opening, st, data_link);
		st->in_opening = false;
	}
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
stream_account(struct mux_stream *st)
{
	struct mux_session *s = st->session;
	uint64_t charge, excess;

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
	struct mux_session *s = st->session;

	if (!st->wire_live)
		return;
	st->wire_live = false;
	if (st->id != 0)
		table_del(&s->ids, st->id);
	if (st->by_peer)
		s->peer_live--;
	else
		s->our_live--;
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
		s->peer_slots--;
	/* a callback further up the stack may still hold the pointer */
	st->dead = true;
	if (s->depth > 0)
		TAILQ_INSERT_TAIL(&s->grave, st, data_link);
	else
		stream_free_now(st);
	session_wake(s);	/* a drain may be complete now */
}

void
stream_settle(struct mux_stream *st)
{
	if (!stream_over(st))
		return;
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

void
stream_kill(struct mux_stream *st, uint8_t owed, uint32_t code,
    const char *text)
{
	unlink_data(st);
	detach(st);
	st->end_sent = st->send == SEND_DONE;
	stream_set_send(st, SEND_DONE);
	stream_set_recv(st, RECV_DONE);
	unlink_owed(st);
	/* a peer that never heard of it must not hear of its end */
	if (st->id == 0)
		owed = 0;
	st->code = code;
	free(st->text);
	st->text = owed != 0 && text != NULL && text[0] != '\0' ?
	    strdup(text) : NULL;
	stream_account(st);
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

int
mux_stream_open(struct mux_session *s, const struct mux_open *o,
    const struct mux_stream_ops *ops, void *arg, struct mux_stream **out)
{
	struct mux_stream *st;

	if (o->size != sizeof(*o) || ops->size != sizeof(*ops) ||
	    o->target == NULL || o->target_len == 0 ||
	    o->target_len > TARGET_MAX ||
	    (o->have_priority && o->priority > 7) ||
	    memchr(o->target, 0, o->target_len) != NULL)
		return MUX_E_INVAL;
	if (s->err != 0 || s->draining || s->peer_draining)
		return MUX_E_CLOSED;
	if (s->mode != MUX_MODE_EXTENDED)
		return MUX_E_STATE;
	if (START_LEN(o->target_len) > min_u64(s->peer.max_frame,
	    UINT64_C(4) + s->peer.max_meta + FRAME_EXT_MORE))
		return MUX_E_INVAL;
	/* the peer counts what is on the wire, we what takes our memory */
	if (s->our_live >= s->peer.max_streams ||
	    s->n_streams - s->peer_slots >= s->cfg.max_open)
		return MUX_E_LIMIT;
	if ((st = stream_new(s, false)) == NULL)
		return MUX_E_NOMEM;
	if ((st->text = strndup(o->target, o->target_len)) == NULL) {
		bury(st);
		return MUX_E_NOMEM;
	}
	if (o->have_priority)
		st->priority = o->priority;
	st->ops = ops;
	st->arg = arg;
	st->attached = true;
	st->wire_live = true;
	s->our_live++;
	st->in_opening = true;
	TAILQ_INSERT_TAIL(&s->opening, st, data_link);
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
	if (st->recv == RECV_OPEN)
		resize(st);
	stream_account(st);
	if (st->recv != RECV_OPEN)
		return;
	if (credit_rx_worth(&st->rx, stream_cap(st)) > 0)
		stream_owe(st, OWE_CREDIT);
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
