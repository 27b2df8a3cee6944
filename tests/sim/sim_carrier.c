/*
 * What becomes of streams and their ends when the carrier, the connection or
 * a relay goes away at a bad moment; and ends that are not one socket.
 */
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "tap.h"
#include "world.h"

#define MB	(UINT64_C(1024) * 1024)

static void
begin(struct world *w, enum kind carrier, bool copy, enum kind target)
{
	alarm(60);
	world_new(w, carrier, copy);
	w->target = target;
}

/* ---- the end of a connection ---- */

enum cut { FREE, ABORT, SHUT };

/* A cut carrier never looks like an end of file. */
static void
cut(enum cut how, enum kind carrier, bool copy, const char *what)
{
	struct world w;
	struct link l;

	begin(&w, carrier, copy, TCP);
	link_new(&w, &l, TCP);
	app_send(&l.client, 256 * MB, true);
	app_send(&l.server, 256 * MB, true);
	until(&w, l.server.got > 4 * MB && l.client.got > 4 * MB);
	if (how == ABORT)
		mux_conn_abort(w.b, MUX_F_ABUSE, "enough of this");
	else
		mux_conn_free(w.b);
	if (how == FREE)
		w.b = NULL;
	until(&w, w.a_closed && l.done_a && l.done_b);
	settle(&w);
	ok(!l.client.eof && app_failed(&l.client), "%s: the client is reset",
	    what);
	ok(!l.server.eof && app_failed(&l.server), "%s: so is the server",
	    what);
	is_u64(l.client.bad + l.server.bad, 0, "%s: what came was right",
	    what);
	is_str(l.ea.how, "carrier-lost", "%s: a calls it by its name", what);
	is_str(l.eb.how, "carrier-lost", "%s: and b", what);
	is_u64(l.ea.code, MUX_CARRIER_LOST, "%s: so does the code", what);
	ok(!l.ea.by_peer && !l.eb.by_peer, "%s: nobody did it", what);
	if (how == FREE) {
		ok(w.a_err == MUX_E_LOST, "%s: the carrier was lost", what);
	} else {
		until(&w, w.b_closed);
		ok(w.a_err == MUX_E_GOODBYE && w.a_why.code == MUX_F_ABUSE,
		    "%s: the reason overtook nothing and was read", what);
		ok(strstr(w.a_why.text, "enough of this") != NULL,
		    "%s: with its words", what);
	}
	link_free(&l);
	world_free(&w);
}

/* Draining waits for what runs, and then both sides are done. */
static void
drain(enum kind carrier)
{
	struct world w;
	struct link l;

	begin(&w, carrier, false, UNIX);
	link_new(&w, &l, UNIX);
	app_send(&l.client, 10, false);
	until(&w, l.server.got == 10);
	mux_conn_drain(w.a, 30 * UINT64_C(1000000000));
	settle(&w);
	ok(!w.a_closed && !w.b_closed, "drain: a stream keeps it open");
	app_send(&l.server, 8 * MB, true);
	app_send(&l.client, 8 * MB, true);
	until(&w, w.a_closed && w.b_closed);
	ok(w.a_err == MUX_E_DONE && w.b_err == MUX_E_DONE,
	    "drain: then both are done");
	until(&w, l.client.eof && l.server.eof);
	ok(l.client.got == 8 * MB && l.server.got == 8 * MB + 10 &&
	    l.done_a && l.done_b && l.ea.code == 0 && l.eb.code == 0,
	    "drain: and nothing was cut short");
	link_free(&l);
	world_free(&w);
}

/* The last bytes are with us, the target is slow, the carrier goes. */
static void
outlives(void)
{
	struct world w;
	struct link l;

	begin(&w, UNIX, false, UNIX);
	w.sndbuf = 1;
	link_new(&w, &l, UNIX);
	settle(&w);
	app_stall(&l.server, true);
	app_send(&l.server, 5, true);
	app_send(&l.client, 8000, true);
	until(&w, l.done_a);
	settle(&w);
	ok(!l.done_b, "outlives: b still has bytes for its target");
	mux_conn_free(w.a);
	mux_conn_free(w.b);
	w.a = w.b = NULL;
	settle(&w);
	ok(!l.done_b, "outlives: without any connection as well");
	app_stall(&l.server, false);
	until(&w, l.done_b && l.server.eof);
	ok(l.server.got == 8000 && l.server.bad == 0,
	    "outlives: they arrive, and their end");
	is_str(l.eb.how, "fin", "outlives: fin");
	is_u64(l.eb.bytes_out, 8000, "outlives: all counted");
	link_free(&l);
	world_free(&w);
}

/* A frame whose header is out is finished, whatever became of its stream. */
static void
debt(enum kind carrier)
{
	struct link l, other;
	struct world w;
	unsigned i, turns, bad = 0;

	begin(&w, carrier, false, TCP);
	for (i = 0; i < 40; i++) {
		link_new(&w, &l, TCP);
		link_new(&w, &other, UNIX);
		app_send(&l.client, 256 * MB, false);
		app_send(&l.server, 256 * MB, false);
		app_send(&other.client, 700000, true);
		app_send(&other.server, 700000, true);
		for (turns = tap_rnd(60); turns > 0; turns--)
			mux_loop_turn(w.loop, 0);
		/* each in turn: relay, program, both at once */
		if (i % 3 != 1)
			mux_relay_free(l.ra);
		if (i % 3 != 1)
			l.ra = NULL;
		if (i % 3 != 0)
			app_reset(&l.server);
		until(&w, other.done_a && other.done_b &&
		    other.server.eof && other.client.eof);
		bad += other.server.got != 700000 ||
		    other.client.got != 700000 || other.server.bad > 0 ||
		    other.client.bad > 0 || other.ea.code != 0;
		link_free(&l);
		link_free(&other);
	}
	is_u64(bad, 0, "debt: 40 dying bulk streams broke no other");
	ok(!w.a_closed && !w.b_closed, "debt: nor the connection");
	world_free(&w);
}

/* ---- freeing from within ---- */

enum where { IN_READY, IN_OPEN, IN_DONE, IN_CLOSED, IN_DRAIN, N_WHERE };

struct suicide {
	struct mux_loop *loop;
	struct mux_conn *a, *b;
	struct mux_relay *ra;
	enum where at;
	bool freed;
};

static void
die(struct suicide *s, struct mux_conn *c)
{
	if (c == s->a)
		s->a = NULL;
	else
		s->b = NULL;
	s->freed = true;
	mux_conn_free(c);
}

static void
suicide_ready(struct mux_conn *c, void *arg)
{
	struct suicide *s = arg;

	if (s->at == IN_READY)
		die(s, c);
}

static void
suicide_done(struct mux_relay *r, const struct mux_relay_end *end, void *arg)
{
	struct suicide *s = arg;

	(void)end;
	s->ra = NULL;
	/* gone it is, but to say so twice is harmless within done() */
	mux_relay_free(r);
	if (s->at == IN_DONE && s->a != NULL)
		die(s, s->a);
}

static void
suicide_open(struct mux_conn *c, struct mux_stream *st,
    const struct mux_open *o, void *arg)
{
	struct suicide *s = arg;

	(void)o;
	if (s->at == IN_OPEN)
		die(s, c);
	else
		mux_stream_refuse(st, MUX_BUSY, NULL);
}

static void
suicide_drain(struct mux_conn *c, void *arg)
{
	struct suicide *s = arg;

	if (s->at == IN_DRAIN)
		die(s, c);
}

static void
suicide_closed(struct mux_conn *c, int err, const struct mux_why *why,
    void *arg)
{
	(void)err;
	(void)why;
	die(arg, c);
}

static const struct mux_conn_ops suicide_ops = {
	.size = sizeof(suicide_ops),
	.ready = suicide_ready,
	.open = suicide_open,
	.drain = suicide_drain,
	.closed = suicide_closed,
};

static void
suicide(enum where at)
{
	struct mux_config cfg = { .size = sizeof(cfg) };
	struct suicide s = { .at = at };
	struct mux_ends e;
	int fds[2], end[2], i;

	alarm(60);
	must(mux_loop_new(&s.loop) == 0, "loop");
	pair(TCP, fds);
	e = ends_of(fds[0]);
	cfg.initiator = true;
	must(mux_conn_new(s.loop, &e, &cfg, &suicide_ops, &s, &s.a) == 0, "a");
	e = ends_of(fds[1]);
	cfg.initiator = false;
	must(mux_conn_new(s.loop, &e, &cfg, &suicide_ops, &s, &s.b) == 0, "b");
	pair(UNIX, end);
	e = ends_of(end[0]);
	for (i = 0; s.a != NULL && s.ra == NULL && i < 100; i++) {
		mux_loop_turn(s.loop, 0);
		if (s.a != NULL && mux_relay_open(s.a, "x", &e, suicide_done,
		    &s, &s.ra) < 0)
			continue;
	}
	if (s.at == IN_DRAIN || s.at == IN_CLOSED)
		mux_conn_drain(s.b, 0);
	while (!s.freed || s.ra != NULL)
		must(mux_loop_turn(s.loop, UINT64_MAX) == 0, "turn");
	if (s.at != IN_READY)
		ok(s.ra == NULL, "free in callback %d: the relay was told",
		    at);
	else
		close(end[0]);
	close(end[1]);
	mux_conn_free(s.a);
	mux_conn_free(s.b);
	mux_loop_free(s.loop);
	ok(true, "free in callback %d: and all is well", at);
}

/* ---- peers that are none ---- */

struct stranger {
	bool closed;
	int err;
	struct mux_why why;
};

static void
stranger_closed(struct mux_conn *c, int err, const struct mux_why *why,
    void *arg)
{
	struct stranger *s = arg;

	(void)c;
	s->closed = true;
	s->err = err;
	s->why = *why;
}

static void
stranger(const char *bytes, size_t n, bool hangs_up, int err)
{
	static const struct mux_conn_ops ops = {
		.size = sizeof(ops), .closed = stranger_closed,
	};
	struct mux_config cfg = { .size = sizeof(cfg) };
	struct stranger s = { 0 };
	struct mux_loop *loop;
	struct mux_conn *c;
	struct mux_ends e;
	int fds[2];

	alarm(60);
	must(mux_loop_new(&loop) == 0, "loop");
	pair(UNIX, fds);
	e = ends_of(fds[0]);
	must(mux_conn_new(loop, &e, &cfg, &ops, &s, &c) == 0, "conn");
	must(write(fds[1], bytes, n) == (ssize_t)n, "write");
	if (hangs_up)
		close(fds[1]);
	while (!s.closed)
		must(mux_loop_turn(loop, UINT64_MAX) == 0, "turn");
	is_u64((uint64_t)-s.err, (uint64_t)-err,
	    "a stranger that says %.4s: %s", bytes, s.why.text);
	mux_conn_free(c);
	mux_loop_free(loop);
	if (!hangs_up)
		close(fds[1]);
}

/* ---- ends that are not one socket ---- */

struct done {
	struct mux_relay_end end;
	bool is;
};

static void
note_done(struct mux_relay *r, const struct mux_relay_end *end, void *arg)
{
	struct done *d = arg;

	(void)r;
	d->end = *end;
	d->is = true;
}

/* Opens a relay on any two descriptors; the server is as in world.c. */
static struct link *
open_on(struct world *w, int in, int out, bool inherited, struct done *d)
{
	struct mux_ends e = { .in = in, .out = out, .inherited = inherited };
	struct link *l = calloc(1, sizeof(*l));

	must(l != NULL, "memory");
	l->w = w;
	l->client.fd = l->server.fd = l->rb_fd = -1;
	w->opened = l;
	must(mux_relay_open(w->a, "LLLLLLLL", &e, note_done, d,
	    &l->ra) == 0, "relay_open");
	l->ra = NULL;	/* its owner is `d` */
	until(w, w->opened == NULL);
	return l;
}

static int
file_of(uint32_t seed, uint64_t n)
{
	char name[] = "/tmp/sim_carrier.XXXXXX";
	int fd = mkstemp(name);
	uint8_t buf[4096];
	uint64_t at;
	size_t i;

	must(fd >= 0 && unlink(name) == 0, "mkstemp");
	for (at = 0; at < n; at += sizeof(buf)) {
		for (i = 0; i < sizeof(buf); i++)
			buf[i] = pattern(seed, at + i);
		must(write(fd, buf, sizeof(buf)) == sizeof(buf), "write");
	}
	lseek(fd, 0, SEEK_SET);
	return fd;
}

static uint64_t
wrong_in(int fd, uint32_t seed, uint64_t n)
{
	uint64_t at = 0, bad = 0;
	uint8_t buf[4096];
	ssize_t r, i;

	lseek(fd, 0, SEEK_SET);
	while ((r = read(fd, buf, sizeof(buf))) > 0)
		for (i = 0; i < r; i++)
			bad += buf[i] != pattern(seed, at++);
	return bad + (at != n ? 1 : 0);
}

static void
files(bool copy)
{
	struct done d = { 0 };
	struct world w;
	struct link *l;
	int in, out, keep;

	begin(&w, UNIX, copy, TCP);
	in = file_of(1, 5 * MB);
	out = file_of(0, 0);
	keep = dup(out);
	l = open_on(&w, in, out, true, &d);
	until(&w, l->server.eof);
	ok(l->server.got == 5 * MB && l->server.bad == 0,
	    "files: one goes in");
	app_send(&l->server, 3 * MB, true);
	until(&w, d.is && l->done_b);
	is_u64(wrong_in(keep, 2, 3 * MB), 0, "files: one comes out");
	is_str(d.end.how, "fin", "files: fin");
	close(keep);
	link_free(l);
	free(l);
	world_free(&w);
}

/* Pipes that somebody else has as well; they keep their flags. */
static void
pipes(bool copy)
{
	struct done d = { 0 };
	struct world w;
	struct link *l;
	uint8_t buf[65536];
	int in[2], out[2];
	uint64_t got = 0, sent = 0, bad = 0;
	ssize_t r, i;

	begin(&w, UNIX, copy, UNIX);
	must(pipe(in) == 0 && pipe(out) == 0, "pipe");
	l = open_on(&w, dup(in[0]), dup(out[1]), true, &d);
	ok((fcntl(in[0], F_GETFL) & O_NONBLOCK) == 0 &&
	    (fcntl(out[1], F_GETFL) & O_NONBLOCK) == 0,
	    "pipes: shared ones keep blocking for others");
	close(out[1]);
	fcntl(in[1], F_SETFL, O_NONBLOCK);
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	app_send(&l->server, 2 * MB, true);
	while (got < 2 * MB || sent < 2 * MB) {
		mux_loop_turn(w.loop, 0);
		for (i = 0; i < (ssize_t)sizeof(buf); i++)
			buf[i] = pattern(1, sent + (uint64_t)i);
		r = sent < 2 * MB ? write(in[1], buf, sizeof(buf)) : 0;
		sent += r > 0 ? (uint64_t)r : 0;
		r = read(out[0], buf, sizeof(buf));
		for (i = 0; i < r; i++)
			bad += buf[i] != pattern(2, got++);
	}
	close(in[1]);
	until(&w, d.is && l->done_b && l->server.eof);
	is_u64(bad, 0, "pipes: out as it was sent");
	ok(l->server.got == sent && l->server.bad == 0, "pipes: and in");
	is_u64((uint64_t)read(out[0], buf, 1), 0, "pipes: and their end");
	is_str(d.end.how, "fin", "pipes: fin");
	close(in[0]);
	close(out[0]);
	link_free(l);
	free(l);
	world_free(&w);
}

/* The reader of our output goes: the writer is told, the rest lives. */
static void
pipe_reader_goes(void)
{
	struct done d = { 0 };
	struct world w;
	struct link *l;
	int in[2], out[2];

	begin(&w, UNIX, false, TCP);
	must(pipe(in) == 0 && pipe(out) == 0, "pipe");
	l = open_on(&w, in[0], out[1], false, &d);
	app_send(&l->server, 64 * MB, true);
	settle(&w);
	close(out[0]);
	until(&w, l->server.shut);
	ok(!d.is, "reader goes: the other direction lives");
	must(write(in[1], "x", 1) == 1, "write");
	close(in[1]);
	until(&w, d.is && l->done_b && l->server.eof);
	is_u64(l->server.got, 1, "reader goes: what is written arrives");
	ok(strcmp(d.end.how, "fin") == 0 && d.end.code == MUX_ENDPOINT_RESET &&
	    !d.end.by_peer, "reader goes: the code says that bytes were lost");
	link_free(l);
	free(l);
	world_free(&w);
}

/* An inherited socket blocks for those who share it, but not for us. */
static void
inherited(void)
{
	struct done d = { 0 };
	struct app client;
	struct world w;
	struct link *l;
	int fds[2], keep;

	begin(&w, UNIX, false, TCP);
	pair(UNIX, fds);
	fcntl(fds[1], F_SETFL, 0);
	keep = dup(fds[1]);
	app_start(&client, w.loop, fds[0], 1, 2);
	l = open_on(&w, fds[1], fds[1], true, &d);
	app_send(&client, 5 * MB, true);
	app_send(&l->server, 5 * MB, true);
	until(&w, d.is && client.eof && l->server.eof);
	ok(client.got == 5 * MB && l->server.got == 5 * MB &&
	    client.bad + l->server.bad == 0, "inherited: all arrives");
	ok((fcntl(keep, F_GETFL) & O_NONBLOCK) == 0,
	    "inherited: and it blocks as before");
	close(keep);
	app_close(&client);
	link_free(l);
	free(l);
	world_free(&w);
}

/* ---- what an idle stream costs ---- */

#define N_IDLE	500u

static void
idle(void)
{
	static struct link links[N_IDLE];
	size_t before, after;
	struct world w;
	unsigned i;

	begin(&w, UNIX, false, UNIX);
	link_new(&w, &links[0], UNIX);
	settle(&w);
	before = mallinfo2().uordblks;
	for (i = 1; i < N_IDLE; i++) {
		link_new(&w, &links[i], UNIX);
		app_send(&links[i].client, 3000, false);
	}
	settle(&w);
	after = mallinfo2().uordblks;
	/* both of its ends, and the watches of the two programs */
	ok(before == 0 /* the malloc of sanitizers does not say */ ||
	    (after - before) / (N_IDLE - 1) <= 2 * 1024,
	    "idle: %zu bytes for both ends of a stream",
	    (after - before) / (N_IDLE - 1));
	for (i = 0; i < N_IDLE; i++)
		link_free(&links[i]);
	settle(&w);
	after = mallinfo2().uordblks;
	ok(after <= before + 100 * N_IDLE,
	    "idle: it comes back, but for %zd bytes of tables",
	    (ssize_t)(after - before));
	world_free(&w);
}

int
main(void)
{
	int at;

	signal(SIGPIPE, SIG_IGN);
	cut(FREE, UNIX, false, "cut, unix");
	cut(FREE, TCP, false, "cut, tcp");
	cut(FREE, TCP, true, "cut, copied");
	cut(ABORT, UNIX, false, "abort, unix");
	cut(ABORT, TCP, false, "abort, tcp");
	cut(ABORT, TCP, true, "abort, copied");
	drain(UNIX);
	drain(TCP);
	outlives();
	debt(UNIX);
	debt(TCP);
	for (at = 0; at < N_WHERE; at++)
		suicide((enum where)at);
	stranger("GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27, true,
	    MUX_E_PROTOCOL);
	stranger("GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27, false,
	    MUX_E_PROTOCOL);
	stranger("\0\0\0\0", 4, true, MUX_E_PROTOCOL);
	files(false);
	files(true);
	pipes(false);
	pipes(true);
	pipe_reader_goes();
	inherited();
	idle();
	return tap_done();
}
