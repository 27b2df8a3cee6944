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
wstream_free(struct wstream *ws)
{
	if (ws->w != NULL)
		ws->w->stream = NULL;
	if (ws->st != NULL)
		mux_stream_release(ws->st);
	mux_task_free(ws->task);
	free(ws->body);
	free(ws);
}

/* Both sides have ended: only now it can be let go without a reset. */
static void
on_task(struct mux_task *task, void *arg)
{
	struct wstream *ws = arg;

	(void)task;
	if (!ws->ended)
		return;
	if (ws->eof)
		wstream_free(ws);
	else
		mux_stream_stop(ws->st, MUX_OK);
}

/* ---- what goes out ---- */

static bool
is_clean(const struct mux_answer *a)
{
	return !a->have_exit || (a->exit_kind == MUX_EXIT_EXITED &&
	    a->exit_value == 0);
}

static void
set_fail(struct wstream *ws, uint32_t code, const char *text)
{
	ws->fail = code;
	snprintf(ws->text, sizeof(ws->text), "%s", text != NULL ? text : "");
}

static void
fail_by_exit(struct wstream *ws)
{
	const struct mux_answer *a = &ws->end;

	ws->fail = MUX_STREAM_FAILED;
	snprintf(ws->text, sizeof(ws->text), a->exit_kind == MUX_EXIT_EXITED ?
	    "exited with %u" : "killed by signal %u", (unsigned)a->exit_value);
}

/* The work has no more to do with it. */
static void
part(struct wstream *ws, uint32_t code)
{
	struct work *w = ws->w;

	ws->w = NULL;
	if (w == NULL)
		return;
	w->stream = NULL;
	work_stop(w, code);
}

static size_t
give_body(struct wstream *ws, void *buf, size_t max, unsigned *flags)
{
	size_t n = ws->len - ws->off;

	if (n > max)
		n = max;
	if (n > 0)
		memcpy(buf, ws->body + ws->off, n);
	ws->off += n;
	if (ws->off == ws->len)
		*flags = MUX_FILL_END;
	return n;
}

static size_t
ask_work(struct wstream *ws, void *buf, size_t max, unsigned *flags)
{
	struct work *w = ws->w;
	size_t n;

	if (w == NULL || w->over || w->stopped)
		return 0;
	ws->in_fill = true;
	n = w->method->ops->fill(w, buf, max, flags);
	ws->in_fill = false;
	return n;
}

static size_t
on_fill(struct mux_stream *st, void *buf, size_t max, size_t limit,
    unsigned *flags, void *arg)
{
	struct wstream *ws = arg;
	unsigned end = 0;
	size_t n = 0;

	(void)limit;
	if (ws->fail == 0)
		n = ws->given ? give_body(ws, buf, max, &end) :
		    ask_work(ws, buf, max, &end);
	if (end != 0 && ws->fail == 0 && !is_clean(&ws->end))
		fail_by_exit(ws);
	if (n > 0 && ws->fail != 0)
		return n;	/* it is asked again */
	if (ws->fail != 0) {
		mux_stream_reset(st, ws->fail, ws->text);
		ws->ended = ws->eof = true;
	} else if (end != 0) {
		*flags = MUX_FILL_END;
		ws->ended = true;
	}
	if (ws->ended) {
		mux_task_run(ws->task);
		part(ws, MUX_OK);
	}
	return n;
}

/* ---- what comes ---- */

static void
on_data(struct mux_stream *st, const void *p, size_t n, void *arg)
{
	struct wstream *ws = arg;

	if (ws->w != NULL)
		work_data(ws->w, p, n);
	else
		mux_stream_consume(st, n);
}

static void
on_eof(struct mux_stream *st, void *arg)
{
	struct wstream *ws = arg;

	(void)st;
	ws->eof = true;
	mux_task_run(ws->task);
	if (ws->w != NULL)
		work_eof(ws->w);
}

/* It wants no more: our side has ended. */
static void
on_stopped(struct mux_stream *st, uint32_t code, void *arg)
{
	struct wstream *ws = arg;

	(void)st;
	(void)code;
	ws->ended = true;
	mux_task_run(ws->task);
	part(ws, MUX_CANCELLED);
}

static void
on_reset(struct mux_stream *st, uint32_t code, const char *text, void *arg)
{
	struct wstream *ws = arg;

	(void)st;
	(void)text;
	ws->ended = ws->eof = true;
	part(ws, code == MUX_CARRIER_LOST || code == MUX_UNAVAILABLE ? code :
	    MUX_CANCELLED);
	wstream_free(ws);
}

static const struct mux_stream_ops stream_ops = {
	.size = sizeof(stream_ops), .fill = on_fill, .data = on_data,
	.eof = on_eof, .stopped = on_stopped, .reset = on_reset,
};

int
wstream_attach(struct work *w, struct mux_stream *st,
    const struct mux_request *q)
{
	struct wstream *ws = calloc(1, sizeof(*ws));

	if (ws == NULL || mux_task_new(w->all->loop, on_task, ws,
	    &ws->task) != 0) {
		free(ws);
		return -1;
	}
	ws->st = st;
	ws->w = w;
	ws->gratis = q->body_len;
	ws->end = (struct mux_answer){ .size = sizeof(ws->end) };
	w->stream = ws;
	w->id = mux_stream_id(st);
	mux_stream_attach(st, &stream_ops, ws);
	return 0;
}

/* ---- the verbs of works ---- */

void
wstream_consume(struct wstream *ws, size_t n)
{
	size_t gratis = n < ws->gratis ? n : ws->gratis;

	ws->gratis -= gratis;
	mux_stream_consume(ws->st, n - gratis);
}

void
wstream_ready(struct wstream *ws)
{
	mux_stream_ready(ws->st);
}

int
wstream_reply(struct wstream *ws, const struct mux_answer *a)
{
	int err = mux_stream_accept(ws->st);

	if (err == 0 && a != NULL)
		wstream_amend(ws, a);
	if (err == 0)
		mux_stream_ready(ws->st);
	return err;
}

int
wstream_answer(struct wstream *ws, const struct mux_answer *a, const void *body,
    size_t len)
{
	uint8_t *copy = malloc(len + 1);
	int err;

	if (copy == NULL)
		return MUX_E_NOMEM;
	if (len > 0)
		memcpy(copy, body, len);
	if ((err = wstream_reply(ws, a)) != 0) {
		free(copy);
		return err;
	}
	ws->body = copy;
	ws->len = len;
	ws->given = true;
	return 0;
}

void
wstream_amend(struct wstream *ws, const struct mux_answer *a)
{
	if (!a->have_exit)
		return;
	ws->end.have_exit = true;
	ws->end.exit_kind = a->exit_kind;
	ws->end.exit_value = a->exit_value;
}

void
wstream_fail(struct wstream *ws, uint32_t code, const char *text)
{
	ws->w->stream = NULL;
	ws->w = NULL;
	if (ws->in_fill) {
		set_fail(ws, code, text);
		return;
	}
	/* an ERROR while it is not accepted */
	mux_stream_reset(ws->st, code, text);
	wstream_free(ws);
}

void
wstream_let_go(struct wstream *ws)
{
	ws->w = NULL;
	/* nobody will answer */
	if (!ws->given && !ws->ended && ws->fail == 0) {
		mux_stream_reset(ws->st, MUX_INTERNAL, "no answer");
		ws->ended = ws->eof = true;
		mux_task_run(ws->task);
	}
}

void
wstream_stats(const struct wstream *ws, struct mux_stream_stats *out)
{
	mux_stream_stats(ws->st, out);
}
