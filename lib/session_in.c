/*
 * session_in.c - from bytes to frames: the parser and the handshake.  A frame
 * is checked against its row of the frame table before anything is allocated
 * or changed; what it means is handlers.c's.  Invariant: every byte fed is
 * accounted to exactly one frame, and the parser never waits for anything
 * but bytes.
 */
#include <stdlib.h>

#include "bytes.h"
#include "session.h"
#include "text.h"

/* ---- before the first frame is through ---- */

/* The bytes that a stranger began with are the best hint of what it is. */
void
session_not_a_peer(struct mux_session *s)
{
	char buf[80];
	struct text t;

	text_init(&t, buf, sizeof(buf));
	text_str(&t, "not a mux peer: it began with \"");
	for (size_t i = 0; i < s->in.head_len; i++)
		if (s->in.head[i] != 0)
			text_bytes(&t, s->in.head + i, 1);
		else
			text_str(&t, "\\0");	/* the text ends at a NUL */
	text_str(&t, "\"");
	session_fatal(s, MUX_E_PROTOCOL, MUX_F_HELLO_ORDER, buf);
}

static bool
is_hello(const struct mux_session *s)
{
	const struct frame *f = &s->in.f;

	return f->type == (s->cfg.initiator ? FT_PONG : FT_PING) &&
	    f->id == 0 && (f->flags & FRAME_EXT) != 0;
}

/* The header of the first frame: HELLO, plain S0, or a stranger. */
static bool
first_header(struct mux_session *s)
{
	const struct frame *f = &s->in.f;
	bool s0 = f->type <= FT_CANCEL && f->len <= FRAME_HARD_MAX;

	if (is_hello(s)) {
		if ((f->flags & FRAME_KNOWN) != FRAME_EXT)
			session_violation(s, MUX_F_BAD_FRAME, "illegal flag");
		else if (f->len > FRAME_HELLO_MAX)
			session_violation(s, MUX_F_FRAME_SIZE,
			    "HELLO over 4 KiB");
		return s->err == 0;
	}
	if (s->cfg.initiator)
		s0 = f->type == FT_PONG && f->id == 0 && f->len == 0;
	if (!s0) {
		session_not_a_peer(s);
		return false;
	}
	if (s->cfg.require_hello) {
		session_violation(s, MUX_F_HELLO_ORDER,
		    "the peer does not say HELLO");
		return false;
	}
	session_established(s, MUX_MODE_LEGACY);
	return s->err == 0;
}

static void
on_hello(struct mux_session *s, const uint8_t *p)
{
	struct hello peer;
	uint32_t code = hello_read(p, s->in.f.len, &peer);

	if (code != 0) {
		session_violation(s, code, "HELLO is not understood");
		return;
	}
	if (!s->cfg.initiator)
		session_owe(s, LINK_HELLO);
	session_agree(s, &peer);
}

/* ---- the header against its row ---- */

static bool
check_length(struct mux_session *s)
{
	const struct frame_row *row = s->in.row;
	const struct frame *f = &s->in.f;
	uint32_t code = MUX_F_BAD_FRAME, max = row->max;

	if (f->len > s->cfg.max_frame) {
		session_violation(s, MUX_F_FRAME_SIZE,
		    "payload over max_frame");
		return false;
	}
	if (max == LEN_FRAME)
		return true;
	if (max == LEN_EXT && (f->flags & FRAME_EXT) == 0) {
		max = FRAME_BODY_MAX;
	} else if (max == LEN_EXT) {
		max = s->cfg.max_meta + FRAME_EXT_SLACK;
		code = f->len > max ? MUX_F_METADATA : code;
	}
	if (f->len >= row->min && f->len <= max)
		return true;
	session_violation(s, code, "illegal payload length");
	return false;
}

static bool
check_id(struct mux_session *s)
{
	uint8_t ids = s->in.row->ids;
	uint64_t id = s->in.f.id;

	if ((ids & ID_FREE) != 0)
		return true;
	if (id_local(id) == 0 && (ids & ID_CONN) == 0) {
		/* credit is per id: that rule has a code of its own */
		session_violation(s, s->in.f.type == FT_CREDIT ? MUX_F_FLOW :
		    MUX_F_ID_ZERO, "id 0 names nothing");
		return false;
	}
	if (id_local(id) != 0 && ids == ID_CONN) {
		session_violation(s, MUX_F_PROTOCOL,
		    "the frame is about a connection");
		return false;
	}
	if (id_conn(id) == 0 || (s->in.f.type >= FT_CONNECT &&
	    s->in.f.type <= FT_REJECT))
		return true;
	session_violation(s, MUX_F_UNKNOWN_CONN, "no such connection");
	return false;
}

/* True if the payload is wanted; false after a violation or for a skip. */
static bool
check_header(struct mux_session *s)
{
	const struct frame *f = &s->in.f;

	s->in.row = NULL;
	if (s->mode == MUX_MODE_HELLO && (!first_header(s) ||
	    s->mode == MUX_MODE_HELLO))
		return false;
	if (s->mode == MUX_MODE_LEGACY)
		return false;
	if (f->type >= FT_SKIPPED && f->len <= s->cfg.max_frame)
		return false;
	s->in.row = frame_row(f->type);
	if (s->in.row == NULL)
		session_violation(s, f->type >= FT_SKIPPED ?
		    MUX_F_FRAME_SIZE : MUX_F_BAD_FRAME, "unknown type");
	else if ((f->flags & FRAME_KNOWN & ~s->in.row->flags) != 0)
		session_violation(s, MUX_F_BAD_FRAME, "illegal flag");
	else if ((f->type == FT_PING || f->type == FT_PONG) &&
	    ((f->flags & FRAME_EXT) != 0 || f->id == 0))
		session_violation(s, MUX_F_HELLO_ORDER, "a second HELLO");
	else
		return check_length(s) && check_id(s);
	return false;
}

/* Legacy frames are judged by their header; S0 frames have hard limits. */
static void
check_legacy(struct mux_session *s)
{
	if (s->in.f.type > FT_CANCEL)
		session_violation(s, MUX_F_BAD_FRAME, "unknown S0 type");
	else if (s->in.f.len > FRAME_HARD_MAX)
		session_violation(s, MUX_F_FRAME_SIZE, "over 16 MiB");
}

/* ---- the parser ---- */

static void
begin_frame(struct mux_session *s)
{
	frame_get(s->in.head, &s->in.f);
	s->in.at_hand = true;
	s->in.foreign = false;
	s->in.in_ext = false;
	s->in.st = NULL;
	s->stats.frames_in++;
	if (check_header(s)) {
		if (s->in.f.type == FT_STREAM_DATA)
			session_data_begin(s);
		else if (s->in.f.type <= FT_RESPONSE)
			session_call_begin(s);
	} else if (s->err == 0 && s->mode == MUX_MODE_LEGACY) {
		check_legacy(s);
		if (s->err == 0)
			legacy_begin(s);
	}
}

static void
end_frame(struct mux_session *s, const uint8_t *payload)
{
	const struct frame f = s->in.f;

	s->in.head_len = 0;
	if (s->mode == MUX_MODE_LEGACY)
		legacy_frame(s, payload);
	else if (s->mode == MUX_MODE_HELLO)
		on_hello(s, payload);
	else if (s->in.row != NULL)
		session_handle(s, &f, payload);
	else {
		s->stats.skipped++;
		session_glitch(s);
	}
	s->in.at_hand = false;
}

/* Payloads are kept only where a handler wants them whole, and only as they
 * come: never is memory sized by what a header announces. */
static bool
wanted_whole(const struct mux_session *s)
{
	if (s->mode == MUX_MODE_HELLO)
		return true;
	if (s->mode == MUX_MODE_LEGACY)
		return legacy_whole(s);
	return s->in.row != NULL && !s->in.row->sliced;
}

static bool
keep(struct mux_session *s, const uint8_t *p, size_t n)
{
	size_t need = s->in.got + n, cap = s->in.cap;
	uint8_t *buf;

	if (need > cap) {
		for (cap = cap == 0 ? 128 : cap; cap < need;)
			cap *= 2;
		if ((buf = realloc(s->in.buf, cap)) == NULL) {
			session_fatal(s, MUX_E_PROTOCOL, MUX_INTERNAL,
			    "internal: no memory for a frame");
			return false;
		}
		s->in.buf = buf;
		s->in.cap = cap;
	}
	memcpy(s->in.buf + s->in.got, p, n);
	return true;
}

static size_t
feed_header(struct mux_session *s, const uint8_t *p, size_t n)
{
	size_t k = min_size(n, FRAME_HEADER - s->in.head_len);

	if (s->in.head_len == 0) {
		s->in.began = s->now;
		s->in.got = 0;	/* else the last frame would buy it time */
	}
	/* as a rule it comes whole, and a length that is known is cheap */
	if (k == FRAME_HEADER)
		memcpy(s->in.head, p, FRAME_HEADER);
	else
		memcpy(s->in.head + s->in.head_len, p, k);
	s->in.head_len += k;
	if (s->in.head_len < FRAME_HEADER) {
		/* a stranger may wait for an answer to fewer bytes */
		if (s->mode == MUX_MODE_HELLO && s->in.head_len >= 4 &&
		    get_le32(s->in.head) > FRAME_HARD_MAX)
			session_not_a_peer(s);
		return k;
	}
	begin_frame(s);
	if (s->err == 0 && s->in.f.len == 0) {
		session_tap(s, false, &s->in.f, p, 0, 0);
		end_frame(s, p);
	}
	return k;
}

/* How much of the payload is its EXT block, as far as one can see. */
static bool
ext_size(struct mux_session *s, const uint8_t *p, size_t *need)
{
	uint32_t len = get_le32(p);

	if (len > s->in.f.len - 4)
		session_violation(s, MUX_F_BAD_FRAME, "EXT block");
	else if (len > s->cfg.max_meta + FRAME_EXT_MORE)
		session_violation(s, MUX_F_METADATA, "EXT block");
	*need = 4 + len;
	return s->err == 0;
}

/*
 * The EXT block that begins a REQUEST or RESPONSE is taken whole: where it
 * lies, if it came in one piece, else gathered.
 */
static size_t
feed_ext(struct mux_session *s, const uint8_t *p, size_t n)
{
	size_t need = 4, k;
	const uint8_t *block = p;
	struct rd ext;

	if (s->in.got == 0 && n >= 4 && !ext_size(s, p, &need))
		return n;
	if (s->in.got >= 4 && !ext_size(s, s->in.buf, &need))
		return n;
	k = min_size(n, need - s->in.got);
	if (s->in.got > 0 || k < need) {
		if (!keep(s, p, k))
			return k;
		block = s->in.buf;
	}
	session_tap(s, false, &s->in.f, p, s->in.got, k);
	s->in.got += (uint32_t)k;
	/* its length is known just now? */
	if (s->in.got == 4 && need == 4 && !ext_size(s, block, &need))
		return k;
	if (s->in.got < need)
		return k;
	s->in.in_ext = false;
	rd_init(&ext, block + 4, need - 4);
	session_call_ext(s, ext, s->in.f.len - need);
	if (s->err == 0 && s->in.got == s->in.f.len)
		end_frame(s, block);
	return k;
}

static size_t
feed_payload(struct mux_session *s, const uint8_t *p, size_t n)
{
	size_t k = min_size(n, s->in.f.len - s->in.got);
	bool whole = wanted_whole(s), last = k == s->in.f.len - s->in.got;
	const uint8_t *payload = p;

	if (whole && (s->in.got > 0 || !last)) {
		if (!keep(s, p, k))
			return k;
		payload = s->in.buf;
	}
	if (!whole)
		session_tap(s, false, &s->in.f, p, s->in.got, k);
	else if (last)
		session_tap(s, false, &s->in.f, payload, 0, s->in.f.len);
	if (!whole)
		session_data_slice(s, p, k);
	s->in.got += (uint32_t)k;
	if (last && s->err == 0)
		end_frame(s, payload);
	return k;
}

int
mux_session_feed(struct mux_session *s, const void *buf, size_t n,
    uint64_t now)
{
	const uint8_t *p = buf;
	size_t k;

	session_enter(s, now);
	if (n > 0) {
		s->last_in = s->now;
		s->missed = 0;
	}
	for (; n > 0 && s->err == 0; p += k, n -= k)
		k = s->in.head_len < FRAME_HEADER ? feed_header(s, p, n) :
		    s->in.in_ext ? feed_ext(s, p, n) : feed_payload(s, p, n);
	return session_leave(s);
}

/* ---- payload that comes by descriptor ---- */

size_t
mux_session_foreign(const struct mux_session *s, struct mux_stream **st)
{
	struct mux_stream *to = s->in.st;
	size_t left;

	if (s->err != 0 || s->in.head_len < FRAME_HEADER || to == NULL ||
	    !s->in.deliver || to->recv != RECV_OPEN || !to->attached ||
	    to->ops->foreign == NULL)
		return 0;
	left = s->in.f.len - s->in.got;
	/* only the rest of a frame that began this way may be short */
	if (left < FOREIGN_MIN && !s->in.foreign)
		return 0;
	if (!to->ops->foreign(to, left, to->arg))
		return 0;
	*st = to;
	return left;
}

size_t
mux_session_wants(const struct mux_session *s)
{
	return s->in.head_len < FRAME_HEADER ?
	    FRAME_HEADER - s->in.head_len : s->in.f.len - s->in.got;
}

void
mux_session_moved(struct mux_session *s, size_t n, uint64_t now)
{
	session_enter(s, now);
	assert(s->in.head_len == FRAME_HEADER &&
	    n <= s->in.f.len - s->in.got);
	if (n > 0) {
		s->last_in = s->now;
		s->missed = 0;
		session_tap(s, false, &s->in.f, NULL, s->in.got, n);
	}
	s->in.foreign = true;
	s->in.got += (uint32_t)n;
	if (s->in.got == s->in.f.len && s->err == 0)
		end_frame(s, NULL);
	session_leave(s);
}
