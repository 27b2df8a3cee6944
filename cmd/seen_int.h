/*
 * seen_int.h - what seen.c, which puts frames together, and seen_of.c, which
 * follows what they are about, know of each other.
 */
#ifndef SEEN_INT_H
#define SEEN_INT_H

#include <bsd/sys/queue.h>
#include <bsd/sys/tree.h>

#include "seen.h"

/* Types of frames: mux(7), The frame table. */
enum {
	F_REQUEST = 0, F_RESPONSE = 1, F_START = 2, F_DATA = 3, F_END = 4,
	F_ERROR = 5, F_PAUSE = 6, F_RESUME = 7, F_PING = 8, F_PONG = 9,
	F_CANCEL = 10, F_CREDIT = 16, F_RESET = 17, F_STOP = 18, F_OK = 19,
	F_PRIORITY = 20, F_CONNECT = 21, F_ACCEPT = 22, F_REJECT = 23,
	F_GOODBYE = 24, F_DATAGRAM = 25, F_JOIN = 26, F_LEAVE = 27,
	F_READY = 28, F_MSG = 29
};

#define FLAG_FIN	0x01u
#define FLAG_MORE	0x02u
#define FLAG_EXT	0x80u

/* Tags: mux(7), EXT BLOCK. */
enum {
	TAG_WINDOW0 = 0x12, TAG_METHOD = 0x20, TAG_META = 0x21,
	TAG_DEADLINE_MS = 0x23, TAG_WINDOW = 0x26, TAG_PARENT = 0x27,
	TAG_MODE = 0x28, TAG_TARGET = 0x29, TAG_EXIT = 0x2b, TAG_ARG = 0x2d,
	TAG_STDERR = 0x2e
};

#define MODE_ONE_WAY	2u

static inline uint32_t
seen_u32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	    (uint32_t)p[3] << 24;
}

static inline uint64_t
seen_u64(const uint8_t *p)
{
	return seen_u32(p) | (uint64_t)seen_u32(p + 4) << 32;
}

struct thing {
	struct seen_thing pub;
	RB_ENTRY(thing) by_id;
	TAILQ_ENTRY(thing) age;		/* in order of opening, of all */
	TAILQ_ENTRY(thing) late;	/* in order of ending, of its conn */
	struct conn *conn;
	uint64_t holes;			/* of its connection when it began */
	size_t names;			/* bytes that are its own */
	unsigned refs;			/* of the table, of frames */
	bool listed, ended;		/* in the table; in late */
};

RB_HEAD(seen_things, thing);
RB_PROTOTYPE(seen_things, thing, by_id, thing_order)
TAILQ_HEAD(thing_list, thing);

struct way {			/* one direction of a connection */
	struct seen seen;
	struct mux_dump_record rec;
	struct mux_frame frame;
	struct seen_note note;
	uint8_t *buf;
	size_t n_buf, cap;
	uint32_t next;		/* offset of the piece that is to come */
	bool busy;		/* in a frame ... */
	bool told;		/* ... that frame() has had */
};

enum mode { MODE_UNKNOWN, MODE_HELLO, MODE_EXTENDED, MODE_LEGACY };

struct conn {
	struct seen_conn pub;
	RB_ENTRY(conn) by_number;
	TAILQ_ENTRY(conn) used;
	struct seen_things things;
	struct thing_list late;
	unsigned n_late;
	struct way way[2];
	enum mode mode;
	bool any;		/* a frame has come */
	uint64_t next;		/* number of the next frame; 0: any */
	uint64_t mono;		/* of the last record */
	uint64_t ahead;		/* what its t is ahead of its clock */
	/* Highest id opened by each side; below the first one seen since a
	 * hole there may be others, opened where we could not see it. */
	uint64_t mark[2], first[2];
};

RB_HEAD(seen_conns, conn);
RB_PROTOTYPE(seen_conns, conn, by_number, conn_order)

struct seen_all {
	const struct seen_ops *ops;
	void *arg;
	struct seen_conns conns;
	TAILQ_HEAD(, conn) used;	/* the latest at the end */
	struct thing_list age;
	struct conn *last;
	size_t n_conns, n_things, names, waiting;
	uint64_t index;
	uint64_t mono, wall;		/* of the first record */
	bool begun, enough;
};

/* What the frame of w is about, and what it changes; before frame().  -1: no
 * memory. */
int seen_follow(struct seen_all *, struct conn *, struct way *);
/* The frame is over; after it. */
void seen_leave(struct seen_all *, struct conn *, struct way *);
/* Something is missing here: what was counted until now is not exact. */
void seen_hole(struct conn *);
void seen_forget(struct seen_all *, struct thing *);

#endif
