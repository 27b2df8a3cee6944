/*
 * work.h - what dispatch.c asks of work.c.
 */
#ifndef WORK_H
#define WORK_H

#include "dispatch.h"

/* In no list, without a call.  NULL: no memory. */
struct work *work_new(struct dispatch *, struct mux_conn *,
    struct work_peer *, struct method *, const struct mux_request *);
/* What it was given is freed; a call that it has is released. */
void work_free(struct work *);

void work_attach_call(struct work *, struct mux_call *);

/* It has started: what waited goes to it. */
void work_deliver(struct work *);
/* Nobody waits any more.  One that waits itself is over by this. */
void work_stop(struct work *, uint32_t code);

/* dispatch.c: into the list of the dead. */
void dispatch_bury(struct work *);

#endif
