/*
 * peers.c - connections of serve from accept to end.  What their streams lead
 * to is reach.c's.
 *
 * Invariant: strangers cost little.  At most MAX_WAITING connections are
 * without a HELLO; the next one takes the place of the oldest, which had the
 * most time to speak, so that a flood of silent ones keeps nobody out.  Those
 * with one have memory of their own, so there is a limit to their number.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "dispatch.h"
#include "flow.h"
#include "listen.h"
#include "out.h"
#include "peers.h"
#include "proc.h"
#include "reach.h"

#define MAX_WAITING	100

struct peer {
	TAILQ_ENTRY(peer) next;
	struct peers *all;
	struct mux_conn *conn;
	struct work_peer *caller;	/* what works know of it */
	uint64_t no, since, n_streams, n_calls;
	bool hello;
	pid_t child;		/* of exec:, or 0 */
	char who[FLOW_WHO];
};

/* One for each thing that strangers can make us say. */
static struct say_gate refused_gate = SAY_GATE(5, 2000);
static struct say_gate full_gate = SAY_GATE(1, 10000);
static struct say_gate evicted_gate = SAY_GATE(1, 10000);
static struct say_gate silent_gate = SAY_GATE(20, 500);
static struct say_gate ended_gate = SAY_GATE(200, 10);

void
peers_init(struct peers *all)
{
	TAILQ_INIT(&all->waiting);
	TAILQ_INIT(&all->list);
}

bool
peers_full(const struct peers *all)
{
	return all->max_conns != 0 && all->n_served >= all->max_conns;
}

static void
peer_unlink(struct peer *p)
{
	struct peers *all = p->all;

	if (p->hello) {
		TAILQ_REMOVE(&all->list, p, next);
		all->n--;
	} else {
		TAILQ_REMOVE(&all->waiting, p, next);
		all->n_waiting--;
	}
}

static void
peer_free(struct peer *p)
{
	peer_unlink(p);
	flows_orphan(&p->all->reach->flows, p->no);
	mux_conn_free(p->conn);
	work_peer_unref(p->caller);
	free(p);
}

static void
drop_waiting(struct peers *all)
{
	while (!TAILQ_EMPTY(&all->waiting))
		peer_free(TAILQ_FIRST(&all->waiting));
}

/* ---- events of a connection ---- */

static void
on_ready(struct mux_conn *c, void *arg)
{
	struct peer *p = arg;
	struct peers *all = p->all;

	if (peers_full(all)) {
		mux_conn_abort(c, MUX_REFUSED,
		    "no more connections (--once or --max-conns)");
		return;
	}
	if (all->n >= all->max_clients) {
		say_gated(&full_gate, SAY_WARN, "%zu connections are there "
		    "(--max-clients): refused one from %s", all->n, p->who);
		mux_conn_abort(c, MUX_REFUSED,
		    "too many connections (--max-clients)");
		return;
	}
	peer_unlink(p);
	p->hello = true;
	TAILQ_INSERT_TAIL(&all->list, p, next);
	all->n++;
	all->n_served++;
	say(SAY_INFO, "connection %" PRIu64 " from %s: %s", p->no, p->who,
	    mux_session_mode(mux_conn_session(c)) == MUX_MODE_LEGACY ?
	    "plain protocol" : "HELLO done");
	all->changed(all->arg);
}

static void
on_open(struct mux_conn *c, struct mux_stream *st, const struct mux_open *o,
    void *arg)
{
	struct peer *p = arg;

	p->n_streams++;
	if (o->request != NULL) {
		dispatch_stream(p->all->calls, c, p->caller, st, o->request);
		return;
	}
	if (o->target == NULL) {
		mux_stream_refuse(st, MUX_UNSUPPORTED, "expected a target");
		return;
	}
	reach_open(p->all->reach, c, p->no, p->who, st, o);
}

static void
on_call(struct mux_conn *c, struct mux_call *call,
    const struct mux_request *q, void *arg)
{
	struct peer *p = arg;

	p->n_calls++;
	dispatch_call(p->all->calls, c, p->caller, call, q);
}

/* The reason, without who it was: that stands in front already. */
static const char *
reason(const struct peer *p, int err, const struct mux_why *why)
{
	const char *peer = mux_conn_peer(p->conn);
	size_t len = strlen(peer);

	if (err == MUX_E_DONE)
		return "ended";
	if (strncmp(why->text, peer, len) == 0 &&
	    strncmp(why->text + len, ": ", 2) == 0)
		return why->text + len + 2;
	return why->text;
}

static void
say_ended(const struct peer *p, int err, const struct mux_why *why)
{
	uint64_t ns = mux_loop_now(p->all->loop) - p->since;
	const char *text = reason(p, err, why);
	const struct say_field fields[] = {
		{ "conn", NULL, p->no }, { "from", p->who, 0 },
		{ "streams", NULL, p->n_streams },
		{ "calls", NULL, p->n_calls },
		{ "duration_ns", NULL, ns },
		{ "how", mux_strerror(err), 0 },
		{ "code", NULL, why->code },
		{ "reason", text, 0 }
	};

	/* Whoever connects and goes without a word only looked. */
	say_event(p->hello ? &ended_gate : &silent_gate,
	    p->hello || err != MUX_E_DONE ? SAY_NOTE : SAY_INFO,
	    "connection", fields, sizeof(fields) / sizeof(fields[0]),
	    "connection %" PRIu64 " from %s: %s%s (streams: %" PRIu64 ", "
	    "calls: %" PRIu64 ", %" PRIu64 ".%03" PRIu64 " s)", p->no, p->who,
	    p->hello ? "" : "no HELLO: ", text, p->n_streams, p->n_calls,
	    ns / 1000000000, ns / 1000000 % 1000);
}

static void
on_closed(struct mux_conn *c, int err, const struct mux_why *why, void *arg)
{
	struct peer *p = arg;
	struct peers *all = p->all;
	struct mux_why whole = *why;

	(void)c;
	if (err != MUX_E_DONE || !p->hello)
		kids_explain(all->kids, p->child, &whole);
	say_ended(p, err, &whole);
	all->last_err = err;
	peer_free(p);
	all->changed(all->arg);
}

/* ---- accepting ---- */

static void
make_room(struct peers *all)
{
	struct peer *oldest = TAILQ_FIRST(&all->waiting);

	if (all->n_waiting < MAX_WAITING)
		return;
	say_gated(&evicted_gate, SAY_WARN, "%d connections without a HELLO: "
	    "dropped the oldest, from %s", MAX_WAITING, oldest->who);
	peer_free(oldest);
}

static const struct mux_conn_ops conn_ops = {
	.size = sizeof(conn_ops),
	.ready = on_ready,
	.open = on_open,
	.call = on_call,
	.closed = on_closed,
};

static struct peer *
peer_new(struct peers *all, const struct mux_ends *ends)
{
	struct peer *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->all = all;
	p->since = mux_loop_now(all->loop);
	flow_who(ends, p->who);
	p->no = all->serial + 1;
	p->caller = work_peer_new(p->no, p->who, ends->peer);
	if (p->caller == NULL || mux_conn_new(all->loop, ends, &all->cfg,
	    &conn_ops, p, &p->conn) != 0) {
		work_peer_unref(p->caller);
		free(p);
		return NULL;
	}
	p->child = ends->child;
	p->caller->have_uid = ends->have_cred;
	p->caller->uid = ends->uid;
	all->serial++;
	return p;
}

void
peers_accept(struct peers *all, const struct mux_ends *ends, bool check)
{
	char who[FLOW_WHO];
	struct peer *p;

	if (check && !uids_admit(all->uids, ends)) {
		flow_who(ends, who);
		say_gated(&refused_gate, SAY_WARN, "refused a connection of "
		    "%s: not in --allow-uid", who);
		mux_ends_close(ends, false);
		return;
	}
	make_room(all);
	if ((p = peer_new(all, ends)) == NULL) {
		say_gated(&refused_gate, SAY_WARN, "refused a connection: %s",
		    mux_strerror(MUX_E_NOMEM));
		mux_ends_close(ends, false);
		return;
	}
	TAILQ_INSERT_TAIL(&all->waiting, p, next);
	all->n_waiting++;
}

/* ---- the end ---- */

void
peers_drain(struct peers *all, uint64_t grace)
{
	struct peer *p;

	drop_waiting(all);
	TAILQ_FOREACH(p, &all->list, next)
		mux_conn_drain(p->conn, grace);
}

void
peers_release(struct peers *all)
{
	drop_waiting(all);
	while (!TAILQ_EMPTY(&all->list))
		peer_free(TAILQ_FIRST(&all->list));
}

void
peers_state(const struct peers *all, FILE *f)
{
	const struct peer_list *const lists[] = { &all->list, &all->waiting };
	uint64_t now = mux_loop_now(all->loop);
	const struct peer *p;

	for (int i = 0; i < 2; i++)
		TAILQ_FOREACH(p, lists[i], next)
			flow_conn_state(p->conn, p->no, p->who,
			    now - p->since, f);
}
