/*
 * Credit on the wire: what may be sent, what comes home and when, pauses,
 * and data, ends and order of streams.  The arithmetic by itself is
 * test_credit.c's, the sharing of the link test_session_share.c's.
 */
#include "raw.h"

#define F(n)	(UINT32_C(0x80000000) | (n))
#define N(a)	(sizeof(a) / sizeof((a)[0]))
#define W	(64 * KIB)		/* windows of both sides */

/* All DATA of the stream that the session sends now; *frames counts. */
static uint64_t
take(struct raw *r, uint64_t id, unsigned *frames)
{
	uint64_t n = 0;
	struct wire w;

	*frames = 0;
	while (raw_next(r, &w)) {
		if (w.type != DATA || w.id != id)
			continue;
		n += w.len;
		(*frames)++;
	}
	return n;
}

static uint64_t
taken(struct raw *r, uint64_t id)
{
	unsigned frames;

	return take(r, id, &frames);
}

/* An accepted stream of the peer's, id 1, whose owner has much to send. */
static struct own *
begin(struct raw *r, uint32_t peer_window)
{
	struct greeting g = { .window = peer_window, .max_frame = MIB };
	struct mux_config cfg = { .memory = 128 * MIB };

	raw_greet(r, &cfg, false, &g);
	raw_start(r, 0, 1);
	raw_skip(r);
	r->owns->to_send = UINT64_C(1) << 40;
	return r->owns;
}

/* ---- receiving ---- */

static void
beyond(const char *what, bool accept, size_t first, size_t second, bool dies)
{
	struct raw r;

	raw_begin(&r, false);
	r.policy = accept ? TAKE : WAIT;
	raw_start(&r, 0, 1);
	r.owns->hold = true;
	raw_skip(&r);
	raw_data(&r, 1, 0, first);
	raw_data(&r, 1, FIN, second);
	if (dies)
		raw_dies(&r, F(4), what);
	else
		raw_lives(&r, what);
	is_u64(r.owns->got, dies ? (first > W ? 0 : first) : first + second,
	    "what came within it was delivered");
	is_u64(r.owns->n_eof, !dies, "its end as well, if it came");
	raw_free(&r);
}

/* The judgement is at the header: not a byte of the frame is taken. */
static void
beyond_at_once(void)
{
	uint8_t head[HEAD];
	struct raw r;

	raw_begin(&r, false);
	raw_start(&r, 0, 1);
	raw_skip(&r);
	put_head(head, DATA, 0, 1, W + 1);
	raw_bytes(&r, head, HEAD);
	raw_dies(&r, F(4), "a header beyond credit");
	is_u64(r.owns->got, 0, "nothing was delivered");
	raw_free(&r);
}

static void
beyond_on_streams_of_ours(void)
{
	struct raw r;
	struct own *o;

	raw_begin(&r, true);
	o = raw_open(&r);
	o->hold = true;
	raw_u32(&r, OK, 1, 0);
	raw_skip(&r);
	raw_data(&r, 1, 0, W);
	raw_lives(&r, "a window of answer");
	raw_data(&r, 1, 0, 1);
	raw_dies(&r, F(4), "a byte more than that");
	raw_free(&r);
}

/* Early data of a stream that was never used is not forgiven either. */
static void
stopped_and_beyond(void)
{
	struct raw r;

	raw_begin(&r, false);
	raw_start(&r, 0, 1);
	mux_stream_stop(r.owns->st, 0);
	raw_skip(&r);
	raw_data(&r, 1, 0, W - 1);
	raw_lives(&r, "discarded data earns no credit");
	raw_data(&r, 1, 0, 2);
	raw_dies(&r, F(4), "discarded data uses credit up");
	raw_free(&r);
}

static void
credit_comes_home(void)
{
	struct raw r;
	struct own *o;

	raw_begin(&r, false);
	raw_start(&r, 0, 1);
	o = r.owns;
	o->hold = true;
	raw_skip(&r);
	raw_data(&r, 1, 0, 40000);
	raw_lives(&r, "arrival is not consumption");
	mux_stream_consume(o->st, 100);
	mux_stream_consume(o->st, 200);
	raw_lives(&r, "300 bytes are not worth it");
	mux_stream_consume(o->st, W / 4 - 301);
	raw_lives(&r, "a byte below a quarter");
	mux_stream_consume(o->st, 1);
	raw_says(&r, CREDIT, 1, W / 4, "a quarter is told");
	raw_lives(&r, "once");
	mux_stream_consume(o->st, 1);
	mux_stream_consume(o->st, W / 4);
	mux_stream_consume(o->st, 500);
	raw_says(&r, CREDIT, 1, W / 4 + 501, "all of a turn in one frame");
	raw_lives(&r, "one frame");
	is_u64(raw_stats(&r).charge, W, "a window is charged, no more");
	raw_free(&r);
}

/* One window, then exactly what was consumed (and not a byte more). */
static void
no_more_than_consumed(void)
{
	struct raw r;
	struct own *o;
	struct wire w;

	raw_begin(&r, false);
	raw_start(&r, 0, 1);
	o = r.owns;
	o->hold = true;
	raw_skip(&r);
	raw_data(&r, 1, 0, W);
	mux_stream_consume(o->st, 30000);
	ok(raw_find(&r, CREDIT, &w) && get_n(w.p, 4) == 30000,
	    "30000 consumed, 30000 granted");
	raw_data(&r, 1, 0, 30000);
	raw_lives(&r, "which may come");
	raw_data(&r, 1, 0, 1);
	raw_dies(&r, F(4), "and nothing behind it");
	raw_free(&r);
}

/* A half that has ended gets no credit any more. */
static void
no_credit_after_end(void)
{
	struct raw r;
	struct own *o;

	raw_begin(&r, false);
	raw_start(&r, 0, 1);
	o = r.owns;
	o->hold = true;
	raw_skip(&r);
	raw_data(&r, 1, FIN, W);
	mux_stream_consume(o->st, W);
	raw_lives(&r, "END came");
	is_u64(raw_stats(&r).charge, 0, "nothing is charged for it");
	raw_free(&r);
	raw_begin(&r, false);
	raw_start(&r, 0, 1);
	o = r.owns;
	o->hold = true;
	raw_skip(&r);
	raw_data(&r, 1, 0, W);
	mux_stream_consume(o->st, W);
	raw_empty(&r, END, 0, 1);
	raw_lives(&r, "owed, but END came first");
	raw_free(&r);
}

/* ---- sending ---- */

static void
sender_window(void)
{
	unsigned frames;
	struct raw r;
	struct own *o = begin(&r, W);

	mux_stream_ready(o->st);
	is_u64(taken(&r, 1), W, "the announced window, then silence");
	raw_u32(&r, CREDIT, 1, 1);
	is_u64(take(&r, 1, &frames), 1, "a byte of credit is a byte");
	is_u64(frames, 1, "in one frame");
	for (int i = 0; i < 100; i++)
		raw_u32(&r, CREDIT, 1, 1);
	is_u64(take(&r, 1, &frames), 100, "credit adds up");
	is_u64(frames, 1, "before it is used");
	raw_u32(&r, CREDIT, 1, 1000);
	raw_u32(&r, CREDIT, 1, 2500);
	is_u64(taken(&r, 1), 3500, "1000 + 2500");
	o->to_send = o->sent;
	raw_u32(&r, CREDIT, 1, INT32_MAX);
	raw_lives(&r, "2^31-1 at once");
	raw_free(&r);
}

static void
overflow(void)
{
	struct raw r;
	struct own *o = begin(&r, W);

	(void)o;
	raw_u32(&r, CREDIT, 1, INT32_MAX - W);
	raw_lives(&r, "up to 2^31-1");
	raw_u32(&r, CREDIT, 1, 1);
	raw_dies(&r, F(4), "one more");
	raw_free(&r);
	begin(&r, W);
	raw_u32(&r, CREDIT, 1, UINT32_MAX);
	raw_dies(&r, F(4), "2^32-1");
	raw_free(&r);
}

/* STREAM_OK and START may add to the window of HELLO. */
static void
extra_window(void)
{
	uint8_t p[64];
	struct greeting g = { .window = 5000 };
	struct raw r;
	struct own *o;
	size_t n = 4;

	raw_greet(&r, NULL, true, &g);
	o = raw_open(&r);
	o->to_send = MIB;
	mux_stream_ready(o->st);
	is_u64(taken(&r, 1), 5000, "early data has the window of HELLO");
	raw_u32(&r, OK, 1, 777);
	is_u64(taken(&r, 1), 777, "what STREAM_OK says comes on top");
	raw_free(&r);
	raw_greet(&r, NULL, true, &g);
	raw_open(&r);
	raw_skip(&r);
	raw_u32(&r, OK, 1, INT32_MAX - 5000);
	raw_lives(&r, "STREAM_OK up to 2^31-1");
	raw_free(&r);
	raw_greet(&r, NULL, true, &g);
	raw_open(&r);
	raw_u32(&r, OK, 1, INT32_MAX - 4999);
	raw_dies(&r, F(4), "STREAM_OK over it");
	raw_free(&r);
	raw_greet(&r, NULL, false, &g);
	n += put_tag(p + n, 0x29, "t", 1);
	n += put_tag_n(p + n, 0x26, 3000, 4);
	put_n(p, n - 4, 4);
	raw_frame(&r, START, EXT, 1, p, n);
	r.owns->to_send = MIB;
	mux_stream_ready(r.owns->st);
	is_u64(taken(&r, 1), 8000, "what START says as well");
	raw_free(&r);
}

/* A unit larger than the credit at hand does not wait for all of it. */
static void
split_at_credit(void)
{
	struct raw r;
	struct own *o = begin(&r, W);

	o->to_send = 31744;
	mux_stream_ready(o->st);
	is_u64(taken(&r, 1), 31744, "31744 of 65536");
	o->to_send += 40960;
	mux_stream_ready(o->st);
	is_u64(taken(&r, 1), 33792, "then what is left of it");
	raw_u32(&r, CREDIT, 1, 31744);
	is_u64(taken(&r, 1), 40960 - 33792, "then the rest");
	raw_free(&r);
}

/* The receiver tells at a quarter, the sender splits: no size gets stuck. */
static void
sizes(void)
{
	static const uint64_t many[] = { 1, W - 1, W, W + 1, 2 * W,
		10 * W + 3 };
	uint64_t got, n, owed;
	struct raw r;

	for (size_t i = 0; i < N(many); i++) {
		struct own *o = begin(&r, W);

		o->to_send = many[i];
		o->end = true;
		mux_stream_ready(o->st);
		for (got = owed = 0; (n = taken(&r, 1)) > 0;) {
			got += n;
			owed += n;
			if (owed >= W / 4) {
				raw_u32(&r, CREDIT, 1, (uint32_t)owed);
				owed = 0;
			}
		}
		is_u64(got, many[i], "%llu bytes through a window of %u",
		    (unsigned long long)many[i], W);
		raw_free(&r);
	}
}

/* ---- pauses ---- */

static void
pauses(void)
{
	struct raw r;
	struct own *o = begin(&r, W), *p;

	raw_empty(&r, PAUSE, 0, 1);
	mux_stream_ready(o->st);
	is_u64(taken(&r, 1), 0, "paused: nothing");
	raw_u32(&r, CREDIT, 1, 5000);
	is_u64(taken(&r, 1), 0, "credit is no RESUME");
	raw_empty(&r, RESUME, 0, 1);
	is_u64(taken(&r, 1), W + 5000, "RESUME: all of it");
	raw_empty(&r, RESUME, 0, 1);
	is_u64(taken(&r, 1), 0, "RESUME is no credit");
	raw_start(&r, 0, 3);
	p = r.owns;
	p->to_send = MIB;
	mux_stream_ready(p->st);
	raw_empty(&r, PAUSE, 0, 0);
	raw_u32(&r, CREDIT, 1, 100);
	raw_says(&r, OK, 3, 0, "the link paused: control goes on");
	is_u64(taken(&r, 3), 0, "but no data of anyone");
	raw_empty(&r, PAUSE, 0, 0);
	raw_empty(&r, PAUSE, 0, 3);
	raw_empty(&r, RESUME, 0, 0);
	is_u64(taken(&r, 1), 100, "one RESUME undoes any number of PAUSE");
	is_u64(taken(&r, 3), 0, "but not that of a stream");
	raw_empty(&r, RESUME, 0, 3);
	is_u64(taken(&r, 3), W, "which has its own");
	raw_free(&r);
}

static void
pauses_of_ours(void)
{
	struct raw r;
	struct own *o = begin(&r, W);

	mux_stream_pause(o->st, true);
	mux_stream_pause(o->st, true);
	raw_says(&r, PAUSE, 1, 0, "PAUSE is sent");
	raw_lives(&r, "once");
	mux_stream_pause(o->st, false);
	mux_stream_pause(o->st, true);
	mux_stream_pause(o->st, false);
	raw_says(&r, RESUME, 1, 0, "only how it ended is sent");
	raw_lives(&r, "one frame");
	raw_data(&r, 1, FIN, 10);
	mux_stream_pause(o->st, true);
	raw_lives(&r, "no PAUSE for what has ended");
	raw_free(&r);
}

/* ---- ids, order, ends ---- */

static void
parity(bool initiator)
{
	struct raw r;

	raw_begin(&r, initiator);
	for (uint64_t i = 0; i < 4; i++)
		is_u64(mux_stream_id(raw_open(&r)->st),
		    2 * i + (initiator ? 1 : 2), "%s: id %llu",
		    initiator ? "initiator" : "acceptor",
		    (unsigned long long)i);
	raw_free(&r);
}

static void
opens_in_order(void)
{
	struct mux_open open = { .size = sizeof(open), .target = "t",
	    .target_len = 1, .have_priority = true };
	struct own *o[3];
	struct wire w;
	struct raw r;

	raw_begin(&r, true);
	for (unsigned i = 0; i < 3; i++) {
		o[i] = own_new(&r);
		open.priority = (uint8_t)(i * 3);
		ok(mux_stream_open(r.s, &open, &own_ops, o[i], &o[i]->st) == 0,
		    "opened with priority %u", open.priority);
		is_u64(mux_stream_id(o[i]->st), 0, "has no id yet");
		o[i]->to_send = 10;
		mux_stream_ready(o[i]->st);
	}
	mux_stream_reset(o[1]->st, 3, NULL);
	ok(raw_next(&r, &w) && w.type == START && w.id == 1, "START 1");
	ok(memcmp(w.p + 4, "\x25\0\1\0\0\x29\0\1\0t", 10) == 0,
	    "with its priority and target");
	ok(raw_next(&r, &w) && w.type == START && w.id == 3,
	    "START 3: what was reset before it was sent has no id");
	raw_says(&r, DATA, 1, 0, "data behind them");
	raw_says(&r, DATA, 3, 0, "in turn");
	own_release(o[1]);
	raw_lives(&r, "released before it was sent");
	raw_free(&r);
}

static void
pieces(void)
{
	struct raw r;
	struct own *o;
	struct wire w;
	unsigned frames;

	/* 34 bytes in chunks of 10 */
	o = begin(&r, W);
	o->to_send = 34;
	o->piece = 10;
	o->end = true;
	mux_stream_ready(o->st);
	for (frames = 0; raw_next(&r, &w) && w.type == DATA; frames++)
		ok(w.len == (frames < 3 ? 10 : 4) &&
		    w.flags == (frames < 3 ? 0 : FIN), "chunk %u", frames);
	is_u64(frames, 4, "four of them, the end with the last");
	raw_frame(&r, DATA, 0, 1, "hello ", 6);
	raw_frame(&r, DATA, FIN, 1, "world", 5);
	ok(o->got == 11 && o->n_eof == 1 &&
	    memcmp(o->first, "hello world", 11) == 0, "and the other way");
	is_u64(raw_stats(&r).wire_live, 0, "both ended: off the wire");
	own_release(o);
	is_u64(raw_stats(&r).streams, 0, "released: nothing is left");
	raw_free(&r);
}

static void
ends(void)
{
	struct raw r;
	struct own *o = begin(&r, W);

	raw_data(&r, 1, 0, 0);
	is_u64(o->n_eof, 0, "an empty DATA is not the end");
	o->to_send = 0;
	o->end = true;
	mux_stream_ready(o->st);
	raw_says(&r, END, 1, 0, "an end without bytes is END");
	raw_data(&r, 1, 0, 5);
	is_u64(o->got, 5, "who ended still reads");
	o->to_send = 100;
	mux_stream_ready(o->st);
	raw_lives(&r, "nothing is sent behind END");
	raw_data(&r, 1, FIN, 5);
	ok(o->got == 10 && o->n_eof == 1, "up to the other end");
	raw_free(&r);
	o = begin(&r, W);
	raw_empty(&r, END, 0, 1);
	o->to_send = 5;
	o->end = true;
	mux_stream_ready(o->st);
	raw_says(&r, DATA, 1, 0, "who was ended still writes");
	raw_free(&r);
}

/* STOP: the queue is dropped, END says so, the other half lives. */
static void
stops(void)
{
	struct raw r;
	struct own *o = begin(&r, W);

	mux_stream_ready(o->st);
	raw_u32(&r, STOP, 1, 11);
	raw_says(&r, END, 1, 0, "STOP is answered by END, not by data");
	ok(o->n_stopped == 1 && o->code == 11, "and told with its code");
	raw_data(&r, 1, 0, 7);
	is_u64(o->got, 7, "the other half lives");
	raw_u32(&r, STOP, 1, 11);
	is_u64(o->n_stopped, 1, "a second one comes too late");
	raw_free(&r);
	o = begin(&r, W);
	mux_stream_stop(o->st, 3);
	raw_says(&r, STOP, 1, 3, "our STOP");
	mux_stream_stop(o->st, 3);
	raw_lives(&r, "once");
	raw_data(&r, 1, FIN, 7);
	ok(o->got == 0 && o->n_eof == 1, "then no bytes, but the end");
	raw_free(&r);
}

static void
resets(void)
{
	struct raw r;
	struct own *o = begin(&r, W);
	struct wire w;

	mux_stream_ready(o->st);
	mux_stream_reset(o->st, 16, "gone");
	ok(raw_next(&r, &w) && w.type == RESET && get_n(w.p, 4) == 16 &&
	    w.len == 8 && memcmp(w.p + 4, "gone", 4) == 0,
	    "RESET drops what was queued");
	raw_data(&r, 1, 0, 1000);
	raw_u32(&r, CREDIT, 1, 1000);
	raw_u32(&r, RESET, 1, 3);
	mux_stream_reset(o->st, 17, NULL);
	raw_lives(&r, "what crosses it");
	ok(o->n_reset == 0 && o->got == 0, "who resets is not called again");
	raw_free(&r);
	o = begin(&r, W);
	own_release(o);
	raw_says(&r, RESET, 1, 3, "released in the middle: cancelled");
	raw_free(&r);
}

int
main(void)
{
	beyond("exactly a window", true, W - 1, 1, false);
	beyond("a byte more, in two frames", true, W, 1, true);
	beyond("a byte more, in the first frame", true, W + 1, 0, true);
	beyond("early data, exactly a window", false, 1, W - 1, false);
	beyond("early data, a byte more", false, W, 1, true);
	beyond_at_once();
	beyond_on_streams_of_ours();
	stopped_and_beyond();
	credit_comes_home();
	no_more_than_consumed();
	no_credit_after_end();
	sender_window();
	overflow();
	extra_window();
	split_at_credit();
	sizes();
	pauses();
	pauses_of_ours();
	parity(true);
	parity(false);
	opens_in_order();
	pieces();
	ends();
	stops();
	resets();
	return tap_done();
}
