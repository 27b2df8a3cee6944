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

#include "mux.h"

struct method;
struct methods;
struct mux_conn;
struct mux_loop;
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
	 * MUX_CARRIER_LOST, and MUX_OK: the answer is out).  End the work;
	 * work_fail() with that code if there was no answer yet (it is
	 * ignored where nobody could see it).  Comes once at most.
	 */
	void (*stop)(struct work *, uint32_t code);
};

/* Who calls. */
struct work_peer {
	uint64_t conn;		/* number of the connection */
	const char *who;	/* for logs; copied */
	const char *addr;	/* MUX_PEER_ADDR; copied */
	bool have_uid;
	uid_t uid;
};

struct work {
	TAILQ_ENTRY(work) next;
	struct dispatch *all;
	struct mux_call *call;		/* NULL: gone, nobody waits */
	struct mux_conn *conn;		/* NULL with it */
	struct methods *methods;	/* a reference */
	struct method *method;
	void *run;			/* of the kind of method */
	uint64_t id;			/* of the call on its connection */
	uint64_t serial;		/* unique in this process */
	uint64_t since, started;	/* ns on the loop's clock */
	uint64_t deadline;		/* ns on that clock; UINT64_MAX = none */
	struct mux_request q;		/* all that it names is a copy of ours */
	struct work_peer peer;
	bool running, answered, whole;	/* whole: eof() was seen */
	/* private: what came while it waited, ... */
	struct work_private *p;
};

TAILQ_HEAD(works, work);

/* The fields up to `arg` are the caller's. */
struct dispatch {
	struct mux_loop *loop;
	struct ptrees *trees;
	struct methods *methods;	/* a reference; replace by dispatch_methods() */
	const char *default_method;	/* for requests without one, or NULL */
	int64_t jobs, queue;		/* --jobs, --queue */
	uint64_t call_timeout;		/* ns; 0 = none */
	uint64_t kill_after;		/* ns between TERM and KILL */
	char *const *env;		/* of handlers, without MUX_* */
	const char *cwd;		/* NULL = ours */
	uint64_t max_calls;		/* --max-calls; 0 = no limit */
	/* For mux.streams, mux.stats and mux.drain; set by serve.c. */
	void (*state)(FILE *, void *arg);
	void (*drain)(void *arg);
	/* A call ended. */
	void (*ended)(void *arg);
	void *arg;
	struct works running, queued;
	size_t n_running, n_queued;
	uint64_t n_calls, n_failed, n_refused;	/* ever */
	uint64_t serial;
};

void dispatch_init(struct dispatch *);
/* Inside call() of a connection; `peer` is copied. */
void dispatch_call(struct dispatch *, struct mux_conn *,
    const struct work_peer *, struct mux_call *, const struct mux_request *);
/* SIGHUP: takes over the reference. */
void dispatch_methods(struct dispatch *, struct methods *);
/* Stops all works and waits for nothing. */
void dispatch_release(struct dispatch *);
void dispatch_state(const struct dispatch *, FILE *);	/* SIGUSR1 */

/* ---- for those who run methods ---- */

/* As the functions of mux_call(3); without a call they do nothing. */
void work_consume(struct work *, size_t n);
void work_ready(struct work *);
int work_answer(struct work *, const struct mux_answer *, const void *body,
    size_t len);
int work_reply(struct work *, const struct mux_answer *);
int work_fail(struct work *, uint32_t code, const char *text,
    const struct mux_answer *);
/* Nothing is left of the work: the slot is free, w is gone. */
void work_done(struct work *);

extern const struct work_ops handler_ops;	/* handler.c */
extern const struct work_ops worker_ops;	/* worker.c */
extern const struct work_ops builtin_ops;	/* builtin.c */

#endif
