/*
 * worker_proto.h - the lines between serve and a program of --worker:
 * muxctl-serve(1), WORKERS.  Values only, no descriptors.
 */
#ifndef WORKER_PROTO_H
#define WORKER_PROTO_H

#include <stddef.h>
#include <stdint.h>

struct mux_request;

/* The first line of an answer: "ID STATUS BODYLEN\n". */
struct worker_head {
	uint64_t id, len;
	unsigned status;
};

/* No line of an answer is longer. */
#define WORKER_HEAD_MAX	63u
/* Enough for worker_put_cancel(). */
#define WORKER_CANCEL_MAX 32u

/*
 * Reads one from the n bytes at p: how long it is; 0: it is not whole yet;
 * -1: it is none, whatever comes.
 */
int worker_get_head(const char *p, size_t n, struct worker_head *);

/* How long a request is at most, without its body. */
size_t worker_request_size(const struct mux_request *);
/* Writes it, and gives its length.  `ms` is what is left of the deadline, 0
 * for none. */
size_t worker_put_request(char *, uint64_t id, const struct mux_request *,
    size_t body_len, uint64_t ms);
size_t worker_put_cancel(char *, uint64_t id);

#endif
