/*
 * session.c - the life of a session: making it, its deadlines, its end.
 * Bytes are session_in.c's and session_out.c's business.  Invariant: once
 * `err` is set nothing is delivered any more, every stream is told exactly
 * once, and only what the output buffer holds still goes out.
 */
#include <stdlib.h>

#include "bytes.h"
#include "session.h"
#include "text.h"

#define KEEPALIVE_NS		(30 * NS_PER_S)
#define HANDSHAKE_NS		(5 * NS_PER_S)
#define STALL_NS		(30 * NS_PER_S)
#define MEMORY			(64u * 1024u * 1024u)
#define WINDOW_MIN		(4u * 1024u)
#define WINDOW_MAX		(64u * 1024u)
#define FRAME_RATE_MIN		1024u	/* bytes per second of a frame */
#define GLITCHES		10000u
#define GLITCHES_PER_S		330u
#define RESETS			1000u
#define RESETS_PER_S		1000u

/* 0 means the default, MUX_NONE means none. */
static uint32_t
count_or(uint32_t v, uint32_t def)
{
	return v == 0 ? def : v == MUX_NONE ? 0 : v;
}

static uint64_t
u64_or(uint64_t v, uint64_t def)
{
	return v == 0 ? def : v;
}

static int
config_fill(struct mux_config *c)
{
	uint64_t ids, w;

	c->max_frame = count_or(c->max_frame, 1024 * 1024);
	c->max_message = u64_or(c->max_message, 16 * 1024 * 1024);
	c->max_calls = count_or(c->max_calls, 64);
	c->max_streams = count_or(c->max_streams, 256);
	c->max_open = count_or(c->max_open, 256);
	c->max_meta = count_or(c->max_meta, 64 * 1024);
	c->memory = u64_or(c->memory, MEMORY);
	c->keepalive = u64_or(c->keepalive, KEEPALIVE_NS);
	c->keepalive_missed = count_or(c->keepalive_missed, 3);
	c->handshake = u64_or(c->handshake, HANDSHAKE_NS);
	c->stall = u64_or(c->stall, STALL_NS);
	if (c->max_frame < PACE_MIN || c->max_frame > FRAME_HARD_MAX ||
	    c->max_meta > FRAME_HARD_MAX)
		return MUX_E_INVAL;

	ids = (uint64_t)c->max_streams + c->max_open + c->max_calls;
	w = c->memory / 2 / max_u64(ids, 1);
	if (c->window == 0)
		c->window = (uint32_t)min_u64(w, WINDOW_MAX);
	/* every id must be backed, and no window is worth less than a page */
	if (c->window < WINDOW_MIN || c->window > min_u64(w, CREDIT_MAX))
		return MUX_E_INVAL;
	return 0;
}

static void
hello_fill(struct hello *h, const struct mux_config *c)
{
	const char *agent = c->agent != NULL ? c->agent :
	    "libmux/" MUX_VERSION;

	hello_init(h);
	h->max_frame = c->max_frame;
	h->max_message = c->max_message;
	h->window = c->window;
	h->max_calls = c->max_calls;
	h->max_streams = c->max_streams;
	h->max_meta = c->max_meta;
	h->keepalive_ms = c->keepalive == NEVER ? 0 :
	    (uint32_t)min_u64(c->keepalive / NS_PER_MS, UINT32_MAX);
	memcpy(h->agent, agent, min_size(strlen(agent), HELLO_AGENT));
}

static void
lists_init(struct mux_session *s)
{
	TAILQ_INIT(&s->all);
	TAILQ_INIT(&s->owed);
	TAILQ_INIT(&s->opening);
	TAILQ_INIT(&s->round);
	TAILQ_INIT(&s->next);
	TAILQ_INIT(&s->grave);
	TAILQ_INIT(&s->untimed);
	table_init(&s->ids);
}

int
mux_session_new(const struct mux_config *cfg,
    const struct mux_session_ops *ops, void *arg, uint64_t now,
    struct mux_session **out)
{
	struct mux_session *s;
	int r;

	if (cfg->size != sizeof(*cfg) || ops->size != sizeof(*ops))
		return MUX_E_INVAL;
	if ((s = calloc(1, sizeof(*s))) == NULL)
		return MUX_E_NOMEM;
	s->cfg = *cfg;
	if ((r = config_fill(&s->cfg)) < 0)
		goto fail;
	r = MUX_E_NOMEM;
	if (ring_init(&s->out, OUT_CAP) < 0)
		goto fail;
	hello_fill(&s->ours, &s->cfg);
	hello_init(&s->peer);
	lists_init(s);
	timers_init(&s->timers);
	s->ops = ops;
	s->arg = arg;
	s->now = s->last_in = s->out_moved = now;
	s->handshake_at = now + s->cfg.handshake;
	s->keepalive = s->drain_at = NEVER;
	s->pool = s->cfg.memory / 2;
	s->round_no = 1;
	rtt_init(&s->rtt);
	pace_init(&s->pace);
	bucket_init(&s->glitches, GLITCHES, GLITCHES_PER_S);
	bucket_init(&s->resets, max_u64(RESETS,
	    UINT64_C(4) * s->cfg.max_streams), RESETS_PER_S);
	if (s->cfg.initiator && s->cfg.legacy)
		session_established(s, MUX_MODE_LEGACY);
	else if (s->cfg.initiator)
		s->link_owed |= LINK_HELLO;
	*out = s;
	return 0;
fail:
	ring_release(&s->out);
	free(s);
	return r;
}

static void
bury_all(struct mux_session *s)
{
	struct mux_stream *st;

	while ((st = TAILQ_FIRST(&s->grave)) != NULL) {
		TAILQ_REMOVE(&s->grave, st, data_link);
		stream_free_now(st);
	}
}

/*
 * A callback may release any other stream, so no pointer is kept from one
 * step to the next: who was visited goes to the tail of the list.
 */
void
session_fail(struct mux_session *s, bool (*which)(struct mux_stream *),
    uint8_t owed, uint32_t code, const char *text)
{
	struct mux_stream *st;

	for (size_t n = s->n_streams; n > 0; n--) {
		if ((st = TAILQ_FIRST(&s->all)) == NULL)
			return;
		TAILQ_REMOVE(&s->all, st, all_link);
		TAILQ_INSERT_TAIL(&s->all, st, all_link);
		if (st->send == SEND_DONE && st->recv == RECV_DONE)
			continue;
		if (which == NULL || which(st))
			stream_fail(st, owed, code, text);
	}
}

/* Every stream that has not ended learns, once, that it will not. */
static void
tell_all(struct mux_session *s)
{
	s->told = true;
	session_fail(s, NULL, 0, MUX_CARRIER_LOST, s->error);
}

static void
free_calls(struct mux_session *s)
{
	struct mux_call *c;

	while ((c = s->spare) != NULL) {
		s->spare = c->spare;
		free(c);
	}
	timers_release(&s->timers);
	items_release(&s->items);
	free(s->rest.buf);
}

void
mux_session_free(struct mux_session *s)
{
	struct mux_stream *st;

	if (s == NULL)
		return;
	assert(s->depth == 0);
	if (s->err == 0)
		session_fatal(s, MUX_E_LOST, 0, "session freed");
	s->depth++;
	if (!s->told)
		tell_all(s);
	while ((st = TAILQ_FIRST(&s->all)) != NULL) {
		TAILQ_REMOVE(&s->all, st, all_link);
		st->session = NULL;
		if (!st->attached)
			TAILQ_INSERT_TAIL(&s->grave, st, data_link);
	}
	bury_all(s);
	table_release(&s->ids);
	free_calls(s);
	ring_release(&s->out);
	free(s->refused.q);
	free(s->in.buf);
	free(s);
}

/* What must always hold; cheap enough for every call. */
static void
session_check(const struct mux_session *s)
{
	assert(s->out.len <= s->out.cap);
	assert(s->foreign_at <= s->out.len);
	assert(s->peer_slots + s->n_calls_in <= s->n_streams);
	assert(s->ids.n_used <= s->n_streams);
	assert(s->pool_used <= s->pool);
	assert(s->in.head_len <= FRAME_HEADER);
	assert(s->depth > 0 || TAILQ_EMPTY(&s->grave));
	(void)s;
}

void
session_enter(struct mux_session *s, uint64_t now)
{
	assert(s->depth == 0);
	s->depth = 1;
	s->now = max_u64(s->now, now);
	s->timed = true;
	calls_timed(s);
}

int
session_leave(struct mux_session *s)
{
	if (s->err != 0 && !s->told)
		tell_all(s);
	bury_all(s);
	s->depth = 0;
	s->timed = false;
	session_check(s);
	return s->err;
}

void
session_call_wake(struct mux_session *s)
{
	s->woken = true;
	if (s->ops->wake != NULL)
		s->ops->wake(s, s->arg);
}

void
session_owe(struct mux_session *s, uint8_t what)
{
	s->link_owed |= what;
	session_wake(s);
}

/* ---- the end ---- */

/* Code and sentence of the end; those of our own errors go out as GOODBYE. */
void
session_explain(struct mux_session *s, uint32_t code, const void *text,
    size_t len)
{
	struct text t;

	s->code = code;
	text_init(&t, s->error, sizeof(s->error));
	text_bytes(&t, text, len);
}

void
session_fatal(struct mux_session *s, int err, uint32_t code,
    const char *detail)
{
	if (s->err != 0)
		return;
	s->err = err;
	session_explain(s, code, detail, strlen(detail));
	/* a peer that has not said HELLO would not know the frame, one that
	 * waits for our answer must have that first, and one that said
	 * GOODBYE does not read */
	if (code != 0 && err != MUX_E_GOODBYE &&
	    s->mode == MUX_MODE_EXTENDED)
		s->link_owed = (s->link_owed & LINK_HELLO) | LINK_GOODBYE;
	else
		s->link_owed = 0;
	session_wake(s);
	if (s->depth == 0 && !s->told) {
		s->depth = 1;
		session_leave(s);
	}
}

void
session_violation(struct mux_session *s, uint32_t code, const char *detail)
{
	const char *name = mux_code_name(code);
	const struct frame *f = &s->in.f;
	char buf[ERROR_TEXT];
	struct text t;

	text_init(&t, buf, sizeof(buf));
	text_str(&t, name != NULL ? name : "protocol");
	text_str(&t, ": ");
	text_str(&t, detail);
	if (s->in.at_hand) {
		const char *word = mux_frame_name(f->type);

		text_str(&t, " (frame ");
		if (word != NULL)
			text_str(&t, word);
		else
			text_u64(&t, f->type);
		text_str(&t, ", id ");
		text_u64(&t, f->id);
		text_str(&t, ", length ");
		text_u64(&t, f->len);
		text_str(&t, ")");
	}
	session_fatal(s, MUX_E_PROTOCOL, code, buf);
}

/* Legal but useless: much of it is an attack (mux(7), Abuse). */
void
session_glitch(struct mux_session *s)
{
	if (!bucket_take(&s->glitches, 1, s->now))
		session_violation(s, MUX_F_ABUSE, "too many useless frames");
	else if (bucket_low(&s->glitches) && !s->draining &&
	    s->mode == MUX_MODE_EXTENDED)
		mux_session_drain(s, 30 * NS_PER_S, s->now);
}

void
mux_session_abort(struct mux_session *s, uint32_t code, const char *text)
{
	session_fatal(s, MUX_E_LOST, code, text != NULL ? text : "");
}

/* What would be new for the peer; what goes with a call that it made is not. */
static struct mux_stream *
first_new(const struct mux_session *s)
{
	struct mux_stream *st;

	TAILQ_FOREACH(st, &s->opening, data_link)
		if (!st->one_way)
			return st;
	return NULL;
}

void
mux_session_drain(struct mux_session *s, uint64_t grace, uint64_t now)
{
	struct mux_stream *st;

	s->now = max_u64(s->now, now);
	s->drain_at = min_u64(s->drain_at,
	    grace > NEVER - s->now ? NEVER : s->now + grace);
	if (s->draining || s->err != 0)
		return;
	s->draining = true;
	if (s->mode == MUX_MODE_EXTENDED)
		session_owe(s, LINK_GOODBYE);
	else
		s->goodbye_sent = true;
	while ((st = first_new(s)) != NULL)
		stream_fail(st, 0, MUX_UNAVAILABLE, "draining: not started");
	session_wake(s);
}

/* What has ended both ways only waits for its owner, not for the carrier. */
static bool
in_flight(const struct mux_session *s)
{
	const struct mux_stream *st;

	TAILQ_FOREACH(st, &s->all, all_link)
		if (st->send != SEND_DONE || st->recv != RECV_DONE)
			return true;
	return false;
}

static bool
unsent(const struct mux_session *s)
{
	return s->out.len > 0 || s->foreign_len > 0 || s->rest.buf != NULL ||
	    s->refused.n > 0 || s->link_owed != 0 || !TAILQ_EMPTY(&s->owed);
}

/* Is there anything that an S0 client may still listen for? */
static bool
answers_owed(const struct mux_session *s)
{
	return !s->cfg.initiator && s->mode == MUX_MODE_LEGACY &&
	    !s->in_ended && (in_flight(s) || unsent(s));
}

/* Nothing new can come, nor can what it paused be resumed. */
static void
last_heard(struct mux_session *s)
{
	struct mux_stream *st;

	s->in_ended = true;
	TAILQ_FOREACH(st, &s->all, all_link) {
		st->paused_peer = false;
		stream_schedule(st);
	}
	mux_session_drain(s, NEVER, s->now);
	/* also where a drain had begun before */
	session_wake(s);
}

int
mux_session_feed_eof(struct mux_session *s, uint64_t now)
{
	session_enter(s, now);
	if (s->err != 0)
		return session_leave(s);
	if (s->in.head_len == 0 && answers_owed(s)) {
		last_heard(s);
		return session_leave(s);
	}
	if (s->mode == MUX_MODE_HELLO && s->in.head_len != 0 &&
	    s->in.head_len < FRAME_HEADER)
		session_not_a_peer(s);
	else if (s->in.head_len != 0)
		session_fatal(s, MUX_E_LOST, MUX_F_TRUNCATED,
		    "closed by the peer inside a frame");
	else if (s->mode == MUX_MODE_HELLO)
		session_fatal(s, MUX_E_LOST, 0,
		    "closed by the peer before HELLO");
	else if (in_flight(s) || (s->in_ended && unsent(s)))
		session_fatal(s, MUX_E_LOST, 0, "closed by the peer");
	else
		session_fatal(s, MUX_E_DONE, 0, "closed by the peer");
	/* nobody is there to read it */
	s->link_owed = 0;
	return session_leave(s);
}

/* ---- the handshake ---- */

/* Limits are what the announcer accepts, never a minimum of both; only the
 * keepalive is agreed on: the smaller that is not 0. */
void
session_agree(struct mux_session *s, const struct hello *peer)
{
	uint64_t theirs = peer->keepalive_ms * NS_PER_MS;
	uint64_t ours = s->cfg.keepalive;

	s->peer = *peer;
	s->keepalive = theirs != 0 ? min_u64(theirs, ours) : ours;
	session_established(s, MUX_MODE_EXTENDED);
}

void
session_established(struct mux_session *s, enum mux_mode mode)
{
	s->mode = mode;
	s->handshake_at = NEVER;
	s->last_in = s->now;
	if (mode == MUX_MODE_EXTENDED)
		s->link_owed |= LINK_PING;
	/* drain was asked for before we knew whom to tell */
	if (s->draining && mode == MUX_MODE_EXTENDED) {
		s->link_owed |= LINK_GOODBYE;
		s->goodbye_sent = false;
	}
	if (s->ops->ready != NULL && s->depth > 0)
		s->ops->ready(s, s->arg);
	session_wake(s);
}

/* ---- deadlines ---- */

static uint64_t
input_deadline(const struct mux_session *s)
{
	if (s->in.head_len == 0)
		return NEVER;
	return s->in.began + s->cfg.stall +
	    s->in.got * (NS_PER_S / FRAME_RATE_MIN);
}

static uint64_t
output_deadline(const struct mux_session *s)
{
	if (s->out.len == 0 && s->foreign_len == 0)
		return NEVER;
	return s->out_moved + s->cfg.stall;
}

static uint64_t
keepalive_deadline(const struct mux_session *s)
{
	if (s->keepalive == NEVER)
		return NEVER;
	return s->last_in + s->keepalive * (s->missed + UINT64_C(1));
}

uint64_t
mux_session_deadline(const struct mux_session *s)
{
	uint64_t at;

	if (s->err != 0)
		return NEVER;
	at = min_u64(s->handshake_at, s->drain_at);
	at = min_u64(at, timers_next(&s->timers));
	at = min_u64(at, input_deadline(s));
	at = min_u64(at, output_deadline(s));
	return min_u64(at, keepalive_deadline(s));
}

static void
tick_stalls(struct mux_session *s)
{
	if (s->now >= s->handshake_at)
		session_fatal(s, MUX_E_TIMEOUT, 0,
		    "handshake: no HELLO in time");
	else if (s->now >= input_deadline(s))
		session_fatal(s, MUX_E_TIMEOUT, MUX_F_STALLED,
		    "stalled: a frame was begun and not finished");
	else if (s->now >= output_deadline(s))
		session_fatal(s, MUX_E_TIMEOUT, MUX_F_STALLED,
		    "stalled: the peer takes no bytes");
}

static void
tick_keepalive(struct mux_session *s)
{
	if (s->missed >= s->cfg.keepalive_missed) {
		session_fatal(s, MUX_E_TIMEOUT, MUX_F_KEEPALIVE,
		    "keepalive: the peer is silent");
		return;
	}
	s->missed++;
	session_owe(s, LINK_PING);
}

/* The grace is over: what is left is reset, and then we are done. */
static void
tick_drain(struct mux_session *s)
{
	s->drain_at = NEVER;
	if (s->mode == MUX_MODE_HELLO) {
		session_fatal(s, MUX_E_DONE, 0, "drained before HELLO");
		return;
	}
	/* 8 says of a call that it was not started: only its owner knows */
	session_fail(s, call_drained, OWE_ERROR, MUX_INDETERMINATE,
	    "drained while it was under way");
	session_fail(s, NULL, OWE_RESET, MUX_UNAVAILABLE, "drained");
	/* nor does anybody wait for answers to calls that were given up */
	for (struct mux_stream *st = TAILQ_FIRST(&s->all), *next; st != NULL;
	    st = next) {
		next = TAILQ_NEXT(st, all_link);
		st->unanswered = false;
		stream_settle(st);
	}
	session_wake(s);
}

static void
tick_calls(struct mux_session *s)
{
	struct timer *t;

	while (s->err == 0 && (t = timers_due(&s->timers, s->now)) != NULL)
		call_due(s, t);
}

int
mux_session_tick(struct mux_session *s, uint64_t now)
{
	session_enter(s, now);
	if (s->err == 0)
		tick_stalls(s);
	if (s->err == 0 && s->now >= keepalive_deadline(s))
		tick_keepalive(s);
	tick_calls(s);
	if (s->err == 0 && s->now >= s->drain_at)
		tick_drain(s);
	return session_leave(s);
}

void
mux_session_ping(struct mux_session *s, uint64_t now)
{
	s->now = max_u64(s->now, now);
	if (s->mode != MUX_MODE_EXTENDED || s->err != 0)
		return;
	session_owe(s, LINK_PING);
}

/* ---- tap, figures ---- */

void
session_call_tap(struct mux_session *s, bool out, const struct frame *f,
    const uint8_t *data, size_t off, size_t n)
{
	struct mux_tap tap;

	tap = (struct mux_tap){ .out = out, .type = f->type,
	    .flags = f->flags, .len = f->len, .id = f->id, .data = data,
	    .off = off, .n = n, .now = s->now };
	s->ops->tap(s, &tap, s->arg);
}

uint32_t
session_frame_size(const struct mux_session *s)
{
	uint32_t n = pace_frame(&s->pace);

	if (s->now < s->calm_until && n > PACE_CALM)
		n = PACE_CALM;
	return n < s->peer.max_frame ? n : s->peer.max_frame;
}

enum mux_mode
mux_session_mode(const struct mux_session *s)
{
	return s->mode;
}

uint32_t
mux_session_code(const struct mux_session *s)
{
	return s->code;
}

const char *
mux_session_error(const struct mux_session *s)
{
	return s->error;
}

void
mux_session_stats(const struct mux_session *s, struct mux_session_stats *out)
{
	*out = s->stats;
	out->streams = s->n_streams;
	out->wire_live = s->peer_live + s->our_live;
	out->peer_slots = s->peer_slots;
	out->charge = s->mode == MUX_MODE_LEGACY ? 0 : s->charge;
	out->calls_out = s->our_calls;
	out->calls_in = s->peer_calls;
	out->peer_max_calls = s->peer.max_calls;
	out->budget = s->pool_used;
	out->srtt = s->rtt.srtt;
	out->min_rtt = s->rtt.min;
	out->frame_size = session_frame_size(s);
	out->window = s->cfg.window;
	out->peer_window = s->peer.window;
	out->peer_max_frame = s->peer.max_frame;
	out->peer_max_streams = s->peer.max_streams;
	out->draining = s->draining || s->peer_draining;
}

static struct mux_stream *
next_of(const struct mux_session *s, struct mux_stream *st, bool call)
{
	do
		st = st == NULL ? TAILQ_FIRST(&s->all) :
		    TAILQ_NEXT(st, all_link);
	while (st != NULL && (st->kind != KIND_STREAM) != call);
	return st;
}

struct mux_stream *
mux_session_next(const struct mux_session *s, struct mux_stream *prev)
{
	return next_of(s, prev, false);
}

struct mux_call *
mux_session_next_call(const struct mux_session *s, struct mux_call *prev)
{
	return call_of(next_of(s, prev != NULL ? &prev->st : NULL, true));
}

struct mux_call *
mux_session_find_call(const struct mux_session *s, uint64_t id)
{
	struct mux_stream *st = session_find(s, id);

	return st != NULL && st->kind != KIND_STREAM && st->attached ?
	    call_of(st) : NULL;
}
