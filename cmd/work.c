/*
 * work.c - between a work and what it answers, a call or a stream: whoever
 * runs methods need not know which it is, nor whether it is still there.
 * Slots and queues are dispatch.c's.
 *
 * Invariants: what came before the start is kept, within the credit of the
 * peer and HELD_MAX for all; stop() runs before the call is let go, unless the
 * work is done or failed by itself; of a body that was given whole the rest
 * goes out although its work is over.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "methods.h"
#include "mux_io.h"
#include "out.h"
#include "work.h"

#define SPARES		256u

static struct say_gate call_gate = SAY_GATE(200, 10);

/* ---- memory ---- */

static size_t
copies_size(const struct mux_request *q)
{
	size_t n = q->n_args * sizeof(*q->args) +
	    q->n_meta * sizeof(*q->meta) + q->n_streams * sizeof(*q->streams);

	for (size_t i = 0; i < q->n_args; i++)
		n += q->args[i].len + 1;
	for (size_t i = 0; i < q->n_meta; i++)
		n += q->meta[i].key.len + q->meta[i].value.len + 2;
	return n;
}

/* Ends with a NUL that does not count. */
static struct mux_bytes
copy_bytes(char **at, struct mux_bytes from)
{
	char *p = *at;

	if (from.len > 0)
		memcpy(p, from.p, from.len);
	p[from.len] = '\0';
	*at += from.len + 1;
	return (struct mux_bytes){ p, from.len };
}

/* What the request names has to outlive the callback that brought it. */
static bool
copy_request(struct work *w, const struct mux_request *q)
{
	size_t n = copies_size(q);
	uint64_t *streams;
	struct mux_bytes *args;
	struct mux_meta *meta;
	char *p;

	w->q = *q;
	w->q.method = (struct mux_bytes){ w->method->name,
	    strlen(w->method->name) };
	w->q.nonce = NULL;
	w->q.body = NULL;
	w->q.body_len = 0;
	if (n == 0)
		return true;
	if ((w->copies = malloc(n)) == NULL)
		return false;
	w->q.streams = streams = w->copies;
	w->q.args = args = (struct mux_bytes *)(streams + q->n_streams);
	w->q.meta = meta = (struct mux_meta *)(args + q->n_args);
	p = (char *)(meta + q->n_meta);
	for (size_t i = 0; i < q->n_streams; i++)
		streams[i] = q->streams[i];
	for (size_t i = 0; i < q->n_args; i++)
		args[i] = copy_bytes(&p, q->args[i]);
	for (size_t i = 0; i < q->n_meta; i++) {
		meta[i] = q->meta[i];
		meta[i].key = copy_bytes(&p, q->meta[i].key);
		meta[i].value = copy_bytes(&p, q->meta[i].value);
	}
	return true;
}

static void
on_timer(struct mux_timer *t, void *arg)
{
	(void)t;
	work_stop(arg, MUX_DEADLINE);
}

/* The request's own time is the library's business; a shorter one is ours. */
static bool
set_deadline(struct work *w)
{
	const struct dispatch *d = w->all;
	uint64_t ours = w->method->timeout != UINT64_MAX ?
	    w->method->timeout : d->call_timeout;

	w->deadline = UINT64_MAX;
	if (w->q.deadline != 0 && w->q.deadline < UINT64_MAX - w->since)
		w->deadline = w->since + w->q.deadline;
	if (ours == 0 || w->method->ops->free_of_limits ||
	    ours >= w->deadline - w->since)
		return true;
	w->deadline = w->since + ours;
	if (mux_timer_new(d->loop, on_timer, w, &w->timer) != 0)
		return false;
	mux_timer_at(w->timer, w->deadline);
	return true;
}

/* All but the room is cleared. */
static struct work *
work_alloc(struct dispatch *d)
{
	struct work *w = TAILQ_FIRST(&d->spare);

	if (w != NULL) {
		TAILQ_REMOVE(&d->spare, w, next);
		d->n_spare--;
	} else if ((w = malloc(sizeof(*w))) == NULL) {
		return NULL;
	}
	memset(w, 0, offsetof(struct work, room));
	return w;
}

struct work *
work_new(struct dispatch *d, struct mux_conn *conn, struct work_peer *peer,
    struct method *me, const struct mux_request *q)
{
	struct work *w = work_alloc(d);

	if (w == NULL)
		return NULL;
	w->all = d;
	w->conn = conn;
	w->method = me;
	w->serial = ++d->serial;
	w->since = mux_loop_now(d->loop);
	w->blocked = "";
	w->peer = peer;
	peer->n_refs++;
	w->methods = methods_ref(d->methods);
	if (copy_request(w, q) && set_deadline(w))
		return w;
	work_free(w);
	return NULL;
}

static void
drop_held(struct work *w)
{
	w->all->held -= w->held.len;
	buf_release(&w->held);
}

/* An answer that is whole goes out all the same. */
static void
let_go(struct work *w)
{
	struct mux_call *call = w->call;
	struct wstream *stream = w->stream;

	w->call = NULL;
	w->stream = NULL;
	w->conn = NULL;
	if (call != NULL)
		mux_call_release(call);
	if (stream != NULL)
		wstream_let_go(stream);
}

void
work_free(struct work *w)
{
	struct dispatch *d = w->all;

	let_go(w);
	drop_held(w);
	mux_timer_free(w->timer);
	work_peer_unref(w->peer);
	methods_unref(w->methods);
	free(w->copies);
	if (d->n_spare == SPARES) {
		free(w);
		return;
	}
	TAILQ_INSERT_HEAD(&d->spare, w, next);
	d->n_spare++;
}

void
work_free_spares(struct dispatch *d)
{
	struct work *w;

	while ((w = TAILQ_FIRST(&d->spare)) != NULL) {
		TAILQ_REMOVE(&d->spare, w, next);
		free(w);
	}
	d->n_spare = 0;
}

/* ---- what comes in ---- */

void
work_consume(struct work *w, size_t n)
{
	if (w->call != NULL)
		mux_call_consume(w->call, n);
	else if (w->stream != NULL)
		wstream_consume(w->stream, n);
}

static bool
hold(struct work *w, const void *p, size_t n)
{
	if (w->all->held + n > HELD_MAX || !buf_put(&w->held, p, n))
		return false;
	w->all->held += n;
	return true;
}

/* It was not started, and will not be. */
static void
give_up(struct work *w, uint32_t code, const char *text)
{
	work_fail(w, code, text, NULL);
	work_done(w);
}

void
work_data(struct work *w, const void *p, size_t n)
{
	if (w->over || w->stopped)
		work_consume(w, n);
	else if (w->running)
		w->method->ops->data(w, p, n);
	else if (!hold(w, p, n))
		give_up(w, MUX_BUSY, "too much waits for a slot");
}

void
work_eof(struct work *w)
{
	w->whole = true;
	if (w->running && !w->stopped)
		w->method->ops->eof(w);
}

void
work_deliver(struct work *w)
{
	struct buf held = w->held;

	if (held.len > 0 && !w->over && !w->stopped) {
		w->held = (struct buf){ 0 };
		w->all->held -= held.len;
		w->method->ops->data(w, held.p, held.len);
		buf_release(&held);
	}
	if (w->whole && !w->over && !w->stopped)
		w->method->ops->eof(w);
}

/* ---- its end ---- */

void
work_stop(struct work *w, uint32_t code)
{
	if (w->over || w->stopped)
		return;
	if (!w->running) {
		give_up(w, code, NULL);
		return;
	}
	w->stopped = true;
	if (w->timer != NULL)
		mux_timer_at(w->timer, UINT64_MAX);
	w->method->ops->stop(w, code);
}

static void
say_done(const struct work *w)
{
	uint64_t ns = mux_loop_now(w->all->loop) - w->since;
	const struct say_field fields[] = {
		{ "conn", NULL, w->peer->conn }, { "id", NULL, w->id },
		{ "from", w->peer->who, 0 }, { "method", w->method->name, 0 },
		{ "duration_ns", NULL, ns }
	};

	say_event(&call_gate, SAY_INFO, "call", fields,
	    sizeof(fields) / sizeof(fields[0]),
	    "call %" PRIu64 " of %s from %s (%" PRIu64 ".%03" PRIu64 " s)",
	    w->id, w->method->name, w->peer->who, ns / 1000000000,
	    ns / 1000000 % 1000);
}

void
work_done(struct work *w)
{
	if (w->over)
		return;
	if (say_on(SAY_INFO))
		say_done(w);
	if (w->timer != NULL)
		mux_timer_at(w->timer, UINT64_MAX);
	dispatch_bury(w);
	let_go(w);
}

/* ---- a call ---- */

static size_t
call_fill(struct mux_call *c, void *buf, size_t max, unsigned *flags,
    void *arg)
{
	struct work *w = arg;

	(void)c;
	if (w->over || w->stopped)
		return 0;
	return w->method->ops->fill(w, buf, max, flags);
}

static void
call_data(struct mux_call *c, const void *p, size_t n, void *arg)
{
	(void)c;
	work_data(arg, p, n);
}

static void
call_eof(struct mux_call *c, void *arg)
{
	(void)c;
	work_eof(arg);
}

static void
call_cancel(struct mux_call *c, uint32_t code, void *arg)
{
	(void)c;
	work_stop(arg, code);
}

static void
call_done(struct mux_call *c, const struct mux_answer *a, void *arg)
{
	struct work *w = arg;

	(void)c;
	let_go(w);
	work_stop(w, a->code);
}

static const struct mux_call_ops call_ops = {
	.size = sizeof(call_ops), .fill = call_fill, .data = call_data,
	.eof = call_eof, .cancel = call_cancel, .done = call_done,
};

void
work_attach_call(struct work *w, struct mux_call *call)
{
	w->call = call;
	w->id = mux_call_id(call);
	mux_call_attach(call, &call_ops, w);
}

/* ---- the answer ---- */

bool
work_wanted(const struct work *w)
{
	return w->call != NULL || w->stream != NULL;
}

void
work_ready(struct work *w)
{
	if (w->call != NULL)
		mux_call_ready(w->call);
	else if (w->stream != NULL)
		wstream_ready(w->stream);
}

int
work_answer(struct work *w, const struct mux_answer *a, const void *body,
    size_t len)
{
	int err;

	if (w->call != NULL)
		err = mux_call_answer(w->call, a, body, len);
	else if (w->stream != NULL)
		err = wstream_answer(w->stream, a, body, len);
	else
		return MUX_E_STATE;
	w->answered = w->answered || err == 0;
	return err;
}

int
work_reply(struct work *w, const struct mux_answer *a)
{
	int err;

	if (w->call != NULL)
		err = mux_call_reply(w->call, a);
	else if (w->stream != NULL)
		err = wstream_reply(w->stream, a);
	else
		return MUX_E_STATE;
	w->replied = w->replied || err == 0;
	return err;
}

int
work_amend(struct work *w, const struct mux_answer *a)
{
	if (w->call != NULL)
		return mux_call_amend(w->call, a);
	if (w->stream == NULL)
		return MUX_E_STATE;
	wstream_amend(w->stream, a);
	return 0;
}

/* Whose limit it was, and which; "" if it was none that is known here. */
static void
whose_deadline(const struct work *w, char *buf, size_t size)
{
	bool ours = w->timer != NULL;
	double s = (double)(w->deadline - w->since) / 1e9;

	buf[0] = '\0';
	if (w->deadline == UINT64_MAX || (ours &&
	    mux_loop_now(w->all->loop) < w->deadline))
		return;
	snprintf(buf, size, "%s within the %.6g s %s",
	    w->running ? "no end" : "not started", s, !ours ?
	    "that the caller gave" : w->method->timeout != UINT64_MAX ?
	    "of the server's --limit" : "of the server's --call-timeout");
}

int
work_fail(struct work *w, uint32_t code, const char *text,
    const struct mux_answer *a)
{
	char late[100];
	int err = 0;

	if (!work_wanted(w))
		return MUX_E_STATE;
	if (code == MUX_DEADLINE && text == NULL) {
		whose_deadline(w, late, sizeof(late));
		text = late[0] != '\0' ? late : NULL;
	}
	if (w->call != NULL)
		err = mux_call_fail(w->call, code, text, a);
	else
		wstream_fail(w->stream, code, text);
	if (err != 0)
		return err;
	w->answered = w->stopped = true;
	w->all->n_failed++;
	if (w->timer != NULL)
		mux_timer_at(w->timer, UINT64_MAX);
	let_go(w);
	return 0;
}

int
work_stopped(struct work *w, uint32_t code)
{
	if (code != MUX_UNAVAILABLE)
		return work_fail(w, code, NULL, NULL);
	return work_fail(w, MUX_INDETERMINATE, "the server ended before it "
	    "was done", NULL);
}
