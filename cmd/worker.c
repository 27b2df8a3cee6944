/*
 * worker.c - calls of programs of --worker, from their arrival to their
 * answer.  The programs' lives are worker_life.c's, what goes through their
 * pipes is worker_put.c's and worker_get.c's.
 *
 * Invariants: a call is in exactly one of: the list `taking`, the list
 * `ready`, the table of what the worker was asked, and its answer is going
 * out; all memory of bodies is counted.
 */
#include <stdlib.h>
#include <string.h>

#include "dispatch.h"
#include "methods.h"
#include "mux_io.h"
#include "worker_int.h"

/* A cancelled call may always go on for that long. */
#define PATIENCE_MIN	UINT64_C(100000000)

/* ---- the table of what it was asked ---- */

struct wcall *
worker_find(const struct worker *wk, uint64_t id)
{
	struct wcall *c;

	if (wk->n_buckets == 0)
		return NULL;
	LIST_FOREACH(c, &wk->table[id & (wk->n_buckets - 1)], link)
		if (c->id == id)
			return c;
	return NULL;
}

static int
grow(struct worker *wk)
{
	size_t n = wk->n_buckets > 0 ? 2 * wk->n_buckets : 64;
	struct wbucket *table = calloc(n, sizeof(*table));
	struct wcall *c;

	if (table == NULL)
		return -1;
	for (size_t i = 0; i < wk->n_buckets; i++)
		while ((c = LIST_FIRST(&wk->table[i])) != NULL) {
			LIST_REMOVE(c, link);
			LIST_INSERT_HEAD(&table[c->id & (n - 1)], c, link);
		}
	free(wk->table);
	wk->table = table;
	wk->n_buckets = n;
	return 0;
}

int
worker_enter(struct wcall *c)
{
	struct worker *wk = c->of;

	if (wk->n_asked == wk->n_buckets && grow(wk) != 0)
		return -1;
	LIST_INSERT_HEAD(&wk->table[c->id & (wk->n_buckets - 1)], c, link);
	wk->n_asked++;
	return 0;
}

/* A worker that has nothing in its hands but what nobody waits for, and does
 * not give it back, is ended: that harms no call. */
static void
watch_stuck(struct worker *wk)
{
	bool all = wk->n_cancelled > 0 && wk->n_cancelled == wk->n_asked;
	uint64_t wait = wk->all->kill_after;

	wait = wait < PATIENCE_MIN ? PATIENCE_MIN : wait;
	mux_timer_at(wk->stuck, all && wk->up ?
	    mux_loop_now(wk->all->loop) + wait : UINT64_MAX);
}

void
worker_leave(struct wcall *c)
{
	struct worker *wk = c->of;

	LIST_REMOVE(c, link);
	wk->n_asked--;
	if (c->cancelled)
		wk->n_cancelled--;
	if (c->cancel_owed)
		TAILQ_REMOVE(&wk->cancels, c, next);
	c->cancel_owed = false;
	if (wk->large == c)
		wk->large = NULL;
	if (wk->n_cancelled > 0 || c->cancelled)
		watch_stuck(wk);
}

/* ---- a call ---- */

/* Credit goes home for what may be held; the oldest may always go on. */
static void
consume_some(struct worker *wk)
{
	struct wcall *c;
	size_t n;

	TAILQ_FOREACH(c, &wk->taking, next) {
		if (c != TAILQ_FIRST(&wk->taking) &&
		    wk->held_in > WORKER_HELD_MAX)
			return;
		n = c->owed;
		c->owed = 0;
		if (n > 0)
			work_consume(c->work, n);
	}
}

void
wcall_drop_body(struct wcall *c)
{
	struct worker *wk = c->of;
	bool was_full = wk->held_in > WORKER_HELD_MAX;

	if (c->state == WCALL_ANSWERING) {
		wk->held_out -= c->cap;
		worker_get_again(wk);
	} else {
		wk->held_in -= c->cap;
	}
	free(c->body);
	c->body = NULL;
	c->len = c->cap = 0;
	if (was_full)
		consume_some(wk);
}

/* It is in no list any more. */
void
wcall_free(struct wcall *c)
{
	struct work *w = c->work;

	if (c->body != NULL)
		wcall_drop_body(c);
	free(c);
	if (w == NULL)
		return;
	w->run = NULL;
	work_done(w);
}

void
wcall_fail(struct wcall *c, uint32_t code, const char *text)
{
	if (c->work != NULL)
		work_fail(c->work, code, text, NULL);
	wcall_free(c);
}

void
wcall_answer(struct wcall *c, const char *p, size_t n)
{
	const struct mux_answer a = { .size = sizeof(a), .have_exit = true,
	    .exit_value = c->status };
	int err;

	if (p == NULL) {
		c->work->blocked = "the caller takes no more";
		err = work_reply(c->work, &a);
		if (err == 0)
			return;
	} else {
		err = work_answer(c->work, &a, p, n);
	}
	if (err == MUX_E_NOMEM)
		wcall_fail(c, MUX_INTERNAL, "out of memory");
	else
		wcall_free(c);
}

static void
start(struct work *w)
{
	struct wcall *c = calloc(1, sizeof(*c));
	struct mux_why why;

	/* One that cannot be started is tried again. */
	if (c != NULL && w->method->pool == NULL)
		worker_pool(w->all, w->method, &why);
	if (c == NULL || w->method->pool == NULL) {
		free(c);
		work_fail(w, MUX_REFUSED, "out of memory", NULL);
		work_done(w);
		return;
	}
	c->of = w->method->pool;
	c->work = w;
	c->id = w->serial;
	w->run = c;
	w->blocked = "waits for its body";
	TAILQ_INSERT_TAIL(&c->of->taking, c, next);
}

static bool
append(struct wcall *c, const void *p, size_t n)
{
	size_t cap = c->cap;
	char *bigger;

	if (c->len + n > cap) {
		cap = cap == 0 ? n : 2 * cap > c->len + n ? 2 * cap :
		    c->len + n;
		if ((bigger = realloc(c->body, cap)) == NULL)
			return false;
		c->of->held_in += cap - c->cap;
		c->body = bigger;
		c->cap = cap;
	}
	memcpy(c->body + c->len, p, n);
	c->len += n;
	c->owed += n;
	return true;
}

static void
data(struct work *w, const void *p, size_t n)
{
	struct wcall *c = w->run;
	struct worker *wk = c->of;
	bool fits = n <= WORKER_BODY_MAX - c->len;

	if (!fits || !append(c, p, n)) {
		TAILQ_REMOVE(&wk->taking, c, next);
		wcall_fail(c, fits ? MUX_REFUSED : MUX_TOO_LARGE,
		    fits ? "out of memory" : "the body is too large for a "
		    "worker");
		return;
	}
	if (wk->held_in <= WORKER_HELD_MAX || c == TAILQ_FIRST(&wk->taking)) {
		work_consume(w, c->owed);
		c->owed = 0;
	}
}

static void
eof(struct work *w)
{
	struct wcall *c = w->run;
	struct worker *wk = c->of;
	bool first = c == TAILQ_FIRST(&wk->taking);

	TAILQ_REMOVE(&wk->taking, c, next);
	TAILQ_INSERT_TAIL(&wk->ready, c, next);
	c->state = WCALL_READY;
	w->blocked = "waits for the worker";
	worker_put_again(wk);
	if (first && wk->held_in > WORKER_HELD_MAX)
		consume_some(wk);
}

static size_t
fill(struct work *w, void *buf, size_t max, unsigned *flags)
{
	struct wcall *c = w->run;
	size_t n = c->len - c->off;

	n = n < max ? n : max;
	memcpy(buf, c->body + c->off, n);
	c->off += n;
	if (c->off == c->len)
		*flags = MUX_FILL_END;
	return n;
}

/* It is in the worker's hands: the answer comes, for nobody. */
static void
cut_off(struct wcall *c, uint32_t code)
{
	struct worker *wk = c->of;
	struct work *w = c->work;

	c->cancelled = true;
	wk->n_cancelled++;
	c->cancel_owed = true;
	TAILQ_INSERT_TAIL(&wk->cancels, c, next);
	worker_put_again(wk);
	watch_stuck(wk);
	w->blocked = "the worker has not answered yet";
	work_stopped(w, code);
	/* The slot is taken for as long as the worker is; but serve does not
	 * wait for it at its end. */
	if (code != MUX_UNAVAILABLE)
		return;
	c->work = NULL;
	w->run = NULL;
	work_done(w);
}

/* Out of what it is in, but for the table. */
static void
unlink_call(struct wcall *c)
{
	struct worker *wk = c->of;

	if (c->state == WCALL_TAKING)
		TAILQ_REMOVE(&wk->taking, c, next);
	else if (c->state == WCALL_READY)
		TAILQ_REMOVE(&wk->ready, c, next);
	else if (c == wk->whose) {
		wk->skip = c->cap - c->len;
		wk->whose = NULL;
	}
}

static void
stop(struct work *w, uint32_t code)
{
	struct wcall *c = w->run;

	if (c->state == WCALL_ASKED) {
		cut_off(c, code);
		return;
	}
	unlink_call(c);
	if (code != MUX_OK)
		work_fail(w, code, NULL, NULL);
	wcall_free(c);
}

static void
drop(struct work *w)
{
	struct wcall *c = w->run;

	c->work = NULL;
	w->run = NULL;
	if (c->state == WCALL_ASKED)
		return;
	unlink_call(c);
	wcall_free(c);
}

const struct work_ops worker_ops = {
	.start = start, .data = data, .eof = eof, .fill = fill, .stop = stop,
	.drop = drop, .forget = worker_forget, .own_slots = true
};
