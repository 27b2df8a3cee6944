/*
 * link.c - the client's connection from the word of -a to its end, for verbs
 * that have one.  It opens no streams and no calls, and decides no exit
 * status.  Invariant: closed() runs once, after everything else, and not
 * after link_free().
 */
#include <stdio.h>
#include <stdlib.h>

#include "frames.h"
#include "link.h"
#include "out.h"
#include "proc.h"

struct link {
	struct mux_loop *loop;
	const struct mux_addr *addr;
	const struct mux_config *cfg;
	const struct link_ops *ops;
	void *arg;
	struct mux_conn_ops heard;
	struct carrier *carrier;
	struct mux_conn *conn;
	struct kids kids;
	pid_t child;		/* of exec:, or 0 */
	uint64_t since;
	bool ready;
	bool goodbye;		/* the connection came to an orderly end */
};

struct mux_conn *
link_conn(const struct link *l)
{
	return l != NULL ? l->conn : NULL;
}

bool
link_is_over(const struct link *l)
{
	return l == NULL || (l->carrier == NULL && l->conn == NULL);
}

uint64_t
link_age(const struct link *l)
{
	return mux_loop_now(l->loop) - l->since;
}

/* ---- the connection ---- */

static void
on_ready(struct mux_conn *c, void *arg)
{
	struct link *l = arg;

	l->ready = true;
	if (mux_session_mode(mux_conn_session(c)) == MUX_MODE_EXTENDED)
		say(SAY_INFO, "%s: HELLO done", mux_addr_str(l->addr));
	else
		say(SAY_INFO, "%s: it speaks the plain protocol",
		    mux_addr_str(l->addr));
	l->ops->ready(c, l->arg);
}

static void
on_open(struct mux_conn *c, struct mux_stream *st, const struct mux_open *o,
    void *arg)
{
	const struct link *l = arg;

	l->ops->open(c, st, o, l->arg);
}

static void
on_call(struct mux_conn *c, struct mux_call *call,
    const struct mux_request *q, void *arg)
{
	const struct link *l = arg;

	l->ops->call(c, call, q, l->arg);
}

static void
on_drain(struct mux_conn *c, void *arg)
{
	const struct link *l = arg;

	if (l->ops->drain != NULL)
		l->ops->drain(c, l->arg);
}

static void
on_tap(struct mux_conn *c, const struct mux_tap *tap, void *arg)
{
	const struct link *l = arg;
	char line[FRAMES_LINE];

	if (tap->off == 0 && say_on(SAY_DEBUG)) {
		frames_line(tap, line);
		say_plain(SAY_DEBUG, line);
	}
	if (l->ops->tap != NULL)
		l->ops->tap(c, tap, l->arg);
}

/* What it is called depends on what had been reached. */
static void
tell_closed(struct link *l, int err, const struct mux_why *why)
{
	struct mux_why whole = *why;

	if (!l->ready)
		snprintf(whole.text, sizeof(whole.text), "no HELLO: %.350s",
		    why->text);
	else if (err != MUX_E_DONE)
		snprintf(whole.text, sizeof(whole.text), "connection "
		    "lost: %.350s", why->text);
	else
		snprintf(whole.text, sizeof(whole.text), "connection "
		    "lost: %.300s: the server ended it",
		    mux_addr_str(l->addr));
	if (err != MUX_E_DONE || !l->ready)
		kids_explain(&l->kids, l->child, &whole);
	l->ops->closed(err, &whole, l->arg);
}

static void
on_closed(struct mux_conn *c, int err, const struct mux_why *why, void *arg)
{
	struct link *l = arg;

	l->goodbye = err == MUX_E_DONE;
	l->conn = NULL;
	/* The link may be gone after it. */
	tell_closed(l, err, why);
	mux_conn_free(c);
}

/* Only where somebody looks: a tap is called for every frame. */
static void
hear(struct link *l)
{
	const struct link_ops *ops = l->ops;

	l->heard = (struct mux_conn_ops){
		.size = sizeof(l->heard),
		.ready = on_ready,
		.open = ops->open != NULL ? on_open : NULL,
		.call = ops->call != NULL ? on_call : NULL,
		.drain = on_drain,
		.tap = ops->tap != NULL || say_on(SAY_DEBUG) ? on_tap : NULL,
		.closed = on_closed
	};
}

static void
on_carrier(const struct mux_ends *ends, const struct mux_why *why, void *arg)
{
	struct link *l = arg;
	struct mux_why none = { .err = 0 };
	int err;

	carrier_free(l->carrier);
	l->carrier = NULL;
	if (ends == NULL) {
		l->ops->closed(MUX_E_IO, why, l->arg);
		return;
	}
	say(SAY_INFO, "connected to %s", mux_addr_str(l->addr));
	l->child = ends->child;
	if (ends->child > 0)
		kids_add(l->loop, &l->kids, ends->child);
	hear(l);
	err = mux_conn_new(l->loop, ends, l->cfg, &l->heard, l, &l->conn);
	if (err == 0) {
		/* Then there is no HELLO to be waited for. */
		if (mux_session_mode(mux_conn_session(l->conn)) ==
		    MUX_MODE_LEGACY)
			on_ready(l->conn, l);
		return;
	}
	mux_ends_close(ends, true);
	snprintf(none.text, sizeof(none.text), "%.300s: %s",
	    mux_addr_str(l->addr), mux_strerror(err));
	l->ops->closed(err, &none, l->arg);
}

int
link_start(struct mux_loop *loop, const struct carrier_opts *co,
    const struct mux_config *cfg, const struct link_ops *ops, void *arg,
    struct link **out)
{
	struct link *l = calloc(1, sizeof(*l));
	int err;

	if (l == NULL)
		return MUX_E_NOMEM;
	l->loop = loop;
	l->addr = co->addr;
	l->cfg = cfg;
	l->ops = ops;
	l->arg = arg;
	l->since = mux_loop_now(loop);
	kids_init(&l->kids);
	if ((err = carrier_dial(loop, co, on_carrier, l, &l->carrier)) != 0) {
		free(l);
		return err;
	}
	*out = l;
	return 0;
}

void
link_free(struct link *l)
{
	if (l == NULL)
		return;
	carrier_free(l->carrier);
	mux_conn_free(l->conn);
	kids_release(&l->kids, !l->goodbye);
	free(l);
}
