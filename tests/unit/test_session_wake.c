/*
 * test_session_wake.c - wake() comes whenever there is something to pull, so
 * that whoever pulls only then leaves nothing behind.
 */
#include "raw.h"

/* Pulls only if wake() came since the last time. */
static size_t
pull_if_woken(struct raw *r)
{
	if (r->n_wake == 0)
		return 0;
	r->n_wake = 0;
	return raw_pull(r, SIZE_MAX);
}

/* Everything there is was pulled, and it was something. */
static void
is_told(struct raw *r, const char *what)
{
	size_t n = pull_if_woken(r), left = raw_pull(r, SIZE_MAX);

	if (n == 0 || left > 0)
		printf("# pulled %zu, left behind %zu\n", n, left);
	ok(n > 0 && left == 0, "told of %s", what);
	r->n_wake = 0;
}

static void
hello(bool initiator)
{
	static const struct greeting plain = { .window = 64 * KIB };
	struct raw r;
	uint8_t p[256];

	raw_new(&r, NULL, initiator);
	if (initiator)
		raw_pull(&r, SIZE_MAX);
	raw_bytes(&r, p, put_hello(p, !initiator, &plain));
	is_told(&r, "what follows HELLO");
	raw_free(&r);
}

static void
legacy(void)
{
	struct raw r;

	raw_new(&r, NULL, false);
	raw_empty(&r, PING, 0, 0);
	is_told(&r, "the answer to the first ping of plain S0");
	raw_empty(&r, PING, 0, 7);
	is_told(&r, "the answer to the next");
	raw_frame(&r, REQUEST, 0, 9, "x", 1);
	is_told(&r, "the answer to a call");
	raw_free(&r);
}

static void
link(void)
{
	struct raw r;

	raw_begin(&r, false);
	r.n_wake = 0;
	raw_empty(&r, PING, 0, 7);
	is_told(&r, "a pong");
	raw_tick(&r, 31 * SEC);
	is_told(&r, "the ping of the keepalive");
	mux_session_ping(r.s, r.now);
	is_told(&r, "a ping that was asked for");
	raw_empty(&r, CONNECT, 0, UINT64_C(1) << 48);
	is_told(&r, "the refusal of a connection");
	raw_empty(&r, DATAGRAM, 0, 7);
	is_u64(pull_if_woken(&r), 0, "nothing for a datagram");
	mux_session_drain(r.s, SEC, r.now);
	is_told(&r, "a GOODBYE");
	raw_free(&r);
}

static void
streams(void)
{
	struct raw r;
	struct own *o;

	raw_begin(&r, false);
	raw_empty(&r, PONG, 0, 1);	/* to the ping after HELLO */
	raw_skip(&r);
	r.n_wake = 0;
	raw_start(&r, 0, 1);
	is_told(&r, "STREAM_OK");
	o = r.owns;
	raw_data(&r, 1, 0, 40 * KIB);
	is_told(&r, "credit");
	r.now += 2 * SEC;
	raw_data(&r, 1, 0, 1);
	is_told(&r, "the ping that measures the path");
	o->to_send = 100 * KIB;
	mux_stream_ready(o->st);
	is_told(&r, "data");
	raw_u32(&r, CREDIT, 1, 100 * KIB);
	is_told(&r, "data for which there is credit now");
	o->to_send += 10;
	raw_empty(&r, PAUSE, 0, 0);
	mux_stream_ready(o->st);
	is_u64(raw_pull(&r, SIZE_MAX), 0, "nothing while all is paused");
	r.n_wake = 0;
	raw_empty(&r, RESUME, 0, 0);
	is_told(&r, "data that waited for a RESUME");
	mux_stream_pause(o->st, true);
	is_told(&r, "PAUSE");
	raw_u32(&r, STOP, 1, 3);
	is_told(&r, "the END after a STOP");
	mux_stream_stop(o->st, 3);
	is_told(&r, "STOP");
	own_release(o);
	is_told(&r, "RESET");
	raw_free(&r);
}

int
main(void)
{
	hello(true);
	hello(false);
	legacy();
	link();
	streams();
	return tap_done();
}
