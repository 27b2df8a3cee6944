/*
 * conn.h - what the users of a connection on floor 2 share with it: its pipe
 * for bulk, its turn of the loop, and its end.
 */
#ifndef MUX_CONN_H
#define MUX_CONN_H

#include <bsd/sys/queue.h>

#include "mux_io.h"
#include "pipe.h"

/*
 * Something that lives on a connection.  later() runs once per conn_later(),
 * at the end of the turn and outside all callbacks of the session, so it may
 * release the stream and itself.  gone() says that connection and session are
 * no more; what has an end of its own to wait for lives on without them.
 */
struct conn_user;

struct conn_user_ops {
	void (*later)(struct conn_user *);
	void (*gone)(struct conn_user *);
};

struct conn_user {
	const struct conn_user_ops *ops;
	TAILQ_ENTRY(conn_user) link;
	bool is_later;			/* which of two lists it is in */
};

void conn_join(struct mux_conn *c, struct conn_user *u,
    const struct conn_user_ops *ops);
void conn_leave(struct mux_conn *c, struct conn_user *u);
void conn_later(struct mux_conn *c, struct conn_user *u);

/* May payload bypass user memory on this connection? */
bool conn_splices(const struct mux_conn *c);
/* The pipe towards the carrier, made on first use; NULL: copy. */
struct pipe *conn_out_pipe(struct mux_conn *c);
/* True once the end of the connection was met, by whomever. */
bool conn_is_over(const struct mux_conn *c);

#endif
