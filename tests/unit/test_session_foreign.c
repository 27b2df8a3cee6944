/*
 * Payload that does not pass through the session: it counts such bytes, in
 * both directions, and never sees them.  Here a pipe is a number, so that
 * every order of events can be had without one.
 */
#include "raw.h"

#define F(n)	(UINT32_C(0x80000000) | (n))

/* An owner with a pipe in front of it and one behind it. */
struct mover {
	struct mux_stream *st;
	uint64_t offer;			/* fill() has so many foreign bytes */
	uint64_t small;			/* or so many in memory */
	bool end, willing;
	size_t asked, limit, max;
	uint64_t got, eofs, resets;
};

static size_t
mover_fill(struct mux_stream *st, void *buf, size_t max, size_t limit,
    unsigned *flags, void *arg)
{
	struct mover *m = arg;
	size_t n = m->small;

	(void)st;
	m->max = max;
	m->limit = limit;
	if (n > 0) {
		memset(buf, 's', n);
		m->small = 0;
		return n;
	}
	n = m->offer < limit ? m->offer : limit;
	m->offer -= n;
	if (n > 0)
		*flags |= MUX_FILL_FOREIGN;
	if (m->end && m->offer == 0)
		*flags |= MUX_FILL_END;
	return n;
}

static void
mover_data(struct mux_stream *st, const void *p, size_t n, void *arg)
{
	struct mover *m = arg;

	(void)p;
	m->got += n;
	mux_stream_consume(st, n);
}

static bool
mover_foreign(struct mux_stream *st, size_t n, void *arg)
{
	struct mover *m = arg;

	(void)st;
	m->asked = n;
	return m->willing;
}

static void
mover_eof(struct mux_stream *st, void *arg)
{
	(void)st;
	((struct mover *)arg)->eofs++;
}

static void
mover_reset(struct mux_stream *st, uint32_t code, const char *text,
    void *arg)
{
	(void)st;
	(void)code;
	(void)text;
	((struct mover *)arg)->resets++;
}

static const struct mux_stream_ops mover_ops = {
	.size = sizeof(mover_ops), .fill = mover_fill, .data = mover_data,
	.foreign = mover_foreign, .eof = mover_eof, .reset = mover_reset,
};

/* A session with one stream of ours, id 1, accepted; windows of 1 MiB. */
static void
begin(struct raw *r, struct mover *m)
{
	struct mux_open open = { .size = sizeof(open), .target = "t",
	    .target_len = 1 };
	struct greeting g = { .window = MIB, .max_frame = MIB };
	struct mux_config cfg = { .window = 256 * KIB, .memory = 64 * MIB,
	    .max_streams = MUX_NONE, .max_open = 16, .max_calls = MUX_NONE };

	memset(m, 0, sizeof(*m));
	m->willing = true;
	raw_greet(r, &cfg, true, &g);
	if (mux_stream_open(r->s, &open, &mover_ops, m, &m->st) != 0)
		abort();
	raw_skip(r);
	raw_u32(r, OK, 1, 0);
}

static void
finish(struct raw *r, struct mover *m)
{
	mux_stream_release(m->st);
	raw_free(r);
}

static struct mux_out
peek(struct raw *r)
{
	struct mux_out o;

	raw_note(r, mux_session_pull(r->s, r->now));
	mux_session_peek(r->s, &o);
	return o;
}

static bool
header(const struct mux_out *o, size_t at, unsigned type, unsigned flags,
    uint64_t id, uint64_t len)
{
	const uint8_t *p = (const uint8_t *)o->data + at;

	return o->len >= at + HEAD && get_n(p, 4) == len &&
	    get_n(p + 4, 8) == id && p[12] == type && p[13] == flags;
}

/* ---- sending ---- */

static void
sends(void)
{
	struct mux_stream_stats st;
	struct mux_out o;
	struct mover m;
	struct raw r;

	begin(&r, &m);
	m.offer = 100000;
	mux_stream_ready(m.st);
	o = peek(&r);
	is_u64(m.limit, 64 * KIB, "a foreign frame may be a whole frame");
	ok(m.max < m.limit, "more than what fits into the buffer");
	ok(o.len == HEAD && o.foreign == 64 * KIB &&
	    header(&o, 0, DATA, 0, 1, 64 * KIB),
	    "a header, and that foreign bytes follow");
	mux_stream_stats(m.st, &st);
	is_u64(st.sent, 64 * KIB, "they are paid for");
	raw_empty(&r, PING, 0, 9);
	o = peek(&r);
	ok(o.len == HEAD && o.foreign == 64 * KIB,
	    "nothing gets between header and payload");
	mux_session_sent(r.s, HEAD - 1, r.now);
	o = peek(&r);
	ok(o.len == 1 && o.foreign == 64 * KIB, "a header but for a byte");
	mux_session_sent(r.s, 1 + 10000, r.now);
	o = peek(&r);
	ok(o.len == 0 && o.foreign == 64 * KIB - 10000,
	    "then a part of the payload");
	mux_session_sent(r.s, 64 * KIB - 10000, r.now);
	o = peek(&r);
	ok(o.foreign == 100000 - 64 * KIB && o.len == 2 * HEAD &&
	    header(&o, 0, PONG, 0, 9, 0) &&
	    header(&o, HEAD, DATA, 0, 1, 100000 - 64 * KIB),
	    "what waited, then the next foreign frame");
	mux_session_sent(r.s, o.len + o.foreign, r.now);
	o = peek(&r);
	ok(o.len == 0 && o.foreign == 0, "that was all");
	finish(&r, &m);
}

/* Small bytes of others do not pass a foreign payload that is committed. */
static void
one_at_a_time(void)
{
	struct mux_out o;
	struct mover a, b;
	struct mux_open open = { .size = sizeof(open), .target = "t",
	    .target_len = 1 };
	struct raw r;

	begin(&r, &a);
	memset(&b, 0, sizeof(b));
	if (mux_stream_open(r.s, &open, &mover_ops, &b, &b.st) != 0)
		abort();
	raw_skip(&r);
	a.offer = 50000;
	b.small = 100;
	mux_stream_ready(a.st);
	mux_stream_ready(b.st);
	o = peek(&r);
	ok(o.len == HEAD && o.foreign == 50000, "one foreign frame");
	o = peek(&r);
	ok(o.len == HEAD && b.small == 100, "nothing is asked behind it");
	mux_session_sent(r.s, HEAD + 50000, r.now);
	o = peek(&r);
	ok(o.len == HEAD + 100 && o.foreign == 0 &&
	    header(&o, 0, DATA, 0, 3, 100), "until it has left");
	mux_stream_release(b.st);
	finish(&r, &a);
}

/* Memory and foreign payload in one go, as writev and splice would. */
static void
mixed(void)
{
	struct mux_out o;
	struct mover m;
	struct raw r;

	begin(&r, &m);
	m.small = 1000;
	m.offer = 40000;
	m.end = true;
	mux_stream_ready(m.st);
	o = peek(&r);
	ok(o.len == HEAD + 1000 + HEAD && o.foreign == 40000 &&
	    header(&o, 0, DATA, 0, 1, 1000) &&
	    header(&o, HEAD + 1000, DATA, FIN, 1, 40000),
	    "bytes, a header with FIN, foreign bytes");
	mux_session_sent(r.s, o.len + 39999, r.now);
	o = peek(&r);
	ok(o.len == 0 && o.foreign == 1, "all but one");
	finish(&r, &m);
}

/* A header that is out is a debt, whatever becomes of its stream. */
static void
debt(bool ours)
{
	struct mux_out o;
	struct mover m;
	struct wire w;
	struct raw r;

	begin(&r, &m);
	m.offer = 40000;
	mux_stream_ready(m.st);
	o = peek(&r);
	if (ours)
		mux_stream_reset(m.st, 16, NULL);
	else
		raw_u32(&r, STOP, 1, 3);
	o = peek(&r);
	ok(o.len == HEAD && o.foreign == 40000, "%s: the debt stays",
	    ours ? "reset" : "stopped");
	mux_session_sent(r.s, HEAD + 40000, r.now);
	ok(raw_next(&r, &w) && w.type == (ours ? RESET : END) && w.id == 1,
	    "what is to be said follows behind");
	finish(&r, &m);
	begin(&r, &m);
	m.offer = 40000;
	mux_stream_ready(m.st);
	peek(&r);
	raw_empty(&r, 12, 0, 0);
	o = peek(&r);
	ok(o.len == HEAD && o.foreign == 40000 && m.resets == 1,
	    "the session is over: the debt stays");
	mux_session_sent(r.s, HEAD + 40000, r.now);
	ok(raw_next(&r, &w) && w.type == GOODBYE, "then the last word");
	finish(&r, &m);
}

/* Time without progress counts for foreign bytes as well. */
static void
stalls(void)
{
	struct mover m;
	struct raw r;

	begin(&r, &m);
	m.offer = 40000;
	mux_stream_ready(m.st);
	peek(&r);
	mux_session_sent(r.s, HEAD, r.now);
	raw_tick(&r, 30 * SEC - 1);
	mux_session_sent(r.s, 1, r.now);
	raw_tick(&r, 30 * SEC - 1);
	ok(r.err == 0, "a byte in 30 s");
	raw_tick(&r, 1);
	ok(r.err == MUX_E_TIMEOUT && mux_session_code(r.s) == F(19),
	    "none: stalled");
	finish(&r, &m);
}

/* ---- receiving ---- */

static void
head(struct raw *r, unsigned flags, size_t len)
{
	uint8_t p[HEAD];

	put_head(p, DATA, flags, 1, len);
	raw_bytes(r, p, HEAD);
}

static void
payload(struct raw *r, size_t n)
{
	static const uint8_t zeros[256 * KIB];

	raw_bytes(r, zeros, n);
}

static size_t
foreign(const struct raw *r)
{
	struct mux_stream *st = NULL;

	return mux_session_foreign(r->s, &st);
}

static void
receives(void)
{
	struct mux_stream_stats st;
	struct mover m;
	struct raw r;

	begin(&r, &m);
	is_u64(foreign(&r), 0, "between frames nothing is foreign");
	is_u64(mux_session_wants(r.s), HEAD, "a header is wanted");
	head(&r, 0, 100000);
	is_u64(foreign(&r), 100000, "a large payload may be");
	is_u64(m.asked, 100000, "if its owner says so");
	is_u64(mux_session_wants(r.s), 100000, "so much is wanted");
	payload(&r, 1000);
	is_u64(foreign(&r), 99000, "the rest of it as well");
	mux_session_moved(r.s, 50000, r.now);
	mux_stream_stats(m.st, &st);
	is_u64(st.buffered, 99000, "the owner has it until it is consumed");
	mux_stream_consume(m.st, 50000);
	mux_session_moved(r.s, 48990, r.now);
	is_u64(foreign(&r), 10, "what began so may end so, however small");
	mux_session_moved(r.s, 10, r.now);
	mux_stream_consume(m.st, 49000);
	is_u64(foreign(&r), 0, "the frame is over");
	ok(m.got == 1000 && m.eofs == 0, "only what was fed was delivered");
	raw_find(&r, CREDIT, &(struct wire){ 0 });
	mux_stream_stats(m.st, &st);
	is_u64(st.credit_in, st.window, "all credit is back");
	head(&r, FIN, 20000);
	mux_session_moved(r.s, 20000, r.now);
	is_u64(m.eofs, 1, "FIN of a foreign frame is an end");
	mux_stream_consume(m.st, 20000);
	finish(&r, &m);
}

static void
not_foreign(void)
{
	struct mover m;
	struct raw r;

	begin(&r, &m);
	head(&r, 0, 16 * KIB - 1);
	is_u64(foreign(&r), 0, "a small payload is fed");
	payload(&r, 16 * KIB - 1);
	m.willing = false;
	head(&r, 0, 16 * KIB);
	ok(foreign(&r) == 0 && m.asked == 16 * KIB,
	    "so is one whose owner does not want it otherwise");
	m.willing = true;
	is_u64(foreign(&r), 16 * KIB, "he may change his mind");
	payload(&r, 1);
	is_u64(foreign(&r), 0, "16 KiB less a byte");
	payload(&r, 16 * KIB - 1);
	is_u64(m.got, 32 * KIB - 1, "all was delivered");
	head(&r, 0, 100000);
	mux_stream_stop(m.st, 3);
	is_u64(foreign(&r), 0, "stopped in the middle: fed and dropped");
	payload(&r, 100000);
	ok(m.got == 32 * KIB - 1 && r.err == 0, "not delivered");
	head(&r, 0, 100000);
	is_u64(foreign(&r), 0, "nor is the next one");
	finish(&r, &m);
	begin(&r, &m);
	head(&r, 0, 100000);
	mux_session_moved(r.s, 30000, r.now);
	mux_stream_reset(m.st, 16, NULL);
	is_u64(foreign(&r), 0, "reset in the middle: the rest is fed");
	payload(&r, 70000);
	is_u64(m.got, 0, "and dropped");
	raw_says(&r, RESET, 1, 16, "the reset is told");
	raw_lives(&r, "and frames go on");
	finish(&r, &m);
}

/* Credit is judged for the whole frame, before a byte of it can move. */
static void
beyond(void)
{
	struct mover m;
	struct raw r;

	begin(&r, &m);
	head(&r, 0, 256 * KIB);
	is_u64(foreign(&r), 256 * KIB, "exactly the window");
	finish(&r, &m);
	begin(&r, &m);
	head(&r, 0, 256 * KIB + 1);
	is_u64(foreign(&r), 0, "a byte beyond it");
	ok(r.err == MUX_E_PROTOCOL && mux_session_code(r.s) == F(4) &&
	    m.resets == 1, "is fatal at the header");
	finish(&r, &m);
}

/* For the keepalive foreign bytes are bytes. */
static void
alive(void)
{
	struct mux_config cfg = { .keepalive = SEC, .stall = 1000 * SEC };
	struct mover m = { .willing = true };
	struct mux_open open = { .size = sizeof(open), .target = "t",
	    .target_len = 1 };
	struct raw r;

	raw_greet(&r, &cfg, true, NULL);
	if (mux_stream_open(r.s, &open, &mover_ops, &m, &m.st) != 0)
		abort();
	raw_skip(&r);
	raw_u32(&r, OK, 1, 0);
	head(&r, 0, 20000);
	raw_tick(&r, SEC);
	raw_tick(&r, SEC);
	is_u64(mux_session_deadline(r.s), r.now + SEC, "two are missed");
	mux_session_moved(r.s, 1, r.now);
	raw_tick(&r, SEC);
	raw_tick(&r, SEC);
	raw_tick(&r, SEC);
	ok(r.err == 0, "a foreign byte: three more may be");
	raw_tick(&r, SEC);
	ok(r.err == MUX_E_TIMEOUT && mux_session_code(r.s) == F(16),
	    "not four");
	finish(&r, &m);
}

static void
ends_early(void)
{
	struct mover m;
	struct raw r;

	begin(&r, &m);
	head(&r, FIN, 100000);
	mux_session_moved(r.s, 99999, r.now);
	raw_note(&r, mux_session_feed_eof(r.s, r.now));
	ok(r.err == MUX_E_LOST && mux_session_code(r.s) == F(18) &&
	    m.eofs == 0 && m.resets == 1, "cut before its last byte");
	finish(&r, &m);
	begin(&r, &m);
	head(&r, FIN, 100000);
	raw_tick(&r, 20 * SEC);
	mux_session_moved(r.s, 50000, r.now);
	raw_tick(&r, 20 * SEC);
	ok(r.err == 0, "moving is a sign of life, and progress");
	finish(&r, &m);
}

int
main(void)
{
	sends();
	one_at_a_time();
	mixed();
	debt(true);
	debt(false);
	stalls();
	receives();
	not_foreign();
	beyond();
	alive();
	ends_early();
	return tap_done();
}
