/*
 * handler.c - a method as a process of its own for each call: the body of the
 * request is its standard input, its standard output the body of the answer,
 * its end the answer's.  What the environment says is handler_env.c's, its
 * standard error handler_err.c's, everything that it starts ptree.c's.
 *
 * Invariants: the answer ends when the program has exited and its output was
 * read to the end, or to what was written a second later if somebody else
 * keeps it open; a work is done when it needs no answer any more and nothing
 * of the tree is left.
 */
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dispatch.h"
#include "handler_env.h"
#include "handler_err.h"
#include "methods.h"
#include "mux_io.h"
#include "out.h"
#include "ptree.h"

#define LINGER_NS	UINT64_C(1000000000)

struct handler {
	struct work *w;
	struct ptree *tree;	/* NULL: nothing of it is left */
	struct mux_outlet *in;	/* its standard input; NULL: closed */
	struct mux_inlet *out;	/* its standard output; NULL: over */
	struct herr *err;
	struct mux_timer *linger;
	int out_fd;
	uint64_t out_max;	/* how much of it still counts */
	int status;
	struct mux_usage usage;
	bool legacy, exited, stopped;
};

static struct say_gate spawn_gate = SAY_GATE(5, 2000);

static void
handler_free(struct handler *h)
{
	mux_outlet_free(h->in);
	mux_inlet_free(h->out);
	mux_timer_free(h->linger);
	free(h);
}

/* Nothing of it is left, and nobody waits for anything. */
static void
check_done(struct handler *h)
{
	struct work *w = h->w;

	if (!h->stopped || h->tree != NULL)
		return;
	if (h->err != NULL)
		herr_leave(h->err);
	handler_free(h);
	w->run = NULL;
	work_done(w);
}

/* The end, whoever wants it. */
static void
end(struct handler *h)
{
	struct work *w = h->w;

	h->stopped = true;
	mux_outlet_free(h->in);
	mux_inlet_free(h->out);
	h->in = NULL;
	h->out = NULL;
	w->blocked = "waits for what it started to end";
	if (h->tree != NULL)
		ptree_kill(h->tree, w->all->kill_after);
	check_done(h);
}

/* h may be gone after it. */
static void
fail(struct handler *h, uint32_t code, const char *text)
{
	work_fail(h->w, code, text, NULL);
	end(h);
}

/* ---- its answer ---- */

static void
describe(const struct handler *h, char *buf, size_t size)
{
	if (WIFSIGNALED(h->status))
		snprintf(buf, size, "killed by signal %d",
		    WTERMSIG(h->status));
	else
		snprintf(buf, size, "exited with %d", WEXITSTATUS(h->status));
}

static void
how_it_ended(const struct handler *h, struct mux_answer *a)
{
	bool killed = WIFSIGNALED(h->status);

	a->have_exit = a->have_usage = true;
	a->exit_kind = killed ? MUX_EXIT_SIGNAL : MUX_EXIT_EXITED;
	a->exit_core = killed && WCOREDUMP(h->status);
	a->exit_value = (uint32_t)(killed ? WTERMSIG(h->status) :
	    WEXITSTATUS(h->status));
	a->utime = h->usage.utime;
	a->stime = h->usage.stime;
	a->maxrss = h->usage.maxrss;
}

/* If all that is to be said is known.  h may be gone after it. */
static void
finish(struct handler *h, unsigned *flags)
{
	struct mux_answer a = { .size = sizeof(a) };
	char text[64];

	if (!herr_settle(h->err, &a.stderr_id)) {
		h->w->blocked = "opens the stream of its standard error";
		return;
	}
	*flags |= MUX_FILL_END;
	how_it_ended(h, &a);
	describe(h, text, sizeof(text));
	/* S0 has one word for all that is not well */
	if (h->legacy && h->status != 0)
		fail(h, MUX_HANDLER_FAILED, text);
	else if (work_amend(h->w, &a) != 0)
		fail(h, MUX_INTERNAL, "out of memory");
}

/* Takes from its output what counts. */
static size_t
read_out(struct handler *h, void *buf, size_t max)
{
	uint64_t left = h->out_max - mux_inlet_bytes(h->out);
	unsigned flags = 0;
	size_t n;

	n = left == 0 ? 0 : mux_inlet_fill(h->out, buf,
	    max < left ? max : (size_t)left, &flags);
	if (left > 0 && (flags & MUX_FILL_END) == 0)
		return n;
	mux_inlet_free(h->out);
	h->out = NULL;
	return n;
}

static void
show_blocked(struct handler *h)
{
	h->w->blocked = h->out == NULL ? "has closed its output, and runs" :
	    h->exited ? "somebody else keeps its output open" : "";
}

static size_t
handler_fill(struct work *w, void *buf, size_t max, unsigned *flags)
{
	struct handler *h = w->run;
	size_t n = 0;

	if (h->out != NULL)
		n = read_out(h, buf, max);
	show_blocked(h);
	if (h->out == NULL && h->exited)
		finish(h, flags);
	return n;
}

static void
say_more(struct handler *h)
{
	if (h->stopped)
		return;
	if (!h->w->replied && work_reply(h->w, NULL) != 0)
		fail(h, MUX_INTERNAL, "out of memory");
	else
		work_ready(h->w);
}

static void
out_ready(struct mux_inlet *in, void *arg)
{
	(void)in;
	say_more(arg);
}

static void
out_failed(struct mux_inlet *in, int err, void *arg)
{
	struct handler *h = arg;

	(void)in;
	fail(h, MUX_ENDPOINT_IO, strerror(err));
}

static const struct mux_inlet_ops out_ops = {
	.size = sizeof(out_ops), .ready = out_ready, .failed = out_failed,
};

/* ---- its input ---- */

static void
in_left(struct mux_outlet *in, size_t n, void *arg)
{
	const struct handler *h = arg;

	(void)in;
	work_consume(h->w, n);
}

static void
in_ended(struct mux_outlet *in, void *arg)
{
	struct handler *h = arg;

	mux_outlet_free(in);
	h->in = NULL;
}

/* If it does not want to read that is its own affair.  To close its input
 * for any other reason would tell it that it has seen all of it. */
static void
in_failed(struct mux_outlet *in, int err, void *arg)
{
	if (err == EPIPE)
		in_ended(in, arg);
	else
		fail(arg, MUX_ENDPOINT_IO, strerror(err));
}

static const struct mux_outlet_ops in_ops = {
	.size = sizeof(in_ops), .left = in_left, .ended = in_ended,
	.failed = in_failed,
};

static void
handler_data(struct work *w, const void *p, size_t n)
{
	struct handler *h = w->run;
	ssize_t done = (ssize_t)n;

	/* once it has exited nobody needs to send more */
	if (h->exited)
		return;
	if (h->in != NULL)
		done = mux_outlet_write(h->in, p, n);
	work_consume(w, done < 0 ? n : (size_t)done);
}

static void
handler_eof(struct work *w)
{
	const struct handler *h = w->run;

	if (h->in != NULL)
		mux_outlet_end(h->in);
}

/* ---- its end ---- */

static void
on_linger(struct mux_timer *t, void *arg)
{
	struct handler *h = arg;
	int n = 0;

	(void)t;
	if (h->stopped || h->out == NULL)
		return;
	if (ioctl(h->out_fd, FIONREAD, &n) == -1 || n < 0)
		n = 0;
	h->out_max = mux_inlet_bytes(h->out) + (uint64_t)n;
	if (h->tree != NULL)
		ptree_kill(h->tree, h->w->all->kill_after);
	say_more(h);
}

static void
on_exited(struct ptree *tree, int status, const struct mux_usage *usage,
    void *arg)
{
	struct handler *h = arg;

	(void)tree;
	h->exited = true;
	h->status = status;
	h->usage = *usage;
	mux_outlet_free(h->in);
	h->in = NULL;
	if (h->stopped)
		return;
	if (h->out != NULL)
		mux_timer_at(h->linger,
		    mux_loop_now(h->w->all->loop) + LINGER_NS);
	say_more(h);
}

static void
on_gone(struct ptree *tree, void *arg)
{
	struct handler *h = arg;

	(void)tree;
	h->tree = NULL;
	h->w->pid = 0;
	check_done(h);
}

static const struct ptree_ops tree_ops = { on_exited, on_gone };

static void
handler_stop(struct work *w, uint32_t code)
{
	struct handler *h = w->run;

	if (code != MUX_OK) {
		work_stopped(w, code);
		herr_cut(h->err);
	}
	end(h);
}

static void
handler_drop(struct work *w)
{
	struct handler *h = w->run;

	if (h->tree != NULL)
		ptree_leave(h->tree, 0);
	herr_free(h->err);
	handler_free(h);
}

/* ---- its beginning ---- */

/* The words of the method, then the caller's.  One block. */
static char **
make_argv(const struct work *w)
{
	size_t n = 0, i;
	char **argv;

	while (w->method->argv[n] != NULL)
		n++;
	argv = reallocarray(NULL, n + w->q.n_args + 1, sizeof(*argv));
	if (argv == NULL)
		return NULL;
	memcpy(argv, w->method->argv, n * sizeof(*argv));
	for (i = 0; i < w->q.n_args; i++)
		argv[n + i] = (char *)(uintptr_t)w->q.args[i].p;
	argv[n + i] = NULL;
	return argv;
}

/* No core of a handler, unless it asks for one itself. */
static int
start_tree(struct handler *h, const struct mux_spawn *sp,
    struct mux_ends *ends, int *err_fd, struct mux_why *why)
{
	struct rlimit ours, none;
	bool limit = getrlimit(RLIMIT_CORE, &ours) == 0;
	int err;

	if (limit) {
		none = (struct rlimit){ 0, ours.rlim_max };
		setrlimit(RLIMIT_CORE, &none);
	}
	err = ptree_start(h->w->all->trees, sp, ends, err_fd, &tree_ops, h,
	    &h->tree, why);
	if (limit)
		setrlimit(RLIMIT_CORE, &ours);
	return err;
}

static int
spawn(struct handler *h, struct mux_ends *ends, int *err_fd,
    struct mux_why *why)
{
	const struct work *w = h->w;
	char **argv = make_argv(w), **envp = handler_env(w->all->env, w);
	const struct mux_spawn sp = { .size = sizeof(sp), .argv = argv,
	    .envp = envp, .cwd = w->all->cwd, .fds = { -1, -1, -1 },
	    .setsid = true };
	int err = MUX_E_NOMEM;

	*why = (struct mux_why){ .err = ENOMEM, .text = "out of memory" };
	if (argv != NULL && envp != NULL)
		err = start_tree(h, &sp, ends, err_fd, why);
	free(argv);
	free(envp);
	return err;
}

/* The three descriptors are ours from here on. */
static bool
connect_pipes(struct handler *h, const struct mux_ends *ends, int err_fd)
{
	struct mux_loop *loop = h->w->all->loop;

	h->err = herr_new(h->w, err_fd);
	if (mux_outlet_new(loop, ends->out, false, &in_ops, h, &h->in) != 0)
		close(ends->out);
	if (mux_inlet_new(loop, ends->in, false, &out_ops, h, &h->out) != 0)
		close(ends->in);
	h->out_fd = ends->in;
	return h->err != NULL && h->in != NULL && h->out != NULL;
}

static void
not_started(struct work *w, const struct mux_why *why)
{
	const struct mux_answer a = { .size = sizeof(a), .have_exit = true,
	    .exit_kind = MUX_EXIT_NOT_STARTED,
	    .exit_value = (uint32_t)why->err };

	say_gated(&spawn_gate, SAY_WARN, "%s: %s", w->method->name,
	    why->text);
	work_fail(w, MUX_INTERNAL, why->text, &a);
	work_done(w);
}

/* It runs, and may have done something already. */
static void
not_connected(struct handler *h)
{
	static const char text[] = "no memory for the pipes of the program";
	struct work *w = h->w;

	say_gated(&spawn_gate, SAY_WARN, "%s: %s", w->method->name, text);
	ptree_leave(h->tree, 0);
	w->run = NULL;
	herr_free(h->err);
	handler_free(h);
	work_fail(w, MUX_INTERNAL, text, NULL);
	work_done(w);
}

static void
handler_start(struct work *w)
{
	struct handler *h = calloc(1, sizeof(*h));
	struct mux_why why = { .err = ENOMEM, .text = "out of memory" };
	struct mux_ends ends;
	int err_fd;

	if (h == NULL || mux_timer_new(w->all->loop, on_linger, h,
	    &h->linger) != 0) {
		free(h);
		not_started(w, &why);
		return;
	}
	h->w = w;
	h->out_max = UINT64_MAX;
	h->legacy = w->call != NULL && mux_session_mode(
	    mux_call_session(w->call)) == MUX_MODE_LEGACY;
	if (spawn(h, &ends, &err_fd, &why) != 0) {
		handler_free(h);
		not_started(w, &why);
		return;
	}
	w->run = h;
	w->pid = ptree_pid(h->tree);
	if (!connect_pipes(h, &ends, err_fd))
		not_connected(h);
}

const struct work_ops handler_ops = {
	.start = handler_start, .data = handler_data, .eof = handler_eof,
	.fill = handler_fill, .stop = handler_stop, .drop = handler_drop,
};
