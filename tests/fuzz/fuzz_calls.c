/*
 * fuzz_calls.c - every input is what a peer sends to a session that takes and
 * makes calls, in one of four roles, in pieces.  Its owners do something at
 * each event.  The invariants are the session's assertions; here: each call
 * is told its end once, and nothing comes after the end.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mux.h"

#define MUST(cond)	((cond) ? (void)0 : broken(#cond))

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct world {
	struct mux_call *live[256];
	unsigned n_live, turn, made;
	struct mux_session *s;
} w;

static void
broken(const char *what)
{
	fprintf(stderr, "fuzz_calls: not %s\n", what);
	abort();
}

static void
forget(struct mux_call *c)
{
	for (unsigned i = 0; i < w.n_live; i++)
		if (w.live[i] == c)
			w.live[i] = w.live[--w.n_live];
	mux_call_release(c);
}

static void act(struct mux_call *c);

static size_t
fill(struct mux_call *c, void *buf, size_t max, unsigned *flags, void *arg)
{
	size_t n = max < 100 ? max : 100;

	(void)c;
	(void)arg;
	memset(buf, 'x', n);
	if (w.turn++ % 3 == 0)
		*flags = MUX_FILL_END;
	return n;
}

static void
data(struct mux_call *c, const void *p, size_t n, void *arg)
{
	(void)arg;
	MUST(n == 0 || p != NULL);
	mux_call_consume(c, n);
	act(c);
}

static void
eof(struct mux_call *c, void *arg)
{
	(void)arg;
	act(c);
}

static void
cancel(struct mux_call *c, uint32_t code, void *arg)
{
	(void)arg;
	MUST(code != 0);
	act(c);
}

static void
done(struct mux_call *c, const struct mux_answer *a, void *arg)
{
	(void)arg;
	MUST(a->size == sizeof(*a));
	for (size_t i = 0; i < a->n_meta; i++)
		MUST(a->meta[i].key.len <= 256);
	forget(c);
}

static const struct mux_call_ops ops = {
	.size = sizeof(ops), .fill = fill, .data = data, .eof = eof,
	.cancel = cancel, .done = done,
};

static void
make(void)
{
	struct mux_request q = { .size = sizeof(q), .method = { "m", 1 },
	    .body = w.turn % 2 == 0 ? "body" : NULL,
	    .body_len = w.turn % 2 == 0 ? 4 : 0 };
	struct mux_call *c;

	if (w.n_live < 200 && w.made++ < 1000 &&
	    mux_call_open(w.s, &q, &ops, NULL, &c) == 0)
		w.live[w.n_live++] = c;
}

/* Something else each time. */
static void
act(struct mux_call *c)
{
	switch (w.turn++ % 7) {
	case 0:
		mux_call_answer(c, NULL, "answer", 6);
		break;
	case 1:
		mux_call_reply(c, NULL);
		break;
	case 2:
		if (mux_call_fail(c, 1, "text", NULL) == 0)
			forget(c);
		break;
	case 3:
		mux_call_cancel(c, 0);
		break;
	case 4:
		make();
		break;
	case 5:
		mux_call_pause(c, w.turn % 2 == 0);
		break;
	default:
		break;
	}
}

static void
on_call(struct mux_session *s, struct mux_call *c,
    const struct mux_request *q, void *arg)
{
	(void)s;
	(void)arg;
	MUST(q->n_args <= 1024 && q->n_meta <= 128);
	if (w.n_live == 256 || w.turn++ % 11 == 0)
		return;
	w.live[w.n_live++] = c;
	mux_call_attach(c, &ops, NULL);
	act(c);
}

static const struct mux_session_ops session_ops = {
	.size = sizeof(session_ops), .call = on_call,
};

/* What makes it extended mode: a HELLO with nothing but its magic. */
static void
greet(bool initiator)
{
	uint8_t hello[] = { 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		(uint8_t)(initiator ? 9 : 8), 0x80, 12, 0, 0, 0, 1, 0x80, 8,
		0, 'M', 'U', 'X', '1', 1, 0, 1, 0 };

	mux_session_feed(w.s, hello, sizeof(hello), 1);
}

static void
drop_output(uint64_t now)
{
	struct mux_out o;

	mux_session_pull(w.s, now);
	mux_session_peek(w.s, &o);
	mux_session_sent(w.s, o.len, now);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct mux_config cfg = { .size = sizeof(cfg), .max_frame = 65536,
	    .memory = 8 << 20 };
	unsigned how = n > 0 ? p[0] : 0;
	size_t piece = n > 1 && p[1] > 0 ? p[1] : 4096, k;
	uint64_t now = 1;

	memset(&w, 0, sizeof(w));
	cfg.initiator = (how & 1) != 0;
	cfg.legacy = cfg.initiator && (how & 2) != 0;
	w.turn = how >> 2;
	MUST(mux_session_new(&cfg, &session_ops, NULL, now, &w.s) == 0);
	if ((how & 2) == 0)
		greet(cfg.initiator);
	drop_output(now);
	for (int i = 0; i < 3; i++)
		make();
	drop_output(now);
	for (size_t at = 2; at < n; at += k) {
		k = n - at < piece ? n - at : piece;
		mux_session_feed(w.s, p + at, k, now += 1000000);
		drop_output(now);
		mux_session_tick(w.s, now);
	}
	mux_session_feed_eof(w.s, now);
	mux_session_free(w.s);
	MUST(w.n_live == 0);
	return 0;
}
