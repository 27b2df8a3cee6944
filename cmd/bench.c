/*
 * bench.c - call --bench: makes the same call many times over one connection
 * and counts how long each took.  It reads no batch and shows no bodies: the
 * bytes that come are consumed and forgotten.
 *
 * N calls are N calls: there is no warm-up that a handler would see.  What
 * needs one, the connection and HELLO, is there before the clock starts.
 *
 * A call begins when it was due: at once where its turn has come, with --rate
 * at its place in the plan, however late it got out.  So a server that stalls
 * is charged for every call that it kept from being made.
 *
 * Invariant: each call that mux_call_open() took is in one slot until done(),
 * and is counted once, then.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "call.h"
#include "cmd.h"
#include "mux_io.h"
#include "out.h"

#define NS		UINT64_C(1000000000)
#define BODY_MAX	((size_t)16 << 20)	/* what one frame can hold */
#define BODY_PIECE	((size_t)64 << 10)

struct bench;

struct slot {
	struct bench *b;
	struct mux_call *call;		/* NULL: it is free */
	struct slot *next;		/* of the free ones */
	uint64_t due;
};

struct bench {
	struct call *all;
	struct fail_if fail_if;
	struct mux_request q;
	void *body;			/* what was read from a descriptor */
	struct slot *slots, *free;
	struct mux_timer *pace;		/* --rate: the next one is due */
	struct mux_timer *stall;	/* nothing has come for too long */
	struct mux_task *turn;		/* the clock is read once in each */
	uint64_t now;			/* 0: not read in this turn */
	uint64_t began;
	uint64_t in_flight, ended, seen;
	bool running;
	struct bench_result r;
};

/* ---- time ---- */

static uint64_t
clock_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS + (uint64_t)ts.tv_nsec;
}

/*
 * Answers that were read together came together, and the calls that follow
 * them go out together, at the end of the turn.
 */
static uint64_t
now_of(struct bench *b)
{
	if (b->now == 0) {
		b->now = clock_now();
		mux_task_run(b->turn);
	}
	return b->now;
}

static void
on_turn(struct mux_task *t, void *arg)
{
	struct bench *b = arg;

	(void)t;
	b->now = 0;
}

/* When the next call should be made. */
static uint64_t
next_due(const struct bench *b)
{
	return b->began + (uint64_t)((unsigned __int128)b->r.calls * NS /
	    b->r.rate);
}

/* ---- the end ---- */

static int
verdict(struct bench *b, const struct condition **is)
{
	const struct bench_result *r = &b->r;
	char word[BENCH_WORD];

	*is = fail_if_true(&b->fail_if, r);
	if (*is != NULL) {
		bench_word((*is)->figure, bench_figure(r, (*is)->figure),
		    word);
		return say_exit(CMD_FAIL, "--fail-if '%s': %s is %s",
		    (*is)->text, figure_names[(*is)->figure].name, word);
	}
	/* Who asks about errors says himself how many are too many. */
	if (r->failed == 0 || fail_if_asks(&b->fail_if, FIGURE_ERRORS))
		return CMD_OK;
	return CMD_BATCH;
}

/* status: CMD_OK, or why it did not come to its end. */
static void
finish(struct bench *b, int status)
{
	const struct condition *is = NULL;

	if (b->running) {
		b->running = false;
		b->r.elapsed = clock_now() - b->began;
		if (status == CMD_OK)
			status = verdict(b, &is);
		bench_print(&b->r, b->all->opts.json,
		    is != NULL ? is->text : NULL);
	}
	call_end(b->all, status);
}

/* ---- one call ---- */

static void pump(struct bench *);

/* The first one says what is wrong with them all. */
static void
failed(struct bench *b, struct result *r, bool tell)
{
	char text[40];

	b->r.kinds[r->kind]++;
	if (b->r.failed++ > 0 || !tell)
		return;
	if (r->error == NULL) {
		snprintf(text, sizeof(text), "exit status %d", r->code);
		r->error = strdup(text);
	}
	call_say(b->all, NULL, r);
}

static void
count(struct bench *b, const struct mux_answer *a, uint64_t took)
{
	struct result r;
	bool ended;

	if (a->code == MUX_OK && !a->have_exit) {
		hist_add(&b->r.times, took);
		return;
	}
	result_from(&r, a);
	/* It was us who called it off, and why the server does not know. */
	if (r.kind == RESULT_CANCELLED && b->q.deadline != 0 &&
	    took >= b->q.deadline) {
		result_release(&r);
		result_make(&r, RESULT_TIMEOUT, MUX_DEADLINE,
		    "no answer in the time that -t gives");
	}
	/* What ends with the link bench_lost() tells. */
	if ((ended = a->by_peer || r.code != CMD_LOST))
		hist_add(&b->r.times, took);
	if (r.code != CMD_OK)
		failed(b, &r, ended);
	result_release(&r);
}

static void
slot_free(struct slot *s)
{
	struct bench *b = s->b;

	s->call = NULL;
	s->next = b->free;
	b->free = s;
	b->in_flight--;
}

static void
on_data(struct mux_call *c, const void *p, size_t n, void *arg)
{
	const struct slot *s = arg;

	(void)p;
	s->b->r.bytes_in += n;
	mux_call_consume(c, n);
}

static void
on_done(struct mux_call *c, const struct mux_answer *a, void *arg)
{
	struct slot *s = arg;
	struct bench *b = s->b;

	b->ended++;
	count(b, a, now_of(b) - s->due);
	mux_call_release(c);
	slot_free(s);
	if (b->running)
		pump(b);
}

static const struct mux_call_ops call_ops = {
	.size = sizeof(call_ops), .data = on_data, .done = on_done
};

static int
begin_call(struct bench *b, uint64_t due)
{
	struct slot *s = b->free;
	int err;

	err = mux_call_open(mux_conn_session(call_conn(b->all)), &b->q,
	    &call_ops, s, &s->call);
	if (err != 0) {
		s->call = NULL;
		return err;
	}
	b->free = s->next;
	s->due = due;
	b->in_flight++;
	b->r.calls++;
	b->r.bytes_out += b->q.body_len;
	return 0;
}

/* The peer's limit is met by waiting for answers; what is over, or soon will
 * be, ends in bench_lost(). */
static void
cannot_call(struct bench *b, int err)
{
	if (mux_is_fatal(err) || err == MUX_E_CLOSED ||
	    (err == MUX_E_LIMIT && b->in_flight > 0))
		return;
	finish(b, say_exit(err == MUX_E_LIMIT ? CMD_REFUSED : CMD_USAGE,
	    "%s: %s", mux_addr_str(b->all->addr), mux_strerror(err)));
}

/* As many as there should be by now. */
static void
pump(struct bench *b)
{
	uint64_t due;
	int err;

	while (b->free != NULL && b->r.calls < b->r.wanted) {
		due = now_of(b);
		if (b->r.rate != 0 && next_due(b) > due) {
			mux_timer_at(b->pace, next_due(b));
			return;
		}
		if (b->r.rate != 0)
			due = next_due(b);
		if ((err = begin_call(b, due)) != 0) {
			cannot_call(b, err);
			return;
		}
	}
	if (b->in_flight == 0 && b->r.calls == b->r.wanted)
		finish(b, CMD_OK);
}

static void
on_pace(struct mux_timer *t, void *arg)
{
	struct bench *b = arg;

	mux_timer_at(t, UINT64_MAX);
	if (b->running)
		pump(b);
}

/* Without -t: a deadline for all together, that every answer pushes on. */
static void
on_stall(struct mux_timer *t, void *arg)
{
	struct bench *b = arg;

	if (b->running && b->in_flight > 0 &&
	    b->seen == b->ended + b->r.bytes_in) {
		finish(b, say_exit(CMD_TIMEOUT, "no answer for 30 s, calls in "
		    "flight: %ju (-t D gives each call D, -t 0 waits)",
		    (uintmax_t)b->in_flight));
		return;
	}
	b->seen = b->ended + b->r.bytes_in;
	mux_timer_at(t, mux_loop_now(b->all->loop) + CALL_IDLE_NS);
}

/* ---- the mode ---- */

/* A body that comes from somewhere is read once, and sent each time. */
static int
read_body(struct bench *b, int fd)
{
	size_t len = 0, room = 0;
	ssize_t n;
	void *more;

	do {
		if (len == BODY_MAX)
			return say_exit(CMD_USAGE, "--bench: the body has more "
			    "than 16M");
		if (room - len < BODY_PIECE) {
			room += BODY_PIECE + room / 2;
			if ((more = realloc(b->body, room)) == NULL)
				return say_exit(CMD_USAGE, "out of memory");
			b->body = more;
		}
		n = read(fd, (char *)b->body + len,
		    room - len < BODY_MAX - len ? room - len : BODY_MAX - len);
		if (n < 0 && errno != EINTR)
			return say_exit(CMD_USAGE, "read the body: %s",
			    strerror(errno));
		if (n > 0)
			len += (size_t)n;
	} while (n != 0);
	b->q.body = b->body;
	b->q.body_len = len;
	return CMD_OK;
}

static int
take_body(struct bench *b)
{
	struct call_body body;
	int status = call_body(b->all, &body);

	if (status != CMD_OK)
		return status;
	if (body.fd < 0) {
		b->q.body = body.p != NULL ? body.p : "";
		b->q.body_len = body.len;
		return CMD_OK;
	}
	status = read_body(b, body.fd);
	close(body.fd);
	return status;
}

static int
make_slots(struct bench *b)
{
	struct mux_loop *loop = b->all->loop;
	uint64_t i, n = b->r.parallel;

	if ((b->slots = calloc(n, sizeof(*b->slots))) == NULL ||
	    mux_timer_new(loop, on_pace, b, &b->pace) != 0 ||
	    mux_timer_new(loop, on_stall, b, &b->stall) != 0 ||
	    mux_task_new(loop, on_turn, b, &b->turn) != 0)
		return say_exit(CMD_USAGE, "out of memory");
	for (i = n; i-- > 0; ) {
		b->slots[i] = (struct slot){ .b = b, .next = b->free };
		b->free = &b->slots[i];
	}
	return CMD_OK;
}

/*
 * Room for all that is on its way: ids, windows for their answers, and the
 * streams with the standard error of each, which is refused.
 */
static void
make_room(struct call *c)
{
	uint64_t n = c->opts.parallel > 0 ? (uint64_t)c->opts.parallel : 1;

	if (n + 8 > 256)
		c->cfg.max_open = (uint32_t)n + 8;
	c->cfg.memory = ((uint64_t)64 << 20) + n * ((uint64_t)64 << 10);
}

static int
bench_begin(struct call *c)
{
	const struct call_opts *o = &c->opts;
	struct bench *b = calloc(1, sizeof(*b));
	struct mux_why why;

	if (b == NULL)
		return say_exit(CMD_USAGE, "out of memory");
	c->mode_data = b;
	b->all = c;
	if (o->fail_if != NULL &&
	    fail_if_parse(o->fail_if, &b->fail_if, &why) != 0)
		return say_exit(CMD_USAGE, "--fail-if: %s", why.text);
	b->r.method = o->method;
	b->r.wanted = (uint64_t)o->bench;
	b->r.parallel = (uint64_t)(o->parallel > 0 ? o->parallel : 1);
	b->r.rate = (uint64_t)o->rate;
	call_request(c, &b->q);
	if (c->com.timeout != OPT_UNSET)
		b->q.deadline = c->com.timeout;
	make_room(c);
	return take_body(b);
}

static int
bench_watch(struct call *c)
{
	return make_slots(c->mode_data);
}

static void
bench_ready(struct call *c)
{
	struct bench *b = c->mode_data;
	int status = call_check_legacy(c);

	if (status != 0) {
		call_end(c, status);
		return;
	}
	b->running = true;
	b->began = clock_now();
	if (c->com.timeout == OPT_UNSET)
		on_stall(b->stall, b);
	pump(b);
}

static void
bench_lost(struct call *c, int err, const struct mux_why *why)
{
	(void)err;
	finish(c->mode_data, say_exit(CMD_LOST, "%s", why->text));
}

/* What there is by now is worth seeing. */
static void
bench_stop(struct call *c)
{
	finish(c->mode_data, CMD_SIGNAL + c->signo);
}

static void
bench_release(struct call *c)
{
	struct bench *b = c->mode_data;
	uint64_t i;

	if (b == NULL)
		return;
	c->mode_data = NULL;
	mux_timer_free(b->pace);
	mux_timer_free(b->stall);
	mux_task_free(b->turn);
	for (i = 0; b->slots != NULL && i < b->r.parallel; i++)
		if (b->slots[i].call != NULL)
			mux_call_release(b->slots[i].call);
	free(b->slots);
	free(b->body);
	free(b);
}

static int
bench_check(struct call *c)
{
	const struct call_opts *o = &c->opts;

	if (o->method == NULL)
		return say_exit(CMD_USAGE, "--bench: expected a METHOD");
	if (o->output != NULL || o->status_fd >= 0)
		return say_exit(CMD_USAGE, "%s does not go with --bench, which "
		    "shows no answers", o->output != NULL ? "-o" :
		    "--status-fd");
	if (o->oneway || o->retry > 0)
		return say_exit(CMD_USAGE, "%s does not go with --bench",
		    o->oneway ? "--oneway" : "--retry");
	return CMD_OK;
}

const struct call_mode call_bench = {
	.check = bench_check,
	.begin = bench_begin,
	.watch = bench_watch,
	.ready = bench_ready,
	.lost = bench_lost,
	.stop = bench_stop,
	.release = bench_release,
	.no_invokes = true
};
