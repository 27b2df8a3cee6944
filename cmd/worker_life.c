/*
 * worker_life.c - the processes of the workers: when they are started, what is
 * left to do when one ends, when the next one comes.  Calls are worker.c's.
 *
 * Invariants: there is at most one process of a worker, and no new one before
 * nothing is left of the old one's tree; what it had in its hands when it
 * ended is answered "indeterminate", and not given to another one.
 */
#include <sys/wait.h>

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dispatch.h"
#include "methods.h"
#include "mux_io.h"
#include "ptree.h"
#include "worker.h"
#include "worker_int.h"

#define BACKOFF_MIN	UINT64_C(100000000)
#define BACKOFF_MAX	UINT64_C(5000000000)
#define GROWN_UP	UINT64_C(10000000000)	/* it lived: begin anew */
#define EXIT_SOON	UINT64_C(1000000000)	/* after its pipes closed */

/* ---- its end ---- */

static size_t
fail_asked(struct worker *wk)
{
	struct wcall *c, *next;
	size_t n = 0;

	for (size_t i = 0; i < wk->n_buckets; i++)
		LIST_FOREACH_SAFE(c, &wk->table[i], link, next) {
			if (c->at >= wk->written)
				continue;
			n += c->cancelled ? 0 : 1;
			worker_leave(c);
			wcall_fail(c, MUX_INDETERMINATE, "the worker ended "
			    "before it answered");
		}
	return n;
}

/* How many calls it takes along. */
static size_t
instance_end(struct worker *wk)
{
	uint64_t now = mux_loop_now(wk->all->loop);
	size_t n = wk->whose != NULL ? 1 : 0;

	wk->up = false;
	mux_timer_at(wk->stuck, UINT64_MAX);
	mux_timer_at(wk->restart, UINT64_MAX);
	if (now - wk->began >= GROWN_UP)
		wk->backoff = 0;
	worker_get_close(wk);
	worker_put_close(wk);
	worker_err_close(wk);
	n += fail_asked(wk);
	worker_put_rewind(wk);
	if (wk->tree != NULL)
		ptree_kill(wk->tree, wk->all->kill_after);
	return n;
}

static void
say_end(struct worker *wk, const char *how, size_t lost)
{
	if (lost > 0)
		say_gated(&wk->trouble, SAY_WARN, "worker %s: %s; calls in "
		    "its hands: %zu", wk->method->name, how, lost);
	else
		say_gated(&wk->trouble, SAY_WARN, "worker %s: %s",
		    wk->method->name, how);
}

void
worker_broken(struct worker *wk, const char *fmt, ...)
{
	char how[200];
	va_list ap;

	if (!wk->up)
		return;
	va_start(ap, fmt);
	vsnprintf(how, sizeof(how), fmt, ap);
	va_end(ap);
	say_end(wk, how, instance_end(wk));
}

void
worker_ending(struct worker *wk, const char *how)
{
	if (wk->ending == NULL)
		mux_timer_at(wk->restart, mux_loop_now(wk->all->loop) +
		    EXIT_SOON);
	wk->ending = how;
}

static void
on_exited(struct ptree *tree, int status, const struct mux_usage *u, void *arg)
{
	struct worker *wk = arg;
	char how[80];

	(void)tree;
	(void)u;
	if (!wk->up)
		return;
	/* what it answered counts */
	worker_get_rest(wk);
	if (!wk->up)
		return;
	if (WIFSIGNALED(status))
		snprintf(how, sizeof(how), "it was killed by signal %d",
		    WTERMSIG(status));
	else
		snprintf(how, sizeof(how), "it has ended with status %d",
		    WEXITSTATUS(status));
	say_end(wk, how, instance_end(wk));
}

static void
later(struct worker *wk)
{
	uint64_t wait = wk->backoff < BACKOFF_MIN ? BACKOFF_MIN : wk->backoff;

	wk->backoff = 2 * wait < BACKOFF_MAX ? 2 * wait : BACKOFF_MAX;
	mux_timer_at(wk->restart, mux_loop_now(wk->all->loop) + wait);
}

static void
on_gone(struct ptree *tree, void *arg)
{
	struct worker *wk = arg;

	(void)tree;
	wk->tree = NULL;
	if (wk->over)
		wk->all->ended(wk->all->arg);
	else
		later(wk);
}

/* ---- its beginning ---- */

static const struct ptree_ops tree_ops = { on_exited, on_gone };

/* Takes over all three, or closes them. */
static int
open_pipes(struct worker *wk, const struct mux_ends *ends, int err)
{
	if (worker_put_open(wk, ends->out) != 0)
		close(ends->out);
	if (worker_get_open(wk, ends->in) != 0)
		close(ends->in);
	if (worker_err_open(wk, err) != 0)
		close(err);
	if (wk->in != -1 && wk->answers != -1 && wk->err != -1)
		return 0;
	worker_put_close(wk);
	worker_get_close(wk);
	worker_err_close(wk);
	return MUX_E_NOMEM;
}

static int
launch(struct worker *wk, struct mux_why *why)
{
	const struct dispatch *d = wk->all;
	const struct mux_spawn s = { .size = sizeof(s),
	    .argv = wk->method->argv, .envp = d->env, .cwd = d->cwd,
	    .fds = { -1, -1, -1 }, .setsid = true };
	struct mux_ends ends;
	int err, r;

	wk->began = mux_loop_now(d->loop);
	r = ptree_start(d->trees, &s, &ends, &err, &tree_ops, wk, &wk->tree,
	    why);
	if (r != 0)
		return r;
	if (open_pipes(wk, &ends, err) != 0) {
		ptree_leave(wk->tree, 0);
		wk->tree = NULL;
		*why = (struct mux_why){ .text = "out of memory" };
		return MUX_E_NOMEM;
	}
	wk->up = true;
	wk->ending = NULL;
	worker_put_again(wk);
	return 0;
}

/* It cannot be started now: whoever waits for it is told. */
static void
fail_ready(struct worker *wk, const struct mux_why *why)
{
	const struct mux_answer a = { .size = sizeof(a), .have_exit = true,
	    .exit_kind = MUX_EXIT_NOT_STARTED,
	    .exit_value = (uint32_t)why->err };
	struct wcall *c;

	while ((c = TAILQ_FIRST(&wk->ready)) != NULL) {
		TAILQ_REMOVE(&wk->ready, c, next);
		work_fail(c->work, MUX_INTERNAL, why->text, &a);
		wcall_free(c);
	}
}

static void
on_restart(struct mux_timer *t, void *arg)
{
	struct worker *wk = arg;
	struct mux_why why;

	(void)t;
	if (wk->up) {
		worker_broken(wk, "%s", wk->ending);
		return;
	}
	if (launch(wk, &why) == 0)
		return;
	say_end(wk, why.text, 0);
	fail_ready(wk, &why);
	later(wk);
}

/* Nobody waits for what it does, and it goes on. */
static void
on_stuck(struct mux_timer *t, void *arg)
{
	struct worker *wk = arg;

	(void)t;
	if (wk->n_cancelled > 0 && wk->n_cancelled == wk->n_asked)
		worker_broken(wk, "it does not end what was cancelled (%zu)",
		    wk->n_cancelled);
}

static void
worker_free(struct worker *wk)
{
	struct wcall *c;

	wk->over = true;
	instance_end(wk);
	/* what was not written, and nobody waits for */
	for (size_t i = 0; i < wk->n_buckets; i++)
		while ((c = LIST_FIRST(&wk->table[i])) != NULL) {
			worker_leave(c);
			wcall_free(c);
		}
	if (wk->tree != NULL)
		ptree_leave(wk->tree, wk->all->kill_after);
	mux_timer_free(wk->restart);
	mux_timer_free(wk->stuck);
	mux_task_free(wk->flush);
	free(wk->table);
	free(wk->out);
	free(wk->buf);
	free(wk);
}

static struct worker *
worker_new(struct dispatch *d, struct method *me)
{
	struct worker *wk = calloc(1, sizeof(*wk));

	if (wk == NULL)
		return NULL;
	wk->all = d;
	wk->method = me;
	wk->in = wk->answers = wk->err = -1;
	wk->said = (struct say_gate)SAY_GATE(100, 100);
	wk->trouble = (struct say_gate)SAY_GATE(10, 1000);
	TAILQ_INIT(&wk->taking);
	TAILQ_INIT(&wk->ready);
	TAILQ_INIT(&wk->cancels);
	if (mux_timer_new(d->loop, on_restart, wk, &wk->restart) == 0 &&
	    mux_timer_new(d->loop, on_stuck, wk, &wk->stuck) == 0)
		return wk;
	mux_timer_free(wk->restart);
	free(wk);
	return NULL;
}

/* ---- all of them ---- */

int
worker_pool(struct dispatch *d, struct method *me, struct mux_why *why)
{
	struct worker *wk = worker_new(d, me);
	int r;

	if (wk == NULL) {
		*why = (struct mux_why){ .text = "out of memory" };
		return MUX_E_NOMEM;
	}
	me->pool = wk;
	if ((r = launch(wk, why)) != 0)
		later(wk);
	return r;
}

int
workers_start(struct dispatch *d, struct methods *all, struct mux_why *why)
{
	struct method *me = NULL;
	int r = 0, one;

	while ((me = methods_next(all, me)) != NULL) {
		if (me->kind != METHOD_WORKER || me->pool != NULL)
			continue;
		one = worker_pool(d, me, why);
		r = one != 0 ? one : r;
	}
	return r;
}

void
workers_end(struct methods *all)
{
	struct method *me = NULL;
	struct worker *wk;

	while ((me = methods_next(all, me)) != NULL) {
		if (me->kind != METHOD_WORKER || (wk = me->pool) == NULL)
			continue;
		wk->over = true;
		mux_timer_at(wk->restart, UINT64_MAX);
		if (wk->up)
			instance_end(wk);
	}
}

bool
workers_left(struct methods *all)
{
	const struct worker *wk;
	struct method *me = NULL;

	while ((me = methods_next(all, me)) != NULL) {
		wk = me->kind == METHOD_WORKER ? me->pool : NULL;
		if (wk != NULL && wk->tree != NULL)
			return true;
	}
	return false;
}

void
worker_forget(struct method *me)
{
	if (me->pool != NULL)
		worker_free(me->pool);
	me->pool = NULL;
}
