/*
 * invoke.c - one call from its request to its result: joins the call, what
 * its body is read from, and the stream with its standard error.  It writes
 * to no descriptor and waits for nothing by the clock.  Invariant: done() runs
 * once, when the answer is there and the standard error has ended, or when
 * nobody will hear of them any more.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "invoke.h"
#include "mux_io.h"

/* An answer to CANCEL comes at once or not at all. */
#define GRACE_NS	UINT64_C(500000000)

struct invoke {
	struct mux_loop *loop;
	const struct invoke_ops *ops;
	void *arg;
	struct mux_call *call;		/* NULL: answered */
	struct mux_stream *err;		/* NULL: none yet, or over */
	struct mux_inlet *inlet;
	struct result r;		/* once answered */
	uint32_t cancelled;		/* by us: why */
	char *why;			/* and in words, or NULL */
	uint64_t since, begun, progress, deadline;
	uint64_t sent;			/* when last looked at */
	bool want_err, had_err, answered;
	bool touched;			/* some of the body was read */
	bool starved;			/* its source has nothing for now */
	unsigned busy;
	bool gone;
};

/* ---- lifetime ---- */

static void
drop_err(struct invoke *i)
{
	struct mux_stream *st = i->err;

	i->err = NULL;
	if (st != NULL)
		mux_stream_release(st);
}

static void
drop_call(struct invoke *i)
{
	struct mux_call *c = i->call;

	i->call = NULL;
	if (c != NULL)
		mux_call_release(c);
	mux_inlet_free(i->inlet);
	i->inlet = NULL;
}

void
invoke_free(struct invoke *i)
{
	if (i == NULL || i->gone)
		return;
	i->gone = true;
	drop_call(i);
	drop_err(i);
	result_release(&i->r);
	free(i->why);
	i->why = NULL;
	if (i->busy == 0)
		free(i);
}

/* A callback may have been its end. */
static bool
leave(struct invoke *i)
{
	bool gone = i->gone;

	if (--i->busy == 0 && gone)
		free(i);
	return !gone;
}

static void
finish(struct invoke *i)
{
	uint64_t now = mux_loop_now(i->loop);

	if (i->gone)
		return;
	i->r.queued = i->begun - i->since;
	i->r.total = now - i->since;
	drop_err(i);
	i->busy++;
	i->ops->done(i, &i->r, i->arg);
	invoke_free(i);
	leave(i);
}

/* ---- the call ---- */

static size_t
on_fill(struct mux_call *c, void *buf, size_t max, unsigned *flags,
    void *arg)
{
	struct invoke *i = arg;
	size_t n = mux_inlet_fill(i->inlet, buf, max, flags);

	(void)c;
	i->touched = i->touched || n > 0;
	i->starved = n == 0 && max > 0 && (*flags & MUX_FILL_END) == 0;
	i->progress = mux_loop_now(i->loop);
	return n;
}

static void
on_data(struct mux_call *c, const void *p, size_t n, void *arg)
{
	struct invoke *i = arg;
	size_t taken = n;

	i->progress = mux_loop_now(i->loop);
	i->busy++;
	if (i->ops->body != NULL)
		taken = i->ops->body(i, p, n, i->arg);
	if (leave(i) && i->call == c)
		mux_call_consume(c, taken);
}

/* What we did to it explains every error that follows. */
static uint32_t
blame(const struct invoke *i, const struct mux_answer *a)
{
	if (a->code == MUX_OK)
		return MUX_OK;
	if (i->cancelled != 0)
		return i->cancelled;
	if (a->code == MUX_CANCELLED &&
	    mux_loop_now(i->loop) >= i->deadline)
		return MUX_DEADLINE;
	return a->code;
}

static void
on_answer(struct mux_call *c, const struct mux_answer *a, void *arg)
{
	struct mux_answer ours = *a;
	struct invoke *i = arg;

	(void)c;
	ours.code = blame(i, a);
	if (ours.code != a->code || i->cancelled != 0)
		ours.text = NULL;
	result_from(&i->r, &ours);
	if (ours.code != MUX_OK && i->why != NULL) {
		free(i->r.error);
		i->r.error = i->why;
		i->why = NULL;
	}
	i->answered = true;
	drop_call(i);
	/* With a verdict of our own nobody waits for what it still says. */
	if (i->err == NULL || i->cancelled != 0 || !a->by_peer)
		finish(i);
}

static const struct mux_call_ops given_ops = {
	.size = sizeof(given_ops),
	.data = on_data,
	.done = on_answer
};

static const struct mux_call_ops read_ops = {
	.size = sizeof(read_ops),
	.fill = on_fill,
	.data = on_data,
	.done = on_answer
};

/* ---- what the body is read from ---- */

static void
on_readable(struct mux_inlet *in, void *arg)
{
	struct invoke *i = arg;

	(void)in;
	if (i->starved)
		i->progress = mux_loop_now(i->loop);
	i->starved = false;
	if (i->call != NULL)
		mux_call_ready(i->call);
}

static void
on_unreadable(struct mux_inlet *in, int err, void *arg)
{
	char text[120];

	(void)in;
	snprintf(text, sizeof(text), "read the body: %s", strerror(err));
	invoke_cancel(arg, MUX_INTERNAL, text);
}

static const struct mux_inlet_ops inlet_ops = {
	.size = sizeof(inlet_ops),
	.ready = on_readable,
	.failed = on_unreadable
};

/* ---- standard error ---- */

static void
on_err_data(struct mux_stream *st, const void *p, size_t n, void *arg)
{
	struct invoke *i = arg;
	size_t taken = n;

	i->progress = mux_loop_now(i->loop);
	i->busy++;
	if (i->want_err && i->ops->err != NULL)
		taken = i->ops->err(i, p, n, i->arg);
	if (leave(i) && i->err == st)
		mux_stream_consume(st, taken);
}

static void
on_err_eof(struct mux_stream *st, void *arg)
{
	struct invoke *i = arg;

	(void)st;
	drop_err(i);
	if (i->answered)
		finish(i);
}

static void
on_err_reset(struct mux_stream *st, uint32_t code, const char *text,
    void *arg)
{
	(void)code;
	(void)text;
	on_err_eof(st, arg);
}

static const struct mux_stream_ops err_ops = {
	.size = sizeof(err_ops),
	.data = on_err_data,
	.eof = on_err_eof,
	.reset = on_err_reset
};

bool
invoke_open(struct mux_conn *conn, struct mux_stream *st,
    const struct mux_open *o)
{
	struct mux_call *c;
	struct invoke *i;

	if (o->parent == 0 || !o->one_way || o->request != NULL)
		return false;
	c = mux_session_find_call(mux_conn_session(conn), o->parent);
	if (c == NULL || mux_call_by_peer(c))
		return false;
	i = mux_call_arg(c);
	if (i->had_err)
		return false;
	i->had_err = true;
	i->err = st;
	mux_stream_attach(st, &err_ops, i);
	mux_stream_accept(st);
	if (!i->want_err)
		mux_stream_stop(st, MUX_CANCELLED);
	return true;
}

void
invoke_none(struct mux_conn *conn, struct mux_call *c,
    const struct mux_request *q, void *arg)
{
	(void)conn;
	(void)q;
	(void)arg;
	mux_call_fail(c, MUX_UNKNOWN_METHOD, NULL, NULL);
}

/* ---- public ---- */

/* Nothing is asked for before the end of the turn: the inlet may come
 * second, so that the descriptor is only taken if all goes well. */
static int
begin(struct invoke *i, struct mux_conn *conn, const struct invoke_spec *spec)
{
	struct mux_request q = spec->q;
	int err;

	q.size = sizeof(q);
	if (q.grace == 0)
		q.grace = GRACE_NS;
	err = mux_call_open(mux_conn_session(conn), &q, spec->body_fd >= 0 ?
	    &read_ops : &given_ops, i, &i->call);
	if (err == 0 && spec->body_fd >= 0)
		err = mux_inlet_new(i->loop, spec->body_fd,
		    spec->body_inherited, &inlet_ops, i, &i->inlet);
	return err;
}

int
invoke_start(struct mux_conn *conn, const struct invoke_spec *spec,
    const struct invoke_ops *ops, void *arg, struct invoke **out)
{
	struct invoke *i = calloc(1, sizeof(*i));
	int err;

	if (i == NULL)
		return MUX_E_NOMEM;
	i->loop = mux_conn_loop(conn);
	i->ops = ops;
	i->arg = arg;
	i->want_err = spec->want_err;
	i->begun = i->progress = mux_loop_now(i->loop);
	i->since = spec->since != 0 ? spec->since : i->begun;
	i->deadline = spec->q.deadline != 0 ? i->begun + spec->q.deadline :
	    UINT64_MAX;
	if ((err = begin(i, conn, spec)) != 0) {
		invoke_free(i);
		return err;
	}
	*out = i;
	return 0;
}

void
invoke_consume(struct invoke *i, size_t body, size_t err)
{
	if (body > 0 && i->call != NULL)
		mux_call_consume(i->call, body);
	if (err > 0 && i->err != NULL)
		mux_stream_consume(i->err, err);
}

void
invoke_cancel(struct invoke *i, uint32_t code, const char *why)
{
	if (i->answered) {
		finish(i);
		return;
	}
	if (i->cancelled != 0 || i->gone)
		return;
	i->cancelled = code;
	i->why = why != NULL ? strdup(why) : NULL;
	mux_call_cancel(i->call, code);
}

uint64_t
invoke_progress(struct invoke *i)
{
	struct mux_stream_stats st;

	if (i->call == NULL)
		return i->progress;
	if (i->starved)
		return mux_loop_now(i->loop);
	/* A body that was given whole leaves without a word. */
	mux_call_stats(i->call, &st);
	if (st.sent != i->sent)
		i->progress = mux_loop_now(i->loop);
	i->sent = st.sent;
	return i->progress;
}

bool
invoke_untouched(const struct invoke *i)
{
	return !i->touched;
}
