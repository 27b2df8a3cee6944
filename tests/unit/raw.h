/*
 * raw.h - one session against a peer that is made of bytes.  What encodes and
 * decodes here is the test's own: nothing of libmux does, so that a mistake
 * there cannot cancel itself out.  For the one file that holds main().
 */
#ifndef RAW_H
#define RAW_H

#include <stdlib.h>

#include "mux.h"
#include "tap.h"

#define KIB	1024u
#define MIB	(1024u * 1024u)
#define MS	UINT64_C(1000000)
#define SEC	UINT64_C(1000000000)

enum {
	REQUEST, RESPONSE, START, DATA, END, ERROR, PAUSE, RESUME, PING, PONG,
	CANCEL, CREDIT = 16, RESET, STOP, OK, PRIORITY, CONNECT, ACCEPT,
	REJECT, GOODBYE, DATAGRAM, JOIN, LEAVE, READY, MSG
};
#define FIN	0x01u
#define MORE	0x02u
#define EXT	0x80u
#define HEAD	14u
#define CRITICAL	0x8000u

/* One frame that the session sent. */
struct wire {
	uint64_t id;
	uint32_t len;
	uint8_t type, flags;
	const uint8_t *p;
};

/* What the owner of a stream does when it is called, if not just counting. */
enum event {
	ON_NONE, ON_OPEN, ON_ACCEPTED, ON_FILL, ON_DATA, ON_EOF, ON_STOPPED,
	ON_RESET
};

/* The owner of one stream; counts what it is told. */
struct own {
	struct raw *r;
	struct mux_stream *st;		/* NULL once released */
	struct own *next;
	uint64_t got, held, to_send, sent;
	unsigned n_accepted, n_eof, n_stopped, n_reset, n_fill, n_late;
	uint32_t code;
	char text[64];
	uint8_t first[64];		/* of the bytes that came */
	bool hold;			/* consumes nothing by itself */
	bool end;			/* END behind the last byte */
	uint32_t piece;			/* most bytes of one fill, 0 = any */
	void (*hook)(struct own *, enum event);
};

enum policy { TAKE, WAIT, LEAVE_IT };

struct raw {
	struct mux_session *s;
	uint64_t now;
	int err;			/* the last fatal answer */
	bool initiator;
	enum policy policy;
	uint32_t refuse;		/* if not 0: the code */
	void (*hook)(struct own *, enum event);	/* of new streams */
	struct own *owns;		/* newest first */
	unsigned n_ready, n_open, n_drain, n_pong, n_wake;
	uint64_t rtt;
	uint8_t *out;			/* what the session sent */
	size_t out_off, out_len, out_cap;
};

/* ---- encoding ---- */

static inline size_t
put_n(uint8_t *p, uint64_t v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(v >> 8 * i);
	return n;
}

static inline uint64_t
get_n(const uint8_t *p, size_t n)
{
	uint64_t v = 0;

	while (n-- > 0)
		v = v << 8 | p[n];
	return v;
}

static inline size_t
put_head(uint8_t *p, unsigned type, unsigned flags, uint64_t id, size_t len)
{
	put_n(p, len, 4);
	put_n(p + 4, id, 8);
	p[12] = (uint8_t)type;
	p[13] = (uint8_t)flags;
	return HEAD;
}

/* One tag of an EXT block. */
static inline size_t
put_tag(uint8_t *p, unsigned tag, const void *value, size_t len)
{
	put_n(p, tag, 2);
	put_n(p + 2, len, 2);
	memcpy(p + 4, value, len);
	return 4 + len;
}

static inline size_t
put_tag_n(uint8_t *p, unsigned tag, uint64_t v, size_t len)
{
	uint8_t value[8];

	put_n(value, v, 8);
	return put_tag(p, tag, value, len);
}

/* What a HELLO says; 0 leaves the tag out, NO_MORE says 0. */
#define NO_MORE	UINT32_MAX
struct greeting {
	uint32_t window, max_frame, max_streams, max_calls, max_meta;
	uint32_t keepalive;
};

static inline size_t
put_hello(uint8_t *p, bool initiator, const struct greeting *g)
{
	const struct { unsigned tag; uint32_t v; } tags[] = {
		{ 0x10, g->max_frame }, { 0x12, g->window },
		{ 0x14, g->max_calls }, { 0x15, g->max_streams },
		{ 0x17, g->max_meta }, { 0x18, g->keepalive }
	};
	size_t n = HEAD + 4;

	n += put_tag(p + n, 0x01 | CRITICAL, "MUX1\1\0\1", 8);
	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++)
		if (tags[i].v != 0)
			n += put_tag_n(p + n, tags[i].tag,
			    tags[i].v == NO_MORE ? 0 : tags[i].v, 4);
	put_n(p + HEAD, n - HEAD - 4, 4);
	put_head(p, initiator ? PING : PONG, EXT, 0, n - HEAD);
	return n;
}

/* ---- the owner ---- */

static inline void
own_event(struct own *o, enum event ev)
{
	if ((o->n_reset > 0 && ev != ON_RESET) || o->st == NULL)
		o->n_late++;
	if (o->hook != NULL)
		o->hook(o, ev);
}

static inline void
own_release(struct own *o)
{
	struct mux_stream *st = o->st;

	o->st = NULL;
	mux_stream_release(st);
}

static inline void
own_accepted(struct mux_stream *st, void *arg)
{
	struct own *o = arg;

	(void)st;
	o->n_accepted++;
	own_event(o, ON_ACCEPTED);
}

static inline size_t
own_fill(struct mux_stream *st, void *buf, size_t max, size_t limit,
    unsigned *flags, void *arg)
{
	struct own *o = arg;
	uint64_t n = o->to_send - o->sent;

	(void)st;
	(void)limit;
	o->n_fill++;
	if (n > max)
		n = max;
	if (o->piece != 0 && n > o->piece)
		n = o->piece;
	memset(buf, 'f', n);
	o->sent += n;
	if (o->end && o->sent == o->to_send)
		*flags = MUX_FILL_END;
	own_event(o, ON_FILL);
	return n;
}

static inline void
own_data(struct mux_stream *st, const void *p, size_t n, void *arg)
{
	struct own *o = arg;
	size_t room = o->got < sizeof(o->first) ?
	    sizeof(o->first) - o->got : 0;

	if (room > 0)
		memcpy(o->first + o->got, p, n < room ? n : room);
	o->got += n;
	o->held += n;
	if (!o->hold) {
		mux_stream_consume(st, o->held);
		o->held = 0;
	}
	own_event(o, ON_DATA);
}

static inline void
own_eof(struct mux_stream *st, void *arg)
{
	struct own *o = arg;

	(void)st;
	o->n_eof++;
	own_event(o, ON_EOF);
}

static inline void
own_stopped(struct mux_stream *st, uint32_t code, void *arg)
{
	struct own *o = arg;

	(void)st;
	o->n_stopped++;
	o->code = code;
	own_event(o, ON_STOPPED);
}

static inline void
own_reset(struct mux_stream *st, uint32_t code, const char *text, void *arg)
{
	struct own *o = arg;

	(void)st;
	o->n_reset++;
	o->code = code;
	snprintf(o->text, sizeof(o->text), "%s", text != NULL ? text : "");
	own_event(o, ON_RESET);
}

static const struct mux_stream_ops own_ops = {
	.size = sizeof(own_ops), .accepted = own_accepted, .fill = own_fill,
	.data = own_data, .eof = own_eof, .stopped = own_stopped,
	.reset = own_reset,
};

static inline struct own *
own_new(struct raw *r)
{
	struct own *o = calloc(1, sizeof(*o));

	if (o == NULL)
		abort();
	o->r = r;
	o->hook = r->hook;
	o->next = r->owns;
	r->owns = o;
	return o;
}

/* ---- the session ---- */

static inline void
raw_on_ready(struct mux_session *s, void *arg)
{
	(void)s;
	((struct raw *)arg)->n_ready++;
}

static inline void
raw_on_open(struct mux_session *s, struct mux_stream *st,
    const struct mux_open *open, void *arg)
{
	struct raw *r = arg;
	struct own *o;

	(void)s;
	(void)open;
	r->n_open++;
	if (r->refuse != 0) {
		mux_stream_refuse(st, r->refuse, NULL);
		return;
	}
	if (r->policy == LEAVE_IT)
		return;
	o = own_new(r);
	o->st = st;
	mux_stream_attach(st, &own_ops, o);
	if (r->policy == TAKE)
		mux_stream_accept(st);
	own_event(o, ON_OPEN);
}

static inline void
raw_on_drain(struct mux_session *s, void *arg)
{
	(void)s;
	((struct raw *)arg)->n_drain++;
}

static inline void
raw_on_pong(struct mux_session *s, uint64_t rtt, void *arg)
{
	struct raw *r = arg;

	(void)s;
	r->n_pong++;
	r->rtt = rtt;
}

static inline void
raw_on_wake(struct mux_session *s, void *arg)
{
	(void)s;
	((struct raw *)arg)->n_wake++;
}

static const struct mux_session_ops raw_ops = {
	.size = sizeof(raw_ops), .ready = raw_on_ready, .open = raw_on_open,
	.drain = raw_on_drain, .pong = raw_on_pong, .wake = raw_on_wake,
};

/* A test may have more to say to a session than these. */
#ifndef RAW_OPS
#define RAW_OPS	&raw_ops
#endif

/* A session that has heard nothing yet. */
static inline void
raw_new(struct raw *r, const struct mux_config *given, bool initiator)
{
	struct mux_config cfg = { 0 };

	memset(r, 0, sizeof(*r));
	if (given != NULL)
		cfg = *given;
	cfg.size = sizeof(cfg);
	cfg.initiator = initiator;
	r->initiator = initiator;
	r->now = SEC;
	if (mux_session_new(&cfg, RAW_OPS, r, r->now, &r->s) < 0)
		abort();
}

static inline void
raw_free(struct raw *r)
{
	struct own *o;

	mux_session_free(r->s);
	while ((o = r->owns) != NULL) {
		r->owns = o->next;
		if (o->st != NULL)
			own_release(o);
		free(o);
	}
	free(r->out);
	r->out = NULL;
	r->s = NULL;
}

static inline void
raw_note(struct raw *r, int err)
{
	if (mux_is_fatal(err) && r->err == 0)
		r->err = err;
}

static inline void
raw_bytes(struct raw *r, const void *p, size_t n)
{
	raw_note(r, mux_session_feed(r->s, p, n, r->now));
}

static inline void
raw_tick(struct raw *r, uint64_t after)
{
	r->now += after;
	raw_note(r, mux_session_tick(r->s, r->now));
}

/* Takes all that the session wants to send now, or as much as `most`. */
static inline size_t
raw_pull(struct raw *r, size_t most)
{
	struct mux_out o;
	size_t n = 0;

	while (n < most) {
		raw_note(r, mux_session_pull(r->s, r->now));
		mux_session_peek(r->s, &o);
		if (o.len == 0)
			break;
		if (o.len > most - n)
			o.len = most - n;
		if (r->out_off == r->out_len)
			r->out_off = r->out_len = 0;
		if (r->out_len + o.len > r->out_cap) {
			r->out_cap = 2 * (r->out_len + o.len);
			r->out = realloc(r->out, r->out_cap);
			if (r->out == NULL)
				abort();
		}
		memcpy(r->out + r->out_len, o.data, o.len);
		r->out_len += o.len;
		mux_session_sent(r->s, o.len, r->now);
		n += o.len;
	}
	return n;
}

/* The next frame of the session; false if there is none. */
static inline bool
raw_next(struct raw *r, struct wire *w)
{
	const uint8_t *p;
	size_t left;

	raw_pull(r, SIZE_MAX);
	left = r->out_len - r->out_off;
	memset(w, 0, sizeof(*w));
	w->type = 0xff;
	if (left < HEAD)
		return false;
	p = r->out + r->out_off;
	w->len = (uint32_t)get_n(p, 4);
	w->id = get_n(p + 4, 8);
	w->type = p[12];
	w->flags = p[13];
	w->p = p + HEAD;
	if (left - HEAD < w->len)
		return false;
	r->out_off += HEAD + w->len;
	return true;
}

/* The next frame of this type, over the heads of others. */
static inline bool
raw_find(struct raw *r, unsigned type, struct wire *w)
{
	while (raw_next(r, w))
		if (w->type == type)
			return true;
	return false;
}

/* Forgets what was sent so far. */
static inline void
raw_skip(struct raw *r)
{
	raw_pull(r, SIZE_MAX);
	r->out_off = r->out_len = 0;
}

/* ---- what the peer sends ---- */

static inline void
raw_frame(struct raw *r, unsigned type, unsigned flags, uint64_t id,
    const void *p, size_t n)
{
	static uint8_t buf[HEAD + 256 * KIB];

	put_head(buf, type, flags, id, n);
	/* in one piece, if it fits */
	if (n <= sizeof(buf) - HEAD) {
		if (n > 0)
			memcpy(buf + HEAD, p, n);
		raw_bytes(r, buf, HEAD + n);
		return;
	}
	raw_bytes(r, buf, HEAD);
	raw_bytes(r, p, n);
}

static inline void
raw_empty(struct raw *r, unsigned type, unsigned flags, uint64_t id)
{
	raw_frame(r, type, flags, id, NULL, 0);
}

static inline void
raw_u32(struct raw *r, unsigned type, uint64_t id, uint32_t v)
{
	uint8_t p[4];

	put_n(p, v, 4);
	raw_frame(r, type, 0, id, p, 4);
}

/* n bytes of 'd', up to a MiB. */
static inline void
raw_data(struct raw *r, uint64_t id, unsigned flags, size_t n)
{
	static uint8_t p[MIB];

	if (n > sizeof(p))
		abort();
	memset(p, 'd', n);
	raw_frame(r, DATA, flags, id, p, n);
}

static inline void
raw_start(struct raw *r, unsigned flags, uint64_t id)
{
	uint8_t p[64];
	size_t n = 4;

	n += put_tag(p + n, 0x29, "target", 6);
	put_n(p, n - 4, 4);
	raw_frame(r, START, flags | EXT, id, p, n);
}

static inline void
raw_goodbye(struct raw *r, uint32_t code, uint64_t last)
{
	uint8_t p[12];

	put_n(p, code, 4);
	put_n(p + 4, last, 8);
	raw_frame(r, GOODBYE, 0, 0, p, 12);
}

/* ---- beginnings ---- */

/* A session in extended mode; what it said up to now is forgotten. */
static inline void
raw_greet(struct raw *r, const struct mux_config *cfg, bool initiator,
    const struct greeting *g)
{
	static const struct greeting plain = { .window = 64 * KIB };
	uint8_t p[256];
	size_t n;

	raw_new(r, cfg, initiator);
	raw_pull(r, SIZE_MAX);
	n = put_hello(p, !initiator, g != NULL ? g : &plain);
	raw_bytes(r, p, n);
	raw_skip(r);
	if (r->err != 0 || r->n_ready != 1)
		abort();
}

/* With windows of 64 KiB both ways. */
static inline void
raw_begin(struct raw *r, bool initiator)
{
	static const struct mux_config cfg = { .memory = 128 * MIB };

	raw_greet(r, &cfg, initiator, NULL);
}

/* The first id that the peer, or the session, opens. */
static inline uint64_t
raw_id(const struct raw *r, bool by_peer)
{
	return r->initiator == by_peer ? 2 : 1;
}

/* The session opens a stream and its START is out. */
static inline struct own *
raw_open(struct raw *r)
{
	struct mux_open open = { .size = sizeof(open), .target = "t",
	    .target_len = 1 };
	struct own *o = own_new(r);

	if (mux_stream_open(r->s, &open, &own_ops, o, &o->st) != 0)
		abort();
	raw_pull(r, SIZE_MAX);
	return o;
}

/* ---- verdicts ---- */

/*
 * The session is over with this code, its last frame is a GOODBYE that says
 * so, every owner of a living stream was told, and nothing came after that.
 */
static inline bool
raw_dies(struct raw *r, uint32_t code, const char *what)
{
	struct wire w = { 0 };
	bool said = false, told = true;
	const struct own *o;

	while (raw_next(r, &w))
		said = w.type == GOODBYE && w.id == 0 && w.len >= 12 &&
		    get_n(w.p, 4) == code;
	for (o = r->owns; o != NULL; o = o->next)
		told = told && o->n_reset <= 1 && o->n_late == 0;
	if (r->err != MUX_E_PROTOCOL || mux_session_code(r->s) != code)
		printf("# answer %d, code %#x: %s\n", r->err,
		    mux_session_code(r->s), mux_session_error(r->s));
	return ok(r->err == MUX_E_PROTOCOL && said && told &&
	    mux_session_code(r->s) == code, "%s: fatal %#x", what, code);
}

/* The session answers a ping, and has not said anything else. */
static inline bool
raw_lives(struct raw *r, const char *what)
{
	struct wire w;
	bool good;

	raw_empty(r, PING, 0, 77);
	good = raw_next(r, &w) && w.type == PONG && w.id == 77;
	if (!good)
		printf("# type %u, id %llu, answer %d: %s\n", w.type,
		    (unsigned long long)w.id, r->err,
		    mux_session_error(r->s));
	return ok(good && r->err == 0, "%s: the link lives, nothing is said",
	    what);
}

/* The next frame is this one: type, id, and u32 of its payload if not 0. */
static inline bool
raw_says(struct raw *r, unsigned type, uint64_t id, uint32_t v,
    const char *what)
{
	struct wire w;
	bool good = raw_next(r, &w) && w.type == type && w.id == id;

	if (good && v != 0)
		good = w.len >= 4 && get_n(w.p, 4) == v;
	if (!good)
		printf("# type %u, id %llu, length %u, answer %d: %s\n",
		    w.type, (unsigned long long)w.id, w.len, r->err,
		    mux_session_error(r->s));
	return ok(good, "%s", what);
}

static inline struct mux_session_stats
raw_stats(const struct raw *r)
{
	struct mux_session_stats st;

	mux_session_stats(r->s, &st);
	return st;
}

#endif
