/*
 * outlet.c - from the body of a call into one descriptor, and room R3 for
 * what that does not take.  It knows nothing of calls; its owner gives credit
 * only for bytes that left, and that is the bound of what waits here.
 *
 * Invariant: bytes leave in the order in which they came, the descriptor is
 * closed only behind the last of them, and after an error nothing waits.
 */
#include <errno.h>
#include <stdlib.h>

#include "duplex.h"
#include "rest.h"

#define N_IOV	16

struct mux_outlet {
	struct mux_watch *watch;	/* NULL: ended */
	const struct mux_outlet_ops *ops;
	void *arg;
	struct duplex io;
	struct rest rest;		/* room R3 */
	uint64_t bytes;
	int err;			/* nothing can be written any more */
	bool ending;			/* mux_outlet_end() was called */
	bool over;			/* the last callback ran */
};

/* The owner hears of it from the loop. */
static void
outlet_fail(struct mux_outlet *o, int err)
{
	o->err = err;
	mux_watch_again(o->watch);
}

/* What one write(2) takes, 0 if there is no room now or never again. */
static size_t
outlet_put(struct mux_outlet *o, const struct iovec *iov, int n)
{
	ssize_t w = duplex_write(&o->io, iov, n, false);

	if (w < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		mux_watch_clear(o->watch, MUX_WRITABLE);
	else if (w < 0)
		outlet_fail(o, errno);
	if (w < 0)
		return 0;
	o->bytes += (uint64_t)w;
	return (size_t)w;
}

/* How many of the bytes that waited left. */
static size_t
outlet_flush(struct mux_outlet *o)
{
	struct iovec iov[N_IOV];
	size_t done = 0, w;

	while (o->rest.len > 0) {
		w = outlet_put(o, iov, rest_peek(&o->rest, iov, N_IOV));
		if (w == 0)
			break;
		rest_drop(&o->rest, w);
		done += w;
	}
	return done;
}

/* Has the reader gone?  A socket that was closed there only hangs up. */
static int
outlet_error(const struct mux_outlet *o, unsigned ready)
{
	if (ready & MUX_ERROR)
		return duplex_error(&o->io);
	return (ready & MUX_HANGUP) && o->io.out_kind == FD_UNIX ? EPIPE : 0;
}

/* 0, or errno: some file systems only say now that there was no room. */
static int
outlet_close(struct mux_outlet *o)
{
	mux_watch_free(o->watch);
	o->watch = NULL;
	/* A socket that is ours may have another number to be read by. */
	if (!o->io.inherited)
		duplex_shut_out(&o->io);
	return duplex_close(&o->io) == 0 || errno == EINTR ? 0 : errno;
}

/* The last callback. */
static void
outlet_over(struct mux_outlet *o)
{
	o->over = true;
	if (o->err == 0)
		o->err = outlet_close(o);
	if (o->err != 0) {
		if (o->ops->failed != NULL)
			o->ops->failed(o, o->err, o->arg);
		return;
	}
	if (o->ops->ended != NULL)
		o->ops->ended(o, o->arg);
}

/* One callback in a turn: the owner may free the outlet in any. */
static void
on_watch(struct mux_watch *w, unsigned ready, void *arg)
{
	struct mux_outlet *o = arg;
	size_t n = 0;
	bool last;

	if (o->over)
		return;
	if (o->err == 0)
		o->err = outlet_error(o, ready);
	if (o->err == 0 && (ready & MUX_WRITABLE))
		n = outlet_flush(o);
	if (o->err != 0) {
		n += o->rest.len;
		rest_release(&o->rest);
	}
	last = o->err != 0 || (o->ending && o->rest.len == 0);
	if (last && n == 0) {
		outlet_over(o);
		return;
	}
	if (last)
		mux_watch_again(w);
	if (n > 0 && o->ops->left != NULL)
		o->ops->left(o, n, o->arg);
}

int
mux_outlet_new(struct mux_loop *l, int fd, bool inherited,
    const struct mux_outlet_ops *ops, void *arg, struct mux_outlet **out)
{
	struct mux_outlet *o;
	int err;

	if (ops->size != sizeof(*ops))
		return MUX_E_INVAL;
	o = calloc(1, sizeof(*o));
	if (o == NULL)
		return MUX_E_NOMEM;
	o->ops = ops;
	o->arg = arg;
	rest_init(&o->rest);
	err = duplex_watch(&o->io, l, fd, inherited, on_watch, o, &o->watch);
	if (err < 0) {
		free(o);
		return err;
	}
	*out = o;
	return 0;
}

ssize_t
mux_outlet_write(struct mux_outlet *o, const void *p, size_t n)
{
	struct iovec iov;
	size_t done = 0, w = 1;

	assert(!o->ending);
	while (w > 0 && done < n && o->err == 0 && o->rest.len == 0) {
		iov.iov_base = (char *)(uintptr_t)p + done;
		iov.iov_len = n - done;
		w = outlet_put(o, &iov, 1);
		done += w;
	}
	if (o->err != 0)
		return (ssize_t)n;
	if (rest_append(&o->rest, (const char *)p + done, n - done) != 0) {
		/* Bytes behind a hole would be worse than none. */
		outlet_fail(o, ENOMEM);
		return MUX_E_NOMEM;
	}
	return (ssize_t)done;
}

void
mux_outlet_end(struct mux_outlet *o)
{
	if (o->ending)
		return;
	o->ending = true;
	mux_watch_again(o->watch);
}

size_t
mux_outlet_waiting(const struct mux_outlet *o)
{
	return o->rest.len;
}

uint64_t
mux_outlet_bytes(const struct mux_outlet *o)
{
	return o->bytes;
}

void
mux_outlet_free(struct mux_outlet *o)
{
	if (o == NULL)
		return;
	mux_watch_free(o->watch);
	rest_release(&o->rest);
	duplex_close(&o->io);
	free(o);
}
