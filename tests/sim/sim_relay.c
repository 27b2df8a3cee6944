/*
 * Relays over real sockets: both half-closes, resets at each corner,
 * refusals, large and small transfers, on every kind of carrier and end,
 * spliced and copied.  What arrives is compared byte by byte.
 */
#include <sys/socket.h>

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "tap.h"
#include "world.h"

#define MB	(UINT64_C(1024) * 1024)

/* One row per combination of carrier, client, server and path. */
struct combo {
	const char *name;
	enum kind carrier, client, server;
	bool copy;
};

static const struct combo combos[] = {
	{ "unix carrier, tcp to tcp", UNIX, TCP, TCP, false },
	{ "unix carrier, unix to unix", UNIX, UNIX, UNIX, false },
	{ "unix carrier, tcp to unix", UNIX, TCP, UNIX, false },
	{ "unix carrier, unix to tcp, copied", UNIX, UNIX, TCP, true },
	{ "tcp carrier, tcp to tcp", TCP, TCP, TCP, false },
	{ "tcp carrier, unix to unix", TCP, UNIX, UNIX, false },
	{ "tcp carrier, tcp to tcp, copied", TCP, TCP, TCP, true },
};

#define each_combo(c) \
	(const struct combo *c = combos; \
	    c < combos + sizeof(combos) / sizeof(combos[0]); c++)

static void
begin(const struct combo *c, struct world *w, struct link *l)
{
	alarm(120);
	world_new(w, c->carrier, c->copy);
	w->target = c->server;
	link_new(w, l, c->client);
}

static void
end(struct world *w, struct link *l)
{
	link_free(l);
	world_free(w);
}

static void
ended_well(const struct link *l, uint64_t there, uint64_t back,
    const char *what)
{
	is_str(l->ea.how, "fin", "%s: the opener's relay says fin", what);
	is_str(l->eb.how, "fin", "%s: so does the acceptor's", what);
	ok(l->ea.code == 0 && l->eb.code == 0, "%s: without a code", what);
	ok(l->ea.accepted && l->eb.accepted, "%s: it was accepted", what);
	is_u64(l->ea.bytes_in, there, "%s: bytes that went in", what);
	is_u64(l->eb.bytes_out, there, "%s: bytes that came out", what);
	is_u64(l->eb.bytes_in, back, "%s: bytes back in", what);
	is_u64(l->ea.bytes_out, back, "%s: bytes back out", what);
	is_u64(l->server.bad + l->client.bad, 0, "%s: all as sent", what);
}

/* The client ends first; the answer comes when all was quiet. */
static void
client_first(const struct combo *c, uint64_t there, uint64_t back)
{
	struct world w;
	struct link l;

	begin(c, &w, &l);
	app_send(&l.client, there, true);
	until(&w, l.server.eof);
	is_u64(l.server.got, there, "%s: END comes behind the last byte",
	    c->name);
	settle(&w);
	ok(!l.client.eof && !app_failed(&l.client) && !l.done_a && !l.done_b,
	    "%s: half-closed is a state to be in", c->name);
	app_send(&l.server, back, true);
	until(&w, l.client.eof && l.done_a && l.done_b);
	is_u64(l.client.got, back, "%s: the late answer is whole", c->name);
	ended_well(&l, there, back, c->name);
	end(&w, &l);
}

static void
server_first(const struct combo *c, uint64_t there, uint64_t back)
{
	struct world w;
	struct link l;

	begin(c, &w, &l);
	app_send(&l.server, back, true);
	until(&w, l.client.eof);
	settle(&w);
	ok(!l.server.eof && !app_failed(&l.server) && !l.done_a && !l.done_b,
	    "%s: the server ended, the client did not", c->name);
	app_send(&l.client, there, true);
	until(&w, l.server.eof && l.done_a && l.done_b);
	ended_well(&l, there, back, c->name);
	end(&w, &l);
}

static void
both_ways(const struct combo *c, uint64_t n)
{
	struct world w;
	struct link l;

	begin(c, &w, &l);
	app_send(&l.server, n, true);
	app_send(&l.client, n, true);
	until(&w, l.done_a && l.done_b && l.client.eof && l.server.eof);
	ended_well(&l, n, n, c->name);
	end(&w, &l);
}

/* The acceptor's target takes its time; data and END wait for it. */
static void
late_target(const struct combo *c)
{
	struct world w;
	struct link l;

	alarm(120);
	world_new(&w, c->carrier, c->copy);
	w.target = c->server;
	w.hold = true;
	link_new(&w, &l, c->client);
	app_send(&l.client, 50000, true);
	settle(&w);
	is_u64(l.server.got, 0, "%s: early data is held", c->name);
	ok(!l.done_a, "%s: and nobody is told anything", c->name);
	link_connect(&l);
	app_send(&l.server, 10, true);
	until(&w, l.done_a && l.done_b && l.server.eof && l.client.eof);
	ended_well(&l, 50000, 10, c->name);
	end(&w, &l);
}

static void
refused(const struct combo *c)
{
	struct world w;
	struct link l;

	alarm(120);
	world_new(&w, c->carrier, c->copy);
	w.refuse = MUX_CONNECT_FAILED;
	link_new(&w, &l, c->client);
	app_send(&l.client, 5, false);
	until(&w, l.done_a && l.done_b &&
	    (l.client.eof || app_failed(&l.client)));
	is_u64(l.client.got, 0, "%s: a refused client reads nothing",
	    c->name);
	ok(app_failed(&l.client) || c->client == UNIX,
	    "%s: and is reset", c->name);
	is_str(l.ea.how, "refused", "%s: refused", c->name);
	is_u64(l.ea.code, MUX_CONNECT_FAILED, "%s: with the code", c->name);
	is_str(l.ea.text, "no such luck", "%s: and the reason", c->name);
	ok(l.ea.by_peer && !l.ea.accepted, "%s: by the peer", c->name);
	ok(!l.eb.by_peer && !l.eb.accepted, "%s: by the acceptor", c->name);
	end(&w, &l);
}

/* ---- resets ---- */

/* What had happened before the reset. */
enum before { NOTHING, REQUEST, STREAMING, OUR_FIN, THEIR_FIN, N_BEFORE };

static const char *const before_name[N_BEFORE] = {
	"at once", "after a request", "while data flows", "after its own FIN",
	"after the other's FIN",
};

static void
prepare(struct world *w, struct app *from, struct app *to, enum before when)
{
	switch (when) {
	case REQUEST:
		app_send(from, 1000, false);
		until(w, to->got == 1000);
		break;
	case STREAMING:
		app_send(to, 64 * MB, false);
		app_send(from, 64 * MB, false);
		until(w, to->got > MB && from->got > MB);
		break;
	case OUR_FIN:
		app_send(from, 10, true);
		until(w, to->eof);
		break;
	case THEIR_FIN:
		app_send(to, 10, true);
		until(w, from->eof);
		break;
	default:
		break;
	}
	settle(w);
}

/* An RST at one end is an RST at the other, never an end of file. */
static void
reset_corner(const struct combo *c, bool by_client, enum before when)
{
	struct app *from, *to;
	struct world w;
	struct link l;
	bool was_eof;

	begin(c, &w, &l);
	settle(&w);
	from = by_client ? &l.client : &l.server;
	to = by_client ? &l.server : &l.client;
	prepare(&w, from, to, when);
	was_eof = to->eof;
	app_reset(from);
	until(&w, l.done_a && l.done_b);
	settle(&w);
	app_send(to, 1, false);
	settle(&w);
	ok(to->eof == was_eof && (app_failed(to) || to->write_err != 0),
	    "%s: reset by the %s %s is no end", c->name,
	    by_client ? "client" : "server", before_name[when]);
	ok(l.ea.code == MUX_ENDPOINT_RESET &&
	    l.eb.code == MUX_ENDPOINT_RESET,
	    "%s: both relays know the code", c->name);
	ok(strcmp(l.ea.how, "reset") == 0 && l.ea.by_peer == !by_client &&
	    strcmp(l.eb.how, "reset") == 0 && l.eb.by_peer == by_client,
	    "%s: and who it was", c->name);
	is_u64(to->bad, 0, "%s: what came was right", c->name);
	end(&w, &l);
}

static void
resets(void)
{
	int when;

	for each_combo(c) {
		if (c->client != TCP || c->server != TCP)
			continue;
		for (when = 0; when < N_BEFORE; when++) {
			reset_corner(c, true, (enum before)when);
			reset_corner(c, false, (enum before)when);
		}
	}
}

/* A server that answers early and closes with the request unread: TCP lets
 * the client read the answer, and then tells it of the reset. */
static void
early_answer(const struct combo *c)
{
	struct world w;
	struct link l;

	begin(c, &w, &l);
	app_stall(&l.server, true);
	app_send(&l.client, 300000, false);
	settle(&w);
	app_send(&l.server, 5000, false);
	while (l.server.sent < 5000)
		mux_loop_turn(w.loop, 0);
	app_close(&l.server);
	until(&w, app_failed(&l.client) || l.client.eof);
	is_u64(l.client.got, 5000, "%s: an early answer arrives whole",
	    c->name);
	ok(app_failed(&l.client) || c->client == UNIX,
	    "%s: and what follows is no end", c->name);
	until(&w, l.done_a && l.done_b);
	is_u64(l.ea.code, MUX_ENDPOINT_RESET, "%s: but a reset", c->name);
	end(&w, &l);
}

/* A unix server that closes at ease has only stopped to read: its last words
 * arrive, and end. */
static void
unix_stop(void)
{
	static const struct combo c = { "unix server that reads no more",
	    UNIX, TCP, UNIX, false };
	struct world w;
	struct link l;

	begin(&c, &w, &l);
	app_send(&l.server, 5000, false);
	until(&w, l.client.got == 5000);
	shutdown(l.server.fd, SHUT_RD);
	app_send(&l.client, 4 * MB, true);
	until(&w, l.client.shut);
	settle(&w);
	ok(!l.done_a && !l.done_b && !app_failed(&l.client),
	    "%s: the client is rid of what nobody reads", c.name);
	app_send(&l.server, 7000, true);
	until(&w, l.done_a && l.done_b && l.client.eof);
	is_u64(l.client.got, 12000, "%s: its answer arrives", c.name);
	is_str(l.ea.how, "fin", "%s: and ends", c.name);
	ok(l.ea.code == MUX_ENDPOINT_RESET && l.ea.by_peer && !l.eb.by_peer,
	    "%s: the code tells that bytes were dropped", c.name);
	end(&w, &l);
}

static void
unix_stop_back(void)
{
	static const struct combo c = { "unix client that reads no more",
	    UNIX, UNIX, UNIX, false };
	struct world w;
	struct link l;

	begin(&c, &w, &l);
	settle(&w);
	shutdown(l.client.fd, SHUT_RD);
	l.client.stalled = true;
	app_send(&l.server, 64 * MB, false);
	until(&w, l.server.write_err != 0);
	is_u64((uint64_t)l.server.write_err, EPIPE,
	    "%s: the server's writes say so", c.name);
	app_send(&l.client, 3000, true);
	until(&w, l.server.got == 3000 && l.server.eof);
	until(&w, l.done_a && l.done_b);
	ok(l.ea.code == MUX_ENDPOINT_RESET && !l.ea.by_peer && l.eb.by_peer,
	    "%s: the other direction lived on", c.name);
	end(&w, &l);
}

/* Whoever sends for ever to somebody who has gone is told in the end, but not
 * before the last words of the other have arrived. */
static void
unix_gone(bool client_goes)
{
	struct combo c = { "gone", UNIX, TCP, TCP, false };
	struct app *gone, *left;
	struct world w;
	struct link l;

	if (client_goes)
		c.client = UNIX;
	else
		c.server = UNIX;
	begin(&c, &w, &l);
	gone = client_goes ? &l.client : &l.server;
	left = client_goes ? &l.server : &l.client;
	app_stall(left, true);
	app_send(gone, 200000, true);
	until(&w, gone->shut);
	settle(&w);
	shutdown(gone->fd, SHUT_RD);
	app_send(left, UINT64_MAX / 2, false);
	until(&w, left->sent > 8 * MB);
	app_stall(left, false);
	until(&w, left->write_err != 0 && l.done_a && l.done_b);
	is_u64(left->got, 200000, "unix %s gone: its last words arrive",
	    client_goes ? "client" : "server");
	is_u64(left->bad, 0, "unix %s gone: as they were said",
	    client_goes ? "client" : "server");
	ok(strcmp(l.ea.how, "fin") == 0 && strcmp(l.eb.how, "fin") == 0,
	    "unix %s gone: an end with a code",
	    client_goes ? "client" : "server");
	end(&w, &l);
}

/* ---- amounts ---- */

/* Many connections of random sizes, some with hardly any buffer. */
static void
random_sizes(const struct combo *c, unsigned n, int sndbuf)
{
	uint64_t there, back;
	unsigned i, bad = 0;
	struct world w;
	struct link l;

	alarm(300);
	world_new(&w, c->carrier, c->copy);
	w.target = c->server;
	w.sndbuf = sndbuf;
	for (i = 0; i < n; i++) {
		there = tap_rnd(1u << tap_rnd(19));
		back = tap_rnd(1u << tap_rnd(19));
		link_new(&w, &l, c->client);
		app_send(&l.client, there, true);
		until(&w, l.server.eof);
		app_send(&l.server, back, true);
		until(&w, l.client.eof && l.done_a && l.done_b);
		bad += l.server.got != there || l.client.got != back ||
		    l.server.bad + l.client.bad > 0 ||
		    strcmp(l.ea.how, "fin") != 0;
		link_free(&l);
	}
	is_u64(bad, 0, "%s, %s buffers: %u random sizes", c->name,
	    sndbuf != 0 ? "tiny" : "usual", n);
	world_free(&w);
}

/* A consumer that does not read holds its own stream, and only that. */
static void
stalled(const struct combo *c)
{
	struct mux_session_stats stats;
	struct world w;
	struct link slow, l;

	begin(c, &w, &slow);
	app_stall(&slow.server, true);
	app_send(&slow.client, 32 * MB, true);
	settle(&w);
	ok(slow.client.sent < 32 * MB, "%s: the sender is held back",
	    c->name);
	link_new(&w, &l, c->client);
	app_send(&l.client, 16 * MB, true);
	app_send(&l.server, 16 * MB, true);
	until(&w, l.done_a && l.done_b && l.client.eof && l.server.eof);
	ended_well(&l, 16 * MB, 16 * MB, c->name);
	mux_session_stats(mux_conn_session(w.b), &stats);
	ok(stats.charge <= 64 * MB, "%s: within the memory", c->name);
	is_u64(slow.server.got, 0, "%s: the other still waits", c->name);
	app_stall(&slow.server, false);
	until(&w, slow.server.eof);
	is_u64(slow.server.got, 32 * MB, "%s: and gets all of it", c->name);
	is_u64(slow.server.bad, 0, "%s: as it was sent", c->name);
	link_free(&l);
	end(&w, &slow);
}

int
main(void)
{
	signal(SIGPIPE, SIG_IGN);
	for each_combo(c) {
		client_first(c, 1, 1);
		client_first(c, 0, 100000);
		client_first(c, 3 * MB, 3 * MB);
		server_first(c, 1, 1);
		server_first(c, 3 * MB, 0);
		late_target(c);
		refused(c);
		stalled(c);
		if (c->server == TCP)
			early_answer(c);
	}
	resets();
	unix_stop();
	unix_stop_back();
	unix_gone(true);
	unix_gone(false);
	for each_combo(c)
		both_ways(c, 64 * MB);
	random_sizes(&combos[0], 300, 0);
	random_sizes(&combos[0], 250, 1);
	random_sizes(&combos[3], 200, 0);
	random_sizes(&combos[5], 250, 1);
	return tap_done();
}
