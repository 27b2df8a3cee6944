/*
 * peers.h - the connections of serve: who may have one, how many may be
 * without a HELLO, and how they end.
 */
#ifndef PEERS_H
#define PEERS_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "mux_io.h"

struct dispatch;
struct kids;
struct peer;
struct reach;
struct uids;

TAILQ_HEAD(peer_list, peer);

/* The fields up to `arg` are the caller's. */
struct peers {
	struct mux_loop *loop;
	struct mux_config cfg;
	struct reach *reach;
	struct dispatch *calls;
	const struct kids *kids;	/* of -l exec: */
	const struct uids *uids;	/* who may connect */
	uint64_t max_conns;	/* that may come to a HELLO; 0 = no limit */
	uint64_t max_clients;	/* of them at once */
	/* One came to its HELLO or ended. */
	void (*changed)(void *arg);
	void *arg;
	struct peer_list waiting;	/* for its HELLO, oldest first */
	struct peer_list list;
	size_t n_waiting, n;
	uint64_t n_served;	/* that came to a HELLO, ever */
	uint64_t serial;
	int last_err;		/* how the last one ended */
};

void peers_init(struct peers *);

/* Takes over the ends.  With `check`, the uid decides. */
void peers_accept(struct peers *, const struct mux_ends *, bool check);

/* Has the last connection come that may come? */
bool peers_full(const struct peers *);
/* Nobody new; those that are idle end, the others within grace. */
void peers_drain(struct peers *, uint64_t grace);
/* Ends all at once; changed() does not run. */
void peers_release(struct peers *);

void peers_state(const struct peers *, FILE *);

#endif
