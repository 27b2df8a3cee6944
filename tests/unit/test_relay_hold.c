/*
 * The end of a relay that is held back: what it means is said by its owner,
 * before it comes or after that.
 */
#include <errno.h>
#include <signal.h>

#include "net.h"
#include "tap.h"

/* One end of a stream, as its owner sees it. */
struct side {
	struct mux_relay *relay;
	struct mux_relay_end end;
	int n_ended, n_held;
	int fd[2];		/* what the relay reads, what it writes */
};

static struct mux_conn *client, *server;
static struct side here, there;
static int n_ready;

static void
on_ready(struct mux_conn *c, void *arg)
{
	(void)c;
	(void)arg;
	n_ready++;
}

static void
on_end(struct mux_relay *r, const struct mux_relay_end *end, void *arg)
{
	struct side *s = arg;

	(void)r;
	s->n_ended++;
	s->end = *end;
	s->relay = NULL;
}

static void
on_held(struct mux_relay *r, void *arg)
{
	struct side *s = arg;

	s->n_held += s->relay == r;
}

static struct mux_ends
make_ends(struct side *s)
{
	struct mux_ends ends = { 0 };
	int in[2], out[2];

	need(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0, "pipe");
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	ends.in = in[0];
	s->fd[0] = in[1];
	ends.out = out[1];
	s->fd[1] = out[0];
	return ends;
}

static void
on_open(struct mux_conn *c, struct mux_stream *st, const struct mux_open *o,
    void *arg)
{
	struct mux_ends ends = make_ends(&there);

	(void)o;
	(void)arg;
	need(mux_relay_attach(c, st, on_end, &there, &there.relay) == 0 &&
	    mux_relay_connect(there.relay, &ends) == 0, "relay");
	mux_relay_hold(there.relay, on_held);
}

static const struct mux_conn_ops ops = {
	.size = sizeof(ops), .ready = on_ready, .open = on_open
};

static void
begin(void)
{
	struct mux_ends ends;

	there = here = (struct side){ .fd = { -1, -1 } };
	ends = make_ends(&here);
	need(mux_relay_open(client, "t", &ends, on_end, &here, &here.relay) ==
	    0, "open");
	pump_until(there.relay != NULL);
}

static void
finish(void)
{
	int i;

	for (i = 0; i < 2; i++) {
		close(here.fd[i]);
		close(there.fd[i]);
	}
	pump_until(here.n_ended + there.n_ended == 2);
}

/* The program there says it and ends. */
static void
say_and_end(const char *text)
{
	need(write(there.fd[0], text, strlen(text)) == (ssize_t)strlen(text),
	    "write");
	close(there.fd[0]);
	there.fd[0] = -1;
}

/* What comes here; "" at the end, NULL for nothing. */
static const char *
heard(void)
{
	static char text[64];
	ssize_t n = read(here.fd[1], text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	return n < 0 ? NULL : text;
}

static const char *
hear(void)
{
	const char *text;

	pump_until((text = heard()) != NULL);
	return text;
}

/* ---- tests ---- */

static void
test_later(void)
{
	begin();
	say_and_end("bytes");
	is_str(hear(), "bytes", "what was written comes");
	pump_until(there.n_held > 0);
	pump(5);
	is_str(heard(), NULL, "the end does not");
	mux_relay_settle(there.relay, 0, NULL);
	is_str(hear(), "", "before it is settled");
	mux_relay_settle(there.relay, 99, "too late");
	finish();
	is_u64((uint64_t)there.n_held, 1, "told once");
	is_str(there.end.how, "fin", "a clean end");
	is_str(here.end.how, "fin", "here, too");
	is_u64(here.end.code, 0, "without a code");
}

static void
test_before(void)
{
	begin();
	mux_relay_settle(there.relay, 0, NULL);
	say_and_end("bytes");
	is_str(hear(), "bytes", "settled before: what was written");
	is_str(hear(), "", "and its end");
	finish();
	ok(there.n_held == 0, "nobody is asked");
	is_str(here.end.how, "fin", "a clean end");
}

static void
check_reset(void)
{
	pump_until(here.n_ended > 0 && there.n_ended > 0);
	is_str(here.end.how, "reset", "a reset");
	is_u64(here.end.code, MUX_ENDPOINT_RESET, "its code");
	is_str(here.end.text, "exited with status 3", "its text");
	ok(here.end.by_peer && !there.end.by_peer, "who it was");
	is_str(there.end.text, "exited with status 3", "and there");
	finish();
}

static void
test_failed(void)
{
	begin();
	mux_relay_settle(there.relay, MUX_ENDPOINT_RESET,
	    "exited with status 3");
	pump(5);
	ok(here.n_ended == 0, "a failure waits for the last bytes");
	say_and_end("bytes");
	is_str(hear(), "bytes", "which come");
	check_reset();

	begin();
	say_and_end("bytes");
	pump_until(there.n_held > 0);
	mux_relay_settle(there.relay, MUX_ENDPOINT_RESET,
	    "exited with status 3");
	is_str(hear(), "bytes", "a failure behind the last byte");
	check_reset();
}

/* Held or not, the rest goes on as ever. */
static void
test_meanwhile(void)
{
	char c;

	begin();
	say_and_end("");
	pump_until(there.n_held > 0);
	need(write(here.fd[0], "x", 1) == 1, "write");
	pump_until(read(there.fd[1], &c, 1) == 1);
	close(here.fd[0]);
	here.fd[0] = -1;
	pump_until(read(there.fd[1], &c, 1) == 0);
	ok(there.n_ended == 0, "the other direction, and its end");
	close(here.fd[1]);
	here.fd[1] = -1;
	mux_relay_settle(there.relay, 0, NULL);
	finish();
	is_str(there.end.how, "fin", "a clean end");

	begin();
	say_and_end("");
	pump_until(there.n_held > 0);
	mux_stream_stop(mux_relay_stream(here.relay), 5);
	need(write(here.fd[0], "x", 1) == 1, "write");
	close(here.fd[0]);
	here.fd[0] = -1;
	pump_until(there.n_ended > 0);
	is_u64(there.end.code, 5, "who reads no more waits for no end");
	mux_relay_free(here.relay);
	here.n_ended = 1;
	finish();

	begin();
	say_and_end("");
	pump_until(there.n_held > 0);
	mux_relay_free(here.relay);
	here.n_ended = 1;
	pump_until(there.n_ended > 0);
	is_str(there.end.how, "reset", "a reset by the peer");
	finish();

	begin();
	say_and_end("");
	pump_until(there.n_held > 0);
	mux_relay_free(there.relay);
	there.n_ended = 1;
	pump_until(here.n_ended > 0);
	is_str(here.end.how, "reset", "freed");
	finish();
}

int
main(void)
{
	struct mux_config cfg = { .size = sizeof(cfg) };
	struct mux_ends ends = { 0 };
	int before, sv[2];

	signal(SIGPIPE, SIG_IGN);
	need(mux_loop_new(&loop) == 0, "loop");
	before = n_fds();
	need(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) == 0,
	    "socketpair");
	ends.in = ends.out = sv[1];
	need(mux_conn_new(loop, &ends, &cfg, &ops, NULL, &server) == 0, "conn");
	ends.in = ends.out = sv[0];
	cfg.initiator = true;
	need(mux_conn_new(loop, &ends, &cfg, &ops, NULL, &client) == 0, "conn");
	pump_until(n_ready == 2);
	test_later();
	test_before();
	test_failed();
	test_meanwhile();
	mux_conn_free(client);
	mux_conn_free(server);
	is_u64((uint64_t)n_fds(), (uint64_t)before, "nothing is left open");
	mux_loop_free(loop);
	return tap_done();
}
