/*
 * worker.h - what serve.c asks of the programs of --worker.  Calls come to
 * them by worker_ops of dispatch.h.
 */
#ifndef WORKER_H
#define WORKER_H

#include <stdbool.h>

struct dispatch;
struct methods;
struct mux_why;

/*
 * Starts those that do not run yet, so that a mistake is found before the
 * first call.  0, or an error of mux.h and *why: one could not be started;
 * it is tried again for as long as the methods live.
 */
int workers_start(struct dispatch *, struct methods *, struct mux_why *);
/* Serve ends: their input ends, TERM, and KILL after --kill-after.  When one
 * has gone d->ended() is called. */
void workers_end(struct methods *);
bool workers_left(struct methods *);

#endif
