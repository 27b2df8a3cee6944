/*
 * frame.h - the 14-byte header and THE frame table: what each type is called,
 * what its id names, which flags and lengths are legal and in which mode of
 * the link it may come.  Dispatch, validation, the text of traces and the
 * check of mux(7) all read this one table.
 */
#ifndef MUX_FRAME_H
#define MUX_FRAME_H

#include "bytes.h"
#include "mux.h"

#define FRAME_HEADER	14u
#define FRAME_HARD_MAX	(16u * 1024u * 1024u)	/* S0-3; no mode has more */
#define FRAME_TEXT_MAX	1024u		/* of ERROR, RESET, GOODBYE */
#define FRAME_PING_MAX	64u
#define FRAME_HELLO_MAX	4096u
#define FRAME_BODY_MAX	4096u		/* beside an EXT block, or without */
#define FRAME_EXT_MORE	4096u		/* an EXT block over max_meta */
#define FRAME_EXT_SLACK	(FRAME_EXT_MORE + FRAME_BODY_MAX)

#define FRAME_FIN	MUX_FRAME_FIN
#define FRAME_MORE	MUX_FRAME_MORE
#define FRAME_EXT	MUX_FRAME_EXT
#define FRAME_KNOWN	(FRAME_FIN | FRAME_MORE | FRAME_EXT)

/* What the id of a frame names. */
#define ID_CALL		1u
#define ID_STREAM	2u
#define ID_CONN		4u	/* local part 0 */
#define ID_FREE		8u	/* any number: outside the id space */

/* In which mode of the link a type may come. */
#define IN_LEGACY	1u
#define IN_EXTENDED	2u

/* Lengths that a limit of the session decides. */
#define LEN_FRAME	0xffffffffu	/* max_frame */
#define LEN_EXT		0xfffffffeu	/* FRAME_BODY_MAX, or with EXT
					 * max_meta + FRAME_EXT_SLACK */

/*
 * FRAME(number, NAME, word, ids, flags, min, max, modes, sliced).  The word
 * is what traces and filters say, and the session's handler is on_word().
 * Sliced payload is handed on as it comes; all else is whole before anyone
 * looks at it.
 */
#define FRAME_TABLE(FRAME)						\
	FRAME(0, REQUEST, request, ID_CALL, FRAME_MORE | FRAME_EXT,	\
	    0, LEN_FRAME, IN_LEGACY | IN_EXTENDED, true)		\
	FRAME(1, RESPONSE, response, ID_CALL, FRAME_MORE | FRAME_EXT,	\
	    0, LEN_FRAME, IN_LEGACY | IN_EXTENDED, true)		\
	FRAME(2, STREAM_START, start, ID_STREAM, FRAME_FIN | FRAME_EXT,	\
	    0, LEN_EXT, IN_LEGACY | IN_EXTENDED, false)			\
	FRAME(3, STREAM_DATA, data, ID_STREAM, FRAME_FIN | FRAME_MORE,	\
	    0, LEN_FRAME, IN_LEGACY | IN_EXTENDED, true)		\
	FRAME(4, STREAM_END, end, ID_STREAM, 0,				\
	    0, 0, IN_LEGACY | IN_EXTENDED, false)			\
	FRAME(5, ERROR, error, ID_CALL | ID_STREAM, FRAME_EXT,		\
	    4, LEN_EXT, IN_LEGACY | IN_EXTENDED, false)			\
	FRAME(6, FLOW_PAUSE, pause, ID_CALL | ID_STREAM | ID_CONN, 0,	\
	    0, 0, IN_LEGACY | IN_EXTENDED, false)			\
	FRAME(7, FLOW_RESUME, resume, ID_CALL | ID_STREAM | ID_CONN, 0,	\
	    0, 0, IN_LEGACY | IN_EXTENDED, false)			\
	FRAME(8, PING, ping, ID_FREE, FRAME_EXT,			\
	    0, FRAME_PING_MAX, IN_LEGACY | IN_EXTENDED, false)		\
	FRAME(9, PONG, pong, ID_FREE, FRAME_EXT,			\
	    0, FRAME_PING_MAX, IN_LEGACY | IN_EXTENDED, false)		\
	FRAME(10, CANCEL, cancel, ID_CALL | ID_STREAM, 0,		\
	    0, 4, IN_LEGACY | IN_EXTENDED, false)			\
	FRAME(16, CREDIT, credit, ID_CALL | ID_STREAM, 0,		\
	    4, 4, IN_EXTENDED, false)					\
	FRAME(17, RESET, reset, ID_STREAM, 0,				\
	    4, 4 + FRAME_TEXT_MAX, IN_EXTENDED, false)			\
	FRAME(18, STOP, stop, ID_STREAM, 0,				\
	    4, 4, IN_EXTENDED, false)					\
	FRAME(19, STREAM_OK, ok, ID_STREAM, FRAME_EXT,			\
	    4, LEN_EXT, IN_EXTENDED, false)				\
	FRAME(20, PRIORITY, priority, ID_CALL | ID_STREAM, 0,		\
	    1, 1, IN_EXTENDED, false)					\
	FRAME(21, CONNECT, connect, ID_CONN, FRAME_EXT,			\
	    0, LEN_EXT, IN_EXTENDED, false)				\
	FRAME(22, ACCEPT, accept, ID_CONN, FRAME_EXT,			\
	    0, LEN_EXT, IN_EXTENDED, false)				\
	FRAME(23, REJECT, reject, ID_CONN, 0,				\
	    4, 4 + FRAME_TEXT_MAX, IN_EXTENDED, false)			\
	FRAME(24, GOODBYE, goodbye, ID_CONN, 0,				\
	    12, 12 + FRAME_TEXT_MAX, IN_EXTENDED, false)		\
	FRAME(25, DATAGRAM, datagram, ID_FREE, 0,			\
	    0, LEN_FRAME, IN_EXTENDED, true)				\
	FRAME(26, BUS_JOIN, join, ID_STREAM, 0,				\
	    1, 1 + 256, IN_EXTENDED, false)				\
	FRAME(27, BUS_LEAVE, leave, ID_STREAM, 0,			\
	    0, 0, IN_EXTENDED, false)					\
	FRAME(28, BUS_READY, ready, ID_STREAM, 0,			\
	    4, 4, IN_EXTENDED, false)					\
	FRAME(29, BUS_MSG, msg, ID_STREAM, FRAME_MORE | FRAME_EXT,	\
	    0, LEN_FRAME, IN_EXTENDED, true)

enum frame_type {
#define FRAME(n, name, word, ids, flags, min, max, modes, sliced) \
	FT_##name = (n),
	FRAME_TABLE(FRAME)
#undef FRAME
	FT_TYPES = 30,		/* below it: assigned, or fatal */
	FT_SKIPPED = 64		/* from it on: unknown types are skipped */
};

struct frame_row {
	const char *name;	/* "STREAM_DATA"; NULL = not assigned */
	const char *word;	/* "data" */
	uint32_t min, max;	/* payload; max may be LEN_* */
	uint8_t ids, flags, modes;
	bool sliced;
};

struct frame {
	uint64_t id;
	uint32_t len;		/* payload only */
	uint8_t type, flags;
};

static inline void
frame_put(uint8_t out[FRAME_HEADER], const struct frame *f)
{
	put_le32(out, f->len);
	put_le64(out + 4, f->id);
	out[12] = f->type;
	out[13] = f->flags;
}

static inline void
frame_get(const uint8_t in[FRAME_HEADER], struct frame *f)
{
	f->len = get_le32(in);
	f->id = get_le64(in + 4);
	f->type = in[12];
	f->flags = in[13];
}

extern const struct frame_row frame_rows[FT_TYPES];

/* The row of a type, or NULL where none is assigned. */
static inline const struct frame_row *
frame_row(uint8_t type)
{
	if (type >= FT_TYPES || frame_rows[type].name == NULL)
		return NULL;
	return &frame_rows[type];
}

/* Ids: which connection (upper 16 bits), which call or stream on it. */
static inline uint16_t
id_conn(uint64_t id)
{
	return (uint16_t)(id >> 48);
}

static inline uint64_t
id_local(uint64_t id)
{
	return id & UINT64_C(0xffffffffffff);
}

#define ID_LOCAL_MAX	UINT64_C(0xffffffffffff)

#endif
