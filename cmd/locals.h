/*
 * locals.h - the local side of a tunnel: listeners, and the streams of what
 * they accept.
 */
#ifndef LOCALS_H
#define LOCALS_H

#include "flow.h"

struct gate;
struct mux_addr;
struct mux_conn;
struct mux_loop;
struct mux_ends;
struct mux_why;
struct uids;

TAILQ_HEAD(gates, gate);

/* The fields up to `arg` are the caller's. */
struct locals {
	struct mux_loop *loop;
	struct mux_conn *conn;		/* NULL: none yet, or no more */
	enum say_level level;		/* of the line at the end of one */
	/* The first stream came. */
	void (*began)(void *arg);
	/* A stream is gone. */
	void (*ended)(const struct mux_relay_end *, void *arg);
	/* Nobody reads what one brings.  Just take note; may be NULL. */
	void (*stopped)(void *arg);
	void *arg;
	const struct uids *uids;	/* who may come in */
	struct gates gates;		/* in the order of the options */
	size_t n_gates;
	size_t n_single;	/* that give one connection and no other */
	size_t n_came;		/* of those */
	struct flows flows;
	size_t n_flows;
	bool paused;			/* at the limit of streams */
};

void locals_init(struct locals *);
void locals_release(struct locals *);	/* resets what is left */

/* Takes over address and target; false without memory. */
bool locals_add(struct locals *, struct mux_addr *, char *target);
/* Binds them all, and tells life.h.  0, or an exit status, and it was said. */
int locals_listen(struct locals *);
void locals_close(struct locals *);	/* accepts no more */

/* Do all of them give one connection, and are these over? */
bool locals_single(const struct locals *);
bool locals_over(const struct locals *);

/* Brings the ends, which it takes over, to the target, a text that stays. */
void locals_open(struct locals *, const char *target, const struct mux_ends *);

/* The connection is gone. */
void locals_lost(struct locals *);

void locals_state(const struct locals *, FILE *);

#endif
