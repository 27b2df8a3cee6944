/*
 * test_batch_out.c - results as lines: text and JSON, long bodies in pieces,
 * standard error behind its id, and no memory.
 */
#include <stdlib.h>

#include "../../cmd/batch_in.h"
#include "../../cmd/batch_out.h"
#include "nomem.h"
#include "tap.h"

/* What is in the buffer, as a string; it is empty then. */
static const char *
flushed(struct buf *b)
{
	static char text[4096];
	size_t n = b->len < sizeof(text) - 1 ? b->len : sizeof(text) - 1;

	if (n > 0)
		memcpy(text, b->p, n);
	text[n] = '\0';
	buf_drop(b, b->len);
	return text;
}

static void
make_id(struct batch_id *id, const char *json, const char *label)
{
	struct batch_item it = { .line = 7, .id = json,
		.label = { label, label != NULL ? strlen(label) : 0 } };

	batch_id_init(id, &it);
}

/* ---- text ---- */

static const struct {
	const char *body;
	size_t len;
	const char *want;
} bodies[] = {
#define B(text)		text, sizeof(text) - 1
	{ B(""), "" },
	{ B("plain ~text"), "plain ~text" },
	{ B("\t\n\r\\"), "\\t\\n\\r\\\\" },
	{ B("\0\x1b[31m\x7f"), "\\x00\\x1b[31m\\x7f" },
	{ B("caf\xc3\xa9 \xf0\x9f\x98\x80"), "caf\xc3\xa9 \xf0\x9f\x98\x80" },
	{ B("\xc2\x9b" "x\xc2\xa0"), "\\xc2\\x9bx\xc2\xa0" },
	{ B("\xe2\x80\xa8\xe2\x80\xae"), "\\xe2\\x80\\xa8\\xe2\\x80\\xae" },
	{ B("\xff\xc3"), "\\xff\\xc3" },
	{ B("\xc3\n"), "\\xc3\\n" }
#undef B
};

static void
test_text(void)
{
	struct result_json more = { .method = "m" };
	struct batch_out o;
	struct batch_id id;
	struct result r;
	char want[200];

	batch_out_init(&o, false);
	make_id(&id, NULL, NULL);
	result_make(&r, RESULT_EXIT, MUX_OK, NULL);
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		more.body = bodies[i].body;
		more.body_len = bodies[i].len;
		ok(batch_out_result(&o, &id, &r, &more), "body %zu", i);
		snprintf(want, sizeof(want), "7\t0\texit\t%s\n",
		    bodies[i].want);
		is_str(flushed(&o.buf), want, "is as it should be");
	}
	batch_id_release(&id);
	make_id(&id, "\"a\\tb\"", "a\tb");
	result_make(&r, RESULT_NOMETHOD, MUX_UNKNOWN_METHOD, "not\tknown");
	more.body = NULL;
	more.body_len = 0;
	batch_out_result(&o, &id, &r, &more);
	is_str(flushed(&o.buf), "a\\tb\t127\tnomethod\tnot\\tknown\n",
	    "what was wrong stands for the body");
	more.body = "half";
	more.body_len = 4;
	batch_out_result(&o, &id, &r, &more);
	is_str(flushed(&o.buf), "a\\tb\t127\tnomethod\thalf\n",
	    "but not for one that was there");
	result_release(&r);
	result_make(&r, RESULT_SIGNAL, MUX_OK, "killed by signal 9");
	more.body_len = 0;
	batch_out_result(&o, &id, &r, &more);
	is_str(flushed(&o.buf), "a\\tb\t128\tsignal\t\n",
	    "nor for one that ran and said nothing");
	result_release(&r);
	batch_id_release(&id);
	batch_out_release(&o);
}

/* ---- JSON ---- */

static void
test_json(void)
{
	struct result_json more = { .id = "wrong", .method = "m",
		.body = "\xff", .body_len = 1, .err_text = "e\n",
		.err_len = 2 };
	struct batch_out o;
	struct batch_id id;
	struct result r;

	batch_out_init(&o, true);
	result_make(&r, RESULT_EXIT, MUX_OK, NULL);
	make_id(&id, "[1,\"\\u00e9\"]", "ignored");
	ok(batch_out_result(&o, &id, &r, &more), "a result");
	is_str(flushed(&o.buf), "{\"v\":1,\"id\":[1,\"\\u00e9\"],"
	    "\"method\":\"m\",\"kind\":\"exit\",\"code\":0,"
	    "\"body_b64\":\"/w==\",\"stderr\":\"e\\n\"}\n", "as JSON");
	batch_id_release(&id);
	make_id(&id, NULL, NULL);
	more = (struct result_json){ 0 };
	batch_out_result(&o, &id, &r, &more);
	is_str(flushed(&o.buf), "{\"v\":1,\"id\":7,\"kind\":\"exit\","
	    "\"code\":0}\n", "a bare one");
	batch_out_release(&o);
}

/* ---- long bodies ---- */

#define BIG	((size_t)200000)

/* The values of body and body_b64 of all lines, one behind the other; `lines`
 * is how many, `b64` how many of them were base64. */
static size_t
values(const struct buf *b, char *to, unsigned *lines, unsigned *b64)
{
	const char *p = b->p, *end = p + b->len, *nl, *v;
	size_t n = 0, len;

	for (*lines = *b64 = 0; p < end; p = nl + 1) {
		nl = memchr(p, '\n', (size_t)(end - p));
		v = memmem(p, (size_t)(nl - p), "\"body", 5);
		*b64 += v[5] == '_';
		v = memchr(v, ':', (size_t)(nl - v));
		len = (size_t)(nl - v) - 4;
		memcpy(to + n, v + 2, len);
		n += len;
		(*lines)++;
	}
	return n;
}

/* As batch.c does: what was not taken comes again with what follows. */
static void
put_all(struct batch_out *o, const struct batch_id *id, const char *p,
    size_t n, size_t piece)
{
	size_t at = 0, have = 0, taken;

	while (at < n) {
		have += piece < n - at - have ? piece : n - at - have;
		if (!batch_out_data(o, id, p + at, have, at + have == n,
		    &taken))
			return;
		at += taken;
		have -= taken;
	}
}

static void
test_data(void)
{
	static char in[BIG], out[4 * BIG];
	static const size_t pieces[] = { BIG, 1000, 65536 };
	unsigned lines, b64;
	struct batch_out o;
	struct batch_id id;
	size_t i, n;

	make_id(&id, NULL, NULL);
	batch_out_init(&o, false);
	put_all(&o, &id, "caf\xc3\xa9", 5, 5);
	is_str(flushed(&o.buf), "{\"v\":1,\"event\":\"data\",\"id\":7,"
	    "\"body\":\"caf\\u00e9\"}\n", "an event, in text as well");
	for (i = 0; i < 3; i++) {
		memset(in, 'x', BIG);
		put_all(&o, &id, in, BIG, pieces[i]);
		n = values(&o.buf, out, &lines, &b64);
		ok(n == BIG && lines == 5 && b64 == 0 &&
		    memcmp(in, out, n) == 0, "text, by %zu", pieces[i]);
		buf_drop(&o.buf, o.buf.len);
		memset(in, '\xff', BIG);
		put_all(&o, &id, in, BIG, pieces[i]);
		n = values(&o.buf, out, &lines, &b64);
		ok(lines == 5 && b64 == 5 && n == (BIG + 2) / 3 * 4 &&
		    strspn(out, "/") == BIG / 3 * 4 + 2,
		    "base64 without a gap, by %zu", pieces[i]);
		buf_drop(&o.buf, o.buf.len);
	}
	/* Text, but for a NUL, and a character that a piece would tear. */
	memset(in, 'x', BIG);
	in[0] = '\0';
	memcpy(in + 49151, "\xc3\xa9", 2);
	put_all(&o, &id, in, BIG, BIG);
	values(&o.buf, out, &lines, &b64);
	ok(lines == 5 && b64 == 2 && memchr(out, '=', 131072) == NULL,
	    "a NUL makes base64 of its piece, of whole triples");
	buf_drop(&o.buf, o.buf.len);
	/* Characters of two bytes, at odd places. */
	memset(in, 'x', 1);
	for (i = 1; i + 1 < BIG; i += 2)
		memcpy(in + i, "\xc3\xa9", 2);
	put_all(&o, &id, in, BIG - 1, BIG);
	values(&o.buf, out, &lines, &b64);
	ok(lines == 5 && b64 == 0, "no character is torn");
	batch_out_release(&o);
}

/* ---- standard error ---- */

static void
test_err(void)
{
	static char in[5000];
	struct buf b = { 0 };
	struct batch_id id;
	const char *got;
	size_t taken = 9;

	make_id(&id, "\"x\\n\"", "x\n");
	ok(batch_out_err(&b, &id, "one\n\ttw\\o\x1b\nthr", 14, false, &taken) &&
	    taken == 11, "whole lines are taken");
	is_str(flushed(&b), "x\\n: one\nx\\n: \ttw\\o\\x1b\n", "and prefixed");
	batch_out_err(&b, &id, "thr", 3, true, &taken);
	is_u64(taken, 3, "at the end, all of it");
	is_str(flushed(&b), "x\\n: thr\n", "with an end");
	batch_out_err(&b, &id, "", 0, true, &taken);
	is_str(flushed(&b), "", "nothing is no line");
	batch_out_err(&b, &id, "\n", 1, false, &taken);
	is_str(flushed(&b), "x\\n: \n", "an empty one is");
	memset(in, 'y', sizeof(in));
	batch_out_err(&b, &id, in, sizeof(in), false, &taken);
	got = flushed(&b);
	ok(taken == 4096 && strlen(got) > 4000, "one without an end is cut");
	buf_release(&b);
	batch_id_release(&id);
}

/* ---- no memory ---- */

#ifndef SANITIZED

/* How long the output is, 0 if it was told that it is not all there. */
static size_t
all_of_it(long fail)
{
	static char body[70000];
	struct result_json more = { .body = "b", .body_len = 1 };
	struct batch_item it = { .line = 1, .id = "1", .label = { "1", 1 } };
	struct batch_out o;
	struct batch_id id;
	struct result r;
	size_t taken, len = 0;
	bool good;

	result_make(&r, RESULT_EXIT, MUX_OK, NULL);
	n_left = fail;
	if (batch_id_init(&id, &it) != 0)
		return 0;
	good = batch_out_init(&o, true) == 0;
	if (good) {
		good = batch_out_result(&o, &id, &r, &more) &&
		    batch_out_data(&o, &id, body, sizeof(body), true, &taken) &&
		    batch_out_result(&o, &id, &r, &more) &&
		    batch_out_err(&o.buf, &id, "e", 1, true, &taken);
		len = good ? o.buf.len : 0;
		batch_out_release(&o);
	}
	batch_id_release(&id);
	return len;
}

static void
test_nomem(void)
{
	size_t want = all_of_it(-1), got = want;
	bool failed = true;
	unsigned told = 0;
	long n, live = n_live;

	for (n = 0; failed && (got == 0 || got == want); n++) {
		got = all_of_it(n);
		failed = n_left < 0;
		n_left = -1;
		told += got == 0;
	}
	ok(!failed && got == want && told > 5, "%u of %ld failures are told, "
	    "the others do no harm", told, n - 1);
	is_u64((uint64_t)(n_live - live), 0, "and nothing is left");
}

#endif

int
main(void)
{
	test_text();
	test_json();
	test_data();
	test_err();
#ifndef SANITIZED
	test_nomem();
#endif
	return tap_done();
}
