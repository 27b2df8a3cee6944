/*
 * progs.h - programs at the end of streams (exec: targets): how they end
 * decides how the stream does, and how the stream ends decides about them.
 */
#ifndef PROGS_H
#define PROGS_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stddef.h>

struct mux_addr;
struct mux_ends;
struct mux_loop;
struct mux_relay;
struct mux_why;
struct prog;
struct ptrees;

struct progs {
	struct mux_loop *loop;		/* these two are the caller's */
	struct ptrees *trees;
	LIST_HEAD(, prog) all;
	size_t n_left;			/* run, and their streams have ended */
};

void progs_init(struct progs *);
/* Those that were cut off are killed with the trees, others live on. */
void progs_release(struct progs *);

/* 0, or an error of mux.h and *why; then nothing was started.  MUX_E_LIMIT:
 * too many of those that were left still run. */
int prog_start(struct progs *, const struct mux_addr *, struct mux_ends *,
    struct prog **out, struct mux_why *);
/* The relay of its ends; it is settled by us. */
void prog_join(struct prog *, struct mux_relay *);
/* From ended() of mux_relay_hold(). */
void prog_ended(struct prog *);
/* The relay is over; a program that was cut off is ended, with all that it
 * started: what it does nobody will see.  NULL is fine. */
void prog_leave(struct prog *, bool cut);

#endif
