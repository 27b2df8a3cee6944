/*
 * dispatch.c - calls from their arrival to their slot and out of it: who is
 * asked, who waits, who is told that nobody waits any more.  It runs nothing
 * (that is for the work_ops) and makes no answers but refusals; between works
 * and what they answer is work.c.
 *
 * Invariants: a work is in exactly one of the lists running, queued and dead;
 * no more of them run than may; start() and stop() run once at most, and
 * whatever waits is started from the task, never from within a callback.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "dispatch.h"
#include "flow.h"
#include "handler_err.h"
#include "methods.h"
#include "mux_io.h"
#include "out.h"
#include "work.h"

static struct say_gate refused_gate = SAY_GATE(5, 2000);

struct work_peer *
work_peer_new(uint64_t conn, const char *who, const char *addr)
{
	struct work_peer *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->conn = conn;
	p->who = strdup(who);
	p->addr = strdup(addr);
	p->n_refs = 1;
	if (p->who != NULL && p->addr != NULL)
		return p;
	work_peer_unref(p);
	return NULL;
}

void
work_peer_unref(struct work_peer *p)
{
	if (p == NULL || --p->n_refs > 0)
		return;
	free(p->who);
	free(p->addr);
	free(p);
}

/* ---- slots ---- */

static bool
is_under(int64_t limit, size_t n)
{
	return limit == 0 || n < (uint64_t)limit;
}

static bool
takes_slot(const struct method *me)
{
	return !me->ops->free_of_limits && !me->ops->own_slots;
}

static bool
may_run(const struct dispatch *d, const struct method *me)
{
	return me->ops->free_of_limits || (is_under(me->jobs, me->n_running) &&
	    (me->ops->own_slots || is_under(d->jobs, d->n_slots)));
}

static bool
may_wait(const struct dispatch *d, const struct method *me)
{
	return is_under(d->queue, d->n_queued) &&
	    is_under(me->queue, me->n_queued);
}

static void
enter_running(struct work *w)
{
	struct dispatch *d = w->all;

	TAILQ_INSERT_TAIL(&d->running, w, next);
	d->n_running++;
	w->method->n_running++;
	if (takes_slot(w->method))
		d->n_slots++;
	w->running = true;
	w->started = mux_loop_now(d->loop);
	w->blocked = "";
}

static void
enter_queue(struct work *w)
{
	struct dispatch *d = w->all;

	TAILQ_INSERT_TAIL(&d->queued, w, next);
	d->n_queued++;
	d->n_queued_slots += takes_slot(w->method);
	w->method->n_queued++;
	w->blocked = "waits for a slot";
}

static void
leave_list(struct work *w)
{
	struct dispatch *d = w->all;

	if (!w->running) {
		TAILQ_REMOVE(&d->queued, w, next);
		d->n_queued--;
		d->n_queued_slots -= takes_slot(w->method);
		w->method->n_queued--;
		return;
	}
	TAILQ_REMOVE(&d->running, w, next);
	d->n_running--;
	w->method->n_running--;
	if (takes_slot(w->method))
		d->n_slots--;
	w->running = false;
}

void
dispatch_bury(struct work *w)
{
	struct dispatch *d = w->all;

	leave_list(w);
	TAILQ_INSERT_TAIL(&d->dead, w, next);
	w->over = true;
	mux_task_run(d->task);
}

/* Its turn: what came meanwhile is delivered behind the start. */
static void
start(struct work *w)
{
	w->method->ops->start(w);
	work_deliver(w);
}

static void
start_some(struct dispatch *d)
{
	struct work *w, *next;

	for (w = TAILQ_FIRST(&d->queued); w != NULL; w = next) {
		next = TAILQ_NEXT(w, next);
		if (!is_under(d->jobs, d->n_slots) &&
		    d->n_queued_slots == d->n_queued)
			return;
		if (!may_run(d, w->method))
			continue;
		leave_list(w);
		enter_running(w);
		start(w);
	}
}

static void
on_task(struct mux_task *task, void *arg)
{
	struct dispatch *d = arg;
	struct work *w;
	bool any = !TAILQ_EMPTY(&d->dead);

	(void)task;
	/* starting may end others: they come to the tail of `dead`, and the
	 * task runs again */
	start_some(d);
	while ((w = TAILQ_FIRST(&d->dead)) != NULL) {
		TAILQ_REMOVE(&d->dead, w, next);
		work_free(w);
	}
	if (any)
		d->ended(d->arg);
}

/* ---- what comes ---- */

static uint32_t
judge(struct dispatch *d, const struct method *me, const char **text)
{
	*text = NULL;
	if (me == NULL) {
		*text = "no such method";
		return MUX_UNKNOWN_METHOD;
	}
	if (dispatch_full(d)) {
		*text = "no more calls (--max-calls)";
		return MUX_UNAVAILABLE;
	}
	if (may_run(d, me) || may_wait(d, me))
		return MUX_OK;
	*text = "all slots and places in the queue are taken";
	return MUX_BUSY;
}

static void
say_refused(const struct work_peer *peer, const struct mux_request *q,
    uint32_t code)
{
	const char *name = mux_code_name(code);

	say_gated(&refused_gate, SAY_NOTE, "refused a call of '%.*s' from "
	    "%s: %s", q->method.len < 100 ? (int)q->method.len : 100,
	    q->method.len > 0 ? (const char *)q->method.p : "", peer->who,
	    name != NULL ? name : "refused");
}

static struct work *
take(struct dispatch *d, struct mux_conn *conn, struct work_peer *peer,
    const struct mux_request *q, uint32_t *code, const char **text)
{
	struct method *me = methods_find(d->methods, q->method.p,
	    q->method.len);
	struct work *w;

	if ((*code = judge(d, me, text)) != MUX_OK) {
		say_refused(peer, q, *code);
		d->n_refused++;
		return NULL;
	}
	if ((w = work_new(d, conn, peer, me, q)) == NULL) {
		*code = MUX_REFUSED;
		*text = "out of memory";
		return NULL;
	}
	d->n_calls++;
	return w;
}

/* It has its call or stream, and with it callbacks. */
static void
place(struct work *w)
{
	struct dispatch *d = w->all;

	if (!may_run(d, w->method)) {
		enter_queue(w);
		return;
	}
	enter_running(w);
	start(w);
}

void
dispatch_call(struct dispatch *d, struct mux_conn *conn,
    struct work_peer *peer, struct mux_call *call,
    const struct mux_request *q)
{
	const char *text;
	uint32_t code;
	struct work *w = take(d, conn, peer, q, &code, &text);

	if (w == NULL) {
		mux_call_fail(call, code, text, NULL);
		return;
	}
	work_attach_call(w, call);
	place(w);
}

void
dispatch_stream(struct dispatch *d, struct mux_conn *conn,
    struct work_peer *peer, struct mux_stream *st,
    const struct mux_request *q)
{
	const char *text;
	uint32_t code;
	struct work *w = take(d, conn, peer, q, &code, &text);

	if (w == NULL) {
		mux_stream_refuse(st, code, text);
		return;
	}
	if (wstream_attach(w, st, q) != 0) {
		mux_stream_refuse(st, MUX_REFUSED, "out of memory");
		work_free(w);
		return;
	}
	place(w);
	if (q->body_len > 0)
		work_data(w, q->body, q->body_len);
}

bool
dispatch_full(const struct dispatch *d)
{
	return d->max_calls != 0 && d->n_calls >= d->max_calls;
}

/* ---- the whole ---- */

int
dispatch_init(struct dispatch *d)
{
	TAILQ_INIT(&d->running);
	TAILQ_INIT(&d->queued);
	TAILQ_INIT(&d->dead);
	TAILQ_INIT(&d->spare);
	LIST_INIT(&d->left);
	return mux_task_new(d->loop, on_task, d, &d->task) == 0 ? 0 : -1;
}

void
dispatch_methods(struct dispatch *d, struct methods *m)
{
	methods_unref(d->methods);
	d->methods = m;
}

/* Whoever is ended goes to another list, now or later: so nobody is found
 * twice, and no pointer is kept over a callback. */
void
dispatch_stop(struct dispatch *d)
{
	struct work *w;

	while ((w = TAILQ_FIRST(&d->queued)) != NULL)
		work_stop(w, MUX_UNAVAILABLE);
	do {
		TAILQ_FOREACH(w, &d->running, next)
			if (!w->stopped)
				break;
		if (w != NULL)
			work_stop(w, MUX_UNAVAILABLE);
	} while (w != NULL);
}

static void
drop_all(struct works *list)
{
	struct work *w;

	while ((w = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, w, next);
		if (w->running && w->method->ops->drop != NULL)
			w->method->ops->drop(w);
		work_free(w);
	}
}

void
dispatch_release(struct dispatch *d)
{
	if (d->task == NULL)
		return;
	drop_all(&d->running);
	drop_all(&d->queued);
	drop_all(&d->dead);
	work_free_spares(d);
	while (!LIST_EMPTY(&d->left))
		herr_free(LIST_FIRST(&d->left));
	mux_task_free(d->task);
	d->task = NULL;
}

/* ---- the state ---- */

static void
work_state(const struct work *w, uint64_t now, FILE *f)
{
	struct mux_stream_stats st = { 0 };
	struct jout j;

	if (w->call != NULL)
		mux_call_stats(w->call, &st);
	else if (w->stream != NULL)
		wstream_stats(w->stream, &st);
	jout_begin(&j, f);
	jout_str(&j, "event", "state");
	jout_str(&j, "kind", "call");
	jout_u64(&j, "conn", w->peer->conn);
	jout_u64(&j, "id", w->id);
	jout_str(&j, "from", w->peer->who);
	jout_str(&j, "method", w->method->name);
	jout_str(&j, "state", !w->running ? "queued" : w->stopped ?
	    "ending" : w->answered || w->replied ? "answering" : "running");
	jout_u64(&j, "age_ns", now - w->since);
	if (w->running)
		jout_u64(&j, "running_ns", now - w->started);
	if (w->pid > 0)
		jout_u64(&j, "pid", (uint64_t)w->pid);
	flow_credit(&st, &j);
	jout_str(&j, "blocked", w->blocked[0] != '\0' || st.blocked == NULL ?
	    w->blocked : st.blocked);
	jout_end(&j);
}

void
dispatch_state(const struct dispatch *d, FILE *f)
{
	uint64_t now = mux_loop_now(d->loop);
	const struct work *w;

	TAILQ_FOREACH(w, &d->running, next)
		work_state(w, now, f);
	TAILQ_FOREACH(w, &d->queued, next)
		work_state(w, now, f);
}
