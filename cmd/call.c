/*
 * call.c - muxctl call: reads the options, reaches the server, and lets one
 * of its modes use the connection (call.h).  It makes no call itself.
 * Invariant: whoever is interrupted dies of the signal, after the work on the
 * other side was called off, so that loops of shells end, too.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "carrier.h"
#include "cmd.h"
#include "flow.h"
#include "invoke.h"
#include "out.h"

static int cmd_call(int argc, char **argv);

const struct verb verb_call = {
	.name = "call",
	.main = cmd_call,
	.synopsis = "call [OPTION]... METHOD [OPTION]... [ARG]... [-]\n"
	    "call [OPTION]... -- METHOD [ARG]...\n"
	    "call [-a ADDR] --bench N [-P N] [--rate N] [--fail-if EXPR] "
	    "METHOD [ARG]...\n"
	    "call [-a ADDR] --batch[=FILE] [OPTION]... [METHOD [ARG]...]\n"
	    "call [-a ADDR] --list | --describe METHOD",
	.about = "call a method of a server",
	.opts = call_opts_table,
	.common = COMMON_LOG | COMMON_DIAL | COMMON_TIMEOUT,
	.mixed = 1
};

static const int signals[] = { SIGINT, SIGTERM, SIGHUP };

#define RETRY_NS	UINT64_C(100000000)
#define RETRY_MAX_NS	UINT64_C(5000000000)
#define N_SIGNALS	(sizeof(signals) / sizeof(signals[0]))

/* ---- what modes use ---- */

struct mux_conn *
call_conn(const struct call *c)
{
	return link_conn(c->link);
}

bool
call_is_legacy(const struct call *c)
{
	return mux_session_mode(mux_conn_session(call_conn(c))) ==
	    MUX_MODE_LEGACY;
}

int
call_check_legacy(const struct call *c)
{
	const struct call_opts *opts = &c->opts;
	const char *addr = mux_addr_str(c->addr);

	if (!call_is_legacy(c))
		return 0;
	if (opts->list || opts->describe != NULL)
		return say_exit(CMD_REFUSED, "%s speaks the plain protocol, "
		    "which has no methods", addr);
	if (opts->n_args > 0)
		return say_exit(CMD_USAGE, "%s: %s speaks the plain protocol, "
		    "which has no arguments", opts->method, addr);
	say(SAY_INFO, "%s: %s speaks the plain protocol: the method%s not "
	    "sent", opts->method, addr, opts->meta.n > 0 ?
	    " and the metadata are" : " is");
	return 0;
}

uint64_t
call_pause(int64_t tries)
{
	uint64_t wait = RETRY_NS;

	for (; tries > 1 && wait < RETRY_MAX_NS; tries--)
		wait *= 2;
	return wait < RETRY_MAX_NS ? wait : RETRY_MAX_NS;
}

void
call_late(const struct call *c, char buf[CALL_LATE])
{
	char within[OPT_WITHIN];

	opt_within(&c->com, within);
	snprintf(buf, CALL_LATE, "no end %s", within);
}

void
call_end(struct call *c, int status)
{
	if (c->ended)
		return;
	c->ended = true;
	c->status = status;
	if (c->loop != NULL)
		mux_loop_stop(c->loop, status);
}

void
call_say(const struct call *c, const char *method, const struct result *r)
{
	const char *addr = mux_addr_str(c->addr);
	const char *error = r->error != NULL ? r->error :
	    result_kind_name(r->kind);

	if (method == NULL)
		method = c->opts.method;
	/* Some say where it is by themselves. */
	if (strstr(error, addr) != NULL)
		say(SAY_ERROR, "%s: %s", method, error);
	else
		say(SAY_ERROR, "%s: %s (%s)", method, error, addr);
}

/* ---- the connection ---- */

static void
on_ready(struct mux_conn *conn, void *arg)
{
	struct call *c = arg;

	(void)conn;
	c->mode->ready(c);
}

static void
on_open(struct mux_conn *conn, struct mux_stream *st,
    const struct mux_open *o, void *arg)
{
	const struct call *c = arg;

	if (c->mode->no_invokes || !invoke_open(conn, st, o))
		mux_stream_refuse(st, MUX_UNSUPPORTED, NULL);
}

static void
on_closed(int err, const struct mux_why *why, void *arg)
{
	struct call *c = arg;

	if (!c->ended)
		c->mode->lost(c, err, why);
}

static const struct link_ops link_ops = {
	.ready = on_ready,
	.closed = on_closed,
	.open = on_open,
	.call = invoke_none
};

void
call_connect(struct call *c)
{
	const struct carrier_opts co = {
		c->addr, c->opts.connect_timeout, c->com.wait
	};
	int err;

	link_free(c->link);
	c->link = NULL;
	c->heard = link_ops;
	c->heard.tap = c->mode->tap;
	err = link_start(c->loop, &co, &c->cfg, &c->heard, c, &c->link);
	if (err != 0)
		call_end(c, say_exit(CMD_USAGE, "%s", mux_strerror(err)));
}

/* ---- signals ---- */

static void
on_signal(int signo, void *arg)
{
	struct call *c = arg;

	if (c->signo != 0) {
		call_end(c, CMD_SIGNAL + c->signo);
		return;
	}
	c->signo = signo;
	if (!c->ended)
		c->mode->stop(c);
}

static void
put_call(const struct mux_call *call, FILE *f)
{
	struct mux_stream_stats st;
	struct jout j;

	mux_call_stats(call, &st);
	jout_begin(&j, f);
	jout_str(&j, "event", "state");
	jout_str(&j, "kind", "call");
	jout_u64(&j, "conn", 1);
	jout_u64(&j, "id", mux_call_id(call));
	jout_str(&j, "state", mux_call_state(call));
	flow_credit(&st, &j);
	jout_str(&j, "blocked", st.blocked != NULL ? st.blocked : "");
	jout_end(&j);
}

static void
on_usr1(int signo, void *arg)
{
	const struct call *c = arg;
	const struct mux_conn *conn = call_conn(c);
	struct mux_call *call = NULL;
	char *text = NULL;
	size_t len = 0;
	FILE *f;

	(void)signo;
	if (conn == NULL || (f = open_memstream(&text, &len)) == NULL)
		return;
	flow_conn_state(conn, 1, mux_addr_str(c->addr), link_age(c->link), f);
	while ((call = mux_session_next_call(mux_conn_session(conn),
	    call)) != NULL)
		put_call(call, f);
	/* In one piece: others write there, too. */
	if (fclose(f) == 0)
		out_state(text, len);
	free(text);
}

/* One that was ignored when we were started stays so: nohup, `call &`. */
static int
watch_signals(struct call *c)
{
	struct sigaction sa;
	size_t i;

	for (i = 0; i < N_SIGNALS; i++)
		if (sigaction(signals[i], NULL, &sa) == 0 &&
		    sa.sa_handler != SIG_IGN && mux_loop_signal(c->loop,
		    signals[i], on_signal, c) != 0)
			return say_exit(CMD_USAGE, "start-up: %s",
			    strerror(errno));
	return mux_loop_signal(c->loop, SIGUSR1, on_usr1, c) == 0 ? 0 :
	    say_exit(CMD_USAGE, "start-up: %s", strerror(errno));
}

static void
die(int signo)
{
	sigset_t one;

	fflush(stdout);
	signal(signo, SIG_DFL);
	sigemptyset(&one);
	sigaddset(&one, signo);
	raise(signo);
	sigprocmask(SIG_UNBLOCK, &one, NULL);
}

/* ---- the whole ---- */

static int
call_run(struct call *c)
{
	int r;

	if ((r = c->mode->begin(c)) != 0 || c->ended)
		return r != 0 ? r : c->status;
	if (mux_loop_new(&c->loop) != 0)
		return say_exit(CMD_USAGE, "start-up: %s", strerror(errno));
	c->since = mux_loop_now(c->loop);
	if ((r = watch_signals(c)) != 0 || (r = c->mode->watch(c)) != 0)
		return r;
	call_connect(c);
	if (c->ended)
		return c->status;
	if (mux_loop_run(c->loop) < 0)
		return say_exit(CMD_USAGE, "loop: %s", strerror(errno));
	return c->status;
}

static int
call_read(struct call *c, int argc, char **argv)
{
	struct opt_rest rest;
	int r;

	if ((r = opt_parse(&verb_call, argc, argv, &c->opts, &c->com,
	    &rest)) >= 0)
		return r;
	if ((r = call_opts_read(c, &rest)) != 0)
		return r;
	c->mode = c->opts.batch != NULL ? &call_batch :
	    c->opts.bench != 0 ? &call_bench :
	    c->opts.oneway ? &call_oneway : &call_one;
	if ((r = c->mode->check(c)) != 0 ||
	    (r = carrier_addr(&c->com, &c->addr)) != 0)
		return r;
	call_opts_config(&c->opts, &c->cfg);
	return -1;
}

static int
cmd_call(int argc, char **argv)
{
	struct call c = { 0 };
	int r;

	call_opts_init(&c.opts);
	if ((r = call_read(&c, argc, argv)) < 0) {
		r = call_run(&c);
		c.mode->release(&c);
	}
	if (c.loop != NULL) {
		link_free(c.link);
		mux_loop_free(c.loop);
	}
	call_meta_free(c.meta);
	mux_addr_free(c.addr);
	if (c.signo != 0)
		die(c.signo);
	return r;
}
