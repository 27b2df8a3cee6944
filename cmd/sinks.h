/*
 * sinks.h - where the two outputs of a handler go: to descriptors, each under
 * the credit of its own, or into memory.
 */
#ifndef SINKS_H
#define SINKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

struct call_opts;
struct mux_loop;
struct mux_outlet;
struct sinks;

struct sinks_ops {
	/* So many bytes that waited have left. */
	void (*left)(size_t body, size_t err, void *arg);
	/* Bytes cannot be written: errno, EPIPE if nobody reads.  What comes
	 * for that descriptor is thrown away from then on. */
	void (*failed)(const char *name, int err, void *arg);
	/* After sinks_end(): everything is where it belongs, or has failed. */
	void (*ended)(void *arg);
};

struct sink {
	struct sinks *all;
	struct mux_outlet *outlet;	/* NULL: none yet, or it has ended */
	const char *name;
	int fd;				/* -1: it is opened already */
	bool inherited;
	bool failed;
	size_t body, err;		/* that wait */
};

struct sinks {
	struct mux_loop *loop;
	const struct sinks_ops *ops;
	void *arg;
	struct sink out, err;
	struct sink *err_to;		/* NULL: kept, or thrown away */
	bool keep;			/* in memory, not by descriptors */
	bool drop_err;
	bool ending;
	struct buf body_text, err_text;	/* p NULL: nothing came */
	uint64_t bytes;			/* of bodies that were taken */
};

/* Makes files.  0, or an exit status, and it has been said. */
int sinks_open(struct sinks *, struct mux_loop *, const struct call_opts *,
    const struct sinks_ops *, void *arg);
/* How many of the n bytes are dealt with; for the others comes left().  A
 * failure is told by failed(), later. */
size_t sinks_body(struct sinks *, const void *p, size_t n);
size_t sinks_err(struct sinks *, const void *p, size_t n);
/* Is it this side that is slow? */
bool sinks_wait(const struct sinks *);
/* No more will come: ended() follows, perhaps within. */
void sinks_end(struct sinks *);
void sinks_release(struct sinks *);

#endif
