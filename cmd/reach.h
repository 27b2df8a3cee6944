/*
 * reach.h - streams of serve that lead to targets: asks the rules, dials,
 * relays, logs.
 */
#ifndef REACH_H
#define REACH_H

#include "flow.h"
#include "progs.h"

struct mux_conn;
struct mux_loop;
struct mux_open;
struct mux_stream;
struct targets;

/* What all streams share.  The fields up to `arg` are the caller's. */
struct reach {
	struct mux_loop *loop;
	const struct targets *targets;	/* may be replaced at any time */
	uint64_t connect_timeout;	/* ns; UINT64_MAX = no limit */
	void (*ended)(void *arg);	/* a stream is gone */
	void *arg;
	struct flows flows;
	size_t n_flows;
	struct progs progs;		/* of exec: targets; its trees too */
};

void reach_init(struct reach *);

/* Inside open() of a connection, which `conn_no` and `who` name; `who` stays
 * until flows_orphan() was told of its end. */
void reach_open(struct reach *, struct mux_conn *, uint64_t conn_no,
    const char *who, struct mux_stream *, const struct mux_open *);

/* Resets all that is left; ended() does not run. */
void reach_release(struct reach *);

#endif
