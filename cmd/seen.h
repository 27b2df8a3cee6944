/*
 * seen.h - frames with all that is known of them when they pass: the call or
 * stream they belong to, what the connection agreed on, their first bytes.
 * Everything that dump does with frames (printing, filters, statistics,
 * checks, replay, comparison) starts from here.  Invariant: memory is bound
 * by what is live in the capture (and by SEEN_MAX of those), not by its
 * length.
 */
#ifndef SEEN_H
#define SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mux_dump.h"

/* First bytes of a payload that are kept together: an EXT block and more. */
#define SEEN_HEAD	(96u * 1024u)
#define SEEN_MAX	(1u << 20)	/* live calls and streams */

enum seen_kind { SEEN_CALL, SEEN_STREAM };

/* A call or a stream.  Good as long as frames may still belong to it, and
 * during the callback for the last one. */
struct seen_thing {
	enum seen_kind kind;
	uint64_t id;		/* on the wire */
	uint64_t ordinal;	/* of the calls (streams) of its connection,
				 * from 1: comparable between captures */
	bool by_s2c;		/* opened by the side that accepted */
	const char *method;	/* bytes with a NUL behind; NULL: none */
	size_t method_len;
	const char *target;	/* of a stream; NULL: none */
	size_t target_len;
	uint64_t parent;	/* id of the call of a stream; 0 */
	uint64_t begun;		/* mono ns of its first frame */
	uint64_t answered;	/* ... of the first of the other side; 0 */
	uint64_t ended;		/* ... of the last; 0 while it is open */
	uint64_t frames[2];	/* c2s, s2c; payloads */
	uint64_t bytes[2];
	bool done;		/* an outcome is known: */
	uint32_t code;		/* of ERROR or RESET; 0 */
	int exit_kind;		/* EXIT: 0 exit, 1 signal, 2 not started; -1 */
	uint32_t exit_value;
	void *user;		/* of the sink; starts as NULL */
};

struct seen_conn {
	uint32_t number;
	bool legacy;		/* no HELLO in its first PING */
	bool raw;		/* chunks */
	uint64_t begun, ended;	/* mono ns */
	uint64_t calls, streams;	/* so far */
	void *user;
};

struct seen {
	const struct mux_dump_record *rec;	/* the first piece, or event */
	const struct mux_frame *frame;	/* NULL: a chunk or an event */
	const uint8_t *head;		/* of the payload (chunk, event) */
	size_t n_head;
	bool whole;			/* n_head is all there was */
	bool cut;			/* not all was recorded */
	const struct seen_conn *conn;
	struct seen_thing *of;		/* NULL: none, or not known */
	uint64_t index;			/* in the whole input, from 1 */
	uint64_t t;			/* ns since the first record */
};

struct seen_ops {
	/*
	 * A frame, chunk or event, once its first SEEN_HEAD bytes are here or
	 * it is whole.  Gives false to end the reading.
	 */
	bool (*frame)(const struct seen *, void *arg);
	/* More of the payload of that frame, behind what came before; may be
	 * NULL.  With n == 0 and data == NULL it is over. */
	void (*more)(const struct seen *, const uint8_t *data, size_t n,
	    void *arg);
	/* Nothing more can belong to it; its memory goes.  May be NULL. */
	void (*gone)(const struct seen_conn *, struct seen_thing *, void *arg);
	void (*conn_gone)(const struct seen_conn *, void *arg);
};

struct seen_all;

struct seen_all *seen_new(const struct seen_ops *, void *arg);
void seen_free(struct seen_all *);
/* 0; 1 if frame() said to end; -1 no memory. */
int seen_record(struct seen_all *, const struct mux_dump_record *);
/* The end of the input: what is open is gone. */
void seen_end(struct seen_all *);

#endif
