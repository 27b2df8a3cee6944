/*
 * link.h - two sessions joined by a simulated carrier with a virtual clock:
 * seeded splits and delays, bounded buffers like a kernel's, no sockets.
 * And an endpoint that sends a known pattern and checks what it receives.
 */
#ifndef SIM_LINK_H
#define SIM_LINK_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mux.h"

#define MS	UINT64_C(1000000)
#define SEC	UINT64_C(1000000000)

struct sim;

/* One end of a stream: sends `size` bytes of the pattern, checks as much. */
struct end {
	struct side *side;
	struct mux_stream *st;
	struct end *next;
	uint64_t seed_out, seed_in;	/* of the patterns */
	uint64_t size, sent;
	uint64_t got, held;		/* received; not yet consumed */
	uint32_t piece;			/* most bytes per fill, 0 = any */
	bool stalled;			/* consumes nothing */
	bool keep_open;			/* never says END */
	bool deaf;			/* has said STOP: end_stop() */
	bool accepted, eof, stopped, reset, released, bad;
	uint32_t code;
	char text[64];
};

/* What an acceptor does with an open: fills in *e, or answers a code. */
typedef uint32_t sim_policy(struct sim *, const struct mux_open *,
    struct end *e);

struct side {
	struct sim *sim;
	struct mux_session *s;
	struct side *peer;
	struct end *ends;
	int err;
	bool ready, drained, eof_sent;
	unsigned n_opens;
	/* bytes on their way to the peer */
	uint8_t *wire;
	size_t wire_off, wire_len, wire_cap;
	uint64_t due;			/* when the next piece may arrive */
	uint64_t delivered;
};

struct sim {
	uint64_t now, rng;
	size_t split;			/* most bytes per feed, 0 = any */
	size_t carrier;			/* bytes the wire holds */
	uint64_t delay;			/* ns per piece */
	bool cut;			/* the carrier is gone */
	sim_policy *policy;
	void (*tap)(struct sim *, const struct side *, const struct mux_tap *);
	void *arg;
	struct side a, b;		/* initiator, acceptor */
};

uint64_t sim_random(struct sim *);
/* 0 or the error of mux_session_new(). */
int sim_init(struct sim *, uint64_t seed, const struct mux_config *a,
    const struct mux_config *b);
void sim_release(struct sim *);
/* Moves bytes until nothing changes any more or `limit` rounds passed; time
 * jumps to the next deadline only up to `until`. */
void sim_run(struct sim *, uint64_t until);
/* Opens a stream from a, or from any side; the end is freed with the sim.
 * NULL: *err, if err is not NULL, says why. */
struct end *sim_open(struct sim *, const char *target, uint64_t size,
    uint64_t seed, int *err);
struct end *side_open(struct side *, const char *target, uint64_t size,
    uint64_t seed, int *err);
struct end *sim_find(struct side *, const struct mux_stream *);
/* The acceptor's end that belongs to the same id, or NULL. */
struct end *sim_peer(struct sim *, const struct end *);
uint8_t sim_pattern(uint64_t seed, uint64_t at);
void end_consume(struct end *);	/* all that is held; not stalled now */
void end_stop(struct end *, uint32_t code);
void end_release(struct end *);

#endif
