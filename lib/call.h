/*
 * call.h - one call: a stream of kind CALLER or CALLEE whose two halves are
 * the bodies, and beside them the automaton that sees to exactly one answer.
 *
 *	caller					callee
 *	IDLE	   no REQUEST was sent		RECEIVED  nobody has it yet
 *	SENT	   the answer is awaited	RUNNING	  it has an owner
 *	CANCELLING only a while longer		ANSWERED  for ever
 *	DONE	   the answer came
 *	ABANDONED  it will come too late
 */
#ifndef MUX_CALL_H
#define MUX_CALL_H

#include <stdlib.h>

#include "ext.h"
#include "stream.h"
#include "timers.h"

enum call_state {
	CALL_IDLE, CALL_SENT, CALL_CANCELLING, CALL_DONE, CALL_ABANDONED,
	CALL_RECEIVED, CALL_RUNNING, CALL_ANSWERED,
	CALL_STATES
};

enum call_event {
	CEV_SEND,		/* the REQUEST is out */
	CEV_CANCEL,		/* ours, or theirs */
	CEV_ANSWER,		/* it came, or was given */
	CEV_GIVE_UP,		/* without one */
	CEV_TAKE,		/* the callee's owner is there */
	CALL_EVENTS
};

#define CALL_NO_STEP	UINT8_MAX
extern const uint8_t call_next[CALL_STATES][CALL_EVENTS];

/* False, and nothing happens, where the table has no such step. */
static inline bool
call_step(uint8_t *state, enum call_event ev)
{
	uint8_t to = call_next[*state][ev];

	if (to == CALL_NO_STEP)
		return false;
	*state = to;
	return true;
}

const char *call_state_name(uint8_t state);

/* Bytes that are small as a rule. */
struct blob {
	uint8_t *heap;		/* NULL: they are in `in` */
	size_t len, cap;	/* cap of the heap */
	uint8_t in[96];
};

static inline uint8_t *
blob_bytes(struct blob *b)
{
	return b->heap != NULL ? b->heap : b->in;
}

static inline void
blob_init(struct blob *b)
{
	b->heap = NULL;
	b->len = b->cap = 0;
}

static inline void
blob_release(struct blob *b)		/* empty again */
{
	if (b->heap != NULL)
		free(b->heap);
	blob_init(b);
}

uint8_t *blob_grow(struct blob *b, size_t n);

/* Room for n more bytes behind the others; NULL: no memory. */
static inline uint8_t *
blob_more(struct blob *b, size_t n)
{
	size_t cap = b->heap != NULL ? b->cap : sizeof(b->in);

	return b->len + n <= cap ? blob_bytes(b) + b->len : blob_grow(b, n);
}

struct mux_call {
	struct mux_stream st;	/* first: a call is a stream to the engine */
	const struct mux_call_ops *ops;
	void *arg;
	struct mux_call *spare;	/* the next unused one of the session */
	struct timer timer;	/* deadline, then grace */
	TAILQ_ENTRY(mux_call) untimed_link;
	uint64_t after;		/* what the timer was set to, from then on */
	uint64_t grace;
	bool untimed;		/* the time at which it was set is not known */
	uint8_t state;		/* enum call_state */
	bool given;		/* our body is all in `body` */
	bool ext_owed;		/* `ext` goes out with the next frame */
	uint32_t cancel_code;
	uint32_t said;		/* bytes of EXT blocks that are out */
	size_t body_off;	/* sent of `body` */
	/* not cleared when a struct is used again */
	struct blob ext;	/* to be sent; else what came of an answer */
	struct blob body;
};

TAILQ_HEAD(call_list, mux_call);

static inline struct mux_call *
call_of(struct mux_stream *st)
{
	return st != NULL && st->kind != KIND_STREAM ?
	    (struct mux_call *)st : NULL;
}

/* Arrays that point into an EXT block while somebody looks at it. */
struct items {
	struct mux_bytes *args;
	struct mux_meta *meta;
	uint64_t *streams;
	size_t args_cap, meta_cap, streams_cap;
};

void items_release(struct items *it);

#define ARG_COUNT	1024u
#define ARG_BYTES	(64u * 1024u)
#define EXT_ROOM_MAX	(100u * 1024u)	/* of ours: it must fit the output */

/* call_ext.c.  What a request says, into *q: 0, or the code that refuses it.
 * `own` sees each tag that is not of the request; true: it knows it. */
uint32_t request_read(struct items *items, struct rd ext,
    struct mux_request *q, bool (*own)(void *arg, const struct ext_item *),
    void *arg);
/* Nothing but a METHOD, as most of them are: then it is in *q. */
bool request_read_method(struct rd ext, struct mux_request *q);
uint32_t answer_read(struct items *items, struct rd ext,
    struct mux_answer *a);
/* Is it within the limits of mux(7) and of a peer that takes max_meta?  Then
 * *room is what its tags take. */
bool request_ok(const struct mux_request *q, size_t max_meta, size_t *room);
bool answer_ok(const struct mux_answer *a, size_t max_meta);
size_t request_room(const struct mux_request *q);
void request_write(struct wr *w, const struct mux_request *q);
size_t answer_room(const struct mux_answer *a);
void answer_write(struct wr *w, const struct mux_answer *a);

#endif
