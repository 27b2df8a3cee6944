/*
 * link.h - the client's connection: reaches the server (carrier.c), makes the
 * session, waits for HELLO, and words what can go wrong.  Shared by tunnel
 * and call.  Of frames it says a line each with -vv.
 */
#ifndef LINK_H
#define LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "carrier.h"
#include "mux_io.h"

struct link_ops {
	/* HELLO is done (or the peer speaks plain S0: ask the session). */
	void (*ready)(struct mux_conn *, void *arg);
	/*
	 * It did not come to that, or it is over: err as in
	 * mux_conn_ops.closed, MUX_E_IO when there was no connection at all,
	 * MUX_E_NOMEM.  The text is a whole sentence for people, with the
	 * address; that of MUX_E_DONE blames the server, because whoever
	 * drained knows better.  Comes once, last, and never from within
	 * link_start(); link_free() may be called in it.
	 */
	void (*closed)(int err, const struct mux_why *, void *arg);
	/* Those of struct mux_conn_ops; may be NULL. */
	void (*open)(struct mux_conn *, struct mux_stream *,
	    const struct mux_open *, void *arg);
	void (*call)(struct mux_conn *, struct mux_call *,
	    const struct mux_request *, void *arg);
	void (*drain)(struct mux_conn *, void *arg);
	void (*tap)(struct mux_conn *, const struct mux_tap *, void *arg);
};

struct link;

/* 0, or an error of mux.h.  Everything pointed to must live on. */
int link_start(struct mux_loop *, const struct carrier_opts *,
    const struct mux_config *, const struct link_ops *, void *arg,
    struct link **out);
/* NULL before there is a connection, and after its end. */
struct mux_conn *link_conn(const struct link *);
/* Nothing will come of it any more; so it is with NULL. */
bool link_is_over(const struct link *);
uint64_t link_age(const struct link *);	/* ns since link_start() */
/* Without a callback.  A program of exec: is told to end, unless the
 * connection came to an orderly end. */
void link_free(struct link *);

#endif
