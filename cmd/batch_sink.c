/*
 * batch_sink.c - writes without waiting: what the descriptor does not take at
 * once is kept, and its owner sees how much that is.  It puts no bound on it.
 * Invariant: after an error bytes are thrown away, and it is told once; until
 * then they wait, so that nobody ends without having heard of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "batch_sink.h"
#include "mux_io.h"

static void
on_left(struct mux_outlet *o, size_t n, void *arg)
{
	struct batch_sink *s = arg;

	(void)o;
	(void)n;
	s->moved(s, 0, s->arg);
}

static void
on_failed(struct mux_outlet *o, int err, void *arg)
{
	struct batch_sink *s = arg;

	mux_outlet_free(o);
	s->outlet = NULL;
	s->moved(s, err, s->arg);
}

static const struct mux_outlet_ops outlet_ops = {
	.size = sizeof(outlet_ops),
	.left = on_left,
	.failed = on_failed
};

int
batch_sink_open(struct batch_sink *s, struct mux_loop *loop, int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3), err;

	if (copy < 0)
		return errno;
	err = mux_outlet_new(loop, copy, true, &outlet_ops, s, &s->outlet);
	if (err == 0)
		return 0;
	err = err == MUX_E_NOMEM ? ENOMEM : errno;
	close(copy);
	return err;
}

void
batch_sink_put(struct batch_sink *s, struct buf *b)
{
	if (b->len == 0)
		return;
	/* Want of memory is told by failed() as well. */
	s->given += b->len;
	if (s->outlet != NULL)
		mux_outlet_write(s->outlet, b->p, b->len);
	buf_drop(b, b->len);
}

size_t
batch_sink_waiting(const struct batch_sink *s)
{
	return s->outlet != NULL ? s->given - mux_outlet_bytes(s->outlet) : 0;
}

void
batch_sink_close(struct batch_sink *s)
{
	mux_outlet_free(s->outlet);
	s->outlet = NULL;
}
