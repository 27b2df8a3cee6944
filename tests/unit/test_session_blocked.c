/*
 * test_session_blocked.c - a stream that comes to its end while what it owes
 * still waits for a carrier that takes nothing.
 */
#include "raw.h"

/* Both halves end, the second one with a lot that was just consumed. */
static void
end_over_owed_credit(bool initiator)
{
	uint64_t id = 1;	/* ours, or the peer's */
	struct raw r;
	struct own *o;

	raw_begin(&r, initiator);
	if (initiator) {
		raw_open(&r);
		raw_u32(&r, OK, id, 0);
	} else {
		raw_start(&r, 0, id);
	}
	o = r.owns;
	o->end = true;
	mux_stream_ready(o->st);
	raw_pull(&r, SIZE_MAX);
	raw_data(&r, id, 0, 40 * KIB);
	raw_data(&r, id, FIN, 10);
	is_u64(o->got, 40 * KIB + 10, "everything came");
	is_u64(o->n_eof, 1, "and the end");
	own_release(o);
	raw_pull(&r, SIZE_MAX);
	raw_data(&r, id, 0, 1);
	ok(r.err == 0, "the session goes on");
	raw_free(&r);
}

/* Releases itself as soon as both directions are over. */
static void
leave_when_over(struct own *o, enum event ev)
{
	if (ev == ON_STOPPED && o->n_eof > 0)
		own_release(o);
}

/* Its owner goes when nothing is left to do; the END has yet to go out. */
static void
release_with_end_owed(bool initiator)
{
	uint64_t id = 1;
	struct wire w;
	struct raw r;
	struct own *o;

	raw_begin(&r, initiator);
	if (initiator) {
		raw_open(&r);
		raw_u32(&r, OK, id, 0);
	} else {
		raw_start(&r, 0, id);
	}
	raw_skip(&r);
	o = r.owns;
	o->hook = leave_when_over;
	raw_data(&r, id, FIN, 10);
	raw_u32(&r, STOP, id, 16);
	ok(o->st == NULL, "the owner has gone");
	ok(raw_next(&r, &w) && w.type == END && w.id == id,
	    "what it owed was an END, not a reset");
	is_u64(raw_stats(&r).streams, 0, "and then nothing is left of it");
	raw_free(&r);
}

/* But nothing may be said before the answer. */
static void
release_before_answer(void)
{
	struct raw r;
	struct own *o;

	raw_begin(&r, false);
	r.policy = WAIT;
	raw_start(&r, FIN, 1);
	o = r.owns;
	o->hook = leave_when_over;
	raw_u32(&r, STOP, 1, 16);
	raw_says(&r, ERROR, 1, 3, "who goes without an answer refuses");
	is_u64(raw_stats(&r).streams, 0, "and then nothing is left of it");
	raw_free(&r);
}

/* More is owed than the output holds: all of it comes, in turn, once. */
static void
crowd(unsigned n)
{
	struct mux_config cfg = { .max_streams = n, .window = 4 * KIB,
	    .memory = 128 * MIB };
	unsigned count[256] = { 0 };
	struct mux_out out;
	struct wire w;
	struct raw r;
	uint64_t last = 0;
	bool in_order = true;

	raw_greet(&r, &cfg, false, NULL);
	for (uint64_t i = 0; i < n; i++) {
		raw_start(&r, 0, 2 * i + 1);
		mux_stream_pause(r.owns->st, true);
		mux_stream_priority(r.owns->st, 1);
		mux_stream_stop(r.owns->st, 3);
		raw_u32(&r, STOP, 2 * i + 1, 3);
	}
	mux_session_pull(r.s, r.now);
	mux_session_peek(r.s, &out);
	ok(out.len > 127 * KIB && out.len <= 128 * KIB, "it is full");
	while (raw_next(&r, &w)) {
		count[w.type]++;
		in_order &= w.type != OK || w.id > last;
		last = w.type == OK ? w.id : last;
	}
	ok(in_order && count[OK] == n && count[PAUSE] == n &&
	    count[PRIORITY] == n && count[STOP] == n && count[END] == n,
	    "%u streams, each with all that it owes", n);
	for (uint64_t i = 0; i < n; i++)
		raw_empty(&r, END, 0, 2 * i + 1);
	is_u64(raw_stats(&r).wire_live, 0, "and then they are over");
	raw_free(&r);
}

int
main(void)
{
	crowd(3000);
	release_with_end_owed(true);
	release_with_end_owed(false);
	release_before_answer();
	end_over_owed_credit(true);
	end_over_owed_credit(false);
	return tap_done();
}
