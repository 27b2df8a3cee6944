/*
 * batch.h - what the rooms of call --batch share.
 *
 *	batch.c		the mode of call: input, order, how much at once, the
 *			end
 *	batch_job.c	one line, from its request to its result
 *	batch_sink.c	descriptors that are written to
 */
#ifndef BATCH_H
#define BATCH_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "batch_in.h"
#include "batch_out.h"
#include "batch_sink.h"
#include "buf.h"
#include "result.h"

struct call;
struct invoke;
struct mux_inlet;
struct mux_task;
struct mux_timer;

/* -P, if it is not given. */
#define BATCH_PARALLEL	64u
/* Backing of the credit of all calls, at least. */
#define BATCH_MEMORY	(UINT64_C(64) << 20)
/* A longer body is written as it comes. */
#define BATCH_LONG	((size_t)1 << 20)
/* Standard error of one call in its JSON object. */
#define BATCH_ERR_MAX	((size_t)64 * 1024)
/* More than that is not made for a reader who is slow. */
#define BATCH_BACKLOG	((size_t)256 * 1024)
/* Of requests under way, and of results that wait for their turn; one may be
 * larger. */
#define BATCH_BYTES	((size_t)32 << 20)

enum job_state {
	JOB_WAITS,		/* to be sent (again) */
	JOB_RUNS,
	JOB_DONE		/* there is a result to be written */
};

struct job {
	TAILQ_ENTRY(job) next;		/* of all, as they were read */
	TAILQ_ENTRY(job) turn;		/* of those that wait, or are done */
	struct batch *b;
	enum job_state state;
	struct batch_id id;
	struct job_request *request;	/* a copy, or NULL */
	char *method;			/* NULL: that of the options */
	struct invoke *inv;		/* while it runs */
	uint64_t since, sent;		/* ns: read, and sent (again) */
	int64_t tries;			/* that have failed */
	size_t charge;			/* bytes of its request */
	struct buf body, err;
	/* that we owe credit for; merged_held: in `body`, of the stderr */
	size_t body_held, merged_held, err_held;
	size_t err_lost;		/* beyond BATCH_ERR_MAX */
	bool is_long;			/* the body is written as it comes */
	bool began;			/* some of an answer came */
	int fd;				/* -o: -1 = none */
	char *file_why;			/* it failed: NULL = not */
	struct result r;
};

TAILQ_HEAD(jobs, job);

struct batch {
	struct call *c;
	struct batch_in *in;
	struct mux_inlet *inlet;
	char *block;			/* what was read, ... */
	const char *at;			/* ... from here on not looked at */
	size_t left;
	int fd, err_fd;			/* of input, of standard error */
	bool inherited, eof, read_all;
	struct jobs all, waiting, done;
	size_t n_jobs, n_runs;
	size_t n_long;			/* of all, with a long body */
	size_t charge, kept;		/* bytes: of requests, of results */
	size_t parallel;
	struct mux_bytes *args;		/* room for those of one request */
	void *taken;			/* ids that have a file */
	struct batch_out out, status;
	struct buf err;
	bool err_lines;			/* as lines, not in the object */
	struct batch_sink to_out, to_err, to_status;
	struct mux_task *task;
	struct mux_timer *idle, *again;
	uint64_t active;		/* ns: when something happened last */
	uint64_t n_calls, n_failed;
	int64_t losses;			/* of connections, since an answer */
	int broken;			/* exit status: no more can be written,
					   or read */
	char *lost;			/* why there is no connection */
	bool ready, connecting;
	bool limited;			/* the peer takes no more now */
	bool cut;			/* calls went with this connection, or
					   it is about to end: the server
					   says so of them */
	bool unanswered;		/* of some nobody will ever say */
	bool dropped, told;		/* a connection; and it was said */
	bool pausing, idling;		/* the timers are set */
	bool hungry;			/* more could be read, given room */
	bool stop;			/* begin nothing, end what runs */
	bool stopped;			/* that was done */
	bool over;
};

/* Something has changed: look at everything at the end of the turn. */
void batch_wake(struct batch *);
/* What waits is not sent before a while has passed. */
void batch_later(struct batch *, int64_t tries);
/* The batch cannot go on; said. */
void batch_break(struct batch *, int status);

/* ---- batch_job.c ---- */

/* NULL: no memory.  It waits nowhere yet. */
struct job *job_new(struct batch *, const struct batch_item *);
void job_free(struct job *);
/* Sends what the item asks for; where it must wait, a copy is kept. */
void job_take(struct job *, const struct batch_item *);
/* The copy. */
void job_again(struct job *);
/* It ends without having been sent (again). */
void job_fail(struct job *, enum result_kind, uint32_t err, const char *text);
/* Writes what can be written by now: true, that was all, and it may go. */
bool job_write(struct job *);
/* A slow reader of standard error has caught up. */
void job_err_left(struct job *);

#endif
