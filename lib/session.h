/*
 * session.h - the inside of a session, shared by the rooms of floor 1 only:
 * session.c (life, deadlines, errors), admit.c (what the peer opens),
 * session_in.c (bytes to frames), handlers.c (frames to events), call_in.c
 * (those of calls), session_out.c (what is owed to bytes), streams.c and
 * calls.c (the owners' verbs) and legacy.c (S0).
 */
#ifndef MUX_SESSION_H
#define MUX_SESSION_H

#include "call.h"
#include "ext.h"
#include "frame.h"
#include "pace.h"
#include "ring.h"
#include "rtt.h"
#include "stream.h"
#include "table.h"

#define OUT_CAP		(128u * 1024u)	/* room R1 */
#define OUT_MARK	(64u * 1024u)	/* data stops here */
#define FOREIGN_MIN	(16u * 1024u)	/* of a payload: else it is fed */
#define ERROR_TEXT	300u
#define TARGET_MAX	4096u
#define LEGACY_CALLS	65536u	/* unanswered, from or to an S0 peer */

/* What the link owes, each a slot of its own (robustness: state, not queue) */
#define LINK_HELLO	0x01u		/* our HELLO, or the answer */
#define LINK_GOODBYE	0x02u
#define LINK_PONG	0x04u
#define LINK_PING	0x08u

/* An open that was refused without ever becoming a stream. */
struct refusal {
	uint64_t id;
	uint32_t code;
	uint8_t type;		/* FT_ERROR or FT_REJECT */
	bool end;		/* legacy: an Error is followed by StreamEnd */
};

struct refusals {
	struct refusal *q;	/* a ring of cap entries that grows */
	size_t cap, head, n;
};

/* The parser: a header, then its payload. */
struct input {
	uint8_t head[FRAME_HEADER];
	size_t head_len;
	struct frame f;		/* valid once head_len is FRAME_HEADER */
	bool at_hand;			/* f is what we are busy with */
	const struct frame_row *row;	/* NULL: skip the payload */
	uint32_t got;		/* payload bytes so far */
	uint8_t *buf;		/* whole payloads that came in pieces */
	size_t cap;
	struct mux_stream *st;	/* of the DATA in progress; may be NULL */
	bool deliver;		/* its bytes go to the owner */
	bool foreign;		/* some of its bytes came by descriptor */
	bool in_ext;		/* of a call: its EXT block comes first */
	uint64_t began;		/* first byte of the header */
};

/* A frame of a plain S0 peer is as long as its message: what of it does not
 * fit the output yet.  Nothing may come between. */
struct long_frame {
	uint8_t *buf;		/* NULL: none */
	size_t off, len;
};

struct mux_session {
	struct mux_config cfg;		/* defaults filled in */
	const struct mux_session_ops *ops;
	void *arg;
	struct hello ours, peer;
	enum mux_mode mode;
	unsigned depth;			/* inside feed, pull or tick */
	uint64_t now;
	bool timed;			/* it is now: inside the same */

	int err;			/* 0, or the fatal answer */
	bool told;			/* streams know of it */
	uint32_t code;
	char error[ERROR_TEXT];

	struct input in;
	struct ring out;
	size_t foreign_at;		/* bytes of `out` before the foreign */
	size_t foreign_len;		/* 0 = none */
	uint64_t out_moved;		/* last time bytes left */

	struct long_frame rest;

	struct table ids;
	struct mux_stream *zero;	/* S0 has an id 0 */
	uint64_t peer_mark, our_mark;	/* highest ids ever opened */
	uint16_t peer_conn_mark;
	struct stream_list all, owed, opening, round, next, grave;
	uint32_t round_no;		/* of the round robin */
	size_t n_streams, n_calls_in;	/* all of `all`; calls of the peer */
	size_t n_one_way;		/* of ours, which take no credit */
	size_t peer_live, our_live, peer_slots, peer_calls, our_calls;
	struct mux_call *spare;		/* calls that were; see call_new() */
	size_t n_spare;
	uint64_t collected;		/* bytes of S0 bodies not yet whole */
	struct timers timers;		/* of calls */
	struct call_list untimed;	/* their timers wait for the time */
	struct items items;
	struct refusals refused;

	uint8_t link_owed;
	bool woken;
	bool paused_peer;		/* FLOW_PAUSE of the whole link */
	uint8_t pong[FRAME_PING_MAX];
	uint64_t pong_id;
	uint8_t pong_len;
	uint64_t ping_id, ping_at;	/* last sent; 0 = never */
	bool ping_open;			/* its PONG is awaited */
	struct rtt rtt;

	bool draining, peer_draining;
	bool in_ended;			/* an S0 client only listens now */
	bool goodbye_sent;
	uint64_t drain_at, our_last, peer_last;	/* deadline; last ids taken */
	uint64_t handshake_at, last_in;
	unsigned missed;		/* keepalive pings without any byte */
	uint64_t keepalive;

	struct pace pace;
	struct bucket resets, glitches;
	uint64_t pool, pool_used;	/* credit beyond the initial windows */
	uint64_t charge;		/* of all streams together */
	uint64_t calm_until;		/* an interactive stream is here */
	const struct mux_stream *calm_by;

	struct mux_session_stats stats;
};

/* session.c */
void session_enter(struct mux_session *s, uint64_t now);
int session_leave(struct mux_session *s);
void session_call_wake(struct mux_session *s);

static inline void
session_wake(struct mux_session *s)
{
	if (!s->woken)
		session_call_wake(s);
}

/* The link owes the peer LINK_* as well. */
void session_owe(struct mux_session *s, uint8_t what);
/* The session is over; the first cause wins.  With a code other than 0 a
 * GOODBYE is owed to a peer that can read one. */
void session_fatal(struct mux_session *s, int err, uint32_t code,
    const char *detail);
/* The peer broke the rule that `code` names, with the frame at hand. */
void session_violation(struct mux_session *s, uint32_t code,
    const char *detail);
void session_glitch(struct mux_session *s);
/* Fails the streams that have not ended and that `which` names (NULL: all). */
void session_fail(struct mux_session *s,
    bool (*which)(struct mux_stream *), uint8_t owed, uint32_t code,
    const char *text);
void session_explain(struct mux_session *s, uint32_t code,
    const void *text, size_t len);
void session_agree(struct mux_session *s, const struct hello *peer);
void session_established(struct mux_session *s, enum mux_mode mode);
void session_call_tap(struct mux_session *s, bool out, const struct frame *f,
    const uint8_t *data, size_t off, size_t n);

static inline void
session_tap(struct mux_session *s, bool out, const struct frame *f,
    const uint8_t *data, size_t off, size_t n)
{
	if (s->ops->tap != NULL)
		session_call_tap(s, out, f, data, off, n);
}

/* The initiator opens odd ids, the acceptor even ones. */
static inline bool
session_ours(const struct mux_session *s, uint64_t id)
{
	return (id & 1) == (s->cfg.initiator ? 1 : 0);
}

/* Largest DATA payload now. */
uint32_t session_frame_size(const struct mux_session *s);

/* admit.c */
void session_refuse(struct mux_session *s, uint64_t id, uint32_t code,
    uint8_t type, bool end);
/*
 * What the peer opens with this id, in the table and on the wire.  NULL: it
 * may not, or there is no memory, and then it is refused.  The limits that the
 * peer was told of are kept here and nowhere else.
 */
struct mux_stream *session_admit(struct mux_session *s, bool call,
    uint64_t id);

/* session_in.c: what began with other bytes than a frame's. */
void session_not_a_peer(struct mux_session *s);

/* handlers.c */
void session_handle(struct mux_session *s, const struct frame *f,
    const uint8_t *payload);
/* DATA is judged at its header, delivered in slices, ended by its FIN. */
void session_data_begin(struct mux_session *s);
void session_data_slice(struct mux_session *s, const uint8_t *p, size_t n);

#define FRAME_COST	256u	/* of a frame beside its payload */
#define DATA_ROOM_MIN	(4u * 1024u)	/* less is not worth a frame now */
#define WHOLE_MAX	(32u * 1024u)	/* longer S0 frames go in pieces */

/* session_out.c */
/* Begins a frame of n payload bytes; NULL if there is no room for it. */
uint8_t *out_begin(struct mux_session *s, size_t n);
/* Writes the header before `payload`, where out_begin() left room; with it,
 * or for out_header() with `len` bytes of it, the frame is in the output. */
void out_header(struct mux_session *s, uint8_t *payload,
    const struct frame *f, size_t len);
void out_commit(struct mux_session *s, uint8_t *payload,
    const struct frame *f, bool foreign);
/* n bytes of body were paid for. */
void out_paid(struct mux_session *s, struct mux_stream *st, size_t n);
bool out_next_id(struct mux_session *s, uint64_t *id);
/* The id exists from here on: the mark rises, the table knows it.  False, and
 * the stream has failed, if there is no memory. */
bool out_named(struct mux_session *s, struct mux_stream *st, uint64_t id);
void session_note_size(struct mux_session *s, struct mux_stream *st,
    size_t n);

/* streams.c */
struct mux_stream *stream_new(struct mux_session *s, bool by_peer);
void stream_init(struct mux_stream *st, struct mux_session *s,
    enum stream_kind kind, bool by_peer);
/* The table of live ids, which has no room for S0's id 0. */
static inline struct mux_stream *
session_find(const struct mux_session *s, uint64_t id)
{
	return id == 0 ? s->zero : table_get(&s->ids, id);
}

/* Gives it this id.  False: no memory. */
bool session_name(struct mux_stream *st, uint64_t id);
/* From here on it counts against the limit of its kind. */
void stream_enter_wire(struct mux_stream *st);
/* Waits for its open to go out, or no more. */
void stream_line_up(struct mux_stream *st);
void stream_step_out(struct mux_stream *st);
void stream_owe(struct mux_stream *st, uint8_t what);
void stream_reschedule(struct mux_stream *st, bool want);

/* Into the round robin, or out of it. */
static inline void
stream_schedule(struct mux_stream *st)
{
	bool want = stream_may_send(st);

	if (want != st->in_data)
		stream_reschedule(st, want);
}

/* What this round lets it send. */
void stream_quantum(struct mux_stream *st);
/* What we opened, streams and calls, as max_open counts. */
size_t session_opened(const struct mux_session *s);
/* n bytes that came need no memory any more. */
void stream_consumed(struct mux_stream *st, size_t n);
void stream_reserve(struct mux_stream *st);

/* The account of memory after any change of the receiving ledger; most never
 * leave their first window. */
static inline void
stream_account(struct mux_stream *st)
{
	uint32_t first = st->session->cfg.window;

	if (st->reserved != 0 || st->rx.window > first ||
	    credit_rx_charge(&st->rx) > first)
		stream_reserve(st);
}

/* How far the charge of this stream may go now. */
uint32_t stream_cap(const struct mux_stream *st);
void stream_leave(struct mux_stream *st);

/* Takes it off the wire and the lists when nothing is left to do. */
static inline void
stream_settle(struct mux_stream *st)
{
	if (stream_over(st))
		stream_leave(st);
}

/* Both halves end; the peer is owed what `owed` says (0: it knows).  Until
 * that is sent the id stays in the table: the peer may say the same. */
void stream_kill(struct mux_stream *st, uint8_t owed, uint32_t code,
    const char *text);
/* The same, and the owner is told with reset(). */
void stream_fail(struct mux_stream *st, uint8_t owed, uint32_t code,
    const char *text);
/* The peer said so itself: what we owed it is void. */
void stream_forget(struct mux_stream *st);
void stream_ended(struct mux_stream *st);	/* END or FIN came */
void stream_free_now(struct mux_stream *st);

/* calls.c */
struct mux_call *call_new(struct mux_session *s, bool by_peer);
void call_free(struct mux_call *c);
void call_killed(struct mux_call *c);	/* by stream_kill() */
/* The caller's: the last RESPONSE, or an ERROR, is there. */
void call_answered(struct mux_call *c);
void call_error(struct mux_call *c, uint32_t code, const char *text,
    struct rd ext);
/* The callee's. */
void call_cancelled(struct mux_call *c, uint32_t code);
bool call_drained(struct mux_stream *st);
void call_deadline(struct mux_call *c, uint64_t after);
/* The time is known again. */
void calls_timed(struct mux_session *s);
void call_sent(struct mux_call *c);	/* the last of the answer is out */
void call_due(struct mux_session *s, struct timer *t);
/* Puts it in front of the owner; what nobody takes is refused. */
void call_offer(struct mux_call *c, const struct mux_request *q);

/* call_in.c: REQUEST and RESPONSE, judged at their headers. */
void session_call_begin(struct mux_session *s);
void session_call_ext(struct mux_session *s, struct rd ext, size_t body);
/* Is there credit for n bytes of body?  They go to `st` then. */
bool session_body_begin(struct mux_session *s, struct mux_stream *st,
    size_t n, bool deliver);
/* handlers.c, for it. */
struct mux_stream *session_find_live(struct mux_session *s,
    const struct frame *f);
int session_take_open(struct mux_session *s, const struct frame *f);

/* call_out.c */
/* A whole message as one frame; false: no room.  Its bytes become ours. */
bool out_whole(struct mux_session *s, uint64_t id, uint8_t type,
    struct blob *b);
void out_rest(struct mux_session *s);	/* of such a frame */
uint8_t out_body_type(const struct mux_stream *st);
/* The block of an answer goes with its first frame, in front of the body. */
void out_ext(struct mux_call *c, uint8_t *p, struct frame *f);
/* These are false when there is no room. */
bool out_call_end(struct mux_session *s, struct mux_call *c);
bool out_request(struct mux_session *s, struct mux_call *c);
bool out_legacy_request(struct mux_session *s, struct mux_call *c);
void out_collect(struct mux_session *s, struct mux_call *c);

/* legacy.c */
void legacy_begin(struct mux_session *s);
void legacy_frame(struct mux_session *s, const uint8_t *payload);
/* Is the whole payload wanted? */
bool legacy_whole(const struct mux_session *s);

#endif
