/*
 * worker_put.c - what is written to a worker: requests in the order in which
 * they became whole, and cancels.  Many calls go out by one write: they are
 * put together at the end of a turn of the loop, and no more of them than the
 * pipe takes soon, so that a call which waits can still be given to another
 * instance, or to none.
 *
 * Invariant: what a pipe was given ends at a request or inside of one, and
 * `written` counts every byte of every request up to there.
 */
#include <sys/uio.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dispatch.h"
#include "mux_io.h"
#include "worker_int.h"
#include "worker_proto.h"

#define OUT_MARK	((size_t)64 << 10)	/* no more is put together */
#define LARGE		((size_t)16 << 10)	/* is not copied */

/* Where n bytes may be put behind the others; NULL: no memory. */
static char *
reserve(struct worker *wk, size_t n)
{
	size_t have = wk->out_len - wk->out_off, cap = wk->out_cap;
	char *p;

	if (have == 0)
		wk->out_off = wk->out_len = 0;
	if (wk->out_len + n <= cap)
		return wk->out + wk->out_len;
	if (wk->out_off > 0)
		memmove(wk->out, wk->out + wk->out_off, have);
	wk->out_off = 0;
	wk->out_len = have;
	if (have + n <= cap)
		return wk->out + have;
	for (cap = cap == 0 ? OUT_MARK : cap; cap < have + n; cap *= 2)
		;
	if ((p = realloc(wk->out, cap)) == NULL)
		return NULL;
	wk->out = p;
	wk->out_cap = cap;
	return p + have;
}

static uint64_t
ms_left(const struct work *w)
{
	uint64_t now = mux_loop_now(w->all->loop), ms;

	if (w->deadline == UINT64_MAX)
		return 0;
	ms = w->deadline > now ? (w->deadline - now) / 1000000 : 0;
	return ms > 0 ? ms : 1;
}

/* One more request behind the others; a large body stays where it is. */
static int
put(struct wcall *c)
{
	struct worker *wk = c->of;
	size_t body = c->len <= LARGE ? c->len : 0, n;
	char *p;

	p = reserve(wk, worker_request_size(&c->work->q) + body);
	if (p == NULL || worker_enter(c) != 0)
		return -1;
	c->at = wk->written + (wk->out_len - wk->out_off);
	n = worker_put_request(p, c->id, &c->work->q, c->len,
	    ms_left(c->work));
	if (body > 0)
		memcpy(p + n, c->body, body);
	wk->out_len += n + body;
	if (body == c->len) {
		wcall_drop_body(c);
	} else {
		wk->large = c;
		wk->large_off = 0;
	}
	c->state = WCALL_ASKED;
	c->work->blocked = "";
	return 0;
}

static void
put_cancels(struct worker *wk)
{
	struct wcall *c;
	char *p;

	while (wk->large == NULL && (c = TAILQ_FIRST(&wk->cancels)) != NULL &&
	    (p = reserve(wk, WORKER_CANCEL_MAX)) != NULL) {
		TAILQ_REMOVE(&wk->cancels, c, next);
		c->cancel_owed = false;
		wk->out_len += worker_put_cancel(p, c->id);
	}
}

static void
put_some(struct worker *wk)
{
	struct wcall *c;

	/* never between a request and its body */
	put_cancels(wk);
	while (wk->large == NULL && wk->out_len - wk->out_off < OUT_MARK &&
	    (c = TAILQ_FIRST(&wk->ready)) != NULL) {
		TAILQ_REMOVE(&wk->ready, c, next);
		if (put(c) != 0)
			wcall_fail(c, MUX_REFUSED, "out of memory");
	}
}

static void
sent(struct worker *wk, size_t n)
{
	size_t k = wk->out_len - wk->out_off;

	wk->written += n;
	k = n < k ? n : k;
	wk->out_off += k;
	n -= k;
	if (wk->large == NULL)
		return;
	wk->large_off += n;
	if (wk->large_off < wk->large->len)
		return;
	wcall_drop_body(wk->large);
	wk->large = NULL;
}

static ssize_t
write_once(struct worker *wk)
{
	struct iovec iov[2] = {
		{ wk->out + wk->out_off, wk->out_len - wk->out_off }
	};
	int n = iov[0].iov_len > 0 ? 1 : 0;

	if (wk->large != NULL)
		iov[n++] = (struct iovec){ wk->large->body + wk->large_off,
		    wk->large->len - wk->large_off };
	return n == 0 ? 0 : writev(wk->in, iov, n);
}

static void
flush(struct worker *wk)
{
	ssize_t n;

	while (wk->up && wk->ending == NULL) {
		put_some(wk);
		if ((n = write_once(wk)) == 0)
			return;
		if (n > 0) {
			sent(wk, (size_t)n);
			continue;
		}
		if (errno == EAGAIN)
			mux_watch_clear(wk->in_watch, MUX_WRITABLE);
		else if (errno == EPIPE)
			worker_ending(wk, "it closed its standard input");
		else if (errno != EINTR)
			worker_broken(wk, "write: %s", strerror(errno));
		if (errno != EINTR)
			return;
	}
}

static void
on_flush(struct mux_task *task, void *arg)
{
	(void)task;
	flush(arg);
}

static void
on_writable(struct mux_watch *watch, unsigned ready, void *arg)
{
	(void)watch;
	(void)ready;
	flush(arg);
}

int
worker_put_open(struct worker *wk, int fd)
{
	if (wk->flush == NULL && mux_task_new(wk->all->loop, on_flush, wk,
	    &wk->flush) != 0)
		return -1;
	if (mux_watch_new(wk->all->loop, fd, on_writable, wk,
	    &wk->in_watch) != 0)
		return -1;
	wk->in = fd;
	return 0;
}

void
worker_put_close(struct worker *wk)
{
	if (wk->in == -1)
		return;
	mux_watch_free(wk->in_watch);
	close(wk->in);
	wk->in = -1;
	wk->in_watch = NULL;
}

void
worker_put_again(struct worker *wk)
{
	if (wk->up)
		mux_task_run(wk->flush);
}

/* The calls that remain were put after all others. */
void
worker_put_rewind(struct worker *wk)
{
	uint64_t first = wk->written + (wk->out_len - wk->out_off);
	const struct wcall *c;

	for (size_t i = 0; i < wk->n_buckets; i++)
		LIST_FOREACH(c, &wk->table[i], link)
			if (c->at >= wk->written && c->at < first)
				first = c->at;
	wk->out_off += (size_t)(first - wk->written);
	wk->written = first;
}
