/*
 * batch.c - muxctl call --batch: reads requests while there is room for their
 * calls, and writes results while there is a reader for them.  What becomes
 * of a line is batch_job.c's.  Everything is looked at once, at the end of a
 * turn of the loop, so that many calls leave and many results are written
 * together.
 *
 * Invariant: each line that was read gets one result; how many lines are
 * neither read nor written is bounded by -P, and their bytes by the limits in
 * batch.h and the windows of the connection.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "batch.h"
#include "batch_file.h"
#include "batch_json.h"
#include "call.h"
#include "cmd.h"
#include "invoke.h"
#include "out.h"

#define BLOCK		((size_t)64 * 1024)
/* Results may be that far ahead of the one that is to be written first. */
#define AHEAD		16

/* ---- what may happen now ---- */

static uint64_t
now_of(const struct batch *b)
{
	return mux_loop_now(b->c->loop);
}

void
batch_wake(struct batch *b)
{
	mux_task_run(b->task);
}

void
batch_break(struct batch *b, int status)
{
	if (b->broken == 0)
		b->broken = status;
	b->stop = true;
	batch_wake(b);
}

static bool
is_slow(const struct batch *b)
{
	return b->out.buf.len + batch_sink_waiting(&b->to_out) >=
	    BATCH_BACKLOG;
}

/* May one more line be read? */
static bool
has_room(const struct batch *b)
{
	size_t most = b->parallel * (b->c->opts.ordered ? AHEAD : 1);

	if (b->stop || is_slow(b) || !TAILQ_EMPTY(&b->waiting) ||
	    b->n_jobs >= most)
		return false;
	if (b->lost != NULL)
		return true;
	return b->ready && !b->limited && b->n_runs < b->parallel &&
	    (b->n_runs == 0 || b->charge + b->kept < BATCH_BYTES);
}

/* ---- input ---- */

/* With a METHOD it takes --batch-format to have it read as one. */
static void
check_first(struct batch *b, const struct batch_item *item)
{
	if (item->line == 1 && item->error == NULL &&
	    b->c->opts.batch_format == BATCH_AUTO &&
	    b->c->opts.method != NULL &&
	    batch_in_is_request(b->in, item->body))
		say(SAY_WARN, "line 1 looks like a request, but with a METHOD "
		    "each line is a body as it stands (try "
		    "--batch-format=ndjson; =lines: this is meant)");
}

static void
take_item(struct batch *b, const struct batch_item *item)
{
	struct job *j = job_new(b, item);

	check_first(b, item);
	if (j == NULL)
		batch_break(b, say_exit(CMD_USAGE, "out of memory"));
	else if (item->error != NULL)
		job_fail(j, RESULT_ERROR, MUX_INTERNAL, item->error);
	else if (b->lost != NULL)
		job_fail(j, RESULT_NOT_SENT, MUX_CARRIER_LOST, b->lost);
	else
		job_take(j, item);
}

/* True: there are bytes, or the end is known now. */
static bool
refill(struct batch *b)
{
	unsigned flags = 0;
	size_t n;

	if (b->eof || b->inlet == NULL)
		return false;
	n = mux_inlet_fill(b->inlet, b->block, BLOCK, &flags);
	b->at = b->block;
	b->left = n;
	b->eof = (flags & MUX_FILL_END) != 0;
	return n > 0 || b->eof;
}

static void
read_input(struct batch *b)
{
	struct batch_item item;
	int r;

	while (!b->read_all && has_room(b)) {
		r = batch_in_next(b->in, &b->at, &b->left, b->eof, &item);
		if (r > 0)
			take_item(b, &item);
		else if (r < 0)
			batch_break(b, say_exit(CMD_USAGE, "out of memory"));
		else if (b->eof)
			b->read_all = true;
		else if (!refill(b))
			return;
	}
	/* Room may come without anybody saying so. */
	b->hungry = !b->read_all;
}

static void
on_readable(struct mux_inlet *in, void *arg)
{
	(void)in;
	batch_wake(arg);
}

static void
on_unreadable(struct mux_inlet *in, int err, void *arg)
{
	const char *file = ((struct batch *)arg)->c->opts.batch;

	(void)in;
	batch_break(arg, say_exit(CMD_USAGE, "read %s: %s", *file != '\0' ?
	    file : "standard input", strerror(err)));
}

static const struct mux_inlet_ops inlet_ops = {
	.size = sizeof(inlet_ops),
	.ready = on_readable,
	.failed = on_unreadable
};

/* ---- output ---- */

static void
written(struct batch *b, struct job *j)
{
	TAILQ_REMOVE(&b->done, j, turn);
	job_free(j);
}

static void
write_ordered(struct batch *b)
{
	struct job *j;

	while ((j = TAILQ_FIRST(&b->all)) != NULL && job_write(j))
		written(b, j);
}

/* Short ones first; of the long ones each gets as much as there is room. */
static void
write_any(struct batch *b)
{
	struct job *j, *next;

	TAILQ_FOREACH_SAFE(j, &b->done, turn, next)
		if (!j->is_long && job_write(j))
			written(b, j);
	TAILQ_FOREACH_SAFE(j, &b->done, turn, next)
		if (j->is_long && job_write(j))
			written(b, j);
	if (b->n_long == 0)
		return;
	TAILQ_FOREACH(j, &b->all, next)
		if (j->is_long && j->state == JOB_RUNS)
			job_write(j);
}

/* Again, if it was only the buffer that was full: no event would follow. */
static void
write_results(struct batch *b)
{
	bool full;

	do {
		if (b->c->opts.ordered)
			write_ordered(b);
		else
			write_any(b);
		full = is_slow(b);
		batch_sink_put(&b->to_err, &b->err);
		batch_sink_put(&b->to_status, &b->status.buf);
		batch_sink_put(&b->to_out, &b->out.buf);
	} while (full && !is_slow(b));
}

static void
out_moved(struct batch_sink *s, int err, void *arg)
{
	struct batch *b = arg;

	/* That nobody reads is not worth a word. */
	if (err == EPIPE)
		batch_break(b, CMD_PIPE);
	else if (err != 0 && b->broken == 0)
		batch_break(b, say_exit(CMD_USAGE, "write to %s: %s",
		    s->name, strerror(err)));
	b->active = now_of(b);
	batch_wake(b);
}

static void
err_moved(struct batch_sink *s, int err, void *arg)
{
	struct batch *b = arg;
	struct job *j;

	/* As with any program: messages that nobody reads are no reason. */
	if (err != 0 && err != EPIPE)
		out_moved(s, err, b);
	b->active = now_of(b);
	if (batch_sink_waiting(s) <= BATCH_BACKLOG / 2)
		TAILQ_FOREACH(j, &b->all, next)
			job_err_left(j);
	batch_wake(b);
}

/* ---- time ---- */

void
batch_later(struct batch *b, int64_t tries)
{
	b->pausing = true;
	mux_timer_at(b->again, now_of(b) + call_pause(tries));
}

static void
on_again(struct mux_timer *t, void *arg)
{
	struct batch *b = arg;

	(void)t;
	b->pausing = b->limited = false;
	batch_wake(b);
	if (b->ready || b->connecting || b->lost != NULL)
		return;
	b->connecting = true;
	call_connect(b->c);
}

/* Nothing at all has moved. */
static void
give_up(struct batch *b)
{
	struct job *j, *next;

	TAILQ_FOREACH_SAFE(j, &b->all, next, next)
		if (j->state == JOB_RUNS)
			invoke_cancel(j->inv, MUX_DEADLINE, "no byte of any "
			    "call moved for 30 s, the limit without -t "
			    "(-t D: one for each, -t 0: none)");
}

static void
on_idle(struct mux_timer *t, void *arg)
{
	struct batch *b = arg;
	uint64_t at = b->active, progress;
	struct job *j;

	b->idling = false;
	if (b->n_runs == 0)
		return;
	TAILQ_FOREACH(j, &b->all, next) {
		progress = j->state == JOB_RUNS ? invoke_progress(j->inv) : 0;
		at = progress > at ? progress : at;
	}
	/* Whoever reads the results may take his time. */
	if (is_slow(b))
		at = now_of(b);
	if (at + CALL_IDLE_NS <= now_of(b)) {
		give_up(b);
		return;
	}
	b->idling = true;
	mux_timer_at(t, at + CALL_IDLE_NS);
}

static void
watch_time(struct batch *b)
{
	if (b->idling || b->n_runs == 0 || b->c->com.timeout != OPT_UNSET)
		return;
	b->idling = true;
	mux_timer_at(b->idle, now_of(b) + CALL_IDLE_NS);
}

/* ---- the turn ---- */

static void
fail_waiting(struct batch *b, enum result_kind kind, uint32_t err,
    const char *why)
{
	struct job *j;

	while ((j = TAILQ_FIRST(&b->waiting)) != NULL) {
		TAILQ_REMOVE(&b->waiting, j, turn);
		job_fail(j, kind, err, why);
	}
}

static void
stop_all(struct batch *b)
{
	struct job *j, *next;

	b->stopped = true;
	fail_waiting(b, RESULT_CANCELLED, MUX_CANCELLED, NULL);
	TAILQ_FOREACH_SAFE(j, &b->all, next, next)
		if (j->state == JOB_RUNS)
			invoke_cancel(j->inv, MUX_CANCELLED, NULL);
}

static void
send_waiting(struct batch *b)
{
	struct mux_session_stats st;
	struct job *j;

	while (b->ready && !b->limited && !b->pausing &&
	    b->n_runs < b->parallel &&
	    (j = TAILQ_FIRST(&b->waiting)) != NULL) {
		TAILQ_REMOVE(&b->waiting, j, turn);
		job_again(j);
	}
	if (!b->ready || !b->limited || b->n_runs > 0 || b->pausing)
		return;
	/* No answer will make room. */
	mux_session_stats(mux_conn_session(call_conn(b->c)), &st);
	if (st.peer_max_calls > 0) {
		batch_later(b, 1);
		return;
	}
	b->limited = false;
	fail_waiting(b, RESULT_REFUSED, MUX_REFUSED,
	    "the server takes no calls");
}

/* The last calls went with a connection that is about to end. */
static bool
is_ending(const struct batch *b)
{
	struct mux_session_stats st;

	if (!b->cut || !b->ready)
		return false;
	mux_session_stats(mux_conn_session(call_conn(b->c)), &st);
	return st.draining;
}

static int
status_of(const struct batch *b)
{
	if (b->broken != 0)
		return b->broken;
	if (b->lost != NULL || b->unanswered || is_ending(b))
		return CMD_LOST;
	return b->n_failed > 0 ? CMD_BATCH : CMD_OK;
}

static void
check_end(struct batch *b)
{
	if (b->over || b->n_jobs > 0 || !(b->read_all || b->stop) ||
	    batch_sink_waiting(&b->to_out) > 0 ||
	    batch_sink_waiting(&b->to_err) > 0 ||
	    batch_sink_waiting(&b->to_status) > 0)
		return;
	b->over = true;
	if (b->n_failed > 0 && b->broken == 0)
		say(SAY_WARN, "%ju of %ju calls failed",
		    (uintmax_t)b->n_failed, (uintmax_t)b->n_calls);
	call_end(b->c, status_of(b));
}

static void
on_turn(struct mux_task *t, void *arg)
{
	struct batch *b = arg;

	if (b->over)
		return;
	if (b->stop && !b->stopped)
		stop_all(b);
	send_waiting(b);
	write_results(b);
	b->hungry = false;
	read_input(b);
	write_results(b);
	watch_time(b);
	if (b->hungry && has_room(b))
		mux_task_run(t);
	check_end(b);
}

/* ---- the mode ---- */

static int
batch_check(struct call *c)
{
	const struct call_opts *o = &c->opts;
	bool needs = o->batch_format == BATCH_LINES && !o->legacy;

	if (o->oneway || o->list || o->describe != NULL || o->bench != 0)
		return say_exit(CMD_USAGE, "--batch does not go with "
		    "--oneway, --list, --describe and --bench");
	if (o->data.n > 0 || o->stream_stdin)
		return say_exit(CMD_USAGE, "the bodies of --batch are in its "
		    "input: -d and a last - do not go with it");
	if (o->method == NULL && needs)
		return say_exit(CMD_USAGE, "--batch-format=lines needs a "
		    "METHOD");
	if (o->method != NULL && o->batch_format == BATCH_TSV)
		return say_exit(CMD_USAGE, "'%s': the lines of "
		    "--batch-format=tsv begin with the method", o->method);
	if (o->output != NULL && !batch_file_valid(o->output))
		return say_exit(CMD_USAGE, "-o '%s': expected a %%i in it, "
		    "for the id of the call", o->output);
	return 0;
}

static int
open_input(struct batch *b)
{
	const char *path = b->c->opts.batch;

	if (path[0] == '\0' || strcmp(path, "-") == 0) {
		b->inherited = true;
		b->fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	} else
		b->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	return b->fd >= 0 ? 0 : say_exit(CMD_USAGE, "--batch %s: %s", path,
	    strerror(errno));
}

static int
open_err_file(struct batch *b)
{
	const char *path = b->c->opts.stderr_file;

	if (b->c->opts.stderr_to != CALL_STDERR_FILE)
		return 0;
	b->err_fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC |
	    O_NOCTTY | O_NONBLOCK, 0666);
	return b->err_fd >= 0 ? 0 : say_exit(CMD_USAGE, "--stderr %s: %s",
	    path, strerror(errno));
}

/* As many at once as were asked for, and those that were cancelled. */
static void
set_limits(struct batch *b)
{
	struct mux_config *cfg = &b->c->cfg;
	uint32_t slots;

	b->parallel = b->c->opts.parallel > 0 ?
	    (size_t)b->c->opts.parallel : BATCH_PARALLEL;
	slots = (uint32_t)b->parallel + 64;
	cfg->max_open = cfg->max_streams = slots;
	cfg->memory = (uint64_t)slots * 32768;
	if (cfg->memory < BATCH_MEMORY)
		cfg->memory = BATCH_MEMORY;
}

static int
batch_begin(struct call *c)
{
	const struct call_opts *o = &c->opts;
	struct batch *b = calloc(1, sizeof(*b));
	enum batch_format format = (enum batch_format)o->batch_format;

	if ((c->mode_data = b) == NULL)
		return say_exit(CMD_USAGE, "out of memory");
	b->c = c;
	b->fd = -1;
	b->err_fd = STDERR_FILENO;
	b->err_lines = !o->json || o->stderr_to == CALL_STDERR_FILE;
	TAILQ_INIT(&b->all);
	TAILQ_INIT(&b->waiting);
	TAILQ_INIT(&b->done);
	set_limits(b);
	if (format == BATCH_AUTO && (o->method != NULL || o->legacy))
		format = BATCH_LINES;
	if (batch_in_new(format, o->null ? '\0' : '\n', BATCH_LINE_MAX,
	    &b->in) != 0 || batch_out_init(&b->out, o->json) != 0 ||
	    batch_out_init(&b->status, true) != 0 ||
	    (b->block = malloc(BLOCK)) == NULL ||
	    (b->args = calloc(o->n_args + BATCH_ARGS,
	    sizeof(*b->args))) == NULL)
		return say_exit(CMD_USAGE, "out of memory");
	return 0;
}

static int
open_sink(struct batch *b, struct batch_sink *s, const char *name, int fd,
    void (*moved)(struct batch_sink *, int, void *))
{
	int err;

	s->name = name;
	s->moved = moved;
	s->arg = b;
	err = batch_sink_open(s, b->c->loop, fd);
	return err == 0 ? 0 : say_exit(CMD_USAGE, "%s: %s", name,
	    strerror(err));
}

static int
open_sinks(struct batch *b)
{
	int64_t fd = b->c->opts.status_fd;
	int r;

	if ((r = open_err_file(b)) != 0 ||
	    (r = open_sink(b, &b->to_out, "standard output", STDOUT_FILENO,
	    out_moved)) != 0 ||
	    (r = open_sink(b, &b->to_err, b->err_fd == STDERR_FILENO ?
	    "standard error" : b->c->opts.stderr_file, b->err_fd,
	    err_moved)) != 0)
		return r;
	return fd < 0 ? 0 : open_sink(b, &b->to_status, "--status-fd",
	    (int)fd, out_moved);
}

static int
batch_watch(struct call *c)
{
	struct batch *b = c->mode_data;
	struct mux_loop *l = c->loop;
	int r;

	if ((r = open_input(b)) != 0)
		return r;
	if (mux_task_new(l, on_turn, b, &b->task) != 0 ||
	    mux_timer_new(l, on_idle, b, &b->idle) != 0 ||
	    mux_timer_new(l, on_again, b, &b->again) != 0)
		return say_exit(CMD_USAGE, "out of memory");
	if ((r = open_sinks(b)) != 0)
		return r;
	if (mux_inlet_new(l, b->fd, b->inherited, &inlet_ops, b,
	    &b->inlet) != 0)
		return say_exit(CMD_USAGE, "--batch %s: %s", c->opts.batch,
		    strerror(errno));
	b->fd = -1;
	b->connecting = true;
	return 0;
}

static void
batch_ready(struct call *c)
{
	struct batch *b = c->mode_data;

	b->ready = true;
	b->connecting = b->limited = b->cut = false;
	if (b->dropped)
		say(b->told ? SAY_INFO : SAY_WARN, "%s: the connection was "
		    "lost and made again", mux_addr_str(c->addr));
	b->told = b->told || b->dropped;
	b->dropped = false;
	if (call_is_legacy(c))
		say(SAY_INFO, "%s speaks the plain protocol: methods are not "
		    "sent", mux_addr_str(c->addr));
	batch_wake(b);
}

static void
batch_lost(struct call *c, int err, const struct mux_why *why)
{
	struct batch *b = c->mode_data;
	const char *text = why->text[0] != '\0' ? why->text :
	    mux_strerror(err);
	bool done;

	b->dropped = b->dropped || b->ready;
	b->ready = b->connecting = b->limited = false;
	batch_wake(b);
	/* Nothing more is wanted from there. */
	done = b->read_all && TAILQ_EMPTY(&b->waiting);
	if (done && !b->cut)
		return;
	if (!done && !b->stop && b->losses < c->opts.retry) {
		b->losses++;
		say(SAY_INFO, "%s (trying again)", text);
		batch_later(b, b->losses);
		return;
	}
	say(SAY_ERROR, "%s", text);
	if ((b->lost = strdup(text)) == NULL)
		batch_break(b, say_exit(CMD_USAGE, "out of memory"));
	fail_waiting(b, RESULT_NOT_SENT, MUX_CARRIER_LOST, text);
}

static void
batch_stop(struct call *c)
{
	struct batch *b = c->mode_data;

	b->stop = true;
	batch_wake(b);
}

static void
batch_release(struct call *c)
{
	struct batch *b = c->mode_data;
	struct job *j;

	if (b == NULL)
		return;
	while ((j = TAILQ_FIRST(&b->all)) != NULL)
		job_free(j);
	batch_in_free(b->in);
	batch_file_forget(b->taken);
	batch_out_release(&b->out);
	batch_out_release(&b->status);
	buf_release(&b->err);
	batch_sink_close(&b->to_out);
	batch_sink_close(&b->to_err);
	batch_sink_close(&b->to_status);
	mux_inlet_free(b->inlet);
	mux_task_free(b->task);
	mux_timer_free(b->idle);
	mux_timer_free(b->again);
	if (b->fd >= 0)
		close(b->fd);
	if (b->err_fd > STDERR_FILENO)
		close(b->err_fd);
	free(b->block);
	free(b->args);
	free(b->lost);
	free(b);
}

const struct call_mode call_batch = {
	.check = batch_check,
	.begin = batch_begin,
	.watch = batch_watch,
	.ready = batch_ready,
	.lost = batch_lost,
	.stop = batch_stop,
	.release = batch_release
};
