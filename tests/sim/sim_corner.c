/*
 * sim_corner.c - what goes wrong only when things happen in one particular
 * order.  The peer of the connection is the test itself, byte by byte, so the
 * order is the test's to choose.
 */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tap.h"
#include "world.h"

#define HEAD	14u
#define WINDOW	65536u

enum { START = 2, DATA = 3, END = 4, PING = 8, PONG = 9,
    CREDIT = 16, RESET = 17, STOP = 18, OK = 19, GOODBYE = 24 };

/* A stream of ours, and the program at its end. */
struct pass {
	struct app client;
	struct mux_relay *relay;
	struct mux_relay_end end;
	bool done;
	int rfd;			/* the relay's descriptor */
};

struct corner {
	struct mux_loop *loop;
	struct mux_conn *conn;
	bool ready, closed;
	int peer;			/* the other end of the carrier */
	int err;
	struct mux_why why;
	unsigned n_taps;
	bool die_in_open;
	uint8_t head[HEAD];		/* of what the connection says */
	size_t head_len, payload;
	unsigned said[4];		/* the last type for each id */
};

static void
turn(struct corner *c)
{
	struct pollfd p = { .fd = mux_loop_fd(c->loop), .events = POLLIN };

	do {
		must(mux_loop_turn(c->loop, 0) == 0, "turn");
	} while (mux_loop_timeout(c->loop) == 0 || poll(&p, 1, 0) > 0);
}

/* ---- the peer ---- */

static void
put_n(uint8_t *p, uint64_t v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static size_t
put_frame(uint8_t *to, unsigned type, unsigned flags, uint64_t id,
    const void *p, size_t n)
{
	put_n(to, n, 4);
	put_n(to + 4, id, 8);
	to[12] = (uint8_t)type;
	to[13] = (uint8_t)flags;
	if (n > 0)
		memcpy(to + HEAD, p, n);
	return HEAD + n;
}

static void
say(struct corner *c, unsigned type, unsigned flags, uint64_t id,
    const void *p, size_t n)
{
	uint8_t buf[HEAD + 256];

	n = put_frame(buf, type, flags, id, p, n);
	must(write(c->peer, buf, n) == (ssize_t)n, "write");
}

/* The same for a payload that is to be spliced: it comes when its header has
 * been read. */
static void
say_long(struct corner *c, unsigned type, uint64_t id, const uint8_t *p,
    size_t n)
{
	uint8_t head[HEAD];

	put_frame(head, type, 0, id, NULL, 0);
	put_n(head, n, 4);
	must(write(c->peer, head, HEAD) == HEAD, "write");
	turn(c);
	must(write(c->peer, p, n) == (ssize_t)n, "write");
	turn(c);
}

static void
say_u32(struct corner *c, unsigned type, uint64_t id, uint32_t v)
{
	uint8_t p[4];

	put_n(p, v, 4);
	say(c, type, 0, id, p, 4);
}

/* A block of tags: magic, and a window. */
static size_t
hello(uint8_t *to, unsigned type)
{
	uint8_t p[24] = "\x14\0\0\0\x01\x80\x08\0MUX1\1\0\1\0\x12\0\4\0";

	put_n(p + 20, WINDOW, 4);
	return put_frame(to, type, 0x80, 0, p, sizeof(p));
}

static void
hear(struct corner *c, const uint8_t *p, size_t n)
{
	size_t k;

	for (; n > 0; p += k, n -= k) {
		if (c->payload > 0) {
			k = n < c->payload ? n : c->payload;
			c->payload -= k;
			continue;
		}
		k = 1;
		c->head[c->head_len++] = *p;
		if (c->head_len < HEAD)
			continue;
		c->head_len = 0;
		for (size_t i = 0; i < 4; i++)
			c->payload |= (size_t)c->head[i] << 8 * i;
		c->said[c->head[4] % 4] = c->head[12];
	}
}

/* Takes all that the connection has said by now. */
static void
listen_to(struct corner *c)
{
	uint8_t buf[65536];
	ssize_t r;

	while ((r = read(c->peer, buf, sizeof(buf))) > 0)
		hear(c, buf, (size_t)r);
}

/* ---- our side ---- */

static void
on_ready(struct mux_conn *conn, void *arg)
{
	(void)conn;
	((struct corner *)arg)->ready = true;
}

static void
on_open(struct mux_conn *conn, struct mux_stream *st,
    const struct mux_open *o, void *arg)
{
	struct corner *c = arg;

	(void)st;
	(void)o;
	if (c->die_in_open)
		mux_conn_free(conn);
	c->conn = NULL;
}

static void
on_tap(struct mux_conn *conn, const struct mux_tap *t, void *arg)
{
	(void)conn;
	(void)t;
	((struct corner *)arg)->n_taps++;
}

static void
on_closed(struct mux_conn *conn, int err, const struct mux_why *why,
    void *arg)
{
	struct corner *c = arg;

	(void)conn;
	c->closed = true;
	c->err = err;
	c->why = *why;
}

static void
on_done(struct mux_relay *r, const struct mux_relay_end *end, void *arg)
{
	struct pass *p = arg;

	(void)r;
	p->end = *end;
	p->done = true;
}

static const struct mux_conn_ops ops = {
	.size = sizeof(ops), .ready = on_ready, .open = on_open,
	.tap = on_tap, .closed = on_closed,
};

static struct corner *
begin(enum kind carrier, bool initiator)
{
	struct mux_config cfg = { .size = sizeof(cfg) };
	struct corner *c = calloc(1, sizeof(*c));
	uint8_t p[64];
	struct mux_ends e;
	int fds[2];

	alarm(60);
	must(c != NULL && mux_loop_new(&c->loop) == 0, "memory");
	pair(carrier, fds);
	e = ends_of(fds[0]);
	c->peer = fds[1];
	cfg.initiator = initiator;
	must(mux_conn_new(c->loop, &e, &cfg, &ops, c, &c->conn) == 0, "conn");
	if (!initiator)
		return c;
	must(write(c->peer, p, hello(p, PONG)) > 0, "write");
	until(c, c->ready);
	return c;
}

static void
finish(struct corner *c)
{
	mux_conn_free(c->conn);
	mux_loop_free(c->loop);
	if (c->peer >= 0)
		close(c->peer);
	free(c);
}

/* The next stream, from a client of this kind. */
static void
pass_open(struct corner *c, struct pass *p, uint64_t id, enum kind kind)
{
	struct mux_ends e;
	int fds[2];

	memset(p, 0, sizeof(*p));
	pair(kind, fds);
	app_start(&p->client, c->loop, fds[0], 1, 2);
	e = ends_of(p->rfd = fds[1]);
	must(mux_relay_open(c->conn, "x", &e, on_done, p, &p->relay) == 0,
	    "relay_open");
	turn(c);
	say_u32(c, OK, id, 0);
	turn(c);
}

/* ---- the corners ---- */

/* Its owner frees a connection in the middle of a block of frames, all of
 * which are shown to a tap. */
static void
tap_after_free(void)
{
	struct corner *c = begin(UNIX, false);
	uint8_t buf[512];
	size_t n;

	c->die_in_open = true;
	n = hello(buf, PING);
	n += put_frame(buf + n, START, 0x80, 1, "\5\0\0\0\x29\0\1\0x", 9);
	n += put_frame(buf + n, PING, 0, 7, NULL, 0);
	must(write(c->peer, buf, n) == (ssize_t)n, "write");
	until(c, c->conn == NULL);
	turn(c);
	ok(c->n_taps >= 2, "freed in open(), with a tap");
	finish(c);
}

/* The client is reset while nobody reads it; what the peer is told. */
static void
reset_when_stopped(void)
{
	struct corner *c = begin(UNIX, true);
	struct pass p;

	pass_open(c, &p, 1, TCP);
	/* In this order they are heard of in the same turn. */
	say_u32(c, STOP, 1, MUX_ENDPOINT_RESET);
	app_reset(&p.client);
	turn(c);
	listen_to(c);
	is_u64(c->said[1], RESET, "a reset behind a STOP is a reset");
	ok(p.done && p.end.code == MUX_ENDPOINT_RESET,
	    "and the end of the relay");
	finish(c);
}

/* The last bytes before a reset wait for the carrier when a STOP says that
 * nobody wants them. */
static void
stopped_when_reset(void)
{
	struct corner *c = begin(UNIX, true);
	struct pass bulk, p;

	pass_open(c, &bulk, 1, TCP);
	pass_open(c, &p, 3, TCP);
	say_u32(c, CREDIT, 1, 64 << 20);
	app_send(&bulk.client, 64 << 20, false);
	turn(c);
	app_send(&p.client, 100, false);
	turn(c);
	app_reset(&p.client);
	turn(c);
	ok(!p.done, "the last bytes before a reset wait");
	say_u32(c, STOP, 3, MUX_ENDPOINT_RESET);
	say(c, DATA, 0, 3, "lost", 4);
	say(c, END, 0, 3, NULL, 0);
	turn(c);
	ok(p.done && p.end.code == MUX_ENDPOINT_RESET &&
	    strcmp(p.end.how, "reset") == 0,
	    "who is stopped then is over: %s, %u", p.end.how, p.end.code);
	app_reset(&bulk.client);
	while (c->said[1] != RESET) {
		listen_to(c);
		turn(c);
	}
	is_u64(c->said[3], RESET, "and the peer learns of the reset");
	finish(c);
}

/* Writes past the relay until its socket takes no more. */
static void
fill_up(struct corner *c, int fd)
{
	static const uint8_t junk[65536];
	ssize_t r;

	do {
		while ((r = send(fd, junk, sizeof(junk), MSG_NOSIGNAL)) > 0)
			continue;
		turn(c);
	} while (send(fd, junk, 1, MSG_NOSIGNAL) > 0);
}

/* The peer resets a stream whose last bytes nobody takes, and then the client
 * is reset as well: it has one end, the first. */
static void
reset_when_doomed(void)
{
	static const uint8_t frame[50000];
	struct corner *c = begin(UNIX, true);
	struct pass p;

	pass_open(c, &p, 1, TCP);
	app_stall(&p.client, true);
	fill_up(c, p.rfd);
	say_long(c, DATA, 1, frame, sizeof(frame));
	say_u32(c, RESET, 1, MUX_CANCELLED);
	turn(c);
	ok(!p.done, "the last bytes before a RESET wait");
	app_reset(&p.client);
	until(c, p.done);
	ok(p.end.code == MUX_CANCELLED && p.end.by_peer,
	    "who is reset twice remembers the first: %u", p.end.code);
	finish(c);
}

/* Between epoll and the end of the turn: what is written next meets it. */
static void
on_hard_close(struct mux_timer *t, void *arg)
{
	static const struct linger hard = { 1, 0 };
	struct corner *c = arg;

	(void)t;
	setsockopt(c->peer, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(c->peer);
	c->peer = -1;
	mux_session_ping(mux_conn_session(c->conn), mux_loop_now(c->loop));
}

/* The carrier is reset, and the first to meet it is a write: the read behind
 * it then sees a plain end. */
static void
reset_met_by_write(bool with_stream)
{
	const char *what = with_stream ? "busy" : "idle";
	struct corner *c = begin(TCP, true);
	struct mux_timer *t;
	struct pass p;

	if (with_stream)
		pass_open(c, &p, 1, UNIX);
	must(mux_timer_new(c->loop, on_hard_close, c, &t) == 0, "timer");
	mux_timer_at(t, mux_loop_now(c->loop));
	until(c, c->closed);
	is_u64((uint64_t)-c->err, (uint64_t)-MUX_E_LOST,
	    "%s: a reset of the carrier is no clean end", what);
	is_u64((uint64_t)c->why.err, ECONNRESET, "%s: the reason is known",
	    what);
	ok(strstr(c->why.text, "reset by peer") != NULL, "%s: %s", what,
	    c->why.text);
	mux_timer_free(t);
	if (with_stream)
		app_close(&p.client);
	finish(c);
}

/* On a unix socket that only means that nobody reads, and an orderly end. */
static void
end_met_by_write(void)
{
	struct corner *c = begin(UNIX, true);
	struct mux_timer *t;

	listen_to(c);
	must(mux_timer_new(c->loop, on_hard_close, c, &t) == 0, "timer");
	mux_timer_at(t, mux_loop_now(c->loop));
	until(c, c->closed);
	is_u64((uint64_t)-c->err, (uint64_t)-MUX_E_DONE,
	    "a unix carrier that was closed has ended well");
	mux_timer_free(t);
	finish(c);
}

/* ---- who it was ---- */

/* The grace of a drain is over: it is we who reset what is left. */
static void
drained(void)
{
	struct corner *c = begin(UNIX, true);
	struct pass p, late = { 0 };
	struct mux_ends e;
	int fds[2];

	pass_open(c, &p, 1, UNIX);
	mux_conn_drain(c->conn, 0);
	until(c, p.done);
	ok(p.end.code == MUX_UNAVAILABLE && !p.end.by_peer,
	    "what a drain of ours resets was not the peer's doing");
	app_close(&p.client);
	finish(c);

	c = begin(UNIX, true);
	pair(UNIX, fds);
	e = ends_of(fds[0]);
	must(mux_relay_open(c->conn, "x", &e, on_done, &late,
	    &late.relay) == 0, "relay_open");
	say(c, GOODBYE, 0, 0, "\0\0\0\0\0\0\0\0\0\0\0\0", 12);
	until(c, late.done);
	ok(late.end.code == MUX_UNAVAILABLE && late.end.by_peer,
	    "what a drain of the peer's keeps out was");
	close(fds[1]);
	finish(c);
}

/* ---- descriptors that change their mind ---- */

static uint64_t
size_of(int fd)
{
	struct stat sb;

	must(fstat(fd, &sb) == 0, "fstat");
	return (uint64_t)sb.st_size;
}

/* The file that takes the bytes can be spliced to at first, and then, because
 * somebody who shares it wants to append, no more. */
static void
splice_refused(void)
{
	static const uint8_t frame[50000];
	struct corner *c = begin(UNIX, true);
	char name[] = "/tmp/sim_corner.XXXXXX";
	struct mux_ends e = { .inherited = true };
	struct pass p = { 0 };
	int i, keep;

	e.in = open("/dev/null", O_RDONLY | O_CLOEXEC);
	e.out = mkstemp(name);
	must(e.in >= 0 && e.out >= 0 && unlink(name) == 0, "files");
	keep = dup(e.out);
	must(mux_relay_open(c->conn, "x", &e, on_done, &p, &p.relay) == 0,
	    "relay_open");
	turn(c);
	say_u32(c, OK, 1, 0);
	for (i = 0; i < 4; i++) {
		if (i == 1)
			fcntl(keep, F_SETFL, O_APPEND);
		say_long(c, DATA, 1, frame, sizeof(frame));
	}
	is_u64(size_of(keep), 4 * sizeof(frame),
	    "a file that refuses to be spliced to is written to");
	mux_relay_free(p.relay);
	close(keep);
	finish(c);
}

static bool
blocks(int fd)
{
	return (fcntl(fd, F_GETFL) & O_NONBLOCK) == 0;
}

/* A terminal that may not be opened, as under su(1); nobody else but the
 * kernel can tell that both numbers stand for one description. */
static int
terminal(void)
{
	int m = posix_openpt(O_RDWR | O_NOCTTY), fd;

	must(m >= 0 && grantpt(m) == 0 && unlockpt(m) == 0, "openpt");
	fd = open(ptsname(m), O_RDWR | O_NOCTTY);
	must(fd >= 0 && fchmod(fd, 0) == 0, "pts");
	if (geteuid() == 0)
		must(setresuid(65534, 65534, 65534) == 0, "setresuid");
	return fd;
}

static bool
terminal_blocks_at_the_end(void)
{
	int fd = terminal();
	struct mux_ends e = { .in = dup(fd), .out = dup(fd),
	    .inherited = true };
	struct corner *c = begin(UNIX, true);
	struct pass p = { 0 };
	bool before, between;

	must(blocks(fd), "a terminal that blocks");
	must(mux_relay_open(c->conn, "x", &e, on_done, &p, &p.relay) == 0,
	    "relay_open");
	turn(c);
	before = blocks(fd);
	say_u32(c, OK, 1, 0);
	say_u32(c, STOP, 1, 16);
	turn(c);
	between = blocks(fd);
	must(fcntl(e.in, F_GETFD) < 0, "a STOP closes what is only read");
	mux_relay_free(p.relay);
	finish(c);
	return !before && !between && blocks(fd);
}

static void
shared_terminal(void)
{
	int status, m = posix_openpt(O_RDWR | O_NOCTTY);
	pid_t pid;

	if (m < 0) {
		ok(true, "a shared terminal # SKIP no terminals here");
		return;
	}
	close(m);
	if ((pid = fork()) == 0)
		_exit(terminal_blocks_at_the_end() ? 0 : 1);
	must(waitpid(pid, &status, 0) == pid, "waitpid");
	is_u64((uint64_t)status, 0,
	    "a terminal does not block before both directions are over");
}

/* ---- what a relay leaves alone ---- */

struct meeting {
	struct mux_ends ends[2];	/* dialled, accepted */
	unsigned n;
};

static void
on_accepted(struct mux_listener *l, const struct mux_ends *ends, void *arg)
{
	struct meeting *m = arg;

	(void)l;
	m->ends[1] = *ends;
	m->n++;
}

static void
on_dialled(const struct mux_ends *ends, const struct mux_why *why, void *arg)
{
	struct meeting *m = arg;

	must(ends != NULL, why != NULL ? why->text : "dial");
	m->ends[0] = *ends;
	m->n++;
}

/* Both ends of a connection to an address with this option. */
static void
meet(struct corner *c, const char *option, struct meeting *m)
{
	struct mux_listener *l;
	struct mux_addr *a;
	struct mux_dial *d;
	struct mux_why why;
	char word[256];

	m->n = 0;
	snprintf(word, sizeof(word), "tcp:127.0.0.1:0%s", option);
	must(mux_addr_parse(word, &a, &why) == 0, why.text);
	must(mux_listen(c->loop, a, on_accepted, m, &l, &why) == 0, why.text);
	mux_addr_free(a);
	snprintf(word, sizeof(word), "%s%s", mux_listener_str(l), option);
	must(mux_addr_parse(word, &a, &why) == 0, why.text);
	must(mux_dial(c->loop, a, 0, NULL, on_dialled, m, &d) == 0, "dial");
	mux_addr_free(a);
	until(c, m->n == 2);
	mux_listener_free(l);
}

static int
nodelay_of(int fd)
{
	socklen_t len = sizeof(int);
	int v;

	must(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &v, &len) == 0,
	    "getsockopt");
	return v;
}

/* An option of an address holds for as long as the socket does. */
static void
options_stay(void)
{
	static const char *const options[] = {
		"", "?nodelay=1", "?nodelay=0"
	};
	static const char *const ends[] = { "dialled", "accepted" };
	struct corner *c = begin(UNIX, true);
	struct mux_relay *r[2];
	struct meeting m;
	struct pass p[2];
	size_t i, j;

	memset(p, 0, sizeof(p));
	for (i = 0; i < 3; i++) {
		meet(c, options[i], &m);
		for (j = 0; j < 2; j++) {
			must(mux_relay_open(c->conn, "x", &m.ends[j],
			    on_done, &p[j], &r[j]) == 0, "relay_open");
			ok((nodelay_of(m.ends[j].in) != 0) == (i < 2),
			    "%s \"%s\": nodelay", ends[j], options[i]);
		}
		mux_relay_free(r[0]);
		mux_relay_free(r[1]);
	}
	finish(c);
}

int
main(void)
{
	signal(SIGPIPE, SIG_IGN);
	reset_met_by_write(false);
	reset_met_by_write(true);
	end_met_by_write();
	tap_after_free();
	reset_when_stopped();
	stopped_when_reset();
	reset_when_doomed();
	drained();
	splice_refused();
	shared_terminal();
	options_stay();
	return tap_done();
}
