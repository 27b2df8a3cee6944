/*
 * stop.c - why a verb begins to end, and how long that may take.  It frees
 * nothing of the verb's and does not turn or leave the loop.  Invariant:
 * drain() runs at most once; after abort() nothing runs.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "life.h"
#include "mux_io.h"
#include "out.h"
#include "stop.h"

/* What a connection may need beyond the grace to say GOODBYE and be heard. */
#define GOODBYE_NS	UINT64_C(2000000000)

struct stop {
	struct mux_loop *loop;
	const struct stop_ops *ops;
	void *arg;
	struct stop_opts opts;
	struct mux_timer *grace, *idle;
	struct mux_watch *death;
	bool idling, draining, aborted;
	int n_signals;
};

uint64_t
stop_grace(const struct stop *s)
{
	/* No sum with a time of day to come overflows. */
	return s->opts.grace != 0 ? s->opts.grace : UINT64_MAX / 2;
}

bool
stop_draining(const struct stop *s)
{
	return s->draining;
}

void
stop_drain(struct stop *s, const char *why)
{
	uint64_t now = mux_loop_now(s->loop);

	if (s->draining || s->aborted)
		return;
	s->draining = true;
	mux_timer_at(s->idle, UINT64_MAX);
	if (s->opts.grace != 0)
		mux_timer_at(s->grace, now + s->opts.grace + GOODBYE_NS);
	say(SAY_INFO, "draining: %s", why);
	life_stopping();
	s->ops->drain(why, s->arg);
}

static void
stop_abort(struct stop *s, const char *why)
{
	if (s->aborted)
		return;
	s->aborted = true;
	say(SAY_WARN, "aborted: %s", why);
	s->ops->abort(s->arg);
}

void
stop_idle(struct stop *s, bool idle)
{
	/* Only the change counts: the clock starts when work ends. */
	if (s->opts.idle == 0 || s->draining || s->idling == idle)
		return;
	s->idling = idle;
	mux_timer_at(s->idle, idle ?
	    mux_loop_now(s->loop) + s->opts.idle : UINT64_MAX);
}

static void
on_end_signal(int signo, void *arg)
{
	struct stop *s = arg;
	const char *name = signo == SIGINT ? "SIGINT" : "SIGTERM";

	if (s->n_signals++ == 0)
		stop_drain(s, name);
	else
		stop_abort(s, name);
}

static void
on_hangup(int signo, void *arg)
{
	struct stop *s = arg;

	(void)signo;
	out_reopen();
	if (s->ops->reload != NULL && !s->aborted)
		s->ops->reload(s->arg);
}

static void
on_usr1(int signo, void *arg)
{
	struct stop *s = arg;
	char *text = NULL;
	size_t len = 0;
	FILE *f;

	(void)signo;
	if (s->aborted || (f = open_memstream(&text, &len)) == NULL)
		return;
	s->ops->state(f, s->arg);
	/* In one piece: others write there, too. */
	if (fclose(f) == 0)
		out_state(text, len);
	free(text);
}

static void
on_grace(struct mux_timer *t, void *arg)
{
	(void)t;
	stop_abort(arg, "the grace period is over");
}

static void
on_idle(struct mux_timer *t, void *arg)
{
	struct stop *s = arg;

	(void)t;
	/* Who is at the door comes in, or goes; then the clock starts anew. */
	if (s->ops->awaits != NULL && s->ops->awaits(s->arg))
		s->idling = false;
	else
		stop_drain(s, "idle");
}

static void
on_death(struct mux_watch *w, unsigned ready, void *arg)
{
	struct stop *s = arg;

	mux_watch_clear(w, ready);
	if ((ready & (MUX_READABLE | MUX_HANGUP)) == 0)
		return;
	stop_drain(s, "the process to die with has ended");
}

static int
stop_signals(struct stop *s)
{
	static const struct {
		int signo;
		mux_signal_cb *cb;
	} rows[] = {
		{ SIGTERM, on_end_signal }, { SIGINT, on_end_signal },
		{ SIGHUP, on_hangup }, { SIGUSR1, on_usr1 }
	};
	int err;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if ((err = mux_loop_signal(s->loop, rows[i].signo, rows[i].cb,
		    s)) != 0)
			return err;
	return 0;
}

int
stop_new(struct mux_loop *loop, const struct stop_opts *opts,
    const struct stop_ops *ops, void *arg, struct stop **out,
    struct mux_why *why)
{
	struct stop *s = calloc(1, sizeof(*s));
	int err = MUX_E_NOMEM, fd = life_death_fd();

	if (s == NULL)
		goto fail;
	s->loop = loop;
	s->opts = *opts;
	s->ops = ops;
	s->arg = arg;
	if ((err = mux_timer_new(loop, on_grace, s, &s->grace)) != 0 ||
	    (err = mux_timer_new(loop, on_idle, s, &s->idle)) != 0 ||
	    (err = stop_signals(s)) != 0)
		goto fail;
	if (fd >= 0 &&
	    (err = mux_watch_new(loop, fd, on_death, s, &s->death)) != 0)
		goto fail;
	*out = s;
	return 0;
fail:
	*why = (struct mux_why){ .err = errno };
	snprintf(why->text, sizeof(why->text), "start-up: %s",
	    err == MUX_E_IO ? strerror(errno) : mux_strerror(err));
	stop_free(s);
	return err;
}

void
stop_free(struct stop *s)
{
	if (s == NULL)
		return;
	mux_watch_free(s->death);
	mux_timer_free(s->idle);
	mux_timer_free(s->grace);
	free(s);
}
