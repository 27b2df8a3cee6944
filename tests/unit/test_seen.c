/*
 * test_seen.c - frames put together from pieces, and what they are about.
 * What is told is written down, one word a frame:
 *	TYPE ID[=KIND ORDINAL METHOD][!CODE][ lLEFT][ ...MORE]
 */
#include "made.h"
#include "nomem.h"
#include "tap.h"

static struct {
	char p[65536];
	size_t n;
	uint64_t more, ends, stop_at, frames;
	bool heads;		/* write what is in them */
} got;

__attribute__((format(printf, 1, 2))) static void
note(const char *fmt, ...)
{
	va_list ap;

	/* Of what goes on without end the last is of interest. */
	if (got.n > sizeof(got.p) / 2)
		got.n = 0;
	va_start(ap, fmt);
	got.n += (size_t)vsnprintf(got.p + got.n, sizeof(got.p) - got.n, fmt,
	    ap);
	va_end(ap);
}

static void
note_of(const struct seen *s)
{
	const struct seen_thing *t = s->of;
	uint64_t left;

	if (t == NULL)
		return;
	note("=%s%" PRIu64, t->kind == SEEN_CALL ? "call" : "stream",
	    t->ordinal);
	if (t->method != NULL)
		note(":%s", t->method);
	if (t->target != NULL)
		note(">%s", t->target);
	if (t->parent != 0)
		note("^%" PRIu64, t->parent);
	if (t->done)
		note("!%u", t->code);
	if (t->exit_kind >= 0)
		note("x%d.%u", t->exit_kind, t->exit_value);
	if (seen_left(s, &left))
		note("l%" PRIu64, left);
}

static bool
on_frame(const struct seen *s, void *arg)
{
	(void)arg;
	got.frames++;
	if (s->frame == NULL)
		note("%s%.*s", s->rec->kind == MUX_DUMP_EVENT ? "*" : "#",
		    (int)s->n_head, (const char *)s->head);
	else
		note("%s%" PRIu64, mux_frame_name(s->frame->type),
		    s->frame->id);
	note_of(s);
	if (got.heads && s->frame != NULL)
		note("(%zu/%u%s%s)", s->n_head, s->frame->len,
		    s->whole ? "" : "..", s->cut ? "cut" : "");
	note(" ");
	return got.frames != got.stop_at;
}

static void
on_more(const struct seen *s, const uint8_t *p, size_t n, void *arg)
{
	(void)arg;
	(void)s;
	got.more += n;
	got.ends += p == NULL;
}

static void
on_gone(const struct seen_conn *c, struct seen_thing *t, void *arg)
{
	(void)arg;
	(void)c;
	note("-%" PRIu64 " ", t->id);
}

static void
on_conn_gone(const struct seen_conn *c, void *arg)
{
	(void)arg;
	note("-%s%s%s", c->legacy ? "legacy" : "conn",
	    c->middle ? "-middle" : "", c->holes > 0 ? "-holes " : " ");
}

static const struct seen_ops ops = { on_frame, on_more, on_gone,
	on_conn_gone };

static void
begin(void)
{
	memset(&got, 0, sizeof(got));
	memset(&made.number, 0, sizeof(made.number));
	made.conn = 1;
	made.snap = made.piece = made.n = 0;
	while ((made.to = seen_new(&ops, NULL)) == NULL)
		continue;
}

static void
end(const char *want, const char *what)
{
	seen_end(made.to);
	seen_free(made.to);
	if (got.n > 0)
		got.p[--got.n] = '\0';
	is_str(got.p, want, "%s", what);
}

static void
calls(void)
{
	begin();
	event(MUX_DUMP_OPEN, "open");
	hellos();
	request(1, "sort", "beach", 0);
	put_tag_int(0x27, 1, 8);
	put_tag_int(0x28, 2, 1);
	s2c(START, EXT, 2);
	put_u32(0);
	c2s(OK, 0, 2);
	put_text("warn");
	s2c(DATA, FIN, 2);
	respond(1, 0, 3, "abceh");
	request(3, "nope", "", 0);
	put_u32(4);
	put_text("no such method");
	s2c(ERROR, 0, 3);
	c2s(PING, 0, 7);
	event(MUX_DUMP_CLOSE, "close");
	end("*open ping0 pong0 request1=call1:sortl65531 "
	    "start2=stream1:sort^1 ok2=stream1:sort^1l65536 "
	    "data2=stream1:sort^1!0l65532 response1=call1:sort!0x0.3l65531 "
	    "request3=call2:nopel65536 error3=call2:nope!4 ping7 *close "
	    "-1 -2 -3 -conn", "calls, and the stream of one");
}

static void
streams(void)
{
	begin();
	hellos();
	start(1, "db");
	put_text("hello");
	c2s(DATA, 0, 1);
	put_u32(100);
	s2c(OK, 0, 1);
	put_u32(1000);
	s2c(CREDIT, 0, 1);
	put_text("world");
	s2c(DATA, FIN, 1);
	c2s(END, 0, 1);
	put_u32(9);
	s2c(CREDIT, 0, 1);
	start(3, "x");
	put_u32(16);
	s2c(RESET, 0, 3);
	put_text("late");
	c2s(DATA, 0, 3);
	c2s(DATA, 0, 5);
	end("ping0 pong0 start1=stream1>db data1=stream1>dbl65531 "
	    "ok1=stream1>dbl65631 credit1=stream1>dbl66631 "
	    "data1=stream1>dbl65531 end1=stream1>db!0 "
	    "credit1=stream1>db!0l66640 start3=stream2>x reset3=stream2>x!16 "
	    "data3=stream2>x!16l65532 data5 -1 -3 -conn",
	    "streams: credit, halves, frames that come late");
}

static void
plain_s0(void)
{
	begin();
	put_text("a");
	c2s(REQUEST, 0, 0);
	put_text("b");
	s2c(RESPONSE, 0, 0);
	put_text("a");
	c2s(REQUEST, 0, 0);
	c2s(START, 0, 4);
	put_text("1");
	s2c(DATA, 0, 4);
	put_u32(2);
	s2c(ERROR, 0, 4);
	s2c(END, 0, 4);
	end("request0=call1 response0=call1!0 -0 request0=call2 start4=stream1 "
	    "data4=stream1 error4=stream1!2 end4=stream1!2 -0 -4 -legacy",
	    "plain S0: ids come again, streams run one way");
	begin();
	hello(false, 65536);
	c2s(REQUEST, 0, 1);
	s2c(PONG, 0, 0);
	c2s(REQUEST, 0, 2);
	end("ping0 request1=call1 pong0 request2=call2 -1 -2 -legacy",
	    "HELLO answered by a plain PONG");
}

static void
middle(void)
{
	begin();
	made.number[1] = 40;
	put_text("x");
	s2c(DATA, 0, 3);
	put_u32(10);
	c2s(CREDIT, 0, 5);
	start(9, "new");
	put_text("x");
	c2s(DATA, 0, 7);
	c2s(DATA, 0, 11);
	s2c(END, 0, 3);
	end("data3=stream0 credit5 start9=stream1>new data7=stream0 data11 "
	    "end3=stream0 -3 -7 -9 -conn-middle-holes",
	    "from the middle: what is older is known by its data");
	begin();
	hellos();
	start(1, "a");
	made.number[1]++;
	put_text("x");
	c2s(DATA, 0, 1);
	start(5, "b");
	put_text("x");
	c2s(DATA, 0, 3);
	put_text("x");
	c2s(DATA, 0, 5);
	end("ping0 pong0 start1=stream1>a data1=stream1>a start5=stream2>b "
	    "data3=stream0 data5=stream2>bl65535 -1 -3 -5 -conn-holes",
	    "a hole: no credit is made up, but later streams have theirs");
}

static void
pieces(void)
{
	static const size_t sizes[] = { 15, 100, 4096, 131072, 0 };
	size_t i;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		begin();
		hellos();
		made.piece = sizes[i];
		got.heads = true;
		got.n = got.more = got.ends = 0;
		start(1, "a");
		put_fill(20);
		c2s(DATA, 0, 1);
		put_fill(300000);
		c2s(DATA, 0, 1);
		is_u64(got.more, 300000 - SEEN_HEAD, "pieces of %zu: what is "
		    "behind the head", sizes[i]);
		is_u64(got.ends, 3, "each frame is over once");
		end("start1=stream1>a(9/9) data1=stream1>al65516(20/20) "
		    "data1=stream1>al0(98304/300000..) -1 -conn", "heads");
	}
}

static void
not_all(void)
{
	begin();
	hellos();
	start(1, "a");
	got.heads = true;
	made.snap = 14;
	put_fill(100);
	c2s(DATA, 0, 1);
	put_u32(5);
	s2c(CREDIT, 0, 1);
	put_fill(100);
	c2s(DATA, FIN, 1);
	start(3, "b");
	end("ping0 pong0 start1=stream1>a data1=stream1>al65436(0/100..cut) "
	    "credit1=stream1>a(0/4..cut) data1=stream1>a(0/100..cut) "
	    "start3=stream2(0/9..cut) -1 -3 -conn",
	    "headers only: lengths are known, credit is not");
}

static void
torn(void)
{
	struct mux_dump_record r = { .kind = MUX_DUMP_FRAME, .number = 1,
	    .total = 114, .wire = 64, .n = 64, .data =
	    (const uint8_t *)"\144\0\0\0\3\0\0\0\0\0\0\0\3\0"
	    "..................................................." };

	begin();
	got.heads = true;
	record(&r);
	r.number = 2;
	record(&r);
	r.off = 65;
	r.wire = r.n = 49;
	record(&r);
	made.conn = 2;
	r.off = 64;
	r.wire = 50;
	record(&r);
	end("data3(50/100..cut) data3=stream0(50/100..cut) "
	    "-3 -legacy-holes -conn-holes",
	    "frames that never end are told as far as they go");
}

static void
enough(void)
{
	begin();
	got.stop_at = 2;
	hello(false, 1);
	is_u64((uint64_t)made.last, 0, "goes on");
	hello(true, 1);
	is_u64((uint64_t)made.last, 1, "has enough");
	end("ping0 pong0 -conn", "then nothing more is told");
	begin();
	hellos();
	start(1, "a");
	seen_free(made.to);
	ok(strstr(got.p, "-1 -conn") != NULL, "freed without an end: all goes");
}

static void
others(void)
{
	begin();
	hellos();
	made.conn = 2;
	hellos();
	start(1, "b");
	made.conn = 1;
	start(1, "a");
	event(MUX_DUMP_CLOSE, "bye");
	made.conn = 2;
	put_text("x");
	c2s(DATA, 0, 1);
	made.conn = 0;
	event(MUX_DUMP_DROPPED, "3");
	made.conn = 2;
	put_text("x");
	c2s(DATA, 0, 1);
	end("ping0 pong0 ping0 pong0 start1=stream1>b start1=stream1>a *bye "
	    "-1 -conn data1=stream1>bl65535 *3 data1=stream1>b -conn-middle-"
	    "holes -1 -conn-holes", "connections, and records lost from all");
}

/* ---- bounds ---- */

static void
bounds(void)
{
	static char name[3000];
	uint64_t i;

	begin();
	hellos();
	memset(name, 'n', sizeof(name) - 1);
	for (i = 0; i < SEEN_MAX + 10; i++) {
		got.n = 0;
		put_tag_text(0x20, "m");
		c2s(REQUEST, EXT, 2 * i + 1);
	}
	ok(strcmp(got.p, "-19 request131091=call65546:ml65536 ") == 0,
	    "too many calls: the oldest goes (%s)", got.p);
	for (i = 0; i < 2 * SEEN_NAMES / sizeof(name); i++)
		request(1000001 + 2 * i, name, "", 0);
	seen_end(made.to);
	seen_free(made.to);

	begin();
	for (i = 0; i < SEEN_CONNS + 2; i++) {
		struct mux_dump_record r = { .kind = MUX_DUMP_EVENT,
		    .event = MUX_DUMP_OPEN, .number = 1 };

		made.conn = (uint32_t)i + 8;
		record(&r);
	}
	ok(strcmp(got.p + got.n - 18, "-conn * -conn * ") != 0 &&
	    strstr(got.p, "* -conn * -conn * ") != NULL,
	    "too many connections: the oldest goes");
	seen_end(made.to);
	seen_free(made.to);
}

/* ---- without memory ---- */

#ifndef SANITIZED

static void
scene(void)
{
	hellos();
	request(1, "sort", "beach", 0);
	made.piece = 20;
	put_tag_text(0x29, "db");
	put_tag_int(0x27, 1, 8);
	c2s(START, EXT, 3);
	put_text("12345678901234567890123");
	c2s(DATA, 0, 3);
}

static void
nomem(void)
{
	long n, live = n_live;
	bool failed = true;

	for (n = 0; failed && n < 1000; n++) {
		begin();
		n_left = n;
		scene();
		failed = n_left < 0;
		n_left = -1;
		seen_end(made.to);
		seen_free(made.to);
	}
	ok(n > 5, "%ld allocations fail", n - 1);
	is_u64((uint64_t)(n_live - live), 0, "nothing is left of them");
}

#endif

int
main(void)
{
	calls();
	streams();
	plain_s0();
	middle();
	pieces();
	not_all();
	torn();
	enough();
	others();
	bounds();
#ifndef SANITIZED
	nomem();
#endif
	return tap_done();
}
