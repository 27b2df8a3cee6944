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

int
main(void)
{
	end_over_owed_credit(true);
	end_over_owed_credit(false);
	return tap_done();
}
