/*
 * memory.c - two sessions joined by memory: no sockets, no threads, and a
 * clock that we make up.  One side opens a stream and sends a word, the other
 * one counts what comes and answers when it has ended.  Tests of protocols
 * are built like this.
 *
 *	cc memory.c $(pkg-config --cflags --libs mux)
 *	./a.out "Hello, stream"
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mux.h>

#define MS	UINT64_C(1000000)

/* What an end of the stream keeps.  Both use it, in different callbacks. */
struct end {
	struct mux_stream *st;
	const char *word;	/* the asking end: what it sends */
	size_t count;		/* the answering end: what came */
	bool eof, failed;	/* how the peer's direction ended */
};

static void
on_reset(struct mux_stream *st, uint32_t code, const char *text, void *arg)
{
	struct end *e = arg;
	const char *name = mux_code_name(code);

	(void)st;
	(void)text;
	fprintf(stderr, "reset: %s\n", name != NULL ? name : "?");
	e->failed = true;
}

/* ---- the asking end ---- */

/* As much as fits; the rest when fill is asked again. */
static size_t
ask_fill(struct mux_stream *st, void *buf, size_t max, size_t limit,
    unsigned *flags, void *arg)
{
	struct end *e = arg;
	size_t n = strlen(e->word);

	(void)st;
	(void)limit;
	if (n <= max)
		*flags = MUX_FILL_END;
	else
		n = max;
	memcpy(buf, e->word, n);
	e->word += n;
	return n;
}

static void
ask_data(struct mux_stream *st, const void *p, size_t n, void *arg)
{
	(void)arg;
	fwrite(p, 1, n, stdout);
	/* We are through with these bytes: the peer may send more. */
	mux_stream_consume(st, n);
}

static void
ask_eof(struct mux_stream *st, void *arg)
{
	struct end *e = arg;

	(void)st;
	e->eof = true;
}

static const struct mux_stream_ops ask_ops = {
	.size = sizeof(ask_ops),
	.fill = ask_fill,
	.data = ask_data,
	.eof = ask_eof,
	.reset = on_reset,
};

/* ---- the answering end ---- */

static void
answer_data(struct mux_stream *st, const void *p, size_t n, void *arg)
{
	struct end *e = arg;

	(void)p;
	e->count += n;
	mux_stream_consume(st, n);
}

/* Its direction has ended; ours has not, so there is time to answer. */
static void
answer_eof(struct mux_stream *st, void *arg)
{
	struct end *e = arg;

	e->eof = true;
	mux_stream_ready(st);
}

static size_t
answer_fill(struct mux_stream *st, void *buf, size_t max, size_t limit,
    unsigned *flags, void *arg)
{
	struct end *e = arg;
	char text[32];
	size_t n;

	(void)st;
	(void)limit;
	n = (size_t)snprintf(text, sizeof(text), "%zu bytes\n", e->count);
	if (!e->eof || n > max)
		return 0;
	memcpy(buf, text, n);
	*flags = MUX_FILL_END;
	return n;
}

static const struct mux_stream_ops answer_ops = {
	.size = sizeof(answer_ops),
	.fill = answer_fill,
	.data = answer_data,
	.eof = answer_eof,
	.reset = on_reset,
};

/* The peer opened a stream: take it or leave it, before we return. */
static void
on_open(struct mux_session *s, struct mux_stream *st,
    const struct mux_open *o, void *arg)
{
	struct end *e = arg;

	(void)s;
	if (o->target_len != 5 || memcmp(o->target, "count", 5) != 0) {
		mux_stream_refuse(st, MUX_NOT_PERMITTED, "only count");
		return;
	}
	e->st = st;
	mux_stream_attach(st, &answer_ops, e);
	mux_stream_accept(st);
}

/* ---- the carrier ---- */

/* Whatever one session has to say goes into the other. */
static int
carry(struct mux_session *from, struct mux_session *to, uint64_t now)
{
	struct mux_out out;
	int err, fed;

	for (;;) {
		err = mux_session_pull(from, now);
		mux_session_peek(from, &out);
		if (out.len == 0)
			return err;
		fed = mux_session_feed(to, out.data, out.len, now);
		if (fed != 0)
			return fed;
		mux_session_sent(from, out.len, now);
	}
}

static const struct mux_session_ops session_ops = {
	.size = sizeof(session_ops),
	.open = on_open,
};

static struct mux_session *
session(struct end *e, bool initiator)
{
	struct mux_config cfg = { .size = sizeof(cfg) };
	struct mux_session *s;
	int err;

	cfg.initiator = initiator;
	err = mux_session_new(&cfg, &session_ops, e, 0, &s);
	if (err != 0) {
		fprintf(stderr, "session: %s\n", mux_strerror(err));
		exit(1);
	}
	return s;
}

int
main(int argc, char **argv)
{
	struct mux_open o = { .size = sizeof(o), .target = "count",
	    .target_len = 5 };
	struct end ask = { .word = argc > 1 ? argv[1] : "" }, answer = { 0 };
	struct mux_session *a = session(&ask, true);
	struct mux_session *b = session(&answer, false);
	uint64_t now = 0;
	int err = 0;

	/* HELLO, and its answer. */
	carry(a, b, now);
	carry(b, a, now);
	if (mux_stream_open(a, &o, &ask_ops, &ask, &ask.st) != 0)
		return 1;
	mux_stream_ready(ask.st);
	while (err == 0 && !ask.eof && !ask.failed) {
		now += MS;	/* as long as our carrier takes */
		err = carry(a, b, now);
		if (err == 0)
			err = carry(b, a, now);
	}

	/* Who holds a stream gives it back; then nothing keeps us open. */
	mux_stream_release(ask.st);
	mux_stream_release(answer.st);
	if (err == 0) {
		mux_session_drain(a, 1000 * MS, now);
		err = carry(a, b, now);
	}
	if (err == MUX_E_DONE)
		err = mux_session_feed_eof(b, now);
	if (err != MUX_E_DONE)
		fprintf(stderr, "it ended badly: %s\n", mux_strerror(err));
	mux_session_free(a);
	mux_session_free(b);
	return err != MUX_E_DONE || ask.failed;
}
