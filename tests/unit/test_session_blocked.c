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

int
main(void)
{
	release_with_end_owed(true);
	release_with_end_owed(false);
	release_before_answer();
	end_over_owed_credit(true);
	end_over_owed_credit(false);
	return tap_done();
}
