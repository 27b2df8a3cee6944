/*
 * world.c - the two connections and the programs at the ends of their
 * streams.  It checks nothing itself but what must never fail; invariant:
 * everything runs on one loop in one thread, so a run is over when the
 * loop has nothing left to do.
 */
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "world.h"

#define STEP	(64u * 1024u)

void
must(bool good, const char *what)
{
	if (good)
		return;
	printf("Bail out! %s: %s\n", what, strerror(errno));
	exit(1);
}

static void
tcp_pair(int fds[2])
{
	struct sockaddr_in sa = { .sin_family = AF_INET };
	socklen_t len = sizeof(sa);
	int l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	must(l >= 0 && bind(l, (struct sockaddr *)&sa, len) == 0 &&
	    listen(l, 1) == 0 &&
	    getsockname(l, (struct sockaddr *)&sa, &len) == 0, "listen");
	fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(connect(fds[0], (struct sockaddr *)&sa, len) == 0, "connect");
	fds[1] = accept4(l, NULL, NULL, SOCK_CLOEXEC);
	must(fds[1] >= 0, "accept");
	close(l);
}

void
pair(enum kind kind, int fds[2])
{
	if (kind == TCP)
		tcp_pair(fds);
	else
		must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
		    fds) == 0, "socketpair");
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	fcntl(fds[1], F_SETFL, O_NONBLOCK);
}

struct mux_ends
ends_of(int fd)
{
	struct mux_ends e = { .in = fd, .out = fd };

	snprintf(e.peer, sizeof(e.peer), "test:%d", fd);
	return e;
}

/* ---- the programs at the ends ---- */

uint8_t
pattern(uint32_t seed, uint64_t at)
{
	return (uint8_t)((at + seed) * UINT64_C(0x9e3779b97f4a7c15) >> 56);
}

static void
app_write(struct app *a)
{
	uint8_t buf[STEP];
	size_t n, i;
	ssize_t r;

	while (a->sent < a->to_send && a->write_err == 0) {
		n = a->to_send - a->sent < STEP ?
		    (size_t)(a->to_send - a->sent) : STEP;
		for (i = 0; i < n; i++)
			buf[i] = pattern(a->seed, a->sent + i);
		r = send(a->fd, buf, n, MSG_NOSIGNAL);
		if (r < 0 && errno == EAGAIN) {
			mux_watch_clear(a->watch, MUX_WRITABLE);
			return;
		}
		if (r < 0)
			a->write_err = errno;
		else
			a->sent += (uint64_t)r;
	}
	if (a->shut_after && !a->shut && a->sent == a->to_send) {
		a->shut = true;
		shutdown(a->fd, SHUT_WR);
	}
}

static void
app_read(struct app *a)
{
	uint8_t buf[STEP];
	ssize_t r, i;

	while (!a->stalled && !a->eof && a->read_err == 0) {
		r = read(a->fd, buf, sizeof(buf));
		if (r < 0 && errno == EAGAIN) {
			mux_watch_clear(a->watch, MUX_READABLE);
			return;
		}
		if (r < 0)
			a->read_err = errno;
		if (r == 0)
			a->eof = true;
		for (i = 0; i < r; i++)
			a->bad += buf[i] !=
			    pattern(a->expect, a->got + (uint64_t)i);
		if (r > 0)
			a->got += (uint64_t)r;
	}
}

static void
on_app(struct mux_watch *watch, unsigned ready, void *arg)
{
	struct app *a = arg;

	(void)watch;
	if (ready & MUX_READABLE)
		app_read(a);
	if (ready & MUX_WRITABLE)
		app_write(a);
}

void
app_start(struct app *a, struct mux_loop *loop, int fd, uint32_t seed,
    uint32_t expect)
{
	memset(a, 0, sizeof(*a));
	a->loop = loop;
	a->fd = fd;
	a->seed = seed;
	a->expect = expect;
	must(mux_watch_new(loop, fd, on_app, a, &a->watch) == 0, "watch");
}

void
app_send(struct app *a, uint64_t n, bool then_shut)
{
	a->to_send += n;
	a->shut_after = then_shut;
	mux_watch_again(a->watch);
}

void
app_stall(struct app *a, bool on)
{
	a->stalled = on;
	mux_watch_again(a->watch);
}

void
app_close(struct app *a)
{
	if (a->fd < 0)
		return;
	mux_watch_free(a->watch);
	a->watch = NULL;
	close(a->fd);
	a->fd = -1;
}

void
app_reset(struct app *a)
{
	struct linger hard = { 1, 0 };

	setsockopt(a->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	app_close(a);
}

bool
app_failed(const struct app *a)
{
	return a->read_err != 0;
}

/* ---- links ---- */

static void
on_done(struct mux_relay *r, const struct mux_relay_end *end, void *arg)
{
	struct link *l = arg;

	if (r == l->ra) {
		l->ea = *end;
		l->done_a = true;
		l->ra = NULL;
	} else {
		l->eb = *end;
		l->done_b = true;
		l->rb = NULL;
	}
}

void
link_connect(struct link *l)
{
	struct mux_ends e = ends_of(l->rb_fd);

	must(mux_relay_connect(l->rb, &e) == 0, "relay_connect");
	l->rb_fd = -1;
}

/* Only what is sent: a receive buffer below one segment makes TCP wait for
 * timers of its own. */
static void
small_buffer(int fd, int size)
{
	if (size != 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

static void
on_open(struct mux_conn *c, struct mux_stream *st, const struct mux_open *o,
    void *arg)
{
	struct world *w = arg;
	struct link *l;
	int fds[2];

	must(o->target_len == sizeof(l) && o->target[0] == 'L', "target");
	l = w->opened;
	w->opened = NULL;
	must(l != NULL, "an open that nobody asked for");
	must(mux_relay_attach(c, st, on_done, l, &l->rb) == 0, "attach");
	if (w->refuse != 0) {
		mux_relay_refuse(l->rb, w->refuse, "no such luck");
		return;
	}
	pair(w->target, fds);
	small_buffer(fds[0], w->sndbuf);
	small_buffer(fds[1], w->sndbuf);
	app_start(&l->server, w->loop, fds[0], 2, 1);
	l->rb_fd = fds[1];
	if (!w->hold)
		link_connect(l);
}

void
link_new(struct world *w, struct link *l, enum kind client)
{
	char target[sizeof(l) + 1] = "LLLLLLLL";
	struct mux_ends e;
	int fds[2];

	memset(l, 0, sizeof(*l));
	l->w = w;
	l->rb_fd = l->server.fd = -1;
	pair(client, fds);
	small_buffer(fds[0], w->sndbuf);
	small_buffer(fds[1], w->sndbuf);
	app_start(&l->client, w->loop, fds[0], 1, 2);
	e = ends_of(fds[1]);
	w->opened = l;
	must(mux_relay_open(w->a, target, &e, on_done, l, &l->ra) == 0,
	    "relay_open");
	until(w, w->opened == NULL);
}

void
link_free(struct link *l)
{
	mux_relay_free(l->ra);
	mux_relay_free(l->rb);
	app_close(&l->client);
	app_close(&l->server);
	if (l->rb_fd >= 0)
		close(l->rb_fd);
}

/* ---- the two connections ---- */

static void
on_ready(struct mux_conn *c, void *arg)
{
	struct world *w = arg;

	if (c == w->a)
		w->a_ready = true;
	else
		w->b_ready = true;
}

static void
on_closed(struct mux_conn *c, int err, const struct mux_why *why, void *arg)
{
	struct world *w = arg;

	if (c == w->a) {
		w->a_closed = true;
		w->a_err = err;
		w->a_why = *why;
	} else {
		w->b_closed = true;
		w->b_err = err;
		w->b_why = *why;
	}
}

static const struct mux_conn_ops conn_ops = {
	.size = sizeof(conn_ops),
	.ready = on_ready,
	.open = on_open,
	.closed = on_closed,
};

void
world_new(struct world *w, enum kind carrier, bool copy)
{
	struct mux_config cfg = { .size = sizeof(cfg) };
	struct mux_ends e;
	int fds[2];

	memset(w, 0, sizeof(*w));
	cfg.max_streams = cfg.max_open = 2048;
	must(mux_loop_new(&w->loop) == 0, "loop");
	pair(carrier, fds);
	e = ends_of(fds[0]);
	cfg.initiator = true;
	must(mux_conn_new(w->loop, &e, &cfg, &conn_ops, w, &w->a) == 0, "a");
	e = ends_of(fds[1]);
	cfg.initiator = false;
	must(mux_conn_new(w->loop, &e, &cfg, &conn_ops, w, &w->b) == 0, "b");
	if (copy) {
		mux_conn_copy_only(w->a);
		mux_conn_copy_only(w->b);
	}
	until(w, w->a_ready && w->b_ready);
}

void
world_free(struct world *w)
{
	mux_conn_free(w->a);
	mux_conn_free(w->b);
	mux_loop_free(w->loop);
}

void
settle(struct world *w)
{
	struct pollfd p = { .fd = mux_loop_fd(w->loop), .events = POLLIN };

	do {
		must(mux_loop_turn(w->loop, 0) == 0, "turn");
	} while (mux_loop_timeout(w->loop) == 0 || poll(&p, 1, 0) > 0);
}
