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
int wstream_attach(struct work *, struct mux_stream *,
    const struct mux_request *);
void wstream_consume(struct wstream *, size_t n);
void wstream_ready(struct wstream *);
int wstream_reply(struct wstream *, const struct mux_answer *);
int wstream_answer(struct wstream *, const struct mux_answer *,
    const void *body, size_t len);
void wstream_amend(struct wstream *, const struct mux_answer *);
/* It is the stream's from here on; the work has none. */
void wstream_fail(struct wstream *, uint32_t code, const char *text);
void wstream_let_go(struct wstream *);
void wstream_stats(const struct wstream *, struct mux_stream_stats *);

/* ---- dispatch.c ---- */

/* Into the list of the dead. */
void dispatch_bury(struct work *);

#endif
