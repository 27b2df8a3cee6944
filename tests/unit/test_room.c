/*
 * test_room.c - being told that a stream can be opened again, and that nobody
 * reads what one brings, instead of having to look.
 */
#include <errno.h>

#include "net.h"
#include "tap.h"

static struct {
	struct mux_conn *client, *server;
	struct mux_stream *accepted;
	int n_ready, n_room, n_stopped, n_ended;
	bool had_room;
} w;

static void
on_ready(struct mux_conn *c, void *arg)
{
	(void)c;
	(void)arg;
	w.n_ready++;
}

static void
on_relayed(struct mux_relay *r, const struct mux_relay_end *end, void *arg)
{
	(void)r;
	(void)end;
	(void)arg;
	w.n_ended++;
}

/* What comes is what is sent back. */
static void
on_open(struct mux_conn *c, struct mux_stream *st, const struct mux_open *o,
    void *arg)
{
	struct mux_ends ends = { 0 };
	struct mux_relay *r;
	int fds[2];

	(void)o;
	(void)arg;
	need(pipe2(fds, O_CLOEXEC) == 0, "pipe");
	ends.in = fds[0];
	ends.out = fds[1];
	need(mux_relay_attach(c, st, on_relayed, NULL, &r) == 0 &&
	    mux_relay_connect(r, &ends) == 0, "relay");
}

static const struct mux_conn_ops ops = {
	.size = sizeof(ops), .ready = on_ready, .open = on_open
};

static void
on_room(struct mux_conn *c, void *arg)
{
	w.had_room = mux_session_room(mux_conn_session(c));
	w.n_room += *(int *)arg;
}

static void
on_stopped(struct mux_relay *r, void *arg)
{
	(void)r;
	(void)arg;
	w.n_stopped++;
}

static struct mux_conn *
connect_end(int fd, bool initiator)
{
	struct mux_config cfg = { .size = sizeof(cfg), .max_streams = 1 };
	struct mux_ends ends = { .in = fd, .out = fd };
	struct mux_conn *c;

	cfg.initiator = initiator;
	need(mux_conn_new(loop, &ends, &cfg, &ops, NULL, &c) == 0, "conn");
	return c;
}

/* A stream whose own end is *fd. */
static struct mux_relay *
open_stream(int *fd)
{
	struct mux_ends ends = { 0 };
	struct mux_relay *r = NULL;
	int sv[2];

	need(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) == 0,
	    "socketpair");
	ends.in = ends.out = sv[0];
	*fd = sv[1];
	if (mux_relay_open(w.client, "t", &ends, on_relayed, NULL, &r) != 0)
		close(sv[0]);
	return r;
}

static void
test_room(void)
{
	struct mux_session *s = mux_conn_session(w.client);
	int one = 1, ten = 10, fd, other;
	struct mux_relay *r;

	ok(mux_session_room(s), "HELLO is done: there is room");
	mux_conn_on_room(w.client, on_room, &one);
	ok(w.n_room == 0, "nothing from within");
	pump_until(w.n_room > 0);
	r = open_stream(&fd);
	ok(r != NULL && !mux_session_room(s), "one is all that there may be");
	ok(open_stream(&other) == NULL, "no other is taken");
	close(other);
	mux_conn_on_room(w.client, on_room, &ten);
	mux_conn_on_room(w.client, on_room, &one);
	pump(5);
	is_u64((uint64_t)w.n_room, 1, "nothing while it is there");
	w.had_room = false;
	mux_relay_free(r);
	pump_until(w.n_room > 1);
	is_u64((uint64_t)w.n_room, 2, "when it has gone, the latest one");
	ok(w.had_room, "and it is true");
	pump(5);
	is_u64((uint64_t)w.n_room, 2, "once");
	close(fd);
	mux_conn_on_room(w.client, on_room, &one);
	mux_conn_on_room(w.client, NULL, NULL);
	pump(5);
	is_u64((uint64_t)w.n_room, 2, "not when it was taken back");
}

static void
test_stopped(void)
{
	struct mux_relay *r;
	char buf[2];
	int fd;

	pump_until(mux_session_room(mux_conn_session(w.client)));
	w.n_ended = 0;
	r = open_stream(&fd);
	need(r != NULL, "a stream");
	mux_relay_on_stopped(r, on_stopped);
	need(write(fd, "a", 1) == 1, "write");
	pump_until(recv(fd, buf, 1, MSG_DONTWAIT) == 1);
	ok(w.n_stopped == 0, "read");
	need(write(fd, "b", 1) == 1 && shutdown(fd, SHUT_RD) == 0, "shut");
	pump_until(w.n_stopped > 0);
	ok(w.n_ended == 0, "nobody reads, and still it is not over");
	close(fd);
	pump_until(w.n_ended == 2);
	is_u64((uint64_t)w.n_stopped, 1, "told once");
}

static void
test_legacy(void)
{
	int sv[2];
	struct mux_conn *c;

	need(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) == 0,
	    "socketpair");
	c = connect_end(sv[0], true);
	ok(!mux_session_room(mux_conn_session(c)), "none before HELLO");
	mux_conn_free(c);
	close(sv[1]);
}

int
main(void)
{
	int sv[2];

	signal(SIGPIPE, SIG_IGN);
	need(mux_loop_new(&loop) == 0, "loop");
	need(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) == 0,
	    "socketpair");
	w.client = connect_end(sv[0], true);
	w.server = connect_end(sv[1], false);
	pump_until(w.n_ready == 2);
	test_room();
	test_stopped();
	test_legacy();
	mux_conn_free(w.client);
	mux_conn_free(w.server);
	mux_loop_free(loop);
	return tap_done();
}
