/*
 * How a session begins: HELLO both ways and all that can be wrong with it,
 * peers that speak plain S0, strangers, and silence.
 */
#include "raw.h"

#define F(n)	(UINT32_C(0x80000000) | (n))
#define N(a)	(sizeof(a) / sizeof((a)[0]))

/* ---- what our HELLO says ---- */

/* The value of a tag in an EXT block; UINT64_MAX if it is not there once. */
static uint64_t
tag_of(const uint8_t *p, size_t n, unsigned tag)
{
	uint64_t v = UINT64_MAX;
	unsigned found = 0;
	size_t len;

	for (p += 4, n -= 4; n >= 4; p += 4 + len, n -= 4 + len) {
		len = get_n(p + 2, 2);
		if ((get_n(p, 2) & 0x7fff) != tag)
			continue;
		found++;
		v = get_n(p + 4, len < 8 ? len : 8);
	}
	return found == 1 ? v : UINT64_MAX;
}

static void
says_limits(bool initiator)
{
	const struct mux_config cfg = { .max_frame = 70000, .window = 8192,
	    .max_calls = 11, .max_streams = 12, .max_meta = 13000,
	    .keepalive = 15 * SEC, .max_message = UINT64_C(1) << 33,
	    .agent = "testing" };
	static const struct {
		unsigned tag;
		uint64_t v;
	} want[] = {
		{ 0x10, 70000 }, { 0x11, UINT64_C(1) << 33 }, { 0x12, 8192 },
		{ 0x14, 11 }, { 0x15, 12 }, { 0x16, 0 }, { 0x17, 13000 },
		{ 0x18, 15000 }, { 0x19, 0 }, { 0x1a, 0x676e6974736574 },
	};
	struct wire w;
	struct raw r;

	raw_new(&r, &cfg, initiator);
	if (!initiator) {
		ok(!raw_next(&r, &w), "an acceptor is silent");
		raw_bytes(&r, "\x18\0\0\0\0\0\0\0\0\0\0\0\x08\x80"
		    "\x14\0\0\0\x01\x80\x08\0MUX1\x01\0\x01\0"
		    "\x12\0\x04\0\0\0\x01\0", 38);
		is_u64(r.n_ready, 1, "until it has heard HELLO");
		is_u64(raw_stats(&r).peer_window, 64 * KIB,
		    "whose window it heeds");
	}
	ok(raw_next(&r, &w) && w.type == (initiator ? PING : PONG) &&
	    w.id == 0 && w.flags == EXT, "%s",
	    initiator ? "an initiator begins" : "then it answers");
	ok(w.len <= 4096 && get_n(w.p, 4) == w.len - 4, "one EXT block");
	ok(memcmp(w.p + 4, "\x01\x80\x08\0MUX1\x01\0\x01\0", 12) == 0,
	    "the magic is first, critical, of version 1");
	for (size_t i = 0; i < N(want); i++)
		is_u64(tag_of(w.p, w.len, want[i].tag), want[i].v,
		    "tag %#x", want[i].tag);
	ok(raw_next(&r, &w) == !initiator && (initiator || w.type == PING),
	    "%s", initiator ? "and nothing more" : "and measures the path");
	raw_free(&r);
}

/* ---- what is wrong with theirs ---- */

struct bad {
	const char *what;
	const char *tags;
	size_t len;
	uint32_t code;		/* 0: nothing is */
};

#define MAGIC	"\x01\x80\x08\0MUX1\x01\0\x01\0"
#define T(what, tags, code)	{ what, tags, sizeof(tags) - 1, code }

static const struct bad hellos[] = {
	T("only the magic", MAGIC, 0),
	T("magic that is not critical", "\x01\0\x08\0MUX1\x01\0\x01\0", 0),
	T("versions 0 to 9", "\x01\x80\x08\0MUX1\0\0\x09\0", 0),
	T("versions from 2", "\x01\x80\x08\0MUX1\x02\0\x09\0", F(11)),
	T("versions up to 0", "\x01\x80\x08\0MUX1\0\0\0\0", F(11)),
	T("another magic", "\x01\x80\x08\0MUX2\x01\0\x01\0", F(11)),
	T("short magic", "\x01\x80\x07\0MUX1\x01\0\x01", F(11)),
	T("no magic", "\x12\0\x04\0\0\0\x01\0", F(11)),
	T("nothing", "", F(11)),
	T("magic at the end", "\x12\0\x04\0\0\0\x01\0" MAGIC, 0),
	T("two magics", MAGIC MAGIC, F(10)),
	T("two windows", MAGIC "\x12\0\x04\0\0\0\x01\0"
	    "\x12\0\x04\0\0\0\x01\0", F(10)),
	T("two agents", MAGIC "\x1a\0\x01\0a\x1a\0\x01\0b", F(10)),
	T("a tag that nobody knows", MAGIC "\x99\0\x02\0zz", 0),
	T("the same, twice", MAGIC "\x99\0\x02\0zz\x99\0\x02\0zz", 0),
	T("the same, critical", MAGIC "\x99\x80\x02\0zz", F(11)),
	T("a known tag, critical", MAGIC "\x12\x80\x04\0\0\0\x01\0", 0),
	T("short window", MAGIC "\x12\0\x03\0\0\0\x01", F(2)),
	T("long window", MAGIC "\x12\0\x05\0\0\0\x01\0\0", F(2)),
	T("window of 4096", MAGIC "\x12\0\x04\0\0\x10\0\0", 0),
	T("window of 4095", MAGIC "\x12\0\x04\0\xff\x0f\0\0", F(2)),
	T("window of 2^31-1", MAGIC "\x12\0\x04\0\xff\xff\xff\x7f", 0),
	T("window of 2^31", MAGIC "\x12\0\x04\0\0\0\0\x80", F(2)),
	T("frames of 4096", MAGIC "\x10\0\x04\0\0\x10\0\0", 0),
	T("frames of 4095", MAGIC "\x10\0\x04\0\xff\x0f\0\0", F(2)),
	T("frames of 16 MiB", MAGIC "\x10\0\x04\0\0\0\0\x01", 0),
	T("frames of 16 MiB and 1", MAGIC "\x10\0\x04\0\x01\0\0\x01", F(2)),
	T("a tag over the end", MAGIC "\x99\0\x03\0zz", F(2)),
	T("half a tag", MAGIC "\x99\0\x02", F(2)),
};

static size_t
greeting(uint8_t *p, bool initiator, unsigned flags, const void *tags,
    size_t n)
{
	put_n(p + HEAD, n, 4);
	memcpy(p + HEAD + 4, tags, n);
	put_head(p, initiator ? PING : PONG, flags, 0, n + 4);
	return HEAD + 4 + n;
}

/* A HELLO that is no good ends the session without a byte: the peer may not
 * know the frame that would say why. */
static void
judge(const char *what, bool initiator, const void *p, size_t n,
    uint32_t code)
{
	struct wire w;
	struct raw r;

	raw_new(&r, NULL, initiator);
	raw_skip(&r);
	raw_bytes(&r, p, n);
	if (code == 0)
		ok(r.err == 0 && r.n_ready == 1 && mux_session_mode(r.s) ==
		    MUX_MODE_EXTENDED, "%s, %s: taken", what,
		    initiator ? "answer" : "HELLO");
	else
		ok(r.err == MUX_E_PROTOCOL && r.n_ready == 0 &&
		    mux_session_code(r.s) == code && !raw_next(&r, &w),
		    "%s, %s: code %#x, silently", what,
		    initiator ? "answer" : "HELLO", code);
	raw_free(&r);
}

static void
bad_hellos(bool initiator)
{
	static uint8_t p[5000], tags[4200];
	size_t n;

	for (size_t i = 0; i < N(hellos); i++) {
		n = greeting(p, !initiator, EXT, hellos[i].tags,
		    hellos[i].len);
		judge(hellos[i].what, initiator, p, n, hellos[i].code);
	}
	n = greeting(p, !initiator, EXT | FIN, MAGIC, 12);
	judge("with FIN", initiator, p, n, F(2));
	n = greeting(p, !initiator, EXT | 0x7c, MAGIC, 12);
	judge("with reserved bits", initiator, p, n, 0);
	memcpy(tags, MAGIC, 12);
	put_n(tags + 12, 0x1a, 2);
	put_n(tags + 14, 4092 - 16, 2);
	judge("of 4096 bytes", initiator, p,
	    greeting(p, !initiator, EXT, tags, 4092), 0);
	judge("of 4097 bytes", initiator, p,
	    greeting(p, !initiator, EXT, tags, 4093), F(3));
	n = greeting(p, !initiator, EXT, MAGIC "x", 13);
	p[HEAD] = 12;
	judge("with a byte behind the block", initiator, p, n, F(2));
	p[HEAD] = 14;
	judge("with a block that is longer than it", initiator, p, n, F(2));
	put_head(p, initiator ? PONG : PING, EXT, 0, 0);
	judge("without a block", initiator, p, HEAD, F(2));
}

static void
second_hello(void)
{
	uint8_t p[256];
	size_t n = greeting(p, true, EXT, MAGIC, 12);
	struct wire w;
	struct raw r;

	raw_begin(&r, false);
	raw_bytes(&r, p, n);
	raw_dies(&r, F(10), "a second HELLO");
	raw_free(&r);
	raw_begin(&r, true);
	n = greeting(p, false, EXT, MAGIC, 12);
	raw_bytes(&r, p, n);
	raw_dies(&r, F(10), "a second answer");
	raw_free(&r);
	/* what follows at once must not swallow the answer */
	raw_new(&r, NULL, false);
	n = greeting(p, true, EXT, MAGIC, 12);
	n += put_head(p + n, 12, 0, 1, 0);
	raw_bytes(&r, p, n);
	ok(raw_next(&r, &w) && w.type == PONG && w.flags == EXT,
	    "HELLO and an error in one piece: first the answer");
	raw_dies(&r, F(2), "then why it ends");
	raw_free(&r);
}

/* A client may send plain requests behind its HELLO. */
static void
pipelined(void)
{
	uint8_t p[256];
	size_t n = greeting(p, true, EXT, MAGIC, 12);
	struct wire w;
	struct raw r;

	n += put_head(p + n, REQUEST, 0, 1, 2);
	memcpy(p + n, "hi", 2);
	n += 2;
	n += put_head(p + n, REQUEST, 0, 3, 0);
	raw_new(&r, NULL, false);
	raw_bytes(&r, p, n);
	ok(raw_next(&r, &w) && w.type == PONG && w.flags == EXT,
	    "requests behind HELLO: the answer to HELLO is first");
	ok(raw_find(&r, ERROR, &w) && w.id == 1 && get_n(w.p, 4) == 4 &&
	    raw_find(&r, ERROR, &w) && w.id == 3, "then theirs");
	raw_free(&r);
}

/* The smaller keepalive that is not 0. */
static void
keepalive_of(uint32_t theirs, uint64_t ours, uint64_t after)
{
	struct greeting g = { .window = 4096, .keepalive = theirs };
	struct mux_config cfg = { .keepalive = ours };
	struct raw r;

	raw_greet(&r, &cfg, false, &g);
	is_u64(mux_session_deadline(r.s), after == UINT64_MAX ? after :
	    r.now + after, "keepalive %u ms of theirs", theirs);
	raw_free(&r);
}

/* ---- plain S0 ---- */

static void
golden(const char *what, const char *in, size_t n, const char *out, size_t m)
{
	struct raw r;

	raw_new(&r, NULL, false);
	raw_bytes(&r, in, n);
	raw_pull(&r, SIZE_MAX);
	ok(r.err == 0 && mux_session_mode(r.s) == MUX_MODE_LEGACY &&
	    r.out_len == m && (m == 0 || memcmp(r.out, out, m) == 0),
	    "S0: %s", what);
	raw_free(&r);
}

#define GOLDEN(what, in, out) \
	golden(what, in, sizeof(in) - 1, out, sizeof(out) - 1)
#define UNKNOWN	"\x04\0\0\0unknown method"

static void
legacy_server(void)
{
	GOLDEN("Request 1 is answered with Error 4",
	    "\x0b\0\0\0\x01\0\0\0\0\0\0\0\0\0hello world",
	    "\x12\0\0\0\x01\0\0\0\0\0\0\0\x05\0" UNKNOWN);
	GOLDEN("StreamStart with Error, and with its end",
	    "\x02\0\0\0\x03\0\0\0\0\0\0\0\x02\0hi",
	    "\x12\0\0\0\x03\0\0\0\0\0\0\0\x05\0" UNKNOWN
	    "\0\0\0\0\x03\0\0\0\0\0\0\0\x04\0");
	GOLDEN("Ping with Pong",
	    "\0\0\0\0\x08\x07\x06\x05\x04\x03\x02\x01\x08\0",
	    "\0\0\0\0\x08\x07\x06\x05\x04\x03\x02\x01\x09\0");
	GOLDEN("Ping with bytes, which are not sent back",
	    "\x02\0\0\0\x07\0\0\0\0\0\0\0\x08\xffhi",
	    "\0\0\0\0\x07\0\0\0\0\0\0\0\x09\0");
	GOLDEN("Cancel 7 is swallowed",
	    "\0\0\0\0\x07\0\0\0\0\0\0\0\x0a\0", "");
	GOLDEN("Error 42 is swallowed",
	    "\x12\0\0\0\x2a\0\0\0\0\0\0\0\x05\0\xf4\x01\0\0"
	    "Internal error", "");
	GOLDEN("StreamData, StreamEnd with bytes, Response as well",
	    "\x01\0\0\0\x03\0\0\0\0\0\0\0\x03\0x"
	    "\x01\0\0\0\x03\0\0\0\0\0\0\0\x04\0x"
	    "\0\0\0\0\x03\0\0\0\0\0\0\0\x01\0", "");
	GOLDEN("all flags are ignored, id 0 is an id, even ids are",
	    "\0\0\0\0\0\0\0\0\0\0\0\0\0\xff\0\0\0\0\x02\0\0\0\0\0\0\0\0\0",
	    "\x12\0\0\0\0\0\0\0\0\0\0\0\x05\0" UNKNOWN
	    "\x12\0\0\0\x02\0\0\0\0\0\0\0\x05\0" UNKNOWN);
	GOLDEN("an id may come again",
	    "\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0",
	    "\x12\0\0\0\x01\0\0\0\0\0\0\0\x05\0" UNKNOWN
	    "\x12\0\0\0\x01\0\0\0\0\0\0\0\x05\0" UNKNOWN);
	GOLDEN("HELLO later on is a Ping",
	    "\0\0\0\0\x01\0\0\0\0\0\0\0\x0a\0\0\0\0\0\0\0\0\0\0\0\0\0\x08\x80",
	    "\0\0\0\0\0\0\0\0\0\0\0\0\x09\0");
}

static void
legacy_limits(void)
{
	static uint8_t mega[1 << 20];
	uint8_t head[HEAD];
	struct wire w;
	struct raw r;

	raw_new(&r, NULL, false);
	put_head(head, REQUEST, 0, 9, 16 * MIB);
	for (size_t i = 0; i < HEAD; i++)
		raw_bytes(&r, head + i, 1);
	ok(r.err == 0 && mux_session_mode(r.s) == MUX_MODE_LEGACY,
	    "the first frame may have 16 MiB");
	raw_free(&r);
	raw_new(&r, NULL, false);
	raw_empty(&r, PAUSE, 0, 9);
	raw_empty(&r, END, 0, 9);
	is_u64(raw_stats(&r).ignored, 2, "S0: what has no use is counted");
	put_head(head, REQUEST, 0, 9, 16 * MIB);
	raw_bytes(&r, head, HEAD);
	for (int i = 0; i < 16; i++)
		raw_bytes(&r, mega, sizeof(mega));
	raw_says(&r, ERROR, 9, 4, "S0 frames may have 16 MiB");
	put_head(head, REQUEST, 0, 9, 16 * MIB + 1);
	raw_bytes(&r, head, HEAD);
	ok(r.err == MUX_E_PROTOCOL && mux_session_code(r.s) == F(3) &&
	    !raw_next(&r, &w), "and no byte more; no GOODBYE tells");
	raw_free(&r);
	raw_new(&r, NULL, false);
	raw_empty(&r, PING, 0, 1);
	raw_skip(&r);
	/* the type is judged before the length */
	put_head(head, 11, 0, 9, UINT32_MAX);
	raw_bytes(&r, head, HEAD);
	ok(r.err == MUX_E_PROTOCOL && mux_session_code(r.s) == F(2) &&
	    !raw_next(&r, &w), "types from 11 on are the end");
	raw_free(&r);
}

/* Nobody told an S0 client how many calls it may have on their way. */
static void
legacy_pipeline(void)
{
	enum { N = 2000 };
	static uint8_t calls[N * HEAD];
	uint64_t n = 0;
	struct wire w;
	struct raw r;

	for (unsigned i = 0; i < N; i++)
		put_head(calls + i * HEAD, REQUEST, 0, i + 1, 0);
	raw_new(&r, NULL, false);
	raw_bytes(&r, calls, sizeof(calls));
	while (raw_next(&r, &w) && w.type == ERROR && w.id == n + 1)
		n++;
	is_u64(n, N, "as many Errors as pipelined Requests, in order");
	ok(r.err == 0, "and the link lives");
	raw_free(&r);
}

static void
legacy_client(void)
{
	struct mux_open open = { .size = sizeof(open), .target = "t",
	    .target_len = 1 };
	struct mux_config cfg = { .legacy = true };
	struct mux_stream *st;
	struct wire w;
	struct own o = { 0 };
	struct raw r;

	raw_new(&r, NULL, true);
	ok(mux_stream_open(r.s, &open, &own_ops, &o, &st) == MUX_E_STATE,
	    "nothing is opened before HELLO");
	raw_skip(&r);
	raw_empty(&r, PONG, 0, 0);
	ok(r.n_ready == 1 && mux_session_mode(r.s) == MUX_MODE_LEGACY,
	    "a plain Pong: the server speaks S0");
	ok(mux_stream_open(r.s, &open, &own_ops, &o, &st) == MUX_E_STATE,
	    "which has no tunnels");
	mux_session_ping(r.s, r.now);
	ok(!raw_next(&r, &w), "and is told nothing");
	raw_free(&r);
	raw_new(&r, &cfg, true);
	ok(mux_session_mode(r.s) == MUX_MODE_LEGACY && !raw_next(&r, &w),
	    "S0 from the start has no HELLO");
	raw_empty(&r, RESPONSE, 0, 1);
	ok(r.err == 0 && !raw_next(&r, &w), "and takes an answer");
	raw_free(&r);
}

static void
require_hello(void)
{
	struct mux_config cfg = { .require_hello = true };
	struct wire w;
	struct raw r;

	raw_new(&r, &cfg, false);
	raw_empty(&r, REQUEST, 0, 1);
	ok(r.err == MUX_E_PROTOCOL && mux_session_code(r.s) == F(10) &&
	    !raw_next(&r, &w), "HELLO required: S0 clients are refused");
	raw_free(&r);
	raw_new(&r, &cfg, true);
	raw_skip(&r);
	raw_empty(&r, PONG, 0, 0);
	ok(r.err == MUX_E_PROTOCOL && mux_session_code(r.s) == F(10) &&
	    !raw_next(&r, &w), "HELLO required: S0 servers are refused");
	raw_free(&r);
}

/* ---- strangers ---- */

static void
stranger(const char *what, const char *bytes, size_t n, const char *quoted,
    bool initiator, bool eof)
{
	struct wire w;
	struct raw r;

	raw_new(&r, NULL, initiator);
	raw_skip(&r);
	/* whoever waits for an answer must not need to be timed out */
	raw_bytes(&r, bytes, n);
	if (eof)
		raw_note(&r, mux_session_feed_eof(r.s, r.now));
	ok(r.err == MUX_E_PROTOCOL && r.n_ready == 0 && !raw_next(&r, &w) &&
	    strstr(mux_session_error(r.s), quoted) != NULL,
	    "%s, to the %s: refused and quoted", what,
	    initiator ? "initiator" : "acceptor");
	raw_free(&r);
}

static void
strangers(void)
{
	stranger("HTTP", "GET / HTTP/1.1\r\n", 16, "\"GET ", false, false);
	stranger("four bytes", "POST", 4, "\"POST\"", false, false);
	stranger("ssh", "SSH-2.0-OpenSSH_9.2p1", 21, "\"SSH-", false, false);
	stranger("TLS", "\x16\x03\x01\x02\0\x01\0\x01\xfc", 9,
	    "\"\x16\x03\x01\x02\\0\x01", false, false);
	stranger("a short banner", "hi\n", 3, "\"hi\n\"", false, true);
	stranger("ssh", "SSH-2.0-OpenSSH_9.2p1", 21, "\"SSH-", true, false);
	stranger("a banner", "Last login: today\n", 18, "\"Last", true,
	    false);
	stranger("a short banner", "hi\n", 3, "\"hi\n\"", true, true);
	stranger("Request", "\5\0\0\0\1\0\0\0\0\0\0\0\0\0", 14,
	    "\"\5\\0", true, false);
	stranger("Pong with bytes", "\5\0\0\0\0\0\0\0\0\0\0\0\x09\0", 14,
	    "\"\5\\0", true, false);
	stranger("Pong 1", "\0\0\0\0\1\0\0\0\0\0\0\0\x09\0", 14,
	    "\"\\0", true, false);
	stranger("type 11", "\5\0\0\0\1\0\0\0\0\0\0\0\x0b\0", 14,
	    "\"\5\\0", false, false);
	stranger("type 255", "\5\0\0\0\1\0\0\0\0\0\0\0\xff\0", 14,
	    "\"\5\\0", false, false);
}

/* ---- silence ---- */

static void
silence(bool initiator, uint64_t limit)
{
	struct mux_config cfg = { .handshake = limit };
	uint64_t due = SEC + (limit != 0 ? limit : 5 * SEC);
	struct raw r;

	raw_new(&r, &cfg, initiator);
	raw_skip(&r);
	is_u64(mux_session_deadline(r.s), due, "the handshake has a limit");
	raw_tick(&r, due - SEC - MS);
	/* neither half a HELLO nor a byte of it is an excuse */
	raw_bytes(&r, "\x18\0\0\0\0\0\0\0\0\0\0\0\x08\x80\x14", 10);
	raw_tick(&r, MS - 1);
	is_u64(r.err == 0, 1, "a nanosecond before it nothing happens");
	raw_tick(&r, 1);
	ok(r.err == MUX_E_TIMEOUT && mux_session_code(r.s) == 0,
	    "silence ends it: %s", mux_session_error(r.s));
	is_u64(mux_session_deadline(r.s), UINT64_MAX, "for good");
	raw_free(&r);
}

static void
leaves_early(void)
{
	struct raw r;

	raw_new(&r, NULL, false);
	ok(mux_session_feed_eof(r.s, r.now) == MUX_E_LOST,
	    "gone without a word: %s", mux_session_error(r.s));
	raw_free(&r);
	raw_new(&r, NULL, false);
	raw_bytes(&r, "\x18\0\0\0\0\0\0\0\0\0\0\0\x08\x80\x14", 15);
	ok(mux_session_feed_eof(r.s, r.now) == MUX_E_LOST &&
	    mux_session_code(r.s) == F(18), "gone within HELLO: truncated");
	raw_free(&r);
}

/* ---- configurations ---- */

static void
config(const char *what, struct mux_config cfg, int want)
{
	struct raw unused = { 0 };
	struct mux_session *s;
	int r;

	cfg.size = sizeof(cfg);
	r = mux_session_new(&cfg, &raw_ops, &unused, 0, &s);
	ok(r == want, "config: %s", what);
	if (r == 0)
		mux_session_free(s);
}

static void
configs(void)
{
	struct mux_session *s;
	struct mux_config bad = { .size = 1 };

	config("defaults", (struct mux_config){ 0 }, 0);
	config("frames of 4 KiB", (struct mux_config){ .max_frame = 4096 },
	    0);
	config("frames below", (struct mux_config){ .max_frame = 4095 },
	    MUX_E_INVAL);
	config("frames of 16 MiB",
	    (struct mux_config){ .max_frame = 16 * MIB }, 0);
	config("frames above",
	    (struct mux_config){ .max_frame = 16 * MIB + 1 }, MUX_E_INVAL);
	config("a window that memory backs", (struct mux_config){
	    .memory = 64 * MIB, .max_streams = 7, .max_open = MUX_NONE,
	    .max_calls = 1, .window = 4 * MIB }, 0);
	config("a window that it does not", (struct mux_config){
	    .memory = 64 * MIB, .max_streams = 7, .max_open = MUX_NONE,
	    .max_calls = 1, .window = 4 * MIB + 1 }, MUX_E_INVAL);
	config("no memory for 4 KiB each", (struct mux_config){
	    .memory = MIB, .max_streams = 1000 }, MUX_E_INVAL);
	config("a window over 2^31-1", (struct mux_config){
	    .memory = UINT64_C(1) << 50, .window = UINT32_C(1) << 31 },
	    MUX_E_INVAL);
	config("metadata beyond all frames",
	    (struct mux_config){ .max_meta = UINT32_MAX - 1 }, MUX_E_INVAL);
	ok(mux_session_new(&bad, &raw_ops, NULL, 0, &s) == MUX_E_INVAL,
	    "config: of another size");
}

/* The initial window is what memory can back for every id. */
static void
first_window(void)
{
	struct mux_config cfg = { .memory = 16 * MIB, .max_streams = 1000,
	    .max_open = 24, .max_calls = MUX_NONE };
	struct raw r;

	raw_new(&r, &cfg, false);
	is_u64(raw_stats(&r).window, 8 * KIB, "16 MiB for 1024 ids");
	raw_free(&r);
	cfg.memory = UINT64_C(1) << 40;
	raw_new(&r, &cfg, false);
	is_u64(raw_stats(&r).window, 64 * KIB, "never over 64 KiB");
	raw_free(&r);
}

/* A START that the peer would have to take for an attack is not sent. */
static void
long_targets(const struct greeting *g, size_t longest)
{
	struct mux_open open = { .size = sizeof(open) };
	struct raw r;
	struct wire w;
	struct own *o;
	char text[4097];

	memset(text, 'x', sizeof(text));
	raw_greet(&r, NULL, true, g);
	open.target = text;
	open.target_len = longest + 1;
	o = own_new(&r);
	is_u64((uint64_t)-mux_stream_open(r.s, &open, &own_ops, o, &o->st),
	    (uint64_t)-MUX_E_INVAL, "a target of %zu bytes is too long",
	    longest + 1);
	open.target_len = longest;
	open.have_priority = true;
	ok(mux_stream_open(r.s, &open, &own_ops, o, &o->st) == 0,
	    "one less is not");
	ok(raw_find(&r, START, &w) &&
	    w.len <= (g->max_frame != 0 ? g->max_frame : MIB) &&
	    get_n(w.p, 4) <= (g->max_meta == NO_MORE ? 4096 : 64 * KIB),
	    "and the peer takes it");
	raw_free(&r);
}

int
main(void)
{
	long_targets(&(struct greeting){ .max_frame = 4096 }, 4083);
	long_targets(&(struct greeting){ .max_meta = NO_MORE }, 4087);
	long_targets(&(struct greeting){ .window = 64 * KIB }, 4096);
	says_limits(true);
	says_limits(false);
	bad_hellos(false);
	bad_hellos(true);
	second_hello();
	pipelined();
	keepalive_of(20000, 30 * SEC, 20 * SEC);
	keepalive_of(40000, 30 * SEC, 30 * SEC);
	keepalive_of(0, 30 * SEC, 30 * SEC);
	keepalive_of(20000, UINT64_MAX, 20 * SEC);
	legacy_server();
	legacy_limits();
	legacy_pipeline();
	legacy_client();
	require_hello();
	strangers();
	silence(true, 0);
	silence(false, 0);
	silence(false, 777 * MS);
	leaves_early();
	configs();
	first_window();
	return tap_done();
}
