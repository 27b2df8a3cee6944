/*
 * conn_io.c - the only reads, writes and splices of a carrier.  What the
 * bytes mean is the session's business, and what becomes of payload that of
 * the owners of streams.
 *
 * Invariant: the in pipe is empty whenever control leaves this file, and the
 * out pipe holds exactly the foreign bytes that the session has committed.
 * Nothing is read while a block has bytes that the session has not seen.
 */
#include <errno.h>
#include <stdlib.h>

#include "conn_int.h"

#define READ_BLOCK	(64u * 1024u)	/* room R2 */
#define READ_SMALL	(16u * 1024u)	/* while large frames come */
#define SMALL_READS	64u		/* how long one of them counts */
#define LARGE		(16u * 1024u)	/* of what is left of a payload */
#define SLICE		(8u * 1024u)	/* of small frames, fed at once */
#define TURN_BYTES	(1024u * 1024u)
#define TURN_STEPS	64u

/* ---- reading ---- */

/* A read that stops at the next header, or is small, leaves a large payload
 * in the kernel, from where it can be spliced. */
static size_t
read_size(struct mux_conn *c)
{
	size_t wants;

	if (c->one_header) {
		wants = mux_session_wants(c->session);
		if (wants > 0 && wants < READ_SMALL)
			return wants;
	}
	if (c->small_reads == 0)
		return READ_BLOCK;
	c->small_reads--;
	return READ_SMALL;
}

static ssize_t
read_failed(struct mux_conn *c, ssize_t r, int err)
{
	if (r < 0 && (err == EAGAIN || err == EWOULDBLOCK))
		mux_watch_clear(c->in_watch, MUX_READABLE);
	else
		conn_lost(c, r == 0 ? 0 : err);
	return 0;
}

static bool
fill_block(struct mux_conn *c)
{
	ssize_t r;

	if (c->block == NULL && (c->block = malloc(READ_BLOCK)) == NULL) {
		mux_session_abort(c->session, MUX_INTERNAL, "out of memory");
		conn_fail(c, MUX_E_NOMEM);
		return false;
	}
	r = duplex_read(&c->io, c->block, read_size(c));
	if (r <= 0) {
		read_failed(c, r, errno);
		return false;
	}
	c->block_off = 0;
	c->block_len = (size_t)r;
	return true;
}

/* Many small frames go in slices: the peer has the answers to the first ones
 * while we see to the others. */
static size_t
slice_size(const struct mux_conn *c)
{
	size_t left = c->block_len - c->block_off;

	if (left <= SLICE || mux_session_wants(c->session) >= SLICE)
		return left;
	return SLICE;
}

/* Payload in the copy path.  How much is left of the frame tells whether the
 * next reads had better be small. */
static ssize_t
feed(struct mux_conn *c)
{
	struct mux_stream *st;
	size_t n;
	int err;

	if (c->block_off == c->block_len && !fill_block(c))
		return 0;
	n = slice_size(c);
	c->one_header = false;
	c->block_off += n;
	err = mux_session_feed(c->session, c->block + c->block_off - n, n,
	    mux_loop_now(c->loop));
	if (err < 0)
		conn_fail(c, err);
	else if (c->splices && mux_session_wants(c->session) >= LARGE)
		c->small_reads =
		    mux_session_foreign(c->session, &st) > 0 ? SMALL_READS : 0;
	return (ssize_t)n;
}

/* Payload through the pipe.  take() empties it whatever happens. */
static ssize_t
move(struct mux_conn *c, struct mux_stream *st, size_t n)
{
	const struct mux_stream_ops *ops = mux_stream_ops(st);
	ssize_t r;

	r = pipe_from(&c->in_pipe, c->io.in, min_size(n, PIPE_SIZE));
	if (r <= 0)
		return read_failed(c, r, errno);
	ops->take(st, c->in_pipe.rd, (size_t)r, mux_stream_arg(st));
	c->in_pipe.held -= (size_t)r;
	mux_session_moved(c->session, (size_t)r, mux_loop_now(c->loop));
	c->small_reads = SMALL_READS;
	c->one_header = (size_t)r == n;
	return r;
}

static ssize_t
discard(struct mux_conn *c)
{
	ssize_t r;

	if (c->in_over)
		return 0;
	r = duplex_discard(&c->io);
	return r <= 0 ? read_failed(c, r, errno) : r;
}

static ssize_t
read_step(struct mux_conn *c)
{
	struct mux_stream *st;
	size_t n;

	if (c->state == CONN_FAREWELL)
		return discard(c);
	if (c->block_off < c->block_len)
		return feed(c);
	n = c->splices ? mux_session_foreign(c->session, &st) : 0;
	if (n > 0 && conn_pipe(c, &c->in_pipe) != NULL)
		return move(c, st, n);
	return feed(c);
}

void
conn_read(struct mux_conn *c)
{
	size_t done = 0;
	ssize_t r;
	unsigned i = 0;

	while (i < TURN_STEPS && done < TURN_BYTES) {
		if (c->in_over || c->freed || c->state == CONN_OVER)
			return;
		r = read_step(c);
		if (r <= 0)
			return;
		done += (size_t)r;
		if (c->block_off < c->block_len)
			conn_flush(c);
		else
			i++;
	}
	mux_watch_again(c->in_watch);
}

/* ---- writing ---- */

/* Who cannot write may still be told why: first read what came. */
static void
write_failed(struct mux_conn *c, int err)
{
	if (err == EAGAIN || err == EWOULDBLOCK) {
		mux_watch_clear(c->out_watch, MUX_WRITABLE);
		return;
	}
	c->out_over = true;
	if (!duplex_only_stopped(&c->io, err))
		c->write_err = err;
	if (c->state == CONN_LIVE)
		conn_read(c);
	if (c->state == CONN_LIVE)
		conn_lost(c, err);
}

/* Writes what peek shows: memory, then what the pipe holds behind it.  False
 * when the carrier takes no more. */
static bool
write_out(struct mux_conn *c, const struct mux_out *o)
{
	struct iovec iov = { (void *)(uintptr_t)o->data, o->len };
	ssize_t r = 0;
	size_t n = 0;
	int err;

	if (o->len > 0) {
		r = duplex_write(&c->io, &iov, 1, o->foreign > 0);
		n = r > 0 ? (size_t)r : 0;
	}
	if (n == o->len && o->foreign > 0) {
		r = pipe_to(&c->out_pipe, c->io.out, o->foreign);
		n += r > 0 ? (size_t)r : 0;
	}
	err = errno;
	if (n > 0)
		mux_session_sent(c->session, n, mux_loop_now(c->loop));
	if (r >= 0)
		return true;
	write_failed(c, err);
	return false;
}

static bool
writable(const struct mux_conn *c)
{
	return !c->out_over && c->out_watch != NULL &&
	    (mux_watch_state(c->out_watch) & MUX_WRITABLE) != 0;
}

void
conn_flush(struct mux_conn *c)
{
	struct mux_out o;
	size_t done = 0;
	int err;

	while (c->state == CONN_LIVE && !c->freed &&
	    (writable(c) || c->must_pull)) {
		c->must_pull = false;
		err = mux_session_pull(c->session, mux_loop_now(c->loop));
		if (err < 0) {
			conn_fail(c, err);
			return;
		}
		mux_session_peek(c->session, &o);
		if (o.len == 0 && o.foreign == 0)
			return;
		done += o.len + o.foreign;
		if (!writable(c) || !write_out(c, &o))
			return;
		if (done >= TURN_BYTES) {
			mux_task_run(c->task);
			return;
		}
	}
}

/* The last words, then our end of the carrier, then the peer's. */
void
conn_farewell(struct mux_conn *c)
{
	struct mux_out o;

	while (!c->out_over) {
		/* A GOODBYE that is owed gets into the buffer here. */
		mux_session_pull(c->session, mux_loop_now(c->loop));
		mux_session_peek(c->session, &o);
		if (o.len == 0 && o.foreign == 0) {
			if (c->out_watch != c->in_watch) {
				mux_watch_free(c->out_watch);
				c->out_watch = NULL;
			}
			duplex_shut_out(&c->io);
			c->out_over = true;
		} else if (!writable(c) || !write_out(c, &o)) {
			break;
		}
	}
	conn_read(c);
	if (c->out_over && c->in_over)
		conn_over(c);
}

