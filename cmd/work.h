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
/* Its memory is kept for the next one, until this. */
void work_free_spares(struct dispatch *);

void work_attach_call(struct work *, struct mux_call *);

/* Of its request, and its end. */
void work_data(struct work *, const void *p, size_t n);
void work_eof(struct work *);

/* It has started: what waited goes to it. */
void work_deliver(struct work *);
/* Nobody waits any more.  One that waits itself is over by this. */
void work_stop(struct work *, uint32_t code);

/* ---- work_stream.c: a stream in place of a call ---- */

/* Inside open(); -1: no memory. */
int lane_attach(struct work *, struct mux_stream *,
    const struct mux_request *);
void lane_consume(struct lane *, size_t n);
void lane_ready(struct lane *);
int lane_reply(struct lane *, const struct mux_answer *);
int lane_answer(struct lane *, const struct mux_answer *, const void *body,
    size_t len);
void lane_amend(struct lane *, const struct mux_answer *);
/* The lane is the stream's from here on; the work has none. */
void lane_fail(struct lane *, uint32_t code, const char *text);
void lane_let_go(struct lane *);
void lane_stats(const struct lane *, struct mux_stream_stats *);

/* ---- dispatch.c ---- */

/* Into the list of the dead. */
void dispatch_bury(struct work *);

#endif
