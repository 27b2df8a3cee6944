/*
 * mux.h - the core of libmux: frames, streams and credit on one byte stream,
 * without I/O and without a clock.
 *
 * Bytes that came from the carrier go in by mux_session_feed(), bytes for the
 * carrier come out by mux_session_pull(), mux_session_peek() and
 * mux_session_sent().  Time is a number of nanoseconds on any monotonic clock
 * of the caller's, the same one in all calls of a session.
 *
 * Rules that hold everywhere:
 *  - One session is used by one thread at a time.  There is no global state.
 *  - Callbacks may open, accept, refuse, consume, pause, stop, reset and
 *    release anything; only feed, pull, tick and free of the same session are
 *    forbidden inside them.
 *  - Functions that return int give 0 or a negative MUX_E_*.  A value for
 *    which mux_is_fatal() holds means that the session is over: write out
 *    what mux_session_peek() still shows (a GOODBYE with the reason), then
 *    free it.  Out parameters are not touched on failure.
 *  - Sizes are bytes, times are nanoseconds, unless the name says otherwise.
 *
 * The wire format is mux(7).
 */
#ifndef MUX_H
#define MUX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif
/* What is declared here is exported; the rest of the library is hidden. */
#pragma GCC visibility push(default)

#define MUX_VERSION	"0.1.0"

/* What a function of this library may answer. */
enum mux_error {
	MUX_E_NOMEM	= -1,	/* no memory; nothing happened */
	MUX_E_INVAL	= -2,	/* an argument is outside its range */
	MUX_E_STATE	= -3,	/* not in this state (after END, twice, ...) */
	MUX_E_LIMIT	= -4,	/* the peer's limit of streams is reached */
	MUX_E_CLOSED	= -5,	/* the session is draining or over */
	MUX_E_IO	= -6,	/* floor 2 only: see the struct mux_why */
	MUX_E_FATAL	= -100,	/* from here on the session is over */
	MUX_E_PROTOCOL	= -101,	/* the peer broke a rule of mux(7) */
	MUX_E_LOST	= -102,	/* the carrier ended with work in flight */
	MUX_E_TIMEOUT	= -103,	/* handshake, keepalive, stall */
	MUX_E_GOODBYE	= -104,	/* the peer said GOODBYE with a code */
	MUX_E_DONE	= -105	/* drained, or a clean end of the carrier */
};

bool mux_is_fatal(int err);
const char *mux_strerror(int err);	/* a static string */

/* Codes of ERROR, RESET, STOP, CANCEL and GOODBYE: mux(7), Error codes. */
#define MUX_OK			UINT32_C(0)
#define MUX_HANDLER_FAILED	UINT32_C(1)
#define MUX_STREAM_FAILED	UINT32_C(2)
#define MUX_CANCELLED		UINT32_C(3)
#define MUX_UNKNOWN_METHOD	UINT32_C(4)
#define MUX_INVALID_PAYLOAD	UINT32_C(5)
#define MUX_DEADLINE		UINT32_C(6)
#define MUX_REFUSED		UINT32_C(7)
#define MUX_UNAVAILABLE		UINT32_C(8)
#define MUX_INTERNAL		UINT32_C(9)
#define MUX_TOO_LARGE		UINT32_C(10)
#define MUX_CONNECT_FAILED	UINT32_C(11)
#define MUX_BUSY		UINT32_C(12)
#define MUX_NOT_PERMITTED	UINT32_C(13)
#define MUX_INDETERMINATE	UINT32_C(14)
#define MUX_UNSUPPORTED		UINT32_C(15)
#define MUX_ENDPOINT_RESET	UINT32_C(16)
#define MUX_ENDPOINT_TIMEOUT	UINT32_C(17)
#define MUX_CARRIER_LOST	UINT32_C(18)
#define MUX_ENDPOINT_IO		UINT32_C(19)
#define MUX_APPLICATION		UINT32_C(32)	/* .. 0x7fffffff */
#define MUX_F_PROTOCOL		UINT32_C(0x80000001)
#define MUX_F_BAD_FRAME		UINT32_C(0x80000002)
#define MUX_F_FRAME_SIZE	UINT32_C(0x80000003)
#define MUX_F_FLOW		UINT32_C(0x80000004)
#define MUX_F_ID_ZERO		UINT32_C(0x80000005)
#define MUX_F_PARITY		UINT32_C(0x80000006)
#define MUX_F_ID_REUSED		UINT32_C(0x80000007)
#define MUX_F_AFTER_END		UINT32_C(0x80000008)
#define MUX_F_NEVER_OPENED	UINT32_C(0x80000009)
#define MUX_F_HELLO_ORDER	UINT32_C(0x8000000a)
#define MUX_F_HELLO_VERSION	UINT32_C(0x8000000b)
#define MUX_F_METADATA		UINT32_C(0x8000000c)
#define MUX_F_CALL_LIMIT	UINT32_C(0x8000000d)
#define MUX_F_STREAM_LIMIT	UINT32_C(0x8000000e)
#define MUX_F_UNKNOWN_CONN	UINT32_C(0x8000000f)
#define MUX_F_KEEPALIVE		UINT32_C(0x80000010)
#define MUX_F_IDS_EXHAUSTED	UINT32_C(0x80000011)
#define MUX_F_TRUNCATED		UINT32_C(0x80000012)
#define MUX_F_STALLED		UINT32_C(0x80000013)
#define MUX_F_ABUSE		UINT32_C(0x80000014)

/* The symbol of a code ("connect failed"), or NULL.  Static. */
const char *mux_code_name(uint32_t code);

/* The word for a frame type ("data", "credit"), or NULL.  Static. */
const char *mux_frame_name(uint8_t type);

struct mux_session;
struct mux_stream;
struct mux_call;

/*
 * What this side is and accepts.  Zero in a field means its default, given in
 * brackets; set size = sizeof(struct mux_config), memset the rest.  MUX_NONE
 * in one of the counts means that there are none.
 */
#define MUX_NONE	UINT32_MAX
struct mux_config {
	size_t size;
	bool initiator;		/* the side that dialled; speaks first */
	bool require_hello;	/* refuse a peer that speaks plain S0 */
	bool legacy;		/* initiator: speak plain S0 from the start */
	uint32_t max_frame;	/* payload accepted [1 MiB]; 4 KiB .. 16 MiB */
	uint64_t max_message;	/* of MORE frames together [16 MiB] */
	uint32_t window;	/* initial, of each id [W0 out of memory] */
	uint32_t max_calls;	/* accepted from the peer [64] */
	uint32_t max_streams;	/* accepted from the peer [256] */
	uint32_t max_open;	/* of our own at once, not one-way [256] */
	uint32_t max_meta;	/* bytes of an EXT block [64 KiB] */
	uint64_t memory;	/* backing of all credit [64 MiB] */
	uint64_t keepalive;	/* ns between pings [30 s]; NEVER = off */
	uint32_t keepalive_missed;	/* then the carrier is dead [3] */
	uint64_t handshake;	/* ns until HELLO must be done [5 s] */
	uint64_t stall;		/* ns of a frame or a write [30 s] */
	const char *agent;	/* tag 0x1A; copied ["libmux/VERSION"] */
};

/* How the peer introduced itself. */
enum mux_mode {
	MUX_MODE_HELLO,		/* not known yet */
	MUX_MODE_EXTENDED,
	MUX_MODE_LEGACY		/* plain S0 */
};

/*
 * One frame, or one piece of the payload of a large one, for -vv and for
 * recordings.  `off` is where the piece lies in the payload; `data` is NULL
 * when the bytes do not pass through user memory (splice).  The memory is
 * good during the callback.
 */
#define MUX_FRAME_REQUEST	0u	/* a type */
#define MUX_FRAME_FIN		0x01u	/* flags */
#define MUX_FRAME_MORE		0x02u
#define MUX_FRAME_EXT		0x80u
struct mux_tap {
	bool out;		/* ours: committed; else the peer's: parsed */
	uint8_t type, flags;
	uint32_t len;		/* payload of the whole frame */
	uint64_t id;
	const uint8_t *data;
	size_t off, n;
	uint64_t now;
};

struct mux_open;
struct mux_request;

/* Events of a session; any may be NULL.  `size` as in struct mux_config. */
struct mux_session_ops {
	size_t size;
	/* HELLO is done; mux_session_mode() says what the peer speaks. */
	void (*ready)(struct mux_session *, void *arg);
	/*
	 * The peer opened a stream.  Call mux_stream_attach() or
	 * mux_stream_refuse() before returning; what does neither is refused
	 * with MUX_UNSUPPORTED.  `o` is good during the callback.
	 */
	void (*open)(struct mux_session *, struct mux_stream *,
	    const struct mux_open *o, void *arg);
	/*
	 * The peer makes a call.  Call mux_call_attach() or mux_call_fail()
	 * before returning; what does neither is refused with
	 * MUX_UNKNOWN_METHOD.  `q` is good during the callback.  NULL: calls,
	 * and streams that name a method, are refused with that code.
	 */
	void (*call)(struct mux_session *, struct mux_call *,
	    const struct mux_request *q, void *arg);
	/* The peer said GOODBYE with code 0: nothing new can be opened. */
	void (*drain)(struct mux_session *, void *arg);
	/* A PONG came; ns since the ping. */
	void (*pong)(struct mux_session *, uint64_t rtt, void *arg);
	/*
	 * These two come in the middle of things, so they may call nothing
	 * that changes the session or a stream.  wake: there may be something
	 * to pull; only note it.
	 */
	void (*wake)(struct mux_session *, void *arg);
	void (*tap)(struct mux_session *, const struct mux_tap *, void *arg);
};

/* ops and arg must outlive the session.  *out is freed by the caller. */
int mux_session_new(const struct mux_config *, const struct mux_session_ops *,
    void *arg, uint64_t now, struct mux_session **out);

/*
 * Frees the session.  Streams whose owner still holds them get
 * reset(MUX_CARRIER_LOST) first, if they did not end, and become empty
 * shells that only mux_stream_stats() and mux_stream_release() may be called
 * on.
 */
void mux_session_free(struct mux_session *);

/*
 * Takes all n bytes (there is no partial feed), or fails fatally.  Bytes may
 * come in pieces of any size.
 */
int mux_session_feed(struct mux_session *, const void *p, size_t n,
    uint64_t now);

/*
 * The carrier ended.  Fatal: MUX_E_DONE when nothing was in flight, else
 * MUX_E_LOST, with the code MUX_F_TRUNCATED inside a frame.  But an S0 client
 * that is owed answers may only have ended its own direction: then this is 0,
 * a drain has begun, and pull gives MUX_E_DONE when they are out.  Said again,
 * it means that the other direction is gone too: MUX_E_LOST.
 */
int mux_session_feed_eof(struct mux_session *, uint64_t now);

/* Fills the output buffer: what is owed, opens, then data by weight. */
int mux_session_pull(struct mux_session *, uint64_t now);

/*
 * What to write now: `len` bytes of memory, then `foreign` bytes that the
 * owner of a stream announced in fill() and that only the I/O layer sees.
 * Both 0: nothing to write.  The memory is good until the next call.
 */
struct mux_out {
	const void *data;
	size_t len;
	size_t foreign;
};
void mux_session_peek(const struct mux_session *, struct mux_out *);

/* The first n bytes of what peek showed are on their way. */
void mux_session_sent(struct mux_session *, size_t n, uint64_t now);

/*
 * The payload that comes next on the carrier may bypass feed(): n bytes for
 * stream *st, whose consumer can take them from a descriptor.  0 if feed()
 * is to be used.  After moving some of them, say how many.
 */
size_t mux_session_foreign(const struct mux_session *,
    struct mux_stream **st);
/* Bytes that the parser still needs for the current header or frame: a
 * reader who reads just these keeps the next large payload out of memory. */
size_t mux_session_wants(const struct mux_session *);
void mux_session_moved(struct mux_session *, size_t n, uint64_t now);

/* When tick() is due, UINT64_MAX if never; and the deadlines themselves. */
uint64_t mux_session_deadline(const struct mux_session *);
int mux_session_tick(struct mux_session *, uint64_t now);

/*
 * Stop opening, tell the peer, and be done (MUX_E_DONE from pull or tick)
 * when the last stream is gone; after `grace` ns those that are left are
 * reset with MUX_UNAVAILABLE, and calls of the peer that cancel() does not
 * answer are answered with MUX_INDETERMINATE.
 */
void mux_session_drain(struct mux_session *, uint64_t grace, uint64_t now);

/* End now: GOODBYE with the code, then fatal.  `text` may be NULL. */
void mux_session_abort(struct mux_session *, uint32_t code, const char *text);

/* Ask for a PONG; the answer comes as pong(). */
void mux_session_ping(struct mux_session *, uint64_t now);

enum mux_mode mux_session_mode(const struct mux_session *);
/* Can a stream to a target be opened now?  No: HELLO, a limit, a drain. */
bool mux_session_room(const struct mux_session *);
/* Code and sentence of the fatal error, peer's or ours; 0 and "" before.
 * The text is not safe to print: it may be the peer's. */
uint32_t mux_session_code(const struct mux_session *);
const char *mux_session_error(const struct mux_session *);

/* Figures for people and tests. */
struct mux_session_stats {
	uint64_t frames_in, frames_out, bytes_in, bytes_out;
	uint64_t ignored;	/* frames for ids that are closed */
	uint64_t skipped;	/* frames of types 64..255 */
	uint64_t datagrams_dropped;
	uint64_t opened, accepted, refused, resets_in, resets_out;
	uint64_t streams, wire_live, peer_slots;
	uint64_t calls_made, calls_taken, calls_out, calls_in;
	uint64_t charge;	/* credit granted and not consumed */
	uint64_t budget;	/* what of it is beyond the initial windows */
	uint64_t srtt, min_rtt;
	uint32_t frame_size;	/* of DATA now */
	uint32_t window;	/* initial, as announced */
	uint32_t peer_window, peer_max_frame, peer_max_streams;
	uint32_t peer_max_calls;
	bool draining;
};
void mux_session_stats(const struct mux_session *,
    struct mux_session_stats *);
/* Walks the streams: `prev` NULL gives the first, NULL comes at the end.
 * Calls have a walk of their own. */
struct mux_stream *mux_session_next(const struct mux_session *,
    struct mux_stream *prev);
struct mux_call *mux_session_next_call(const struct mux_session *,
    struct mux_call *prev);
/* The call of this id that somebody owns, ours or the peer's, or NULL: whose
 * stream it is, when `parent` of a struct mux_open says so. */
struct mux_call *mux_session_find_call(const struct mux_session *,
    uint64_t id);

/* ---- what is asked for: by a call, or by a stream with a method ---- */

struct mux_bytes {
	const void *p;
	size_t len;
};

#define MUX_META_STRING		0u	/* kinds */
#define MUX_META_BYTES		1u
#define MUX_META_U64		2u
#define MUX_META_SENSITIVE	0x01u	/* flags: never log the value */
#define MUX_META_NO_PROPAGATE	0x02u	/* never forward it */
struct mux_meta {
	uint8_t kind, flags;	/* unknown flags are kept */
	struct mux_bytes key, value;
};

/* All memory is the giver's and good during the call.  0, NULL: absent. */
struct mux_request {
	size_t size;
	struct mux_bytes method;	/* empty from and to plain S0 peers */
	const struct mux_bytes *args;	/* without NULs */
	size_t n_args;
	const struct mux_meta *meta;	/* in order, duplicates and all */
	size_t n_meta;
	const uint64_t *streams;	/* ids that belong to the call */
	size_t n_streams;
	const uint8_t *nonce;		/* 16 bytes */
	uint64_t deadline;		/* ns from now */
	uint64_t grace;	/* caller: ns to wait after a cancel [5 s] */
	bool have_priority;
	uint8_t priority;		/* 0..7, 7 first; default 3 */
	/*
	 * Caller: the whole body, copied; NULL if fill() gives it.  Of a
	 * stream: at most 4 KiB.  Callee: only of a stream; that of a call
	 * comes by data().
	 */
	const void *body;
	size_t body_len;
};

/* ---- streams: two directions, each with an end of its own ---- */

/* What STREAM_START says.  Zero or NULL: absent. */
struct mux_open {
	size_t size;
	const char *target;	/* tunnel target, not NUL-terminated */
	size_t target_len;
	bool have_priority;
	uint8_t priority;	/* 0..7, 7 first; default 3 */
	/* Instead of a target: a method whose answer is this stream.  Its
	 * priority is that of the struct mux_open. */
	const struct mux_request *request;
	uint64_t parent;	/* the call that it belongs to */
	bool one_way;		/* only the opener sends; needs a parent */
};

#define MUX_FILL_END		1u	/* no more after these bytes */
#define MUX_FILL_FOREIGN	2u	/* the bytes are not in buf: splice */

/*
 * The owner's side of a stream; any may be NULL.  After reset() no other
 * callback follows.
 */
struct mux_stream_ops {
	size_t size;
	/* STREAM_OK came: the acceptor took the stream. */
	void (*accepted)(struct mux_stream *, void *arg);
	/*
	 * Put up to max bytes into buf and answer how many; 0 without
	 * MUX_FILL_END means "nothing now": it is asked again after
	 * mux_stream_ready().  *flags starts as 0.  With MUX_FILL_FOREIGN the
	 * answer may be as much as `limit` (which may exceed max).
	 */
	size_t (*fill)(struct mux_stream *, void *buf, size_t max,
	    size_t limit, unsigned *flags, void *arg);
	/* Bytes came.  They are the owner's until mux_stream_consume(). */
	void (*data)(struct mux_stream *, const void *p, size_t n, void *arg);
	/* May the next n bytes come by descriptor?  See
	 * mux_session_foreign(). */
	bool (*foreign)(struct mux_stream *, size_t n, void *arg);
	/*
	 * For the I/O layer, which calls it before mux_session_moved(): take
	 * exactly n bytes out of the pipe `fd`.
	 */
	void (*take)(struct mux_stream *, int fd, size_t n, void *arg);
	/* The peer ended its direction; every byte before it was delivered. */
	void (*eof)(struct mux_stream *, void *arg);
	/* The peer will read no more: our direction has ended. */
	void (*stopped)(struct mux_stream *, uint32_t code, void *arg);
	/* Both directions are over at once.  `text` is vis-unsafe. */
	void (*reset)(struct mux_stream *, uint32_t code, const char *text,
	    void *arg);
};

/*
 * Opens a stream.  MUX_E_LIMIT: the peer takes no more now; MUX_E_CLOSED:
 * draining.  Data may flow at once, before accepted().  The id is known when
 * the open was pulled.  *out is the caller's until mux_stream_release().
 */
int mux_stream_open(struct mux_session *, const struct mux_open *,
    const struct mux_stream_ops *, void *arg, struct mux_stream **out);

/*
 * The acceptor's half of it: attach() takes ownership inside open(), data may
 * be delivered from then on; accept() sends STREAM_OK; refuse() sends ERROR
 * and, if the stream was attached, no callback follows (release it still).
 */
void mux_stream_attach(struct mux_stream *, const struct mux_stream_ops *,
    void *arg);
int mux_stream_accept(struct mux_stream *);
void mux_stream_refuse(struct mux_stream *, uint32_t code, const char *text);

/* fill() may have something again. */
void mux_stream_ready(struct mux_stream *);
/* n delivered bytes have left our memory: credit may go home. */
void mux_stream_consume(struct mux_stream *, size_t n);
/* FLOW_PAUSE / FLOW_RESUME to the peer; idempotent. */
void mux_stream_pause(struct mux_stream *, bool on);
/* We read no more; the other direction lives.  What still comes is dropped. */
void mux_stream_stop(struct mux_stream *, uint32_t code);
/* Both directions end now, queued data is dropped.  No callback follows. */
void mux_stream_reset(struct mux_stream *, uint32_t code, const char *text);
/* 0..7, 7 first; tells the peer as well. */
int mux_stream_priority(struct mux_stream *, unsigned priority);
/*
 * The owner is done with the handle (its slot is free now).  A stream that
 * has not ended both ways is reset with MUX_CANCELLED.
 */
void mux_stream_release(struct mux_stream *);

uint64_t mux_stream_id(const struct mux_stream *);	/* 0 = not yet */
void *mux_stream_arg(const struct mux_stream *);
const struct mux_stream_ops *mux_stream_ops(const struct mux_stream *);
struct mux_session *mux_stream_session(const struct mux_stream *);

struct mux_stream_stats {
	uint64_t id, sent, received, consumed;
	uint64_t credit_out;	/* what we may still send */
	uint64_t credit_in;	/* what the peer may still send */
	uint64_t buffered;	/* delivered, not consumed */
	uint32_t window;
	unsigned priority;
	bool by_peer, accepted, paused_by_peer, paused_by_us;
	bool reset_by_peer;	/* it sent RESET or ERROR, or GOODBYE */
	const char *send_state, *recv_state;	/* static */
	const char *blocked;	/* why nothing is sent: static, "" if not */
};
void mux_stream_stats(const struct mux_stream *, struct mux_stream_stats *);

/* ---- calls: a request with exactly one answer ---- */

/* Kinds of the end of a process. */
#define MUX_EXIT_EXITED		0u	/* with this value */
#define MUX_EXIT_SIGNAL		1u	/* killed by this signal */
#define MUX_EXIT_NOT_STARTED	2u	/* of an error: with this errno */

/* How a call ended.  Zero or NULL: absent. */
struct mux_answer {
	size_t size;
	uint32_t code;		/* MUX_OK: a RESPONSE; else why not */
	const char *text;	/* of an error; vis-unsafe */
	bool by_peer;		/* the peer said so; else we found out */
	bool not_started;	/* it is certain that nothing was done */
	bool have_exit;		/* of a process */
	uint8_t exit_kind;	/* MUX_EXIT_*, or another */
	bool exit_core;
	uint32_t exit_value;
	bool have_usage;
	uint64_t utime, stime;	/* ns */
	uint64_t maxrss;	/* bytes */
	uint64_t stderr_id;	/* of the one-way stream with its messages */
	const struct mux_meta *meta;
	size_t n_meta;
	const uint64_t *streams;
	size_t n_streams;
};

/* The owner's side of a call; any may be NULL. */
struct mux_call_ops {
	size_t size;
	/* As for streams: the body that we send, if it was not given whole.
	 * MUX_FILL_END is its end; MUX_FILL_FOREIGN does not exist. */
	size_t (*fill)(struct mux_call *, void *buf, size_t max,
	    unsigned *flags, void *arg);
	/* Bytes of the other body; ours until mux_call_consume(). */
	void (*data)(struct mux_call *, const void *p, size_t n, void *arg);
	/* Callee: the request is whole. */
	void (*eof)(struct mux_call *, void *arg);
	/*
	 * Callee: nobody waits any more (MUX_CANCELLED), the deadline has
	 * passed, or the grace of a drain (MUX_UNAVAILABLE, which as an answer
	 * says that nothing was begun; MUX_INDETERMINATE is given when this
	 * returns).  It must be answered all the same.  Where this is NULL
	 * the library answers with that code, and calls done().
	 */
	void (*cancel)(struct mux_call *, uint32_t code, void *arg);
	/*
	 * The last callback.  Caller: the answer, or why there is none.
	 * Callee: MUX_OK, the answer is on its way; else nobody will see one.
	 */
	void (*done)(struct mux_call *, const struct mux_answer *, void *arg);
};

/*
 * Makes a call.  MUX_E_LIMIT: the peer takes no more now; MUX_E_CLOSED:
 * draining; MUX_E_INVAL: outside the limits of mux(7), or something that a
 * plain S0 peer cannot be told (arguments, streams).
 */
int mux_call_open(struct mux_session *, const struct mux_request *,
    const struct mux_call_ops *, void *arg, struct mux_call **out);
/*
 * The answer is not needed any more: the peer is told, no more of the request
 * is sent, done() follows: the answer, or this code after the grace.
 */
void mux_call_cancel(struct mux_call *, uint32_t code);

/* The callee takes the call; inside call(). */
void mux_call_attach(struct mux_call *, const struct mux_call_ops *,
    void *arg);
/*
 * The one answer: a RESPONSE with a body that is copied, or with one that
 * fill() gives; or an ERROR.  What the struct says besides (NULL: nothing)
 * goes along; its code and text are not looked at.  The second answer to a
 * call is MUX_E_STATE, but fail() may follow a reply() whose body is not out.
 */
int mux_call_answer(struct mux_call *, const struct mux_answer *,
    const void *body, size_t len);
int mux_call_reply(struct mux_call *, const struct mux_answer *);
int mux_call_fail(struct mux_call *, uint32_t code, const char *text,
    const struct mux_answer *);
/*
 * After reply(), until fill() has given the end, also from within it: what
 * was not known before, such as the exit status of a program whose output is
 * the body.  It goes out with the next frame, and adds to what was said;
 * without metadata and streams.
 */
int mux_call_amend(struct mux_call *, const struct mux_answer *);

/* As for streams. */
void mux_call_ready(struct mux_call *);
void mux_call_consume(struct mux_call *, size_t n);
void mux_call_pause(struct mux_call *, bool on);
int mux_call_priority(struct mux_call *, unsigned priority);
/*
 * The owner is done with the handle; no callback follows.  The caller's
 * unfinished call is cancelled, the callee's unanswered one is answered with
 * MUX_INTERNAL; an answer that was given whole still goes out.
 */
void mux_call_release(struct mux_call *);

uint64_t mux_call_id(const struct mux_call *);	/* 0 = not yet */
void *mux_call_arg(const struct mux_call *);
struct mux_session *mux_call_session(const struct mux_call *);
bool mux_call_by_peer(const struct mux_call *);
/* "sent", "running", ...: mux(7), Calls.  Static. */
const char *mux_call_state(const struct mux_call *);
void mux_call_stats(const struct mux_call *, struct mux_stream_stats *);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
