/*
 * handler_err.c - what a handler says on its standard error: to its caller, as
 * a one-way stream that belongs to the call and is opened at the first byte;
 * or to the log, line by line, where the caller takes no such stream.
 *
 * Invariants: a byte goes to one place only, in order; the log takes at most
 * LOG_MAX of a call; a stream is let go as soon as its end is out.
 */
#include <sys/ioctl.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dispatch.h"
#include "handler_err.h"
#include "lines.h"
#include "methods.h"
#include "mux_io.h"
#include "out.h"

#define LOG_MAX		(64u * 1024u)
#define LOG_TURN	(64u * 1024u)	/* read at a time, not to stay in it */

struct herr {
	LIST_ENTRY(herr) next;	/* of those without a work */
	struct work *w;		/* NULL: that is over */
	struct mux_inlet *in;
	struct mux_stream *st;	/* NULL: not yet, or no more */
	struct mux_task *task;
	int fd;			/* of the inlet */
	char *method;
	uint64_t id;		/* of the stream; 0 = not known */
	size_t logged;		/* bytes */
	bool over;		/* its end was read */
	bool logging;
	bool waiting;		/* herr_settle() was asked too early */
	bool left_out;		/* it was said that there is more */
	struct lines lines;
};

static struct say_gate gate = SAY_GATE(200, 10);

void
herr_free(struct herr *h)
{
	if (h == NULL)
		return;
	if (h->w == NULL)
		LIST_REMOVE(h, next);
	if (h->st != NULL)
		mux_stream_release(h->st);
	mux_inlet_free(h->in);
	mux_task_free(h->task);
	free(h->method);
	free(h);
}

static bool
is_empty(const struct herr *h)
{
	int n = 0;

	return ioctl(h->fd, FIONREAD, &n) == -1 || n == 0;
}

/* ---- to the log ---- */

static void
log_line(const char *line, void *arg)
{
	const struct herr *h = arg;

	say_gated(&gate, SAY_NOTE, "%s: %s", h->method, line);
}

static void
log_bytes(struct herr *h, const char *p, size_t n)
{
	size_t room = LOG_MAX - h->logged, k = n < room ? n : room;

	lines_put(&h->lines, p, k, log_line, h);
	h->logged += k;
	if (k == n || h->left_out)
		return;
	h->left_out = true;
	lines_end(&h->lines, log_line, h);
	say_gated(&gate, SAY_NOTE, "%s: what else it says is left out",
	    h->method);
}

static void
log_some(struct herr *h)
{
	size_t n = 1, done = 0;
	unsigned flags = 0;
	char buf[4096];

	while (n > 0 && done < LOG_TURN && !h->over) {
		n = mux_inlet_fill(h->in, buf, sizeof(buf), &flags);
		log_bytes(h, buf, n);
		done += n;
		h->over = (flags & MUX_FILL_END) != 0;
	}
	if (h->over)
		lines_end(&h->lines, log_line, h);
	if (n > 0 || h->over)
		mux_task_run(h->task);
}

static void
to_log(struct herr *h)
{
	h->logging = true;
	mux_task_run(h->task);
}

/* ---- to the caller ---- */

static void
let_go(struct herr *h)
{
	struct mux_stream *st = h->st;

	h->st = NULL;
	mux_stream_release(st);
}

static void
tell_waiting(struct herr *h)
{
	bool waiting = h->waiting;

	h->waiting = false;
	if (waiting && h->w != NULL)
		work_ready(h->w);
}

static size_t
on_fill(struct mux_stream *st, void *buf, size_t max, size_t limit,
    unsigned *flags, void *arg)
{
	struct herr *h = arg;
	size_t n;

	(void)limit;
	h->id = mux_stream_id(st);
	tell_waiting(h);
	n = mux_inlet_fill(h->in, buf, max, flags);
	if ((*flags & MUX_FILL_END) != 0) {
		h->over = true;
		mux_task_run(h->task);
	}
	return n;
}

/* It does not want to hear it. */
static void
on_stopped(struct mux_stream *st, uint32_t code, void *arg)
{
	struct herr *h = arg;

	(void)code;
	h->id = mux_stream_id(st);
	let_go(h);
	to_log(h);
	tell_waiting(h);
}

static void
on_reset(struct mux_stream *st, uint32_t code, const char *text, void *arg)
{
	(void)text;
	on_stopped(st, code, arg);
}

static const struct mux_stream_ops stream_ops = {
	.size = sizeof(stream_ops), .fill = on_fill, .stopped = on_stopped,
	.reset = on_reset,
};

static void
open_stream(struct herr *h)
{
	struct mux_open o = { .size = sizeof(o), .one_way = true };
	struct mux_session *s;

	if (h->w == NULL || h->w->call == NULL) {
		to_log(h);
		return;
	}
	s = mux_call_session(h->w->call);
	o.parent = mux_call_id(h->w->call);
	if (mux_session_mode(s) != MUX_MODE_EXTENDED ||
	    mux_stream_open(s, &o, &stream_ops, h, &h->st) != 0)
		to_log(h);
	else
		mux_stream_ready(h->st);
}

/* ---- both ---- */

static void
on_ready(struct mux_inlet *in, void *arg)
{
	struct herr *h = arg;

	(void)in;
	if (h->logging)
		log_some(h);
	else if (h->st != NULL)
		mux_stream_ready(h->st);
	else if (!is_empty(h))
		open_stream(h);
}

static void
on_failed(struct mux_inlet *in, int err, void *arg)
{
	struct herr *h = arg;

	(void)in;
	(void)err;
	h->over = true;
	if (h->st != NULL)
		mux_stream_reset(h->st, MUX_ENDPOINT_IO, NULL);
	mux_task_run(h->task);
}

static void
on_task(struct mux_task *task, void *arg)
{
	struct herr *h = arg;

	(void)task;
	if (h->over && h->st != NULL)
		let_go(h);
	if (h->logging && !h->over)
		log_some(h);
	if (h->over && h->w == NULL)
		herr_free(h);
}

static const struct mux_inlet_ops inlet_ops = {
	.size = sizeof(inlet_ops), .ready = on_ready, .failed = on_failed,
};

struct herr *
herr_new(struct work *w, int fd)
{
	struct mux_loop *loop = w->all->loop;
	struct herr *h = calloc(1, sizeof(*h));

	if (h == NULL || (h->method = strdup(w->method->name)) == NULL ||
	    mux_task_new(loop, on_task, h, &h->task) != 0 ||
	    mux_inlet_new(loop, fd, false, &inlet_ops, h, &h->in) != 0) {
		close(fd);
		if (h != NULL) {
			mux_task_free(h->task);
			free(h->method);
		}
		free(h);
		return NULL;
	}
	h->w = w;
	h->fd = fd;
	return h;
}

bool
herr_settle(struct herr *h, uint64_t *id)
{
	if (!h->over && !h->logging && h->st == NULL && !is_empty(h))
		open_stream(h);
	if (h->st != NULL)
		h->id = mux_stream_id(h->st);
	*id = h->id;
	h->waiting = h->st != NULL && h->id == 0;
	return !h->waiting;
}

void
herr_leave(struct herr *h)
{
	LIST_INSERT_HEAD(&h->w->all->left, h, next);
	h->w = NULL;
	h->waiting = false;
	if (h->st != NULL)
		mux_stream_ready(h->st);
	else if (!h->over)
		to_log(h);
	else
		mux_task_run(h->task);
}

void
herr_cut(struct herr *h)
{
	h->waiting = false;
	if (h->st != NULL) {
		mux_stream_reset(h->st, MUX_CANCELLED, NULL);
		let_go(h);
	}
	if (!h->logging)
		to_log(h);
}
