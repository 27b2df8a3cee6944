/*
 * Plain S0, case by case: its golden bytes, its own tests, and the defects
 * that we must not repeat.  Sessions of ours are at both ends, or bytes are;
 * what its programs rely on besides is test_call_legacy.c's.
 *
 *	T0-1	header round trip		header(), test_frame.c
 *	T0-2	frame round trip		both_ways(), test_call_legacy.c
 *	T0-3	a batch keeps its ids		batch(), test_call_legacy.c
 *	T0-4	answers in any order		batch(), test_call_legacy.c
 *	T0-5	a window of 100			window()
 *	T0-6	Error 42, code 500		calls_out(), test_call_legacy.c
 *	X0-7	callbacks that use the table	again()
 *	golden bytes				*_out(), frames_in()
 */
#include "credit.h"
#include "frame.h"
#include "page.h"
#include "rawcall.h"

/* ---- golden bytes: those of mux(7), Single frames ---- */

static size_t
unhex(const char *s, uint8_t *p)
{
	unsigned v;
	size_t n = 0;

	while (sscanf(s, " %2x", &v) == 1) {
		s += strspn(s, " ") + 2;
		p[n++] = (uint8_t)v;
	}
	return n;
}

/* The bytes below "# TITLE..." of the page; 0 if it has none. */
static size_t
golden(const char *block, const char *title, uint8_t *p)
{
	struct page page;
	bool here = false;
	size_t n = 0;

	if (!page_open(&page, PAGE, block, "SINGLE-END"))
		return 0;
	while (page_next(&page)) {
		if (page.line[0] == '#')
			here = strncmp(page.line + 2, title,
			    strlen(title)) == 0;
		else if (here && page.line[0] != '.')
			n += unhex(page.line, p + n);
	}
	page_close(&page);
	return n;
}

/* That is all that the session has to say. */
static void
says(struct raw *r, const char *title)
{
	uint8_t want[64];
	size_t n = golden("SINGLE-BEGIN s0", title, want);

	if (n == 0)
		n = golden("SINGLE-BEGIN extended", title, want);
	raw_pull(r, SIZE_MAX);
	ok(n > 0 && r->out_len - r->out_off == n &&
	    memcmp(r->out + r->out_off, want, n) == 0, "golden: %s", title);
	r->out_off = r->out_len;
}

static void
header(void)
{
	const struct frame f = { .id = 12345, .len = 100 };
	uint8_t want[64], got[FRAME_HEADER];
	struct frame back;

	is_u64(golden("SINGLE-BEGIN s0", "header", want), FRAME_HEADER,
	    "the page has a header");
	frame_put(got, &f);
	ok(memcmp(got, want, sizeof(got)) == 0, "T0-1: Request 12345, 100");
	frame_get(want, &back);
	ok(back.id == 12345 && back.len == 100 && back.type == FT_REQUEST &&
	    back.flags == 0, "and back");
}

static size_t
fill_x(struct mux_stream *st, void *buf, size_t max, size_t limit,
    unsigned *flags, void *arg)
{
	unsigned *n = arg;

	(void)st;
	(void)max;
	(void)limit;
	*(char *)buf = 'x';
	if ((*n)++ == 0)
		return 1;
	if (*n > 2)
		*flags = MUX_FILL_END;
	return 0;
}

static const struct mux_stream_ops x_ops = {
	.size = sizeof(x_ops), .fill = fill_x,
};

static unsigned n_fill;
static struct mux_stream *x_stream;

static void
on_x(struct mux_session *s, struct mux_stream *st, const struct mux_open *o,
    void *arg)
{
	(void)s;
	(void)o;
	(void)arg;
	n_fill = 0;
	x_stream = st;
	mux_stream_attach(st, &x_ops, &n_fill);
	mux_stream_accept(st);
}

static void
streams_out(void)
{
	static const struct mux_session_ops s_ops = { .size = sizeof(s_ops),
		.open = on_x, .call = on_call };
	const struct mux_config cfg = { .size = sizeof(cfg) };
	static uint8_t body[32768];
	struct raw r = { .now = SEC };

	if (mux_session_new(&cfg, &s_ops, NULL, r.now, &r.s) < 0)
		abort();
	raw_frame(&r, START, 0, 3, "", 0);
	mux_stream_ready(x_stream);
	says(&r, "STREAM_DATA 3");
	mux_stream_ready(x_stream);
	says(&r, "STREAM_END 3");
	mux_stream_release(x_stream);
	raw_free(&r);

	raw_begin(&r, false);
	raw_frame(&r, START, EXT, 3, "\5\0\0\0\x29\0\1\0t", 9);
	raw_skip(&r);
	raw_frame(&r, DATA, 0, 3, body, sizeof(body));
	says(&r, "CREDIT 3");
	raw_bytes(&r, body, golden("SINGLE-BEGIN extended", "RESET 3", body));
	ok(r.owns->n_reset == 1 && r.owns->code == 3, "golden: RESET 3");
	call_free(&r);
}

static void
calls_out(void)
{
	const struct mux_config plain = { .legacy = true };
	struct raw r;
	struct deal *d = NULL;

	raw_new(&r, &plain, true);
	call_make(&r, "", "hello world", 11);
	says(&r, "REQUEST 1");
	for (int i = 2; i <= 7; i++)
		d = call_make(&r, "", "", 0);
	raw_skip(&r);
	mux_call_cancel(d->c, 0);
	says(&r, "CANCEL 7");
	call_free(&r);

	raw_new(&r, NULL, false);
	raw_frame(&r, REQUEST, 0, 42, "", 0);
	mux_call_fail(calls.deals->c, 500, "Internal error", NULL);
	says(&r, "ERROR 42");
	call_free(&r);
}

/* What the page has comes in as what it says. */
static void
frames_in(void)
{
	uint8_t p[64];
	struct raw r;

	raw_new(&r, NULL, false);
	raw_bytes(&r, p, golden("SINGLE-BEGIN s0", "PING 0x", p));
	call_says(&r, PONG, 0, 0x0102030405060708, "", 0, "golden: PING");
	raw_bytes(&r, p, golden("SINGLE-BEGIN s0", "REQUEST 1", p));
	ok(calls.n_calls == 1 && calls.deals->n_eof == 1 &&
	    memcmp(calls.deals->got, "hello world", 11) == 0,
	    "golden: REQUEST 1 is taken");
	raw_frame(&r, REQUEST, 0, 7, "", 0);
	raw_bytes(&r, p, golden("SINGLE-BEGIN s0", "CANCEL 7", p));
	is_u64(calls.deals->n_cancel, 1, "golden: CANCEL 7 reaches it");
	call_free(&r);

	raw_new(&r, NULL, false);
	raw_bytes(&r, p, golden("SINGLE-BEGIN extended", "the smallest", p));
	ok(mux_session_mode(r.s) == MUX_MODE_EXTENDED, "golden: HELLO");
	raw_skip(&r);
	call_free(&r);
	is_u64(5 | UINT64_C(2) << 48, 0x0002000000000005,
	    "call 5 on connection 2");
	ok(id_conn(0x0002000000000005) == 2 && id_local(0x0002000000000005) ==
	    5, "and back");
}

/* ---- its own tests ---- */

/* All that one session says is heard by the other. */
static void
carry(struct raw *from, struct raw *to)
{
	raw_pull(from, SIZE_MAX);
	raw_bytes(to, from->out + from->out_off,
	    from->out_len - from->out_off);
	from->out_off = from->out_len;
}

static void
both_ways(void)
{
	const struct mux_config plain = { .legacy = true };
	struct raw c, s;
	struct deal *d;

	raw_new(&c, &plain, true);
	raw_new(&s, NULL, false);
	d = call_make(&c, "", "hello world", 11);
	carry(&c, &s);
	ok(calls.n_calls == 1 && calls.deals->len == 11 &&
	    memcmp(calls.deals->got, "hello world", 11) == 0,
	    "T0-2: hello world, there");
	mux_call_answer(calls.deals->c, NULL, "hello world", 11);
	carry(&s, &c);
	ok(d->n_done == 1 && d->len == 11 &&
	    memcmp(d->got, "hello world", 11) == 0, "T0-2: and back");
	raw_free(&c);
	call_free(&s);
}

static void
batch(void)
{
	const struct mux_config plain = { .legacy = true };
	struct deal *d[3];
	struct raw r;
	struct wire w;
	bool good = true;

	raw_new(&r, &plain, true);
	for (size_t i = 0; i < 3; i++)
		d[i] = call_make(&r, "", &"123"[i], 1);
	raw_pull(&r, SIZE_MAX);
	is_u64(r.out_len, 3 * (HEAD + 1), "T0-3: a batch leaves at once");
	for (uint64_t id = 1; id <= 3; id++)
		good &= raw_next(&r, &w) && w.id == id && w.type == REQUEST &&
		    w.p[0] == '0' + id;
	ok(good, "T0-3: in order, with ids of its own");
	raw_frame(&r, RESPONSE, 0, 2, "two", 3);
	ok(d[1]->n_done == 1 && d[0]->n_done + d[2]->n_done == 0,
	    "T0-4: the answer to 2 is for 2 only");
	raw_frame(&r, ERROR, 0, 1, "\xf4\1\0\0Internal error", 18);
	ok(d[0]->n_done == 1 && d[0]->a.code == 500 &&
	    strcmp(d[0]->text, "Internal error") == 0 && d[2]->n_done == 0,
	    "T0-6: Error 500");
	call_free(&r);
}

/* Ours does not overshoot: it sends what the window allows, then waits. */
static void
window(void)
{
	struct credit_tx tx = { .limit = 100 };
	struct credit_rx rx;

	credit_rx_init(&rx, 100, 0);
	credit_rx_grant(&rx, (uint32_t)(100 - credit_rx_outstanding(&rx)));
	credit_tx_use(&tx, 50);
	ok(credit_rx_receive(&rx, 50) && credit_tx_left(&tx) == 50,
	    "T0-5: 50 of 100 are sent");
	credit_tx_use(&tx, 50);
	ok(credit_rx_receive(&rx, 50) && credit_tx_left(&tx) == 0,
	    "T0-5: of 60 more, 50; then it is paused");
	ok(!credit_rx_receive(&rx, 10), "T0-5: the others would be an error");
	credit_rx_consume(&rx, 80);
	is_u64(credit_rx_worth(&rx, UINT32_MAX), 80, "T0-5: 80 are consumed");
	credit_rx_grant(&rx, 80);
	ok(credit_tx_grant(&tx, 80) && credit_tx_left(&tx) == 80,
	    "T0-5: it goes on");
}

/* ---- what must not come again ---- */

static unsigned n_again;

/* Every callback makes a call, cancels another and answers its own. */
static void
use_all(struct deal *d, const char *event)
{
	struct raw r = { .s = mux_call_session(d->c) };

	if (mux_call_by_peer(d->c)) {
		if (strcmp(event, "eof") == 0)
			mux_call_answer(d->c, NULL, d->got, d->len);
		return;
	}
	if (++n_again > 40)
		return;
	call_make(&r, "", "more", 4);
	mux_call_cancel(calls.deals->c, 0);
	call_make(&r, "", "more", 4);
}

static void
again(void)
{
	const struct mux_config plain = { .legacy = true };
	struct raw c, s;
	unsigned turns = 0, n_open = 0;

	raw_new(&c, &plain, true);
	raw_new(&s, NULL, false);
	n_again = 0;
	calls.hook = use_all;
	call_make(&c, "", "first", 5);
	while (turns++ < 100) {
		carry(&c, &s);
		carry(&s, &c);
	}
	for (struct deal *d = calls.deals; d != NULL; d = d->next)
		n_open += d->n_done == 0;
	ok(n_again > 40 && c.err == 0 && s.err == 0,
	    "X0-7: callbacks call, cancel and answer");
	is_u64(n_open, 0, "X0-7: and each call is answered");
	raw_free(&c);
	call_free(&s);
}

int
main(void)
{
	header();
	calls_out();
	streams_out();
	frames_in();
	both_ways();
	batch();
	window();
	again();
	return tap_done();
}
