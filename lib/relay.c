/*
 * relay.c - the life of a relay between a stream and descriptors: how it
 * begins on either side, what ends it, and who is told.
 *
 * Invariant: once `how` is set the descriptors are closed and nothing more is
 * done with the stream but to release it, which waits for the end of the turn
 * because the session may be in the middle of a callback.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bsd/string.h>

#include "relay.h"

/* ---- readiness ---- */

unsigned
relay_can_read(const struct mux_relay *r)
{
	return r->in_watch == NULL ? 0 :
	    mux_watch_state(r->in_watch) & MUX_READABLE;
}

unsigned
relay_can_write(const struct mux_relay *r)
{
	return r->out_watch == NULL ? 0 :
	    mux_watch_state(r->out_watch) & MUX_WRITABLE;
}

void
relay_unwatch_in(struct mux_relay *r)
{
	if (r->in_watch != r->out_watch)
		mux_watch_free(r->in_watch);
	r->in_watch = NULL;
}

void
relay_unwatch_out(struct mux_relay *r)
{
	if (r->out_watch != r->in_watch)
		mux_watch_free(r->out_watch);
	r->out_watch = NULL;
}

static void
unwatch(struct mux_relay *r)
{
	relay_unwatch_in(r);
	mux_watch_free(r->out_watch);
	r->out_watch = NULL;
}

/* ---- the end ---- */

bool
relay_is_over(const struct mux_relay *r)
{
	return r->how != NOT_OVER;
}

static const char *const hows[] = {
	[OVER_FIN] = "fin",
	[OVER_RESET] = "reset",
	[OVER_REFUSED] = "refused",
	[OVER_LOST] = "carrier-lost",
};

/* Tells the owner; the relay is gone after it. */
static void
relay_finish(struct mux_relay *r)
{
	struct mux_relay_end end = { 0 };
	struct mux_stream_stats stats;

	/* All that was read was handed over at once. */
	mux_stream_stats(r->stream, &stats);
	end.bytes_in = stats.sent;
	end.bytes_out = r->bytes_out;
	end.duration = mux_loop_now(r->loop) - r->began;
	end.code = r->code;
	end.by_peer = r->by_peer;
	end.accepted = r->accepted;
	end.how = hows[r->how];
	if (r->text != NULL)
		strlcpy(end.text, r->text, sizeof(end.text));
	r->finishing = true;
	mux_stream_release(r->stream);
	r->stream = NULL;
	if (r->conn != NULL)
		conn_leave(r->conn, &r->user);
	if (r->done != NULL)
		r->done(r, &end, r->arg);
	free(r->verdict_text);
	free(r->text);
	free(r);
}

/* Everything that is urgent happens here, the rest in relay_finish(). */
static void
relay_over(struct mux_relay *r, enum relay_how how, const char *text)
{
	assert(!relay_is_over(r));
	r->how = (uint8_t)how;
	/* one that was doomed keeps the first reason */
	if (text != NULL && r->text == NULL)
		r->text = strdup(text);
	unwatch(r);
	rest_release(&r->rest);
	if (how == OVER_FIN)
		duplex_close(&r->io);
	else
		duplex_reset(&r->io);
	if (r->conn != NULL)
		conn_later(r->conn, &r->user);
}

/*
 * A source whose bytes nobody wants needs no end of its own once everything
 * was said to it: closing tells it that nobody listens.  Not before, because
 * closing under fire destroys what is still on its way out.
 */
void
relay_check(struct mux_relay *r)
{
	bool sink_over = r->sink == SINK_ENDED ||
	    (r->sink == SINK_STOPPED && r->eof);
	bool source_over = r->source == SOURCE_ENDED ||
	    (r->source == SOURCE_DISCARD && duplex_unsent(&r->io) == 0);

	if (relay_is_over(r))
		return;
	if (r->doomed && (r->rest.len == 0 || r->sink != SINK_OPEN))
		relay_over(r, OVER_RESET, NULL);
	else if (sink_over && source_over)
		relay_over(r, OVER_FIN, NULL);
}

/*
 * The peer's reset is behind what it had sent before, and that is delivered
 * first: a kernel's socket lets its reader have it, too.  Only a consumer
 * that takes nothing waits for the news.
 */
static bool
relay_doomed(struct mux_relay *r, enum relay_how how, const char *text)
{
	if (how != OVER_RESET || r->sink != SINK_OPEN || r->rest.len == 0 ||
	    r->broken != 0)
		return false;
	r->doomed = true;
	r->text = text != NULL ? strdup(text) : NULL;
	r->source = SOURCE_ENDED;
	if (r->in_watch != r->out_watch)
		relay_unwatch_in(r);
	sink_ready(r);
	return true;
}

void
relay_fail(struct mux_relay *r, uint32_t code, const char *text)
{
	if (relay_is_over(r))
		return;
	/* What the peer had done before is what ended it. */
	if (r->doomed) {
		relay_over(r, OVER_RESET, NULL);
		return;
	}
	if (r->conn != NULL)
		mux_stream_reset(r->stream, code, text);
	r->code = code;
	r->by_peer = false;
	relay_over(r, OVER_RESET, text);
}

/* Would a relay that reads on get at all that had come before the reset? */
static bool
last_bytes(const struct mux_relay *r)
{
	return r->source == SOURCE_OPEN && r->io.in == r->io.out &&
	    duplex_unread(&r->io) > 0;
}

/* Whoever answers a request early and closes resets the connection behind
 * its answer, and TCP lets the answer be read; so do we. */
void
relay_broken(struct mux_relay *r, int err)
{
	if (relay_is_over(r) || r->broken != 0)
		return;
	r->broken = duplex_code(err);
	sink_drop(r);
	if (last_bytes(r))
		mux_stream_ready(r->stream);
	else
		relay_fail(r, r->broken, strerror(err));
}

/* ---- events of the descriptors ---- */

static void
on_error(struct mux_relay *r, struct mux_watch *w)
{
	int err;

	/* An error of the input is met by reading. */
	if (w != r->out_watch)
		return;
	mux_watch_clear(w, MUX_ERROR);
	err = duplex_error(&r->io);
	if (err == 0)
		return;
	if (!duplex_only_stopped(&r->io, err))
		relay_broken(r, err);
	else if (r->sink == SINK_OPEN)
		sink_failed(r, err);
}

static void
on_watch(struct mux_watch *w, unsigned ready, void *arg)
{
	struct mux_relay *r = arg;

	if (ready & MUX_ERROR)
		on_error(r, w);
	if (!relay_is_over(r) && (ready & MUX_WRITABLE) && w == r->out_watch)
		sink_ready(r);
	if (!relay_is_over(r) && (ready & MUX_READABLE) && w == r->in_watch)
		source_ready(r);
	if (relay_is_over(r) && r->conn == NULL)
		relay_finish(r);
}

/* ---- events of the stream ---- */

static void
on_accepted(struct mux_stream *st, void *arg)
{
	struct mux_relay *r = arg;

	(void)st;
	r->accepted = true;
}

static void
on_stopped(struct mux_stream *st, uint32_t code, void *arg)
{
	struct mux_relay *r = arg;

	(void)st;
	r->stopped = true;
	if (r->code == 0) {
		r->code = code;
		r->by_peer = true;
	}
	source_stopped(r);
}

static void
on_reset(struct mux_stream *st, uint32_t code, const char *text, void *arg)
{
	struct mux_stream_stats stats;
	struct mux_relay *r = arg;
	enum relay_how how = OVER_RESET;

	if (relay_is_over(r))
		return;
	if (code == MUX_CARRIER_LOST)
		how = OVER_LOST;
	else if (r->opener && !r->accepted)
		how = OVER_REFUSED;
	r->code = code;
	mux_stream_stats(st, &stats);
	r->by_peer = stats.reset_by_peer;
	if (!relay_doomed(r, how, text))
		relay_over(r, how, text);
}

static const struct mux_stream_ops stream_ops = {
	.size = sizeof(stream_ops),
	.accepted = on_accepted,
	.fill = source_fill,
	.data = sink_data,
	.foreign = sink_foreign,
	.take = sink_take,
	.eof = sink_eof,
	.stopped = on_stopped,
	.reset = on_reset,
};

/* ---- events of the connection ---- */

static void
on_later(struct conn_user *u)
{
	relay_finish(container_of(u, struct mux_relay, user));
}

/* Only relays of streams that had ended both ways are left by now. */
static void
on_gone(struct conn_user *u)
{
	container_of(u, struct mux_relay, user)->conn = NULL;
}

static const struct conn_user_ops user_ops = { on_later, on_gone };

/* ---- public ---- */

static struct mux_relay *
relay_new(struct mux_conn *conn, mux_relay_cb *done, void *arg)
{
	struct mux_relay *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->conn = conn;
	r->loop = mux_conn_loop(conn);
	r->done = done;
	r->arg = arg;
	r->began = mux_loop_now(r->loop);
	duplex_init(&r->io);
	rest_init(&r->rest);
	return r;
}

static int
take_ends(struct mux_relay *r, const struct mux_ends *ends)
{
	int err;

	if (duplex_take(&r->io, ends) != 0)
		return MUX_E_IO;
	err = mux_watch_new(r->loop, ends->in, on_watch, r, &r->in_watch);
	r->out_watch = r->in_watch;
	if (err == 0 && ends->out != ends->in) {
		r->out_watch = NULL;
		err = mux_watch_new(r->loop, ends->out, on_watch, r,
		    &r->out_watch);
	}
	if (err < 0) {
		unwatch(r);
		duplex_give_back(&r->io);
		return err;
	}
	duplex_arm(&r->io);
	r->source = SOURCE_OPEN;
	r->sink = SINK_OPEN;
	return 0;
}

int
mux_relay_open(struct mux_conn *conn, const char *target,
    const struct mux_ends *ends, mux_relay_cb *done, void *arg,
    struct mux_relay **out)
{
	struct mux_open o = { .size = sizeof(o) };
	struct mux_relay *r;
	int err;

	if (conn_is_over(conn))
		return MUX_E_CLOSED;
	r = relay_new(conn, done, arg);
	if (r == NULL)
		return MUX_E_NOMEM;
	r->opener = true;
	err = take_ends(r, ends);
	if (err < 0)
		goto fail;
	o.target = target;
	o.target_len = strlen(target);
	err = mux_stream_open(mux_conn_session(conn), &o, &stream_ops, r,
	    &r->stream);
	if (err < 0)
		goto fail;
	conn_join(conn, &r->user, &user_ops);
	*out = r;
	return 0;
fail:
	unwatch(r);
	duplex_give_back(&r->io);
	free(r);
	return err;
}

int
mux_relay_attach(struct mux_conn *conn, struct mux_stream *st,
    mux_relay_cb *done, void *arg, struct mux_relay **out)
{
	struct mux_relay *r = relay_new(conn, done, arg);

	if (r == NULL)
		return MUX_E_NOMEM;
	r->stream = st;
	mux_stream_attach(st, &stream_ops, r);
	conn_join(conn, &r->user, &user_ops);
	*out = r;
	return 0;
}

int
mux_relay_connect(struct mux_relay *r, const struct mux_ends *ends)
{
	int err;

	if (relay_is_over(r) || r->opener || r->source != SOURCE_WAITING)
		return MUX_E_STATE;
	err = take_ends(r, ends);
	if (err < 0)
		return err;
	err = mux_stream_accept(r->stream);
	if (err < 0) {
		unwatch(r);
		duplex_give_back(&r->io);
		r->source = SOURCE_WAITING;
		r->sink = SINK_WAITING;
		return err;
	}
	r->accepted = true;
	if (r->stopped)
		source_stopped(r);
	if (!relay_is_over(r))
		sink_ready(r);
	return 0;
}

void
mux_relay_refuse(struct mux_relay *r, uint32_t code, const char *text)
{
	if (relay_is_over(r) || r->opener || r->accepted)
		return;
	mux_stream_refuse(r->stream, code, text);
	r->code = code;
	relay_over(r, OVER_REFUSED, text);
}

void
mux_relay_on_stopped(struct mux_relay *r,
    void (*stopped)(struct mux_relay *, void *))
{
	r->heedless = stopped;
}

void
mux_relay_hold(struct mux_relay *r,
    void (*ended)(struct mux_relay *, void *arg))
{
	r->hold = true;
	r->held = ended;
}

void
mux_relay_settle(struct mux_relay *r, uint32_t code, const char *text)
{
	if (relay_is_over(r) || !r->hold || r->finishing)
		return;
	r->hold = false;
	r->verdict = code;
	r->verdict_text = text != NULL ? strdup(text) : NULL;
	if (r->source != SOURCE_HELD)
		return;
	if (code != 0) {
		relay_fail(r, code, text);
		return;
	}
	/* The end is read a second time. */
	r->source = SOURCE_OPEN;
	mux_stream_ready(r->stream);
}

void
mux_relay_free(struct mux_relay *r)
{
	if (r == NULL || r->finishing)
		return;
	if (r->conn != NULL) {
		mux_stream_reset(r->stream, MUX_CANCELLED, NULL);
		conn_leave(r->conn, &r->user);
	}
	mux_stream_release(r->stream);
	unwatch(r);
	rest_release(&r->rest);
	duplex_reset(&r->io);
	free(r->verdict_text);
	free(r->text);
	free(r);
}

struct mux_stream *
mux_relay_stream(const struct mux_relay *r)
{
	return r->stream;
}
