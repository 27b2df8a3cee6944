/*
 * Peers that ask for too much: limits of streams and slots, floods of frames
 * that are legal and useless, resets without end; and that a peer who only
 * works hard is none of that.  Memory is flat throughout.
 */
#include <malloc.h>

#include "raw.h"

#define F(n)	(UINT32_C(0x80000000) | (n))
#define N(a)	(sizeof(a) / sizeof((a)[0]))
#ifdef __SANITIZE_ADDRESS__
#define MILLION	UINT64_C(100000)
#else
#define MILLION	UINT64_C(1000000)
#endif

/* ---- limits ---- */

static void
few(struct raw *r, uint32_t n)
{
	struct mux_config cfg = { .max_streams = n, .memory = 64 * MIB };

	raw_greet(r, &cfg, false, NULL);
}

static void
end_both(struct raw *r, struct own *o, uint64_t id)
{
	raw_empty(r, END, 0, id);
	o->end = true;
	mux_stream_ready(o->st);
	raw_skip(r);
}

static void
stream_limit(void)
{
	struct raw r;

	few(&r, 3);
	raw_start(&r, 0, 1);
	raw_start(&r, 0, 3);
	raw_start(&r, 0, 5);
	ok(r.err == 0, "three of three streams");
	end_both(&r, r.owns, 5);
	own_release(r.owns);
	raw_start(&r, 0, 7);
	raw_skip(&r);
	is_u64(raw_stats(&r).wire_live, 3, "one ended both ways, one came");
	raw_u32(&r, RESET, 7, 3);
	own_release(r.owns);
	raw_start(&r, 0, 9);
	raw_skip(&r);
	is_u64(raw_stats(&r).wire_live, 3, "one was reset, one came");
	raw_empty(&r, END, 0, 9);
	raw_start(&r, 0, 11);
	raw_dies(&r, F(14), "half an end is none: a fourth");
	raw_free(&r);
	few(&r, MUX_NONE);
	raw_start(&r, 0, 1);
	raw_dies(&r, F(14), "none are accepted");
	raw_free(&r);
}

/* What we end counts until the peer can know of it. */
static void
until_said(void)
{
	struct raw r;

	few(&r, 1);
	raw_start(&r, 0, 1);
	raw_skip(&r);
	mux_stream_reset(r.owns->st, 3, NULL);
	own_release(r.owns);
	raw_says(&r, RESET, 1, 3, "we reset it");
	raw_start(&r, 0, 3);
	raw_says(&r, OK, 3, 0, "and the peer opens the next");
	mux_stream_reset(r.owns->st, 3, NULL);
	own_release(r.owns);
	raw_start(&r, 0, 5);
	raw_dies(&r, F(14), "which it cannot before it was told");
	raw_free(&r);
	few(&r, 1);
	r.refuse = 13;
	raw_start(&r, 0, 1);
	raw_start(&r, 0, 3);
	raw_dies(&r, F(14), "the same for a refusal");
	raw_free(&r);
}

/* Our RESET is still in the queue when theirs comes: both sides know. */
static void
crossing(unsigned type, bool ended_here, bool knows)
{
	struct raw r;
	struct own *o;

	few(&r, 1);
	raw_start(&r, 0, 1);
	o = r.owns;
	raw_skip(&r);
	if (ended_here) {
		o->end = true;
		mux_stream_ready(o->st);
		raw_skip(&r);
	}
	mux_stream_reset(o->st, 3, NULL);
	own_release(o);
	if (type == RESET || type == ERROR)
		raw_u32(&r, type, 1, 9);
	else
		raw_empty(&r, type, type == DATA ? FIN : 0, 1);
	is_u64(raw_stats(&r).ignored, 1, "type %u crosses our RESET", type);
	raw_start(&r, 0, 3);
	if (knows)
		raw_says(&r, OK, 3, 0, "the peer may open another one");
	else
		raw_dies(&r, F(14), "that is not enough");
	raw_free(&r);
}

/* A slot is free when the work is gone, not when the wire is. */
static void
slots(void)
{
	struct raw r;
	struct own *o;

	few(&r, 2);
	raw_start(&r, 0, 1);
	o = r.owns;
	end_both(&r, o, 1);
	raw_start(&r, 0, 3);
	end_both(&r, r.owns, 3);
	ok(raw_stats(&r).wire_live == 0 && raw_stats(&r).peer_slots == 2,
	    "off the wire, but their owners work on");
	raw_start(&r, 0, 5);
	raw_says(&r, ERROR, 5, 7, "a third has to wait: refused");
	own_release(o);
	raw_start(&r, 0, 7);
	raw_says(&r, OK, 7, 0, "until one is released");
	raw_free(&r);
}

static void
our_limits(void)
{
	struct greeting g = { .window = 4096, .max_streams = 2 };
	struct mux_config cfg = { .max_open = 3 };
	struct mux_open open = { .size = sizeof(open), .target = "t",
	    .target_len = 1 };
	struct mux_stream *st = NULL;
	struct own *o, *p;
	struct raw r;

	raw_greet(&r, &cfg, true, &g);
	o = raw_open(&r);
	p = raw_open(&r);
	ok(mux_stream_open(r.s, &open, &own_ops, o, &st) == MUX_E_LIMIT &&
	    st == NULL, "no more than the peer takes");
	raw_u32(&r, OK, 1, 0);
	end_both(&r, o, 1);
	raw_u32(&r, ERROR, 3, 11);
	raw_open(&r);
	ok(mux_stream_open(r.s, &open, &own_ops, o, &st) == MUX_E_LIMIT,
	    "nor more than is to be held here");
	own_release(o);
	raw_open(&r);
	own_release(p);
	ok(mux_stream_open(r.s, &open, &own_ops, o, &st) == MUX_E_LIMIT,
	    "two live again");
	raw_free(&r);
}

static void
refusal_queue(void)
{
	struct raw r;
	struct wire w;
	uint64_t n = 0;

	raw_begin(&r, false);
	for (uint64_t i = 0; i < 64; i++)
		raw_empty(&r, REQUEST, 0, 2 * i + 1);
	ok(r.err == 0, "64 calls at once");
	for (; raw_next(&r, &w); n++)
		if (w.type != ERROR || w.id != 2 * n + 1)
			break;
	is_u64(n, 64, "are answered one by one");
	for (uint64_t i = 64; i < 5000; i++) {
		raw_empty(&r, REQUEST, 0, 2 * i + 1);
		raw_skip(&r);
	}
	ok(r.err == 0, "any number in turn");
	for (uint64_t i = 5000; i < 5065; i++)
		raw_empty(&r, REQUEST, 0, 2 * i + 1);
	raw_dies(&r, F(13), "65 at once");
	raw_free(&r);
}

/* ---- resets ---- */

enum way {
	BY_RESET, BY_ERROR, BY_CANCEL, BY_CREDIT_0, BY_LATE_DATA, BY_USE,
	BY_US, N_WAYS
};

static const char *const ways[N_WAYS] = {
	"RESET", "ERROR", "CANCEL", "CREDIT 0", "DATA behind END",
	"RESET after use", "RESET of ours"
};

/* Opens a stream and lets it be reset; true while the session lives. */
static bool
one(struct raw *r, enum way way, uint64_t id)
{
	raw_start(r, 0, id);
	if (way == BY_RESET)
		raw_u32(r, RESET, id, 3);
	else if (way == BY_ERROR)
		raw_u32(r, ERROR, id, 3);
	else if (way == BY_CANCEL)
		raw_empty(r, CANCEL, 0, id);
	else if (way == BY_CREDIT_0)
		raw_u32(r, CREDIT, id, 0);
	else if (way == BY_US)
		mux_stream_reset(r->owns->st, 3, NULL);
	if (way == BY_LATE_DATA)
		raw_empty(r, END, 0, id);
	if (way == BY_LATE_DATA || way == BY_USE)
		raw_data(r, id, 0, 1);
	if (way == BY_USE)
		raw_u32(r, RESET, id, 3);
	raw_skip(r);
	own_release(r->owns);
	raw_skip(r);
	return r->err == 0;
}

/* How many of them in a row, with so much time between them. */
static uint64_t
survives(enum way way, uint64_t most, uint64_t apart)
{
	struct raw r;
	struct own *o;
	uint64_t n = 0;

	raw_begin(&r, false);
	while (n < most && one(&r, way, 2 * n + 1)) {
		n++;
		r.now += apart;
		if ((o = r.owns)->next != NULL) {
			r.owns = o->next;
			free(o);
		}
	}
	if (n < most)
		ok(mux_session_code(r.s) == F(20), "%s: abuse", ways[way]);
	raw_free(&r);
	return n;
}

static void
reset_floods(void)
{
	for (int way = 0; way < BY_USE; way++) {
		is_u64(survives((enum way)way, 5000, 0), 1024,
		    "%s at once", ways[way]);
		is_u64(survives((enum way)way, 5000, MS), 5000,
		    "%s a thousand times a second", ways[way]);
		ok(survives((enum way)way, 50000, MS / 2) < 2100,
		    "%s twice as fast", ways[way]);
	}
	is_u64(survives(BY_USE, 20000, 0), 20000, "%s is business",
	    ways[BY_USE]);
	is_u64(survives(BY_US, 20000, 0), 20000, "%s are not its fault",
	    ways[BY_US]);
}

/* ---- glitches ---- */

static const struct {
	const char *name;
	uint8_t type, flags;
	uint64_t id;
	uint32_t len;
} useless[] = {
	{ "empty DATA", DATA, 0, 1, 0 }, { "PING", PING, 0, 5, 0 },
	{ "RESUME again", RESUME, 0, 1, 0 },
	{ "RESUME of the link", RESUME, 0, 0, 0 },
	{ "PRIORITY again", PRIORITY, 0, 1, 1 },
	{ "DATAGRAM", DATAGRAM, 0, 9, 3 }, { "type 64", 64, 0, 9, 3 },
};

static void
glitches(void)
{
	struct raw r;
	struct wire w;
	uint64_t n;

	for (size_t i = 0; i < N(useless); i++) {
		uint64_t soft = 0;

		raw_begin(&r, false);
		raw_start(&r, 0, 1);
		raw_skip(&r);
		for (n = 0; n < 20000 && r.err == 0; n++) {
			raw_frame(&r, useless[i].type, useless[i].flags,
			    useless[i].id, "\3\3\3", useless[i].len);
			if (soft == 0 && raw_stats(&r).draining)
				soft = n + 1;
		}
		ok(n == 10001 && mux_session_code(r.s) == F(20),
		    "%s: 10000 of them", useless[i].name);
		is_u64(soft, 7501, "draining from three quarters on");
		raw_free(&r);
		raw_begin(&r, false);
		raw_start(&r, 0, 1);
		for (n = 0; n < 30000 && r.err == 0; n++) {
			raw_frame(&r, useless[i].type, useless[i].flags,
			    useless[i].id, "\3\3\3", useless[i].len);
			r.now += SEC / 300;
			raw_skip(&r);
		}
		ok(r.err == 0 && !raw_stats(&r).draining,
		    "300 a second for ever");
		raw_free(&r);
	}
	raw_begin(&r, false);
	raw_start(&r, 0, 1);
	for (n = 0; n < 8000; n++)
		raw_data(&r, 1, 0, 0);
	ok(raw_find(&r, GOODBYE, &w) && get_n(w.p, 4) == 0,
	    "the soft limit says GOODBYE without a code");
	raw_free(&r);
}

/* Late frames are honest: an id is closed sooner here than there. */
static void
late_frames(void)
{
	struct raw r;

	raw_begin(&r, false);
	raw_start(&r, 0, 1);
	mux_stream_reset(r.owns->st, 3, NULL);
	raw_skip(&r);
	for (unsigned i = 0; i < 20000; i++) {
		raw_data(&r, 1, 0, 10);
		raw_u32(&r, CREDIT, 1, 10);
	}
	raw_lives(&r, "40000 frames for an id that we reset");
	is_u64(raw_stats(&r).ignored, 40000, "are counted");
	raw_free(&r);
}

/* Small writes are business as well. */
static void
busy(void)
{
	struct raw r;

	raw_begin(&r, false);
	raw_start(&r, 0, 1);
	for (unsigned i = 0; i < 200000; i++) {
		raw_data(&r, 1, 0, 1);
		if (i % 64 == 0)
			raw_skip(&r);
	}
	ok(r.err == 0 && !raw_stats(&r).draining,
	    "200000 bytes in as many frames");
	raw_free(&r);
}

/* ---- the buffer ---- */

static void
never_read(void)
{
	struct mux_out o;
	struct wire w;
	struct raw r;
	size_t most = 0;
	unsigned pongs = 0;

	raw_begin(&r, false);
	for (uint64_t i = 0; i < 9000; i++) {
		uint8_t p[8];

		put_n(p, i, 8);
		raw_frame(&r, PING, 0, i + 1, p, 8);
		if (i < 200)
			raw_start(&r, 0, 2 * i + 1);
		if (i % 3 == 0)
			mux_session_pull(r.s, r.now);
		mux_session_peek(r.s, &o);
		most = o.len > most ? o.len : most;
	}
	ok(most <= 128 * KIB, "who floods and never reads finds %zu bytes",
	    most);
	raw_free(&r);
	raw_begin(&r, false);
	for (uint64_t i = 0; i < 5000; i++)
		raw_frame(&r, PING, 0, i + 1, "x", 1);
	while (raw_next(&r, &w))
		if (w.type == PONG && ++pongs == 1)
			is_u64(w.id, 5000, "the newest ping is answered");
	is_u64(pongs, 1, "for all of them");
	raw_free(&r);
}

/* ---- a million streams ---- */

static size_t
in_use(void)
{
	return mallinfo2().uordblks;
}

static void
open_and_close(struct raw *r, uint64_t i)
{
	uint64_t id = 2 * i + 1;
	struct own *o;

	r->now += MS;
	r->refuse = i % 5 == 4 ? 11 : 0;
	raw_start(r, i % 3 == 0 ? FIN : 0, id);
	raw_data(r, id, i % 3 == 0 ? 0 : FIN, i % 3 == 0 ? 0 : 10);
	if (i % 5 != 4) {
		o = r->owns;
		o->end = true;
		mux_stream_ready(o->st);
	}
	mux_session_pull(r->s, r->now);
	while (r->owns != NULL) {
		o = r->owns;
		own_release(o);
		r->owns = o->next;
		free(o);
	}
	if (i % 16 == 0)
		raw_skip(r);
}

static void
million(void)
{
	size_t early = 0, late;
	struct raw r;

	raw_begin(&r, false);
	for (uint64_t i = 0; i < MILLION; i++) {
		open_and_close(&r, i);
		if (i == MILLION / 100) {
			raw_skip(&r);
			early = in_use();
		}
	}
	raw_skip(&r);
	late = in_use();
	ok(r.err == 0 && r.n_open == MILLION, "%llu streams came and went",
	    (unsigned long long)MILLION);
	is_u64(raw_stats(&r).streams, 0, "none is left");
	ok(late <= early, "memory is flat: %zu, then %zu", early, late);
	raw_free(&r);
}

int
main(void)
{
	stream_limit();
	until_said();
	crossing(RESET, false, true);
	crossing(ERROR, false, true);
	crossing(END, true, true);
	crossing(DATA, true, true);
	crossing(END, false, false);
	crossing(PAUSE, true, false);
	slots();
	our_limits();
	refusal_queue();
	reset_floods();
	glitches();
	late_frames();
	busy();
	never_read();
	million();
	return tap_done();
}
