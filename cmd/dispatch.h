/*
 * dispatch.h - calls of peers: finds the method, holds the limits (--jobs,
 * --queue, per method), keeps who has to wait, and hands the call to whoever
 * runs that kind of method: handler.c (a process per call), worker.c,
 * builtin.c.
 *
 * A call in hand is a struct work.  Its slot is free only when work_done()
 * was called: when nothing of the work is left (R10).
 */
#ifndef DISPATCH_H
#define DISPATCH_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "buf.h"
#include "mux.h"

struct herr;
struct wstream;
struct method;
struct methods;
struct mux_conn;
struct mux_loop;
struct mux_task;
struct mux_timer;
struct ptrees;
struct work;

/* How one kind of method is run. */
struct work_ops {
	/*
	 * Its turn has come.  From here on data() and the others may run.  If
	 * it cannot be started: work_fail(), work_done().
	 */
	void (*start)(struct work *);
	/* As in struct mux_call_ops; consume by work_consume(). */
	void (*data)(struct work *, const void *p, size_t n);
	void (*eof)(struct work *);
	size_t (*fill)(struct work *, void *buf, size_t max, unsigned *flags);
	/*
	 * Nobody waits for the answer any more (MUX_CANCELLED, MUX_DEADLINE,
	 * MUX_UNAVAILABLE, MUX_CARRIER_LOST, and MUX_OK: the answer is out).
	 * End the work; work_fail() with that code if there was no answer yet
	 * (it is ignored where nobody could see it).  Comes once at most, and
	 * no other callback after it but drop().
	 */
	void (*stop)(struct work *, uint32_t code);
	/* The program ends: free what is of the work, now; work_done() is not
	 * to be called.  NULL: there is nothing to free. */
	void (*drop)(struct work *);
	/* The method goes; no work of it is left.  NULL: it has no pool. */
	void (*forget)(struct method *);
	/* Its works take no slot and are never refused: they cost nothing. */
	bool free_of_limits;
	/* They take no slot of --jobs; limits of the method and times hold. */
	bool own_slots;
};

/* Who calls.  Counted: the works of a connection share one. */
struct work_peer {
	uint64_t conn;		/* number of the connection */
	char *who;		/* for logs */
	char *addr;		/* MUX_PEER_ADDR */
	bool have_uid;
	uid_t uid;
	size_t n_refs;
};

struct work_peer *work_peer_new(uint64_t conn, const char *who,
    const char *addr);
void work_peer_unref(struct work_peer *);

/* What waits inside serve, at most: plain S0 peers know no credit. */
#define HELD_MAX	(256u * 1024u * 1024u)
#define WORK_ROOM	256u

struct work {
	TAILQ_ENTRY(work) next;
	struct dispatch *all;
	struct mux_call *call;		/* NULL: gone, nobody waits, */
	struct wstream *stream;		/* or a stream is what it answers */
	struct mux_conn *conn;		/* NULL with it */
	struct methods *methods;	/* a reference */
	struct method *method;
	void *run;			/* of the kind of method */
	uint64_t id;			/* of the call on its connection */
	uint64_t serial;		/* unique in this process */
	uint64_t since, started;	/* ns on the loop's clock */
	uint64_t deadline;		/* on that clock; UINT64_MAX = none */
	struct mux_request q;		/* all it names is ours; no body */
	struct work_peer *peer;
	const char *blocked;	/* what it waits for; static, for SIGUSR1 */
	pid_t pid;			/* for SIGUSR1; 0 = none of its own */
	bool running, stopped, answered;
	bool whole;			/* eof() was, or will be, seen */
	/* private: */
	bool over, replied;
	void *copies;			/* what q names */
	struct mux_timer *timer;
	struct buf held;		/* what came while it waited */
	/* For the kind of method, instead of memory of its own; not cleared. */
	_Alignas(max_align_t) char room[WORK_ROOM];
};

TAILQ_HEAD(works, work);

/* The fields up to `arg` are the caller's. */
struct dispatch {
	struct mux_loop *loop;
	struct ptrees *trees;
	struct methods *methods;	/* replaced by dispatch_methods() */
	int64_t jobs, queue;		/* --jobs, --queue; 0 = no limit */
	uint64_t call_timeout;		/* ns; 0 = none */
	uint64_t kill_after;		/* ns between TERM and KILL */
	char *const *env;		/* of handlers, without MUX_* */
	const char *cwd;		/* NULL = ours */
	uint64_t max_calls;		/* --max-calls; 0 = no limit */
	bool allow_admin;		/* --allow-admin */
	/* For mux.streams, mux.stats and mux.drain; set by serve.c. */
	void (*state)(FILE *, void *arg);
	void (*drain)(void *arg);
	/* A call ended; not from within dispatch_call(). */
	void (*ended)(void *arg);
	void *arg;
	struct works running, queued, dead;
	struct works spare;		/* memory for the next ones */
	size_t n_running, n_queued, n_spare;
	size_t n_slots;			/* running, and under --jobs */
	size_t n_queued_slots;		/* queued, and under --jobs */
	size_t held;			/* bytes that wait, of all works */
	uint64_t n_calls, n_failed, n_refused;	/* ever */
	uint64_t serial;
	struct mux_task *task;
	LIST_HEAD(, herr) left;		/* handler_err.c: without a work */
};

/* After the caller's fields; -1: no memory. */
int dispatch_init(struct dispatch *);
/* Inside call() of a connection. */
void dispatch_call(struct dispatch *, struct mux_conn *, struct work_peer *,
    struct mux_call *, const struct mux_request *);
/* Inside open(), of a stream that names a method or is plain S0's. */
void dispatch_stream(struct dispatch *, struct mux_conn *,
    struct work_peer *, struct mux_stream *, const struct mux_request *);
/* --max-calls: has the last call come? */
bool dispatch_full(const struct dispatch *);
/* Ends all that is under way with MUX_UNAVAILABLE. */
void dispatch_stop(struct dispatch *);
/* SIGHUP: takes over the reference. */
void dispatch_methods(struct dispatch *, struct methods *);
/* Stops all works and waits for nothing. */
void dispatch_release(struct dispatch *);
void dispatch_state(const struct dispatch *, FILE *);	/* SIGUSR1 */

/* ---- for those who run methods ---- */

/*
 * As the functions of mux_call(3); where nobody waits any more they do
 * nothing.  Of an answer that was given by work_answer() or work_fail() and
 * then work_done() the rest goes out by itself; after work_reply() wait for
 * stop().  After work_fail() no stop() comes: end the work.
 */
void work_consume(struct work *, size_t n);
void work_ready(struct work *);
int work_answer(struct work *, const struct mux_answer *, const void *body,
    size_t len);
int work_reply(struct work *, const struct mux_answer *);
int work_amend(struct work *, const struct mux_answer *);
int work_fail(struct work *, uint32_t code, const char *text,
    const struct mux_answer *);
/* In stop(), of what had been begun: who is told MUX_UNAVAILABLE tries it
 * again elsewhere, so that is MUX_INDETERMINATE. */
int work_stopped(struct work *, uint32_t code);
/* Is there anybody who would see an answer? */
bool work_wanted(const struct work *);
/* Nothing is left of the work: the slot is free, w is gone after the
 * callback. */
void work_done(struct work *);

extern const struct work_ops handler_ops;	/* handler.c */
extern const struct work_ops worker_ops;	/* worker.c */
extern const struct work_ops builtin_ops;	/* builtin.c */

#endif
