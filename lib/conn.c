/*
 * conn.c - the life of a connection: a session on the descriptors of its
 * carrier, its task and timer, its end.  The bytes are conn_io.c's.
 *
 * Invariant: the owner may free it at any time; while a call of ours is on
 * the stack that is only noted, and done when the last one returns.
 */
#include <sys/socket.h>

#include <bsd/string.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>

#include "conn_int.h"
#include "why.h"

#define FAREWELL_NS	NS_PER_S
#define NOTSENT_LOWAT	(128 * 1024)

static const struct mux_conn_ops no_ops = { .size = sizeof(no_ops) };

/* ---- what its users may ask ---- */

void
conn_join(struct mux_conn *c, struct conn_user *u,
    const struct conn_user_ops *ops)
{
	u->ops = ops;
	u->is_later = false;
	TAILQ_INSERT_TAIL(&c->users, u, link);
}

void
conn_leave(struct mux_conn *c, struct conn_user *u)
{
	TAILQ_REMOVE(u->is_later ? &c->later : &c->users, u, link);
	u->is_later = false;
}

void
conn_later(struct mux_conn *c, struct conn_user *u)
{
	if (u->is_later)
		return;
	TAILQ_REMOVE(&c->users, u, link);
	TAILQ_INSERT_TAIL(&c->later, u, link);
	u->is_later = true;
	mux_task_run(c->task);
}

bool
conn_splices(const struct mux_conn *c)
{
	return c->splices;
}

struct pipe *
conn_pipe(struct mux_conn *c, struct pipe *p)
{
	if (!c->splices)
		return NULL;
	if (p->rd < 0 && pipe_make(p) != 0) {
		c->splices = false;
		return NULL;
	}
	return p;
}

struct pipe *
conn_out_pipe(struct mux_conn *c)
{
	return conn_pipe(c, &c->out_pipe);
}

bool
conn_is_over(const struct mux_conn *c)
{
	return c->state != CONN_LIVE || c->freed;
}

/* ---- the end ---- */

static void
run_later(struct mux_conn *c)
{
	struct conn_user *u;

	while ((u = TAILQ_FIRST(&c->later)) != NULL) {
		TAILQ_REMOVE(&c->later, u, link);
		TAILQ_INSERT_TAIL(&c->users, u, link);
		u->is_later = false;
		u->ops->later(u);
	}
}

static void
stop_watching(struct mux_conn *c)
{
	if (c->out_watch != c->in_watch)
		mux_watch_free(c->out_watch);
	mux_watch_free(c->in_watch);
	c->in_watch = c->out_watch = NULL;
}

static void
conn_destroy(struct mux_conn *c)
{
	struct mux_session *s = c->session;
	struct conn_user *u;

	/* The streams' owners are told here, and may call anything. */
	c->busy++;
	mux_session_free(s);
	c->session = NULL;
	run_later(c);
	while ((u = TAILQ_FIRST(&c->users)) != NULL) {
		conn_leave(c, u);
		u->ops->gone(u);
	}
	stop_watching(c);
	mux_timer_free(c->timer);
	mux_task_free(c->task);
	pipe_release(&c->in_pipe);
	pipe_release(&c->out_pipe);
	duplex_close(&c->io);
	free(c->block);
	free(c);
}

static void
enter(struct mux_conn *c)
{
	c->busy++;
}

static void
set_timer(struct mux_conn *c)
{
	uint64_t at = NEVER;

	if (c->state == CONN_LIVE)
		at = mux_session_deadline(c->session);
	else if (c->state == CONN_FAREWELL)
		at = c->farewell_at;
	if (at == c->timer_at)
		return;
	c->timer_at = at;
	mux_timer_at(c->timer, at);
}

static void
leave(struct mux_conn *c)
{
	if (--c->busy > 0)
		return;
	if (c->freed)
		conn_destroy(c);
	else
		set_timer(c);
}

static void
explain(const struct mux_conn *c, struct mux_why *why)
{
	const char *text = mux_session_error(c->session);

	if (c->os_err != 0)
		text = strerror(c->os_err);
	else if (text[0] == '\0')
		text = mux_strerror(c->err);
	why_set(why, c->os_err, mux_session_code(c->session), "%s: %s",
	    c->peer, text);
}

void
conn_over(struct mux_conn *c)
{
	struct mux_why why;

	assert(c->state == CONN_FAREWELL);
	c->state = CONN_OVER;
	stop_watching(c);
	duplex_close(&c->io);
	run_later(c);
	explain(c, &why);
	if (c->ops->closed != NULL)
		c->ops->closed(c, c->err, &why, c->arg);
}

void
conn_fail(struct mux_conn *c, int err)
{
	if (c->state != CONN_LIVE)
		return;
	c->state = CONN_FAREWELL;
	c->err = err;
	c->farewell_at = mux_loop_now(c->loop) + FAREWELL_NS;
	mux_task_run(c->task);
}

/* Does nobody take what we write? */
static bool
out_is_gone(const struct mux_conn *c)
{
	return c->out_over || c->out_watch == NULL ||
	    (mux_watch_state(c->out_watch) & (MUX_HANGUP | MUX_ERROR)) != 0;
}

/* A client that dies while it listens says nothing more; an answer that takes
 * its time may never be written, so that only probes find out. */
static void
probe(const struct mux_conn *c)
{
	const int on = 1, idle = 30, interval = 10;

	if (c->io.out_kind != FD_TCP)
		return;
	setsockopt(c->io.out, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	setsockopt(c->io.out, IPPROTO_TCP, TCP_KEEPINTVL, &interval,
	    sizeof(interval));
	setsockopt(c->io.out, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
}

/* The end of what comes in: 0 if the session has still to be pulled. */
static int
end_input(struct mux_conn *c, bool gone)
{
	uint64_t now = mux_loop_now(c->loop);
	int err = mux_session_feed_eof(c->session, now);

	return err == 0 && gone ? mux_session_feed_eof(c->session, now) : err;
}

void
conn_lost(struct mux_conn *c, int os_err)
{
	int err;

	c->in_over = true;
	/* What a write met, a read finds no more: it sees a plain end. */
	if (os_err == 0)
		os_err = c->write_err;
	if (os_err != 0)
		c->out_over = true;
	if (c->state != CONN_LIVE) {
		mux_task_run(c->task);
		return;
	}
	c->os_err = os_err;
	err = end_input(c, os_err != 0 || out_is_gone(c));
	if (err == 0) {
		probe(c);
		mux_task_run(c->task);
		return;
	}
	if (err == MUX_E_DONE && os_err != 0)
		err = MUX_E_LOST;
	if (err != MUX_E_DONE)
		c->out_over = true;	/* nobody is there to read */
	conn_fail(c, err);
}

/* ---- the turn ---- */

/* Whoever waits for the limit of streams: frames went out, or came. */
static void
tell_room(struct mux_conn *c)
{
	void (*room)(struct mux_conn *, void *) = c->room;

	if (room == NULL || conn_is_over(c) || !mux_session_room(c->session))
		return;
	c->room = NULL;
	room(c, c->room_arg);
}

static void
on_task(struct mux_task *task, void *arg)
{
	struct mux_conn *c = arg;

	(void)task;
	enter(c);
	if (c->state == CONN_LIVE)
		conn_flush(c);
	if (c->state == CONN_FAREWELL)
		conn_farewell(c);
	run_later(c);
	tell_room(c);
	leave(c);
}

static void
on_watch(struct mux_watch *w, unsigned ready, void *arg)
{
	struct mux_conn *c = arg;

	enter(c);
	if (w == c->in_watch && (ready & MUX_READABLE))
		conn_read(c);
	/* who only listened has gone: no read will say so */
	if (c->state == CONN_LIVE && c->in_over && out_is_gone(c))
		conn_lost(c, 0);
	mux_task_run(c->task);
	leave(c);
}

static void
on_timer(struct mux_timer *t, void *arg)
{
	struct mux_conn *c = arg;
	int err;

	(void)t;
	enter(c);
	c->timer_at = NEVER;
	if (c->state == CONN_LIVE) {
		err = mux_session_tick(c->session, mux_loop_now(c->loop));
		if (err < 0)
			conn_fail(c, err);
		mux_task_run(c->task);
	} else if (c->state == CONN_FAREWELL) {
		conn_over(c);
	}
	leave(c);
}

/* ---- callbacks of the session ---- */

static void
on_ready(struct mux_session *s, void *arg)
{
	struct mux_conn *c = arg;

	(void)s;
	if (c->ops->ready != NULL)
		c->ops->ready(c, c->arg);
}

static void
on_open(struct mux_session *s, struct mux_stream *st,
    const struct mux_open *o, void *arg)
{
	struct mux_conn *c = arg;

	(void)s;
	if (c->ops->open != NULL)
		c->ops->open(c, st, o, c->arg);
}

static void
on_call(struct mux_session *s, struct mux_call *call,
    const struct mux_request *q, void *arg)
{
	struct mux_conn *c = arg;

	(void)s;
	/* As for the tap: its owner may have gone. */
	if (c->ops->call != NULL)
		c->ops->call(c, call, q, c->arg);
}

static void
on_drain(struct mux_session *s, void *arg)
{
	struct mux_conn *c = arg;

	(void)s;
	if (c->ops->drain != NULL)
		c->ops->drain(c, c->arg);
}

static void
on_wake(struct mux_session *s, void *arg)
{
	struct mux_conn *c = arg;

	(void)s;
	mux_task_run(c->task);
}

static void
on_tap(struct mux_session *s, const struct mux_tap *tap, void *arg)
{
	struct mux_conn *c = arg;

	(void)s;
	/* There was one, but the owner may have gone by now. */
	if (c->ops->tap != NULL)
		c->ops->tap(c, tap, c->arg);
}

/* The session asks what there is, and does without the rest. */
static void
hear(struct mux_conn *c)
{
	c->heard = (struct mux_session_ops){
		.size = sizeof(c->heard),
		.ready = on_ready,
		.open = on_open,
		.call = c->ops->call != NULL ? on_call : NULL,
		.drain = on_drain,
		.wake = on_wake,
		.tap = c->ops->tap != NULL ? on_tap : NULL
	};
}

/* ---- public ---- */

/* splice(2) to a closed socket raises SIGPIPE and has no flag against it. */
static bool
sigpipe_kills(void)
{
	struct sigaction sa;

	return sigaction(SIGPIPE, NULL, &sa) != 0 ||
	    sa.sa_handler == SIG_DFL;
}

static void
tune(const struct duplex *d, const struct mux_config *cfg)
{
	uint64_t ms = cfg->keepalive == 0 ? 30000 :
	    cfg->keepalive / NS_PER_MS;
	unsigned timeout;
	int lowat = NOTSENT_LOWAT;

	if (d->out_kind != FD_TCP)
		return;
	/* Bytes that are late to leave can still be overtaken. */
	setsockopt(d->out, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &lowat,
	    sizeof(lowat));
	if (cfg->keepalive == NEVER)
		return;
	/* Backs up the keepalive, so it comes after its last ping. */
	timeout = (unsigned)min_u64(5 * ms, 3600000);
	setsockopt(d->out, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout,
	    sizeof(timeout));
}

static int
start_watching(struct mux_conn *c)
{
	int err;

	err = mux_watch_new(c->loop, c->io.in, on_watch, c, &c->in_watch);
	if (err < 0)
		return err;
	c->out_watch = c->in_watch;
	if (c->io.out == c->io.in)
		return 0;
	return mux_watch_new(c->loop, c->io.out, on_watch, c, &c->out_watch);
}

static struct mux_conn *
conn_alloc(struct mux_loop *loop, const struct mux_conn_ops *ops, void *arg)
{
	struct mux_conn *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->loop = loop;
	c->ops = ops;
	c->arg = arg;
	hear(c);
	c->timer_at = NEVER;
	duplex_init(&c->io);
	pipe_init(&c->in_pipe);
	pipe_init(&c->out_pipe);
	TAILQ_INIT(&c->users);
	TAILQ_INIT(&c->later);
	return c;
}

static int
conn_start(struct mux_conn *c, const struct mux_ends *ends,
    const struct mux_config *cfg)
{
	int err;

	err = mux_task_new(c->loop, on_task, c, &c->task);
	if (err == 0)
		err = mux_timer_new(c->loop, on_timer, c, &c->timer);
	if (err == 0)
		err = mux_session_new(cfg, &c->heard, c, mux_loop_now(c->loop),
		    &c->session);
	if (err == 0 && duplex_take(&c->io, ends) != 0)
		err = MUX_E_IO;
	if (err == 0)
		err = start_watching(c);
	return err;
}

int
mux_conn_new(struct mux_loop *loop, const struct mux_ends *ends,
    const struct mux_config *cfg, const struct mux_conn_ops *ops, void *arg,
    struct mux_conn **out)
{
	struct mux_conn *c;
	int err;

	if (ops->size != sizeof(*ops))
		return MUX_E_INVAL;
	c = conn_alloc(loop, ops, arg);
	if (c == NULL)
		return MUX_E_NOMEM;
	err = conn_start(c, ends, cfg);
	if (err < 0) {
		stop_watching(c);
		duplex_give_back(&c->io);
		c->ops = &no_ops;
		conn_destroy(c);
		return err;
	}
	strlcpy(c->peer, ends->peer, sizeof(c->peer));
	c->splices = c->io.in_splice && c->io.out_splice && !sigpipe_kills();
	tune(&c->io, cfg);
	set_timer(c);
	mux_task_run(c->task);
	*out = c;
	return 0;
}

void
mux_conn_free(struct mux_conn *c)
{
	if (c == NULL || c->freed)
		return;
	c->freed = true;
	c->ops = &no_ops;
	if (c->busy == 0)
		conn_destroy(c);
}

struct mux_session *
mux_conn_session(const struct mux_conn *c)
{
	return c->session;
}

struct mux_loop *
mux_conn_loop(const struct mux_conn *c)
{
	return c->loop;
}

const char *
mux_conn_peer(const struct mux_conn *c)
{
	return c->peer;
}

void *
mux_conn_arg(const struct mux_conn *c)
{
	return c->arg;
}

void
mux_conn_drain(struct mux_conn *c, uint64_t grace)
{
	if (conn_is_over(c))
		return;
	enter(c);
	mux_session_drain(c->session, grace, mux_loop_now(c->loop));
	c->must_pull = true;
	mux_task_run(c->task);
	leave(c);
}

void
mux_conn_abort(struct mux_conn *c, uint32_t code, const char *text)
{
	if (conn_is_over(c))
		return;
	enter(c);
	mux_session_abort(c->session, code, text);
	c->must_pull = true;
	mux_task_run(c->task);
	leave(c);
}

void
mux_conn_on_room(struct mux_conn *c,
    void (*room)(struct mux_conn *, void *), void *arg)
{
	c->room = room;
	c->room_arg = arg;
	mux_task_run(c->task);
}

void
mux_conn_copy_only(struct mux_conn *c)
{
	c->splices = false;
}
