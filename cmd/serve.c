/*
 * serve.c - muxctl serve: listens, runs the calls of its peers as methods, and
 * brings their streams to targets.  Its rooms: serve_opts.c and
 * serve_methods.c read the options, doors.c has the listeners, peers.c the
 * connections, dispatch.c the calls, reach.c the streams, targets.c the rules,
 * stop.c the reasons to end, proc.c the command that is run.
 *
 * Invariant: the loop is left only through serve_check(), when nothing is
 * left that could still be finished, or by an abort.
 */
#include <sys/socket.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "dispatch.h"
#include "doors.h"
#include "life.h"
#include "methods.h"
#include "listen.h"
#include "out.h"
#include "peers.h"
#include "proc.h"
#include "ptree.h"
#include "reach.h"
#include "serve.h"
#include "stop.h"
#include "targets.h"
#include "worker.h"

struct serve {
	struct serve_opts opts;
	struct opt_common com;
	int argc;		/* as given, for SIGHUP */
	char **argv;
	char *const *command;	/* NULL = none */
	struct doors doors;
	struct uids uids;
	struct mux_loop *loop;
	struct stop *stop;
	struct targets *targets;
	struct reach reach;
	struct peers peers;
	struct kids kids;	/* carriers of -l exec: */
	struct ptrees *trees;
	struct dispatch calls;
	struct proc *proc;
	bool proc_done;
	int status;
};

static int cmd_serve(int argc, char **argv);

const struct verb verb_serve = {
	.name = "serve",
	.main = cmd_serve,
	.synopsis = "serve [-l ADDR]... [-m NAME=COMMAND]... "
	    "[-T NAME=ADDR]... [OPTION]... [-- CMD [ARG]...]",
	.about = "listen, run calls as commands, connect streams to targets",
	.opts = serve_opts_table,
	.common = COMMON_LOG | COMMON_SERVICE
};

/* ---- the end ---- */

static bool
is_running(const struct serve *s)
{
	return s->proc != NULL && !s->proc_done;
}

/* Something came or went: is there still a reason to be here? */
static void
serve_check(struct serve *s)
{
	bool idle = s->calls.n_running == 0 && s->calls.n_queued == 0;
	bool empty = idle && s->peers.n == 0 && s->reach.n_flows == 0;

	if (peers_full(&s->peers) || dispatch_full(&s->calls))
		doors_close(&s->doors);
	stop_idle(s->stop, empty && !is_running(s));
	if (empty && peers_full(&s->peers) && !is_running(s))
		stop_drain(s->stop, "all connections were served");
	if (idle && dispatch_full(&s->calls) && !is_running(s))
		stop_drain(s->stop, "all calls were served");
	if (empty && s->peers.n_waiting == 0 && doors_all_came(&s->doors))
		stop_drain(s->stop, "the connection is over");
	if (!empty || !stop_draining(s->stop) || is_running(s))
		return;
	/* the last that is ended: while there are calls they are needed */
	workers_end(s->calls.methods);
	if (!workers_left(s->calls.methods))
		mux_loop_stop(s->loop, s->status);
}

static void
on_changed(void *arg)
{
	struct serve *s = arg;

	/* With nothing but one given connection, its end is our end. */
	if (doors_single(&s->doors) && s->peers.last_err != 0 &&
	    s->peers.last_err != MUX_E_DONE)
		s->status = CMD_LOST;
	serve_check(s);
}

/* Of a stream, or of a call. */
static void
on_work_ended(void *arg)
{
	serve_check(arg);
}

static void
on_drain(const char *why, void *arg)
{
	struct serve *s = arg;

	(void)why;
	doors_close(&s->doors);
	peers_drain(&s->peers, stop_grace(s->stop));
	if (is_running(s))
		proc_kill(s->proc, SIGTERM);
	serve_check(s);
}

static void
on_abort(void *arg)
{
	struct serve *s = arg;

	if (is_running(s))
		proc_kill(s->proc, SIGKILL);
	/* That of a command that has ended is the status. */
	mux_loop_stop(s->loop, s->proc_done ? s->status : CMD_FAIL);
}

static void
on_command(int status, void *arg)
{
	struct serve *s = arg;

	s->proc_done = true;
	s->status = status;
	stop_drain(s->stop, "the command has ended");
	serve_check(s);
}

/* ---- signals ---- */

static void
on_state(FILE *out, void *arg)
{
	const struct serve *s = arg;
	uint64_t now = mux_loop_now(s->loop);
	const struct flow *f;

	peers_state(&s->peers, out);
	TAILQ_FOREACH(f, &s->reach.flows, next)
		flow_state(f, now, out);
	dispatch_state(&s->calls, out);
}

/* mux.drain */
static void
on_drain_asked(void *arg)
{
	struct serve *s = arg;

	stop_drain(s->stop, "a caller of mux.drain wants it");
}

/* Takes over what the options say now; with a mistake in them nothing. */
static void
reload(struct serve *s, const struct serve_opts *opts)
{
	struct targets *targets;
	struct methods *methods = NULL;
	struct mux_config cfg;
	struct mux_why why;

	if (serve_opts_targets(opts, &targets) != 0)
		return;
	if (serve_opts_methods(opts, &methods) != 0 ||
	    serve_opts_config(opts, methods, &cfg) != 0) {
		methods_unref(methods);
		targets_free(targets);
		return;
	}
	targets_free(s->targets);
	s->targets = targets;
	s->reach.targets = targets;
	dispatch_methods(&s->calls, methods);
	s->peers.cfg.max_calls = cfg.max_calls;
	s->peers.cfg.memory = cfg.memory;
	say(SAY_INFO, "reloaded targets, rules and methods");
	if (workers_start(&s->calls, methods, &why) != 0)
		say(SAY_ERROR, "reload: %s", why.text);
}

static void
on_reload(void *arg)
{
	struct serve *s = arg;
	struct serve_opts opts;
	struct opt_common com;
	struct opt_rest rest;
	struct mux_why why;
	enum opt_kind asked;
	void *mark = opt_mark();
	char **argv = calloc((size_t)s->argc + 1, sizeof(*argv));

	if (argv == NULL)
		return;
	memcpy(argv, s->argv, (size_t)s->argc * sizeof(*argv));
	serve_opts_init(&opts);
	if (opt_read(&verb_serve, s->argc, argv, &opts, &com, &rest, &asked,
	    &why) != 0) {
		say(SAY_ERROR, "reload: %s: targets and rules stay as they "
		    "are", why.text);
	} else if (s->com.config_read && !com.config_read) {
		say(SAY_ERROR, "reload: the configuration file has gone: "
		    "targets and rules stay as they are");
	} else {
		s->com.config_read = com.config_read;
		reload(s, &opts);
	}
	opt_forget(mark);
	free(argv);
}

static bool
awaits_hello(void *arg)
{
	const struct serve *s = arg;

	return s->peers.n_waiting > 0;
}

static const struct stop_ops stop_ops = {
	on_drain, on_abort, on_reload, on_state, awaits_hello
};

/* ---- the whole ---- */

static void
on_accept(const struct mux_ends *ends, bool check, void *arg)
{
	struct serve *s = arg;

	if (ends->child > 0)
		kids_add(s->loop, &s->kids, ends->child);
	peers_accept(&s->peers, ends, check);
}

static int
start_command(struct serve *s)
{
	struct mux_why why;
	char *addr;
	int r;

	if (s->command == NULL)
		return 0;
	if ((addr = doors_address(&s->doors)) == NULL)
		return say_exit(CMD_USAGE, "out of memory");
	r = proc_run(s->loop, s->command, addr, on_command, s, &s->proc, &why);
	free(addr);
	return r == 0 ? 0 : say_exit(CMD_REFUSED, "%s", why.text);
}

static int
start_calls(struct serve *s)
{
	struct mux_why why;

	if (ptrees_new(s->loop, &s->trees, &why) != 0)
		return say_exit(CMD_USAGE, "%s", why.text);
	s->calls.loop = s->loop;
	s->calls.trees = s->reach.progs.trees = s->trees;
	s->reach.progs.loop = s->loop;
	s->calls.state = on_state;
	s->calls.drain = on_drain_asked;
	s->calls.ended = on_work_ended;
	s->calls.arg = s;
	if (dispatch_init(&s->calls) != 0)
		return say_exit(CMD_USAGE, "out of memory");
	return 0;
}

static int
start_workers(struct serve *s)
{
	struct mux_why why;

	if (workers_start(&s->calls, s->calls.methods, &why) == 0)
		return 0;
	return say_exit(CMD_REFUSED, "--worker: %s", why.text);
}

static int
start_rooms(struct serve *s)
{
	const struct stop_opts so = { s->opts.grace, s->opts.idle_exit };
	struct mux_why why;

	s->reach.loop = s->peers.loop = s->doors.loop = s->loop;
	s->reach.targets = s->targets;
	s->reach.connect_timeout = s->opts.connect_timeout;
	s->reach.ended = on_work_ended;
	s->peers.reach = &s->reach;
	s->peers.kids = &s->kids;
	s->peers.calls = &s->calls;
	s->peers.max_conns = s->opts.once ? 1 : (uint64_t)s->opts.max_conns;
	s->peers.max_clients = (uint64_t)s->opts.max_clients;
	s->peers.changed = on_changed;
	s->doors.warn = targets_any(s->targets) ||
	    methods_any(s->calls.methods);
	s->doors.accept = on_accept;
	s->reach.arg = s->peers.arg = s->doors.arg = s;
	if (stop_new(s->loop, &so, &stop_ops, s, &s->stop, &why) != 0)
		return say_exit(CMD_USAGE, "%s", why.text);
	return start_calls(s);
}

/* Nobody starts it for that. */
static void
warn_useless(const struct serve *s)
{
	/* A built-in one is named for a reason. */
	if (!targets_any(s->targets) && !methods_any(s->calls.methods) &&
	    s->opts.default_method == NULL)
		say(SAY_WARN, "no methods and no targets: nothing to do "
		    "(see -m, -T)");
}

static int
serve_run(struct serve *s)
{
	int r;

	proc_raise_nofile();
	if (mux_loop_new(&s->loop) != 0)
		return say_exit(CMD_USAGE, "start-up: %s", strerror(errno));
	warn_useless(s);
	if ((r = start_rooms(s)) != 0 ||
	    (r = doors_open(&s->doors, s->command != NULL)) != 0 ||
	    (r = start_workers(s)) != 0 || (r = life_ready()) != -1 ||
	    (r = start_command(s)) != 0)
		return r;
	stop_idle(s->stop, true);
	r = mux_loop_run(s->loop);
	return r >= 0 ? r : say_exit(CMD_USAGE, "loop: %s", strerror(errno));
}

/* In the order in which one rests on the other. */
static void
serve_release(struct serve *s)
{
	if (s->loop != NULL) {
		peers_release(&s->peers);
		reach_release(&s->reach);
		dispatch_release(&s->calls);
		kids_release(&s->kids, false);
		methods_unref(s->calls.methods);
		s->calls.methods = NULL;
		ptrees_free(s->trees);
		proc_free(s->proc);
		stop_free(s->stop);
		doors_close(&s->doors);
		mux_loop_free(s->loop);
	}
	doors_release(&s->doors);
	targets_free(s->targets);
	methods_unref(s->calls.methods);
	free((void *)(uintptr_t)s->calls.env);
	uids_free(&s->uids);
	free(s->argv);
}

static int
serve_read(struct serve *s, int argc, char **argv, struct opt_rest *rest)
{
	int r;

	if ((r = opt_parse(&verb_serve, argc, argv, &s->opts, &s->com,
	    rest)) >= 0)
		return r;
	if ((r = serve_opts_check(&s->opts, rest, &s->com)) != 0 ||
	    (r = serve_opts_methods(&s->opts, &s->calls.methods)) != 0 ||
	    (r = serve_opts_dispatch(&s->opts, &s->calls)) != 0 ||
	    (r = serve_opts_config(&s->opts, s->calls.methods,
	    &s->peers.cfg)) != 0 ||
	    (r = uids_read(s->opts.allow_uid, &s->uids)) != 0 ||
	    (r = serve_opts_targets(&s->opts, &s->targets)) != 0 ||
	    (r = doors_read(&s->doors, &s->opts.listen)) != 0)
		return r;
	s->peers.uids = s->doors.uids = &s->uids;
	s->command = rest->argc > 0 ? rest->argv : NULL;
	return -1;
}

static int
cmd_serve(int argc, char **argv)
{
	struct serve s = { 0 };
	struct opt_rest rest;
	int r;

	serve_opts_init(&s.opts);
	peers_init(&s.peers);
	reach_init(&s.reach);
	kids_init(&s.kids);
	s.argc = argc;
	if ((s.argv = calloc((size_t)argc + 1, sizeof(*s.argv))) == NULL)
		return say_exit(CMD_USAGE, "out of memory");
	memcpy(s.argv, argv, (size_t)argc * sizeof(*argv));
	r = serve_read(&s, argc, argv, &rest);
	if (r < 0 && (r = life_begin(&s.com)) < 0) {
		r = serve_run(&s);
		life_end();
	}
	serve_release(&s);
	return r;
}
