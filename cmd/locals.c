/*
 * locals.c - the local side of a tunnel.  It knows nothing of how the
 * connection to the server came about or ends.
 *
 * Invariant: what was accepted ends visibly.  A connection that gets no
 * stream, or whose target is refused, is reset; and at the limit of streams
 * nothing is accepted, so that the next ones wait in the kernel's queue.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "listen.h"
#include "locals.h"
#include "mux_io.h"

struct gate {
	TAILQ_ENTRY(gate) next;
	struct locals *all;
	struct mux_addr *addr;
	char *target;
	struct mux_listener *listener;
	bool single;		/* one connection and no other */
};

/* One local connection.  Targets are kept by gates, or by the program. */
struct pass {
	struct flow flow;
	struct locals *all;
	char who[];
};

static struct say_gate stranger_gate = SAY_GATE(5, 2000);
static struct say_gate limit_gate = SAY_GATE(1, 10000);
static struct say_gate reset_gate = SAY_GATE(20, 500);

/* ---- the limit of streams ---- */

static void
pause_all(struct locals *l, bool on)
{
	struct gate *g;

	l->paused = on;
	TAILQ_FOREACH(g, &l->gates, next)
		if (g->listener != NULL)
			mux_listener_pause(g->listener, on);
}

static void
on_room(struct mux_conn *c, void *arg)
{
	(void)c;
	pause_all(arg, false);
	say(SAY_INFO, "accepting connections again");
}

static void
check_limit(struct locals *l)
{
	if (l->paused || l->conn == NULL ||
	    mux_session_room(mux_conn_session(l->conn)))
		return;
	pause_all(l, true);
	say_gated(&limit_gate, SAY_WARN, "limit of streams reached (%zu): "
	    "new connections wait (--max-streams here and at the server)",
	    l->n_flows);
	mux_conn_on_room(l->conn, on_room, l);
}

/* ---- streams ---- */

static void
pass_free(struct pass *p)
{
	TAILQ_REMOVE(&p->all->flows, &p->flow, next);
	p->all->n_flows--;
	flow_release(&p->flow);
	free(p);
}

static void
on_end(struct mux_relay *r, const struct mux_relay_end *end, void *arg)
{
	struct pass *p = arg;
	struct locals *l = p->all;

	(void)r;
	flow_say_end(&p->flow, l->level, end);
	pass_free(p);
	l->ended(end, l->arg);
}

static void
on_stopped(struct mux_relay *r, void *arg)
{
	struct pass *p = arg;

	(void)r;
	if (p->all->stopped != NULL)
		p->all->stopped(p->all->arg);
}

static int
pass_open(struct locals *l, const char *target, const struct mux_ends *ends)
{
	char who[FLOW_WHO];
	struct pass *p;
	int err;

	flow_who(ends, who);
	if ((p = calloc(1, sizeof(*p) + strlen(who) + 1)) == NULL)
		return MUX_E_NOMEM;
	err = l->conn == NULL ? MUX_E_CLOSED : mux_relay_open(l->conn, target,
	    ends, on_end, p, &p->flow.relay);
	if (err != 0) {
		free(p);
		return err;
	}
	mux_relay_on_stopped(p->flow.relay, on_stopped);
	p->all = l;
	p->flow.who = strcpy(p->who, who);
	p->flow.target = target;
	p->flow.conn = 1;
	p->flow.since = mux_loop_now(l->loop);
	TAILQ_INSERT_TAIL(&l->flows, &p->flow, next);
	if (l->n_flows++ == 0)
		l->began(l->arg);
	say(SAY_INFO, "%s -> %s: opened", p->flow.who, target);
	return 0;
}

void
locals_open(struct locals *l, const char *target, const struct mux_ends *ends)
{
	struct mux_relay_end end = { .code = MUX_REFUSED, .how = "refused" };
	int err = pass_open(l, target, ends);

	if (err != 0) {
		say_gated(&reset_gate, SAY_WARN, "%s -> %s: reset: %s",
		    ends->peer, target, mux_strerror(err));
		/* An orderly end would look like an answer of no bytes. */
		mux_ends_close(ends, true);
		l->ended(&end, l->arg);
	}
	check_limit(l);
}

void
locals_lost(struct locals *l)
{
	l->conn = NULL;
	flows_orphan(&l->flows, 1);
	locals_close(l);
}

/* ---- listeners ---- */

static void
on_accept(struct mux_listener *listener, const struct mux_ends *ends,
    void *arg)
{
	struct gate *g = arg;
	struct locals *l = g->all;
	char who[FLOW_WHO];

	(void)listener;
	if (g->single)
		l->n_came++;
	else if (!uids_admit(l->uids, ends)) {
		flow_who(ends, who);
		say_gated(&stranger_gate, SAY_WARN, "%s: refused a connection "
		    "of %s: not in --allow-uid", mux_addr_str(g->addr), who);
		mux_ends_close(ends, true);
		return;
	}
	locals_open(l, g->target, ends);
}

bool
locals_add(struct locals *l, struct mux_addr *addr, char *target)
{
	struct gate *g = calloc(1, sizeof(*g));

	if (g == NULL)
		return false;
	g->all = l;
	g->addr = addr;
	g->target = target;
	g->single = listen_single(addr);
	l->n_gates++;
	l->n_single += g->single;
	TAILQ_INSERT_TAIL(&l->gates, g, next);
	return true;
}

/* What only the user's own words could tell is said, in case that it was not
 * meant. */
static void
warn_open(const struct gate *g)
{
	listen_warn_unix(g->addr, g->all->uids);
	if (listen_is_far(g->listener))
		say(SAY_WARN, "%s: everybody who reaches this machine there "
		    "reaches %s", mux_listener_str(g->listener), g->target);
}

int
locals_listen(struct locals *l)
{
	struct gate *g;
	int r;

	TAILQ_FOREACH(g, &l->gates, next)
		if ((r = listen_open(l->loop, g->addr, MUX_AS_LOCAL, on_accept,
		    g, &g->listener)) != 0)
			return r;
	TAILQ_FOREACH(g, &l->gates, next) {
		warn_open(g);
		listen_tell(g->listener);
	}
	return 0;
}

bool
locals_single(const struct locals *l)
{
	return l->n_gates > 0 && l->n_single == l->n_gates;
}

bool
locals_over(const struct locals *l)
{
	return locals_single(l) && l->n_came == l->n_gates && l->n_flows == 0;
}

void
locals_close(struct locals *l)
{
	struct gate *g;

	TAILQ_FOREACH(g, &l->gates, next) {
		mux_listener_free(g->listener);
		g->listener = NULL;
	}
}

/* ---- begin and end ---- */

void
locals_init(struct locals *l)
{
	TAILQ_INIT(&l->gates);
	TAILQ_INIT(&l->flows);
}

void
locals_release(struct locals *l)
{
	struct flow *f;
	struct gate *g;

	locals_close(l);
	while ((f = TAILQ_FIRST(&l->flows)) != NULL) {
		mux_relay_free(f->relay);
		pass_free((struct pass *)f);
	}
	while ((g = TAILQ_FIRST(&l->gates)) != NULL) {
		TAILQ_REMOVE(&l->gates, g, next);
		mux_addr_free(g->addr);
		free(g->target);
		free(g);
	}
}

void
locals_state(const struct locals *l, FILE *out)
{
	uint64_t now = mux_loop_now(l->loop);
	const struct flow *f;

	TAILQ_FOREACH(f, &l->flows, next)
		flow_state(f, now, out);
}
