/*
 * inout.h - -W of tunnel: standard input and output as the one stream.
 */
#ifndef INOUT_H
#define INOUT_H

#include <stdbool.h>

struct locals;
struct mux_dial;
struct mux_loop;
struct mux_relay_end;
struct mux_task;

/* The fields up to `arg` are the caller's. */
struct inout {
	struct mux_loop *loop;
	struct locals *locals;		/* which opens the stream */
	char *target;			/* NULL: there is no -W */
	/* It is over: the exit status.  What there is to say has been said. */
	void (*over)(int status, void *arg);
	void *arg;
	struct mux_dial *dial;
	struct mux_task *pipe_task;
};

/* 0, or an exit status, and it was said. */
int inout_start(struct inout *);
void inout_stop(struct inout *);
/* Nobody reads our output.  May come in the middle of things. */
void inout_stopped(struct inout *);
/* What an end makes -W exit with. */
int inout_status(const struct mux_relay_end *);
/* The stream has ended.  Nothing happens if the connection is lost with it:
 * whoever notices that tells. */
void inout_ended(struct inout *, const struct mux_relay_end *);

#endif
