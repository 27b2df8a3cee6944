/*
 * invoke.h - one call, from its request to its result: body and answers go
 * between the call and descriptors or memory, standard error comes as a
 * stream of its own.  `call` uses it for one, `call --batch` for many.
 */
#ifndef INVOKE_H
#define INVOKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mux_io.h"
#include "result.h"

struct invoke;

/* Where bytes of an answer go; NULL: they are thrown away.  `p` is good during
 * the call.  body() and err() give how many of the n bytes were taken care of;
 * for the others invoke_consume() is called when they are, until done(). */
struct invoke_ops {
	size_t (*body)(struct invoke *, const void *p, size_t n, void *arg);
	size_t (*err)(struct invoke *, const void *p, size_t n, void *arg);
	/* The last callback, after the last byte of both; the invoke is gone
	 * after it.  `r` is good during the call. */
	void (*done)(struct invoke *, const struct result *r, void *arg);
};

struct invoke_spec {
	struct mux_request q;	/* method, args, meta, deadline, body, ...; is
				   copied by mux_call_open() */
	int body_fd;		/* -1: the body is in q; else it is taken
				   over on success */
	bool body_inherited;
	bool want_err;		/* else a stream with it is stopped */
	uint64_t since;		/* ns, when it could have begun; 0 = now */
};

/* Over a connection that is ready.  0; or an error of mux.h: MUX_E_LIMIT: the
 * peer takes no more now; MUX_E_CLOSED: it takes nothing any more. */
int invoke_start(struct mux_conn *, const struct invoke_spec *,
    const struct invoke_ops *, void *arg, struct invoke **out);
/* More of what body() and err() did not take has been dealt with. */
void invoke_consume(struct invoke *, size_t body, size_t err);
/*
 * Stops the work on the other side; done() follows, perhaps within.  Where no
 * better answer comes, the result is that of `code` (MUX_CANCELLED,
 * MUX_DEADLINE) with this sentence, which may be NULL.
 */
void invoke_cancel(struct invoke *, uint32_t code, const char *why);
/* ns on the loop's clock: the last byte either way, or its beginning; now,
 * while the peer waits for body_fd. */
uint64_t invoke_progress(struct invoke *);
/* Was nothing read from body_fd yet?  In done(), too. */
bool invoke_untouched(const struct invoke *);

/* In open() of the connection: is it the standard error of a call of ours?
 * Then it is taken, and true.  Without a call() in its ops the connection
 * would refuse such streams: give it invoke_none. */
bool invoke_open(struct mux_conn *, struct mux_stream *,
    const struct mux_open *);
/* For call() of a client: refused. */
void invoke_none(struct mux_conn *, struct mux_call *,
    const struct mux_request *, void *arg);
/* Without a callback; a call that is under way is cancelled. */
void invoke_free(struct invoke *);

#endif
