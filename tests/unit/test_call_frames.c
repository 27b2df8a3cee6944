/*
 * Calls as bytes: what a REQUEST and a RESPONSE look like, what each frame
 * does to the id of a call in each state, limits of tags, of credit and of
 * calls.  What owners do is test_call_owner.c's.
 */
#include "rawcall.h"

#define F(n)	(UINT32_C(0x80000000) | (n))

/* ---- golden bytes ---- */

static void
small_out(void)
{
	static const uint8_t want[] = {
		8, 0, 0, 0, 0x20, 0, 4, 0, 'e', 'c', 'h', 'o', 'h', 'i'
	};
	struct raw r;
	struct deal *d;

	raw_begin(&r, true);
	d = call_make(&r, "echo", "hi", 2);
	call_says(&r, REQUEST, EXT, 1, want, sizeof(want),
	    "a small call is one frame");
	raw_lives(&r, "a call that is out");
	ok(d->n_done == 0 && mux_call_id(d->c) == 1 &&
	    strcmp(mux_call_state(d->c), "sent") == 0, "it waits, sent");
	raw_frame(&r, RESPONSE, 0, 1, "ho", 2);
	ok(d->n_done == 1 && d->a.code == 0 && d->a.by_peer && d->len == 2 &&
	    memcmp(d->got, "ho", 2) == 0, "a small answer is one frame");
	ok(strcmp(mux_call_state(d->c), "done") == 0, "done");
	raw_frame(&r, RESPONSE, 0, 1, "ho", 2);
	raw_empty(&r, CANCEL, 0, 1);
	ok(raw_stats(&r).ignored == 2 && d->n_done == 1,
	    "what comes later is ignored and counted");
	raw_lives(&r, "late answers");
	call_free(&r);
}

static void
all_tags_out(void)
{
	static const uint8_t want[] = {
		80, 0, 0, 0,
		0x20, 0, 1, 0, 'm',
		0x2d, 0x80, 2, 0, 'a', '1', 0x2d, 0x80, 0, 0,
		0x21, 0, 6, 0, 0, 1, 1, 0, 'k', 'v',
		0x21, 0, 6, 0, 1, 0x82, 1, 0, 'k', 'w',
		0x22, 0, 8, 0, 3, 0, 0, 0, 0, 0, 0, 0,
		0x23, 0, 4, 0, 0xdc, 5, 0, 0,
		0x24, 0, 16, 0, '0', '1', '2', '3', '4', '5', '6', '7', '8',
		'9', 'a', 'b', 'c', 'd', 'e', 'f',
		0x25, 0, 1, 0, 7
	};
	const struct mux_bytes args[] = { { "a1", 2 }, { "", 0 } };
	const struct mux_meta meta[] = {
		{ .kind = 0, .flags = MUX_META_SENSITIVE, .key = { "k", 1 },
		    .value = { "v", 1 } },
		{ .kind = 1, .flags = 0x82, .key = { "k", 1 },
		    .value = { "w", 1 } } };
	const uint64_t stream = 3;
	const struct mux_request q = { .size = sizeof(q),
		.method = { "m", 1 }, .args = args, .n_args = 2,
		.meta = meta, .n_meta = 2, .streams = &stream,
		.n_streams = 1, .deadline = 1500 * MS,
		.nonce = (const uint8_t *)"0123456789abcdef",
		.have_priority = true, .priority = 7, .body = "",
	};
	struct raw r;
	struct deal *d;
	struct wire w;

	raw_begin(&r, false);
	d = deal_new();
	ok(mux_call_open(r.s, &q, &deal_ops, d, &d->c) == 0, "a full request");
	call_says(&r, REQUEST, EXT, 2, want, sizeof(want), "as bytes");
	call_free(&r);

	raw_begin(&r, false);
	raw_frame(&r, REQUEST, EXT, 1, want, sizeof(want));
	ok(calls.n_calls == 1 && strcmp(calls.method, "m") == 0 &&
	    strcmp(calls.args, "a1;;") == 0 &&
	    strcmp(calls.meta, "k;v;k;w;") == 0 && calls.meta_flags == 1 &&
	    calls.stream == 3 && calls.deadline == 1500 * MS &&
	    memcmp(calls.nonce, "0123456789abcdef", 16) == 0 &&
	    calls.priority == 7, "and back, every tag");
	ok(calls.deals->n_eof == 1, "the request is whole");
	raw_tick(&r, 1500 * MS);
	ok(calls.deals->n_cancel == 1 && calls.deals->cancel == MUX_DEADLINE,
	    "the deadline passes at the callee's");
	mux_call_fail(calls.deals->c, MUX_DEADLINE, NULL, NULL);
	ok(raw_find(&r, ERROR, &w) && get_n(w.p, 4) == MUX_DEADLINE,
	    "which answers all the same");
	call_free(&r);
}

static void
answer_out(void)
{
	static const uint8_t want[] = {
		62, 0, 0, 0,
		0x21, 0, 6, 0, 0, 0, 1, 0, 'k', 'v',
		0x2b, 0, 8, 0, 1, 1, 0, 0, 9, 0, 0, 0,
		0x2e, 0, 8, 0, 2, 0, 0, 0, 0, 0, 0, 0,
		0x2f, 0, 24, 0, 1, 0, 0, 0, 0, 0, 0, 0,
		2, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0,
		'o', 'k'
	};
	const struct mux_meta meta = { .key = { "k", 1 },
		.value = { "v", 1 } };
	const struct mux_answer a = { .size = sizeof(a), .have_exit = true,
		.exit_kind = 1, .exit_core = true, .exit_value = 9,
		.have_usage = true, .utime = 1, .stime = 2, .maxrss = 3,
		.stderr_id = 2, .meta = &meta, .n_meta = 1 };
	struct raw r;
	struct deal *d;

	raw_begin(&r, false);
	call_in(&r, 0, 1, "m", "x", 1);
	d = calls.deals;
	ok(mux_call_answer(d->c, &a, "ok", 2) == 0, "an answer with all tags");
	ok(mux_call_answer(d->c, &a, "ok", 2) == MUX_E_STATE &&
	    mux_call_reply(d->c, NULL) == MUX_E_STATE &&
	    mux_call_fail(d->c, 1, NULL, NULL) == MUX_E_STATE,
	    "there is no second one");
	call_says(&r, RESPONSE, EXT, 1, want, sizeof(want), "is one frame");
	ok(d->n_done == 1 && d->a.code == MUX_OK, "its owner is told");
	is_u64(raw_stats(&r).calls_in, 0, "the call is over");
	call_free(&r);

	raw_begin(&r, true);
	d = call_make(&r, "m", NULL, 0);
	raw_skip(&r);
	raw_frame(&r, RESPONSE, EXT | MORE, 1, want, sizeof(want));
	ok(d->n_done == 0 && d->len == 2, "with MORE it is not whole");
	raw_frame(&r, RESPONSE, EXT, 1,
	    "\x0a\0\0\0\x21\0\6\0\0\0\1\0kw!", 15);
	ok(d->n_done == 1 && strcmp(d->meta, "k;v;k;w;") == 0 &&
	    d->a.exit_kind == 1 && d->a.exit_core && d->a.exit_value == 9 &&
	    d->a.utime == 1 && d->a.stime == 2 && d->a.maxrss == 3 &&
	    d->a.stderr_id == 2 && memcmp(d->got, "ok!", 3) == 0,
	    "blocks of several frames add up");
	call_free(&r);
}

static void
error_out(void)
{
	const struct mux_answer a = { .size = sizeof(a), .have_exit = true,
		.exit_value = 3 };
	struct raw r;
	struct deal *d;

	raw_begin(&r, false);
	call_in(&r, MORE, 1, "m", "x", 1);
	d = calls.deals;
	ok(mux_call_fail(d->c, 1, "no", &a) == 0, "an error");
	call_says(&r, ERROR, EXT, 1, "\x0c\0\0\0\x2b\0\10\0\0\0\0\0\3\0\0\0"
	    "\1\0\0\0no", 22, "with its tags in front");
	raw_frame(&r, REQUEST, 0, 1, "more", 4);
	is_u64(raw_stats(&r).ignored, 1, "more of its request is ignored");
	raw_lives(&r, "an answer that crossed the request");
	call_free(&r);

	raw_begin(&r, true);
	d = call_make(&r, "m", NULL, 0);
	raw_skip(&r);
	raw_frame(&r, ERROR, EXT, 1, "\x0c\0\0\0\x2b\0\10\0\0\0\0\0\3\0\0\0"
	    "\1\0\0\0no", 22);
	ok(d->n_done == 1 && d->a.code == 1 && d->a.by_peer &&
	    strcmp(d->text, "no") == 0 && d->a.have_exit &&
	    d->a.exit_value == 3 && !d->a.not_started, "an error comes in");
	call_free(&r);
}

/* A program that could not be started is an error with the errno beside it;
 * kinds that nobody knows yet pass, too. */
static void
not_begun(void)
{
	struct mux_answer a = { .size = sizeof(a), .have_exit = true,
		.exit_kind = 2, .exit_value = 2 };
	struct raw r;
	struct deal *d;

	raw_begin(&r, false);
	call_in(&r, 0, 1, "m", "x", 1);
	mux_call_fail(calls.deals->c, MUX_INTERNAL, "no", &a);
	call_says(&r, ERROR, EXT, 1, "\x0c\0\0\0\x2b\0\10\0\2\0\0\0\2\0\0\0"
	    "\x09\0\0\0no", 22, "not started, and why");
	call_in(&r, 0, 3, "m", "x", 1);
	a.exit_kind = 200;
	a.exit_value = UINT32_MAX;
	mux_call_answer(calls.deals->c, &a, NULL, 0);
	call_says(&r, RESPONSE, EXT, 3, "\x0c\0\0\0\x2b\0\10\0\xc8\0\0\0"
	    "\xff\xff\xff\xff", 16, "an unknown kind");
	call_free(&r);

	raw_begin(&r, true);
	d = call_make(&r, "m", NULL, 0);
	raw_skip(&r);
	raw_frame(&r, ERROR, EXT, 1, "\x0c\0\0\0\x2b\0\10\0\2\0\0\0\2\0\0\0"
	    "\x09\0\0\0no", 22);
	ok(d->n_done == 1 && d->a.code == MUX_INTERNAL && d->a.have_exit &&
	    d->a.exit_kind == 2 && d->a.exit_value == 2 && d->a.by_peer,
	    "the caller learns why it was not started");
	d = call_make(&r, "m", NULL, 0);
	raw_skip(&r);
	raw_frame(&r, RESPONSE, EXT, 3, "\x0c\0\0\0\x2b\0\10\0\xc8\0\0\0"
	    "\xff\xff\xff\xff", 16);
	ok(d->a.exit_kind == 200 && d->a.exit_value == UINT32_MAX,
	    "and of a kind that it does not know");
	call_free(&r);
}

/* ---- bodies ---- */

static void
long_bodies(void)
{
	static const struct greeting g = { .window = 10000 };
	static uint8_t big[64 * KIB];
	struct mux_request q = { .size = sizeof(q), .method = { "m", 1 } };
	struct raw r;
	struct deal *d;
	struct wire w;
	uint64_t sum = 0;

	raw_greet(&r, NULL, true, &g);
	d = deal_new();
	d->to_send = 25000;
	mux_call_open(r.s, &q, &deal_ops, d, &d->c);
	ok(raw_next(&r, &w) && w.type == REQUEST && w.flags == (EXT | MORE) &&
	    w.len == 10000 + 9, "the first frame is paid for by the window");
	ok(!raw_next(&r, &w), "then it waits");
	raw_u32(&r, CREDIT, 1, 100000);
	while (raw_next(&r, &w)) {
		sum += w.len;
		if (w.flags == 0)
			break;
	}
	ok(sum == 15000 && w.type == REQUEST, "and goes on, to its end");
	raw_frame(&r, RESPONSE, MORE, 1, big, 1000);
	raw_frame(&r, RESPONSE, MORE, 1, NULL, 0);
	ok(d->len == 1000 && d->n_done == 0, "an answer in pieces");
	raw_empty(&r, RESPONSE, 0, 1);
	ok(d->len == 1000 && d->n_done == 1, "ends with an empty one");
	call_free(&r);

	raw_begin(&r, false);
	call_in(&r, MORE, 1, "m", big, 40000);
	d = calls.deals;
	raw_says(&r, CREDIT, 1, 0, "credit for a request comes before its "
	    "answer");
	raw_frame(&r, REQUEST, MORE, 1, big, 20000);
	raw_frame(&r, REQUEST, 0, 1, big, 1);
	ok(d->len == 60001 && d->n_eof == 1, "a request in pieces");
	raw_skip(&r);
	d->to_send = 100000;
	ok(mux_call_reply(d->c, NULL) == 0, "an answer that is asked for");
	for (sum = 0; raw_next(&r, &w) && w.type == RESPONSE; sum += w.len)
		if (w.flags != MORE)
			break;
	is_u64(sum, 64 * KIB, "stops at the credit");
	raw_u32(&r, CREDIT, 1, 64 * KIB);
	while (raw_next(&r, &w) && w.type == RESPONSE) {
		sum += w.len;
		if (w.flags == 0)
			break;
	}
	ok(sum == 100000 && w.flags == 0 && d->n_done == 1, "and ends");
	call_free(&r);
}

static void
credit(void)
{
	static uint8_t big[256 * KIB];
	struct raw r;

	raw_begin(&r, false);
	call_in(&r, 0, 1, "m", big, 64 * KIB);
	ok(r.err == 0 && calls.n_calls == 1, "a window of body, tags beside");
	call_free(&r);
	raw_begin(&r, false);
	call_in(&r, 0, 1, "m", big, 64 * KIB + 1);
	raw_dies(&r, F(4), "a byte more");
	is_u64(calls.n_calls, 0, "and nobody was called");
	call_free(&r);
	raw_begin(&r, true);
	call_make(&r, "m", NULL, 0);
	raw_skip(&r);
	raw_frame(&r, RESPONSE, 0, 1, big, 64 * KIB + 1);
	raw_dies(&r, F(4), "an answer beyond the credit");
	call_free(&r);
}

/* ---- what is known only at the end ---- */

static const struct mux_answer exited = { .size = sizeof(exited),
    .have_exit = true, .exit_value = 3 };
static const struct mux_answer told = { .size = sizeof(told),
    .stderr_id = 5 };
static bool amend_in_fill;

static void
amends(struct deal *d, const char *event)
{
	if (strcmp(event, "fill") == 0 && amend_in_fill &&
	    d->sent == d->to_send)
		mux_call_amend(d->c, &exited);
}

static struct deal *
replied(struct raw *r, uint64_t to_send, const struct mux_answer *a)
{
	struct deal *d;

	raw_begin(r, false);
	call_in(r, 0, 1, "m", "", 0);
	d = calls.deals;
	d->hook = amends;
	d->to_send = to_send;
	mux_call_reply(d->c, a);
	return d;
}

#define EXIT_3	"\x0c\0\0\0" "\x2b\0\x08\0" "\0\0\0\0\3\0\0\0"
#define STDERR_5 "\x0c\0\0\0" "\x2e\0\x08\0" "\5\0\0\0\0\0\0\0"
#define BOTH	"\x18\0\0\0" "\x2e\0\x08\0" "\5\0\0\0\0\0\0\0" \
		"\x2b\0\x08\0" "\0\0\0\0\3\0\0\0"

static void
amending(void)
{
	struct mux_meta m = { .key = { "k", 1 } };
	struct mux_answer bad = { .size = sizeof(bad), .meta = &m,
	    .n_meta = 1 };
	struct raw r;
	struct deal *d;

	d = replied(&r, 2, NULL);
	ok(mux_call_amend(d->c, &exited) == 0, "more is said before the end");
	call_says(&r, RESPONSE, EXT, 1, EXIT_3 "ff", 18,
	    "and goes with the next frame");
	ok(mux_call_amend(d->c, &exited) == MUX_E_STATE, "then it is late");
	call_free(&r);

	d = replied(&r, 2, &told);
	mux_call_amend(d->c, &exited);
	call_says(&r, RESPONSE, EXT, 1, BOTH "ff", 30, "it adds to the first");
	call_free(&r);

	amend_in_fill = true;
	replied(&r, 2, NULL);
	call_says(&r, RESPONSE, MORE, 1, "ff", 2, "from fill() with its end");
	call_says(&r, RESPONSE, EXT, 1, EXIT_3, 16, "it has its own frame");
	call_free(&r);
	replied(&r, 2, &told);
	call_says(&r, RESPONSE, MORE, 1, "ff", 2, "as has what was to go");
	call_says(&r, RESPONSE, EXT, 1, BOTH, 28, "together with that");
	call_free(&r);
	replied(&r, 0, NULL);
	call_says(&r, RESPONSE, EXT, 1, EXIT_3, 16, "without data just that");
	call_free(&r);
	amend_in_fill = false;

	raw_begin(&r, false);
	call_in(&r, 0, 1, "m", "", 0);
	d = calls.deals;
	ok(mux_call_amend(d->c, &exited) == MUX_E_STATE, "before: no answer");
	mux_call_reply(d->c, NULL);
	ok(mux_call_amend(d->c, &bad) == MUX_E_INVAL &&
	    mux_call_amend(d->c, NULL) == MUX_E_INVAL, "not metadata");
	call_free(&r);
}

static void
amending_has_an_end(void)
{
	struct raw r;
	struct deal *d = replied(&r, 1000000, NULL);
	struct wire w;
	unsigned n = 0;

	while (n < 10000 && mux_call_amend(d->c, &told) == 0) {
		n++;
		raw_skip(&r);
	}
	ok(n > 1 && n < 10000 && mux_call_amend(d->c, &told) == MUX_E_INVAL,
	    "no more than the peer takes");
	mux_call_fail(d->c, 9, "no", NULL);
	while (raw_next(&r, &w) && w.type == RESPONSE)
		continue;
	ok(w.type == ERROR, "it can still fail");
	call_free(&r);

	/* what was said goes with the error as well */
	d = replied(&r, 2, &told);
	mux_call_fail(d->c, 9, "", &exited);
	ok(raw_next(&r, &w) && w.type == ERROR && w.flags == EXT &&
	    memcmp(w.p, BOTH, 28) == 0, "an error takes all of it along");
	call_free(&r);
}

/* ---- blocks ---- */

static void
block(const char *what, const uint8_t *p, size_t n, uint32_t fatal,
    uint32_t code)
{
	struct raw r;

	for (int slow = 0; slow < 2; slow++) {
		uint8_t head[HEAD];

		raw_begin(&r, false);
		put_head(head, REQUEST, EXT, 1, n);
		raw_bytes(&r, head, HEAD);
		for (size_t i = 0; slow && i < n && r.err == 0; i++)
			raw_bytes(&r, p + i, 1);
		if (!slow)
			raw_bytes(&r, p, n);
		if (fatal != 0)
			raw_dies(&r, fatal, what);
		else if (code != 0)
			raw_says(&r, ERROR, 1, code, what);
		else
			ok(r.err == 0 && calls.n_calls == 1, "%s: taken", what);
		call_free(&r);
	}
}

static size_t
put_meta(uint8_t *p, size_t klen, size_t vlen)
{
	put_n(p, META, 2);
	put_n(p + 2, 4 + klen + vlen, 2);
	put_n(p + 4, 0, 2);
	put_n(p + 6, klen, 2);
	memset(p + 8, 'k', klen + vlen);
	return 8 + klen + vlen;
}

static void
blocks(void)
{
	static uint8_t p[256 * KIB];
	size_t n;

	block("no block at all", p, 3, F(2), 0);
	put_n(p, 0, 4);
	block("an empty block", p, 4, 0, 0);
	put_n(p, 1, 4);
	block("a block longer than the frame", p, 4, F(2), 0);
	put_n(p, 3, 4);
	block("a tag cut short", p, 7, F(2), 0);
	put_n(p, 69 * KIB, 4);
	block("a block beyond max_meta", p, 100 * KIB, F(12), 0);
	n = 4 + put_tag(p + 4, 0x70 | CRITICAL, "", 0);
	put_n(p, n - 4, 4);
	block("an unknown critical tag", p, n, 0, 15);
	n = 4 + put_tag(p + 4, 0x70, "", 0);
	block("an unknown tag", p, n, 0, 0);
	n = 4 + put_tag(p + 4, ARG, "a\0b", 3);
	put_n(p, n - 4, 4);
	block("an argument with a NUL", p, n, 0, 5);
	n = 4;
	for (int i = 0; i < 1025; i++)
		n += put_tag(p + n, ARG, "", 0);
	put_n(p, n - 4, 4);
	block("1025 arguments", p, n, 0, 10);
	put_n(p, n - 8, 4);
	block("1024 arguments", p, n - 4, 0, 0);
	n = 4 + put_tag(p + 4, DEADLINE | CRITICAL, "\1\0", 2);
	put_n(p, n - 4, 4);
	block("a critical tag of a wrong length", p, n, 0, 15);
	n = 4 + put_meta(p + 4, 256, 16384);
	put_n(p, n - 4, 4);
	block("the longest entry", p, n, 0, 0);
	n = 4 + put_meta(p + 4, 257, 0);
	put_n(p, n - 4, 4);
	block("a key of 257", p, n, F(12), 0);
	n = 4 + put_meta(p + 4, 0, 16385);
	put_n(p, n - 4, 4);
	block("a value of 16385", p, n, F(12), 0);
	for (n = 4; n < 4 + 129 * 8;)
		n += put_meta(p + n, 0, 0);
	put_n(p, n - 4, 4);
	block("129 entries", p, n, F(12), 0);
	put_n(p, n - 12, 4);
	block("128 entries", p, n - 8, 0, 0);
}

/* The block of an answer, or of a part of it: F(n), or what done() says. */
static void
answer_block(const char *what, unsigned type, const uint8_t *p, size_t n,
    unsigned times, uint32_t fatal, uint32_t code)
{
	struct raw r;
	struct deal *d;

	raw_begin(&r, true);
	d = call_make(&r, "m", NULL, 0);
	raw_skip(&r);
	while (times-- > 0 && r.err == 0)
		raw_frame(&r, type, times > 0 ? EXT | MORE : EXT, 1, p, n);
	if (fatal != 0)
		raw_dies(&r, fatal, what);
	else
		ok(r.err == 0 && d->n_done == 1 && d->a.code == code,
		    "%s: %u", what, d->a.code);
	call_free(&r);
}

static void
answer_blocks(void)
{
	static uint8_t p[256 * KIB];
	size_t n = 4;

	while (n < 4 + 43 * 8)
		n += put_meta(p + n, 0, 0);
	put_n(p, n - 4, 4);
	answer_block("86 entries of an answer", RESPONSE, p, n, 2, 0, 0);
	answer_block("129 in three frames", RESPONSE, p, n, 3, F(12), 0);
	n = 4;
	for (int i = 0; i < 4; i++)
		n += put_meta(p + n, 1, 10000);
	put_n(p, n - 4, 4);
	answer_block("40 KB of metadata", RESPONSE, p, n, 1, 0, 0);
	answer_block("80 KB in two frames", RESPONSE, p, n, 2, F(12), 0);
	put_n(p, 69 * KIB, 4);
	answer_block("a block beyond max_meta", RESPONSE, p, 100 * KIB, 1,
	    F(12), 0);
	n = 4 + put_tag(p + 4, 0x70 | CRITICAL, "", 0);
	put_n(p, n - 4, 4);
	answer_block("an unknown critical tag", RESPONSE, p, n, 1, 0, 15);
	put_n(p + n, 7, 4);
	answer_block("an error keeps its code", ERROR, p, n + 4, 1, 0, 7);
	n = 4 + put_tag(p + 4, 0x70, "", 0);
	answer_block("an unknown tag", RESPONSE, p, n, 1, 0, 0);
}

/* What we may not send is refused at once, and nothing is sent of it. */
static void
own_blocks(void)
{
	static char big[16 * KIB + 1];
	static struct mux_meta m[129];
	struct mux_request q = { .size = sizeof(q), .method = { "m", 1 },
		.meta = m };
	struct mux_answer a = { .size = sizeof(a), .meta = m };
	const struct {
		const char *what;
		size_t n, key, value;
		int want;
	} rows[] = {
		{ "128 entries", 128, 0, 0, 0 },
		{ "129 entries", 129, 0, 0, MUX_E_INVAL },
		{ "a key of 256", 1, 256, 0, 0 },
		{ "a key of 257", 1, 257, 0, MUX_E_INVAL },
		{ "a value of 16 KiB", 1, 0, 16 * KIB, 0 },
		{ "one of a byte more", 1, 0, 16 * KIB + 1, MUX_E_INVAL },
		{ "64 KiB in all", 4, 0, 16 * KIB, 0 },
		{ "some more", 5, 0, 15 * KIB, MUX_E_INVAL },
	};
	struct raw r;
	struct deal *d;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (size_t k = 0; k < rows[i].n; k++)
			m[k] = (struct mux_meta){ .key = { big, rows[i].key },
				.value = { big, rows[i].value } };
		q.n_meta = a.n_meta = rows[i].n;
		raw_begin(&r, false);
		d = deal_new();
		ok(mux_call_open(r.s, &q, &deal_ops, d, &d->c) ==
		    rows[i].want, "request: %s", rows[i].what);
		call_in(&r, 0, 1, "m", "", 0);
		d = calls.deals;
		ok(mux_call_answer(d->c, &a, "", 0) == rows[i].want,
		    "answer: %s", rows[i].what);
		if (rows[i].want != 0)
			ok(mux_call_fail(d->c, 1, "no", NULL) == 0,
			    "it can still be answered");
		raw_lives(&r, rows[i].what);
		call_free(&r);
	}
}

/* A body has no length of its own: credit is all that bounds it. */
static void
endless_body(void)
{
	const struct mux_config cfg = { .max_message = 64 * KIB };
	const struct greeting g = { .window = 64 * KIB };
	static uint8_t part[32 * KIB];
	struct raw r;
	struct deal *d;

	raw_greet(&r, &cfg, false, &g);
	call_in(&r, MORE, 1, "m", "", 0);
	d = calls.deals;
	for (int i = 0; i < 64; i++) {
		raw_frame(&r, REQUEST, MORE, 1, part, sizeof(part));
		raw_skip(&r);
	}
	ok(r.err == 0 && d->len == 2 * MIB, "a body over max_message");
	call_free(&r);
}

/* ---- every type on the id of a call, by its state ---- */

enum cstate { RUNNING, WHOLE, ANSWERED, SENT, CANCELLED, DONE, N_CSTATES };

enum what { OKAY, IGNORED, FATAL = 0x100 };

static const struct row {
	const char *name;
	uint8_t type, flags, len;
	uint16_t want[N_CSTATES];
} rows[] = {
#define X(n)	(FATAL | (n))
	{ "REQUEST", REQUEST, 0, 2, { OKAY, X(7), IGNORED, X(6), X(6),
	    X(6) } },
	{ "REQUEST MORE", REQUEST, MORE, 2, { OKAY, X(7), IGNORED, X(6),
	    X(6), X(6) } },
	{ "REQUEST EXT", REQUEST, EXT, 4, { X(2), X(7), IGNORED, X(6), X(6),
	    X(6) } },
	{ "RESPONSE", RESPONSE, 0, 2, { X(1), X(1), IGNORED, OKAY, OKAY,
	    IGNORED } },
	{ "RESPONSE MORE", RESPONSE, MORE, 2, { X(1), X(1), IGNORED, OKAY,
	    OKAY, IGNORED } },
	{ "START", START, EXT, 4, { X(7), X(7), X(7), X(6), X(6), X(6) } },
	{ "DATA", DATA, 0, 2, { X(1), X(1), IGNORED, X(1), X(1), IGNORED } },
	{ "END", END, 0, 0, { X(1), X(1), IGNORED, X(1), X(1), IGNORED } },
	{ "ERROR", ERROR, 0, 4, { X(1), X(1), IGNORED, OKAY, OKAY,
	    IGNORED } },
	{ "PAUSE", PAUSE, 0, 0, { OKAY, OKAY, IGNORED, IGNORED, IGNORED,
	    IGNORED } },
	{ "RESUME", RESUME, 0, 0, { OKAY, OKAY, IGNORED, IGNORED, IGNORED,
	    IGNORED } },
	{ "CANCEL", CANCEL, 0, 0, { OKAY, OKAY, IGNORED, IGNORED, IGNORED,
	    IGNORED } },
	{ "CREDIT", CREDIT, 0, 4, { OKAY, OKAY, IGNORED, IGNORED, IGNORED,
	    IGNORED } },
	{ "RESET", RESET, 0, 4, { X(1), X(1), IGNORED, X(1), X(1),
	    IGNORED } },
	{ "STOP", STOP, 0, 4, { X(1), X(1), IGNORED, X(1), X(1), IGNORED } },
	{ "STREAM_OK", OK, 0, 4, { X(1), X(1), IGNORED, X(1), X(1),
	    IGNORED } },
	{ "PRIORITY", PRIORITY, 0, 1, { OKAY, OKAY, IGNORED, IGNORED,
	    IGNORED, IGNORED } },
	{ "BUS_JOIN", JOIN, 0, 2, { X(7), X(7), X(7), X(6), X(6), X(6) } },
	{ "BUS_MSG", MSG, 0, 2, { X(1), X(1), IGNORED, X(1), X(1),
	    IGNORED } },
#undef X
};

static bool
matrix_cell(const struct row *row, enum cstate st)
{
	static const uint8_t zeroes[8] = { 0 }, one[8] = { 1 };
	bool callee = st <= ANSWERED;
	uint64_t ignored;
	struct raw r;
	bool good;

	raw_begin(&r, !callee);
	if (callee) {
		call_in(&r, st == RUNNING ? MORE : 0, 1, "m", "x", 1);
		if (st == ANSWERED)
			mux_call_answer(calls.deals->c, NULL, "y", 1);
	} else {
		call_make(&r, "m", NULL, 0);
		raw_skip(&r);
		if (st == CANCELLED)
			mux_call_cancel(calls.deals->c, 0);
		if (st == DONE)
			raw_empty(&r, RESPONSE, 0, 1);
	}
	raw_skip(&r);
	ignored = raw_stats(&r).ignored;
	raw_frame(&r, row->type, row->flags, 1, row->type == CREDIT ? one :
	    zeroes, row->len);
	raw_skip(&r);
	if ((row->want[st] & FATAL) != 0)
		good = r.err == MUX_E_PROTOCOL &&
		    mux_session_code(r.s) == F(row->want[st] & 0xff);
	else
		good = r.err == 0 && raw_stats(&r).ignored ==
		    ignored + (row->want[st] == IGNORED);
	if (!good)
		printf("# %s in state %d: code %#x, %s\n", row->name, st,
		    mux_session_code(r.s), mux_session_error(r.s));
	call_free(&r);
	return good;
}

static void
matrix(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool good = true;

		for (int st = 0; st < N_CSTATES; st++)
			good &= matrix_cell(&rows[i], (enum cstate)st);
		ok(good, "%s on a call in every state", rows[i].name);
	}
}

/* ---- limits and refusals ---- */

static void
limits(void)
{
	const struct mux_config cfg = { .max_calls = 3 };
	const struct greeting g = { .window = 64 * KIB, .max_calls = 2 };
	struct mux_request q = { .size = sizeof(q), .method = { "m", 1 } };
	struct raw r;
	struct deal *d;

	raw_greet(&r, &cfg, false, &g);
	for (uint64_t id = 1; id < 7; id += 2)
		call_in(&r, 0, id, "m", "", 0);
	mux_call_answer(calls.deals->c, NULL, "", 0);
	raw_skip(&r);
	call_in(&r, 0, 7, "m", "", 0);
	ok(r.err == 0 && raw_stats(&r).calls_in == 3, "answered ones are free");
	call_in(&r, 0, 9, "m", "", 0);
	raw_dies(&r, F(13), "a call too many");
	call_free(&r);

	raw_greet(&r, NULL, true, &g);
	call_make(&r, "m", NULL, 0);
	d = call_make(&r, "m", NULL, 0);
	ok(mux_call_open(r.s, &q, &deal_ops, NULL, &d->c) == MUX_E_LIMIT,
	    "we make no more than the peer takes");
	raw_skip(&r);
	deal_release(d);
	raw_skip(&r);
	ok(mux_call_open(r.s, &q, &deal_ops, NULL, &d->c) == MUX_E_LIMIT,
	    "one that was given up counts until its answer");
	raw_frame(&r, ERROR, 0, 3, "\3\0\0\0", 4);
	ok(mux_call_open(r.s, &q, &deal_ops, d, &d->c) == 0, "and no longer");
	call_free(&r);

	raw_begin(&r, false);
	calls.leave = true;
	call_in(&r, MORE, 1, "m", "x", 1);
	raw_says(&r, ERROR, 1, 4, "a call that nobody takes");
	raw_frame(&r, REQUEST, 0, 1, "more", 4);
	raw_lives(&r, "the rest of it");
	raw_empty(&r, RESPONSE, 0, 2);
	raw_dies(&r, F(9), "an answer to what nobody asked");
	call_free(&r);

	raw_begin(&r, false);
	q.n_args = 1025;
	ok(mux_call_open(r.s, &q, &deal_ops, NULL, &d->c) == MUX_E_INVAL,
	    "1025 arguments");
	q.n_args = 0;
	q.size--;
	ok(mux_call_open(r.s, &q, &deal_ops, NULL, &d->c) == MUX_E_INVAL,
	    "another version's struct");
	call_free(&r);
}

int
main(void)
{
	small_out();
	all_tags_out();
	answer_out();
	error_out();
	not_begun();
	long_bodies();
	amending();
	amending_has_an_end();
	endless_body();
	credit();
	blocks();
	answer_blocks();
	own_blocks();
	matrix();
	limits();
	return tap_done();
}
