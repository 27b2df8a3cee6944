/*
 * handlers.c - what each frame does: one handler for each row of the frame
 * table, called with a frame that session_in.c found well formed.  The state
 * of a stream decides by stream_verdict(); acting is done here.  Invariant:
 * a per-id error costs its stream and a token, a fatal one the session, and
 * nothing that a peer sends costs more.
 */
#include "bytes.h"
#include "session.h"
#include "text.h"

typedef void handler(struct mux_session *s, const struct frame *f,
    const uint8_t *p);

#define FRAME(n, name, word, ids, flags, min, max, modes, sliced) \
	static handler on_##word;
FRAME_TABLE(FRAME)
#undef FRAME

static handler *const handlers[FT_TYPES] = {
#define FRAME(n, name, word, ids, flags, min, max, modes, sliced) \
	[n] = on_##word,
	FRAME_TABLE(FRAME)
#undef FRAME
};

/* ---- finding the stream ---- */

static bool
never_opened(const struct mux_session *s, uint64_t id)
{
	return id > (session_ours(s, id) ? s->our_mark : s->peer_mark);
}

/*
 * We ended it and could not say so yet.  If the peer has ended it as well it
 * counts it no more, and may open another one at once: so must we.
 */
static bool
ended_there(const struct mux_stream *st, const struct frame *f)
{
	if (f->type == FT_RESET || f->type == FT_ERROR)
		return true;
	return st->end_sent && (f->type == FT_STREAM_END ||
	    (f->type == FT_STREAM_DATA && (f->flags & FRAME_FIN) != 0));
}

/* Is the id of the kind that this type is about? */
static bool
right_kind(struct mux_session *s, const struct mux_stream *st,
    const struct frame *f)
{
	uint8_t want = st->kind == KIND_STREAM ? ID_STREAM : ID_CALL;

	if ((frame_row(f->type)->ids & want) != 0)
		return true;
	session_violation(s, MUX_F_PROTOCOL, want == ID_STREAM ?
	    "the id is a stream" : "the id is a call");
	return false;
}

/* The live stream or call of the frame, or NULL: then the frame is over
 * with. */
static struct mux_stream *
find(struct mux_session *s, const struct frame *f)
{
	struct mux_stream *st = table_get(&s->ids, f->id);

	if (st != NULL && (st->owed & OWE_LAST) == 0)
		return right_kind(s, st, f) ? st : NULL;
	if (st == NULL && never_opened(s, f->id)) {
		session_violation(s, MUX_F_NEVER_OPENED, "never-opened id");
		return NULL;
	}
	s->stats.ignored++;
	if (st != NULL && st->kind == KIND_STREAM && ended_there(st, f))
		stream_forget(st);
	return NULL;
}

struct mux_stream *
session_find_live(struct mux_session *s, const struct frame *f)
{
	return find(s, f);
}

/* The same for a frame about what we send, which may have ended already. */
static struct mux_stream *
find_sender(struct mux_session *s, const struct frame *f)
{
	struct mux_stream *st = find(s, f);

	if (st == NULL || stream_verdict(st, EV_SENDER) != IGNORE)
		return st;
	s->stats.ignored++;
	return NULL;
}

/* A per-id error that the peer provoked: it pays for it (R11). */
static void
blame(struct mux_session *s, struct mux_stream *st, uint32_t code)
{
	bool refusal = st->by_peer && !st->accepted;

	if (!bucket_take(&s->resets, 1, s->now)) {
		session_violation(s, MUX_F_ABUSE, "too many resets");
		return;
	}
	stream_fail(st, refusal ? OWE_ERROR : OWE_RESET, code,
	    mux_code_name(code));
}

/*
 * Every well-formed open raises the mark before any policy.  `late`: it may
 * come after GOODBYE.  0: go on.
 */
static int
take_open(struct mux_session *s, const struct frame *f, bool late)
{
	if (session_ours(s, f->id))
		session_violation(s, MUX_F_PARITY, "an id of our parity");
	else if (f->id <= s->peer_mark)
		session_violation(s, MUX_F_ID_REUSED, "not a new id");
	else if (s->peer_draining && !late)
		session_violation(s, MUX_F_PROTOCOL, "open after GOODBYE");
	if (s->err != 0)
		return -1;
	s->peer_mark = f->id;
	/* above the last id that we named: it knows that nothing comes */
	return s->draining && s->goodbye_sent ? -1 : 0;
}

int
session_take_open(struct mux_session *s, const struct frame *f)
{
	return take_open(s, f, false);
}

/*
 * The EXT block, if there is one, and the body behind it, of at least min and
 * at most max bytes.  False after a violation.
 */
static bool
split(struct mux_session *s, const struct frame *f, const uint8_t *p,
    size_t min, size_t max, struct rd *ext, struct rd *body)
{
	uint32_t code = 0;

	rd_init(ext, p, 0);
	rd_init(body, p, f->len);
	if ((f->flags & FRAME_EXT) != 0)
		code = !ext_split(p, f->len, ext, body) ? MUX_F_BAD_FRAME :
		    ext->n > s->cfg.max_meta + FRAME_EXT_MORE ?
		    MUX_F_METADATA : ext_check(*ext);
	if (code != 0)
		session_violation(s, code, "EXT block");
	else if (body->n < min || body->n > max)
		session_violation(s, MUX_F_BAD_FRAME, "illegal body length");
	return s->err == 0;
}

/* ---- calls: their beginnings are call_in.c's ---- */

/* The payload is through. */
static void
on_request(struct mux_session *s, const struct frame *f, const uint8_t *p)
{
	struct mux_stream *st = s->in.st;

	(void)p;
	s->in.st = NULL;
	if (st != NULL && (f->flags & FRAME_MORE) == 0 &&
	    st->recv != RECV_DONE)
		stream_ended(st);
}

static void
on_response(struct mux_session *s, const struct frame *f, const uint8_t *p)
{
	struct mux_stream *st = s->in.st;

	(void)p;
	s->in.st = NULL;
	if (st != NULL && (f->flags & FRAME_MORE) == 0)
		call_answered(call_of(st));
}

/* ---- opening ---- */

struct start {
	struct rd target;
	struct mux_request q;
	uint64_t parent;
	uint32_t window, code;
	uint8_t priority, mode;
	bool method;
};

/* The tags that only STREAM_START has. */
static bool
start_item(void *arg, const struct ext_item *it)
{
	struct start *a = arg;

	if (it->tag == TAG_TARGET && it->len > 0)
		rd_init(&a->target, it->value, it->len);
	else if (it->tag == TAG_WINDOW && it->len == 4)
		a->window = get_le32(it->value);
	else if (it->tag == TAG_MODE && it->len == 1)
		a->mode = it->value[0];
	else if (it->tag == TAG_PARENT && it->len == 8)
		a->parent = get_le64(it->value);
	else if (it->tag != TAG_METHOD)
		return false;
	/* this one is a request's as well */
	a->method = a->method || it->tag == TAG_METHOD;
	return it->tag != TAG_METHOD;
}

/* False after a violation. */
static bool
start_read(struct mux_session *s, const struct frame *f, const uint8_t *p,
    struct start *a)
{
	struct rd ext, body;

	*a = (struct start){ .q = { .size = sizeof(a->q) } };
	rd_init(&a->target, NULL, 0);
	if (!split(s, f, p, 0, FRAME_BODY_MAX, &ext, &body))
		return false;
	a->code = request_read(&s->items, ext, &a->q, start_item, a);
	a->q.body = body.p;
	a->q.body_len = body.n;
	a->priority = a->q.have_priority ? a->q.priority : STREAM_PRIORITY;
	if (a->window > CREDIT_MAX - s->peer.window) {
		session_violation(s, MUX_F_FLOW, "window over 2^31-1");
		return false;
	}
	return true;
}

/* 0, or the code of the refusal. */
static uint32_t
start_judge(const struct mux_session *s, const struct start *a)
{
	bool calls = s->ops->call != NULL;

	if (a->method && !calls)
		return MUX_UNKNOWN_METHOD;
	if (a->code != 0)
		return a->code;
	if (a->mode != 0 && a->mode != MODE_ONE_WAY)
		return MUX_UNSUPPORTED;
	if (a->target.n > TARGET_MAX || (a->target.n > 0 &&
	    memchr(a->target.p, 0, a->target.n) != NULL))
		return MUX_INVALID_PAYLOAD;
	if (a->target.n == 0 && !a->method && a->parent == 0)
		return MUX_INVALID_PAYLOAD;
	/* slots are held until the work is gone, ids are not (mux(7)) */
	if (s->peer_slots > s->cfg.max_streams)
		return MUX_REFUSED;
	return 0;
}

/* One way, and of a call: not new, but more of what goes on. */
static bool
goes_on(const struct frame *f, const uint8_t *p)
{
	bool parent = false, one_way = false;
	struct ext_item it;
	struct rd ext, body;

	if ((f->flags & FRAME_EXT) == 0 || !ext_split(p, f->len, &ext, &body))
		return false;
	while (ext_next(&ext, &it)) {
		if (it.tag == TAG_PARENT && it.len == 8)
			parent = true;
		else if (it.tag == TAG_MODE && it.len == 1)
			one_way = it.value[0] == MODE_ONE_WAY;
	}
	return parent && one_way;
}

static void
on_start(struct mux_session *s, const struct frame *f, const uint8_t *p)
{
	struct mux_open o = { .size = sizeof(o), .have_priority = true };
	struct mux_stream *st;
	struct start a;
	uint32_t code;

	if (take_open(s, f, s->peer_draining && goes_on(f, p)) < 0 ||
	    !start_read(s, f, p, &a) ||
	    (st = session_admit(s, false, f->id)) == NULL)
		return;
	st->tx.limit += a.window;
	st->priority = a.priority;
	if ((code = start_judge(s, &a)) != 0) {
		mux_stream_refuse(st, code, NULL);
		return;
	}
	o.target = a.target.n > 0 ? (const char *)a.target.p : NULL;
	o.target_len = a.target.n;
	o.priority = a.priority;
	o.request = a.method ? &a.q : NULL;
	o.parent = a.parent;
	o.one_way = a.mode == MODE_ONE_WAY;
	if (o.one_way)
		stream_set_send(st, SEND_DONE);
	if (s->ops->open != NULL)
		s->ops->open(s, st, &o, s->arg);
	if (st->dead)
		return;
	if (!st->attached)
		mux_stream_refuse(st, MUX_UNSUPPORTED, NULL);
	if ((f->flags & FRAME_FIN) != 0 && st->recv != RECV_DONE)
		stream_ended(st);
}

static bool
has_critical(struct rd *ext)
{
	struct ext_item it;

	while (ext_next(ext, &it))
		if (it.critical)
			return true;
	return false;
}

static void
on_ok(struct mux_session *s, const struct frame *f, const uint8_t *p)
{
	struct mux_stream *st;
	struct rd ext, body;

	if (!split(s, f, p, 4, 4, &ext, &body) || (st = find(s, f)) == NULL)
		return;
	if (st->by_peer || st->accepted) {
		blame(s, st, MUX_F_PROTOCOL);
		return;
	}
	if (has_critical(&ext)) {
		blame(s, st, MUX_UNSUPPORTED);
		return;
	}
	if (!credit_tx_grant(&st->tx, rd_u32(&body))) {
		session_violation(s, MUX_F_FLOW, "window over 2^31-1");
		return;
	}
	st->accepted = true;
	stream_schedule(st);
	if (st->attached && st->ops->accepted != NULL)
		st->ops->accepted(st, st->arg);
}

/* ---- data and ends ---- */

/* The acceptor must answer before it speaks. */
static bool
too_early(struct mux_session *s, const struct mux_stream *st)
{
	if (st->by_peer || st->accepted)
		return false;
	session_violation(s, MUX_F_PROTOCOL, "data before STREAM_OK");
	return true;
}

/* At the header: state, credit and length are judged for the whole frame. */
void
session_data_begin(struct mux_session *s)
{
	const struct frame *f = &s->in.f;
	struct mux_stream *st = find(s, f);
	enum verdict v;

	if (st == NULL || too_early(s, st))
		return;
	if ((f->flags & FRAME_MORE) != 0) {
		session_violation(s, MUX_F_BAD_FRAME, "MORE on a byte stream");
		return;
	}
	if ((v = stream_verdict(st, EV_DATA)) == AFTER_END) {
		blame(s, st, MUX_F_AFTER_END);
		return;
	}
	if (!credit_rx_receive(&st->rx, f->len)) {
		session_violation(s, MUX_F_FLOW, "data beyond credit");
		return;
	}
	if (f->len == 0 && (f->flags & FRAME_FIN) == 0)
		session_glitch(s);
	s->stats.bytes_in += f->len;
	session_note_size(s, st, f->len);
	s->in.st = st;
	s->in.deliver = v == DO;
	if (v == DISCARD)
		stream_consumed(st, f->len);
}

void
session_data_slice(struct mux_session *s, const uint8_t *p, size_t n)
{
	struct mux_stream *st = s->in.st;

	if (st == NULL || !s->in.deliver)
		return;
	/* stopped or released meanwhile: nobody will consume the rest */
	if (st->recv != RECV_OPEN || !st->attached) {
		stream_consumed(st, n);
		return;
	}
	if (st->ops->data != NULL)
		st->ops->data(st, p, n, st->arg);
	else
		mux_stream_consume(st, n);
}

/* The payload is through: FIN is the end behind its last byte. */
static void
on_data(struct mux_session *s, const struct frame *f, const uint8_t *p)
{
	struct mux_stream *st = s->in.st;

	(void)p;
	s->in.st = NULL;
	if (st != NULL && (f->flags & FRAME_FIN) != 0 &&
	    st->recv != RECV_DONE)
		stream_ended(st);
}

static void
on_end(struct mux_session *s, const struct frame *f, const uint8_t *p)
{
	struct mux_stream *st = find(s, f);

	(void)p;
	if (st == NULL || too_early(s, st))
		return;
	if (stream_verdict(st, EV_END) == AFTER_END)
		blame(s, st, MUX_F_AFTER_END);
	else
		stream_ended(st);
}

/* ---- endings by code ---- */

/* Code and text into `buf`, as a string. */
static uint32_t
read_code(struct rd *r, char *buf, size_t cap)
{
	uint32_t code = rd_u32(r);
	struct text t;

	text_init(&t, buf, cap);
	text_bytes(&t, r->p, r->n);
	return code;
}

/*
 * Third-party TCP resets pass freely; opens that were never used do not,
 * whichever frame takes them back.  False after a violation.
 */
static bool
may_reset(struct mux_session *s, const struct mux_stream *st)
{
	if (!st->by_peer || (st->accepted && st->rx.consumed > 0) ||
	    bucket_take(&s->resets, 1, s->now))
		return true;
	session_violation(s, MUX_F_ABUSE, "too many resets");
	return false;
}

static void
on_error(struct mux_session *s, const struct frame *f, const uint8_t *p)
{
	char text[FRAME_TEXT_MAX + 1];
	struct mux_stream *st;
	struct rd ext, body;
	uint32_t code;

	if (!split(s, f, p, 4, 4 + FRAME_TEXT_MAX, &ext, &body) ||
	    (st = find(s, f)) == NULL)
		return;
	code = read_code(&body, text, sizeof(text));
	if (st->kind == KIND_CALLEE)
		session_violation(s, MUX_F_PROTOCOL, "the answer is ours");
	else if (st->kind == KIND_CALLER)
		call_error(call_of(st), code, text, ext);
	else if (may_reset(s, st))
		stream_fail(st, 0, code, text);
}

static void
on_reset(struct mux_session *s, const struct frame *f, const uint8_t *p)
{
	struct mux_stream *st = find(s, f);
	char text[FRAME_TEXT_MAX + 1];
	struct rd r;
	uint32_t code;

	if (st == NULL)
		return;
	s->stats.resets_in++;
	if (!may_reset(s, st))
		return;
	rd_init(&r, p, f->len);
	code = read_code(&r, text, sizeof(text));
	stream_fail(st, 0, code, text);
}

static void
on_cancel(struct mux_session *s, const struct frame *f, const uint8_t *p)
{
	struct mux_stream *st;

	if (f->len != 0 && f->len != 4)
		session_violation(s, MUX_F_BAD_FRAME, "illegal length");
	else if ((st = find_sender(s, f)) == NULL)
		return;
	else if (st->kind == KIND_CALLER)
		session_violation(s, MUX_F_PROTOCOL, "the call is ours");
	else if (st->kind == KIND_CALLEE)
		call_cancelled(call_of(st), f->len == 4 ? get_le32(p) : 0);
	else if (may_reset(s, st))
		stream_fail(st, OWE_ERROR, MUX_CANCELLED, "cancelled");
}

static void
on_stop(struct mux_session *s, const struct frame *f, const uint8_t *p)
{
	struct mux_stream *st = find_sender(s, f);

	if (st == NULL)
		return;
	st->ready = false;
	stream_schedule(st);
	stream_set_send(st, SEND_ENDING);
	stream_owe(st, OWE_END);
	if (st->attached && st->ops->stopped != NULL)
		st->ops->stopped(st, get_le32(p), st->arg);
}

/* ---- flow ---- */

static void
on_credit(struct mux_session *s, const struct frame *f, const uint8_t *p)
{
	struct mux_stream *st = find_sender(s, f);
	uint32_t n = get_le32(p);

	if (st == NULL)
		return;
	if (n == 0)
		blame(s, st, MUX_F_FLOW);
	else if (!credit_tx_grant(&st->tx, n))
		session_violation(s, MUX_F_FLOW, "credit over 2^31-1");
	else
		stream_schedule(st);
}

static void
set_pause(struct mux_session *s, const struct frame *f, bool on)
{
	struct mux_stream *st;
	bool was;

	if (id_local(f->id) == 0) {
		was = s->paused_peer;
		s->paused_peer = on;
		session_wake(s);
	} else if ((st = find_sender(s, f)) != NULL) {
		was = st->paused_peer;
		st->paused_peer = on;
		stream_schedule(st);
	} else {
		return;
	}
	if (was == on)
		session_glitch(s);
}

static void
on_pause(struct mux_session *s, const struct frame *f, const uint8_t *p)
{
	(void)p;
	set_pause(s, f, true);
}

static void
on_resume(struct mux_session *s, const struct frame *f, const uint8_t *p)
{
	(void)p;
	set_pause(s, f, false);
}

static void
on_priority(struct mux_session *s, const struct frame *f, const uint8_t *p)
{
	struct mux_stream *st;

	if (p[0] > 7) {
		session_violation(s, MUX_F_BAD_FRAME, "priority over 7");
		return;
	}
	if ((st = find_sender(s, f)) == NULL)
		return;
	if (st->priority == p[0])
		session_glitch(s);
	st->priority = p[0];
}

/* ---- the link ---- */

static void
on_ping(struct mux_session *s, const struct frame *f, const uint8_t *p)
{
	session_glitch(s);
	/* one slot, newest wins: PONG n answers all pings up to n */
	s->pong_id = f->id;
	s->pong_len = (uint8_t)f->len;
	memcpy(s->pong, p, f->len);
	session_owe(s, LINK_PONG);
}

static void
on_pong(struct mux_session *s, const struct frame *f, const uint8_t *p)
{
	uint64_t rtt;

	(void)p;
	if (!s->ping_open || f->id != s->ping_id) {
		s->stats.ignored++;
		return;
	}
	s->ping_open = false;
	rtt = max_u64(s->now - s->ping_at, 1);
	rtt_sample(&s->rtt, rtt, s->now);
	if (s->ops->pong != NULL)
		s->ops->pong(s, rtt, s->arg);
}

/* Streams of ours above the peer's last id were never started. */
static bool
not_started(struct mux_stream *st)
{
	return !st->by_peer &&
	    (!st->named || st->id > st->session->peer_last);
}

static void
on_goodbye(struct mux_session *s, const struct frame *f, const uint8_t *p)
{
	char text[FRAME_TEXT_MAX + 1];
	struct rd r;
	uint32_t code;
	uint64_t last;
	struct text t;

	rd_init(&r, p, f->len);
	code = rd_u32(&r);
	last = rd_u64(&r);
	text_init(&t, text, sizeof(text));
	text_bytes(&t, r.p, r.n);
	if (code != 0) {
		/* it still tells what was never started */
		if (!s->peer_draining || last < s->peer_last)
			s->peer_last = last;
		s->peer_draining = true;
		session_fatal(s, MUX_E_GOODBYE, code, text);
		return;
	}
	if (s->peer_draining && last > s->peer_last) {
		session_violation(s, MUX_F_PROTOCOL, "GOODBYE raises last id");
		return;
	}
	s->peer_draining = true;
	s->peer_last = last;
	session_fail(s, not_started, 0, MUX_UNAVAILABLE,
	    "draining: not started");
	if (s->ops->drain != NULL)
		s->ops->drain(s, s->arg);
}

/* ---- not brought to life yet: refused as mux(7) says ---- */

static void
on_connect(struct mux_session *s, const struct frame *f, const uint8_t *p)
{
	uint16_t conn = id_conn(f->id);
	struct rd ext, body;

	if (!split(s, f, p, 0, 0, &ext, &body))
		return;
	if (conn == 0)
		session_violation(s, MUX_F_ID_ZERO, "connection 0 exists");
	else if (session_ours(s, conn))
		session_violation(s, MUX_F_PARITY, "a number of our parity");
	else if (conn <= s->peer_conn_mark)
		session_violation(s, MUX_F_ID_REUSED, "not a new connection");
	if (s->err != 0)
		return;
	s->peer_conn_mark = conn;
	if (!s->draining || !s->goodbye_sent)
		session_refuse(s, f->id, MUX_UNSUPPORTED, FT_REJECT, false);
}

static void
on_accept(struct mux_session *s, const struct frame *f, const uint8_t *p)
{
	(void)f;
	(void)p;
	session_violation(s, MUX_F_UNKNOWN_CONN, "nobody asked");
}

static void
on_reject(struct mux_session *s, const struct frame *f, const uint8_t *p)
{
	on_accept(s, f, p);
}

static void
on_datagram(struct mux_session *s, const struct frame *f, const uint8_t *p)
{
	(void)f;
	(void)p;
	s->stats.datagrams_dropped++;
	session_glitch(s);
}

static void
on_join(struct mux_session *s, const struct frame *f, const uint8_t *p)
{
	struct mux_stream *st;

	(void)p;
	if (take_open(s, f, false) == 0 &&
	    (st = session_admit(s, false, f->id)) != NULL)
		mux_stream_refuse(st, MUX_UNSUPPORTED, NULL);
}

static void
on_leave(struct mux_session *s, const struct frame *f, const uint8_t *p)
{
	(void)p;
	if (find(s, f) != NULL)
		session_violation(s, MUX_F_PROTOCOL, "the id is a stream");
}

static void
on_ready(struct mux_session *s, const struct frame *f, const uint8_t *p)
{
	on_leave(s, f, p);
}

static void
on_msg(struct mux_session *s, const struct frame *f, const uint8_t *p)
{
	on_leave(s, f, p);
}

void
session_handle(struct mux_session *s, const struct frame *f,
    const uint8_t *payload)
{
	handlers[f->type](s, f, payload);
}
