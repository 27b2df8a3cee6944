/*
 * world.h - two connections on one loop, with real sockets at both ends of
 * each stream: who sends what, and what arrives how.
 */
#ifndef WORLD_H
#define WORLD_H

#include "mux_io.h"

enum kind { UNIX, TCP };

/* One end of a stream, as a program would hold it. */
struct app {
	struct mux_loop *loop;
	struct mux_watch *watch;
	int fd;
	uint64_t sent, to_send;	/* bytes of the pattern of `seed` */
	uint32_t seed;		/* of what it sends */
	uint32_t expect;	/* seed of what it should receive */
	uint64_t got, bad;	/* bytes received; of those wrong */
	bool shut_after;	/* SHUT_WR behind the last byte */
	bool shut, stalled, eof;
	int read_err, write_err;
};

struct world {
	struct mux_loop *loop;
	struct mux_conn *a, *b;	/* a opened the carrier */
	bool a_ready, b_ready, a_closed, b_closed;
	int a_err, b_err;
	struct mux_why a_why, b_why;
	/* What b makes of an open: */
	enum kind target;	/* connects it to a pair of this kind */
	int sndbuf;		/* 0 = leave it */
	uint32_t refuse;	/* or refuses with this code */
	bool hold;		/* or leaves it to the test */
	struct link *opened;	/* the link that is being opened */
};

/* app <-> relay of a <-> stream <-> relay of b <-> app */
struct link {
	struct world *w;
	struct app client, server;
	struct mux_relay *ra, *rb;	/* NULL after done */
	struct mux_relay_end ea, eb;
	bool done_a, done_b;
	int rb_fd;		/* hold: what b's relay is to be given */
};

void must(bool good, const char *what);
void pair(enum kind kind, int fds[2]);
struct mux_ends ends_of(int fd);

void app_start(struct app *a, struct mux_loop *loop, int fd, uint32_t seed,
    uint32_t expect);
void app_send(struct app *a, uint64_t n, bool then_shut);
void app_stall(struct app *a, bool on);
void app_reset(struct app *a);	/* RST, or the nearest to it */
void app_close(struct app *a);
bool app_failed(const struct app *a);
uint8_t pattern(uint32_t seed, uint64_t at);

void world_new(struct world *w, enum kind carrier, bool copy);
void world_free(struct world *w);
/* Opens a stream from a client of this kind to a server of w->target. */
void link_new(struct world *w, struct link *l, enum kind client);
void link_free(struct link *l);
/* Gives the descriptors to a relay that was held. */
void link_connect(struct link *l);

/* Turns the loop until the condition holds; a test that hangs is ended by
 * its alarm. */
#define until(w, cond) \
	do { \
		while (!(cond)) \
			must(mux_loop_turn((w)->loop, UINT64_MAX) == 0, \
			    "turn"); \
	} while (0)
/* Turns the loop until nothing is left to do at once. */
void settle(struct world *w);

#endif
