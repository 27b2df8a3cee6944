/*
 * seen.h - frames with all that is known of them when they pass: the call or
 * stream they belong to, what the connection agreed on, their first bytes.
 * Everything that dump does with frames (printing, filters, statistics,
 * checks, replay, comparison) starts from here.  Invariant: memory is bound
 * by what is live in the capture, and that by the numbers below, not by its
 * length; where there is more, what is oldest is forgotten first.
 */
#ifndef SEEN_H
#define SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mux_dump.h"

/* First bytes of a payload that are kept together: an EXT block and more. */
#define SEEN_HEAD	(96u * 1024u)
#define SEEN_MAX	(1u << 16)	/* calls and streams */
#define SEEN_NAMES	(4u << 20)	/* bytes of their methods and targets */
#define SEEN_NAME	4096u		/* ... of one; more is cut off */
#define SEEN_CONNS	1024u		/* connections */
#define SEEN_WAITING	(8u << 20)	/* bytes that wait for their others */
#define SEEN_LATE	64u		/* of a connection: things that ended
					 * and may get late frames */

enum seen_kind { SEEN_CALL, SEEN_STREAM };

/* What depends on the direction has two: [0] is c2s, [1] is s2c. */

/* A call or a stream.  Good as long as frames may still belong to it, and
 * during the callback for the last one. */
struct seen_thing {
	enum seen_kind kind;
	uint64_t id;		/* on the wire */
	uint64_t ordinal;	/* of the calls (streams) of its connection,
				 * from 1: comparable between captures; 0: its
				 * first frame is not in the capture */
	bool by_s2c;		/* opened by the side that accepted */
	bool one_way;		/* only its opener sends */
	const char *method;	/* bytes with a NUL behind; NULL: none.  Of a
				 * stream with a parent: its parent's */
	size_t method_len;
	const char *target;	/* of a stream; NULL: none */
	size_t target_len;
	uint64_t parent;	/* id of the call of a stream; 0 */
	uint64_t begun;		/* mono ns of its first frame */
	uint64_t answered;	/* ... of the first answer; 0 */
	uint64_t ended;		/* ... of the last; 0 while it is open */
	uint64_t frames[2];
	uint64_t bytes[2];	/* of bodies and data, without EXT blocks */
	uint64_t granted[2];	/* credit on top of the initial one */
	bool exact;		/* nothing that these need was missing */
	bool over[2];		/* the direction has ended */
	bool done;		/* an outcome is known: */
	uint32_t code;		/* of ERROR or RESET; 0 */
	int exit_kind;		/* EXIT: 0 exit, 1 signal, 2 not started; -1 */
	uint32_t exit_value;
	void *user;		/* of the sink; starts as NULL */
};

struct seen_conn {
	uint32_t number;
	bool legacy;		/* it began without HELLO, as plain S0 does */
	bool raw;		/* chunks */
	bool middle;		/* its first frame is not in the capture */
	uint64_t holes;		/* places where something is missing */
	bool said[2];		/* HELLO of the side that sends it */
	uint32_t window[2];	/* initial credit of each id, once said */
	uint64_t begun, ended;	/* mono ns */
	uint64_t calls, streams;	/* so far */
	void *user;
};

/* What its reader notes of a frame, until it is over; at first all 0. */
struct seen_note {
	uint64_t off;
	unsigned flags;
};

struct seen {
	const struct mux_dump_record *rec;	/* the first piece, or event;
						 * its data may be NULL */
	const struct mux_frame *frame;	/* NULL: a chunk or an event */
	const uint8_t *head;		/* of the payload (chunk, event) */
	size_t n_head;
	bool whole;			/* n_head is all there was */
	bool cut;			/* not all was recorded */
	const uint8_t *ext;		/* the EXT block in head, its length */
	size_t n_ext;			/* included; 0: none, or not whole */
	const uint8_t *body;		/* what is in head behind it */
	size_t n_body;
	const struct seen_conn *conn;
	struct seen_note *note;
	struct seen_thing *of;		/* NULL: none, or not known */
	uint64_t index;			/* in the whole input, from 1 */
	uint64_t t;			/* ns since the first record */
	uint64_t gap;			/* ns since the last one of the
					 * connection */
};

struct seen_ops {
	/*
	 * A frame, chunk or event, once its first SEEN_HEAD bytes are here or
	 * it is whole.  Gives false to end the reading.
	 */
	bool (*frame)(const struct seen *, void *arg);
	/*
	 * More of the payload of that frame, whose head is not there any more,
	 * behind what came before; may be NULL.  With n == 0 and data == NULL
	 * it is over.  Where something is missing nothing comes after it.
	 */
	void (*more)(const struct seen *, const uint8_t *data, size_t n,
	    void *arg);
	/* Nothing more can belong to it; its memory goes.  May be NULL. */
	void (*gone)(const struct seen_conn *, struct seen_thing *, void *arg);
	void (*conn_gone)(const struct seen_conn *, void *arg);
};

/* Credit that is left, after the frame, to the direction whose credit it takes
 * or gives: false if it does neither, or nobody can know. */
bool seen_left(const struct seen *, uint64_t *left);

struct seen_all;

struct seen_all *seen_new(const struct seen_ops *, void *arg);
void seen_free(struct seen_all *);
/* 0; 1 if frame() said to end; -1 no memory. */
int seen_record(struct seen_all *, const struct mux_dump_record *);
/* The end of the input: what is open is gone. */
void seen_end(struct seen_all *);

#endif
