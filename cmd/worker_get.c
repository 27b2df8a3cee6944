/*
 * worker_get.c - what a worker answers.  One read brings many answers; small
 * ones go to their calls from where they were read, large ones are read into
 * memory of their own.  An answer for nobody is skipped.
 *
 * Invariant: at most one answer is under way, `whose` or `skip`, and it is at
 * the front of what has been read.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dispatch.h"
#include "mux_io.h"
#include "worker_int.h"
#include "worker_proto.h"

#define BUF_SIZE	((size_t)64 << 10)
#define TURN_MAX	16	/* reads in one turn of the loop */

/* The bytes of the answer that is under way. */
static void
take_body(struct worker *wk)
{
	struct wcall *c = wk->whose;
	size_t have = wk->buf_len - wk->buf_off, n;

	if (wk->skip > 0) {
		n = have < wk->skip ? have : (size_t)wk->skip;
		wk->skip -= n;
		wk->buf_off += n;
		return;
	}
	n = have < c->cap - c->len ? have : c->cap - c->len;
	memcpy(c->body + c->len, wk->buf + wk->buf_off, n);
	wk->buf_off += n;
	c->len += n;
	if (c->len < c->cap)
		return;
	wk->whose = NULL;
	wcall_answer(c, NULL, c->len);
}

/* Memory for an answer that is not here yet.  false: it will be skipped. */
static bool
begin_body(struct wcall *c, uint64_t len)
{
	struct worker *wk = c->of;
	const char *text = "the answer is too large";

	if (len <= WORKER_BODY_MAX) {
		c->body = malloc((size_t)len);
		text = "out of memory";
	}
	if (c->body == NULL) {
		wcall_fail(c, len <= WORKER_BODY_MAX ? MUX_INTERNAL :
		    MUX_TOO_LARGE, text);
		return false;
	}
	c->state = WCALL_ANSWERING;
	c->len = 0;
	c->cap = (size_t)len;
	wk->held_out += c->cap;
	wk->whose = c;
	return true;
}

static void
take_answer(struct worker *wk, const struct worker_head *h)
{
	struct wcall *c = worker_find(wk, h->id);
	const char *p = wk->buf + wk->buf_off;

	/* a worker cannot know what it has not read */
	if (c == NULL || c == wk->large || c->at >= wk->written) {
		worker_broken(wk, "it answers %" PRIu64 ", which it was not "
		    "asked", h->id);
		return;
	}
	worker_leave(c);
	c->status = h->status;
	if (c->cancelled) {
		wk->skip = h->len;
		wcall_fail(c, MUX_CANCELLED, NULL);
	} else if (h->len <= wk->buf_len - wk->buf_off) {
		wk->buf_off += (size_t)h->len;
		wcall_answer(c, p, (size_t)h->len);
	} else if (!begin_body(c, h->len)) {
		wk->skip = h->len;
	}
}

/* A line that is none is shown, as far as it goes. */
static void
say_nonsense(struct worker *wk)
{
	const char *p = wk->buf + wk->buf_off;
	size_t n = wk->buf_len - wk->buf_off;
	const char *end = memchr(p, '\n', n);

	if (end != NULL)
		n = (size_t)(end - p);
	worker_broken(wk, "expected 'ID STATUS BODYLEN' on its standard "
	    "output, not '%.*s'", n < 80 ? (int)n : 80, p);
}

/* All that is whole. */
static void
parse(struct worker *wk)
{
	struct worker_head h;
	int n;

	while (wk->answers != -1 && wk->buf_off < wk->buf_len) {
		if (wk->skip > 0 || wk->whose != NULL) {
			take_body(wk);
			continue;
		}
		n = worker_get_head(wk->buf + wk->buf_off,
		    wk->buf_len - wk->buf_off, &h);
		if (n == 0)
			break;
		if (n < 0) {
			say_nonsense(wk);
			return;
		}
		wk->buf_off += (size_t)n;
		take_answer(wk, &h);
	}
	memmove(wk->buf, wk->buf + wk->buf_off, wk->buf_len - wk->buf_off);
	wk->buf_len -= wk->buf_off;
	wk->buf_off = 0;
}

/* As read(2). */
static ssize_t
read_once(struct worker *wk)
{
	struct wcall *c = wk->whose;
	ssize_t n;

	if (c != NULL && wk->buf_len == 0 && c->cap - c->len >= BUF_SIZE) {
		n = read(wk->answers, c->body + c->len, c->cap - c->len);
		if (n <= 0)
			return n;
		c->len += (size_t)n;
		if (c->len == c->cap) {
			wk->whose = NULL;
			wcall_answer(c, NULL, c->len);
		}
		return n;
	}
	n = read(wk->answers, wk->buf + wk->buf_len, BUF_SIZE - wk->buf_len);
	if (n > 0) {
		wk->buf_len += (size_t)n;
		parse(wk);
	}
	return n;
}

/* Answers that nobody takes are not read for ever. */
static bool
is_full(struct worker *wk)
{
	wk->full = wk->held_out > WORKER_HELD_MAX;
	return wk->full;
}

static void
on_readable(struct mux_watch *watch, unsigned ready, void *arg)
{
	struct worker *wk = arg;
	ssize_t n = 0;

	(void)ready;
	for (int i = 0; i < TURN_MAX; i++) {
		if (is_full(wk))
			return;
		if ((n = read_once(wk)) <= 0)
			break;
		if (wk->answers == -1)
			return;
	}
	if (n > 0 || (n < 0 && errno == EINTR))
		mux_watch_again(watch);
	else if (n < 0 && errno != EAGAIN)
		worker_broken(wk, "read: %s", strerror(errno));
	else {
		mux_watch_clear(watch, MUX_READABLE);
		if (n == 0)
			worker_ending(wk, "it closed its standard output");
	}
}

int
worker_get_open(struct worker *wk, int fd)
{
	if (wk->buf == NULL && (wk->buf = malloc(BUF_SIZE)) == NULL)
		return -1;
	if (mux_watch_new(wk->all->loop, fd, on_readable, wk,
	    &wk->get_watch) != 0)
		return -1;
	wk->answers = fd;
	return 0;
}

void
worker_get_rest(struct worker *wk)
{
	/* others may keep it open, and go on writing */
	for (int i = 0; i < TURN_MAX && wk->answers != -1; i++)
		if (read_once(wk) <= 0)
			return;
}

/* What of an answer has not come will not come. */
void
worker_get_close(struct worker *wk)
{
	struct wcall *c = wk->whose;

	if (wk->answers == -1)
		return;
	mux_watch_free(wk->get_watch);
	close(wk->answers);
	wk->answers = -1;
	wk->get_watch = NULL;
	wk->buf_off = wk->buf_len = 0;
	wk->skip = 0;
	wk->whose = NULL;
	if (c != NULL)
		wcall_fail(c, MUX_INDETERMINATE,
		    "the worker ended while it answered");
}

void
worker_get_again(struct worker *wk)
{
	if (wk->full && wk->get_watch != NULL && !is_full(wk))
		mux_watch_again(wk->get_watch);
}
