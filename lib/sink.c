/*
 * sink.c - from the stream to the descriptors, and room R3 for what they do
 * not take.  Credit goes home only for bytes that left, so a slow consumer
 * holds its own stream and nothing else.
 *
 * Invariant: bytes leave in the order in which they came, and the end is
 * passed on only behind the last of them.
 */
#include <errno.h>
#include <string.h>

#include "relay.h"

#define N_IOV	16

/* Without its connection a stream is an empty shell. */
static void
sink_consume(struct mux_relay *r, size_t n)
{
	if (r->conn != NULL)
		mux_stream_consume(r->stream, n);
}

static void
sink_left(struct mux_relay *r, size_t n)
{
	r->bytes_out += n;
	sink_consume(r, n);
}

void
sink_drop(struct mux_relay *r)
{
	size_t n = r->rest.len;

	rest_release(&r->rest);
	sink_consume(r, n);
}

void
sink_failed(struct mux_relay *r, int err)
{
	if (err == EAGAIN || err == EWOULDBLOCK) {
		mux_watch_clear(r->out_watch, MUX_WRITABLE);
		return;
	}
	if (!duplex_only_stopped(&r->io, err)) {
		relay_broken(r, err);
		return;
	}
	r->sink = SINK_STOPPED;
	if (r->code == 0)
		r->code = MUX_ENDPOINT_RESET;
	sink_drop(r);
	if (!r->eof)
		mux_stream_stop(r->stream, MUX_ENDPOINT_RESET);
	if (r->heedless != NULL)
		r->heedless(r, r->arg);
	relay_check(r);
}

/* The end goes out behind the last byte. */
static void
sink_check_end(struct mux_relay *r)
{
	int err;

	if (r->doomed)
		relay_check(r);
	if (!r->eof || r->sink != SINK_OPEN || r->rest.len > 0 || r->doomed)
		return;
	r->sink = SINK_ENDED;
	if (r->io.in != r->io.out)
		relay_unwatch_out(r);
	err = duplex_shut_out(&r->io) == 0 ? 0 : errno;
	if (err != 0)
		relay_broken(r, err);
	else
		relay_check(r);
}

/* How many of n bytes left at once. */
static size_t
sink_write(struct mux_relay *r, const void *p, size_t n)
{
	size_t done = 0;
	struct iovec iov;
	ssize_t w;

	while (done < n && r->sink == SINK_OPEN && relay_can_write(r)) {
		iov.iov_base = (char *)(uintptr_t)p + done;
		iov.iov_len = n - done;
		w = duplex_write(&r->io, &iov, 1, false);
		if (w < 0) {
			sink_failed(r, errno);
			break;
		}
		done += (size_t)w;
	}
	if (done > 0)
		sink_left(r, done);
	return done;
}

/* Is somebody still there to wait for what we keep? */
static bool
sink_keeps(const struct mux_relay *r)
{
	return !relay_is_over(r) && r->broken == 0 &&
	    (r->sink == SINK_OPEN || r->sink == SINK_WAITING);
}

void
sink_data(struct mux_stream *st, const void *p, size_t n, void *arg)
{
	struct mux_relay *r = arg;
	size_t done = 0;

	(void)st;
	if (sink_keeps(r) && r->rest.len == 0)
		done = sink_write(r, p, n);
	if (done == n)
		return;
	if (!sink_keeps(r))
		sink_consume(r, n - done);
	else if (rest_append(&r->rest, (const char *)p + done, n - done) != 0)
		relay_fail(r, MUX_INTERNAL, "no memory for a slow consumer");
}

bool
sink_foreign(struct mux_stream *st, size_t n, void *arg)
{
	const struct mux_relay *r = arg;

	(void)st;
	(void)n;
	return sink_keeps(r) && r->sink == SINK_OPEN && r->rest.len == 0 &&
	    r->io.out_splice && relay_can_write(r) && conn_splices(r->conn);
}

/* Moves the rest of a pipe into R3, or out of the world. */
static void
sink_unpipe(struct mux_relay *r, int fd, size_t n)
{
	bool good = true, keep = sink_keeps(r);
	char waste[4096];
	size_t room;
	void *to;

	while (good && n > 0) {
		room = n;
		to = keep ? rest_reserve(&r->rest, &room) : NULL;
		if (to == NULL)
			room = min_size(n, sizeof(waste));
		good = pipe_read_fd(fd, to != NULL ? to : waste, room);
		if (good && to != NULL)
			rest_commit(&r->rest, room);
		else
			sink_consume(r, room);
		if (to == NULL && keep) {
			relay_fail(r, MUX_INTERNAL,
			    "no memory for a slow consumer");
			keep = false;
		}
		n -= room;
	}
	if (!good)
		relay_fail(r, MUX_INTERNAL, "the pipe failed");
}

void
sink_take(struct mux_stream *st, int fd, size_t n, void *arg)
{
	struct mux_relay *r = arg;
	size_t done = 0;
	ssize_t w;

	(void)st;
	while (done < n && sink_keeps(r) && r->io.out_splice &&
	    relay_can_write(r)) {
		w = pipe_splice(fd, r->io.out, n - done);
		if (w < 0 && errno == EINVAL)
			r->io.out_splice = false;
		else if (w < 0)
			sink_failed(r, errno);
		else
			done += (size_t)w;
	}
	if (done > 0)
		sink_left(r, done);
	sink_unpipe(r, fd, n - done);
	/* What only splicing was refused: no event would come for it. */
	sink_ready(r);
}

void
sink_eof(struct mux_stream *st, void *arg)
{
	struct mux_relay *r = arg;

	(void)st;
	r->eof = true;
	sink_check_end(r);
	relay_check(r);
}

/* The target takes bytes again. */
void
sink_ready(struct mux_relay *r)
{
	struct iovec iov[N_IOV];
	ssize_t w;
	int n;

	while (sink_keeps(r) && r->sink == SINK_OPEN && r->rest.len > 0 &&
	    relay_can_write(r)) {
		n = rest_peek(&r->rest, iov, N_IOV);
		w = duplex_write(&r->io, iov, n, false);
		if (w < 0) {
			sink_failed(r, errno);
			break;
		}
		rest_drop(&r->rest, (size_t)w);
		sink_left(r, (size_t)w);
	}
	sink_check_end(r);
}
