/*
 * one.c - muxctl call for one call: begins it when the connection is there,
 * watches its time, tries again where that is safe, and turns its end into
 * the exit status.  Bytes are invoke.c's and sinks.c's.
 *
 * Invariant: there is one result, and it is told once: by what is said, by
 * --json, by --status-fd and by the exit status.
 */
#include <bsd/string.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "call.h"
#include "cmd.h"
#include "invoke.h"
#include "life.h"
#include "one.h"
#include "out.h"
#include "sinks.h"


struct one {
	struct call *c;
	struct invoke *inv;
	struct call_body body;
	struct sinks sinks;
	struct mux_timer *total, *idle, *again;
	struct mux_task *leave;	/* --oneway */
	uint64_t until;		/* ns: the end of -t; UINT64_MAX = none */
	struct result r;	/* once it is over */
	int64_t tries;		/* that have failed */
	char lost_output[400];	/* why some of the answer is not there */
	bool over;		/* there is a result */
	bool waiting;		/* for the next attempt */
	bool elsewhere;		/* another process makes the call */
	bool no_reader;		/* standard output leads nowhere any more */
	bool body_used;		/* some of it was read and is gone */
	bool body_gone;		/* its descriptor was given away */
	bool opened;		/* the files of the answer */
};

/* ---- the end ---- */

/* However well the call went. */
static void
fail_here(struct one *o, const char *text)
{
	result_release(&o->r);
	result_make(&o->r, RESULT_ERROR, MUX_INTERNAL, text);
}

static void
tell_fd(struct one *o)
{
	int err = one_tell_fd(o->c, &o->r);
	char text[100];

	if (err == 0)
		return;
	snprintf(text, sizeof(text), "write to --status-fd: %s",
	    strerror(err));
	/* What has that status is worse. */
	if (o->r.code >= CMD_TIMEOUT)
		say(SAY_ERROR, "%s", text);
	else if (err == EPIPE)
		o->r.code = CMD_PIPE;
	else
		fail_here(o, text);
}

static void
one_finish(struct one *o)
{
	struct call *c = o->c;

	if (o->lost_output[0] != '\0')
		fail_here(o, o->lost_output);
	if (o->no_reader)
		o->r.code = CMD_PIPE;
	if (c->signo != 0)
		o->r.code = CMD_SIGNAL + c->signo;
	tell_fd(o);
	call_end(c, one_tell(c, &o->r, &o->sinks));
}

static void
on_all_left(void *arg)
{
	one_finish(arg);
}

static void
one_over(struct one *o, const struct result *r)
{
	if (o->over)
		return;
	o->over = true;
	o->inv = NULL;
	o->r = *r;
	o->r.error = r->error != NULL ? strdup(r->error) : NULL;
	mux_timer_at(o->total, UINT64_MAX);
	mux_timer_at(o->idle, UINT64_MAX);
	mux_timer_at(o->again, UINT64_MAX);
	if (o->opened)
		sinks_end(&o->sinks);
	else
		one_finish(o);
}

static void
one_failed(struct one *o, enum result_kind kind, uint32_t err,
    const char *text)
{
	struct result r;

	result_make(&r, kind, err, text);
	one_over(o, &r);
	result_release(&r);
}

/* ---- time ---- */

static uint64_t
now_of(const struct one *o)
{
	return mux_loop_now(o->c->loop);
}

/* Ends what is under way, in whatever state it is. */
static void
one_cancel(struct one *o, uint32_t code, const char *why)
{
	if (o->inv != NULL)
		invoke_cancel(o->inv, code, why);
	else
		one_failed(o, code == MUX_DEADLINE ? RESULT_TIMEOUT :
		    RESULT_CANCELLED, code, why);
}

static void
on_total(struct mux_timer *t, void *arg)
{
	struct one *o = arg;
	char late[CALL_LATE];

	(void)t;
	call_late(o->c, late);
	/* What was answered in time only has to be written yet. */
	if (!o->over)
		one_cancel(o, MUX_DEADLINE, late);
}

static void
on_idle(struct mux_timer *t, void *arg)
{
	struct one *o = arg;
	uint64_t at;

	(void)t;
	if (o->inv == NULL)
		return;
	at = invoke_progress(o->inv);
	/* Whoever reads the answer here may take his time. */
	if (sinks_wait(&o->sinks))
		at = now_of(o);
	if (at + CALL_IDLE_NS > now_of(o))
		mux_timer_at(o->idle, at + CALL_IDLE_NS);
	else
		one_cancel(o, MUX_DEADLINE, "no byte moved for 30 s, the "
		    "limit without -t (-t D: one in all, -t 0: none)");
}

/* ---- one more attempt ---- */

static bool
may_repeat(const struct one *o, const struct result *r)
{
	const struct call_opts *opts = &o->c->opts;

	return o->tries < opts->retry && o->c->signo == 0 && !o->body_used &&
	    o->sinks.bytes == 0 && !o->no_reader &&
	    result_may_repeat(r, opts->idempotent);
}

static bool
repeat(struct one *o, const struct result *r)
{
	if (!may_repeat(o, r))
		return false;
	o->tries++;
	o->waiting = true;
	say(SAY_INFO, "%s (trying again)", r->error != NULL ? r->error : "");
	mux_timer_at(o->again, now_of(o) + call_pause(o->tries));
	return true;
}

static void
on_again(struct mux_timer *t, void *arg)
{
	struct one *o = arg;

	(void)t;
	o->waiting = false;
	call_connect(o->c);
}

/* ---- the call ---- */

static size_t
on_body(struct invoke *inv, const void *p, size_t n, void *arg)
{
	struct one *o = arg;

	(void)inv;
	return sinks_body(&o->sinks, p, n);
}

static size_t
on_err(struct invoke *inv, const void *p, size_t n, void *arg)
{
	struct one *o = arg;

	(void)inv;
	return sinks_err(&o->sinks, p, n);
}

static void
on_done(struct invoke *inv, const struct result *r, void *arg)
{
	struct one *o = arg;
	struct result late = *r;
	char text[CALL_LATE];

	o->body_used = !o->body.again && !invoke_untouched(inv);
	o->inv = NULL;
	/* Whoever looked at the clock first, it is our limit. */
	if (r->kind == RESULT_TIMEOUT && now_of(o) >= o->until) {
		call_late(o->c, text);
		late.error = text;
	}
	if (!repeat(o, &late))
		one_over(o, &late);
}

static const struct invoke_ops invoke_ops = {
	.body = on_body,
	.err = on_err,
	.done = on_done
};

static const struct invoke_ops oneway_ops = { .done = on_done };

static void
on_left(size_t body, size_t err, void *arg)
{
	struct one *o = arg;

	if (o->inv != NULL)
		invoke_consume(o->inv, body, err);
}

/* Bytes of the answer cannot go where they belong. */
static void
on_unwritable(const char *name, int err, void *arg)
{
	struct one *o = arg;
	char text[400];

	/* As with any program: messages that nobody reads are no reason. */
	if (err == EPIPE && name == o->sinks.err.name)
		return;
	snprintf(text, sizeof(text), "write to %.300s: %s", name,
	    strerror(err));
	if (err == EPIPE)
		o->no_reader = true;
	else if (o->lost_output[0] == '\0')
		strlcpy(o->lost_output, text, sizeof(o->lost_output));
	if (o->inv != NULL)
		invoke_cancel(o->inv, err == EPIPE ? MUX_CANCELLED :
		    MUX_INTERNAL, text);
}

static const struct sinks_ops sinks_ops = {
	on_left, on_unwritable, on_all_left
};

/* ---- beginning ---- */

/* Why a call could not even be begun. */
static void
one_refused(struct one *o, int err)
{
	char text[120];

	if (err == MUX_E_INVAL)
		one_failed(o, RESULT_REFUSED, MUX_TOO_LARGE, "too large: at "
		    "most 1024 arguments, 64K of them and 64K of metadata");
	else if (err == MUX_E_LIMIT)
		one_failed(o, RESULT_REFUSED, MUX_REFUSED,
		    "the server takes no calls");
	else if (err == MUX_E_CLOSED)
		one_failed(o, RESULT_NOT_SENT, MUX_UNAVAILABLE,
		    "the server takes no new calls");
	else {
		snprintf(text, sizeof(text), "%s", err == MUX_E_IO ?
		    strerror(errno) : mux_strerror(err));
		one_failed(o, RESULT_ERROR, MUX_INTERNAL, text);
	}
}

static int
one_start(struct one *o)
{
	struct call *c = o->c;
	struct invoke_spec spec = {
		.body_fd = o->body.fd,
		.body_inherited = o->body.inherited,
		.want_err = !c->opts.oneway &&
		    c->opts.stderr_to != CALL_STDERR_DROP,
		.since = c->since
	};

	call_request(c, &spec.q);
	spec.q.body = o->body.p;
	spec.q.body_len = o->body.len;
	if (o->until != UINT64_MAX)
		spec.q.deadline = o->until > now_of(o) ?
		    o->until - now_of(o) : 1;
	return invoke_start(call_conn(c), &spec, c->opts.oneway ?
	    &oneway_ops : &invoke_ops, o, &o->inv);
}

/* 0, or an exit status, and it has been said. */
static int
one_prepare(struct one *o)
{
	struct call *c = o->c;
	int r = 0;

	if ((r = call_check_legacy(c)) != 0)
		return r;
	if (!o->opened)
		r = sinks_open(&o->sinks, c->loop, &c->opts, &sinks_ops, o);
	o->opened = true;
	if (r == 0 && o->body_gone)
		r = call_body(c, &o->body);
	return r;
}

static void
one_ready(struct call *c)
{
	struct one *o = c->mode_data;
	int err, r;

	if ((r = one_prepare(o)) != 0) {
		call_end(c, r);
		return;
	}
	if ((err = one_start(o)) != 0) {
		one_refused(o, err);
		return;
	}
	if (o->body.fd >= 0) {
		o->body.fd = -1;
		o->body_gone = true;
	}
	if (c->com.timeout == OPT_UNSET && !c->opts.oneway)
		mux_timer_at(o->idle, now_of(o) + CALL_IDLE_NS);
}

static void
one_lost(struct call *c, int err, const struct mux_why *why)
{
	struct one *o = c->mode_data;
	struct result r;

	/* What was under way has been told. */
	if (o->over || o->inv != NULL || o->waiting)
		return;
	if (err == MUX_E_NOMEM)
		result_make(&r, RESULT_ERROR, MUX_INTERNAL, why->text);
	else
		result_make(&r, RESULT_NOT_SENT, MUX_CARRIER_LOST,
		    why->text);
	if (!repeat(o, &r))
		one_over(o, &r);
	result_release(&r);
}

static void
one_stop(struct call *c)
{
	struct one *o = c->mode_data;

	if (o->over)
		one_finish(o);
	else
		one_cancel(o, MUX_CANCELLED, "interrupted");
}

/* ---- --oneway ---- */

/*
 * A server ends what nobody waits for.  So somebody does: the process that was
 * started returns when this one is "ready", and this one stays with the call.
 */
static void
on_leave(struct mux_task *t, void *arg)
{
	struct one *o = arg;
	int r;

	(void)t;
	if (!o->over && (r = life_ready()) >= 0)
		call_end(o->c, r);
}

static int
begin_oneway(struct one *o)
{
	struct call *c = o->c;
	int r;

	/* What goes on alone must not hold what others wait for. */
	life_keep(o->body.fd);
	life_keep_addr(c->addr);
	/* Whose service we may be part of is not ready with us. */
	unsetenv("NOTIFY_SOCKET");
	c->com.background = "";
	if ((r = life_begin(&c->com)) < 0)
		return 0;
	o->elsewhere = true;
	call_end(c, r);
	return 0;
}

/* The last frame of the request is on its way. */
static void
on_tap(struct mux_conn *conn, const struct mux_tap *tap, void *arg)
{
	const struct one *o = ((struct call *)arg)->mode_data;

	(void)conn;
	if (tap->out && tap->type == MUX_FRAME_REQUEST &&
	    (tap->flags & MUX_FRAME_MORE) == 0)
		mux_task_run(o->leave);
}

/* ---- options, memory ---- */

static int
one_check(struct call *c)
{
	struct call_opts *o = &c->opts;

	if (o->list || o->describe != NULL) {
		if (o->method != NULL || o->data.n > 0 || o->oneway)
			return say_exit(CMD_USAGE, "%s goes with no method, "
			    "body or --oneway", o->list ? "--list" :
			    "--describe");
		o->method = "mux.methods";
	}
	if (o->method == NULL)
		return say_exit(CMD_USAGE, "expected a method "
		    "(--list: which there are)");
	if (o->oneway && (o->json || o->output != NULL || o->status_fd >= 0 ||
	    o->stderr_word != NULL))
		return say_exit(CMD_USAGE, "--oneway awaits no answer: it "
		    "does not go with -o, --json, --status-fd, --stderr");
	return 0;
}

static int
one_begin(struct call *c)
{
	struct one *o = calloc(1, sizeof(*o));
	int r;

	if (o == NULL)
		return say_exit(CMD_USAGE, "out of memory");
	c->mode_data = o;
	o->c = c;
	o->until = UINT64_MAX;
	/* Opening a pipe can take long; it can still be interrupted. */
	if ((r = call_body(c, &o->body)) != 0)
		return r;
	return c->opts.oneway ? begin_oneway(o) : 0;
}

static int
one_watch(struct call *c)
{
	struct one *o = c->mode_data;

	if (mux_timer_new(c->loop, on_total, o, &o->total) != 0 ||
	    mux_timer_new(c->loop, on_idle, o, &o->idle) != 0 ||
	    mux_timer_new(c->loop, on_again, o, &o->again) != 0 ||
	    mux_task_new(c->loop, on_leave, o, &o->leave) != 0)
		return say_exit(CMD_USAGE, "out of memory");
	if (c->com.timeout != OPT_UNSET && c->com.timeout != 0) {
		o->until = c->since + c->com.timeout;
		mux_timer_at(o->total, o->until);
	}
	return 0;
}

static void
one_release(struct call *c)
{
	struct one *o = c->mode_data;

	if (o == NULL)
		return;
	invoke_free(o->inv);
	sinks_release(&o->sinks);
	if (o->body.fd >= 0)
		close(o->body.fd);
	result_release(&o->r);
	if (o->leave != NULL)
		mux_task_free(o->leave);
	if (o->total != NULL)
		mux_timer_free(o->total);
	if (o->idle != NULL)
		mux_timer_free(o->idle);
	if (o->again != NULL)
		mux_timer_free(o->again);
	if (c->opts.oneway && !o->elsewhere)
		life_end();
	free(o);
}

const struct call_mode call_one = {
	.check = one_check, .begin = one_begin, .watch = one_watch,
	.ready = one_ready, .lost = one_lost, .stop = one_stop,
	.release = one_release
};

const struct call_mode call_oneway = {
	.check = one_check, .begin = one_begin, .watch = one_watch,
	.ready = one_ready, .lost = one_lost, .stop = one_stop,
	.release = one_release, .tap = on_tap
};
