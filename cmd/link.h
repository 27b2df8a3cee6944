/*
 * link.h - the client's connection: reaches the server (carrier.c), makes the
 * session, waits for HELLO, and words what can go wrong.  Shared by tunnel
 * and call.
 */
#ifndef LINK_H
#define LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "carrier.h"
#include "mux_io.h"
#include "proc.h"

struct link_ops {
	/* HELLO is done (or the peer speaks plain S0: ask the session). */
	void (*ready)(struct mux_conn *, void *arg);
	/* It did not come to that, or it is over: err as in mux_conn_ops.closed,
	 * MUX_E_IO when there was no connection at all.  The text is a whole
	 * sentence for people, with the address.  Comes once, last. */
	void (*closed)(int err, const struct mux_why *, void *arg);
	/* Those of struct mux_conn_ops; may be NULL. */
	void (*open)(struct mux_conn *, struct mux_stream *,
	    const struct mux_open *, void *arg);
	void (*drain)(struct mux_conn *, void *arg);
	void (*tap)(struct mux_conn *, const struct mux_tap *, void *arg);
};

struct link;

/* 0, or an error of mux.h.  Everything pointed to must live on. */
int link_start(struct mux_loop *, const struct carrier_opts *,
    const struct mux_config *, const struct link_ops *, void *arg,
    struct link **out);
struct mux_conn *link_conn(const struct link *);	/* NULL before/after */
bool link_is_ready(const struct link *);
void link_free(struct link *);

#endif
