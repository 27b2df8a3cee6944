/*
 * carrier.h - reaching a server: dials its address, again and again if asked,
 * and words the failure.
 */
#ifndef CARRIER_H
#define CARRIER_H

#include <stdint.h>

struct carrier;
struct mux_addr;
struct mux_ends;
struct mux_loop;
struct mux_why;
struct opt_common;

/* The address of -a, or the default socket.  0, or an exit status; it has
 * been said. */
int carrier_addr(const struct opt_common *, struct mux_addr **out);

struct carrier_opts {
	const struct mux_addr *addr;	/* must live on */
	uint64_t connect_timeout;	/* ns of one attempt; 0 = no limit */
	uint64_t wait;		/* OPT_UNSET = one attempt; 0 = no limit */
};

/*
 * Runs once, with ends that are the receiver's to close, or with NULL and
 * why; why->text is then whole sentence, with a hint.
 */
typedef void carrier_cb(const struct mux_ends *, const struct mux_why *why,
    void *arg);

/* 0, or an error of mux.h and nothing will be called. */
int carrier_dial(struct mux_loop *, const struct carrier_opts *, carrier_cb *,
    void *arg, struct carrier **out);
void carrier_free(struct carrier *);	/* gives up, if it still tries */

#endif
