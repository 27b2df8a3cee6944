/*
 * fuzz_frames.c - every input is what a peer sends.  Its first byte says to
 * whom: a session in either role, after a HELLO, before one, or one that
 * speaks plain S0; the next four decide by lot how the owners of streams
 * behave, how the bytes are cut and when time passes.
 *
 * The session may end, but it must end well: what it sends are frames, its
 * figures keep their bounds, nobody is called too late.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mux.h"

#define MUST(cond)	((cond) ? (void)0 : broken(#cond))
#define HEAD		14u
#define LOT		5u	/* bytes before those of the peer */
#define MEMORY		(4u * 1024u * 1024u)
#define MS		UINT64_C(1000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
broken(const char *what)
{
	fprintf(stderr, "fuzz_frames: not %s\n", what);
	abort();
}

struct owner {
	struct owner *next;
	struct fuzz *f;
	struct mux_stream *st;
	size_t held;
	bool over, eof;
};

struct fuzz {
	struct mux_session *s;
	struct owner *owners;
	uint64_t now;
	uint32_t lot;
	bool initiator, legacy;
	int err;
	/* what it sends: the frame at hand */
	uint8_t head[HEAD];
	size_t n_head;
	uint64_t left;			/* of its payload */
};

static uint32_t
lot(struct fuzz *f, uint32_t below)
{
	f->lot = f->lot * 1664525u + 1013904223u;
	return (f->lot >> 8) % below;
}

/* ---- owners ---- */

static void
release(struct owner *o)
{
	struct mux_stream *st = o->st;

	o->st = NULL;
	mux_stream_release(st);
}

/* Does something to the stream, or not. */
static void
act(struct owner *o)
{
	struct fuzz *f = o->f;

	if (o->st == NULL)
		return;
	switch (lot(f, 24)) {
	case 0:
		mux_stream_reset(o->st, lot(f, 30), "by lot");
		o->over = true;
		break;
	case 1:
		release(o);
		break;
	case 2:
		mux_stream_stop(o->st, lot(f, 30));
		break;
	case 3:
		mux_stream_pause(o->st, lot(f, 2) == 0);
		break;
	case 4:
		mux_stream_priority(o->st, lot(f, 9));
		break;
	case 5: case 6: case 7:
		mux_stream_ready(o->st);
		break;
	case 8: case 9: case 10:
		mux_stream_consume(o->st, o->held);
		o->held = 0;
		break;
	case 11:
		mux_stream_accept(o->st);
		break;
	case 12:
		if (lot(f, 8) == 0)
			mux_session_drain(f->s, lot(f, 1000) * MS, f->now);
		break;
	}
}

static void
on_accepted(struct mux_stream *st, void *arg)
{
	struct owner *o = arg;

	MUST(!o->over && o->st == st);
	act(o);
}

static size_t
on_fill(struct mux_stream *st, void *buf, size_t max, size_t limit,
    unsigned *flags, void *arg)
{
	struct owner *o = arg;
	size_t n = lot(o->f, 3000);

	MUST(!o->over && o->st == st && max <= limit);
	if (n > max)
		n = max;
	memset(buf, 'f', n);
	if (lot(o->f, 6) == 0)
		*flags |= MUX_FILL_END;
	if (lot(o->f, 8) == 0) {
		*flags |= MUX_FILL_FOREIGN;
		n = limit;
	}
	act(o);
	return n;
}

static void
on_data(struct mux_stream *st, const void *p, size_t n, void *arg)
{
	struct owner *o = arg;
	uint64_t sum = 0;

	MUST(!o->over && !o->eof && o->st == st);
	for (size_t i = 0; i < n; i++)
		sum += ((const uint8_t *)p)[i];
	o->held += n + (sum == UINT64_MAX);
	act(o);
}

static bool
on_foreign(struct mux_stream *st, size_t n, void *arg)
{
	struct owner *o = arg;

	MUST(!o->over && !o->eof && o->st == st && n > 0);
	return lot(o->f, 2) == 0;
}

static void
on_eof(struct mux_stream *st, void *arg)
{
	struct owner *o = arg;

	MUST(!o->over && !o->eof && o->st == st);
	o->eof = true;
	act(o);
}

static void
on_stopped(struct mux_stream *st, uint32_t code, void *arg)
{
	struct owner *o = arg;

	(void)code;
	MUST(!o->over && o->st == st);
	act(o);
}

static void
on_reset(struct mux_stream *st, uint32_t code, const char *text, void *arg)
{
	struct owner *o = arg;

	(void)code;
	MUST(!o->over && o->st == st);
	MUST(text == NULL || strlen(text) <= 1024);
	o->over = true;
	act(o);
}

static const struct mux_stream_ops stream_ops = {
	.size = sizeof(stream_ops), .accepted = on_accepted,
	.fill = on_fill, .data = on_data, .foreign = on_foreign,
	.eof = on_eof, .stopped = on_stopped, .reset = on_reset,
};

static struct owner *
owner_new(struct fuzz *f)
{
	struct owner *o = calloc(1, sizeof(*o));

	if (o == NULL)
		abort();
	o->f = f;
	o->next = f->owners;
	f->owners = o;
	return o;
}

static void
on_open(struct mux_session *s, struct mux_stream *st,
    const struct mux_open *open, void *arg)
{
	struct fuzz *f = arg;
	struct owner *o;

	MUST(s == f->s && open->target_len > 0 && open->target_len <= 4096);
	MUST(memchr(open->target, 0, open->target_len) == NULL);
	MUST(open->priority <= 7);
	if (lot(f, 8) == 0) {
		mux_stream_refuse(st, 11, "by lot");
		return;
	}
	if (lot(f, 16) == 0)
		return;
	o = owner_new(f);
	o->st = st;
	mux_stream_attach(st, &stream_ops, o);
	if (lot(f, 4) != 0)
		mux_stream_accept(st);
	mux_stream_ready(st);
	act(o);
}

static void
on_tap(struct mux_session *s, const struct mux_tap *tap, void *arg)
{
	struct fuzz *f = arg;

	MUST(s == f->s && tap->off + tap->n <= tap->len);
	MUST(tap->now <= f->now);
}

static const struct mux_session_ops session_ops = {
	.size = sizeof(session_ops), .open = on_open, .tap = on_tap,
};

static void
open_one(struct fuzz *f)
{
	struct mux_open open = { .size = sizeof(open), .target = "target",
	    .target_len = 6, .have_priority = true,
	    .priority = (uint8_t)lot(f, 8) };
	struct owner *o = owner_new(f);

	if (mux_stream_open(f->s, &open, &stream_ops, o, &o->st) == 0)
		mux_stream_ready(o->st);
	else
		o->st = NULL;
}

/* ---- what the session sends ---- */

static void
check_header(struct fuzz *f)
{
	unsigned type = f->head[12];
	bool s0 = type == 1 || (type >= 3 && type <= 5) || type == 9;

	f->left = (uint64_t)f->head[0] | (uint64_t)f->head[1] << 8 |
	    (uint64_t)f->head[2] << 16 | (uint64_t)f->head[3] << 24;
	MUST(f->left <= 1024 * 1024);
	MUST(type <= 10 || (type >= 16 && type <= 24));
	if (f->legacy && f->initiator)
		MUST(type == 8);	/* a HELLO that was already written */
	else if (f->legacy)
		MUST(s0 && f->head[13] == 0);
	else
		MUST((f->head[13] & ~0x83) == 0);
}

static void
check_bytes(struct fuzz *f, const uint8_t *p, size_t n)
{
	for (size_t k; n > 0; p += k, n -= k) {
		if (f->left > 0) {
			k = n < f->left ? n : (size_t)f->left;
			f->left -= k;
			continue;
		}
		k = 1;
		f->head[f->n_head++] = *p;
		if (f->n_head < HEAD)
			continue;
		f->n_head = 0;
		check_header(f);
	}
}

static void
note(struct fuzz *f, int err)
{
	MUST(f->err == 0 || err == f->err);
	MUST(err == 0 || mux_is_fatal(err));
	f->err = err;
	if (mux_session_mode(f->s) == MUX_MODE_LEGACY)
		f->legacy = true;
}

/* As much as the carrier takes, by lot. */
static void
send(struct fuzz *f, bool all)
{
	struct mux_out o;
	size_t n, mem;

	for (int i = 0; i < 100; i++) {
		note(f, mux_session_pull(f->s, f->now));
		mux_session_peek(f->s, &o);
		MUST(o.len <= 128 * 1024 && o.foreign <= 1024 * 1024);
		n = o.len + o.foreign;
		if (!all && n > 0)
			n = lot(f, (uint32_t)n + 1);
		if (n == 0)
			break;
		mem = n < o.len ? n : o.len;
		check_bytes(f, o.data, mem);
		if (n > mem) {
			MUST(f->left >= o.foreign);
			f->left -= n - mem;
		}
		mux_session_sent(f->s, n, f->now);
	}
}

static void
check_figures(struct fuzz *f)
{
	struct mux_session_stats st;
	struct mux_stream_stats one;
	uint64_t n = 0, charge = 0;

	mux_session_stats(f->s, &st);
	MUST(st.charge <= MEMORY + st.streams * st.window);
	MUST(st.budget <= MEMORY / 2 && st.peer_slots <= st.streams);
	MUST(st.wire_live <= st.streams);
	for (struct mux_stream *s = mux_session_next(f->s, NULL); s != NULL;
	    s = mux_session_next(f->s, s)) {
		mux_stream_stats(s, &one);
		charge += one.credit_in + one.buffered;
		n++;
	}
	MUST(n == st.streams && charge == st.charge);
}

/* ---- what it gets ---- */

static size_t
feed(struct fuzz *f, const uint8_t *p, size_t n)
{
	struct mux_stream *st;
	size_t foreign = mux_session_foreign(f->s, &st);
	size_t k = 1 + lot(f, (uint32_t)n);
	struct owner *o;

	if (lot(f, 4) == 0)
		k = k < 14 ? k : 14;
	if (foreign > 0) {
		k = k < foreign ? k : foreign;
		for (o = f->owners; o->st != st; o = o->next)
			;
		o->held += k;
		mux_session_moved(f->s, k, f->now);
		return k;
	}
	note(f, mux_session_feed(f->s, p, k, f->now));
	return k;
}

static void
something(struct fuzz *f)
{
	struct owner *o;

	switch (lot(f, 10)) {
	case 0:
		f->now += lot(f, 100) * MS;
		break;
	case 1:
		if (lot(f, 10) == 0)
			f->now += lot(f, 40) * 1000 * MS;
		note(f, mux_session_tick(f->s, f->now));
		break;
	case 2: case 3: case 4:
		send(f, false);
		break;
	case 5:
		open_one(f);
		break;
	case 6:
		for (o = f->owners; o != NULL; o = o->next)
			act(o);
		break;
	case 7:
		mux_session_ping(f->s, f->now);
		break;
	}
}

static const uint8_t hello[] = "\x18\0\0\0\0\0\0\0\0\0\0\0\x08\x80\x14\0\0\0"
    "\x01\x80\x08\0MUX1\x01\0\x01\0\x12\0\x04\0\0\0\x01\0";

static void
begin(struct fuzz *f, const uint8_t *data)
{
	struct mux_config cfg = { .size = sizeof(cfg), .memory = MEMORY,
	    .max_streams = 32, .max_open = 8, .max_calls = MUX_NONE };
	uint8_t p[sizeof(hello) - 1];

	memset(f, 0, sizeof(*f));
	memcpy(&f->lot, data + 1, 4);
	f->now = 1000 * MS;
	f->initiator = data[0] & 1;
	cfg.initiator = f->initiator;
	cfg.legacy = (data[0] & 6) == 4;
	cfg.require_hello = (data[0] & 8) != 0;
	if (mux_session_new(&cfg, &session_ops, f, f->now, &f->s) != 0)
		abort();
	f->legacy = mux_session_mode(f->s) == MUX_MODE_LEGACY;
	if ((data[0] & 6) != 0)
		return;
	memcpy(p, hello, sizeof(p));
	p[12] = f->initiator ? 9 : 8;
	send(f, true);
	note(f, mux_session_feed(f->s, p, sizeof(p), f->now));
	MUST(f->err == 0 &&
	    mux_session_mode(f->s) == MUX_MODE_EXTENDED);
	for (int i = 0; i < 2; i++)
		open_one(f);
	send(f, true);
}

static void
end(struct fuzz *f, bool eof)
{
	struct owner *o;

	if (eof)
		note(f, mux_session_feed_eof(f->s, f->now));
	send(f, true);
	check_figures(f);
	mux_session_free(f->s);
	while ((o = f->owners) != NULL) {
		f->owners = o->next;
		if (o->st != NULL)
			release(o);
		free(o);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz f;
	size_t k;

	if (size < LOT)
		return 0;
	begin(&f, data);
	for (data += LOT, size -= LOT; size > 0 && f.err == 0;
	    data += k, size -= k) {
		k = feed(&f, data, size);
		if (lot(&f, 3) == 0)
			something(&f);
		check_figures(&f);
	}
	end(&f, lot(&f, 2) == 0);
	return 0;
}
