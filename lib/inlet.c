/*
 * inlet.c - from one descriptor into the body of a call.  It knows nothing of
 * calls: it is asked for bytes, and says when to ask.  Nothing is read before
 * that, so that the kernel's queue is the only buffer.
 *
 * Invariant: after the end or an error nothing is read any more, and an error
 * is never passed on as an end.
 */
#include <errno.h>
#include <stdlib.h>

#include "duplex.h"

struct mux_inlet {
	struct mux_watch *watch;
	const struct mux_inlet_ops *ops;
	void *arg;
	struct duplex io;
	uint64_t bytes;
	int err;		/* errno of a read */
	bool over;		/* the end was read, or the error is told */
};

static void
on_watch(struct mux_watch *w, unsigned ready, void *arg)
{
	struct mux_inlet *i = arg;

	(void)w;
	if (i->over)
		return;
	if (i->err != 0) {
		i->over = true;
		if (i->ops->failed != NULL)
			i->ops->failed(i, i->err, i->arg);
	} else if ((ready & MUX_READABLE) && i->ops->ready != NULL) {
		i->ops->ready(i, i->arg);
	}
}

int
mux_inlet_new(struct mux_loop *l, int fd, bool inherited,
    const struct mux_inlet_ops *ops, void *arg, struct mux_inlet **out)
{
	struct mux_inlet *i;
	int err;

	if (ops->size != sizeof(*ops))
		return MUX_E_INVAL;
	i = calloc(1, sizeof(*i));
	if (i == NULL)
		return MUX_E_NOMEM;
	i->ops = ops;
	i->arg = arg;
	err = duplex_watch(&i->io, l, fd, inherited, on_watch, i, &i->watch);
	if (err < 0) {
		free(i);
		return err;
	}
	*out = i;
	return 0;
}

size_t
mux_inlet_fill(struct mux_inlet *i, void *buf, size_t max, unsigned *flags)
{
	ssize_t n;

	/* A read of nothing would look like the end. */
	if (i->over || i->err != 0 || max == 0)
		return 0;
	n = duplex_read(&i->io, buf, max);
	if (n > 0) {
		i->bytes += (uint64_t)n;
		return (size_t)n;
	}
	if (n == 0) {
		i->over = true;
		*flags |= MUX_FILL_END;
	} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
		mux_watch_clear(i->watch, MUX_READABLE);
	} else {
		i->err = errno;
		mux_watch_again(i->watch);
	}
	return 0;
}

uint64_t
mux_inlet_bytes(const struct mux_inlet *i)
{
	return i->bytes;
}

void
mux_inlet_free(struct mux_inlet *i)
{
	if (i == NULL)
		return;
	mux_watch_free(i->watch);
	duplex_close(&i->io);
	free(i);
}
