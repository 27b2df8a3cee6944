/*
 * batch_sink.h - one descriptor that a batch writes to, and how far its reader
 * is behind.
 */
#ifndef BATCH_SINK_H
#define BATCH_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

struct mux_loop;
struct mux_outlet;

struct batch_sink {
	const char *name;
	/* Something has left, or (err != 0, once) nothing can any more. */
	void (*moved)(struct batch_sink *, int err, void *arg);
	void *arg;
	struct mux_outlet *outlet;	/* private from here; NULL: closed */
	uint64_t given;
};

/* A copy of the descriptor is used.  0, or errno. */
int batch_sink_open(struct batch_sink *, struct mux_loop *, int fd);
/* Empties the buffer, whatever becomes of it. */
void batch_sink_put(struct batch_sink *, struct buf *);
size_t batch_sink_waiting(const struct batch_sink *);
void batch_sink_close(struct batch_sink *);

#endif
