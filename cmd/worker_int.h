/*
 * worker_int.h - what the files of the workers share: worker_life.c has the
 * processes, worker.c the calls, worker_put.c what is written to them,
 * worker_get.c what they answer, worker_err.c what they say on standard error.
 */
#ifndef WORKER_INT_H
#define WORKER_INT_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lines.h"
#include "out.h"

/* Larger bodies of requests and answers are refused with MUX_TOO_LARGE. */
#define WORKER_BODY_MAX	((size_t)16 << 20)
/* All of a worker together, of requests and again of answers.  One request may
 * go beyond, so that there is always one that gets on. */
#define WORKER_HELD_MAX	((size_t)64 << 20)

struct dispatch;
struct method;
struct mux_task;
struct mux_timer;
struct mux_watch;
struct mux_why;
struct ptree;
struct work;
struct worker;

enum wcall_state {
	WCALL_TAKING,		/* its body comes: in `taking` */
	WCALL_READY,		/* whole, in `ready` */
	WCALL_ASKED,		/* in the table: the worker has it, or will */
	WCALL_ANSWERING		/* its answer goes out from here */
};

/* One call. */
struct wcall {
	TAILQ_ENTRY(wcall) next;	/* taking, ready, cancels */
	LIST_ENTRY(wcall) link;		/* of the table */
	struct worker *of;
	struct work *work;	/* NULL: cut off, its answer is swallowed */
	enum wcall_state state;
	uint64_t id;		/* on the worker's lines */
	char *body;		/* of the request, then of the answer */
	size_t len, cap;
	size_t owed;		/* held, and not consumed yet */
	size_t off;		/* of the answer: given out */
	uint64_t at;		/* where it begins in what is written */
	unsigned status;
	bool cancelled, cancel_owed;
};

TAILQ_HEAD(wcalls, wcall);
LIST_HEAD(wbucket, wcall);

struct worker {
	struct dispatch *all;
	struct method *method;
	struct ptree *tree;	/* NULL: nothing of it is left */
	bool up;		/* it may be written to */
	bool over;		/* no other one is started */
	const char *ending;	/* its end must be near: why; else NULL */
	uint64_t began, backoff;
	struct mux_timer *restart;
	struct mux_timer *stuck;	/* nobody waits for what it does */
	struct mux_task *flush;

	struct wcalls taking, ready, cancels;
	struct wbucket *table;	/* by id; a power of two of them */
	size_t n_buckets, n_asked, n_cancelled;
	size_t held_in;		/* bytes of bodies of requests */
	size_t held_out;	/* and of answers */

	int in;			/* we write, worker_put.c */
	struct mux_watch *in_watch;
	char *out;		/* to be written: out_off .. out_len */
	size_t out_off, out_len, out_cap;
	struct wcall *large;	/* whose body follows behind that */
	size_t large_off;
	uint64_t written;	/* ever, with what never had to be */

	int answers;		/* we read, worker_get.c */
	struct mux_watch *get_watch;
	char *buf;
	size_t buf_off, buf_len;
	struct wcall *whose;	/* its answer is being read into its body */
	uint64_t skip;		/* of an answer for nobody */
	bool full;		/* too much is held to read on */

	int err;
	struct mux_watch *err_watch;
	struct lines lines;
	struct say_gate said, trouble;
};

/* ---- worker_life.c ---- */

/* me->pool, with a process that may be started only later: then an error and
 * *why.  NULL is left if there is no memory. */
int worker_pool(struct dispatch *, struct method *me, struct mux_why *why);
void worker_forget(struct method *);
/* It does not keep to the protocol, or its pipes are broken. */
void worker_broken(struct worker *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* So it looks; but most likely it has ended, and its status says more. */
void worker_ending(struct worker *, const char *how);

/* ---- worker.c ---- */

struct wcall *worker_find(const struct worker *, uint64_t id);
int worker_enter(struct wcall *);	/* into the table; -1 = no memory */
void worker_leave(struct wcall *);	/* out of it: answered, or lost */
/* Its memory is given back, and others may go on. */
void wcall_drop_body(struct wcall *);
void wcall_free(struct wcall *);
/* The call has failed and is over; so is c. */
void wcall_fail(struct wcall *, uint32_t code, const char *text);
/* Its answer is whole: n bytes at p, or, if p is NULL, its body. */
void wcall_answer(struct wcall *, const char *p, size_t n);

/* ---- worker_put.c ---- */

int worker_put_open(struct worker *, int fd);
void worker_put_close(struct worker *);
void worker_put_again(struct worker *);	/* something is to be put */
/* Of what was put for an instance that has ended, nothing but calls of which
 * it had no byte remains. */
void worker_put_rewind(struct worker *);

/* ---- worker_get.c ---- */

int worker_get_open(struct worker *, int fd);
/* What is in the pipe still counts. */
void worker_get_rest(struct worker *);
void worker_get_close(struct worker *);
void worker_get_again(struct worker *);	/* something has been given back */

/* ---- worker_err.c ---- */

int worker_err_open(struct worker *, int fd);
void worker_err_close(struct worker *);

#endif
