/*
 * tunnel.c - muxctl tunnel: one connection to a server, and what it carries.
 * Its rooms: tunnel_opts.c reads the options, link.c has the connection,
 * locals.c listeners and streams, inout.c -W, stop.c the reasons to end.
 *
 * Invariant: nobody is told that the tunnel is ready, and nothing is accepted,
 * before HELLO is done; and it ends with 0 only if it was asked to end.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "carrier.h"
#include "cmd.h"
#include "inout.h"
#include "life.h"
#include "link.h"
#include "listen.h"
#include "locals.h"
#include "proc.h"
#include "stop.h"
#include "tunnel.h"

struct tunnel {
	struct tunnel_opts opts;
	struct opt_common com;
	struct mux_config cfg;
	struct mux_addr *addr;
	struct mux_loop *loop;
	struct stop *stop;
	struct mux_timer *timeout;
	struct link *link;
	struct inout inout;
	struct locals locals;
	struct uids uids;
	int status;		/* what to exit with in the end */
	bool ready;
};

static int cmd_tunnel(int argc, char **argv);

const struct verb verb_tunnel = {
	.name = "tunnel",
	.main = cmd_tunnel,
	.synopsis = "tunnel [-a ADDR] -L SPEC... [OPTION]...\n"
	    "tunnel [-a ADDR] -W TARGET [OPTION]...",
	.about = "carry local connections to targets of a server",
	.opts = tunnel_opts_table,
	.common = COMMON_LOG | COMMON_DIAL | COMMON_TIMEOUT | COMMON_SERVICE
};

/* ---- the end ---- */

/* Ends as soon as nothing is left that could still be finished. */
static void
tunnel_check(struct tunnel *t)
{
	stop_idle(t->stop, t->locals.n_flows == 0);
	if (t->locals.n_flows == 0 && link_is_over(t->link) &&
	    stop_draining(t->stop))
		mux_loop_stop(t->loop, t->status);
}

/* The first reason is the one to exit with. */
static void
tunnel_fail(struct tunnel *t, int status, const char *why)
{
	if (t->status == 0)
		t->status = status;
	stop_drain(t->stop, why);
	tunnel_check(t);
}

static void
on_drain(const char *why, void *arg)
{
	struct tunnel *t = arg;

	(void)why;
	/* Whoever waits for us to be ready must not take this for it. */
	if (!t->ready && t->status == 0)
		t->status = say_exit(CMD_FAIL, "ended before it was ready");
	locals_close(&t->locals);
	if (link_conn(t->link) != NULL) {
		mux_conn_drain(link_conn(t->link), stop_grace(t->stop));
	} else {
		link_free(t->link);
		t->link = NULL;
	}
	tunnel_check(t);
}

static void
on_abort(void *arg)
{
	struct tunnel *t = arg;

	mux_loop_stop(t->loop, t->status != 0 ? t->status : CMD_FAIL);
}

static void
on_timeout(struct mux_timer *timer, void *arg)
{
	struct tunnel *t = arg;
	char within[OPT_WITHIN];

	(void)timer;
	opt_within(&t->com, within);
	t->status = say_exit(CMD_TIMEOUT, "%s: %s %s",
	    mux_addr_str(t->addr), t->ready ? "no end" : "not ready", within);
	mux_loop_stop(t->loop, t->status);
}

static void
on_state(FILE *out, void *arg)
{
	const struct tunnel *t = arg;

	if (link_conn(t->link) != NULL)
		flow_conn_state(link_conn(t->link), 1, mux_addr_str(t->addr),
		    link_age(t->link), out);
	locals_state(&t->locals, out);
}

static const struct stop_ops stop_ops = {
	on_drain, on_abort, NULL, on_state, NULL
};

/* ---- streams ---- */

static void
on_first_stream(void *arg)
{
	struct tunnel *t = arg;

	stop_idle(t->stop, false);
}

/* Of listeners that give one connection each: the status is theirs, and when
 * all of them have ended so do we. */
static void
single_ended(struct tunnel *t, const struct mux_relay_end *end)
{
	int status = inout_status(end);

	if (t->status == 0 && status != CMD_LOST && status != CMD_PIPE)
		t->status = status;
	if (locals_over(&t->locals))
		stop_drain(t->stop, "the connection is over");
}

static void
on_stream_ended(const struct mux_relay_end *end, void *arg)
{
	struct tunnel *t = arg;

	if (t->inout.target != NULL)
		inout_ended(&t->inout, end);
	else if (locals_single(&t->locals))
		single_ended(t, end);
	tunnel_check(t);
}

static void
on_inout_over(int status, void *arg)
{
	struct tunnel *t = arg;

	tunnel_fail(t, status, "the stream is over");
	/* With its reader gone there is nothing that a drain could finish. */
	if (status == CMD_PIPE)
		mux_loop_stop(t->loop, t->status);
}

static void
on_stopped(void *arg)
{
	struct tunnel *t = arg;

	inout_stopped(&t->inout);
}

/* ---- the connection ---- */

static int
become_ready(struct tunnel *t)
{
	int r;

	if ((r = locals_listen(&t->locals)) != 0 ||
	    (t->inout.target != NULL && (r = inout_start(&t->inout)) != 0))
		return r;
	return life_ready();
}

static void
on_ready(struct mux_conn *c, void *arg)
{
	struct tunnel *t = arg;
	int r;

	if (mux_session_mode(mux_conn_session(c)) != MUX_MODE_EXTENDED) {
		r = say_exit(CMD_LOST, "%s answers, but speaks the plain "
		    "protocol, which has no targets (a plain PONG came "
		    "instead of HELLO)", mux_addr_str(t->addr));
		tunnel_fail(t, r, "no targets there");
		return;
	}
	t->locals.conn = c;
	if ((r = become_ready(t)) != -1) {
		tunnel_fail(t, r, "not ready");
		return;
	}
	t->ready = true;
	stop_idle(t->stop, t->inout.target == NULL);
}

static void
on_peer_drain(struct mux_conn *c, void *arg)
{
	struct tunnel *t = arg;

	(void)c;
	say(SAY_INFO, "%s: the server takes no new streams",
	    mux_addr_str(t->addr));
	locals_close(&t->locals);
}

static void
on_closed(int err, const struct mux_why *why, void *arg)
{
	struct tunnel *t = arg;

	/* A drain that was asked for is the one good end. */
	if (t->status == 0 && (!t->ready || err != MUX_E_DONE ||
	    !stop_draining(t->stop)))
		t->status = say_exit(err == MUX_E_NOMEM ? CMD_USAGE :
		    CMD_LOST, "%s", why->text);
	locals_lost(&t->locals);
	stop_drain(t->stop, "the connection is over");
	tunnel_check(t);
}

static const struct link_ops link_ops = {
	.ready = on_ready,
	.closed = on_closed,
	.drain = on_peer_drain
};

/* ---- the whole ---- */

static int
start_rooms(struct tunnel *t)
{
	const struct stop_opts so = { t->opts.grace, t->opts.idle_exit };
	struct mux_why why;

	t->locals.loop = t->loop;
	t->locals.level = t->inout.target != NULL ? SAY_INFO : SAY_NOTE;
	t->locals.began = on_first_stream;
	t->locals.ended = on_stream_ended;
	t->locals.stopped = t->inout.target != NULL ? on_stopped : NULL;
	t->locals.arg = t;
	t->inout.loop = t->loop;
	t->inout.locals = &t->locals;
	t->inout.over = on_inout_over;
	t->inout.arg = t;
	if (mux_timer_new(t->loop, on_timeout, t, &t->timeout) != 0)
		return say_exit(CMD_USAGE, "out of memory");
	if (stop_new(t->loop, &so, &stop_ops, t, &t->stop, &why) != 0)
		return say_exit(CMD_USAGE, "%s", why.text);
	return 0;
}

static int
tunnel_run(struct tunnel *t)
{
	const struct carrier_opts co = {
		t->addr, t->opts.connect_timeout, t->com.wait
	};
	int r;

	proc_raise_nofile();
	if (mux_loop_new(&t->loop) != 0)
		return say_exit(CMD_USAGE, "start-up: %s", strerror(errno));
	if ((r = start_rooms(t)) != 0)
		return r;
	if (t->com.timeout != OPT_UNSET && t->com.timeout != 0)
		mux_timer_at(t->timeout, mux_loop_now(t->loop) +
		    t->com.timeout);
	if (link_start(t->loop, &co, &t->cfg, &link_ops, t, &t->link) != 0)
		return say_exit(CMD_USAGE, "out of memory");
	r = mux_loop_run(t->loop);
	return r >= 0 ? r : say_exit(CMD_USAGE, "loop: %s", strerror(errno));
}

static void
tunnel_release(struct tunnel *t)
{
	if (t->loop != NULL) {
		if (link_conn(t->link) != NULL)
			locals_lost(&t->locals);
		link_free(t->link);
		locals_release(&t->locals);
		stop_free(t->stop);
		inout_stop(&t->inout);
		mux_timer_free(t->timeout);
		mux_loop_free(t->loop);
	} else
		locals_release(&t->locals);
	mux_addr_free(t->addr);
	free(t->inout.target);
	uids_free(&t->uids);
}

static int
tunnel_read(struct tunnel *t, int argc, char **argv)
{
	struct opt_rest rest;
	int r;

	if ((r = opt_parse(&verb_tunnel, argc, argv, &t->opts, &t->com,
	    &rest)) >= 0)
		return r;
	if ((r = tunnel_opts_check(&t->opts, &rest, &t->com)) != 0 ||
	    (r = tunnel_opts_config(&t->opts, &t->cfg)) != 0 ||
	    (r = uids_read(t->opts.allow_uid, &t->uids)) != 0 ||
	    (r = tunnel_opts_locals(&t->opts, &t->locals)) != 0 ||
	    (t->opts.stdio != NULL &&
	    (r = tunnel_opts_target(t->opts.stdio, &t->inout.target)) != 0) ||
	    (r = carrier_addr(&t->com, &t->addr)) != 0)
		return r;
	t->locals.uids = &t->uids;
	life_keep_addr(t->addr);
	return -1;
}

static int
cmd_tunnel(int argc, char **argv)
{
	struct tunnel t = { 0 };
	int r;

	tunnel_opts_init(&t.opts);
	locals_init(&t.locals);
	r = tunnel_read(&t, argc, argv);
	if (r < 0 && (r = life_begin(&t.com)) < 0) {
		r = tunnel_run(&t);
		life_end();
	}
	tunnel_release(&t);
	return r;
}
