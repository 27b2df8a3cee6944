/*
 * Calls as their owners see them: exactly one answer whatever happens, time,
 * cancelling, the end of the session, and callbacks that do anything at all.
 */
#include "rawcall.h"

#define F(n)	(UINT32_C(0x80000000) | (n))

/* ---- cancelling ---- */

static void
caller_cancels(void)
{
	struct raw r;
	struct deal *d;
	struct wire w;

	raw_begin(&r, true);
	d = call_make(&r, "m", NULL, 0);
	mux_call_cancel(d->c, 0);
	ok(d->n_done == 1 && d->a.code == MUX_CANCELLED && d->a.not_started,
	    "a call that was not sent is over at once");
	ok(!raw_next(&r, &w), "and nobody hears of it");
	deal_release(d);

	d = call_make(&r, "m", NULL, 0);
	raw_skip(&r);
	mux_call_cancel(d->c, MUX_DEADLINE);
	mux_call_cancel(d->c, 0);
	call_says(&r, CANCEL, 0, 1, "\6\0\0\0", 4, "CANCEL says why, once");
	ok(d->n_done == 0 && strcmp(mux_call_state(d->c), "cancelling") == 0,
	    "its answer is still awaited");
	raw_frame(&r, RESPONSE, 0, 1, "late", 4);
	ok(d->n_done == 1 && d->a.code == MUX_OK && d->len == 4,
	    "an answer that crossed it is an answer");
	deal_release(d);

	d = call_make(&r, "m", NULL, 0);
	raw_skip(&r);
	mux_call_cancel(d->c, 0);
	raw_skip(&r);
	raw_tick(&r, 5 * SEC - 1);
	is_u64(d->n_done, 0, "the grace is 5 s");
	raw_tick(&r, 1);
	ok(d->n_done == 1 && d->a.code == MUX_CANCELLED && !d->a.by_peer &&
	    !d->a.not_started, "then it is given up");
	deal_release(d);
	raw_skip(&r);
	is_u64(raw_stats(&r).calls_out, 1, "and counts until its answer");
	raw_frame(&r, RESPONSE, MORE, 3, "x", 1);
	raw_frame(&r, RESPONSE, 0, 3, "x", 1);
	ok(d->n_done == 1 && raw_stats(&r).calls_out == 0 &&
	    raw_stats(&r).streams == 0, "which changes nothing else");
	raw_lives(&r, "an answer that nobody waits for");
	call_free(&r);
}

static void
deadlines(void)
{
	struct mux_request q = { .size = sizeof(q), .method = { "m", 1 },
	    .body = "", .deadline = SEC, .grace = 1 };
	struct raw r;
	struct deal *d;
	struct wire w;

	raw_begin(&r, true);
	d = deal_new();
	mux_call_open(r.s, &q, &deal_ops, d, &d->c);
	raw_skip(&r);
	is_u64(mux_session_deadline(r.s), r.now + SEC, "a deadline is known");
	raw_tick(&r, SEC);
	call_says(&r, CANCEL, 0, 1, "\6\0\0\0", 4, "it passes: CANCEL");
	raw_tick(&r, 1);
	ok(d->n_done == 1 && d->a.code == MUX_DEADLINE, "and deadline it is");
	call_free(&r);

	raw_begin(&r, true);
	d = deal_new();
	mux_call_open(r.s, &q, &deal_ops, d, &d->c);
	raw_skip(&r);
	raw_frame(&r, RESPONSE, 0, 1, "", 0);
	raw_tick(&r, SEC);
	ok(d->n_done == 1 && d->a.code == 0 && !raw_next(&r, &w),
	    "an answer in time stops the clock");
	call_free(&r);
}

/* A session that nothing happens to does not know how long that is. */
static void
idle_before(void)
{
	struct mux_request q = { .size = sizeof(q), .method = { "m", 1 },
	    .body = "", .deadline = SEC };
	struct raw r;
	struct deal *d;

	raw_begin(&r, true);
	r.now += 20 * SEC;
	d = deal_new();
	mux_call_open(r.s, &q, &deal_ops, d, &d->c);
	raw_skip(&r);
	is_u64(mux_session_deadline(r.s), r.now + SEC,
	    "a deadline begins when the call does");
	r.now += SEC / 2;
	mux_call_cancel(d->c, 0);
	raw_skip(&r);
	raw_tick(&r, 5 * SEC - 1);
	is_u64(d->n_done, 0, "and a grace when it is cancelled");
	raw_tick(&r, 1);
	is_u64(d->n_done, 1, "to the end of it");
	call_free(&r);

	/* One that is over before the time is known. */
	raw_begin(&r, true);
	d = deal_new();
	mux_call_open(r.s, &q, &deal_ops, d, &d->c);
	mux_call_cancel(d->c, 0);
	deal_release(d);
	raw_tick(&r, SEC);
	raw_lives(&r, "a call that was never sent");
	call_free(&r);
}

static void
callee_is_cancelled(void)
{
	static const struct greeting g = { .window = 4096 };
	static uint8_t big[20000];
	struct raw r;
	struct deal *d;

	raw_begin(&r, false);
	call_in(&r, 0, 1, "m", "", 0);
	d = calls.deals;
	raw_u32(&r, CANCEL, 1, 77);
	ok(d->n_cancel == 1 && d->cancel == 77 && d->n_done == 0,
	    "the handler hears of it");
	raw_empty(&r, CANCEL, 0, 1);
	is_u64(d->n_cancel, 1, "once");
	raw_lives(&r, "a cancel");
	mux_call_answer(d->c, NULL, "yes", 3);
	call_says(&r, RESPONSE, 0, 1, "yes", 3, "and answers all the same");
	call_free(&r);

	raw_greet(&r, NULL, false, &g);
	call_in(&r, 0, 1, "m", "", 0);
	d = calls.deals;
	mux_call_answer(d->c, NULL, big, sizeof(big));
	deal_release(d);
	raw_skip(&r);
	is_u64(raw_stats(&r).calls_in, 1, "an answer waits for credit");
	raw_empty(&r, CANCEL, 0, 1);
	raw_says(&r, ERROR, 1, 3, "a cancel takes its place");
	is_u64(raw_stats(&r).calls_in, 0, "nothing is left");
	raw_lives(&r, "that");
	call_free(&r);

	raw_begin(&r, false);
	call_in(&r, MORE, 1, "m", "", 0);
	d = calls.deals;
	deal_release(d);
	raw_skip(&r);
	calls.plain = true;
	call_in(&r, MORE, 3, "m", "", 0);
	raw_empty(&r, CANCEL, 0, 3);
	raw_says(&r, ERROR, 3, 3, "who has no cancel() is answered for");
	call_free(&r);
}

/* ---- releasing ---- */

static void
releasing(void)
{
	struct raw r;
	struct deal *d;

	raw_begin(&r, false);
	call_in(&r, 0, 1, "m", "", 0);
	deal_release(calls.deals);
	raw_says(&r, ERROR, 1, MUX_INTERNAL, "a handler that goes answers");
	call_in(&r, 0, 3, "m", "", 0);
	mux_call_answer(calls.deals->c, NULL, "ok", 2);
	deal_release(calls.deals);
	call_says(&r, RESPONSE, 0, 3, "ok", 2, "what was answered goes out");
	call_in(&r, 0, 5, "m", "", 0);
	d = calls.deals;
	d->to_send = 100;
	mux_call_reply(d->c, NULL);
	raw_pull(&r, 50);
	deal_release(d);
	raw_skip(&r);
	is_u64(raw_stats(&r).streams, 0, "nothing is left");
	call_free(&r);

	raw_begin(&r, true);
	d = call_make(&r, "m", NULL, 0);
	deal_release(d);
	raw_lives(&r, "a call that was not sent");
	d = call_make(&r, "m", NULL, 0);
	raw_skip(&r);
	deal_release(d);
	raw_says(&r, CANCEL, 1, 3, "a caller that goes cancels");
	raw_frame(&r, ERROR, 0, 1, "\3\0\0\0", 4);
	ok(raw_stats(&r).streams == 0 && d->n_done == 0, "nothing is left");
	call_free(&r);
}

/* ---- the end of the session ---- */

static void
the_end(void)
{
	struct raw r;
	struct deal *sent, *kept, *waits;

	raw_begin(&r, true);
	kept = call_make(&r, "m", NULL, 0);
	sent = call_make(&r, "m", NULL, 0);
	raw_skip(&r);
	waits = call_make(&r, "m", NULL, 0);
	raw_goodbye(&r, 0, 1);
	ok(sent->n_done == 1 && sent->a.code == MUX_UNAVAILABLE &&
	    sent->a.not_started && waits->n_done == 1 &&
	    waits->a.not_started && kept->n_done == 0,
	    "GOODBYE: above its last id nothing was started");
	mux_session_feed_eof(r.s, r.now);
	ok(kept->n_done == 1 && kept->a.code == MUX_CARRIER_LOST &&
	    !kept->a.not_started, "what was sent is indeterminate");
	call_free(&r);

	raw_begin(&r, true);
	kept = call_make(&r, "m", NULL, 0);
	sent = call_make(&r, "m", NULL, 0);
	raw_skip(&r);
	waits = call_make(&r, "m", NULL, 0);
	raw_goodbye(&r, F(9), 1);
	ok(r.err == MUX_E_GOODBYE && kept->a.code == MUX_CARRIER_LOST &&
	    !kept->a.not_started && sent->a.not_started &&
	    waits->a.not_started && sent->n_done + kept->n_done +
	    waits->n_done == 3, "a fatal one tells that too");
	call_free(&r);

	raw_begin(&r, false);
	call_in(&r, 0, 1, "m", "", 0);
	call_in(&r, 0, 3, "m", "", 0);
	mux_session_feed_eof(r.s, r.now);
	ok(calls.deals->n_done == 1 && calls.deals->next->n_done == 1 &&
	    calls.deals->a.code == MUX_CARRIER_LOST,
	    "callees learn that nobody will see an answer");
	call_free(&r);

	raw_begin(&r, true);
	kept = call_make(&r, "m", NULL, 0);
	raw_skip(&r);
	deal_release(kept);
	mux_session_drain(r.s, SEC, r.now);
	raw_skip(&r);
	is_u64((uint64_t)r.err, 0, "a drain waits for answers");
	raw_tick(&r, SEC);
	raw_skip(&r);
	ok(r.err == MUX_E_DONE, "but not for ever: %d", r.err);
	call_free(&r);
}

static void
drained(void)
{
	struct raw r;
	struct wire w;
	struct deal *d;

	raw_begin(&r, false);
	call_in(&r, 0, 1, "m", "", 0);
	d = calls.deals;
	mux_session_drain(r.s, SEC, r.now);
	raw_skip(&r);
	raw_tick(&r, SEC);
	ok(d->n_cancel == 1 && d->cancel == MUX_UNAVAILABLE &&
	    d->n_done == 1, "the grace is over: its owner is asked first");
	ok(raw_find(&r, ERROR, &w) && w.id == 1 && w.len >= 4 &&
	    get_n(w.p, 4) == MUX_INDETERMINATE,
	    "and 14 says that it may have been begun");
	call_free(&r);
}

/* ---- callbacks that do anything ---- */

static unsigned at, stop_at;

static void
answer_and_go(struct deal *d, const char *event)
{
	if (strcmp(event, "call") == 0) {
		mux_call_answer(d->c, NULL, "now", 3);
		deal_release(d);
	}
}

static void
call_again(struct deal *d, const char *event)
{
	if (strcmp(event, "done") != 0 || ++at >= stop_at)
		return;
	calls.hook = call_again;
	call_make(&(struct raw){ .s = mux_call_session(d->c) }, "m", "x", 1);
}

/* Ends all calls there are, in the event of this name. */
static const char *deadly;

static void
kill_all(struct deal *d, const char *event)
{
	struct deal *o, *next;

	(void)d;
	if (strcmp(event, deadly) != 0)
		return;
	for (o = calls.deals; o != NULL; o = next) {
		next = o->next;
		if (o->c != NULL)
			deal_release(o);
	}
}

static void
callbacks(void)
{
	static const char *const events[] = { "call", "data", "eof", "fill",
	    "cancel", "done" };
	static uint8_t big[1000];
	struct raw r;

	raw_begin(&r, false);
	calls.hook = answer_and_go;
	call_in(&r, MORE, 1, "m", "body", 4);
	call_says(&r, RESPONSE, 0, 1, "now", 3, "answered inside call()");
	raw_frame(&r, REQUEST, 0, 1, "more", 4);
	raw_lives(&r, "an early answer");
	call_free(&r);

	raw_begin(&r, true);
	at = 0;
	stop_at = 10;
	calls.hook = call_again;
	call_make(&r, "m", "x", 1);
	for (uint64_t id = 1; id < 20; id += 2) {
		raw_skip(&r);
		raw_frame(&r, RESPONSE, 0, id, "", 0);
	}
	ok(at == 10 && r.err == 0, "done() calls again");
	call_free(&r);

	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		deadly = events[i];
		raw_begin(&r, false);
		calls.hook = kill_all;
		for (uint64_t id = 1; id < 9; id += 2) {
			call_in(&r, MORE, id, "m", big, 100);
			if (calls.deals->c == NULL)
				continue;
			calls.deals->to_send = 50;
			raw_empty(&r, CANCEL, 0, id);
			if (calls.deals->c == NULL)
				continue;
			mux_call_reply(calls.deals->c, NULL);
		}
		raw_frame(&r, REQUEST, 0, 1, big, 10);
		raw_skip(&r);
		ok(r.err == 0, "all are released in %s()", deadly);
		call_free(&r);
	}
}

static void
cancel_in_fill(struct deal *d, const char *event)
{
	if (strcmp(event, "fill") == 0)
		mux_call_cancel(d->c, 0);
}

/* It is given up while its first frame is made: the answer is its own, not
 * what its request said. */
static void
opening_cancelled(void)
{
	static const char ext[] = "\x0c\0\0\0\x2b\0\x08\0"
	    "\0\0\0\0\3\0\0\0";
	static const struct mux_bytes arg = { "a", 1 };
	const struct mux_request q = { .size = sizeof(q),
	    .method = { "m", 1 }, .args = &arg, .n_args = 1 };
	struct raw r;
	struct deal *d;

	for (unsigned i = 0; i < 2; i++) {
		raw_begin(&r, true);
		calls.hook = cancel_in_fill;
		d = deal_new();
		d->to_send = 10;
		mux_call_open(r.s, &q, &deal_ops, d, &d->c);
		raw_skip(&r);
		raw_frame(&r, RESPONSE, i == 0 ? 0 : EXT, 1, ext,
		    i == 0 ? 0 : sizeof(ext) - 1);
		ok(d->n_done == 1 && d->a.code == MUX_OK &&
		    d->a.have_exit == (i == 1),
		    "cancelled in its first fill(), answered %s tags",
		    i == 0 ? "without" : "with");
		raw_lives(&r, "an answer that crossed such a CANCEL");
		call_free(&r);
	}
}

/* ---- streams that answer a method, and those of a call ---- */

/* What a call says on the side can be said while its server drains. */
static void
one_way_while_draining(void)
{
	static const char start[] = "\x11\0\0\0\x27\0\10\0\1\0\0\0\0\0\0\0"
	    "\x28\0\1\0\2";
	struct mux_open o = { .size = sizeof(o), .parent = 1,
	    .one_way = true };
	struct raw r;
	struct own *own;
	struct wire w;

	raw_begin(&r, false);
	call_in(&r, 0, 1, "m", "", 0);
	own = own_new(&r);
	ok(mux_stream_open(r.s, &o, &own_ops, own, &own->st) == 0, "opened");
	mux_session_drain(r.s, SEC, r.now);
	ok(own->n_reset == 0, "a drain lets it be");
	ok(raw_next(&r, &w) && w.type == GOODBYE, "GOODBYE");
	call_says(&r, START, EXT, 2, start, 21, "and then its START");
	own = own_new(&r);
	ok(mux_stream_open(r.s, &o, &own_ops, own, &own->st) == 0, "another");
	o.one_way = false;
	own = own_new(&r);
	ok(mux_stream_open(r.s, &o, &own_ops, own, &own->st) == MUX_E_CLOSED,
	    "nothing else");
	call_free(&r);

	raw_begin(&r, true);
	call_make(&r, "m", NULL, 0);
	raw_skip(&r);
	raw_goodbye(&r, 0, 1);
	raw_frame(&r, START, EXT, 2, start, 21);
	ok(r.err == 0 && r.owns != NULL, "it is taken");
	raw_frame(&r, START, EXT, 4, start, 21 - 5);
	raw_dies(&r, F(1), "one that is broken is not");
	call_free(&r);
	raw_begin(&r, true);
	raw_goodbye(&r, 0, 0);
	raw_frame(&r, START, EXT, 2, "\5\0\0\0\x29\0\1\0t", 9);
	raw_dies(&r, F(1), "nor is anything else");
	call_free(&r);
}

/* A server that opens nothing but the standard error of calls. */
static void
one_way_is_free(void)
{
	static const struct mux_config cfg = { .max_open = MUX_NONE };
	struct mux_open o = { .size = sizeof(o), .parent = 1,
	    .one_way = true };
	struct raw r;
	struct own *own;
	uint64_t charge;

	raw_greet(&r, &cfg, false, NULL);
	call_in(&r, 0, 1, "m", "", 0);
	charge = raw_stats(&r).charge;
	own = own_new(&r);
	ok(mux_stream_open(r.s, &o, &own_ops, own, &own->st) == 0,
	    "one-way streams take no room of max_open");
	is_u64(raw_stats(&r).charge, charge, "nor any credit");
	raw_skip(&r);
	o.one_way = false;
	ok(mux_stream_open(r.s, &o, &own_ops, own, &own->st) == MUX_E_LIMIT,
	    "others do");
	call_free(&r);
}

static void
methods(void)
{
	static const uint8_t start[] = { 13, 0, 0, 0, 0x20, 0, 1, 0, 'm',
	    0x2d, 0x80, 0, 0, 0x29, 0x80, 0, 0 };
	const struct mux_request q = { .size = sizeof(q),
	    .method = { "m", 1 }, .body = "hi", .body_len = 2 };
	struct mux_open o = { .size = sizeof(o), .request = &q };
	struct raw r;
	struct own *own;
	struct mux_stream *st;
	struct wire w;

	raw_begin(&r, true);
	own = own_new(&r);
	ok(mux_stream_open(r.s, &o, &own_ops, own, &own->st) == 0,
	    "a stream with a method");
	call_says(&r, START, EXT, 1, "\5\0\0\0\x20\0\1\0mhi", 11, "as bytes");
	o = (struct mux_open){ .size = sizeof(o), .parent = 2,
	    .one_way = true };
	own = own_new(&r);
	own->to_send = 3;
	own->end = true;
	ok(mux_stream_open(r.s, &o, &own_ops, own, &st) == 0, "one way");
	own->st = st;
	mux_stream_ready(st);
	call_says(&r, START, EXT, 3, "\x11\0\0\0\x27\0\10\0\2\0\0\0\0\0\0\0"
	    "\x28\0\1\0\2", 21, "as bytes");
	ok(raw_next(&r, &w) && w.type == DATA && w.flags == FIN, "its data");
	raw_u32(&r, OK, 3, 0);
	ok(raw_stats(&r).wire_live == 1, "it is over when it was sent");
	o.request = &q;
	o.target = "t";
	o.target_len = 1;
	ok(mux_stream_open(r.s, &o, &own_ops, own, &st) == MUX_E_INVAL,
	    "a target and a method");
	o = (struct mux_open){ .size = sizeof(o) };
	ok(mux_stream_open(r.s, &o, &own_ops, own, &st) == MUX_E_INVAL,
	    "neither");
	call_free(&r);

	one_way_is_free();
	one_way_while_draining();

	raw_begin(&r, false);
	raw_frame(&r, START, EXT, 1, "\5\0\0\0\x20\0\1\0m", 9);
	raw_says(&r, OK, 1, 0, "a method is for open()");
	raw_frame(&r, START, EXT, 3, start, sizeof(start));
	raw_says(&r, ERROR, 3, 15, "an empty critical target is not");
	raw_frame(&r, START, EXT, 5, "\x11\0\0\0\x27\0\10\0\2\0\0\0\0\0\0\0"
	    "\x28\0\1\0\2", 21);
	raw_says(&r, OK, 5, 0, "a one-way stream");
	raw_data(&r, 5, FIN, 10);
	ok(r.owns->got == 10 && r.owns->n_eof == 1 &&
	    raw_stats(&r).wire_live == 1, "ends with its one end");
	raw_frame(&r, START, EXT, 7, "\5\0\0\0\x28\0\1\0\2", 9);
	raw_says(&r, ERROR, 7, 5, "but whose is it?");
	call_free(&r);
}

int
main(void)
{
	caller_cancels();
	deadlines();
	idle_before();
	callee_is_cancelled();
	releasing();
	the_end();
	drained();
	callbacks();
	opening_cancelled();
	methods();
	return tap_done();
}
