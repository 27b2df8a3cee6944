/*
 * work_stream.c - a stream that names a method: the same work as a call, but
 * its answer is the stream.  A clean exit is its end; anything else is an
 * error of it, behind what was written before.
 *
 * Invariant: a wstream lives as long as its stream: the work may be over while
 * the rest of an answer goes out, or while the peer has not ended its side.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "methods.h"
#include "mux_io.h"
#include "work.h"

struct wstream {
	struct mux_stream *st;
	struct work *w;		/* NULL: over */
	struct mux_task *task;
	struct mux_answer end;	/* what was said of the exit */
	uint8_t *body;		/* an answer that was given whole */
	size_t len, off;
	size_t gratis;		/* of the open: they took no credit */
	uint32_t fail;		/* the error that comes next; 0 = none */
	char text[200];		/* of it */
	bool in_fill, given, ended, eof;
};

static void
wstream_free(struct wstream *l)
{
	if (l->w != NULL)
		l->w->stream = NULL;
	if (l->st != NULL)
		mux_stream_release(l->st);
	mux_task_free(l->task);
	free(l->body);
	free(l);
}

/* Both sides have ended: only now it can be let go without a reset. */
static void
on_task(struct mux_task *task, void *arg)
{
	struct wstream *l = arg;

	(void)task;
	if (!l->ended)
		return;
	if (l->eof)
		wstream_free(l);
	else
		mux_stream_stop(l->st, MUX_OK);
}

/* ---- what goes out ---- */

static bool
is_clean(const struct mux_answer *a)
{
	return !a->have_exit || (a->exit_kind == MUX_EXIT_EXITED &&
	    a->exit_value == 0);
}

static void
set_fail(struct wstream *l, uint32_t code, const char *text)
{
	l->fail = code;
	snprintf(l->text, sizeof(l->text), "%s", text != NULL ? text : "");
}

static void
fail_by_exit(struct wstream *l)
{
	const struct mux_answer *a = &l->end;

	l->fail = MUX_STREAM_FAILED;
	snprintf(l->text, sizeof(l->text), a->exit_kind == MUX_EXIT_EXITED ?
	    "exited with %u" : "killed by signal %u", (unsigned)a->exit_value);
}

/* The work has no more to do with it. */
static void
part(struct wstream *l, uint32_t code)
{
	struct work *w = l->w;

	l->w = NULL;
	if (w == NULL)
		return;
	w->stream = NULL;
	work_stop(w, code);
}

static size_t
give_body(struct wstream *l, void *buf, size_t max, unsigned *flags)
{
	size_t n = l->len - l->off;

	if (n > max)
		n = max;
	if (n > 0)
		memcpy(buf, l->body + l->off, n);
	l->off += n;
	if (l->off == l->len)
		*flags = MUX_FILL_END;
	return n;
}

static size_t
ask_work(struct wstream *l, void *buf, size_t max, unsigned *flags)
{
	struct work *w = l->w;
	size_t n;

	if (w == NULL || w->over || w->stopped)
		return 0;
	l->in_fill = true;
	n = w->method->ops->fill(w, buf, max, flags);
	l->in_fill = false;
	return n;
}

static size_t
on_fill(struct mux_stream *st, void *buf, size_t max, size_t limit,
    unsigned *flags, void *arg)
{
	struct wstream *l = arg;
	unsigned end = 0;
	size_t n = 0;

	(void)limit;
	if (l->fail == 0)
		n = l->given ? give_body(l, buf, max, &end) :
		    ask_work(l, buf, max, &end);
	if (end != 0 && l->fail == 0 && !is_clean(&l->end))
		fail_by_exit(l);
	if (n > 0 && l->fail != 0)
		return n;	/* it is asked again */
	if (l->fail != 0) {
		mux_stream_reset(st, l->fail, l->text);
		l->ended = l->eof = true;
	} else if (end != 0) {
		*flags = MUX_FILL_END;
		l->ended = true;
	}
	if (l->ended) {
		mux_task_run(l->task);
		part(l, MUX_OK);
	}
	return n;
}

/* ---- what comes ---- */

static void
on_data(struct mux_stream *st, const void *p, size_t n, void *arg)
{
	struct wstream *l = arg;

	if (l->w != NULL)
		work_data(l->w, p, n);
	else
		mux_stream_consume(st, n);
}

static void
on_eof(struct mux_stream *st, void *arg)
{
	struct wstream *l = arg;

	(void)st;
	l->eof = true;
	mux_task_run(l->task);
	if (l->w != NULL)
		work_eof(l->w);
}

/* It wants no more: our side has ended. */
static void
on_stopped(struct mux_stream *st, uint32_t code, void *arg)
{
	struct wstream *l = arg;

	(void)st;
	(void)code;
	l->ended = true;
	mux_task_run(l->task);
	part(l, MUX_CANCELLED);
}

static void
on_reset(struct mux_stream *st, uint32_t code, const char *text, void *arg)
{
	struct wstream *l = arg;

	(void)st;
	(void)text;
	l->ended = l->eof = true;
	part(l, code == MUX_CARRIER_LOST || code == MUX_UNAVAILABLE ? code :
	    MUX_CANCELLED);
	wstream_free(l);
}

static const struct mux_stream_ops stream_ops = {
	.size = sizeof(stream_ops), .fill = on_fill, .data = on_data,
	.eof = on_eof, .stopped = on_stopped, .reset = on_reset,
};

int
wstream_attach(struct work *w, struct mux_stream *st,
    const struct mux_request *q)
{
	struct wstream *l = calloc(1, sizeof(*l));

	if (l == NULL || mux_task_new(w->all->loop, on_task, l,
	    &l->task) != 0) {
		free(l);
		return -1;
	}
	l->st = st;
	l->w = w;
	l->gratis = q->body_len;
	l->end = (struct mux_answer){ .size = sizeof(l->end) };
	w->stream = l;
	w->id = mux_stream_id(st);
	mux_stream_attach(st, &stream_ops, l);
	return 0;
}

/* ---- the verbs of works ---- */

void
wstream_consume(struct wstream *l, size_t n)
{
	size_t gratis = n < l->gratis ? n : l->gratis;

	l->gratis -= gratis;
	mux_stream_consume(l->st, n - gratis);
}

void
wstream_ready(struct wstream *l)
{
	mux_stream_ready(l->st);
}

int
wstream_reply(struct wstream *l, const struct mux_answer *a)
{
	int err = mux_stream_accept(l->st);

	if (err == 0 && a != NULL)
		wstream_amend(l, a);
	if (err == 0)
		mux_stream_ready(l->st);
	return err;
}

int
wstream_answer(struct wstream *l, const struct mux_answer *a, const void *body,
    size_t len)
{
	uint8_t *copy = malloc(len + 1);
	int err;

	if (copy == NULL)
		return MUX_E_NOMEM;
	if (len > 0)
		memcpy(copy, body, len);
	if ((err = wstream_reply(l, a)) != 0) {
		free(copy);
		return err;
	}
	l->body = copy;
	l->len = len;
	l->given = true;
	return 0;
}

void
wstream_amend(struct wstream *l, const struct mux_answer *a)
{
	if (!a->have_exit)
		return;
	l->end.have_exit = true;
	l->end.exit_kind = a->exit_kind;
	l->end.exit_value = a->exit_value;
}

void
wstream_fail(struct wstream *l, uint32_t code, const char *text)
{
	l->w->stream = NULL;
	l->w = NULL;
	if (l->in_fill) {
		set_fail(l, code, text);
		return;
	}
	/* an ERROR while it is not accepted */
	mux_stream_reset(l->st, code, text);
	wstream_free(l);
}

void
wstream_let_go(struct wstream *l)
{
	l->w = NULL;
	/* nobody will answer */
	if (!l->given && !l->ended && l->fail == 0) {
		mux_stream_reset(l->st, MUX_INTERNAL, "no answer");
		l->ended = l->eof = true;
		mux_task_run(l->task);
	}
}

void
wstream_stats(const struct wstream *l, struct mux_stream_stats *out)
{
	mux_stream_stats(l->st, out);
}
