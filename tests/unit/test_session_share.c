/*
 * How streams share a link and the memory behind it: round robin by bytes
 * and priority, frames that fit the carrier, windows that grow and give way.
 * Time is virtual; every figure is a count of bytes.
 */
#include "raw.h"

#define W	(64 * KIB)
#define MANY	256

static uint64_t sent_to[4 * MANY];	/* DATA bytes by id */
static unsigned frames_to[4 * MANY];
static uint64_t credit[4 * MANY];	/* what the peer may send, by id */

static void
forget(void)
{
	memset(sent_to, 0, sizeof(sent_to));
	memset(frames_to, 0, sizeof(frames_to));
}

/* One turn of a carrier: what one pull made, with all of its frames. */
static size_t
turn(struct raw *r)
{
	struct mux_out o;
	struct wire w;
	size_t n;

	raw_note(r, mux_session_pull(r->s, r->now));
	mux_session_peek(r->s, &o);
	n = o.len;
	raw_pull(r, n);
	for (size_t at = r->out_off; at < r->out_len; at += HEAD + w.len) {
		w.len = (uint32_t)get_n(r->out + at, 4);
		w.id = get_n(r->out + at + 4, 8);
		if (r->out[at + 12] == CREDIT)
			credit[w.id] += get_n(r->out + at + HEAD, 4);
		if (r->out[at + 12] != DATA)
			continue;
		sent_to[w.id] += w.len;
		frames_to[w.id]++;
	}
	r->out_off = r->out_len = 0;
	return n;
}

/* A stream of the peer's that has endless bytes for it, and credit. */
static struct own *
endless(struct raw *r, uint64_t id, uint32_t more)
{
	struct own *o;

	raw_start(r, 0, id);
	o = r->owns;
	o->to_send = UINT64_C(1) << 50;
	if (more > 0)
		raw_u32(r, CREDIT, id, more);
	mux_stream_ready(o->st);
	return o;
}

static bool
about(uint64_t got, uint64_t want, unsigned percent)
{
	uint64_t off = got > want ? got - want : want - got;

	if (off * 100 > want * percent)
		printf("# got %llu, want %llu\n", (unsigned long long)got,
		    (unsigned long long)want);
	return off * 100 <= want * percent;
}

/* ---- the round robin ---- */

static void
by_priority(void)
{
	static const uint8_t prio[] = { 7, 3, 0 };
	struct raw r;

	raw_begin(&r, false);
	for (unsigned i = 0; i < 3; i++) {
		endless(&r, 2 * i + 1, INT32_MAX - W);
		raw_frame(&r, PRIORITY, 0, 2 * i + 1, &prio[i], 1);
	}
	forget();
	for (int i = 0; i < 6000; i++)
		turn(&r);
	ok(about(sent_to[1], 8 * sent_to[5], 5) &&
	    about(sent_to[3], 4 * sent_to[5], 5),
	    "priorities 7, 3 and 0 share 8 : 4 : 1");
	raw_free(&r);
}

static void
equals(void)
{
	bool good = true;
	struct raw r;

	raw_begin(&r, false);
	for (unsigned i = 0; i < 20; i++)
		endless(&r, 2 * i + 1, 50 * MIB);
	forget();
	for (int i = 0; i < 5000; i++)
		turn(&r);
	for (unsigned i = 0; i < 20; i++)
		good &= about(sent_to[2 * i + 1], sent_to[1], 5);
	ok(good, "twenty equals share equally");
	raw_free(&r);
}

/*
 * Streams with small windows leave the round whenever their credit is used
 * up, and come back with every CREDIT.  One with much credit must not wait
 * for a moment when all of them are away.
 */
static void
comers_and_goers(void)
{
	struct greeting g = { .window = 20000 };
	uint64_t least = UINT64_MAX;
	struct raw r;

	raw_greet(&r, NULL, false, &g);
	for (unsigned i = 0; i < 9; i++)
		endless(&r, 2 * i + 1, i == 8 ? INT32_MAX - W : 0);
	forget();
	for (int i = 0; i < 3000; i++) {
		uint64_t before[18];

		memcpy(before, sent_to, sizeof(before));
		turn(&r);
		for (unsigned id = 1; id < 17; id += 2)
			if (sent_to[id] > before[id])
				raw_u32(&r, CREDIT, id,
				    (uint32_t)(sent_to[id] - before[id]));
	}
	for (unsigned id = 1; id < 17; id += 2)
		if (sent_to[id] < least)
			least = sent_to[id];
	ok(least > 0 && about(sent_to[17], least, 10),
	    "who stays gets as much as those who come and go");
	raw_free(&r);
}

/* The same with owners who have nothing for a moment, again and again. */
static void
stutterers(void)
{
	struct own *o[5];
	struct raw r;

	raw_begin(&r, false);
	for (unsigned i = 0; i < 5; i++)
		o[i] = endless(&r, 2 * i + 1, INT32_MAX - W);
	forget();
	for (int i = 0; i < 3000; i++) {
		for (unsigned k = 0; k < 4; k++) {
			o[k]->to_send = o[k]->sent + 40 * KIB;
			mux_stream_ready(o[k]->st);
		}
		turn(&r);
	}
	ok(sent_to[9] > 3000ull * 64 * KIB / 5 / 2,
	    "who always has bytes is not starved by those who stutter");
	raw_free(&r);
}

/* Frames whose price is a quarter of the quantum: it is used up exactly. */
static void
exactly(void)
{
	struct own *o[3];
	struct raw r;

	raw_begin(&r, false);
	for (unsigned i = 0; i < 3; i++) {
		o[i] = endless(&r, 2 * i + 1, INT32_MAX - W);
		o[i]->piece = 64 * KIB - 256;
		o[i]->to_send = 0;
	}
	forget();
	for (int i = 0; i < 3000; i++) {
		for (unsigned k = 0; k < 3; k++) {
			o[k]->to_send = o[k]->sent + o[k]->piece;
			mux_stream_ready(o[k]->st);
		}
		turn(&r);
	}
	ok(about(sent_to[1], sent_to[3], 1) && about(sent_to[1], sent_to[5],
	    1) && frames_to[1] > 900, "a quantum may be used up exactly");
	raw_free(&r);
}

/* Every frame has its price, so that small ones do not flood the link. */
static void
tiny_frames(void)
{
	struct raw r;
	struct own *tiny;

	raw_begin(&r, false);
	tiny = endless(&r, 1, INT32_MAX - W);
	tiny->piece = 1;
	endless(&r, 3, INT32_MAX - W);
	forget();
	for (int i = 0; i < 3000; i++)
		turn(&r);
	ok(frames_to[1] > 1000 && frames_to[1] < sent_to[3] / 250,
	    "a flood of tiny frames pays 256 bytes for each: %u beside %llu",
	    frames_to[1], (unsigned long long)sent_to[3]);
	raw_free(&r);
}

/* Someone with a few bytes waits for what is in the buffer, no more. */
static void
few_bytes(void)
{
	bool good = true;
	struct raw r;
	struct own *o;

	raw_begin(&r, false);
	for (unsigned i = 0; i < 8; i++)
		endless(&r, 2 * i + 1, INT32_MAX - W);
	raw_start(&r, 0, 99);
	o = r.owns;
	for (int i = 0; i < 500; i++) {
		turn(&r);
		o->to_send += 64;
		mux_stream_ready(o->st);
		for (int k = 0; k < 10 && o->sent < o->to_send; k++) {
			forget();
			turn(&r);
		}
		good &= frames_to[99] == 1;
		for (unsigned id = 1; id < 16; id += 2)
			good &= frames_to[id] <= 1;
	}
	ok(good, "a few bytes wait for a frame of another stream at most");
	raw_free(&r);
}

/* ---- frame size ---- */

/* A carrier that takes `rate` bytes a millisecond, for so long. */
static uint32_t
largest(struct raw *r, uint32_t rate, unsigned ms)
{
	uint32_t max = 0;
	struct mux_out o;
	size_t n;

	for (unsigned i = 0; i < ms; i++) {
		r->now += MS;
		for (size_t left = rate; left > 0; left -= n) {
			raw_note(r, mux_session_pull(r->s, r->now));
			mux_session_peek(r->s, &o);
			n = o.len < left ? o.len : left;
			mux_session_sent(r->s, n, r->now);
			if (n == 0)
				break;
		}
		if (i > ms / 2 && raw_stats(r).frame_size > max)
			max = raw_stats(r).frame_size;
	}
	return max;
}

static void
frame_sizes(void)
{
	struct greeting g = { .window = INT32_MAX, .max_frame = MIB };
	struct raw r;

	raw_greet(&r, NULL, false, &g);
	is_u64(raw_stats(&r).frame_size, 64 * KIB, "frames begin at 64 KiB");
	endless(&r, 1, 0);
	ok(about(largest(&r, 2000, 3000), 10000, 10),
	    "2 MB/s: what is drained in 5 ms");
	is_u64(largest(&r, 100, 3000), 4 * KIB, "100 kB/s: never below 4 KiB");
	is_u64(largest(&r, 1000000, 500), 256 * KIB,
	    "1 GB/s: never above 256 KiB");
	raw_free(&r);
	g.max_frame = 5000;
	raw_greet(&r, NULL, false, &g);
	endless(&r, 1, 0);
	forget();
	turn(&r);
	ok(frames_to[1] > 0 && sent_to[1] <= 5000ull * frames_to[1],
	    "nor above what the peer takes");
	is_u64(largest(&r, 100000, 100), 5000, "however fast it is");
	raw_free(&r);
}

/* ---- windows that grow ---- */

/* The peer sends all that it may on this stream. */
static uint64_t
flood(struct raw *r, uint64_t id)
{
	uint64_t n = credit[id], part;

	for (uint64_t left = n; left > 0; left -= part) {
		part = left < 256 * KIB ? left : 256 * KIB;
		raw_data(r, id, 0, part);
	}
	credit[id] = 0;
	return n;
}

static void
start_at(struct raw *r, uint64_t id)
{
	raw_start(r, 0, id);
	credit[id] = raw_stats(r).window;
	turn(r);
}

static uint32_t
window_of(const struct own *o)
{
	struct mux_stream_stats st;

	mux_stream_stats(o->st, &st);
	return st.window;
}

/* `n` round trips of a path; the peer keeps it full. */
static unsigned
round_trips(struct raw *r, unsigned n, uint64_t rtt)
{
	unsigned pings = 0;
	struct wire w;

	for (unsigned i = 0; i < n; i++) {
		r->now += rtt;
		flood(r, 1);
		raw_pull(r, SIZE_MAX);
		while (raw_next(r, &w)) {
			if (w.type == CREDIT)
				credit[w.id] += get_n(w.p, 4);
			if (w.type == PING && ++pings > 0 && rtt > 0)
				raw_empty(r, PONG, 0, w.id);
		}
		r->out_off = r->out_len = 0;
	}
	return pings;
}

static void
grows(void)
{
	struct mux_config cfg = { .memory = 256 * MIB };
	struct raw r;

	raw_greet(&r, &cfg, false, NULL);
	start_at(&r, 1);
	round_trips(&r, 10, 0);
	is_u64(window_of(r.owns), MIB, "any path: a window grows to 1 MiB");
	raw_free(&r);
	raw_greet(&r, &cfg, false, NULL);
	r.now += 50 * MS;
	raw_empty(&r, PONG, 0, 1);
	is_u64(raw_stats(&r).srtt, 50 * MS, "the first ping measures 50 ms");
	start_at(&r, 1);
	round_trips(&r, 3, 50 * MS);
	ok(window_of(r.owns) >= 512 * KIB, "it doubles each round trip");
	round_trips(&r, 12, 50 * MS);
	is_u64(window_of(r.owns), 16 * MIB,
	    "and to 16 MiB where the path demands it");
	ok(round_trips(&r, 100, 50 * MS) <= 6,
	    "no more than a ping a second");
	raw_free(&r);
}

/* Who reads slowly gets no more than there was. */
static void
does_not_grow(void)
{
	struct raw r;

	raw_begin(&r, false);
	r.now += MS;
	raw_empty(&r, PONG, 0, 1);
	start_at(&r, 1);
	for (int i = 0; i < 100; i++) {
		r.now += 30 * MS;
		flood(&r, 1);
		turn(&r);
	}
	is_u64(window_of(r.owns), W, "a window in 30 ms is no haste");
	raw_free(&r);
}

/* ---- memory ---- */

/* 256 streams whose peer sends whatever it may; some owners hold it back. */
static void
greedy(uint64_t memory)
{
	struct mux_config cfg = { .memory = memory, .max_streams = MANY,
	    .max_open = MUX_NONE, .max_calls = MUX_NONE };
	uint64_t held = 0, most = 0, budget = 0;
	bool within = true;
	struct own *o;
	struct raw r;

	raw_greet(&r, &cfg, false, NULL);
	for (uint64_t i = 0; i < MANY; i++)
		start_at(&r, 2 * i + 1);
	for (int round = 0; round < 40; round++) {
		r.now += MS;
		for (uint64_t i = 0; i < MANY; i++)
			flood(&r, 2 * i + 1);
		for (held = 0, o = r.owns; o != NULL; o = o->next) {
			o->hold = tap_rnd(4) == 0;
			held += o->held;
		}
		turn(&r);
		if (raw_stats(&r).charge > most)
			most = raw_stats(&r).charge;
		if (raw_stats(&r).budget > budget)
			budget = raw_stats(&r).budget;
		within &= most <= memory && held <= most &&
		    budget <= memory / 2;
	}
	ok(within && r.err == 0, "%llu MiB: 256 greedy streams have %llu KiB",
	    (unsigned long long)memory / MIB,
	    (unsigned long long)most / KIB);
	ok(budget > memory / 4, "and use what there is");
	raw_free(&r);
}

/* Whoever comes late finds as much as those who were there. */
static void
newcomers(void)
{
	struct mux_config cfg = { .memory = 8 * MIB, .max_streams = 16,
	    .max_open = MUX_NONE, .max_calls = MUX_NONE };
	struct mux_stream_stats st;
	bool good = true;
	struct own *o;
	struct raw r;

	raw_greet(&r, &cfg, false, NULL);
	for (uint64_t last = 1; last < 16; last += 2) {
		start_at(&r, last);
		for (int i = 0; i < 40; i++) {
			r.now += MS;
			for (uint64_t id = 1; id <= last; id += 2)
				flood(&r, id);
			turn(&r);
		}
		/* k of them get 1/(k+1) each, or 1 MiB */
		for (o = r.owns; o != NULL; o = o->next) {
			uint64_t fair = W + 4 * MIB / ((last + 3) / 2);

			mux_stream_stats(o->st, &st);
			good &= about(st.credit_in, fair < MIB ? fair : MIB,
			    20);
		}
		ok(good, "%llu streams share what one had",
		    (unsigned long long)(last + 1) / 2);
	}
	raw_free(&r);
}

/* What came and waits for its owner needs its memory, ended or not. */
static void
waits(void)
{
	struct raw r;
	struct own *o;

	raw_begin(&r, false);
	start_at(&r, 1);
	o = r.owns;
	for (int i = 0; i < 10; i++) {
		flood(&r, 1);
		turn(&r);
	}
	is_u64(window_of(o), MIB, "a window of 1 MiB");
	o->hold = true;
	raw_data(&r, 1, FIN, MIB);
	is_u64(raw_stats(&r).budget, MIB - W, "full, and ended");
	mux_stream_consume(o->st, MIB / 2);
	is_u64(raw_stats(&r).budget, MIB / 2 - W, "half of it consumed");
	mux_stream_consume(o->st, MIB / 2);
	is_u64(raw_stats(&r).budget + raw_stats(&r).charge, 0, "all of it");
	raw_free(&r);
}

/* Reset, refused, released with data in flight: all credit comes back. */
static void
no_leak(void)
{
	struct raw r;
	struct own *o;

	raw_begin(&r, false);
	for (uint64_t i = 0; i < 400; i++) {
		uint64_t id = 2 * i + 1;

		r.now += 10 * MS;
		r.policy = i % 7 == 0 ? WAIT : i % 11 == 0 ? LEAVE_IT : TAKE;
		start_at(&r, id);
		o = i % 11 == 0 && i % 7 != 0 ? NULL : r.owns;
		for (int k = 0; k < 5; k++) {
			flood(&r, id);
			turn(&r);
		}
		if (i % 3 == 0)
			raw_u32(&r, RESET, id, 3);
		else if (i % 3 == 1 && o != NULL)
			mux_stream_reset(o->st, 3, NULL);
		if (o != NULL)
			own_release(o);
		raw_data(&r, id, 0, 1000);
		turn(&r);
	}
	is_u64(raw_stats(&r).streams, 0, "400 streams came and went");
	is_u64(raw_stats(&r).charge + raw_stats(&r).budget, 0,
	    "no credit is charged any more");
	raw_free(&r);
}

/* ---- beside an interactive stream ---- */

static void
chat(struct raw *r, uint64_t id)
{
	raw_data(r, id, 0, 64);
	credit[id] -= 64;
}

static void
calm(void)
{
	struct mux_stream_stats st;
	struct raw r;
	struct own *bulk;

	raw_begin(&r, false);
	start_at(&r, 1);
	bulk = r.owns;
	start_at(&r, 3);
	for (int i = 0; i < 10; i++) {
		flood(&r, 1);
		turn(&r);
	}
	is_u64(window_of(bulk), MIB, "a bulk stream by itself has 1 MiB");
	for (int i = 0; i < 20; i++) {
		r.now += 10 * MS;
		chat(&r, 3);
		flood(&r, 1);
		turn(&r);
	}
	mux_stream_stats(bulk->st, &st);
	is_u64(st.credit_in, 256 * KIB,
	    "beside an interactive one 256 KiB are in flight");
	r.now += 101 * MS;
	flood(&r, 1);
	turn(&r);
	mux_stream_stats(bulk->st, &st);
	is_u64(st.credit_in, MIB, "100 ms after its last word all is back");
	raw_free(&r);
}

static void
calm_frames(void)
{
	struct greeting g = { .window = INT32_MAX, .max_frame = MIB };
	struct raw r;

	raw_greet(&r, NULL, false, &g);
	endless(&r, 1, 0);
	largest(&r, 1000000, 500);
	is_u64(raw_stats(&r).frame_size, 256 * KIB, "large frames by itself");
	start_at(&r, 3);
	chat(&r, 3);
	is_u64(raw_stats(&r).frame_size, 64 * KIB,
	    "64 KiB beside an interactive stream");
	r.now += 101 * MS;
	mux_session_ping(r.s, r.now);
	is_u64(raw_stats(&r).frame_size, 256 * KIB, "large again");
	chat(&r, 3);
	raw_data(&r, 3, 0, 20000);
	is_u64(raw_stats(&r).frame_size, 256 * KIB,
	    "who turns to bulk is no reason to be calm");
	raw_free(&r);
}

int
main(void)
{
	by_priority();
	equals();
	comers_and_goers();
	stutterers();
	exactly();
	tiny_frames();
	few_bytes();
	frame_sizes();
	grows();
	does_not_grow();
	greedy(16 * MIB);
	greedy(64 * MIB);
	newcomers();
	waits();
	no_leak();
	calm();
	calm_frames();
	return tap_done();
}
