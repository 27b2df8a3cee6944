/*
 * How a session ends: a carrier that breaks off at any byte, GOODBYE from
 * either side, draining, keepalive and stalls.  Time is virtual.
 */
#include "raw.h"
#include "session.h"

#define F(n)	(UINT32_C(0x80000000) | (n))
#define N(a)	(sizeof(a) / sizeof((a)[0]))

/* The carrier ends behind n bytes of a frame. */
static void
cut(struct raw *r, const uint8_t *p, size_t n)
{
	raw_bytes(r, p, n);
	raw_note(r, mux_session_feed_eof(r->s, r->now));
}

/* ---- the end of the carrier ---- */

static void
truncated(void)
{
	uint8_t p[HEAD + 10];
	struct wire w;
	struct raw r;
	struct own *o;

	put_head(p, DATA, 0, 1, 10);
	memset(p + HEAD, 'd', 10);
	for (size_t n = 1; n < sizeof(p); n++) {
		raw_begin(&r, false);
		raw_start(&r, 0, 1);
		o = r.owns;
		cut(&r, p, n);
		ok(r.err == MUX_E_LOST && mux_session_code(r.s) == F(18) &&
		    o->n_reset == 1 && o->code == 18 && o->n_eof == 0 &&
		    !raw_next(&r, &w), "cut at byte %zu: truncated", n);
		raw_free(&r);
	}
	for (size_t n = 0; n <= sizeof(p); n += sizeof(p)) {
		raw_begin(&r, false);
		raw_start(&r, 0, 1);
		o = r.owns;
		cut(&r, p, n);
		ok(r.err == MUX_E_LOST && mux_session_code(r.s) == 0 &&
		    o->n_reset == 1 && o->code == 18 && o->n_eof == 0,
		    "cut between frames: lost, never an end");
		raw_free(&r);
	}
	for (size_t n = 1; n < HEAD; n++) {
		raw_begin(&r, true);
		cut(&r, p, n);
		ok(r.err == MUX_E_LOST && mux_session_code(r.s) == F(18),
		    "no streams, cut at byte %zu: truncated", n);
		raw_free(&r);
	}
}

static void
clean(void)
{
	struct raw r;
	struct own *o;

	raw_begin(&r, false);
	cut(&r, NULL, 0);
	ok(r.err == MUX_E_DONE, "no streams: a clean end");
	is_u64(mux_session_deadline(r.s), UINT64_MAX, "nothing is due");
	ok(mux_session_feed(r.s, "x", 1, r.now) == MUX_E_DONE &&
	    mux_session_tick(r.s, r.now) == MUX_E_DONE &&
	    mux_session_feed_eof(r.s, r.now) == MUX_E_DONE,
	    "every later call says the same");
	raw_free(&r);
	/* what has ended both ways only waits for its owner */
	raw_begin(&r, false);
	raw_start(&r, 0, 1);
	o = r.owns;
	o->hold = true;
	raw_data(&r, 1, FIN, 1000);
	o->end = true;
	mux_stream_ready(o->st);
	raw_skip(&r);
	cut(&r, NULL, 0);
	ok(r.err == MUX_E_DONE && o->n_reset == 0,
	    "a stream that ended both ways and is not yet released");
	mux_stream_consume(o->st, 1000);
	mux_session_free(r.s);
	r.s = NULL;
	is_u64(o->n_reset, 0, "keeps its bytes when the session goes");
	raw_free(&r);
}

/* ---- GOODBYE of theirs ---- */

static void
peer_drains(void)
{
	struct mux_open open = { .size = sizeof(open), .target = "t",
	    .target_len = 1 };
	struct mux_stream *st;
	struct own *a, *b, *c;
	struct raw r;

	raw_begin(&r, true);
	a = raw_open(&r);
	b = raw_open(&r);
	c = own_new(&r);
	ok(mux_stream_open(r.s, &open, &own_ops, c, &c->st) == 0, "three");
	raw_goodbye(&r, 0, 3);
	ok(r.n_drain == 1 && r.err == 0, "GOODBYE 0 is told");
	ok(c->n_reset == 1 && c->code == 8 && a->n_reset == 0 &&
	    b->n_reset == 0, "what was not sent is not started");
	ok(mux_stream_open(r.s, &open, &own_ops, c, &st) == MUX_E_CLOSED,
	    "nothing new is opened");
	raw_skip(&r);
	raw_goodbye(&r, 0, 1);
	ok(b->n_reset == 1 && b->code == 8 && a->n_reset == 0,
	    "lowered: what is above was not started");
	raw_lives(&r, "and is not spoken of again");
	raw_u32(&r, OK, 1, 0);
	raw_data(&r, 1, FIN, 5);
	ok(a->got == 5 && a->n_eof == 1, "the others go on");
	raw_goodbye(&r, 0, 1);
	raw_lives(&r, "the same once more");
	raw_goodbye(&r, 0, 2);
	raw_dies(&r, F(1), "a last id that was raised");
	raw_free(&r);
	raw_begin(&r, false);
	raw_goodbye(&r, 0, 0);
	raw_start(&r, 0, 1);
	raw_dies(&r, F(1), "an open behind GOODBYE");
	raw_free(&r);
}

static void
peer_fails(void)
{
	struct wire w;
	struct raw r;
	struct own *o;

	raw_begin(&r, false);
	raw_start(&r, 0, 1);
	o = r.owns;
	raw_skip(&r);
	raw_frame(&r, GOODBYE, 0, 0,
	    "\4\0\0\x80\0\0\0\0\0\0\0\0too much", 20);
	ok(r.err == MUX_E_GOODBYE && mux_session_code(r.s) == F(4),
	    "GOODBYE with a code ends it");
	is_str(mux_session_error(r.s), "too much", "in their words");
	ok(o->n_reset == 1 && o->code == 18 && !raw_next(&r, &w),
	    "all are told, nothing is answered");
	raw_free(&r);
}

/* Whose fault it was, for people. */
static bool
by_peer(const struct own *o)
{
	struct mux_stream_stats st;

	mux_stream_stats(o->st, &st);
	return o->n_reset == 1 && st.reset_by_peer;
}

static void
whose_reset(void)
{
	struct mux_open open = { .size = sizeof(open), .target = "t",
	    .target_len = 1 };
	struct own *o[5], *late;
	struct raw r;

	for (int here = 0; here < 2; here++) {
		raw_begin(&r, true);
		for (int i = 0; i < 5; i++)
			o[i] = raw_open(&r);
		raw_u32(&r, RESET, 1, 3);
		raw_u32(&r, ERROR, 3, 3);
		raw_u32(&r, CREDIT, 5, 0);
		late = own_new(&r);
		if (mux_stream_open(r.s, &open, &own_ops, late,
		    &late->st) != 0)
			abort();
		if (here)
			mux_session_drain(r.s, SEC, r.now);
		else
			raw_goodbye(&r, 0, 7);
		ok(by_peer(o[0]) && by_peer(o[1]),
		    "RESET and ERROR are theirs");
		ok(o[2]->n_reset == 1 && !by_peer(o[2]), "a blame is ours");
		ok(by_peer(late) == !here, "not started: as GOODBYE is");
		ok(by_peer(o[4]) == !here && o[3]->n_reset == 0,
		    "as the last id says");
		raw_note(&r, mux_session_feed_eof(r.s, r.now));
		ok(o[3]->n_reset == 1 && !by_peer(o[3]),
		    "a lost carrier is nobody's");
		raw_free(&r);
	}
}

/* ---- GOODBYE of ours ---- */

static uint64_t
said_last(struct raw *r)
{
	struct wire w;

	return raw_find(r, GOODBYE, &w) ? get_n(w.p + 4, 8) : UINT64_MAX;
}

static void
we_drain(void)
{
	struct mux_session_stats before;
	struct raw r;
	struct own *o;

	raw_begin(&r, false);
	raw_start(&r, 0, 7);
	o = r.owns;
	mux_session_drain(r.s, 5 * SEC, r.now);
	raw_start(&r, 0, 9);
	is_u64(r.n_open, 2, "until GOODBYE is out, opens are taken");
	is_u64(said_last(&r), 9, "which it says");
	raw_skip(&r);
	before = raw_stats(&r);
	raw_start(&r, 0, 11);
	raw_data(&r, 11, 0, 100000);
	raw_u32(&r, CREDIT, 11, 1);
	raw_empty(&r, REQUEST, 0, 13);
	raw_empty(&r, CONNECT, 0, UINT64_C(1) << 48);
	raw_lives(&r, "opens above it and all that is theirs");
	ok(r.n_open == 2 && raw_stats(&r).streams == before.streams,
	    "vanish");
	raw_data(&r, 7, FIN, 5);
	o->end = true;
	mux_stream_ready(o->st);
	raw_says(&r, END, 7, 0, "the others go on to their end");
	own_release(o);
	raw_lives(&r, "one is left");
	own_release(r.owns);
	raw_says(&r, RESET, 9, 3, "now none is");
	raw_skip(&r);
	ok(r.err == MUX_E_DONE, "and all is done");
	raw_free(&r);
	/* the mark was raised all the same */
	raw_begin(&r, false);
	raw_start(&r, 0, 1);
	mux_session_drain(r.s, 5 * SEC, r.now);
	raw_skip(&r);
	raw_start(&r, 0, 11);
	raw_start(&r, 0, 11);
	is_u64(said_last(&r), 1, "its second GOODBYE raises nothing");
	ok(mux_session_code(r.s) == F(7), "an id that vanished was used");
	raw_free(&r);
}

static void
drain_timer(void)
{
	struct wire w;
	struct raw r;
	struct own *o;

	raw_begin(&r, false);
	raw_start(&r, 0, 1);
	o = r.owns;
	mux_session_drain(r.s, 5 * SEC, r.now);
	raw_skip(&r);
	is_u64(mux_session_deadline(r.s), r.now + 5 * SEC, "it has a limit");
	mux_session_drain(r.s, 2 * SEC, r.now);
	is_u64(mux_session_deadline(r.s), r.now + 2 * SEC,
	    "which may be brought forward");
	mux_session_drain(r.s, 60 * SEC, r.now);
	raw_tick(&r, 2 * SEC - 1);
	is_u64(o->n_reset, 0, "not put off");
	raw_tick(&r, 1);
	ok(o->n_reset == 1 && o->code == 8, "who is left is reset");
	ok(raw_next(&r, &w) && w.type == RESET && get_n(w.p, 4) == 8,
	    "on the wire as well");
	ok(r.err == 0, "the owner still has it");
	own_release(o);
	raw_skip(&r);
	ok(r.err == MUX_E_DONE, "now it has not");
	raw_free(&r);
}

static void
drain_early(void)
{
	uint8_t p[256];
	struct greeting g = { 0 };
	struct wire w;
	struct raw r;

	raw_new(&r, NULL, false);
	mux_session_drain(r.s, 3 * SEC, r.now);
	raw_bytes(&r, p, put_hello(p, true, &g));
	ok(raw_find(&r, PONG, &w) && raw_find(&r, GOODBYE, &w) &&
	    get_n(w.p, 4) == 0, "drained before HELLO: told after it");
	raw_skip(&r);
	ok(r.err == MUX_E_DONE, "and done");
	raw_free(&r);
	raw_new(&r, NULL, false);
	mux_session_drain(r.s, 3 * SEC, r.now);
	raw_tick(&r, 3 * SEC);
	ok(r.err == MUX_E_DONE, "a client that says nothing is not awaited");
	raw_free(&r);
	raw_new(&r, NULL, false);
	raw_empty(&r, REQUEST, 0, 1);
	mux_session_drain(r.s, 3 * SEC, r.now);
	ok(raw_next(&r, &w) && w.type == ERROR && !raw_next(&r, &w) &&
	    r.err == MUX_E_DONE, "S0: what is owed, then done; no GOODBYE");
	raw_free(&r);
}

/* Done is what has left, not what is written. */
static void
drain_sent(void)
{
	struct mux_out out;
	struct raw r;

	raw_begin(&r, false);
	mux_session_drain(r.s, SEC, r.now);
	ok(mux_session_pull(r.s, r.now) == 0, "GOODBYE is written");
	mux_session_peek(r.s, &out);
	mux_session_sent(r.s, out.len - 1, r.now);
	ok(mux_session_pull(r.s, r.now) == 0, "all but a byte has left");
	mux_session_sent(r.s, 1, r.now);
	ok(mux_session_pull(r.s, r.now) == MUX_E_DONE, "now it is done");
	raw_free(&r);
}

static void
aborts(void)
{
	struct wire w;
	struct raw r;
	struct own *o;

	raw_begin(&r, false);
	raw_start(&r, 0, 1);
	o = r.owns;
	raw_skip(&r);
	mux_session_abort(r.s, 9, "no more");
	ok(o->n_reset == 1 && o->code == 18, "abort tells the owners at once");
	ok(raw_next(&r, &w) && w.type == GOODBYE && w.len == 19 &&
	    get_n(w.p, 4) == 9 && get_n(w.p + 4, 8) == 1 &&
	    memcmp(w.p + 12, "no more", 7) == 0, "and the peer");
	ok(r.err == MUX_E_LOST && !raw_next(&r, &w), "once");
	mux_session_abort(r.s, 10, "again");
	is_str(mux_session_error(r.s), "no more", "the first cause stays");
	raw_free(&r);
}

/* What was in the buffer leaves whole before the last word. */
static void
committed_first(void)
{
	struct wire w;
	struct raw r;
	struct own *o;
	struct mux_out out;

	raw_begin(&r, false);
	raw_start(&r, 0, 1);
	raw_skip(&r);
	o = r.owns;
	o->to_send = 1000;
	mux_stream_ready(o->st);
	mux_session_pull(r.s, r.now);
	mux_session_peek(r.s, &out);
	raw_pull(&r, 20);
	raw_empty(&r, 12, 0, 1);
	ok(raw_next(&r, &w) && w.type == DATA && w.len == 1000,
	    "a frame that was begun is finished");
	ok(raw_next(&r, &w) && w.type == GOODBYE, "then comes GOODBYE");
	ok(!raw_next(&r, &w), "then nothing");
	raw_free(&r);
}

static void
ids_run_out(void)
{
	struct own *o;
	struct wire w;
	struct raw r;

	raw_begin(&r, false);
	raw_start(&r, 0, (UINT64_C(1) << 48) - 1);
	raw_skip(&r);
	raw_start(&r, 0, (UINT64_C(1) << 48) + 1);
	raw_dies(&r, F(15), "behind the peer's last id there is none");
	raw_free(&r);
	raw_begin(&r, true);
	/* no test lives long enough to count that far */
	r.s->our_mark = (UINT64_C(1) << 48) - 3;
	o = raw_open(&r);
	is_u64(mux_stream_id(o->st), (UINT64_C(1) << 48) - 1, "our last id");
	raw_skip(&r);
	o = raw_open(&r);
	ok(r.err == MUX_E_LOST && o->n_reset == 1 && raw_next(&r, &w) &&
	    w.type == GOODBYE && get_n(w.p, 4) == F(17),
	    "one more ends the session");
	raw_free(&r);
}

/* ---- keepalive ---- */

/* A peer that wants no keepalive either. */
static const struct greeting patient = { .keepalive = NO_MORE };

static unsigned
count_pings(struct raw *r)
{
	unsigned n = 0;
	struct wire w;

	while (raw_next(r, &w))
		n += w.type == PING;
	return n;
}

static void
keepalive(void)
{
	struct mux_config cfg = { .keepalive = 10 * SEC };
	struct raw r;

	raw_greet(&r, &cfg, false, NULL);
	for (unsigned i = 1; i <= 3; i++) {
		raw_tick(&r, 10 * SEC - 1);
		is_u64(count_pings(&r), 0, "silence for %u periods less 1 ns",
		    i);
		raw_tick(&r, 1);
		is_u64(count_pings(&r), 1, "then a ping");
	}
	ok(r.err == 0, "three are missed");
	raw_tick(&r, 10 * SEC - 1);
	raw_bytes(&r, "\0", 1);
	raw_tick(&r, 1);
	ok(r.err == 0, "any byte is a sign of life");
	raw_bytes(&r, "\0\0\0\x63\0\0\0\0\0\0\0\x08\0", 13);
	count_pings(&r);
	for (unsigned i = 0; i < 4; i++) {
		raw_tick(&r, 10 * SEC);
		is_u64(r.err == 0, i < 3, "ping %u unanswered", i);
	}
	ok(r.err == MUX_E_TIMEOUT && mux_session_code(r.s) == F(16),
	    "the carrier is dead: %s", mux_session_error(r.s));
	raw_free(&r);
}

static void
no_keepalive(void)
{
	struct mux_config cfg = { .keepalive = UINT64_MAX };
	struct raw r;

	raw_greet(&r, &cfg, false, &patient);
	is_u64(mux_session_deadline(r.s), UINT64_MAX,
	    "keepalive off: nothing is ever due");
	raw_free(&r);
}

static void
pings(void)
{
	struct wire w;
	struct raw r;

	raw_begin(&r, true);
	r.now += 30 * MS;
	raw_empty(&r, PONG, 0, 1);
	ok(r.n_pong == 1 && r.rtt == 30 * MS, "the first ping is measured");
	raw_empty(&r, PONG, 0, 1);
	raw_empty(&r, PONG, 0, 5);
	is_u64(r.n_pong, 1, "an answer that nobody waits for is not");
	mux_session_ping(r.s, r.now);
	ok(raw_find(&r, PING, &w) && w.id == 2 && w.len == 0,
	    "a ping on demand has the next number");
	r.now += 10 * MS;
	mux_session_ping(r.s, r.now);
	raw_skip(&r);
	r.now += MS;
	raw_empty(&r, PONG, 0, 2);
	is_u64(r.n_pong, 1, "the answer to one that was overtaken");
	raw_empty(&r, PONG, 0, 3);
	ok(r.n_pong == 2 && r.rtt == MS, "counts with the newest");
	is_u64(raw_stats(&r).min_rtt, MS, "the smallest is known");
	raw_free(&r);
}

/* ---- stalls ---- */

static void
frame_stalls(void)
{
	struct mux_config cfg = { .keepalive = UINT64_MAX };
	uint8_t p[HEAD + 3000] = { 0 };
	struct raw r;

	put_head(p, DATA, 0, 1, 40000);
	for (size_t n = 1; n <= HEAD; n += HEAD - 1) {
		raw_greet(&r, &cfg, false, &patient);
		raw_start(&r, 0, 1);
		raw_skip(&r);
		raw_bytes(&r, p, n);
		raw_tick(&r, 30 * SEC - 1);
		ok(r.err == 0, "%zu bytes of a frame for almost 30 s", n);
		raw_tick(&r, 1);
		ok(r.err == MUX_E_TIMEOUT && mux_session_code(r.s) == F(19),
		    "a nanosecond more: %s", mux_session_error(r.s));
		raw_free(&r);
	}
	raw_greet(&r, &cfg, false, &patient);
	raw_start(&r, 0, 1);
	raw_skip(&r);
	raw_bytes(&r, p, sizeof(p));
	raw_tick(&r, 30 * SEC + 3000 * (SEC / 1024) - 1);
	ok(r.err == 0, "1 KiB a second on top is enough");
	raw_tick(&r, 1);
	ok(r.err == MUX_E_TIMEOUT, "less is not");
	raw_free(&r);
	raw_greet(&r, &cfg, false, &patient);
	raw_start(&r, 0, 1);
	raw_skip(&r);
	is_u64(mux_session_deadline(r.s), UINT64_MAX,
	    "silence between frames is nobody's fault");
	raw_free(&r);
}

static void
write_stalls(void)
{
	struct mux_config cfg = { .keepalive = UINT64_MAX,
	    .stall = 10 * SEC };
	struct raw r;

	raw_greet(&r, &cfg, false, &patient);
	raw_start(&r, 0, 1);
	mux_session_pull(r.s, r.now);
	raw_tick(&r, 10 * SEC - 1);
	raw_pull(&r, 1);
	raw_tick(&r, 10 * SEC - 1);
	ok(r.err == 0, "a byte in 10 s keeps it alive");
	raw_tick(&r, 1);
	ok(r.err == MUX_E_TIMEOUT && mux_session_code(r.s) == F(19),
	    "none does not: %s", mux_session_error(r.s));
	raw_free(&r);
	raw_greet(&r, &cfg, false, &patient);
	raw_tick(&r, 100 * SEC);
	raw_start(&r, 0, 1);
	mux_session_pull(r.s, r.now);
	raw_tick(&r, 10 * SEC - 1);
	ok(r.err == 0, "the time with nothing to write does not count");
	raw_free(&r);
}

/* Everything at once: one cause, one last word. */
static void
all_at_once(void)
{
	struct mux_config cfg = { .keepalive = SEC, .stall = SEC };
	struct raw r;

	raw_greet(&r, &cfg, false, &patient);
	raw_bytes(&r, "\0", 1);
	mux_session_drain(r.s, SEC, r.now);
	raw_tick(&r, SEC);
	ok(r.err == MUX_E_TIMEOUT && mux_session_code(r.s) == F(19),
	    "stalled, silent and drained in one moment: stalled");
	is_u64(count_pings(&r), 0, "the dead do not ping");
	raw_free(&r);
}

int
main(void)
{
	truncated();
	clean();
	peer_drains();
	peer_fails();
	whose_reset();
	we_drain();
	drain_timer();
	drain_early();
	drain_sent();
	aborts();
	committed_first();
	ids_run_out();
	keepalive();
	no_keepalive();
	pings();
	frame_stalls();
	write_stalls();
	all_at_once();
	return tap_done();
}
