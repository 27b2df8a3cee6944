/*
 * call.h - what the rooms of call share: its options, the connection, the
 * request that the options describe, and how it ends.
 *
 * call.c reads the options, reaches the server, and hands over to one of
 * three modes: one.c makes one call, batch.c many, bench.c measures.
 */
#ifndef CALL_H
#define CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "link.h"
#include "mux_io.h"
#include "opt.h"
#include "result.h"

struct call;
struct call_meta;

enum call_stderr {
	CALL_STDERR_PASS, CALL_STDERR_MERGE, CALL_STDERR_DROP,
	CALL_STDERR_FILE
};

struct call_opts {
	/* The words: NULL, 0 where there are none. */
	const char *method;
	char **args;
	size_t n_args;
	bool stream_stdin;		/* a last "-", which is no argument */
	/* What is sent. */
	struct opt_list data;		/* -d, --data-raw */
	struct opt_list meta;		/* --meta, --meta-secret */
	int64_t priority;		/* -1 = not given */
	/* How. */
	uint64_t connect_timeout;	/* ns; 0 = none */
	int64_t retry;			/* attempts more than one */
	bool idempotent, oneway, legacy, require_hello;
	/* Many of them. */
	int64_t bench;			/* how many; 0 = no --bench */
	int64_t parallel;		/* -P; 0 = not given */
	int64_t rate;			/* per second; 0 = as it goes */
	const char *fail_if;
	/* What becomes of the answer. */
	const char *output;		/* -o; NULL = stdout */
	const char *stderr_word;	/* --stderr, and what it means: */
	int stderr_to;			/* enum call_stderr */
	const char *stderr_file;
	bool json, list;
	const char *describe;
	int64_t status_fd;		/* -1 = none */
	/* Many calls. */
	const char *batch;		/* NULL; "" and "-" are stdin */
	int batch_format;		/* enum batch_format */
	bool ordered, fail_fast, null;
};

/* One way to use the connection.  Everything runs from the loop. */
struct call_mode {
	/* Options that do not go together, before anything is done: 0, or an
	 * exit status and it has been said. */
	int (*check)(struct call *);
	/* Before there is a loop, and signals are as they were: 0, or an exit
	 * status, said.  May call call_end(). */
	int (*begin)(struct call *);
	/* There is a loop, for timers and tasks: the same. */
	int (*watch)(struct call *);
	/* HELLO is done, or call_is_legacy(). */
	void (*ready)(struct call *);
	/*
	 * There is no connection, or no longer; calls have been told.  Ends in
	 * call_end(), or in call_connect() for one more attempt.
	 */
	void (*lost)(struct call *, int err, const struct mux_why *);
	/* SIGINT, SIGTERM or SIGHUP: call_end() follows soon; c->signo is what
	 * the program dies of then.  A second signal does not come here. */
	void (*stop)(struct call *);
	/* Frees c->mode_data, without another callback.  The connection may
	 * still be there. */
	void (*release)(struct call *);
	/* Of struct link_ops; may be NULL.  Standard error of handlers is
	 * taken care of before. */
	void (*tap)(struct mux_conn *, const struct mux_tap *, void *call);
	/* Its calls are not made by invoke_start(), so nothing here may take
	 * them for one: their standard error is refused. */
	bool no_invokes;
};

extern const struct call_mode call_one, call_oneway;	/* one.c */
extern const struct call_mode call_bench;		/* bench.c */
extern const struct call_mode call_batch;		/* batch.c */

struct call {
	struct call_opts opts;
	struct opt_common com;
	const struct call_mode *mode;
	void *mode_data;
	struct mux_addr *addr;
	struct mux_config cfg;		/* begin() may still change it */
	struct mux_loop *loop;
	struct link *link;
	struct link_ops heard;
	struct call_meta *meta;
	uint64_t since;			/* ns, when the loop was made */
	int signo;			/* we were told to end; 0 = not */
	int status;
	bool ended;
};

extern const struct opt call_opts_table[];
void call_opts_init(struct call_opts *);
/* Each says what is wrong and gives an exit status, or 0. */
int call_opts_read(struct call *, const struct opt_rest *);
void call_opts_config(const struct call_opts *, struct mux_config *);

/*
 * The body that the options give.  fd >= 0: it is read from there, and the
 * caller's to close.  Else it is p, len; p NULL where no option gives one.
 * An exit status, said, or 0.
 */
struct call_body {
	const void *p;
	size_t len;
	int fd;
	bool inherited;		/* standard input */
	bool again;		/* can be had once more: a file */
};
int call_body(const struct call *, struct call_body *);
/* Does a body come from standard input? */
bool call_reads_stdin(const struct call_opts *);

/* The parts of a request that the options give: method, args, meta, priority.
 * The memory is good as long as the call.  No deadline, no body. */
void call_request(const struct call *, struct mux_request *);
int call_meta_read(struct call *);	/* 0, or an exit status, said */
void call_meta_free(struct call_meta *);

/* Without -t: so long no byte need move. */
#define CALL_IDLE_NS	UINT64_C(30000000000)
/* "no end within the 1 s of -t ...": as error of a call that was given so
 * long. */
#define CALL_LATE	(OPT_WITHIN + 10)
void call_late(const struct call *, char buf[CALL_LATE]);
/* ns to wait before one more attempt, of those that failed. */
uint64_t call_pause(int64_t tries);

/* Connects, once more if need be. */
void call_connect(struct call *);
struct mux_conn *call_conn(const struct call *);	/* NULL: none */
bool call_is_legacy(const struct call *);
/* If so: what cannot be said to such a server; 0, or an exit status, said. */
int call_check_legacy(const struct call *);
/* "METHOD: sentence" on stderr, as for every call that did not end by itself.
 * `method` may be NULL: that of the options. */
void call_say(const struct call *, const char *method,
    const struct result *);
/* Leaves the loop with this exit status; the first one counts. */
void call_end(struct call *, int status);

#endif
