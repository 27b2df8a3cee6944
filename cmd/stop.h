/*
 * stop.h - when a long-running verb stops: signals, the death of a process,
 * idleness.  The verb says what draining and aborting mean for it.
 */
#ifndef STOP_H
#define STOP_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct mux_loop;
struct mux_why;
struct stop;

struct stop_opts {
	uint64_t grace;		/* ns a drain may take; 0 = no limit */
	uint64_t idle;		/* ns without work, then drain; 0 = never */
};

struct stop_ops {
	void (*drain)(const char *why, void *arg);	/* at most once */
	void (*abort)(void *arg);	/* now; not followed by anything */
	void (*reload)(void *arg);	/* SIGHUP; may be NULL */
	void (*state)(FILE *, void *arg);	/* SIGUSR1: lines of it */
	/* Is somebody about to end the idleness?  Then stop_idle() will be
	 * called once that has come to something.  May be NULL. */
	bool (*awaits)(void *arg);
};

/* Call life_begin() first: it asks for life_death_fd().  0, or an error of
 * mux.h and *why. */
int stop_new(struct mux_loop *, const struct stop_opts *,
    const struct stop_ops *, void *arg, struct stop **out,
    struct mux_why *why);
void stop_free(struct stop *);

/* Begins the drain, if none has begun. */
void stop_drain(struct stop *, const char *why);
/* Is there nothing to do?  The clock of --idle-exit runs while so. */
void stop_idle(struct stop *, bool idle);
/* How long connections may take to drain, as mux_conn_drain() wants it. */
uint64_t stop_grace(const struct stop *);
bool stop_draining(const struct stop *);

#endif
