/*
 * test_slices.c - many small calls that are read at once: the first answers
 * are out before the last calls are seen, and who cannot be answered is heard
 * to the end, each call once.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>

#include "net.h"
#include "tap.h"

#define N_CALLS	200

static struct {
	struct mux_session *peer;	/* by hand, on `fd` */
	struct mux_call *calls[N_CALLS];
	struct mux_conn *server;
	int fd;
	uint64_t last_id;
	int n_calls, n_closed, n_early;
	bool ready, in_order;
} w;

static void
on_call(struct mux_conn *c, struct mux_call *call,
    const struct mux_request *q, void *arg)
{
	static const struct mux_call_ops none = { .size = sizeof(none) };
	struct pollfd p = { .fd = w.fd, .events = POLLIN };

	(void)c;
	(void)q;
	(void)arg;
	w.n_calls++;
	w.in_order = w.in_order && mux_call_id(call) > w.last_id;
	w.last_id = mux_call_id(call);
	w.n_early += poll(&p, 1, 0) == 1 && (p.revents & POLLIN) != 0;
	mux_call_attach(call, &none, NULL);
	mux_call_answer(call, NULL, "x", 1);
	mux_call_release(call);
}

static void
on_closed(struct mux_conn *c, int err, const struct mux_why *why, void *arg)
{
	(void)c;
	(void)err;
	(void)why;
	(void)arg;
	w.n_closed++;
}

static const struct mux_conn_ops server_ops = {
	.size = sizeof(server_ops), .call = on_call, .closed = on_closed
};

static void
on_ready(struct mux_session *s, void *arg)
{
	(void)s;
	(void)arg;
	w.ready = true;
}

static const struct mux_session_ops peer_ops = {
	.size = sizeof(peer_ops), .ready = on_ready
};

/* All that it has to say, in one write. */
static void
send_all(void)
{
	struct mux_out o;

	mux_session_pull(w.peer, 0);
	mux_session_peek(w.peer, &o);
	if (o.len > 0)
		need(write(w.fd, o.data, o.len) == (ssize_t)o.len, "write");
	mux_session_sent(w.peer, o.len, 0);
}

static void
hear_all(void)
{
	char buf[65536];
	ssize_t n;

	while ((n = recv(w.fd, buf, sizeof(buf), MSG_DONTWAIT)) > 0)
		mux_session_feed(w.peer, buf, (size_t)n, 0);
}

static void
begin(void)
{
	struct mux_config cfg = { .size = sizeof(cfg), .max_calls = N_CALLS };
	struct mux_ends ends = { 0 };
	int sv[2];

	memset(&w, 0, sizeof(w));
	w.in_order = true;
	need(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) == 0,
	    "socketpair");
	w.fd = sv[0];
	ends.in = ends.out = sv[1];
	need(mux_conn_new(loop, &ends, &cfg, &server_ops, NULL,
	    &w.server) == 0, "conn");
	cfg.initiator = true;
	need(mux_session_new(&cfg, &peer_ops, NULL, 0, &w.peer) == 0,
	    "session");
	for (int i = 0; i < 10; i++) {
		send_all();
		pump(2);
		hear_all();
	}
	need(w.ready, "HELLO");
}

static void
call_many(void)
{
	static const struct mux_call_ops none = { .size = sizeof(none) };
	static const char body[100];
	struct mux_request q = { .size = sizeof(q), .method = { "m", 1 },
	    .body = body, .body_len = sizeof(body) };

	for (int i = 0; i < N_CALLS; i++)
		need(mux_call_open(w.peer, &q, &none, NULL,
		    &w.calls[i]) == 0, "call");
}

static void
end(void)
{
	mux_conn_free(w.server);
	for (int i = 0; i < N_CALLS; i++)
		mux_call_release(w.calls[i]);
	mux_session_free(w.peer);
	close(w.fd);
}

int
main(void)
{
	signal(SIGPIPE, SIG_IGN);
	need(mux_loop_new(&loop) == 0, "loop");
	begin();
	call_many();
	send_all();
	pump_until(w.n_calls == N_CALLS);
	ok(w.n_early > 0 && w.n_early < N_CALLS,
	    "answers are out while others wait: %d", w.n_early);
	ok(w.in_order, "in order");
	end();

	begin();
	call_many();
	send_all();
	shutdown(w.fd, SHUT_RDWR);
	pump_until(w.n_closed > 0);
	is_u64((uint64_t)w.n_calls, N_CALLS, "all are heard");
	ok(w.in_order, "in order");
	end();
	mux_loop_free(loop);
	return tap_done();
}
