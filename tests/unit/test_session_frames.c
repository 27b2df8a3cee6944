/*
 * How a frame must look before anyone asks what it means: lengths a byte to
 * either side of each bound, flags, what the id may name, types that nobody
 * has given out.  On living ids, so that only the look can be what is wrong.
 */
#include "raw.h"

#define F(n)	(UINT32_C(0x80000000) | (n))
#define N(a)	(sizeof(a) / sizeof((a)[0]))

/* A payload of this length that is legal for the type, or would be. */
static size_t
payload(uint8_t *p, unsigned type, unsigned flags, size_t len)
{
	size_t n = 0;

	memset(p, 0, len + 8);
	if ((flags & EXT) != 0 && type != REQUEST && type != RESPONSE &&
	    type != MSG)
		n = 4;
	if (type == START && (flags & EXT) != 0 && len >= 9) {
		put_n(p, 5, 4);
		put_tag(p + 4, 0x29, "t", 1);
	} else if (type == PRIORITY) {
		p[n] = 3;
	} else if (type == CREDIT || type == ERROR || type == RESET) {
		p[n] = 9;
	} else if (type == GOODBYE) {
		p[4] = 0xff;
	}
	return len;
}

/* A session with one accepted stream of the peer's, id 1; 4 KiB of metadata
 * and 64 KiB frames are its limits. */
static void
begin(struct raw *r)
{
	const struct mux_config cfg = { .max_frame = 64 * KIB,
	    .max_meta = 4 * KIB, .window = 32 * KIB, .memory = 64 * MIB };

	raw_greet(r, &cfg, false, NULL);
	raw_start(r, 0, 1);
	raw_skip(r);
}

/* 0: the frame is taken, the link lives; else how it dies. */
static uint32_t
verdict(unsigned type, unsigned flags, uint64_t id, size_t len)
{
	static uint8_t p[128 * KIB];
	uint32_t code = 0, said = 0;
	struct wire w;
	struct raw r;

	begin(&r);
	raw_frame(&r, type, flags, id, p, payload(p, type, flags, len));
	if (r.err != 0) {
		while (raw_next(&r, &w))
			said = w.type == GOODBYE ?
			    (uint32_t)get_n(w.p, 4) : 0;
		code = mux_session_code(r.s);
		if (said != code)
			code = 1;	/* another one on the wire */
	}
	raw_free(&r);
	return code;
}

static const struct {
	uint8_t type, flags;
	uint64_t id;
	const char *name;
	size_t min, max;
	uint32_t below, above;
} lengths[] = {
	{ REQUEST, 0, 3, "REQUEST", 0, 32 * KIB, 0, F(4) },
	{ DATA, 0, 1, "DATA", 0, 32 * KIB, 0, F(4) },
	{ RESPONSE, 0, 1, "RESPONSE", 0, 0, 0, F(1) },
	{ START, 0, 3, "START", 0, 4096, 0, F(2) },
	{ START, EXT, 3, "START EXT", 4, 4105, F(2), F(2) },
	{ END, 0, 1, "END", 0, 0, 0, F(2) },
	{ ERROR, 0, 1, "ERROR", 4, 1028, F(2), F(2) },
	{ ERROR, EXT, 1, "ERROR EXT", 8, 1032, F(2), F(2) },
	{ PAUSE, 0, 1, "FLOW_PAUSE", 0, 0, 0, F(2) },
	{ RESUME, 0, 1, "FLOW_RESUME", 0, 0, 0, F(2) },
	{ PAUSE, 0, 0, "FLOW_PAUSE of the link", 0, 0, 0, F(2) },
	{ PING, 0, 7, "PING", 0, 64, 0, F(2) },
	{ PONG, 0, 7, "PONG", 0, 64, 0, F(2) },
	{ CANCEL, 0, 1, "CANCEL", 0, 0, 0, F(2) },
	{ CANCEL, 0, 1, "CANCEL with a code", 4, 4, F(2), F(2) },
	{ CREDIT, 0, 1, "CREDIT", 4, 4, F(2), F(2) },
	{ RESET, 0, 1, "RESET", 4, 1028, F(2), F(2) },
	{ STOP, 0, 1, "STOP", 4, 4, F(2), F(2) },
	{ OK, 0, 1, "STREAM_OK", 4, 4, F(2), F(2) },
	{ OK, EXT, 1, "STREAM_OK EXT", 8, 8, F(2), F(2) },
	{ PRIORITY, 0, 1, "PRIORITY", 1, 1, F(2), F(2) },
	{ CONNECT, 0, UINT64_C(1) << 48, "CONNECT", 0, 0, 0, F(2) },
	{ CONNECT, EXT, UINT64_C(1) << 48, "CONNECT EXT", 4, 4, F(2), F(2) },
	{ GOODBYE, 0, 0, "GOODBYE", 12, 1036, F(2), F(2) },
	{ DATAGRAM, 0, 1, "DATAGRAM", 0, 64 * KIB, 0, F(3) },
	{ JOIN, 0, 3, "BUS_JOIN", 1, 257, F(2), F(2) },
	{ LEAVE, 0, 1, "BUS_LEAVE", 0, 0, 0, F(2) },
	{ READY, 0, 1, "BUS_READY", 4, 4, F(2), F(2) },
	{ 64, 0, 1, "type 64", 0, 64 * KIB, 0, F(3) },
	{ 255, 0xff, 0, "type 255", 0, 64 * KIB, 0, F(3) },
};

/* These are no mistakes of length, they come after it. */
static uint32_t
later(unsigned type)
{
	return type == RESPONSE || type == LEAVE || type == READY ? F(1) : 0;
}

static void
bounds(void)
{
	for (size_t i = 0; i < N(lengths); i++) {
		const char *name = lengths[i].name;
		unsigned type = lengths[i].type, flags = lengths[i].flags;
		uint64_t id = lengths[i].id;

		is_u64(verdict(type, flags, id, lengths[i].min), later(type),
		    "%s of %zu", name, lengths[i].min);
		is_u64(verdict(type, flags, id, lengths[i].max), later(type),
		    "%s of %zu", name, lengths[i].max);
		is_u64(verdict(type, flags, id, lengths[i].max + 1),
		    lengths[i].above, "%s of %zu", name, lengths[i].max + 1);
		if (lengths[i].min > 0)
			is_u64(verdict(type, flags, id, lengths[i].min - 1),
			    lengths[i].below, "%s of %zu", name,
			    lengths[i].min - 1);
	}
}

/* A length that cannot be is refused at the header: no payload is awaited. */
static void
announced(void)
{
	static const uint32_t lens[] = { 64 * KIB + 1, INT32_MAX,
		UINT32_C(0x80000000), UINT32_MAX };
	static const uint8_t types[] = { REQUEST, START, DATA, END, ERROR,
		PING, OK, DATAGRAM, 200 };
	uint8_t head[HEAD];
	struct raw r;

	for (size_t i = 0; i < N(types); i++) {
		for (size_t k = 0; k < N(lens); k++) {
			begin(&r);
			put_head(head, types[i], 0, 1, lens[k]);
			raw_bytes(&r, head, HEAD);
			raw_dies(&r, F(3), "too long to come");
			raw_free(&r);
		}
	}
}

/* The same for EXT blocks: max_meta and 8 KiB are the most that is awaited. */
static void
announced_ext(void)
{
	static const uint8_t types[] = { START, ERROR, OK, CONNECT };
	uint8_t head[HEAD];
	struct raw r;

	for (size_t i = 0; i < N(types); i++)
		for (uint32_t more = 0; more < 2; more++) {
			begin(&r);
			put_head(head, types[i], EXT, types[i] == CONNECT ?
			    UINT64_C(1) << 48 : 1, 12 * KIB + more);
			raw_bytes(&r, head, HEAD);
			if (more == 0)
				ok(r.err == 0, "12 KiB with EXT may come");
			else
				raw_dies(&r, F(12), "a byte more");
			raw_free(&r);
		}
}

/* ---- flags ---- */

static void
flags_of(unsigned type, uint64_t id, size_t len, unsigned legal)
{
	static const unsigned known[] = { FIN, MORE, EXT };
	bool good = true;

	for (size_t i = 0; i < N(known); i++)
		if ((legal & known[i]) == 0)
			good &= verdict(type, known[i], id, len) == F(2);
	for (unsigned bit = 0x04; bit <= 0x40; bit <<= 1)
		good &= verdict(type, bit, id, len) == later(type);
	ok(good, "type %u: illegal flags are fatal, reserved bits are not",
	    type);
}

static void
flags(void)
{
	flags_of(REQUEST, 3, 0, MORE | EXT);
	flags_of(RESPONSE, 1, 0, MORE | EXT);
	flags_of(START, 3, 4, FIN | EXT);
	flags_of(DATA, 1, 1, FIN);
	flags_of(END, 1, 0, 0);
	flags_of(ERROR, 1, 4, EXT);
	flags_of(PAUSE, 1, 0, 0);
	flags_of(RESUME, 1, 0, 0);
	flags_of(PING, 9, 0, EXT);
	flags_of(PONG, 9, 0, EXT);
	flags_of(CANCEL, 1, 0, 0);
	flags_of(CREDIT, 1, 4, 0);
	flags_of(RESET, 1, 4, 0);
	flags_of(STOP, 1, 4, 0);
	flags_of(OK, 1, 4, EXT);
	flags_of(PRIORITY, 1, 1, 0);
	flags_of(CONNECT, UINT64_C(1) << 48, 0, EXT);
	flags_of(GOODBYE, 0, 12, 0);
	flags_of(DATAGRAM, 1, 0, 0);
	flags_of(JOIN, 3, 1, 0);
	flags_of(LEAVE, 1, 0, 0);
	flags_of(READY, 1, 4, 0);
	is_u64(verdict(DATA, FIN | 0x7c, 1, 1), 0, "FIN among reserved bits");
	is_u64(verdict(START, FIN, 3, 0), 0, "START may have FIN");
	is_u64(verdict(DATA, MORE, 1, 1), F(2), "MORE on a byte stream");
	is_u64(verdict(PING, EXT, 9, 4), F(10), "HELLO on another id");
	is_u64(verdict(200, 0xff, 9, 4), 0, "a skipped type has any flags");
}

/* ---- ids ---- */

static void
ids(void)
{
	static const struct {
		uint8_t type;
		size_t len;
		uint32_t zero, other;	/* id 0, and of another connection */
	} rows[] = {
		{ REQUEST, 0, F(5), F(15) }, { RESPONSE, 0, F(5), F(15) },
		{ START, 0, F(5), F(15) }, { DATA, 1, F(5), F(15) },
		{ END, 0, F(5), F(15) }, { ERROR, 4, F(5), F(15) },
		{ PAUSE, 0, 0, F(15) }, { RESUME, 0, 0, F(15) },
		{ PING, 0, F(10), 0 }, { PONG, 0, F(10), 0 },
		{ CANCEL, 0, F(5), F(15) }, { CREDIT, 4, F(4), F(15) },
		{ RESET, 4, F(5), F(15) }, { STOP, 4, F(5), F(15) },
		{ OK, 4, F(5), F(15) }, { PRIORITY, 1, F(5), F(15) },
		{ CONNECT, 0, F(5), 0 }, { ACCEPT, 0, F(15), F(15) },
		{ REJECT, 4, F(15), F(15) }, { GOODBYE, 12, 0, F(15) },
		{ DATAGRAM, 0, 0, 0 }, { JOIN, 1, F(5), F(15) },
		{ LEAVE, 0, F(5), F(15) }, { READY, 4, F(5), F(15) },
		{ MSG, 0, F(5), F(15) }, { 99, 0, 0, 0 },
	};
	uint64_t conn = UINT64_C(1) << 48;

	for (size_t i = 0; i < N(rows); i++) {
		bool link = rows[i].type == CONNECT || rows[i].type == ACCEPT ||
		    rows[i].type == REJECT || rows[i].type == GOODBYE;

		is_u64(verdict(rows[i].type, 0, 0, rows[i].len), rows[i].zero,
		    "type %u on id 0", rows[i].type);
		is_u64(verdict(rows[i].type, 0, link ? conn : conn | 1,
		    rows[i].len), rows[i].other,
		    "type %u on connection 1", rows[i].type);
		if (link)
			is_u64(verdict(rows[i].type, 0, conn | 1,
			    rows[i].len), F(1),
			    "type %u on a stream", rows[i].type);
	}
	is_u64(verdict(CREDIT, 0, conn, 4), F(4), "CREDIT of a connection");
	is_u64(verdict(DATA, 0, conn, 1), F(5), "DATA of a connection");
}

static void
connects(void)
{
	uint64_t conn = UINT64_C(1) << 48;
	struct raw r;

	begin(&r);
	raw_empty(&r, CONNECT, 0, conn);
	raw_says(&r, REJECT, conn, 15, "CONNECT is rejected");
	raw_empty(&r, CONNECT, 0, 5 * conn);
	raw_says(&r, REJECT, 5 * conn, 15, "and another one");
	raw_empty(&r, CONNECT, 0, 3 * conn);
	raw_dies(&r, F(7), "numbers only rise");
	raw_free(&r);
	is_u64(verdict(CONNECT, 0, 2 * conn, 0), F(6), "our parity");
}

/* ---- opening ---- */

static void
opens(void)
{
	struct raw r;

	begin(&r);
	raw_start(&r, 0, 9);
	raw_says(&r, OK, 9, 0, "ids may be left out");
	raw_start(&r, 0, 7);
	raw_dies(&r, F(7), "but never come back");
	raw_free(&r);
	begin(&r);
	raw_empty(&r, REQUEST, 0, 9);
	raw_says(&r, ERROR, 9, 4, "a call is refused");
	raw_start(&r, 0, 7);
	raw_dies(&r, F(7), "and raised the mark");
	raw_free(&r);
	begin(&r);
	raw_empty(&r, START, 0, 9);
	raw_says(&r, ERROR, 9, 5, "START without a target is refused");
	raw_data(&r, 9, FIN, 100);
	raw_lives(&r, "what follows it");
	raw_start(&r, 0, 9);
	raw_dies(&r, F(7), "it raised the mark as well");
	raw_free(&r);
	begin(&r);
	raw_start(&r, 0, (UINT64_C(1) << 48) - 1);
	raw_says(&r, OK, (UINT64_C(1) << 48) - 1, 0, "the last id of all");
	raw_free(&r);
}

/* One START, its tags, and what it is answered with. */
static void
start_tags(const char *what, const void *tags, size_t n, unsigned type,
    uint32_t code)
{
	uint8_t p[70 * KIB];
	struct raw r;

	begin(&r);
	put_n(p, n, 4);
	memcpy(p + 4, tags, n);
	raw_frame(&r, START, EXT, 3, p, n + 4);
	if (type == GOODBYE && raw_dies(&r, code, what))
		is_u64(r.n_open, 1, "nobody is asked any more");
	else if (type != GOODBYE)
		raw_says(&r, type, 3, code, what);
	raw_free(&r);
}

#define TAGS(what, bytes, type, code) \
	start_tags(what, bytes, sizeof(bytes) - 1, type, code)
#define TARGET_T	"\x29\0\1\0t"

static void
tags(void)
{
	TAGS("TARGET", TARGET_T, OK, 0);
	TAGS("critical TARGET", "\x29\x80\1\0t", OK, 0);
	TAGS("empty TARGET", "\x29\0\0\0", ERROR, 5);
	TAGS("TARGET with NUL", "\x29\0\3\0a\0b", ERROR, 5);
	TAGS("no tags at all", "", ERROR, 5);
	TAGS("METHOD", "\x20\0\1\0m", ERROR, 4);
	TAGS("METHOD and TARGET", TARGET_T "\x20\0\1\0m", ERROR, 4);
	TAGS("MODE bytes", TARGET_T "\x28\0\1\0\0", OK, 0);
	TAGS("MODE messages", TARGET_T "\x28\0\1\0\1", ERROR, 15);
	TAGS("unknown tag", TARGET_T "\x77\7\1\0x", OK, 0);
	TAGS("unknown critical tag", TARGET_T "\x77\x87\1\0x", ERROR, 15);
	TAGS("META", TARGET_T "\x21\0\6\0\0\0\1\0kv", OK, 0);
	TAGS("META whose key is longer than it", TARGET_T
	    "\x21\0\6\0\0\0\3\0kv", GOODBYE, F(2));
	TAGS("half a tag", TARGET_T "\x25\0\1", GOODBYE, F(2));
	TAGS("a tag longer than the block", TARGET_T "\x25\0\2\0\3",
	    GOODBYE, F(2));
	TAGS("WINDOW", TARGET_T "\x26\0\4\0\0\0\1\0", OK, 0);
	TAGS("WINDOW over 2^31-1", TARGET_T "\x26\0\4\0\0\0\xff\x7f",
	    GOODBYE, F(4));
	TAGS("WINDOW 0", TARGET_T "\x26\0\4\0\0\0\0\0", OK, 0);
}

static void
start_priority(const char *tag, size_t n, unsigned want, const char *what)
{
	struct mux_stream_stats st;
	uint8_t p[64];
	struct raw r;

	begin(&r);
	put_n(p, 5 + n, 4);
	memcpy(p + 4, TARGET_T, 5);
	memcpy(p + 9, tag, n);
	raw_frame(&r, START, EXT, 3, p, 9 + n);
	mux_stream_stats(r.owns->st, &st);
	is_u64(st.priority, want, "%s", what);
	raw_free(&r);
}

/* n entries of META, each with a key and a value of these sizes. */
static uint32_t
metadata(unsigned n_entries, size_t key, size_t value)
{
	const struct mux_config cfg = { 0 };
	static uint8_t p[256 * KIB];
	uint8_t one[20 * KIB] = { 0 };
	uint32_t code;
	size_t n = 4;
	struct raw r;

	raw_greet(&r, &cfg, false, NULL);
	n += put_tag(p + n, 0x29, "t", 1);
	put_n(one + 2, key, 2);
	for (unsigned i = 0; i < n_entries; i++)
		n += put_tag(p + n, 0x21, one, 4 + key + value);
	put_n(p, n - 4, 4);
	raw_frame(&r, START, EXT, 1, p, n);
	code = mux_session_code(r.s);
	raw_free(&r);
	return code;
}

static void
meta(void)
{
	is_u64(metadata(128, 1, 1), 0, "128 entries of metadata");
	is_u64(metadata(129, 1, 1), F(12), "129 of them");
	is_u64(metadata(1, 256, 0), 0, "a key of 256 bytes");
	is_u64(metadata(1, 257, 0), F(12), "of 257");
	is_u64(metadata(1, 0, 16 * KIB), 0, "a value of 16 KiB");
	is_u64(metadata(1, 0, 16 * KIB + 1), F(12), "and a byte");
	/* the block: 64 KiB and 4 KiB, of which TARGET takes 5 bytes */
	is_u64(metadata(4, 0, 15 * KIB), 0, "60 KiB together");
	is_u64(metadata(5, 0, (68 * KIB - 5) / 5 - 8), 0, "68 KiB together");
	is_u64(metadata(5, 0, (68 * KIB - 5) / 5 - 7), F(12), "a bit more");
	is_u64(metadata(6, 0, 15 * KIB), F(12), "90 KiB together");
}

static void
ext_blocks(void)
{
	static const uint8_t too_long[] = { 2, 0, 0, 0, 0 };
	static const uint8_t wraps[] = { 0xff, 0xff, 0xff, 0xff, 0 };
	static const uint8_t types[] = { START, ERROR, OK };
	struct raw r;

	for (size_t i = 0; i < N(types); i++) {
		uint64_t id = types[i] == START ? 3 : 1;

		begin(&r);
		raw_frame(&r, types[i], EXT, id, too_long, 5);
		raw_dies(&r, F(2), "EXT block longer than the payload");
		raw_free(&r);
		begin(&r);
		raw_frame(&r, types[i], EXT, id, wraps, 5);
		raw_dies(&r, F(2), "EXT block of 2^32-1");
		raw_free(&r);
	}
	begin(&r);
	raw_free(&r);
	raw_begin(&r, true);
	raw_open(&r);
	raw_skip(&r);
	raw_frame(&r, OK, EXT, 1, "\4\0\0\0\x77\x87\0\0\0\0\0", 12);
	raw_says(&r, RESET, 1, 15, "an answer with an unknown critical tag");
	raw_lives(&r, "such an answer");
	raw_free(&r);
}

static void
unknown_types(void)
{
	bool good = true;

	for (unsigned t = 11; t < 16; t++)
		good &= verdict(t, 0, 1, 0) == F(2);
	ok(good, "types 11 to 15 are fatal");
	for (unsigned t = 30; t < 64; t++)
		good &= verdict(t, 0, 1, 0) == F(2);
	ok(good, "types 30 to 63 are fatal");
	for (unsigned t = 64; t < 256; t++)
		good &= verdict(t, 0, 1, t) == 0;
	ok(good, "types 64 to 255 are skipped by their length");
}

/* What is wrong is said with the frame at hand. */
static void
explained(void)
{
	struct raw r;

	begin(&r);
	raw_start(&r, 0, 2);
	is_str(mux_session_error(r.s), "wrong parity: an id of our parity "
	    "(frame start, id 2, length 14)", "the rule and the frame");
	raw_dies(&r, F(6), "START with our parity");
	raw_free(&r);
	begin(&r);
	raw_empty(&r, 13, 0, 7);
	is_str(mux_session_error(r.s),
	    "bad frame: unknown type (frame 13, id 7, length 0)",
	    "a type without a name");
	raw_free(&r);
}

/* Two things wrong at once: which one is named is a rule as well. */
static void
order(void)
{
	static const struct {
		const char *what;
		uint8_t type, flags;
		uint64_t id;
		uint32_t len;
		uint32_t code;
	} rows[] = {
		{ "type, flags and length", 12, EXT, 0, 70000, F(2) },
		{ "flags and length", END, FIN, 0, 70000, F(2) },
		{ "HELLO and length", PING, EXT, 7, 70000, F(10) },
		{ "length and id 0", END, 0, 0, 1, F(2) },
		{ "id 0 and another connection", CONNECT, 0, 1, 0, F(1) },
		{ "look and state", ERROR, EXT, 99, 4, F(2) },
		{ "look and state", OK, EXT, 99, 4, F(2) },
		{ "length and state", CANCEL, 0, 99, 3, F(2) },
		{ "parity and mark", START, EXT, 0x7ffffffffffe, 9, F(6) },
	};

	for (size_t i = 0; i < N(rows); i++)
		is_u64(verdict(rows[i].type, rows[i].flags, rows[i].id,
		    rows[i].len), rows[i].code, "%s", rows[i].what);
}

static void
priorities(void)
{
	for (unsigned v = 0; v < 256; v++) {
		uint8_t p = (uint8_t)v;
		struct raw r;
		bool good;

		begin(&r);
		raw_frame(&r, PRIORITY, 0, 1, &p, 1);
		good = (r.err == 0) == (v <= 7);
		raw_free(&r);
		if (v > 8 && v < 255 && good)
			continue;
		ok(good, "priority %u", v);
	}
}

int
main(void)
{
	order();
	priorities();
	bounds();
	announced();
	announced_ext();
	flags();
	ids();
	connects();
	opens();
	tags();
	meta();
	start_priority("\x25\0\1\0\7", 5, 7, "START with priority 7");
	start_priority("\x25\0\1\0\0", 5, 0, "START with priority 0");
	start_priority("\x25\0\1\0\x08", 5, 3, "priority 8 is skipped");
	start_priority("\x25\0\2\0\0\0", 6, 3, "so are two bytes");
	start_priority("", 0, 3, "none is 3");
	ext_blocks();
	unknown_types();
	explained();
	return tap_done();
}
