/*
 * What each frame does to an id in each state: the matrix of mux(7), by hand,
 * against both roles, for ids that the peer opened and for our own, fed whole
 * and byte by byte.  What a frame looks like is test_session_frames.c's.
 */
#include "page.h"
#include "raw.h"

enum state {
	NEVER, OPEN, HALF_LOCAL, HALF_REMOTE, STOPPED, ENDED, RESET_HERE,
	RESET_THERE, N_STATES
};

static const char *const state_names[N_STATES] = {
	"never opened", "open", "half-local", "half-remote", "stopped",
	"ended", "reset by us", "reset by them"
};

enum cell {
	FATAL_BASE = 0x100,
	IGNORED = 1,	/* counted, nothing else */
	NOTHING,	/* not even counted */
	DELIVERED,	/* to the owner */
	THE_END,	/* eof() */
	KILLED,		/* reset(), silently */
	BLAMED,		/* RESET with the row's code, and reset() */
	REFUSED,	/* ERROR with the row's code */
	REJECTED,	/* REJECT with the row's code */
	TAKEN,		/* a new stream and STREAM_OK */
	PAUSED, RESUMED, RANKED, GRANTED,
	HALTED,		/* stopped(), and END */
	CANCELLED,	/* ERROR 3, and reset() */
	PONGED, DRAINED, DROPPED, SKIPPED
};
#define FATAL(n)	(FATAL_BASE | (n))

/* The five columns of mux(7); closed stands for all three ways there. */
struct row {
	const char *name;
	uint8_t type, flags;
	uint8_t len;
	const char *payload;
	uint32_t code;		/* of BLAMED, REFUSED, REJECTED */
	uint16_t never, open, local, remote, stopped, closed;
};

#define EVERYWHERE(c)	c, c, c, c, c, c
#define F(n)		(UINT32_C(0x80000000) | (n))

static const struct row rows[] = {
	{ "REQUEST", REQUEST, 0, 2, "hi", 4, REFUSED, FATAL(7), FATAL(7),
	    FATAL(7), FATAL(7), IGNORED },
	{ "REQUEST MORE", REQUEST, MORE, 2, "hi", 4, REFUSED, FATAL(7),
	    FATAL(7), FATAL(7), FATAL(7), IGNORED },
	{ "RESPONSE", RESPONSE, 0, 2, "hi", 0, FATAL(9), FATAL(1), FATAL(1),
	    FATAL(1), FATAL(1), IGNORED },
	{ "START", START, EXT, 9, "\5\0\0\0\x29\0\1\0t", 0, TAKEN, FATAL(7),
	    FATAL(7), FATAL(7), FATAL(7), FATAL(7) },
	{ "DATA", DATA, 0, 3, "abc", F(8), FATAL(9), DELIVERED, DELIVERED,
	    BLAMED, NOTHING, IGNORED },
	{ "empty DATA FIN", DATA, FIN, 0, "", F(8), FATAL(9), THE_END,
	    THE_END, BLAMED, THE_END, IGNORED },
	{ "END", END, 0, 0, "", F(8), FATAL(9), THE_END, THE_END, BLAMED,
	    THE_END, IGNORED },
	{ "ERROR", ERROR, 0, 7, "\15\0\0\0why", 0, FATAL(9), KILLED, KILLED,
	    KILLED, KILLED, IGNORED },
	{ "ERROR EXT", ERROR, EXT, 11, "\0\0\0\0\15\0\0\0why", 0, FATAL(9),
	    KILLED, KILLED, KILLED, KILLED, IGNORED },
	{ "RESET", RESET, 0, 7, "\15\0\0\0why", 0, FATAL(9), KILLED, KILLED,
	    KILLED, KILLED, IGNORED },
	{ "PAUSE", PAUSE, 0, 0, "", 0, FATAL(9), PAUSED, IGNORED, PAUSED,
	    PAUSED, IGNORED },
	{ "RESUME", RESUME, 0, 0, "", 0, FATAL(9), RESUMED, IGNORED, RESUMED,
	    RESUMED, IGNORED },
	{ "PRIORITY", PRIORITY, 0, 1, "\7", 0, FATAL(9), RANKED, IGNORED,
	    RANKED, RANKED, IGNORED },
	{ "CANCEL", CANCEL, 0, 0, "", 0, FATAL(9), CANCELLED, IGNORED,
	    CANCELLED, CANCELLED, IGNORED },
	{ "CANCEL code", CANCEL, 0, 4, "\6\0\0\0", 0, FATAL(9), CANCELLED,
	    IGNORED, CANCELLED, CANCELLED, IGNORED },
	{ "CREDIT", CREDIT, 0, 4, "\1\0\0\0", 0, FATAL(9), GRANTED, IGNORED,
	    GRANTED, GRANTED, IGNORED },
	{ "CREDIT 0", CREDIT, 0, 4, "\0\0\0\0", F(4), FATAL(9), BLAMED,
	    IGNORED, BLAMED, BLAMED, IGNORED },
	{ "CREDIT over 2^31-1", CREDIT, 0, 4, "\xff\xff\xff\x7f", 0,
	    FATAL(9), FATAL(4), IGNORED, FATAL(4), FATAL(4), IGNORED },
	{ "STOP", STOP, 0, 4, "\13\0\0\0", 0, FATAL(9), HALTED, IGNORED,
	    HALTED, HALTED, IGNORED },
	{ "STREAM_OK again", OK, 0, 4, "\0\0\0\0", F(1), FATAL(9), BLAMED,
	    BLAMED, BLAMED, BLAMED, IGNORED },
	{ "CONNECT", CONNECT, 0, 0, "", 0, EVERYWHERE(FATAL(1)) },
	{ "ACCEPT", ACCEPT, 0, 0, "", 0, EVERYWHERE(FATAL(1)) },
	{ "REJECT", REJECT, 0, 4, "\0\0\0\0", 0, EVERYWHERE(FATAL(1)) },
	{ "GOODBYE", GOODBYE, 0, 12, "\0\0\0\0\0\0\0\0\0\0\0\0", 0,
	    EVERYWHERE(FATAL(1)) },
	{ "PING", PING, 0, 3, "abc", 0, EVERYWHERE(PONGED) },
	{ "PONG", PONG, 0, 3, "abc", 0, EVERYWHERE(IGNORED) },
	{ "DATAGRAM", DATAGRAM, 0, 3, "abc", 0, EVERYWHERE(DROPPED) },
	{ "BUS_JOIN", JOIN, 0, 2, "\0n", 15, REFUSED, FATAL(7), FATAL(7),
	    FATAL(7), FATAL(7), FATAL(7) },
	{ "BUS_LEAVE", LEAVE, 0, 0, "", 0, FATAL(9), FATAL(1), FATAL(1),
	    FATAL(1), FATAL(1), IGNORED },
	{ "BUS_READY", READY, 0, 4, "\1\0\0\0", 0, FATAL(9), FATAL(1),
	    FATAL(1), FATAL(1), FATAL(1), IGNORED },
	{ "BUS_MSG", MSG, 0, 2, "hi", 0, FATAL(9), FATAL(1), FATAL(1),
	    FATAL(1), FATAL(1), IGNORED },
	{ "type 64", 64, 0xff, 3, "abc", 0, EVERYWHERE(SKIPPED) },
	{ "type 255", 255, 0, 0, "", 0, EVERYWHERE(SKIPPED) },
};

static enum cell
expected(const struct row *row, enum state st, bool by_peer)
{
	const uint16_t cells[] = { row->never, row->open, row->local,
		row->remote, row->stopped, row->closed };

	if (!by_peer && (row->type == REQUEST || row->type == START ||
	    row->type == JOIN))
		return (enum cell)FATAL(6);
	return (enum cell)cells[st < ENDED ? st : ENDED];
}

/* Brings the id into the state; its owner, or NULL. */
static struct own *
arrange(struct raw *r, enum state st, bool by_peer)
{
	struct own *o;
	uint64_t id = raw_id(r, by_peer);

	if (st == NEVER)
		return NULL;
	if (by_peer) {
		raw_start(r, 0, id);
		o = r->owns;
	} else {
		o = raw_open(r);
		raw_u32(r, OK, id, 0);
	}
	if (st == HALF_LOCAL || st == ENDED) {
		o->end = true;
		mux_stream_ready(o->st);
		raw_pull(r, SIZE_MAX);
	}
	if (st == HALF_REMOTE || st == ENDED)
		raw_empty(r, END, 0, id);
	else if (st == STOPPED)
		mux_stream_stop(o->st, 3);
	else if (st == RESET_HERE)
		mux_stream_reset(o->st, 3, NULL);
	else if (st == RESET_THERE)
		raw_u32(r, RESET, id, 3);
	raw_skip(r);
	return o;
}

/* What can be seen from outside, before and after the frame. */
struct seen {
	struct mux_session_stats s;
	struct mux_stream_stats st;
	struct own o;
	unsigned n_open, n_drain;
};

static struct seen
look(const struct raw *r, const struct own *o)
{
	struct seen v = { 0 };

	v.s = raw_stats(r);
	if (o != NULL) {
		v.o = *o;
		mux_stream_stats(o->st, &v.st);
	}
	v.n_open = r->n_open;
	v.n_drain = r->n_drain;
	return v;
}

/* How often the owner was told something, but for resets. */
static unsigned
told(const struct seen *v)
{
	return v->o.n_eof + v->o.n_stopped + v->o.n_accepted +
	    (unsigned)v->o.got;
}

static bool
says(struct raw *r, unsigned type, uint64_t id, uint32_t code)
{
	struct wire w;

	if (!raw_next(r, &w) || w.type != type || w.id != id)
		return false;
	return type == END || (w.len >= 4 && get_n(w.p, 4) == code);
}

/* Nothing is said but the answer to this ping. */
static bool
quiet(struct raw *r)
{
	struct wire w;

	if (r->err != 0)
		return false;
	raw_empty(r, PING, 0, 9999);
	return raw_next(r, &w) && w.type == PONG && w.id == 9999;
}

static bool
dies(struct raw *r, const struct own *o, enum state st, uint32_t code)
{
	struct wire w = { 0 };
	bool said = false;
	unsigned resets = st == NEVER || st == ENDED || st == RESET_HERE ? 0 :
	    1;

	while (raw_next(r, &w))
		said = w.type == GOODBYE && get_n(w.p, 4) == code;
	return said && r->err == MUX_E_PROTOCOL &&
	    mux_session_code(r->s) == code &&
	    (o == NULL || o->n_reset == resets);
}

static bool
told_reset(const struct seen *a, const struct seen *b, uint32_t code)
{
	return b->o.n_reset == a->o.n_reset + 1 && b->o.code == code &&
	    told(a) == told(b);
}

static bool
alike(const struct seen *a, const struct seen *b)
{
	return told(a) == told(b) && a->o.n_reset == b->o.n_reset &&
	    a->n_open == b->n_open && a->n_drain == b->n_drain &&
	    a->st.credit_out == b->st.credit_out &&
	    a->st.paused_by_peer == b->st.paused_by_peer &&
	    a->st.priority == b->st.priority && a->s.streams == b->s.streams;
}

/* Those that stay on the wire: the first frame of the answer. */
static bool
answered(struct raw *r, const struct row *row, enum cell c, uint64_t id,
    const struct seen *a, const struct seen *b)
{
	switch ((int)c) {
	case BLAMED:
		return says(r, RESET, id, row->code) &&
		    told_reset(a, b, row->code);
	case REFUSED:
		return says(r, ERROR, id, row->code) &&
		    a->n_open == b->n_open;
	case TAKEN:
		return says(r, OK, id, 0) && b->n_open == a->n_open + 1;
	case HALTED:
		return says(r, END, id, 0) && b->o.code == 11 &&
		    b->o.n_stopped == a->o.n_stopped + 1;
	case CANCELLED:
		return says(r, ERROR, id, 3) && told_reset(a, b, 3);
	default:
		return true;
	}
}

static bool
happened(enum cell c, const struct seen *a, const struct seen *b)
{
	switch ((int)c) {
	case IGNORED:
		return b->s.ignored == a->s.ignored + 1 && alike(a, b);
	case NOTHING:
		return b->s.ignored == a->s.ignored && alike(a, b);
	case DELIVERED:
		return b->o.got == a->o.got + 3 &&
		    memcmp(b->o.first, "abc", 3) == 0;
	case THE_END:
		return b->o.n_eof == a->o.n_eof + 1 && b->o.got == a->o.got;
	case KILLED:
		return told_reset(a, b, 13) && strcmp(b->o.text, "why") == 0;
	case PAUSED:
		return b->st.paused_by_peer;
	case RESUMED:
		return !b->st.paused_by_peer;
	case RANKED:
		return b->st.priority == 7;
	case GRANTED:
		return b->st.credit_out == a->st.credit_out + 1;
	case DROPPED:
		return b->s.datagrams_dropped == a->s.datagrams_dropped + 1 &&
		    alike(a, b);
	case SKIPPED:
		return b->s.skipped == a->s.skipped + 1 && alike(a, b);
	default:
		return true;
	}
}

static bool
pongs(struct raw *r, uint64_t id)
{
	struct wire w;

	return raw_next(r, &w) && w.type == PONG && w.id == id &&
	    w.len == 3 && memcmp(w.p, "abc", 3) == 0;
}

static bool
try(const struct row *row, bool initiator, bool by_peer, enum state st,
    bool slow)
{
	enum cell c = expected(row, st, by_peer);
	uint8_t buf[64];
	struct seen a, b;
	struct own *o;
	struct raw r;
	uint64_t id;
	bool good;
	size_t n;

	raw_begin(&r, initiator);
	id = raw_id(&r, by_peer);
	o = arrange(&r, st, by_peer);
	raw_empty(&r, PONG, 0, 1);	/* of the session's first ping */
	a = look(&r, o);
	n = put_head(buf, row->type, row->flags, id, row->len);
	memcpy(buf + n, row->payload, row->len);
	n += row->len;
	for (size_t i = 0; slow && i < n; i++)
		raw_bytes(&r, buf + i, 1);
	if (!slow)
		raw_bytes(&r, buf, n);
	b = look(&r, o);
	if (c & FATAL_BASE)
		good = dies(&r, o, st, F(c & 0xff));
	else if (c == PONGED)
		good = pongs(&r, id) && alike(&a, &b) && quiet(&r);
	else
		good = answered(&r, row, c, id, &a, &b) &&
		    happened(c, &a, &b) && quiet(&r);
	if (!good)
		printf("# %s: answer %d, code %#x, %s\n", state_names[st],
		    r.err, mux_session_code(r.s), mux_session_error(r.s));
	raw_free(&r);
	return good;
}

static void
matrix(bool initiator, bool slow)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (int by_peer = 0; by_peer < 2; by_peer++) {
			bool good = true;

			for (int st = NEVER; st < N_STATES; st++)
				good &= try(&rows[i], initiator, by_peer,
				    (enum state)st, slow);
			ok(good, "%s on %s, %s, in every state%s",
			    rows[i].name, by_peer ? "the peer's id" :
			    "an id of ours", initiator ? "initiator" :
			    "acceptor", slow ? ", in bytes" : "");
		}
	}
}

/* ---- against the page ---- */

static const struct {
	const char *page, *here;
} names[] = {
	{ "STREAM_START", "START" }, { "STREAM_DATA", "DATA" },
	{ "FIN", "empty DATA FIN" }, { "STREAM_END", "END" },
	{ "STREAM_OK", "STREAM_OK again" }, { "FLOW_PAUSE", "PAUSE" },
	{ "FLOW_RESUME", "RESUME" },
};

static const struct row *
row_of(const char *name)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i].page, name) == 0)
			name = names[i].here;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(rows[i].name, name) == 0)
			return &rows[i];
	return NULL;
}

/* What the page calls it. */
static const char *
word(const struct row *row, unsigned cell, char *buf)
{
	static const char *const words[] = {
		[IGNORED] = "ignore", [NOTHING] = "discard",
		[DELIVERED] = "deliver", [THE_END] = "end",
		[KILLED] = "close", [BLAMED] = "E8", [REFUSED] = "call",
		[TAKEN] = "open", [PAUSED] = "apply", [RESUMED] = "apply",
		[RANKED] = "apply", [GRANTED] = "add", [HALTED] = "halt",
		[CANCELLED] = "cancel",
	};

	if (cell & FATAL_BASE) {
		sprintf(buf, "F%u", cell & 0xff);
		return buf;
	}
	if (row->type == OK && cell == BLAMED)
		return "accept";	/* it was, so this is a second one */
	if (row->type == JOIN && cell == REFUSED)
		return "join";
	return words[cell];
}

static void
against_page(void)
{
	struct page p;
	unsigned n = 0;
	char buf[8];

	ok(page_table(&p, "STATE"), "mux(7) has a table of states");
	for (; page_row(&p); n++) {
		const struct row *row = row_of(p.cell[0]);

		if (!ok(row != NULL && p.n_cells == 7, "%s is in the matrix",
		    p.cell[0]))
			break;
		is_str(word(row, row->never, buf), p.cell[1], "never");
		is_str(word(row, row->open, buf), p.cell[2], "open");
		is_str(word(row, row->local, buf), p.cell[3], "local");
		is_str(word(row, row->remote, buf), p.cell[4], "remote");
		is_str(word(row, row->stopped, buf), p.cell[5], "stopped");
		is_str(word(row, row->closed, buf), p.cell[6], "closed");
	}
	page_close(&p);
	is_u64(n, 19, "the page has all frames of streams");
}

/* ---- an open of ours that was not answered yet ---- */

static const struct {
	uint8_t type, flags;
	const char *name;
	uint32_t code;		/* fatal, or 0: taken without a word */
} early[] = {
	{ DATA, 0, "DATA", F(1) }, { DATA, FIN, "DATA FIN", F(1) },
	{ END, 0, "END", F(1) }, { PAUSE, 0, "PAUSE", 0 },
	{ RESUME, 0, "RESUME", 0 },
};

static void
before_ok(void)
{
	struct raw r;
	struct own *o;

	for (size_t i = 0; i < sizeof(early) / sizeof(early[0]); i++) {
		raw_begin(&r, true);
		o = raw_open(&r);
		raw_skip(&r);
		raw_empty(&r, early[i].type, early[i].flags, 1);
		if (early[i].code != 0)
			raw_dies(&r, early[i].code, early[i].name);
		else
			raw_lives(&r, early[i].name);
		raw_free(&r);
	}
	raw_begin(&r, true);
	o = raw_open(&r);
	raw_skip(&r);
	raw_u32(&r, OK, 1, 1000);
	ok(o->n_accepted == 1, "STREAM_OK tells the owner");
	raw_lives(&r, "STREAM_OK");
	raw_u32(&r, OK, 1, 1000);
	raw_says(&r, RESET, 1, F(1), "a second one resets the stream");
	raw_lives(&r, "a second STREAM_OK");
	raw_free(&r);
}

/* The acceptor's first frame is its answer, whatever was asked of it. */
static void
answer_first(void)
{
	struct raw r;
	struct own *o;

	raw_begin(&r, false);
	r.policy = WAIT;
	raw_start(&r, 0, 1);
	raw_data(&r, 1, 0, 40000);
	o = r.owns;
	o->to_send = 10;
	o->end = true;
	mux_stream_ready(o->st);
	mux_stream_pause(o->st, true);
	mux_stream_stop(o->st, 3);
	ok(mux_stream_priority(o->st, 1) == 0, "a priority is noted");
	raw_lives(&r, "not accepted yet");
	is_u64(o->got, 40000, "early data is the owner's");
	ok(mux_stream_accept(o->st) == 0, "accepted");
	ok(mux_stream_accept(o->st) == MUX_E_STATE, "only once");
	raw_says(&r, OK, 1, 0, "STREAM_OK is first");
	raw_says(&r, PAUSE, 1, 0, "then PAUSE");
	raw_says(&r, PRIORITY, 1, 0, "PRIORITY");
	raw_says(&r, STOP, 1, 3, "STOP");
	raw_says(&r, DATA, 1, 0, "and then data");
	raw_free(&r);
}

static void
refusals(void)
{
	static const struct {
		bool attach;
		uint32_t code;
		const char *what;
	} ways[] = {
		{ false, 13, "refused at once" },
		{ true, 11, "refused after it was attached" },
	};
	struct raw r;
	struct wire w;

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		raw_begin(&r, false);
		r.policy = WAIT;
		r.refuse = ways[i].attach ? 0 : ways[i].code;
		raw_start(&r, 0, 1);
		if (ways[i].attach)
			mux_stream_refuse(r.owns->st, ways[i].code, "because");
		raw_data(&r, 1, 0, 100);
		ok(raw_next(&r, &w) && w.type == ERROR && w.id == 1 &&
		    get_n(w.p, 4) == ways[i].code, "%s", ways[i].what);
		ok(!ways[i].attach || (w.len == 11 &&
		    memcmp(w.p + 4, "because", 7) == 0), "with its words");
		raw_data(&r, 1, FIN, 100);
		raw_lives(&r, "early data of a refused stream");
		ok(!ways[i].attach || (r.owns->n_reset == 0 &&
		    r.owns->got == 0), "the owner hears nothing more");
		raw_free(&r);
	}
	raw_begin(&r, false);
	r.policy = LEAVE_IT;
	raw_start(&r, FIN, 1);
	raw_says(&r, ERROR, 1, 15, "nobody cared: unsupported");
	is_u64(raw_stats(&r).streams, 0, "nothing is left of it");
	raw_free(&r);
}

/* An open that was taken back cannot be accepted or refused any more. */
static void
taken_back(unsigned type)
{
	struct mux_session_stats st;
	struct raw r;

	raw_begin(&r, false);
	r.policy = WAIT;
	raw_start(&r, 0, 1);
	raw_u32(&r, type, 1, 3);
	is_u64(r.owns->n_reset, 1, "type %u takes an open back", type);
	ok(mux_stream_accept(r.owns->st) == MUX_E_STATE,
	    "it cannot be accepted");
	mux_stream_refuse(r.owns->st, 13, NULL);
	raw_lives(&r, "nor refused");
	st = raw_stats(&r);
	ok(st.accepted == 0 && st.refused == 0, "neither counts");
	raw_free(&r);
}

/* START with FIN: the opener's direction is over at once. */
static void
start_fin(void)
{
	struct raw r;

	raw_begin(&r, false);
	raw_start(&r, FIN, 1);
	raw_says(&r, OK, 1, 0, "START with FIN is accepted");
	is_u64(r.owns->n_eof, 1, "and its end is told");
	raw_data(&r, 1, 0, 1);
	raw_says(&r, RESET, 1, F(8), "no data behind it");
	raw_free(&r);
}

int
main(void)
{
	matrix(true, false);
	matrix(false, false);
	matrix(true, true);
	matrix(false, true);
	against_page();
	before_ok();
	answer_first();
	refusals();
	taken_back(RESET);
	taken_back(ERROR);
	start_fin();
	return tap_done();
}
