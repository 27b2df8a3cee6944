/*
 * poll_tunnel.c - a tunnel inside a program that has a loop of its own, here
 * one of poll(2), and keeps it.  To the program libmux is one descriptor and
 * one timeout.
 *
 *	cc poll_tunnel.c $(pkg-config --cflags --libs mux)
 *	./a.out unix:hub.sock tcp:127.0.0.1:0 db
 *
 * It connects to the server, prints where it listens, and relays every
 * connection to the target.  The program's own business is standard input:
 * when that ends, it drains and ends.
 */
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <mux_io.h>

#define MS	UINT64_C(1000000)

struct tunnel {
	struct mux_loop *loop;
	struct mux_dial *dial;
	struct mux_conn *conn;
	struct mux_listener *listener;
	struct mux_addr *local;
	const char *target;
	bool leaving, over;
	int status;
};

static void
fail(struct tunnel *t, const char *text)
{
	/* A real program would encode what is not printable. */
	fprintf(stderr, "poll_tunnel: %s\n", text);
	t->status = 1;
	t->over = true;
}

/* ---- what the library calls ---- */

static void
on_relay_end(struct mux_relay *r, const struct mux_relay_end *end, void *arg)
{
	(void)r;
	(void)arg;
	fprintf(stderr, "poll_tunnel: %s after %" PRIu64 " bytes out, %"
	    PRIu64 " back\n", end->how, end->bytes_in, end->bytes_out);
}

/* Somebody connected: from here on the relay owns the descriptors, and us it
 * tells only how it ended. */
static void
on_accept(struct mux_listener *l, const struct mux_ends *ends, void *arg)
{
	struct tunnel *t = arg;
	struct mux_relay *relay;
	int err;

	(void)l;
	err = mux_relay_open(t->conn, t->target, ends, on_relay_end, t,
	    &relay);
	if (err != 0) {
		fprintf(stderr, "poll_tunnel: %s\n", mux_strerror(err));
		mux_ends_close(ends, false);
	}
}

/* The server is there and speaks our language: open the door. */
static void
on_ready(struct mux_conn *conn, void *arg)
{
	struct tunnel *t = arg;
	struct mux_why why;

	(void)conn;
	if (t->leaving)
		return;
	if (mux_listen(t->loop, t->local, on_accept, t, &t->listener,
	    &why) != 0) {
		fail(t, why.text);
		return;
	}
	puts(mux_listener_str(t->listener));
	fflush(stdout);
}

static void
on_closed(struct mux_conn *conn, int err, const struct mux_why *why,
    void *arg)
{
	struct tunnel *t = arg;

	(void)conn;
	t->over = true;
	if (err != MUX_E_DONE)
		fail(t, why->text);
}

static const struct mux_conn_ops conn_ops = {
	.size = sizeof(conn_ops),
	.ready = on_ready,
	.closed = on_closed,
};

static void
on_dialled(const struct mux_ends *ends, const struct mux_why *why, void *arg)
{
	struct mux_config cfg = { .size = sizeof(cfg) };
	struct tunnel *t = arg;
	int err;

	t->dial = NULL;		/* it is gone after this call */
	if (ends == NULL) {
		fail(t, why->text);
		return;
	}
	cfg.initiator = true;
	cfg.require_hello = true;
	err = mux_conn_new(t->loop, ends, &cfg, &conn_ops, t, &t->conn);
	if (err != 0) {
		mux_ends_close(ends, false);
		fail(t, mux_strerror(err));
	}
}

/* ---- the program and its loop ---- */

/* Rounded up: a little late is fine, early would be a turn for nothing. */
static int
timeout_ms(const struct mux_loop *loop)
{
	uint64_t ns = mux_loop_timeout(loop);
	uint64_t ms = ns / MS + (ns % MS != 0);

	return ns == UINT64_MAX ? -1 : ms > INT_MAX ? INT_MAX : (int)ms;
}

static void
leave(struct tunnel *t)
{
	t->leaving = true;
	mux_listener_free(t->listener);
	t->listener = NULL;
	if (t->conn != NULL)
		mux_conn_drain(t->conn, 5000 * MS);
	else
		t->over = true;
}

static void
run(struct tunnel *t)
{
	struct pollfd fds[2] = {
		{ .fd = STDIN_FILENO, .events = POLLIN },
		{ .fd = mux_loop_fd(t->loop), .events = POLLIN },
	};
	char buf[512];

	while (!t->over) {
		poll(fds, 2, timeout_ms(t->loop));
		if (fds[0].revents != 0 &&
		    read(STDIN_FILENO, buf, sizeof(buf)) <= 0) {
			fds[0].fd = -1;
			leave(t);
		}
		/* Never waits: we have done that. */
		if (mux_loop_turn(t->loop, 0) != 0)
			fail(t, "the loop failed");
	}
}

int
main(int argc, char **argv)
{
	struct tunnel t = { .target = argc == 4 ? argv[3] : "" };
	struct mux_addr *server = NULL;
	struct mux_why why;

	if (argc != 4) {
		fprintf(stderr, "usage: poll_tunnel SERVER LISTEN TARGET\n");
		return 2;
	}
	/* Ours to decide; where it is not ignored, libmux does not splice. */
	signal(SIGPIPE, SIG_IGN);
	if (mux_addr_parse(argv[1], &server, &why) != 0 ||
	    mux_addr_parse(argv[2], &t.local, &why) != 0)
		fail(&t, why.text);
	else if (mux_loop_new(&t.loop) != 0 || mux_dial(t.loop, server,
	    5000 * MS, NULL, on_dialled, &t, &t.dial) != 0)
		fail(&t, "no memory or no descriptors");
	else
		run(&t);
	/* From the outside in; each of them may be NULL. */
	mux_listener_free(t.listener);
	mux_conn_free(t.conn);
	mux_dial_cancel(t.dial);
	mux_loop_free(t.loop);
	mux_addr_free(t.local);
	mux_addr_free(server);
	return t.status;
}
