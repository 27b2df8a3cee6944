/*
 * Calls with peers that speak plain S0, both ways: its golden bytes, its own
 * acceptance cases, and what its programs rely on.  The peer is bytes.
 */
#include "rawcall.h"

/* ---- we serve ---- */

/* An S0 client speaks first, and is known by it. */
static void
serve(struct raw *r)
{
	raw_new(r, NULL, false);
	raw_empty(r, PING, 0, 0x0102030405060708);
	call_says(r, PONG, 0, 0x0102030405060708, "", 0, "Ping is Pong");
}

static void
golden(void)
{
	static const uint8_t request[] = { 11, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0,
		0, 0, 0, 'h', 'e', 'l', 'l', 'o', ' ', 'w', 'o', 'r', 'l',
		'd' };
	static const uint8_t error[] = { 0xf4, 1, 0, 0, 'I', 'n', 't', 'e',
		'r', 'n', 'a', 'l', ' ', 'e', 'r', 'r', 'o', 'r' };
	struct raw r;
	struct deal *d;

	raw_new(&r, NULL, false);
	raw_bytes(&r, request, sizeof(request));
	d = calls.deals;
	ok(calls.n_calls == 1 && calls.method_len == 0 && d->n_eof == 1 &&
	    d->len == 11 && memcmp(d->got, "hello world", 11) == 0,
	    "T0-2: a request whole, without a method");
	mux_call_answer(d->c, NULL, d->got, d->len);
	call_says(&r, RESPONSE, 0, 1, "hello world", 11, "and its answer");
	raw_frame(&r, REQUEST, 0xff, 42, "x", 1);
	mux_call_fail(calls.deals->c, 500, "Internal error", NULL);
	call_says(&r, ERROR, 0, 42, error, sizeof(error), "T0-6: Error 42");
	raw_frame(&r, REQUEST, 0, 0, "zero", 4);
	mux_call_answer(calls.deals->c, NULL, "0", 1);
	call_says(&r, RESPONSE, 0, 0, "0", 1, "0 is an id");
	raw_frame(&r, REQUEST, 0, UINT64_MAX, "", 0);
	mux_call_answer(calls.deals->c, NULL, NULL, 0);
	call_says(&r, RESPONSE, 0, UINT64_MAX, "", 0, "so is the largest");
	is_u64(raw_stats(&r).streams, 4, "their owners have them still");
	call_free(&r);
}

static void
any_order(void)
{
	struct raw r;
	struct deal *d;
	struct wire w;
	uint64_t id;
	bool good = true;

	serve(&r);
	for (id = 1; id <= 5000; id++)
		raw_frame(&r, REQUEST, 0, id, &id, sizeof(id));
	is_u64(calls.n_calls, 5000, "5000 are on their way");
	/* the newest is the first of the list */
	for (d = calls.deals; d != NULL; d = d->next)
		mux_call_answer(d->c, NULL, d->got, d->len);
	for (id = 5000; id >= 1; id--)
		good &= raw_next(&r, &w) && w.type == RESPONSE &&
		    w.flags == 0 && w.id == id && memcmp(w.p, &id, 8) == 0;
	ok(good && r.err == 0, "T0-3, T0-4: answered in any order");
	call_free(&r);
}

static void
long_answer(void)
{
	const size_t size = 16 * MIB;
	uint8_t *big = malloc(size + 1);
	struct raw r;
	struct deal *d, *small;
	struct wire w;

	memset(big, 'B', size);
	serve(&r);
	raw_frame(&r, REQUEST, 0, 7, "big", 3);
	d = calls.deals;
	raw_frame(&r, REQUEST, 0, 8, "small", 5);
	small = calls.deals;
	ok(mux_call_answer(d->c, NULL, big, size + 1) == MUX_E_INVAL,
	    "no frame has more than 16 MiB");
	ok(mux_call_answer(d->c, NULL, big, size) == 0, "exactly that is one");
	raw_pull(&r, 1000);
	raw_empty(&r, PING, 0, 3);
	mux_call_answer(small->c, NULL, "s", 1);
	deal_release(d);
	ok(raw_next(&r, &w) && w.type == RESPONSE && w.id == 7 &&
	    w.len == size && memcmp(w.p, big, size) == 0,
	    "whole, with nothing in between");
	call_says(&r, PONG, 0, 3, "", 0, "then the others");
	call_says(&r, RESPONSE, 0, 8, "s", 1, "then the others");
	raw_frame(&r, REQUEST, 0, 9, "fill", 4);
	d = calls.deals;
	d->to_send = 300000;
	mux_call_reply(d->c, NULL);
	ok(mux_call_amend(d->c, &(struct mux_answer){
	    .size = sizeof(struct mux_answer), .have_exit = true }) == 0,
	    "what S0 has no words for is left out");
	ok(raw_next(&r, &w) && w.id == 9 && w.len == 300000 && w.p[0] == 'f',
	    "an answer of unknown length is gathered");
	raw_frame(&r, REQUEST, 0, 10, "fill", 4);
	d = calls.deals;
	d->to_send = size + 1;
	mux_call_reply(d->c, NULL);
	raw_says(&r, ERROR, 10, MUX_TOO_LARGE, "up to what a frame holds");
	ok(d->n_done == 1 && d->a.code == MUX_TOO_LARGE, "its owner is told");
	raw_frame(&r, REQUEST, 0, 11, big, size);
	ok(calls.deals->len == size && calls.deals->n_eof == 1,
	    "a request of 16 MiB comes whole");
	call_free(&r);
	free(big);
}

static void
streams(void)
{
	struct raw r;
	struct own *o;

	serve(&r);
	raw_frame(&r, START, 0, 3, "request", 7);
	o = r.owns;
	ok(r.n_open == 1 && o->got == 7 && o->n_eof == 1 &&
	    memcmp(o->first, "request", 7) == 0, "StreamStart has a request");
	o->to_send = 1;
	o->end = true;
	mux_stream_ready(o->st);
	call_says(&r, DATA, 0, 3, "f", 1, "StreamData 3");
	call_says(&r, END, 0, 3, "", 0, "StreamEnd 3");
	own_release(o);
	raw_frame(&r, START, 0, 4, "", 0);
	mux_stream_reset(r.owns->st, MUX_STREAM_FAILED, "no");
	raw_says(&r, ERROR, 4, 2, "one that fails says Error ...");
	call_says(&r, END, 0, 4, "", 0, "... and StreamEnd");
	own_release(r.owns);
	raw_frame(&r, START, 0, 5, "", 0);
	o = r.owns;
	o->to_send = 100;
	raw_empty(&r, PAUSE, 0, 5);
	mux_stream_ready(o->st);
	raw_empty(&r, PING, 0, 1);
	call_says(&r, PONG, 0, 1, "", 0, "FlowPause is heeded");
	raw_empty(&r, RESUME, 0, 5);
	raw_says(&r, DATA, 5, 0, "and FlowResume");
	raw_frame(&r, CANCEL, 0, 5, "ignored", 7);
	raw_says(&r, ERROR, 5, 3, "Cancel is Error 3");
	call_says(&r, END, 0, 5, "", 0, "and StreamEnd");
	ok(o->n_reset == 1 && o->code == MUX_CANCELLED, "and stops the work");
	own_release(o);
	r.policy = LEAVE_IT;
	raw_frame(&r, START, 0, 6, "x", 1);
	raw_says(&r, ERROR, 6, 4, "one that nobody takes");
	call_says(&r, END, 0, 6, "", 0, "ends as well");
	raw_frame(&r, RESPONSE, 0, 6, "x", 1);
	raw_frame(&r, DATA, 0, 6, "x", 1);
	raw_empty(&r, END, 0, 6);
	raw_frame(&r, ERROR, 0, 6, "x", 1);
	raw_empty(&r, PONG, 0, 6);
	is_u64(raw_stats(&r).ignored, 5, "what only servers say is ignored");
	is_u64(raw_stats(&r).streams, 0, "nothing is left");
	call_free(&r);
}

static void
cancels(void)
{
	struct raw r;
	struct deal *d;
	struct wire w;

	serve(&r);
	raw_frame(&r, REQUEST, 0, 7, "work", 4);
	d = calls.deals;
	raw_empty(&r, CANCEL, 0, 7);
	ok(d->n_cancel == 1 && !raw_next(&r, &w), "Cancel 7 reaches the work");
	mux_call_fail(d->c, MUX_CANCELLED, NULL, NULL);
	raw_says(&r, ERROR, 7, 3, "which is answered by Error 3");
	raw_empty(&r, CANCEL, 0, 7);
	raw_empty(&r, CANCEL, 0, 8);
	is_u64(raw_stats(&r).ignored, 2, "later ones are ignored");
	raw_frame(&r, REQUEST, 0, 7, "again", 5);
	is_u64(calls.n_calls, 2, "an id may come back");
	raw_frame(&r, REQUEST, 0, 7, "twice", 5);
	ok(r.err == MUX_E_PROTOCOL && !raw_next(&r, &w),
	    "but not while it is in use; and there is no GOODBYE");
	call_free(&r);

	serve(&r);
	raw_frame(&r, REQUEST, 0, 1, "", 0);
	mux_session_drain(r.s, SEC, r.now);
	raw_frame(&r, REQUEST, 0, 2, "", 0);
	raw_says(&r, ERROR, 2, 8, "draining: unavailable");
	mux_call_answer(calls.deals->c, NULL, "ok", 2);
	deal_release(calls.deals);
	raw_says(&r, RESPONSE, 1, 0, "what was there is answered");
	raw_tick(&r, 0);
	raw_skip(&r);
	ok(r.err == MUX_E_DONE, "then it is done");
	call_free(&r);
}

/* ---- a client that ends its direction ---- */

/* Two requests, a stream that it paused and a Ping, then the end, all in
 * pieces of `size` bytes; nothing has been answered. */
static void
asks_and_ends(struct raw *r, size_t size)
{
	uint8_t all[4 * 15 + 2 * 14];
	static const uint8_t types[] = { REQUEST, REQUEST, START, PAUSE, PING };
	uint8_t *p = all;
	size_t n;

	for (unsigned i = 0; i < sizeof(types); i++) {
		bool body = types[i] == REQUEST || types[i] == START;

		memset(p, 0, 14);
		p[0] = body;
		p[4] = (uint8_t)(types[i] == PAUSE ? 3 : i + 1);
		p[12] = types[i];
		p += 14;
		if (body)
			*p++ = 'q';
	}
	raw_new(r, NULL, false);
	n = (size_t)(p - all);
	for (size_t at = 0; at < n; at += size)
		raw_bytes(r, all + at, n - at < size ? n - at : size);
	raw_note(r, mux_session_feed_eof(r->s, r->now));
}

static void
half_closed(size_t size)
{
	struct deal *one, *two;
	struct raw r;
	struct wire w;

	asks_and_ends(&r, size);
	two = calls.deals;
	one = two->next;
	ok(r.err == 0 && calls.n_calls == 2 && one->n_cancel == 0 &&
	    one->n_done == 0 && r.owns->n_reset == 0,
	    "who only listens has what it asked for, %zu at a time", size);
	is_u64(mux_session_deadline(r.s), UINT64_MAX, "for as long it takes");
	call_says(&r, PONG, 0, 5, "", 0, "a Pong");
	mux_call_answer(two->c, NULL, "2", 1);
	call_says(&r, RESPONSE, 0, 2, "2", 1, "an answer");
	deal_release(two);
	r.owns->to_send = 5;
	r.owns->end = true;
	mux_stream_ready(r.owns->st);
	call_says(&r, DATA, 0, 3, "fffff", 5, "what it cannot resume goes on");
	call_says(&r, END, 0, 3, "", 0, "to its end");
	own_release(r.owns);
	raw_tick(&r, 0);
	ok(!raw_next(&r, &w) && r.err == 0, "one is left");
	mux_call_fail(one->c, 500, "no", NULL);
	deal_release(one);
	raw_says(&r, ERROR, 1, 500, "and is answered");
	raw_tick(&r, 0);
	raw_skip(&r);
	ok(r.err == MUX_E_DONE && mux_session_code(r.s) == 0, "a clean end");
	call_free(&r);
}

static void
gone(void)
{
	struct raw r;
	struct deal *d;

	asks_and_ends(&r, 1000);
	raw_skip(&r);
	d = calls.deals;
	raw_note(&r, mux_session_feed_eof(r.s, r.now));
	ok(r.err == MUX_E_LOST && d->n_cancel + d->n_done > 0 &&
	    r.owns->n_reset == 1 && r.owns->code == MUX_CARRIER_LOST,
	    "said twice, it is lost, and the work is told");
	call_free(&r);

	asks_and_ends(&r, 1000);
	raw_skip(&r);
	mux_call_answer(calls.deals->c, NULL, "2", 1);
	mux_session_pull(r.s, r.now);
	raw_tick(&r, 29 * SEC);
	ok(r.err == 0, "who does not read is waited for");
	raw_tick(&r, 31 * SEC);
	ok(r.err == MUX_E_TIMEOUT && mux_session_code(r.s) == MUX_F_STALLED,
	    "but not for ever");
	call_free(&r);

	asks_and_ends(&r, 1000);
	raw_skip(&r);
	mux_session_drain(r.s, SEC, r.now);
	raw_tick(&r, 2 * SEC);
	raw_says(&r, ERROR, 1, MUX_INDETERMINATE, "nor beyond our own drain");
	call_free(&r);
}

static void
inside_a_frame(void)
{
	struct raw r;

	for (size_t n = 1; n < 15; n++) {
		serve(&r);
		raw_frame(&r, REQUEST, 0, 1, "", 0);
		raw_bytes(&r, "\1\0\0\0\2\0\0\0\0\0\0\0\0\0", n);
		raw_note(&r, mux_session_feed_eof(r.s, r.now));
		if (r.err != MUX_E_LOST ||
		    mux_session_code(r.s) != MUX_F_TRUNCATED)
			break;
		call_free(&r);
		if (n == 14)
			ok(true, "an end inside a frame is none of these");
	}
	if (r.s != NULL) {
		ok(false, "an end inside a frame is none of these");
		call_free(&r);
	}
}

static void
nothing_owed(void)
{
	struct raw r;

	serve(&r);
	raw_frame(&r, REQUEST, 0, 1, "", 0);
	mux_call_answer(calls.deals->c, NULL, "1", 1);
	raw_skip(&r);
	raw_note(&r, mux_session_feed_eof(r.s, r.now));
	ok(r.err == MUX_E_DONE, "who has all is done at once");
	call_free(&r);
}

/* ---- we call ---- */

static void
client(struct raw *r, bool fall_back)
{
	struct mux_config cfg = { .legacy = !fall_back };

	raw_new(r, &cfg, true);
	raw_skip(r);
	if (fall_back)
		raw_empty(r, PONG, 0, 0);
	ok(mux_session_mode(r->s) == MUX_MODE_LEGACY && r->n_ready == 1 -
	    (unsigned)!fall_back, "the server speaks S0");
	raw_skip(r);
}

static void
client_calls(bool fall_back)
{
	static uint8_t big[300000];
	const struct mux_bytes arg = { "a", 1 };
	struct mux_request q = { .size = sizeof(q), .method = { "m", 1 },
	    .args = &arg, .n_args = 1 };
	struct raw r;
	struct deal *a, *b, *c;
	struct wire w;
	uint64_t ignored;

	client(&r, fall_back);
	a = call_make(&r, "method", "hello world", 11);
	b = call_make(&r, "", "2", 1);
	call_says(&r, REQUEST, 0, 1, "hello world", 11,
	    "ids from 1, no method, no flags");
	call_says(&r, REQUEST, 0, 2, "2", 1, "then 2");
	raw_frame(&r, RESPONSE, 0, 2, "two", 3);
	ok(a->n_done == 0 && b->n_done == 1 && b->len == 3,
	    "T0-4: only the second");
	raw_frame(&r, ERROR, 0, 1, "\xf4\1\0\0Internal error", 18);
	ok(a->n_done == 1 && a->a.code == 500 && a->a.by_peer &&
	    strcmp(a->text, "Internal error") == 0, "T0-6: Error 500");
	ok(mux_call_open(r.s, &q, &deal_ops, a, &a->c) == MUX_E_INVAL,
	    "arguments are never lost in silence");
	q.n_args = 0;
	c = deal_new();
	c->to_send = 200000;
	mux_call_open(r.s, &q, &deal_ops, c, &c->c);
	ok(raw_next(&r, &w) && w.type == REQUEST && w.id == 3 &&
	    w.len == 200000, "a body from fill() is one frame");
	ignored = raw_stats(&r).ignored;
	raw_frame(&r, RESPONSE, 0, 99, "?", 1);
	is_u64(raw_stats(&r).ignored, ignored + 1, "unknown ids are dropped");
	mux_call_cancel(c->c, 0);
	call_says(&r, CANCEL, 0, 3, "", 0, "Cancel 3");
	raw_frame(&r, RESPONSE, 0, 3, big, sizeof(big));
	ok(c->n_done == 1 && c->len == sizeof(big), "which S0 ignores");
	a = call_make(&r, "", big, sizeof(big));
	b = call_make(&r, "", "x", 1);
	raw_pull(&r, 100);
	ok(raw_next(&r, &w) && w.id == 4 && w.len == sizeof(big),
	    "a long request, whole");
	ok(raw_next(&r, &w) && w.id == 5 && w.len == 1, "then the next");
	raw_frame(&r, RESPONSE, 0, 4, big, 50);
	mux_session_feed_eof(r.s, r.now);
	ok(b->n_done == 1 && b->a.code == MUX_CARRIER_LOST,
	    "who was not answered is told");
	call_free(&r);
}

static void
client_streams(void)
{
	struct mux_request q = { .size = sizeof(q), .body = "ask",
	    .body_len = 3 };
	struct mux_open o = { .size = sizeof(o), .request = &q };
	struct raw r;
	struct own *own[4];

	client(&r, true);
	for (int i = 0; i < 4; i++) {
		own[i] = own_new(&r);
		mux_stream_open(r.s, &o, &own_ops, own[i], &own[i]->st);
		call_says(&r, START, 0, 1 + (uint64_t)i, "ask", 3,
		    "StreamStart");
	}
	raw_frame(&r, DATA, 0, 1, "x", 1);
	raw_frame(&r, DATA, 0, 2, "yy", 2);
	raw_empty(&r, END, 0, 1);
	ok(own[0]->got == 1 && own[0]->n_eof == 1 && own[1]->got == 2 &&
	    own[1]->n_eof == 0, "S0-14: data and ends find their streams");
	raw_frame(&r, ERROR, 0, 2, "\2\0\0\0no", 6);
	ok(own[1]->n_reset == 1 && own[1]->code == 2 &&
	    strcmp(own[1]->text, "no") == 0, "Error ends a stream");
	raw_empty(&r, END, 0, 2);
	mux_stream_pause(own[2]->st, true);
	call_says(&r, PAUSE, 0, 3, "", 0, "FlowPause");
	mux_stream_reset(own[2]->st, MUX_CANCELLED, NULL);
	call_says(&r, CANCEL, 0, 3, "", 0, "what we reset is cancelled");
	raw_frame(&r, DATA, 0, 3, "x", 1);
	ok(own[2]->got == 0 && r.err == 0, "and dropped");
	o = (struct mux_open){ .size = sizeof(o), .target = "t",
	    .target_len = 1 };
	ok(mux_stream_open(r.s, &o, &own_ops, own[3], &own[3]->st) ==
	    MUX_E_STATE, "there are no targets");
	raw_frame(&r, 11, 0, 1, "", 0);
	ok(r.err == MUX_E_PROTOCOL, "S0-2: no type above 10");
	call_free(&r);
}

int
main(void)
{
	golden();
	any_order();
	long_answer();
	streams();
	cancels();
	half_closed(1);
	half_closed(1000);
	gone();
	inside_a_frame();
	nothing_owed();
	client_calls(true);
	client_calls(false);
	client_streams();
	return tap_done();
}
