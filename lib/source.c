/*
 * source.c - from the descriptors into the stream.  Nothing is read before
 * the session asks by fill(): the kernel's receive queue is our send buffer,
 * and so back-pressure reaches whoever writes there without a line of code.
 *
 * Invariant: the end of input is only ever passed on as END when nothing has
 * told of a reset before, and nobody holds it back.
 */
#include <errno.h>
#include <string.h>

#include "relay.h"

#define BULK_READ	(16u * 1024u)	/* a read this large: splice */
#define FOREIGN_LEAST	(32u * 1024u)	/* less is an ordinary frame */
#define SHORT_SPLICE	(64u * 1024u)
#define SHORT_MAX	4u		/* in a row: the stream is small */
#define DISCARD_STEPS	64u

static void
source_at_end(struct mux_relay *r, unsigned *flags)
{
	if (r->verdict != 0) {
		relay_fail(r, r->verdict, r->verdict_text);
	} else if (r->hold) {
		r->source = SOURCE_HELD;
		if (r->held != NULL)
			r->held(r, r->arg);
	} else {
		r->source = SOURCE_ENDED;
		*flags |= MUX_FILL_END;
		relay_check(r);
	}
}

/* The input gave its end, an error or nothing (`n` <= 0). */
static void
source_over(struct mux_relay *r, ssize_t n, int err, unsigned *flags)
{
	bool blocked = n < 0 && (err == EAGAIN || err == EWOULDBLOCK);

	if (blocked)
		mux_watch_clear(r->in_watch, MUX_READABLE);
	if (r->broken != 0) {
		relay_fail(r, r->broken, NULL);
	} else if (n == 0) {
		source_at_end(r, flags);
	} else if (!blocked) {
		relay_fail(r, duplex_code(err), strerror(err));
	}
}

static size_t
source_read(struct mux_relay *r, void *buf, size_t max, unsigned *flags)
{
	ssize_t n = duplex_read(&r->io, buf, max);

	if (n <= 0) {
		source_over(r, n, errno, flags);
		return 0;
	}
	if ((size_t)n >= BULK_READ) {
		r->bulk = true;
		r->n_short = 0;
	}
	return (size_t)n;
}

/* The pipe is empty: that it is full cannot be why nothing was spliced. */
static size_t
source_splice(struct mux_relay *r, struct pipe *p, void *buf, size_t max,
    size_t limit, unsigned *flags)
{
	ssize_t r_in = pipe_from(p, r->io.in, min_size(limit, PIPE_SIZE));
	size_t n;

	if (r_in < 0 && errno == EINVAL) {
		r->io.in_splice = false;
		return source_read(r, buf, max, flags);
	}
	if (r_in <= 0) {
		source_over(r, r_in, errno, flags);
		return 0;
	}
	n = (size_t)r_in;
	if (n >= min_size(SHORT_SPLICE, limit))
		r->n_short = 0;
	else if (++r->n_short >= SHORT_MAX)
		r->bulk = false;
	if (n < FOREIGN_LEAST && n <= max) {
		if (pipe_read(p, buf, n))
			return n;
		relay_fail(r, MUX_INTERNAL, "the pipe failed");
		return 0;
	}
	*flags |= MUX_FILL_FOREIGN;
	return n;
}

size_t
source_fill(struct mux_stream *st, void *buf, size_t max, size_t limit,
    unsigned *flags, void *arg)
{
	struct mux_relay *r = arg;
	struct pipe *p = NULL;

	(void)st;
	if (relay_is_over(r) || r->source != SOURCE_OPEN ||
	    !relay_can_read(r))
		return 0;
	if (r->bulk && r->io.in_splice && limit >= FOREIGN_LEAST)
		p = conn_out_pipe(r->conn);
	return p != NULL && p->held == 0 ?
	    source_splice(r, p, buf, max, limit, flags) :
	    source_read(r, buf, max, flags);
}

static void
source_discard(struct mux_relay *r)
{
	unsigned i;
	ssize_t n = 1;

	for (i = 0; i < DISCARD_STEPS && n > 0; i++)
		n = duplex_discard(&r->io);
	if (n > 0)
		mux_watch_again(r->in_watch);
	else if (n == 0)
		r->source = SOURCE_ENDED;
	else if (errno == EAGAIN || errno == EWOULDBLOCK)
		mux_watch_clear(r->in_watch, MUX_READABLE);
	else	/* a reset that is met here is met nowhere else */
		relay_broken(r, errno);
	relay_check(r);
}

void
source_ready(struct mux_relay *r)
{
	if (r->source == SOURCE_OPEN)
		mux_stream_ready(r->stream);
	else if (r->source == SOURCE_DISCARD && relay_can_read(r))
		source_discard(r);
}

/*
 * The peer reads no more.  Whoever writes to us is told where the kind of
 * descriptor allows it.  What comes or waits is thrown away: a full queue
 * would hide from a unix writer that it has no reader.
 */
void
source_stopped(struct mux_relay *r)
{
	if (r->source != SOURCE_OPEN && r->source != SOURCE_HELD)
		return;
	/* What came before the reset need not be waited for any more. */
	if (r->broken != 0) {
		relay_fail(r, r->broken, NULL);
		return;
	}
	if (duplex_closes_in(&r->io))
		relay_unwatch_in(r);
	if (duplex_shut_in(&r->io)) {
		r->source = SOURCE_ENDED;
		relay_check(r);
		return;
	}
	r->source = SOURCE_DISCARD;
	source_discard(r);
}
